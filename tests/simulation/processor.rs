//! The processor on its machine: the real make-believe one, in memory, in simulated time; the hub's transport
//! to it and its webhooks to the hub.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use async_trait::async_trait;
use payhub::connector::transport::{PreparedRequest, SendError, Transport};
use payhub::ids::{Randomness, SeededRandomness};
use processor_sdk::{Bytes, Headers, HttpResponse};
use sandbox_server::{Account, IDEMPOTENCY_WINDOW_S_DEFAULT, InProcess, Later, Outside};
use serde_json::Value;

use super::calls::{Ask, Reply};
use super::network::{Host, Link, NoAnswer};
use super::replica::Cluster;
use super::timeline::{MS, SECOND, Timeline};
use super::world::{Mistake, World};
use crate::support::sandbox::Sandbox;

pub(crate) const BASE_URL: &str = "http://127.0.0.1:4010";
/// The accounts, each behind the connector of its name.
pub(crate) const ACCOUNTS: [&str; 2] = ["sandbox_a", "sandbox_b"];
/// How long the hub waits for an answer, as its own transport does.
const EXCHANGE_US_MAX: i64 = 30 * SECOND;
/// How long the processor waits for the hub to take a webhook.
const WEBHOOK_US_MAX: i64 = 10 * SECOND;
/// How often it looks for what has expired.
const SWEEP_US: i64 = 5 * SECOND;

/// A refusal as the processor writes it.
const REFUSED: &str = r#"{"error": {"code": "amount_exceeds_captured", "message": "No."}}"#;

/// The processor.
pub(crate) struct Processor {
    world: Arc<World>,
    pub(crate) host: Arc<Host>,
    server: InProcess,
    outside: Arc<Surroundings>,
}

impl Processor {
    pub(crate) fn start(world: &Arc<World>) -> Arc<Self> {
        let host = Host::new(world, "processor");
        host.up();
        let account = |name: &&str| Account {
            name: (*name).to_owned(),
            api_key: Sandbox::api_key(name),
            webhook_secret: Sandbox::webhook_secret(name),
            webhook_url: Some(format!("{}/webhooks/{name}", super::replica::BASE_URL)),
        };
        let outside = Arc::new(Surroundings {
            world: Arc::clone(world),
            host: Arc::clone(&host),
            randomness: SeededRandomness::new(world.dice("processor's randomness").next()),
            link: Link::new(world, "processor to hub"),
            cluster: OnceLock::new(),
            seen: Mutex::default(),
        });
        let accounts = ACCOUNTS.iter().map(account).collect();
        let server =
            InProcess::start(accounts, BASE_URL, IDEMPOTENCY_WINDOW_S_DEFAULT, Arc::clone(&outside) as _)
                .expect("the processor starts");
        let processor = Arc::new(Self { world: Arc::clone(world), host, server, outside });
        let sweeping = Arc::downgrade(&processor);
        let timeline = Arc::clone(&world.timeline);
        tokio::spawn(async move {
            while let Some(processor) = sweeping.upgrade() {
                processor.server.sweep();
                drop(processor);
                timeline.sleep(SWEEP_US).await;
            }
        });
        processor
    }

    /// Its webhooks go there.
    pub(crate) fn sends_to(&self, cluster: &Arc<Cluster>) {
        assert!(self.outside.cluster.set(Arc::clone(cluster)).is_ok(), "only once");
    }

    pub(crate) fn webhook_link(&self) -> &Arc<Link> {
        &self.outside.link
    }

    /// Answers a request that has arrived; nothing when it hangs up instead.
    pub(crate) async fn answer(self: Arc<Self>, ask: Ask) -> Option<Reply> {
        ask.note(&self.world, "processor");
        let reply = match self.server.answer(ask.to_request()).await {
            Some(response) => Some(Reply::of(response).await),
            None => None,
        };
        match &reply {
            Some(reply) => {
                reply.note(&self.world, "processor");
                let is_garbage =
                    reply.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
                let is_api = ask.target.starts_with("/v1/");
                if is_api && (reply.status >= 500 || reply.status == 429 || is_garbage) {
                    self.world.count("processor_faults");
                }
            }
            None => {
                self.world.note("processor", b"hangs up");
                self.world.count("processor_faults");
            }
        }
        reply
    }

    /// A call to its dashboard, by nobody's way.
    pub(crate) async fn admin(&self, method: &str, path: &str, body: Option<Value>) -> Value {
        let ask = Ask::new(method, &format!("/admin/{path}"));
        let ask = match body {
            Some(body) => ask.json(&body),
            None => ask,
        };
        let response = self.server.answer(ask.to_request()).await.expect("an answer of the dashboard");
        Reply::of(response).await.json()
    }
}

/// What the processor has around it.
struct Surroundings {
    world: Arc<World>,
    host: Arc<Host>,
    randomness: SeededRandomness,
    link: Arc<Link>,
    cluster: OnceLock<Arc<Cluster>>,
    /// How often each webhook was sent.
    seen: Mutex<BTreeMap<String, u64>>,
}

impl Outside for Surroundings {
    fn unix_seconds(&self) -> i64 {
        self.world.timeline.now_us() / SECOND
    }

    fn fill(&self, bytes: &mut [u8]) {
        self.randomness.fill(bytes);
    }

    fn sleep(&self, duration: Duration) -> Later<()> {
        let timeline: Arc<Timeline> = Arc::clone(&self.world.timeline);
        let us = i64::try_from(duration.as_micros()).expect("a time");
        Box::pin(async move { timeline.sleep(us).await })
    }

    fn post(&self, url: &str, body: String, signature: Option<&str>) -> Later<bool> {
        let target = url.strip_prefix(super::replica::BASE_URL).expect("the hub's address").to_owned();
        let mut ask = Ask::new("POST", &target).header("content-type", "application/json");
        if let Some(signature) = signature {
            ask = ask.header("sandbox-signature", signature);
        }
        let name = format!("{signature:?} {body}");
        let sent = {
            let mut seen = self.seen.lock().expect("no panic while held");
            let times = seen.entry(name).or_default();
            *times += 1;
            *times
        };
        self.world.count(if sent == 1 { "webhooks" } else { "webhooks_again" });
        let ask = Ask { body: body.into_bytes(), ..ask };
        let (world, host, link) = (Arc::clone(&self.world), Arc::clone(&self.host), Arc::clone(&self.link));
        let cluster = Arc::clone(self.cluster.get().expect("it knows where to send"));
        Box::pin(async move {
            if !host.is_up() {
                world.timeline.sleep(MS).await;
                return false;
            }
            match cluster.ask(&link, WEBHOOK_US_MAX, ask).await {
                Ok(reply) => {
                    if reply.status == 400 || reply.status == 401 {
                        world.count("webhooks_refused");
                    }
                    (200..300).contains(&reply.status)
                }
                Err(_) => {
                    world.count("webhooks_lost");
                    false
                }
            }
        })
    }
}

/// One replica's way out to the processor.
pub(crate) struct Wire {
    pub(crate) world: Arc<World>,
    pub(crate) link: Arc<Link>,
    pub(crate) processor: Arc<Processor>,
    pub(crate) sent: AtomicU64,
}

#[async_trait]
impl Transport for Wire {
    async fn send(&self, request: &PreparedRequest) -> Result<HttpResponse, SendError> {
        let query = request.url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let number = self.sent.fetch_add(1, Ordering::Relaxed);
        let headers = request.headers.iter().map(|(name, value)| {
            let spoiled =
                self.world.makes(Mistake::SendsWithoutKeys) && name.eq_ignore_ascii_case("idempotency-key");
            let value = if spoiled { format!("{}-{number}", value.as_str()) } else { value.to_string() };
            (name.clone(), value)
        });
        let ask = Ask {
            method: request.method.as_str().to_owned(),
            target: format!("{}{query}", request.url.path()),
            headers: headers.collect(),
            body: request.body.to_vec(),
        };
        self.world.count("requests_to_the_processor");
        let work = Arc::clone(&self.processor).answer(ask);
        let answered = self.link.call(&self.processor.host, EXCHANGE_US_MAX, work).await;
        match answered {
            Ok(None) | Err(NoAnswer::Perhaps(_)) if self.world.makes(Mistake::TakesDoubtForRefusal) => {
                let body = Bytes::new(REFUSED.as_bytes().to_vec());
                Ok(HttpResponse { status: 422, headers: Headers(vec![]), body })
            }
            Ok(Some(reply)) => {
                let line = |(name, value): (&axum::http::HeaderName, &axum::http::HeaderValue)| {
                    (name.as_str().to_owned(), String::from_utf8_lossy(value.as_bytes()).into_owned())
                };
                let headers = Headers(reply.headers.iter().map(line).collect());
                Ok(HttpResponse { status: reply.status, headers, body: Bytes::new(reply.body) })
            }
            Ok(None) => Err(SendError::MaybeSent { detail: "the connection was closed".to_owned() }),
            Err(NoAnswer::NotSent) => Err(SendError::NotSent { detail: "cannot connect".to_owned() }),
            Err(NoAnswer::Perhaps(why)) => Err(SendError::MaybeSent { detail: why.to_owned() }),
        }
    }
}
