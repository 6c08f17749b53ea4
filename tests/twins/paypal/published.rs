//! What PayPal publishes: the names, types and lengths of every request, of every object in its answers, and the
//! issues that it names when it says no.
//!
//! Source: `data/published.json`, distilled from PayPal's OpenAPI descriptions; see the page beside it.
//!
//! Invariant: what the twin takes and what it says are held against the same description.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::{Map, Value};

/// What a value may be. Without a type it may be anything.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(super) struct Shape {
    r#type: Option<Kind>,
    r#enum: Option<Vec<String>>,
    any_of: Option<Vec<Self>>,
    items: Option<Box<Self>>,
    properties: Option<BTreeMap<String, Self>>,
    #[serde(default)]
    required: Vec<String>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    min_items: Option<usize>,
    max_items: Option<usize>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    String,
    Integer,
    Number,
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
    pub(super) query: Shape,
    /// The headers that it knows beside those of every request.
    pub(super) headers: Vec<String>,
    /// None where a body has no business.
    pub(super) body: Option<Shape>,
}

#[derive(Deserialize)]
struct Published {
    requests: Vec<Asked>,
    objects: BTreeMap<String, Shape>,
    issues: BTreeMap<String, Vec<String>>,
}

fn published() -> &'static Published {
    static PUBLISHED: OnceLock<Published> = OnceLock::new();
    PUBLISHED
        .get_or_init(|| serde_json::from_str(include_str!("data/published.json")).expect("a description"))
}

/// The request at an address, and the id in its path.
pub(super) fn request<'a>(method: &str, path: &'a str) -> Option<(&'static Asked, Option<&'a str>)> {
    published().requests.iter().filter(|asked| asked.method == method).find_map(|asked| {
        let Some((head, rest)) = asked.path.split_once('{') else {
            return (asked.path == path).then_some((asked, None));
        };
        let tail = rest.split_once('}').map_or("", |(_, tail)| tail);
        let id = path.strip_prefix(head)?.strip_suffix(tail)?;
        (!id.is_empty() && !id.contains('/')).then_some((asked, Some(id)))
    })
}

impl Asked {
    /// Whether a 422 of this request may name an issue.
    pub(super) fn has_issue(&self, issue: &str) -> bool {
        let issues = published().issues.get(&format!("{} {}", self.method, self.path));
        issues.is_some_and(|issues| issues.iter().any(|known| known == issue))
    }

    pub(super) fn has_header(&self, name: &str) -> bool {
        self.headers.iter().any(|known| known.eq_ignore_ascii_case(name))
    }
}

/// That an object is as PayPal says.
pub(super) fn as_published(name: &str, object: Value) -> Value {
    let shape = published().objects.get(name).unwrap_or_else(|| panic!("no object {name} is published"));
    let wrongs = shape.wrongs(&object);
    assert!(wrongs.is_empty(), "no {name} of PayPal's: {wrongs:?} in {object}");
    object
}

/// What is wrong with a value: where, and PayPal's name for it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    /// As a JSON pointer.
    pub(super) field: String,
    /// None for a field that there is not: PayPal overlooks it.
    pub(super) issue: Option<&'static str>,
}

impl Shape {
    /// Everything that is wrong with a value, the first thing first.
    pub(super) fn wrongs(&self, value: &Value) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        self.look("", value, &mut wrongs);
        wrongs
    }

    fn look(&self, field: &str, value: &Value, wrongs: &mut Vec<Wrong>) {
        let mut wrong = |issue| wrongs.push(Wrong { field: field.to_owned(), issue: Some(issue) });
        if let Some(any_of) = &self.any_of {
            if any_of.iter().all(|shape| !shape.wrongs(value).is_empty()) {
                wrong("INVALID_PARAMETER_VALUE");
            }
            return;
        }
        let is_good = match self.r#type {
            None => true,
            Some(Kind::String) => value.is_string(),
            Some(Kind::Integer) => value.is_i64(),
            Some(Kind::Number) => value.is_number(),
            Some(Kind::Boolean) => value.is_boolean(),
            Some(Kind::Array) => value.is_array(),
            Some(Kind::Object) => value.is_object(),
        };
        if !is_good {
            return wrong("INVALID_PARAMETER_SYNTAX");
        }
        let is_choice = |choices: &Vec<String>| choices.iter().any(|choice| value == choice.as_str());
        if !self.r#enum.as_ref().is_none_or(is_choice) {
            return wrong("INVALID_PARAMETER_VALUE");
        }
        match value {
            Value::String(text) => {
                let chars = text.chars().count();
                if self.min_length.is_some_and(|min| chars < min)
                    || self.max_length.is_some_and(|max| chars > max)
                {
                    wrong("INVALID_STRING_LENGTH");
                }
            }
            Value::Array(values) => {
                if self.min_items.is_some_and(|min| values.len() < min) {
                    wrong("INVALID_ARRAY_MIN_ITEMS");
                }
                if self.max_items.is_some_and(|max| values.len() > max) {
                    wrong("INVALID_ARRAY_MAX_ITEMS");
                }
                for (index, value) in values.iter().enumerate() {
                    if let Some(items) = &self.items {
                        items.look(&format!("{field}/{index}"), value, wrongs);
                    }
                }
            }
            Value::Object(fields) => self.look_into(field, fields, wrongs),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }

    fn look_into(&self, at: &str, fields: &Map<String, Value>, wrongs: &mut Vec<Wrong>) {
        for missing in self.required.iter().filter(|field| !fields.contains_key(*field)) {
            let issue = Some("MISSING_REQUIRED_PARAMETER");
            wrongs.push(Wrong { field: format!("{at}/{missing}"), issue });
        }
        let Some(known) = &self.properties else { return };
        for (field, value) in fields {
            let below = format!("{at}/{field}");
            match known.get(field) {
                Some(shape) => shape.look(&below, value, wrongs),
                None => wrongs.push(Wrong { field: below, issue: None }),
            }
        }
    }
}
