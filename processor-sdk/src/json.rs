//! Reading a processor's JSON: required fields fault, unknown fields are ignored, nothing is guessed.

use serde_json::Value;

use crate::{Currency, Fault, Money, Timestamp};

/// A JSON value read by RFC 6901 pointers.
#[derive(Clone, Debug, PartialEq)]
pub struct Json(pub Value);

impl Json {
    /// Parses a document; a UTF-8 byte order mark is skipped (RFC 8259 §8.1).
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is not one JSON document.
    pub fn parse(bytes: &[u8]) -> Result<Self, Fault> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        serde_json::from_slice(bytes).map(Self).map_err(|_| Fault::unreadable("expected a JSON document"))
    }

    /// The value at a pointer; JSON `null` counts as absent.
    #[must_use]
    pub fn at(&self, pointer: &str) -> Option<&Value> {
        self.0.pointer(pointer).filter(|value| !value.is_null())
    }

    /// The object or list at a pointer as a document of its own.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when there is none.
    pub fn part(&self, pointer: &str) -> Result<Self, Fault> {
        self.at(pointer).cloned().map(Self).ok_or_else(|| missing(pointer, "a value"))
    }

    /// Text at a pointer.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is absent, empty or not text.
    pub fn text(&self, pointer: &str) -> Result<&str, Fault> {
        self.optional_text(pointer)?.ok_or_else(|| missing(pointer, "a text"))
    }

    /// Text at a pointer, or `None` when it is absent, `null` or empty.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is something other than text.
    pub fn optional_text(&self, pointer: &str) -> Result<Option<&str>, Fault> {
        match self.at(pointer) {
            None => Ok(None),
            Some(Value::String(text)) => Ok((!text.is_empty()).then_some(text.as_str())),
            Some(_) => Err(missing(pointer, "a text")),
        }
    }

    /// Integer at a pointer. A number with a fraction is refused.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is absent or not an integer.
    pub fn integer(&self, pointer: &str) -> Result<i64, Fault> {
        self.at(pointer).and_then(Value::as_i64).ok_or_else(|| missing(pointer, "an integer"))
    }

    /// True or false at a pointer.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is absent or something else.
    pub fn flag(&self, pointer: &str) -> Result<bool, Fault> {
        self.at(pointer).and_then(Value::as_bool).ok_or_else(|| missing(pointer, "true or false"))
    }

    /// Items of the list at a pointer.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is absent or not a list.
    pub fn list(&self, pointer: &str) -> Result<Vec<Self>, Fault> {
        match self.at(pointer) {
            Some(Value::Array(items)) => Ok(items.iter().cloned().map(Self).collect()),
            Some(_) | None => Err(missing(pointer, "a list")),
        }
    }

    /// ISO 4217 code at a pointer, in either case.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is absent or not an active currency.
    pub fn currency(&self, pointer: &str) -> Result<Currency, Fault> {
        Currency::parse(&self.text(pointer)?.to_ascii_uppercase())
            .map_err(|_| missing(pointer, "an ISO 4217 code"))
    }

    /// An amount in ISO minor units with the currency of another field.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when either is absent or wrong.
    pub fn minor_units(&self, pointer: &str, currency: Currency) -> Result<Money, Fault> {
        Money::new(self.integer(pointer)?, currency).map_err(|_| missing(pointer, "an amount below 2^53"))
    }

    /// Unix seconds at a pointer.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is absent or out of range.
    pub fn unix_seconds(&self, pointer: &str) -> Result<Timestamp, Fault> {
        Timestamp::from_unix_seconds(self.integer(pointer)?).map_err(|_| missing(pointer, "Unix seconds"))
    }

    /// Unix seconds at a pointer, or `None` when it is absent or `null`.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is something else or out of range.
    pub fn optional_unix_seconds(&self, pointer: &str) -> Result<Option<Timestamp>, Fault> {
        self.at(pointer).map(|_| self.unix_seconds(pointer)).transpose()
    }

    /// An RFC 3339 time at a pointer.
    ///
    /// # Errors
    /// [`Fault::Unreadable`] when it is absent or malformed.
    pub fn rfc3339(&self, pointer: &str) -> Result<Timestamp, Fault> {
        Timestamp::parse_rfc3339(self.text(pointer)?).map_err(|_| missing(pointer, "an RFC 3339 time"))
    }
}

fn missing(pointer: &str, expected: &str) -> Fault {
    Fault::unreadable(&format!("expected {expected} at {pointer}"))
}
