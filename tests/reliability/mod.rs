//! What the proofs of reliability share: how much one does, from which seed, and the figures that it leaves.
//!
//! A proof is an ordinary test. In the test command it is short; in its long form it is the same test with
//! more rounds. `PROOF_ROUNDS` says how many, `PROOF_SEED` brings one run back, and to the file that
//! `PROOF_FIGURES` names a run that held adds one line of JSON.

use std::io::Write;
use std::time::Instant;

use serde_json::{Map, Value, json};

use crate::processes::{now, setting};

pub(crate) mod load;

pub(crate) mod forger;

pub(crate) mod books;

pub(crate) mod weather;

/// One run of a proof.
pub(crate) struct Run {
    proof: &'static str,
    pub(crate) rounds: u64,
    pub(crate) seed: u64,
    began: Instant,
}

impl Run {
    /// The run that the environment asks for, else this many rounds from this seed. Says how it is brought back.
    pub(crate) fn begin(proof: &'static str, rounds: u64, seed: u64) -> Self {
        let number = |name: &str, otherwise: u64| {
            setting(name)
                .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
        };
        let (rounds, seed) = (number("PROOF_ROUNDS", rounds), number("PROOF_SEED", seed));
        println!("{proof}: PROOF_SEED={seed} PROOF_ROUNDS={rounds} brings this run back");
        Self { proof, rounds, seed, began: now() }
    }

    /// Tells what was done by a run that held, and keeps it where somebody asked for that. The names of the
    /// figures are counts that can be added up over runs.
    pub(crate) fn held(&self, figures: &[(&str, u64)]) {
        let figures: Map<String, Value> =
            figures.iter().map(|(name, count)| ((*name).into(), json!(count))).collect();
        let line = json!({
            "proof": self.proof,
            "seed": self.seed,
            "rounds": self.rounds,
            "seconds": self.began.elapsed().as_secs(),
            "figures": figures,
        });
        println!("{line}");
        if let Some(path) = setting("PROOF_FIGURES") {
            let mut file =
                std::fs::File::options().append(true).create(true).open(path).expect("the file of figures");
            // One write, so that lines of two runs do not mix.
            file.write_all(format!("{line}\n").as_bytes()).expect("figures are written");
        }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let Self { proof, rounds, seed, .. } = self;
            eprintln!("{proof} failed: PROOF_SEED={seed} PROOF_ROUNDS={rounds} brings this run back");
        }
    }
}
