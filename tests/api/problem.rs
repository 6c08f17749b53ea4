//! What every refusal has to be: problem+json of a known kind, that names the field and the fix, carries the
//! request's id, and repeats nothing that was sent.

use payhub::http::problem::Kind;
use serde_json::Value;

use crate::support::cart::Answer;

/// Shorter texts and numbers than this stand in any sentence by chance.
const ECHO_CHARS_MIN: usize = 4;

/// Which fields are named, each with a part of the sentence that says what would be right.
pub(super) type Fields<'a> = &'a [(&'a str, &'a str)];

/// Checks an answer against what it must be; gives the document.
#[track_caller]
pub(super) fn refused(answer: &Answer, kind: Kind, fields: Fields<'_>, sent: &str) -> Value {
    let context = format!("{sent:.300} -> {} {}", answer.status, answer.text);
    assert_eq!(answer.status, kind.status().as_u16(), "{context}");
    let document = is_problem(answer, &context);
    assert_eq!(document["type"], format!("/problems/{}", kind.slug()), "{context}");
    let mut named: Vec<(&str, &str)> = Vec::new();
    for error in document["errors"].as_array().map(Vec::as_slice).unwrap_or_default() {
        named.push((
            error["pointer"].as_str().expect("a pointer"),
            error["detail"].as_str().expect("a detail"),
        ));
    }
    let pointers: Vec<&str> = named.iter().map(|(pointer, _)| *pointer).collect();
    let expected: Vec<&str> = fields.iter().map(|(pointer, _)| *pointer).collect();
    assert_eq!(pointers, expected, "{context}");
    for ((_, detail), (_, fix)) in named.iter().zip(fields) {
        assert!(detail.contains(fix), "not the fix {fix:?}: {context}");
    }
    no_echo(answer, sent);
    document
}

/// What holds for every problem, whatever it is.
#[track_caller]
pub(super) fn is_problem(answer: &Answer, context: &str) -> Value {
    assert_eq!(answer.header("content-type"), Some("application/problem+json"), "{context}");
    let document = answer.json();
    let kind = Kind::ALL.into_iter().find(|kind| document["type"] == format!("/problems/{}", kind.slug()));
    let kind = kind.unwrap_or_else(|| panic!("an unknown type: {context}"));
    assert_eq!(document["status"], answer.status, "{context}");
    assert_eq!(answer.status, kind.status().as_u16(), "{context}");
    for member in ["title", "detail", "code", "request_id"] {
        assert!(document[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {context}");
    }
    assert!(document["retryable"].is_boolean(), "{context}");
    assert_eq!(document["request_id"].as_str(), answer.header("x-request-id"), "{context}");
    document
}

/// That no value of what was sent is in the answer.
#[track_caller]
fn no_echo(answer: &Answer, sent: &str) {
    // What is no JSON has no values to be looked for one by one.
    let mut values = Vec::new();
    match serde_json::from_str(sent) {
        Ok(value) => leaves(&value, &mut values),
        Err(_) => values.push(sent.to_owned()),
    }
    for value in values.iter().filter(|value| value.chars().count() >= ECHO_CHARS_MIN) {
        assert!(!answer.text.contains(value.as_str()), "{value:?} is repeated: {sent} -> {}", answer.text);
        assert!(
            answer.headers.values().all(|header| header.as_bytes() != value.as_bytes()),
            "{value:?} is a header"
        );
    }
}

fn leaves(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Null | Value::Bool(_) => {}
        Value::Number(number) => found.push(number.to_string()),
        Value::String(text) => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Object(fields) => fields.values().for_each(|field| leaves(field, found)),
    }
}
