//! Sandbox Pay, a make-believe payment processor as a real HTTP server: its own books, hosted page, signed
//! webhooks, and every fault on request. `README.md` is its public documentation and its only contract.
//!
//! Invariant: nothing is answered before it is on disk, so that a kill at any moment loses nothing answered.

mod admin;
mod api;
mod ask;
mod book;
mod clock;
mod connection;
mod faults;
mod in_process;
mod journal;
mod objects;
mod office;
mod outside;
mod page;
mod random;
mod refusal;
mod reply;
mod rules;
mod webhooks;

use std::collections::HashSet;
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::routing::{any, get};
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::book::{Book, Delivery};
use crate::connection::{Cord, CuttableListener};
use crate::journal::Journal;
use crate::office::Office;
use crate::outside::Machine;

pub use crate::in_process::InProcess;
pub use crate::journal::JournalError;
pub use crate::outside::{Later, Outside};

pub const IDEMPOTENCY_WINDOW_S_DEFAULT: u64 = 86_400;
const BODY_BYTES_MAX: usize = 64 * 1024;
const EXPIRY_SWEEP_MS: u64 = 200;
const STOP_MS_MAX: u64 = 10_000;

pub struct Config {
    pub listener: TcpListener,
    /// How shoppers reach the server; by default `http://` and the listener's address.
    pub public_url: Option<String>,
    /// Where everything is kept over restarts; `None` keeps it in memory.
    pub state_dir: Option<PathBuf>,
    pub accounts: Vec<Account>,
    pub idempotency_window_s: u64,
}

#[derive(Clone)]
pub struct Account {
    pub name: String,
    pub api_key: String,
    pub webhook_secret: String,
    pub webhook_url: Option<String>,
}

#[derive(Debug, Error)]
pub enum StartError {
    #[error("the listener has no address")]
    Listener(#[from] io::Error),
    #[error("the state cannot be opened")]
    Journal(#[from] JournalError),
    #[error("the HTTP client for webhooks cannot be built")]
    Client(#[from] reqwest::Error),
    #[error("account names and API keys must be present and different")]
    Accounts,
}

/// A running server. Dropping it stops it as well, without waiting.
pub struct Server {
    office: Arc<Office>,
    tasks: Vec<JoinHandle<()>>,
}

/// Starts the server on the listener and returns at once; whatever was not delivered goes on.
///
/// # Errors
/// When the accounts clash, or the state directory cannot be used.
pub async fn start(config: Config) -> Result<Server, StartError> {
    check_accounts(&config.accounts)?;
    let local = format!("http://{}", config.listener.local_addr()?);
    let base_url = config.public_url.map_or(local, |url| url.trim_end_matches('/').to_owned());
    let mut book = Book::new(i64::try_from(config.idempotency_window_s).unwrap_or(i64::MAX));
    let journal = match &config.state_dir {
        Some(folder) => Journal::open(folder, |change| book.apply(change))?,
        None => Journal::in_memory(),
    };
    let (outbox, told) = mpsc::unbounded_channel();
    for event in book.events.values().filter(|event| event.delivery == Delivery::Pending) {
        // The receiver is in our hands, so this cannot fail.
        let _ = outbox.send(event.id.clone());
    }
    let outside = Arc::new(Machine::new()?);
    let office = Arc::new(Office::new(book, journal, config.accounts, base_url, outbox, outside));
    let tasks = vec![
        tokio::spawn(serve(Arc::clone(&office), CuttableListener(config.listener))),
        tokio::spawn(webhooks::run(Arc::clone(&office), told)),
        tokio::spawn(sweep(Arc::clone(&office))),
    ];
    Ok(Server { office, tasks })
}

impl Server {
    pub fn base_url(&self) -> &str {
        &self.office.base_url
    }

    /// Its accounts, to be changed while it runs.
    pub fn accounts(&self) -> Accounts {
        Accounts(Arc::clone(&self.office))
    }

    /// Finishes the requests at hand, lets go of stalled ones, and closes the journal.
    pub async fn stop(mut self) {
        self.office.stopping.send_replace(true);
        for mut task in self.tasks.drain(..) {
            if tokio::time::timeout(Duration::from_millis(STOP_MS_MAX), &mut task).await.is_err() {
                tracing::warn!("A client held on to its request; its connection is let go.");
                task.abort();
            }
        }
        let office = Arc::clone(&self.office);
        // Closing waits for the last lines to be on disk.
        if tokio::task::spawn_blocking(move || office.journal.close()).await.is_err() {
            tracing::error!("The journal could not be closed.");
        }
    }
}

/// The accounts of a running server.
pub struct Accounts(Arc<Office>);

impl Accounts {
    /// Has an account's webhooks sent to this address from now on, as its dashboard would. False when there is no
    /// such account, or the change cannot be kept.
    pub fn send_webhooks_to(&self, account: &str, url: &str) -> bool {
        admin::send_webhooks_to(&self.0, account, url)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.office.stopping.send_replace(true);
    }
}

fn check_accounts(accounts: &[Account]) -> Result<(), StartError> {
    let names: HashSet<&str> = accounts.iter().map(|account| account.name.as_str()).collect();
    let keys: HashSet<&str> = accounts.iter().map(|account| account.api_key.as_str()).collect();
    let all_different = names.len() == accounts.len() && keys.len() == accounts.len();
    let any_empty = names.contains("") || keys.contains("") || accounts.is_empty();
    if all_different && !any_empty { Ok(()) } else { Err(StartError::Accounts) }
}

fn router(office: &Arc<Office>) -> Router {
    Router::new()
        .route("/", get(page::welcome))
        .route("/healthz", get(page::healthz))
        .route("/pay/{session}", get(page::show).post(page::submit))
        .route("/v1/{*path}", any(api::handle))
        .route("/admin/{*path}", any(admin::handle))
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(Arc::clone(office))
}

async fn serve(office: Arc<Office>, listener: CuttableListener) {
    let service = router(&office).into_make_service_with_connect_info::<Cord>();
    let ended =
        axum::serve(listener, service).with_graceful_shutdown(async move { office.stopped().await }).await;
    if let Err(error) = ended {
        tracing::error!(%error, "The server ended.");
    }
}

/// Expires sessions whose time is over, also while nobody calls.
async fn sweep(office: Arc<Office>) {
    let mut ticks = tokio::time::interval(Duration::from_millis(EXPIRY_SWEEP_MS));
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            () = office.stopped() => return,
        }
        // Every step expires what is due before it does anything else.
        if office.work(|_| Ok(())).is_err() {
            return;
        }
    }
}
