//! What must be true of the hub's database whatever a test did.

use std::collections::BTreeMap;
use std::path::Path;

use hub_core::card_number::{find_card_number, find_in_json};
use payhub::clock::Clock;
use payhub::store::look;
use payhub::verification::verify;

use super::wait::eventually_blocking;
use crate::processes::database::{Database, aside};

impl Database {
    /// How many rows each table has, without the signed roots, which come as time goes by, and the marks by which
    /// a server's commits are found again.
    pub(crate) fn counts(&self) -> BTreeMap<String, i64> {
        let mut tables = self.tables();
        tables.retain(|table| !table.starts_with("history_root") && table != "commit_marks");
        let count = |table: String| (table.clone(), self.number(&format!("SELECT count(*) FROM {table}")));
        tables.into_iter().map(count).collect()
    }

    /// That signed roots cover every event, as after a stop in order.
    pub(crate) fn all_is_signed(&self) {
        let open = self.rows("SELECT id FROM payments WHERE version > rooted_version");
        assert_eq!(open, Vec::<String>::new(), "the histories of these payments are not signed");
    }

    /// Waits until no job is due; then whatever the hub owes is in the future.
    pub(crate) fn until_nothing_is_overdue(&self, clock: &dyn Clock) {
        let overdue = || {
            let due = format!("SELECT key FROM jobs WHERE due_at <= {}", clock.now().as_micros());
            self.rows(&due)
        };
        assert!(eventually_blocking(|| overdue().is_empty()), "jobs are overdue: {:?}", overdue());
    }

    /// What is true of every database: the hub may be writing.
    pub(crate) fn check(&self, secrets: &[String]) {
        self.agrees_with_itself();
        for (table, column) in self.columns("TEXT", "text") {
            for text in self.rows(&format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL")) {
                no_card_number(&table, &text);
                for secret in secrets {
                    assert!(!text.contains(secret), "{secret} is in plain text in {table}");
                }
            }
        }
        match self {
            Self::File(path) => no_secret_in_bytes(path, secrets),
            Self::Server(_) => self.no_secret_in_cells(secrets),
        }
    }

    /// Bytes are told in hexadecimal digits.
    fn no_secret_in_cells(&self, secrets: &[String]) {
        let secrets: Vec<String> = secrets.iter().map(hex::encode).collect();
        for (table, column) in self.columns("BLOB", "bytea") {
            for bytes in self.rows(&format!("SELECT {column} FROM {table} WHERE {column} IS NOT NULL")) {
                let found = secrets.iter().find(|secret| bytes.contains(*secret));
                assert_eq!(found, None, "a secret is in plain bytes in {table}");
            }
        }
    }

    /// Every column of a type, as each engine calls it, with its table.
    fn columns(&self, of_file: &str, of_server: &str) -> Vec<(String, String)> {
        let columns = self.rows(&match self {
            Self::File(_) => format!(
                "SELECT tables.name, columns.name
                 FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
                 WHERE tables.type = 'table' AND columns.type = '{of_file}'"
            ),
            Self::Server(_) => format!(
                "SELECT table_name, column_name FROM information_schema.columns
                 WHERE table_schema = 'public' AND data_type = '{of_server}'"
            ),
        });
        assert!(columns.len() > 5, "the columns were not found");
        let pair =
            |row: &String| row.split_once('|').map(|(table, column)| (table.to_owned(), column.to_owned()));
        columns.iter().map(|row| pair(row).expect("a table and a column")).collect()
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

fn no_card_number(table: &str, text: &str) {
    let found = match serde_json::from_str(text) {
        Ok(value) => find_in_json(&value).is_some(),
        Err(_) => find_card_number(text),
    };
    assert!(!found, "a card number in {table}: {text}");
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
