//! The file of figures: one line of JSON for each run of a proof, those that failed too. It is only added to.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::proofs::Proof;

/// Figures that begin so are not summed up: the highest counts.
const LONGEST: &str = "longest_";

/// One run, as its line tells of it.
#[derive(Clone, Debug)]
pub struct Line(Value);

impl Line {
    /// The proof's name.
    #[must_use]
    pub fn proof(&self) -> &str {
        self.text("proof")
    }

    /// A text of it; empty where there is none.
    #[must_use]
    pub fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// A number of it.
    #[must_use]
    pub fn number(&self, field: &str) -> u64 {
        self.0[field].as_u64().unwrap_or_default()
    }

    /// What a failed run said; `None` when it held.
    #[must_use]
    pub fn failed(&self) -> Option<String> {
        let last = self.0.get("failed")?.as_array().cloned().unwrap_or_default();
        Some(last.iter().filter_map(Value::as_str).collect::<Vec<_>>().join("\n"))
    }

    /// Whether the source tree was one that nobody can have again.
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        self.0["dirty"] == true
    }

    /// The machine, in words.
    #[must_use]
    pub fn machine(&self) -> String {
        let machine = &self.0["machine"];
        let text = |field: &str| machine[field].as_str().unwrap_or("?").to_owned();
        let number = |field: &str| machine[field].as_u64().unwrap_or_default();
        let (cores, memory) = (number("cores"), number("memory_mib"));
        format!("{} cores, {memory} MiB, {}, Linux {}", cores, text("cpu"), text("kernel"))
    }

    /// Its figures.
    pub fn figures(&self) -> impl Iterator<Item = (&str, u64)> {
        let figures = self.0["figures"].as_object().into_iter().flatten();
        figures.filter_map(|(name, count)| Some((name.as_str(), count.as_u64()?)))
    }
}

/// Where the figures are.
#[must_use]
pub fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("reliability/figures.jsonl")
}

/// Every line, the oldest first.
///
/// # Errors
/// The file cannot be read, or a line is no JSON.
pub fn read() -> io::Result<Vec<Line>> {
    match fs::read_to_string(file()) {
        Ok(text) => parse(&text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(vec![]),
        Err(error) => Err(error),
    }
}

/// Every line of a text.
///
/// # Errors
/// A line is no JSON.
pub fn parse(text: &str) -> io::Result<Vec<Line>> {
    text.lines().map(|line| Ok(Line(serde_json::from_str(line)?))).collect()
}

/// Adds a line.
///
/// # Errors
/// The file cannot be written.
pub fn add(line: &Value) -> io::Result<()> {
    let mut file = File::options().append(true).create(true).open(file())?;
    file.write_all(format!("{line}\n").as_bytes())
}

/// What the runs of a proof that held and count have done together. What was done with changes that are in no
/// commit can be repeated by nobody, and does not count.
#[must_use]
pub fn sum<'a>(lines: impl IntoIterator<Item = &'a Line>) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for line in lines.into_iter().filter(|line| line.failed().is_none() && !line.is_dirty()) {
        for (name, count) in line.figures() {
            let sum: &mut u64 = sums.entry(name.to_owned()).or_default();
            *sum = if name.starts_with(LONGEST) { count.max(*sum) } else { sum.saturating_add(count) };
        }
    }
    sums
}

/// Whether these figures are enough.
#[must_use]
pub fn is_met(proof: &Proof, sums: &BTreeMap<String, u64>) -> bool {
    proof.bar.iter().all(|(figure, least)| sums.get(*figure).is_some_and(|count| count >= least))
}

/// The seeds of failed runs that have not held since, with their rounds.
#[must_use]
pub fn owed(proof: &Proof, lines: &[Line]) -> Vec<(u64, u64)> {
    let mut owed = Vec::new();
    for line in lines.iter().filter(|line| line.proof() == proof.name) {
        let run = (line.number("seed"), line.number("rounds"));
        let known = owed.iter().position(|other| *other == run);
        match (line.failed(), known) {
            (Some(_), None) => owed.push(run),
            (None, Some(place)) if !line.is_dirty() => drop(owed.remove(place)),
            (Some(_), Some(_)) | (None, _) => {}
        }
    }
    owed
}
