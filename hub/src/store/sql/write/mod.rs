//! What each [`Write`] does to the tables, as statements.

use super::Statement;
use super::cell::{Broken, Cell};
use crate::store::{Commit, Conflict, Write};

pub(crate) mod attempts;
pub(crate) mod deliveries;
pub(in crate::store) mod history;
pub(in crate::store) mod intake;
pub(in crate::store) mod jobs;
pub(crate) mod payments;

/// The statements of one commit, in the order of its writes.
pub(in crate::store) fn statements(commit: &Commit) -> Result<Vec<Statement>, Broken> {
    let mut plan = Plan::default();
    for write in &commit.writes {
        add(&mut plan, write)?;
    }
    Ok(plan.statements)
}

/// Statements that will run together.
#[derive(Debug, Default)]
struct Plan {
    statements: Vec<Statement>,
}

impl Plan {
    /// A statement that may change any number of rows.
    fn run(&mut self, sql: &'static str, values: Vec<Cell>) {
        self.statements.push(Statement { sql, values, guard: None });
    }

    /// A statement whose guard fails when it changes no row.
    fn guarded(&mut self, sql: &'static str, values: Vec<Cell>, conflict: Conflict) {
        self.statements.push(Statement { sql, values, guard: Some(conflict) });
    }
}

/// Adds what one write does.
fn add(plan: &mut Plan, write: &Write) -> Result<(), Broken> {
    match write {
        Write::InsertOrder { scope, order, created_at } => {
            payments::insert_order(plan, scope, order, *created_at)?
        }
        Write::InsertPersonalData { scope, order_id, sealed } => {
            payments::insert_personal_data(plan, scope, order_id, sealed)
        }
        Write::ErasePersonalData { scope, order_id } => payments::erase_personal_data(plan, scope, order_id),
        Write::EraseInbox { scope, payment_id } => intake::erase_inbox(plan, scope, payment_id),
        Write::InsertPayment { payment, reference_guard } => {
            payments::insert(plan, payment, reference_guard.as_deref())?
        }
        Write::UpdatePayment { payment, expected_version } => {
            payments::update(plan, payment, *expected_version)?
        }
        Write::AppendEvents { scope, payment_id, events } => {
            payments::append_events(plan, scope, payment_id, events)?
        }
        Write::InsertHistoryRoot { root, leaves } => history::insert_root(plan, root, leaves)?,
        Write::InsertJournal { scope, payment_id, version, at, journal } => {
            payments::insert_journal(plan, scope, payment_id, *version, *at, journal)?
        }
        Write::IndexAttempt(index) => attempts::index(plan, index),
        Write::IndexReferences { scope, connector, payment_id, attempt_id, references } => {
            attempts::index_references(plan, scope, connector, payment_id, attempt_id, references)
        }
        Write::IndexTransfer { scope, kind, id, payment_id, created_at } => {
            attempts::index_transfer(plan, scope, *kind, id, payment_id, *created_at)
        }
        Write::PutDoor { scope, attempt_id, sealed, expires_at } => {
            attempts::put_door(plan, scope, attempt_id, sealed, *expires_at)
        }
        Write::InsertExchange { scope, payment_id, attempt_id, operation, at, record } => {
            attempts::insert_exchange(plan, scope, payment_id, attempt_id, operation, *at, record)?
        }
        Write::PutJob { job, holder } => jobs::put(plan, job, holder.as_ref())?,
        Write::DropJob { key } => jobs::drop(plan, key),
        Write::FinishJob { key, holder } => jobs::finish(plan, key, holder),
        Write::RescheduleJob { key, holder, due_at } => jobs::reschedule(plan, key, holder, *due_at),
        Write::ReturnJob { key, holder, due_at } => jobs::give_back(plan, key, holder, *due_at),
        Write::InsertIdempotency(row) => intake::insert_idempotency(plan, row),
        Write::FinishIdempotency { scope, operation, key, answer } => {
            intake::finish_idempotency(plan, scope, operation, key, answer)
        }
        Write::InsertInbox(row) => intake::insert_inbox(plan, row),
        Write::SettleInbox { scope, id, state, note, at } => {
            intake::settle_inbox(plan, scope, id, *state, note, *at)
        }
        Write::LinkInbox { scope, id, payment_id } => intake::link_inbox(plan, scope, id, payment_id),
        Write::InsertSeenEvent { scope, connector, event_id, payment_id, at } => {
            intake::insert_seen_event(plan, scope, connector, event_id, payment_id, *at)
        }
        Write::InsertApiKey(row) => intake::insert_api_key(plan, row)?,
        Write::RevokeApiKey { key_id, at } => intake::revoke_api_key(plan, key_id, *at),
        Write::ExpireApiKey { key_id, at } => intake::expire_api_key(plan, key_id, *at),
        Write::KeepSealingKeyId { key_id } => intake::keep_sealing_key_id(plan, key_id),
        Write::LetGoOfPlugin(let_go) => attempts::let_go_of_plugin(plan, let_go),
        Write::InsertPublicEvent(row) => deliveries::insert_event(plan, row)?,
        Write::InsertEndpoint(row) => deliveries::insert_endpoint(plan, row)?,
        Write::UpdateEndpoint(row) => deliveries::update_endpoint(plan, row)?,
        Write::DeleteEndpoint { scope, id } => deliveries::delete_endpoint(plan, scope, id)?,
        Write::RecordDeliveryTry { scope, event_id, endpoint_id, delivery_try } => {
            deliveries::record_try(plan, scope, event_id, endpoint_id, delivery_try)
        }
        Write::RequeueDelivery { scope, event_id, endpoint_id, due_at } => {
            deliveries::requeue(plan, scope, event_id, endpoint_id, *due_at)?
        }
    }
    Ok(())
}
