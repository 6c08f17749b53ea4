//! The twin itself: what it refuses, what it remembers, and that it notes what should not have been sent.

use serde_json::Value;

use super::{LIVE_KEY, TEST_KEY, events_of_the_readme, signature};
use crate::support::cart::{Answer, plain_client};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;
use crate::twins::stripe::Stripe;

const VERSION: &str = "2026-02-25.clover";

/// The fields of a page for 19.99 EUR that closes in an hour.
fn page(twin: &Twin<Stripe>) -> Vec<(&'static str, String)> {
    let in_an_hour = twin.with(|_, desk| desk.now_s()) + 3_600;
    [
        ("mode", "payment"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", "eur"),
        ("line_items[0][price_data][unit_amount]", "1999"),
        ("line_items[0][price_data][product_data][name]", "Book"),
        ("success_url", "https://shop.test/thanks?s={CHECKOUT_SESSION_ID}"),
        ("metadata[who]", "me"),
        ("expires_at", &in_an_hour.to_string()),
    ]
    .map(|(name, value)| (name, value.to_owned()))
    .to_vec()
}

/// A request as a careful client makes it.
fn request(twin: &Twin<Stripe>, method: reqwest::Method, path: &str, key: &str) -> reqwest::RequestBuilder {
    let request = plain_client().request(method, format!("{}{path}", twin.base_url));
    request.bearer_auth(TEST_KEY).header("stripe-version", VERSION).header("idempotency-key", key)
}

async fn send(request: reqwest::RequestBuilder) -> Answer {
    Answer::of(request.send().await.expect("an answer")).await
}

async fn post<N: AsRef<str>, V: AsRef<str>>(
    twin: &Twin<Stripe>,
    path: &str,
    key: &str,
    fields: &[(N, V)],
) -> Answer {
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let request = request(twin, reqwest::Method::POST, path, key);
    send(request.header("content-type", "application/x-www-form-urlencoded").body(body)).await
}

async fn get(twin: &Twin<Stripe>, path: &str) -> Answer {
    send(request(twin, reqwest::Method::GET, path, "unused")).await
}

async fn opened(twin: &Twin<Stripe>) -> String {
    let answer = post(twin, "/v1/checkout/sessions", "open", &page(twin)).await.expect(200);
    answer["id"].as_str().expect("an id").to_owned()
}

fn violations(twin: &Twin<Stripe>) -> usize {
    twin.with(|_, desk| desk.violations.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_wrong_is_refused_and_noted() {
    let long = "x".repeat(501);
    let rows: Vec<(&str, &str, &str)> = vec![
        ("line_item[0][quantity]", "1", "parameter_unknown"),
        ("line_items[0][amount]", "1999", "parameter_unknown"),
        ("line_items[0][price_data][product_data][title]", "Book", "parameter_unknown"),
        ("amount", "1999", "parameter_unknown"),
        ("line_items[0][price_data][unit_amount]", "19.99", "parameter_invalid_integer"),
        ("line_items[0][quantity]", "one", "parameter_invalid_integer"),
        ("line_items[0][price_data][currency]", "EUR", ""),
        ("line_items[0][price_data][product_data][name]", "", "parameter_invalid_empty"),
        ("mode", "buy", ""),
        ("locale", "de-AT", ""),
        ("payment_intent_data[capture_method]", "later", ""),
        ("payment_intent_data[metadata][x][y]", "z", ""),
        ("adaptive_pricing[enabled]", "no", ""),
        ("metadata[who]", &long, ""),
        ("metadata", "me", ""),
        ("client_reference_id", &long, ""),
        ("expires_at", "1", ""),
        ("success_url", "thanks", "url_invalid"),
        ("customer_email", "nobody", "email_invalid"),
        ("expand", "payment_intent", ""),
    ];
    let twin = Twin::stripe().await;
    for (row, (name, value, code)) in rows.into_iter().enumerate() {
        let mut fields: Vec<(&str, String)> = page(&twin)
            .into_iter()
            .filter(|(known, _)| *known != name && !known.starts_with(&format!("{name}[")))
            .collect();
        fields.push((name, value.to_owned()));
        let answer = post(&twin, "/v1/checkout/sessions", &format!("k{row}"), &fields).await;
        assert_eq!(answer.status, 400, "{name}={value}: {}", answer.text);
        assert_eq!(answer.json()["error"]["type"], "invalid_request_error");
        assert_eq!(answer.json()["error"]["code"].as_str().unwrap_or_default(), code, "{name}={value}");
        assert_eq!(violations(&twin), row + 1, "{name}={value}");
    }
    for missing in
        ["success_url", "line_items[0][price_data][unit_amount]", "line_items[0][quantity]", "mode"]
    {
        let before = violations(&twin);
        let fields: Vec<_> = page(&twin).into_iter().filter(|(known, _)| *known != missing).collect();
        let answer = post(&twin, "/v1/checkout/sessions", missing, &fields).await;
        assert_eq!((answer.status, violations(&twin)), (400, before + 1), "{missing}");
        assert_eq!(answer.json()["error"]["code"], "parameter_missing", "{missing}");
    }
    assert_eq!(twin.ids("checkout.session"), Vec::<String>::new());
    // The same key, once the fields are good: nothing was kept of what failed validation.
    post(&twin, "/v1/checkout/sessions", "k0", &page(&twin)).await.expect(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_how_is_checked() {
    type Change = fn(reqwest::RequestBuilder, &str) -> reqwest::RequestBuilder;
    let client = plain_client();
    let plain: Change = |request, _| request.header("stripe-version", VERSION).header("idempotency-key", "k");
    let rows: Vec<(&str, &str, Change, u16)> = vec![
        ("POST", "/v1/refunds", |request, _| request.header("stripe-version", VERSION), 401),
        ("POST", "/v1/refunds", |request, _| request.bearer_auth("sk_test_wrong"), 401),
        (
            "POST",
            "/v1/refunds",
            |request, key| request.bearer_auth(key).header("stripe-version", "newest"),
            400,
        ),
        (
            "PUT",
            "/v1/refunds",
            |request, key| request.bearer_auth(key).header("stripe-version", VERSION),
            404,
        ),
        ("GET", "/v1/charge", |request, key| request.bearer_auth(key).header("stripe-version", VERSION), 404),
        (
            "GET",
            "/v1/refunds?page=2",
            |request, key| request.bearer_auth(key).header("stripe-version", VERSION),
            400,
        ),
        (
            "GET",
            "/v1/refunds?limit=101",
            |request, key| request.bearer_auth(key).header("stripe-version", VERSION),
            400,
        ),
        ("GET", "/v1/refunds", |request, key| request.bearer_auth(key), 200),
        (
            "POST",
            "/v1/refunds",
            |request, key| {
                let request = request.bearer_auth(key).header("stripe-version", VERSION);
                request.header("idempotency-key", "k").header("content-type", "application/json").body("{}")
            },
            400,
        ),
        (
            "POST",
            "/v1/refunds",
            |request, key| {
                let request = request.bearer_auth(key).header("stripe-version", VERSION);
                request.header("idempotency-key", "k".repeat(256))
            },
            400,
        ),
        (
            "POST",
            "/v1/refunds",
            |request, key| {
                let request = request.bearer_auth(key).header("stripe-version", VERSION);
                request.header("idempotency-key", "k").header("stripe-account", "acct_1")
            },
            403,
        ),
    ];
    for (row, (method, path, change, status)) in rows.into_iter().enumerate() {
        let twin = Twin::stripe().await;
        let method: reqwest::Method = method.parse().unwrap();
        let request = change(client.request(method, format!("{}{path}", twin.base_url)), TEST_KEY);
        assert_eq!(send(request).await.status, status, "row {row}");
        assert_eq!(violations(&twin), 1, "row {row}");
    }
    let twin = Twin::stripe().await;
    let fields = page(&twin);
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let keyless = client.post(format!("{}/v1/checkout/sessions", twin.base_url)).bearer_auth(TEST_KEY);
    let keyless = keyless.header("content-type", "application/x-www-form-urlencoded").body(body);
    // Stripe takes it without a version and a key; both are noted.
    assert_eq!(send(keyless).await.status, 200);
    assert_eq!(violations(&twin), 2);
    let session = twin.ids("checkout.session")[0].clone();
    let live = plain(client.get(format!("{}/v1/checkout/sessions/{session}", twin.base_url)), "");
    assert_eq!(send(live.bearer_auth(LIVE_KEY)).await.status, 404, "each mode sees its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_stands_for_one_request() {
    let twin = Twin::stripe().await;
    // Made once: the time in it goes on with the clock.
    let fields = page(&twin);
    let first = post(&twin, "/v1/checkout/sessions", "k", &fields).await;
    let again = post(&twin, "/v1/checkout/sessions", "k", &fields).await;
    assert_eq!((again.status, &again.text, again.is_replayed()), (200, &first.text, false));
    assert_eq!(again.header("idempotent-replayed"), Some("true"));
    let mut other = fields.clone();
    other.push(("locale", "de".to_owned()));
    let other = post(&twin, "/v1/checkout/sessions", "k", &other).await;
    assert_eq!((other.status, &other.json()["error"]["type"]), (400, &Value::from("idempotency_error")));
    assert_eq!(twin.ids("checkout.session").len(), 1);

    for (fault, sessions) in [(Fault::BreaksBefore, 1), (Fault::BreaksAfter, 2)] {
        twin.fault("open", fault);
        for _ in 0..2 {
            let broken = post(&twin, "/v1/checkout/sessions", &format!("{fault:?}"), &fields).await;
            assert_eq!(broken.status, 500, "{fault:?}");
            assert_eq!(twin.ids("checkout.session").len(), sessions, "{fault:?}");
        }
    }
    // Forgotten after a day.
    twin.jump(24 * 3_600);
    assert_eq!(post(&twin, "/v1/checkout/sessions", "BreaksBefore", &page(&twin)).await.status, 200);
    assert_eq!(post(&twin, "/v1/checkout/sessions", "k", &fields).await.status, 400, "its time is over");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_use_is_said_to_be() {
    let twin = Twin::stripe().await;
    twin.fault("open", Fault::Stall);
    let fields = page(&twin);
    let stalled = post(&twin, "/v1/checkout/sessions", "k", &fields);
    let meanwhile = async {
        crate::support::eventually("it has begun", || async {
            (!twin.ids("checkout.session").is_empty()).then_some(())
        })
        .await;
        let meanwhile = post(&twin, "/v1/checkout/sessions", "k", &fields).await;
        twin.let_go();
        meanwhile
    };
    let (stalled, meanwhile) = tokio::join!(stalled, meanwhile);
    assert_eq!((stalled.status, meanwhile.status), (200, 409));
    assert_eq!(meanwhile.json()["error"]["code"], "idempotency_key_in_use");
    assert_eq!(post(&twin, "/v1/checkout/sessions", "k", &fields).await.text, stalled.text);
    twin.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn amounts_are_those_that_stripe_takes() {
    let rows = [
        ("eur", "49", "amount_too_small"),
        ("eur", "50", ""),
        ("jpy", "49", "amount_too_small"),
        ("huf", "17500", ""),
        ("usd", "99999999", ""),
        ("usd", "100000000", "amount_too_large"),
        ("usd", "-5", "parameter_invalid_integer"),
        ("ugx", "10050", "invalid_amount"),
        ("isk", "10000", ""),
        ("kwd", "1005", "invalid_amount"),
        ("kwd", "1010", ""),
    ];
    let twin = Twin::stripe().await;
    for (row, (currency, amount, code)) in rows.into_iter().enumerate() {
        let mut fields = page(&twin);
        for (name, value) in &mut fields {
            match *name {
                "line_items[0][price_data][currency]" => *value = currency.to_owned(),
                "line_items[0][price_data][unit_amount]" => *value = amount.to_owned(),
                _ => {}
            }
        }
        let answer = post(&twin, "/v1/checkout/sessions", &format!("k{row}"), &fields).await;
        assert_eq!(answer.status, if code.is_empty() { 200 } else { 400 }, "{currency} {amount}");
        assert_eq!(answer.json()["error"]["code"].as_str().unwrap_or_default(), code, "{currency} {amount}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_has_one_life() {
    let twin = Twin::stripe().await;
    let session = opened(&twin).await;
    let url = format!("{}/c/pay/{session}", twin.base_url);
    let shown = get(&twin, &format!("/v1/checkout/sessions/{session}")).await.expect(200);
    assert_eq!((&shown["payment_intent"], &shown["status"]), (&Value::Null, &Value::from("open")));
    assert!(shown["url"].as_str().unwrap().starts_with(&format!("{url}#")), "{shown}");
    assert!(shown.as_object().unwrap().len() > 50, "the whole published shape");

    let browser = |action: &'static str| {
        let form = plain_client().post(&url).header("content-type", "application/x-www-form-urlencoded");
        send(form.body(format!("action={action}")))
    };
    let declined = browser("decline").await;
    assert!(declined.status == 200 && declined.text.contains("declined"), "{}", declined.text);
    let path = format!("/v1/checkout/sessions/{session}?expand[]=payment_intent.latest_charge");
    let after = get(&twin, &path).await.expect(200);
    assert_eq!(after["status"], "open");
    assert_eq!(after["payment_intent"]["latest_charge"]["status"], "failed");
    let intent = after["payment_intent"]["id"].as_str().unwrap().to_owned();
    let canceled = post::<&str, &str>(&twin, &format!("/v1/payment_intents/{intent}/cancel"), "c", &[]).await;
    assert_eq!(canceled.status, 400, "it belongs to an open page");

    let home = browser("pay").await;
    assert_eq!(home.header("location"), Some(format!("https://shop.test/thanks?s={session}").as_str()));
    assert_eq!(browser("pay").await.status, 410);
    let expired =
        post::<&str, &str>(&twin, &format!("/v1/checkout/sessions/{session}/expire"), "e", &[]).await;
    assert_eq!(expired.status, 400);
    assert_eq!((twin.ledger().count(Moved::Taken), twin.ledger().total(Moved::Taken)), (1, 1999));
    let strange = get(&twin, &format!("/v1/checkout/sessions/{session}?expand[]=weather")).await;
    assert_eq!(strange.status, 400);

    let other = post(&twin, "/v1/checkout/sessions", "other", &page(&twin)).await.expect(200);
    twin.jump(3_600);
    let over = get(&twin, &format!("/v1/checkout/sessions/{}", other["id"].as_str().unwrap())).await;
    let over = over.expect(200);
    assert_eq!((&over["status"], &over["url"]), (&Value::from("expired"), &Value::Null));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_given_back_than_was_taken() {
    let twin = Twin::stripe().await;
    let session = opened(&twin).await;
    twin.pay(&session);
    let intent = twin.only_payment();
    let refund = async |key: &str, amount: &str| {
        post(&twin, "/v1/refunds", key, &[("payment_intent", intent.as_str()), ("amount", amount)]).await
    };
    assert_eq!(refund("a", "2000").await.status, 400);
    let made = refund("b", "999").await.expect(200);
    refund("c", "1000").await.expect(200);
    let more = refund("d", "1").await;
    assert_eq!((more.status, &more.json()["error"]["code"]), (400, &Value::from("charge_already_refunded")));
    let page = get(&twin, &format!("/v1/refunds?payment_intent={intent}&limit=1")).await.expect(200);
    assert_eq!((&page["has_more"], &page["data"][0]["amount"]), (&Value::from(true), &Value::from(1000)));
    let after = page["data"][0]["id"].as_str().unwrap();
    let rest = get(&twin, &format!("/v1/refunds?payment_intent={intent}&starting_after={after}")).await;
    assert_eq!(rest.expect(200)["data"][0]["id"], made["id"]);

    twin.end_refund(made["id"].as_str().unwrap(), "failed");
    refund("e", "999").await.expect(200);
    let books = twin.ledger();
    assert_eq!((books.total(Moved::GivenBack), books.total(Moved::CameBack)), (2998, 999));
    twin.dispute(&intent, None);
    assert_eq!(refund("f", "1").await.json()["error"]["code"], "charge_disputed");
    assert_eq!(violations(&twin), 0, "what depends on the state is nobody's mistake");
}

/// Computed with `WebhookSignature.generate_signature_header` of Stripe's Python library, version 16.1.0.
#[test]
fn the_known_answer_of_stripes_own_library() {
    let body = "{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
    let expected = "4f1cd7feda9826e746b7d482c4badebb657398df1099e1046364f6196a230150";
    assert_eq!(signature("whsec_test_secret", 1_700_000_000, body), expected);
}

#[test]
fn the_endpoint_is_set_up_by_the_readme() {
    let events = events_of_the_readme();
    assert_eq!(events.len(), 17, "{events:?}");
    assert!(events.iter().any(|event| event == "charge.dispute.funds_reinstated"));
}
