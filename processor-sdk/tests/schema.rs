//! The published schema file is what the types say.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/acme/adapter.rs"]
mod acme;
#[path = "support/json_schema.rs"]
mod json_schema;

use std::path::Path;

use processor_sdk::conformance::Fixture;
use processor_sdk::schema::contract_schema;
use processor_sdk::{Adapter, Ask, Reply};

#[test]
#[expect(clippy::disallowed_methods, reason = "the switch that rewrites the file is for the developer alone")]
fn the_published_schema_is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/contract-v1.json");
    let current = format!("{}\n", serde_json::to_string_pretty(&contract_schema()).unwrap());
    if std::env::var("UPDATE_SCHEMA").is_ok_and(|value| value == "1") {
        std::fs::write(&path, &current).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        published == current,
        "schema/contract-v1.json differs from the types; if the change is meant, rewrite it with \
         UPDATE_SCHEMA=1 cargo test -p processor-sdk --features conformance,schema --test schema"
    );
}

#[test]
fn every_reference_leads_to_a_definition() {
    fn references<'v>(value: &'v serde_json::Value, found: &mut Vec<&'v str>) {
        match value {
            serde_json::Value::Object(fields) => {
                found.extend(fields.get("$ref").and_then(|reference| reference.as_str()));
                fields.values().for_each(|value| references(value, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|value| references(value, found)),
            _ => {}
        }
    }
    let schema = contract_schema();
    let mut found = Vec::new();
    references(&schema, &mut found);
    assert!(found.len() > 50, "{}", found.len());
    for reference in found {
        assert!(schema.pointer(&reference[1..]).is_some(), "{reference}");
    }
}

/// Every ask, reply and descriptor of the example, and what lies between them, meets the schema.
#[test]
fn the_example_meets_the_schema() {
    let schema = contract_schema();
    let definition = |name: &str| serde_json::json!({"$ref": format!("#/$defs/{name}")});
    let check = |name: &str, value: serde_json::Value| {
        json_schema::validate(&schema, &definition(name), &value, name).unwrap();
        json_schema::validate(&schema, &schema, &value, "document").unwrap();
    };
    check("Descriptor", serde_json::to_value(acme::Acme.descriptor()).unwrap());
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/acme/fixtures");
    let fixtures = Fixture::read_folder(&folder).unwrap();
    assert!(fixtures.len() > 5);
    for fixture in fixtures {
        let ask = Ask { transcript: fixture.transcript, ..Ask::new(fixture.ask) };
        for exchange in &ask.transcript {
            check("Reply", serde_json::to_value(Reply::Step(exchange.step.clone())).unwrap());
        }
        check("Ask", serde_json::to_value(&ask).unwrap());
        check("Reply", serde_json::to_value(&fixture.reply).unwrap());
    }
}

#[test]
fn what_is_no_ask_and_no_reply_does_not_meet_the_schema() {
    let schema = contract_schema();
    let rows = [
        ("Ask", r#"{"contract": 1, "transcript": []}"#),
        ("Ask", r#"{"call": {}, "contract": 1}"#),
        ("Reply", r#"{"answer": {"said": {"facts": {"word": "settled"}}}}"#),
        ("Reply", r#"{"answer": {"said": {"facts": {"amount": {"amount": 19.99, "currency": "EUR"}}}}}"#),
        ("Reply", r#"{"answer": {"said": {"facts": {}, "door": {"kind": "redirect"}}}}"#),
        ("Reply", r#"{"answer": "absent", "fault": {"kind": "unsupported"}}"#),
        ("Reply", r#"{"step": {"verify": {"kind": "mac", "over": [], "candidates": []}}}"#),
        ("Reply", r#"{"fault": {"kind": "declined"}}"#),
    ];
    for (name, json) in rows {
        let value = serde_json::from_str(json).unwrap();
        let schema_of = serde_json::json!({"$ref": format!("#/$defs/{name}")});
        assert!(json_schema::validate(&schema, &schema_of, &value, name).is_err(), "{json}");
    }
}
