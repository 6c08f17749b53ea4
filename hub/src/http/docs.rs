//! `/docs`: the published document as one page, rendered here, so that it reads the same offline.
//!
//! It is made of the document and of nothing else: what is not in there is not on the page.

use axum::response::Response;
use serde_json::Value;

use super::checkout::page;
use super::openapi::{document, sample};
use crate::pages::docs::{
    AnswerView, CallView, DocsView, EventView, FieldView, GroupView, ObjectView, Piece, Prose, docs,
};

/// `GET /docs`
pub async fn serve() -> Response {
    page(docs(&view(document())))
}

/// The document as the page shows it.
fn view(document: &Value) -> DocsView {
    let groups = items(&document["tags"]).map(|tag| GroupView {
        name: text(&tag["name"]),
        about: prose(&tag["description"]),
        calls: calls(document, &tag["name"]),
    });
    let events = fields_of(&document["webhooks"]).map(|(name, event)| EventView {
        name: name.clone(),
        object: named(&event["post"]["requestBody"]["content"]["application/json"]["schema"])
            .unwrap_or_default(),
    });
    let objects = fields_of(&document["components"]["schemas"]).map(|(name, schema)| ObjectView {
        name: name.clone(),
        about: prose(&schema["description"]),
        fields: fields(schema, ""),
    });
    DocsView {
        title: format!("{} {}", text(&document["info"]["title"]), text(&document["info"]["version"])),
        about: prose(&document["info"]["description"]),
        groups: groups.collect(),
        events: events.collect(),
        objects: objects.collect(),
    }
}

fn calls(document: &Value, tag: &Value) -> Vec<CallView> {
    let mut calls = Vec::new();
    for (path, methods) in fields_of(&document["paths"]) {
        for (method, operation) in fields_of(methods).filter(|(_, operation)| operation["tags"][0] == *tag) {
            calls.push(call(document, path, method, operation));
        }
    }
    calls
}

fn call(document: &Value, path: &str, method: &str, operation: &Value) -> CallView {
    let body = &operation["requestBody"]["content"]["application/json"]["schema"];
    let body = resolved(document, body);
    CallView {
        id: text(&operation["operationId"]),
        method: method.to_uppercase(),
        path: path.to_owned(),
        summary: text(&operation["summary"]),
        about: prose(&operation["description"]),
        parameters: items(&operation["parameters"]).map(parameter).collect(),
        fields: fields(body, ""),
        curl: curl(path, method, operation),
        answers: fields_of(&operation["responses"])
            .map(|(status, answer)| self::answer(document, status, answer))
            .collect(),
    }
}

fn parameter(parameter: &Value) -> FieldView {
    let place = text(&parameter["in"]);
    let required = if parameter["required"] == true { ", required" } else { "" };
    FieldView {
        name: text(&parameter["name"]),
        kind: format!("{place}{required}: {}", kind(&parameter["schema"])),
        object: named(&parameter["schema"]),
        about: prose(&parameter["description"]),
    }
}

fn answer(document: &Value, status: &str, answer: &Value) -> AnswerView {
    let answer = resolved(document, answer);
    let media = &answer["content"]["application/json"];
    AnswerView {
        status: status.to_owned(),
        about: prose(&answer["description"]),
        object: named(&media["schema"]),
        example: media.get("schema").map(|schema| pretty(&sample::of(document, schema))),
    }
}

/// A line for the shell.
fn curl(path: &str, method: &str, operation: &Value) -> String {
    let address = path.replace('{', "$").replace('}', "").replace("$id", "$ID");
    let mut parts = vec![format!("curl -s \"$HUB{address}\"")];
    if method != "get" && method != "post" {
        parts.insert(1, format!("-X {}", method.to_uppercase()));
    }
    if items(&operation["security"]).next().is_some() {
        parts.push("-H \"Authorization: Bearer $KEY\"".to_owned());
    }
    let key = items(&operation["parameters"]).find(|parameter| parameter["name"] == "Idempotency-Key");
    if let Some(key) = key {
        parts.push(format!("-H 'Idempotency-Key: {}'", text(&key["schema"]["examples"][0])));
    }
    let json = &operation["requestBody"]["content"]["application/json"];
    match json.get("example") {
        Some(example) => {
            parts.push("-H 'Content-Type: application/json'".to_owned());
            parts.push(format!("-d '{example}'"));
        }
        None if method == "post" => parts.push("-X POST".to_owned()),
        None => {}
    }
    parts.join(" \\\n  ")
}

/// The fields of a schema, those of inner objects and lists after the field that holds them.
fn fields(schema: &Value, base: &str) -> Vec<FieldView> {
    let mut rows = Vec::new();
    for (name, inner) in fields_of(&schema["properties"]) {
        let name = format!("{base}{name}");
        let required = items(&schema["required"]).any(|one| *one == name[base.len()..]);
        let optional = if required { "" } else { ", optional" };
        rows.push(FieldView {
            name: name.clone(),
            kind: format!("{}{optional}", kind(inner)),
            object: named(inner),
            about: prose(&inner["description"]),
        });
        rows.extend(fields(inner, &format!("{name}.")));
        rows.extend(fields(&inner["items"], &format!("{name}[].")));
    }
    rows
}

/// What a value may be, with its bounds, in words.
fn kind(schema: &Value) -> String {
    let types = match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        one => text(one),
    };
    let mut words = vec![types];
    if let Some(constant) = schema.get("const") {
        words.push(format!("always {constant}"));
    }
    if schema.get("enum").is_some() {
        let listed: Vec<_> = items(&schema["enum"]).map(Value::to_string).collect();
        words.push(format!("one of {}", listed.join(", ")));
    }
    for (keyword, says) in [
        ("minimum", "at least"),
        ("maximum", "at most"),
        ("minLength", "characters at least"),
        ("maxLength", "characters at most"),
        ("maxItems", "items at most"),
        ("maxProperties", "entries at most"),
        ("format", "format"),
        ("default", "default"),
    ] {
        match &schema[keyword] {
            Value::Null => {}
            Value::String(text) => words.push(format!("{says} {text}")),
            value => words.push(format!("{says} {value}")),
        }
    }
    words.retain(|word| !word.is_empty());
    words.join(", ")
}

/// The component that a schema is, or lists, or holds if it is not null.
fn named(schema: &Value) -> Option<String> {
    let choices = items(&schema["anyOf"]).chain([schema, &schema["items"]]);
    let mut references = choices.filter_map(|choice| choice["$ref"].as_str());
    references.find_map(|reference| reference.rsplit('/').next()).map(str::to_owned)
}

fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null),
        None => schema,
    }
}

/// The little of Markdown that the document uses: paragraphs, list items, names in backticks, links.
fn prose(value: &Value) -> Vec<Prose> {
    let lines = value.as_str().unwrap_or_default().split('\n');
    lines.filter(|line| !line.trim().is_empty()).map(paragraph).collect()
}

fn paragraph(line: &str) -> Prose {
    let line = line.strip_prefix("- ").unwrap_or(line);
    let mut pieces = Vec::new();
    let mut rest = line;
    while let Some(start) = rest.find(['`', '[']) {
        let (before, from) = rest.split_at(start);
        let link = from
            .strip_prefix("[`")
            .and_then(|inner| inner.split_once("`]("))
            .and_then(|(words, target)| target.split_once(')').map(|(href, after)| (words, href, after)));
        let code = from.strip_prefix('`').and_then(|inner| inner.split_once('`'));
        let (piece, after) = match (link, code) {
            (Some((words, href, after)), _) => {
                (Piece::Link { text: words.to_owned(), href: href.to_owned() }, after)
            }
            (None, Some((name, after))) => (Piece::Code(name.to_owned()), after),
            (None, None) => (Piece::Text(from[..1].to_owned()), &from[1..]),
        };
        pieces.extend([Piece::Text(before.to_owned()), piece]);
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn items(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

fn fields_of(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}
