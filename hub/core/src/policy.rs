//! What the operator decided beforehand for what shops lose money on.
//!
//! Invariants: a policy acts once on a payment for each reason; whatever comes of it, a person decides after
//! that. Where the processor cannot do what a policy wants, the payment is held.

/// Every policy. A wrong amount and an unknown payment are always held: no rule can know what they mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct Policies {
    /// Two attempts took the money.
    pub paid_twice: PaidTwice,
    /// Money came after the cart canceled, or after the intent's time.
    pub paid_late: PaidLate,
}

/// What to do when two attempts took the money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PaidTwice {
    /// Give the later one's money back.
    #[default]
    RefundLater,
    /// Show it, and wait for an operator.
    Hold,
}

/// What to do with money that came after the door was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum PaidLate {
    /// It is the payment after all: the intent becomes `succeeded`.
    #[default]
    Accept,
    /// Give it back; the intent stays as it ended.
    Refund,
    /// Show it, and wait for an operator; the intent stays as it ended until then.
    Hold,
}
