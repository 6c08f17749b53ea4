//! Sends an event to one of the merchant's endpoints, signed by the Standard Webhooks specification.
//!
//! Invariant: a delivery ends as delivered or as failed after the whole schedule, never in between; a
//! failed one can be resent.

use std::sync::Arc;

use hub_core::ids::{Scope, WebhookEndpointId, WebhookEventId};
use hub_core::retry::after;
use processor_sdk::Timestamp;

use super::lanes::Lanes;
use super::{enter, finish};
use crate::http::webhook_endpoints::open_secrets;
use crate::merchant_webhooks::sender::{SendOutcome, Sender};
use crate::merchant_webhooks::signature::{WebhookSecret, sign};
use crate::service::{Hub, ServiceError};
use crate::store::{ClaimedJob, Commit, DeliveryState, DeliveryTry, EndpointRow, StoreError, Write};

/// Seconds between tries: the schedule of the Standard Webhooks specification, about 75 hours in all.
const RETRY_S: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

/// Sends one event to one endpoint.
pub(crate) async fn run(
    hub: &Hub,
    sender: &dyn Sender,
    lanes: &Arc<Lanes>,
    job: &ClaimedJob,
    scope: &Scope,
    event_id: &WebhookEventId,
    endpoint_id: &WebhookEndpointId,
) -> Result<(), ServiceError> {
    let event = hub.store.public_event(scope, event_id).await?;
    let endpoint = hub.store.endpoint(scope, endpoint_id).await?;
    let delivery = hub.store.delivery(scope, event_id, endpoint_id).await?;
    let (Some(event), Some(mut endpoint), Some(delivery)) = (event, endpoint, delivery) else {
        return finish(hub, job).await;
    };
    if !endpoint.enabled || delivery.state != DeliveryState::Pending {
        return finish(hub, job).await;
    }
    let Some(_place) = enter(hub, lanes, endpoint_id.as_str(), job).await? else { return Ok(()) };
    let outcome = send(hub, sender, &endpoint, event_id, &event.body).await?;
    let now = hub.clock.now();
    let tried = judge(&outcome, delivery.tries, now);
    let mut writes = Vec::new();
    if matches!(outcome, SendOutcome::Gone) {
        endpoint.enabled = false;
        endpoint.disabled_reason = Some("the endpoint answered 410 Gone".to_owned());
        writes.push(Write::UpdateEndpoint(endpoint));
    }
    tracing::info!(
        event.id = %event_id,
        endpoint.id = %endpoint_id,
        http.status = tried.status,
        "{event_id} to {endpoint_id}: {}",
        tried.failure.as_deref().unwrap_or("delivered")
    );
    let (key, holder) = (job.key.clone(), job.lease.clone());
    writes.push(match tried.next_at {
        Some(due_at) => Write::RescheduleJob { key, holder, due_at },
        // Not guarded by the lease: disabling the endpoint above may have dropped the job already.
        None => Write::DropJob { key },
    });
    let state = tried.state;
    writes.push(Write::RecordDeliveryTry {
        scope: scope.clone(),
        event_id: event_id.clone(),
        endpoint_id: endpoint_id.clone(),
        delivery_try: tried,
    });
    hub.store.commit(Commit { writes }).await?;
    hub.metrics.merchant_delivery(state);
    Ok(())
}

async fn send(
    hub: &Hub,
    sender: &dyn Sender,
    endpoint: &EndpointRow,
    event_id: &WebhookEventId,
    body: &str,
) -> Result<SendOutcome, ServiceError> {
    let failed = |what: &str| StoreError::Failed(format!("{}: {what}", endpoint.id));
    let mut secrets = Vec::new();
    for text in open_secrets(hub, endpoint)? {
        secrets.push(WebhookSecret::parse(&text).map_err(|_| failed("a stored secret cannot be read"))?);
    }
    let timestamp = hub.clock.now().as_unix_seconds();
    let signature = sign(event_id.as_str(), timestamp, body.as_bytes(), &secrets)
        .map_err(|error| failed(&error.to_string()))?;
    let timestamp = timestamp.to_string();
    let headers = [
        ("webhook-id", event_id.as_str()),
        ("webhook-timestamp", timestamp.as_str()),
        ("webhook-signature", signature.as_str()),
    ];
    Ok(sender.send(&endpoint.url, &headers, body.as_bytes()).await)
}

fn judge(outcome: &SendOutcome, tries_before: u32, now: Timestamp) -> DeliveryTry {
    let (status, failure, wait_s) = match outcome {
        SendOutcome::Delivered { status } => (Some(*status), None, None),
        SendOutcome::Rejected { status, retry_after } => {
            let wait_s = retry_after.and_then(|wait| i64::try_from(wait.as_secs()).ok());
            (Some(*status), Some(format!("answered {status}")), wait_s)
        }
        SendOutcome::Gone => {
            (Some(410), Some("answered 410 Gone; the endpoint is disabled".to_owned()), None)
        }
        SendOutcome::Redirected => {
            (None, Some("answered with a redirect, which is not followed".to_owned()), None)
        }
        SendOutcome::TimedOut => (None, Some("did not answer in time".to_owned()), None),
        SendOutcome::Unreachable { reason } => (None, Some(format!("not reached: {reason}")), None),
        SendOutcome::Forbidden { reason } => (None, Some(format!("not allowed: {reason}")), None),
    };
    let scheduled = usize::try_from(tries_before).ok().and_then(|index| RETRY_S.get(index)).copied();
    let again = failure.is_some() && !matches!(outcome, SendOutcome::Gone);
    let next_at = scheduled.filter(|_| again).map(|scheduled| after(now, scheduled.max(wait_s.unwrap_or(0))));
    let state = match (&failure, next_at) {
        (None, _) => DeliveryState::Delivered,
        (Some(_), Some(_)) => DeliveryState::Pending,
        (Some(_), None) => DeliveryState::Failed,
    };
    DeliveryTry { at: now, status, failure, state, next_at }
}
