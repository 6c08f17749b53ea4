//! Every way to lose an answer, for every call, while time flies: without webhooks only the hub's own questions help,
//! with them both race. And what takes hours or weeks: tokens that expire, payments that nobody tells of, days that
//! have to end before a part can be given back.

use serde_json::{Value, json};

use payhub::connector::credentials::SecretText;
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig};
use payhub::operator::Request;
use processor_sdk::Settings;

use crate::stories::at_processor::counterpart::Counterpart;
use crate::support::shopper::{Page, Shopper};
use crate::support::{TestHub, eventually, id};
use crate::twins::authorizenet::{AuthorizeNet, CURRENCY, SIGNATURE_KEY, TEST_KEY, TEST_LOGIN};
use crate::twins::desk::Moved;
use crate::twins::faults::LOSING;
use crate::twins::outbox::Manner;
use crate::twins::server::Twin;

const DAY_S: i64 = 24 * 3_600;
/// Longer than the hub believes that a request could still arrive, in seconds.
const DOUBT_S: i64 = 21 * 60;

/// A hub whose clock can jump, and Authorize.Net's twin whose clock jumps with it.
struct Fast {
    hub: TestHub,
    twin: Twin<AuthorizeNet>,
}

impl Fast {
    async fn start(webhooks: bool) -> Self {
        let twin = Twin::authorizenet().await;
        let hub = TestHub::builder().connectors(0).also(connector(&twin)).start().await;
        hub.jumps_with(twin.clock());
        for secret in [TEST_LOGIN, TEST_KEY, SIGNATURE_KEY] {
            hub.keep_out_of_the_file(secret);
        }
        twin.send_webhooks_to(Some(&format!("{}/webhooks/authorizenet", hub.base_url)));
        if !webhooks {
            twin.webhooks(Manner::Dropped);
        }
        Self { hub, twin }
    }

    fn shopper(&self) -> Shopper {
        Shopper::new(&self.hub.base_url, &[&self.twin.base_url])
    }

    async fn open(&self, wish: Value) -> (Value, Page) {
        let mut whole = json!({ "currency": CURRENCY });
        for (name, value) in wish.as_object().expect("an object of fields") {
            whole[name] = value.clone();
        }
        let intent = self.hub.cart.create(whole).await;
        let page = self.hub.fast(self.shopper().open(&intent)).await;
        (intent, page)
    }

    /// Opens a page and pays at it; the intent's id, and the payment's.
    async fn paid(&self, wish: Value) -> (String, String) {
        let (intent, page) = self.open(wish).await;
        page.pay().await;
        let done = |intent: &Value| intent["status"] == "succeeded" || intent["status"] == "requires_capture";
        self.hub.fast(self.hub.cart.until(id(&intent), "paid", done)).await;
        let payment = self.twin.payment_at(&AuthorizeNet::page_at(&self.twin, page.url()));
        (id(&intent).to_owned(), payment)
    }

    async fn until_status(&self, intent: &str, status: &str) -> Value {
        self.hub.fast(self.hub.cart.until_status(intent, status)).await
    }

    /// Waits until the fault has struck, and skips the time in which "there is no such thing" is not believed.
    async fn past_doubt(&self) {
        let left = || self.twin.with(|_, desk| desk.faults.left());
        let struck = eventually("the fault strikes", || async { left().is_empty().then_some(()) });
        self.hub.fast(struck).await;
        self.hub.jump(DOUBT_S).await;
    }

    /// Waits until a refund has succeeded, while days end at Authorize.Net.
    async fn until_refunded(&self, refund: &str) {
        let succeeds = eventually("the refund succeeds", || async {
            self.twin.settle();
            let shown = self.hub.cart.get(&format!("/v1/refunds/{refund}")).await.expect(200);
            assert_ne!(shown["status"], "failed", "unknown is never failed");
            (shown["status"] == "succeeded").then_some(())
        });
        self.hub.fast(succeeds).await;
    }

    /// What the cart was told of an intent, but for what only passes.
    async fn told(&self, intent: &str) -> Vec<String> {
        let mut told = self.hub.cart.event_types(intent).await;
        told.retain(|kind| !kind.ends_with(".processing"));
        told
    }

    async fn finish(self) {
        self.twin.finish().await;
        self.hub.finish().await;
    }
}

/// The connector, as a config would name it.
fn connector(twin: &Twin<AuthorizeNet>) -> ConnectorConfig {
    let secret = |text: &str| vec![SecretText::new(text)];
    ConnectorConfig {
        name: "authorizenet".to_owned(),
        adapter: AdapterChoice::Native("authorizenet".to_owned()),
        livemode: false,
        currencies: vec![],
        settings: Settings::from([
            ("base_url", twin.base_url.as_str().into()),
            ("checkout_url", twin.base_url.as_str().into()),
            ("currency", CURRENCY.into()),
        ]),
        secrets: [
            ("api_login_id".to_owned(), secret(TEST_LOGIN)),
            ("transaction_key".to_owned(), secret(TEST_KEY)),
            ("signature_key".to_owned(), secret(SIGNATURE_KEY)),
        ]
        .into(),
        grants: Grants { plain_http_hosts: vec![twin.host()], ..Grants::default() },
        webhook_path_secret: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            fast.twin.fault("open", fault);
            let (intent, payment) = fast.paid(json!({})).await;
            fast.twin.struck();
            assert_eq!(fast.twin.ledger().of(&payment).count(Moved::Taken), 1, "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(&intent, "payment_intent.succeeded").await, 1, "{fault:?}");
        }
        assert_eq!(fast.twin.ledger().count(Moved::Taken), LOSING.len());
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn capture() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, payment) = fast.paid(json!({ "capture": "manual" })).await;
            fast.twin.fault("capture", fault);
            fast.hub.fast(fast.hub.cart.capture(&intent, json!({ "amount": 600 }))).await;
            fast.past_doubt().await;
            let done = fast.until_status(&intent, "succeeded").await;
            fast.twin.struck();
            let shown = (&done["amount_captured"], &done["captures"][0]["status"]);
            assert_eq!(shown, (&json!(600), &json!("succeeded")), "{fault:?}");
            let books = fast.twin.ledger().of(&payment);
            assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 600), "{fault:?}");
            let failed = fast.hub.cart.count_events(&intent, "payment_intent.capture_failed").await;
            assert_eq!(failed, 0, "{fault:?}: unknown is never failed");
        }
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn void() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, payment) = fast.paid(json!({ "capture": "manual" })).await;
            fast.twin.fault("void", fault);
            fast.hub.fast(fast.hub.cart.cancel(&intent)).await;
            fast.past_doubt().await;
            fast.until_status(&intent, "canceled").await;
            fast.twin.struck();
            assert_eq!(fast.twin.ledger().of(&payment).count(Moved::Released), 1, "{fault:?}");
            let failed = fast.hub.cart.count_events(&intent, "payment_intent.cancel_failed").await;
            assert_eq!(failed, 0, "{fault:?}: unknown is never failed");
        }
        fast.finish().await;
    }
}

/// Of what has settled, and in part: a refund is a transaction of its own, found by its invoice number. Days lie
/// between them, because each has two batches here and the hub looks through no more than ten lists.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refund() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, payment) = fast.paid(json!({})).await;
            fast.twin.settle();
            fast.twin.fault("refund", fault);
            let refund = fast.hub.cart.refund(&intent, Some(700)).await.expect(201);
            fast.past_doubt().await;
            fast.until_refunded(id(&refund)).await;
            fast.twin.struck();
            let books = fast.twin.ledger().of(&payment);
            assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700), "{fault:?}");
            assert_eq!(fast.hub.cart.intent(&intent).await["amount_refunded"], json!(700), "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(&intent, "refund.succeeded").await, 1, "{fault:?}");
            fast.hub.jump(3 * DAY_S).await;
        }
        fast.finish().await;
    }
}

/// Of what has not settled, and as a whole: a void in the refund's place.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn void_in_a_refunds_place() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, payment) = fast.paid(json!({})).await;
            fast.twin.fault("void", fault);
            let refund = fast.hub.cart.refund(&intent, None).await.expect(201);
            fast.past_doubt().await;
            fast.hub.fast(fast.hub.cart.until_refund(id(&refund), "succeeded")).await;
            fast.twin.struck();
            let books = fast.twin.ledger().of(&payment);
            assert_eq!(
                (books.count(Moved::GivenBack), books.total(Moved::GivenBack)),
                (1, 1999),
                "{fault:?}"
            );
            assert_eq!(fast.hub.cart.count_events(&intent, "refund.succeeded").await, 1, "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(&intent, "refund.failed").await, 0, "{fault:?}");
        }
        assert_eq!(fast.twin.count_asked("refund"), 0);
        fast.finish().await;
    }
}

/// No webhook, no return, no id: the hub finds what was paid by its own reference, in the list of what is not settled
/// or, a day later, in the batch that it settled with.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_tells() {
    for is_settled in [false, true] {
        let fast = Fast::start(false).await;
        // Others pay as well, before and after.
        fast.twin.sell_elsewhere(1999, Some("INV-1"));
        let (intent, page) = fast.open(json!({})).await;
        page.submit(&[("action", "decline"), ("card", "0002")]).await;
        fast.twin.pay(&AuthorizeNet::page_at(&fast.twin, page.url()));
        fast.twin.sell_elsewhere(1999, None);
        if is_settled {
            fast.twin.settle();
        }
        fast.until_status(id(&intent), "succeeded").await;
        assert_eq!(fast.hub.cart.intent(id(&intent)).await["amount_captured"], 1999);
        fast.finish().await;
    }
}

/// Nobody pays, and nothing at Authorize.Net ends: the token does by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned() {
    let fast = Fast::start(true).await;
    let (intent, page) = fast.open(json!({ "expires_in_s": 3_600 })).await;
    page.submit(&[("action", "decline"), ("card", "0002")]).await;
    fast.hub.jump(3_601).await;
    fast.until_status(id(&intent), "expired").await;
    assert_eq!(page.pay().await.status(), 410);
    assert_eq!(fast.hub.cart.count_events(id(&intent), "payment_intent.expired").await, 1);
    assert_eq!(fast.twin.ledger().0, vec![]);
    fast.finish().await;
}

/// The page was open before the intent's time was over, and is paid at after it. The hub finds out, with and without
/// webhooks, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paid_too_late() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        let (intent, page) = fast.open(json!({ "expires_in_s": 300 })).await;
        fast.hub.jump(301).await;
        fast.hub.cart.until_status(id(&intent), "expired").await;
        page.pay().await;
        fast.until_status(id(&intent), "succeeded").await;
        let expected =
            ["payment_intent.created", "payment_intent.expired", "payment_intent.succeeded", "order.paid"];
        assert_eq!(fast.told(id(&intent)).await, expected, "webhooks: {webhooks}");
        assert_eq!(fast.twin.ledger().count(Moved::Taken), 1);
        fast.finish().await;
    }
}

/// A page cannot be closed. Who pays there after the cart has called it off has paid, and the cart is told.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canceled_and_paid_all_the_same() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        let (intent, page) = fast.open(json!({})).await;
        let answer = fast.hub.cart.cancel(id(&intent)).await;
        assert!([200, 202].contains(&answer.status), "{}", answer.text);
        page.pay().await;
        let taken = |intent: &Value| intent["amount_captured"] == 1999;
        fast.hub.fast(fast.hub.cart.until(id(&intent), "the money is seen", taken)).await;
        assert_eq!(fast.twin.ledger().count(Moved::Taken), 1);
        fast.finish().await;
    }
}

/// Whether the payment waits for an operator.
async fn waits(fast: &Fast, intent: &str) -> bool {
    let list = fast.hub.operator(Request::ListQuarantine).await.expect("a list");
    list.to_string().contains(intent)
}

/// After a quarter of an hour the token is used up, and who comes again gets another one. The page in the other tab is
/// still open: paid at both, the money was taken twice, and somebody has to look.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_token_lasts_a_quarter_of_an_hour() {
    let fast = Fast::start(true).await;
    let (intent, first) = fast.open(json!({})).await;
    fast.hub.jump(16 * 60).await;
    let second = fast.hub.fast(fast.shopper().open(&intent)).await;
    assert!(second.is_hosted() && second.url() != first.url(), "{}", second.url());
    assert_eq!(fast.twin.count_asked("open"), 2);
    assert!(first.submit(&[("action", "pay"), ("card", "4242")]).await.is_at_the_shop());
    fast.until_status(id(&intent), "succeeded").await;
    assert!(!waits(&fast, id(&intent)).await);
    // Whoever follows the link now is not asked for money again; who has the page open can pay.
    assert!(fast.shopper().open(&intent).await.is_at_the_shop());
    second.pay().await;
    assert_eq!(fast.twin.ledger().count(Moved::Taken), 2);
    let told = eventually("somebody has to look", || async { waits(&fast, id(&intent)).await.then_some(()) });
    fast.hub.fast(told).await;
    assert_eq!(fast.hub.cart.count_events(id(&intent), "payment_intent.succeeded").await, 1);
    fast.finish().await;
}

/// Before the day has ended no part can be given back. The refund waits, and is asked for once it can be.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_waits_for_the_day_to_end() {
    let fast = Fast::start(true).await;
    let (intent, payment) = fast.paid(json!({})).await;
    let refund = fast.hub.cart.refund(&intent, Some(700)).await.expect(201);
    let path = format!("/v1/refunds/{}", id(&refund));
    for _ in 0..3 {
        fast.hub.jump(3 * 3_600).await;
        let (file, clock) = (fast.hub.database(), fast.hub.clock.clone());
        tokio::task::block_in_place(|| file.until_nothing_is_overdue(clock.as_ref()));
        assert_eq!(fast.hub.cart.get(&path).await.expect(200)["status"], "pending");
    }
    assert_eq!(fast.twin.ledger().of(&payment).count(Moved::GivenBack), 0);
    assert_eq!(fast.twin.status_of(&payment), "capturedPendingSettlement");
    fast.until_refunded(id(&refund)).await;
    let books = fast.twin.ledger().of(&payment);
    assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700));
    assert_eq!(fast.hub.cart.count_events(&intent, "refund.failed").await, 0);
    fast.finish().await;
}

/// Nobody takes what was reserved, and nobody tells that it lapsed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_lapses() {
    let fast = Fast::start(true).await;
    let (intent, payment) = fast.paid(json!({ "capture": "manual" })).await;
    fast.hub.jump(31 * DAY_S).await;
    fast.twin.lapse(&payment);
    fast.until_status(&intent, "canceled").await;
    assert_eq!(fast.hub.cart.capture(&intent, json!({})).await.status, 409);
    assert_eq!(fast.twin.ledger().of(&payment).count(Moved::Taken), 0);
    fast.finish().await;
}

/// A bank that takes the money back is not told of. The hub sees it when it looks at the payment for another reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_is_seen_with_the_next_look() {
    let fast = Fast::start(true).await;
    let (intent, payment) = fast.paid(json!({})).await;
    fast.twin.settle();
    fast.twin.dispute(&payment, "chargeback");
    // It would be given back twice: nothing is even asked for.
    let refund = fast.hub.cart.refund(&intent, Some(500)).await.expect(201);
    fast.hub.fast(fast.hub.cart.until_refund(id(&refund), "failed")).await;
    assert_eq!(fast.twin.count_asked("refund"), 0);
    let disputed = |intent: &Value| intent["amount_disputed"] == 1999;
    fast.hub.fast(fast.hub.cart.until(&intent, "disputed", disputed)).await;
    assert_eq!(fast.hub.cart.count_events(&intent, "dispute.opened").await, 1);
    assert_eq!(fast.hub.cart.refund(&intent, Some(500)).await.status, 422);
    fast.twin.dispute(&payment, "chargebackReversal");
    let won = |intent: &Value| intent["amount_disputed"] == 0;
    fast.hub.fast(fast.hub.cart.until(&intent, "won", won)).await;
    assert_eq!(fast.hub.cart.count_events(&intent, "dispute.won").await, 1);
    fast.finish().await;
}
