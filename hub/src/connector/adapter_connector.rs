//! A connector by replay: an adapter, one merchant's settings and secrets, the way out, and the clock.
//!
//! Invariant: an operation takes one of a limited number of places before anything leaves, so that a slow
//! processor holds up nobody but itself. Deliveries are read in places of their own: they tell what became of
//! operations while their answers are slow.

use std::sync::Arc;

use async_trait::async_trait;
use hub_core::outcome::{NotSent, Outcome};
use hub_core::payment::AdapterPin;
use hub_core::planted::Bug;
use processor_sdk::{Answer, Call, Delivery, Descriptor, Door, DoorKind, Fault, Settings, SignedDeliveries};
use tokio::sync::{Semaphore, SemaphorePermit};
use tracing::Instrument;

use super::breaker::{Breaker, BreakerState, Leave, OPEN_S};
use super::credentials::SecretText;
use super::hosts::AllowedHosts;
use super::judgment::{Effect, Failure, of_failure};
use super::replay::{Ending, Means, RUN_S_MAX, Run, within};
use super::trust::trusted;
use super::{Authenticated, Connector, Performed, ReceiveFault, Received};
use crate::planted::planted;
use crate::plugin::failures::{Failures, Wrong};

/// How many operations one connector works on at once.
const CONCURRENT_RUNS_MAX: usize = 32;

/// How many deliveries one connector reads at once.
const CONCURRENT_RECEPTIONS_MAX: usize = 32;

/// How many deliveries one connector authenticates at once. They have places of their own, so that webhooks
/// get in while operations wait for a slow processor.
const CONCURRENT_AUTHENTICATIONS_MAX: usize = 32;

/// How many notifications one delivery may hold.
const NOTIFICATIONS_MAX: usize = 1_000;

/// The longest content of a code to scan, in bytes (EPC069-12).
const SCANNABLE_BYTES_MAX: usize = 331;

/// What a connector is made of beside its [`Means`].
pub struct Identity {
    pub name: String,
    pub livemode: bool,
    pub pin: AdapterPin,
    pub door_hosts: AllowedHosts,
    pub webhook_path_secret: Option<SecretText>,
}

/// The production [`Connector`].
pub struct AdapterConnector {
    identity: Identity,
    means: Means,
    runs: Semaphore,
    receptions: Semaphore,
    authentications: Semaphore,
    breaker: Arc<Breaker>,
}

impl AdapterConnector {
    pub fn new(identity: Identity, means: Means, breaker: Arc<Breaker>) -> Self {
        let runs = Semaphore::new(CONCURRENT_RUNS_MAX);
        let authentications = Semaphore::new(CONCURRENT_AUTHENTICATIONS_MAX);
        let receptions = Semaphore::new(CONCURRENT_RECEPTIONS_MAX);
        Self { identity, means, runs, receptions, authentications, breaker }
    }

    /// A place to work in, unless none becomes free in the time a run may take.
    async fn place<'a>(&self, places: &'a Semaphore) -> Result<SemaphorePermit<'a>, String> {
        let clock = self.means.clock.as_ref();
        let now = clock.now();
        let deadline = now.checked_add_seconds(RUN_S_MAX).unwrap_or(now);
        match within(clock, deadline, places.acquire()).await {
            Some(Ok(permit)) => Ok(permit),
            Some(Err(_)) | None => Err("too many operations of this connector are under way".to_owned()),
        }
    }

    async fn perform_within_limits(&self, call: &Call) -> Performed {
        let redactor = &self.means.redactor;
        let refused =
            |failure| Performed { outcome: of_failure(failure, Effect::None, redactor), exchanges: vec![] };
        if call.livemode != self.identity.livemode {
            return refused(Failure::Fault(Fault::cannot_ask("livemode", "is not that of the connector")));
        }
        let _place = match self.place(&self.runs).await {
            Ok(place) => place,
            Err(why) => return refused(Failure::Hindered(why)),
        };
        let leave = match self.leave() {
            Ok(leave) => leave,
            Err(why) => return refused(Failure::Hindered(why)),
        };
        let mut run = Run::operation(&self.means, call);
        let answered = match run.finish().await {
            Ending::Answer(answer) => self.answer_door(&answer).map(|()| answer),
            Ending::Failed(failure) => Err(failure),
            Ending::Notifications(_) | Ending::Verified => {
                Err(self.means.misbehaved("answered a call with notifications"))
            }
        };
        self.judge(leave, answered.as_ref().err());
        let outcome = match answered {
            Ok(answer) => Outcome::Answered { answer },
            // A session may exist behind a door that was refused, but no shopper is sent there.
            Err(failure) => of_failure(failure, run.effect, redactor),
        };
        log_outcome(&outcome);
        Performed { outcome, exchanges: run.exchanges }
    }

    /// Leave to run the adapter, unless it misbehaved too often.
    fn leave(&self) -> Result<Leave<'_>, String> {
        self.breaker
            .leave(self.means.clock.now())
            .map_err(|why| format!("{}: {why}", self.means.runner.who()))
    }

    /// Tells the breaker how a run ended; here, where it is known, what is wrong with the adapter is logged.
    fn judge(&self, leave: Leave<'_>, failure: Option<&Failure>) {
        let adapter = &self.identity.pin;
        let Some(failure) = failure.filter(|failure| failure.is_of_adapter()) else {
            if leave.behaved() {
                tracing::info!(
                    adapter.name,
                    adapter.version,
                    "the adapter behaved, so it is run again from now on"
                );
            }
            return;
        };
        if let Failure::Fault(_) = failure {
            self.means.failures.count(Wrong::BrokeRule);
        }
        let why = self.means.redactor.reason(&failure.to_string());
        tracing::error!(adapter.name, adapter.version, why, "the adapter misbehaved");
        if leave.misbehaved(self.means.clock.now()) {
            tracing::error!(
                adapter.name,
                adapter.version,
                pause_s = OPEN_S,
                "the adapter misbehaved too often: its breaker is open, and nothing is run for a while"
            );
        }
    }

    fn answer_door(&self, answer: &Answer) -> Result<(), Failure> {
        match answer {
            Answer::Said { door: Some(door), .. } => self
                .door_allowed(door)
                .map_err(|why| self.means.misbehaved(format!("opened a door that {why}"))),
            Answer::Said { door: None, .. } | Answer::Absent => Ok(()),
        }
    }

    async fn authenticate_within_limits(&self, delivery: &Delivery) -> Authenticated {
        match self.means.descriptor.deliveries {
            SignedDeliveries::Unsigned => return self.authenticate_hint(delivery).await,
            SignedDeliveries::None => {
                return Authenticated::Forged { why: "this processor delivers nothing".to_owned() };
            }
            SignedDeliveries::WholeBody | SignedDeliveries::Fields(_) => {}
        }
        let _place = match self.place(&self.authentications).await {
            Ok(place) => place,
            Err(why) => return Authenticated::Unavailable { why },
        };
        // What comes of it is not counted: whoever sends it may be a stranger.
        if let BreakerState::Open { .. } = self.breaker.state() {
            return Authenticated::Unavailable {
                why: format!("{}: the breaker is open", self.means.runner.who()),
            };
        }
        let mut run = Run::authentication(&self.means, delivery);
        match run.finish().await {
            Ending::Verified => Authenticated::Accepted,
            Ending::Notifications(_) | Ending::Answer(_) => {
                Authenticated::Forged { why: "no signature check passed".to_owned() }
            }
            Ending::Failed(failure) => match self.receive_fault(failure) {
                ReceiveFault::Forged { why } if run.stale => Authenticated::Stale { why },
                ReceiveFault::Forged { why } => Authenticated::Forged { why },
                ReceiveFault::Unreadable { why } => Authenticated::Unreadable { why },
                ReceiveFault::Unavailable { why } | ReceiveFault::Broken { why } => {
                    Authenticated::Unavailable { why }
                }
            },
        }
    }

    /// A hint needs no proof. But where an adapter has a signature to check, as with a setting that switches signed
    /// deliveries on, what it calls a forgery is refused as one. All else is for the job that reads the delivery.
    async fn authenticate_hint(&self, delivery: &Delivery) -> Authenticated {
        let _place = match self.place(&self.authentications).await {
            Ok(place) => place,
            Err(why) => return Authenticated::Unavailable { why },
        };
        if let BreakerState::Open { .. } = self.breaker.state() {
            return Authenticated::Accepted;
        }
        let mut run = Run::authentication(&self.means, delivery);
        match run.finish().await {
            Ending::Failed(Failure::Fault(fault @ Fault::Forged { .. })) => {
                let why = self.means.redactor.reason(&fault.to_string());
                if run.stale { Authenticated::Stale { why } } else { Authenticated::Forged { why } }
            }
            Ending::Failed(_) | Ending::Verified | Ending::Notifications(_) | Ending::Answer(_) => {
                Authenticated::Accepted
            }
        }
    }

    async fn receive_within_limits(&self, delivery: &Delivery) -> Received {
        let failed = |fault, exchanges| Received { notifications: vec![], exchanges, fault: Some(fault) };
        let _place = match self.place(&self.receptions).await {
            Ok(place) => place,
            Err(why) => return failed(ReceiveFault::Unavailable { why }, vec![]),
        };
        let leave = match self.leave() {
            Ok(leave) => leave,
            Err(why) => return failed(ReceiveFault::Unavailable { why }, vec![]),
        };
        let mut run = Run::delivery(&self.means, delivery);
        let read = match run.finish().await {
            Ending::Notifications(notifications) if notifications.len() <= NOTIFICATIONS_MAX => {
                Ok(notifications)
            }
            Ending::Notifications(_) => Err(self
                .means
                .misbehaved(format!("read more than {NOTIFICATIONS_MAX} notifications in one delivery"))),
            Ending::Answer(_) | Ending::Verified => {
                Err(self.means.misbehaved("answered a delivery with something other than notifications"))
            }
            Ending::Failed(failure) => Err(failure),
        };
        self.judge(leave, read.as_ref().err());
        let notifications = match read {
            Ok(notifications) => notifications,
            Err(failure) => return failed(self.receive_fault(failure), run.exchanges),
        };
        let deliveries = &self.means.descriptor.deliveries;
        let notifications = notifications
            .into_iter()
            .map(|notification| trusted(notification, &run.evidence, deliveries, delivery.channel))
            .collect();
        Received { notifications, exchanges: run.exchanges, fault: None }
    }

    fn receive_fault(&self, failure: Failure) -> ReceiveFault {
        let why = self.means.redactor.reason(&failure.to_string());
        match failure {
            Failure::Hindered(_) | Failure::Overran { .. } => ReceiveFault::Unavailable { why },
            Failure::Misbehaved { .. } => ReceiveFault::Broken { why },
            Failure::Fault(fault) => match fault {
                Fault::Forged { .. } => ReceiveFault::Forged { why },
                Fault::Unreadable { .. } => ReceiveFault::Unreadable { why },
                Fault::Credentials { .. } | Fault::Throttled { .. } | Fault::Processor { .. } => {
                    ReceiveFault::Unavailable { why }
                }
                Fault::Unsupported
                | Fault::CannotAsk { .. }
                | Fault::NotDeterministic
                | Fault::SwallowedStop => ReceiveFault::Broken { why },
            },
        }
    }
}

#[async_trait]
impl Connector for AdapterConnector {
    fn name(&self) -> &str {
        &self.identity.name
    }

    fn livemode(&self) -> bool {
        self.identity.livemode
    }

    fn descriptor(&self) -> &Descriptor {
        &self.means.descriptor
    }

    fn adapter_pin(&self) -> &AdapterPin {
        &self.identity.pin
    }

    fn settings(&self) -> &Settings {
        &self.means.settings
    }

    fn door_allowed(&self, door: &Door) -> Result<(), String> {
        match &door.kind {
            _ if planted(Bug::AnyDoor) => Ok(()),
            DoorKind::Redirect { url } | DoorKind::Form { url, .. } => {
                self.identity.door_hosts.check(url).map(|_| ())
            }
            DoorKind::Instructions { scannable: Some(processor_sdk::Scannable::Qr { payload }), .. }
                if payload.len() > SCANNABLE_BYTES_MAX =>
            {
                Err(format!("shows a code of more than {SCANNABLE_BYTES_MAX} bytes"))
            }
            DoorKind::Instructions { .. } | DoorKind::Nothing => Ok(()),
        }
    }

    fn webhook_path_secret(&self) -> Option<&str> {
        self.identity.webhook_path_secret.as_ref().map(SecretText::reveal)
    }

    fn breaker(&self) -> BreakerState {
        self.breaker.state()
    }

    fn failures(&self) -> &Failures {
        &self.means.failures
    }

    async fn perform(&self, call: &Call) -> Performed {
        let span = tracing::info_span!(
            "perform",
            connector.name = self.name(),
            operation = call.operation.kind().as_str(),
            key = call.key,
            echo = call.echo,
        );
        self.perform_within_limits(call).instrument(span).await
    }

    async fn authenticate(&self, delivery: &Delivery) -> Authenticated {
        let span = tracing::info_span!("authenticate", connector.name = self.name());
        self.authenticate_within_limits(delivery).instrument(span).await
    }

    async fn receive(&self, delivery: &Delivery) -> Received {
        let span = tracing::info_span!("receive", connector.name = self.name());
        self.receive_within_limits(delivery).instrument(span).await
    }
}

fn log_outcome(outcome: &Outcome) {
    match outcome {
        Outcome::Answered { .. } => tracing::debug!("the processor answered"),
        Outcome::NotSent { why: NotSent::Credentials { status } } => {
            // Nothing mends this but an operator.
            tracing::error!(
                http.status = *status,
                "the processor refuses the connector's credentials; nothing was done, and it is tried again: \
                 check its secrets in the config"
            );
        }
        Outcome::NotSent { why } => tracing::warn!(?why, "nothing was sent to the processor"),
        Outcome::Unknown { why } => tracing::warn!(why, "nobody knows whether the processor did it"),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use processor_sdk::{HttpRequest, Operation};

    use super::super::lab::{API, Play, call, lab, performing};
    use super::*;

    #[tokio::test]
    async fn a_slow_processor_holds_up_a_limited_number_of_operations() {
        let adapter = performing(|_, dialogue| {
            dialogue.send(HttpRequest::post(format!("{API}/pay")).bearer("api_key"))?;
            Ok(Answer::Absent)
        });
        let waiting = 8;
        let lab = lab(adapter, vec![Play::Hang; CONCURRENT_RUNS_MAX]);
        let mut operations = tokio::task::JoinSet::new();
        for _ in 0..CONCURRENT_RUNS_MAX + waiting {
            let connector = Arc::clone(&lab.connector);
            operations.spawn(async move { connector.perform(&call(Operation::Void)).await });
        }
        // Those under way wait for an answer, the others for a place; all of them against the clock.
        while lab.clock.sleeper_count() < CONCURRENT_RUNS_MAX + waiting {
            tokio::task::yield_now().await;
        }
        assert_eq!(lab.script.sent_lines().len(), CONCURRENT_RUNS_MAX);
    }
}
