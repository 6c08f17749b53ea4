//! The processor says another amount than the one that was asked for.

use serde_json::json;

use crate::support::{TestHub, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payment_of_another_amount_is_quarantined() {
    for webhooks in [true, false] {
        let hub = TestHub::start().await;
        if !webhooks {
            hub.sandbox.no_webhooks().await;
        }
        hub.sandbox.fault(json!({ "operation": "open", "fault": "wrong_amount" })).await;
        let intent = hub.cart.create(json!({ "amount": 100, "order_reference": "o-1" })).await;
        assert!(hub.shopper().open(&intent).await.pay().await.is_at_the_shop());
        let shown =
            hub.cart.until(id(&intent), "quarantined", |intent| !intent["quarantine"].is_null()).await;
        assert_ne!(shown["status"], "succeeded");
        assert!(shown["quarantine"]["reason"].as_str().unwrap().contains("amount"), "{shown}");
        for kind in ["payment_intent.succeeded", "order.paid"] {
            assert_eq!(hub.cart.count_events(id(&intent), kind).await, 0);
        }
        assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.quarantined").await, 1);
        // Nothing can be asked of it, and nobody is led to pay a second time.
        for refused in [hub.cart.refund(id(&intent), None).await, hub.cart.cancel(id(&intent)).await] {
            assert_eq!(refused.status, 409, "{}", refused.text);
        }
        let page = hub.shopper().open(&intent).await;
        assert!(
            !page.url().starts_with(&hub.sandbox.base_url) || page.text().contains("paid"),
            "{}",
            page.text()
        );
        assert_eq!(hub.sandbox.ledger().await.count("charge"), 1);
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_of_another_amount_is_quarantined() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({ "amount": 100, "capture": "manual" })).await;
    hub.shopper().open(&intent).await.pay().await;
    hub.sandbox.fault(json!({ "operation": "capture", "fault": "wrong_amount" })).await;
    hub.fast(hub.cart.capture(id(&intent), json!({ "amount": 60 }))).await;
    let shown = hub.cart.until(id(&intent), "quarantined", |intent| !intent["quarantine"].is_null()).await;
    assert_ne!(shown["status"], "succeeded");
    assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.quarantined").await, 1);
    hub.finish().await;
}
