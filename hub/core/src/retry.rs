//! When to try again, and what to try: the same request under the same key, or a look.
//!
//! Invariants: a request that may have happened is repeated only under its own key and only while the
//! processor remembers that key; "there is no such thing" is believed only after the processor's own delay;
//! no schedule ends in a guess.

use processor_sdk::{AfterUnknown, KeyCarrier, LookUp, OperationKind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::payment::{ConnectorProfile, Operation, OperationState};

/// Seconds between tries of an operation, the last one repeating.
const OPERATION_RETRY_S: [i64; 10] = [1, 2, 5, 15, 60, 300, 900, 3_600, 6 * 3_600, 24 * 3_600];
/// Seconds between look-ups of a page that waits for the shopper: webhooks do get lost.
const CHECK_OPEN_S: [i64; 6] = [120, 600, 3_600, 3 * 3_600, 12 * 3_600, 24 * 3_600];
/// Seconds between look-ups of something that should move soon.
const CHECK_SOON_S: [i64; 9] = [2, 5, 15, 60, 300, 900, 3_600, 6 * 3_600, 24 * 3_600];
/// Seconds between look-ups of something that may rest for weeks: an authorization, a dispute.
const CHECK_RESTING_S: [i64; 2] = [12 * 3_600, 24 * 3_600];
/// Seconds after the intent's own time at which looking up a page nobody paid at ends; after that only a
/// webhook can tell.
pub const CHECKS_AFTER_EXPIRY_S: i64 = 14 * 24 * 3_600;
/// Shortest time between two look-ups that hints ask for, so that forged hints are no lever.
pub const HINT_INTERVAL_S: i64 = 2;
/// Tries of opening a checkout that certainly did not happen, before another connector gets its turn.
const OPEN_TRIES_MAX: u32 = 2;
/// Tries of any other operation that certainly did not happen, before it counts as failed (about 6 days).
const OPERATION_TRIES_MAX: u32 = 14;

/// How urgent a look-up is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pace {
    /// Something should move soon.
    Soon,
    /// A page waits for the shopper.
    Open,
    /// It may rest for weeks.
    Resting,
}

fn step(table: &[i64], tries: u32) -> i64 {
    let index = usize::try_from(tries).unwrap_or(usize::MAX).min(table.len().saturating_sub(1));
    table.get(index).copied().unwrap_or(24 * 3_600)
}

/// `seconds` after `time`; the end of time at worst.
#[must_use]
pub fn after(time: Timestamp, seconds: i64) -> Timestamp {
    time.saturating_add_micros(seconds.saturating_mul(1_000_000))
}

/// When an operation is tried again after its `tries`-th try, counted from 0.
#[must_use]
pub fn operation_due(now: Timestamp, tries: u32) -> Timestamp {
    after(now, step(&OPERATION_RETRY_S, tries))
}

/// When an attempt is looked up next, after `tries` look-ups without news.
#[must_use]
pub fn check_due(now: Timestamp, pace: Pace, tries: u32) -> Timestamp {
    let table: &[i64] = match pace {
        Pace::Soon => &CHECK_SOON_S,
        Pace::Open => &CHECK_OPEN_S,
        Pace::Resting => &CHECK_RESTING_S,
    };
    after(now, step(table, tries))
}

/// Whether an operation that certainly did not happen is given up after one more failed try.
#[must_use]
pub const fn gives_up(kind: OperationKind, tries: u32) -> bool {
    let limit = match kind {
        OperationKind::OpenCheckout => OPEN_TRIES_MAX,
        OperationKind::CompleteCheckout
        | OperationKind::ExpireCheckout
        | OperationKind::Capture
        | OperationKind::Void
        | OperationKind::Refund
        | OperationKind::FetchPayment
        | OperationKind::FetchRefund
        | OperationKind::FetchDispute => OPERATION_TRIES_MAX,
    };
    tries + 1 >= limit
}

/// What to do about an operation now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Send it (again), under its own key.
    Send,
    /// Ask the processor what is so.
    LookUp,
    /// Nothing automatic is left.
    Wait,
}

/// What to do about an operation whose time has come.
#[must_use]
pub fn action(operation: &Operation, profile: &ConnectorProfile, now: Timestamp) -> Action {
    match operation.state {
        OperationState::Asked { .. } => Action::Send,
        OperationState::Unknown { .. } => find_out(operation, profile, now),
        OperationState::Stuck | OperationState::Done | OperationState::GivenUp => Action::Wait,
    }
}

fn find_out(operation: &Operation, profile: &ConnectorProfile, now: Timestamp) -> Action {
    let can_look = can_look_up(operation.kind, profile);
    let can_repeat = key_is_remembered(operation, profile, now);
    let look_now = match profile.idempotency.after_unknown {
        AfterUnknown::LookFirst => true,
        // Taking turns, because a processor that stores its own failure repeats it for ever.
        AfterUnknown::SameKey => operation.tries.is_multiple_of(2),
    };
    match (can_look, can_repeat) {
        (true, true) => {
            if look_now {
                Action::LookUp
            } else {
                Action::Send
            }
        }
        (true, false) => Action::LookUp,
        (false, true) => Action::Send,
        (false, false) => Action::Wait,
    }
}

/// Whether a look-up can tell what became of an operation of this kind.
#[must_use]
pub fn can_look_up(kind: OperationKind, profile: &ConnectorProfile) -> bool {
    let capabilities = &profile.capabilities;
    match kind {
        // Its id may have been in the lost answer, so that only our echo finds it.
        OperationKind::OpenCheckout => capabilities.fetch_payment == LookUp::ByEcho,
        OperationKind::Refund => {
            capabilities.fetch_refund == LookUp::ByEcho || capabilities.fetch_payment != LookUp::None
        }
        OperationKind::CompleteCheckout
        | OperationKind::ExpireCheckout
        | OperationKind::Capture
        | OperationKind::Void => capabilities.fetch_payment != LookUp::None,
        OperationKind::FetchPayment | OperationKind::FetchRefund | OperationKind::FetchDispute => false,
    }
}

/// Whether the processor still remembers the operation's key: its retention less a tenth, at most an hour.
#[must_use]
pub fn key_is_remembered(operation: &Operation, profile: &ConnectorProfile, now: Timestamp) -> bool {
    if profile.idempotency.carrier == KeyCarrier::None {
        return false;
    }
    let retention_s = i64::from(profile.idempotency.retention_s);
    let margin_s = (retention_s / 10).min(3_600);
    operation.first_sent_at.is_none_or(|sent_at| now.seconds_since(sent_at) < retention_s - margin_s)
}

/// Whether "there is no such thing" can be believed of an operation.
#[must_use]
pub fn absence_counts(operation: &Operation, profile: &ConnectorProfile, asked_at: Timestamp) -> bool {
    operation
        .last_sent_at
        .is_none_or(|sent_at| asked_at.seconds_since(sent_at) >= i64::from(profile.idempotency.absent_after_s))
}
