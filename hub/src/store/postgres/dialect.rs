//! The statements in this engine's words. What differs is what SQLite alone has.

use std::borrow::Cow;

/// The text of a statement as this engine takes it: values are `$1`, and what tells SQLite's planner in which
/// order and by which index to go is left out, for this planner counts rows.
pub(super) fn spoken(sql: &str) -> String {
    let mut words = Vec::new();
    let mut given = sql.split_ascii_whitespace();
    while let Some(word) = given.next() {
        match word {
            "INDEXED" => {
                // `BY` and the index's name.
                let _hint = (given.next(), given.next());
            }
            "CROSS" => {}
            _ => words.push(numbered(word)),
        }
    }
    words.join(" ")
}

fn numbered(word: &str) -> Cow<'_, str> {
    if word.contains('?') { Cow::Owned(word.replace('?', "$")) } else { Cow::Borrowed(word) }
}

#[cfg(test)]
mod tests {
    use super::spoken;

    #[test]
    fn only_what_this_engine_does_not_know_is_changed() {
        for (sql, expected) in [
            (
                "SELECT a FROM t WHERE b = ?1 AND c IN (?2, ?10)",
                "SELECT a FROM t WHERE b = $1 AND c IN ($2, $10)",
            ),
            ("SELECT a\n   FROM t INDEXED BY t_by_b\n WHERE b=?1", "SELECT a FROM t WHERE b=$1"),
            ("FROM t INDEXED BY i CROSS JOIN u ON u.a = t.a", "FROM t JOIN u ON u.a = t.a"),
            ("WHERE key >= 'call:' || ?1 || ':'", "WHERE key >= 'call:' || $1 || ':'"),
        ] {
            assert_eq!(spoken(sql), expected);
        }
    }
}
