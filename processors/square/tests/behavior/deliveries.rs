//! What Square's events mean.

use processor_sdk::{Channel, Delivery, Facts, ItemState, Question, ReferenceKind, Reply, Says, Word};
use serde_json::{Value, json};

use crate::support::*;

fn facts_of(says: Says) -> Facts {
    match says {
        Says::Facts(facts) => facts,
        other => panic!("not facts: {other:?}"),
    }
}

fn names(notification: &processor_sdk::Notification, kind: ReferenceKind, id: &str) -> bool {
    notification.references.iter().any(|reference| reference.kind == kind && reference.id == id)
}

#[test]
fn events_of_payments_that_say_what_is_so() {
    for (kind, status, word) in [
        ("payment.created", "APPROVED", Word::Pending),
        ("payment.created", "COMPLETED", Word::Paid),
        ("payment.updated", "PENDING", Word::Pending),
        ("payment.updated", "APPROVED", Word::Pending),
        ("payment.updated", "COMPLETED", Word::Paid),
    ] {
        let notification = notified(&event(kind, json!({"payment": payment(status, json!({}))})));
        assert_eq!(notification.event_id.as_deref(), Some("event1"), "{kind}");
        assert_eq!(notification.echo.as_deref(), Some(ECHO), "{kind}");
        assert!(names(&notification, ReferenceKind::Order, ORDER) && notification.proof.is_some());
        // The id of a payment is learned only once it can be refunded.
        assert_eq!(names(&notification, ReferenceKind::Payment, PAYMENT), status == "COMPLETED", "{status}");
        let facts = facts_of(notification.says);
        assert_eq!(facts.captured.is_some(), status == "COMPLETED", "{status}");
        assert_eq!((facts.word, facts.amount.unwrap().minor()), (Some(word), 1234), "{kind} {status}");
        assert_eq!(facts.at.unwrap().to_rfc3339(), "2023-11-14T22:15:00.500000Z", "the payment's own time");
    }
}

#[test]
fn events_of_refunds_and_disputes_say_what_is_so() {
    let refunded = |status| json!({"refund": refund(status, json!({}))});
    let disputed = |state| json!({"dispute": dispute(state)});
    for (kind, object, state) in [
        ("refund.created", refunded("PENDING"), ItemState::Pending),
        ("refund.updated", refunded("COMPLETED"), ItemState::Succeeded),
        ("refund.updated", refunded("REJECTED"), ItemState::Failed),
        ("refund.updated", refunded("FAILED"), ItemState::Failed),
        ("dispute.created", disputed("EVIDENCE_REQUIRED"), ItemState::Pending),
        ("dispute.created", disputed("INQUIRY_EVIDENCE_REQUIRED"), ItemState::Pending),
        ("dispute.state.updated", disputed("WON"), ItemState::Failed),
        ("dispute.state.updated", disputed("LOST"), ItemState::Succeeded),
        ("dispute.state.changed", disputed("ACCEPTED"), ItemState::Succeeded),
    ] {
        let notification = notified(&event(kind, object));
        assert!(names(&notification, ReferenceKind::Payment, PAYMENT) && notification.proof.is_some());
        let facts = facts_of(notification.says);
        assert_eq!((facts.items.len(), facts.items[0].state, facts.word), (1, state, None), "{kind}");
        assert!(facts.items[0].at.is_some() && facts.at.is_some(), "{kind}");
    }
}

#[test]
fn events_that_only_make_the_hub_ask() {
    let updated = json!({"order_updated": {"order_id": ORDER, "state": "OPEN", "version": 4}});
    for (what, event) in [
        ("an order", event("order.updated", updated)),
        ("canceled", payment_event(payment("CANCELED", json!({})))),
        ("a strange word", payment_event(payment("IN_REVIEW", json!({})))),
        ("failed without a reason", payment_event(payment("FAILED", json!({})))),
        ("no note", payment_event(payment("COMPLETED", json!({"note": null})))),
        ("another's note", payment_event(payment("COMPLETED", json!({"note": "Table 4"})))),
        ("a part", payment_event(payment("COMPLETED", json!({"total_money": money(1000)})))),
        ("a part reserved", payment_event(payment("APPROVED", json!({"total_money": money(1000)})))),
        ("a tip", payment_event(payment("COMPLETED", json!({"total_money": money(1434)})))),
    ] {
        let notification = notified(&event);
        assert_eq!((&notification.says, notification.echo.as_deref()), (&Says::Changed, None), "{what}");
        assert!(names(&notification, ReferenceKind::Order, ORDER), "{what}");
    }
}

#[test]
fn only_our_own_notes_are_read() {
    for (note, is_ours) in [
        ("hub_attempt=att1; total=1234", true),
        ("hub_attempt=0123456789abcdefghij; total=1234", true),
        ("hub_attempt=0123456789abcdefghijk; total=1234", false),
        ("hub_attempt=; total=1234", false),
        ("hub_attempt=ATT1; total=1234", false),
        ("hub_attempt=att 1; total=1234", false),
        ("hub_attempt=att1; total=", false),
        ("hub_attempt=att1; total=1234.0", false),
        ("hub_attempt=att1; total=1234 changed", false),
        ("hub_attempt=att1", false),
        (" hub_attempt=att1; total=1234", false),
        ("att1", false),
    ] {
        let said = notified(&payment_event(payment("COMPLETED", json!({"note": note})))).says;
        assert_eq!(matches!(said, Says::Facts(_)), is_ours, "{note}");
    }
}

#[test]
fn only_our_own_reasons_are_read() {
    for (reason, echo) in [
        ("hub_refund=re1", Some("re1")),
        ("hub_refund=re1; Customer's wish; really", Some("re1")),
        ("hub_refund=re1;", None),
        ("hub_refund=re1 Customer's wish", None),
        ("hub_refund=", None),
        ("hub_refund=RE1", None),
        ("hub_refund=0123456789abcdefghijk", None),
        ("Requested by customer", None),
        ("re1", None),
        ("", None),
    ] {
        let refund = refund("COMPLETED", json!({"reason": reason}));
        let facts = facts_of(notified(&event("refund.updated", json!({"refund": refund}))).says);
        assert_eq!(facts.items[0].echo.as_deref(), echo, "{reason}");
    }
}

#[test]
fn events_that_are_not_ours() {
    for (what, event) in [
        ("a type", event("customer.created", json!({"customer": {"id": "c1"}}))),
        ("the test", event("webhooks.test_notification", json!(null))),
        ("a payment of no order", payment_event(payment("COMPLETED", json!({"order_id": null})))),
    ] {
        let notification = notified(&event);
        assert!(matches!(notification.says, Says::Ignored { .. }), "{what}: {notification:?}");
    }
}

#[test]
fn half_an_event_says_nothing() {
    let paid = payment_event(payment("COMPLETED", json!({})));
    let refunded = event("refund.updated", json!({"refund": refund("COMPLETED", json!({}))}));
    let disputed = event("dispute.created", json!({"dispute": dispute("LOST")}));
    let updated = event("order.updated", json!({"order_updated": {"order_id": ORDER}}));
    for (whole, pointer, name) in [
        (&paid, "", "event_id"),
        (&paid, "", "type"),
        (&paid, "", "created_at"),
        (&paid, "", "data"),
        (&paid, "/data", "object"),
        (&paid, "/data/object", "payment"),
        (&paid, "/data/object/payment", "id"),
        (&paid, "/data/object/payment", "status"),
        (&paid, "/data/object/payment", "total_money"),
        (&refunded, "/data/object", "refund"),
        (&refunded, "/data/object/refund", "id"),
        (&refunded, "/data/object/refund", "status"),
        (&refunded, "/data/object/refund", "amount_money"),
        (&disputed, "/data/object", "dispute"),
        (&disputed, "/data/object/dispute", "id"),
        (&disputed, "/data/object/dispute", "state"),
        (&disputed, "/data/object/dispute", "amount_money"),
        (&updated, "/data/object", "order_updated"),
        (&updated, "/data/object/order_updated", "order_id"),
    ] {
        let mut half = whole.clone();
        half.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap().remove(name);
        let reply = carry(Question::Delivery(signed(&half)), vec![]).1;
        assert!(matches!(reply, Reply::Fault(_)), "without {pointer}/{name}: {reply:?}");
    }
}

#[test]
fn a_dispute_goes_by_its_other_names_too() {
    let as_in_the_schema = event("dispute.created", json!({"object": dispute("LOST")}));
    assert_eq!(facts_of(notified(&as_in_the_schema).says).items[0].id.as_deref(), Some("dispute1"));
    let mut older = dispute("LOST");
    let id = older.as_object_mut().unwrap().remove("id").unwrap();
    older["dispute_id"] = id;
    let facts = facts_of(notified(&event("dispute.created", json!({"dispute": older}))).says);
    assert_eq!(facts.items[0].id.as_deref(), Some("dispute1"));
}

#[test]
fn a_returning_browser_proves_nothing() {
    let delivery = Delivery {
        channel: Channel::Return,
        query: vec![("orderId".to_owned(), ORDER.to_owned())],
        echo: Some(ECHO.to_owned()),
        ..signed(&payment_event(payment("COMPLETED", json!({}))))
    };
    let Reply::Notifications(said) = carry(Question::Delivery(delivery), vec![]).1 else { panic!() };
    assert_eq!((&said[0].says, said[0].proof, said[0].echo.as_deref()), (&Says::Changed, None, Some(ECHO)));
    assert_eq!(said[0].references, []);
}
