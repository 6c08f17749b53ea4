//! A look into a hub's database from outside, on a file or a server: what no call of the API tells.

use std::path::PathBuf;

use private_postgres::Cluster;
use rusqlite::types::ValueRef;
use rusqlite::{Connection, OpenFlags};

use super::eventually;

/// How long a look at a file waits for a hub that moves its log.
const BUSY_TIME_MAX: std::time::Duration = std::time::Duration::from_secs(10);

/// Where the rows are.
pub(crate) enum Database {
    /// A file.
    File(PathBuf),
    /// A database of the shared server, by its URL.
    Server(String),
}

impl Database {
    /// The rows of a query, each as its values with `|` between. A hub may be at it.
    pub(crate) fn rows(&self, sql: &str) -> Vec<String> {
        match self {
            Self::File(path) => {
                let connection =
                    Connection::open_with_flags(path, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the file");
                connection.busy_timeout(BUSY_TIME_MAX).expect("a setting");
                rows_of_file(&connection, sql)
            }
            Self::Server(url) => Cluster::shared().ask(url, sql).lines().map(str::to_owned).collect(),
        }
    }

    /// The one number that a query gives.
    pub(crate) fn number(&self, sql: &str) -> u64 {
        self.rows(sql).first().and_then(|row| row.parse().ok()).unwrap_or_else(|| panic!("{sql}: no number"))
    }

    /// Runs statements.
    pub(crate) fn run(&self, sql: &str) {
        match self {
            Self::File(path) => Connection::open(path).expect("the file").execute_batch(sql).expect(sql),
            Self::Server(url) => drop(Cluster::shared().ask(url, sql)),
        }
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
