//! A shop's side of Sandbox Pay for tests: a client, and a receiver of webhooks that can be waited for.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::http::{HeaderMap, StatusCode};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use sandbox_server::{Account, Config, IDEMPOTENCY_WINDOW_S_DEFAULT, Server};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const WAIT_S_MAX: u64 = 20;

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap()
    }

    pub(crate) fn id(&self) -> String {
        self.json()["id"].as_str().unwrap().to_owned()
    }

    pub(crate) fn code(&self) -> String {
        self.json()["error"]["code"].as_str().unwrap_or_default().to_owned()
    }
}

#[derive(Debug)]
pub(crate) struct Delivery {
    pub(crate) signature: Option<String>,
    pub(crate) raw: String,
}

impl Delivery {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.raw).unwrap()
    }

    pub(crate) fn kind(&self) -> String {
        self.json()["type"].as_str().unwrap().to_owned()
    }

    /// The signed time, when the signature is good.
    pub(crate) fn verified(&self) -> Option<i64> {
        let (at, digest) = self.signature.as_ref()?.strip_prefix("t=")?.split_once(",v1=")?;
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(b"whsec_shop").unwrap();
        mac.update(format!("{at}.{}", self.raw).as_bytes());
        mac.verify_slice(&hex::decode(digest).ok()?).ok()?;
        at.parse().ok()
    }
}

pub(crate) struct Shop {
    pub(crate) server: Option<Server>,
    pub(crate) base_url: String,
    pub(crate) client: reqwest::Client,
    deliveries: mpsc::UnboundedReceiver<Delivery>,
    accepting: Arc<AtomicBool>,
    webhook_url: String,
}

impl Shop {
    pub(crate) async fn open(state_dir: Option<&Path>) -> Self {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let redirect = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().redirect(redirect).no_proxy().build().unwrap();
        let accepting = Arc::new(AtomicBool::new(true));
        let (webhook_url, deliveries) = receiver(Arc::clone(&accepting)).await;
        let mut shop =
            Self { server: None, base_url: String::new(), client, deliveries, accepting, webhook_url };
        shop.start(state_dir).await;
        shop
    }

    pub(crate) async fn start(&mut self, state_dir: Option<&Path>) {
        let account = |name: &str, webhook_url| Account {
            name: name.to_owned(),
            api_key: format!("sk_{name}"),
            webhook_secret: format!("whsec_{name}"),
            webhook_url,
        };
        let config = Config {
            listener: tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap(),
            public_url: None,
            state_dir: state_dir.map(Path::to_owned),
            accounts: vec![account("shop", Some(self.webhook_url.clone())), account("other", None)],
            idempotency_window_s: IDEMPOTENCY_WINDOW_S_DEFAULT,
        };
        let server = sandbox_server::start(config).await.unwrap();
        self.base_url = server.base_url().to_owned();
        self.server = Some(server);
    }

    pub(crate) async fn stop(&mut self) {
        self.server.take().unwrap().stop().await;
    }

    pub(crate) fn accept_webhooks(&self, accept: bool) {
        self.accepting.store(accept, Ordering::SeqCst);
    }

    pub(crate) fn request(&self, method: &Method, path: &str, body: &Value) -> reqwest::RequestBuilder {
        let request = self.client.request(method.clone(), format!("{}{path}", self.base_url));
        let request = request.bearer_auth("sk_shop");
        if *method == Method::GET { request } else { request.body(body.to_string()) }
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        answered(self.request(&Method::GET, path, &Value::Null)).await.unwrap()
    }

    pub(crate) async fn post(&self, path: &str, key: &str, body: Value) -> Answer {
        self.try_post(path, key, body).await.unwrap()
    }

    /// A POST whose answer may never come.
    pub(crate) async fn try_post(&self, path: &str, key: &str, body: Value) -> reqwest::Result<Answer> {
        answered(self.request(&Method::POST, path, &body).header("Idempotency-Key", key)).await
    }

    pub(crate) async fn admin(&self, method: Method, path: &str, body: Value) -> Answer {
        answered(self.request(&method, path, &body)).await.unwrap()
    }

    /// Posts the form of the page, as a browser does.
    pub(crate) async fn page(&self, session: &str, form: &str) -> Answer {
        let request = self.client.post(format!("{}/pay/{session}", self.base_url));
        let request = request.header("Content-Type", "application/x-www-form-urlencoded");
        answered(request.body(form.to_owned())).await.unwrap()
    }

    /// A session of 1000 and its payment's id, after the shopper has paid.
    pub(crate) async fn paid(&self, reference: &str, capture: &str) -> (String, String) {
        let session = self.post("/v1/sessions", reference, session(reference, capture)).await.id();
        assert_eq!(self.page(&session, "action=pay").await.status, 303);
        let payment = self.get(&format!("/v1/sessions/{session}")).await.json()["payment"]["id"].clone();
        (session, payment.as_str().unwrap().to_owned())
    }

    pub(crate) async fn charges(&self, reference: &str) -> usize {
        let path = format!("/admin/ledger?reference={reference}");
        self.get(&path).await.json()["entries"].as_array().unwrap().len()
    }

    pub(crate) async fn delivery(&mut self) -> Delivery {
        let wait = Duration::from_secs(WAIT_S_MAX);
        tokio::time::timeout(wait, self.deliveries.recv()).await.expect("a webhook").unwrap()
    }

    pub(crate) async fn kinds(&mut self, count: usize) -> Vec<String> {
        let mut kinds = Vec::new();
        for _ in 0..count {
            kinds.push(self.delivery().await.kind());
        }
        kinds
    }
}

pub(crate) fn session(reference: &str, capture: &str) -> Value {
    json!({
        "reference": reference, "amount": 1000, "currency": "EUR", "capture": capture,
        "return_url": "http://shop.example/return?x=1", "cancel_url": "http://shop.example/cart",
        "expires_at": 4_000_000_000_i64, "description": "Course <b>1</b>",
    })
}

pub(crate) fn with(mut body: Value, field: &str, value: Value) -> Value {
    body[field] = value;
    body
}

async fn answered(request: reqwest::RequestBuilder) -> reqwest::Result<Answer> {
    let response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    Ok(Answer { status, headers, text: response.text().await? })
}

async fn receiver(accepting: Arc<AtomicBool>) -> (String, mpsc::UnboundedReceiver<Delivery>) {
    let (told, deliveries) = mpsc::unbounded_channel();
    let receive = move |headers: HeaderMap, raw: String| async move {
        let signature = headers.get("sandbox-signature").map(|value| value.to_str().unwrap().to_owned());
        let _ = told.send(Delivery { signature, raw });
        if accepting.load(Ordering::SeqCst) { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/webhooks", listener.local_addr().unwrap());
    let router = axum::Router::new().route("/webhooks", axum::routing::post(receive));
    tokio::spawn(async move { axum::serve(listener, router).await });
    (url, deliveries)
}
