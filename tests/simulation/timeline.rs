//! Simulated time on one thread: when nobody has anything left to do, the next sleeper wakes.
//!
//! The runtime says when it has run out of work; only then does time move, to the moment that somebody waits
//! for. Two that wait for the same moment wake in the order in which they lay down. A day costs no more than
//! what happens on it.
//!
//! Invariant: nothing here reads a clock of the machine, so the same wakings come in the same order.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use async_trait::async_trait;
use payhub::clock::Clock;
use processor_sdk::Timestamp;

/// When every simulation begins.
const BEGIN_US: i64 = 1_800_000_000_000_000;

pub(crate) const MS: i64 = 1_000;
pub(crate) const SECOND: i64 = 1_000 * MS;
pub(crate) const HOUR: i64 = 3_600 * SECOND;
pub(crate) const DAY: i64 = 24 * HOUR;

/// The one time that everybody lives in, in microseconds since 1970.
pub(crate) struct Timeline(Mutex<State>);

struct State {
    now_us: i64,
    lain_down: u64,
    sleepers: BTreeMap<(i64, u64), Waker>,
}

impl Timeline {
    pub(crate) fn new() -> Arc<Self> {
        let state = State { now_us: BEGIN_US, lain_down: 0, sleepers: BTreeMap::new() };
        Arc::new(Self(Mutex::new(state)))
    }

    pub(crate) fn now_us(&self) -> i64 {
        self.state().now_us
    }

    /// Since the beginning.
    pub(crate) fn passed_us(&self) -> i64 {
        self.now_us() - BEGIN_US
    }

    pub(crate) fn sleep(self: &Arc<Self>, us: i64) -> Sleep {
        self.sleep_until(self.now_us().saturating_add(us))
    }

    pub(crate) fn sleep_until(self: &Arc<Self>, at_us: i64) -> Sleep {
        Sleep { timeline: Arc::clone(self), at_us, place: None }
    }

    /// Time passes at once, as on a machine that was suspended: whoever should have woken meanwhile wakes now.
    pub(crate) fn jump_to(&self, at_us: i64) {
        let mut state = self.state();
        state.now_us = state.now_us.max(at_us);
    }

    /// Nobody has anything to do: on to the next sleeper.
    fn step(&self) {
        let mut state = self.state();
        let next = state.sleepers.pop_first();
        if let Some(((at_us, _), waker)) = next {
            state.now_us = state.now_us.max(at_us);
            drop(state);
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no panic while held")
    }
}

/// Waits for a moment.
pub(crate) struct Sleep {
    timeline: Arc<Timeline>,
    at_us: i64,
    place: Option<(i64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let timeline = Arc::clone(&self.timeline);
        let mut state = timeline.state();
        if state.now_us >= self.at_us {
            return Poll::Ready(());
        }
        let place = self.place.unwrap_or_else(|| {
            state.lain_down += 1;
            (self.at_us, state.lain_down)
        });
        self.place = Some(place);
        state.sleepers.insert(place, context.waker().clone());
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            self.timeline.state().sleepers.remove(&place);
        }
    }
}

/// What comes of the future, if it comes in time.
pub(crate) async fn within<T>(
    timeline: &Arc<Timeline>,
    us: i64,
    future: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        biased;
        value = future => Some(value),
        () = timeline.sleep(us) => None,
    }
}

/// Runs a future to its end on this thread, with everything that it spawns.
pub(crate) fn run<F: Future>(timeline: &Arc<Timeline>, future: F) -> F::Output {
    let stepping = Arc::clone(timeline);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .on_thread_park(move || stepping.step())
        .build()
        .expect("a runtime");
    runtime.block_on(future)
}

/// The clock on one machine's wall, which may be wrong by a little.
pub(crate) struct WallClock {
    pub(crate) timeline: Arc<Timeline>,
    pub(crate) skew_us: i64,
}

#[async_trait]
impl Clock for WallClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(self.timeline.now_us() + self.skew_us)
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        self.timeline.sleep_until(deadline.as_micros().saturating_sub(self.skew_us)).await;
    }
}

#[test]
fn a_day_is_lived_in_order_and_in_no_time() {
    let timeline = Timeline::new();
    let lived = Arc::new(Mutex::new(Vec::new()));
    let live = |name: &'static str, us| {
        let (timeline, lived) = (Arc::clone(&timeline), Arc::clone(&lived));
        async move {
            timeline.sleep(us).await;
            lived.lock().expect("no panic while held").push((name, timeline.passed_us()));
        }
    };
    run(&timeline, async {
        let tasks = [("third", DAY), ("first", SECOND), ("second", SECOND)]
            .map(|(name, us)| tokio::spawn(live(name, us)));
        assert_eq!(within(&timeline, MS, timeline.sleep(HOUR)).await, None, "the hour is dropped");
        for task in tasks {
            task.await.expect("a day");
        }
    });
    let expected = vec![("first", SECOND), ("second", SECOND), ("third", DAY)];
    assert_eq!(*lived.lock().expect("no panic while held"), expected);
}
