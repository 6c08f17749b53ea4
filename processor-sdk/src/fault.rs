//! Why an adapter could not say what is so. A fault is never a verdict on a payment.

use serde::{Deserialize, Serialize};

/// An adapter's reason for having no answer. None of these means "declined": a decline is a fact.
///
/// Whether money may have moved is not the adapter's to say: the host knows which requests left.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Fault {
    /// The descriptor's capabilities do not include this operation.
    #[error("this processor cannot do that")]
    Unsupported,
    /// The request cannot be built from what was asked; nothing was sent for it.
    #[error("cannot ask: {field} {reason}")]
    CannotAsk {
        /// Which field of the call, such as `operation.description` or `settings.base_url`.
        field: String,
        /// What is wrong and what would be right; never the value itself.
        reason: String,
    },
    /// The processor refused our credentials (HTTP 401, 403): an operator must act; nothing happened.
    #[error("the processor refused the credentials (HTTP {status})")]
    Credentials {
        /// HTTP status code.
        status: u16,
    },
    /// The processor asked us to slow down (HTTP 429); nothing happened.
    #[error("the processor asked to slow down")]
    Throttled {
        /// Seconds to wait, when it said so.
        retry_after_s: Option<u32>,
    },
    /// The processor failed, or says that it is still busy with the same key (HTTP 5xx, 408, 409).
    #[error("the processor failed (HTTP {status})")]
    Processor {
        /// HTTP status code.
        status: u16,
    },
    /// An answer that cannot be read: never a verdict.
    #[error("unreadable answer: {what}")]
    Unreadable {
        /// What was expected where; never the content itself.
        what: String,
    },
    /// A delivery without a valid signature.
    #[error("the delivery's signature is missing or wrong: {why}")]
    Forged {
        /// What failed: absent header, malformed header, mismatch, stale timestamp.
        why: String,
    },
    /// The adapter asked something other than what is on record: it is not deterministic.
    #[error("a replay asked something else than what is on record")]
    NotDeterministic,
    /// The adapter answered although a step was still pending: a stop was swallowed.
    #[error("the adapter answered while a step was pending")]
    SwallowedStop,
}

impl Fault {
    /// [`Fault::CannotAsk`] for a field, with the reason and the fix.
    #[must_use]
    pub fn cannot_ask(field: &str, reason: &str) -> Self {
        Self::CannotAsk { field: field.to_owned(), reason: reason.to_owned() }
    }

    /// [`Fault::Unreadable`], naming what was expected where.
    #[must_use]
    pub fn unreadable(what: &str) -> Self {
        Self::Unreadable { what: what.to_owned() }
    }

    /// [`Fault::Forged`] with what failed.
    #[must_use]
    pub fn forged(why: &str) -> Self {
        Self::Forged { why: why.to_owned() }
    }
}
