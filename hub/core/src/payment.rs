//! The payment intent and everything that hangs on it: attempts, captures, refunds, disputes.
//!
//! This is the state that events fold into. It holds no personal data (that lives in its own rows), no
//! secret and no door to a processor's page.

use std::collections::BTreeMap;

use processor_sdk::{
    Capabilities, CaptureMode, IdempotencyProfile, ItemState, Money, OperationKind, Timestamp,
};
use serde::{Deserialize, Serialize};

use crate::chain::EventHash;
use crate::evidence::Evidence;
use crate::ids::{AttemptId, CaptureId, DisputeId, OperationId, OrderId, PaymentIntentId, RefundId, Scope};
use crate::retry::Pace;

/// The wish to collect an order's amount.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentIntent {
    /// Id.
    pub id: PaymentIntentId,
    /// Whose, and test or live.
    pub scope: Scope,
    /// What is sold.
    pub order_id: OrderId,
    /// The cart's own number for the order.
    pub order_reference: Option<String>,
    /// What to collect.
    pub amount: Money,
    /// When funds are taken.
    pub capture: CaptureMode,
    /// Where the shopper goes in the end.
    pub return_url: String,
    /// Where the shopper goes after giving up; `return_url` when absent.
    pub cancel_url: Option<String>,
    /// The shop's site, for routing.
    pub site: Option<String>,
    /// The connector that the cart insists on.
    pub connector: Option<String>,
    /// The cart's own notes.
    pub metadata: BTreeMap<String, String>,
    /// Unguessable part of the checkout URL.
    pub checkout_token: String,
    /// When it was created.
    pub created_at: Timestamp,
    /// When its door closes.
    pub expires_at: Timestamp,
    /// Where it stands.
    pub status: Status,
    /// That it was paid after the cart had heard that it would not be.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub paid_late: bool,
    /// That the cart asked to cancel it and the processor has not confirmed yet.
    pub cancel_requested: bool,
    /// Why its door is closed, when it is.
    pub closed: Option<Closed>,
    /// What stands against believing its facts, when something does.
    pub quarantine: Option<Quarantine>,
    /// What an operator or a policy decided about earlier quarantines.
    #[serde(default, skip_serializing_if = "Resolved::is_nothing")]
    pub resolved: Resolved,
    /// The last decline or failure that the cart should know of.
    pub last_error: Option<LastError>,
    /// Tries, oldest first.
    pub attempts: Vec<Attempt>,
    /// Captures, oldest first.
    pub captures: Vec<Capture>,
    /// Refunds, oldest first.
    pub refunds: Vec<Refund>,
    /// Disputes, oldest first.
    pub disputes: Vec<Dispute>,
    /// Number of events folded in: the version that a commit is guarded by.
    pub version: u64,
    /// Number of the last event published to the merchant.
    pub sequence: u64,
    /// What a backup knew of it, if it came out of one; the first one, if out of several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_at_restore: Option<KnownAtRestore>,
    /// Hash of the last event, which the next one will carry.
    #[serde(default, skip_serializing_if = "EventHash::is_none")]
    pub last_event: EventHash,
}

/// What a backup knew of a payment: transfers beyond these were asked for or heard of since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownAtRestore {
    /// How many captures, the oldest ones.
    pub captures: usize,
    /// How many refunds, the oldest ones.
    pub refunds: usize,
}

/// Where an intent stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// Waits for the shopper.
    RequiresCheckout,
    /// The shopper may have paid; the processor has not said so yet.
    Processing,
    /// Funds are reserved.
    RequiresCapture,
    /// Funds are taken.
    Succeeded,
    /// Every try failed.
    Failed,
    /// Called off.
    Canceled,
    /// Its time is over.
    Expired,
}

impl Status {
    /// Every status.
    pub const ALL: [Self; 7] = [
        Self::RequiresCheckout,
        Self::Processing,
        Self::RequiresCapture,
        Self::Succeeded,
        Self::Failed,
        Self::Canceled,
        Self::Expired,
    ];

    /// The word in the cart's API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RequiresCheckout => "requires_checkout",
            Self::Processing => "processing",
            Self::RequiresCapture => "requires_capture",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Expired => "expired",
        }
    }

    /// True when only late truth can change it.
    #[must_use]
    pub const fn is_end(self) -> bool {
        match self {
            Self::Succeeded | Self::Failed | Self::Canceled | Self::Expired => true,
            Self::RequiresCheckout | Self::Processing | Self::RequiresCapture => false,
        }
    }
}

/// Why the door is closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Closed {
    /// The cart canceled it.
    Canceled,
    /// Its time is over.
    Expired,
    /// The processor released the authorization.
    Voided,
    /// No try is left.
    Exhausted,
}

/// What stands against believing a processor's facts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quarantine {
    /// Why.
    pub reason: QuarantineReason,
    /// Since when.
    pub since: Timestamp,
}

/// What was decided about quarantines, so that the same facts do not raise them again.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Resolved {
    /// The shop keeps up to so much at a time, although it is more than was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured_up_to: Option<Money>,
    /// Up to so much may have been given back, although it is more than was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded_up_to: Option<Money>,
    /// Money that came after the door was closed counts as payment.
    #[serde(default)]
    pub late_is_welcome: bool,
    /// What was taken is given back, so that this is no payment.
    #[serde(default)]
    pub returned: bool,
    /// Captures, by attempt and name, that a processor took back by its word and somebody has looked at.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undone: Vec<(AttemptId, String)>,
    /// Reasons that a policy has acted on. It acts once; after that a person decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub by_policy: Vec<QuarantineReason>,
}

impl Resolved {
    /// That nothing was ever decided.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        *self == Self::default()
    }
}

/// How a quarantine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resolution {
    /// The processor's word counts as it is: what was taken is the payment.
    Accept,
    /// What should not have been taken is given back.
    Refund,
}

impl Resolution {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Accept => "accept",
            Self::Refund => "refund",
        }
    }
}

/// Why facts are not believed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuarantineReason {
    /// The processor names another amount than was asked.
    AmountMismatch,
    /// The processor names another currency than was asked.
    CurrencyMismatch,
    /// Two attempts took the money.
    PaidTwice,
    /// More was given back than was taken.
    RefundExceedsCaptured,
    /// The money came after the door was closed.
    PaidLate,
    /// What should be given back could not be.
    ReturnFailed,
    /// The processor took the money and says afterwards that it did not.
    CaptureUndone,
}

impl QuarantineReason {
    /// The word in the cart's API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AmountMismatch => "amount_mismatch",
            Self::CurrencyMismatch => "currency_mismatch",
            Self::PaidTwice => "paid_twice",
            Self::RefundExceedsCaptured => "refund_exceeds_captured",
            Self::PaidLate => "paid_late",
            Self::ReturnFailed => "return_failed",
            Self::CaptureUndone => "capture_undone",
        }
    }

    /// True when the payment's state must not follow the facts until an operator has looked.
    #[must_use]
    pub const fn blocks(self) -> bool {
        match self {
            Self::AmountMismatch | Self::CurrencyMismatch => true,
            Self::PaidTwice
            | Self::RefundExceedsCaptured
            | Self::PaidLate
            | Self::ReturnFailed
            | Self::CaptureUndone => false,
        }
    }
}

/// The last thing that went wrong, for the cart.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastError {
    /// A normalized decline code, or `processor_unreachable`, `capture_failed`, `cancel_failed`.
    pub code: String,
    /// The processor's own code.
    pub processor_code: Option<String>,
}

/// Which adapter opened an attempt: it keeps this one until nothing is left in flight or refundable.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdapterPin {
    /// Adapter name.
    pub name: String,
    /// Adapter version.
    pub version: String,
    /// SHA-256 of a plugin's file, in hex; absent for compiled-in adapters.
    pub content_hash: Option<String>,
}

/// What the core must know of a connector, fixed when the attempt starts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConnectorProfile {
    /// The operator's name for it.
    pub connector: String,
    /// Its adapter.
    pub adapter: AdapterPin,
    /// What it can do.
    pub capabilities: Capabilities,
    /// How its processor treats repeated requests.
    pub idempotency: IdempotencyProfile,
}

/// One try to fulfil an intent through one connector.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attempt {
    /// Id; its echo is what the processor sees.
    pub id: AttemptId,
    /// The connector as it was when the attempt started.
    pub profile: ConnectorProfile,
    /// Why routing chose it.
    pub reason: String,
    /// Unguessable part of the return URL.
    pub return_token: String,
    /// When it started.
    pub created_at: Timestamp,
    /// Merged facts.
    pub evidence: Evidence,
    /// When the shopper was first shown a door; money may move from then on.
    pub door_opened_at: Option<Timestamp>,
    /// When the door closes, if before the intent's own time.
    pub door_expires_at: Option<Timestamp>,
    /// When the shopper's browser first came back.
    pub returned_at: Option<Timestamp>,
    /// That opening failed for certain, so that another connector may be tried.
    pub not_sent: bool,
    /// That another attempt took its place.
    pub superseded: bool,
    /// That its decline was told to the cart.
    pub declined: bool,
    /// Things asked of the processor, oldest first.
    pub operations: Vec<Operation>,
    /// The next look-up, while something is open.
    pub check: Option<Check>,
    /// When the last look-up was answered.
    pub checked_at: Option<Timestamp>,
    /// That an operator has dealt with it at the processor: nothing that is said of it counts here.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub disowned: bool,
    /// That it came out of a backup and its processor was not asked since.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub restored: bool,
    /// That what was left of its reservation cannot be captured any more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub rest_lapsed: bool,
    /// The end of its authorization that the cart was reminded of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_due_told: Option<Timestamp>,
    /// Money of this attempt that was recorded as taken.
    pub captured: Money,
    /// Amounts that the processor names and that were accepted although they are not what was asked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accepted: Vec<Money>,
}

/// A scheduled look-up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// When.
    pub due_at: Timestamp,
    /// How many have been made while the attempt stood as it does.
    pub tries: u32,
    /// The pace they keep; absent for the one look that a hint asks for where nothing is open.
    pub pace: Option<Pace>,
    /// What a hint has to do with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<Hint>,
    /// That looks have brought no news for so long that a person should look after what they are made for.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
}

/// What a hint asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hint {
    /// This look: it is made even if nothing is open any more by then.
    This,
    /// The hint came when this look was due already: it may be on its way and have missed what is hinted at, so that
    /// another one follows.
    Next,
}

/// What an operation is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// The checkout or the payment as a whole.
    Payment,
    /// One capture.
    Capture(CaptureId),
    /// One refund.
    Refund(RefundId),
}

/// One thing asked of a processor that may change something there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Id; its body is the idempotency key.
    pub id: OperationId,
    /// What.
    pub kind: OperationKind,
    /// About what.
    pub subject: Subject,
    /// When it was asked; the adapter's only "now".
    pub created_at: Timestamp,
    /// How it stands.
    pub state: OperationState,
    /// How many times it was tried or asked after.
    pub tries: u32,
    /// When it may first have reached the processor.
    pub first_sent_at: Option<Timestamp>,
    /// When it last may have reached the processor.
    pub last_sent_at: Option<Timestamp>,
    /// Query parameters of the return, for completing a checkout.
    pub return_parameters: Vec<(String, String)>,
    /// That it has been in doubt for so long that a person should look, whatever is still tried.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overdue: bool,
}

/// How an operation stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum OperationState {
    /// To be sent; certainly nothing has happened yet.
    Asked {
        /// When to send it.
        due_at: Timestamp,
    },
    /// It may have happened.
    Unknown {
        /// When to find out.
        due_at: Timestamp,
    },
    /// It may have happened, nothing automatic is left that could find out: a webhook or the operator will.
    Stuck,
    /// Answered, one way or the other.
    Done,
    /// Certainly nothing happened, and it was given up.
    GivenUp,
}

impl Operation {
    /// True while nobody knows the end of it.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        match self.state {
            OperationState::Asked { .. } | OperationState::Unknown { .. } | OperationState::Stuck => true,
            OperationState::Done | OperationState::GivenUp => false,
        }
    }

    /// True while it is in doubt and a person should find out what became of it: nothing automatic can, or has for
    /// long.
    pub(crate) const fn is_for_person(&self) -> bool {
        match self.state {
            OperationState::Stuck => true,
            OperationState::Unknown { .. } => self.overdue,
            OperationState::Asked { .. } | OperationState::Done | OperationState::GivenUp => false,
        }
    }
}

/// Where an attempt stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AttemptState {
    /// Started, nothing heard yet.
    Created,
    /// The processor's page waits for the shopper.
    Open,
    /// The shopper approved; to be completed.
    Approved,
    /// Paid in a way that takes time.
    Pending,
    /// Funds reserved.
    Authorized,
    /// Funds taken.
    Captured,
    /// Failed.
    Declined,
    /// Authorization released.
    Voided,
    /// Closed unpaid.
    Expired,
    /// Nobody knows.
    Unknown,
    /// Never reached the processor.
    NotSent,
}

impl AttemptState {
    /// The word in the cart's API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Open => "open",
            Self::Approved => "approved",
            Self::Pending => "pending",
            Self::Authorized => "authorized",
            Self::Captured => "captured",
            Self::Declined => "declined",
            Self::Voided => "voided",
            Self::Expired => "expired",
            Self::Unknown => "unknown",
            Self::NotSent => "not_sent",
        }
    }

    /// True while the processor may still say something new about it without being asked.
    #[must_use]
    pub const fn is_live(self) -> bool {
        match self {
            Self::Created
            | Self::Open
            | Self::Approved
            | Self::Pending
            | Self::Authorized
            | Self::Unknown => true,
            Self::Captured | Self::Declined | Self::Voided | Self::Expired | Self::NotSent => false,
        }
    }
}

/// How a capture or refund stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TransferStatus {
    /// Asked, not done.
    Pending,
    /// Done.
    Succeeded,
    /// Did not happen.
    Failed,
}

impl TransferStatus {
    /// The word in the cart's API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

/// Taking authorized funds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capture {
    /// Id; its echo is what the processor sees.
    pub id: CaptureId,
    /// Of which attempt.
    pub attempt_id: AttemptId,
    /// How much.
    pub amount: Money,
    /// That the rest of the authorization is released.
    pub is_final: bool,
    /// That the processor told of it without our asking.
    pub observed: bool,
    /// How it stands.
    pub status: TransferStatus,
    /// The processor's id.
    pub processor_id: Option<String>,
    /// That the processor's word stands against ours: another amount was accepted, or it was done although we
    /// had been told that it failed. It is no measure of what we asked for then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overruled: bool,
    /// When it was asked or observed.
    pub created_at: Timestamp,
}

/// Giving captured funds back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refund {
    /// Id; its echo is what the processor sees.
    pub id: RefundId,
    /// Of which attempt.
    pub attempt_id: AttemptId,
    /// How much.
    pub amount: Money,
    /// The merchant's reason.
    pub reason: Option<String>,
    /// The cart's own notes.
    pub metadata: BTreeMap<String, String>,
    /// That it was made in the processor's dashboard, not by us.
    pub observed: bool,
    /// How it stands.
    pub status: TransferStatus,
    /// The processor's reason for a failure.
    pub failure: Option<String>,
    /// The processor's id.
    pub processor_id: Option<String>,
    /// What was refunded or asked before it, pinned so that repeats send the same bytes.
    pub refunded_before: Money,
    /// The processor's own total of refunds when we asked for this one, if it had stated any: that total counts
    /// nothing of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stated_before: Option<Money>,
    /// That the processor's word stands against ours: another amount was accepted, or it was done although we
    /// had been told that it failed. It is no measure of what we asked for then.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub overruled: bool,
    /// When it was asked or observed.
    pub created_at: Timestamp,
}

/// How a dispute stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DisputeStatus {
    /// The bank took the money for now.
    Open,
    /// The merchant keeps it.
    Won,
    /// The shopper keeps it.
    Lost,
}

impl DisputeStatus {
    /// The word in the cart's API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Won => "won",
            Self::Lost => "lost",
        }
    }

    /// What the processor's word for it means.
    #[must_use]
    pub const fn from_item(state: ItemState) -> Self {
        match state {
            ItemState::Pending => Self::Open,
            ItemState::Succeeded => Self::Lost,
            ItemState::Failed => Self::Won,
        }
    }
}

/// The shopper's bank takes money back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dispute {
    /// Id.
    pub id: DisputeId,
    /// Of which attempt.
    pub attempt_id: AttemptId,
    /// How much.
    pub amount: Money,
    /// The processor's reason.
    pub reason: Option<String>,
    /// How it stands.
    pub status: DisputeStatus,
    /// The processor's id.
    pub processor_id: String,
    /// When we first heard of it.
    pub created_at: Timestamp,
}
