//! Square's webhooks: signed over the address that was registered, without a time; under a key that ends at once when
//! it is replaced; twice, backwards, before the answer; and about every sale of the seller.

use serde_json::json;

use super::world::AtSquare;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::{How, Manner, Order};
use crate::twins::square::{NEXT_SIGNATURE_KEY, SIGNATURE_KEY};

told!(crate::twins::square::Square: [
    the_registered_address_is_part_of_the_signature,
    the_signature_key_is_replaced_while_money_moves,
    a_life_is_told_backwards,
    a_refund_is_told_of_twice_before_it_is_answered,
    what_this_hub_did_not_open_is_left_alone,
    a_note_that_the_seller_changed_is_asked_about,
] in native);

told!(crate::twins::square::Square: [a_life_is_told_backwards] in plugin);

/// The same hub under another name: what was signed for that is not for this one.
async fn the_registered_address_is_part_of_the_signature(world: AtSquare) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    world.twin.pay(&world.page(&page));
    let event = world.twin.event("payment.updated");
    let good = format!("{}/webhooks/square", world.base_url);
    for (wrong, status) in [(good.replace("127.0.0.1", "localhost"), 401), (format!("{good}/"), 404)] {
        world.twin.send_webhooks_to(Some(&wrong));
        assert_eq!(world.twin.deliver(&event, &How::Well).await, status, "{wrong}");
    }
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    world.twin.send_webhooks_to(Some(&good));
    // Nothing says when it was signed: however old, it is as good as new.
    world.twin.jump(7 * 24 * 60 * 60);
    assert_eq!(world.twin.deliver(&event, &How::Well).await, 200);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.twin.release(Order::AsMade).await;
    world.finish().await;
}

async fn the_signature_key_is_replaced_while_money_moves(mut world: AtSquare) {
    let old = world.config();
    let secret = |text: &str| old.replace("{ env = \"SQUARE_SIGNATURE_KEY\" }", text);
    let one = "{ env = \"SQUARE_SIGNATURE_KEY_NEXT\" }";
    let both = format!("[{one}, {{ env = \"SQUARE_SIGNATURE_KEY\" }}]");
    let by_the_old = How::With(SIGNATURE_KEY.to_owned());

    let (intent, page) = world.open(json!({})).await;
    world.twin.webhooks(Manner::Held);
    world.twin.pay(&world.page(&page));
    let queued = world.twin.event("payment.updated");
    world.twin.sign_with(&[NEXT_SIGNATURE_KEY]);
    // The operator has not heard of it yet: nothing is believed, and Square sends it again.
    assert_eq!(world.twin.deliver(&queued, &How::Well).await, 401);
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    world.restart_with(&secret(&both));
    assert_eq!(world.twin.deliver(&queued, &by_the_old).await, 200);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.twin.release(Order::AsMade).await;

    // The last deliveries of the old one have come, and the operator takes it out.
    world.restart_with(&secret(one));
    let (second, page) = world.open(json!({})).await;
    world.twin.pay(&world.page(&page));
    let event = world.twin.event("payment.updated");
    assert_eq!(world.twin.deliver(&event, &by_the_old).await, 401);
    assert_eq!(world.cart.count_events(id(&second), SUCCEEDED).await, 0);
    world.twin.release(Order::AsMade).await;
    world.agree(id(&second), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// Completed before approved, the end of a refund before its beginning.
async fn a_life_is_told_backwards(world: AtSquare) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    page.submit(&[("action", "decline"), ("code", "CVV_FAILURE")]).await;
    world.twin.pay(&world.page(&page));
    for _ in 0..2 {
        let answers = world.twin.release(Order::Reversed).await;
        assert!(answers.iter().all(|status| *status == 200) && !answers.is_empty(), "{answers:?}");
        world.cart.until_status(id(&intent), "succeeded").await;
        world.refunded(id(&intent), Some(700)).await;
    }
    world.twin.release(Order::Reversed).await;
    for parcel in world.twin.events().iter().rev() {
        assert_eq!(world.twin.deliver(parcel, &How::Well).await, 200, "{}", parcel.kind);
    }
    let told = [CREATED, SUCCEEDED, PAID, REFUND, REFUNDED, REFUND, REFUNDED];
    world.agree(id(&intent), "succeeded", &told).await;
    assert_eq!(world.twin.ledger().total(Moved::GivenBack), 1400);
    world.finish().await;
}

async fn a_refund_is_told_of_twice_before_it_is_answered(world: AtSquare) {
    world.twin.webhooks(Manner::Twice);
    let (intent, _) = world.paid(json!({})).await;
    world.twin.fault("refund", Fault::WebhooksFirst);
    world.refunded(&intent, None).await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    let books = world.twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.total(Moved::GivenBack)), (1, 1999));
    world.finish().await;
}

/// Square tells of every sale of the seller.
async fn what_this_hub_did_not_open_is_left_alone(world: AtSquare) {
    let (intent, page) = world.open(json!({})).await;
    let theirs = world.twin.sell_at_the_till(1999);
    world.twin.dashboard_refund(&theirs, 100);
    world.twin.dispute(&theirs, 400, "EVIDENCE_REQUIRED");
    world.twin.until_quiet().await;
    world.agree(id(&intent), "requires_checkout", &[CREATED]).await;
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// A payment whose note is not ours any more is not believed by itself: the order says whose it is.
async fn a_note_that_the_seller_changed_is_asked_about(world: AtSquare) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    let link = world.page(&page);
    world.twin.pay(&link);
    world.twin.write_note(&world.twin.payment_at(&link), "called, wants it in blue");
    let asked = world.twin.count_asked("fetch");
    assert_eq!(world.twin.deliver(&world.twin.event("payment.updated"), &How::Well).await, 200);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert!(world.twin.count_asked("fetch") > asked);
    world.twin.release(Order::AsMade).await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
