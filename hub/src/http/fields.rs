//! Reading a JSON body field by field: every mistake is collected with its pointer and its fix.
//!
//! Unknown fields are mistakes too, because a misspelled `expires_in_s` must not be ignored in silence.
//! The values themselves are never repeated in an error.

use std::collections::BTreeMap;

use hub_core::card_number;
use processor_sdk::{Currency, MINOR_UNITS_MAX, Money};
use serde_json::{Map, Value};

use super::problem::{FieldError, Kind, Problem};
use super::unique_names;

/// Longest text where nothing shorter is said.
pub const TEXT_CHARS_MAX: usize = 255;
/// Most keys of a metadata object.
const METADATA_KEYS_MAX: usize = 50;
/// Longest metadata key.
const METADATA_KEY_CHARS_MAX: usize = 40;
/// Longest metadata value.
const METADATA_VALUE_CHARS_MAX: usize = 500;

/// An object being read.
#[derive(Debug)]
pub struct Fields {
    base: String,
    values: Map<String, Value>,
    errors: Vec<FieldError>,
}

impl Fields {
    /// The body of a request as one object. Anything in it that looks like a card number is refused.
    ///
    /// # Errors
    /// [`Kind::MalformedJson`], [`Kind::CardNumberDetected`].
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let value = unique_names::parse(body)?;
        if let Some(pointer) = card_number::find_in_json(&value) {
            let detail = "looks like a card number; card numbers must never be sent to the hub".to_owned();
            let mut problem = Problem::new(Kind::CardNumberDetected);
            problem.errors = vec![FieldError { pointer, detail }];
            return Err(problem);
        }
        match value {
            Value::Object(values) => Ok(Self { base: String::new(), values, errors: vec![] }),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(Problem::new(Kind::MalformedJson).detail("The body must be one JSON object."))
            }
        }
    }

    /// Ends the reading: whatever was not read is unknown.
    ///
    /// # Errors
    /// All mistakes together.
    pub fn finish(mut self) -> Result<(), Problem> {
        self.refuse_unknown();
        if self.errors.is_empty() { Ok(()) } else { Err(Problem::fields(self.errors)) }
    }

    fn refuse_unknown(&mut self) {
        let unknown: Vec<_> = self.values.keys().cloned().collect();
        for name in unknown {
            // The name itself is not repeated in the text; the pointer is what finds it.
            self.error(&name, "is not a field of this request");
        }
    }

    /// Notes a mistake of a field.
    pub fn error(&mut self, name: &str, detail: impl Into<String>) {
        let name = name.replace('~', "~0").replace('/', "~1");
        self.errors.push(FieldError { pointer: format!("{}/{name}", self.base), detail: detail.into() });
    }

    /// Takes a field; `null` counts as absent.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.values.shift_remove(name).filter(|value| !value.is_null())
    }

    /// True when the field is there.
    pub fn has(&self, name: &str) -> bool {
        self.values.get(name).is_some_and(|value| !value.is_null())
    }

    /// A text of 1 to `chars_max` characters without control characters (line breaks are allowed).
    pub fn text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        match self.take(name)? {
            Value::String(text) => {
                let count = text.chars().count();
                if count == 0 || count > chars_max || has_control(&text) {
                    self.error(
                        name,
                        format!("must have 1 to {chars_max} characters and no control characters"),
                    );
                    return None;
                }
                Some(text)
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                self.error(name, "must be a text");
                None
            }
        }
    }

    /// One of a few words.
    pub fn word(&mut self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        let value = self.take(name)?;
        let found = words.iter().find(|word| value.as_str() == Some(**word)).copied();
        if found.is_none() {
            self.error(name, format!("must be one of: {}", words.join(", ")));
        }
        found
    }

    /// True or false.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        let value = self.take(name)?;
        if value.as_bool().is_none() {
            self.error(name, "must be true or false");
        }
        value.as_bool()
    }

    /// An integer within bounds.
    pub fn integer(&mut self, name: &str, minimum: i64, maximum: i64) -> Option<i64> {
        let value = self.take(name)?;
        let found = value.as_i64().filter(|number| (minimum..=maximum).contains(number));
        if found.is_none() {
            self.error(name, format!("must be an integer from {minimum} to {maximum}"));
        }
        found
    }

    /// A currency code that must be there.
    pub fn currency(&mut self, name: &str) -> Option<Currency> {
        let Some(value) = self.take(name) else {
            self.error(name, "is required: an ISO 4217 code such as EUR");
            return None;
        };
        let found = value.as_str().and_then(|code| Currency::parse(code).ok());
        if found.is_none() {
            self.error(name, "must be an active ISO 4217 code in capitals, such as EUR");
        }
        found
    }

    /// An amount in minor units, greater than zero.
    pub fn amount(&mut self, name: &str, currency: Currency) -> Option<Money> {
        self.amount_within(name, currency, 1)
    }

    /// An amount in minor units, of either sign.
    pub fn signed_amount(&mut self, name: &str, currency: Currency) -> Option<Money> {
        self.amount_within(name, currency, -MINOR_UNITS_MAX)
    }

    fn amount_within(&mut self, name: &str, currency: Currency, minimum: i64) -> Option<Money> {
        let value = self.take(name)?;
        let Some(minor) = value.as_i64() else {
            let shape = if value.is_number() { "a fraction or too large a number" } else { "not a number" };
            self.error(name, format!("is {shape}; send integer minor units, such as 1999 for 19.99 EUR"));
            return None;
        };
        if minor < minimum || minor > MINOR_UNITS_MAX {
            let detail = if minor < minimum {
                match minimum {
                    1 => "must be greater than zero".to_owned(),
                    _ => format!("must be at least {minimum} minor units"),
                }
            } else {
                format!("must be at most {MINOR_UNITS_MAX} minor units")
            };
            self.error(name, detail);
            return None;
        }
        Money::new(minor, currency).ok()
    }

    /// A flat object of texts.
    pub fn metadata(&mut self, name: &str) -> BTreeMap<String, String> {
        let Some(value) = self.take(name) else { return BTreeMap::new() };
        let mut metadata = BTreeMap::new();
        let good = value.as_object().is_some_and(|object| {
            object.len() <= METADATA_KEYS_MAX
                && object.iter().all(|(key, value)| {
                    let text = value.as_str();
                    if let Some(text) = text {
                        metadata.insert(key.clone(), text.to_owned());
                    }
                    (1..=METADATA_KEY_CHARS_MAX).contains(&key.chars().count())
                        && text.is_some_and(|text| text.chars().count() <= METADATA_VALUE_CHARS_MAX)
                        && !has_control(key)
                        && !text.is_some_and(has_control)
                })
        });
        if !good {
            self.error(
                name,
                format!(
                    "must be an object of at most {METADATA_KEYS_MAX} texts, with keys of 1 to \
                     {METADATA_KEY_CHARS_MAX} and values of up to {METADATA_VALUE_CHARS_MAX} characters, \
                     no control characters"
                ),
            );
            return BTreeMap::new();
        }
        metadata
    }

    /// An object to be read by itself; its mistakes are collected here too.
    pub fn object<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let value = self.take(name)?;
        let base = format!("{}/{name}", self.base);
        self.read_object(base, value, read)
    }

    fn read_object<T>(&mut self, base: String, value: Value, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let Value::Object(values) = value else {
            self.errors.push(FieldError { pointer: base, detail: "must be an object".to_owned() });
            return None;
        };
        let mut inner = Self { base, values, errors: vec![] };
        let result = read(&mut inner);
        inner.refuse_unknown();
        self.errors.append(&mut inner.errors);
        Some(result)
    }

    /// A list of objects, each read by itself.
    pub fn objects<T>(
        &mut self,
        name: &str,
        items_max: usize,
        mut read: impl FnMut(&mut Self) -> T,
    ) -> Vec<T> {
        let Some(value) = self.take(name) else { return vec![] };
        let Value::Array(items) = value else {
            self.error(name, "must be a list");
            return vec![];
        };
        if items.len() > items_max {
            self.error(name, format!("must have at most {items_max} items"));
            return vec![];
        }
        let mut results = Vec::with_capacity(items.len());
        for (index, item) in items.into_iter().enumerate() {
            let base = format!("{}/{name}/{index}", self.base);
            results.extend(self.read_object(base, item, &mut read));
        }
        results
    }

    /// A list of texts.
    pub fn texts(&mut self, name: &str, items_max: usize) -> Option<Vec<String>> {
        let value = self.take(name)?;
        let texts = value.as_array().filter(|items| items.len() <= items_max).and_then(|items| {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        if texts.is_none() {
            self.error(name, format!("must be a list of at most {items_max} texts"));
        }
        texts
    }

    /// Notes that a field is missing, unless a mistake of it was noted already.
    pub fn require<T>(&mut self, name: &str, value: Option<T>, what: &str) -> Option<T> {
        let pointer = format!("{}/{name}", self.base);
        if value.is_none() && !self.errors.iter().any(|error| error.pointer == pointer) {
            self.error(name, format!("is required: {what}"));
        }
        value
    }
}

/// Line breaks are part of an address or a note; other control characters are part of nothing.
fn has_control(text: &str) -> bool {
    text.chars().any(|letter| letter.is_control() && letter != '\n')
}
