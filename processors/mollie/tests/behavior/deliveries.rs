//! What Mollie's calls name, and that none of them says what is so.

use processor_sdk::{Fault, Notification, Reference, ReferenceKind, Reply, Says};
use serde_json::json;

use crate::support::*;

fn named(notification: &Notification) -> Vec<(ReferenceKind, &str)> {
    let pair = |reference: &'_ Reference| reference.kind;
    notification.references.iter().map(|reference| (pair(reference), reference.id.as_str())).collect()
}

#[test]
fn a_classic_call_names_a_payment() {
    for (body, query, echo) in [
        ("id=tr_7UhSN1zuXS", json!([["hub_attempt", "att1"]]), Some("att1")),
        ("id=tr_7UhSN1zuXS\r\n", json!([["hub_attempt", "att1"]]), Some("att1")),
        ("id=tr_7UhSN1zuXS&more=1", json!([]), None),
        // Not what we put there: it finds nothing.
        ("id=tr_7UhSN1zuXS", json!([["hub_attempt", "ATT1"]]), None),
        ("id=tr_7UhSN1zuXS", json!([["hub_attempt", ""]]), None),
        ("id=tr_7UhSN1zuXS", json!([["hub_attempt", "0123456789abcdefghijk"]]), None),
    ] {
        let notification = notified(delivery(body, json!({"query": query})));
        assert_eq!(named(&notification), [(ReferenceKind::Payment, PAYMENT)], "{body}");
        assert_eq!(notification.echo.as_deref(), echo, "{query}");
        assert_eq!(
            (notification.says, notification.proof, notification.event_id),
            (Says::Changed, None, None)
        );
    }
}

#[test]
fn what_is_nothing_of_ours_is_acknowledged() {
    for (body, query) in [
        ("testByMollie=1", json!([])),
        ("testByMollie", json!([])),
        ("", json!([["testByMollie", "1"]])),
        ("id=ord_kEn1PlbGa", json!([])),
    ] {
        let notification = notified(delivery(body, json!({"query": query})));
        assert!(matches!(notification.says, Says::Ignored { .. }), "{body}: {notification:?}");
        assert_eq!((notification.references, notification.echo), (vec![], None));
    }
}

#[test]
fn what_is_no_call_of_mollies_is_refused() {
    for body in [
        "",
        "id=",
        "id",
        "id=tr_",
        "id=tr_7Uh/../x",
        "id=tr_7Uh%20x",
        "id=TR_7UhSN1zuXS",
        "id=re_4qqhO89gsT",
        "id=tr_1&id=tr_2",
        "ID=tr_7UhSN1zuXS",
        "{\"id\":\"tr_7UhSN1zuXS\"}",
        "<html></html>",
        &format!("id=tr_{}", "x".repeat(62)),
    ] {
        let reply = received(delivery(body, json!({})));
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{body}: {reply:?}");
    }
    let binary = received(delivery("", json!({"body": {"base64": "aWQ9dHJf/w=="}})));
    assert!(matches!(binary, Reply::Fault(Fault::Unreadable { .. })), "{binary:?}");
}

#[test]
fn a_returning_browser_proves_nothing() {
    let back = json!({"channel": "return", "echo": ECHO, "query": [["status", "paid"], ["id", PAYMENT]]});
    let notification = notified(delivery("", back));
    assert_eq!((notification.says, notification.echo.as_deref()), (Says::Changed, Some(ECHO)));
    assert_eq!((notification.references, notification.proof), (vec![], None));
}

#[test]
fn a_setting_that_is_none_of_ours_reads_nothing() {
    for (webhooks, is_read) in [("classic", true), ("off", true), ("both", false)] {
        let mut call = delivery("id=tr_7UhSN1zuXS", json!({}));
        call.settings.0.insert("webhooks".to_owned(), json!(webhooks));
        assert_eq!(matches!(received(call), Reply::Notifications(_)), is_read, "{webhooks}");
    }
}
