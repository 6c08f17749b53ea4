//! Shoppers at Square's page, and links that are closed by deleting them: the page has no way back for who gives up,
//! and after a failed try it can be paid at although the link is gone.

use serde_json::{Value, json};

use super::world::AtSquare;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::outbox::Manner;

told!(crate::twins::square::Square: [
    what_the_cart_says_reaches_the_page,
    a_canceled_intent_deletes_its_link,
    a_deleted_link_is_paid_all_the_same,
    paid_at_the_seventh_try,
] in native);

told!(crate::twins::square::Square: [a_deleted_link_is_paid_all_the_same] in plugin);

async fn what_the_cart_says_reaches_the_page(world: AtSquare) {
    let wish = json!({ "amount": 250_000, "order_reference": "1001", "description": "One good book",
        "customer": { "email": "ada@example.com" } });
    let (intent, page) = world.open(wish).await;
    let wish = world.twin.wish_of(&world.page(&page));
    let rows = [
        ("/order/line_items/0/name", json!("One good book")),
        ("/order/line_items/0/base_price_money", json!({"amount": 250_000, "currency": "EUR"})),
        ("/order/metadata/order_reference", json!("1001")),
        ("/pre_populated_data/buyer_email", json!("ada@example.com")),
    ];
    for (pointer, value) in rows {
        assert_eq!(wish.pointer(pointer), Some(&value), "{pointer}");
    }
    let way_back = wish["checkout_options"]["redirect_url"].as_str().expect("a way back");
    assert!(way_back.starts_with(&format!("{}/return/", world.base_url)), "{way_back}");
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    // The order stays open until somebody fulfills it; that is no payment that waits.
    assert_eq!(world.twin.order_of(&world.page(&page))["state"], "OPEN");
    world.finish().await;
}

async fn a_canceled_intent_deletes_its_link(world: AtSquare) {
    let (intent, page) = world.open(json!({})).await;
    world.cart.cancel(id(&intent)).await.expect(200);
    world.agree(id(&intent), "canceled", &[CREATED, "payment_intent.canceled"]).await;
    let link = world.page(&page);
    assert!(world.twin.is_deleted(&link));
    assert_eq!(world.twin.order_of(&link)["state"], "CANCELED");
    assert_eq!(page.pay().await.status(), 410);
    world.finish().await;
}

/// Square deletes the link and leaves its order open. That is no cancellation, and the cart is told so; whoever pays
/// there afterwards has paid.
async fn a_deleted_link_is_paid_all_the_same(world: AtSquare) {
    let (intent, page) = world.open(json!({})).await;
    page.submit(&[("action", "decline"), ("code", "GENERIC_DECLINE")]).await;
    let answer = world.cart.cancel(id(&intent)).await;
    assert!([200, 202, 409].contains(&answer.status), "{}", answer.text);
    world.agree(id(&intent), "requires_checkout", &[CREATED, "payment_intent.cancel_failed"]).await;
    let link = world.page(&page);
    assert!(world.twin.is_deleted(&link));
    assert_eq!(world.twin.order_of(&link)["state"], "DRAFT");
    // Where it can be paid, whoever follows the cart's link is led there and to no second page.
    assert_eq!(world.shopper().open(&intent).await.url(), page.url());
    let thanks = page.pay().await;
    assert_eq!((thanks.status(), thanks.is_hosted()), (200, true), "nobody is sent back from there");
    world.agree(id(&intent), "succeeded", &[CREATED, "payment_intent.cancel_failed", SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.ledger().count(Moved::Taken), 1);
    world.finish().await;
}

/// The order names every try. Only the hub's own question can tell which one is paid.
async fn paid_at_the_seventh_try(world: AtSquare) {
    world.twin.webhooks(Manner::Dropped);
    let (intent, page) = world.open(json!({})).await;
    for _ in 0..6 {
        let still = page.submit(&[("action", "decline"), ("code", "INSUFFICIENT_FUNDS")]).await;
        assert_eq!(still.status(), 200);
    }
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.twin.webhooks(Manner::Prompt);
    world.refunded(id(&intent), Some(500)).await;
    let shown: Value = world.cart.intent(id(&intent)).await;
    assert_eq!((&shown["amount_refunded"], &shown["amount_captured"]), (&json!(500), &json!(1999)));
    world.finish().await;
}
