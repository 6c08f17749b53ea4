//! What a figure was measured on: the day, the commit, the machine. The machine's name is nobody's business.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Map, Value, json};

/// Files that the runner itself writes: they are no changes of what is proven.
const OWN: [&str; 2] = [":(exclude)tests/reliability/figures.jsonl", ":(exclude)RELIABILITY.md"];

/// The source tree that is proven.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Tree {
    commit: String,
    pub(crate) is_dirty: bool,
}

/// The source tree as it is now.
pub(crate) fn tree() -> Tree {
    let changes = said("git", &[&["status", "--porcelain", "--", "."][..], &OWN].concat());
    // Figures that were committed change nothing of what is proven.
    let last = [&["log", "-1", "--format=%H", "--", "."][..], &OWN].concat();
    let commit = said("git", &last).filter(|commit| !commit.is_empty());
    Tree {
        is_dirty: commit.is_none() || changes.is_none_or(|changes| !changes.is_empty()),
        commit: commit.unwrap_or_else(|| "unknown".to_owned()),
    }
}

impl Tree {
    /// Adds all that to a line of figures.
    pub(crate) fn tell(&self, line: &mut Map<String, Value>) {
        line.insert("date".to_owned(), json!(said("date", &["-u", "+%Y-%m-%d %H:%M"]).unwrap_or_default()));
        line.insert("commit".to_owned(), json!(self.commit));
        line.insert("dirty".to_owned(), json!(self.is_dirty));
        line.insert("machine".to_owned(), machine());
    }
}

fn machine() -> Value {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_default().to_owned();
        line.split_once(':').map_or(String::new(), |(_, value)| value.trim().to_owned())
    };
    let memory = after(&read("/proc/meminfo"), "MemTotal");
    let kib: u64 = memory.split(' ').next().and_then(|number| number.parse().ok()).unwrap_or_default();
    json!({
        "cores": std::thread::available_parallelism().map_or(0, usize::from),
        "memory_mib": kib / 1_024,
        "cpu": after(&read("/proc/cpuinfo"), "model name"),
        "kernel": read("/proc/sys/kernel/osrelease").trim(),
    })
}

/// What a program says, if it does and ends well.
fn said(program: &str, words: &[&str]) -> Option<String> {
    let top = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let output = Command::new(program).args(words).current_dir(top).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
