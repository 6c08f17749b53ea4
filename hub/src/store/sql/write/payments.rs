//! Orders, payments, their history and their books.

use hub_core::event::Recorded;
use hub_core::ids::{OrderId, PaymentIntentId, Scope};
use hub_core::ledger::Journal;
use hub_core::order::Order;
use hub_core::payment::PaymentIntent;
use hub_core::planted::Bug;
use processor_sdk::Timestamp;

use super::Plan;
use crate::planted::planted;
use crate::store::Conflict;
use crate::store::sql::cell::{Broken, cells, count, to_json};

/// Sums of a payment, in minor units, that its row is checked by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Sums {
    pub(crate) authorized: i64,
    pub(crate) captured: i64,
    pub(crate) capture_asked: i64,
    pub(crate) refund_asked: i64,
}

impl Sums {
    /// What processors say was reserved and taken, and what the hub itself asked for and was not refused.
    pub(crate) fn of(payment: &PaymentIntent) -> Self {
        let total = |amounts: &mut dyn Iterator<Item = i64>| amounts.fold(0_i64, i64::saturating_add);
        let captured = total(&mut payment.attempts.iter().map(|attempt| attempt.captured.minor()));
        let reserved =
            payment.attempts.iter().map(|attempt| attempt.authorized_by_evidence(payment.amount).minor());
        Self {
            authorized: total(&mut reserved.into_iter()).max(captured),
            captured,
            capture_asked: payment.captures_asked().minor(),
            refund_asked: payment.refunds_asked().minor(),
        }
    }
}

pub(super) fn insert_order(
    plan: &mut Plan,
    scope: &Scope,
    order: &Order,
    created_at: Timestamp,
) -> Result<(), Broken> {
    plan.run(
        "INSERT INTO orders (merchant_id, livemode, id, currency, amount, body, created_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        cells![
            scope.merchant_id.0,
            scope.livemode,
            order.id.as_str(),
            order.amount.currency().code(),
            order.amount.minor(),
            to_json(order)?,
            created_at,
        ],
    );
    Ok(())
}

pub(super) fn insert_personal_data(plan: &mut Plan, scope: &Scope, order_id: &OrderId, sealed: &[u8]) {
    plan.run(
        "INSERT INTO personal_data (merchant_id, livemode, order_id, sealed) VALUES (?1, ?2, ?3, ?4)",
        cells![scope.merchant_id.0, scope.livemode, order_id.as_str(), sealed],
    );
}

pub(in crate::store) const ERASE_PERSONAL_DATA: &str =
    "DELETE FROM personal_data WHERE merchant_id = ?1 AND livemode = ?2 AND order_id = ?3";

pub(super) fn erase_personal_data(plan: &mut Plan, scope: &Scope, order_id: &OrderId) {
    plan.run(ERASE_PERSONAL_DATA, cells![scope.merchant_id.0, scope.livemode, order_id.as_str()]);
}

pub(super) fn insert(
    plan: &mut Plan,
    payment: &PaymentIntent,
    reference_guard: Option<&str>,
) -> Result<(), Broken> {
    let scope = &payment.scope;
    let sums = Sums::of(payment);
    plan.run(
        "INSERT INTO payments (merchant_id, livemode, id, order_id, order_reference, checkout_token, status,
             currency, amount, authorized, captured, capture_asked, refund_asked, version, state, created_at,
             waits_for_person)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)",
        cells![
            scope.merchant_id.0,
            scope.livemode,
            payment.id.as_str(),
            payment.order_id.as_str(),
            payment.order_reference,
            payment.checkout_token,
            payment.status.as_str(),
            payment.amount.currency().code(),
            payment.amount.minor(),
            sums.authorized,
            sums.captured,
            sums.capture_asked,
            sums.refund_asked,
            count(payment.version)?,
            to_json(payment)?,
            payment.created_at,
            payment.waits_for_person(),
        ],
    );
    let guard = reference_guard.filter(|_| !planted(Bug::AllowTwoIntentsOfAnOrder));
    let Some(order_reference) = guard else { return Ok(()) };
    plan.guarded(
        "INSERT INTO open_order_references (merchant_id, livemode, order_reference, payment_id)
         VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (merchant_id, livemode, order_reference) DO NOTHING",
        cells![scope.merchant_id.0, scope.livemode, order_reference, payment.id.as_str()],
        Conflict::OrderReference,
    );
    Ok(())
}

/// `authorized` and `captured` are the most that was ever seen: a processor that takes its word back must
/// not make the row unstorable because of what was rightly asked before.
pub(in crate::store) const UPDATE: &str = "UPDATE payments
    SET status = ?4, authorized = CASE WHEN authorized > ?5 THEN authorized ELSE ?5 END,
        captured = CASE WHEN captured > ?6 THEN captured ELSE ?6 END, capture_asked = ?7,
        refund_asked = ?8, version = ?9, state = ?10, waits_for_person = ?12
    WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3 AND version = ?11";

/// What is written where somebody has planted that the version does not matter.
const UPDATE_UNGUARDED: &str = "UPDATE payments
    SET status = ?4, authorized = CASE WHEN authorized > ?5 THEN authorized ELSE ?5 END,
        captured = CASE WHEN captured > ?6 THEN captured ELSE ?6 END, capture_asked = ?7,
        refund_asked = ?8, version = ?9, state = ?10, waits_for_person = ?12
    WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3 AND version >= 0 * ?11";

pub(in crate::store) const RELEASE_REFERENCE: &str = "DELETE FROM open_order_references
    WHERE merchant_id = ?1 AND livemode = ?2 AND payment_id = ?3";

pub(super) fn update(plan: &mut Plan, payment: &PaymentIntent, expected_version: u64) -> Result<(), Broken> {
    let scope = &payment.scope;
    let sums = Sums::of(payment);
    plan.guarded(
        if planted(Bug::NoVersionGuard) { UPDATE_UNGUARDED } else { UPDATE },
        cells![
            scope.merchant_id.0,
            scope.livemode,
            payment.id.as_str(),
            payment.status.as_str(),
            sums.authorized,
            sums.captured,
            sums.capture_asked,
            sums.refund_asked,
            count(payment.version)?,
            to_json(payment)?,
            count(expected_version)?,
            payment.waits_for_person(),
        ],
        Conflict::Version,
    );
    if payment.status.is_end() {
        plan.run(RELEASE_REFERENCE, cells![scope.merchant_id.0, scope.livemode, payment.id.as_str()]);
    }
    Ok(())
}

pub(super) fn append_events(
    plan: &mut Plan,
    scope: &Scope,
    payment_id: &PaymentIntentId,
    events: &[Recorded],
) -> Result<(), Broken> {
    for recorded in events {
        plan.run(
            "INSERT INTO payment_events (merchant_id, livemode, payment_id, version, at, cause, event, previous)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            cells![
                scope.merchant_id.0,
                scope.livemode,
                payment_id.as_str(),
                count(recorded.version)?,
                recorded.at,
                to_json(&recorded.cause)?,
                to_json(&recorded.event)?,
                recorded.previous,
            ],
        );
    }
    Ok(())
}

/// Entries first: the journal's own row is what the schema checks them by, and what seals them.
pub(super) fn insert_journal(
    plan: &mut Plan,
    scope: &Scope,
    payment_id: &PaymentIntentId,
    version: u64,
    at: Timestamp,
    journal: &Journal,
) -> Result<(), Broken> {
    if planted(Bug::ForgetTheBooks) {
        return Ok(());
    }
    let version = count(version)?;
    for (line, entry) in (1_i64..).zip(journal.entries()) {
        plan.run(
            "INSERT INTO journal_entries
                 (merchant_id, livemode, payment_id, version, line, account, currency, amount)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            cells![
                scope.merchant_id.0,
                scope.livemode,
                payment_id.as_str(),
                version,
                line,
                entry.account.as_str(),
                entry.amount.currency().code(),
                entry.amount.minor(),
            ],
        );
    }
    plan.run(
        "INSERT INTO journals (merchant_id, livemode, payment_id, version, at, memo)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        cells![scope.merchant_id.0, scope.livemode, payment_id.as_str(), version, at, journal.memo(),],
    );
    Ok(())
}
