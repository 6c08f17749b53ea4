//! One call as an operation of the document: parameters, body, every answer, every problem.

use schemars::SchemaGenerator;
use serde_json::{Map, Value, json};

use super::call::{Call, Content, Parameter, ParameterSchema, RequestBody};
use crate::http::idempotency::{KEY_CHARS_MAX, is_stored};
use crate::http::problem::Kind;

/// The operation. Answers that are the same for many calls go to `shared`, by name.
pub(super) fn describe(
    call: &Call,
    generator: &mut SchemaGenerator,
    shared: &mut Map<String, Value>,
) -> Value {
    let mut operation = json!({
        "operationId": call.id,
        "summary": call.summary,
        "description": description(call),
    });
    let mut parameters: Vec<Value> = call.parameters.iter().map(|one| parameter(one, generator)).collect();
    if call.is_keyed() {
        parameters.push(idempotency_key());
    }
    if !parameters.is_empty() {
        operation["parameters"] = json!(parameters);
    }
    if let Some(body) = &call.body {
        let schema = json!({ "$ref": format!("#/components/schemas/{}", body.name) });
        operation["requestBody"] = json!({
            "required": body.required,
            "content": { "application/json": { "schema": schema } },
        });
    }
    if let Some((media_type, schema)) = &call.foreign_body {
        operation["requestBody"] = json!({ "content": { *media_type: { "schema": schema } } });
    }
    operation["responses"] = responses(call, generator, shared);
    operation["security"] = match call.scope {
        Some(scope) => json!([{ "api_key": [scope.as_str()] }]),
        None => json!([]),
    };
    operation
}

fn description(call: &Call) -> String {
    match call.scope {
        Some(scope) => format!("{} Needs a key with the scope `{scope}`.", call.says),
        None => format!("{} Needs no key.", call.says),
    }
}

fn parameter(parameter: &Parameter, generator: &mut SchemaGenerator) -> Value {
    let schema = match &parameter.schema {
        ParameterSchema::Of(schema) => schema(generator).to_value(),
        ParameterSchema::Is(schema) => schema.clone(),
    };
    json!({
        "name": parameter.name,
        "in": parameter.place,
        "required": parameter.place == "path",
        "description": parameter.says,
        "schema": schema,
    })
}

fn idempotency_key() -> Value {
    json!({
        "name": "Idempotency-Key",
        "in": "header",
        "required": true,
        "description":
            "Your promise that the same key is the same request: a repeat gets the first one's answer, also \
             after a restart. Scope: test or live, and the call. The quoted form of the IETF draft is taken \
             too.",
        "schema": {
            "type": "string",
            "minLength": 1,
            "maxLength": KEY_CHARS_MAX,
            "pattern": "^[!#-~]([ -~]*[!-~])?$",
            "examples": ["order-1001"],
        },
    })
}

/// A body's schema with what its notes say. A note without its field, or a field without its note, fails a test.
pub(super) fn body_schema(body: &RequestBody) -> Value {
    let mut schema = body.schema.clone();
    for note in body.notes {
        if let Some(field) = property(&mut schema, note.field) {
            field["description"] = json!(note.says);
            if let Ok(example) = serde_json::from_str::<Value>(note.example) {
                field["examples"] = json!([example]);
            }
        }
    }
    schema
}

/// The schema of a field by its path, through objects and lists.
pub(super) fn property<'a>(schema: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    path.split('/').skip(1).try_fold(schema, |schema, name| {
        let object = if schema.get("items").is_some() { schema.get_mut("items")? } else { schema };
        object.get_mut("properties")?.get_mut(name)
    })
}

fn responses(call: &Call, generator: &mut SchemaGenerator, shared: &mut Map<String, Value>) -> Value {
    let mut responses = Map::new();
    for answer in &call.answers {
        let mut response = json!({ "description": answer.says, "headers": common_headers() });
        match &answer.content {
            Content::Json(schema) => {
                response["content"] =
                    json!({ "application/json": { "schema": schema(generator).to_value() } });
            }
            Content::Page(media_type) => {
                response["content"] = json!({ *media_type: { "schema": { "type": "string" } } });
            }
            Content::Location => {
                let schema = json!({ "type": "string", "format": "uri-reference" });
                response["headers"]["Location"] = json!({ "required": true, "schema": schema });
            }
            Content::Nothing => {}
        }
        if call.is_keyed() {
            response["headers"]["Idempotency-Replayed"] = replayed();
        }
        responses.insert(answer.status.to_owned(), response);
    }
    for (status, kinds) in problems_by_status(call) {
        let own_codes = call.codes.iter().any(|(kind, _)| kinds.contains(kind));
        if own_codes || responses.contains_key(&status) {
            let response = responses
                .entry(status)
                .or_insert_with(|| json!({ "description": "", "headers": common_headers(), "content": {} }));
            add_problems(call, response, &kinds);
            continue;
        }
        let name = kinds.iter().map(|kind| kind.slug()).collect::<Vec<_>>().join("_or_");
        responses.insert(status, json!({ "$ref": format!("#/components/responses/{name}") }));
        shared.entry(name).or_insert_with(|| {
            let mut response = json!({ "description": "", "headers": common_headers(), "content": {} });
            add_problems(call, &mut response, &kinds);
            response
        });
    }
    let mut sorted: Vec<(String, Value)> = responses.into_iter().collect();
    sorted.sort_by(|left, right| left.0.cmp(&right.0));
    Value::Object(sorted.into_iter().collect())
}

fn common_headers() -> Value {
    json!({ "X-Request-Id": { "$ref": "#/components/headers/X-Request-Id" } })
}

fn replayed() -> Value {
    json!({ "$ref": "#/components/headers/Idempotency-Replayed" })
}

fn problems_by_status(call: &Call) -> Vec<(String, Vec<Kind>)> {
    let mut statuses: Vec<(String, Vec<Kind>)> = Vec::new();
    for kind in Kind::ALL.into_iter().filter(|kind| call.problems.contains(kind)) {
        let status = kind.status().as_u16().to_string();
        match statuses.iter_mut().find(|(known, _)| *known == status) {
            Some((_, kinds)) => kinds.push(kind),
            None => statuses.push((status, vec![kind])),
        }
    }
    statuses
}

fn add_problems(call: &Call, response: &mut Value, kinds: &[Kind]) {
    let nearer = |kind: Kind| call.codes.iter().filter(move |(of, _)| *of == kind).map(|(_, code)| *code);
    let mut codes: Vec<String> = Vec::new();
    let mut lines = Vec::new();
    for kind in kinds {
        let own: Vec<&str> = nearer(*kind).collect();
        // `refused` is always told by a nearer code.
        if *kind != Kind::Refused {
            codes.push(kind.code());
        }
        codes.extend(own.iter().map(|code| (*code).to_owned()));
        let also = if own.is_empty() { String::new() } else { format!(" Codes: `{}`.", own.join("`, `")) };
        lines.push(format!("[`{0}`](/problems/{0}): {1}{also}", kind.slug(), kind.explanation()));
    }
    let schema = json!({
        "$ref": "#/components/schemas/Problem",
        "properties": {
            "status": { "const": kinds[0].status().as_u16() },
            "code": { "enum": codes },
        },
        "required": ["request_id"],
    });
    let described = response["description"].as_str().unwrap_or_default();
    lines.insert(0, described.to_owned());
    lines.retain(|line| !line.is_empty());
    response["description"] = json!(lines.join("\n\n"));
    response["content"]["application/problem+json"] = json!({ "schema": schema });
    if call.is_keyed() && kinds.iter().any(|kind| is_stored(*kind)) {
        response["headers"]["Idempotency-Replayed"] = replayed();
    }
    for kind in kinds {
        if let Some((name, value)) = kind.header() {
            let (name, says) = match name.as_str() {
                "retry-after" => ("Retry-After", format!("Seconds to wait, with `{}`.", kind.code())),
                _ => {
                    let value = value.unwrap_or_default();
                    ("WWW-Authenticate", format!("`{value}`, with `{}`.", kind.code()))
                }
            };
            response["headers"][name] = json!({ "description": says, "schema": { "type": "string" } });
        }
    }
}
