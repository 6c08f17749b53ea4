//! What Mollie's words mean in ours: states of payments, captures and refunds, and the reasons of failures.
//!
//! Source: Mollie's documentation, "Status changes" and the API reference (docs.mollie.com), and the types of
//! Mollie's own libraries.
//!
//! Invariant: no word is rounded to a nearby one. A state of a payment that we do not know is `Unknown`; a
//! capture or refund in a state that we do not know is still pending, because nothing says how it ended.

use processor_sdk::{Decline, DeclineCode, ItemState, Word};

/// The contract's limit for a processor's own code, in characters.
const CODE_CHARS_MAX: usize = 64;

/// A payment's state. Refunds and chargebacks leave it `paid`. What ended after it was authorized was a
/// reservation, which is released.
pub(crate) fn of_payment(status: &str, was_authorized: bool) -> Word {
    match status {
        "open" => Word::Open,
        "pending" => Word::Pending,
        "authorized" => Word::Authorized,
        "paid" => Word::Paid,
        "failed" | "canceled" | "expired" if was_authorized => Word::Voided,
        "failed" => Word::Declined,
        // Canceled by the shopper or by the merchant: Mollie does not say which. Nobody can pay there any more.
        "canceled" | "expired" => Word::Expired,
        other => Word::Unknown(code(other)),
    }
}

pub(crate) fn of_capture(status: &str) -> ItemState {
    match status {
        "succeeded" => ItemState::Succeeded,
        "failed" => ItemState::Failed,
        // `pending`, and whatever Mollie may add.
        _ => ItemState::Pending,
    }
}

/// A refund's state. A success can still turn into a failure days later.
pub(crate) fn of_refund(status: &str) -> ItemState {
    match status {
        "refunded" => ItemState::Succeeded,
        "failed" | "canceled" => ItemState::Failed,
        // `queued`, `pending`, `processing`, and whatever Mollie may add.
        _ => ItemState::Pending,
    }
}

/// Why a payment failed, in our list. What the shopper's bank refuses it refuses anywhere, and a suspicion of
/// fraud is not carried from door to door.
pub(crate) fn decline(reason: &str) -> Decline {
    let code_of_ours = match reason {
        "card_declined" | "refused_by_issuer" | "unknown_reason" => DeclineCode::CardDeclined,
        "insufficient_funds" => DeclineCode::InsufficientFunds,
        "card_expired" => DeclineCode::ExpiredCard,
        "invalid_cvv" | "invalid_card_number" | "invalid_card_holder_name" => DeclineCode::IncorrectDetails,
        "authentication_failed"
        | "authentication_required"
        | "authentication_abandoned"
        | "authentication_unavailable_acs" => DeclineCode::AuthenticationFailed,
        "inactive_card" => DeclineCode::StolenOrLost,
        "possible_fraud" => DeclineCode::SuspectedFraud,
        "invalid_card_type" => DeclineCode::MethodNotAvailable,
        _ => DeclineCode::Other,
    };
    Decline { code: code_of_ours, elsewhere: false, processor_code: Some(code(reason)) }
}

/// A payment that Mollie refused to make, by the field it complains about. Another processor may well take it.
pub(crate) fn refused_request(field: &str) -> Decline {
    let code_of_ours = match field {
        // Its decimals are right, so that it is too small or too large for every method.
        "amount" | "amount.value" => DeclineCode::LimitExceeded,
        "amount.currency" | "method" => DeclineCode::MethodNotAvailable,
        _ => DeclineCode::InvalidRequest,
    };
    Decline { code: code_of_ours, elsewhere: true, processor_code: Some(code(field)) }
}

/// A processor's own code, kept to the characters and length that the contract allows.
pub(crate) fn code(text: &str) -> String {
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "_-.".contains(*character);
    text.replace(' ', "_").chars().filter(allowed).take(CODE_CHARS_MAX).collect()
}
