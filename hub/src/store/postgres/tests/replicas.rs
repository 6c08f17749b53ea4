//! Several hubs on one database.

use std::collections::BTreeSet;

use super::*;
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
