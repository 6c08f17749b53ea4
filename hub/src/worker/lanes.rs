//! Lanes: how many jobs at once one neighbor of the hub may take up, a processor or a merchant's endpoint.
//!
//! Whoever is slow fills its own lane and holds up nobody else. A job that finds its lane full has not begun
//! and goes back to the store; such jobs come again one after the other, at the pace at which the lane can
//! take them, so that a long queue costs little while it waits.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use hub_core::retry::after;
use processor_sdk::Timestamp;

/// Jobs of one lane at once.
pub const LANE_PLACES_MAX: u32 = 32;
/// Time after which a job of a full lane comes again, in seconds.
const AGAIN_S: i64 = 1;
/// Time between two such jobs, in microseconds: a lane's places come free over one second.
const PACE_US: i64 = 1_000_000 / LANE_PLACES_MAX as i64;

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
        let soonest = after(now, AGAIN_S);
        let again = lane.queue_end.map_or(soonest, |end| end.saturating_add_micros(PACE_US).max(soonest));
        lane.queue_end = Some(again);
        Err(again)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut lanes = self.lanes.lanes.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(lane) = lanes.get_mut(&self.name) else { return };
        lane.taken -= 1;
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
        for (now, again) in [
            (0, second),
            (0, second + PACE_US),
            (0, second + 2 * PACE_US),
            // Later than the queue: a second from now.
            (5 * second, 6 * second),
            (5 * second, 6 * second + PACE_US),
        ] {
            assert_eq!(lanes.enter("slow", at(now)).map(drop), Err(at(again)), "{now}");
        }
        assert!(lanes.enter("quick", at(0)).is_ok());
        places.pop();
        places.push(lanes.enter("slow", at(0)).map_err(drop).unwrap());
        assert!(lanes.enter("slow", at(0)).is_err());
        drop(places);
        assert!(lanes.lanes.lock().unwrap().is_empty(), "empty lanes are forgotten");
    }
}
