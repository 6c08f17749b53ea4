//! A world with Square's twin in it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::world::{Mode, World};
use crate::support::plugins;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;
use crate::twins::square::{
    CURRENCY, NEXT_SIGNATURE_KEY, PRODUCTION_TOKEN, SANDBOX_TOKEN, SIGNATURE_KEY, Square,
};

/// A hub in a process of its own, and Square's twin in this one.
pub(super) type AtSquare = World<Square>;

impl Counterpart for Square {
    const NAME: &'static str = "square";
    const CONNECTOR: &'static str = r#"settings.base_url = "{url}"
settings.checkout_url = "{url}"
settings.location_id = "LTWIN7QK2EUR0"
secrets.access_token = { env = "SQUARE_ACCESS_TOKEN" }
secrets.signature_key = { env = "SQUARE_SIGNATURE_KEY" }
"#;
    const GRANTS: &'static str = r#"hosts = ["connect.squareup.com", "connect.squareupsandbox.com"]
checkout_hosts = ["square.link", "checkout.square.site", "sandbox.square.link", "connect.squareupsandbox.com"]
"#;
    const PAID: &'static str = "payment.updated";
    const BOOKED_BY: &'static str = "payment";
    const DECLINES: &'static [&'static [(&'static str, &'static str)]] = &[
        &[("action", "decline"), ("code", "INSUFFICIENT_FUNDS")],
        &[("action", "decline"), ("code", "GENERIC_DECLINE")],
    ];
    const LOST_AT_OPEN: &'static [Fault] =
        &[Fault::DropBefore, Fault::DropAfter, Fault::ErrorAfter, Fault::BreaksAfter];
    const LOST_AT_REFUND: &'static [Fault] = &[Fault::DropAfter, Fault::BreaksAfter, Fault::Garbage];
    /// The same key gives the same link.
    const FINDS_LOST_PAGES: bool = true;

    fn environment(mode: Mode) -> Vec<(&'static str, &'static str)> {
        vec![
            ("SQUARE_ACCESS_TOKEN", if mode == Mode::Live { PRODUCTION_TOKEN } else { SANDBOX_TOKEN }),
            ("SQUARE_SIGNATURE_KEY", SIGNATURE_KEY),
            ("SQUARE_SIGNATURE_KEY_NEXT", NEXT_SIGNATURE_KEY),
        ]
    }

    fn plugin() -> PathBuf {
        plugins::built("processors/square")
    }

    async fn twin() -> Twin<Self> {
        Twin::square().await
    }

    fn wish() -> Value {
        json!({ "currency": CURRENCY })
    }

    fn pages(twin: &Twin<Self>) -> usize {
        twin.links().len()
    }

    fn page_at(twin: &Twin<Self>, url: &str) -> String {
        twin.link_at(url)
    }

    fn pay(twin: &Twin<Self>, page: &str) {
        twin.pay(page);
    }

    fn payment_of(twin: &Twin<Self>, page: &str) -> String {
        twin.payment_at(page)
    }

    fn end_refunds(twin: &Twin<Self>) {
        for refund in twin.refunds_under_way() {
            twin.end_refund(&refund, "COMPLETED");
        }
    }
}
