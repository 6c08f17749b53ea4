//! What can go wrong inside the engine, and the little of it that leaves.
//!
//! Invariant: the text of a failure names tables, columns and rules, never what a row holds.

use crate::store::{Conflict, StoreError};

/// Why a statement, or what was to be written with it, went wrong.
#[derive(Debug)]
pub(super) enum SqlError {
    /// A guard did not hold.
    Conflict(Conflict),
    /// The engine refused or failed.
    Engine(rusqlite::Error),
    /// A value cannot be stored, or a stored one cannot be read.
    Broken(&'static str),
}

impl From<rusqlite::Error> for SqlError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Conflict> for SqlError {
    fn from(conflict: Conflict) -> Self {
        Self::Conflict(conflict)
    }
}

impl From<SqlError> for StoreError {
    fn from(error: SqlError) -> Self {
        match error {
            SqlError::Conflict(conflict) => Self::Conflict(conflict),
            SqlError::Engine(error) => failure(&error),
            SqlError::Broken(what) => Self::Failed(what.to_owned()),
        }
    }
}

/// A failure of the engine, by whether it may be over once the disk or the machine is well again.
pub(super) fn failure(error: &rusqlite::Error) -> StoreError {
    use rusqlite::ErrorCode;
    let why = describe(error);
    match error.sqlite_error_code() {
        Some(
            ErrorCode::DiskFull
            | ErrorCode::SystemIoFailure
            | ErrorCode::ReadOnly
            | ErrorCode::CannotOpen
            | ErrorCode::PermissionDenied
            | ErrorCode::DatabaseBusy
            | ErrorCode::DatabaseLocked
            | ErrorCode::FileLockingProtocolFailed
            | ErrorCode::OutOfMemory,
        ) => StoreError::Unavailable(why),
        Some(_) | None => StoreError::Failed(why),
    }
}

/// The engine's own message where it is about the schema; a fixed text where it could quote a value.
pub(super) fn describe(error: &rusqlite::Error) -> String {
    use rusqlite::Error;
    match error {
        Error::SqliteFailure(failure, Some(message)) => {
            format!("SQLite error {}: {message}", failure.extended_code)
        }
        Error::SqliteFailure(failure, None) => format!("SQLite error {}", failure.extended_code),
        Error::SqlInputError { error, msg, .. } => format!("SQLite error {}: {msg}", error.extended_code),
        Error::QueryReturnedNoRows => "a row that must be there is not".to_owned(),
        Error::InvalidColumnType(_, column, _) => {
            format!("column {column} holds another type than it should")
        }
        Error::FromSqlConversionFailure(..) | Error::IntegralValueOutOfRange(..) | Error::Utf8Error(..) => {
            "a stored value cannot be read".to_owned()
        }
        Error::ToSqlConversionFailure(_) | Error::NulError(_) => "a value cannot be stored".to_owned(),
        // The driver's own mistakes: wrong counts and names, which are ours and hold no data.
        _ => "the database driver was used wrongly".to_owned(),
    }
}
