//! The machine's clock plus an offset that a test can move forward: "a day later" is one line, and timers of
//! real sockets still work.

use std::time::Duration;

use payhub::clock::{Clock, SystemClock};
use processor_sdk::Timestamp;
use tokio::sync::watch;

const MICROS_PER_SECOND: i64 = 1_000_000;

/// System time plus an offset. Whoever sleeps wakes when the offset passes their deadline.
pub(crate) struct ShiftedClock {
    offset_micros: watch::Sender<i64>,
}

impl ShiftedClock {
    pub(crate) fn new() -> Self {
        Self { offset_micros: watch::Sender::new(0) }
    }

    /// Moves time forward.
    pub(crate) fn jump(&self, seconds: i64) {
        assert!(seconds >= 0, "time never runs backwards");
        self.offset_micros.send_modify(|offset| *offset += seconds * MICROS_PER_SECOND);
    }
}

impl ShiftedClock {
    /// Sets time back, as an operator or a time server may do.
    pub(crate) fn turn_back(&self, seconds: i64) {
        assert!(seconds >= 0, "that would be forward");
        self.offset_micros.send_modify(|offset| *offset -= seconds * MICROS_PER_SECOND);
    }
}

#[async_trait::async_trait]
impl Clock for ShiftedClock {
    fn now(&self) -> Timestamp {
        SystemClock.now().saturating_add_micros(*self.offset_micros.borrow())
    }

    async fn sleep_until(&self, deadline: Timestamp) {
        let mut offset = self.offset_micros.subscribe();
        loop {
            offset.borrow_and_update();
            let remaining = deadline.as_micros().saturating_sub(self.now().as_micros());
            let Ok(remaining @ 1..) = u64::try_from(remaining) else { return };
            tokio::select! {
                () = tokio::time::sleep(Duration::from_micros(remaining)) => {}
                // The sender lives as long as `self`, which is borrowed here.
                _ = offset.changed() => {}
            }
        }
    }
}
