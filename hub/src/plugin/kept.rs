//! Plugin files that the hub keeps for itself, each under the SHA-256 of its bytes.
//!
//! The plugins folder is the operator's: files in it are replaced and taken away. An attempt stays with the file
//! that opened it, so the hub has a copy of every file from before it is in force until nothing needs it.
//!
//! The signature that lay beside a file is kept beside its copy, so that a copy counts as signed or not by the keys
//! that are trusted when it is loaded, and not by those of the day on which it was made.
//!
//! Invariant: what is read under a hash has that hash; a copy is on disk before an attempt can refer to it.

use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use super::file::PluginHash;
use super::signature::signature_file;
use crate::private_file;

/// The folder of copies in the data folder.
const FOLDER: &str = "kept-plugins";
/// What stands behind the hash in a copy's name.
const EXTENSION: &str = "wasm";

/// The folder of copies.
#[derive(Clone, Debug)]
pub struct KeptFiles {
    folder: PathBuf,
}

impl KeptFiles {
    /// The copies in this data folder.
    #[must_use]
    pub fn in_data_dir(data_dir: &Path) -> Self {
        Self { folder: data_dir.join(FOLDER) }
    }

    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Where a file is kept.
    #[must_use]
    pub fn path(&self, hash: PluginHash) -> PathBuf {
        self.folder.join(format!("{hash}.{EXTENSION}"))
    }

    /// Keeps a file with its signature, if it has one; durable when this returns.
    ///
    /// # Errors
    /// The file system's.
    pub fn keep(&self, hash: PluginHash, bytes: &[u8], signature: Option<&str>) -> io::Result<()> {
        private_file::make_folder(&self.folder)?;
        // The signature first: a copy whose signature got lost could not be loaded where one is asked for.
        if let Some(signature) = signature {
            private_file::write(&signature_file(&self.path(hash)), signature.as_bytes())?;
        }
        private_file::write(&self.path(hash), bytes)?;
        // The name as well as the bytes.
        File::open(&self.folder)?.sync_all()
    }

    /// Keeps another signature of a file that is kept; durable when this returns.
    ///
    /// # Errors
    /// The file system's.
    pub fn sign(&self, hash: PluginHash, signature: &str) -> io::Result<()> {
        private_file::write(&signature_file(&self.path(hash)), signature.as_bytes())?;
        File::open(&self.folder)?.sync_all()
    }

    /// Whether a file is kept.
    #[must_use]
    pub fn has(&self, hash: PluginHash) -> bool {
        self.path(hash).is_file()
    }

    /// The bytes of a kept file; nothing where it is not, or is not what its name says.
    ///
    /// # Errors
    /// The file system's.
    pub fn read(&self, hash: PluginHash) -> io::Result<Option<Vec<u8>>> {
        let bytes = match std::fs::read(self.path(hash)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        Ok((PluginHash::of(&bytes) == hash).then_some(bytes))
    }

    /// Removes every copy but these, with its signature.
    ///
    /// # Errors
    /// The file system's.
    pub fn remove_others(&self, wanted: &HashSet<PluginHash>) -> io::Result<()> {
        let entries = match std::fs::read_dir(&self.folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for entry in entries {
            let path = entry?.path();
            // Whatever else somebody put here stays.
            let is_copy = path.extension().is_some_and(|extension| extension == EXTENSION);
            let hash = path.file_stem().and_then(|name| name.to_str()).and_then(PluginHash::parse);
            if is_copy && hash.is_some_and(|hash| !wanted.contains(&hash)) {
                std::fs::remove_file(&path)?;
                remove_if_there(&signature_file(&path))?;
            }
        }
        Ok(())
    }
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_what_its_name_says() {
        let folder = tempfile::tempdir().unwrap();
        let files = KeptFiles::in_data_dir(folder.path());
        let [one, two] = [&b"one"[..], b"two"].map(|bytes| (PluginHash::of(bytes), bytes));
        assert!(files.read(one.0).unwrap().is_none());
        files.remove_others(&HashSet::new()).unwrap();
        for (hash, bytes) in [one, two] {
            files.keep(hash, bytes, Some("signed")).unwrap();
            assert_eq!(files.read(hash).unwrap().as_deref(), Some(bytes));
        }
        let beside = folder.path().join(FOLDER).join("of-somebody.wasm");
        std::fs::write(&beside, "else").unwrap();
        files.remove_others(&HashSet::from([two.0])).unwrap();
        assert!(!files.has(one.0) && files.has(two.0) && beside.exists());
        let signature = |hash| std::fs::read_to_string(signature_file(&files.path(hash))).ok();
        assert_eq!((signature(one.0), signature(two.0).as_deref()), (None, Some("signed")));
        files.sign(two.0, "signed anew").unwrap();
        assert_eq!(signature(two.0).as_deref(), Some("signed anew"));
        std::fs::write(files.path(two.0), "twO").unwrap();
        assert!(files.read(two.0).unwrap().is_none(), "another file under its name is not it");
    }
}
