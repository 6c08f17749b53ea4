//! Reads a stored delivery and takes what it says: proven facts as facts, anything else as a hint.
//!
//! Invariants: an event of a processor is taken once for ever; a delivery that names no payment of ours is
//! kept and matched again later, because webhooks do come before the answer that tells us their ids; whatever
//! a delivery was matched to is noted beside it, so that it can be shown and forgotten with that payment.

use std::collections::BTreeSet;
use std::sync::Arc;

use hub_core::command::Command;
use hub_core::event::Cause;
use hub_core::ids::{DeliveryId, PaymentIntentId, Scope};
use hub_core::planted::Bug;
use hub_core::retry::after;
use processor_sdk::{Delivery, Says};

use super::lanes::Lanes;
use super::{enter, finish};
use crate::connector::trust::TrustedNotification;
use crate::http::webhooks::inbox_context;
use crate::planted::planted;
use crate::service::{Extras, Hub, ServiceError};
use crate::store::{ClaimedJob, Commit, Conflict, InboxRow, InboxState, StoreError, Write};

/// Seconds between tries of matching a delivery to a payment, or of reading it.
const MATCH_AGAIN_S: [i64; 9] = [1, 2, 5, 15, 60, 600, 3_600, 12 * 3_600, 24 * 3_600];
/// Days after which an unmatched delivery is only kept, not tried any more.
const MATCH_DAYS_MAX: i64 = 7;

/// What became of one notification.
enum Taken {
    /// It was about this payment.
    Yes(PaymentIntentId),
    /// Nothing of ours, as the adapter says.
    Ignored(String),
    /// It cannot be said which payment it is about, and why.
    Unmatched(&'static str),
}

/// The delivery names nothing that this hub knows.
const NAMES_NOTHING: &str = "names no payment of this hub (yet)";
/// Its parts contradict each other: none of them can be believed.
const NAMES_TWO: &str = "names two different payments: by its reference and by its ids";

/// What became of a delivery, to be noted beside it.
struct Reading<'a> {
    state: InboxState,
    note: &'a str,
    /// The payments that it was matched to.
    payments: BTreeSet<PaymentIntentId>,
}

impl<'a> Reading<'a> {
    const fn of_nothing(state: InboxState, note: &'a str) -> Self {
        Self { state, note, payments: BTreeSet::new() }
    }
}

/// Reads one delivery.
pub(crate) async fn run(
    hub: &Hub,
    lanes: &Arc<Lanes>,
    job: &ClaimedJob,
    scope: &Scope,
    delivery_id: &DeliveryId,
) -> Result<(), ServiceError> {
    let Some(row) = hub.store.inbox(scope, delivery_id).await? else { return finish(hub, job).await };
    // Read by the version in force, whichever one opened the payment: it is whom the processor writes to.
    let connectors = hub.connectors.now();
    let Some(connector) = connectors.connector(&row.connector) else {
        let reading = Reading::of_nothing(InboxState::Received, "its connector is not configured");
        return put_off(hub, job, &row, reading).await;
    };
    // A lane of their own: news of a processor is read while its answers are slow, and the other way round.
    let lane = format!("deliveries of {}", row.connector);
    let Some(_place) = enter(hub, lanes, &lane, job).await? else { return Ok(()) };
    let delivery: Delivery = hub.open_json(&inbox_context(delivery_id), &row.sealed)?;
    let received = connector.receive(&delivery).await;
    if let Some(fault) = received.fault {
        tracing::warn!(delivery.id = %delivery_id, connector.name = %row.connector, %fault, "{delivery_id} cannot be read");
        let note = fault.to_string();
        if fault.is_worth_another_try() {
            return put_off(hub, job, &row, Reading::of_nothing(InboxState::Received, &note)).await;
        }
        return settle(hub, job, &row, Reading::of_nothing(InboxState::Unreadable, &note)).await;
    }
    let (mut payments, mut unmatched, mut ignored) = (BTreeSet::new(), None, None);
    for notification in &received.notifications {
        match take(hub, &row, notification).await? {
            Taken::Yes(payment_id) => {
                payments.insert(payment_id);
            }
            Taken::Ignored(why) => ignored = Some(why),
            Taken::Unmatched(why) => unmatched = Some(why),
        }
    }
    if let Some(why) = unmatched {
        // Not worth a warning before it has had time: deliveries do come before the answers they belong to.
        tracing::info!(delivery.id = %delivery_id, connector.name = %row.connector, why, "{delivery_id} is not matched");
        return put_off(hub, job, &row, Reading { state: InboxState::Unmatched, note: why, payments }).await;
    }
    if let Some(why) = &ignored {
        tracing::info!(delivery.id = %delivery_id, connector.name = %row.connector, why, "{delivery_id} is ignored");
    }
    let note = ignored.unwrap_or_default();
    settle(hub, job, &row, Reading { state: InboxState::Taken, note: &note, payments }).await
}

async fn take(hub: &Hub, row: &InboxRow, notification: &TrustedNotification) -> Result<Taken, ServiceError> {
    let facts = match &notification.says {
        Says::Ignored { why } => return Ok(Taken::Ignored(why.clone())),
        Says::Changed => None,
        Says::Facts(facts) => Some(facts),
    };
    let mut ids: Vec<String> = notification.references.iter().map(|reference| reference.id.clone()).collect();
    if let Some(facts) = facts {
        ids.extend(facts.references.iter().map(|reference| reference.id.clone()));
    }
    let echo = notification.echo.as_deref();
    let found = hub.store.find_attempt(&row.scope, &row.connector, echo, &ids).await?;
    let Some((payment_id, attempt_id)) = found else { return Ok(Taken::Unmatched(NAMES_NOTHING)) };
    if let Some(echo) = echo {
        // What the processor took for another reference is not this attempt's, whatever else it names.
        let by_ids = hub.store.find_attempt(&row.scope, &row.connector, None, &ids).await?;
        let elsewhere = by_ids.is_some_and(|(_, by_ids)| by_ids != attempt_id);
        if attempt_id.echo() != echo || elsewhere {
            tracing::warn!(
                delivery.id = %row.id, connector.name = %row.connector, payment.id = %payment_id,
                "{} {NAMES_TWO}, one of them {payment_id}: nothing of it is believed", row.id
            );
            return Ok(Taken::Unmatched(NAMES_TWO));
        }
    }
    let cause = Cause::Webhook { delivery_id: row.id.to_string() };
    let mut extras = Extras::default();
    let command = match facts {
        Some(facts) => {
            if let Some(event_id) = &notification.event_id
                && !planted(Bug::ForgetSeenEvents)
            {
                extras.writes.push(Write::InsertSeenEvent {
                    scope: row.scope.clone(),
                    connector: row.connector.clone(),
                    event_id: event_id.clone(),
                    payment_id: payment_id.clone(),
                    at: hub.clock.now(),
                });
            }
            Command::Notified { attempt_id, facts: Box::new(facts.clone()) }
        }
        None => Command::Hinted { attempt_id },
    };
    match hub.command(&row.scope, &payment_id, cause, &command, extras).await {
        Ok(_) | Err(ServiceError::Store(StoreError::Conflict(Conflict::SeenEvent))) => {
            Ok(Taken::Yes(payment_id))
        }
        Err(error) => Err(error),
    }
}

async fn settle(
    hub: &Hub,
    job: &ClaimedJob,
    row: &InboxRow,
    reading: Reading<'_>,
) -> Result<(), ServiceError> {
    let mut writes = noted(hub, row, reading);
    writes.push(Write::FinishJob { key: job.key.clone(), holder: job.lease.clone() });
    hub.store.commit(Commit { writes }).await?;
    Ok(())
}

/// Tries again later; after days it stays where the operator sees it.
async fn put_off(
    hub: &Hub,
    job: &ClaimedJob,
    row: &InboxRow,
    reading: Reading<'_>,
) -> Result<(), ServiceError> {
    let now = hub.clock.now();
    if now.seconds_since(row.received_at) > MATCH_DAYS_MAX * 24 * 3_600 {
        tracing::warn!(
            delivery.id = %row.id, connector.name = %row.connector, note = reading.note,
            "{} is not tried any more: {}", row.id, reading.note
        );
        return settle(hub, job, row, reading).await;
    }
    let index =
        usize::try_from(job.tries.saturating_sub(1)).unwrap_or(usize::MAX).min(MATCH_AGAIN_S.len() - 1);
    let wait_s = MATCH_AGAIN_S.get(index).copied().unwrap_or(3_600);
    let mut writes = noted(hub, row, reading);
    let due_at = after(now, wait_s);
    writes.push(Write::RescheduleJob { key: job.key.clone(), holder: job.lease.clone(), due_at });
    hub.store.commit(Commit { writes }).await?;
    Ok(())
}

fn noted(hub: &Hub, row: &InboxRow, reading: Reading<'_>) -> Vec<Write> {
    let Reading { state, note, payments } = reading;
    let (scope, id) = (row.scope.clone(), row.id.clone());
    let linked = payments.into_iter().map(|payment_id| {
        let (scope, id) = (scope.clone(), id.clone());
        Write::LinkInbox { scope, id, payment_id }
    });
    let mut writes: Vec<_> = linked.collect();
    writes.push(Write::SettleInbox { scope, id, state, note: note.to_owned(), at: hub.clock.now() });
    writes
}
