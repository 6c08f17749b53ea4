//! Connections that only read, a few of them, each used by one call at a time off the async threads.
//!
//! Invariant: a reader sees only what is durable, because the engine publishes a commit to other connections
//! after flushing it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::error::SqlError;
use crate::store::StoreError;

/// A pool of read-only connections.
pub(super) struct Readers {
    idle: Arc<Idle>,
    permits: Arc<Semaphore>,
    wait: Duration,
}

type Idle = Mutex<Vec<Connection>>;

impl Readers {
    /// A pool of these; a call waits at most `wait` for one of them.
    pub(super) fn new(connections: Vec<Connection>, wait: Duration) -> Self {
        let permits = Arc::new(Semaphore::new(connections.len()));
        Self { idle: Arc::new(Mutex::new(connections)), permits, wait }
    }

    /// Runs a query on a free connection.
    pub(super) async fn read<T, F>(&self, query: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, SqlError> + Send + 'static,
    {
        let stopped = |_| StoreError::Failed("reading the store was interrupted".to_owned());
        let permit = match tokio::time::timeout(self.wait, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(permit) => permit.map_err(|_| StoreError::Failed("the store is closed".to_owned()))?,
            Err(_) => return Err(StoreError::Overloaded),
        };
        let idle = Arc::clone(&self.idle);
        let reading = tokio::task::spawn_blocking(move || {
            // The permit lives as long as the connection is out, also when the caller has gone.
            let _permit = permit;
            let borrowed = Borrowed::take(&idle).ok_or(SqlError::Broken("no reader is free"))?;
            match &borrowed.connection {
                Some(connection) => query(connection),
                None => Err(SqlError::Broken("no reader is free")),
            }
        });
        Ok(reading.await.map_err(stopped)??)
    }

    /// Closes the connections that are not in use.
    pub(super) fn close(&self) {
        self.permits.close();
        lock(&self.idle).clear();
    }
}

/// A connection that goes back whatever happens, a panic included.
struct Borrowed<'a> {
    idle: &'a Idle,
    connection: Option<Connection>,
}

impl<'a> Borrowed<'a> {
    fn take(idle: &'a Idle) -> Option<Self> {
        let connection = lock(idle).pop()?;
        Some(Self { idle, connection: Some(connection) })
    }
}

impl Drop for Borrowed<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            lock(self.idle).push(connection);
        }
    }
}

fn lock(idle: &Idle) -> std::sync::MutexGuard<'_, Vec<Connection>> {
    idle.lock().unwrap_or_else(PoisonError::into_inner)
}
