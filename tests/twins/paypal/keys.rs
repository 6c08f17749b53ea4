//! What PayPal remembers for `PayPal-Request-Id`.
//!
//! Source: developer.paypal.com, "API requests": the same id again gives the latest state of what the first request
//! made. The Orders description keeps ids for six hours, the Payments description for 45 days. Whether a no is kept
//! is not said; the twin keeps one where a test wants that.

use std::collections::BTreeMap;

use super::refusal::Refusal;

/// How long an id is remembered, in seconds.
pub(super) const ORDERS_RETENTION_S: i64 = 6 * 60 * 60;
pub(super) const PAYMENTS_RETENTION_S: i64 = 45 * 24 * 60 * 60;
/// Longest id.
pub(super) const KEY_CHARS_MAX: usize = 108;

/// What a request made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Made {
    Order(String),
    Capture(String),
    Refund(String),
}

#[derive(Clone, Debug)]
struct Kept {
    /// Method, path and body.
    request: String,
    until_s: i64,
    end: Result<Made, Refusal>,
    /// The request that is being answered, by its number.
    in_progress: Option<u64>,
}

/// The ids of one account.
#[derive(Debug, Default)]
pub(super) struct Keys(BTreeMap<String, Kept>);

impl Keys {
    /// How the request with this id ended, if there was one.
    ///
    /// # Errors
    /// It is still being answered, was another request, or was refused and that is kept.
    pub(super) fn find(&mut self, key: &str, request: &str, now_s: i64) -> Result<Option<Made>, Refusal> {
        self.0.retain(|_, kept| kept.in_progress.is_some() || now_s < kept.until_s);
        match self.0.get(key) {
            None => Ok(None),
            Some(kept) if kept.request != request => {
                Err(Refusal::invalid("INVALID_PARAMETER_VALUE", "PayPal-Request-Id of another request"))
            }
            Some(kept) if kept.in_progress.is_some() => Err(Refusal::in_progress()),
            Some(kept) => kept.end.clone().map(Some),
        }
    }

    pub(super) fn keep(
        &mut self,
        (key, request): (&str, &str),
        number: u64,
        until_s: i64,
        end: Result<Made, Refusal>,
    ) {
        let kept = Kept { request: request.to_owned(), until_s, end, in_progress: Some(number) };
        self.0.insert(key.to_owned(), kept);
    }

    /// The request is answered.
    pub(super) fn is_over(&mut self, number: u64) {
        for kept in self.0.values_mut().filter(|kept| kept.in_progress == Some(number)) {
            kept.in_progress = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_stands_for_one_request_until_it_is_forgotten() {
        let made = || Ok(Made::Order("A".to_owned()));
        let mut keys = Keys::default();
        assert!(matches!(keys.find("k", "a", 0), Ok(None)));
        keys.keep(("k", "a"), 1, 10, made());
        assert_eq!(keys.find("k", "a", 1).unwrap_err().status, 409);
        keys.is_over(2);
        assert_eq!(keys.find("k", "a", 1).unwrap_err().status, 409);
        keys.is_over(1);
        assert_eq!(keys.find("k", "a", 9).unwrap(), made().ok());
        assert!(keys.find("k", "b", 9).unwrap_err().is_violation);
        assert!(keys.find("k", "a", 10).unwrap().is_none());
        keys.keep(("k", "a"), 3, 20, Err(Refusal::of_state("INSTRUMENT_DECLINED")));
        keys.is_over(3);
        assert_eq!(keys.find("k", "a", 11).unwrap_err().issue, Some("INSTRUMENT_DECLINED"));
    }
}
