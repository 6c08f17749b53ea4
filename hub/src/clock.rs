//! The clock seam: the only file that asks the machine what time it is.
//!
//! Rules, jobs and tests take `now` as an argument; whoever drives them holds a [`Clock`]. The running
//! hub uses [`SystemClock`]; tests and the simulation use [`ManualClock`], where time passes only when
//! somebody says so. That makes "thirty minutes later" a line in a test instead of a wait.
//!
//! Invariant: `sleep_until(t)` returns only when `now() >= t`.

use std::time::Duration;

use async_trait::async_trait;
use processor_sdk::Timestamp;
use tokio::sync::watch;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// The longest single wait on the machine's timer, in seconds. The timer does not notice when an
/// operator or NTP sets the wall clock, so long sleeps are taken in slices and compared anew.
const SLEEP_SLICE_S_MAX: u64 = 30;

/// What tells the time and waits for it.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;

    /// Returns once `now() >= deadline`; at once for a deadline in the past.
    async fn sleep_until(&self, deadline: Timestamp);
}

/// The wall clock of the machine.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this file is the clock seam")]
    fn now(&self) -> Timestamp {
        let micros = match std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            // A machine whose clock stands before 1970 still gets an orderly answer.
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(i64::MIN, |micros| -micros),
        };
        Timestamp::from_micros(micros)
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        loop {
            let remaining_micros = deadline.as_micros().saturating_sub(self.now().as_micros());
            let Ok(remaining_micros @ 1..) = u64::try_from(remaining_micros) else { return };
            let slice = Duration::from_micros(remaining_micros).min(Duration::from_secs(SLEEP_SLICE_S_MAX));
            tokio::time::sleep(slice).await;
        }
    }
}

/// A clock that stands still until it is told to move.
#[derive(Debug)]
pub struct ManualClock {
    now: watch::Sender<Timestamp>,
}

impl ManualClock {
    pub fn starting_at(start: Timestamp) -> Self {
        Self { now: watch::Sender::new(start) }
    }

    /// Lets whole seconds pass and wakes every sleeper whose time has come.
    pub fn advance(&self, seconds: u32) {
        self.advance_micros(i64::from(seconds).saturating_mul(MICROS_PER_SECOND));
    }

    /// Moves to `to` and wakes sleepers. Time never runs backwards: an earlier `to` changes nothing.
    pub fn advance_to(&self, to: Timestamp) {
        self.now.send_if_modified(|now| {
            let forward = to > *now;
            *now = to.max(*now);
            forward
        });
    }

    fn advance_micros(&self, micros: i64) {
        // One step under the lock, so that two callers' steps add up.
        self.now.send_modify(|now| *now = now.saturating_add_micros(micros));
    }

    /// How many callers wait in `sleep_until`; a simulation moves on once everybody sleeps.
    pub fn sleeper_count(&self) -> usize {
        self.now.receiver_count()
    }
}

#[async_trait]
impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        *self.now.borrow()
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        let mut time = self.now.subscribe();
        // The channel cannot close while `self`, which owns the sender, is borrowed here.
        let _ = time.wait_for(|now| *now >= deadline).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    const START: Timestamp = Timestamp::from_micros(1_800_000_000_000_000);

    fn after(seconds: i64) -> Timestamp {
        START.saturating_add_micros(seconds * MICROS_PER_SECOND)
    }

    #[tokio::test]
    async fn sleepers_wake_exactly_when_their_time_has_come() {
        let clock = Arc::new(ManualClock::starting_at(START));
        let sleeper = |deadline| {
            let clock = Arc::clone(&clock);
            tokio::spawn(async move {
                clock.sleep_until(deadline).await;
                clock.now()
            })
        };
        let (early, late) = (sleeper(after(5)), sleeper(after(60)));
        while clock.sleeper_count() < 2 {
            tokio::task::yield_now().await;
        }
        clock.advance(4);
        tokio::task::yield_now().await;
        assert!(!early.is_finished());
        clock.advance(1);
        assert_eq!(early.await.unwrap(), after(5));
        assert!(!late.is_finished());
        clock.advance(3600);
        assert_eq!(late.await.unwrap(), after(3605));
    }

    #[tokio::test]
    async fn a_past_deadline_does_not_wait() {
        let clock = ManualClock::starting_at(START);
        clock.sleep_until(START).await;
        clock.sleep_until(after(-1)).await;
        SystemClock.sleep_until(START.min(Timestamp::from_micros(0))).await;
    }

    #[test]
    fn manual_time_never_runs_backwards() {
        let clock = ManualClock::starting_at(START);
        clock.advance_to(after(-10));
        assert_eq!(clock.now(), START);
        clock.advance_to(after(10));
        assert_eq!(clock.now(), after(10));
    }

    #[tokio::test]
    async fn the_system_clock_keeps_the_invariant() {
        let deadline = SystemClock.now().saturating_add_micros(2_000);
        SystemClock.sleep_until(deadline).await;
        assert!(SystemClock.now() >= deadline);
        // Any machine that runs this was set after 2020.
        assert!(SystemClock.now().as_unix_seconds() > 1_577_836_800);
    }
}
