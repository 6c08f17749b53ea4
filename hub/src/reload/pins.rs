//! Attempts stay with the plugin file that opened them: which files are needed, and the connectors made of them.
//!
//! A file is needed while a payment of it is in flight or refundable, and while somebody still holds a routing
//! table in which it was in force and may yet open an attempt. One that nothing needs is let go of, for good:
//! whatever happens to such payments later is the version in force to deal with, as with adapters that are compiled
//! in. So a late dispute does not keep every file for ever.
//!
//! Invariant: a hub never runs without a file that is needed. It says which it is, who needs it, and the way out.

use std::collections::{HashMap, HashSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use hub_core::ids::{MerchantId, Scope};
use processor_sdk::Timestamp;

use crate::connector::Connector;
use crate::connector::registry::{ConnectorConfig, ConnectorConfigError, Surroundings, build_older};
use crate::plugin::cache::CodeCache;
use crate::plugin::file::PluginHash;
use crate::plugin::kept::KeptFiles;
use crate::plugin::sandbox::{Plugin, PluginError, Sandbox};
use crate::plugin::shelf::Terms;
use crate::plugin::signature::{self, Unsigned};
use crate::routing_table::{Route, RoutingTable};
use crate::store::{Attached, Commit, LetGo, PinnedPlugin, Store, StoreError, Write};

/// Attempts that let go of a file in one commit.
const LET_GO_AT_ONCE: u32 = 1_000;
/// Such commits for one file at one reload; what is left is for the next.
const LET_GO_COMMITS_MAX: u32 = 1_000;

/// What older versions of plugins are built from.
#[derive(Clone)]
pub struct Workshop {
    /// What the config says of each connector now.
    pub configs: Vec<ConnectorConfig>,
    /// The plugins folder, as it was read for this config, and what else connectors share.
    pub surroundings: Surroundings,
    /// Where the plugins folder is.
    pub folder: PathBuf,
    /// On what terms plugins are loaded.
    pub terms: Terms,
    /// Files that are not run any more, whatever needs them.
    pub replaced: Vec<PluginHash>,
}

/// The hub's own copies, and those of them that are ready to run.
pub struct KeptPlugins {
    files: KeptFiles,
    ready: Mutex<HashMap<PluginHash, Arc<Plugin>>>,
}

/// Why the plugins that payments need cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum PinError {
    /// A file is gone.
    #[error(
        "connector {connector} ({mode}): the plugin file with the SHA-256 {sha256}{version} is gone, and {count} \
         need it: {in_flight} in flight, {refundable} refundable, such as {example}; put the file back into the \
         plugins folder, or, if it is gone for good, add its SHA-256 to plugins.replaced, so that these go on with \
         the version in force",
        mode = if *.livemode { "live" } else { "test" },
        count = crate::removed_connectors::payments(.attached.in_flight.saturating_add(.attached.refundable)),
        in_flight = .attached.in_flight,
        refundable = .attached.refundable,
        example = .attached.example.as_ref().map_or("none", |id| id.as_str())
    )]
    Gone { connector: String, livemode: bool, sha256: String, version: String, attached: Attached },
    /// A file cannot be run.
    #[error(
        "connector {connector}: payments need an older version of its plugin, whose file {file} cannot be used: \
         {source}; to have them go on with the version in force, add its SHA-256 to plugins.replaced"
    )]
    Unusable { connector: String, file: PathBuf, source: PluginError },
    /// A copy is not signed by anybody who is trusted now.
    #[error(
        "connector {connector}: payments need an older version of its plugin, the copy {file}, and {source}; to have \
         them go on with the version in force, add its SHA-256 to plugins.replaced"
    )]
    Untrusted { connector: String, file: PathBuf, source: Unsigned },
    /// The config does not fit a version.
    #[error(
        "{source}; that is an older version of its plugin, the file with the SHA-256 {sha256}, which payments need: \
         give it what it asks for, or add its SHA-256 to plugins.replaced, so that they go on with the version in \
         force"
    )]
    Unfit { sha256: String, source: Box<ConnectorConfigError> },
    /// A file in force changed under our hands.
    #[error("the plugin file {file} changed while it was read; try again")]
    Changed { file: PathBuf },
    /// The disk.
    #[error("the copies of plugin files in {file} cannot be kept: {source}")]
    Disk { file: PathBuf, source: io::Error },
    #[error("making the older versions of plugins ready was broken off, which is a mistake of the hub's")]
    Ended,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl KeptPlugins {
    /// The copies in a data folder.
    pub fn new(files: KeptFiles) -> Self {
        Self { files, ready: Mutex::default() }
    }

    /// Makes a table complete: with every older version that payments need. Keeps what is in force, and removes
    /// what nothing needs. `held` are the tables that somebody still holds.
    ///
    /// # Errors
    /// [`PinError`]; then nothing was let go of that this table needs.
    pub async fn complete(
        self: &Arc<Self>,
        table: RoutingTable,
        workshop: Arc<Workshop>,
        abandoned: &[String],
        held: &[Arc<RoutingTable>],
        (store, now): (&dyn Store, Timestamp),
    ) -> Result<RoutingTable, PinError> {
        let held = in_force_in(held);
        let is_in_force = |pinned: &PinnedPlugin| {
            let in_force = table.connector(&pinned.connector);
            in_force.is_some_and(|connector| is_of(connector.as_ref(), &pinned.sha256))
        };
        let (mut needed, mut needless) = (Vec::new(), Vec::new());
        for livemode in [true, false] {
            let scope = Scope { merchant_id: MerchantId::main(), livemode };
            for pinned in store.plugins_pinned(&scope).await? {
                let is_replaced = workshop.replaced.iter().any(|hash| hash.to_string() == pinned.sha256);
                if is_in_force(&pinned) || is_replaced || abandoned.contains(&pinned.connector) {
                    continue;
                }
                let is_held = held.contains(&pinned);
                if is_held || store.attached_to_plugin(&scope, &pinned, now, 1).await?.example.is_some() {
                    needed.push((scope.clone(), pinned));
                } else {
                    needless.push((scope.clone(), pinned));
                }
            }
        }
        // Nothing refers to these yet; somebody who holds their table may be about to.
        let about_to: Vec<_> = held
            .into_iter()
            .filter(|pinned| !is_in_force(pinned) && table.connector(&pinned.connector).is_some())
            .filter(|pinned| !needed.iter().any(|(_, known)| known == pinned))
            .collect();
        let in_force: HashSet<_> =
            table.routes().iter().filter_map(|route| hash_of(route.connector.as_ref())).collect();
        let wanted = needed.iter().map(|(_, pinned)| pinned.clone()).chain(about_to).collect();
        let made = self.made(in_force, wanted, workshop).await?;
        for (scope, pinned) in &needed {
            if !made.iter().any(|one| one.name() == pinned.connector && is_of(one.as_ref(), &pinned.sha256)) {
                return Err(gone(scope, pinned, store, now).await?);
            }
        }
        for (scope, pinned) in &needless {
            let_go(store, scope, pinned).await?;
        }
        Ok(table.with_kept(made))
    }

    /// Removes the copies of what this table, which is in force, does not need.
    ///
    /// # Errors
    /// [`PinError::Disk`].
    pub fn tidy(&self, table: &RoutingTable) -> Result<(), PinError> {
        let in_force = table.routes().iter().map(|route| &route.connector);
        let wanted: HashSet<_> =
            in_force.chain(table.kept()).filter_map(|connector| hash_of(connector.as_ref())).collect();
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).retain(|hash, _| wanted.contains(hash));
        let file = self.files.folder().to_owned();
        self.files.remove_others(&wanted).map_err(|source| PinError::Disk { file, source })
    }

    /// Copies the files in force and makes connectors of the wanted ones, as far as their files are there. On a
    /// thread of its own: compiling takes its time.
    async fn made(
        self: &Arc<Self>,
        in_force: HashSet<PluginHash>,
        wanted: Vec<PinnedPlugin>,
        workshop: Arc<Workshop>,
    ) -> Result<Vec<Arc<dyn Connector>>, PinError> {
        let this = Arc::clone(self);
        let making = move || {
            this.copy(&in_force, &workshop)?;
            let mut made = Vec::new();
            for pinned in wanted {
                let Some(hash) = PluginHash::parse(&pinned.sha256) else { continue };
                if let Some(plugin) = this.ready(hash, &pinned.connector, &workshop)? {
                    made.push(built(&pinned.connector, plugin, &workshop)?);
                }
            }
            Ok(made)
        };
        tokio::task::spawn_blocking(making).await.map_err(|_panicked| PinError::Ended)?
    }

    /// Copies of the files in force, before anything can be pinned to them.
    fn copy(&self, in_force: &HashSet<PluginHash>, workshop: &Workshop) -> Result<(), PinError> {
        for (name, plugin) in workshop.surroundings.plugins.plugins() {
            let hash = plugin.hash();
            if !in_force.contains(&hash) {
                continue;
            }
            self.remember(hash, plugin);
            let file = workshop.folder.join(name);
            let disk = |source| PinError::Disk { file: self.files.path(hash), source };
            if self.files.has(hash) {
                self.sign_again(hash, &file, workshop).map_err(disk)?;
                continue;
            }
            let signature = readable(signature::read(&file)).map_err(disk)?;
            let bytes = std::fs::read(&file).map_err(disk)?;
            if PluginHash::of(&bytes) != hash {
                return Err(PinError::Changed { file });
            }
            self.files.keep(hash, &bytes, signature.as_deref()).map_err(disk)?;
        }
        Ok(())
    }

    /// A copy that had no signature, or whose file was signed anew, gets the file's. Where none is asked for nobody
    /// has looked whether the file's is one, so it takes no other's place.
    fn sign_again(&self, hash: PluginHash, file: &Path, workshop: &Workshop) -> io::Result<()> {
        let kept = readable(signature::read(&self.files.path(hash)))?;
        if kept.is_some() && workshop.terms.trusted_keys.is_empty() {
            return Ok(());
        }
        match readable(signature::read(file))? {
            Some(signature) if kept.as_ref() != Some(&signature) => self.files.sign(hash, &signature),
            Some(_) | None => Ok(()),
        }
    }

    /// A version, ready to run: as it was a moment ago, from the plugins folder, or from the copy.
    fn ready(
        &self,
        hash: PluginHash,
        connector: &str,
        workshop: &Workshop,
    ) -> Result<Option<Arc<Plugin>>, PinError> {
        let on_terms =
            |plugin: &Arc<Plugin>| plugin.limits() == workshop.terms.limits_of(&plugin.descriptor().name);
        let shelf = workshop.surroundings.plugins.plugins();
        let there = shelf.iter().map(|(_, plugin)| plugin).find(|plugin| plugin.hash() == hash).cloned();
        let file = self.files.path(hash);
        let disk = |source| PinError::Disk { file: file.clone(), source };
        if let Some(plugin) = there {
            // Its signature was checked when the folder was read.
            self.copy(&HashSet::from([hash]), workshop)?;
            return Ok(Some(plugin));
        }
        let trusted = &workshop.terms.trusted_keys;
        let remembered = self.remembered(hash).filter(on_terms);
        if let (Some(plugin), true) = (&remembered, trusted.is_empty()) {
            return Ok(Some(Arc::clone(plugin)));
        }
        let Some(bytes) = self.files.read(hash).map_err(disk)? else { return Ok(None) };
        // By the keys of now, also when it runs already: one that was taken out of trust counts for nothing.
        signature::check(&file, &bytes, trusted).map_err(|source| PinError::Untrusted {
            connector: connector.to_owned(),
            file: file.clone(),
            source,
        })?;
        if remembered.is_some() {
            return Ok(remembered);
        }
        // Without a cache it is compiled anew, which takes longer and comes to the same.
        let cache = workshop.terms.cache.as_deref().and_then(|folder| CodeCache::open(folder).ok());
        let limits = |name: &str| workshop.terms.limits_of(name);
        let loaded = Sandbox::shared()
            .and_then(|sandbox| sandbox.load_named(&bytes, cache.as_ref(), limits))
            .map_err(|source| PinError::Unusable { connector: connector.to_owned(), file, source })?;
        self.remember(hash, &loaded);
        Ok(Some(loaded))
    }

    /// A plugin that is in force or kept.
    pub fn plugin(&self, sha256: &str) -> Option<Arc<Plugin>> {
        self.remembered(PluginHash::parse(sha256)?)
    }

    fn remember(&self, hash: PluginHash, plugin: &Arc<Plugin>) {
        let mut ready = self.ready.lock().unwrap_or_else(PoisonError::into_inner);
        ready.insert(hash, Arc::clone(plugin));
    }

    fn remembered(&self, hash: PluginHash) -> Option<Arc<Plugin>> {
        self.ready.lock().unwrap_or_else(PoisonError::into_inner).get(&hash).cloned()
    }
}

/// What is no text is no signature, and not worth keeping.
fn readable(signature: io::Result<Option<String>>) -> io::Result<Option<String>> {
    match signature {
        Err(error) if error.kind() == io::ErrorKind::InvalidData => Ok(None),
        read => read,
    }
}

fn built(name: &str, plugin: Arc<Plugin>, workshop: &Workshop) -> Result<Arc<dyn Connector>, PinError> {
    let sha256 = plugin.hash().to_string();
    let config = workshop.configs.iter().find(|config| config.name == name);
    // A connector that is not in the config any more was refused or abandoned before.
    let config = config.cloned().ok_or_else(|| PinError::Unfit {
        sha256: sha256.clone(),
        source: Box::new(ConnectorConfigError::NoAdapter {
            connector: name.to_owned(),
            adapter: sha256.clone(),
        }),
    })?;
    build_older(config, plugin, &workshop.surroundings)
        .map_err(|source| PinError::Unfit { sha256, source: Box::new(source) })
}

/// A file that is needed and not to be found.
async fn gone(
    scope: &Scope,
    pinned: &PinnedPlugin,
    store: &dyn Store,
    now: Timestamp,
) -> Result<PinError, StoreError> {
    let attached = store.attached_to_plugin(scope, pinned, now, u64::MAX).await?;
    let example = match &attached.example {
        Some(id) => store.payment(scope, id).await?,
        None => None,
    };
    let pin = example.and_then(|payment| {
        let mut pins = payment.attempts.into_iter().map(|attempt| attempt.profile.adapter);
        pins.find(|pin| pin.content_hash.as_deref() == Some(&pinned.sha256))
    });
    Ok(PinError::Gone {
        connector: pinned.connector.clone(),
        livemode: scope.livemode,
        sha256: pinned.sha256.clone(),
        version: pin.map_or_else(String::new, |pin| format!(" ({} {})", pin.name, pin.version)),
        attached,
    })
}

/// The plugin files that were in force in tables that somebody holds.
fn in_force_in(held: &[Arc<RoutingTable>]) -> HashSet<PinnedPlugin> {
    let pinned = |route: &Route| {
        let sha256 = route.connector.adapter_pin().content_hash.clone()?;
        Some(PinnedPlugin { sha256, connector: route.connector.name().to_owned() })
    };
    held.iter().flat_map(|table| table.routes()).filter_map(pinned).collect()
}

fn hash_of(connector: &dyn Connector) -> Option<PluginHash> {
    connector.adapter_pin().content_hash.as_deref().and_then(PluginHash::parse)
}

fn is_of(connector: &dyn Connector, sha256: &str) -> bool {
    connector.adapter_pin().content_hash.as_deref() == Some(sha256)
}

async fn let_go(store: &dyn Store, scope: &Scope, plugin: &PinnedPlugin) -> Result<(), PinError> {
    for _ in 0..LET_GO_COMMITS_MAX {
        let let_go = LetGo { scope: scope.clone(), plugin: plugin.clone(), at_most: LET_GO_AT_ONCE };
        store.commit(Commit { writes: vec![Write::LetGoOfPlugin(let_go)] }).await?;
        if !store.plugins_pinned(scope).await?.contains(plugin) {
            tracing::info!(
                connector.name = plugin.connector,
                plugin.sha256 = plugin.sha256,
                "nothing needs this plugin file any more"
            );
            break;
        }
    }
    Ok(())
}
