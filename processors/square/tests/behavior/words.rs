//! Every state and error code of Square's, and what it means in ours.
//!
//! Source: the enumerations of Square's published API description.

use processor_sdk::{DeclineCode, ItemState, Word};
use serde_json::json;

use crate::support::*;

#[test]
fn states_of_orders_without_a_payment() {
    let unknown = |word: &str| Word::Unknown(word.to_owned());
    for (state, expected) in [
        ("DRAFT", Word::Open),
        ("OPEN", Word::Open),
        ("CANCELED", Word::Expired),
        // Nobody paid, whatever was completed.
        ("COMPLETED", unknown("COMPLETED")),
        ("PAUSED", unknown("PAUSED")),
        ("Open", unknown("Open")),
    ] {
        assert_eq!(word(state, &[]), expected, "{state}");
        let made = facts(open(json!({})), vec![made(order(state, json!({})))]);
        assert_eq!(made.word, Some(expected), "{state}");
    }
}

#[test]
fn states_of_payments() {
    let unknown = |word: &str| Word::Unknown(word.to_owned());
    for (state, status, expected) in [
        ("OPEN", "PENDING", Word::Pending),
        // Nobody but Square can do anything about what it approved.
        ("OPEN", "APPROVED", Word::Pending),
        ("OPEN", "COMPLETED", Word::Paid),
        ("OPEN", "FAILED", Word::Open),
        ("OPEN", "CANCELED", Word::Open),
        ("DRAFT", "COMPLETED", Word::Paid),
        ("COMPLETED", "COMPLETED", Word::Paid),
        // Money that moved outweighs whatever the order says.
        ("CANCELED", "COMPLETED", Word::Paid),
        ("PAUSED", "COMPLETED", Word::Paid),
        ("CANCELED", "APPROVED", Word::Pending),
        ("CANCELED", "PENDING", Word::Pending),
        ("CANCELED", "CANCELED", Word::Voided),
        ("CANCELED", "FAILED", Word::Expired),
        ("COMPLETED", "FAILED", unknown("COMPLETED")),
        ("OPEN", "IN_REVIEW", unknown("IN_REVIEW")),
        ("CANCELED", "IN_REVIEW", unknown("IN_REVIEW")),
        ("OPEN", "completed", unknown("completed")),
    ] {
        assert_eq!(word(state, &[&payment(status, json!({}))]), expected, "{state} {status}");
    }
}

#[test]
fn states_of_several_payments() {
    let of = |id: &str, status: &str, amount: i64| {
        payment(status, json!({"id": id, "total_money": money(amount)}))
    };
    let unknown = Word::Unknown("IN_REVIEW".to_owned());
    for (rows, expected, captured) in [
        ([("FAILED", 1234), ("COMPLETED", 1234)], Word::Paid, Some(1234)),
        ([("CANCELED", 1234), ("COMPLETED", 1234)], Word::Paid, Some(1234)),
        ([("IN_REVIEW", 1234), ("COMPLETED", 1234)], Word::Paid, Some(1234)),
        ([("FAILED", 1234), ("APPROVED", 1234)], Word::Pending, None),
        ([("FAILED", 1234), ("PENDING", 1234)], Word::Pending, None),
        ([("APPROVED", 1234), ("PENDING", 1234)], Word::Pending, None),
        ([("IN_REVIEW", 1234), ("APPROVED", 1234)], unknown, None),
        // In parts: the whole is what counts.
        ([("COMPLETED", 234), ("COMPLETED", 1000)], Word::Paid, Some(1234)),
        ([("COMPLETED", 234), ("APPROVED", 1000)], Word::Pending, None),
        ([("COMPLETED", 234), ("PENDING", 1000)], Word::Pending, None),
        ([("APPROVED", 234), ("APPROVED", 1000)], Word::Pending, None),
        ([("APPROVED", 234), ("FAILED", 1000)], Word::Pending, None),
        // A part is paid, and nothing more is under way: that is said, and how much.
        ([("COMPLETED", 234), ("FAILED", 1000)], Word::Pending, Some(234)),
        // Paid twice: the excess is said.
        ([("COMPLETED", 1234), ("COMPLETED", 1234)], Word::Paid, Some(2468)),
    ] {
        let payments = [of("p1", rows[0].0, rows[0].1), of("p2", rows[1].0, rows[1].1)];
        let said = fetched("OPEN", &[&payments[0], &payments[1]]);
        assert_eq!(said.word, Some(expected), "{rows:?}");
        assert_eq!(said.captured.map(|captured| captured.minor()), captured, "{rows:?}");
        let captures: i64 = said.items.iter().filter_map(|item| item.amount).map(|item| item.minor()).sum();
        assert_eq!(captures, captured.unwrap_or(0), "each capture by itself: {rows:?}");
    }
}

#[test]
fn states_of_refunds() {
    for (status, expected) in [
        ("PENDING", ItemState::Pending),
        ("COMPLETED", ItemState::Succeeded),
        ("REJECTED", ItemState::Failed),
        ("FAILED", ItemState::Failed),
        // How it ended is not said by a word that we do not know.
        ("APPROVED", ItemState::Pending),
        ("completed", ItemState::Pending),
    ] {
        let answer = one("refund", refund(status, json!({})));
        for kind in ["refund", "fetch_refund"] {
            let call = refund_order(kind, json!({"id": REFUND}));
            let items = facts(call, vec![answer.clone()]).items;
            assert_eq!((items.len(), items[0].state), (1, expected), "{kind} {status}");
        }
    }
}

#[test]
fn states_of_disputes() {
    for (state, expected) in [
        ("INQUIRY_EVIDENCE_REQUIRED", ItemState::Pending),
        ("INQUIRY_PROCESSING", ItemState::Pending),
        ("INQUIRY_CLOSED", ItemState::Failed),
        ("EVIDENCE_REQUIRED", ItemState::Pending),
        ("PROCESSING", ItemState::Pending),
        ("WON", ItemState::Failed),
        ("LOST", ItemState::Succeeded),
        ("ACCEPTED", ItemState::Succeeded),
        ("WAITING_THIRD_PARTY", ItemState::Pending),
    ] {
        let fetch = call(json!({"kind": "fetch_dispute", "id": "dispute1"}));
        let items = facts(fetch, vec![one("dispute", dispute(state))]).items;
        assert_eq!((items.len(), items[0].state), (1, expected), "{state}");
    }
}

#[test]
fn reasons_of_disputes_are_kept() {
    for reason in [
        "AMOUNT_DIFFERS",
        "CANCELLED",
        "DUPLICATE",
        "NO_KNOWLEDGE",
        "NOT_AS_DESCRIBED",
        "NOT_RECEIVED",
        "PAID_BY_OTHER_MEANS",
        "CUSTOMER_REQUESTS_CREDIT",
        "EMV_LIABILITY_SHIFT",
    ] {
        let fetch = call(json!({"kind": "fetch_dispute", "id": "dispute1"}));
        let answer = changed(dispute("LOST"), json!({"reason": reason}));
        let item = facts(fetch, vec![one("dispute", answer)]).items.remove(0);
        assert_eq!(item.reason.as_deref(), Some(reason));
    }
}

#[test]
fn decline_codes() {
    use DeclineCode as Ours;
    let rows: [(&str, Ours, bool); 49] = [
        ("CARD_DECLINED", Ours::CardDeclined, false),
        ("CARD_DECLINED_CALL_ISSUER", Ours::CardDeclined, false),
        ("GENERIC_DECLINE", Ours::CardDeclined, false),
        ("VOICE_FAILURE", Ours::CardDeclined, false),
        ("READER_DECLINED", Ours::CardDeclined, false),
        ("BUYER_REFUSED_PAYMENT", Ours::CardDeclined, false),
        ("INSUFFICIENT_FUNDS", Ours::InsufficientFunds, false),
        ("GIFT_CARD_AVAILABLE_AMOUNT", Ours::InsufficientFunds, false),
        ("CARD_EXPIRED", Ours::ExpiredCard, false),
        ("EXPIRATION_FAILURE", Ours::ExpiredCard, false),
        ("CVV_FAILURE", Ours::IncorrectDetails, false),
        ("VERIFY_CVV_FAILURE", Ours::IncorrectDetails, false),
        ("ADDRESS_VERIFICATION_FAILURE", Ours::IncorrectDetails, false),
        ("VERIFY_AVS_FAILURE", Ours::IncorrectDetails, false),
        ("INVALID_POSTAL_CODE", Ours::IncorrectDetails, false),
        ("INVALID_CARD", Ours::IncorrectDetails, false),
        ("INVALID_CARD_DATA", Ours::IncorrectDetails, false),
        ("PAN_FAILURE", Ours::IncorrectDetails, false),
        ("BAD_EXPIRATION", Ours::IncorrectDetails, false),
        ("INVALID_EXPIRATION", Ours::IncorrectDetails, false),
        ("INVALID_EXPIRATION_DATE", Ours::IncorrectDetails, false),
        ("INVALID_EXPIRATION_YEAR", Ours::IncorrectDetails, false),
        ("INVALID_PIN", Ours::IncorrectDetails, false),
        ("MISSING_PIN", Ours::IncorrectDetails, false),
        ("CARD_DECLINED_VERIFICATION_REQUIRED", Ours::AuthenticationFailed, false),
        ("INVALID_ACCOUNT", Ours::StolenOrLost, false),
        ("ACCOUNT_UNUSABLE", Ours::StolenOrLost, false),
        ("TRANSACTION_LIMIT", Ours::LimitExceeded, false),
        ("AMOUNT_TOO_HIGH", Ours::LimitExceeded, false),
        ("ALLOWABLE_PIN_TRIES_EXCEEDED", Ours::LimitExceeded, false),
        // The seller's limit and the seller's permissions are Square's, not the bank's.
        ("PAYMENT_LIMIT_EXCEEDED", Ours::LimitExceeded, true),
        ("INSUFFICIENT_PERMISSIONS", Ours::MethodNotAvailable, true),
        ("CARD_NOT_SUPPORTED", Ours::MethodNotAvailable, false),
        ("UNSUPPORTED_CARD_BRAND", Ours::MethodNotAvailable, false),
        ("UNSUPPORTED_ENTRY_METHOD", Ours::MethodNotAvailable, false),
        ("UNSUPPORTED_INSTRUMENT_TYPE", Ours::MethodNotAvailable, false),
        ("UNSUPPORTED_SOURCE_TYPE", Ours::MethodNotAvailable, false),
        ("CARDHOLDER_INSUFFICIENT_PERMISSIONS", Ours::MethodNotAvailable, false),
        ("MANUALLY_ENTERED_PAYMENT_NOT_SUPPORTED", Ours::MethodNotAvailable, false),
        ("CARD_PRESENCE_REQUIRED", Ours::MethodNotAvailable, false),
        ("CHIP_INSERTION_REQUIRED", Ours::MethodNotAvailable, false),
        ("TEMPORARY_ERROR", Ours::ProcessorUnavailable, true),
        ("INTERNAL_SERVER_ERROR", Ours::ProcessorUnavailable, true),
        ("SERVICE_UNAVAILABLE", Ours::ProcessorUnavailable, true),
        ("PAYMENT_AMOUNT_MISMATCH", Ours::InvalidRequest, true),
        ("CURRENCY_MISMATCH", Ours::InvalidRequest, true),
        ("INVALID_LOCATION", Ours::InvalidRequest, true),
        ("CHECKOUT_EXPIRED", Ours::Other, false),
        ("NEVER_HEARD_OF", Ours::Other, false),
    ];
    for (code, ours, elsewhere) in rows {
        let failed = failed_payment(code);
        let looked_up = fetched("OPEN", &[&failed]).decline.unwrap();
        let processor_sdk::Says::Facts(told) = notified(&payment_event(failed)).says else {
            panic!("{code}")
        };
        for decline in [looked_up, told.decline.unwrap()] {
            let said = (decline.code, decline.elsewhere, decline.processor_code.unwrap());
            assert_eq!(said, (ours, elsewhere, code.to_owned()));
        }
    }
    // A code is kept to what the contract allows.
    let strange = fetched("OPEN", &[&failed_payment("never heard of: {it}")]).decline.unwrap();
    assert_eq!(strange.processor_code.as_deref(), Some("neverheardofit"));
}

#[test]
fn a_decline_is_told_of_tries_and_not_of_money() {
    let failed = changed(failed_payment("CARD_DECLINED"), json!({"id": "p0"}));
    for (status, is_told) in
        [("COMPLETED", false), ("APPROVED", false), ("PENDING", false), ("CANCELED", true), ("FAILED", true)]
    {
        // The other one gives no reason, and none is made up for it.
        let other = payment(status, json!({}));
        assert_eq!(fetched("OPEN", &[&failed, &other]).decline.is_some(), is_told, "{status}");
    }
    assert_eq!(fetched("OPEN", &[&payment("FAILED", json!({}))]).decline, None);
    // The latest counts, wherever Square lists it.
    let later = json!({"id": "p1", "updated_at": "2023-11-14T22:16:00Z"});
    let later = changed(failed_payment("CVV_FAILURE"), later);
    let earlier = changed(failed_payment("CARD_DECLINED"), json!({"id": "p2"}));
    let decline = fetched("OPEN", &[&later, &earlier]).decline.unwrap();
    assert_eq!(decline.processor_code.as_deref(), Some("CVV_FAILURE"));
}

#[test]
fn refusals_to_open() {
    use DeclineCode as Ours;
    for (status, category, code, ours) in [
        (400, "INVALID_REQUEST_ERROR", "VALUE_TOO_LOW", Ours::LimitExceeded),
        (400, "INVALID_REQUEST_ERROR", "VALUE_TOO_HIGH", Ours::LimitExceeded),
        (400, "INVALID_REQUEST_ERROR", "AMOUNT_TOO_HIGH", Ours::LimitExceeded),
        (400, "INVALID_REQUEST_ERROR", "INVALID_VALUE", Ours::InvalidRequest),
        (400, "INVALID_REQUEST_ERROR", "UNSUPPORTED_CURRENCY", Ours::InvalidRequest),
        (400, "PAYMENT_METHOD_ERROR", "CURRENCY_MISMATCH", Ours::InvalidRequest),
        (400, "PAYMENT_METHOD_ERROR", "INVALID_LOCATION", Ours::InvalidRequest),
        (404, "INVALID_REQUEST_ERROR", "NOT_FOUND", Ours::InvalidRequest),
        (422, "INVALID_REQUEST_ERROR", "UNPROCESSABLE_ENTITY", Ours::InvalidRequest),
    ] {
        let said = facts(open(json!({})), vec![refusal(status, category, code)]);
        let decline = said.decline.unwrap();
        let seen = (said.word, decline.code, decline.elsewhere, decline.processor_code);
        assert_eq!(seen, (Some(Word::Declined), ours, true, Some(code.to_owned())));
    }
}

#[test]
fn refusals_to_refund() {
    for (status, code) in [
        (400, "REFUND_AMOUNT_INVALID"),
        (400, "REFUND_ALREADY_PENDING"),
        (400, "PAYMENT_NOT_REFUNDABLE"),
        (400, "PAYMENT_NOT_REFUNDABLE_DUE_TO_DISPUTE"),
        (400, "REFUND_ERROR_PAYMENT_NEEDS_COMPLETION"),
        (400, "REFUND_DECLINED"),
        (400, "INSUFFICIENT_PERMISSIONS_FOR_REFUND"),
        (402, "RESERVATION_DECLINED"),
        (422, "NEVER_HEARD_OF"),
    ] {
        // No refund of the payment is ours: this one did not happen.
        let responses =
            vec![refusal(status, "REFUND_ERROR", code), one("payment", payment("COMPLETED", json!({})))];
        let said = facts(refund_order("refund", json!({})), responses);
        assert_eq!((said.items.len(), said.word, said.refunded), (1, None, None), "{code}");
        let item = &said.items[0];
        let seen = (item.state, item.id.as_deref(), item.echo.as_deref(), item.reason.as_deref());
        assert_eq!(seen, (ItemState::Failed, None, Some("re1"), Some(code)));
    }
}
