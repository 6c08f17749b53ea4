//! Everything that stands beside a payment's own state, for an operator who wants its whole story.

use hub_core::ids::{PaymentIntentId, Scope};

use crate::store::sql::cell::{Broken, Row, cells};
use crate::store::sql::{Engine, Query, SqlStore};
use crate::store::{JournalLine, PaymentRecords, StoreError, StoredDelivery, StoredExchange, StoredJob};

/// `CROSS JOIN` keeps the order of the tables, which is the order wanted, so that nothing is sorted.
pub(in crate::store) const JOURNAL_LINES: &str =
    "SELECT journals.version, journals.at, journals.memo, entries.account, entries.currency, entries.amount
     FROM journals CROSS JOIN journal_entries AS entries ON entries.merchant_id = journals.merchant_id
        AND entries.livemode = journals.livemode AND entries.payment_id = journals.payment_id
        AND entries.version = journals.version
     WHERE journals.merchant_id = ?1 AND journals.livemode = ?2 AND journals.payment_id = ?3
     ORDER BY journals.version, entries.line";

pub(in crate::store) const EXCHANGES: &str = "SELECT attempt_id, operation, at, record FROM exchanges
     WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3 ORDER BY number";

/// A job's key begins with what it does and whose it is; `;` is the character after `:`.
pub(in crate::store) const JOBS_OF_PAYMENT: &str =
    "SELECT key, due_at, leased_until, tries FROM jobs WHERE key = 'expire:' || ?1
     UNION ALL SELECT key, due_at, leased_until, tries FROM jobs
        WHERE key >= 'call:' || ?1 || ':' AND key < 'call:' || ?1 || ';'
     UNION ALL SELECT key, due_at, leased_until, tries FROM jobs
        WHERE key >= 'check:' || ?1 || ':' AND key < 'check:' || ?1 || ';'
     UNION ALL SELECT key, due_at, leased_until, tries FROM jobs
        WHERE key >= 'remind:' || ?1 || ':' AND key < 'remind:' || ?1 || ';'";

pub(in crate::store) const DELIVERIES_OF_PAYMENT: &str =
    "SELECT events.id, events.kind, events.sequence, events.created_at, out.endpoint_id, out.state, out.tries,
        out.next_at, out.last_at, out.last_status, out.last_failure
     FROM public_events AS events LEFT JOIN merchant_deliveries AS out
        ON out.merchant_id = events.merchant_id AND out.livemode = events.livemode
        AND out.event_id = events.id
     WHERE events.merchant_id = ?1 AND events.livemode = ?2 AND events.payment_id = ?3
     ORDER BY events.sequence, out.endpoint_id";

impl<E: Engine> SqlStore<E> {
    pub(in crate::store::sql) async fn records(
        &self,
        scope: &Scope,
        payment_id: &PaymentIntentId,
    ) -> Result<PaymentRecords, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode, payment_id.as_str()];
        let queries = vec![
            Query { sql: JOURNAL_LINES, values: key.clone() },
            Query { sql: EXCHANGES, values: key.clone() },
            Query { sql: JOBS_OF_PAYMENT, values: cells![payment_id.as_str()] },
            Query { sql: DELIVERIES_OF_PAYMENT, values: key },
        ];
        let mut answers = self.engine.read(queries).await?.into_iter();
        let mut next = || answers.next().unwrap_or_default().into_iter();
        Ok(PaymentRecords {
            journal: next().map(journal_line).collect::<Result<_, _>>()?,
            exchanges: next().map(exchange).collect::<Result<_, _>>()?,
            jobs: next().map(job).collect::<Result<_, _>>()?,
            deliveries: next().map(delivery).collect::<Result<_, _>>()?,
        })
    }
}

fn journal_line(mut row: Row) -> Result<JournalLine, Broken> {
    Ok(JournalLine {
        version: row.take()?,
        at: row.take()?,
        memo: row.take()?,
        account: row.take()?,
        currency: row.take()?,
        amount: row.take()?,
    })
}

fn exchange(mut row: Row) -> Result<StoredExchange, Broken> {
    Ok(StoredExchange {
        attempt_id: row.take()?,
        operation: row.take()?,
        at: row.take()?,
        record: row.json()?,
    })
}

fn job(mut row: Row) -> Result<StoredJob, Broken> {
    Ok(StoredJob { key: row.take()?, due_at: row.take()?, leased_until: row.take()?, tries: row.take()? })
}

fn delivery(mut row: Row) -> Result<StoredDelivery, Broken> {
    Ok(StoredDelivery {
        event_id: row.take()?,
        kind: row.take()?,
        sequence: row.take()?,
        created_at: row.take()?,
        endpoint_id: row.take()?,
        state: row.take()?,
        tries: row.take()?,
        next_at: row.take()?,
        last_at: row.take()?,
        last_status: row.take()?,
        last_failure: row.take()?,
    })
}
