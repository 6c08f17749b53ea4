//! Signed roots over all histories: what makes a chain of hashes hold against somebody who can write it anew.
//!
//! Each payment's events are a chain of their own, so that payments do not wait for each other. Every minute the
//! hub takes the last hashes of those that have changed, and signs them together with the root before. The key
//! is made from the sealing key, which is not in the database. Whoever changes rows afterwards, state and hashes
//! and all, cannot make a root that covers the change; `payhub db verify` finds it. What was not in a root yet
//! can be changed unseen, and the newest roots can be cut off: each is logged with its number, so that a log
//! that is kept elsewhere tells.
//!
//! Invariant: roots of one merchant and mode are numbered without gaps, and each covers the one before it.

use std::sync::Arc;

use hub_core::chain::{EventHash, add_with_length};
use hub_core::ids::Scope;
use hub_core::retry::after;
use processor_sdk::Timestamp;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};
use sha2::{Digest, Sha256};
use tokio::sync::watch;

use crate::seal::SealingKey;
use crate::service::Hub;
use crate::store::roots::{HistoryRoot, RootLeaf};
use crate::store::{Commit, Conflict, Store, StoreError, Write};

/// How often histories are signed, in seconds: the longest time in which what happened can be changed unseen.
const EVERY_S: i64 = 60;
/// Payments in one commit of roots, so that others do not wait long for theirs.
const LEAVES_MAX: u32 = 200;
/// What the key is for.
const PURPOSE: &str = "history roots v1";
/// Sets what is signed apart from everything else.
const DOMAIN: &[u8] = b"payhub history root v1";

/// Signs roots.
pub struct RootSigner {
    key: Ed25519KeyPair,
}

impl RootSigner {
    /// The signer of hubs with this key.
    pub fn of(key: &SealingKey) -> Self {
        Self { key: key.signing_key(PURPOSE) }
    }

    /// The public key, by which anybody can check what it signed.
    pub fn public_key(&self) -> String {
        hex::encode(self.key.public_key())
    }

    fn sign(&self, root: &EventHash) -> String {
        hex::encode(self.key.sign(root.as_bytes()))
    }
}

/// Whether a root was signed with this key.
pub fn is_signed(signer: &str, root: &EventHash, signature: &str) -> bool {
    let (Ok(signer), Ok(signature)) = (hex::decode(signer), hex::decode(signature)) else { return false };
    UnparsedPublicKey::new(&ED25519, signer).verify(root.as_bytes(), &signature).is_ok()
}

/// The root over what it covers, whose leaves are in the order of their payments.
pub fn root(
    scope: &Scope,
    number: u64,
    at: Timestamp,
    previous: &EventHash,
    leaves: &[RootLeaf],
) -> EventHash {
    let mut digest = Sha256::new();
    digest.update(DOMAIN);
    digest.update(previous.as_bytes());
    digest.update(number.to_be_bytes());
    digest.update(at.as_micros().to_be_bytes());
    digest.update([u8::from(scope.livemode)]);
    add_with_length(&mut digest, scope.merchant_id.0.as_bytes());
    for leaf in leaves {
        add_with_length(&mut digest, leaf.payment_id.as_str().as_bytes());
        digest.update(leaf.version.to_be_bytes());
        digest.update(leaf.hash.as_bytes());
    }
    EventHash::from_bytes(digest.finalize().into())
}

/// Signs what has changed, once a minute, until told to stop. The end is for [`sign_the_rest`].
pub async fn run(hub: Arc<Hub>, signer: Arc<RootSigner>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let now = hub.clock.now();
        if sign_some(&hub, &signer, now).await {
            continue;
        }
        tokio::select! {
            biased;
            told = stop.changed() => if told.is_err() { return },
            () = hub.clock.sleep_until(after(now, EVERY_S)) => {}
        }
    }
}

/// Signs what is left when nothing changes any more, so that it is not open to change while no hub runs.
pub async fn sign_the_rest(hub: &Hub, signer: &RootSigner) {
    while sign_some(hub, signer, hub.clock.now()).await {}
}

/// Whether there may be more.
async fn sign_some(hub: &Hub, signer: &RootSigner, now: Timestamp) -> bool {
    match sign_changes(hub.store.as_ref(), signer, now).await {
        Ok(more) => more,
        // Another hub was faster with the same ones.
        Err(StoreError::Conflict(Conflict::HistoryRoot)) => false,
        Err(error) => {
            tracing::error!(%error, "histories cannot be signed; it is tried again");
            false
        }
    }
}

/// Signs the next ones that have changed; whether there may be more.
///
/// # Errors
/// The store's; [`Conflict::HistoryRoot`] when another hub does the same.
pub async fn sign_changes(
    store: &dyn Store,
    signer: &RootSigner,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let changed = store.unrooted(LEAVES_MAX).await?;
    let is_full = u32::try_from(changed.len()).is_ok_and(|count| count == LEAVES_MAX);
    let mut changed = changed.into_iter().peekable();
    while let Some((scope, first)) = changed.next() {
        let mut leaves = vec![first];
        while let Some((_, leaf)) = changed.next_if(|(other, _)| *other == scope) {
            leaves.push(leaf);
        }
        let (number, previous) = match store.last_history_root(&scope).await? {
            Some((number, root)) => (number.saturating_add(1), root),
            None => (1, EventHash::NONE),
        };
        let root = root(&scope, number, now, &previous, &leaves);
        let (signer, signature) = (signer.public_key(), signer.sign(&root));
        let count = leaves.len();
        let (merchant, livemode) = (scope.merchant_id.0.clone(), scope.livemode);
        let signed = HistoryRoot { scope, number, at: now, previous, root, signer, signature };
        store.commit(Commit { writes: vec![Write::InsertHistoryRoot { root: signed, leaves }] }).await?;
        tracing::info!(
            merchant, livemode, number, %root, payments = count,
            "the histories of {count} payments are signed as root {number}, {root}"
        );
    }
    Ok(is_full)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_key_that_signed_is_believed() {
        let signer = RootSigner::of(&SealingKey::from_bytes([1; 32]));
        let root = EventHash::from_bytes([7; 32]);
        let signature = signer.sign(&root);
        let key = signer.public_key();
        assert!(is_signed(&key, &root, &signature));
        assert_eq!(key, RootSigner::of(&SealingKey::from_bytes([1; 32])).public_key(), "it is made anew");
        let other = RootSigner::of(&SealingKey::from_bytes([2; 32]));
        for (key, root, signature) in [
            (other.public_key(), root, signature.clone()),
            (key.clone(), EventHash::from_bytes([8; 32]), signature.clone()),
            (key.clone(), root, other.sign(&root)),
            (key.clone(), root, String::new()),
            ("x".to_owned(), root, signature.clone()),
        ] {
            assert!(!is_signed(&key, &root, &signature), "{key} {root} {signature}");
        }
    }

    /// The rule is part of what is stored: this value must never change.
    #[test]
    fn a_root_covers_everything_that_it_is_made_of() {
        let scope = Scope { merchant_id: hub_core::ids::MerchantId("main".to_owned()), livemode: false };
        let at = Timestamp::from_micros(1_800_000_000_000_000);
        let leaf = |number: u64, version| RootLeaf {
            payment_id: hub_core::ids::PaymentIntentId::from_body(&number.to_string()),
            version,
            hash: EventHash::from_bytes([9; 32]),
        };
        let leaves = [leaf(1, 3), leaf(2, 1)];
        let made = root(&scope, 1, at, &EventHash::NONE, &leaves);
        assert_eq!(made.to_string(), "dfc0a3301e26d3f4463d7b8b7c58b1e9b1fabfea7a112d7c86f21348326217e6");
        let live = Scope { livemode: true, ..scope.clone() };
        let others = [
            root(&live, 1, at, &EventHash::NONE, &leaves),
            root(&scope, 2, at, &EventHash::NONE, &leaves),
            root(&scope, 1, at.saturating_add_micros(1), &EventHash::NONE, &leaves),
            root(&scope, 1, at, &made, &leaves),
            root(&scope, 1, at, &EventHash::NONE, &leaves[..1]),
            root(&scope, 1, at, &EventHash::NONE, &[leaf(1, 3), leaf(2, 2)]),
            root(&scope, 1, at, &EventHash::NONE, &[leaf(2, 1), leaf(1, 3)]),
        ];
        assert!(others.iter().all(|other| *other != made), "{others:?}");
    }
}
