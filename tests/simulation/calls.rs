//! Requests and answers as they cross the simulated network: plain bytes, handed to a router at the far side.

use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Request};
use axum::response::Response;
use serde_json::Value;

use super::world::World;

/// Longest answer that is read.
const ANSWER_BYTES_MAX: usize = 8 * 1024 * 1024;

/// A request that can be sent again as it was.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

/// What it was answered.
#[derive(Clone, Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Ask {
    pub(crate) fn new(method: &str, target: &str) -> Self {
        Self { method: method.to_owned(), target: target.to_owned(), headers: vec![], body: vec![] }
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        Self { body: body.to_string().into_bytes(), ..self }.header("content-type", "application/json")
    }

    pub(crate) fn form(self, fields: &[(&str, &str)]) -> Self {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish().into_bytes();
        Self { body, ..self }.header("content-type", "application/x-www-form-urlencoded")
    }

    pub(crate) fn to_request(&self) -> Request<Body> {
        let mut request = Request::builder().method(self.method.as_str()).uri(self.target.as_str());
        for (name, value) in &self.headers {
            request = request.header(name, value);
        }
        request.body(Body::from(self.body.clone())).expect("a request")
    }

    /// That it has arrived somewhere.
    pub(crate) fn note(&self, world: &World, at: &str) {
        world.note(&format!("{at} <- {} {}", self.method, self.target), &self.body);
    }
}

impl Reply {
    pub(crate) async fn of(response: Response) -> Self {
        let (parts, body) = response.into_parts();
        let body = to_bytes(body, ANSWER_BYTES_MAX).await.expect("an answer's body");
        Self { status: parts.status.as_u16(), headers: parts.headers, body: body.to_vec() }
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn note(&self, world: &World, from: &str) {
        world.note(&format!("{from} -> {}", self.status), &self.body);
    }
}
