//! Every status, response reason and error code, and what it means in ours.
//!
//! The statuses are all those of `transactionStatusEnum` in the published schema.

use processor_sdk::{DeclineCode, Fault, ItemKind, ItemState, Reply, Word};
use serde_json::json;

use crate::support::*;

/// What a look-up says of a payment with this status: its word, captured or not, and its other items.
fn standing(status: &str, kind: &str) -> (Option<Word>, bool, Vec<(ItemKind, ItemState)>) {
    // Long after the page was closed, and before anything was known to be captured.
    let call = knowing(at(fetch_payment(), "2026-01-03T03:10:00Z"), json!([{"kind": "payment", "id": ID}]));
    let mut responses = vec![payment(status, json!({ "transactionType": kind }))];
    if ["declined", "generalError", "communicationError", "failedReview", "settlementError"].contains(&status)
    {
        responses.extend([nothing(), nothing()]);
    }
    let facts = facts(call, responses);
    let captured = facts.captured.is_some_and(|captured| captured.minor() == 1234);
    let items = facts.items.iter().filter(|item| item.state != ItemState::Succeeded);
    (facts.word, captured, items.map(|item| (item.kind, item.state)).collect())
}

#[test]
fn states_of_payments() {
    let (sale, reservation) = ("authCaptureTransaction", "authOnlyTransaction");
    let dispute = |state| vec![(ItemKind::Dispute, state)];
    for (status, kind, word, items) in [
        ("authorizedPendingCapture", reservation, Some(Word::Authorized), vec![]),
        ("capturedPendingSettlement", sale, Some(Word::Paid), vec![]),
        ("pendingSettlement", sale, Some(Word::Paid), vec![]),
        ("pendingFinalSettlement", sale, Some(Word::Paid), vec![]),
        ("updatingSettlement", sale, Some(Word::Paid), vec![]),
        ("settledSuccessfully", sale, Some(Word::Paid), vec![]),
        ("settledSuccessfully", "priorAuthCaptureTransaction", Some(Word::Paid), vec![]),
        ("approvedReview", sale, Some(Word::Paid), vec![]),
        ("approvedReview", "priorAuthCaptureTransaction", Some(Word::Paid), vec![]),
        ("approvedReview", "captureOnlyTransaction", Some(Word::Paid), vec![]),
        ("approvedReview", reservation, Some(Word::Authorized), vec![]),
        ("approvedReview", "otherTransaction", Some(Word::Unknown("approvedReview".to_owned())), vec![]),
        ("FDSPendingReview", sale, Some(Word::Pending), vec![]),
        ("FDSAuthorizedPendingReview", sale, Some(Word::Pending), vec![]),
        ("underReview", sale, Some(Word::Pending), vec![]),
        ("authorizedPendingRelease", reservation, Some(Word::Pending), vec![]),
        ("declined", sale, Some(Word::Declined), vec![]),
        ("generalError", sale, Some(Word::Declined), vec![]),
        ("communicationError", sale, Some(Word::Declined), vec![]),
        ("failedReview", sale, Some(Word::Declined), vec![]),
        ("settlementError", sale, Some(Word::Declined), vec![(ItemKind::Capture, ItemState::Failed)]),
        ("voided", reservation, Some(Word::Voided), vec![]),
        ("expired", reservation, Some(Word::Voided), vec![]),
        ("couldNotVoid", reservation, None, vec![(ItemKind::Void, ItemState::Failed)]),
        ("chargeback", sale, Some(Word::Paid), dispute(ItemState::Pending)),
        ("returnedItem", sale, Some(Word::Paid), dispute(ItemState::Pending)),
        ("chargebackReversal", sale, Some(Word::Paid), dispute(ItemState::Failed)),
        // Of refunds, never of payments; and words that nobody has heard of.
        (
            "refundSettledSuccessfully",
            sale,
            Some(Word::Unknown("refundSettledSuccessfully".to_owned())),
            vec![],
        ),
        ("refundPendingSettlement", sale, Some(Word::Unknown("refundPendingSettlement".to_owned())), vec![]),
        ("SettledSuccessfully", sale, Some(Word::Unknown("SettledSuccessfully".to_owned())), vec![]),
        ("settled: <really>", sale, Some(Word::Unknown("settledreally".to_owned())), vec![]),
    ] {
        let captured = word == Some(Word::Paid);
        assert_eq!(standing(status, kind), (word, captured, items), "{status} {kind}");
    }
}

/// Nothing may be authorized yet while a payment is held; that is no wrong amount.
#[test]
fn what_is_held_names_no_wrong_amount() {
    for (authorized, expected) in [(12.34, Some(1234)), (0.0, None)] {
        let held = payment("FDSPendingReview", json!({"authAmount": authorized, "settleAmount": 0.0}));
        let said = facts(fetch_payment(), vec![held]);
        assert_eq!(said.word, Some(Word::Pending));
        assert_eq!(said.amount.map(|amount| amount.minor()), expected, "{authorized}");
        assert_eq!((said.captured, said.items.len()), (None, 0));
    }
}

#[test]
fn states_of_refunds() {
    for (status, expected) in [
        ("refundPendingSettlement", ItemState::Pending),
        ("refundSettledSuccessfully", ItemState::Succeeded),
        ("voided", ItemState::Failed),
        ("expired", ItemState::Failed),
        ("declined", ItemState::Failed),
        ("generalError", ItemState::Failed),
        ("communicationError", ItemState::Failed),
        ("failedReview", ItemState::Failed),
        ("settlementError", ItemState::Failed),
        ("FDSPendingReview", ItemState::Pending),
        ("underReview", ItemState::Pending),
        ("couldNotVoid", ItemState::Pending),
        // How it ended is not said by a word that we do not know, nor by one of a payment.
        ("settledSuccessfully", ItemState::Pending),
        ("refundedAtLast", ItemState::Pending),
    ] {
        let call = refund_order("fetch_refund", 500, json!({ "id": REFUND_ID }));
        let items = facts(call, vec![refund(status, json!({}))]).items;
        assert_eq!(items.len(), 1, "{status}");
        let reason = (expected == ItemState::Failed).then_some(status);
        assert_eq!((items[0].state, items[0].reason.as_deref()), (expected, reason), "{status}");
        assert_eq!(items[0].amount.map(|amount| amount.minor()), Some(500), "{status}");
    }
}

#[test]
fn a_refund_that_came_to_nothing_names_no_wrong_amount() {
    for (authorized, settled, expected) in [(5.0, 5.0, Some(500)), (5.0, 0.0, Some(500)), (0.0, 0.0, None)] {
        let amounts = json!({"authAmount": authorized, "settleAmount": settled});
        let call = refund_order("fetch_refund", 500, json!({ "id": REFUND_ID }));
        let items = facts(call, vec![refund("voided", amounts)]).items;
        assert_eq!(items[0].amount.map(|amount| amount.minor()), expected, "{authorized} {settled}");
    }
}

/// How much a void by hand gave back, by what is known of the payment.
#[test]
fn what_was_voided_after_it_was_taken() {
    use processor_sdk::{Call, CaptureMode};
    let number = |text: &str| serde_json::from_str::<serde_json::Value>(text).unwrap();
    let voided = |authorized, settled| {
        payment("voided", json!({"authAmount": number(authorized), "settleAmount": number(settled)}))
    };
    let captured = json!([{"kind": "payment", "id": ID}, {"kind": "capture", "id": ID}]);
    let refunded =
        json!([{"kind": "payment", "id": ID}, {"kind": "capture", "id": ID}, {"kind": "refund", "id": ID}]);
    for (capture, references, record, expected) in [
        (CaptureMode::Automatic, &captured, voided("12.34", "0.0"), Some(1234)),
        (CaptureMode::Manual, &captured, voided("12.34", "7.0"), Some(700)),
        // Only a part may have been captured; more than it asks for a person, and nothing would be hidden.
        (CaptureMode::Manual, &captured, voided("12.34", "0.0"), Some(1234)),
        // It was our refund, whose amount is known.
        (CaptureMode::Manual, &refunded, voided("12.34", "0.0"), None),
        (CaptureMode::Automatic, &captured, voided("0.0", "0.0"), None),
    ] {
        let call = knowing(Call { capture, ..fetch_payment() }, references.clone());
        let said = facts(call, vec![record]);
        assert_eq!((said.word, said.items.len()), (None, 1));
        let item = &said.items[0];
        assert_eq!((item.kind, item.state), (ItemKind::Refund, ItemState::Succeeded));
        assert_eq!(item.amount.map(|amount| amount.minor()), expected, "{capture:?} {references}");
    }
    // What was never known to be taken was an authorization to us.
    let call = knowing(fetch_payment(), json!([{"kind": "payment", "id": ID}]));
    assert_eq!(facts(call, vec![voided("12.34", "0.0")]).word, Some(Word::Voided));
}

#[test]
fn response_reasons() {
    use DeclineCode as Ours;
    for (codes, expected, elsewhere) in [
        ("2 3", Ours::CardDeclined, false),
        ("4", Ours::StolenOrLost, false),
        ("8 317", Ours::ExpiredCard, false),
        ("6 7 27 37 44 45 65 78 127 165 315 316", Ours::IncorrectDetails, false),
        ("41 141 145 250 251 254", Ours::SuspectedFraud, false),
        ("49", Ours::LimitExceeded, false),
        ("17 28", Ours::MethodNotAvailable, true),
        ("19 20 21 22 23 25 26 57 58 59 60 61 62 63 120 121 122 261", Ours::ProcessorUnavailable, true),
        ("5 13 30 33 39", Ours::InvalidRequest, true),
        ("11 999", Ours::Other, false),
    ] {
        for code in codes.split(' ') {
            let number: i64 = code.parse().unwrap();
            // A number in details; a text would mean the same.
            for reason in [json!(number), json!(code)] {
                let declined = payment("declined", json!({"responseCode": 2, "responseReasonCode": reason}));
                let said = facts(
                    find_payment(),
                    vec![list(&[line(ID, "declined", json!({}))]), nothing(), declined],
                );
                let decline = said.decline.unwrap();
                assert_eq!((decline.code, decline.elsewhere), (expected, elsewhere), "{code}");
                assert_eq!(decline.processor_code.as_deref(), Some(code));
            }
        }
    }
    // Without a reason of its own, the status is all there is.
    let failed = payment("generalError", json!({"responseReasonCode": 1}));
    let said = facts(find_payment(), vec![list(&[line(ID, "generalError", json!({}))]), nothing(), failed]);
    assert_eq!(said.decline.unwrap().processor_code.as_deref(), Some("generalError"));
}

#[test]
fn error_codes_of_questions() {
    let unreadable =
        || Fault::unreadable("expected no error, or one that we know, at /messages/message/0/code");
    for (code, expected) in [
        ("E00001", Fault::Processor { status: 503 }),
        ("E00104", Fault::Processor { status: 503 }),
        ("E00053", Fault::Throttled { retry_after_s: Some(5) }),
        ("E00005", Fault::Credentials { status: 401 }),
        ("E00006", Fault::Credentials { status: 401 }),
        ("E00007", Fault::Credentials { status: 401 }),
        ("E00008", Fault::Credentials { status: 403 }),
        ("E00010", Fault::Credentials { status: 403 }),
        ("E00011", Fault::Credentials { status: 403 }),
        ("E00003", unreadable()),
        ("E00027", unreadable()),
        ("E09999", unreadable()),
        ("OK", unreadable()),
    ] {
        assert_eq!(reply(fetch_payment(), vec![error(code)]), Reply::Fault(expected), "{code}");
    }
}

#[test]
fn error_codes_of_orders() {
    // Read and refused: nothing was done.
    for code in ["E00003", "E00013", "E00014", "E00015", "E00016", "E00040"] {
        let said = facts(capture(1234), vec![error(code), authorized()]);
        assert_eq!(said.items, [failed(ItemKind::Capture, "cap1", code)], "{code}");
        let said = facts(open(json!({})), vec![error(code)]);
        assert_eq!(
            (said.word, said.decline.unwrap().code),
            (Some(Word::Declined), DeclineCode::InvalidRequest)
        );
    }
    // Whatever else it was: nobody knows what was done.
    for code in ["E00001", "E00007", "E00011", "E00027", "E00053", "E00104", "E09999"] {
        let reply = reply(capture(1234), vec![error(code)]);
        assert!(matches!(reply, Reply::Fault(_)), "{code}: {reply:?}");
    }
}

#[test]
fn answers_to_orders() {
    let answer = |response: serde_json::Value| ok(json!({ "transactionResponse": response }));
    let reason = json!([{"errorCode": "47", "errorText": "Why."}]);
    // Taken, or held for a review: the details say what came of it.
    for code in ["1", "4"] {
        let response = answer(json!({"responseCode": code, "transId": ID}));
        let captured = facts(capture(1234), vec![response, payment("capturedPendingSettlement", json!({}))]);
        assert_eq!(captured.items[0].echo.as_deref(), Some("cap1"), "{code}");
    }
    // Declined or in error: it says why, and did nothing.
    for code in ["2", "3"] {
        let response = answer(json!({"responseCode": code, "transId": "0", "errors": reason}));
        let said = facts(capture(1234), vec![response, authorized()]);
        assert_eq!(said.items, [failed(ItemKind::Capture, "cap1", "47")], "{code}");
    }
    for (what, response) in [
        ("another code", json!({"responseCode": "5", "transId": ID})),
        ("no id", json!({"responseCode": "1"})),
        ("the id of test mode", json!({"responseCode": "1", "transId": "0"})),
        ("no reason", json!({"responseCode": "3", "transId": "0"})),
        ("no code", json!({"transId": ID})),
        ("half an object", json!("")),
    ] {
        let reply = reply(capture(1234), vec![answer(response)]);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{what}: {reply:?}");
    }
    // Taken and an error at once is neither.
    let both = ok(json!({
        "transactionResponse": {"responseCode": "1", "transId": ID},
        "messages": {"resultCode": "Error", "message": [{"code": "E00027", "text": "Unsuccessful."}]},
    }));
    assert!(matches!(reply(capture(1234), vec![both]), Reply::Fault(Fault::Unreadable { .. })));
}
