//! Waiting for a condition, with a deadline that only a broken hub reaches.

use std::future::Future;
use std::time::Duration;

use crate::processes::setting;

/// Longest wait for any condition, in seconds: generous, because machines are busy.
const WAIT_S_MAX: u64 = 30;
/// The same with a mistake planted in the hub, which then often keeps what is waited for from coming about.
const WAIT_S_MAX_IN_VAIN: u64 = 8;
const LOOK_AGAIN_MS: u64 = 10;

/// Longest wait for any condition, in seconds.
pub(crate) fn wait_s_max() -> u64 {
    if setting("PAYHUB_PLANTED_BUG").is_some() { WAIT_S_MAX_IN_VAIN } else { WAIT_S_MAX }
}

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
    let wait_s = wait_s_max();
    let within = tokio::time::timeout(Duration::from_secs(wait_s), found).await;
    within.unwrap_or_else(|_| panic!("after {wait_s} s still not: {what}"))
}

/// The same for a condition that is looked at on this thread.
pub(crate) fn eventually_blocking(probe: impl Fn() -> bool) -> bool {
    let rounds = wait_s_max() * 1_000 / LOOK_AGAIN_MS;
    for _ in 0..rounds {
        if probe() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(LOOK_AGAIN_MS));
    }
    probe()
}
