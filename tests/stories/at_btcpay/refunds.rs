//! Refunds by pull payment: a promise that the customer claims and the merchant pays, part by part, or takes back.

use serde_json::{Value, json};

use super::world::AtBtcPay;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::{eventually, id};
use crate::twins::desk::Moved;

told!(crate::twins::btcpay::BtcPay: [
    a_promise_is_pending_until_it_is_paid_out,
    a_promise_that_is_taken_back_gave_nothing,
    a_promise_that_is_taken_back_in_the_middle_waits_for_a_person,
    a_key_that_may_not_promise_anything,
] in native);
told!(crate::twins::btcpay::BtcPay: [
    a_promise_is_pending_until_it_is_paid_out,
] in plugin);

/// Asks for a refund; the hub's refund, and BTCPay Server's.
async fn promised(world: &AtBtcPay, intent: &str, amount: i64) -> (String, String) {
    let refund = world.cart.refund(intent, Some(amount)).await.expect(201);
    let pull = eventually("it is promised", || async { world.twin.refunds_under_way().pop() }).await;
    (id(&refund).to_owned(), pull)
}

/// Waits until the hub has looked at a refund since; what it says then.
async fn looked_at(world: &AtBtcPay, refund: &str) -> Value {
    let asked = world.twin.count_asked("fetch");
    eventually("the hub has looked", || async {
        (world.twin.count_asked("fetch") > asked + 1).then_some(())
    })
    .await;
    world.cart.get(&format!("/v1/refunds/{refund}")).await.expect(200)["status"].clone()
}

async fn a_promise_is_pending_until_it_is_paid_out(world: AtBtcPay) {
    let (intent, _) = world.paid(json!({})).await;
    let (refund, pull) = promised(&world, &intent, 700).await;
    let shown = world.twin.pull_payment(&pull);
    assert_eq!((&shown["amount"], &shown["currency"]), (&json!("7.00"), &json!("EUR")));
    assert_eq!(looked_at(&world, &refund).await, "pending", "nobody has claimed it");
    // Claimed in two parts, and only the first one is paid.
    let first = world.twin.claim(&pull, Some(300));
    for state in ["AwaitingPayment", "InProgress", "Completed"] {
        world.twin.go_on_with(&pull, &first, state);
    }
    let second = world.twin.claim(&pull, None);
    assert_eq!(looked_at(&world, &refund).await, "pending", "a part is paid");
    // A claim that the merchant turns down can be made again.
    world.twin.go_on_with(&pull, &second, "Cancelled");
    world.twin.pay_out(&pull);
    world.cart.until_refund(&refund, "succeeded").await;
    world.agree_in_parts(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    assert_eq!(world.twin.ledger().total(Moved::GivenBack), 700);
    world.finish().await;
}

async fn a_promise_that_is_taken_back_gave_nothing(world: AtBtcPay) {
    let (intent, _) = world.paid(json!({})).await;
    let (refund, pull) = promised(&world, &intent, 1999).await;
    assert_eq!(world.cart.refund(&intent, Some(1)).await.status, 422, "all of it is promised");
    world.twin.claim(&pull, None);
    world.twin.archive(&pull);
    world.cart.until_refund(&refund, "failed").await;
    assert_eq!(world.cart.intent(&intent).await["amount_refunded"], 0);
    world.refunded(&intent, None).await;
    let told = [CREATED, SUCCEEDED, PAID, REFUND, "refund.failed", REFUND, REFUNDED];
    world.agree(&intent, "succeeded", &told).await;
    world.finish().await;
}

async fn a_promise_that_is_taken_back_in_the_middle_waits_for_a_person(world: AtBtcPay) {
    let (intent, _) = world.paid(json!({})).await;
    let (refund, pull) = promised(&world, &intent, 700).await;
    let first = world.twin.claim(&pull, Some(300));
    for state in ["AwaitingPayment", "InProgress", "Completed"] {
        world.twin.go_on_with(&pull, &first, state);
    }
    world.twin.archive(&pull);
    let status = looked_at(&world, &refund).await;
    assert!(status != "failed" && status != "succeeded", "neither is true: {status}");
    let told = world.cart.event_types(&intent).await;
    assert!(!told.iter().any(|kind| kind == "refund.failed" || kind == REFUNDED), "{told:?}");
    // What is in doubt stays reserved.
    assert_eq!(world.cart.refund(&intent, Some(1300)).await.status, 422);
    world.finish().await;
}

/// The operator made the key without the permission for refunds, and gives it later.
async fn a_key_that_may_not_promise_anything(world: AtBtcPay) {
    const PERMISSION: &str = "btcpay.store.canmanagepullpayments";
    let (intent, _) = world.paid(json!({})).await;
    world.twin.forbid(PERMISSION);
    let refund = world.cart.refund(&intent, Some(700)).await.expect(201);
    eventually("it is asked for", || async { (world.twin.count_asked("refund") > 0).then_some(()) }).await;
    let shown = world.cart.get(&format!("/v1/refunds/{}", id(&refund))).await.expect(200);
    assert_eq!((&shown["status"], world.twin.refunds_under_way().len()), (&json!("pending"), 0));
    world.twin.allow(PERMISSION);
    let pull = eventually("it is promised", || async { world.twin.refunds_under_way().pop() }).await;
    world.twin.pay_out(&pull);
    world.cart.until_refund(id(&refund), "succeeded").await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    assert_eq!(world.twin.ledger().total(Moved::GivenBack), 700);
    world.finish().await;
}
