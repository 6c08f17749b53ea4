//! Plugins, built from their source by the real `payhub plugin build`, once for each run of the tests.
//!
//! What cannot be built fails the test with the command that helps: no test of a plugin passes without one.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, OnceLock, PoisonError};

use hub_tests::cargo::without_own_package;
use payhub::plugin::shelf::{Shelf, Terms};
use payhub::private_file;

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
    without_own_package(&mut command);
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

/// Puts a plugin into a hub's data folder, and its compiled code beside it as an earlier start would have left it:
/// compiled once for all tests, because that takes a debug build seconds.
pub(crate) fn install(file: &Path, data_dir: &Path) {
    static COMPILING: Mutex<()> = Mutex::new(());
    let (folder, code) = (data_dir.join("plugins"), data_dir.join("plugin-cache"));
    std::fs::create_dir_all(&folder).expect("the folder of plugins");
    std::fs::copy(file, folder.join(file.file_name().expect("a file"))).expect("the plugin");
    let cache = target().join("code");
    let terms = Terms { cache: Some(cache.clone()), ..Terms::default() };
    let _once = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let shelf = Shelf::read(&folder, &terms, &Shelf::default()).expect("a folder of plugins");
    let [(_, plugin)] = shelf.plugins() else { panic!("{} is no plugin", file.display()) };
    let its_code = plugin.hash().to_string();
    private_file::make_folder(&code).expect("the folder of compiled code");
    for entry in std::fs::read_dir(&cache).expect("what was compiled") {
        let name = entry.expect("an entry").file_name().into_string().expect("a UTF-8 name");
        // The key is what the hub knows its own code by.
        if name == "key" || name.starts_with(&its_code) {
            std::fs::copy(cache.join(&name), code.join(&name)).expect("a copy");
        }
    }
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
