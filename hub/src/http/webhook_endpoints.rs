//! `/v1/webhook_endpoints`: where the merchant hears events, and how it went.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use hub_core::ids::{WebhookEndpointId, WebhookEventId};
use hub_core::publish::PUBLIC_TYPES;
use serde_json::{Value, json};

use super::Front;
use super::auth::{Caller, WebhooksRead, WebhooksWrite};
use super::body::JsonRequest;
use super::fields::{Fields, TEXT_CHARS_MAX};
use super::idempotency::{Begun, KeyedCall, respond};
use super::lists::{Query, answer, one_more};
use super::problem::{Kind, Problem};
use crate::api_objects;
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

fn read_url(front: &Front, fields: &mut Fields) -> Option<String> {
    let url = fields.text("url", URL_CHARS_MAX)?;
    match front.settings.destinations.check_url(&url) {
        Ok(_) => Some(url),
        Err(error) => {
            fields.error("url", error.to_string());
            None
        }
    }
}

fn read_event_types(fields: &mut Fields) -> Option<Vec<String>> {
    let types = fields.texts("event_types", PUBLIC_TYPES.len())?;
    if types.iter().any(|kind| !PUBLIC_TYPES.contains(&kind.as_str())) {
        fields.error("event_types", format!("may hold only: {}", PUBLIC_TYPES.join(", ")));
        return None;
    }
    Some(types)
}

/// An endpoint with its newest secret, which is shown this once.
fn with_secret(endpoint: &EndpointRow, secret: &str) -> Value {
    let mut object = api_objects::endpoint(endpoint);
    if let Some(fields) = object.as_object_mut() {
        fields.insert("secret".to_owned(), json!(secret));
    }
    object
}

/// `POST /v1/webhook_endpoints`
pub async fn create(
    State(front): State<Front>,
    caller: Caller<WebhooksWrite>,
    request: JsonRequest,
) -> Result<Response, Problem> {
    let hub = &front.hub;
    let keyed = match KeyedCall::begin(hub, &caller.scope, "webhook_endpoints.create", &request).await? {
        Begun::New(keyed) => keyed,
        Begun::Before(response) => return Ok(response),
    };
    let mut fields = Fields::parse(&request.body)?;
    let url = read_url(&front, &mut fields);
    let url = fields.require("url", url, "where events are to be sent");
    let event_types = read_event_types(&mut fields).unwrap_or_default();
    let description = fields.text("description", TEXT_CHARS_MAX);
    fields.finish()?;
    let url = url.ok_or_else(|| Problem::new(Kind::Validation))?;

    let secret = WebhookSecret::generate(hub.ids.randomness().as_ref()).reveal().to_string();
    let id = WebhookEndpointId::from_body(&hub.fresh_body());
    let endpoint = EndpointRow {
        scope: caller.scope.clone(),
        sealed_secrets: hub.seal_json(&secrets_context(&id), &vec![&secret])?,
        id,
        url,
        description,
        event_types,
        enabled: true,
        disabled_reason: None,
        created_at: hub.clock.now(),
    };
    let body = with_secret(&endpoint, &secret).to_string().into_bytes();
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
    let endpoints = front.hub.store.endpoints(&caller.scope, &one_more(&page)).await?;
    let items = endpoints.iter().map(|row| (row.id.to_string(), api_objects::endpoint(row))).collect();
    Ok(Json(answer(&page, items)).into_response())
}

/// `GET /v1/webhook_endpoints/{id}`
pub async fn get(
    State(front): State<Front>,
    caller: Caller<WebhooksRead>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let endpoint = find(&front, &caller, &id).await?;
    Ok(Json(api_objects::endpoint(&endpoint)).into_response())
}

/// `PATCH /v1/webhook_endpoints/{id}`: setting the same again changes nothing, so that it needs no key.
pub async fn update(
    State(front): State<Front>,
    caller: Caller<WebhooksWrite>,
    Path(id): Path<String>,
    request: JsonRequest,
) -> Result<Response, Problem> {
    let mut endpoint = find(&front, &caller, &id).await?;
    let mut fields = Fields::parse(request.body_or_empty_object())?;
    let url = read_url(&front, &mut fields);
    let event_types = read_event_types(&mut fields);
    let description = fields.text("description", TEXT_CHARS_MAX);
    let enabled = fields.flag("enabled");
    fields.finish()?;
    endpoint.url = url.unwrap_or(endpoint.url);
    endpoint.event_types = event_types.unwrap_or(endpoint.event_types);
    endpoint.description = description.or(endpoint.description);
    if let Some(enabled) = enabled {
        endpoint.enabled = enabled;
        endpoint.disabled_reason = None;
    }
    front.hub.store.commit(Commit { writes: vec![Write::UpdateEndpoint(endpoint.clone())] }).await?;
    Ok(Json(api_objects::endpoint(&endpoint)).into_response())
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
    request: JsonRequest,
) -> Result<Response, Problem> {
    let hub = &front.hub;
    let keyed =
        match KeyedCall::begin(hub, &caller.scope, "webhook_endpoints.rotate_secret", &request).await? {
            Begun::New(keyed) => keyed,
            Begun::Before(response) => return Ok(response),
        };
    let mut endpoint = find(&front, &caller, &id).await?;
    Fields::parse(request.body_or_empty_object())?.finish()?;
    let mut secrets = open_secrets(hub, &endpoint)?;
    let secret = WebhookSecret::generate(hub.ids.randomness().as_ref()).reveal().to_string();
    secrets.insert(0, secret.clone());
    secrets.truncate(SECRETS_MAX);
    endpoint.sealed_secrets = hub.seal_json(&secrets_context(&endpoint.id), &secrets)?;
    let body = with_secret(&endpoint, &secret).to_string().into_bytes();
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
    let items = deliveries.iter().map(|row| (row.event_id.to_string(), api_objects::delivery(row))).collect();
    Ok(Json(answer(&page, items)).into_response())
}
