//! Documents name only what is there.

use super::source::{Findings, files, read, root};

/// Ends of names that are taken for files of the project.
const EXTENSIONS: [&str; 8] = ["rs", "toml", "md", "sql", "json", "html", "css", "wat"];

/// Paths that exist only where somebody runs or writes something: the beginning, and why.
const ELSEWHERE: [(&str, &str); 1] = [("target/", "made by the build")];

/// Text in single backticks outside of code blocks, and the targets of links.
fn names(text: &str) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    let mut in_block = false;
    for (line, number) in text.lines().zip(1..) {
        if line.trim_start().starts_with("```") {
            in_block = !in_block;
            continue;
        }
        if in_block {
            continue;
        }
        names.extend(line.split('`').skip(1).step_by(2).map(|name| (number, name)));
        let links = line.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        names.extend(links.map(|link| (number, link.split('#').next().unwrap_or_default())));
    }
    names
}

/// Whether a name reads as a path of this project.
fn is_path(name: &str, top: &[String]) -> bool {
    let plain = name.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-./".contains(letter));
    if !plain || name.is_empty() || name.starts_with('/') || name.contains("//") {
        return false;
    }
    match name.split_once('/') {
        Some((first, _)) => {
            top.iter().any(|entry| entry == first) || first == "src" || first == "." || first == ".."
        }
        None => name
            .rsplit_once('.')
            .is_some_and(|(stem, extension)| !stem.is_empty() && EXTENSIONS.contains(&extension)),
    }
}

#[test]
fn documents_name_files_that_exist() {
    let top: Vec<String> = std::fs::read_dir(root())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let everything = files(&EXTENSIONS);
    let mut findings = Findings::default();
    let mut seen = 0;
    for document in files(&["md"]) {
        let folder = document.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (number, name) in names(&read(&document)) {
            let is_elsewhere = ELSEWHERE.iter().any(|(beginning, _)| name.starts_with(beginning));
            if !is_path(name, &top) || is_elsewhere {
                continue;
            }
            seen += 1;
            let beside = root().join(folder).join(name).exists();
            let is_known_name =
                !name.contains('/') && everything.iter().any(|path| path.rsplit('/').next() == Some(name));
            if !beside && !root().join(name).exists() && !is_known_name {
                findings.add(format!("{document}:{number}: {name}"));
            }
        }
    }
    assert!(seen > 5, "no names of files were found in the documents");
    findings.none("documents name only files that exist");
}

#[test]
fn the_page_of_reliability_is_what_the_figures_say() {
    let written = read("RELIABILITY.md");
    let wanted = hub_tests::report::current().unwrap();
    assert_eq!(written, wanted, "write it with `cargo run -p hub-tests --bin reliability report`");
}

#[test]
fn names_in_documents_are_found() {
    let text = "a `hub/src/x.rs` b [c](d/e.md#f)\n```\n`not/this.rs`\n```\n`g`";
    assert_eq!(names(text), [(1, "hub/src/x.rs"), (1, "d/e.md"), (5, "g")]);
    let top = ["hub".to_owned()];
    let rows = [
        ("hub/src", true),
        ("hub.toml", true),
        ("a/b", false),
        ("/hub", false),
        ("x.y", false),
        ("hub/*", false),
    ];
    for (name, expected) in rows {
        assert_eq!(is_path(name, &top), expected, "{name}");
    }
}
