//! The canary: a card number anywhere in a request is refused, and is nowhere afterwards.

use payhub::http::problem::Kind;
use reqwest::Method;
use serde_json::{Value, json};

use super::logs;
use super::problem::refused;
use super::world::{World, intent_with, request, rows, send};
use crate::support::cart::Cart;
use crate::support::id;

/// Numbers that brands and processors publish for testing.
const NUMBERS: [&str; 26] = [
    "4242 4242 4242 4242",
    "4111 1111 1111 1111",
    "4012 8888 8888 1881",
    "4000 0566 5566 5556",
    "4222 222 222 222",
    "4000 0000 0000 0000 006",
    "5555 5555 5555 4444",
    "5105 1051 0510 5100",
    "2223 0031 2200 3222",
    "2223 0000 4840 0011",
    "3782 822463 10005",
    "3714 496353 98431",
    "6011 1111 1111 1117",
    "6445 6445 6445 6445",
    "3056 9300 0902 0004",
    "3622 720627 1667",
    "3566 0020 2036 0505",
    "6200 0000 0000 0005",
    "6205 5000 0000 0000 004",
    "8171 9999 2766 0000",
    "6759 6498 2643 8453",
    "5018 0000 0009",
    "2200 0000 0000 0004",
    "6000 0000 0000 0007",
    "6362 9700 0045 7013",
    "9792 0303 9444 0796",
];

/// A way to write a number: its name, and how it is done.
type Writing = (&'static str, fn(&str) -> String);

/// How a number is written: in the JSON text, between its quotes.
const WRITINGS: [Writing; 10] = [
    ("plain", |number| number.replace(' ', "")),
    ("spaces", str::to_owned),
    ("dashes", |number| number.replace(' ', "-")),
    ("dots", |number| number.replace(' ', ".")),
    ("no-break spaces", |number| number.replace(' ', "\u{a0}")),
    ("within a sentence", |number| format!("My card: {number}, exp 12/29.")),
    ("within a URL", |number| format!("https://shop.test/?card={}&x=1", number.replace(' ', "+"))),
    ("percent-encoded", |number| number.bytes().map(|byte| format!("%{byte:02x}")).collect()),
    ("escaped", |number| number.replace(' ', "").bytes().map(|byte| format!("\\u{byte:04x}")).collect()),
    ("full-width", |number| number.replace(' ', "").chars().map(full_width).collect()),
];

fn full_width(digit: char) -> char {
    let value = digit.to_digit(10).expect("a digit");
    char::from_u32(u32::from('０') + value).expect("a digit")
}

/// Every place of a body where a text may stand: the call's index among [`World::calls`], the body with
/// `CARD`, and where it is found.
const PLACES: [(usize, &str, &str); 41] = [
    (0, "{\"description\": \"CARD\"}", "/description"),
    (0, "{\"order_reference\": \"CARD\"}", "/order_reference"),
    (0, "{\"currency\": \"CARD\"}", "/currency"),
    (0, "{\"amount\": \"CARD\"}", "/amount"),
    (0, "{\"locale\": \"CARD\"}", "/locale"),
    (0, "{\"site\": \"CARD\"}", "/site"),
    (0, "{\"connector\": \"CARD\"}", "/connector"),
    (0, "{\"capture\": \"CARD\"}", "/capture"),
    (0, "{\"return_url\": \"https://shop.test/CARD\"}", "/return_url"),
    (0, "{\"return_url\": \"https://shop.test/?n=CARD\"}", "/return_url"),
    (0, "{\"return_url\": \"https://shop.test/#CARD\"}", "/return_url"),
    (0, "{\"cancel_url\": \"https://shop.test/?n=CARD\"}", "/cancel_url"),
    (0, "{\"lines\": [{\"name\": \"CARD\"}]}", "/lines/0/name"),
    (0, "{\"lines\": [{}, {\"sku\": \"CARD\"}]}", "/lines/1/sku"),
    (0, "{\"lines\": [{\"kind\": \"CARD\"}]}", "/lines/0/kind"),
    (0, "{\"lines\": [{\"metadata\": {\"note\": \"CARD\"}}]}", "/lines/0/metadata/note"),
    (0, "{\"lines\": [{\"metadata\": {\"CARD\": \"note\"}}]}", "/lines/0/metadata"),
    (0, "{\"metadata\": {\"note\": \"CARD\"}}", "/metadata/note"),
    (0, "{\"metadata\": {\"CARD\": \"note\"}}", "/metadata"),
    (0, "{\"customer\": {\"email\": \"CARD@shop.test\"}}", "/customer/email"),
    (0, "{\"customer\": {\"name\": \"CARD\"}}", "/customer/name"),
    (0, "{\"customer\": {\"country\": \"CARD\"}}", "/customer/country"),
    (0, "{\"customer\": {\"address\": \"CARD\"}}", "/customer/address"),
    (0, "{\"card\": {\"number\": \"CARD\"}}", "/card/number"),
    (0, "{\"CARD\": 1}", ""),
    (0, "{\"a/b\": [[{\"~\": \"CARD\"}]]}", "/a~1b/0/0/~0"),
    (0, "[\"CARD\"]", "/0"),
    (0, "\"CARD\"", ""),
    (1, "{\"amount\": \"CARD\"}", "/amount"),
    (1, "{\"note\": \"CARD\"}", "/note"),
    (2, "{\"reason\": \"CARD\"}", "/reason"),
    (3, "{\"reason\": \"CARD\"}", "/reason"),
    (3, "{\"payment_intent\": \"CARD\"}", "/payment_intent"),
    (3, "{\"metadata\": {\"note\": \"CARD\"}}", "/metadata/note"),
    (4, "{\"url\": \"https://shop.test/CARD\"}", "/url"),
    (4, "{\"description\": \"CARD\"}", "/description"),
    (4, "{\"event_types\": [\"CARD\"]}", "/event_types/0"),
    (5, "{\"note\": \"CARD\"}", "/note"),
    (6, "{\"webhook_endpoint\": \"CARD\"}", "/webhook_endpoint"),
    (7, "{\"description\": \"CARD\"}", "/description"),
    (7, "{\"url\": \"https://shop.test/CARD\"}", "/url"),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn in_a_body() {
    logs::keep();
    let world = World::start().await;
    let before = rows(&world.hub).await;
    let calls = world.calls();
    // Every number in every writing in one place, and every place with one number in every writing.
    let everywhere = PLACES.iter().flat_map(|place| WRITINGS.map(|writing| (*place, writing, NUMBERS[0])));
    let every_number =
        NUMBERS.iter().flat_map(|number| WRITINGS.map(|writing| (PLACES[0], writing, *number)));
    for ((call, body, pointer), (writing, write), number) in everywhere.chain(every_number) {
        let (method, path, keyed) = calls[call].clone();
        let body = body.replace("CARD", &write(number));
        let answer = send(request(&world.hub.cart, method, &path, keyed, &body)).await;
        let problem =
            refused(&answer, Kind::CardNumberDetected, &[(pointer, "must never be sent to the hub")], &body);
        assert_eq!(problem["code"], "card_number_detected", "{writing}");
    }
    assert_eq!(rows(&world.hub).await, before, "something was stored");
    nowhere_afterwards(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn as_a_number() {
    logs::keep();
    let world = World::start().await;
    let before = rows(&world.hub).await;
    for number in ["4242424242424242", "-4242424242424242", "5555555555554444", "378282246310005"] {
        for (field, pointer) in
            [("amount", "/amount"), ("expires_in_s", "/expires_in_s"), ("number", "/number")]
        {
            let body = format!("{{\"{field}\": {number}}}");
            let answer =
                send(request(&world.hub.cart, Method::POST, "/v1/payment_intents", true, &body)).await;
            refused(&answer, Kind::CardNumberDetected, &[(pointer, "must never be sent to the hub")], &body);
        }
    }
    // With a fraction or an exponent the parser may round it to another number; there is no field for such.
    for number in ["4242424242424242.0", "42424242424242420e-1", "4.242424242424242e15"] {
        for field in ["amount", "expires_in_s", "description", "metadata", "number"] {
            let body = intent_with(field, number);
            let answer =
                send(request(&world.hub.cart, Method::POST, "/v1/payment_intents", true, &body)).await;
            assert_eq!(answer.status, 422, "{body}");
            assert!(!answer.text.contains("42424242424242"), "{}", answer.text);
        }
    }
    assert_eq!(rows(&world.hub).await, before, "something was stored");
    nowhere_afterwards(&world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn beside_the_body() {
    logs::keep();
    let world = World::start().await;
    let cart = &world.hub.cart;
    let before = rows(&world.hub).await;
    let writings =
        ["4242424242424242", "4242-4242-4242-4242", "4242%204242%204242%204242", "%34242424242424242"];
    for written in writings {
        for (method, path, _) in world.calls() {
            let keyed =
                cart.request(method.clone(), &path).header("idempotency-key", format!("order {written}"));
            let keyed = keyed.header("content-type", "application/json").body("{}");
            let problem = refused(&send(keyed).await, Kind::CardNumberDetected, &[], written);
            assert!(problem["detail"].as_str().expect("a text").contains("`Idempotency-Key`"), "{problem}");
        }
        for path in [
            format!("/v1/payment_intents/{written}"),
            format!("/v1/payment_intents?order_reference={written}"),
            format!("/v1/payment_intents?cursor={written}"),
            format!("/v1/payment_intents?{written}=1"),
            format!("/v1/events?payment_intent={written}"),
            format!("/v1/refunds/{written}"),
            format!("/v1/{written}"),
        ] {
            let problem = refused(&cart.get(&path).await, Kind::CardNumberDetected, &[], written);
            assert!(problem["detail"].as_str().expect("a text").contains("address"), "{problem}");
        }
        let delete = cart.request(Method::DELETE, &format!("/v1/webhook_endpoints/{written}"));
        refused(&send(delete).await, Kind::CardNumberDetected, &[], written);
    }
    // Where nothing is stored and nobody is told, it is only not repeated and not logged.
    for path in [
        "/pay/4242424242424242",
        "/return/4242424242424242",
        "/problems/4242424242424242",
        "/4242424242424242",
    ] {
        let answer = cart.get(path).await;
        assert_eq!(answer.status, 404, "{path}");
        assert!(!answer.text.contains("42424242"), "{path}: {}", answer.text);
    }
    let stranger = Cart::new(&world.hub.base_url, "4242424242424242");
    assert_eq!(stranger.get("/v1/payment_intents").await.status, 401);
    let agent = cart.request(Method::GET, "/v1/payment_intents").header("user-agent", "4242424242424242");
    send(agent).await.expect(200);
    assert_eq!(rows(&world.hub).await, before, "something was stored");
    nowhere_afterwards(&world).await;
}

/// That no number is in the database's files or in the log.
async fn nowhere_afterwards(world: &World) {
    // The search has something to find: what was taken is in the file, and what was done is in the log.
    let known = world.hub.cart.create(json!({ "description": "the search finds this" })).await;
    rows(&world.hub).await;
    let mut bytes = Vec::new();
    for name in ["hub.sqlite", "hub.sqlite-wal", "hub.sqlite-shm"] {
        bytes.extend(std::fs::read(world.hub.data_dir().join(name)).unwrap_or_default());
    }
    let (stored, logged) = (String::from_utf8_lossy(&bytes), logs::text());
    assert!(
        stored.contains("the search finds this") && logged.contains(id(&known)),
        "the search finds nothing"
    );
    for number in NUMBERS {
        for (writing, write) in WRITINGS {
            let written = write(number);
            assert!(!stored.contains(&written), "{number} ({writing}) is in the database");
            assert!(!logged.contains(&written), "{number} ({writing}) is in the log");
        }
    }
}

/// Looks like one and is none.
const NO_CARD_NUMBERS: [&str; 14] = [
    "20261122000123",
    "2026112200012345",
    "ORDER-2026-11-22-0001",
    "2026-11-22T23:59:59.123456Z",
    "550e8400-e29b-41d4-a716-446655440000",
    "00000000-0000-4000-8000-000000000000",
    "pi_01k9zq4242424242424242xyza",
    "+4915112345678",
    "4006381333931",
    "9780306406157",
    "DE89370400440532013000",
    "1767323045000000",
    "305-0000000-0000007",
    "4242424242424241",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn other_numbers_pass() {
    let world = World::start().await;
    let cart = &world.hub.cart;
    let ours = [&world.paid, &world.order, &world.refund, &world.endpoint, &world.event].map(String::as_str);
    let days_later = cart.intent(&world.paid).await["created_at"].clone();
    let texts = NO_CARD_NUMBERS.into_iter().chain(ours).chain(days_later.as_str());
    for text in texts {
        let body = json!({
            "order_reference": text,
            "description": format!("Order {text} of today"),
            "lines": [{ "name": text, "sku": text, "quantity": 1, "unit_amount": 1999 }],
            "metadata": { "number": text, text: "number" },
            "return_url": format!("https://shop.test/orders/{text}?order={text}"),
        });
        let intent =
            cart.post("/v1/payment_intents", &format!("key {text}"), &Cart::intent_body(&body)).await;
        let intent = intent.expect(201);
        assert_eq!(intent["order_reference"], text);
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("order_reference", text).finish();
        let found: Value = cart.get(&format!("/v1/payment_intents?{query}")).await.expect(200);
        assert_eq!(found["data"][0]["id"], intent["id"], "{text}");
    }
    world.hub.finish().await;
}
