//! Commits per second, printed and not asserted: `cargo test -p payhub --release -- --nocapture speed`.

use std::sync::Arc;

use super::*;
use crate::clock::{Clock, SystemClock};

/// Commits per measurement: few in an ordinary test run, which only sees to it that this still works.
const COMMITS: u64 = if cfg!(debug_assertions) { 64 } else { 4_096 };

async fn commits_per_second(concurrency: u64) -> u64 {
    let (_directory, store) = open();
    let store = Arc::new(store);
    store.commit(commit(vec![Write::InsertEndpoint(endpoint(1, &[], true))])).await.unwrap();
    let began = SystemClock.now().as_micros();
    let mut tasks = tokio::task::JoinSet::new();
    for worker in 0..concurrency {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            for number in (1 + worker..=COMMITS).step_by(usize::try_from(concurrency).unwrap()) {
                store.commit(commit(create_writes(number, Some(&format!("order-{number}"))))).await.unwrap();
            }
        });
    }
    while let Some(done) = tasks.join_next().await {
        done.unwrap();
    }
    let micros = (SystemClock.now().as_micros() - began).max(1).unsigned_abs();
    COMMITS * 1_000_000 / micros
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn speed() {
    for concurrency in [1, 16, 64] {
        println!("{concurrency:>3} at a time: {:>6} commits/s", commits_per_second(concurrency).await);
    }
}
