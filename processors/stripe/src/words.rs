//! What Stripe's words mean in ours: states of sessions, payments, refunds and disputes, and decline codes.
//!
//! Source: Stripe's API reference (docs.stripe.com/api) and "Decline codes" (docs.stripe.com/declines/codes).
//!
//! Invariant: no word is rounded to a nearby one. A state of a payment that we do not know is `Unknown`; an
//! item in a state that we do not know is still pending, because nothing says how it ended.

use processor_sdk::{Decline, DeclineCode, ItemState, Word};

/// The contract's limit for a processor's own code, in characters.
const CODE_CHARS_MAX: usize = 64;

/// What a Checkout Session says. Its `payment_intent` has the last word about money once it is there; until
/// the shopper submits, there is none.
pub(crate) fn of_session(status: &str, payment_status: &str, intent_status: Option<&str>) -> Word {
    if !matches!(payment_status, "paid" | "unpaid" | "no_payment_required") {
        return unknown(payment_status);
    }
    match (status, intent_status) {
        ("open" | "complete" | "expired", None) => without_intent(status, payment_status),
        ("open" | "complete" | "expired", Some(intent)) => match (of_intent(intent), status) {
            (word @ (Word::Paid | Word::Authorized | Word::Unknown(_)), _) => word,
            // A declined card ends nothing: the shopper tries another one as long as the page is open.
            (_, "open") => Word::Open,
            (_, "expired") => Word::Expired,
            (Word::Voided, _) => Word::Voided,
            (Word::Open, _) if intent == "requires_payment_method" => Word::Declined,
            (_, _) => Word::Pending,
        },
        (other, _) => unknown(other),
    }
}

/// A session whose payment is not shown. "Complete" alone is no money: delayed methods are still unpaid, and
/// a payment that was not required is none that we asked for.
fn without_intent(status: &str, payment_status: &str) -> Word {
    match (status, payment_status) {
        (_, "paid") => Word::Paid,
        (_, "no_payment_required") => unknown(payment_status),
        ("open", _) => Word::Open,
        ("expired", _) => Word::Expired,
        (_, _) => Word::Pending,
    }
}

/// What a PaymentIntent says by itself.
pub(crate) fn of_intent(status: &str) -> Word {
    match status {
        "succeeded" => Word::Paid,
        "requires_capture" => Word::Authorized,
        "processing" => Word::Pending,
        "canceled" => Word::Voided,
        "requires_payment_method" | "requires_confirmation" | "requires_action" => Word::Open,
        other => unknown(other),
    }
}

fn unknown(word: &str) -> Word {
    Word::Unknown(code(word))
}

/// A refund's state. A success can still turn into a failure days later.
pub(crate) fn of_refund(status: &str) -> ItemState {
    match status {
        "succeeded" => ItemState::Succeeded,
        "failed" | "canceled" => ItemState::Failed,
        // `pending`, `requires_action`, and whatever Stripe may add.
        _ => ItemState::Pending,
    }
}

/// A dispute's state. A closed warning and a prevented dispute take no money back.
pub(crate) fn of_dispute(status: &str) -> ItemState {
    match status {
        "lost" => ItemState::Succeeded,
        "won" | "warning_closed" | "prevented" => ItemState::Failed,
        // `needs_response`, `under_review`, their `warning_` and `appeal_` forms, and whatever Stripe may add.
        _ => ItemState::Pending,
    }
}

/// A decline in our list. Stripe's `decline_code` is nearer to the reason than its `code`.
pub(crate) fn decline(processor_code: &str) -> Decline {
    let code_of_ours = decline_code(processor_code);
    // What Stripe itself cannot do another processor may; what the shopper's bank refuses it refuses anywhere,
    // and a suspicion of fraud is not carried from door to door.
    let elsewhere = match processor_code {
        "processing_error" | "payment_method_provider_timeout" | "payment_method_not_available" => true,
        _ => code_of_ours == DeclineCode::InvalidRequest,
    };
    Decline { code: code_of_ours, elsewhere, processor_code: Some(code(processor_code)) }
}

fn decline_code(processor_code: &str) -> DeclineCode {
    match processor_code {
        "card_declined"
        | "generic_decline"
        | "do_not_honor"
        | "call_issuer"
        | "no_action_taken"
        | "do_not_try_again"
        | "revocation_of_authorization"
        | "revocation_of_all_authorizations"
        | "stop_payment_order"
        | "duplicate_transaction"
        | "new_account_information_available"
        | "testmode_decline"
        | "bank_account_declined"
        | "payment_method_provider_decline" => DeclineCode::CardDeclined,
        "insufficient_funds" => DeclineCode::InsufficientFunds,
        "expired_card" => DeclineCode::ExpiredCard,
        "incorrect_number"
        | "invalid_number"
        | "incorrect_cvc"
        | "invalid_cvc"
        | "incorrect_zip"
        | "incorrect_address"
        | "incorrect_pin"
        | "invalid_pin"
        | "invalid_expiry_month"
        | "invalid_expiry_year" => DeclineCode::IncorrectDetails,
        "authentication_required"
        | "authentication_not_handled"
        | "mobile_device_authentication_required"
        | "payment_intent_authentication_failure" => DeclineCode::AuthenticationFailed,
        "lost_card" | "stolen_card" | "pickup_card" | "restricted_card" | "invalid_account"
        | "account_closed" => DeclineCode::StolenOrLost,
        "fraudulent" | "merchant_blacklist" | "security_violation" => DeclineCode::SuspectedFraud,
        "card_velocity_exceeded"
        | "withdrawal_count_limit_exceeded"
        | "pin_try_exceeded"
        | "card_decline_rate_limit_exceeded" => DeclineCode::LimitExceeded,
        "card_not_supported"
        | "currency_not_supported"
        | "service_not_allowed"
        | "not_permitted"
        | "transaction_not_allowed"
        | "payment_method_not_available" => DeclineCode::MethodNotAvailable,
        "processing_error"
        | "issuer_not_available"
        | "try_again_later"
        | "reenter_transaction"
        | "approve_with_id"
        | "payment_method_provider_timeout" => DeclineCode::ProcessorUnavailable,
        "live_mode_test_card" | "test_mode_live_card" | "invalid_amount" => DeclineCode::InvalidRequest,
        "payment_method_customer_decline" => DeclineCode::CanceledByCustomer,
        _ => DeclineCode::Other,
    }
}

/// A checkout that Stripe refused to open. Another processor may well take it.
pub(crate) fn refused_request(processor_code: &str) -> Decline {
    let code_of_ours = match processor_code {
        "amount_too_large" | "amount_too_small" => DeclineCode::LimitExceeded,
        _ => DeclineCode::InvalidRequest,
    };
    Decline { code: code_of_ours, elsewhere: true, processor_code: Some(code(processor_code)) }
}

/// A processor's own code, kept to the characters and length that the contract allows.
pub(crate) fn code(text: &str) -> String {
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "_-.".contains(*character);
    text.chars().filter(allowed).take(CODE_CHARS_MAX).collect()
}
