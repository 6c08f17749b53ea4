//! The shop against a hub that writes down what it is asked.

use std::sync::Mutex;

use axum::body::Body;
use http_body_util::BodyExt;
use tower::ServiceExt;

use super::hook::tests::{SECRET, sign};
use super::*;

const KEY: &str = "a-key-of-the-shop";
const OWN: &str = "http://shop.test";
const PI: &str = "pi_abc";
const HOSTILE: &str = "<script>alert('1')</script>\"";

/// One request as the hub got it.
#[derive(Clone, Debug)]
struct Asked {
    line: String,
    key: Option<String>,
    authorization: Option<String>,
    body: Value,
}

type Answers = fn(&Asked) -> (u16, Value);

/// A hub that writes down what it is asked and answers from a table.
struct FakeHub {
    asked: Arc<Mutex<Vec<Asked>>>,
    shop: Shop,
}

impl FakeHub {
    async fn new(answers: Answers) -> Self {
        let asked = Arc::new(Mutex::new(vec![]));
        let book = Arc::clone(&asked);
        let app = Router::new().fallback(move |request: Request| answer(request, Arc::clone(&book), answers));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let api_base = format!("http://{}/", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, app).await });
        let config = ShopConfig { api_base, api_key: KEY.to_owned(), own_base: format!("{OWN}/") };
        Self { asked, shop: Shop::new(config).unwrap() }
    }

    async fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Body::from(body.to_owned())).unwrap();
        let response = self.shop.router().oneshot(request).await.unwrap();
        let status = response.status().as_u16();
        let location = response.headers().get("location").map(|value| value.to_str().unwrap().to_owned());
        let body = response.into_body().collect().await.unwrap().to_bytes();
        Answer { status, location, html: String::from_utf8(body.to_vec()).unwrap() }
    }

    async fn get(&self, path: &str) -> Answer {
        self.request("GET", path, &[], "").await
    }

    async fn post(&self, path: &str, form: &str) -> Answer {
        let headers = [("content-type", "application/x-www-form-urlencoded")];
        self.request("POST", path, &headers, form).await
    }

    /// What was asked since the last look.
    fn asked(&self) -> Vec<Asked> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn lines(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.line).collect()
    }
}

struct Answer {
    status: u16,
    location: Option<String>,
    html: String,
}

async fn answer(request: Request, book: Arc<Mutex<Vec<Asked>>>, answers: Answers) -> Response {
    let (parts, body) = request.into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    let header = |name| parts.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
    let asked = Asked {
        line: format!("{} {}", parts.method, parts.uri),
        key: header("idempotency-key"),
        authorization: header("authorization"),
        body: serde_json::from_slice(&body).unwrap_or_default(),
    };
    let (status, body) = answers(&asked);
    book.lock().unwrap().push(asked);
    (StatusCode::from_u16(status).unwrap(), body.to_string()).into_response()
}

fn intent(status: &str) -> Value {
    json!({
        "id": PI, "status": status, "amount": 5650, "currency": "EUR",
        "checkout_url": "http://hub.test/pay/token", "new_field": [1],
    })
}

fn paid() -> Value {
    let mut intent = intent("succeeded");
    intent["amount_captured"] = json!(5650);
    intent["attempts"] = json!([{ "connector": "sandbox", "state": "captured" }]);
    intent
}

/// A hub where everything works and one payment is paid.
fn friendly(asked: &Asked) -> (u16, Value) {
    match asked.line.as_str() {
        "POST /v1/payment_intents" => (201, intent("requires_checkout")),
        "GET /v1/payment_intents/pi_abc" => (200, paid()),
        "GET /v1/payment_intents?limit=20" => (200, json!({ "data": [paid()], "next_cursor": null })),
        "GET /v1/refunds?payment_intent=pi_abc" => (200, json!({ "data": [] })),
        "POST /v1/refunds" => (201, json!({ "id": "re_1" })),
        line if line.ends_with("/capture") || line.ends_with("/cancel") => (202, paid()),
        _other => (404, json!({ "detail": "no" })),
    }
}

fn unavailable(_: &Asked) -> (u16, Value) {
    (503, json!("not a problem document"))
}

#[tokio::test]
async fn buying_creates_an_intent_and_leads_to_its_checkout() {
    let hub = FakeHub::new(friendly).await;
    let answer = hub.post("/shop/buy", "form_token=abc&sku=baker-bundle&quantity=2&capture=manual").await;
    assert_eq!((answer.status, answer.location.as_deref()), (303, Some("http://hub.test/pay/token")));
    let asked = hub.asked();
    assert_eq!(asked.len(), 1);
    assert_eq!(asked[0].line, "POST /v1/payment_intents");
    assert_eq!(asked[0].authorization.as_deref(), Some("Bearer a-key-of-the-shop"));
    let body = &asked[0].body;
    assert_eq!(body["amount"], 10000);
    let sum = |line: &Value| line["unit_amount"].as_i64().unwrap() * line["quantity"].as_i64().unwrap();
    assert_eq!(body["lines"].as_array().unwrap().iter().map(sum).sum::<i64>(), 10000);
    assert_eq!(body["lines"][2]["kind"], "discount");
    assert_eq!(body["lines"][2]["unit_amount"], -650);
    assert_eq!((&body["currency"], &body["capture"]), (&json!("EUR"), &json!("manual")));
    assert_eq!(body["return_url"], "http://shop.test/shop/thanks");
    assert_eq!(body["cancel_url"], "http://shop.test/shop?canceled=yes");
}

#[tokio::test]
async fn a_form_sent_twice_buys_once() {
    let hub = FakeHub::new(friendly).await;
    let forms = [
        "form_token=abc&sku=bread-course&quantity=1&capture=automatic",
        "form_token=abc&sku=bread-course&quantity=1&capture=automatic",
        "form_token=abc&sku=bread-course&quantity=2&capture=automatic",
        "form_token=abd&sku=bread-course&quantity=1&capture=automatic",
    ];
    for form in forms {
        assert_eq!(hub.post("/shop/buy", form).await.status, 303, "{form}");
    }
    let asked = hub.asked();
    let keys: Vec<_> = asked.iter().map(|asked| asked.key.clone().unwrap()).collect();
    assert_eq!((&keys[0], &asked[0].body), (&keys[1], &asked[1].body));
    assert!(keys[1] != keys[2] && keys[1] != keys[3] && keys[2] != keys[3], "{keys:?}");
    assert_ne!(asked[1].body["order_reference"], asked[2].body["order_reference"]);
    assert!(keys.iter().all(|key| key.bytes().all(|byte| byte.is_ascii_lowercase())));
}

#[tokio::test]
async fn bad_wishes_never_reach_the_hub() {
    let hub = FakeHub::new(friendly).await;
    let long_token = format!("form_token={}&sku=bread-course&quantity=1&capture=manual", "a".repeat(65));
    let rows = [
        ("/shop/buy", "", 422),
        ("/shop/buy", "form_token=abc&sku=nothing&quantity=1&capture=manual", 422),
        ("/shop/buy", "form_token=abc&sku=bread-course&quantity=0&capture=manual", 422),
        ("/shop/buy", "form_token=abc&sku=bread-course&quantity=11&capture=manual", 422),
        ("/shop/buy", "form_token=abc&sku=bread-course&quantity=-1&capture=manual", 422),
        ("/shop/buy", "form_token=abc&sku=bread-course&quantity=1e1&capture=manual", 422),
        ("/shop/buy", "form_token=abc&sku=bread-course&quantity=1&capture=later", 422),
        ("/shop/buy", "form_token=&sku=bread-course&quantity=1&capture=manual", 422),
        ("/shop/buy", "form_token=a%0Ab&sku=bread-course&quantity=1&capture=manual", 422),
        ("/shop/buy", &long_token, 422),
        ("/shop/buy", "%FF=%FF&&&==", 422),
        ("/shop/buy", "sku=a&sku=b", 422),
        ("/shop/refund", "form_token=abc&payment_intent=..%2Frefunds", 404),
        ("/shop/capture", "form_token=abc", 404),
        ("/shop/cancel", "form_token=abc&payment_intent=pi_%00", 404),
    ];
    for (path, form, status) in rows {
        assert_eq!(hub.post(path, form).await.status, status, "{path} {form}");
    }
    for path in ["/shop/thanks", "/shop/thanks?payment_intent=pi_a%2Fb", "/shop/thanks?payment_intent=x"] {
        assert_eq!(hub.get(path).await.status, 404, "{path}");
    }
    assert_eq!(hub.request("POST", "/shop/buy", &[("content-type", "text/plain")], "x").await.status, 415);
    assert_eq!(hub.lines(), [] as [String; 0]);
}

#[tokio::test]
async fn forms_of_other_sites_press_no_buttons() {
    let hub = FakeHub::new(friendly).await;
    let form = "form_token=abc&payment_intent=pi_abc";
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("same-origin", 303), ("none", 303)] {
        let headers = [("content-type", "application/x-www-form-urlencoded"), ("sec-fetch-site", site)];
        assert_eq!(hub.request("POST", "/shop/cancel", &headers, form).await.status, status, "{site}");
    }
    // A link from elsewhere, such as the way back from a processor, is welcome.
    let headers = [("sec-fetch-site", "cross-site")];
    assert_eq!(hub.request("GET", "/shop/thanks?payment_intent=pi_abc", &headers, "").await.status, 200);
}

#[tokio::test]
async fn the_back_office_asks_once_and_shows_the_payment() {
    let rows = [
        ("/shop/refund", "", "POST /v1/refunds", json!({ "payment_intent": PI })),
        ("/shop/refund", "&amount=+5.00", "POST /v1/refunds", json!({ "payment_intent": PI, "amount": 500 })),
        ("/shop/capture", "", "POST /v1/payment_intents/pi_abc/capture", json!({})),
        ("/shop/cancel", "", "POST /v1/payment_intents/pi_abc/cancel", json!({})),
    ];
    let hub = FakeHub::new(friendly).await;
    let mut keys = std::collections::BTreeSet::new();
    for (path, more, line, body) in rows {
        let form = format!("form_token=abc&payment_intent=pi_abc{more}");
        let answer = hub.post(path, &form).await;
        let thanks = Some("/shop/thanks?payment_intent=pi_abc");
        assert_eq!((answer.status, answer.location.as_deref()), (303, thanks), "{form}");
        let asked = hub.asked();
        assert_eq!(asked.len(), 2, "{asked:?}");
        assert_eq!((asked[1].line.as_str(), &asked[1].body), (line, &body));
        hub.post(path, &form).await;
        assert_eq!(asked[1].key, hub.asked()[1].key, "the same form again is the same request");
        keys.insert(asked[1].key.clone());
    }
    assert_eq!(keys.len(), 4, "different requests have different keys");
    for amount in ["0", "-1", "5,00", "5.001", "1e2", "99999999999999999999", "NaN"] {
        let form = format!("form_token=abc&payment_intent=pi_abc&amount={amount}");
        assert_eq!(hub.post("/shop/refund", &form).await.status, 422, "{amount}");
    }
    assert!(hub.lines().iter().all(|line| line == "GET /v1/payment_intents/pi_abc"));
}

#[tokio::test]
async fn the_thanks_page_shows_the_hubs_word() {
    fn answers(asked: &Asked) -> (u16, Value) {
        if asked.line.contains("/v1/refunds") {
            return (200, json!({ "data": [] }));
        }
        let status = asked.line.rsplit("pi_").next().unwrap_or_default();
        let mut intent = intent(match status {
            "checkout" => "requires_checkout",
            "capture" => "requires_capture",
            other => other,
        });
        intent["amount_capturable"] = json!(if status == "capture" { 5650 } else { 0 });
        intent["amount_captured"] = json!(if status == "succeeded" { 5650 } else { 0 });
        (200, intent)
    }
    let hub = FakeHub::new(answers).await;
    let rows = [
        // Status, heading, refreshes, pay, capture, cancel, refund.
        ("checkout", "Not paid yet.", [false, true, false, true, false]),
        ("processing", "Checking with", [true, false, false, false, false]),
        ("capture", "We charge you when we ship.", [false, false, true, true, false]),
        ("succeeded", "Your payment has arrived.", [false, false, false, false, true]),
        ("canceled", "was canceled", [false; 5]),
        ("wondrous", "The payment is wondrous.", [false; 5]),
    ];
    for (status, heading, expected) in rows {
        let html = hub.get(&format!("/shop/thanks?payment_intent=pi_{status}")).await.html;
        assert!(html.contains(heading), "{status}: {html}");
        let shown = ["http-equiv=\"refresh\"", ">Pay now<", "/shop/capture", "/shop/cancel", "/shop/refund"];
        assert_eq!(shown.map(|part| html.contains(part)), expected, "{status}");
    }
}

#[tokio::test]
async fn a_page_refreshes_while_a_refund_is_under_way() {
    fn answers(asked: &Asked) -> (u16, Value) {
        if asked.line.contains("/v1/refunds") {
            return (200, json!({ "data": [{ "id": "re_1", "amount": 100, "status": "pending" }] }));
        }
        friendly(asked)
    }
    let hub = FakeHub::new(answers).await;
    let html = hub.get("/shop/thanks?payment_intent=pi_abc").await.html;
    assert!(html.contains("http-equiv=\"refresh\"") && html.contains("1.00 EUR: <code>pending"), "{html}");
}

#[tokio::test]
async fn pages_escape_whatever_the_hub_says() {
    fn answers(asked: &Asked) -> (u16, Value) {
        let mut hostile = intent(HOSTILE);
        hostile["currency"] = json!(HOSTILE);
        hostile["order_reference"] = json!(HOSTILE);
        hostile["checkout_url"] = json!("javascript:alert(1)");
        hostile["attempts"] = json!([{ "connector": HOSTILE, "state": HOSTILE }]);
        match asked.line.as_str() {
            line if line.starts_with("GET /v1/payment_intents?") => (200, json!({ "data": [hostile] })),
            line if line.starts_with("GET /v1/refunds") => (200, json!({ "data": [] })),
            line if line.starts_with("GET ") => (200, hostile),
            line if line.ends_with("/cancel") => (409, json!({ "detail": HOSTILE })),
            _other => (201, hostile),
        }
    }
    let hub = FakeHub::new(answers).await;
    let thanks = hub.get("/shop/thanks?payment_intent=pi_abc").await;
    let orders = hub.get("/shop/orders").await;
    let refused = hub.post("/shop/cancel", "form_token=abc&payment_intent=pi_abc").await;
    assert_eq!((thanks.status, orders.status, refused.status), (200, 200, 409));
    for html in [thanks.html, orders.html, refused.html] {
        assert!(html.contains("&#60;script&#62;") && !html.contains("<script"), "{html}");
        assert!(!html.contains("javascript:"), "{html}");
    }
    let bought = hub.post("/shop/buy", "form_token=a&sku=bread-course&quantity=1&capture=manual").await;
    assert_eq!((bought.status, bought.location), (502, None), "nobody is sent to a javascript: URL");
}

#[tokio::test]
async fn a_hub_in_trouble_is_said_so() {
    let hub = FakeHub::new(unavailable).await;
    for path in ["/shop/thanks?payment_intent=pi_abc", "/shop/orders"] {
        let answer = hub.get(path).await;
        assert_eq!(answer.status, 502, "{path}");
        assert!(answer.html.contains("cannot reach"), "{}", answer.html);
    }
    let form = "form_token=a&sku=bread-course&quantity=1&capture=manual";
    assert_eq!(hub.post("/shop/buy", form).await.status, 502);
    assert_eq!(hub.get("/shop").await.status, 200, "the shelf needs no hub");
}

#[tokio::test]
async fn a_double_click_in_flight_is_no_error() {
    fn answers(asked: &Asked) -> (u16, Value) {
        if asked.line.starts_with("POST ") {
            return (409, json!({ "code": "idempotency_in_progress", "detail": "Wait." }));
        }
        friendly(asked)
    }
    let hub = FakeHub::new(answers).await;
    assert_eq!(hub.post("/shop/capture", "form_token=abc&payment_intent=pi_abc").await.status, 303);
}

#[tokio::test]
async fn the_shelf_shows_every_product_and_a_new_token_each_time() {
    let hub = FakeHub::new(friendly).await;
    let token = |html: &str| html.split("name=\"form_token\" value=\"").nth(1).unwrap()[..32].to_owned();
    let (first, second) = (hub.get("/shop").await.html, hub.get("/shop?canceled=yes").await.html);
    assert_ne!(token(&first), token(&second));
    for shown in ["49.00 EUR", "7.50 EUR", "50.00 EUR", "Bundle discount: -6.50 EUR"] {
        assert!(first.contains(shown), "{shown}");
    }
    assert!(second.contains("You left the payment page") && !first.contains("You left"));
    assert_eq!(hub.get("/shop/style.css").await.html, page::STYLE);
}

#[tokio::test]
async fn a_new_shop_registers_and_believes_only_signed_deliveries() {
    fn answers(asked: &Asked) -> (u16, Value) {
        let endpoint = json!({ "id": "whe_1", "description": ENDPOINT_DESCRIPTION, "secret": SECRET });
        match asked.line.as_str() {
            "GET /v1/webhook_endpoints?limit=100" => {
                (200, json!({ "data": [{ "id": "whe_0", "description": null }] }))
            }
            "POST /v1/webhook_endpoints" => (201, endpoint),
            _other => (404, Value::Null),
        }
    }
    let hub = FakeHub::new(answers).await;
    let body =
        r#"{"id":"evt_1","type":"order.paid","sequence":4,"data":{"object":{"id":"ord_1","status":"paid"}}}"#;
    let timestamp = SystemClock.now().as_unix_seconds().to_string();
    let right = sign("evt_1", &timestamp, body);
    let deliver = async |signature: &str| {
        let headers =
            [("webhook-id", "evt_1"), ("webhook-timestamp", &timestamp), ("webhook-signature", signature)];
        hub.request("POST", "/shop/hook", &headers, body).await.status
    };
    assert_eq!(deliver(&right).await, 503, "before the secret is known the hub must try again");
    hub.shop.register_webhook().await.unwrap();
    let asked = hub.asked();
    assert_eq!(asked[1].line, "POST /v1/webhook_endpoints");
    assert!(asked[1].key.is_some());
    let expected = json!({ "url": "http://shop.test/shop/hook", "description": ENDPOINT_DESCRIPTION });
    assert_eq!(asked[1].body, expected);

    assert_eq!(deliver("v1,AAAA").await, 401);
    assert_eq!(hub.request("POST", "/shop/hook", &[], "").await.status, 401);
    assert!(hub.get("/shop/events").await.html.contains("None yet."));
    assert_eq!((deliver(&right).await, deliver(&right).await), (204, 204));
    let html = hub.get("/shop/events").await.html;
    assert!(html.contains("order.paid") && html.contains("ord_1") && html.contains("2×"), "{html}");
}

#[tokio::test]
async fn a_restarted_shop_takes_over_its_endpoint() {
    fn answers(asked: &Asked) -> (u16, Value) {
        let known = json!({ "id": "whe_1", "description": ENDPOINT_DESCRIPTION });
        match asked.line.as_str() {
            "GET /v1/webhook_endpoints?limit=100" => (200, json!({ "data": [known] })),
            "PATCH /v1/webhook_endpoints/whe_1" => (200, known),
            "POST /v1/webhook_endpoints/whe_1/rotate_secret" => {
                (200, json!({ "id": "whe_1", "secret": SECRET }))
            }
            _other => (404, Value::Null),
        }
    }
    let hub = FakeHub::new(answers).await;
    hub.shop.register_webhook().await.unwrap();
    let asked = hub.asked();
    assert_eq!(asked[1].body, json!({ "url": "http://shop.test/shop/hook", "enabled": true }));
    assert_eq!(asked[2].line, "POST /v1/webhook_endpoints/whe_1/rotate_secret");
}

#[tokio::test]
async fn without_a_secret_there_is_no_registration() {
    fn answers(asked: &Asked) -> (u16, Value) {
        match asked.line.as_str() {
            "POST /v1/webhook_endpoints" => (201, json!({ "id": "whe_1" })),
            _other => (200, json!({ "data": [] })),
        }
    }
    let hub = FakeHub::new(answers).await;
    assert!(matches!(hub.shop.register_webhook().await, Err(ShopError::NoSecret)));
    let hub = FakeHub::new(unavailable).await;
    let refused = hub.shop.register_webhook().await;
    assert!(matches!(refused, Err(ShopError::Hub(HubError::Refused { status: 503, .. }))), "{refused:?}");
}
