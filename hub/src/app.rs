//! Puts a hub together and runs it: store, connectors, worker, HTTP front; and takes it apart in order.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinHandle, spawn_blocking};

use crate::api_key::{ApiKey, PlainApiKey};
use crate::api_objects::public_urls::PublicUrls;
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::config::problem::ConfigError;
use crate::connector::registry::{ConnectorConfigError, Surroundings, build, mistakes};
use crate::connector::transport::{HttpTransport, TransportError};
use crate::database::{self, Database, Opened};
use crate::history_roots::{self, RootSigner};
use crate::http::limits::Rates;
use crate::http::{self, HttpReturnUrls, HttpSettings};
use crate::ids::{Ids, Randomness, SystemRandomness};
use crate::key_scope::KeyScopes;
use crate::merchant_webhooks::sender::{SenderError, WebhookSender};
use crate::metrics::{self, Metrics};
use crate::operator;
use crate::planted::{self, NoSuchBug};
use crate::plugin::shelf::{Shelf, ShelfError, Terms};
use crate::reload::config_file::ConfigFile;
use crate::reload::pins::PinError;
use crate::reload::{ConnectorSource, Lineup, Reload, watch as plugin_watch};
use crate::removed_connectors;
use crate::replica::{Replica, ReplicaError};
use crate::roles::{Role, Roles};
use crate::routing_table::{Connectors, Route, RoutingTable};
use crate::seal::{KeyFileError, Sealer};
use crate::service::Hub;
use crate::store::look::LookError;
use crate::store::postgres::ConnectError;
use crate::store::sqlite::OpenError;
use crate::store::{ApiKeyRow, Commit, StoreError, Write};
use hub_core::ids::{MerchantId, Scope};
use hub_core::policy::Policies;

/// What a hub is made of.
pub struct Parts {
    /// Where the rows are.
    pub database: Database,
    /// Folder of the database's file and of what is this hub's own; made if it is not there.
    pub data_dir: PathBuf,
    /// Key of sealed rows; made if it is not there.
    pub sealing_key_file: PathBuf,
    /// Where the hub is reached from outside.
    pub public_url: String,
    /// Where it listens.
    pub listener: TcpListener,
    /// Where it shows its metrics, apart from everything else.
    pub metrics_listener: Option<TcpListener>,
    /// Processors, and what becomes of those that were there before.
    pub lineup: Lineup,
    /// Where the processors come from again; without it they stay as they are.
    pub source: Option<Arc<dyn ConnectorSource>>,
    /// What this process does of all that.
    pub roles: Roles,
    /// Limits and rules of the front.
    pub http: HttpSettings,
    /// What is done by itself about what shops lose money on.
    pub policies: Policies,
    /// How long one delivery to the merchant may take.
    pub delivery_time_max: Duration,
    /// How long the end may take: requests and jobs that have begun.
    pub shutdown_grace: Duration,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub randomness: Arc<dyn Randomness>,
    /// Further routes, such as the demo's shop.
    pub extra: axum::Router,
}

/// Why a hub could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error("cannot make the folder {path}: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Store(#[from] OpenError),
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error(transparent)]
    Look(#[from] LookError),
    #[error(transparent)]
    Replica(#[from] ReplicaError),
    #[error(
        "the key in {path} has the id {own}, and the database was begun with the key {theirs}; put that key there"
    )]
    OtherSealingKey { path: PathBuf, own: String, theirs: String },
    #[error(transparent)]
    Commit(#[from] StoreError),
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error(transparent)]
    Planted(#[from] NoSuchBug),
    #[error(transparent)]
    Sender(#[from] SenderError),
    #[error(
        "a process with the roles {roles} leaves work to others, and a database file has no others; leave --roles \
         out, or use PostgreSQL (`database` in the config)"
    )]
    RolesOfAFile { roles: Roles },
    #[error("cannot listen: {0}")]
    Listen(std::io::Error),
    #[error("cannot listen on {address} for [metrics]: {source}")]
    ListenForMetrics { address: SocketAddr, source: std::io::Error },
    #[error("the metrics cannot be set up: {0}")]
    Metrics(#[from] prometheus::Error),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error("{0}")]
    Config(Box<ConfigError>),
    #[error(
        "connector {connector} is live, and the hub runs with a public_url of http://; restart it with one of https://"
    )]
    LiveOverHttp { connector: String },
    #[error(transparent)]
    Removed(#[from] removed_connectors::Refused),
    #[error(transparent)]
    Connectors(#[from] ConnectorConfigError),
    #[error(transparent)]
    Plugins(#[from] ShelfError),
    #[error(transparent)]
    Pins(#[from] PinError),
    #[error("loading the plugins was broken off: {0}")]
    Aborted(String),
    #[error(
        "there is no database of a hub at {path}; correct data_dir, or make one by starting the hub or with \
         `payhub migrate`"
    )]
    NoDatabase { path: PathBuf },
    #[error(
        "the database at {address} has no tables of a hub; correct its URL, or make them by starting the hub or \
         with `payhub migrate`"
    )]
    NoTables { address: String },
    #[error(
        "a restore is under way here or was broken off, and left {}; give `payhub db restore` again, or remove that \
         file to begin without a backup", half.display()
    )]
    HalfRestored { half: PathBuf },
    #[error("you may not look at {path}; give the command as the user that the hub runs as")]
    Forbidden { path: PathBuf },
    #[error(
        "{path} belongs to the user with the number {owner}, and files that this command makes would not be \
         readable for the hub; give the command as that user, such as with: sudo -u '#{owner}'"
    )]
    OtherOwner { path: PathBuf, owner: u32 },
}

/// A hub that runs.
pub struct Running {
    /// The hub itself.
    pub hub: Arc<Hub>,
    /// Where it listens.
    pub address: SocketAddr,
    /// Where it shows its metrics.
    pub metrics_address: Option<SocketAddr>,
    stop: watch::Sender<bool>,
    grace: Duration,
    server: JoinHandle<()>,
    metrics: Option<JoinHandle<()>>,
    worker: Option<JoinHandle<()>>,
    roots: Option<JoinHandle<()>>,
    /// Who signs histories, if this process does.
    signer: Option<Arc<RootSigner>>,
    watch: JoinHandle<()>,
    operator: Option<JoinHandle<()>>,
}

/// Starts a hub. It serves when this returns.
///
/// # Errors
/// [`StartError`].
pub async fn start(parts: Parts) -> Result<Running, StartError> {
    planted::prepare()?;
    if parts.database == Database::File && !parts.roles.is_all() {
        return Err(StartError::RolesOfAFile { roles: parts.roles });
    }
    let folder = |source| StartError::Folder { path: parts.data_dir.clone(), source };
    crate::private_file::make_folder(&parts.data_dir).map_err(folder)?;
    let randomness = parts.randomness.as_ref();
    let replica = database::replica(&parts.database, &parts.data_dir, randomness)?;
    let opened =
        database::open(&parts.database, &parts.data_dir, &parts.sealing_key_file, randomness).await?;
    start_on(opened, replica, parts).await
}

/// The same on a database that is already open, which must be the one that the parts name.
///
/// # Errors
/// [`StartError`].
pub async fn start_on(opened: Opened, replica: Replica, parts: Parts) -> Result<Running, StartError> {
    let Opened { store, key } = opened;
    let signer = Arc::new(RootSigner::of(&key));
    // Whoever held leases by this name is gone.
    let released = store.release_leases(replica.name()).await?;
    if released > 0 {
        tracing::info!(released, "jobs that an earlier process had begun are run again");
    }
    let now = parts.clock.now();
    let reload = Reload::new(parts.source, &parts.data_dir);
    let table = reload.table(parts.lineup, &[], (store.as_ref(), now)).await?;
    reload.settle(&table);
    let sender = Arc::new(WebhookSender::new(parts.http.destinations.clone(), parts.delivery_time_max)?);
    let hub = Arc::new(Hub {
        store,
        replica,
        clock: parts.clock.clone(),
        ids: Ids::new(parts.clock, parts.randomness.clone()),
        connectors: Connectors::new(table),
        reload,
        sealer: Arc::new(Sealer::new(key, vec![], parts.randomness)),
        urls: PublicUrls::new(&parts.public_url),
        policies: parts.policies,
        metrics: Arc::new(Metrics::new()?),
        health: Arc::default(),
    });
    let address = parts.listener.local_addr().map_err(StartError::Listen)?;
    let metrics_address = parts.metrics_listener.as_ref().map(TcpListener::local_addr).transpose();
    let metrics_address = metrics_address.map_err(StartError::Listen)?;
    let (stop, stopped) = watch::channel(false);
    let router = http::router_of(hub.clone(), parts.http, &parts.roles).merge(parts.extra);
    let server = tokio::spawn(serve(parts.listener, router, wait_for(stopped.clone())));
    let metrics = parts.metrics_listener.map(|listener| {
        tokio::spawn(serve(listener, metrics::listener::router(hub.clone()), wait_for(stopped.clone())))
    });
    let operator = listen_to_the_operator(&hub, &parts.data_dir, &stopped);
    let watch = tokio::spawn(plugin_watch::run(hub.clone(), stopped.clone()));
    let works = parts.roles.holds(Role::Worker);
    let roots = works.then(|| tokio::spawn(history_roots::run(hub.clone(), signer.clone(), stopped.clone())));
    let worker =
        works.then(|| tokio::spawn(crate::worker::run(hub.clone(), sender, stopped, parts.shutdown_grace)));
    let grace = parts.shutdown_grace;
    Ok(Running {
        hub,
        address,
        metrics_address,
        stop,
        grace,
        server,
        metrics,
        worker,
        roots,
        signer: works.then_some(signer),
        watch,
        operator,
    })
}

/// Opens the operator's private way to this hub. Payments matter more: without it the operator's commands can be given
/// while the hub is stopped.
fn listen_to_the_operator(
    hub: &Arc<Hub>,
    data_dir: &Path,
    stopped: &watch::Receiver<bool>,
) -> Option<JoinHandle<()>> {
    match operator::socket::listen(data_dir) {
        Ok(listener) => Some(tokio::spawn(operator::socket::serve(listener, hub.clone(), stopped.clone()))),
        Err(error) => {
            tracing::error!(%error, "the operator's socket cannot be opened; operator commands do not reach this hub");
            None
        }
    }
}

/// Opens a hub for one operator's request, where none runs: no processors, no worker, no network. Makes
/// nothing: a mistyped folder must not become a second, empty hub.
///
/// # Errors
/// [`StartError`], such as a database that another process has.
pub async fn open_for_operator(
    database: &Database,
    data_dir: &Path,
    sealing_key_file: &Path,
    public_url: &str,
    policies: Policies,
) -> Result<Hub, StartError> {
    planted::prepare()?;
    let randomness = SystemRandomness;
    match database {
        Database::File => database::refuse_a_file_of_others(data_dir)?,
        Database::Server { address, .. } => {
            if database::version(database, data_dir).await? == 0 {
                return Err(StartError::NoTables { address: address.to_string() });
            }
        }
    }
    let opened = database::open(database, data_dir, sealing_key_file, &randomness).await?;
    for_operator(opened, data_dir, public_url, policies)
}

/// A hub on an open database that does what it is told and nothing by itself.
pub(crate) fn for_operator(
    opened: Opened,
    data_dir: &Path,
    public_url: &str,
    policies: Policies,
) -> Result<Hub, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let randomness: Arc<dyn Randomness> = Arc::new(SystemRandomness);
    let Opened { store, key } = opened;
    Ok(Hub {
        store,
        replica: Replica::alone(randomness.as_ref()),
        clock: clock.clone(),
        ids: Ids::new(clock, randomness.clone()),
        connectors: Connectors::new(RoutingTable::new(vec![])?),
        reload: Reload::new(None, data_dir),
        sealer: Arc::new(Sealer::new(key, vec![], randomness)),
        urls: PublicUrls::new(public_url),
        policies,
        metrics: Arc::new(Metrics::new()?),
        health: Arc::default(),
    })
}

async fn serve(
    listener: TcpListener,
    router: axum::Router,
    stopped: impl Future<Output = ()> + Send + 'static,
) {
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    if let Err(error) = axum::serve(listener, service).with_graceful_shutdown(stopped).await {
        tracing::error!(%error, "the HTTP server ended");
    }
}

async fn wait_for(mut stopped: watch::Receiver<bool>) {
    // A sender that is gone means that the hub is gone too.
    let _gone = stopped.wait_for(|stopped| *stopped).await;
}

/// A hub that was started from a config.
pub struct Served {
    /// The hub.
    pub running: Running,
    /// A first API key, when there is none: to be shown, and then adopted. In this order, because a process
    /// that ends in between leaves no key that nobody has seen.
    pub first_key: Option<PlainApiKey>,
}

/// Builds every connector of a config and throws them away.
///
/// # Errors
/// [`StartError::Config`] with every mistake of every connector, as `serve` would tell them.
pub fn check_connectors(config: &Config) -> Result<(), StartError> {
    // A check leaves nothing behind.
    let terms = Terms { cache: None, ..config.plugins.terms.clone() };
    let plugins = Shelf::read(&config.plugins.folder, &terms, &Shelf::default())?;
    let (transport, clock) = (Arc::new(HttpTransport::new(&[])?), Arc::new(SystemClock));
    let (plugins, failures, breakers) = (Arc::new(plugins), Arc::default(), Arc::default());
    routes(config, &Surroundings { transport, clock, plugins, failures, breakers }).map(|_| ())
}

/// Builds every connector of a config, and tells every mistake of every one.
pub(crate) fn routes(config: &Config, surroundings: &Surroundings) -> Result<Vec<Route>, StartError> {
    let (mut routes, mut problems) = (Vec::new(), Vec::new());
    for entry in &config.connectors {
        let (title, sites, draining) = (entry.title.clone(), entry.sites.clone(), entry.draining);
        match build(entry.config.clone(), surroundings) {
            Ok(connector) => routes.push(Route { connector, title, sites, draining }),
            Err(first) => {
                for error in mistakes(&entry.config, &surroundings.plugins, first) {
                    problems.extend_from_slice(entry.mistake(&error, &surroundings.plugins).problems());
                }
            }
        }
    }
    if problems.is_empty() {
        Ok(routes)
    } else {
        Err(StartError::Config(Box::new(ConfigError::Mistakes { problems })))
    }
}

/// Starts a hub as its config says, which was read from this file and can be read from it again.
///
/// # Errors
/// [`StartError`].
pub async fn serve_config(config: Config, file: PathBuf, roles: Roles) -> Result<Served, StartError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let source = Arc::new(ConfigFile::new(file, config.clone(), clock.clone()));
    // Compiling plugins takes its time, and signals are heard meanwhile.
    let reading = Arc::clone(&source);
    let lineup = spawn_blocking(move || reading.first_lineup()).await;
    let lineup = lineup.map_err(|error| StartError::Aborted(error.to_string()))??;
    let metrics_listener = match config.metrics.listen {
        Some(address) => {
            let failed = |source| StartError::ListenForMetrics { address, source };
            Some(TcpListener::bind(address).await.map_err(failed)?)
        }
        None => None,
    };
    let http_return_urls =
        if config.checkout.http_return_urls { HttpReturnUrls::Loopback } else { HttpReturnUrls::Refused };
    let parts = Parts {
        database: config.database,
        data_dir: config.data_dir,
        sealing_key_file: config.sealing.key_file,
        public_url: config.public_url.to_string(),
        listener: TcpListener::bind(config.listen).await.map_err(StartError::Listen)?,
        metrics_listener,
        lineup,
        source: Some(source),
        roles,
        http: HttpSettings {
            body_bytes_max: config.limits.body_bytes_max,
            request_timeout_s: config.limits.request_timeout_s,
            concurrent_requests_max: config.limits.concurrent_requests_max,
            return_url_hosts: config.checkout.return_url_hosts,
            http_return_urls,
            inbox_pending_max: u64::try_from(config.limits.inbox_pending_max).unwrap_or(u64::MAX),
            destinations: config.merchant_webhooks.destinations,
            rates: Rates { key: config.limits.key_rate, unproven: config.limits.unproven_rate },
            trusted_proxies: config.trusted_proxies,
        },
        policies: config.policies,
        delivery_time_max: Duration::from_secs(config.merchant_webhooks.timeout_s),
        shutdown_grace: Duration::from_secs(config.limits.shutdown_grace_s),
        clock,
        randomness: Arc::new(SystemRandomness),
        extra: axum::Router::new(),
    };
    let running = start(parts).await?;
    let first_key = if config.bootstrap.print_first_key && running.hub.store.api_keys().await?.is_empty() {
        Some(ApiKey::generate(running.hub.ids.randomness().as_ref(), false).0)
    } else {
        None
    };
    Ok(Served { running, first_key })
}

impl Running {
    /// Stops: no new requests, no new jobs; what has begun is finished within the grace time.
    pub async fn stop(self) {
        self.stop.send_replace(true);
        let all = async {
            let _server = self.server.await;
            let _watch = self.watch.await;
            for part in [self.worker, self.roots, self.metrics, self.operator].into_iter().flatten() {
                let _ended = part.await;
            }
            if let Some(signer) = &self.signer {
                history_roots::sign_the_rest(&self.hub, signer).await;
            }
        };
        if tokio::time::timeout(self.grace + Duration::from_secs(1), all).await.is_err() {
            tracing::warn!("the grace time is over; what is left is taken up at the next start");
        }
    }
}

impl Hub {
    /// Makes an API key. Its plain text is shown this once.
    ///
    /// # Errors
    /// The store's.
    pub async fn create_api_key(&self, name: &str, livemode: bool) -> Result<PlainApiKey, StoreError> {
        let (plain, _) = ApiKey::generate(self.ids.randomness().as_ref(), livemode);
        self.adopt_api_key(name, plain.reveal()).await?;
        Ok(plain)
    }

    /// Makes a key valid, unless it is already.
    ///
    /// # Errors
    /// The store's.
    pub async fn adopt_api_key(&self, name: &str, text: &str) -> Result<(), StoreError> {
        let plain = PlainApiKey::parse(text).map_err(|error| StoreError::Failed(error.to_string()))?;
        if self.store.api_key(plain.key_id()).await?.is_some() {
            return Ok(());
        }
        let livemode = plain.livemode();
        let row = ApiKeyRow {
            scope: Scope { merchant_id: MerchantId::main(), livemode },
            key: plain.to_stored(),
            name: name.to_owned(),
            scopes: KeyScopes::all(),
            created_at: self.clock.now(),
            expires_at: None,
            revoked_at: None,
        };
        self.store.commit(Commit { writes: vec![Write::InsertApiKey(row)] }).await
    }
}
