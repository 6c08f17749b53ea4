//! Every state and decline code of Stripe's, and what it means in ours.

use processor_sdk::{DeclineCode, Item, ItemState, Word};
use serde_json::{Value, json};

use crate::support::*;

fn with_payment(status: &str, payment_status: &str, payment: Value) -> Value {
    session(status, payment_status, json!({"payment_intent": payment}))
}

fn word(session: Value) -> Word {
    let more = if session["payment_intent"]["amount_received"].as_i64() > Some(0) {
        vec![list(&[])]
    } else {
        vec![]
    };
    fetched(session, more).0.unwrap()
}

#[test]
fn states_of_a_session_without_a_payment_to_see() {
    let unknown = |word: &str| Word::Unknown(word.to_owned());
    for (status, payment_status, expected) in [
        ("open", "unpaid", Word::Open),
        ("open", "paid", Word::Paid),
        ("complete", "paid", Word::Paid),
        ("complete", "unpaid", Word::Pending),
        ("complete", "no_payment_required", unknown("no_payment_required")),
        ("expired", "unpaid", Word::Expired),
        ("paused", "paid", unknown("paused")),
        ("complete", "half_paid", unknown("half_paid")),
        ("Complete", "paid", unknown("Complete")),
    ] {
        for payment in [json!(null), json!(PAYMENT)] {
            assert_eq!(
                word(with_payment(status, payment_status, payment)),
                expected,
                "{status} {payment_status}"
            );
        }
    }
}

#[test]
fn states_of_a_session_with_its_payment() {
    for (status, payment_status, payment_state, expected) in [
        ("open", "unpaid", "requires_payment_method", Word::Open),
        ("open", "unpaid", "requires_action", Word::Open),
        ("open", "unpaid", "requires_confirmation", Word::Open),
        ("open", "unpaid", "processing", Word::Open),
        ("open", "unpaid", "canceled", Word::Open),
        ("complete", "unpaid", "processing", Word::Pending),
        ("complete", "unpaid", "requires_action", Word::Pending),
        ("complete", "unpaid", "requires_capture", Word::Authorized),
        ("complete", "unpaid", "requires_payment_method", Word::Declined),
        ("complete", "unpaid", "canceled", Word::Voided),
        ("complete", "paid", "succeeded", Word::Paid),
        // Money that moved outweighs whatever the page says.
        ("open", "unpaid", "succeeded", Word::Paid),
        ("expired", "unpaid", "requires_capture", Word::Authorized),
        ("expired", "unpaid", "canceled", Word::Expired),
        ("expired", "unpaid", "requires_payment_method", Word::Expired),
        ("complete", "paid", "partially_funded", Word::Unknown("partially_funded".to_owned())),
        ("paused", "unpaid", "succeeded", Word::Unknown("paused".to_owned())),
    ] {
        let received = if payment_state == "succeeded" { 1234 } else { 0 };
        let payment = payment(payment_state, json!({"amount_received": received}));
        assert_eq!(word(with_payment(status, payment_status, payment)), expected, "{status} {payment_state}");
    }
}

fn state(items: Vec<Item>) -> ItemState {
    assert_eq!(items.len(), 1, "{items:?}");
    items[0].state
}

#[test]
fn states_of_refunds() {
    for (status, expected) in [
        ("succeeded", ItemState::Succeeded),
        ("pending", ItemState::Pending),
        ("requires_action", ItemState::Pending),
        ("failed", ItemState::Failed),
        ("canceled", ItemState::Failed),
        // How it ended is not said by a word that we do not know.
        ("reviewing", ItemState::Pending),
    ] {
        let answer = ok(refund(status, json!({})));
        assert_eq!(state(facts(refund_order("refund", json!({})), vec![answer]).items), expected, "{status}");
    }
}

#[test]
fn states_of_disputes() {
    for (status, expected) in [
        ("warning_needs_response", ItemState::Pending),
        ("warning_under_review", ItemState::Pending),
        ("warning_closed", ItemState::Failed),
        ("needs_response", ItemState::Pending),
        ("under_review", ItemState::Pending),
        ("appeal_needs_response", ItemState::Pending),
        ("appeal_under_review", ItemState::Pending),
        ("won", ItemState::Failed),
        ("lost", ItemState::Succeeded),
        ("prevented", ItemState::Failed),
        ("arbitrated", ItemState::Pending),
    ] {
        let fetch = call(json!({"kind": "fetch_dispute", "id": "dp_1"}));
        assert_eq!(state(facts(fetch, vec![ok(dispute(status))]).items), expected, "{status}");
    }
}

#[test]
fn decline_codes() {
    use DeclineCode as Ours;
    for (error, code, elsewhere, processor_code) in [
        (
            json!({"code": "card_declined", "decline_code": "insufficient_funds"}),
            Ours::InsufficientFunds,
            false,
            "insufficient_funds",
        ),
        (
            json!({"code": "card_declined", "decline_code": "generic_decline"}),
            Ours::CardDeclined,
            false,
            "generic_decline",
        ),
        (
            json!({"code": "card_declined", "decline_code": "do_not_honor"}),
            Ours::CardDeclined,
            false,
            "do_not_honor",
        ),
        (json!({"code": "card_declined"}), Ours::CardDeclined, false, "card_declined"),
        (
            json!({"code": "expired_card", "decline_code": "expired_card"}),
            Ours::ExpiredCard,
            false,
            "expired_card",
        ),
        (json!({"code": "incorrect_cvc"}), Ours::IncorrectDetails, false, "incorrect_cvc"),
        (json!({"code": "incorrect_number"}), Ours::IncorrectDetails, false, "incorrect_number"),
        (
            json!({"code": "payment_intent_authentication_failure"}),
            Ours::AuthenticationFailed,
            false,
            "payment_intent_authentication_failure",
        ),
        (
            json!({"code": "authentication_required", "decline_code": "authentication_required"}),
            Ours::AuthenticationFailed,
            false,
            "authentication_required",
        ),
        (
            json!({"code": "card_declined", "decline_code": "lost_card"}),
            Ours::StolenOrLost,
            false,
            "lost_card",
        ),
        (
            json!({"code": "card_declined", "decline_code": "fraudulent"}),
            Ours::SuspectedFraud,
            false,
            "fraudulent",
        ),
        (
            json!({"code": "card_declined", "decline_code": "card_velocity_exceeded"}),
            Ours::LimitExceeded,
            false,
            "card_velocity_exceeded",
        ),
        (
            json!({"code": "card_declined", "decline_code": "currency_not_supported"}),
            Ours::MethodNotAvailable,
            false,
            "currency_not_supported",
        ),
        (json!({"code": "processing_error"}), Ours::ProcessorUnavailable, true, "processing_error"),
        (
            json!({"code": "card_declined", "decline_code": "issuer_not_available"}),
            Ours::ProcessorUnavailable,
            false,
            "issuer_not_available",
        ),
        (
            json!({"code": "payment_method_customer_decline"}),
            Ours::CanceledByCustomer,
            false,
            "payment_method_customer_decline",
        ),
        (
            json!({"code": "card_declined", "decline_code": "live_mode_test_card"}),
            Ours::InvalidRequest,
            true,
            "live_mode_test_card",
        ),
        (json!({"code": "never heard of: {it}"}), Ours::Other, false, "neverheardofit"),
        (json!({"type": "api_error"}), Ours::Other, false, "api_error"),
    ] {
        let error = changed(json!({"type": "card_error", "message": "Why."}), error);
        let failed = payment("requires_payment_method", json!({"last_payment_error": error}));
        let facts = facts(fetch_payment(), vec![ok(with_payment("complete", "unpaid", failed))]);
        let decline = facts.decline.unwrap();
        let said = (decline.code, decline.elsewhere, decline.processor_code.unwrap());
        assert_eq!(said, (code, elsewhere, processor_code.to_owned()));
    }
}
