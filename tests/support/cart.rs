//! The cart: a client of the hub's API as any shop would write it.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::HeaderMap;
use reqwest::Method;
use serde_json::{Value, json};

use super::document;
use super::wait::eventually;

/// Where shoppers are sent afterwards, unless the test says otherwise.
pub(crate) const RETURN_URL: &str = "http://shop.test/thanks?order=7";

/// An answer of the hub.
#[derive(Clone, Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        Self::to(None, response).await
    }

    /// An answer to this method; what the document does not say of it ends the test.
    async fn to(method: Option<&Method>, response: reqwest::Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let path = response.url().path().to_owned();
        let text = response.text().await.expect("a whole body");
        document::check(method.map(Method::as_str), &path, status, &headers, &text);
        Self { status, headers, text }
    }

    /// The body.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("{} {}", self.status, self.text))
    }

    /// A problem's `code`; empty for any other answer.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// That it is the answer of an earlier request.
    pub(crate) fn is_replayed(&self) -> bool {
        self.header("idempotency-replayed") == Some("true")
    }

    /// The body, if the status is this one.
    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Value {
        assert_eq!(self.status, status, "{}", self.text);
        if self.text.is_empty() { Value::Null } else { self.json() }
    }
}

/// The id of an object of the API.
#[track_caller]
pub(crate) fn id(object: &Value) -> &str {
    object["id"].as_str().unwrap_or_else(|| panic!("no id in {object}"))
}

/// An HTTP client that does nothing by itself: no redirects, no repeats, no proxy.
pub(crate) fn plain_client() -> reqwest::Client {
    // Whichever test comes first sets it for all; a second time changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let redirect = reqwest::redirect::Policy::none();
    reqwest::Client::builder().redirect(redirect).no_proxy().build().expect("an HTTP client")
}

/// A client of the API. Clones share the counter of fresh keys.
#[derive(Clone)]
pub(crate) struct Cart {
    pub(crate) base_url: String,
    pub(crate) api_key: String,
    client: reqwest::Client,
    keys: Arc<AtomicU64>,
}

impl Cart {
    pub(crate) fn new(base_url: &str, api_key: &str) -> Self {
        Self {
            base_url: base_url.to_owned(),
            api_key: api_key.to_owned(),
            client: plain_client(),
            keys: Arc::default(),
        }
    }

    /// An idempotency key that was not used before.
    pub(crate) fn fresh_key(&self) -> String {
        format!("key-{}", self.keys.fetch_add(1, Ordering::Relaxed))
    }

    /// Any request at all, with the API key already on it.
    pub(crate) fn request(&self, method: Method, path: &str) -> reqwest::RequestBuilder {
        self.client.request(method, format!("{}{path}", self.base_url)).bearer_auth(&self.api_key)
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None, None).await
    }

    /// A keyed POST.
    pub(crate) async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(key), Some(body)).await
    }

    /// A POST under a fresh key.
    pub(crate) async fn ask(&self, path: &str, body: Value) -> Answer {
        self.post(path, &self.fresh_key(), &body).await
    }

    /// Any method, with or without a key and a body.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        key: Option<&str>,
        body: Option<&Value>,
    ) -> Answer {
        let mut request = self.request(method.clone(), path);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        Answer::to(Some(&method), request.send().await.expect("an answer")).await
    }

    /// The body of an intent: 19.99 EUR and what `overrides` say.
    pub(crate) fn intent_body(overrides: &Value) -> Value {
        let mut body = json!({ "amount": 1999, "currency": "EUR", "return_url": RETURN_URL });
        for (name, value) in overrides.as_object().expect("an object of fields") {
            body[name] = value.clone();
        }
        body
    }

    /// Asks for an intent under a fresh key.
    pub(crate) async fn create_intent(&self, overrides: Value) -> Answer {
        self.ask("/v1/payment_intents", Self::intent_body(&overrides)).await
    }

    /// Creates an intent.
    pub(crate) async fn create(&self, overrides: Value) -> Value {
        self.create_intent(overrides).await.expect(201)
    }

    /// An intent as it is now.
    pub(crate) async fn intent(&self, id: &str) -> Value {
        self.get(&format!("/v1/payment_intents/{id}")).await.expect(200)
    }

    pub(crate) async fn status(&self, id: &str) -> String {
        self.intent(id).await["status"].as_str().expect("a status").to_owned()
    }

    /// Waits until an intent is as wanted; gives it.
    pub(crate) async fn until(&self, id: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
        eventually(&format!("{id}: {what}"), || async {
            let intent = self.intent(id).await;
            wanted(&intent).then_some(intent)
        })
        .await
    }

    /// Waits until an intent has a status; gives it.
    pub(crate) async fn until_status(&self, id: &str, status: &str) -> Value {
        self.until(id, status, |intent| intent["status"] == status).await
    }

    /// All events of an intent, oldest first.
    pub(crate) async fn events(&self, id: &str) -> Vec<Value> {
        let page = self.get(&format!("/v1/events?limit=100&payment_intent={id}")).await.expect(200);
        assert!(page["next_cursor"].is_null(), "more than one page of events");
        let mut events = page["data"].as_array().expect("a list").clone();
        events.sort_by_key(|event| event["sequence"].as_u64());
        events
    }

    /// The types of an intent's events, in order.
    pub(crate) async fn event_types(&self, id: &str) -> Vec<String> {
        let events = self.events(id).await;
        events.iter().map(|event| event["type"].as_str().expect("a type").to_owned()).collect()
    }

    /// How many events of a type an intent has.
    pub(crate) async fn count_events(&self, id: &str, kind: &str) -> usize {
        self.event_types(id).await.iter().filter(|known| *known == kind).count()
    }

    /// Waits for an event of an intent.
    pub(crate) async fn until_event(&self, id: &str, kind: &str) {
        eventually(&format!("{id} {kind}"), || async {
            (self.count_events(id, kind).await > 0).then_some(())
        })
        .await;
    }

    /// Asks for a refund of an intent; no amount means the rest.
    pub(crate) async fn refund(&self, id: &str, amount: Option<i64>) -> Answer {
        let mut body = json!({ "payment_intent": id });
        if let Some(amount) = amount {
            body["amount"] = amount.into();
        }
        self.ask("/v1/refunds", body).await
    }

    /// Waits until a refund has a status; gives it.
    pub(crate) async fn until_refund(&self, id: &str, status: &str) -> Value {
        eventually(&format!("{id} {status}"), || async {
            let refund = self.get(&format!("/v1/refunds/{id}")).await.expect(200);
            (refund["status"] == status).then_some(refund)
        })
        .await
    }

    pub(crate) async fn capture(&self, id: &str, body: Value) -> Answer {
        self.ask(&format!("/v1/payment_intents/{id}/capture"), body).await
    }

    pub(crate) async fn cancel(&self, id: &str) -> Answer {
        self.ask(&format!("/v1/payment_intents/{id}/cancel"), json!({})).await
    }
}
