//! The worker: claims due jobs and carries each out, several at a time.
//!
//! Each neighbor of the hub has a lane of its own, so that one that is slow holds up nobody else. A job's end
//! is part of the commit of what it did. If the process dies in between, the lease runs out and the job is run
//! again. Invariants: no processor is called inside a transaction, nor before the intent to call is committed;
//! a failing job costs its own turn only.

use std::sync::Arc;
use std::time::Duration;

use hub_core::retry::after;
use processor_sdk::Timestamp;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::merchant_webhooks::sender::Sender;
use crate::service::{Hub, ServiceError};
use crate::store::{ClaimedJob, Commit, Conflict, StoreError, Write};
use job::JobBody;
use lanes::{Lanes, Place};

pub mod job;

pub mod lanes;

pub mod payment_work;

pub mod take_notification;

pub mod notify_merchant;

/// Jobs worked on at once: as many as fill eight lanes.
const JOBS_AT_ONCE_MAX: usize = 256;
/// How long a claimed job is held, in seconds: longer than any job may take.
const LEASE_S: i64 = 180;
/// Longest sleep between looks for work, in seconds: other processes may have left some.
const IDLE_S: i64 = 5;
/// Wait after the store failed, in seconds.
const STORE_TROUBLE_S: i64 = 1;
/// Wait before a job that failed for no reason of its own is run again, in seconds; doubled with each try.
const FAILED_JOB_S: i64 = 5;
/// Longest such wait, in seconds.
const FAILED_JOB_S_MAX: i64 = 1_800;

/// Carries out jobs until told to stop; then finishes what it has begun, for `grace` at most.
pub async fn run(hub: Arc<Hub>, sender: Arc<dyn Sender>, mut stop: watch::Receiver<bool>, grace: Duration) {
    let places = Arc::new(Semaphore::new(JOBS_AT_ONCE_MAX));
    let lanes = Arc::new(Lanes::default());
    let mut running = JoinSet::new();
    let mut changes = hub.store.changes();
    while !*stop.borrow() {
        changes.borrow_and_update();
        while running.try_join_next().is_some() {}
        let free = u32::try_from(places.available_permits()).unwrap_or(0);
        let claimed = claim(&hub, free).await;
        let trouble = claimed.is_err();
        let mut found = false;
        for job in claimed.unwrap_or_default() {
            found = true;
            hub.metrics.job_claimed(&job.body);
            let Ok(place) = places.clone().acquire_owned().await else { return };
            let (hub, sender, lanes) = (hub.clone(), sender.clone(), lanes.clone());
            running.spawn(async move {
                let _place = place;
                carry_out(&hub, sender.as_ref(), &lanes, &job).await;
            });
        }
        if found && places.available_permits() > 0 {
            continue;
        }
        let now = hub.clock.now();
        let wake_at = if trouble {
            after(now, STORE_TROUBLE_S)
        } else {
            let due = hub.store.next_due(now).await.ok().flatten();
            due.map_or(after(now, IDLE_S), |due| due.min(after(now, IDLE_S)))
        };
        let full = places.available_permits() == 0;
        tokio::select! {
            biased;
            // Whoever could say stop is gone: nobody wants this hub any more.
            told = stop.changed() => if told.is_err() { break },
            _ = running.join_next(), if full => {}
            changed = changes.changed(), if !trouble && !full => if changed.is_err() { return },
            () = hub.clock.sleep_until(wake_at), if !full => {}
        }
    }
    tracing::info!(jobs = running.len(), "the worker finishes what it has begun");
    let finish = async { while running.join_next().await.is_some() {} };
    if tokio::time::timeout(grace, finish).await.is_err() {
        tracing::warn!("some jobs were cut off; their leases run out and they are run again");
        // Waited for, so that the store is free when this returns.
        running.shutdown().await;
    }
}

async fn claim(hub: &Hub, limit: u32) -> Result<Vec<ClaimedJob>, StoreError> {
    if limit == 0 {
        return Ok(vec![]);
    }
    let now = hub.clock.now();
    let lease = hub.replica.lease(&hub.ids.token());
    let claimed = hub.store.claim(now, after(now, LEASE_S), lease, limit).await;
    if let Err(error) = &claimed {
        tracing::error!(%error, "no jobs can be claimed");
    }
    claimed
}

/// Runs a job; if that fails, sees to it that it is run again.
async fn carry_out(hub: &Hub, sender: &dyn Sender, lanes: &Arc<Lanes>, job: &ClaimedJob) {
    let result = match &job.body {
        JobBody::Payment { scope, payment_id, work } => {
            payment_work::run(hub, lanes, job, scope, payment_id, work).await
        }
        JobBody::TakeNotification { scope, delivery_id } => {
            take_notification::run(hub, lanes, job, scope, delivery_id).await
        }
        JobBody::NotifyMerchant { scope, event_id, endpoint_id } => {
            notify_merchant::run(hub, sender, lanes, job, scope, event_id, endpoint_id).await
        }
    };
    let Err(error) = result else { return };
    if matches!(error, ServiceError::Store(StoreError::Conflict(Conflict::LeaseLost))) {
        tracing::warn!(job.key = %job.key, "{} was taken over by another worker", job.key);
        return;
    }
    hub.metrics.job_failed(&job.body);
    tracing::error!(job.key = %job.key, %error, "{} failed and is run again", job.key);
    let due_at = after(hub.clock.now(), failed_job_wait_s(job.tries));
    put_off(hub, job, due_at).await;
}

/// Lets go of a job that comes again. A store that is away does not keep it held for the rest of its lease.
async fn put_off(hub: &Hub, job: &ClaimedJob, due_at: Timestamp) {
    let write = Write::RescheduleJob { key: job.key.clone(), holder: job.lease.clone(), due_at };
    let lease_ends = after(hub.clock.now(), LEASE_S);
    loop {
        let put_off = hub.store.commit(Commit { writes: vec![write.clone()] }).await;
        let is_away = matches!(put_off, Err(StoreError::Unavailable(_) | StoreError::Overloaded));
        let now = hub.clock.now();
        if !is_away || now >= lease_ends {
            return;
        }
        hub.clock.sleep_until(after(now, STORE_TROUBLE_S)).await;
    }
}

/// How long a job waits that failed for the `tries`-th time, in seconds.
fn failed_job_wait_s(tries: u32) -> i64 {
    let doubled = 2_i64.checked_pow(tries.saturating_sub(1)).unwrap_or(i64::MAX);
    FAILED_JOB_S.saturating_mul(doubled).min(FAILED_JOB_S_MAX)
}

/// A place in a lane; without one the job has not begun and comes again.
pub(crate) async fn enter(
    hub: &Hub,
    lanes: &Arc<Lanes>,
    lane: &str,
    job: &ClaimedJob,
) -> Result<Option<Place>, ServiceError> {
    match lanes.enter(lane, hub.clock.now()) {
        Ok(place) => Ok(Some(place)),
        Err(due_at) => {
            tracing::debug!(job.key = %job.key, lane, "{lane} is full; {} comes again", job.key);
            let write = Write::ReturnJob { key: job.key.clone(), holder: job.lease.clone(), due_at };
            hub.store.commit(Commit { writes: vec![write] }).await?;
            Ok(None)
        }
    }
}

/// Ends a job that has nothing (more) to do.
pub(crate) async fn finish(hub: &Hub, job: &ClaimedJob) -> Result<(), ServiceError> {
    let write = Write::FinishJob { key: job.key.clone(), holder: job.lease.clone() };
    hub.store.commit(Commit { writes: vec![write] }).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_that_fails_for_ever_is_tried_ever_more_rarely() {
        let rows = [(1, 5), (2, 10), (5, 80), (9, 1_280), (10, 1_800), (64, 1_800), (u32::MAX, 1_800)];
        for (tries, wait_s) in rows {
            assert_eq!(failed_job_wait_s(tries), wait_s, "{tries}");
        }
    }
}
