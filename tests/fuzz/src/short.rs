//! The short form of the proof: every target over its whole corpus, and over mutations of it from a fixed seed.
//!
//! `PROOF_ROUNDS` says how many mutations each target gets, `PROOF_SEED` from which seed, and to the file that
//! `PROOF_FIGURES` names a run that held adds one line of JSON. The long form is `tests/fuzz/run`.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test, which is timed and set from outside"
)]

use std::collections::BTreeSet;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use hub_fuzz::mutate::{INPUT_BYTES_MAX, Mutator};
use hub_fuzz::{TARGETS, Target, corpus, named};
use serde_json::{Map, json};

/// Mutations of each target where nobody asks for more.
const ROUNDS: u64 = 60;
/// The seed where nobody names another.
const SEED: u64 = 20_260_102;
/// How large the committed corpus may be, in bytes.
const CORPUS_BYTES_MAX: usize = 1024 * 1024;

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name)
        .map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name} is a number")))
}

/// Feeds one input, and says how it is brought back when a promise is broken.
fn feed(target: &Target, input: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| (target.run)(input))).is_ok() {
        return;
    }
    let folder = std::env::temp_dir().join("payhub-fuzz");
    std::fs::create_dir_all(&folder).unwrap();
    let path = folder.join(format!("{}-broken", target.name));
    std::fs::write(&path, input).unwrap();
    let (name, path) = (target.name, path.display());
    panic!("{name} broke a promise over {what}; replay it with: tests/fuzz/run --replay {name} {path}");
}

#[test]
fn every_target_keeps_its_promises() {
    let (rounds, seed) = (number("PROOF_ROUNDS", ROUNDS), number("PROOF_SEED", SEED));
    println!("fuzzing: PROOF_SEED={seed} PROOF_ROUNDS={rounds} brings this run back");
    let began = Instant::now();
    let mut figures = Map::new();
    let mut all = 0_u64;
    for target in &TARGETS {
        let corpus = corpus::of(target);
        assert!(!corpus.is_empty(), "{} has nothing to begin with", target.name);
        for (what, input) in &corpus {
            feed(target, input, what);
        }
        let inputs: Vec<Vec<u8>> = corpus.into_iter().map(|(_, input)| input).collect();
        let mut mutator = Mutator::new(seed);
        for round in 0..rounds {
            let what = format!("round {round} of PROOF_SEED={seed} PROOF_ROUNDS={rounds}");
            feed(target, &mutator.input(&inputs), &what);
        }
        let executions = u64::try_from(inputs.len()).unwrap() + rounds;
        all += executions;
        figures.insert(format!("target_{}", target.name), json!(executions));
        println!("{:<32} {executions:>8} executions, {} s in all", target.name, began.elapsed().as_secs());
    }
    figures.insert("executions".to_owned(), json!(all));
    let seconds = began.elapsed().as_secs();
    let line = json!({
        "proof": "fuzzing", "seed": seed, "rounds": all, "seconds": seconds, "figures": figures,
    });
    println!("{line}");
    if let Ok(path) = std::env::var("PROOF_FIGURES") {
        let mut file = std::fs::File::options().append(true).create(true).open(path).unwrap();
        file.write_all(format!("{line}\n").as_bytes()).unwrap();
    }
}

#[test]
fn the_corpus_is_small_and_belongs_to_targets() {
    let mut bytes = 0;
    for entry in std::fs::read_dir(corpus::folder()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let target = named(&name).unwrap_or_else(|| panic!("no target is called {name}"));
        for (what, input) in corpus::of(target) {
            assert!(input.len() <= INPUT_BYTES_MAX || what.starts_with("seed"), "{what} is long");
            bytes += if what.starts_with("seed") { 0 } else { input.len() };
        }
    }
    assert!(bytes <= CORPUS_BYTES_MAX, "{bytes} bytes of corpus");
    let names: BTreeSet<_> = TARGETS.iter().map(|target| target.name).collect();
    assert_eq!(names.len(), TARGETS.len(), "two targets have one name");
}

#[test]
fn the_same_seed_makes_the_same_inputs() {
    let corpus = [b"{\"amount\":1999}".to_vec(), b"second".to_vec()];
    let made = |seed| {
        let mut mutator = Mutator::new(seed);
        (0..200).map(|_| mutator.input(&corpus)).collect::<Vec<_>>()
    };
    assert_eq!(made(1), made(1));
    assert_ne!(made(1), made(2));
    let distinct: BTreeSet<_> = made(1).into_iter().collect();
    assert!(distinct.len() > 150, "{} of 200 inputs differ", distinct.len());
}
