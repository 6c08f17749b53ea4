//! What has happened to a payment, in the past tense. The only thing that changes its state.
//!
//! Events are stored as they stand here and never changed; new fields are optional, and new kinds are added.

use processor_sdk::{Decline, Facts, Money, OperationKind, Timestamp};
use serde::{Deserialize, Serialize};

use crate::chain::EventHash;
use crate::ids::{AttemptId, CaptureId, DisputeId, OperationId, RefundId};
use crate::payment::{
    Attempt, Capture, Check, Closed, Dispute, DisputeStatus, LastError, Operation, PaymentIntent,
    QuarantineReason, Refund, Resolution, Status, TransferStatus,
};

/// Who or what caused an event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "by", rename_all = "snake_case")]
pub enum Cause {
    /// The cart's API.
    Api {
        /// Id of the API key.
        key_id: String,
    },
    /// The shopper at the checkout or on return; never evidence of payment.
    Shopper,
    /// A verified delivery of the processor.
    Webhook {
        /// The stored delivery.
        delivery_id: String,
    },
    /// The processor's answer to our own request.
    Processor,
    /// A timer of ours.
    Timer,
    /// An operator.
    Operator {
        /// Who, as the operator's shell says.
        name: String,
    },
}

/// What is taken as it is when a quarantine ends.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Accepted {
    /// Amounts that processors name instead of what was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub amounts: Vec<(AttemptId, Money)>,
    /// Attempts of which only amounts in the payment's own currency count.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own_currency_only: Vec<AttemptId>,
    /// Attempts that were dealt with at the processor and count for nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disowned: Vec<AttemptId>,
    /// What captures of ours really took.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub captures: Vec<(CaptureId, Money)>,
    /// What refunds of ours really gave back.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refunds: Vec<(RefundId, Money)>,
    /// All that is kept, where that is more than was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured: Option<Money>,
    /// All that was given back, where that is more than was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded: Option<Money>,
    /// Captures, by attempt and name, that the processor took back by its word.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<(AttemptId, String)>,
}

/// What an operator knows of a processor's doings, from its dashboard or a bank statement.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum ByHand {
    /// The attempt took this much.
    Paid {
        /// How much.
        amount: Money,
    },
    /// The attempt took nothing and will not.
    NotPaid,
    /// What was asked was done.
    Done {
        /// Which operation.
        operation_id: OperationId,
    },
    /// What was asked was not done and will not be.
    NotDone {
        /// Which operation.
        operation_id: OperationId,
    },
}

/// One event with when and why.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recorded {
    /// Position in the payment's history, from 1.
    pub version: u64,
    /// When the hub decided it.
    pub at: Timestamp,
    /// Who or what caused it.
    pub cause: Cause,
    /// What happened.
    pub event: Event,
    /// Hash of the event before it.
    pub previous: EventHash,
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// The cart created the intent. Holds it as it began.
    Created {
        /// The intent, with nothing yet hanging on it.
        intent: Box<PaymentIntent>,
    },
    /// A try began.
    AttemptStarted {
        /// The attempt, with nothing yet hanging on it.
        attempt: Box<Attempt>,
    },
    /// Another attempt took this one's place.
    AttemptSuperseded {
        /// Which.
        attempt_id: AttemptId,
    },
    /// The shopper was shown the processor's door.
    DoorOpened {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// When the door closes, if before the intent's own time.
        expires_at: Option<Timestamp>,
    },
    /// The shopper's browser came back; no evidence of anything.
    ShopperReturned {
        /// To which attempt.
        attempt_id: AttemptId,
    },
    /// Something is to be asked of the processor.
    OperationAsked {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// What.
        operation: Operation,
    },
    /// Certainly nothing happened; it will be tried again.
    OperationNotSent {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// Which.
        operation_id: OperationId,
        /// Why, in one line.
        why: String,
        /// When it is tried again.
        due_at: Timestamp,
    },
    /// It may have happened.
    OperationUnknown {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// Which.
        operation_id: OperationId,
        /// Why, in one line.
        why: String,
        /// When this very try may have reached the processor, if it may have.
        sent_at: Option<Timestamp>,
        /// Until when it may have, where nobody knows the very moment.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sent_until: Option<Timestamp>,
        /// When to find out; `None` when nothing automatic is left.
        due_at: Option<Timestamp>,
        /// That it has been in doubt for so long that a person should look, whatever is still tried.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        overdue: bool,
    },
    /// Its end is known.
    OperationDone {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// Which.
        operation_id: OperationId,
    },
    /// Certainly nothing happened, and it is given up.
    OperationGivenUp {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// Which.
        operation_id: OperationId,
        /// Why, in one line.
        why: String,
    },
    /// The processor said something new.
    FactsHeard {
        /// About which attempt.
        attempt_id: AttemptId,
        /// What.
        facts: Box<Facts>,
    },
    /// The next look-up of an attempt changed.
    CheckScheduled {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// When and how many so far; `None` when none is wanted any more.
        check: Option<Check>,
        /// That a look-up came to its end just now.
        checked: bool,
        /// As of when that look-up said again what stood already. Kept here, because recording the same
        /// facts at every look would grow the history without telling anything.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        confirmed_at: Option<Timestamp>,
    },
    /// An attempt failed at the processor.
    AttemptDeclined {
        /// Which.
        attempt_id: AttemptId,
        /// Why, as far as the processor said.
        decline: Option<Decline>,
    },
    /// Money was taken.
    MoneyCaptured {
        /// By which attempt.
        attempt_id: AttemptId,
        /// How much more than was recorded before.
        amount: Money,
    },
    /// The time to capture is nearly over.
    CaptureDue {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// When the processor releases what is authorized.
        capture_before: Timestamp,
    },
    /// A capture was asked, or the processor told of one.
    CaptureRecorded {
        /// The capture.
        capture: Capture,
    },
    /// A capture reached its end, or the processor told what it calls it.
    CaptureSettled {
        /// Which.
        capture_id: CaptureId,
        /// How; `Pending` leaves it as it stands.
        status: TransferStatus,
        /// The processor's id.
        processor_id: Option<String>,
    },
    /// A refund was asked, or the processor told of one.
    RefundRecorded {
        /// The refund.
        refund: Refund,
    },
    /// A refund's state changed (done, failed, or failed after it was done), or the processor told what it
    /// calls it.
    RefundSettled {
        /// Which.
        refund_id: RefundId,
        /// How; `Pending` leaves it as it stands.
        status: TransferStatus,
        /// The processor's reason for a failure.
        failure: Option<String>,
        /// The processor's id.
        processor_id: Option<String>,
    },
    /// A dispute was opened.
    DisputeRecorded {
        /// The dispute.
        dispute: Dispute,
    },
    /// A dispute's state changed.
    DisputeSettled {
        /// Which.
        dispute_id: DisputeId,
        /// How.
        status: DisputeStatus,
    },
    /// The cart asked to cancel.
    CancelRequested,
    /// The processor did not let us cancel.
    CancelFailed {
        /// Why, for the cart.
        error: LastError,
    },
    /// The door was closed.
    Closed {
        /// Why.
        why: Closed,
    },
    /// Facts do not match what was asked.
    Quarantined {
        /// Why.
        reason: QuarantineReason,
    },
    /// What stood against the facts was decided.
    QuarantineResolved {
        /// What it was.
        reason: QuarantineReason,
        /// How it ended.
        resolution: Resolution,
        /// Why, in the words of who decided.
        note: String,
        /// The policy that decided, when none of us did, such as `paid_twice = refund_later`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        policy: Option<String>,
        /// What is accepted with it.
        accepted: Accepted,
    },
    /// An operator said what became of something that the processor does not tell.
    SettledByHand {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// What is so.
        settlement: ByHand,
        /// How the operator knows.
        evidence: String,
    },
    /// The shopper's personal data, which was never part of this history, was erased.
    PersonalDataErased,
    /// The payment came out of a backup. Until their processors were asked what has happened since, nothing new
    /// is asked for these attempts.
    Restored {
        /// Which attempts.
        attempt_ids: Vec<AttemptId>,
        /// What the merchant hears is numbered on from here: beyond every number that can have been told since the
        /// backup. Absent where an earlier release restored.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sequence_after: Option<u64>,
    },
    /// An attempt's processor was asked for the first time after the payment came out of a backup.
    Reconciled {
        /// Which.
        attempt_id: AttemptId,
    },
    /// What was left of a partly captured reservation is out of reach: its processor named a time until which it could
    /// be captured, was asked well after it, and told of nothing new.
    RestLapsed {
        /// Of which attempt.
        attempt_id: AttemptId,
    },
    /// The status changed.
    StatusChanged {
        /// To what.
        to: Status,
        /// That the money came after the door was closed.
        late: bool,
        /// That the merchant hears of a way back to `requires_checkout`. Histories from before that was told stay
        /// as they are, and so do the numbers that their events have.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        reopened: bool,
    },
    /// An error that the cart should know of.
    ErrorNoted {
        /// What.
        error: LastError,
        /// About which kind of operation, when about one.
        operation: Option<OperationKind>,
    },
}
