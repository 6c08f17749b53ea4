//! A guard that does not hold names its conflict, and nothing of its commit is written.

use hub_core::ids::DeliveryId;
use hub_core::payment::Status;

use super::*;
use crate::api_key::StoredApiKey;
use crate::key_scope::KeyScopes;
use crate::store::{ApiKeyRow, InboxRow, InboxState};

fn api_key(key_id: &str) -> ApiKeyRow {
    ApiKeyRow {
        scope: scope(),
        key: StoredApiKey { key_id: key_id.to_owned(), secret_sha256: [3; 32], livemode: false },
        name: "shop".to_owned(),
        scopes: KeyScopes::all(),
        created_at: at(0),
        expires_at: None,
        revoked_at: None,
    }
}

fn inbox(number: u64, connector: &str, fingerprint: u8) -> Write {
    Write::InsertInbox(InboxRow {
        scope: scope(),
        id: DeliveryId::from_body(&body(number)),
        connector: connector.to_owned(),
        received_at: at(0),
        fingerprint: [fingerprint; 32],
        sealed: vec![1],
        state: InboxState::Received,
    })
}

fn seen(connector: &str, event: &str) -> Write {
    Write::InsertSeenEvent {
        scope: scope(),
        connector: connector.to_owned(),
        event_id: event.to_owned(),
        payment_id: payment(1).id,
        at: at(0),
    }
}

fn insert_key(key: &str, provisional_until: Option<Timestamp>) -> Write {
    Write::InsertIdempotency(IdempotencyRow { provisional_until, ..idempotency(key) })
}

fn finish_key(key: &str) -> Write {
    let answer = StoredAnswer { status: 200, body: b"done".to_vec(), sealed: true };
    Write::FinishIdempotency {
        scope: scope(),
        operation: "create_payment_intent",
        key: key.to_owned(),
        answer,
    }
}

fn update(payment: &PaymentIntent, expected_version: u64) -> Write {
    Write::UpdatePayment { payment: Box::new(payment.clone()), expected_version }
}

fn with_status(number: u64, reference: &str, status: Status) -> PaymentIntent {
    PaymentIntent { status, version: 2, ..created(number, Some(reference)).payment }
}

/// What is stored before, what is then written, and the conflict it meets, if it meets one.
type Row = (&'static str, Vec<Write>, Vec<Write>, Option<Conflict>);

fn payment_rows() -> Vec<Row> {
    let first = || create_writes(1, Some("order-1"));
    let second = || create_writes(2, Some("order-1"));
    let next = PaymentIntent { version: 2, ..payment(1) };
    let stranger = PaymentIntent { scope: strangers()[0].clone(), ..next.clone() };
    let updated = || [first(), vec![update(&next, 1)]].concat();
    let after = |status| [first(), vec![update(&with_status(1, "order-1", status), 1)]].concat();
    let unguarded = || {
        let mut writes = second();
        let payment = Box::new(created(2, Some("order-1")).payment);
        writes[2] = Write::InsertPayment { payment, reference_guard: None };
        writes
    };
    let version = || Some(Conflict::Version);
    let reference = || Some(Conflict::OrderReference);
    vec![
        ("the version as expected", first(), vec![update(&next, 1)], None),
        ("a version that was", updated(), vec![update(&next, 1)], version()),
        ("a version that will be", first(), vec![update(&next, 2)], version()),
        ("no such payment", vec![], vec![update(&next, 1)], version()),
        ("a payment of another mode", first(), vec![update(&stranger, 1)], version()),
        ("an open order reference", first(), second(), reference()),
        ("one that is not guarded", first(), unguarded(), None),
        ("one that was not guarded before", unguarded(), first(), None),
        ("still open while processing", after(Status::Processing), second(), reference()),
        ("still open while authorized", after(Status::RequiresCapture), second(), reference()),
        ("free after success", after(Status::Succeeded), second(), None),
        ("free after failure", after(Status::Failed), second(), None),
        ("free after cancellation", after(Status::Canceled), second(), None),
        ("free after expiry", after(Status::Expired), second(), None),
    ]
}

fn idempotency_rows() -> Vec<Row> {
    let changed = |change: fn(&mut IdempotencyRow)| {
        let mut row = idempotency("k");
        change(&mut row);
        vec![Write::InsertIdempotency(row)]
    };
    let stored = || vec![insert_key("k", None)];
    let provisional = || vec![insert_key("k", Some(at(5)))];
    let finished = || [provisional(), vec![finish_key("k")]].concat();
    let taken = || Some(Conflict::IdempotencyKey);
    vec![
        ("a new idempotency key", stored(), vec![insert_key("l", None)], None),
        ("a known one", stored(), stored(), taken()),
        ("a provisional one", provisional(), stored(), taken()),
        ("of another call", stored(), changed(|row| row.operation = "create_refund"), None),
        ("of another mode", stored(), changed(|row| row.scope.livemode = true), None),
        ("a final answer", provisional(), vec![finish_key("k")], None),
        ("in place of a final one", stored(), vec![finish_key("k")], taken()),
        ("a second one", finished(), vec![finish_key("k")], taken()),
        ("an answer to nothing", vec![], vec![finish_key("k")], taken()),
    ]
}

fn other_rows() -> Vec<Row> {
    let settle = |number| {
        let id = DeliveryId::from_body(&body(number));
        vec![Write::SettleInbox {
            scope: scope(),
            id,
            state: InboxState::Taken,
            note: String::new(),
            at: at(1),
        }]
    };
    let known = |number| vec![Write::UpdateEndpoint(endpoint(number, &[], true))];
    let mut of_live = endpoint(1, &[], true);
    of_live.scope.livemode = true;
    let endpoints = || vec![Write::InsertEndpoint(endpoint(1, &[], true))];
    let deliveries = || vec![inbox(1, "a", 1)];
    let keys = || vec![Write::InsertApiKey(api_key("k1"))];
    let revoke = || vec![Write::RevokeApiKey { key_id: "k1".to_owned(), at: at(1) }];
    let finish = vec![Write::FinishJob { key: "x".to_owned(), holder: lease("nobody") }];
    let unknown = || Some(Conflict::NotFound);
    vec![
        ("a new delivery", deliveries(), vec![inbox(2, "a", 2)], None),
        ("of another connector", deliveries(), vec![inbox(2, "b", 1)], None),
        ("a known delivery", deliveries(), vec![inbox(2, "a", 1)], Some(Conflict::SeenDelivery)),
        ("a delivery settled", deliveries(), settle(1), None),
        ("no such delivery", deliveries(), settle(2), unknown()),
        ("a new event", vec![seen("a", "e1")], vec![seen("a", "e2")], None),
        ("another connector's event", vec![seen("a", "e1")], vec![seen("b", "e1")], None),
        ("a known event", vec![seen("a", "e1")], vec![seen("a", "e1")], Some(Conflict::SeenEvent)),
        ("nobody's job", vec![], finish, Some(Conflict::LeaseLost)),
        ("an endpoint", endpoints(), known(1), None),
        ("no such endpoint", endpoints(), known(2), unknown()),
        ("an endpoint of another mode", endpoints(), vec![Write::UpdateEndpoint(of_live)], unknown()),
        ("an API key", keys(), revoke(), None),
        ("no such API key", vec![], revoke(), unknown()),
    ]
}

both!(guards_hold_or_nothing_is_written);
async fn guards_hold_or_nothing_is_written(kind: Kind) {
    for (name, before, writes, expected) in [payment_rows(), idempotency_rows(), other_rows()].concat() {
        let (database, store) = open(kind).await;
        store.commit(commit(before)).await.unwrap_or_else(|error| panic!("{name}: {error}"));
        // A mark before and one after: both are there, or neither.
        let mut marked = writes;
        marked.insert(0, Write::InsertApiKey(api_key("before")));
        marked.push(Write::InsertApiKey(api_key("after")));
        let answer = store.commit(commit(marked)).await;
        let marks = database.count("SELECT count(*) FROM api_keys WHERE key_id IN ('before', 'after')").await;
        match expected {
            None => assert_eq!((answer, marks), (Ok(()), 2), "{name}"),
            Some(expected) => assert_eq!((answer, marks), (conflict(expected), 0), "{name}"),
        }
    }
}

both!(of_many_at_once_one_wins);
async fn of_many_at_once_one_wins(kind: Kind) {
    let (database, store) = open(kind).await;
    let store: std::sync::Arc<dyn Store> = store.into();
    stored(&*store, 1).await;
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..40_u64 {
        let store = std::sync::Arc::clone(&store);
        tasks.spawn(async move {
            let next =
                PaymentIntent { version: 2, return_url: format!("https://{number}.example"), ..payment(1) };
            let update = store.commit(commit(vec![update(&next, 1)])).await;
            let key = store.commit(commit(vec![insert_key("shared", None)])).await;
            (update, key)
        });
    }
    let (mut updates, mut keys) = (0, 0);
    while let Some(answers) = tasks.join_next().await {
        let (update, key) = answers.unwrap();
        assert!(update == Ok(()) || update == conflict(Conflict::Version), "{update:?}");
        assert!(key == Ok(()) || key == conflict(Conflict::IdempotencyKey), "{key:?}");
        updates += usize::from(update.is_ok());
        keys += usize::from(key.is_ok());
    }
    assert_eq!((updates, keys), (1, 1));
    assert_eq!(database.count("SELECT count(*) FROM idempotency_keys WHERE key = 'shared'").await, 1);
}

both!(a_final_answer_replaces_the_provisional_one);
async fn a_final_answer_replaces_the_provisional_one(kind: Kind) {
    let (_database, store) = open(kind).await;
    let scope = scope();
    let read = || store.idempotency(&scope, "create_payment_intent", "k");
    store.commit(commit(vec![insert_key("k", Some(at(5)))])).await.unwrap();
    let provisional = IdempotencyRow { provisional_until: Some(at(5)), ..idempotency("k") };
    assert_eq!(read().await.unwrap(), Some(provisional));
    store.commit(commit(vec![finish_key("k")])).await.unwrap();
    let answer = StoredAnswer { status: 200, body: b"done".to_vec(), sealed: true };
    assert_eq!(read().await.unwrap(), Some(IdempotencyRow { answer, ..idempotency("k") }));
}

both!(api_keys_are_kept_found_and_revoked_once);
async fn api_keys_are_kept_found_and_revoked_once(kind: Kind) {
    let (_database, store) = open(kind).await;
    let live_key = StoredApiKey { livemode: true, ..api_key("k2").key };
    let live = ApiKeyRow { scope: strangers()[0].clone(), key: live_key, created_at: at(9), ..api_key("k2") };
    let dressed_up = ApiKeyRow { scope: strangers()[0].clone(), ..api_key("k3") };
    store
        .commit(commit(vec![Write::InsertApiKey(api_key("k1")), Write::InsertApiKey(live.clone())]))
        .await
        .unwrap();
    assert!(matches!(
        store.commit(commit(vec![Write::InsertApiKey(dressed_up)])).await,
        Err(StoreError::Failed(_))
    ));
    for seconds in [20, 30] {
        store
            .commit(commit(vec![Write::RevokeApiKey { key_id: "k1".to_owned(), at: at(seconds) }]))
            .await
            .unwrap();
    }
    let found = store.api_key("k1").await.unwrap().unwrap();
    assert_eq!((found.key, found.revoked_at), (api_key("k1").key, Some(at(20))));
    assert_eq!((found.name.as_str(), found.created_at), ("shop", at(0)));
    let all = store.api_keys().await.unwrap();
    assert_eq!(all.iter().map(|row| row.key.key_id.as_str()).collect::<Vec<_>>(), ["k2", "k1"]);
    assert_eq!((&all[0].scope, &all[0].key), (&live.scope, &live.key));
    assert!(store.api_key("k3").await.unwrap().is_none());
}

both!(an_api_key_keeps_its_scopes_and_its_earliest_end);
async fn an_api_key_keeps_its_scopes_and_its_earliest_end(kind: Kind) {
    let (_database, store) = open(kind).await;
    let scopes = KeyScopes::parse("events:read refunds:write").unwrap();
    let key = ApiKeyRow { scopes: scopes.clone(), ..api_key("k1") };
    store.commit(commit(vec![Write::InsertApiKey(key)])).await.unwrap();
    for (end, earliest) in [(30, 30), (20, 20), (40, 20)] {
        let expire = Write::ExpireApiKey { key_id: "k1".to_owned(), at: at(end) };
        store.commit(commit(vec![expire])).await.unwrap();
        let found = store.api_key("k1").await.unwrap().unwrap();
        assert_eq!((found.scopes, found.expires_at), (scopes.clone(), Some(at(earliest))));
    }
    let nobody = Write::ExpireApiKey { key_id: "k2".to_owned(), at: at(1) };
    assert_eq!(store.commit(commit(vec![nobody])).await, Err(StoreError::Conflict(Conflict::NotFound)));
}
