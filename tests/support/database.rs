//! The hub's database seen from outside: what must be true of it whatever a test did, and questions to it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use hub_core::card_number::{find_card_number, find_in_json};
use payhub::clock::Clock;
use payhub::store::look;
use payhub::verification::verify;
use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags};
use tokio_postgres::NoTls;
use tokio_postgres::types::Type;

use super::wait::eventually_blocking;

/// The database of a hub, which may be running.
#[derive(Clone)]
pub(crate) enum HubDatabase {
    /// In this file.
    File(PathBuf),
    /// On the server at this URL.
    Server(String),
}

impl HubDatabase {
    pub(crate) fn file(path: &Path) -> Self {
        Self::File(path.to_owned())
    }

    /// Runs statements that write, beside the hub.
    pub(crate) fn execute(&self, sql: &str) {
        match self {
            Self::File(path) => {
                let connection = Connection::open(path).expect("the database opens");
                connection.busy_timeout(std::time::Duration::from_secs(10)).expect("a time");
                connection.execute_batch(sql).expect("the statements run");
            }
            Self::Server(url) => aside(async || {
                let client = connected(url).await;
                client.batch_execute(sql).await.expect("the statements run");
            }),
        }
    }

    /// How a statement writes these bytes.
    pub(crate) fn bytes(&self, bytes: &[u8]) -> String {
        let digits = hex::encode(bytes);
        match self {
            Self::File(_) => format!("x'{digits}'"),
            Self::Server(_) => format!("'\\x{digits}'::bytea"),
        }
    }

    /// The rows that a question gives.
    fn ask(&self, sql: &str) -> Vec<Vec<Value>> {
        match self {
            Self::File(path) => {
                let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
                rows_of_file(&connection.expect("the database opens"), sql)
            }
            Self::Server(url) => aside(async || {
                let rows = connected(url).await.query(sql, &[]).await.expect("rows");
                rows.iter().map(row_of_server).collect()
            }),
        }
    }

    /// One number, such as `SELECT count(*) FROM inbox`.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        match self.ask(sql).first().and_then(|row| row.first()) {
            Some(Value::Integer(number)) => *number,
            other => panic!("no number, but {other:?}: {sql}"),
        }
    }

    /// The first column of every row, as text.
    pub(crate) fn texts(&self, sql: &str) -> Vec<String> {
        let first = |row: Vec<Value>| match row.into_iter().next() {
            Some(Value::Text(text)) => text,
            other => panic!("no text, but {other:?}: {sql}"),
        };
        self.ask(sql).into_iter().map(first).collect()
    }

    fn tables(&self) -> Vec<String> {
        let tables = self.texts(match self {
            Self::File(_) => {
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
            Self::Server(_) => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        });
        assert!(tables.len() > 10, "the tables were not found");
        tables
    }

    /// How many rows each table has, without the signed roots, which come as time goes by, and the marks by which
    /// a server's commits are found again.
    pub(crate) fn rows(&self) -> BTreeMap<String, i64> {
        let mut tables = self.tables();
        tables.retain(|table| !table.starts_with("history_root") && table != "commit_marks");
        let tables = tables.into_iter();
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

    /// What is true of every database: the hub may be writing.
    pub(crate) fn check(&self, secrets: &[String]) {
        self.agrees_with_itself();
        for table in self.tables() {
            for cell in self.ask(&format!("SELECT * FROM {table}")).into_iter().flatten() {
                no_card_number(&table, &cell);
                if let Self::Server(_) = self {
                    no_secret(&table, &cell, secrets);
                }
            }
        }
        if let Self::File(path) = self {
            no_secret_in_bytes(path, secrets);
        }
    }

    /// As `payhub db verify` finds it.
    fn agrees_with_itself(&self) {
        let report = aside(async || {
            let look = match self {
                Self::File(path) => look::file(path),
                Self::Server(url) => look::server(&url.parse().expect("an address")).await,
            };
            verify(look.expect("the database can be looked at").as_ref(), None).await
        });
        let report = report.expect("the database can be read");
        assert!(report.is_clean(), "the database does not agree with itself: {:#?}", report.findings);
    }
}

/// Waits for something on a thread of its own: the caller's may belong to a runtime already.
fn aside<T: Send>(something: impl AsyncFnOnce() -> T + Send) -> T {
    let wait = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(something())
    };
    let done = std::thread::scope(|scope| scope.spawn(wait).join());
    done.unwrap_or_else(|error| std::panic::resume_unwind(error))
}

async fn connected(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
    tokio::spawn(connection);
    client
}

fn rows_of_file(connection: &Connection, sql: &str) -> Vec<Vec<Value>> {
    let mut statement = connection.prepare(sql).expect("valid SQL");
    let columns = statement.column_count();
    let rows = statement.query_map([], |row| (0..columns).map(|at| row.get(at)).collect());
    rows.expect("rows").collect::<Result<_, _>>().expect("rows")
}

fn row_of_server(row: &tokio_postgres::Row) -> Vec<Value> {
    let cell = |at: usize| match *row.columns()[at].type_() {
        Type::INT8 => row.get::<_, Option<i64>>(at).map(Value::Integer),
        Type::BOOL => row.get::<_, Option<bool>>(at).map(i64::from).map(Value::Integer),
        Type::INT4 => row.get::<_, Option<i32>>(at).map(i64::from).map(Value::Integer),
        Type::TEXT => row.get::<_, Option<String>>(at).map(Value::Text),
        Type::BYTEA => row.get::<_, Option<Vec<u8>>>(at).map(Value::Blob),
        ref other => panic!("a column of type {other}"),
    };
    (0..row.len()).map(|at| cell(at).unwrap_or(Value::Null)).collect()
}

fn no_card_number(table: &str, cell: &Value) {
    let Value::Text(text) = cell else { return };
    let found = match serde_json::from_str(text) {
        Ok(value) => find_in_json(&value).is_some(),
        Err(_) => find_card_number(text),
    };
    assert!(!found, "a card number in {table}: {text}");
}

fn no_secret(table: &str, cell: &Value, secrets: &[String]) {
    let bytes = match cell {
        Value::Text(text) => text.as_bytes(),
        Value::Blob(bytes) => bytes,
        Value::Integer(_) | Value::Real(_) | Value::Null => return,
    };
    for secret in secrets {
        assert!(!contains(bytes, secret.as_bytes()), "{secret} is in plain text in {table}");
    }
}

/// In the file and its log, whatever of it is in use.
fn no_secret_in_bytes(file: &Path, secrets: &[String]) {
    for suffix in ["", "-wal"] {
        let mut path = file.to_owned().into_os_string();
        path.push(suffix);
        let bytes = std::fs::read(&path).unwrap_or_default();
        for secret in secrets {
            let found = contains(&bytes, secret.as_bytes());
            assert!(!found, "{secret} is in plain text in {}", Path::new(&path).display());
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
