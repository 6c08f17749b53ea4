//! What Adyen's words mean in ours: states of links and sessions, and codes of refusals.
//!
//! Source: Adyen's published API description, Checkout v72 (`PaymentLinkResponse`, `SessionResultResponse`,
//! `ServiceError`).
//!
//! Invariant: no word is rounded to a nearby one, and no page's word is money: that the shopper has completed a
//! payment is still pending until the webhook, or the session's own list of payments, names what was authorized.

use processor_sdk::{Decline, DeclineCode, Word};

/// Adyen's spelling of the event that says how a try to pay ended.
pub(crate) const AUTHORIZATION: &str = "AUTHORISATION";
/// Adyen's spelling of the event that says that what is reserved was changed.
pub(crate) const ADJUSTMENT: &str = "AUTHORISATION_ADJUSTMENT";
/// Adyen's spelling of the result of a payment that is reserved.
pub(crate) const AUTHORIZED: &str = "Authorised";

/// The contract's limit for a processor's own code, in characters.
const CODE_CHARS_MAX: usize = 64;

/// What a payment link says. `paid` stands in the API description without a word of explanation, so it says
/// no more than `completed`.
pub(crate) fn of_link(status: &str) -> Word {
    match status {
        "active" => Word::Open,
        "paymentPending" | "completed" | "paid" => Word::Pending,
        "expired" => Word::Expired,
        other => unknown(other),
    }
}

/// What a hosted session says, apart from its payments.
pub(crate) fn of_session(status: &str) -> Word {
    match status {
        "active" => Word::Open,
        "paymentPending" | "completed" => Word::Pending,
        "refused" | "canceled" => Word::Declined,
        "expired" => Word::Expired,
        other => unknown(other),
    }
}

fn unknown(word: &str) -> Word {
    Word::Unknown(code(word))
}

/// Why a session ended without a payment.
pub(crate) fn session_decline(status: &str) -> Option<Decline> {
    let code = match status {
        "canceled" => DeclineCode::CanceledByCustomer,
        "refused" => DeclineCode::CardDeclined,
        _ => return None,
    };
    Some(Decline { code, elsewhere: false, processor_code: None })
}

/// A try that failed on the page. Why is written only where the signature does not reach, so nothing nearer
/// can be said.
pub(crate) const fn failed_try() -> Decline {
    Decline { code: DeclineCode::CardDeclined, elsewhere: false, processor_code: None }
}

/// A checkout that Adyen refused to open. Another processor may well take it.
pub(crate) fn refused_request(error_code: &str) -> Decline {
    let code_of_ours = match error_code {
        // The currency is not one that this account takes.
        "138" => DeclineCode::MethodNotAvailable,
        _ => DeclineCode::InvalidRequest,
    };
    Decline { code: code_of_ours, elsewhere: true, processor_code: Some(code(error_code)) }
}

/// A processor's own code, kept to the characters and length that the contract allows.
pub(crate) fn code(text: &str) -> String {
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "_-.".contains(*character);
    text.chars().filter(allowed).take(CODE_CHARS_MAX).collect()
}
