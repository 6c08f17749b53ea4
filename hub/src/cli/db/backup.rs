//! `payhub db backup` and `payhub db restore`: a file beside a running hub, and a hub out of that file.

use std::path::Path;
use std::process::ExitCode;

use payhub::backup::{BackupError, Home, backup, restore};
use payhub::database::Database;
use payhub::operator::Failure;
use payhub::store::sqlite::OpenError;
use serde_json::{Value, json};

use crate::cli::{Operator, Place, Target, failure, text, unopened};

pub(crate) async fn run(target: &Target, to: &Path) -> ExitCode {
    target.end(backed_up(target, to).await, backed_up_words)
}

pub(crate) async fn run_restore(target: &Target, from: &Path, operator: Operator) -> ExitCode {
    target.end(restored(target, from, operator).await, restored_words)
}

async fn backed_up(target: &Target, to: &Path) -> Result<Value, Failure> {
    let place = file_of(target)?;
    let made = backup(&place.data_dir, &place.sealing_key_file, to).await;
    Ok(json!(made.map_err(|error| not_done(&error))?))
}

async fn restored(target: &Target, from: &Path, operator: Operator) -> Result<Value, Failure> {
    let place = file_of(target)?;
    let home = Home {
        data_dir: &place.data_dir,
        sealing_key_file: &place.sealing_key_file,
        public_url: &place.public_url,
        policies: place.policies,
    };
    let restored = restore(from, home, &operator.name()?).await.map_err(|error| not_done(&error))?;
    let mut answer = json!(restored);
    answer["last_event_at"] = json!(restored.last_event_at.map(|at| at.to_string()));
    Ok(answer)
}

/// Only a file is copied by this program.
fn file_of(target: &Target) -> Result<Place, Failure> {
    let place = target.place()?;
    if place.database == Database::File {
        return Ok(place);
    }
    let why = "database: the config names a PostgreSQL server; back up and restore there with that server's own \
               tools, pg_basebackup with archived write-ahead logs, or pg_dump and pg_restore";
    Err(Failure { field: Some("database".to_owned()), ..failure("config", why) })
}

fn not_done(error: &BackupError) -> Failure {
    let code = match error {
        BackupError::Place(error) => return unopened(error),
        BackupError::Open(OpenError::Locked { .. }) => "in_use",
        BackupError::Exists(_) | BackupError::Half(_) | BackupError::Occupied(_) => "exists",
        BackupError::Findings(_) | BackupError::Damaged(_) => "not_verified",
        BackupError::NotWhole(_) | BackupError::NotABackup(_) => "no_backup",
        BackupError::ClockBehind { .. } => "clock_behind",
        BackupError::Open(_)
        | BackupError::File { .. }
        | BackupError::Key(_)
        | BackupError::Look(_)
        | BackupError::Store(_)
        | BackupError::Unmarked(..)
        | BackupError::Aborted(_) => "not_done",
    };
    failure(code, error.to_string())
}

fn read(answer: &Value) -> String {
    let verified = &answer["verified"];
    let (payments, events, journals) = (&verified["payments"], &verified["events"], &verified["journals"]);
    format!("{payments} payments, {events} events, {journals} journals; everything agrees")
}

fn backed_up_words(answer: &Value) -> String {
    format!(
        "The backup is {}: {}.\nKeep the sealing key too, at another place: without it nothing sealed can be read.",
        text(answer, "/file"),
        read(answer)
    )
}

fn restored_words(answer: &Value) -> String {
    let (file, at) = (text(answer, "/file"), answer["last_event_at"].as_str().unwrap_or("never"));
    format!(
        "The database is {file}: {}.\n\
         The last thing it knows of happened at {at}; of what came after, it knows nothing yet.\n\
         At its start the hub asks the processors of {} payments what has happened since, and does nothing new with \
         them before. What it cannot know is in config/OPERATING.md, \"Backup and restore\".",
        read(answer),
        answer["asks_about"],
    )
}
