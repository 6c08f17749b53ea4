//! Every way to lose the answer to what Paystack takes no key for, while time flies: the hub looks first, and asks
//! again only once an earlier request cannot arrive any more. Without webhooks only its own questions help, with them
//! both race.

use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::task::block_in_place;

use payhub::connector::credentials::SecretText;
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig};
use payhub::plugin::shelf::{Shelf, Terms};
use processor_sdk::Settings;

use crate::plugins::javascript::paystack_file;
use crate::stories::at_processor::counterpart::Counterpart;
use crate::support::shopper::{Page, Shopper};
use crate::support::{TestHub, eventually, id, plugins};
use crate::twins::desk::Moved;
use crate::twins::faults::LOSING;
use crate::twins::outbox::Manner;
use crate::twins::paystack::{Paystack, TEST_KEY};
use crate::twins::server::Twin;

/// A hub whose clock can jump, at Paystack's twin.
struct Fast {
    hub: TestHub,
    twin: Twin<Paystack>,
    _plugins: TempDir,
}

impl Fast {
    async fn start(webhooks: bool) -> Self {
        let twin = Twin::paystack().await;
        let folder = tempfile::tempdir().expect("a temporary folder");
        let shelf = block_in_place(|| {
            plugins::install(&paystack_file(), folder.path());
            let terms = Terms { cache: Some(folder.path().join("plugin-cache")), ..Terms::default() };
            Shelf::read(&folder.path().join("plugins"), &terms, &Shelf::default())
                .expect("a folder of plugins")
        });
        let connector = connector(&twin);
        let hub = TestHub::builder().connectors(0).plugins(shelf).also(connector).start().await;
        hub.keep_out_of_the_file(TEST_KEY);
        if webhooks {
            twin.send_webhooks_to(Some(&format!("{}/webhooks/paystack", hub.base_url)));
        } else {
            twin.webhooks(Manner::Dropped);
        }
        Self { hub, twin, _plugins: folder }
    }

    async fn open(&self) -> (Value, Page) {
        let intent = self.hub.cart.create(Paystack::wish()).await;
        let shopper = Shopper::new(&self.hub.base_url, &[&self.twin.base_url]);
        let page = self.hub.fast(shopper.open(&intent)).await;
        (intent, page)
    }

    /// Pays at the page; the processor's name of the payment.
    async fn pay(&self, intent: &Value, page: &Page) -> String {
        page.pay().await;
        self.hub.fast(self.hub.cart.until_status(id(intent), "succeeded")).await;
        Paystack::payment_of(&self.twin, &self.twin.reference_at(page.url()))
    }

    async fn finish(self) {
        self.twin.finish().await;
        self.hub.finish().await;
    }
}

/// The connector, as a config would name it.
fn connector(twin: &Twin<Paystack>) -> ConnectorConfig {
    ConnectorConfig {
        name: "paystack".to_owned(),
        adapter: AdapterChoice::Plugin { name: "paystack".to_owned(), sha256: None },
        livemode: false,
        currencies: vec![],
        settings: Settings::from([("base_url", twin.base_url.as_str().into())]),
        secrets: [("secret_key".to_owned(), vec![SecretText::new(TEST_KEY)])].into(),
        grants: Grants {
            checkout_hosts: Some(vec!["checkout.paystack.com".to_owned()]),
            plain_http_hosts: vec![twin.host()],
            ..Grants::default()
        },
        webhook_path_secret: None,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn open() {
    for webhooks in [true, false] {
        let fast = Fast::start(webhooks).await;
        for fault in LOSING {
            let before = fast.twin.references().len();
            fast.twin.fault("open", fault);
            let (intent, page) = fast.open().await;
            fast.twin.struck();
            let made = fast.twin.references().len() - before;
            assert!((1..=2).contains(&made), "{fault:?}: {made} pages");
            let payment = fast.pay(&intent, &page).await;
            assert_eq!(fast.twin.ledger().of(&payment).count(Moved::Taken), 1, "{fault:?}");
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
        for fault in LOSING {
            let (intent, page) = fast.open().await;
            let payment = fast.pay(&intent, &page).await;
            fast.twin.fault("refund", fault);
            let refund = fast.hub.cart.refund(id(&intent), Some(700)).await.expect(201);
            let path = format!("/v1/refunds/{}", id(&refund));
            let succeeds = eventually("the refund succeeds", || async {
                Paystack::end_refunds(&fast.twin);
                let status = fast.hub.cart.get(&path).await.expect(200)["status"].clone();
                assert_ne!(status, "failed", "{fault:?}: unknown is never failed");
                (status == "succeeded").then_some(())
            });
            fast.hub.fast(succeeds).await;
            fast.twin.struck();
            let books = fast.twin.ledger().of(&payment);
            assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700), "{fault:?}");
            assert_eq!(fast.hub.cart.intent(id(&intent)).await["amount_refunded"], json!(700), "{fault:?}");
            assert_eq!(fast.hub.cart.count_events(id(&intent), "refund.succeeded").await, 1, "{fault:?}");
        }
        fast.finish().await;
    }
}
