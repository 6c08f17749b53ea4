//! The hub under load: the real `payhub serve` with its sandbox processor, as the tests with real processes
//! start them.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use rusqlite::{Connection, OpenFlags};
use serde_json::{Value, json};
use sha2::Sha256;

use crate::load::{self, Tally};
use crate::processes::http::send;
use crate::processes::world::{Kind, SECRETS, World, text};
use crate::processes::{look_until, now};

/// Payments that deliveries are about.
const SESSIONS: usize = 64;
/// Where the processor delivers, and how it signs.
const PATH: &str = "/webhooks/sandbox";
const SIGNATURE: &str = "sandbox-signature";
/// How long the hub may take to read what it took.
const READ_TIME_MAX: Duration = Duration::from_secs(120);

/// A hub with its processor.
pub(crate) struct BenchedHub {
    world: World,
    number: AtomicU64,
}

impl BenchedHub {
    /// Starts both.
    pub(crate) fn start() -> Self {
        Self { world: World::start(Kind::Serve), number: AtomicU64::new(0) }
    }

    /// Its database file.
    pub(crate) fn database(&self) -> PathBuf {
        self.world.data_dir().join("hub.sqlite")
    }

    fn address(&self) -> SocketAddr {
        self.world.api.base_url.trim_start_matches("http://").parse().expect("an address")
    }

    /// Creates one payment; its id.
    pub(crate) fn first_payment(&self) -> String {
        text(&self.create(), "id")
    }

    fn create(&self) -> Value {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let created = self.world.api.post("/v1/payment_intents", &format!("bench-{number:016}"), &intent());
        let created = created.expect("the hub answers");
        assert_eq!(created.status, 201, "{}", created.text());
        created.json()
    }

    /// Payments, as many as it takes.
    pub(crate) fn create_payments(&self, concurrency: usize, time: Duration) -> Tally {
        let authorization = format!("Bearer {}", self.world.api.key);
        let body = intent().to_string();
        load::run(self.address(), concurrency, time, 201, &|into| {
            let key = format!("bench-{:016}", self.number.fetch_add(1, Ordering::Relaxed));
            let headers = [("authorization", authorization.as_str()), ("idempotency-key", key.as_str())];
            load::post(into, "/v1/payment_intents", &headers, body.as_bytes());
        })
    }

    /// Opens the processor's page for some payments, as their shoppers would.
    pub(crate) fn open_sessions(&self) -> Deliveries {
        let sessions = (0..SESSIONS).map(|_| self.open_session()).collect();
        Deliveries { sessions, number: AtomicU64::new(0) }
    }

    fn open_session(&self) -> Value {
        let url = text(&self.create(), "checkout_url");
        let door = send("GET", &url, &[], b"").expect("the hub answers");
        let page = door.location().unwrap_or_else(|| panic!("no door: {}", door.text()));
        let id = page.split(['/', '?']).find(|part| part.starts_with("ss_")).expect("a session's id");
        let authorization = format!("Bearer {}", SECRETS[0].1);
        let session = format!("{}/v1/sessions/{id}", self.world.sandbox_url);
        let session = send("GET", &session, &[("authorization", &authorization)], b"");
        session.expect("the sandbox answers").json()
    }

    fn unread(&self) -> i64 {
        Connection::open_with_flags(self.database(), OpenFlags::SQLITE_OPEN_READ_ONLY)
            .and_then(|connection| {
                let waiting = "SELECT count(*) FROM inbox WHERE state = 'received'";
                connection.query_row(waiting, [], |row| row.get(0))
            })
            .expect("the inbox can be counted")
    }
}

fn intent() -> Value {
    json!({
        "amount": 1999,
        "currency": "EUR",
        "description": "A mug",
        "return_url": "http://127.0.0.1:9/thanks",
    })
}

/// Events of the processor, each new and rightly signed, that say of payments what the hub knows already: so
/// each is verified, stored, read and compared, and no money moves.
pub(crate) struct Deliveries {
    sessions: Vec<Value>,
    number: AtomicU64,
}

impl Deliveries {
    /// Sends one and waits until it was read; its event's id.
    pub(crate) fn send_first(&self, hub: &BenchedHub) -> String {
        let event_id = event_id(self.number.load(Ordering::Relaxed));
        let (body, signature) = self.next();
        let url = format!("{}{PATH}", hub.world.api.base_url);
        let taken = send("POST", &url, &[(SIGNATURE, &signature)], body.as_bytes()).expect("the hub answers");
        assert_eq!(taken.status, 200, "{}", taken.text());
        Self::wait(hub);
        event_id
    }

    /// Sends as many as are taken; how many were, and the same over the time until all were read.
    pub(crate) fn send(&self, hub: &BenchedHub, concurrency: usize, time: Duration) -> (Tally, Tally) {
        let begun = now();
        let taken = load::run(hub.address(), concurrency, time, 200, &|into| {
            let (body, signature) = self.next();
            load::post(into, PATH, &[(SIGNATURE, &signature)], body.as_bytes());
        });
        Self::wait(hub);
        let read = Tally { elapsed: begun.elapsed(), waits_us: vec![], ..taken.clone() };
        (taken, read)
    }

    fn wait(hub: &BenchedHub) {
        look_until(READ_TIME_MAX, || (hub.unread() == 0).then_some(())).expect("the hub reads what it took");
    }

    /// The next event's body and signature.
    fn next(&self) -> (String, String) {
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        let session = &self.sessions[usize::try_from(number).unwrap_or(0) % self.sessions.len()];
        let signed_at = unix_seconds();
        let event = json!({
            "id": event_id(number),
            "type": "session.processing",
            // Dated as the hub has it: a later date would be news.
            "created": session["updated"],
            "livemode": false,
            "data": { "object": session },
        });
        let body = event.to_string();
        let mut mac = Hmac::<Sha256>::new_from_slice(SECRETS[1].1.as_bytes()).expect("a key of any length");
        mac.update(format!("{signed_at}.{body}").as_bytes());
        let signature = format!("t={signed_at},v1={}", hex::encode(mac.finalize().into_bytes()));
        (body, signature)
    }
}

fn event_id(number: u64) -> String {
    format!("ev_{number:020}")
}

#[expect(clippy::disallowed_methods, reason = "the processor's clock is the machine's")]
fn unix_seconds() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970").as_secs()
}
