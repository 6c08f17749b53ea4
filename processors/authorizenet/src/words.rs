//! What Authorize.Net's words mean in ours: states of payments and refunds, response reasons, error codes.
//!
//! Source: the enumeration `transactionStatusEnum` of the published schema, and the response and error codes of
//! developer.authorize.net.
//!
//! Invariant: no word is rounded to a nearby one. A state of a payment that we do not know is `Unknown`; a
//! refund in a state that we do not know is still pending, because nothing says how it ended.

use processor_sdk::{Decline, DeclineCode, Fault, ItemState, Word};

/// The contract's limit for a processor's own code, in characters.
const CODE_CHARS_MAX: usize = 64;

/// The type of a record that gives money back.
pub(crate) const REFUND: &str = "refundTransaction";
/// The status of a payment that was taken, but whose money never came.
pub(crate) const NOT_SETTLED: &str = "settlementError";

/// Seconds until a request that was refused because Authorize.Net is busy may be sent again.
const BUSY_S: u32 = 5;

/// What a payment's status says. Nothing, where it only says that a void did not happen.
pub(crate) fn of_payment(status: &str, kind: &str) -> Option<Word> {
    Some(match (status, kind) {
        ("authorizedPendingCapture", _) => Word::Authorized,
        (
            "capturedPendingSettlement"
            | "pendingSettlement"
            | "pendingFinalSettlement"
            | "updatingSettlement"
            | "settledSuccessfully",
            _,
        ) => Word::Paid,
        // The money was taken, whatever the bank does with it later.
        ("chargeback" | "chargebackReversal" | "returnedItem", _) => Word::Paid,
        ("approvedReview", "authOnlyTransaction") => Word::Authorized,
        (
            "approvedReview",
            "authCaptureTransaction" | "priorAuthCaptureTransaction" | "captureOnlyTransaction",
        ) => Word::Paid,
        (
            "FDSPendingReview" | "FDSAuthorizedPendingReview" | "underReview" | "authorizedPendingRelease",
            _,
        ) => Word::Pending,
        _ if is_failed(status) => Word::Declined,
        // An authorization that lapsed is released like one that was voided.
        ("voided" | "expired", _) => Word::Voided,
        ("couldNotVoid", _) => return None,
        (other, _) => Word::Unknown(code(other)),
    })
}

/// Whether a status says that a try to pay failed. The shopper may try again on the same page.
pub(crate) fn is_failed(status: &str) -> bool {
    matches!(status, "declined" | "generalError" | "communicationError" | "failedReview" | "settlementError")
}

/// A refund's state.
pub(crate) fn of_refund(status: &str) -> ItemState {
    match status {
        "refundSettledSuccessfully" => ItemState::Succeeded,
        "voided" | "expired" => ItemState::Failed,
        _ if is_failed(status) => ItemState::Failed,
        // `refundPendingSettlement`, states of a review, and whatever Authorize.Net may add.
        _ => ItemState::Pending,
    }
}

/// The dispute that a payment's status tells of. Nothing else tells of one, and nothing tells how it ends but
/// its reversal.
pub(crate) fn of_dispute(status: &str) -> Option<ItemState> {
    match status {
        "chargeback" | "returnedItem" => Some(ItemState::Pending),
        "chargebackReversal" => Some(ItemState::Failed),
        _ => None,
    }
}

/// How money of a payment can be given back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum GivingBack {
    /// By a refund: it is settled.
    Refund,
    /// Whole by a void, in part only once it is settled (once a day).
    VoidOrWait,
    /// It was voided.
    Done,
    /// Not at all: nothing was taken.
    Impossible,
}

/// # Errors
/// [`Fault::Unreadable`] for a status that we do not know: nothing is sent then.
pub(crate) fn giving_back(status: &str, kind: &str) -> Result<GivingBack, Fault> {
    if status == "settledSuccessfully" || of_dispute(status).is_some() {
        return Ok(GivingBack::Refund);
    }
    match of_payment(status, kind) {
        Some(Word::Paid) => Ok(GivingBack::VoidOrWait),
        Some(Word::Voided) => Ok(GivingBack::Done),
        Some(Word::Unknown(_)) | None => Err(Fault::unreadable("expected a payment in a state that we know")),
        Some(
            Word::Open
            | Word::NeedsCompletion
            | Word::Pending
            | Word::Authorized
            | Word::Declined
            | Word::Expired,
        ) => Ok(GivingBack::Impossible),
    }
}

/// Whether a reason leaves it open what became of an order: something failed on the way to the bank.
pub(crate) fn is_doubtful(reason: &str) -> bool {
    decline_code(reason) == DeclineCode::ProcessorUnavailable
}

/// A decline in our list, by its `responseReasonCode`.
pub(crate) fn decline(reason: &str) -> Decline {
    let code_of_ours = decline_code(reason);
    // What Authorize.Net itself cannot do another processor may; what the shopper's bank refuses it refuses
    // anywhere, and a suspicion of fraud is not carried from door to door.
    let elsewhere = matches!(
        code_of_ours,
        DeclineCode::MethodNotAvailable | DeclineCode::ProcessorUnavailable | DeclineCode::InvalidRequest
    );
    Decline { code: code_of_ours, elsewhere, processor_code: Some(code(reason)) }
}

fn decline_code(reason: &str) -> DeclineCode {
    match reason {
        "2" | "3" => DeclineCode::CardDeclined,
        "4" => DeclineCode::StolenOrLost,
        "8" | "317" => DeclineCode::ExpiredCard,
        // Number, date and code of the card, and the address that its bank compares.
        "6" | "7" | "27" | "37" | "44" | "45" | "65" | "78" | "127" | "165" | "315" | "316" => {
            DeclineCode::IncorrectDetails
        }
        "41" | "141" | "145" | "250" | "251" | "254" => DeclineCode::SuspectedFraud,
        "49" => DeclineCode::LimitExceeded,
        "17" | "28" => DeclineCode::MethodNotAvailable,
        "19" | "20" | "21" | "22" | "23" | "25" | "26" | "57" | "58" | "59" | "60" | "61" | "62" | "63"
        | "120" | "121" | "122" | "261" => DeclineCode::ProcessorUnavailable,
        "5" | "13" | "30" | "33" | "39" => DeclineCode::InvalidRequest,
        _ => DeclineCode::Other,
    }
}

/// Whether an error code says that a request was read, refused, and did nothing.
pub(crate) fn is_refusal(error: &str) -> bool {
    matches!(error, "E00003" | "E00013" | "E00014" | "E00015" | "E00016" | "E00040")
}

/// A page that Authorize.Net refused to make. Another processor may well take the payment.
pub(crate) fn refused_page(error: &str) -> Decline {
    Decline { code: DeclineCode::InvalidRequest, elsewhere: true, processor_code: Some(code(error)) }
}

/// What an error code says that is no answer to the question. The response's own status is 200 for all.
pub(crate) fn fault(error: &str) -> Fault {
    match error {
        "E00053" => Fault::Throttled { retry_after_s: Some(BUSY_S) },
        "E00001" | "E00104" => Fault::Processor { status: 503 },
        "E00005" | "E00006" | "E00007" => Fault::Credentials { status: 401 },
        "E00008" | "E00010" | "E00011" => Fault::Credentials { status: 403 },
        _ => Fault::unreadable("expected no error, or one that we know, at /messages/message/0/code"),
    }
}

/// A processor's own code, kept to the characters and length that the contract allows.
pub(crate) fn code(text: &str) -> String {
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "_-.".contains(*character);
    text.chars().filter(allowed).take(CODE_CHARS_MAX).collect()
}
