//! Connectors that change while the hub runs: the config is read again, and what it asks for is put in force.
//!
//! Everything is built and checked first, away from the threads that serve: what a new config says wrong is told
//! in the words of a start, and leaves in force what was. Then one pointer changes. Requests and jobs that have
//! begun end with the connectors they began with.
//!
//! Invariant: one reload at a time, and each puts everything of a config in force or nothing.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use processor_sdk::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::app::StartError;
use crate::plugin::kept::KeptFiles;
use crate::plugin::sandbox::Plugin;
use crate::removed_connectors;
use crate::routing_table::RoutingTable;
use crate::service::Hub;
use crate::store::Store;
use pins::{KeptPlugins, Workshop};

pub mod config_file;

pub mod pins;

pub mod watch;

/// Where a hub's connectors come from, and come from again.
pub trait ConnectorSource: Send + Sync {
    /// Reads it and builds every connector. Blocks, and may take as long as plugins take to compile.
    ///
    /// # Errors
    /// [`StartError`]: what a start would say.
    fn lineup(&self) -> Result<Lineup, StartError>;

    /// The folder that is watched: a change in it is a reason to reload.
    fn plugins_folder(&self) -> PathBuf;

    /// Hears what is in force now.
    fn is_in_force(&self, table: &RoutingTable);
}

/// What a config asks for.
pub struct Lineup {
    /// Its connectors, in routing order.
    pub routes: RoutingTable,
    /// What older versions of plugins are made from; nothing where there are no plugins.
    pub workshop: Option<Arc<Workshop>>,
    /// Connectors that are gone for good, whatever is left of them.
    pub abandoned_connectors: Vec<String>,
    /// Keys and sections that are others than at the start and change with the next one only.
    pub needs_restart: Vec<&'static str>,
}

impl Lineup {
    /// Connectors without plugins, and those that are gone.
    #[must_use]
    pub fn without_plugins(routes: RoutingTable, abandoned_connectors: Vec<String>) -> Self {
        Self { routes, workshop: None, abandoned_connectors, needs_restart: vec![] }
    }
}

/// How a hub is reloaded.
pub struct Reload {
    source: Option<Arc<dyn ConnectorSource>>,
    kept: Arc<KeptPlugins>,
    turn: Mutex<()>,
}

/// Why nothing was reloaded. What was in force still is.
#[derive(Debug, thiserror::Error)]
pub enum ReloadError {
    /// There is nothing to reload: this hub was opened for one command, or never had a config.
    #[error("no hub runs here that could be reloaded; it reads its config when it starts")]
    NotRunning,
    /// What a start would have said.
    #[error("nothing was changed: {0}")]
    Refused(Box<StartError>),
    /// The reading panicked.
    #[error("nothing was changed: reading the config ended by itself, which is a mistake of the hub's")]
    Ended,
}

impl<E: Into<StartError>> From<E> for ReloadError {
    fn from(error: E) -> Self {
        Self::Refused(Box::new(error.into()))
    }
}

/// What a reload put in force.
#[derive(Debug)]
pub struct Reloaded {
    /// Names of the connectors, in routing order.
    pub connectors: Vec<String>,
    /// What differs from the start's config and was not taken over.
    pub needs_restart: Vec<&'static str>,
}

impl Reloaded {
    /// The same for a program.
    pub fn to_json(&self) -> Value {
        json!({ "connectors": self.connectors, "needs_restart": self.needs_restart })
    }
}

impl Reload {
    /// Reloads from a source, with the hub's own copies of plugins in its data folder.
    pub fn new(source: Option<Arc<dyn ConnectorSource>>, data_dir: &Path) -> Self {
        let kept = Arc::new(KeptPlugins::new(KeptFiles::in_data_dir(data_dir)));
        Self { source, kept, turn: Mutex::new(()) }
    }

    /// Where connectors come from again.
    pub fn source(&self) -> Option<&Arc<dyn ConnectorSource>> {
        self.source.as_ref()
    }

    /// A plugin that is in force or kept, by its file's SHA-256.
    pub fn plugin(&self, sha256: &str) -> Option<Arc<Plugin>> {
        self.kept.plugin(sha256)
    }

    /// What a lineup comes to: refused when payments need something that it lacks, else complete with older
    /// versions of plugins. `held` are the tables that somebody still works with.
    ///
    /// # Errors
    /// [`StartError`].
    pub async fn table(
        &self,
        lineup: Lineup,
        held: &[Arc<RoutingTable>],
        (store, now): (&dyn Store, Timestamp),
    ) -> Result<RoutingTable, StartError> {
        let Lineup { routes, workshop, abandoned_connectors, needs_restart: _ } = lineup;
        removed_connectors::refuse(store, &routes, &abandoned_connectors, now).await?;
        let Some(workshop) = workshop else { return Ok(routes) };
        Ok(self.kept.complete(routes, workshop, &abandoned_connectors, held, (store, now)).await?)
    }

    /// After a table came into force: what it does not need is removed, and the source hears of it.
    pub fn settle(&self, table: &RoutingTable) {
        if let Err(error) = self.kept.tidy(table) {
            tracing::warn!(%error, "copies of plugins that nothing needs could not be removed; they do no harm");
        }
        if let Some(source) = &self.source {
            source.is_in_force(table);
        }
    }
}

/// Reads the config again and puts in force what it asks for; the log says what became of it.
///
/// # Errors
/// [`ReloadError`]; nothing has changed then.
pub async fn reload(hub: &Hub) -> Result<Reloaded, ReloadError> {
    let reloaded = put_in_force(hub).await;
    match &reloaded {
        Ok(Reloaded { connectors, needs_restart }) => {
            tracing::info!(connectors = connectors.join(", "), "the config was reloaded");
            for key in needs_restart {
                tracing::warn!(
                    key,
                    "{key} is another than at the start, and changes with the next start only"
                );
            }
        }
        Err(error) => tracing::error!("the config was not reloaded; {error}"),
    }
    reloaded
}

async fn put_in_force(hub: &Hub) -> Result<Reloaded, ReloadError> {
    let Some(source) = hub.reload.source.clone() else { return Err(ReloadError::NotRunning) };
    let _turn = hub.reload.turn.lock().await;
    let read = tokio::task::spawn_blocking(move || source.lineup());
    let lineup = read.await.map_err(|_panicked| ReloadError::Ended)??;
    let needs_restart = lineup.needs_restart.clone();
    // Asked for before the store is read: whoever gave a table back by then has its attempts committed.
    let held = hub.connectors.held();
    let table = hub.reload.table(lineup, &held, (hub.store.as_ref(), hub.clock.now())).await?;
    let connectors = table.routes().iter().map(|route| route.connector.name().to_owned()).collect();
    hub.connectors.replace(table);
    hub.reload.settle(&hub.connectors.now());
    Ok(Reloaded { connectors, needs_restart })
}
