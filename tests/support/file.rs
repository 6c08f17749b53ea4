//! The database file seen from outside: what must be true of it whatever a test did, and questions to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hub_core::card_number::{find_card_number, find_in_json};
use payhub::clock::Clock;
use payhub::verification::verify;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::wait::eventually_blocking;

/// The database file of a hub, which may be running.
#[derive(Clone)]
pub(crate) struct HubFile {
    path: PathBuf,
}

impl HubFile {
    pub(crate) fn at(path: &Path) -> Self {
        Self { path: path.to_owned() }
    }

    fn open(&self) -> Connection {
        let connection = Connection::open_with_flags(&self.path, OpenFlags::SQLITE_OPEN_READ_ONLY);
        connection.expect("the database opens")
    }

    /// One number, such as `SELECT count(*) FROM inbox`.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.open().query_row(sql, [], |row| row.get(0)).expect("a number")
    }

    /// The first column of every row, as text.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        Snapshot { connection: self.open() }.texts(sql)
    }

    /// How many rows each table has, without the signed roots: those come as time goes by.
    pub(crate) fn rows(&self) -> BTreeMap<String, i64> {
        let tables =
            self.texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'history_root%'");
        assert!(tables.len() > 10, "the tables were not found");
        // Signed roots of the history come with time, whatever else happens.
        let tables = tables.into_iter().filter(|table| !table.starts_with("history_root"));
        let rows = |table: String| (table.clone(), self.number(&format!("SELECT count(*) FROM {table}")));
        tables.map(rows).collect()
    }

    /// That signed roots cover every event, as after a stop in order.
    pub(crate) fn all_is_signed(&self) {
        let open = self.texts("SELECT id FROM payments WHERE version > rooted_version");
        assert_eq!(open, Vec::<String>::new(), "the histories of these payments are not signed");
    }

    /// Waits until no job is due; then whatever the hub owes is in the future.
    pub(crate) fn until_nothing_is_overdue(&self, clock: &dyn Clock) {
        let overdue = || {
            let due = format!("SELECT key FROM jobs WHERE due_at <= {}", clock.now().as_micros());
            self.texts(&due)
        };
        assert!(eventually_blocking(|| overdue().is_empty()), "jobs are overdue: {:?}", overdue());
    }

    /// What is true of every database, at one moment: the hub may be writing.
    pub(crate) fn check(&self, secrets: &[String]) {
        self.agrees_with_itself();
        let connection = self.open();
        connection.execute_batch("BEGIN").expect("a snapshot");
        let snapshot = Snapshot { connection };
        snapshot.no_card_number();
        self.no_secret(secrets);
    }

    /// As `payhub db verify` finds it.
    fn agrees_with_itself(&self) {
        let verified = || {
            let runtime =
                tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
            let look = payhub::store::look::file(&self.path).expect("the database can be looked at");
            runtime.block_on(verify(look.as_ref(), None)).expect("the database can be read")
        };
        // On a thread of its own: the caller's may belong to a runtime already.
        let report = std::thread::scope(|scope| scope.spawn(verified).join());
        let report = report.unwrap_or_else(|error| std::panic::resume_unwind(error));
        assert!(report.is_clean(), "the database does not agree with itself: {:#?}", report.findings);
    }

    fn no_secret(&self, secrets: &[String]) {
        for suffix in ["", "-wal"] {
            let mut path = self.path.clone().into_os_string();
            path.push(suffix);
            let bytes = std::fs::read(&path).unwrap_or_default();
            for secret in secrets {
                let found = contains(&bytes, secret.as_bytes());
                assert!(!found, "{secret} is in plain text in {}", Path::new(&path).display());
            }
        }
    }
}

/// The database as it is at one moment.
struct Snapshot {
    connection: Connection,
}

impl Snapshot {
    fn texts(&self, sql: &str) -> Vec<String> {
        let mut statement = self.connection.prepare(sql).expect("valid SQL");
        let rows = statement.query_map([], |row| row.get(0)).expect("rows");
        rows.collect::<Result<_, _>>().expect("texts")
    }

    fn no_card_number(&self) {
        for table in
            self.texts("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        {
            let mut statement =
                self.connection.prepare(&format!("SELECT * FROM {table}")).expect("valid SQL");
            let columns = statement.column_count();
            let mut rows = statement.query([]).expect("rows");
            while let Some(row) = rows.next().expect("a row") {
                for column in 0..columns {
                    let ValueRef::Text(text) = row.get_ref(column).expect("a value") else { continue };
                    let text = String::from_utf8_lossy(text);
                    let found = match serde_json::from_str(&text) {
                        Ok(value) => find_in_json(&value).is_some(),
                        Err(_) => find_card_number(&text),
                    };
                    assert!(!found, "a card number in {table}: {text}");
                }
            }
        }
    }
}

fn contains(haystack: &[u8], needle: &[u8]) -> bool {
    let Some(&first) = needle.first() else { return false };
    let mut rest = haystack;
    while let Some(at) = rest.iter().position(|&byte| byte == first) {
        rest = &rest[at..];
        if rest.starts_with(needle) {
            return true;
        }
        rest = &rest[1..];
    }
    false
}
