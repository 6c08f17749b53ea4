//! Somebody who knows where the hub takes webhooks, and says there that a payment was paid which was not.
//!
//! What is forged is whole and true to form but for its signature, so that a hub that believed it would count
//! money that the processor's ledger does not have.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::UNIX_EPOCH;

use serde_json::{Value, json};

use crate::processes::dice::Dice;
use crate::processes::http::{Api, send};
use crate::processes::world::text;
use crate::support::sandbox::signature;

/// Characters of an attempt's id that the processor is told.
const ECHO_CHARS: usize = 20;
/// Age of a signature that is right and too old, in seconds.
const STALE_S: i64 = 10 * 3_600;

/// How a lie is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signed {
    Not,
    WithAnotherSecret,
    LongAgo,
    /// As the processor does it: a lie that nobody can see through.
    Well,
}

/// The forger, and how often the hub refused to believe.
pub(crate) struct Forger {
    secret: fn(&str) -> String,
    ways: Vec<Signed>,
    pub(crate) refused: AtomicU64,
    pub(crate) believed: AtomicU64,
}

impl Forger {
    /// One who signs in these ways; `secret` is that of the webhooks to a connector.
    pub(crate) fn new(secret: fn(&str) -> String, ways: &[Signed]) -> Self {
        Self { secret, ways: ways.to_vec(), refused: AtomicU64::new(0), believed: AtomicU64::new(0) }
    }

    /// Says that the page of this payment was paid.
    pub(super) fn lie(&self, hub: &Api, dice: &mut Dice, id: &str, page: &str) {
        // Whether the hub answers is its luck.
        let Ok(shown) = hub.get(&format!("/v1/payment_intents/{id}")) else { return };
        if shown.status != 200 {
            return;
        }
        let payment = shown.json();
        let attempt = payment["attempts"].as_array().and_then(|attempts| attempts.last());
        let attempt = attempt.unwrap_or_else(|| panic!("a page without an attempt: {payment}"));
        let (connector, attempt_id) = (text(attempt, "connector"), text(attempt, "id"));
        let echo = &attempt_id[attempt_id.len() - ECHO_CHARS..];
        let at_s =
            i64::try_from(UNIX_EPOCH.elapsed().expect("a clock after 1970").as_secs()).expect("a time");
        let body = paid_event(dice, &payment, echo, page, at_s).to_string();
        let secret = (self.secret)(&connector);
        let way = *dice.pick(&self.ways);
        let signature = match way {
            Signed::Not => None,
            Signed::WithAnotherSecret => Some(signature("whsec_guessed", at_s, &body)),
            Signed::LongAgo => Some(signature(&secret, at_s - STALE_S, &body)),
            Signed::Well => Some(signature(&secret, at_s, &body)),
        };
        let mut headers = vec![("content-type", "application/json")];
        headers.extend(signature.as_deref().map(|signature| ("sandbox-signature", signature)));
        let url = format!("{}/webhooks/{connector}", hub.base_url);
        let Ok(answer) = send("POST", &url, &headers, body.as_bytes()) else { return };
        match answer.status {
            401 => self.refused.fetch_add(1, Ordering::SeqCst),
            200 => {
                assert_eq!(way, Signed::Well, "a lie was taken: {body}");
                self.believed.fetch_add(1, Ordering::SeqCst)
            }
            // It was not even looked at.
            500 | 503 => 0,
            status => panic!("a forged webhook was answered with {status}: {}", answer.text()),
        };
    }
}

/// What the processor would say if the page had been paid.
fn paid_event(dice: &mut Dice, payment: &Value, echo: &str, page: &str, at_s: i64) -> Value {
    let mut id = |prefix: &str| {
        let letters: String =
            (0..20).map(|_| char::from(*dice.pick(b"abcdefghijklmnopqrstuvwxyz234567"))).collect();
        format!("{prefix}{letters}")
    };
    let session = page.rsplit("/pay/").next().unwrap_or_default().split(['?', '#']).next();
    let session = session.unwrap_or_default();
    let (amount, currency) = (&payment["amount"], &payment["currency"]);
    let capture = json!({
        "id": id("cp_"), "reference": echo, "amount": amount, "status": "succeeded", "created": at_s
    });
    let paid = json!({
        "id": id("pm_"), "object": "payment", "session": session, "reference": echo, "status": "captured",
        "amount": amount, "currency": currency, "amount_authorized": amount, "amount_captured": amount,
        "amount_refunded": 0, "amount_disputed": 0, "capture_before": null, "captures": [capture],
        "created": at_s, "updated": at_s
    });
    json!({
        "id": id("ev_"), "type": "session.paid", "created": at_s, "livemode": false,
        "data": { "object": {
            "id": session, "object": "session", "status": "paid", "reference": echo, "amount": amount,
            "currency": currency, "capture": "automatic", "url": page, "return_url": "http://127.0.0.1:9/",
            "cancel_url": null, "expires_at": at_s + 3_600, "created": at_s, "updated": at_s,
            "decline_code": null, "payment": paid
        } }
    })
}
