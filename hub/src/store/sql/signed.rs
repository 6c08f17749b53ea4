//! Signed roots as they are stored, read for somebody who doubts them: each with what it covers, and with what is
//! there of it now.

use hub_core::chain::EventHash;
use hub_core::payment::PaymentIntent;

use super::Query;
use super::audit::PAGE_ROWS;
use super::cell::{Broken, Row, cells, count, from_json};
use crate::store::StoreError;
use crate::store::look::Look;
use crate::store::roots::HistoryRoot;

pub(in crate::store) const ROOTS: &str =
    "SELECT merchant_id, livemode, number, at, previous, root, signer, signature FROM history_roots
     WHERE (merchant_id, livemode, number) > (?1, ?2, ?3) ORDER BY merchant_id, livemode, number LIMIT ?4";

/// The hash of an event stands in the one after it, or, of the last one, in the state.
pub(in crate::store) const LEAVES: &str =
    "SELECT leaves.payment_id, leaves.version, leaves.hash, following.previous, payments.version, payments.state
     FROM history_root_leaves AS leaves
     LEFT JOIN payments ON payments.merchant_id = leaves.merchant_id AND payments.livemode = leaves.livemode
        AND payments.id = leaves.payment_id
     LEFT JOIN payment_events AS following ON following.merchant_id = leaves.merchant_id
        AND following.livemode = leaves.livemode AND following.payment_id = leaves.payment_id
        AND following.version = leaves.version + 1
     WHERE leaves.merchant_id = ?1 AND leaves.livemode = ?2 AND leaves.number = ?3
     ORDER BY leaves.payment_id";

/// What a root covers of one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeafRow {
    pub payment_id: String,
    pub version: u64,
    pub hash: EventHash,
    /// The hash of the event with this version now; nothing when there is none.
    pub found: Option<EventHash>,
}

/// Roots after one, in the order of their numbers; nothing at the end.
///
/// # Errors
/// [`StoreError`].
pub async fn roots(look: &dyn Look, after: Option<&HistoryRoot>) -> Result<Vec<HistoryRoot>, StoreError> {
    let values = match after {
        Some(HistoryRoot { scope, number, .. }) => {
            cells![scope.merchant_id.0, scope.livemode, count(*number)?, PAGE_ROWS]
        }
        None => cells!["", false, 0_i64, PAGE_ROWS],
    };
    let mut answers = look.look(vec![Query { sql: ROOTS, values }]).await?;
    let rows = answers.pop().unwrap_or_default();
    Ok(rows.into_iter().map(root_row).collect::<Result<_, Broken>>()?)
}

/// What a root covers, by payment.
///
/// # Errors
/// [`StoreError`].
pub async fn leaves(look: &dyn Look, root: &HistoryRoot) -> Result<Vec<LeafRow>, StoreError> {
    let values = cells![root.scope.merchant_id.0, root.scope.livemode, count(root.number)?];
    let mut answers = look.look(vec![Query { sql: LEAVES, values }]).await?;
    let rows = answers.pop().unwrap_or_default();
    Ok(rows.into_iter().map(leaf_row).collect::<Result<_, Broken>>()?)
}

fn root_row(mut row: Row) -> Result<HistoryRoot, Broken> {
    Ok(HistoryRoot {
        scope: row.scope()?,
        number: row.take()?,
        at: row.take()?,
        previous: row.take()?,
        root: row.take()?,
        signer: row.take()?,
        signature: row.take()?,
    })
}

fn leaf_row(mut row: Row) -> Result<LeafRow, Broken> {
    let (payment_id, version, hash) = (row.take()?, row.take()?, row.take()?);
    let following: Option<String> = row.take()?;
    let (payment_version, state): (Option<u64>, Option<String>) = (row.take()?, row.take()?);
    // What cannot be read as a hash is none; which one it should be is found anyway.
    let following = following.and_then(|text| EventHash::parse(&text).ok());
    let last = state.filter(|_| payment_version == Some(version));
    let last = last.and_then(|state| from_json::<PaymentIntent>(&state).ok()).map(|state| state.last_event);
    Ok(LeafRow { payment_id, version, hash, found: following.or(last) })
}
