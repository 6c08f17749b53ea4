//! What BTCPay Server publishes: the names and types of every request, of every object in its answers and of every
//! event.
//!
//! Source: `data/published.json`, distilled from the OpenAPI description of the Greenfield API; see the page beside it.
//!
//! Invariant: what the twin takes and what it says are held against the same description.

use std::sync::LazyLock;

use serde::Deserialize;
use serde_json::{Map, Value};

use crate::support::document::json_schema::validate;

/// One request of the API.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Asked {
    /// The twin's own word for it.
    pub(super) operation: String,
    pub(super) method: String,
    /// With `{…}` where an id stands.
    path: String,
    /// Its address before 2.4, which is still answered.
    earlier: Option<String>,
    /// What the key must be allowed to do. None where nobody has to say who they are.
    pub(super) permissions: Vec<String>,
    query: Value,
    body: Option<Value>,
}

/// The whole description, for what refers to something else in it.
static WHOLE: LazyLock<Value> =
    LazyLock::new(|| serde_json::from_str(include_str!("data/published.json")).expect("a description"));

static REQUESTS: LazyLock<Vec<Asked>> =
    LazyLock::new(|| Deserialize::deserialize(&WHOLE["requests"]).expect("a list of requests"));

/// The ids in a path, by the names that the description gives them.
pub(super) type Ids = Vec<(&'static str, String)>;

/// The request at an address, and the ids in its path.
pub(super) fn request(method: &str, path: &str) -> Option<(&'static Asked, Ids)> {
    let parts: Vec<&str> = path.split('/').collect();
    REQUESTS.iter().filter(|asked| asked.method == method).find_map(|asked| {
        let addresses = [Some(asked.path.as_str()), asked.earlier.as_deref()];
        addresses.into_iter().flatten().find_map(|address| Some((asked, ids(address, &parts)?)))
    })
}

fn ids(address: &'static str, parts: &[&str]) -> Option<Ids> {
    let wanted: Vec<&str> = address.split('/').collect();
    if wanted.len() != parts.len() {
        return None;
    }
    let mut ids = Vec::new();
    for (wanted, part) in wanted.into_iter().zip(parts) {
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) if !part.is_empty() => ids.push((name, (*part).to_owned())),
            None if wanted == *part => {}
            Some(_) | None => return None,
        }
    }
    Some(ids)
}

impl Asked {
    /// The fields of the query, each of the type that it has to be; else what is wrong with them.
    pub(super) fn read_query(&self, query: &str) -> Result<Map<String, Value>, String> {
        let mut fields = Map::new();
        for (name, text) in form_urlencoded::parse(query.as_bytes()) {
            let kind = self.kind_of(&name);
            let value = match (kind.as_str(), text.parse::<i64>(), text.parse::<bool>()) {
                ("number", Ok(number), _) => number.into(),
                ("boolean", _, Ok(flag)) => flag.into(),
                _ => Value::from(text.as_ref()),
            };
            if kind == "array" {
                let list = fields.entry(name.as_ref()).or_insert_with(|| Value::Array(vec![]));
                list.as_array_mut().expect("a list, made above").push(value);
            } else if fields.insert(name.clone().into_owned(), value).is_some() {
                return Err(format!("{name} is there twice"));
            }
        }
        let fields = Value::Object(fields);
        validate(&WHOLE, &self.query, &fields, "")?;
        let Value::Object(fields) = fields else { unreachable!("it was an object above") };
        Ok(fields)
    }

    /// The type of a field of the query.
    fn kind_of(&self, name: &str) -> String {
        let mut schema = &self.query["properties"][name];
        while let Some(reference) = schema["$ref"].as_str() {
            schema = WHOLE.pointer(&reference[1..]).expect("a schema that is there");
        }
        // The other one is `null`, which a query cannot say.
        let kind = schema["type"].as_str().or_else(|| schema["type"][0].as_str());
        kind.unwrap_or_default().to_owned()
    }

    /// The body's fields; else what is wrong with them. Without a schema there must be no body.
    pub(super) fn read_body(&self, body: &[u8]) -> Result<Map<String, Value>, String> {
        let Some(schema) = &self.body else {
            return if body.is_empty() {
                Ok(Map::new())
            } else {
                Err("a body, where none is read".to_owned())
            };
        };
        let body: Value = serde_json::from_slice(body).map_err(|error| error.to_string())?;
        validate(&WHOLE, schema, &body, "")?;
        match body {
            Value::Object(fields) => Ok(fields),
            other => Err(format!("no object: {other}")),
        }
    }
}

/// That an object is as BTCPay Server says, and whole.
pub(super) fn as_published(name: &str, object: Value) -> Value {
    let schema = WHOLE["schemas"].get(name).unwrap_or_else(|| panic!("no {name} is published"));
    if let Err(wrong) = validate(&WHOLE, schema, &object, "") {
        panic!("no {name} of BTCPay Server's: {wrong}");
    }
    for field in schema["properties"].as_object().into_iter().flatten().map(|(field, _)| field) {
        assert!(object.get(field).is_some(), "{name} without {field}: {object}");
    }
    object
}
