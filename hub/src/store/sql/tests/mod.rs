//! What an engine must do, row by row, for each engine: the same tests run on both.

use std::collections::BTreeMap;

use hub_core::command::{Command, CreateIntent};
use hub_core::decide::{create, decide};
use hub_core::event::Cause;
use hub_core::ids::{
    AttemptId, MerchantId, OrderId, PaymentIntentId, Scope, WebhookEndpointId, WebhookEventId,
};
use hub_core::order::Order;
use hub_core::payment::{AdapterPin, ConnectorProfile, PaymentIntent};
use hub_core::story::{Context, Decision};
use private_postgres::Cluster;
use processor_sdk::{
    AfterUnknown, Capabilities, CaptureMode, Currency, IdempotencyProfile, KeyCarrier, LookUp, Money,
    Timestamp,
};
use rusqlite::Connection;
use tempfile::TempDir;

use crate::store::postgres::{PostgresOptions, PostgresStore};
use crate::store::sqlite::{SqliteOptions, SqliteStore};
use crate::store::{
    Commit, Conflict, EndpointRow, IdempotencyRow, LeaseToken, Page, PublicEventRow, Store, StoreError,
    StoredAnswer, Write,
};
use crate::worker::job::{Job, JobBody};

mod audit;
mod deliveries;
mod guards;
mod history;
mod jobs;
pub(crate) mod lives;
mod reads;
mod schema;

/// The process whose leases the tests' leases are.
const REPLICA: &str = "r1";

fn lease(name: &str) -> LeaseToken {
    LeaseToken(format!("{REPLICA}.{name}"))
}

pub(in crate::store) const FIRST: Page = Page { after: None, limit: 100 };

/// Which engine a test runs on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

/// One test on both engines.
macro_rules! both {
    ($name:ident) => {
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(crate::store::sql::tests::Kind::Sqlite).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(crate::store::sql::tests::Kind::Postgres).await;
            }
        }
    };
}
use both;

/// A way to the tables beside the store, for looking and for breaking rules.
enum Database {
    Sqlite(TempDir),
    Postgres(String),
}

impl Database {
    /// Runs statements; the engine's words if it refuses one.
    async fn run(&self, sql: &str) -> Result<(), String> {
        match self {
            Self::Sqlite(directory) => {
                let connection = Connection::open(directory.path().join("hub.db")).unwrap();
                connection.pragma_update(None, "foreign_keys", 1).unwrap();
                connection.execute_batch(sql).map_err(|error| error.to_string())
            }
            Self::Postgres(url) => {
                let said = client(url).await.batch_execute(sql).await;
                said.map_err(|error| error.as_db_error().unwrap().message().to_owned())
            }
        }
    }

    /// The one number that a query gives.
    async fn count(&self, sql: &str) -> i64 {
        match self {
            Self::Sqlite(directory) => {
                let connection = Connection::open(directory.path().join("hub.db")).unwrap();
                connection.query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Self::Postgres(url) => client(url).await.query_one(sql, &[]).await.unwrap().get(0),
        }
    }

    /// The one text that a query gives.
    async fn text(&self, sql: &str) -> String {
        match self {
            Self::Sqlite(directory) => {
                let connection = Connection::open(directory.path().join("hub.db")).unwrap();
                connection.query_row(sql, [], |row| row.get(0)).unwrap()
            }
            Self::Postgres(url) => client(url).await.query_one(sql, &[]).await.unwrap().get(0),
        }
    }
}

async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, tokio_postgres::NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

async fn open(kind: Kind) -> (Database, Box<dyn Store>) {
    match kind {
        Kind::Sqlite => {
            let directory = tempfile::tempdir().unwrap();
            let options = SqliteOptions { readers: 2, ..SqliteOptions::default() };
            let store = SqliteStore::open(&directory.path().join("hub.db"), options).unwrap();
            (Database::Sqlite(directory), Box::new(store))
        }
        Kind::Postgres => {
            let url = tokio::task::spawn_blocking(|| Cluster::shared().database()).await.unwrap();
            let options = PostgresOptions { connections: 4, ..PostgresOptions::default() };
            let store = PostgresStore::connect(&url.parse().unwrap(), options).await.unwrap();
            (Database::Postgres(url), Box::new(store))
        }
    }
}

pub(in crate::store) fn at(seconds: i64) -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000 + seconds).unwrap()
}

pub(in crate::store) fn eur(minor: i64) -> Money {
    Money::new(minor, Currency::parse("EUR").unwrap()).unwrap()
}

/// A body that sorts by its number.
pub(in crate::store) fn body(number: u64) -> String {
    format!("{number:0>26}")
}

pub(in crate::store) fn scope() -> Scope {
    Scope { merchant_id: MerchantId::main(), livemode: false }
}

/// Scopes from which nothing of [`scope`] may be seen.
pub(in crate::store) fn strangers() -> [Scope; 2] {
    let other = MerchantId("other".to_owned());
    [Scope { merchant_id: MerchantId::main(), livemode: true }, Scope { merchant_id: other, livemode: false }]
}

pub(in crate::store) fn event_id(number: u64) -> WebhookEventId {
    WebhookEventId::from_body(&body(number))
}

pub(in crate::store) fn endpoint_id(number: u64) -> WebhookEndpointId {
    WebhookEndpointId::from_body(&body(number))
}

pub(in crate::store) fn commit(writes: Vec<Write>) -> Commit {
    Commit { writes }
}

/// Fresh ids that count up from the thousands of `number`.
pub(in crate::store) fn context<T>(number: u64, make: impl FnOnce(&mut Context<'_>) -> T) -> T {
    let mut next = number * 1_000;
    let mut fresh = || {
        next += 1;
        body(next)
    };
    make(&mut Context {
        now: at(0),
        cause: Cause::Timer,
        fresh: &mut fresh,
        policies: hub_core::policy::Policies::default(),
    })
}

pub(in crate::store) fn created(number: u64, order_reference: Option<&str>) -> Decision {
    created_in(scope(), number, order_reference)
}

fn created_in(scope: Scope, number: u64, order_reference: Option<&str>) -> Decision {
    let command = CreateIntent {
        scope,
        order_id: OrderId::from_body(&body(number)),
        order_reference: order_reference.map(str::to_owned),
        amount: eur(10_000),
        capture: CaptureMode::Manual,
        return_url: "https://shop.example/thanks".to_owned(),
        cancel_url: None,
        site: None,
        connector: None,
        metadata: BTreeMap::from([("course".to_owned(), "beekeeping".to_owned())]),
        checkout_token: format!("checkout-{number}"),
        expires_in_s: 86_400,
    };
    context(number, |context| create(command, context))
}

pub(in crate::store) fn order_of(payment: &PaymentIntent) -> Order {
    Order {
        id: payment.order_id.clone(),
        order_reference: payment.order_reference.clone(),
        description: Some("Keeping bees".to_owned()),
        amount: payment.amount,
        lines: vec![],
    }
}

/// What the service writes for a new payment, an event for the merchant and a stored answer included.
pub(in crate::store) fn create_writes(number: u64, order_reference: Option<&str>) -> Vec<Write> {
    let Decision { payment, events, .. } = created(number, order_reference);
    let answer = StoredAnswer { status: 201, body: vec![b'x'; 800], sealed: false };
    let expire = JobBody::Payment {
        scope: scope(),
        payment_id: payment.id.clone(),
        work: hub_core::schedule::Work::Expire,
    };
    vec![
        Write::InsertOrder { scope: scope(), order: order_of(&payment), created_at: at(0) },
        Write::InsertPersonalData {
            scope: scope(),
            order_id: payment.order_id.clone(),
            sealed: vec![7; 200],
        },
        Write::InsertPayment {
            payment: Box::new(payment.clone()),
            reference_guard: order_reference.map(str::to_owned),
        },
        Write::AppendEvents { scope: scope(), payment_id: payment.id.clone(), events },
        Write::InsertPublicEvent(public_event(number, &payment.id, 1, "payment_intent.created")),
        Write::PutJob { job: Job { body: expire, due_at: payment.expires_at }, holder: None },
        Write::InsertIdempotency(IdempotencyRow { answer, ..idempotency(&format!("key-{number}")) }),
    ]
}

pub(in crate::store) fn payment(number: u64) -> PaymentIntent {
    created(number, None).payment
}

pub(in crate::store) fn public_event(
    number: u64,
    payment_id: &PaymentIntentId,
    sequence: u64,
    kind: &str,
) -> PublicEventRow {
    PublicEventRow {
        scope: scope(),
        id: event_id(number),
        kind: kind.to_owned(),
        payment_id: payment_id.clone(),
        sequence,
        created_at: at(1),
        body: format!("{{\"id\":\"{}\",\"data\":\"{}\"}}", event_id(number), "x".repeat(800)),
    }
}

pub(in crate::store) fn idempotency(key: &str) -> IdempotencyRow {
    IdempotencyRow {
        scope: scope(),
        operation: "create_payment_intent",
        key: key.to_owned(),
        fingerprint: [9; 32],
        answer: StoredAnswer { status: 201, body: b"{}".to_vec(), sealed: false },
        created_at: at(0),
        provisional_until: None,
    }
}

pub(in crate::store) fn endpoint(number: u64, event_types: &[&str], enabled: bool) -> EndpointRow {
    EndpointRow {
        scope: scope(),
        id: endpoint_id(number),
        url: format!("https://shop.example/hooks/{number}"),
        description: None,
        event_types: event_types.iter().map(|&kind| kind.to_owned()).collect(),
        enabled,
        disabled_reason: None,
        sealed_secrets: vec![1, 2, 3],
        created_at: at(0),
    }
}

pub(in crate::store) fn profile() -> ConnectorProfile {
    ConnectorProfile {
        connector: "sandbox".to_owned(),
        adapter: AdapterPin { name: "sandbox".to_owned(), version: "1".to_owned(), content_hash: None },
        capabilities: Capabilities {
            manual_capture: true,
            partial_capture: true,
            multiple_captures: true,
            void: true,
            refund: true,
            partial_refund: true,
            multiple_refunds: true,
            complete_checkout: false,
            expire_checkout: false,
            fetch_payment: LookUp::ById,
            fetch_refund: LookUp::ById,
            fetch_dispute: LookUp::ById,
            silent_auto_capture: false,
            orphan_session_payable: false,
        },
        idempotency: IdempotencyProfile {
            carrier: KeyCarrier::Header { name: "idempotency-key".to_owned() },
            retention_s: 86_400,
            replays_errors: false,
            after_unknown: AfterUnknown::SameKey,
            absent_after_s: 60,
        },
    }
}

/// A payment with one attempt, as decided.
pub(in crate::store) fn started(payment: &PaymentIntent) -> Decision {
    let command = Command::StartAttempt {
        profile: Box::new(profile()),
        reason: "the only connector".to_owned(),
        return_token: format!("return-{}", payment.id),
    };
    let number = payment.id.body().parse::<u64>().unwrap() + 500;
    context(number, |context| decide(payment, &command, context)).unwrap()
}

/// A stored payment.
pub(in crate::store) async fn stored(store: &dyn Store, number: u64) -> PaymentIntent {
    store.commit(commit(create_writes(number, None))).await.unwrap();
    payment(number)
}

pub(in crate::store) fn attempt_id(payment: &PaymentIntent) -> AttemptId {
    payment.attempts[0].id.clone()
}

pub(in crate::store) fn conflict(conflict: Conflict) -> Result<(), StoreError> {
    Err(StoreError::Conflict(conflict))
}
