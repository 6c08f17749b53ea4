//! Keeps an adapter that misbehaves again and again from being run: what it costs, others would miss.
//!
//! Counted are traps, broken limits and lies, never what a processor or the network does. Strangers cannot open
//! it: what an adapter makes of a delivery that is not authenticated yet is not counted.
//!
//! A reload builds connectors anew. One that is what it was before keeps its breaker: what it did wrong it would do
//! again. One with another adapter, other settings or other grants begins with a closed one.
//!
//! Invariant: while the breaker is open nothing is run and nothing is sent; after its time one run is tried,
//! and its end decides.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use hub_core::payment::AdapterPin;
use processor_sdk::{Settings, Timestamp};

use super::hosts::Grants;

/// How many times in a row an adapter may misbehave.
pub const MISBEHAVIORS_MAX: u32 = 5;

/// How long nothing is run then, in seconds.
pub const OPEN_S: i64 = 30;

/// Whether an adapter is run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It is.
    Closed,
    /// It is not, until then.
    Open { until: Timestamp },
    /// One run is tried.
    Trying,
}

impl BreakerState {
    /// One word for it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open { .. } => "open",
            Self::Trying => "trying",
        }
    }
}

/// That of one connector.
#[derive(Debug, Default)]
pub struct Breaker(Mutex<Inner>);

#[derive(Debug, Default)]
struct Inner {
    misbehaviors_in_a_row: u32,
    open_until: Option<Timestamp>,
    trying: bool,
}

/// All that decides what an adapter does, and whether that is allowed. It sees no secrets, so they are not part of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    pub connector: String,
    pub livemode: bool,
    pub pin: AdapterPin,
    pub settings: Settings,
    pub grants: Grants,
}

/// The breakers of all connectors. Bounded by the connectors that there are: what none of them holds is forgotten.
#[derive(Debug, Default)]
pub struct BreakerBook(Mutex<Vec<(Subject, Weak<Breaker>)>>);

impl BreakerBook {
    /// The breaker of a connector, as it stands where the same connector has one.
    pub fn of(&self, subject: Subject) -> Arc<Breaker> {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.retain(|(_, breaker)| breaker.strong_count() > 0);
        let known = book.iter().find(|(known, _)| *known == subject);
        if let Some(breaker) = known.and_then(|(_, breaker)| breaker.upgrade()) {
            return breaker;
        }
        let breaker = Arc::default();
        book.push((subject, Arc::downgrade(&breaker)));
        breaker
    }
}

/// Leave to run once. Dropped without a word, it says nothing of the adapter.
#[derive(Debug)]
pub struct Leave<'a> {
    breaker: &'a Breaker,
    is_trial: bool,
}

impl Breaker {
    /// Leave to run, unless the breaker is open.
    ///
    /// # Errors
    /// The reason, in one line for the operator.
    pub fn leave(&self, now: Timestamp) -> Result<Leave<'_>, String> {
        let mut inner = self.inner();
        let is_trial = match inner.open_until {
            None => false,
            Some(until) if now < until || inner.trying => {
                return Err(format!(
                    "the breaker is open: it misbehaved {MISBEHAVIORS_MAX} times in a row, and is tried again \
                     {OPEN_S} s after the last time"
                ));
            }
            Some(_) => true,
        };
        inner.trying |= is_trial;
        Ok(Leave { breaker: self, is_trial })
    }

    /// Whether the adapter is run.
    pub fn state(&self) -> BreakerState {
        let inner = self.inner();
        match inner.open_until {
            None => BreakerState::Closed,
            Some(_) if inner.trying => BreakerState::Trying,
            Some(until) => BreakerState::Open { until },
        }
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Leave<'_> {
    /// The adapter did what adapters do. True when that closes the breaker.
    pub fn behaved(self) -> bool {
        let mut inner = self.breaker.inner();
        if inner.open_until.is_some() && !self.is_trial {
            // It began before the breaker opened.
            return false;
        }
        inner.misbehaviors_in_a_row = 0;
        inner.open_until.take().is_some()
    }

    /// The adapter misbehaved. True when that opens the breaker, for the first time or again.
    pub fn misbehaved(self, now: Timestamp) -> bool {
        let mut inner = self.breaker.inner();
        inner.misbehaviors_in_a_row = inner.misbehaviors_in_a_row.saturating_add(1);
        let is_open = inner.open_until.is_some();
        if (is_open && !self.is_trial) || inner.misbehaviors_in_a_row < MISBEHAVIORS_MAX {
            return false;
        }
        inner.open_until = Some(now.checked_add_seconds(OPEN_S).unwrap_or(now));
        true
    }
}

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        if self.is_trial {
            self.breaker.inner().trying = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    /// Runs one after the other: `b` behaves, `m` misbehaves, `x` is dropped; `-` is refused leave.
    #[test]
    fn it_opens_after_some_in_a_row_and_closes_after_one_trial() {
        let rows: [(&str, i64, &str, &str); 9] = [
            ("mmmm", 0, "b", "closed"),
            ("mmmmbmmmm", 0, "b", "closed"),
            ("mmmmxm", 0, "-", "open"),
            ("mmmmm", 0, "--", "open"),
            ("mmmmm", OPEN_S - 1, "-", "open"),
            ("mmmmm", OPEN_S, "bb", "closed"),
            ("mmmmm", OPEN_S, "m-", "open"),
            ("mmmmm", OPEN_S, "xm-", "open"),
            ("mmmmm", OPEN_S, "bmmmm", "closed"),
        ];
        for (before, pause, after, word) in rows {
            let breaker = Breaker::default();
            let steps = before.chars().map(|step| (0, step)).chain(after.chars().map(|step| (pause, step)));
            for (seconds, step) in steps {
                match (breaker.leave(at(seconds)), step) {
                    (Ok(leave), 'b') => drop(leave.behaved()),
                    (Ok(leave), 'm') => drop(leave.misbehaved(at(seconds))),
                    (Ok(_), 'x') | (Err(_), '-') => {}
                    (leave, step) => panic!("{before}, {pause} s, {after}: {step} {leave:?}"),
                }
            }
            assert_eq!(breaker.state().word(), word, "{before}, {pause} s, {after}");
        }
    }

    #[test]
    fn an_open_one_survives_as_long_as_the_connector_is_the_same() {
        let subject = Subject {
            connector: "a".to_owned(),
            livemode: false,
            pin: AdapterPin { name: "acme".to_owned(), version: "1.0.0".to_owned(), content_hash: None },
            settings: Settings::from([("account", json!("1"))]),
            grants: Grants::default(),
        };
        type Change = (&'static str, fn(&mut Subject), &'static str);
        let changes: [Change; 7] = [
            ("nothing", |_| {}, "open"),
            ("name", |subject| subject.connector = "b".to_owned(), "closed"),
            ("mode", |subject| subject.livemode = true, "closed"),
            ("version", |subject| subject.pin.version = "1.0.1".to_owned(), "closed"),
            ("file", |subject| subject.pin.content_hash = Some("ab".to_owned()), "closed"),
            ("settings", |subject| subject.settings = Settings::default(), "closed"),
            ("grants", |subject| subject.grants.hosts = Some(vec!["a.example".to_owned()]), "closed"),
        ];
        let book = BreakerBook::default();
        let in_force = book.of(subject.clone());
        for _ in 0..MISBEHAVIORS_MAX {
            in_force.leave(at(0)).unwrap().misbehaved(at(0));
        }
        for (what, change, word) in changes {
            let mut reloaded = subject.clone();
            change(&mut reloaded);
            assert_eq!(book.of(reloaded).state().word(), word, "{what}");
        }
        // A reload that was refused has taken nothing away.
        assert_eq!(book.of(subject.clone()).state().word(), "open");
        drop(in_force);
        assert_eq!(book.of(subject).state().word(), "closed", "nobody held it");
        assert_eq!(book.0.lock().unwrap().len(), 1, "what nobody holds is forgotten");
    }

    #[test]
    fn only_one_run_is_tried_at_once_and_late_ends_of_others_decide_nothing() {
        let breaker = Breaker::default();
        let early = breaker.leave(at(0)).unwrap();
        for _ in 0..MISBEHAVIORS_MAX {
            breaker.leave(at(0)).unwrap().misbehaved(at(0));
        }
        assert!(!early.behaved());
        let trial = breaker.leave(at(OPEN_S)).unwrap();
        assert_eq!(breaker.state(), BreakerState::Trying);
        assert!(breaker.leave(at(OPEN_S)).is_err());
        assert!(trial.misbehaved(at(OPEN_S)), "it opens again, for as long");
        assert_eq!(breaker.state(), BreakerState::Open { until: at(2 * OPEN_S) });
        assert!(breaker.leave(at(2 * OPEN_S - 1)).is_err());
        assert!(breaker.leave(at(2 * OPEN_S)).unwrap().behaved());
        assert_eq!(breaker.state(), BreakerState::Closed);
    }
}
