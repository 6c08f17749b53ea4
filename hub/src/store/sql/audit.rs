//! Every row of a payment as it is stored, read for somebody who doubts it.
//!
//! What cannot be read as a value stays as it is: whether it can is for the one who checks to say.
//!
//! Invariant: all rows of one payment are from one moment, also while a hub is changing it.

use hub_core::payment::PaymentIntent;
use hub_core::schedule::schedule;
use processor_sdk::Timestamp;

use super::Query;
use super::cell::{Broken, Cell, Row, cells};
use super::read::payments::HISTORY;
use super::write::attempts::{indexed_kind, transfer_word};
use crate::store::look::Look;
use crate::store::{StoreError, TransferKind};
use crate::worker::job::JobBody;

/// How many payments, or rows of an index, are in memory at once.
pub(super) const PAGE_ROWS: u32 = 200;
/// How often a payment that changes meanwhile is read again.
const TRIES_MAX: u32 = 50;

pub(in crate::store) const PAYMENTS: &str = "SELECT merchant_id, livemode, id, state FROM payments
    WHERE (merchant_id, livemode, id) > (?1, ?2, ?3) ORDER BY merchant_id, livemode, id LIMIT ?4";

pub(in crate::store) const PAYMENT: &str =
    "SELECT order_id, order_reference, checkout_token, status, currency, amount, authorized, captured,
        capture_asked, refund_asked, version, state, created_at, waits_for_person, rooted_version
     FROM payments WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store) const JOURNALS: &str = "SELECT version, at, memo FROM journals
    WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3 ORDER BY version";

pub(in crate::store) const ENTRIES: &str = "SELECT version, account, currency, amount FROM journal_entries
    WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3 ORDER BY version, line";

pub(in crate::store) const PUBLIC_EVENTS: &str = "SELECT kind, sequence FROM public_events
    WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3 ORDER BY sequence";

pub(in crate::store) const DELIVERIES: &str =
    "SELECT events.id, out.endpoint_id, out.state, endpoints.enabled, jobs.key
     FROM public_events AS events CROSS JOIN merchant_deliveries AS out INDEXED BY merchant_deliveries_by_event
        ON out.merchant_id = events.merchant_id AND out.livemode = events.livemode
        AND out.event_id = events.id
     LEFT JOIN webhook_endpoints AS endpoints ON endpoints.merchant_id = out.merchant_id
        AND endpoints.livemode = out.livemode AND endpoints.id = out.endpoint_id
     LEFT JOIN jobs ON jobs.key = 'notify:' || out.event_id || ':' || out.endpoint_id
     WHERE events.merchant_id = ?1 AND events.livemode = ?2 AND events.payment_id = ?3
     ORDER BY events.sequence";

pub(in crate::store) const COVERED: &str = "SELECT coalesce(max(version), 0) FROM history_root_leaves
    WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3";

pub(in crate::store) const ATTEMPT: &str = "SELECT id, payment_id, connector, echo, return_token
    FROM attempts WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3";

pub(in crate::store) const REFERENCE: &str = "SELECT connector, reference_id, kind FROM attempt_references
    WHERE merchant_id = ?1 AND livemode = ?2 AND connector = ?3 AND reference_id = ?4 AND kind = ?5";

pub(in crate::store) const TRANSFER: &str = "SELECT kind, id, payment_id FROM transfers
    WHERE merchant_id = ?1 AND livemode = ?2 AND kind = ?3 AND id = ?4";

pub(in crate::store) const JOB: &str = "SELECT key FROM jobs WHERE key = ?1";

/// Where a payment is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub merchant_id: String,
    pub livemode: bool,
    pub id: String,
}

/// Every row of one payment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRows {
    pub place: Place,
    pub row: PaymentRow,
    pub events: Vec<EventRow>,
    pub journals: Vec<JournalRow>,
    pub entries: Vec<EntryRow>,
    /// Type and number, as the merchant hears them.
    pub public_events: Vec<(String, i64)>,
    pub deliveries: Vec<DeliveryRow>,
    /// Up to which version signed roots cover its events; 0 where none does.
    pub covered: i64,
    /// Of those that the state names, the ones that are there.
    pub attempts: Vec<AttemptRow>,
    /// Connector, id and kind; of those that the state names, the ones that are there.
    pub references: Vec<(String, String, String)>,
    /// Kind, id and payment; of those that the state names, the ones that are there.
    pub transfers: Vec<(String, String, String)>,
    /// Keys of the jobs that the state wants, as far as they are there.
    pub jobs: Vec<String>,
}

/// A payment's own row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaymentRow {
    pub order_id: String,
    pub order_reference: Option<String>,
    pub checkout_token: String,
    pub status: String,
    pub currency: String,
    pub amount: i64,
    pub authorized: i64,
    pub captured: i64,
    pub capture_asked: i64,
    pub refund_asked: i64,
    pub version: i64,
    pub state: String,
    pub created_at: Timestamp,
    pub waits_for_person: bool,
    pub rooted_version: i64,
}

/// A recorded event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventRow {
    pub version: i64,
    pub at: Timestamp,
    pub cause: String,
    pub event: String,
    /// Hash of the event before it; nothing in rows of before there were any.
    pub previous: Option<String>,
}

/// A journal without its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalRow {
    pub version: i64,
    pub at: Timestamp,
    pub memo: String,
}

/// One entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryRow {
    /// Of which journal.
    pub version: i64,
    pub account: String,
    pub currency: String,
    pub amount: i64,
}

/// A delivery to the merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    pub event_id: String,
    pub endpoint_id: String,
    pub state: String,
    /// Whether its endpoint is enabled; nothing when there is none.
    pub enabled: Option<bool>,
    pub job: Option<String>,
}

/// How an attempt is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptRow {
    pub id: String,
    pub payment_id: String,
    pub connector: String,
    pub echo: String,
    pub return_token: String,
}

/// Payments after one, in the order of their keys, each with its state; nothing at the end.
///
/// # Errors
/// [`StoreError`].
pub async fn payments(look: &dyn Look, after: &Place) -> Result<Vec<(Place, String)>, StoreError> {
    let values = cells![after.merchant_id, after.livemode, after.id, PAGE_ROWS];
    let mut answers = look.look(vec![Query { sql: PAYMENTS, values }]).await?;
    let rows = answers.pop().unwrap_or_default();
    Ok(rows.into_iter().map(|mut row| Ok((place(&mut row)?, row.take()?))).collect::<Result<_, Broken>>()?)
}

fn place(row: &mut Row) -> Result<Place, Broken> {
    Ok(Place { merchant_id: row.take()?, livemode: row.take()?, id: row.take()? })
}

/// Every row of a payment that had this state a moment ago; nothing when it is gone.
///
/// # Errors
/// [`StoreError`], also when it changes each time that it is read.
pub async fn payment(
    look: &dyn Look,
    place: &Place,
    mut state: String,
) -> Result<Option<PaymentRows>, StoreError> {
    for _ in 0..TRIES_MAX {
        let Some(rows) = rows_of(look, place, &state).await? else { return Ok(None) };
        if rows.row.state == state {
            return Ok(Some(rows));
        }
        // What it names now is asked for as well.
        state = rows.row.state;
    }
    Err(StoreError::Failed(format!("{} changes each time that it is read", place.id)))
}

/// What a state names that is found by a key of its own.
#[derive(Default)]
struct Named {
    attempts: Vec<Vec<Cell>>,
    references: Vec<Vec<Cell>>,
    transfers: Vec<Vec<Cell>>,
    jobs: Vec<Vec<Cell>>,
}

/// A state that cannot be read names nothing.
fn named(state: &str) -> Named {
    let Ok(payment) = serde_json::from_str::<PaymentIntent>(state) else { return Named::default() };
    let mut named = Named::default();
    for attempt in &payment.attempts {
        named.attempts.push(cells![attempt.id.as_str()]);
        for reference in attempt.evidence.references() {
            if let Some(kind) = indexed_kind(reference.kind) {
                named.references.push(cells![attempt.profile.connector, reference.id, kind]);
            }
        }
    }
    let refund = transfer_word(TransferKind::Refund);
    let dispute = transfer_word(TransferKind::Dispute);
    named.transfers.extend(payment.refunds.iter().map(|known| cells![refund, known.id.as_str()]));
    named.transfers.extend(payment.disputes.iter().map(|known| cells![dispute, known.id.as_str()]));
    let job = |work| JobBody::Payment { scope: payment.scope.clone(), payment_id: payment.id.clone(), work };
    named.jobs.extend(schedule(&payment).into_keys().map(|work| cells![job(work).key()]));
    named
}

async fn rows_of(look: &dyn Look, place: &Place, state: &str) -> Result<Option<PaymentRows>, StoreError> {
    let scope = cells![place.merchant_id, place.livemode];
    let of_payment = [scope.clone(), cells![place.id]].concat();
    let mut queries: Vec<Query> = [PAYMENT, HISTORY, JOURNALS, ENTRIES, PUBLIC_EVENTS, DELIVERIES, COVERED]
        .map(|sql| Query { sql, values: of_payment.clone() })
        .into();
    let Named { attempts, references, transfers, jobs } = named(state);
    let counts = [attempts.len(), references.len(), transfers.len()];
    let scoped = |sql, keys: Vec<Vec<Cell>>| {
        let scope = scope.clone();
        keys.into_iter().map(move |key| Query { sql, values: [scope.clone(), key].concat() })
    };
    queries.extend(scoped(ATTEMPT, attempts));
    queries.extend(scoped(REFERENCE, references));
    queries.extend(scoped(TRANSFER, transfers));
    queries.extend(jobs.into_iter().map(|values| Query { sql: JOB, values }));
    let mut answers = look.look(queries).await?.into_iter();
    let Some(row) = answers.next().and_then(|rows| rows.into_iter().next()) else { return Ok(None) };
    let mut next = || answers.next().unwrap_or_default().into_iter();
    let (events, journals, entries) = (next(), next(), next());
    let (public_events, deliveries, mut covered) = (next(), next(), next());
    let mut several = |count: usize| (0..count).flat_map(|_| next()).collect::<Vec<_>>().into_iter();
    let [attempts, references, transfers] = counts.map(&mut several);
    let jobs = answers.flatten();
    Ok(Some(PaymentRows {
        place: place.clone(),
        row: payment_row(row)?,
        events: events.map(event_row).collect::<Result<_, _>>()?,
        journals: journals.map(journal_row).collect::<Result<_, _>>()?,
        entries: entries.map(entry_row).collect::<Result<_, _>>()?,
        public_events: public_events
            .map(|mut row| Ok((row.take()?, row.take()?)))
            .collect::<Result<_, Broken>>()?,
        deliveries: deliveries.map(delivery_row).collect::<Result<_, _>>()?,
        covered: covered.next().ok_or(Broken("a number has no row"))?.take()?,
        attempts: attempts.map(attempt_row).collect::<Result<_, _>>()?,
        references: references.map(three).collect::<Result<_, _>>()?,
        transfers: transfers.map(three).collect::<Result<_, _>>()?,
        jobs: jobs.map(|mut row| row.take()).collect::<Result<_, _>>()?,
    }))
}

fn payment_row(mut row: Row) -> Result<PaymentRow, Broken> {
    Ok(PaymentRow {
        order_id: row.take()?,
        order_reference: row.take()?,
        checkout_token: row.take()?,
        status: row.take()?,
        currency: row.take()?,
        amount: row.take()?,
        authorized: row.take()?,
        captured: row.take()?,
        capture_asked: row.take()?,
        refund_asked: row.take()?,
        version: row.take()?,
        state: row.take()?,
        created_at: row.take()?,
        waits_for_person: row.take()?,
        rooted_version: row.take()?,
    })
}

fn event_row(mut row: Row) -> Result<EventRow, Broken> {
    Ok(EventRow {
        version: row.take()?,
        at: row.take()?,
        cause: row.take()?,
        event: row.take()?,
        previous: row.take()?,
    })
}

fn journal_row(mut row: Row) -> Result<JournalRow, Broken> {
    Ok(JournalRow { version: row.take()?, at: row.take()?, memo: row.take()? })
}

fn entry_row(mut row: Row) -> Result<EntryRow, Broken> {
    Ok(EntryRow { version: row.take()?, account: row.take()?, currency: row.take()?, amount: row.take()? })
}

fn delivery_row(mut row: Row) -> Result<DeliveryRow, Broken> {
    Ok(DeliveryRow {
        event_id: row.take()?,
        endpoint_id: row.take()?,
        state: row.take()?,
        enabled: row.take()?,
        job: row.take()?,
    })
}

fn attempt_row(mut row: Row) -> Result<AttemptRow, Broken> {
    Ok(AttemptRow {
        id: row.take()?,
        payment_id: row.take()?,
        connector: row.take()?,
        echo: row.take()?,
        return_token: row.take()?,
    })
}

fn three(mut row: Row) -> Result<(String, String, String), Broken> {
    Ok((row.take()?, row.take()?, row.take()?))
}
