//! What each [`Write`] does to the tables. Everything here runs inside the writer's transaction.
//!
//! Invariant: a guard is part of the statement that writes, or of the same transaction; which conflict it
//! means follows from the statement, never from the engine's message.

use rusqlite::{Connection, ToSql};

use super::error::SqlError;
use crate::store::{Conflict, Write};

pub(super) mod attempts;
pub(super) mod deliveries;
pub(super) mod intake;
pub(super) mod jobs;
pub(super) mod payments;

/// Carries out one write.
pub(super) fn apply(connection: &Connection, write: &Write) -> Result<(), SqlError> {
    match write {
        Write::InsertOrder { scope, order, created_at } => {
            payments::insert_order(connection, scope, order, *created_at)
        }
        Write::InsertPersonalData { scope, order_id, sealed } => {
            payments::insert_personal_data(connection, scope, order_id, sealed)
        }
        Write::ErasePersonalData { scope, order_id } => {
            payments::erase_personal_data(connection, scope, order_id)
        }
        Write::EraseInbox { scope, payment_id } => intake::erase_inbox(connection, scope, payment_id),
        Write::InsertPayment { payment, reference_guard } => {
            payments::insert(connection, payment, reference_guard.as_deref())
        }
        Write::UpdatePayment { payment, expected_version } => {
            payments::update(connection, payment, *expected_version)
        }
        Write::AppendEvents { scope, payment_id, events } => {
            payments::append_events(connection, scope, payment_id, events)
        }
        Write::InsertJournal { scope, payment_id, version, at, journal } => {
            payments::insert_journal(connection, scope, payment_id, *version, *at, journal)
        }
        Write::IndexAttempt(index) => attempts::index(connection, index),
        Write::IndexReferences { scope, connector, payment_id, attempt_id, references } => {
            attempts::index_references(connection, scope, connector, payment_id, attempt_id, references)
        }
        Write::IndexTransfer { scope, kind, id, payment_id, created_at } => {
            attempts::index_transfer(connection, scope, *kind, id, payment_id, *created_at)
        }
        Write::PutDoor { scope, attempt_id, sealed, expires_at } => {
            attempts::put_door(connection, scope, attempt_id, sealed, *expires_at)
        }
        Write::InsertExchange { scope, payment_id, attempt_id, operation, at, record } => {
            attempts::insert_exchange(connection, scope, payment_id, attempt_id, operation, *at, record)
        }
        Write::PutJob { job, holder } => jobs::put(connection, job, holder.as_ref()),
        Write::DropJob { key } => jobs::drop(connection, key),
        Write::FinishJob { key, holder } => jobs::finish(connection, key, holder),
        Write::RescheduleJob { key, holder, due_at } => jobs::reschedule(connection, key, holder, *due_at),
        Write::ReturnJob { key, holder, due_at } => jobs::give_back(connection, key, holder, *due_at),
        Write::InsertIdempotency(row) => intake::insert_idempotency(connection, row),
        Write::FinishIdempotency { scope, operation, key, answer } => {
            intake::finish_idempotency(connection, scope, operation, key, answer)
        }
        Write::InsertInbox(row) => intake::insert_inbox(connection, row),
        Write::SettleInbox { scope, id, state, note, at } => {
            intake::settle_inbox(connection, scope, id, *state, note, *at)
        }
        Write::LinkInbox { scope, id, payment_id } => intake::link_inbox(connection, scope, id, payment_id),
        Write::InsertSeenEvent { scope, connector, event_id, payment_id, at } => {
            intake::insert_seen_event(connection, scope, connector, event_id, payment_id, *at)
        }
        Write::InsertApiKey(row) => intake::insert_api_key(connection, row),
        Write::RevokeApiKey { key_id, at } => intake::revoke_api_key(connection, key_id, *at),
        Write::ExpireApiKey { key_id, at } => intake::expire_api_key(connection, key_id, *at),
        Write::LetGoOfPlugin(let_go) => attempts::let_go_of_plugin(connection, let_go),
        Write::InsertPublicEvent(row) => deliveries::insert_event(connection, row),
        Write::InsertEndpoint(row) => deliveries::insert_endpoint(connection, row),
        Write::UpdateEndpoint(row) => deliveries::update_endpoint(connection, row),
        Write::DeleteEndpoint { scope, id } => deliveries::delete_endpoint(connection, scope, id),
        Write::RecordDeliveryTry { scope, event_id, endpoint_id, delivery_try } => {
            deliveries::record_try(connection, scope, event_id, endpoint_id, delivery_try)
        }
        Write::RequeueDelivery { scope, event_id, endpoint_id, due_at } => {
            deliveries::requeue(connection, scope, event_id, endpoint_id, *due_at)
        }
    }
}

/// Changes a number in the file's header that means nothing, to find out whether anything can be written: a
/// row that is written as it was would not reach the disk.
pub(super) fn probe(connection: &Connection) -> Result<(), SqlError> {
    let last: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", last.checked_add(1).unwrap_or(0))?;
    Ok(())
}

/// Runs a statement; how many rows it changed.
fn execute(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<usize, SqlError> {
    Ok(connection.prepare_cached(sql)?.execute(values)?)
}

/// Runs a statement whose guard fails when it changes no row.
fn guarded(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    conflict: Conflict,
) -> Result<(), SqlError> {
    if execute(connection, sql, values)? == 0 { Err(conflict.into()) } else { Ok(()) }
}
