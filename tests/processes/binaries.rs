//! Finds the programs beside the running test, and first has cargo make sure that they are current: a test
//! of yesterday's binary proves nothing.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use hub_tests::cargo::cargo;

/// The hub.
pub(crate) fn payhub() -> PathBuf {
    folder().join("payhub")
}

/// The make-believe processor.
pub(crate) fn sandbox_server() -> PathBuf {
    folder().join("sandbox-server")
}

/// The folder of build results, such as `target`.
pub(crate) fn target() -> PathBuf {
    folder().parent().expect("a profile's folder is in the target folder").to_path_buf()
}

/// The folder of this profile's programs, built once for each run of the tests.
fn folder() -> &'static Path {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(build)
}

fn build() -> PathBuf {
    let test = std::env::current_exe().expect("the test's own path");
    // A test is TARGET/PROFILE/deps/NAME-HASH.
    let folder =
        test.parent().and_then(Path::parent).expect("a test lies in its profile's `deps`").to_path_buf();
    let profile = folder.file_name().and_then(|name| name.to_str()).expect("a profile's folder");
    let profile = if profile == "debug" { "dev" } else { profile };
    let built = cargo()
        .args(["build", "--quiet", "--locked", "-p", "payhub", "-p", "sandbox-server", "--profile", profile])
        // As the tests have it, so that the hub is compiled once.
        .args(["--features", "payhub/planted-bugs"])
        .arg("--target-dir")
        .arg(folder.parent().expect("a profile's folder is in the target folder"))
        .arg("--manifest-path")
        .arg(concat!(env!("CARGO_MANIFEST_DIR"), "/../Cargo.toml"))
        .output()
        .expect("cargo starts");
    assert!(
        built.status.success(),
        "the programs cannot be built:\n{}",
        String::from_utf8_lossy(&built.stderr)
    );
    folder
}
