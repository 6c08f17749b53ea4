//! Simulated machines and the network between them.
//!
//! A call arrives late, or never; its answer is late, or lost. Whoever called learns no more than a real one
//! would: that certainly nothing has left, or that it may have. Work at the far side goes on when the caller is
//! gone, and ends when the far machine does.

use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::timeline::{MS, SECOND, within};
use super::world::World;
use crate::processes::dice::Dice;

/// What runs on one machine, until it stops.
pub(crate) struct Host {
    world: Arc<World>,
    pub(crate) name: String,
    is_up: AtomicBool,
    tasks: Mutex<JoinSet<()>>,
}

impl Host {
    pub(crate) fn new(world: &Arc<World>, name: &str) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            name: name.to_owned(),
            is_up: AtomicBool::new(false),
            tasks: Mutex::default(),
        })
    }

    pub(crate) fn is_up(&self) -> bool {
        self.is_up.load(Ordering::Relaxed)
    }

    /// From now on it takes calls.
    pub(crate) fn up(&self) {
        self.world.note(&self.name, b"is up");
        self.is_up.store(true, Ordering::Relaxed);
    }

    /// It takes no calls, and whatever ran there ends where it stands.
    pub(crate) fn crash(&self) {
        self.world.note(&self.name, b"crashes");
        self.is_up.store(false, Ordering::Relaxed);
        let mut ended = std::mem::take(&mut *self.tasks.lock().expect("no panic while held"));
        ended.abort_all();
    }

    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().expect("no panic while held");
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }
}

/// How bad a link is just now.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Weather {
    /// Calls in a hundred that never arrive, and answers that never do.
    pub(crate) lost_percent: u64,
    /// Of those that do, how many in a hundred take seconds.
    pub(crate) slow_percent: u64,
    /// Nothing passes at all.
    pub(crate) is_cut: bool,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub(crate) enum NoAnswer {
    /// Nothing has left.
    NotSent,
    /// It may have arrived, or may yet.
    Perhaps(&'static str),
}

/// The way from one machine to another and back.
pub(crate) struct Link {
    world: Arc<World>,
    name: String,
    dice: Mutex<Dice>,
    weather: Mutex<Weather>,
}

impl Link {
    pub(crate) fn new(world: &Arc<World>, name: &str) -> Arc<Self> {
        Arc::new(Self {
            world: Arc::clone(world),
            name: name.to_owned(),
            dice: Mutex::new(world.dice(name)),
            weather: Mutex::default(),
        })
    }

    pub(crate) fn set(&self, change: impl FnOnce(&mut Weather)) {
        let mut weather = self.weather.lock().expect("no panic while held");
        change(&mut weather);
        self.world.note(&self.name, format!("{weather:?}").as_bytes());
    }

    /// How long one way takes now; nothing when it leads nowhere.
    fn way(&self) -> Option<i64> {
        let weather = *self.weather.lock().expect("no panic while held");
        let mut dice = self.dice.lock().expect("no panic while held");
        if weather.is_cut || dice.chance(weather.lost_percent) {
            return None;
        }
        let usual = micros(&mut dice, 200, 3 * MS);
        Some(if dice.chance(weather.slow_percent) {
            usual + micros(&mut dice, 50 * MS, 18 * SECOND)
        } else {
            usual
        })
    }

    fn chance(&self, percent: u64) -> bool {
        self.dice.lock().expect("no panic while held").chance(percent)
    }

    /// Has the far machine do something and waits for what comes of it, but not for ever.
    pub(crate) async fn call<T: Send + 'static>(
        self: &Arc<Self>,
        far: &Arc<Host>,
        patience_us: i64,
        work: impl Future<Output = T> + Send + 'static,
    ) -> Result<T, NoAnswer> {
        let timeline = &self.world.timeline;
        let way = self.way();
        if !far.is_up() || way.is_none() {
            self.world.count("messages_lost");
            // Refused at once, or not even that: sent into the void.
            if self.chance(50) {
                timeline.sleep(2 * MS).await;
                return Err(NoAnswer::NotSent);
            }
            timeline.sleep(patience_us).await;
            return Err(NoAnswer::Perhaps("timed out"));
        }
        let (send, answer) = oneshot::channel();
        let (link, there_us) = (Arc::clone(self), way.unwrap_or_default());
        far.spawn(async move {
            let timeline = &link.world.timeline;
            timeline.sleep(there_us).await;
            let value = work.await;
            match link.way() {
                Some(back_us) => {
                    timeline.sleep(back_us).await;
                    // Nobody may be waiting any more.
                    let _gone = send.send(value);
                }
                None => {
                    link.world.count("answers_lost");
                    // The connection breaks at once, or stays silent.
                    if link.chance(50) {
                        timeline.sleep(patience_us).await;
                    }
                }
            }
        });
        match within(timeline, patience_us, answer).await {
            Some(Ok(value)) => Ok(value),
            Some(Err(_broken)) => Err(NoAnswer::Perhaps("the connection was lost")),
            None => Err(NoAnswer::Perhaps("timed out")),
        }
    }
}

/// A time from `low` to `high`.
pub(crate) fn micros(dice: &mut Dice, low: i64, high: i64) -> i64 {
    let whole = |us: i64| u64::try_from(us).expect("a time that is not negative");
    i64::try_from(dice.between(whole(low), whole(high))).expect("a time")
}
