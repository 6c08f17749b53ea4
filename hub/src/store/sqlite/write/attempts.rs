//! How attempts, refunds and disputes are found again, their doors, and what was said about them.

use hub_core::ids::{AttemptId, PaymentIntentId, Scope};
use processor_sdk::{Reference, ReferenceKind, Timestamp};
use rusqlite::{Connection, params};
use serde_json::Value;

use super::execute;
use crate::store::sqlite::error::SqlError;
use crate::store::sqlite::value::to_json;
use crate::store::{AttemptIndex, LetGo, TransferKind};

pub(super) fn index(connection: &Connection, index: &AttemptIndex) -> Result<(), SqlError> {
    execute(
        connection,
        "INSERT INTO attempts (merchant_id, livemode, id, payment_id, connector, echo, return_token, plugin_sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        params![
            index.scope.merchant_id.0,
            index.scope.livemode,
            index.attempt_id.as_str(),
            index.payment_id.as_str(),
            index.connector,
            index.echo,
            index.return_token,
            index.plugin_sha256,
        ],
    )?;
    Ok(())
}

pub(in crate::store::sqlite) const LET_GO_OF_PLUGIN: &str = "UPDATE attempts SET plugin_sha256 = NULL
    WHERE (merchant_id, livemode, id) IN (
        SELECT merchant_id, livemode, id FROM attempts
        WHERE merchant_id = ?1 AND livemode = ?2 AND plugin_sha256 = ?3 AND connector = ?4
        ORDER BY id LIMIT ?5)";

pub(super) fn let_go_of_plugin(connection: &Connection, let_go: &LetGo) -> Result<(), SqlError> {
    let LetGo { scope, plugin, at_most } = let_go;
    let values = params![scope.merchant_id.0, scope.livemode, plugin.sha256, plugin.connector, at_most];
    execute(connection, LET_GO_OF_PLUGIN, values)?;
    Ok(())
}

pub(super) fn index_references(
    connection: &Connection,
    scope: &Scope,
    connector: &str,
    payment_id: &PaymentIntentId,
    attempt_id: &AttemptId,
    references: &[Reference],
) -> Result<(), SqlError> {
    for reference in references {
        let Some(kind) = indexed_kind(reference.kind) else { continue };
        execute(
            connection,
            "INSERT INTO attempt_references
                 (merchant_id, livemode, connector, reference_id, kind, payment_id, attempt_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (merchant_id, livemode, connector, reference_id, kind) DO NOTHING",
            params![
                scope.merchant_id.0,
                scope.livemode,
                connector,
                reference.id,
                kind,
                payment_id.as_str(),
                attempt_id.as_str(),
            ],
        )?;
    }
    Ok(())
}

/// The name in stored rows of a kind that leads to one attempt.
fn indexed_kind(kind: ReferenceKind) -> Option<&'static str> {
    match kind {
        ReferenceKind::Session => Some("session"),
        ReferenceKind::Order => Some("order"),
        ReferenceKind::Payment => Some("payment"),
        ReferenceKind::Authorization => Some("authorization"),
        ReferenceKind::Capture => Some("capture"),
        ReferenceKind::Refund => Some("refund"),
        ReferenceKind::Dispute => Some("dispute"),
        // A payer comes back with other payments.
        ReferenceKind::Payer => None,
    }
}

/// The name of a refund or dispute in stored rows.
pub(in crate::store::sqlite) const fn transfer_word(kind: TransferKind) -> &'static str {
    match kind {
        TransferKind::Refund => "refund",
        TransferKind::Dispute => "dispute",
    }
}

pub(super) fn index_transfer(
    connection: &Connection,
    scope: &Scope,
    kind: TransferKind,
    id: &str,
    payment_id: &PaymentIntentId,
    created_at: Timestamp,
) -> Result<(), SqlError> {
    execute(
        connection,
        "INSERT INTO transfers (merchant_id, livemode, kind, id, payment_id, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            scope.merchant_id.0,
            scope.livemode,
            transfer_word(kind),
            id,
            payment_id.as_str(),
            created_at.as_micros(),
        ],
    )?;
    Ok(())
}

pub(super) fn put_door(
    connection: &Connection,
    scope: &Scope,
    attempt_id: &AttemptId,
    sealed: &[u8],
    expires_at: Option<Timestamp>,
) -> Result<(), SqlError> {
    execute(
        connection,
        "INSERT INTO doors (merchant_id, livemode, attempt_id, sealed, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (merchant_id, livemode, attempt_id)
         DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at",
        params![
            scope.merchant_id.0,
            scope.livemode,
            attempt_id.as_str(),
            sealed,
            expires_at.map(Timestamp::as_micros),
        ],
    )?;
    Ok(())
}

pub(in crate::store::sqlite) const INSERT_EXCHANGE: &str = "INSERT INTO exchanges
        (merchant_id, livemode, payment_id, number, attempt_id, operation, at, record)
    SELECT ?1, ?2, ?3, 1 + coalesce(max(number), 0), ?4, ?5, ?6, ?7 FROM exchanges
    WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3";

pub(super) fn insert_exchange(
    connection: &Connection,
    scope: &Scope,
    payment_id: &PaymentIntentId,
    attempt_id: &AttemptId,
    operation: &str,
    at: Timestamp,
    record: &Value,
) -> Result<(), SqlError> {
    execute(
        connection,
        INSERT_EXCHANGE,
        params![
            scope.merchant_id.0,
            scope.livemode,
            payment_id.as_str(),
            attempt_id.as_str(),
            operation,
            at.as_micros(),
            to_json(record)?,
        ],
    )?;
    Ok(())
}
