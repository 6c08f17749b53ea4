//! Durable work: jobs and who holds them.

use hub_core::planted::Bug;
use processor_sdk::Timestamp;

use super::Plan;
use crate::planted::planted;
use crate::store::sql::cell::{Broken, Row, cells, from_json, to_json};
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
pub(in crate::store) const PUT: &str =
    "INSERT INTO jobs (key, merchant_id, livemode, body, due_at, leased_until, lease_token, tries)
     VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL, 0)
     ON CONFLICT (key) DO UPDATE SET
         body = excluded.body,
         due_at = excluded.due_at,
         tries = CASE WHEN jobs.lease_token = ?6 THEN 0 ELSE jobs.tries END,
         leased_until = CASE WHEN jobs.lease_token = ?6 THEN NULL ELSE jobs.leased_until END,
         lease_token = CASE WHEN jobs.lease_token = ?6 THEN NULL ELSE jobs.lease_token END";

pub(super) fn put(plan: &mut Plan, job: &Job, holder: Option<&LeaseToken>) -> Result<(), Broken> {
    let scope = scope_of(&job.body);
    plan.run(
        PUT,
        cells![
            job.body.key(),
            scope.merchant_id.0,
            scope.livemode,
            to_json(&job.body)?,
            job.due_at,
            holder.map(|token| token.0.as_str()),
        ],
    );
    Ok(())
}

pub(in crate::store) const DROP: &str = "DELETE FROM jobs WHERE key = ?1";

pub(super) fn drop(plan: &mut Plan, key: &str) {
    plan.run(DROP, cells![key]);
}

pub(in crate::store) const FINISH: &str = "DELETE FROM jobs WHERE key = ?1 AND lease_token = ?2";

pub(super) fn finish(plan: &mut Plan, key: &str, holder: &LeaseToken) {
    if planted(Bug::EndJobsOfOthers) {
        return drop(plan, key);
    }
    plan.guarded(FINISH, cells![key, holder.0], Conflict::LeaseLost);
}

pub(in crate::store) const RESCHEDULE: &str = "UPDATE jobs
    SET due_at = ?3, leased_until = NULL, lease_token = NULL WHERE key = ?1 AND lease_token = ?2";

pub(super) fn reschedule(plan: &mut Plan, key: &str, holder: &LeaseToken, due_at: Timestamp) {
    plan.guarded(RESCHEDULE, cells![key, holder.0, due_at], Conflict::LeaseLost);
}

pub(in crate::store) const RETURN: &str = "UPDATE jobs
    SET due_at = ?3, leased_until = NULL, lease_token = NULL, tries = CASE WHEN tries > 0 THEN tries - 1 ELSE 0 END
    WHERE key = ?1 AND lease_token = ?2";

pub(super) fn give_back(plan: &mut Plan, key: &str, holder: &LeaseToken, due_at: Timestamp) {
    plan.guarded(RETURN, cells![key, holder.0, due_at], Conflict::LeaseLost);
}

/// Jobs that were taken, oldest first; an engine returns changed rows in no order.
pub(in crate::store::sql) fn claimed(rows: Vec<Row>, lease: &LeaseToken) -> Result<Vec<ClaimedJob>, Broken> {
    let mut claimed = Vec::with_capacity(rows.len());
    for mut row in rows {
        let (key, body): (String, String) = (row.take()?, row.take()?);
        let Ok(body) = from_json(&body) else {
            // Failing here would take back the whole claim, and one such row would stop all work.
            tracing::error!(job.key = key, "a stored job cannot be read; it stays where it is");
            continue;
        };
        claimed.push(ClaimedJob { key, body, due_at: row.take()?, lease: lease.clone(), tries: row.take()? });
    }
    claimed.sort_by(|left, right| (left.due_at, &left.key).cmp(&(right.due_at, &right.key)));
    Ok(claimed)
}

/// What becomes of them where somebody has planted that they are forgotten.
pub(in crate::store) const FORGET_HELD: &str = "DELETE FROM jobs WHERE leased_until IS NOT NULL";

pub(in crate::store) const RELEASE_LEASES: &str =
    "UPDATE jobs SET leased_until = NULL, lease_token = NULL WHERE leased_until IS NOT NULL";
