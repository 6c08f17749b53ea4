//! When to try again, and what to try: the same request under the same key, or a look.
//!
//! Invariants: a request that may have happened is repeated only under its own key and only while the
//! processor remembers that key; "there is no such thing" is believed only after the processor's own delay;
//! no schedule ends in a guess.

use processor_sdk::{AfterUnknown, KeyCarrier, LookUp, OperationKind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::payment::{ConnectorProfile, Operation, OperationState};

/// Seconds between tries of an operation, the last one repeating. Half a minute four times, so that whatever came
/// into doubt within the last two minutes is out of it a minute after the processor answers again.
const OPERATION_RETRY_S: [i64; 13] = [1, 2, 5, 15, 30, 30, 30, 30, 300, 900, 3_600, 6 * 3_600, 24 * 3_600];
/// Seconds between look-ups of a page that waits for the shopper: webhooks do get lost.
const CHECK_OPEN_S: [i64; 6] = [120, 600, 3_600, 3 * 3_600, 12 * 3_600, 24 * 3_600];
/// Seconds between look-ups of something that should move soon.
const CHECK_SOON_S: [i64; 12] = [2, 5, 15, 30, 30, 30, 30, 300, 900, 3_600, 6 * 3_600, 24 * 3_600];
/// Seconds between look-ups of something that may rest for weeks: an authorization, a dispute.
const CHECK_RESTING_S: [i64; 2] = [12 * 3_600, 24 * 3_600];
/// Seconds after the intent's own time at which looking up a page nobody paid at ends; after that only a
/// webhook can tell.
pub const CHECKS_AFTER_EXPIRY_S: i64 = 14 * 24 * 3_600;
/// Seconds after the time until which the rest of a reservation can be captured, from which on an answer of the
/// processor that tells of nothing new ends it: what was asked for in time has come in by then.
pub const REST_LAPSES_AFTER_S: i64 = 24 * 3_600;
/// Seconds from a look-up to the next one that a hint asks for, the last one repeating: the more looks brought
/// no news, the longer, so that forged hints are no lever.
const HINT_INTERVAL_S: [i64; 5] = [2, 2, 5, 15, 30];
/// Tries of opening a checkout that certainly did not happen, before another connector gets its turn.
const OPEN_TRIES_MAX: u32 = 2;
/// Tries of any other operation that certainly did not happen, before it counts as failed (about 4 days).
const OPERATION_TRIES_MAX: u32 = 17;

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

/// Whether an operation has been in doubt for so long, some seven hours, that it is tried once a day only.
#[must_use]
pub fn is_overdue(tries: u32) -> bool {
    usize::try_from(tries).is_ok_and(|tries| tries + 1 >= OPERATION_RETRY_S.len())
}

/// Whether looks at something that should move soon have brought no news for so long that they are made once a day.
#[must_use]
pub fn is_overdue_check(pace: Option<Pace>, tries: u32) -> bool {
    pace == Some(Pace::Soon) && usize::try_from(tries).is_ok_and(|tries| tries + 1 >= CHECK_SOON_S.len())
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

/// Shortest time from a look-up to the next one that a hint asks for, after `tries` look-ups without news.
#[must_use]
pub fn hint_interval_s(tries: u32) -> i64 {
    step(&HINT_INTERVAL_S, tries)
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
            capabilities.fetch_refund == LookUp::ByEcho || capabilities.fetch_payment.tells_of_transfers()
        }
        OperationKind::CompleteCheckout | OperationKind::ExpireCheckout => {
            capabilities.fetch_payment != LookUp::None
        }
        OperationKind::Capture | OperationKind::Void => capabilities.fetch_payment.tells_of_transfers(),
        OperationKind::FetchPayment | OperationKind::FetchRefund | OperationKind::FetchDispute => false,
    }
}

/// Whether the operation can be sent again: the processor still remembers its key (the retention less a tenth,
/// at most an hour), or nothing is sent at all.
#[must_use]
pub fn key_is_remembered(operation: &Operation, profile: &ConnectorProfile, now: Timestamp) -> bool {
    match profile.idempotency.carrier {
        KeyCarrier::None => return false,
        KeyCarrier::NothingSent => return true,
        KeyCarrier::Header { .. } | KeyCarrier::BodyField { .. } => {}
    }
    let retention_s = i64::from(profile.idempotency.retention_s);
    let margin_s = (retention_s / 10).min(3_600);
    operation.first_sent_at.is_none_or(|sent_at| now.seconds_since(sent_at) < retention_s - margin_s)
}

/// Whether "there is no such thing" can be believed of an operation.
#[must_use]
pub fn absence_counts(operation: &Operation, profile: &ConnectorProfile, asked_at: Timestamp) -> bool {
    operation.last_sent_at.is_none_or(|sent_at| {
        asked_at.seconds_since(sent_at) >= i64::from(profile.idempotency.absent_after_s)
    })
}

#[cfg(test)]
mod tests {
    use processor_sdk::{Capabilities, IdempotencyProfile};

    use super::*;
    use crate::ids::OperationId;
    use crate::payment::{AdapterPin, Subject};

    const HOUR_S: i64 = 3_600;

    fn at(seconds: i64) -> Timestamp {
        after(Timestamp::UNIX_EPOCH, seconds)
    }

    fn profile(retention_s: u32, look_up: LookUp) -> ConnectorProfile {
        ConnectorProfile {
            connector: "one".to_owned(),
            adapter: AdapterPin { name: "one".to_owned(), version: "1.0.0".to_owned(), content_hash: None },
            capabilities: Capabilities {
                manual_capture: true,
                partial_capture: true,
                multiple_captures: true,
                void: true,
                refund: true,
                partial_refund: true,
                multiple_refunds: true,
                complete_checkout: true,
                expire_checkout: true,
                fetch_payment: look_up,
                fetch_refund: look_up,
                fetch_dispute: LookUp::None,
                silent_auto_capture: false,
                orphan_session_payable: false,
            },
            idempotency: IdempotencyProfile {
                carrier: KeyCarrier::Header { name: "Idempotency-Key".to_owned() },
                retention_s,
                replays_errors: false,
                after_unknown: AfterUnknown::SameKey,
                absent_after_s: 60,
            },
        }
    }

    fn sent(kind: OperationKind, tries: u32) -> Operation {
        Operation {
            id: OperationId::from_body("1"),
            kind,
            subject: Subject::Payment,
            created_at: at(0),
            state: OperationState::Unknown { due_at: at(0) },
            tries,
            first_sent_at: Some(at(0)),
            last_sent_at: Some(at(100)),
            return_parameters: vec![],
            overdue: false,
        }
    }

    #[test]
    fn a_key_is_trusted_for_its_retention_less_a_tenth_at_most_an_hour() {
        let operation = sent(OperationKind::Refund, 1);
        for (retention_s, last_s) in [(100, 89), (24 * 3_600, 23 * HOUR_S - 1), (36_000, 9 * HOUR_S - 1)] {
            let profile = profile(retention_s, LookUp::ByEcho);
            assert!(key_is_remembered(&operation, &profile, at(last_s)), "{retention_s}");
            assert!(!key_is_remembered(&operation, &profile, at(last_s + 1)), "{retention_s}");
        }
        assert!(!key_is_remembered(&operation, &profile(0, LookUp::ByEcho), at(0)));
        let mut keyless = profile(100, LookUp::ByEcho);
        keyless.idempotency.carrier = KeyCarrier::NothingSent;
        assert!(key_is_remembered(&operation, &keyless, at(i64::from(u32::MAX))), "nothing was ever sent");
        keyless.idempotency.carrier = KeyCarrier::None;
        assert!(!key_is_remembered(&operation, &keyless, at(0)));
    }

    #[test]
    fn absence_counts_only_after_the_processors_own_delay_since_the_last_try() {
        let (operation, profile) = (sent(OperationKind::Refund, 1), profile(100, LookUp::ByEcho));
        assert!(!absence_counts(&operation, &profile, at(159)));
        assert!(absence_counts(&operation, &profile, at(160)));
    }

    #[test]
    fn what_to_do_in_doubt() {
        let (early, late) = (at(10), at(100));
        let rows = [
            // In the key's time: taking turns, the same key first.
            (LookUp::ByEcho, AfterUnknown::SameKey, 1, early, Action::Send),
            (LookUp::ByEcho, AfterUnknown::SameKey, 2, early, Action::LookUp),
            (LookUp::None, AfterUnknown::SameKey, 2, early, Action::Send),
            (LookUp::ByEcho, AfterUnknown::LookFirst, 1, early, Action::LookUp),
            (LookUp::None, AfterUnknown::LookFirst, 1, early, Action::Send),
            // After it: only looking is safe.
            (LookUp::ByEcho, AfterUnknown::SameKey, 1, late, Action::LookUp),
            (LookUp::None, AfterUnknown::SameKey, 1, late, Action::Wait),
        ];
        for (row, (look_up, after_unknown, tries, now, expected)) in rows.into_iter().enumerate() {
            let mut profile = profile(100, look_up);
            profile.idempotency.after_unknown = after_unknown;
            assert_eq!(action(&sent(OperationKind::Refund, tries), &profile, now), expected, "row {row}");
        }
        let profile = profile(100, LookUp::ByEcho);
        for (state, expected) in [
            (OperationState::Asked { due_at: late }, Action::Send),
            (OperationState::Stuck, Action::Wait),
            (OperationState::Done, Action::Wait),
            (OperationState::GivenUp, Action::Wait),
        ] {
            let operation = Operation { state, ..sent(OperationKind::Refund, 1) };
            assert_eq!(action(&operation, &profile, late), expected, "{state:?}");
        }
    }

    #[test]
    fn a_lost_page_is_found_by_echo_only() {
        for (kind, look_up, expected) in [
            (OperationKind::OpenCheckout, LookUp::ByEcho, true),
            (OperationKind::OpenCheckout, LookUp::ById, false),
            (OperationKind::Capture, LookUp::ById, true),
            (OperationKind::Refund, LookUp::ById, true),
            (OperationKind::Refund, LookUp::None, false),
            (OperationKind::Void, LookUp::None, false),
            // The page tells of itself, and of no money that moved afterwards.
            (OperationKind::ExpireCheckout, LookUp::PageById, true),
            (OperationKind::Capture, LookUp::PageById, false),
            (OperationKind::Refund, LookUp::PageById, false),
        ] {
            assert_eq!(can_look_up(kind, &profile(100, look_up)), expected, "{kind:?} {look_up:?}");
        }
    }

    #[test]
    fn delays_grow_to_a_day_and_end_never() {
        assert_eq!(operation_due(at(0), 0), at(1));
        assert_eq!(operation_due(at(0), 12), at(24 * HOUR_S));
        assert_eq!(operation_due(at(0), u32::MAX), at(24 * HOUR_S));
        assert_eq!(check_due(at(0), Pace::Soon, 0), at(2));
        assert_eq!(check_due(at(0), Pace::Open, 0), at(120));
        assert_eq!(check_due(at(0), Pace::Resting, u32::MAX), at(24 * HOUR_S));
        assert_eq!(after(Timestamp::MAX, i64::MAX), Timestamp::MAX);
    }

    #[test]
    fn what_is_tried_once_a_day_only_is_overdue() {
        for tries in 0..20 {
            assert_eq!(is_overdue(tries), operation_due(at(0), tries) == at(24 * HOUR_S), "{tries}");
        }
    }

    #[test]
    fn tries_that_certainly_failed_are_counted() {
        for (kind, last) in [(OperationKind::OpenCheckout, 1), (OperationKind::Refund, 16)] {
            assert!(!gives_up(kind, last - 1), "{kind:?}");
            assert!(gives_up(kind, last), "{kind:?}");
        }
    }
}
