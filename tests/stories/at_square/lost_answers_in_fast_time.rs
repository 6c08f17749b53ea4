//! Every way to lose an answer, for every call, while time flies: without webhooks only the hub's own questions help,
//! with them both race. And what takes hours: links that nobody pays at, or somebody too late.

use serde_json::{Value, json};

use payhub::connector::credentials::SecretText;
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig};
use processor_sdk::Settings;

use crate::stories::at_processor::counterpart::Counterpart;
use crate::support::shopper::{Page, Shopper};
use crate::support::{TestHub, eventually, id};
use crate::twins::desk::Moved;
use crate::twins::faults::LOSING;
use crate::twins::outbox::Manner;
use crate::twins::server::Twin;
use crate::twins::square::{LOCATION, SANDBOX_TOKEN, SIGNATURE_KEY, Square};

/// A hub whose clock can jump, at Square's twin.
struct Fast {
    hub: TestHub,
    twin: Twin<Square>,
}

impl Fast {
    async fn start(webhooks: bool) -> Self {
        let twin = Twin::square().await;
        let hub = TestHub::builder().connectors(0).also(connector(&twin)).start().await;
        for secret in [SANDBOX_TOKEN, SIGNATURE_KEY] {
            hub.keep_out_of_the_file(secret);
        }
        if webhooks {
            twin.send_webhooks_to(Some(&format!("{}/webhooks/square", hub.base_url)));
        } else {
            twin.webhooks(Manner::Dropped);
        }
        Self { hub, twin }
    }

    async fn open(&self, wish: Value) -> (Value, Page) {
        let intent = self.hub.cart.create(wish).await;
        let shopper = Shopper::new(&self.hub.base_url, &[&self.twin.base_url]);
        let page = self.hub.fast(shopper.open(&intent)).await;
        (intent, page)
    }

    /// Opens a page and pays at it; the intent's id, and the payment's.
    async fn paid(&self) -> (String, String) {
        let (intent, page) = self.open(Square::wish()).await;
        page.pay().await;
        self.hub.fast(self.hub.cart.until_status(id(&intent), "succeeded")).await;
        let payment = Square::payment_of(&self.twin, &self.twin.link_at(page.url()));
        (id(&intent).to_owned(), payment)
    }

    async fn finish(self) {
        self.twin.finish().await;
        self.hub.finish().await;
    }
}

/// The connector, as a config would name it.
fn connector(twin: &Twin<Square>) -> ConnectorConfig {
    let secret = |text: &str| vec![SecretText::new(text)];
    ConnectorConfig {
        name: "square".to_owned(),
        adapter: AdapterChoice::Native("square".to_owned()),
        livemode: false,
        currencies: vec![],
        settings: Settings::from([
            ("base_url", twin.base_url.as_str().into()),
            ("checkout_url", twin.base_url.as_str().into()),
            ("location_id", LOCATION.into()),
        ]),
        secrets: [
            ("access_token".to_owned(), secret(SANDBOX_TOKEN)),
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
            let before = fast.twin.links().len();
            fast.twin.fault("open", fault);
            let (intent, payment) = fast.paid().await;
            fast.twin.struck();
            assert_eq!(fast.twin.links().len(), before + 1, "{fault:?}: one link, whatever was lost");
            assert_eq!(fast.twin.ledger().of(&payment).count(Moved::Taken), 1, "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(&intent, "payment_intent.succeeded").await, 1, "{fault:?}");
        }
        assert_eq!(fast.twin.ledger().count(Moved::Taken), LOSING.len());
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refund() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, payment) = fast.paid().await;
            fast.twin.fault("refund", fault);
            let refund = fast.hub.cart.refund(&intent, Some(700)).await.expect(201);
            let path = format!("/v1/refunds/{}", id(&refund));
            let succeeds = eventually("the refund succeeds", || async {
                Square::end_refunds(&fast.twin);
                let status = fast.hub.cart.get(&path).await.expect(200)["status"].clone();
                assert_ne!(status, "failed", "{fault:?}: unknown is never failed");
                (status == "succeeded").then_some(())
            });
            fast.hub.fast(succeeds).await;
            fast.twin.struck();
            let books = fast.twin.ledger().of(&payment);
            assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700), "{fault:?}");
            assert_eq!(fast.hub.cart.intent(&intent).await["amount_refunded"], json!(700), "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(&intent, "refund.succeeded").await, 1, "{fault:?}");
        }
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expire() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, page) = fast.open(Square::wish()).await;
            fast.twin.fault("expire", fault);
            fast.hub.fast(fast.hub.cart.cancel(id(&intent))).await;
            fast.hub.fast(fast.hub.cart.until_status(id(&intent), "canceled")).await;
            fast.twin.struck();
            let link = fast.twin.link_at(page.url());
            assert_eq!(fast.twin.order_of(&link)["state"], "CANCELED", "{fault:?}");
            let told = fast.hub.cart.count_events(id(&intent), "payment_intent.cancel_failed").await;
            assert_eq!(told, 0, "{fault:?}");
        }
        fast.finish().await;
    }
}

/// A link never expires by itself: the hub deletes it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn abandoned() {
    let fast = Fast::start(true).await;
    let (intent, page) = fast.open(json!({ "currency": "EUR", "expires_in_s": 300 })).await;
    fast.hub.jump(301).await;
    fast.hub.fast(fast.hub.cart.until_status(id(&intent), "expired")).await;
    let link = fast.twin.link_at(page.url());
    fast.hub
        .fast(eventually("the link is deleted", || async { fast.twin.is_deleted(&link).then_some(()) }))
        .await;
    assert_eq!(page.pay().await.status(), 410);
    assert_eq!(fast.hub.cart.count_events(id(&intent), "payment_intent.expired").await, 1);
    assert_eq!(fast.twin.ledger().0, vec![]);
    fast.finish().await;
}

/// After a failed try the deletion leaves the order open, and the shopper pays when the intent has long expired. With
/// and without webhooks the hub finds out, and says so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paid_too_late() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        let (intent, page) = fast.open(json!({ "currency": "EUR", "expires_in_s": 300 })).await;
        page.submit(&[("action", "decline"), ("code", "INSUFFICIENT_FUNDS")]).await;
        fast.hub.jump(301).await;
        fast.hub.fast(fast.hub.cart.until_status(id(&intent), "expired")).await;
        let link = fast.twin.link_at(page.url());
        let deleted =
            eventually("the link is deleted", || async { fast.twin.is_deleted(&link).then_some(()) });
        fast.hub.fast(deleted).await;
        assert_eq!(page.pay().await.status(), 200);
        fast.hub.fast(fast.hub.cart.until_status(id(&intent), "succeeded")).await;
        let told = fast.hub.cart.event_types(id(&intent)).await;
        let told: Vec<&str> =
            told.iter().map(String::as_str).filter(|kind| !kind.ends_with(".processing")).collect();
        let expected =
            ["payment_intent.created", "payment_intent.expired", "payment_intent.succeeded", "order.paid"];
        assert_eq!(told, expected, "webhooks: {webhooks}");
        assert_eq!(fast.twin.ledger().count(Moved::Taken), 1);
        fast.finish().await;
    }
}
