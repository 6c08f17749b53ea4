//! Payments, their history, and the ways to find them.

use hub_core::attachment::attachment;
use hub_core::event::Recorded;
use hub_core::ids::{AttemptId, OrderId, PaymentIntentId, Scope};
use hub_core::order::Order;
use hub_core::payment::PaymentIntent;
use processor_sdk::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{all, one, text};
use crate::store::sqlite::error::SqlError;
use crate::store::sqlite::value::{AFTER_EVERY_ID, from_cell, from_json, id, time};
use crate::store::sqlite::write::attempts::transfer_word;
use crate::store::{Attached, Page, PaymentFilter, TransferKind};

pub(in crate::store::sqlite) const BY_ID: &str =
    "SELECT state FROM payments WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store::sqlite) fn payment(
    connection: &Connection,
    scope: &Scope,
    payment_id: &PaymentIntentId,
) -> Result<Option<PaymentIntent>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, payment_id.as_str()];
    text(connection, BY_ID, key)?.map(|state| from_json(&state)).transpose()
}

pub(in crate::store::sqlite) const BY_ORDER: &str =
    "SELECT state FROM payments WHERE merchant_id = ?1 AND livemode = ?2 AND order_id = ?3";

pub(in crate::store::sqlite) fn by_order(
    connection: &Connection,
    scope: &Scope,
    order_id: &OrderId,
) -> Result<Option<PaymentIntent>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, order_id.as_str()];
    text(connection, BY_ORDER, key)?.map(|state| from_json(&state)).transpose()
}

pub(in crate::store::sqlite) const BY_CHECKOUT_TOKEN: &str =
    "SELECT state FROM payments WHERE checkout_token = ?1";

pub(in crate::store::sqlite) fn by_checkout_token(
    connection: &Connection,
    token: &str,
) -> Result<Option<PaymentIntent>, SqlError> {
    text(connection, BY_CHECKOUT_TOKEN, params![token])?.map(|state| from_json(&state)).transpose()
}

pub(in crate::store::sqlite) const BY_RETURN_TOKEN: &str = "SELECT payments.state, attempts.id
    FROM attempts JOIN payments ON payments.merchant_id = attempts.merchant_id
        AND payments.livemode = attempts.livemode AND payments.id = attempts.payment_id
    WHERE attempts.return_token = ?1";

pub(in crate::store::sqlite) fn by_return_token(
    connection: &Connection,
    token: &str,
) -> Result<Option<(PaymentIntent, AttemptId)>, SqlError> {
    one(connection, BY_RETURN_TOKEN, params![token], |row| {
        let state: String = row.get(0)?;
        Ok((from_json(&state)?, id(row.get(1)?)?))
    })
}

pub(in crate::store::sqlite) const OPEN_BY_REFERENCE: &str = "SELECT payment_id FROM open_order_references
    WHERE merchant_id = ?1 AND livemode = ?2 AND order_reference = ?3";

pub(in crate::store::sqlite) fn open_payment_for(
    connection: &Connection,
    scope: &Scope,
    order_reference: &str,
) -> Result<Option<PaymentIntentId>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, order_reference];
    text(connection, OPEN_BY_REFERENCE, key)?.map(id).transpose()
}

pub(in crate::store::sqlite) const ATTEMPT_BY_ECHO: &str = "SELECT payment_id, id FROM attempts
    WHERE merchant_id = ?1 AND livemode = ?2 AND connector = ?3 AND echo = ?4";

pub(in crate::store::sqlite) const ATTEMPTS_BY_REFERENCE: &str =
    "SELECT DISTINCT payment_id, attempt_id FROM attempt_references
     WHERE merchant_id = ?1 AND livemode = ?2 AND connector = ?3 AND reference_id = ?4";

/// The echo first, for we made it; then the first of the processor's ids that names exactly one attempt. An
/// id that two kinds of things share may name two, and then it says nothing.
pub(in crate::store::sqlite) fn find_attempt(
    connection: &Connection,
    scope: &Scope,
    connector: &str,
    echo: Option<&str>,
    reference_ids: &[String],
) -> Result<Option<(PaymentIntentId, AttemptId)>, SqlError> {
    let snapshot = connection.unchecked_transaction()?;
    let pair = |row: &Row<'_>| Ok((id(row.get(0)?)?, id(row.get(1)?)?));
    if let Some(echo) = echo {
        let key = params![scope.merchant_id.0, scope.livemode, connector, echo];
        if let Some(found) = one(&snapshot, ATTEMPT_BY_ECHO, key, pair)? {
            return Ok(Some(found));
        }
    }
    for reference_id in reference_ids {
        let key = params![scope.merchant_id.0, scope.livemode, connector, reference_id];
        let mut found = all(&snapshot, ATTEMPTS_BY_REFERENCE, key, pair)?;
        if found.len() == 1 {
            return Ok(found.pop());
        }
    }
    Ok(None)
}

pub(in crate::store::sqlite) const NEXT_CONNECTOR: &str = "SELECT connector FROM attempts
    WHERE merchant_id = ?1 AND livemode = ?2 AND connector > ?3 ORDER BY connector LIMIT 1";

/// From one name to the next, so that it costs as many steps as there are connectors.
pub(in crate::store::sqlite) fn connectors_used(
    connection: &Connection,
    scope: &Scope,
) -> Result<Vec<String>, SqlError> {
    let mut names: Vec<String> = Vec::new();
    loop {
        let after = names.last().map_or("", String::as_str);
        match text(connection, NEXT_CONNECTOR, params![scope.merchant_id.0, scope.livemode, after])? {
            Some(name) => names.push(name),
            None => return Ok(names),
        }
    }
}

/// A payment once for each of its attempts with the connector.
pub(in crate::store::sqlite) const PAYMENTS_OF_CONNECTOR: &str = "SELECT attempts.id, payments.state
    FROM attempts INDEXED BY attempts_by_echo CROSS JOIN payments ON payments.merchant_id = attempts.merchant_id
        AND payments.livemode = attempts.livemode AND payments.id = attempts.payment_id
    WHERE attempts.merchant_id = ?1 AND attempts.livemode = ?2 AND attempts.connector = ?3";

/// One payment in memory at a time, however many there are.
pub(in crate::store::sqlite) fn attached_to(
    connection: &Connection,
    scope: &Scope,
    connector: &str,
    now: Timestamp,
) -> Result<Attached, SqlError> {
    let mut statement = connection.prepare_cached(PAYMENTS_OF_CONNECTOR)?;
    let mut rows = statement.query(params![scope.merchant_id.0, scope.livemode, connector])?;
    let mut attached = Attached::default();
    while let Some(row) = rows.next()? {
        let (attempt_id, state): (String, String) = (row.get(0)?, row.get(1)?);
        let payment: PaymentIntent = from_json(&state)?;
        let mut attempts = payment.attempts.iter();
        let first = attempts.find(|attempt| attempt.profile.connector == connector);
        // So that one with several attempts counts once.
        if first.is_none_or(|first| first.id.as_str() != attempt_id) {
            continue;
        }
        if let Some(how) = attachment(&payment, connector, now) {
            attached.count(how, payment.id);
        }
    }
    Ok(attached)
}

pub(in crate::store::sqlite) const PAYMENT_OF_TRANSFER: &str = "SELECT payment_id FROM transfers
    WHERE merchant_id = ?1 AND livemode = ?2 AND kind = ?3 AND id = ?4";

pub(in crate::store::sqlite) fn payment_of_transfer(
    connection: &Connection,
    scope: &Scope,
    kind: TransferKind,
    transfer_id: &str,
) -> Result<Option<PaymentIntentId>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, transfer_word(kind), transfer_id];
    text(connection, PAYMENT_OF_TRANSFER, key)?.map(id).transpose()
}

// Ids sort by their time, so `id DESC` is newest first and the last id of a page is where the next begins.
// Every variant takes the same values; one that it does not use must be absent.
pub(in crate::store::sqlite) const LIST: &str = "SELECT state FROM payments
    WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND ?5 IS NULL AND ?6 IS NULL
    ORDER BY id DESC LIMIT ?4";
pub(in crate::store::sqlite) const LIST_BY_STATUS: &str = "SELECT state FROM payments
    WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND status = ?5 AND ?6 IS NULL
    ORDER BY id DESC LIMIT ?4";
pub(in crate::store::sqlite) const LIST_BY_REFERENCE: &str = "SELECT state FROM payments
    WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND ?5 IS NULL AND order_reference = ?6
    ORDER BY id DESC LIMIT ?4";
/// One order reference has few payments, so their status is looked at row by row.
pub(in crate::store::sqlite) const LIST_BY_REFERENCE_AND_STATUS: &str = "SELECT state FROM payments
    INDEXED BY payments_by_order_reference
    WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND status = ?5 AND order_reference = ?6
    ORDER BY id DESC LIMIT ?4";

pub(in crate::store::sqlite) fn payments(
    connection: &Connection,
    scope: &Scope,
    filter: &PaymentFilter,
    page: &Page,
) -> Result<Vec<PaymentIntent>, SqlError> {
    let sql = match (filter.status, &filter.order_reference) {
        (None, None) => LIST,
        (Some(_), None) => LIST_BY_STATUS,
        (None, Some(_)) => LIST_BY_REFERENCE,
        (Some(_), Some(_)) => LIST_BY_REFERENCE_AND_STATUS,
    };
    let values = params![
        scope.merchant_id.0,
        scope.livemode,
        page.after.as_deref().unwrap_or(AFTER_EVERY_ID),
        page.limit,
        filter.status.map(|status| status.as_str()),
        filter.order_reference,
    ];
    all(connection, sql, values, |row| {
        let state: String = row.get(0)?;
        from_json(&state)
    })
}

pub(in crate::store::sqlite) const LIST_WAITING: &str = "SELECT state FROM payments
    WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3 AND waits_for_person = 1
    ORDER BY id DESC LIMIT ?4";

pub(in crate::store::sqlite) fn waiting_for_person(
    connection: &Connection,
    scope: &Scope,
    page: &Page,
) -> Result<Vec<PaymentIntent>, SqlError> {
    let after = page.after.as_deref().unwrap_or(AFTER_EVERY_ID);
    all(connection, LIST_WAITING, params![scope.merchant_id.0, scope.livemode, after, page.limit], |row| {
        let state: String = row.get(0)?;
        from_json(&state)
    })
}

pub(in crate::store::sqlite) const LIST_TRANSFERS: &str = "SELECT id, payment_id FROM transfers
    WHERE merchant_id = ?1 AND livemode = ?2 AND kind = ?5 AND id < ?3
    ORDER BY id DESC LIMIT ?4";

pub(in crate::store::sqlite) fn transfers(
    connection: &Connection,
    scope: &Scope,
    kind: TransferKind,
    page: &Page,
) -> Result<Vec<(String, PaymentIntentId)>, SqlError> {
    let values = params![
        scope.merchant_id.0,
        scope.livemode,
        page.after.as_deref().unwrap_or(AFTER_EVERY_ID),
        page.limit,
        transfer_word(kind),
    ];
    all(connection, LIST_TRANSFERS, values, |row| Ok((row.get(0)?, id(row.get(1)?)?)))
}

pub(in crate::store::sqlite) const HISTORY: &str = "SELECT version, at, cause, event FROM payment_events
    WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3 ORDER BY version";

pub(in crate::store::sqlite) fn history(
    connection: &Connection,
    scope: &Scope,
    payment_id: &PaymentIntentId,
) -> Result<Vec<Recorded>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, payment_id.as_str()];
    all(connection, HISTORY, key, |row| {
        let (cause, event): (String, String) = (row.get(2)?, row.get(3)?);
        Ok(Recorded {
            version: from_cell(row.get(0)?)?,
            at: time(row.get(1)?),
            cause: from_json(&cause)?,
            event: from_json(&event)?,
        })
    })
}

pub(in crate::store::sqlite) const ORDER: &str =
    "SELECT body, created_at FROM orders WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store::sqlite) fn order(
    connection: &Connection,
    scope: &Scope,
    order_id: &OrderId,
) -> Result<Option<(Order, Timestamp)>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, order_id.as_str()];
    one(connection, ORDER, key, |row| {
        let body: String = row.get(0)?;
        Ok((from_json(&body)?, time(row.get(1)?)))
    })
}

pub(in crate::store::sqlite) const PERSONAL_DATA: &str =
    "SELECT sealed FROM personal_data WHERE merchant_id = ?1 AND livemode = ?2 AND order_id = ?3";

pub(in crate::store::sqlite) fn personal_data(
    connection: &Connection,
    scope: &Scope,
    order_id: &OrderId,
) -> Result<Option<Vec<u8>>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, order_id.as_str()];
    one(connection, PERSONAL_DATA, key, |row| Ok(row.get(0)?))
}

/// A sealed door and when it closes.
type SealedDoor = (Vec<u8>, Option<Timestamp>);

pub(in crate::store::sqlite) const DOOR: &str =
    "SELECT sealed, expires_at FROM doors WHERE merchant_id = ?1 AND livemode = ?2 AND attempt_id = ?3";

pub(in crate::store::sqlite) fn door(
    connection: &Connection,
    scope: &Scope,
    attempt_id: &AttemptId,
) -> Result<Option<SealedDoor>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, attempt_id.as_str()];
    one(connection, DOOR, key, |row| Ok((row.get(0)?, row.get::<_, Option<i64>>(1)?.map(time))))
}
