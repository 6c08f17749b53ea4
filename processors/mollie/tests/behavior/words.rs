//! States of payments, captures, refunds and chargebacks, and the reasons of failures.

use processor_sdk::{DeclineCode, ItemKind, ItemState, Reply, Word};
use serde_json::json;

use crate::support::*;

fn unknown(word: &str) -> Word {
    Word::Unknown(word.to_owned())
}

#[test]
fn states_of_payments() {
    // What it means of a payment that was never authorized, and of one that was.
    for (status, unpaid, authorized) in [
        ("open", Word::Open, Word::Open),
        ("pending", Word::Pending, Word::Pending),
        ("authorized", Word::Authorized, Word::Authorized),
        ("paid", Word::Paid, Word::Paid),
        ("failed", Word::Declined, Word::Voided),
        ("canceled", Word::Expired, Word::Voided),
        ("expired", Word::Expired, Word::Voided),
        ("settled", unknown("settled"), unknown("settled")),
        ("Paid", unknown("Paid"), unknown("Paid")),
        ("cancelled", unknown("cancelled"), unknown("cancelled")),
        ("never heard of: {it}", unknown("never_heard_of_it"), unknown("never_heard_of_it")),
    ] {
        assert_eq!(word(payment(status, json!({}))), unpaid, "{status}");
        let dated = payment(status, json!({"authorizedAt": "2023-11-14T22:14:20+00:00"}));
        assert_eq!(word(dated), authorized, "{status}");
        // Whether or not Mollie goes on saying so.
        let known = facts(of_authorized(fetch_payment()), vec![ok(payment(status, json!({})))]);
        assert_eq!(known.word, Some(authorized), "{status}");
    }
}

#[test]
fn states_of_captures() {
    for (status, expected) in [
        ("pending", ItemState::Pending),
        ("succeeded", ItemState::Succeeded),
        ("failed", ItemState::Failed),
        // How it ended is not said by a word that we do not know.
        ("reviewing", ItemState::Pending),
    ] {
        let answered = item(facts(capture(1234), vec![response(201, &capture_object(status, json!({})))]));
        let listed = with_history("paid", json!([]), json!([]), json!([capture_object(status, json!({}))]));
        for item in [answered, item(fetched(listed))] {
            assert_eq!((item.kind, item.state), (ItemKind::Capture, expected), "{status}");
            assert_eq!((item.id.as_deref(), item.echo.as_deref()), (Some("cpt_1"), Some("cap1")));
        }
    }
}

#[test]
fn states_of_refunds() {
    for (status, expected) in [
        ("queued", ItemState::Pending),
        ("pending", ItemState::Pending),
        ("processing", ItemState::Pending),
        ("refunded", ItemState::Succeeded),
        ("failed", ItemState::Failed),
        ("canceled", ItemState::Failed),
        ("reviewing", ItemState::Pending),
        ("Refunded", ItemState::Pending),
    ] {
        let refund = refund_object(status, json!({}));
        let answered = facts(refund_order("refund", json!({})), vec![response(201, &refund)]);
        let asked = facts(
            refund_order("fetch_refund", json!({})),
            vec![list("refunds", std::slice::from_ref(&refund), None)],
        );
        let listed = fetched(with_history("paid", json!([refund]), json!([]), json!([])));
        for facts in [answered, asked, listed] {
            let item = item(facts);
            assert_eq!((item.kind, item.state), (ItemKind::Refund, expected), "{status}");
            assert_eq!((item.id.as_deref(), item.echo.as_deref()), (Some("re_1"), Some("re1")));
        }
    }
}

#[test]
fn states_of_chargebacks() {
    for (changes, expected, reason) in [
        // The money is gone for now; Mollie never says that it is gone for good.
        (json!({}), ItemState::Pending, None),
        (json!({"reason": {"code": "AC01", "description": "Why."}}), ItemState::Pending, Some("AC01")),
        (json!({"reversedAt": "2023-12-14T22:14:20+00:00"}), ItemState::Failed, None),
    ] {
        let asked = item(facts(fetch_dispute(), vec![ok(chargeback(changes.clone()))]));
        let listed = item(fetched(with_history("paid", json!([]), json!([chargeback(changes)]), json!([]))));
        for item in [asked, listed] {
            assert_eq!(
                (item.kind, item.state, item.reason.as_deref()),
                (ItemKind::Dispute, expected, reason)
            );
            assert_eq!(item.id.as_deref(), Some("chb_1"));
        }
    }
}

#[test]
fn reasons_of_failures() {
    use DeclineCode as Ours;
    for (reason, code) in [
        ("authentication_abandoned", Ours::AuthenticationFailed),
        ("authentication_failed", Ours::AuthenticationFailed),
        ("authentication_required", Ours::AuthenticationFailed),
        ("authentication_unavailable_acs", Ours::AuthenticationFailed),
        ("card_declined", Ours::CardDeclined),
        ("card_expired", Ours::ExpiredCard),
        ("inactive_card", Ours::StolenOrLost),
        ("insufficient_funds", Ours::InsufficientFunds),
        ("invalid_cvv", Ours::IncorrectDetails),
        ("invalid_card_holder_name", Ours::IncorrectDetails),
        ("invalid_card_number", Ours::IncorrectDetails),
        ("invalid_card_type", Ours::MethodNotAvailable),
        ("possible_fraud", Ours::SuspectedFraud),
        ("refused_by_issuer", Ours::CardDeclined),
        ("unknown_reason", Ours::CardDeclined),
        ("never heard of: {it}", Ours::Other),
    ] {
        let of_card = json!({"details": {"failureReason": reason, "failureMessage": "Why."}});
        let of_terminal = json!({"statusReason": {"code": reason, "message": "Why."}});
        for changes in [of_card, of_terminal] {
            let decline = fetched(payment("failed", changes)).decline.unwrap();
            assert_eq!((decline.code, decline.elsewhere), (code, false), "{reason}");
            let theirs = if code == Ours::Other { "never_heard_of_it" } else { reason };
            assert_eq!(decline.processor_code.as_deref(), Some(theirs));
        }
    }
    // Where Mollie says no reason there is none, and a reason decides nothing.
    assert_eq!(fetched(payment("failed", json!({}))).decline, None);
    let paid = fetched(payment("paid", json!({"details": {"failureReason": "card_declined"}})));
    assert_eq!((paid.word, paid.decline), (Some(Word::Paid), None));
}

#[test]
fn the_time_to_capture_is_said_of_what_is_authorized() {
    for (status, capture_before, expected) in [
        ("authorized", json!("2023-11-21T22:14:20+00:00"), Some("2023-11-21T22:14:20Z")),
        ("authorized", json!("2023-11-21T23:14:20+01:00"), Some("2023-11-21T22:14:20Z")),
        ("authorized", json!("2023-11-21"), Some("2023-11-21T00:00:00Z")),
        // No money depends on it.
        ("authorized", json!("in a week"), None),
        ("authorized", json!(7), None),
        ("authorized", json!(null), None),
        ("paid", json!("2023-11-21T22:14:20+00:00"), None),
    ] {
        let facts = fetched(payment(status, json!({"captureBefore": capture_before})));
        let said = facts.capture_before.map(processor_sdk::Timestamp::to_rfc3339);
        assert_eq!(said.as_deref(), expected, "{status} {capture_before}");
    }
}

/// An object that lacks what we need says nothing at all.
#[test]
fn half_an_object_is_no_answer() {
    let payment = payment("paid", json!({}));
    for (pointer, name) in [
        ("", "resource"),
        ("", "id"),
        ("", "mode"),
        ("", "status"),
        ("", "amount"),
        ("/amount", "value"),
        ("/amount", "currency"),
        ("", "metadata"),
        ("/metadata", "hub_attempt"),
    ] {
        let half = without(payment.clone(), pointer, name);
        let reply = reply(fetch_payment(), vec![ok(half)]);
        assert!(matches!(reply, Reply::Fault(_)), "a payment without {pointer}/{name}: {reply:?}");
    }
    for name in ["id", "status", "amount"] {
        let refund = response(201, &without(refund_object("refunded", json!({})), "", name));
        let capture_body = response(201, &without(capture_object("succeeded", json!({})), "", name));
        for reply in
            [reply(refund_order("refund", json!({})), vec![refund]), reply(capture(1234), vec![capture_body])]
        {
            assert!(matches!(reply, Reply::Fault(_)), "without {name}: {reply:?}");
        }
    }
    for name in ["id", "amount"] {
        let reply = reply(fetch_dispute(), vec![ok(without(chargeback(json!({})), "", name))]);
        assert!(matches!(reply, Reply::Fault(_)), "a chargeback without {name}: {reply:?}");
    }
}
