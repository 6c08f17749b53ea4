//! The processor does what it was asked and the answer is lost, or does nothing and says nothing.
//!
//! Whatever becomes of the first try: the state becomes right by itself, and the processor's own books show
//! the money moved once. Without webhooks only the hub's own questions help; with them, both race.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::sandbox::Ledger;
use crate::support::{TestHub, eventually, id};

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
            assert_eq!((&done["status"], &done["amount_captured"]), (&json!("succeeded"), &json!(60)), "{fault}");
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
            assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.cancel_failed").await, 0, "{fault}");
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
            assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.cancel_failed").await, 0, "{fault}");
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
            assert_eq!((refunded, books(&hub, page.session()).await.count("refund")), (json!(60), 1), "{fault}");
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

/// All at once, again and again: half of everything fails in every way for a while.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bad_day_ends_well() {
    let hub = TestHub::start().await;
    for fault in ["drop_before", "drop_after", "error_after", "garbage", "throttle"] {
        hub.sandbox.fault(json!({ "operation": "any", "fault": fault, "times": 12, "rate": 30 })).await;
    }
    for fault in ["duplicate", "drop", "forged", "out_of_order"] {
        hub.sandbox.fault(json!({ "operation": "webhook", "fault": fault, "times": 4, "rate": 40 })).await;
    }
    for _ in 0..6 {
        let intent = hub.cart.create(json!({ "amount": 100 })).await;
        let page = hub.fast(eventually("a page to pay on", async || {
            let page = hub.shopper().open(&intent).await;
            (page.is_at_the_shop() || page.status() != 503).then_some(page)
        }));
        let page = page.await;
        page.pay().await;
        if tokio::time::timeout(std::time::Duration::from_secs(8), hub.fast(hub.cart.until_status(id(&intent), "succeeded"))).await.is_err() {
            println!("{:#}", hub.cart.intent(id(&intent)).await);
            println!("now {}", hub.now_s());
            for job in hub.file().texts("SELECT key || ' ' || due_at || ' ' || tries || ' ' || coalesce(leased_until,0) FROM jobs") { println!("{job}"); }
            for recorded in hub.file().history(id(&intent)) { println!("{} {} {:?} {}", recorded.version, recorded.at.as_unix_seconds(), recorded.cause, format!("{:?}", recorded.event).chars().take(300).collect::<String>()); }
            println!("{:?}", hub.sandbox.faults().await);
            panic!();
        }
        let refund = hub.cart.refund(id(&intent), Some(60)).await.expect(201);
        hub.fast(hub.cart.until_refund(id(&refund), "succeeded")).await;
        assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.succeeded").await, 1);
    }
    hub.sandbox.no_more_faults().await;
    hub.sandbox.admin(Method::POST, "flush", json!({})).await.expect(200);
    hub.sandbox.until_quiet().await;
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.count("charge"), books.charged, books.refunded), (6, 600, 360));
    hub.finish().await;
}
