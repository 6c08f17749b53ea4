//! Bodies, media types, headers and keys that are wrong before any field is read: the same answer from every
//! call that takes a body.

use payhub::http::problem::Kind;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::problem::{is_problem, refused};
use super::world::{World, intent_with, request, rows, send};
use crate::support::TestHub;
use crate::support::cart::Answer;

/// What is not one JSON object.
const MALFORMED: [&[u8]; 26] = [
    b"{",
    b"}",
    b"[",
    b"nul",
    b"null",
    b"true",
    b"7777",
    b"\"text\"",
    b"[]",
    b"[{\"amount\": 7777}]",
    b" ",
    b"\0",
    b"{\"amount\": 7777,}",
    b"{'amount': 7777}",
    b"{amount: 7777}",
    b"{\"amount\": 7777} // note",
    b"{\"amount\": 7777}{}",
    b"{\"amount\": 07777}",
    b"{\"amount\": +7777}",
    b"{\"amount\": NaN}",
    b"{\"amount\": 1e999}",
    b"{\"description\": \"a\x01b\"}",
    b"{\"description\": \"\\ud800\"}",
    b"{\"description\": \"\xff\xfe\"}",
    b"\xef\xbb\xbf{}",
    b"amount=7777&currency=EUR",
];

/// Bodies whose names occur twice, at every depth.
const TWICE: [&str; 4] = [
    "{\"amount\": 7777, \"amount\": 8888}",
    "{\"amount\": 7777, \"\\u0061mount\": 8888}",
    "{\"metadata\": {\"key\": \"seven\", \"key\": \"eight\"}}",
    "{\"lines\": [{\"name\": \"seven\", \"name\": \"eight\"}]}",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_json_object() {
    let world = World::start().await;
    let hub = &world.hub;
    let before = rows(hub).await;
    let deep = format!("{{\"metadata\": {}{}}}", "[".repeat(200), "]".repeat(200));
    let deeper = "{\"a\":".repeat(40_000);
    for (method, path, keyed) in world.calls() {
        let bodies = MALFORMED
            .iter()
            .copied()
            .chain(TWICE.map(str::as_bytes))
            .chain([deep.as_bytes(), deeper.as_bytes()]);
        for body in bodies {
            let request = request(&hub.cart, method.clone(), &path, keyed, "").body(body.to_vec());
            let sent = format!("{method} {path} {}", String::from_utf8_lossy(body));
            refused(&send(request).await, Kind::MalformedJson, &[], &sent);
        }
    }
    assert_eq!(rows(hub).await, before, "something was stored");
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_body_is_no_wish() {
    let world = World::start().await;
    let before = rows(&world.hub).await;
    for path in ["/v1/payment_intents", "/v1/refunds", "/v1/webhook_endpoints"] {
        let request =
            world.hub.cart.request(Method::POST, path).header("idempotency-key", world.hub.cart.fresh_key());
        refused(&send(request).await, Kind::MalformedJson, &[], path);
    }
    assert_eq!(rows(&world.hub).await, before, "something was stored");
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_types() {
    let world = World::start().await;
    let hub = &world.hub;
    let before = rows(hub).await;
    let wrong = [
        None,
        Some(""),
        Some("text/plain"),
        Some("text/json"),
        Some("application/x-www-form-urlencoded"),
        Some("multipart/form-data; boundary=x"),
        Some("application/jsonx"),
        Some("application/json+patch"),
        Some("text/plain; application/json"),
        Some("application/json, text/plain"),
    ];
    for (method, path, keyed) in world.calls() {
        for media_type in wrong {
            let mut request = hub.cart.request(method.clone(), &path).body("{\"amount\": 7777}");
            if keyed {
                request = request.header("idempotency-key", hub.cart.fresh_key());
            }
            if let Some(media_type) = media_type {
                request = request.header("content-type", media_type);
            }
            refused(&send(request).await, Kind::UnsupportedMediaType, &[], &format!("{path} {media_type:?}"));
        }
    }
    assert_eq!(rows(hub).await, before, "something was stored");
    for media_type in
        ["application/json", "application/json; charset=utf-8", "Application/JSON", " application/json "]
    {
        let body = intent_with("amount", "1999");
        let request = hub.cart.request(Method::POST, "/v1/payment_intents").body(body);
        let request =
            request.header("idempotency-key", hub.cart.fresh_key()).header("content-type", media_type);
        send(request).await.expect(201);
    }
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bodies_that_are_too_large() {
    const BYTES_MAX: usize = 8 * 1024;
    let hub = TestHub::builder().http(|http| http.body_bytes_max = BYTES_MAX).start().await;
    let before = rows(&hub).await;
    let padded = |bytes: usize| {
        let body = intent_with("amount", "1999");
        format!("{body}{}", " ".repeat(bytes - body.len()))
    };
    let told = request(&hub.cart, Method::POST, "/v1/payment_intents", true, &padded(BYTES_MAX + 1));
    refused(&send(told).await, Kind::BodyTooLarge, &[], "a body of known length");
    let whole = request(&hub.cart, Method::POST, "/v1/payment_intents", true, &" ".repeat(4 * 1024 * 1024));
    // A client that is still sending may see the connection close before it sees the answer.
    if let Ok(response) = whole.send().await {
        refused(&Answer::of(response).await, Kind::BodyTooLarge, &[], "a body of megabytes");
    }
    let text = raw(&hub, &chunked(&hub, &padded(BYTES_MAX + 1))).await;
    assert!(text.starts_with("HTTP/1.1 413 "), "{text}");
    assert!(text.contains("/problems/body-too-large") && text.contains("8192 bytes"), "{text}");
    let webhook = hub.cart.request(Method::POST, "/webhooks/sandbox_a").body(vec![b'x'; BYTES_MAX + 1]);
    refused(&send(webhook).await, Kind::BodyTooLarge, &[], "a delivery");
    assert_eq!(rows(&hub).await, before, "something was stored");

    send(request(&hub.cart, Method::POST, "/v1/payment_intents", true, &padded(BYTES_MAX))).await.expect(201);
    let text = raw(&hub, &chunked(&hub, &padded(BYTES_MAX))).await;
    assert!(text.starts_with("HTTP/1.1 201 "), "{text}");
    hub.finish().await;
}

/// A request whose body's length is not told beforehand.
fn chunked(hub: &TestHub, body: &str) -> Vec<u8> {
    let head = format!(
        "POST /v1/payment_intents HTTP/1.1\r\nhost: hub\r\nconnection: close\r\nauthorization: Bearer {}\r\n\
         idempotency-key: {}\r\ncontent-type: application/json\r\ntransfer-encoding: chunked\r\n\r\n",
        hub.cart.api_key,
        hub.cart.fresh_key()
    );
    let mut request = head.into_bytes();
    for chunk in body.as_bytes().chunks(1_000) {
        request.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
        request.extend_from_slice(chunk);
        request.extend_from_slice(b"\r\n");
    }
    request.extend_from_slice(b"0\r\n\r\n");
    request
}

/// Bytes to the hub, and its answer until it closes the connection.
async fn raw(hub: &TestHub, bytes: &[u8]) -> String {
    let mut stream =
        TcpStream::connect(hub.base_url.trim_start_matches("http://")).await.expect("a connection");
    // The hub may answer and close before it has read everything.
    let _ = stream.write_all(bytes).await;
    let mut received = Vec::new();
    let _ = stream.read_to_end(&mut received).await;
    String::from_utf8_lossy(&received).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn idempotency_keys() {
    let world = World::start().await;
    let hub = &world.hub;
    let before = rows(hub).await;
    let long = "k".repeat(256);
    let wrong: [&[u8]; 7] = [b"", b" ", b"\"\"", b"key\tkey", b"k\xc3\xa9y", b"key\xff", long.as_bytes()];
    for (method, path, keyed) in world.calls() {
        let body =
            || hub.cart.request(method.clone(), &path).header("content-type", "application/json").body("{}");
        if !keyed {
            continue;
        }
        let problem = refused(&send(body()).await, Kind::IdempotencyKeyMissing, &[], &path);
        assert!(
            problem["detail"].as_str().expect("a text").contains("`Idempotency-Key` header"),
            "{problem}"
        );
        for key in wrong {
            let sent = String::from_utf8_lossy(key);
            refused(
                &send(body().header("idempotency-key", key)).await,
                Kind::IdempotencyKeyInvalid,
                &[],
                &sent,
            );
        }
    }
    assert_eq!(rows(hub).await, before, "something was stored");
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_that_are_no_http() {
    let hub = TestHub::start().await;
    let before = rows(&hub).await;
    let head = |more: &str| {
        format!("GET /v1/payment_intents HTTP/1.1\r\nhost: hub\r\nconnection: close\r\n{more}\r\n\r\n")
            .into_bytes()
    };
    let many: String = (0..2_000).map(|number| format!("x-{number}: 1\r\n")).collect();
    for (request, statuses) in [
        (head(&format!("x-long: {}", "x".repeat(1024 * 1024))), ["431", "400"]),
        (head(many.trim_end()), ["431", "400"]),
        (head("no colon"), ["400", "400"]),
        (head("content-length: -5"), ["400", "400"]),
        (b"GET /v1/pay\0ment HTTP/1.1\r\nhost: hub\r\n\r\n".to_vec(), ["400", "400"]),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc".to_vec(), ["400", ""]),
    ] {
        let text = raw(&hub, &request).await;
        // The connection may be closed so early that nothing can be read from it.
        let status = text.split(' ').nth(1).unwrap_or_default();
        assert!(status.is_empty() || statuses.contains(&status), "{text}");
    }
    hub.cart.get("/v1/payment_intents").await.expect(200);
    assert_eq!(rows(&hub).await, before, "something was stored");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_that_lead_nowhere() {
    let world = World::start().await;
    let prefixes = ["payment_intents", "refunds", "orders", "disputes", "events", "webhook_endpoints"];
    let ids =
        ["nobody", "pi_", "pi_nobody", "%ff", "%00", "%2e%2e", "a%2fb", "%F0%9F%98%80", "' OR 1=1 --", "..;"];
    for prefix in prefixes {
        for id in ids {
            let path = format!("/v1/{prefix}/{}", id.replace(' ', "%20").replace('\'', "%27"));
            let answer = world.hub.cart.get(&path).await;
            refused(&answer, Kind::NotFound, &[], id);
        }
    }
    for path in [
        "/",
        "/v1",
        "/v1/",
        "/v2/payment_intents",
        "/v1/payment_intents/",
        "/v1/nothing",
        "/problems/nothing",
        "/%ff",
    ] {
        refused(&world.hub.cart.get(path).await, Kind::NotFound, &[], path);
    }
    let long = format!("/v1/payment_intents/{}", "x".repeat(5_000));
    refused(&world.hub.cart.get(&long).await, Kind::NotFound, &[], &long);
    for path in ["/webhooks/nobody", "/webhooks/%ff", "/webhooks/sandbox_a/guessed"] {
        let request = world.hub.cart.request(Method::POST, path).body("{}");
        refused(&send(request).await, Kind::NotFound, &[], path);
    }
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_problem_keeps_its_shape_when_it_is_replayed() {
    let world = World::start().await;
    let body = json!({ "payment_intent": world.paid, "amount": 1999 });
    let mut ids = Vec::new();
    for replayed in [false, true] {
        let answer = world.hub.cart.post("/v1/refunds", "one key", &body).await;
        assert_eq!((answer.status, answer.code()), (422, "exceeds_captured".to_owned()), "{}", answer.text);
        assert_eq!(answer.is_replayed(), replayed);
        let problem = is_problem(&answer, "a refusal");
        assert_eq!(problem["errors"][0]["pointer"], "/amount");
        ids.push(problem["request_id"].clone());
    }
    assert_ne!(ids[0], ids[1], "each request has an id of its own");
    world.hub.finish().await;
}
