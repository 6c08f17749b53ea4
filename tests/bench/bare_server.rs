//! The bare server: what HTTP and group commit cost without a hub. A process of its own, as the hub is one.
//!
//! It reads the body as JSON, hands one copy of the rows to a writer thread that commits whatever waits as
//! one transaction, and answers after that commit.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::post;
use rusqlite::Connection;
use serde_json::{Value, json};
use tokio::sync::{mpsc, oneshot};

use crate::load::{self, Tally};
use crate::processes::eventually;
use crate::rows::{Rows, new_database, set};

/// The word on the command line that makes the bench's own program this server.
pub(crate) const ROLE: &str = "bare-server";
/// Most commits that share one flush, as in the hub.
const GROUP_MAX: usize = 128;
const QUEUE_MAX: usize = 1_024;
const READY_FILE: &str = "ready";
const ROWS_FILE: &str = "rows.json";
const DATABASE_FILE: &str = "bare.sqlite";

/// The server as a child process.
pub(crate) struct BareServer {
    child: Child,
    address: SocketAddr,
}

impl BareServer {
    /// Starts it on a database of its own.
    pub(crate) fn start(folder: &Path, model: &Path, rows: &Rows) -> Self {
        std::fs::create_dir_all(folder).expect("a folder");
        let template = folder.join(ROWS_FILE);
        std::fs::write(&template, serde_json::to_vec(rows).expect("JSON")).expect("a file");
        drop(new_database(&folder.join(DATABASE_FILE), model));
        let child = Command::new(std::env::current_exe().expect("the bench's own path"))
            .args([ROLE.as_ref(), folder.join(DATABASE_FILE).as_os_str(), template.as_os_str()])
            .stdin(Stdio::null())
            .spawn()
            .expect("the bare server starts");
        let ready = folder.join(READY_FILE);
        let address = eventually("the bare server listens", || {
            std::fs::read_to_string(&ready).ok().and_then(|text| text.parse().ok())
        });
        Self { child, address }
    }

    /// As many as it takes.
    pub(crate) fn load(&self, concurrency: usize, time: Duration) -> Tally {
        let body = json!({ "amount": 1999, "currency": "EUR", "description": "A mug" }).to_string();
        load::run(self.address, concurrency, time, 201, &|into| {
            load::post(into, "/", &[], body.as_bytes());
        })
    }
}

impl Drop for BareServer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _killed = self.child.kill();
        let _waited = self.child.wait();
    }
}

struct Waiting {
    number: u64,
    done: oneshot::Sender<()>,
}

struct Shared {
    queue: mpsc::Sender<Waiting>,
    number: AtomicU64,
}

/// Runs the server until it is killed.
pub(crate) fn serve(database: &Path, template: &Path) {
    let rows: Rows = serde_json::from_slice(&std::fs::read(template).expect("the rows")).expect("JSON");
    let connection = Connection::open(database).expect("its database");
    set(&connection);
    let (queue, waiting) = mpsc::channel(QUEUE_MAX);
    std::thread::spawn(move || write_groups(&connection, &rows, waiting));
    let shared: &'static Shared = Box::leak(Box::new(Shared { queue, number: AtomicU64::new(0) }));
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let router = axum::Router::new().route("/", post(take)).with_state(shared);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address").to_string();
        let folder = database.parent().expect("a file in a folder");
        std::fs::write(folder.join("ready.part"), address).expect("a file");
        std::fs::rename(folder.join("ready.part"), folder.join(READY_FILE)).expect("a file");
        axum::serve(listener, router).await.expect("it serves");
    });
}

async fn take(State(shared): State<&'static Shared>, body: axum::body::Bytes) -> (StatusCode, String) {
    let asked: Value = serde_json::from_slice(&body).expect("the bench sends JSON");
    let (done, committed) = oneshot::channel();
    let number = shared.number.fetch_add(1, Ordering::Relaxed);
    shared.queue.send(Waiting { number, done }).await.expect("the writer runs");
    committed.await.expect("the writer commits");
    (StatusCode::CREATED, json!({ "id": number, "asked": asked }).to_string())
}

fn write_groups(connection: &Connection, rows: &Rows, mut waiting: mpsc::Receiver<Waiting>) {
    let mut group = Vec::with_capacity(GROUP_MAX);
    while waiting.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
        connection.execute_batch("BEGIN IMMEDIATE").expect("a transaction");
        for waiting in &group {
            rows.insert(connection, waiting.number);
        }
        connection.execute_batch("COMMIT").expect("a commit");
        for waiting in group.drain(..) {
            // Whoever waited may have gone.
            let _gone = waiting.done.send(());
        }
    }
}
