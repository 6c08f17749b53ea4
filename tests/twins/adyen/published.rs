//! What Adyen publishes: the names and types of every request, of every answer, and of a webhook's items.
//!
//! Source: `data/published.json`, distilled from Adyen's OpenAPI descriptions; see the page beside it.
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
    /// In characters.
    max_length: Option<usize>,
    items: Option<Box<Self>>,
    properties: Option<BTreeMap<String, Self>>,
    /// What each value of a map is, whose names are the merchant's.
    values: Option<Box<Self>>,
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
    method: String,
    /// With `{…}` where an id stands.
    pub(super) path: String,
    /// The body's fields, or those of the query.
    pub(super) fields: Shape,
}

#[derive(Deserialize)]
struct Published {
    source: String,
    requests: Vec<Asked>,
    objects: BTreeMap<String, Shape>,
}

fn published() -> &'static Published {
    static PUBLISHED: OnceLock<Published> = OnceLock::new();
    PUBLISHED.get_or_init(|| {
        let published: Published =
            serde_json::from_str(include_str!("data/published.json")).expect("a description");
        assert!(published.source.contains("MIT license"), "whose description is it?");
        published
    })
}

/// The request at an address, and the id in its path.
pub(super) fn request<'a>(method: &str, path: &'a str) -> Option<(&'static Asked, Option<&'a str>)> {
    let of_method = published().requests.iter().filter(|asked| asked.method == method);
    of_method.filter_map(|asked| id_in(&asked.path, path).map(|id| (asked, id))).next()
}

/// The id where a path has its `{…}`; nothing when it is another path.
fn id_in<'a>(pattern: &str, path: &'a str) -> Option<Option<&'a str>> {
    let Some((head, rest)) = pattern.split_once('{') else { return (pattern == path).then_some(None) };
    let (_, tail) = rest.split_once('}').expect("a name that ends");
    let id = path.strip_prefix(head)?.strip_suffix(tail)?;
    (!id.is_empty() && !id.contains('/')).then_some(Some(id))
}

/// An object of an answer or a webhook, as Adyen says that it looks.
pub(super) fn object(name: &str) -> &'static Shape {
    published().objects.get(name).unwrap_or_else(|| panic!("no object {name} is published"))
}

/// What is wrong with a value: the name of the field and why.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// It has to be there.
    Missing(String),
    /// There is no such field.
    Unknown(String),
    /// It is of another type, none of the choices, or too long.
    Invalid(String),
}

impl Shape {
    /// The fields of a query.
    pub(super) fn read_query(query: &str) -> Map<String, Value> {
        let pairs = form_urlencoded::parse(query.as_bytes());
        pairs.map(|(name, text)| (name.into_owned(), text.into_owned().into())).collect()
    }

    /// Everything that is wrong with a value, the first thing first.
    pub(super) fn wrongs(&self, value: &Value) -> Vec<Wrong> {
        let mut wrongs = Vec::new();
        self.look("", value, &mut wrongs);
        wrongs
    }

    fn look(&self, name: &str, value: &Value, wrongs: &mut Vec<Wrong>) {
        let is_good = match self.r#type {
            None => true,
            Some(Kind::String) => value.is_string(),
            Some(Kind::Integer) => value.is_i64(),
            Some(Kind::Boolean) => value.is_boolean(),
            Some(Kind::Array) => value.is_array(),
            Some(Kind::Object) => value.is_object(),
        };
        let is_choice = |choices: &Vec<String>| choices.iter().any(|choice| value == choice.as_str());
        let fits = |most: usize| value.as_str().is_none_or(|text| text.chars().count() <= most);
        if !is_good || !self.r#enum.as_ref().is_none_or(is_choice) || !self.max_length.is_none_or(fits) {
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
            wrongs.push(Wrong::Missing(below(missing)));
        }
        for (field, value) in fields {
            match (&self.properties, &self.values) {
                (Some(known), _) => match known.get(field) {
                    Some(shape) => shape.look(&below(field), value, wrongs),
                    None => wrongs.push(Wrong::Unknown(below(field))),
                },
                (None, Some(values)) => values.look(&below(field), value, wrongs),
                // Without a list of fields, it is not for this twin to say.
                (None, None) => {}
            }
        }
    }
}
