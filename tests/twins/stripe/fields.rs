//! The published names and types of every request, and what is wrong with one that came.
//!
//! Source: `data/fields.json`, distilled from Stripe's OpenAPI description; see the page beside it.
//!
//! Invariant: a field that is not in the table is wrong, whatever it holds.

use std::collections::BTreeMap;
use std::sync::OnceLock;

use serde::Deserialize;
use serde_json::Value;

use super::form::Tree;
use super::refusal::Refusal;

/// A field's type.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Kind {
    Word(Word),
    Text {
        string: usize,
    },
    Choice {
        r#enum: Vec<String>,
    },
    List {
        array: Box<Self>,
    },
    Map {
        map: Box<Self>,
    },
    /// Any of several, such as a map or nothing at all.
    Any {
        any: Vec<Self>,
    },
    Object {
        object: BTreeMap<String, Self>,
        #[serde(default)]
        required: Vec<String>,
    },
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Integer,
    Number,
    Boolean,
}

/// One request of the API.
#[derive(Debug, Deserialize)]
pub(super) struct Operation {
    pub(super) method: String,
    /// With `{…}` where an id stands.
    pub(super) path: String,
    #[serde(default)]
    required: Vec<String>,
    fields: BTreeMap<String, Kind>,
}

/// Every request that the twin answers.
pub(super) fn operations() -> &'static [Operation] {
    static OPERATIONS: OnceLock<Vec<Operation>> = OnceLock::new();
    OPERATIONS.get_or_init(|| {
        let mut table: Value = serde_json::from_str(include_str!("data/fields.json")).expect("a table");
        let later = table["later"].take();
        let read = |part: &Value| -> Vec<Operation> {
            serde_json::from_value(part["operations"].clone()).expect("operations")
        };
        let mut operations = read(&table);
        operations.extend(read(&later));
        let more: BTreeMap<String, BTreeMap<String, Kind>> =
            serde_json::from_value(later["fields"].clone()).expect("fields");
        for operation in &mut operations {
            let name = format!("{} {}", operation.method, operation.path);
            operation.fields.extend(more.get(&name).cloned().unwrap_or_default());
        }
        operations
    })
}

impl Operation {
    /// The ids in a path, when it is one of this operation's.
    pub(super) fn ids<'a>(&self, method: &str, path: &'a str) -> Option<Vec<&'a str>> {
        let (wanted, given): (Vec<_>, Vec<_>) = (self.path.split('/').collect(), path.split('/').collect());
        let fits =
            |(wanted, given): (&&str, &&str)| wanted.starts_with('{') && !given.is_empty() || wanted == given;
        let is_it =
            self.method == method && wanted.len() == given.len() && wanted.iter().zip(&given).all(fits);
        let ids = wanted.iter().zip(given).filter(|(wanted, _)| wanted.starts_with('{'));
        is_it.then(|| ids.map(|(_, given)| given).collect())
    }

    /// That a form is one of this operation's.
    ///
    /// # Errors
    /// What Stripe answers.
    pub(super) fn check(&self, form: &Tree) -> Result<(), Refusal> {
        check_object(&self.fields, &self.required, form, "")
    }
}

fn below(prefix: &str, name: &str) -> String {
    if prefix.is_empty() { name.to_owned() } else { format!("{prefix}[{name}]") }
}

fn check_object(
    fields: &BTreeMap<String, Kind>,
    required: &[String],
    form: &Tree,
    prefix: &str,
) -> Result<(), Refusal> {
    for (name, field) in form.fields() {
        let name_in_full = below(prefix, name);
        let Some(kind) = fields.get(name) else { return Err(Refusal::unknown_field(&name_in_full)) };
        check(kind, field, &name_in_full)?;
    }
    let missing = required.iter().find(|name| form.fields().iter().all(|(known, _)| known != *name));
    missing.map_or(Ok(()), |name| Err(Refusal::missing_field(&below(prefix, name))))
}

fn is_number(text: &str) -> bool {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    [whole, fraction].iter().all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()))
}

fn check(kind: &Kind, field: &Tree, name: &str) -> Result<(), Refusal> {
    match (kind, field) {
        (Kind::Word(Word::Integer), Tree::Leaf(text)) if text.parse::<i64>().is_ok() => Ok(()),
        (Kind::Word(Word::Integer), Tree::Leaf(text)) => {
            let message = format!("Invalid integer: {text}");
            Err(Refusal::invalid_field(Some("parameter_invalid_integer"), name, &message))
        }
        (Kind::Word(Word::Number), Tree::Leaf(text)) if is_number(text) => Ok(()),
        (Kind::Word(Word::Number), Tree::Leaf(text)) => {
            Err(Refusal::invalid_field(None, name, &format!("Invalid decimal: {text}")))
        }
        (Kind::Word(Word::Boolean), Tree::Leaf(text)) if matches!(text.as_str(), "true" | "false") => Ok(()),
        (Kind::Word(Word::Boolean), Tree::Leaf(text)) => {
            Err(Refusal::invalid_field(None, name, &format!("Invalid boolean: {text}")))
        }
        (Kind::Text { .. }, Tree::Leaf(text)) if text.is_empty() => {
            let message = format!("You passed an empty string for '{name}'.");
            Err(Refusal::invalid_field(Some("parameter_invalid_empty"), name, &message))
        }
        (Kind::Text { string }, Tree::Leaf(text)) if text.chars().count() > *string => {
            let message = format!("Invalid string: must be at most {string} characters");
            Err(Refusal::invalid_field(None, name, &message))
        }
        (Kind::Text { .. }, Tree::Leaf(_)) => Ok(()),
        (Kind::Choice { r#enum }, Tree::Leaf(text)) if r#enum.contains(text) => Ok(()),
        (Kind::Choice { r#enum }, Tree::Leaf(_)) => {
            let message = format!("Invalid {name}: must be one of {}", r#enum.join(", "));
            Err(Refusal::invalid_field(None, name, &message))
        }
        (Kind::Any { any }, field) => {
            let first = any.first().map(|kind| check(kind, field, name));
            if any.iter().any(|kind| check(kind, field, name).is_ok()) {
                return Ok(());
            }
            first.unwrap_or(Ok(()))
        }
        (Kind::List { array }, Tree::Branch(fields)) => {
            let is_numbered = fields.iter().all(|(index, _)| index.parse::<usize>().is_ok());
            if !is_numbered {
                return Err(Refusal::invalid_field(None, name, "Invalid array"));
            }
            fields.iter().try_for_each(|(index, field)| check(array, field, &below(name, index)))
        }
        (Kind::Map { map }, Tree::Branch(fields)) => {
            fields.iter().try_for_each(|(key, field)| check(map, field, &below(name, key)))
        }
        (Kind::Object { object, required }, Tree::Branch(_)) => check_object(object, required, field, name),
        (Kind::List { .. }, Tree::Leaf(_)) => Err(Refusal::invalid_field(None, name, "Invalid array")),
        (Kind::Map { .. } | Kind::Object { .. }, Tree::Leaf(_)) => {
            Err(Refusal::invalid_field(None, name, "Invalid object"))
        }
        (Kind::Word(_) | Kind::Text { .. } | Kind::Choice { .. }, Tree::Branch(_)) => {
            Err(Refusal::invalid_field(None, name, &format!("Invalid value for {name}: a hash")))
        }
    }
}
