//! Commands as the documents write them: each is one that `payhub` understands.

use std::process::Command;

use super::desk::OPERATOR;
use crate::processes::binaries;

const DOCUMENTS: [&str; 5] =
    ["README.md", "SECURITY.md", "ARCHITECTURE.md", "config/README.md", "config/OPERATING.md"];
/// What stands for the reader's own, and something of its shape.
const PLACEHOLDERS: [(&str, &str); 3] = [
    ("KEY_ID", "abcd1234"),
    ("OPERATION", "op_01m8hfefcpzd6k6mbjfvxgxjj4"),
    ("ID", "pi_01m8hfefc31j3wgqxfqb8w8yaq"),
];

/// Whole commands about keys, payments and quarantine: lines of code blocks, and text in backticks.
fn commands(text: &str) -> Vec<String> {
    let spans = text.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    let all = text.lines().map(str::trim).chain(spans);
    let ours = |text: &&str| {
        let mut words = text.split_whitespace();
        let is_ours = words.next() == Some("payhub")
            && words.next().is_some_and(|word| ["keys", "payments", "quarantine"].contains(&word));
        is_ours && !text.contains(['|', '…', '`'])
    };
    // A command whose name alone is mentioned lacks what it needs.
    let whole = |text: &&str| text.split_whitespace().count() > 3 || text.ends_with("list");
    all.filter(ours).filter(whole).map(str::to_owned).collect()
}

#[test]
fn commands_in_documents_are_understood() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let config = folder.path().join("hub.toml");
    std::fs::write(&config, "public_url = \"https://pay.example\"\n").expect("a config");
    let mut seen = 0;
    for document in DOCUMENTS {
        let path = format!("{}/../{document}", env!("CARGO_MANIFEST_DIR"));
        for command in commands(&std::fs::read_to_string(path).expect("a document")) {
            let mut line = command.replacen("payhub", binaries::payhub().to_str().expect("UTF-8"), 1);
            for (name, value) in PLACEHOLDERS {
                line = line.replace(&format!(" {name}"), &format!(" {value}"));
            }
            let line = format!("{line} --config {}", config.display());
            let said =
                Command::new("sh").args(["-c", &line]).env("USER", OPERATOR).output().expect("a shell");
            let err = String::from_utf8_lossy(&said.stderr).into_owned();
            // Understood, and then there is no hub.
            assert_eq!(said.status.code(), Some(1), "{document}: {command}\n{err}");
            assert!(err.contains("there is no database of a hub"), "{document}: {command}\n{err}");
            seen += 1;
        }
    }
    assert!(seen > 15, "only {seen} commands were found in the documents");
}
