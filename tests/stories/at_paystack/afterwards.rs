//! What comes after the money: refunds that wait or fail, refunds of the dashboard, disputes.

use serde_json::json;

use super::world::AtPaystack;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::{eventually, id};

told!(crate::twins::paystack::Paystack: [
    a_refund_waits_and_comes_to_its_end,
    a_refund_of_the_dashboard_is_found,
    a_dispute_is_opened_and_ends,
] in plugin);

async fn a_refund_waits_and_comes_to_its_end(world: AtPaystack) {
    // (how it ends, the hub's word, what the cart is told, what was given back)
    let rows = [("processed", "succeeded", REFUNDED, 500), ("failed", "failed", "refund.failed", 0)];
    for (end, status, told, given_back) in rows {
        let (intent, _) = world.paid(json!({})).await;
        let refund = world.cart.refund(&intent, Some(500)).await.expect(201);
        let theirs = eventually("Paystack has it", || async { world.twin.refunds_under_way().pop() }).await;
        // Paystack wants the shopper's bank details: nothing has failed.
        world.twin.go_on_with_refund(theirs, "needs-attention");
        world.twin.until_quiet().await;
        let path = format!("/v1/refunds/{}", id(&refund));
        assert_eq!(world.cart.get(&path).await.expect(200)["status"], "pending");
        world.twin.go_on_with_refund(theirs, end);
        world.cart.until_refund(id(&refund), status).await;
        assert_eq!(world.cart.intent(&intent).await["amount_refunded"], given_back);
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, told]).await;
    }
    world.finish().await;
}

async fn a_refund_of_the_dashboard_is_found(world: AtPaystack) {
    let (intent, page) = world.open(json!({})).await;
    page.pay().await;
    world.cart.until_status(id(&intent), "succeeded").await;
    world.twin.dashboard_refund(&world.page(&page), 500);
    world.cart.until(id(&intent), "refunded", |intent| intent["amount_refunded"] == 500).await;
    let listed = world.cart.get(&format!("/v1/refunds?payment_intent={}", id(&intent))).await.expect(200);
    let only = &listed["data"][0];
    assert_eq!((&only["amount"], &only["made_elsewhere"]), (&json!(500), &json!(true)));
    assert_eq!(world.cart.refund(id(&intent), Some(1500)).await.status, 422);
    world.refunded(id(&intent), None).await;
    assert_eq!(world.twin.transaction(&world.page(&page))["status"], "reversed");
    assert_eq!(world.cart.intent(id(&intent)).await["amount_refunded"], 1999);
    world.finish().await;
}

async fn a_dispute_is_opened_and_ends(world: AtPaystack) {
    // (how Paystack says that it ended, the hub's word, what stays disputed)
    let rows = [("declined", "won", 0), ("merchant-accepted", "lost", 1999)];
    for (resolution, end, disputed) in rows {
        let (intent, page) = world.open(json!({})).await;
        page.pay().await;
        world.cart.until_status(id(&intent), "succeeded").await;
        let dispute = world.twin.dispute(&world.page(&page), None);
        world.cart.until(id(&intent), "disputed", |intent| intent["amount_disputed"] == 1999).await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened"]).await;
        world.twin.resolve(dispute, resolution);
        let ended = format!("dispute.{end}");
        world.cart.until(id(&intent), end, |intent| intent["amount_disputed"] == disputed).await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID, "dispute.opened", &ended]).await;
        // The refund by which Paystack settles a lost dispute is not money given back once more.
        assert_eq!(world.cart.intent(id(&intent)).await["amount_refunded"], 0, "{end}");
    }
    world.finish().await;
}
