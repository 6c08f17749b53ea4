//! A database file that no hub has open, as the source of a copy: its tables as they are, page by page.
//!
//! Invariant: it holds the file's lock for as long as it lives, and has no way to write.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use rusqlite::Connection;

use super::durable::FlushedCommit;
use super::open::{self, DatabaseLock};
use super::{OpenError, cells, migrate};
use crate::store::StoreError;
use crate::store::copy::Table;
use crate::store::sql::cell::Cell;

/// Tables that are not the engine's own.
const TABLES: &str =
    "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";
/// Stored columns, with their place in the key; a generated one is not among them.
const COLUMNS: &str = "SELECT name, pk FROM pragma_table_info(?1) ORDER BY cid";

/// The file of a stopped hub.
pub(in crate::store) struct Source {
    connection: Mutex<Connection>,
    _lock: DatabaseLock,
}

impl Source {
    /// The file must be there.
    pub(in crate::store) fn open(path: &Path) -> Result<Self, OpenError> {
        open::check_engine()?;
        // Taking it would make it.
        std::fs::metadata(path).map_err(|source| OpenError::File { path: path.to_owned(), source })?;
        let (path, lock) = open::take(path, &mut FlushedCommit)?;
        Ok(Self { connection: Mutex::new(open::reader(&path)?), _lock: lock })
    }

    pub(in crate::store) fn version(&self) -> Result<i64, OpenError> {
        migrate::newest_version(&self.connection.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(in crate::store) fn tables(&self) -> Result<Vec<Table>, OpenError> {
        let connection = self.connection.lock().unwrap_or_else(PoisonError::into_inner);
        let mut names = connection.prepare(TABLES)?;
        let names = names.query_map([], |row| row.get(0))?.collect::<Result<Vec<String>, _>>()?;
        names.into_iter().map(|name| table(&connection, name)).collect()
    }

    /// Rows in the order of the key, after those of a key.
    pub(in crate::store) async fn page(
        self: &Arc<Self>,
        table: &Table,
        after: Option<Vec<Cell>>,
    ) -> Result<Vec<Vec<Cell>>, StoreError> {
        let (source, sql) = (Arc::clone(self), table.page(after.is_none()));
        let reading = tokio::task::spawn_blocking(move || {
            let connection = source.connection.lock().unwrap_or_else(PoisonError::into_inner);
            cells(&connection, &sql, &after.unwrap_or_default())
        });
        let stopped = |_| StoreError::Failed("reading the file was interrupted".to_owned());
        Ok(reading.await.map_err(stopped)??)
    }
}

fn table(connection: &Connection, name: String) -> Result<Table, OpenError> {
    let mut statement = connection.prepare(COLUMNS)?;
    let rows = statement.query_map([&name], |row| Ok((row.get::<_, String>(0)?, row.get::<_, i64>(1)?)))?;
    let (mut columns, mut key) = (Vec::new(), Vec::new());
    for row in rows {
        let (column, place) = row?;
        if place > 0 {
            key.push((place, columns.len()));
        }
        columns.push(column);
    }
    key.sort_unstable();
    Ok(Table { name, columns, key: key.into_iter().map(|(_, column)| column).collect() })
}
