//! A world with Mollie's twin in it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::world::{Mode, World};
use crate::support::plugins;
use crate::twins::faults::Fault;
use crate::twins::mollie::{LIVE_KEY, Mollie, NEXT_WEBHOOK_SECRET, TEST_KEY, TOKEN, WEBHOOK_SECRET};
use crate::twins::server::Twin;

/// A hub in a process of its own, and Mollie's twin in this one.
pub(super) type AtMollie = World<Mollie>;

/// What nobody can guess of the address to which Mollie sends its calls.
pub(super) const WEBHOOK_PATH: &str = "5f0c1d8e9b7a46325f0c1d8e9b7a4632";

impl Counterpart for Mollie {
    const NAME: &'static str = "mollie";
    const CONNECTOR: &'static str = r#"settings.base_url = "{url}"
settings.checkout_url = "{url}"
webhook_path_secret = { env = "MOLLIE_WEBHOOK_PATH" }
secrets.api_key = { env = "MOLLIE_API_KEY" }
"#;
    const GRANTS: &'static str = "checkout_hosts = [\"*.mollie.com\"]\n";
    const PAID: &'static str = "payment.paid";
    const BOOKED_BY: &'static str = "payment";
    const DECLINES: &'static [&'static [(&'static str, &'static str)]] = &[&[("action", "decline")]];
    const LOST_AT_OPEN: &'static [Fault] =
        &[Fault::DropBefore, Fault::DropAfter, Fault::ErrorAfter, Fault::BreaksAfter];
    const LOST_AT_REFUND: &'static [Fault] =
        &[Fault::DropBefore, Fault::DropAfter, Fault::BreaksAfter, Fault::Garbage];
    const FINDS_LOST_PAGES: bool = true;

    fn environment(mode: Mode) -> Vec<(&'static str, &'static str)> {
        vec![
            ("MOLLIE_API_KEY", if mode == Mode::Live { LIVE_KEY } else { TEST_KEY }),
            ("MOLLIE_TOKEN", TOKEN),
            ("MOLLIE_WEBHOOK_PATH", WEBHOOK_PATH),
            ("MOLLIE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("MOLLIE_WEBHOOK_SECRET_NEXT", NEXT_WEBHOOK_SECRET),
        ]
    }

    fn plugin() -> PathBuf {
        plugins::built("processors/mollie")
    }

    async fn twin() -> Twin<Self> {
        Twin::mollie().await
    }

    fn wish() -> Value {
        json!({})
    }

    fn pages(twin: &Twin<Self>) -> usize {
        twin.payments().len()
    }

    fn page_at(_twin: &Twin<Self>, url: &str) -> String {
        format!("tr_{}", url.rsplit('/').next().unwrap_or_default())
    }

    fn pay(twin: &Twin<Self>, page: &str) {
        twin.pay(page);
    }

    fn payment_of(_twin: &Twin<Self>, page: &str) -> String {
        // The page and the payment are one.
        page.to_owned()
    }

    fn end_refunds(twin: &Twin<Self>) {
        for refund in twin.refunds_under_way() {
            twin.go_on_with_refund(&refund, "processing");
            twin.go_on_with_refund(&refund, "refunded");
        }
    }
}
