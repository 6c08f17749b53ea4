//! Jobs' times, idempotency keys, inbound deliveries, API keys.

use hub_core::ids::{DeliveryId, PaymentIntentId, Scope};
use processor_sdk::Timestamp;
use rusqlite::{Connection, Row, params};

use super::{all, one};
use crate::api_key::StoredApiKey;
use crate::key_scope::KeyScopes;
use crate::store::sqlite::error::SqlError;
use crate::store::sqlite::value::{AFTER_EVERY_ID, digest, id, scope, time};
use crate::store::{ApiKeyRow, IdempotencyRow, InboxRow, InboxState, Page, StoredAnswer, StrandedDelivery};

pub(in crate::store::sqlite) const NEXT_DUE: &str = "SELECT min(available_at) FROM jobs";

/// When the next job can be claimed. One that is held can be once its lease has run out.
pub(in crate::store::sqlite) fn next_due(connection: &Connection) -> Result<Option<Timestamp>, SqlError> {
    let next = one(connection, NEXT_DUE, params![], |row| Ok(row.get::<_, Option<i64>>(0)?))?;
    Ok(next.flatten().map(time))
}

pub(in crate::store::sqlite) const IDEMPOTENCY: &str =
    "SELECT fingerprint, status, body, sealed, created_at, provisional_until FROM idempotency_keys
     WHERE merchant_id = ?1 AND livemode = ?2 AND operation = ?3 AND key = ?4";

pub(in crate::store::sqlite) fn idempotency(
    connection: &Connection,
    scope: &Scope,
    operation: &'static str,
    key: &str,
) -> Result<Option<IdempotencyRow>, SqlError> {
    let values = params![scope.merchant_id.0, scope.livemode, operation, key];
    one(connection, IDEMPOTENCY, values, |row| {
        let fingerprint: Vec<u8> = row.get(0)?;
        Ok(IdempotencyRow {
            scope: scope.clone(),
            operation,
            key: key.to_owned(),
            fingerprint: digest(&fingerprint)?,
            answer: StoredAnswer { status: row.get(1)?, body: row.get(2)?, sealed: row.get(3)? },
            created_at: time(row.get(4)?),
            provisional_until: row.get::<_, Option<i64>>(5)?.map(time),
        })
    })
}

pub(in crate::store::sqlite) const INBOX: &str =
    "SELECT id, connector, received_at, fingerprint, sealed, state FROM inbox
     WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store::sqlite) fn inbox(
    connection: &Connection,
    scope: &Scope,
    delivery_id: &DeliveryId,
) -> Result<Option<InboxRow>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, delivery_id.as_str()];
    one(connection, INBOX, key, |row| {
        let (fingerprint, state): (Vec<u8>, String) = (row.get(3)?, row.get(5)?);
        Ok(InboxRow {
            scope: scope.clone(),
            id: id(row.get(0)?)?,
            connector: row.get(1)?,
            received_at: time(row.get(2)?),
            fingerprint: digest(&fingerprint)?,
            sealed: row.get(4)?,
            state: inbox_state(&state)?,
        })
    })
}

// Ids sort by their time.
pub(in crate::store::sqlite) const INBOX_OF_PAYMENT: &str = "SELECT delivery_id FROM payment_inbox
     WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3 ORDER BY delivery_id";

pub(in crate::store::sqlite) fn inbox_of_payment(
    connection: &Connection,
    scope: &Scope,
    payment_id: &PaymentIntentId,
) -> Result<Vec<DeliveryId>, SqlError> {
    let key = params![scope.merchant_id.0, scope.livemode, payment_id.as_str()];
    all(connection, INBOX_OF_PAYMENT, key, |row| id(row.get(0)?))
}

pub(in crate::store::sqlite) const INBOX_WAITING: &str =
    "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE state = 'received' LIMIT ?1)";

pub(in crate::store::sqlite) fn inbox_waiting(
    connection: &Connection,
    at_most: u64,
) -> Result<u64, SqlError> {
    let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
    let count: i64 =
        connection.prepare_cached(INBOX_WAITING)?.query_row(params![at_most], |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}

// Ids sort by their time, so `id DESC` is newest first.
pub(in crate::store::sqlite) const STRANDED: &str =
    "SELECT id, connector, received_at, state, note, settled_at FROM inbox
     WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3
       AND (state IN ('unmatched', 'unreadable') OR (state = 'received' AND note IS NOT NULL))
     ORDER BY id DESC LIMIT ?4";

pub(in crate::store::sqlite) fn stranded(
    connection: &Connection,
    scope: &Scope,
    page: &Page,
) -> Result<Vec<StrandedDelivery>, SqlError> {
    let after = page.after.as_deref().unwrap_or(AFTER_EVERY_ID);
    all(connection, STRANDED, params![scope.merchant_id.0, scope.livemode, after, page.limit], |row| {
        let (state, note): (String, Option<String>) = (row.get(3)?, row.get(4)?);
        Ok(StrandedDelivery {
            id: id(row.get(0)?)?,
            connector: row.get(1)?,
            received_at: time(row.get(2)?),
            state: inbox_state(&state)?,
            note: note.unwrap_or_default(),
            tried_at: row.get::<_, Option<i64>>(5)?.map(time),
        })
    })
}

fn inbox_state(word: &str) -> Result<InboxState, SqlError> {
    match word {
        "received" => Ok(InboxState::Received),
        "taken" => Ok(InboxState::Taken),
        "unmatched" => Ok(InboxState::Unmatched),
        "unreadable" => Ok(InboxState::Unreadable),
        _ => Err(SqlError::Broken("a stored delivery's state cannot be read")),
    }
}

pub(in crate::store::sqlite) const API_KEY: &str =
    "SELECT merchant_id, livemode, key_id, secret_sha256, name, scopes, created_at, expires_at, revoked_at
     FROM api_keys
     WHERE key_id = ?1";

pub(in crate::store::sqlite) fn api_key(
    connection: &Connection,
    key_id: &str,
) -> Result<Option<ApiKeyRow>, SqlError> {
    one(connection, API_KEY, params![key_id], api_key_row)
}

/// Every key: there are few, and only the operator asks.
pub(in crate::store::sqlite) const API_KEYS: &str =
    "SELECT merchant_id, livemode, key_id, secret_sha256, name, scopes, created_at, expires_at, revoked_at
     FROM api_keys
     ORDER BY created_at DESC, key_id";

pub(in crate::store::sqlite) fn api_keys(connection: &Connection) -> Result<Vec<ApiKeyRow>, SqlError> {
    all(connection, API_KEYS, params![], api_key_row)
}

fn api_key_row(row: &Row<'_>) -> Result<ApiKeyRow, SqlError> {
    let livemode = row.get(1)?;
    let secret_sha256: Vec<u8> = row.get(3)?;
    Ok(ApiKeyRow {
        scope: scope(row.get(0)?, livemode),
        key: StoredApiKey { key_id: row.get(2)?, secret_sha256: digest(&secret_sha256)?, livemode },
        name: row.get(4)?,
        scopes: KeyScopes::parse(&row.get::<_, String>(5)?)
            .map_err(|_| SqlError::Broken("a stored API key's scopes cannot be read"))?,
        created_at: time(row.get(6)?),
        expires_at: row.get::<_, Option<i64>>(7)?.map(time),
        revoked_at: row.get::<_, Option<i64>>(8)?.map(time),
    })
}
