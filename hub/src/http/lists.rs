//! Lists: newest first, `limit` up to 100, `cursor` from the answer before.

use axum::http::Uri;
use serde_json::Value;

use super::problem::{FieldError, Problem};
use crate::api_objects::envelopes::list;
use crate::store::Page;

/// Items where the caller names no limit.
pub(super) const LIMIT_DEFAULT: u32 = 20;
/// Most items of one page.
pub(super) const LIMIT_MAX: u32 = 100;

/// A list's query, its parameters read one by one.
#[derive(Debug)]
pub struct Query {
    pairs: Vec<(String, String)>,
    errors: Vec<FieldError>,
}

impl Query {
    /// The query of an address.
    pub fn of(uri: &Uri) -> Self {
        let query = uri.query().unwrap_or_default();
        let pairs = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
        Self { pairs, errors: vec![] }
    }

    /// Takes a parameter.
    pub fn take(&mut self, name: &str) -> Option<String> {
        let index = self.pairs.iter().position(|(key, _)| key == name)?;
        Some(self.pairs.swap_remove(index).1)
    }

    /// Takes a parameter and reads it.
    pub fn read<T>(&mut self, name: &str, what: &str, read: impl FnOnce(&str) -> Option<T>) -> Option<T> {
        let text = self.take(name)?;
        let value = read(&text);
        if value.is_none() {
            self.error(name, what);
        }
        value
    }

    fn error(&mut self, name: &str, detail: &str) {
        self.errors.push(FieldError { pointer: format!("?{name}"), detail: detail.to_owned() });
    }

    /// Takes the page and ends the reading. `is_cursor` knows the names of what this list holds: a cursor of
    /// another list would give the wrong items without a word.
    ///
    /// # Errors
    /// All mistakes together, unknown parameters included.
    pub fn page(mut self, is_cursor: impl Fn(&str) -> bool) -> Result<Page, Problem> {
        let limit = self
            .read("limit", &format!("must be an integer from 1 to {LIMIT_MAX}"), |text| {
                text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit))
            })
            .unwrap_or(LIMIT_DEFAULT);
        let after = self.read("cursor", "must be the next_cursor of the page before", |text| {
            is_cursor(text).then(|| text.to_owned())
        });
        for (name, _) in std::mem::take(&mut self.pairs) {
            self.error(&name, "is not a parameter of this list, or is there twice");
        }
        if self.errors.is_empty() { Ok(Page { after, limit }) } else { Err(Problem::fields(self.errors)) }
    }
}

/// One more than the page holds, to see whether there is a next one.
pub fn one_more(page: &Page) -> Page {
    Page { after: page.after.clone(), limit: page.limit + 1 }
}

/// A list's answer from one more item than the page holds, each with its id.
pub fn answer(page: &Page, mut items: Vec<(String, Value)>) -> Value {
    let limit = usize::try_from(page.limit).unwrap_or(usize::MAX);
    let more = items.len() > limit;
    items.truncate(limit);
    let (ids, data): (Vec<String>, Vec<Value>) = items.into_iter().unzip();
    let next = if more { ids.last().map(String::as_str) } else { None };
    list(&data, next)
}
