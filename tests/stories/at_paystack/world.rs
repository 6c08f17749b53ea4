//! A world with Paystack's twin in it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::plugins::javascript::paystack_file;
use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::world::{Mode, World};
use crate::twins::faults::Fault;
use crate::twins::paystack::{LIVE_KEY, Paystack, TEST_KEY};
use crate::twins::server::Twin;

/// A hub in a process of its own, and Paystack's twin in this one.
pub(super) type AtPaystack = World<Paystack>;

impl Counterpart for Paystack {
    const NAME: &'static str = "paystack";
    const CONNECTOR: &'static str = r#"settings.base_url = "{url}"
secrets.secret_key = { env = "PAYSTACK_SECRET_KEY" }
"#;
    const GRANTS: &'static str = "checkout_hosts = [\"checkout.paystack.com\"]\n";
    const PAID: &'static str = "charge.success";
    const BOOKED_BY: &'static str = "payment";
    const DECLINES: &'static [&'static [(&'static str, &'static str)]] = &[
        &[("action", "decline"), ("gateway_response", "Insufficient Funds")],
        &[("action", "decline"), ("gateway_response", "Declined")],
    ];
    const LOST_AT_OPEN: &'static [Fault] = &[Fault::DropAfter, Fault::ErrorAfter];
    const LOST_AT_REFUND: &'static [Fault] = &[Fault::DropAfter, Fault::BreaksAfter, Fault::Garbage];
    /// A page's address is shown once.
    const FINDS_LOST_PAGES: bool = false;

    fn environment(mode: Mode) -> Vec<(&'static str, &'static str)> {
        vec![("PAYSTACK_SECRET_KEY", if mode == Mode::Live { LIVE_KEY } else { TEST_KEY })]
    }

    fn plugin() -> PathBuf {
        paystack_file()
    }

    async fn twin() -> Twin<Self> {
        Twin::paystack().await
    }

    fn wish() -> Value {
        json!({ "currency": "NGN", "customer": { "email": "ada@example.com" } })
    }

    fn pages(twin: &Twin<Self>) -> usize {
        twin.references().len()
    }

    fn page_at(twin: &Twin<Self>, url: &str) -> String {
        twin.reference_at(url)
    }

    fn pay(twin: &Twin<Self>, page: &str) {
        twin.pay(page);
    }

    fn payment_of(twin: &Twin<Self>, page: &str) -> String {
        twin.transaction(page)["id"].to_string()
    }

    fn end_refunds(twin: &Twin<Self>) {
        for refund in twin.refunds_under_way() {
            twin.go_on_with_refund(refund, "processing");
            twin.go_on_with_refund(refund, "processed");
        }
    }
}
