//! How much waits: counts for the operator, each through an index and none further than a limit.

use processor_sdk::Timestamp;

use super::intake::{INBOX_WAITING, NEXT_DUE};
use crate::store::sql::cell::{Broken, Row, cells};
use crate::store::sql::{Engine, Query, SqlStore};
use crate::store::{StoreError, StoreFigures};

/// Where counting ends: more than this is too much, however much it is.
const COUNT_MAX: u32 = 100_000;

pub(in crate::store) const JOBS_DUE: &str =
    "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE available_at <= ?1 LIMIT ?2) AS counted";

pub(in crate::store) const JOBS_HELD: &str =
    "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE leased_until IS NOT NULL LIMIT ?1) AS counted";

/// Each delivery that is still to be made has its job; `;` follows `:`.
pub(in crate::store) const DELIVERIES_PENDING: &str = "SELECT count(*) FROM (SELECT 1 FROM jobs WHERE key >= 'notify:' AND key < 'notify;' LIMIT ?1) AS counted";

pub(in crate::store) const WAITING_FOR_PERSON: &str =
    "SELECT count(*) FROM (SELECT 1 FROM payments WHERE waits_for_person = 1 LIMIT ?1) AS counted";

impl<E: Engine> SqlStore<E> {
    pub(in crate::store::sql) async fn counted(&self, now: Timestamp) -> Result<StoreFigures, StoreError> {
        let up_to = |sql| Query { sql, values: cells![COUNT_MAX] };
        let queries = vec![
            Query { sql: JOBS_DUE, values: cells![now, COUNT_MAX] },
            Query { sql: NEXT_DUE, values: cells![] },
            up_to(JOBS_HELD),
            up_to(INBOX_WAITING),
            up_to(DELIVERIES_PENDING),
            up_to(WAITING_FOR_PERSON),
        ];
        let mut answers = self.engine.read(queries).await?.into_iter();
        let mut next = || -> Result<Row, Broken> {
            answers.next().and_then(|rows| rows.into_iter().next()).ok_or(Broken("a count has no row"))
        };
        let (commits, commit_batches) = self.engine.written();
        Ok(StoreFigures {
            jobs_due: next()?.take()?,
            next_due_at: next()?.take()?,
            jobs_held: next()?.take()?,
            inbox_waiting: next()?.take()?,
            deliveries_pending: next()?.take()?,
            waiting_for_person: next()?.take()?,
            commits,
            commit_batches,
        })
    }
}
