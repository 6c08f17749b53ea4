//! Jobs: who may hold one, and when.

use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use hub_core::ids::{DeliveryId, Scope};
use tokio::sync::watch;

use super::*;
use crate::store::sql::cell::Row;
use crate::store::sql::{Engine, Query, SqlStore, Statement};
use crate::store::sqlite::{Sqlite, SqliteOptions, SqliteStore};

fn job(number: u64, due_s: i64) -> Job {
    let delivery_id = DeliveryId::from_body(&body(number));
    Job { body: JobBody::TakeNotification { scope: scope(), delivery_id }, due_at: at(due_s) }
}

fn key(number: u64) -> String {
    job(number, 0).body.key()
}

fn put(number: u64, due_s: i64) -> Write {
    Write::PutJob { job: job(number, due_s), holder: None }
}

/// (number, due, tries) of what is claimed at a time under a lease of 60 seconds.
async fn claim(store: &dyn Store, now_s: i64, name: &str, limit: u32) -> Vec<(u64, i64, u32)> {
    let claimed = store.claim(at(now_s), at(now_s + 60), lease(name), limit).await.unwrap();
    claimed
        .into_iter()
        .map(|claimed| {
            assert_eq!(claimed.lease, lease(name));
            let number = claimed.key.rsplit('0').next().unwrap().parse().unwrap();
            assert_eq!((claimed.key, claimed.body), (key(number), job(number, 0).body));
            (number, (claimed.due_at.as_micros() - at(0).as_micros()) / 1_000_000, claimed.tries)
        })
        .collect()
}

both!(due_jobs_are_claimed_once_oldest_first);
async fn due_jobs_are_claimed_once_oldest_first(kind: Kind) {
    let (_database, store) = open(kind).await;
    store.commit(commit(vec![put(1, 30), put(2, 10), put(3, 20), put(4, 100), put(5, 10)])).await.unwrap();
    assert_eq!(claim(&*store, 9, "a", 10).await, []);
    assert_eq!(claim(&*store, 50, "a", 3).await, [(2, 10, 1), (5, 10, 1), (3, 20, 1)]);
    assert_eq!(claim(&*store, 50, "b", 10).await, [(1, 30, 1)]);
    assert_eq!(claim(&*store, 50, "c", 10).await, []);
    // At 110 every lease has run out, and the fourth is due.
    assert_eq!(claim(&*store, 109, "c", 10).await, [(4, 100, 1)]);
    assert_eq!(claim(&*store, 110, "d", 10).await, [(2, 10, 2), (5, 10, 2), (3, 20, 2), (1, 30, 2)]);
}

both!(next_due_is_when_something_can_be_claimed);
async fn next_due_is_when_something_can_be_claimed(kind: Kind) {
    let (_database, store) = open(kind).await;
    let next = |now_s| {
        let store = &store;
        async move {
            let due = store.next_due(at(now_s)).await.unwrap();
            due.map(|due| (due.as_micros() - at(0).as_micros()) / 1_000_000)
        }
    };
    assert_eq!(next(0).await, None);
    store.commit(commit(vec![put(1, 30), put(2, 10)])).await.unwrap();
    assert_eq!(next(0).await, Some(10));
    assert_eq!(claim(&*store, 10, "a", 10).await, [(2, 10, 1)]);
    assert_eq!(next(10).await, Some(30));
    assert_eq!(claim(&*store, 30, "b", 10).await, [(1, 30, 1)]);
    // Both are held; the first lease to run out makes work again.
    assert_eq!(next(30).await, Some(70));
    store.commit(commit(vec![put(2, 500)])).await.unwrap();
    assert_eq!(next(30).await, Some(90), "held, and wanted later than its lease ends");
    assert_eq!(store.release_leases(REPLICA).await, Ok(2));
    assert_eq!(store.release_leases(REPLICA).await, Ok(0));
    assert_eq!(next(30).await, Some(30));
    assert_eq!(claim(&*store, 30, "c", 10).await, [(1, 30, 2)]);
}

both!(only_the_holder_ends_or_moves_a_job);
async fn only_the_holder_ends_or_moves_a_job(kind: Kind) {
    let finish = |name: &str| Write::FinishJob { key: key(1), holder: lease(name) };
    let reschedule = |name: &str| Write::RescheduleJob { key: key(1), holder: lease(name), due_at: at(40) };
    let put = |holder: Option<&str>| Write::PutJob { job: job(1, 40), holder: holder.map(lease) };
    let lost = || conflict(Conflict::LeaseLost);
    // What is written while "b" holds the job, the answer, and what is claimed at 39, 40 and 200 after it.
    let rows: Vec<(Write, Result<(), StoreError>, [usize; 3])> = vec![
        (finish("b"), Ok(()), [0, 0, 0]),
        (finish("a"), lost(), [0, 0, 1]),
        (reschedule("b"), Ok(()), [0, 1, 1]),
        (reschedule("a"), lost(), [0, 0, 1]),
        (put(Some("b")), Ok(()), [0, 1, 1]),
        (put(Some("a")), Ok(()), [0, 0, 1]),
        (put(None), Ok(()), [0, 0, 1]),
        (Write::DropJob { key: key(1) }, Ok(()), [0, 0, 0]),
        (Write::DropJob { key: key(2) }, Ok(()), [0, 0, 1]),
    ];
    for (write, answer, expected) in rows {
        let (_database, store) = open(kind).await;
        store.commit(commit(vec![Write::PutJob { job: job(1, 0), holder: None }])).await.unwrap();
        assert_eq!(store.claim(at(0), at(5), lease("a"), 1).await.unwrap().len(), 1);
        assert_eq!(store.claim(at(5), at(65), lease("b"), 1).await.unwrap().len(), 1);
        assert_eq!(store.commit(commit(vec![write.clone()])).await, answer, "{write:?}");
        let mut claimed = Vec::new();
        for now_s in [39, 40, 200] {
            claimed.push(store.claim(at(now_s), at(now_s + 5), lease("c"), 9).await.unwrap().len());
        }
        assert_eq!(claimed, expected, "{write:?}");
    }
}

both!(a_job_that_is_given_back_was_never_claimed);
async fn a_job_that_is_given_back_was_never_claimed(kind: Kind) {
    let (_database, store) = open(kind).await;
    let give_back = |name: &str| Write::ReturnJob { key: key(1), holder: lease(name), due_at: at(40) };
    store.commit(commit(vec![put(1, 0)])).await.unwrap();
    assert_eq!(claim(&*store, 0, "a", 1).await, [(1, 0, 1)]);
    store.commit(commit(vec![give_back("a")])).await.unwrap();
    assert_eq!(claim(&*store, 39, "b", 1).await, []);
    assert_eq!(claim(&*store, 40, "b", 1).await, [(1, 40, 1)]);
    assert_eq!(store.commit(commit(vec![give_back("a")])).await, conflict(Conflict::LeaseLost));
}

both!(a_job_that_cannot_be_read_does_not_stop_the_others);
async fn a_job_that_cannot_be_read_does_not_stop_the_others(kind: Kind) {
    let (database, store) = open(kind).await;
    store.commit(commit(vec![put(1, 0), put(2, 0)])).await.unwrap();
    let broken = format!("UPDATE jobs SET body = '{{\"job\":\"of a newer hub\"}}' WHERE key = '{}'", key(1));
    database.run(&broken).await.unwrap();
    assert_eq!(claim(&*store, 0, "a", 10).await, [(2, 0, 1)]);
    assert_eq!(database.count("SELECT count(*) FROM jobs").await, 2, "it is still there");
}

both!(a_job_carries_whose_it_is);
async fn a_job_carries_whose_it_is(kind: Kind) {
    let (database, store) = open(kind).await;
    let live = Scope { livemode: true, ..scope() };
    let delivery_id = DeliveryId::from_body(&body(1));
    let job = Job { body: JobBody::TakeNotification { scope: live, delivery_id }, due_at: at(0) };
    store.commit(commit(vec![Write::PutJob { job, holder: None }])).await.unwrap();
    assert_eq!(
        database.count("SELECT count(*) FROM jobs WHERE merchant_id = 'main' AND livemode = 1").await,
        1
    );
}

/// An engine whose answers to claims are lost at times: they are carried out, and nobody hears of it.
struct LosesAnswers {
    engine: Sqlite,
    is_losing: AtomicBool,
}

#[async_trait]
impl Engine for LosesAnswers {
    const CLAIM: &'static str = Sqlite::CLAIM;

    async fn write(&self, statements: Vec<Statement>) -> Result<(), StoreError> {
        self.engine.write(statements).await
    }

    async fn write_returning(&self, statement: Query) -> Result<Vec<Row>, StoreError> {
        let rows = self.engine.write_returning(statement).await?;
        let is_lost = self.is_losing.load(Ordering::SeqCst);
        if is_lost { Err(StoreError::Unavailable("the answer was lost".to_owned())) } else { Ok(rows) }
    }

    async fn read(&self, queries: Vec<Query>) -> Result<Vec<Vec<Row>>, StoreError> {
        self.engine.read(queries).await
    }

    async fn release_leases(&self, replica: &str) -> Result<u64, StoreError> {
        self.engine.release_leases(replica).await
    }

    async fn check(&self) -> Result<(), StoreError> {
        self.engine.check().await
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.engine.changes()
    }

    fn written(&self) -> (u64, u64) {
        self.engine.written()
    }
}

#[tokio::test]
async fn what_was_claimed_without_an_answer_is_found_once() {
    let folder = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&folder.path().join("hub.sqlite"), SqliteOptions::default()).unwrap();
    let engine = LosesAnswers { engine: store.engine, is_losing: AtomicBool::new(true) };
    let store = SqlStore::over(engine);
    store.commit(commit(vec![put(1, 0), put(2, 0), put(3, 0), put(4, 200)])).await.unwrap();
    let take = async |now_s: i64, name: &str, limit: u32| {
        let claimed = store.claim(at(now_s), at(now_s + 60), lease(name), limit).await;
        claimed.map(|jobs| jobs.into_iter().map(|job| (job.key, job.lease.0, job.tries)).collect::<Vec<_>>())
    };
    let taken = |number: u64, name: &str, tries: u32| (key(number), lease(name).0, tries);
    assert!(take(10, "lost", 2).await.is_err());
    store.engine.is_losing.store(false, Ordering::SeqCst);
    let again = take(11, "next", 10).await.unwrap();
    assert_eq!(again, [taken(1, "lost", 1), taken(2, "lost", 1)], "at once, with the lease that holds them");
    assert_eq!(take(12, "later", 10).await.unwrap(), [taken(3, "later", 1)], "and never a second time");
    // Once its lease has run out it is anybody's, and nobody looks for it.
    store.engine.is_losing.store(true, Ordering::SeqCst);
    assert!(take(200, "forgotten", 1).await.is_err());
    store.engine.is_losing.store(false, Ordering::SeqCst);
    let (first, second) = (take(261, "fresh", 1).await.unwrap(), take(261, "fresh", 9).await.unwrap());
    assert_eq!(first.len() + second.len(), 4);
    assert!(first.iter().chain(&second).all(|(_, holder, _)| *holder == lease("fresh").0));
}
