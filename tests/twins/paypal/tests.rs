//! The twin itself: what it refuses, and that it notes what should not have been sent.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::{NEXT_TEST_SECRET, PayPal, TEST_CLIENT, TEST_SECRET};
use crate::support::cart::{Answer, plain_client};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::server::Twin;

/// Somebody who asks the twin with a token of the app for tests.
struct Asker {
    twin: Twin<PayPal>,
    token: String,
}

impl Asker {
    async fn start() -> Self {
        let twin = Twin::paypal().await;
        let answer = token(&twin, TEST_SECRET).await.expect(200);
        Self { token: answer["access_token"].as_str().expect("a token").to_owned(), twin }
    }

    async fn send(&self, method: &str, path: &str, key: &str, body: &str) -> Answer {
        let url = format!("{}{path}", self.twin.base_url);
        let request = plain_client().request(method.parse().unwrap(), url).bearer_auth(&self.token);
        let request =
            request.header("content-type", "application/json").header("prefer", "return=representation");
        let request = if key.is_empty() { request } else { request.header("paypal-request-id", key) };
        Answer::of(request.body(body.to_owned()).send().await.expect("an answer")).await
    }

    async fn post(&self, path: &str, key: &str, body: &Value) -> Answer {
        self.send("POST", path, key, &body.to_string()).await
    }

    /// An order that the shopper approved.
    async fn approved(&self, intent: &str) -> String {
        let mut body = order();
        body["intent"] = intent.into();
        let made =
            self.post("/v2/checkout/orders", &format!("key-of-{}", self.twin.orders().len()), &body).await;
        let id = made.expect(200)["id"].as_str().expect("an id").to_owned();
        self.twin.approve(&id, None);
        id
    }

    fn violations(&self) -> usize {
        self.twin.with(|_, desk| desk.violations.len())
    }
}

async fn token(twin: &Twin<PayPal>, secret: &str) -> Answer {
    let basic = BASE64_STANDARD.encode(format!("{TEST_CLIENT}:{secret}"));
    let request = plain_client().post(format!("{}/v1/oauth2/token", twin.base_url));
    let request = request.header("authorization", format!("Basic {basic}"));
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    Answer::of(request.body("grant_type=client_credentials").send().await.expect("an answer")).await
}

/// The fields of an order over 19.99 EUR.
fn order() -> Value {
    json!({
        "intent": "CAPTURE",
        "purchase_units": [{ "amount": { "currency_code": "EUR", "value": "19.99" }, "custom_id": "a1" }],
        "payment_source": { "paypal": { "experience_context": {
            "return_url": "https://hub.test/return?x=1", "cancel_url": "https://hub.test/return?x=1&canceled=1",
        } } },
    })
}

#[track_caller]
fn issue(answer: &Answer) -> String {
    answer.json()["details"][0]["issue"].as_str().unwrap_or_else(|| panic!("{}", answer.text)).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_field_that_is_wrong_is_noted() {
    let context = "/payment_source/paypal/experience_context";
    let at = |name: &str| format!("{context}/{name}");
    // (where, what stands there, the issue; none where PayPal overlooks it)
    let rows = [
        ("/intent".to_owned(), json!("SALE"), Some("INVALID_PARAMETER_VALUE")),
        ("/intent".to_owned(), json!(1), Some("INVALID_PARAMETER_SYNTAX")),
        ("/purchase_units".to_owned(), json!([]), Some("INVALID_ARRAY_MIN_ITEMS")),
        ("/purchase_units/0/amount".to_owned(), json!({"value": "1.00"}), Some("MISSING_REQUIRED_PARAMETER")),
        ("/purchase_units/0/amount/value".to_owned(), json!(19.99), Some("INVALID_PARAMETER_SYNTAX")),
        ("/purchase_units/0/amount/value".to_owned(), json!("19.999"), Some("DECIMAL_PRECISION")),
        ("/purchase_units/0/amount/value".to_owned(), json!("0.00"), Some("CANNOT_BE_ZERO_OR_NEGATIVE")),
        ("/purchase_units/0/amount/currency_code".to_owned(), json!("EURO"), Some("INVALID_STRING_LENGTH")),
        ("/purchase_units/0/amount/currency_code".to_owned(), json!("KWD"), Some("INVALID_CURRENCY_CODE")),
        ("/purchase_units/0/custom_id".to_owned(), json!("x".repeat(128)), Some("INVALID_STRING_LENGTH")),
        (at("brand_name"), json!("x".repeat(128)), Some("INVALID_STRING_LENGTH")),
        (at("user_action"), json!("BUY"), Some("INVALID_PARAMETER_VALUE")),
        (at("return_url"), json!("nowhere"), Some("MISSING_REQUIRED_PARAMETER")),
        (at("notify_url"), json!("https://hub.test"), None),
        ("/metadata".to_owned(), json!({}), None),
        ("/purchase_units/0/metadata".to_owned(), json!("x"), None),
    ];
    let asker = Asker::start().await;
    for (row, (pointer, value, expected)) in rows.into_iter().enumerate() {
        let mut body = order();
        let (parent, name) = pointer.rsplit_once('/').unwrap();
        body.pointer_mut(parent).unwrap()[name] = value.clone();
        let answer = asker.post("/v2/checkout/orders", &format!("row-{row}"), &body).await;
        assert_eq!(asker.violations(), row + 1, "{pointer} {value}: {}", answer.text);
        match expected {
            Some(expected) => assert_eq!(issue(&answer), expected, "{pointer} {value}"),
            None => assert_eq!(answer.status, 200, "{pointer} {value}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_asks_and_where_is_checked() {
    let whole = order().to_string();
    // (method, path, request id, body, status)
    let rows = [
        ("POST", "/v2/checkout/orders", "", whole.as_str(), 400),
        ("POST", "/v2/checkout/orders", "k", "not JSON", 400),
        ("POST", "/v2/checkout/orders", "k", "[]", 400),
        ("POST", "/v1/payments/payment", "k", "{}", 404),
        ("PUT", "/v2/checkout/orders", "k", "{}", 404),
        ("GET", "/v2/checkout/orders/1/2", "", "", 404),
        ("GET", "/v2/checkout/orders/X?status=OPEN", "", "", 404),
    ];
    for (method, path, key, body, status) in rows {
        let asker = Asker::start().await;
        let answer = asker.send(method, path, key, body).await;
        assert_eq!(
            (answer.status, asker.violations()),
            (status, 1),
            "{method} {path} {body}: {}",
            answer.text
        );
    }
    let mut asker = Asker::start().await;
    asker.token = "A21AA-of-nobody".to_owned();
    let answer = asker.send("GET", "/v2/checkout/orders/X", "", "").await;
    assert_eq!((answer.status, asker.violations()), (401, 1));
    assert_eq!(answer.json()["error"], "invalid_token");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tokens_end_and_secrets_are_rolled() {
    let asker = Asker::start().await;
    let look = async || asker.send("GET", "/v2/checkout/orders/X", "", "").await.status;
    assert_eq!(look().await, 404);
    asker.twin.jump(super::TOKEN_LIFE_S);
    assert_eq!(look().await, 401);
    asker.twin.roll_secret(NEXT_TEST_SECRET);
    assert_eq!(token(&asker.twin, TEST_SECRET).await.json()["error"], "invalid_client");
    assert_eq!(asker.violations(), 0, "it was the secret once");
    assert_eq!(token(&asker.twin, NEXT_TEST_SECRET).await.status, 200);
    assert_eq!(token(&asker.twin, "never").await.status, 401);
    assert_eq!(asker.violations(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_is_taken_once() {
    let asker = Asker::start().await;
    let made = asker.post("/v2/checkout/orders", "k", &order()).await.expect(200);
    let (id, page) = (made["id"].as_str().unwrap(), made["links"][1]["href"].as_str().unwrap());
    assert_eq!(
        (&made["status"], &made["links"][1]["rel"]),
        (&json!("PAYER_ACTION_REQUIRED"), &json!("payer-action"))
    );
    assert_eq!(asker.post("/v2/checkout/orders", "k", &order()).await.expect(200)["id"], made["id"]);
    let take =
        async |key: &str| asker.post(&format!("/v2/checkout/orders/{id}/capture"), key, &json!({})).await;
    assert_eq!(issue(&take("c1").await), "ORDER_NOT_APPROVED");
    let browser = async |form: &str| {
        let form = plain_client().post(page).body(form.to_owned());
        Answer::of(form.header("content-type", "application/x-www-form-urlencoded").send().await.unwrap())
            .await
    };
    assert_eq!(browser("action=decline").await.status, 200);
    let home = browser("action=pay&refused_with=INSTRUMENT_DECLINED").await;
    let back = format!("https://hub.test/return?x=1&token={id}&PayerID=QYR5Z8XDVJNXQ");
    assert_eq!(home.header("location"), Some(back.as_str()));
    let declined = take("c1").await;
    assert_eq!(
        (issue(&declined).as_str(), &declined.json()["links"][0]["href"]),
        ("INSTRUMENT_DECLINED", &json!(page))
    );
    browser("action=pay").await;
    let taken = take("c1").await.expect(201);
    assert_eq!(taken["purchase_units"][0]["payments"]["captures"][0]["status"], "COMPLETED");
    assert_eq!(take("c1").await.expect(200), taken);
    assert_eq!(issue(&take("c2").await), "ORDER_ALREADY_CAPTURED");
    assert_eq!(browser("action=pay").await.status, 410);
    let books = asker.twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 1999));
    assert_eq!(asker.violations(), 0, "what depends on the state is nobody's mistake");
    let kinds: Vec<_> = asker.twin.events().into_iter().map(|parcel| parcel.kind).collect();
    let approved = "CHECKOUT.ORDER.APPROVED";
    assert_eq!(kinds, [approved, approved, "PAYMENT.CAPTURE.COMPLETED", "CHECKOUT.ORDER.COMPLETED"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reservation_is_taken_in_parts_or_released() {
    let asker = Asker::start().await;
    let reserved = async |key: &str| {
        let id = asker.approved("AUTHORIZE").await;
        let path = format!("/v2/checkout/orders/{id}/authorize");
        let done = asker.post(&path, key, &json!({})).await.expect(201);
        let held = done["purchase_units"][0]["payments"]["authorizations"][0]["id"].clone();
        (id, format!("/v2/payments/authorizations/{}", held.as_str().unwrap()))
    };
    let part = |value: &str, last: bool| json!({ "amount": { "currency_code": "EUR", "value": value }, "final_capture": last });
    let (order, held) = reserved("a1").await;
    let capture = format!("{held}/capture");
    asker.post(&capture, "p1", &part("6.00", false)).await.expect(201);
    assert_eq!(
        issue(&asker.post(&capture, "p2", &part("14.00", false)).await),
        "MAX_CAPTURE_AMOUNT_EXCEEDED"
    );
    asker.post(&capture, "p3", &part("4.00", true)).await.expect(201);
    assert_eq!(
        issue(&asker.post(&capture, "p4", &part("1.00", false)).await),
        "AUTHORIZATION_ALREADY_CAPTURED"
    );
    assert_eq!(issue(&asker.send("POST", &format!("{held}/void"), "", "").await), "PREVIOUSLY_CAPTURED");
    assert_eq!(asker.send("GET", &held, "", "").await.expect(200)["status"], "PARTIALLY_CAPTURED");
    let books = asker.twin.ledger().of(&order);
    assert_eq!((books.total(Moved::Taken), books.total(Moved::Released)), (1000, 999));

    let (_, held) = reserved("a2").await;
    let voided = asker.send("POST", &format!("{held}/void"), "", "").await.expect(200);
    assert_eq!(voided["status"], "VOIDED");
    assert_eq!(issue(&asker.send("POST", &format!("{held}/void"), "", "").await), "PREVIOUSLY_VOIDED");
    assert_eq!(
        issue(&asker.post(&format!("{held}/capture"), "p5", &json!({})).await),
        "AUTHORIZATION_VOIDED"
    );
    assert_eq!(asker.violations(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_more_is_given_back_than_was_taken() {
    let asker = Asker::start().await;
    let id = asker.approved("CAPTURE").await;
    let taken = asker.post(&format!("/v2/checkout/orders/{id}/capture"), "c", &json!({})).await.expect(201);
    let capture = taken["purchase_units"][0]["payments"]["captures"][0]["id"].as_str().unwrap().to_owned();
    let refund = async |key: &str, value: &str, invoice: &str| {
        let body = json!({ "amount": { "currency_code": "EUR", "value": value }, "invoice_id": invoice });
        asker.post(&format!("/v2/payments/captures/{capture}/refund"), key, &body).await
    };
    assert_eq!(issue(&refund("r0", "20.00", "i0").await), "REFUND_AMOUNT_EXCEEDED");
    let first = refund("r1", "12.00", "i1").await.expect(201);
    assert_eq!(refund("r1", "12.00", "i1").await.expect(200), first);
    assert_eq!(issue(&refund("r2", "1.00", "i1").await), "DUPLICATE_INVOICE_ID");
    asker.twin.refunds_begin("PENDING");
    refund("r3", "7.99", "i3").await.expect(201);
    assert_eq!(issue(&refund("r4", "0.01", "i4").await), "CAPTURE_FULLY_REFUNDED");
    assert_eq!(asker.twin.ledger().total(Moved::GivenBack), 1200, "what pends has not moved");
    let pending = asker.twin.refunds_under_way().pop().expect("one that pends");
    asker.twin.end_refund(&pending, "FAILED");
    asker.twin.refunds_begin("COMPLETED");
    refund("r5", "7.99", "i5").await.expect(201);
    let shown = asker.send("GET", &format!("/v2/payments/captures/{capture}"), "", "").await.expect(200);
    assert_eq!((&shown["status"], asker.twin.ledger().total(Moved::GivenBack)), (&json!("REFUNDED"), 1999));
    assert_eq!(asker.violations(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_breaks_is_done_or_not() {
    let asker = Asker::start().await;
    for (fault, made) in [(Fault::BreaksBefore, 0), (Fault::BreaksAfter, 1)] {
        asker.twin.fault("open", fault);
        let answer = asker.post("/v2/checkout/orders", "k", &order()).await;
        assert_eq!((answer.status, asker.twin.orders().len()), (500, made), "{fault:?}");
    }
    asker.post("/v2/checkout/orders", "k", &order()).await.expect(200);
    assert_eq!(asker.twin.orders().len(), 1, "the same id again makes no other order");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_order_that_nobody_completed_is_forgotten() {
    let asker = Asker::start().await;
    let id = asker.approved("CAPTURE").await;
    let path = format!("/v2/checkout/orders/{id}");
    asker.twin.jump(super::books::LIFE_S - 300);
    asker.send("GET", &path, "", "").await.expect(200);
    asker.twin.jump(300);
    assert_eq!(issue(&asker.send("GET", &path, "", "").await), "INVALID_RESOURCE_ID");
    assert_eq!(
        asker.twin.event("CHECKOUT.PAYMENT-APPROVAL.REVERSED").kind,
        "CHECKOUT.PAYMENT-APPROVAL.REVERSED"
    );
}
