//! Records what SQLite does to the files of a folder, and makes of it the disks that a power cut could leave.
//!
//! [`world::World`] watches a folder: from then on every file that SQLite opens there is opened through the
//! [`shim`], which passes each call on to the engine's own way to files and writes it down in the [`log`].
//! Files elsewhere are opened as ever. [`disk::Disk`] reads such a log up to any point and gives what may be
//! on the disk if the power goes there.
//!
//! The database and its logs (`-wal`, `-journal`) are recorded. The shared memory (`-shm`) is not: it is gone
//! with the power, and the engine makes it anew.

#![expect(clippy::expect_used, reason = "a test whose recorder fails has nothing to say")]

pub mod disk;
pub mod log;
pub mod world;

mod shim;
