//! One database in memory, asked and answered on the caller's own thread: the server of a simulation.
//!
//! Statements, rules and triggers are the real ones; there is no thread, no file and no wait, so that the same
//! questions in the same order always get the same answers. Whoever asks decides what the way there is like.
//!
//! Invariant: each write is one transaction, taken back as a whole when a guard does not hold.

use std::sync::{Mutex, MutexGuard, PoisonError};

use rusqlite::Connection;

use super::error::SqlError;
use super::migrate::{MIGRATIONS, migrate};
use super::{OpenError, execute, open, rows};
use crate::store::StoreError;
use crate::store::sql::cell::Row;
use crate::store::sql::{Engine, Query, Statement};

/// How due jobs are taken.
pub const CLAIM: &str = <super::Sqlite as Engine>::CLAIM;

/// A database that lasts as long as this value.
pub struct InlineSqlite {
    connection: Mutex<Connection>,
}

impl InlineSqlite {
    /// An empty database of the newest schema.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn in_memory() -> Result<Self, OpenError> {
        let mut connection = open::in_memory()?;
        migrate(&mut connection, MIGRATIONS)?;
        Ok(Self { connection: Mutex::new(connection) })
    }

    /// All of them as one transaction, in order. The first guard that does not hold is the answer.
    ///
    /// # Errors
    /// [`StoreError`], and then nothing was written.
    pub fn write(&self, statements: Vec<Statement>) -> Result<(), StoreError> {
        self.transaction(|connection| {
            statements.into_iter().try_for_each(|statement| execute(connection, statement))
        })
    }

    /// One statement that writes and gives rows.
    ///
    /// # Errors
    /// [`StoreError`], and then nothing was written.
    pub fn write_returning(&self, statement: &Query) -> Result<Vec<Row>, StoreError> {
        self.transaction(|connection| rows(connection, statement))
    }

    /// Each query's rows, all of them from one moment.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn read(&self, queries: &[Query]) -> Result<Vec<Vec<Row>>, StoreError> {
        let connection = self.lock();
        Ok(queries.iter().map(|query| rows(&connection, query)).collect::<Result<_, _>>()?)
    }

    fn transaction<T>(&self, run: impl FnOnce(&Connection) -> Result<T, SqlError>) -> Result<T, StoreError> {
        let connection = self.lock();
        // Rolled back when it is dropped.
        let transaction = connection.unchecked_transaction().map_err(SqlError::from)?;
        let value = run(&transaction)?;
        transaction.commit().map_err(SqlError::from)?;
        Ok(value)
    }

    fn lock(&self) -> MutexGuard<'_, Connection> {
        // A transaction that panicked was rolled back.
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
