//! A world with PayPal's twin in it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::world::{Mode, World};
use crate::support::plugins;
use crate::twins::faults::Fault;
use crate::twins::paypal::{LIVE_SECRET, NEXT_TEST_SECRET, PayPal, TEST_SECRET};
use crate::twins::server::Twin;

/// A hub in a process of its own, and PayPal's twin in this one.
pub(super) type AtPayPal = World<PayPal>;

/// The end of the webhook's address that nobody can guess.
pub(super) const WEBHOOK_PATH: &str = "twin-0f3b9c1d7a5e42688b21";

impl Counterpart for PayPal {
    const NAME: &'static str = "paypal";
    const CONNECTOR: &'static str = r#"settings.base_url = "{url}"
settings.checkout_url = "{url}"
settings.client_id = "AdTwin4NqLxT8sM2bV6pR0kY3wZ7cJ1hG5fD9eUaBoQi"
secrets.client_secret = { env = "PAYPAL_CLIENT_SECRET" }
webhook_path_secret = { env = "PAYPAL_WEBHOOK_PATH" }
"#;
    const GRANTS: &'static str = r#"hosts = ["api-m.paypal.com", "api-m.sandbox.paypal.com"]
checkout_hosts = ["www.paypal.com", "www.sandbox.paypal.com"]
"#;
    const PAID: &'static str = "CHECKOUT.ORDER.APPROVED";
    const BOOKED_BY: &'static str = "order";
    const DECLINES: &'static [&'static [(&'static str, &'static str)]] = &[&[("action", "decline")]];
    const LOST_AT_OPEN: &'static [Fault] = &[Fault::DropBefore, Fault::DropAfter, Fault::BreaksAfter];
    const LOST_AT_REFUND: &'static [Fault] = &[Fault::DropBefore, Fault::DropAfter, Fault::BreaksAfter];
    const FINDS_LOST_PAGES: bool = true;

    fn environment(mode: Mode) -> Vec<(&'static str, &'static str)> {
        vec![
            ("PAYPAL_CLIENT_SECRET", if mode == Mode::Live { LIVE_SECRET } else { TEST_SECRET }),
            ("PAYPAL_CLIENT_SECRET_NEXT", NEXT_TEST_SECRET),
            ("PAYPAL_WEBHOOK_PATH", WEBHOOK_PATH),
        ]
    }

    fn webhook_path() -> String {
        format!("/webhooks/paypal/{WEBHOOK_PATH}")
    }

    fn plugin() -> PathBuf {
        plugins::built("processors/paypal")
    }

    async fn twin() -> Twin<Self> {
        Twin::paypal().await
    }

    fn wish() -> Value {
        json!({})
    }

    fn pages(twin: &Twin<Self>) -> usize {
        twin.orders().len()
    }

    fn page_at(_twin: &Twin<Self>, url: &str) -> String {
        let address = url::Url::parse(url).expect("a URL");
        let token = address.query_pairs().find(|(name, _)| name == "token");
        token.unwrap_or_else(|| panic!("no order in {url}")).1.into_owned()
    }

    fn pay(twin: &Twin<Self>, page: &str) {
        twin.approve(page, None);
    }

    fn payment_of(_twin: &Twin<Self>, page: &str) -> String {
        page.to_owned()
    }

    fn end_refunds(twin: &Twin<Self>) {
        for refund in twin.refunds_under_way() {
            twin.end_refund(&refund, "COMPLETED");
        }
    }
}
