//! Payments as an operator sees them: lists, and one payment's whole story.

use std::collections::BTreeSet;

use hub_core::event::{Cause, Recorded};
use hub_core::ids::{AttemptId, DeliveryId, PaymentIntentId, Scope};
use hub_core::payment::{Attempt, OperationState, PaymentIntent, Status};
use serde_json::{Value, json};

use super::{OperatorError, person, scope, time, words};
use crate::api_objects;
use crate::service::Hub;
use crate::store::{InboxState, Page, PaymentFilter, PaymentRecords};

/// Longest list, in payments.
const LIMIT_MAX: u32 = 1_000;
/// Longest id of a processor's, in characters.
const REFERENCE_CHARS_MAX: usize = 255;

pub(super) async fn list(
    hub: &Hub,
    livemode: bool,
    status: Option<&str>,
    order_reference: Option<String>,
    limit: u32,
) -> Result<Value, OperatorError> {
    let status = match status {
        Some(word) => Some(read_status(word)?),
        None => None,
    };
    if !(1..=LIMIT_MAX).contains(&limit) {
        return Err(OperatorError::field("limit", format!("1 to {LIMIT_MAX}")));
    }
    let filter = PaymentFilter { status, order_reference };
    let payments = hub.store.payments(&scope(livemode), &filter, &Page { after: None, limit }).await?;
    let shown = payments.iter().map(|payment| api_objects::payment_intent(payment, &hub.urls));
    Ok(json!({ "data": shown.collect::<Vec<_>>() }))
}

fn read_status(word: &str) -> Result<Status, OperatorError> {
    Status::ALL.into_iter().find(|status| status.as_str() == word).ok_or_else(|| {
        let words: Vec<_> = Status::ALL.iter().map(|status| status.as_str()).collect();
        OperatorError::field("status", format!("one of {}", words.join(", ")))
    })
}

/// The payment of an id, in whichever mode it is.
pub(super) async fn find(hub: &Hub, id: &str) -> Result<PaymentIntent, OperatorError> {
    Ok(find_with_attempt(hub, id).await?.0)
}

/// The same, and which attempt is meant where the id is the processor's: what stands in its dashboard, or on a
/// statement.
pub(super) async fn find_with_attempt(
    hub: &Hub,
    id: &str,
) -> Result<(PaymentIntent, Option<AttemptId>), OperatorError> {
    let id = match PaymentIntentId::parse(id) {
        Ok(id) => id,
        Err(_) if id.starts_with("pi_") => {
            return Err(OperatorError::field("id", "a payment intent's id, such as pi_01jd…"));
        }
        Err(_) => return find_by_reference(hub, id).await,
    };
    for livemode in [true, false] {
        if let Some(payment) = hub.store.payment(&scope(livemode), &id).await? {
            return Ok((payment, None));
        }
    }
    Err(OperatorError::NotFound { what: "payment intent" })
}

/// Banks print references in groups; so spaces say nothing.
async fn find_by_reference(
    hub: &Hub,
    text: &str,
) -> Result<(PaymentIntent, Option<AttemptId>), OperatorError> {
    let compact: String = text.split_whitespace().collect();
    if !(1..=REFERENCE_CHARS_MAX).contains(&compact.chars().count()) {
        return Err(OperatorError::field(
            "id",
            "a payment intent's id, such as pi_01jd…, or the id that the processor has for it",
        ));
    }
    let ids = [compact.clone(), compact.to_ascii_uppercase()];
    let mut found = Vec::new();
    for livemode in [true, false] {
        let scope = scope(livemode);
        for connector in hub.store.connectors_used(&scope).await? {
            if let Some((id, attempt_id)) = hub.store.find_attempt(&scope, &connector, None, &ids).await?
                && let Some(payment) = hub.store.payment(&scope, &id).await?
            {
                found.push((payment, Some(attempt_id)));
            }
        }
    }
    if found.len() > 1 {
        let ids: Vec<_> = found.iter().map(|(payment, _)| payment.id.as_str()).collect();
        return Err(OperatorError::field("id", format!("one payment; this names {}", ids.join(" and "))));
    }
    found.pop().ok_or(OperatorError::NotFound { what: "payment intent" })
}

pub(super) async fn show(hub: &Hub, id: &str) -> Result<Value, OperatorError> {
    let (payment, history, records) = at_one_moment(hub, id).await?;
    let taken = deliveries_about(hub, &payment, &history).await?;
    let refunds = payment.refunds.iter().map(|refund| api_objects::refund(&payment, refund));
    let disputes = payment.disputes.iter().map(|dispute| api_objects::dispute(&payment, dispute));
    Ok(json!({
        "payment_intent": api_objects::payment_intent(&payment, &hub.urls),
        "wants_a_person": person::wanted(&payment),
        "next": next(&payment, &records),
        "refunds": refunds.collect::<Vec<_>>(),
        "disputes": disputes.collect::<Vec<_>>(),
        "operations": operations(&payment),
        "events": history.iter().map(|recorded| event(recorded, &payment)).collect::<Vec<_>>(),
        "exchanges": exchanges(&records),
        "deliveries_in": deliveries_in(hub, &payment.scope, &taken).await?,
        "deliveries_out": deliveries_out(&records),
        "journal": journal(&records),
    }))
}

/// How often a story is read anew because the payment went on meanwhile.
const READS_MAX: usize = 5;

/// What is known of a payment, none of it newer than the rest where that can be had: it may go on while it is
/// read.
async fn at_one_moment(
    hub: &Hub,
    id: &str,
) -> Result<(PaymentIntent, Vec<Recorded>, PaymentRecords), OperatorError> {
    let mut payment = find(hub, id).await?;
    let mut reads = 1;
    loop {
        let history = hub.store.history(&payment.scope, &payment.id).await?;
        let records = hub.store.payment_records(&payment.scope, &payment.id).await?;
        let now = find(hub, id).await?;
        if now.version == payment.version || reads == READS_MAX {
            return Ok((now, history, records));
        }
        payment = now;
        reads += 1;
    }
}

/// One event: as it is stored, and as a sentence. The tokens of the shopper's links are left out, because
/// whoever has one can be the shopper.
fn event(recorded: &Recorded, payment: &PaymentIntent) -> Value {
    let mut stored = json!(recorded.event);
    for (holder, token) in [("intent", "checkout_token"), ("attempt", "return_token")] {
        if let Some(fields) = stored.get_mut(holder).and_then(Value::as_object_mut) {
            fields.remove(token);
        }
    }
    json!({
        "version": recorded.version,
        "at": time(recorded.at),
        "cause": recorded.cause,
        "by": words::cause(&recorded.cause),
        "event": stored,
        "says": words::event(&recorded.event, payment),
    })
}

/// Deliveries that were about a payment, oldest first. One that is being read stands in the history before it
/// is noted as read.
async fn deliveries_about(
    hub: &Hub,
    payment: &PaymentIntent,
    history: &[Recorded],
) -> Result<BTreeSet<String>, OperatorError> {
    let read = hub.store.inbox_of_payment(&payment.scope, &payment.id).await?;
    let being_read = history.iter().filter_map(|recorded| match &recorded.cause {
        Cause::Webhook { delivery_id } => Some(delivery_id.clone()),
        Cause::Api { .. } | Cause::Shopper | Cause::Processor | Cause::Timer | Cause::Operator { .. } => None,
    });
    Ok(read.iter().map(ToString::to_string).chain(being_read).collect())
}

/// What was asked of processors, attempt by attempt.
fn operations(payment: &PaymentIntent) -> Vec<Value> {
    let of = |attempt: &Attempt| -> Vec<Value> {
        let shown = attempt.operations.iter().map(|operation| {
            json!({
                "attempt": attempt.id.as_str(),
                "id": operation.id.as_str(),
                "kind": operation.kind.as_str(),
                "state": operation.state,
                "says": words::operation_state(operation.state),
                "tries": operation.tries,
                "first_sent_at": operation.first_sent_at.map(time),
                "last_sent_at": operation.last_sent_at.map(time),
            })
        });
        shown.collect()
    };
    payment.attempts.iter().flat_map(of).collect()
}

fn exchanges(records: &PaymentRecords) -> Vec<Value> {
    let shown = records.exchanges.iter().map(|exchange| {
        json!({
            "attempt": exchange.attempt_id,
            "operation": exchange.operation,
            "at": time(exchange.at),
            "record": exchange.record,
        })
    });
    shown.collect()
}

/// Deliveries about this payment. None was stored before its connector accepted it.
async fn deliveries_in(
    hub: &Hub,
    scope: &Scope,
    ids: &BTreeSet<String>,
) -> Result<Vec<Value>, OperatorError> {
    let connectors = hub.connectors.now();
    let mut shown = Vec::new();
    for id in ids {
        let Ok(delivery_id) = DeliveryId::parse(id) else { continue };
        let Some(row) = hub.store.inbox(scope, &delivery_id).await? else { continue };
        let state = state_word(row.state);
        let verified = match connectors.connector(&row.connector) {
            Some(connector) => match connector.descriptor().deliveries {
                processor_sdk::SignedDeliveries::Unsigned => "unsigned: a hint only, by its secret path",
                processor_sdk::SignedDeliveries::WholeBody => "by the signature over its whole body",
                processor_sdk::SignedDeliveries::Fields(_) => "by the signature over its named fields",
                processor_sdk::SignedDeliveries::None => {
                    "when it came; its connector takes no deliveries now"
                }
            },
            None => "when it came; its connector is not loaded here",
        };
        shown.push(json!({
            "id": id,
            "connector": row.connector,
            "received_at": time(row.received_at),
            "state": state,
            "verified": verified,
        }));
    }
    Ok(shown)
}

fn deliveries_out(records: &PaymentRecords) -> Vec<Value> {
    let shown = records.deliveries.iter().map(|delivery| {
        json!({
            "event": delivery.event_id,
            "type": delivery.kind,
            "sequence": delivery.sequence,
            "created_at": time(delivery.created_at),
            "endpoint": delivery.endpoint_id,
            "state": delivery.state,
            "tries": delivery.tries,
            "next_at": delivery.next_at.map(time),
            "last_at": delivery.last_at.map(time),
            "last_status": delivery.last_status,
            "last_failure": delivery.last_failure,
        })
    });
    shown.collect()
}

fn journal(records: &PaymentRecords) -> Vec<Value> {
    let shown = records.journal.iter().map(|line| {
        json!({
            "version": line.version,
            "at": time(line.at),
            "memo": line.memo,
            "account": line.account,
            "amount": line.amount,
            "currency": line.currency,
        })
    });
    shown.collect()
}

/// What the hub will do by itself, and when.
fn next(payment: &PaymentIntent, records: &PaymentRecords) -> Vec<Value> {
    let mut jobs: Vec<_> = records.jobs.iter().collect();
    jobs.sort_by_key(|job| job.due_at);
    let shown = jobs.into_iter().map(|job| {
        json!({
            "what": purpose(payment, &job.key),
            "job": job.key,
            "due_at": time(job.due_at),
            "under_way_until": job.leased_until.map(time),
            "tries": job.tries,
        })
    });
    shown.collect()
}

/// What a job is for. Its key names what it does, whose it is, and the operation or attempt.
fn purpose(payment: &PaymentIntent, key: &str) -> String {
    let subject = key.rsplit(':').next().unwrap_or_default();
    match key.split(':').next() {
        Some("call") => {
            let operations = payment.attempts.iter().flat_map(|attempt| {
                attempt.operations.iter().map(|operation| (&attempt.profile.connector, operation))
            });
            let found = operations.into_iter().find(|(_, operation)| operation.id.as_str() == subject);
            found.map_or_else(
                || "ask the processor".to_owned(),
                |(connector, operation)| {
                    let (kind, id) = (operation.kind.as_str(), &operation.id);
                    match operation.state {
                        OperationState::Asked { .. } => format!("ask {connector}: {kind} {id}"),
                        OperationState::Unknown { .. }
                        | OperationState::Stuck
                        | OperationState::Done
                        | OperationState::GivenUp => {
                            format!("find out at {connector} what became of {kind} {id}")
                        }
                    }
                },
            )
        }
        Some("check") => {
            let attempt = payment.attempts.iter().find(|attempt| attempt.id.as_str() == subject);
            attempt.map_or_else(
                || "look it up".to_owned(),
                |attempt| format!("look up {}", words::attempt(payment, &attempt.id)),
            )
        }
        Some("remind") => "remind the cart that the authorization ends soon".to_owned(),
        Some("expire") => "close the door, because the payment's time is over then".to_owned(),
        Some(_) | None => "work".to_owned(),
    }
}

/// What became of an inbound delivery, in a word.
pub(super) const fn state_word(state: InboxState) -> &'static str {
    match state {
        InboxState::Received => "received",
        InboxState::Taken => "taken",
        InboxState::Unmatched => "unmatched",
        InboxState::Unreadable => "unreadable",
    }
}
