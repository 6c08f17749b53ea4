//! `/webhooks/{connector}`: processors deliver here. Verified, stored raw and sealed, then acknowledged.
//!
//! What a delivery means is read by a job afterwards, from the stored bytes. Invariants: a delivery whose
//! signature fails leaves no row; an acknowledged one is durable; a hint moves nothing by itself.

use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use axum::body::Bytes as BodyBytes;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, Uri, header};
use axum::response::{IntoResponse, Response};
use hub_core::ids::{DeliveryId, MerchantId, Scope};
use hub_core::planted::Bug;
use processor_sdk::{Bytes, Channel, Delivery, Headers, SignedDeliveries};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::problem::{Kind, Problem};
use super::{Front, body};
use crate::connector::{Authenticated, Connector};
use crate::metrics::WebhookVerdict;
use crate::planted::planted;
use crate::store::{Commit, Conflict, InboxRow, InboxState, StoreError, Write};
use crate::worker::job::{Job, JobBody};

/// Header lines that carry our infrastructure's words, not the processor's: not part of the fingerprint.
const TRANSPORT_HEADERS: [&str; 4] = ["connection", "host", "content-length", "user-agent"];

/// How long a count of the inbox is good, in microseconds.
const GAUGE_US: i64 = 1_000_000;

/// How full the inbox is, counted about once a second.
#[derive(Debug, Default)]
pub struct InboxGauge {
    waiting: AtomicU64,
    counted_at_us: AtomicI64,
}

impl InboxGauge {
    async fn is_full(&self, front: &Front) -> Result<bool, StoreError> {
        let most = front.settings.inbox_pending_max;
        let now_us = front.hub.clock.now().as_micros();
        if now_us.saturating_sub(self.counted_at_us.load(Ordering::Acquire)) >= GAUGE_US {
            let waiting = front.hub.store.inbox_waiting(most).await?;
            self.waiting.store(waiting, Ordering::Relaxed);
            // Only now, so that whoever comes meanwhile counts too, rather than trust a count of long ago.
            self.counted_at_us.store(now_us, Ordering::Release);
        }
        Ok(self.waiting.load(Ordering::Relaxed) >= most)
    }
}

/// `POST /webhooks/{connector}`
pub async fn receive(
    State(front): State<Front>,
    Path(name): Path<String>,
    request: Request,
) -> Result<Response, Problem> {
    take(&front, &name, None, request).await
}

/// `POST /webhooks/{connector}/{secret}`
pub async fn receive_at_secret_path(
    State(front): State<Front>,
    Path((name, secret)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    take(&front, &name, Some(&secret), request).await
}

async fn take(
    front: &Front,
    name: &str,
    path_secret: Option<&str>,
    request: Request,
) -> Result<Response, Problem> {
    let hub = &front.hub;
    let unknown = || Problem::new(Kind::NotFound).proves_nothing();
    let connectors = hub.connectors.now();
    let connector = connectors.connector(name).ok_or_else(unknown)?;
    let expects_none = connector.descriptor().deliveries == SignedDeliveries::None;
    if expects_none || !path_matches(connector.as_ref(), path_secret) {
        return Err(unknown());
    }
    if front.inbox.is_full(front).await? {
        // Not lost: a processor delivers again what was not acknowledged.
        return Err(Problem::new(Kind::Overloaded));
    }
    let (parts, body) = request.into_parts();
    let body = body::read(body, front.settings.body_bytes_max).await?;
    let registered = hub.urls.webhooks(name, connector.webhook_path_secret());
    let delivery = delivery(
        connector.as_ref(),
        Channel::Webhook,
        &registered,
        &parts.uri,
        &parts.headers,
        body,
        None,
        hub.clock.now(),
    );
    let authenticated = connector.authenticate(&delivery).await;
    let verdict = verdict(connector.as_ref(), &authenticated);
    hub.metrics.webhook(name, verdict);
    match authenticated {
        Authenticated::Accepted if verdict == WebhookVerdict::Verified => {
            hub.health.heard(name, delivery.received_at);
        }
        Authenticated::Accepted => {}
        Authenticated::Forged { why } | Authenticated::Stale { why } => {
            tracing::warn!(connector.name = name, why, "a delivery to {name} was refused as forged");
            return Err(Problem::new(Kind::ForgedWebhook));
        }
        Authenticated::Unreadable { why } => {
            tracing::warn!(connector.name = name, why, "a delivery to {name} cannot be read");
            let problem = Problem::new(Kind::MalformedJson).detail("This is no delivery of that processor.");
            return Err(problem.proves_nothing());
        }
        Authenticated::Unavailable { why } => {
            tracing::warn!(connector.name = name, why, "a delivery to {name} cannot be checked now");
            return Err(Problem::new(Kind::Overloaded));
        }
    }
    store(front, connector.as_ref(), &delivery).await?;
    let acknowledgement = &connector.descriptor().acknowledgement;
    let status = StatusCode::from_u16(acknowledgement.status).unwrap_or(StatusCode::OK);
    Ok((status, BodyBytes::from(acknowledgement.body.clone())).into_response())
}

fn verdict(connector: &dyn Connector, authenticated: &Authenticated) -> WebhookVerdict {
    match authenticated {
        Authenticated::Accepted if connector.descriptor().deliveries == SignedDeliveries::Unsigned => {
            WebhookVerdict::Hint
        }
        Authenticated::Accepted => WebhookVerdict::Verified,
        Authenticated::Forged { .. } => WebhookVerdict::Forged,
        Authenticated::Stale { .. } => WebhookVerdict::Stale,
        Authenticated::Unreadable { .. } => WebhookVerdict::Unreadable,
        Authenticated::Unavailable { .. } => WebhookVerdict::Unavailable,
    }
}

fn path_matches(connector: &dyn Connector, given: Option<&str>) -> bool {
    match (connector.webhook_path_secret(), given) {
        (None, None) => true,
        (Some(expected), Some(given)) => expected.as_bytes().ct_eq(given.as_bytes()).into(),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

/// A request as an adapter sees it.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a part of one request, put together in this one place"
)]
pub(crate) fn delivery(
    connector: &dyn Connector,
    channel: Channel,
    registered: &str,
    uri: &Uri,
    headers: &axum::http::HeaderMap,
    body: Vec<u8>,
    echo: Option<&str>,
    received_at: processor_sdk::Timestamp,
) -> Delivery {
    let query = uri.query().unwrap_or_default();
    let url = if query.is_empty() { registered.to_owned() } else { format!("{registered}?{query}") };
    let lines =
        headers.iter().filter(|(name, _)| **name != header::AUTHORIZATION && **name != header::COOKIE);
    let text = |value: &axum::http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    Delivery {
        channel,
        url,
        query: form_urlencoded::parse(query.as_bytes()).into_owned().collect(),
        headers: Headers(lines.map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()),
        body: Bytes::new(body),
        received_at,
        echo: echo.map(str::to_owned),
        settings: connector.settings().clone(),
        livemode: connector.livemode(),
    }
}

/// Makes a delivery durable with the job that reads it. The same signed bytes again are the same delivery; a hint
/// says the same whatever has changed since, so that each counts.
async fn store(front: &Front, connector: &dyn Connector, delivery: &Delivery) -> Result<(), Problem> {
    let hub = &front.hub;
    if planted(Bug::DropTheInbox) {
        return Ok(());
    }
    let scope = Scope { merchant_id: MerchantId::main(), livemode: connector.livemode() };
    let id = DeliveryId::from_body(&hub.fresh_body());
    let sealed = hub.seal_json(&inbox_context(&id), delivery)?;
    let is_hint = connector.descriptor().deliveries == SignedDeliveries::Unsigned
        || planted(Bug::TakeEveryDeliveryAnew);
    let row = InboxRow {
        scope: scope.clone(),
        id: id.clone(),
        connector: connector.name().to_owned(),
        received_at: delivery.received_at,
        fingerprint: fingerprint(connector.name(), delivery, is_hint.then_some(&id)),
        sealed,
        state: InboxState::Received,
    };
    let job =
        Job { body: JobBody::TakeNotification { scope, delivery_id: id }, due_at: delivery.received_at };
    let writes = vec![Write::InsertInbox(row), Write::PutJob { job, holder: None }];
    match hub.store.commit(Commit { writes }).await {
        Ok(()) | Err(StoreError::Conflict(Conflict::SeenDelivery)) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// The row that a delivery is sealed for.
pub(crate) fn inbox_context(id: &DeliveryId) -> String {
    format!("inbox/{id}")
}

fn fingerprint(connector: &str, delivery: &Delivery, apart: Option<&DeliveryId>) -> [u8; 32] {
    let mut digest = Sha256::new().chain_update(connector).chain_update([0]).chain_update(&delivery.url);
    for (name, value) in &delivery.headers.0 {
        if !TRANSPORT_HEADERS.contains(&name.as_str()) {
            digest = digest.chain_update([0]).chain_update(name).chain_update([0]).chain_update(value);
        }
    }
    digest = digest.chain_update([0]).chain_update(delivery.body.as_slice());
    apart.map_or(digest.clone(), |id| digest.chain_update([0]).chain_update(id.as_str())).finalize().into()
}
