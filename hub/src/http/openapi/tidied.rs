//! Makes derived schemas read well for people who have no Rust: words as a list, prose without its links.

use serde_json::{Value, json};

/// Tidies every schema below.
pub(super) fn tidy(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields.iter_mut() {
                match inner {
                    Value::String(text) if name == "description" => *text = plain(text),
                    inner => tidy(inner),
                }
            }
            list_words(value);
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Names that Rust's documentation links stand without their link; links of ours stay.
fn plain(text: &str) -> String {
    let text = text.replace("[`crate::", "[`");
    let mut plain = String::new();
    let mut rest = text.as_str();
    while let Some((before, from)) = rest.split_once("[`") {
        plain.push_str(before);
        match from.split_once("`]") {
            Some((name, after)) if !after.starts_with('(') => {
                plain.push_str(&format!("`{name}`"));
                rest = after;
            }
            Some(_) | None => {
                plain.push_str("[`");
                rest = from;
            }
        }
    }
    plain + rest
}

/// `oneOf` of described words becomes one `enum`, which more tools understand; the meanings go into the text.
fn list_words(schema: &mut Value) {
    let Some(choices) = schema["oneOf"].as_array() else { return };
    let word = |choice: &Value| Some((choice["const"].as_str()?.to_owned(), choice["description"].clone()));
    let Some(words) = choices.iter().map(word).collect::<Option<Vec<_>>>() else { return };
    let mut lines: Vec<String> = schema["description"].as_str().map(str::to_owned).into_iter().collect();
    for (word, means) in &words {
        lines.push(format!("- `{word}`: {}", means.as_str().unwrap_or_default()));
    }
    let words: Vec<_> = words.into_iter().map(|(word, _)| word).collect();
    *schema = json!({ "description": lines.join("\n"), "type": "string", "enum": words });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_rust_are_plain_names() {
        for (text, expected) in [
            ("a [`crate::Customer::email`] b [`Word`]", "a `Customer::email` b `Word`"),
            ("[`validation`](/problems/validation): x", "[`validation`](/problems/validation): x"),
            ("`a` [b", "`a` [b"),
        ] {
            assert_eq!(plain(text), expected);
        }
    }

    #[test]
    fn words_become_a_list() {
        let mut schema = json!({ "a": { "description": "D.", "oneOf": [
            { "type": "string", "const": "x", "description": "X." },
            { "type": "string", "const": "y", "description": "Y." },
        ] } });
        tidy(&mut schema);
        let listed =
            json!({ "description": "D.\n- `x`: X.\n- `y`: Y.", "type": "string", "enum": ["x", "y"] });
        assert_eq!(schema, json!({ "a": listed }));
    }
}
