//! What comes after the money: refunds that pend and fail, and disputes.

use serde_json::json;

use super::world::AtPayPal;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, SUCCEEDED};
use crate::support::{eventually, id};

told!(crate::twins::paypal::PayPal: [
    a_pending_refund_comes_to_its_end,
    a_dispute_is_opened_and_ends,
    no_refund_while_paypal_decides,
] in native);

async fn a_pending_refund_comes_to_its_end(world: AtPayPal) {
    let rows =
        [("COMPLETED", "succeeded", "refund.succeeded", 500), ("FAILED", "failed", "refund.failed", 0)];
    for (end, status, told, given_back) in rows {
        let (intent, _) = world.paid(json!({})).await;
        world.twin.refunds_begin("PENDING");
        let refund = world.cart.refund(&intent, Some(500)).await.expect(201);
        let theirs = eventually("PayPal has it", || async { world.twin.refunds_under_way().pop() }).await;
        world.twin.until_quiet().await;
        let path = format!("/v1/refunds/{}", id(&refund));
        assert_eq!(world.cart.get(&path).await.expect(200)["status"], "pending");
        world.twin.end_refund(&theirs, end);
        world.cart.until_refund(id(&refund), status).await;
        assert_eq!(world.cart.intent(&intent).await["amount_refunded"], given_back);
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, told]).await;
        world.twin.refunds_begin("COMPLETED");
        // What failed can be asked for again.
        world.refunded(&intent, None).await;
        assert_eq!(world.cart.intent(&intent).await["amount_refunded"], 1999);
    }
    world.finish().await;
}

async fn a_dispute_is_opened_and_ends(world: AtPayPal) {
    // (PayPal's outcome, the hub's word, what stays disputed)
    let rows = [
        ("RESOLVED_SELLER_FAVOUR", "won", 0),
        ("CANCELED_BY_BUYER", "won", 0),
        ("RESOLVED_BUYER_FAVOUR", "lost", 1999),
    ];
    for (outcome, end, disputed) in rows {
        let (intent, order) = world.paid(json!({})).await;
        let dispute = world.twin.dispute(&order);
        world.cart.until(&intent, "disputed", |intent| intent["amount_disputed"] == 1999).await;
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened"]).await;
        world.twin.resolve(&dispute, outcome);
        let ended = format!("dispute.{end}");
        world.cart.until(&intent, end, |intent| intent["amount_disputed"] == disputed).await;
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened", &ended]).await;
    }
    world.finish().await;
}

/// A refund that PayPal refuses has failed, and the cart hears why it can be asked for again later.
async fn no_refund_while_paypal_decides(world: AtPayPal) {
    world.twin.webhooks(crate::twins::outbox::Manner::Dropped);
    let (intent, order) = world.paid(json!({})).await;
    let dispute = world.twin.dispute(&order);
    let refund = world.cart.refund(&intent, Some(500)).await.expect(201);
    world.cart.until_refund(id(&refund), "failed").await;
    world.twin.webhooks(crate::twins::outbox::Manner::Prompt);
    world.twin.resolve(&dispute, "RESOLVED_SELLER_FAVOUR");
    world.refunded(&intent, Some(500)).await;
    assert_eq!(world.cart.intent(&intent).await["amount_refunded"], 500);
    world.finish().await;
}
