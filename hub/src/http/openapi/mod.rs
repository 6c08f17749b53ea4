//! `/openapi.json`: what the front takes and answers, as OpenAPI 3.1.
//!
//! Nothing is described by hand that the code could contradict: answers are the schemas of the types that are
//! serialized, bodies are what their readers noted down, scopes and bodies come from the handlers' signatures,
//! problems from the closed set of kinds. What a signature cannot tell stands beside the handler in `routes`.

use std::sync::LazyLock;

use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use super::problem::{Kind, ProblemDocument};
use super::routes;
use crate::key_scope::KeyScope;

pub mod call;

mod operation;

mod published;

pub mod sample;

mod tidied;

static DOCUMENT: LazyLock<Value> = LazyLock::new(build);

/// The document as it is served, without its line breaks.
static TEXT: LazyLock<String> = LazyLock::new(|| DOCUMENT.to_string());

/// The document. It depends on nothing but the code.
pub fn document() -> &'static Value {
    &DOCUMENT
}

/// `GET /openapi.json`
pub async fn serve() -> Response {
    let mut response = TEXT.as_str().into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

const ABOUT: &str = "A payment-processor integration hub: create a payment intent, send the shopper to its \
    `checkout_url`, and hear by signed events how it went. Card numbers never come here.\n\n\
    Amounts are integer minor units beside a `currency`. A key and everything behind it is either test or live. \
    Every `GET` answers `HEAD` too. Every answer carries `X-Request-Id`. Expect new fields, event types and \
    words; what is there stays.\n\n\
    Errors are problem documents (RFC 9457). A path or method that is not here is answered `not_found` or \
    `method_not_allowed`.";

fn build() -> Value {
    let settings = SchemaSettings::draft2020_12()
        .for_serialize()
        .with(|settings| settings.definitions_path = "/components/schemas".into());
    let mut generator = settings.into_generator();
    let mut paths = Map::new();
    let mut tags = Vec::new();
    let mut bodies = Map::new();
    let mut shared = Map::new();
    for group in routes::all() {
        tags.push(json!({ "name": group.name, "description": group.says }));
        for route in group.routes {
            let call = route.call;
            if let Some(body) = &call.body {
                bodies.insert(body.name.to_owned(), operation::body_schema(body));
            }
            let mut described = operation::describe(&call, &mut generator, &mut shared);
            described["tags"] = json!([group.name]);
            paths.entry(call.path).or_insert_with(|| json!({}))[call.method] = described;
        }
    }
    let webhooks = published::events(&mut generator);
    generator.subschema_for::<ProblemDocument<'_>>();
    let mut document = json!({
        "openapi": "3.1.0",
        "info": {
            "title": "payhub",
            "version": env!("CARGO_PKG_VERSION"),
            "description": ABOUT,
            "license": { "name": "Apache License 2.0", "identifier": "Apache-2.0" },
        },
        "servers": [{ "url": "/", "description": "The hub that serves this document." }],
        "tags": tags,
        "paths": paths,
        "webhooks": webhooks,
        "components": {
            "securitySchemes": { "api_key": security_scheme() },
            "headers": {
                "X-Request-Id": {
                    "description": "The request's id; it is in the hub's log.",
                    "required": true,
                    "schema": { "type": "string" },
                },
                "Idempotency-Replayed": {
                    "description": "`true` when this is the answer of an earlier request under the same key.",
                    "schema": { "const": "true" },
                },
            },
            "responses": sorted(shared),
            "schemas": sorted(generator.take_definitions(true).into_iter().chain(bodies)),
        },
    });
    tidied::tidy(&mut document);
    close_problems(&mut document);
    sample::add_examples(&mut document);
    document
}

/// By name, so that the document does not change with the order of the routes.
fn sorted(parts: impl IntoIterator<Item = (String, Value)>) -> Map<String, Value> {
    let mut parts: Vec<(String, Value)> = parts.into_iter().collect();
    parts.sort_by(|left, right| left.0.cmp(&right.0));
    parts.into_iter().collect()
}

fn security_scheme() -> Value {
    let scopes = KeyScope::ALL.map(|scope| format!("`{scope}`")).join(", ");
    json!({
        "type": "http",
        "scheme": "bearer",
        "description": format!(
            "An API key of this hub. What it may do is a set of scopes: {scopes}. Each call names the one that it \
             needs."
        ),
    })
}

/// What no type says of problems: which kinds there are.
fn close_problems(document: &mut Value) {
    let types: Vec<_> = Kind::ALL.iter().map(|kind| format!("/problems/{}", kind.slug())).collect();
    let titles: Vec<_> = Kind::ALL.iter().map(|kind| kind.slug().replace('-', " ")).collect();
    let properties = &mut document["components"]["schemas"]["Problem"]["properties"];
    properties["type"]["enum"] = json!(types);
    properties["title"]["enum"] = json!(titles);
}

#[cfg(test)]
mod tests;
