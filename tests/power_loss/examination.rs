//! Examines an image: opens it as a hub would, and compares it with what had been promised when the power went.

use std::path::Path;

use hub_core::ids::DeliveryId;
use payhub::store::Store;
use payhub::store::sqlite::{SqliteOptions, SqliteStore};
use payhub::verification::verify;
use rusqlite::{Connection, OpenFlags};

use super::life::{GROWING, Recording, scope, texts};
use super::promises::Promise;

/// What is wrong with an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    /// Something that was promised is not there.
    Lost(String),
    /// It does not agree with itself, or holds what the hub never wrote.
    Broken(String),
}

/// What must be empty in a file that is whole, and what it means when it is not.
const SOUND: [(&str, &str); 2] = [
    ("the file is damaged", "SELECT * FROM pragma_integrity_check WHERE integrity_check <> 'ok'"),
    ("a row refers to none", "SELECT \"table\" || ' ' || rowid FROM pragma_foreign_key_check"),
];

/// All that is wrong with the database in a folder, of which these promises had been made.
pub(super) async fn examine(folder: &Path, promises: &[Promise], recording: &Recording) -> Vec<Fault> {
    let path = folder.join("hub.sqlite");
    let options = SqliteOptions { readers: 1, ..SqliteOptions::default() };
    let store = match SqliteStore::open(&path, options) {
        Ok(store) => store,
        Err(error) => return vec![Fault::Broken(format!("it does not open: {error}"))],
    };
    let mut faults = Vec::new();
    // What a hub writes first when it starts.
    if let Err(error) = store.release_leases("after the power cut").await {
        faults.push(Fault::Broken(format!("it cannot be written to: {error}")));
    }
    for promise in promises {
        if let Err(fault) = is_kept(&store, promise, recording).await {
            faults.push(fault);
        }
    }
    match Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY) {
        Ok(connection) => {
            faults.extend(compare(&connection, recording));
        }
        Err(error) => faults.push(broken(&error)),
    }
    faults.extend(verified(&store, recording).await);
    drop(store);
    // The last to close has moved the log into the database.
    match Connection::open_with_flags(&path, OpenFlags::SQLITE_OPEN_READ_ONLY) {
        Ok(connection) => faults.extend(sound(&connection)),
        Err(error) => faults.push(broken(&error)),
    }
    faults
}

fn broken(error: &dyn std::fmt::Display) -> Fault {
    Fault::Broken(format!("it cannot be read: {error}"))
}

async fn is_kept(store: &SqliteStore, promise: &Promise, recording: &Recording) -> Result<(), Fault> {
    let lost = || Fault::Lost(format!("{promise:?}"));
    let kept = match promise {
        Promise::Answer { operation, key, status, body } => {
            let row = store.idempotency(&scope(), operation, key).await.map_err(|error| broken(&error))?;
            row.is_some_and(|row| {
                let answer = row.answer;
                row.provisional_until.is_none() && answer.status == *status && answer.body == body.as_bytes()
            })
        }
        Promise::Seen { payment, version } => {
            let found = store.payment(&scope(), payment).await.map_err(|error| broken(&error))?;
            found.is_some_and(|payment| payment.version >= *version)
        }
        Promise::Delivery { mark } => {
            let stored = recording.deliveries.get(mark).ok_or_else(lost)?;
            let id = DeliveryId::parse(&stored.id).map_err(|error| broken(&error))?;
            let row = store.inbox(&scope(), &id).await.map_err(|error| broken(&error))?;
            row.is_some_and(|row| row.sealed == stored.sealed)
        }
    };
    if kept { Ok(()) } else { Err(lost()) }
}

/// Tables that only grow hold their first rows and nothing else: the image is a moment of the hub's life.
fn compare(connection: &Connection, recording: &Recording) -> Vec<Fault> {
    let mut faults = Vec::new();
    for ((table, sql), (_, last)) in GROWING.iter().zip(&recording.last) {
        match texts(connection, sql) {
            Ok(rows) if last.starts_with(&rows) => {}
            Ok(rows) => {
                let differ = rows.iter().zip(last).position(|(row, last)| row != last);
                faults.push(Fault::Broken(format!(
                    "{table}: row {differ:?} of {} is not the hub's",
                    rows.len()
                )));
            }
            Err(error) => faults.push(broken(&error)),
        }
    }
    faults
}

/// As `payhub db verify` finds it: every payment with its history, its books, its jobs and all that leads to it.
async fn verified(store: &SqliteStore, recording: &Recording) -> Vec<Fault> {
    match verify(store, Some(&recording.signer)).await {
        Ok(report) => report.findings.iter().map(|finding| Fault::Broken(finding.to_string())).collect(),
        Err(error) => vec![broken(&error)],
    }
}

fn sound(connection: &Connection) -> Vec<Fault> {
    let mut faults = Vec::new();
    for (what, sql) in SOUND {
        match texts(connection, sql) {
            Ok(found) if found.is_empty() => {}
            Ok(found) => faults.push(Fault::Broken(format!("{what}: {found:?}"))),
            Err(error) => faults.push(broken(&error)),
        }
    }
    faults
}
