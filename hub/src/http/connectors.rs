//! `/v1/connectors`: what this hub can route to.

use axum::Json;
use axum::extract::State;
use axum::http::Uri;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Front;
use super::auth::{Caller, ConnectorsRead};
use super::lists::{Query, answer};
use super::problem::Problem;
use crate::api_objects::envelopes::{AdapterObject, ConnectorObject, ConnectorState, HealthObject};

/// `GET /v1/connectors`: of the caller's mode, in routing order.
pub async fn list(
    State(front): State<Front>,
    caller: Caller<ConnectorsRead>,
    uri: Uri,
) -> Result<Response, Problem> {
    let connectors = front.hub.connectors.now();
    let routes = connectors.routes();
    let page = Query::of(&uri).page(|cursor| routes.iter().any(|route| route.connector.name() == cursor))?;
    let mut items = Vec::new();
    for route in routes {
        let connector = &route.connector;
        if connector.livemode() != caller.scope.livemode {
            continue;
        }
        let descriptor = connector.descriptor();
        let health = front.hub.health.of(connector.name());
        let object = ConnectorObject {
            object: "connector",
            name: connector.name(),
            livemode: connector.livemode(),
            title: &route.title,
            state: if route.draining { ConnectorState::Draining } else { ConnectorState::Active },
            adapter: AdapterObject {
                name: &descriptor.name,
                version: &descriptor.version,
                content_hash: connector.adapter_pin().content_hash.as_deref(),
            },
            health: HealthObject {
                status: health.word(),
                breaker: connector.breaker().word(),
                last_answered_at: health.last_answered_at,
                last_failed_at: health.last_failed_at,
                last_verified_webhook_at: health.last_verified_webhook_at,
            },
            processor: &descriptor.title,
            sites: &route.sites,
            capabilities: descriptor.capabilities,
            currencies: &descriptor.currencies,
        };
        items.push((connector.name().to_owned(), json!(object)));
    }
    // The operator's order is no order of ids; the list is short and given whole from the cursor on.
    if let Some(after) = &page.after {
        let start = items.iter().position(|(name, _)| name == after).map_or(items.len(), |index| index + 1);
        items.drain(..start);
    }
    Ok(Json(answer(&page, items)).into_response())
}
