//! The document holds together: every reference, note and id is whole, and every kind of problem has its call.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::problem::Kind;
use super::super::routes;
use super::call::Call;
use super::{document, operation};

fn calls() -> Vec<Call> {
    routes::all().into_iter().flat_map(|group| group.routes).map(|route| route.call).collect()
}

fn every<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(fields) => {
            for (key, inner) in fields {
                if key == name {
                    found.push(inner);
                }
                every(inner, name, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| every(item, name, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[test]
fn every_reference_leads_somewhere_and_nothing_is_left_over() {
    let mut references = Vec::new();
    every(document(), "$ref", &mut references);
    let names: BTreeSet<&str> = references.iter().map(|one| one.as_str().unwrap()).collect();
    for name in &names {
        assert!(document().pointer(&name[1..]).is_some(), "{name}");
    }
    for name in document()["components"]["schemas"].as_object().unwrap().keys() {
        assert!(names.contains(format!("#/components/schemas/{name}").as_str()), "{name} is not used");
    }
}

#[test]
fn every_field_of_a_body_has_its_note() {
    fn paths(schema: &Value, base: &str, found: &mut BTreeSet<String>) {
        let object = if schema.get("items").is_some() { &schema["items"] } else { schema };
        for (name, inner) in object["properties"].as_object().into_iter().flatten() {
            let path = format!("{base}/{name}");
            paths(inner, &path, found);
            found.insert(path);
        }
    }
    for body in calls().into_iter().filter_map(|call| call.body) {
        let mut fields = BTreeSet::new();
        paths(&body.schema, "", &mut fields);
        let noted: BTreeSet<String> = body.notes.iter().map(|note| note.field.to_owned()).collect();
        assert_eq!(fields, noted, "{}", body.name);
        for note in body.notes {
            let example = note.example.is_empty() || serde_json::from_str::<Value>(note.example).is_ok();
            assert!(example && note.says.ends_with('.'), "{} {}", body.name, note.field);
            assert!(operation::property(&mut body.schema.clone(), note.field).is_some(), "{}", note.field);
        }
    }
}

#[test]
fn every_call_says_what_it_does() {
    let mut ids = BTreeSet::new();
    for call in calls() {
        assert!(ids.insert(call.id), "{} stands twice", call.id);
        assert!(!call.summary.is_empty() && call.says.ends_with('.'), "{}", call.id);
        assert!(!call.answers.is_empty(), "{}", call.id);
        let in_path = call.parameters.iter().filter(|parameter| parameter.place == "path");
        let named: Vec<String> = in_path.map(|parameter| format!("{{{}}}", parameter.name)).collect();
        let wanted = call.path.split('/').filter(|part| part.starts_with('{'));
        assert_eq!(named, wanted.collect::<Vec<_>>(), "{}", call.id);
    }
}

#[test]
fn every_kind_of_problem_is_answered_by_some_call() {
    for kind in Kind::ALL {
        // Of an address that is there with a method that is not: no call of the document.
        let documented =
            kind == Kind::MethodNotAllowed || calls().iter().any(|call| call.problems.contains(&kind));
        assert!(documented, "{kind:?}");
    }
}
