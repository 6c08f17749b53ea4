//! The twin itself: what it refuses, and that it notes what should not have been sent.

use serde_json::{Value, json};

use super::{LIVE_KEY, Paystack, TEST_KEY, signature};
use crate::support::cart::{Answer, plain_client};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

/// The fields of a page for 19.99 NGN.
fn page() -> Value {
    json!({
        "email": "ada@example.com", "amount": 1999, "currency": "NGN", "reference": "a-1",
        "callback_url": "https://hub.test/return?x=1", "metadata": {"who": "me"},
    })
}

async fn post(twin: &Twin<Paystack>, path: &str, body: &Value) -> Answer {
    let request = plain_client().post(format!("{}{path}", twin.base_url)).bearer_auth(TEST_KEY);
    let request = request.header("content-type", "application/json").body(body.to_string());
    Answer::of(request.send().await.expect("an answer")).await
}

async fn get(twin: &Twin<Paystack>, path: &str) -> Answer {
    let request = plain_client().get(format!("{}{path}", twin.base_url)).bearer_auth(TEST_KEY);
    Answer::of(request.send().await.expect("an answer")).await
}

fn violations(twin: &Twin<Paystack>) -> usize {
    twin.with(|_, desk| desk.violations.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_wrong_is_noted() {
    // (the field, its value, what is answered)
    let rows = [
        ("amount", json!("1999"), 400),
        ("amount", json!(19.99), 400),
        ("amount", json!(0), 400),
        ("amount", Value::Null, 400),
        ("email", json!("ada"), 400),
        ("currency", json!("EUR"), 400),
        ("currency", json!("ngn"), 400),
        ("reference", json!("a_1"), 400),
        ("reference", json!("a/1"), 400),
        ("channels", json!("card"), 400),
        ("channels", json!(["card", "cash"]), 400),
        ("metadata", json!("text"), 400),
        ("callback", json!("https://hub.test"), 200),
        ("return_url", json!("https://hub.test"), 200),
    ];
    let twin = Twin::paystack().await;
    for (row, (name, value, status)) in rows.into_iter().enumerate() {
        let mut body = page();
        body["reference"] = format!("row-{row}").into();
        body[name] = value.clone();
        let answer = post(&twin, "/transaction/initialize", &body).await;
        assert_eq!((answer.status, violations(&twin)), (status, row + 1), "{name}: {value}: {}", answer.text);
    }
    let rows = ["email", "amount", "currency", "reference", "callback_url"];
    for name in rows {
        let before = violations(&twin);
        let mut body = page();
        body["reference"] = format!("without-{}", name.replace('_', "-")).into();
        body.as_object_mut().unwrap().shift_remove(name);
        post(&twin, "/transaction/initialize", &body).await;
        assert_eq!(violations(&twin), before + 1, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_where_is_checked() {
    let client = plain_client();
    let rows = [
        ("GET", "/refund", "", "", 401),
        ("GET", "/refund", "sk_test_wrong", "", 401),
        ("GET", "/refunds", TEST_KEY, "", 404),
        ("PUT", "/refund", TEST_KEY, "", 404),
        ("GET", "/refund?perPage=many", TEST_KEY, "", 400),
        ("GET", "/refund?from=yesterday", TEST_KEY, "", 400),
        ("GET", "/refund?reference=x", TEST_KEY, "", 200),
        ("GET", "/dispute?status=won", TEST_KEY, "", 400),
        ("POST", "/refund", TEST_KEY, "not JSON", 400),
        ("POST", "/refund", TEST_KEY, "[]", 400),
    ];
    for (method, path, key, body, status) in rows {
        let twin = Twin::paystack().await;
        let request = client.request(method.parse().unwrap(), format!("{}{path}", twin.base_url));
        let request = request.header("content-type", "application/json").bearer_auth(key).body(body);
        let answer = Answer::of(request.send().await.unwrap()).await;
        assert_eq!(
            (answer.status, violations(&twin)),
            (status, 1),
            "{method} {path} {body}: {}",
            answer.text
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_has_one_life() {
    let twin = Twin::paystack().await;
    let opened = post(&twin, "/transaction/initialize", &page()).await.expect(200);
    let url = opened["data"]["authorization_url"].as_str().expect("an address").to_owned();
    assert_eq!(twin.reference_at(&url), "a-1");
    let again = post(&twin, "/transaction/initialize", &page()).await;
    assert_eq!((again.status, again.code()), (400, "duplicate_reference".to_owned()));
    let status = async || get(&twin, "/transaction/verify/a-1").await.expect(200)["data"]["status"].clone();
    assert_eq!(status().await, "abandoned", "from the start");

    let browser = async |action: &str| {
        let form = plain_client().post(&url).header("content-type", "application/x-www-form-urlencoded");
        Answer::of(form.body(format!("action={action}")).send().await.unwrap()).await
    };
    assert!(browser("decline").await.text.contains("Declined"));
    assert_eq!(status().await, "failed");
    let home = browser("pay").await;
    assert_eq!(home.header("location"), Some("https://hub.test/return?x=1&trxref=a-1&reference=a-1"));
    assert_eq!((browser("pay").await.status, status().await), (410, json!("success")));
    let books = twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 1999));

    let absent = get(&twin, "/transaction/verify/a-2").await;
    assert_eq!((absent.status, absent.code()), (404, "transaction_not_found".to_owned()));
    let live = plain_client().get(format!("{}/transaction/verify/a-1", twin.base_url)).bearer_auth(LIVE_KEY);
    assert_eq!(live.send().await.unwrap().status(), 404, "each mode sees its own");
    assert_eq!(violations(&twin), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_given_back_than_was_taken() {
    let twin = Twin::paystack().await;
    post(&twin, "/transaction/initialize", &page()).await.expect(200);
    let refund =
        async |amount: i64| post(&twin, "/refund", &json!({"transaction": "a-1", "amount": amount})).await;
    assert_eq!(refund(1).await.status, 400, "it is not paid");
    twin.pay("a-1");
    assert_eq!(refund(2000).await.status, 400);
    let first = refund(999).await.expect(200)["data"]["id"].as_i64().unwrap();
    let second = refund(1000).await.expect(200)["data"]["id"].as_i64().unwrap();
    assert_eq!(refund(1).await.status, 400);
    twin.go_on_with_refund(first, "failed");
    assert_eq!(twin.ledger().count(Moved::GivenBack), 0, "what was asked for has not moved");
    let third = refund(999).await.expect(200)["data"]["id"].as_i64().unwrap();
    for id in [second, third] {
        twin.go_on_with_refund(id, "processed");
    }
    assert_eq!(twin.ledger().total(Moved::GivenBack), 1999);
    assert_eq!(twin.transaction("a-1")["status"], "reversed");
    let listed = get(&twin, "/refund?perPage=2&page=2").await.expect(200);
    assert_eq!((&listed["meta"]["total"], &listed["data"][0]["id"]), (&json!(3), &json!(first)));
    assert_eq!(violations(&twin), 0, "what depends on the state is nobody's mistake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_is_done_or_not() {
    let twin = Twin::paystack().await;
    for (fault, made) in [(Fault::BreaksBefore, 0), (Fault::BreaksAfter, 1)] {
        twin.fault("open", fault);
        let answer = post(&twin, "/transaction/initialize", &page()).await;
        assert_eq!((answer.status, twin.references().len()), (500, made), "{fault:?}");
    }
}

/// Computed with Python's own `hmac`.
#[test]
fn the_known_answer_of_another_library() {
    let body = r#"{"event":"charge.success","data":{"id":302961,"domain":"test","status":"success","reference":"order-1001","amount":10000,"currency":"NGN"}}"#;
    let expected = "952c3e1366348722feb1813c054f3fa54ffacb381df8bc470c0338c8465006d2\
                    f347230acf87b8c5031027d698702b176373d8d31c8e7176f25c0bf8648daedc";
    assert_eq!(signature("sk_test_0123456789abcdef", body), expected);
}
