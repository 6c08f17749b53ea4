//! What the hub tells the shop: deliveries by the Standard Webhooks specification, verified by the shop.
//!
//! Written as a merchant would write it, without the hub's own code. The last deliveries are kept in memory
//! for the shop's page.
//!
//! Invariant: nothing is kept that was not signed, recently, with a secret that the hub gave the shop.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;
use serde::Deserialize;

/// How far a delivery's time may be from now, in seconds; the specification's suggestion.
const TOLERANCE_S: i64 = 5 * 60;
/// How many signatures of one delivery are tried; a rotation has two.
const SIGNATURES_MAX: usize = 8;
/// How many deliveries are kept.
const EVENTS_MAX: usize = 100;
/// How much of a word is kept, in characters.
const WORD_CHARS_MAX: usize = 80;

/// What has arrived.
#[derive(Default)]
pub(super) struct Inbox {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    key: Option<hmac::Key>,
    /// Newest first.
    events: VecDeque<Received>,
}

/// One event that was delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Received {
    pub(super) id: String,
    pub(super) kind: String,
    pub(super) created_at: String,
    pub(super) sequence: u64,
    pub(super) object_id: String,
    pub(super) object_status: String,
    /// How often it was delivered: at least once is the promise.
    pub(super) deliveries: u32,
}

/// What a delivery says of itself.
pub(super) struct Delivery<'a> {
    pub(super) id: &'a str,
    pub(super) timestamp: &'a str,
    pub(super) signatures: &'a str,
    pub(super) body: &'a [u8],
}

/// Why a delivery is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum HookError {
    #[error("the shop has no secret yet to verify deliveries with; try again later")]
    NoSecret,
    #[error("the delivery's time is missing or too far from now")]
    Stale,
    #[error("no signature of the delivery is right")]
    Forged,
    #[error("the body is not an event")]
    NotAnEvent,
}

#[derive(Deserialize)]
struct EventBody {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    created_at: String,
    #[serde(default)]
    sequence: u64,
    data: EventData,
}

#[derive(Deserialize)]
struct EventData {
    object: EventObject,
}

#[derive(Deserialize)]
struct EventObject {
    #[serde(default)]
    id: String,
    #[serde(default)]
    status: String,
}

impl Inbox {
    /// Verifies from now on with the secret that the hub has shown. False when it is not one.
    #[must_use]
    pub(super) fn set_secret(&self, secret: &str) -> bool {
        let bytes = secret.strip_prefix("whsec_").and_then(|encoded| STANDARD.decode(encoded).ok());
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return false };
        self.lock().key = Some(hmac::Key::new(hmac::HMAC_SHA256, &bytes));
        true
    }

    /// Takes a delivery, if it is the hub's.
    pub(super) fn receive(&self, delivery: &Delivery<'_>, now_unix_s: i64) -> Result<(), HookError> {
        let mut inner = self.lock();
        verify(inner.key.as_ref().ok_or(HookError::NoSecret)?, delivery, now_unix_s)?;
        let event: EventBody = serde_json::from_slice(delivery.body).map_err(|_| HookError::NotAnEvent)?;
        let id = shortened(delivery.id);
        if let Some(known) = inner.events.iter_mut().find(|known| known.id == id) {
            known.deliveries = known.deliveries.saturating_add(1);
            return Ok(());
        }
        inner.events.push_front(Received {
            id,
            kind: shortened(&event.kind),
            created_at: shortened(&event.created_at),
            sequence: event.sequence,
            object_id: shortened(&event.data.object.id),
            object_status: shortened(&event.data.object.status),
            deliveries: 1,
        });
        inner.events.truncate(EVENTS_MAX);
        Ok(())
    }

    /// The last events, newest first.
    pub(super) fn events(&self) -> Vec<Received> {
        self.lock().events.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // Every change is one push or one count, so that a panic elsewhere leaves nothing half done.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn verify(key: &hmac::Key, delivery: &Delivery<'_>, now_unix_s: i64) -> Result<(), HookError> {
    let timestamp: i64 = delivery.timestamp.parse().map_err(|_| HookError::Stale)?;
    if now_unix_s.saturating_sub(timestamp).saturating_abs() > TOLERANCE_S {
        return Err(HookError::Stale);
    }
    let mut signed = format!("{}.{}.", delivery.id, delivery.timestamp).into_bytes();
    signed.extend_from_slice(delivery.body);
    let is_right = |signature: &str| {
        let decoded = signature.strip_prefix("v1,").and_then(|encoded| STANDARD.decode(encoded).ok());
        decoded.is_some_and(|tag| hmac::verify(key, &signed, &tag).is_ok())
    };
    if delivery.signatures.split(' ').take(SIGNATURES_MAX).any(is_right) {
        Ok(())
    } else {
        Err(HookError::Forged)
    }
}

fn shortened(text: &str) -> String {
    text.chars().take(WORD_CHARS_MAX).collect()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// The specification's own example.
    pub(in super::super) const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const TIMESTAMP: &str = "1614265330";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;
    const SIGNATURE: &str = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=";
    const NOW: i64 = 1_614_265_330;

    pub(in super::super) fn sign(id: &str, timestamp: &str, body: &str) -> String {
        let bytes = STANDARD.decode(&SECRET["whsec_".len()..]).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA256, &bytes);
        let tag = hmac::sign(&key, format!("{id}.{timestamp}.{body}").as_bytes());
        format!("v1,{}", STANDARD.encode(tag))
    }

    fn inbox() -> Inbox {
        let inbox = Inbox::default();
        assert!(inbox.set_secret(SECRET));
        inbox
    }

    #[test]
    fn only_the_published_vector_is_right() {
        let key = hmac::Key::new(hmac::HMAC_SHA256, &STANDARD.decode(&SECRET["whsec_".len()..]).unwrap());
        let two = format!("v1,AAAA {SIGNATURE}");
        let ninth = format!("{} {SIGNATURE}", ["v1,AAAA"; SIGNATURES_MAX].join(" "));
        type Row<'a> = (&'a str, &'a str, &'a str, &'a [u8], i64, Option<HookError>);
        let rows: [Row<'_>; 12] = [
            (ID, TIMESTAMP, SIGNATURE, BODY, NOW, None),
            (ID, TIMESTAMP, SIGNATURE, BODY, NOW + TOLERANCE_S, None),
            (ID, TIMESTAMP, SIGNATURE, BODY, NOW - TOLERANCE_S, None),
            (ID, TIMESTAMP, &two, BODY, NOW, None),
            (ID, TIMESTAMP, &ninth, BODY, NOW, Some(HookError::Forged)),
            (ID, TIMESTAMP, SIGNATURE, BODY, NOW + TOLERANCE_S + 1, Some(HookError::Stale)),
            (ID, TIMESTAMP, SIGNATURE, BODY, NOW - TOLERANCE_S - 1, Some(HookError::Stale)),
            (ID, "", SIGNATURE, BODY, NOW, Some(HookError::Stale)),
            (ID, TIMESTAMP, "", BODY, NOW, Some(HookError::Forged)),
            ("msg_other", TIMESTAMP, SIGNATURE, BODY, NOW, Some(HookError::Forged)),
            (ID, TIMESTAMP, SIGNATURE, b"{}", NOW, Some(HookError::Forged)),
            (ID, TIMESTAMP, &SIGNATURE[3..], BODY, NOW, Some(HookError::Forged)),
        ];
        for (number, (id, timestamp, signatures, body, now, refused)) in rows.into_iter().enumerate() {
            let delivery = Delivery { id, timestamp, signatures, body };
            assert_eq!(verify(&key, &delivery, now).err(), refused, "row {number}");
        }
    }

    #[test]
    fn nothing_is_kept_without_a_secret() {
        let inbox = Inbox::default();
        let delivery = Delivery { id: ID, timestamp: TIMESTAMP, signatures: SIGNATURE, body: BODY };
        assert_eq!(inbox.receive(&delivery, NOW), Err(HookError::NoSecret));
        for secret in ["", "whsec_", "whsec_!", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"] {
            assert!(!inbox.set_secret(secret), "{secret:?}");
        }
    }

    #[test]
    fn signed_bodies_that_are_no_events_are_refused() {
        let inbox = inbox();
        for body in ["", "[]", "null", "{}", r#"{"type":"x"}"#, r#"{"type":1,"data":{"object":{}}}"#] {
            let signatures = sign(ID, TIMESTAMP, body);
            let delivery =
                Delivery { id: ID, timestamp: TIMESTAMP, signatures: &signatures, body: body.as_bytes() };
            assert_eq!(inbox.receive(&delivery, NOW), Err(HookError::NotAnEvent), "{body}");
        }
        assert_eq!(inbox.events(), []);
    }

    #[test]
    fn repeats_are_counted_and_the_oldest_are_forgotten() {
        let inbox = inbox();
        let body =
            r#"{"type":"refund.created","sequence":3,"data":{"object":{"id":"re_1","status":"pending"}}}"#;
        let deliver = |id: &str| {
            let signatures = sign(id, TIMESTAMP, body);
            let delivery =
                Delivery { id, timestamp: TIMESTAMP, signatures: &signatures, body: body.as_bytes() };
            inbox.receive(&delivery, NOW)
        };
        assert_eq!((deliver("evt_a"), deliver("evt_a")), (Ok(()), Ok(())));
        let expected = Received {
            id: "evt_a".to_owned(),
            kind: "refund.created".to_owned(),
            created_at: String::new(),
            sequence: 3,
            object_id: "re_1".to_owned(),
            object_status: "pending".to_owned(),
            deliveries: 2,
        };
        assert_eq!(inbox.events(), [expected]);
        for number in 0..EVENTS_MAX {
            assert_eq!(deliver(&format!("evt_{number}")), Ok(()));
        }
        let events = inbox.events();
        assert_eq!((events.len(), events[0].id.as_str()), (EVENTS_MAX, "evt_99"));
        assert!(events.iter().all(|event| event.id != "evt_a"));
    }
}
