//! One running program: what it prints is kept, and it never outlives its test.

use std::ffi::OsStr;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};

use serde_json::Value;

use super::{PATIENCE, eventually, look_until};

/// How much of what it printed a failing test shows, in bytes.
const PRINTED_BYTES_MAX: usize = 4_000;

/// A program that was started.
pub(crate) struct Program {
    child: Child,
    /// Standard output.
    pub(crate) output: PathBuf,
    /// Standard error.
    pub(crate) errors: PathBuf,
}

impl Program {
    /// Starts a program that prints into `folder/NAME.out` and `folder/NAME.err`.
    pub(crate) fn start<A: AsRef<OsStr>>(
        folder: &Path,
        name: &str,
        binary: &Path,
        arguments: &[A],
        environment: &[(&str, &str)],
    ) -> Self {
        let (output, errors) = (folder.join(format!("{name}.out")), folder.join(format!("{name}.err")));
        let append = |path: &Path| File::options().create(true).append(true).open(path).expect("a log file");
        let child = Command::new(binary)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::null())
            .stdout(append(&output))
            .stderr(append(&errors))
            .spawn()
            .unwrap_or_else(|error| panic!("{} cannot be started: {error}", binary.display()));
        Self { child, output, errors }
    }

    /// Waits for the file that says where it serves, and takes it away for the next start.
    pub(crate) fn ready(&mut self, file: &Path) -> Value {
        let bytes = look_until(PATIENCE, || {
            let ready = std::fs::read(file).ok().filter(|bytes| !bytes.is_empty());
            if ready.is_none() && self.exited().is_some() {
                panic!("it ended instead of serving:\n{}", self.printed());
            }
            ready
        });
        let bytes = bytes.unwrap_or_else(|| panic!("it does not serve:\n{}", self.printed()));
        std::fs::remove_file(file).expect("the ready file can be taken away");
        serde_json::from_slice(&bytes).expect("the ready file is JSON")
    }

    /// Ends it at once, as a power cut would. Nobody is told.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Asks it to end.
    pub(crate) fn terminate(&self) {
        signal("TERM", &self.id().to_string());
    }

    /// Tells it to read its config again.
    pub(crate) fn hang_up(&self) {
        signal("HUP", &self.id().to_string());
    }

    /// Asks the one process that it has started to end.
    pub(crate) fn terminate_child(&self) {
        let id = self.id();
        let children =
            std::fs::read_to_string(format!("/proc/{id}/task/{id}/children")).expect("its children");
        signal("TERM", children.trim());
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Waits for its end.
    pub(crate) fn end(&mut self) -> ExitStatus {
        eventually("the program ends", || self.exited())
    }

    /// The end of what it printed.
    pub(crate) fn printed(&self) -> String {
        let read = |path: &Path| {
            let text = String::from_utf8_lossy(&std::fs::read(path).unwrap_or_default()).into_owned();
            let mut start = text.len().saturating_sub(PRINTED_BYTES_MAX);
            while !text.is_char_boundary(start) {
                start += 1;
            }
            text[start..].to_owned()
        };
        format!("{}{}", read(&self.output), read(&self.errors))
    }
}

fn signal(name: &str, process: &str) {
    let command = format!("kill -{name} {process}");
    let asked = Command::new("sh").args(["-c", &command]).status().expect("sh starts");
    assert!(asked.success(), "{command}");
}

impl Drop for Program {
    fn drop(&mut self) {
        // Most have ended by now.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
        if std::thread::panicking() {
            eprintln!("what {} says at its end:\n{}", self.errors.display(), self.printed());
        }
    }
}
