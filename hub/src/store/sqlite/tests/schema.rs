//! Every table of the file is strict, and its keys keep merchants apart.

use super::*;

/// Keys by which a row is found before anybody knows whose it is, or by the hub on behalf of all.
const UNSCOPED: &[&str] = &[
    "schema_versions(version)",
    "jobs(key)",
    "jobs(available_at)",
    "jobs(leased_until)",
    "inbox(state)",
    "payments(checkout_token)",
    "payments(waits_for_person)",
    "attempts(return_token)",
    "api_keys(key_id)",
    "sealing_key(number)",
];

#[test]
fn every_table_is_strict_and_every_key_begins_with_merchant_and_mode() {
    let (directory, _store) = open();
    let connection = raw(&directory);
    let texts = |sql: &str| -> Vec<String> {
        connection
            .prepare(sql)
            .unwrap()
            .query_map([], |row| row.get(0))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    };
    let tables =
        texts("SELECT name FROM pragma_table_list WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    assert!(tables.len() > 15, "{tables:?}");
    let strict = "SELECT name FROM pragma_table_list WHERE strict AND name NOT LIKE 'sqlite_%'";
    assert_eq!(texts(strict), tables);
    for table in &tables {
        let primary =
            texts(&format!("SELECT name FROM pragma_table_info('{table}') WHERE pk > 0 ORDER BY pk"));
        let indexes = texts(&format!("SELECT name FROM pragma_index_list('{table}')"));
        let columns =
            |index: &String| texts(&format!("SELECT name FROM pragma_index_info('{index}') ORDER BY seqno"));
        for key in indexes.iter().map(columns).chain([primary]) {
            let scoped = key.starts_with(&["merchant_id".to_owned(), "livemode".to_owned()]);
            let name = format!("{table}({})", key.join(", "));
            assert!(scoped || UNSCOPED.contains(&name.as_str()), "{name}");
        }
    }
}
