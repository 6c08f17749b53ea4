//! PayPal's signatures, which are not checked: with a right one, a wrong one or none, an event is a hint and no
//! more. What PayPal signs is the text `id|time|webhook id|CRC-32 of the body`, under a certificate that would
//! have to be fetched and followed to a public root.
//!
//! The body and the signed text were computed with PayPal's own `paypalrestsdk` 1.13.3. PayPal publishes no
//! signature to test with, because its keys are its own.

use processor_paypal::PayPal;
use processor_sdk::{Adapter, Headers, Question, Reply, Says, SignedDeliveries};

use crate::support::*;

const BODY: &str = "{\"id\":\"WH-TEST-0001\",\"event_version\":\"1.0\",\"create_time\":\"2026-01-15T12:00:00.000Z\",\
    \"resource_type\":\"capture\",\"resource_version\":\"2.0\",\"event_type\":\"PAYMENT.CAPTURE.COMPLETED\",\
    \"summary\":\"Payment completed\",\"resource\":{\"id\":\"3C679366HH908993F\",\"status\":\"COMPLETED\",\
    \"amount\":{\"currency_code\":\"USD\",\"value\":\"19.99\"},\"custom_id\":\"pay42\"}}";

/// An event as PayPal sends it, with this signature.
fn said(signature: Option<&str>, body: &str) -> Reply {
    let mut headers = Headers::default();
    headers.push("PAYPAL-TRANSMISSION-ID", "69cd13f0-d67a-11e5-baa3-778b53f4ae55");
    headers.push("PAYPAL-TRANSMISSION-TIME", "2026-01-15T12:00:01Z");
    headers.push("PAYPAL-CERT-URL", "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-test");
    headers.push("PAYPAL-AUTH-ALGO", "SHA256withRSA");
    if let Some(signature) = signature {
        headers.push("PAYPAL-TRANSMISSION-SIG", signature);
    }
    let delivery = processor_sdk::Delivery { headers, ..delivery(body) };
    let (requests, reply) = carry(Question::Delivery(delivery), vec![]);
    // Above all, no certificate is fetched from an address that anybody may have written.
    assert_eq!(requests, []);
    reply
}

#[test]
fn deliveries_are_declared_as_what_they_are() {
    let descriptor = PayPal.descriptor();
    assert_eq!(descriptor.deliveries, SignedDeliveries::Unsigned);
    assert!(descriptor.secrets.iter().all(|secret| secret.name == "client_secret"));
}

#[test]
fn no_signature_makes_an_event_more_than_a_hint() {
    let dearer = BODY.replace("19.99", "99.99");
    for (what, signature, body) in [
        ("right", Some("UkcURqXBAIgNhDL/kETwMX9mwrSHX/IIx76WGBUEOKg="), BODY),
        ("of another body", Some("UkcURqXBAIgNhDL/kETwMX9mwrSHX/IIx76WGBUEOKg="), dearer.as_str()),
        ("wrong", Some("AAAA"), BODY),
        ("empty", Some(""), BODY),
        ("absent", None, BODY),
    ] {
        let Reply::Notifications(notifications) = said(signature, body) else { panic!("{what}") };
        let [notification] = notifications.as_slice() else { panic!("{what}: {notifications:?}") };
        assert_eq!((&notification.says, notification.proof), (&Says::Changed, None), "{what}");
        assert_eq!(notification.event_id, None, "{what}");
        assert_eq!(notification.references[0].id, "3C679366HH908993F", "{what}");
    }
}
