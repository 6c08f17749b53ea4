//! Inbound deliveries, and what they mean once authenticated.

use serde::{Deserialize, Serialize};

use crate::{Bytes, Facts, Headers, Json, Reference, Settings, Timestamp};

/// How a delivery reached us.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Channel {
    /// The processor's own HTTP call.
    Webhook,
    /// The shopper's browser coming back: evidence only if its signature verifies.
    Return,
}

/// One inbound request as received.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Delivery {
    /// Webhook or browser return.
    pub channel: Channel,
    /// The URL as registered with the processor, query included: some signatures cover it.
    pub url: String,
    /// The query's names and values, percent-decoded, in order.
    #[serde(default)]
    pub query: Vec<(String, String)>,
    /// Header lines in order, duplicates kept.
    #[serde(default)]
    pub headers: Headers,
    /// The body, byte for byte.
    #[serde(default)]
    pub body: Bytes,
    /// When the hub received it.
    pub received_at: Timestamp,
    /// Our echo, when the path carries one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<String>,
    /// The connector's settings.
    #[serde(default)]
    pub settings: Settings,
    /// False on test connectors.
    pub livemode: bool,
}

impl Delivery {
    /// The body as JSON.
    ///
    /// # Errors
    /// [`crate::Fault::Unreadable`] when it is not JSON.
    pub fn json(&self) -> Result<Json, crate::Fault> {
        Json::parse(self.body.as_slice())
    }
}

/// That the host verified something: the index of the passed exchange in the transcript. The host accepts
/// it only for an exchange that did pass, so an adapter cannot invent one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct Proof(u32);

impl Proof {
    pub(crate) fn of_exchange(index: usize) -> Self {
        // A transcript is bounded by the host far below this; a larger index could match no exchange.
        Self(u32::try_from(index).unwrap_or(u32::MAX))
    }

    /// Index of the exchange in the transcript.
    #[must_use]
    pub fn exchange(self) -> usize {
        usize::try_from(self.0).unwrap_or(usize::MAX)
    }
}

/// What a notification says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum Says {
    /// This is so; demoted to `Changed` by the host unless a valid proof stands beside it.
    Facts(Facts),
    /// Something changed: the hub asks the processor itself.
    Changed,
    /// Nothing of ours, such as an event type that we do not use.
    Ignored {
        /// Why, for the operator.
        why: String,
    },
}

/// One statement of a delivery about one payment, refund or dispute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Notification {
    /// The processor's id of the event: the same event delivered again counts once, for ever.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub event_id: Option<String>,
    /// The processor's ids that the statement names; any known one finds the payment attempt.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub references: Vec<Reference>,
    /// Our echo, when the processor gave it back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub echo: Option<String>,
    /// The statement.
    pub says: Says,
    /// The proof it was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<Proof>,
}
