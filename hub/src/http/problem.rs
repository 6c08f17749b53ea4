//! Errors for the cart: RFC 9457 `application/problem+json`, from a closed set of kinds.
//!
//! Invariant: a problem names the field and the fix; it never repeats a value that was sent.

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hub_core::refusal::Refusal;
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Value, json};

use crate::rate_limit::TooOften;
use crate::service::ServiceError;
use crate::store::{Conflict, StoreError};

/// Every kind of problem. Each has one status and one documentation page at `/problems/{slug}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    MalformedJson,
    UnsupportedMediaType,
    BodyTooLarge,
    Unauthorized,
    InsufficientScope,
    NotFound,
    MethodNotAllowed,
    Validation,
    CardNumberDetected,
    IdempotencyKeyMissing,
    IdempotencyKeyInvalid,
    IdempotencyInProgress,
    IdempotencyMismatch,
    DuplicateOrderReference,
    Refused,
    FoundAfterRestore,
    NoConnector,
    ForgedWebhook,
    RateLimited,
    Overloaded,
    StorageUnavailable,
    Internal,
}

impl Kind {
    /// Every kind, for the documentation pages.
    pub const ALL: [Self; 22] = [
        Self::MalformedJson,
        Self::UnsupportedMediaType,
        Self::BodyTooLarge,
        Self::Unauthorized,
        Self::InsufficientScope,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Validation,
        Self::CardNumberDetected,
        Self::IdempotencyKeyMissing,
        Self::IdempotencyKeyInvalid,
        Self::IdempotencyInProgress,
        Self::IdempotencyMismatch,
        Self::DuplicateOrderReference,
        Self::Refused,
        Self::FoundAfterRestore,
        Self::NoConnector,
        Self::ForgedWebhook,
        Self::RateLimited,
        Self::Overloaded,
        Self::StorageUnavailable,
        Self::Internal,
    ];

    /// The last part of its type URI.
    pub const fn slug(self) -> &'static str {
        match self {
            Self::MalformedJson => "malformed-json",
            Self::UnsupportedMediaType => "unsupported-media-type",
            Self::BodyTooLarge => "body-too-large",
            Self::Unauthorized => "unauthorized",
            Self::InsufficientScope => "insufficient-scope",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Validation => "validation",
            Self::CardNumberDetected => "card-number-detected",
            Self::IdempotencyKeyMissing => "idempotency-key-missing",
            Self::IdempotencyKeyInvalid => "idempotency-key-invalid",
            Self::IdempotencyInProgress => "idempotency-in-progress",
            Self::IdempotencyMismatch => "idempotency-mismatch",
            Self::DuplicateOrderReference => "duplicate-order-reference",
            Self::Refused => "refused",
            Self::FoundAfterRestore => "found-after-restore",
            Self::NoConnector => "no-connector",
            Self::ForgedWebhook => "forged-webhook",
            Self::RateLimited => "rate-limited",
            Self::Overloaded => "overloaded",
            Self::StorageUnavailable => "storage-unavailable",
            Self::Internal => "internal",
        }
    }

    /// Its HTTP status.
    pub const fn status(self) -> StatusCode {
        match self {
            Self::MalformedJson | Self::IdempotencyKeyMissing | Self::IdempotencyKeyInvalid => {
                StatusCode::BAD_REQUEST
            }
            Self::UnsupportedMediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::BodyTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unauthorized | Self::ForgedWebhook => StatusCode::UNAUTHORIZED,
            Self::InsufficientScope => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Validation | Self::CardNumberDetected | Self::IdempotencyMismatch | Self::NoConnector => {
                StatusCode::UNPROCESSABLE_ENTITY
            }
            Self::IdempotencyInProgress
            | Self::DuplicateOrderReference
            | Self::Refused
            | Self::FoundAfterRestore => StatusCode::CONFLICT,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Overloaded | Self::StorageUnavailable => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The header line that goes with it; without a value of its own it tells how many seconds to wait.
    pub const fn header(self) -> Option<(HeaderName, Option<&'static str>)> {
        match self {
            Self::RateLimited | Self::Overloaded | Self::StorageUnavailable | Self::IdempotencyInProgress => {
                Some((header::RETRY_AFTER, None))
            }
            Self::Unauthorized => Some((header::WWW_AUTHENTICATE, Some("Bearer"))),
            // RFC 6750 §3.1.
            Self::InsufficientScope => {
                Some((header::WWW_AUTHENTICATE, Some("Bearer error=\"insufficient_scope\"")))
            }
            Self::MalformedJson
            | Self::UnsupportedMediaType
            | Self::BodyTooLarge
            | Self::NotFound
            | Self::MethodNotAllowed
            | Self::Validation
            | Self::CardNumberDetected
            | Self::IdempotencyKeyMissing
            | Self::IdempotencyKeyInvalid
            | Self::IdempotencyMismatch
            | Self::DuplicateOrderReference
            | Self::Refused
            | Self::FoundAfterRestore
            | Self::NoConnector
            | Self::ForgedWebhook
            | Self::Internal => None,
        }
    }

    /// Its code for programs, where nothing nearer is known.
    pub fn code(self) -> String {
        self.slug().replace('-', "_")
    }

    /// Whether the same request may succeed later.
    const fn is_retryable(self) -> bool {
        matches!(
            self,
            Self::RateLimited
                | Self::Overloaded
                | Self::StorageUnavailable
                | Self::IdempotencyInProgress
                | Self::Internal
        )
    }

    /// What it means and what to do, for people.
    pub const fn explanation(self) -> &'static str {
        match self {
            Self::MalformedJson => {
                "The request body is not one JSON object in which each name stands once. Send valid JSON."
            }
            Self::UnsupportedMediaType => "Send the body with `Content-Type: application/json`.",
            Self::BodyTooLarge => "The request body is larger than the hub takes. Send less.",
            Self::Unauthorized => {
                "Send `Authorization: Bearer` with an API key of this hub that is neither revoked nor expired."
            }
            Self::InsufficientScope => {
                "This API key may not do that; `scope` names what it lacks. Use a key that has it, or ask the \
                 operator for one."
            }
            Self::NotFound => {
                "There is nothing here, at least not for this API key: test and live are separate."
            }
            Self::MethodNotAllowed => "This address does not take that HTTP method.",
            Self::Validation => "One or more fields are wrong; `errors` names each with its fix.",
            Self::CardNumberDetected => {
                "Something that looks like a card number was sent. Card numbers must never reach the hub: \
                 the shopper types them on the processor's own page. Nothing was stored."
            }
            Self::IdempotencyKeyMissing => {
                "This call creates something or moves money. Send an `Idempotency-Key` header, a fresh one \
                 for each new wish and the same one for each retry."
            }
            Self::IdempotencyKeyInvalid => "An idempotency key is 1 to 255 printable ASCII characters.",
            Self::IdempotencyInProgress => {
                "The first request with this idempotency key is still being worked on. Retry shortly."
            }
            Self::IdempotencyMismatch => {
                "This idempotency key was used with another body. Use a fresh key for a new wish."
            }
            Self::DuplicateOrderReference => {
                "An open payment intent has the same order_reference; `payment_intent` names it. Use that \
                 one, or send `allow_duplicate: true`."
            }
            Self::Refused => "The payment does not allow that now; `code` and `detail` say why.",
            Self::FoundAfterRestore => {
                "The hub's database was restored from a backup, and the processor told of a capture or refund that \
                 the backup does not know; `found` names it. It may be the very one that this request asks for, \
                 under a key that the hub has forgotten, so nothing was done. Read it: if it is the one, you are \
                 done. If you want another one besides, ask under a new idempotency key, with \
                 `allow_duplicate: true`."
            }
            Self::NoConnector => {
                "No configured connector can take this payment; `detail` gives the reason for each."
            }
            Self::ForgedWebhook => "The delivery's signature is missing, wrong or stale. Nothing was stored.",
            Self::RateLimited => {
                "Too many requests in a short time. Nothing was done; the same request, under the same \
                 idempotency key, may come again after the seconds in `Retry-After`."
            }
            Self::Overloaded => "Too much is waiting. Nothing was done; retry after the given seconds.",
            Self::StorageUnavailable => {
                "The hub cannot use its database just now: it cannot be reached, or its disk takes nothing more. \
                 Whether anything was done is unknown: retry with the same idempotency key after the seconds in \
                 `Retry-After`."
            }
            Self::Internal => {
                "The hub failed. Whether anything was done is unknown: retry with the same idempotency key."
            }
        }
    }
}

/// One wrong field.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FieldError {
    /// RFC 6901 pointer into the body, or `?name` for a query parameter.
    pub pointer: String,
    /// What is wrong and what would be right.
    pub detail: String,
}

/// What went wrong and what to do: an RFC 9457 problem document.
#[derive(Debug, Serialize, JsonSchema)]
#[schemars(rename = "Problem")]
pub struct ProblemDocument<'a> {
    /// An address on this hub that explains it.
    r#type: String,
    title: String,
    /// The HTTP status.
    status: u16,
    /// Stable word for programs.
    code: &'a str,
    /// For people: what is wrong and what would be right.
    detail: &'a str,
    /// Whether the same request, with the same idempotency key, may succeed later.
    retryable: bool,
    /// Each wrong field with its fix.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<&'a Vec<FieldError>>,
    /// With `insufficient_scope`: the scope that the key lacks.
    #[serde(skip_serializing_if = "Option::is_none")]
    scope: Option<&'a str>,
    /// With `duplicate_order_reference`: the open intent that has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    payment_intent: Option<&'a str>,
    /// With `found_after_restore`: the capture or refund that was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    found: Option<&'a str>,
    /// The request's id, as in the header `X-Request-Id`; it is in the hub's log.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<&'a str>,
}

/// A problem to answer with.
#[derive(Clone, Debug)]
pub struct Problem {
    pub kind: Kind,
    /// Stable code for programs; the kind's slug with underscores unless something nearer is known.
    pub code: String,
    pub detail: String,
    pub errors: Vec<FieldError>,
    /// Further members of the document.
    pub members: Vec<(&'static str, Value)>,
    /// Seconds to wait, for kinds that are worth another try.
    pub retry_after_s: u64,
    /// That whoever asked showed no valid key, token or signature.
    pub proves_nothing: bool,
}

/// Seconds an overloaded caller should wait.
const RETRY_AFTER_S: u64 = 1;

impl Problem {
    /// A problem with its standard explanation.
    pub fn new(kind: Kind) -> Self {
        Self {
            kind,
            code: kind.code(),
            detail: kind.explanation().to_owned(),
            errors: vec![],
            members: vec![],
            retry_after_s: RETRY_AFTER_S,
            proves_nothing: matches!(kind, Kind::Unauthorized | Kind::ForgedWebhook),
        }
    }

    /// That whoever asked showed no valid key, token or signature.
    #[must_use]
    pub fn proves_nothing(self) -> Self {
        Self { proves_nothing: true, ..self }
    }

    /// Somebody's allowance is used up.
    pub fn too_often(too_often: TooOften) -> Self {
        Self { retry_after_s: too_often.retry_after_s, ..Self::new(Kind::RateLimited) }
    }

    /// With a nearer explanation.
    #[must_use]
    pub fn detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }

    /// With a nearer code.
    #[must_use]
    pub fn code(mut self, code: &str) -> Self {
        code.clone_into(&mut self.code);
        self
    }

    /// With another member.
    #[must_use]
    pub fn member(mut self, name: &'static str, value: Value) -> Self {
        self.members.push((name, value));
        self
    }

    /// Wrong fields.
    pub fn fields(errors: Vec<FieldError>) -> Self {
        Self { errors, ..Self::new(Kind::Validation) }
    }

    /// One wrong field.
    pub fn field(pointer: &str, detail: impl Into<String>) -> Self {
        Self::fields(vec![FieldError { pointer: pointer.to_owned(), detail: detail.into() }])
    }

    /// The document, without what only the outermost layer knows.
    pub fn document(&self) -> Value {
        let mut document = json!(ProblemDocument {
            r#type: format!("/problems/{}", self.kind.slug()),
            title: self.kind.slug().replace('-', " "),
            status: self.kind.status().as_u16(),
            code: &self.code,
            detail: &self.detail,
            retryable: self.kind.is_retryable(),
            errors: (!self.errors.is_empty()).then_some(&self.errors),
            scope: None,
            payment_intent: None,
            found: None,
            request_id: None,
        });
        if let Some(fields) = document.as_object_mut() {
            for (name, value) in &self.members {
                fields.insert((*name).to_owned(), value.clone());
            }
        }
        document
    }
}

/// Marks a response whose body still lacks the request's id.
#[derive(Clone, Copy, Debug)]
pub struct LacksRequestId;

/// Marks a refusal of somebody who showed no valid key, token or signature: it counts against the address.
#[derive(Clone, Copy, Debug)]
pub struct ProvesNothing;

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.kind.status(), self.document().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some((name, value)) = self.kind.header() {
            let value = value.map_or_else(|| HeaderValue::from(self.retry_after_s), HeaderValue::from_static);
            headers.insert(name, value);
        }
        response.extensions_mut().insert(LacksRequestId);
        if self.proves_nothing {
            response.extensions_mut().insert(ProvesNothing);
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let problem = match &refusal {
            Refusal::ExceedsAuthorized { .. }
            | Refusal::ExceedsCaptured { .. }
            | Refusal::AmountNotPositive
            | Refusal::CurrencyMismatch { .. } => Self::field("/amount", refusal.to_string()),
            Refusal::WrongStatus { .. }
            | Refusal::NotSupported { .. }
            | Refusal::Quarantined { .. }
            | Refusal::NotQuarantined
            | Refusal::CannotResolve { .. }
            | Refusal::CannotSettle { .. }
            | Refusal::NoSuchAttempt
            | Refusal::TooManyAttempts { .. }
            | Refusal::TooManyTransfers { .. } => Self::new(Kind::Refused),
            Refusal::FoundAfterRestore { id, .. } => {
                Self::new(Kind::FoundAfterRestore).member("found", Value::from(id.as_str()))
            }
            // Not stored under the key: the same request may succeed in a moment.
            Refusal::Reconciling => Self::new(Kind::Overloaded),
        };
        problem.code(refusal.code()).detail(refusal.to_string())
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Overloaded => Self::new(Kind::Overloaded),
            StoreError::Conflict(Conflict::NotFound) => Self::new(Kind::NotFound),
            StoreError::Conflict(Conflict::IdempotencyKey) => Self::new(Kind::IdempotencyInProgress),
            // Logged once, here where they end; the cart learns nothing of the inside.
            StoreError::Unavailable(_) => {
                tracing::error!(%error, "a request could not use the store");
                Self::new(Kind::StorageUnavailable)
            }
            StoreError::Conflict(
                Conflict::Version
                | Conflict::OrderReference
                | Conflict::SeenDelivery
                | Conflict::SeenEvent
                | Conflict::HistoryRoot
                | Conflict::LeaseLost,
            )
            | StoreError::Failed(_) => {
                tracing::error!(%error, "a request failed in the store");
                Self::new(Kind::Internal)
            }
        }
    }
}

impl From<ServiceError> for Problem {
    fn from(error: ServiceError) -> Self {
        match error {
            ServiceError::Refused(refusal) => refusal.into(),
            ServiceError::NotFound => Self::new(Kind::NotFound),
            ServiceError::Store(error) => error.into(),
        }
    }
}
