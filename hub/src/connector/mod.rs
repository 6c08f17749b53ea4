//! The host's side of the adapter contract: everything that talks to processors, seen as one trait.
//!
//! A [`Connector`] is an adapter with one merchant's settings, secrets and limits. The rest of the hub knows
//! nothing else of processors. What comes back is already judged: `replay` says what left the machine,
//! `trust` says which facts of a delivery are proven, `redact` says what may be kept.
//!
//! Invariant: nothing that leaves this module (answer, reason, record, log line) holds a secret, and no
//! request leaves the machine except through `transport`.

pub mod registry;

pub mod native;

pub mod adapter_connector;

pub mod health;

pub mod breaker;

pub mod replay;

pub mod runner;

pub mod judgment;

pub mod trust;

pub mod egress;

pub mod hosts;

pub mod request;

pub mod credentials;

pub mod oauth;

pub mod jwt;

pub mod crypto;

pub mod public_key;

pub mod redact;

pub mod transport;

#[cfg(test)]
mod lab;

use async_trait::async_trait;
use hub_core::outcome::Outcome;
use hub_core::payment::AdapterPin;
use processor_sdk::{Call, Delivery, Descriptor, Door, Settings};

use breaker::BreakerState;
use redact::ExchangeRecord;
use trust::TrustedNotification;

use crate::plugin::failures::Failures;

/// An adapter with one merchant's settings and secrets: what routing chooses among.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The operator's name for it in config.
    fn name(&self) -> &str;

    /// False on test connectors.
    fn livemode(&self) -> bool;

    /// Who the adapter is and what it can do.
    fn descriptor(&self) -> &Descriptor;

    /// Exactly which code it is: what an attempt is pinned to.
    fn adapter_pin(&self) -> &AdapterPin;

    /// The settings in effect, defaults filled in. None of them is a secret.
    fn settings(&self) -> &Settings;

    /// Whether a shopper may be sent through this door.
    ///
    /// # Errors
    /// The reason, in one line for the operator: the door leads to a host that was not declared.
    fn door_allowed(&self, door: &Door) -> Result<(), String>;

    /// The unguessable part of the webhook's path, where deliveries are not signed.
    fn webhook_path_secret(&self) -> Option<&str>;

    /// Whether its adapter is run, or misbehaved too often lately.
    fn breaker(&self) -> BreakerState;

    /// What its adapter did wrong, where that is a plugin.
    fn failures(&self) -> &Failures;

    /// Carries out one operation and judges what became of it.
    async fn perform(&self, call: &Call) -> Performed;

    /// Says whether a delivery is genuine, before anything of it is stored. No I/O except cacheable fetches
    /// of public keys.
    async fn authenticate(&self, delivery: &Delivery) -> Authenticated;

    /// Reads a delivery to its end, look-ups included.
    async fn receive(&self, delivery: &Delivery) -> Received;
}

/// What an operation came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Performed {
    pub outcome: Outcome,
    /// What was exchanged with the processor, fit to be stored.
    pub exchanges: Vec<ExchangeRecord>,
}

/// Whether a delivery may come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Authenticated {
    /// At least one signature check passed; or deliveries of this processor are hints, the adapter calls this one no
    /// forgery, and the caller has to compare the path with [`Connector::webhook_path_secret`].
    Accepted,
    /// The signature is missing or wrong.
    Forged { why: String },
    /// The signature's own time is too long ago, or ahead.
    Stale { why: String },
    /// The body is not what this processor sends.
    Unreadable { why: String },
    /// It could not be checked now: the processor may deliver it again.
    Unavailable { why: String },
}

/// What a delivery means.
#[derive(Clone, Debug, PartialEq)]
pub struct Received {
    pub notifications: Vec<TrustedNotification>,
    /// What was checked and looked up, fit to be stored.
    pub exchanges: Vec<ExchangeRecord>,
    /// Why there are no notifications.
    pub fault: Option<ReceiveFault>,
}

/// Why a delivery could not be read to its end.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReceiveFault {
    #[error("the delivery is forged: {why}")]
    Forged { why: String },
    #[error("the delivery cannot be read: {why}")]
    Unreadable { why: String },
    #[error("a look-up failed: {why}")]
    Unavailable { why: String },
    #[error("the adapter misbehaved: {why}")]
    Broken { why: String },
}

impl ReceiveFault {
    /// True when the same delivery may be read later.
    pub const fn is_worth_another_try(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::Forged { .. } | Self::Unreadable { .. } | Self::Broken { .. } => false,
        }
    }
}
