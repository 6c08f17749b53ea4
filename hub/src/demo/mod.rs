//! `payhub demo`: a whole world on one machine. The hub, the make-believe processor on a port of its own
//! with two accounts and a spare one, and a small shop that buys through the real API.
//!
//! Started again on the same folder it is the same world: ports, keys and money included.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hub_core::policy::Policies;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::api_key::ApiKey;
use crate::app::{Parts, Running, StartError, start};
use crate::clock::{Clock, SystemClock};
use crate::connector::registry::ConnectorConfigError;
use crate::connector::transport::TransportError;
use crate::database::Database;
use crate::http::limits::Rates;
use crate::http::{HttpReturnUrls, HttpSettings};
use crate::ids::{Ids, Randomness, SystemRandomness};
use crate::merchant_webhooks::destination::DestinationPolicy;
use crate::roles::Roles;
use crate::store::StoreError;
use connectors::DemoConnectors;
use shop::{Shop, ShopConfig, ShopError};

pub mod connectors;
pub mod shop;

/// The demo's two connectors: name in routes and addresses, title in the chooser.
const CONNECTORS: [(&str, &str); 2] =
    [("sandbox_a", "Sandbox Pay"), ("sandbox_b", "Sandbox Pay, second account")];
/// The account that is free for a plugin.
const SPARE: &str = "spare";
/// How long the end may take.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(10);
/// How long one delivery to the merchant may take.
const DELIVERY_TIME_MAX: Duration = Duration::from_secs(20);
/// Largest request body, in bytes.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// Longest time of a request, in seconds.
const REQUEST_TIMEOUT_S: u64 = 30;
/// Requests worked on at once.
const CONCURRENT_REQUESTS_MAX: usize = 1_024;
/// Deliveries of the processor that may wait.
const INBOX_PENDING_MAX: u64 = 100_000;

/// What a demo is asked for.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Folder of everything; a temporary one when absent.
    pub data_dir: Option<PathBuf>,
    /// Where the hub listens; port 0 takes any free one, the last one's if it can.
    pub listen: SocketAddr,
}

/// Where everything is.
#[derive(Clone, Debug, Serialize)]
pub struct DemoReady {
    /// The hub.
    pub base_url: String,
    /// A test key of its API.
    pub api_key: String,
    /// The processor.
    pub sandbox_url: String,
    /// The shop.
    pub shop_url: String,
    /// The folder.
    pub data_dir: PathBuf,
}

/// A demo that runs.
pub struct Demo {
    /// Where everything is.
    pub ready: DemoReady,
    hub: Running,
    sandbox: sandbox_server::Server,
    // Removed with its contents when the demo ends.
    _temporary: Option<tempfile::TempDir>,
}

/// Why a demo could not be started.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    #[error("cannot use the folder {path}: {source}")]
    Folder { path: PathBuf, source: std::io::Error },
    #[error("cannot listen on {address}: {source}; choose another address with --listen")]
    Listen { address: SocketAddr, source: std::io::Error },
    #[error("the file {path} is not one that a demo wrote; use another --data-dir")]
    Memory { path: PathBuf },
    #[error(transparent)]
    Start(#[from] StartError),
    #[error(transparent)]
    Connector(#[from] ConnectorConfigError),
    #[error(transparent)]
    Transport(#[from] TransportError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the sandbox processor: {0}")]
    Sandbox(#[from] sandbox_server::StartError),
    #[error("the shop: {0}")]
    Shop(#[from] ShopError),
}

/// The processor's accounts, to be changed while it runs.
type ProcessorAccounts = sandbox_server::Accounts;

/// What a demo remembers in its folder, so that it comes back as it was.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Memory {
    listen: SocketAddr,
    sandbox_listen: SocketAddr,
    api_key: String,
    accounts: BTreeMap<String, AccountMemory>,
}

#[derive(Clone, Debug, Serialize, Deserialize)]
struct AccountMemory {
    api_key: String,
    webhook_secret: String,
}

/// Starts a demo.
///
/// # Errors
/// [`DemoError`].
pub async fn run(options: DemoOptions) -> Result<Demo, DemoError> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let randomness: Arc<dyn Randomness> = Arc::new(SystemRandomness);
    let (data_dir, temporary) = folder(options.data_dir)?;
    let file = data_dir.join("demo.json");
    let remembered = read_memory(&file)?;
    let listener = listen(options.listen, remembered.as_ref().map(|memory| memory.listen)).await?;
    let address = local_address(&listener)?;
    let beside = SocketAddr::new(address.ip(), 0);
    let last = remembered.as_ref().map(|memory| memory.sandbox_listen);
    let sandbox_listener = listen(beside, last.or_else(|| next_port(address))).await?;
    let sandbox_address = local_address(&sandbox_listener)?;

    let ids = Ids::new(clock.clone(), randomness.clone());
    let mut memory = remembered.unwrap_or_else(|| fresh_memory(&ids, address, sandbox_address));
    // A demo of before had none.
    memory.accounts.entry(SPARE.to_owned()).or_insert_with(|| fresh_account(&ids));
    memory.listen = address;
    memory.sandbox_listen = sandbox_address;
    let base_url = format!("http://{}", reachable(address));
    let sandbox_url = format!("http://{}", reachable(sandbox_address));

    // The hub comes before the processor: its webhooks must find it.
    let shop = Shop::new(ShopConfig {
        api_base: base_url.clone(),
        api_key: memory.api_key.clone(),
        own_base: base_url.clone(),
    })?;
    let source =
        DemoConnectors::new(&data_dir, &base_url, &sandbox_url, memory.accounts.clone(), clock.clone());
    let lineup = DemoConnectors::first_lineup(&source).await?;
    let hub = start(Parts {
        roles: Roles::all(),
        database: Database::File,
        data_dir: data_dir.clone(),
        sealing_key_file: data_dir.join("sealing.key"),
        public_url: base_url.clone(),
        listener,
        metrics_listener: None,
        lineup,
        source: Some(source.clone()),
        http: http_settings(),
        policies: Policies::default(),
        delivery_time_max: DELIVERY_TIME_MAX,
        shutdown_grace: SHUTDOWN_GRACE,
        clock,
        randomness,
        extra: shop.router(),
    })
    .await?;
    // Not before the folder is known to be this process's alone: a demo that is refused must not overwrite
    // what the running one remembers.
    write_memory(&file, &memory)?;
    hub.hub.adopt_api_key("demo", &memory.api_key).await?;
    let sandbox = sandbox_server::start(sandbox_server::Config {
        listener: sandbox_listener,
        public_url: Some(sandbox_url.clone()),
        state_dir: Some(data_dir.join("sandbox")),
        accounts: accounts(&memory, &hub),
        idempotency_window_s: sandbox_server::IDEMPOTENCY_WINDOW_S_DEFAULT,
    })
    .await?;
    source.meet(sandbox.accounts());
    shop.register_webhook().await?;
    let shop_url = format!("{base_url}/shop");
    let ready = DemoReady { base_url, api_key: memory.api_key, sandbox_url, shop_url, data_dir };
    Ok(Demo { ready, hub, sandbox, _temporary: temporary })
}

fn folder(wanted: Option<PathBuf>) -> Result<(PathBuf, Option<tempfile::TempDir>), DemoError> {
    match wanted {
        Some(path) => {
            let failed = |source| DemoError::Folder { path: path.clone(), source };
            crate::private_file::make_folder(&path).map_err(failed)?;
            Ok((path.canonicalize().map_err(failed)?, None))
        }
        None => {
            let temporary = tempfile::Builder::new().prefix("payhub-demo-").tempdir();
            let temporary =
                temporary.map_err(|source| DemoError::Folder { path: std::env::temp_dir(), source })?;
            Ok((temporary.path().to_path_buf(), Some(temporary)))
        }
    }
}

/// Listens on `wanted`; where that leaves the port open, on the preferred one if it is free.
async fn listen(wanted: SocketAddr, preferred: Option<SocketAddr>) -> Result<TcpListener, DemoError> {
    if wanted.port() == 0
        && let Some(preferred) = preferred
        && let Ok(listener) = TcpListener::bind(SocketAddr::new(wanted.ip(), preferred.port())).await
    {
        return Ok(listener);
    }
    TcpListener::bind(wanted).await.map_err(|source| DemoError::Listen { address: wanted, source })
}

fn next_port(address: SocketAddr) -> Option<SocketAddr> {
    address.port().checked_add(1).map(|port| SocketAddr::new(address.ip(), port))
}

fn local_address(listener: &TcpListener) -> Result<SocketAddr, DemoError> {
    let unknown = SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), 0);
    listener.local_addr().map_err(|source| DemoError::Listen { address: unknown, source })
}

/// Where this machine reaches a server that listens on `address`.
fn reachable(address: SocketAddr) -> SocketAddr {
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, address.port())
}

fn fresh_memory(ids: &Ids, listen: SocketAddr, sandbox_listen: SocketAddr) -> Memory {
    let (plain, _) = ApiKey::generate(ids.randomness().as_ref(), false);
    let accounts = CONNECTORS.iter().map(|(name, _)| ((*name).to_owned(), fresh_account(ids))).collect();
    Memory { listen, sandbox_listen, api_key: plain.reveal().to_owned(), accounts }
}

fn fresh_account(ids: &Ids) -> AccountMemory {
    AccountMemory {
        api_key: format!("sk_sandbox_{}", ids.token()),
        webhook_secret: format!("whsec_sandbox_{}", ids.token()),
    }
}

fn read_memory(file: &Path) -> Result<Option<Memory>, DemoError> {
    match std::fs::read(file) {
        Ok(bytes) => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|_| DemoError::Memory { path: file.to_path_buf() }),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(DemoError::Folder { path: file.to_path_buf(), source }),
    }
}

fn write_memory(file: &Path, memory: &Memory) -> Result<(), DemoError> {
    let failed = |source| DemoError::Folder { path: file.to_path_buf(), source };
    let text = serde_json::to_vec_pretty(memory).map_err(|error| failed(error.into()))?;
    crate::private_file::write(file, &text).map_err(failed)
}

/// Limits and rules of the demo's front.
pub fn http_settings() -> HttpSettings {
    HttpSettings {
        body_bytes_max: BODY_BYTES_MAX,
        request_timeout_s: REQUEST_TIMEOUT_S,
        concurrent_requests_max: CONCURRENT_REQUESTS_MAX,
        return_url_hosts: vec![],
        http_return_urls: HttpReturnUrls::Anywhere,
        inbox_pending_max: INBOX_PENDING_MAX,
        destinations: DestinationPolicy::demo(),
        // Everybody who tries it out is on this machine, and may ask as often as they like.
        rates: Rates::NONE,
        trusted_proxies: vec![],
    }
}

fn accounts(memory: &Memory, hub: &Running) -> Vec<sandbox_server::Account> {
    let account = |(name, account): (&String, &AccountMemory)| sandbox_server::Account {
        name: name.clone(),
        api_key: account.api_key.clone(),
        webhook_secret: account.webhook_secret.clone(),
        webhook_url: Some(hub.hub.urls.webhooks(name, None)),
    };
    memory.accounts.iter().map(account).collect()
}

impl Demo {
    /// Ends the demo: the hub first, so that nothing of it is left waiting for the processor.
    pub async fn stop(self) {
        self.hub.stop().await;
        self.sandbox.stop().await;
    }
}
