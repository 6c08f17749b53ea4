//! What comes after the money: a void in a refund's place as long as the day has not ended, refunds that wait for
//! their own settlement or never come to it, and what somebody does in the Merchant Interface.

use serde_json::json;

use super::world::{AtAuthorizeNet, unsettled};
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::{eventually, id};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;

told!(crate::twins::authorizenet::AuthorizeNet: [
    the_whole_is_voided_as_long_as_it_is_not_settled,
    the_answer_to_a_void_in_a_refunds_place_is_lost,
    a_refund_waits_for_its_settlement_or_fails,
    a_refund_of_the_merchant_interface_is_found,
] in native);

async fn the_whole_is_voided_as_long_as_it_is_not_settled(world: AtAuthorizeNet) {
    for amount in [None, Some(1999)] {
        let (intent, payment) = unsettled(&world, json!({})).await;
        let refund = world.cart.refund(&intent, amount).await.expect(201);
        world.cart.until_refund(id(&refund), "succeeded").await;
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
        assert_eq!(world.twin.status_of(&payment), "voided");
        assert_eq!(world.twin.ledger().of(&payment).total(Moved::GivenBack), 1999);
        assert_eq!(world.cart.refund(&intent, Some(1)).await.status, 422);
    }
    assert_eq!((world.twin.count_asked("void"), world.twin.count_asked("refund")), (2, 0));
    world.finish().await;
}

async fn the_answer_to_a_void_in_a_refunds_place_is_lost(world: AtAuthorizeNet) {
    for fault in [Fault::DropAfter, Fault::BreaksAfter, Fault::WebhooksFirst] {
        let (intent, payment) = unsettled(&world, json!({})).await;
        world.twin.fault("void", fault);
        let refund = world.cart.refund(&intent, None).await.expect(201);
        world.cart.until_refund(id(&refund), "succeeded").await;
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
        assert_eq!(world.twin.ledger().of(&payment).count(Moved::GivenBack), 1, "{fault:?}");
        let listed = world.cart.get(&format!("/v1/refunds?payment_intent={intent}")).await.expect(200);
        assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{fault:?}: one refund, and ours");
    }
    assert_eq!(world.twin.count_asked("void"), 3, "nothing is asked for twice");
    world.finish().await;
}

/// Accepted is not given back: the refund settles in turn, or somebody voids it before.
async fn a_refund_waits_for_its_settlement_or_fails(world: AtAuthorizeNet) {
    for is_voided in [false, true] {
        let (intent, payment) = world.paid(json!({})).await;
        let refund = world.cart.refund(&intent, Some(1500)).await.expect(201);
        eventually("Authorize.Net has it", || async {
            (world.twin.status_of(&world.twin.newest()) == "refundPendingSettlement").then_some(())
        })
        .await;
        world.twin.until_quiet().await;
        let shown = world.cart.get(&format!("/v1/refunds/{}", id(&refund))).await.expect(200);
        assert_eq!(shown["status"], "pending");
        assert_eq!(world.cart.refund(&intent, Some(500)).await.status, 422, "it is spoken for");
        if is_voided {
            world.twin.void_by_hand(&world.twin.newest());
            world.cart.until_refund(id(&refund), "failed").await;
            world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, "refund.failed"]).await;
            // The amount is free again.
            world.refunded(&intent, None).await;
            assert_eq!(world.twin.ledger().of(&payment).total(Moved::GivenBack), 1999);
        } else {
            world.twin.settle();
            world.cart.until_refund(id(&refund), "succeeded").await;
            world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
        }
    }
    world.finish().await;
}

/// Whatever invoice number somebody typed, the record says which payment it gives back.
async fn a_refund_of_the_merchant_interface_is_found(world: AtAuthorizeNet) {
    for invoice in [None, Some("RMA-17")] {
        let (intent, payment) = world.paid(json!({})).await;
        world.twin.refund_by_hand(&payment, 500, invoice);
        world.twin.until_quiet().await;
        world.twin.settle();
        world.cart.until(&intent, "refunded", |intent| intent["amount_refunded"] == 500).await;
        let listed = world.cart.get(&format!("/v1/refunds?payment_intent={intent}")).await.expect(200);
        let only = &listed["data"][0];
        assert_eq!((&only["amount"], &only["made_elsewhere"]), (&json!(500), &json!(true)), "{invoice:?}");
        assert_eq!(world.cart.refund(&intent, Some(1500)).await.status, 422);
        world.refunded(&intent, None).await;
        assert_eq!(world.cart.intent(&intent).await["amount_refunded"], 1999);
    }
    world.finish().await;
}
