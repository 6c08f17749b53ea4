//! The merchant's endpoint: takes events, refuses some, loses its answers, and keeps what it took.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use payhub::merchant_webhooks::sender::{SendOutcome, Sender, UnreachableReason};

use super::network::{Host, Link, NoAnswer};
use super::timeline::SECOND;
use super::world::{Mistake, World};
use crate::processes::dice::Dice;
use crate::support::receiver::Received;

pub(crate) const URL: &str = "http://127.0.0.1:9000/hooks";
/// How long the hub waits for the endpoint.
const PATIENCE_US: i64 = 10 * SECOND;

/// The merchant.
pub(crate) struct Merchant {
    world: Arc<World>,
    pub(crate) host: Arc<Host>,
    secret: Mutex<Option<String>>,
    refuses_percent: Mutex<u64>,
    dice: Mutex<Dice>,
    taken: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Merchant {
    pub(crate) fn start(world: &Arc<World>) -> Arc<Self> {
        let host = Host::new(world, "merchant");
        host.up();
        Arc::new(Self {
            world: Arc::clone(world),
            host,
            secret: Mutex::default(),
            refuses_percent: Mutex::default(),
            dice: Mutex::new(world.dice("merchant")),
            taken: Mutex::default(),
        })
    }

    pub(crate) fn knows(&self, secret: &str) {
        *self.secret.lock().expect("no panic while held") = Some(secret.to_owned());
    }

    /// Refuses so many of what comes, without having taken it.
    pub(crate) fn refuses(&self, percent: u64) {
        *self.refuses_percent.lock().expect("no panic while held") = percent;
    }

    /// The body of each event that it took, by id.
    pub(crate) fn taken(&self) -> BTreeMap<String, Vec<u8>> {
        self.taken.lock().expect("no panic while held").clone()
    }

    fn take(&self, id: &str, received: &Received) -> u16 {
        self.world.note(&format!("merchant <- {id}"), &received.body);
        let secret = self.secret.lock().expect("no panic while held").clone();
        // Nobody but the hub sends here, so that it is the hub's mistake.
        let genuine = secret.is_some_and(|secret| received.is_signed_with(&secret));
        self.world.check(genuine, || format!("{id} came to the merchant without a good signature"));
        let refuses = *self.refuses_percent.lock().expect("no panic while held");
        if self.dice.lock().expect("no panic while held").chance(refuses) {
            self.world.count("events_refused");
            return 500;
        }
        let mut taken = self.taken.lock().expect("no panic while held");
        match taken.insert(id.to_owned(), received.body.clone()) {
            None => self.world.count("events_taken"),
            Some(before) => {
                self.world.count("events_taken_again");
                self.world.check(before == received.body, || format!("{id} came with another body"));
            }
        }
        200
    }
}

/// One replica's way to the merchant.
pub(crate) struct Post {
    pub(crate) world: Arc<World>,
    pub(crate) link: Arc<Link>,
    pub(crate) merchant: Arc<Merchant>,
}

#[async_trait]
impl Sender for Post {
    async fn send(&self, url: &str, headers: &[(&str, &str)], body: &[u8]) -> SendOutcome {
        self.world.check(url == URL, || format!("an event was sent to {url}"));
        let line = |(name, value): &(&str, &str)| {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header");
            (name, HeaderValue::from_str(value).expect("a header's value"))
        };
        let headers: HeaderMap = headers.iter().map(line).collect();
        let received = Received { headers, body: body.to_vec(), answered: 200 };
        self.world.count("events_sent");
        let merchant = Arc::clone(&self.merchant);
        let work = async move { merchant.take(received.header("webhook-id"), &received) };
        match self.link.call(&self.merchant.host, PATIENCE_US, work).await {
            Ok(status @ 200..=299) => SendOutcome::Delivered { status },
            Ok(_) if self.world.makes(Mistake::TakesRefusalForDelivery) => {
                SendOutcome::Delivered { status: 200 }
            }
            Ok(status) => SendOutcome::Rejected { status, retry_after: None },
            Err(NoAnswer::NotSent) => {
                SendOutcome::Unreachable { reason: UnreachableReason::ConnectionFailed }
            }
            Err(NoAnswer::Perhaps(_)) => SendOutcome::TimedOut,
        }
    }
}
