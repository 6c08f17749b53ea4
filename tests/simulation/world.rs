//! What one simulation is: its seed, its time, the running hash over all that happened, and what was found
//! wrong.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sha2::{Digest, Sha256};

use super::timeline::Timeline;
use crate::processes::dice::Dice;
use crate::processes::setting;

/// A mistake that a part of the world makes on purpose, so that it is seen whether anybody notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mistake {
    /// The database says at times that it has committed what it has not.
    AnswersWithoutWriting,
    /// Statements write without their guards.
    WritesWithoutGuards,
    /// A commit that is tried again takes effect again.
    CommitsWithoutMarks,
    /// A request without an answer counts as refused.
    TakesDoubtForRefusal,
    /// Each try of a request has a key of its own.
    SendsWithoutKeys,
    /// What the merchant refused counts as delivered.
    TakesRefusalForDelivery,
}

/// Everything that happens in one simulation happens here.
pub(crate) struct World {
    pub(crate) seed: u64,
    mistake: Option<Mistake>,
    pub(crate) timeline: Arc<Timeline>,
    story: Mutex<Sha256>,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    wrongs: Mutex<Vec<String>>,
    is_told: bool,
}

impl World {
    pub(crate) fn new(seed: u64, mistake: Option<Mistake>) -> Arc<Self> {
        Arc::new(Self {
            seed,
            mistake,
            timeline: Timeline::new(),
            story: Mutex::default(),
            counts: Mutex::default(),
            wrongs: Mutex::default(),
            is_told: setting("SIMULATION_TOLD").is_some(),
        })
    }

    pub(crate) fn makes(&self, mistake: Mistake) -> bool {
        self.mistake == Some(mistake)
    }

    /// Choices for one purpose: those of another purpose do not change them.
    pub(crate) fn dice(&self, purpose: &str) -> Dice {
        let digest = Sha256::new().chain_update(self.seed.to_be_bytes()).chain_update(purpose).finalize();
        let mut seed = [0; 8];
        seed.copy_from_slice(&digest[..8]);
        Dice::new(u64::from_be_bytes(seed))
    }

    /// Something has happened; it becomes part of the hash. With `SIMULATION_TOLD` in the environment it is
    /// told as well.
    pub(crate) fn note(&self, what: &str, bytes: &[u8]) {
        let at_us = self.timeline.passed_us();
        let mut story = self.story.lock().expect("no panic while held");
        story.update(at_us.to_be_bytes());
        story.update(what);
        story.update(bytes);
        if self.is_told {
            println!("{:>14} {what} {}", at_us, String::from_utf8_lossy(bytes));
        }
    }

    pub(crate) fn count(&self, what: &'static str) {
        self.count_many(what, 1);
    }

    pub(crate) fn count_many(&self, what: &'static str, many: u64) {
        *self.counts.lock().expect("no panic while held").entry(what).or_default() += many;
    }

    /// How often it was so far.
    pub(crate) fn counted(&self, what: &str) -> u64 {
        self.counts.lock().expect("no panic while held").get(what).copied().unwrap_or_default()
    }

    /// Something must never happen and has.
    pub(crate) fn wrong(&self, what: String) {
        self.note("WRONG", what.as_bytes());
        self.wrongs.lock().expect("no panic while held").push(what);
    }

    pub(crate) fn check(&self, holds: bool, otherwise: impl FnOnce() -> String) {
        if !holds {
            self.wrong(otherwise());
        }
    }

    /// What is left of it: the hash, the counts, the wrongs.
    pub(crate) fn ended(&self) -> Outcome {
        let story = self.story.lock().expect("no panic while held").clone();
        Outcome {
            hash: hex::encode(story.finalize()),
            counts: self.counts.lock().expect("no panic while held").clone(),
            wrongs: self.wrongs.lock().expect("no panic while held").clone(),
        }
    }
}

/// What came of one simulation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Outcome {
    pub(crate) hash: String,
    pub(crate) counts: BTreeMap<&'static str, u64>,
    pub(crate) wrongs: Vec<String>,
}
