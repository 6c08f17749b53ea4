//! A world with Stripe's twin in it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::world::{Form, Mode, World};
use crate::support::plugins;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;
use crate::twins::stripe::{LIVE_KEY, NEXT_WEBHOOK_SECRET, Stripe, TEST_KEY, WEBHOOK_SECRET};

/// A hub in a process of its own, and Stripe's twin in this one.
pub(crate) type AtStripe = World<Stripe>;

impl AtStripe {
    /// Starts both, with the adapter that is compiled in.
    pub(crate) async fn start() -> Self {
        Self::start_as(Form::Native).await
    }
}

impl Counterpart for Stripe {
    const NAME: &'static str = "stripe";
    const CONNECTOR: &'static str = r#"settings.base_url = "{url}"
settings.checkout_url = "{url}"
secrets.api_key = { env = "STRIPE_API_KEY" }
secrets.webhook_secret = { env = "STRIPE_WEBHOOK_SECRET" }
"#;
    const GRANTS: &'static str = "checkout_hosts = [\"checkout.stripe.com\"]\n";
    const PAID: &'static str = "checkout.session.completed";
    const BOOKED_BY: &'static str = "payment";
    const DECLINES: &'static [&'static [(&'static str, &'static str)]] = &[
        &[("action", "decline"), ("decline_code", "insufficient_funds")],
        &[("action", "decline"), ("decline_code", "stolen_card")],
    ];
    const LOST_AT_OPEN: &'static [Fault] = &[Fault::DropBefore, Fault::DropAfter, Fault::ErrorAfter];
    /// Lost before, lost after, and Stripe's own 500 that it repeats under the same key.
    const LOST_AT_REFUND: &'static [Fault] = &[Fault::DropBefore, Fault::DropAfter, Fault::BreaksAfter];
    const FINDS_LOST_PAGES: bool = true;

    fn environment(mode: Mode) -> Vec<(&'static str, &'static str)> {
        let key = if mode == Mode::Live { LIVE_KEY } else { TEST_KEY };
        vec![
            ("STRIPE_API_KEY", key),
            ("STRIPE_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("STRIPE_WEBHOOK_SECRET_NEXT", NEXT_WEBHOOK_SECRET),
        ]
    }

    fn plugin() -> PathBuf {
        plugins::built("plugins/stripe")
    }

    async fn twin() -> Twin<Self> {
        Twin::stripe().await
    }

    fn wish() -> Value {
        json!({})
    }

    fn pages(twin: &Twin<Self>) -> usize {
        twin.ids("checkout.session").len()
    }

    fn page_at(_twin: &Twin<Self>, url: &str) -> String {
        // What follows the `#` is for the browser only.
        let address = url.split('#').next().unwrap_or_default();
        address.rsplit('/').next().unwrap_or_default().to_owned()
    }

    fn pay(twin: &Twin<Self>, page: &str) {
        twin.pay(page);
    }

    fn payment_of(twin: &Twin<Self>, page: &str) -> String {
        Twin::payment_of(twin, page)
    }

    fn end_refunds(_twin: &Twin<Self>) {
        // They succeed at once, unless a story says otherwise and ends them by itself.
    }
}
