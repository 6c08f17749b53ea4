//! Numbers about the running hub, in the names and units that Prometheus expects.
//!
//! Counts are of this process since it started; what waits is asked of the store when somebody looks.
//!
//! Invariant: a label is a word of ours, a route's pattern or a connector's configured name. No id, address,
//! secret or anything that a caller sent is ever one, so the number of series is bounded by the config.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::http::Method;
use hub_core::event::Event;
use hub_core::outcome::Outcome;
use hub_core::payment::Status;
use processor_sdk::Timestamp;
use prometheus::core::Collector;
use prometheus::{
    Error, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

use crate::store::{DeliveryState, StoreFigures};
use crate::worker::job::JobBody;

pub mod listener;

/// What a webhook's authentication came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebhookVerdict {
    /// A signature of the processor was checked and holds.
    Verified,
    /// It came to a connector whose processor does not sign: a reason to ask, no more.
    Hint,
    /// The signature is missing or wrong.
    Forged,
    /// The signature is too old, or from the future.
    Stale,
    /// It is not what this processor sends.
    Unreadable,
    /// It could not be checked now.
    Unavailable,
}

impl WebhookVerdict {
    const fn word(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Hint => "hint",
            Self::Forged => "forged",
            Self::Stale => "stale",
            Self::Unreadable => "unreadable",
            Self::Unavailable => "unavailable",
        }
    }
}

/// Whose allowance was used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limited {
    /// An API key's.
    Key,
    /// That of an address which proved nothing.
    Address,
}

/// Every number.
pub struct Metrics {
    registry: Registry,
    requests: Requests,
    payments: Payments,
    processors: Processors,
    work: Work,
    stored: Stored,
    /// One look at a time, so that the store's counts are taken over in order.
    looking: Mutex<()>,
}

struct Requests {
    answered: IntCounterVec,
    seconds: HistogramVec,
    limited: IntCounterVec,
}

struct Payments {
    status_changes: IntCounterVec,
    quarantines: IntCounterVec,
}

struct Processors {
    calls: IntCounterVec,
    call_seconds: HistogramVec,
    webhooks: IntCounterVec,
}

struct Work {
    merchant_deliveries: IntCounterVec,
    jobs_claimed: IntCounterVec,
    jobs_failed: IntCounterVec,
}

/// What the store is asked for when somebody looks.
struct Stored {
    jobs_due: IntGauge,
    oldest_due_seconds: IntGauge,
    jobs_held: IntGauge,
    inbox_waiting: IntGauge,
    deliveries_pending: IntGauge,
    quarantined: IntGauge,
    commits: IntCounter,
    commit_batches: IntCounter,
}

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    /// When two have one name; it cannot happen to a hub whose tests passed.
    pub fn new() -> Result<Self, Error> {
        let registry = Registry::new();
        let help = "Always 1; the version is in the label.";
        let build = IntGaugeVec::new(Opts::new("payhub_build_info", help), &["version"])?;
        register(&registry, build)?.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        Ok(Self {
            requests: Requests::new(&registry)?,
            payments: Payments::new(&registry)?,
            processors: Processors::new(&registry)?,
            work: Work::new(&registry)?,
            stored: Stored::new(&registry)?,
            looking: Mutex::new(()),
            registry,
        })
    }

    /// A request was answered. `route` is a pattern of ours, never the address itself.
    pub(crate) fn request(&self, method: &Method, route: &str, status: u16, took_us: i64) {
        let method = method_word(method);
        self.requests.answered.with_label_values(&[route, method, &status.to_string()]).inc();
        self.requests.seconds.with_label_values(&[route, method]).observe(duration(took_us).as_secs_f64());
    }

    /// A request was refused because it came too soon.
    pub(crate) fn limited(&self, by: Limited) {
        let by = match by {
            Limited::Key => "key",
            Limited::Address => "address",
        };
        self.requests.limited.with_label_values(&[by]).inc();
    }

    /// An event of a payment is durable.
    pub(crate) fn recorded(&self, livemode: bool, event: &Event) {
        let mode = if livemode { "live" } else { "test" };
        let came_to =
            |status: &Status| self.payments.status_changes.with_label_values(&[mode, status.as_str()]).inc();
        if let Event::Created { intent } = event {
            came_to(&intent.status);
        }
        if let Event::StatusChanged { to, .. } = event {
            came_to(to);
        }
        if let Event::Quarantined { reason } = event {
            self.payments.quarantines.with_label_values(&[mode, reason.as_str()]).inc();
        }
    }

    /// A processor was asked.
    pub(crate) fn called(&self, connector: &str, operation: &str, outcome: &Outcome, took_us: i64) {
        let word = match outcome {
            Outcome::Answered { .. } => "answered",
            Outcome::NotSent { .. } => "not_sent",
            Outcome::Unknown { .. } => "unknown",
        };
        self.processors.calls.with_label_values(&[connector, operation, word]).inc();
        self.processors
            .call_seconds
            .with_label_values(&[connector, operation])
            .observe(duration(took_us).as_secs_f64());
    }

    /// A delivery came to a connector of this hub.
    pub(crate) fn webhook(&self, connector: &str, verdict: WebhookVerdict) {
        self.processors.webhooks.with_label_values(&[connector, verdict.word()]).inc();
    }

    /// A delivery to the merchant was tried.
    pub(crate) fn merchant_delivery(&self, state: DeliveryState) {
        let result = match state {
            DeliveryState::Delivered => "delivered",
            DeliveryState::Pending => "retried",
            DeliveryState::Failed => "failed",
        };
        self.work.merchant_deliveries.with_label_values(&[result]).inc();
    }

    /// A job was begun.
    pub(crate) fn job_claimed(&self, body: &JobBody) {
        self.work.jobs_claimed.with_label_values(&[body.kind()]).inc();
    }

    /// A job failed and is run again.
    pub(crate) fn job_failed(&self, body: &JobBody) {
        self.work.jobs_failed.with_label_values(&[body.kind()]).inc();
    }

    /// All of it in Prometheus' text format, with what the store holds now.
    ///
    /// # Errors
    /// When the format has no way to say it.
    pub fn text(&self, figures: &StoreFigures, now: Timestamp) -> Result<String, Error> {
        let _looking = self.looking.lock().unwrap_or_else(PoisonError::into_inner);
        self.stored.show(figures, now);
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}

impl Requests {
    fn new(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            answered: counts(
                registry,
                "payhub_http_requests_total",
                "Requests answered on the public front, by the route's pattern.",
                &["route", "method", "status"],
            )?,
            seconds: durations(
                registry,
                "payhub_http_request_duration_seconds",
                "Time from a request's head to its answer's.",
                &["route", "method"],
            )?,
            limited: counts(
                registry,
                "payhub_http_rate_limited_total",
                "Requests answered 429, by whose allowance was used up.",
                &["by"],
            )?,
        })
    }
}

impl Payments {
    fn new(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            status_changes: counts(
                registry,
                "payhub_payment_status_changes_total",
                "Payment intents that came to a status; a new one comes to its first.",
                &["mode", "to"],
            )?,
            quarantines: counts(
                registry,
                "payhub_payment_quarantines_total",
                "Quarantines that began, by reason.",
                &["mode", "reason"],
            )?,
        })
    }
}

impl Processors {
    fn new(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            calls: counts(
                registry,
                "payhub_connector_calls_total",
                "Operations asked of processors, by what they came to.",
                &["connector", "operation", "outcome"],
            )?,
            call_seconds: durations(
                registry,
                "payhub_connector_call_duration_seconds",
                "Time of one operation at a processor, all its requests together.",
                &["connector", "operation"],
            )?,
            webhooks: counts(
                registry,
                "payhub_webhooks_received_total",
                "Deliveries of processors, by what their authentication came to.",
                &["connector", "verdict"],
            )?,
        })
    }
}

impl Work {
    fn new(registry: &Registry) -> Result<Self, Error> {
        Ok(Self {
            merchant_deliveries: counts(
                registry,
                "payhub_merchant_delivery_tries_total",
                "Tries to deliver an event to the merchant: delivered, to be tried again, or given up.",
                &["result"],
            )?,
            jobs_claimed: counts(registry, "payhub_jobs_claimed_total", "Jobs that were begun.", &["kind"])?,
            jobs_failed: counts(
                registry,
                "payhub_jobs_failed_total",
                "Jobs that failed for a reason of the hub's own and are run again.",
                &["kind"],
            )?,
        })
    }
}

impl Stored {
    fn new(registry: &Registry) -> Result<Self, Error> {
        let gauge = |name: &str, help: &str| register(registry, IntGauge::new(name, help)?);
        let count = |name: &str, help: &str| register(registry, IntCounter::new(name, help)?);
        Ok(Self {
            jobs_due: gauge("payhub_jobs_due", "Jobs whose time has come and that nobody has begun.")?,
            oldest_due_seconds: gauge(
                "payhub_jobs_oldest_due_seconds",
                "How long the oldest of them has been due; 0 without one.",
            )?,
            jobs_held: gauge("payhub_jobs_held", "Jobs that are being worked on.")?,
            inbox_waiting: gauge("payhub_inbox_pending", "Deliveries of processors that wait to be read.")?,
            deliveries_pending: gauge(
                "payhub_merchant_deliveries_pending",
                "Deliveries to the merchant that are still to be made.",
            )?,
            quarantined: gauge("payhub_payments_quarantined", "Payments that wait for a person.")?,
            commits: count("payhub_commits_total", "Commits that the store was given.")?,
            commit_batches: count(
                "payhub_commit_batches_total",
                "Flushes to disk; the commits of one batch share one.",
            )?,
        })
    }

    fn show(&self, figures: &StoreFigures, now: Timestamp) {
        let set = |gauge: &IntGauge, value: u64| gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        set(&self.jobs_due, figures.jobs_due);
        let overdue_us = figures.next_due_at.map_or(0, |due| now.as_micros().saturating_sub(due.as_micros()));
        self.oldest_due_seconds.set(overdue_us.max(0) / 1_000_000);
        set(&self.jobs_held, figures.jobs_held);
        set(&self.inbox_waiting, figures.inbox_waiting);
        set(&self.deliveries_pending, figures.deliveries_pending);
        set(&self.quarantined, figures.waiting_for_person);
        let advance = |counter: &IntCounter, to: u64| counter.inc_by(to.saturating_sub(counter.get()));
        advance(&self.commits, figures.commits);
        advance(&self.commit_batches, figures.commit_batches);
    }
}

fn counts(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<IntCounterVec, Error> {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

fn durations(registry: &Registry, name: &str, help: &str, labels: &[&str]) -> Result<HistogramVec, Error> {
    // From a commit on a fast disk to the longest that a request may take by default.
    let seconds = vec![0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0];
    register(registry, HistogramVec::new(HistogramOpts::new(name, help).buckets(seconds), labels)?)
}

fn register<C: Collector + Clone + 'static>(registry: &Registry, collector: C) -> Result<C, Error> {
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

/// Anybody can invent methods; a label has only those that some route knows.
fn method_word(method: &Method) -> &'static str {
    let known = [Method::GET, Method::HEAD, Method::POST, Method::PATCH, Method::PUT, Method::DELETE];
    let words = ["GET", "HEAD", "POST", "PATCH", "PUT", "DELETE"];
    known.iter().zip(words).find(|(known, _)| *known == method).map_or("other", |(_, word)| word)
}

/// A clock that was set back in between makes no negative time.
fn duration(took_us: i64) -> Duration {
    Duration::from_micros(u64::try_from(took_us).unwrap_or(0))
}
