//! A validator for the keywords that the published schema uses; any other keyword fails the test.

use serde_json::Value;

/// Says where a value does not meet a schema.
pub(crate) fn validate(root: &Value, schema: &Value, value: &Value, place: &str) -> Result<(), String> {
    let Some(keywords) = schema.as_object() else {
        return if *schema == Value::Bool(true) {
            Ok(())
        } else {
            Err(format!("{place}: nothing is allowed"))
        };
    };
    for (keyword, content) in keywords {
        check_keyword(root, keywords, keyword, content, value, place)?;
    }
    Ok(())
}

fn check_keyword(
    root: &Value,
    schema: &serde_json::Map<String, Value>,
    keyword: &str,
    content: &Value,
    value: &Value,
    place: &str,
) -> Result<(), String> {
    let fail = |what: String| Err(format!("{place}: {what}, found {value}"));
    let list = || content.as_array().cloned().unwrap_or_default();
    match keyword {
        "$schema" | "$defs" | "title" | "description" | "default" | "format" | "examples" => Ok(()),
        "$ref" => {
            let target = content.as_str().and_then(|reference| root.pointer(&reference[1..]));
            validate(root, target.unwrap(), value, place)
        }
        "type" => {
            let types = if content.is_array() { list() } else { vec![content.clone()] };
            let fits = types.iter().any(|kind| has_type(value, kind.as_str().unwrap()));
            if fits { Ok(()) } else { fail(format!("expected {content}")) }
        }
        "const" if value != content => fail(format!("expected {content}")),
        "enum" if !list().contains(value) => fail("not one of the words".to_owned()),
        "const" | "enum" => Ok(()),
        "oneOf" | "anyOf" => {
            let results: Vec<_> = list().iter().map(|one| validate(root, one, value, place)).collect();
            let matching = results.iter().filter(|result| result.is_ok()).count();
            match (matching, keyword) {
                (1, _) | (2.., "anyOf") => Ok(()),
                (count, _) => fail(format!("{count} alternatives fit: {results:?}")),
            }
        }
        "required" => match list().iter().find(|name| value.get(name.as_str().unwrap()).is_none()) {
            Some(name) => fail(format!("{name} is missing")),
            None => Ok(()),
        },
        "properties" => content.as_object().unwrap().iter().try_for_each(|(name, schema)| {
            value.get(name).map_or(Ok(()), |field| validate(root, schema, field, &format!("{place}/{name}")))
        }),
        "additionalProperties" => {
            let known = schema.get("properties").and_then(Value::as_object);
            value.as_object().into_iter().flatten().try_for_each(|(name, field)| {
                let is_known = known.is_some_and(|known| known.contains_key(name));
                if is_known { Ok(()) } else { validate(root, content, field, &format!("{place}/{name}")) }
            })
        }
        "items" | "prefixItems" => {
            let items = value.as_array().cloned().unwrap_or_default();
            items.iter().enumerate().try_for_each(|(index, item)| {
                let schema = if keyword == "items" { Some(content) } else { content.get(index) };
                schema.map_or(Ok(()), |schema| validate(root, schema, item, &format!("{place}/{index}")))
            })
        }
        "minItems" | "maxItems" | "minimum" | "maximum" => {
            let limit = content.as_i64().map_or(i128::MAX, i128::from);
            let size = value
                .as_array()
                .map_or_else(|| value.as_i64().map(i128::from), |items| i128::try_from(items.len()).ok());
            let fits = size
                .is_none_or(|size| if keyword.starts_with("min") { size >= limit } else { size <= limit });
            if fits { Ok(()) } else { fail(format!("{keyword} is {limit}")) }
        }
        "allOf" => list().iter().try_for_each(|one| validate(root, one, value, place)),
        "minLength" | "maxLength" | "maxProperties" => {
            let limit = content.as_u64().and_then(|limit| usize::try_from(limit).ok()).unwrap();
            let size = match (keyword, value) {
                ("maxProperties", value) => value.as_object().map(serde_json::Map::len),
                (_, value) => value.as_str().map(|text| text.chars().count()),
            };
            let fits =
                size.is_none_or(|size| if keyword == "minLength" { size >= limit } else { size <= limit });
            if fits { Ok(()) } else { fail(format!("{keyword} is {limit}")) }
        }
        "propertyNames" => value
            .as_object()
            .into_iter()
            .flatten()
            .try_for_each(|(name, _)| validate(root, content, &Value::String(name.clone()), place)),
        "uniqueItems" => Ok(()),
        "pattern" => Ok(()),
        other => Err(format!("{place}: the keyword {other} is not known to this validator")),
    }
}

fn has_type(value: &Value, kind: &str) -> bool {
    match kind {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("the type {other} is not known to this validator"),
    }
}
