//! Lanes: how many jobs at once one neighbor of the hub may take up, a processor or a merchant's endpoint.
//!
//! Whoever is slow fills its own lane and holds up nobody else. A job that finds its lane full has not begun
//! and goes back to the store; such jobs come again one after the other, at the pace at which places were seen
//! to come free, so that a long queue costs little while a slow neighbor makes it wait, and none where the
//! neighbor is quick.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hub_core::retry::after;
use processor_sdk::Timestamp;

/// Jobs of one lane at once.
pub const LANE_PLACES_MAX: u32 = 32;
/// Time after which a job of a full lane comes again, in seconds.
const AGAIN_S: i64 = 1;
/// Longest time between two such jobs, in microseconds: a lane's places come free over one second.
const PACE_US_MAX: i64 = 1_000_000 / LANE_PLACES_MAX as i64;
/// Shortest such time, in microseconds; also as long as nothing was seen of a lane yet.
const PACE_US_MIN: i64 = 250;
/// How long a full lane is watched before its pace is judged, in microseconds.
const WATCH_US: i64 = 100_000;
/// Time after which what was seen says nothing any more, because the lane was not full meanwhile. Shorter than
/// the time for which jobs are sent away, in which it may have had nothing to do.
const WATCH_US_MAX: i64 = 250_000;

/// Every lane that has somebody in it or waiting.
#[derive(Default)]
pub struct Lanes {
    lanes: Mutex<HashMap<String, Lane>>,
}

#[derive(Default)]
struct Lane {
    taken: u32,
    /// When the last job that was sent back comes again.
    queue_end: Option<Timestamp>,
    /// Since when the lane has been watched, and how many places came free in that time.
    watched: Option<(Timestamp, i64)>,
    /// Time between two places that come free, as far as that was seen.
    pace_us: Option<i64>,
}

impl Lane {
    /// Somebody finds the lane full: judges how quickly its places come free.
    fn watch(&mut self, now: Timestamp) {
        let Some((since, freed)) = self.watched else {
            self.watched = Some((now, 0));
            return;
        };
        let watched_us = now.as_micros().saturating_sub(since.as_micros());
        if watched_us < WATCH_US {
            return;
        }
        if watched_us <= WATCH_US_MAX {
            let pace_us = watched_us.checked_div(freed).unwrap_or(PACE_US_MAX);
            self.pace_us = Some(pace_us.clamp(PACE_US_MIN, PACE_US_MAX));
        }
        self.watched = Some((now, 0));
    }
}

/// A place in a lane, given up when it is dropped.
pub struct Place {
    lanes: Arc<Lanes>,
    name: String,
}

impl Lanes {
    /// A place, or when to come again.
    ///
    /// # Errors
    /// The time, when the lane is full.
    pub fn enter(self: &Arc<Self>, name: &str, now: Timestamp) -> Result<Place, Timestamp> {
        let mut lanes = self.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let lane = lanes.entry(name.to_owned()).or_default();
        if lane.taken < LANE_PLACES_MAX {
            lane.taken += 1;
            return Ok(Place { lanes: Arc::clone(self), name: name.to_owned() });
        }
        lane.watch(now);
        let pace_us = lane.pace_us.unwrap_or(PACE_US_MIN);
        let soonest = after(now, AGAIN_S);
        let again = lane.queue_end.map_or(soonest, |end| end.saturating_add_micros(pace_us).max(soonest));
        lane.queue_end = Some(again);
        Err(again)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lane) = lanes.get_mut(&self.name) else { return };
        lane.taken -= 1;
        if let Some((_, freed)) = &mut lane.watched {
            *freed += 1;
        }
        // A lane with nobody in it has nobody to wait for.
        if lane.taken == 0 {
            lanes.remove(&self.name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(micros: i64) -> Timestamp {
        Timestamp::UNIX_EPOCH.saturating_add_micros(micros)
    }

    #[test]
    fn a_full_lane_sends_back_and_the_others_do_not_notice() {
        let lanes = Arc::new(Lanes::default());
        let mut places: Vec<_> =
            (0..LANE_PLACES_MAX).map(|_| lanes.enter("slow", at(0)).map_err(drop).unwrap()).collect();
        let second = 1_000_000;
        let (quick, slow) = (PACE_US_MIN, PACE_US_MAX);
        // (now, places that come free and are taken before, when to come again)
        for (now, freed, again) in [
            (0, 0, second),
            (0, 0, second + quick),
            (0, 0, second + 2 * quick),
            // It was watched, and nobody has left.
            (WATCH_US, 0, second + WATCH_US),
            (WATCH_US, 0, second + WATCH_US + slow),
            // Ten have left since.
            (2 * WATCH_US, 10, second + 2 * WATCH_US),
            (2 * WATCH_US, 0, second + 2 * WATCH_US + WATCH_US / 10),
            // More than any pace.
            (3 * WATCH_US, 10_000, second + 3 * WATCH_US),
            (3 * WATCH_US, 0, second + 3 * WATCH_US + quick),
            // Later than the queue: a second from now. So long ago, what was seen says nothing.
            (5 * second, 0, 6 * second),
            (5 * second, 0, 6 * second + quick),
        ] {
            for _ in 0..freed {
                places.pop();
                places.push(lanes.enter("slow", at(now)).map_err(drop).unwrap());
            }
            assert_eq!(lanes.enter("slow", at(now)).map(drop), Err(at(again)), "{now} {freed}");
        }
        assert!(lanes.enter("quick", at(0)).is_ok());
        places.pop();
        places.push(lanes.enter("slow", at(0)).map_err(drop).unwrap());
        assert!(lanes.enter("slow", at(0)).is_err());
        drop(places);
        assert!(lanes.lanes.lock().unwrap().is_empty(), "empty lanes are forgotten");
    }
}
