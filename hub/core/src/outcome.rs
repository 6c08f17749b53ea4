//! What became of an operation, in the words that decide what may be done next.
//!
//! Invariant: `Unknown` is never read as failure. Only `NotSent` allows another processor to be tried.

use processor_sdk::{Answer, Fault};
use serde::{Deserialize, Serialize};

/// Judged by the host, which knows what left the machine; never by the adapter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Outcome {
    /// The processor answered and the adapter read it.
    Answered {
        /// Facts, perhaps a door; or that there is no such thing.
        answer: Answer,
    },
    /// Certainly nothing happened.
    NotSent {
        /// Why.
        why: NotSent,
    },
    /// It may have happened.
    Unknown {
        /// Why, for the operator: one line without secrets or personal data.
        why: String,
    },
}

/// Why certainly nothing happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum NotSent {
    /// No connection, or no request that can move money had left: worth another try.
    Unreachable {
        /// What failed, in one line.
        detail: String,
    },
    /// The processor asked us to slow down and did nothing.
    Throttled {
        /// Seconds to wait, when it said so.
        retry_after_s: Option<u32>,
    },
    /// The processor refused our credentials: an operator must act.
    Credentials {
        /// HTTP status code.
        status: u16,
    },
    /// The adapter could not build the request, cannot do this at all, or misbehaved before anything left:
    /// another try of the same will not help.
    Impossible {
        /// The adapter's fault.
        fault: Fault,
    },
}
