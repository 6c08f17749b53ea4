//! RELIABILITY.md, written from the file of figures and the table of found bugs, and from nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::figures::{Line, is_met, owed, read, sum};
use crate::proofs::{PROOFS, Proof, Start};

/// Seeds of one proof that are listed; the rest is in the file.
const SEEDS_MAX: usize = 12;
/// Lines of what a failed run said that are shown.
const SAID_LINES_MAX: usize = 12;

const HEAD: &str = "# Reliability

*Nothing acknowledged is lost, nothing is charged or refunded twice, everything in doubt settles: what was done to \
find out, on which machine, and what it found.*

This page is written by `cargo run -p hub-tests --bin reliability report` from \
[figures.jsonl](tests/reliability/figures.jsonl), to which each run of a proof adds a line, failed ones too, and \
from [found.json](tests/reliability/found.json), which names the bugs. A test compares the page with what the \
command would write. Runs of a source tree with changes that are in no commit are not counted.

Every proof is also a test, and runs in its short form with the test command. To go on where the figures end, each \
run with a fresh seed:

```text
cargo run -p hub-tests --bin reliability run                      every proof until its bar is met
cargo run -p hub-tests --bin reliability run --minutes 30         for half an hour; the next time it goes on
cargo run -p hub-tests --bin reliability run --proof fault_storm  one proof
cargo run -p hub-tests --bin reliability run --beyond             each once more, bar met or not: for newer code
cargo run -p hub-tests --bin reliability status                   how far each is
```
";

/// Where the page is.
#[must_use]
pub fn page() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../RELIABILITY.md")
}

/// The page as it must be.
///
/// # Errors
/// The figures or the table of found bugs cannot be read.
pub fn current() -> io::Result<String> {
    let found = fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("reliability/found.json"))?;
    let found: Value = serde_json::from_slice(&found)?;
    Ok(report(&read()?, found.as_array().map_or(&[], Vec::as_slice)))
}

/// The page from these figures and found bugs.
#[must_use]
pub fn report(lines: &[Line], found: &[Value]) -> String {
    let mut text = String::from(HEAD);
    text.push_str("\n| proof | done | bar | |\n|---|---|---|---|\n");
    for proof in PROOFS {
        let sums = sum(of(proof, lines));
        for (figure, least) in proof.bar {
            let done = sums.get(*figure).copied().unwrap_or_default();
            let verdict = if done >= *least { "met" } else { "**not met yet**" };
            let (done, least) = (grouped(done), grouped(*least));
            let _infallible = writeln!(
                text,
                "| [{0}](#{0}) | {done} {1} | {least} | {verdict} |",
                proof.name,
                words(figure)
            );
        }
    }
    let mut machines: Vec<String> = Vec::new();
    for proof in PROOFS {
        section(&mut text, proof, lines, &mut machines);
    }
    text.push_str("\n## Machines\n\n");
    if machines.is_empty() {
        text.push_str("None yet.\n");
    }
    for (machine, number) in machines.iter().zip(1..) {
        let _infallible = writeln!(text, "{number}. {machine}");
    }
    bugs(&mut text, lines, found);
    text
}

fn of<'a>(proof: &Proof, lines: &'a [Line]) -> Vec<&'a Line> {
    lines.iter().filter(|line| line.proof() == proof.name).collect()
}

fn section(text: &mut String, proof: &Proof, lines: &[Line], machines: &mut Vec<String>) {
    let _infallible = write!(text, "\n## {}\n\n{}\n\n", proof.name, proof.does);
    let runs = of(proof, lines);
    let counted: Vec<&Line> =
        runs.iter().copied().filter(|line| line.failed().is_none() && !line.is_dirty()).collect();
    let sums = sum(counted.iter().copied());
    if counted.is_empty() {
        text.push_str("- No run of the long form yet.\n");
    } else {
        let figures: Vec<String> =
            sums.iter().map(|(name, count)| format!("{} {}", grouped(*count), words(name))).collect();
        let _infallible = writeln!(text, "- Together: {}.", figures.join(", "));
        let (first, last) = (counted.first(), counted.last());
        let date = |line: Option<&&Line>| line.map_or(String::new(), |line| line.text("date").to_owned());
        let minutes = counted.iter().map(|line| line.number("seconds")).sum::<u64>().div_ceil(60);
        let _infallible = writeln!(
            text,
            "- Runs that held: {}, in {minutes} minutes, the first on {}, the last on {}.",
            counted.len(),
            date(first),
            date(last)
        );
        let _infallible = writeln!(text, "- Commits: {}.", commits(proof, &counted));
        let _infallible = writeln!(text, "- Machines: {}.", numbers(&counted, machines));
        let _infallible = writeln!(text, "- Seeds, the latest first: {}.", seeds(&counted));
    }
    let others = runs.len() - counted.len();
    if others > 0 {
        let failed = runs.iter().filter(|line| line.failed().is_some()).count();
        let _infallible = writeln!(
            text,
            "- Not counted: {failed} runs that failed, {} that held with changes in no commit.",
            others - failed
        );
    }
    if !is_met(proof, &sums) {
        text.push_str("- The bar is **not met yet**.\n");
    }
    let _infallible = writeln!(text, "- Again: `{}`.", command(proof));
}

/// The command that does one run.
#[must_use]
pub fn command(proof: &Proof) -> String {
    let settings = format!("PROOF_ROUNDS={} PROOF_SEED=SEED", proof.rounds);
    match proof.start {
        Start::Test(name) => {
            format!("{settings} cargo test --release -p hub-tests --test hub -- --exact {name}")
        }
        Start::TestOf { package, target, name } => {
            format!("{settings} cargo test --release -p {package} --test {target} -- --exact {name}")
        }
        Start::Program(path) => format!("{settings} ./{path}"),
    }
}

/// How much of the first figure of the bar each commit has done.
fn commits(proof: &Proof, lines: &[&Line]) -> String {
    let figure = proof.bar.first().map_or("", |(figure, _)| figure);
    let mut order: Vec<&str> = Vec::new();
    let mut sums: BTreeMap<&str, u64> = BTreeMap::new();
    for line in lines {
        let commit = line.text("commit");
        if !order.contains(&commit) {
            order.push(commit);
        }
        let done = line.figures().filter(|(name, _)| *name == figure).map(|(_, count)| count).sum::<u64>();
        *sums.entry(commit).or_default() += done;
    }
    let each = order.iter().map(|commit| {
        let short: String = commit.chars().take(10).collect();
        let done = grouped(sums.get(commit).copied().unwrap_or_default());
        format!("{short} ({done} {})", words(figure))
    });
    each.collect::<Vec<_>>().join(", ")
}

fn numbers(lines: &[&Line], machines: &mut Vec<String>) -> String {
    let mut numbers = BTreeSet::new();
    for line in lines {
        let machine = line.machine();
        let place = machines.iter().position(|known| *known == machine).unwrap_or_else(|| {
            machines.push(machine);
            machines.len() - 1
        });
        numbers.insert(place + 1);
    }
    numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(", ")
}

fn seeds(lines: &[&Line]) -> String {
    let shown = lines.iter().rev().take(SEEDS_MAX).map(|line| line.number("seed").to_string());
    let more = lines.len().saturating_sub(SEEDS_MAX);
    let more = (more > 0).then(|| format!("and {more} more in the file"));
    shown.chain(more).collect::<Vec<_>>().join(", ")
}

fn bugs(text: &mut String, lines: &[Line], found: &[Value]) {
    text.push_str("\n## Found\n\n");
    if found.is_empty() && lines.iter().all(|line| line.failed().is_none()) {
        text.push_str("Nothing yet.\n");
    }
    if !found.is_empty() {
        text.push_str("| proof | seed | what it was | mended by |\n|---|---|---|---|\n");
    }
    for bug in found {
        let cell = |field: &str| match &bug[field] {
            Value::String(text) => text.replace('|', "\\|"),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let (proof, seed, what, mended) = (cell("proof"), cell("seed"), cell("what"), cell("mended"));
        let _infallible = writeln!(text, "| {proof} | {seed} | {what} | {mended} |");
    }
    for proof in PROOFS {
        let owed = owed(proof, lines);
        for line in of(proof, lines) {
            let Some(said) = line.failed() else { continue };
            let run = (line.number("seed"), line.number("rounds"));
            let since = if owed.contains(&run) { "has not held since" } else { "has held since" };
            let _infallible = write!(
                text,
                "\nA run of {} failed on {} at {}: seed {}, {} rounds. The same seed {since}.\n\n```text\n",
                proof.name,
                line.text("date"),
                line.text("commit").chars().take(10).collect::<String>(),
                run.0,
                run.1
            );
            for line in said.lines().take(SAID_LINES_MAX) {
                let _infallible = writeln!(text, "{}", line.replace("```", "'''"));
            }
            text.push_str("```\n");
        }
    }
}

fn words(name: &str) -> String {
    name.replace('_', " ")
}

/// A number with its thousands apart.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::figures::parse;

    const FIGURES: &str = concat!(
        r#"{"proof":"kill_loop_sqlite","seed":7,"rounds":100,"seconds":61,"figures":{"kills":900,"longest_settling_ms":9},"#,
        r#""date":"2026-01-02 03:04","commit":"aaaaaaaaaaaaaaaa","dirty":false,"machine":{"cores":2,"memory_mib":5,"cpu":"X","kernel":"6"}}"#,
        "\n",
        r#"{"proof":"kill_loop_sqlite","seed":8,"rounds":100,"failed":["a","it broke"],"date":"2026-01-03 03:04","commit":"bbbb","dirty":false}"#,
        "\n",
        r#"{"proof":"kill_loop_sqlite","seed":9,"rounds":100,"seconds":1,"figures":{"kills":100,"longest_settling_ms":5},"#,
        r#""date":"2026-01-04 03:04","commit":"cccc","dirty":true}"#,
        "\n",
    );

    #[test]
    fn what_is_not_enough_is_not_called_enough() {
        let lines = parse(FIGURES).unwrap();
        let page = report(&lines, &[]);
        for wanted in [
            "| [kill_loop_sqlite](#kill_loop_sqlite) | 900 kills | 1,000 | **not met yet** |",
            "- Together: 900 kills, 9 longest settling ms.",
            "- Runs that held: 1, in 2 minutes, the first on 2026-01-02 03:04, the last on 2026-01-02 03:04.",
            "- Commits: aaaaaaaaaa (900 kills).",
            "- Not counted: 1 runs that failed, 1 that held with changes in no commit.",
            "seed 8, 100 rounds. The same seed has not held since.\n\n```text\na\nit broke\n```",
            "1. 2 cores, 5 MiB, X, Linux 6",
        ] {
            assert!(page.contains(wanted), "{wanted} is not in {page}");
        }
        let held = FIGURES.replace("\"seed\":9", "\"seed\":8").replace("true", "false");
        let page = report(&parse(&held).unwrap(), &[]);
        for wanted in ["| 1,000 kills | 1,000 | met |", "The same seed has held since.", "cccc (100 kills)"] {
            assert!(page.contains(wanted), "{wanted} is not in {page}");
        }
    }

    #[test]
    fn numbers_are_grouped() {
        for (number, expected) in [(0, "0"), (999, "999"), (1_000, "1,000"), (10_000_000, "10,000,000")] {
            assert_eq!(grouped(number), expected);
        }
    }
}
