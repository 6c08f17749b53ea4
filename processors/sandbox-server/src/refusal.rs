//! Why a call is refused: one variant per cause, each with its HTTP status and its code in the public contract.

use thiserror::Error;

#[derive(Debug, PartialEq, Eq, Error)]
pub(crate) enum Refusal {
    #[error("{0}")]
    Invalid(String),
    #[error("Send an `Idempotency-Key` header of 1 to 255 visible ASCII characters.")]
    KeyMissing,
    #[error("Send `Authorization: Bearer <api_key>` with the key of an account.")]
    Unauthorized,
    #[error("There is no {0}.")]
    NotFound(String),
    #[error("This path does not take this method.")]
    MethodNotAllowed,
    #[error("A request with this idempotency key is still being worked on.")]
    KeyInProgress,
    #[error("This idempotency key was used for another request.")]
    KeyMismatch,
    #[error("The session is {0}.")]
    SessionNotOpen(&'static str),
    #[error("The payment is {0}.")]
    PaymentNotAuthorized(&'static str),
    #[error("The payment has captures; refund them instead.")]
    PaymentAlreadyCaptured,
    #[error("The {0} is already {1}.")]
    AlreadySettled(&'static str, &'static str),
    #[error("Asked to capture {asked}, but only {left} can be captured.")]
    ExceedsAuthorized { asked: i64, left: i64 },
    #[error("Asked for {asked}, but only {left} can be given back.")]
    ExceedsCaptured { asked: i64, left: i64 },
    #[error("The body is larger than 64 KiB.")]
    BodyTooLarge,
    #[error("Too many requests.")]
    RateLimited,
    #[error("Something went wrong.")]
    ServerError,
}

impl Refusal {
    pub(crate) fn status(&self) -> u16 {
        match self {
            Self::Invalid(_) | Self::KeyMissing => 400,
            Self::Unauthorized => 401,
            Self::NotFound(_) => 404,
            Self::MethodNotAllowed => 405,
            Self::KeyInProgress
            | Self::SessionNotOpen(_)
            | Self::PaymentNotAuthorized(_)
            | Self::PaymentAlreadyCaptured
            | Self::AlreadySettled(..) => 409,
            Self::BodyTooLarge => 413,
            Self::KeyMismatch | Self::ExceedsAuthorized { .. } | Self::ExceedsCaptured { .. } => 422,
            Self::RateLimited => 429,
            Self::ServerError => 500,
        }
    }

    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::Invalid(_) => "invalid_request",
            Self::KeyMissing => "idempotency_key_missing",
            Self::Unauthorized => "unauthorized",
            Self::NotFound(_) => "not_found",
            Self::MethodNotAllowed => "method_not_allowed",
            Self::KeyInProgress => "idempotency_in_progress",
            Self::KeyMismatch => "idempotency_mismatch",
            Self::SessionNotOpen(_) => "session_not_open",
            Self::PaymentNotAuthorized(_) => "payment_not_authorized",
            Self::PaymentAlreadyCaptured => "payment_already_captured",
            Self::AlreadySettled(..) => "already_settled",
            Self::ExceedsAuthorized { .. } => "amount_exceeds_authorized",
            Self::ExceedsCaptured { .. } => "amount_exceeds_captured",
            Self::BodyTooLarge => "body_too_large",
            Self::RateLimited => "rate_limited",
            Self::ServerError => "server_error",
        }
    }
}
