//! What many cases begin with: payments that are paid or authorized, and what the processor itself may say.

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};

use crate::support::sandbox::{Ledger, Sandbox};
use crate::support::{TestHub, eventually, id};

/// A payment with its session and payment at the processor.
pub(super) struct Life {
    pub(super) id: String,
    pub(super) session: String,
    pub(super) payment: String,
}

/// A payment whose page was opened and paid at; `body` says more of the intent.
pub(super) async fn paid_at_the_page(hub: &TestHub, body: Value, status: &str) -> Life {
    let intent = hub.cart.create(body).await;
    let page = hub.shopper().open(&intent).await;
    page.pay().await;
    hub.cart.until_status(id(&intent), status).await;
    let session = hub.sandbox.session(page.session()).await;
    let payment = id(&session["payment"]).to_owned();
    Life { id: id(&intent).to_owned(), session: page.session().to_owned(), payment }
}

/// A payment whose money is taken.
pub(super) async fn paid(hub: &TestHub, amount: i64) -> Life {
    paid_at_the_page(hub, json!({ "amount": amount }), "succeeded").await
}

/// A payment whose money is reserved.
pub(super) async fn authorized(hub: &TestHub, amount: i64) -> Life {
    let body = json!({ "amount": amount, "capture": "manual" });
    paid_at_the_page(hub, body, "requires_capture").await
}

impl Life {
    /// The processor's books of this payment alone.
    pub(super) async fn books(&self, hub: &TestHub) -> Ledger {
        let mut ledger = hub.sandbox.ledger().await;
        ledger.entries.retain(|entry| entry["session"] == self.session);
        let sum = |entries: &[Value], kinds: &[&str]| -> i64 {
            let of_kind =
                entries.iter().filter(|entry| kinds.contains(&entry["kind"].as_str().expect("a kind")));
            of_kind.map(|entry| entry["amount"].as_i64().expect("an amount")).sum()
        };
        ledger.charged = sum(&ledger.entries, &["charge", "capture"]);
        ledger.refunded = sum(&ledger.entries, &["refund"]) - sum(&ledger.entries, &["refund_reversal"]);
        ledger
    }

    /// All refunds as the cart sees them, oldest first.
    pub(super) async fn refunds(&self, hub: &TestHub) -> Vec<Value> {
        let path = format!("/v1/refunds?limit=100&payment_intent={}", self.id);
        let mut refunds = hub.cart.get(&path).await.expect(200)["data"].as_array().expect("a list").clone();
        refunds.reverse();
        refunds
    }

    /// Fields of the intent as the cart sees it now.
    pub(super) async fn shown<const N: usize>(&self, hub: &TestHub, fields: [&str; N]) -> [Value; N] {
        let intent = hub.cart.intent(&self.id).await;
        fields.map(|field| intent[field].clone())
    }

    /// Waits until an event of a type was published so many times, and says that it was not more.
    pub(super) async fn told(&self, hub: &TestHub, kind: &str, times: usize) {
        let heard = async || (hub.cart.count_events(&self.id, kind).await >= times).then_some(());
        eventually(&format!("{kind} {times} times"), heard).await;
        assert_eq!(hub.cart.count_events(&self.id, kind).await, times, "{kind}");
    }

    /// The whole story as an operator sees it.
    pub(super) async fn story(&self, hub: &TestHub) -> Value {
        let ask = payhub::operator::Request::ShowPayment { id: self.id.clone() };
        payhub::operator::perform(hub.inside(), ask).await.expect("a story")
    }
}

/// Delivers an event that the processor's account signs; what the hub answers.
pub(super) async fn deliver(hub: &TestHub, account: &str, event_id: &str, kind: &str, object: &Value) -> u16 {
    let signed_at = hub.now_s();
    let body = json!({
        "id": event_id, "type": kind, "created": signed_at, "livemode": false, "data": { "object": object },
    });
    let body = body.to_string();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(Sandbox::webhook_secret(account).as_bytes())
        .expect("a key of any length");
    mac.update(format!("{signed_at}.{body}").as_bytes());
    let signature = format!("t={signed_at},v1={}", hex::encode(mac.finalize().into_bytes()));
    let request = crate::support::cart::plain_client()
        .post(format!("{}/webhooks/{account}", hub.base_url))
        .header("content-type", "application/json")
        .header("sandbox-signature", signature)
        .body(body);
    request.send().await.expect("an answer").status().as_u16()
}
