//! `config check`: each class of mistake, shown with its place, its key, the reason and what to do.
//!
//! What is said is in `golden/config/`, one file a class; read one as an operator who has made that mistake.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use payhub::plugin::file::PluginHash;
use processor_sdk::HostRule;
use serde_json::Value;

use super::desk::{Said, payhub};
use super::golden;
use crate::plugins::hostile::framed;

/// What must never be said, wherever it was written.
const CANARY: &str = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
const ENVIRONMENT: [(&str, &str); 4] =
    [("GOOD_KEY", "sk_of_the_operator"), ("CANARY", CANARY), ("EMPTY", ""), ("WEAK", "short")];

/// A good connector; rows replace parts of it.
const CONNECTOR: &str = r#"
[connectors.cards]
adapter = "sandbox"
mode = "test"
plain_http_hosts = ["127.0.0.1:4010"]
[connectors.cards.settings]
base_url = "http://127.0.0.1:4010"
[connectors.cards.secrets]
api_key = { env = "GOOD_KEY" }
webhook_secret = { file = "good" }
"#;

/// Each class, and how a good file becomes one that has it: this text, by that.
const CLASSES: [(&str, &str, &str); 50] = [
    ("not_toml", r#""https://pay.example""#, "https://pay.example"),
    ("unclosed_text", r#""https://pay.example""#, r#""https://pay.example"#),
    ("written_twice", "[connectors.cards]", "[connectors.cards]\n[connectors.cards]"),
    ("unknown_key", "[connectors.cards]", "lisen = \"127.0.0.1:1\"\n[connectors.cards]"),
    ("unknown_table", "[connectors.cards]", "[limit]\n[connectors.cards]"),
    ("key_in_wrong_table", "[connectors.cards]", "[log]\nlisten = \"127.0.0.1:1\"\n[connectors.cards]"),
    ("wrong_type", "[connectors.cards]", "[limits]\nbody_bytes_max = \"big\"\n[connectors.cards]"),
    ("out_of_range", "[connectors.cards]", "[limits]\nrequest_timeout_s = 1\n[connectors.cards]"),
    ("wrong_choice", r#"mode = "test""#, r#"mode = "prod""#),
    ("policy", "[connectors.cards]", "[policies]\npaid_late = \"return\"\n[connectors.cards]"),
    ("missing_required", r#"adapter = "sandbox""#, ""),
    ("missing_public_url", "public_url = \"https://pay.example\"", ""),
    ("public_url", "https://pay.example", "pay.example"),
    ("listen", "[connectors.cards]", "listen = \"8080\"\n[connectors.cards]"),
    ("inline_secret", r#"{ env = "GOOD_KEY" }"#, "\"sk_live_4eC39HqLyjWDarjtT1zdp7dc\""),
    (
        "inline_secret_as_setting",
        "base_url = \"http://127.0.0.1:4010\"",
        "api_key = \"sk_live_4eC39HqLyjWDarjtT1zdp7dc\"",
    ),
    ("secret_as_variable_name", r#"env = "GOOD_KEY""#, "env = \"sk_live_4eC39HqLyjWDarjtT1zdp7dc\""),
    ("secret_variable_missing", r#"env = "GOOD_KEY""#, r#"env = "NOT_SET""#),
    ("secret_variable_empty", r#"env = "GOOD_KEY""#, r#"env = "EMPTY""#),
    ("secret_file_missing", r#"file = "good""#, r#"file = "./missing""#),
    ("secret_file_not_plain", r#"file = "good""#, r#"file = "./folder""#),
    ("secret_file_too_open", r#"file = "good""#, r#"file = "./open""#),
    ("secret_file_empty", r#"file = "good""#, r#"file = "./empty""#),
    ("secret_file_not_text", r#"file = "good""#, r#"file = "./binary""#),
    ("secret_too_short", r#"file = "good""#, r#"file = "./tiny""#),
    ("unknown_adapter", r#"adapter = "sandbox""#, r#"adapter = "sandbx""#),
    ("no_such_adapter", r#"adapter = "sandbox""#, r#"adapter = "moneybags""#),
    ("plugin_beside_adapter", r#"adapter = "sandbox""#, "adapter = \"sandbox\"\nplugin = \"acme\""),
    ("no_such_plugin", r#"adapter = "sandbox""#, r#"plugin = "acme""#),
    ("hash_without_plugin", r#"adapter = "sandbox""#, "adapter = \"sandbox\"\nsha256 = \"ab\""),
    ("not_a_hash", r#"adapter = "sandbox""#, "plugin = \"acme\"\nsha256 = \"ab\""),
    (
        "plugin_host_not_granted",
        "[connectors.cards]\nadapter = \"sandbox\"",
        "[plugins]\nfolder = \"plugins\"\n[connectors.cards]\nplugin = \"acme\"",
    ),
    (
        "plugin_of_another_hash",
        "[connectors.cards]\nadapter = \"sandbox\"",
        "[plugins]\nfolder = \"plugins\"\n[connectors.cards]\nplugin = \"acme\"\nsha256 = \
         \"5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9\"",
    ),
    (
        "plugin_version_twice",
        "[connectors.cards]\nadapter = \"sandbox\"",
        "[plugins]\nfolder = \"twins\"\n[connectors.cards]\nplugin = \"acme\"",
    ),
    (
        "plugin_limit_out_of_range",
        "[connectors.cards]",
        "[plugins.limits]\nrun_ms_max = 0\n[plugins.limits_of.acme]\nmemory_bytes_max = 1\n[connectors.cards]",
    ),
    ("not_a_public_key", "[connectors.cards]", "[plugins]\ntrusted_keys = [\"RWabc\"]\n[connectors.cards]"),
    ("unknown_setting", "base_url =", "base_ulr ="),
    ("missing_setting", "base_url = \"http://127.0.0.1:4010\"", ""),
    ("wrong_setting_type", "base_url = \"http://127.0.0.1:4010\"", "base_url = 4010"),
    ("wrong_secret_name", "api_key =", "api_kee ="),
    ("missing_secret", "api_key = { env = \"GOOD_KEY\" }", ""),
    ("connector_name", "connectors.cards", "connectors.Cards"),
    (
        "live_with_plain_http",
        "https://pay.example\"\n\n[connectors.cards]\nadapter = \"sandbox\"\nmode = \"test\"",
        "http://pay.example\"\n\n[connectors.cards]\nadapter = \"stripe\"\nmode = \"live\"",
    ),
    ("live_with_the_sandbox", r#"mode = "test""#, r#"mode = "live""#),
    ("not_a_host", r#"plain_http_hosts = ["127.0.0.1:4010"]"#, r#"plain_http_hosts = ["http://127.0.0.1"]"#),
    (
        "host_outside_of_the_adapters",
        "plain_http_hosts",
        "hosts = [\"127.0.0.1:4010\", \"*.example.org\"]\nplain_http_hosts",
    ),
    ("plain_http_host_outside_of_the_adapters", r#"["127.0.0.1:4010"]"#, r#"["127.0.0.1:4011"]"#),
    ("plain_http_not_listed", "plain_http_hosts = [\"127.0.0.1:4010\"]\n", ""),
    (
        "everything_at_once",
        "base_url = \"http://127.0.0.1:4010\"\n[connectors.cards.secrets]\napi_key =",
        "base_ulr = 4010\n[connectors.cards.secrets]\napi_kee =",
    ),
    (
        "weak_webhook_path",
        "[connectors.cards.settings]",
        "webhook_path_secret = { env = \"WEAK\" }\n[connectors.cards.settings]",
    ),
];

fn good() -> String {
    format!("public_url = \"https://pay.example\"\n{CONNECTOR}")
}

/// A folder with the secret files that rows name.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let secret = |name: &str, content: &[u8], mode: u32| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a secret file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("its mode");
    };
    secret("good", b"whsec_of_the_operator\n", 0o600);
    secret("open", CANARY.as_bytes(), 0o644);
    secret("empty", b"\n", 0o600);
    secret("binary", b"\xff\xfe\xfd\xfc", 0o600);
    secret("tiny", b"abc", 0o600);
    std::fs::create_dir(folder.path().join("folder")).expect("a folder");
    for name in ["plugins", "twins"] {
        std::fs::create_dir(folder.path().join(name)).expect("a folder");
    }
    for (file, title) in
        [("plugins/acme.wasm", "Acme"), ("twins/acme.wasm", "Acme"), ("twins/acme-new.wasm", "Acme, new")]
    {
        std::fs::write(folder.path().join(file), acme(title)).expect("a plugin");
    }
    folder
}

/// A plugin that asks for a host of its own.
fn acme(title: &str) -> Vec<u8> {
    framed("traps", "http://127.0.0.1:4010", |descriptor| {
        descriptor.name = "acme".to_owned();
        descriptor.title = title.to_owned();
        descriptor.hosts.push(HostRule::Exactly("api.acme.example".to_owned()));
    })
}

fn check(path: &Path, as_json: bool) -> Said {
    let path = path.to_str().expect("UTF-8");
    let words = ["config", "check", path, "--json"];
    payhub(&words[..if as_json { 4 } else { 3 }], &ENVIRONMENT)
}

#[test]
fn each_class_of_mistake_says_where_what_and_how() {
    let folder = folder();
    let path = folder.path().join("hub.toml");
    let sha256 = PluginHash::of(&acme("Acme")).to_string();
    for (class, part, by) in CLASSES {
        assert!(good().contains(part), "{class}: the good file has no {part}");
        std::fs::write(&path, good().replacen(part, by, 1)).expect("a config");
        let said = check(&path, false);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{class}: {said:?}");
        assert!(!said.err.contains(CANARY) && !said.err.contains("4eC39"), "{class}: {said:?}");
        let shown = said.err.replace(folder.path().to_str().expect("UTF-8"), "FOLDER");
        let shown = shown.replace(&sha256, "SHA-256-OF-ACME");
        golden(&format!("config/{class}"), &shown);

        let machine = check(&path, true);
        assert_eq!((machine.code, machine.err.as_str()), (1, ""), "{class}: {machine:?}");
        assert!(!machine.out.contains("4eC39"), "{class}: {machine:?}");
        let machine: Value = serde_json::from_str(&machine.out).expect("JSON");
        assert_eq!(machine["ok"], false);
        let problems = machine["problems"].as_array().expect("problems");
        assert!(!problems.is_empty(), "{class}");
        for problem in problems {
            let text = |name: &str| problem[name].as_str().unwrap_or_default().to_owned();
            let place = match (&problem["line"], &problem["column"]) {
                // Something that is missing from the top level has no line.
                (Value::Null, Value::Null) => text("file"),
                (line, column) => format!("{}:{line}:{column}", text("file")),
            };
            let key = if text("key").is_empty() { String::new() } else { format!(" {}:", text("key")) };
            for part in [format!("{place}:{key} {}\n", text("reason")), format!("= {}\n", text("fix"))] {
                assert!(said.err.contains(&part), "{class}: {part:?} is not in\n{}", said.err);
            }
            assert!(!text("reason").is_empty() && !text("fix").is_empty(), "{class}: {problem}");
            let has_place = !problem["line"].is_null();
            assert!(has_place || class == "missing_public_url", "{class}: {problem}");
            assert_eq!(said.err.contains('^'), has_place, "{class}");
        }
    }
}

#[test]
fn a_file_that_is_none() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("latin"), b"public_url = \"https://caf\xe9.example\"\n").expect("a file");
    std::fs::write(path("huge"), " ".repeat(1_100_000)).expect("a file");
    for (name, reason) in [
        ("nothing", "there is no config file"),
        ("folder", "cannot be read: Is a directory"),
        ("latin", "is not text in UTF-8; save it as UTF-8"),
        ("huge", "is longer than 1048576 bytes, so it is probably another file"),
    ] {
        let said = check(&path(name), false);
        assert_eq!((said.code, said.out.as_str()), (1, ""), "{name}");
        assert!(said.err.contains(reason) && said.err.contains(name), "{said:?}");
        let machine = check(&path(name), true);
        assert_eq!(machine.code, 1, "{name}");
        let machine: Value = serde_json::from_str(&machine.out).expect("JSON");
        assert!(
            machine["problems"][0]["reason"].as_str().is_some_and(|text| text.contains(reason)),
            "{machine}"
        );
        // The hub itself says the same and does not start.
        let served = payhub(&["serve", "--config", path(name).to_str().expect("UTF-8")], &ENVIRONMENT);
        assert_eq!((served.code, served.err), (1, said.err), "{name}");
    }
}

#[test]
fn a_good_file_is_good() {
    let folder = folder();
    let path = folder.path().join("hub.toml");
    std::fs::write(&path, good()).expect("a config");
    let said = check(&path, false).done();
    assert!(said.contains("is good") && said.contains("secrets found: api_key, webhook_secret"), "{said}");
    let machine = check(&path, true).json();
    assert_eq!((&machine["ok"], &machine["connectors"][0]["name"]), (&true.into(), &"cards".into()));
    assert!(!machine.to_string().contains("of_the_operator"), "{machine}");
    std::fs::write(&path, "public_url = \"https://pay.example\"\n").expect("a config");
    assert!(check(&path, false).done().contains("no connector"));
    // Nothing was made beside it.
    assert!(!folder.path().join("payhub-data").exists());
}

#[test]
fn the_example_is_good() {
    let example = concat!(env!("CARGO_MANIFEST_DIR"), "/../config/example-sandbox.toml");
    let environment =
        [("SANDBOX_API_KEY", "sk_sandbox_shop"), ("SANDBOX_WEBHOOK_SECRET", "whsec_sandbox_shop")];
    payhub(&["config", "check", example], &environment).done();
}
