//! Where the merchant's events go, and how it went, as the API shows it.

use hub_core::ids::WebhookEventId;
use processor_sdk::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use super::values::{EndpointId, EventId};
use super::words::DeliveryState;
use crate::store::{EndpointRow, MerchantDelivery};

/// Where the merchant hears events.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookEndpoint")]
pub struct EndpointObject<'a> {
    id: EndpointId<'a>,
    #[schemars(extend("const" = "webhook_endpoint"))]
    object: &'static str,
    livemode: bool,
    #[schemars(extend("format" = "uri", "examples" = ["https://shop.example.com/hooks"]))]
    url: &'a str,
    #[schemars(extend("examples" = ["the shop"]))]
    description: Option<&'a str>,
    /// Which events it hears; empty: all.
    #[schemars(extend("examples" = [["order.paid", "refund.succeeded"]]))]
    event_types: &'a [String],
    enabled: bool,
    /// Why the hub switched it off.
    #[schemars(extend("examples" = [null]))]
    disabled_reason: Option<&'a str>,
    created_at: Timestamp,
}

/// An endpoint with its newest secret, which is shown this once.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "WebhookEndpointWithSecret")]
pub struct EndpointWithSecret<'a> {
    #[serde(flatten)]
    endpoint: EndpointObject<'a>,
    /// Deliveries are signed with it. It is shown this once.
    #[schemars(regex(pattern = r"^whsec_[0-9A-Za-z+/]+=*$"))]
    #[schemars(extend("examples" = ["whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"]))]
    secret: &'a str,
}

fn endpoint_object(endpoint: &EndpointRow) -> EndpointObject<'_> {
    EndpointObject {
        id: (&endpoint.id).into(),
        object: "webhook_endpoint",
        livemode: endpoint.scope.livemode,
        url: &endpoint.url,
        description: endpoint.description.as_deref(),
        event_types: &endpoint.event_types,
        enabled: endpoint.enabled,
        disabled_reason: endpoint.disabled_reason.as_deref(),
        created_at: endpoint.created_at,
    }
}

/// An endpoint, without its secret.
pub fn endpoint(endpoint: &EndpointRow) -> Value {
    json!(endpoint_object(endpoint))
}

/// An endpoint with its newest secret.
pub fn endpoint_with_secret(endpoint: &EndpointRow, secret: &str) -> Value {
    json!(EndpointWithSecret { endpoint: endpoint_object(endpoint), secret })
}

/// How one event goes to one endpoint.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Delivery")]
pub struct DeliveryObject<'a> {
    #[schemars(extend("const" = "delivery"))]
    object: &'static str,
    event: EventId<'a>,
    webhook_endpoint: EndpointId<'a>,
    /// The event's type.
    #[schemars(extend("examples" = ["order.paid"]))]
    r#type: &'a str,
    state: DeliveryState,
    /// How often it was tried.
    tries: u32,
    /// When it is tried next.
    next_at: Option<Timestamp>,
    last_try: Option<DeliveryTryObject<'a>>,
    created_at: Timestamp,
}

/// One try of a delivery.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "DeliveryTry")]
pub struct DeliveryTryObject<'a> {
    at: Timestamp,
    /// The endpoint's HTTP status, when it answered.
    #[schemars(extend("examples" = [204]))]
    status: Option<u16>,
    /// Why it failed; absent when it was taken.
    #[schemars(extend("examples" = [null]))]
    failure: Option<&'a str>,
}

/// A delivery to the merchant.
pub fn delivery(delivery: &MerchantDelivery) -> Value {
    json!(DeliveryObject {
        object: "delivery",
        event: (&delivery.event_id).into(),
        webhook_endpoint: (&delivery.endpoint_id).into(),
        r#type: &delivery.kind,
        state: delivery.state.into(),
        tries: delivery.tries,
        next_at: delivery.next_at,
        last_try: delivery.last_try.as_ref().map(|last| DeliveryTryObject {
            at: last.at,
            status: last.status,
            failure: last.failure.as_deref(),
        }),
        created_at: delivery.created_at,
    })
}

/// That an event will be sent again.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Resend")]
pub struct ResendObject<'a> {
    #[schemars(extend("const" = "resend"))]
    object: &'static str,
    event: EventId<'a>,
    /// To which endpoints.
    webhook_endpoints: Vec<EndpointId<'a>>,
}

/// That an event will be sent again, to these endpoints.
pub fn resend(event: &WebhookEventId, endpoints: &[EndpointRow]) -> Value {
    json!(ResendObject {
        object: "resend",
        event: event.into(),
        webhook_endpoints: endpoints.iter().map(|endpoint| (&endpoint.id).into()).collect(),
    })
}
