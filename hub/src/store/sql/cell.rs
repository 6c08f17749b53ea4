//! Values on their way into cells and back. A cell holds an integer, a text or bytes, nothing else.

use hub_core::chain::EventHash;
use hub_core::ids::{MerchantId, Scope};
use processor_sdk::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

/// Sorts after every id, for the first page of a list: ids are lower-case letters, digits and `_`.
pub(super) const AFTER_EVERY_ID: &str = "~";

/// What one column of one row holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    Null,
    Integer(i64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A value that cannot be stored, or a stored one that cannot be read. Says what, never what it held.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::store) struct Broken(pub(in crate::store) &'static str);

impl From<Broken> for StoreError {
    fn from(Broken(what): Broken) -> Self {
        Self::Failed(what.to_owned())
    }
}

/// The cells of a row or of a statement's values, in order.
macro_rules! cells {
    ($($value:expr),* $(,)?) => {
        vec![$($crate::store::sql::cell::ToCell::to_cell(&$value)),*]
    };
}
pub(super) use cells;

/// A value that fits into a cell as it is.
pub(super) trait ToCell {
    fn to_cell(&self) -> Cell;
}

impl ToCell for i64 {
    fn to_cell(&self) -> Cell {
        Cell::Integer(*self)
    }
}

impl ToCell for u32 {
    fn to_cell(&self) -> Cell {
        Cell::Integer(i64::from(*self))
    }
}

impl ToCell for u16 {
    fn to_cell(&self) -> Cell {
        Cell::Integer(i64::from(*self))
    }
}

impl ToCell for bool {
    fn to_cell(&self) -> Cell {
        Cell::Integer(i64::from(*self))
    }
}

impl ToCell for Timestamp {
    fn to_cell(&self) -> Cell {
        Cell::Integer(self.as_micros())
    }
}

impl ToCell for str {
    fn to_cell(&self) -> Cell {
        Cell::Text(self.to_owned())
    }
}

impl ToCell for String {
    fn to_cell(&self) -> Cell {
        Cell::Text(self.clone())
    }
}

impl ToCell for [u8] {
    fn to_cell(&self) -> Cell {
        Cell::Bytes(self.to_vec())
    }
}

impl ToCell for Vec<u8> {
    fn to_cell(&self) -> Cell {
        Cell::Bytes(self.clone())
    }
}

impl ToCell for [u8; 32] {
    fn to_cell(&self) -> Cell {
        Cell::Bytes(self.to_vec())
    }
}

impl ToCell for EventHash {
    fn to_cell(&self) -> Cell {
        Cell::Text(self.to_string())
    }
}

impl<T: ToCell + ?Sized> ToCell for &T {
    fn to_cell(&self) -> Cell {
        (*self).to_cell()
    }
}

impl<T: ToCell> ToCell for Option<T> {
    fn to_cell(&self) -> Cell {
        self.as_ref().map_or(Cell::Null, ToCell::to_cell)
    }
}

/// A value read from a cell.
pub(super) trait FromCell: Sized {
    fn from_cell(cell: Cell) -> Result<Self, Broken>;
}

const OTHER_TYPE: Broken = Broken("a column holds another type than it should");
const OUT_OF_RANGE: Broken = Broken("a stored number is out of its range");

impl FromCell for i64 {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        match cell {
            Cell::Integer(number) => Ok(number),
            Cell::Null | Cell::Text(_) | Cell::Bytes(_) => Err(OTHER_TYPE),
        }
    }
}

impl FromCell for u64 {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        Self::try_from(i64::from_cell(cell)?).map_err(|_| OUT_OF_RANGE)
    }
}

impl FromCell for u32 {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        Self::try_from(i64::from_cell(cell)?).map_err(|_| OUT_OF_RANGE)
    }
}

impl FromCell for u16 {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        Self::try_from(i64::from_cell(cell)?).map_err(|_| OUT_OF_RANGE)
    }
}

impl FromCell for bool {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        match i64::from_cell(cell)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(OUT_OF_RANGE),
        }
    }
}

impl FromCell for Timestamp {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        i64::from_cell(cell).map(Self::from_micros)
    }
}

impl FromCell for String {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        match cell {
            Cell::Text(text) => Ok(text),
            Cell::Null | Cell::Integer(_) | Cell::Bytes(_) => Err(OTHER_TYPE),
        }
    }
}

impl FromCell for Vec<u8> {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        match cell {
            Cell::Bytes(bytes) => Ok(bytes),
            Cell::Null | Cell::Integer(_) | Cell::Text(_) => Err(OTHER_TYPE),
        }
    }
}

impl FromCell for [u8; 32] {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        let bytes = Vec::<u8>::from_cell(cell)?;
        bytes.try_into().map_err(|_| Broken("a stored digest has another length than 32"))
    }
}

impl FromCell for EventHash {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        Self::parse(&String::from_cell(cell)?).map_err(|_| Broken("a stored hash cannot be read"))
    }
}

impl<T: FromCell> FromCell for Option<T> {
    fn from_cell(cell: Cell) -> Result<Self, Broken> {
        match cell {
            Cell::Null => Ok(None),
            Cell::Integer(_) | Cell::Text(_) | Cell::Bytes(_) => T::from_cell(cell).map(Some),
        }
    }
}

/// A row that is read column by column, from the first on.
#[derive(Debug)]
pub struct Row {
    cells: std::vec::IntoIter<Cell>,
}

impl Row {
    pub fn new(cells: Vec<Cell>) -> Self {
        Self { cells: cells.into_iter() }
    }

    /// The next column.
    pub(super) fn take<T: FromCell>(&mut self) -> Result<T, Broken> {
        T::from_cell(self.cells.next().ok_or(Broken("a row has fewer columns than it should"))?)
    }

    /// The next column, which holds an id.
    pub(super) fn id<T: TryFrom<String>>(&mut self) -> Result<T, Broken> {
        T::try_from(self.take()?).map_err(|_| Broken("a stored id cannot be read"))
    }

    /// The next column, which holds the JSON text of a value of ours.
    pub(super) fn json<T: DeserializeOwned>(&mut self) -> Result<T, Broken> {
        from_json(&self.take::<String>()?)
    }

    /// The next two columns, which say whose row it is.
    pub(super) fn scope(&mut self) -> Result<Scope, Broken> {
        Ok(Scope { merchant_id: MerchantId(self.take()?), livemode: self.take()? })
    }
}

/// The JSON text of a value of ours.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, Broken> {
    serde_json::to_string(value).map_err(|_| Broken("a value cannot be written as JSON"))
}

/// A value of ours from its JSON text.
pub(super) fn from_json<T: DeserializeOwned>(text: &str) -> Result<T, Broken> {
    // The reason could quote the row, so it is not passed on.
    serde_json::from_str(text).map_err(|_| Broken("a stored JSON value cannot be read"))
}

/// A count as a cell holds it.
pub(super) fn count(number: u64) -> Result<i64, Broken> {
    i64::try_from(number).map_err(|_| Broken("a number is too large to be stored"))
}
