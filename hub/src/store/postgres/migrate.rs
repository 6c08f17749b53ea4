//! The schema's versions in this engine. They are counted as in SQLite, whose first seven are one here: there
//! was no database of this engine before.
//!
//! Invariant: as there, the versions that a database has seen are a prefix of those that this binary knows,
//! byte for byte. Two hubs that start at once do not get in each other's way.

use deadpool_postgres::ClientWrapper;
use sha2::{Digest, Sha256};

use super::ConnectError;

/// One step of the schema.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    pub(super) version: i64,
    pub(super) name: &'static str,
    pub(super) sql: &'static str,
}

/// Every step, oldest first.
pub(super) const MIGRATIONS: &[Migration] = &[
    Migration { version: 7, name: "0007_first", sql: include_str!("migrations/0007_first.sql") },
    Migration { version: 8, name: "0008_sealing_key", sql: include_str!("migrations/0008_sealing_key.sql") },
    Migration {
        version: 9,
        name: "0009_history_chain",
        sql: include_str!("migrations/0009_history_chain.sql"),
    },
];

/// A name that `CREATE TABLE` holds against itself in another session, so that it is not made twice.
const VERSIONS: &str = "CREATE TABLE IF NOT EXISTS schema_versions (
    version BIGINT NOT NULL PRIMARY KEY, name TEXT COLLATE \"C\" NOT NULL, sha256 TEXT COLLATE \"C\" NOT NULL)";

/// Tables in the schema that ours would be made in.
const TABLES: &str = "SELECT count(*) FROM pg_catalog.pg_tables WHERE schemaname = current_schema()";
const HAS_VERSIONS: &str = "SELECT count(*) FROM pg_catalog.pg_tables
    WHERE schemaname = current_schema() AND tablename = 'schema_versions'";

/// Brings the schema up to the newest step.
pub(super) async fn migrate(
    client: &mut ClientWrapper,
    migrations: &[Migration],
) -> Result<(), ConnectError> {
    if count(client, HAS_VERSIONS).await? == 0 {
        if count(client, TABLES).await? > 0 && count(client, HAS_VERSIONS).await? == 0 {
            return Err(ConnectError::NotOurs);
        }
        if let Err(error) = client.batch_execute(VERSIONS).await {
            // Another hub is making it; then it is there now.
            if count(client, HAS_VERSIONS).await? == 0 {
                return Err(error.into());
            }
        }
    }
    let transaction = client.transaction().await?;
    // Until the end of the transaction: a second hub waits here, and then finds everything done.
    transaction.batch_execute("SET LOCAL lock_timeout = 0; SET LOCAL statement_timeout = 0").await?;
    transaction.batch_execute("LOCK TABLE schema_versions IN ACCESS EXCLUSIVE MODE").await?;
    let mut seen = Vec::new();
    for row in transaction.query("SELECT version, sha256 FROM schema_versions ORDER BY version", &[]).await? {
        seen.push((row.try_get::<_, i64>(0)?, row.try_get::<_, String>(1)?));
    }
    let known = migrations.last().map_or(0, |migration| migration.version);
    if let Some((newest, _)) = seen.last().filter(|(newest, _)| *newest > known) {
        return Err(ConnectError::NewerDatabase { database: *newest, binary: known });
    }
    let mut seen = seen.into_iter();
    for Migration { version, name, sql } in migrations {
        let sha256 = hex::encode(Sha256::digest(sql));
        match seen.next() {
            Some(row) if row == (*version, sha256.clone()) => {}
            Some(_) => return Err(ConnectError::ChangedMigration { version: *version, name }),
            None => {
                transaction.batch_execute(sql).await?;
                let insert = "INSERT INTO schema_versions (version, name, sha256) VALUES ($1, $2, $3)";
                transaction.execute(insert, &[version, name, &sha256]).await?;
            }
        }
    }
    transaction.commit().await?;
    Ok(())
}

/// The newest step that a database has seen; 0 for none.
pub(super) async fn newest_version(client: &ClientWrapper) -> Result<i64, ConnectError> {
    if count(client, HAS_VERSIONS).await? == 0 {
        return Ok(0);
    }
    count(client, "SELECT coalesce(max(version), 0) FROM schema_versions").await
}

async fn count(client: &ClientWrapper, sql: &str) -> Result<i64, ConnectError> {
    Ok(client.query_one(sql, &[]).await?.try_get(0)?)
}
