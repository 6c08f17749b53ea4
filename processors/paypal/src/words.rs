//! What PayPal's words mean in ours: states of orders, authorizations, captures, refunds and disputes, and the
//! issues of refusals.
//!
//! Source: PayPal's published API descriptions (Orders 2.13, Payments 2.5, Disputes 1.10).
//!
//! Invariant: no word is rounded to a nearby one. A state of a payment that we do not know is `Unknown`; an
//! item in a state that we do not know is still pending, because nothing says how it ended.

use processor_sdk::{Decline, DeclineCode, ItemState, Word};

/// The contract's limit for a processor's own code, in characters.
const CODE_CHARS_MAX: usize = 64;

/// What an order says, given what its payments say. "Completed" alone is no money.
pub(crate) fn of_order(status: &str, payments: Option<Word>) -> Word {
    match (status, payments) {
        ("CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED" | "APPROVED" | "COMPLETED" | "VOIDED", Some(word))
            if word != Word::Declined =>
        {
            word
        }
        ("COMPLETED", Some(declined)) => declined,
        // After a failed try the shopper may go on with another one.
        ("CREATED" | "SAVED" | "PAYER_ACTION_REQUIRED", _) => Word::Open,
        ("APPROVED", _) => Word::NeedsCompletion,
        ("VOIDED", _) => Word::Voided,
        (other, _) => unknown(other),
    }
}

/// What the authorization and the captures of an order say; `None` when there are none. Money that was taken
/// comes first, then words that we do not know.
pub(crate) fn of_payments(authorizations: &[&str], captures: &[&str]) -> Option<Word> {
    let is_capture = |states: &[&str]| captures.iter().any(|status| states.contains(status));
    if captures.iter().any(|status| is_taken(status)) {
        return Some(Word::Paid);
    }
    if let Some(strange) = captures.iter().find(|status| !is_known_capture(status)) {
        return Some(unknown(strange));
    }
    // Several authorizations are several tries at the same money: the best of them counts.
    let best =
        authorizations.iter().map(|status| of_authorization(status, captures)).max_by_key(
            |word| match word {
                Word::Unknown(_) => 4,
                Word::Authorized => 3,
                Word::Pending => 2,
                Word::Voided => 1,
                Word::Declined | Word::Open | Word::NeedsCompletion | Word::Paid | Word::Expired => 0,
            },
        );
    best.or_else(|| is_capture(&["PENDING"]).then_some(Word::Pending))
        .or_else(|| (!captures.is_empty()).then_some(Word::Declined))
}

fn of_authorization(status: &str, captures: &[&str]) -> Word {
    match status {
        "CREATED" => Word::Authorized,
        // The captures say how much; without them nobody knows.
        "CAPTURED" | "PARTIALLY_CAPTURED" if !captures.is_empty() => Word::Authorized,
        "PENDING" => Word::Pending,
        "DENIED" => Word::Declined,
        "VOIDED" => Word::Voided,
        other => unknown(other),
    }
}

/// Whether a reservation was made and stands, or was used.
pub(crate) fn is_reserved(authorization: &str) -> bool {
    matches!(authorization, "CREATED" | "CAPTURED" | "PARTIALLY_CAPTURED")
}

/// Whether a capture took money, whatever became of it since.
pub(crate) fn is_taken(capture: &str) -> bool {
    matches!(capture, "COMPLETED" | "PARTIALLY_REFUNDED" | "REFUNDED")
}

fn is_known_capture(capture: &str) -> bool {
    is_taken(capture) || matches!(capture, "PENDING" | "DECLINED" | "FAILED")
}

/// A capture by itself. One that is pending or failed says nothing new about the authorization it is of.
pub(crate) fn of_capture(status: &str) -> Option<Word> {
    match status {
        taken if is_taken(taken) => Some(Word::Paid),
        known if is_known_capture(known) => None,
        other => Some(unknown(other)),
    }
}

pub(crate) fn state_of_capture(status: &str) -> ItemState {
    match status {
        taken if is_taken(taken) => ItemState::Succeeded,
        "DECLINED" | "FAILED" => ItemState::Failed,
        // `PENDING`, and whatever PayPal may add.
        _ => ItemState::Pending,
    }
}

pub(crate) fn state_of_refund(status: &str) -> ItemState {
    match status {
        "COMPLETED" => ItemState::Succeeded,
        "FAILED" | "CANCELLED" => ItemState::Failed,
        // `PENDING`, and whatever PayPal may add.
        _ => ItemState::Pending,
    }
}

/// A dispute's state. Of the outcomes only those count that say who has the money; the others (`ACCEPTED`,
/// `DENIED`, `RESOLVED_WITH_PAYOUT`, `NONE`) are left open for a person.
pub(crate) fn state_of_dispute(status: &str, outcome: Option<&str>) -> ItemState {
    match (status, outcome) {
        ("RESOLVED", Some("RESOLVED_BUYER_FAVOUR")) => ItemState::Succeeded,
        ("RESOLVED", Some("RESOLVED_SELLER_FAVOUR" | "CANCELED_BY_BUYER")) => ItemState::Failed,
        _ => ItemState::Pending,
    }
}

/// What a refusal to complete an order means for the attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// The shopper has to go to PayPal again: another card, another step.
    TryAgain,
    /// Nobody can pay this way.
    Final,
    /// The order's time is over.
    Expired,
    /// Nothing by itself: the order says what is so.
    Other,
}

pub(crate) fn of_completion(issue: &str) -> Refused {
    match issue {
        "INSTRUMENT_DECLINED" | "PAYER_ACTION_REQUIRED" | "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING" => {
            Refused::TryAgain
        }
        "ORDER_EXPIRED" => Refused::Expired,
        known if decline_code(known).is_some() => Refused::Final,
        // `ORDER_NOT_APPROVED`, `ORDER_ALREADY_CAPTURED`, `ORDER_ALREADY_AUTHORIZED`, and whatever PayPal may add.
        _ => Refused::Other,
    }
}

/// Whether an earlier try of the same may be why a capture or refund is refused, given whether PayPal shows all
/// of them and ours is not there. Its number being taken says so in any case.
pub(crate) fn may_be_done(issue: &str, all_are_shown: bool) -> bool {
    match issue {
        "DUPLICATE_INVOICE_ID" => true,
        "AUTHORIZATION_ALREADY_CAPTURED"
        | "MAX_CAPTURE_AMOUNT_EXCEEDED"
        | "MAX_CAPTURE_COUNT_EXCEEDED"
        | "CAPTURE_FULLY_REFUNDED"
        | "REFUND_AMOUNT_EXCEEDED"
        | "MAX_NUMBER_OF_REFUNDS_EXCEEDED" => !all_are_shown,
        _ => false,
    }
}

/// An issue or a bank's code in our list.
pub(crate) fn decline(processor_code: &str) -> Decline {
    let code_of_ours = decline_code(processor_code).unwrap_or(DeclineCode::Other);
    // What PayPal or the merchant's account there cannot do another processor may. What a bank refuses it
    // refuses anywhere, and a suspicion of fraud is not carried from door to door.
    let elsewhere = match processor_code {
        "TRANSACTION_LIMIT_EXCEEDED" | "TRANSACTION_RECEIVING_LIMIT_EXCEEDED" => true,
        _ => matches!(code_of_ours, DeclineCode::MethodNotAvailable | DeclineCode::ProcessorUnavailable),
    };
    Decline { code: code_of_ours, elsewhere, processor_code: Some(code(processor_code)) }
}

/// Issues by their names; numbers are those of `processor_response.response_code` for cards.
fn decline_code(processor_code: &str) -> Option<DeclineCode> {
    Some(match processor_code {
        "INSTRUMENT_DECLINED"
        | "REDIRECT_PAYER_FOR_ALTERNATE_FUNDING"
        | "PAYMENT_SOURCE_DECLINED_BY_PROCESSOR"
        | "DECLINED_DUE_TO_RELATED_TXN"
        | "TRANSACTION_REFUSED"
        | "0500"
        | "5100"
        | "5180"
        | "5210"
        | "5700"
        | "9540" => DeclineCode::CardDeclined,
        "5120" => DeclineCode::InsufficientFunds,
        "CARD_EXPIRED" | "REFERENCED_CARD_EXPIRED" | "5400" => DeclineCode::ExpiredCard,
        "00N7" | "1330" | "1380" | "1382" | "5110" | "5130" | "5170" | "5500" => {
            DeclineCode::IncorrectDetails
        }
        "5650" | "7700" | "7710" => DeclineCode::AuthenticationFailed,
        "PAYER_ACCOUNT_LOCKED_OR_CLOSED" | "PAYER_ACCOUNT_RESTRICTED" | "1352" | "5140" | "9520" => {
            DeclineCode::StolenOrLost
        }
        "PAYEE_BLOCKED_TRANSACTION" | "TRANSACTION_BLOCKED_BY_PAYEE" | "9500" | "9510" => {
            DeclineCode::SuspectedFraud
        }
        "TRANSACTION_LIMIT_EXCEEDED"
        | "TRANSACTION_RECEIVING_LIMIT_EXCEEDED"
        | "AUTHORIZATION_AMOUNT_EXCEEDED"
        | "MAX_NUMBER_OF_PAYMENT_ATTEMPTS_EXCEEDED"
        | "MAX_VALUE_EXCEEDED"
        | "5135"
        | "5710" => DeclineCode::LimitExceeded,
        "PAYER_CANNOT_PAY"
        | "DOMESTIC_TRANSACTION_REQUIRED"
        | "AUTH_CAPTURE_NOT_ENABLED"
        | "CARD_BRAND_NOT_SUPPORTED"
        | "PAYMENT_SOURCE_CANNOT_BE_USED"
        | "PAYMENT_SOURCE_NOT_SUPPORTED"
        | "NOT_ENABLED_FOR_CARD_PROCESSING"
        | "NOT_ENABLED_FOR_BANK_PROCESSING"
        | "PAYEE_NOT_ENABLED_FOR_CARD_PROCESSING"
        | "PAYEE_NOT_ENABLED_FOR_BANK_PROCESSING"
        | "PAYEE_ACCOUNT_INVALID"
        | "PAYEE_ACCOUNT_LOCKED_OR_CLOSED"
        | "PAYEE_ACCOUNT_RESTRICTED" => DeclineCode::MethodNotAvailable,
        "0960" | "5910" | "5920" | "8000" | "9100" => DeclineCode::ProcessorUnavailable,
        "COMPLIANCE_VIOLATION" => DeclineCode::Other,
        _ => return None,
    })
}

/// An order that PayPal refused to make. Another processor may well take it.
pub(crate) fn refused_order(issue: &str) -> Decline {
    let code_of_ours = decline_code(issue).unwrap_or(DeclineCode::InvalidRequest);
    Decline { code: code_of_ours, elsewhere: true, processor_code: Some(code(issue)) }
}

fn unknown(word: &str) -> Word {
    Word::Unknown(code(word))
}

/// A processor's own code, kept to the characters and length that the contract allows.
pub(crate) fn code(text: &str) -> String {
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "_-.".contains(*character);
    text.chars().filter(allowed).take(CODE_CHARS_MAX).collect()
}
