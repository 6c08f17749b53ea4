//! Everything that stands beside a payment's own state, for an operator who wants its whole story.

use hub_core::ids::{PaymentIntentId, Scope};
use rusqlite::{Connection, params};

use super::all;
use crate::store::sqlite::error::SqlError;
use crate::store::sqlite::value::{from_json, time};
use crate::store::{JournalLine, PaymentRecords, StoredDelivery, StoredExchange, StoredJob};

/// `CROSS JOIN` keeps the order of the tables, which is the order wanted, so that nothing is sorted.
pub(in crate::store::sqlite) const JOURNAL_LINES: &str =
    "SELECT journals.version, journals.at, journals.memo, entries.account, entries.currency, entries.amount
     FROM journals CROSS JOIN journal_entries AS entries ON entries.merchant_id = journals.merchant_id
        AND entries.livemode = journals.livemode AND entries.payment_id = journals.payment_id
        AND entries.version = journals.version
     WHERE journals.merchant_id = ?1 AND journals.livemode = ?2 AND journals.payment_id = ?3
     ORDER BY journals.version, entries.line";

pub(in crate::store::sqlite) const EXCHANGES: &str = "SELECT attempt_id, operation, at, record FROM exchanges
     WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3 ORDER BY number";

/// A job's key begins with what it does and whose it is; `;` is the character after `:`.
pub(in crate::store::sqlite) const JOBS_OF_PAYMENT: &str =
    "SELECT key, due_at, leased_until, tries FROM jobs WHERE key = 'expire:' || ?1
     UNION ALL SELECT key, due_at, leased_until, tries FROM jobs
        WHERE key >= 'call:' || ?1 || ':' AND key < 'call:' || ?1 || ';'
     UNION ALL SELECT key, due_at, leased_until, tries FROM jobs
        WHERE key >= 'check:' || ?1 || ':' AND key < 'check:' || ?1 || ';'
     UNION ALL SELECT key, due_at, leased_until, tries FROM jobs
        WHERE key >= 'remind:' || ?1 || ':' AND key < 'remind:' || ?1 || ';'";

pub(in crate::store::sqlite) const DELIVERIES_OF_PAYMENT: &str =
    "SELECT events.id, events.kind, events.sequence, events.created_at, out.endpoint_id, out.state, out.tries,
        out.next_at, out.last_at, out.last_status, out.last_failure
     FROM public_events AS events LEFT JOIN merchant_deliveries AS out
        ON out.merchant_id = events.merchant_id AND out.livemode = events.livemode
        AND out.event_id = events.id
     WHERE events.merchant_id = ?1 AND events.livemode = ?2 AND events.payment_id = ?3
     ORDER BY events.sequence, out.endpoint_id";

pub(in crate::store::sqlite) fn records(
    connection: &Connection,
    scope: &Scope,
    payment_id: &PaymentIntentId,
) -> Result<PaymentRecords, SqlError> {
    let snapshot = connection.unchecked_transaction()?;
    let key = params![scope.merchant_id.0, scope.livemode, payment_id.as_str()];
    Ok(PaymentRecords {
        journal: all(&snapshot, JOURNAL_LINES, key, |row| {
            Ok(JournalLine {
                version: row.get(0)?,
                at: time(row.get(1)?),
                memo: row.get(2)?,
                account: row.get(3)?,
                currency: row.get(4)?,
                amount: row.get(5)?,
            })
        })?,
        exchanges: all(&snapshot, EXCHANGES, key, |row| {
            Ok(StoredExchange {
                attempt_id: row.get(0)?,
                operation: row.get(1)?,
                at: time(row.get(2)?),
                record: from_json(&row.get::<_, String>(3)?)?,
            })
        })?,
        jobs: all(&snapshot, JOBS_OF_PAYMENT, params![payment_id.as_str()], |row| {
            Ok(StoredJob {
                key: row.get(0)?,
                due_at: time(row.get(1)?),
                leased_until: row.get::<_, Option<i64>>(2)?.map(time),
                tries: row.get(3)?,
            })
        })?,
        deliveries: all(&snapshot, DELIVERIES_OF_PAYMENT, key, |row| {
            Ok(StoredDelivery {
                event_id: row.get(0)?,
                kind: row.get(1)?,
                sequence: row.get(2)?,
                created_at: time(row.get(3)?),
                endpoint_id: row.get(4)?,
                state: row.get(5)?,
                tries: row.get(6)?,
                next_at: row.get::<_, Option<i64>>(7)?.map(time),
                last_at: row.get::<_, Option<i64>>(8)?.map(time),
                last_status: row.get(9)?,
                last_failure: row.get(10)?,
            })
        })?,
    })
}
