//! The shape of files: a story at the top, a length that can be read, nothing left for later.

use super::source::{Findings, braces_length, has_word, only, read, sources};

/// Longest file, in lines that are no tests.
const FILE_LINES_MAX: usize = 700;
/// Longer than this is listed with its reason.
const FILE_LINES_USUAL: usize = 500;
/// Longest function, in lines.
const FUNCTION_LINES_MAX: usize = 70;
/// Widest line, in characters; text in quotes is not counted, because it is not to be cut.
const LINE_CHARS_MAX: usize = 120;

/// Files that are longer than usual.
const LONG_FILES: [(&str, &str); 2] = [
    ("hub/core/src/payment.rs", "the whole state of a payment and what can be read off it, side by side"),
    (
        "hub/src/store/mod.rs",
        "the whole seam to durable state: each write, row and read that an engine must know",
    ),
];

/// Functions that are longer than the rest.
const LONG_FUNCTIONS: [(&str, &str); 2] = [
    ("hub/core/src/apply.rs apply", "a short arm for each event, and every event in one place"),
    ("hub/src/store/sql/write/mod.rs add", "a short arm for each write, and every write in one place"),
];

#[test]
fn every_file_begins_with_its_story() {
    let mut findings = Findings::default();
    for source in sources() {
        if !source.text.starts_with("//! ") {
            findings.add(source.path);
        }
    }
    findings.none("every Rust file begins with a `//!` doc");
}

fn production_lines(production: &str, text: &str) -> usize {
    // Comments are blank in the production code; they count as long as they stand before the tests.
    let last = production.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()).last();
    last.map_or(0, |(_, number)| number).min(text.lines().count())
}

#[test]
fn files_can_be_read_in_one_go() {
    let mut long = Vec::new();
    let mut findings = Findings::default();
    for source in sources() {
        let lines = production_lines(&source.production, &source.text);
        if lines > FILE_LINES_MAX {
            findings.add(format!("{} has {lines} lines", source.path));
        }
        if lines > FILE_LINES_USUAL {
            long.push(source.path);
        }
    }
    findings.none("no file is longer than this, whatever the reason");
    only("a file tells one story, rarely in more than 500 lines", long, &LONG_FILES);
}

#[test]
fn functions_fit_a_screen() {
    let mut long = Vec::new();
    for source in sources() {
        let code = &source.production;
        for (start, _) in code.match_indices("fn ") {
            let head = &code[start..];
            let before = code[..start].chars().next_back();
            let Some(body) = head.find(['{', ';']) else { continue };
            if before.is_some_and(super::source::is_word) || head[body..].starts_with(';') {
                continue;
            }
            let lines = head[..body + braces_length(&head[body..])].lines().count();
            if lines > FUNCTION_LINES_MAX {
                let name = head[3..].split(['(', '<']).next().unwrap_or_default();
                long.push(format!("{} {name}", source.path));
            }
        }
    }
    only("a function fits a screen", long, &LONG_FUNCTIONS);
}

#[test]
fn lines_are_not_too_wide() {
    let mut findings = Findings::default();
    for source in sources() {
        for ((line, code), number) in source.text.lines().zip(source.code.lines()).zip(1..) {
            let chars = line.chars().count();
            // A literal that is blank in the code and reaches the edge is text.
            let is_text = line.contains('"') || code.trim().is_empty() && !line.trim().starts_with("//");
            if chars > LINE_CHARS_MAX && !is_text {
                findings.add(format!("{}:{number}: {chars} characters", source.path));
            }
        }
    }
    findings.none("no line is wider than 120 columns, but for texts in quotes");
}

#[test]
fn nothing_is_left_for_later() {
    let mut findings = Findings::default();
    for source in sources() {
        if source.path.starts_with("tests/tidy/") {
            continue;
        }
        findings.lines(&source.path, &source.text, |line| {
            let later = ["TODO", "FIXME", "HACK"].iter().find(|word| has_word(line, word));
            later.map(|word| format!("`{word}`"))
        });
        findings.lines(&source.path, &source.code, |line| {
            let unfinished = ["todo!", "unimplemented!", "#[ignore", "dbg!"];
            unfinished.iter().find(|word| line.contains(*word)).map(|word| format!("`{word}`"))
        });
    }
    findings.none("what is not done is said where people look for it, and no test is switched off");
}

#[test]
fn a_name_has_one_place() {
    let sources = sources();
    let exports = |code: &str| code.lines().any(|line| line.trim_start().starts_with("pub use "));
    let found = sources.iter().filter(|source| exports(&source.production));
    only(
        "no re-exports: a name is found where it is defined",
        found.map(|source| source.path.clone()),
        &[
            ("hub/src/store/sqlite/mod.rs", "its parts are private, the error of its opening is not"),
            ("processor-sdk/src/conformance/mod.rs", "gathers its names for whoever tests an adapter"),
            ("processor-sdk/src/lib.rs", "gathers its names for whoever writes an adapter"),
            (
                "processors/sandbox-server/src/lib.rs",
                "its parts are private, the error of its journal is not",
            ),
        ],
    );
}

#[test]
fn every_key_of_the_config_is_explained() {
    let mut findings = Findings::default();
    let text = read("config/hub.toml");
    let lines: Vec<&str> = text.lines().collect();
    let mut keys = 0;
    for (index, line) in lines.iter().enumerate() {
        // A key without a default stands behind `#` directly; prose has a space after it.
        let key = line.strip_prefix('#').unwrap_or(line);
        let is_key = !key.starts_with(' ') && (key.contains(" = ") || key.starts_with('['));
        if !is_key {
            continue;
        }
        keys += 1;
        let explained = index > 0 && lines[index - 1].starts_with("# ");
        if !explained {
            findings.add(format!("config/hub.toml:{}: {line}", index + 1));
        }
    }
    assert!(keys > 10, "the keys were not found");
    findings.none("every key and table of the config has its comment right above it");
}
