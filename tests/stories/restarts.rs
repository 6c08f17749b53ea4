//! The hub stops and starts in the middle of everything.

use std::time::Duration;

use serde_json::json;

use crate::support::receiver::Receiver;
use crate::support::{TestHub, eventually, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_lives_through_restarts() {
    let mut hub = TestHub::start().await;
    let intent = hub.cart.create(json!({ "capture": "manual" })).await;
    hub.restart().await;
    let page = hub.shopper().open(&intent).await;
    hub.restart().await;
    assert_eq!(hub.shopper().open(&intent).await.session(), page.session());
    page.pay().await;
    hub.restart().await;
    hub.cart.capture(id(&intent), json!({})).await.expect(200);
    let refund = hub.cart.refund(id(&intent), Some(99)).await.expect(201);
    hub.restart().await;
    hub.cart.until_refund(id(&refund), "succeeded").await;
    let end = hub.cart.intent(id(&intent)).await;
    assert_eq!(
        (&end["status"], &end["amount_captured"], &end["amount_refunded"]),
        (&json!("succeeded"), &json!(1999), &json!(99))
    );
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.charged, books.refunded), (1999, 99));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_while_a_capture_is_on_its_way() {
    let mut hub = TestHub::builder().grace(Duration::from_millis(300)).start().await;
    let intent = hub.cart.create(json!({ "capture": "manual" })).await;
    hub.shopper().open(&intent).await.pay().await;
    hub.sandbox.no_webhooks().await;
    // Neither the capture nor a question about it is answered; both are cut off.
    hub.sandbox.fault(json!({ "operation": "capture", "fault": "stall", "stall_ms": 600_000 })).await;
    hub.sandbox
        .fault(json!({ "operation": "fetch", "fault": "stall", "stall_ms": 600_000, "times": 0 }))
        .await;
    let answer = hub.fast(hub.cart.capture(id(&intent), json!({}))).await;
    assert_eq!(answer.expect(202)["captures"][0]["status"], "pending");
    hub.restart().await;
    hub.sandbox.no_more_faults().await;
    hub.fast(hub.cart.until_status(id(&intent), "succeeded")).await;
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.count("capture"), books.charged), (1, 1999));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stopped_while_a_page_is_being_opened() {
    let mut hub = TestHub::builder().grace(Duration::from_millis(300)).start().await;
    hub.sandbox.fault(json!({ "operation": "open", "fault": "stall", "stall_ms": 600_000 })).await;
    let intent = hub.cart.create(json!({})).await;
    let (shopper, url) = (hub.shopper(), intent["checkout_url"].as_str().unwrap().to_owned());
    let waiting = tokio::spawn(async move { shopper.go(reqwest::Method::GET, &url, &[]).await });
    eventually("the session is there", async || (!hub.sandbox.sessions().await.is_empty()).then_some(()))
        .await;
    let page = hub.fast(waiting).await.unwrap();
    assert!(page.text().contains("Waiting"), "{}", page.text());
    hub.restart().await;
    let page = hub.fast(hub.shopper().open(&intent)).await;
    page.pay().await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    assert_eq!(hub.sandbox.sessions().await.len(), 1);
    hub.finish().await;
}

/// Paid while the hub is down, and every webhook is lost with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paid_while_the_hub_is_down() {
    let mut hub = TestHub::start().await;
    let intent = hub.cart.create(json!({})).await;
    let page = hub.shopper().open(&intent).await;
    hub.stop().await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "drop", "times": 0 })).await;
    hub.sandbox.act(page.session(), json!({ "action": "pay" })).await;
    hub.clock.jump(121);
    hub.resume().await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_the_merchant_has_not_heard_is_told_after_a_restart() {
    let mut hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    let registered = merchant.register(&hub, &[]).await;
    merchant.answer_always(503);
    let intent = hub.cart.create(json!({})).await;
    merchant.until_count(1).await;
    hub.restart().await;
    merchant.answer_always(200);
    hub.jump(5).await;
    let taken = merchant.until_taken("payment_intent.created").await;
    assert_eq!(taken.json()["data"]["object"]["id"], intent["id"]);
    assert!(taken.is_signed_with(&registered.secret));
    hub.finish().await;
}
