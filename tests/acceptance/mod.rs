//! What the README promises a newcomer, by a script that shares nothing with the hub: the real `payhub demo`,
//! HTTP, and the Standard Webhooks project's own library.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

use crate::processes::world::{Kind, World};
use crate::processes::{binaries, setting};

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/acceptance/first_payment.py");

#[test]
fn a_newcomer_takes_a_first_payment() {
    let python = python();
    // Started by hand, because the script needs the very file that the demo writes.
    let mut world = World::prepare(Kind::Demo);
    let saved = world.path().join("saved.json");
    let ready_file = world.path().join("kept.json");
    for step in ["--save", "--replay"] {
        let ready = world.start_hub();
        std::fs::write(&ready_file, ready.to_string()).expect("the ready file");
        let arguments: [OsString; 5] = [
            SCRIPT.into(),
            "--ready-file".into(),
            ready_file.clone().into(),
            step.into(),
            saved.clone().into(),
        ];
        let script = Command::new(&python).args(arguments).output().expect("python starts");
        let (said, failed) =
            (String::from_utf8_lossy(&script.stdout), String::from_utf8_lossy(&script.stderr));
        assert!(script.status.success(), "{said}{failed}");
        println!("{said}");
        let mut hub = world.hub.take().expect("the hub runs");
        hub.terminate();
        assert_eq!(hub.end().code(), Some(0), "{}", hub.printed());
    }
}

/// The Python that has the library.
fn python() -> PathBuf {
    let python = setting("HUB_TEST_PYTHON")
        .map_or_else(|| binaries::target().join("test-tools/venv/bin/python"), PathBuf::from);
    let tried = Command::new(&python).args(["-c", "import standardwebhooks"]).output();
    assert!(
        tried.is_ok_and(|tried| tried.status.success()),
        "{} has no Standard Webhooks library: run the README's test command, tests/run, which sets it up",
        python.display()
    );
    python
}
