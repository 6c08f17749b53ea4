//! Plugins, built from their source by the real `payhub plugin build`, once for each run of the tests.
//!
//! What cannot be built fails the test with the command that helps: no test of a plugin passes without one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use crate::processes::binaries;

/// What `tests/run` writes for the tests: the environment in which plugins compile on this machine.
const ENVIRONMENT_FILE: &str = "wasm-target.env";

/// The folder of the workspace.
pub(crate) fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace")
}

/// Where plugins are compiled, and where those of [`built`] are.
pub(crate) fn target() -> PathBuf {
    binaries::target().join("plugins")
}

/// A command in which plugins compile: with this machine's compiler for them, in a target folder of their own,
/// from the crates that are here already.
pub(crate) fn command(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    binaries::without_own_package(&mut command);
    command.envs(environment().iter().map(|(name, value)| (name, value)));
    command.env("CARGO_TARGET_DIR", target()).env("CARGO_NET_OFFLINE", "true");
    command
}

/// A plugin of this workspace, by its folder such as `plugins/sandbox`, as a file.
pub(crate) fn built(folder: &str) -> PathBuf {
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    // Whoever panicked while building has said so; the others try for themselves.
    let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(file) = built.get(folder) {
        return file.clone();
    }
    std::fs::create_dir_all(target()).expect("the target folder");
    let file = target().join(format!("{}.wasm", folder.replace('/', "-")));
    let ended = command(binaries::payhub())
        .args(["plugin", "build"])
        .arg(workspace().join(folder))
        .arg("--out")
        .arg(&file)
        .output()
        .expect("payhub starts");
    assert!(ended.status.success(), "{folder} cannot be built:\n{}", String::from_utf8_lossy(&ended.stderr));
    built.insert(folder.to_owned(), file.clone());
    file
}

fn environment() -> &'static [(String, String)] {
    static ENVIRONMENT: OnceLock<Vec<(String, String)>> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let file = binaries::target().join(ENVIRONMENT_FILE);
        let text = std::fs::read_to_string(&file).unwrap_or_else(|error| {
            panic!("{}: {error}; it says how plugins compile on this machine: run tests/run", file.display())
        });
        let pair = |line: &str| {
            let (name, value) = line.split_once('=').expect("NAME=VALUE");
            (name.to_owned(), value.to_owned())
        };
        text.lines().map(pair).collect()
    })
}
