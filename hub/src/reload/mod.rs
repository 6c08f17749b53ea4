//! Connectors that change while the hub runs: the config is read again, and what it asks for is put in force.
//!
//! Everything is built and checked first, away from the threads that serve: what a new config says wrong is told
//! in the words of a start, and leaves in force what was. Then one pointer changes. Requests and jobs that have
//! begun end with the connectors they began with.
//!
//! Invariant: one reload at a time, and each puts everything of a config in force or nothing.

use std::sync::Arc;

use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::app::StartError;
use crate::removed_connectors;
use crate::routing_table::RoutingTable;
use crate::service::Hub;

pub mod config_file;

/// Where a hub's connectors come from, and come from again.
pub trait ConnectorSource: Send + Sync {
    /// Reads it and builds every connector. Blocks, and may take as long as plugins take to compile.
    ///
    /// # Errors
    /// [`StartError`]: what a start would say.
    fn lineup(&self) -> Result<Lineup, StartError>;
}

/// What a config asks for.
pub struct Lineup {
    /// Its connectors, in routing order.
    pub routes: RoutingTable,
    /// Connectors that are gone for good, whatever is left of them.
    pub abandoned_connectors: Vec<String>,
    /// Keys and sections that are others than at the start and change with the next one only.
    pub needs_restart: Vec<&'static str>,
}

/// How a hub is reloaded.
#[derive(Default)]
pub struct Reload {
    source: Option<Arc<dyn ConnectorSource>>,
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
    /// Reloads from here.
    pub fn from(source: Option<Arc<dyn ConnectorSource>>) -> Self {
        Self { source, turn: Mutex::new(()) }
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
    let Lineup { routes, abandoned_connectors, needs_restart } =
        read.await.map_err(|_panicked| ReloadError::Ended)??;
    removed_connectors::refuse(hub.store.as_ref(), &routes, &abandoned_connectors, hub.clock.now()).await?;
    let connectors = routes.routes().iter().map(|route| route.connector.name().to_owned()).collect();
    hub.connectors.replace(routes);
    Ok(Reloaded { connectors, needs_restart })
}
