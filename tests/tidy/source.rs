//! The source tree as the rules see it: every Rust file, its comments and literals blanked, its tests apart.
//!
//! Invariant: blanking changes no line's number and no column, so that a finding names its place.

use std::collections::BTreeSet;
use std::fmt::Write;
use std::path::{Path, PathBuf};

/// Folders that hold no source of ours.
const NOT_OURS: [&str; 3] = ["target", ".git", "node_modules"];

/// One Rust file.
pub(super) struct Source {
    /// From the workspace's root, with `/`.
    pub(super) path: String,
    /// As it is.
    pub(super) text: String,
    /// Without comments and without what stands in literals.
    pub(super) code: String,
    /// `code` without tests; empty for a file of tests.
    pub(super) production: String,
}

/// The workspace's root.
pub(super) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A file's text, by its path from the root.
pub(super) fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every file below the root with one of these extensions, in order, by its path from the root.
pub(super) fn files(extensions: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    collect(&root(), "", extensions, &mut found);
    found.sort();
    found
}

fn collect(folder: &Path, prefix: &str, extensions: &[&str], found: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let path = format!("{prefix}{name}");
        if entry.file_type().unwrap().is_dir() {
            if !NOT_OURS.contains(&name.as_str()) {
                collect(&entry.path(), &format!("{path}/"), extensions, found);
            }
        } else if name.rsplit_once('.').is_some_and(|(_, extension)| extensions.contains(&extension)) {
            found.push(path);
        }
    }
}

/// Every Rust file of the workspace.
pub(super) fn sources() -> Vec<Source> {
    let mut sources: Vec<Source> = files(&["rs"])
        .into_iter()
        .map(|path| {
            let text = read(&path);
            let code = blanked(&text);
            Source { path, text, code, production: String::new() }
        })
        .collect();
    let mut test_modules = BTreeSet::new();
    for source in &mut sources {
        let (production, modules) = without_tests(&source.code);
        source.production = production;
        test_modules.extend(modules.iter().map(|name| format!("{}{name}", modules_of(&source.path))));
    }
    let is_test = |path: &str| {
        let in_tests = path.starts_with("tests/") || path.contains("/tests/") || path.contains("/examples/");
        let of_module = |module: &String| {
            path.strip_prefix(module.as_str()).is_some_and(|rest| rest == ".rs" || rest.starts_with('/'))
        };
        in_tests || test_modules.iter().any(of_module)
    };
    for source in &mut sources {
        if is_test(&source.path) {
            source.production.clear();
        }
    }
    assert!(sources.len() > 100, "the source tree was not found");
    sources
}

/// The folder of a file's modules, with a slash at the end.
fn modules_of(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').map_or(("", path), |(folder, name)| (folder, name));
    match name {
        "mod.rs" | "lib.rs" | "main.rs" => format!("{folder}/"),
        _ => format!("{}/", path.trim_end_matches(".rs")),
    }
}

/// Rust text with comments and the insides of literals turned into spaces.
fn blanked(text: &str) -> String {
    let characters: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < characters.len() {
        let end = end_of_blank(&characters, at);
        if end == at {
            code.push(characters[at]);
            at += 1;
        } else {
            code.extend(
                characters[at..end].iter().map(|character| if *character == '\n' { '\n' } else { ' ' }),
            );
            at = end;
        }
    }
    code
}

/// Where the comment or literal that begins at `at` ends; `at` itself when none begins there.
fn end_of_blank(characters: &[char], at: usize) -> usize {
    let rest = &characters[at..];
    let after_word = at > 0 && is_word(characters[at - 1]);
    match rest {
        ['/', '/', ..] => at + rest.iter().position(|character| *character == '\n').unwrap_or(rest.len()),
        ['/', '*', ..] => at + block_comment_length(rest),
        ['"', ..] => at + quoted_length(rest, '"'),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => at + quoted_length(rest, '\''),
        ['r', '"' | '#', ..] if !after_word => at + raw_string_length(rest),
        ['b' | 'c', 'r', '"' | '#', ..] if !after_word => at + 1 + raw_string_length(&rest[1..]),
        _ => at,
    }
}

fn block_comment_length(rest: &[char]) -> usize {
    let mut depth = 0_u32;
    let mut length = 0;
    while length < rest.len() {
        match &rest[length..] {
            ['/', '*', ..] => (depth, length) = (depth + 1, length + 2),
            ['*', '/', ..] => (depth, length) = (depth - 1, length + 2),
            _ => length += 1,
        }
        if depth == 0 {
            break;
        }
    }
    length
}

fn quoted_length(rest: &[char], quote: char) -> usize {
    let mut length = 1;
    while length < rest.len() {
        match rest[length] {
            '\\' => length += 2,
            character if character == quote => return length + 1,
            _ => length += 1,
        }
    }
    rest.len()
}

/// Zero for a raw identifier such as `r#type`.
fn raw_string_length(rest: &[char]) -> usize {
    let hashes = rest[1..].iter().take_while(|character| **character == '#').count();
    if rest.get(1 + hashes) != Some(&'"') {
        return 0;
    }
    let body = &rest[2 + hashes..];
    let is_end = |index: &usize| {
        body[*index] == '"'
            && body[index + 1..].iter().take(hashes).filter(|after| **after == '#').count() == hashes
    };
    let end = (0..body.len()).find(is_end).unwrap_or(body.len());
    (2 + hashes + end + 1 + hashes).min(rest.len())
}

/// Blanked code without its test items, and the names of its test modules that are files of their own.
fn without_tests(code: &str) -> (String, Vec<String>) {
    const MARK: &str = "#[cfg(test)]";
    let mut production = String::with_capacity(code.len());
    let mut modules = Vec::new();
    let mut rest = code;
    while let Some(start) = rest.find(MARK) {
        production.push_str(&rest[..start]);
        let item = &rest[start..];
        let head_end =
            MARK.len() + item[MARK.len()..].find(['{', ';']).unwrap_or(item.len() - MARK.len() - 1);
        let length = if item[head_end..].starts_with('{') {
            head_end + braces_length(&item[head_end..])
        } else {
            let declared = item[..head_end].rsplit_once("mod ").map(|(_, name)| name.trim().to_owned());
            modules.extend(declared);
            head_end + 1
        };
        production.extend(item[..length].chars().filter(|character| *character == '\n'));
        rest = &item[length..];
    }
    production.push_str(rest);
    (production, modules)
}

/// The length of what begins with an opening brace, to its closing one.
pub(super) fn braces_length(code: &str) -> usize {
    let mut depth = 0_u32;
    for (index, character) in code.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return index + 1;
        }
    }
    code.len()
}

pub(super) fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// Whether `needle` stands in `line` with nothing of a word before or after it.
pub(super) fn has_word(line: &str, needle: &str) -> bool {
    line.match_indices(needle).any(|(start, _)| {
        let before = line[..start].chars().next_back();
        let after = line[start + needle.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// Places that break a rule, to be shown together.
#[derive(Default)]
pub(super) struct Findings(Vec<String>);

impl Findings {
    pub(super) fn add(&mut self, finding: impl Into<String>) {
        self.0.push(finding.into());
    }

    /// Looks at every line of a text.
    pub(super) fn lines(&mut self, path: &str, text: &str, wrong: impl Fn(&str) -> Option<String>) {
        for (line, number) in text.lines().zip(1..) {
            if let Some(what) = wrong(line) {
                self.add(format!("{path}:{number}: {what}"));
            }
        }
    }

    /// Fails if there are any.
    #[track_caller]
    pub(super) fn none(self, rule: &str) {
        let mut list = String::new();
        for finding in &self.0 {
            write!(list, "\n  {finding}").unwrap();
        }
        assert!(self.0.is_empty(), "{rule}{list}");
    }
}

/// Fails unless exactly the listed files are found. Each has the reason why it may.
#[track_caller]
pub(super) fn only(rule: &str, found: impl IntoIterator<Item = String>, listed: &[(&str, &str)]) {
    let found: BTreeSet<String> = found.into_iter().collect();
    let mut findings = Findings::default();
    for path in &found {
        if !listed.iter().any(|(allowed, _)| allowed == path) {
            findings.add(format!("{path} is not listed"));
        }
    }
    for (allowed, _) in listed {
        if !found.contains(*allowed) {
            findings.add(format!("{allowed} is listed but does not need to be"));
        }
    }
    findings.none(rule);
}

/// The paths of sources that have one of these in their production code.
pub(super) fn naming(sources: &[Source], folder: &str, needles: &[&str]) -> Vec<String> {
    let names = |source: &&Source| {
        let in_folder = source.path.starts_with(folder);
        in_folder && needles.iter().any(|needle| has_word(&source.production, needle))
    };
    sources.iter().filter(names).map(|source| source.path.clone()).collect()
}

#[test]
fn comments_and_literals_are_blanked() {
    let rows = [
        ("a // b\nc", "a     \nc"),
        ("a /* b /* c */ d */ e", "a                   e"),
        ("f(\"x // y\\\" z\") + 1", "f(            ) + 1"),
        ("r#\"a \"b\" c\"# d", "             d"),
        ("br\"\\\" d", "      d"),
        ("r#type x", "r#type x"),
        ("for\"x\"", "for   "),
        ("'a' 'b: &'c '\\'' '\"' d", "    'b: &'c          d"),
        ("b\"//\" c'x'", "b     c   "),
    ];
    for (text, expected) in rows {
        assert_eq!(blanked(text), expected, "{text}");
    }
}

#[test]
fn tests_are_set_apart() {
    let code = "a\n#[cfg(test)]\nmod tests {\n  { b }\n}\nc\n#[cfg(test)]\nmod lab;\nd";
    let (production, modules) = without_tests(code);
    assert_eq!(production, "a\n\n\n\n\nc\n\n\nd");
    assert_eq!(modules, ["lab"]);
    assert_eq!(modules_of("hub/src/connector/mod.rs"), "hub/src/connector/");
    assert_eq!(modules_of("hub/src/demo/shop.rs"), "hub/src/demo/shop/");
}

#[test]
fn words_are_whole() {
    for (line, needle, expected) in [
        ("f64", "f64", true),
        ("xf64", "f64", false),
        ("af f64)", "f64", true),
        ("std::net::X", "std::net", true),
    ] {
        assert_eq!(has_word(line, needle), expected, "{line}");
    }
}
