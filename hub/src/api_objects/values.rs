//! Ids, amounts and notes as they stand in answers: what the schema says of each, in one place.

use std::borrow::Cow;
use std::collections::BTreeMap;

use hub_core::ids as core;
use processor_sdk::{MINOR_UNITS_MAX, Money};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;

/// Notes of the cart: names and texts.
pub type Metadata = BTreeMap<String, String>;

/// Characters of an id after its prefix; `hub_core::ids` makes and checks them.
const ID_BODY: &str = "01m82t6djb2v4zd7kydfssr1kk";

/// One type for each prefix, so that a schema cannot name another id than the one that stands there.
macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident of $origin:ident, $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Serialize)]
        #[serde(transparent)]
        pub struct $name<'a>(&'a str);

        impl<'a> From<&'a core::$origin> for $name<'a> {
            fn from(id: &'a core::$origin) -> Self {
                Self(id.as_str())
            }
        }

        impl JsonSchema for $name<'_> {
            fn schema_name() -> Cow<'static, str> {
                stringify!($name).into()
            }

            fn inline_schema() -> bool {
                true
            }

            fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
                json_schema!({
                    "type": "string",
                    "pattern": concat!("^", $prefix, "_[0-9a-z]{26}$"),
                    "examples": [format!("{}_{ID_BODY}", $prefix)],
                })
            }
        }
    )+};
}

ids! {
    /// Id of a payment intent.
    IntentId of PaymentIntentId, "pi";
    /// Id of an order.
    OrderId of OrderId, "ord";
    /// Id of an attempt.
    AttemptId of AttemptId, "att";
    /// Id of a capture.
    CaptureId of CaptureId, "cap";
    /// Id of a refund.
    RefundId of RefundId, "re";
    /// Id of a dispute.
    DisputeId of DisputeId, "dp";
    /// Id of an event.
    EventId of WebhookEventId, "evt";
    /// Id of a webhook endpoint.
    EndpointId of WebhookEndpointId, "whe";
}

/// An amount in minor units, never negative.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct Amount(i64);

impl From<Money> for Amount {
    fn from(money: Money) -> Self {
        Self(money.minor())
    }
}

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "description": "Minor units of the currency beside it, such as 1999 for 19.99 EUR.",
            "minimum": 0,
            "maximum": MINOR_UNITS_MAX,
            "examples": [1999],
        })
    }
}

/// An amount in minor units, of either sign.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(transparent)]
pub struct SignedAmount(i64);

impl From<Money> for SignedAmount {
    fn from(money: Money) -> Self {
        Self(money.minor())
    }
}

impl JsonSchema for SignedAmount {
    fn schema_name() -> Cow<'static, str> {
        "SignedAmount".into()
    }

    fn json_schema(_generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "integer",
            "description": "Minor units of the order's currency; negative for a discount.",
            "minimum": -MINOR_UNITS_MAX,
            "maximum": MINOR_UNITS_MAX,
            "examples": [1999],
        })
    }
}
