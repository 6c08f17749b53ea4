//! What an operator does by command, through the real binary: beside a running hub and without one.

pub(crate) mod desk;

mod keys;

mod story;

mod decisions;

mod reload;

mod places;

mod config_check;

mod processors;

mod documents;

mod backup;
mod database;
mod killed;

/// Compares a text with its golden file, or writes it.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a switch for people, not a setting of the hub")]
fn golden(name: &str, text: &str) {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("operators/golden");
    let path = folder.join(format!("{name}.txt"));
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(golden == text, "tests/operators/golden/{name}.txt says\n{golden}\nbut payhub says\n{text}");
}
