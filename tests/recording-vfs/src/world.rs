//! A folder that is watched. Several at once in one process do not mix: each has a log of its own.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use crate::log::{Entry, Log};
use crate::shim;

static WATCHED: Mutex<Vec<(PathBuf, Arc<Log>)>> = Mutex::new(Vec::new());

fn watched() -> MutexGuard<'static, Vec<(PathBuf, Arc<Log>)>> {
    WATCHED.lock().expect("nobody panicked while holding the list of folders")
}

/// A watched folder, until it is dropped. Clones are the same one.
#[derive(Clone, Debug)]
pub struct World {
    inner: Arc<Watch>,
}

#[derive(Debug)]
struct Watch {
    folder: PathBuf,
    log: Arc<Log>,
}

impl World {
    /// Watches a folder, which is empty.
    ///
    /// # Panics
    /// When it cannot be read.
    pub fn watch(folder: &Path) -> Self {
        shim::install();
        let folder = folder.canonicalize().expect("a folder");
        let log = Arc::<Log>::default();
        watched().push((folder.clone(), Arc::clone(&log)));
        Self { inner: Arc::new(Watch { folder, log }) }
    }

    /// Notes that somebody was given a promise.
    pub fn promise(&self, number: usize) {
        self.inner.log.add(Entry::Promised { number });
    }

    /// Flushes the folder by `flush`, and notes what that keeps: all that is in it when it begins.
    ///
    /// # Errors
    /// What `flush` says; then nothing is noted but what was there.
    pub fn flush_folder(&self, flush: impl FnOnce() -> std::io::Result<()>) -> std::io::Result<()> {
        let mut names = std::fs::read_dir(&self.inner.folder)?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<std::io::Result<Vec<_>>>()?;
        names.sort();
        for name in names.iter().filter_map(|name| recorded_name(name)) {
            self.inner.log.is_there(name);
        }
        let begun = self.inner.log.len();
        flush()?;
        self.inner.log.add(Entry::FolderFlushed { begun });
        Ok(())
    }

    /// All that happened so far.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        self.inner.log.entries()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        watched().retain(|(_, log)| !Arc::ptr_eq(log, &self.log));
    }
}

/// The log of a file's folder and the file's name, if it is to be recorded.
pub(crate) fn log_of(path: &Path) -> Option<(Arc<Log>, String)> {
    let folder = path.parent()?;
    let log = watched().iter().find(|(watched, _)| watched == folder).map(|(_, log)| Arc::clone(log))?;
    recorded_name(path.file_name()?).map(|name| (log, name.to_owned()))
}

/// Of the files in a watched folder, those that are a database's own.
fn recorded_name(name: &OsStr) -> Option<&str> {
    let name = name.to_str()?;
    let of_database = name.strip_suffix("-wal").or_else(|| name.strip_suffix("-journal")).unwrap_or(name);
    Path::new(of_database).extension().is_some_and(|extension| extension == "sqlite").then_some(name)
}
