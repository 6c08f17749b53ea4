//! Waiting for a condition, with a deadline that only a broken hub reaches.

use std::future::Future;
use std::time::Duration;

/// Longest wait for any condition, in seconds: generous, because machines are busy.
pub(crate) const WAIT_S_MAX: u64 = 30;
const LOOK_AGAIN_MS: u64 = 10;

/// Probes until there is something; gives it.
pub(crate) async fn eventually<T, Probing>(what: &str, probe: impl Fn() -> Probing) -> T
where
    Probing: Future<Output = Option<T>>,
{
    let found = async {
        loop {
            if let Some(found) = probe().await {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(LOOK_AGAIN_MS)).await;
        }
    };
    let within = tokio::time::timeout(Duration::from_secs(WAIT_S_MAX), found).await;
    within.unwrap_or_else(|_| panic!("after {WAIT_S_MAX} s still not: {what}"))
}

/// The same for a condition that is looked at on this thread.
pub(crate) fn eventually_blocking(probe: impl Fn() -> bool) -> bool {
    let rounds = WAIT_S_MAX * 1_000 / LOOK_AGAIN_MS;
    for _ in 0..rounds {
        if probe() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(LOOK_AGAIN_MS));
    }
    probe()
}
