//! What a processor says is so, in our words. The core merges facts; an adapter only reports them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Money, Timestamp};

/// What kind of thing a processor's id names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ReferenceKind {
    /// The hosted page's session, link or invoice.
    Session,
    /// The processor's order.
    Order,
    /// The payment or charge.
    Payment,
    /// An authorization.
    Authorization,
    /// A capture.
    Capture,
    /// A refund.
    Refund,
    /// A dispute.
    Dispute,
    /// A payer or customer record.
    Payer,
}

/// A processor's id for something of this attempt. Ids are opaque and may be shared between kinds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Reference {
    /// What it names.
    pub kind: ReferenceKind,
    /// The id, 1–255 characters.
    pub id: String,
}

impl Reference {
    /// A reference.
    pub fn new(kind: ReferenceKind, id: impl Into<String>) -> Self {
        Self { kind, id: id.into() }
    }
}

/// State of the payment in our closed set.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The page waits for the shopper.
    Open,
    /// The shopper approved; [`crate::Operation::CompleteCheckout`] is wanted.
    NeedsCompletion,
    /// Paid in a way that takes time; not money yet.
    Pending,
    /// Funds are reserved.
    Authorized,
    /// Funds are taken.
    Paid,
    /// This try failed.
    Declined,
    /// The authorization was released.
    Voided,
    /// The page closed unpaid.
    Expired,
    /// A word that is not in the processor's documentation as we know it.
    Unknown(String),
}

/// Why a try failed, in one list for all processors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum DeclineCode {
    /// Refused without a nearer reason.
    CardDeclined,
    /// Not enough money.
    InsufficientFunds,
    /// The card is out of date.
    ExpiredCard,
    /// A wrong number, date or code was typed.
    IncorrectDetails,
    /// The shopper did not pass authentication.
    AuthenticationFailed,
    /// Lost or stolen, or the account is closed.
    StolenOrLost,
    /// A fraud rule of the processor or the bank.
    SuspectedFraud,
    /// An amount or count limit.
    LimitExceeded,
    /// The payment method is not enabled or not offered here.
    MethodNotAvailable,
    /// The processor says that it could not process it and nothing happened.
    ProcessorUnavailable,
    /// The processor refused our request as wrong: for an operator to see.
    InvalidRequest,
    /// The shopper gave up on the processor's page.
    CanceledByCustomer,
    /// A reason that fits none of these.
    Other,
}

impl DeclineCode {
    /// The word used in JSON and in the cart's API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::CardDeclined => "card_declined",
            Self::InsufficientFunds => "insufficient_funds",
            Self::ExpiredCard => "expired_card",
            Self::IncorrectDetails => "incorrect_details",
            Self::AuthenticationFailed => "authentication_failed",
            Self::StolenOrLost => "stolen_or_lost",
            Self::SuspectedFraud => "suspected_fraud",
            Self::LimitExceeded => "limit_exceeded",
            Self::MethodNotAvailable => "method_not_available",
            Self::ProcessorUnavailable => "processor_unavailable",
            Self::InvalidRequest => "invalid_request",
            Self::CanceledByCustomer => "canceled_by_customer",
            Self::Other => "other",
        }
    }
}

/// A decline with its reason.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Decline {
    /// Normalized reason.
    pub code: DeclineCode,
    /// True when another processor may be tried: the processor, not the shopper's bank, said no.
    pub elsewhere: bool,
    /// The processor's own code: letters, digits, `_`, `-`, `.` only, at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub processor_code: Option<String>,
}

/// What an [`Item`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ItemKind {
    /// Taking authorized funds.
    Capture,
    /// Releasing an authorization.
    Void,
    /// Giving captured funds back.
    Refund,
    /// The shopper's bank takes money back.
    Dispute,
}

/// State of an [`Item`]. For a dispute, `Succeeded` means the money is lost to the shopper and `Failed`
/// that the merchant won.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ItemState {
    /// Accepted, not done. A dispute: open.
    Pending,
    /// Done. A dispute: lost by the merchant.
    Succeeded,
    /// Did not happen. A dispute: won by the merchant.
    Failed,
}

/// One capture, void, refund or dispute as the processor reports it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Item {
    /// What it is.
    pub kind: ItemKind,
    /// The processor's id, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// Our echo, where the processor gives it back. At least one of id and echo must be there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<String>,
    /// State.
    pub state: ItemState,
    /// Amount; absent = not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// The processor's reason for a failure or dispute: letters, digits, `_`, `-`, `.` only, at most 64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// When it reached this state, by the processor's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

/// What a processor says about one payment attempt. Absent = not said; nothing is implied by silence.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Facts {
    /// The processor's ids.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub references: BTreeSet<Reference>,
    /// State of the payment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub word: Option<Word>,
    /// Why it was declined.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<Decline>,
    /// What the checkout is for, as the processor knows it; compared with what was asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub amount: Option<Money>,
    /// Total authorized.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorized: Option<Money>,
    /// Until when what is authorized can be captured; later the processor releases it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture_before: Option<Timestamp>,
    /// Total captured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub captured: Option<Money>,
    /// Total refunded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refunded: Option<Money>,
    /// The processor's fee so far.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fee: Option<Money>,
    /// Captures, voids, refunds and disputes, each by itself.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub items: Vec<Item>,
    /// When this was so, by the processor's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
}

impl Facts {
    /// Facts that say one word.
    #[must_use]
    pub fn word(word: Word) -> Self {
        Self { word: Some(word), ..Self::default() }
    }

    /// With one more reference.
    #[must_use]
    pub fn reference(mut self, kind: ReferenceKind, id: impl Into<String>) -> Self {
        self.references.insert(Reference::new(kind, id));
        self
    }
}
