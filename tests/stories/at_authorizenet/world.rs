//! A world with Authorize.Net's twin in it.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::world::{Mode, World};
use crate::support::{id, plugins};
use crate::twins::authorizenet::{
    AuthorizeNet, CURRENCY, LIVE_KEY, LIVE_LOGIN, NEXT_SIGNATURE_KEY, SIGNATURE_KEY, TEST_KEY, TEST_LOGIN,
};
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

/// A hub in a process of its own, and Authorize.Net's twin in this one.
pub(super) type AtAuthorizeNet = World<AuthorizeNet>;

/// What the cart is told when money is reserved, and when nothing will be taken any more.
pub(super) const RESERVED: &str = "payment_intent.requires_capture";
pub(super) const CANCELED: &str = "payment_intent.canceled";

/// Creates an intent that is paid, on a day that has not ended; its id, and the transaction's.
pub(super) async fn unsettled(world: &AtAuthorizeNet, wish: Value) -> (String, String) {
    let (intent, page) = world.open(wish).await;
    assert!(page.pay().await.is_at_the_shop());
    world.cart.until_status(id(&intent), "succeeded").await;
    (id(&intent).to_owned(), world.twin.payment_at(&world.page(&page)))
}

impl Counterpart for AuthorizeNet {
    const NAME: &'static str = "authorizenet";
    const CONNECTOR: &'static str = r#"settings = { base_url = "{url}", checkout_url = "{url}", currency = "USD" }
secrets.api_login_id = { env = "AUTHORIZENET_LOGIN" }
secrets.transaction_key = { env = "AUTHORIZENET_KEY" }
secrets.signature_key = { env = "AUTHORIZENET_SIGNATURE_KEY" }
"#;
    const GRANTS: &'static str = r#"hosts = ["api.authorize.net", "apitest.authorize.net"]
checkout_hosts = ["accept.authorize.net", "test.authorize.net"]
"#;
    const PAID: &'static str = "net.authorize.payment.authcapture.created";
    const BOOKED_BY: &'static str = "payment";
    const DECLINES: &'static [&'static [(&'static str, &'static str)]] = &[
        &[("action", "decline"), ("card", "0002"), ("reason", "2")],
        &[("action", "decline"), ("card", "0127"), ("reason", "44")],
    ];
    const LOST_AT_OPEN: &'static [Fault] =
        &[Fault::DropBefore, Fault::DropAfter, Fault::ErrorAfter, Fault::BreaksAfter];
    const LOST_AT_REFUND: &'static [Fault] = &[Fault::DropAfter, Fault::BreaksAfter, Fault::Garbage];
    /// A token that was not heard of is lost, and the next one is as good.
    const FINDS_LOST_PAGES: bool = false;

    fn environment(mode: Mode) -> Vec<(&'static str, &'static str)> {
        let (login, key) = if mode == Mode::Live { (LIVE_LOGIN, LIVE_KEY) } else { (TEST_LOGIN, TEST_KEY) };
        vec![
            ("AUTHORIZENET_LOGIN", login),
            ("AUTHORIZENET_KEY", key),
            ("AUTHORIZENET_SIGNATURE_KEY", SIGNATURE_KEY),
            ("AUTHORIZENET_SIGNATURE_KEY_NEXT", NEXT_SIGNATURE_KEY),
        ]
    }

    fn plugin() -> PathBuf {
        plugins::built("processors/authorizenet")
    }

    async fn twin() -> Twin<Self> {
        Twin::authorizenet().await
    }

    fn wish() -> Value {
        json!({ "currency": CURRENCY })
    }

    fn pages(twin: &Twin<Self>) -> usize {
        twin.pages().len()
    }

    fn page_at(_twin: &Twin<Self>, url: &str) -> String {
        url.rsplit('/').next().unwrap_or_default().to_owned()
    }

    fn pay(twin: &Twin<Self>, page: &str) {
        twin.pay(page);
    }

    fn payment_of(twin: &Twin<Self>, page: &str) -> String {
        twin.payment_at(page)
    }

    fn settle(twin: &Twin<Self>) {
        twin.settle();
    }

    fn end_refunds(twin: &Twin<Self>) {
        twin.settle();
    }
}
