//! What BTCPay Server's events mean.

use processor_sdk::{
    Channel, Delivery, Facts, Fault, Notification, Question, ReferenceKind, Reply, Says, Word,
};
use serde_json::{Value, json};

use crate::support::*;

fn names_invoice(notification: &Notification) -> bool {
    let [reference] = notification.references.as_slice() else { return false };
    reference.kind == ReferenceKind::Session && reference.id == INVOICE
}

#[test]
fn events_that_only_make_the_hub_ask() {
    for (kind, extra) in [
        ("InvoiceReceivedPayment", json!({"afterExpiration": false, "paymentMethodId": "BTC-CHAIN"})),
        ("InvoiceReceivedPayment", json!({"afterExpiration": true})),
        ("InvoicePaymentSettled", json!({"afterExpiration": true})),
        ("InvoiceSettled", json!({"manuallyMarked": true, "overPaid": true})),
        ("InvoiceExpired", json!({"partiallyPaid": false})),
        ("InvoiceExpired", json!({"partiallyPaid": true})),
        ("InvoiceInvalid", json!({"manuallyMarked": false})),
        // A type of event about an invoice that came after this adapter.
        ("InvoiceRefunded", json!({})),
    ] {
        let notification = notified(&event(kind, extra));
        assert_eq!(notification.says, Says::Changed, "{kind}");
        assert_eq!(notification.event_id.as_deref(), Some("D1"), "{kind}");
        assert_eq!(notification.echo.as_deref(), Some(ECHO), "{kind}");
        assert!(names_invoice(&notification) && notification.proof.is_some(), "{kind}");
    }
}

#[test]
fn an_invoice_that_was_paid_in_full_is_no_money_yet() {
    let notification = notified(&event("InvoiceProcessing", json!({"overPaid": false})));
    assert!(names_invoice(&notification) && notification.proof.is_some());
    let Says::Facts(facts) = notification.says else { panic!("{:?}", notification.says) };
    assert_eq!(
        (facts.word.clone(), facts.at.unwrap().as_unix_seconds()),
        (Some(Word::Pending), CREATED_S + 300)
    );
    let bare =
        Facts { references: notification.references.into_iter().collect(), at: facts.at, ..Facts::default() };
    assert_eq!(facts, Facts { word: Some(Word::Pending), ..bare }, "and nothing else is said");
}

#[test]
fn events_that_are_not_ours() {
    for (what, event) in [
        ("known already", event("InvoiceCreated", json!({}))),
        (
            "another kind of thing",
            without(event("PayoutApproved", json!({"pullPaymentId": PULL})), "invoiceId"),
        ),
        ("another kind of thing", event("PaymentRequestStatusChanged", json!({}))),
        ("another kind of thing", event("SubscriberCreated", json!({}))),
        ("a trial", without(event("InvoiceSettled", json!({"invoiceId": "__test__1__test__"})), "metadata")),
        ("another store", event("InvoiceSettled", json!({"storeId": "S2"}))),
        ("another shop of the store", event("InvoiceSettled", json!({"metadata": {"orderId": "1001"}}))),
        ("made in the dashboard", event("InvoiceSettled", json!({"metadata": {}}))),
        ("another shop of the store", event("InvoiceProcessing", json!({"metadata": {"orderId": ECHO}}))),
    ] {
        let notification = notified(&event);
        assert!(matches!(notification.says, Says::Ignored { .. }), "{what}: {notification:?}");
        assert!(notification.references.is_empty() && notification.echo.is_none(), "{what}");
    }
}

#[test]
fn half_an_event_says_nothing() {
    for name in ["type", "storeId", "invoiceId", "timestamp"] {
        let reply = received(&without(event("InvoiceProcessing", json!({})), name));
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "without {name}: {reply:?}");
    }
    let unnamed = without(without(event("InvoiceSettled", json!({})), "deliveryId"), "originalDeliveryId");
    for event in [unnamed, json!([]), json!({}), json!(null), json!("InvoiceSettled")] {
        let reply = received(&event);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{event}: {reply:?}");
    }
}

#[test]
fn a_redelivery_is_the_same_event() {
    for (delivery_id, original, expected) in [
        (json!("D1"), json!("D1"), "D1"),
        (json!("D2"), json!("D1"), "D1"),
        (json!("D3"), json!("D1"), "D1"),
        // The first delivery, by versions that leave it out then.
        (json!("D1"), json!(null), "D1"),
        (json!("D1"), json!(""), "D1"),
    ] {
        let ids = json!({"deliveryId": delivery_id, "originalDeliveryId": original, "isRedelivery": true});
        let notification = notified(&event("InvoiceSettled", ids));
        assert_eq!(notification.event_id.as_deref(), Some(expected), "{delivery_id} {original}");
    }
}

#[test]
fn a_returning_browser_proves_nothing() {
    let delivery = Delivery {
        channel: Channel::Return,
        query: vec![("status".to_owned(), "Settled".to_owned()), ("invoiceId".to_owned(), "I2".to_owned())],
        echo: Some(ECHO.to_owned()),
        ..delivery(&[], &event("InvoiceProcessing", json!({})).to_string())
    };
    let (requests, reply) = carry(Question::Delivery(delivery), vec![]);
    let Reply::Notifications(said) = reply else { panic!("{reply:?}") };
    assert_eq!((requests.len(), &said[0].says, said[0].proof), (0, &Says::Changed, None));
    assert_eq!((said[0].echo.as_deref(), said[0].references.as_slice()), (Some(ECHO), [].as_slice()));
}

/// Whatever stands in an event beside its ids, nothing but a look-up moves money.
#[test]
fn no_event_settles_anything() {
    let tempting: Value = json!({
        "status": "Settled", "additionalStatus": "None", "amount": "12.34", "paidAmount": "12.34",
        "payment": {"status": "Settled", "value": "12.34"}, "manuallyMarked": true,
    });
    for kind in [
        "InvoiceCreated",
        "InvoiceReceivedPayment",
        "InvoiceProcessing",
        "InvoiceExpired",
        "InvoiceSettled",
        "InvoiceInvalid",
        "InvoicePaymentSettled",
        "InvoiceAnything",
    ] {
        match notified(&event(kind, tempting.clone())).says {
            Says::Facts(facts) => {
                assert_eq!(
                    (facts.word, facts.captured, facts.amount),
                    (Some(Word::Pending), None, None),
                    "{kind}"
                );
            }
            Says::Changed | Says::Ignored { .. } => {}
        }
    }
}
