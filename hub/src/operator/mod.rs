//! What an operator asks of a hub: one request, one answer, as JSON.
//!
//! The same function answers whether the hub is running or not: a running hub is asked over its private
//! [`socket`], and where none runs the command opens the database itself. So every operator's act passes
//! the one place where payments change, and leaves an event that says who.
//!
//! Invariant: whoever can write to the socket or the database file is the operator. Neither is reachable
//! from the network.

use hub_core::ids::{MerchantId, Scope};
use hub_core::payment::Resolution;
use processor_sdk::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::reload::{ReloadError, reload};
use crate::service::{Hub, ServiceError};
use crate::store::StoreError;

pub mod socket;

mod erasure;
mod keys;
mod payments;
mod person;
mod plugins;
pub mod resolutions;
mod words;

use resolutions::Settlement;

/// What an operator asks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// A new API key. Answer: the key with its plain text, which nobody can show again.
    CreateKey {
        /// What it is for.
        name: String,
        /// Live or test.
        livemode: bool,
        /// Words apart by commas; `all` is every scope.
        scopes: String,
        /// Seconds until it ends; never when absent.
        expires_in_s: Option<i64>,
    },
    /// Every API key, newest first.
    ListKeys,
    /// Ends a key now.
    RevokeKey {
        /// The key's public part.
        key_id: String,
    },
    /// A new key in place of one, which goes on for a while. Answer: as for a new key.
    RotateKey {
        /// The old key's public part.
        key_id: String,
        /// Seconds for which the old one goes on.
        overlap_s: i64,
    },
    /// Reads the config again and puts its connectors in force.
    Reload,
    /// The plugin files that are in force or kept.
    ListPlugins,
    /// Payments, newest first.
    ListPayments {
        /// Live or test.
        livemode: bool,
        /// In this status only.
        status: Option<String>,
        /// Of this order number only.
        order_reference: Option<String>,
        /// At most so many.
        limit: u32,
    },
    /// One payment's whole story.
    ShowPayment {
        /// `pi_…`
        id: String,
    },
    /// Erases what a payment's shopper is known by.
    ErasePersonalData {
        /// `pi_…`
        id: String,
        /// Who.
        operator: String,
    },
    /// Payments that wait for an operator, and deliveries that match no payment or cannot be read.
    ListQuarantine,
    /// Ends a quarantine.
    ResolveQuarantine {
        /// `pi_…`
        id: String,
        /// How.
        resolution: Resolution,
        /// Why.
        note: String,
        /// Who.
        operator: String,
    },
    /// Says what no processor tells.
    Settle {
        /// `pi_…`
        id: String,
        /// `att_…`, where there are several.
        attempt: Option<String>,
        /// What is so.
        settlement: Settlement,
        /// How the operator knows.
        evidence: String,
        /// Who.
        operator: String,
    },
}

/// Why an operator's request was not done.
#[derive(Debug, thiserror::Error)]
pub enum OperatorError {
    /// A field is wrong: which, and the fix.
    #[error("{field}: {fix}")]
    Field {
        /// Which.
        field: &'static str,
        /// What would be right.
        fix: String,
    },
    /// There is no such thing here.
    #[error("there is no {what} with that id in this hub")]
    NotFound {
        /// What kind of thing.
        what: &'static str,
    },
    /// The payment does not allow it.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The config cannot be put in force.
    #[error(transparent)]
    Reload(#[from] ReloadError),
}

impl OperatorError {
    fn field(field: &'static str, fix: impl Into<String>) -> Self {
        Self::Field { field, fix: fix.into() }
    }

    /// The same for a program.
    pub fn failure(&self) -> Failure {
        let code = match self {
            Self::Field { .. } => "invalid_field",
            Self::NotFound { .. } | Self::Service(ServiceError::NotFound) => "not_found",
            Self::Service(ServiceError::Refused(refusal)) => refusal.code(),
            Self::Reload(ReloadError::NotRunning) => "hub_unreachable",
            Self::Reload(ReloadError::Refused(_) | ReloadError::Ended) => "not_reloaded",
            Self::Service(ServiceError::Store(error)) | Self::Store(error) => match error {
                StoreError::Conflict(_) => "conflict",
                StoreError::Overloaded => "overloaded",
                // The engine may have failed after it wrote.
                StoreError::Unavailable(_) | StoreError::Failed(_) => UNKNOWN_OUTCOME,
            },
        };
        let field = match self {
            Self::Field { field, .. } => Some((*field).to_owned()),
            Self::NotFound { .. } | Self::Service(_) | Self::Store(_) | Self::Reload(_) => None,
        };
        Failure { code: code.to_owned(), message: self.to_string(), field }
    }
}

/// The code of a failure that leaves open whether anything was done.
pub const UNKNOWN_OUTCOME: &str = "unknown_outcome";

/// Why an operator has no answer, for people and for programs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable word.
    pub code: String,
    /// What is wrong, and what to do.
    pub message: String,
    /// The field that is wrong, when one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// Does what an operator asks.
///
/// # Errors
/// [`OperatorError`]; then nothing was changed.
pub async fn perform(hub: &Hub, request: Request) -> Result<Value, OperatorError> {
    match request {
        Request::CreateKey { name, livemode, scopes, expires_in_s } => {
            keys::create(hub, &name, livemode, &scopes, expires_in_s).await
        }
        Request::ListKeys => keys::list(hub).await,
        Request::RevokeKey { key_id } => keys::revoke(hub, &key_id).await,
        Request::RotateKey { key_id, overlap_s } => keys::rotate(hub, &key_id, overlap_s).await,
        Request::Reload => Ok(reload(hub).await?.to_json()),
        Request::ListPlugins => plugins::list(hub).await,
        Request::ListPayments { livemode, status, order_reference, limit } => {
            payments::list(hub, livemode, status.as_deref(), order_reference, limit).await
        }
        Request::ShowPayment { id } => payments::show(hub, &id).await,
        Request::ErasePersonalData { id, operator } => erasure::erase(hub, &id, &operator).await,
        Request::ListQuarantine => resolutions::list(hub).await,
        Request::ResolveQuarantine { id, resolution, note, operator } => {
            resolutions::resolve(hub, &id, resolution, &note, &operator).await
        }
        Request::Settle { id, attempt, settlement, evidence, operator } => {
            resolutions::settle(hub, &id, attempt.as_deref(), &settlement, &evidence, &operator).await
        }
    }
}

fn scope(livemode: bool) -> Scope {
    Scope { merchant_id: MerchantId::main(), livemode }
}

fn time(at: Timestamp) -> Value {
    Value::String(at.to_rfc3339())
}
