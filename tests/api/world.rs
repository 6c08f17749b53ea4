//! What several tables of this area start from: a hub in which there is one of everything, and a count of
//! its rows.

use std::collections::BTreeMap;

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::cart::{Answer, Cart};
use crate::support::receiver::Receiver;
use crate::support::{TestHub, id};

/// A hub with an open intent, an authorized one, a paid one, a refund, a dispute and an endpoint.
pub(super) struct World {
    pub(super) hub: TestHub,
    pub(super) merchant: Receiver,
    pub(super) open: String,
    pub(super) authorized: String,
    pub(super) paid: String,
    pub(super) order: String,
    pub(super) refund: String,
    pub(super) dispute: String,
    pub(super) endpoint: String,
    pub(super) event: String,
}

impl World {
    pub(super) async fn start() -> Self {
        let hub = TestHub::start().await;
        let merchant = Receiver::start().await;
        let endpoint = merchant.register(&hub, &[]).await.id;
        let open = id(&hub.cart.create(json!({})).await).to_owned();
        let authorized = hub.cart.create(json!({ "capture": "manual" })).await;
        hub.shopper().open(&authorized).await.pay().await;
        let paid = hub.cart.create(json!({})).await;
        hub.shopper().open(&paid).await.pay().await;
        let refund = hub.cart.refund(id(&paid), Some(100)).await.expect(201);
        hub.cart.until_refund(id(&refund), "succeeded").await;
        let payment = hub.cart.intent(id(&paid)).await["attempts"][0]["references"].clone();
        let payment = payment.as_array().expect("references").iter().find(|one| one["kind"] == "payment");
        let payment = payment.expect("the processor's payment")["id"].as_str().expect("an id").to_owned();
        hub.sandbox.dispute(&payment, Some(50)).await;
        let disputed = |intent: &Value| intent["amount_disputed"] == 50;
        let order = hub.cart.until(id(&paid), "disputed", disputed).await["order"].clone();
        let dispute = hub.cart.get("/v1/disputes").await.expect(200)["data"][0].clone();
        let event = hub.cart.events(id(&paid)).await[0].clone();
        Self {
            merchant,
            open,
            authorized: id(&authorized).to_owned(),
            paid: id(&paid).to_owned(),
            order: order.as_str().expect("an id").to_owned(),
            refund: id(&refund).to_owned(),
            dispute: id(&dispute).to_owned(),
            endpoint,
            event: id(&event).to_owned(),
            hub,
        }
    }

    /// Every call of the API that takes a body: method, path, whether it takes an idempotency key.
    pub(super) fn calls(&self) -> Vec<(Method, String, bool)> {
        let post = |path: String| (Method::POST, path, true);
        vec![
            post("/v1/payment_intents".to_owned()),
            post(format!("/v1/payment_intents/{}/capture", self.authorized)),
            post(format!("/v1/payment_intents/{}/cancel", self.open)),
            post("/v1/refunds".to_owned()),
            post("/v1/webhook_endpoints".to_owned()),
            post(format!("/v1/webhook_endpoints/{}/rotate_secret", self.endpoint)),
            post(format!("/v1/events/{}/resend", self.event)),
            (Method::PATCH, format!("/v1/webhook_endpoints/{}", self.endpoint), false),
        ]
    }

    /// Every address that is read, and that it is there.
    pub(super) fn objects(&self) -> Vec<String> {
        vec![
            format!("/v1/payment_intents/{}", self.paid),
            format!("/v1/refunds/{}", self.refund),
            format!("/v1/orders/{}", self.order),
            format!("/v1/disputes/{}", self.dispute),
            format!("/v1/events/{}", self.event),
            format!("/v1/webhook_endpoints/{}", self.endpoint),
            format!("/v1/webhook_endpoints/{}/deliveries", self.endpoint),
        ]
    }
}

/// Every list of the API.
pub(super) const LISTS: [&str; 6] = [
    "/v1/payment_intents",
    "/v1/refunds",
    "/v1/disputes",
    "/v1/events",
    "/v1/webhook_endpoints",
    "/v1/connectors",
];

/// How many rows each table has, once nothing is under way.
pub(super) async fn rows(hub: &TestHub) -> BTreeMap<String, i64> {
    hub.rows().await
}

/// A request with a JSON text as its body, under a fresh key if it takes one.
pub(super) fn request(
    cart: &Cart,
    method: Method,
    path: &str,
    keyed: bool,
    body: &str,
) -> reqwest::RequestBuilder {
    let request = cart.request(method, path).header("content-type", "application/json").body(body.to_owned());
    if keyed { request.header("idempotency-key", cart.fresh_key()) } else { request }
}

pub(super) async fn send(request: reqwest::RequestBuilder) -> Answer {
    Answer::of(request.send().await.expect("an answer")).await
}

/// The JSON text of an intent in which one field is something else, written as it is.
pub(super) fn intent_with(field: &str, value: &str) -> String {
    let mut text = String::from("{");
    for (name, usual) in [
        ("amount", "2377".to_owned()),
        ("currency", json!("EUR").to_string()),
        ("return_url", json!("https://shop.test/thanks-a-lot").to_string()),
    ] {
        if name != field {
            text.push_str(&format!("\"{name}\": {usual}, "));
        }
    }
    format!("{text}{}: {value}}}", json!(field))
}
