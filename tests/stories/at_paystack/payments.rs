//! Shoppers at Paystack's page.

use serde_json::{Value, json};

use super::world::AtPaystack;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;

told!(crate::twins::paystack::Paystack: [
    what_the_cart_says_reaches_the_page,
    declined_and_left_and_paid_on_another_page,
] in plugin);

async fn what_the_cart_says_reaches_the_page(world: AtPaystack) {
    let wish = json!({ "amount": 250_000, "order_reference": "1001", "description": "One good book",
        "cancel_url": "https://shop.test/cart" });
    let (intent, page) = world.open(wish).await;
    let transaction = world.twin.transaction(&world.page(&page));
    assert_eq!((&transaction["amount"], &transaction["currency"]), (&json!(250_000), &json!("NGN")));
    assert_eq!(transaction["customer"]["email"], "ada@example.com");
    let metadata = &transaction["metadata"];
    assert_eq!(
        (&metadata["order_reference"], &metadata["description"]),
        (&json!("1001"), &json!("One good book"))
    );
    let link_back = metadata["cancel_action"].as_str().expect("a link back");
    assert!(link_back.starts_with(&world.base_url), "{link_back}");
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// Paystack tells nobody of a decline; the hub asks because the shopper is back.
async fn declined_and_left_and_paid_on_another_page(world: AtPaystack) {
    let (intent, page) = world.open(json!({ "cancel_url": "https://shop.test/cart" })).await;
    page.submit(&[("action", "decline"), ("gateway_response", "Insufficient Funds")]).await;
    let back = page.cancel().await;
    assert_eq!(back.url(), format!("https://shop.test/cart?payment_intent={}", id(&intent)));
    let declined = |intent: &Value| intent["attempts"][0]["state"] == "declined";
    let shown = world.cart.until(id(&intent), "declined", declined).await;
    assert_eq!(shown["status"], "requires_checkout");
    let other = world.shopper().open(&intent).await;
    assert_ne!(world.page(&other), world.page(&page));
    other.pay().await;
    let told = [CREATED, "payment_intent.attempt_declined", SUCCEEDED, PAID];
    world.agree(id(&intent), "succeeded", &told).await;
    world.finish().await;
}
