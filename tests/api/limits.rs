//! How often one may ask: a burst, then a steady pace, for each key and for each address that proves nothing.

use payhub::http::limits::Rates;
use payhub::http::problem::Kind;
use payhub::rate_limit::Rate;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::problem::{is_problem, refused};
use super::world::send;
use crate::support::cart::{Answer, Cart, plain_client};
use crate::support::{TestHub, id};

/// One each minute, and this many at once: what a test takes is over long before a minute is.
const BURST: u32 = 4;

fn rate() -> Option<Rate> {
    Rate::new(1, 60, BURST)
}

async fn hub_with(rates: Rates, trusted_proxies: &[&str]) -> TestHub {
    let trusted = trusted_proxies.iter().map(|network| network.parse().expect("a network")).collect();
    let builder = TestHub::builder().http(|http| {
        http.rates = rates;
        http.trusted_proxies = trusted;
    });
    builder.start().await
}

/// That it is "too often", and when to come again.
#[track_caller]
fn is_too_often(answer: &Answer) {
    let problem = refused(answer, Kind::RateLimited, &[], "");
    assert_eq!((&problem["code"], &problem["retryable"]), (&json!("rate_limited"), &json!(true)));
    let wait_s: u32 = answer.header("retry-after").expect("Retry-After").parse().expect("whole seconds");
    assert!((1..=60).contains(&wait_s), "{wait_s}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_has_a_burst_and_a_pace() {
    let hub = hub_with(Rates { key: rate(), unproven: None }, &[]).await;
    let other = hub.cart_of(false).await;
    // Reads and writes of any kind count alike, refused ones too.
    let intent = hub.cart.create(json!({})).await;
    hub.cart.intent(id(&intent)).await;
    assert_eq!(hub.cart.get("/v1/orders/ord_nobody").await.status, 404);
    assert_eq!(hub.cart.create_intent(json!({ "amount": 0 })).await.status, 422);
    let before = hub.database().number("SELECT count(*) FROM payments");
    is_too_often(&hub.cart.get("/v1/payment_intents").await);
    let body = Cart::intent_body(&json!({}));
    let limited = hub.cart.post("/v1/payment_intents", "one wish", &body).await;
    is_too_often(&limited);

    // Nothing was done, and the key of the wish is as good as new once the pace allows.
    assert_eq!(hub.database().number("SELECT count(*) FROM payments"), before);
    assert_eq!(hub.database().number("SELECT count(*) FROM idempotency_keys WHERE key = 'one wish'"), 0);
    let wait_s: i64 = limited.header("retry-after").expect("Retry-After").parse().expect("whole seconds");
    hub.jump(wait_s).await;
    let made = hub.cart.post("/v1/payment_intents", "one wish", &body).await;
    assert!(!made.is_replayed());
    made.expect(201);
    is_too_often(&hub.cart.get("/v1/payment_intents").await);

    // Another key is another caller; a rest brings the whole burst back.
    for _ in 0..BURST {
        assert_eq!(other.get("/v1/payment_intents").await.status, 200);
    }
    is_too_often(&other.get("/v1/payment_intents").await);
    hub.jump(3_600).await;
    for _ in 0..BURST {
        assert_eq!(hub.cart.get("/v1/payment_intents").await.status, 200);
    }
    is_too_often(&hub.cart.get("/v1/payment_intents").await);
    hub.finish().await;
}

/// Requests that show nothing: what they ask, and what is said until it is too often.
fn guesses(hub: &TestHub) -> Vec<(&'static str, RequestBuilder, u16)> {
    let client = plain_client();
    let (stranger, _) = payhub::api_key::ApiKey::generate(&payhub::ids::SystemRandomness, false);
    let get = |path: &str| client.get(format!("{}{path}", hub.base_url));
    let post = |path: &str| client.post(format!("{}{path}", hub.base_url)).body("{}");
    vec![
        ("no key", get("/v1/payment_intents"), 401),
        ("somebody's key", get("/v1/payment_intents").bearer_auth(stranger.reveal()), 401),
        ("a mistyped key", get("/v1/connectors").bearer_auth("hub_test_guess"), 401),
        ("a checkout's token", get("/pay/guess"), 404),
        ("a choice at one", post("/pay/guess"), 404),
        ("a return's token", get("/return/guess"), 404),
        ("no connector", post("/webhooks/guess"), 404),
        ("a path's secret", post("/webhooks/sandbox_a/guess"), 404),
        ("a forged webhook", post("/webhooks/sandbox_a").header("sandbox-signature", "t=1,v1=00"), 401),
        ("an unsigned webhook", post("/webhooks/sandbox_a"), 401),
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_is_slow() {
    let hub = hub_with(Rates { key: None, unproven: rate() }, &[]).await;
    for (what, guess, status) in guesses(&hub) {
        let ask = || send(guess.try_clone().expect("a request with a body of text"));
        for _ in 0..BURST {
            assert_eq!(ask().await.status, status, "{what}");
        }
        let limited = ask().await;
        assert_eq!(limited.status, 429, "{what}: {}", limited.text);
        is_too_often(&limited);
        // A clock's jump, and one more goes through; a rest, and all is as before.
        hub.clock.jump(60);
        assert_eq!(ask().await.status, status, "{what}");
        assert_eq!(ask().await.status, 429, "{what}");
        hub.clock.jump(3_600);
    }
    assert_eq!(hub.database().number("SELECT count(*) FROM inbox"), 0);
    hub.finish().await;
}

/// All guesses count together, and none of them stands in the way of who has something to show.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_proves_himself_is_not_stopped_by_guesses_beside_him() {
    let hub = hub_with(Rates { key: None, unproven: rate() }, &[]).await;
    let intent = hub.cart.create(json!({})).await;
    let answers: Vec<u16> = {
        let mut answers = Vec::new();
        for (_, guess, _) in guesses(&hub) {
            answers.push(send(guess).await.status);
        }
        answers
    };
    let allowed = usize::try_from(BURST).expect("a number");
    assert!(answers[..allowed].iter().all(|status| *status != 429), "{answers:?}");
    assert!(answers[allowed..].iter().all(|status| *status == 429), "{answers:?}");

    // The same address: a cart with its key, a shopper with a token, a processor with its signature.
    assert!(hub.shopper().open(&intent).await.pay().await.is_at_the_shop());
    hub.cart.until_status(id(&intent), "succeeded").await;
    hub.sandbox.until_webhook("session.paid", "delivered").await;
    assert!(hub.database().number("SELECT count(*) FROM inbox") >= 1);
    let missing = send(plain_client().get(format!("{}/v1/nothing", hub.base_url))).await;
    assert_eq!(is_problem(&missing, "")["code"], "not_found", "an address that is nowhere tells nothing");
    hub.finish().await;
}

/// Guesses with these headers until one is refused as too often; how many were not, at most two bursts.
async fn allowed(hub: &TestHub, headers: impl Fn(u32) -> Vec<(&'static str, String)>) -> u32 {
    for count in 0..2 * BURST {
        let mut request = plain_client().request(Method::GET, format!("{}/pay/guess", hub.base_url));
        for (name, value) in headers(count) {
            request = request.header(name, value);
        }
        if send(request).await.status == 429 {
            return count;
        }
    }
    2 * BURST
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forwarded_address_counts_only_from_a_trusted_proxy() {
    let one = |value: &str| {
        let value = value.to_owned();
        move |_| vec![("x-forwarded-for", value.clone())]
    };
    let spoofed = |count: u32| {
        let value = format!("198.51.100.{count}");
        vec![("x-forwarded-for", value.clone()), ("forwarded", format!("for={value}"))]
    };
    let spoofed_behind_proxy =
        |count: u32| vec![("x-forwarded-for", format!("198.51.100.{count}, 203.0.113.9"))];

    // No proxy is trusted: whatever a header says, it is one address.
    let hub = hub_with(Rates { key: None, unproven: rate() }, &[]).await;
    assert_eq!(allowed(&hub, spoofed).await, BURST);
    assert_eq!(allowed(&hub, |_| vec![]).await, 0);
    hub.finish().await;

    // Another network is trusted than the one the connection comes from.
    let hub = hub_with(Rates { key: None, unproven: rate() }, &["10.0.0.0/8"]).await;
    assert_eq!(allowed(&hub, spoofed).await, BURST);
    hub.finish().await;

    // The peer is a trusted proxy: each of its clients has an allowance, and what a client wrote into the
    // header before the proxy did counts for nothing.
    let hub = hub_with(Rates { key: None, unproven: rate() }, &["127.0.0.0/8"]).await;
    assert_eq!(allowed(&hub, one("203.0.113.7")).await, BURST);
    assert_eq!(allowed(&hub, one("203.0.113.8")).await, BURST);
    assert_eq!(allowed(&hub, spoofed_behind_proxy).await, BURST);
    assert_eq!(allowed(&hub, one("203.0.113.9")).await, 0, "the same client without its lies");
    assert_eq!(allowed(&hub, |_| vec![]).await, BURST, "the proxy itself");
    hub.finish().await;
}
