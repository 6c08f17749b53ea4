//! Same key, same request, same answer: again, at once, after a restart.

use reqwest::Method;
use serde_json::json;

use crate::support::cart::{Answer, Cart};
use crate::support::receiver::Receiver;
use crate::support::{TestHub, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_repeat_gets_the_same_answer_even_after_a_restart() {
    let mut hub = TestHub::builder().start().await;
    let receiver = Receiver::start().await;
    let body = Cart::intent_body(&json!({ "amount": 100 }));
    let created = hub.cart.post("/v1/payment_intents", "k-create", &body).await;
    let intent = created.json();
    hub.shopper().open(&intent).await.pay().await;
    let (path, manual) = manual_capture(&hub).await;
    let refund = json!({ "payment_intent": id(&intent), "amount": 30 });
    let too_much = json!({ "payment_intent": id(&intent), "amount": 101 });
    let endpoint = json!({ "url": receiver.url, "event_types": ["dispute.won"] });
    let canceled = hub.cart.create(json!({})).await;
    let cancel = format!("/v1/payment_intents/{}/cancel", id(&canceled));
    let calls = [
        ("/v1/payment_intents", "k-create", body, 201),
        ("/v1/refunds", "k-refund", refund, 201),
        ("/v1/refunds", "k-too-much", too_much, 422),
        (path.as_str(), "k-capture", manual, 200),
        (cancel.as_str(), "k-cancel", json!({}), 200),
        ("/v1/webhook_endpoints", "k-endpoint", endpoint, 201),
    ];
    let mut answers: Vec<Answer> = vec![];
    for (path, key, body, status) in &calls {
        let answer = hub.cart.post(path, key, body).await;
        assert_eq!(answer.status, *status, "{path}: {}", answer.text);
        assert_eq!(answer.is_replayed(), *key == "k-create");
        answers.push(answer);
    }
    let secret = answers[5].json()["secret"].as_str().unwrap().to_owned();
    hub.keep_out_of_the_file(&secret);
    for restarted in [false, true] {
        if restarted {
            hub.restart().await;
        }
        for ((path, key, body, status), first) in calls.iter().zip(&answers) {
            let again = hub.cart.post(path, key, body).await;
            assert_eq!((again.status, again.is_replayed()), (*status, true), "{path} {}", again.text);
            assert_eq!(again.header("content-type"), first.header("content-type"));
            assert_eq!(without_request_id(&again), without_request_id(first), "{path}");

            let mut other = body.clone();
            other["metadata"] = json!({ "x": "y" });
            let other = hub.cart.post(path, key, &other).await;
            assert_eq!((other.status, other.code().as_str()), (422, "idempotency_mismatch"), "{path}");
        }
    }
    assert_eq!(hub.database().number("SELECT count(*) FROM payments"), 3);
    assert_eq!(hub.database().number("SELECT count(*) FROM webhook_endpoints"), 1);
    assert_eq!(hub.cart.intent(id(&intent)).await["amount_refunded"], 30);
    hub.finish().await;
}

async fn manual_capture(hub: &TestHub) -> (String, serde_json::Value) {
    let intent = hub.cart.create(json!({ "capture": "manual", "amount": 100 })).await;
    hub.shopper().open(&intent).await.pay().await;
    (format!("/v1/payment_intents/{}/capture", id(&intent)), json!({ "amount": 60 }))
}

/// Each problem names its own request.
fn without_request_id(answer: &Answer) -> serde_json::Value {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("request_id");
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_at_once_with_one_key_make_one_intent() {
    let hub = TestHub::start().await;
    // An order's reference alone would keep the others out, so that the key has to hold without one too.
    let rows = [("one-key", json!({})), ("another-key", json!({ "order_reference": "order-64" }))];
    for (number, (key, wish)) in (1..).zip(rows) {
        let body = Cart::intent_body(&wish);
        let mut asking = tokio::task::JoinSet::new();
        for _ in 0..64 {
            let (cart, body) = (hub.cart.clone(), body.clone());
            asking.spawn(async move { cart.post("/v1/payment_intents", key, &body).await });
        }
        let answers = asking.join_all().await;
        for answer in &answers {
            assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
        }
        assert_eq!(answers.iter().filter(|answer| !answer.is_replayed()).count(), 1);
        assert_eq!(hub.database().number("SELECT count(*) FROM payments"), number);
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_refunds_at_once_with_one_key_make_one_refund() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({ "amount": 100 })).await;
    hub.shopper().open(&intent).await.pay().await;
    let body = json!({ "payment_intent": id(&intent), "amount": 60 });
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (cart, body) = (hub.cart.clone(), body.clone());
        asking.spawn(async move { cart.post("/v1/refunds", "one-key", &body).await });
    }
    let answers = asking.join_all().await;
    for answer in &answers {
        assert_eq!((answer.status, &answer.text), (201, &answers[0].text));
    }
    hub.cart.until_refund(id(&answers[0].json()), "succeeded").await;
    assert_eq!(hub.sandbox.ledger().await.refunded, 60);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_captures_at_once_with_one_key_make_one_capture() {
    let hub = TestHub::start().await;
    let (path, body) = manual_capture(&hub).await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let (cart, path, body) = (hub.cart.clone(), path.clone(), body.clone());
        asking.spawn(async move { cart.post(&path, "one-key", &body).await });
    }
    for answer in asking.join_all().await {
        // While the first waits for the processor, the others are told so.
        let in_progress = answer.status == 409 && answer.code() == "idempotency_in_progress";
        assert!(answer.status == 200 || in_progress, "{} {}", answer.status, answer.text);
    }
    assert_eq!(hub.cart.post(&path, "one-key", &body).await.expect(200)["amount_captured"], 60);
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.count("capture"), books.charged), (1, 60));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_post_that_makes_something_needs_a_key() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({})).await;
    let event = id(&hub.cart.events(id(&intent)).await[0]).to_owned();
    let paths = [
        "/v1/payment_intents".to_owned(),
        format!("/v1/payment_intents/{}/capture", id(&intent)),
        format!("/v1/payment_intents/{}/cancel", id(&intent)),
        "/v1/refunds".to_owned(),
        "/v1/webhook_endpoints".to_owned(),
        format!("/v1/events/{event}/resend"),
    ];
    let long = "x".repeat(256);
    for path in paths {
        let missing = hub.cart.send(Method::POST, &path, None, Some(&json!({}))).await;
        assert_eq!((missing.status, missing.code().as_str()), (400, "idempotency_key_missing"), "{path}");
        for key in ["", "\"\"", "a\tb", long.as_str()] {
            let invalid = hub.cart.send(Method::POST, &path, Some(key), Some(&json!({}))).await;
            assert_eq!(
                (invalid.status, invalid.code().as_str()),
                (400, "idempotency_key_invalid"),
                "{path} {key:?}"
            );
        }
    }
    assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");
    hub.finish().await;
}

/// The IETF draft writes the key as a quoted string; it is the same key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quoted_key_is_the_same_key() {
    let hub = TestHub::start().await;
    let body = Cart::intent_body(&json!({}));
    let bare = hub.cart.post("/v1/payment_intents", "key-1", &body).await;
    let quoted = hub.cart.post("/v1/payment_intents", "\"key-1\"", &body).await;
    assert_eq!((quoted.status, quoted.is_replayed(), &quoted.text), (201, true, &bare.text));
    hub.finish().await;
}

/// A request that was refused for its form leaves its key free.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mistake_does_not_use_up_the_key() {
    let hub = TestHub::start().await;
    let wrong = json!({ "amount": 0, "currency": "EUR" });
    assert_eq!(hub.cart.post("/v1/payment_intents", "key-1", &wrong).await.status, 422);
    let right = hub.cart.post("/v1/payment_intents", "key-1", &Cart::intent_body(&json!({}))).await;
    assert_eq!((right.status, right.is_replayed()), (201, false));
    hub.finish().await;
}
