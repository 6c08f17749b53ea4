//! What is wrong with a config file, told so that it can be mended: where, which key, why, and how.
//!
//! Invariant: nothing that may be a secret is repeated. The quoted line goes through [`super::excerpt`], and
//! reasons name keys and shapes, never the value of a secret.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::excerpt::{Exposure, excerpt};

/// How many mistakes are told at once; the rest are counted.
const PROBLEMS_SHOWN_MAX: usize = 20;

/// A text that is read as config. Its `Debug` shows the name only.
pub(super) struct Source {
    /// How the operator calls it.
    pub(super) name: String,
    /// Where its relative paths start.
    pub(super) folder: PathBuf,
    pub(super) text: String,
}

impl fmt::Debug for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Source({})", self.name)
    }
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The file, as it was named to the hub.
    pub file: String,
    /// Where in the file; absent when something is missing that belongs to no line.
    pub place: Option<Place>,
    /// The key with its tables, such as `limits.body_bytes_max`; empty when the file is no TOML.
    pub key: String,
    /// What is wrong.
    pub reason: String,
    /// What to do.
    pub fix: Option<String>,
}

/// Where a mistake is. Lines and columns count from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    pub line: usize,
    pub column: usize,
    /// The line, with everything masked that may be a secret.
    pub excerpt: String,
    /// The marked characters of the excerpt, counted from 0.
    pub marked: Range<usize>,
}

/// Why there is no config.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("there is no config file {path}; create it, or name another with --config")]
    Missing { path: PathBuf },
    #[error("the config file {path} cannot be read: {source}")]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("the config file {path} is longer than {bytes_max} bytes, so it is probably another file")]
    TooLong { path: PathBuf, bytes_max: u64 },
    #[error("the config file {path} is not text in UTF-8; save it as UTF-8")]
    NotText { path: PathBuf },
    #[error("{}", Listing(.problems))]
    Mistakes { problems: Vec<Problem> },
}

impl ConfigError {
    /// Every mistake in the file; none when there is no file that can be read.
    pub fn problems(&self) -> &[Problem] {
        match self {
            Self::Mistakes { problems } => problems,
            Self::Missing { .. } | Self::Unreadable { .. } | Self::TooLong { .. } | Self::NotText { .. } => {
                &[]
            }
        }
    }
}

impl Place {
    pub(super) fn of(source: &Source, span: &Range<usize>, exposure: Exposure) -> Self {
        let start = floor(&source.text, span.start);
        let before = &source.text[..start];
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        let excerpt = excerpt(&source.text, line_start, start..floor(&source.text, span.end), exposure);
        Self {
            line: before.matches('\n').count() + 1,
            // A byte order mark is invisible, so it is no column.
            column: source.text[line_start..start].trim_start_matches('\u{feff}').chars().count() + 1,
            excerpt: excerpt.line,
            marked: excerpt.marked,
        }
    }
}

/// The nearest character boundary at or before `index`.
fn floor(text: &str, index: usize) -> usize {
    text.floor_char_boundary(index.min(text.len()))
}

impl fmt::Display for Problem {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:", self.file)?;
        if let Some(place) = &self.place {
            write!(formatter, "{}:{}:", place.line, place.column)?;
        }
        if !self.key.is_empty() {
            write!(formatter, " {}:", self.key)?;
        }
        write!(formatter, " {}", self.reason)?;
        let mut margin = String::from("  ");
        if let Some(place) = &self.place {
            let number = place.line.to_string();
            margin = " ".repeat(number.len() + 2);
            let indent = " ".repeat(place.marked.start);
            let carets = "^".repeat(place.marked.len().max(1));
            write!(formatter, "\n  {number} | {}\n{margin} | {indent}{carets}", place.excerpt)?;
        }
        match &self.fix {
            Some(fix) => write!(formatter, "\n{margin} = {fix}"),
            None => Ok(()),
        }
    }
}

struct Listing<'a>(&'a [Problem]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.0.iter().take(PROBLEMS_SHOWN_MAX).enumerate() {
            let separator = if index == 0 { "" } else { "\n\n" };
            write!(formatter, "{separator}{problem}")?;
        }
        match self.0.len().saturating_sub(PROBLEMS_SHOWN_MAX) {
            0 => Ok(()),
            more => write!(formatter, "\n\nand {more} more"),
        }
    }
}

/// The folder that a file's relative paths start from.
pub(super) fn folder_of(path: &Path) -> PathBuf {
    path.parent().map(Path::to_owned).unwrap_or_default()
}
