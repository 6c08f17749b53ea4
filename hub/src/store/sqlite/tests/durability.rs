//! Nothing is answered before it is on disk, and what is answered is there.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use futures_like::pending_after_polls;
use rusqlite::Connection;

use super::*;
use crate::store::sqlite::durable::{DurableStep, FlushedCommit};
use crate::store::sqlite::error::SqlError;

/// Polling without an executor's help, so that "still pending" is a fact and not a matter of waiting.
mod futures_like {
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};

    /// Polls each once; how many are still pending.
    pub(super) fn pending_after_polls<F: Future>(futures: &mut [Pin<Box<F>>]) -> usize {
        let mut context = Context::from_waker(Waker::noop());
        let ready = |poll: Poll<F::Output>| poll.is_ready();
        futures.iter_mut().filter(|future| !ready(future.as_mut().poll(&mut context))).count()
    }
}

/// A commit that says when it begins and waits to be let on.
struct Gate {
    reached: mpsc::Sender<()>,
    go_on: mpsc::Receiver<()>,
}

impl DurableStep for Gate {
    fn commit(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.reached.send(()).unwrap();
        // A test that is over lets everything through.
        let _ = self.go_on.recv();
        FlushedCommit.commit(connection)
    }
}

fn gated() -> (TempDir, SqliteStore, mpsc::Receiver<()>, mpsc::Sender<()>) {
    let (reached_sender, reached) = mpsc::channel();
    let (go_on, go_on_receiver) = mpsc::channel();
    let directory = tempfile::tempdir().unwrap();
    let gate = Gate { reached: reached_sender, go_on: go_on_receiver };
    let store = SqliteStore::open_with(&directory.path().join("hub.db"), options(), Box::new(gate)).unwrap();
    (directory, store, reached, go_on)
}

#[tokio::test]
async fn no_answer_leaves_before_its_flush() {
    let (directory, store, reached, go_on) = gated();
    let mut changes = store.changes();
    changes.mark_unchanged();
    let mut commits: Vec<_> = (1..=50).map(|number| store.commit(commit(create_writes(number, None)))).collect();
    assert_eq!(pending_after_polls(&mut commits), 50);

    // Group after group is held at its flush: its members must still be pending and unseen each time.
    let mut durable = 0;
    loop {
        reached.recv().unwrap();
        assert_eq!(pending_after_polls(&mut commits), 50 - durable, "answered before the flush");
        assert_eq!(count(&directory, "SELECT count(*) FROM payments"), durable as i64, "seen before the flush");
        let listed = store.payments(&scope(), &PaymentFilter::default(), &FIRST).await.unwrap();
        assert_eq!(listed.len(), durable, "seen before the flush");
        assert_eq!(changes.has_changed().unwrap(), durable > 0, "told before the flush");
        go_on.send(()).unwrap();
        // The next group begins only after the answers of this one are out.
        if durable + answered_next(&mut commits, &mut durable).await == 50 {
            break;
        }
    }
    assert_eq!(count(&directory, "SELECT count(*) FROM payments"), 50);
}
