//! Every way to lose an answer, for every call, while time flies: without webhooks only the hub's own questions help,
//! with them both race. And orders that PayPal has forgotten.

use serde_json::{Value, json};

use payhub::connector::credentials::SecretText;
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig};
use processor_sdk::Settings;

use super::world::WEBHOOK_PATH;
use crate::support::shopper::{Page, Shopper};
use crate::support::{TestHub, id};
use crate::twins::desk::Moved;
use crate::twins::faults::{Fault, LOSING};
use crate::twins::outbox::Manner;
use crate::twins::paypal::{PayPal, TEST_CLIENT, TEST_SECRET};
use crate::twins::server::Twin;

/// What befalls a question.
const QUESTIONS_LOST: [Fault; 5] =
    [Fault::DropBefore, Fault::ErrorBefore, Fault::BreaksBefore, Fault::Garbage, Fault::TooMany];
/// How long PayPal keeps an order that nobody approved, in seconds.
const ORDER_LIFE_S: i64 = 3 * 60 * 60;

/// A hub whose clock can jump, at PayPal's twin.
struct Fast {
    hub: TestHub,
    twin: Twin<PayPal>,
}

impl Fast {
    async fn start(webhooks: bool) -> Self {
        let twin = Twin::paypal().await;
        let hub = TestHub::builder().connectors(0).also(connector(&twin)).start().await;
        hub.keep_out_of_the_file(TEST_SECRET);
        if webhooks {
            twin.send_webhooks_to(Some(&format!("{}/webhooks/paypal/{WEBHOOK_PATH}", hub.base_url)));
        } else {
            twin.webhooks(Manner::Dropped);
        }
        Self { hub, twin }
    }

    async fn open(&self, wish: Value) -> (Value, Page) {
        let intent = self.hub.cart.create(wish).await;
        let page = self.again(&intent).await;
        (intent, page)
    }

    async fn again(&self, intent: &Value) -> Page {
        let shopper = Shopper::new(&self.hub.base_url, &[&self.twin.base_url]);
        self.hub.fast(shopper.open(intent)).await
    }

    fn order(page: &Page) -> String {
        page.url().rsplit('=').next().unwrap_or_default().to_owned()
    }

    /// Pays, or has it reserved; the intent's id and the order.
    async fn paid(&self, wish: Value) -> (String, String) {
        let (intent, page) = self.open(wish).await;
        page.pay().await;
        let done = |intent: &Value| intent["status"] == "succeeded" || intent["status"] == "requires_capture";
        self.hub.fast(self.hub.cart.until(id(&intent), "paid", done)).await;
        (id(&intent).to_owned(), Self::order(&page))
    }

    async fn finish(self) {
        self.twin.finish().await;
        self.hub.finish().await;
    }
}

/// The connector, as a config would name it.
fn connector(twin: &Twin<PayPal>) -> ConnectorConfig {
    let url = twin.base_url.as_str();
    ConnectorConfig {
        name: "paypal".to_owned(),
        adapter: AdapterChoice::Native("paypal".to_owned()),
        livemode: false,
        currencies: vec![],
        settings: Settings::from([
            ("base_url", url.into()),
            ("checkout_url", url.into()),
            ("client_id", TEST_CLIENT.into()),
        ]),
        secrets: [("client_secret".to_owned(), vec![SecretText::new(TEST_SECRET)])].into(),
        grants: Grants { plain_http_hosts: vec![twin.host()], ..Grants::default() },
        webhook_path_secret: Some(SecretText::new(WEBHOOK_PATH)),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let before = fast.twin.orders().len();
            fast.twin.fault("open", fault);
            let (intent, order) = fast.paid(json!({})).await;
            fast.twin.struck();
            assert_eq!(fast.twin.orders().len(), before + 1, "{fault:?}: one order");
            assert_eq!(fast.twin.ledger().of(&order).count(Moved::Taken), 1, "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(&intent, "payment_intent.succeeded").await, 1, "{fault:?}");
        }
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn complete() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, page) = fast.open(json!({})).await;
            fast.twin.fault("complete", fault);
            fast.hub.fast(page.pay()).await;
            fast.hub.fast(fast.hub.cart.until_status(id(&intent), "succeeded")).await;
            fast.twin.struck();
            assert_eq!(fast.twin.ledger().of(&Fast::order(&page)).count(Moved::Taken), 1, "{fault:?}");
            let told = fast.hub.cart.count_events(id(&intent), "payment_intent.succeeded").await;
            assert_eq!(told, 1, "{fault:?}");
        }
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capture() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, order) = fast.paid(json!({ "capture": "manual" })).await;
            fast.twin.fault("capture", fault);
            fast.hub.fast(fast.hub.cart.capture(&intent, json!({ "amount": 600 }))).await;
            let done = fast.hub.fast(fast.hub.cart.until_status(&intent, "succeeded")).await;
            fast.twin.struck();
            let shown = (&done["amount_captured"], &done["captures"][0]["status"]);
            assert_eq!(shown, (&json!(600), &json!("succeeded")), "{fault:?}");
            let books = fast.twin.ledger().of(&order);
            assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 600), "{fault:?}");
        }
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn void() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, order) = fast.paid(json!({ "capture": "manual" })).await;
            fast.twin.fault("void", fault);
            fast.hub.fast(fast.hub.cart.cancel(&intent)).await;
            fast.hub.fast(fast.hub.cart.until_status(&intent, "canceled")).await;
            fast.twin.struck();
            assert_eq!(fast.twin.ledger().of(&order).count(Moved::Released), 1, "{fault:?}");
        }
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refund() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, order) = fast.paid(json!({})).await;
            fast.twin.fault("refund", fault);
            let refund = fast.hub.cart.refund(&intent, Some(700)).await.expect(201);
            fast.hub.fast(fast.hub.cart.until_refund(id(&refund), "succeeded")).await;
            fast.twin.struck();
            let books = fast.twin.ledger().of(&order);
            assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700), "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(&intent, "refund.succeeded").await, 1, "{fault:?}");
        }
        fast.finish().await;
    }
}

/// A hint is taken at once; that the question after it was lost is the hub's own trouble.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_question_after_a_hint() {
    let fast = Fast::start(true).await;
    for fault in QUESTIONS_LOST {
        let (intent, page) = fast.open(json!({})).await;
        fast.twin.fault("fetch", fault);
        fast.twin.approve(&Fast::order(&page), None);
        fast.hub.fast(fast.hub.cart.until_status(id(&intent), "succeeded")).await;
        fast.twin.struck();
    }
    assert_eq!(fast.twin.ledger().count(Moved::Taken), QUESTIONS_LOST.len());
    fast.finish().await;
}

/// No webhook, no return: only a look-up of the hub's own finds that the shopper approved.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn approved_and_nobody_says_so() {
    let fast = Fast::start(false).await;
    let (intent, page) = fast.open(json!({})).await;
    fast.twin.approve(&Fast::order(&page), None);
    fast.hub.fast(fast.hub.cart.until_status(id(&intent), "succeeded")).await;
    assert_eq!((fast.twin.count_asked("complete"), fast.twin.ledger().count(Moved::Taken)), (1, 1));
    fast.finish().await;
}

/// PayPal forgets an order after three hours, and tells nobody.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_ran_out_of_time_is_followed_by_another() {
    let fast = Fast::start(true).await;
    let (intent, page) = fast.open(json!({ "expires_in_s": 24 * 3_600 })).await;
    for life_s in [ORDER_LIFE_S, 60] {
        fast.twin.jump(life_s);
        fast.hub.jump(life_s).await;
    }
    assert_eq!(page.pay().await.status(), 404);
    let other = fast.again(&intent).await;
    assert_ne!(other.url(), page.url());
    other.pay().await;
    fast.hub.fast(fast.hub.cart.until_status(id(&intent), "succeeded")).await;
    assert_eq!((fast.twin.orders().len(), fast.twin.ledger().count(Moved::Taken)), (2, 1));
    fast.finish().await;
}
