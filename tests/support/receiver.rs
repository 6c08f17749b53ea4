//! The merchant's endpoint: records what it gets, verifies it with code of its own, answers as told.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use super::cart::{Cart, id};
use super::document;
use super::hub::TestHub;
use super::wait::eventually;

/// A delivery as it came.
#[derive(Clone, Debug)]
pub(crate) struct Received {
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// What it was answered with.
    pub(crate) answered: u16,
}

impl Received {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("a JSON body")
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().expect("a type").to_owned()
    }

    #[track_caller]
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name).unwrap_or_else(|| panic!("no header {name}"));
        value.to_str().expect("a text")
    }

    /// The signed time.
    pub(crate) fn timestamp(&self) -> i64 {
        self.header("webhook-timestamp").parse().expect("Unix seconds")
    }

    /// Whether one of its signatures is good under a secret, by the Standard Webhooks specification.
    pub(crate) fn is_signed_with(&self, secret: &str) -> bool {
        let encoded = secret.strip_prefix("whsec_").expect("a secret of the standard");
        let key = STANDARD.decode(encoded).expect("base64");
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&key).expect("any length");
        mac.update(self.header("webhook-id").as_bytes());
        mac.update(b".");
        mac.update(self.header("webhook-timestamp").as_bytes());
        mac.update(b".");
        mac.update(&self.body);
        let wanted = format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes()));
        self.header("webhook-signature").split(' ').any(|signature| signature == wanted)
    }
}

#[derive(Default)]
struct Memory {
    received: Mutex<Vec<Received>>,
    next: Mutex<VecDeque<u16>>,
    always: Mutex<Option<u16>>,
    held: tokio::sync::watch::Sender<bool>,
}

/// An endpoint on a port of its own.
pub(crate) struct Receiver {
    pub(crate) url: String,
    memory: Arc<Memory>,
    server: JoinHandle<()>,
}

/// An endpoint that the hub knows.
pub(crate) struct Registered {
    pub(crate) id: String,
    pub(crate) secret: String,
}

impl Receiver {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/hooks", listener.local_addr().expect("an address"));
        let memory = Arc::new(Memory::default());
        let router = axum::Router::new().fallback(take).with_state(memory.clone());
        let server = tokio::spawn(async move {
            axum::serve(listener, router).await.expect("the receiver serves");
        });
        Self { url, memory, server }
    }

    /// Registers it with the hub for events of these types; none means all.
    pub(crate) async fn register(&self, hub: &TestHub, types: &[&str]) -> Registered {
        let body = json!({ "url": self.url, "event_types": types });
        let endpoint = hub.cart.ask("/v1/webhook_endpoints", body).await.expect(201);
        let secret = endpoint["secret"].as_str().expect("a secret").to_owned();
        hub.keep_out_of_the_file(&secret);
        Registered { id: id(&endpoint).to_owned(), secret }
    }

    /// The next deliveries are answered with these, in order; then 200 again.
    pub(crate) fn answer_next(&self, statuses: &[u16]) {
        self.memory.next.lock().expect("no panic while held").extend(statuses);
    }

    /// Every delivery is answered with this.
    pub(crate) fn answer_always(&self, status: u16) {
        *self.memory.always.lock().expect("no panic while held") = Some(status);
    }

    /// Every delivery waits for its answer, until [`Self::release`].
    pub(crate) fn hold(&self) {
        self.memory.held.send_replace(true);
    }

    /// Those that wait are answered, and those that come.
    pub(crate) fn release(&self) {
        self.memory.held.send_replace(false);
    }

    /// Everything that came, in order of arrival, and as the document says.
    pub(crate) fn received(&self) -> Vec<Received> {
        let received = self.memory.received.lock().expect("no panic while held").clone();
        received.iter().for_each(|one| document::check_event(&one.json()));
        received
    }

    /// Waits until at least so many have come; gives all.
    pub(crate) async fn until_count(&self, count: usize) -> Vec<Received> {
        eventually(&format!("{count} deliveries"), || async {
            let received = self.received();
            (received.len() >= count).then_some(received)
        })
        .await
    }

    /// Waits for a delivery of a type that was answered with 2xx; gives the first.
    pub(crate) async fn until_taken(&self, kind: &str) -> Received {
        eventually(&format!("{kind} delivered"), || async {
            let received = self.received();
            received.into_iter().find(|one| one.kind() == kind && (200..300).contains(&one.answered))
        })
        .await
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        self.server.abort();
    }
}

/// An endpoint as the hub shows it.
pub(crate) async fn endpoint(cart: &Cart, id: &str) -> Value {
    cart.get(&format!("/v1/webhook_endpoints/{id}")).await.expect(200)
}

/// An endpoint's deliveries as the hub shows them.
pub(crate) async fn deliveries(cart: &Cart, id: &str) -> Vec<Value> {
    let page = cart.get(&format!("/v1/webhook_endpoints/{id}/deliveries?limit=100")).await.expect(200);
    page["data"].as_array().expect("a list").clone()
}

async fn take(State(memory): State<Arc<Memory>>, headers: HeaderMap, body: Bytes) -> Response {
    let next = memory.next.lock().expect("no panic while held").pop_front();
    let always = *memory.always.lock().expect("no panic while held");
    let answered = next.or(always).unwrap_or(200);
    let received = Received { headers, body: body.to_vec(), answered };
    memory.received.lock().expect("no panic while held").push(received);
    // Whoever held it is gone when this fails.
    let mut held = memory.held.subscribe();
    let _gone = held.wait_for(|held| !held).await.is_err();
    let status = StatusCode::from_u16(answered).expect("a status");
    let mut response = status.into_response();
    if status.is_redirection() {
        response.headers_mut().insert("location", HeaderValue::from_static("/elsewhere"));
    }
    response
}
