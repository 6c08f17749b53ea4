//! Promises that hold for whatever comes out, whichever way it came in.

use payhub::connector::redact::ExchangeRecord;
use processor_sdk::{Facts, MINOR_UNITS_MAX, Money};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// The most that is kept of one request or response, in bytes, with what JSON adds to it.
pub(crate) const RECORD_BYTES_MAX: usize = 2 * 6 * 16 * 1024 + 16 * 1024;

/// No number of it has a fraction, and it is the same after it was stored and read again.
pub(crate) fn survives_storing<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(thing: &T) {
    let value = serde_json::to_value(thing).expect("what the hub keeps can be written");
    assert!(!has_float(&value), "a number with a fraction: {value}");
    let text = value.to_string();
    let again: T =
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("cannot be read again: {error}: {text}"));
    assert_eq!(&again, thing, "is another thing after it was stored");
}

fn has_float(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_f64(),
        Value::Array(items) => items.iter().any(has_float),
        Value::Object(fields) => fields.values().any(has_float),
        Value::Null | Value::Bool(_) | Value::String(_) => false,
    }
}

/// Facts are within the bounds of the contract.
pub(crate) fn facts_are_sound(facts: &Facts) {
    survives_storing(facts);
    let totals = [facts.amount, facts.authorized, facts.captured, facts.refunded, facts.fee];
    for money in totals.into_iter().flatten().chain(facts.items.iter().filter_map(|item| item.amount)) {
        amount_is_sound(money);
    }
    for item in &facts.items {
        assert!(item.id.is_some() || item.echo.is_some(), "an item that nothing finds again: {item:?}");
        let is_code = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
        let is_sound = |reason: &String| reason.len() <= 64 && reason.chars().all(is_code);
        assert!(item.reason.as_ref().is_none_or(is_sound), "a reason that is no code: {item:?}");
    }
}

fn amount_is_sound(money: Money) {
    assert!(money.minor().abs() <= MINOR_UNITS_MAX, "an amount out of bounds: {money}");
}

/// Nothing that is kept of exchanges holds one of these texts, and it is short.
pub(crate) fn records_are_fit_to_be_kept<'a>(
    records: &[ExchangeRecord],
    secrets: &(impl Iterator<Item = &'a String> + Clone),
) {
    for record in records {
        let text = serde_json::to_string(record).expect("a record can be written");
        holds_none_of(&text, secrets.clone());
        assert!(text.len() <= RECORD_BYTES_MAX, "a record of {} bytes", text.len());
    }
}

/// The text holds none of these secrets.
pub(crate) fn holds_none_of<'a>(text: &str, mut secrets: impl Iterator<Item = &'a String>) {
    if let Some(secret) = secrets.find(|secret| text.contains(secret.as_str())) {
        panic!("holds the secret {secret:?}: {text}");
    }
}
