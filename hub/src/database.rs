//! Where the hub's rows are, opened together with the key that some of them are sealed with.
//!
//! Invariant: a database is used with the sealing key that it was begun with. With another one, nothing that
//! was sealed before could be opened, and what is sealed now could be opened by no other hub.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::app::StartError;
use crate::ids::Randomness;
use crate::replica::Replica;
use crate::seal::{KeyFileError, SealingKey};
use crate::store::copy::{self, Copied, CopyError};
use crate::store::look::{self, Look, LookError};
use crate::store::postgres::address::Address;
use crate::store::postgres::{PostgresOptions, PostgresStore};
use crate::store::sqlite::backup::half;
use crate::store::sqlite::durable::{DurableStep, FlushedCommit};
use crate::store::sqlite::{SqliteOptions, SqliteStore, schema_version};
use crate::store::{Commit, Store, Write};

/// Where the rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Database {
    /// In one file of the data folder, for one hub.
    File,
    /// In PostgreSQL, for any number of hubs.
    Server {
        /// Where that is.
        address: Address,
        /// How many connections this hub may have.
        connections: usize,
    },
}

/// An open database.
pub struct Opened {
    pub store: Arc<dyn Store>,
    pub key: SealingKey,
}

/// The database's file in a data folder.
pub fn database_file(data_dir: &Path) -> PathBuf {
    data_dir.join("hub.sqlite")
}

/// Opens the database and its sealing key. Both are made where there is neither.
///
/// # Errors
/// [`StartError`].
pub async fn open(
    database: &Database,
    data_dir: &Path,
    sealing_key_file: &Path,
    randomness: &dyn Randomness,
) -> Result<Opened, StartError> {
    let store = match database {
        Database::File => {
            return open_file(data_dir, sealing_key_file, randomness, Box::new(FlushedCommit)).await;
        }
        Database::Server { address, connections } => {
            let options = PostgresOptions { connections: *connections, ..PostgresOptions::default() };
            Arc::new(PostgresStore::connect(address, options).await?)
        }
    };
    let key = sealing_key(store.as_ref(), false, sealing_key_file, randomness).await?;
    Ok(Opened { store, key })
}

/// Opens the file of a data folder, with another durable step than [`FlushedCommit`] in tests.
///
/// # Errors
/// [`StartError`].
pub async fn open_file(
    data_dir: &Path,
    sealing_key_file: &Path,
    randomness: &dyn Randomness,
    durable: Box<dyn DurableStep>,
) -> Result<Opened, StartError> {
    let file = database_file(data_dir);
    let half = half(&file);
    // A new database here would stand in the way of the one that was to be restored, and take its payments' place.
    if !file.exists() && half.exists() {
        return Err(StartError::HalfRestored { half });
    }
    open_at(&file, file.exists(), sealing_key_file, randomness, durable).await
}

/// Opens a file at whatever place; one that is begun, with the key that it was begun with.
///
/// # Errors
/// [`StartError`].
pub(crate) async fn open_at(
    file: &Path,
    is_begun: bool,
    sealing_key_file: &Path,
    randomness: &dyn Randomness,
    durable: Box<dyn DurableStep>,
) -> Result<Opened, StartError> {
    // Before the database: a start that is broken off in between must not leave one without its key.
    key_of(is_begun, sealing_key_file, randomness)?;
    let store = Arc::new(SqliteStore::open_with(file, SqliteOptions::default(), durable)?);
    let key = sealing_key(store.as_ref(), is_begun, sealing_key_file, randomness).await?;
    Ok(Opened { store, key })
}

/// Which of the hubs on a database the one with this folder is.
///
/// # Errors
/// [`StartError::Replica`].
pub fn replica(
    database: &Database,
    data_dir: &Path,
    randomness: &dyn Randomness,
) -> Result<Replica, StartError> {
    match database {
        Database::File => Ok(Replica::alone(randomness)),
        Database::Server { .. } => Ok(Replica::of(data_dir, randomness)?),
    }
}

/// The key, which must be the one that the database was begun with.
async fn sealing_key(
    store: &dyn Store,
    is_begun: bool,
    file: &Path,
    randomness: &dyn Randomness,
) -> Result<SealingKey, StartError> {
    let is_begun = is_begun || store.sealing_key_id().await?.is_some();
    let key = key_of(is_begun, file, randomness)?;
    let own = key.id().to_string();
    // The first of several that begin at once decides.
    store.commit(Commit { writes: vec![Write::KeepSealingKeyId { key_id: own.clone() }] }).await?;
    match store.sealing_key_id().await? {
        Some(theirs) if theirs != own => {
            Err(StartError::OtherSealingKey { path: file.to_owned(), own, theirs })
        }
        Some(_) | None => Ok(key),
    }
}

fn key_of(is_begun: bool, file: &Path, randomness: &dyn Randomness) -> Result<SealingKey, KeyFileError> {
    if is_begun { SealingKey::load(file) } else { SealingKey::load_or_create(file, randomness) }
}

/// Makes the database and its sealing key, or brings the schema up to date. The versions before and after.
///
/// # Errors
/// [`StartError`]; a newer or foreign database is left untouched.
pub async fn migrate(
    database: &Database,
    data_dir: &Path,
    sealing_key_file: &Path,
    randomness: &dyn Randomness,
) -> Result<(i64, i64), StartError> {
    let folder = |source| StartError::Folder { path: data_dir.to_owned(), source };
    crate::private_file::make_folder(data_dir).map_err(folder)?;
    let before = version(database, data_dir).await?;
    // Opening does it, in one transaction.
    drop(open(database, data_dir, sealing_key_file, randomness).await?);
    Ok((before, version(database, data_dir).await?))
}

/// A way to look at the database, beside the hubs that run on it.
///
/// # Errors
/// [`StartError`].
pub async fn look_at(database: &Database, data_dir: &Path) -> Result<Box<dyn Look>, StartError> {
    match database {
        Database::File => {
            refuse_a_file_of_others(data_dir)?;
            Ok(look::file(&database_file(data_dir))?)
        }
        Database::Server { address, .. } => match look::server(address).await {
            Err(LookError::OtherVersion { database: 0, .. }) => {
                Err(StartError::NoTables { address: address.to_string() })
            }
            looked => Ok(looked?),
        },
    }
}

/// Why a file was not copied into a database server.
#[derive(Debug, thiserror::Error)]
pub enum MoveError {
    #[error(transparent)]
    Place(#[from] StartError),
    #[error(transparent)]
    Copy(#[from] CopyError),
}

/// Copies the file of a stopped hub into an empty database of a server.
///
/// # Errors
/// [`MoveError`].
pub async fn copy_to(data_dir: &Path, target: &Address) -> Result<Copied, MoveError> {
    refuse_a_file_of_others(data_dir)?;
    Ok(copy::copy(&database_file(data_dir), target).await?)
}

/// A file that is not there or not ours would be made, or made unreadable for the hub.
pub(crate) fn refuse_a_file_of_others(data_dir: &Path) -> Result<(), StartError> {
    let path = database_file(data_dir);
    match std::fs::metadata(&path) {
        Ok(metadata) => refuse_another_user(&path, &metadata),
        Err(error) if error.kind() == std::io::ErrorKind::PermissionDenied => {
            Err(StartError::Forbidden { path })
        }
        Err(_) => Err(StartError::NoDatabase { path }),
    }
}

/// The engine makes files beside the database; made by the machine's own user, they would lock the hub out.
fn refuse_another_user(path: &Path, metadata: &std::fs::Metadata) -> Result<(), StartError> {
    use std::os::unix::fs::MetadataExt;
    // Where the system does not tell who asks, its own permissions have to do.
    let Ok(own) = std::fs::metadata("/proc/self") else { return Ok(()) };
    if own.uid() == metadata.uid() {
        return Ok(());
    }
    Err(StartError::OtherOwner { path: path.to_owned(), owner: metadata.uid() })
}

/// The schema version, 0 where there are no tables.
pub(crate) async fn version(database: &Database, data_dir: &Path) -> Result<i64, StartError> {
    match database {
        Database::File => {
            let file = database_file(data_dir);
            if file.exists() { Ok(schema_version(&file)?) } else { Ok(0) }
        }
        Database::Server { address, .. } => Ok(crate::store::postgres::schema_version(address).await?),
    }
}

#[cfg(test)]
mod tests {
    use private_postgres::Cluster;

    use super::*;
    use crate::ids::SystemRandomness;

    async fn databases() -> [Database; 2] {
        let url = tokio::task::spawn_blocking(|| Cluster::shared().database()).await.unwrap();
        [Database::File, Database::Server { address: url.parse().unwrap(), connections: 2 }]
    }

    #[tokio::test]
    async fn a_database_is_opened_with_the_key_that_it_was_begun_with() {
        for database in databases().await {
            let folder = tempfile::tempdir().unwrap();
            let (data_dir, key_file) = (folder.path(), folder.path().join("sealing.key"));
            let open = async || open(&database, data_dir, &key_file, &SystemRandomness).await;
            let begun = open().await.unwrap().key.id();
            assert_eq!(open().await.unwrap().key.id(), begun);

            let kept = data_dir.join("kept.key");
            std::fs::rename(&key_file, &kept).unwrap();
            assert!(
                matches!(open().await, Err(StartError::Key(KeyFileError::Missing { .. }))),
                "{database:?}"
            );
            assert!(!key_file.exists(), "no new one is made");

            let other = SealingKey::load_or_create(&key_file, &SystemRandomness).unwrap().id();
            let refused = open().await.err().unwrap().to_string();
            assert!(
                refused.contains(&other.to_string()) && refused.contains(&begun.to_string()),
                "{refused}"
            );

            std::fs::rename(&kept, &key_file).unwrap();
            assert_eq!(open().await.unwrap().key.id(), begun);
        }
    }

    #[tokio::test]
    async fn of_hubs_that_begin_at_once_one_key_is_kept() {
        let [_, database] = databases().await;
        let folders = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
        let [one, other] = folders.each_ref().map(|folder| folder.path());
        let key_files = [one, other].map(|folder| folder.join("sealing.key"));
        let opened = tokio::join!(
            open(&database, one, &key_files[0], &SystemRandomness),
            open(&database, other, &key_files[1], &SystemRandomness),
        );
        let opened = [opened.0, opened.1];
        assert_eq!(opened.iter().filter(|opened| opened.is_ok()).count(), 1);
        let refused = opened.into_iter().find_map(Result::err);
        // The slower one has made a key of its own, or comes so late that it finds the database begun.
        let other_key = matches!(
            refused,
            Some(StartError::OtherSealingKey { .. } | StartError::Key(KeyFileError::Missing { .. }))
        );
        assert!(other_key, "{refused:?}");
    }
}
