//! The guide says what is so: its JSON parses, its code is the example's, its list of laws is the list.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/json_schema.rs"]
mod json_schema;

use processor_sdk::conformance::{Fixture, laws};
use processor_sdk::schema::contract_schema;
use processor_sdk::{Ask, Reply};

const README: &str = include_str!("../README.md");

/// The contents of the fenced blocks of one language.
fn blocks(language: &str) -> Vec<&'static str> {
    let opening = format!("```{language}\n");
    README.split(opening.as_str()).skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

#[test]
fn its_json_is_a_fixture_an_ask_and_a_reply() {
    let [fixture, ask, reply] = blocks("json")[..] else {
        panic!("the guide shows three JSON documents");
    };
    let fixture = Fixture::parse(fixture).unwrap();
    assert_eq!(fixture.transcript.len(), 1);
    let schema = contract_schema();
    for (name, json) in [("Ask", ask), ("Reply", reply)] {
        let value = serde_json::from_str(json).unwrap();
        let definition = serde_json::json!({"$ref": format!("#/$defs/{name}")});
        json_schema::validate(&schema, &definition, &value, name).unwrap();
    }
    let ask: Ask = serde_json::from_str(ask).unwrap();
    let reply: Reply = serde_json::from_str(reply).unwrap();
    assert_eq!(ask.contract, processor_sdk::CONTRACT_VERSION);
    assert_eq!(ask.transcript.len(), 1);
    assert!(matches!(reply, Reply::Answer(_)));
}

#[test]
fn its_code_is_the_examples() {
    let example = include_str!("../examples/acme/adapter.rs").replace("pub(crate) ", "");
    let heart =
        blocks("rust").into_iter().find(|block| block.starts_with("// examples/acme/adapter.rs")).unwrap();
    let quoted = heart.split_once("use serde_json::json;").unwrap().1.trim();
    let lines: Vec<_> = quoted.lines().filter(|line| !line.trim().is_empty()).collect();
    assert!(lines.len() > 60);
    for line in lines {
        assert!(example.lines().any(|known| known == line), "not in the example: {line}");
    }
}

#[test]
fn its_list_of_laws_is_the_list() {
    let section = README.split("\n## ").find(|section| section.starts_with("The laws")).unwrap();
    let listed: Vec<_> = section.lines().filter(|line| line.starts_with("- `")).collect();
    let laws: Vec<_> = laws().iter().map(|law| format!("- `{}`: {}", law.name, law.statement)).collect();
    assert_eq!(listed, laws);
}
