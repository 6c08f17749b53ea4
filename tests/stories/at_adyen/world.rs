//! A world with Adyen's twin in it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::world::{Mode, World};
use crate::support::{eventually, plugins};
use crate::twins::adyen::{Adyen, HMAC_KEY, LIVE_KEY, NEXT_HMAC_KEY, TEST_KEY};
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

/// A hub in a process of its own, and Adyen's twin in this one.
pub(super) type AtAdyen = World<Adyen>;

/// What the cart is told when money is reserved.
pub(super) const RESERVED: &str = "payment_intent.requires_capture";

/// Waits until an operator is shown a delivery that nobody could make anything of, for a reason with these words.
pub(super) async fn set_aside(world: &AtAdyen, words: &str) {
    eventually(&format!("a delivery is set aside: {words}"), || async {
        let (is_good, printed) = world.payhub("quarantine list --config CONFIG", &[]);
        assert!(is_good, "{printed}");
        printed.contains(words).then_some(())
    })
    .await;
}

impl Counterpart for Adyen {
    const NAME: &'static str = "adyen";
    const CONNECTOR: &'static str = r#"settings.base_url = "{url}/v72"
settings.merchant_account = "TwinShopECOM"
settings.checkout_url = "{url}"
secrets.api_key = { env = "ADYEN_API_KEY" }
secrets.hmac_key = { env = "ADYEN_HMAC_KEY" }
"#;
    const GRANTS: &'static str = "checkout_hosts = [\"*.adyen.link\", \"*.adyen.com\"]\n";
    const PAID: &'static str = "AUTHORISATION";
    const BOOKED_BY: &'static str = "payment";
    const DECLINES: &'static [&'static [(&'static str, &'static str)]] = &[
        &[("action", "decline"), ("reason", "NOT_ENOUGH_BALANCE")],
        &[("action", "decline"), ("reason", "Refused")],
    ];
    const LOST_AT_OPEN: &'static [Fault] =
        &[Fault::DropBefore, Fault::DropAfter, Fault::ErrorAfter, Fault::BreaksBefore];
    const LOST_AT_REFUND: &'static [Fault] =
        &[Fault::DropBefore, Fault::DropAfter, Fault::BreaksBefore, Fault::BreaksAfter, Fault::Garbage];
    /// The same key gives the same link.
    const FINDS_LOST_PAGES: bool = true;

    fn environment(mode: Mode) -> Vec<(&'static str, &'static str)> {
        vec![
            ("ADYEN_API_KEY", if mode == Mode::Live { LIVE_KEY } else { TEST_KEY }),
            ("ADYEN_HMAC_KEY", HMAC_KEY),
            ("ADYEN_HMAC_KEY_NEXT", NEXT_HMAC_KEY),
        ]
    }

    fn plugin() -> PathBuf {
        plugins::built("processors/adyen")
    }

    async fn twin() -> Twin<Self> {
        Twin::adyen().await
    }

    fn wish() -> Value {
        json!({})
    }

    fn pages(twin: &Twin<Self>) -> usize {
        twin.pages().len()
    }

    fn page_at(_twin: &Twin<Self>, url: &str) -> String {
        let address = url.split('?').next().unwrap_or_default();
        address.rsplit('/').next().unwrap_or_default().to_owned()
    }

    fn pay(twin: &Twin<Self>, page: &str) {
        twin.pay(page);
    }

    fn payment_of(twin: &Twin<Self>, page: &str) -> String {
        twin.payment_at(page)
    }

    fn end_refunds(twin: &Twin<Self>) {
        for modification in twin.under_way() {
            twin.end(&modification, None);
        }
    }
}
