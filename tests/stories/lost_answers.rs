//! The processor does what it was asked and the answer is lost, or does nothing and says nothing.
//!
//! Whatever becomes of the first try: the state becomes right by itself, and the processor's own books show
//! the money moved once. Without webhooks only the hub's own questions help; with them, both race.

use serde_json::{Value, json};

use crate::support::sandbox::Ledger;
use crate::support::{TestHub, id};

const FAULTS: [&str; 7] =
    ["drop_before", "drop_after", "error_before", "error_after", "stall", "garbage", "throttle"];

/// A hub whose processor does, or does not, send webhooks.
async fn hub(webhooks: bool) -> TestHub {
    let hub = TestHub::start().await;
    if !webhooks {
        hub.sandbox.no_webhooks().await;
    }
    hub
}

async fn strike(hub: &TestHub, operation: &str, fault: &str) {
    hub.sandbox.fault(json!({ "operation": operation, "fault": fault, "stall_ms": 400 })).await;
}

/// The processor's books of one session.
async fn books(hub: &TestHub, session: &str) -> Ledger {
    let mut ledger = hub.sandbox.ledger().await;
    ledger.entries.retain(|entry| entry["session"] == session);
    ledger
}

async fn struck(hub: &TestHub) {
    assert_eq!(hub.sandbox.faults().await, Vec::<Value>::new(), "the fault did not strike");
}

async fn authorized(hub: &TestHub) -> (Value, String) {
    let intent = hub.cart.create(json!({ "amount": 100, "capture": "manual" })).await;
    let page = hub.shopper().open(&intent).await;
    page.pay().await;
    (hub.fast(hub.cart.until_status(id(&intent), "requires_capture")).await, page.session().to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_open_is_lost() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in FAULTS {
            strike(&hub, "open", fault).await;
            let intent = hub.cart.create(json!({})).await;
            let page = hub.fast(hub.shopper().open(&intent)).await;
            struck(&hub).await;
            page.pay().await;
            let paid = hub.fast(hub.cart.until_status(id(&intent), "succeeded")).await;
            assert_eq!(paid["attempts"].as_array().unwrap().len(), 1, "{fault}");
            assert_eq!(books(&hub, page.session()).await.count("charge"), 1, "{fault}");
        }
        let sessions = hub.sandbox.sessions().await;
        assert_eq!(sessions.len(), FAULTS.len(), "one session for each payment");
        assert_eq!(hub.sandbox.ledger().await.count("charge"), FAULTS.len());
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_capture_is_lost() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in FAULTS {
            let (intent, session) = authorized(&hub).await;
            strike(&hub, "capture", fault).await;
            let answer = hub.fast(hub.cart.capture(id(&intent), json!({ "amount": 60 }))).await;
            assert!([200, 202].contains(&answer.status), "{fault}: {}", answer.text);
            let captured = |intent: &Value| intent["captures"][0]["status"] == "succeeded";
            let done = hub.fast(hub.cart.until(id(&intent), "captured", captured)).await;
            struck(&hub).await;
            assert_eq!(
                (&done["status"], &done["amount_captured"]),
                (&json!("succeeded"), &json!(60)),
                "{fault}"
            );
            assert_eq!(done["captures"].as_array().unwrap().len(), 1, "{fault}");
            assert_eq!(books(&hub, &session).await.count("capture"), 1, "{fault}");
        }
        assert_eq!(hub.sandbox.ledger().await.charged, 60 * 7);
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_void_is_lost() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in FAULTS {
            let (intent, session) = authorized(&hub).await;
            strike(&hub, "void", fault).await;
            let answer = hub.fast(hub.cart.cancel(id(&intent))).await;
            assert!([200, 202].contains(&answer.status), "{fault}: {}", answer.text);
            hub.fast(hub.cart.until_status(id(&intent), "canceled")).await;
            struck(&hub).await;
            assert_eq!(books(&hub, &session).await.count("void"), 1, "{fault}");
            assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.canceled").await, 1, "{fault}");
            assert_eq!(
                hub.cart.count_events(id(&intent), "payment_intent.cancel_failed").await,
                0,
                "{fault}"
            );
        }
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_expire_is_lost() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in FAULTS {
            let intent = hub.cart.create(json!({})).await;
            let page = hub.shopper().open(&intent).await;
            strike(&hub, "expire", fault).await;
            let answer = hub.fast(hub.cart.cancel(id(&intent))).await;
            assert!([200, 202].contains(&answer.status), "{fault}: {}", answer.text);
            hub.fast(hub.cart.until_status(id(&intent), "canceled")).await;
            struck(&hub).await;
            assert_eq!(hub.sandbox.session(page.session()).await["status"], "expired", "{fault}");
            assert_eq!(
                hub.cart.count_events(id(&intent), "payment_intent.cancel_failed").await,
                0,
                "{fault}"
            );
        }
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_refund_is_lost() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in FAULTS {
            let intent = hub.cart.create(json!({ "amount": 100 })).await;
            let page = hub.shopper().open(&intent).await;
            page.pay().await;
            hub.fast(hub.cart.until_status(id(&intent), "succeeded")).await;
            strike(&hub, "refund", fault).await;
            let refund = hub.cart.refund(id(&intent), Some(60)).await.expect(201);
            hub.fast(hub.cart.until_refund(id(&refund), "succeeded")).await;
            struck(&hub).await;
            let refunded = hub.cart.intent(id(&intent)).await["amount_refunded"].clone();
            assert_eq!(
                (refunded, books(&hub, page.session()).await.count("refund")),
                (json!(60), 1),
                "{fault}"
            );
            assert_eq!(hub.cart.count_events(id(&intent), "refund.succeeded").await, 1, "{fault}");
        }
        assert_eq!(hub.sandbox.ledger().await.refunded, 60 * 7);
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_a_question_is_lost() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in FAULTS {
            let intent = hub.cart.create(json!({})).await;
            let page = hub.shopper().open(&intent).await;
            strike(&hub, "fetch", fault).await;
            let home = hub.fast(page.pay()).await;
            assert!(home.is_at_the_shop(), "{fault}");
            hub.fast(hub.cart.until_status(id(&intent), "succeeded")).await;
            assert_eq!(books(&hub, page.session()).await.count("charge"), 1, "{fault}");
            assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.succeeded").await, 1, "{fault}");
            hub.sandbox.no_more_faults().await;
        }
        hub.finish().await;
    }
}

/// All at once: everything that is asked fails twice, each time in another way, and so do the webhooks.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_day_ends_well() {
    let days = [
        ["drop_before", "drop_after"],
        ["error_before", "error_after"],
        ["garbage", "throttle"],
        ["drop_after", "error_after"],
    ];
    let hub = TestHub::start().await;
    for day in days {
        for fault in day {
            for operation in ["open", "fetch", "capture", "refund"] {
                strike(&hub, operation, fault).await;
            }
        }
        for fault in ["drop", "duplicate", "out_of_order", "forged"] {
            hub.sandbox.fault(json!({ "operation": "webhook", "fault": fault })).await;
        }
        let intent = hub.cart.create(json!({ "amount": 100, "capture": "manual" })).await;
        hub.fast(hub.shopper().open(&intent)).await.pay().await;
        hub.fast(hub.cart.until_status(id(&intent), "requires_capture")).await;
        hub.fast(hub.cart.capture(id(&intent), json!({}))).await;
        hub.fast(hub.cart.until_status(id(&intent), "succeeded")).await;
        let refund = hub.cart.refund(id(&intent), Some(60)).await.expect(201);
        hub.fast(hub.cart.until_refund(id(&refund), "succeeded")).await;
        hub.sandbox.no_more_faults().await;
        hub.sandbox.flush().await;
        hub.sandbox.until_quiet().await;
        for kind in ["payment_intent.requires_capture", "payment_intent.succeeded", "refund.succeeded"] {
            assert_eq!(hub.cart.count_events(id(&intent), kind).await, 1, "{day:?} {kind}");
        }
    }
    let books = hub.sandbox.ledger().await;
    let counts = (books.count("authorization"), books.count("capture"), books.count("refund"));
    assert_eq!((counts, books.charged, books.refunded), ((4, 4, 4), 400, 240));
    hub.finish().await;
}
