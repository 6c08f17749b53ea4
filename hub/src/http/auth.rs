//! Who calls: an API key, and the partition it opens. Handlers cannot run without it.

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use hub_core::event::Cause;
use hub_core::ids::Scope;

use super::Front;
use super::problem::{Kind, Problem};
use crate::api_key::PlainApiKey;

/// A caller with a valid API key.
#[derive(Clone, Debug)]
pub struct Caller {
    /// Whose data, test or live.
    pub scope: Scope,
    /// The key's public part.
    pub key_id: String,
}

impl Caller {
    /// This caller as the cause of an event.
    pub fn cause(&self) -> Cause {
        Cause::Api { key_id: self.key_id.clone() }
    }
}

impl FromRequestParts<Front> for Caller {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, front: &Front) -> Result<Self, Problem> {
        let refuse = || Problem::new(Kind::Unauthorized);
        let header =
            parts.headers.get(AUTHORIZATION).and_then(|value| value.to_str().ok()).ok_or_else(refuse)?;
        let (scheme, token) = header.split_once(' ').ok_or_else(refuse)?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return Err(refuse());
        }
        let plain = PlainApiKey::parse(token.trim()).map_err(|_| refuse())?;
        let row = front.hub.store.api_key(plain.key_id()).await?.ok_or_else(refuse)?;
        let valid =
            row.revoked_at.is_none() && row.key.livemode == plain.livemode() && row.key.matches(&plain);
        if !valid {
            return Err(refuse());
        }
        Ok(Self { scope: row.scope, key_id: row.key.key_id })
    }
}
