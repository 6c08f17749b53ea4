//! Claims whose answer was lost: what they took is found again by their own token.
//!
//! Without that, jobs that nobody knows to be his would be held until the lease runs out, minutes later, while a
//! shopper waits for one of them. A server may carry a claim out after whoever sent it has given up; so it is
//! looked for until its lease would have run out.
//!
//! Invariant: what a claim took is handed out once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use processor_sdk::Timestamp;

use super::cell::cells;
use super::write::jobs::claimed;
use super::{Engine, Query, SqlStore};
use crate::store::{ClaimedJob, LeaseToken, StoreError};

/// Claims that are looked for at a time. While the store is away nothing is claimed, so that there are few.
const CLAIMS_MAX: usize = 32;

/// What one claim took and still holds. Values: its token, now.
pub(in crate::store) const HELD_BY: &str =
    "SELECT key, body, due_at, tries FROM jobs WHERE leased_until > ?2 AND lease_token = ?1";

/// The tokens of such claims, each with the end of its lease.
#[derive(Debug, Default)]
pub(super) struct ClaimsInDoubt(Mutex<Vec<(LeaseToken, Timestamp)>>);

impl ClaimsInDoubt {
    pub(super) fn remember(&self, lease: &LeaseToken, until: Timestamp) {
        let mut claims = self.claims();
        if claims.len() >= CLAIMS_MAX {
            // The oldest: its lease runs out next.
            claims.remove(0);
        }
        claims.push((lease.clone(), until));
    }

    fn claims(&self) -> MutexGuard<'_, Vec<(LeaseToken, Timestamp)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<E: Engine> SqlStore<E> {
    /// What earlier claims took without anybody hearing of it.
    pub(super) async fn found_again(&self, now: Timestamp) -> Result<Vec<ClaimedJob>, StoreError> {
        let sought: Vec<LeaseToken> = {
            let mut claims = self.in_doubt.claims();
            claims.retain(|(_, until)| *until > now);
            claims.iter().map(|(lease, _)| lease.clone()).collect()
        };
        if sought.is_empty() {
            return Ok(vec![]);
        }
        let query = |lease: &LeaseToken| Query { sql: HELD_BY, values: cells![lease.0, now] };
        let answers = self.engine.read(sought.iter().map(query).collect()).await?;
        let mut found = Vec::new();
        for (lease, rows) in sought.iter().zip(answers) {
            let jobs = claimed(rows, lease)?;
            // Whoever forgets it here hands its jobs out, and nobody else does.
            let mut claims = self.in_doubt.claims();
            let known = claims.len();
            claims.retain(|(other, _)| jobs.is_empty() || other != lease);
            if claims.len() < known {
                found.extend(jobs);
            }
        }
        Ok(found)
    }
}
