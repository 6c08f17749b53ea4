//! The schema's versions: numbered files that are compiled in, each applied once and never changed again.
//!
//! Invariant: the versions a database has seen are a prefix of those this binary knows, byte for byte.
//! Anything else, an older binary on a newer database above all, is refused before a row is touched.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::OpenError;

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// Every step, oldest first; the first is version 1.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { name: "0001_first", sql: include_str!("migrations/0001_first.sql") },
    Migration { name: "0002_api_key_scopes", sql: include_str!("migrations/0002_api_key_scopes.sql") },
    Migration { name: "0003_waiting_payments", sql: include_str!("migrations/0003_waiting_payments.sql") },
    Migration {
        name: "0004_stranded_deliveries",
        sql: include_str!("migrations/0004_stranded_deliveries.sql"),
    },
    Migration {
        name: "0005_deliveries_of_payments",
        sql: include_str!("migrations/0005_deliveries_of_payments.sql"),
    },
    Migration { name: "0006_pinned_plugins", sql: include_str!("migrations/0006_pinned_plugins.sql") },
    Migration {
        name: "0007_deliveries_put_off",
        sql: include_str!("migrations/0007_deliveries_put_off.sql"),
    },
    Migration { name: "0008_sealing_key", sql: include_str!("migrations/0008_sealing_key.sql") },
    Migration { name: "0009_history_chain", sql: include_str!("migrations/0009_history_chain.sql") },
];

/// In a database's header: "PyHb", so that another program's file is not taken for ours.
const APPLICATION_ID: i64 = 0x5079_4862;

/// Brings the schema up to the newest step.
pub(super) fn migrate(connection: &mut Connection, migrations: &[Migration]) -> Result<(), OpenError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    claim_file(&transaction)?;
    transaction.execute_batch(
        "CREATE TABLE IF NOT EXISTS schema_versions (
            version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT",
    )?;
    let seen = seen_versions(&transaction)?;
    let known = i64::try_from(migrations.len()).unwrap_or(i64::MAX);
    if let Some((newest, _)) = seen.last().filter(|(newest, _)| *newest > known) {
        return Err(OpenError::NewerDatabase { database: *newest, binary: known });
    }
    let mut seen = seen.into_iter();
    for (version, migration) in (1_i64..).zip(migrations) {
        let sha256 = hex::encode(Sha256::digest(migration.sql));
        match seen.next() {
            Some(row) if row == (version, sha256.clone()) => {}
            Some(_) => return Err(OpenError::ChangedMigration { version, name: migration.name }),
            None => {
                transaction.execute_batch(migration.sql)?;
                transaction.execute(
                    "INSERT INTO schema_versions (version, name, sha256) VALUES (?1, ?2, ?3)",
                    params![version, migration.name, sha256],
                )?;
            }
        }
    }
    transaction.commit()?;
    Ok(())
}

/// The newest step that a database has seen; 0 for none.
pub(super) fn newest_version(connection: &Connection) -> Result<i64, OpenError> {
    let known = "SELECT 1 FROM sqlite_schema WHERE name = 'schema_versions'";
    let known: Option<i64> = connection.query_row(known, [], |row| row.get(0)).optional()?;
    if known.is_none() {
        return Ok(0);
    }
    let newest = "SELECT coalesce(max(version), 0) FROM schema_versions";
    Ok(connection.query_row(newest, [], |row| row.get(0))?)
}

/// Marks an empty file as ours, and refuses one that is somebody else's.
fn claim_file(connection: &Connection) -> Result<(), OpenError> {
    let application_id: i64 = connection.query_row("PRAGMA application_id", [], |row| row.get(0))?;
    if application_id == APPLICATION_ID {
        return Ok(());
    }
    let table: Option<i64> =
        connection.query_row("SELECT 1 FROM sqlite_schema LIMIT 1", [], |row| row.get(0)).optional()?;
    if application_id != 0 || table.is_some() {
        return Err(OpenError::NotOurs);
    }
    connection.pragma_update(None, "application_id", APPLICATION_ID)?;
    Ok(())
}

fn seen_versions(connection: &Connection) -> Result<Vec<(i64, String)>, OpenError> {
    let mut statement = connection.prepare("SELECT version, sha256 FROM schema_versions ORDER BY version")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
    Ok(rows.collect::<Result<_, _>>()?)
}
