//! An example for every body and answer, made of the examples and bounds that its schema names.

use serde_json::{Map, Value, json};

/// How deep one schema may stand in another.
const DEPTH_MAX: usize = 16;

/// Puts an example beside the schema of each request body. Those of answers would be most of the document;
/// whoever shows them makes them by [`of`].
pub(super) fn add_examples(document: &mut Value) {
    let whole = document.clone();
    let paths = document["paths"].as_object_mut().into_iter().flatten();
    let operations = paths.filter_map(|(_, methods)| methods.as_object_mut()).flatten();
    for (_, operation) in operations {
        if let Some(media) = operation.pointer_mut("/requestBody/content/application~1json") {
            media["example"] = of(&whole, &media["schema"]);
        }
    }
}

/// A value that a schema of the document takes: what it requires, or everything where it requires nothing.
pub fn of(document: &Value, schema: &Value) -> Value {
    build(document, schema, 0)
}

fn build(document: &Value, schema: &Value, depth: usize) -> Value {
    if depth > DEPTH_MAX {
        return Value::Null;
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let target = document.pointer(reference.trim_start_matches('#')).unwrap_or(&Value::Null);
        let mut sample = build(document, target, depth + 1);
        for (name, nearer) in schema["properties"].as_object().into_iter().flatten() {
            sample[name] = build(document, nearer, depth + 1);
        }
        return sample;
    }
    let first = |keyword: &str| schema[keyword].as_array().and_then(|items| items.first());
    if let Some(value) = first("examples").or(schema.get("const")).or_else(|| first("enum")) {
        return value.clone();
    }
    if let Some(choice) = first("oneOf").or_else(|| first("anyOf")).or_else(|| first("allOf")) {
        return build(document, choice, depth + 1);
    }
    let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
    match kind {
        Some("object") => object(document, schema, depth),
        Some("array") => json!([build(document, &schema["items"], depth + 1)]),
        Some("integer" | "number") => json!(schema["minimum"].as_i64().unwrap_or(0).max(0)),
        Some("boolean") => json!(false),
        Some("string") => json!(text(schema)),
        Some(_) | None => Value::Null,
    }
}

fn object(document: &Value, schema: &Value, depth: usize) -> Value {
    let required = schema["required"].as_array().filter(|names| !names.is_empty());
    let shown = |name: &str| required.is_none_or(|names| names.iter().any(|one| one == name));
    let properties = schema["properties"].as_object();
    let shown = properties.into_iter().flatten().filter(|(name, _)| shown(name));
    let fields: Map<String, Value> =
        shown.map(|(name, inner)| (name.clone(), build(document, inner, depth + 1))).collect();
    Value::Object(fields)
}

fn text(schema: &Value) -> &'static str {
    match (schema["format"].as_str(), schema["pattern"].as_str()) {
        (Some("date-time"), _) => "2026-11-22T23:41:13.461456Z",
        (_, Some("^[A-Z]{3}$")) => "EUR",
        (Some(_) | None, _) => "text",
    }
}
