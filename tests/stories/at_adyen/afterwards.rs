//! What comes after the money: refunds that are only acknowledged, refused, or undone, and disputes.

use serde_json::{Value, json};

use super::world::AtAdyen;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::{eventually, id};
use crate::twins::desk::Moved;
use crate::twins::outbox::{Manner, Order};

told!(crate::twins::adyen::Adyen: [
    a_refund_that_is_refused_by_webhook,
    a_refund_that_is_undone_days_later,
    a_refund_of_the_customer_area_is_found,
    a_dispute_goes_through_its_stages,
] in native);

told!(crate::twins::adyen::Adyen: [a_refund_that_is_refused_by_webhook] in plugin);

/// "Received" is no refund, and `success: "false"` is its end.
async fn a_refund_that_is_refused_by_webhook(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({})).await;
    world.twin.hold_modifications();
    let refund = world.cart.refund(&intent, Some(1500)).await.expect(201);
    let theirs = eventually("Adyen has it", || async { world.twin.under_way().pop() }).await;
    world.twin.until_quiet().await;
    let path = format!("/v1/refunds/{}", id(&refund));
    assert_eq!(world.cart.get(&path).await.expect(200)["status"], "pending");
    // What was asked for is spoken for.
    assert_eq!(world.cart.refund(&intent, Some(500)).await.status, 422);
    world.twin.end(&theirs, Some("Insufficient balance on payment"));
    world.cart.until_refund(id(&refund), "failed").await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, "refund.failed"]).await;
    // The amount is free again.
    world.refunded(&intent, None).await;
    let books = world.twin.ledger().of(&payment);
    assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 1999));
    let told = [CREATED, SUCCEEDED, PAID, REFUND, "refund.failed", REFUND, REFUNDED];
    world.agree(&intent, "succeeded", &told).await;
    world.finish().await;
}

async fn a_refund_that_is_undone_days_later(world: AtAdyen) {
    for code in ["REFUND_FAILED", "REFUNDED_REVERSED"] {
        let (intent, _) = world.paid(json!({})).await;
        world.refunded(&intent, Some(500)).await;
        world.twin.undo(&world.twin.newest_modification(), code);
        world.cart.until(&intent, code, |intent| intent["amount_refunded"] == 0).await;
        let told = [CREATED, SUCCEEDED, PAID, REFUND, REFUNDED, "refund.failed"];
        world.agree(&intent, "succeeded", &told).await;
        world.refunded(&intent, None).await;
        assert_eq!(world.cart.intent(&intent).await["amount_refunded"], 1999, "{code}");
    }
    world.finish().await;
}

async fn a_refund_of_the_customer_area_is_found(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({})).await;
    world.twin.refund_in_customer_area(&payment, 500, "Goodwill 17");
    world.cart.until(&intent, "refunded", |intent| intent["amount_refunded"] == 500).await;
    let listed = world.cart.get(&format!("/v1/refunds?payment_intent={intent}")).await.expect(200);
    let only = &listed["data"][0];
    assert_eq!((&only["amount"], &only["made_elsewhere"]), (&json!(500), &json!(true)));
    assert_eq!(world.cart.refund(&intent, Some(1500)).await.status, 422);
    world.refunded(&intent, None).await;
    assert_eq!(world.cart.intent(&intent).await["amount_refunded"], 1999);
    world.finish().await;
}

async fn a_dispute_goes_through_its_stages(world: AtAdyen) {
    let opened = "dispute.opened";
    // (Adyen's stages, what the cart is told in the end, what stays disputed)
    let rows: [(&[&'static str], &[&str], i64); 4] = [
        (&["NOTIFICATION_OF_CHARGEBACK", "CHARGEBACK", "CHARGEBACK_REVERSED"], &["dispute.won"], 0),
        (&["CHARGEBACK", "CHARGEBACK_REVERSED", "SECOND_CHARGEBACK"], &["dispute.won", "dispute.lost"], 1999),
        (&["REQUEST_FOR_INFORMATION", "CHARGEBACK"], &[], 1999),
        (&["CHARGEBACK", "SECOND_CHARGEBACK"], &["dispute.lost"], 1999),
    ];
    for (number, (stages, ends, disputed)) in rows.into_iter().enumerate() {
        let (intent, payment) = world.paid(json!({})).await;
        for stage in stages {
            world.twin.dispute(&payment, &format!("DISPUTE000000{number:03}"), stage);
            world.twin.until_quiet().await;
            let disputed = match *stage {
                "CHARGEBACK" => 1999,
                "CHARGEBACK_REVERSED" => 0,
                _ => continue,
            };
            world.cart.until(&intent, stage, |intent| intent["amount_disputed"] == disputed).await;
        }
        world.cart.until(&intent, "ended", |intent| intent["amount_disputed"] == disputed).await;
        let told: Vec<&str> =
            [CREATED, SUCCEEDED, PAID, opened].into_iter().chain(ends.iter().copied()).collect();
        eventually(&format!("{stages:?}: {told:?}"), || async {
            let types = world.cart.event_types(&intent).await;
            let types: Vec<&str> =
                types.iter().map(String::as_str).filter(|kind| !kind.ends_with("processing")).collect();
            (types == told).then_some(())
        })
        .await;
        let refund = world.cart.refund(&intent, None).await;
        assert_eq!(refund.status, if disputed == 0 { 201 } else { 422 }, "{stages:?}: {}", refund.text);
        if refund.status == 201 {
            world.cart.until_refund(id(&refund.json()), "succeeded").await;
        }
    }
    world.finish().await;
}

/// A refund's whole life is told before the payment's own event, and backwards.
pub(super) async fn a_life_is_told_backwards(world: AtAdyen) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    let page = world.page(&page);
    world.twin.pay(&page);
    let payment = world.twin.payment_at(&page);
    world.twin.refund_in_customer_area(&payment, 500, "Goodwill");
    world.twin.dispute(&payment, "DISPUTE000000100", "CHARGEBACK");
    assert_eq!(world.twin.release(Order::Reversed).await, [202, 202, 202]);
    let all = |intent: &Value| {
        (&intent["status"], &intent["amount_refunded"], &intent["amount_disputed"])
            == (&json!("succeeded"), &json!(500), &json!(1999))
    };
    world.cart.until(id(&intent), "everything is heard", all).await;
    world.finish().await;
}
