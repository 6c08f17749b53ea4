//! The layer between SQLite and its own way to files (a VFS): it passes every call on, and writes down those
//! that change something.
//!
//! It becomes the process's default, so that a program under test opens its database as ever. A file that
//! nobody watches is opened by the layer below in its own form, as if this one were not there.
//!
//! Invariant: a write is in the log before the engine hears that it was done; a flush is there as two entries,
//! because only what was written before it began is part of it.

#![expect(unsafe_code, reason = "SQLite's files are tables of C functions; there is no other way below it")]

use std::ffi::{CStr, OsStr, c_char, c_int, c_void};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr;
use std::sync::{Arc, OnceLock};

use rusqlite::ffi::{
    self, SQLITE_IOERR, SQLITE_OK, SQLITE_OPEN_CREATE, SQLITE_OPEN_MAIN_JOURNAL, SQLITE_OPEN_SUPER_JOURNAL,
    SQLITE_OPEN_WAL, sqlite3_file, sqlite3_filename, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs,
};

use crate::log::{Entry, Log};
use crate::world::log_of;

/// Files whose folder the engine flushes with them, once after it made them.
const FLUSHED_WITH_THEIR_FOLDER: c_int =
    SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_SUPER_JOURNAL | SQLITE_OPEN_WAL;

/// An open file that is recorded. The layer below has its own right behind it.
#[repr(C)]
struct Recorded {
    base: sqlite3_file,
    notes: *mut Notes,
}

/// Where its entries go.
struct Notes {
    log: Arc<Log>,
    file: String,
    flushes_folder: bool,
}

/// The layer below, and this one.
struct Layers {
    below: *mut sqlite3_vfs,
    own: *mut sqlite3_vfs,
}

// SAFETY: both are registered for as long as the process lives and are never written to after that but by
// SQLite itself, under its own lock.
unsafe impl Send for Layers {}
// SAFETY: the same.
unsafe impl Sync for Layers {}

static LAYERS: OnceLock<Layers> = OnceLock::new();

/// Puts this layer above the process's default, once.
pub(crate) fn install() {
    LAYERS.get_or_init(|| {
        // SAFETY: a null name asks for the default; what comes back lives as long as the process.
        let below = unsafe { ffi::sqlite3_vfs_find(ptr::null()) };
        assert!(!below.is_null(), "SQLite has a way to files");
        // SAFETY: it points to a whole table, which is plain data. The functions that are not replaced here do
        // not look at which table they are called by.
        let mut own = unsafe { ptr::read(below) };
        own.zName = c"recording".as_ptr();
        own.pNext = ptr::null_mut();
        own.szOsFile += c_int::try_from(size_of::<Recorded>()).expect("a small size");
        own.xOpen = Some(open);
        own.xDelete = Some(delete);
        let own = Box::into_raw(Box::new(own));
        // SAFETY: the table is never freed.
        let registered = unsafe { ffi::sqlite3_vfs_register(own, 1) };
        assert_eq!(registered, SQLITE_OK, "the recorder is registered");
        Layers { below, own }
    });
    let layers = layers();
    // SAFETY: as above; this only asks.
    assert_eq!(unsafe { ffi::sqlite3_vfs_find(ptr::null()) }, layers.own, "the recorder is the default");
}

fn layers() -> &'static Layers {
    LAYERS.get().expect("only called through the table that was registered with it")
}

static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    // The second: with a write-ahead log, without memory maps.
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(file_size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_reserved_lock),
    xFileControl: Some(file_control),
    xSectorSize: Some(sector_size),
    xDeviceCharacteristics: Some(device_characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};

/// The path that SQLite gives to a table's functions.
///
/// # Safety
/// Null, or a text that ends with a zero and lives as long as the answer.
unsafe fn path_of<'a>(name: *const c_char) -> Option<&'a Path> {
    if name.is_null() {
        return None;
    }
    // SAFETY: as promised by the caller.
    let bytes = unsafe { CStr::from_ptr(name) }.to_bytes();
    Some(Path::new(OsStr::from_bytes(bytes)))
}

/// The file of the layer below.
///
/// # Safety
/// `file` was opened by [`open`] as a recorded one, or is about to be.
unsafe fn below(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: SQLite allocates `szOsFile` bytes, which are enough for both one behind the other.
    unsafe { file.cast::<Recorded>().add(1) }.cast()
}

/// The methods of the layer below.
///
/// # Safety
/// As [`below`], and open.
unsafe fn methods(file: *mut sqlite3_file) -> &'static sqlite3_io_methods {
    // SAFETY: the layer below has set them when it opened the file, and tables of methods live for ever.
    unsafe { &*(*below(file)).pMethods }
}

/// Where the entries of a file go.
///
/// # Safety
/// As [`methods`]. SQLite uses a file by one thread at a time.
unsafe fn notes<'a>(file: *mut sqlite3_file) -> &'a mut Notes {
    // SAFETY: made by `open`, freed by `close` alone.
    unsafe { &mut *(*file.cast::<Recorded>()).notes }
}

unsafe extern "C" fn open(
    _own: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    out_flags: *mut c_int,
) -> c_int {
    let vfs = layers().below;
    // SAFETY: the layer below lives as long as the process.
    let Some(open_below) = (unsafe { (*vfs).xOpen }) else { return SQLITE_IOERR };
    // SAFETY: SQLite gives a path or null.
    let Some((log, name_in_folder)) = unsafe { path_of(name) }.and_then(log_of) else {
        // SAFETY: passed on as it came; there is more room behind `file` than the layer below needs.
        return unsafe { open_below(vfs, name, file, flags, out_flags) };
    };
    // SAFETY: as above, behind our own part.
    let opened = unsafe { open_below(vfs, name, below(file), flags, out_flags) };
    let recorded = file.cast::<Recorded>();
    if opened != SQLITE_OK {
        // Without methods SQLite does not close it.
        // SAFETY: SQLite gives room for `szOsFile` bytes.
        unsafe { (*recorded).base.pMethods = ptr::null() };
        return opened;
    }
    log.is_there(&name_in_folder);
    let flushes_folder = flags & SQLITE_OPEN_CREATE != 0 && flags & FLUSHED_WITH_THEIR_FOLDER != 0;
    let notes = Box::into_raw(Box::new(Notes { log, file: name_in_folder, flushes_folder }));
    // SAFETY: as above.
    unsafe { ptr::write(recorded, Recorded { base: sqlite3_file { pMethods: &raw const METHODS }, notes }) };
    SQLITE_OK
}

unsafe extern "C" fn delete(_own: *mut sqlite3_vfs, name: *const c_char, sync_folder: c_int) -> c_int {
    let vfs = layers().below;
    // SAFETY: the layer below lives as long as the process; the arguments are passed on as they came.
    let deleted = unsafe {
        match (*vfs).xDelete {
            Some(delete_below) => delete_below(vfs, name, sync_folder),
            None => SQLITE_IOERR,
        }
    };
    // SAFETY: SQLite gives a path.
    if deleted == SQLITE_OK
        && let Some((log, file)) = unsafe { path_of(name) }.and_then(log_of)
    {
        let begun = log.add(Entry::Deleted { file }) + 1;
        if sync_folder != 0 {
            log.add(Entry::FolderFlushed { begun });
        }
    }
    deleted
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: an open recorded file, which SQLite closes once; nothing uses it after that.
    unsafe {
        let closed = methods(file).xClose.map_or(SQLITE_IOERR, |close| close(below(file)));
        let recorded = file.cast::<Recorded>();
        drop(Box::from_raw((*recorded).notes));
        (*recorded).base.pMethods = ptr::null();
        closed
    }
}

unsafe extern "C" fn write(
    file: *mut sqlite3_file,
    bytes: *const c_void,
    length: c_int,
    offset: sqlite3_int64,
) -> c_int {
    // SAFETY: an open recorded file, and `length` bytes to read, as SQLite promises to the layer below as well.
    unsafe {
        let written =
            methods(file).xWrite.map_or(SQLITE_IOERR, |write| write(below(file), bytes, length, offset));
        if written == SQLITE_OK {
            let length = usize::try_from(length).expect("a length");
            let bytes = std::slice::from_raw_parts(bytes.cast::<u8>(), length).to_vec();
            let offset = u64::try_from(offset).expect("an offset");
            let notes = notes(file);
            notes.log.add(Entry::Written { file: notes.file.clone(), offset, bytes });
        }
        written
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, size: sqlite3_int64) -> c_int {
    // SAFETY: an open recorded file.
    unsafe {
        let cut = methods(file).xTruncate.map_or(SQLITE_IOERR, |truncate| truncate(below(file), size));
        if cut == SQLITE_OK {
            let notes = notes(file);
            let size = u64::try_from(size).expect("a size");
            notes.log.add(Entry::Cut { file: notes.file.clone(), size });
        }
        cut
    }
}

unsafe extern "C" fn sync(file: *mut sqlite3_file, flags: c_int) -> c_int {
    // SAFETY: an open recorded file.
    unsafe {
        let notes = notes(file);
        let begun = notes.log.add(Entry::Flushing { file: notes.file.clone() });
        let flushed = methods(file).xSync.map_or(SQLITE_IOERR, |sync| sync(below(file), flags));
        if flushed == SQLITE_OK {
            notes.log.add(Entry::Flushed { file: notes.file.clone(), begun });
            if std::mem::take(&mut notes.flushes_folder) {
                notes.log.add(Entry::FolderFlushed { begun });
            }
        }
        flushed
    }
}

/// Methods that change nothing on the disk: passed on as they come.
macro_rules! passed_on {
    ($($name:ident = $method:ident($($argument:ident: $kind:ty),*) or $otherwise:expr;)*) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $kind),*) -> c_int {
            // SAFETY: an open recorded file; the arguments are what SQLite gave.
            unsafe {
                methods(file).$method.map_or($otherwise, |method| method(below(file), $($argument),*))
            }
        }
    )*};
}

passed_on! {
    read = xRead(bytes: *mut c_void, length: c_int, offset: sqlite3_int64) or SQLITE_IOERR;
    file_size = xFileSize(size: *mut sqlite3_int64) or SQLITE_IOERR;
    lock = xLock(kind: c_int) or SQLITE_IOERR;
    unlock = xUnlock(kind: c_int) or SQLITE_IOERR;
    check_reserved_lock = xCheckReservedLock(held: *mut c_int) or SQLITE_IOERR;
    file_control = xFileControl(operation: c_int, argument: *mut c_void) or ffi::SQLITE_NOTFOUND;
    sector_size = xSectorSize() or 0;
    device_characteristics = xDeviceCharacteristics() or 0;
    shm_map = xShmMap(page: c_int, size: c_int, extend: c_int, memory: *mut *mut c_void) or SQLITE_IOERR;
    shm_lock = xShmLock(offset: c_int, count: c_int, flags: c_int) or SQLITE_IOERR;
    shm_unmap = xShmUnmap(delete_too: c_int) or SQLITE_IOERR;
}

unsafe extern "C" fn shm_barrier(file: *mut sqlite3_file) {
    // SAFETY: an open recorded file.
    unsafe {
        if let Some(barrier) = methods(file).xShmBarrier {
            barrier(below(file));
        }
    }
}
