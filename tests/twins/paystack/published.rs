//! What Paystack publishes: the names and types of every request and of every object in its answers.
//!
//! Source: `data/published.json`, distilled from Paystack's OpenAPI description; see the page beside it.
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
    #[serde(default)]
    nullable: bool,
    r#enum: Option<Vec<String>>,
    any_of: Option<Vec<Self>>,
    items: Option<Box<Self>>,
    properties: Option<BTreeMap<String, Self>>,
    #[serde(default)]
    required: Vec<String>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
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
pub(super) struct Asked {
    pub(super) method: String,
    /// With `{…}` where an id stands.
    pub(super) path: String,
    /// The body's fields, or those of the query.
    pub(super) fields: Shape,
}

#[derive(Deserialize)]
struct Published {
    requests: Vec<Asked>,
    later: BTreeMap<String, BTreeMap<String, Shape>>,
    objects: BTreeMap<String, Shape>,
}

fn published() -> &'static Published {
    static PUBLISHED: OnceLock<Published> = OnceLock::new();
    PUBLISHED.get_or_init(|| {
        let mut published: Published =
            serde_json::from_str(include_str!("data/published.json")).expect("a description");
        for asked in &mut published.requests {
            let later = published.later.get(&format!("{} {}", asked.method, asked.path));
            let fields = asked.fields.properties.get_or_insert_default();
            fields.extend(later.cloned().unwrap_or_default());
        }
        published
    })
}

/// The request at an address, and the id in its path.
pub(super) fn request<'a>(method: &str, path: &'a str) -> Option<(&'static Asked, Option<&'a str>)> {
    published().requests.iter().find_map(|asked| {
        let (head, is_one) =
            asked.path.split_once('{').map_or((asked.path.as_str(), false), |(head, _)| (head, true));
        let rest = path.strip_prefix(head).filter(|_| asked.method == method)?;
        match is_one {
            true => (!rest.is_empty() && !rest.contains('/')).then_some((asked, Some(rest))),
            false => rest.is_empty().then_some((asked, None)),
        }
    })
}

/// An object of an answer, as Paystack says that it looks.
pub(super) fn object(name: &str) -> &'static Shape {
    published().objects.get(name).unwrap_or_else(|| panic!("no object {name} is published"))
}

/// What is wrong with a value: the name of the field and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// There is no such field. Paystack overlooks it.
    Unknown(String),
    /// It is of another type, or missing.
    Invalid(String),
}

impl Shape {
    /// The fields of a query, each of the type that it has to be.
    pub(super) fn read_query(&self, query: &str) -> Map<String, Value> {
        let read = |name: &str, text: &str| {
            let kind =
                self.properties.as_ref().and_then(|known| known.get(name)).and_then(|shape| shape.r#type);
            match (kind, text.parse::<i64>()) {
                (Some(Kind::Integer), Ok(number)) => number.into(),
                _ => text.into(),
            }
        };
        form_urlencoded::parse(query.as_bytes())
            .map(|(name, text)| (name.clone().into_owned(), read(&name, &text)))
            .collect()
    }

    /// Everything that is wrong with a value, the first thing first.
    pub(super) fn wrongs(&self, value: &Value) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        self.look("", value, &mut wrongs);
        wrongs
    }

    fn look(&self, name: &str, value: &Value, wrongs: &mut Vec<Wrong>) {
        if self.nullable && value.is_null() {
            return;
        }
        if let Some(any_of) = &self.any_of {
            if any_of.iter().all(|shape| !shape.wrongs(value).is_empty()) {
                wrongs.push(Wrong::Invalid(name.to_owned()));
            }
            return;
        }
        let is_good = match self.r#type {
            None => true,
            Some(Kind::String) => value.is_string(),
            Some(Kind::Integer) => value.is_i64(),
            Some(Kind::Boolean) => value.is_boolean(),
            Some(Kind::Array) => value.is_array(),
            Some(Kind::Object) => value.is_object(),
        };
        let is_choice = |choices: &Vec<String>| choices.iter().any(|choice| value == choice.as_str());
        if !is_good || !self.r#enum.as_ref().is_none_or(is_choice) {
            wrongs.push(Wrong::Invalid(name.to_owned()));
            return;
        }
        if let (Some(items), Value::Array(values)) = (&self.items, value) {
            for value in values {
                items.look(name, value, wrongs);
            }
        }
        if let Value::Object(fields) = value {
            self.look_into(name, fields, wrongs);
        }
    }

    fn look_into(&self, name: &str, fields: &Map<String, Value>, wrongs: &mut Vec<Wrong>) {
        let below = |field: &str| if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") };
        for missing in self.required.iter().filter(|field| !fields.contains_key(*field)) {
            wrongs.push(Wrong::Invalid(below(missing)));
        }
        // Without a list of fields, such as for metadata, they are the merchant's.
        let Some(known) = &self.properties else { return };
        for (field, value) in fields {
            match known.get(field) {
                Some(shape) => shape.look(&below(field), value, wrongs),
                None => wrongs.push(Wrong::Unknown(below(field))),
            }
        }
    }
}
