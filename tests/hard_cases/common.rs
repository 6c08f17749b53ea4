//! Steps that many hard cases begin with, and comparisons that they share.

use std::collections::BTreeMap;

use payhub::clock::Clock;
use serde_json::{Value, json};

use crate::support::shopper::Page;
use crate::support::{TestHub, eventually, id};

/// Long enough for any hub under test.
pub(super) const DAY_S: i64 = 24 * 3_600;

/// An intent whose page the shopper sees.
pub(super) async fn opened(hub: &TestHub, wish: Value) -> (Value, Page) {
    let intent = hub.cart.create(wish).await;
    let page = hub.shopper().open(&intent).await;
    (intent, page)
}

/// An intent that the shopper has paid, or had reserved.
pub(super) async fn paid(hub: &TestHub, wish: Value) -> (Value, Page) {
    let (intent, page) = opened(hub, wish).await;
    page.pay().await;
    let settled = |intent: &Value| intent["status"] == "succeeded" || intent["status"] == "requires_capture";
    (hub.cart.until(id(&intent), "paid", settled).await, page)
}

/// The shopper pays and is never seen again.
pub(super) async fn pay_unseen(hub: &TestHub, page: &Page) {
    hub.sandbox.act(page.session(), json!({ "action": "pay" })).await;
}

/// What the processor says of its own sessions for an intent: their statuses, oldest first.
pub(super) async fn sessions(hub: &TestHub) -> Vec<String> {
    let all = hub.sandbox.sessions().await;
    all.iter().map(|session| session["status"].as_str().unwrap().to_owned()).collect()
}

/// The processor's id of the payment behind a page.
pub(super) async fn payment_of(hub: &TestHub, page: &Page) -> String {
    let session = hub.sandbox.session(page.session()).await;
    id(&session["payment"]).to_owned()
}

/// Events of these types came once each, and no payment is paid without them.
pub(super) async fn told_once(hub: &TestHub, intent: &Value, kinds: &[&str]) {
    let types = hub.cart.event_types(id(intent)).await;
    for kind in kinds {
        assert_eq!(types.iter().filter(|told| told == kind).count(), 1, "{kind} in {types:?}");
    }
}

/// The cart was never told that there is money.
pub(super) async fn never_told_of_money(hub: &TestHub, intent: &Value) {
    let types = hub.cart.event_types(id(intent)).await;
    for kind in ["payment_intent.succeeded", "order.paid", "payment_intent.requires_capture"] {
        assert!(!types.iter().any(|told| told == kind), "{kind} in {types:?}");
    }
}

/// What the cart heard, without the news that a payment is under way, which may or may not be seen.
pub(super) async fn told(hub: &TestHub, intent: &Value) -> Vec<String> {
    let mut types = hub.cart.event_types(id(intent)).await;
    types.retain(|kind| kind != "payment_intent.processing" && kind != "payment_intent.requires_checkout");
    types
}

/// How many rows each table has, once every webhook has come and nobody is at work.
pub(super) async fn rows_at_rest(hub: &TestHub) -> BTreeMap<String, i64> {
    hub.sandbox.until_quiet().await;
    eventually("nobody is at work", async || {
        let now = hub.clock.now().as_micros();
        let busy = format!("SELECT count(*) FROM jobs WHERE leased_until IS NOT NULL OR due_at <= {now}");
        (hub.database().number(&busy) == 0).then_some(())
    })
    .await;
    hub.database().counts()
}
