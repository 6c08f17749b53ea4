//! `[connectors.NAME]`: which processors the hub works with, in the order in which routing prefers them.
//!
//! What an adapter thinks of its settings and secrets is known only when the connector is built, so an entry
//! remembers where its keys stand: [`ConnectorEntry::mistake`] shows what the registry refused in its place.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use processor_sdk::{Currency, Settings};
use toml::de::DeValue;

use super::excerpt::Exposure;
use super::problem::{ConfigError, Place, Problem, Source};
use super::secrets::{self, Environment};
use super::section::{Entry, Layer, Notes, Section, Value, join};
use super::suggestion::nearest;
use crate::connector::credentials::SecretText;
use crate::connector::hosts::{AllowedHosts, Grants, HostsError};
use crate::connector::native::native_adapters;
use crate::connector::registry::{AdapterChoice, ConnectorConfig, ConnectorConfigError, descriptor_of};
use crate::plugin::file::PluginHash;
use crate::plugin::shelf::{NotFound, Shelf};

/// The name is part of a URL.
const NAME_CHARS_MAX: usize = 32;
const HOST: &str = "a host, such as api.example.com, *.example.com, or either with :port";

/// One connector of the config.
#[derive(Clone, Debug)]
pub struct ConnectorEntry {
    /// What the registry builds it from.
    pub config: ConnectorConfig,
    /// What people read; the name unless the operator says otherwise.
    pub title: String,
    /// Takes no new payments; those in flight or refundable go on.
    pub draining: bool,
    /// The sites it serves; empty = all.
    pub sites: Vec<String>,
    places: Places,
}

/// Where the keys of a connector stand.
#[derive(Clone, Debug)]
struct Places {
    source: Arc<Source>,
    spans: BTreeMap<String, Range<usize>>,
}

/// Every connector, in the order of the file.
pub(super) fn read(
    section: &mut Section<'_>,
    notes: &Notes,
    environment: Environment<'_>,
) -> Option<Vec<ConnectorEntry>> {
    let entries: Vec<_> =
        section.entries().iter().map(|entry| connector(entry, notes, environment)).collect();
    entries.into_iter().collect()
}

/// The name of a connector that is gone.
pub(super) fn abandoned(text: &str) -> Option<String> {
    is_name(text).then(|| text.to_owned())
}

fn is_name(name: &str) -> bool {
    let is_good =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    let starts = name.starts_with(|first: char| first.is_ascii_lowercase() || first.is_ascii_digit());
    starts && name.len() <= NAME_CHARS_MAX && name.bytes().all(is_good)
}

fn connector(entry: &Entry<'_>, notes: &Notes, environment: Environment<'_>) -> Option<ConnectorEntry> {
    let named = entry.value.with(entry.value.value, entry.name_span.clone());
    let DeValue::Table(table) = entry.value.value else {
        let fix = "write it as [connectors.NAME] with its keys below".to_owned();
        named.wrong_as(Exposure::ByKey, "must be a table, one for each connector".to_owned(), Some(fix));
        return None;
    };
    let layer = Layer { source: entry.value.source, table, span: Some(entry.name_span.clone()) };
    let mut section = Section::new(notes, entry.value.path.clone(), vec![layer]);
    let section = &mut section;

    let name = name(entry.name, &named);
    let adapter = adapter(section);
    let mode = section.required("mode", "mode = \"test\"");
    let livemode = mode.and_then(|value| value.choice(&[("test", false), ("live", true)]));
    let title = section.optional("title").map_or(Some(entry.name), |value| value.text("Cards"));
    let draining = section.optional("draining").map_or(Some(false), |value| value.flag());
    let sites = section.optional("sites").map_or(Some(Vec::new()), |value| {
        value.texts("a site", "books", |text| (!text.is_empty()).then(|| text.to_owned()))
    });
    let currencies = section.optional("currencies").map_or(Some(Vec::new()), |value| {
        value.texts("an active currency of ISO 4217", "EUR", |code| Currency::parse(code).ok())
    });
    let hosts = section.optional("hosts").map_or(Some(None), |value| host_patterns(&value).map(Some));
    let checkout_hosts =
        section.optional("checkout_hosts").map_or(Some(None), |value| host_patterns(&value).map(Some));
    let plain_http_hosts =
        section.optional("plain_http_hosts").map_or(Some(Vec::new()), |value| host_patterns(&value));
    let path_secret = section.optional("webhook_path_secret");
    let path_secret = path_secret.map_or(Some(None), |value| secrets::one(&value, environment).map(Some));
    let settings = settings(section.section("settings"));
    let secrets = secret_values(section.section("secrets"), environment);

    let places = Places::new(entry);
    section_end(section, &entry.value.path);
    let (name, adapter) = (name?, adapter?);
    let grants =
        Grants { hosts: hosts?, checkout_hosts: checkout_hosts?, plain_http_hosts: plain_http_hosts? };
    let config = ConnectorConfig {
        name: name.clone(),
        adapter,
        livemode: livemode?,
        currencies: currencies?,
        settings: settings?,
        secrets: secrets?,
        grants,
        webhook_path_secret: path_secret?,
    };
    Some(ConnectorEntry { config, title: title?.to_owned(), draining: draining?, sites: sites?, places })
}

fn section_end(section: &mut Section<'_>, path: &str) {
    let hint = format!("what the adapter wants to know belongs in [{path}.settings] or [{path}.secrets]");
    section.finish(Some(&hint));
}

fn name(name: &str, value: &Value<'_>) -> Option<String> {
    if is_name(name) {
        return Some(name.to_owned());
    }
    let reason = format!(
        "a connector's name must be at most {NAME_CHARS_MAX} characters of a-z, 0-9, - and _, and begin with a letter or digit"
    );
    let fix = "the name is part of the webhook's URL; write it like [connectors.cards-eu]".to_owned();
    value.wrong_as(Exposure::ByKey, reason, Some(fix));
    None
}

/// An adapter that is compiled in, or a plugin: exactly one of both.
fn adapter(section: &mut Section<'_>) -> Option<AdapterChoice> {
    let native = section.optional("adapter");
    let plugin = section.optional("plugin");
    let sha256 = section.optional("sha256");
    let sha256 = match (&plugin, &sha256) {
        (None, Some(value)) => {
            let fix = "leave it out, or name the plugin it belongs to: plugin = \"acme\"";
            value.wrong("is the hash of a plugin's file, and this connector has no plugin", fix);
            return None;
        }
        (_, Some(value)) => {
            let example = "64 digits, as sha256sum prints them";
            let wanted = "the SHA-256 of the plugin's file: 64 hexadecimal digits";
            Some(value.parsed(wanted, example, PluginHash::parse)?)
        }
        (_, None) => None,
    };
    match (native, plugin) {
        (Some(native), None) => Some(AdapterChoice::Native(native.text("sandbox")?.to_owned())),
        (None, Some(plugin)) => Some(AdapterChoice::Plugin { name: plugin.text("acme")?.to_owned(), sha256 }),
        (Some(_), Some(plugin)) => {
            plugin.wrong(
                "must not be set beside `adapter`: a connector has one of both",
                "keep `adapter` for one that is compiled in, or `plugin` for a file in the plugins folder",
            );
            None
        }
        (None, None) => section.required("adapter", "adapter = \"sandbox\"").and(None),
    }
}

/// Read by the same code that will compare them.
fn host_patterns(value: &Value<'_>) -> Option<Vec<String>> {
    value.texts(HOST, "api.example.com", |text| {
        let grants = Grants { hosts: Some(vec![text.to_owned()]), ..Grants::default() };
        AllowedHosts::for_requests(&[], &Settings::default(), &grants).ok()?;
        Some(text.to_owned())
    })
}

fn settings(mut section: Section<'_>) -> Option<Settings> {
    let entries: Vec<_> =
        section.entries().iter().map(|entry| Some((entry.name.to_owned(), setting(&entry.value)?))).collect();
    Some(Settings(entries.into_iter().collect::<Option<_>>()?))
}

fn setting(value: &Value<'_>) -> Option<serde_json::Value> {
    match value.value {
        DeValue::String(text) => Some(serde_json::Value::String(text.clone().into_owned())),
        DeValue::Boolean(flag) => Some(serde_json::Value::Bool(*flag)),
        DeValue::Integer(_) => value.integer(i64::MIN..=i64::MAX).map(serde_json::Value::from),
        DeValue::Table(table)
            if table.iter().any(|(key, _)| matches!(key.get_ref().as_ref(), "env" | "file")) =>
        {
            let reason = "a setting is written as it is; only secrets are referred to".to_owned();
            let fix = "if it is a secret, move it to the connector's secrets".to_owned();
            value.wrong_as(Exposure::ByKey, reason, Some(fix));
            None
        }
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            let reason = "must be a text, a whole number, or true or false".to_owned();
            let fix = Some(format!("write it like: {} = \"…\"", value.key()));
            value.wrong_as(Exposure::ByKey, reason, fix);
            None
        }
    }
}

fn secret_values(
    mut section: Section<'_>,
    environment: Environment<'_>,
) -> Option<BTreeMap<String, Vec<SecretText>>> {
    let entries: Vec<_> = section
        .entries()
        .iter()
        .map(|entry| Some((entry.name.to_owned(), secrets::several(&entry.value, environment)?)))
        .collect();
    entries.into_iter().collect()
}

impl Places {
    fn new(entry: &Entry<'_>) -> Self {
        let mut spans = BTreeMap::from([(String::new(), entry.name_span.clone())]);
        collect(entry.value.value, "", &mut spans);
        Self { source: Arc::clone(entry.value.source), spans }
    }

    /// The place of the key, or of the nearest table around it that the file mentions.
    fn find(&self, key: &str) -> Option<Place> {
        let mut key = key;
        let span = loop {
            match self.spans.get(key) {
                Some(span) => break span,
                None if key.is_empty() => return None,
                None => key = key.rsplit_once('.').map_or("", |(table, _)| table),
            }
        };
        Some(Place::of(&self.source, span, Exposure::ByKey))
    }
}

fn collect(value: &DeValue<'_>, path: &str, spans: &mut BTreeMap<String, Range<usize>>) {
    let DeValue::Table(table) = value else { return };
    for (name, value) in table {
        let path = join(path, name.get_ref());
        collect(value.get_ref(), &path, spans);
        spans.insert(path, name.span());
    }
}

impl ConnectorEntry {
    /// What the registry refused, shown at its place in the file.
    pub fn mistake(&self, error: &ConnectorConfigError, plugins: &Shelf) -> ConfigError {
        use ConnectorConfigError as E;
        let (key, reason, fix) = match error {
            E::NoAdapter { adapter, .. } => {
                let fix = match nearest(adapter, native_adapters()) {
                    Some(near) => format!("did you mean \"{near}\"?"),
                    None => format!("there are: {}", native_adapters().collect::<Vec<_>>().join(", ")),
                };
                ("adapter".to_owned(), format!("there is no adapter `{adapter}`"), Some(fix))
            }
            E::Plugin { source, .. } => plugin_mistake(source),
            E::Contract { version, .. } => (
                "adapter".to_owned(),
                format!("the adapter speaks contract version {version}, which this hub does not"),
                Some("use a release of the adapter that was built for this hub".to_owned()),
            ),
            E::SandboxInLiveMode { .. } => (
                "mode".to_owned(),
                "the sandbox moves no money and is refused in live mode".to_owned(),
                Some("write mode = \"test\", or choose another adapter".to_owned()),
            ),
            E::Currency { code, title, .. } => {
                let reason = format!("names {code}, which {title} does not take");
                ("currencies".to_owned(), reason, Some(format!("leave \"{code}\" out")))
            }
            E::Setting { field, fix, .. } => {
                (field.clone(), fix.clone(), Some(self.adapter_fix(field, plugins)))
            }
            E::Hosts { source, .. } => hosts_mistake(source),
            E::Secret { secret, fix, .. } => {
                let key = format!("secrets.{secret}");
                let how = self.adapter_fix(&key, plugins);
                (key, fix.clone(), Some(how))
            }
            E::PathSecret { fix, .. } => {
                let how = "make one: openssl rand -hex 16";
                ("webhook_path_secret".to_owned(), fix.clone(), Some(how.to_owned()))
            }
            E::PathSecretUnwanted { title, .. } => {
                let reason = format!("{title} sends no deliveries");
                ("webhook_path_secret".to_owned(), reason, Some("remove the line".to_owned()))
            }
            E::NothingSentToHosts { adapter, .. } => {
                let reason = format!("{adapter} names hosts and says that nothing is sent to them");
                let fix = "use an adapter that keeps the laws".to_owned();
                ("adapter".to_owned(), reason, Some(fix))
            }
            E::Twice { .. } => {
                (String::new(), "is configured twice".to_owned(), Some("rename one of them".to_owned()))
            }
        };
        let table = join("connectors", &self.config.name);
        let path = if key.is_empty() { table } else { format!("{table}.{key}") };
        let problem = Problem {
            file: self.places.source.name.clone(),
            place: self.places.find(&key),
            key: path,
            reason,
            fix,
        };
        ConfigError::Mistakes { problems: vec![problem] }
    }

    /// What to do about a setting or secret that the adapter refuses: the name that was meant, the line that
    /// is missing, or where the list of them is.
    fn adapter_fix(&self, key: &str, plugins: &Shelf) -> String {
        let (table, name) = key.split_once('.').unwrap_or(("settings", key));
        let descriptor = descriptor_of(&self.config.adapter, plugins);
        let names = descriptor.map_or_else(Vec::new, |descriptor| match table {
            "secrets" => descriptor.secrets.into_iter().map(|field| field.name).collect(),
            _ => descriptor.settings.into_iter().map(|field| field.name).collect::<Vec<_>>(),
        });
        let is_known = names.iter().any(|known| known == name);
        if let Some(near) = nearest(name, names.iter().map(String::as_str)).filter(|_| !is_known) {
            return format!("did you mean `{near}`?");
        }
        let heading = format!("[connectors.{}.{table}]", self.config.name);
        if is_known && !self.places.spans.contains_key(key) {
            let variable = format!("{}_{name}", self.config.name).to_uppercase().replace('-', "_");
            return match table {
                "secrets" => format!("add below {heading}: {name} = {{ env = \"{variable}\" }}"),
                _ => format!("add below {heading}: {name} = …"),
            };
        }
        let adapter = match &self.config.adapter {
            AdapterChoice::Native(name) => format!("the adapter {name}"),
            AdapterChoice::Plugin { name, .. } => format!("the plugin {name}"),
        };
        format!("the README of {adapter} says what belongs in {heading}")
    }
}

/// The key, what is wrong there, and the fix.
fn hosts_mistake(error: &HostsError) -> (String, String, Option<String>) {
    let (key, fix) = match error {
        HostsError::Pattern { key, .. } => ((*key).to_owned(), None),
        HostsError::Undeclared { key, .. } => {
            let fix = "leave it out: a list only takes away from what the adapter declares";
            ((*key).to_owned(), Some(fix.to_owned()))
        }
        HostsError::NotGranted { key, granted, .. } => {
            let list: Vec<_> = granted.iter().map(|host| format!("\"{host}\"")).collect();
            let line = format!("{key} = [{}]", list.join(", "));
            ((*key).to_owned(), Some(format!("if it shall, write: {line}")))
        }
        HostsError::PlainHttp { setting, host, listed } => {
            let list: Vec<_> = listed.iter().chain([host]).map(|host| format!("\"{host}\"")).collect();
            let line = format!("plain_http_hosts = [{}]", list.join(", "));
            (
                format!("settings.{setting}"),
                Some(format!("write https, or, if TLS is not needed there: {line}")),
            )
        }
        HostsError::Setting { setting } => {
            let fix = format!("write it like: {setting} = \"https://api.example.com\"");
            (format!("settings.{setting}"), Some(fix))
        }
    };
    (key, error.to_string(), fix)
}

/// The key, the reason and the fix.
fn plugin_mistake(error: &NotFound) -> (String, String, Option<String>) {
    let (key, fix) = match error {
        NotFound::Name { name, known, .. } => {
            let fix = match (nearest(name, known.iter().map(String::as_str)), known.as_slice()) {
                (Some(near), _) => format!("did you mean \"{near}\"?"),
                (None, []) => "put its .wasm file there; plugins.folder in the config says where".to_owned(),
                (None, known) => format!("there are: {}", known.join(", ")),
            };
            ("plugin", fix)
        }
        NotFound::Hash { .. } => {
            ("sha256", "put the file that you approved there, or approve the one that is there".to_owned())
        }
        NotFound::Ambiguous { .. } => {
            ("plugin", "remove one of them, or name the right one by its hash: sha256 = \"…\"".to_owned())
        }
    };
    (key.to_owned(), error.to_string(), Some(fix))
}
