//! Histories are chained and signed: what changes is in a root, once, and roots follow each other.

use hub_core::apply::fold;
use hub_core::chain::EventHash;

use super::*;
use crate::history_roots::{RootSigner, is_signed, root, sign_changes};
use crate::seal::SealingKey;
use crate::store::roots::{HistoryRoot, RootLeaf};

fn signer() -> RootSigner {
    RootSigner::of(&SealingKey::from_bytes([1; 32]))
}

async fn versions_to_sign(store: &dyn Store) -> Vec<(PaymentIntentId, u64)> {
    let all = store.unrooted(100).await.unwrap();
    all.into_iter().map(|(_, leaf)| (leaf.payment_id, leaf.version)).collect()
}

/// What the service writes for the payment's first attempt.
async fn start(store: &dyn Store, payment: &PaymentIntent) -> PaymentIntent {
    let decision = started(payment);
    let writes = vec![
        Write::UpdatePayment {
            payment: Box::new(decision.payment.clone()),
            expected_version: payment.version,
        },
        Write::AppendEvents { scope: scope(), payment_id: payment.id.clone(), events: decision.events },
    ];
    store.commit(commit(writes)).await.unwrap();
    decision.payment
}

both!(each_event_carries_the_hash_of_the_one_before);
async fn each_event_carries_the_hash_of_the_one_before(kind: Kind) {
    let (_database, store) = open(kind).await;
    let payment = stored(&*store, 1).await;
    let payment = start(&*store, &payment).await;
    let history = store.history(&scope(), &payment.id).await.unwrap();
    assert!(history.len() > 1);
    assert_eq!(history[0].previous, EventHash::NONE);
    let state = store.payment(&scope(), &payment.id).await.unwrap().unwrap();
    assert_eq!(fold(&history).unwrap().last_event, state.last_event);
    for pair in history.windows(2) {
        let before = fold(history.iter().take_while(|event| event.version <= pair[0].version)).unwrap();
        assert_eq!(before.last_event, pair[1].previous, "version {}", pair[1].version);
    }
}

both!(what_changes_is_signed_once);
async fn what_changes_is_signed_once(kind: Kind) {
    let (database, store) = open(kind).await;
    let (first, second) = (stored(&*store, 1).await, stored(&*store, 2).await);
    let new = vec![(first.id.clone(), first.version), (second.id.clone(), second.version)];
    assert_eq!(versions_to_sign(&*store).await, new);
    assert!(!sign_changes(&*store, &signer(), at(1)).await.unwrap(), "there are no more");
    assert_eq!(versions_to_sign(&*store).await, vec![]);
    let leaves: Vec<RootLeaf> = [&first, &second]
        .map(|payment| RootLeaf {
            payment_id: payment.id.clone(),
            version: payment.version,
            hash: payment.last_event,
        })
        .into();
    let expected = root(&scope(), 1, at(1), &EventHash::NONE, &leaves);
    assert_eq!(store.last_history_root(&scope()).await.unwrap(), Some((1, expected)));

    let first = start(&*store, &first).await;
    assert_eq!(versions_to_sign(&*store).await, vec![(first.id.clone(), first.version)]);
    sign_changes(&*store, &signer(), at(2)).await.unwrap();
    sign_changes(&*store, &signer(), at(3)).await.unwrap();
    let leaf = RootLeaf { payment_id: first.id, version: first.version, hash: first.last_event };
    let next = root(&scope(), 2, at(2), &expected, &[leaf]);
    assert_eq!(
        store.last_history_root(&scope()).await.unwrap(),
        Some((2, next)),
        "nothing new, no third one"
    );
    assert_eq!(database.count("SELECT count(*) FROM history_root_leaves").await, 3);
}

both!(of_two_roots_with_one_number_the_first_stands);
async fn of_two_roots_with_one_number_the_first_stands(kind: Kind) {
    let (database, store) = open(kind).await;
    let payment = stored(&*store, 1).await;
    let leaf = RootLeaf { payment_id: payment.id, version: 1, hash: payment.last_event };
    let made = HistoryRoot {
        scope: scope(),
        number: 1,
        at: at(1),
        previous: EventHash::NONE,
        root: EventHash::from_bytes([3; 32]),
        signer: "a".to_owned(),
        signature: "b".to_owned(),
    };
    sign_changes(&*store, &signer(), at(1)).await.unwrap();
    let late = store.commit(commit(vec![Write::InsertHistoryRoot { root: made, leaves: vec![leaf] }])).await;
    assert_eq!(late, conflict(Conflict::HistoryRoot));
    let (number, root) = store.last_history_root(&scope()).await.unwrap().unwrap();
    assert_eq!((number, database.count("SELECT count(*) FROM history_root_leaves").await), (1, 1));
    let stored = database.text("SELECT signer || ' ' || signature FROM history_roots").await;
    let (key, signature) = stored.split_once(' ').unwrap();
    assert!(is_signed(key, &root, signature));
}
