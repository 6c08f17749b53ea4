//! Money that is reserved first: captured in part, released, lapsed, and all of it at the bank's own pace.

use serde_json::{Value, json};

use super::world::AtMollie;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::eventually;
use crate::twins::desk::Moved;

told!(crate::twins::mollie::Mollie: [
    a_part_is_captured,
    captured_in_three_parts,
    the_rest_is_released_in_the_dashboard,
    a_capture_waits_for_the_bank,
    a_reservation_is_released,
    a_release_waits_for_the_bank,
    a_reservation_lapses,
] in native);

const RESERVED: &str = "payment_intent.requires_capture";
const CANCELED: &str = "payment_intent.canceled";

async fn reserved(world: &AtMollie) -> (String, String) {
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    world.agree(&intent, "requires_capture", &[CREATED, RESERVED]).await;
    assert_eq!(world.twin.payment(&payment)["method"], "creditcard");
    (intent, payment)
}

async fn a_part_is_captured(world: AtMollie) {
    let (intent, payment) = reserved(&world).await;
    let answer = world.cart.capture(&intent, json!({ "amount": 600 })).await;
    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    let shown = world.cart.until_status(&intent, "succeeded").await;
    assert_eq!(shown["amount_captured"], 600);
    let books = world.twin.ledger().of(&payment);
    assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (1, 600));
    assert_eq!(world.twin.count_asked("capture"), 1);
    // The rest goes when its time is over; that takes nothing from what was captured.
    world.twin.lapse(&payment);
    world.twin.until_quiet().await;
    world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn captured_in_three_parts(world: AtMollie) {
    let (intent, payment) = reserved(&world).await;
    for (amount, captured) in [(600, 600), (1000, 1600)] {
        let answer = world.cart.capture(&intent, json!({ "amount": amount, "final": false })).await;
        assert!([200, 202].contains(&answer.status), "{}", answer.text);
        world.cart.until(&intent, "captured", |intent| intent["amount_captured"] == captured).await;
        assert_eq!(world.twin.payment(&payment)["status"], "authorized", "{captured}");
    }
    assert_eq!(world.cart.intent(&intent).await["amount_capturable"], 399);
    assert_eq!(world.cart.capture(&intent, json!({ "amount": 400 })).await.status, 422);
    // What is taken is given back by a refund; nothing is called off any more.
    assert_eq!(world.cart.cancel(&intent).await.status, 409);
    let answer = world.cart.capture(&intent, json!({})).await;
    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    let shown = world.cart.until_status(&intent, "succeeded").await;
    assert_eq!((&shown["amount_captured"], &shown["amount_capturable"]), (&json!(1999), &json!(0)));
    let books = world.twin.ledger().of(&payment);
    assert_eq!((books.count(Moved::Taken), books.total(Moved::Taken)), (3, 1999));
    assert_eq!(world.twin.payment(&payment)["status"], "paid");
    world.finish().await;
}

/// Mollie's `paid` does not say that nothing is left; its refusal of a further capture does.
async fn the_rest_is_released_in_the_dashboard(world: AtMollie) {
    let (intent, payment) = reserved(&world).await;
    let part = json!({ "amount": 600, "final": false });
    let answer = world.cart.capture(&intent, part.clone()).await;
    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    world.cart.until(&intent, "captured", |intent| intent["amount_captured"] == 600).await;
    world.twin.end_release(&payment);
    world.twin.until_quiet().await;
    world.cart.capture(&intent, part).await;
    let told = [CREATED, RESERVED, "payment_intent.capture_failed", SUCCEEDED, PAID];
    world.agree(&intent, "succeeded", &told).await;
    assert_eq!(world.twin.ledger().of(&payment).total(Moved::Taken), 600);
    world.finish().await;
}

/// A capture is only taken on at first; it can come to a bad end.
async fn a_capture_waits_for_the_bank(world: AtMollie) {
    world.twin.banks_wait();
    let (intent, payment) = reserved(&world).await;
    for end in ["failed", "succeeded"] {
        let before = world.twin.captures(&payment).len();
        world.cart.capture(&intent, json!({})).await.expect(202);
        let capture =
            eventually("Mollie has it", || async { world.twin.captures(&payment).get(before).cloned() })
                .await;
        world.twin.until_quiet().await;
        let shown = world.cart.intent(&intent).await;
        assert_eq!(
            (&shown["amount_captured"], &shown["captures"][before]["status"]),
            (&json!(0), &json!("pending"))
        );
        world.twin.end_capture(&capture, end);
        let ended = |intent: &Value| intent["captures"][before]["status"] == end;
        world.cart.until(&intent, end, ended).await;
    }
    let told = [CREATED, RESERVED, "payment_intent.capture_failed", SUCCEEDED, PAID];
    world.agree(&intent, "succeeded", &told).await;
    assert_eq!(world.twin.ledger().of(&payment).total(Moved::Taken), 1999);
    world.finish().await;
}

async fn a_reservation_is_released(world: AtMollie) {
    let (intent, payment) = reserved(&world).await;
    let answer = world.cart.cancel(&intent).await;
    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    world.agree(&intent, "canceled", &[CREATED, RESERVED, CANCELED]).await;
    assert_eq!(world.twin.payment(&payment)["status"], "canceled");
    assert_eq!(world.twin.count_asked("release"), 1);
    world.finish().await;
}

async fn a_release_waits_for_the_bank(world: AtMollie) {
    world.twin.banks_wait();
    let (intent, payment) = reserved(&world).await;
    world.cart.cancel(&intent).await.expect(202);
    eventually("Mollie is asked", || async { (world.twin.count_asked("release") == 1).then_some(()) }).await;
    let shown = world.cart.intent(&intent).await;
    assert_eq!((&shown["status"], &shown["cancel_requested"]), (&json!("requires_capture"), &json!(true)));
    world.twin.end_release(&payment);
    world.agree(&intent, "canceled", &[CREATED, RESERVED, CANCELED]).await;
    world.finish().await;
}

async fn a_reservation_lapses(world: AtMollie) {
    let (intent, payment) = reserved(&world).await;
    world.twin.lapse(&payment);
    world.agree(&intent, "canceled", &[CREATED, RESERVED, CANCELED]).await;
    assert_eq!(world.cart.capture(&intent, json!({})).await.status, 409);
    world.finish().await;
}
