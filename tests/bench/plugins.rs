//! What a plugin costs beside the same adapter compiled in: its size, its compilation, one run.
//!
//! `cargo bench -p hub-tests -- --plugin FILE FIXTURES …` measures any plugin. Each run has a fresh instance, as in
//! the hub, and is the last of its question: everything is read again, and the reply is the answer.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use payhub::plugin::adapter::PluginAdapter;
use payhub::plugin::limits::Limits;
use payhub::plugin::sandbox::Sandbox;
use processor_sdk::conformance::Subject;
use processor_sdk::{Adapter, Ask, run};

use crate::processes::now;

/// Runs of each question, of which the middle one counts.
const RUNS: usize = 200;
/// Compilations, of which the middle one counts.
const COMPILATIONS: usize = 3;

/// The table: a line for the adapter of Sandbox Pay that is compiled in, and one for each plugin with its folder of
/// fixtures.
pub(crate) fn table(plugins: &[(String, String)]) -> String {
    let mut table = String::from(
        "| plugin | bytes | compilation | one run, middle | one run, slowest question |\n|---|--:|--:|--:|--:|\n",
    );
    let native = Subject::of_folder(&processor_sandbox::Sandbox, Path::new("../processors/sandbox/fixtures"));
    line(&mut table, "Sandbox Pay, compiled in", None, &native.expect("fixtures"));
    for (file, fixtures) in plugins {
        let bytes = std::fs::read(file).expect("a plugin file");
        let sandbox = Sandbox::new().expect("a sandbox");
        let compile = || sandbox.load(&bytes, Limits::default()).expect("a plugin");
        let compilation = middle((0..COMPILATIONS).map(|_| timed(compile).1).collect());
        let adapter = PluginAdapter(compile());
        let subject = Subject::of_folder(&adapter, Path::new(fixtures)).expect("fixtures");
        line(&mut table, file, Some((bytes.len(), compilation)), &subject);
    }
    table
}

fn line(table: &mut String, name: &str, file: Option<(usize, Duration)>, subject: &Subject<'_>) {
    let mut runs: Vec<Duration> = Vec::new();
    for fixture in &subject.fixtures {
        let ask = Ask { transcript: fixture.transcript.clone(), ..Ask::new(fixture.ask.clone()) };
        runs.push(one_run(subject.adapter, &ask));
    }
    let slowest = runs.iter().max().copied().unwrap_or_default();
    let (bytes, compilation) = file.map_or_else(
        || ("–".to_owned(), "–".to_owned()),
        |(bytes, compilation)| (bytes.to_string(), format!("{} ms", compilation.as_millis())),
    );
    let middle = middle(runs).as_micros();
    let slowest = slowest.as_micros();
    writeln!(table, "| {name} | {bytes} | {compilation} | {middle} µs | {slowest} µs |").expect("a text");
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
