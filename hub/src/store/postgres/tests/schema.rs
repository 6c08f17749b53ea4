//! Both engines have the same tables: the same columns with the same types, the same keys, the same rules.

use std::collections::BTreeSet;

use super::*;
use crate::store::sqlite::{SqliteOptions, SqliteStore};

/// What this engine alone has.
const OWN: &[&str] = &["commit_marks"];

/// Each column as `table.column type nullable`, with SQLite's types.
async fn columns(url: &str) -> BTreeSet<String> {
    let sql = "SELECT table_name, column_name, data_type, is_nullable, collation_name
        FROM information_schema.columns WHERE table_schema = 'public'";
    let mut columns = BTreeSet::new();
    for row in client(url).await.query(sql, &[]).await.unwrap() {
        let (table, column): (String, String) = (row.get(0), row.get(1));
        let (kind, nullable): (String, String) = (row.get(2), row.get(3));
        let kind = match kind.as_str() {
            "bigint" => "INTEGER",
            "text" => "TEXT",
            "bytea" => "BLOB",
            other => panic!("{table}.{column} is of type {other}"),
        };
        let collation: Option<String> = row.get(4);
        assert!(kind != "TEXT" || collation.as_deref() == Some("C"), "{table}.{column} sorts by its bytes");
        if !OWN.contains(&table.as_str()) {
            columns.insert(format!("{table}.{column} {kind} {nullable}"));
        }
    }
    columns
}

/// Each unique or other index as `table unique (columns) partial`.
async fn indexes(url: &str) -> BTreeSet<String> {
    let sql = "SELECT tables.relname, keys.indisunique, keys.indpred IS NOT NULL,
            string_agg(columns.attname, ', ' ORDER BY place.number)
        FROM pg_index AS keys JOIN pg_class AS tables ON tables.oid = keys.indrelid
        JOIN pg_namespace AS schemas ON schemas.oid = tables.relnamespace AND schemas.nspname = 'public'
        CROSS JOIN LATERAL unnest(keys.indkey) WITH ORDINALITY AS place(column_number, number)
        JOIN pg_attribute AS columns
            ON columns.attrelid = tables.oid AND columns.attnum = place.column_number
        GROUP BY keys.indexrelid, tables.relname, keys.indisunique, keys.indpred IS NOT NULL";
    let mut indexes = BTreeSet::new();
    for row in client(url).await.query(sql, &[]).await.unwrap() {
        let (table, unique): (String, bool) = (row.get(0), row.get(1));
        let (partial, columns): (bool, String) = (row.get(2), row.get(3));
        if !OWN.contains(&table.as_str()) {
            indexes.insert(format!("{table} {unique} ({columns}) {partial}"));
        }
    }
    indexes
}

#[tokio::test]
async fn they_are_those_of_sqlite() {
    let url = new_database().await;
    drop(connect(&url).await);
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hub.db");
    drop(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
    let file = rusqlite::Connection::open(&path).unwrap();
    let texts = |sql: &str| -> BTreeSet<String> {
        let mut statement = file.prepare(sql).unwrap();
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    };
    let of_file = texts(
        "SELECT tables.name || '.' || columns.name || ' ' || columns.type
            || CASE WHEN columns.\"notnull\" = 1 THEN ' NO' ELSE ' YES' END
         FROM sqlite_schema AS tables JOIN pragma_table_xinfo(tables.name) AS columns
         WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'",
    );
    assert_eq!(columns(&url).await, of_file);
    let of_file = texts(
        "SELECT tables.name || CASE WHEN keys.\"unique\" THEN ' true (' ELSE ' false (' END
            || (SELECT group_concat(name, ', ') FROM (SELECT name FROM pragma_index_info(keys.name) ORDER BY seqno))
            || CASE WHEN keys.partial THEN ') true' ELSE ') false' END
         FROM sqlite_schema AS tables JOIN pragma_index_list(tables.name) AS keys
         WHERE tables.type = 'table' AND tables.name NOT LIKE 'sqlite_%'
         UNION SELECT tables.name || ' true (' || columns.name || ') false'
         FROM sqlite_schema AS tables JOIN pragma_table_info(tables.name) AS columns
         WHERE tables.type = 'table' AND columns.pk = 1 AND columns.type = 'INTEGER'
            AND (SELECT count(*) FROM pragma_table_info(tables.name) AS all_columns WHERE all_columns.pk > 0) = 1",
    );
    assert_eq!(indexes(&url).await, of_file);
}

#[tokio::test]
async fn the_triggers_are_those_of_sqlite() {
    let url = new_database().await;
    drop(connect(&url).await);
    let sql =
        "SELECT DISTINCT trigger_name::text FROM information_schema.triggers WHERE trigger_schema = 'public'";
    let mut here = BTreeSet::new();
    for row in client(&url).await.query(sql, &[]).await.unwrap() {
        here.insert(row.get::<_, String>(0));
    }
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("hub.db");
    drop(SqliteStore::open(&path, SqliteOptions::default()).unwrap());
    let file = rusqlite::Connection::open(&path).unwrap();
    let mut statement = file.prepare("SELECT name FROM sqlite_schema WHERE type = 'trigger'").unwrap();
    let there: BTreeSet<String> =
        statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    assert_eq!(here, there);
}
