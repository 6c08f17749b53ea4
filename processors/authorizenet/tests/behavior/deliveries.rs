//! What Authorize.Net's events come to: always what the details of their record say.

use processor_sdk::{Channel, Delivery, Facts, Fault, ItemState, Question, ReferenceKind, Reply, Says, Word};
use serde_json::{Value, json};

use crate::support::*;

fn facts_of(says: Says) -> Facts {
    match says {
        Says::Facts(facts) => facts,
        other => panic!("not facts: {other:?}"),
    }
}

#[test]
fn events_about_payments() {
    let reserved = || authorized();
    let held = || payment("FDSPendingReview", json!({}));
    let sale = || payment("capturedPendingSettlement", json!({}));
    for (kind, details, word) in [
        ("authorization.created", reserved(), Word::Authorized),
        ("authcapture.created", sale(), Word::Paid),
        ("capture.created", sale(), Word::Paid),
        ("priorAuthCapture.created", sale(), Word::Paid),
        ("fraud.held", held(), Word::Pending),
        ("fraud.approved", sale(), Word::Paid),
        ("fraud.approved", reserved(), Word::Authorized),
        // What the event is called and says counts for nothing.
        ("authcapture.created", held(), Word::Pending),
        ("authcapture.created", reserved(), Word::Authorized),
        ("void.created", sale(), Word::Paid),
        ("something.new", sale(), Word::Paid),
        ("authcapture.created", payment("zombified", json!({})), Word::Unknown("zombified".to_owned())),
    ] {
        let notification = notified(&event(kind, json!({})), vec![details]);
        assert_eq!(notification.event_id.as_deref(), Some("n1"), "{kind}");
        assert_eq!(notification.echo.as_deref(), Some(ECHO), "{kind}");
        assert!(notification.proof.is_some(), "{kind}");
        let names_payment = |reference: &&processor_sdk::Reference| {
            reference.kind == ReferenceKind::Payment && reference.id == ID
        };
        assert_eq!(notification.references.iter().filter(names_payment).count(), 1, "{kind}");
        let facts = facts_of(notification.says);
        assert_eq!(facts.word, Some(word), "{kind}");
        assert_eq!(facts.at.unwrap().to_rfc3339(), "2026-01-02T03:09:46.772200Z", "{kind}");
    }
}

#[test]
fn events_that_only_make_the_hub_ask() {
    for (kind, details) in [
        ("void.created", payment("voided", json!({}))),
        ("fraud.declined", payment("failedReview", json!({}))),
        ("fraud.declined", payment("declined", json!({}))),
        ("void.created", payment("couldNotVoid", json!({}))),
        ("authcapture.created", error("E00040")),
    ] {
        let notification = notified(&event(kind, json!({})), vec![details]);
        assert_eq!(notification.says, Says::Changed, "{kind}");
        assert_eq!(notification.echo.as_deref(), Some(ECHO), "{kind}");
        assert_eq!(notification.references[0].id, ID, "{kind}");
    }
}

#[test]
fn events_about_refunds() {
    let event = |kind: &str| event(kind, json!({"id": REFUND_ID, "authAmount": 5.0}));
    let settled = || payment("settledSuccessfully", json!({}));
    for (kind, status, changes, state, echo) in [
        ("refund.created", "refundPendingSettlement", json!({}), ItemState::Pending, Some("re1")),
        ("refund.created", "refundSettledSuccessfully", json!({}), ItemState::Succeeded, Some("re1")),
        ("void.created", "voided", json!({}), ItemState::Failed, Some("re1")),
        // Made by hand: with its payment's invoice number, one of its own, or none.
        (
            "refund.created",
            "refundPendingSettlement",
            json!({"order": {"invoiceNumber": ECHO}}),
            ItemState::Pending,
            None,
        ),
    ] {
        let notification = notified(&event(kind), vec![refund(status, changes), settled()]);
        // Its payment tells whose it is.
        assert_eq!(notification.echo.as_deref(), Some(ECHO), "{kind} {status}");
        let ids: Vec<_> = notification.references.iter().map(|reference| reference.id.as_str()).collect();
        assert_eq!(ids, [ID, REFUND_ID], "{kind} {status}");
        let facts = facts_of(notification.says);
        assert_eq!((facts.word, facts.captured, facts.items.len()), (None, None, 1), "{kind} {status}");
        let item = &facts.items[0];
        assert_eq!((item.state, item.id.as_deref(), item.echo.as_deref()), (state, Some(REFUND_ID), echo));
        assert_eq!(item.amount.map(|amount| amount.minor()), Some(500));
    }
    // Its payment is not to be found yet: the hub asks.
    let unseen = notified(
        &event("refund.created"),
        vec![refund("refundPendingSettlement", json!({})), error("E00040")],
    );
    assert_eq!((unseen.says, unseen.references[0].id.as_str()), (Says::Changed, ID));
}

#[test]
fn events_that_are_not_ours() {
    let foreign = || json!({"order": {"invoiceNumber": "INV-2026/77"}});
    let of_nothing = json!({"refTransId": null});
    let other_kind = changed(event("x", json!({})), json!({"eventType": "net.authorize.customer.created"}));
    for (what, event, responses) in [
        ("type", other_kind, vec![]),
        ("entity", event("authcapture.created", json!({"entityName": "subscription"})), vec![]),
        ("test mode", event("authcapture.created", json!({"id": "0"})), vec![]),
        ("payment", event("authcapture.created", json!({})), vec![payment("settledSuccessfully", foreign())]),
        (
            "refund",
            event("refund.created", json!({"id": REFUND_ID})),
            vec![refund("refundPendingSettlement", foreign()), payment("settledSuccessfully", foreign())],
        ),
        (
            "refund of nothing",
            event("refund.created", json!({"id": REFUND_ID})),
            vec![refund("refundPendingSettlement", of_nothing)],
        ),
    ] {
        let notification = notified(&event, responses);
        assert!(matches!(notification.says, Says::Ignored { .. }), "{what}: {notification:?}");
    }
}

/// Whether hosted pages hand the reference on is not documented; the invoice number they do.
#[test]
fn either_reference_finds_the_attempt() {
    let bare = |transaction: Value, reference: Value| {
        let fields = json!({
            "transId": ID, "submitTimeUTC": "2026-01-02T03:09:45Z", "transactionType": "authCaptureTransaction",
            "transactionStatus": "capturedPendingSettlement", "authAmount": 12.34, "settleAmount": 12.34,
        });
        ok(json!({"transaction": changed(fields, transaction), "transrefId": reference}))
    };
    let invoice = || json!({"order": {"invoiceNumber": ECHO}});
    for (details, expected) in [
        (bare(invoice(), json!(null)), Some(ECHO)),
        (bare(json!({}), json!(ECHO)), Some(ECHO)),
        (bare(invoice(), json!("other1")), Some(ECHO)),
        // Not of the form of ours, or too long for it.
        (bare(json!({}), json!("Ref 1")), None),
        (bare(json!({}), json!("0123456789abcdefghijk")), None),
        (bare(json!({}), json!(null)), None),
    ] {
        let notification = notified(&event("authcapture.created", json!({})), vec![details]);
        assert_eq!(notification.echo.as_deref(), expected);
        assert!(matches!(notification.says, Says::Facts(_)), "its id may be known");
    }
}

#[test]
fn half_an_event_says_nothing() {
    let whole = event("authcapture.created", json!({}));
    for (pointer, name) in [("", "notificationId"), ("", "eventType"), ("", "payload"), ("/payload", "id")] {
        let mut event = whole.clone();
        event.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap().remove(name);
        let reply = heard(&event, vec![]);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "without {name}: {reply:?}");
    }
}

#[test]
fn half_a_record_says_nothing() {
    for name in
        ["transId", "transactionType", "transactionStatus", "authAmount", "settleAmount", "submitTimeUTC"]
    {
        let half = || payment("capturedPendingSettlement", json!({ name: null }));
        let asked = reply(fetch_payment(), vec![half()]);
        assert!(matches!(asked, Reply::Fault(Fault::Unreadable { .. })), "without {name}: {asked:?}");
        // The delivery itself can be read, and is worth another try.
        let delivered = heard(&event("authcapture.created", json!({})), vec![half()]);
        assert_eq!(delivered, Reply::Fault(Fault::Processor { status: 200 }), "without {name}");
    }
}

#[test]
fn a_returning_browser_proves_nothing() {
    let delivery = Delivery {
        channel: Channel::Return,
        query: vec![("transId".to_owned(), ID.to_owned())],
        echo: Some(ECHO.to_owned()),
        ..delivery("", "")
    };
    let (requests, reply) = carry(Question::Delivery(delivery), vec![]);
    let Reply::Notifications(said) = reply else { panic!("{reply:?}") };
    assert_eq!((requests.len(), &said[0].says, said[0].proof), (0, &Says::Changed, None));
    assert_eq!((said[0].references.len(), said[0].echo.as_deref()), (0, Some(ECHO)));
}
