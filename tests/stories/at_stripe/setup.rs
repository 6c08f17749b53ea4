//! Setting a connector for Stripe up: the example that is shipped, and what `payhub config check` says of each
//! setting and secret that is missing or wrong.

use crate::stories::at_processor::world::{Form, Mode};
use crate::stories::at_stripe::world::AtStripe;
use crate::twins::server::Twin;
use crate::twins::stripe::{LIVE_KEY, TEST_KEY};

const EXAMPLE: &str = include_str!("../../../config/example-stripe.toml");

/// A change of the config's text, of the environment, and words that the check must then say.
struct Row {
    from: &'static str,
    to: &'static str,
    environment: &'static [(&'static str, &'static str)],
    words: &'static [&'static str],
}

const ROWS: [Row; 12] = [
    Row {
        from: "secrets.api_key = { env = \"STRIPE_API_KEY\" }\n",
        to: "",
        environment: &[],
        words: &["connectors.stripe.secrets.api_key", "must be set", "Secret or restricted key"],
    },
    Row {
        from: "secrets.webhook_secret = { env = \"STRIPE_WEBHOOK_SECRET\" }\n",
        to: "",
        environment: &[],
        words: &["connectors.stripe.secrets.webhook_secret", "must be set", "whsec_"],
    },
    Row {
        from: "STRIPE_API_KEY",
        to: "STRIPE_API_KEY_THAT_NOBODY_SET",
        environment: &[],
        words: &["secrets.api_key", "STRIPE_API_KEY_THAT_NOBODY_SET"],
    },
    Row { from: "", to: "", environment: &[("STRIPE_API_KEY", "")], words: &["secrets.api_key", "empty"] },
    Row {
        from: "",
        to: "",
        environment: &[("STRIPE_WEBHOOK_SECRET", "")],
        words: &["secrets.webhook_secret", "empty"],
    },
    Row {
        from: "secrets.webhook_secret",
        to: "secrets.webhook_key",
        environment: &[],
        words: &["secrets.webhook_key", "is not a secret of stripe", "api_key, webhook_secret"],
    },
    Row {
        from: "{ env = \"STRIPE_API_KEY\" }",
        to: "\"sk_test_written_down\"",
        environment: &[],
        words: &["secrets.api_key", "must not be written into the config file"],
    },
    Row {
        from: "settings.checkout_url",
        to: "settings.checkout",
        environment: &[],
        words: &["settings.checkout", "is not a setting of stripe"],
    },
    Row {
        from: "settings.base_url = \"http",
        to: "settings.base_url = \"ftp",
        environment: &[],
        words: &["settings.base_url"],
    },
    Row {
        from: "adapter = \"stripe\"",
        to: "adapter = \"strip\"",
        environment: &[],
        words: &["connectors.stripe.adapter", "no adapter `strip`"],
    },
    Row {
        from: "",
        to: "",
        environment: &[("STRIPE_API_KEY", LIVE_KEY)],
        words: &["secrets.api_key", "live", "mode = \"test\""],
    },
    Row { from: "mode = \"test\"\n", to: "", environment: &[], words: &["connectors.stripe", "mode"] },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_missing_or_wrong_setting_is_named() {
    let world = AtStripe::prepare(Mode::Test, Form::Native, Twin::stripe().await);
    let good = world.config();
    world.configure(&good);
    let (is_good, printed) = world.payhub("config check CONFIG", &[]);
    assert!(is_good && printed.contains("stripe (stripe, test)"), "{printed}");
    for (number, Row { from, to, environment, words }) in ROWS.into_iter().enumerate() {
        assert!(good.contains(from), "row {number}");
        world.configure(&good.replace(from, to));
        let (is_good, printed) = world.payhub("config check CONFIG", environment);
        assert!(!is_good, "row {number}: {printed}");
        for word in words {
            assert!(printed.contains(word), "row {number}: no {word:?} in {printed}");
        }
        for secret in [TEST_KEY, LIVE_KEY, "sk_test_written_down"] {
            assert!(!printed.contains(secret), "row {number}: {printed}");
        }
    }
}

/// Nothing but addresses differs between the shipped example and what these stories run on.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shipped_example_is_good_and_short() {
    let is_text = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let lines: Vec<&str> = EXAMPLE.lines().filter(is_text).collect();
    assert!(lines.len() < 15, "{} lines", lines.len());
    let world = AtStripe::prepare(Mode::Test, Form::Native, Twin::stripe().await);
    world.configure(&lines.join("\n"));
    let (is_good, printed) = world.payhub("config check CONFIG", &[]);
    assert!(is_good, "{printed}");
    let (is_good, printed) = world.payhub("config check CONFIG", &[("STRIPE_WEBHOOK_SECRET", "")]);
    assert!(!is_good && printed.contains("secrets.webhook_secret"), "{printed}");
}
