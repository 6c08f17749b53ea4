//! The merchant's endpoints: retried, disabled, resent, rotated, filtered, and never a way into our network.

use payhub::merchant_webhooks::destination::DestinationPolicy;
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::receiver::{Receiver, deliveries, endpoint};
use crate::support::{TestHub, eventually, id};

const CREATED: &[&str] = &["payment_intent.created"];
/// Seconds between tries, by the Standard Webhooks specification.
const SCHEDULE_S: [i64; 9] = [5, 300, 1_800, 7_200, 18_000, 36_000, 50_400, 72_000, 86_400];

async fn until_delivery(hub: &TestHub, endpoint: &str, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    eventually(what, async || deliveries(&hub.cart, endpoint).await.into_iter().find(|one| wanted(one))).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_failed_delivery_is_repeated_by_the_schedule() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    let registered = merchant.register(&hub, CREATED).await;
    merchant.answer_next(&[500, 503, 404]);
    hub.cart.create(json!({})).await;
    for (tries, wait_s) in [(1, 5), (2, 300), (3, 1_800)] {
        merchant.until_count(tries).await;
        let failed = until_delivery(&hub, &registered.id, "a failed try", |one| one["tries"] == tries);
        let failed = failed.await;
        assert_eq!((&failed["state"], failed["next_at"].is_string()), (&json!("pending"), true));
        hub.jump(wait_s).await;
    }
    let received = merchant.until_count(4).await;
    until_delivery(&hub, &registered.id, "delivered", |one| one["state"] == "delivered" && one["tries"] == 4)
        .await;
    // The same event under the same id, each time signed anew.
    for one in &received {
        assert_eq!(one.header("webhook-id"), received[0].header("webhook-id"));
        assert_eq!(one.body, received[0].body);
        assert!(one.is_signed_with(&registered.secret));
    }
    assert!(received[3].timestamp() >= received[0].timestamp() + 2_105);
    hub.jump(100_000).await;
    hub.cart.create(json!({})).await;
    merchant.until_count(5).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_the_whole_schedule_it_is_given_up_and_can_be_resent() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    let registered = merchant.register(&hub, CREATED).await;
    merchant.answer_always(500);
    let intent = hub.cart.create(json!({})).await;
    for (tries, wait_s) in (1..).zip(SCHEDULE_S) {
        until_delivery(&hub, &registered.id, "a failed try", |one| one["tries"] == tries).await;
        hub.jump(wait_s).await;
    }
    let given_up = until_delivery(&hub, &registered.id, "given up", |one| one["state"] == "failed").await;
    assert_eq!((&given_up["tries"], &given_up["next_at"]), (&json!(10), &Value::Null));
    assert_eq!(given_up["last_try"]["status"], 500);

    merchant.answer_always(204);
    let event = id(&hub.cart.events(id(&intent)).await[0]).to_owned();
    let resent = hub.cart.ask(&format!("/v1/events/{event}/resend"), json!({})).await.expect(202);
    assert_eq!(resent["webhook_endpoints"], json!([registered.id]));
    until_delivery(&hub, &registered.id, "delivered", |one| one["state"] == "delivered").await;
    assert_eq!(merchant.received().len(), 11);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_delivered_can_be_sent_again() {
    let hub = TestHub::start().await;
    let (merchant, other) = (Receiver::start().await, Receiver::start().await);
    let registered = merchant.register(&hub, CREATED).await;
    let intent = hub.cart.create(json!({})).await;
    merchant.until_count(1).await;
    let late = other.register(&hub, CREATED).await;
    let event = id(&hub.cart.events(id(&intent)).await[0]).to_owned();
    let path = format!("/v1/events/{event}/resend");
    hub.cart.ask(&path, json!({ "webhook_endpoint": late.id })).await.expect(202);
    let received = other.until_count(1).await;
    assert_eq!(received[0].header("webhook-id"), event);
    assert!(received[0].is_signed_with(&late.secret));
    hub.cart.ask(&path, json!({})).await.expect(202);
    merchant.until_count(2).await;
    other.until_count(2).await;
    assert_eq!(hub.cart.ask(&path, json!({ "webhook_endpoint": "whe_none" })).await.status, 422);
    until_delivery(&hub, &registered.id, "delivered", |one| one["state"] == "delivered").await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gone_disables_the_endpoint_until_the_merchant_enables_it() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    let registered = merchant.register(&hub, CREATED).await;
    merchant.answer_next(&[410]);
    hub.cart.create(json!({})).await;
    let disabled = eventually("disabled", async || {
        let shown = endpoint(&hub.cart, &registered.id).await;
        (shown["enabled"] == false).then_some(shown)
    });
    assert!(disabled.await["disabled_reason"].as_str().unwrap().contains("410"));
    hub.cart.create(json!({})).await;
    hub.jump(86_400).await;
    assert_eq!(merchant.received().len(), 1);

    let path = format!("/v1/webhook_endpoints/{}", registered.id);
    let enabled =
        hub.cart.send(Method::PATCH, &path, None, Some(&json!({ "enabled": true }))).await.expect(200);
    assert_eq!((&enabled["enabled"], &enabled["disabled_reason"]), (&json!(true), &Value::Null));
    let intent = hub.cart.create(json!({})).await;
    let received = merchant.until_count(2).await;
    assert_eq!(received[1].json()["data"]["object"]["id"], intent["id"]);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    let registered = merchant.register(&hub, CREATED).await;
    for (tries, status) in (1..).zip([301, 302, 303, 307, 308]) {
        merchant.answer_next(&[status]);
        hub.cart.create(json!({})).await;
        merchant.until_count(tries).await;
    }
    eventually("five failures", async || {
        let all = deliveries(&hub.cart, &registered.id).await;
        let failed = all
            .iter()
            .filter(|one| one["last_try"]["failure"].as_str().is_some_and(|why| why.contains("redirect")));
        (failed.count() == 5).then_some(())
    })
    .await;
    assert_eq!(merchant.received().len(), 5);
    hub.jump(5).await;
    merchant.until_count(10).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_is_disabled_changed_and_deleted() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    let registered = merchant.register(&hub, &[]).await;
    let path = format!("/v1/webhook_endpoints/{}", registered.id);
    let patch = async |body: Value| hub.cart.send(Method::PATCH, &path, None, Some(&body)).await;

    patch(json!({ "enabled": false })).await.expect(200);
    hub.cart.create(json!({})).await;
    patch(json!({ "enabled": true, "event_types": ["payment_intent.canceled"] })).await.expect(200);
    let intent = hub.cart.create(json!({})).await;
    hub.cart.cancel(id(&intent)).await.expect(200);
    let received = merchant.until_count(1).await;
    assert_eq!(received[0].kind(), "payment_intent.canceled");
    assert_eq!(patch(json!({ "event_types": ["nonsense"] })).await.status, 422);
    assert_eq!(patch(json!({ "color": "red" })).await.status, 422);

    // What is still on its way to an endpoint goes with it.
    merchant.answer_always(500);
    let intent = hub.cart.create(json!({})).await;
    hub.cart.cancel(id(&intent)).await.expect(200);
    merchant.until_count(2).await;
    hub.cart.send(Method::DELETE, &path, None, None).await.expect(204);
    assert_eq!(hub.cart.get(&path).await.status, 404);
    assert_eq!(hub.cart.send(Method::DELETE, &path, None, None).await.status, 404);
    hub.jump(86_400).await;
    let intent = hub.cart.create(json!({})).await;
    hub.cart.cancel(id(&intent)).await.expect(200);
    assert_eq!(hub.database().number("SELECT count(*) FROM jobs WHERE key LIKE 'notify:%'"), 0);
    assert_eq!(merchant.received().len(), 2);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_secret_is_rotated_both_sign() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    let registered = merchant.register(&hub, CREATED).await;
    let path = format!("/v1/webhook_endpoints/{}/rotate_secret", registered.id);
    let rotate = async |key: &str| {
        let rotated = hub.cart.post(&path, key, &json!({})).await;
        let secret = rotated.json()["secret"].as_str().unwrap().to_owned();
        hub.keep_out_of_the_file(&secret);
        secret
    };
    let second = rotate("first-rotation").await;
    assert_eq!(rotate("first-rotation").await, second, "a repeat is not another rotation");
    hub.cart.create(json!({})).await;
    let received = merchant.until_count(1).await;
    assert!(received[0].is_signed_with(&registered.secret) && received[0].is_signed_with(&second));

    let third = rotate("second-rotation").await;
    hub.cart.create(json!({})).await;
    let received = merchant.until_count(2).await;
    let signed: Vec<_> =
        [&registered.secret, &second, &third].map(|secret| received[1].is_signed_with(secret)).into();
    assert_eq!(signed, [false, true, true]);
    let shown = endpoint(&hub.cart, &registered.id).await;
    assert!(shown.get("secret").is_none(), "a secret is shown once");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_hears_what_it_asked_for() {
    let hub = TestHub::start().await;
    let (all, some) = (Receiver::start().await, Receiver::start().await);
    all.register(&hub, &[]).await;
    some.register(&hub, &["order.paid", "refund.succeeded"]).await;
    let intent = hub.cart.create(json!({})).await;
    hub.shopper().open(&intent).await.pay().await;
    let refund = hub.cart.refund(id(&intent), Some(1)).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    let count = hub.cart.events(id(&intent)).await.len();
    assert_eq!(all.until_count(count).await.len(), count);
    let mut kinds: Vec<_> =
        some.until_count(2).await.iter().map(crate::support::receiver::Received::kind).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["order.paid", "refund.succeeded"]);
    hub.finish().await;
}

/// One endpoint that hangs or fails holds up nobody else.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_endpoint_that_fails_holds_up_nobody() {
    let hub = TestHub::start().await;
    let (bad, good) = (Receiver::start().await, Receiver::start().await);
    bad.register(&hub, CREATED).await;
    good.register(&hub, CREATED).await;
    bad.answer_always(500);
    for _ in 0..5 {
        hub.cart.create(json!({})).await;
    }
    good.until_count(5).await;
    bad.until_count(5).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn addresses_inside_are_refused() {
    let hub = TestHub::builder().http(|http| http.destinations = DestinationPolicy::strict()).start().await;
    let rows = [
        "http://shop.example/hooks",
        "https://127.0.0.1/hooks",
        "https://10.0.0.1/hooks",
        "https://192.168.1.1/hooks",
        "https://169.254.169.254/latest/meta-data",
        "https://[::1]/hooks",
        "https://[::ffff:127.0.0.1]/hooks",
        "https://2130706433/hooks",
        "https://0x7f.1/hooks",
        "https://localhost/hooks",
        "https://user:hunter2x@shop.example/hooks",
        "https://shop.example:22/hooks",
        "ftp://shop.example/hooks",
        "not a url",
    ];
    for url in rows {
        let answer = hub.cart.ask("/v1/webhook_endpoints", json!({ "url": url })).await;
        assert_eq!(answer.status, 422, "{url}: {}", answer.text);
        assert_eq!(answer.json()["errors"][0]["pointer"], "/url");
        assert!(!answer.text.contains("hunter2x"), "nothing is echoed");
    }
    assert_eq!(hub.database().number("SELECT count(*) FROM webhook_endpoints"), 0);
    hub.finish().await;
}
