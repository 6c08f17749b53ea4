//! `/v1/webhook_endpoints`: where the merchant hears events, and how it went.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hub_core::ids::{WebhookEndpointId, WebhookEventId};
use hub_core::publish::PUBLIC_TYPES;

use super::Front;
use super::auth::{Caller, WebhooksRead, WebhooksWrite};
use super::body::{Body, JsonRequest, NoFields, Note, note};
use super::fields::{Fields, TEXT_CHARS_MAX};
use super::idempotency::{Begun, KeyedCall, respond};
use super::lists::{Query, answer, one_more};
use super::problem::{Kind, Problem};
use crate::api_objects::endpoints;
use crate::merchant_webhooks::signature::WebhookSecret;
use crate::service::Hub;
use crate::store::{Commit, EndpointRow, StoreError, Write};

/// Longest URL.
const URL_CHARS_MAX: usize = 2_000;
/// Secrets that sign at once: the current one and the one it replaced.
const SECRETS_MAX: usize = 2;

/// Opens the secrets of an endpoint, newest first.
///
/// # Errors
/// The store's, when they cannot be opened.
pub fn open_secrets(hub: &Hub, endpoint: &EndpointRow) -> Result<Vec<String>, StoreError> {
    hub.open_json(&secrets_context(&endpoint.id), &endpoint.sealed_secrets)
}

fn secrets_context(id: &WebhookEndpointId) -> String {
    format!("webhook_endpoints/{id}/secrets")
}

async fn find<A>(front: &Front, caller: &Caller<A>, id: &str) -> Result<EndpointRow, Problem> {
    let not_found = || Problem::new(Kind::NotFound);
    let id = WebhookEndpointId::parse(id).map_err(|_| not_found())?;
    front.hub.store.endpoint(&caller.scope, &id).await?.ok_or_else(not_found)
}

/// Whether the hub may connect there; depends on the operator's config.
fn check_url(front: &Front, fields: &mut Fields, url: Option<&str>) {
    if let Some(Err(error)) = url.map(|url| front.settings.destinations.check_url(url)) {
        fields.error("url", error.to_string());
    }
}

const URL_NOTE: Note = note(
    "/url",
    "Where events are sent: an https URL on the public internet, unless the operator's config says otherwise.",
    r#""https://shop.example.com/hooks""#,
);
const EVENT_TYPES_NOTE: Note =
    note("/event_types", "Which events it hears; empty: all.", r#"["order.paid", "refund.succeeded"]"#);
const DESCRIPTION_NOTE: Note = note("/description", "Your own words for it.", r#""the shop""#);

/// The body of a new endpoint.
#[derive(Debug)]
pub struct NewEndpoint {
    url: Option<String>,
    event_types: Option<Vec<String>>,
    description: Option<String>,
}

impl Body for NewEndpoint {
    const NAME: &'static str = "NewWebhookEndpoint";
    const KEYED: bool = true;
    const MAY_BE_EMPTY: bool = false;
    const NOTES: &'static [Note] = &[URL_NOTE, EVENT_TYPES_NOTE, DESCRIPTION_NOTE];

    fn read(fields: &mut Fields) -> Self {
        let url = fields.url("url", URL_CHARS_MAX);
        Self {
            url: fields.require("url", url, "where events are to be sent"),
            event_types: fields.words("event_types", &PUBLIC_TYPES),
            description: fields.text("description", TEXT_CHARS_MAX),
        }
    }
}

/// The body of a change.
#[derive(Debug)]
pub struct EndpointChange {
    url: Option<String>,
    event_types: Option<Vec<String>>,
    description: Option<String>,
    enabled: Option<bool>,
}

impl Body for EndpointChange {
    const NAME: &'static str = "WebhookEndpointChange";
    const KEYED: bool = false;
    const MAY_BE_EMPTY: bool = true;
    const NOTES: &'static [Note] = &[
        URL_NOTE,
        EVENT_TYPES_NOTE,
        DESCRIPTION_NOTE,
        note("/enabled", "Whether events are sent there. Switching it on forgets why it was off.", "true"),
    ];

    fn read(fields: &mut Fields) -> Self {
        Self {
            url: fields.url("url", URL_CHARS_MAX),
            event_types: fields.words("event_types", &PUBLIC_TYPES),
            description: fields.text("description", TEXT_CHARS_MAX),
            enabled: fields.flag("enabled"),
        }
    }
}

/// `POST /v1/webhook_endpoints`
pub async fn create(
    State(front): State<Front>,
    caller: Caller<WebhooksWrite>,
    request: JsonRequest<NewEndpoint>,
) -> Result<Response, Problem> {
    let hub = &front.hub;
    let keyed = match KeyedCall::begin(hub, &caller.scope, "webhook_endpoints.create", &request).await? {
        Begun::New(keyed) => keyed,
        Begun::Before(response) => return Ok(response),
    };
    let (asked, mut fields) = request.read()?;
    check_url(&front, &mut fields, asked.url.as_deref());
    fields.finish()?;
    let url = asked.url.ok_or_else(|| Problem::new(Kind::Validation))?;

    let secret = WebhookSecret::generate(hub.ids.randomness().as_ref()).reveal().to_string();
    let id = WebhookEndpointId::from_body(&hub.fresh_body());
    let endpoint = EndpointRow {
        scope: caller.scope.clone(),
        sealed_secrets: hub.seal_json(&secrets_context(&id), &vec![&secret])?,
        id,
        url,
        description: asked.description,
        event_types: asked.event_types.unwrap_or_default(),
        enabled: true,
        disabled_reason: None,
        created_at: hub.clock.now(),
    };
    let body = endpoints::endpoint_with_secret(&endpoint, &secret).to_string().into_bytes();
    let answer = keyed.seal(hub, 201, &body);
    let writes = vec![Write::InsertEndpoint(endpoint), keyed.answer(answer, hub.clock.now())];
    match hub.store.commit(Commit { writes }).await {
        Ok(()) => Ok(respond(201, body)),
        Err(error) => keyed.conclude(hub, error.into()).await,
    }
}

/// `GET /v1/webhook_endpoints`
pub async fn list(
    State(front): State<Front>,
    caller: Caller<WebhooksRead>,
    uri: Uri,
) -> Result<Response, Problem> {
    let page = Query::of(&uri).page(|cursor| WebhookEndpointId::parse(cursor).is_ok())?;
    let found = front.hub.store.endpoints(&caller.scope, &one_more(&page)).await?;
    let items = found.iter().map(|row| (row.id.to_string(), endpoints::endpoint(row))).collect();
    Ok(Json(answer(&page, items)).into_response())
}

/// `GET /v1/webhook_endpoints/{id}`
pub async fn get(
    State(front): State<Front>,
    caller: Caller<WebhooksRead>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let endpoint = find(&front, &caller, &id).await?;
    Ok(Json(endpoints::endpoint(&endpoint)).into_response())
}

/// `PATCH /v1/webhook_endpoints/{id}`: setting the same again changes nothing, so that it needs no key.
pub async fn update(
    State(front): State<Front>,
    caller: Caller<WebhooksWrite>,
    Path(id): Path<String>,
    request: JsonRequest<EndpointChange>,
) -> Result<Response, Problem> {
    let mut endpoint = find(&front, &caller, &id).await?;
    let (asked, mut fields) = request.read()?;
    check_url(&front, &mut fields, asked.url.as_deref());
    fields.finish()?;
    endpoint.url = asked.url.unwrap_or(endpoint.url);
    endpoint.event_types = asked.event_types.unwrap_or(endpoint.event_types);
    endpoint.description = asked.description.or(endpoint.description);
    if let Some(enabled) = asked.enabled {
        endpoint.enabled = enabled;
        endpoint.disabled_reason = None;
    }
    front.hub.store.commit(Commit { writes: vec![Write::UpdateEndpoint(endpoint.clone())] }).await?;
    Ok(Json(endpoints::endpoint(&endpoint)).into_response())
}

/// `DELETE /v1/webhook_endpoints/{id}`
pub async fn delete(
    State(front): State<Front>,
    caller: Caller<WebhooksWrite>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let endpoint = find(&front, &caller, &id).await?;
    let write = Write::DeleteEndpoint { scope: caller.scope.clone(), id: endpoint.id };
    front.hub.store.commit(Commit { writes: vec![write] }).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `POST /v1/webhook_endpoints/{id}/rotate_secret`: the new secret and the one before sign side by side.
pub async fn rotate_secret(
    State(front): State<Front>,
    caller: Caller<WebhooksWrite>,
    Path(id): Path<String>,
    request: JsonRequest<NoFields>,
) -> Result<Response, Problem> {
    let hub = &front.hub;
    let keyed =
        match KeyedCall::begin(hub, &caller.scope, "webhook_endpoints.rotate_secret", &request).await? {
            Begun::New(keyed) => keyed,
            Begun::Before(response) => return Ok(response),
        };
    let mut endpoint = find(&front, &caller, &id).await?;
    request.read()?.1.finish()?;
    let mut secrets = open_secrets(hub, &endpoint)?;
    let secret = WebhookSecret::generate(hub.ids.randomness().as_ref()).reveal().to_string();
    secrets.insert(0, secret.clone());
    secrets.truncate(SECRETS_MAX);
    endpoint.sealed_secrets = hub.seal_json(&secrets_context(&endpoint.id), &secrets)?;
    let body = endpoints::endpoint_with_secret(&endpoint, &secret).to_string().into_bytes();
    let answer = keyed.seal(hub, 200, &body);
    let writes = vec![Write::UpdateEndpoint(endpoint), keyed.answer(answer, hub.clock.now())];
    match hub.store.commit(Commit { writes }).await {
        Ok(()) => Ok(respond(200, body)),
        Err(error) => keyed.conclude(hub, error.into()).await,
    }
}

/// `GET /v1/webhook_endpoints/{id}/deliveries`
pub async fn deliveries(
    State(front): State<Front>,
    caller: Caller<WebhooksRead>,
    Path(id): Path<String>,
    uri: Uri,
) -> Result<Response, Problem> {
    let endpoint = find(&front, &caller, &id).await?;
    let page = Query::of(&uri).page(|cursor| WebhookEventId::parse(cursor).is_ok())?;
    let deliveries = front.hub.store.deliveries(&caller.scope, &endpoint.id, &one_more(&page)).await?;
    let items = deliveries.iter().map(|row| (row.event_id.to_string(), endpoints::delivery(row))).collect();
    Ok(Json(answer(&page, items)).into_response())
}
