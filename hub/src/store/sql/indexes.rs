//! The tables that lead to payments or to jobs, read the other way round: for rows that lead nowhere.
//!
//! Invariant: a row and what it leads to are from one moment.

use super::Query;
use super::audit::PAGE_ROWS;
use super::cell::{Cell, cells};
use crate::store::StoreError;
use crate::store::look::Look;

/// A table that leads to payments, or to jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Index {
    Histories,
    Journals,
    Attempts,
    Transfers,
    OpenReferences,
    Inbox,
}

/// A row of an index with what it leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IndexRow {
    /// Its own name in its table.
    pub name: String,
    /// What it says that it belongs to.
    pub owner: String,
    /// The state of the payment, or the key of the job, that is there.
    pub found: Option<String>,
}

impl Index {
    /// Every index.
    pub const ALL: [Self; 6] =
        [Self::Histories, Self::Journals, Self::Attempts, Self::Transfers, Self::OpenReferences, Self::Inbox];

    /// The query for rows after one, and how many names its key has beside merchant and mode.
    pub(in crate::store) const fn query(self) -> (&'static str, usize) {
        match self {
            Self::Histories => (
                "SELECT events.merchant_id, events.livemode, events.payment_id, events.payment_id, payments.state
                 FROM payment_events AS events LEFT JOIN payments ON payments.merchant_id = events.merchant_id
                    AND payments.livemode = events.livemode AND payments.id = events.payment_id
                 WHERE events.version = 1
                    AND (events.merchant_id, events.livemode, events.payment_id) > (?1, ?2, ?3)
                 ORDER BY events.merchant_id, events.livemode, events.payment_id LIMIT ?4",
                1,
            ),
            Self::Journals => (
                "SELECT lines.merchant_id, lines.livemode, lines.payment_id, lines.payment_id, payments.state
                 FROM journal_entries AS lines LEFT JOIN payments ON payments.merchant_id = lines.merchant_id
                    AND payments.livemode = lines.livemode AND payments.id = lines.payment_id
                 WHERE lines.line = 1
                    AND (lines.merchant_id, lines.livemode, lines.payment_id) > (?1, ?2, ?3)
                 ORDER BY lines.merchant_id, lines.livemode, lines.payment_id LIMIT ?4",
                1,
            ),
            Self::Attempts => (
                "SELECT attempts.merchant_id, attempts.livemode, attempts.id, attempts.payment_id, payments.state
                 FROM attempts LEFT JOIN payments ON payments.merchant_id = attempts.merchant_id
                    AND payments.livemode = attempts.livemode AND payments.id = attempts.payment_id
                 WHERE (attempts.merchant_id, attempts.livemode, attempts.id) > (?1, ?2, ?3)
                 ORDER BY attempts.merchant_id, attempts.livemode, attempts.id LIMIT ?4",
                1,
            ),
            Self::Transfers => (
                "SELECT transfers.merchant_id, transfers.livemode, transfers.kind, transfers.id,
                    transfers.payment_id, payments.state
                 FROM transfers LEFT JOIN payments ON payments.merchant_id = transfers.merchant_id
                    AND payments.livemode = transfers.livemode AND payments.id = transfers.payment_id
                 WHERE (transfers.merchant_id, transfers.livemode, transfers.kind, transfers.id)
                    > (?1, ?2, ?3, ?4)
                 ORDER BY transfers.merchant_id, transfers.livemode, transfers.kind, transfers.id LIMIT ?5",
                2,
            ),
            Self::OpenReferences => (
                "SELECT held.merchant_id, held.livemode, held.order_reference, held.payment_id, payments.state
                 FROM open_order_references AS held LEFT JOIN payments
                    ON payments.merchant_id = held.merchant_id AND payments.livemode = held.livemode
                    AND payments.id = held.payment_id
                 WHERE (held.merchant_id, held.livemode, held.order_reference) > (?1, ?2, ?3)
                 ORDER BY held.merchant_id, held.livemode, held.order_reference LIMIT ?4",
                1,
            ),
            // A delivery that was read has no job any more, and is not asked about.
            Self::Inbox => (
                "SELECT inbox.merchant_id, inbox.livemode, inbox.id, 'take:' || inbox.id,
                    CASE WHEN inbox.state = 'received' THEN jobs.key ELSE 'take:' || inbox.id END
                 FROM inbox LEFT JOIN jobs ON jobs.key = 'take:' || inbox.id
                 WHERE (inbox.merchant_id, inbox.livemode, inbox.id) > (?1, ?2, ?3)
                 ORDER BY inbox.merchant_id, inbox.livemode, inbox.id LIMIT ?4",
                1,
            ),
        }
    }
}

/// Where a page of an index begins: after this merchant, mode and names.
pub type After = (String, bool, Vec<String>);

/// Rows of an index after one, with where the next page begins; nothing at the end.
///
/// # Errors
/// [`StoreError`].
pub async fn rows_after(
    look: &dyn Look,
    index: Index,
    after: Option<&After>,
) -> Result<(Vec<IndexRow>, Option<After>), StoreError> {
    let (sql, names) = index.query();
    let nothing = (String::new(), false, vec![String::new(); names]);
    let (merchant_id, livemode, keys) = after.unwrap_or(&nothing);
    let mut values = cells![merchant_id, livemode];
    values.extend(keys.iter().map(|key| Cell::Text(key.clone())));
    values.extend(cells![PAGE_ROWS]);
    let mut answers = look.look(vec![Query { sql, values }]).await?;
    let (mut rows, mut last) = (Vec::new(), None);
    for mut row in answers.pop().unwrap_or_default() {
        let (merchant_id, livemode) = (row.take()?, row.take()?);
        let keys = (0..names).map(|_| row.take()).collect::<Result<Vec<String>, _>>()?;
        let name = keys.last().cloned().unwrap_or_default();
        rows.push(IndexRow { name, owner: row.take()?, found: row.take()? });
        last = Some((merchant_id, livemode, keys));
    }
    Ok((rows, last))
}
