//! What only this engine does: one file, one writer that shares flushes, a planner that is told its way.

use rusqlite::Connection;
use tempfile::TempDir;

use super::{Sqlite, SqliteOptions, SqliteStore};
use crate::store::sql::tests::*;
use crate::store::{Conflict, Store, StoreError, Write};

mod durability;
mod opening;
mod plans;
mod schema;
mod speed;

fn options() -> SqliteOptions {
    SqliteOptions { readers: 2, ..SqliteOptions::default() }
}

fn open() -> (TempDir, SqliteStore) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("hub.db"), options()).unwrap();
    (directory, store)
}

/// Another connection to the same file, for looking and for breaking rules.
fn raw(directory: &TempDir) -> Connection {
    let connection = Connection::open(directory.path().join("hub.db")).unwrap();
    connection.pragma_update(None, "foreign_keys", 1).unwrap();
    connection
}

fn count(directory: &TempDir, sql: &str) -> i64 {
    raw(directory).query_row(sql, [], |row| row.get(0)).unwrap()
}
