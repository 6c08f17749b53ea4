//! How long something is tried while the server does not answer.
//!
//! A server that restarts, or whose place another one takes, is waited for. One that has been away for as long
//! as that is not: until it answers again there is one try each time, so that whoever asks hears soon that he
//! must come again, and callers do not pile up.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use deadpool_postgres::Pool;
use tokio::time::{Instant, timeout_at};

use super::PostgresOptions;
use super::error::{Trouble, too_slow};

/// How long between two tries.
const PAUSE: Duration = Duration::from_millis(50);

/// Whether the server was there when it was last asked.
#[derive(Clone, Debug, Default)]
pub(super) struct Contact {
    is_lost: Arc<AtomicBool>,
}

/// The tries that something has, from now on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    try_time_max: Duration,
    last_try_until: Instant,
    no_try_after: Instant,
}

impl Contact {
    /// As many tries as there is time for, or one of a server that is away.
    pub(super) fn patience(&self, options: PostgresOptions) -> Patience {
        let is_lost = self.is_lost.load(Ordering::Relaxed);
        Patience::of(options, if is_lost { Duration::ZERO } else { options.time_max })
    }

    /// Remembers how it went.
    pub(super) fn note<T>(&self, outcome: &Result<T, Trouble>) {
        match outcome {
            Ok(_) | Err(Trouble::Conflict(_)) => self.is_lost.store(false, Ordering::Relaxed),
            Err(Trouble::Passing(_)) => self.is_lost.store(true, Ordering::Relaxed),
            Err(Trouble::Collided(_) | Trouble::Busy | Trouble::Unable(_) | Trouble::Lasting(_)) => {}
        }
    }
}

impl Patience {
    /// One try.
    pub(super) fn once(options: PostgresOptions) -> Self {
        Self::of(options, Duration::ZERO)
    }

    fn of(options: PostgresOptions, time_max: Duration) -> Self {
        let (now, try_time_max) = (Instant::now(), options.try_time_max);
        let last_try_until = now + time_max.max(try_time_max);
        Self { try_time_max, last_try_until, no_try_after: now + time_max }
    }

    /// Waits until it is time for another try; false when there is none.
    pub(super) async fn waits(&self) -> bool {
        let next = Instant::now() + PAUSE;
        if next >= self.no_try_after {
            return false;
        }
        tokio::time::sleep_until(next).await;
        true
    }

    /// One try. Where the server stays silent, those connections lead nowhere that were idle meanwhile: the next
    /// try has one of its own, and does not find out about each of them one after the other.
    pub(super) async fn one_try<T>(
        &self,
        pool: &Pool,
        work: impl Future<Output = Result<T, Trouble>>,
    ) -> Result<T, Trouble> {
        let began = Instant::now();
        let until = self.last_try_until.min(began + self.try_time_max);
        let Ok(outcome) = timeout_at(until, work).await else {
            let silence = began.elapsed();
            drop(pool.retain(|_, metrics| metrics.age() < silence));
            return Err(too_slow());
        };
        outcome
    }
}
