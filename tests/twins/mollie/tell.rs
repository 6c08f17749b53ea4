//! What Mollie tells, and how: the classic call, which says nothing but the payment's id and is not signed, and the
//! signed events of an account that subscribed to them.
//!
//! Source: docs.mollie.com, "Webhooks" and "Next-gen webhooks"; the header as in Mollie's own libraries.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use super::books::{Books, Part, Payment};
use super::objects;
use crate::twins::desk::Desk;

/// Where events say that objects are.
const API: &str = "https://api.mollie.com";

/// What the classic call is made for. Nothing is said when a payment becomes pending, when a refund is only queued or
/// pending, nor when a dispute is reversed.
const CALLED_FOR: [&str; 11] = [
    "payment.paid",
    "payment.authorized",
    "payment.failed",
    "payment.canceled",
    "payment.expired",
    "refund.processing",
    "refund.refunded",
    "refund.failed",
    "chargeback.received",
    "capture.succeeded",
    "capture.failed",
];

/// Says what happened.
#[derive(Clone, Debug, Default)]
pub(super) struct Teller {
    /// Where signed events go, if the account has subscribed to them.
    pub(super) subscribed: Option<String>,
    /// Whether they contain the whole object.
    pub(super) whole: bool,
}

impl Teller {
    pub(super) fn payment(&self, desk: &mut Desk, kind: &str, payment: &Payment, books: &Books) {
        self.say(desk, kind, payment, &payment.id, || objects::payment(payment, books, API));
    }

    pub(super) fn part(&self, desk: &mut Desk, kind: &str, part: &Part, books: &Books) {
        let payment = books.payment(&part.payment);
        let object = || match kind.split('.').next() {
            Some("capture") => objects::capture(part, payment, API),
            Some("refund") => objects::refund(part, payment, API),
            _ => objects::dispute(part, payment, API),
        };
        self.say(desk, kind, payment, &part.id, object);
    }

    fn say(
        &self,
        desk: &mut Desk,
        kind: &str,
        payment: &Payment,
        entity: &str,
        object: impl FnOnce() -> Value,
    ) {
        // The id is always the payment's, whatever happened to it.
        if let Some(url) = payment.text("webhookUrl").filter(|_| CALLED_FOR.contains(&kind)) {
            let body = format!("id={}", payment.id);
            let (id, media_type) = (format!("call {}", desk.fresh()), "application/x-www-form-urlencoded");
            desk.post(&id, kind, (media_type, body), Some(url));
        }
        if let Some(url) = &self.subscribed {
            let id = format!("event_{}", desk.fresh());
            let mut event = json!({
                "resource": "event", "id": id, "type": kind, "entityId": entity,
                "createdAt": objects::time(desk.now_s()),
                "_links": {"self": objects::link(API, &format!("/v2/events/{id}"))},
            });
            if self.whole {
                event["_embedded"] = json!({ "entity": object() });
            }
            desk.post(&id, kind, ("application/json", event.to_string()), Some(url));
        }
    }
}

/// `X-Mollie-Signature`, once for each active secret; nothing for a classic call.
pub(super) fn headers(secrets: &[String], body: &str) -> Vec<(&'static str, String)> {
    if !body.starts_with('{') {
        return vec![];
    }
    secrets.iter().map(|secret| ("x-mollie-signature", signature(secret, body))).collect()
}

/// HMAC-SHA-256 over the body as it is; the key is the secret's text.
pub(super) fn signature(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("keys of any length");
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}
