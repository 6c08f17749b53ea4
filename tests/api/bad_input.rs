//! Wrong fields, one at a time: what each is answered with. Nothing of it is stored.

use payhub::http::problem::Kind;
use reqwest::Method;
use serde_json::json;

use super::problem::{Fields, refused};
use super::world::{World, intent_with, request, rows, send};
use crate::support::TestHub;

const MINOR: &str = "send integer minor units";
const POSITIVE: &str = "must be greater than zero";
const TEXT: &str = "must be a text";
const CODE: &str = "must be an active ISO 4217 code in capitals";
const UNKNOWN: &str = "is not a field of this request";
const METADATA: &str = "must be an object of at most 50 texts";
const CHARACTERS_255: &str = "must have 1 to 255 characters and no control characters";

/// Values of one field that are wrong, and how that is said.
type Row<'a> = (&'a str, &'a [&'a str], Fields<'a>);

/// `POST /v1/payment_intents`: field, values, errors.
const INTENTS: [Row<'_>; 41] = [
    ("amount", &["0", "-1", "-199900"], &[("/amount", POSITIVE)]),
    ("amount", &["10.5", "2377.0", "18.75", "1e2", "1E+3", "-0", "-0.5", "0.0"], &[("/amount", MINOR)]),
    (
        "amount",
        &["9007199254740992", "9223372036854775807"],
        &[("/amount", "at most 9007199254740991 minor units")],
    ),
    ("amount", &["9223372036854775808", "18446744073709551616", "1e300"], &[("/amount", MINOR)]),
    (
        "amount",
        &["\"1777\"", "\"ten euros\"", "true", "[2377]", "{\"minor\": 7777}", "\"\""],
        &[("/amount", MINOR)],
    ),
    ("amount", &["null"], &[("/amount", "is required: integer minor units")]),
    (
        "currency",
        &["\"eur\"", "\"Eur\"", "\"EURO\"", "\" GBP\"", "\"GBP \"", "\"\"", "\"€\""],
        &[("/currency", CODE)],
    ),
    ("currency", &["\"ZZZ\"", "\"BTC\"", "\"DEM\"", "\"XXX\"", "\"XTS\"", "\"XAU\""], &[("/currency", CODE)]),
    ("currency", &["978", "true", "[\"EURX\"]", "{\"code\": \"EURX\"}"], &[("/currency", CODE)]),
    ("currency", &["null"], &[("/currency", "is required")]),
    ("return_url", &["null"], &[("/return_url", "is required")]),
    ("return_url", &["7777", "true", "[\"https://shop.test/a\"]", "{}"], &[("/return_url", TEXT)]),
    ("cancel_url", &["7777", "true", "[\"https://shop.test/a\"]", "{}"], &[("/cancel_url", TEXT)]),
    ("order_reference", &["7777", "true", "[]", "{}", "1.5"], &[("/order_reference", TEXT)]),
    (
        "order_reference",
        &["\"\"", "\"a\\u0000bcd\"", "\"a\\u0007bcd\"", "\"a\\u007fbcd\"", "\"a\\tbcd\""],
        &[("/order_reference", CHARACTERS_255)],
    ),
    ("description", &["7777", "[]", "{}"], &[("/description", TEXT)]),
    (
        "description",
        &["\"\"", "\"a\\u0000bcd\"", "\"a\\u009fbcd\"", "\"a\\rbcd\""],
        &[("/description", "must have 1 to 500 characters")],
    ),
    ("locale", &["7777", "{}"], &[("/locale", TEXT)]),
    (
        "locale",
        &["\"\"", "\"de-DE-and-much-more-than-anybody-needs\""],
        &[("/locale", "must have 1 to 35 characters")],
    ),
    ("customer", &["\"Jane Doe\"", "7777", "[]", "true"], &[("/customer", "must be an object")]),
    ("customer", &["{\"email\": \"nobody\"}"], &[("/customer/email", "must be an e-mail address")]),
    ("customer", &["{\"email\": 7777}"], &[("/customer/email", TEXT)]),
    (
        "customer",
        &["{\"country\": \"de\"}", "{\"country\": \"D1\"}", "{\"country\": \"D\"}"],
        &[("/customer/country", "ISO 3166-1 alpha-2")],
    ),
    ("customer", &["{\"country\": \"DEUX\"}"], &[("/customer/country", "must have 1 to 2 characters")]),
    ("customer", &["{\"name\": \"\"}", "{\"name\": \"a\\u0000bcd\"}"], &[("/customer/name", CHARACTERS_255)]),
    ("customer", &["{\"address\": {\"street\": \"Main Street 5\"}}"], &[("/customer/address", TEXT)]),
    ("customer", &["{\"phone\": \"123456\"}"], &[("/customer/phone", UNKNOWN)]),
    (
        "capture",
        &["\"later\"", "\"AUTOMATIC\"", "true", "7777", "{}"],
        &[("/capture", "must be one of: automatic, manual")],
    ),
    (
        "expires_in_s",
        &["299", "0", "-1", "2592001", "300.5", "\"3600\"", "true", "1e3"],
        &[("/expires_in_s", "must be an integer from 300 to 2592000")],
    ),
    ("allow_duplicate", &["\"truly\"", "1", "0", "{}"], &[("/allow_duplicate", "must be true or false")]),
    (
        "metadata",
        &[
            "[]",
            "\"plain\"",
            "7777",
            "{\"key\": 7777}",
            "{\"key\": null}",
            "{\"key\": true}",
            "{\"key\": {}}",
            "{\"\": \"wert\"}",
        ],
        &[("/metadata", METADATA)],
    ),
    (
        "metadata",
        &["{\"key\": \"a\\u0000bcd\"}", "{\"a\\u0000bcd\": \"wert\"}", "{\"key\": \"a\\u001bbcd\"}"],
        &[("/metadata", METADATA)],
    ),
    ("site", &["7777", "{}"], &[("/site", TEXT)]),
    ("site", &["\"\""], &[("/site", "must have 1 to 100 characters")]),
    ("connector", &["7777", "[]"], &[("/connector", TEXT)]),
    ("amout", &["1999", "\"misspelled\"", "null", "{}"], &[("/amout", UNKNOWN)]),
    ("a/b~c", &["1"], &[("/a~1b~0c", UNKNOWN)]),
    ("Amount", &["1999"], &[("/Amount", UNKNOWN)]),
    ("", &["1"], &[("/", UNKNOWN)]),
    ("id", &["\"pi_mine\""], &[("/id", UNKNOWN)]),
    ("livemode", &["true"], &[("/livemode", UNKNOWN)]),
];

/// `lines` of `POST /v1/payment_intents`, whose amount is 2377.
const LINES: [(&str, Fields<'_>); 24] = [
    ("{}", &[("/lines", "must be a list")]),
    ("\"two books\"", &[("/lines", "must be a list")]),
    ("7777", &[("/lines", "must be a list")]),
    ("[7777]", &[("/lines/0", "must be an object")]),
    ("[null]", &[("/lines/0", "must be an object")]),
    ("[[\"book\"]]", &[("/lines/0", "must be an object")]),
    (
        "[{\"name\": \"A\", \"quantity\": 1, \"unit_amount\": 2377}, \"book\"]",
        &[("/lines/1", "must be an object")],
    ),
    (
        "[{}]",
        &[
            ("/lines/0/name", "is required: what the shopper sees"),
            ("/lines/0/quantity", "is required: how many"),
            ("/lines/0/unit_amount", "is required: price of one"),
        ],
    ),
    ("[{\"name\": 7777, \"quantity\": 1, \"unit_amount\": 2377}]", &[("/lines/0/name", TEXT)]),
    ("[{\"name\": \"\", \"quantity\": 1, \"unit_amount\": 2377}]", &[("/lines/0/name", CHARACTERS_255)]),
    (
        "[{\"name\": \"Book\", \"quantity\": 0, \"unit_amount\": 2377}]",
        &[("/lines/0/quantity", "must be an integer from 1")],
    ),
    (
        "[{\"name\": \"Book\", \"quantity\": -1, \"unit_amount\": -2377}]",
        &[("/lines/0/quantity", "must be an integer from 1")],
    ),
    (
        "[{\"name\": \"Book\", \"quantity\": 1.5, \"unit_amount\": 2377}]",
        &[("/lines/0/quantity", "must be an integer from 1")],
    ),
    (
        "[{\"name\": \"Book\", \"quantity\": \"1\", \"unit_amount\": 2377}]",
        &[("/lines/0/quantity", "must be an integer from 1")],
    ),
    (
        "[{\"name\": \"Book\", \"quantity\": 1000001, \"unit_amount\": 1}]",
        &[("/lines/0/quantity", "to 1000000")],
    ),
    ("[{\"name\": \"Book\", \"quantity\": 1, \"unit_amount\": 18.75}]", &[("/lines/0/unit_amount", MINOR)]),
    (
        "[{\"name\": \"Book\", \"quantity\": 1, \"unit_amount\": \"1777\"}]",
        &[("/lines/0/unit_amount", MINOR)],
    ),
    (
        "[{\"name\": \"Book\", \"quantity\": 1, \"unit_amount\": 9007199254740992}]",
        &[("/lines/0/unit_amount", "at most")],
    ),
    (
        "[{\"name\": \"Book\", \"quantity\": 1, \"unit_amount\": -9007199254740992}]",
        &[("/lines/0/unit_amount", "at least -9007199254740991")],
    ),
    (
        "[{\"name\": \"Book\", \"quantity\": 1, \"unit_amount\": 2377, \"price\": 2377}]",
        &[("/lines/0/price", UNKNOWN)],
    ),
    (
        "[{\"name\": \"Book\", \"quantity\": 1, \"unit_amount\": 2377, \"metadata\": []}]",
        &[("/lines/0/metadata", METADATA)],
    ),
    (
        "[{\"name\": \"Book\", \"quantity\": 1, \"unit_amount\": 2376}]",
        &[("/lines", "must sum to the amount")],
    ),
    (
        "[{\"name\": \"Book\", \"quantity\": 2, \"unit_amount\": 2377}, {\"name\": \"Off\", \"quantity\": 1, \"unit_amount\": -2376}]",
        &[("/lines", "a discount is a negative line")],
    ),
    (
        "[{\"name\": \"Gold\", \"quantity\": 1000000, \"unit_amount\": 9007199254740991}, {\"name\": \"Off\", \"quantity\": 1, \"unit_amount\": -5}]",
        &[("/lines", "line 0 (from 0) makes the sum too large")],
    ),
];

/// `POST /v1/refunds`, of the payment `PAID`.
const REFUNDS: [(&str, Fields<'_>); 16] = [
    ("{}", &[("/payment_intent", "is required")]),
    ("{\"payment_intent\": null}", &[("/payment_intent", "is required")]),
    ("{\"payment_intent\": 7777}", &[("/payment_intent", TEXT)]),
    ("{\"payment_intent\": \"\"}", &[("/payment_intent", "must have 1 to 64 characters")]),
    (
        "{\"payment_intent\": \"pi_nobody\"}",
        &[("/payment_intent", "names no payment intent of this API key")],
    ),
    (
        "{\"payment_intent\": \"ord_nobody\"}",
        &[("/payment_intent", "names no payment intent of this API key")],
    ),
    ("{\"payment_intent\": \"PAID\", \"amount\": 0}", &[("/amount", POSITIVE)]),
    ("{\"payment_intent\": \"PAID\", \"amount\": -777}", &[("/amount", POSITIVE)]),
    ("{\"payment_intent\": \"PAID\", \"amount\": 10.5}", &[("/amount", MINOR)]),
    ("{\"payment_intent\": \"PAID\", \"amount\": \"10.50\"}", &[("/amount", MINOR)]),
    ("{\"payment_intent\": \"PAID\", \"amount\": 9007199254740992}", &[("/amount", "at most")]),
    ("{\"payment_intent\": \"PAID\", \"reason\": 7777}", &[("/reason", TEXT)]),
    ("{\"payment_intent\": \"PAID\", \"metadata\": {\"key\": 7777}}", &[("/metadata", METADATA)]),
    ("{\"payment_intent\": \"PAID\", \"currency\": \"EUR\"}", &[("/currency", UNKNOWN)]),
    ("{\"amount\": 777, \"reason\": \"damaged\", \"metadata\": {}}", &[("/payment_intent", "is required")]),
    (
        "{\"amount\": -777, \"reason\": 7777, \"extra\": 1}",
        &[("/payment_intent", "is required"), ("/amount", POSITIVE), ("/reason", TEXT), ("/extra", UNKNOWN)],
    ),
];

/// `POST /v1/webhook_endpoints`; for `PATCH` the same but for what is required.
const ENDPOINTS: [(&str, Fields<'_>); 13] = [
    ("{\"url\": 7777}", &[("/url", TEXT)]),
    ("{\"url\": \"\"}", &[("/url", "must have 1 to 2000 characters")]),
    ("{\"url\": \"/hooks\"}", &[("/url", "cannot be read")]),
    ("{\"url\": \"javascript:alert(1)\"}", &[("/url", "must begin with https://")]),
    ("{\"url\": \"data:text/html,hello\"}", &[("/url", "must begin with https://")]),
    ("{\"url\": \"file:///etc/passwd\"}", &[("/url", "must begin with https://")]),
    (
        "{\"url\": \"https://user:word@shop.test/hooks\"}",
        &[("/url", "must not contain a user name or password")],
    ),
    ("{\"url\": \"https://shop.test/hooks#part\"}", &[("/url", "must not contain a fragment")]),
    (
        "{\"url\": \"https://shop.test/hooks\", \"event_types\": \"refund.created\"}",
        &[("/event_types", "must be a list")],
    ),
    (
        "{\"url\": \"https://shop.test/hooks\", \"event_types\": [7777]}",
        &[("/event_types", "must be a list")],
    ),
    (
        "{\"url\": \"https://shop.test/hooks\", \"event_types\": [\"nobody.paid\"]}",
        &[("/event_types", "may hold only: payment_intent.created")],
    ),
    ("{\"url\": \"https://shop.test/hooks\", \"description\": 7777}", &[("/description", TEXT)]),
    ("{\"url\": \"https://shop.test/hooks\", \"secret\": \"whsec_mine\"}", &[("/secret", UNKNOWN)]),
];

async fn check(hub: &TestHub, method: Method, path: String, body: String, fields: Fields<'_>) {
    let keyed = method == Method::POST;
    let answer = send(request(&hub.cart, method, &path, keyed, &body)).await;
    refused(&answer, Kind::Validation, fields, &body);
}

async fn check_intent(hub: &TestHub, body: String, fields: Fields<'_>) {
    check(hub, Method::POST, "/v1/payment_intents".to_owned(), body, fields).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_fields_of_an_intent() {
    let world = World::start().await;
    let hub = &world.hub;
    let before = rows(hub).await;
    for (field, values, fields) in INTENTS {
        for value in values {
            check_intent(hub, intent_with(field, value), fields).await;
        }
    }
    for (lines, fields) in LINES {
        check_intent(hub, intent_with("lines", lines), fields).await;
    }
    for (field, chars, fix) in [
        ("order_reference", 256, "must have 1 to 255 characters"),
        ("description", 501, "must have 1 to 500 characters"),
        ("site", 101, "must have 1 to 100 characters"),
        ("connector", 101, "must have 1 to 100 characters"),
        ("return_url", 2_001, "must have 1 to 2000 characters"),
    ] {
        check_intent(
            hub,
            intent_with(field, &json!("é".repeat(chars)).to_string()),
            &[(&format!("/{field}"), fix)],
        )
        .await;
    }
    let line = json!({ "name": "Book", "quantity": 1, "unit_amount": 4 });
    check_intent(
        hub,
        intent_with("lines", &json!(vec![line; 501]).to_string()),
        &[("/lines", "must have at most 500 items")],
    )
    .await;
    let pairs = (0..51).map(|number| (format!("key{number}"), json!("wert")));
    let many: serde_json::Map<_, _> = pairs.collect();
    for metadata in [json!(many), json!({ "k".repeat(41): "wert" }), json!({ "key": "v".repeat(501) })] {
        check_intent(hub, intent_with("metadata", &metadata.to_string()), &[("/metadata", METADATA)]).await;
    }
    assert_eq!(rows(hub).await, before, "something was stored");
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_mistake_is_named_at_once() {
    let world = World::start().await;
    let body = json!({
        "amount": "18.75",
        "currency": "eur",
        "return_url": "danke",
        "lines": [{ "name": "Book", "quantity": 0 }, 7],
        "customer": { "email": "nobody", "country": "de", "fax": "1" },
        "metadata": { "key": 1 },
        "shade": "green",
    })
    .to_string();
    let answer = send(request(&world.hub.cart, Method::POST, "/v1/payment_intents", true, &body)).await;
    let fields = [
        ("/currency", CODE),
        ("/amount", MINOR),
        ("/lines/0/quantity", "must be an integer"),
        ("/lines/0/unit_amount", "is required"),
        ("/lines/1", "must be an object"),
        ("/customer/email", "must be an e-mail address"),
        ("/customer/country", "ISO 3166-1"),
        ("/customer/fax", UNKNOWN),
        ("/metadata", METADATA),
        // Which URLs are right depends on the operator's config; it is looked at last.
        ("/return_url", "must be an absolute URL"),
        ("/shade", UNKNOWN),
    ];
    refused(&answer, Kind::Validation, &fields, &body);
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn wrong_fields_of_the_other_calls() {
    let world = World::start().await;
    let hub = &world.hub;
    let before = rows(hub).await;
    for (body, fields) in REFUNDS {
        check(hub, Method::POST, "/v1/refunds".to_owned(), body.replace("PAID", &world.paid), fields).await;
    }
    let endpoint = format!("/v1/webhook_endpoints/{}", world.endpoint);
    check(hub, Method::POST, "/v1/webhook_endpoints".to_owned(), "{}".to_owned(), &[("/url", "is required")])
        .await;
    for (body, fields) in ENDPOINTS {
        check(hub, Method::POST, "/v1/webhook_endpoints".to_owned(), body.to_owned(), fields).await;
        check(hub, Method::PATCH, endpoint.clone(), body.to_owned(), fields).await;
    }
    check(
        hub,
        Method::POST,
        "/v1/webhook_endpoints".to_owned(),
        "{\"url\": \"https://shop.test/h\", \"enabled\": false}".to_owned(),
        &[("/enabled", UNKNOWN)],
    )
    .await;
    check(
        hub,
        Method::PATCH,
        endpoint.clone(),
        "{\"enabled\": \"falsely\"}".to_owned(),
        &[("/enabled", "must be true or false")],
    )
    .await;
    check(
        hub,
        Method::POST,
        format!("{endpoint}/rotate_secret"),
        "{\"secret\": \"whsec_mine\"}".to_owned(),
        &[("/secret", UNKNOWN)],
    )
    .await;
    let resend = format!("/v1/events/{}/resend", world.event);
    check(
        hub,
        Method::POST,
        resend.clone(),
        "{\"webhook_endpoint\": 7777}".to_owned(),
        &[("/webhook_endpoint", TEXT)],
    )
    .await;
    check(
        hub,
        Method::POST,
        resend.clone(),
        "{\"webhook_endpoint\": \"whe_nobody\"}".to_owned(),
        &[("/webhook_endpoint", "names no enabled endpoint")],
    )
    .await;
    check(hub, Method::POST, resend, "{\"endpoint\": \"whe_nobody\"}".to_owned(), &[("/endpoint", UNKNOWN)])
        .await;
    let capture = format!("/v1/payment_intents/{}/capture", world.authorized);
    for (body, fields) in [
        ("{\"amount\": 0}", [("/amount", POSITIVE)]),
        ("{\"amount\": -777}", [("/amount", POSITIVE)]),
        ("{\"amount\": 10.5}", [("/amount", MINOR)]),
        ("{\"amount\": \"1000\"}", [("/amount", MINOR)]),
        ("{\"final\": \"truly\"}", [("/final", "must be true or false")]),
        ("{\"currency\": \"EUR\"}", [("/currency", UNKNOWN)]),
    ] {
        check(hub, Method::POST, capture.clone(), body.to_owned(), &fields).await;
    }
    let cancel = format!("/v1/payment_intents/{}/cancel", world.open);
    check(hub, Method::POST, cancel, "{\"reason\": \"fraud\"}".to_owned(), &[("/reason", UNKNOWN)]).await;
    assert_eq!(rows(hub).await, before, "something was stored");
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_no_connector_takes_is_not_repeated_either() {
    let world = World::start().await;
    let before = rows(&world.hub).await;
    for (field, value) in [("connector", "\"nobody_pay\"")] {
        let body = intent_with(field, value);
        let answer = send(request(&world.hub.cart, Method::POST, "/v1/payment_intents", true, &body)).await;
        let problem = refused(&answer, Kind::NoConnector, &[], &body);
        assert!(
            problem["detail"].as_str().expect("a text").contains("sandbox_a"),
            "the reason for each connector"
        );
    }
    assert_eq!(rows(&world.hub).await, before, "something was stored");
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_just_right_is_taken() {
    let world = World::start().await;
    let rows = [
        ("amount", "1"),
        ("amount", "9007199254740991"),
        ("currency", "\"JPY\""),
        ("currency", "\"BHD\""),
        ("expires_in_s", "300"),
        ("expires_in_s", "2592000"),
        ("description", "\"two\\nlines, 100 % <b>plain</b> \\ud83d\\ude00\""),
        ("metadata", "{}"),
        ("metadata", "{\"key\": \"\"}"),
        ("metadata", "{\"key\": \"two\\nlines\"}"),
        ("lines", "[]"),
        ("lines", "null"),
        ("customer", "{}"),
        ("customer", "null"),
        ("allow_duplicate", "false"),
        ("capture", "null"),
        ("return_url", "\"https://shop.test\""),
        ("return_url", "\"https://xn--bcher-kva.test/d%C3%A4nke?a=b&c#part\""),
    ];
    for (field, value) in rows {
        let body = intent_with(field, value);
        let answer = send(request(&world.hub.cart, Method::POST, "/v1/payment_intents", true, &body)).await;
        assert_eq!(answer.status, 201, "{body} {}", answer.text);
    }
    world.hub.finish().await;
}
