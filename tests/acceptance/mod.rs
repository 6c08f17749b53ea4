//! What the README promises a newcomer, by scripts that share nothing with the hub: the real `payhub demo`, HTTP,
//! the Standard Webhooks project's own library, and a reader of the published document.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::processes::world::{Kind, World};
use crate::processes::{binaries, setting};

const SCRIPTS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/acceptance");

#[test]
fn a_newcomer_takes_a_first_payment() {
    // Started by hand, because the script needs the very file that the demo writes.
    let mut world = World::prepare(Kind::Demo);
    let saved = world.path().join("saved.json");
    for step in ["--save", "--replay"] {
        let ready_file = start(&mut world);
        run("first_payment.py", &ready_file, &[step.into(), saved.clone().into()]);
        stop(&mut world);
    }
}

#[test]
fn the_demo_keeps_its_own_document() {
    let mut world = World::prepare(Kind::Demo);
    let ready_file = start(&mut world);
    run("document.py", &ready_file, &[]);
    stop(&mut world);
}

/// Starts the hub; gives a file that stays what it is.
fn start(world: &mut World) -> PathBuf {
    let ready = world.start_hub();
    let ready_file = world.path().join("kept.json");
    std::fs::write(&ready_file, ready.to_string()).expect("the ready file");
    ready_file
}

fn stop(world: &mut World) {
    let mut hub = world.hub.take().expect("the hub runs");
    hub.terminate();
    assert_eq!(hub.end().code(), Some(0), "{}", hub.printed());
}

fn run(script: &str, ready_file: &Path, more: &[OsString]) {
    let mut arguments: Vec<OsString> = vec![Path::new(SCRIPTS).join(script).into()];
    arguments.extend(["--ready-file".into(), ready_file.into()]);
    arguments.extend_from_slice(more);
    // Nothing is left behind beside the scripts.
    let mut python = Command::new(python());
    python.args(arguments).env("PYTHONDONTWRITEBYTECODE", "1");
    let script = python.output().expect("python starts");
    let (said, failed) = (String::from_utf8_lossy(&script.stdout), String::from_utf8_lossy(&script.stderr));
    assert!(script.status.success(), "{said}{failed}");
    println!("{said}");
}

/// The Python that has the libraries.
fn python() -> PathBuf {
    let python = setting("HUB_TEST_PYTHON")
        .map_or_else(|| binaries::target().join("test-tools/venv/bin/python"), PathBuf::from);
    let tried = Command::new(&python).args(["-c", "import schemathesis, standardwebhooks"]).output();
    assert!(
        tried.is_ok_and(|tried| tried.status.success()),
        "{} lacks the scripts' libraries: run the README's test command, tests/run, which sets them up",
        python.display()
    );
    python
}
