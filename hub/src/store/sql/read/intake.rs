//! Jobs' times, idempotency keys, inbound deliveries, API keys.

use hub_core::ids::{DeliveryId, PaymentIntentId, Scope};
use processor_sdk::Timestamp;

use super::payments::first_values;
use crate::api_key::StoredApiKey;
use crate::key_scope::KeyScopes;
use crate::store::sql::cell::{Broken, Row, cells};
use crate::store::sql::{Engine, SqlStore};
use crate::store::{
    ApiKeyRow, IdempotencyRow, InboxRow, InboxState, Page, StoreError, StoredAnswer, StrandedDelivery,
};

pub(in crate::store) const NEXT_DUE: &str = "SELECT min(available_at) FROM jobs";

pub(in crate::store) const IDEMPOTENCY: &str =
    "SELECT fingerprint, status, body, sealed, created_at, provisional_until FROM idempotency_keys
     WHERE merchant_id = ?1 AND livemode = ?2 AND operation = ?3 AND key = ?4";

pub(in crate::store) const INBOX: &str =
    "SELECT id, connector, received_at, fingerprint, sealed, state FROM inbox
     WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

// Ids sort by their time.
pub(in crate::store) const INBOX_OF_PAYMENT: &str = "SELECT delivery_id FROM payment_inbox
     WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3 ORDER BY delivery_id";

pub(in crate::store) const INBOX_WAITING: &str =
    "SELECT count(*) FROM (SELECT 1 FROM inbox WHERE state = 'received' LIMIT ?1) AS counted";

// Ids sort by their time, so `id DESC` is newest first.
pub(in crate::store) const STRANDED: &str =
    "SELECT id, connector, received_at, state, note, settled_at FROM inbox
     WHERE merchant_id = ?1 AND livemode = ?2 AND id < ?3
       AND (state IN ('unmatched', 'unreadable') OR (state = 'received' AND note IS NOT NULL))
     ORDER BY id DESC LIMIT ?4";

pub(in crate::store) const API_KEY: &str =
    "SELECT merchant_id, livemode, key_id, secret_sha256, name, scopes, created_at, expires_at, revoked_at
     FROM api_keys
     WHERE key_id = ?1";

/// Every key: there are few, and only the operator asks.
pub(in crate::store) const API_KEYS: &str =
    "SELECT merchant_id, livemode, key_id, secret_sha256, name, scopes, created_at, expires_at, revoked_at
     FROM api_keys
     ORDER BY created_at DESC, key_id";

pub(in crate::store) const SEALING_KEY: &str = "SELECT key_id FROM sealing_key WHERE number = 1";

impl<E: Engine> SqlStore<E> {
    /// When the next job can be claimed. One that is held can be once its lease has run out.
    pub(in crate::store::sql) async fn next_available(&self) -> Result<Option<Timestamp>, StoreError> {
        Ok(self.one(NEXT_DUE, cells![], |mut row| row.take()).await?.flatten())
    }

    pub(in crate::store::sql) async fn stored_answer(
        &self,
        scope: &Scope,
        operation: &'static str,
        key: &str,
    ) -> Result<Option<IdempotencyRow>, StoreError> {
        let values = cells![scope.merchant_id.0, scope.livemode, operation, key];
        self.one(IDEMPOTENCY, values, |mut row| {
            Ok(IdempotencyRow {
                scope: scope.clone(),
                operation,
                key: key.to_owned(),
                fingerprint: row.take()?,
                answer: StoredAnswer { status: row.take()?, body: row.take()?, sealed: row.take()? },
                created_at: row.take()?,
                provisional_until: row.take()?,
            })
        })
        .await
    }

    pub(in crate::store::sql) async fn received(
        &self,
        scope: &Scope,
        delivery_id: &DeliveryId,
    ) -> Result<Option<InboxRow>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, delivery_id.as_str()];
        self.one(INBOX, key, |mut row| {
            Ok(InboxRow {
                scope: scope.clone(),
                id: row.id()?,
                connector: row.take()?,
                received_at: row.take()?,
                fingerprint: row.take()?,
                sealed: row.take()?,
                state: inbox_state(&row.take::<String>()?)?,
            })
        })
        .await
    }

    pub(in crate::store::sql) async fn received_for(
        &self,
        scope: &Scope,
        payment_id: &PaymentIntentId,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, payment_id.as_str()];
        self.all(INBOX_OF_PAYMENT, key, |mut row| row.id()).await
    }

    pub(in crate::store::sql) async fn waiting_deliveries(&self, at_most: u64) -> Result<u64, StoreError> {
        let at_most = i64::try_from(at_most).unwrap_or(i64::MAX);
        let count = self.one(INBOX_WAITING, cells![at_most], |mut row| row.take()).await?;
        Ok(count.ok_or(Broken("a count has no row"))?)
    }

    pub(in crate::store::sql) async fn list_stranded(
        &self,
        scope: &Scope,
        page: &Page,
    ) -> Result<Vec<StrandedDelivery>, StoreError> {
        self.all(STRANDED, first_values(scope, page), |mut row| {
            Ok(StrandedDelivery {
                id: row.id()?,
                connector: row.take()?,
                received_at: row.take()?,
                state: inbox_state(&row.take::<String>()?)?,
                note: row.take::<Option<String>>()?.unwrap_or_default(),
                tried_at: row.take()?,
            })
        })
        .await
    }

    pub(in crate::store::sql) async fn key(&self, key_id: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        self.one(API_KEY, cells![key_id], api_key_row).await
    }

    pub(in crate::store::sql) async fn every_key(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.all(API_KEYS, cells![], api_key_row).await
    }
}

fn inbox_state(word: &str) -> Result<InboxState, Broken> {
    match word {
        "received" => Ok(InboxState::Received),
        "taken" => Ok(InboxState::Taken),
        "unmatched" => Ok(InboxState::Unmatched),
        "unreadable" => Ok(InboxState::Unreadable),
        _ => Err(Broken("a stored delivery's state cannot be read")),
    }
}

fn api_key_row(mut row: Row) -> Result<ApiKeyRow, Broken> {
    let scope = row.scope()?;
    let livemode = scope.livemode;
    Ok(ApiKeyRow {
        scope,
        key: StoredApiKey { key_id: row.take()?, secret_sha256: row.take()?, livemode },
        name: row.take()?,
        scopes: KeyScopes::parse(&row.take::<String>()?)
            .map_err(|_| Broken("a stored API key's scopes cannot be read"))?,
        created_at: row.take()?,
        expires_at: row.take()?,
        revoked_at: row.take()?,
    })
}
