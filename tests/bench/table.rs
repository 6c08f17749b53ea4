//! A table of rates: a line for each subject, a column for each concurrency, and what they are to each other.

use std::fmt;

use crate::CONCURRENCIES;
use crate::load::Tally;

pub(crate) struct Table {
    title: String,
    lines: Vec<Line>,
}

struct Line {
    name: &'static str,
    /// For each concurrency, one tally for each round.
    tallies: [Vec<Tally>; CONCURRENCIES.len()],
}

impl Table {
    pub(crate) fn new(title: String) -> Self {
        Self { title, lines: Vec::new() }
    }

    /// Adds a round's tally.
    pub(crate) fn add(&mut self, name: &'static str, concurrency: usize, tally: Tally) {
        let column = CONCURRENCIES.iter().position(|known| *known == concurrency).expect("a column");
        let index = self.lines.iter().position(|line| line.name == name).unwrap_or_else(|| {
            self.lines.push(Line { name, tallies: Default::default() });
            self.lines.len() - 1
        });
        self.lines[index].tallies[column].push(tally);
    }

    /// The middle one of all rounds.
    fn middle(&self, name: &str, column: usize) -> Option<&Tally> {
        let line = self.lines.iter().find(|line| line.name == name)?;
        let mut tallies: Vec<&Tally> = line.tallies[column].iter().collect();
        tallies.sort_by(|one, other| one.per_second().total_cmp(&other.per_second()));
        tallies.get(tallies.len() / 2).copied()
    }

    fn ratio(&self, name: &str, column: usize, to: &str, to_column: usize) -> String {
        match (self.middle(name, column), self.middle(to, to_column)) {
            (Some(one), Some(other)) => format!("{:.2} ×", one.per_second() / other.per_second()),
            (None, _) | (_, None) => String::new(),
        }
    }
}

impl fmt::Display for Table {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let columns = || 0..CONCURRENCIES.len();
        let write = |out: &mut fmt::Formatter<'_>, name: &str, cell: &dyn Fn(usize) -> String| {
            write!(out, "| {name} |")?;
            for column in columns() {
                write!(out, " {} |", cell(column))?;
            }
            writeln!(out)
        };
        writeln!(out, "\n### {}\n", self.title)?;
        write(out, "at once", &|column| CONCURRENCIES[column].to_string())?;
        writeln!(out, "|---|{}", "--:|".repeat(CONCURRENCIES.len()))?;
        for line in &self.lines {
            let rate =
                |column| self.middle(line.name, column).map(|tally| format!("{:.0}", tally.per_second()));
            write(out, line.name, &|column| rate(column).unwrap_or_default())?;
        }
        write(out, "hub to bare server", &|column| self.ratio("hub", column, "bare server", column))?;
        write(out, "hub to bare loop", &|column| self.ratio("hub", column, "bare loop", 0))?;
        let wait = |percent| {
            move |column| {
                let wait = self.middle("hub", column).and_then(|tally| tally.wait_ms(percent));
                wait.map(|wait| format!("{wait:.1}")).unwrap_or_default()
            }
        };
        write(out, "hub, half within ms", &wait(50))?;
        write(out, "hub, 99 % within ms", &wait(99))
    }
}
