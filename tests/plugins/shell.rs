//! An author's shell: the real binary, in a folder of the author's own.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::processes::binaries;
use crate::support::plugins;

/// What a command said, and how it ended.
#[derive(Debug)]
pub(super) struct Said {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Said {
    fn of(output: &Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let code = output.status.code().expect("it ended by itself");
        Self { code, out: text(&output.stdout), err: text(&output.stderr) }
    }

    /// What it printed, if it did what it should.
    #[track_caller]
    pub(super) fn done(self) -> String {
        assert_eq!(self.code, 0, "{self:#?}");
        self.out
    }

    /// The same as JSON.
    #[track_caller]
    pub(super) fn json(self) -> serde_json::Value {
        serde_json::from_str(&self.done()).expect("JSON")
    }
}

/// `payhub plugin …` in a folder.
pub(super) fn plugin(folder: &Path, arguments: &[&str]) -> Said {
    Said::of(&command(folder, arguments).output().expect("payhub starts"))
}

/// The same, as a command that is still to be started.
pub(super) fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = plugins::command(binaries::payhub());
    command.current_dir(folder).arg("plugin").args(arguments).stdin(Stdio::null());
    command
}

/// The same, with a text on standard input.
pub(super) fn told(folder: &Path, arguments: &[&str], input: &str) -> Said {
    let mut command = command(folder, arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("payhub starts");
    // It may end before it has read everything.
    let _written = child.stdin.take().expect("its input").write_all(input.as_bytes());
    Said::of(&child.wait_with_output().expect("its end"))
}

/// Commands of a document, word for word, in a folder where `payhub` is found as an author would find it.
pub(super) fn script(folder: &Path, commands: &str) -> Said {
    let programs = binaries::payhub().parent().expect("a folder of programs").to_path_buf();
    let paths = std::env::split_paths(&std::env::var_os("PATH").expect("a PATH")).collect::<Vec<_>>();
    let paths: Vec<PathBuf> = [vec![programs], paths].concat();
    let output = plugins::command("bash")
        .env("PATH", std::env::join_paths(paths).expect("paths"))
        .args(["-euxo", "pipefail", "-c", commands])
        .current_dir(folder)
        .stdin(Stdio::null())
        .output()
        .expect("bash starts");
    Said::of(&output)
}
