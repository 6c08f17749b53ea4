//! Setting a connector for BTCPay Server up: what `payhub config check` says of each setting and secret that is missing
//! or wrong, and a live connector at a server of one's own.

use serde_json::json;

use super::world::AtBtcPay;
use crate::stories::at_processor::world::{CREATED, Form, Mode, PAID, SUCCEEDED};
use crate::support::id;
use crate::twins::btcpay::{API_KEY, WEBHOOK_SECRET};
use crate::twins::server::Twin;

/// (from, to in the config; a variable and its value; words that the check must then say)
type Row = (&'static str, &'static str, Option<(&'static str, &'static str)>, &'static [&'static str]);

const ROWS: [Row; 10] = [
    ("settings.base_url", "settings.server", None, &["settings.server", "is not a setting of btcpay"]),
    ("settings.base_url = \"http", "settings.base_url = \"ftp", None, &["settings.base_url"]),
    (
        "settings.store_id = \"9CiNzKoANXxmk5ayZngSXrHTiVvvgCrwrpFQd4mTwin\"\n",
        "",
        None,
        &["connectors.btcpay.settings.store_id", "must be set", "Store ID"],
    ),
    (
        "secrets.api_key = { env = \"BTCPAY_API_KEY\" }\n",
        "",
        None,
        &["connectors.btcpay.secrets.api_key", "must be set"],
    ),
    (
        "secrets.webhook_secret = { env = \"BTCPAY_WEBHOOK_SECRET\" }\n",
        "",
        None,
        &["connectors.btcpay.secrets.webhook_secret", "must be set"],
    ),
    ("", "", Some(("BTCPAY_WEBHOOK_SECRET", "")), &["secrets.webhook_secret", "empty"]),
    ("{ env = \"BTCPAY_API_KEY\" }", "\"written_down\"", None, &["must not be written into the config file"]),
    (
        "settings.store_id",
        "settings.invoice_minutes = \"7\"\nsettings.store_id",
        None,
        &["settings.invoice_minutes", "5", "1440"],
    ),
    (
        "settings.store_id",
        "settings.speed_policy = \"Fast\"\nsettings.store_id",
        None,
        &["settings.speed_policy", "HighSpeed", "LowSpeed"],
    ),
    (
        "settings.store_id",
        "settings.accept_late = \"yes\"\nsettings.store_id",
        None,
        &["settings.accept_late"],
    ),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_missing_or_wrong_setting_is_named() {
    let world = AtBtcPay::prepare(Mode::Test, Form::Native, Twin::btcpay().await);
    let good = world.config();
    world.configure(&good);
    let (is_good, printed) = world.payhub("config check CONFIG", &[]);
    assert!(is_good && printed.contains("btcpay (btcpay, test)"), "{printed}");
    for (number, (from, to, variable, words)) in ROWS.into_iter().enumerate() {
        assert!(good.contains(from), "row {number}");
        world.configure(&good.replacen(from, to, 1));
        let environment: Vec<_> = variable.into_iter().collect();
        let (is_good, printed) = world.payhub("config check CONFIG", &environment);
        assert!(!is_good, "row {number}: {printed}");
        for word in words {
            assert!(printed.contains(word), "row {number}: no {word:?} in {printed}");
        }
        for secret in [API_KEY, WEBHOOK_SECRET, "written_down"] {
            assert!(!printed.contains(secret), "row {number}: {printed}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_payment() {
    let world = AtBtcPay::live().await;
    let intent = world.create(json!({})).await;
    assert_eq!(intent["livemode"], true);
    // A proxy with TLS stands at the public address; the hub behind it is reached at its own.
    let behind = |url: &str| url.replace("https://pay.shop.test", &world.base_url);
    let page = world.shopper().visit(&behind(intent["checkout_url"].as_str().unwrap())).await;
    let returned = page.pay().await;
    assert!(returned.url().starts_with("https://pay.shop.test/return/"), "{}", returned.url());
    let home = world.shopper().visit(&behind(returned.url())).await;
    assert_eq!(home.url(), format!("https://shop.test/thanks?order=7&payment_intent={}", id(&intent)));
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.refunded(id(&intent), None).await;
    world.finish().await;
}
