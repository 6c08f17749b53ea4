//! How attempts, refunds and disputes are found again, their doors, and what was said about them.

use hub_core::ids::{AttemptId, PaymentIntentId, Scope};
use processor_sdk::{Reference, ReferenceKind, Timestamp};
use serde_json::Value;

use super::Plan;
use crate::store::sql::cell::{Broken, cells, to_json};
use crate::store::{AttemptIndex, LetGo, TransferKind};

pub(super) fn index(plan: &mut Plan, index: &AttemptIndex) {
    plan.run(
        "INSERT INTO attempts (merchant_id, livemode, id, payment_id, connector, echo, return_token, plugin_sha256)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
        cells![
            index.scope.merchant_id.0,
            index.scope.livemode,
            index.attempt_id.as_str(),
            index.payment_id.as_str(),
            index.connector,
            index.echo,
            index.return_token,
            index.plugin_sha256,
        ],
    );
}

pub(in crate::store) const LET_GO_OF_PLUGIN: &str = "UPDATE attempts SET plugin_sha256 = NULL
    WHERE (merchant_id, livemode, id) IN (
        SELECT merchant_id, livemode, id FROM attempts
        WHERE merchant_id = ?1 AND livemode = ?2 AND plugin_sha256 = ?3 AND connector = ?4
        ORDER BY id LIMIT ?5)";

pub(super) fn let_go_of_plugin(plan: &mut Plan, let_go: &LetGo) {
    let LetGo { scope, plugin, at_most } = let_go;
    let values = cells![scope.merchant_id.0, scope.livemode, plugin.sha256, plugin.connector, at_most];
    plan.run(LET_GO_OF_PLUGIN, values);
}

pub(super) fn index_references(
    plan: &mut Plan,
    scope: &Scope,
    connector: &str,
    payment_id: &PaymentIntentId,
    attempt_id: &AttemptId,
    references: &[Reference],
) {
    for reference in references {
        let Some(kind) = indexed_kind(reference.kind) else { continue };
        plan.run(
            "INSERT INTO attempt_references
                 (merchant_id, livemode, connector, reference_id, kind, payment_id, attempt_id)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)
             ON CONFLICT (merchant_id, livemode, connector, reference_id, kind) DO NOTHING",
            cells![
                scope.merchant_id.0,
                scope.livemode,
                connector,
                reference.id,
                kind,
                payment_id.as_str(),
                attempt_id.as_str(),
            ],
        );
    }
}

/// The name in stored rows of a kind that leads to one attempt.
pub(crate) fn indexed_kind(kind: ReferenceKind) -> Option<&'static str> {
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
pub(crate) const fn transfer_word(kind: TransferKind) -> &'static str {
    match kind {
        TransferKind::Refund => "refund",
        TransferKind::Dispute => "dispute",
    }
}

pub(super) fn index_transfer(
    plan: &mut Plan,
    scope: &Scope,
    kind: TransferKind,
    id: &str,
    payment_id: &PaymentIntentId,
    created_at: Timestamp,
) {
    plan.run(
        "INSERT INTO transfers (merchant_id, livemode, kind, id, payment_id, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        cells![
            scope.merchant_id.0,
            scope.livemode,
            transfer_word(kind),
            id,
            payment_id.as_str(),
            created_at,
        ],
    );
}

pub(super) fn put_door(
    plan: &mut Plan,
    scope: &Scope,
    attempt_id: &AttemptId,
    sealed: &[u8],
    expires_at: Option<Timestamp>,
) {
    plan.run(
        "INSERT INTO doors (merchant_id, livemode, attempt_id, sealed, expires_at) VALUES (?1, ?2, ?3, ?4, ?5)
         ON CONFLICT (merchant_id, livemode, attempt_id)
         DO UPDATE SET sealed = excluded.sealed, expires_at = excluded.expires_at",
        cells![
            scope.merchant_id.0,
            scope.livemode,
            attempt_id.as_str(),
            sealed,
            expires_at,
        ],
    );
}

pub(in crate::store) const INSERT_EXCHANGE: &str = "INSERT INTO exchanges
        (merchant_id, livemode, payment_id, number, attempt_id, operation, at, record)
    SELECT ?1, ?2, ?3, 1 + coalesce(max(number), 0), ?4, ?5, ?6, ?7 FROM exchanges
    WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3";

pub(super) fn insert_exchange(
    plan: &mut Plan,
    scope: &Scope,
    payment_id: &PaymentIntentId,
    attempt_id: &AttemptId,
    operation: &str,
    at: Timestamp,
    record: &Value,
) -> Result<(), Broken> {
    plan.run(
        INSERT_EXCHANGE,
        cells![
            scope.merchant_id.0,
            scope.livemode,
            payment_id.as_str(),
            attempt_id.as_str(),
            operation,
            at,
            to_json(record)?,
        ],
    );
    Ok(())
}
