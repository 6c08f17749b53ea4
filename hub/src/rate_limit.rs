//! How often something may happen: a steady rate with a burst, for each of many callers.
//!
//! The generic cell rate algorithm: all that is kept of a caller is the time at which everything it has asked
//! for would be done at the steady rate. A caller whose time has passed is as good as new and is forgotten.
//!
//! Invariants: memory is bounded, and callers for whom there is no place share one allowance, so that filling
//! the table opens nothing; a clock that is set back never costs anybody more than a full burst's wait.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};

use processor_sdk::Timestamp;

const US_PER_S: i64 = 1_000_000;
/// Shortest time between two looks for callers that can be forgotten, in microseconds.
const SWEEP_US: i64 = US_PER_S;

/// A steady rate with a burst.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Time that one request takes of the allowance, in microseconds.
    interval_us: i64,
    /// Time that may be taken ahead, in microseconds.
    burst_us: i64,
}

impl Rate {
    /// `count` in `period_s` seconds, `burst` at once; `None` for a count of 0, which means no limit.
    #[must_use]
    pub fn new(count: u32, period_s: u32, burst: u32) -> Option<Self> {
        let interval_us = (i64::from(period_s) * US_PER_S).checked_div(i64::from(count))?.max(1);
        Some(Self { interval_us, burst_us: interval_us.saturating_mul(i64::from(burst.max(1))) })
    }

    /// Moves a caller's time on by one more request, or says how long it has to wait.
    fn take(self, free_at_us: &mut i64, now_us: i64) -> Result<(), TooOften> {
        let limit_us = now_us.saturating_add(self.burst_us);
        // Never further ahead than a burst, whatever became of the clock.
        *free_at_us = (*free_at_us).clamp(now_us, limit_us);
        let next_us = free_at_us.saturating_add(self.interval_us);
        let wait_us = next_us.saturating_sub(limit_us);
        if wait_us <= 0 {
            *free_at_us = next_us;
            return Ok(());
        }
        Err(TooOften { retry_after_s: wait_us.unsigned_abs().div_ceil(US_PER_S.unsigned_abs()) })
    }
}

/// The allowance is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too often; again in {retry_after_s} s")]
pub struct TooOften {
    /// Whole seconds until one more will do, at least 1.
    pub retry_after_s: u64,
}

/// The allowances of many callers.
#[derive(Debug)]
pub struct RateLimiter<K> {
    rate: Option<Rate>,
    callers_max: usize,
    table: Mutex<Table<K>>,
}

#[derive(Debug)]
struct Table<K> {
    /// When everything a caller asked for would be done, in microseconds.
    free_at_us: HashMap<K, i64>,
    /// The same for all who found no place.
    others_free_at_us: i64,
    swept_at_us: i64,
}

impl<K: Eq + Hash + Clone> RateLimiter<K> {
    /// Allowances of this rate, or none without one. More callers than `callers_max` share.
    pub fn new(rate: Option<Rate>, callers_max: usize) -> Self {
        let table = Table { free_at_us: HashMap::new(), others_free_at_us: i64::MIN, swept_at_us: i64::MIN };
        Self { rate, callers_max, table: Mutex::new(table) }
    }

    /// Takes one from a caller's allowance. A refusal takes nothing.
    ///
    /// # Errors
    /// [`TooOften`].
    pub fn take(&self, caller: &K, now: Timestamp) -> Result<(), TooOften> {
        let Some(rate) = self.rate else { return Ok(()) };
        let now_us = now.as_micros();
        // What a panic could leave half done is one number.
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(free_at_us) = table.free_at_us.get_mut(caller) {
            return rate.take(free_at_us, now_us);
        }
        if table.free_at_us.len() >= self.callers_max {
            table.sweep(now_us);
        }
        if table.free_at_us.len() >= self.callers_max {
            return rate.take(&mut table.others_free_at_us, now_us);
        }
        let mut free_at_us = now_us;
        rate.take(&mut free_at_us, now_us)?;
        table.free_at_us.insert(caller.clone(), free_at_us);
        Ok(())
    }

    /// How many callers are remembered.
    #[cfg(test)]
    fn remembered(&self) -> usize {
        self.table.lock().unwrap_or_else(PoisonError::into_inner).free_at_us.len()
    }
}

impl<K: Eq + Hash> Table<K> {
    /// Forgets those who are as good as new; not again before a moment has passed, as it looks at everybody.
    fn sweep(&mut self, now_us: i64) {
        let since_us = now_us.saturating_sub(self.swept_at_us);
        if (0..SWEEP_US).contains(&since_us) {
            return;
        }
        self.swept_at_us = now_us;
        self.free_at_us.retain(|_, free_at_us| *free_at_us > now_us);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(milliseconds: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000 + milliseconds * 1_000)
    }

    /// Asks at each of these milliseconds; gives the seconds to wait, 0 for "yes".
    fn asked(limiter: &RateLimiter<u32>, caller: u32, times_ms: &[i64]) -> Vec<u64> {
        let ask = |time: &i64| limiter.take(&caller, at(*time)).map_or_else(|no| no.retry_after_s, |()| 0);
        times_ms.iter().map(ask).collect()
    }

    #[test]
    fn a_burst_then_the_steady_rate() {
        /// Count, period in seconds, burst; when is asked, in milliseconds, and what comes of it.
        type Row<'a> = (u32, u32, u32, &'a [i64], &'a [u64]);
        let rows: &[Row<'_>] = &[
            (1, 1, 1, &[0, 0, 999, 1_000, 1_001], &[0, 1, 1, 0, 1]),
            (1, 1, 3, &[0, 0, 0, 0, 1_000, 1_000], &[0, 0, 0, 1, 0, 1]),
            // Whoever rests has the whole burst again, and never more than that.
            (1, 1, 2, &[0, 0, 0, 3_600_000, 3_600_000, 3_600_000], &[0, 0, 1, 0, 0, 1]),
            (2, 1, 1, &[0, 499, 500, 1_000], &[0, 1, 0, 0]),
            (6, 60, 2, &[0, 0, 0, 9_999, 10_000], &[0, 0, 10, 1, 0]),
            // A refusal takes nothing, however often one asks.
            (1, 60, 1, &[0, 1, 2, 3, 4, 60_000], &[0, 60, 60, 60, 60, 0]),
            // A burst of none would allow nothing at all.
            (1, 1, 0, &[0, 0, 1_000], &[0, 1, 0]),
            // A clock set back by an hour: the wait is a burst's, not an hour's.
            (1, 1, 2, &[3_600_000, 3_600_000, 0, 1_000], &[0, 0, 1, 0]),
            // No limit.
            (0, 1, 1, &[0, 0, 0, 0], &[0, 0, 0, 0]),
        ];
        for (count, period_s, burst, times_ms, expected) in rows {
            let limiter = RateLimiter::new(Rate::new(*count, *period_s, *burst), 10);
            assert_eq!(asked(&limiter, 1, times_ms), *expected, "{count} in {period_s} s, burst {burst}");
        }
    }

    #[test]
    fn callers_do_not_disturb_each_other() {
        let limiter = RateLimiter::new(Rate::new(1, 1, 2), 10);
        assert_eq!(asked(&limiter, 1, &[0, 0, 0]), [0, 0, 1]);
        assert_eq!(asked(&limiter, 2, &[0, 0, 0]), [0, 0, 1]);
    }

    #[test]
    fn a_full_table_remembers_who_is_in_it_and_lets_the_others_share() {
        let limiter = RateLimiter::new(Rate::new(1, 1, 2), 3);
        for caller in 0..3 {
            assert_eq!(asked(&limiter, caller, &[0]), [0]);
        }
        let others: Vec<u64> = (3..1_000).flat_map(|caller| asked(&limiter, caller, &[0])).collect();
        assert_eq!(others.iter().filter(|wait| **wait == 0).count(), 2, "one burst for all of them");
        assert_eq!(limiter.remembered(), 3);
        assert_eq!(asked(&limiter, 0, &[0, 0]), [0, 1], "who has a place keeps it");
        // Once those in it are as good as new, there is place again.
        assert_eq!(asked(&limiter, 5_000, &[10_000, 10_000, 10_000]), [0, 0, 1]);
        assert_eq!(limiter.remembered(), 1);
    }
}
