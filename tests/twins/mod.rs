//! Twins of real processors: what one publishes about its API, as a small server in the test's own process.
//!
//! A twin is written from the processor's documents and never from our adapter, so that both can disagree.
//! It checks every request against the published names and types, keeps its own books and clock, signs its
//! own webhooks, shows the shopper's page, and has bad days on request.
//!
//! The skeleton here is shared: [`server`] takes requests and lets faults strike, [`desk`] holds what every
//! processor has (clock, ledger, violations, events), [`outbox`] sends webhooks. A folder for each processor
//! adds only what is that processor's own, as a [`Processor`].
//!
//! Invariant: a twin is no yes-man. What the published description does not allow is answered as the
//! processor would answer it *and* noted as a violation, and [`server::Twin::finish`] demands that there is none.

use axum::http::HeaderMap;

pub(crate) mod cord;
pub(crate) mod desk;
pub(crate) mod faults;
pub(crate) mod outbox;
pub(crate) mod server;

pub(crate) mod adyen;
pub(crate) mod authorizenet;
pub(crate) mod btcpay;
pub(crate) mod mollie;
pub(crate) mod paypal;
pub(crate) mod paystack;
pub(crate) mod square;
pub(crate) mod stripe;

/// A request as it came.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// No two requests of one twin have the same.
    pub(crate) number: u64,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    /// Where this twin is, for addresses in its answers.
    pub(crate) base_url: String,
}

impl Request {
    /// A header's value; none when it is absent or no text.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// An answer as it leaves.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: String,
}

/// How far a request gets once the processor has begun to do it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// It is done and answered.
    Whole,
    /// It breaks before anything was done; the processor knows that it broke.
    BreaksBefore,
    /// It is done, and the processor breaks while it answers; it knows that it broke.
    BreaksAfter,
}

/// What one processor adds to the skeleton.
pub(crate) trait Processor: Send + 'static {
    /// What a request asks for, in a word that fault rules name; none where no fault strikes, as on pages.
    fn operation(&self, request: &Request) -> Option<&'static str>;

    /// Does what is asked.
    fn answer(&mut self, desk: &mut desk::Desk, request: &Request, run: Run) -> Reply;

    /// The answer has left, or was lost on its way: the request is no longer in progress.
    fn is_over(&mut self, request: &Request);

    /// There were too many requests; nothing was done.
    fn too_many(&self) -> Reply;

    /// Something before or behind the API broke, and the API never heard of it.
    fn broken(&self) -> Reply;

    /// The headers that sign a webhook, with every secret that is active.
    fn sign(&self, secrets: &[String], at_s: i64, body: &str) -> Vec<(&'static str, String)>;

    /// A webhook's body as it leaves, for processors whose signatures stand in it.
    fn sign_in_body(&self, _secrets: &[String], body: &str) -> String {
        body.to_owned()
    }

    /// The same for processors whose signature covers the address that was registered with them.
    fn sign_for(&self, _url: &str, secrets: &[String], at_s: i64, body: &str) -> Vec<(&'static str, String)> {
        self.sign(secrets, at_s, body)
    }
}
