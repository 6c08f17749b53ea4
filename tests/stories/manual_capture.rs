//! Reserve first, take later: all, in parts, not at all.

use processor_sdk::Timestamp;
use serde_json::{Value, json};

use crate::support::{TestHub, id};

/// An intent of 100.00 that is authorized.
async fn authorized(hub: &TestHub) -> Value {
    let intent = hub.cart.create(json!({ "amount": 10_000, "capture": "manual" })).await;
    hub.shopper().open(&intent).await.pay().await;
    let intent = hub.cart.intent(id(&intent)).await;
    assert_eq!(
        (&intent["status"], &intent["amount_capturable"]),
        (&json!("requires_capture"), &json!(10_000))
    );
    intent
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_authorized_is_captured() {
    // Each row: captures asked for as (body, status of the answer), then what the intent is in the end.
    let rows = [
        (vec![(json!({}), 200)], "succeeded", 10_000, 0),
        (vec![(json!({ "amount": 10_000 }), 200)], "succeeded", 10_000, 0),
        (vec![(json!({ "amount": 4_000 }), 200), (json!({}), 409)], "succeeded", 4_000, 0),
        (vec![(json!({ "amount": 4_000, "final": false }), 200)], "requires_capture", 4_000, 6_000),
        (vec![(json!({ "amount": 4_000, "final": false }), 200), (json!({}), 200)], "succeeded", 10_000, 0),
        (
            vec![
                (json!({ "amount": 4_000, "final": false }), 200),
                (json!({ "amount": 6_001 }), 422),
                (json!({ "amount": 1, "final": false }), 200),
                (json!({ "amount": 99, "final": true }), 200),
            ],
            "succeeded",
            4_100,
            0,
        ),
        (vec![(json!({ "amount": 10_001 }), 422)], "requires_capture", 0, 10_000),
        (vec![(json!({ "amount": 0 }), 422), (json!({ "amount": -1 }), 422)], "requires_capture", 0, 10_000),
    ];
    let hub = TestHub::start().await;
    let mut taken = 0;
    for (captures, status, captured, capturable) in rows {
        let intent = authorized(&hub).await;
        for (body, wanted) in &captures {
            let answer = hub.cart.capture(id(&intent), body.clone()).await;
            assert_eq!(answer.status, *wanted, "{body}: {}", answer.text);
        }
        let now = hub.cart.intent(id(&intent)).await;
        let shown = (&now["status"], &now["amount_captured"], &now["amount_capturable"]);
        assert_eq!(shown, (&json!(status), &json!(captured), &json!(capturable)), "{captures:?}");
        let sum: i64 =
            now["captures"].as_array().unwrap().iter().map(|one| one["amount"].as_i64().unwrap()).sum();
        assert_eq!(sum, captured, "{captures:?}");
        taken += captured;
    }
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.charged, books.count("authorization")), (taken, 8));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorization_is_released() {
    let hub = TestHub::start().await;
    let intent = authorized(&hub).await;
    let canceled = hub.cart.cancel(id(&intent)).await.expect(200);
    assert_eq!(
        (&canceled["status"], &canceled["attempts"][0]["state"]),
        (&json!("canceled"), &json!("voided"))
    );
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.count("void"), books.charged), (1, 0));
    // Again is the same; taking money is not possible any more.
    hub.cart.cancel(id(&intent)).await.expect(200);
    assert_eq!(hub.cart.capture(id(&intent), json!({})).await.code(), "wrong_status");
    assert_eq!(hub.cart.refund(id(&intent), None).await.code(), "wrong_status");
    assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.canceled").await, 1);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_open_intent_is_canceled() {
    let hub = TestHub::start().await;
    let untouched = hub.cart.create(json!({})).await;
    let canceled = hub.cart.cancel(id(&untouched)).await.expect(200);
    assert_eq!(canceled["status"], "canceled");
    assert_eq!(hub.shopper().open(&untouched).await.status(), 410);

    let opened = hub.cart.create(json!({})).await;
    let page = hub.shopper().open(&opened).await;
    let canceled = hub.cart.cancel(id(&opened)).await.expect(200);
    assert_eq!(canceled["status"], "canceled");
    assert_eq!(hub.sandbox.session(page.session()).await["status"], "expired");
    assert_eq!(page.pay().await.status(), 410);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_cannot_be_canceled() {
    let hub = TestHub::start().await;
    let paid = hub.cart.create(json!({})).await;
    hub.shopper().open(&paid).await.pay().await;
    assert_eq!(hub.cart.cancel(id(&paid)).await.status, 409);

    let partly = authorized(&hub).await;
    hub.cart.capture(id(&partly), json!({ "amount": 1, "final": false })).await.expect(200);
    assert_eq!(hub.cart.cancel(id(&partly)).await.status, 409);

    let later = hub.cart.create(json!({})).await;
    hub.shopper().open(&later).await.pay_later().await;
    assert_eq!(hub.cart.cancel(id(&later)).await.status, 409);
    for intent in [&paid, &partly, &later] {
        assert_eq!(hub.cart.intent(id(intent)).await["cancel_requested"], false);
    }
    assert_eq!(hub.cart.get("/v1/payment_intents/pi_none").await.status, 404);
    assert_eq!(hub.cart.cancel("pi_01jd0000000000000000000abc").await.status, 404);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canceled_in_the_same_moment_as_paid() {
    let hub = TestHub::start().await;
    for _round in 0..10 {
        let intent = hub.cart.create(json!({})).await;
        let page = hub.shopper().open(&intent).await;
        let (_, canceled) = tokio::join!(page.pay(), hub.cart.cancel(id(&intent)));
        assert!([200, 202, 409].contains(&canceled.status), "{}", canceled.text);
        let ends = |intent: &Value| intent["status"] == "succeeded" || intent["status"] == "canceled";
        let end = hub.fast(hub.cart.until(id(&intent), "an end", ends)).await;
        // The processor is the arbiter, and its books agree with ours.
        let session = hub.sandbox.session(page.session()).await;
        let agreed = (end["status"].as_str().unwrap(), session["status"].as_str().unwrap());
        assert!(matches!(agreed, ("succeeded", "paid") | ("canceled", "expired")), "{agreed:?}");
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_captures_at_once_take_no_more_than_there_is() {
    let hub = TestHub::start().await;
    for _round in 0..5 {
        let intent = authorized(&hub).await;
        let wish = || json!({ "amount": 6_000, "final": false });
        let (a, b) =
            tokio::join!(hub.cart.capture(id(&intent), wish()), hub.cart.capture(id(&intent), wish()));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 422]);
        assert_eq!(hub.cart.intent(id(&intent)).await["amount_captured"], 6_000);
    }
    assert_eq!(hub.sandbox.ledger().await.charged, 30_000);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_authorization_that_nobody_captures_ends() {
    let hub = TestHub::start().await;
    let intent = authorized(&hub).await;
    let ends_at = Timestamp::parse_rfc3339(intent["capture_before"].as_str().unwrap()).unwrap();
    let left_s = ends_at.as_unix_seconds() - hub.now_s();
    assert!((left_s - 7 * 86_400).abs() < 120, "seven days, as Sandbox Pay says; not {left_s} s");
    // A day before the end the cart is reminded, once.
    hub.jump(5 * 86_400).await;
    assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.capture_due").await, 0);
    hub.jump(86_400 + 60).await;
    hub.fast(hub.cart.until_event(id(&intent), "payment_intent.capture_due")).await;
    // Nobody captures: the processor releases it, and the hub hears so.
    hub.jump(86_400).await;
    let ended = hub.fast(hub.cart.until_status(id(&intent), "canceled")).await;
    assert_eq!((&ended["capture_before"], &ended["amount_captured"]), (&Value::Null, &json!(0)));
    assert_eq!(hub.cart.capture(id(&intent), json!({})).await.code(), "wrong_status");
    assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.capture_due").await, 1);
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.count("void"), books.charged), (1, 0));
    hub.finish().await;
}
