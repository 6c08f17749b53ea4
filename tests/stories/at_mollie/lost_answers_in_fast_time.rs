//! Every way to lose an answer, for every call, while time flies: without calls from Mollie only the hub's own
//! questions help, with them both race. And what needs time: Mollie's own 500 that it repeats for an hour whether it
//! did what was asked or not, a refund that it takes for a mistake, a dispute whose reversal nobody tells of.

use serde_json::{Value, json};

use payhub::connector::credentials::SecretText;
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig};
use processor_sdk::Settings;

use super::world::WEBHOOK_PATH;
use crate::stories::at_processor::counterpart::Counterpart;
use crate::support::shopper::{Page, Shopper};
use crate::support::{TestHub, eventually, id};
use crate::twins::desk::Moved;
use crate::twins::faults::{Fault, LOSING};
use crate::twins::mollie::{Mollie, TEST_KEY};
use crate::twins::outbox::Manner;
use crate::twins::server::Twin;

/// Pages that a shopper opens one after the other before this test gives up.
const PAGES_MAX: usize = 3;

/// A hub whose clock can jump, at Mollie's twin.
struct Fast {
    hub: TestHub,
    twin: Twin<Mollie>,
}

/// Every fault, and the one after which nothing was done and the key is used up all the same.
fn losing() -> impl Iterator<Item = Fault> {
    LOSING.into_iter().chain([Fault::BreaksBefore])
}

impl Fast {
    async fn start(calls: bool) -> Self {
        let twin = Twin::mollie().await;
        let hub = TestHub::builder().connectors(0).also(connector(&twin)).start().await;
        hub.keep_out_of_the_file(TEST_KEY);
        hub.jumps_with(twin.clock());
        if !calls {
            twin.webhooks(Manner::Dropped);
        }
        Self { hub, twin }
    }

    async fn open(&self, wish: Value) -> (Value, Page) {
        let intent = self.hub.cart.create(wish).await;
        let page = self.visit(&intent).await;
        (intent, page)
    }

    async fn visit(&self, intent: &Value) -> Page {
        let shopper = Shopper::new(&self.hub.base_url, &[&self.twin.base_url]);
        self.hub.fast(shopper.open(intent)).await
    }

    /// A new intent that is paid, or authorized; its id, and Mollie's of the payment. Time may be up at a page before
    /// the shopper is there.
    async fn paid(&self, wish: Value) -> (String, String) {
        let (intent, mut page) = self.open(wish).await;
        for _ in 0..PAGES_MAX {
            let payment = Mollie::page_at(&self.twin, page.url());
            if page.pay().await.is_at_the_shop() {
                let done = |intent: &Value| {
                    intent["status"] == "succeeded" || intent["status"] == "requires_capture"
                };
                self.hub.fast(self.hub.cart.until(id(&intent), "paid", done)).await;
                return (id(&intent).to_owned(), payment);
            }
            page = self.visit(&intent).await;
        }
        panic!("the shopper found {PAGES_MAX} closed pages");
    }

    /// Waits for the good end of a refund that Mollie moves on whenever it has it.
    async fn refunded(&self, refund: &Value) {
        let path = format!("/v1/refunds/{}", id(refund));
        let succeeds = eventually("the refund succeeds", || async {
            Mollie::end_refunds(&self.twin);
            let status = self.hub.cart.get(&path).await.expect(200)["status"].clone();
            assert_ne!(status, "failed", "unknown is never failed");
            (status == "succeeded").then_some(())
        });
        self.hub.fast(succeeds).await;
    }

    async fn finish(self) {
        self.twin.finish().await;
        self.hub.finish().await;
    }
}

/// The connector, as a config would name it.
fn connector(twin: &Twin<Mollie>) -> ConnectorConfig {
    let base_url = twin.base_url.as_str();
    ConnectorConfig {
        name: "mollie".to_owned(),
        adapter: AdapterChoice::Native("mollie".to_owned()),
        livemode: false,
        currencies: vec![],
        settings: Settings::from([("base_url", base_url.into()), ("checkout_url", base_url.into())]),
        secrets: [("api_key".to_owned(), vec![SecretText::new(TEST_KEY)])].into(),
        grants: Grants { plain_http_hosts: vec![twin.host()], ..Grants::default() },
        webhook_path_secret: Some(SecretText::new(WEBHOOK_PATH)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open() {
    for calls in [true, false] {
        let fast = Fast::start(calls).await;
        for fault in losing() {
            fast.twin.fault("open", fault);
            let (intent, payment) = fast.paid(json!({})).await;
            fast.twin.struck();
            assert_eq!(fast.twin.ledger().of(&payment).count(Moved::Taken), 1, "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(&intent, "payment_intent.succeeded").await, 1, "{fault:?}");
        }
        assert_eq!(fast.twin.ledger().count(Moved::Taken), losing().count());
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capture() {
    for calls in [true, false] {
        let fast = Fast::start(calls).await;
        for fault in losing() {
            let (intent, payment) = fast.paid(json!({ "capture": "manual" })).await;
            fast.twin.fault("capture", fault);
            fast.hub.fast(fast.hub.cart.capture(&intent, json!({ "amount": 600 }))).await;
            let done = fast.hub.fast(fast.hub.cart.until_status(&intent, "succeeded")).await;
            fast.twin.struck();
            let captured = (&done["amount_captured"], &done["captures"][0]["status"]);
            assert_eq!(captured, (&json!(600), &json!("succeeded")), "{fault:?}");
            let books = fast.twin.ledger().of(&payment);
            assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 600), "{fault:?}");
        }
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn release() {
    for calls in [true, false] {
        let fast = Fast::start(calls).await;
        for fault in losing() {
            let (intent, payment) = fast.paid(json!({ "capture": "manual" })).await;
            fast.twin.fault("release", fault);
            fast.hub.fast(fast.hub.cart.cancel(&intent)).await;
            fast.hub.fast(fast.hub.cart.until_status(&intent, "canceled")).await;
            fast.twin.struck();
            assert_eq!(fast.twin.ledger().of(&payment).count(Moved::Released), 1, "{fault:?}");
            let failed = fast.hub.cart.count_events(&intent, "payment_intent.cancel_failed").await;
            assert_eq!(failed, 0, "{fault:?}");
        }
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refund() {
    for calls in [true, false] {
        let fast = Fast::start(calls).await;
        for fault in losing() {
            let (intent, payment) = fast.paid(json!({})).await;
            fast.twin.fault("refund", fault);
            let refund = fast.hub.cart.refund(&intent, Some(700)).await.expect(201);
            fast.refunded(&refund).await;
            fast.twin.struck();
            let books = fast.twin.ledger().of(&payment);
            assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700), "{fault:?}");
            assert_eq!(fast.hub.cart.intent(&intent).await["amount_refunded"], 700, "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(&intent, "refund.succeeded").await, 1, "{fault:?}");
        }
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cancel() {
    for calls in [true, false] {
        let fast = Fast::start(calls).await;
        fast.twin.pages_are_cancelable();
        for fault in losing() {
            let (intent, page) = fast.open(json!({})).await;
            fast.twin.fault("cancel", fault);
            fast.hub.fast(fast.hub.cart.cancel(id(&intent))).await;
            fast.hub.fast(fast.hub.cart.until_status(id(&intent), "canceled")).await;
            fast.twin.struck();
            let status = fast.twin.payment(&Mollie::page_at(&fast.twin, page.url()))["status"].clone();
            assert!(status == "canceled" || status == "expired", "{fault:?}: {status}");
        }
        assert_eq!(fast.twin.ledger().0, vec![]);
        fast.finish().await;
    }
}

/// Mollie takes the second for a mistake, says so for an hour under the same key, and lists it nowhere. It is no
/// mistake: both are made, each once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_refunds_that_look_alike() {
    for calls in [true, false] {
        let fast = Fast::start(calls).await;
        let (intent, payment) = fast.paid(json!({})).await;
        let first = fast.hub.cart.refund(&intent, Some(500)).await.expect(201);
        let second = fast.hub.cart.refund(&intent, Some(500)).await.expect(201);
        fast.refunded(&first).await;
        fast.refunded(&second).await;
        let books = fast.twin.ledger().of(&payment);
        assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (2, 1000));
        assert!(fast.twin.count_asked("refund") > 2, "one of them was refused at first");
        assert_eq!(fast.hub.cart.intent(&intent).await["amount_refunded"], 1000);
        fast.finish().await;
    }
}

/// Nobody tells of a reversal; the hub looks by itself, for as long as a dispute is open.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reversal_is_seen_although_nobody_tells() {
    for forgets in [true, false] {
        let fast = Fast::start(true).await;
        fast.twin.total_forgets_reversals(forgets);
        let (intent, payment) = fast.paid(json!({})).await;
        let dispute = fast.twin.dispute(&payment, None);
        let cart = &fast.hub.cart;
        fast.hub.fast(cart.until(&intent, "disputed", |intent| intent["amount_disputed"] == 1999)).await;
        fast.twin.reverse(&dispute);
        fast.hub.fast(cart.until(&intent, "won", |intent| intent["amount_disputed"] == 0)).await;
        assert_eq!(cart.count_events(&intent, "dispute.won").await, 1);
        fast.finish().await;
    }
}
