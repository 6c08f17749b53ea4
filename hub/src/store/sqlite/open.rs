//! Opening the database file: whose it is, how the engine is set, and that it is set so.
//!
//! Invariant: no connection is handed out whose settings were not read back. A pragma that is misspelled or
//! not compiled in does nothing and says nothing.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use super::durable::DurableStep;
use super::error::describe;
use super::filesystem;
use crate::private_file::beside;

/// The oldest engine with the fix of the write-ahead log's reset, as its own number 3.51.3.
const ENGINE_VERSION_MIN: i32 = 3_051_003;
/// How long the engine waits, in milliseconds, when another program holds the file's lock for a moment.
const BUSY_MS_MAX: i64 = 5_000;
/// How often the lock of the file is tried again, and the pause before each time: half a second in all.
const LOCK_TRIES_MAX: u32 = 25;
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// Pages (of 4 KiB) in the write-ahead log after which they are moved into the database. Four times the
/// engine's own number: each move is two more flushes, and the writer pays for them.
const CHECKPOINT_PAGES: i64 = 4_000;
/// Bytes that the write-ahead log keeps on disk after a burst.
const LOG_BYTES_KEPT: i64 = 64 * 1024 * 1024;
/// Statements that each connection keeps prepared; more than there are.
const STATEMENTS_KEPT: usize = 128;

/// What the engine must answer on every connection.
const SETTINGS: &[(&str, i64)] = &[
    // FULL: a commit returns after its flush.
    ("synchronous", 2),
    ("foreign_keys", 1),
    // A bad block under a memory map is a signal that ends the process; a read error is an error.
    ("mmap_size", 0),
    ("busy_timeout", BUSY_MS_MAX),
    ("wal_autocheckpoint", CHECKPOINT_PAGES),
    ("trusted_schema", 0),
    ("cell_size_check", 1),
];

/// Why a database is not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has it.
    #[error("another process has this database open, a running hub perhaps (it holds {})", path.display())]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A file could not be made or read.
    #[error("{}: {source}", path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// Locks and flushes over a network do not keep what they promise.
    #[error(
        "{} is on a network filesystem ({filesystem}); put the database on a disk of this machine",
        path.display()
    )]
    NetworkFilesystem {
        /// The database's directory.
        path: PathBuf,
        /// Its kind.
        filesystem: String,
    },
    /// The engine is too old to be trusted with the write-ahead log.
    #[error("SQLite 3.51.3 or newer is needed, this is {found}")]
    OldEngine {
        /// Its version.
        found: String,
    },
    /// The engine did not take a setting.
    #[error("the database engine did not take the setting {name}: it should be {wanted} and is {found}")]
    Setting {
        /// Its name.
        name: &'static str,
        /// What was asked.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// The file is a database of another program.
    #[error("the file is not a payhub database")]
    NotOurs,
    /// A newer hub has been here.
    #[error(
        "the database has schema version {database}, but this payhub knows only {binary}; \
         start the newer payhub, or restore a backup from before the upgrade"
    )]
    NewerDatabase {
        /// What the database has.
        database: i64,
        /// What this binary knows.
        binary: i64,
    },
    /// The schema was made by other statements than this binary has.
    #[error(
        "schema version {version} ({name}) was applied to this database with other statements than this \
         payhub has; use the release that made the database"
    )]
    ChangedMigration {
        /// Which.
        version: i64,
        /// Its name in this binary.
        name: &'static str,
    },
    /// The engine failed.
    #[error("the database cannot be opened: {0}")]
    Engine(String),
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(describe(&error))
    }
}

/// The lock that makes this the only process on a database. Given up when it is dropped.
pub(super) struct DatabaseLock {
    _file: File,
}

/// Makes the file if it is not there, readable by its owner alone, and locks it for this process. The path
/// that comes back is the real one.
pub(super) fn take(path: &Path, durable: &mut dyn DurableStep) -> Result<(PathBuf, DatabaseLock), OpenError> {
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::File { path, source }
    };
    private_file(path).map_err(failed(path))?;
    // Two names of one file must meet at the same lock.
    let path = path.canonicalize().map_err(failed(path))?;
    let directory = path.parent().unwrap_or(Path::new("/"));
    if let Some(filesystem) = filesystem::network_filesystem(directory) {
        return Err(OpenError::NetworkFilesystem { path: directory.to_owned(), filesystem });
    }
    let lock = lock_of(&path)?;
    // So that a new database is still in its directory after a power cut.
    durable.keep_in(directory).map_err(failed(directory))?;
    Ok((path, lock))
}

/// Locks the place of a database, whether or not there is one. Its folder must be there.
pub(super) fn reserve(path: &Path) -> Result<DatabaseLock, OpenError> {
    let failed = |source| OpenError::File { path: path.to_owned(), source };
    let missing = || failed(std::io::ErrorKind::NotFound.into());
    let folder = path.parent().ok_or_else(missing)?.canonicalize().map_err(failed)?;
    lock_of(&folder.join(path.file_name().ok_or_else(missing)?))
}

fn lock_of(path: &Path) -> Result<DatabaseLock, OpenError> {
    let lock_path = beside(path, ".lock");
    let failed = |source| OpenError::File { path: lock_path.clone(), source };
    let file = private_file(&lock_path).map_err(failed)?;
    match lock(&file) {
        Ok(()) => Ok(DatabaseLock { _file: file }),
        Err(TryLockError::WouldBlock) => Err(OpenError::Locked { path: lock_path }),
        Err(TryLockError::Error(source)) => Err(failed(source)),
    }
}

/// Locks a file. One that was let go of a moment ago can still be held by a program that its process was just
/// starting.
fn lock(file: &File) -> Result<(), TryLockError> {
    for _ in 0..LOCK_TRIES_MAX {
        match file.try_lock() {
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            locked => return locked,
        }
    }
    file.try_lock()
}

#[cfg(unix)]
fn private_file(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
    let file =
        OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    // The engine gives its other files the mode of this one.
    if file.metadata()?.permissions().mode() & 0o077 != 0 {
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

#[cfg(not(unix))]
fn private_file(path: &Path) -> std::io::Result<File> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path)
}

/// Refuses an engine whose write-ahead log is known to lose data.
pub(super) fn check_engine() -> Result<(), OpenError> {
    if rusqlite::version_number() < ENGINE_VERSION_MIN {
        return Err(OpenError::OldEngine { found: rusqlite::version().to_owned() });
    }
    Ok(())
}

/// The connection that writes.
pub(super) fn writer(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    set(&connection)?;
    let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
    if mode != "wal" {
        return Err(OpenError::Setting { name: "journal_mode", wanted: "wal".to_owned(), found: mode });
    }
    connection.pragma_update(None, "journal_size_limit", LOG_BYTES_KEPT)?;
    Ok(connection)
}

/// A connection that can only read.
pub(super) fn reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    set(&connection)?;
    connection.pragma_update(None, "query_only", 1)?;
    check(&connection, "query_only", 1)?;
    Ok(connection)
}

/// A database without a file, with those settings that are not about files.
pub(super) fn in_memory() -> Result<Connection, OpenError> {
    let connection = Connection::open_in_memory()?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    for (name, wanted) in [("foreign_keys", 1), ("trusted_schema", 0)] {
        connection.pragma_update(None, name, wanted)?;
        check(&connection, name, wanted)?;
    }
    Ok(connection)
}

pub(super) fn set(connection: &Connection) -> Result<(), OpenError> {
    connection.busy_timeout(Duration::from_millis(BUSY_MS_MAX.unsigned_abs()))?;
    // Statements cannot damage the file's own structure, whatever they say.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    for (name, wanted) in SETTINGS {
        connection.pragma_update(None, name, wanted)?;
        check(connection, name, *wanted)?;
    }
    Ok(())
}

fn check(connection: &Connection, name: &'static str, wanted: i64) -> Result<(), OpenError> {
    let found: i64 = connection.pragma_query_value(None, name, |row| row.get(0))?;
    if found == wanted {
        return Ok(());
    }
    Err(OpenError::Setting { name, wanted: wanted.to_string(), found: found.to_string() })
}
