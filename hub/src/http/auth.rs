//! Who calls: an API key, the partition it opens, and what it may do.
//!
//! A handler names the scope that it needs in its own signature, as [`Caller`]`<`[`PaymentsWrite`]`>`, and
//! cannot learn whose data it may touch without the key having it.

use std::marker::PhantomData;

use axum::extract::FromRequestParts;
use axum::http::header::AUTHORIZATION;
use axum::http::request::Parts;
use hub_core::event::Cause;
use hub_core::ids::Scope;
use hub_core::planted::Bug;
use serde_json::json;

use super::Front;
use super::problem::{Kind, Problem};
use crate::api_key::PlainApiKey;
use crate::key_scope::KeyScope;
use crate::planted::planted;

/// A scope as a type.
pub trait Authority: Send + Sync + 'static {
    /// The scope.
    const SCOPE: KeyScope;
}

macro_rules! authorities {
    ($($name:ident),+ $(,)?) => {$(
        #[doc = concat!("[`KeyScope::", stringify!($name), "`]")]
        #[derive(Clone, Copy, Debug)]
        pub enum $name {}

        impl Authority for $name {
            const SCOPE: KeyScope = KeyScope::$name;
        }
    )+};
}

authorities!(
    PaymentsRead,
    PaymentsWrite,
    RefundsWrite,
    EventsRead,
    WebhooksRead,
    WebhooksWrite,
    ConnectorsRead,
);

/// A caller whose API key is valid and has the scope `A`.
#[derive(Clone, Debug)]
pub struct Caller<A> {
    /// Whose data, test or live.
    pub scope: Scope,
    /// The key's public part.
    pub key_id: String,
    authority: PhantomData<A>,
}

impl<A> Caller<A> {
    /// This caller as the cause of an event.
    pub fn cause(&self) -> Cause {
        Cause::Api { key_id: self.key_id.clone() }
    }
}

impl<A: Authority> FromRequestParts<Front> for Caller<A> {
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
        // Read for every request, so that a key that is revoked by another process opens nothing from then on.
        let row = front.hub.store.api_key(plain.key_id()).await?.ok_or_else(refuse)?;
        let now = front.hub.clock.now();
        let valid = (row.revoked_at.is_none() || planted(Bug::RevokedKeyOpens))
            && row.expires_at.is_none_or(|end| now < end)
            && row.key.livemode == plain.livemode()
            && row.key.matches(&plain);
        if !valid {
            return Err(refuse());
        }
        front.limits.key(&row.key.key_id, now).map_err(Problem::too_often)?;
        if !row.scopes.include(A::SCOPE) {
            let scope = A::SCOPE.as_str();
            return Err(Problem::new(Kind::InsufficientScope)
                .detail(format!("This call needs a key with the scope {scope}; this key does not have it."))
                .member("scope", json!(scope)));
        }
        let mut scope = row.scope;
        scope.livemode &= !planted(Bug::LiveKeyReadsTestData);
        Ok(Self { scope, key_id: row.key.key_id, authority: PhantomData })
    }
}
