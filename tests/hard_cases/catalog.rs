//! The hard cases as their sources tell of them: every test named `hc_NN_…`, what its case says in plain
//! words, and what of it is not there yet.
//!
//! Invariant: what is listed is a test that runs. A case without its sentence, or one that names another
//! number than its test, is a mistake and no entry.

use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The highest number that must have a test.
pub const NUMBER_MAX: u32 = 65;

/// How a doc line begins that says what the product does not do yet.
const NOT_YET: &str = "Not there yet: ";

/// One test of a hard case.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// The case's number.
    pub number: u32,
    /// What the case says, in plain words.
    pub says: String,
    /// The test's name.
    pub test: String,
    /// The file it stands in, within the folder of the hard cases.
    pub file: String,
    /// What of the case the product does not do yet, one thing each.
    pub not_yet: Vec<String>,
    /// That it is about one engine alone; every other one runs on a file and on PostgreSQL.
    pub engine: Option<&'static str>,
}

/// What a test says that is about one engine alone, and which that is.
const OF_ONE_ENGINE: [(&str, &str); 5] = [
    (".on_a_file()", "SQLite"),
    ("World::start(", "SQLite"),
    ("SqliteStore::open_with(", "SQLite"),
    ("World::start_on(", "PostgreSQL"),
    ("= desk()", "SQLite"),
];

/// Every test of a hard case by number, and every mistake that was found on the way.
///
/// # Errors
/// The sources cannot be read.
pub fn read() -> io::Result<(Vec<Entry>, Vec<String>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("hard_cases");
    let mut files = Vec::new();
    collect(&folder, &mut files)?;
    files.sort();
    let (mut entries, mut mistakes) = (Vec::new(), Vec::new());
    for path in files {
        let name = path.strip_prefix(&folder).unwrap_or(&path).display().to_string();
        // Its own examples are no tests of cases.
        if name != "catalog.rs" {
            parse(&name, &fs::read_to_string(&path)?, &mut entries, &mut mistakes);
        }
    }
    entries.sort();
    Ok((entries, mistakes))
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(&path, files)?;
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

/// Adds the entries of one file, which is read line by line: doc lines, attributes, and the function.
fn parse(file: &str, text: &str, entries: &mut Vec<Entry>, mistakes: &mut Vec<String>) {
    let (mut doc, mut is_test): (Vec<&str>, bool) = (Vec::new(), false);
    let mut within: Option<usize> = None;
    for line in text.lines() {
        if let Some(entry) = within.and_then(|at| entries.get_mut(at)) {
            let only = OF_ONE_ENGINE.iter().find(|(words, _)| line.contains(words));
            entry.engine = entry.engine.or(only.map(|(_, engine)| *engine));
        }
        if line == "}" {
            within = None;
        }
        if let Some(words) = line.strip_prefix("///") {
            doc.push(words.trim());
        } else if line.starts_with("#[") {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
        } else {
            let head = line.trim_start_matches("async ");
            if let Some(rest) = head.strip_prefix("fn hc_") {
                let name = format!("hc_{}", rest.split('(').next().unwrap_or_default());
                match entry(file, &name, &doc, is_test) {
                    Ok(entry) => {
                        within = Some(entries.len());
                        entries.push(entry);
                    }
                    Err(mistake) => mistakes.push(format!("{file}: {name}: {mistake}")),
                }
            }
            (doc, is_test) = (Vec::new(), false);
        }
    }
}

fn entry(file: &str, name: &str, doc: &[&str], is_test: bool) -> Result<Entry, &'static str> {
    if !is_test {
        return Err("is no test");
    }
    let number = name.split('_').nth(1).filter(|digits| digits.len() == 2);
    let number: u32 = number.and_then(|digits| digits.parse().ok()).ok_or("has no number of two digits")?;
    let (said, not_yet) = sentences(doc);
    let says = said.strip_prefix(&format!("{number}. ")).filter(|says| !says.is_empty());
    let says = says.ok_or("its doc does not begin with its number and the case")?.to_owned();
    Ok(Entry { number, says, test: name.to_owned(), file: file.to_owned(), not_yet, engine: None })
}

/// The first paragraph, and what is not there yet.
fn sentences(doc: &[&str]) -> (String, Vec<String>) {
    let (mut said, mut not_yet): (String, Vec<String>) = (String::new(), Vec::new());
    let mut begun = false;
    for line in doc {
        if let Some(thing) = line.strip_prefix(NOT_YET) {
            not_yet.push(thing.to_owned());
            begun = true;
        } else if line.is_empty() {
            begun = true;
        } else if let Some(thing) = not_yet.last_mut() {
            let _infallible = write!(thing, " {line}");
        } else if !begun {
            let space = if said.is_empty() { "" } else { " " };
            let _infallible = write!(said, "{space}{line}");
        }
    }
    (said, not_yet)
}

/// Numbers up to [`NUMBER_MAX`] that no entry has.
#[must_use]
pub fn untested(entries: &[Entry]) -> Vec<u32> {
    (1..=NUMBER_MAX).filter(|number| entries.iter().all(|entry| entry.number != *number)).collect()
}

/// The report: a table in Markdown, and the numbers without a test.
#[must_use]
pub fn report(entries: &[Entry]) -> String {
    let mut text = String::from(
        "Each test runs with a hub on a file and with one on PostgreSQL, except where one of them is named.\n\n\
         | | case | tests | not there yet |\n|---|---|---|---|\n",
    );
    for same in entries.chunk_by(|one, next| one.number == next.number) {
        let joined = |cell: &dyn Fn(&Entry) -> String| {
            let cells: Vec<String> = same.iter().map(cell).filter(|cell| !cell.is_empty()).collect();
            cells.join(" ")
        };
        let number = same.first().map_or(0, |entry| entry.number);
        let engine = |entry: &Entry| entry.engine.map_or(String::new(), |engine| format!(" ({engine})"));
        let (says, tests) = (
            joined(&|entry| entry.says.clone()),
            joined(&|entry| format!("`{}`{}", entry.test, engine(entry))),
        );
        let not_yet = joined(&|entry| entry.not_yet.join(" "));
        let _infallible = writeln!(text, "| {number} | {says} | {tests} | {not_yet} |");
    }
    let untested: Vec<String> = untested(entries).iter().map(u32::to_string).collect();
    let none = if untested.is_empty() { "none".to_owned() } else { untested.join(", ") };
    let _infallible = writeln!(text, "\nwithout a test: {none}");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "/// 7. Two tabs: one page.\n/// And once.\n///\n/// More about it.\n\
        /// Not there yet: flying\n/// cars.\n/// Not there yet: peace.\n#[tokio::test(flavor = \"x\")]\n\
        async fn hc_07_two_tabs() {\n    x.on_a_file();\n}\n\n/// 8. Lost.\n#[test]\nfn hc_08_lost() {\n";

    fn parsed(text: &str) -> (Vec<Entry>, Vec<String>) {
        let (mut entries, mut mistakes) = (vec![], vec![]);
        parse("file.rs", text, &mut entries, &mut mistakes);
        (entries, mistakes)
    }

    #[test]
    fn cases_are_found_in_their_sources() {
        let (entries, mistakes) = parsed(SOURCE);
        assert_eq!(mistakes, Vec::<String>::new());
        let told: Vec<_> =
            entries.iter().map(|entry| (entry.number, entry.says.as_str(), entry.test.as_str())).collect();
        let expected = [(7, "Two tabs: one page. And once.", "hc_07_two_tabs"), (8, "Lost.", "hc_08_lost")];
        assert_eq!(told, expected);
        assert_eq!(entries[0].not_yet, ["flying cars.", "peace."]);
        assert_eq!(untested(&entries).len(), 63);
        let report = report(&entries);
        assert!(report.contains("| 8 | Lost. | `hc_08_lost` |  |"), "{report}");
        assert!(report.contains("`hc_07_two_tabs` (SQLite) |"), "{report}");
        assert!(report.contains("without a test: 1, 2, 3, 4, 5, 6, 9, 10,"), "{report}");
    }

    #[test]
    fn what_is_no_case_is_a_mistake() {
        for (text, mistake) in [
            ("/// 7. It.\nfn hc_07_it() {", "is no test"),
            ("/// 8. It.\n#[test]\nfn hc_07_it() {", "does not begin"),
            ("/// It.\n#[test]\nfn hc_07_it() {", "does not begin"),
            ("#[test]\nfn hc_07_it() {", "does not begin"),
            ("/// 7. It.\n\n#[test]\nfn hc_07_it() {", "does not begin"),
            ("/// 7. It.\n#[test]\nfn hc_7_it() {", "two digits"),
        ] {
            let (entries, mistakes) = parsed(text);
            assert_eq!(entries, vec![], "{text}");
            assert!(mistakes.len() == 1 && mistakes[0].contains(mistake), "{text}: {mistakes:?}");
        }
    }
}
