//! Every route of the front, with its handler and its description: the router and the published document are
//! both made of this table.

use hub_core::publish::PUBLIC_TYPES;
use serde_json::json;

use super::openapi::call::{Route, delete, get, patch, post};
use super::problem::Kind;
use super::{
    checkout, connectors, disputes, docs, events, health, openapi, orders, payment_intents, refunds,
    shopper_return, webhook_endpoints, webhooks,
};
use crate::api_objects::endpoints::{DeliveryObject, EndpointObject, EndpointWithSecret, ResendObject};
use crate::api_objects::envelopes::{AnyEvent, ConnectorObject, Health, List, Readiness};
use crate::api_objects::values::{DisputeId, EndpointId, EventId, IntentId, OrderId, RefundId};
use crate::api_objects::words::PaymentIntentStatus;
use crate::api_objects::{DisputeObject, OrderObject, PaymentIntentObject, RefundObject};
use crate::roles::Role;

/// A heading of the document and the calls below it.
pub struct Group {
    pub name: &'static str,
    pub says: &'static str,
    /// Whose work it is; nothing where every process answers.
    pub role: Option<Role>,
    pub routes: Vec<Route>,
}

type Intent = PaymentIntentObject<'static>;
type Page<T> = List<'static, T>;

/// Everything that the front answers.
pub fn all() -> Vec<Group> {
    let group = |name, says, role: Option<Role>, routes| Group { name, says, role, routes };
    let (api, checkout, webhooks) = (Some(Role::Api), Some(Role::Checkout), Some(Role::Webhooks));
    vec![
        group("Payment intents", "The wish to collect an order's amount.", api, payment_intent_routes()),
        group("Refunds", "Captured funds that go back.", api, refund_routes()),
        group("Orders and disputes", "What is sold, and what banks took back.", api, other_object_routes()),
        group("Events", "What happened, also if no endpoint heard it.", api, event_routes()),
        group("Webhook endpoints", "Where your events go, and how it went.", api, endpoint_routes()),
        group("Connectors", "Which processors there are.", api, connector_routes()),
        group(
            "Shopper",
            "Pages for the shopper's browser; a cart only links there.",
            checkout,
            shopper_routes(),
        ),
        group("Processors", "Where processors deliver their webhooks.", webhooks, processor_routes()),
        group("Operations", "For operators and for whoever reads this.", None, operation_routes()),
    ]
}

fn payment_intent_routes() -> Vec<Route> {
    vec![
        post("/v1/payment_intents", "createPaymentIntent", payment_intents::create)
            .does(
                "Create a payment intent",
                "Creates the intent and its order in one commit; no processor is asked. Send the shopper to \
                 `checkout_url` afterwards.",
            )
            .answers::<Intent>("201", "The intent.")
            .refuses(&[Kind::NoConnector, Kind::DuplicateOrderReference]),
        get("/v1/payment_intents", "listPaymentIntents", payment_intents::list)
            .does("List payment intents", "Newest first.")
            .filter::<PaymentIntentStatus>("status", "Only those with this status.")
            .filter::<String>("order_reference", "Only those with this number of yours.")
            .answers::<Page<Intent>>("200", "One page."),
        get("/v1/payment_intents/{id}", "getPaymentIntent", payment_intents::get)
            .does("Read a payment intent", "As it is now.")
            .at::<IntentId<'_>>("id", "The intent's id.")
            .answers::<Intent>("200", "The intent."),
        post("/v1/payment_intents/{id}/capture", "capturePaymentIntent", payment_intents::capture)
            .does(
                "Take reserved money",
                "Waits up to five seconds for the processor. What may be asked is reserved before anything is \
                 sent.",
            )
            .at::<IntentId<'_>>("id", "The intent's id.")
            .answers::<Intent>("200", "Done, or settled otherwise: the intent says how it stands.")
            .answers::<Intent>("202", "Asked; the processor has not said yet. An event follows.")
            .refuses_as(
                Kind::Refused,
                &["wrong_status", "not_supported", "quarantined", "no_such_attempt", "too_many_transfers"],
            )
            .refuses(&[Kind::FoundAfterRestore])
            .refuses_as(Kind::Validation, &["exceeds_authorized"])
            .refuses_as(Kind::Overloaded, &["reconciling"]),
        post("/v1/payment_intents/{id}/cancel", "cancelPaymentIntent", payment_intents::cancel)
            .does(
                "Call an intent off",
                "Closes the door, or releases a reservation. Waits up to five seconds for the processor.",
            )
            .at::<IntentId<'_>>("id", "The intent's id.")
            .answers::<Intent>("200", "Done, or settled otherwise: the intent says how it stands.")
            .answers::<Intent>("202", "Asked; the processor has not said yet. An event follows.")
            .refuses_as(Kind::Refused, &["wrong_status", "not_supported", "quarantined", "no_such_attempt"])
            .refuses_as(Kind::Overloaded, &["reconciling"]),
    ]
}

fn refund_routes() -> Vec<Route> {
    vec![
        post("/v1/refunds", "createRefund", refunds::create)
            .does(
                "Give money back",
                "In whole or in part, as often as something is left. The refund is reserved at once; events \
                 tell how it went.",
            )
            .answers::<RefundObject<'_>>("201", "The refund, which the processor is being asked for.")
            .refuses_as(
                Kind::Refused,
                &["wrong_status", "not_supported", "quarantined", "no_such_attempt", "too_many_transfers"],
            )
            .refuses(&[Kind::FoundAfterRestore])
            .refuses_as(Kind::Validation, &["exceeds_captured"])
            .refuses_as(Kind::Overloaded, &["reconciling"]),
        get("/v1/refunds", "listRefunds", refunds::list)
            .does("List refunds", "Newest first.")
            .filter::<IntentId<'_>>("payment_intent", "Only those of this payment intent.")
            .answers::<Page<RefundObject<'_>>>("200", "One page."),
        get("/v1/refunds/{id}", "getRefund", refunds::get)
            .does("Read a refund", "As it is now.")
            .at::<RefundId<'_>>("id", "The refund's id.")
            .answers::<RefundObject<'_>>("200", "The refund."),
    ]
}

fn other_object_routes() -> Vec<Route> {
    vec![
        get("/v1/orders/{id}", "getOrder", orders::get)
            .does("Read an order", "What is sold, and how much of it is paid.")
            .at::<OrderId<'_>>("id", "The order's id.")
            .answers::<OrderObject<'_>>("200", "The order."),
        get("/v1/disputes", "listDisputes", disputes::list)
            .does("List disputes", "Newest first.")
            .answers::<Page<DisputeObject<'_>>>("200", "One page."),
        get("/v1/disputes/{id}", "getDispute", disputes::get)
            .does("Read a dispute", "As the processor last told of it.")
            .at::<DisputeId<'_>>("id", "The dispute's id.")
            .answers::<DisputeObject<'_>>("200", "The dispute."),
    ]
}

fn event_routes() -> Vec<Route> {
    vec![
        get("/v1/events", "listEvents", events::list)
            .does("List events", "Newest first: what an endpoint missed is here.")
            .filter_of_words("type", &PUBLIC_TYPES, "Only those of this type.")
            .filter::<IntentId<'_>>("payment_intent", "Only those of this payment intent.")
            .answers::<Page<AnyEvent>>("200", "One page."),
        get("/v1/events/{id}", "getEvent", events::get)
            .does("Read an event", "Byte for byte the body that was sent.")
            .at::<EventId<'_>>("id", "The event's id.")
            .answers::<AnyEvent>("200", "The event."),
        post("/v1/events/{id}/resend", "resendEvent", events::resend)
            .does("Send an event again", "To one endpoint, or to all that are enabled.")
            .at::<EventId<'_>>("id", "The event's id.")
            .answers::<ResendObject<'_>>("202", "It will be sent to these endpoints."),
    ]
}

fn endpoint_routes() -> Vec<Route> {
    const ID: &str = "The endpoint's id.";
    vec![
        post("/v1/webhook_endpoints", "createWebhookEndpoint", webhook_endpoints::create)
            .does("Register an endpoint", "Events are sent there from now on, signed with its secret.")
            .answers::<EndpointWithSecret<'_>>(
                "201",
                "The endpoint with its secret, which is shown this once.",
            ),
        get("/v1/webhook_endpoints", "listWebhookEndpoints", webhook_endpoints::list)
            .does("List endpoints", "Newest first.")
            .answers::<Page<EndpointObject<'_>>>("200", "One page."),
        get("/v1/webhook_endpoints/{id}", "getWebhookEndpoint", webhook_endpoints::get)
            .does("Read an endpoint", "Without its secret.")
            .at::<EndpointId<'_>>("id", ID)
            .answers::<EndpointObject<'_>>("200", "The endpoint."),
        patch("/v1/webhook_endpoints/{id}", "updateWebhookEndpoint", webhook_endpoints::update)
            .does("Change an endpoint", "Setting the same again changes nothing, so that it needs no key.")
            .at::<EndpointId<'_>>("id", ID)
            .answers::<EndpointObject<'_>>("200", "The endpoint as it is now."),
        delete("/v1/webhook_endpoints/{id}", "deleteWebhookEndpoint", webhook_endpoints::delete)
            .does("Remove an endpoint", "Nothing is sent there any more.")
            .at::<EndpointId<'_>>("id", ID)
            .answers_nothing("204", "It is gone."),
        post(
            "/v1/webhook_endpoints/{id}/rotate_secret",
            "rotateWebhookEndpointSecret",
            webhook_endpoints::rotate_secret,
        )
        .does("Rotate an endpoint's secret", "The new secret and the one before sign side by side.")
        .at::<EndpointId<'_>>("id", ID)
        .answers::<EndpointWithSecret<'_>>(
            "200",
            "The endpoint with its new secret, which is shown this once.",
        ),
        get(
            "/v1/webhook_endpoints/{id}/deliveries",
            "listWebhookEndpointDeliveries",
            webhook_endpoints::deliveries,
        )
        .does("List an endpoint's deliveries", "Newest first: what was sent there, and how it went.")
        .at::<EndpointId<'_>>("id", ID)
        .answers::<Page<DeliveryObject<'_>>>("200", "One page."),
    ]
}

fn connector_routes() -> Vec<Route> {
    vec![
        get("/v1/connectors", "listConnectors", connectors::list)
            .does("List connectors", "In the operator's order, with what each can do.")
            .answers::<Page<ConnectorObject<'_>>>("200", "One page."),
    ]
}

const HTML: &str = "text/html; charset=utf-8";

fn shopper_routes() -> Vec<Route> {
    const RETURN: &str = "Asks the processor, waits a few seconds for the truth, and leads on to the cart's \
                          `return_url`. The visit itself proves nothing.";
    let door = |route: Route| {
        route
            .at::<String>("token", "From the intent's `checkout_url`; nobody can guess it.")
            .shows("200", HTML, "A page: the choice of connectors, instructions, or a moment's wait.")
            .leads_on("On to the processor's page, or back to the shop.")
            .shows("404", HTML, "There is no such payment.")
            .shows("410", HTML, "There is nothing to be paid here any more.")
            .shows("503", HTML, "No processor can be reached, or the hub is busy.")
    };
    let return_ = |route: Route| {
        route
            .does("Come back from the processor", RETURN)
            .at::<String>("token", "From the address that the processor was given.")
            .shows("200", HTML, "A moment's wait.")
            .leads_on("Back to the shop.")
            .shows("404", HTML, "There is no such payment.")
            .shows("503", HTML, "The hub is busy; nothing is lost.")
    };
    let form = |fields| json!({ "type": "object", "properties": fields });
    vec![
        door(
            get("/pay/{token}", "openCheckout", checkout::arrive)
                .does("Go to pay", "The shopper's door. `HEAD` and prefetches have no effect."),
        ),
        door(
            post("/pay/{token}", "chooseConnector", checkout::choose)
                .does("Choose how to pay", "What the page of `GET` posts.")
                .takes(FORM, form(json!({ "connector": { "type": "string" } }))),
        ),
        return_(get("/return/{token}", "returnFromProcessor", shopper_return::arrive)),
        return_(
            post("/return/{token}", "returnFromProcessorByForm", shopper_return::arrive)
                .takes(FORM, form(json!({}))),
        ),
    ]
}

const FORM: &str = "application/x-www-form-urlencoded";

fn processor_routes() -> Vec<Route> {
    let delivery = |route: Route| {
        route
            .at::<String>("connector", "The connector's name in the hub's config.")
            .takes("*/*", json!({}))
            .answers_nothing(
                "2XX",
                "Verified and stored. Status and body are what this processor wants to hear.",
            )
            .refuses(&[Kind::ForgedWebhook, Kind::MalformedJson, Kind::BodyTooLarge])
    };
    vec![
        delivery(post("/webhooks/{connector}", "deliver", webhooks::receive).does(
            "Deliver a webhook",
            "For processors that sign: a delivery counts only with a valid signature.",
        )),
        delivery(
            post("/webhooks/{connector}/{secret}", "deliverAtSecretPath", webhooks::receive_at_secret_path)
                .does("Deliver a webhook to a secret path", "For processors that do not sign."),
        )
        .at::<String>("secret", "From the connector's settings."),
    ]
}

fn operation_routes() -> Vec<Route> {
    vec![
        get("/healthz", "getHealth", health::live)
            .does("Is it alive", "The process answers.")
            .answers::<Health>("200", "It is."),
        get("/readyz", "getReadiness", health::ready)
            .does("Can it work", "The store answers too.")
            .answers::<Readiness>("200", "It can.")
            .answers::<Readiness>("503", "It cannot at the moment."),
        get("/problems/{slug}", "explainProblem", health::problem)
            .does("What a problem means", "Where the `type` of a problem leads.")
            .at::<String>("slug", "The last part of the problem's `type`.")
            .shows("200", "text/plain; charset=utf-8", "The explanation."),
        get("/openapi.json", "getDocument", openapi::serve)
            .does("This document", "OpenAPI 3.1, made of the code that answers.")
            .answers::<serde_json::Map<String, serde_json::Value>>("200", "The document."),
        get("/docs", "getDocumentPage", docs::serve)
            .does("This document as a page", "It loads nothing from anywhere.")
            .shows("200", HTML, "The page."),
    ]
}
