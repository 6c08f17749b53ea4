//! What PayPal's events make the hub do. None of them is believed.

use processor_sdk::{
    Channel, Delivery, Fault, ItemState, Money, Question, Reference, ReferenceKind, Reply, Says,
};
use serde_json::{Value, json};

use crate::support::*;

fn related() -> Value {
    json!({"supplementary_data": {"related_ids": {"order_id": ORDER}}})
}

#[test]
fn events_of_a_payment_make_the_hub_ask() {
    let order_itself = || order("APPROVED", json!({}));
    let capture_itself = || capture("COMPLETED", related());
    let of_order = json!({"order_id": ORDER, "purchase_units": [{"custom_id": ECHO}]});
    for (kind, resource, named, echo) in [
        ("CHECKOUT.ORDER.APPROVED", order_itself(), vec![ORDER], Some(ECHO)),
        ("CHECKOUT.ORDER.COMPLETED", order_itself(), vec![ORDER], Some(ECHO)),
        ("CHECKOUT.PAYMENT-APPROVAL.REVERSED", order_itself(), vec![ORDER], Some(ECHO)),
        ("CHECKOUT.PAYMENT-APPROVAL.REVERSED", of_order, vec![ORDER], Some(ECHO)),
        (
            "PAYMENT.AUTHORIZATION.CREATED",
            authorization("CREATED", related()),
            vec![ORDER, AUTHORIZATION],
            Some(ECHO),
        ),
        (
            "PAYMENT.AUTHORIZATION.VOIDED",
            authorization("VOIDED", json!({"custom_id": null})),
            vec![AUTHORIZATION],
            None,
        ),
        ("PAYMENT.CAPTURE.COMPLETED", capture_itself(), vec![ORDER, CAPTURE], Some(ECHO)),
        ("PAYMENT.CAPTURE.PENDING", capture_itself(), vec![ORDER, CAPTURE], Some(ECHO)),
        ("PAYMENT.CAPTURE.DECLINED", capture_itself(), vec![ORDER, CAPTURE], Some(ECHO)),
        ("PAYMENT.CAPTURE.DENIED", capture_itself(), vec![ORDER, CAPTURE], Some(ECHO)),
        ("PAYMENT.CAPTURE.REFUNDED", refund("COMPLETED", json!({})), vec![CAPTURE, REFUND], None),
        ("PAYMENT.CAPTURE.REVERSED", refund("COMPLETED", json!({})), vec![CAPTURE, REFUND], None),
        ("PAYMENT.REFUND.PENDING", refund("PENDING", json!({})), vec![CAPTURE, REFUND], None),
        ("PAYMENT.REFUND.FAILED", refund("FAILED", json!({})), vec![CAPTURE, REFUND], None),
    ] {
        let (requests, notifications) = notified(&event(kind, resource), vec![]);
        let [notification] = notifications.as_slice() else { panic!("{kind}: {notifications:?}") };
        assert_eq!((requests.len(), &notification.says), (0, &Says::Changed), "{kind}");
        // An id of an unproven event would silence the real one.
        assert_eq!((&notification.event_id, notification.proof), (&None, None), "{kind}");
        let ids: Vec<_> = notification.references.iter().map(|reference| reference.id.as_str()).collect();
        assert_eq!((ids, notification.echo.as_deref()), (named, echo), "{kind}");
    }
}

#[test]
fn events_that_are_not_ours() {
    let of_others = |custom_id: &str| capture("COMPLETED", json!({"custom_id": custom_id}));
    for (what, kind, resource) in [
        ("type", "CATALOG.PRODUCT.CREATED", json!({"id": "PROD-1"})),
        ("type", "PAYMENT.SALE.COMPLETED", json!({"id": "S1"})),
        ("type", "payment.capture.completed", of_others(ECHO)),
        ("shape", "PAYMENT.CAPTURE.COMPLETED", of_others("Basket #42")),
        ("length", "PAYMENT.CAPTURE.COMPLETED", of_others("0123456789abcdefghijk")),
    ] {
        let (_, notifications) = notified(&event(kind, resource), vec![]);
        assert!(matches!(notifications[0].says, Says::Ignored { .. }), "{what}: {notifications:?}");
    }
}

#[test]
fn half_an_event_is_unreadable() {
    let whole = || event("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED", json!({})));
    let long = "x".repeat(256);
    for (what, event) in [
        ("type", without(whole(), "", "event_type")),
        ("resource", without(whole(), "", "resource")),
        ("id", without(whole(), "/resource", "id")),
        ("long id", event("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED", json!({"id": long})))),
        ("dispute", event("CUSTOMER.DISPUTE.CREATED", json!({}))),
        ("long dispute", event("CUSTOMER.DISPUTE.CREATED", json!({"dispute_id": long}))),
        ("no object", json!([])),
    ] {
        let reply = carry(Question::Delivery(delivery(&event.to_string())), vec![]).1;
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{what}: {reply:?}");
    }
}

#[test]
fn a_dispute_is_asked_for() {
    for kind in ["CUSTOMER.DISPUTE.CREATED", "CUSTOMER.DISPUTE.UPDATED", "CUSTOMER.DISPUTE.RESOLVED"] {
        // The event says that the merchant won. PayPal says that the money is lost.
        let event = event(kind, dispute("RESOLVED", Some("RESOLVED_SELLER_FAVOUR")));
        let lost = dispute("RESOLVED", Some("RESOLVED_BUYER_FAVOUR"));
        let (requests, notifications) = notified(&event, vec![ok(lost)]);
        assert_eq!(path(&requests[0]), format!("/v1/customer/disputes/{DISPUTE}"));
        let [notification] = notifications.as_slice() else { panic!("{notifications:?}") };
        assert_eq!(notification.references, [Reference::new(ReferenceKind::Capture, CAPTURE)]);
        let Says::Facts(facts) = &notification.says else { panic!("{notification:?}") };
        assert_eq!((facts.items[0].state, facts.word.as_ref()), (ItemState::Succeeded, None));
        assert_eq!(facts.items[0].amount.map(|amount| amount.minor()), Some(1234));
        // It is our own question that proves it.
        assert_eq!(
            (notification.proof.map(|proof| proof.exchange()), &notification.event_id),
            (Some(0), &None)
        );
    }
}

#[test]
fn a_dispute_that_cannot_be_seen() {
    let created = || event("CUSTOMER.DISPUTE.CREATED", dispute("OPEN", None));
    let (_, notifications) = notified(&created(), vec![absent()]);
    let [notification] = notifications.as_slice() else { panic!("{notifications:?}") };
    assert_eq!((&notification.says, notification.proof), (&Says::Changed, None));
    assert!(notification.references.contains(&Reference::new(ReferenceKind::Capture, CAPTURE)));
    let (_, notifications) =
        notified(&event("CUSTOMER.DISPUTE.CREATED", json!({"dispute_id": DISPUTE})), vec![absent()]);
    assert_eq!(notifications[0].references, [Reference::new(ReferenceKind::Dispute, DISPUTE)]);
    for (answer, expected) in [
        (error(403, "NOT_AUTHORIZED", "PERMISSION_DENIED"), Fault::Credentials { status: 403 }),
        (error(429, "RATE_LIMIT_REACHED", "X"), Fault::Throttled { retry_after_s: None }),
        (error(503, "SERVICE_UNAVAILABLE", "X"), Fault::Processor { status: 503 }),
    ] {
        let question = Question::Delivery(delivery(&created().to_string()));
        assert_eq!(carry(question, vec![answer]).1, Reply::Fault(expected));
    }
}

#[test]
fn a_dispute_about_several_payments_names_each() {
    let both = json!([{"seller_transaction_id": CAPTURE}, {"seller_transaction_id": "C2"}]);
    let about_both = || changed(dispute("OPEN", None), json!({"disputed_transactions": both}));
    let (_, notifications) =
        notified(&event("CUSTOMER.DISPUTE.CREATED", about_both()), vec![ok(about_both())]);
    let captures: Vec<_> =
        notifications.iter().map(|notification| notification.references[0].id.as_str()).collect();
    assert_eq!(captures, [CAPTURE, "C2"]);
    for notification in &notifications {
        let Says::Facts(facts) = &notification.says else { panic!("{notification:?}") };
        // How much of it is about which is not said, and its id would find the other one.
        assert_eq!((facts.items[0].amount, facts.references.len()), (None, 0));
    }
    // Of one payment it is all of it.
    let fetch = call(json!({"kind": "fetch_dispute", "id": DISPUTE}));
    let facts = facts(fetch, vec![ok(dispute("OPEN", None))]);
    assert_eq!(facts.items[0].amount, Some(Money::new(1234, processor_sdk::Currency::EUR).unwrap()));
    assert!(facts.references.contains(&Reference::new(ReferenceKind::Dispute, DISPUTE)));
}

#[test]
fn a_live_connector_asks_the_live_api() {
    let body = event("CUSTOMER.DISPUTE.CREATED", dispute("OPEN", None)).to_string();
    let live = Delivery { livemode: true, ..delivery(&body) };
    let (requests, _) = carry(Question::Delivery(live), vec![ok(dispute("OPEN", None))]);
    assert_eq!(requests[0].url, format!("https://api-m.paypal.com/v1/customer/disputes/{DISPUTE}"));
}

#[test]
fn a_link_names_what_lies_above() {
    let of = |href: &str| {
        let own = "https://api-m.paypal.com/v2/payments/refunds/R1";
        let changes = json!({"links": [{"rel": "self", "href": own}, {"rel": "up", "href": href}]});
        let (_, mut notifications) =
            notified(&event("PAYMENT.CAPTURE.REFUNDED", refund("COMPLETED", changes)), vec![]);
        notifications
            .remove(0)
            .references
            .into_iter()
            .find(|reference| reference.kind != ReferenceKind::Refund)
    };
    for (href, expected) in [
        ("https://api-m.paypal.com/v2/payments/captures/C1", Some((ReferenceKind::Capture, "C1"))),
        ("https://api.paypal.com/v2/payments/authorizations/A1", Some((ReferenceKind::Authorization, "A1"))),
        ("https://api.paypal.com/v2/checkout/orders/O1", Some((ReferenceKind::Order, "O1"))),
        ("https://api.paypal.com/v2/payments/captures/", None),
        ("https://api.paypal.com/v1/payments/sale/S1", None),
        ("captures", None),
    ] {
        let named = of(href).map(|reference| (reference.kind, reference.id));
        assert_eq!(named, expected.map(|(kind, id)| (kind, id.to_owned())), "{href}");
    }
}

#[test]
fn a_returning_browser_proves_nothing() {
    let delivery = Delivery {
        channel: Channel::Return,
        query: vec![("token".to_owned(), ORDER.to_owned()), ("PayerID".to_owned(), "P1".to_owned())],
        echo: Some(ECHO.to_owned()),
        ..delivery(&event("PAYMENT.CAPTURE.COMPLETED", capture("COMPLETED", json!({}))).to_string())
    };
    let Reply::Notifications(said) = carry(Question::Delivery(delivery), vec![]).1 else { panic!() };
    assert_eq!((&said[0].says, said[0].proof, said[0].echo.as_deref()), (&Says::Changed, None, Some(ECHO)));
    assert!(said[0].references.is_empty());
}
