//! What a plugin costs beside the same adapter compiled in: its size, its compilation, loading what was compiled, one
//! run.
//!
//! `cargo bench -p hub-tests -- --plugin FILE FIXTURES …` measures any plugin. Each run has a fresh instance, as in
//! the hub, and is the last of its question: everything is read again, and the reply is the answer.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use payhub::plugin::adapter::PluginAdapter;
use payhub::plugin::cache::CodeCache;
use payhub::plugin::limits::Limits;
use payhub::plugin::sandbox::Sandbox;
use processor_sdk::conformance::Subject;
use processor_sdk::{Adapter, Ask, run};

use crate::processes::now;

/// Runs of each question, of which the middle one counts.
const RUNS: usize = 200;
/// Compilations, of which the middle one counts.
const COMPILATIONS: usize = 3;
/// Loads of compiled code, of which the middle one counts.
const LOADS: usize = 9;

/// The adapters that are compiled in and are plugins as well, each with its folder of fixtures.
pub(crate) const COMPILED_IN: [(&str, &dyn Adapter, &str); 2] = [
    ("Sandbox Pay, compiled in", &processor_sandbox::Sandbox, "../processors/sandbox/fixtures"),
    ("Stripe, compiled in", &processor_stripe::Stripe, "../processors/stripe/fixtures"),
];

/// What a plugin's file costs before its first run.
struct File {
    bytes: usize,
    compilation: Duration,
    /// From the cache of compiled code, to the point where it can be run.
    load: Duration,
}

/// The table: a line for each adapter that is compiled in, and one for each plugin with its folder of fixtures.
pub(crate) fn table(plugins: &[(String, String)]) -> String {
    let mut table = String::from(
        "| plugin | bytes | compilation | load from cache | one run, middle | one run, slowest question |\n\
         |---|--:|--:|--:|--:|--:|\n",
    );
    for (name, adapter, fixtures) in COMPILED_IN {
        line(&mut table, name, None, &Subject::of_folder(adapter, Path::new(fixtures)).expect("fixtures"));
    }
    for (path, fixtures) in plugins {
        let bytes = std::fs::read(path).expect("a plugin file");
        let sandbox = Sandbox::new().expect("a sandbox");
        let compile = || sandbox.load(&bytes, Limits::default()).expect("a plugin");
        let compilation = middle((0..COMPILATIONS).map(|_| timed(compile).1).collect());
        let load = load_from_cache(&sandbox, &bytes);
        let adapter = PluginAdapter(compile());
        let subject = Subject::of_folder(&adapter, Path::new(fixtures)).expect("fixtures");
        line(&mut table, path, Some(File { bytes: bytes.len(), compilation, load }), &subject);
    }
    table
}

/// What is measured is a start of the hub that finds the code of an earlier one.
fn load_from_cache(sandbox: &Sandbox, bytes: &[u8]) -> Duration {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let cache = CodeCache::open(folder.path()).expect("a cache of compiled code");
    let load = || sandbox.load_named(bytes, Some(&cache), |_| Limits::default()).expect("a plugin");
    // The first one finds nothing and fills it.
    let (_filled, compiled) = timed(load);
    let middle = middle((0..LOADS).map(|_| timed(load).1).collect());
    assert!(middle < compiled, "a load of {middle:?} after a compilation of {compiled:?} found no code");
    middle
}

fn line(table: &mut String, name: &str, file: Option<File>, subject: &Subject<'_>) {
    let mut runs: Vec<Duration> = Vec::new();
    for fixture in &subject.fixtures {
        let ask = Ask { transcript: fixture.transcript.clone(), ..Ask::new(fixture.ask.clone()) };
        runs.push(one_run(subject.adapter, &ask));
    }
    let slowest = runs.iter().max().copied().unwrap_or_default();
    let file = file.map_or_else(
        || "– | – | –".to_owned(),
        |File { bytes, compilation, load }| {
            format!("{bytes} | {} ms | {} µs", compilation.as_millis(), load.as_micros())
        },
    );
    let middle = middle(runs).as_micros();
    let slowest = slowest.as_micros();
    writeln!(table, "| {name} | {file} | {middle} µs | {slowest} µs |").expect("a text");
}

fn one_run(adapter: &dyn Adapter, ask: &Ask) -> Duration {
    middle((0..RUNS).map(|_| timed(|| run(adapter, ask)).1).collect())
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let begun: Instant = now();
    let done = work();
    (done, begun.elapsed())
}

fn middle(mut durations: Vec<Duration>) -> Duration {
    durations.sort_unstable();
    durations.get(durations.len() / 2).copied().unwrap_or_default()
}
