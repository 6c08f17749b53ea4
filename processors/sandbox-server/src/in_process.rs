//! The server without a socket: the same routes, book and webhooks, in memory, within whatever world it is
//! given. For simulations, where the time and the network are made up.

use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use axum::http::Request;
use axum::response::Response;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use tower::ServiceExt;

use crate::book::Book;
use crate::connection::Cord;
use crate::journal::Journal;
use crate::office::Office;
use crate::outside::Outside;
use crate::{Account, StartError, check_accounts, router, webhooks};

/// A server that answers when it is called. Dropping it stops it.
pub struct InProcess {
    office: Arc<Office>,
    router: Router,
    sending: JoinHandle<()>,
}

impl InProcess {
    /// Starts it on this thread's runtime.
    ///
    /// # Errors
    /// When the accounts clash.
    pub fn start(
        accounts: Vec<Account>,
        base_url: &str,
        idempotency_window_s: u64,
        outside: Arc<dyn Outside>,
    ) -> Result<Self, StartError> {
        check_accounts(&accounts)?;
        let book = Book::new(i64::try_from(idempotency_window_s).unwrap_or(i64::MAX));
        let (outbox, told) = mpsc::unbounded_channel();
        let journal = Journal::in_memory();
        let office = Arc::new(Office::new(book, journal, accounts, base_url.to_owned(), outbox, outside));
        let sending = tokio::spawn(webhooks::run(Arc::clone(&office), told));
        Ok(Self { router: router(&office), office, sending })
    }

    /// The answer to a request; `None` when the connection is cut instead.
    pub async fn answer(&self, mut request: Request<Body>) -> Option<Response> {
        let cord = Cord::default();
        request.extensions_mut().insert(ConnectInfo(cord.clone()));
        let Ok(response) = self.router.clone().oneshot(request).await;
        (!cord.is_pulled()).then_some(response)
    }

    /// Expires what is due, as the server does by itself when it has a machine.
    pub fn sweep(&self) {
        // Every step expires what is due before it does anything else; a journal in memory does not fail.
        let _ = self.office.work(|_| Ok(()));
    }
}

impl Drop for InProcess {
    fn drop(&mut self) {
        self.office.stopping.send_replace(true);
        self.sending.abort();
    }
}
