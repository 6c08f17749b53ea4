//! Values on their way into cells and back. A cell holds an integer, a text or bytes, nothing else.

use hub_core::ids::{MerchantId, Scope};
use processor_sdk::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::error::SqlError;

/// Sorts after every id, for the first page of a list: ids are lower-case letters, digits and `_`.
pub(super) const AFTER_EVERY_ID: &str = "~";

/// The JSON text of a value of ours.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, SqlError> {
    serde_json::to_string(value).map_err(|_| SqlError::Broken("a value cannot be written as JSON"))
}

/// A value of ours from its JSON text.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, SqlError> {
    // The reason could quote the row, so it is not passed on.
    serde_json::from_str(text).map_err(|_| SqlError::Broken("a stored JSON value cannot be read"))
}

/// A count as a cell holds it.
pub(super) fn to_cell(number: u64) -> Result<i64, SqlError> {
    i64::try_from(number).map_err(|_| SqlError::Broken("a number is too large to be stored"))
}

/// A count from its cell.
pub(super) fn from_cell<T: TryFrom<i64>>(cell: i64) -> Result<T, SqlError> {
    T::try_from(cell).map_err(|_| SqlError::Broken("a stored number is out of its range"))
}

/// A time from its cell.
pub(super) fn time(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

/// An id from its cell.
pub(super) fn id<T: TryFrom<String>>(text: String) -> Result<T, SqlError> {
    T::try_from(text).map_err(|_| SqlError::Broken("a stored id cannot be read"))
}

/// A SHA-256 from its cell.
pub(super) fn digest(bytes: &[u8]) -> Result<[u8; 32], SqlError> {
    bytes.try_into().map_err(|_| SqlError::Broken("a stored digest has another length than 32"))
}

/// Whose row it is, from its first two columns.
pub(super) fn scope(merchant_id: String, livemode: bool) -> Scope {
    Scope { merchant_id: MerchantId(merchant_id), livemode }
}
