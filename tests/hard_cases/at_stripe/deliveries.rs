//! Webhooks: early, twice, out of order, forged, stale, under a rolled secret, of another mode or account.

use serde_json::{Value, json};

use super::{CREATED, PAID, REFUND, REFUNDED, RESERVED, SUCCEEDED};
use crate::stories::at_stripe::world::AtStripe;
use crate::support::{eventually, id};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::{How, Manner, Order, Parcel};
use crate::twins::stripe::{NEXT_WEBHOOK_SECRET, WEBHOOK_SECRET};

/// A payment whose webhooks wait, so that the test delivers them in its own way.
async fn held(world: &AtStripe) -> (String, Parcel) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    world.twin.pay(page.session());
    (id(&intent).to_owned(), world.twin.event("checkout.session.completed"))
}

/// A delivery has been worked off, whatever came of it.
async fn still_unpaid(world: &AtStripe, intent: &str) {
    world.agree(intent, "requires_checkout", &[CREATED]).await;
}

/// 10. At Stripe: the webhook comes before the answer that opened the page is known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_10_webhook_before_the_answer_at_stripe() {
    let world = AtStripe::start().await;
    world.twin.fault("open", Fault::Stall);
    let intent = world.create(json!({})).await;
    let (shopper, opened) = (world.shopper(), intent.clone());
    let waiting = tokio::spawn(async move { shopper.open(&opened).await });
    let session = eventually("the page is made", || async { world.twin.ids("checkout.session").pop() }).await;
    world.twin.pay(&session);
    // The hub has never heard of this session but by the webhook.
    world.cart.until_status(id(&intent), "succeeded").await;
    world.twin.let_go();
    waiting.await.unwrap();
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.ids("checkout.session").len(), 1);
    world.finish().await;
}

/// 12. At Stripe: the same event twice is taken once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_12_duplicate_webhooks_at_stripe() {
    let world = AtStripe::start().await;
    world.twin.webhooks(Manner::Twice);
    let (intent, _) = world.paid(json!({})).await;
    let refund = world.cart.refund(&intent, Some(500)).await.expect(201);
    world.cart.until_refund(id(&refund), "succeeded").await;
    world.twin.until_quiet().await;
    for parcel in world.twin.events() {
        assert_eq!(world.twin.deliver(&parcel, &How::Well).await, 200, "{}", parcel.kind);
    }
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    world.finish().await;
}

/// 14. At Stripe: events in the wrong order end in the same state.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_14_webhooks_out_of_order_at_stripe() {
    let world = AtStripe::start().await;
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({ "capture": "manual" })).await;
    page.submit(&[("action", "decline"), ("decline_code", "expired_card")]).await;
    page.pay().await;
    world.cart.until_status(id(&intent), "requires_capture").await;
    world.cart.capture(id(&intent), json!({})).await.expect(200);
    let refund = world.cart.refund(id(&intent), None).await.expect(201);
    world.cart.until_refund(id(&refund), "succeeded").await;
    // Refunded, captured, authorized, declined: the story backwards.
    let answers = world.twin.release(Order::Reversed).await;
    assert!(answers.len() >= 5 && answers.iter().all(|status| *status == 200), "{answers:?}");
    world.agree(id(&intent), "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    world.finish().await;
}

/// 15. At Stripe: a forged event is refused and leaves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_15_forged_webhook_at_stripe() {
    let world = AtStripe::start().await;
    let (intent, event) = held(&world).await;
    for how in [How::Forged, How::Flipped, How::Unsigned, How::With(String::new())] {
        assert_eq!(world.twin.deliver(&event, &how).await, 401, "{how:?}");
        still_unpaid(&world, &intent).await;
    }
    assert_eq!(world.twin.release(Order::AsMade).await, [200, 200]);
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// 16. At Stripe: an event that was signed long ago is refused.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_16_stale_webhook_at_stripe() {
    let world = AtStripe::start().await;
    let (intent, event) = held(&world).await;
    assert_eq!(world.twin.deliver(&event, &How::Stale).await, 401);
    still_unpaid(&world, &intent).await;
    // Stripe signs a repeat anew.
    assert_eq!(world.twin.deliver(&event, &How::Well).await, 200);
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// 18. At Stripe: while the endpoint's secret is rolled no event is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_18_rolled_webhook_secret_at_stripe() {
    let mut world = AtStripe::start().await;
    let old = world.config();
    let secret = |text: &str| old.replace("{ env = \"STRIPE_WEBHOOK_SECRET\" }", text);
    let one = "{ env = \"STRIPE_WEBHOOK_SECRET_NEXT\" }";
    let both = format!("[{one}, {{ env = \"STRIPE_WEBHOOK_SECRET\" }}]");

    // Rolled in the dashboard: for a day Stripe signs with both, and the hub takes either.
    world.restart_with(&secret(&both));
    world.twin.sign_with(&[NEXT_WEBHOOK_SECRET, WEBHOOK_SECRET]);
    let (first, page) = world.open(json!({})).await;
    world.twin.pay(page.session());
    world.agree(id(&first), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    let (second, event) = held(&world).await;
    assert_eq!(world.twin.deliver(&event, &How::With(WEBHOOK_SECRET.to_owned())).await, 200);
    world.agree(&second, "succeeded", &[CREATED, SUCCEEDED, PAID]).await;

    // The day is over, and the operator has taken the old one out.
    world.restart_with(&secret(one));
    world.twin.sign_with(&[NEXT_WEBHOOK_SECRET]);
    let (third, event) = held(&world).await;
    assert_eq!(world.twin.deliver(&event, &How::With(WEBHOOK_SECRET.to_owned())).await, 401);
    still_unpaid(&world, &third).await;
    world.twin.release(Order::AsMade).await;
    world.agree(&third, "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// The event with a change of its body, signed as well as Stripe itself would.
fn changed(event: &Parcel, change: impl FnOnce(&mut Value)) -> Parcel {
    let mut body: Value = serde_json::from_str(&event.body).unwrap();
    change(&mut body);
    Parcel { body: body.to_string(), ..event.clone() }
}

/// 25. At Stripe: an event of the other mode is no news.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_25_event_of_the_other_mode_at_stripe() {
    let world = AtStripe::start().await;
    let (intent, event) = held(&world).await;
    let other = changed(&event, |body| body["livemode"] = true.into());
    assert_eq!(world.twin.deliver(&other, &How::Well).await, 200);
    still_unpaid(&world, &intent).await;
    // Its id is not burnt: the true one counts.
    world.twin.release(Order::AsMade).await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// 26. At Stripe: an event of another account is no news.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_26_event_of_another_account_at_stripe() {
    let world = AtStripe::start().await;
    let (intent, event) = held(&world).await;
    let other = changed(&event, |body| body["account"] = "acct_of_somebody_else".into());
    assert_eq!(world.twin.deliver(&other, &How::Well).await, 200);
    still_unpaid(&world, &intent).await;
    world.twin.release(Order::AsMade).await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.ledger().count(Moved::Taken), 1);
    world.finish().await;
}
