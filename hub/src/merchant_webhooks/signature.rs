//! Signatures of outgoing webhooks, by the Standard Webhooks specification 1.0 (symmetric, `v1`).
//!
//! What is signed is `{webhook-id}.{webhook-timestamp}.{raw body}`, with HMAC-SHA256 under the endpoint's own
//! secret. During a rotation the old and the new secret both sign, so the merchant can switch at leisure.
//!
//! Invariant: no delivery is signed with nothing, and none whose id could blur the boundaries of what is
//! signed.

use std::fmt;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use zeroize::Zeroizing;

use crate::ids::Randomness;

const SECRET_PREFIX: &str = "whsec_";
/// The standard asks for 24 to 64 bytes; new secrets take as many as the hash is long.
const SECRET_BYTES_MIN: usize = 24;
const SECRET_BYTES_MAX: usize = 64;
const SECRET_BYTES_NEW: usize = 32;

/// The secret that the hub shares with one webhook endpoint of the merchant.
#[derive(Clone)]
pub struct WebhookSecret {
    bytes: Zeroizing<Vec<u8>>,
}

/// Why a text is not a webhook secret; never repeats the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookSecretError {
    #[error("a webhook secret begins with `whsec_`")]
    Prefix,
    #[error("what follows `whsec_` must be standard base64 with padding")]
    NotBase64,
    #[error("a webhook secret holds 24 to 64 bytes, this one {bytes}")]
    Length { bytes: usize },
}

/// Why a delivery cannot be signed. Both are mistakes of the hub, not of the merchant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    #[error("a webhook endpoint has no active secret; an unsigned delivery is never sent")]
    NoSecret,
    #[error("a webhook id must not be empty or contain a dot, which separates the signed parts")]
    AmbiguousId,
}

impl WebhookSecret {
    pub fn generate(randomness: &dyn Randomness) -> Self {
        let mut bytes = Zeroizing::new(vec![0; SECRET_BYTES_NEW]);
        randomness.fill(&mut bytes);
        Self { bytes }
    }

    pub fn parse(text: &str) -> Result<Self, WebhookSecretError> {
        let encoded = text.strip_prefix(SECRET_PREFIX).ok_or(WebhookSecretError::Prefix)?;
        let bytes = Zeroizing::new(STANDARD.decode(encoded).map_err(|_| WebhookSecretError::NotBase64)?);
        if !(SECRET_BYTES_MIN..=SECRET_BYTES_MAX).contains(&bytes.len()) {
            return Err(WebhookSecretError::Length { bytes: bytes.len() });
        }
        Ok(Self { bytes })
    }

    /// The text form, for showing it to the merchant and for sealing it.
    pub fn reveal(&self) -> Zeroizing<String> {
        // Room for everything, so that no part stays behind in a grown buffer.
        let mut text = Zeroizing::new(String::with_capacity(SECRET_PREFIX.len() + SECRET_BYTES_MAX * 2));
        text.push_str(SECRET_PREFIX);
        STANDARD.encode_string(self.bytes.as_slice(), &mut text);
        text
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("WebhookSecret(•••)")
    }
}

/// The value of the `webhook-signature` header: one `v1,…` per active secret, separated by spaces.
pub fn sign(
    id: &str,
    timestamp_unix_s: i64,
    body: &[u8],
    secrets: &[WebhookSecret],
) -> Result<String, SignError> {
    if secrets.is_empty() {
        return Err(SignError::NoSecret);
    }
    if id.is_empty() || id.contains('.') {
        return Err(SignError::AmbiguousId);
    }
    let head = format!("{id}.{timestamp_unix_s}.");
    let signatures: Vec<String> = secrets.iter().map(|secret| sign_once(secret, &head, body)).collect();
    Ok(signatures.join(" "))
}

fn sign_once(secret: &WebhookSecret, head: &str, body: &[u8]) -> String {
    let mut context = hmac::Context::with_key(&hmac::Key::new(hmac::HMAC_SHA256, &secret.bytes));
    context.update(head.as_bytes());
    context.update(body);
    format!("v1,{}", STANDARD.encode(context.sign()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::{SeededRandomness, SystemRandomness};

    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP_UNIX_S: i64 = 1_614_265_330;
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";

    fn secret(text: &str) -> WebhookSecret {
        WebhookSecret::parse(text).unwrap()
    }

    #[test]
    fn the_published_vector() {
        assert_eq!(sign(ID, TIMESTAMP_UNIX_S, BODY, &[secret(SECRET)]).as_deref(), Ok(SIGNATURE));
    }

    #[test]
    fn every_signed_part_counts() {
        let rows: [(&str, i64, &[u8]); 3] = [
            ("msg_other", TIMESTAMP_UNIX_S, BODY),
            (ID, TIMESTAMP_UNIX_S + 1, BODY),
            (ID, TIMESTAMP_UNIX_S, br#"{"test":2432232314}"#),
        ];
        for (id, timestamp, body) in rows {
            assert_ne!(
                sign(id, timestamp, body, &[secret(SECRET)]).as_deref(),
                Ok(SIGNATURE),
                "{id} {timestamp}"
            );
        }
    }

    #[test]
    fn rotation_signs_with_every_active_secret() {
        let newer = WebhookSecret::generate(&SeededRandomness::new(1));
        let alone = sign(ID, TIMESTAMP_UNIX_S, BODY, std::slice::from_ref(&newer)).unwrap();
        let both = sign(ID, TIMESTAMP_UNIX_S, BODY, &[newer, secret(SECRET)]).unwrap();
        assert_eq!(both, format!("{alone} {SIGNATURE}"));
    }

    #[test]
    fn bodies_need_not_be_text() {
        assert!(sign(ID, TIMESTAMP_UNIX_S, &[0xff, 0x00], &[secret(SECRET)]).is_ok());
    }

    #[test]
    fn nothing_is_sent_unsigned_or_ambiguous() {
        assert_eq!(sign(ID, 1, BODY, &[]), Err(SignError::NoSecret));
        for id in ["", "evt_1.2"] {
            assert_eq!(sign(id, 1, BODY, &[secret(SECRET)]), Err(SignError::AmbiguousId), "{id:?}");
        }
    }

    #[test]
    fn secrets_survive_their_text_form() {
        assert_eq!(*secret(SECRET).reveal(), SECRET);
        let generated = WebhookSecret::generate(&SystemRandomness);
        assert_eq!(secret(&generated.reveal()).bytes, generated.bytes);
        assert_eq!(generated.bytes.len(), SECRET_BYTES_NEW);
    }

    #[test]
    fn what_is_not_a_secret_says_why() {
        let of_length = |bytes| format!("whsec_{}", STANDARD.encode(vec![7_u8; bytes]));
        let rows = [
            ("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned(), Some(WebhookSecretError::Prefix)),
            ("whsec_not base64!".to_owned(), Some(WebhookSecretError::NotBase64)),
            ("whsec_".to_owned(), Some(WebhookSecretError::Length { bytes: 0 })),
            (of_length(23), Some(WebhookSecretError::Length { bytes: 23 })),
            (of_length(24), None),
            (of_length(64), None),
            (of_length(65), Some(WebhookSecretError::Length { bytes: 65 })),
        ];
        for (text, expected) in rows {
            assert_eq!(WebhookSecret::parse(&text).err(), expected, "{text}");
        }
    }

    #[test]
    fn debug_never_prints_the_secret() {
        assert_eq!(format!("{:?}", secret(SECRET)), "WebhookSecret(•••)");
    }
}
