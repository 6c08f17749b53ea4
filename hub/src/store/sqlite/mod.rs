//! The embedded engine: one SQLite file, one process, one writer that shares flushes, a few readers.
//!
//! The whole file belongs to one process, which a lock beside it makes certain. Commits go through the
//! [`writer`], reads through the [`readers`]; what a write does is in [`mod@write`], what a query asks in [`read`].
//!
//! Invariant: a commit is answered only after it is on disk, and nobody reads it before.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use hub_core::event::Recorded;
use hub_core::ids::{
    AttemptId, DeliveryId, OrderId, PaymentIntentId, Scope, WebhookEndpointId, WebhookEventId,
};
use hub_core::order::Order;
use hub_core::payment::PaymentIntent;
use processor_sdk::Timestamp;
use tokio::sync::watch;

use self::durable::{DurableStep, FlushedCommit};
use self::migrate::MIGRATIONS;
use self::open::DatabaseLock;
pub use self::open::OpenError;
use self::readers::Readers;
use self::writer::{QueueLimits, Writer};
use super::{
    ApiKeyRow, Attached, ClaimedJob, Commit, EndpointRow, EventFilter, IdempotencyRow, InboxRow, LeaseToken,
    MerchantDelivery, Page, PaymentFilter, PaymentRecords, PinnedPlugin, PublicEventRow, Store, StoreError,
    StoreFigures, StrandedDelivery, TransferKind,
};

pub mod durable;
mod error;
mod filesystem;
mod migrate;
mod open;
mod read;
mod readers;
mod value;
mod write;
mod writer;

#[cfg(test)]
mod tests;

/// How a database is opened.
#[derive(Clone, Copy, Debug)]
pub struct SqliteOptions {
    /// Connections that read at the same time.
    pub readers: usize,
    /// Commits that may wait for the writer.
    pub queued_commits_max: usize,
    /// How long a commit waits for a place among them, and a read for a connection, before the store is
    /// called overloaded.
    pub queue_wait: Duration,
}

impl Default for SqliteOptions {
    fn default() -> Self {
        Self { readers: 4, queued_commits_max: 1_024, queue_wait: Duration::from_secs(2) }
    }
}

/// The store in one SQLite file.
pub struct SqliteStore {
    writer: Writer,
    readers: Readers,
    /// Last, so that it is given up after the connections are closed.
    _lock: DatabaseLock,
}

impl SqliteStore {
    /// Opens a database, makes it if it is not there, and brings its schema up to date. Waits for the disk.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(path: &Path, options: SqliteOptions) -> Result<Self, OpenError> {
        Self::open_with(path, options, Box::new(FlushedCommit))
    }

    /// The same, with another durable step: for tests that hold it back or let it fail.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open_with(
        path: &Path,
        options: SqliteOptions,
        durable: Box<dyn DurableStep>,
    ) -> Result<Self, OpenError> {
        open::check_engine()?;
        let (path, lock) = open::take(path)?;
        let mut connection = open::writer(&path)?;
        migrate::migrate(&mut connection, MIGRATIONS)?;
        let readers = (0..options.readers.max(1)).map(|_| open::reader(&path)).collect::<Result<_, _>>()?;
        let limits = QueueLimits { commits_max: options.queued_commits_max.max(1), wait: options.queue_wait };
        let writer = Writer::start(connection, durable, limits)
            .map_err(|source| OpenError::File { path: path.clone(), source })?;
        Ok(Self { writer, readers: Readers::new(readers, options.queue_wait), _lock: lock })
    }
}

/// The schema version of a database file, 0 for one without tables. Changes nothing.
///
/// # Errors
/// [`OpenError`].
pub fn schema_version(path: &Path) -> Result<i64, OpenError> {
    migrate::newest_version(&open::reader(path)?)
}

impl Drop for SqliteStore {
    fn drop(&mut self) {
        // Before the writer: the last connection to close moves the write-ahead log into the database, and
        // only the writer may.
        self.readers.close();
    }
}

#[async_trait]
impl Store for SqliteStore {
    async fn commit(&self, commit: Commit) -> Result<(), StoreError> {
        self.writer
            .submit(move |connection| {
                commit.writes.iter().try_for_each(|write| write::apply(connection, write))
            })
            .await
    }

    async fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        lease: LeaseToken,
        limit: u32,
    ) -> Result<Vec<ClaimedJob>, StoreError> {
        self.writer
            .submit(move |connection| write::jobs::claim(connection, now, lease_until, &lease, limit))
            .await
    }

    async fn release_leases(&self) -> Result<u64, StoreError> {
        self.writer.submit(write::jobs::release_leases).await
    }

    async fn next_due(&self, _now: Timestamp) -> Result<Option<Timestamp>, StoreError> {
        self.readers.read(read::intake::next_due).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.readers.read(read::intake::next_due).await?;
        while self.writer.is_failing() {
            self.writer.probe(write::probe).await?;
        }
        Ok(())
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.writer.changes()
    }

    async fn payment(
        &self,
        scope: &Scope,
        id: &PaymentIntentId,
    ) -> Result<Option<PaymentIntent>, StoreError> {
        let (scope, id) = (scope.clone(), id.clone());
        self.readers.read(move |connection| read::payments::payment(connection, &scope, &id)).await
    }

    async fn payment_by_checkout_token(&self, token: &str) -> Result<Option<PaymentIntent>, StoreError> {
        let token = token.to_owned();
        self.readers.read(move |connection| read::payments::by_checkout_token(connection, &token)).await
    }

    async fn payment_of_order(
        &self,
        scope: &Scope,
        id: &OrderId,
    ) -> Result<Option<PaymentIntent>, StoreError> {
        let (scope, id) = (scope.clone(), id.clone());
        self.readers.read(move |connection| read::payments::by_order(connection, &scope, &id)).await
    }

    async fn connectors_used(&self, scope: &Scope) -> Result<Vec<String>, StoreError> {
        let scope = scope.clone();
        self.readers.read(move |connection| read::payments::connectors_used(connection, &scope)).await
    }

    async fn attached_to(
        &self,
        scope: &Scope,
        connector: &str,
        now: Timestamp,
    ) -> Result<Attached, StoreError> {
        let (scope, connector) = (scope.clone(), connector.to_owned());
        self.readers
            .read(move |connection| read::payments::attached_to(connection, &scope, &connector, now))
            .await
    }

    async fn plugins_pinned(&self, scope: &Scope) -> Result<Vec<PinnedPlugin>, StoreError> {
        let scope = scope.clone();
        self.readers.read(move |connection| read::plugins::pinned(connection, &scope)).await
    }

    async fn attached_to_plugin(
        &self,
        scope: &Scope,
        plugin: &PinnedPlugin,
        now: Timestamp,
        at_most: u64,
    ) -> Result<Attached, StoreError> {
        let (scope, plugin) = (scope.clone(), plugin.clone());
        self.readers
            .read(move |connection| read::plugins::attached(connection, &scope, &plugin, now, at_most))
            .await
    }

    async fn payment_by_return_token(
        &self,
        token: &str,
    ) -> Result<Option<(PaymentIntent, AttemptId)>, StoreError> {
        let token = token.to_owned();
        self.readers.read(move |connection| read::payments::by_return_token(connection, &token)).await
    }

    async fn open_payment_for(
        &self,
        scope: &Scope,
        order_reference: &str,
    ) -> Result<Option<PaymentIntentId>, StoreError> {
        let (scope, reference) = (scope.clone(), order_reference.to_owned());
        self.readers
            .read(move |connection| read::payments::open_payment_for(connection, &scope, &reference))
            .await
    }

    async fn find_attempt(
        &self,
        scope: &Scope,
        connector: &str,
        echo: Option<&str>,
        reference_ids: &[String],
    ) -> Result<Option<(PaymentIntentId, AttemptId)>, StoreError> {
        let (scope, connector) = (scope.clone(), connector.to_owned());
        let (echo, ids) = (echo.map(str::to_owned), reference_ids.to_vec());
        self.readers
            .read(move |connection| {
                read::payments::find_attempt(connection, &scope, &connector, echo.as_deref(), &ids)
            })
            .await
    }

    async fn payment_of_transfer(
        &self,
        scope: &Scope,
        kind: TransferKind,
        id: &str,
    ) -> Result<Option<PaymentIntentId>, StoreError> {
        let (scope, id) = (scope.clone(), id.to_owned());
        self.readers
            .read(move |connection| read::payments::payment_of_transfer(connection, &scope, kind, &id))
            .await
    }

    async fn payments(
        &self,
        scope: &Scope,
        filter: &PaymentFilter,
        page: &Page,
    ) -> Result<Vec<PaymentIntent>, StoreError> {
        let (scope, filter, page) = (scope.clone(), filter.clone(), page.clone());
        self.readers
            .read(move |connection| read::payments::payments(connection, &scope, &filter, &page))
            .await
    }

    async fn transfers(
        &self,
        scope: &Scope,
        kind: TransferKind,
        page: &Page,
    ) -> Result<Vec<(String, PaymentIntentId)>, StoreError> {
        let (scope, page) = (scope.clone(), page.clone());
        self.readers.read(move |connection| read::payments::transfers(connection, &scope, kind, &page)).await
    }

    async fn history(&self, scope: &Scope, id: &PaymentIntentId) -> Result<Vec<Recorded>, StoreError> {
        let (scope, id) = (scope.clone(), id.clone());
        self.readers.read(move |connection| read::payments::history(connection, &scope, &id)).await
    }

    async fn payment_records(
        &self,
        scope: &Scope,
        id: &PaymentIntentId,
    ) -> Result<PaymentRecords, StoreError> {
        let (scope, id) = (scope.clone(), id.clone());
        self.readers.read(move |connection| read::story::records(connection, &scope, &id)).await
    }

    async fn order(&self, scope: &Scope, id: &OrderId) -> Result<Option<(Order, Timestamp)>, StoreError> {
        let (scope, id) = (scope.clone(), id.clone());
        self.readers.read(move |connection| read::payments::order(connection, &scope, &id)).await
    }

    async fn personal_data(&self, scope: &Scope, id: &OrderId) -> Result<Option<Vec<u8>>, StoreError> {
        let (scope, id) = (scope.clone(), id.clone());
        self.readers.read(move |connection| read::payments::personal_data(connection, &scope, &id)).await
    }

    async fn door(
        &self,
        scope: &Scope,
        id: &AttemptId,
    ) -> Result<Option<(Vec<u8>, Option<Timestamp>)>, StoreError> {
        let (scope, id) = (scope.clone(), id.clone());
        self.readers.read(move |connection| read::payments::door(connection, &scope, &id)).await
    }

    async fn idempotency(
        &self,
        scope: &Scope,
        operation: &'static str,
        key: &str,
    ) -> Result<Option<IdempotencyRow>, StoreError> {
        let (scope, key) = (scope.clone(), key.to_owned());
        self.readers
            .read(move |connection| read::intake::idempotency(connection, &scope, operation, &key))
            .await
    }

    async fn public_event(
        &self,
        scope: &Scope,
        id: &WebhookEventId,
    ) -> Result<Option<PublicEventRow>, StoreError> {
        let (scope, id) = (scope.clone(), id.clone());
        self.readers.read(move |connection| read::merchant::event(connection, &scope, &id)).await
    }

    async fn public_events(
        &self,
        scope: &Scope,
        filter: &EventFilter,
        page: &Page,
    ) -> Result<Vec<PublicEventRow>, StoreError> {
        let (scope, filter, page) = (scope.clone(), filter.clone(), page.clone());
        self.readers.read(move |connection| read::merchant::events(connection, &scope, &filter, &page)).await
    }

    async fn endpoint(
        &self,
        scope: &Scope,
        id: &WebhookEndpointId,
    ) -> Result<Option<EndpointRow>, StoreError> {
        let (scope, id) = (scope.clone(), id.clone());
        self.readers.read(move |connection| read::merchant::endpoint(connection, &scope, &id)).await
    }

    async fn endpoints(&self, scope: &Scope, page: &Page) -> Result<Vec<EndpointRow>, StoreError> {
        let (scope, page) = (scope.clone(), page.clone());
        self.readers.read(move |connection| read::merchant::endpoints(connection, &scope, &page)).await
    }

    async fn delivery(
        &self,
        scope: &Scope,
        event_id: &WebhookEventId,
        endpoint_id: &WebhookEndpointId,
    ) -> Result<Option<MerchantDelivery>, StoreError> {
        let (scope, event_id, endpoint_id) = (scope.clone(), event_id.clone(), endpoint_id.clone());
        self.readers
            .read(move |connection| read::merchant::delivery(connection, &scope, &event_id, &endpoint_id))
            .await
    }

    async fn deliveries(
        &self,
        scope: &Scope,
        endpoint_id: &WebhookEndpointId,
        page: &Page,
    ) -> Result<Vec<MerchantDelivery>, StoreError> {
        let (scope, endpoint_id, page) = (scope.clone(), endpoint_id.clone(), page.clone());
        self.readers
            .read(move |connection| read::merchant::deliveries(connection, &scope, &endpoint_id, &page))
            .await
    }

    async fn inbox(&self, scope: &Scope, id: &DeliveryId) -> Result<Option<InboxRow>, StoreError> {
        let (scope, id) = (scope.clone(), id.clone());
        self.readers.read(move |connection| read::intake::inbox(connection, &scope, &id)).await
    }

    async fn inbox_of_payment(
        &self,
        scope: &Scope,
        payment_id: &PaymentIntentId,
    ) -> Result<Vec<DeliveryId>, StoreError> {
        let (scope, id) = (scope.clone(), payment_id.clone());
        self.readers.read(move |connection| read::intake::inbox_of_payment(connection, &scope, &id)).await
    }

    async fn inbox_waiting(&self, at_most: u64) -> Result<u64, StoreError> {
        self.readers.read(move |connection| read::intake::inbox_waiting(connection, at_most)).await
    }

    async fn figures(&self, now: Timestamp) -> Result<StoreFigures, StoreError> {
        let counted = self.readers.read(move |connection| read::figures::figures(connection, now)).await?;
        let (commits, commit_batches) = self.writer.written();
        Ok(StoreFigures { commits, commit_batches, ..counted })
    }

    async fn waiting_for_person(&self, scope: &Scope, page: &Page) -> Result<Vec<PaymentIntent>, StoreError> {
        let (scope, page) = (scope.clone(), page.clone());
        self.readers
            .read(move |connection| read::payments::waiting_for_person(connection, &scope, &page))
            .await
    }

    async fn stranded(&self, scope: &Scope, page: &Page) -> Result<Vec<StrandedDelivery>, StoreError> {
        let (scope, page) = (scope.clone(), page.clone());
        self.readers.read(move |connection| read::intake::stranded(connection, &scope, &page)).await
    }

    async fn api_key(&self, key_id: &str) -> Result<Option<ApiKeyRow>, StoreError> {
        let key_id = key_id.to_owned();
        self.readers.read(move |connection| read::intake::api_key(connection, &key_id)).await
    }

    async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError> {
        self.readers.read(read::intake::api_keys).await
    }
}
