//! Setting a connector for Mollie up: what `payhub config check` says of what is missing or wrong, and an
//! organization's token in place of a profile's key.

use serde_json::json;

use super::world::{AtMollie, WEBHOOK_PATH};
use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::world::{CREATED, Form, Mode, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::twins::mollie::{LIVE_KEY, Mollie, TEST_KEY, TOKEN};

/// A change of the config's text, of the environment, and words that the check must then say.
struct Row {
    from: &'static str,
    to: &'static str,
    environment: &'static [(&'static str, &'static str)],
    words: &'static [&'static str],
}

const ROWS: [Row; 7] = [
    Row {
        from: "secrets.api_key = { env = \"MOLLIE_API_KEY\" }\n",
        to: "",
        environment: &[],
        words: &["connectors.mollie.secrets.api_key", "must be set", "API key of the profile"],
    },
    Row { from: "", to: "", environment: &[("MOLLIE_API_KEY", "")], words: &["secrets.api_key", "empty"] },
    Row {
        from: "webhook_path_secret = { env = \"MOLLIE_WEBHOOK_PATH\" }\n",
        to: "",
        environment: &[],
        words: &["connectors.mollie.webhook_path_secret"],
    },
    Row {
        from: "",
        to: "",
        environment: &[("MOLLIE_WEBHOOK_PATH", "mollie")],
        words: &["connectors.mollie.webhook_path_secret"],
    },
    Row {
        from: "settings.checkout_url",
        to: "settings.checkout",
        environment: &[],
        words: &["settings.checkout", "is not a setting of mollie"],
    },
    Row {
        from: "settings.base_url = \"http",
        to: "settings.base_url = \"ftp",
        environment: &[],
        words: &["settings.base_url"],
    },
    Row {
        from: "secrets.api_key",
        to: "settings.webhooks = \"sometimes\"\nsecrets.api_key",
        environment: &[],
        words: &["settings.webhooks", "classic"],
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_missing_or_wrong_setting_is_named() {
    let world = AtMollie::prepare(Mode::Test, Form::Native, Mollie::twin().await);
    let good = world.config();
    world.configure(&good);
    let (is_good, printed) = world.payhub("config check CONFIG", &[]);
    assert!(is_good && printed.contains("mollie (mollie, test)"), "{printed}");
    for (number, Row { from, to, environment, words }) in ROWS.into_iter().enumerate() {
        assert!(good.contains(from), "row {number}");
        world.configure(&good.replace(from, to));
        let (is_good, printed) = world.payhub("config check CONFIG", environment);
        assert!(!is_good, "row {number}: {printed}");
        for word in words {
            assert!(printed.contains(word), "row {number}: no {word:?} in {printed}");
        }
        for secret in [TEST_KEY, LIVE_KEY, WEBHOOK_PATH] {
            assert!(!printed.contains(secret), "row {number}: {printed}");
        }
    }
}

/// A token knows neither mode nor profile; each request has to say them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_organizations_token() {
    let change = |config: String| {
        config.replace("MOLLIE_API_KEY", "MOLLIE_TOKEN") + "settings.profile_id = \"pfl_QkEhN94Ba\"\n"
    };
    let world = AtMollie::start_on(Form::Native, Mollie::twin().await, change).await;
    let (intent, payment) = world.paid(json!({})).await;
    assert_eq!(world.twin.payment(&payment)["mode"], "test");
    world.refunded(&intent, Some(500)).await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    for ending in ["capture", "cancel"] {
        let (intent, _) = world.paid(json!({ "capture": "manual" })).await;
        let answer = world.cart.ask(&format!("/v1/payment_intents/{intent}/{ending}"), json!({})).await;
        assert!([200, 202].contains(&answer.status), "{ending}: {}", answer.text);
        world.cart.until_status(&intent, if ending == "capture" { "succeeded" } else { "canceled" }).await;
    }
    let bearer = format!("Bearer {TOKEN}");
    assert!(world.twin.requests().iter().all(|request| request.header("authorization") == Some(&bearer)));
    world.finish().await;
}
