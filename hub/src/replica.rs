//! Which of several hubs on one database this is.
//!
//! Its name is in the leases of the jobs that it claims, so that after a crash it ends those of its own past
//! self at once and leaves those of the others alone.
//!
//! Invariant: no two processes have the same name at the same time.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};

use crate::ids::Randomness;
use crate::store::LeaseToken;

/// Its name and the lock on it are this file, in the data folder.
const FILE: &str = "replica";
const NAME_BYTES: usize = 8;

/// This hub among others. Its name is given up when it is dropped.
#[derive(Debug)]
pub struct Replica {
    name: String,
    _lock: Option<File>,
}

/// Why a hub has no name.
#[derive(Debug, thiserror::Error)]
pub enum ReplicaError {
    #[error("another hub uses the folder of {path}; give each hub a data_dir of its own")]
    Taken { path: PathBuf },
    #[error("{path}: {source}")]
    File { path: PathBuf, source: io::Error },
}

impl Replica {
    /// The one whose data folder this is; made if there was none before.
    ///
    /// # Errors
    /// [`ReplicaError`].
    pub fn of(data_dir: &Path, randomness: &dyn Randomness) -> Result<Self, ReplicaError> {
        let path = data_dir.join(FILE);
        let failed = |source| ReplicaError::File { path: path.clone(), source };
        let mut file = open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(ReplicaError::Taken { path }),
            Err(TryLockError::Error(source)) => return Err(ReplicaError::File { path, source }),
        }
        let mut name = String::new();
        file.read_to_string(&mut name).map_err(failed)?;
        // A crash may have left half a name; nobody was called by it.
        if name.len() != 2 * NAME_BYTES || hex::decode(&name).is_err() {
            name = fresh_name(randomness);
            file.set_len(0).and_then(|()| file.rewind()).map_err(failed)?;
            file.write_all(name.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
        }
        Ok(Self { name, _lock: Some(file) })
    }

    /// One that has its database alone, and needs no name that lasts.
    pub fn alone(randomness: &dyn Randomness) -> Self {
        Self { name: fresh_name(randomness), _lock: None }
    }

    /// What it is called: hexadecimal digits.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// A lease of its own, told apart from its others by `token`.
    pub fn lease(&self, token: &str) -> LeaseToken {
        LeaseToken(format!("{}.{token}", self.name))
    }
}

fn fresh_name(randomness: &dyn Randomness) -> String {
    let mut bytes = [0; NAME_BYTES];
    randomness.fill(&mut bytes);
    hex::encode(bytes)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ids::SystemRandomness;

    #[test]
    fn a_name_lasts_and_is_one_process_s() {
        let (first, second) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let of = |folder: &tempfile::TempDir| Replica::of(folder.path(), &SystemRandomness);
        let replica = of(&first).unwrap();
        assert!(matches!(of(&first), Err(ReplicaError::Taken { .. })));
        let name = replica.name().to_owned();
        assert_ne!(of(&second).unwrap().name(), name);
        drop(replica);
        assert_eq!(of(&first).unwrap().name(), name);
        std::fs::write(first.path().join(FILE), &name[..5]).unwrap();
        assert_ne!(of(&first).unwrap().name(), name, "half a name is none");
    }
}
