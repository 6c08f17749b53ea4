//! Several hubs on one database.

use std::collections::BTreeSet;

use super::*;
use crate::store::postgres::migrate::{MIGRATIONS, Migration, migrate};
use crate::worker::job::{Job, JobBody};

fn due(number: u64) -> Write {
    let delivery_id = hub_core::ids::DeliveryId::from_body(&body(number));
    let job = Job { body: JobBody::TakeNotification { scope: scope(), delivery_id }, due_at: at(0) };
    Write::PutJob { job, holder: None }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_job_is_claimed_by_one_of_them() {
    const JOBS: u64 = 200;
    let url = new_database().await;
    let stores = [Arc::new(connect(&url).await), Arc::new(connect(&url).await)];
    stores[0].commit(commit((1..=JOBS).map(due).collect())).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..16 {
        let store = Arc::clone(&stores[number % 2]);
        tasks.spawn(async move {
            let mut keys = Vec::new();
            loop {
                let lease = LeaseToken(format!("r{}.{}", number % 2, keys.len()));
                let claimed = store.claim(at(1), at(60), lease, 3).await.unwrap();
                if claimed.is_empty() {
                    return keys;
                }
                keys.extend(claimed.into_iter().map(|claimed| claimed.key));
            }
        });
    }
    let mut all = Vec::new();
    while let Some(keys) = tasks.join_next().await {
        all.extend(keys.unwrap());
    }
    assert_eq!(all.len() as u64, JOBS, "each once");
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len() as u64, JOBS, "each");
    // One that is gone takes nothing from the other.
    let held = "SELECT count(*) FROM jobs WHERE lease_token LIKE 'r1.%'";
    let of_other = count(&url, held).await;
    stores[0].release_leases("r0").await.unwrap();
    assert_eq!(count(&url, held).await, of_other);
    assert_eq!(count(&url, "SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL").await, of_other);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_that_change_a_payment_one_does() {
    let url = new_database().await;
    let stores = [Arc::new(connect(&url).await), Arc::new(connect(&url).await)];
    for number in 1..=20 {
        let before = stored(&*stores[0], number).await;
        let mut tasks = tokio::task::JoinSet::new();
        for store in &stores {
            let (store, payment) = (Arc::clone(store), started(&before).payment);
            tasks.spawn(async move {
                let update =
                    Write::UpdatePayment { payment: Box::new(payment), expected_version: before_version() };
                store.commit(commit(vec![update])).await
            });
        }
        let mut answers = tasks.join_all().await;
        answers.sort_by_key(Result::is_err);
        assert_eq!(answers, [Ok(()), conflict(Conflict::Version)]);
    }
}

/// The version that a payment is stored with first.
fn before_version() -> u64 {
    payment(1).version
}

#[tokio::test]
async fn one_hears_of_what_the_other_did() {
    let url = new_database().await;
    let (here, there) = (connect(&url).await, connect(&url).await);
    let mut changes = here.changes();
    changes.borrow_and_update();
    let payment = stored(&there, 1).await;
    changes.changed().await.unwrap();
    assert_eq!(here.payment(&scope(), &payment.id).await.unwrap(), Some(payment));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_may_make_the_tables_at_once() {
    for _ in 0..3 {
        let url = new_database().await;
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let url = url.clone();
            tasks.spawn(async move { connect(&url).await });
        }
        assert_eq!(tasks.join_all().await.len(), 4);
    }
}

/// A step after the newest that this binary knows: a newer hub's, which counts what it finds.
fn with_a_newer_step() -> Vec<Migration> {
    let version = MIGRATIONS.last().unwrap().version + 1;
    let sql = "CREATE TABLE found AS SELECT count(*) AS payments FROM payments";
    let mut steps = MIGRATIONS.to_vec();
    steps.push(Migration { version, name: "newer", sql });
    steps
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_a_newer_hub_has_left_behind_writes_nothing() {
    let url = new_database().await;
    let (older, newer) = (Arc::new(connect(&url).await), connect(&url).await);
    older.commit(commit(vec![due(1_000)])).await.unwrap();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..4 {
        let older = Arc::clone(&older);
        tasks.spawn(async move {
            for number in (1 + worker..500).step_by(4) {
                let ended = older.commit(commit(create_writes(number, None))).await;
                if let Err(refused) = ended {
                    return refused.to_string();
                }
            }
            "it wrote on and on".to_owned()
        });
    }
    while count(&url, "SELECT count(*) FROM payments").await < 20 {
        tokio::task::yield_now().await;
    }
    let mut connection = newer.engine.pool.get().await.unwrap();
    migrate(&mut connection, &with_a_newer_step()).await.unwrap();
    let says = "a newer payhub has brought the database to schema version";
    for refused in tasks.join_all().await {
        assert!(refused.contains(says), "{refused}");
    }
    let found = count(&url, "SELECT payments FROM found").await;
    assert!(found >= 20);
    assert_eq!(count(&url, "SELECT count(*) FROM payments").await, found, "after the newer one had counted");
    let claimed = older.claim(at(1), at(60), LeaseToken("r0.1".to_owned()), 3).await;
    assert!(claimed.is_err_and(|error| error.to_string().contains(says)));
    assert_eq!(count(&url, "SELECT count(*) FROM jobs WHERE lease_token IS NOT NULL").await, 0);
    assert!(older.check().await.is_err_and(|error| error.to_string().contains(says)), "it is not ready");
}
