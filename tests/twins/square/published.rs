//! What Square publishes: the names, types and lengths of every request, of every object in its answers, and of its
//! events.
//!
//! Source: `data/published.json`, distilled from Square's API description; see the page beside it.
//!
//! Invariant: what the twin takes and what it says are held against the same description.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What a value may be. Without a type it may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Shape {
    /// The name of the shape that it has.
    is: Option<String>,
    r#type: Option<Kind>,
    #[serde(default)]
    nullable: bool,
    /// Square alone sets it.
    #[serde(default)]
    read_only: bool,
    r#enum: Option<Vec<String>>,
    /// In characters.
    min_length: Option<usize>,
    max_length: Option<usize>,
    items: Option<Box<Self>>,
    properties: Option<BTreeMap<String, Self>>,
    #[serde(default)]
    required: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    String,
    Integer,
    Boolean,
    Array,
    Object,
}

/// One request of the API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    pub(super) method: String,
    /// With `{…}` where an id stands.
    pub(super) path: String,
    /// The name of the body's shape.
    pub(super) body: Option<String>,
    /// The name of the answer's shape.
    pub(super) answer: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Published {
    #[serde(rename = "source")]
    _source: String,
    requests: Vec<Asked>,
    shapes: BTreeMap<String, Shape>,
}

fn published() -> &'static Published {
    static PUBLISHED: OnceLock<Published> = OnceLock::new();
    PUBLISHED
        .get_or_init(|| serde_json::from_str(include_str!("data/published.json")).expect("a description"))
}

fn shape(name: &str) -> &'static Shape {
    published().shapes.get(name).unwrap_or_else(|| panic!("no shape {name} is published"))
}

/// The request at an address, and the id in its path.
pub(super) fn request<'a>(method: &str, path: &'a str) -> Option<(&'static Asked, Option<&'a str>)> {
    published().requests.iter().filter(|asked| asked.method == method).find_map(|asked| {
        let Some((head, _)) = asked.path.split_once('{') else {
            return (asked.path == path).then_some((asked, None));
        };
        let id = path.strip_prefix(head).filter(|id| !id.is_empty() && !id.contains('/'))?;
        Some((asked, Some(id)))
    })
}

/// One thing that is wrong with a value.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) field: String,
    /// Square's code for it.
    pub(super) code: &'static str,
}

/// Whose the value is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum From {
    /// Sent to Square: what only Square sets must not stand in it.
    Hub,
    Square,
}

/// Everything that is wrong with a request's body, the first thing first.
pub(super) fn wrongs_of_request(name: &str, body: &Value) -> Vec<Wrong> {
    let mut wrongs = Vec::new();
    shape(name).look("", body, From::Hub, &mut wrongs);
    wrongs
}

/// That something which the twin says is as Square says it.
pub(super) fn as_published(name: &str, said: Value) -> Value {
    let mut wrongs = Vec::new();
    shape(name).look("", &said, From::Square, &mut wrongs);
    assert!(wrongs.is_empty(), "no {name} of Square's: {wrongs:?} in {said}");
    said
}

impl Shape {
    fn look(&self, name: &str, value: &Value, from: From, wrongs: &mut Vec<Wrong>) {
        if self.nullable && value.is_null() {
            return;
        }
        if let Some(is) = &self.is {
            return shape(is).look(name, value, from, wrongs);
        }
        if let Some(code) = self.code_for(value) {
            wrongs.push(Wrong { field: name.to_owned(), code });
            return;
        }
        if let (Some(items), Value::Array(values)) = (&self.items, value) {
            for value in values {
                items.look(name, value, from, wrongs);
            }
        }
        if let Value::Object(fields) = value {
            self.look_into(name, fields, from, wrongs);
        }
    }

    /// What Square calls a value that is of another type, too long, too short or none of the choices.
    fn code_for(&self, value: &Value) -> Option<&'static str> {
        let (is_good, code) = match self.r#type {
            None => (true, ""),
            Some(Kind::String) => (value.is_string(), "EXPECTED_STRING"),
            Some(Kind::Integer) => (value.is_i64(), "EXPECTED_INTEGER"),
            Some(Kind::Boolean) => (value.is_boolean(), "EXPECTED_BOOLEAN"),
            Some(Kind::Array) => (value.is_array(), "EXPECTED_ARRAY"),
            Some(Kind::Object) => (value.is_object(), "EXPECTED_OBJECT"),
        };
        if !is_good {
            return Some(code);
        }
        let text = value.as_str()?;
        let length = text.chars().count();
        if self.max_length.is_some_and(|max| length > max) {
            return Some("VALUE_TOO_LONG");
        }
        if self.min_length.is_some_and(|min| length < min) {
            return Some("VALUE_TOO_SHORT");
        }
        let is_choice = |choices: &Vec<String>| choices.iter().any(|choice| choice == text);
        (!self.r#enum.as_ref().is_none_or(is_choice)).then_some("INVALID_ENUM_VALUE")
    }

    fn look_into(&self, name: &str, fields: &Map<String, Value>, from: From, wrongs: &mut Vec<Wrong>) {
        let below = |field: &str| if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") };
        for missing in self.required.iter().filter(|field| !fields.contains_key(*field)) {
            wrongs.push(Wrong { field: below(missing), code: "MISSING_REQUIRED_PARAMETER" });
        }
        // Without a list of fields, such as for metadata, they are the merchant's.
        let Some(known) = &self.properties else { return };
        for (field, value) in fields {
            match known.get(field) {
                Some(shape) if shape.read_only && from == From::Hub => {
                    wrongs.push(Wrong { field: below(field), code: "INVALID_VALUE" });
                }
                Some(shape) => shape.look(&below(field), value, from, wrongs),
                None => wrongs.push(Wrong { field: below(field), code: "UNKNOWN_BODY_PARAMETER" }),
            }
        }
    }
}
