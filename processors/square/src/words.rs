//! What Square's words mean in ours: states of orders, payments, refunds and disputes, and error codes.
//!
//! Source: Square's published API description (`OrderState`, `Payment.status`, `PaymentRefund.status`,
//! `DisputeState`, `ErrorCode`).
//!
//! Invariant: no word is rounded to a nearby one. A state of a payment that we do not know is `Unknown`; an
//! item in a state that we do not know is still pending, because nothing says how it ended.

use processor_sdk::{Decline, DeclineCode, ItemState, Word};

/// The contract's limit for a processor's own code, in characters.
const CODE_CHARS_MAX: usize = 64;

/// What an order with its payments says. An order that is paid through a link stays open until it is
/// fulfilled, so that only payments speak of money; and a failed one ends nothing while the link is open.
///
/// An approved payment is pending and not authorized: nobody but Square can complete or cancel it, and when it
/// does not complete it, the link is open again, as if nothing had been reserved.
pub(crate) fn of_order(state: &str, payments: &[&str], is_paid: bool) -> Word {
    if is_paid {
        return Word::Paid;
    }
    if let Some(strange) = payments.iter().find(|status| !is_known(status)) {
        return unknown(strange);
    }
    let has = |status| payments.contains(&status);
    // A completed one among them is a part, such as a gift card: more is to come.
    if has("PENDING") || has("APPROVED") || has("COMPLETED") {
        return Word::Pending;
    }
    match state {
        "OPEN" | "DRAFT" => Word::Open,
        "CANCELED" if has("CANCELED") => Word::Voided,
        "CANCELED" => Word::Expired,
        // "Completed" is no payment either.
        other => unknown(other),
    }
}

fn is_known(status: &str) -> bool {
    matches!(status, "APPROVED" | "PENDING" | "COMPLETED" | "CANCELED" | "FAILED")
}

fn unknown(word: &str) -> Word {
    Word::Unknown(code(word))
}

/// A refund's state.
pub(crate) fn of_refund(status: &str) -> ItemState {
    match status {
        "COMPLETED" => ItemState::Succeeded,
        "REJECTED" | "FAILED" => ItemState::Failed,
        // `PENDING`, and whatever Square may add.
        _ => ItemState::Pending,
    }
}

/// A dispute's state. The seller who accepts one has lost it; a closed inquiry takes no money back.
pub(crate) fn of_dispute(state: &str) -> ItemState {
    match state {
        "LOST" | "ACCEPTED" => ItemState::Succeeded,
        "WON" | "INQUIRY_CLOSED" => ItemState::Failed,
        // `EVIDENCE_REQUIRED`, `PROCESSING`, their `INQUIRY_` forms, and whatever Square may add.
        _ => ItemState::Pending,
    }
}

/// A decline in our list.
pub(crate) fn decline(processor_code: &str) -> Decline {
    let code_of_ours = decline_code(processor_code);
    // What Square itself cannot or will not do another processor may; what the shopper's bank refuses it
    // refuses anywhere.
    let elsewhere = match code_of_ours {
        DeclineCode::ProcessorUnavailable | DeclineCode::InvalidRequest => true,
        _ => matches!(processor_code, "PAYMENT_LIMIT_EXCEEDED" | "INSUFFICIENT_PERMISSIONS"),
    };
    Decline { code: code_of_ours, elsewhere, processor_code: Some(code(processor_code)) }
}

fn decline_code(processor_code: &str) -> DeclineCode {
    match processor_code {
        "BUYER_REFUSED_PAYMENT"
        | "CARD_DECLINED"
        | "CARD_DECLINED_CALL_ISSUER"
        | "GENERIC_DECLINE"
        | "READER_DECLINED"
        | "VOICE_FAILURE" => DeclineCode::CardDeclined,
        "INSUFFICIENT_FUNDS" | "GIFT_CARD_AVAILABLE_AMOUNT" => DeclineCode::InsufficientFunds,
        "CARD_EXPIRED" | "EXPIRATION_FAILURE" => DeclineCode::ExpiredCard,
        "CVV_FAILURE"
        | "VERIFY_CVV_FAILURE"
        | "ADDRESS_VERIFICATION_FAILURE"
        | "VERIFY_AVS_FAILURE"
        | "INVALID_POSTAL_CODE"
        | "INVALID_CARD"
        | "INVALID_CARD_DATA"
        | "PAN_FAILURE"
        | "BAD_EXPIRATION"
        | "INVALID_EXPIRATION"
        | "INVALID_EXPIRATION_DATE"
        | "INVALID_EXPIRATION_YEAR"
        | "INVALID_PIN"
        | "MISSING_PIN" => DeclineCode::IncorrectDetails,
        "CARD_DECLINED_VERIFICATION_REQUIRED" => DeclineCode::AuthenticationFailed,
        "INVALID_ACCOUNT" | "ACCOUNT_UNUSABLE" => DeclineCode::StolenOrLost,
        "TRANSACTION_LIMIT"
        | "PAYMENT_LIMIT_EXCEEDED"
        | "AMOUNT_TOO_HIGH"
        | "ALLOWABLE_PIN_TRIES_EXCEEDED" => DeclineCode::LimitExceeded,
        "CARD_NOT_SUPPORTED"
        | "UNSUPPORTED_CARD_BRAND"
        | "UNSUPPORTED_ENTRY_METHOD"
        | "UNSUPPORTED_INSTRUMENT_TYPE"
        | "UNSUPPORTED_SOURCE_TYPE"
        | "CARDHOLDER_INSUFFICIENT_PERMISSIONS"
        | "INSUFFICIENT_PERMISSIONS"
        | "MANUALLY_ENTERED_PAYMENT_NOT_SUPPORTED"
        | "CARD_PRESENCE_REQUIRED"
        | "CHIP_INSERTION_REQUIRED" => DeclineCode::MethodNotAvailable,
        "TEMPORARY_ERROR"
        | "INTERNAL_SERVER_ERROR"
        | "BAD_GATEWAY"
        | "SERVICE_UNAVAILABLE"
        | "GATEWAY_TIMEOUT" => DeclineCode::ProcessorUnavailable,
        "PAYMENT_AMOUNT_MISMATCH" | "CURRENCY_MISMATCH" | "INVALID_LOCATION" => DeclineCode::InvalidRequest,
        _ => DeclineCode::Other,
    }
}

/// A checkout that Square refused to open. Another processor may well take it.
pub(crate) fn refused_request(processor_code: &str) -> Decline {
    let code_of_ours = match processor_code {
        "AMOUNT_TOO_HIGH" | "VALUE_TOO_HIGH" | "VALUE_TOO_LOW" | "PAYMENT_LIMIT_EXCEEDED" => {
            DeclineCode::LimitExceeded
        }
        _ => DeclineCode::InvalidRequest,
    };
    Decline { code: code_of_ours, elsewhere: true, processor_code: Some(code(processor_code)) }
}

/// A processor's own code, kept to the characters and length that the contract allows.
pub(crate) fn code(text: &str) -> String {
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "_-.".contains(*character);
    text.chars().filter(allowed).take(CODE_CHARS_MAX).collect()
}
