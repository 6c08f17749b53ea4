//! Every state and issue of PayPal's, and what it means in ours.
//!
//! Source: the enumerations of PayPal's published API descriptions (Orders 2.13, Payments 2.5, Disputes 1.10).

use processor_sdk::{DeclineCode, ItemKind, ItemState, Timestamp, Word};
use serde_json::{Value, json};

use crate::support::*;

fn unknown(word: &str) -> Word {
    Word::Unknown(word.to_owned())
}

fn word(order: Value) -> Word {
    fetched(order).word.unwrap()
}

#[test]
fn states_of_an_order_that_nobody_paid() {
    for (status, expected) in [
        ("CREATED", Word::Open),
        ("SAVED", Word::Open),
        ("PAYER_ACTION_REQUIRED", Word::Open),
        ("APPROVED", Word::NeedsCompletion),
        ("VOIDED", Word::Voided),
        // Completed, and no payment to see.
        ("COMPLETED", unknown("COMPLETED")),
        ("Approved", unknown("Approved")),
        ("PARTIALLY_COMPLETED", unknown("PARTIALLY_COMPLETED")),
    ] {
        for payments in [json!({}), json!({"captures": []}), json!({"captures": null})] {
            assert_eq!(word(order(status, payments)), expected, "{status}");
        }
        assert_eq!(word(without(order(status, json!({})), "/purchase_units/0", "payments")), expected);
    }
}

#[test]
fn states_of_a_capture() {
    for (status, word_of_order, state) in [
        ("COMPLETED", Word::Paid, ItemState::Succeeded),
        ("PARTIALLY_REFUNDED", Word::Paid, ItemState::Succeeded),
        ("REFUNDED", Word::Paid, ItemState::Succeeded),
        ("PENDING", Word::Pending, ItemState::Pending),
        ("DECLINED", Word::Declined, ItemState::Failed),
        ("FAILED", Word::Declined, ItemState::Failed),
        // How it ended is not said by a word that we do not know.
        ("REVERSED", unknown("REVERSED"), ItemState::Pending),
    ] {
        let facts = fetched(paid(capture(status, json!({}))));
        assert_eq!((facts.word.unwrap(), facts.items[0].state), (word_of_order.clone(), state), "{status}");
        assert_eq!(facts.decline.is_some(), word_of_order == Word::Declined, "{status}");
        // By itself, as the answer to a capture of an authorization.
        let facts = crate::support::facts(
            capture_order(1234, true),
            vec![response(201, &capture(status, json!({})))],
        );
        let expected = match &word_of_order {
            Word::Pending | Word::Declined => None,
            word => Some(word.clone()),
        };
        assert_eq!((facts.word, facts.items[0].state), (expected, state), "{status}");
    }
}

#[test]
fn a_capture_outweighs_the_state_of_its_order() {
    for (order_status, status, expected) in [
        ("APPROVED", "COMPLETED", Word::Paid),
        ("PAYER_ACTION_REQUIRED", "COMPLETED", Word::Paid),
        ("VOIDED", "COMPLETED", Word::Paid),
        ("APPROVED", "PENDING", Word::Pending),
        ("APPROVED", "HELD", unknown("HELD")),
        // A failed try ends nothing while the order goes on.
        ("APPROVED", "DECLINED", Word::NeedsCompletion),
        ("PAYER_ACTION_REQUIRED", "DECLINED", Word::Open),
        ("VOIDED", "DECLINED", Word::Voided),
        ("COMPLETED", "DECLINED", Word::Declined),
        ("REOPENED", "COMPLETED", unknown("REOPENED")),
    ] {
        let order = order(order_status, json!({"captures": [capture(status, json!({}))]}));
        assert_eq!(word(order), expected, "{order_status} {status}");
    }
}

#[test]
fn states_of_an_authorization() {
    for (status, captures, expected) in [
        ("CREATED", vec![], Word::Authorized),
        ("CREATED", vec!["PENDING"], Word::Authorized),
        ("CREATED", vec!["DECLINED"], Word::Authorized),
        ("CAPTURED", vec!["COMPLETED"], Word::Paid),
        ("CAPTURED", vec!["PENDING"], Word::Authorized),
        ("PARTIALLY_CAPTURED", vec!["COMPLETED"], Word::Paid),
        ("PARTIALLY_CAPTURED", vec!["PENDING"], Word::Authorized),
        ("VOIDED", vec!["COMPLETED"], Word::Paid),
        // Taken, and not to be seen how much.
        ("CAPTURED", vec![], unknown("CAPTURED")),
        ("PARTIALLY_CAPTURED", vec![], unknown("PARTIALLY_CAPTURED")),
        ("PENDING", vec![], Word::Pending),
        ("DENIED", vec![], Word::Declined),
        ("VOIDED", vec![], Word::Voided),
        ("EXPIRED", vec![], unknown("EXPIRED")),
        ("CREATED", vec!["HELD"], unknown("HELD")),
    ] {
        let captures: Vec<_> = captures.into_iter().map(|status| capture(status, json!({}))).collect();
        let payments = json!({"authorizations": [authorization(status, json!({}))], "captures": captures});
        let facts = fetched(order("COMPLETED", payments));
        assert_eq!(facts.word, Some(expected), "{status} {captures:?}");
        let is_reserved = matches!(status, "CREATED" | "CAPTURED" | "PARTIALLY_CAPTURED");
        assert_eq!(facts.authorized.is_some(), is_reserved, "{status}");
        assert_eq!(facts.capture_before.is_some(), is_reserved, "{status}");
        let released = facts.items.iter().any(|item| item.kind == ItemKind::Void);
        assert_eq!(released, status == "VOIDED", "{status}");
    }
}

#[test]
fn of_several_authorizations_the_best_counts() {
    for (statuses, expected) in [
        (["VOIDED", "CREATED"], Word::Authorized),
        (["DENIED", "PENDING"], Word::Pending),
        (["DENIED", "VOIDED"], Word::Voided),
        (["CREATED", "EXPIRED"], unknown("EXPIRED")),
    ] {
        let authorizations = statuses.map(|status| authorization(status, json!({"id": status})));
        let facts = fetched(order("COMPLETED", json!({"authorizations": authorizations})));
        assert_eq!(facts.word, Some(expected), "{statuses:?}");
    }
}

#[test]
fn states_of_refunds() {
    for (status, expected) in [
        ("COMPLETED", ItemState::Succeeded),
        ("PENDING", ItemState::Pending),
        ("FAILED", ItemState::Failed),
        ("CANCELLED", ItemState::Failed),
        ("CANCELED", ItemState::Pending),
        ("REVIEWING", ItemState::Pending),
    ] {
        let answer = response(201, &refund(status, json!({"status_details": {"reason": "ECHECK"}})));
        let items = facts(refund_order("refund", json!({})), vec![answer]).items;
        assert_eq!((items.len(), items[0].state, items[0].reason.as_deref()), (1, expected, Some("ECHECK")));
    }
}

#[test]
fn states_of_disputes() {
    for (status, outcome, expected) in [
        ("OPEN", None, ItemState::Pending),
        ("WAITING_FOR_BUYER_RESPONSE", None, ItemState::Pending),
        ("WAITING_FOR_SELLER_RESPONSE", None, ItemState::Pending),
        ("UNDER_REVIEW", None, ItemState::Pending),
        ("OTHER", None, ItemState::Pending),
        ("RESOLVED", Some("RESOLVED_BUYER_FAVOUR"), ItemState::Succeeded),
        ("RESOLVED", Some("RESOLVED_SELLER_FAVOUR"), ItemState::Failed),
        ("RESOLVED", Some("CANCELED_BY_BUYER"), ItemState::Failed),
        // These do not say who has the money.
        ("RESOLVED", Some("RESOLVED_WITH_PAYOUT"), ItemState::Pending),
        ("RESOLVED", Some("ACCEPTED"), ItemState::Pending),
        ("RESOLVED", Some("DENIED"), ItemState::Pending),
        ("RESOLVED", Some("NONE"), ItemState::Pending),
        ("RESOLVED", Some("RESOLVED_BY_LOT"), ItemState::Pending),
        ("RESOLVED", None, ItemState::Pending),
        // An outcome counts once the case is closed.
        ("UNDER_REVIEW", Some("RESOLVED_BUYER_FAVOUR"), ItemState::Pending),
        ("SETTLED", Some("RESOLVED_SELLER_FAVOUR"), ItemState::Pending),
    ] {
        let fetch = call(json!({"kind": "fetch_dispute", "id": DISPUTE}));
        let items = facts(fetch, vec![ok(dispute(status, outcome))]).items;
        assert_eq!((items.len(), items[0].state), (1, expected), "{status} {outcome:?}");
        assert_eq!(items[0].at, Timestamp::parse_rfc3339("2023-11-21T10:00:00Z").ok());
        assert_eq!(items[0].reason.as_deref(), Some("UNAUTHORISED"));
    }
}

#[test]
fn issues_that_refuse_a_completion() {
    use DeclineCode as Ours;
    for (issue, code, elsewhere) in [
        ("TRANSACTION_REFUSED", Ours::CardDeclined, false),
        ("DECLINED_DUE_TO_RELATED_TXN", Ours::CardDeclined, false),
        ("PAYMENT_SOURCE_DECLINED_BY_PROCESSOR", Ours::CardDeclined, false),
        ("CARD_EXPIRED", Ours::ExpiredCard, false),
        ("REFERENCED_CARD_EXPIRED", Ours::ExpiredCard, false),
        ("PAYER_ACCOUNT_LOCKED_OR_CLOSED", Ours::StolenOrLost, false),
        ("PAYER_ACCOUNT_RESTRICTED", Ours::StolenOrLost, false),
        ("PAYEE_BLOCKED_TRANSACTION", Ours::SuspectedFraud, false),
        ("TRANSACTION_BLOCKED_BY_PAYEE", Ours::SuspectedFraud, false),
        ("COMPLIANCE_VIOLATION", Ours::Other, false),
        ("MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED", Ours::LimitExceeded, false),
        ("AUTHORIZATION_AMOUNT_EXCEEDED", Ours::LimitExceeded, false),
        ("TRANSACTION_LIMIT_EXCEEDED", Ours::LimitExceeded, true),
        ("TRANSACTION_RECEIVING_LIMIT_EXCEEDED", Ours::LimitExceeded, true),
        ("PAYER_CANNOT_PAY", Ours::MethodNotAvailable, true),
        ("DOMESTIC_TRANSACTION_REQUIRED", Ours::MethodNotAvailable, true),
        ("AUTH_CAPTURE_NOT_ENABLED", Ours::MethodNotAvailable, true),
        ("CARD_BRAND_NOT_SUPPORTED", Ours::MethodNotAvailable, true),
        ("PAYMENT_SOURCE_NOT_SUPPORTED", Ours::MethodNotAvailable, true),
        ("PAYMENT_SOURCE_CANNOT_BE_USED", Ours::MethodNotAvailable, true),
        ("NOT_ENABLED_FOR_CARD_PROCESSING", Ours::MethodNotAvailable, true),
        ("NOT_ENABLED_FOR_BANK_PROCESSING", Ours::MethodNotAvailable, true),
        ("PAYEE_NOT_ENABLED_FOR_CARD_PROCESSING", Ours::MethodNotAvailable, true),
        ("PAYEE_NOT_ENABLED_FOR_BANK_PROCESSING", Ours::MethodNotAvailable, true),
        ("PAYEE_ACCOUNT_RESTRICTED", Ours::MethodNotAvailable, true),
        ("PAYEE_ACCOUNT_LOCKED_OR_CLOSED", Ours::MethodNotAvailable, true),
        ("PAYEE_ACCOUNT_INVALID", Ours::MethodNotAvailable, true),
    ] {
        let facts = facts(complete(), vec![refusal(issue), ok(order("APPROVED", json!({})))]);
        let decline = facts.decline.unwrap();
        assert_eq!(facts.word, Some(Word::Declined), "{issue}");
        assert_eq!((decline.code, decline.elsewhere), (code, elsewhere), "{issue}");
        assert_eq!(decline.processor_code.as_deref(), Some(issue));
    }
}

#[test]
fn codes_of_a_bank() {
    use DeclineCode as Ours;
    for (response_code, code, elsewhere) in [
        ("0500", Ours::CardDeclined, false),
        ("5100", Ours::CardDeclined, false),
        ("5180", Ours::CardDeclined, false),
        ("5210", Ours::CardDeclined, false),
        ("5700", Ours::CardDeclined, false),
        ("9540", Ours::CardDeclined, false),
        ("5120", Ours::InsufficientFunds, false),
        ("5400", Ours::ExpiredCard, false),
        ("00N7", Ours::IncorrectDetails, false),
        ("1330", Ours::IncorrectDetails, false),
        ("1380", Ours::IncorrectDetails, false),
        ("1382", Ours::IncorrectDetails, false),
        ("5110", Ours::IncorrectDetails, false),
        ("5130", Ours::IncorrectDetails, false),
        ("5170", Ours::IncorrectDetails, false),
        ("5500", Ours::IncorrectDetails, false),
        ("5650", Ours::AuthenticationFailed, false),
        ("7700", Ours::AuthenticationFailed, false),
        ("7710", Ours::AuthenticationFailed, false),
        ("1352", Ours::StolenOrLost, false),
        ("5140", Ours::StolenOrLost, false),
        ("9520", Ours::StolenOrLost, false),
        ("9500", Ours::SuspectedFraud, false),
        ("9510", Ours::SuspectedFraud, false),
        ("5135", Ours::LimitExceeded, false),
        ("5710", Ours::LimitExceeded, false),
        ("0960", Ours::ProcessorUnavailable, true),
        ("5910", Ours::ProcessorUnavailable, true),
        ("5920", Ours::ProcessorUnavailable, true),
        ("8000", Ours::ProcessorUnavailable, true),
        ("9100", Ours::ProcessorUnavailable, true),
        ("PPRN", Ours::Other, false),
        ("never heard of: {it}", Ours::Other, false),
    ] {
        let because = json!({"processor_response": {"response_code": response_code, "avs_code": "A"}});
        let by_capture = fetched(paid(capture("DECLINED", because.clone())));
        let denied = json!({"authorizations": [authorization("DENIED", because)]});
        for facts in [by_capture, fetched(order("COMPLETED", denied))] {
            let decline = facts.decline.unwrap();
            assert_eq!((decline.code, decline.elsewhere), (code, elsewhere), "{response_code}");
            let kept: String = response_code.chars().filter(char::is_ascii_alphanumeric).collect();
            assert_eq!(decline.processor_code, Some(kept));
        }
    }
    // Where there was no card, there is no code of a bank.
    let decline = fetched(paid(capture("FAILED", json!({})))).decline.unwrap();
    assert_eq!((decline.code, decline.processor_code.as_deref()), (Ours::Other, Some("FAILED")));
}

#[test]
fn reasons_why_a_capture_is_pending() {
    for reason in [
        "BUYER_COMPLAINT",
        "CHARGEBACK",
        "ECHECK",
        "INTERNATIONAL_WITHDRAWAL",
        "OTHER",
        "PENDING_REVIEW",
        "RECEIVING_PREFERENCE_MANDATES_MANUAL_ACTION",
        "REFUNDED",
        "TRANSACTION_APPROVED_AWAITING_FUNDING",
        "UNILATERAL",
        "VERIFICATION_REQUIRED",
    ] {
        let details = json!({"status_details": {"reason": reason}});
        let facts = fetched(paid(capture("PENDING", details)));
        assert_eq!((facts.word, facts.items[0].reason.as_deref()), (Some(Word::Pending), Some(reason)));
    }
}

#[test]
fn an_order_is_dated_by_its_last_change() {
    let time = |text: &str| Timestamp::parse_rfc3339(text).ok();
    for (status, update_time, expected) in [
        ("APPROVED", json!(UPDATED_AT), time(UPDATED_AT)),
        ("PAYER_ACTION_REQUIRED", json!(UPDATED_AT), time(UPDATED_AT)),
        // Whether or not PayPal notes an approval, it is no older than the order and counts for more.
        ("APPROVED", json!(null), time(MADE_AT)),
        ("APPROVED", json!(MADE_AT), time(MADE_AT)),
        ("PAYER_ACTION_REQUIRED", json!(null), time(MADE_AT)),
        // Payments change after their order.
        ("COMPLETED", json!(UPDATED_AT), None),
        ("VOIDED", json!(UPDATED_AT), None),
    ] {
        let order = changed(order(status, json!({})), json!({"update_time": update_time}));
        assert_eq!(fetched(order).at, expected, "{status} {update_time}");
    }
    let undated = without(without(order("APPROVED", json!({})), "", "update_time"), "", "create_time");
    assert_eq!(fetched(undated).at, None);
}
