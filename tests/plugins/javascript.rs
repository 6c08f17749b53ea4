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
use processor_sdk::{Ask, Currency, Question, Reply, Settings};
use serde_json::{Value, json};

/// What the plugin is called whose every operation is another mistake.
const MISTAKES: &str = "tests/plugins/mistakes.js";

/// The folder of the workspace.
fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests lie in the workspace")
}

/// The folder of the plugin and of the SDK, with the sources of now and the packages that were fetched.
fn prepared() -> &'static Path {
    static PREPARED: OnceLock<PathBuf> = OnceLock::new();
    PREPARED.get_or_init(|| {
        let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("the target folder");
        let home = target.join("test-tools/javascript");
        for package in ["processor-sdk/js", "plugins/paystack"] {
            let wanted = std::fs::read(root().join(package).join("package-lock.json")).expect("a lock file");
            let found = std::fs::read(home.join(package).join("package-lock.json")).unwrap_or_default();
            let is_complete = home.join(package).join("complete").exists();
            assert!(
                is_complete && wanted == found,
                "the packages of {package} are not there: run tests/javascript"
            );
            copy(&root().join(package), &home.join(package));
        }
        copy(&root().join("processor-sdk/schema"), &home.join("processor-sdk/schema"));
        let sdk = home.join("plugins/paystack/node_modules/payhub-processor-sdk");
        copy(&root().join("processor-sdk/js"), &sdk);
        std::fs::copy(root().join(MISTAKES), home.join("plugins/paystack/mistakes.js")).expect("a copy");
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

fn paystack() -> Arc<Plugin> {
    static PAYSTACK: OnceLock<Arc<Plugin>> = OnceLock::new();
    Arc::clone(PAYSTACK.get_or_init(|| {
        printed("plugins/paystack", "npm", &["run", "build"]);
        loaded("paystack.wasm")
    }))
}

/// Builds the plugin of mistakes by the command of Paystack's package, with other files.
fn mistakes() -> Arc<Plugin> {
    static PLUGIN: OnceLock<Arc<Plugin>> = OnceLock::new();
    Arc::clone(PLUGIN.get_or_init(|| {
        let package: Value = serde_json::from_slice(
            &std::fs::read(root().join("plugins/paystack/package.json")).expect("a file"),
        )
        .expect("JSON");
        let build = package["scripts"]["build"].as_str().expect("a build script");
        let command = build.replace("src/plugin.js", "mistakes.js").replace("paystack.wasm", "mistakes.wasm");
        printed("plugins/paystack", "npx", &["--no-install", "-c", &command]);
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
    let read = |path: &str| std::fs::read_to_string(root().join(path)).expect("a file");
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
    let fixtures = Fixture::read_folder(&root().join("plugins/paystack/fixtures")).expect("fixtures");
    assert!(fixtures.len() > 60, "the fixtures were not found");
    let secrets = [("secret_key", "sk_test_0123456789abcdef")];
    let subject = Subject::new(&adapter, fixtures, secrets, Settings::default()).expect("signed fixtures");
    let report = check_all(&subject);
    assert!(report.is_clean(), "{report}");
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
