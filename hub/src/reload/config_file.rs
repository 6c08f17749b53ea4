//! The config file of `payhub serve` as the place where connectors come from.
//!
//! Connectors, with their settings, secrets and plugins, are taken over by a reload. Everything else is part of
//! what runs already (the listener, the database, limits) and waits for the next start; a reload says so.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use super::pins::Workshop;
use super::{ConnectorSource, Lineup};
use crate::app::{StartError, routes};
use crate::clock::Clock;
use crate::config::{Config, Plugins};
use crate::connector::breaker::BreakerBook;
use crate::connector::registry::Surroundings;
use crate::connector::transport::HttpTransport;
use crate::plugin::failures::FailureBook;
use crate::plugin::shelf::Shelf;
use crate::routing_table::RoutingTable;

/// A config file, and what it said at the start.
pub struct ConfigFile {
    path: PathBuf,
    in_force: Config,
    clock: Arc<dyn Clock>,
    /// The plugins as they were read last, so that only what is new is compiled.
    shelf: Mutex<Arc<Shelf>>,
    failures: Arc<FailureBook>,
    breakers: Arc<BreakerBook>,
}

impl ConfigFile {
    /// A file, and the config that was just read from it.
    pub fn new(path: PathBuf, config: Config, clock: Arc<dyn Clock>) -> Self {
        let (failures, breakers) = (Arc::default(), Arc::default());
        Self { path, in_force: config, clock, shelf: Mutex::default(), failures, breakers }
    }

    /// The lineup of the config that was read already. Blocks.
    ///
    /// # Errors
    /// [`StartError`].
    pub fn first_lineup(&self) -> Result<Lineup, StartError> {
        Shelf::mend(&self.in_force.plugins.folder)?;
        self.lineup_of(&self.in_force)
    }

    fn lineup_of(&self, config: &Config) -> Result<Lineup, StartError> {
        let Plugins { folder, terms, replaced } = &config.plugins;
        let before = Arc::clone(&self.shelf.lock().unwrap_or_else(PoisonError::into_inner));
        let plugins = Arc::new(Shelf::read(folder, terms, &before)?);
        *self.shelf.lock().unwrap_or_else(PoisonError::into_inner) = Arc::clone(&plugins);
        let transport = Arc::new(HttpTransport::new(&[])?);
        let (clock, failures) = (Arc::clone(&self.clock), Arc::clone(&self.failures));
        let breakers = Arc::clone(&self.breakers);
        let surroundings = Surroundings { transport, clock, plugins, failures, breakers };
        let workshop = Workshop {
            configs: config.connectors.iter().map(|entry| entry.config.clone()).collect(),
            folder: folder.clone(),
            terms: terms.clone(),
            replaced: replaced.clone(),
            surroundings: surroundings.clone(),
        };
        Ok(Lineup {
            routes: RoutingTable::new(routes(config, &surroundings)?)?,
            workshop: Some(Arc::new(workshop)),
            abandoned_connectors: config.abandoned_connectors.clone(),
            needs_restart: needs_restart(&self.in_force, config),
        })
    }
}

impl ConnectorSource for ConfigFile {
    fn lineup(&self) -> Result<Lineup, StartError> {
        let config = Config::load(&self.path).map_err(|error| StartError::Config(Box::new(error)))?;
        // The address that the file names now is not yet the one that shoppers are sent to.
        let live = config.connectors.iter().find(|entry| entry.config.livemode);
        if let (Some(live), "http") = (live, self.in_force.public_url.scheme()) {
            return Err(StartError::LiveOverHttp { connector: live.config.name.clone() });
        }
        self.lineup_of(&config)
    }

    fn plugins_folder(&self) -> PathBuf {
        self.in_force.plugins.folder.clone()
    }

    fn is_in_force(&self, _: &RoutingTable) {}
}

/// What differs and is not a connector's.
fn needs_restart(before: &Config, now: &Config) -> Vec<&'static str> {
    let Config {
        public_url,
        listen,
        trusted_proxies,
        database,
        data_dir,
        limits,
        checkout,
        merchant_webhooks,
        policies,
        sealing,
        log,
        metrics,
        bootstrap,
        plugins,
        abandoned_connectors: _,
        connectors: _,
    } = now;
    let differing = [
        ("public_url", *public_url != before.public_url),
        ("listen", *listen != before.listen),
        ("trusted_proxies", *trusted_proxies != before.trusted_proxies),
        ("database", *database != before.database),
        ("data_dir", *data_dir != before.data_dir),
        ("[limits]", *limits != before.limits),
        ("[checkout]", *checkout != before.checkout),
        ("[merchant_webhooks]", *merchant_webhooks != before.merchant_webhooks),
        ("[policies]", *policies != before.policies),
        ("[sealing]", *sealing != before.sealing),
        ("[log]", *log != before.log),
        ("[metrics]", *metrics != before.metrics),
        ("[bootstrap]", *bootstrap != before.bootstrap),
        // The folder is watched from the start on.
        ("plugins.folder", plugins.folder != before.plugins.folder),
    ];
    differing.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
