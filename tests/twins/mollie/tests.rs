//! The twin itself: what it refuses, that it notes what should not have been sent, and how it signs.

use serde_json::{Value, json};

use super::tell::signature;
use super::{LIVE_KEY, Mollie, TEST_KEY, TOKEN};
use crate::support::cart::{Answer, plain_client};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

/// The fields of a page for 19.99 EUR.
fn page() -> Value {
    json!({
        "amount": {"currency": "EUR", "value": "19.99"}, "description": "A book",
        "redirectUrl": "https://hub.test/return?x=1", "metadata": {"who": "me"},
    })
}

async fn send(twin: &Twin<Mollie>, method: &str, path: &str, bearer: &str, key: &str, body: &str) -> Answer {
    let request = plain_client().request(method.parse().unwrap(), format!("{}{path}", twin.base_url));
    let mut request = request.bearer_auth(bearer).header("content-type", "application/json");
    if !key.is_empty() {
        request = request.header("idempotency-key", key);
    }
    Answer::of(request.body(body.to_owned()).send().await.expect("an answer")).await
}

async fn post(twin: &Twin<Mollie>, path: &str, key: &str, body: &Value) -> Answer {
    send(twin, "POST", path, TEST_KEY, key, &body.to_string()).await
}

async fn get(twin: &Twin<Mollie>, path: &str) -> Answer {
    send(twin, "GET", path, TEST_KEY, "", "").await
}

/// The id of a new page that somebody paid at.
async fn paid(twin: &Twin<Mollie>, key: &str) -> String {
    let opened = post(twin, "/v2/payments", key, &page()).await.expect(201);
    let id = opened["id"].as_str().unwrap().to_owned();
    twin.pay(&id);
    id
}

/// That it is the answer of an earlier request, as Mollie says it.
fn is_replayed(answer: &Answer) -> bool {
    answer.header("idempotent-replayed") == Some("true")
}

fn violations(twin: &Twin<Mollie>) -> usize {
    twin.with(|_, desk| desk.violations.len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_wrong_is_noted() {
    // (the field, its value, what is answered, the field of the error)
    let rows = [
        ("amount", json!(1999), 422, "amount"),
        ("amount", json!({"currency": "EUR", "value": 19.99}), 422, "amount.value"),
        ("amount", json!({"currency": "EUR", "value": "1999"}), 422, "amount.value"),
        ("amount", json!({"currency": "JPY", "value": "10.00"}), 422, "amount.value"),
        ("amount", json!({"currency": "XXX", "value": "10.00"}), 422, "amount.currency"),
        ("description", json!("x".repeat(256)), 422, "description"),
        ("redirectUrl", json!("shop"), 422, "redirectUrl"),
        ("webhookUrl", json!("ftp://hub.test"), 422, "webhookUrl"),
        ("locale", json!("de"), 422, "locale"),
        ("method", json!("cash"), 422, "method"),
        ("method", json!(["ideal", "cash"]), 422, "method"),
        ("metadata", json!("x".repeat(1_100)), 422, "metadata"),
        ("captureMode", json!("later"), 422, "captureMode"),
        ("captureMode", json!("manual"), 422, "captureMode"),
        ("captureDelay", json!("soon"), 422, "captureDelay"),
        ("dueDate", json!("tomorrow"), 422, "dueDate"),
        ("lines", json!({}), 422, "lines"),
        ("digitalGoods", json!("yes"), 422, "digitalGoods"),
        ("billingAddress", json!("here"), 422, "billingAddress"),
        ("restrictPaymentMethodsToCountry", json!("at"), 422, "restrictPaymentMethodsToCountry"),
        ("testmode", json!(true), 400, "testmode"),
        ("profileId", json!("pfl_1"), 400, "profileId"),
        ("redirect_url", json!("https://hub.test"), 400, "redirect_url"),
        ("expiresAt", json!("2030-01-01T00:00:00+00:00"), 400, "expiresAt"),
    ];
    let twin = Twin::mollie().await;
    for (row, (name, value, status, field)) in rows.into_iter().enumerate() {
        let mut body = page();
        body[name] = value.clone();
        let answer = post(&twin, "/v2/payments", &format!("key-{row}"), &body).await;
        assert_eq!((answer.status, &answer.json()["field"]), (status, &json!(field)), "{name}: {value}");
        assert_eq!(violations(&twin), row + 1, "{name}: {value}");
    }
    let before = violations(&twin);
    for (row, name) in ["amount", "description", "redirectUrl"].into_iter().enumerate() {
        let mut body = page();
        body.as_object_mut().unwrap().shift_remove(name);
        let answer = post(&twin, "/v2/payments", &format!("without-{name}"), &body).await;
        assert_eq!((answer.status, violations(&twin)), (422, before + row + 1), "{name}");
    }
    assert_eq!(twin.payments(), Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_where_is_checked() {
    let page = page().to_string();
    let of_token = |fields: Value| {
        let mut page: Value = serde_json::from_str(&page).unwrap();
        for (name, value) in fields.as_object().unwrap() {
            page[name] = value.clone();
        }
        page.to_string()
    };
    let rows = [
        ("GET", "/v2/payments", "", "", String::new(), 401),
        ("GET", "/v2/payments", "test_wrong", "", String::new(), 401),
        ("GET", "/v1/payments", TEST_KEY, "", String::new(), 404),
        ("PUT", "/v2/payments", TEST_KEY, "", String::new(), 404),
        ("GET", "/v2/payments?limit=251", TEST_KEY, "", String::new(), 422),
        ("GET", "/v2/payments?page=2", TEST_KEY, "", String::new(), 400),
        ("GET", "/v2/payments/tr_1?embed=refunds,fees", TEST_KEY, "", String::new(), 422),
        ("GET", "/v2/payments?testmode=true", LIVE_KEY, "", String::new(), 400),
        ("POST", "/v2/payments", TEST_KEY, "k", "not JSON".to_owned(), 400),
        ("POST", "/v2/payments", TEST_KEY, "k", "[]".to_owned(), 400),
        ("POST", "/v2/payments", TEST_KEY, "", page.clone(), 201),
        ("POST", "/v2/payments", TOKEN, "k", page.clone(), 422),
        ("POST", "/v2/payments", TOKEN, "k", of_token(json!({"profileId": "pfl_1", "testmode": "yes"})), 422),
    ];
    for (method, path, bearer, key, body, status) in rows {
        let twin = Twin::mollie().await;
        let answer = send(&twin, method, path, bearer, key, &body).await;
        assert_eq!(
            (answer.status, violations(&twin)),
            (status, 1),
            "{method} {path} {body}: {}",
            answer.text
        );
    }
    let twin = Twin::mollie().await;
    let body = of_token(json!({ "profileId": "pfl_1", "testmode": true }));
    let opened = send(&twin, "POST", "/v2/payments", TOKEN, "k", &body).await.expect(201);
    assert_eq!(opened["mode"], "test");
    for (path, bearer, status) in
        [("", TEST_KEY, 200), ("?testmode=true", TOKEN, 200), ("", TOKEN, 404), ("", LIVE_KEY, 404)]
    {
        let path = format!("/v2/payments/{}{path}", opened["id"].as_str().unwrap());
        assert_eq!(send(&twin, "GET", &path, bearer, "", "").await.status, status, "{path} {bearer}");
    }
    assert_eq!(violations(&twin), 0, "each mode sees its own");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_stands_for_one_request_and_one_hour() {
    let twin = Twin::mollie().await;
    let open = async |key: &str, body: &Value| post(&twin, "/v2/payments", key, body).await;
    let first = open("a", &page()).await;
    let again = open("a", &page()).await;
    assert_eq!((first.status, &first.text), (again.status, &again.text));
    assert_eq!((is_replayed(&first), is_replayed(&again)), (false, true));
    let mut other = page();
    other["description"] = "Another book".into();
    assert_eq!(open("a", &other).await.status, 400);
    assert_eq!((twin.payments().len(), violations(&twin)), (1, 1));
    // What broke stays broken under its key, whether it was done or not.
    for (fault, key, made) in [(Fault::BreaksBefore, "b", 1), (Fault::BreaksAfter, "c", 2)] {
        twin.fault("open", fault);
        for _ in 0..2 {
            assert_eq!((open(key, &page()).await.status, twin.payments().len()), (500, made), "{fault:?}");
        }
    }
    // Time also passes by itself: minutes are left for it.
    twin.jump(3_300);
    assert!(is_replayed(&open("a", &page()).await));
    twin.jump(300);
    assert!(!is_replayed(&open("a", &page()).await));
    assert_eq!(twin.payments().len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_in_use_is_refused_until_its_request_is_over() {
    let twin = Twin::mollie().await;
    twin.fault("open", Fault::Stall);
    let page = page();
    let (running, ()) = tokio::join!(post(&twin, "/v2/payments", "k", &page), async {
        crate::support::eventually("it is done", || async { twin.payments().pop() }).await;
        assert_eq!(post(&twin, "/v2/payments", "k", &page).await.status, 409);
        twin.let_go();
    });
    assert_eq!(running.status, 201);
    assert!(is_replayed(&post(&twin, "/v2/payments", "k", &page).await));
    assert_eq!(violations(&twin), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_has_one_life() {
    let twin = Twin::mollie().await;
    let opened = post(&twin, "/v2/payments", "k", &page()).await.expect(201);
    let url = opened["_links"]["checkout"]["href"].as_str().expect("an address").to_owned();
    let id = opened["id"].as_str().unwrap();
    let browser = async |action: &str| {
        let form = plain_client().post(&url).header("content-type", "application/x-www-form-urlencoded");
        Answer::of(form.body(format!("action={action}")).send().await.unwrap()).await
    };
    assert!(browser("decline").await.text.contains("declined"));
    assert_eq!(twin.payment(id)["status"], "open");
    let home = browser("pay").await;
    assert_eq!(home.header("location"), Some("https://hub.test/return?x=1"), "nothing is appended");
    assert_eq!(browser("pay").await.status, 410);
    let seen = get(&twin, &format!("/v2/payments/{id}")).await.expect(200);
    assert_eq!((&seen["status"], &seen["_links"]["checkout"]), (&json!("paid"), &Value::Null));
    let books = twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 1999));
    // Nothing is called off that is over, and no page is open for ever.
    assert_eq!(send(&twin, "DELETE", &format!("/v2/payments/{id}"), TEST_KEY, "", "").await.status, 422);
    let late = post(&twin, "/v2/payments", "late", &page()).await.expect(201);
    twin.jump(15 * 60);
    let seen = get(&twin, &format!("/v2/payments/{}", late["id"].as_str().unwrap())).await.expect(200);
    assert_eq!(seen["status"], "expired");
    assert_eq!(violations(&twin), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_given_back_than_was_taken() {
    let twin = Twin::mollie().await;
    let id = paid(&twin, "k").await;
    let refund = async |key: &str, value: &str| {
        let body = json!({ "amount": { "currency": "EUR", "value": value } });
        post(&twin, &format!("/v2/payments/{id}/refunds"), key, &body).await
    };
    assert_eq!(refund("1", "20.00").await.status, 422);
    let first = refund("2", "9.99").await.expect(201);
    assert_eq!(refund("3", "9.99").await.status, 409, "in short succession");
    assert_eq!(refund("2", "9.99").await.status, 201, "the same key is no second refund");
    twin.jump(60);
    assert_eq!(refund("4", "10.01").await.status, 422);
    refund("5", "10.00").await.expect(201);
    assert_eq!(twin.ledger().count(Moved::GivenBack), 0, "what was asked for has not moved");
    twin.go_on_with_refund(first["id"].as_str().unwrap(), "failed");
    let payment = get(&twin, &format!("/v2/payments/{id}?embed=refunds,captures")).await.expect(200);
    assert_eq!(
        (&payment["status"], &payment["amountRefunded"]["value"], &payment["amountRemaining"]["value"]),
        (&json!("paid"), &json!("10.00"), &json!("9.99"))
    );
    let embedded = &payment["_embedded"];
    assert_eq!((embedded["refunds"].as_array().map(Vec::len), &embedded["captures"]), (Some(2), &json!([])));
    let listed = get(&twin, &format!("/v2/payments/{id}/refunds?limit=1")).await.expect(200);
    assert_eq!(
        (&listed["count"], &listed["_embedded"]["refunds"][0]["amount"]["value"]),
        (&json!(1), &json!("10.00"))
    );
    let next = listed["_links"]["next"]["href"].as_str().expect("another page").replace(&twin.base_url, "");
    let listed = get(&twin, &next).await.expect(200);
    assert_eq!(
        (&listed["_embedded"]["refunds"][0]["id"], &listed["_links"]["next"]),
        (&first["id"], &Value::Null)
    );
    assert_eq!(violations(&twin), 0, "what depends on the state is nobody's mistake");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_after_its_time_fails_the_payment() {
    let twin = Twin::mollie().await;
    let mut body = page();
    (body["captureMode"], body["method"]) = ("manual".into(), "creditcard".into());
    let id = post(&twin, "/v2/payments", "k", &body).await.expect(201)["id"].as_str().unwrap().to_owned();
    twin.pay(&id);
    assert_eq!(twin.payment(&id)["status"], "authorized");
    let captures = format!("/v2/payments/{id}/captures");
    let amount = |value: &str| json!({ "amount": { "currency": "EUR", "value": value } });
    assert_eq!(post(&twin, &captures, "1", &amount("20.00")).await.status, 422);
    assert_eq!(post(&twin, &captures, "2", &amount("5.00")).await.expect(201)["status"], "pending");
    assert_eq!(twin.payment(&id)["amountCaptured"]["value"], "5.00");
    twin.jump(8 * 24 * 60 * 60);
    post(&twin, &captures, "3", &json!({})).await.expect(201);
    let books = twin.ledger();
    assert_eq!((books.total(Moved::Taken), books.total(Moved::Released)), (500, 1499));
    assert_eq!((&twin.payment(&id)["status"], violations(&twin)), (&json!("failed"), 0));
}

/// Computed with the signature validator of Mollie's Python library, and again with Python's own `hmac`.
#[test]
fn the_known_answer_of_mollies_library() {
    let body = r#"{"resource":"event","id":"event_GvJ8WHrp5isUdRub9CJyH","type":"payment.paid","entityId":"tr_5B8cwPMGnU6qLbRvo7qEZo","createdAt":"2026-01-02T03:04:05+00:00"}"#;
    assert_eq!(body.len(), 156);
    assert_eq!(
        signature("whsec_test_mollie_0001", body),
        "sha256=df2ce69b282638053072bbb993d2314d4476fd4ee2e8da67054cd551ba237c7c"
    );
}
