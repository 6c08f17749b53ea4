//! What Stripe's events mean.

use processor_sdk::{Channel, Delivery, Facts, ItemState, Question, ReferenceKind, Reply, Says, Word};
use serde_json::{Value, json};

use crate::support::*;

fn facts_of(says: Says) -> Facts {
    match says {
        Says::Facts(facts) => facts,
        other => panic!("not facts: {other:?}"),
    }
}

#[test]
fn events_that_say_what_is_so() {
    let done = || session("complete", "paid", json!({"payment_intent": PAYMENT}));
    for (kind, object, word, echo) in [
        ("checkout.session.completed", done(), Some(Word::Paid), Some(ECHO)),
        ("checkout.session.async_payment_succeeded", done(), Some(Word::Paid), Some(ECHO)),
        (
            "checkout.session.async_payment_failed",
            session("complete", "unpaid", json!({})),
            Some(Word::Declined),
            Some(ECHO),
        ),
        (
            "checkout.session.expired",
            session("expired", "unpaid", json!({})),
            Some(Word::Expired),
            Some(ECHO),
        ),
        ("payment_intent.amount_capturable_updated", reserved(), Some(Word::Authorized), Some(ECHO)),
        ("payment_intent.processing", payment("processing", json!({})), Some(Word::Pending), Some(ECHO)),
        ("payment_intent.succeeded", taken(1234, json!({})), Some(Word::Paid), Some(ECHO)),
        ("refund.created", refund("pending", json!({})), None, None),
        ("refund.updated", refund("succeeded", json!({})), None, None),
        ("refund.failed", refund("failed", json!({})), None, None),
        ("charge.refund.updated", refund("failed", json!({})), None, None),
        ("charge.dispute.created", dispute("needs_response"), None, None),
        ("charge.dispute.updated", dispute("under_review"), None, None),
        ("charge.dispute.closed", dispute("won"), None, None),
        ("charge.dispute.funds_withdrawn", dispute("needs_response"), None, None),
        ("charge.dispute.funds_reinstated", dispute("won"), None, None),
    ] {
        let notification = notified(&event(kind, object));
        assert_eq!(notification.event_id.as_deref(), Some("evt_1"), "{kind}");
        assert_eq!(notification.echo.as_deref(), echo, "{kind}");
        assert!(!notification.references.is_empty() && notification.proof.is_some(), "{kind}");
        let facts = facts_of(notification.says);
        assert_eq!(facts.word, word, "{kind}");
        assert_eq!(facts.at.unwrap().as_unix_seconds(), 1_700_000_300, "{kind}");
        let said_something = facts.word.is_some() || facts.items.len() == 1;
        assert!(said_something, "{kind}");
    }
}

#[test]
fn events_that_only_make_the_hub_ask() {
    let charge = json!({"id": CHARGE, "object": "charge", "payment_intent": PAYMENT, "amount_refunded": 500,
        "metadata": {"hub_attempt": ECHO}});
    let unpaid = session("complete", "unpaid", json!({"payment_intent": PAYMENT}));
    let not_ours = json!({"balance_transaction": null, "metadata": {}});
    for (kind, object) in [
        ("checkout.session.completed", unpaid),
        ("payment_intent.canceled", payment("canceled", json!({}))),
        ("charge.refunded", charge),
        ("refund.created", refund("succeeded", not_ours)),
    ] {
        let notification = notified(&event(kind, object));
        assert_eq!(notification.says, Says::Changed, "{kind}");
        let names_payment = notification
            .references
            .iter()
            .any(|reference| reference.kind == ReferenceKind::Payment && reference.id == PAYMENT);
        assert!(names_payment, "{kind}");
    }
}

#[test]
fn events_that_are_not_ours() {
    let foreign = || json!({"metadata": {}});
    let done = || session("complete", "paid", json!({}));
    for (what, event) in [
        ("type", event("customer.created", json!({"id": "cus_1", "object": "customer"}))),
        ("session", event("checkout.session.completed", changed(done(), foreign()))),
        ("payment", event("payment_intent.succeeded", taken(5, foreign()))),
        ("mode", changed(event("checkout.session.completed", done()), json!({"livemode": true}))),
        ("account", changed(event("checkout.session.completed", done()), json!({"account": "acct_2"}))),
        ("API", changed(event("checkout.session.completed", done()), json!({"object": "v2.core.event"}))),
    ] {
        let notification = notified(&event);
        assert!(matches!(notification.says, Says::Ignored { .. }), "{what}: {notification:?}");
    }
}

#[test]
fn a_connected_account_hears_of_itself_only() {
    let completed = event("checkout.session.completed", session("complete", "paid", json!({})));
    for (account, is_read) in [(json!("acct_1"), true), (json!("acct_2"), false), (json!(null), false)] {
        let event = changed(completed.clone(), json!({"account": account}));
        let mut delivery = delivery("t=1700000400,v1=aa", &event.to_string());
        delivery.settings.0.insert("account".to_owned(), json!("acct_1"));
        let Reply::Notifications(said) = carry(Question::Delivery(delivery), vec![]).1 else { panic!() };
        assert_eq!(matches!(said[0].says, Says::Facts(_)), is_read, "{account}");
    }
}

#[test]
fn half_an_event_says_nothing() {
    let whole = event("payment_intent.succeeded", taken(1234, json!({})));
    let without = |pointer: &str, name: &str| {
        let mut event = whole.clone();
        event.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap().remove(name);
        event
    };
    for (pointer, name) in [
        ("", "id"),
        ("", "object"),
        ("", "type"),
        ("", "created"),
        ("", "livemode"),
        ("", "data"),
        ("/data/object", "id"),
        ("/data/object", "status"),
        ("/data/object", "amount"),
        ("/data/object", "amount_received"),
        ("/data/object", "currency"),
    ] {
        let delivery = delivery("t=1700000400,v1=aa", &without(pointer, name).to_string());
        let reply = carry(Question::Delivery(delivery), vec![]).1;
        assert!(matches!(reply, Reply::Fault(_)), "without {pointer}/{name}: {reply:?}");
    }
}

#[test]
fn a_refund_is_found_by_its_payment_even_without_an_echo() {
    let of_dashboard = refund("succeeded", json!({"metadata": {}}));
    let notification = notified(&event("refund.created", of_dashboard));
    let facts = facts_of(notification.says);
    assert_eq!((facts.items[0].state, facts.items[0].echo.as_deref()), (ItemState::Succeeded, None));
    assert!(notification.references.iter().any(|reference| reference.id == PAYMENT));
}

#[test]
fn a_returning_browser_proves_nothing() {
    let delivery = Delivery {
        channel: Channel::Return,
        query: vec![("payment_status".to_owned(), "paid".to_owned())],
        echo: Some(ECHO.to_owned()),
        ..delivery("", "")
    };
    let Reply::Notifications(said) = carry(Question::Delivery(delivery), vec![]).1 else { panic!() };
    assert_eq!((&said[0].says, said[0].proof, said[0].echo.as_deref()), (&Says::Changed, None, Some(ECHO)));
}
