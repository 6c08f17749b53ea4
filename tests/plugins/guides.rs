//! Every shell command in the guides for authors, run word for word, so that they cannot rot.

use super::authoring::commands;
use super::shell;
use crate::support::plugins;

/// The guides: each block marked `sh` belongs to an author's empty folder, `sh repository` to this repository.
const GUIDES: [&str; 2] = ["plugins/README.md", "processor-sdk/README.md"];

fn guide(path: &str) -> String {
    std::fs::read_to_string(plugins::workspace().join(path)).expect("a guide")
}

#[test]
fn commands_in_an_empty_folder() {
    let mut seen = 0;
    for path in GUIDES {
        let commands = commands(&guide(path), "sh");
        seen += commands.lines().count();
        if !commands.is_empty() {
            let folder = tempfile::tempdir().expect("a temporary folder");
            let out = shell::script(folder.path(), &commands).done();
            assert!(!out.contains("BROKEN"), "{path}:\n{out}");
        }
    }
    assert!(seen >= 4, "the commands were not found");
}

#[test]
fn commands_in_the_repository() {
    let mut seen = 0;
    for path in GUIDES {
        let commands = commands(&guide(path), "sh repository");
        seen += commands.lines().count();
        if !commands.is_empty() {
            shell::script(plugins::workspace(), &commands).done();
        }
    }
    assert!(seen >= 2, "the commands were not found");
}

#[test]
fn every_block_of_commands_is_run() {
    for path in GUIDES {
        for line in guide(path).lines().filter(|line| line.starts_with("```")) {
            // Those of JavaScript are run where npm is at hand: see javascript.rs.
            let is_known = [
                "```",
                "```sh",
                "```sh repository",
                "```sh javascript",
                "```rust",
                "```json",
                "```toml",
                "```text",
            ]
            .iter()
            .chain(&["```compile_fail", "```js", "```wit"])
            .any(|known| *known == line);
            assert!(
                is_known,
                "{path}: {line}: commands are marked `sh` or `sh repository`, so that they are run"
            );
        }
    }
}
