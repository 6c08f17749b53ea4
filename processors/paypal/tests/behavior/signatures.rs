//! PayPal's signatures, which are not checked: with a right one, a wrong one or none, an event is a hint and no
//! more. What PayPal signs is the text `id|time|webhook id|CRC-32 of the body`, under a certificate that would
//! have to be fetched and followed to a public root.
//!
//! The body and the text that is signed were computed with PayPal's own `paypalrestsdk` 1.13.3. PayPal publishes
//! no signature to test with, so this one was made with a key that was thrown away.

use processor_paypal::PayPal;
use processor_sdk::{Adapter, Headers, Notification, Question, Reply, Says, SignedDeliveries};

use crate::support::*;

const BODY: &str = "{\"id\":\"WH-TEST-0001\",\"event_version\":\"1.0\",\"create_time\":\"2026-01-15T12:00:00.000Z\",\
    \"resource_type\":\"capture\",\"resource_version\":\"2.0\",\"event_type\":\"PAYMENT.CAPTURE.COMPLETED\",\
    \"summary\":\"Payment completed\",\"resource\":{\"id\":\"3C679366HH908993F\",\"status\":\"COMPLETED\",\
    \"amount\":{\"currency_code\":\"USD\",\"value\":\"19.99\"},\"custom_id\":\"pay_42\"}}";

/// Over `69cd13f0-d67a-11e5-baa3-778b53f4ae55|2026-01-15T12:00:01Z|1JE4291016473214C|1443248689`.
const SIGNATURE: &str = "UkcURqXBAIgNhDL/kETwMX9mwrSHX/IIx76WGBUEOKgNf3RDRDY3MND+srzQe7YiyW1+LqW8s5sIYmifogHZ92ye5f\
    AbqeWS/IZCw7G+lRLREUQQ/diOJy0LxxoagWmyGpKx2Pki3hnd4b9HMEV0mYBLBNkh/s/fdLeGGw4v+g878okoQE9v\
    8uWv1MePpWMNYrmgZQNMbb6YlhYOBuSiMVFbN6HCU9EUTLszvokGyUvnkIEfpT2NsJ8KoeEXxfeq99rYfZJ6n5vvQL\
    8LvacrQQYEgsDwklyN+Gz5qPLrvwWtqM/lrOvWm4hxseh2S7zUatj/vTaT1Gr3iZi7Y/XQNA==";

/// What an event says with this signature.
fn said(signature: Option<&str>, body: &str) -> Notification {
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
    let Reply::Notifications(mut notifications) = reply else { panic!("{reply:?}") };
    assert_eq!(notifications.len(), 1);
    notifications.remove(0)
}

#[test]
fn deliveries_are_declared_as_what_they_are() {
    let descriptor = PayPal.descriptor();
    assert_eq!(descriptor.deliveries, SignedDeliveries::Unsigned);
    assert!(descriptor.secrets.iter().all(|secret| secret.name == "client_secret"));
}

#[test]
fn no_signature_makes_an_event_more_than_a_hint() {
    // The known body names its payment in another way than this hub does.
    let ours = BODY.replace("pay_42", "pay42");
    let dearer = ours.replace("19.99", "99.99");
    let forged = SIGNATURE.replacen('U', "V", 1);
    for (what, signature, body, is_ours) in [
        ("right", Some(SIGNATURE), BODY, false),
        ("right, but forged", Some(forged.as_str()), BODY, false),
        ("of another body", Some(SIGNATURE), ours.as_str(), true),
        ("of a cheaper body", Some(SIGNATURE), dearer.as_str(), true),
        ("no base64", Some("%%"), ours.as_str(), true),
        ("empty", Some(""), ours.as_str(), true),
        ("absent", None, ours.as_str(), true),
    ] {
        let notification = said(signature, body);
        assert_eq!((notification.proof, &notification.event_id), (None, &None), "{what}");
        match &notification.says {
            Says::Changed => {
                assert_eq!(
                    (is_ours, notification.references[0].id.as_str()),
                    (true, "3C679366HH908993F"),
                    "{what}"
                );
            }
            Says::Ignored { .. } => assert!(!is_ours, "{what}"),
            Says::Facts(facts) => panic!("{what}: {facts:?}"),
        }
    }
}
