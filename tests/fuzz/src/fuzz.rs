//! The long form: one target in libFuzzer's hands. `tests/fuzz/run` builds and starts it.
//!
//! `FUZZ_TARGET` names the target. All targets are in this one program, so that the hub is linked once.

#![no_main]
#![allow(clippy::expect_used, clippy::disallowed_methods, reason = "its runner sets it from outside")]

use std::sync::OnceLock;

use hub_fuzz::{TARGETS, Target, corpus, named};
use libfuzzer_sys::fuzz_target;

/// The target that the environment names. Where it names a folder too, the seeds are laid there first.
fn chosen() -> &'static Target {
    static CHOSEN: OnceLock<&'static Target> = OnceLock::new();
    CHOSEN.get_or_init(|| {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let target = named(&name).unwrap_or_else(|| {
            let names: Vec<_> = TARGETS.iter().map(|target| target.name).collect();
            panic!("FUZZ_TARGET must be one of: {}", names.join(" "))
        });
        if let Ok(folder) = std::env::var("FUZZ_SEEDS") {
            for (number, (_, seed)) in corpus::of(target).into_iter().enumerate() {
                std::fs::write(format!("{folder}/seed-{number:04}"), seed).expect("a seed is laid");
            }
        }
        target
    })
}

fuzz_target!(|input: &[u8]| (chosen().run)(input));
