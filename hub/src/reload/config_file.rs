//! The config file of `payhub serve` as the place where connectors come from.
//!
//! Connectors, with their settings, secrets and plugins, are taken over by a reload. Everything else is part of
//! what runs already (the listener, the database, limits) and waits for the next start; a reload says so.

use std::path::PathBuf;
use std::sync::Arc;

use super::{ConnectorSource, Lineup};
use crate::app::{StartError, routes};
use crate::clock::Clock;
use crate::config::Config;
use crate::routing_table::RoutingTable;

/// A config file, and what it said at the start.
pub struct ConfigFile {
    /// Where it is.
    pub path: PathBuf,
    /// What the hub runs with.
    pub in_force: Config,
    /// The hub's time.
    pub clock: Arc<dyn Clock>,
}

impl ConnectorSource for ConfigFile {
    fn lineup(&self) -> Result<Lineup, StartError> {
        let config = Config::load(&self.path).map_err(|error| StartError::Config(Box::new(error)))?;
        // The address that the file names now is not yet the one that shoppers are sent to.
        let live = config.connectors.iter().find(|entry| entry.config.livemode);
        if let (Some(live), "http") = (live, self.in_force.public_url.scheme()) {
            return Err(StartError::LiveOverHttp { connector: live.config.name.clone() });
        }
        Ok(Lineup {
            routes: RoutingTable::new(routes(&config, Arc::clone(&self.clock))?)?,
            needs_restart: needs_restart(&self.in_force, &config),
            abandoned_connectors: config.abandoned_connectors,
        })
    }
}

/// What differs and is not a connector's.
fn needs_restart(before: &Config, now: &Config) -> Vec<&'static str> {
    let Config {
        public_url,
        listen,
        trusted_proxies,
        data_dir,
        limits,
        checkout,
        merchant_webhooks,
        policies,
        sealing,
        log,
        metrics,
        bootstrap,
        abandoned_connectors: _,
        connectors: _,
    } = now;
    let differing = [
        ("public_url", *public_url != before.public_url),
        ("listen", *listen != before.listen),
        ("trusted_proxies", *trusted_proxies != before.trusted_proxies),
        ("data_dir", *data_dir != before.data_dir),
        ("[limits]", *limits != before.limits),
        ("[checkout]", *checkout != before.checkout),
        ("[merchant_webhooks]", *merchant_webhooks != before.merchant_webhooks),
        ("[policies]", *policies != before.policies),
        ("[sealing]", *sealing != before.sealing),
        ("[log]", *log != before.log),
        ("[metrics]", *metrics != before.metrics),
        ("[bootstrap]", *bootstrap != before.bootstrap),
    ];
    differing.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}
