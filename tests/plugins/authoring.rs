//! What an author does: writes a plugin, builds it, tries it, and is told clearly when something is wrong.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::shell::{self, plugin, told};
use crate::support::plugins;

/// A new plugin in a folder of its own.
struct Crate {
    _folder: tempfile::TempDir,
    path: PathBuf,
}

impl Crate {
    fn new(name: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        plugin(folder.path(), &["new", name]).done();
        let path = folder.path().join(name);
        Self { _folder: folder, path }
    }

    /// Writes another text in place of one that stands in a file once.
    fn edit(&self, file: &str, from: &str, to: &str) {
        let path = self.path.join(file);
        let text = std::fs::read_to_string(&path).expect("a file of the template");
        assert_eq!(text.matches(from).count(), 1, "{from:?} in {file}");
        std::fs::write(path, text.replace(from, to)).expect("the file can be written");
    }
}

/// The shell commands of a document, as one script.
pub(super) fn commands(document: &str, block: &str) -> String {
    let opening = format!("```{block}\n");
    let blocks = document.split(opening.as_str()).skip(1);
    blocks.map(|rest| rest.split("```").next().expect("a block")).collect()
}

#[test]
fn a_new_plugin_keeps_every_law_and_each_command_of_its_readme_works() {
    let acme = Crate::new("my-pay");
    let readme = std::fs::read_to_string(acme.path.join("README.md")).expect("its README");
    let commands = commands(&readme, "sh");
    assert!(commands.lines().count() >= 5, "{commands}");
    let out = shell::script(&acme.path, &commands).done();
    for said in ["27 laws kept, 0 broken", "my-pay 0.1.0: MyPay Pay", "POST http://127.0.0.1:4010/v1/refunds"]
    {
        assert!(out.contains(said), "{said:?} is not in\n{out}");
    }
    // What an operator reads before trusting it.
    let inspected = plugin(&acme.path, &["inspect", "my-pay.wasm", "--json"]).json();
    let bytes = std::fs::read(acme.path.join("my-pay.wasm")).expect("the plugin");
    assert_eq!(inspected["name"], "my-pay");
    assert_eq!(inspected["imports"], json!(["log"]));
    assert_eq!(inspected["bytes"], bytes.len());
    assert_eq!(inspected["sha256"], payhub::plugin::file::PluginHash::of(&bytes).to_string());
    assert_eq!(inspected["signature"], Value::Null);
    assert_eq!(inspected["descriptor"]["secrets"][0]["name"], "api_key");
    // The versions are the ones this hub was tested with, whatever has been published since.
    let lock = |path: &Path| -> toml::Table {
        std::fs::read_to_string(path).expect("a lock file").parse().expect("TOML")
    };
    let ours = lock(&plugins::workspace().join("Cargo.lock"));
    let known = ours["package"].as_array().expect("packages");
    for package in lock(&acme.path.join("Cargo.lock"))["package"].as_array().expect("packages") {
        let same = |other: &&toml::Value| {
            ["name", "version", "checksum"].iter().all(|key| other.get(key) == package.get(key))
        };
        let is_ours = package.get("source").is_none() || known.iter().any(|other| same(&other));
        assert!(is_ours, "{package}");
    }
}

#[test]
fn a_mistake_is_told_by_the_law_it_breaks() {
    // A name of its own: crates of one name would meet in the folder that all of them are compiled in.
    let acme = Crate::new("mistaken");
    acme.edit("src/lib.rs", ".header(\"Idempotency-Key\", &call.key)", "");
    let (reading, panicking) =
        ("session.currency(\"/currency\")?", "session.currency(\"/currency\").expect(\"I know best\")");
    acme.edit("src/lib.rs", reading, panicking);
    plugin(&acme.path, &["build"]).done();
    let said = plugin(&acme.path, &["test", "mistaken.wasm", "--fixtures", "fixtures"]);
    assert_eq!(said.code, 1, "{said:#?}");
    for part in ["BROKEN  idempotency_key: ", "BROKEN  never_panics: ", "I know best"] {
        assert!(said.out.contains(part), "{part:?} is not in\n{}", said.out);
    }
    let report = plugin(&acme.path, &["test", "mistaken.wasm", "--fixtures", "fixtures", "--json"]);
    assert_eq!(report.code, 1);
    let report: Value = serde_json::from_str(&report.out).expect("JSON");
    assert_eq!(report["ok"], false);
    let broken = report["broken"].as_array().expect("a list");
    assert!(broken.contains(&json!("idempotency_key")), "{broken:?}");
    // And one that does not compile.
    acme.edit("src/lib.rs", "Operation::FetchPayment =>", "Operation::FetchEverything =>");
    let said = plugin(&acme.path, &["build"]);
    assert_eq!(said.code, 1);
    for part in ["FetchEverything", "the crate does not compile; cargo says why above"] {
        assert!(said.err.contains(part), "{part:?} is not in\n{}", said.err);
    }
    // One that needs what a plugin does not have.
    acme.edit("src/lib.rs", "Operation::FetchEverything =>", "Operation::FetchPayment =>");
    let import = "#[link(wasm_import_module = \"env\")]\nunsafe extern \"C\" { fn now() -> u64; }\n\
                  #[unsafe(no_mangle)]\npub extern \"C\" fn clock() -> u64 { unsafe { now() } }\n";
    acme.edit("src/lib.rs", "mod descriptor;\n", &format!("mod descriptor;\n{import}"));
    let said = plugin(&acme.path, &["build"]);
    assert_eq!(said.code, 1);
    assert!(said.err.contains("is not a plugin") && said.err.contains("env"), "{}", said.err);
}

#[test]
fn what_cannot_be_made_is_refused_with_what_to_do() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let folder = folder.path();
    std::fs::create_dir(folder.join("taken")).expect("a folder");
    std::fs::create_dir_all(folder.join("plain/src")).expect("a folder");
    std::fs::write(
        folder.join("plain/Cargo.toml"),
        "[package]\nname = \"plain\"\nedition = \"2024\"\n[workspace]\n",
    )
    .expect("a manifest");
    std::fs::write(folder.join("plain/src/lib.rs"), "").expect("a source");
    std::fs::write(folder.join("text.wasm"), "no plugin").expect("a file");
    std::fs::write(folder.join("empty.wasm"), b"\0asm\x01\0\0\0").expect("a core module");
    let rows: [(&[&str], &str); 13] = [
        (&["new", "Acme"], "begins with a letter"),
        (&["new", "../acme"], "a to z, 0 to 9 and -"),
        (&["new", "match"], "choose another name, such as match-pay"),
        (&["new", "taken"], "./taken is there already"),
        (&["build"], "DIR is the folder of a crate"),
        (&["build", "plain"], "crate-type = [\"cdylib\"]"),
        (&["inspect", "absent.wasm"], "absent.wasm cannot be read"),
        (&["inspect", "text.wasm"], "build it with `payhub plugin build`"),
        (&["inspect", "empty.wasm"], "build it with `payhub plugin build`"),
        (&["test", "text.wasm", "--fixtures", "absent"], "absent cannot be read"),
        (&["test", "text.wasm", "--fixtures", "taken"], "taken holds no fixture"),
        (&["test", "text.wasm", "--fixtures", "taken", "--secret", "sk_live_1"], "write NAME=VALUE"),
        (&["run", "text.wasm"], "build it with `payhub plugin build`"),
    ];
    for (arguments, expected) in rows {
        let said = plugin(folder, arguments);
        assert_ne!(said.code, 0, "{arguments:?}");
        assert!(said.err.contains(expected), "{arguments:?}: {expected:?} is not in {}", said.err);
        assert!(!said.err.contains("panicked"), "{arguments:?}: {}", said.err);
    }
    let left: Vec<_> = std::fs::read_dir(folder)
        .expect("a folder")
        .map(|entry| entry.expect("an entry").file_name())
        .collect();
    assert_eq!(left.len(), 4, "nothing was half made: {left:?}");
}

#[test]
fn a_missing_target_is_named_with_the_command_that_brings_it() {
    let acme = Crate::new("acme");
    // The real compiler, which finds no standard library for plugins.
    let nothing = acme.path.join("nothing");
    let rustc = acme.path.join("rustc");
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *wasm32*) exec rustc \"$@\" --sysroot '{}' ;; *) exec rustc \"$@\" ;; esac\n",
        nothing.display()
    );
    std::fs::write(&rustc, script).expect("a script");
    std::fs::set_permissions(&rustc, std::fs::Permissions::from_mode(0o755)).expect("a script to run");
    let output = shell::command(&acme.path, &["build"])
        .env("RUSTC", &rustc)
        .env("CARGO_TARGET_DIR", acme.path.join("target"))
        .output()
        .expect("payhub starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("rustup target add wasm32-unknown-unknown"), "{said}");
}

#[test]
fn a_run_prints_each_step_and_takes_answers_as_they_come() {
    let file = plugins::built("plugins/sandbox");
    let folder = plugins::workspace();
    let file = file.to_str().expect("a UTF-8 path");
    let fixture = |name: &str| -> Value {
        let path = folder.join(format!("processors/sandbox/fixtures/{name}.json"));
        serde_json::from_str(&std::fs::read_to_string(path).expect("a fixture")).expect("JSON")
    };
    let (open, paid) = (fixture("open_checkout"), fixture("webhook_session_paid"));
    let ask = |fixture: &Value| format!("{:#}\n", fixture["ask"]);
    let answer = &open["transcript"][0]["answer"];
    let url = ["--setting", "base_url=http://127.0.0.1:4010"];
    let open_run = [&["run", file][..], &url].concat();
    type Row<'a> = (&'a str, &'a [&'a str], String, i32, &'a [&'a str]);
    let rows: [Row<'_>; 7] = [
        (
            "to the first step",
            &open_run,
            ask(&open),
            0,
            &[
                "step 1: send",
                "POST http://127.0.0.1:4010/v1/sessions",
                "Authorization: Bearer {secret api_key}",
                "it waits for an answer",
            ],
        ),
        ("to the end", &open_run, format!("{}{answer}", ask(&open)), 0, &["\"word\": \"open\"", "\"door\""]),
        (
            "a delivery",
            &open_run,
            format!("{}\"verified\"", ask(&paid)),
            0,
            &[
                "verify hmac_sha256 with {secret webhook_secret} over \"1767323445.\" + the body, as hex",
                "\"word\": \"paid\"",
            ],
        ),
        (
            "a forged one",
            &open_run,
            format!("{}{{\"refused\": {{\"why\": \"mismatch\"}}}}", ask(&paid)),
            0,
            &["forged"],
        ),
        (
            "an answer to something else",
            &open_run,
            format!("{}\"verified\"", ask(&open)),
            1,
            &["that is no answer to this step; write {\"response\""],
        ),
        ("without its setting", &["run", file], ask(&open), 1, &["base_url", "--setting NAME=VALUE"]),
        ("without a question", &open_run, String::new(), 1, &["standard input is empty"]),
    ];
    for (label, arguments, input, code, expected) in rows {
        let said = told(folder, arguments, &input);
        assert_eq!(said.code, code, "{label}: {said:#?}");
        for part in expected {
            assert!(
                format!("{}{}", said.out, said.err).contains(part),
                "{label}: {part:?} is not in {said:#?}"
            );
        }
    }
    // For programs: a JSON object a line.
    let said =
        told(folder, &[&open_run[..], &["--json"]].concat(), &format!("{}{answer}", ask(&open))).done();
    let lines: Vec<Value> = said.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!(lines.len(), 3, "{said}");
    assert_eq!(lines[0]["step"], open["transcript"][0]["step"]);
    assert_eq!(lines[2]["reply"], open["reply"]);
}
