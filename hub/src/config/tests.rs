//! What a config comes to, from the defaults, a file and the environment; and what is wrong with one.

use std::collections::BTreeSet;
use std::env::VarError;
use std::fs;

use toml::de::{DeTable, DeValue};

use super::connectors::ConnectorEntry;
use super::mistakes::MISTAKES;
use super::*;
use crate::connector::hosts::HostsError;
use crate::connector::registry::ConnectorConfigError;
use crate::plugin::shelf::Shelf;

/// What must never be printed, wherever it was written.
const CANARY: &str = "sk_live_abc";

fn environment(name: &str) -> Result<String, VarError> {
    match name {
        "A_KEY" | "SANDBOX_API_KEY" => Ok(format!("{CANARY}\n")),
        "B_KEY" | "SANDBOX_WEBHOOK_SECRET" | "SANDBOX_WEBHOOK_SECRET_OLD" => Ok("another_secret".to_owned()),
        "SANDBOX_WEBHOOK_PATH" => Ok("0123456789abcdefghijkl".to_owned()),
        "DATABASE_URL" => Ok("postgres://payhub:another_secret@db.example/payhub".to_owned()),
        "EMPTY_KEY" => Ok(" \n".to_owned()),
        _ => Err(VarError::NotPresent),
    }
}

fn read_in(folder: &Path, text: &str) -> Result<Config, ConfigError> {
    Config::read("hub.toml".to_owned(), folder.to_owned(), text.to_owned(), &environment)
}

fn read(text: &str) -> Result<Config, ConfigError> {
    read_in(Path::new("/etc/payhub"), text)
}

fn mistakes(result: Result<Config, ConfigError>) -> String {
    let text = result.expect_err("a mistake").to_string();
    assert!(!text.contains("sk_live"), "{text}");
    text
}

const MINIMAL: &str = "public_url = 'https://pay.example.com'\n";

fn with_connector(lines: &str) -> String {
    format!("{MINIMAL}[connectors.cards]\nadapter = 'sandbox'\nmode = 'test'\n{lines}")
}

fn secret_texts(entry: &ConnectorEntry, name: &str) -> Vec<String> {
    entry.config.secrets[name].iter().map(|secret| secret.reveal().to_owned()).collect()
}

#[test]
fn what_holds_when_only_the_public_url_is_set() {
    let config = read(MINIMAL).unwrap();
    assert_eq!(config.public_url.as_str(), "https://pay.example.com/");
    assert_eq!(config.listen, "127.0.0.1:8080".parse().unwrap());
    assert_eq!(config.data_dir, Path::new("/etc/payhub/payhub-data"));
    assert_eq!(config.sealing.key_file, Path::new("/etc/payhub/payhub-data/sealing.key"));
    let limits = Limits {
        database_connections: 16,
        body_bytes_max: 262_144,
        request_timeout_s: 30,
        shutdown_grace_s: 20,
        concurrent_requests_max: 512,
        inbox_pending_max: 100_000,
        key_rate: Rate::new(200, 1, 1_000),
        unproven_rate: Rate::new(60, 60, 120),
    };
    assert_eq!(config.limits, limits);
    assert_eq!(config.checkout, Checkout { return_url_hosts: vec![], http_return_urls: false });
    let (ours, strict) = (&config.merchant_webhooks.destinations, DestinationPolicy::strict());
    assert_eq!(format!("{ours:?}"), format!("{strict:?}"));
    assert_eq!(config.merchant_webhooks.timeout_s, 20);
    assert_eq!(config.log, Log { format: LogFormat::Text, level: tracing::Level::INFO });
    assert_eq!(config.metrics, Metrics { listen: None, all_networks: false });
    assert!(config.trusted_proxies.is_empty());
    assert_eq!(config.bootstrap, Bootstrap { print_first_key: true });
    assert!(config.connectors.is_empty());
}

#[test]
fn the_operators_tables_are_read_over_the_defaults_key_by_key() {
    let config =
        read(&format!("{MINIMAL}[limits]\nbody_bytes_max = 0x10_000\n[log]\nlevel = 'debug'")).unwrap();
    assert_eq!((config.limits.body_bytes_max, config.limits.request_timeout_s), (65_536, 30));
    assert_eq!((config.log.format, config.log.level), (LogFormat::Text, tracing::Level::DEBUG));
}

#[test]
fn metrics_are_shown_where_the_api_is_not() {
    for (listen, metrics, all_networks, expected) in [
        ("127.0.0.1:8080", "127.0.0.1:9464", false, Ok("127.0.0.1:9464")),
        ("0.0.0.0:8080", "127.0.0.1:9464", false, Ok("127.0.0.1:9464")),
        ("127.0.0.1:8080", "[::1]:8080", false, Ok("[::1]:8080")),
        ("127.0.0.1:0", "127.0.0.1:0", false, Ok("127.0.0.1:0")),
        ("127.0.0.1:8080", "0.0.0.0:9464", true, Ok("0.0.0.0:9464")),
        ("127.0.0.1:8080", "0.0.0.0:9464", false, Err("every network")),
        ("127.0.0.1:8080", "[::]:9464", false, Err("every network")),
        ("127.0.0.1:8080", "127.0.0.1:8080", false, Err("where the API listens")),
        ("0.0.0.0:8080", "127.0.0.1:8080", false, Err("where the API listens")),
        ("127.0.0.1:8080", "0.0.0.0:8080", true, Err("where the API listens")),
        ("[::]:8080", "127.0.0.1:8080", false, Err("where the API listens")),
        ("[::ffff:127.0.0.1]:8080", "127.0.0.1:8080", false, Err("where the API listens")),
    ] {
        let text = format!(
            "{MINIMAL}listen = '{listen}'\n[metrics]\nlisten = '{metrics}'\nall_networks = {all_networks}"
        );
        match (read(&text), expected) {
            (Ok(config), Ok(address)) => {
                assert_eq!(config.metrics.listen, Some(address.parse().unwrap()), "{text}");
            }
            (Err(error), Err(reason)) => assert!(error.to_string().contains(reason), "{text}\n{error}"),
            (read, expected) => panic!("{text}: {read:?} {expected:?}"),
        }
    }
}

#[test]
fn relative_paths_start_at_the_folder_of_the_file() {
    for (line, data_dir, key_file) in [
        ("data_dir = 'd'", "/etc/payhub/d", "/etc/payhub/d/sealing.key"),
        ("data_dir = '/srv/d'", "/srv/d", "/srv/d/sealing.key"),
        ("sealing.key_file = 'k'", "/etc/payhub/payhub-data", "/etc/payhub/k"),
        ("sealing.key_file = '/k'", "/etc/payhub/payhub-data", "/k"),
    ] {
        let config = read(&format!("{MINIMAL}{line}")).unwrap();
        assert_eq!(
            (config.data_dir.to_str(), config.sealing.key_file.to_str()),
            (Some(data_dir), Some(key_file))
        );
    }
}

#[test]
fn connectors_keep_the_order_in_which_the_file_first_mentions_them() {
    let text = "public_url = 'https://pay.example.com'
        [connectors.z.settings]
        base_url = 'https://z.example'
        flag = true
        number = 7
        [connectors.m]
        adapter = 'x'
        mode = 'live'
        title = 'Cards'
        draining = true
        sites = ['books', 'toys']
        hosts = []
        plain_http_hosts = ['127.0.0.1:4010']
        webhook_path_secret = { env = 'SANDBOX_WEBHOOK_PATH' }
        [connectors.a]
        adapter = 'x'
        mode = 'test'
        secrets.api_key = [{ env = 'A_KEY' }, { env = 'B_KEY' }]
        [connectors.z]
        adapter = 'y'
        mode = 'test'";
    let config = read(text).unwrap();
    let [z, m, a] = config.connectors.try_into().unwrap();
    assert_eq!([&z, &m, &a].map(|entry| entry.config.name.as_str()), ["z", "m", "a"]);
    let settings = serde_json::json!({"base_url": "https://z.example", "flag": true, "number": 7});
    assert_eq!(serde_json::to_value(&z.config.settings).unwrap(), settings);
    assert_eq!((z.title.as_str(), z.draining, z.sites.len()), ("z", false, 0));
    assert_eq!((z.config.livemode, z.config.adapter.name()), (false, "y"));
    assert!(z.config.grants.hosts.is_none() && z.config.webhook_path_secret.is_none());
    assert_eq!((m.title.as_str(), m.draining, m.config.livemode), ("Cards", true, true));
    assert_eq!(m.sites, ["books", "toys"]);
    assert_eq!(m.config.grants.hosts, Some(vec![]));
    assert_eq!(m.config.grants.plain_http_hosts, ["127.0.0.1:4010"]);
    assert_eq!(m.config.webhook_path_secret.as_ref().unwrap().reveal(), "0123456789abcdefghijkl");
    assert_eq!(secret_texts(&a, "api_key"), [CANARY, "another_secret"]);
    assert!(!format!("{a:?}").contains(CANARY), "{a:?}");
}

#[test]
fn policies() {
    use hub_core::policy::{PaidLate, PaidTwice};
    let default = Policies { paid_twice: PaidTwice::RefundLater, paid_late: PaidLate::Accept };
    assert_eq!(read(MINIMAL).unwrap().policies, default);
    for (line, expected) in [
        ("paid_twice = 'refund_later'", default),
        ("paid_twice = 'hold'", Policies { paid_twice: PaidTwice::Hold, ..default }),
        ("paid_late = 'accept'", default),
        ("paid_late = 'refund'", Policies { paid_late: PaidLate::Refund, ..default }),
        ("paid_late = 'hold'", Policies { paid_late: PaidLate::Hold, ..default }),
        ("wrong_amount = 'hold'", default),
        ("unknown_payment = 'hold'", default),
    ] {
        assert_eq!(read(&format!("{MINIMAL}[policies]\n{line}")).unwrap().policies, expected, "{line}");
    }
    for line in ["paid_twice = 'accept'", "paid_late = 'refund_later'", "paid_late = ''", "paid_late = true"]
    {
        mistakes(read(&format!("{MINIMAL}[policies]\n{line}")));
    }
}

#[test]
fn return_hosts_are_kept_as_urls_write_them() {
    let config =
        read(&format!("{MINIMAL}checkout.return_url_hosts = ['Shop.Example', 'bücher.example', '[::1]']"));
    assert_eq!(config.unwrap().checkout.return_url_hosts, ["shop.example", "xn--bcher-kva.example", "[::1]"]);
    for text in ["https://shop.example", "shop.example:443", "shop.example/x", "*.shop.example", ""] {
        mistakes(read(&format!("{MINIMAL}checkout.return_url_hosts = ['{text}']")));
    }
}

#[test]
fn plain_http_is_refused_as_soon_as_a_connector_is_live() {
    let text = with_connector("").replace("https:", "http:");
    assert_eq!(read(&text).unwrap().public_url.scheme(), "http");
    let said = mistakes(read(&text.replace("'test'", "'live'")));
    assert!(
        said.contains("public_url: must begin with https:// because the connector cards is live"),
        "{said}"
    );
}

#[cfg(unix)]
#[test]
fn secret_files() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("secrets")).unwrap();
    let path = folder.path().join("secrets/key");
    let shown = path.display();
    let long = "x".repeat(70_000);
    for (content, mode, expected) in [
        (&b"sk_live_abc"[..], 0o600, Ok("sk_live_abc")),
        (b"sk_live_abc\r\n", 0o400, Ok("sk_live_abc")),
        (b" two\nlines \n", 0o440, Ok(" two\nlines ")),
        (b"sk_live_abc", 0o604, Err("the file PATH is open to other users of this machine (mode 0604)")),
        (b"sk_live_abc", 0o620, Err("the file PATH is open to other users of this machine (mode 0620)")),
        (b"", 0o600, Err("the file PATH is empty")),
        (b" \n", 0o600, Err("the file PATH is empty")),
        (b"\xff\xfe", 0o600, Err("the file PATH is not text in UTF-8")),
        (long.as_bytes(), 0o600, Err("the file PATH is longer than 65536 bytes")),
    ] {
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        let read = read_in(folder.path(), &with_connector("secrets.key = { file = 'secrets/key' }"));
        match (read, expected) {
            (Ok(config), Ok(text)) => assert_eq!(secret_texts(&config.connectors[0], "key"), [text]),
            (Err(error), Err(reason)) => {
                let said = error.to_string().replace(&shown.to_string(), "PATH");
                assert!(said.contains(&format!("connectors.cards.secrets.key: {reason}\n")), "{said}");
                assert!(!said.contains("sk_live"), "{said}");
            }
            (read, expected) => panic!("{read:?} {expected:?}"),
        }
        fs::remove_file(&path).unwrap();
    }
    let said = mistakes(read_in(folder.path(), &with_connector("secrets.key = { file = 'secrets/key' }")));
    assert!(said.contains(&format!("the file {shown} does not exist")), "{said}");
}

#[test]
fn files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("hub.toml");
    assert!(matches!(Config::load(&path), Err(ConfigError::Missing { .. })));
    assert!(matches!(Config::load(folder.path()), Err(ConfigError::Unreadable { .. })));
    fs::write(&path, b"\xff").unwrap();
    assert!(matches!(Config::load(&path), Err(ConfigError::NotText { .. })));
    fs::write(&path, " ".repeat(1_100_000)).unwrap();
    assert!(matches!(Config::load(&path), Err(ConfigError::TooLong { .. })));
    fs::write(&path, MINIMAL).unwrap();
    assert_eq!(Config::load(&path).unwrap().data_dir, folder.path().join("payhub-data"));
    assert!(Config::parse(MINIMAL, "hub.toml").is_ok());
}

/// The built-in file with its examples switched on: every key there is.
fn every_key() -> String {
    let switch_on = |line: &str| match line.strip_prefix('#') {
        Some(rest) if !rest.starts_with([' ', '\n']) => rest.to_owned(),
        Some(_) | None => line.to_owned(),
    };
    let text: String = DEFAULTS.split_inclusive('\n').map(switch_on).collect();
    // The one example that names a file.
    text.replace("{ file = \"/run/secrets/sandbox_webhook\" }", "{ env = \"SANDBOX_WEBHOOK_SECRET\" }")
}

/// Every key with a value that is no table, and where the value stands.
fn leaves(table: &DeTable<'_>, path: &str, found: &mut Vec<(String, std::ops::Range<usize>)>) {
    for (name, value) in table {
        let path =
            if path.is_empty() { name.get_ref().to_string() } else { format!("{path}.{}", name.get_ref()) };
        match value.get_ref() {
            DeValue::Table(inner) if !inner.iter().any(|(key, _)| key.get_ref() == "env") => {
                leaves(inner, &path, found);
            }
            _ => found.push((path, value.span())),
        }
    }
}

/// Keys that stand in the file so that operators read what is done, and have no second choice.
const ONE_CHOICE: [&str; 2] = ["policies.wrong_amount", "policies.unknown_payment"];

#[test]
fn every_key_is_in_the_built_in_file_and_is_read() {
    // What each key may be instead. A key without a row here, or that changes nothing, fails the test.
    let rows = [
        ("public_url", "'https://other.example'"),
        ("listen", "'[::1]:1'"),
        ("trusted_proxies", "['10.0.0.0/8', '::1']"),
        ("database", "'postgres://payhub@other.example/payhub'"),
        ("data_dir", "'elsewhere'"),
        ("abandoned_connectors", "['old']"),
        ("limits.body_bytes_max", "5000"),
        ("limits.request_timeout_s", "7"),
        ("limits.shutdown_grace_s", "7"),
        ("limits.concurrent_requests_max", "7"),
        ("limits.database_connections", "7"),
        ("limits.inbox_pending_max", "700"),
        ("limits.key_requests_per_s", "7"),
        ("limits.key_requests_burst", "7"),
        ("limits.unproven_requests_per_min", "0"),
        ("limits.unproven_requests_burst", "7"),
        ("checkout.return_url_hosts", "['shop.example']"),
        ("checkout.http_return_urls", "true"),
        ("merchant_webhooks.allow_http", "['a.example']"),
        ("merchant_webhooks.allow_private", "['10.0.0.0/8']"),
        ("merchant_webhooks.ports", "[1]"),
        ("merchant_webhooks.timeout_s", "7"),
        ("policies.paid_twice", "'hold'"),
        ("policies.paid_late", "'hold'"),
        ("sealing.key_file", "'elsewhere'"),
        ("log.format", "'json'"),
        ("log.level", "'trace'"),
        ("metrics.listen", "'127.0.0.1:1'"),
        ("metrics.all_networks", "true"),
        ("bootstrap.print_first_key", "false"),
        ("plugins.folder", "'elsewhere'"),
        ("plugins.trusted_keys", "['RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3']"),
        ("plugins.replaced", "['5feceb66ffc86f38d952786c6d696c79c2dbc239dd4e91b46729d73a27fb57e9']"),
        ("plugins.limits.run_ms_max", "7"),
        ("plugins.limits.fuel_max", "7_000_000"),
        ("plugins.limits.memory_bytes_max", "2097152"),
        ("plugins.limits.output_bytes_max", "7000"),
        ("plugins.limits.log_lines_max", "7"),
        ("plugins.limits.log_line_bytes_max", "77"),
        ("plugins.limits.concurrent_runs_max", "7"),
        ("plugins.limits_of.acme.run_ms_max", "7"),
        ("connectors.sandbox.adapter", "'other'"),
        ("connectors.sandbox.mode", "'live'"),
        ("connectors.sandbox.title", "'Other'"),
        ("connectors.sandbox.sites", "['books']"),
        ("connectors.sandbox.currencies", "['EUR']"),
        ("connectors.sandbox.draining", "true"),
        ("connectors.sandbox.hosts", "[]"),
        ("connectors.sandbox.checkout_hosts", "[]"),
        ("connectors.acme.plugin", "'other'"),
        ("connectors.acme.sha256", "'1111111111111111111111111111111111111111111111111111111111111111'"),
        ("connectors.acme.mode", "'live'"),
        ("connectors.acme.hosts", "[]"),
        ("connectors.acme.checkout_hosts", "[]"),
        ("connectors.sandbox.plain_http_hosts", "[]"),
        ("connectors.sandbox.webhook_path_secret", "{ env = 'A_KEY' }"),
        ("connectors.sandbox.settings.base_url", "false"),
        ("connectors.sandbox.secrets.api_key", "{ env = 'B_KEY' }"),
        ("connectors.sandbox.secrets.webhook_secret", "{ env = 'A_KEY' }"),
    ];
    let full = every_key();
    let seen = |text: &str| {
        let mut config = read(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
        let secrets = |entry: &ConnectorEntry| {
            let path = entry.config.webhook_path_secret.as_ref().unwrap().reveal().to_owned();
            (secret_texts(entry, "api_key"), secret_texts(entry, "webhook_secret"), path)
        };
        // Where a connector's keys stand changes with every edit, so it is left out.
        let connectors = std::mem::take(&mut config.connectors);
        let without_place = |entry: &ConnectorEntry| {
            format!("{:?} {} {} {:?}", entry.config, entry.title, entry.draining, entry.sites)
        };
        let shown: Vec<_> = connectors.iter().map(without_place).collect();
        format!("{config:?} {shown:?} {:?}", secrets(&connectors[0]))
    };
    let before = seen(&full);
    let document = DeTable::parse(&full).unwrap();
    let mut found = Vec::new();
    leaves(document.get_ref(), "", &mut found);
    let names = |paths: &mut dyn Iterator<Item = String>| paths.collect::<BTreeSet<String>>();
    let in_file = names(&mut found.iter().map(|(path, _)| path.clone()));
    let in_rows = rows.iter().map(|(path, _)| *path).chain(ONE_CHOICE);
    assert_eq!(in_file, names(&mut in_rows.map(str::to_owned)));
    for path in ONE_CHOICE {
        let (_, span) = found.iter().find(|(found, _)| found == path).unwrap();
        let mut changed = full.clone();
        changed.replace_range(span.clone(), "'refund'");
        assert!(mistakes(read(&changed)).contains(&format!("{path}: must be one of: \"hold\"")), "{path}");
    }
    for (path, value) in rows {
        let (_, span) = found.iter().find(|(found, _)| found == path).unwrap();
        let mut changed = full.clone();
        changed.replace_range(span.clone(), value);
        assert_ne!(seen(&changed), before, "{path} changes nothing");
    }

    let notes = Notes::default();
    let source = Arc::new(Source { name: "hub.toml".to_owned(), folder: PathBuf::new(), text: full.clone() });
    read_over(&source, &source, &environment, &notes).unwrap();
    let own = |path: &String| !path.contains(".settings.") && !path.contains(".secrets.");
    // Each of the two connectors shows the keys that it is about.
    let of_any = |path: String| {
        path.replace("connectors.acme.", "connectors.sandbox.").replace("limits_of.acme.", "limits.")
    };
    assert_eq!(
        names(&mut notes.known().into_iter().map(of_any)),
        names(&mut in_file.into_iter().filter(own).map(of_any))
    );
}

#[test]
fn optional_keys_of_a_connector_default_to_what_the_built_in_file_says() {
    let full = read(&every_key()).unwrap().connectors.remove(0);
    let minimal = read(&with_connector("")).unwrap().connectors.remove(0);
    assert_eq!((full.draining, &full.sites), (minimal.draining, &minimal.sites));
}

#[test]
fn every_key_of_the_built_in_file_has_a_comment_above_it() {
    let mut above = "";
    for line in DEFAULTS.lines() {
        let is_key = !line.is_empty() && !line.starts_with("# ");
        assert!(!is_key || above.starts_with("# "), "no comment above: {line}");
        assert!(line.chars().count() <= 110, "too long: {line}");
        above = line;
    }
}

#[test]
fn the_keys_whose_values_are_shown_are_those_of_the_built_in_file() {
    let full = every_key();
    let document = DeTable::parse(&full).unwrap();
    let mut found = Vec::new();
    leaves(document.get_ref(), "", &mut found);
    let is_private = |path: &str| {
        [".settings.", ".secrets.", "_secret"].iter().any(|part| path.contains(part)) || path == "database"
    };
    let ours = found.iter().map(|(path, _)| path.as_str()).filter(|path| !is_private(path));
    let ours: BTreeSet<&str> = ours.map(|path| path.rsplit('.').next().unwrap()).collect();
    assert_eq!(ours, excerpt::PLAIN_KEYS.into_iter().collect());
}

#[test]
fn a_database_s_url_is_referred_to_when_it_holds_a_password() {
    let with = |database: &str| format!("database = {database}\n{}", with_connector(""));
    let database = |text: &str| read(&with(text)).unwrap().database;
    assert_eq!(read(&with_connector("")).unwrap().database, Database::File);
    for (text, place) in [
        ("'postgres://payhub@localhost/shop'", "localhost:5432"),
        ("{ env = 'DATABASE_URL' }", "db.example:5432"),
    ] {
        match database(text) {
            Database::Server { address, connections: 16 } => assert_eq!(address.to_string(), place),
            other => panic!("{text}: {other:?}"),
        }
    }
    for (text, expected) in [
        ("'postgres://payhub:another_secret@db.example/shop'", "database: holds a password"),
        (
            "'mysql://payhub:another_secret@db.example/shop'",
            "database: is not the URL of a PostgreSQL database",
        ),
        ("{ env = 'A_KEY' }", "database: is not the URL of a PostgreSQL database"),
        ("{ env = 'NOT_SET' }", "database: the environment variable NOT_SET is not set"),
        ("7", "database: "),
    ] {
        let told = format!("{:?}", mistakes(read(&with(text))));
        assert!(told.contains(expected), "{text}: {told}");
        assert!(!told.contains("another_secret") && !told.contains(CANARY), "{told}");
    }
}

#[test]
fn the_example_is_read() {
    let text = include_str!("../../../config/example-sandbox.toml");
    let config = read_in(Path::new("config"), text).unwrap_or_else(|error| panic!("{error}"));
    let [entry] = config.connectors.try_into().unwrap();
    assert_eq!((entry.config.name.as_str(), entry.config.adapter.name()), ("sandbox", "sandbox"));
    assert_eq!(config.data_dir, Path::new("config/../target/example-sandbox"));
    assert!(config.merchant_webhooks.destinations.check_url("http://localhost:3000/hook").is_ok());
}

#[test]
fn what_the_registry_refuses_is_shown_in_the_file() {
    use ConnectorConfigError as E;
    let text = with_connector(
        "settings.base_url = 'https://user:sk_live@x.example'\nsecrets.api_key = { env = 'A_KEY' }\n",
    );
    let entry = read(&text).unwrap().connectors.remove(0);
    let connector = || "cards".to_owned();
    let fix = || "must be mended".to_owned();
    for (error, place) in [
        (
            E::NoAdapter { connector: connector(), adapter: "sandbox".to_owned() },
            "3:1: connectors.cards.adapter",
        ),
        (E::Contract { connector: connector(), version: 9 }, "3:1: connectors.cards.adapter"),
        (E::SandboxInLiveMode { connector: connector() }, "4:1: connectors.cards.mode"),
        (
            E::Setting { connector: connector(), field: "settings.base_url".to_owned(), fix: fix() },
            "5:10: connectors.cards.settings.base_url",
        ),
        (
            E::Setting { connector: connector(), field: "settings.absent".to_owned(), fix: fix() },
            "5:1: connectors.cards.settings.absent",
        ),
        (
            E::Hosts {
                connector: connector(),
                source: HostsError::Setting { setting: "base_url".to_owned() },
            },
            "5:10: connectors.cards.settings.base_url",
        ),
        (
            E::Secret { connector: connector(), secret: "api_key".to_owned(), fix: fix() },
            "6:9: connectors.cards.secrets.api_key",
        ),
        (E::PathSecret { connector: connector(), fix: fix() }, "2:13: connectors.cards.webhook_path_secret"),
        (
            E::PathSecretUnwanted { connector: connector(), title: fix() },
            "2:13: connectors.cards.webhook_path_secret",
        ),
        (E::NothingSentToHosts { connector: connector(), adapter: fix() }, "3:1: connectors.cards.adapter"),
        (E::Twice { connector: connector() }, "2:13: connectors.cards"),
    ] {
        let said = entry.mistake(&error, &Shelf::default()).to_string();
        assert!(said.starts_with(&format!("hub.toml:{place}: ")), "{said}");
        assert!(!said.contains("sk_live"), "{said}");
    }
}

#[test]
fn no_secret_is_printed_wherever_it_was_written() {
    let anywhere = [
        "X",
        "k = 'X'",
        "k = X",
        "k = \"X",
        "k = 'X",
        "k = '''X",
        "k = 'a' 'X'",
        "k = ['X', X",
        "k = { v = 'X' }",
        "k = { v = X",
        "k = 'a' # X",
        "# X\nk = = 1",
        "k = '''\nX\n",
        "k = [\n'X',\n1 2]",
        "k = 'X' = 1",
        "k = X = 1",
        "k = 1 X = 1",
        "k = { env = 'X' }",
        "k = { file = 'X' }",
        "k = { env = 'A_KEY', 'X' }",
        "k = { env = 'A_KEY', x = 'X' }",
        "k = [{ env = 'A_KEY' }, 'X']",
        "k = [[{ env = 'X' }]]",
        "k = { env = ['X'] }",
        "k = \"\\qX\"",
        "k = \u{1}X",
        "k = 1979-05-27X",
        "k = 'é' + 'X'",
        "listen = { k = 'X' }",
        "secrets = { title = 'X' }",
        "secrets = { title = X",
        "secrets.title = 'X'",
        "settings = { title = X",
        "settings.title = X",
    ];
    // Keys of ours are harmless elsewhere.
    let among_secrets = ["title = X", "title = \"X", "listen = 'X' 'X'", "mode = ['X', X"];
    let tables =
        ["", "[limits]\n", "[connectors.a]\n", "[connectors.a.secrets]\n", "[connectors.a.settings]\n"];
    for (index, table) in tables.into_iter().enumerate() {
        for line in anywhere.iter().chain(among_secrets.iter().filter(|_| index > 2)) {
            if let Err(error) = read(&format!("{MINIMAL}{table}{}", line.replace('X', CANARY))) {
                assert!(!error.to_string().contains("sk_live"), "{table}{line}\n{error}");
            }
        }
    }
}

#[test]
fn what_is_said_about_each_mistake() {
    for (text, said) in MISTAKES {
        assert_eq!(mistakes(read(text)), *said, "{text}");
    }
}

#[test]
fn long_lists_of_mistakes_are_cut() {
    let lines: String = (0..30).map(|index| format!("unheard_of_{index} = 1\n")).collect();
    let said = mistakes(read(&format!("{MINIMAL}{lines}")));
    assert_eq!(said.matches("there is no such key").count(), 20);
    assert!(said.ends_with("\n\nand 10 more"), "{said}");
}

#[test]
fn columns_count_characters_and_windows_line_ends_are_fine() {
    let said =
        mistakes(read("\u{feff}public_url = 'https://é.example'\r\n\t'é' . x = 1\r\nlog.level = 'Info'\r\n"));
    assert!(said.contains("hub.toml:3:13: log.level: "), "{said}");
    assert!(said.contains("\n  3 | log.level = 'Info'\n    |             ^^^^^^\n"), "{said}");
    assert!(said.contains("hub.toml:2:2: •••: "), "{said}");
    let said = mistakes(read("\u{feff}pblic_url = 1"));
    assert!(said.contains("hub.toml:1:1: pblic_url: "), "{said}");
}

/// What stands in a file of connectors and would have no effect, each with its place and the key that is named.
#[test]
fn a_file_of_connectors_has_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("connectors.toml");
    let connector = "[connectors.cards]\nadapter = 'stripe'\nmode = 'test'\n";
    let no_effect = "has no effect here: this file is for connectors, and all else is decided";
    let rows: [(&str, &str, &str, &str); 8] = [
        ("public_url = 'https://pay.example.com'\n", "1:1", "public_url", no_effect),
        ("listen = '127.0.0.1:1'\n", "1:1", "listen", no_effect),
        ("data_dir = 'elsewhere'\n", "1:1", "data_dir", no_effect),
        ("[limits]\nbody_bytes_max = 4096\n", "1:2", "limits", no_effect),
        ("[plugins]\ntrusted_keys = []\n", "1:2", "plugins", no_effect),
        ("abandoned_connectors = []\nplugins.folder = 'p'\n", "2:1", "plugins", no_effect),
        ("[metrics]\n", "1:2", "metrics", no_effect),
        // What no file has is told as ever, and once.
        ("[plugin]\n", "1:2", "plugin", "there is no such key or table"),
    ];
    for (lines, place, key, reason) in rows {
        fs::write(&path, format!("{lines}{connector}")).unwrap();
        let refused = Config::load_fragment(&path, "http://127.0.0.1:1").expect_err(lines);
        let told: Vec<_> = refused.problems().iter().filter(|problem| problem.key == key).collect();
        let [problem] = told.as_slice() else { panic!("{lines}: {refused}") };
        assert_eq!(problem.reason, reason, "{lines}");
        assert!(problem.fix.is_some(), "{lines}");
        assert!(
            refused.to_string().contains(&format!("connectors.toml:{place}: {key}: {reason}")),
            "{refused}"
        );
        assert!(refused.to_string().contains("^"), "{refused}");
    }
}
