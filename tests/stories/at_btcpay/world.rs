//! A world with BTCPay Server's twin in it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::world::{Mode, World};
use crate::support::plugins;
use crate::twins::btcpay::{API_KEY, BtcPay, NEXT_WEBHOOK_SECRET, WEBHOOK_SECRET};
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

/// A hub in a process of its own, and BTCPay Server's twin in this one.
pub(super) type AtBtcPay = World<BtcPay>;

impl AtBtcPay {
    /// Waits until a payment is held for a reason; gives the intent.
    pub(super) async fn held(&self, intent: &str, reason: &str) -> Value {
        self.cart.until(intent, reason, |intent| intent["quarantine"]["reason"] == reason).await
    }

    /// Waits until the first attempt of an intent has a state.
    pub(super) async fn until_attempt(&self, intent: &str, state: &str) {
        self.cart.until(intent, state, |intent| intent["attempts"][0]["state"] == state).await;
    }
}

impl Counterpart for BtcPay {
    const NAME: &'static str = "btcpay";
    const CONNECTOR: &'static str = r#"settings.base_url = "{url}"
settings.store_id = "9CiNzKoANXxmk5ayZngSXrHTiVvvgCrwrpFQd4mTwin"
secrets.api_key = { env = "BTCPAY_API_KEY" }
secrets.webhook_secret = { env = "BTCPAY_WEBHOOK_SECRET" }
"#;
    /// Both hosts are settings.
    const GRANTS: &'static str = "";
    const PAID: &'static str = "InvoiceSettled";
    /// Coins come to an invoice, and that is the session.
    const BOOKED_BY: &'static str = "session";
    /// Nobody declines coins.
    const DECLINES: &'static [&'static [(&'static str, &'static str)]] = &[];
    const LOST_AT_OPEN: &'static [Fault] =
        &[Fault::DropAfter, Fault::ErrorAfter, Fault::BreaksAfter, Fault::Garbage];
    const LOST_AT_REFUND: &'static [Fault] =
        &[Fault::DropAfter, Fault::ErrorAfter, Fault::BreaksAfter, Fault::Garbage];
    const FINDS_LOST_PAGES: bool = true;

    fn environment(_mode: Mode) -> Vec<(&'static str, &'static str)> {
        vec![
            ("BTCPAY_API_KEY", API_KEY),
            ("BTCPAY_WEBHOOK_SECRET", WEBHOOK_SECRET),
            ("BTCPAY_WEBHOOK_SECRET_NEXT", NEXT_WEBHOOK_SECRET),
        ]
    }

    fn plugin() -> PathBuf {
        plugins::built("processors/btcpay")
    }

    async fn twin() -> Twin<Self> {
        Twin::btcpay().await
    }

    fn wish() -> Value {
        json!({})
    }

    fn pages(twin: &Twin<Self>) -> usize {
        twin.invoices().len()
    }

    fn page_at(_twin: &Twin<Self>, url: &str) -> String {
        url.rsplit('/').next().unwrap_or_default().to_owned()
    }

    fn pay(twin: &Twin<Self>, page: &str) {
        twin.pay(page);
    }

    fn payment_of(_twin: &Twin<Self>, page: &str) -> String {
        page.to_owned()
    }

    fn end_refunds(twin: &Twin<Self>) {
        for pull in twin.refunds_under_way() {
            twin.pay_out(&pull);
        }
    }
}
