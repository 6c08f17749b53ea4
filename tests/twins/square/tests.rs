//! The twin itself: what it refuses, and that it notes what should not have been sent.

use serde_json::{Value, json};

use super::{CURRENCY, LOCATION, PRODUCTION_TOKEN, SANDBOX_TOKEN, Square, signature};
use crate::support::cart::{Answer, plain_client};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

const LINKS: &str = "/v2/online-checkout/payment-links";

/// A link for 19.99.
fn link(key: &str) -> Value {
    json!({
        "idempotency_key": key,
        "order": {
            "location_id": LOCATION, "reference_id": "a1", "metadata": {"who": "me"},
            "line_items": [
                {"name": "Book", "quantity": "1", "base_price_money": {"amount": 1999, "currency": CURRENCY}},
            ],
        },
        "checkout_options": {
            "redirect_url": "https://hub.test/return?x=1", "allow_tipping": false,
            "ask_for_shipping_address": false, "enable_coupon": false, "enable_loyalty": false,
        },
        "payment_note": "note",
    })
}

async fn ask(twin: &Twin<Square>, method: &str, path: &str, token: &str, body: &str) -> Answer {
    let request =
        plain_client().request(method.parse().expect("a method"), format!("{}{path}", twin.base_url));
    let request = request.bearer_auth(token).header("square-version", "2025-08-20");
    let request = if body.is_empty() {
        request
    } else {
        request.header("content-type", "application/json").body(body.to_owned())
    };
    Answer::of(request.send().await.expect("an answer")).await
}

async fn post(twin: &Twin<Square>, path: &str, body: &Value) -> Answer {
    ask(twin, "POST", path, SANDBOX_TOKEN, &body.to_string()).await
}

async fn get(twin: &Twin<Square>, path: &str) -> Answer {
    ask(twin, "GET", path, SANDBOX_TOKEN, "").await
}

fn code(answer: &Answer) -> String {
    answer.json()["errors"][0]["code"].as_str().unwrap_or_default().to_owned()
}

fn violations(twin: &Twin<Square>) -> Vec<String> {
    twin.with(|_, desk| std::mem::take(&mut desk.violations))
}

/// A link that was made; its id, and its order's.
async fn made(twin: &Twin<Square>, key: &str) -> (String, String) {
    let made = post(twin, LINKS, &link(key)).await.expect(200)["payment_link"].clone();
    let text = |name: &str| made[name].as_str().expect("a text").to_owned();
    (text("id"), text("order_id"))
}

/// A link's body with one field changed, or taken away.
fn changed(key: &str, pointer: &str, value: Option<Value>) -> Value {
    let mut body = link(key);
    let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
    let parent = body.pointer_mut(parent).expect("a field's parent");
    match value {
        Some(value) => parent[name] = value,
        None => drop(parent.as_object_mut().expect("an object").shift_remove(name)),
    }
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_wrong_is_noted() {
    let money = |amount: Value, currency: &str| Some(json!({"amount": amount, "currency": currency}));
    // (the field, its value, what Square says; "" where it takes it)
    let rows: Vec<(&str, Option<Value>, &str)> = vec![
        ("/order/line_items/0/quantity", Some(json!(1)), "EXPECTED_STRING"),
        ("/order/line_items/0/quantity", Some(json!("0")), "INVALID_VALUE"),
        ("/order/line_items/0/quantity", None, "MISSING_REQUIRED_PARAMETER"),
        ("/order/line_items/0/name", Some(json!("x".repeat(513))), "VALUE_TOO_LONG"),
        ("/order/line_items/0/base_price_money", money(json!("1999"), "EUR"), "EXPECTED_INTEGER"),
        ("/order/line_items/0/base_price_money", money(json!(19.99), "EUR"), "EXPECTED_INTEGER"),
        ("/order/line_items/0/base_price_money", money(json!(1999), "eur"), "INVALID_ENUM_VALUE"),
        ("/order/line_items/0/base_price_money", money(json!(0), "EUR"), "VALUE_TOO_LOW"),
        ("/order/location_id", None, "MISSING_REQUIRED_PARAMETER"),
        ("/order/location_id", Some(json!("LOTHER")), "INVALID_LOCATION"),
        ("/order/reference_id", Some(json!("x".repeat(41))), "VALUE_TOO_LONG"),
        ("/order/total_money", money(json!(1999), "EUR"), "INVALID_VALUE"),
        ("/order/metadata", Some(json!({"a.b": "c"})), "INVALID_VALUE"),
        ("/order/metadata", Some(json!({"a": 1})), "INVALID_VALUE"),
        ("/order", None, "CONFLICTING_PARAMETERS"),
        ("/redirect_url", Some(json!("https://hub.test")), "UNKNOWN_BODY_PARAMETER"),
        ("/checkout_options/autocomplete", Some(json!(false)), "UNKNOWN_BODY_PARAMETER"),
        ("/checkout_options/redirect_url", None, "INVALID_VALUE"),
        ("/checkout_options/enable_coupon", Some(json!("false")), "EXPECTED_BOOLEAN"),
        ("/pre_populated_data", Some(json!({"buyer_email": "ada"})), "INVALID_EMAIL_ADDRESS"),
        ("/payment_note", Some(json!("x".repeat(501))), "VALUE_TOO_LONG"),
        ("/idempotency_key", Some(json!("x".repeat(193))), "VALUE_TOO_LONG"),
        ("/idempotency_key", None, ""),
        ("/checkout_options/allow_tipping", None, ""),
        ("/checkout_options/allow_tipping", Some(json!(true)), ""),
        ("/order/taxes", Some(json!([{"percentage": "7"}])), ""),
    ];
    let twin = Twin::square().await;
    for (row, (pointer, value, expected)) in rows.into_iter().enumerate() {
        let body = changed(&format!("row-{row}"), pointer, value.clone());
        let answer = post(&twin, LINKS, &body).await;
        let status = if expected.is_empty() { 200 } else { 400 };
        let seen = (answer.status, code(&answer), violations(&twin).len());
        assert_eq!(seen, (status, expected.to_owned(), 1), "{pointer} {value:?}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_where_is_checked() {
    let rows = [
        ("GET", "/v2/orders/x", "EAAAwrong", "", 401, 1),
        ("GET", "/v2/orders/x", SANDBOX_TOKEN, "", 404, 0),
        ("GET", "/v2/orders/", SANDBOX_TOKEN, "", 404, 1),
        ("GET", "/v2/orders/x?y=1", SANDBOX_TOKEN, "", 400, 1),
        ("DELETE", "/v2/orders/x", SANDBOX_TOKEN, "", 404, 1),
        ("POST", "/v2/refunds", SANDBOX_TOKEN, "not JSON", 400, 1),
        ("POST", "/v2/refunds", SANDBOX_TOKEN, "[]", 400, 1),
        ("POST", "/v2/refunds", SANDBOX_TOKEN, "{}", 400, 1),
        ("GET", "/v2/payments/x", SANDBOX_TOKEN, "{}", 400, 1),
    ];
    let twin = Twin::square().await;
    for (method, path, token, body, status, noted) in rows {
        let answer = ask(&twin, method, path, token, body).await;
        let seen = (answer.status, violations(&twin).len());
        assert_eq!(seen, (status, noted), "{method} {path} {body}: {}", answer.text);
    }
    let request = plain_client().get(format!("{}/v2/orders/x", twin.base_url)).bearer_auth(SANDBOX_TOKEN);
    assert_eq!(request.send().await.expect("an answer").status(), 404);
    assert_eq!(violations(&twin).len(), 1, "which version is meant is said");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_key_gives_what_was_made_before() {
    let twin = Twin::square().await;
    let first = made(&twin, "k").await;
    assert_eq!(made(&twin, "k").await, first);
    let other = post(&twin, LINKS, &changed("k", "/payment_note", Some(json!("other")))).await;
    assert_eq!((other.status, code(&other)), (400, "IDEMPOTENCY_KEY_REUSED".to_owned()));
    assert_eq!(violations(&twin).len(), 1);
    for (fault, links) in [(Fault::BreaksBefore, 1), (Fault::BreaksAfter, 2), (Fault::DropAfter, 2)] {
        twin.fault("open", fault);
        let request = plain_client().post(format!("{}{LINKS}", twin.base_url)).bearer_auth(SANDBOX_TOKEN);
        let request =
            request.header("square-version", "2025-08-20").header("content-type", "application/json");
        let status = request.body(link("l").to_string()).send().await.map(|answer| answer.status().as_u16());
        assert!(status.is_err() || status.is_ok_and(|status| status == 500 || status == 200), "{fault:?}");
        assert_eq!(twin.links().len(), links, "{fault:?}");
    }
    assert_eq!(twin.links().len(), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_has_one_life() {
    let twin = Twin::square().await;
    let (id, order) = made(&twin, "k").await;
    let url = get(&twin, &format!("{LINKS}/{id}")).await.expect(200)["payment_link"]["url"].clone();
    let url = url.as_str().expect("an address").to_owned();
    assert_eq!(twin.link_at(&url), id);
    let order_path = format!("/v2/orders/{order}");
    let state = async || get(&twin, &order_path).await.expect(200)["order"]["state"].clone();
    assert_eq!(state().await, "DRAFT");

    let browser = async |action: &str| {
        let form = plain_client().post(&url).header("content-type", "application/x-www-form-urlencoded");
        Answer::of(form.body(format!("action={action}")).send().await.expect("an answer")).await
    };
    assert!(browser("decline").await.text.contains("GENERIC_DECLINE"));
    let home = browser("pay").await;
    assert_eq!(home.header("location"), Some("https://hub.test/return?x=1"), "nothing is appended");
    assert_eq!((browser("pay").await.status, state().await), (410, json!("OPEN")));
    let shown = get(&twin, &order_path).await.expect(200)["order"].clone();
    assert_eq!(shown["tenders"].as_array().map(Vec::len), Some(2), "the failed one too");
    assert_eq!(shown["net_amount_due_money"]["amount"], 0);
    let books = twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 1999));
    let live = ask(&twin, "GET", &order_path, PRODUCTION_TOKEN, "").await;
    assert_eq!(live.status, 404, "each mode sees its own");
    assert_eq!(violations(&twin), Vec::<String>::new());
}

/// (what was done at the page before, whether the order is canceled, what the page then answers)
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deleted_link_is_closed_or_not() {
    let twin = Twin::square().await;
    for (before, is_canceled, page) in [("", true, 410), ("decline", false, 200), ("pay", false, 410)] {
        let (id, order) = made(&twin, &format!("k-{before}")).await;
        let form = async |action: &str| {
            let url = twin.act(|books, _| books.link(&id).code.clone());
            let form = plain_client().post(format!("{}/u/{url}", twin.base_url));
            let form = form.header("content-type", "application/x-www-form-urlencoded");
            form.body(format!("action={action}")).send().await.expect("an answer").status().as_u16()
        };
        if !before.is_empty() {
            form(before).await;
        }
        let path = format!("{LINKS}/{id}");
        let deleted = ask(&twin, "DELETE", &path, SANDBOX_TOKEN, "").await.expect(200);
        assert_eq!(
            deleted["cancelled_order_id"],
            if is_canceled { json!(order) } else { Value::Null },
            "{before}"
        );
        let again = ask(&twin, "DELETE", &path, SANDBOX_TOKEN, "").await;
        assert_eq!((again.status, code(&again)), (404, "NOT_FOUND".to_owned()), "{before}");
        assert_eq!(form("pay").await, page, "{before}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_given_back_than_was_taken() {
    let twin = Twin::square().await;
    let (id, _) = made(&twin, "k").await;
    twin.pay(&id);
    let payment = twin.payment_at(&id);
    let refund = async |key: &str, amount: i64| {
        let money = json!({"amount": amount, "currency": CURRENCY});
        let body = json!({"idempotency_key": key, "payment_id": payment, "amount_money": money});
        post(&twin, "/v2/refunds", &body).await
    };
    let id_of = |answer: &Value| answer["refund"]["id"].as_str().expect("an id").to_owned();
    assert_eq!(code(&refund("a", 2000).await), "REFUND_AMOUNT_INVALID");
    let first = id_of(&refund("b", 999).await.expect(200));
    assert_eq!(code(&refund("c", 1).await), "REFUND_ALREADY_PENDING");
    assert_eq!(id_of(&refund("b", 999).await.expect(200)), first, "the same key");
    assert_eq!(twin.ledger().count(Moved::GivenBack), 0, "what was asked for has not moved");
    twin.end_refund(&first, "REJECTED");
    let second = id_of(&refund("d", 1999).await.expect(200));
    twin.end_refund(&second, "COMPLETED");
    assert_eq!(code(&refund("e", 1).await), "REFUND_AMOUNT_INVALID");
    assert_eq!(twin.ledger().total(Moved::GivenBack), 1999);
    let shown = get(&twin, &format!("/v2/payments/{payment}")).await.expect(200)["payment"].clone();
    assert_eq!(shown["refunded_money"]["amount"], 1999);
    assert_eq!(shown["refund_ids"], json!([first, second]));
    assert_eq!(code(&refund(&"f".repeat(46), 1).await), "VALUE_TOO_LONG");
    assert_eq!(violations(&twin).len(), 1, "what depends on the state is nobody's mistake");
}

/// Square's own known answers: square-nodejs-sdk, `tests/integration/webhooks.test.ts`.
#[test]
fn the_known_answers_of_squares_own_library() {
    let test = "{\"merchant_id\":\"MLEFBHHSJGVHD\",\"type\":\"webhooks.test_notification\",\
                \"event_id\":\"ac3ac95b-f97d-458c-a6e6-18981597e05f\",\
                \"created_at\":\"2022-07-13T20:30:59.037339943Z\",\
                \"data\":{\"type\":\"webhooks\",\"id\":\"bc368e64-01aa-407e-b46e-3231809b1129\"}}";
    let rows = [
        (
            "Ibxx_5AKakO-3qeNVR61Dw",
            "https://webhook.site/679a4f3a-dcfa-49ee-bac5-9d0edad886b9",
            test,
            "GF4YkrJgGBDZ9NIYbNXBnMzqb2HoL4RW/S6vkZ9/2N4=",
        ),
        (
            "signature-key",
            "https://webhook.site/webhooks",
            "{\"data\":{\"type\":\"webhooks\",\"id\":\">id<\"}}",
            "Cxt7+aTi4rKgcA0bC4g9EHdVtLSDWdqccmL5MvihU4U=",
        ),
        (
            "signature-key",
            "https://webhook.site/webhooks",
            "{\"data\":{\"type\":\"webhooks\",\"id\":\"fake_id\"}}",
            "W3FlCNk5IA3ZQ2LHTWoajvzfaDu/OwY2tNHIHC3IUOA=",
        ),
    ];
    for (key, url, body, expected) in rows {
        assert_eq!(signature(key, url, body), expected, "{body}");
        assert_ne!(signature(key, &format!("{url}/"), body), expected, "the address is signed: {body}");
    }
}
