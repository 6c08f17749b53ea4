//! What comes in once: requests under an idempotency key, deliveries and events of processors, API keys, the
//! sealing key's id.

use hub_core::ids::{DeliveryId, PaymentIntentId, Scope};
use hub_core::planted::Bug;
use processor_sdk::Timestamp;

use super::Plan;
use crate::planted::planted;
use crate::store::sql::cell::{Broken, cells};
use crate::store::{ApiKeyRow, Conflict, IdempotencyRow, InboxRow, InboxState, StoredAnswer};

pub(super) fn insert_idempotency(plan: &mut Plan, row: &IdempotencyRow) {
    plan.guarded(
        "INSERT INTO idempotency_keys (merchant_id, livemode, operation, key, fingerprint, status, body,
             sealed, created_at, provisional_until)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
         ON CONFLICT (merchant_id, livemode, operation, key) DO NOTHING",
        cells![
            row.scope.merchant_id.0,
            row.scope.livemode,
            row.operation,
            row.key,
            row.fingerprint,
            row.answer.status,
            row.answer.body,
            row.answer.sealed,
            row.created_at,
            row.provisional_until,
        ],
        Conflict::IdempotencyKey,
    );
    if let Some(statement) = plan.statements.last_mut().filter(|_| planted(Bug::IgnoreTakenKey)) {
        statement.guard = None;
    }
}

pub(in crate::store) const FINISH_IDEMPOTENCY: &str = "UPDATE idempotency_keys
    SET status = ?5, body = ?6, sealed = ?7, provisional_until = NULL
    WHERE merchant_id = ?1 AND livemode = ?2 AND operation = ?3 AND key = ?4 AND provisional_until IS NOT NULL";

pub(super) fn finish_idempotency(
    plan: &mut Plan,
    scope: &Scope,
    operation: &str,
    key: &str,
    answer: &StoredAnswer,
) {
    plan.guarded(
        FINISH_IDEMPOTENCY,
        cells![
            scope.merchant_id.0,
            scope.livemode,
            operation,
            key,
            answer.status,
            answer.body,
            answer.sealed,
        ],
        Conflict::IdempotencyKey,
    );
}

/// The name in stored rows.
pub(in crate::store) const fn inbox_word(state: InboxState) -> &'static str {
    match state {
        InboxState::Received => "received",
        InboxState::Taken => "taken",
        InboxState::Unmatched => "unmatched",
        InboxState::Unreadable => "unreadable",
    }
}

pub(super) fn insert_inbox(plan: &mut Plan, row: &InboxRow) {
    plan.guarded(
        "INSERT INTO inbox (merchant_id, livemode, id, connector, fingerprint, sealed, received_at, state)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (merchant_id, livemode, connector, fingerprint) DO NOTHING",
        cells![
            row.scope.merchant_id.0,
            row.scope.livemode,
            row.id.as_str(),
            row.connector,
            row.fingerprint,
            row.sealed,
            row.received_at,
            inbox_word(row.state),
        ],
        Conflict::SeenDelivery,
    );
}

pub(in crate::store) const SETTLE_INBOX: &str = "UPDATE inbox
    SET state = ?4, note = ?5, settled_at = ?6 WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(super) fn settle_inbox(
    plan: &mut Plan,
    scope: &Scope,
    id: &DeliveryId,
    state: InboxState,
    note: &str,
    at: Timestamp,
) {
    plan.guarded(
        SETTLE_INBOX,
        cells![scope.merchant_id.0, scope.livemode, id.as_str(), inbox_word(state), note, at,],
        Conflict::NotFound,
    );
}

/// One that waits to be read or matched is needed as it is.
pub(in crate::store) const ERASE_INBOX: &str = "UPDATE inbox SET sealed = ?4
    WHERE merchant_id = ?1 AND livemode = ?2 AND state IN ('taken', 'unreadable')
        AND id IN (SELECT delivery_id FROM payment_inbox
            WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3)";

pub(super) fn erase_inbox(plan: &mut Plan, scope: &Scope, payment_id: &PaymentIntentId) {
    plan.run(ERASE_INBOX, cells![scope.merchant_id.0, scope.livemode, payment_id.as_str(), [0_u8; 0][..]]);
}

pub(super) fn link_inbox(plan: &mut Plan, scope: &Scope, id: &DeliveryId, payment_id: &PaymentIntentId) {
    plan.run(
        "INSERT INTO payment_inbox (merchant_id, livemode, payment_id, delivery_id) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (merchant_id, livemode, payment_id, delivery_id) DO NOTHING",
        cells![scope.merchant_id.0, scope.livemode, payment_id.as_str(), id.as_str()],
    );
}

pub(super) fn insert_seen_event(
    plan: &mut Plan,
    scope: &Scope,
    connector: &str,
    event_id: &str,
    payment_id: &PaymentIntentId,
    at: Timestamp,
) {
    plan.guarded(
        "INSERT INTO seen_events (merchant_id, livemode, connector, event_id, payment_id, at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (merchant_id, livemode, connector, event_id) DO NOTHING",
        cells![scope.merchant_id.0, scope.livemode, connector, event_id, payment_id.as_str(), at,],
        Conflict::SeenEvent,
    );
}

pub(super) fn keep_sealing_key_id(plan: &mut Plan, key_id: &str) {
    plan.run(
        "INSERT INTO sealing_key (number, key_id) VALUES (1, ?1) ON CONFLICT (number) DO NOTHING",
        cells![key_id],
    );
}

pub(super) fn insert_api_key(plan: &mut Plan, row: &ApiKeyRow) -> Result<(), Broken> {
    if row.key.livemode != row.scope.livemode {
        return Err(Broken("an API key and its scope differ in mode"));
    }
    plan.run(
        "INSERT INTO api_keys (merchant_id, livemode, key_id, secret_sha256, name, scopes, created_at,
            expires_at, revoked_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        cells![
            row.scope.merchant_id.0,
            row.scope.livemode,
            row.key.key_id,
            row.key.secret_sha256,
            row.name,
            row.scopes.to_string(),
            row.created_at,
            row.expires_at,
            row.revoked_at,
        ],
    );
    Ok(())
}

/// A key stays revoked since the first time.
pub(in crate::store) const REVOKE_API_KEY: &str =
    "UPDATE api_keys SET revoked_at = coalesce(revoked_at, ?2) WHERE key_id = ?1";

pub(super) fn revoke_api_key(plan: &mut Plan, key_id: &str, at: Timestamp) {
    plan.guarded(REVOKE_API_KEY, cells![key_id, at], Conflict::NotFound);
}

/// A key ends at the earliest of the times it was given.
pub(in crate::store) const EXPIRE_API_KEY: &str = "UPDATE api_keys SET expires_at = CASE WHEN expires_at < ?2 THEN expires_at ELSE ?2 END WHERE key_id = ?1";

pub(super) fn expire_api_key(plan: &mut Plan, key_id: &str, at: Timestamp) {
    plan.guarded(EXPIRE_API_KEY, cells![key_id, at], Conflict::NotFound);
}
