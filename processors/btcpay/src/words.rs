//! What BTCPay Server's words mean in ours: an invoice's two statuses, payments, payouts, and refusals.
//!
//! Source: the published OpenAPI description of the Greenfield API (`InvoiceStatus`, `InvoiceAdditionalStatus`,
//! `PaymentStatus`, `PayoutState`).
//!
//! Invariant: no word is rounded to a nearby one. A pair of statuses that is not known to occur is `Unknown`,
//! even where each of the two is known.

use processor_sdk::{Decline, DeclineCode, Word};

/// The contract's limit for a processor's own code, in characters.
const CODE_CHARS_MAX: usize = 64;

/// What an invoice says by itself. Whether money came to one that is over, only its payments tell.
pub(crate) fn of_invoice(status: &str, additional: &str) -> Word {
    match (status, additional) {
        // With a part of the money there, the page waits for the rest.
        ("New", "None" | "PaidPartial") => Word::Open,
        ("Processing", "None" | "PaidOver") => Word::Pending,
        ("Settled", "None" | "PaidOver" | "PaidLate" | "Marked") => Word::Paid,
        ("Expired", "None" | "PaidPartial") => Word::Expired,
        // All of the money came when the price did not stand any more: the merchant decides.
        ("Expired", "PaidLate") => Word::Pending,
        ("Invalid", "None") => Word::Declined,
        // Called off, by us or in the dashboard. Nothing was ever reserved, so nothing is released.
        ("Invalid", "Marked") => Word::Expired,
        _ => unknown(&format!("{status}.{additional}")),
    }
}

pub(crate) fn unknown(word: &str) -> Word {
    Word::Unknown(code(word))
}

/// How far a single payment of coins is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Coins {
    /// Seen on the network.
    UnderWay,
    /// Confirmed.
    Arrived,
    /// Replaced, spent otherwise, or dropped.
    Gone,
    /// A word that is not in the documentation.
    Unknown(Word),
}

pub(crate) fn of_payment(status: &str) -> Coins {
    match status {
        "Processing" => Coins::UnderWay,
        "Settled" => Coins::Arrived,
        "Invalid" => Coins::Gone,
        other => Coins::Unknown(unknown(other)),
    }
}

/// How far a customer's claim of a refund is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Claim {
    /// Waits for the merchant or for the network; so does whatever BTCPay may add.
    UnderWay,
    /// Paid out.
    Done,
    /// Called off; the customer may claim anew.
    Canceled,
}

pub(crate) fn of_payout(state: &str) -> Claim {
    match state {
        "Completed" => Claim::Done,
        "Cancelled" => Claim::Canceled,
        // `AwaitingApproval`, `AwaitingPayment`, `InProgress`, and any other.
        _ => Claim::UnderWay,
    }
}

/// Coins that did not confirm in time. That is between the shopper and the network.
pub(crate) fn unconfirmed() -> Decline {
    Decline { code: DeclineCode::Other, elsewhere: false, processor_code: Some("Invalid".to_owned()) }
}

/// An invoice that BTCPay refused to make, by the field or the code that it names. Another processor may well
/// take the payment.
pub(crate) fn refused_invoice(processor_code: &str) -> Decline {
    let code_of_ours = match processor_code {
        "currency" | "checkout.paymentMethods" => DeclineCode::MethodNotAvailable,
        "generic-error" => DeclineCode::ProcessorUnavailable,
        _ => DeclineCode::InvalidRequest,
    };
    Decline { code: code_of_ours, elsewhere: true, processor_code: Some(code(processor_code)) }
}

/// A processor's own code, kept to the characters and length that the contract allows.
pub(crate) fn code(text: &str) -> String {
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "_-.".contains(*character);
    text.chars().filter(allowed).take(CODE_CHARS_MAX).collect()
}
