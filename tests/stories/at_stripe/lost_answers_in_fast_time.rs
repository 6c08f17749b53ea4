//! Every way to lose an answer, for every call, while time flies: without webhooks only the hub's own
//! questions help, with them both race. And the worst: Stripe's own 500 for something it did not do, which it
//! repeats for a day.

use serde_json::{Value, json};

use crate::support::{TestHub, id};
use crate::twins::desk::Moved;
use crate::twins::faults::{Fault, LOSING};
use crate::twins::outbox::Manner;

async fn hub(webhooks: bool) -> TestHub {
    let hub = TestHub::at_stripe().await;
    if !webhooks {
        hub.stripe().webhooks(Manner::Dropped);
    }
    hub
}

async fn paid(hub: &TestHub, wish: Value) -> (String, String) {
    let intent = hub.cart.create(wish).await;
    let page = hub.fast(hub.shopper().open(&intent)).await;
    page.pay().await;
    let done = |intent: &Value| intent["status"] == "succeeded" || intent["status"] == "requires_capture";
    hub.fast(hub.cart.until(id(&intent), "paid", done)).await;
    (id(&intent).to_owned(), hub.stripe().payment_of(page.session()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in LOSING {
            hub.stripe().fault("open", fault);
            let (intent, payment) = paid(&hub, json!({})).await;
            hub.stripe().struck();
            assert_eq!(hub.stripe().ledger().of(&payment).count(Moved::Taken), 1, "{fault:?}");
            assert_eq!(hub.cart.count_events(&intent, "payment_intent.succeeded").await, 1, "{fault:?}");
        }
        assert_eq!(hub.stripe().ledger().count(Moved::Taken), LOSING.len());
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capture() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in LOSING {
            let (intent, payment) = paid(&hub, json!({ "capture": "manual" })).await;
            hub.stripe().fault("capture", fault);
            hub.fast(hub.cart.capture(&intent, json!({ "amount": 600 }))).await;
            let done = hub.fast(hub.cart.until_status(&intent, "succeeded")).await;
            hub.stripe().struck();
            assert_eq!(
                (&done["amount_captured"], &done["captures"][0]["status"]),
                (&json!(600), &json!("succeeded")),
                "{fault:?}"
            );
            let books = hub.stripe().ledger().of(&payment);
            assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 600), "{fault:?}");
        }
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn void() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in LOSING {
            let (intent, payment) = paid(&hub, json!({ "capture": "manual" })).await;
            hub.stripe().fault("cancel", fault);
            hub.fast(hub.cart.cancel(&intent)).await;
            hub.fast(hub.cart.until_status(&intent, "canceled")).await;
            hub.stripe().struck();
            assert_eq!(hub.stripe().ledger().of(&payment).count(Moved::Released), 1, "{fault:?}");
            assert_eq!(hub.cart.count_events(&intent, "payment_intent.cancel_failed").await, 0, "{fault:?}");
        }
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refund() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in LOSING {
            let (intent, payment) = paid(&hub, json!({})).await;
            hub.stripe().fault("refund", fault);
            let refund = hub.cart.refund(&intent, Some(700)).await.expect(201);
            hub.fast(hub.cart.until_refund(id(&refund), "succeeded")).await;
            hub.stripe().struck();
            let books = hub.stripe().ledger().of(&payment);
            assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700), "{fault:?}");
            assert_eq!(hub.cart.count_events(&intent, "refund.succeeded").await, 1, "{fault:?}");
            assert_eq!(hub.cart.intent(&intent).await["amount_refunded"], 700, "{fault:?}");
        }
        hub.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expire() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        for fault in LOSING {
            let intent = hub.cart.create(json!({})).await;
            let page = hub.shopper().open(&intent).await;
            hub.stripe().fault("expire", fault);
            hub.fast(hub.cart.cancel(id(&intent))).await;
            hub.fast(hub.cart.until_status(id(&intent), "canceled")).await;
            hub.stripe().struck();
            assert_eq!(hub.stripe().object(page.session())["status"], "expired", "{fault:?}");
        }
        hub.finish().await;
    }
}

/// Stripe keeps its own 500 under the key, though nothing was done. The hub neither gives up nor does it twice:
/// once Stripe has forgotten the key, it is done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_broke_before_it_was_done_is_done_once_the_key_is_forgotten() {
    for webhooks in [true, false] {
        let hub = hub(webhooks).await;
        let (intent, payment) = paid(&hub, json!({})).await;
        hub.stripe().fault("refund", Fault::BreaksBefore);
        let refund = hub.cart.refund(&intent, Some(700)).await.expect(201);
        let path = format!("/v1/refunds/{}", id(&refund));
        for hours in 0_u32.. {
            assert!(hours < 24 * 4, "after four days the refund is still not made");
            let status = hub.cart.get(&path).await.expect(200)["status"].clone();
            assert_ne!(status, "failed", "unknown is never failed");
            if status == "succeeded" {
                break;
            }
            hub.jump(3_600).await;
            let (file, clock) = (hub.database(), hub.clock.clone());
            tokio::task::block_in_place(|| file.until_nothing_is_overdue(clock.as_ref()));
        }
        let books = hub.stripe().ledger().of(&payment);
        assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700));
        hub.finish().await;
    }
}

/// The same where no look-up can tell: a page that could not be opened must not keep the shopper from paying.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_that_broke_before_it_was_opened_keeps_nobody_from_paying() {
    for fault in [Fault::BreaksBefore, Fault::BreaksAfter] {
        let hub = hub(true).await;
        hub.stripe().fault("open", fault);
        let (intent, payment) = paid(&hub, json!({})).await;
        assert_eq!(hub.stripe().ledger().of(&payment).count(Moved::Taken), 1, "{fault:?}");
        assert_eq!(hub.stripe().ledger().count(Moved::Taken), 1, "{fault:?}");
        assert_eq!(hub.cart.status(&intent).await, "succeeded");
        hub.finish().await;
    }
}
