//! The known answer for signed calls, everything that must not pass for one, and what a signed call names.
//!
//! The digest of the known answer was computed with Mollie's own Python library, `mollie_api_py`
//! (`SignatureValidator.create_signature`), and checked with plain HMAC-SHA256.

use processor_mollie::Mollie;
use processor_sdk::conformance::{End, Host, Secrets, mac, run_through};
use processor_sdk::{
    Delivery, Fault, MacAlgorithm, MacRequest, Part, Question, ReferenceKind, Reply, Says, SecretRef,
    TextEncoding,
};
use serde_json::{Value, json};

use crate::support::*;

const PAID: &str = r#"{"resource":"event","id":"event_GvJ8WHrp5isUdRub9CJyH","type":"payment.paid","entityId":"tr_5B8cwPMGnU6qLbRvo7qEZo","createdAt":"2026-01-02T03:04:05+00:00"}"#;
const PAID_HEX: &str = "df2ce69b282638053072bbb993d2314d4476fd4ee2e8da67054cd551ba237c7c";
const NO_HEX: &str = "0000000000000000000000000000000000000000000000000000000000000000";

fn signed(body: &str, headers: &[&str]) -> Delivery {
    let headers: Vec<_> = headers.iter().map(|value| json!(["X-Mollie-Signature", value])).collect();
    let mut delivery = delivery(body, json!({"headers": headers, "query": []}));
    delivery.settings.0.insert("webhooks".to_owned(), json!("signed"));
    delivery
}

/// Whether a delivery passes at a connector with these secrets; of several, the host tries each.
fn passes(secret: &str, delivery: Delivery) -> bool {
    let secrets: Secrets = [("webhook_secret".to_owned(), secret.to_owned())].into();
    let host = Host { secrets: &secrets, recorded: None };
    match run_through(&Mollie, &Question::Delivery(delivery), &host, &mut |_, _| None).end {
        End::Reply(Reply::Notifications(_)) => true,
        End::Reply(Reply::Fault(Fault::Forged { .. })) => false,
        other => panic!("{other}"),
    }
}

#[test]
fn the_known_answer_passes() {
    let prefixed = format!("sha256={PAID_HEX}");
    for headers in [
        vec![prefixed.as_str()],
        vec![PAID_HEX],
        // Several values, as headers of their own or put together on the way.
        vec!["sha256=00", &prefixed],
        vec![&format!("sha256={NO_HEX}, {prefixed}")],
        vec![&format!("sha256={}", PAID_HEX.to_uppercase())],
    ] {
        assert!(passes(SECRET, signed(PAID, &headers)), "{headers:?}");
    }
}

#[test]
fn forgeries_do_not_pass() {
    let whole = format!("sha256={PAID_HEX}");
    for (why, secret, headers, body) in [
        ("no header", SECRET, vec![], PAID.to_owned()),
        ("an empty header", SECRET, vec![""], PAID.to_owned()),
        ("no signature", SECRET, vec!["sha256="], PAID.to_owned()),
        ("a wrong signature", SECRET, vec![NO_HEX], PAID.to_owned()),
        ("a part of it", SECRET, vec![&whole[..40]], PAID.to_owned()),
        ("another scheme", SECRET, vec![&format!("sha1={PAID_HEX}")], PAID.to_owned()),
        ("another secret", "whsec_test_mollie_0002", vec![&whole], PAID.to_owned()),
        ("an empty secret", "", vec![&whole], PAID.to_owned()),
        ("one byte of the body", SECRET, vec![&whole], PAID.replace("paid", "pais")),
        ("another payment", SECRET, vec![&whole], PAID.replace("qEZo", "qEZp")),
        ("a space more", SECRET, vec![&whole], format!("{PAID} ")),
        ("no body", SECRET, vec![&whole], String::new()),
        ("a classic call", SECRET, vec![], format!("id={PAYMENT}")),
    ] {
        assert!(!passes(secret, signed(&body, &headers)), "{why}");
    }
}

#[test]
fn every_flipped_bit_is_refused() {
    for index in 0..PAID.len() {
        let mut body = PAID.as_bytes().to_vec();
        body[index] ^= 1 << (index % 7);
        let Ok(body) = String::from_utf8(body) else { continue };
        assert!(!passes(SECRET, signed(&body, &[PAID_HEX])), "byte {index}");
    }
}

#[test]
fn a_connector_without_the_secret_believes_nothing() {
    let host = Host { secrets: &Secrets::new(), recorded: None };
    let question = Question::Delivery(signed(PAID, &[PAID_HEX]));
    let end = run_through(&Mollie, &question, &host, &mut |_, _| None).end;
    assert!(matches!(end, End::Reply(Reply::Fault(Fault::Forged { .. }))), "{end}");
}

/// A delivery with the signature that Mollie would give it.
fn genuine(body: &Value) -> Delivery {
    let mut delivery = signed(&body.to_string(), &[]);
    let secrets: Secrets = [("webhook_secret".to_owned(), SECRET.to_owned())].into();
    let request = MacRequest {
        algorithm: MacAlgorithm::HmacSha256,
        key: Some(SecretRef::named("webhook_secret")),
        over: vec![Part::DeliveryBody],
        encoding: TextEncoding::Hex,
    };
    let digest = mac(&request, Some(&delivery), &secrets).unwrap();
    delivery.headers.push("x-mollie-signature", &format!("sha256={digest}"));
    delivery
}

fn event(kind: &str, entity_id: &str, entity: Option<Value>) -> Value {
    let event = json!({"resource": "event", "id": "event_1", "type": kind, "entityId": entity_id});
    match entity {
        Some(entity) => changed(event, json!({"_embedded": {"entity": entity}})),
        None => event,
    }
}

#[test]
fn events_make_the_hub_ask() {
    use ReferenceKind::{Capture, Dispute, Payment, Refund};
    let refund = refund_object("refunded", json!({}));
    let whole = |kind: &str, entity: Value| event(kind, entity["id"].as_str().unwrap(), Some(entity.clone()));
    for (body, expected, echo) in [
        (event("payment.paid", PAYMENT, None), vec![(Payment, PAYMENT)], None),
        (event("payment.pending", PAYMENT, None), vec![(Payment, PAYMENT)], None),
        (whole("payment.failed", payment("failed", json!({}))), vec![(Payment, PAYMENT)], Some(ECHO)),
        (event("refund.queued", "re_1", None), vec![(Refund, "re_1")], None),
        (whole("refund.canceled", refund.clone()), vec![(Refund, "re_1"), (Payment, PAYMENT)], None),
        (
            whole("chargeback.received", dispute_object(json!({}))),
            vec![(Dispute, "chb_1"), (Payment, PAYMENT)],
            None,
        ),
        (
            whole("chargeback.reversed", dispute_object(json!({}))),
            vec![(Dispute, "chb_1"), (Payment, PAYMENT)],
            None,
        ),
        (
            whole("capture.failed", capture_object("failed", json!({}))),
            vec![(Capture, "cpt_1"), (Payment, PAYMENT)],
            None,
        ),
        // A kind that may be added one day.
        (event("payment.reviewed", PAYMENT, None), vec![(Payment, PAYMENT)], None),
        // The bare entity in place of an event.
        (refund, vec![(Refund, "re_1"), (Payment, PAYMENT)], None),
        // Metadata of somebody else's making.
        (whole("payment.paid", payment("paid", json!({"metadata": "x"}))), vec![(Payment, PAYMENT)], None),
    ] {
        let notification = notified(genuine(&body));
        let named: Vec<_> =
            notification.references.iter().map(|reference| (reference.kind, reference.id.as_str())).collect();
        assert_eq!(named, expected, "{body}");
        assert_eq!((&notification.says, notification.echo.as_deref()), (&Says::Changed, echo), "{body}");
    }
}

#[test]
fn events_that_are_not_ours() {
    for body in [
        event("payment-link.paid", "pl_1", None),
        event("sales-invoice.paid", "invoice_1", None),
        event("payment.paid", "tr_../x", None),
        event("refund.refunded", "xx_1", None),
        json!({"resource": "profile", "id": "pfl_1"}),
    ] {
        let notification = notified(genuine(&body));
        assert!(matches!(notification.says, Says::Ignored { .. }), "{body}: {notification:?}");
    }
}

#[test]
fn half_an_event_says_nothing() {
    let whole = event("payment.paid", PAYMENT, None);
    for name in ["resource", "id", "type", "entityId"] {
        let reply = received(genuine(&without(whole.clone(), "", name)));
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "without {name}: {reply:?}");
    }
}
