//! Which connectors there are, and what each is built from.
//!
//! Invariant: a connector exists only with settings that its adapter accepts, every required secret, and
//! hosts that can be read. What is wrong is said with the connector, the key and the fix, never the value.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use hub_core::payment::AdapterPin;
use processor_sdk::{
    Adapter, CONTRACT_VERSION, Currency, Descriptor, Fault, KeyCarrier, SecretField, Settings,
    SignedDeliveries,
};

use super::Connector;
use super::adapter_connector::{AdapterConnector, Identity};
use super::breaker::{BreakerBook, Subject};
use super::credentials::{SecretText, SecretValues};
use super::egress::Egress;
use super::hosts::{AllowedHosts, Grants, HostsError};
use super::native::{SANDBOX, native_adapter};
use super::redact::{FORM_BYTES_MIN, Redactor};
use super::replay::Means;
use super::runner::{Native, Runner, Sandboxed};
use super::transport::Transport;
use crate::clock::Clock;
use crate::plugin::failures::{FailureBook, Failures};
use crate::plugin::file::PluginHash;
use crate::plugin::sandbox::Plugin;
use crate::plugin::shelf::{NotFound, Shelf};

/// The shortest secret, in bytes: the shortest that can be found and masked in an echo.
const SECRET_BYTES_MIN: usize = FORM_BYTES_MIN;

/// How many values of one secret may be active at once.
const SECRET_VALUES_MAX: usize = 4;

/// Words at the front of a key, apart by `_`, among which its mode may stand.
const MODE_WORDS_MAX: usize = 2;

/// The shortest webhook path secret, in characters: 128 random bits in base64.
const PATH_SECRET_CHARS_MIN: usize = 22;

/// Which adapter a connector uses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AdapterChoice {
    /// One that is compiled in, by its name.
    Native(String),
    /// A plugin, by its name; the highest version, unless the file itself is named by its hash.
    Plugin { name: String, sha256: Option<PluginHash> },
}

/// One connector as the operator configured it.
#[derive(Clone, Debug)]
pub struct ConnectorConfig {
    /// The operator's name for it.
    pub name: String,
    /// What speaks the processor's API.
    pub adapter: AdapterChoice,
    pub livemode: bool,
    /// The currencies that it is used for, of those that the adapter takes; empty = all of them.
    pub currencies: Vec<Currency>,
    pub settings: Settings,
    /// Active values by name; the first is used for requests.
    pub secrets: BTreeMap<String, Vec<SecretText>>,
    pub grants: Grants,
    /// The unguessable part of the webhook's path, where deliveries are not signed.
    pub webhook_path_secret: Option<SecretText>,
}

/// What all connectors share.
#[derive(Clone)]
pub struct Surroundings {
    pub transport: Arc<dyn Transport>,
    pub clock: Arc<dyn Clock>,
    /// The plugins that connectors may use.
    pub plugins: Arc<Shelf>,
    /// What runs of plugins did wrong, across reloads.
    pub failures: Arc<FailureBook>,
    /// Which connectors are not run for a while, across reloads.
    pub breakers: Arc<BreakerBook>,
}

impl AdapterChoice {
    /// The name of the adapter or plugin.
    pub fn name(&self) -> &str {
        match self {
            Self::Native(name) | Self::Plugin { name, .. } => name,
        }
    }
}

impl fmt::Display for AdapterChoice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Native(name) => formatter.write_str(name),
            Self::Plugin { name, .. } => write!(formatter, "plugin {name}"),
        }
    }
}

/// What is wrong with a connector's config. Every message names the connector, the key and the fix.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConnectorConfigError {
    #[error(
        "connector {connector}: there is no adapter `{adapter}`; name one that is compiled in, or set `plugin` \
         instead"
    )]
    NoAdapter { connector: String, adapter: String },
    #[error("connector {connector}: {source}")]
    Plugin { connector: String, source: NotFound },
    #[error(
        "connector {connector}: the adapter speaks contract version {version}, this hub {CONTRACT_VERSION}; use an adapter built for it"
    )]
    Contract { connector: String, version: u32 },
    #[error(
        "connector {connector}: the sandbox moves no money and is refused in live mode; write mode = \"test\", or choose another adapter"
    )]
    SandboxInLiveMode { connector: String },
    #[error(
        "connector {connector}: the adapter {adapter} names hosts and says that nothing is sent to them, so that a request could go out twice; use an adapter that keeps the laws"
    )]
    NothingSentToHosts { connector: String, adapter: String },
    #[error("connector {connector}: currencies names {code}, which {title} does not take; leave it out")]
    Currency { connector: String, code: &'static str, title: String },
    #[error("connector {connector}: {field} {fix}")]
    Setting { connector: String, field: String, fix: String },
    #[error("connector {connector}: {source}")]
    Hosts { connector: String, source: HostsError },
    #[error("connector {connector}: secrets.{secret} {fix}")]
    Secret { connector: String, secret: String, fix: String },
    #[error("connector {connector}: webhook_path_secret {fix}")]
    PathSecret { connector: String, fix: String },
    #[error("connector {connector}: webhook_path_secret must be left out: {title} sends no deliveries")]
    PathSecretUnwanted { connector: String, title: String },
    #[error("connector {connector} is configured twice; give each connector a name of its own")]
    Twice { connector: String },
}

/// The code behind a connector.
enum Code {
    Native(Arc<dyn Adapter>),
    Plugin(Arc<Plugin>),
}

/// Which of a plugin's versions: the config is written for the one in force.
#[derive(Clone, Copy)]
enum Age {
    InForce,
    Older,
}

/// Builds a connector.
///
/// # Errors
/// [`ConnectorConfigError`].
pub fn build(
    config: ConnectorConfig,
    surroundings: &Surroundings,
) -> Result<Arc<dyn Connector>, ConnectorConfigError> {
    let connector = || config.name.clone();
    let code = match &config.adapter {
        AdapterChoice::Native(name) => Code::Native(native_adapter(name).ok_or_else(|| {
            ConnectorConfigError::NoAdapter { connector: connector(), adapter: name.clone() }
        })?),
        AdapterChoice::Plugin { name, sha256 } => {
            let found = surroundings.plugins.find(name, *sha256);
            Code::Plugin(
                found.map_err(|source| ConnectorConfigError::Plugin { connector: connector(), source })?,
            )
        }
    };
    build_from(config, code, surroundings, Age::InForce)
}

/// Builds a connector from an older file of its plugin, as its config says now. What that file does not know is
/// the newer one's, and is left out.
///
/// # Errors
/// [`ConnectorConfigError`].
pub fn build_older(
    mut config: ConnectorConfig,
    plugin: Arc<Plugin>,
    surroundings: &Surroundings,
) -> Result<Arc<dyn Connector>, ConnectorConfigError> {
    let descriptor = plugin.descriptor();
    config.settings.0.retain(|name, _| descriptor.settings.iter().any(|field| field.name == *name));
    config.currencies.retain(|currency| descriptor.currencies.only(&[*currency]).is_ok());
    config.secrets.retain(|name, _| descriptor.secrets.iter().any(|field| field.name == *name));
    if descriptor.deliveries == SignedDeliveries::None {
        config.webhook_path_secret = None;
    }
    build_from(config, Code::Plugin(plugin), surroundings, Age::Older)
}

/// Builds a connector from any adapter, whatever its config says.
///
/// # Errors
/// [`ConnectorConfigError`].
pub fn build_with(
    config: ConnectorConfig,
    adapter: Arc<dyn Adapter>,
    surroundings: &Surroundings,
) -> Result<Arc<dyn Connector>, ConnectorConfigError> {
    build_from(config, Code::Native(adapter), surroundings, Age::InForce)
}

/// All that a connector's settings and secrets get wrong, where one of them is what kept it from being built; else
/// that reason alone.
pub fn mistakes(
    config: &ConnectorConfig,
    plugins: &Shelf,
    first: ConnectorConfigError,
) -> Vec<ConnectorConfigError> {
    use ConnectorConfigError as E;
    let descriptor = match first {
        E::Setting { .. } | E::Secret { .. } | E::PathSecret { .. } | E::PathSecretUnwanted { .. } => {
            descriptor_of(&config.adapter, plugins)
        }
        E::NoAdapter { .. }
        | E::Plugin { .. }
        | E::Contract { .. }
        | E::SandboxInLiveMode { .. }
        | E::NothingSentToHosts { .. }
        | E::Currency { .. }
        | E::Hosts { .. }
        | E::Twice { .. } => None,
    };
    let Some(descriptor) = descriptor else { return vec![first] };
    let faults = descriptor.setting_faults(&config.settings).into_iter();
    let mut all: Vec<_> = faults.map(|fault| setting_mistake(config, fault)).collect();
    all.extend(secret_mistakes(config, &descriptor));
    all.extend(check_path_secret(config, &descriptor).err());
    all
}

/// What an adapter says of itself, if there is one.
pub fn descriptor_of(choice: &AdapterChoice, plugins: &Shelf) -> Option<Descriptor> {
    match choice {
        AdapterChoice::Native(name) => native_adapter(name).map(|adapter| adapter.descriptor()),
        AdapterChoice::Plugin { name, sha256 } => {
            plugins.find(name, *sha256).ok().map(|plugin| plugin.descriptor().clone())
        }
    }
}

fn build_from(
    config: ConnectorConfig,
    code: Code,
    surroundings: &Surroundings,
    age: Age,
) -> Result<Arc<dyn Connector>, ConnectorConfigError> {
    let descriptor = descriptor_for(&config, &code)?;
    let connector = || config.name.clone();
    let settings = check_settings(&config, &descriptor)?;
    check_secrets(&config, &descriptor)?;
    check_path_secret(&config, &descriptor)?;
    let hosts_error = |source| ConnectorConfigError::Hosts { connector: connector(), source };
    let grants = match &code {
        Code::Native(_) => config.grants.clone(),
        Code::Plugin(_) => {
            config.grants.of_plugin(&descriptor, &config.settings, &settings).map_err(hosts_error)?
        }
    };
    let secrets = Arc::new(SecretValues::new(config.secrets));
    let redactor = Arc::new(Redactor::new(&secrets, &descriptor.never_store));
    let door_hosts =
        AllowedHosts::for_doors(&descriptor.checkout_hosts, &settings, &grants).map_err(hosts_error)?;
    let request_hosts =
        AllowedHosts::for_requests(&descriptor.hosts, &settings, &grants).map_err(hosts_error)?;
    match age {
        Age::InForce => {
            request_hosts.refuse_without_effect(&grants, &door_hosts).map_err(hosts_error)?;
            AllowedHosts::refuse_plain_http(&descriptor, &settings, &grants).map_err(hosts_error)?;
        }
        Age::Older => {}
    }
    let egress = Egress::new(
        (&descriptor, &settings, &grants),
        Arc::clone(&secrets),
        Arc::clone(&redactor),
        (Arc::clone(&surroundings.transport), Arc::clone(&surroundings.clock)),
    )
    .map_err(hosts_error)?;
    let failures = failures_of(&code, &config.name, surroundings);
    let (runner, content_hash): (Arc<dyn Runner>, _) = match code {
        Code::Native(adapter) => (Arc::new(Native(adapter)), None),
        Code::Plugin(plugin) => {
            let hash = plugin.hash().to_string();
            let (connector, redactor) = (connector(), Arc::clone(&redactor));
            let failures = Arc::clone(&failures);
            (Arc::new(Sandboxed { plugin, connector, redactor, failures }), Some(hash))
        }
    };
    let identity = Identity {
        name: config.name,
        livemode: config.livemode,
        pin: AdapterPin { name: descriptor.name.clone(), version: descriptor.version.clone(), content_hash },
        door_hosts,
        webhook_path_secret: config.webhook_path_secret,
    };
    let breaker = surroundings.breakers.of(Subject {
        connector: identity.name.clone(),
        livemode: identity.livemode,
        pin: identity.pin.clone(),
        settings: settings.clone(),
        grants,
    });
    let clock = Arc::clone(&surroundings.clock);
    let means = Means { runner, descriptor, settings, secrets, redactor, egress, clock, failures };
    Ok(Arc::new(AdapterConnector::new(identity, means, breaker)))
}

/// What the code behind a connector says of itself, narrowed to what the config uses; refused when it cannot be used.
fn descriptor_for(config: &ConnectorConfig, code: &Code) -> Result<Descriptor, ConnectorConfigError> {
    let mut descriptor = match code {
        Code::Native(adapter) => adapter.descriptor(),
        Code::Plugin(plugin) => plugin.descriptor().clone(),
    };
    let connector = || config.name.clone();
    if descriptor.contract != CONTRACT_VERSION {
        return Err(ConnectorConfigError::Contract { connector: connector(), version: descriptor.contract });
    }
    if config.livemode && descriptor.name == SANDBOX {
        return Err(ConnectorConfigError::SandboxInLiveMode { connector: connector() });
    }
    if descriptor.idempotency.carrier == KeyCarrier::NothingSent && !descriptor.hosts.is_empty() {
        let adapter = descriptor.name;
        return Err(ConnectorConfigError::NothingSentToHosts { connector: connector(), adapter });
    }
    let currencies = descriptor.currencies.only(&config.currencies);
    descriptor.currencies = currencies.map_err(|currency| ConnectorConfigError::Currency {
        connector: connector(),
        code: currency.code(),
        title: descriptor.title.clone(),
    })?;
    Ok(descriptor)
}

/// Nobody is shown those of an adapter that is compiled in: its panics are in the log.
fn failures_of(code: &Code, connector: &str, surroundings: &Surroundings) -> Arc<Failures> {
    match code {
        Code::Native(_) => Arc::default(),
        Code::Plugin(plugin) => surroundings.failures.of(connector, plugin.hash()),
    }
}

fn check_settings(
    config: &ConnectorConfig,
    descriptor: &Descriptor,
) -> Result<Settings, ConnectorConfigError> {
    descriptor.check_settings(&config.settings).map_err(|fault| setting_mistake(config, fault))
}

fn setting_mistake(config: &ConnectorConfig, fault: Fault) -> ConnectorConfigError {
    let (field, fix) = match fault {
        Fault::CannotAsk { field, reason } => (field, reason),
        other => ("settings".to_owned(), other.to_string()),
    };
    ConnectorConfigError::Setting { connector: config.name.clone(), field, fix }
}

fn check_secrets(config: &ConnectorConfig, descriptor: &Descriptor) -> Result<(), ConnectorConfigError> {
    secret_mistakes(config, descriptor).into_iter().next().map_or(Ok(()), Err)
}

/// What is wrong with each secret; those that nobody knows first.
fn secret_mistakes(config: &ConnectorConfig, descriptor: &Descriptor) -> Vec<ConnectorConfigError> {
    let mistake = |secret: &str, fix: String| {
        let (connector, secret) = (config.name.clone(), secret.to_owned());
        ConnectorConfigError::Secret { connector, secret, fix }
    };
    let known: Vec<_> = descriptor.secrets.iter().map(|field| field.name.as_str()).collect();
    let unknown = config.secrets.keys().filter(|name| !known.contains(&name.as_str()));
    let mut all: Vec<_> = unknown
        .map(|name| {
            mistake(name, format!("is not a secret of {}; it has: {}", descriptor.name, known.join(", ")))
        })
        .collect();
    all.extend(descriptor.secrets.iter().filter_map(|field| {
        let values = config.secrets.get(&field.name).map_or(&[][..], Vec::as_slice);
        Some(mistake(&field.name, secret_fix(field, values, config.livemode)?))
    }));
    all
}

/// What is to be done about the values of a secret; nothing when they will do.
fn secret_fix(field: &SecretField, values: &[SecretText], livemode: bool) -> Option<String> {
    let values_max = if field.several { SECRET_VALUES_MAX } else { 1 };
    if values.is_empty() && field.required {
        return Some(format!("must be set: {}", field.help));
    }
    if values.iter().any(|value| value.reveal().trim().is_empty()) {
        return Some(format!("must not be empty: {}", field.help));
    }
    if values.iter().any(|value| value.reveal().len() < SECRET_BYTES_MIN) {
        return Some(format!("must be at least {SECRET_BYTES_MIN} bytes long: {}", field.help));
    }
    let is_of_other_mode =
        |value: &SecretText| said_mode(value.reveal()).is_some_and(|mode| mode != livemode);
    if values.iter().any(is_of_other_mode) {
        let (said, mode) = if livemode { ("test", "live") } else { ("live", "test") };
        return Some(format!(
            "says that it is of {said} mode, and the connector has mode = \"{mode}\"; use the processor's {mode} \
             key, or change the mode"
        ));
    }
    (values.len() > values_max).then(|| format!("may have {values_max} values at most; leave out the oldest"))
}

/// The mode that a key names in front, as many processors write it: `sk_test_…`, `rk_live_…`, `test_…`. None
/// for a key that does not say.
fn said_mode(secret: &str) -> Option<bool> {
    let mut words = secret.split('_');
    // What stands after the last `_` is random and says nothing.
    words.next_back();
    words.take(MODE_WORDS_MAX).find_map(|word| match word {
        "live" => Some(true),
        "test" => Some(false),
        _ => None,
    })
}

fn check_path_secret(config: &ConnectorConfig, descriptor: &Descriptor) -> Result<(), ConnectorConfigError> {
    let refuse = |fix: String| Err(ConnectorConfigError::PathSecret { connector: config.name.clone(), fix });
    match &config.webhook_path_secret {
        None if descriptor.deliveries == SignedDeliveries::Unsigned => refuse(format!(
            "must be set to at least {PATH_SECRET_CHARS_MIN} random characters: {} does not sign its deliveries",
            descriptor.title
        )),
        None => Ok(()),
        Some(_) if descriptor.deliveries == SignedDeliveries::None => {
            let (connector, title) = (config.name.clone(), descriptor.title.clone());
            Err(ConnectorConfigError::PathSecretUnwanted { connector, title })
        }
        Some(secret) => {
            let is_path = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
            let text = secret.reveal();
            if text.len() < PATH_SECRET_CHARS_MIN || !text.bytes().all(is_path) {
                return refuse(format!(
                    "must be at least {PATH_SECRET_CHARS_MIN} random characters of A-Z, a-z, 0-9, `-` and `_`"
                ));
            }
            Ok(())
        }
    }
}

#[cfg(test)]
mod tests {
    use processor_sdk::SignedDeliveries::{None as NoDeliveries, Unsigned, WholeBody};
    use processor_sdk::{Door, DoorKind, Instruction, Scannable};
    use serde_json::json;

    use super::super::lab::{self, LabAdapter, performing};
    use super::super::transport::HttpTransport;
    use super::*;
    use crate::clock::SystemClock;
    use crate::routing_table::{Route, RoutingTable};

    fn surroundings() -> Surroundings {
        Surroundings {
            transport: Arc::new(HttpTransport::new(&[]).unwrap()),
            clock: Arc::new(SystemClock),
            plugins: Arc::default(),
            failures: Arc::default(),
            breakers: Arc::default(),
        }
    }

    fn adapter(deliveries: SignedDeliveries) -> LabAdapter {
        let mut adapter = performing(|_, _| Err(Fault::Unsupported.into()));
        adapter.descriptor = lab::descriptor(deliveries);
        adapter
    }

    fn set(config: &mut ConnectorConfig, secret: &str, values: &[&str]) {
        let values = values.iter().map(|value| SecretText::new(*value)).collect();
        config.secrets.insert(secret.to_owned(), values);
    }

    fn set_setting(config: &mut ConnectorConfig, setting: &str, value: serde_json::Value) {
        config.settings.0.insert(setting.to_owned(), value);
    }

    fn set_path(config: &mut ConnectorConfig, secret: Option<&str>) {
        config.webhook_path_secret = secret.map(SecretText::new);
    }

    type Change = fn(&mut ConnectorConfig);

    #[test]
    fn what_is_wrong_is_said_with_the_connector_the_key_and_the_fix() {
        let rows: Vec<(SignedDeliveries, Change, &[&str])> = vec![
            (WholeBody, |config| drop(config.secrets.remove("api_key")), &["secrets.api_key must be set"]),
            (WholeBody, |config| set(config, "api_key", &[]), &["secrets.api_key must be set"]),
            (WholeBody, |config| set(config, "api_key", &[" "]), &["secrets.api_key must not be empty"]),
            (
                WholeBody,
                |config| set(config, "webhook", &["hush-1", ""]),
                &["secrets.webhook must not be empty"],
            ),
            (WholeBody, |config| set(config, "api_key", &["hus"]), &["secrets.api_key", "4 bytes"]),
            (
                WholeBody,
                |config| set(config, "api_key", &["hush-1", "hush-2"]),
                &["secrets.api_key may have 1 values"],
            ),
            (
                WholeBody,
                |config| set(config, "apikey", &["hush"]),
                &["secrets.apikey is not", "api_key, other, webhook"],
            ),
            (WholeBody, |config| set_setting(config, "site", json!(7)), &["settings.site must be a text"]),
            (
                WholeBody,
                |config| set_setting(config, "sites", json!("x")),
                &["settings.sites is not a setting of lab"],
            ),
            (
                WholeBody,
                |config| config.grants.hosts = Some(vec!["https://x".into()]),
                &["`https://x` in hosts"],
            ),
            (WholeBody, |config| config.grants.plain_http_hosts = vec!["a/b".into()], &["plain_http_hosts"]),
            (
                WholeBody,
                |config| set_path(config, Some("hush/hush/hush/hush/hush")),
                &["webhook_path_secret"],
            ),
            (
                Unsigned,
                |config| set_path(config, Some("hush-hush")),
                &["webhook_path_secret must be at least 22"],
            ),
            (
                Unsigned,
                |config| set_path(config, None),
                &["webhook_path_secret must be set", "does not sign"],
            ),
            (
                NoDeliveries,
                |config| set_path(config, Some("abcdefghijklmnopqrstuvwxyz")),
                &["webhook_path_secret must be left out", "sends no deliveries"],
            ),
        ];
        for (deliveries, change, words) in rows {
            let adapter = adapter(deliveries);
            let mut config = lab::config(&adapter.descriptor);
            change(&mut config);
            let message = build_with(config, Arc::new(adapter), &surroundings()).err().unwrap().to_string();
            assert!(message.starts_with("connector lab_eur: "), "{message}");
            assert!(words.iter().all(|word| message.contains(word)), "{message}");
            assert!(!message.contains("hush"), "{message}");
        }
    }

    #[test]
    fn a_key_that_says_its_mode_is_taken_in_that_mode_only() {
        let rows = [
            ("sk_test_51Qabcdef", Some(false)),
            ("sk_live_51Qabcdef", Some(true)),
            ("rk_live_51Qabcdef", Some(true)),
            ("test_51Qabcdef", Some(false)),
            ("live_51Qabcdef", Some(true)),
            ("whsec_51Qabcdef", None),
            ("sk_sandbox_of_a_test_x", None),
            ("hush_test", None),
            ("testing_51Q", None),
            ("", None),
        ];
        for (key, mode) in rows {
            assert_eq!(said_mode(key), mode, "{key}");
            for livemode in [false, true] {
                let adapter = adapter(WholeBody);
                let mut config = lab::config(&adapter.descriptor);
                config.livemode = livemode;
                set(&mut config, "api_key", &[if key.is_empty() { "hush-hush" } else { key }]);
                let built = build_with(config, Arc::new(adapter), &surroundings());
                let refused = built.err().map(|error| error.to_string());
                assert_eq!(refused.is_some(), mode.is_some_and(|mode| mode != livemode), "{key} {refused:?}");
                assert!(refused.is_none_or(|text| text.contains("secrets.api_key") && !text.contains(key)));
            }
        }
    }

    #[test]
    fn a_connector_says_who_it_is() {
        let adapter = adapter(Unsigned);
        let config = lab::config(&adapter.descriptor);
        let connector = build_with(config, Arc::new(adapter), &surroundings()).unwrap();
        assert_eq!((connector.name(), connector.livemode()), ("lab_eur", false));
        assert_eq!(connector.settings().optional_text("site"), Some("main"), "defaults are filled in");
        assert_eq!(connector.webhook_path_secret(), Some("abcdefghijklmnopqrstuvwxyz"));
        let pin = connector.adapter_pin();
        assert_eq!((pin.name.as_str(), pin.version.as_str()), ("lab", "1.0.0"));
        assert_eq!(pin.content_hash, None, "only a plugin has a file of its own");
    }

    #[test]
    fn adapters_are_refused_where_they_do_not_belong() {
        for (change, words) in [
            (
                (|descriptor| descriptor.name = "sandbox".to_owned()) as fn(&mut Descriptor),
                "refused in live mode",
            ),
            (|descriptor| descriptor.contract = CONTRACT_VERSION + 1, "contract version"),
            (|descriptor| descriptor.idempotency.carrier = KeyCarrier::NothingSent, "could go out twice"),
        ] {
            let mut adapter = adapter(WholeBody);
            change(&mut adapter.descriptor);
            let config = ConnectorConfig { livemode: true, ..lab::config(&adapter.descriptor) };
            let error = build_with(config, Arc::new(adapter), &surroundings()).err().unwrap();
            assert!(error.to_string().contains(words), "{error}");
        }
        let nobody = AdapterChoice::Native("nobody".to_owned());
        let config = ConnectorConfig { adapter: nobody, ..lab::config(&lab::descriptor(WholeBody)) };
        let error = build(config, &surroundings()).err().unwrap();
        assert!(error.to_string().contains("no adapter `nobody`"), "{error}");
    }

    #[test]
    fn doors_lead_to_checkout_hosts_only() {
        let adapter = adapter(WholeBody);
        let config = lab::config(&adapter.descriptor);
        let connector = build_with(config, Arc::new(adapter), &surroundings()).unwrap();
        let form = |url: &str| DoorKind::Form { url: url.to_owned(), fields: vec![] };
        let instructions = |payload: String| DoorKind::Instructions {
            instructions: vec![Instruction { label: "IBAN".to_owned(), value: "x".to_owned() }],
            scannable: Some(Scannable::Qr { payload }),
        };
        for (kind, allowed) in [
            (Door::redirect("https://a.pay.test/s").kind, true),
            (form("https://a.pay.test/s"), true),
            (instructions("a".repeat(331)), true),
            (DoorKind::Nothing, true),
            (Door::redirect("https://api.test/").kind, false),
            (Door::redirect("http://a.pay.test/").kind, false),
            (Door::redirect("javascript:alert(1)").kind, false),
            (form("https://pay.test.evil.test/"), false),
            (instructions("a".repeat(332)), false),
        ] {
            let door = Door { kind, expires_in_s: None };
            assert_eq!(connector.door_allowed(&door).is_ok(), allowed, "{door:?}");
        }
    }

    #[test]
    fn connectors_are_found_by_name_and_mode() {
        let connector = |name: &str, livemode| {
            let adapter = adapter(WholeBody);
            let config =
                ConnectorConfig { name: name.to_owned(), livemode, ..lab::config(&adapter.descriptor) };
            build_with(config, Arc::new(adapter), &surroundings()).unwrap()
        };
        let table = |connectors: Vec<Arc<dyn Connector>>| {
            let route = |connector: Arc<dyn Connector>| {
                let title = connector.name().to_owned();
                Route { connector, title, sites: vec![], draining: false }
            };
            RoutingTable::new(connectors.into_iter().map(route).collect())
        };
        let routes = table(vec![connector("b", false), connector("a", false), connector("c", true)]).unwrap();
        let names = |livemode| {
            let candidates = routes.candidates().into_iter();
            let of_mode = candidates.filter(|candidate| candidate.livemode == livemode);
            of_mode.map(|candidate| candidate.name).collect::<Vec<_>>()
        };
        // In the operator's order, which is the order of routing.
        assert_eq!((names(false), names(true)), (vec!["b".to_owned(), "a".to_owned()], vec!["c".to_owned()]));
        assert!(routes.connector("a").is_some() && routes.connector("z").is_none());
        let twice = table(vec![connector("a", false), connector("a", true)]);
        assert_eq!(twice.err(), Some(ConnectorConfigError::Twice { connector: "a".to_owned() }));
    }
}
