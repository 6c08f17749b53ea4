//! The seam to durable state: what may be written, always as one commit, and what may be read.
//!
//! A [`Commit`] is a value: every row that has to become durable together, each write with the guard that
//! must hold for it. An engine applies the whole of it or nothing, and answers only when it is durable.
//! Both engines keep the same tables and are asked the same questions ([`sql`]): [`sqlite`] in one file of this
//! machine, for one process; [`postgres`] for any number of them.
//!
//! Invariant: state, events, journal, jobs and the idempotent answer of one command are one [`Commit`].

use async_trait::async_trait;
use hub_core::attachment::Attachment;
use hub_core::chain::EventHash;
use hub_core::event::Recorded;
use hub_core::ids::{
    AttemptId, DeliveryId, OrderId, PaymentIntentId, Scope, WebhookEndpointId, WebhookEventId,
};
use hub_core::ledger::Journal;
use hub_core::order::Order;
use hub_core::payment::{PaymentIntent, Status};
use processor_sdk::{Reference, Timestamp};
use serde_json::Value;

use self::roots::{HistoryRoot, RootLeaf};
use crate::api_key::StoredApiKey;
use crate::key_scope::KeyScopes;
use crate::worker::job::{Job, JobBody};

pub mod copy;
pub mod look;
pub mod postgres;
pub mod roots;
pub mod sql;
pub mod sqlite;

/// Rows that become durable together.
#[derive(Clone, Debug, Default)]
pub struct Commit {
    /// Writes in order.
    pub writes: Vec<Write>,
}

/// One write with its guard.
#[derive(Clone, Debug)]
pub enum Write {
    /// A new order. Guard: the id is new.
    InsertOrder { scope: Scope, order: Order, created_at: Timestamp },
    /// Personal data of an order, sealed by the caller; never part of the history.
    InsertPersonalData { scope: Scope, order_id: OrderId, sealed: Vec<u8> },
    /// Takes an order's personal data away; fine when there is none.
    ErasePersonalData { scope: Scope, order_id: OrderId },
    /// Takes the content of every inbound delivery away that was about a payment, once it was read; what became
    /// of it stays.
    EraseInbox { scope: Scope, payment_id: PaymentIntentId },
    /// A new payment. Guards: the id is new; no open payment holds `reference_guard`
    /// ([`Conflict::OrderReference`]).
    InsertPayment { payment: Box<PaymentIntent>, reference_guard: Option<String> },
    /// A payment's next state. Guard: the stored version is `expected_version` ([`Conflict::Version`]).
    /// Releases the order reference when the status is an end.
    UpdatePayment { payment: Box<PaymentIntent>, expected_version: u64 },
    /// Events of a payment, gapless after the stored ones.
    AppendEvents { scope: Scope, payment_id: PaymentIntentId, events: Vec<Recorded> },
    /// A signed root, with what it covers, by payment. Guard: its number is new ([`Conflict::HistoryRoot`]).
    InsertHistoryRoot { root: HistoryRoot, leaves: Vec<RootLeaf> },
    /// One journal of a payment; the schema refuses one that does not balance.
    InsertJournal { scope: Scope, payment_id: PaymentIntentId, version: u64, at: Timestamp, journal: Journal },
    /// How an attempt is found: by its echo, its return token, and its references.
    IndexAttempt(AttemptIndex),
    /// Processor ids of an attempt; ones that are known stay as they are.
    IndexReferences {
        scope: Scope,
        connector: String,
        payment_id: PaymentIntentId,
        attempt_id: AttemptId,
        references: Vec<Reference>,
    },
    /// How a refund or dispute is found by its id.
    IndexTransfer {
        scope: Scope,
        kind: TransferKind,
        id: String,
        payment_id: PaymentIntentId,
        created_at: Timestamp,
    },
    /// The door of an attempt, sealed by the caller; replaces an older one.
    PutDoor { scope: Scope, attempt_id: AttemptId, sealed: Vec<u8>, expires_at: Option<Timestamp> },
    /// An event for the merchant, and a delivery with its job for every enabled endpoint of the scope that
    /// wants its type.
    InsertPublicEvent(PublicEventRow),
    /// A job, or its new time. A lease on it is ended if `holder` holds it, else kept.
    PutJob { job: Job, holder: Option<LeaseToken> },
    /// A job that is not wanted any more, whoever holds it.
    DropJob { key: String },
    /// A job that is done. Guard: `holder` still holds it ([`Conflict::LeaseLost`]).
    FinishJob { key: String, holder: LeaseToken },
    /// A job to be run again. Guard: `holder` still holds it ([`Conflict::LeaseLost`]).
    RescheduleJob { key: String, holder: LeaseToken, due_at: Timestamp },
    /// A job that was claimed and not begun: to be run again, as if it had not been claimed. Guard: `holder`
    /// still holds it ([`Conflict::LeaseLost`]).
    ReturnJob { key: String, holder: LeaseToken, due_at: Timestamp },
    /// The answer to an idempotency key. Guard: the key is new ([`Conflict::IdempotencyKey`]).
    InsertIdempotency(IdempotencyRow),
    /// The final answer in place of a provisional one. Guard: it is still provisional.
    FinishIdempotency { scope: Scope, operation: &'static str, key: String, answer: StoredAnswer },
    /// An inbound delivery, raw and sealed. Guard: its fingerprint is new ([`Conflict::SeenDelivery`]).
    InsertInbox(InboxRow),
    /// What became of an inbound delivery.
    SettleInbox { scope: Scope, id: DeliveryId, state: InboxState, note: String, at: Timestamp },
    /// That an inbound delivery is about a payment; known already is fine.
    LinkInbox { scope: Scope, id: DeliveryId, payment_id: PaymentIntentId },
    /// That a processor's event was taken. Guard: it is new ([`Conflict::SeenEvent`]).
    InsertSeenEvent {
        scope: Scope,
        connector: String,
        event_id: String,
        payment_id: PaymentIntentId,
        at: Timestamp,
    },
    /// One scrubbed exchange with a processor.
    InsertExchange {
        scope: Scope,
        payment_id: PaymentIntentId,
        attempt_id: AttemptId,
        operation: String,
        at: Timestamp,
        record: Value,
    },
    /// A new endpoint.
    InsertEndpoint(EndpointRow),
    /// An endpoint's new state. Guard: it exists ([`Conflict::NotFound`]).
    UpdateEndpoint(EndpointRow),
    /// An endpoint, with its undelivered deliveries and their jobs. Guard: it exists.
    DeleteEndpoint { scope: Scope, id: WebhookEndpointId },
    /// One try of a delivery to the merchant.
    RecordDeliveryTry {
        scope: Scope,
        event_id: WebhookEventId,
        endpoint_id: WebhookEndpointId,
        delivery_try: DeliveryTry,
    },
    /// A delivery wanted again, with its job: creates it if it is not there.
    RequeueDelivery {
        scope: Scope,
        event_id: WebhookEventId,
        endpoint_id: WebhookEndpointId,
        due_at: Timestamp,
    },
    /// A new API key.
    InsertApiKey(ApiKeyRow),
    /// A revoked API key. Guard: it exists.
    RevokeApiKey { key_id: String, at: Timestamp },
    /// An API key that ends, at the earliest of the times it was given. Guard: it exists.
    ExpireApiKey { key_id: String, at: Timestamp },
    /// The id of the key that sealed rows are sealed with; the first one stays.
    KeepSealingKeyId { key_id: String },
    /// Attempts that need their plugin file no longer, the `at_most` oldest of them.
    LetGoOfPlugin(LetGo),
}

/// Who holds a job; fences off a worker whose lease ran out. It begins with the name of the process and a dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct LeaseToken(pub String);

/// Refund or dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransferKind {
    /// `re_`
    Refund,
    /// `dp_`
    Dispute,
}

/// How an attempt is found.
#[derive(Clone, Debug)]
pub struct AttemptIndex {
    pub scope: Scope,
    pub payment_id: PaymentIntentId,
    pub attempt_id: AttemptId,
    pub connector: String,
    pub echo: String,
    pub return_token: String,
    /// SHA-256 of the plugin file that it is pinned to.
    pub plugin_sha256: Option<String>,
}

/// Attempts that are not pinned to a plugin file any more.
#[derive(Clone, Debug)]
pub struct LetGo {
    pub scope: Scope,
    pub plugin: PinnedPlugin,
    pub at_most: u32,
}

/// A plugin file that attempts of one connector are pinned to.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct PinnedPlugin {
    pub sha256: String,
    pub connector: String,
}

/// An event as the merchant sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct PublicEventRow {
    pub scope: Scope,
    pub id: WebhookEventId,
    pub kind: String,
    pub payment_id: PaymentIntentId,
    pub sequence: u64,
    pub created_at: Timestamp,
    /// The whole body as it is sent, byte for byte.
    pub body: String,
}

/// An answer as it was or will be given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredAnswer {
    pub status: u16,
    /// Body bytes; sealed by the caller when `sealed`.
    pub body: Vec<u8>,
    /// That the body carries a secret and is stored sealed.
    pub sealed: bool,
}

/// What was answered to an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdempotencyRow {
    pub scope: Scope,
    /// Which call: the key's meaning is per merchant and call.
    pub operation: &'static str,
    pub key: String,
    /// SHA-256 of path and body.
    pub fingerprint: [u8; 32],
    pub answer: StoredAnswer,
    pub created_at: Timestamp,
    /// Until then another answer may still take this one's place, and a repeat is "in progress".
    pub provisional_until: Option<Timestamp>,
}

/// An inbound delivery.
#[derive(Clone, Debug)]
pub struct InboxRow {
    pub scope: Scope,
    pub id: DeliveryId,
    pub connector: String,
    pub received_at: Timestamp,
    /// SHA-256 over URL, signature headers and body: the same signed bytes again are the same delivery. A hint has
    /// one of its own.
    pub fingerprint: [u8; 32],
    /// The whole delivery as JSON, sealed.
    pub sealed: Vec<u8>,
    pub state: InboxState,
}

/// What became of an inbound delivery.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InboxState {
    /// To be read.
    Received,
    /// Read and taken.
    Taken,
    /// Names no payment of ours (yet).
    Unmatched,
    /// Could not be read.
    Unreadable,
}

/// An inbound delivery that nobody could make anything of, without its content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrandedDelivery {
    pub id: DeliveryId,
    pub connector: String,
    pub received_at: Timestamp,
    pub state: InboxState,
    /// Why.
    pub note: String,
    /// When that was last found.
    pub tried_at: Option<Timestamp>,
}

/// Where events are sent.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointRow {
    pub scope: Scope,
    pub id: WebhookEndpointId,
    pub url: String,
    pub description: Option<String>,
    /// Types it wants; empty = all.
    pub event_types: Vec<String>,
    pub enabled: bool,
    /// Why it was disabled, when the hub did it.
    pub disabled_reason: Option<String>,
    /// Its signing secrets as a JSON list, newest first, sealed by the caller.
    pub sealed_secrets: Vec<u8>,
    pub created_at: Timestamp,
}

/// One try of a delivery to the merchant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryTry {
    pub at: Timestamp,
    /// HTTP status, when there was one.
    pub status: Option<u16>,
    /// Why it failed, in one line; absent when it was taken.
    pub failure: Option<String>,
    /// What the delivery is after this try.
    pub state: DeliveryState,
    /// When it is tried again.
    pub next_at: Option<Timestamp>,
}

/// Where a delivery to the merchant stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeliveryState {
    /// To be sent (again).
    Pending,
    /// Taken by the merchant.
    Delivered,
    /// Given up after the whole schedule, or the endpoint is gone. It can be resent.
    Failed,
}

/// A delivery to the merchant with its tries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MerchantDelivery {
    pub event_id: WebhookEventId,
    pub endpoint_id: WebhookEndpointId,
    pub kind: String,
    pub state: DeliveryState,
    pub tries: u32,
    pub next_at: Option<Timestamp>,
    pub last_try: Option<DeliveryTry>,
    pub created_at: Timestamp,
}

/// An API key as stored.
#[derive(Clone, Debug)]
pub struct ApiKeyRow {
    pub scope: Scope,
    pub key: StoredApiKey,
    pub name: String,
    /// What it may do.
    pub scopes: KeyScopes,
    pub created_at: Timestamp,
    /// From when on it opens nothing any more.
    pub expires_at: Option<Timestamp>,
    pub revoked_at: Option<Timestamp>,
}

/// Payments that still need a connector.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attached {
    /// Under way or in doubt.
    pub in_flight: u64,
    /// Paid, and could be given back.
    pub refundable: u64,
    /// One of them, those in flight first.
    pub example: Option<PaymentIntentId>,
}

impl Attached {
    /// One payment more.
    pub fn count(&mut self, how: Attachment, payment_id: PaymentIntentId) {
        match how {
            Attachment::InFlight => {
                if self.in_flight == 0 {
                    self.example = Some(payment_id);
                }
                self.in_flight += 1;
            }
            Attachment::Refundable => {
                self.refundable += 1;
                self.example.get_or_insert(payment_id);
            }
        }
    }
}

/// One line of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalLine {
    /// The event that it books.
    pub version: i64,
    pub at: Timestamp,
    pub memo: String,
    pub account: String,
    pub currency: String,
    /// Minor units.
    pub amount: i64,
}

/// One scrubbed exchange with a processor.
#[derive(Clone, Debug, PartialEq)]
pub struct StoredExchange {
    pub attempt_id: String,
    pub operation: String,
    pub at: Timestamp,
    pub record: Value,
}

/// A job as it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredJob {
    pub key: String,
    pub due_at: Timestamp,
    /// While somebody holds it.
    pub leased_until: Option<Timestamp>,
    pub tries: u32,
}

/// An event for the merchant, once for each endpoint that it goes to, or once without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDelivery {
    pub event_id: String,
    pub kind: String,
    pub sequence: i64,
    pub created_at: Timestamp,
    pub endpoint_id: Option<String>,
    pub state: Option<String>,
    pub tries: Option<u32>,
    pub next_at: Option<Timestamp>,
    pub last_at: Option<Timestamp>,
    pub last_status: Option<u16>,
    pub last_failure: Option<String>,
}

/// Everything that stands beside a payment's own state and history.
#[derive(Clone, Debug, Default)]
pub struct PaymentRecords {
    pub journal: Vec<JournalLine>,
    pub exchanges: Vec<StoredExchange>,
    pub jobs: Vec<StoredJob>,
    pub deliveries: Vec<StoredDelivery>,
}

/// How much waits, and how much was written, for the operator's eyes. Counts end at a limit of the engine's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoreFigures {
    /// Jobs that can be claimed now.
    pub jobs_due: u64,
    /// When the next job can be claimed, or could have been.
    pub next_due_at: Option<Timestamp>,
    /// Jobs that somebody holds.
    pub jobs_held: u64,
    /// Deliveries of processors that wait to be read.
    pub inbox_waiting: u64,
    /// Deliveries to the merchant that are still to be made.
    pub deliveries_pending: u64,
    /// Payments in quarantine.
    pub waiting_for_person: u64,
    /// Commits that this process was given, and the flushes that they shared.
    pub commits: u64,
    pub commit_batches: u64,
}

/// A guard that did not hold. Nothing of the commit was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// Somebody else changed the payment.
    #[error("the payment was changed by somebody else")]
    Version,
    /// An open payment has this order reference.
    #[error("an open payment has this order reference")]
    OrderReference,
    /// The idempotency key is taken.
    #[error("the idempotency key is taken")]
    IdempotencyKey,
    /// This very delivery is already in the inbox.
    #[error("the delivery is known")]
    SeenDelivery,
    /// The processor's event was already taken.
    #[error("the processor's event is known")]
    SeenEvent,
    /// The job's lease ran out and somebody else has it.
    #[error("the job's lease is lost")]
    LeaseLost,
    /// Another hub has signed a root with this number.
    #[error("the history's root with this number is signed")]
    HistoryRoot,
    /// What should be changed is not there.
    #[error("not found")]
    NotFound,
}

/// Why a commit did not happen, or may not have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// A guard did not hold; nothing was written.
    #[error("conflict: {0}")]
    Conflict(#[from] Conflict),
    /// Too many commits are waiting; nothing was written.
    #[error("the store is overloaded")]
    Overloaded,
    /// The engine cannot be reached, or cannot write now (disk full, read-only). It may be back by itself. Whether
    /// anything was written is not known; nothing may be answered as done.
    #[error("the store cannot be used just now: {0}")]
    Unavailable(String),
    /// The engine failed (corrupt, a broken rule of the schema). Nothing may be answered as done.
    #[error("the store failed: {0}")]
    Failed(String),
}

/// What a list of payments is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct PaymentFilter {
    pub status: Option<Status>,
    pub order_reference: Option<String>,
}

/// What a list of events is narrowed to.
#[derive(Clone, Debug, Default)]
pub struct EventFilter {
    pub kind: Option<String>,
    pub payment_id: Option<PaymentIntentId>,
}

/// A page of a list, newest first: items after the one called `after`, at most `limit`.
#[derive(Clone, Debug)]
pub struct Page {
    pub after: Option<String>,
    pub limit: u32,
}

/// A claimed job.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    pub key: String,
    pub body: JobBody,
    pub due_at: Timestamp,
    pub lease: LeaseToken,
    /// How many times it was claimed, this one included.
    pub tries: u32,
}

/// Durable state. Every method may wait; `commit` and `claim` return only when their writes are durable.
#[async_trait]
pub trait Store: Send + Sync {
    /// Writes everything or nothing.
    async fn commit(&self, commit: Commit) -> Result<(), StoreError>;
    /// Takes due jobs until `lease_until`, oldest first, with `lease` as their token. What an earlier claim took
    /// without anybody hearing of it comes first, with its own.
    async fn claim(
        &self,
        now: Timestamp,
        lease_until: Timestamp,
        lease: LeaseToken,
        limit: u32,
    ) -> Result<Vec<ClaimedJob>, StoreError>;
    /// Ends the leases of a process that is gone: those of this name, and every one where only one process can
    /// have the database. At the start of the next one of that name.
    async fn release_leases(&self, replica: &str) -> Result<u64, StoreError>;
    /// When the next job that nobody holds is due.
    async fn next_due(&self, now: Timestamp) -> Result<Option<Timestamp>, StoreError>;
    /// Whether it can be read and, as far as its last commit tells, written. After one that failed it writes
    /// something to find out.
    async fn check(&self) -> Result<(), StoreError>;
    /// Changes whenever something was committed by this process; for those who wait.
    fn changes(&self) -> tokio::sync::watch::Receiver<u64>;

    /// The id of the key that sealed rows are sealed with.
    async fn sealing_key_id(&self) -> Result<Option<String>, StoreError>;

    async fn payment(&self, scope: &Scope, id: &PaymentIntentId)
    -> Result<Option<PaymentIntent>, StoreError>;
    async fn payment_by_checkout_token(&self, token: &str) -> Result<Option<PaymentIntent>, StoreError>;
    /// The payment and attempt that a browser's return belongs to.
    async fn payment_by_return_token(
        &self,
        token: &str,
    ) -> Result<Option<(PaymentIntent, AttemptId)>, StoreError>;
    /// The payment that holds an order reference open.
    async fn open_payment_for(
        &self,
        scope: &Scope,
        order_reference: &str,
    ) -> Result<Option<PaymentIntentId>, StoreError>;
    /// The attempt that a processor's id or our echo names.
    async fn find_attempt(
        &self,
        scope: &Scope,
        connector: &str,
        echo: Option<&str>,
        reference_ids: &[String],
    ) -> Result<Option<(PaymentIntentId, AttemptId)>, StoreError>;
    /// Names of all connectors that attempts of this scope were ever made with, in order.
    async fn connectors_used(&self, scope: &Scope) -> Result<Vec<String>, StoreError>;
    /// What still needs a connector. Reads every payment that it ever had.
    async fn attached_to(
        &self,
        scope: &Scope,
        connector: &str,
        now: Timestamp,
    ) -> Result<Attached, StoreError>;
    /// The plugin files that attempts of this scope are pinned to and have not let go of.
    async fn plugins_pinned(&self, scope: &Scope) -> Result<Vec<PinnedPlugin>, StoreError>;
    /// What still needs a plugin file, counted up to `at_most`.
    async fn attached_to_plugin(
        &self,
        scope: &Scope,
        plugin: &PinnedPlugin,
        now: Timestamp,
        at_most: u64,
    ) -> Result<Attached, StoreError>;
    /// The payment that collects an order's amount.
    async fn payment_of_order(
        &self,
        scope: &Scope,
        id: &OrderId,
    ) -> Result<Option<PaymentIntent>, StoreError>;
    /// The payment of a refund or dispute.
    async fn payment_of_transfer(
        &self,
        scope: &Scope,
        kind: TransferKind,
        id: &str,
    ) -> Result<Option<PaymentIntentId>, StoreError>;
    async fn payments(
        &self,
        scope: &Scope,
        filter: &PaymentFilter,
        page: &Page,
    ) -> Result<Vec<PaymentIntent>, StoreError>;
    /// Ids of refunds or disputes with their payments, newest first.
    async fn transfers(
        &self,
        scope: &Scope,
        kind: TransferKind,
        page: &Page,
    ) -> Result<Vec<(String, PaymentIntentId)>, StoreError>;
    async fn history(&self, scope: &Scope, id: &PaymentIntentId) -> Result<Vec<Recorded>, StoreError>;
    /// The last events that no signed root covers yet, at most so many: by merchant, mode and payment.
    async fn unrooted(&self, at_most: u32) -> Result<Vec<(Scope, RootLeaf)>, StoreError>;
    /// Number and root of the last signed one.
    async fn last_history_root(&self, scope: &Scope) -> Result<Option<(u64, EventHash)>, StoreError>;
    /// What stands beside it; nothing when there is no such payment.
    async fn payment_records(
        &self,
        scope: &Scope,
        id: &PaymentIntentId,
    ) -> Result<PaymentRecords, StoreError>;
    async fn order(&self, scope: &Scope, id: &OrderId) -> Result<Option<(Order, Timestamp)>, StoreError>;
    async fn personal_data(&self, scope: &Scope, id: &OrderId) -> Result<Option<Vec<u8>>, StoreError>;
    async fn door(
        &self,
        scope: &Scope,
        id: &AttemptId,
    ) -> Result<Option<(Vec<u8>, Option<Timestamp>)>, StoreError>;
    async fn idempotency(
        &self,
        scope: &Scope,
        operation: &'static str,
        key: &str,
    ) -> Result<Option<IdempotencyRow>, StoreError>;
    async fn public_event(
        &self,
        scope: &Scope,
        id: &WebhookEventId,
    ) -> Result<Option<PublicEventRow>, StoreError>;
    async fn public_events(
        &self,
        scope: &Scope,
        filter: &EventFilter,
        page: &Page,
    ) -> Result<Vec<PublicEventRow>, StoreError>;
    async fn endpoint(
        &self,
        scope: &Scope,
        id: &WebhookEndpointId,
    ) -> Result<Option<EndpointRow>, StoreError>;
    async fn endpoints(&self, scope: &Scope, page: &Page) -> Result<Vec<EndpointRow>, StoreError>;
    async fn delivery(
        &self,
        scope: &Scope,
        event_id: &WebhookEventId,
        endpoint_id: &WebhookEndpointId,
    ) -> Result<Option<MerchantDelivery>, StoreError>;
    async fn deliveries(
        &self,
        scope: &Scope,
        endpoint_id: &WebhookEndpointId,
        page: &Page,
    ) -> Result<Vec<MerchantDelivery>, StoreError>;
    async fn inbox(&self, scope: &Scope, id: &DeliveryId) -> Result<Option<InboxRow>, StoreError>;
    /// The inbound deliveries that were about a payment, oldest first.
    async fn inbox_of_payment(
        &self,
        scope: &Scope,
        payment_id: &PaymentIntentId,
    ) -> Result<Vec<DeliveryId>, StoreError>;
    /// How many deliveries wait to be read, counted up to `at_most`.
    async fn inbox_waiting(&self, at_most: u64) -> Result<u64, StoreError>;
    /// How much waits.
    async fn figures(&self, now: Timestamp) -> Result<StoreFigures, StoreError>;
    /// Payments that wait for a person, newest first.
    async fn waiting_for_person(&self, scope: &Scope, page: &Page) -> Result<Vec<PaymentIntent>, StoreError>;
    /// Deliveries that match no payment, cannot be read, or are put off with a reason, newest first.
    async fn stranded(&self, scope: &Scope, page: &Page) -> Result<Vec<StrandedDelivery>, StoreError>;
    async fn api_key(&self, key_id: &str) -> Result<Option<ApiKeyRow>, StoreError>;
    async fn api_keys(&self) -> Result<Vec<ApiKeyRow>, StoreError>;
}
