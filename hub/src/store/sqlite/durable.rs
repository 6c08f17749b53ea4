//! The moment from which a write counts: a seam, so that a test can hold it back or let it fail.

use rusqlite::Connection;

/// Ends the writer's transaction so that it outlives a power cut.
pub trait DurableStep: Send {
    /// Commits. After `Ok` everything in the transaction is on disk; after `Err` nothing may be answered as
    /// done.
    ///
    /// # Errors
    /// What the engine says.
    fn commit(&mut self, connection: &Connection) -> rusqlite::Result<()>;
}

/// `COMMIT`, which with `synchronous = FULL` returns after the write-ahead log was flushed to disk, and only
/// then lets readers see it.
#[derive(Clone, Copy, Debug)]
pub struct FlushedCommit;

impl DurableStep for FlushedCommit {
    fn commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        connection.prepare_cached("COMMIT")?.execute([]).map(|_| ())
    }
}
