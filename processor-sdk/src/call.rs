//! What the hub asks of a processor.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::{Fault, Money, Reference, ReferenceKind, Settings, Timestamp};

/// When funds are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum CaptureMode {
    /// At once when the shopper pays.
    Automatic,
    /// Reserved when the shopper pays, taken by [`Operation::Capture`].
    Manual,
}

/// One operation with all it needs. Everything in it is pinned when the operation is created, so that a
/// retry under the same key sends the same bytes.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Call {
    /// What to do.
    pub operation: Operation,
    /// Idempotency key of the operation: 1–32 characters of `[0-9a-z]`. A second write of the same
    /// operation uses [`Call::key_with`].
    pub key: String,
    /// Our id of the payment attempt as the processor sees it: 1–20 characters of `[0-9a-z]`.
    pub echo: String,
    /// What the checkout is for.
    pub amount: Money,
    /// When funds are taken.
    pub capture: CaptureMode,
    /// The processor's ids known so far for this attempt.
    #[serde(default)]
    pub references: BTreeSet<Reference>,
    /// When the operation was created; the only "now" an adapter gets.
    pub created_at: Timestamp,
    /// The connector's settings.
    #[serde(default)]
    pub settings: Settings,
    /// False on test connectors.
    pub livemode: bool,
}

impl Call {
    /// The key of a further write of the same operation: the key and a one-letter or -digit suffix.
    #[must_use]
    pub fn key_with(&self, suffix: char) -> String {
        format!("{}{suffix}", self.key)
    }

    /// The first known reference of a kind.
    #[must_use]
    pub fn reference(&self, kind: ReferenceKind) -> Option<&str> {
        self.references.iter().find(|reference| reference.kind == kind).map(|reference| reference.id.as_str())
    }

    /// The first known reference of a kind.
    ///
    /// # Errors
    /// [`Fault::CannotAsk`] when there is none.
    pub fn require_reference(&self, kind: ReferenceKind) -> Result<&str, Fault> {
        self.reference(kind)
            .ok_or_else(|| Fault::cannot_ask("references", &format!("holds no {kind:?} id yet")))
    }
}

/// One thing to do. A closed set: what a processor cannot do is declared in its capabilities.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Operation {
    /// Open the processor's hosted page. With references known, another door to the same checkout.
    OpenCheckout(CheckoutOrder),
    /// Finish what the shopper approved, where a processor wants that after the return.
    CompleteCheckout {
        /// Query parameters of the browser's return, percent-decoded; never evidence.
        return_parameters: Vec<(String, String)>,
    },
    /// Close the processor's page so that nobody can pay there any more.
    ExpireCheckout,
    /// Take authorized funds, all or part.
    Capture(CaptureOrder),
    /// Release an authorization of which nothing was captured.
    Void,
    /// Give back captured funds, all or part.
    Refund(RefundOrder),
    /// Say what is so about the payment: everything, refunds and disputes included if it can.
    FetchPayment,
    /// Say what is so about one refund.
    FetchRefund(RefundOrder),
    /// Say what is so about one dispute.
    FetchDispute {
        /// The processor's id of the dispute.
        id: String,
    },
}

/// [`Operation`] without its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum OperationKind {
    /// [`Operation::OpenCheckout`]
    OpenCheckout,
    /// [`Operation::CompleteCheckout`]
    CompleteCheckout,
    /// [`Operation::ExpireCheckout`]
    ExpireCheckout,
    /// [`Operation::Capture`]
    Capture,
    /// [`Operation::Void`]
    Void,
    /// [`Operation::Refund`]
    Refund,
    /// [`Operation::FetchPayment`]
    FetchPayment,
    /// [`Operation::FetchRefund`]
    FetchRefund,
    /// [`Operation::FetchDispute`]
    FetchDispute,
}

impl Operation {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> OperationKind {
        match self {
            Self::OpenCheckout(_) => OperationKind::OpenCheckout,
            Self::CompleteCheckout { .. } => OperationKind::CompleteCheckout,
            Self::ExpireCheckout => OperationKind::ExpireCheckout,
            Self::Capture(_) => OperationKind::Capture,
            Self::Void => OperationKind::Void,
            Self::Refund(_) => OperationKind::Refund,
            Self::FetchPayment => OperationKind::FetchPayment,
            Self::FetchRefund(_) => OperationKind::FetchRefund,
            Self::FetchDispute { .. } => OperationKind::FetchDispute,
        }
    }
}

impl OperationKind {
    /// True for those that only read, whatever HTTP method they take.
    #[must_use]
    pub const fn is_read(self) -> bool {
        match self {
            Self::FetchPayment | Self::FetchRefund | Self::FetchDispute => true,
            Self::OpenCheckout
            | Self::CompleteCheckout
            | Self::ExpireCheckout
            | Self::Capture
            | Self::Void
            | Self::Refund => false,
        }
    }

    /// The word used in JSON, stored rows and logs.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::OpenCheckout => "open_checkout",
            Self::CompleteCheckout => "complete_checkout",
            Self::ExpireCheckout => "expire_checkout",
            Self::Capture => "capture",
            Self::Void => "void",
            Self::Refund => "refund",
            Self::FetchPayment => "fetch_payment",
            Self::FetchRefund => "fetch_refund",
            Self::FetchDispute => "fetch_dispute",
        }
    }
}

/// Contents of [`Operation::OpenCheckout`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CheckoutOrder {
    /// What the shopper sees as the purpose; may be absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The cart's own order number; may be absent, is not unique.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order_reference: Option<String>,
    /// Order lines; empty, or summing exactly to [`Call::amount`] (a discount is a negative line).
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineItem>,
    /// Who pays, as far as the cart said.
    #[serde(default)]
    pub customer: Customer,
    /// What is known of the shopper's browser; see [`crate::Need`].
    #[serde(default)]
    pub shopper: Shopper,
    /// Where the processor's page sends the shopper afterwards: the hub's own URL.
    pub return_url: String,
    /// Where its "cancel" link leads: the hub's own URL.
    pub cancel_url: String,
    /// Where the processor should send its webhooks, for processors that take it per checkout.
    pub webhook_url: String,
    /// When the intent expires; cut to the processor's own limits by the adapter.
    pub expires_at: Timestamp,
}

/// One order line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct LineItem {
    /// What it is.
    pub name: String,
    /// How many, at least 1.
    pub quantity: u32,
    /// Price of one; negative for a discount.
    pub unit_amount: Money,
}

/// Who pays. All of it personal data, all of it optional.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Customer {
    /// E-mail address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<String>,
    /// Full name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// ISO 3166-1 alpha-2 country code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub country: Option<String>,
    /// Postal address as one text of several lines.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
}

/// What the shopper's arrival told. Present only where the descriptor's `needs` ask for it.
#[derive(Clone, Debug, PartialEq, Eq, Default, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Shopper {
    /// IP address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ip: Option<String>,
    /// `User-Agent` header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub user_agent: Option<String>,
    /// BCP 47 language tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
}

/// Contents of [`Operation::Capture`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct CaptureOrder {
    /// Our id of the capture as the processor sees it: 1–20 characters of `[0-9a-z]`.
    pub echo: String,
    /// How much.
    pub amount: Money,
    /// True when the rest of the authorization is to be released.
    pub is_final: bool,
}

/// Contents of [`Operation::Refund`] and [`Operation::FetchRefund`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct RefundOrder {
    /// Our id of the refund as the processor sees it: 1–20 characters of `[0-9a-z]`.
    pub echo: String,
    /// How much.
    pub amount: Money,
    /// The processor's id of the refund, once known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<String>,
    /// The processor's id of the capture to give back from, where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub capture: Option<String>,
    /// What was refunded before this one.
    pub refunded_before: Money,
    /// The merchant's reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}
