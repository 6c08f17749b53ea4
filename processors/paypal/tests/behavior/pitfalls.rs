//! Mistakes that other projects made with PayPal, each with the test that keeps us from making it.

use processor_sdk::{
    Answer, Call, ItemKind, ItemState, Question, Reference, ReferenceKind, Reply, Says, Word,
};
use serde_json::{Value, json};

use crate::support::*;

/// The return was taken for a payment, and nobody captured: the money stayed with the shopper.
#[test]
fn pitfall_the_return_is_not_paid() {
    let delivery = processor_sdk::Delivery {
        channel: processor_sdk::Channel::Return,
        query: vec![("token".to_owned(), ORDER.to_owned())],
        ..delivery("")
    };
    let (requests, reply) = carry(Question::Delivery(delivery), vec![]);
    let Reply::Notifications(said) = reply else { panic!("{reply:?}") };
    assert_eq!((requests.len(), &said[0].says, said[0].proof), (0, &Says::Changed, None));
}

/// The shopper closed the tab after approving, and the approval lapsed.
#[test]
fn pitfall_an_approval_is_completed_without_the_shopper() {
    let (_, notifications) =
        notified(&event("CHECKOUT.ORDER.APPROVED", order("APPROVED", json!({}))), vec![]);
    assert_eq!(notifications[0].says, Says::Changed);
    // What the hub then hears is what makes it complete the order.
    assert_eq!(fetched(order("APPROVED", json!({}))).word, Some(Word::NeedsCompletion));
    assert_eq!(
        facts(complete(), vec![response(201, &paid(capture("COMPLETED", json!({}))))]).word,
        Some(Word::Paid)
    );
}

/// Webhook and return both captured; the second was refused, and a paid order was given up.
#[test]
fn pitfall_captured_already_is_captured() {
    let refused = vec![refusal("ORDER_ALREADY_CAPTURED"), ok(paid(capture("COMPLETED", json!({}))))];
    let facts = facts(complete(), refused);
    assert_eq!((facts.word, facts.decline), (Some(Word::Paid), None));
    assert_eq!((facts.items.len(), facts.items[0].state), (1, ItemState::Succeeded));
    // The same operation is the same request, key included.
    let requests = || perform(complete(), vec![error(500, "INTERNAL_SERVER_ERROR", "X")]).0;
    assert_eq!(requests(), requests());
}

/// Pending captures were ignored, and orders stuck; or they were shipped before the money was there.
#[test]
fn pitfall_a_pending_capture_is_pending() {
    let pending = || capture("PENDING", json!({"status_details": {"reason": "ECHECK"}}));
    assert_eq!(notified(&event("PAYMENT.CAPTURE.PENDING", pending()), vec![]).1[0].says, Says::Changed);
    for facts in [fetched(paid(pending())), facts(complete(), vec![response(201, &paid(pending()))])] {
        assert_eq!((facts.word, facts.items[0].state), (Some(Word::Pending), ItemState::Pending));
        assert!(facts.captured.is_some_and(|captured| captured.is_zero()));
    }
}

/// Webhooks were believed without a check, or with a check of a body that had been written anew.
#[test]
fn pitfall_an_unchecked_event_is_not_believed() {
    let claims = [
        event("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED", json!({}))),
        event("PAYMENT.CAPTURE.REFUNDED", refund("COMPLETED", json!({}))),
        event("CHECKOUT.ORDER.COMPLETED", paid(capture("COMPLETED", json!({})))),
        event("PAYMENT.AUTHORIZATION.VOIDED", authorization("VOIDED", json!({}))),
        event("CHECKOUT.PAYMENT-APPROVAL.REVERSED", order("VOIDED", json!({}))),
    ];
    for claim in claims {
        for notification in notified(&claim, vec![]).1 {
            assert_eq!((&notification.says, notification.proof), (&Says::Changed, None), "{claim}");
        }
    }
}

/// A completed order was read as paid, whatever its capture said.
#[test]
fn pitfall_a_completed_order_is_not_paid() {
    for (captures, expected) in [
        (json!([capture("COMPLETED", json!({}))]), Word::Paid),
        (json!([capture("PENDING", json!({}))]), Word::Pending),
        (json!([capture("DECLINED", json!({}))]), Word::Declined),
        (json!([capture("FAILED", json!({}))]), Word::Declined),
        (json!([]), Word::Unknown("COMPLETED".to_owned())),
    ] {
        let completed = || order("COMPLETED", json!({"captures": captures}));
        assert_eq!(fetched(completed()).word, Some(expected.clone()), "{captures}");
        assert_eq!(facts(complete(), vec![response(201, &completed())]).word, Some(expected), "{captures}");
        let (_, said) = notified(&event("CHECKOUT.ORDER.COMPLETED", completed()), vec![]);
        assert_eq!(said[0].says, Says::Changed);
    }
}

/// The id of the refund was taken for the id of the capture.
#[test]
fn pitfall_the_resource_of_a_refunded_event_is_the_refund() {
    let (_, said) = notified(&event("PAYMENT.CAPTURE.REFUNDED", refund("COMPLETED", json!({}))), vec![]);
    let expected =
        [Reference::new(ReferenceKind::Capture, CAPTURE), Reference::new(ReferenceKind::Refund, REFUND)];
    assert_eq!(said[0].references, expected);
    // And its own reference is the refund's, not the attempt's.
    assert_eq!(said[0].echo, None);
}

/// Events go only to the app that made the order: where the wrong one was set up, nothing was ever heard.
#[test]
fn pitfall_everything_is_found_without_events() {
    for (order, expected) in [
        (order("PAYER_ACTION_REQUIRED", json!({})), Word::Open),
        (order("APPROVED", json!({})), Word::NeedsCompletion),
        (paid(capture("COMPLETED", json!({}))), Word::Paid),
    ] {
        assert_eq!(fetched(order).word, Some(expected));
    }
    let refunds = json!([refund("COMPLETED", json!({}))]);
    let given_back = order(
        "COMPLETED",
        json!({"captures": [capture("PARTIALLY_REFUNDED", json!({}))], "refunds": refunds}),
    );
    let items = fetched(given_back).items;
    assert!(items.iter().any(|item| item.kind == ItemKind::Refund && item.state == ItemState::Succeeded));
}

/// A retry on the next day made a second order and a second capture: keys of orders live for six hours.
#[test]
fn pitfall_a_key_is_not_trusted_for_longer_than_it_lives() {
    use processor_sdk::Adapter;
    let profile = processor_paypal::PayPal.descriptor().idempotency;
    assert_eq!(profile.retention_s, 6 * 3_600);
    // Captures and refunds have a number besides, which PayPal takes only once.
    let taken = response(201, &capture("COMPLETED", json!({})));
    let (requests, _) = perform(capture_order(1234, true), vec![taken]);
    assert_eq!(body(&requests[0])["invoice_id"], "cap1");
    let (requests, _) =
        perform(refund_order("refund", json!({})), vec![response(201, &refund("COMPLETED", json!({})))]);
    assert_eq!(body(&requests[0])["invoice_id"], "re1");
}

/// The short answer has no capture in it, and refunds had nothing to name.
#[test]
fn pitfall_the_whole_answer_is_asked_for() {
    let (requests, reply) =
        perform(complete(), vec![response(201, &json!({"id": ORDER, "status": "COMPLETED", "links": []}))]);
    assert_eq!(requests[0].headers.get("Prefer"), Some("return=representation"));
    assert!(matches!(reply, Reply::Fault(_)), "{reply:?}");
    let facts = facts(complete(), vec![response(201, &paid(capture("COMPLETED", json!({}))))]);
    assert!(facts.references.contains(&Reference::new(ReferenceKind::Capture, CAPTURE)));
}

/// A refund's amount was sent as a number and refused.
#[test]
fn pitfall_amounts_are_texts() {
    let answer = response(201, &refund("COMPLETED", json!({})));
    let (requests, _) = perform(refund_order("refund", json!({})), vec![answer]);
    assert_eq!(body(&requests[0])["amount"]["value"], Value::from("5.00"));
}

/// Forints and Taiwanese dollars went out with decimals and were refused, or a hundred times too much.
#[test]
fn pitfall_forints_have_no_decimals() {
    for currency in [processor_sdk::Currency::HUF, processor_sdk::Currency::TWD] {
        let call = Call { amount: processor_sdk::Money::new(199_900, currency).unwrap(), ..open(json!({})) };
        let request = perform(call, vec![response(429, &json!({}))]).0.remove(0);
        assert_eq!(body(&request)["purchase_units"][0]["amount"]["value"], "1999", "{currency}");
    }
}

/// The invoice number was the cart's order number, and the second try of the same order was refused for it.
#[test]
fn pitfall_an_order_has_no_invoice_number() {
    let request =
        perform(open(json!({"order_reference": "1001"})), vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(body(&request)["purchase_units"][0].get("invoice_id"), None);
}

/// A declined card was the end, where PayPal wanted the shopper to choose another one.
#[test]
fn pitfall_a_declined_instrument_is_not_the_end() {
    let (facts, door) =
        said(complete(), vec![refusal("INSTRUMENT_DECLINED"), ok(order("APPROVED", json!({})))]);
    assert_eq!((facts.word, facts.decline.is_some(), door.is_some()), (Some(Word::Open), true, true));
    // A look-up afterwards tells of the approval that came before, and dates it so.
    let later = fetched(order("APPROVED", json!({})));
    assert_eq!((later.word, later.at.is_some()), (Some(Word::NeedsCompletion), true));
}

/// The token of the return named another order, and that one was captured.
#[test]
fn pitfall_the_token_of_the_return_is_not_trusted() {
    let operation =
        json!({"kind": "complete_checkout", "return_parameters": [["token", "OTHER"], ["PayerID", "P1"]]});
    let (requests, _) = perform(call(operation), vec![response(201, &paid(capture("COMPLETED", json!({}))))]);
    assert_eq!(path(&requests[0]), format!("/v2/checkout/orders/{ORDER}/capture"));
}

/// An order of another attempt answered, and its money was booked here.
#[test]
fn pitfall_the_order_of_another_attempt_is_not_read() {
    for (custom_id, is_read) in [(json!(ECHO), true), (json!(null), true), (json!("att2"), false)] {
        let mut order = paid(capture("COMPLETED", json!({})));
        order["purchase_units"][0]["custom_id"] = custom_id.clone();
        for call in [fetch_payment(), complete(), refund_order("fetch_refund", json!({}))] {
            let reply = reply(call, vec![ok(order.clone())]);
            assert_eq!(matches!(reply, Reply::Answer(_)), is_read, "{custom_id}: {reply:?}");
        }
    }
}

/// PayPal forgets orders that nobody approved; they waited for ever.
#[test]
fn pitfall_an_expired_order_is_gone() {
    let again = Call { references: fetch_payment().references, ..open(json!({})) };
    let (facts, door) = said(again, vec![absent()]);
    assert_eq!((facts.word, door), (Some(Word::Expired), None));
    let unpaid = Call { references: [Reference::new(ReferenceKind::Order, ORDER)].into(), ..fetch_payment() };
    assert_eq!(reply(unpaid, vec![absent()]), Reply::Answer(Answer::Absent));
}

/// What was paid outlives its order: its captures and authorizations are asked by themselves.
#[test]
fn pitfall_a_forgotten_order_forgets_no_payment() {
    let capture_alone = || ok(capture("PARTIALLY_REFUNDED", json!({})));
    for (parts, expected) in [
        (vec![absent(), capture_alone()], Some(Word::Paid)),
        (vec![ok(authorization("VOIDED", json!({}))), absent()], Some(Word::Voided)),
        (vec![ok(authorization("CREATED", json!({}))), absent()], Some(Word::Authorized)),
        (vec![ok(authorization("CAPTURED", json!({}))), capture_alone()], Some(Word::Paid)),
        (vec![absent(), absent()], None),
    ] {
        let mut responses = vec![absent()];
        responses.extend(parts);
        match (reply(fetch_payment(), responses), expected) {
            (Reply::Answer(Answer::Said { facts, .. }), Some(word)) => {
                // There may be others, so that no total is said.
                let totals = (facts.captured, facts.refunded, facts.fee, facts.amount);
                assert_eq!((facts.word, totals), (Some(word), (None, None, None, None)));
            }
            (Reply::Answer(Answer::Absent), None) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
    let many = (0..13).map(|number| Reference::new(ReferenceKind::Capture, format!("C{number}")));
    let order = Reference::new(ReferenceKind::Order, ORDER);
    let call = Call { references: many.chain([order]).collect(), ..fetch_payment() };
    assert!(matches!(reply(call, vec![absent()]), Reply::Fault(_)));
}
