//! How made-up processors differ: what they can do, what they tell, and how long they remember.

use hub_core::payment::{AdapterPin, ConnectorProfile};
use processor_sdk::{AfterUnknown, Capabilities, IdempotencyProfile, KeyCarrier, LookUp};

/// Seconds after which this processor's look-ups show everything that it was asked.
pub(crate) const ABSENT_AFTER_S: u32 = 60;

/// How a processor works. Where nothing is said otherwise it can do everything and tells everything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Habit {
    /// Pages are found by the processor's own id only.
    LooksById,
    /// Nothing can be looked up.
    NoLookUp,
    /// A refund cannot be looked up by itself.
    NoRefundLookUp,
    /// Keys are forgotten after 100 seconds.
    ShortKeys,
    /// No keys at all.
    Keyless,
    /// In doubt it is asked first.
    LookFirst,
    /// Reservations cannot be released.
    NoVoid,
    /// Pages cannot be closed.
    NoExpire,
    /// What the shopper approved has to be completed.
    Completes,
    /// One capture, and the rest is released with it.
    OneCapture,
    /// It states no totals.
    NoTotals,
    /// It does not give our echoes back.
    NoEchoes,
    /// It mails the page's address to the shopper.
    MailsItsPages,
    /// Of money that it takes by itself it says no more than that it is reserved.
    Silent,
    /// It names the amount of the payment as a whole.
    NamesAmount,
    /// It does not sign its deliveries: they are hints.
    Unsigned,
    /// Its reservations end after three days, as it says beforehand. Of the rest of a partly captured one it says no
    /// more when that time comes.
    Lapses,
}

/// All of them.
pub(crate) const HABITS: [Habit; 17] = [
    Habit::LooksById,
    Habit::NoLookUp,
    Habit::NoRefundLookUp,
    Habit::ShortKeys,
    Habit::Keyless,
    Habit::LookFirst,
    Habit::NoVoid,
    Habit::NoExpire,
    Habit::Completes,
    Habit::OneCapture,
    Habit::NoTotals,
    Habit::NoEchoes,
    Habit::MailsItsPages,
    Habit::Silent,
    Habit::NamesAmount,
    Habit::Unsigned,
    Habit::Lapses,
];

/// What the hub is told of a processor with these habits.
pub(crate) fn profile(habits: &[Habit]) -> ConnectorProfile {
    let has = |habit| habits.contains(&habit);
    let fetch_payment = match (has(Habit::NoLookUp), has(Habit::LooksById)) {
        (true, _) => LookUp::None,
        (false, true) => LookUp::ById,
        (false, false) => LookUp::ByEcho,
    };
    let fetch_refund = if has(Habit::NoRefundLookUp) { LookUp::None } else { fetch_payment };
    let capabilities = Capabilities {
        manual_capture: true,
        partial_capture: true,
        multiple_captures: !has(Habit::OneCapture),
        void: !has(Habit::NoVoid),
        refund: true,
        partial_refund: true,
        multiple_refunds: true,
        complete_checkout: has(Habit::Completes),
        expire_checkout: !has(Habit::NoExpire),
        fetch_payment,
        fetch_refund,
        fetch_dispute: LookUp::None,
        silent_auto_capture: has(Habit::Silent),
        orphan_session_payable: has(Habit::MailsItsPages),
    };
    let keyless = has(Habit::Keyless);
    let idempotency = IdempotencyProfile {
        carrier: if keyless { KeyCarrier::None } else { KeyCarrier::Header { name: "Key".to_owned() } },
        retention_s: retention_s(habits),
        replays_errors: false,
        after_unknown: if keyless || has(Habit::LookFirst) {
            AfterUnknown::LookFirst
        } else {
            AfterUnknown::SameKey
        },
        absent_after_s: ABSENT_AFTER_S,
    };
    let adapter = AdapterPin { name: "made-up".to_owned(), version: "1.0.0".to_owned(), content_hash: None };
    ConnectorProfile { connector: "made-up".to_owned(), adapter, capabilities, idempotency }
}

/// How long keys are remembered, in seconds.
pub(crate) fn retention_s(habits: &[Habit]) -> u32 {
    if habits.contains(&Habit::Keyless) {
        0
    } else if habits.contains(&Habit::ShortKeys) {
        100
    } else {
        24 * 3_600
    }
}
