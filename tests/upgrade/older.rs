//! Databases of older releases: what one would have held of what a database of today holds.
//!
//! The older tables are made by the same statements that made them then, and filled with the rows of today's, in
//! the columns that were there. What came with a later step is gone with it: the chain of hashes with its signed
//! roots, which payments wait for a person, what each delivery was about. What an older release wrote otherwise
//! *within* a text is not imitated, but for the hash of the last event in a payment's state.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::Path;

use rusqlite::Connection;
use sha2::{Digest, Sha256};

use crate::processes::database::{Database, rows_of_file};

/// "PyHb", in the header of a file that is ours.
const APPLICATION_ID: i64 = 0x5079_4862;
/// What a payment's state says since the ninth step, up to the 64 digits of the hash, and the quote after them.
const LAST_EVENT: &str = ",\"last_event\":\"";
const HASH_CHARS: usize = 64;

/// What an upgrade cannot bring back: it is made anew from then on, or found out as far as it can be.
const LOST_TABLES: [&str; 5] =
    ["schema_versions", "commit_marks", "history_roots", "history_root_leaves", "payment_inbox"];
const LOST_COLUMNS: [&str; 2] = ["payment_events.previous", "payments.rooted_version"];

/// One step of the schema.
struct Step {
    version: u32,
    name: String,
    sql: String,
}

impl Database {
    /// Every step of this engine, the oldest first.
    fn steps(&self) -> Vec<Step> {
        let engine = match self {
            Self::File(_) => "sqlite",
            Self::Server(_) => "postgres",
        };
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../hub/src/store/{engine}/migrations"));
        let mut steps: Vec<Step> = std::fs::read_dir(folder)
            .expect("the steps")
            .map(|file| {
                let path = file.expect("a step").path();
                let name = path.file_stem().and_then(|name| name.to_str()).expect("its name").to_owned();
                let version = name[..4].parse().expect("its number");
                Step { version, name, sql: std::fs::read_to_string(path).expect("its statements") }
            })
            .collect();
        steps.sort_by_key(|step| step.version);
        steps
    }

    /// The oldest schema of this engine, and the one of today.
    pub(super) fn oldest_and_newest(&self) -> (u32, u32) {
        let steps = self.steps();
        (steps.first().expect("a step").version, steps.last().expect("a step").version)
    }

    /// The schema that it has.
    pub(super) fn version(&self) -> u32 {
        self.rows("SELECT max(version) FROM schema_versions")[0].parse().expect("a number")
    }

    /// Every table with its columns. One of half a step has some that no schema has.
    pub(super) fn shape(&self) -> BTreeSet<String> {
        let sql = match self {
            Self::File(_) => {
                "SELECT tables.name || '.' || columns.name
                 FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
                 WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'"
            }
            Self::Server(_) => {
                "SELECT table_name || '.' || column_name FROM information_schema.columns
                 WHERE table_schema = 'public' AND is_generated = 'NEVER'"
            }
        };
        self.rows(sql).into_iter().collect()
    }

    /// Every row of every table, as far as an upgrade brings it back.
    pub(super) fn contents(&self) -> Vec<String> {
        let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for name in self.shape() {
            let (table, column) = name.split_once('.').expect("a table's column");
            if !LOST_TABLES.contains(&table) && !LOST_COLUMNS.contains(&name.as_str()) {
                tables.entry(table.to_owned()).or_default().push(column.to_owned());
            }
        }
        let mut contents = Vec::new();
        for (table, columns) in tables {
            let rows = self.rows(&format!("SELECT {} FROM {table}", columns.join(", ")));
            contents.extend(rows.iter().map(|row| format!("{table}: {}", without_last_event(row))));
        }
        contents.sort();
        contents
    }

    /// Takes it back to an older schema.
    pub(super) fn make_older(&self, version: u32) {
        let mut steps = self.steps();
        steps.retain(|step| step.version <= version);
        match self {
            Self::File(path) => make_file_older(path, &steps),
            Self::Server(_) => make_server_older(self, &steps),
        }
        let is_in = |find: &str| {
            let rest = LAST_EVENT.len() + HASH_CHARS + 2;
            let place = format!("{find}(state, '{LAST_EVENT}')");
            format!(
                "UPDATE payments SET state = substr(state, 1, {place} - 1) || substr(state, {place} + {rest} - 1)
                 WHERE {place} > 0"
            )
        };
        match self {
            Self::File(_) => self.run(&is_in("instr")),
            Self::Server(_) => self.run(&is_in("strpos")),
        }
        assert_eq!(self.version(), version);
    }
}

fn without_last_event(row: &str) -> String {
    match row.split_once(LAST_EVENT) {
        Some((before, after)) => format!("{before}{}", &after[HASH_CHARS + 1..]),
        None => row.to_owned(),
    }
}

/// What a database remembers of a step, with its types of whole numbers and texts.
fn remembered(steps: &[Step], integer: &str) -> String {
    let mut sql = format!(
        "CREATE TABLE schema_versions (version {integer} NOT NULL PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL);\n"
    );
    for Step { version, name, sql: statements } in steps {
        let sha256 = hex::encode(Sha256::digest(statements));
        write!(sql, "{statements};\nINSERT INTO schema_versions VALUES ({version}, '{name}', '{sha256}');\n")
            .expect("a text can be written");
    }
    sql
}

fn make_file_older(path: &Path, steps: &[Step]) {
    let older_path = path.with_extension("older");
    let older = Connection::open(&older_path).expect("a new file");
    // Foreign keys are not looked at: the rows have been through that.
    older.pragma_update(None, "foreign_keys", false).expect("a setting");
    // It is no hub's yet, and need not outlive a power cut.
    older.pragma_update(None, "synchronous", "OFF").expect("a setting");
    older.pragma_update(None, "application_id", APPLICATION_ID).expect("a setting");
    let sql = remembered(steps, "INTEGER");
    // As the hub makes it.
    older
        .execute_batch(&sql.replacen("sha256 TEXT NOT NULL)", "sha256 TEXT NOT NULL) STRICT", 1))
        .expect("tables");
    let newer = path.to_str().expect("a UTF-8 path");
    older.execute_batch(&format!("ATTACH '{newer}' AS newer")).expect("today's database");
    // In the order in which they were made, so that entries are there before their journal.
    let tables =
        "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND name NOT IN ('schema_versions')
        AND name NOT LIKE 'sqlite_%' ORDER BY rowid";
    for table in rows_of_file(&older, tables) {
        let columns = rows_of_file(
            &older,
            &format!(
                "SELECT name FROM pragma_table_info('{table}', 'main')
                 WHERE name IN (SELECT name FROM pragma_table_info('{table}', 'newer'))"
            ),
        );
        let key = rows_of_file(
            &older,
            &format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk"),
        );
        let (columns, key) = (columns.join(", "), key.join(", "));
        let fill = format!(
            "INSERT INTO main.{table} ({columns}) SELECT {columns} FROM newer.{table} ORDER BY {key}"
        );
        older.execute_batch(&fill).unwrap_or_else(|error| panic!("{fill}: {error}"));
    }
    older.execute_batch("DETACH newer").expect("today's database is let go");
    drop(older);
    for end in ["-wal", "-shm"] {
        // The last one who closes takes them away.
        let _absent = std::fs::remove_file(format!("{newer}{end}"));
    }
    std::fs::rename(older_path, path).expect("the older one takes its place");
}

fn make_server_older(database: &Database, steps: &[Step]) {
    let sql = remembered(steps, "BIGINT").replace("name TEXT NOT", "name TEXT COLLATE \"C\" NOT");
    let fill = "DO $fill$ DECLARE filled TEXT; columns_of_both TEXT; BEGIN
        FOR filled IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' AND tablename <> 'schema_versions' LOOP
            SELECT string_agg(older.column_name, ', ') INTO columns_of_both
                FROM information_schema.columns AS older JOIN information_schema.columns AS newer
                    ON newer.table_schema = 'newer' AND newer.table_name = older.table_name
                    AND newer.column_name = older.column_name
                WHERE older.table_schema = 'public' AND older.table_name = filled AND older.is_generated = 'NEVER';
            EXECUTE format('INSERT INTO public.%I (%s) SELECT %s FROM newer.%I',
                filled, columns_of_both, columns_of_both, filled);
        END LOOP;
    END $fill$";
    database.run(&format!(
        "ALTER SCHEMA public RENAME TO newer;
             CREATE SCHEMA public;
             SET LOCAL session_replication_role = replica;
             {sql}
             {fill};
             DROP SCHEMA newer CASCADE"
    ));
}
