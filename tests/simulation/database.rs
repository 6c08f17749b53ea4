//! One database server for all replicas, and each replica's way to it.
//!
//! The tables, rules and statements are the hub's own, run one transaction at a time. Around them stands what
//! the hub's PostgreSQL engine promises: a commit is tried again with its own mark until it is known how it
//! ended, so that it takes effect at most once; a claim is not tried again; a read is. How transactions
//! interleave inside a real server is not simulated here: other tests run against one.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, Weak};

use async_trait::async_trait;
use payhub::store::look::Look;
use payhub::store::postgres::RELEASE_LEASES;
use payhub::store::sql::cell::{Cell, Row};
use payhub::store::sql::{Engine, Query, Statement};
use payhub::store::sqlite::inline::{CLAIM, InlineSqlite};
use payhub::store::{Conflict, StoreError};
use tokio::sync::{oneshot, watch};

use super::network::{Host, Link, NoAnswer, micros};
use super::timeline::{MS, SECOND};
use super::world::{Mistake, World};

/// How long one try may take, and all of them.
const TRY_US_MAX: i64 = 4 * SECOND;
const ALL_US_MAX: i64 = 12 * SECOND;
/// Between two tries.
const PAUSE_US: i64 = 50 * MS;
/// How often a database that answers without writing does so.
const LIES_PERCENT: u64 = 5;
/// Within how long others see a commit by looking.
const SEEN_US_MAX: i64 = 250 * MS;

/// The server with its data, which outlive its crashes.
pub(crate) struct Server {
    world: Arc<World>,
    pub(crate) host: Arc<Host>,
    sqlite: InlineSqlite,
    /// Of commits that took effect: they are part of what is durable.
    marks: Mutex<BTreeSet<String>>,
    watching: Mutex<Vec<Weak<Watchers>>>,
    dice: Mutex<crate::processes::dice::Dice>,
}

impl Server {
    pub(crate) fn start(world: &Arc<World>) -> Arc<Self> {
        let host = Host::new(world, "database");
        host.up();
        Arc::new(Self {
            world: Arc::clone(world),
            host,
            sqlite: InlineSqlite::in_memory().expect("a database in memory"),
            marks: Mutex::default(),
            watching: Mutex::default(),
            dice: Mutex::new(world.dice("looks for others' commits")),
        })
    }

    fn commit(&self, mut statements: Vec<Statement>, mark: &str) -> Result<(), StoreError> {
        let mut marks = self.marks.lock().expect("no panic while held");
        if marks.contains(mark) {
            self.world.count("commits_repeated");
            return Ok(());
        }
        if self.world.makes(Mistake::AnswersWithoutWriting) && self.lies() {
            return Ok(());
        }
        if self.world.makes(Mistake::WritesWithoutGuards) {
            statements.iter_mut().for_each(|statement| statement.guard = None);
        }
        let values = statements.iter().flat_map(|statement| told(&statement.values)).collect::<Vec<_>>();
        let committed = self.sqlite.write(statements);
        self.world.note(&format!("commit {mark} {committed:?}"), &values);
        match &committed {
            Ok(()) => {
                if !self.world.makes(Mistake::CommitsWithoutMarks) {
                    marks.insert(mark.to_owned());
                }
                self.world.count("commits");
                self.announce();
            }
            Err(StoreError::Conflict(Conflict::Version)) => self.world.count("commits_of_the_second"),
            Err(StoreError::Conflict(_)) => self.world.count("commits_refused"),
            Err(StoreError::Overloaded | StoreError::Unavailable(_) | StoreError::Failed(_)) => {
                self.world.wrong(format!("the database itself failed: {committed:?}"));
            }
        }
        committed
    }

    fn lies(&self) -> bool {
        self.dice.lock().expect("no panic while held").chance(LIES_PERCENT)
    }

    /// Every replica sees before long that something was committed.
    fn announce(&self) {
        let mut watching = self.watching.lock().expect("no panic while held");
        watching.retain(|one| one.strong_count() > 0);
        for one in watching.iter() {
            let one = Weak::clone(one);
            let (timeline, us) = (Arc::clone(&self.world.timeline), {
                micros(&mut self.dice.lock().expect("no panic while held"), MS, SEEN_US_MAX)
            });
            self.host.spawn(async move {
                timeline.sleep(us).await;
                if let Some(one) = one.upgrade() {
                    one.tell();
                }
            });
        }
    }
}

/// Looks at the server itself, by nobody's way.
#[async_trait]
impl Look for Server {
    async fn look(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.sqlite.read(&queries)
    }
}

/// The values of a statement as bytes.
fn told(values: &[Cell]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for value in values {
        match value {
            Cell::Null => bytes.push(0),
            Cell::Integer(number) => bytes.extend(number.to_string().bytes()),
            Cell::Text(text) => bytes.extend(text.bytes()),
            Cell::Bytes(sealed) => bytes.extend(sealed),
        }
        bytes.push(b' ');
    }
    bytes
}

/// Those who wait for changes, in order. Each has a channel of its own: of several that wait at one, tokio
/// wakes them in an order that it draws by itself.
#[derive(Default)]
struct Watchers(Mutex<Vec<watch::Sender<u64>>>);

impl Watchers {
    fn subscribe(&self) -> watch::Receiver<u64> {
        let (sender, receiver) = watch::channel(0);
        self.0.lock().expect("no panic while held").push(sender);
        receiver
    }

    fn tell(&self) {
        let mut waiting = self.0.lock().expect("no panic while held");
        waiting.retain(|one| !one.is_closed());
        for one in waiting.iter() {
            one.send_modify(|count| *count = count.wrapping_add(1));
        }
    }
}

/// One replica's way to the server.
pub(crate) struct Remote {
    pub(crate) server: Arc<Server>,
    pub(crate) link: Arc<Link>,
    /// Where the replica runs: its commits in progress end with it.
    pub(crate) own: Arc<Host>,
    pub(crate) name: String,
    changes: Arc<Watchers>,
    commits: AtomicU64,
}

impl Remote {
    pub(crate) fn new(server: &Arc<Server>, link: &Arc<Link>, own: &Arc<Host>, name: &str) -> Self {
        let changes = Arc::<Watchers>::default();
        server.watching.lock().expect("no panic while held").push(Arc::downgrade(&changes));
        Self {
            server: Arc::clone(server),
            link: Arc::clone(link),
            own: Arc::clone(own),
            name: name.to_owned(),
            changes,
            commits: AtomicU64::new(0),
        }
    }

    fn failed(why: &NoAnswer) -> StoreError {
        StoreError::Unavailable(match why {
            NoAnswer::NotSent => "the database cannot be reached".to_owned(),
            NoAnswer::Perhaps(why) => format!("the database did not answer: {why}"),
        })
    }
}

/// Commits until it is known how that ended, or there is no time left.
async fn commit(
    (server, link): (Arc<Server>, Arc<Link>),
    statements: Vec<Statement>,
    mark: String,
) -> Result<(), StoreError> {
    let timeline = Arc::clone(&server.world.timeline);
    let deadline = timeline.now_us() + ALL_US_MAX;
    loop {
        let (there, statements, mark) = (Arc::clone(&server), statements.clone(), mark.clone());
        let work = async move { there.commit(statements, &mark) };
        let left = deadline - timeline.now_us();
        match link.call(&server.host, left.min(TRY_US_MAX), work).await {
            Ok(outcome) => return outcome,
            Err(_) if timeline.now_us() + PAUSE_US < deadline => {
                server.world.count("store_faults");
                timeline.sleep(PAUSE_US).await;
            }
            Err(why) => {
                server.world.count("commits_in_doubt");
                return Err(Remote::failed(&why));
            }
        }
    }
}

#[async_trait]
impl Engine for Remote {
    const CLAIM: &'static str = CLAIM;

    async fn write(&self, statements: Vec<Statement>) -> Result<(), StoreError> {
        let number = self.commits.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}.{number}", self.name);
        let (send, outcome) = oneshot::channel();
        let (way, changes) = ((Arc::clone(&self.server), Arc::clone(&self.link)), Arc::clone(&self.changes));
        // Apart from the caller: whoever waits may go, the commit comes to its end all the same.
        self.own.spawn(async move {
            let outcome = commit(way, statements, mark).await;
            if outcome.is_ok() {
                changes.tell();
            }
            let _gone = send.send(outcome);
        });
        outcome.await.unwrap_or_else(|_| Err(StoreError::Failed("a commit was broken off".to_owned())))
    }

    async fn write_returning(&self, statement: Query) -> Result<Vec<Row>, StoreError> {
        let server = Arc::clone(&self.server);
        let work = async move {
            let rows = server.sqlite.write_returning(&statement);
            if rows.as_ref().is_ok_and(|rows| !rows.is_empty()) {
                server.world.note("claim or release", &told(&statement.values));
            }
            rows
        };
        let called = self.link.call(&self.server.host, TRY_US_MAX, work).await;
        called.unwrap_or_else(|why| {
            self.server.world.count("store_faults");
            Err(Self::failed(&why))
        })
    }

    async fn read(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError> {
        let timeline = &self.server.world.timeline;
        let deadline = timeline.now_us() + ALL_US_MAX;
        loop {
            let (server, queries) = (Arc::clone(&self.server), queries.clone());
            let work = async move { server.sqlite.read(&queries) };
            let left = deadline - timeline.now_us();
            match self.link.call(&self.server.host, left.min(TRY_US_MAX), work).await {
                Ok(read) => return read,
                Err(_) if timeline.now_us() + PAUSE_US < deadline => timeline.sleep(PAUSE_US).await,
                Err(why) => return Err(Self::failed(&why)),
            }
        }
    }

    async fn release_leases(&self, replica: &str) -> Result<u64, StoreError> {
        let values = vec![Cell::Text(replica.to_owned())];
        let released = self.write_returning(Query { sql: RELEASE_LEASES, values }).await?;
        Ok(u64::try_from(released.len()).expect("a count"))
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.write(vec![]).await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    fn written(&self) -> (u64, u64) {
        let commits = self.commits.load(Ordering::Relaxed);
        (commits, commits)
    }
}
