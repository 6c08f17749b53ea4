//! Shoppers at PayPal's page, who approve, and the hub that completes what they approved.

use serde_json::{Value, json};

use super::world::AtPayPal;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;
use crate::twins::desk::Moved;

told!(crate::twins::paypal::PayPal: [
    what_the_cart_says_reaches_paypal,
    approved_and_never_returned_is_completed_once,
    returned_and_told_at_once_is_completed_once,
    completed_is_not_paid,
    left_and_paid_later,
    a_canceled_intent_is_not_completed,
] in native);

async fn what_the_cart_says_reaches_paypal(world: AtPayPal) {
    let wish = json!({ "order_reference": "1001", "description": "One good book", "locale": "de-AT" });
    let (intent, page) = world.open(wish).await;
    let asked = world.twin.requests().into_iter().find(|request| request.path == "/v2/checkout/orders");
    let asked: Value = serde_json::from_slice(&asked.expect("an order").body).expect("JSON");
    let unit = &asked["purchase_units"][0];
    assert_eq!(asked["intent"], "CAPTURE");
    assert_eq!(unit["amount"], json!({ "currency_code": "EUR", "value": "19.99" }));
    assert_eq!(unit["description"], "One good book");
    let context = &asked["payment_source"]["paypal"]["experience_context"];
    // Nothing that pends for days, no address that nobody asked for, and a button that says what it does.
    for (name, value) in [
        ("payment_method_preference", "IMMEDIATE_PAYMENT_REQUIRED"),
        ("shipping_preference", "NO_SHIPPING"),
        ("user_action", "PAY_NOW"),
        ("locale", "de-AT"),
    ] {
        assert_eq!(context[name], value, "{name}");
    }
    for name in ["return_url", "cancel_url"] {
        assert!(context[name].as_str().is_some_and(|url| url.starts_with(&world.base_url)), "{name}");
    }
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// The shopper agrees and closes the tab: many shops have lost this money.
async fn approved_and_never_returned_is_completed_once(world: AtPayPal) {
    let (intent, page) = world.open(json!({})).await;
    world.twin.approve(&world.page(&page), None);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.count_asked("complete"), 1);
    // Who comes late is led home all the same.
    assert!(world.shopper().open(&intent).await.is_at_the_shop());
    assert_eq!(world.twin.count_asked("complete"), 1);
    world.finish().await;
}

/// The webhook and the return race; whoever wins, the money is taken once.
async fn returned_and_told_at_once_is_completed_once(world: AtPayPal) {
    for _ in 0..5 {
        let (intent, page) = world.open(json!({})).await;
        page.pay().await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    }
    world.twin.until_quiet().await;
    assert_eq!(world.twin.ledger().count(Moved::Taken), 5);
    world.finish().await;
}

/// An order is `COMPLETED` as soon as PayPal has tried; only its capture says whether there is money.
async fn completed_is_not_paid(world: AtPayPal) {
    // (how the capture ends, the intent's status, what the cart is told)
    let rows: [(&str, &str, &[&str]); 2] = [
        ("COMPLETED", "succeeded", &[CREATED, SUCCEEDED, PAID]),
        ("DECLINED", "requires_checkout", &[CREATED, "payment_intent.attempt_declined"]),
    ];
    for (end, status, told) in rows {
        world.twin.captures_begin("PENDING");
        let (intent, page) = world.open(json!({})).await;
        let order = world.page(&page);
        page.pay().await;
        world.cart.until_status(id(&intent), "processing").await;
        world.twin.until_quiet().await;
        assert_eq!(world.twin.order(&order)["status"], "COMPLETED");
        assert_eq!(world.cart.status(id(&intent)).await, "processing", "complete is not paid");
        world.twin.end_capture(&order, end);
        world.agree(id(&intent), status, told).await;
        if end == "DECLINED" {
            world.twin.captures_begin("COMPLETED");
            let other = world.shopper().open(&intent).await;
            assert_ne!(world.page(&other), order, "PayPal takes no second try at the same order");
            other.pay().await;
            let told = [told, &[SUCCEEDED, PAID]].concat();
            world.agree(id(&intent), "succeeded", &told).await;
        }
    }
    assert_eq!(world.twin.ledger().count(Moved::Taken), 2);
    world.finish().await;
}

async fn left_and_paid_later(world: AtPayPal) {
    let (intent, page) = world.open(json!({ "cancel_url": "https://shop.test/cart" })).await;
    let back = page.cancel().await;
    assert_eq!(back.url(), format!("https://shop.test/cart?payment_intent={}", id(&intent)));
    world.twin.until_quiet().await;
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    let again = world.shopper().open(&intent).await;
    assert_eq!(again.url(), page.url(), "the same order waits");
    again.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.count_asked("open"), 1);
    world.finish().await;
}

/// An order cannot be called off at PayPal. Whoever still approves it has not paid.
async fn a_canceled_intent_is_not_completed(world: AtPayPal) {
    let (intent, page) = world.open(json!({})).await;
    world.cart.cancel(id(&intent)).await.expect(200);
    world.agree(id(&intent), "canceled", &[CREATED, "payment_intent.canceled"]).await;
    page.pay().await;
    world.twin.until_quiet().await;
    world.agree(id(&intent), "canceled", &[CREATED, "payment_intent.canceled"]).await;
    assert_eq!((world.twin.count_asked("complete"), world.twin.ledger().0), (0, vec![]));
    world.finish().await;
}
