//! What comes after the money: refunds that wait, fail, meet each other or are made in the dashboard; disputes.

use serde_json::json;

use super::world::AtSquare;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::{eventually, id};
use crate::twins::desk::Moved;

told!(crate::twins::square::Square: [
    a_refund_waits_and_comes_to_its_end,
    a_second_refund_while_the_first_is_under_way,
    a_refund_of_the_dashboard_is_found,
    a_dispute_is_opened_and_ends,
    an_inquiry_takes_no_money,
] in native);

/// The refund that Square has under way.
async fn under_way(world: &AtSquare) -> String {
    eventually("Square has it", || async { world.twin.refunds_under_way().pop() }).await
}

async fn a_refund_waits_and_comes_to_its_end(world: AtSquare) {
    // (how it ends, the hub's word, what the cart is told, what was given back)
    let rows = [
        ("COMPLETED", "succeeded", REFUNDED, 500),
        ("REJECTED", "failed", "refund.failed", 0),
        ("FAILED", "failed", "refund.failed", 0),
    ];
    for (end, status, told, given_back) in rows {
        let (intent, _) = world.paid(json!({})).await;
        let refund = world.cart.refund(&intent, Some(500)).await.expect(201);
        let theirs = under_way(&world).await;
        world.twin.until_quiet().await;
        let path = format!("/v1/refunds/{}", id(&refund));
        assert_eq!(world.cart.get(&path).await.expect(200)["status"], "pending");
        world.twin.end_refund(&theirs, end);
        world.cart.until_refund(id(&refund), status).await;
        assert_eq!(world.cart.intent(&intent).await["amount_refunded"], given_back, "{end}");
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, told]).await;
    }
    world.finish().await;
}

/// Square refuses the second one for now: it has failed, and its amount is free to be asked for again.
async fn a_second_refund_while_the_first_is_under_way(world: AtSquare) {
    let (intent, _) = world.paid(json!({})).await;
    let first = world.cart.refund(&intent, Some(500)).await.expect(201);
    let theirs = under_way(&world).await;
    let second = world.cart.refund(&intent, Some(700)).await.expect(201);
    world.cart.until_refund(id(&second), "failed").await;
    world.twin.end_refund(&theirs, "COMPLETED");
    world.cart.until_refund(id(&first), "succeeded").await;
    world.refunded(&intent, Some(1499)).await;
    let books = world.twin.ledger();
    assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (2, 1999));
    let told = [CREATED, SUCCEEDED, PAID, REFUND, REFUND, "refund.failed", REFUNDED, REFUND, REFUNDED];
    world.agree(&intent, "succeeded", &told).await;
    world.finish().await;
}

async fn a_refund_of_the_dashboard_is_found(world: AtSquare) {
    let (intent, payment) = world.paid(json!({})).await;
    world.twin.dashboard_refund(&payment, 500);
    world.cart.until(&intent, "refunded", |intent| intent["amount_refunded"] == 500).await;
    let listed = world.cart.get(&format!("/v1/refunds?payment_intent={intent}")).await.expect(200);
    let only = &listed["data"][0];
    assert_eq!((&only["amount"], &only["made_elsewhere"]), (&json!(500), &json!(true)));
    assert_eq!(world.cart.refund(&intent, Some(1500)).await.status, 422);
    world.refunded(&intent, None).await;
    assert_eq!(world.cart.intent(&intent).await["amount_refunded"], 1999);
    world.finish().await;
}

async fn a_dispute_is_opened_and_ends(world: AtSquare) {
    // (how it ends, the hub's word, what stays disputed)
    let rows = [("WON", "won", 0), ("LOST", "lost", 1200), ("ACCEPTED", "lost", 1200)];
    for (end, word, disputed) in rows {
        let (intent, payment) = world.paid(json!({})).await;
        let dispute = world.twin.dispute(&payment, 1200, "EVIDENCE_REQUIRED");
        world.cart.until(&intent, "disputed", |intent| intent["amount_disputed"] == 1200).await;
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened"]).await;
        world.twin.go_on_with_dispute(&dispute, "PROCESSING");
        world.twin.until_quiet().await;
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened"]).await;
        world.twin.go_on_with_dispute(&dispute, end);
        let ended = format!("dispute.{word}");
        world.cart.until(&intent, end, |intent| intent["amount_disputed"] == disputed).await;
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened", &ended]).await;
    }
    world.finish().await;
}

async fn an_inquiry_takes_no_money(world: AtSquare) {
    let (intent, payment) = world.paid(json!({})).await;
    let dispute = world.twin.dispute(&payment, 1999, "INQUIRY_EVIDENCE_REQUIRED");
    world.cart.until(&intent, "asked", |intent| intent["amount_disputed"] == 1999).await;
    world.twin.go_on_with_dispute(&dispute, "INQUIRY_CLOSED");
    world.cart.until(&intent, "over", |intent| intent["amount_disputed"] == 0).await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened", "dispute.won"]).await;
    assert_eq!(world.twin.ledger().count(Moved::Disputed), 0);
    world.finish().await;
}
