//! `GET /metrics`, on a listener of its own that the operator keeps private.
//!
//! Invariant: it changes nothing, and the public front has no such page.

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::Semaphore;

use crate::service::Hub;

/// Looks at once; more are told to come again.
const LOOKS_MAX: usize = 4;

#[derive(Clone)]
struct Window {
    hub: Arc<Hub>,
    places: Arc<Semaphore>,
}

/// The private front.
pub fn router(hub: Arc<Hub>) -> Router {
    let window = Window { hub, places: Arc::new(Semaphore::new(LOOKS_MAX)) };
    Router::new().route("/metrics", get(show)).with_state(window)
}

/// `GET /metrics`
async fn show(State(window): State<Window>) -> Response {
    let Ok(_place) = window.places.try_acquire() else {
        return (StatusCode::SERVICE_UNAVAILABLE, "Too many look at once.\n").into_response();
    };
    let hub = &window.hub;
    let now = hub.clock.now();
    let figures = match hub.store.figures(now).await {
        Ok(figures) => figures,
        Err(error) => {
            tracing::error!(%error, "the store has no figures for /metrics");
            return (StatusCode::SERVICE_UNAVAILABLE, "The store does not answer.\n").into_response();
        }
    };
    match hub.metrics.text(&figures, now) {
        Ok(text) => ([(header::CONTENT_TYPE, prometheus::TEXT_FORMAT)], text).into_response(),
        Err(error) => {
            tracing::error!(%error, "the metrics cannot be written");
            (StatusCode::INTERNAL_SERVER_ERROR, "The metrics cannot be written.\n").into_response()
        }
    }
}
