//! The engine for several machines: one PostgreSQL database, any number of hubs on it.
//!
//! Nothing of what is promised rests on a session: no locks that live longer than a transaction, no
//! notifications, no sequences. A hub that lost its connection while committing asks again with the same
//! mark, and so learns whether it had been heard. What other hubs did is found by looking.
//!
//! Invariant: a commit is answered only after the server said that it is durable.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, RecyclingMethod, Runtime};
use tokio::sync::watch;

use self::address::{Address, AddressError};
use self::error::{Trouble, describe};
use self::patience::{Contact, Patience};
use self::session::{Session, pipelined};
use super::StoreError;
use super::sql::cell::{Cell, Row};
use super::sql::read::intake::NEXT_DUE;
use super::sql::{Engine, Query, SqlStore, Statement};
use crate::ids::{Randomness, SystemRandomness};

pub mod address;
mod cells;
mod commit;
mod dialect;
mod error;
mod migrate;
mod patience;
mod session;
pub(super) mod target;

#[cfg(test)]
mod tests;

/// What every connection is told first. A server may be set not to wait for its disk; this hub's commits do. What
/// a hub has given up, or left behind when it could not be reached any more, lets go of its rows while others
/// still wait for them.
const SETTINGS: &str = "
    SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off';
    SET default_transaction_isolation = 'read committed';
    SET client_min_messages = 'warning';
    SET lock_timeout = '3s';
    SET statement_timeout = '5s';
    SET idle_in_transaction_session_timeout = '5s'";

/// Ends the leases of one hub. A lease begins with its holder's name and a dot; `/` follows `.`.
pub const RELEASE_LEASES: &str = "UPDATE jobs SET leased_until = NULL, lease_token = NULL
    WHERE leased_until IS NOT NULL AND lease_token >= ?1 || '.' AND lease_token < ?1 || '/' RETURNING key";

/// The oldest server with everything that is used here.
const SERVER_VERSION_MIN: i64 = 130_000;

/// How a database is used.
#[derive(Clone, Copy, Debug)]
pub struct PostgresOptions {
    /// Connections at the same time.
    pub connections: usize,
    /// How long a commit or a read waits for one of them before the store is called overloaded.
    pub queue_wait: Duration,
    /// How long one try of a commit or a read may take ...
    pub try_time_max: Duration,
    /// ... and all of them, while the server restarts or another one takes its place.
    pub time_max: Duration,
    /// How often to look whether other hubs wrote something.
    pub look_every: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            connections: 16,
            queue_wait: Duration::from_secs(2),
            try_time_max: Duration::from_secs(4),
            time_max: Duration::from_secs(12),
            look_every: Duration::from_millis(250),
        }
    }
}

/// The store in a PostgreSQL database.
pub type PostgresStore = SqlStore<Postgres>;

/// One PostgreSQL database.
pub struct Postgres {
    pool: Pool,
    options: PostgresOptions,
    contact: Contact,
    announce: Arc<watch::Sender<u64>>,
    commits: Arc<AtomicU64>,
    is_failing: Arc<AtomicBool>,
}

/// Why a database is not used.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error(transparent)]
    Address(#[from] AddressError),
    #[error("cannot connect to the database at {address}: {why}")]
    Unreachable { address: String, why: String },
    #[error("PostgreSQL {} or newer is needed, this is {found}", SERVER_VERSION_MIN / 10_000)]
    OldServer { found: String },
    #[error(
        "the server's setting {name} is {found}, and with that a power cut can take back what was answered; \
         set it to on"
    )]
    Unsafe { name: &'static str, found: String },
    #[error("the database's encoding is {found}; make one with ENCODING 'UTF8'")]
    Encoding { found: String },
    #[error("the database has tables of another program; make one of its own for payhub")]
    NotOurs,
    #[error(
        "the database has schema version {database}, but this payhub knows only {binary}; \
         start the newer payhub, or restore a backup from before the upgrade"
    )]
    NewerDatabase { database: i64, binary: i64 },
    #[error(
        "schema version {version} ({name}) was applied to this database with other statements than this \
         payhub has; use the release that made the database"
    )]
    ChangedMigration { version: i64, name: &'static str },
    #[error("the database cannot be used: {0}")]
    Engine(String),
}

impl From<tokio_postgres::Error> for ConnectError {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Engine(describe(&error))
    }
}

impl PostgresStore {
    /// Connects to a database and brings its schema up to date.
    ///
    /// # Errors
    /// [`ConnectError`].
    pub async fn connect(address: &Address, options: PostgresOptions) -> Result<Self, ConnectError> {
        let pool = pool(address, options)?;
        let mut connection = connection(&pool, address).await?;
        check_server(&connection).await?;
        migrate::migrate(&mut connection, migrate::MIGRATIONS).await?;
        drop(connection);
        let engine = Postgres::on(pool, options);
        tokio::spawn(look_for_others(Arc::downgrade(&engine.announce), options.look_every));
        Ok(Self::over(engine))
    }

    /// A way to look at a database, whose schema stays as it is.
    pub(super) fn look_at(address: &Address) -> Result<Self, ConnectError> {
        let options = PostgresOptions { connections: 1, ..PostgresOptions::default() };
        Ok(Self::over(Postgres::on(pool(address, options)?, options)))
    }
}

/// The newest schema version that this binary knows.
pub(super) fn newest_schema_version() -> i64 {
    migrate::MIGRATIONS.last().map_or(0, |migration| migration.version)
}

/// The schema version of a database, 0 for one without tables. Changes nothing.
///
/// # Errors
/// [`ConnectError`].
pub async fn schema_version(address: &Address) -> Result<i64, ConnectError> {
    let pool = pool(address, PostgresOptions { connections: 1, ..PostgresOptions::default() })?;
    let connection = connection(&pool, address).await?;
    migrate::newest_version(&connection).await
}

async fn connection(pool: &Pool, address: &Address) -> Result<deadpool_postgres::Object, ConnectError> {
    let unreachable = |why| ConnectError::Unreachable { address: address.to_string(), why };
    pool.get().await.map_err(|error| unreachable(StoreError::from(Trouble::from(error)).to_string()))
}

fn pool(address: &Address, options: PostgresOptions) -> Result<Pool, ConnectError> {
    let settings = Hook::async_fn(|client: &mut deadpool_postgres::ClientWrapper, _| {
        Box::pin(async move { client.batch_execute(SETTINGS).await.map_err(HookError::Backend) })
    });
    let recycling = ManagerConfig { recycling_method: RecyclingMethod::Fast };
    let manager = match address.tls()? {
        Some(tls) => Manager::from_config(address.config(), tls, recycling),
        None => Manager::from_config(address.config(), tokio_postgres::NoTls, recycling),
    };
    Pool::builder(manager)
        .max_size(options.connections.max(1))
        .wait_timeout(Some(options.queue_wait))
        .create_timeout(Some(options.try_time_max))
        .post_create(settings)
        .runtime(Runtime::Tokio1)
        .build()
        .map_err(|error| ConnectError::Engine(error.to_string()))
}

/// Refuses a server that would not keep what it says.
async fn check_server(client: &deadpool_postgres::ClientWrapper) -> Result<(), ConnectError> {
    let setting = async |name: &str| -> Result<String, ConnectError> {
        Ok(client.query_one("SELECT current_setting($1)", &[&name]).await?.try_get(0)?)
    };
    let number = setting("server_version_num").await?;
    if number.parse().is_ok_and(|number: i64| number < SERVER_VERSION_MIN) {
        return Err(ConnectError::OldServer { found: setting("server_version").await? });
    }
    for name in ["fsync", "full_page_writes"] {
        let found = setting(name).await?;
        if found != "on" {
            return Err(ConnectError::Unsafe { name, found });
        }
    }
    let found = setting("server_encoding").await?;
    if found == "UTF8" { Ok(()) } else { Err(ConnectError::Encoding { found }) }
}

/// Wakes those who wait for changes, because another hub may have made them.
async fn look_for_others(announce: std::sync::Weak<watch::Sender<u64>>, every: Duration) {
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(announce) = announce.upgrade() else { return };
        announce.send_modify(|count| *count = count.wrapping_add(1));
    }
}

impl Postgres {
    fn on(pool: Pool, options: PostgresOptions) -> Self {
        let announce = Arc::new(watch::channel(0).0);
        let contact = Contact::default();
        Self { pool, options, contact, announce, commits: Arc::default(), is_failing: Arc::default() }
    }

    async fn write_within(&self, patience: Patience, statements: Vec<Statement>) -> Result<(), StoreError> {
        let pool = self.pool.clone();
        // Apart from the caller: whoever waits may go, the commit comes to its end all the same.
        let committing = tokio::spawn(async move {
            let mut mark = [0; 16];
            SystemRandomness.fill(&mut mark);
            commit::commit(&pool, patience, &statements, &hex::encode(mark)).await
        });
        let outcome =
            committing.await.unwrap_or_else(|_| Err(Trouble::Lasting("a commit was broken off".to_owned())));
        self.contact.note(&outcome);
        match &outcome {
            Ok(()) => {
                self.is_failing.store(false, Ordering::Relaxed);
                self.announce.send_modify(|count| *count = count.wrapping_add(1));
                let commits = self.commits.fetch_add(1, Ordering::Relaxed);
                if commits.is_multiple_of(commit::MARKS_KEPT_COMMITS) {
                    tokio::spawn(commit::delete_old_marks(self.pool.clone()));
                }
            }
            Err(Trouble::Conflict(_) | Trouble::Busy) => {}
            Err(
                Trouble::Passing(why) | Trouble::Unable(why) | Trouble::Collided(why) | Trouble::Lasting(why),
            ) => {
                self.is_failing.store(true, Ordering::Relaxed);
                tracing::error!("a commit failed: {why}");
            }
        }
        Ok(outcome?)
    }

    async fn read_within(
        &self,
        patience: Patience,
        queries: Vec<Query>,
    ) -> Result<Vec<Vec<Row>>, StoreError> {
        let outcome = loop {
            match patience.one_try(&self.pool, self.read_once(&queries)).await {
                Err(Trouble::Passing(why)) => {
                    if !patience.waits().await {
                        break Err(Trouble::Passing(why));
                    }
                }
                ended => break ended,
            }
        };
        self.contact.note(&outcome);
        Ok(outcome?)
    }

    /// Reads on a connection of its own; again on another one if that was lost.
    async fn read_once(&self, queries: &[Query]) -> Result<Vec<Vec<Row>>, Trouble> {
        let session = Session::open(&self.pool).await?;
        let all = queries.iter().map(|query| (query.sql, query.values.as_slice())).collect();
        let prepared = session.prepare(all).await?;
        let client = session.client()?;
        let is_several = prepared.len() > 1;
        if is_several {
            // So that all of them see one moment.
            client.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
        }
        let answers = pipelined(prepared.iter().map(|query| query.query(client)).collect()).await;
        let mut read = Vec::with_capacity(answers.len());
        for answer in answers {
            read.push(answer?.iter().map(row).collect::<Result<_, _>>()?);
        }
        if is_several {
            client.batch_execute("COMMIT").await?;
        }
        session.end();
        Ok(read)
    }
}

fn row(row: &tokio_postgres::Row) -> Result<Row, tokio_postgres::Error> {
    Ok(Row::new((0..row.len()).map(|column| row.try_get::<_, Cell>(column)).collect::<Result<_, _>>()?))
}

#[async_trait]
impl Engine for Postgres {
    /// Jobs that another hub is just taking are passed over.
    const CLAIM: &'static str = "UPDATE jobs SET leased_until = ?2, lease_token = ?3, tries = tries + 1
         WHERE key IN (SELECT key FROM jobs WHERE available_at <= ?1 ORDER BY available_at LIMIT ?4
             FOR UPDATE SKIP LOCKED)
         RETURNING key, body, due_at, tries";

    async fn write(&self, statements: Vec<Statement>) -> Result<(), StoreError> {
        self.write_within(self.contact.patience(self.options), statements).await
    }

    /// Not tried again when the connection is lost: what was taken by it is found by its token.
    async fn write_returning(&self, statement: Query) -> Result<Vec<Row>, StoreError> {
        let taking = commit::returning(&self.pool, &statement);
        Ok(Patience::once(self.options).one_try(&self.pool, taking).await?)
    }

    async fn read(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.read_within(self.contact.patience(self.options), queries).await
    }

    /// Those of this name alone: other hubs may be at work with theirs.
    async fn release_leases(&self, replica: &str) -> Result<u64, StoreError> {
        let values = vec![Cell::Text(replica.to_owned())];
        let released = self.write_returning(Query { sql: RELEASE_LEASES, values }).await?;
        u64::try_from(released.len())
            .map_err(|_| StoreError::Failed("more jobs than can be counted".to_owned()))
    }

    async fn check(&self) -> Result<(), StoreError> {
        // What is asked is how it is now.
        let now = Patience::once(self.options);
        self.read_within(now, vec![Query { sql: NEXT_DUE, values: vec![] }]).await?;
        now.one_try(&self.pool, commit::check_schema(&self.pool)).await?;
        if self.is_failing.load(Ordering::Relaxed) {
            // The mark alone.
            self.write_within(Patience::once(self.options), vec![]).await?;
        }
        Ok(())
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.announce.subscribe()
    }

    fn written(&self) -> (u64, u64) {
        let commits = self.commits.load(Ordering::Relaxed);
        (commits, commits)
    }
}
