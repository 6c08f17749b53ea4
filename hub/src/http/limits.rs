//! How often callers may ask: each API key, and each address that has shown nothing to prove who it is.
//!
//! What proves itself (a valid key, a token that exists, a verified webhook) is never counted against its
//! address. Many shops and shoppers share one, behind a proxy that is not listed all of them do, and nobody
//! should be able to stop their payments by guessing beside them. What keeps keys and tokens from being
//! guessed is their length; the limit keeps guessing slow and cheap for the hub.
//!
//! Invariant: whatever is refused here has had no effect, and has used up no idempotency key.

use std::net::IpAddr;

use axum::response::{IntoResponse, Response};
use processor_sdk::Timestamp;

use super::client_address::ClientAddress;
use super::problem::{Kind, Problem, ProvesNothing};
use crate::metrics::{Limited, Metrics};
use crate::rate_limit::{Rate, RateLimiter, TooOften};

/// API keys whose pace is remembered: more than anybody has.
const KEYS_MAX: usize = 10_000;
/// Addresses whose pace is remembered; those beyond share one allowance.
const ADDRESSES_MAX: usize = 65_536;

/// How often each may ask; `None` is as often as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rates {
    /// One API key.
    pub key: Option<Rate>,
    /// One address, for what proves nothing.
    pub unproven: Option<Rate>,
}

impl Rates {
    /// No limits.
    pub const NONE: Self = Self { key: None, unproven: None };
}

/// How often each has asked.
#[derive(Debug)]
pub struct Limits {
    keys: RateLimiter<String>,
    addresses: RateLimiter<IpAddr>,
}

impl Limits {
    /// Nobody has asked yet.
    pub fn new(rates: Rates) -> Self {
        Self {
            keys: RateLimiter::new(rates.key, KEYS_MAX),
            addresses: RateLimiter::new(rates.unproven, ADDRESSES_MAX),
        }
    }

    /// A request with a valid key.
    ///
    /// # Errors
    /// [`TooOften`].
    pub fn key(&self, key_id: &str, now: Timestamp) -> Result<(), TooOften> {
        self.keys.take(&key_id.to_owned(), now)
    }

    /// Counts an answer to whoever proved nothing; beyond the allowance another takes its place.
    pub(super) fn answer(
        &self,
        client: ClientAddress,
        now: Timestamp,
        metrics: &Metrics,
        mut response: Response,
    ) -> Response {
        if response.extensions_mut().remove::<ProvesNothing>().is_none() {
            if response.status() == Kind::RateLimited.status() {
                metrics.limited(Limited::Key);
            }
            return response;
        }
        match self.addresses.take(&client.caller(), now) {
            Ok(()) => response,
            Err(too_often) => {
                metrics.limited(Limited::Address);
                Problem::too_often(too_often).into_response()
            }
        }
    }
}
