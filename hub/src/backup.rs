//! A backup of a running hub's file, and a hub's file out of a backup.
//!
//! A restored hub knows nothing of what happened after the backup. So every payment is marked, in its own history,
//! before the file is where a hub can open it: where money may have moved since, nothing new is asked until the
//! processor has said what is so, and no number that the merchant may have heard is told again.
//!
//! Invariant: a backup that has its name was verified; a restored file was verified and marked, and never took
//! another one's place.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use hub_core::command::Command;
use hub_core::event::Cause;
use hub_core::payment::PaymentIntent;
use hub_core::planted::Bug;
use hub_core::policy::Policies;
use processor_sdk::Timestamp;
use serde::Serialize;
use tokio::task::JoinSet;

use crate::app::{StartError, for_operator};
use crate::database::{database_file, open_at, refuse_a_file_of_others};
use crate::history_roots::RootSigner;
use crate::ids::SystemRandomness;
use crate::planted::{planted, stand_still_at};
use crate::private_file::{beside, make_folder};
use crate::seal::{KeyFileError, SealingKey};
use crate::service::{Extras, Hub, ServiceError};
use crate::store::StoreError;
use crate::store::look::{self, LookError};
use crate::store::sql::audit::{self, Place};
use crate::store::sqlite::backup::{begin, copy_into, damage, half, last_event_at, put_in_place, reserve};
use crate::store::sqlite::durable::FlushedCommit;
use crate::store::sqlite::{OpenError, schema_version};
use crate::verification::{Report, verify};

/// Files of the engine beside its own, which belong to the very file that they were made for: beside another one of
/// that name they would change what is in it.
const LOGS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Why there is no backup, or nothing was restored.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    #[error(transparent)]
    Place(#[from] StartError),
    #[error(transparent)]
    Open(#[from] OpenError),
    #[error("{}: {source}", path.display())]
    File { path: PathBuf, source: std::io::Error },
    #[error("{} is there already, and nothing is ever overwritten; name another file, or move it away", .0.display())]
    Exists(PathBuf),
    #[error(
        "{} is there: another one is being made, or one was broken off; remove it if none is being made", .0.display()
    )]
    Half(PathBuf),
    #[error(
        "there is a database at {}; stop the hub and move it away, with its -wal, -shm and -journal files if there are any, \
         before a backup takes its place", .0.display()
    )]
    Occupied(PathBuf),
    #[error(
        "{} is not whole: it was being made, or rows of it are in a file beside it; restore a file that `payhub db \
         backup` has finished",
        .0.display()
    )]
    NotWhole(PathBuf),
    #[error(
        "the last thing that the backup knows of happened at {last_event_at}, and the clock of this machine says {now}; \
         set the clock first: what the hub tells is numbered by the time of the restore"
    )]
    ClockBehind { last_event_at: Timestamp, now: Timestamp },
    #[error("{} is no backup of a hub's database, or not a whole one", .0.display())]
    NotABackup(PathBuf),
    #[error("the file is damaged: {0}")]
    Damaged(String),
    #[error(
        "the file does not agree with itself, and is not used. First finding: {}",
        .0.findings.first().map(ToString::to_string).unwrap_or_default()
    )]
    Findings(Box<Report>),
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    Look(#[from] LookError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0} could not be marked: {1}")]
    Unmarked(String, ServiceError),
    #[error("marking the payments was broken off: {0}")]
    Aborted(String),
}

/// What a backup holds.
#[derive(Clone, Debug, Serialize)]
pub struct BackedUp {
    pub file: PathBuf,
    pub verified: Report,
}

/// Makes a backup of the file in a data folder, beside a running hub or without one.
///
/// # Errors
/// [`BackupError`]; there is no file then.
pub async fn backup(data_dir: &Path, sealing_key_file: &Path, to: &Path) -> Result<BackedUp, BackupError> {
    refuse_a_file_of_others(data_dir)?;
    let key = SealingKey::load(sealing_key_file)?;
    if to.symlink_metadata().is_ok() {
        return Err(BackupError::Exists(to.to_owned()));
    }
    let making = Making::begin(half(to))?;
    stand_still_at("begun");
    let database = database_file(data_dir);
    let file = making.path.clone();
    blocking(move || copy_into(&database, &file)).await??;
    stand_still_at("copied");
    let verified = checked(&making.path, &RootSigner::of(&key)).await?;
    stand_still_at("verified");
    making.end(to)?;
    Ok(BackedUp { file: to.to_owned(), verified })
}

/// A file that is not whole yet. It goes with what the engine made beside it, unless it gets its name.
struct Making {
    path: PathBuf,
}

impl Making {
    fn begin(path: PathBuf) -> Result<Self, BackupError> {
        match begin(&path) {
            Ok(_file) => Ok(Self { path }),
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Err(BackupError::Half(path)),
            Err(source) => Err(BackupError::File { path, source }),
        }
    }

    fn end(self, path: &Path) -> Result<(), BackupError> {
        if planted(Bug::NameBeforeMarks) && path.exists() {
            return Ok(());
        }
        put_in_place(&self.path, path).map_err(|source| match source.kind() {
            std::io::ErrorKind::AlreadyExists => BackupError::Exists(path.to_owned()),
            _ => BackupError::File { path: path.to_owned(), source },
        })
    }
}

impl Drop for Making {
    fn drop(&mut self) {
        for suffix in ["", ".lock"].into_iter().chain(LOGS) {
            // What is not there need not go.
            let _gone = std::fs::remove_file(beside(&self.path, suffix));
        }
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, BackupError> {
    tokio::task::spawn_blocking(work).await.map_err(|error| BackupError::Aborted(error.to_string()))
}

/// A file that was not whole when somebody last had it: it has the name of one, or what was written to it is beside it.
fn refuse_half(from: &Path) -> Result<(), BackupError> {
    let holds_rows = |log: &str| beside(from, log).metadata().is_ok_and(|log| log.len() > 0);
    let is_half = from.extension().is_some_and(|extension| extension == "half");
    if is_half || ["-wal", "-journal"].into_iter().any(holds_rows) {
        return Err(BackupError::NotWhole(from.to_owned()));
    }
    Ok(())
}

/// Before anything is written to the copy: what the engine finds to be broken, or is none of ours.
async fn refuse_what_is_no_backup(from: &Path, copy: &Path) -> Result<(), BackupError> {
    let path = copy.to_owned();
    let found = blocking(move || (damage(&path), schema_version(&path))).await?;
    match found {
        (Ok(None), Ok(1..)) => Ok(()),
        (Ok(Some(damage)), Ok(1..)) => Err(BackupError::Damaged(damage)),
        (Err(error), Ok(1..)) => Err(BackupError::Damaged(error.to_string())),
        (_, Ok(_) | Err(_)) => Err(BackupError::NotABackup(from.to_owned())),
    }
}

/// Whether a file is sound and agrees with itself.
async fn checked(file: &Path, signer: &RootSigner) -> Result<Report, BackupError> {
    let path = file.to_owned();
    if let Some(damage) = blocking(move || damage(&path)).await?? {
        return Err(BackupError::Damaged(damage));
    }
    let look = look::file(file)?;
    let report = verify(look.as_ref(), Some(&signer.public_key())).await?;
    if report.is_clean() { Ok(report) } else { Err(BackupError::Findings(Box::new(report))) }
}

/// What was restored.
#[derive(Clone, Debug, Serialize)]
pub struct Restored {
    pub file: PathBuf,
    /// When the last thing happened that the backup knows of.
    #[serde(skip)]
    pub last_event_at: Option<Timestamp>,
    pub verified: Report,
    /// Payments whose processors are asked before anything new is done with them.
    pub asks_about: u64,
}

/// What a restore needs to know of the hub.
#[derive(Clone, Copy, Debug)]
pub struct Home<'a> {
    pub data_dir: &'a Path,
    pub sealing_key_file: &'a Path,
    pub public_url: &'a str,
    pub policies: Policies,
}

/// Puts a backup where the hub's database belongs, marked as one.
///
/// # Errors
/// [`BackupError`]; there is no database then.
pub async fn restore(from: &Path, home: Home<'_>, operator: &str) -> Result<Restored, BackupError> {
    let folder = |source| StartError::Folder { path: home.data_dir.to_owned(), source };
    make_folder(home.data_dir).map_err(folder)?;
    let database = database_file(home.data_dir);
    let _reserved = reserve(&database)?;
    // Before anything is taken away: somebody may name what another try left here.
    refuse_half(from)?;
    let taken = std::iter::once("").chain(LOGS).map(|suffix| beside(&database, suffix));
    let occupied = taken.into_iter().find(|path| path.symlink_metadata().is_ok());
    // What an earlier try left: nobody else has this place. If that came to its end but for this, it is only a second
    // name of the database.
    drop(Making { path: half(&database) });
    if let Some(occupied) = occupied {
        return Err(BackupError::Occupied(occupied));
    }
    let making = Making::begin(half(&database))?;
    stand_still_at("begun");
    let (source, target) = (from.to_owned(), making.path.clone());
    let copied = blocking(move || {
        let mut target = std::fs::File::options().write(true).open(target)?;
        std::io::copy(&mut std::fs::File::open(source)?, &mut target)
    });
    copied.await?.map_err(|source| BackupError::File { path: from.to_owned(), source })?;
    stand_still_at("copied");
    refuse_what_is_no_backup(from, &making.path).await?;
    if planted(Bug::NameBeforeMarks) {
        let _linked = std::fs::hard_link(&making.path, &database);
    }
    let last_event_at = last_event_at(&making.path)?;
    let opened =
        open_at(&making.path, true, home.sealing_key_file, &SystemRandomness, Box::new(FlushedCommit))
            .await?;
    let signer = RootSigner::of(&opened.key);
    let hub = Arc::new(for_operator(opened, home.data_dir, home.public_url, home.policies)?);
    stand_still_at("opened");
    let now = hub.clock.now();
    let asks_about = match last_event_at {
        Some(last_event_at) if now < last_event_at => {
            return Err(BackupError::ClockBehind { last_event_at, now });
        }
        Some(at) => mark(&hub, &making.path, at, operator).await?,
        None => 0,
    };
    stand_still_at("marked");
    // The last connection to close moves the write-ahead log into the file.
    drop(hub);
    if beside(&making.path, "-wal").exists() {
        return Err(BackupError::NotWhole(making.path.clone()));
    }
    stand_still_at("closed");
    let verified = checked(&making.path, &signer).await?;
    stand_still_at("verified");
    making.end(&database)?;
    Ok(Restored { file: database, last_event_at, verified, asks_about })
}

/// Marks every payment; how many of them may have moved on since.
async fn mark(
    hub: &Arc<Hub>,
    file: &Path,
    backed_up_at: Timestamp,
    operator: &str,
) -> Result<u64, BackupError> {
    let look = look::file(file)?;
    let mut after = Place { merchant_id: String::new(), livemode: false, id: String::new() };
    let mut marked: u64 = 0;
    loop {
        let page = audit::payments(look.as_ref(), &after).await?;
        let Some((last, _)) = page.last() else { return Ok(marked) };
        after = last.clone();
        // Together, so that they share flushes.
        let mut marking = JoinSet::new();
        for (_, state) in page {
            // What cannot be read is a finding of the verification that follows.
            let Ok(payment) = serde_json::from_str::<PaymentIntent>(&state) else { continue };
            let (hub, cause) = (hub.clone(), Cause::Operator { name: operator.to_owned() });
            marking.spawn(async move {
                let command = Command::Restored { backed_up_at };
                let decided = hub.command_on(&payment, cause, &command, &Extras::default()).await;
                decided
                    .map(|decision| decision.payment.is_unreconciled())
                    .map_err(|error| BackupError::Unmarked(payment.id.to_string(), error))
            });
        }
        while let Some(done) = marking.join_next().await {
            let is_marked = done.map_err(|error| BackupError::Aborted(error.to_string()))??;
            marked = marked.saturating_add(u64::from(is_marked));
            stand_still_at("marking");
        }
    }
}
