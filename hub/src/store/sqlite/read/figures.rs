//! How much waits: counts for the operator, each through an index and none further than a limit.

use processor_sdk::Timestamp;
use rusqlite::{Connection, Params, params};

use super::intake::{inbox_waiting, next_due};
use crate::store::StoreFigures;
use crate::store::sqlite::error::SqlError;

/// Where counting ends: more than this is too much, however much it is.
const COUNT_MAX: u32 = 100_000;

pub(in crate::store::sqlite) const JOBS_DUE: &str =
    "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE available_at <= ?1 LIMIT ?2)";

pub(in crate::store::sqlite) const JOBS_HELD: &str =
    "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE leased_until IS NOT NULL LIMIT ?1)";

/// Each delivery that is still to be made has its job; `;` follows `:`.
pub(in crate::store::sqlite) const DELIVERIES_PENDING: &str =
    "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE key >= 'notify:' AND key < 'notify;' LIMIT ?1)";

pub(in crate::store::sqlite) const WAITING_FOR_PERSON: &str =
    "SELECT count(*) FROM (SELECT 1 FROM payments WHERE waits_for_person = 1 LIMIT ?1)";

/// Everything but what the writer itself counts.
pub(in crate::store::sqlite) fn figures(
    connection: &Connection,
    now: Timestamp,
) -> Result<StoreFigures, SqlError> {
    Ok(StoreFigures {
        jobs_due: count(connection, JOBS_DUE, params![now.as_micros(), COUNT_MAX])?,
        next_due_at: next_due(connection)?,
        jobs_held: count(connection, JOBS_HELD, params![COUNT_MAX])?,
        inbox_waiting: inbox_waiting(connection, u64::from(COUNT_MAX))?,
        deliveries_pending: count(connection, DELIVERIES_PENDING, params![COUNT_MAX])?,
        waiting_for_person: count(connection, WAITING_FOR_PERSON, params![COUNT_MAX])?,
        commits: 0,
        commit_batches: 0,
    })
}

fn count(connection: &Connection, sql: &str, values: impl Params) -> Result<u64, SqlError> {
    let count: i64 = connection.prepare_cached(sql)?.query_row(values, |row| row.get(0))?;
    Ok(u64::try_from(count).unwrap_or(0))
}
