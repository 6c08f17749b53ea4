//! The processor under the test's hands: faults, dashboard, ledger, clock.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use sandbox_server::{Account, Config, IDEMPOTENCY_WINDOW_S_DEFAULT, Server};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use super::cart::{Answer, plain_client};
use super::wait::eventually;

/// The make-believe processor, a real server beside the hub.
pub(crate) struct Sandbox {
    server: Mutex<Option<Server>>,
    pub(crate) base_url: String,
    client: reqwest::Client,
    state_dir: PathBuf,
    accounts: Vec<Account>,
    /// Where it says that its pages are, if that is not where they are.
    pages_at: Option<&'static str>,
}

/// The header by which the processor vouches for a webhook, written after its documentation.
pub(crate) fn signature(secret: &str, at_s: i64, body: &str) -> String {
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(secret.as_bytes()).expect("any length");
    mac.update(format!("{at_s}.{body}").as_bytes());
    format!("t={at_s},v1={}", hex::encode(mac.finalize().into_bytes()))
}

/// What the processor's own books say of one reference, or of all.
#[derive(Debug)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<Value>,
    pub(crate) charged: i64,
    pub(crate) refunded: i64,
}

impl Ledger {
    /// How many entries of a kind there are.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.entries.iter().filter(|entry| entry["kind"] == kind).count()
    }
}

impl Sandbox {
    /// Starts the processor, with webhooks to the hub at `hub_url`.
    pub(crate) async fn start(
        state_dir: &Path,
        names: &[&str],
        hub_url: &str,
        pages_at: Option<&'static str>,
    ) -> Self {
        let account = |name: &&str| Account {
            name: (*name).to_owned(),
            api_key: Self::api_key(name),
            webhook_secret: Self::webhook_secret(name),
            webhook_url: Some(format!("{hub_url}/webhooks/{name}")),
        };
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let base_url = format!("http://{}", listener.local_addr().expect("an address"));
        let sandbox = Self {
            server: Mutex::new(None),
            base_url,
            client: plain_client(),
            state_dir: state_dir.to_owned(),
            accounts: names.iter().map(account).collect(),
            pages_at,
        };
        sandbox.run(listener).await;
        sandbox
    }

    async fn run(&self, listener: TcpListener) {
        let config = Config {
            listener,
            public_url: self.pages_at.map(str::to_owned),
            state_dir: Some(self.state_dir.clone()),
            accounts: self.accounts.clone(),
            idempotency_window_s: IDEMPOTENCY_WINDOW_S_DEFAULT,
        };
        let server = sandbox_server::start(config).await.expect("the sandbox starts");
        *self.server.lock().expect("no panic while held") = Some(server);
    }

    /// Stops the processor; its address then refuses connections.
    pub(crate) async fn stop(&self) {
        let server = self.server.lock().expect("no panic while held").take();
        if let Some(server) = server {
            server.stop().await;
        }
    }

    /// Starts it again with the same books, at the same address.
    pub(crate) async fn resume(&self) {
        let listener = TcpListener::bind(self.host()).await.expect("the port is free again");
        self.run(listener).await;
    }

    pub(crate) fn host(&self) -> String {
        self.base_url.trim_start_matches("http://").to_owned()
    }

    pub(crate) fn api_key(account: &str) -> String {
        format!("sk_sandbox_key_of_{account}")
    }

    pub(crate) fn webhook_secret(account: &str) -> String {
        format!("whsec_sandbox_secret_of_{account}")
    }

    /// What must never be written down anywhere by the hub.
    pub(crate) fn secrets(&self) -> Vec<String> {
        self.accounts
            .iter()
            .flat_map(|account| [account.api_key.clone(), account.webhook_secret.clone()])
            .collect()
    }

    /// A call to `/admin`.
    pub(crate) async fn admin(&self, method: Method, path: &str, body: Value) -> Answer {
        let mut request = self.client.request(method.clone(), format!("{}/admin/{path}", self.base_url));
        if method != Method::GET {
            request = request.body(body.to_string());
        }
        Answer::of(request.send().await.expect("an answer of the sandbox")).await
    }

    async fn list(&self, path: &str) -> Vec<Value> {
        let answer = self.admin(Method::GET, path, Value::Null).await.expect(200);
        answer["data"].as_array().expect("a list").clone()
    }

    /// Asks for bad days: `{"operation": "capture", "fault": "drop_after", "times": 1}`.
    pub(crate) async fn fault(&self, rule: Value) {
        self.admin(Method::POST, "faults", rule).await.expect(201);
    }

    pub(crate) async fn no_more_faults(&self) {
        self.admin(Method::DELETE, "faults", Value::Null).await.expect(200);
    }

    /// Fault rules that are left.
    pub(crate) async fn faults(&self) -> Vec<Value> {
        self.list("faults").await
    }

    /// Every session, oldest first.
    pub(crate) async fn sessions(&self) -> Vec<Value> {
        self.list("sessions").await
    }

    pub(crate) async fn session(&self, id: &str) -> Value {
        let all = self.sessions().await;
        all.into_iter().find(|session| session["id"] == id).unwrap_or_else(|| panic!("no session {id}"))
    }

    /// The payment of the one session that has one.
    pub(crate) async fn payment(&self) -> Value {
        let all = self.sessions().await;
        let mut paid = all.into_iter().filter(|session| !session["payment"].is_null());
        let payment = paid.next().expect("a session with a payment")["payment"].clone();
        assert!(paid.next().is_none(), "more than one session has a payment");
        payment
    }

    /// The books: all entries.
    pub(crate) async fn ledger(&self) -> Ledger {
        let body = self.admin(Method::GET, "ledger", Value::Null).await.expect(200);
        let total = |name: &str| body["totals"][name].as_i64().expect("a total");
        Ledger {
            entries: body["entries"].as_array().expect("entries").clone(),
            charged: total("charged"),
            refunded: total("refunded"),
        }
    }

    /// What the hosted page does, and `settle`.
    pub(crate) async fn act(&self, session: &str, body: Value) -> Value {
        self.admin(Method::POST, &format!("sessions/{session}/act"), body).await.expect(200)
    }

    /// Settles a session that was paid later: `paid` or `declined`.
    pub(crate) async fn settle(&self, session: &str, outcome: &str) -> Value {
        self.act(session, json!({ "action": "settle", "outcome": outcome })).await
    }

    /// A refund made in the processor's dashboard.
    pub(crate) async fn dashboard_refund(&self, payment: &str, amount: i64) -> Value {
        self.admin(Method::POST, &format!("payments/{payment}/refund"), json!({ "amount": amount }))
            .await
            .expect(201)
    }

    /// What new refunds start as: `succeeded` or `pending`.
    pub(crate) async fn refund_mode(&self, status: &str) {
        self.admin(Method::POST, "refunds/mode", json!({ "status": status })).await.expect(200);
    }

    /// Ends a refund: `succeeded` or `failed`.
    pub(crate) async fn end_refund(&self, id: &str, status: &str) {
        self.admin(Method::POST, &format!("refunds/{id}"), json!({ "status": status })).await.expect(200);
    }

    pub(crate) async fn dispute(&self, payment: &str, amount: Option<i64>) -> Value {
        let body = amount.map_or(json!({}), |amount| json!({ "amount": amount }));
        self.admin(Method::POST, &format!("payments/{payment}/dispute"), body).await.expect(201)
    }

    /// Ends a dispute: `won` or `lost`.
    pub(crate) async fn end_dispute(&self, id: &str, status: &str) {
        self.admin(Method::POST, &format!("disputes/{id}"), json!({ "status": status })).await.expect(200);
    }

    /// Moves this server's clock, and the times it signs.
    pub(crate) async fn jump(&self, seconds: i64) {
        self.admin(Method::POST, "clock", json!({ "advance_s": seconds, "signatures": true }))
            .await
            .expect(200);
    }

    /// Sends held webhooks now.
    pub(crate) async fn flush(&self) {
        self.admin(Method::POST, "flush", json!({})).await.expect(200);
    }

    /// Webhooks, oldest first.
    pub(crate) async fn webhooks(&self) -> Vec<Value> {
        self.list("events").await
    }

    /// Sends a webhook again, well signed.
    pub(crate) async fn send_webhook(&self, id: &str) {
        self.admin(Method::POST, &format!("events/{id}/send"), json!({})).await.expect(202);
    }

    /// Waits until a webhook of a type is in a state of delivery; gives it.
    pub(crate) async fn until_webhook(&self, kind: &str, delivery: &str) -> Value {
        eventually(&format!("{kind} {delivery}"), || async {
            let all = self.webhooks().await;
            all.into_iter().find(|event| event["type"] == kind && event["delivery"] == delivery)
        })
        .await
    }

    /// Waits until no webhook is on its way.
    pub(crate) async fn until_quiet(&self) {
        eventually("no webhook on its way", || async {
            self.webhooks().await.iter().all(|event| event["delivery"] != "pending").then_some(())
        })
        .await;
    }

    /// Other webhook settings of an account: `{"webhook_url": null}` switches them off.
    pub(crate) async fn account(&self, name: &str, body: Value) {
        self.admin(Method::PUT, &format!("accounts/{name}"), body).await.expect(200);
    }

    /// Switches the webhooks of every account off.
    pub(crate) async fn no_webhooks(&self) {
        for account in &self.accounts {
            self.account(&account.name, json!({ "webhook_url": null })).await;
        }
    }
}
