//! Reading a JSON body field by field: every mistake is collected with its pointer and its fix.
//!
//! Unknown fields are mistakes too, because a misspelled `expires_in_s` must not be ignored in silence.
//! The values themselves are never repeated in an error.
//!
//! The same reader, run over nothing with a sketch open, notes down what it would take: that is the schema of
//! the body in the published document ([`Fields::sketch`]), so that the two cannot part.

use std::collections::BTreeMap;

use hub_core::card_number;
use hub_core::planted::Bug;
use processor_sdk::{Currency, MINOR_UNITS_MAX, Money};
use serde_json::{Map, Value, json};

use super::problem::{FieldError, Kind, Problem};
use super::unique_names;
use crate::planted::planted;

/// Longest text where nothing shorter is said.
pub const TEXT_CHARS_MAX: usize = 255;
/// Longest text that may be an id of ours; an id is shorter.
pub const ID_CHARS_MAX: usize = 64;
/// Most keys of a metadata object.
const METADATA_KEYS_MAX: usize = 50;
/// Longest metadata key.
const METADATA_KEY_CHARS_MAX: usize = 40;
/// Longest metadata value.
const METADATA_VALUE_CHARS_MAX: usize = 500;

/// What a text may hold, as a JSON Schema's pattern says it: line breaks, but no other control character.
const TEXT_PATTERN: &str = r"^[^\u0000-\u0009\u000B-\u001F\u007F-\u009F]*$";

/// An object being read.
#[derive(Debug)]
pub struct Fields {
    base: String,
    values: Map<String, Value>,
    errors: Vec<FieldError>,
    /// The schema of each field that was asked for; open only while a body is described.
    sketch: Option<Map<String, Value>>,
}

/// A text that is more than a text.
#[derive(Debug)]
pub struct TextShape {
    /// Keywords of its schema.
    pub keywords: Value,
    /// Whether a text has the shape.
    pub fits: fn(&str) -> bool,
    /// What is wrong with one that has not.
    pub detail: &'static str,
}

impl Fields {
    /// The body of a request as one object. Anything in it that looks like a card number is refused.
    ///
    /// # Errors
    /// [`Kind::MalformedJson`], [`Kind::CardNumberDetected`].
    pub fn parse(body: &[u8]) -> Result<Self, Problem> {
        let value = unique_names::parse(body)?;
        let found = card_number::find_in_json(&value).filter(|_| !planted(Bug::CardNumbersComeIn));
        if let Some(pointer) = found {
            let detail = "looks like a card number; card numbers must never be sent to the hub".to_owned();
            let mut problem = Problem::new(Kind::CardNumberDetected);
            problem.errors = vec![FieldError { pointer, detail }];
            return Err(problem);
        }
        match value {
            Value::Object(values) => Ok(Self::over(String::new(), values)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(Problem::new(Kind::MalformedJson).detail("The body must be one JSON object."))
            }
        }
    }

    fn over(base: String, values: Map<String, Value>) -> Self {
        Self { base, values, errors: vec![], sketch: None }
    }

    /// The JSON Schema of what a reader takes. It reads nothing and misses what it requires.
    pub fn sketch<T>(read: impl FnOnce(&mut Self) -> T) -> Value {
        let mut fields = Self { sketch: Some(Map::new()), ..Self::over(String::new(), Map::new()) };
        read(&mut fields);
        let missed: Vec<&str> = fields.errors.iter().map(|error| &error.pointer[1..]).collect();
        let mut properties = fields.sketch.unwrap_or_default();
        for (name, schema) in &mut properties {
            if !missed.contains(&name.as_str()) {
                allow_null(schema);
            }
        }
        json!({
            "type": "object",
            "properties": properties,
            "required": missed,
            "additionalProperties": false,
        })
    }

    /// Notes down what a field may be, while a body is described.
    fn note(&mut self, name: &str, schema: impl FnOnce() -> Value) {
        if let Some(sketch) = &mut self.sketch {
            sketch.insert(name.to_owned(), schema());
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

    /// A text of 1 to `chars_max` characters without control characters (line breaks are allowed).
    pub fn text(&mut self, name: &str, chars_max: usize) -> Option<String> {
        self.note(
            name,
            || json!({ "type": "string", "minLength": 1, "maxLength": chars_max, "pattern": TEXT_PATTERN }),
        );
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

    /// A text of some shape. The text is given even where it has another, so that what else is wrong with it is
    /// told at once.
    pub fn shaped(&mut self, name: &str, chars_max: usize, shape: &TextShape) -> Option<String> {
        let text = self.text(name, chars_max);
        self.note(name, || {
            let mut schema = json!({ "type": "string", "minLength": 1, "maxLength": chars_max });
            for (keyword, value) in shape.keywords.as_object().into_iter().flatten() {
                schema[keyword] = value.clone();
            }
            schema
        });
        if text.as_ref().is_some_and(|text| !(shape.fits)(text)) {
            self.error(name, shape.detail);
        }
        text
    }

    /// A URL, as far as a text alone tells; whether the hub sends anybody there is for the operator's config.
    pub fn url(&mut self, name: &str, chars_max: usize) -> Option<String> {
        let shape =
            TextShape { keywords: json!({ "format": "uri" }), fits: |_| true, detail: "must be a URL" };
        self.shaped(name, chars_max, &shape)
    }

    /// One of a few words.
    pub fn word(&mut self, name: &str, words: &[&'static str]) -> Option<&'static str> {
        self.note(name, || json!({ "type": "string", "enum": words }));
        let value = self.take(name)?;
        let found = words.iter().find(|word| value.as_str() == Some(**word)).copied();
        if found.is_none() {
            self.error(name, format!("must be one of: {}", words.join(", ")));
        }
        found
    }

    /// True or false.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        self.note(name, || json!({ "type": "boolean" }));
        let value = self.take(name)?;
        if value.as_bool().is_none() {
            self.error(name, "must be true or false");
        }
        value.as_bool()
    }

    /// An integer within bounds.
    pub fn integer(&mut self, name: &str, minimum: i64, maximum: i64) -> Option<i64> {
        self.note(name, || json!({ "type": "integer", "minimum": minimum, "maximum": maximum }));
        let value = self.take(name)?;
        let found = value.as_i64().filter(|number| (minimum..=maximum).contains(number));
        if found.is_none() {
            self.error(name, format!("must be an integer from {minimum} to {maximum}"));
        }
        found
    }

    /// A currency code that must be there.
    pub fn currency(&mut self, name: &str) -> Option<Currency> {
        self.note(
            name,
            || json!({ "type": "string", "pattern": "^[A-Z]{3}$", "minLength": 3, "maxLength": 3 }),
        );
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

    /// An amount in minor units, greater than zero; of which currency may be known only later.
    pub fn amount(&mut self, name: &str) -> Option<MinorUnits> {
        self.amount_within(name, 1)
    }

    /// An amount in minor units, of either sign.
    pub fn signed_amount(&mut self, name: &str) -> Option<MinorUnits> {
        self.amount_within(name, -MINOR_UNITS_MAX)
    }

    fn amount_within(&mut self, name: &str, minimum: i64) -> Option<MinorUnits> {
        self.note(name, || json!({ "type": "integer", "minimum": minimum, "maximum": MINOR_UNITS_MAX }));
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
        Some(MinorUnits(minor))
    }

    /// A flat object of texts.
    pub fn metadata(&mut self, name: &str) -> BTreeMap<String, String> {
        self.note(name, || {
            json!({
                "type": "object",
                "maxProperties": METADATA_KEYS_MAX,
                "propertyNames": {
                    "minLength": 1,
                    "maxLength": METADATA_KEY_CHARS_MAX,
                    "pattern": TEXT_PATTERN,
                },
                "additionalProperties": {
                    "type": "string",
                    "maxLength": METADATA_VALUE_CHARS_MAX,
                    "pattern": TEXT_PATTERN,
                },
            })
        });
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
        if self.sketch.is_some() {
            let schema = Self::sketch(read);
            self.note(name, || schema);
            return None;
        }
        let value = self.take(name)?;
        let base = format!("{}/{name}", self.base);
        self.read_object(base, value, read)
    }

    fn read_object<T>(&mut self, base: String, value: Value, read: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let Value::Object(values) = value else {
            self.errors.push(FieldError { pointer: base, detail: "must be an object".to_owned() });
            return None;
        };
        let mut inner = Self::over(base, values);
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
        if self.sketch.is_some() {
            let schema = json!({ "type": "array", "maxItems": items_max, "items": Self::sketch(read) });
            self.note(name, || schema);
            return vec![];
        }
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

    /// A list of some of these words.
    pub fn words(&mut self, name: &str, words: &[&str]) -> Option<Vec<String>> {
        self.note(name, || {
            json!({ "type": "array", "maxItems": words.len(), "items": { "type": "string", "enum": words } })
        });
        let items_max = words.len();
        let value = self.take(name)?;
        let texts = value.as_array().filter(|items| items.len() <= items_max).and_then(|items| {
            items.iter().map(|item| item.as_str().map(str::to_owned)).collect::<Option<Vec<_>>>()
        });
        let Some(texts) = texts else {
            self.error(name, format!("must be a list of at most {items_max} texts"));
            return None;
        };
        if texts.iter().any(|text| !words.contains(&text.as_str())) {
            self.error(name, format!("may hold only: {}", words.join(", ")));
            return None;
        }
        Some(texts)
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

/// An amount as a request says it, before its currency is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MinorUnits(i64);

impl MinorUnits {
    /// The amount in a currency.
    ///
    /// # Errors
    /// [`Kind::Validation`]; never for what [`Fields`] read, whose bounds are those of money. It is an error
    /// nevertheless, because an amount left out means all that is left.
    pub fn of(self, currency: Currency) -> Result<Money, Problem> {
        Money::new(self.0, currency).map_err(|_| Problem::field("/amount", "is out of bounds"))
    }
}

/// A field that may be left out may be null instead.
fn allow_null(schema: &mut Value) {
    if let Some(kind) = schema["type"].as_str() {
        schema["type"] = json!([kind, "null"]);
    }
    if let Some(words) = schema.get_mut("enum").and_then(Value::as_array_mut) {
        words.push(Value::Null);
    }
}

/// Line breaks are part of an address or a note; other control characters are part of nothing.
fn has_control(text: &str) -> bool {
    text.chars().any(|letter| letter.is_control() && letter != '\n')
}
