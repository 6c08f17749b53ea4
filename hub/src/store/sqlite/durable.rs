//! The moment from which a write counts: a seam, so that a test can hold it back, let it fail, or note it.

use std::fs::File;
use std::path::Path;

use rusqlite::Connection;

/// Makes what was done outlive a power cut.
pub trait DurableStep: Send {
    /// Commits. After `Ok` everything in the transaction is on disk; after `Err` nothing may be answered as
    /// done.
    ///
    /// # Errors
    /// What the engine says.
    fn commit(&mut self, connection: &Connection) -> rusqlite::Result<()>;
    /// After `Ok` the files that were made in a directory are still in it after a power cut.
    ///
    /// # Errors
    /// What the system says.
    fn keep_in(&mut self, directory: &Path) -> std::io::Result<()>;
}

/// `COMMIT`, which with `synchronous = FULL` returns after the write-ahead log was flushed to disk, and only
/// then lets readers see it.
#[derive(Clone, Copy, Debug)]
pub struct FlushedCommit;

impl DurableStep for FlushedCommit {
    fn commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        connection.prepare_cached("COMMIT")?.execute([]).map(|_| ())
    }

    fn keep_in(&mut self, directory: &Path) -> std::io::Result<()> {
        File::open(directory)?.sync_all()
    }
}
