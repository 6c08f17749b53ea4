//! Looking at a database beside those who write to it.
//!
//! Invariant: who looks cannot write. On SQLite the connection is one that only reads, and the lock of the hub
//! that has the file is not asked for; on PostgreSQL only queries are ever sent.

use std::path::Path;

use async_trait::async_trait;

use super::StoreError;
use super::postgres::address::Address;
use super::postgres::{ConnectError, PostgresStore};
use super::sql::cell::Row;
use super::sql::{Engine, Query, SqlStore};
use super::sqlite::OpenError;
use super::sqlite::look::SqliteLook;

/// Asks questions of a database.
#[async_trait]
pub trait Look: Send + Sync {
    /// Each query's rows, all of them from one moment.
    async fn look(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError>;
}

#[async_trait]
impl<E: Engine> Look for SqlStore<E> {
    async fn look(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.engine.read(queries).await
    }
}

/// Why a database cannot be looked at.
#[derive(Debug, thiserror::Error)]
pub enum LookError {
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Its tables are not those that this binary knows.
    #[error(
        "the database has schema version {database}, and this payhub looks at version {binary} alone; {}",
        if database > binary {
            "use the newer payhub that runs on it"
        } else {
            "use the release that runs on it, or bring it up to date with `payhub migrate`"
        }
    )]
    OtherVersion { database: i64, binary: i64 },
}

/// Looks at a database file, whether or not a hub has it open.
///
/// # Errors
/// [`LookError`].
pub fn file(path: &Path) -> Result<Box<dyn Look>, LookError> {
    same_version(super::sqlite::schema_version(path)?, super::sqlite::newest_schema_version())?;
    Ok(Box::new(SqliteLook::open(path)?))
}

/// Looks at a PostgreSQL database, however many hubs are on it.
///
/// # Errors
/// [`LookError`].
pub async fn server(address: &Address) -> Result<Box<dyn Look>, LookError> {
    let version = super::postgres::schema_version(address).await?;
    same_version(version, super::postgres::newest_schema_version())?;
    Ok(Box::new(PostgresStore::look_at(address)?))
}

/// Refuses tables that are not those of this binary.
pub(super) const fn same_version(database: i64, binary: i64) -> Result<(), LookError> {
    if database == binary { Ok(()) } else { Err(LookError::OtherVersion { database, binary }) }
}
