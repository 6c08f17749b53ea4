//! The one place where payments change: load, decide, commit; again if somebody else was faster.
//!
//! Handlers, jobs and webhooks build commands and hand them in here. What a decision leads to (state,
//! events, journal, jobs, publications, the idempotent answer) goes to the store as one commit, and this
//! returns only when that is durable.

use std::sync::Arc;

use hub_core::command::{Command, CreateIntent};
use hub_core::decide::{create, decide};
use hub_core::event::Cause;
use hub_core::ids::{OrderId, PaymentIntentId, Scope, WebhookEventId};
use hub_core::order::Order;
use hub_core::payment::PaymentIntent;
use hub_core::policy::Policies;
use hub_core::publish::PublicObject;
use hub_core::refusal::Refusal;
use hub_core::schedule::schedule;
use hub_core::story::{Context, Decision};
use processor_sdk::{Customer, Timestamp};
use serde::{Deserialize, Serialize};

use crate::api_objects::envelopes::{EventHead, event_body};
use crate::api_objects::{self, public_urls::PublicUrls};
use crate::clock::Clock;
use crate::connector::health::ConnectorHealths;
use crate::ids::Ids;
use crate::metrics::Metrics;
use crate::reload::Reload;
use crate::replica::Replica;
use crate::routing_table::Connectors;
use crate::seal::Sealer;
use crate::store::{
    AttemptIndex, ClaimedJob, Commit, Conflict, PublicEventRow, Store, StoreError, TransferKind, Write,
};
use crate::worker::job::{Job, JobBody};

/// Tries of one command against concurrent changes of the same payment. Each lost try means that another
/// command won, so that this bounds the wait, not the throughput.
const VERSION_CONFLICTS_MAX: u32 = 200;

/// How often a waiting request looks by itself, in microseconds.
const LOOK_AGAIN_US: i64 = 500_000;

/// Everything a request or a job needs.
pub struct Hub {
    /// Durable state.
    pub store: Arc<dyn Store>,
    /// Which hub this is.
    pub replica: Replica,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Fresh ids and tokens.
    pub ids: Ids,
    /// Processors.
    pub connectors: Connectors,
    /// How they change while it runs.
    pub reload: Reload,
    /// Sealing of sensitive rows.
    pub sealer: Arc<Sealer>,
    /// The hub's own addresses.
    pub urls: PublicUrls,
    /// What the operator decided for what shops lose money on.
    pub policies: Policies,
    /// Numbers about this process.
    pub metrics: Arc<Metrics>,
    /// How each connector has been since this process started.
    pub health: Arc<ConnectorHealths>,
}

/// Why a command did not lead to a commit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServiceError {
    /// The core said no; nothing has changed.
    #[error("refused: {0}")]
    Refused(#[from] Refusal),
    /// There is no such payment in this scope.
    #[error("no such payment")]
    NotFound,
    /// The store did not take it.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Conflict> for ServiceError {
    fn from(conflict: Conflict) -> Self {
        Self::Store(StoreError::Conflict(conflict))
    }
}

/// A new payment as the cart asked for it, already validated.
#[derive(Clone, Debug)]
pub struct NewPayment {
    /// The order's parts; its id is made here.
    pub order: NewOrder,
    /// Personal data: stored sealed, apart from the history.
    pub personal: PersonalData,
    /// That another open payment may have the same order reference.
    pub allow_duplicate: bool,
    /// Everything else. Its `order_id` and `checkout_token` are made here.
    pub intent: IntentWish,
}

/// An order before it has an id.
#[derive(Clone, Debug)]
pub struct NewOrder {
    pub order_reference: Option<String>,
    pub description: Option<String>,
    pub amount: processor_sdk::Money,
    pub lines: Vec<hub_core::order::OrderLine>,
}

/// What the cart wants of the intent.
#[derive(Clone, Debug)]
pub struct IntentWish {
    pub scope: Scope,
    pub capture: processor_sdk::CaptureMode,
    pub return_url: String,
    pub cancel_url: Option<String>,
    pub site: Option<String>,
    pub connector: Option<String>,
    pub metadata: std::collections::BTreeMap<String, String>,
    pub expires_in_s: i64,
}

/// Who pays, as far as the cart said.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PersonalData {
    pub customer: Customer,
    pub locale: Option<String>,
}

/// What a command's commit carries beside its decision.
#[derive(Default)]
pub struct Extras<'a> {
    /// The job that gave the command, whose lease ends with the commit.
    pub job: Option<&'a ClaimedJob>,
    /// Further writes.
    pub writes: Vec<Write>,
    /// The key of the call that gave the command, which its events name.
    pub idempotency_key: Option<&'a str>,
    /// The idempotent answer, which may depend on what was decided.
    pub answer: Option<&'a (dyn Fn(&Decision) -> Write + Send + Sync)>,
}

impl Hub {
    /// Creates a payment with its order. `answer` makes the idempotent answer from it.
    ///
    /// # Errors
    /// [`Conflict::OrderReference`] and [`Conflict::IdempotencyKey`] are for the caller to explain.
    pub async fn create_payment(
        &self,
        new: NewPayment,
        cause: Cause,
        idempotency_key: &str,
        answer: &(dyn Fn(&Decision) -> Write + Send + Sync),
    ) -> Result<Decision, ServiceError> {
        let scope = new.intent.scope.clone();
        let order = Order {
            id: OrderId::from_body(&self.fresh_body()),
            order_reference: new.order.order_reference.clone(),
            description: new.order.description,
            amount: new.order.amount,
            lines: new.order.lines,
        };
        let now = self.clock.now();
        let command = CreateIntent {
            scope: scope.clone(),
            order_id: order.id.clone(),
            order_reference: new.order.order_reference.clone(),
            amount: order.amount,
            capture: new.intent.capture,
            return_url: new.intent.return_url,
            cancel_url: new.intent.cancel_url,
            site: new.intent.site,
            connector: new.intent.connector,
            metadata: new.intent.metadata,
            checkout_token: self.ids.token(),
            expires_in_s: new.intent.expires_in_s,
        };
        let mut fresh = || self.fresh_body();
        let decision =
            create(command, &mut Context { now, cause, fresh: &mut fresh, policies: self.policies });

        let mut writes =
            vec![Write::InsertOrder { scope: scope.clone(), order: order.clone(), created_at: now }];
        if new.personal != PersonalData::default() {
            let sealed = self.seal_json(&format!("personal_data/{}", order.id), &new.personal)?;
            writes.push(Write::InsertPersonalData { scope, order_id: order.id.clone(), sealed });
        }
        let reference_guard = if new.allow_duplicate { None } else { new.order.order_reference };
        writes.push(Write::InsertPayment { payment: Box::new(decision.payment.clone()), reference_guard });
        let extras = Extras { idempotency_key: Some(idempotency_key), ..Extras::default() };
        self.consequences(None, &decision, Some(&order), &extras, now, &mut writes);
        writes.push(answer(&decision));
        self.store.commit(Commit { writes }).await?;
        self.tell(&decision);
        Ok(decision)
    }

    /// Decides a command on a payment and commits what follows, again if somebody else was faster.
    ///
    /// # Errors
    /// [`ServiceError`]; nothing has changed then.
    pub async fn command(
        &self,
        scope: &Scope,
        payment_id: &PaymentIntentId,
        cause: Cause,
        command: &Command,
        extras: Extras<'_>,
    ) -> Result<Decision, ServiceError> {
        for _ in 0..VERSION_CONFLICTS_MAX {
            let payment = self.store.payment(scope, payment_id).await?.ok_or(ServiceError::NotFound)?;
            match self.command_on(&payment, cause.clone(), command, &extras).await {
                Err(ServiceError::Store(StoreError::Conflict(Conflict::Version))) => {}
                result => return result,
            }
        }
        Err(ServiceError::Store(StoreError::Overloaded))
    }

    /// Decides a command on the payment as given. For callers whose command rests on what they saw.
    ///
    /// # Errors
    /// [`Conflict::Version`] when the payment has changed since.
    pub async fn command_on(
        &self,
        payment: &PaymentIntent,
        cause: Cause,
        command: &Command,
        extras: &Extras<'_>,
    ) -> Result<Decision, ServiceError> {
        let now = self.clock.now();
        let mut fresh = || self.fresh_body();
        let decision = decide(
            payment,
            command,
            &mut Context { now, cause, fresh: &mut fresh, policies: self.policies },
        )?;
        let order = if decision.publications.iter().any(|(_, told)| told.object == PublicObject::Order) {
            self.store.order(&payment.scope, &payment.order_id).await?.map(|(order, _)| order)
        } else {
            None
        };
        let mut writes = Vec::new();
        if !decision.events.is_empty() {
            let expected_version = payment.version;
            writes
                .push(Write::UpdatePayment { payment: Box::new(decision.payment.clone()), expected_version });
        }
        self.consequences(Some(payment), &decision, order.as_ref(), extras, now, &mut writes);
        writes.extend(extras.writes.iter().cloned());
        if let Some(answer) = extras.answer {
            writes.push(answer(&decision));
        }
        if !writes.is_empty() {
            self.store.commit(Commit { writes }).await?;
        }
        self.tell(&decision);
        Ok(decision)
    }

    /// Everything that has to be durable together with a payment's new state.
    fn consequences(
        &self,
        before: Option<&PaymentIntent>,
        decision: &Decision,
        order: Option<&Order>,
        extras: &Extras<'_>,
        now: Timestamp,
        writes: &mut Vec<Write>,
    ) {
        let payment = &decision.payment;
        let (scope, payment_id) = (payment.scope.clone(), payment.id.clone());
        if !decision.events.is_empty() {
            writes.push(Write::AppendEvents {
                scope: scope.clone(),
                payment_id: payment_id.clone(),
                events: decision.events.clone(),
            });
        }
        for (version, journal) in &decision.journals {
            writes.push(Write::InsertJournal {
                scope: scope.clone(),
                payment_id: payment_id.clone(),
                version: *version,
                at: now,
                journal: journal.clone(),
            });
        }
        index(before, payment, now, writes);
        for (sequence, told) in &decision.publications {
            let id = WebhookEventId::from_body(&self.fresh_body());
            let object = match &told.object {
                PublicObject::PaymentIntent => Some(api_objects::payment_intent(payment, &self.urls)),
                PublicObject::Order => order.map(|order| api_objects::order(order, payment)),
                PublicObject::Refund(id) => api_objects::refund_by_id(payment, id),
                PublicObject::Dispute(id) => api_objects::dispute_by_id(payment, id),
            };
            let Some(object) = object else { continue };
            let body = event_body(
                &EventHead {
                    id: &id,
                    kind: told.kind,
                    created_at: now,
                    livemode: scope.livemode,
                    sequence: *sequence,
                    idempotency_key: extras.idempotency_key,
                },
                &object,
            );
            writes.push(Write::InsertPublicEvent(PublicEventRow {
                scope: scope.clone(),
                id,
                kind: told.kind.to_owned(),
                payment_id: payment_id.clone(),
                sequence: *sequence,
                created_at: now,
                body,
            }));
        }
        reschedule(before, payment, extras.job, now, writes);
    }

    /// Waits until a payment is as wanted, or the deadline; gives it as it is then. `None` when there is no
    /// such payment.
    ///
    /// # Errors
    /// The store's.
    pub async fn wait_until(
        &self,
        scope: &Scope,
        payment_id: &PaymentIntentId,
        deadline: Timestamp,
        is_as_wanted: impl Fn(&PaymentIntent) -> bool + Send,
    ) -> Result<Option<PaymentIntent>, StoreError> {
        let mut changes = self.store.changes();
        loop {
            changes.borrow_and_update();
            let Some(payment) = self.store.payment(scope, payment_id).await? else { return Ok(None) };
            let now = self.clock.now();
            if is_as_wanted(&payment) || now >= deadline {
                return Ok(Some(payment));
            }
            // Another process may do the work: this one then sees it only by looking again.
            let again = now.saturating_add_micros(LOOK_AGAIN_US).min(deadline);
            tokio::select! {
                biased;
                changed = changes.changed() => {
                    // A store that is gone changes no more; the deadline still holds.
                    if changed.is_err() {
                        self.clock.sleep_until(again).await;
                    }
                }
                () = self.clock.sleep_until(again) => {}
            }
        }
    }

    /// A fresh id body of 26 characters.
    pub fn fresh_body(&self) -> String {
        self.ids.new_body()
    }

    /// Seals a value as JSON for the row that `context` names.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when it has no JSON form.
    pub fn seal_json<T: Serialize>(&self, context: &str, value: &T) -> Result<Vec<u8>, StoreError> {
        let plain =
            serde_json::to_vec(value).map_err(|_| StoreError::Failed(format!("{context}: no JSON form")))?;
        Ok(self.sealer.seal(context, &plain))
    }

    /// Opens what [`Hub::seal_json`] sealed for the same row.
    ///
    /// # Errors
    /// [`StoreError::Failed`] when the key is another one or the row was changed.
    pub fn open_json<T: for<'de> Deserialize<'de>>(
        &self,
        context: &str,
        sealed: &[u8],
    ) -> Result<T, StoreError> {
        let failed = |what: &str| StoreError::Failed(format!("{context}: {what}"));
        let plain = self.sealer.open(context, sealed).map_err(|error| failed(&error.to_string()))?;
        serde_json::from_slice(&plain).map_err(|_| failed("not the JSON that was sealed"))
    }

    /// What has become durable, for the log and the metrics.
    fn tell(&self, decision: &Decision) {
        let payment = &decision.payment;
        for recorded in &decision.events {
            self.metrics.recorded(payment.scope.livemode, &recorded.event);
            tracing::debug!(payment.id = %payment.id, version = recorded.version, cause = ?recorded.cause, "recorded an event");
        }
        for (sequence, told) in &decision.publications {
            tracing::info!(payment.id = %payment.id, sequence, "{} is {}", payment.id, told.kind);
        }
    }
}

/// How new attempts, references, refunds and disputes are found later.
pub(crate) fn index(
    before: Option<&PaymentIntent>,
    payment: &PaymentIntent,
    now: Timestamp,
    writes: &mut Vec<Write>,
) {
    let (scope, payment_id) = (payment.scope.clone(), payment.id.clone());
    for attempt in &payment.attempts {
        let known = before.and_then(|before| before.attempt(&attempt.id));
        if known.is_none() {
            writes.push(Write::IndexAttempt(AttemptIndex {
                scope: scope.clone(),
                payment_id: payment_id.clone(),
                attempt_id: attempt.id.clone(),
                connector: attempt.profile.connector.clone(),
                echo: attempt.id.echo().to_owned(),
                return_token: attempt.return_token.clone(),
                plugin_sha256: attempt.profile.adapter.content_hash.clone(),
            }));
        }
        let references: Vec<_> = attempt
            .evidence
            .references()
            .iter()
            .filter(|reference| known.is_none_or(|known| !known.evidence.references().contains(reference)))
            .cloned()
            .collect();
        if !references.is_empty() {
            writes.push(Write::IndexReferences {
                scope: scope.clone(),
                connector: attempt.profile.connector.clone(),
                payment_id: payment_id.clone(),
                attempt_id: attempt.id.clone(),
                references,
            });
        }
    }
    let mut transfer = |kind, id: String| {
        writes.push(Write::IndexTransfer {
            scope: scope.clone(),
            kind,
            id,
            payment_id: payment_id.clone(),
            created_at: now,
        });
    };
    // Refunds and disputes are only ever appended.
    for refund in payment.refunds.iter().skip(before.map_or(0, |before| before.refunds.len())) {
        transfer(TransferKind::Refund, refund.id.to_string());
    }
    for dispute in payment.disputes.iter().skip(before.map_or(0, |before| before.disputes.len())) {
        transfer(TransferKind::Dispute, dispute.id.to_string());
    }
}

/// Seconds until a job is run again that did not move its payment on. It should not happen; it must not spin.
const STANDSTILL_S: i64 = 30;

/// Brings the stored jobs of a payment in line with what its new state wants.
pub(crate) fn reschedule(
    before: Option<&PaymentIntent>,
    payment: &PaymentIntent,
    job: Option<&ClaimedJob>,
    now: Timestamp,
    writes: &mut Vec<Write>,
) {
    let body = |work| JobBody::Payment { scope: payment.scope.clone(), payment_id: payment.id.clone(), work };
    let was = before.map(schedule).unwrap_or_default();
    let wanted = schedule(payment);
    for (work, due_at) in &wanted {
        let body = body(work.clone());
        let held = job.filter(|job| job.key == body.key());
        if was.get(work) != Some(due_at) {
            let holder = held.map(|job| job.lease.clone());
            writes.push(Write::PutJob { job: Job { body, due_at: *due_at }, holder });
        } else if let Some(job) = held {
            let due_at = (*due_at).max(hub_core::retry::after(now, STANDSTILL_S));
            writes.push(Write::RescheduleJob { key: job.key.clone(), holder: job.lease.clone(), due_at });
        }
    }
    for work in was.keys().filter(|work| !wanted.contains_key(work)) {
        writes.push(Write::DropJob { key: body(work.clone()).key() });
    }
    // A job for work that the payment no longer wanted when it was claimed.
    if let Some(job) = job
        && let JobBody::Payment { work, .. } = &job.body
        && !wanted.contains_key(work)
        && !was.contains_key(work)
    {
        writes.push(Write::DropJob { key: job.key.clone() });
    }
}
