//! Nothing is answered before it is on disk, and what is answered is there.

use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::task::{Context as PollContext, Waker};
use std::time::Duration;

use hub_core::ids::DeliveryId;

use super::*;
use crate::store::PaymentFilter;
use crate::store::sqlite::durable::{DurableStep, FlushedCommit};
use crate::store::sqlite::error::SqlError;

/// A commit that says when it begins and waits to be let on.
struct Gate {
    reached: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

impl Gate {
    fn hold(&self) {
        // A test that is over lets everything through.
        let _over = self.reached.send(()).is_err() || self.go_on.recv().is_err();
    }
}

impl DurableStep for Gate {
    fn commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.hold();
        FlushedCommit.commit(connection)
    }

    fn keep_in(&mut self, directory: &Path) -> std::io::Result<()> {
        FlushedCommit.keep_in(directory)
    }
}

/// The sender is dropped before the store, so that a test that fails lets the writer go.
struct Gated {
    go_on: mpsc::Sender<()>,
    reached: mpsc::Receiver<()>,
    store: SqliteStore,
    directory: TempDir,
}

impl Gated {
    fn open(options: SqliteOptions) -> Self {
        Self::open_with(options, |gate| Box::new(gate))
    }

    fn open_with(options: SqliteOptions, step: impl FnOnce(Gate) -> Box<dyn DurableStep>) -> Self {
        let (reached_sender, reached) = mpsc::channel();
        let (go_on, go_on_receiver) = mpsc::channel();
        let directory = tempfile::tempdir().unwrap();
        let gate = Gate { reached: reached_sender, go_on: go_on_receiver };
        let path = directory.path().join("hub.db");
        let store = SqliteStore::open_with(&path, options, step(gate)).unwrap();
        Self { directory, store, reached, go_on }
    }
}

/// How many payments another program and the store's own readers see.
async fn payments_seen(directory: &TempDir, store: &SqliteStore) -> (i64, usize) {
    let page = store.payments(&scope(), &PaymentFilter::default(), &FIRST).await.unwrap();
    (count(directory, "SELECT count(*) FROM payments"), page.len())
}

type Waiting<'a> = Pin<Box<dyn Future<Output = Result<(), StoreError>> + Send + 'a>>;

/// A commit to be polled by hand: whether it was answered is then a fact and not a matter of waiting.
fn waiting(store: &SqliteStore, writes: Vec<Write>) -> Waiting<'_> {
    Box::pin(tokio::task::unconstrained(store.commit(commit(writes))))
}

fn pending(commits: &mut [Waiting<'_>]) -> usize {
    let mut context = PollContext::from_waker(Waker::noop());
    commits
        .iter_mut()
        .filter_map(|waiting| waiting.as_mut().poll(&mut context).is_pending().then_some(()))
        .count()
}

#[tokio::test]
async fn no_answer_leaves_before_its_flush() {
    let gated = Gated::open(options());
    let changes = gated.store.changes();
    // The first commit holds the writer at its flush, so that the fifty gather behind it.
    let mut first = [waiting(&gated.store, create_writes(1, None))];
    assert_eq!(pending(&mut first), 1);
    gated.reached.recv().unwrap();
    let mut fifty: Vec<_> =
        (2..=51).map(|number| waiting(&gated.store, create_writes(number, None))).collect();
    assert_eq!((pending(&mut first), pending(&mut fifty)), (1, 50));
    assert_eq!(payments_seen(&gated.directory, &gated.store).await, (0, 0), "seen before the flush");
    assert!(!changes.has_changed().unwrap(), "told before the flush");

    gated.go_on.send(()).unwrap();
    let [first] = first;
    first.await.unwrap();
    gated.reached.recv().unwrap();
    assert_eq!(pending(&mut fifty), 50, "answered before the flush");
    assert_eq!(payments_seen(&gated.directory, &gated.store).await, (1, 1), "seen before the flush");

    // Nothing is held from here on; every further flush would still be counted.
    drop(gated.go_on);
    for waiting in fifty {
        waiting.await.unwrap();
    }
    assert_eq!(payments_seen(&gated.directory, &gated.store).await, (51, 51));
    assert!(gated.reached.try_recv().is_err(), "fifty commits, one flush");
}

#[tokio::test]
async fn a_conflict_waits_for_the_flush_too() {
    let gated = Gated::open(options());
    let mut plug = [waiting(&gated.store, create_writes(1, None))];
    assert_eq!(pending(&mut plug), 1);
    gated.reached.recv().unwrap();
    let mut pair = [
        waiting(&gated.store, create_writes(2, Some("order-1"))),
        waiting(&gated.store, create_writes(3, Some("order-1"))),
    ];
    assert_eq!(pending(&mut pair), 2);
    gated.go_on.send(()).unwrap();
    gated.reached.recv().unwrap();
    // What the second ran into is not durable yet either.
    assert_eq!(pending(&mut pair), 2, "a conflict was told before the flush");
    drop(gated.go_on);
    let [first, second] = pair;
    assert_eq!((first.await, second.await), (Ok(()), conflict(Conflict::OrderReference)));
}

/// Fails as long as it is told to, after the statements and before anything is durable.
struct FailingCommit {
    fails: Arc<AtomicBool>,
    otherwise: Gate,
}

impl DurableStep for FailingCommit {
    fn commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.otherwise.hold();
        if self.fails.load(Ordering::SeqCst) {
            return Err(rusqlite::Error::SqliteFailure(
                rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC),
                Some("disk I/O error".to_owned()),
            ));
        }
        FlushedCommit.commit(connection)
    }

    fn keep_in(&mut self, directory: &Path) -> std::io::Result<()> {
        FlushedCommit.keep_in(directory)
    }
}

#[tokio::test]
async fn a_failed_flush_is_nobodys_success() {
    let fails = Arc::new(AtomicBool::new(true));
    let step_fails = Arc::clone(&fails);
    let gated =
        Gated::open_with(options(), |otherwise| Box::new(FailingCommit { fails: step_fails, otherwise }));
    // The sender is bound last, so that it is dropped first here too.
    let Gated { directory, store, reached, go_on } = gated;
    let changes = store.changes();

    let failed = Err(StoreError::Unavailable("SQLite error 1034: disk I/O error".to_owned()));
    // The first commit holds the writer at its flush, so that the others gather behind it in one group.
    let mut first = [waiting(&store, create_writes(1, Some("one")))];
    assert_eq!(pending(&mut first), 1);
    reached.recv().unwrap();
    let mut group: Vec<_> =
        (2..=20).map(|number| waiting(&store, create_writes(number, Some("one")))).collect();
    assert_eq!(pending(&mut group), 19);
    go_on.send(()).unwrap();
    let [first] = first;
    assert_eq!(first.await, failed);
    reached.recv().unwrap();
    assert_eq!(pending(&mut group), 19, "answered before the flush");
    drop(go_on);
    for waiting in group {
        // Those that would have conflicted with the first of their group as well: it is not there.
        assert_eq!(waiting.await, failed);
    }
    assert!(reached.try_recv().is_err(), "nineteen commits, one flush");
    let claimed = store.claim(at(90_000), at(90_060), crate::store::LeaseToken("a".to_owned()), 10).await;
    assert_eq!(claimed.map(|_| ()), failed);
    for table in ["orders", "payments", "payment_events", "jobs", "idempotency_keys", "open_order_references"]
    {
        assert_eq!(count(&directory, &format!("SELECT count(*) FROM {table}")), 0, "{table}");
    }
    assert!(!changes.has_changed().unwrap());

    fails.store(false, Ordering::SeqCst);
    store.commit(commit(create_writes(3, Some("one")))).await.unwrap();
    assert_eq!(count(&directory, "SELECT count(*) FROM payments"), 1);
    assert!(changes.has_changed().unwrap());
}

/// A step that says it has committed and has not.
struct Liar;

impl DurableStep for Liar {
    fn commit(&mut self, _connection: &Connection) -> rusqlite::Result<()> {
        Ok(())
    }

    fn keep_in(&mut self, directory: &Path) -> std::io::Result<()> {
        FlushedCommit.keep_in(directory)
    }
}

#[tokio::test]
async fn a_commit_that_did_not_end_is_no_success() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open_with(&directory.path().join("hub.db"), options(), Box::new(Liar)).unwrap();
    for number in [1, 2] {
        let answer = store.commit(commit(create_writes(number, None))).await;
        assert_eq!(answer, Err(StoreError::Failed("the transaction did not end".to_owned())));
    }
    assert_eq!(count(&directory, "SELECT count(*) FROM payments"), 0);
}

#[tokio::test]
async fn one_bad_commit_leaves_its_group_alone() {
    let gated = Gated::open(options());
    let mut plug = [waiting(&gated.store, create_writes(1, None))];
    assert_eq!(pending(&mut plug), 1);
    gated.reached.recv().unwrap();

    // All of these share the next flush.
    let panics = gated.store.engine.writer.submit(|connection: &Connection| -> Result<(), SqlError> {
        connection.execute("INSERT INTO seen_events VALUES ('main', 0, 'c', 'panicked', 'p', 0)", [])?;
        panic!("a mistake in the hub");
    });
    let unknown_order = vec![
        Write::InsertSeenEvent {
            scope: scope(),
            connector: "c".to_owned(),
            event_id: "broke a rule".to_owned(),
            payment_id: payment(1).id,
            at: at(0),
        },
        Write::InsertPayment { payment: Box::new(payment(4)), reference_guard: None },
    ];
    let mut group: Vec<Waiting<'_>> = vec![
        waiting(&gated.store, create_writes(2, Some("one"))),
        Box::pin(tokio::task::unconstrained(panics)),
        waiting(&gated.store, create_writes(3, Some("one"))),
        waiting(&gated.store, unknown_order),
        waiting(&gated.store, create_writes(5, Some("two"))),
    ];
    assert_eq!(pending(&mut group), 5);
    gated.go_on.send(()).unwrap();
    gated.reached.recv().unwrap();
    assert_eq!(pending(&mut group), 5);
    drop(gated.go_on);
    let mut answers = Vec::new();
    for waiting in group {
        answers.push(waiting.await);
    }
    assert_eq!(
        answers,
        [
            Ok(()),
            Err(StoreError::Failed("writing the commit panicked".to_owned())),
            conflict(Conflict::OrderReference),
            Err(StoreError::Failed("SQLite error 787: FOREIGN KEY constraint failed".to_owned())),
            Ok(()),
        ]
    );
    assert!(gated.reached.try_recv().is_err(), "one group, one flush");
    let [plug] = plug;
    plug.await.unwrap();
    assert_eq!(payments_seen(&gated.directory, &gated.store).await, (3, 3));
    assert_eq!(
        count(&gated.directory, "SELECT count(*) FROM seen_events"),
        0,
        "what a bad commit wrote is gone"
    );
    assert_eq!(count(&gated.directory, "SELECT count(*) FROM orders"), 3);
}

#[tokio::test]
async fn a_full_queue_makes_callers_wait_and_then_refuses() {
    for (queue_wait, fourth) in
        [(Duration::from_millis(1), Err(StoreError::Overloaded)), (Duration::from_secs(600), Ok(()))]
    {
        let gated = Gated::open(SqliteOptions { queued_commits_max: 2, queue_wait, ..options() });
        let mut plug = [waiting(&gated.store, create_writes(1, None))];
        assert_eq!(pending(&mut plug), 1);
        gated.reached.recv().unwrap();
        let mut queued = [2, 3].map(|number| waiting(&gated.store, create_writes(number, None)));
        assert_eq!(pending(&mut queued), 2);
        let mut last = waiting(&gated.store, create_writes(4, None));
        assert_eq!(pending(std::slice::from_mut(&mut last)), 1);
        // The writer is held, so no place can come free before the short wait is over.
        let early = if fourth.is_err() { Some(last.as_mut().await) } else { None };
        drop(gated.go_on);
        let answer = match early {
            Some(answer) => answer,
            None => last.await,
        };
        assert_eq!(answer, fourth);
        for waiting in plug.into_iter().chain(queued) {
            waiting.await.unwrap();
        }
        let written = if fourth.is_ok() { 4 } else { 3 };
        assert_eq!(count(&gated.directory, "SELECT count(*) FROM payments"), written);
    }
}

#[tokio::test]
async fn a_full_disk_fails_the_commit_and_not_the_store() {
    let (directory, store) = open();
    stored(&store, 1).await;
    let page_limit = |pages: &'static str| {
        store.engine.writer.submit(move |connection: &Connection| {
            connection.query_row(pages, [], |_| Ok(()))?;
            Ok(())
        })
    };
    page_limit("PRAGMA max_page_count = 1").await.unwrap();
    let big =
        Write::InsertPersonalData { scope: scope(), order_id: payment(2).order_id, sealed: vec![0; 1 << 20] };
    let mut writes = create_writes(2, None);
    writes[1] = big.clone();
    assert_eq!(
        store.commit(commit(writes.clone())).await,
        Err(StoreError::Unavailable("SQLite error 13: database or disk is full".to_owned()))
    );
    assert_eq!(count(&directory, "SELECT count(*) FROM orders"), 1);
    page_limit("PRAGMA max_page_count = 1000000").await.unwrap();
    store.commit(commit(writes)).await.unwrap();
    assert_eq!(count(&directory, "SELECT count(*) FROM orders"), 2);
}

#[tokio::test]
async fn a_commit_whose_caller_went_away_stands() {
    let gated = Gated::open(options());
    let mut gone = vec![waiting(&gated.store, create_writes(1, None))];
    assert_eq!(pending(&mut gone), 1);
    gated.reached.recv().unwrap();
    drop(gone);
    gated.go_on.send(()).unwrap();
    drop(gated.go_on);
    // The next answer comes after the first group's.
    stored(&gated.store, 2).await;
    assert_eq!(count(&gated.directory, "SELECT count(*) FROM payments"), 2);
}

#[tokio::test]
async fn only_what_changes_something_is_told() {
    let (_directory, store) = open();
    let mut changes = store.changes();
    let lease = || crate::store::LeaseToken("a".to_owned());
    assert!(store.claim(at(0), at(60), lease(), 10).await.unwrap().is_empty());
    assert!(store.inbox(&scope(), &DeliveryId::from_body(&body(1))).await.unwrap().is_none());
    // A worker that waits for changes and claims would otherwise never rest.
    assert!(!changes.has_changed().unwrap(), "an empty claim changes nothing");
    stored(&store, 1).await;
    assert!(changes.has_changed().unwrap());
    changes.mark_unchanged();
    assert_eq!(store.claim(at(90_000), at(90_060), lease(), 10).await.unwrap().len(), 1);
    assert!(changes.has_changed().unwrap());
}
