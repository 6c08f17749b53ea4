//! What the merchant hears: events, endpoints, deliveries.

use hub_core::ids::{Scope, WebhookEndpointId, WebhookEventId};
use processor_sdk::Timestamp;

use super::payments::first_values;
use crate::store::sql::cell::{Broken, Cell, Row, cells};
use crate::store::sql::{Engine, SqlStore};
use crate::store::{
    DeliveryState, DeliveryTry, EndpointRow, EventFilter, MerchantDelivery, Page, PublicEventRow, StoreError,
};

pub(in crate::store) const EVENT: &str =
    "SELECT id, kind, payment_id, sequence, created_at, body FROM public_events
     WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store) const LIST_EVENTS: &str =
    "SELECT id, kind, payment_id, sequence, created_at, body FROM public_events
     WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3
     ORDER BY id DESC LIMIT ?4";

pub(in crate::store) const LIST_EVENTS_BY_KIND: &str =
    "SELECT id, kind, payment_id, sequence, created_at, body FROM public_events
     WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND kind = ?5
     ORDER BY id DESC LIMIT ?4";

pub(in crate::store) const LIST_EVENTS_BY_PAYMENT: &str =
    "SELECT id, kind, payment_id, sequence, created_at, body FROM public_events
     WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND payment_id = ?5
     ORDER BY id DESC LIMIT ?4";

/// One payment has few events, so their kind is looked at row by row.
pub(in crate::store) const LIST_EVENTS_BY_PAYMENT_AND_KIND: &str =
    "SELECT id, kind, payment_id, sequence, created_at, body FROM public_events
     INDEXED BY public_events_by_payment
     WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND kind = ?5 AND payment_id = ?6
     ORDER BY id DESC LIMIT ?4";

pub(in crate::store) const ENDPOINT: &str =
    "SELECT id, url, description, event_types, enabled, disabled_reason, sealed_secrets, created_at
     FROM webhook_endpoints WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store) const LIST_ENDPOINTS: &str =
    "SELECT id, url, description, event_types, enabled, disabled_reason, sealed_secrets, created_at
     FROM webhook_endpoints WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3
     ORDER BY id DESC LIMIT ?4";

pub(in crate::store) const DELIVERY: &str =
    "SELECT event_id, endpoint_id, kind, state, tries, next_at, created_at,
         last_at, last_status, last_failure, last_state, last_next_at
     FROM merchant_deliveries
     WHERE merchant_id = ?1 AND livemode = ?2 AND event_id = ?3 AND endpoint_id = ?4";

/// A page ends with an event's id: an endpoint has at most one delivery of it.
pub(in crate::store) const LIST_DELIVERIES: &str =
    "SELECT event_id, endpoint_id, kind, state, tries, next_at, created_at,
         last_at, last_status, last_failure, last_state, last_next_at
     FROM merchant_deliveries
     WHERE merchant_id = ?1 AND livemode = ?2 AND endpoint_id = ?5 AND event_id < ?3
     ORDER BY event_id DESC LIMIT ?4";

impl<E: Engine> SqlStore<E> {
    pub(in crate::store::sql) async fn event(
        &self,
        scope: &Scope,
        event_id: &WebhookEventId,
    ) -> Result<Option<PublicEventRow>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, event_id.as_str()];
        self.one(EVENT, key, |row| event_row(scope, row)).await
    }

    pub(in crate::store::sql) async fn list_events(
        &self,
        scope: &Scope,
        filter: &EventFilter,
        page: &Page,
    ) -> Result<Vec<PublicEventRow>, StoreError> {
        let sql = match (&filter.kind, &filter.payment_id) {
            (None, None) => LIST_EVENTS,
            (Some(_), None) => LIST_EVENTS_BY_KIND,
            (None, Some(_)) => LIST_EVENTS_BY_PAYMENT,
            (Some(_), Some(_)) => LIST_EVENTS_BY_PAYMENT_AND_KIND,
        };
        let mut values = first_values(scope, page);
        values.extend(filter.kind.clone().map(Cell::Text));
        values.extend(filter.payment_id.as_ref().map(|payment_id| Cell::Text(payment_id.to_string())));
        self.all(sql, values, |row| event_row(scope, row)).await
    }

    pub(in crate::store::sql) async fn stored_endpoint(
        &self,
        scope: &Scope,
        id: &WebhookEndpointId,
    ) -> Result<Option<EndpointRow>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, id.as_str()];
        self.one(ENDPOINT, key, |row| endpoint_row(scope, row)).await
    }

    pub(in crate::store::sql) async fn list_endpoints(
        &self,
        scope: &Scope,
        page: &Page,
    ) -> Result<Vec<EndpointRow>, StoreError> {
        self.all(LIST_ENDPOINTS, first_values(scope, page), |row| endpoint_row(scope, row)).await
    }

    pub(in crate::store::sql) async fn one_delivery(
        &self,
        scope: &Scope,
        event_id: &WebhookEventId,
        endpoint_id: &WebhookEndpointId,
    ) -> Result<Option<MerchantDelivery>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, event_id.as_str(), endpoint_id.as_str()];
        self.one(DELIVERY, key, delivery_row).await
    }

    pub(in crate::store::sql) async fn list_deliveries(
        &self,
        scope: &Scope,
        endpoint_id: &WebhookEndpointId,
        page: &Page,
    ) -> Result<Vec<MerchantDelivery>, StoreError> {
        let mut values = first_values(scope, page);
        values.extend(cells![endpoint_id.as_str()]);
        self.all(LIST_DELIVERIES, values, delivery_row).await
    }
}

fn event_row(scope: &Scope, mut row: Row) -> Result<PublicEventRow, Broken> {
    Ok(PublicEventRow {
        scope: scope.clone(),
        id: row.id()?,
        kind: row.take()?,
        payment_id: row.id()?,
        sequence: row.take()?,
        created_at: row.take()?,
        body: row.take()?,
    })
}

fn endpoint_row(scope: &Scope, mut row: Row) -> Result<EndpointRow, Broken> {
    Ok(EndpointRow {
        scope: scope.clone(),
        id: row.id()?,
        url: row.take()?,
        description: row.take()?,
        event_types: row.json()?,
        enabled: row.take()?,
        disabled_reason: row.take()?,
        sealed_secrets: row.take()?,
        created_at: row.take()?,
    })
}

fn delivery_row(mut row: Row) -> Result<MerchantDelivery, Broken> {
    Ok(MerchantDelivery {
        event_id: row.id()?,
        endpoint_id: row.id()?,
        kind: row.take()?,
        state: delivery_state(&row.take::<String>()?)?,
        tries: row.take()?,
        next_at: row.take()?,
        created_at: row.take()?,
        last_try: last_try(row)?,
    })
}

fn last_try(mut row: Row) -> Result<Option<DeliveryTry>, Broken> {
    let (at, status, failure): (Option<Timestamp>, _, _) = (row.take()?, row.take()?, row.take()?);
    let (state, next_at): (Option<String>, _) = (row.take()?, row.take()?);
    match (at, state) {
        (Some(at), Some(state)) => {
            Ok(Some(DeliveryTry { at, status, failure, state: delivery_state(&state)?, next_at }))
        }
        (None, None) => Ok(None),
        (Some(_), None) | (None, Some(_)) => Err(Broken("half a try is stored")),
    }
}

fn delivery_state(word: &str) -> Result<DeliveryState, Broken> {
    match word {
        "pending" => Ok(DeliveryState::Pending),
        "delivered" => Ok(DeliveryState::Delivered),
        "failed" => Ok(DeliveryState::Failed),
        _ => Err(Broken("a stored delivery's state cannot be read")),
    }
}
