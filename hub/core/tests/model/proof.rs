//! How many lives, from which seed, and the line of figures that a run leaves.

use std::io::Write;
use std::time::Instant;

use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestError, TestRng, TestRunner};
use serde_json::{Map, Value, json};

use crate::calm::calm;
use crate::life::{Counts, Life};
use crate::script::{Script, any_script};

/// Lives where nobody asks for more.
const ROUNDS: u64 = 400;
/// The first one's seed where nobody names another.
const SEED: u64 = 1;
/// Names the mistake to make, in a build that can make any.
#[cfg(feature = "planted-bugs")]
pub(crate) const PLANTED: &str = "MODEL_PLANTED_BUG";
/// How often a life that failed is cut down, at most.
const CUTS_MAX: u32 = 3_000;

fn number(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var_os(name).map(|text| text.into_string().unwrap());
    text.map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Lives a script to its end.
fn live(script: &Script, is_told: bool) -> Counts {
    let mut life = Life::begin(script);
    life.is_told = is_told;
    for step in &script.steps {
        let _nothing_there = life.step(step);
    }
    calm(&mut life, script.calm);
    life.counts
}

/// Makes the mistake that this process was started with, in a build that can make any.
#[cfg(feature = "planted-bugs")]
fn plant() -> bool {
    let name = std::env::var_os(PLANTED).map(|name| name.into_string().unwrap());
    let bug = name.map(|name| serde_json::from_value(json!(name)).unwrap());
    let at_work = |bug: hub_core::planted::Bug| println!("the planted mistake {bug:?} is at work");
    bug.inspect(|bug| hub_core::planted::plant(*bug, at_work)).is_some()
}

#[cfg(not(feature = "planted-bugs"))]
const fn plant() -> bool {
    false
}

/// The runner whose one life comes from this seed.
fn runner(seed: u64, cuts_max: u32) -> TestRunner {
    let config = Config { failure_persistence: None, max_shrink_iters: cuts_max, ..Config::default() };
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

/// The life of a seed; what of it fails, cut down as far as it still does.
fn round(seed: u64, cuts_max: u32) -> Result<Counts, (String, Script)> {
    let mut runner = runner(seed, cuts_max);
    let tree = any_script().new_tree(&mut runner).unwrap();
    let counts = std::cell::Cell::new(Counts::default());
    let lived = runner.run_one(tree, |script| {
        counts.set(live(&script, false));
        Ok::<(), TestCaseError>(())
    });
    match lived {
        Ok(_) => Ok(counts.get()),
        Err(TestError::Fail(why, script)) => Err((why.to_string(), script)),
        Err(TestError::Abort(why)) => panic!("{why}"),
    }
}

/// Tells a life that failed, cut down, and how it is brought back.
fn failed(seed: u64, why: &str, script: &Script) -> ! {
    let back = format!("PROOF_SEED={seed} PROOF_ROUNDS=1 cargo test -p hub-core --test model");
    let Script { mode, policies, calm, steps } = script;
    eprintln!("{mode:?}, policies {policies}, calm {calm}:");
    for step in steps {
        eprintln!("    {step:?}");
    }
    eprintln!("{why}\n{back} brings it back");
    live(script, true);
    panic!("{why}; {back} brings it back, but not every time");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a proof says how long it took")]
fn the_core_agrees_with_a_second_opinion() {
    let (rounds, seed) = (number("PROOF_ROUNDS", ROUNDS), number("PROOF_SEED", SEED));
    println!("model: PROOF_SEED={seed} PROOF_ROUNDS={rounds} brings this run back");
    // What fails because a mistake was planted need not be understood.
    let cuts_max = if plant() { 0 } else { CUTS_MAX };
    let began = Instant::now();
    let mut sum = Counts::default();
    for seed in seed..seed.saturating_add(rounds) {
        match round(seed, cuts_max) {
            Ok(counts) => sum.add(counts),
            Err((why, script)) => failed(seed, &why, &script),
        }
    }
    let figures: Map<String, Value> =
        sum.figures(rounds).into_iter().map(|(name, count)| (name.to_owned(), json!(count))).collect();
    let seconds = began.elapsed().as_secs();
    let line = json!({
        "proof": "model", "seed": seed, "rounds": rounds, "seconds": seconds, "figures": figures,
    });
    println!("{line}");
    if let Some(path) = std::env::var_os("PROOF_FIGURES") {
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}
