//! Every way to lose the answer to what BTCPay Server takes no key for, while time flies: the hub looks first, and asks
//! again only once an earlier request cannot arrive any more. Without webhooks only its own questions help, with them
//! both race.

use std::future::Future;
use std::time::Duration;

use serde_json::{Value, json};

use payhub::connector::credentials::SecretText;
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig};
use processor_sdk::Settings;

use crate::stories::at_processor::counterpart::Counterpart;
use crate::support::shopper::{Page, Shopper};
use crate::support::{TestHub, eventually, id};
use crate::twins::btcpay::{API_KEY, BtcPay, STORE, WEBHOOK_SECRET};
use crate::twins::desk::Moved;
use crate::twins::faults::{Fault, LOSING};
use crate::twins::outbox::Manner;
use crate::twins::server::Twin;

/// How time flies: this many seconds with each step, and the pause between two, in milliseconds.
const STEP_S: i64 = 5;
const STEP_MS: u64 = 50;
/// A price that stands while time flies.
const INVOICE_MINUTES: &str = "1440";

/// A hub whose clock can jump, at BTCPay Server's twin.
struct Fast {
    hub: TestHub,
    twin: Twin<BtcPay>,
}

impl Fast {
    async fn start(webhooks: bool) -> Self {
        let twin = Twin::btcpay().await;
        let hub = TestHub::builder().connectors(0).also(connector(&twin)).start().await;
        for secret in [API_KEY, WEBHOOK_SECRET] {
            hub.keep_out_of_the_file(secret);
        }
        if webhooks {
            twin.send_webhooks_to(Some(&format!("{}/webhooks/btcpay", hub.base_url)));
        } else {
            twin.webhooks(Manner::Dropped);
        }
        Self { hub, twin }
    }

    /// Runs something while time flies for both.
    async fn fast<T>(&self, something: impl Future<Output = T>) -> T {
        tokio::pin!(something);
        loop {
            tokio::select! {
                done = &mut something => return done,
                () = tokio::time::sleep(Duration::from_millis(STEP_MS)) => {
                    self.twin.jump(STEP_S);
                    self.hub.jump(STEP_S).await;
                }
            }
        }
    }

    async fn open(&self) -> (Value, Page) {
        let intent = self.hub.cart.create(BtcPay::wish()).await;
        let shopper = Shopper::new(&self.hub.base_url, &[&self.twin.base_url]);
        let page = self.fast(shopper.open(&intent)).await;
        (intent, page)
    }

    /// Pays at the page; the invoice.
    async fn pay(&self, intent: &Value, page: &Page) -> String {
        page.pay().await;
        self.fast(self.hub.cart.until_status(id(intent), "succeeded")).await;
        page.session().to_owned()
    }

    async fn finish(self) {
        self.twin.finish().await;
        self.hub.finish().await;
    }
}

/// The connector, as a config would name it.
fn connector(twin: &Twin<BtcPay>) -> ConnectorConfig {
    let settings =
        [("base_url", twin.base_url.as_str()), ("store_id", STORE), ("invoice_minutes", INVOICE_MINUTES)];
    ConnectorConfig {
        name: "btcpay".to_owned(),
        adapter: AdapterChoice::Native("btcpay".to_owned()),
        livemode: false,
        currencies: vec![],
        settings: Settings::from(settings.map(|(name, value)| (name, value.into()))),
        secrets: [("api_key", API_KEY), ("webhook_secret", WEBHOOK_SECRET)]
            .map(|(name, value)| (name.to_owned(), vec![SecretText::new(value)]))
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
            let before = fast.twin.invoices().len();
            fast.twin.fault("open", fault);
            let (intent, page) = fast.open().await;
            fast.twin.struck();
            assert_eq!(fast.twin.invoices().len(), before + 1, "{fault:?}: one invoice, and no other");
            let invoice = fast.pay(&intent, &page).await;
            assert_eq!(fast.twin.ledger().of(&invoice).count(Moved::Taken), 1, "{fault:?}");
            let told = fast.hub.cart.count_events(id(&intent), "payment_intent.succeeded").await;
            assert_eq!(told, 1, "{fault:?}");
        }
        assert_eq!(fast.twin.ledger().count(Moved::Taken), LOSING.len());
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refund() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING.into_iter().chain([Fault::BreaksBefore]) {
            let (intent, page) = fast.open().await;
            let invoice = fast.pay(&intent, &page).await;
            fast.twin.fault("refund", fault);
            let refund = fast.hub.cart.refund(id(&intent), Some(700)).await.expect(201);
            let path = format!("/v1/refunds/{}", id(&refund));
            let succeeds = eventually("the refund succeeds", || async {
                BtcPay::end_refunds(&fast.twin);
                let status = fast.hub.cart.get(&path).await.expect(200)["status"].clone();
                assert_ne!(status, "failed", "{fault:?}: unknown is never failed");
                (status == "succeeded").then_some(())
            });
            fast.fast(succeeds).await;
            fast.twin.struck();
            let books = fast.twin.ledger().of(&invoice);
            assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700), "{fault:?}");
            assert_eq!(fast.hub.cart.intent(id(&intent)).await["amount_refunded"], json!(700), "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(id(&intent), "refund.succeeded").await, 1, "{fault:?}");
        }
        fast.finish().await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn expire() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let (intent, page) = fast.open().await;
            fast.twin.fault("expire", fault);
            fast.fast(fast.hub.cart.cancel(id(&intent))).await;
            fast.fast(fast.hub.cart.until_status(id(&intent), "canceled")).await;
            fast.twin.struck();
            let is_closed = eventually("the invoice is closed", || async {
                (fast.twin.status(page.session()).0 == "Invalid").then_some(())
            });
            fast.fast(is_closed).await;
        }
        assert_eq!(fast.twin.ledger().0, vec![], "nobody paid");
        fast.finish().await;
    }
}
