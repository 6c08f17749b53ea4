//! Captures, refunds, disputes and amounts.

use serde_json::{Value, json};

use super::{CREATED, PAID, REFUND, REFUNDED, RESERVED, SUCCEEDED};
use crate::stories::at_stripe::world::AtStripe;
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;

/// 35. At Stripe: a part is captured, and the rest is released.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_35_partial_capture_at_stripe() {
    // Stripe may write the released rest down as a refund that moves no balance.
    for releases_are_refunds in [false, true] {
        let world = AtStripe::start().await;
        if releases_are_refunds {
            world.twin.releases_are_refunds();
        }
        let (intent, _) = world.paid(json!({ "capture": "manual" })).await;
        world.cart.capture(&intent, json!({ "amount": 600 })).await.expect(200);
        world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
        let books = world.twin.ledger();
        assert_eq!((books.total(Moved::Taken), books.total(Moved::Released)), (600, 1399));
        assert_eq!(world.cart.refund(&intent, Some(601)).await.status, 422);
        let refund = world.cart.refund(&intent, None).await.expect(201);
        assert_eq!(refund["amount"], 600);
        world.cart.until_refund(id(&refund), "succeeded").await;
        world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
        world.finish().await;
    }
}

/// 35. At Stripe: an authorization lapses, and nothing can be captured any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_35_lapsed_authorization_at_stripe() {
    let world = AtStripe::start().await;
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.lapse(&payment);
    world.agree(&intent, "canceled", &[CREATED, RESERVED, "payment_intent.canceled"]).await;
    let refused = world.cart.capture(&intent, json!({})).await;
    assert!([409, 422].contains(&refused.status), "{}", refused.text);
    assert_eq!(world.twin.count_asked("capture"), 0);
    world.finish().await;
}

/// 36. At Stripe: a capture whose answer was lost is repeated and done once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_36_capture_repeated_after_a_lost_answer_at_stripe() {
    let world = AtStripe::start().await;
    let (intent, _) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.fault("capture", Fault::DropAfter);
    let answer = world.cart.capture(&intent, json!({})).await;
    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.ledger().count(Moved::Taken), 1);
    world.finish().await;
}

/// 39. At Stripe: a refund fails days after it succeeded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_39_refund_that_fails_days_later_at_stripe() {
    let world = AtStripe::start().await;
    let (intent, _) = world.paid(json!({})).await;
    let refund = world.cart.refund(&intent, None).await.expect(201);
    world.cart.until_refund(id(&refund), "succeeded").await;
    assert_eq!(world.cart.refund(&intent, Some(1)).await.status, 422);
    let theirs = world.twin.ids("refund")[0].clone();
    world.twin.end_refund(&theirs, "failed");
    let failed = world.cart.until_refund(id(&refund), "failed").await;
    assert_eq!(failed["failure_code"], "lost_or_stolen_card");
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED, "refund.failed"]).await;
    // The shopper still has nothing: it can be given back in another way.
    let again = world.cart.refund(&intent, None).await.expect(201);
    world.cart.until_refund(id(&again), "succeeded").await;
    let told = [CREATED, SUCCEEDED, PAID, REFUND, REFUNDED, "refund.failed", REFUND, REFUNDED];
    world.agree(&intent, "succeeded", &told).await;
    world.finish().await;
}

/// 40. At Stripe: a refund made in the dashboard is recorded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_40_refund_made_in_the_dashboard_at_stripe() {
    let world = AtStripe::start().await;
    let (intent, payment) = world.paid(json!({})).await;
    world.twin.dashboard_refund(&payment, Some(500));
    world.cart.until(&intent, "refunded", |intent| intent["amount_refunded"] == 500).await;
    let listed = world.cart.get(&format!("/v1/refunds?payment_intent={intent}")).await.expect(200);
    let only = &listed["data"][0];
    assert_eq!((&only["amount"], &only["made_elsewhere"]), (&json!(500), &json!(true)));
    assert_eq!(world.cart.refund(&intent, Some(1500)).await.status, 422);
    let rest = world.cart.refund(&intent, None).await.expect(201);
    assert_eq!(rest["amount"], 1499);
    world.cart.until_refund(id(&rest), "succeeded").await;
    let types = world.cart.event_types(&intent).await;
    assert_eq!(types.iter().filter(|kind| *kind == REFUNDED).count(), 2, "{types:?}");
    world.finish().await;
}

/// 44. At Stripe: a dispute is opened after a part was refunded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_44_dispute_after_a_partial_refund_at_stripe() {
    let world = AtStripe::start().await;
    let (intent, payment) = world.paid(json!({})).await;
    let refund = world.cart.refund(&intent, Some(500)).await.expect(201);
    world.cart.until_refund(id(&refund), "succeeded").await;
    world.twin.dispute(&payment, Some(1499));
    world.cart.until(&intent, "disputed", |intent| intent["amount_disputed"] == 1499).await;
    // What the bank holds cannot be given back as well.
    for amount in [Some(1), None] {
        assert_eq!(world.cart.refund(&intent, amount).await.status, 422, "{amount:?}");
    }
    assert_eq!(world.twin.count_asked("refund"), 1);
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED, "dispute.opened"]).await;
    world.finish().await;
}

/// 47. Amounts are written in Stripe's own decimals.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_47_amounts_in_stripes_own_decimals_at_stripe() {
    // (currency, the cart's amount in ISO minor units, Stripe's, a part of it, Stripe's)
    let rows = [
        ("JPY", 500, 500, 200, 200),
        ("ISK", 500, 50_000, 200, 20_000),
        ("UGX", 5_000, 500_000, 1, 100),
        ("KWD", 12_340, 12_340, 10, 10),
        ("HUF", 20_000, 20_000, 1, 1),
        ("MGA", 500, 5, 100, 1),
    ];
    let world = AtStripe::start().await;
    for (currency, amount, stripes, part, stripes_part) in rows {
        let (intent, payment) = world.paid(json!({ "amount": amount, "currency": currency })).await;
        let books = world.twin.ledger().of(&payment);
        assert_eq!(books.total(Moved::Taken), stripes, "{currency}");
        let refund = world.cart.refund(&intent, Some(part)).await.expect(201);
        world.cart.until_refund(id(&refund), "succeeded").await;
        assert_eq!(world.twin.ledger().of(&payment).total(Moved::GivenBack), stripes_part, "{currency}");
        let shown = world.cart.intent(&intent).await;
        let amounts: [&Value; 2] = [&shown["amount_captured"], &shown["amount_refunded"]];
        assert_eq!(
            (amounts, &shown["quarantine"]),
            ([&json!(amount), &json!(part)], &Value::Null),
            "{currency}"
        );
    }
    // What Stripe cannot write is refused before anybody is asked.
    for (currency, amount) in [("KWD", 12_345), ("MGA", 501)] {
        let refused = world
            .cart
            .create_intent(json!({ "amount": amount, "currency": currency,
            "return_url": "https://shop.test/" }))
            .await;
        assert_eq!(refused.status, 422, "{currency}: {}", refused.text);
    }
    assert_eq!(world.twin.count_asked("open"), rows.len());
    world.finish().await;
}
