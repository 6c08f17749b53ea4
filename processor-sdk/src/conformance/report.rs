//! What a law is, and what checking them comes to.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Subject;

/// One law.
#[derive(Clone, Copy, Debug)]
pub struct Law {
    /// Short name, such as `flipped_bit`.
    pub name: &'static str,
    /// What it demands, in one sentence.
    pub statement: &'static str,
    /// Checks it; the first violation ends the check.
    pub check: fn(&Subject<'_>) -> Result<(), Violation>,
}

/// How an adapter broke a law.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Violation {
    /// The fixture it was seen with, if one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fixture: Option<String>,
    /// What happened, and what had to happen.
    pub what: String,
}

impl Violation {
    /// A violation seen with a fixture.
    pub fn of(fixture: &super::Fixture, what: impl Into<String>) -> Self {
        Self { fixture: Some(fixture.name.clone()), what: what.into() }
    }

    /// A violation that no single fixture shows.
    pub fn general(what: impl Into<String>) -> Self {
        Self { fixture: None, what: what.into() }
    }
}

/// What one law's check came to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// [`Law::name`].
    pub law: String,
    /// [`Law::statement`].
    pub statement: String,
    /// The first violation; absent = kept, as far as these fixtures show.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub violation: Option<Violation>,
}

/// What checking an adapter against every law came to. `Display` writes it for people, serde for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// The adapter's name.
    pub adapter: String,
    /// The adapter's version.
    pub version: String,
    /// How many fixtures the laws were checked with.
    pub fixtures: usize,
    /// One verdict per law, in the order of [`super::laws`].
    pub verdicts: Vec<Verdict>,
}

impl Report {
    /// Whether every law is kept.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.broken().next().is_none()
    }

    /// The names of the broken laws.
    pub fn broken(&self) -> impl Iterator<Item = &str> {
        self.verdicts.iter().filter(|verdict| verdict.violation.is_some()).map(|verdict| verdict.law.as_str())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let broken = self.broken().count();
        let kept = self.verdicts.len() - broken;
        writeln!(
            formatter,
            "{} {}: {kept} laws kept, {broken} broken, checked with {} fixtures",
            self.adapter, self.version, self.fixtures
        )?;
        for verdict in &self.verdicts {
            match &verdict.violation {
                None => writeln!(formatter, "  kept    {}", verdict.law)?,
                Some(violation) => {
                    writeln!(formatter, "  BROKEN  {}: {}", verdict.law, verdict.statement)?;
                    let fixture = violation.fixture.as_deref().unwrap_or("adapter as a whole");
                    writeln!(formatter, "          {fixture}: {}", violation.what)?;
                }
            }
        }
        Ok(())
    }
}

/// Checks every law.
#[must_use]
pub fn check_all(subject: &Subject<'_>) -> Report {
    let descriptor = subject.adapter.descriptor();
    let verdict = |law: &Law| Verdict {
        law: law.name.to_owned(),
        statement: law.statement.to_owned(),
        violation: (law.check)(subject).err(),
    };
    Report {
        adapter: descriptor.name,
        version: descriptor.version,
        fixtures: subject.fixtures.len(),
        verdicts: super::laws().iter().map(verdict).collect(),
    }
}
