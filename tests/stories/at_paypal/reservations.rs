//! Reserved first: taken whole, in parts, or given up.

use serde_json::{Value, json};

use super::world::AtPayPal;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::twins::desk::Moved;

told!(crate::twins::paypal::PayPal: [
    reserved_and_taken_in_parts,
    a_last_part_releases_the_rest,
    a_reservation_is_released,
] in native);

told!(crate::twins::paypal::PayPal: [reserved_and_taken_in_parts] in plugin);

pub(super) const RESERVED: &str = "payment_intent.requires_capture";

async fn reserved_and_taken_in_parts(world: AtPayPal) {
    let (intent, order) = world.paid(json!({ "capture": "manual" })).await;
    world.agree(&intent, "requires_capture", &[CREATED, RESERVED]).await;
    // (what is asked, what is taken then, what is left)
    let rows = [
        (json!({ "amount": 600, "final": false }), 600, 1399),
        (json!({ "amount": 400, "final": false }), 1000, 999),
        (json!({}), 1999, 0),
    ];
    for (body, taken, left) in rows {
        world.cart.capture(&intent, body).await;
        let is_so =
            |intent: &Value| intent["amount_captured"] == taken && intent["amount_capturable"] == left;
        world.cart.until(&intent, "a part is taken", is_so).await;
    }
    let books = world.agree_in_parts(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
    assert_eq!((books.count(Moved::Taken), books.count(Moved::Released)), (3, 0));
    let payments = world.twin.order(&order)["purchase_units"][0]["payments"].clone();
    assert_eq!(payments["authorizations"][0]["status"], "CAPTURED");
    assert_eq!(payments["captures"].as_array().unwrap().len(), 3);
    world.finish().await;
}

async fn a_last_part_releases_the_rest(world: AtPayPal) {
    let (intent, order) = world.paid(json!({ "capture": "manual" })).await;
    world.cart.capture(&intent, json!({ "amount": 600 })).await;
    world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
    let books = world.twin.ledger().of(&order);
    assert_eq!((books.total(Moved::Taken), books.total(Moved::Released)), (600, 1399));
    assert_eq!(world.cart.capture(&intent, json!({ "amount": 1 })).await.status, 409);
    world.refunded(&intent, Some(600)).await;
    world.finish().await;
}

async fn a_reservation_is_released(world: AtPayPal) {
    let (intent, order) = world.paid(json!({ "capture": "manual" })).await;
    world.cart.cancel(&intent).await.expect(200);
    world.agree(&intent, "canceled", &[CREATED, RESERVED, "payment_intent.canceled"]).await;
    let books = world.twin.ledger().of(&order);
    assert_eq!((books.count(Moved::Taken), books.total(Moved::Released)), (0, 1999));
    assert_eq!(world.twin.count_asked("void"), 1);
    world.finish().await;
}
