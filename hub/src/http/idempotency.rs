//! The caller's promise "same key, same request", kept by the same commit that does what was asked.
//!
//! The answer is a row of that commit, so that a repeat gets it after a crash, a restart, or a race of
//! sixty-four. Scope: merchant, test or live, and the call.

use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::Response;
use hub_core::ids::Scope;
use hub_core::planted::Bug;
use processor_sdk::Timestamp;
use sha2::{Digest, Sha256};

use super::body::{Body, JsonRequest};
use super::problem::{Kind, LacksRequestId, Problem};
use crate::planted::planted;
use crate::service::Hub;
use crate::store::{Commit, Conflict, IdempotencyRow, StoreError, StoredAnswer, Write};

/// Longest key.
pub(super) const KEY_CHARS_MAX: usize = 255;

/// One call under its key.
#[derive(Clone, Debug)]
pub struct KeyedCall {
    scope: Scope,
    operation: &'static str,
    key: String,
    fingerprint: [u8; 32],
}

/// How a call under a key begins.
#[derive(Debug)]
pub enum Begun {
    /// The key is new.
    New(KeyedCall),
    /// It was answered before: this was the answer.
    Before(Response),
}

impl KeyedCall {
    /// Begins a call: reads its key and looks whether it was answered before.
    ///
    /// # Errors
    /// Those of [`KeyedCall::read`] and [`KeyedCall::replay`].
    pub async fn begin<B: Body>(
        hub: &Hub,
        scope: &Scope,
        operation: &'static str,
        request: &JsonRequest<B>,
    ) -> Result<Begun, Problem> {
        const { assert!(B::KEYED, "the document says that this call takes no key") };
        let keyed = Self::read(scope, operation, &request.headers, request.uri.path(), &request.body)?;
        Ok(match keyed.replay(hub).await? {
            Some(response) => Begun::Before(response),
            None => Begun::New(keyed),
        })
    }

    /// Reads the key of a request. `path` and `body` are what the key stands for.
    ///
    /// # Errors
    /// [`Kind::IdempotencyKeyMissing`], [`Kind::IdempotencyKeyInvalid`].
    pub fn read(
        scope: &Scope,
        operation: &'static str,
        headers: &HeaderMap,
        path: &str,
        body: &[u8],
    ) -> Result<Self, Problem> {
        let value =
            headers.get("idempotency-key").ok_or_else(|| Problem::new(Kind::IdempotencyKeyMissing))?;
        let invalid = || Problem::new(Kind::IdempotencyKeyInvalid);
        let text = value.to_str().map_err(|_| invalid())?.trim();
        // The IETF draft writes it as a quoted string (RFC 9651 §3.3.3), most callers bare.
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or(text);
        let printable = bare.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
        if bare.is_empty() || bare.len() > KEY_CHARS_MAX || !printable {
            return Err(invalid());
        }
        let fingerprint = Sha256::new().chain_update(path).chain_update([0]).chain_update(body).finalize();
        Ok(Self { scope: scope.clone(), operation, key: bare.to_owned(), fingerprint: fingerprint.into() })
    }

    /// The caller's key.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// The answer that was given before, if one was.
    ///
    /// # Errors
    /// [`Kind::IdempotencyMismatch`] for another body, [`Kind::IdempotencyInProgress`] while the first request
    /// is at work.
    pub async fn replay(&self, hub: &Hub) -> Result<Option<Response>, Problem> {
        if planted(Bug::SkipIdempotencyLookUp) {
            return Ok(None);
        }
        let Some(row) = hub.store.idempotency(&self.scope, self.operation, &self.key).await? else {
            return Ok(None);
        };
        if row.fingerprint != self.fingerprint && !planted(Bug::IgnoreOtherBody) {
            return Err(Problem::new(Kind::IdempotencyMismatch));
        }
        if row.provisional_until.is_some_and(|until| hub.clock.now() < until) {
            return Err(Problem::new(Kind::IdempotencyInProgress));
        }
        let body = if row.answer.sealed {
            let context = self.context();
            hub.sealer.open(&context, &row.answer.body).map_err(|error| {
                tracing::error!(%error, "a sealed answer cannot be opened");
                Problem::new(Kind::Internal)
            })?
        } else {
            row.answer.body
        };
        let mut response = respond(row.answer.status, body);
        response.headers_mut().insert("idempotency-replayed", HeaderValue::from_static("true"));
        Ok(Some(response))
    }

    /// The write that stores an answer for good.
    pub fn answer(&self, answer: StoredAnswer, now: Timestamp) -> Write {
        self.write(answer, now, None)
    }

    /// The write that stores an answer which may be replaced until `until`.
    pub fn provisional(&self, answer: StoredAnswer, now: Timestamp, until: Timestamp) -> Write {
        self.write(answer, now, Some(until))
    }

    fn write(&self, answer: StoredAnswer, now: Timestamp, provisional_until: Option<Timestamp>) -> Write {
        Write::InsertIdempotency(IdempotencyRow {
            scope: self.scope.clone(),
            operation: self.operation,
            key: self.key.clone(),
            fingerprint: self.fingerprint,
            answer,
            created_at: now,
            provisional_until,
        })
    }

    /// Puts the final answer in place of the provisional one.
    ///
    /// # Errors
    /// The store's.
    pub async fn finish(&self, hub: &Hub, answer: StoredAnswer) -> Result<(), StoreError> {
        let (scope, operation, key) = (self.scope.clone(), self.operation, self.key.clone());
        let write = Write::FinishIdempotency { scope, operation, key, answer };
        hub.store.commit(Commit { writes: vec![write] }).await
    }

    /// An answer that carries a secret: stored sealed.
    pub fn seal(&self, hub: &Hub, status: u16, body: &[u8]) -> StoredAnswer {
        StoredAnswer { status, body: hub.sealer.seal(&self.context(), body), sealed: true }
    }

    fn context(&self) -> String {
        let mode = if self.scope.livemode { "live" } else { "test" };
        format!("idempotency/{}/{mode}/{}/{}", self.scope.merchant_id.0, self.operation, self.key)
    }

    /// Turns what a keyed command came to into a response. A key that somebody else has just used gives
    /// that one's answer; a refusal is stored, so that the same key gets it again.
    ///
    /// # Errors
    /// The problem to answer with, when it is not one to be stored.
    pub async fn conclude(&self, hub: &Hub, problem: Problem) -> Result<Response, Problem> {
        if problem.kind == Kind::IdempotencyInProgress {
            return self.replay(hub).await?.ok_or(problem);
        }
        if !is_stored(problem.kind) {
            return Err(problem);
        }
        let status = problem.kind.status().as_u16();
        let body = problem.document().to_string().into_bytes();
        let answer = StoredAnswer { status, body: body.clone(), sealed: false };
        let write = self.answer(answer, hub.clock.now());
        match hub.store.commit(Commit { writes: vec![write] }).await {
            Ok(()) => Ok(respond(status, body)),
            Err(StoreError::Conflict(Conflict::IdempotencyKey)) => self.replay(hub).await?.ok_or(problem),
            Err(error) => Err(error.into()),
        }
    }
}

/// Whether a refusal was decided by what the hub knows, so that the same key gets it again.
pub(super) const fn is_stored(kind: Kind) -> bool {
    matches!(kind, Kind::Refused | Kind::FoundAfterRestore | Kind::Validation | Kind::DuplicateOrderReference)
}

/// An answer that is stored as it is given.
pub fn plain(status: u16, body: &serde_json::Value) -> StoredAnswer {
    StoredAnswer { status, body: body.to_string().into_bytes(), sealed: false }
}

/// A response with these bytes.
pub fn respond(status: u16, body: Vec<u8>) -> Response {
    let problem = status >= 400;
    let mut response = Response::new(body.into());
    *response.status_mut() = axum::http::StatusCode::from_u16(status).unwrap_or(axum::http::StatusCode::OK);
    let media_type = if problem { "application/problem+json" } else { "application/json" };
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(media_type));
    if problem {
        response.extensions_mut().insert(LacksRequestId);
    }
    response
}
