//! Which files are opened, and how.

use rusqlite::params;

use super::*;
use crate::store::sqlite::OpenError;
use crate::store::sqlite::migrate::{MIGRATIONS, Migration, migrate};

#[tokio::test]
async fn what_was_committed_is_there_after_reopening() {
    let (directory, store) = open();
    let payment = stored(&store, 1).await;
    drop(store);
    let store = SqliteStore::open(&directory.path().join("hub.db"), options()).unwrap();
    assert_eq!(store.payment(&scope(), &payment.id).await.unwrap(), Some(payment));
}

#[test]
fn a_database_has_one_process() {
    let (directory, store) = open();
    let path = directory.path().join("hub.db");
    let again = SqliteStore::open(&path, options()).err().unwrap();
    assert!(matches!(again, OpenError::Locked { .. }), "{again}");
    assert!(again.to_string().contains("another process has this database open"), "{again}");
    #[cfg(unix)]
    {
        // Another name for the same file is the same file.
        let link = directory.path().join("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        assert!(matches!(SqliteStore::open(&link, options()), Err(OpenError::Locked { .. })));
    }
    drop(store);
    SqliteStore::open(&path, options()).unwrap();
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_read_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hub.db");
    // A file that was there before, for everybody to read.
    std::fs::write(&path, "").unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
    let store = SqliteStore::open(&path, options()).unwrap();
    stored(&store, 1).await;
    let mut seen = Vec::new();
    for entry in std::fs::read_dir(directory.path()).unwrap() {
        let entry = entry.unwrap();
        let mode = entry.metadata().unwrap().permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{:?}", entry.file_name());
        seen.push(entry.file_name().into_string().unwrap());
    }
    seen.sort();
    assert_eq!(seen, ["hub.db", "hub.db-shm", "hub.db-wal", "hub.db.lock"]);
}

#[tokio::test]
async fn every_connection_has_its_settings() {
    let (_directory, store) = open();
    let settings = |connection: &Connection| {
        let names =
            ["synchronous", "foreign_keys", "mmap_size", "busy_timeout", "query_only", "trusted_schema"];
        let value = |name: &str| connection.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
        let mode: String = connection.pragma_query_value(None, "journal_mode", |row| row.get(0))?;
        Ok((names.map(|name| value(name).unwrap()), mode))
    };
    let wal = "wal".to_owned();
    assert_eq!(store.engine.writer.submit(settings).await.unwrap(), ([2, 1, 0, 5_000, 0, 0], wal.clone()));
    assert_eq!(store.engine.readers.read(settings).await.unwrap(), ([2, 1, 0, 5_000, 1, 0], wal));
}

fn refusal(prepare: impl FnOnce(&Connection)) -> Option<String> {
    let (directory, store) = open();
    drop(store);
    let connection = raw(&directory);
    prepare(&connection);
    drop(connection);
    SqliteStore::open(&directory.path().join("hub.db"), options()).err().map(|error| error.to_string())
}

#[test]
fn databases_that_are_not_ours_to_open() {
    let newest = i64::try_from(MIGRATIONS.len()).unwrap();
    assert_eq!(refusal(|_| {}), None);
    let newer = refusal(|connection| {
        let row = params![newest + 1, "later", "00"];
        connection.execute("INSERT INTO schema_versions VALUES (?1, ?2, ?3)", row).unwrap();
    });
    let expected =
        format!("the database has schema version {}, but this payhub knows only {newest}", newest + 1);
    assert!(newer.as_ref().is_some_and(|text| text.starts_with(&expected)), "{newer:?}");
    let changed = refusal(|connection| {
        connection.execute("UPDATE schema_versions SET sha256 = '00' WHERE version = 1", []).unwrap();
    });
    assert!(
        changed.as_ref().is_some_and(|text| text.starts_with("schema version 1 (0001_first) was applied"))
    );
    let foreign = refusal(|connection| connection.pragma_update(None, "application_id", 7).unwrap());
    assert_eq!(foreign.as_deref(), Some("the file is not a payhub database"));

    let directory = tempfile::tempdir().unwrap();
    raw(&directory).execute_batch("CREATE TABLE notes (text TEXT)").unwrap();
    let path = directory.path().join("hub.db");
    assert!(matches!(SqliteStore::open(&path, options()), Err(OpenError::NotOurs)));
    std::fs::write(
        directory.path().join("text.db"),
        "not a database, and longer than its header ".repeat(50),
    )
    .unwrap();
    let text = SqliteStore::open(&directory.path().join("text.db"), options()).err().unwrap();
    assert_eq!(text.to_string(), "the database cannot be opened: SQLite error 26: file is not a database");
    let missing = SqliteStore::open(&directory.path().join("none").join("hub.db"), options());
    assert!(matches!(missing, Err(OpenError::File { .. })));
}

/// The fifth migration finds which payments the deliveries from before were about where they changed something.
#[test]
fn deliveries_from_before_belong_to_what_they_changed() {
    let mut connection = Connection::open_in_memory().unwrap();
    connection.pragma_update(None, "foreign_keys", false).unwrap();
    migrate(&mut connection, &MIGRATIONS[..4]).unwrap();
    let event = |payment: &str, version: i64, cause: &str| {
        let sql = "INSERT INTO payment_events VALUES ('main', 0, ?1, ?2, 0, ?3, '{}')";
        connection.execute(sql, params![payment, version, cause]).unwrap();
    };
    let webhook = |delivery: &str| format!("{{\"by\":\"webhook\",\"delivery_id\":\"{delivery}\"}}");
    for delivery in ["one", "two", "quiet"] {
        let sql = "INSERT INTO inbox VALUES ('main', 0, ?1, 'c', randomblob(32), x'', 0, 'taken', '', 0)";
        connection.execute(sql, [delivery]).unwrap();
    }
    event("p1", 1, "{\"by\":\"timer\"}");
    event("p1", 2, &webhook("one"));
    event("p1", 3, &webhook("one"));
    event("p1", 4, &webhook("gone"));
    event("p2", 1, &webhook("one"));
    event("p2", 2, &webhook("two"));
    migrate(&mut connection, MIGRATIONS).unwrap();
    let mut known =
        connection.prepare("SELECT payment_id || ' ' || delivery_id FROM payment_inbox ORDER BY 1").unwrap();
    let known: Vec<String> = known.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(known, ["p1 one", "p2 one", "p2 two"]);
}

#[test]
fn migrations_go_on_from_where_they_were_or_not_at_all() {
    const FIRST: Migration = Migration { name: "0001_a", sql: "CREATE TABLE a (x INTEGER) STRICT" };
    const SECOND: Migration = Migration { name: "0002_b", sql: "CREATE TABLE b (x INTEGER) STRICT" };
    const BROKEN: Migration =
        Migration { name: "0002_b", sql: "CREATE TABLE c (x INTEGER) STRICT; CREATE TABLE" };
    let mut connection = Connection::open_in_memory().unwrap();
    let tables = |connection: &Connection| -> i64 {
        connection
            .query_row("SELECT count(*) FROM sqlite_schema WHERE type = 'table'", [], |row| row.get(0))
            .unwrap()
    };
    migrate(&mut connection, &[FIRST]).unwrap();
    assert_eq!(tables(&connection), 2);
    assert!(migrate(&mut connection, &[FIRST, BROKEN]).is_err());
    assert_eq!(tables(&connection), 2, "half a migration stayed");
    migrate(&mut connection, &[FIRST, SECOND]).unwrap();
    migrate(&mut connection, &[FIRST, SECOND]).unwrap();
    assert_eq!(tables(&connection), 3);
    let older = migrate(&mut connection, &[FIRST]);
    assert!(matches!(older, Err(OpenError::NewerDatabase { database: 2, binary: 1 })));
    let swapped = migrate(&mut connection, &[SECOND, FIRST]);
    assert!(matches!(swapped, Err(OpenError::ChangedMigration { version: 1, name: "0002_b" })));
}

#[tokio::test]
async fn readers_cannot_write() {
    let (_directory, store) = open();
    let answer =
        store.engine.readers.read(|connection| Ok(connection.execute("DELETE FROM jobs", [])?)).await;
    assert_eq!(
        answer,
        Err(StoreError::Unavailable("SQLite error 8: attempt to write a readonly database".to_owned()))
    );
    // More panics than there are readers: each comes back to the pool.
    for _ in 0..5 {
        let panicked =
            store.engine.readers.read(|_| -> Result<(), _> { panic!("a mistake in the hub") }).await;
        assert_eq!(panicked, Err(StoreError::Failed("reading the store was interrupted".to_owned())));
    }
    assert_eq!(store.next_due(at(0)).await, Ok(None));
}
