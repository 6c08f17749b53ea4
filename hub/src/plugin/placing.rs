//! A file that comes into the plugins folder, in the place of others if it must: whole or not at all, also when
//! whoever does it is killed in the middle.
//!
//! What is about to be done is written down first, and struck out when the hub has accepted it. So whoever finds a
//! note that was not struck out takes everything back: the new file was never said to be in force, and the others
//! were not said to be gone.
//!
//! Invariant: one placing at a time. A file that was there before is deleted only after the note is struck out.

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::signature::signature_file;
use crate::private_file;

/// The note in a plugins folder. Neither it nor what is put aside is taken for a plugin.
const NOTE: &str = ".placing.json";
/// What stands before and behind the name of a file that is put aside.
const ASIDE: (&str, &str) = (".", ".replaced");

/// What is being done, by names in the folder.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Note {
    /// Files that come, and were not there before.
    coming: Vec<String>,
    /// Files that go.
    going: Vec<String>,
}

/// A plugin file and what comes with it.
#[derive(Clone, Copy, Debug)]
pub struct New<'a> {
    /// Its name in the folder.
    pub name: &'a str,
    /// Its bytes.
    pub bytes: &'a [u8],
    /// The content of its signature file, if it has one.
    pub signature: Option<&'a [u8]>,
}

/// Leave to place a file in a folder; nobody else has it meanwhile.
#[derive(Debug)]
pub struct Turn {
    folder: PathBuf,
    _lock: File,
}

/// A file that was put into the folder and not accepted yet.
#[derive(Debug)]
#[must_use = "it is taken back, or accepted"]
pub struct Placed {
    turn: Turn,
    note: Note,
}

impl Turn {
    /// Waits for whoever is placing a file in this folder, which has to be there, and mends what somebody left
    /// half done.
    ///
    /// # Errors
    /// The file system's.
    pub fn take(folder: &Path) -> io::Result<Self> {
        let lock = File::open(folder)?;
        lock.lock()?;
        let turn = Self { folder: folder.to_owned(), _lock: lock };
        turn.mend()?;
        Ok(turn)
    }

    /// Puts a file into the folder, and these others aside, whose place it takes.
    ///
    /// # Errors
    /// The file system's; what was done by then is mended by the next turn.
    pub fn place(self, new: New<'_>, others: &[String]) -> io::Result<Placed> {
        let signature = new.signature.map(|bytes| (signature_name(new.name), bytes));
        let coming = signature.iter().map(|(name, _)| name.as_str()).chain([new.name]);
        let going: Vec<_> = others.iter().flat_map(|name| [name.clone(), signature_name(name)]).collect();
        let note = Note {
            coming: coming.filter(|name| !self.folder.join(name).exists()).map(str::to_owned).collect(),
            going: going.into_iter().filter(|name| self.folder.join(name).exists()).collect(),
        };
        let written = serde_json::to_vec(&note).map_err(io::Error::other)?;
        private_file::write(&self.folder.join(NOTE), &written)?;
        self.sync()?;
        for name in &note.going {
            std::fs::rename(self.folder.join(name), self.aside(name))?;
        }
        // The signature first: a watching hub must not find the file without it.
        if let Some((name, bytes)) = signature {
            private_file::write(&self.folder.join(name), bytes)?;
        }
        if !self.folder.join(new.name).exists() {
            private_file::write(&self.folder.join(new.name), new.bytes)?;
        }
        self.sync()?;
        Ok(Placed { turn: self, note })
    }

    /// Takes back what the note says, and removes what an accepted file has replaced.
    fn mend(&self) -> io::Result<()> {
        let path = self.folder.join(NOTE);
        match std::fs::read(&path) {
            Ok(bytes) => {
                let note = serde_json::from_slice(&bytes).map_err(|error| {
                    io::Error::other(format!(
                        "{} is not a note of the hub's: {error}; remove it once the folder has the plugins that you \
                         want",
                        path.display()
                    ))
                })?;
                self.take_back(&note)?;
                tracing::warn!(
                    folder = %self.folder.display(),
                    "a plugin that was being added is not in the folder, because adding it was broken off; add it again"
                );
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
        self.remove_aside()
    }

    fn take_back(&self, note: &Note) -> io::Result<()> {
        for name in &note.coming {
            if_there(std::fs::remove_file(self.folder.join(name)))?;
        }
        for name in &note.going {
            if_there(std::fs::rename(self.aside(name), self.folder.join(name)))?;
        }
        self.strike_out()
    }

    fn strike_out(&self) -> io::Result<()> {
        self.sync()?;
        std::fs::remove_file(self.folder.join(NOTE))?;
        self.sync()
    }

    fn remove_aside(&self) -> io::Result<()> {
        for entry in std::fs::read_dir(&self.folder)? {
            let name = entry?.file_name();
            let is_aside = |name: &str| {
                name.strip_prefix(ASIDE.0).is_some_and(|rest| rest.strip_suffix(ASIDE.1).is_some())
            };
            if name.to_str().is_some_and(is_aside) {
                std::fs::remove_file(self.folder.join(name))?;
            }
        }
        Ok(())
    }

    fn aside(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{}{name}{}", ASIDE.0, ASIDE.1))
    }

    fn sync(&self) -> io::Result<()> {
        File::open(&self.folder)?.sync_all()
    }
}

impl Placed {
    /// The folder is as it was before.
    ///
    /// # Errors
    /// The file system's; the next turn mends it.
    pub fn take_back(self) -> io::Result<()> {
        self.turn.take_back(&self.note)
    }

    /// The new file stays, and what it replaced is gone.
    ///
    /// # Errors
    /// The file system's.
    pub fn accept(self) -> io::Result<()> {
        self.turn.strike_out()?;
        self.turn.remove_aside()
    }
}

/// Mends what somebody left half done who was killed while placing a file. Somebody who is at it is left alone, and
/// so is a folder that is not there.
///
/// # Errors
/// The file system's.
pub fn mend(folder: &Path) -> io::Result<()> {
    let lock = match File::open(folder) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => Turn { folder: folder.to_owned(), _lock: lock }.mend(),
        Err(TryLockError::WouldBlock) => Ok(()),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn signature_name(name: &str) -> String {
    signature_file(Path::new(name)).to_string_lossy().into_owned()
}

fn if_there(done: io::Result<()>) -> io::Result<()> {
    match done {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    const NEW: New<'_> = New { name: "new.wasm", bytes: b"new", signature: Some(b"by her") };

    type Files = BTreeMap<String, String>;

    fn files(folder: &Path) -> Files {
        let read = |entry: io::Result<std::fs::DirEntry>| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            (name, std::fs::read_to_string(path).unwrap())
        };
        std::fs::read_dir(folder).unwrap().map(read).collect()
    }

    fn of(files: &[(&str, &str)]) -> Files {
        files.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
    }

    fn before(folder: &Path) -> Files {
        let files = of(&[("old.wasm", "old"), ("old.wasm.minisig", "by him"), ("other.wasm", "other")]);
        for (name, content) in &files {
            std::fs::write(folder.join(name), content).unwrap();
        }
        files
    }

    fn after() -> Files {
        of(&[("new.wasm", "new"), ("new.wasm.minisig", "by her"), ("other.wasm", "other")])
    }

    fn place(folder: &Path) -> Placed {
        Turn::take(folder).unwrap().place(NEW, &["old.wasm".to_owned()]).unwrap()
    }

    #[test]
    fn a_file_is_taken_back_or_accepted_whole() {
        for accepted in [false, true] {
            let folder = tempfile::tempdir().unwrap();
            let before = before(folder.path());
            let placed = place(folder.path());
            assert!(!folder.path().join("old.wasm").exists() && folder.path().join("new.wasm").exists());
            if accepted {
                placed.accept().unwrap()
            } else {
                placed.take_back().unwrap()
            }
            assert_eq!(files(folder.path()), if accepted { after() } else { before });
        }
    }

    /// Killed after each step: the files that are moved, written and removed by then, and what the next start makes
    /// of it.
    #[test]
    fn what_was_broken_off_is_mended() {
        let note = r#"{"coming":["new.wasm.minisig","new.wasm"],"going":["old.wasm","old.wasm.minisig"]}"#;
        let (old, signed) = (("old.wasm", "old"), ("old.wasm.minisig", "by him"));
        let aside = [(".old.wasm.replaced", "old"), (".old.wasm.minisig.replaced", "by him")];
        let (new, new_signed) = (("new.wasm", "new"), ("new.wasm.minisig", "by her"));
        let note = (".placing.json", note);
        type Row<'a> = (&'a str, Vec<(&'a str, &'a str)>, bool);
        let rows: [Row<'_>; 9] = [
            ("noted", vec![note, old, signed], false),
            ("one aside", vec![note, aside[0], signed], false),
            ("both aside", vec![note, aside[0], aside[1]], false),
            ("the signature written", vec![note, aside[0], aside[1], new_signed], false),
            ("all written", vec![note, aside[0], aside[1], new_signed, new], false),
            ("half taken back", vec![note, aside[0], aside[1], new], false),
            ("taken back but for the note", vec![note, old, signed], false),
            ("accepted", vec![aside[0], aside[1], new_signed, new], true),
            ("accepted and half cleaned", vec![aside[1], new_signed, new], true),
        ];
        for (step, left, accepted) in rows {
            let folder = tempfile::tempdir().unwrap();
            let before = before(folder.path());
            for name in before.keys().filter(|name| *name != "other.wasm") {
                std::fs::remove_file(folder.path().join(name)).unwrap();
            }
            for (name, content) in left {
                std::fs::write(folder.path().join(name), content).unwrap();
            }
            mend(folder.path()).unwrap();
            assert_eq!(files(folder.path()), if accepted { after() } else { before }, "{step}");
            mend(folder.path()).unwrap();
        }
    }

    /// The rows above are what is really there: without the last step, and in the middle of it.
    #[test]
    fn whoever_is_at_it_is_left_alone_and_whoever_was_killed_is_mended() {
        let folder = tempfile::tempdir().unwrap();
        let before = before(folder.path());
        let placed = place(folder.path());
        let under_way = files(folder.path());
        mend(folder.path()).unwrap();
        assert_eq!(files(folder.path()), under_way, "somebody is at it");
        // A process that is killed gives its lock back and does nothing else.
        drop(placed);
        assert_eq!(files(folder.path()), under_way);
        mend(folder.path()).unwrap();
        assert_eq!(files(folder.path()), before);
        mend(&folder.path().join("absent")).unwrap();
        // The file itself may be there already, as when it is added twice: then it is not what comes.
        std::fs::write(folder.path().join("new.wasm"), "new").unwrap();
        let with_new = files(folder.path());
        place(folder.path()).take_back().unwrap();
        assert_eq!(files(folder.path()), with_new);
    }
}
