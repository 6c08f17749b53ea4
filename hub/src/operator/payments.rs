//! Payments as an operator sees them: lists, and one payment's whole story.

use hub_core::event::Cause;
use hub_core::ids::{DeliveryId, PaymentIntentId, Scope};
use hub_core::payment::{PaymentIntent, Status};
use serde_json::{Value, json};

use super::{OperatorError, scope, time};
use crate::api_objects;
use crate::service::Hub;
use crate::store::{InboxState, Page, PaymentFilter, PaymentRecords};

/// Longest list, in payments.
const LIMIT_MAX: u32 = 1_000;

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
    let id = PaymentIntentId::parse(id)
        .map_err(|_| OperatorError::field("id", "a payment intent's id, such as pi_01jd…"))?;
    for livemode in [true, false] {
        if let Some(payment) = hub.store.payment(&scope(livemode), &id).await? {
            return Ok(payment);
        }
    }
    Err(OperatorError::NotFound { what: "payment intent" })
}

pub(super) async fn show(hub: &Hub, id: &str) -> Result<Value, OperatorError> {
    let payment = find(hub, id).await?;
    let history = hub.store.history(&payment.scope, &payment.id).await?;
    let records = hub.store.payment_records(&payment.scope, &payment.id).await?;
    let mut taken = Vec::new();
    for recorded in &history {
        if let Cause::Webhook { delivery_id } = &recorded.cause
            && !taken.contains(delivery_id)
        {
            taken.push(delivery_id.clone());
        }
    }
    let events: Vec<_> = history
        .iter()
        .map(|recorded| {
            json!({
                "version": recorded.version,
                "at": time(recorded.at),
                "cause": recorded.cause,
                "event": recorded.event,
            })
        })
        .collect();
    Ok(json!({
        "payment_intent": api_objects::payment_intent(&payment, &hub.urls),
        "operations": operations(&payment),
        "events": events,
        "exchanges": exchanges(&records),
        "deliveries_in": deliveries_in(hub, &payment.scope, &taken).await?,
        "deliveries_out": deliveries_out(&records),
        "journal": journal(&records),
        "next": next(&records),
    }))
}

/// What was asked of processors, attempt by attempt.
fn operations(payment: &PaymentIntent) -> Vec<Value> {
    let of = |attempt: &hub_core::payment::Attempt| -> Vec<Value> {
        let shown = attempt.operations.iter().map(|operation| {
            json!({
                "attempt": attempt.id.as_str(),
                "id": operation.id.as_str(),
                "kind": operation.kind.as_str(),
                "state": operation.state,
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

/// Deliveries that said something of this payment. None was stored before its connector accepted it.
async fn deliveries_in(hub: &Hub, scope: &Scope, ids: &[String]) -> Result<Vec<Value>, OperatorError> {
    let mut shown = Vec::new();
    for id in ids {
        let Ok(delivery_id) = DeliveryId::parse(id) else { continue };
        let Some(row) = hub.store.inbox(scope, &delivery_id).await? else { continue };
        let state = state_word(row.state);
        let verified = match hub.connectors.connector(&row.connector) {
            Some(connector) => match connector.descriptor().deliveries {
                processor_sdk::SignedDeliveries::Unsigned => "unsigned: a hint only, by its secret path",
                processor_sdk::SignedDeliveries::WholeBody => "by the signature over its whole body",
                processor_sdk::SignedDeliveries::Fields(_) => "by the signature over its named fields",
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
fn next(records: &PaymentRecords) -> Vec<Value> {
    let mut jobs: Vec<_> = records.jobs.iter().collect();
    jobs.sort_by_key(|job| job.due_at);
    let shown = jobs.into_iter().map(|job| {
        let what = match job.key.split(':').next() {
            Some("call") => "ask the processor to do what was asked",
            Some("check") => "ask the processor what is so",
            Some("expire") => "close the payment's door",
            Some(_) | None => "work",
        };
        json!({
            "what": what,
            "job": job.key,
            "due_at": time(job.due_at),
            "under_way_until": job.leased_until.map(time),
            "tries": job.tries,
        })
    });
    shown.collect()
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
