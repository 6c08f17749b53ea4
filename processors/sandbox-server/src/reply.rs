//! Answers: a status and a JSON body that can be stored for an idempotency key, and how refusals look.

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use serde_json::{Value, json};

use crate::refusal::Refusal;

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) replayed: bool,
}

impl Answer {
    #[expect(clippy::needless_pass_by_value, reason = "callers make the body in place")]
    pub(crate) fn new(status: u16, body: Value) -> Self {
        Self { status, body: body.to_string(), replayed: false }
    }

    pub(crate) fn into_response(self) -> Response {
        let mut response = respond(self.status, "application/json", self.body);
        if self.replayed {
            response.headers_mut().insert("idempotent-replayed", HeaderValue::from_static("true"));
        }
        response
    }
}

impl Refusal {
    pub(crate) fn into_response(self) -> Response {
        let body = json!({"error": {"code": self.code(), "message": self.to_string()}});
        let mut response = respond(self.status(), "application/json", body.to_string());
        if self == Self::RateLimited {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// A response that nobody on the way may keep.
pub(crate) fn respond(status: u16, kind: &'static str, body: String) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
