//! What comes after the money: refunds that wait or fail, refunds that look alike, refunds of the dashboard, disputes.

use serde_json::json;

use super::world::AtMollie;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::{eventually, id};
use crate::twins::desk::Moved;

told!(crate::twins::mollie::Mollie: [
    a_refund_waits_and_comes_to_its_end,
    a_refund_fails_after_it_was_done,
    a_refund_of_the_dashboard_is_found,
    a_dispute_is_opened_and_reversed,
] in native);

async fn a_refund_waits_and_comes_to_its_end(world: AtMollie) {
    world.twin.refunds_begin("queued");
    // (how it ends, the hub's word, what the cart is told, what was given back)
    let rows = [("refunded", "succeeded", REFUNDED, 500), ("failed", "failed", "refund.failed", 0)];
    for (end, status, told, given_back) in rows {
        let (intent, _) = world.paid(json!({})).await;
        let refund = world.cart.refund(&intent, Some(500)).await.expect(201);
        let theirs = eventually("Mollie has it", || async { world.twin.refunds_under_way().pop() }).await;
        let path = format!("/v1/refunds/{}", id(&refund));
        for step in ["pending", "processing"] {
            world.twin.go_on_with_refund(&theirs, step);
            world.twin.until_quiet().await;
            assert_eq!(world.cart.get(&path).await.expect(200)["status"], "pending", "{step}");
        }
        world.twin.go_on_with_refund(&theirs, end);
        world.cart.until_refund(id(&refund), status).await;
        assert_eq!(world.cart.intent(&intent).await["amount_refunded"], given_back);
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, told]).await;
    }
    world.finish().await;
}

async fn a_refund_fails_after_it_was_done(world: AtMollie) {
    let (intent, payment) = world.paid(json!({})).await;
    let refund = world.cart.refund(&intent, Some(500)).await.expect(201);
    let theirs = eventually("Mollie has it", || async { world.twin.refunds_under_way().pop() }).await;
    world.twin.go_on_with_refund(&theirs, "refunded");
    world.cart.until_refund(id(&refund), "succeeded").await;
    world.twin.go_on_with_refund(&theirs, "failed");
    world.cart.until_refund(id(&refund), "failed").await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED, "refund.failed"]).await;
    let books = world.twin.ledger().of(&payment);
    assert_eq!((books.total(Moved::GivenBack), books.total(Moved::CameBack)), (500, 500));
    // The money is there to be given back again.
    world.twin.jump(61);
    world.refunded(&intent, None).await;
    assert_eq!(world.cart.intent(&intent).await["amount_refunded"], 1999);
    world.finish().await;
}

async fn a_refund_of_the_dashboard_is_found(world: AtMollie) {
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

/// Nobody is told of the reversal; whatever the next call is for, it is seen then. The payment's total may still have
/// the dispute in it.
async fn a_dispute_is_opened_and_reversed(world: AtMollie) {
    for forgets in [true, false] {
        world.twin.total_forgets_reversals(forgets);
        let (intent, payment) = world.paid(json!({})).await;
        let dispute = world.twin.dispute(&payment, None);
        world.cart.until(&intent, "disputed", |intent| intent["amount_disputed"] == 1999).await;
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened"]).await;
        world.twin.reverse(&dispute);
        let call = world.twin.event("chargeback.received");
        assert_eq!(world.twin.deliver(&call, &crate::twins::outbox::How::Well).await, 200);
        world.cart.until(&intent, "won", |intent| intent["amount_disputed"] == 0).await;
        let told = [CREATED, SUCCEEDED, PAID, "dispute.opened", "dispute.won"];
        world.agree(&intent, "succeeded", &told).await;
    }
    world.finish().await;
}
