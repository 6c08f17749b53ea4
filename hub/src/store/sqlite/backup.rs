//! One file out of a database that a hub may be writing to, and a file put where a database belongs.
//!
//! `VACUUM INTO` and not the engine's backup in steps: that one begins again whenever another process writes
//! between two steps, so that beside a busy hub it would never end. This one reads one moment from beginning to
//! end, as any reader does, and the hub goes on writing; only its write-ahead log cannot shrink meanwhile.
//!
//! Invariant: a file that has its final name is whole and on disk, and never took another one's place.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use processor_sdk::Timestamp;
use rusqlite::{Connection, OpenFlags};

use super::OpenError;
use super::open::{self, DatabaseLock};
use crate::planted::stand_still_at;
use crate::private_file::beside;

/// The last thing that any payment's history tells of.
const LAST_EVENT: &str = "SELECT max(at) FROM payment_events";

/// The place of a database, which nobody else can take.
pub struct Reserved {
    _lock: DatabaseLock,
}

/// Takes the place of a database, whether or not there is one.
///
/// # Errors
/// [`OpenError::Locked`] while a hub has it.
pub fn reserve(path: &Path) -> Result<Reserved, OpenError> {
    Ok(Reserved { _lock: open::reserve(path)? })
}

/// Copies a database as it is at one moment into a file that [`begin`] made.
///
/// # Errors
/// [`OpenError`].
pub fn copy_into(database: &Path, file: &Path) -> Result<(), OpenError> {
    open::check_engine()?;
    let connection = plain_reader(database)?;
    let name = file.to_str().ok_or_else(|| OpenError::File {
        path: file.to_owned(),
        source: io::Error::new(io::ErrorKind::InvalidInput, "the name of the file is not UTF-8"),
    })?;
    connection.execute("VACUUM INTO ?1", [name])?;
    Ok(())
}

/// What is wrong with a file's own structure, if something is.
///
/// # Errors
/// [`OpenError`].
pub fn damage(file: &Path) -> Result<Option<String>, OpenError> {
    let said: String = open::reader(file)?.query_row("PRAGMA integrity_check(1)", [], |row| row.get(0))?;
    Ok((said != "ok").then_some(said))
}

/// When the last thing happened that a database knows of.
///
/// # Errors
/// [`OpenError`].
pub fn last_event_at(file: &Path) -> Result<Option<Timestamp>, OpenError> {
    let micros: Option<i64> = open::reader(file)?.query_row(LAST_EVENT, [], |row| row.get(0))?;
    Ok(micros.map(Timestamp::from_micros))
}

/// Without the setting that forbids every statement that writes, wherever to.
fn plain_reader(path: &Path) -> Result<Connection, OpenError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(path, flags)?;
    open::set(&connection)?;
    Ok(connection)
}

/// The name under which a file is made before it is whole.
#[must_use]
pub fn half(path: &Path) -> PathBuf {
    beside(path, ".half")
}

/// Makes an empty file that only its owner can read; fails where there is one.
///
/// # Errors
/// The file system's.
pub fn begin(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// Gives a whole file its final name, on disk when this returns; fails where that name is taken.
///
/// # Errors
/// The file system's.
pub fn put_in_place(whole: &Path, path: &Path) -> io::Result<()> {
    File::open(whole)?.sync_all()?;
    std::fs::hard_link(whole, path)?;
    stand_still_at("named");
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()?;
    std::fs::remove_file(whole)
}
