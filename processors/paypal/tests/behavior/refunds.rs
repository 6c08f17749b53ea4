//! Refunds: whole, in part and several; found again by our own id of them.

use processor_sdk::{Answer, Call, Fault, ItemKind, ItemState, Money, Reply};
use serde_json::{Value, json};

use crate::support::*;

fn refunded(refunds: Value) -> Value {
    order("COMPLETED", json!({"captures": [capture("PARTIALLY_REFUNDED", json!({}))], "refunds": refunds}))
}

#[test]
fn a_refund_names_itself_and_says_no_more() {
    for (changes, capture, value) in [
        (json!({}), CAPTURE, "5.00"),
        (json!({"amount": {"amount": 1234, "currency": "EUR"}}), CAPTURE, "12.34"),
        (json!({"capture": "C2", "reason": "he stole it"}), "C2", "5.00"),
    ] {
        let answer = response(201, &refund("COMPLETED", json!({})));
        let (requests, reply) = perform(refund_order("refund", changes), vec![answer]);
        assert_eq!(path(&requests[0]), format!("/v2/payments/captures/{capture}/refund"));
        // PayPal would show a reason to the shopper.
        let expected = json!({"amount": money(value), "custom_id": "re1", "invoice_id": "re1"});
        assert_eq!(body(&requests[0]), &expected);
        let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
        let item = &facts.items[0];
        assert_eq!((item.kind, item.id.as_deref()), (ItemKind::Refund, Some(REFUND)));
        assert_eq!(
            (item.echo.as_deref(), item.amount.map(|amount| amount.minor())),
            (Some("re1"), Some(500))
        );
    }
}

#[test]
fn a_refused_refund_says_what_is_so() {
    let mine = |status: &str| refunded(json!([refund(status, json!({}))]));
    let others = || refunded(json!([refund("COMPLETED", json!({"custom_id": "re0", "invoice_id": "re0"}))]));
    let by_number = || refunded(json!([without(refund("COMPLETED", json!({})), "", "custom_id")]));
    let done = Some(ItemState::Succeeded);
    let refused = Some(ItemState::Failed);
    for (what, issue, shown, expected) in [
        ("done before", "DUPLICATE_INVOICE_ID", Some(mine("COMPLETED")), done),
        ("done before, by its number", "DUPLICATE_INVOICE_ID", Some(by_number()), done),
        ("all of it done before", "CAPTURE_FULLY_REFUNDED", Some(mine("COMPLETED")), done),
        ("on its way", "REFUND_AMOUNT_EXCEEDED", Some(mine("PENDING")), Some(ItemState::Pending)),
        ("too much", "REFUND_AMOUNT_EXCEEDED", Some(others()), refused),
        ("all gone", "CAPTURE_FULLY_REFUNDED", Some(others()), refused),
        ("too many", "MAX_NUMBER_OF_REFUNDS_EXCEEDED", Some(others()), refused),
        ("no money", "REFUND_FAILED_INSUFFICIENT_FUNDS", Some(others()), refused),
        ("disputed", "TRANSACTION_DISPUTED", Some(others()), refused),
        ("taken back", "REFUND_NOT_PERMITTED_DUE_TO_CHARGEBACK", Some(others()), refused),
        ("not allowed", "REFUND_NOT_ALLOWED", Some(others()), refused),
        ("not in part", "PARTIAL_REFUND_NOT_ALLOWED", Some(others()), refused),
        ("not there yet", "PENDING_CAPTURE", Some(others()), refused),
        ("too late", "REFUND_TIME_LIMIT_EXCEEDED", None, refused),
        ("anything", "SOMETHING_NEW", Some(others()), refused),
        // Something has our number, or may be ours.
        ("unseen", "DUPLICATE_INVOICE_ID", Some(others()), None),
        ("nothing seen", "DUPLICATE_INVOICE_ID", None, None),
        ("nothing seen of all", "CAPTURE_FULLY_REFUNDED", None, None),
        ("nothing seen of more", "REFUND_AMOUNT_EXCEEDED", None, None),
        ("nothing seen of many", "MAX_NUMBER_OF_REFUNDS_EXCEEDED", None, None),
    ] {
        let responses = vec![refusal(issue), shown.map_or_else(absent, ok)];
        match (reply(refund_order("refund", json!({})), responses), expected) {
            (Reply::Answer(Answer::Said { facts, .. }), Some(state)) => {
                assert_eq!((facts.items.len(), facts.items[0].state), (1, state), "{what}");
                assert_eq!(facts.items[0].echo.as_deref(), Some("re1"), "{what}");
                let reason = (state == ItemState::Failed).then_some(issue);
                assert_eq!(facts.items[0].reason.as_deref(), reason, "{what}");
            }
            (Reply::Fault(Fault::Unreadable { .. }), None) => {}
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn a_lost_refund_is_found_by_our_own_id() {
    let fetch = || refund_order("fetch_refund", json!({}));
    let others = json!([refund("COMPLETED", json!({"id": "R0", "custom_id": "re0", "invoice_id": "re0"}))]);
    assert_eq!(reply(fetch(), vec![ok(refunded(others.clone()))]), Reply::Answer(Answer::Absent));
    let nothing = order("COMPLETED", json!({"captures": [capture("COMPLETED", json!({}))]}));
    assert_eq!(reply(fetch(), vec![ok(nothing)]), Reply::Answer(Answer::Absent));
    for changes in
        [json!({}), json!({"custom_id": null}), json!({"custom_id": ECHO}), json!({"invoice_id": null})]
    {
        let mine = refund("COMPLETED", changes);
        let (requests, reply) = perform(fetch(), vec![ok(refunded(json!([others[0], mine])))]);
        assert_eq!(path(&requests[0]), format!("/v2/checkout/orders/{ORDER}"));
        let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
        assert_eq!(facts.items.len(), 1);
        assert_eq!(
            (facts.items[0].id.as_deref(), facts.items[0].echo.as_deref()),
            (Some(REFUND), Some("re1"))
        );
    }
    // Without the order nothing says that it is not there.
    assert!(matches!(reply(fetch(), vec![absent()]), Reply::Fault(Fault::Unreadable { .. })));
}

#[test]
fn a_refund_is_looked_up_by_its_id() {
    let fetch = || refund_order("fetch_refund", json!({"id": REFUND}));
    let (requests, _) = perform(fetch(), vec![ok(refund("PENDING", json!({})))]);
    assert_eq!(path(&requests[0]), format!("/v2/payments/refunds/{REFUND}"));
    assert_eq!(reply(fetch(), vec![absent()]), Reply::Answer(Answer::Absent));
}

/// Refunds from PayPal's own pages carry the attempt's id, which they have from their capture.
#[test]
fn refunds_of_others_are_told_apart() {
    let of_dashboard = |id: &str, value: &str| {
        refund("COMPLETED", json!({"id": id, "amount": money(value), "custom_id": ECHO}))
    };
    let refunds =
        json!([of_dashboard("R8", "1.00"), of_dashboard("R9", "1.00"), refund("COMPLETED", json!({}))]);
    let facts = fetched(refunded(refunds));
    let echoes: Vec<_> = facts
        .items
        .iter()
        .filter(|item| item.kind == ItemKind::Refund)
        .map(|item| (item.id.as_deref(), item.echo.as_deref()))
        .collect();
    assert_eq!(echoes, [(Some("R8"), None), (Some("R9"), None), (Some(REFUND), Some("re1"))]);
    assert_eq!(facts.refunded, Some(Money::new(700, processor_sdk::Currency::EUR).unwrap()));
}

#[test]
fn a_text_of_others_is_no_id_of_ours() {
    for (custom_id, expected) in [
        ("re1", Some("re1")),
        ("0123456789abcdefghij", Some("0123456789abcdefghij")),
        ("0123456789abcdefghijk", None),
        ("RMA-7", None),
        ("broken lid", None),
        ("Re1", None),
        (ECHO, None),
    ] {
        let answer = response(201, &refund("COMPLETED", json!({"custom_id": custom_id})));
        let facts = facts(refund_order("refund", json!({})), vec![answer]);
        assert_eq!(facts.items[0].echo.as_deref(), expected, "{custom_id}");
    }
}

#[test]
fn a_refund_needs_its_capture() {
    let call = Call { references: [].into(), ..refund_order("refund", json!({})) };
    let Reply::Fault(Fault::CannotAsk { field, .. }) = reply(call, vec![]) else { panic!("a fault") };
    assert_eq!(field, "references");
}
