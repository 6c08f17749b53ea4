//! What is read, on connections that cannot write.
//!
//! Invariant: every query finds its rows through an index, so that it costs the same however much is
//! stored. A test asks the engine for its plan of each.

use rusqlite::{Connection, OptionalExtension, Row, ToSql};

use super::error::SqlError;

pub(super) mod figures;
pub(super) mod intake;
pub(super) mod merchant;
pub(super) mod payments;
pub(super) mod plugins;
pub(super) mod story;

/// The one row of a query, if there is one, made into a value.
fn one<T>(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    make: impl FnOnce(&Row<'_>) -> Result<T, SqlError>,
) -> Result<Option<T>, SqlError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    match rows.next()? {
        Some(row) => make(row).map(Some),
        None => Ok(None),
    }
}

/// Every row of a query, made into values.
fn all<T>(
    connection: &Connection,
    sql: &str,
    values: &[&dyn ToSql],
    make: impl Fn(&Row<'_>) -> Result<T, SqlError>,
) -> Result<Vec<T>, SqlError> {
    let mut statement = connection.prepare_cached(sql)?;
    let mut rows = statement.query(values)?;
    let mut values = Vec::new();
    while let Some(row) = rows.next()? {
        values.push(make(row)?);
    }
    Ok(values)
}

/// The first column of the one row of a query.
fn text(connection: &Connection, sql: &str, values: &[&dyn ToSql]) -> Result<Option<String>, SqlError> {
    let mut statement = connection.prepare_cached(sql)?;
    Ok(statement.query_row(values, |row| row.get(0)).optional()?)
}
