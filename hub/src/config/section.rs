//! Reads tables of the operator's file over those of the built-in one, and notes every mistake on the way.
//!
//! Reading goes on after a mistake, so that the operator hears of all of them at once. Each read returns an
//! `Option`: `None` means that a mistake was noted, and that there will be no config.
//!
//! Invariant: a key that nobody asked for is a mistake, so no line of a config file is ever without effect.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::fmt;
use std::ops::{Range, RangeInclusive};
use std::sync::Arc;

use toml::de::{DeTable, DeValue};

use super::excerpt::Exposure;
use super::problem::{Place, Problem, Source};
use super::suggestion::nearest;

/// What is noted while a config is read.
#[derive(Default)]
pub(super) struct Notes {
    problems: RefCell<Vec<(usize, Problem)>>,
    /// Every key that was asked for, with its tables.
    known: RefCell<BTreeSet<String>>,
    unknown: RefCell<Vec<Unknown>>,
}

/// A key that nobody asked for. Where it belongs is known only when everything has been read.
struct Unknown {
    source: Arc<Source>,
    table: String,
    key: String,
    span: Range<usize>,
    siblings: Vec<String>,
    hint: Option<String>,
}

impl Notes {
    /// Notes a mistake; `position` is its order in the file.
    pub(super) fn note(&self, position: usize, problem: Problem) {
        self.problems.borrow_mut().push((position, problem));
    }

    /// All mistakes in the order of the file.
    pub(super) fn take_problems(&self) -> Vec<Problem> {
        for unknown in self.unknown.take() {
            let problem = unknown.problem(&self.known.borrow());
            self.note(unknown.span.start, problem);
        }
        let mut problems = self.problems.take();
        problems.sort_by_key(|(position, _)| *position);
        problems.into_iter().map(|(_, problem)| problem).collect()
    }

    /// Every key that was asked for so far.
    #[cfg(test)]
    pub(super) fn known(&self) -> BTreeSet<String> {
        self.known.borrow().clone()
    }
}

impl Unknown {
    fn problem(&self, known: &BTreeSet<String>) -> Problem {
        let elsewhere = known.iter().find_map(|path| {
            let (table, key) = path.rsplit_once('.').unwrap_or(("", path));
            (key == self.key && table != self.table && !table.contains('.')).then_some(table)
        });
        let (reason, table) = if self.table.is_empty() {
            ("there is no such key or table".to_owned(), "the top level".to_owned())
        } else {
            (format!("there is no such key in [{}]", self.table), format!("[{}]", self.table))
        };
        let fix = match (nearest(&self.key, self.siblings.iter().map(String::as_str)), elsewhere) {
            (_, Some("")) => format!("`{}` belongs above the first [table]", self.key),
            (_, Some(other)) => format!("`{}` belongs in [{other}]", self.key),
            (Some(near), None) => format!("did you mean `{near}`?"),
            (None, None) => match &self.hint {
                Some(hint) => hint.clone(),
                None => format!("{table} has: {}", self.siblings.join(", ")),
            },
        };
        Problem {
            file: self.source.name.clone(),
            place: Some(Place::of(&self.source, &self.span, Exposure::ByKey)),
            key: join(&self.table, &self.key),
            reason,
            fix: Some(fix),
        }
    }
}

/// One table of one file.
#[derive(Clone)]
pub(super) struct Layer<'a> {
    pub(super) source: &'a Arc<Source>,
    pub(super) table: &'a DeTable<'a>,
    /// Where it begins; absent for a whole file.
    pub(super) span: Option<Range<usize>>,
}

/// A table of the config: the operator's, then the built-in one, where they exist.
pub(super) struct Section<'a> {
    notes: &'a Notes,
    path: String,
    layers: Vec<Layer<'a>>,
    asked: Vec<String>,
}

impl<'a> Section<'a> {
    pub(super) fn new(notes: &'a Notes, path: String, layers: Vec<Layer<'a>>) -> Self {
        Self { notes, path, layers, asked: Vec::new() }
    }

    /// The value of a key: the operator's, else the built-in one.
    pub(super) fn optional(&mut self, key: &str) -> Option<Value<'a>> {
        self.asked.push(key.to_owned());
        let path = join(&self.path, key);
        self.notes.known.borrow_mut().insert(path.clone());
        let find = |layer: &Layer<'a>| {
            let (_, value) = layer.table.iter().find(|(name, _)| name.get_ref() == key)?;
            Some((layer.source, value))
        };
        let (source, value) = self.layers.iter().find_map(find)?;
        let last = self.layers.iter().rev().find_map(find);
        let default = last.filter(|(last, _)| !Arc::ptr_eq(last, source));
        let default = default.and_then(|(source, value)| source.text.get(value.span()));
        Some(Value { notes: self.notes, source, path, value: value.get_ref(), span: value.span(), default })
    }

    /// As [`Section::optional`], noting its absence; `example` is a line that would mend it.
    pub(super) fn required(&mut self, key: &str, example: &str) -> Option<Value<'a>> {
        let value = self.optional(key);
        if value.is_none() {
            self.missing(key, example);
        }
        value
    }

    fn missing(&self, key: &str, example: &str) {
        let Some(layer) = self.layers.first() else { return };
        let place = layer.span.as_ref().map(|span| Place::of(layer.source, span, Exposure::ByKey));
        let problem = Problem {
            file: layer.source.name.clone(),
            place,
            key: join(&self.path, key),
            reason: "must be set".to_owned(),
            fix: Some(format!("add: {example}")),
        };
        self.notes.note(layer.span.as_ref().map_or(0, |span| span.start), problem);
    }

    /// The table of that name, merged key by key. It may be absent from both files.
    pub(super) fn section(&mut self, key: &str) -> Self {
        self.asked.push(key.to_owned());
        let path = join(&self.path, key);
        let mut layers = Vec::new();
        for layer in &self.layers {
            let found = layer.table.iter().find(|(name, _)| name.get_ref() == key);
            let Some((name, value)) = found else { continue };
            match value.get_ref() {
                DeValue::Table(table) => {
                    layers.push(Layer { source: layer.source, table, span: Some(name.span()) });
                }
                other => {
                    let path = path.clone();
                    let below = if path == "connectors" { "[connectors.NAME]" } else { &format!("[{path}]") };
                    let fix = format!("write it as {below} with its keys below");
                    let reason = format!("must be a table, not {}", article(other));
                    let (notes, source, span) = (self.notes, layer.source, name.span());
                    let value = Value { notes, source, path, value: other, span, default: None };
                    value.wrong_as(Exposure::ByKey, reason, Some(fix));
                }
            }
        }
        Self::new(self.notes, path, layers)
    }

    /// The operator's own entries, in the order in which the file first mentions them.
    pub(super) fn entries(&mut self) -> Vec<Entry<'a>> {
        let mut entries = Vec::new();
        for layer in &self.layers {
            for (name, value) in layer.table {
                self.asked.push(name.get_ref().to_string());
                let path = join(&self.path, name.get_ref());
                let first_mention = first_mention(&name.span(), value.get_ref());
                let value = Value {
                    notes: self.notes,
                    source: layer.source,
                    path,
                    value: value.get_ref(),
                    span: value.span(),
                    default: None,
                };
                entries.push(Entry { name: name.get_ref(), name_span: name.span(), first_mention, value });
            }
        }
        entries.sort_by_key(|entry| entry.first_mention);
        entries
    }

    /// Notes every key that was not asked for. `hint` says where such keys usually belong.
    pub(super) fn finish(&self, hint: Option<&str>) {
        for layer in &self.layers {
            for (name, _) in layer.table {
                let key = name.get_ref();
                if !self.asked.iter().any(|asked| asked == key) {
                    self.notes.unknown.borrow_mut().push(Unknown {
                        source: Arc::clone(layer.source),
                        table: self.path.clone(),
                        key: shown_key(key).to_owned(),
                        span: name.span(),
                        siblings: self.asked.clone(),
                        hint: hint.map(str::to_owned),
                    });
                }
            }
        }
    }
}

/// One entry of a table whose keys are the operator's.
pub(super) struct Entry<'a> {
    pub(super) name: &'a str,
    pub(super) name_span: Range<usize>,
    first_mention: usize,
    pub(super) value: Value<'a>,
}

/// `[connectors.a.secrets]` may stand before `[connectors.a]`.
fn first_mention(name: &Range<usize>, value: &DeValue<'_>) -> usize {
    let DeValue::Table(table) = value else { return name.start };
    let inner = table.iter().map(|(name, value)| first_mention(&name.span(), value.get_ref()));
    inner.min().map_or(name.start, |first| first.min(name.start))
}

/// A value with its place.
#[derive(Clone)]
pub(super) struct Value<'a> {
    pub(super) notes: &'a Notes,
    pub(super) source: &'a Arc<Source>,
    pub(super) path: String,
    pub(super) value: &'a DeValue<'a>,
    pub(super) span: Range<usize>,
    /// What the built-in file says instead, as it is written there.
    default: Option<&'a str>,
}

impl<'a> Value<'a> {
    /// Notes what is wrong with a value that holds no secret.
    pub(super) fn wrong(&self, reason: impl Into<String>, fix: impl Into<String>) {
        self.wrong_as(Exposure::Plain, reason.into(), Some(fix.into()));
    }

    pub(super) fn wrong_as(&self, exposure: Exposure, reason: String, fix: Option<String>) {
        let problem = Problem {
            file: self.source.name.clone(),
            place: Some(Place::of(self.source, &self.span, exposure)),
            key: self.path.clone(),
            reason,
            fix,
        };
        self.notes.note(self.span.start, problem);
    }

    /// Notes that the value is of another kind. All but a table is shown: it stands under a key of ours.
    fn wrong_kind(&self, wanted: &str, example: &str) {
        let exposure = if self.value.is_table() { Exposure::ByKey } else { Exposure::Plain };
        let reason = format!("must be {wanted}, not {}", article(self.value));
        self.wrong_as(exposure, reason, Some(self.like(example)));
    }

    /// How the key is written: as by default, unless that shows nothing.
    fn like(&self, example: &str) -> String {
        match self.default.filter(|default| *default != "[]") {
            Some(default) => format!("the default is: {} = {default}", self.key()),
            None => format!("write it like: {} = {example}", self.key()),
        }
    }

    pub(super) fn key(&self) -> &str {
        self.path.rsplit('.').next().unwrap_or_default()
    }

    /// A text that is not empty.
    pub(super) fn text(&self, example: &str) -> Option<&'a str> {
        let example = format!("\"{example}\"");
        let DeValue::String(text) = self.value else {
            self.wrong_kind("a text", &example);
            return None;
        };
        if text.trim().is_empty() {
            self.wrong("must not be empty", self.like(&example));
            return None;
        }
        Some(text)
    }

    /// A text that `T` can be read from; `wanted` says what is.
    pub(super) fn parsed<T>(
        &self,
        wanted: &str,
        example: &str,
        parse: impl FnOnce(&str) -> Option<T>,
    ) -> Option<T> {
        let parsed = parse(self.text(example)?);
        if parsed.is_none() {
            self.wrong(format!("must be {wanted}"), self.like(&format!("\"{example}\"")));
        }
        parsed
    }

    /// One of the given words.
    pub(super) fn choice<T: Copy>(&self, choices: &[(&str, T)]) -> Option<T> {
        let first = choices.first().map_or("", |(word, _)| word);
        let text = self.text(first)?;
        let found = choices.iter().find(|(word, _)| *word == text);
        if found.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
            let fix = match nearest(text, choices.iter().map(|(word, _)| *word)) {
                Some(near) => format!("did you mean \"{near}\"?"),
                None => self.like(&format!("\"{first}\"")),
            };
            self.wrong(format!("must be one of: {}", words.join(", ")), fix);
        }
        found.map(|(_, choice)| *choice)
    }

    pub(super) fn flag(&self) -> Option<bool> {
        let flag = self.value.as_bool();
        if flag.is_none() {
            self.wrong_kind("true or false", "true");
        }
        flag
    }

    /// A whole number within the range.
    pub(super) fn integer<T>(&self, range: RangeInclusive<T>) -> Option<T>
    where
        T: TryFrom<i64> + PartialOrd + fmt::Display,
    {
        let (least, most) = (range.start(), range.end());
        let Some(integer) = self.value.as_integer() else {
            self.wrong_kind("a whole number", &least.to_string());
            return None;
        };
        let number = i64::from_str_radix(integer.as_str(), integer.radix()).ok();
        let number =
            number.and_then(|number| T::try_from(number).ok()).filter(|number| range.contains(number));
        if number.is_none() {
            self.wrong(format!("must be between {least} and {most}"), self.like(&least.to_string()));
        }
        number
    }

    /// The elements of a list.
    pub(super) fn list(&self, example: &str) -> Option<Vec<Self>> {
        let Some(array) = self.value.as_array() else {
            self.wrong_kind("a list", example);
            return None;
        };
        Some(array.iter().map(|element| self.with(element.get_ref(), element.span())).collect())
    }

    /// A list of texts, each read by `parse`; `example` is one element.
    pub(super) fn texts<T>(
        &self,
        wanted: &str,
        example: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Option<Vec<T>> {
        let example = format!("[\"{example}\"]");
        let read = |element: &Self| {
            let DeValue::String(text) = element.value else {
                element.wrong_kind("a text", &example);
                return None;
            };
            let parsed = parse(text);
            if parsed.is_none() {
                element.wrong(format!("must name {wanted}"), self.like(&example));
            }
            parsed
        };
        let elements = self.list(&example)?;
        // Every element is read before the first mistake counts.
        let read: Vec<Option<T>> = elements.iter().map(read).collect();
        read.into_iter().collect()
    }

    /// Another value inside this one.
    pub(super) fn with(&self, value: &'a DeValue<'a>, span: Range<usize>) -> Self {
        Self { value, span, ..self.clone() }
    }
}

fn article(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a text",
        DeValue::Integer(_) => "a whole number",
        DeValue::Float(_) => "a number with a decimal point",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date or time",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

pub(super) fn join(table: &str, key: &str) -> String {
    let key = shown_key(key);
    if table.is_empty() { key.to_owned() } else { format!("{table}.{key}") }
}

/// A quoted key may be anything, even something that was pasted into the wrong place.
fn shown_key(key: &str) -> &str {
    let is_bare = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let shown = !key.is_empty() && key.len() <= 64 && key.bytes().all(is_bare);
    if shown { key } else { "•••" }
}
