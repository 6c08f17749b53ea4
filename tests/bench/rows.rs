//! The rows that the hub leaves for one payment or one delivery, and how to write as many more of them.
//!
//! They are read from the hub's own database, so that the bare subjects write what the hub writes, into the
//! hub's own schema with its own indexes, triggers and engine settings. A copy differs in what must be
//! unique: ids count up as the hub's do, tokens and fingerprints are scattered as the hub's are.

use std::path::Path;
use std::time::Duration;

use rusqlite::types::Value;
use rusqlite::{Connection, OpenFlags, params_from_iter};
use serde::{Deserialize, Serialize};

use crate::load::Tally;
use crate::processes::now;

/// Engine settings of the hub's own writer; `hub/src/store/sqlite/open.rs`.
const SETTINGS: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON;
    PRAGMA wal_autocheckpoint = 4000; PRAGMA journal_size_limit = 67108864; PRAGMA trusted_schema = OFF;
    PRAGMA cell_size_check = ON;";
const STATEMENTS_KEPT: usize = 64;

/// One set of rows.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Rows {
    rows: Vec<Row>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Row {
    insert: String,
    cells: Vec<Cell>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
enum Cell {
    Null,
    Integer(i64),
    /// Bytes, whether they are text, and where in them what must be new.
    Bytes {
        bytes: Vec<u8>,
        is_text: bool,
        patches: Vec<Patch>,
    },
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct Patch {
    start: usize,
    length: usize,
    /// Of many scattered ones, which; ids that count up have none.
    scattered: Option<u64>,
}

/// What must be new in every copy.
struct Identity {
    old: Vec<u8>,
    /// How much of the front stays: the `pi_` of an id.
    kept: usize,
    scattered: Option<u64>,
}

impl Identity {
    fn counted(id: &str) -> Self {
        let kept = id.find('_').map_or(0, |at| at + 1);
        Self { old: id.as_bytes().to_vec(), kept, scattered: None }
    }

    fn scattered(bytes: &[u8], number: u64) -> Self {
        Self { old: bytes.to_vec(), kept: 0, scattered: Some(number) }
    }
}

impl Rows {
    /// The rows of a payment that was just created.
    pub(crate) fn of_payment(database: &Path, payment_id: &str) -> Self {
        let connection = read_only(database);
        let text = |sql: &str| -> String {
            connection.query_row(sql, [payment_id], |row| row.get(0)).expect("the payment's row")
        };
        let order_id = text("SELECT order_id FROM payments WHERE id = ?1");
        let token = text("SELECT checkout_token FROM payments WHERE id = ?1");
        let event_id = text("SELECT id FROM public_events WHERE payment_id = ?1");
        let answered = "FROM idempotency_keys WHERE instr(CAST(body AS TEXT), ?1) > 0";
        let key = text(&format!("SELECT key {answered}"));
        let fingerprint: Vec<u8> = connection
            .query_row(&format!("SELECT fingerprint {answered}"), [payment_id], |row| row.get(0))
            .expect("the answer's row");
        let identities = [
            Identity::counted(payment_id),
            Identity::counted(&order_id),
            Identity::counted(&event_id),
            Identity::scattered(token.as_bytes(), 1),
            Identity::scattered(key.as_bytes(), 2),
            Identity::scattered(&fingerprint, 3),
        ];
        Self::collect(&connection, &identities)
    }

    /// The rows of a processor's delivery that was taken and read.
    pub(crate) fn of_delivery(database: &Path, event_id: &str) -> Self {
        let connection = read_only(database);
        let newest = "SELECT id, fingerprint FROM inbox ORDER BY received_at DESC LIMIT 1";
        let (inbox_id, fingerprint): (String, Vec<u8>) = connection
            .query_row(newest, [], |row| Ok((row.get(0)?, row.get(1)?)))
            .expect("the delivery's row");
        let identities = [
            Identity::counted(&inbox_id),
            Identity::scattered(event_id.as_bytes(), 1),
            Identity::scattered(&fingerprint, 2),
        ];
        Self::collect(&connection, &identities)
    }

    /// How many.
    pub(crate) fn count(&self) -> usize {
        self.rows.len()
    }

    /// Every row of every table in which one of the identities stands.
    fn collect(connection: &Connection, identities: &[Identity]) -> Self {
        let mut rows = Vec::new();
        for table in tables(connection) {
            let columns = columns(connection, &table);
            let list = columns.join(", ");
            let marks = vec!["?"; columns.len()].join(", ");
            let insert = format!("INSERT INTO {table} ({list}) VALUES ({marks})");
            let mut statement =
                connection.prepare(&format!("SELECT {list} FROM {table}")).expect("a known table");
            let mut found = statement.query([]).expect("the table can be read");
            while let Some(row) = found.next().expect("the table can be read") {
                let cells: Vec<Cell> = (0..columns.len())
                    .map(|index| cell(row.get(index).expect("a cell"), identities))
                    .collect();
                if cells.iter().any(|cell| matches!(cell, Cell::Bytes { patches, .. } if !patches.is_empty()))
                {
                    rows.push(Row { insert: insert.clone(), cells });
                }
            }
        }
        assert!(!rows.is_empty(), "the hub left no rows");
        Self { rows }
    }

    /// Writes copy number `number` within the caller's transaction.
    pub(crate) fn insert(&self, connection: &Connection, number: u64) {
        for row in &self.rows {
            let cells = row.cells.iter().map(|cell| cell.copy(number));
            connection
                .prepare_cached(&row.insert)
                .and_then(|mut statement| statement.execute(params_from_iter(cells)))
                .expect("the row is new and fits the schema");
        }
    }
}

fn cell(value: Value, identities: &[Identity]) -> Cell {
    let (bytes, is_text) = match value {
        Value::Null => return Cell::Null,
        Value::Integer(integer) => return Cell::Integer(integer),
        Value::Real(real) => panic!("a fraction in the hub's database: {real}"),
        Value::Text(text) => (text.into_bytes(), true),
        Value::Blob(bytes) => (bytes, false),
    };
    let mut patches = Vec::new();
    for identity in identities {
        let length = identity.old.len();
        let places = bytes.windows(length).enumerate().filter(|(_, window)| *window == identity.old);
        patches.extend(places.map(|(start, _)| Patch {
            start: start + identity.kept,
            length: length - identity.kept,
            scattered: identity.scattered,
        }));
    }
    Cell::Bytes { bytes, is_text, patches }
}

impl Cell {
    fn copy(&self, number: u64) -> Value {
        match self {
            Self::Null => Value::Null,
            Self::Integer(integer) => Value::Integer(*integer),
            Self::Bytes { bytes, is_text, patches } => {
                let mut bytes = bytes.clone();
                for patch in patches {
                    patch.write(&mut bytes[patch.start..patch.start + patch.length], number);
                }
                if *is_text {
                    Value::Text(String::from_utf8(bytes).expect("digits in a text leave a text"))
                } else {
                    Value::Blob(bytes)
                }
            }
        }
    }
}

impl Patch {
    /// Hexadecimal digits from the right: of the number itself, or of the number scattered.
    fn write(&self, place: &mut [u8], number: u64) {
        let mut rest = match self.scattered {
            None => number,
            // An odd factor loses nothing: different numbers stay different.
            Some(which) => {
                number.wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(u32::try_from(which).unwrap_or(0))
            }
        };
        for digit in place.iter_mut().rev() {
            *digit = b"0123456789abcdef"[usize::try_from(rest & 15).unwrap_or(0)];
            rest >>= 4;
        }
    }
}

/// In the order in which they were made, so that what is referred to comes first.
fn tables(connection: &Connection) -> Vec<String> {
    let sql =
        "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid";
    let mut statement = connection.prepare(sql).expect("the schema can be read");
    let names = statement.query_map([], |row| row.get(0)).expect("the schema can be read");
    names.collect::<Result<_, _>>().expect("names of tables")
}

/// Columns that can be written.
fn columns(connection: &Connection, table: &str) -> Vec<String> {
    let sql = format!("SELECT name FROM pragma_table_xinfo('{table}') WHERE hidden = 0");
    let mut statement = connection.prepare(&sql).expect("the schema can be read");
    let names = statement.query_map([], |row| row.get(0)).expect("the schema can be read");
    names.collect::<Result<_, _>>().expect("names of columns")
}

fn read_only(database: &Path) -> Connection {
    Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_ONLY).expect("the hub's database")
}

/// A new, empty database with the hub's schema.
pub(crate) fn new_database(file: &Path, model: &Path) -> Connection {
    std::fs::create_dir_all(file.parent().expect("a file in a folder")).expect("a folder");
    let model = read_only(model);
    let connection = Connection::open(file).expect("a new database");
    set(&connection);
    let sql =
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite_%' ORDER BY rowid";
    let mut statement = model.prepare(sql).expect("the schema can be read");
    let mut schema = statement.query([]).expect("the schema can be read");
    while let Some(row) = schema.next().expect("the schema can be read") {
        let sql: String = row.get(0).expect("a statement");
        connection.execute_batch(&sql).expect("the schema is taken");
    }
    connection
}

/// Makes a connection as the hub's own writer is.
pub(crate) fn set(connection: &Connection) {
    connection.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    connection.execute_batch(SETTINGS).expect("the settings");
}

/// Commits copy after copy, one at a time.
pub(crate) fn bare_loop(folder: &Path, model: &Path, rows: &Rows, time: Duration) -> Tally {
    let folder = tempfile::tempdir_in(folder.parent().expect("a folder in a folder")).expect("a folder");
    let connection = new_database(&folder.path().join("bare.sqlite"), model);
    let mut number = 0;
    let begun = now();
    while begun.elapsed() < time {
        number += 1;
        connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        rows.insert(&connection, number);
        connection.execute_batch("COMMIT").expect("a commit");
    }
    let done = usize::try_from(number).expect("a count");
    Tally { done, elapsed: begun.elapsed(), waits_us: vec![] }
}
