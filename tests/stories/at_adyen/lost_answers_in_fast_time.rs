//! Every way to lose an answer, for every call that moves money, while time flies. The webhook is all that tells how
//! it ended, and it comes before the answer or after it. And what takes hours: links that nobody pays at.

use serde_json::{Value, json};

use payhub::connector::credentials::SecretText;
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig};
use payhub::operator::Request;
use processor_sdk::Settings;

use crate::stories::at_processor::counterpart::Counterpart;
use crate::support::shopper::{Page, Shopper};
use crate::support::{TestHub, id};
use crate::twins::adyen::{Adyen, HMAC_KEY, MERCHANT_ACCOUNT, TEST_KEY};
use crate::twins::desk::Moved;
use crate::twins::faults::{Fault, LOSING};
use crate::twins::outbox::{Manner, Order};
use crate::twins::server::Twin;

/// A hub whose clock can jump, at Adyen's twin.
struct Fast {
    hub: TestHub,
    twin: Twin<Adyen>,
}

impl Fast {
    async fn start() -> Self {
        let twin = Twin::adyen().await;
        let hub = TestHub::builder().connectors(0).also(connector(&twin)).start().await;
        for secret in [TEST_KEY, HMAC_KEY] {
            hub.keep_out_of_the_file(secret);
        }
        twin.send_webhooks_to(Some(&format!("{}/webhooks/adyen", hub.base_url)));
        Self { hub, twin }
    }

    async fn open(&self, wish: Value) -> (Value, Page) {
        let intent = self.hub.cart.create(wish).await;
        let shopper = Shopper::new(&self.hub.base_url, &[&self.twin.base_url]);
        let page = self.hub.fast(shopper.open(&intent)).await;
        (intent, page)
    }

    /// Opens a page and pays at it; the intent's id, and the payment's.
    async fn paid(&self, wish: Value) -> (String, String) {
        let (intent, page) = self.open(wish).await;
        page.pay().await;
        let done = |intent: &Value| intent["status"] == "succeeded" || intent["status"] == "requires_capture";
        self.hub.fast(self.hub.cart.until(id(&intent), "paid", done)).await;
        let payment = self.twin.payment_at(&Adyen::page_at(&self.twin, page.url()));
        (id(&intent).to_owned(), payment)
    }

    async fn finish(self) {
        self.twin.finish().await;
        self.hub.finish().await;
    }
}

/// The connector, as a config would name it.
fn connector(twin: &Twin<Adyen>) -> ConnectorConfig {
    let base_url = format!("{}/v72", twin.base_url);
    let secret = |text: &str| vec![SecretText::new(text)];
    ConnectorConfig {
        name: "adyen".to_owned(),
        adapter: AdapterChoice::Native("adyen".to_owned()),
        livemode: false,
        currencies: vec![],
        settings: Settings::from([
            ("base_url", base_url.as_str().into()),
            ("merchant_account", MERCHANT_ACCOUNT.into()),
            ("checkout_flow", "payment_link".into()),
            ("checkout_url", twin.base_url.as_str().into()),
        ]),
        secrets: [("api_key".to_owned(), secret(TEST_KEY)), ("hmac_key".to_owned(), secret(HMAC_KEY))].into(),
        grants: Grants { plain_http_hosts: vec![twin.host()], ..Grants::default() },
        webhook_path_secret: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open() {
    let fast = Fast::start().await;
    for fault in LOSING {
        let before = fast.twin.pages().len();
        fast.twin.fault("open", fault);
        let (intent, payment) = fast.paid(json!({})).await;
        fast.twin.struck();
        let made = fast.twin.pages().len() - before;
        assert!((1..=2).contains(&made), "{fault:?}: {made} pages");
        assert_eq!(fast.twin.ledger().of(&payment).count(Moved::Taken), 1, "{fault:?}");
        assert_eq!(fast.hub.cart.count_events(&intent, "payment_intent.succeeded").await, 1, "{fault:?}");
    }
    assert_eq!(fast.twin.ledger().count(Moved::Taken), LOSING.len());
    fast.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capture() {
    let fast = Fast::start().await;
    for fault in LOSING {
        let (intent, payment) = fast.paid(json!({ "capture": "manual" })).await;
        fast.twin.fault("capture", fault);
        fast.hub.fast(fast.hub.cart.capture(&intent, json!({ "amount": 600 }))).await;
        let done = fast.hub.fast(fast.hub.cart.until_status(&intent, "succeeded")).await;
        fast.twin.struck();
        let shown = (&done["amount_captured"], &done["captures"][0]["status"]);
        assert_eq!(shown, (&json!(600), &json!("succeeded")), "{fault:?}");
        let books = fast.twin.ledger().of(&payment);
        assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 600), "{fault:?}");
    }
    fast.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn void() {
    let fast = Fast::start().await;
    for fault in LOSING {
        let (intent, payment) = fast.paid(json!({ "capture": "manual" })).await;
        fast.twin.fault("cancel", fault);
        fast.hub.fast(fast.hub.cart.cancel(&intent)).await;
        fast.hub.fast(fast.hub.cart.until_status(&intent, "canceled")).await;
        fast.twin.struck();
        assert_eq!(fast.twin.ledger().of(&payment).count(Moved::Released), 1, "{fault:?}");
        assert_eq!(fast.hub.cart.count_events(&intent, "payment_intent.cancel_failed").await, 0, "{fault:?}");
    }
    fast.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refund() {
    let fast = Fast::start().await;
    for fault in LOSING {
        let (intent, payment) = fast.paid(json!({})).await;
        fast.twin.fault("refund", fault);
        let refund = fast.hub.cart.refund(&intent, Some(700)).await.expect(201);
        fast.hub.fast(fast.hub.cart.until_refund(id(&refund), "succeeded")).await;
        fast.twin.struck();
        let books = fast.twin.ledger().of(&payment);
        assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700), "{fault:?}");
        assert_eq!(fast.hub.cart.intent(&intent).await["amount_refunded"], 700, "{fault:?}");
        assert_eq!(fast.hub.cart.count_events(&intent, "refund.succeeded").await, 1, "{fault:?}");
    }
    fast.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expire() {
    let fast = Fast::start().await;
    for fault in LOSING {
        let (intent, page) = fast.open(json!({})).await;
        fast.twin.fault("expire", fault);
        fast.hub.fast(fast.hub.cart.cancel(id(&intent))).await;
        fast.hub.fast(fast.hub.cart.until_status(id(&intent), "canceled")).await;
        fast.twin.struck();
        assert_eq!(fast.twin.page_status(page.session()), "expired", "{fault:?}");
    }
    fast.finish().await;
}

/// Nobody pays, and the intent's time is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned() {
    let fast = Fast::start().await;
    let (intent, page) = fast.open(json!({})).await;
    page.submit(&[("action", "decline"), ("reason", "Refused")]).await;
    fast.twin.jump(24 * 60 * 60);
    fast.hub.jump(24 * 60 * 60).await;
    fast.hub.fast(fast.hub.cart.until_status(id(&intent), "expired")).await;
    assert_eq!(fast.twin.page_status(page.session()), "expired");
    assert_eq!(fast.hub.cart.count_events(id(&intent), "payment_intent.expired").await, 1);
    assert_eq!(fast.twin.ledger().0, vec![]);
    fast.finish().await;
}

/// Nobody tells of a link that somebody closed in the Customer Area; the hub finds out by asking, hours later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn closed_elsewhere() {
    let fast = Fast::start().await;
    let (intent, page) = fast.open(json!({})).await;
    fast.twin.close_in_customer_area(page.session());
    let expired = |intent: &Value| intent["attempts"][0]["state"] == "expired";
    fast.hub.fast(fast.hub.cart.until(id(&intent), "its page is closed", expired)).await;
    assert_eq!(page.pay().await.status(), 410);
    let shopper = Shopper::new(&fast.hub.base_url, &[&fast.twin.base_url]);
    let other = fast.hub.fast(shopper.open(&intent)).await;
    assert_ne!(other.session(), page.session());
    other.pay().await;
    fast.hub.fast(fast.hub.cart.until_status(id(&intent), "succeeded")).await;
    assert_eq!((fast.twin.count_asked("open"), fast.twin.ledger().count(Moved::Taken)), (2, 1));
    fast.finish().await;
}

/// Whether the payment waits for an operator.
async fn waits(fast: &Fast, intent: &str) -> bool {
    let list = fast.hub.operator(Request::ListQuarantine).await.expect("a list");
    list.to_string().contains(intent)
}

/// Adyen breaks after it took note of a refund, repeats that for as long as it remembers the key, and its webhook does
/// not come. Once the key may be forgotten the hub sends nothing any more, because that would be another refund; it
/// shows the payment to an operator, and the webhook ends it all the same when it comes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_answer_and_no_webhook_for_longer_than_the_key_lasts() {
    let fast = Fast::start().await;
    let (intent, payment) = fast.paid(json!({})).await;
    fast.twin.webhooks(Manner::Held);
    fast.twin.fault("refund", Fault::BreaksAfter);
    let refund = fast.hub.cart.refund(&intent, Some(700)).await.expect(201);
    let path = format!("/v1/refunds/{}", id(&refund));
    let mut asked_in_time = 0;
    for hours in (0..24 * 12).step_by(4) {
        for _ in 0..4 {
            fast.twin.jump(3_600);
            fast.hub.jump(3_600).await;
        }
        let (file, clock) = (fast.hub.database(), fast.hub.clock.clone());
        tokio::task::block_in_place(|| file.until_nothing_is_overdue(clock.as_ref()));
        assert_eq!(fast.hub.cart.get(&path).await.expect(200)["status"], "pending", "after {hours} hours");
        if hours < 24 * 7 {
            asked_in_time = fast.twin.count_asked("refund");
        }
    }
    assert!(asked_in_time > 1, "the hub asked again");
    assert_eq!(fast.twin.count_asked("refund"), asked_in_time, "nothing is sent under a forgotten key");
    assert!(waits(&fast, &intent).await, "somebody has to look");
    assert_eq!(fast.twin.release(Order::AsMade).await, [202]);
    fast.hub.fast(fast.hub.cart.until_refund(id(&refund), "succeeded")).await;
    assert!(!waits(&fast, &intent).await, "nobody has to look any more");
    let books = fast.twin.ledger().of(&payment);
    assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700));
    fast.finish().await;
}
