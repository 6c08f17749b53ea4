//! One commit: its statements in one go, tried again for as long as it is not known how it ended.
//!
//! Each commit leaves a mark of its own. If the connection is lost while the server is committing, the hub
//! runs everything once more with the same mark: a server that had committed finds the mark there, and one
//! that is still at it makes the second wait for the first.
//!
//! Invariant: however often a commit is tried, it takes effect at most once, and never on tables that a newer hub
//! has changed since.

use deadpool_postgres::{ClientWrapper, Pool};
use futures_util::future::{BoxFuture, FutureExt};
use hub_core::planted::Bug;

use super::error::{Trouble, too_slow};
use super::patience::Patience;
use super::session::{Prepared, Session, pipelined};
use super::{newest_schema_version, row};
use crate::planted::planted;
use crate::store::sql::cell::{Cell, Row};
use crate::store::sql::{Query, Statement};

/// After how many commits old marks are looked for.
pub(super) const MARKS_KEPT_COMMITS: u64 = 4_096;

/// How often a commit may find a row there that is not expected, before that is a mistake and not bad luck.
const COLLISIONS_MAX: u32 = 3;

/// What every transaction that writes reads first. It waits for a migration that is under way, which holds this
/// table, and a migration waits for it: so a hub that was left running writes nothing that a newer one would not.
const SCHEMA_VERSION: &str = "SELECT max(version) FROM schema_versions";

/// By the server's own clock, the only one that all hubs share.
const MARK: &str = "INSERT INTO commit_marks (mark, at)
    VALUES (?1, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint) ON CONFLICT (mark) DO NOTHING";
/// A mark is needed for as long as its commit may be tried again, which is seconds.
const DELETE_MARKS: &str = "DELETE FROM commit_marks
    WHERE at < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 3600000000";

/// Commits, whatever happens to the connection, within the time there is.
pub(super) async fn commit(
    pool: &Pool,
    patience: Patience,
    statements: &[Statement],
    mark: &str,
) -> Result<(), Trouble> {
    let mark = [Cell::Text(mark.to_owned())];
    let (mut collisions, mut is_in_doubt) = (0, false);
    loop {
        match patience.one_try(pool, try_once(pool, statements, &mark)).await {
            Err(Trouble::Passing(why)) => {
                is_in_doubt = true;
                if !patience.waits().await {
                    return Err(Trouble::Passing(why));
                }
                tracing::debug!(why, "a commit is tried again");
            }
            // That no connection is free now says nothing about what became of the try before.
            Err(Trouble::Busy) if is_in_doubt => {
                if !patience.waits().await {
                    return Err(too_slow());
                }
            }
            Err(Trouble::Collided(_)) if collisions < COLLISIONS_MAX => collisions += 1,
            ended => return ended,
        }
    }
}

async fn try_once(pool: &Pool, statements: &[Statement], mark: &[Cell]) -> Result<(), Trouble> {
    let session = Session::open(pool).await?;
    let mut all = vec![(MARK, mark)];
    all.extend(statements.iter().map(|statement| (statement.sql, statement.values.as_slice())));
    let schema = session.prepare(vec![(SCHEMA_VERSION, [].as_slice())]).await?;
    let prepared = session.prepare(all).await?;
    let client = session.client()?;
    let begin = async { client.batch_execute("BEGIN").await.map(|()| 0) };
    let begin: BoxFuture<'_, Result<u64, tokio_postgres::Error>> = begin.boxed();
    let mut requests = vec![begin];
    requests.extend(schema.iter().map(|schema| version(schema, client).boxed()));
    requests.extend(prepared.iter().map(|statement| statement.execute(client).boxed()));
    let mut answers = pipelined(requests).await.into_iter();
    let mut changed = || answers.next().unwrap_or(Ok(0)).map_err(Trouble::from);
    changed()?;
    if let Err(outdated) = same_tables(changed()?) {
        client.batch_execute("ROLLBACK").await?;
        session.end();
        return Err(outdated);
    }
    if changed()? == 0 {
        // An earlier try was heard.
        client.batch_execute("ROLLBACK").await?;
        session.end();
        return Ok(());
    }
    for statement in statements {
        if let (0, Some(conflict)) = (changed()?, &statement.guard) {
            let conflict = conflict.clone();
            // Later statements may have failed for the same reason, which a rollback does not mind.
            client.batch_execute("ROLLBACK").await?;
            session.end();
            return Err(Trouble::Conflict(conflict));
        }
    }
    client.batch_execute("COMMIT").await?;
    session.end();
    Ok(())
}

/// One statement that writes and gives rows, as a transaction of its own.
pub(super) async fn returning(pool: &Pool, statement: &Query) -> Result<Vec<Row>, Trouble> {
    let session = Session::open(pool).await?;
    let schema = session.prepare(vec![(SCHEMA_VERSION, [].as_slice())]).await?;
    let prepared = session.prepare(vec![(statement.sql, statement.values.as_slice())]).await?;
    let client = session.client()?;
    client.batch_execute("BEGIN").await?;
    for schema in &schema {
        if let Err(outdated) = same_tables(version(schema, client).await?) {
            client.batch_execute("ROLLBACK").await?;
            session.end();
            return Err(outdated);
        }
    }
    let mut rows = Vec::new();
    for statement in &prepared {
        rows.extend(statement.query(client).await?.iter().map(row).collect::<Result<Vec<_>, _>>()?);
    }
    client.batch_execute("COMMIT").await?;
    session.end();
    Ok(rows)
}

/// Refuses to go on where a newer hub has been meanwhile.
pub(super) async fn check_schema(pool: &Pool) -> Result<(), Trouble> {
    let session = Session::open(pool).await?;
    let mut newest = 0;
    for schema in &session.prepare(vec![(SCHEMA_VERSION, [].as_slice())]).await? {
        newest = version(schema, session.client()?).await?;
    }
    session.end();
    same_tables(newest)
}

/// The newest step that the database has seen.
async fn version(schema: &Prepared<'_>, client: &ClientWrapper) -> Result<u64, tokio_postgres::Error> {
    let rows = schema.query(client).await?;
    let newest = rows.first().map_or(Ok(None), |row| row.try_get::<_, Option<i64>>(0))?;
    Ok(newest.unwrap_or(0).unsigned_abs())
}

fn same_tables(database: u64) -> Result<(), Trouble> {
    let binary = newest_schema_version();
    if database <= binary.unsigned_abs() || planted(Bug::IgnoreNewerSchema) {
        return Ok(());
    }
    Err(Trouble::Unable(format!(
        "a newer payhub has brought the database to schema version {database}, and this one knows only {binary}: \
         stop it"
    )))
}

/// Deletes the marks of commits that nobody can be in doubt about any more.
pub(super) async fn delete_old_marks(pool: Pool) {
    let deleted = async {
        let session = Session::open(&pool).await?;
        let prepared = session.prepare(vec![(DELETE_MARKS, [].as_slice())]).await?;
        for statement in &prepared {
            statement.execute(session.client()?).await?;
        }
        session.end();
        Ok::<_, Trouble>(())
    };
    match deleted.await {
        Ok(()) => {}
        Err(
            Trouble::Passing(why) | Trouble::Unable(why) | Trouble::Collided(why) | Trouble::Lasting(why),
        ) => {
            tracing::warn!(why, "old marks of commits are not deleted");
        }
        Err(Trouble::Conflict(_) | Trouble::Busy) => {}
    }
}
