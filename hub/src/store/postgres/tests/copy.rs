//! A file becomes the rows of a database, all of them or none.

use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::TempDir;

use super::*;
use crate::store::copy::{CopyError, copy};
use crate::store::look;
use crate::store::sql::tests::lives::several;
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::verification::verify;

/// The file of a hub that has stopped.
async fn file() -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hub.sqlite");
    let store = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    several(&store).await;
    // With an idempotent answer and personal data.
    stored(&store, 7).await;
    store.commit(commit(vec![Write::KeepSealingKeyId { key_id: "k1".to_owned() }])).await.unwrap();
    (directory, path)
}

/// How many rows there are in all tables that rows are copied to.
async fn rows(url: &str) -> i64 {
    let tables = "SELECT tablename::text FROM pg_catalog.pg_tables WHERE schemaname = 'public'
        AND tablename NOT IN ('schema_versions', 'commit_marks')";
    let mut rows = 0;
    for table in client(url).await.query(tables, &[]).await.unwrap() {
        rows += count(url, &format!("SELECT count(*) FROM {}", table.get::<_, String>(0))).await;
    }
    rows
}

async fn copied(path: &Path, url: &str) -> Result<i64, CopyError> {
    let copied = copy(path, &url.parse().unwrap()).await?;
    assert!(copied.verified.is_clean() && copied.verified.payments == 4);
    Ok(copied.tables.iter().map(|table| i64::try_from(table.rows).unwrap()).sum())
}

async fn verified(url: &str, payments: u64) {
    let look = look::server(&url.parse().unwrap()).await.unwrap();
    let report = verify(&*look, None).await.unwrap();
    assert_eq!((report.findings, report.payments), (vec![], payments));
}

#[tokio::test]
async fn everything_is_there_and_the_file_stays_as_it_is() {
    let (_directory, path) = file().await;
    let before = std::fs::read(&path).unwrap();
    let url = new_database().await;
    let moved = copied(&path, &url).await.unwrap();
    assert_eq!(moved, rows(&url).await);
    assert!(std::fs::read(&path).unwrap() == before, "the file was changed");

    // The same questions have the same answers, and a hub can go on.
    let (here, there) = (connect(&url).await, SqliteStore::open(&path, SqliteOptions::default()).unwrap());
    for scope in [scope(), strangers()[0].clone()] {
        let payments = here.payments(&scope, &Default::default(), &FIRST).await.unwrap();
        assert!(!payments.is_empty());
        assert_eq!(payments, there.payments(&scope, &Default::default(), &FIRST).await.unwrap());
        for payment in &payments {
            let history = here.history(&scope, &payment.id).await.unwrap();
            assert_eq!(history, there.history(&scope, &payment.id).await.unwrap());
        }
    }
    let jobs = async |store: &dyn Store| {
        let lease = LeaseToken("r1.x".to_owned());
        let claimed = store.claim(at(1_000_000), at(2_000_000), lease, 100).await.unwrap();
        claimed.into_iter().map(|job| (job.key, job.due_at)).collect::<Vec<_>>()
    };
    let claimed = jobs(&here).await;
    assert!(!claimed.is_empty());
    assert_eq!(claimed, jobs(&there).await);
    assert_eq!(here.sealing_key_id().await.unwrap(), Some("k1".to_owned()));
    stored(&here, 8).await;
    verified(&url, 5).await;
}

#[tokio::test]
async fn more_rows_than_a_page_are_all_copied() {
    let (_directory, path) = file().await;
    let sql = "WITH RECURSIVE numbers(number) AS (SELECT 1 UNION ALL SELECT number + 1 FROM numbers WHERE number < 1200)
        INSERT INTO seen_events (merchant_id, livemode, connector, event_id, payment_id, at)
        SELECT 'main', number % 2, 'é' || (number % 3), 'evt-' || number, 'pi_x', number FROM numbers";
    Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    let url = new_database().await;
    let moved = copied(&path, &url).await.unwrap();
    assert_eq!(moved, rows(&url).await);
    assert_eq!(count(&url, "SELECT count(*) FROM seen_events").await, 1_200);
}

#[tokio::test]
async fn what_is_there_is_never_mixed_with_what_is_copied() {
    let (_directory, path) = file().await;
    let url = new_database().await;
    copied(&path, &url).await.unwrap();
    let before = rows(&url).await;
    let again = copied(&path, &url).await.unwrap_err();
    assert!(matches!(again, CopyError::Occupied { .. }), "{again}");
    assert_eq!(rows(&url).await, before);
    // A hub that has begun has its key's name there, and nothing else yet.
    let url = new_database().await;
    let hub = connect(&url).await;
    hub.commit(commit(vec![Write::KeepSealingKeyId { key_id: "k2".to_owned() }])).await.unwrap();
    let refused = copied(&path, &url).await.unwrap_err();
    assert!(matches!(refused, CopyError::Occupied { table: "sealing_key" }), "{refused}");
    assert_eq!(rows(&url).await, 1);
}

#[tokio::test]
async fn two_copies_at_once_are_one() {
    let (_one, first) = file().await;
    let (_two, second) = file().await;
    let url = new_database().await;
    let (first, second) = tokio::join!(copied(&first, &url), copied(&second, &url));
    assert_eq!([&first, &second].iter().filter(|ended| ended.is_ok()).count(), 1, "{first:?} {second:?}");
    verified(&url, 4).await;
}

#[tokio::test]
async fn a_copy_that_fails_leaves_nothing() {
    for (what, sql, expected) in [
        (
            "does not agree with itself",
            "UPDATE payments SET state = replace(state, 'beekeeping', 'baking')",
            "db verify",
        ),
        ("cannot be stored there", "UPDATE inbox SET note = 'a' || char(0) || 'b'", "broken off"),
        ("refers to what is not there", "PRAGMA foreign_keys = 0; DELETE FROM orders", "broken off"),
        ("has a table more", "CREATE TABLE courses (id INTEGER PRIMARY KEY) STRICT", "the table courses"),
        (
            "is of a later release",
            "INSERT INTO schema_versions VALUES (9999, '9999_future', 'x')",
            "schema version 9999",
        ),
    ] {
        let (_directory, path) = file().await;
        Connection::open(&path).unwrap().execute_batch(sql).unwrap();
        let url = new_database().await;
        let said = copied(&path, &url).await.unwrap_err().to_string();
        assert!(said.contains(expected), "one that {what}: {said}");
        drop(connect(&url).await);
        assert_eq!(rows(&url).await, 0, "one that {what}");
    }
    let (_directory, path) = file().await;
    let running = SqliteStore::open(&path, SqliteOptions::default()).unwrap();
    let url = new_database().await;
    let said = copied(&path, &url).await.unwrap_err().to_string();
    assert!(said.contains("another process has this database open"), "{said}");
    drop(running);
    copied(&path, &url).await.unwrap();
}
