//! What the hub tells whoever watches it: on a private listener, in Prometheus' text format, in words that
//! say nothing of anybody.

use std::collections::BTreeMap;

use serde_json::json;

use super::world::send;
use crate::processes::http::send as send_to_process;
use crate::processes::world::World as Processes;
use crate::support::cart::plain_client;
use crate::support::receiver::Receiver;
use crate::support::{TestHub, eventually, id};

/// Every series with its value, and that the text is well formed: each family has its help and type before
/// its series, and no series stands twice.
#[track_caller]
fn series(text: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let (mut help, mut family, mut kind) = ("", "", "");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').expect("a help text").0;
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            (family, kind) = rest.split_once(' ').expect("a type");
            assert_eq!(help, family, "help stands before its type");
            assert!(["counter", "gauge", "histogram"].contains(&kind), "{line}");
            assert!(family.starts_with("payhub_"), "{line}");
            assert_eq!(kind == "counter", family.ends_with("_total"), "{line}");
        } else {
            let (name, value) = line.rsplit_once(' ').expect("a value");
            let bare = name.split('{').next().unwrap_or_default();
            let suffix = bare.strip_prefix(family).unwrap_or_else(|| panic!("{line} is not of {family}"));
            let fine = if kind == "histogram" {
                ["_bucket", "_sum", "_count"].contains(&suffix)
            } else {
                suffix.is_empty()
            };
            assert!(fine, "{line}");
            assert!(found.insert(name.to_owned(), value.to_owned()).is_none(), "{name} stands twice");
        }
    }
    found
}

fn value(found: &BTreeMap<String, String>, name: &str) -> i64 {
    found.get(name).map_or(0, |value| value.parse().expect("a whole number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_payments_life_in_numbers() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    merchant.register(&hub, &["payment_intent.succeeded", "payment_intent.canceled"]).await;
    let intent = hub.cart.create(json!({ "customer": { "email": "jane@shop.test" } })).await;
    let page = hub.shopper().open(&intent).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "forged" })).await;
    hub.sandbox.act(page.session(), json!({ "action": "pay" })).await;
    let forged = eventually("it was refused", || async {
        hub.sandbox.webhooks().await.into_iter().find(|one| one["delivery"] == "failed")
    })
    .await;
    let stale = plain_client().post(format!("{}/webhooks/sandbox_a", hub.base_url)).body("{}");
    assert_eq!(send(stale.header("sandbox-signature", "t=1,v1=00")).await.status, 401);
    hub.sandbox.send_webhook(id(&forged)).await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    assert_eq!(hub.cart.get("/v1/orders/ord_nobody").await.status, 404);
    let nobody = format!("{}/no/such/place", hub.base_url);
    send(plain_client().request(reqwest::Method::from_bytes(b"BREW").expect("a method"), nobody)).await;
    eventually("the merchant has heard", || async {
        (!merchant.received().is_empty()
            && value(
                &series(&hub.metrics().await),
                r#"payhub_merchant_delivery_tries_total{result="delivered"}"#,
            ) == 1)
            .then_some(())
    })
    .await;

    let text = hub.metrics().await;
    let found = series(&text);
    for (name, expected) in [
        (r#"payhub_http_requests_total{method="POST",route="/v1/payment_intents",status="201"}"#, 1),
        (r#"payhub_http_requests_total{method="GET",route="/v1/orders/{id}",status="404"}"#, 1),
        (r#"payhub_http_requests_total{method="other",route="unmatched",status="404"}"#, 1),
        (r#"payhub_http_request_duration_seconds_count{method="POST",route="/v1/payment_intents"}"#, 1),
        (r#"payhub_payment_status_changes_total{mode="test",to="requires_checkout"}"#, 1),
        (r#"payhub_payment_status_changes_total{mode="test",to="succeeded"}"#, 1),
        (
            r#"payhub_connector_calls_total{connector="sandbox_a",operation="open_checkout",outcome="answered"}"#,
            1,
        ),
        (
            r#"payhub_connector_call_duration_seconds_count{connector="sandbox_a",operation="open_checkout"}"#,
            1,
        ),
        (r#"payhub_webhooks_received_total{connector="sandbox_a",verdict="forged"}"#, 1),
        (r#"payhub_webhooks_received_total{connector="sandbox_a",verdict="stale"}"#, 1),
        (r#"payhub_webhooks_received_total{connector="sandbox_a",verdict="verified"}"#, 1),
        (r#"payhub_jobs_claimed_total{kind="notify_merchant"}"#, 1),
        ("payhub_payments_quarantined", 0),
        ("payhub_merchant_deliveries_pending", 0),
        ("payhub_inbox_pending", 0),
        (&format!(r#"payhub_build_info{{version="{}"}}"#, env!("CARGO_PKG_VERSION")), 1),
    ] {
        assert_eq!(value(&found, name), expected, "{name}\n{text}");
    }
    assert!(value(&found, "payhub_commits_total") >= value(&found, "payhub_commit_batches_total"), "{text}");
    assert!(value(&found, "payhub_commit_batches_total") > 5, "{text}");

    // Nothing of anybody.
    let token = intent["checkout_url"].as_str().expect("a URL").rsplit('/').next().expect("a token");
    for private in
        [id(&intent), token, &hub.cart.api_key, "jane@shop.test", "127.0.0.1", "ord_nobody", "BREW"]
    {
        assert!(!text.contains(private), "{private} is told:\n{text}");
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_counted() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    merchant.register(&hub, &[]).await;
    merchant.answer_always(500);
    hub.sandbox.fault(json!({ "operation": "open", "fault": "wrong_amount" })).await;
    let intent = hub.cart.create(json!({ "amount": 100 })).await;
    assert!(hub.shopper().open(&intent).await.pay().await.is_at_the_shop());
    hub.cart.until(id(&intent), "quarantined", |intent| !intent["quarantine"].is_null()).await;
    let found = series(&hub.metrics().await);
    assert_eq!(value(&found, "payhub_payments_quarantined"), 1);
    assert!(value(&found, "payhub_merchant_deliveries_pending") >= 2, "{found:#?}");
    let reason = r#"payhub_payment_quarantines_total{mode="test",reason="amount_mismatch"}"#;
    assert_eq!(value(&found, reason), 1, "{found:#?}");
    let retried = r#"payhub_merchant_delivery_tries_total{result="retried"}"#;
    eventually("a try that failed", || async {
        (value(&series(&hub.metrics().await), retried) >= 1).then_some(())
    })
    .await;
    merchant.answer_always(200);
    // The count is of what is stored, not of what this process has seen.
    let mut hub = hub;
    hub.restart().await;
    let found = series(&hub.metrics().await);
    assert_eq!(value(&found, "payhub_payments_quarantined"), 1);
    assert_eq!(value(&found, reason), 0);
    hub.fast(eventually("all is delivered", || async {
        (value(&series(&hub.metrics().await), "payhub_merchant_deliveries_pending") == 0).then_some(())
    }))
    .await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_public_front_has_no_metrics() {
    let hub = TestHub::start().await;
    for path in ["/metrics", "/metrics/", "//metrics", "/v1/metrics", "/healthz/metrics"] {
        for request in [
            plain_client().get(format!("{}{path}", hub.base_url)),
            hub.cart.request(reqwest::Method::GET, path).header("host", "127.0.0.1:9464"),
        ] {
            let answer = send(request).await;
            assert_eq!(answer.status, 404, "{path}: {}", answer.text);
            assert!(!answer.text.contains("payhub_"), "{path}: {}", answer.text);
        }
    }
    hub.finish().await;
}

/// The binary as an operator runs it: its config decides where metrics are, and how often a key may ask.
#[test]
fn as_the_config_says() {
    let (world, ready) = Processes::serve_with(
        "[metrics]\nlisten = \"127.0.0.1:0\"\n[limits]\nkey_requests_per_s = 1\nkey_requests_burst = 3\n\
         unproven_requests_per_min = 1\nunproven_requests_burst = 2\n",
    );
    let address = ready["metrics_listen"].as_str().expect("where the metrics are");
    let statuses: Vec<u16> =
        (0..20).map(|_| world.api.get("/v1/connectors").expect("an answer").status).collect();
    assert_eq!(statuses[..3], [200, 200, 200]);
    assert!(statuses.contains(&429), "{statuses:?}");
    let guess = || send_to_process("GET", &format!("{}/pay/guess", world.api.base_url), &[], b"");
    let guesses: Vec<u16> = (0..4).map(|_| guess().expect("an answer").status).collect();
    assert_eq!(guesses, [404, 404, 429, 429]);
    let shown = send_to_process("GET", &format!("http://{address}/metrics"), &[], b"").expect("an answer");
    assert_eq!(shown.status, 200);
    let found = series(&shown.text());
    let name = r#"payhub_http_requests_total{method="GET",route="/v1/connectors",status="200"}"#;
    assert!(value(&found, name) >= 3, "{}", shown.text());
    assert!(value(&found, r#"payhub_http_rate_limited_total{by="key"}"#) >= 1, "{}", shown.text());
    assert_eq!(value(&found, r#"payhub_http_rate_limited_total{by="address"}"#), 2, "{}", shown.text());
    let elsewhere = send_to_process("GET", &format!("http://{address}/v1/connectors"), &[], b"");
    assert_eq!(elsewhere.expect("an answer").status, 404, "the API is not on the private listener");
    let public = send_to_process("GET", &format!("{}/metrics", world.api.base_url), &[], b"");
    assert_eq!(public.expect("an answer").status, 404);
}
