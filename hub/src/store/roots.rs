//! Signed roots over histories, as they are stored: [`crate::history_roots`] makes them.

use hub_core::chain::EventHash;
use hub_core::ids::{PaymentIntentId, Scope};
use processor_sdk::Timestamp;

/// A signed root over histories.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HistoryRoot {
    pub scope: Scope,
    /// From 1, without gaps.
    pub number: u64,
    pub at: Timestamp,
    /// The root before it; [`EventHash::NONE`] before the first.
    pub previous: EventHash,
    /// What is signed.
    pub root: EventHash,
    /// The public key, in hexadecimal digits.
    pub signer: String,
    /// The signature, in hexadecimal digits.
    pub signature: String,
}

/// What a root covers of one payment: everything up to one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RootLeaf {
    pub payment_id: PaymentIntentId,
    /// The event's position.
    pub version: u64,
    /// Its hash.
    pub hash: EventHash,
}
