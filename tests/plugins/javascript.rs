//! Plugins in JavaScript: the SDK for them, and Paystack, which exists only as one. Built with npm from source,
//! run in the hub's own sandbox, and held to the laws of every other adapter.
//!
//! The packages that npm needs lie below target/, where `tests/javascript` fetched them; building needs no network.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use payhub::plugin::adapter::PluginAdapter;
use payhub::plugin::limits::Limits;
use payhub::plugin::sandbox::{Plugin, RunFault, Sandbox};
use processor_sdk::conformance::{Fixture, Subject, check_all};
use processor_sdk::{Ask, Currency, Question, Reply};
use serde_json::{Value, json};

use super::authoring::commands;
use super::shell;
use crate::processes::binaries;
use crate::support::plugins::workspace;

/// What the plugin is called whose every operation is another mistake.
const MISTAKES: &str = "tests/plugins/mistakes.js";

/// The folder of the plugin and of the SDK, with the sources of now and the packages that were fetched.
fn prepared() -> &'static Path {
    static PREPARED: OnceLock<PathBuf> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let home = binaries::target().join("test-tools/javascript");
        for package in ["processor-sdk/js", "plugins/paystack"] {
            let wanted =
                std::fs::read(workspace().join(package).join("package-lock.json")).expect("a lock file");
            let found = std::fs::read(home.join(package).join("package-lock.json")).unwrap_or_default();
            let is_complete = home.join(package).join("complete").exists();
            assert!(
                is_complete && wanted == found,
                "the packages of {package} are not there: run tests/javascript"
            );
            copy(&workspace().join(package), &home.join(package));
        }
        copy(&workspace().join("processor-sdk/schema"), &home.join("processor-sdk/schema"));
        let sdk = home.join("plugins/paystack/node_modules/payhub-processor-sdk");
        copy(&workspace().join("processor-sdk/js"), &sdk);
        std::fs::copy(workspace().join(MISTAKES), home.join("plugins/paystack/mistakes.js")).expect("a copy");
        home
    })
}

/// Copies what npm did not put there. Files that are gone from the source are gone from the copy.
fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder of the workspace") {
        let entry = entry.expect("an entry");
        let name = entry.file_name();
        let (from, to) = (entry.path(), to.join(&name));
        if name == "node_modules" {
            continue;
        }
        if from.is_dir() {
            drop(std::fs::remove_dir_all(&to));
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).unwrap_or_else(|error| panic!("{}: {error}", from.display()));
        }
    }
}

/// Runs a program in a folder and gives what it printed.
#[track_caller]
fn printed(folder: &str, program: &str, arguments: &[&str]) -> String {
    let ended =
        Command::new(program).args(arguments).current_dir(prepared().join(folder)).output().unwrap_or_else(
            |error| panic!("{program} does not start: {error}; run tests/javascript, which installs it"),
        );
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "{program} {arguments:?} in {folder}:\n{out}{err}");
    out.into_owned()
}

/// A plugin of the folder plugins/paystack, loaded.
fn loaded(file: &str) -> Arc<Plugin> {
    let path = prepared().join("plugins/paystack").join(file);
    let bytes = std::fs::read(path).expect("the built plugin");
    let sandbox = Sandbox::new().expect("a sandbox");
    sandbox.load(&bytes, Limits::default()).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// Paystack's plugin as a file, built once for each run of the tests.
pub(crate) fn paystack_file() -> PathBuf {
    static PAYSTACK: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        printed("plugins/paystack", "npm", &["run", "build"]);
        prepared().join("plugins/paystack/paystack.wasm")
    };
    PAYSTACK.get_or_init(build).clone()
}

fn paystack() -> Arc<Plugin> {
    static PAYSTACK: OnceLock<Arc<Plugin>> = OnceLock::new();
    Arc::clone(PAYSTACK.get_or_init(|| {
        let _built = paystack_file();
        loaded("paystack.wasm")
    }))
}

fn mistakes() -> Arc<Plugin> {
    static PLUGIN: OnceLock<Arc<Plugin>> = OnceLock::new();
    Arc::clone(PLUGIN.get_or_init(|| {
        let build = "node_modules/payhub-processor-sdk/build.mjs";
        printed("plugins/paystack", "node", &[build, "mistakes.js", "mistakes.wasm"]);
        loaded("mistakes.wasm")
    }))
}

#[test]
fn the_sdk_is_checked_and_tested_by_its_own_means() {
    printed("processor-sdk/js", "npm", &["run", "check"]);
    printed("processor-sdk/js", "npm", &["test"]);
}

#[test]
fn paystack_is_checked_and_tested_by_its_own_means() {
    printed("plugins/paystack", "npm", &["run", "check"]);
    printed("plugins/paystack", "npm", &["test"]);
}

#[test]
fn the_sdk_has_the_world_and_the_currencies_of_the_contract() {
    let read = |path: &str| std::fs::read_to_string(workspace().join(path)).expect("a file");
    assert_eq!(read("processor-sdk/js/processor.wit"), read("processor-sdk/wit/processor.wit"));
    let program = "import { currencies, exponent } from './src/index.js'; \
                   console.log(JSON.stringify(currencies().map((code) => [code, exponent(code)])))";
    let known = printed("processor-sdk/js", "node", &["--input-type=module", "-e", program]);
    let ours: Vec<Value> =
        Currency::all().map(|currency| json!([currency.code(), currency.exponent()])).collect();
    assert_eq!(serde_json::from_str::<Value>(&known).expect("JSON"), Value::from(ours));
}

#[test]
fn paystack_keeps_every_law_in_the_sandbox() {
    let adapter = PluginAdapter(paystack());
    let subject =
        Subject::of_folder(&adapter, &workspace().join("plugins/paystack/fixtures")).expect("fixtures");
    assert!(subject.fixtures.len() > 60, "the fixtures were not found");
    let report = check_all(&subject);
    assert!(report.is_clean(), "{report}");
}

/// Runs the commands of a document as an author does, from the packages that were fetched and without a network.
#[track_caller]
fn run_commands(folder: &Path, document: &str, block: &str) -> String {
    let commands = commands(document, block);
    assert!(commands.lines().count() >= 5, "the commands were not found: {commands}");
    let cache = prepared().join("npm-cache").display().to_string();
    let settings = format!("export npm_config_offline=true npm_config_cache='{cache}'\n");
    shell::script(folder, &(settings + &commands)).done()
}

#[test]
fn a_new_plugin_in_javascript_keeps_every_law_and_each_command_of_its_readme_works() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    shell::plugin(folder.path(), &["new", "my-pay", "--lang", "js"]).done();
    let path = folder.path().join("my-pay");
    let readme = std::fs::read_to_string(path.join("README.md")).expect("its README");
    let out = run_commands(&path, &readme, "sh");
    for said in ["laws kept, 0 broken", "my-pay 0.1.0: MyPay Pay", "POST http://127.0.0.1:4010/v1/refunds"] {
        assert!(out.contains(said), "{said:?} is not in\n{out}");
    }
    let inspected = shell::plugin(&path, &["inspect", "my-pay.wasm", "--json"]).json();
    assert_eq!(inspected["imports"], json!(["log"]));
}

#[test]
fn the_guide_leads_to_a_plugin_in_javascript() {
    let guide = std::fs::read_to_string(workspace().join("plugins/README.md")).expect("the guide");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let out = run_commands(folder.path(), &guide, "sh javascript");
    assert!(out.contains("laws kept, 0 broken"), "{out}");
}

#[test]
fn the_templates_of_both_languages_tell_the_same_stories() {
    let read = |template: &str| {
        let folder = workspace().join("plugins").join(template).join("fixtures");
        let fixtures = Fixture::read_folder(&folder).expect("fixtures");
        assert!(fixtures.len() > 5, "the fixtures of {template} were not found");
        fixtures
    };
    assert_eq!(read("template-js"), read("template-rust"));
}

/// Asks the plugin of mistakes for the one that the echo names.
fn ask(mistake: &str, transcript: &Value) -> Ask {
    let call = json!({
        "operation": {"kind": "fetch_payment"},
        "key": "k1",
        "echo": mistake,
        "amount": {"amount": 1, "currency": "EUR"},
        "capture": "automatic",
        "created_at": "2026-01-02T03:04:05Z",
        "livemode": false,
    });
    let question: Question = serde_json::from_value(json!({"call": call})).expect("a question");
    Ask {
        transcript: serde_json::from_value(transcript.clone()).expect("a transcript"),
        ..Ask::new(question)
    }
}

#[test]
fn mistakes_are_caught_by_the_dialogue() {
    let step = json!({"send": {"method": "GET", "url": "https://api.acme.example/a"}});
    let other = json!({"send": {"method": "GET", "url": "https://api.acme.example/b"}});
    let deep = json!({"response": {"status": 200, "body": {"text": "[".repeat(200_000)}}});
    let answer = json!({"response": {"status": 200, "body": {"text": "{}"}}});
    let fault = |kind: &str| json!({"fault": {"kind": kind}});
    let rows = [
        ("right", json!([]), json!({"step": step})),
        (
            "right",
            json!([{"step": step, "answer": answer}]),
            json!({"answer": {"said": {"facts": {"word": "open"}}}}),
        ),
        ("right", json!([{"step": other, "answer": answer}]), fault("not_deterministic")),
        ("right", json!([{"step": step, "answer": "verified"}]), fault("not_deterministic")),
        ("asksnothing", json!([{"step": step, "answer": answer}]), fault("not_deterministic")),
        ("swallows", json!([]), fault("swallowed_stop")),
        ("swallowsfinally", json!([]), fault("swallowed_stop")),
        ("swallowsandfaults", json!([]), fault("swallowed_stop")),
        ("catcheserrors", json!([]), json!({"step": step})),
        (
            "right",
            json!([{"step": step, "answer": deep}]),
            json!({"fault": {"kind": "unreadable", "what": "expected a JSON document"}}),
        ),
    ];
    for (mistake, transcript, expected) in rows {
        let ran = mistakes().run(&ask(mistake, &transcript));
        let expected: Reply = serde_json::from_value(expected).expect("a reply");
        assert_eq!(ran.result.as_ref(), Ok(&expected), "{mistake}: {ran:?}");
    }
}

#[test]
fn what_a_pure_function_must_not_have_is_not_there() {
    let rows = [
        ("readsclock", "a plugin has no clock"),
        ("readsclocknew", "a plugin has no clock"),
        ("readsclockcall", "a plugin has no clock"),
        ("readsperformance", "a plugin has no clock"),
        ("draws", "a plugin has no randomness"),
        ("isasync", "they are no async functions"),
        ("returnsnothing", "forget no return"),
        ("throws", "RangeError: a mistake of the author"),
        ("reachesout", "fetch is not defined"),
    ];
    for (mistake, said) in rows {
        let ran = mistakes().run(&ask(mistake, &json!([])));
        assert!(matches!(ran.result, Err(RunFault::Trapped(_))), "{mistake}: {ran:?}");
        assert!(ran.log.iter().any(|line| line.contains(said)), "{mistake}: {ran:?}");
    }
    // A plugin that goes wrong once goes right the next time: each run has an instance of its own.
    assert!(mistakes().run(&ask("right", &json!([]))).result.is_ok());
    let first = mistakes().run(&ask("remembers", &json!([])));
    assert_eq!(first.result, mistakes().run(&ask("remembers", &json!([]))).result);
}
