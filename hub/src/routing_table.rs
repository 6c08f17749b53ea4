//! The connectors of this hub in the operator's order, with what routing must know of each.
//!
//! A [`RoutingTable`] never changes; [`Connectors`] is the one that is in force, and a reload puts another in its
//! place. Whoever works with connectors takes the table once and keeps it to the end, so that nothing under way
//! sees two of them.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError, RwLock, Weak};

use hub_core::payment::ConnectorProfile;
use hub_core::routing::Candidate;

use crate::connector::Connector;
use crate::connector::registry::ConnectorConfigError;

/// One connector as the operator configured it.
#[derive(Clone)]
pub struct Route {
    /// The connector.
    pub connector: Arc<dyn Connector>,
    /// What the shopper sees in the chooser.
    pub title: String,
    /// Sites it serves; empty = all.
    pub sites: Vec<String>,
    /// That it takes no new payments, only what is in flight or refundable.
    pub draining: bool,
}

/// Every connector, in the operator's order.
#[derive(Clone, Default)]
pub struct RoutingTable {
    routes: Vec<Route>,
    /// Older versions of plugins, for the attempts that are pinned to them.
    kept: Vec<Arc<dyn Connector>>,
}

impl RoutingTable {
    /// A table of these routes. A name is part of a webhook's address, so no two may have the same.
    ///
    /// # Errors
    /// [`ConnectorConfigError::Twice`].
    pub fn new(routes: Vec<Route>) -> Result<Self, ConnectorConfigError> {
        let mut names = HashSet::new();
        for route in &routes {
            let name = route.connector.name();
            if !names.insert(name) {
                return Err(ConnectorConfigError::Twice { connector: name.to_owned() });
            }
        }
        Ok(Self { routes, kept: vec![] })
    }

    /// Every route, in order.
    pub fn routes(&self) -> &[Route] {
        &self.routes
    }

    /// The route of a name.
    pub fn route(&self, name: &str) -> Option<&Route> {
        self.routes.iter().find(|route| route.connector.name() == name)
    }

    /// The connector of a name.
    pub fn connector(&self, name: &str) -> Option<&Arc<dyn Connector>> {
        self.route(name).map(|route| &route.connector)
    }

    /// The same with older versions of plugins, which serve the attempts that are pinned to them.
    #[must_use]
    pub fn with_kept(self, kept: Vec<Arc<dyn Connector>>) -> Self {
        Self { kept, ..self }
    }

    /// Older versions of plugins.
    pub fn kept(&self) -> &[Arc<dyn Connector>] {
        &self.kept
    }

    /// The connector that serves an attempt: with the plugin file that it is pinned to, as long as that is kept;
    /// else the one in force under its name.
    pub fn serving(&self, profile: &ConnectorProfile) -> Option<&Arc<dyn Connector>> {
        let of_its_name = |connector: &&Arc<dyn Connector>| connector.name() == profile.connector;
        let is_pinned = |connector: &&Arc<dyn Connector>| {
            connector.adapter_pin().content_hash == profile.adapter.content_hash
        };
        let in_force = self.connector(&profile.connector);
        let older = || self.kept.iter().filter(of_its_name).find(is_pinned);
        in_force.filter(is_pinned).or_else(older).or(in_force)
    }

    /// What the core routes among.
    pub fn candidates(&self) -> Vec<Candidate> {
        let candidate = |route: &Route| {
            let descriptor = route.connector.descriptor();
            Candidate {
                name: route.connector.name().to_owned(),
                livemode: route.connector.livemode(),
                draining: route.draining,
                currencies: descriptor.currencies.clone(),
                capabilities: descriptor.capabilities,
                sites: route.sites.clone(),
            }
        };
        self.routes.iter().map(candidate).collect()
    }
}

/// The routing table that is in force.
pub struct Connectors {
    in_force: RwLock<Arc<RoutingTable>>,
    /// Those before it that somebody may still hold.
    before: Mutex<Vec<Weak<RoutingTable>>>,
}

impl Connectors {
    /// Begins with this one.
    pub fn new(table: RoutingTable) -> Self {
        Self { in_force: RwLock::new(Arc::new(table)), before: Mutex::default() }
    }

    /// The table in force now, to be kept for the whole of a request or a job.
    pub fn now(&self) -> Arc<RoutingTable> {
        Arc::clone(&self.in_force.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts another table in force. Whoever holds the one before goes on with it.
    pub fn replace(&self, table: RoutingTable) {
        let mut in_force = self.in_force.write().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::replace(&mut *in_force, Arc::new(table));
        self.before.lock().unwrap_or_else(PoisonError::into_inner).push(Arc::downgrade(&before));
    }

    /// The table in force, and those before it that somebody still works with.
    pub fn held(&self) -> Vec<Arc<RoutingTable>> {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        before.retain(|table| table.strong_count() > 0);
        before.iter().filter_map(Weak::upgrade).chain([self.now()]).collect()
    }
}

/// What an attempt is pinned to.
pub fn profile(connector: &dyn Connector) -> ConnectorProfile {
    let descriptor = connector.descriptor();
    ConnectorProfile {
        connector: connector.name().to_owned(),
        adapter: connector.adapter_pin().clone(),
        capabilities: descriptor.capabilities,
        idempotency: descriptor.idempotency.clone(),
    }
}
