//! How each connector has been since the hub started: what its calls came to, and when its processor was last
//! heard.
//!
//! For people and alarms. Nothing is decided by it: routing and retries go by what became of each payment.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use hub_core::outcome::{NotSent, Outcome};
use processor_sdk::Timestamp;

/// Calls in a row without an answer after which a connector is called failing.
const FAILING_AFTER: u32 = 3;

/// What is known of one connector.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConnectorHealth {
    /// When its processor last answered a call.
    pub last_answered_at: Option<Timestamp>,
    /// When a call last came to nothing, or to nobody knows what.
    pub last_failed_at: Option<Timestamp>,
    /// When a delivery with a valid signature last came.
    pub last_verified_webhook_at: Option<Timestamp>,
    failures_in_a_row: u32,
}

impl ConnectorHealth {
    /// One word for it.
    pub const fn word(&self) -> &'static str {
        match (self.failures_in_a_row, self.last_answered_at) {
            (FAILING_AFTER.., _) => "failing",
            (_, Some(_)) => "ok",
            (_, None) => "unknown",
        }
    }

    fn hear(&mut self, outcome: &Outcome, at: Timestamp) {
        match outcome {
            Outcome::Answered { .. } => {
                self.last_answered_at = Some(at);
                self.failures_in_a_row = 0;
            }
            // The adapter could not even ask, which says nothing about the processor.
            Outcome::NotSent { why: NotSent::Impossible { .. } } => {}
            Outcome::NotSent {
                why: NotSent::Unreachable { .. } | NotSent::Throttled { .. } | NotSent::Credentials { .. },
            }
            | Outcome::Unknown { .. } => {
                self.last_failed_at = Some(at);
                self.failures_in_a_row = self.failures_in_a_row.saturating_add(1);
            }
        }
    }
}

/// That of every connector, by its name. Bounded by the config: only configured connectors are called.
#[derive(Debug, Default)]
pub struct ConnectorHealths(Mutex<HashMap<String, ConnectorHealth>>);

impl ConnectorHealths {
    /// A call came to something.
    pub fn called(&self, connector: &str, outcome: &Outcome, at: Timestamp) {
        self.change(connector, |health| health.hear(outcome, at));
    }

    /// A delivery with a valid signature came.
    pub fn heard(&self, connector: &str, at: Timestamp) {
        self.change(connector, |health| health.last_verified_webhook_at = Some(at));
    }

    /// What is known of a connector.
    pub fn of(&self, connector: &str) -> ConnectorHealth {
        let healths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        healths.get(connector).copied().unwrap_or_default()
    }

    fn change(&self, connector: &str, change: impl FnOnce(&mut ConnectorHealth)) {
        let mut healths = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match healths.get_mut(connector) {
            Some(health) => change(health),
            None => change(healths.entry(connector.to_owned()).or_default()),
        }
    }
}

#[cfg(test)]
mod tests {
    use processor_sdk::{Answer, Fault};

    use super::*;

    fn outcome(letter: char) -> Outcome {
        let not_sent = |why| Outcome::NotSent { why };
        match letter {
            'a' => Outcome::Answered { answer: Answer::Absent },
            'u' => Outcome::Unknown { why: String::new() },
            'r' => not_sent(NotSent::Unreachable { detail: String::new() }),
            't' => not_sent(NotSent::Throttled { retry_after_s: None }),
            'c' => not_sent(NotSent::Credentials { status: 401 }),
            'i' => not_sent(NotSent::Impossible { fault: Fault::Unsupported }),
            other => panic!("{other}"),
        }
    }

    #[test]
    fn one_word_for_what_calls_came_to() {
        // Calls one after the other, the word, and which of them answered and failed last.
        let rows = [
            ("", "unknown", None, None),
            ("u", "unknown", None, Some(0)),
            ("ru", "unknown", None, Some(1)),
            ("rut", "failing", None, Some(2)),
            ("a", "ok", Some(0), None),
            ("auu", "ok", Some(0), Some(2)),
            ("auuc", "failing", Some(0), Some(3)),
            ("uuua", "ok", Some(3), Some(2)),
            ("uuuauu", "ok", Some(3), Some(5)),
            // What could not be asked says nothing, and does not stand between failures either.
            ("iiii", "unknown", None, None),
            ("uiuiu", "failing", None, Some(4)),
        ];
        for (calls, word, answered, failed) in rows {
            let healths = ConnectorHealths::default();
            for (at, call) in (0_i64..).zip(calls.chars()) {
                healths.called("a", &outcome(call), Timestamp::from_micros(at));
            }
            let health = healths.of("a");
            assert_eq!(health.word(), word, "{calls}");
            assert_eq!(health.last_answered_at, answered.map(Timestamp::from_micros), "{calls}");
            assert_eq!(health.last_failed_at, failed.map(Timestamp::from_micros), "{calls}");
            assert_eq!(healths.of("b"), ConnectorHealth::default(), "{calls}");
        }
    }
}
