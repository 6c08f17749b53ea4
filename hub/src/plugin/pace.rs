//! How runs share the processors: a short one computes undisturbed, a long one gives way to all others.
//!
//! Nobody knows beforehand whether a run will end, and one that spins in all of its plugin's places would take as many
//! processors as there are. A run of an honest plugin takes microseconds, in JavaScript a few milliseconds. So whatever
//! computes for longer is made to pause, and the more of such runs there are, the longer each of them pauses.
//!
//! Invariant: all long runs together compute for less than 1/[`PAUSE_SHARE`] of one processor's time, however many
//! there are and whoever has them run; and each run ends in its time all the same.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

/// How often running plugins are looked at, in milliseconds: the unit of all times here.
pub(super) const TICK_MS: u64 = 5;

/// How long a run computes before it counts as a long one, in milliseconds.
pub const UNDISTURBED_MS: u64 = 25;

/// How many ticks a long run pauses for each tick that it computes, for each long run there is.
pub const PAUSE_SHARE: u64 = 2;

/// The time of one sandbox, and how many long runs it has.
#[derive(Debug, Default)]
pub(super) struct Pace {
    ticks: AtomicU64,
    long_runs: AtomicUsize,
}

/// One run's own time.
#[derive(Debug)]
pub(super) struct Turn {
    pace: Arc<Pace>,
    ends_at: u64,
    is_long: bool,
}

impl Pace {
    /// Lets a tick pass.
    pub(super) fn tick(&self) {
        self.ticks.fetch_add(1, Ordering::Relaxed);
    }
}

impl Turn {
    /// The time of a run that begins now and may take so many milliseconds.
    pub(super) fn begin(pace: &Arc<Pace>, run_ms_max: u64) -> Self {
        let ends_at = pace.ticks.load(Ordering::Relaxed).saturating_add(ticks(run_ms_max));
        Self { pace: Arc::clone(pace), ends_at, is_long: false }
    }

    /// After how many ticks of a run that may take so many milliseconds [`Turn::pause`] is to be asked first.
    pub(super) fn first_ticks(run_ms_max: u64) -> u64 {
        ticks(run_ms_max.min(UNDISTURBED_MS))
    }

    /// For how long the run has to pause now, before it computes for another tick; `None` when its time is over.
    pub(super) fn pause(&mut self) -> Option<Duration> {
        let left = self.ends_at.saturating_sub(self.pace.ticks.load(Ordering::Relaxed));
        if left == 0 {
            return None;
        }
        if !self.is_long {
            self.is_long = true;
            self.pace.long_runs.fetch_add(1, Ordering::Relaxed);
        }
        let long_runs = u64::try_from(self.pace.long_runs.load(Ordering::Relaxed)).unwrap_or(u64::MAX);
        Some(Duration::from_millis(long_runs.saturating_mul(PAUSE_SHARE).min(left) * TICK_MS))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if self.is_long {
            self.pace.long_runs.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

fn ticks(milliseconds: u64) -> u64 {
    milliseconds.div_ceil(TICK_MS).max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paused_ticks(turn: &mut Turn) -> Option<u64> {
        turn.pause().map(|pause| u64::try_from(pause.as_millis()).unwrap() / TICK_MS)
    }

    #[test]
    fn long_runs_together_compute_for_less_than_their_share_and_end_in_time() {
        for count in [1, 2, 4, 32] {
            let pace = Arc::new(Pace::default());
            let run_ms_max = 10_000;
            let mut turns: Vec<_> = (0..count).map(|_| Turn::begin(&pace, run_ms_max)).collect();
            // When each of them computes again; all begin to be long at once, on as many processors.
            let first = Turn::first_ticks(run_ms_max);
            assert_eq!(first * TICK_MS, UNDISTURBED_MS);
            let mut awake_at = vec![first; turns.len()];
            let (mut computed, mut ended) = (0, 0);
            for now in 0..ticks(run_ms_max) + 2 {
                for (turn, awake_at) in turns.iter_mut().zip(&mut awake_at).filter(|(_, at)| **at == now) {
                    match paused_ticks(turn) {
                        None => ended += 1,
                        Some(pause) => {
                            computed += 1;
                            *awake_at = now + pause + 1;
                        }
                    }
                }
                pace.tick();
            }
            assert_eq!(ended, turns.len(), "{count} runs end a tick after their time at the latest");
            // The first pauses are shorter while not all of them are known to be long.
            let share = computed * PAUSE_SHARE;
            assert!(share < ticks(run_ms_max) + u64::try_from(2 * turns.len()).unwrap(), "{count}: {share}");
            drop(turns);
            assert_eq!(pace.long_runs.load(Ordering::Relaxed), 0);
        }
    }

    #[test]
    fn a_run_that_is_short_or_late_disturbs_nobody() {
        let pace = Arc::new(Pace::default());
        for (run_ms_max, first) in [(1, 1), (TICK_MS, 1), (TICK_MS + 1, 2), (UNDISTURBED_MS, 5), (10_000, 5)]
        {
            assert_eq!(Turn::first_ticks(run_ms_max), first, "{run_ms_max}");
        }
        let short = Turn::begin(&pace, 1_000);
        let mut late = Turn::begin(&pace, 2 * TICK_MS);
        assert_eq!(paused_ticks(&mut late), Some(2), "no longer than its time");
        let mut other = Turn::begin(&pace, 1_000);
        assert_eq!(paused_ticks(&mut other), Some(2 * PAUSE_SHARE));
        drop(short);
        pace.tick();
        pace.tick();
        assert_eq!(paused_ticks(&mut late), None);
        drop(late);
        assert_eq!(paused_ticks(&mut other), Some(PAUSE_SHARE), "the others take no more from it");
    }
}
