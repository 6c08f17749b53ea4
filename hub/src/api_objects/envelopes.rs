//! What goes around the objects: lists, events, and what the hub says of itself.

use std::borrow::Cow;

use hub_core::ids::WebhookEventId;
use hub_core::publish::PUBLIC_TYPES;
use processor_sdk::{Capabilities, Currencies, Timestamp};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Serialize;
use serde_json::{Value, json};

use super::values::EventId;
use super::{DisputeObject, OrderObject, PaymentIntentObject, RefundObject};

/// One page of a list, newest first.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}List")]
pub struct List<'a, T> {
    #[schemars(extend("const" = "list"))]
    object: &'static str,
    data: &'a [T],
    /// The `cursor` of the next page; null on the last one.
    #[schemars(extend("examples" = [null]))]
    next_cursor: Option<&'a str>,
}

/// A list as the API shows it.
pub fn list(data: &[Value], next_cursor: Option<&str>) -> Value {
    json!(List { object: "list", data, next_cursor })
}

/// Something that happened, as the merchant's endpoints hear it.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "{T}Event", bound = "T: Subject")]
pub struct Event<'a, T> {
    id: EventId<'a>,
    #[schemars(extend("const" = "event"))]
    object: &'static str,
    #[schemars(schema_with = "types_of::<T>")]
    r#type: &'a str,
    created_at: Timestamp,
    livemode: bool,
    /// Counts up within one payment: what is lower is older.
    #[schemars(range(min = 1))]
    #[schemars(extend("examples" = [2]))]
    sequence: u64,
    /// The key of your call that led to it at once; it may arrive before that call's answer.
    #[schemars(extend("examples" = ["order-1001"]))]
    idempotency_key: Option<&'a str>,
    data: EventData<'a, T>,
}

/// What an event is about.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(inline, bound = "T: JsonSchema")]
pub struct EventData<'a, T> {
    /// The object as `GET` showed it at that moment.
    object: &'a T,
}

/// What events are about. Their types begin with its name.
pub trait Subject: JsonSchema {
    /// What stands before the dot of their types.
    const NAME: &'static str;
}

impl Subject for PaymentIntentObject<'_> {
    const NAME: &'static str = "payment_intent";
}

impl Subject for OrderObject<'_> {
    const NAME: &'static str = "order";
}

impl Subject for RefundObject<'_> {
    const NAME: &'static str = "refund";
}

impl Subject for DisputeObject<'_> {
    const NAME: &'static str = "dispute";
}

/// Every event type that is about `T`.
pub fn event_types<T: Subject>() -> Vec<&'static str> {
    PUBLIC_TYPES.into_iter().filter(|kind| kind.split('.').next() == Some(T::NAME)).collect()
}

fn types_of<T: Subject>(_generator: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "string", "enum": event_types::<T>() })
}

/// Any event, in the schema; events are kept as the bytes that were sent.
#[derive(Debug)]
pub struct AnyEvent;

impl JsonSchema for AnyEvent {
    fn schema_name() -> Cow<'static, str> {
        "Event".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "Something that happened, as the merchant's endpoints hear it.",
            "oneOf": [
                generator.subschema_for::<Event<'_, PaymentIntentObject<'_>>>(),
                generator.subschema_for::<Event<'_, OrderObject<'_>>>(),
                generator.subschema_for::<Event<'_, RefundObject<'_>>>(),
                generator.subschema_for::<Event<'_, DisputeObject<'_>>>(),
            ],
        })
    }
}

/// What an event says beside its object.
#[derive(Clone, Copy, Debug)]
pub struct EventHead<'a> {
    pub id: &'a WebhookEventId,
    pub kind: &'a str,
    pub created_at: Timestamp,
    pub livemode: bool,
    pub sequence: u64,
    /// The key of the cart's call that led to it at once; it may arrive before that call's answer.
    pub idempotency_key: Option<&'a str>,
}

/// An event's whole body as it is sent, byte for byte.
pub fn event_body(head: &EventHead<'_>, object: &Value) -> String {
    json!(Event {
        id: head.id.into(),
        object: "event",
        r#type: head.kind,
        created_at: head.created_at,
        livemode: head.livemode,
        sequence: head.sequence,
        idempotency_key: head.idempotency_key,
        data: EventData { object },
    })
    .to_string()
}

/// An adapter with one merchant's settings: what routing chooses among.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Connector")]
pub struct ConnectorObject<'a> {
    #[schemars(extend("const" = "connector"))]
    pub object: &'static str,
    /// Its name in the hub's config; what `connector` of an intent may name.
    #[schemars(extend("examples" = ["sandbox_a"]))]
    pub name: &'a str,
    pub livemode: bool,
    /// What the shopper reads.
    #[schemars(extend("examples" = ["Sandbox Pay"]))]
    pub title: &'a str,
    pub state: ConnectorState,
    pub adapter: AdapterObject<'a>,
    pub health: HealthObject,
    /// The processor's name for people.
    #[schemars(extend("examples" = ["Sandbox Pay"]))]
    pub processor: &'a str,
    /// Sites whose payments it takes; empty: all.
    pub sites: &'a [String],
    pub capabilities: Capabilities,
    pub currencies: &'a Currencies,
}

/// How a connector's processor has been since the hub started.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "ConnectorHealth")]
pub struct HealthObject {
    /// `unknown`: not asked yet. `failing`: no answer several times in a row.
    #[schemars(extend("enum" = ["unknown", "ok", "failing"]))]
    pub status: &'static str,
    /// `open`: its adapter misbehaved several times in a row and is not run for a while. `trying`: run once more.
    #[schemars(extend("enum" = ["closed", "open", "trying"]))]
    pub breaker: &'static str,
    /// When it last answered, well or not.
    pub last_answered_at: Option<Timestamp>,
    /// When it last could not be reached or understood.
    pub last_failed_at: Option<Timestamp>,
    /// When it last delivered a webhook with a valid signature.
    pub last_verified_webhook_at: Option<Timestamp>,
}

/// Whether a connector takes new payments.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConnectorState {
    /// It does.
    Active,
    /// It goes on with those it has.
    Draining,
}

/// The code that speaks a processor's API.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Adapter")]
pub struct AdapterObject<'a> {
    #[schemars(extend("examples" = ["sandbox"]))]
    pub name: &'a str,
    #[schemars(extend("examples" = ["0.1.0"]))]
    pub version: &'a str,
    /// Digest of a plugin's file; null where the adapter is compiled in.
    #[schemars(extend("examples" = [null]))]
    pub content_hash: Option<&'a str>,
}

/// The process answers.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Health {
    #[schemars(extend("const" = "ok"))]
    pub status: &'static str,
    /// The hub's version.
    #[schemars(extend("examples" = ["0.1.0"]))]
    pub version: &'static str,
}

/// Whether the hub can work.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Readiness {
    pub status: ReadinessStatus,
}

/// Whether the store answers.
#[derive(Clone, Copy, Debug, Serialize, JsonSchema)]
pub enum ReadinessStatus {
    /// It does.
    #[serde(rename = "ready")]
    Ready,
    /// It does not; try again later.
    #[serde(rename = "not ready")]
    NotReady,
}
