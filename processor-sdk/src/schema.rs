//! The contract's one JSON form as a JSON Schema, for adapters in other languages.
//!
//! The committed `schema/contract-v1.json` is this function's output, checked by a test.

use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::{Ask, CONTRACT_VERSION, Descriptor, Reply};

/// One JSON Schema (2020-12) document whose `$defs` hold [`Ask`], [`Reply`], [`Descriptor`] and all that
/// they are made of. The document itself takes an ask, a reply or a descriptor.
///
/// It describes what is written and what must be understood; readers take additional fields everywhere
/// except where a definition forbids them.
#[must_use]
pub fn contract_schema() -> Value {
    let mut generator = SchemaSettings::draft2020_12().into_generator();
    let roots = [
        generator.subschema_for::<Ask>(),
        generator.subschema_for::<Reply>(),
        generator.subschema_for::<Descriptor>(),
    ];
    // Sorted, so that the file does not change with the order in which the types are found.
    let mut definitions: Vec<(String, Value)> = generator.take_definitions(true).into_iter().collect();
    definitions.sort_by(|left, right| left.0.cmp(&right.0));
    let mut schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": format!("Payment processor adapter contract, version {CONTRACT_VERSION}"),
        "anyOf": roots.map(|root| root.to_value()),
        "$defs": definitions.into_iter().collect::<Map<String, Value>>(),
    });
    plain_descriptions(&mut schema);
    schema
}

/// Turns the links of Rust's documentation into plain names, for readers who have no Rust.
fn plain_descriptions(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, value) in fields {
                match value {
                    Value::String(text) if name == "description" => {
                        *text = text
                            .replace("[`crate::", "`")
                            .replace("[`", "`")
                            .replace("`]", "`")
                            .replace('\n', " ");
                    }
                    value => plain_descriptions(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(plain_descriptions),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
