//! Is it alive, can it work, and what does a problem mean.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::Front;
use super::problem::{Kind, Problem};

/// `GET /healthz`: the process answers.
pub async fn live() -> Response {
    Json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") })).into_response()
}

/// `GET /readyz`: the store answers and takes what is written.
pub async fn ready(State(front): State<Front>) -> Response {
    match front.hub.store.check().await {
        Ok(()) => Json(json!({ "status": "ready" })).into_response(),
        Err(error) => {
            tracing::error!(%error, "not ready");
            (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "status": "not ready" }))).into_response()
        }
    }
}

/// `GET /problems/{slug}`: what a problem type means and what to do.
pub async fn problem(Path(slug): Path<String>) -> Result<Response, Problem> {
    let kind = Kind::ALL.into_iter().find(|kind| kind.slug() == slug);
    let kind = kind.ok_or_else(|| Problem::new(Kind::NotFound))?;
    let text = format!("{} ({})\n\n{}\n", kind.slug(), kind.status().as_u16(), kind.explanation());
    Ok(text.into_response())
}
