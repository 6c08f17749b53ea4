//! A hub's database from outside, on a file or a server: what no call of the API tells.

use std::path::PathBuf;
use std::time::Duration;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};
use tokio_postgres::{NoTls, SimpleQueryMessage};

use super::eventually;

/// How long a file is waited for whose log the hub moves.
const BUSY_TIME_MAX: Duration = Duration::from_secs(10);

/// Where the rows are.
#[derive(Clone, Debug)]
pub(crate) enum Database {
    /// In this file.
    File(PathBuf),
    /// In the database at this URL.
    Server(String),
}

impl Database {
    /// The rows of a query, each as its values with `|` between. A hub may be at it.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        match self {
            Self::File(path) => {
                let connection = Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY);
                let connection = connection.expect("the file");
                connection.busy_timeout(BUSY_TIME_MAX).expect("a setting");
                rows_of_file(&connection, sql)
            }
            Self::Server(url) => rows_of_server(url, sql),
        }
    }

    /// The one number that a query gives.
    pub(crate) fn number(&self, sql: &str) -> i64 {
        self.rows(sql).first().and_then(|row| row.parse().ok()).unwrap_or_else(|| panic!("{sql}: no number"))
    }

    /// Runs statements, as one transaction.
    pub(crate) fn run(&self, sql: &str) {
        let whole = format!("BEGIN; {sql}; COMMIT");
        match self {
            Self::File(path) => {
                let connection = Connection::open(path).expect("the file");
                connection.busy_timeout(BUSY_TIME_MAX).expect("a setting");
                connection.execute_batch(&whole).expect(sql);
            }
            Self::Server(url) => drop(rows_of_server(url, &whole)),
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

    /// The names of its tables.
    pub(crate) fn tables(&self) -> Vec<String> {
        let tables = self.rows(match self {
            Self::File(_) => {
                "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
            Self::Server(_) => "SELECT tablename FROM pg_tables WHERE schemaname = 'public'",
        });
        assert!(tables.len() > 10, "the tables were not found");
        tables
    }

    /// What hubs that were killed had begun at the server comes to its end.
    pub(crate) fn end_sessions(&self) {
        let Self::Server(_) = self else { return };
        let others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
            AND backend_type = 'client backend'";
        eventually("nobody else is at the database", || {
            self.rows(&format!("SELECT pg_terminate_backend(pid) {others}"));
            self.rows(&format!("SELECT pid {others}")).is_empty().then_some(())
        });
    }
}

/// The rows of a query on a connection.
pub(crate) fn rows_of_file(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(sql).expect(sql);
    let columns = statement.column_count();
    let mut rows = statement.query([]).expect(sql);
    let mut all = Vec::new();
    while let Some(row) = rows.next().expect(sql) {
        let value = |column: usize| match row.get_ref(column).expect("a value") {
            ValueRef::Null => String::new(),
            ValueRef::Integer(number) => number.to_string(),
            ValueRef::Text(text) => String::from_utf8(text.to_vec()).expect("UTF-8"),
            ValueRef::Blob(bytes) => hex::encode(bytes),
            ValueRef::Real(_) => panic!("there are no fractions: {sql}"),
        };
        all.push((0..columns).map(value).collect::<Vec<_>>().join("|"));
    }
    all
}

/// The rows that statements give, on a connection of their own.
fn rows_of_server(url: &str, sql: &str) -> Vec<String> {
    let told = aside(async || {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await.expect("a connection");
        let connection = tokio::spawn(connection);
        let told = client.simple_query(sql).await;
        // Nobody is left at the database.
        drop(client);
        let _ended = connection.await;
        told
    });
    let mut all = Vec::new();
    for message in told.expect(sql) {
        let SimpleQueryMessage::Row(row) = message else { continue };
        let value = |column: usize| row.get(column).unwrap_or_default().to_owned();
        all.push((0..row.len()).map(value).collect::<Vec<_>>().join("|"));
    }
    all
}

/// Waits for something on a thread of its own: the caller's may belong to a runtime already.
pub(crate) fn aside<T: Send>(something: impl AsyncFnOnce() -> T + Send) -> T {
    let wait = || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(something())
    };
    let done = std::thread::scope(|scope| scope.spawn(wait).join());
    done.unwrap_or_else(|error| std::panic::resume_unwind(error))
}
