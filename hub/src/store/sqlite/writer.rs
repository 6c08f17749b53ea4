//! The one writer: a thread that takes waiting commits in groups and makes each group durable at once.
//!
//! A flush to disk costs the same for one commit as for fifty, so whatever queued up during the last flush
//! shares the next. Within a group every commit has its own savepoint: a conflict takes back that commit
//! alone.
//!
//! Invariant: no answer leaves before the flush that its commit was part of. That holds for conflicts too,
//! because what they ran into may be another commit of the same group.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use hub_core::planted::Bug;
use rusqlite::Connection;
use tokio::sync::mpsc::error::SendTimeoutError;
use tokio::sync::{mpsc, oneshot, watch};

use super::durable::DurableStep;
use super::error::{SqlError, describe, failure};
use crate::planted::planted;
use crate::store::StoreError;

/// Most commits that share one flush. More would make the first of them wait for the work of the last.
const GROUP_MAX: usize = 128;

/// Groups that must become durable after one that failed. One small write may still fit on a full disk; so
/// many take up as much room as a large commit.
const GROUPS_TO_RECOVER: u32 = 32;

/// The handle to the writer's thread.
pub(super) struct Writer {
    /// Taken when the store is dropped, which ends the thread.
    queue: Option<mpsc::Sender<Box<dyn Task>>>,
    thread: Option<JoinHandle<()>>,
    queue_wait: Duration,
    changes: watch::Receiver<u64>,
    written: Arc<Written>,
    failing: Arc<AtomicU32>,
}

/// How much was written so far.
#[derive(Debug, Default)]
struct Written {
    commits: AtomicU64,
    batches: AtomicU64,
}

/// How much may wait for the writer.
#[derive(Clone, Copy, Debug)]
pub(super) struct QueueLimits {
    pub(super) commits_max: usize,
    pub(super) wait: Duration,
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(
        connection: Connection,
        durable: Box<dyn DurableStep>,
        limits: QueueLimits,
    ) -> std::io::Result<Self> {
        let (sender, queue) = mpsc::channel(limits.commits_max);
        let (announce, changes) = watch::channel(0);
        let written = Arc::<Written>::default();
        let failing = Arc::new(AtomicU32::new(0));
        let groups = Groups {
            connection,
            durable,
            queue,
            announce,
            written: Arc::clone(&written),
            failing: Arc::clone(&failing),
        };
        let thread = std::thread::Builder::new().name("store-writer".to_owned()).spawn(|| groups.run())?;
        Ok(Self {
            queue: Some(sender),
            thread: Some(thread),
            queue_wait: limits.wait,
            changes,
            written,
            failing,
        })
    }

    /// Changes whenever a group with changes became durable.
    pub(super) fn changes(&self) -> watch::Receiver<u64> {
        self.changes.clone()
    }

    /// Commits, and the flushes that they shared.
    pub(super) fn written(&self) -> (u64, u64) {
        (self.written.commits.load(Ordering::Relaxed), self.written.batches.load(Ordering::Relaxed))
    }

    /// True from a group that failed until enough of them are durable again.
    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed) > 0 || self.thread.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Writes something to find out whether that can be done; `run` must change the file.
    pub(super) async fn probe(
        &self,
        run: impl FnOnce(&Connection) -> Result<(), SqlError> + Send + 'static,
    ) -> Result<(), StoreError> {
        self.submit(run).await?;
        one_less(&self.failing);
        Ok(())
    }

    /// Lets the writer run something in its next transaction and waits until that is durable.
    pub(super) async fn submit<T, F>(&self, run: F) -> Result<T, StoreError>
    where
        T: Send + 'static,
        F: FnOnce(&Connection) -> Result<T, SqlError> + Send + 'static,
    {
        let stopped = || StoreError::Failed("the writer has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        let task = Box::new(Submitted { run: Some(run), value: None, reply });
        let queue = self.queue.as_ref().ok_or_else(stopped)?;
        match queue.send_timeout(task, self.queue_wait).await {
            Ok(()) => {}
            Err(SendTimeoutError::Timeout(_)) => return Err(StoreError::Overloaded),
            Err(SendTimeoutError::Closed(_)) => return Err(stopped()),
        }
        answer.await.unwrap_or_else(|_| Err(stopped()))
    }
}

fn one_less(failing: &AtomicU32) {
    // It fails at zero, which is where it should stay.
    let _at_zero = failing.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // Waited for, so that the directory's lock outlives the connection. A panic was reported by the
            // thread itself.
            let _ = thread.join();
        }
    }
}

/// Something to run in the writer's transaction, and somebody who waits for it.
trait Task: Send {
    /// Runs it. Called once.
    fn apply(&mut self, connection: &Connection) -> Result<(), SqlError>;
    /// Answers whoever waits.
    fn answer(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Submitted<T, F> {
    run: Option<F>,
    value: Option<T>,
    reply: oneshot::Sender<Result<T, StoreError>>,
}

impl<T, F> Task for Submitted<T, F>
where
    T: Send,
    F: FnOnce(&Connection) -> Result<T, SqlError> + Send,
{
    fn apply(&mut self, connection: &Connection) -> Result<(), SqlError> {
        let run = self.run.take().ok_or(SqlError::Broken("a commit was applied twice"))?;
        self.value = Some(run(connection)?);
        Ok(())
    }

    fn answer(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { value, reply, .. } = *self;
        let missing = || StoreError::Failed("a commit was not applied".to_owned());
        // Whoever waited may have gone; the commit stands all the same.
        let _ = reply.send(outcome.and_then(|()| value.ok_or_else(missing)));
    }
}

/// The thread's own side.
struct Groups {
    connection: Connection,
    durable: Box<dyn DurableStep>,
    queue: mpsc::Receiver<Box<dyn Task>>,
    announce: watch::Sender<u64>,
    written: Arc<Written>,
    failing: Arc<AtomicU32>,
}

impl Groups {
    /// Writes group after group until every handle is gone.
    fn run(mut self) {
        let mut group = Vec::with_capacity(GROUP_MAX);
        while self.queue.blocking_recv_many(&mut group, GROUP_MAX) > 0 {
            let changes_before = self.connection.total_changes();
            let outcomes = match self.write(&mut group) {
                Ok(outcomes) => {
                    let commits = u64::try_from(group.len()).unwrap_or(u64::MAX);
                    self.written.commits.fetch_add(commits, Ordering::Relaxed);
                    self.written.batches.fetch_add(1, Ordering::Relaxed);
                    // One that wrote nothing proves nothing.
                    if self.connection.total_changes() != changes_before {
                        one_less(&self.failing);
                        self.announce.send_modify(|count| *count = count.wrapping_add(1));
                    }
                    outcomes
                }
                Err(failure) => {
                    self.failing.store(GROUPS_TO_RECOVER, Ordering::Relaxed);
                    tracing::error!(commits = group.len(), "a group of commits failed: {failure}");
                    vec![Err(failure); group.len()]
                }
            };
            for (task, outcome) in group.drain(..).zip(outcomes) {
                task.answer(outcome);
            }
            if !self.connection.is_autocommit() {
                // A transaction that can be neither committed nor taken back: nothing written from here on
                // could be trusted.
                tracing::error!("the writer stops: its transaction cannot be rolled back");
                break;
            }
        }
    }

    /// One transaction. An error concerns the whole group: nothing of it is there.
    fn write(&mut self, group: &mut Vec<Box<dyn Task>>) -> Result<Vec<Result<(), StoreError>>, StoreError> {
        let connection = &self.connection;
        execute(connection, "BEGIN IMMEDIATE").map_err(SqlError::from)?;
        let mut outcomes = Vec::with_capacity(group.len());
        for task in group.iter_mut() {
            let outcome = apply_alone(connection, task.as_mut());
            if connection.is_autocommit() {
                // Some errors, such as a full disk, make the engine give up the whole transaction.
                return Err(match outcome {
                    Ok(()) => StoreError::Failed("the transaction ended early".to_owned()),
                    Err(error @ (StoreError::Unavailable(_) | StoreError::Failed(_))) => error,
                    Err(error @ (StoreError::Conflict(_) | StoreError::Overloaded)) => {
                        StoreError::Failed(error.to_string())
                    }
                });
            }
            outcomes.push(outcome);
        }
        if planted(Bug::AnswerBeforeCommit) {
            group.drain(..).zip(outcomes.drain(..)).for_each(|(task, outcome)| task.answer(outcome));
        }
        let committed = self.durable.commit(&self.connection);
        if let Err(error) = committed {
            roll_back(&self.connection);
            return Err(failure(&error));
        }
        if !self.connection.is_autocommit() {
            roll_back(&self.connection);
            return Err(StoreError::Failed("the transaction did not end".to_owned()));
        }
        Ok(outcomes)
    }
}

/// Applies one commit; takes back that one alone if it fails, and everything if even that cannot be done.
fn apply_alone(connection: &Connection, task: &mut dyn Task) -> Result<(), StoreError> {
    execute(connection, "SAVEPOINT one_commit").map_err(SqlError::from)?;
    // A panic must not take the other commits with it. What the task shares with us is the connection alone,
    // and the savepoint restores that.
    let outcome = match catch_unwind(AssertUnwindSafe(|| task.apply(connection))) {
        Ok(Ok(())) => execute(connection, "RELEASE one_commit").map_err(SqlError::from),
        Ok(Err(error)) => Err(error),
        Err(_) => Err(SqlError::Broken("writing the commit panicked")),
    };
    let Err(error) = outcome else { return Ok(()) };
    let undone = execute(connection, "ROLLBACK TO one_commit")
        .and_then(|()| execute(connection, "RELEASE one_commit"));
    if undone.is_err() {
        roll_back(connection);
    }
    Err(error.into())
}

fn roll_back(connection: &Connection) {
    if connection.is_autocommit() {
        return;
    }
    if let Err(error) = execute(connection, "ROLLBACK") {
        tracing::error!("a transaction could not be rolled back: {}", describe(&error));
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(|_| ())
}
