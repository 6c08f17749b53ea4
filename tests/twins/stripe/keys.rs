//! What Stripe remembers for idempotency keys.
//!
//! Source: docs.stripe.com/api/idempotent_requests. Status and body of the first request are kept once its
//! execution began, 500 included; a key is compared with its parameters; keys go after at least 24 hours;
//! nothing is kept of a request that failed validation or met another one in progress.

use std::collections::BTreeMap;

use super::refusal::Refusal;

/// How long a key is remembered, in seconds.
const RETENTION_S: i64 = 24 * 60 * 60;
/// Longest key.
pub(super) const KEY_CHARS_MAX: usize = 255;

/// What a key stands for.
#[derive(Clone, Debug)]
struct Kept {
    /// Method, path, account and parameters.
    request: String,
    first_at_s: i64,
    status: u16,
    body: String,
    /// The request that is being answered, by its number.
    in_progress: Option<u64>,
}

/// The keys of one account.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<String, Kept>);

impl Keys {
    /// The answer that is kept for a key, if any.
    ///
    /// # Errors
    /// The key is in use, or was used for another request.
    pub(super) fn find(
        &mut self,
        key: &str,
        request: &str,
        now_s: i64,
    ) -> Result<Option<(u16, String)>, Refusal> {
        self.0.retain(|_, kept| kept.in_progress.is_some() || now_s - kept.first_at_s < RETENTION_S);
        match self.0.get(key) {
            None => Ok(None),
            Some(kept) if kept.request != request => Err(Refusal::key_is_for_another_request(key)),
            Some(kept) if kept.in_progress.is_some() => Err(Refusal::key_is_in_use(key)),
            Some(kept) => Ok(Some((kept.status, kept.body.clone()))),
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_stands_for_one_request_until_it_is_forgotten() {
        let mut keys = Keys::default();
        assert!(matches!(keys.find("k", "a", 0), Ok(None)));
        keys.keep(("k", "a"), 1, 0, (500, "first"));
        assert_eq!(keys.find("k", "a", 1).unwrap_err().status, 409);
        // The end of a request that met it in progress ends nothing.
        keys.is_over("k", 2);
        assert_eq!(keys.find("k", "a", 1).unwrap_err().status, 409);
        keys.is_over("k", 1);
        assert_eq!(keys.find("k", "a", 1).unwrap(), Some((500, "first".to_owned())));
        assert_eq!(keys.find("k", "b", 1).unwrap_err().kind, "idempotency_error");
        assert!(keys.find("k", "a", RETENTION_S - 1).unwrap().is_some());
        assert!(keys.find("k", "b", RETENTION_S).unwrap().is_none());
    }
}
