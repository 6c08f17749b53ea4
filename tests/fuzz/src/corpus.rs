//! The inputs that a target begins with: those of its folder, found regressions among them, and its seeds.

use std::path::PathBuf;

use crate::{Target, world};

/// Where the committed inputs of all targets are.
#[must_use]
pub fn folder() -> PathBuf {
    world::root().join("tests/fuzz/corpus")
}

/// Every input of a target, each with what it is called, in an order that is always the same.
///
/// # Panics
/// When the folder cannot be read.
#[must_use]
pub fn of(target: &Target) -> Vec<(String, Vec<u8>)> {
    let mut inputs = Vec::new();
    if let Ok(entries) = std::fs::read_dir(folder().join(target.name)) {
        let mut paths: Vec<PathBuf> =
            entries.map(|entry| entry.expect("an entry of the corpus").path()).collect();
        paths.sort();
        for path in paths {
            let bytes = std::fs::read(&path).expect("an input of the corpus");
            inputs.push((path.display().to_string(), bytes));
        }
    }
    let seeds = (target.seeds)().into_iter().enumerate();
    inputs.extend(seeds.map(|(number, seed)| (format!("seed {number}"), seed)));
    inputs
}
