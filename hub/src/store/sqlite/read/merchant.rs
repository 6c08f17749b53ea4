//! What the merchant hears: events, endpoints, deliveries.

use hub_core::ids::{Scope, WebhookEndpointId, WebhookEventId};
use rusqlite::{Connection, Row, params};

use super::{all, one};
use crate::store::sqlite::error::SqlError;
use crate::store::sqlite::value::{AFTER_EVERY_ID, from_cell, from_json, id, time};
use crate::store::{
    DeliveryState, DeliveryTry, EndpointRow, EventFilter, MerchantDelivery, Page, PublicEventRow,
};

pub(in crate::store::sqlite) const EVENT: &str =
    "SELECT id, kind, payment_id, sequence, created_at, body FROM public_events
     WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store::sqlite) fn event(
    connection: &Connection,
    scope: &Scope,
    event_id: &WebhookEventId,
) -> Result<Option<PublicEventRow>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, event_id.as_str()];
    one(connection, EVENT, key, |row| event_row(scope, row))
}

// As for payments: every variant takes the same values; one that it does not use must be absent.
pub(in crate::store::sqlite) const LIST_EVENTS: &str =
    "SELECT id, kind, payment_id, sequence, created_at, body FROM public_events
     WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND ?5 IS NULL AND ?6 IS NULL
     ORDER BY id DESC LIMIT ?4";
pub(in crate::store::sqlite) const LIST_EVENTS_BY_KIND: &str =
    "SELECT id, kind, payment_id, sequence, created_at, body FROM public_events
     WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND kind = ?5 AND ?6 IS NULL
     ORDER BY id DESC LIMIT ?4";
pub(in crate::store::sqlite) const LIST_EVENTS_BY_PAYMENT: &str =
    "SELECT id, kind, payment_id, sequence, created_at, body FROM public_events
     WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND ?5 IS NULL AND payment_id = ?6
     ORDER BY id DESC LIMIT ?4";
/// One payment has few events, so their kind is looked at row by row.
pub(in crate::store::sqlite) const LIST_EVENTS_BY_PAYMENT_AND_KIND: &str =
    "SELECT id, kind, payment_id, sequence, created_at, body FROM public_events
     INDEXED BY public_events_by_payment
     WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND kind = ?5 AND payment_id = ?6
     ORDER BY id DESC LIMIT ?4";

pub(in crate::store::sqlite) fn events(
    connection: &Connection,
    scope: &Scope,
    filter: &EventFilter,
    page: &Page,
) -> Result<Vec<PublicEventRow>, SqlError> {
    let sql = match (&filter.kind, &filter.payment_id) {
        (None, None) => LIST_EVENTS,
        (Some(_), None) => LIST_EVENTS_BY_KIND,
        (None, Some(_)) => LIST_EVENTS_BY_PAYMENT,
        (Some(_), Some(_)) => LIST_EVENTS_BY_PAYMENT_AND_KIND,
    };
    let values = params![
        scope.merchant_id.0,
        scope.livemode,
        page.after.as_deref().unwrap_or(AFTER_EVERY_ID),
        page.limit,
        filter.kind,
        filter.payment_id.as_ref().map(|payment_id| payment_id.as_str()),
    ];
    all(connection, sql, values, |row| event_row(scope, row))
}

fn event_row(scope: &Scope, row: &Row<'_>) -> Result<PublicEventRow, SqlError> {
    Ok(PublicEventRow {
        scope: scope.clone(),
        id: id(row.get(0)?)?,
        kind: row.get(1)?,
        payment_id: id(row.get(2)?)?,
        sequence: from_cell(row.get(3)?)?,
        created_at: time(row.get(4)?),
        body: row.get(5)?,
    })
}

pub(in crate::store::sqlite) const ENDPOINT: &str =
    "SELECT id, url, description, event_types, enabled, disabled_reason, sealed_secrets, created_at
     FROM webhook_endpoints WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store::sqlite) fn endpoint(
    connection: &Connection,
    scope: &Scope,
    endpoint_id: &WebhookEndpointId,
) -> Result<Option<EndpointRow>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, endpoint_id.as_str()];
    one(connection, ENDPOINT, key, |row| endpoint_row(scope, row))
}

pub(in crate::store::sqlite) const LIST_ENDPOINTS: &str =
    "SELECT id, url, description, event_types, enabled, disabled_reason, sealed_secrets, created_at
     FROM webhook_endpoints WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3
     ORDER BY id DESC LIMIT ?4";

pub(in crate::store::sqlite) fn endpoints(
    connection: &Connection,
    scope: &Scope,
    page: &Page,
) -> Result<Vec<EndpointRow>, SqlError> {
    let after = page.after.as_deref().unwrap_or(AFTER_EVERY_ID);
    let values = params![scope.merchant_id.0, scope.livemode, after, page.limit];
    all(connection, LIST_ENDPOINTS, values, |row| endpoint_row(scope, row))
}

fn endpoint_row(scope: &Scope, row: &Row<'_>) -> Result<EndpointRow, SqlError> {
    let event_types: String = row.get(3)?;
    Ok(EndpointRow {
        scope: scope.clone(),
        id: id(row.get(0)?)?,
        url: row.get(1)?,
        description: row.get(2)?,
        event_types: from_json(&event_types)?,
        enabled: row.get(4)?,
        disabled_reason: row.get(5)?,
        sealed_secrets: row.get(6)?,
        created_at: time(row.get(7)?),
    })
}

pub(in crate::store::sqlite) const DELIVERY: &str =
    "SELECT event_id, endpoint_id, kind, state, tries, next_at, created_at,
         last_at, last_status, last_failure, last_state, last_next_at
     FROM merchant_deliveries
     WHERE merchant_id = ?1 AND livemode = ?2 AND event_id = ?3 AND endpoint_id = ?4";

pub(in crate::store::sqlite) fn delivery(
    connection: &Connection,
    scope: &Scope,
    event_id: &WebhookEventId,
    endpoint_id: &WebhookEndpointId,
) -> Result<Option<MerchantDelivery>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, event_id.as_str(), endpoint_id.as_str()];
    one(connection, DELIVERY, key, delivery_row)
}

/// A page ends with an event's id: an endpoint has at most one delivery of it.
pub(in crate::store::sqlite) const LIST_DELIVERIES: &str =
    "SELECT event_id, endpoint_id, kind, state, tries, next_at, created_at,
         last_at, last_status, last_failure, last_state, last_next_at
     FROM merchant_deliveries
     WHERE merchant_id = ?1 AND livemode = ?2 AND endpoint_id = ?5 AND event_id < ?3
     ORDER BY event_id DESC LIMIT ?4";

pub(in crate::store::sqlite) fn deliveries(
    connection: &Connection,
    scope: &Scope,
    endpoint_id: &WebhookEndpointId,
    page: &Page,
) -> Result<Vec<MerchantDelivery>, SqlError> {
    let after = page.after.as_deref().unwrap_or(AFTER_EVERY_ID);
    let values = params![scope.merchant_id.0, scope.livemode, after, page.limit, endpoint_id.as_str()];
    all(connection, LIST_DELIVERIES, values, delivery_row)
}

fn delivery_row(row: &Row<'_>) -> Result<MerchantDelivery, SqlError> {
    let state: String = row.get(3)?;
    let last_at: Option<i64> = row.get(7)?;
    let last_state: Option<String> = row.get(10)?;
    let last_try = match (last_at, last_state) {
        (Some(at), Some(state)) => Some(DeliveryTry {
            at: time(at),
            status: row.get(8)?,
            failure: row.get(9)?,
            state: delivery_state(&state)?,
            next_at: row.get::<_, Option<i64>>(11)?.map(time),
        }),
        (None, None) => None,
        (Some(_), None) | (None, Some(_)) => return Err(SqlError::Broken("half a try is stored")),
    };
    Ok(MerchantDelivery {
        event_id: id(row.get(0)?)?,
        endpoint_id: id(row.get(1)?)?,
        kind: row.get(2)?,
        state: delivery_state(&state)?,
        tries: from_cell(row.get(4)?)?,
        next_at: row.get::<_, Option<i64>>(5)?.map(time),
        last_try,
        created_at: time(row.get(6)?),
    })
}

fn delivery_state(word: &str) -> Result<DeliveryState, SqlError> {
    match word {
        "pending" => Ok(DeliveryState::Pending),
        "delivered" => Ok(DeliveryState::Delivered),
        "failed" => Ok(DeliveryState::Failed),
        _ => Err(SqlError::Broken("a stored delivery's state cannot be read")),
    }
}
