//! Copies a stopped hub's file into an empty PostgreSQL database, whole or not at all.
//!
//! Everything is one transaction of the target: its tables are locked and seen to be empty, filled in the order of
//! the foreign keys, read back and compared row by row, and checked as [`crate::verification`] checks any
//! database. Only then it is committed.
//!
//! Invariant: nobody ever sees a half copy, and what the target holds afterwards is what the file holds.

use std::path::Path;
use std::sync::Arc;

use hub_core::chain::add_with_length;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::StoreError;
use super::look::{LookError, same_version};
use super::postgres::ConnectError;
use super::postgres::address::Address;
use super::postgres::target::{Target, Uncommitted};
use super::sql::cell::Cell;
use super::sqlite::source::Source;
use super::sqlite::{self, OpenError};
use crate::verification::{Report, verify};

/// Every table with rows of a hub, each after those that it refers to; entries before the journal that seals them.
const TABLES: &[&str] = &[
    "orders",
    "personal_data",
    "payments",
    "open_order_references",
    "payment_events",
    "history_roots",
    "history_root_leaves",
    "journal_entries",
    "journals",
    "attempts",
    "attempt_references",
    "transfers",
    "doors",
    "exchanges",
    "jobs",
    "idempotency_keys",
    "inbox",
    "payment_inbox",
    "seen_events",
    "public_events",
    "webhook_endpoints",
    "merchant_deliveries",
    "api_keys",
    "sealing_key",
];
/// What says which schema it is, and is there before any row.
const VERSIONS: &str = "schema_versions";
/// How many rows are in memory at once.
const PAGE_ROWS: usize = 500;

/// A table with its columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Table {
    pub(super) name: String,
    /// Those that are stored; what is worked out of them is worked out there too.
    pub(super) columns: Vec<String>,
    /// Which of them are its key, in the key's order.
    pub(super) key: Vec<usize>,
}

impl Table {
    /// The query for rows in the order of the key: the first ones, or those after the values of one.
    pub(super) fn page(&self, is_first: bool) -> String {
        let keys: Vec<&str> =
            self.key.iter().filter_map(|&column| self.columns.get(column)).map(String::as_str).collect();
        let keys = keys.join(", ");
        let (name, columns) = (&self.name, self.columns.join(", "));
        if is_first {
            return format!("SELECT {columns} FROM {name} ORDER BY {keys} LIMIT {PAGE_ROWS}");
        }
        let values: Vec<String> = (1..=self.key.len()).map(|number| format!("?{number}")).collect();
        let values = values.join(", ");
        format!("SELECT {columns} FROM {name} WHERE ({keys}) > ({values}) ORDER BY {keys} LIMIT {PAGE_ROWS}")
    }

    /// The key of the last of some rows.
    pub(super) fn last_key(&self, rows: &[Vec<Cell>]) -> Option<Vec<Cell>> {
        let last = rows.last()?;
        self.key.iter().map(|&column| last.get(column).cloned()).collect()
    }
}

/// A table's rows in one line: how many, and what they hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Digested {
    pub table: String,
    pub rows: u64,
    pub sha256: String,
}

struct Digesting {
    table: String,
    rows: u64,
    hash: Sha256,
}

impl Digesting {
    fn of(table: &Table) -> Self {
        Self { table: table.name.clone(), rows: 0, hash: Sha256::new() }
    }

    /// Each cell by its type, its length and what it holds, so that no two tables give the same bytes.
    fn take(&mut self, rows: &[Vec<Cell>]) {
        for row in rows {
            self.rows = self.rows.saturating_add(1);
            for cell in row {
                let (kind, bytes): (u8, &[u8]) = match cell {
                    Cell::Null => (0, &[]),
                    Cell::Integer(number) => {
                        self.hash.update([1]);
                        self.hash.update(number.to_be_bytes());
                        continue;
                    }
                    Cell::Text(text) => (2, text.as_bytes()),
                    Cell::Bytes(bytes) => (3, bytes),
                };
                self.hash.update([kind]);
                add_with_length(&mut self.hash, bytes);
            }
        }
    }

    fn end(self) -> Digested {
        Digested { table: self.table, rows: self.rows, sha256: hex::encode(self.hash.finalize()) }
    }
}

/// What was copied, and what the target was checked by.
#[derive(Clone, Debug, Serialize)]
pub struct Copied {
    pub tables: Vec<Digested>,
    pub verified: Report,
}

/// Why nothing was copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    #[error(transparent)]
    Source(#[from] OpenError),
    #[error("the file: {0}")]
    SourceVersion(LookError),
    #[error("the target: {0}")]
    Target(#[from] ConnectError),
    #[error(
        "the target has rows in the table {table}: a hub's database was copied there before, or a hub has begun to use \
         it; name an empty database"
    )]
    Occupied { table: &'static str },
    #[error("the file has the table {0}, which this release does not know how to copy")]
    UnknownTable(String),
    #[error("the table {0} is not the same in the target; nothing was kept of the copy")]
    Differs(String),
    #[error(
        "the copy does not agree with itself, as the file does not: `payhub db verify` on the file lists what is wrong. \
         Nothing was kept of the copy. First finding: {}", first(.0)
    )]
    Findings(Box<Report>),
    #[error("the copy was broken off, and nothing was kept of it: {0}")]
    Failed(#[from] StoreError),
    #[error(
        "the connection was lost while the copy was being committed, so that it is not known whether the target has \
         it: ask `payhub db verify` with a config that names the target"
    )]
    Unknown,
}

fn first(report: &Report) -> String {
    report.findings.first().map(ToString::to_string).unwrap_or_default()
}

/// Copies everything, or nothing. Takes the file's lock, as a hub does, until the end.
///
/// # Errors
/// [`CopyError`]; the target has no rows then, except after [`CopyError::Unknown`], where it is not known.
pub async fn copy(file: &Path, address: &Address) -> Result<Copied, CopyError> {
    let source = Arc::new(Source::open(file)?);
    same_version(source.version()?, sqlite::newest_schema_version()).map_err(CopyError::SourceVersion)?;
    let tables = tables(&source)?;
    let target = Target::connect(address).await?;
    match fill(&source, &target, &tables).await {
        Ok(copied) => {
            target.commit().await.map_err(|Uncommitted| CopyError::Unknown)?;
            Ok(copied)
        }
        Err(error) => {
            target.give_up().await;
            Err(error)
        }
    }
}

/// The tables of the file in the order in which they are copied; none may be forgotten.
fn tables(source: &Source) -> Result<Vec<Table>, CopyError> {
    let mut found = source.tables()?;
    found.retain(|table| table.name != VERSIONS);
    if let Some(unknown) = found.iter().find(|table| !TABLES.contains(&table.name.as_str())) {
        return Err(CopyError::UnknownTable(unknown.name.clone()));
    }
    found.sort_by_key(|table| TABLES.iter().position(|name| *name == table.name));
    Ok(found)
}

async fn fill(source: &Arc<Source>, target: &Target, tables: &[Table]) -> Result<Copied, CopyError> {
    target.lock(TABLES).await?;
    for table in TABLES {
        if !target.is_empty(table).await? {
            return Err(CopyError::Occupied { table });
        }
    }
    let mut digests = Vec::new();
    for table in tables {
        let mut digesting = Digesting::of(table);
        let mut after = None;
        loop {
            let rows = source.page(table, after).await?;
            after = table.last_key(&rows);
            if after.is_none() {
                break;
            }
            digesting.take(&rows);
            target.write(table, rows).await?;
        }
        digests.push(digesting.end());
    }
    for (table, in_file) in tables.iter().zip(&digests) {
        if read_back(target, table).await? != *in_file {
            return Err(CopyError::Differs(table.name.clone()));
        }
    }
    // The roots have been compared byte by byte; whose key they name is for `payhub db verify` to say.
    let verified = verify(target, None).await?;
    if !verified.is_clean() {
        return Err(CopyError::Findings(Box::new(verified)));
    }
    Ok(Copied { tables: digests, verified })
}

async fn read_back(target: &Target, table: &Table) -> Result<Digested, StoreError> {
    let mut digesting = Digesting::of(table);
    let mut after = None;
    loop {
        let rows = target.page(table, after).await?;
        after = table.last_key(&rows);
        if after.is_none() {
            return Ok(digesting.end());
        }
        digesting.take(&rows);
    }
}
