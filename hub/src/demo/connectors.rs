//! The demo's connectors: two accounts of its make-believe processor, plugins that are dropped into its folder, and
//! what its `connectors.toml` says beside them.
//!
//! A plugin that asks for nothing but the processor's address, an API key and a webhook secret gets the spare
//! account, so that it takes a payment as soon as it is there.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use processor_sdk::{Descriptor, Settings};

use super::{AccountMemory, CONNECTORS, ProcessorAccounts, SPARE};
use crate::api_objects::public_urls::PublicUrls;
use crate::app::{StartError, routes};
use crate::clock::Clock;
use crate::config::problem::ConfigError;
use crate::config::{Config, Plugins};
use crate::connector::breaker::BreakerBook;
use crate::connector::credentials::SecretText;
use crate::connector::hosts::Grants;
use crate::connector::registry::{AdapterChoice, ConnectorConfig, Surroundings, build};
use crate::connector::transport::HttpTransport;
use crate::plugin::failures::FailureBook;
use crate::plugin::shelf::{Shelf, Terms};
use crate::reload::pins::Workshop;
use crate::reload::{ConnectorSource, Lineup};
use crate::routing_table::{Route, RoutingTable};

/// Further connectors, written as in a hub's config file.
const FRAGMENT: &str = "connectors.toml";

/// Where a demo's plugins are, and on what terms they run.
#[must_use]
pub fn plugins(data_dir: &Path) -> Plugins {
    let terms = Terms { cache: Some(data_dir.join("plugin-cache")), ..Terms::default() };
    Plugins { folder: data_dir.join("plugins"), terms, replaced: vec![] }
}

/// Where the demo's connectors come from.
pub(super) struct DemoConnectors {
    data_dir: PathBuf,
    base_url: String,
    sandbox_url: String,
    accounts: BTreeMap<String, AccountMemory>,
    clock: Arc<dyn Clock>,
    shelf: Mutex<Arc<Shelf>>,
    failures: Arc<FailureBook>,
    breakers: Arc<BreakerBook>,
    /// The processor's accounts, once it runs.
    processor: OnceLock<ProcessorAccounts>,
    /// The connector that has the spare account.
    spare_of: Mutex<Option<String>>,
}

impl DemoConnectors {
    pub(super) fn new(
        data_dir: &Path,
        base_url: &str,
        sandbox_url: &str,
        accounts: BTreeMap<String, AccountMemory>,
        clock: Arc<dyn Clock>,
    ) -> Arc<Self> {
        Arc::new(Self {
            data_dir: data_dir.to_owned(),
            base_url: base_url.to_owned(),
            sandbox_url: sandbox_url.to_owned(),
            accounts,
            clock,
            shelf: Mutex::default(),
            failures: Arc::default(),
            breakers: Arc::default(),
            processor: OnceLock::new(),
            spare_of: Mutex::default(),
        })
    }

    /// The lineup of the start. Compiling plugins takes its time, and signals are heard meanwhile.
    pub(super) async fn first_lineup(source: &Arc<Self>) -> Result<Lineup, StartError> {
        let reading = Arc::clone(source);
        let first = move || {
            Shelf::mend(&plugins(&reading.data_dir).folder)?;
            reading.lineup()
        };
        let lineup = tokio::task::spawn_blocking(first).await;
        lineup.map_err(|error| StartError::Aborted(error.to_string()))?
    }

    /// The processor runs, and hears where the spare account's webhooks go.
    pub(super) fn meet(&self, accounts: ProcessorAccounts) {
        let _first = self.processor.set(accounts);
        self.direct_webhooks();
    }

    fn account(&self, name: &str, adapter: AdapterChoice, account: &AccountMemory) -> ConnectorConfig {
        let secret = |text: &str| vec![SecretText::new(text)];
        ConnectorConfig {
            name: name.to_owned(),
            adapter,
            livemode: false,
            currencies: vec![],
            settings: Settings::from([("base_url", self.sandbox_url.as_str().into())]),
            secrets: BTreeMap::from([
                ("api_key".to_owned(), secret(&account.api_key)),
                ("webhook_secret".to_owned(), secret(&account.webhook_secret)),
            ]),
            grants: Grants {
                plain_http_hosts: vec![self.sandbox_url.trim_start_matches("http://").to_owned()],
                ..Grants::default()
            },
            webhook_path_secret: None,
        }
    }

    fn own(&self) -> Vec<(ConnectorConfig, String)> {
        let own = CONNECTORS.iter().filter_map(|(name, title)| {
            let adapter = AdapterChoice::Native("sandbox".to_owned());
            Some((self.account(name, adapter, self.accounts.get(*name)?), (*title).to_owned()))
        });
        own.collect()
    }

    /// What `connectors.toml` says; nothing where there is none.
    fn written(&self) -> Result<Option<Config>, StartError> {
        let path = self.data_dir.join(FRAGMENT);
        if !path.exists() {
            return Ok(None);
        }
        let wrong = |error: ConfigError| StartError::Config(Box::new(error));
        let config = Config::load_fragment(&path, &self.base_url).map_err(wrong)?;
        let names_own = config
            .connectors
            .iter()
            .find(|entry| CONNECTORS.iter().any(|(name, _)| *name == entry.config.name));
        match names_own {
            Some(entry) => {
                let connector = entry.config.name.clone();
                Err(crate::connector::registry::ConnectorConfigError::Twice { connector }.into())
            }
            None => Ok(Some(config)),
        }
    }

    /// The first plugin that nobody wrote a connector for and that the spare account is enough for.
    fn spare(&self, plugins: &Shelf, taken: &[ConnectorConfig]) -> Option<(ConnectorConfig, String)> {
        let account = self.accounts.get(SPARE)?;
        let mut names: Vec<_> = plugins.plugins().iter().map(|(_, plugin)| plugin.descriptor()).collect();
        names.sort_by(|one, other| one.name.cmp(&other.name));
        names.dedup_by(|one, other| one.name == other.name);
        let is_free = |descriptor: &&Descriptor| {
            let name = &descriptor.name;
            let is_taken = |config: &ConnectorConfig| {
                config.name == *name
                    || matches!(&config.adapter, AdapterChoice::Plugin { name: used, .. } if used == name)
            };
            !taken.iter().any(is_taken)
        };
        let mut found = None;
        for descriptor in names.into_iter().filter(is_free) {
            if found.is_none() && is_enough_for(descriptor) {
                let choice = AdapterChoice::Plugin { name: descriptor.name.clone(), sha256: None };
                found = Some((self.account(&descriptor.name, choice, account), descriptor.title.clone()));
            } else {
                tracing::warn!(
                    "the plugin {name} is there and no connector uses it: write [connectors.{name}] into {file}",
                    name = descriptor.name,
                    file = self.data_dir.join(FRAGMENT).display()
                );
            }
        }
        found
    }

    /// Has the processor send the spare account's webhooks to the connector that has it.
    fn direct_webhooks(&self) {
        let spare_of = self.spare_of.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(name), Some(processor)) = (spare_of.as_deref(), self.processor.get()) {
            let url = PublicUrls::new(&self.base_url).webhooks(name, None);
            if !processor.send_webhooks_to(SPARE, &url) {
                tracing::warn!(url, "the processor could not be told where the plugin's webhooks go");
            }
        }
    }
}

/// Whether an account of the make-believe processor is all that a plugin needs.
fn is_enough_for(descriptor: &Descriptor) -> bool {
    let settings = &descriptor.settings;
    let has_address = settings.iter().any(|field| field.name == "base_url");
    let asks_more =
        settings.iter().any(|field| field.required && field.default.is_none() && field.name != "base_url");
    let mut secrets: Vec<_> = descriptor.secrets.iter().map(|field| field.name.as_str()).collect();
    secrets.sort_unstable();
    has_address && !asks_more && secrets == ["api_key", "webhook_secret"]
}

impl ConnectorSource for DemoConnectors {
    fn lineup(&self) -> Result<Lineup, StartError> {
        let Plugins { folder, terms, replaced } = plugins(&self.data_dir);
        let before = Arc::clone(&self.shelf.lock().unwrap_or_else(PoisonError::into_inner));
        let shelf = Arc::new(Shelf::read(&folder, &terms, &before)?);
        *self.shelf.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&shelf);
        let transport = Arc::new(HttpTransport::new(&[])?);
        let (clock, failures) = (Arc::clone(&self.clock), Arc::clone(&self.failures));
        let (plugins, breakers) = (Arc::clone(&shelf), Arc::clone(&self.breakers));
        let surroundings = Surroundings { transport, clock, plugins, failures, breakers };
        let mut table = Vec::new();
        let written = self.written()?;
        let mut made = self.own();
        let mut configs: Vec<_> = made.iter().map(|(config, _)| config.clone()).collect();
        configs
            .extend(written.iter().flat_map(|config| &config.connectors).map(|entry| entry.config.clone()));
        let spare = self.spare(&shelf, &configs);
        let spare_of = spare.as_ref().map(|(config, _)| config.name.clone());
        configs.extend(spare.iter().map(|(config, _)| config.clone()));
        made.extend(spare);
        for (config, title) in made {
            let connector = build(config, &surroundings)?;
            table.push(Route { connector, title, sites: vec![], draining: false });
        }
        if let Some(config) = &written {
            table.extend(routes(config, &surroundings)?);
        }
        let table = RoutingTable::new(table)?;
        *self.spare_of.lock().unwrap_or_else(PoisonError::into_inner) = spare_of;
        let workshop = Workshop { configs, surroundings, folder, terms, replaced };
        let abandoned = written.map(|config| config.abandoned_connectors).unwrap_or_default();
        Ok(Lineup { workshop: Some(Arc::new(workshop)), ..Lineup::without_plugins(table, abandoned) })
    }

    fn plugins_folder(&self) -> PathBuf {
        plugins(&self.data_dir).folder
    }

    fn is_in_force(&self, _: &RoutingTable) {
        self.direct_webhooks();
    }
}
