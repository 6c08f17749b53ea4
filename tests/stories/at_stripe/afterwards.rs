//! What comes after the money: refunds in parts, and disputes.

use serde_json::json;

use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::stories::at_stripe::world::AtStripe;
use crate::support::id;
use crate::twins::desk::Moved;

told!(crate::twins::stripe::Stripe: [
    a_pending_refund_comes_to_its_end,
    a_dispute_is_opened_and_ends,
    an_inquiry_takes_no_money,
] in native and plugin);

async fn a_pending_refund_comes_to_its_end(world: AtStripe) {
    let rows = [("succeeded", "refund.succeeded", 500), ("failed", "refund.failed", 0)];
    for (end, told, refunded) in rows {
        world.twin.refunds_begin("pending");
        let (intent, _) = world.paid(json!({})).await;
        let before = world.twin.ids("refund").len();
        let refund = world.cart.refund(&intent, Some(500)).await.expect(201);
        let theirs = crate::support::eventually("Stripe has it", || async {
            world.twin.ids("refund").get(before).cloned()
        })
        .await;
        world.twin.until_quiet().await;
        assert_eq!(
            world.cart.get(&format!("/v1/refunds/{}", id(&refund))).await.expect(200)["status"],
            "pending"
        );
        world.twin.end_refund(&theirs, end);
        world.cart.until_refund(id(&refund), end).await;
        assert_eq!(world.cart.intent(&intent).await["amount_refunded"], refunded);
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "refund.created", told]).await;
    }
    world.finish().await;
}

async fn a_dispute_is_opened_and_ends(world: AtStripe) {
    // (how it ends, what stays disputed, whether the rest can be refunded then)
    let rows = [("won", 0, 201), ("lost", 1999, 422)];
    for (end, disputed, refund_status) in rows {
        let (intent, payment) = world.paid(json!({})).await;
        let dispute = world.twin.dispute(&payment, None);
        world.cart.until(&intent, "disputed", |intent| intent["amount_disputed"] == 1999).await;
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened"]).await;
        world.twin.close_dispute(&dispute, end);
        let ended = format!("dispute.{end}");
        world.cart.until(&intent, end, |intent| intent["amount_disputed"] == disputed).await;
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened", &ended]).await;
        let refund = world.cart.refund(&intent, None).await;
        assert_eq!(refund.status, refund_status, "{end}: {}", refund.text);
        if refund_status == 201 {
            world.cart.until_refund(id(&refund.json()), "succeeded").await;
        }
    }
    world.finish().await;
}

async fn an_inquiry_takes_no_money(world: AtStripe) {
    let (intent, payment) = world.paid(json!({})).await;
    let dispute = world.twin.inquiry(&payment);
    world.cart.until(&intent, "asked", |intent| intent["amount_disputed"] == 1999).await;
    world.twin.close_dispute(&dispute, "warning_closed");
    world.cart.until(&intent, "over", |intent| intent["amount_disputed"] == 0).await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened", "dispute.won"]).await;
    assert_eq!(world.twin.ledger().count(Moved::Disputed), 0);
    world.finish().await;
}
