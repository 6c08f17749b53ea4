//! Payments, their history, and the ways to find them.

use hub_core::attachment::attachment;
use hub_core::chain::EventHash;
use hub_core::event::Recorded;
use hub_core::ids::{AttemptId, OrderId, PaymentIntentId, Scope};
use hub_core::order::Order;
use hub_core::payment::{Attempt, PaymentIntent};
use processor_sdk::Timestamp;

use crate::store::sql::cell::{AFTER_EVERY_ID, Broken, Cell, Row, cells};
use crate::store::sql::write::attempts::transfer_word;
use crate::store::sql::{Engine, Query, SqlStore};
use crate::store::{Attached, Page, PaymentFilter, StoreError, TransferKind};

/// How many attempts, with their payments, are in memory at once when all of a connector's are looked at.
pub(super) const ATTEMPTS_AT_ONCE: u32 = 100;

pub(in crate::store) const BY_ID: &str =
    "SELECT state FROM payments WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store) const BY_ORDER: &str =
    "SELECT state FROM payments WHERE merchant_id = ?1 AND livemode = ?2 AND order_id = ?3";

pub(in crate::store) const BY_CHECKOUT_TOKEN: &str = "SELECT state FROM payments WHERE checkout_token = ?1";

pub(in crate::store) const BY_RETURN_TOKEN: &str = "SELECT payments.state, attempts.id
    FROM attempts JOIN payments ON payments.merchant_id = attempts.merchant_id
        AND payments.livemode = attempts.livemode AND payments.id = attempts.payment_id
    WHERE attempts.return_token = ?1";

pub(in crate::store) const OPEN_BY_REFERENCE: &str = "SELECT payment_id FROM open_order_references
    WHERE merchant_id = ?1 AND livemode = ?2 AND order_reference = ?3";

pub(in crate::store) const ATTEMPT_BY_ECHO: &str = "SELECT payment_id, id FROM attempts
    WHERE merchant_id = ?1 AND livemode = ?2 AND connector = ?3 AND echo = ?4";

pub(in crate::store) const ATTEMPTS_BY_REFERENCE: &str =
    "SELECT DISTINCT payment_id, attempt_id FROM attempt_references
     WHERE merchant_id = ?1 AND livemode = ?2 AND connector = ?3 AND reference_id = ?4";

pub(in crate::store) const NEXT_CONNECTOR: &str = "SELECT connector FROM attempts
    WHERE merchant_id = ?1 AND livemode = ?2 AND connector > ?3 ORDER BY connector LIMIT 1";

/// A payment once for each of its attempts with the connector.
pub(in crate::store) const PAYMENTS_OF_CONNECTOR: &str = "SELECT attempts.echo, attempts.id, payments.state
    FROM attempts INDEXED BY attempts_by_echo CROSS JOIN payments ON payments.merchant_id = attempts.merchant_id
        AND payments.livemode = attempts.livemode AND payments.id = attempts.payment_id
    WHERE attempts.merchant_id = ?1 AND attempts.livemode = ?2 AND attempts.connector = ?3
        AND attempts.echo > ?4
    ORDER BY attempts.echo LIMIT ?5";

pub(in crate::store) const PAYMENT_OF_TRANSFER: &str = "SELECT payment_id FROM transfers
    WHERE merchant_id = ?1 AND livemode = ?2 AND kind = ?3 AND id = ?4";

// Ids sort by their time, so `id DESC` is newest first and the last id of a page is where the next begins.
pub(in crate::store) const LIST: &str = "SELECT state FROM payments
    WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 ORDER BY id DESC LIMIT ?4";
pub(in crate::store) const LIST_BY_STATUS: &str = "SELECT state FROM payments
    WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND status = ?5 ORDER BY id DESC LIMIT ?4";
pub(in crate::store) const LIST_BY_REFERENCE: &str = "SELECT state FROM payments
    WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND order_reference = ?5 ORDER BY id DESC LIMIT ?4";
/// One order reference has few payments, so their status is looked at row by row.
pub(in crate::store) const LIST_BY_REFERENCE_AND_STATUS: &str = "SELECT state FROM payments
    INDEXED BY payments_by_order_reference
    WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND status = ?5 AND order_reference = ?6
    ORDER BY id DESC LIMIT ?4";

pub(in crate::store) const LIST_WAITING: &str = "SELECT state FROM payments
    WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND waits_for_person = 1
    ORDER BY id DESC LIMIT ?4";

pub(in crate::store) const LIST_TRANSFERS: &str = "SELECT id, payment_id FROM transfers
    WHERE merchant_id = ?1 AND livemode = ?2 AND kind = ?5 AND id < ?3
    ORDER BY id DESC LIMIT ?4";

pub(in crate::store) const HISTORY: &str = "SELECT version, at, cause, event, previous FROM payment_events
    WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3 ORDER BY version";

pub(in crate::store) const ORDER: &str =
    "SELECT body, created_at FROM orders WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store) const PERSONAL_DATA: &str =
    "SELECT sealed FROM personal_data WHERE merchant_id = ?1 AND livemode = ?2 AND order_id = ?3";

pub(in crate::store) const DOOR: &str =
    "SELECT sealed, expires_at FROM doors WHERE merchant_id = ?1 AND livemode = ?2 AND attempt_id = ?3";

/// A sealed door and when it closes.
type SealedDoor = (Vec<u8>, Option<Timestamp>);

impl<E: Engine> SqlStore<E> {
    pub(in crate::store::sql) async fn payment_where(
        &self,
        sql: &'static str,
        values: Vec<Cell>,
    ) -> Result<Option<PaymentIntent>, StoreError> {
        self.one(sql, values, |mut row| row.json()).await
    }

    pub(in crate::store::sql) async fn returned(
        &self,
        token: &str,
    ) -> Result<Option<(PaymentIntent, AttemptId)>, StoreError> {
        self.one(BY_RETURN_TOKEN, cells![token], |mut row| Ok((row.json()?, row.id()?))).await
    }

    pub(in crate::store::sql) async fn open_by_reference(
        &self,
        scope: &Scope,
        order_reference: &str,
    ) -> Result<Option<PaymentIntentId>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, order_reference];
        self.one(OPEN_BY_REFERENCE, key, |mut row| row.id()).await
    }

    /// The echo first, for we made it; then the first of the processor's ids that names exactly one attempt. An
    /// id that two kinds of things share may name two, and then it says nothing.
    pub(in crate::store::sql) async fn named_attempt(
        &self,
        scope: &Scope,
        connector: &str,
        echo: Option<&str>,
        reference_ids: &[String],
    ) -> Result<Option<(PaymentIntentId, AttemptId)>, StoreError> {
        let query = |sql, name: &str| Query {
            sql,
            values: cells![scope.merchant_id.0, scope.livemode, connector, name],
        };
        let by_echo = echo.map(|echo| query(ATTEMPT_BY_ECHO, echo));
        let by_reference = reference_ids.iter().map(|id| query(ATTEMPTS_BY_REFERENCE, id));
        let queries: Vec<Query> = by_echo.into_iter().chain(by_reference).collect();
        if queries.is_empty() {
            return Ok(None);
        }
        let mut only = self.engine.read(queries).await?.into_iter().filter(|rows| rows.len() == 1).flatten();
        Ok(only.next().map(|mut row| Ok::<_, Broken>((row.id()?, row.id()?))).transpose()?)
    }

    /// From one name to the next, so that it costs as many steps as there are connectors.
    pub(in crate::store::sql) async fn connector_names(
        &self,
        scope: &Scope,
    ) -> Result<Vec<String>, StoreError> {
        let mut names: Vec<String> = Vec::new();
        loop {
            let after = names.last().map_or("", String::as_str);
            let values = cells![scope.merchant_id.0, scope.livemode, after];
            match self.one(NEXT_CONNECTOR, values, |mut row| row.take()).await? {
                Some(name) => names.push(name),
                None => return Ok(names),
            }
        }
    }

    /// A few payments in memory at a time, however many there are.
    pub(in crate::store::sql) async fn attached_to_connector(
        &self,
        scope: &Scope,
        connector: &str,
        now: Timestamp,
    ) -> Result<Attached, StoreError> {
        let is_with = |attempt: &Attempt| attempt.profile.connector == connector;
        let mut attached = Attached::default();
        let mut after = String::new();
        loop {
            let values = cells![scope.merchant_id.0, scope.livemode, connector, after, ATTEMPTS_AT_ONCE];
            let page = self.all(PAYMENTS_OF_CONNECTOR, values, |mut row| {
                Ok((row.take::<String>()?, attempt_with_payment(row)?))
            });
            let page = page.await?;
            let Some((last, _)) = page.last() else { return Ok(attached) };
            after.clone_from(last);
            for (_, (attempt_id, payment)) in page {
                if !is_first(&payment, &attempt_id, is_with) {
                    continue;
                }
                if let Some(how) = attachment(&payment, connector, now) {
                    attached.count(how, payment.id);
                }
            }
        }
    }

    pub(in crate::store::sql) async fn of_transfer(
        &self,
        scope: &Scope,
        kind: TransferKind,
        transfer_id: &str,
    ) -> Result<Option<PaymentIntentId>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, transfer_word(kind), transfer_id];
        self.one(PAYMENT_OF_TRANSFER, key, |mut row| row.id()).await
    }

    pub(in crate::store::sql) async fn list(
        &self,
        scope: &Scope,
        filter: &PaymentFilter,
        page: &Page,
    ) -> Result<Vec<PaymentIntent>, StoreError> {
        let mut values = first_values(scope, page);
        let sql = match (filter.status, &filter.order_reference) {
            (None, None) => LIST,
            (Some(_), None) => LIST_BY_STATUS,
            (None, Some(_)) => LIST_BY_REFERENCE,
            (Some(_), Some(_)) => LIST_BY_REFERENCE_AND_STATUS,
        };
        values.extend(filter.status.map(|status| Cell::Text(status.as_str().to_owned())));
        values.extend(filter.order_reference.clone().map(Cell::Text));
        self.all(sql, values, |mut row| row.json()).await
    }

    pub(in crate::store::sql) async fn list_waiting(
        &self,
        scope: &Scope,
        page: &Page,
    ) -> Result<Vec<PaymentIntent>, StoreError> {
        self.all(LIST_WAITING, first_values(scope, page), |mut row| row.json()).await
    }

    pub(in crate::store::sql) async fn list_transfers(
        &self,
        scope: &Scope,
        kind: TransferKind,
        page: &Page,
    ) -> Result<Vec<(String, PaymentIntentId)>, StoreError> {
        let mut values = first_values(scope, page);
        values.extend(cells![transfer_word(kind)]);
        self.all(LIST_TRANSFERS, values, |mut row| Ok((row.take()?, row.id()?))).await
    }

    pub(in crate::store::sql) async fn events(
        &self,
        scope: &Scope,
        payment_id: &PaymentIntentId,
    ) -> Result<Vec<Recorded>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, payment_id.as_str()];
        self.all(HISTORY, key, |mut row| {
            Ok(Recorded {
                version: row.take()?,
                at: row.take()?,
                cause: row.json()?,
                event: row.json()?,
                previous: row.take::<Option<_>>()?.unwrap_or(EventHash::NONE),
            })
        })
        .await
    }

    pub(in crate::store::sql) async fn stored_order(
        &self,
        scope: &Scope,
        order_id: &OrderId,
    ) -> Result<Option<(Order, Timestamp)>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, order_id.as_str()];
        self.one(ORDER, key, |mut row| Ok((row.json()?, row.take()?))).await
    }

    pub(in crate::store::sql) async fn sealed_door(
        &self,
        scope: &Scope,
        attempt_id: &AttemptId,
    ) -> Result<Option<SealedDoor>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, attempt_id.as_str()];
        self.one(DOOR, key, |mut row| Ok((row.take()?, row.take()?))).await
    }
}

/// The values that every list begins with.
pub(super) fn first_values(scope: &Scope, page: &Page) -> Vec<Cell> {
    let after = page.after.as_deref().unwrap_or(AFTER_EVERY_ID);
    cells![scope.merchant_id.0, scope.livemode, after, page.limit]
}

pub(super) fn attempt_with_payment(mut row: Row) -> Result<(String, PaymentIntent), Broken> {
    Ok((row.take()?, row.json()?))
}

/// Whether this is the first of a payment's attempts that are meant, so that one with several counts once.
pub(super) fn is_first(
    payment: &PaymentIntent,
    attempt_id: &str,
    is_meant: impl Fn(&Attempt) -> bool,
) -> bool {
    let first = payment.attempts.iter().find(|attempt| is_meant(attempt));
    first.is_some_and(|first| first.id.as_str() == attempt_id)
}
