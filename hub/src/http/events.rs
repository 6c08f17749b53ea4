//! `/v1/events`: what happened, as the merchant's endpoints hear it.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::{HeaderValue, Uri, header};
use axum::response::{IntoResponse, Response};
use hub_core::ids::{PaymentIntentId, WebhookEndpointId, WebhookEventId};
use hub_core::publish::PUBLIC_TYPES;
use serde_json::Value;

use super::Front;
use super::auth::{Caller, EventsRead, WebhooksWrite};
use super::body::{Body, JsonRequest, Note, note};
use super::fields::{Fields, ID_CHARS_MAX};
use super::idempotency::{Begun, KeyedCall, plain, respond};
use super::lists::{Query, answer, one_more};
use super::problem::{Kind, Problem};
use crate::api_objects::endpoints::resend as resent;
use crate::store::{Commit, EventFilter, Page, PublicEventRow, Write};

/// Most endpoints an event is resent to at once.
const RESEND_ENDPOINTS_MAX: u32 = 100;

async fn find<A>(front: &Front, caller: &Caller<A>, id: &str) -> Result<PublicEventRow, Problem> {
    let not_found = || Problem::new(Kind::NotFound);
    let id = WebhookEventId::parse(id).map_err(|_| not_found())?;
    front.hub.store.public_event(&caller.scope, &id).await?.ok_or_else(not_found)
}

/// `GET /v1/events/{id}`: byte for byte the body that was sent.
pub async fn get(
    State(front): State<Front>,
    caller: Caller<EventsRead>,
    Path(id): Path<String>,
) -> Result<Response, Problem> {
    let event = find(&front, &caller, &id).await?;
    let mut response = event.body.into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}

/// `GET /v1/events`
pub async fn list(
    State(front): State<Front>,
    caller: Caller<EventsRead>,
    uri: Uri,
) -> Result<Response, Problem> {
    let mut query = Query::of(&uri);
    let kind = query.read("type", "must be an event type, such as payment_intent.succeeded", |text| {
        PUBLIC_TYPES.contains(&text).then(|| text.to_owned())
    });
    let payment_id = query.read("payment_intent", "must be the id of a payment intent", |text| {
        PaymentIntentId::parse(text).ok()
    });
    let page = query.page(|cursor| WebhookEventId::parse(cursor).is_ok())?;
    let filter = EventFilter { kind, payment_id };
    let events = front.hub.store.public_events(&caller.scope, &filter, &one_more(&page)).await?;
    let items = events
        .into_iter()
        .map(|event| {
            (event.id.to_string(), serde_json::from_str::<Value>(&event.body).unwrap_or(Value::Null))
        })
        .collect();
    Ok(Json(answer(&page, items)).into_response())
}

/// The body of a resend.
#[derive(Debug)]
pub struct NewResend {
    webhook_endpoint: Option<String>,
}

impl Body for NewResend {
    const NAME: &'static str = "NewResend";
    const KEYED: bool = true;
    const MAY_BE_EMPTY: bool = true;
    const NOTES: &'static [Note] = &[note(
        "/webhook_endpoint",
        "The id of the one endpoint to send to; all that are enabled unless said otherwise.",
        r#""whe_01m82t6djb2v4zd7kydfssr1kk""#,
    )];

    fn read(fields: &mut Fields) -> Self {
        Self { webhook_endpoint: fields.text("webhook_endpoint", ID_CHARS_MAX) }
    }
}

/// `POST /v1/events/{id}/resend`: to one endpoint, or to all that are enabled.
pub async fn resend(
    State(front): State<Front>,
    caller: Caller<WebhooksWrite>,
    Path(id): Path<String>,
    request: JsonRequest<NewResend>,
) -> Result<Response, Problem> {
    let hub = &front.hub;
    let keyed = match KeyedCall::begin(hub, &caller.scope, "events.resend", &request).await? {
        Begun::New(keyed) => keyed,
        Begun::Before(response) => return Ok(response),
    };
    let event = find(&front, &caller, &id).await?;
    let (asked, fields) = request.read()?;
    fields.finish()?;
    let page = Page { after: None, limit: RESEND_ENDPOINTS_MAX };
    let mut endpoints = hub.store.endpoints(&caller.scope, &page).await?;
    endpoints.retain(|endpoint| endpoint.enabled);
    if let Some(named) = asked.webhook_endpoint {
        let wanted = WebhookEndpointId::parse(&named).ok();
        endpoints.retain(|endpoint| Some(&endpoint.id) == wanted.as_ref());
        if endpoints.is_empty() {
            return Err(Problem::field("/webhook_endpoint", "names no enabled endpoint of this API key"));
        }
    }
    let now = hub.clock.now();
    let mut writes: Vec<_> = endpoints
        .iter()
        .map(|endpoint| Write::RequeueDelivery {
            scope: caller.scope.clone(),
            event_id: event.id.clone(),
            endpoint_id: endpoint.id.clone(),
            due_at: now,
        })
        .collect();
    let answer = plain(202, &resent(&event.id, &endpoints));
    writes.push(keyed.answer(answer.clone(), now));
    match hub.store.commit(Commit { writes }).await {
        Ok(()) => Ok(respond(answer.status, answer.body)),
        Err(error) => keyed.conclude(hub, error.into()).await,
    }
}
