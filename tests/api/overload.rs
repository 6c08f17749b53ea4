//! More than the hub takes on: it says so at once, does nothing, and is well again afterwards.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hub_core::policy::Policies;
use payhub::api_objects::public_urls::PublicUrls;
use payhub::clock::SystemClock;
use payhub::database::database_file;
use payhub::http::limits::Rates;
use payhub::http::problem::Kind;
use payhub::http::{HttpReturnUrls, HttpSettings, router};
use payhub::ids::{Ids, SystemRandomness};
use payhub::merchant_webhooks::destination::DestinationPolicy;
use payhub::metrics::Metrics;
use payhub::reload::Reload;
use payhub::replica::Replica;
use payhub::routing_table::{Connectors, RoutingTable};
use payhub::seal::{Sealer, SealingKey};
use payhub::service::Hub;
use payhub::store::sqlite::{SqliteOptions, SqliteStore};
use serde_json::json;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;
use tower::ServiceExt;

use super::problem::refused;
use crate::support::{TestHub, eventually};

/// A request that has begun and does not end: its body is on its way.
async fn unfinished(hub: &TestHub) -> TcpStream {
    let mut stream =
        TcpStream::connect(hub.base_url.trim_start_matches("http://")).await.expect("a connection");
    let head = format!(
        "POST /v1/payment_intents HTTP/1.1\r\nhost: hub\r\nauthorization: Bearer {}\r\n\
         idempotency-key: never\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{{",
        hub.cart.api_key
    );
    stream.write_all(head.as_bytes()).await.expect("a connection");
    stream
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn too_many_requests_at_once() {
    let hub = TestHub::builder().http(|http| http.concurrent_requests_max = 2).start().await;
    let (first, second) = (unfinished(&hub).await, unfinished(&hub).await);
    let refusal = eventually("no place left", || async {
        let answer = hub.cart.create_intent(json!({})).await;
        (answer.status == 503).then_some(answer)
    })
    .await;
    let problem = refused(&refusal, Kind::Overloaded, &[], "");
    assert_eq!(refusal.header("retry-after"), Some("1"));
    assert_eq!((&problem["code"], &problem["retryable"]), (&json!("overloaded"), &json!(true)));
    assert_eq!(hub.cart.get("/v1/payment_intents").await.status, 503);
    let before = hub.database().number("SELECT count(*) FROM payments");

    // One place is enough for one after the other.
    drop(first);
    let intent = eventually("a place", || async {
        let answer = hub
            .cart
            .post("/v1/payment_intents", "one wish", &crate::support::cart::Cart::intent_body(&json!({})))
            .await;
        (answer.status != 503).then_some(answer)
    })
    .await;
    assert_eq!(intent.status, 201, "{}", intent.text);
    assert_eq!(
        hub.database().number("SELECT count(*) FROM payments"),
        before + 1,
        "a refused wish was carried out"
    );
    drop(second);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_request_that_never_ends_is_ended() {
    let hub = TestHub::builder().http(|http| {
        http.concurrent_requests_max = 1;
        http.request_timeout_s = 1;
    });
    let hub = hub.start().await;
    let _held = unfinished(&hub).await;
    eventually("the place is free again", || async {
        (hub.cart.get("/v1/payment_intents").await.status == 200).then_some(())
    })
    .await;
    hub.finish().await;
}

/// Another connection holds the database's one place for a writer, so that commits pile up.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn too_many_commits_at_once() {
    const COMMITS_MAX: usize = 2;
    const QUEUE_WAIT: Duration = Duration::from_millis(50);
    let folder = tempfile::tempdir().expect("a folder");
    let file = database_file(folder.path());
    let options = SqliteOptions { readers: 2, queued_commits_max: COMMITS_MAX, queue_wait: QUEUE_WAIT };
    let store = Arc::new(SqliteStore::open(&file, options).expect("a store"));
    let randomness = Arc::new(SystemRandomness);
    let key =
        SealingKey::load_or_create(&folder.path().join("sealing.key"), randomness.as_ref()).expect("a key");
    let clock = Arc::new(SystemClock);
    let hub = Arc::new(Hub {
        store,
        replica: Replica::alone(randomness.as_ref()),
        clock: clock.clone(),
        ids: Ids::new(clock, randomness.clone()),
        connectors: Connectors::new(RoutingTable::default()),
        reload: Reload::new(None, std::path::Path::new("nowhere")),
        sealer: Arc::new(Sealer::new(key, vec![], randomness)),
        urls: PublicUrls::new("http://hub.test"),
        policies: Policies::default(),
        metrics: Arc::new(Metrics::new().expect("metrics")),
        health: Arc::default(),
    });
    let key = hub.create_api_key("test", false).await.expect("an API key");
    let router = router(
        hub,
        HttpSettings {
            body_bytes_max: 4_096,
            request_timeout_s: 30,
            concurrent_requests_max: 100,
            return_url_hosts: vec![],
            http_return_urls: HttpReturnUrls::Refused,
            inbox_pending_max: 100,
            destinations: DestinationPolicy::demo(),
            rates: Rates::NONE,
            trusted_proxies: vec![],
        },
    );
    let ask = |number: usize| {
        let request = Request::post("/v1/webhook_endpoints")
            .header("authorization", format!("Bearer {}", key.reveal()))
            .header("content-type", "application/json")
            .header("idempotency-key", format!("key-{number}"))
            .body(Body::from(json!({ "url": "https://shop.test/hooks" }).to_string()))
            .expect("a request");
        router.clone().oneshot(request)
    };

    let gate = rusqlite::Connection::open(&file).expect("a connection");
    gate.execute_batch("BEGIN IMMEDIATE").expect("the writer's place");
    // The writer has taken what it found and waits; as many as may wait behind it do, and the rest is told to
    // come again. The first batch may still be taken whole, the second cannot.
    let mut asked = Vec::new();
    while !asked.iter().any(tokio::task::JoinHandle::is_finished) {
        let more = asked.len()..asked.len() + COMMITS_MAX + 2;
        asked.extend(more.map(|number| tokio::spawn(ask(number))));
        tokio::time::sleep(QUEUE_WAIT).await;
    }
    gate.execute_batch("ROLLBACK").expect("the place is given back");
    let (mut taken, mut overloaded) = (0_i64, 0);
    for answer in asked {
        let answer = answer.await.expect("no panic").expect("an answer");
        match answer.status().as_u16() {
            201 => taken += 1,
            503 => {
                overloaded += 1;
                assert_eq!(answer.headers()["retry-after"], "1");
                assert_eq!(answer.headers()["content-type"], "application/problem+json");
            }
            other => panic!("{other}"),
        }
    }
    assert!(taken >= 1 && overloaded >= 1, "{taken} taken, {overloaded} refused");
    let stored: i64 =
        gate.query_row("SELECT count(*) FROM webhook_endpoints", [], |row| row.get(0)).expect("a count");
    assert_eq!(stored, taken, "what was refused was stored");
    assert_eq!(ask(1_000).await.expect("an answer").status().as_u16(), 201, "well again");
}
