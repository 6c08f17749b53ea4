//! How PayPal signs a webhook: RSA with SHA-256 over its id, its time, the webhook's id and the body's checksum.
//!
//! Source: developer.paypal.com, "Integrate webhooks"; the vector is what PayPal's own `paypalrestsdk` 1.13.3
//! computes.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};

use super::objects;

const KEY: &[u8] = include_bytes!("data/webhook_key.pk8");
/// CRC-32 as zlib computes it, bits reversed.
const POLYNOMIAL: u32 = 0xEDB8_8320;

fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32, byte: &u8| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| (crc >> 1) ^ if crc & 1 == 1 { POLYNOMIAL } else { 0 })
    };
    !bytes.iter().fold(u32::MAX, step)
}

fn message(transmission_id: &str, time: &str, webhook_id: &str, body: &str) -> String {
    format!("{transmission_id}|{time}|{webhook_id}|{}", crc32(body.as_bytes()))
}

/// The headers of one delivery.
pub(super) fn headers(webhook_id: &str, at_s: i64, body: &str) -> Vec<(&'static str, String)> {
    let time = objects::time(at_s);
    let transmission_id =
        format!("69cd13f0-d67a-11e5-baa3-{:08x}0000", crc32(format!("{time}{body}").as_bytes()));
    let key = RsaKeyPair::from_pkcs8(KEY).expect("the twin's key");
    let mut signature = vec![0; key.public().modulus_len()];
    let message = message(&transmission_id, &time, webhook_id, body);
    key.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature)
        .expect("a signature");
    vec![
        ("paypal-transmission-id", transmission_id),
        ("paypal-transmission-time", time),
        ("paypal-transmission-sig", BASE64_STANDARD.encode(signature)),
        (
            "paypal-cert-url",
            "https://api.sandbox.paypal.com/v1/notifications/certs/CERT-of-the-twin".to_owned(),
        ),
        ("paypal-auth-algo", "SHA256withRSA".to_owned()),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};

    #[test]
    fn the_known_answer_of_paypals_own_library() {
        let body = concat!(
            r#"{"id":"WH-TEST-0001","event_version":"1.0","create_time":"2026-01-15T12:00:00.000Z","#,
            r#""resource_type":"capture","resource_version":"2.0","event_type":"PAYMENT.CAPTURE.COMPLETED","#,
            r#""summary":"Payment completed","resource":{"id":"3C679366HH908993F","status":"COMPLETED","#,
            r#""amount":{"currency_code":"USD","value":"19.99"},"custom_id":"pay_42"}}"#
        );
        let message = message(
            "69cd13f0-d67a-11e5-baa3-778b53f4ae55",
            "2026-01-15T12:00:01Z",
            "1JE4291016473214C",
            body,
        );
        let expected =
            "69cd13f0-d67a-11e5-baa3-778b53f4ae55|2026-01-15T12:00:01Z|1JE4291016473214C|1443248689";
        assert_eq!(message, expected);
    }

    #[test]
    fn whoever_has_the_public_key_can_check_a_delivery() {
        let key = RsaKeyPair::from_pkcs8(KEY).unwrap();
        let public = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key.public());
        let sent = headers("1JE4291016473214C", 1_767_323_045, "{}");
        let value = |name: &str| sent.iter().find(|(known, _)| *known == name).unwrap().1.clone();
        let signature = BASE64_STANDARD.decode(value("paypal-transmission-sig")).unwrap();
        for (body, is_good) in [("{}", true), ("{ }", false)] {
            let (id, time) = (value("paypal-transmission-id"), value("paypal-transmission-time"));
            let message = message(&id, &time, "1JE4291016473214C", body);
            assert_eq!(public.verify(message.as_bytes(), &signature).is_ok(), is_good, "{body}");
        }
    }
}
