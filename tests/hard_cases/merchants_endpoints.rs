//! Hard cases 62 and 63: the merchant's endpoints are slow, gone or elsewhere, or hear before the cart does.

use std::time::Duration;

use reqwest::Method;
use serde_json::{Value, json};

use super::lives::paid;
use crate::support::receiver::{Receiver, deliveries, endpoint};
use crate::support::{TestHub, eventually, id};

const CREATED: &[&str] = &["payment_intent.created"];

/// 62. An endpoint that hangs holds up nobody: other endpoints hear, payments go on, and in the end it hears too.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_62_an_endpoint_that_hangs_holds_up_nobody() {
    // Longer than this test may take.
    let hub = TestHub::builder().delivery_time(Duration::from_secs(300)).start().await;
    let (slow, quick) = (Receiver::start().await, Receiver::start().await);
    let registered = slow.register(&hub, CREATED).await;
    quick.register(&hub, CREATED).await;
    slow.hold();
    // More than the worker does at once.
    const EVENTS: usize = 300;
    for _ in 0..EVENTS {
        hub.cart.create(json!({})).await;
    }
    assert_eq!(quick.until_count(EVENTS).await.len(), EVENTS);
    let life = paid(&hub, 100).await;
    assert_eq!(life.books(&hub).await.charged, 100);
    assert!(slow.received().len() <= 64, "{} deliveries wait at one endpoint", slow.received().len());
    slow.release();
    // In time of its own: what waited comes one after the other.
    slow.until_count(EVENTS + 1).await;
    eventually("all are delivered", async || {
        let waiting = "SELECT count(*) FROM merchant_deliveries WHERE state <> 'delivered'";
        (hub.database().number(waiting) == 0).then_some(())
    })
    .await;
    // Each once: waiting for a place is no try.
    let tries = deliveries(&hub.cart, &registered.id).await;
    assert!(tries.iter().all(|one| one["tries"] == 1), "{:?}", tries.first());
    hub.finish().await;
}

/// 62. What fails is tried again by the standard's schedule, a redirect is a failure and is not followed, and 410
/// switches the endpoint off until the merchant switches it on; each can be sent again by hand.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_62_failures_redirects_and_gone() {
    let hub = TestHub::builder().delivery_time(Duration::from_millis(300)).start().await;
    let merchant = Receiver::start().await;
    let registered = merchant.register(&hub, CREATED).await;
    let one = async |what: &str, wanted: &dyn Fn(&Value) -> bool| {
        eventually(what, async || {
            deliveries(&hub.cart, &registered.id).await.into_iter().find(|one| wanted(one))
        })
        .await
    };
    // A time-out, a failure, a redirect: the same event under the same id, later each time.
    merchant.hold();
    let intent = hub.cart.create(json!({})).await;
    let slow = one("timed out", &|one| one["tries"] == 1).await;
    assert!(slow["last_try"]["failure"].as_str().unwrap().contains("in time"), "{slow}");
    merchant.answer_next(&[500, 307]);
    merchant.release();
    for (tries, wait_s, why) in [(2, 5, "answered 500"), (3, 300, "redirect")] {
        hub.jump(wait_s).await;
        let failed = one("failed", &|one| one["tries"] == tries).await;
        assert_eq!((&failed["state"], failed["next_at"].is_string()), (&json!("pending"), true));
        assert!(failed["last_try"]["failure"].as_str().unwrap().contains(why), "{failed}");
    }
    hub.jump(1_800).await;
    one("delivered", &|one| one["state"] == "delivered" && one["tries"] == 4).await;
    let received = merchant.received();
    assert_eq!(received.len(), 4, "the redirect was not followed");
    assert!(received.iter().all(|one| one.header("webhook-id") == received[0].header("webhook-id")));
    assert!(received.iter().all(|one| one.is_signed_with(&registered.secret)));

    merchant.answer_next(&[410]);
    hub.cart.create(json!({})).await;
    eventually("switched off", async || {
        (endpoint(&hub.cart, &registered.id).await["enabled"] == false).then_some(())
    })
    .await;
    hub.cart.create(json!({})).await;
    hub.jump(4 * 24 * 3_600).await;
    assert_eq!(merchant.received().len(), 5, "nothing is sent to an endpoint that is off");
    let path = format!("/v1/webhook_endpoints/{}", registered.id);
    hub.cart.send(Method::PATCH, &path, None, Some(&json!({ "enabled": true }))).await.expect(200);
    let event = id(&hub.cart.events(id(&intent)).await[0]).to_owned();
    hub.cart.ask(&format!("/v1/events/{event}/resend"), json!({})).await.expect(202);
    let received = merchant.until_count(6).await;
    assert_eq!((received[5].header("webhook-id"), &received[5].body), (event.as_str(), &received[0].body));
    hub.finish().await;
}

/// 63. The merchant may hear before the cart has its answer: each event names the key of the call that led to it
/// and its place in the payment's sequence, so that the two are matched whichever comes first.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_63_the_webhook_before_the_answer() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    merchant.register(&hub, &[]).await;
    let body = crate::support::cart::Cart::intent_body(&json!({ "capture": "manual" }));
    let intent = hub.cart.post("/v1/payment_intents", "order-63", &body).await.expect(201);
    hub.shopper().open(&intent).await.pay().await;
    let path = format!("/v1/payment_intents/{}/capture", id(&intent));
    hub.cart.post(&path, "capture-63", &json!({})).await.expect(200);
    let refund = json!({ "payment_intent": id(&intent), "amount": 1 });
    let refund = hub.cart.post("/v1/refunds", "refund-63", &refund).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    merchant.until_taken("refund.succeeded").await;

    // The key where the call itself led to the event; none where the processor's word did.
    let keys = [
        ("payment_intent.created", json!("order-63")),
        ("payment_intent.requires_capture", Value::Null),
        ("payment_intent.succeeded", Value::Null),
        ("order.paid", Value::Null),
        ("refund.created", json!("refund-63")),
        ("refund.succeeded", Value::Null),
    ];
    for (kind, key) in keys {
        let delivered = merchant.until_taken(kind).await.json();
        assert_eq!(delivered["idempotency_key"], key, "{kind}");
        assert!(delivered["sequence"].is_u64(), "{kind}");
        // What is listed is what was delivered.
        let listed = hub.cart.get(&format!("/v1/events/{}", id(&delivered))).await.expect(200);
        assert_eq!(listed, delivered, "{kind}");
    }
    let created = merchant.until_taken("payment_intent.created").await.json();
    assert_eq!((&created["data"]["object"], &created["sequence"]), (&intent, &json!(1)));
    hub.finish().await;
}
