//! Where an adapter's function is run: in place when it is compiled in, in the sandbox when it is a plugin.
//!
//! Invariant: whatever the function does, a run ends in a reply or a [`Failure`], and costs its own operation
//! only. A plugin computes on threads of its own and never on one that serves requests.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_trait::async_trait;
use processor_sdk::{Adapter, Ask, Reply, run};

use super::judgment::Failure;
use super::redact::Redactor;
use crate::plugin::failures::{Failures, Wrong};
use crate::plugin::sandbox::{Plugin, Ran, RunFault};

/// What an adapter that is compiled in is called in messages.
const NATIVE: &str = "the adapter";

/// Runs an adapter's function once.
#[async_trait]
pub trait Runner: Send + Sync {
    /// The reply to an ask.
    ///
    /// # Errors
    /// [`Failure::Misbehaved`] or [`Failure::Overran`] when the function ended otherwise, [`Failure::Hindered`]
    /// when it had no chance.
    async fn run(&self, ask: &Ask) -> Result<Reply, Failure>;

    /// What it is called in messages, such as `plugin acme 1.2.0`.
    fn who(&self) -> String;
}

/// An adapter that is compiled in. It takes microseconds; one that is slow by nature has to bound itself.
pub struct Native(pub Arc<dyn Adapter>);

#[async_trait]
impl Runner for Native {
    async fn run(&self, ask: &Ask) -> Result<Reply, Failure> {
        // The adapter holds no state and the question is only read, so nothing half-done survives a panic.
        let once = AssertUnwindSafe(|| run(self.0.as_ref(), ask));
        catch_unwind(once)
            .map_err(|_| Failure::Misbehaved { who: NATIVE.to_owned(), what: "panicked".to_owned() })
    }

    fn who(&self) -> String {
        NATIVE.to_owned()
    }
}

/// A plugin, run for one connector.
pub struct Sandboxed {
    pub plugin: Arc<Plugin>,
    pub connector: String,
    /// Masks the connector's secrets in what the plugin logs; it never saw one, but nothing here is sure.
    pub redactor: Arc<Redactor>,
    /// Where what goes wrong is counted.
    pub failures: Arc<Failures>,
}

#[async_trait]
impl Runner for Sandboxed {
    async fn run(&self, ask: &Ask) -> Result<Reply, Failure> {
        let hindered = |why: String| Failure::Hindered(format!("{} {why}", self.plugin));
        let ask =
            serde_json::to_string(ask).map_err(|error| hindered(format!("cannot be asked: {error}")))?;
        let places = self.plugin.places().await;
        let plugin = Arc::clone(&self.plugin);
        let running = tokio::task::spawn_blocking(move || {
            // Given back when the run has ended, even when nobody waits for it any more.
            let _places = places;
            plugin.run_text(&ask)
        });
        let Ran { result, log } = running.await.map_err(|error| hindered(format!("was not run: {error}")))?;
        for line in &log {
            self.log(line);
        }
        result.map_err(|fault| self.failure(&fault))
    }

    fn who(&self) -> String {
        self.plugin.to_string()
    }
}

impl Sandboxed {
    fn log(&self, line: &str) {
        let descriptor = self.plugin.descriptor();
        tracing::info!(
            plugin.name = descriptor.name,
            plugin.version = descriptor.version,
            connector.name = self.connector,
            line = self.redactor.reason(line),
            "a plugin says something"
        );
    }

    fn failure(&self, fault: &RunFault) -> Failure {
        let what = self.redactor.reason(&fault.to_string());
        if let Some(wrong) = Wrong::of(fault) {
            self.failures.count(wrong);
        }
        match fault {
            RunFault::NoRoom(_) => Failure::Hindered(format!("{} {what}", self.plugin)),
            RunFault::OutOfTime(_) => Failure::Overran { who: self.who(), what },
            RunFault::OutOfFuel(_)
            | RunFault::OutOfMemory(_)
            | RunFault::StackOverflow
            | RunFault::Trapped(_)
            | RunFault::TooLong(_)
            | RunFault::Unreadable(_) => Failure::Misbehaved { who: self.who(), what },
        }
    }
}
