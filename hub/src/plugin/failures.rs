//! How often runs of a plugin went wrong, by what it did: for whoever decides whether it stays.
//!
//! Nothing is decided by it here. Counted is every run, that of a stranger's delivery too, so that these numbers
//! may grow while the breaker, which such deliveries cannot open, stays closed.
//!
//! Invariant: a connector that is built anew goes on counting where the one before it stopped, as long as it is
//! the same connector on the same file.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::file::PluginHash;
use super::sandbox::RunFault;

/// What a plugin did wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// It computed for longer than it may.
    TimedOut,
    /// It computed more than it may.
    OutOfFuel,
    /// It wanted more memory than it may have.
    OutOfMemory,
    /// It crashed.
    Trapped,
    /// Its reply was too long, or none.
    BadReply,
    /// Its reply could be read and was not one that it may give.
    BrokeRule,
}

impl Wrong {
    /// All of them, in the order in which they are shown.
    pub const ALL: [Self; 6] =
        [Self::TimedOut, Self::OutOfFuel, Self::OutOfMemory, Self::Trapped, Self::BadReply, Self::BrokeRule];

    /// One word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::TimedOut => "timed_out",
            Self::OutOfFuel => "out_of_fuel",
            Self::OutOfMemory => "out_of_memory",
            Self::Trapped => "trapped",
            Self::BadReply => "bad_reply",
            Self::BrokeRule => "broke_rule",
        }
    }

    /// What the plugin did when a run ended so; nothing where the hub had no room for it.
    #[must_use]
    pub const fn of(fault: &RunFault) -> Option<Self> {
        match fault {
            RunFault::OutOfTime(_) => Some(Self::TimedOut),
            RunFault::OutOfFuel(_) => Some(Self::OutOfFuel),
            RunFault::OutOfMemory(_) => Some(Self::OutOfMemory),
            RunFault::StackOverflow | RunFault::Trapped(_) => Some(Self::Trapped),
            RunFault::TooLong(_) | RunFault::Unreadable(_) => Some(Self::BadReply),
            RunFault::NoRoom(_) => None,
        }
    }
}

/// The counts of one connector on one plugin file.
#[derive(Debug, Default)]
pub struct Failures([AtomicU64; Wrong::ALL.len()]);

impl Failures {
    /// Counts one.
    pub fn count(&self, wrong: Wrong) {
        for (count, _) in self.0.iter().zip(Wrong::ALL).filter(|(_, known)| *known == wrong) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Every kind with its count.
    pub fn counts(&self) -> impl Iterator<Item = (Wrong, u64)> {
        Wrong::ALL.into_iter().zip(&self.0).map(|(wrong, count)| (wrong, count.load(Ordering::Relaxed)))
    }
}

/// Those of all connectors on plugins. Bounded by the connectors that there are: what none of them holds is
/// forgotten.
#[derive(Debug, Default)]
pub struct FailureBook(Mutex<HashMap<(String, PluginHash), Weak<Failures>>>);

impl FailureBook {
    /// The counts of a connector on a file, going on where they are.
    pub fn of(&self, connector: &str, hash: PluginHash) -> Arc<Failures> {
        let mut book = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        book.retain(|_, counts| counts.strong_count() > 0);
        let key = (connector.to_owned(), hash);
        if let Some(counts) = book.get(&key).and_then(Weak::upgrade) {
            return counts;
        }
        let counts = Arc::default();
        book.insert(key, Arc::downgrade(&counts));
        counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_go_on_while_somebody_holds_them_and_each_connector_and_file_has_its_own() {
        let (book, one, two) = (FailureBook::default(), PluginHash::of(b"1"), PluginHash::of(b"2"));
        let counts = |failures: &Failures| failures.counts().map(|(_, count)| count).collect::<Vec<_>>();
        let first = book.of("a", one);
        for (index, wrong) in Wrong::ALL.into_iter().enumerate() {
            for _ in 0..=index {
                first.count(wrong);
            }
        }
        assert_eq!(counts(&first), [1, 2, 3, 4, 5, 6]);
        let again = book.of("a", one);
        drop(first);
        assert_eq!(counts(&book.of("a", one)), [1, 2, 3, 4, 5, 6]);
        for (connector, hash) in [("b", one), ("a", two)] {
            assert_eq!(counts(&book.of(connector, hash)), [0; 6], "{connector}");
        }
        drop(again);
        assert_eq!(counts(&book.of("a", one)), [0; 6], "nobody held them");
        assert_eq!(book.0.lock().unwrap().len(), 1, "what nobody holds is forgotten");
    }
}
