//! The embedded engine: one SQLite file, one process, one writer that shares flushes, a few readers.
//!
//! The whole file belongs to one process, which a lock beside it makes certain. Statements go through the
//! [`writer`], queries through the [`readers`]; what they say is in [`super::sql`].
//!
//! Invariant: a commit is answered only after it is on disk, and nobody reads it before.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use hub_core::planted::Bug;
use rusqlite::{Connection, ToSql};
use tokio::sync::watch;

use self::durable::{DurableStep, FlushedCommit};
use self::error::SqlError;
use self::migrate::MIGRATIONS;
use self::open::DatabaseLock;
pub use self::open::OpenError;
use self::readers::Readers;
use self::writer::{QueueLimits, Writer};
use super::StoreError;
use super::sql::cell::{Cell, Row};
use super::sql::read::intake::NEXT_DUE;
use super::sql::write::jobs::{FORGET_HELD, RELEASE_LEASES};
use super::sql::{Engine, Query, SqlStore, Statement};
use crate::planted::planted;

pub mod backup;
mod cells;
pub mod durable;
mod error;
mod filesystem;
pub mod inline;
pub(super) mod look;
mod migrate;
mod open;
mod readers;
pub(super) mod source;
mod writer;

#[cfg(test)]
mod tests;

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// Connections that read at the same time.
    pub readers: usize,
    /// Commits that may wait for the writer.
    pub queued_commits_max: usize,
    /// How long a commit waits for a place among them, and a read for a connection, before the store is
    /// called overloaded.
    pub queue_wait: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { readers: 4, queued_commits_max: 1_024, queue_wait: Duration::from_secs(2) }
    }
}

/// The store in one SQLite file.
pub type SqliteStore = SqlStore<Sqlite>;

/// One SQLite file.
pub struct Sqlite {
    writer: Writer,
    readers: Readers,
    /// Last, so that it is given up after the connections are closed.
    _lock: DatabaseLock,
}

impl SqliteStore {
    /// Opens a database, makes it if it is not there, and brings its schema up to date. Waits for the disk.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        Self::open_with(path, options, Box::new(FlushedCommit))
    }

    /// The same, with another durable step: for tests that hold it back or let it fail.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_with(
        path: &Path,
        options: SqliteOptions,
        mut durable: Box<dyn DurableStep>,
    ) -> Result<Self, OpenError> {
        open::check_engine()?;
        let (path, lock) = open::take(path, durable.as_mut())?;
        let mut connection = open::writer(&path)?;
        migrate::migrate(&mut connection, MIGRATIONS)?;
        let readers = (0..options.readers.max(1)).map(|_| open::reader(&path)).collect::<Result<_, _>>()?;
        let limits = QueueLimits { commits_max: options.queued_commits_max.max(1), wait: options.queue_wait };
        let writer = Writer::start(connection, durable, limits)
            .map_err(|source| OpenError::File { path: path.clone(), source })?;
        let engine = Sqlite { writer, readers: Readers::new(readers, options.queue_wait), _lock: lock };
        Ok(Self::over(engine))
    }
}

/// The schema version of a database file, 0 for one without tables. Changes nothing.
///
/// # Errors
/// [`OpenError`].
pub fn schema_version(path: &Path) -> Result<i64, OpenError> {
    migrate::newest_version(&open::reader(path)?)
}

/// The newest schema version that this binary knows.
pub(super) fn newest_schema_version() -> i64 {
    i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX)
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // Before the writer: the last connection to close moves the write-ahead log into the database, and
        // only the writer may.
        self.readers.close();
    }
}

#[async_trait]
impl Engine for Sqlite {
    const CLAIM: &'static str = "UPDATE jobs SET leased_until = ?2, lease_token = ?3, tries = tries + 1
         WHERE key IN (SELECT key FROM jobs WHERE available_at <= ?1 ORDER BY available_at LIMIT ?4)
         RETURNING key, body, due_at, tries";

    async fn write(&self, statements: Vec<Statement>) -> Result<(), StoreError> {
        self.writer
            .submit(move |connection| {
                statements.into_iter().try_for_each(|statement| execute(connection, statement))
            })
            .await
    }

    async fn write_returning(&self, statement: Query) -> Result<Vec<Row>, StoreError> {
        self.writer.submit(move |connection| rows(connection, &statement)).await
    }

    async fn read(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.readers.read(move |connection| snapshot(connection, &queries)).await
    }

    /// All of them: whoever held one is gone, for this process has the file alone.
    async fn release_leases(&self, _replica: &str) -> Result<u64, StoreError> {
        self.writer
            .submit(|connection| {
                let sql = if planted(Bug::ForgetHeldJobs) { FORGET_HELD } else { RELEASE_LEASES };
                let released = connection.prepare_cached(sql)?.execute([])?;
                u64::try_from(released).map_err(|_| SqlError::Broken("more jobs than can be counted"))
            })
            .await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.read(vec![Query { sql: NEXT_DUE, values: vec![] }]).await?;
        while self.writer.is_failing() {
            self.writer.probe(probe).await?;
        }
        Ok(())
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.writer.changes()
    }

    fn written(&self) -> (u64, u64) {
        self.writer.written()
    }
}

/// Runs one statement, and fails with its guard's conflict when it changed nothing.
fn execute(connection: &Connection, Statement { sql, values, guard }: Statement) -> Result<(), SqlError> {
    let values: Vec<&dyn ToSql> = values.iter().map(|cell| cell as &dyn ToSql).collect();
    let changed = connection.prepare_cached(sql)?.execute(&*values)?;
    match guard {
        Some(conflict) if changed == 0 => Err(conflict.into()),
        Some(_) | None => Ok(()),
    }
}

/// The rows of each query, all of them from one moment.
fn snapshot(connection: &Connection, queries: &[Query]) -> Result<Vec<Vec<Row>>, SqlError> {
    let snapshot = connection.unchecked_transaction()?;
    queries.iter().map(|query| rows(&snapshot, query)).collect()
}

fn rows(connection: &Connection, Query { sql, values }: &Query) -> Result<Vec<Row>, SqlError> {
    Ok(cells(connection, sql, values)?.into_iter().map(Row::new).collect())
}

fn cells(connection: &Connection, sql: &str, values: &[Cell]) -> Result<Vec<Vec<Cell>>, SqlError> {
    let values: Vec<&dyn ToSql> = values.iter().map(|cell| cell as &dyn ToSql).collect();
    let mut statement = connection.prepare_cached(sql)?;
    let columns = statement.column_count();
    let mut rows = statement.query(&*values)?;
    let mut read = Vec::new();
    while let Some(row) = rows.next()? {
        read.push((0..columns).map(|column| row.get(column)).collect::<Result<_, _>>()?);
    }
    Ok(read)
}

/// Changes a number in the file's header that means nothing, to find out whether anything can be written: a
/// row that is written as it was would not reach the disk.
fn probe(connection: &Connection) -> Result<(), SqlError> {
    let last: i32 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", last.checked_add(1).unwrap_or(0))?;
    Ok(())
}
