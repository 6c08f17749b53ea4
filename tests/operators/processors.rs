//! Turning a processor on: what `payhub processors` says of each, what `payhub init` writes, and what `config check`
//! says when something of it is missing or wrong.
//!
//! Every row is derived from the descriptors of all adapters that are compiled in, so that a new one is held to the
//! same without anybody thinking of it.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use payhub::app::{StartError, check_connectors};
use payhub::config::Config;
use payhub::connector::native::{native_adapter, native_adapters};
use processor_sdk::{Descriptor, HostRule, SettingField, SettingKind, SignedDeliveries};
use serde_json::Value;

use super::desk::payhub;

/// The longest config that is still promised to be short, in lines.
const CONFIG_LINES_MAX: usize = 14;
/// What every secret of these tests is: never to be said.
const SECRET: &str = "a_secret_of_22_characters_and_more";

fn descriptors() -> Vec<Descriptor> {
    native_adapters().map(|name| native_adapter(name).expect("an adapter").descriptor()).collect()
}

/// A folder with secrets to refer to.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in [("secret", SECRET), ("tiny", "abc")] {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a secret file");
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("its mode");
    }
    folder
}

/// A value that fits, and one that does not.
fn values(field: &SettingField) -> (String, &'static str) {
    match &field.kind {
        SettingKind::Text => ("\"as it is shown there\"".to_owned(), "4010"),
        SettingKind::Url => ("\"https://api.example.com\"".to_owned(), "\"api.example.com\""),
        SettingKind::Flag => ("true".to_owned(), "\"yes\""),
        SettingKind::Choice { of } => (format!("{:?}", of.first().expect("a choice")), "\"no such choice\""),
    }
}

/// The shortest config that turns a processor on, line by line.
fn minimal(descriptor: &Descriptor) -> Vec<String> {
    let name = &descriptor.name;
    let mut lines = vec![
        "public_url = \"https://pay.example.com\"".to_owned(),
        format!("[connectors.{name}]"),
        format!("adapter = \"{name}\""),
        "mode = \"test\"".to_owned(),
    ];
    if descriptor.deliveries == SignedDeliveries::Unsigned {
        lines.push("webhook_path_secret = { file = \"secret\" }".to_owned());
    }
    let required = descriptor.settings.iter().filter(|field| field.required);
    lines.extend(required.map(|field| format!("settings.{} = {}", field.name, values(field).0)));
    let required = descriptor.secrets.iter().filter(|field| field.required);
    lines.extend(required.map(|field| format!("secrets.{} = {{ file = \"secret\" }}", field.name)));
    lines
}

fn without(lines: &[String], key: &str) -> Vec<String> {
    lines.iter().filter(|line| !line.starts_with(&format!("{key} ="))).cloned().collect()
}

fn with(lines: &[String], key: &str, value: &str) -> Vec<String> {
    let mut lines = without(lines, key);
    lines.push(format!("{key} = {value}"));
    lines
}

/// What `config check` finds: each key, with what is wrong and how to mend it.
fn problems(folder: &Path, lines: &[String]) -> Vec<(String, String)> {
    let path = folder.join("hub.toml");
    std::fs::write(&path, lines.join("\n")).expect("a config");
    let error = match Config::load(&path) {
        Err(error) => error,
        Ok(config) => match check_connectors(&config) {
            Ok(()) => return Vec::new(),
            Err(StartError::Config(error)) => *error,
            Err(error) => panic!("{error}"),
        },
    };
    let said = |fix: &Option<String>| fix.clone().filter(|fix| !fix.is_empty()).expect("a fix");
    let all: Vec<_> = error
        .problems()
        .iter()
        .map(|problem| {
            assert!(problem.place.is_some() || problem.key == "public_url", "{error}");
            (problem.key.clone(), format!("{}; {}", problem.reason, said(&problem.fix)))
        })
        .collect();
    assert!(!all.is_empty() && !error.to_string().contains(SECRET), "{error}");
    all
}

/// A mistake: the lines that have it, the key that must be named, and words that must be said of it.
type Mistake = (Vec<String>, String, String);

/// Everything that can be missing or wrong about a processor's settings and secrets, one at a time.
fn mistakes(descriptor: &Descriptor) -> Vec<Mistake> {
    let good = minimal(descriptor);
    let mut rows = Vec::new();
    let mut row = |lines, key: &str, words: &str| rows.push((lines, key.to_owned(), words.to_owned()));
    for field in &descriptor.settings {
        let key = format!("settings.{}", field.name);
        if field.required {
            row(without(&good, &key), &key, &field.help);
        }
        row(with(&good, &key, values(field).1), &key, "must be");
        let host = HostRule::Setting(field.name.clone());
        if descriptor.hosts.contains(&host) || descriptor.checkout_hosts.contains(&host) {
            row(
                with(&good, &key, "\"http://10.0.0.7:23000\""),
                &key,
                "plain_http_hosts = [\"10.0.0.7:23000\"]",
            );
        }
        row(with(&good, &format!("{key}x"), "\"1\""), &format!("{key}x"), &format!("`{}`", field.name));
    }
    for field in &descriptor.secrets {
        let key = format!("secrets.{}", field.name);
        if field.required {
            row(without(&good, &key), &key, &field.help);
        }
        row(with(&good, &key, "{ file = \"tiny\" }"), &key, "must be at least");
        row(with(&good, &key, "{ file = \"missing\" }"), &key, "does not exist");
        row(with(&good, &key, "\"sk_of_the_operator\""), &key, "must not be written into the config file");
        row(
            with(&good, &format!("{key}x"), "{ file = \"secret\" }"),
            &format!("{key}x"),
            &format!("`{}`", field.name),
        );
    }
    row(with(&good, "settings.color", "\"red\""), "settings.color", "is not a setting of");
    row(with(&good, "secrets.color", "{ file = \"secret\" }"), "secrets.color", "is not a secret of");
    row(with(&good, "color", "\"red\""), "color", "there is no such key");
    row(without(&good, "mode"), "mode", "must be set");
    row(with(&good, "mode", "\"sandbox\""), "mode", "must be");
    if descriptor.deliveries == SignedDeliveries::Unsigned {
        row(without(&good, "webhook_path_secret"), "webhook_path_secret", "openssl rand");
        row(with(&good, "webhook_path_secret", "{ file = \"tiny\" }"), "webhook_path_secret", "22 random");
    }
    rows
}

#[test]
fn a_short_config_turns_each_processor_on_and_each_mistake_in_it_is_named() {
    let folder = folder();
    for descriptor in descriptors() {
        let name = &descriptor.name;
        let good = minimal(&descriptor);
        assert!(good.len() <= CONFIG_LINES_MAX, "{name}: {} lines are not a short config", good.len());
        assert_eq!(problems(folder.path(), &good), [], "{name}: {good:?}");
        let path = folder.path().join("hub.toml");
        payhub(&["config", "check", path.to_str().expect("UTF-8")], &[]).done();
        for field in &descriptor.settings {
            let set = with(&good, &format!("settings.{}", field.name), &values(field).0);
            assert_eq!(problems(folder.path(), &set), [], "{name}: {}", field.name);
        }
        for (lines, key, words) in mistakes(&descriptor) {
            let key = format!("connectors.{name}.{key}");
            let found = problems(folder.path(), &lines);
            let said = found.iter().find(|(named, _)| *named == key);
            assert!(said.is_some_and(|(_, said)| said.contains(&words)), "{key}: {words:?} in {found:?}");
            assert_eq!(found.len(), 1, "{key}: {found:?}");
        }
    }
}

#[test]
fn all_that_is_missing_is_named_at_once() {
    let folder = folder();
    for descriptor in descriptors() {
        let name = &descriptor.name;
        let settings = descriptor.settings.iter().filter(|field| field.required).map(|field| &field.name);
        let secrets = descriptor.secrets.iter().filter(|field| field.required).map(|field| &field.name);
        let mut expected: Vec<_> =
            settings.map(|setting| format!("connectors.{name}.settings.{setting}")).collect();
        expected.extend(secrets.map(|secret| format!("connectors.{name}.secrets.{secret}")));
        if descriptor.deliveries == SignedDeliveries::Unsigned {
            expected.push(format!("connectors.{name}.webhook_path_secret"));
        }
        let found = problems(folder.path(), &minimal(&descriptor)[..4]);
        assert_eq!(found.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), expected, "{name}");
    }
}

#[test]
fn an_operator_is_told_all_that_it_takes() {
    let list = payhub(&["processors", "list"], &[]).done();
    for descriptor in descriptors() {
        let name = &descriptor.name;
        assert!(list.contains(name.as_str()) && list.contains(&descriptor.title), "{name}: {list}");
        let machine = payhub(&["processors", "show", name, "--json"], &[]).json();
        assert_eq!(machine, serde_json::to_value(&descriptor).expect("JSON"));
        let said = payhub(&["processors", "show", name], &[]).done();
        assert!(said.lines().all(|line| line.chars().count() <= 300), "{said}");
        // Lines are broken between words.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        let whole = words(&said);
        assert!(!descriptor.setup.is_empty(), "{name} says nothing of what to do there");
        let help = descriptor.settings.iter().map(|field| (&field.name, &field.help));
        for (key, help) in help.chain(descriptor.secrets.iter().map(|field| (&field.name, &field.help))) {
            assert!(said.contains(&format!("\n  {key}\n")) && whole.contains(&words(help)), "{key}: {said}");
        }
        for part in descriptor.setup.iter().chain(&descriptor.events) {
            assert!(whole.contains(&words(part)), "{name}: {part} is not in {said}");
        }
        // Its README says the same.
        let readme = format!("{}/../processors/{name}/README.md", env!("CARGO_MANIFEST_DIR"));
        let readme = std::fs::read_to_string(readme).expect("a README");
        let fields = descriptor.settings.iter().map(|field| &field.name);
        for word in fields.chain(descriptor.secrets.iter().map(|field| &field.name)).chain(&descriptor.events)
        {
            assert!(readme.contains(word.as_str()), "{word} is not in the README of {name}");
        }
    }
    let unknown = payhub(&["processors", "show", "strip", "--json"], &[]).error();
    assert_eq!(unknown, ("no_such_processor".to_owned(), "name".to_owned()));
}

/// What an operator does with the file: takes the `#!` away, fills in, and says where the secrets are.
fn filled_in(text: &str, chosen: &[Descriptor], folder: &Path) -> String {
    let mut connector = String::new();
    let line = |line: &str| {
        if let Some(name) = line.strip_prefix("[connectors.") {
            connector = name.trim_end_matches(']').to_owned();
        }
        let Some(open) = line.strip_prefix("#! ") else { return line.to_owned() };
        let Some(name) = open.strip_prefix("settings.").and_then(|rest| rest.split(' ').next()) else {
            return open.to_owned();
        };
        let descriptor = chosen.iter().find(|descriptor| descriptor.name == connector).expect("chosen");
        let field = descriptor.settings.iter().find(|field| field.name == name).expect("a setting");
        format!("settings.{name} = {}", values(field).0)
    };
    let lines: Vec<_> = text.lines().map(line).collect();
    let secret = folder.join("secret");
    let of_a_secret = |line: &String| line.split_once("{ file = ").map(|(key, _)| key.to_owned());
    let placed = lines.iter().map(|line| match of_a_secret(line) {
        Some(key) => format!("{key}{{ file = {secret:?} }}"),
        None => line.clone(),
    });
    placed.collect::<Vec<_>>().join("\n")
}

#[test]
fn a_config_is_written_and_good_once_it_is_filled_in() {
    let folder = folder();
    let path = folder.path().join("new.toml");
    let file = path.to_str().expect("UTF-8");
    let all = descriptors();
    let choices = all.iter().map(std::slice::from_ref).chain([all.as_slice()]);
    for chosen in choices {
        let names: Vec<_> = chosen.iter().map(|descriptor| descriptor.name.as_str()).collect();
        let said = payhub(&[&["init"], &names[..], &["--out", file]].concat(), &[]).done();
        assert!(said.contains("config check"), "{said}");
        let text = std::fs::read_to_string(&path).expect("the config");
        let lines: Vec<_> = text.lines().collect();
        for (index, line) in lines.iter().enumerate() {
            let key = line.trim_start_matches("#! ").trim_start_matches("# ");
            let is_key = key.split_once(" = ").is_some_and(|(key, _)| !key.contains(' '));
            let is_explained = |before: &&str| before.starts_with("# ") || before.starts_with("[connectors.");
            assert!(!is_key || lines[..index].last().is_some_and(is_explained), "{names:?}: {line}\n{text}");
        }
        let missing = payhub(&["config", "check", file, "--json"], &[]);
        let missing: Value = serde_json::from_str(&missing.out).expect("JSON");
        assert_eq!(missing["problems"][0]["key"], "public_url", "{names:?}: {missing}");
        let whole = filled_in(&text, chosen, folder.path());
        let found = problems(folder.path(), &whole.lines().map(str::to_owned).collect::<Vec<_>>());
        assert_eq!(found, [], "{names:?}: {whole}");
        // Nothing that is there is written over.
        let again = payhub(&["init", names[0], "--out", file, "--json"], &[]).error();
        assert_eq!((again.0.as_str(), std::fs::read_to_string(&path).expect("it")), ("exists", text));
        std::fs::remove_file(&path).expect("it is there");
    }
    for (names, code) in [(["strip", "stripe"], "no_such_processor"), (["stripe", "stripe"], "named_twice")] {
        let said = payhub(&[&["init"], &names[..], &["--out", file, "--json"]].concat(), &[]).error();
        assert_eq!((said.0.as_str(), path.exists()), (code, false));
    }
}
