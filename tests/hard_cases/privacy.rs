//! Hard cases 64 and 65: what is known of the shopper can be forgotten, and a card number never comes in.

use payhub::operator::{Request, perform};
use reqwest::Method;
use serde_json::{Value, json};

use super::lives::{Life, paid, paid_at_the_page};
use crate::support::cart::Answer;
use crate::support::{TestHub, id};

const CUSTOMER: [&str; 3] = ["hedwig.lamarr@example.org", "Hedwig Lamarr", "12 Signal Lane, Springfield"];

async fn erase(hub: &TestHub, life: &str) -> Result<Value, String> {
    let ask = Request::ErasePersonalData { id: life.to_owned(), operator: "someone".to_owned() };
    perform(hub.inside(), ask).await.map_err(|error| error.to_string())
}

/// 64. Personal data lies apart from the history, sealed, and can be erased while the books stay and go on.
///
/// Not there yet: a key for each shopper, so that what is left of the sealed rows in backups dies with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_64_the_shopper_is_forgotten() {
    let mut hub = TestHub::start().await;
    for text in CUSTOMER {
        hub.keep_out_of_the_file(text);
    }
    let customer =
        json!({ "email": CUSTOMER[0], "name": CUSTOMER[1], "country": "US", "address": CUSTOMER[2] });
    let open = hub.cart.create(json!({ "customer": customer })).await;
    let body = json!({ "amount": 100, "customer": customer });
    let life: Life = paid_at_the_page(&hub, body, "succeeded").await;
    let known = "SELECT count(*) FROM personal_data";
    let kept = "SELECT count(*) FROM inbox WHERE length(sealed) > 0";
    hub.sandbox.until_quiet().await;
    let unread = "SELECT count(*) FROM jobs WHERE key LIKE 'take:%'";
    crate::support::eventually("all is read", async || (hub.database().number(unread) == 0).then_some(()))
        .await;
    assert_eq!(hub.database().number(known), 2);
    assert!(hub.database().number(kept) > 0);
    // As long as a page may still be opened with it, it is needed.
    let refused = erase(&hub, id(&open)).await.unwrap_err();
    assert!(refused.contains("requires_checkout") && refused.contains("cancel it"), "{refused}");
    assert_eq!(hub.database().number(known), 2);

    let history = life.story(&hub).await["events"].clone();
    erase(&hub, &life.id).await.unwrap();
    assert_eq!((hub.database().number(known), hub.database().number(kept)), (1, 0));
    // The history is as it was, with one event more that says who.
    let after = life.story(&hub).await["events"].as_array().unwrap().clone();
    let erased = after.iter().position(|event| event["event"]["event"] == "personal_data_erased").unwrap();
    assert!(after[..erased].starts_with(history.as_array().unwrap()), "the history was changed");
    assert_eq!(after[erased]["cause"]["name"], "someone");
    // Nobody is told, and the money goes on: a refund, after a restart too.
    hub.restart().await;
    let refund = hub.cart.refund(&life.id, Some(40)).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    assert_eq!(life.books(&hub).await.refunded, 40);
    hub.cart.cancel(id(&open)).await.expect(200);
    erase(&hub, id(&open)).await.unwrap();
    assert_eq!(hub.database().number(known), 0);
    // Again is the same, and a stranger is none.
    erase(&hub, &life.id).await.unwrap();
    assert!(erase(&hub, "pi_01jd0000000000000000000abc").await.is_err());
    hub.finish().await;
}

/// 64. A delivery that taught nothing is about the payment all the same: because the hub had asked before it came,
/// because its event was taken already, or because it proves nothing. It is shown and erased with the payment,
/// and no other is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_64_whatever_came_about_the_shopper_is_forgotten() {
    let hub = TestHub::start().await;
    let (life, other) = (paid(&hub, 100).await, paid(&hub, 200).await);
    hub.sandbox.until_quiet().await;
    let known = hub.sandbox.webhooks().await;
    let known =
        known.iter().find(|event| event["session"] == life.session && event["type"] == "session.paid");
    let known: Value = serde_json::from_str(known.unwrap()["body"].as_str().unwrap()).unwrap();
    // (what, its event's id, what it says): each is another body.
    let mut noted = known["data"]["object"].clone();
    noted["note"] = json!("signed for by Hedwig Lamarr");
    let rows = [
        ("news from before", json!("ev_late"), known["data"]["object"].clone()),
        ("an event that was taken", known["id"].clone(), noted),
        ("a hint", json!("ev_hint"), json!({ "object": "session", "id": life.session })),
    ];
    let unread = "SELECT count(*) FROM jobs WHERE key LIKE 'take:%'";
    let shown = async |life: &Life| life.story(&hub).await["deliveries_in"].as_array().unwrap().len();
    for (what, event_id, object) in rows {
        let before = (shown(&life).await, shown(&other).await, life.story(&hub).await["events"].clone());
        let mut event = known.clone();
        (event["id"], event["data"]["object"]) = (event_id, object);
        let taken = hub.deliver_signed("sandbox_a", &event.to_string(), hub.now_s()).await;
        assert_eq!(taken.status, 200, "{what}");
        crate::support::eventually(what, async || (hub.database().number(unread) == 0).then_some(())).await;
        if what != "a hint" {
            assert_eq!(life.story(&hub).await["events"], before.2, "{what} taught something");
        }
        assert_eq!((shown(&life).await, shown(&other).await), (before.0 + 1, before.1), "{what}");
    }
    let kept = "SELECT count(*) FROM inbox WHERE length(sealed) > 0";
    let (ours, others) = (shown(&life).await, shown(&other).await);
    assert!(ours > 3 && others > 0, "{ours} {others}");
    let answer = erase(&hub, &life.id).await.unwrap();
    assert_eq!(answer["deliveries"], ours);
    assert_eq!(hub.database().number(kept), i64::try_from(others).unwrap());
    assert_eq!(shown(&life).await, ours, "that they came is no secret");
    hub.finish().await;
}

/// 65. A card number in any place of a request is refused with a pointer to it; nothing of it is stored, logged
/// or repeated.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_65_a_card_number_never_comes_in() {
    crate::api::logs::keep();
    let hub = TestHub::start().await;
    let tables = [
        "payments",
        "orders",
        "payment_events",
        "idempotency_keys",
        "public_events",
        "jobs",
        "personal_data",
    ];
    let rows = || tables.map(|table| hub.database().number(&format!("SELECT count(*) FROM {table}")));
    hub.cart.create(json!({})).await;
    let before = rows();
    // Numbers that brands publish for tests, as people write them.
    for number in
        ["4111111111111111", "5555 5555 5555 4444", "3782-822463-10005", "6011\u{a0}1111\u{a0}1111\u{a0}1117"]
    {
        let places = [
            ("/order_reference", json!({ "order_reference": number })),
            ("/description", json!({ "description": format!("pays with {number}") })),
            ("/metadata/note", json!({ "metadata": { "note": number } })),
            ("/metadata", json!({ "metadata": { number: "note" } })),
            ("/lines/0/name", json!({ "lines": [{ "name": number, "quantity": 1, "unit_amount": 1999 }] })),
            (
                "/lines/0/sku",
                json!({ "lines": [{ "name": "x", "sku": number, "quantity": 1, "unit_amount": 1999 }] }),
            ),
            ("/customer/name", json!({ "customer": { "name": number } })),
            ("/customer/address", json!({ "customer": { "address": number } })),
            (
                "/return_url",
                json!({ "return_url": format!("http://shop.test/?card={}", number.replace(' ', "+")) }),
            ),
            (
                "/cancel_url",
                json!({ "cancel_url": format!("http://shop.test/{}", number.replace(' ', "-")) }),
            ),
        ];
        for (pointer, overrides) in places {
            let answer = hub.cart.create_intent(overrides).await;
            assert_eq!((answer.status, answer.code().as_str()), (422, "card_number_detected"), "{pointer}");
            assert_eq!(answer.json()["errors"][0]["pointer"], pointer, "{}", answer.text);
            assert_unrepeated(&answer, number);
        }
        if number.is_ascii() {
            let body = crate::support::cart::Cart::intent_body(&json!({}));
            let keyed = hub.cart.post("/v1/payment_intents", number, &body).await;
            assert_eq!((keyed.status, keyed.code().as_str()), (422, "card_number_detected"), "as a key");
            assert!(keyed.json()["detail"].as_str().unwrap().contains("`Idempotency-Key`"), "{}", keyed.text);
            assert_unrepeated(&keyed, number);
        }
        let query =
            form_urlencoded::Serializer::new(String::new()).append_pair("order_reference", number).finish();
        let asked = hub.cart.get(&format!("/v1/payment_intents?{query}")).await;
        assert_eq!((asked.status, asked.code().as_str()), (422, "card_number_detected"), "in an address");
        assert_unrepeated(&asked, number);
        // A header that nothing reads is only not repeated and not logged.
        let agent = hub
            .cart
            .request(Method::GET, "/v1/payment_intents")
            .header("x-note", number.replace('\u{a0}', " "));
        assert_unrepeated(&Answer::of(agent.send().await.unwrap()).await, number);
    }
    assert_eq!(rows(), before, "something was stored");
    let logged = crate::api::logs::text();
    assert!(logged.contains("payment_intent.created"), "the search finds nothing");
    for number in [
        "4111111111111111",
        "5555 5555 5555 4444",
        "5555+5555+5555+4444",
        "3782-822463-10005",
        "6011\u{a0}1111",
    ] {
        assert!(!logged.contains(number), "{number} was logged");
        for name in ["hub.sqlite", "hub.sqlite-wal"] {
            let bytes = std::fs::read(hub.data_dir().join(name)).unwrap_or_default();
            assert!(!String::from_utf8_lossy(&bytes).contains(number), "{number} is in {name}");
        }
    }
    hub.finish().await;
}

fn assert_unrepeated(answer: &Answer, number: &str) {
    let plain: String = answer.text.chars().filter(char::is_ascii_digit).collect();
    let digits: String = number.chars().filter(char::is_ascii_digit).collect();
    assert!(!plain.contains(&digits) && !answer.text.contains(number), "{}", answer.text);
}
