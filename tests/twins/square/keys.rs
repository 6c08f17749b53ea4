//! What was answered under which idempotency key.
//!
//! Source: developer.squareup.com, "Idempotency": the same key with the same body gives what was made before, with
//! another body it is an error. How long a key is remembered is not published; the twin never forgets one.
//!
//! Invariant: only what was done is remembered. A request that was refused, or broke before it was done, leaves its
//! key free.

use std::collections::BTreeMap;

use serde_json::Value;

/// Bodies and answers by path and key.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<(String, String), (Value, Value)>);

/// What a key is.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    New,
    /// The same was asked before, and this was answered.
    Same(Value),
    Other,
}

impl Keys {
    pub(super) fn look(&self, path: &str, key: &str, body: &Value) -> Known {
        match self.0.get(&(path.to_owned(), key.to_owned())) {
            None => Known::New,
            Some((known, answer)) if known == body => Known::Same(answer.clone()),
            Some(_) => Known::Other,
        }
    }

    pub(super) fn remember(&mut self, path: &str, key: &str, body: &Value, answer: &Value) {
        self.0.insert((path.to_owned(), key.to_owned()), (body.clone(), answer.clone()));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_key_is_of_one_path_and_one_body() {
        let mut keys = Keys::default();
        keys.remember("/a", "k", &json!({"x": 1}), &json!("first"));
        let rows = [
            ("/a", "k", json!({"x": 1}), Known::Same(json!("first"))),
            ("/a", "k", json!({"x": 2}), Known::Other),
            ("/a", "l", json!({"x": 1}), Known::New),
            ("/b", "k", json!({"x": 1}), Known::New),
        ];
        for (path, key, body, expected) in rows {
            assert_eq!(keys.look(path, key, &body), expected, "{path} {key} {body}");
        }
    }
}
