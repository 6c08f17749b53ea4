//! What the merchant hears: events, the endpoints they go to, and each delivery with its job.
//!
//! Invariant: a delivery is pending exactly as long as it has a job, except while its endpoint is disabled.
//! Both are written by the same statements from the same rows, so neither can be forgotten.

use hub_core::ids::{Scope, WebhookEndpointId, WebhookEventId};
use processor_sdk::Timestamp;

use super::Plan;
use crate::store::sql::cell::{Broken, cells, count, to_json};
use crate::store::{Conflict, DeliveryState, DeliveryTry, EndpointRow, PublicEventRow};
use crate::worker::job::JobBody;

/// Stands for an id that a statement fills in row by row. No clock gives it: its time is 0.
const BLANK: &str = "00000000000000000000000000";

/// A delivery's job with a blank where the statement puts each row's id. Made by the job's own code, so that
/// what the statement writes is what [`JobBody`] would have written.
struct JobTemplate {
    key: String,
    body: String,
    blank: String,
}

impl JobTemplate {
    fn for_each_endpoint(scope: &Scope, event_id: &WebhookEventId) -> Result<Self, Broken> {
        let endpoint_id = WebhookEndpointId::from_body(BLANK);
        let blank = endpoint_id.to_string();
        Self::of(
            &JobBody::NotifyMerchant { scope: scope.clone(), event_id: event_id.clone(), endpoint_id },
            blank,
        )
    }

    fn for_each_event(scope: &Scope, endpoint_id: &WebhookEndpointId) -> Result<Self, Broken> {
        let event_id = WebhookEventId::from_body(BLANK);
        let blank = event_id.to_string();
        Self::of(
            &JobBody::NotifyMerchant { scope: scope.clone(), event_id, endpoint_id: endpoint_id.clone() },
            blank,
        )
    }

    fn of(body: &JobBody, blank: String) -> Result<Self, Broken> {
        Ok(Self { key: body.key(), body: to_json(body)?, blank })
    }
}

/// The name in stored rows.
pub(crate) const fn delivery_word(state: DeliveryState) -> &'static str {
    match state {
        DeliveryState::Pending => "pending",
        DeliveryState::Delivered => "delivered",
        DeliveryState::Failed => "failed",
    }
}

/// The types are a JSON list of words, so that one between quotes is one of them.
pub(in crate::store) const DELIVER_TO_ENDPOINTS: &str = "INSERT INTO merchant_deliveries
         (merchant_id, livemode, event_id, endpoint_id, kind, state, tries, next_at, created_at)
     SELECT merchant_id, livemode, ?3, id, ?4, 'pending', 0, ?5, ?5 FROM webhook_endpoints
     WHERE merchant_id = ?1 AND livemode = ?2 AND enabled = 1
         AND (event_types = '[]' OR replace(event_types, '\"' || ?4 || '\"', '') <> event_types)";

pub(in crate::store) const JOBS_OF_EVENT: &str =
    "INSERT INTO jobs (key, merchant_id, livemode, body, due_at, tries)
     SELECT replace(?4, ?6, endpoint_id), merchant_id, livemode, replace(?5, ?6, endpoint_id), next_at, 0
     FROM merchant_deliveries INDEXED BY merchant_deliveries_by_event
     WHERE merchant_id = ?1 AND livemode = ?2 AND event_id = ?3";

pub(super) fn insert_event(plan: &mut Plan, row: &PublicEventRow) -> Result<(), Broken> {
    let (merchant_id, livemode) = (&row.scope.merchant_id.0, row.scope.livemode);
    let created_at = row.created_at;
    plan.run(
        "INSERT INTO public_events (merchant_id, livemode, id, kind, payment_id, sequence, created_at, body)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        cells![
            merchant_id,
            livemode,
            row.id.as_str(),
            row.kind,
            row.payment_id.as_str(),
            count(row.sequence)?,
            created_at,
            row.body,
        ],
    );
    plan.run(DELIVER_TO_ENDPOINTS, cells![merchant_id, livemode, row.id.as_str(), row.kind, created_at]);
    let template = JobTemplate::for_each_endpoint(&row.scope, &row.id)?;
    plan.run(
        JOBS_OF_EVENT,
        cells![merchant_id, livemode, row.id.as_str(), template.key, template.body, template.blank],
    );
    Ok(())
}

pub(super) fn insert_endpoint(plan: &mut Plan, row: &EndpointRow) -> Result<(), Broken> {
    plan.run(
        "INSERT INTO webhook_endpoints (merchant_id, livemode, id, url, description, event_types, enabled,
             disabled_reason, sealed_secrets, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
        cells![
            row.scope.merchant_id.0,
            row.scope.livemode,
            row.id.as_str(),
            row.url,
            row.description,
            to_json(&row.event_types)?,
            row.enabled,
            row.disabled_reason,
            row.sealed_secrets,
            row.created_at,
        ],
    );
    Ok(())
}

pub(in crate::store) const UPDATE_ENDPOINT: &str =
    "UPDATE webhook_endpoints SET url = ?4, description = ?5, event_types = ?6, enabled = ?7,
         disabled_reason = ?8, sealed_secrets = ?9
     WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

/// A job that is there already keeps its time and its lease.
pub(in crate::store) const JOBS_OF_ENDPOINT: &str =
    "INSERT INTO jobs (key, merchant_id, livemode, body, due_at, tries)
     SELECT replace(?4, ?6, event_id), merchant_id, livemode, replace(?5, ?6, event_id),
         coalesce(next_at, created_at), 0
     FROM merchant_deliveries INDEXED BY merchant_deliveries_undelivered
     WHERE merchant_id = ?1 AND livemode = ?2 AND endpoint_id = ?3
         AND state <> 'delivered' AND state = 'pending'
     ON CONFLICT (key) DO NOTHING";

pub(in crate::store) const DROP_JOBS_OF_ENDPOINT: &str = "DELETE FROM jobs WHERE key IN (
         SELECT replace(?4, ?5, event_id)
         FROM merchant_deliveries INDEXED BY merchant_deliveries_undelivered
         WHERE merchant_id = ?1 AND livemode = ?2 AND endpoint_id = ?3
             AND state <> 'delivered' AND state = 'pending')";

pub(super) fn update_endpoint(plan: &mut Plan, row: &EndpointRow) -> Result<(), Broken> {
    plan.guarded(
        UPDATE_ENDPOINT,
        cells![
            row.scope.merchant_id.0,
            row.scope.livemode,
            row.id.as_str(),
            row.url,
            row.description,
            to_json(&row.event_types)?,
            row.enabled,
            row.disabled_reason,
            row.sealed_secrets,
        ],
        Conflict::NotFound,
    );
    if !row.enabled {
        return drop_jobs(plan, &row.scope, &row.id);
    }
    let template = JobTemplate::for_each_event(&row.scope, &row.id)?;
    plan.run(
        JOBS_OF_ENDPOINT,
        cells![
            row.scope.merchant_id.0,
            row.scope.livemode,
            row.id.as_str(),
            template.key,
            template.body,
            template.blank,
        ],
    );
    Ok(())
}

fn drop_jobs(plan: &mut Plan, scope: &Scope, id: &WebhookEndpointId) -> Result<(), Broken> {
    let template = JobTemplate::for_each_event(scope, id)?;
    plan.run(
        DROP_JOBS_OF_ENDPOINT,
        cells![scope.merchant_id.0, scope.livemode, id.as_str(), template.key, template.blank],
    );
    Ok(())
}

pub(in crate::store) const DROP_UNDELIVERED: &str = "DELETE FROM merchant_deliveries
    INDEXED BY merchant_deliveries_undelivered
    WHERE merchant_id = ?1 AND livemode = ?2 AND endpoint_id = ?3 AND state <> 'delivered'";

pub(in crate::store) const DELETE_ENDPOINT: &str =
    "DELETE FROM webhook_endpoints WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(super) fn delete_endpoint(plan: &mut Plan, scope: &Scope, id: &WebhookEndpointId) -> Result<(), Broken> {
    let key = cells![scope.merchant_id.0, scope.livemode, id.as_str()];
    plan.guarded(DELETE_ENDPOINT, key.clone(), Conflict::NotFound);
    drop_jobs(plan, scope, id)?;
    plan.run(DROP_UNDELIVERED, key);
    Ok(())
}

pub(in crate::store) const RECORD_TRY: &str =
    "UPDATE merchant_deliveries SET state = ?5, tries = tries + 1, next_at = ?6,
         last_at = ?7, last_status = ?8, last_failure = ?9, last_state = ?5, last_next_at = ?6
     WHERE merchant_id = ?1 AND livemode = ?2 AND event_id = ?3 AND endpoint_id = ?4";

pub(super) fn record_try(
    plan: &mut Plan,
    scope: &Scope,
    event_id: &WebhookEventId,
    endpoint_id: &WebhookEndpointId,
    delivery_try: &DeliveryTry,
) {
    plan.guarded(
        RECORD_TRY,
        cells![
            scope.merchant_id.0,
            scope.livemode,
            event_id.as_str(),
            endpoint_id.as_str(),
            delivery_word(delivery_try.state),
            delivery_try.next_at,
            delivery_try.at,
            delivery_try.status,
            delivery_try.failure,
        ],
        Conflict::NotFound,
    );
}

/// The schedule starts anew, so the tries are counted from none.
pub(in crate::store) const REQUEUE: &str = "INSERT INTO merchant_deliveries
         (merchant_id, livemode, event_id, endpoint_id, kind, state, tries, next_at, created_at)
     SELECT event.merchant_id, event.livemode, event.id, endpoint.id, event.kind, 'pending', 0, ?5, ?5
     FROM public_events AS event JOIN webhook_endpoints AS endpoint
         ON endpoint.merchant_id = event.merchant_id AND endpoint.livemode = event.livemode
     WHERE event.merchant_id = ?1 AND event.livemode = ?2 AND event.id = ?3 AND endpoint.id = ?4
     ON CONFLICT (merchant_id, livemode, endpoint_id, event_id)
     DO UPDATE SET state = 'pending', tries = 0, next_at = excluded.next_at";

pub(in crate::store) const JOB_OF_DELIVERY: &str =
    "INSERT INTO jobs (key, merchant_id, livemode, body, due_at, tries)
     SELECT ?4, merchant_id, livemode, ?5, ?6, 0 FROM webhook_endpoints
     WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3 AND enabled = 1
     ON CONFLICT (key) DO UPDATE SET due_at = excluded.due_at";

/// While its endpoint is disabled the delivery waits without a job, as those that were pending do.
pub(super) fn requeue(
    plan: &mut Plan,
    scope: &Scope,
    event_id: &WebhookEventId,
    endpoint_id: &WebhookEndpointId,
    due_at: Timestamp,
) -> Result<(), Broken> {
    let (merchant_id, livemode) = (&scope.merchant_id.0, scope.livemode);
    plan.guarded(
        REQUEUE,
        cells![merchant_id, livemode, event_id.as_str(), endpoint_id.as_str(), due_at],
        Conflict::NotFound,
    );
    let body = JobBody::NotifyMerchant {
        scope: scope.clone(),
        event_id: event_id.clone(),
        endpoint_id: endpoint_id.clone(),
    };
    plan.run(
        JOB_OF_DELIVERY,
        cells![merchant_id, livemode, endpoint_id.as_str(), body.key(), to_json(&body)?, due_at],
    );
    Ok(())
}
