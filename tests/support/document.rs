//! Every answer that a test gets is held against the published document: its status, its media type, its
//! headers and its body, with nothing in it that the document does not name.
//!
//! So each story is a test of the document too, and an answer that nobody described fails whichever test meets
//! it first.

use std::sync::LazyLock;

use axum::http::HeaderMap;
use payhub::http::openapi::document;
use serde_json::{Map, Value};

#[path = "../../processor-sdk/tests/support/json_schema.rs"]
pub(crate) mod json_schema;

/// The document with every object closed: carts must expect new fields, a test must not.
static CLOSED: LazyLock<Value> = LazyLock::new(|| {
    let mut closed = document().clone();
    close(&mut closed);
    closed
});

fn close(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            let is_object = fields.get("type").is_some_and(|kind| kind == "object");
            if is_object && fields.contains_key("properties") && !fields.contains_key("additionalProperties")
            {
                fields.insert("additionalProperties".to_owned(), Value::Bool(false));
            }
            fields.values_mut().for_each(close);
        }
        Value::Array(items) => items.iter_mut().for_each(close),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// The operations at a path, by method.
pub(crate) fn operations(path: &str) -> Option<&'static Map<String, Value>> {
    let parts: Vec<&str> = path.split('/').collect();
    let fits = |template: &str| {
        let wanted: Vec<&str> = template.split('/').collect();
        wanted.len() == parts.len()
            && wanted
                .iter()
                .zip(&parts)
                .all(|(wanted, part)| if wanted.starts_with('{') { !part.is_empty() } else { wanted == part })
    };
    let paths = CLOSED["paths"].as_object().expect("paths");
    paths.iter().find(|(template, _)| fits(template)).and_then(|(_, methods)| methods.as_object())
}

/// Demands that an answer of the hub is in the document. `method` is unknown where only the answer is at hand:
/// then any of the path's may have given it.
#[track_caller]
pub(crate) fn check(method: Option<&str>, path: &str, status: u16, headers: &HeaderMap, body: &str) {
    // Every answer of the hub has one, and no other server's of these tests.
    if !headers.contains_key("x-request-id") {
        return;
    }
    let method = method.map(|method| if method == "HEAD" { "get".to_owned() } else { method.to_lowercase() });
    let candidates: Vec<&Value> = match operations(path) {
        Some(methods) => methods
            .iter()
            .filter(|(name, _)| method.as_ref().is_none_or(|method| method == *name))
            .map(|(_, operation)| operation)
            .collect(),
        None => vec![],
    };
    let wanted: Vec<Result<(), String>> =
        candidates.iter().map(|operation| fits(operation, status, headers, body)).collect();
    let elsewhere = match status {
        404 => is_problem("not_found", headers, body),
        405 => is_problem("method_not_allowed", headers, body),
        422 => is_problem("card_number_detected", headers, body),
        _ => false,
    };
    let undocumented = "there is no such answer in the document";
    assert!(
        elsewhere || wanted.iter().any(Result::is_ok),
        "{method:?} {path} -> {status} {body:.2000}\n{}",
        if wanted.is_empty() { undocumented.to_owned() } else { format!("{wanted:?}") }
    );
}

/// What may be answered for any address and method: that there is no such thing, or that nobody looks.
fn is_problem(code: &str, headers: &HeaderMap, body: &str) -> bool {
    media_type(headers) == Some("application/problem+json")
        && (body.is_empty()
            || serde_json::from_str::<Value>(body).is_ok_and(|problem| {
                let schema = &CLOSED["components"]["schemas"]["Problem"];
                problem["code"] == code && json_schema::validate(&CLOSED, schema, &problem, "").is_ok()
            }))
}

fn media_type(headers: &HeaderMap) -> Option<&str> {
    headers.get("content-type").and_then(|value| value.to_str().ok())
}

fn fits(operation: &Value, status: u16, headers: &HeaderMap, body: &str) -> Result<(), String> {
    let responses = operation["responses"].as_object().ok_or("no responses")?;
    let range = format!("{}XX", status / 100);
    let response = responses.get(&status.to_string()).or_else(|| responses.get(&range));
    let response = response.ok_or_else(|| format!("{} has no {status}", operation["operationId"]))?;
    let shared = response["$ref"].as_str().and_then(|reference| CLOSED.pointer(&reference[1..]));
    let response = shared.unwrap_or(response);
    for (name, header) in response["headers"].as_object().into_iter().flatten() {
        let component = header["$ref"].as_str().and_then(|reference| CLOSED.pointer(&reference[1..]));
        let header = component.unwrap_or(header);
        if header["required"] == true && !headers.contains_key(name.as_str()) {
            return Err(format!("the header {name} is missing"));
        }
    }
    for name in ["retry-after", "www-authenticate", "idempotency-replayed", "location"] {
        let mut known = response["headers"].as_object().into_iter().flatten().map(|(known, _)| known);
        if headers.contains_key(name) && !known.any(|known| known.eq_ignore_ascii_case(name)) {
            return Err(format!("the header {name} is not in the document"));
        }
    }
    let Some(content) = response["content"].as_object() else {
        // A range is a processor's own wish.
        return if body.is_empty() || !responses.contains_key(&status.to_string()) {
            Ok(())
        } else {
            Err("there is no body in the document".to_owned())
        };
    };
    let media_type = media_type(headers).unwrap_or_default();
    let media = content.get(media_type).ok_or_else(|| format!("{media_type} is not in the document"))?;
    if body.is_empty() || !media_type.ends_with("json") {
        return Ok(());
    }
    let body: Value = serde_json::from_str(body).map_err(|error| error.to_string())?;
    json_schema::validate(&CLOSED, &media["schema"], &body, "")
}

/// Demands that a delivery to a merchant's endpoint is in the document.
#[track_caller]
pub(crate) fn check_event(event: &Value) {
    let kind = event["type"].as_str().expect("a type");
    let webhook = &CLOSED["webhooks"][kind]["post"]["requestBody"]["content"]["application/json"]["schema"];
    assert!(!webhook.is_null(), "{kind} is not in the document");
    json_schema::validate(&CLOSED, webhook, event, kind).expect("an event as the document says");
}

/// Demands that a body is one that the document lets a call take.
pub(crate) fn takes(schema: &Value, body: &Value) -> Result<(), String> {
    json_schema::validate(&CLOSED, schema, body, "")
}
