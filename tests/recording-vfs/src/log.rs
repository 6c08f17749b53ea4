//! The log of one folder: all that happened to its files, in one order, with the promises that were made.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Entry {
    /// A file was made, or was found to have been made by others than the engine.
    Made { file: String },
    /// A file was taken out of the folder.
    Deleted { file: String },
    /// Bytes were written.
    Written { file: String, offset: u64, bytes: Vec<u8> },
    /// A file was cut, or made longer, to this size.
    Cut { file: String, size: u64 },
    /// A flush began. What is written from here on is not part of it.
    Flushing { file: String },
    /// The flush that began there has ended.
    Flushed { file: String, begun: usize },
    /// The folder itself was flushed: what was made or deleted before `begun` stays so.
    FolderFlushed { begun: usize },
    /// A promise of this number was given to somebody.
    Promised { number: usize },
}

/// A log that grows.
#[derive(Debug, Default)]
pub(crate) struct Log {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    entries: Vec<Entry>,
    present: BTreeSet<String>,
}

impl Log {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panicked while writing the log")
    }

    /// Adds an entry; gives its place.
    pub(crate) fn add(&self, entry: Entry) -> usize {
        let mut state = self.state();
        if let Entry::Deleted { file } = &entry {
            state.present.remove(file);
        }
        state.entries.push(entry);
        state.entries.len() - 1
    }

    /// Notes that a file is there, if that is news.
    pub(crate) fn is_there(&self, file: &str) {
        let mut state = self.state();
        if state.present.insert(file.to_owned()) {
            state.entries.push(Entry::Made { file: file.to_owned() });
        }
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.state().entries.len()
    }

    /// All entries so far.
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.state().entries.clone()
    }
}
