//! The main job: a cart takes a payment, the shopper comes home, the merchant hears of it.

use serde_json::{Value, json};

use crate::support::receiver::Receiver;
use crate::support::{TestHub, eventually, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cart_takes_a_payment() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    let endpoint = merchant.register(&hub, &[]).await;

    let intent = hub.cart.create(json!({ "amount": 1999, "metadata": { "course": "rust-101" } })).await;
    assert_eq!(intent["status"], "requires_checkout");
    let page = hub.shopper().open(&intent).await;
    assert!(page.url().starts_with(&hub.sandbox.base_url));
    let thanks = page.pay().await;

    // When the shopper lands at the shop, the truth is already known.
    assert!(thanks.is_at_the_shop());
    let paid = hub.cart.intent(id(&intent)).await;
    assert_eq!(paid["status"], "succeeded");
    assert_eq!((&paid["amount_captured"], &paid["amount_capturable"]), (&json!(1999), &json!(0)));
    assert_eq!(
        (&paid["attempts"][0]["connector"], &paid["attempts"][0]["state"]),
        (&json!("sandbox_a"), &json!("captured"))
    );
    assert_eq!(paid["metadata"]["course"], "rust-101");
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.count("charge"), books.charged), (1, 1999));

    let types = hub.cart.event_types(id(&intent)).await;
    let told: Vec<_> =
        types.iter().map(String::as_str).filter(|kind| !kind.ends_with(".processing")).collect();
    assert_eq!(told, ["payment_intent.created", "payment_intent.succeeded", "order.paid"]);
    the_merchant_hears_every_event(&hub, &merchant, &endpoint.secret, id(&intent)).await;
    hub.finish().await;
}

async fn the_merchant_hears_every_event(hub: &TestHub, merchant: &Receiver, secret: &str, intent: &str) {
    let events = hub.cart.events(intent).await;
    let sequences: Vec<_> = events.iter().map(|event| event["sequence"].as_u64().unwrap()).collect();
    assert_eq!(sequences, (1..=u64::try_from(events.len()).unwrap()).collect::<Vec<_>>());
    let received = merchant.until_count(events.len()).await;
    for event in &events {
        let delivery = received.iter().find(|one| one.header("webhook-id") == id(event));
        let delivery = delivery.unwrap_or_else(|| panic!("{event} was not delivered"));
        assert_eq!(&delivery.json(), event);
        assert!(delivery.is_signed_with(secret));
        let mut flipped = delivery.clone();
        flipped.body[0] ^= 1;
        assert!(!flipped.is_signed_with(secret), "the check can fail");
        assert!((delivery.timestamp() - hub.now_s()).abs() < 60);
    }
    let paid = events.iter().find(|event| event["type"] == "order.paid").unwrap();
    let order = &paid["data"]["object"];
    assert_eq!(
        (&order["object"], &order["status"], &order["amount_paid"]),
        (&json!("order"), &json!("paid"), &json!(1999))
    );
    let shown = hub.cart.get(&format!("/v1/orders/{}", id(order))).await.expect(200);
    assert_eq!(shown["payment_intent"], intent);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_shopper_comes_home_with_the_intents_id_and_nothing_else() {
    let rows = [
        ("http://shop.test/thanks", "http://shop.test/thanks?payment_intent=PI"),
        ("http://shop.test/thanks?order=7", "http://shop.test/thanks?order=7&payment_intent=PI"),
        ("http://shop.test/?a=b%20c&a=d#top", "http://shop.test/?a=b%20c&a=d&payment_intent=PI#top"),
        ("https://shop.test:8443/%C3%BC?x", "https://shop.test:8443/%C3%BC?x&payment_intent=PI"),
    ];
    let hub = TestHub::start().await;
    for (return_url, home) in rows {
        let intent = hub.cart.create(json!({ "return_url": return_url })).await;
        let thanks = hub.shopper().open(&intent).await.pay().await;
        assert_eq!(thanks.url(), home.replace("PI", id(&intent)));
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shopper_who_never_comes_back_has_paid_all_the_same() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({})).await;
    let page = hub.shopper().open(&intent).await;
    hub.sandbox.act(page.session(), json!({ "action": "pay" })).await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_back_proves_nothing() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({})).await;
    let page = hub.shopper().open(&intent).await;
    let session = hub.sandbox.session(page.session()).await;
    let return_url = session["return_url"].as_str().unwrap().to_owned();
    for pretended in ["", "?session=ss_none&status=paid", "?payment_intent=x&paid=1"] {
        let shopper = hub.shopper();
        // A look at the processor is at most one in two seconds.
        let home = hub.fast(shopper.visit(&format!("{return_url}{pretended}"))).await;
        assert!(home.url().ends_with(&format!("payment_intent={}", id(&intent))), "{}", home.url());
        assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_processor_is_told_what_the_cart_said() {
    let rows = [("EUR", 1234_i64), ("JPY", 500), ("BHD", 1_005), ("USD", 999_999_999)];
    let hub = TestHub::start().await;
    for (currency, amount) in rows {
        let wish =
            json!({ "currency": currency, "amount": amount, "description": "A course", "locale": "pt-BR" });
        let intent = hub.cart.create(wish).await;
        let page = hub.shopper().open(&intent).await;
        let session = hub.sandbox.session(page.session()).await;
        assert_eq!((&session["currency"], &session["amount"]), (&json!(currency), &json!(amount)));
        page.pay().await;
        let paid = hub.cart.intent(id(&intent)).await;
        assert_eq!((&paid["status"], &paid["amount_captured"]), (&json!("succeeded"), &json!(amount)));
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_shoppers_pay_at_once() {
    let hub = TestHub::start().await;
    let one = async |number: i64| -> Value {
        let intent = hub.cart.create(json!({ "amount": 100 + number })).await;
        hub.shopper().open(&intent).await.pay().await;
        hub.cart.until_status(id(&intent), "succeeded").await
    };
    let (a, b, c, d) = tokio::join!(one(1), one(2), one(3), one(4));
    let mut amounts: Vec<_> =
        [a, b, c, d].iter().map(|intent| intent["amount_captured"].as_i64().unwrap()).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [101, 102, 103, 104]);
    let all = hub.cart.get("/v1/payment_intents?status=succeeded&limit=3").await.expect(200);
    assert_eq!(all["data"].as_array().unwrap().len(), 3);
    let cursor = all["next_cursor"].as_str().unwrap();
    let rest = hub
        .cart
        .get(&format!("/v1/payment_intents?status=succeeded&limit=3&cursor={cursor}"))
        .await
        .expect(200);
    assert_eq!((rest["data"].as_array().unwrap().len(), &rest["next_cursor"]), (1, &Value::Null));
    eventually("all charges", async || (hub.sandbox.ledger().await.count("charge") == 4).then_some(())).await;
    hub.finish().await;
}

/// The promises that every story rests on are checked at its end; here is that the check can fail.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_final_check_finds_what_must_not_be_there() {
    let hub = TestHub::start().await;
    hub.cart.create(json!({ "metadata": { "course": "not-a-secret-at-all" } })).await;
    let file = hub.database();
    let check = |secrets: &[&str]| {
        let secrets: Vec<_> = secrets.iter().map(|text| (*text).to_owned()).collect();
        std::panic::catch_unwind(|| file.check(&secrets)).is_ok()
    };
    assert!(check(&["some-secret"]));
    assert!(!check(&["some-secret", "not-a-secret-at-all"]));
    hub.finish().await;
}
