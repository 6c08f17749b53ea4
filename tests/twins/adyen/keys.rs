//! What Adyen remembers for idempotency keys.
//!
//! Source: docs.adyen.com, "API idempotency": a key has at most 64 characters and is valid for at least 7 days; a
//! repeat is answered as the first request was; one that meets the first still in progress gets error 704; an answer
//! with the header `transient-error` is not kept.
//!
//! What Adyen makes of another request under a known key is not documented. Here it is answered as the first one was,
//! so that nothing is done, and noted: the hub must not send it.

use std::collections::BTreeMap;

/// How long a key is remembered, in seconds.
const RETENTION_S: i64 = 7 * 24 * 60 * 60;
/// Longest key.
pub(super) const KEY_CHARS_MAX: usize = 64;

/// What a key stands for.
#[derive(Clone, Debug)]
struct Kept {
    /// Method, path and body.
    request: String,
    first_at_s: i64,
    status: u16,
    body: String,
    /// The request that is being answered, by its number.
    in_progress: Option<u64>,
}

/// What is known of a key.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    InProgress,
    Kept { status: u16, body: String, is_same: bool },
}

/// The keys of one account.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<String, Kept>);

impl Keys {
    pub(super) fn find(&mut self, key: &str, request: &str, now_s: i64) -> Found {
        self.0.retain(|_, kept| kept.in_progress.is_some() || now_s - kept.first_at_s < RETENTION_S);
        match self.0.get(key) {
            None => Found::Nothing,
            Some(kept) if kept.in_progress.is_some() => Found::InProgress,
            Some(Kept { status, body, request: first, .. }) => {
                Found::Kept { status: *status, body: body.clone(), is_same: first == request }
            }
        }
    }

    /// Keeps an answer that is about to leave.
    pub(super) fn keep(
        &mut self,
        (key, request): (&str, &str),
        number: u64,
        now_s: i64,
        (status, body): (u16, &str),
    ) {
        let (request, body) = (request.to_owned(), body.to_owned());
        let kept = Kept { request, first_at_s: now_s, status, body, in_progress: Some(number) };
        self.0.insert(key.to_owned(), kept);
    }

    /// The request is answered.
    pub(super) fn is_over(&mut self, key: &str, number: u64) {
        if let Some(kept) = self.0.get_mut(key).filter(|kept| kept.in_progress == Some(number)) {
            kept.in_progress = None;
        }
    }

    /// Every request is answered.
    pub(super) fn all_over(&mut self) {
        for kept in self.0.values_mut() {
            kept.in_progress = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_for_one_request_until_it_is_forgotten() {
        let kept = |is_same| Found::Kept { status: 201, body: "first".to_owned(), is_same };
        let mut keys = Keys::default();
        assert_eq!(keys.find("k", "a", 0), Found::Nothing);
        keys.keep(("k", "a"), 1, 0, (201, "first"));
        // The end of a request that met it in progress ends nothing.
        keys.is_over("k", 2);
        assert_eq!(keys.find("k", "a", 1), Found::InProgress);
        keys.is_over("k", 1);
        assert_eq!(keys.find("k", "a", 1), kept(true));
        assert_eq!(keys.find("k", "b", RETENTION_S - 1), kept(false));
        assert_eq!(keys.find("k", "a", RETENTION_S), Found::Nothing);
    }
}
