//! The operator's config: one TOML file, read over the built-in `config/hub.toml`.
//!
//! That file holds every key with its comment and its default, so what operators read is what the hub does.
//! Secrets are read here, and only here, from where the file says they are.
//!
//! Invariant: a [`Config`] exists only when every line of the file was understood. All mistakes are told at
//! once, each with its line, key, reason and fix, and none repeats a secret.

use std::fs::File;
use std::io::{self, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hub_core::policy::Policies;
use toml::de::DeTable;
use url::{Host, Url};

pub mod connectors;
pub mod database;
pub mod problem;

mod excerpt;
mod metrics;
mod plugins;
mod policies;
mod secrets;
mod section;
mod suggestion;

use connectors::ConnectorEntry;
use excerpt::Exposure;
use problem::{ConfigError, Place, Problem, Source, folder_of};
use secrets::Environment;
use section::{Layer, Notes, Section, Value};

use crate::database::Database;
use crate::merchant_webhooks::destination::{Allowance, DestinationPolicy};
use crate::network::Network;
use crate::plugin::file::PluginHash;
use crate::plugin::shelf::Terms;
use crate::rate_limit::Rate;

/// Every key with its comment and its default.
pub const DEFAULTS: &str = include_str!("../../../config/hub.toml");

const DEFAULTS_NAME: &str = "the built-in hub.toml";
/// The largest config file, in bytes.
const CONFIG_BYTES_MAX: u64 = 1024 * 1024;
/// What a file of connectors consists of.
const FRAGMENT_KEYS: [&str; 2] = ["connectors", "abandoned_connectors"];

/// Everything the operator decides.
#[derive(Clone, Debug)]
pub struct Config {
    /// How shoppers and processors reach the hub. https as soon as one connector is live.
    pub public_url: Url,
    pub listen: SocketAddr,
    /// Proxies whose word on where a request comes from is believed.
    pub trusted_proxies: Vec<Network>,
    /// Where the rows are.
    pub database: Database,
    pub data_dir: PathBuf,
    pub limits: Limits,
    pub checkout: Checkout,
    pub merchant_webhooks: MerchantWebhooks,
    pub policies: Policies,
    pub sealing: Sealing,
    pub log: Log,
    pub metrics: Metrics,
    pub bootstrap: Bootstrap,
    pub plugins: Plugins,
    /// Names of connectors that are gone for good, whatever is left of them.
    pub abandoned_connectors: Vec<String>,
    /// In the order of the file, which is the order in which routing prefers them.
    pub connectors: Vec<ConnectorEntry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The largest request body, in bytes.
    pub body_bytes_max: usize,
    /// How long a request may take, in seconds.
    pub request_timeout_s: u64,
    /// How long the hub waits for what is under way when it is asked to stop, in seconds.
    pub shutdown_grace_s: u64,
    /// How many connections to a PostgreSQL database this hub may have.
    pub database_connections: usize,
    /// How many requests are worked on at once.
    pub concurrent_requests_max: usize,
    /// How many deliveries of processors may wait to be worked on.
    pub inbox_pending_max: usize,
    /// How often one API key may ask; `None` is as often as it likes.
    pub key_rate: Option<Rate>,
    /// How often one address may ask without a valid key, token or signature.
    pub unproven_rate: Option<Rate>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkout {
    /// Hosts that a cart may send shoppers back to, as a URL's host is written; empty = any.
    pub return_url_hosts: Vec<String>,
    /// Whether a test payment may return to this machine over plain http.
    pub http_return_urls: bool,
}

/// Where merchants may have their webhooks, and how long a delivery may take.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantWebhooks {
    pub destinations: DestinationPolicy,
    /// How long a delivery may take in all, in seconds.
    pub timeout_s: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealing {
    /// Holds the key that sensitive rows are sealed with.
    pub key_file: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Log {
    pub format: LogFormat,
    pub level: tracing::Level,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line, for collectors.
    Json,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metrics {
    /// Where they are shown; `None` is nowhere.
    pub listen: Option<SocketAddr>,
    /// That this may be every network of the machine.
    pub all_networks: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bootstrap {
    /// Whether a hub that starts without any API key makes one for tests and prints it once.
    pub print_first_key: bool,
}

/// Where plugins are, and what they may take.
#[derive(Clone, Debug)]
pub struct Plugins {
    /// Holds their files.
    pub folder: PathBuf,
    pub terms: Terms,
    /// Files that are not run any more, whatever needs them.
    pub replaced: Vec<PluginHash>,
}

impl Config {
    /// Reads the operator's file. Its relative paths start at its own folder.
    ///
    /// # Errors
    /// [`ConfigError`], with every mistake there is.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text = read_file(path)?;
        Self::read(path.display().to_string(), folder_of(path), text, &secrets::process_environment)
    }

    /// Reads a file of connectors only; everything else is decided already, the public address among it.
    ///
    /// # Errors
    /// [`ConfigError`], with every mistake there is.
    pub fn load_fragment(path: &Path, public_url: &str) -> Result<Self, ConfigError> {
        let text = read_file(path)?;
        let operator = Arc::new(Source { name: path.display().to_string(), folder: folder_of(path), text });
        let decided = Source {
            name: DEFAULTS_NAME.to_owned(),
            folder: operator.folder.clone(),
            text: format!("public_url = \"{public_url}\"\n{DEFAULTS}"),
        };
        let notes = Notes::default();
        refuse_what_is_decided(&operator, &decided, &notes)?;
        read_over(&operator, &Arc::new(decided), &secrets::process_environment, &notes)
    }

    /// Reads a config from memory, as if it stood in a file of that name.
    ///
    /// # Errors
    /// [`ConfigError`], with every mistake there is.
    pub fn parse(text: &str, name: &str) -> Result<Self, ConfigError> {
        let folder = folder_of(Path::new(name));
        Self::read(name.to_owned(), folder, text.to_owned(), &secrets::process_environment)
    }

    fn read(
        name: String,
        folder: PathBuf,
        text: String,
        environment: Environment<'_>,
    ) -> Result<Self, ConfigError> {
        let operator = Arc::new(Source { name, folder, text });
        let defaults = Source {
            name: DEFAULTS_NAME.to_owned(),
            folder: operator.folder.clone(),
            text: DEFAULTS.to_owned(),
        };
        read_over(&operator, &Arc::new(defaults), environment, &Notes::default())
    }
}

fn read_file(path: &Path) -> Result<String, ConfigError> {
    let unreadable = |source| ConfigError::Unreadable { path: path.to_owned(), source };
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ConfigError::Missing { path: path.to_owned() });
        }
        Err(error) => return Err(unreadable(error)),
    };
    let mut bytes = Vec::new();
    file.take(CONFIG_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > CONFIG_BYTES_MAX {
        return Err(ConfigError::TooLong { path: path.to_owned(), bytes_max: CONFIG_BYTES_MAX });
    }
    String::from_utf8(bytes).map_err(|_| ConfigError::NotText { path: path.to_owned() })
}

/// Notes every key of a fragment that would have no effect. What nobody knows is noted when it is read.
fn refuse_what_is_decided(fragment: &Source, decided: &Source, notes: &Notes) -> Result<(), ConfigError> {
    let decided = table(decided)?;
    for (name, _) in table(fragment)?.get_ref() {
        let key = name.get_ref().as_ref();
        if FRAGMENT_KEYS.contains(&key) || !decided.get_ref().contains_key(key) {
            continue;
        }
        let problem = Problem {
            file: fragment.name.clone(),
            place: Some(Place::of(fragment, &name.span(), Exposure::ByKey)),
            key: key.to_owned(),
            reason: "has no effect here: this file is for connectors, and all else is decided".to_owned(),
            fix: Some(
                "remove it, and leave [connectors.NAME] and abandoned_connectors; in the config of `payhub serve` \
                 it has an effect"
                    .to_owned(),
            ),
        };
        notes.note(name.span().start, problem);
    }
    Ok(())
}

fn read_over(
    operator: &Arc<Source>,
    defaults: &Arc<Source>,
    environment: Environment<'_>,
    notes: &Notes,
) -> Result<Config, ConfigError> {
    let operator_table = table(operator)?;
    let defaults_table = table(defaults)?;
    let layers = vec![
        Layer { source: operator, table: operator_table.get_ref(), span: None },
        Layer { source: defaults, table: defaults_table.get_ref(), span: None },
    ];
    let mut top = Section::new(notes, String::new(), layers);
    let config = config(&mut top, notes, environment);
    top.finish(None);
    let problems = notes.take_problems();
    match config {
        Some(config) if problems.is_empty() => Ok(config),
        Some(_) | None => Err(ConfigError::Mistakes { problems }),
    }
}

fn table(source: &Source) -> Result<toml::Spanned<DeTable<'_>>, ConfigError> {
    DeTable::parse(&source.text).map_err(|error| {
        let span = error.span();
        let place = span.map(|span| Place::of(source, &span, Exposure::ByKey));
        // The parser's messages are about the grammar; they quote nothing of the file.
        let message = error.message();
        let fix = match message {
            "duplicate key" => "each key and each [table] may be there only once; merge the two",
            _ => "texts stand in quotes, lists in [ ], tables in { } on one line or below a [heading]",
        };
        let problem = Problem {
            file: source.name.clone(),
            place,
            key: String::new(),
            reason: format!("this is not TOML: {message}"),
            fix: Some(fix.to_owned()),
        };
        ConfigError::Mistakes { problems: vec![problem] }
    })
}

fn config(top: &mut Section<'_>, notes: &Notes, environment: Environment<'_>) -> Option<Config> {
    let public_url_value = top.required("public_url", "public_url = \"https://pay.example.com\"");
    let public_url = public_url_value.as_ref().and_then(public_url);
    let listen = required(top, "listen").and_then(|value| listen(&value));
    let trusted_proxies = required(top, "trusted_proxies").and_then(|value| {
        value.texts("a network such as 10.0.0.0/8 or one address", "10.0.0.0/8", |text| text.parse().ok())
    });
    let data_dir = required(top, "data_dir").and_then(|value| path(&value));
    let abandoned_connectors = required(top, "abandoned_connectors")
        .and_then(|value| value.texts("a connector's name", "cards", connectors::abandoned));
    let limits = limits(&mut top.section("limits"));
    let connections = limits.as_ref().map(|limits| limits.database_connections);
    let database = database::database(top, connections, environment);
    let checkout = checkout(&mut top.section("checkout"));
    let merchant_webhooks = merchant_webhooks(&mut top.section("merchant_webhooks"));
    let policies = policies::policies(&mut top.section("policies"));
    let key_file = sealing_key_file(&mut top.section("sealing"), data_dir.as_deref());
    let log = log(&mut top.section("log"));
    let metrics = metrics::metrics(&mut top.section("metrics"), listen);
    let bootstrap = bootstrap(&mut top.section("bootstrap"));
    let plugins = plugins::plugins(&mut top.section("plugins"), notes, data_dir.as_deref());
    let connectors = connectors::read(&mut top.section("connectors"), notes, environment);
    if let (Some(value), Some(url), Some(connectors)) = (&public_url_value, &public_url, &connectors) {
        refuse_plain_http_in_live(value, url, connectors);
    }
    Some(Config {
        public_url: public_url?,
        listen: listen?,
        trusted_proxies: trusted_proxies?,
        database: database?,
        data_dir: data_dir?,
        limits: limits?,
        checkout: checkout?,
        merchant_webhooks: merchant_webhooks?,
        policies: policies?,
        sealing: Sealing { key_file: key_file? },
        log: log?,
        metrics: metrics?,
        bootstrap: bootstrap?,
        plugins: plugins?,
        connectors: connectors?,
        abandoned_connectors: abandoned_connectors?,
    })
}

/// A key that the built-in file sets.
fn required<'a>(section: &mut Section<'a>, key: &str) -> Option<Value<'a>> {
    section.required(key, &format!("{key} = …"))
}

fn public_url(value: &Value<'_>) -> Option<Url> {
    let example = "https://pay.example.com";
    let text = value.text(example)?;
    let fix = format!("write it like: public_url = \"{example}\"");
    let Some(url) = Url::parse(text).ok().filter(|url| url.has_host()) else {
        value.wrong("must be an absolute URL", fix);
        return None;
    };
    if !url.username().is_empty() || url.password().is_some() {
        let reason = "must not hold a user name or password".to_owned();
        value.wrong_as(Exposure::Private, reason, Some(fix));
        return None;
    }
    if !matches!(url.scheme(), "https" | "http") {
        value.wrong("must begin with https:// (or http:// for trying out)", fix);
        return None;
    }
    if url.query().is_some() || url.fragment().is_some() {
        value.wrong("must end before any ? or #", fix);
        return None;
    }
    Some(url)
}

fn refuse_plain_http_in_live(value: &Value<'_>, url: &Url, connectors: &[ConnectorEntry]) {
    let live = connectors.iter().find(|entry| entry.config.livemode);
    if let (Some(live), "http") = (live, url.scheme()) {
        value.wrong(
            format!("must begin with https:// because the connector {} is live", live.config.name),
            "put a proxy with TLS in front of the hub, and write its https:// address",
        );
    }
}

fn listen(value: &Value<'_>) -> Option<SocketAddr> {
    value.parsed("an IP address and a port", "127.0.0.1:8080", |text| text.parse().ok())
}

/// A path, from the folder of its file unless it is absolute.
fn path(value: &Value<'_>) -> Option<PathBuf> {
    let text = value.text("/var/lib/payhub")?;
    if text.starts_with('~') {
        value.wrong("`~` has no meaning here", "write the whole path, beginning with /");
        return None;
    }
    Some(value.source.folder.join(text))
}

fn limits(section: &mut Section<'_>) -> Option<Limits> {
    let body_bytes_max = required(section, "body_bytes_max").and_then(|v| v.integer(4_096..=16_777_216));
    let request_timeout_s = required(section, "request_timeout_s").and_then(|v| v.integer(5..=300));
    let shutdown_grace_s = required(section, "shutdown_grace_s").and_then(|v| v.integer(0..=600));
    let database_connections = required(section, "database_connections").and_then(|v| v.integer(2..=1_000));
    let concurrent_requests_max =
        required(section, "concurrent_requests_max").and_then(|v| v.integer(1..=65_536));
    let inbox_pending_max = required(section, "inbox_pending_max").and_then(|v| v.integer(100..=10_000_000));
    let per_second = required(section, "key_requests_per_s").and_then(|v| v.integer(0..=100_000));
    let key_burst = required(section, "key_requests_burst").and_then(|v| v.integer(1..=1_000_000));
    let per_minute = required(section, "unproven_requests_per_min").and_then(|v| v.integer(0..=100_000));
    let unproven_burst = required(section, "unproven_requests_burst").and_then(|v| v.integer(1..=1_000_000));
    section.finish(None);
    Some(Limits {
        body_bytes_max: body_bytes_max?,
        request_timeout_s: request_timeout_s?,
        shutdown_grace_s: shutdown_grace_s?,
        database_connections: database_connections?,
        concurrent_requests_max: concurrent_requests_max?,
        inbox_pending_max: inbox_pending_max?,
        key_rate: Rate::new(per_second?, 1, key_burst?),
        unproven_rate: Rate::new(per_minute?, 60, unproven_burst?),
    })
}

fn checkout(section: &mut Section<'_>) -> Option<Checkout> {
    let return_url_hosts = required(section, "return_url_hosts")
        .and_then(|value| value.texts("a host without scheme, port or path", "shop.example.com", bare_host));
    let http_return_urls = required(section, "http_return_urls").and_then(|value| value.flag());
    section.finish(None);
    Some(Checkout { return_url_hosts: return_url_hosts?, http_return_urls: http_return_urls? })
}

/// Written as a parsed URL writes its host, so that the two can be compared.
fn bare_host(text: &str) -> Option<String> {
    let host = Host::parse(text).ok()?.to_string();
    (!host.contains('*')).then_some(host)
}

fn merchant_webhooks(section: &mut Section<'_>) -> Option<MerchantWebhooks> {
    let allow_http = required(section, "allow_http").and_then(|value| allowances(&value));
    let allow_private = required(section, "allow_private").and_then(|value| allowances(&value));
    let ports = required(section, "ports").and_then(|value| ports(&value));
    let timeout_s = required(section, "timeout_s").and_then(|value| value.integer(1..=30));
    section.finish(None);
    let destinations = DestinationPolicy::new(allow_http?, allow_private?, ports?);
    Some(MerchantWebhooks { destinations, timeout_s: timeout_s? })
}

fn allowances(value: &Value<'_>) -> Option<Vec<Allowance>> {
    let wanted =
        "a network such as 10.1.0.0/16, or a host with or without a port such as hooks.internal:8443";
    value.texts(wanted, "hooks.internal:8443", |text| text.parse().ok())
}

fn ports(value: &Value<'_>) -> Option<Vec<u16>> {
    let elements = value.list("[443, 8443]")?;
    let ports: Vec<Option<u16>> = elements.iter().map(|element| element.integer(1..=u16::MAX)).collect();
    ports.into_iter().collect()
}

fn sealing_key_file(section: &mut Section<'_>, data_dir: Option<&Path>) -> Option<PathBuf> {
    let key_file = match section.optional("key_file") {
        Some(value) => path(&value),
        None => data_dir.map(|data_dir| data_dir.join("sealing.key")),
    };
    section.finish(None);
    key_file
}

fn log(section: &mut Section<'_>) -> Option<Log> {
    let format = required(section, "format")
        .and_then(|value| value.choice(&[("text", LogFormat::Text), ("json", LogFormat::Json)]));
    let level = required(section, "level").and_then(|value| {
        use tracing::Level;
        value.choice(&[
            ("error", Level::ERROR),
            ("warn", Level::WARN),
            ("info", Level::INFO),
            ("debug", Level::DEBUG),
            ("trace", Level::TRACE),
        ])
    });
    section.finish(None);
    Some(Log { format: format?, level: level? })
}

fn bootstrap(section: &mut Section<'_>) -> Option<Bootstrap> {
    let print_first_key = required(section, "print_first_key").and_then(|value| value.flag());
    section.finish(None);
    Some(Bootstrap { print_first_key: print_first_key? })
}

#[cfg(test)]
mod mistakes;
#[cfg(test)]
mod tests;
