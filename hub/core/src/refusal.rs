//! Reasons for no. Each has a code of its own, a status class and a sentence for the cart.

use processor_sdk::Money;

use crate::payment::Status;

/// Why a command was not carried out. Nothing was changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not in this status.
    #[error("the payment intent is {}; {wanted}", status.as_str())]
    WrongStatus {
        /// The status it is in.
        status: Status,
        /// What would be needed.
        wanted: &'static str,
    },
    /// More than is authorized and not yet captured or asked for.
    #[error("only {capturable} can still be captured")]
    ExceedsAuthorized {
        /// What is left.
        capturable: Money,
    },
    /// More than is captured and not yet refunded, asked for or disputed.
    #[error("only {refundable} can still be refunded")]
    ExceedsCaptured {
        /// What is left.
        refundable: Money,
    },
    /// Zero or negative.
    #[error("the amount must be greater than zero")]
    AmountNotPositive,
    /// Another currency than the payment's.
    #[error("the amount must be in {currency}, the payment's currency")]
    CurrencyMismatch {
        /// The payment's currency code.
        currency: &'static str,
    },
    /// The connector's processor cannot do that.
    #[error("{connector} cannot {what}")]
    NotSupported {
        /// The connector.
        connector: String,
        /// What it cannot do.
        what: &'static str,
    },
    /// The facts are in doubt; an operator has to look first.
    #[error("the payment is quarantined ({reason}); an operator has to resolve that first")]
    Quarantined {
        /// Why.
        reason: &'static str,
    },
    /// It came out of a backup, and the processor has still to say what happened since.
    #[error(
        "the payment was restored from a backup, and its processor was not asked yet what has happened since; \
         nothing was done, ask again in a moment"
    )]
    Reconciling,
    /// The processor told of one after the payment came out of a backup, and it may be the very one that is asked
    /// for.
    #[error(
        "the {what} {id} was found at the processor after this payment was restored from a backup, and may be the \
         one that is asked for here; if it is not, ask for another one under a new idempotency key, with \
         allow_duplicate: true"
    )]
    FoundAfterRestore {
        /// A capture or a refund.
        what: &'static str,
        /// Which one.
        id: String,
    },
    /// Nothing is in doubt.
    #[error("the payment is not quarantined; there is nothing to resolve")]
    NotQuarantined,
    /// This quarantine cannot end that way.
    #[error("a payment that is quarantined for {reason} cannot be resolved that way: {why}")]
    CannotResolve {
        /// Why it is quarantined.
        reason: &'static str,
        /// What stands against it, and what to do.
        why: &'static str,
    },
    /// What is said by hand contradicts what is known.
    #[error("that cannot be settled by hand: {why}")]
    CannotSettle {
        /// What stands against it.
        why: &'static str,
    },
    /// The attempt or operation is not there (any more).
    #[error("there is no such attempt or operation in this payment")]
    NoSuchAttempt,
    /// No more tries.
    #[error("this payment intent has used all of its {limit} attempts")]
    TooManyAttempts {
        /// How many there may be.
        limit: usize,
    },
    /// Too many captures or refunds.
    #[error("a payment can have at most {limit} captures and {limit} refunds")]
    TooManyTransfers {
        /// How many of each there may be.
        limit: usize,
    },
}

impl Refusal {
    /// The stable code in the cart's API.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::WrongStatus { .. } => "wrong_status",
            Self::ExceedsAuthorized { .. } => "exceeds_authorized",
            Self::ExceedsCaptured { .. } => "exceeds_captured",
            Self::AmountNotPositive => "amount_not_positive",
            Self::CurrencyMismatch { .. } => "currency_mismatch",
            Self::NotSupported { .. } => "not_supported",
            Self::Quarantined { .. } => "quarantined",
            Self::Reconciling => "reconciling",
            Self::FoundAfterRestore { .. } => "found_after_restore",
            Self::NotQuarantined => "not_quarantined",
            Self::CannotResolve { .. } => "cannot_resolve",
            Self::CannotSettle { .. } => "cannot_settle",
            Self::NoSuchAttempt => "no_such_attempt",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::TooManyTransfers { .. } => "too_many_transfers",
        }
    }
}
