//! What Sandbox Pay's webhooks and returning browsers mean.

use processor_sandbox::Sandbox;
use processor_sdk::{
    Ask, Channel, Delivery, Fault, Notification, Question, Reference, ReferenceKind, Reply, Says, Step, Word,
    run,
};
use serde_json::{Value, json};

use crate::support::*;

fn delivery(headers: &[(&str, &str)], body: &Value) -> Delivery {
    let delivery = json!({
        "channel": "webhook", "url": "https://hub.example/webhooks/sandbox", "headers": headers,
        "body": {"text": body.to_string()}, "received_at": "2023-11-14T22:20:01Z", "livemode": false,
    });
    serde_json::from_value(delivery).unwrap()
}

fn event(kind: &str, object: &Value) -> Value {
    json!({"id": "ev_1", "type": kind, "created": 1_700_000_300, "livemode": false, "data": {"object": object}})
}

const SIGNED: [(&str, &str); 1] = [("sandbox-signature", "t=1700000400,v1=aa")];

fn notification(event: &Value) -> Notification {
    match carry(Question::Delivery(delivery(&SIGNED, event)), vec![]).1 {
        Reply::Notifications(mut notifications) if notifications.len() == 1 => notifications.remove(0),
        other => panic!("{other:?}"),
    }
}

#[test]
fn event_types() {
    let inside = |status: &str| json!({"payment": payment(status, json!({}))});
    for (kind, object, word, echo, reference) in [
        (
            "session.processing",
            session("processing", inside("processing")),
            Some(Word::Pending),
            ECHO,
            SESSION,
        ),
        (
            "session.authorized",
            session("authorized", inside("authorized")),
            Some(Word::Authorized),
            ECHO,
            SESSION,
        ),
        ("session.paid", session("paid", inside("captured")), Some(Word::Paid), ECHO, SESSION),
        ("session.declined", session("declined", json!({})), Some(Word::Declined), ECHO, SESSION),
        ("session.expired", session("expired", json!({})), Some(Word::Expired), ECHO, SESSION),
        ("session.voided", session("voided", inside("voided")), Some(Word::Voided), ECHO, SESSION),
        ("payment.captured", payment("captured", json!({})), Some(Word::Paid), ECHO, SESSION),
        ("refund.pending", refund("pending"), None, "", PAYMENT),
        ("refund.succeeded", refund("succeeded"), None, "", PAYMENT),
        ("refund.failed", refund("failed"), None, "", PAYMENT),
        ("dispute.opened", dispute("open"), None, "", PAYMENT),
        ("dispute.won", dispute("won"), None, "", PAYMENT),
        ("dispute.lost", dispute("lost"), None, "", PAYMENT),
    ] {
        let notification = notification(&event(kind, &object));
        assert_eq!(notification.event_id.as_deref(), Some("ev_1"));
        assert_eq!(notification.echo.as_deref().unwrap_or_default(), echo, "{kind}");
        assert!(notification.references.iter().any(|known| known.id == reference), "{kind}");
        assert_eq!(notification.proof.map(|proof| proof.exchange()), Some(0), "{kind}");
        let Says::Facts(facts) = notification.says else { panic!("{kind}: no facts") };
        assert_eq!(facts.word, word, "{kind}");
        assert_eq!(facts.at.unwrap().as_unix_seconds(), 1_700_000_300, "{kind}: dated by the event");
        assert_eq!(facts.items.len(), usize::from(word.is_none()), "{kind}");
    }
}

#[test]
fn an_event_that_only_names_its_object_is_a_reason_to_ask() {
    for (kind, thing, id, echo) in [
        ("session.paid", "session", SESSION, Some(ECHO)),
        ("payment.captured", "payment", PAYMENT, Some(ECHO)),
        ("refund.succeeded", "refund", "rf_1", None),
        ("dispute.opened", "dispute", "dd_1", None),
    ] {
        let object = json!({"id": id, "object": thing, "reference": ECHO});
        let notification = notification(&event(kind, &object));
        assert_eq!(notification.says, Says::Changed, "{kind}");
        assert_eq!((notification.event_id.as_deref(), notification.echo.as_deref()), (Some("ev_1"), echo));
        assert_eq!(notification.references[0].id, id, "{kind}");
    }
}

#[test]
fn events_that_say_nothing_to_us() {
    let other_mode = changed(event("session.paid", &session("paid", json!({}))), json!({"livemode": true}));
    for event in [
        event("coupon.created", &json!({})),
        event("session.archived", &session("paid", json!({}))),
        other_mode,
    ] {
        let notification = notification(&event);
        assert!(matches!(notification.says, Says::Ignored { .. }), "{event}");
        assert_eq!((notification.references, notification.echo), (vec![], None));
    }
}

#[test]
fn signature_headers() {
    let check = |headers: &[(&str, &str)]| {
        let ask = Ask::new(Question::Delivery(delivery(
            headers,
            &event("session.paid", &session("paid", json!({}))),
        )));
        run(&Sandbox, &ask)
    };
    for (header, signatures) in [
        ("t=1700000400,v1=aa", vec!["aa"]),
        ("v1=aa, t=1700000400", vec!["aa"]),
        ("t=1700000400,v1=aa,v0=cc,v1=bb", vec!["aa", "bb"]),
    ] {
        let Reply::Step(Step::Verify(asked)) = check(&[("Sandbox-Signature", header)]) else {
            panic!("{header}")
        };
        let expected = json!({
            "kind": "mac", "algorithm": "hmac_sha256", "key": {"name": "webhook_secret"}, "encoding": "hex",
            "over": [{"text": "1700000400."}, "delivery_body"], "candidates": signatures,
            "timestamp": {"at": "2023-11-14T22:20:00Z", "tolerance_s": 300},
        });
        assert_eq!(serde_json::to_value(asked).unwrap(), expected, "{header}");
    }
    for header in
        ["", "t=1700000400", "v1=aa", "t=,v1=aa", "t=soon,v1=aa", "t=99999999999999,v1=aa", "t:1,v1:aa"]
    {
        let reply = check(&[("Sandbox-Signature", header)]);
        assert_eq!(reply, Reply::Fault(Fault::forged("malformed header")), "{header:?}");
    }
    assert_eq!(check(&[("X-Signature", "t=1,v1=aa")]), Reply::Fault(Fault::forged("absent header")));
}

#[test]
fn a_return_is_only_a_hint() {
    for (query, session) in [
        (json!([["session", SESSION]]), Some(SESSION)),
        (json!([["session", "<script>"], ["status", "paid"]]), None),
        (json!([]), None),
    ] {
        let mut returned = delivery(&SIGNED, &event("session.paid", &self::session("paid", json!({}))));
        returned.channel = Channel::Return;
        returned.echo = Some(ECHO.to_owned());
        returned.query = serde_json::from_value(query).unwrap();
        let expected = Notification {
            event_id: None,
            references: session.map(|id| Reference::new(ReferenceKind::Session, id)).into_iter().collect(),
            echo: Some(ECHO.to_owned()),
            says: Says::Changed,
            proof: None,
        };
        let (_, reply) = carry(Question::Delivery(returned), vec![]);
        assert_eq!(reply, Reply::Notifications(vec![expected]));
    }
}
