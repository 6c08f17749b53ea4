//! Durable work: jobs and who holds them.

use processor_sdk::Timestamp;
use rusqlite::{Connection, params};

use super::{execute, guarded};
use crate::store::sqlite::error::SqlError;
use crate::store::sqlite::value::{from_cell, from_json, time, to_json};
use crate::store::{ClaimedJob, Conflict, LeaseToken};
use crate::worker::job::{Job, JobBody};

/// Whose a job is.
fn scope_of(body: &JobBody) -> &hub_core::ids::Scope {
    match body {
        JobBody::Payment { scope, .. }
        | JobBody::TakeNotification { scope, .. }
        | JobBody::NotifyMerchant { scope, .. } => scope,
    }
}

/// Without a holder the token compares with NULL, which is never true, and the lease stays. A holder that puts
/// its job anew has come to an end with it, so that its tries start again.
pub(in crate::store::sqlite) const PUT: &str =
    "INSERT INTO jobs (key, merchant_id, livemode, body, due_at, leased_until, lease_token, tries)
     VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL, 0)
     ON CONFLICT (key) DO UPDATE SET
         body = excluded.body,
         due_at = excluded.due_at,
         tries = CASE WHEN lease_token = ?6 THEN 0 ELSE tries END,
         leased_until = CASE WHEN lease_token = ?6 THEN NULL ELSE leased_until END,
         lease_token = CASE WHEN lease_token = ?6 THEN NULL ELSE lease_token END";

pub(super) fn put(connection: &Connection, job: &Job, holder: Option<&LeaseToken>) -> Result<(), SqlError> {
    let scope = scope_of(&job.body);
    execute(
        connection,
        PUT,
        params![
            job.body.key(),
            scope.merchant_id.0,
            scope.livemode,
            to_json(&job.body)?,
            job.due_at.as_micros(),
            holder.map(|token| token.0.as_str()),
        ],
    )?;
    Ok(())
}

pub(in crate::store::sqlite) const DROP: &str = "DELETE FROM jobs WHERE key = ?1";

pub(super) fn drop(connection: &Connection, key: &str) -> Result<(), SqlError> {
    execute(connection, DROP, params![key])?;
    Ok(())
}

pub(in crate::store::sqlite) const FINISH: &str = "DELETE FROM jobs WHERE key = ?1 AND lease_token = ?2";

pub(super) fn finish(connection: &Connection, key: &str, holder: &LeaseToken) -> Result<(), SqlError> {
    guarded(connection, FINISH, params![key, holder.0], Conflict::LeaseLost)
}

pub(in crate::store::sqlite) const RESCHEDULE: &str = "UPDATE jobs SET due_at = ?3, leased_until = NULL, lease_token = NULL WHERE key = ?1 AND lease_token = ?2";

pub(super) fn reschedule(
    connection: &Connection,
    key: &str,
    holder: &LeaseToken,
    due_at: Timestamp,
) -> Result<(), SqlError> {
    guarded(connection, RESCHEDULE, params![key, holder.0, due_at.as_micros()], Conflict::LeaseLost)
}

pub(in crate::store::sqlite) const RETURN: &str = "UPDATE jobs
    SET due_at = ?3, leased_until = NULL, lease_token = NULL, tries = max(tries - 1, 0)
    WHERE key = ?1 AND lease_token = ?2";

pub(super) fn give_back(
    connection: &Connection,
    key: &str,
    holder: &LeaseToken,
    due_at: Timestamp,
) -> Result<(), SqlError> {
    guarded(connection, RETURN, params![key, holder.0, due_at.as_micros()], Conflict::LeaseLost)
}

pub(in crate::store::sqlite) const CLAIM: &str =
    "UPDATE jobs SET leased_until = ?2, lease_token = ?3, tries = tries + 1
     WHERE key IN (SELECT key FROM jobs WHERE available_at <= ?1 ORDER BY available_at LIMIT ?4)
     RETURNING key, body, due_at, tries";

/// Takes due jobs, oldest first.
pub(in crate::store::sqlite) fn claim(
    connection: &Connection,
    now: Timestamp,
    lease_until: Timestamp,
    lease: &LeaseToken,
    limit: u32,
) -> Result<Vec<ClaimedJob>, SqlError> {
    let mut statement = connection.prepare_cached(CLAIM)?;
    let mut rows = statement.query(params![now.as_micros(), lease_until.as_micros(), lease.0, limit])?;
    let mut claimed = Vec::new();
    while let Some(row) = rows.next()? {
        let (key, body): (String, String) = (row.get(0)?, row.get(1)?);
        let Ok(body) = from_json(&body) else {
            // Failing here would take back the whole claim, and one such row would stop all work.
            tracing::error!(job.key = key, "a stored job cannot be read; it stays where it is");
            continue;
        };
        let (due_at, tries) = (time(row.get(2)?), from_cell(row.get(3)?)?);
        claimed.push(ClaimedJob { key, body, due_at, lease: lease.clone(), tries });
    }
    // The engine returns changed rows in no order.
    claimed.sort_by(|left, right| (left.due_at, &left.key).cmp(&(right.due_at, &right.key)));
    Ok(claimed)
}

pub(in crate::store::sqlite) const RELEASE_LEASES: &str =
    "UPDATE jobs SET leased_until = NULL, lease_token = NULL WHERE leased_until IS NOT NULL";

/// Ends every lease.
pub(in crate::store::sqlite) fn release_leases(connection: &Connection) -> Result<u64, SqlError> {
    let released = execute(connection, RELEASE_LEASES, params![])?;
    u64::try_from(released).map_err(|_| SqlError::Broken("more jobs than can be counted"))
}
