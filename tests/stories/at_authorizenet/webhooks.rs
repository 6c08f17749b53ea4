//! Authorize.Net's webhooks: signed with the text of a key, and no more than an id that the hub then asks about.

use serde_json::json;

use super::world::{AtAuthorizeNet, RESERVED};
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::cart::plain_client;
use crate::support::id;
use crate::twins::authorizenet::{NEXT_SIGNATURE_KEY, SIGNATURE_KEY};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::{How, Manner, Order};

told!(crate::twins::authorizenet::AuthorizeNet: [
    the_signature_key_is_replaced_while_money_moves,
    the_key_is_a_text_and_not_bytes,
    a_life_is_told_backwards,
    a_refund_is_told_of_twice_before_it_is_answered,
    what_this_hub_did_not_open_is_left_alone,
] in native);

/// The event of a payment.
const TAKEN: &str = "net.authorize.payment.authcapture.created";

async fn the_signature_key_is_replaced_while_money_moves(mut world: AtAuthorizeNet) {
    let old = world.config();
    let secret = |text: &str| old.replace("{ env = \"AUTHORIZENET_SIGNATURE_KEY\" }", text);
    let one = "{ env = \"AUTHORIZENET_SIGNATURE_KEY_NEXT\" }";
    let both = format!("[{one}, {{ env = \"AUTHORIZENET_SIGNATURE_KEY\" }}]");
    let by_the_old = How::With(SIGNATURE_KEY.to_owned());

    let (intent, page) = world.open(json!({})).await;
    world.twin.webhooks(Manner::Held);
    world.twin.pay(&world.page(&page));
    let queued = world.twin.event(TAKEN);
    world.twin.sign_with(&[NEXT_SIGNATURE_KEY]);
    // The operator has not heard of it yet: nothing is believed, and Authorize.Net sends it again.
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
    let event = world.twin.event(TAKEN);
    assert_eq!(world.twin.deliver(&event, &by_the_old).await, 401);
    assert_eq!(world.cart.count_events(id(&second), SUCCEEDED).await, 0);
    world.twin.release(Order::AsMade).await;
    world.agree(id(&second), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// The key looks like bytes in hexadecimal digits, and many a library takes it for that. Header names have any case.
async fn the_key_is_a_text_and_not_bytes(world: AtAuthorizeNet) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    world.twin.pay(&world.page(&page));
    let event = world.twin.event(TAKEN);
    let url = format!("{}/webhooks/authorizenet", world.base_url);
    let by_bytes = world.twin.signed_with_bytes(&event.body);
    let post = plain_client().post(&url).header("X-ANET-Signature", by_bytes).body(event.body.clone());
    assert_eq!(post.send().await.expect("an answer").status(), 401);
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    // Nothing says when it was signed: however old, it is as good as new.
    assert_eq!(world.twin.deliver(&event, &How::Stale).await, 200);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.twin.release(Order::AsMade).await;
    world.finish().await;
}

/// The refund before the capture, the capture before the reservation.
async fn a_life_is_told_backwards(world: AtAuthorizeNet) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({ "capture": "manual" })).await;
    page.pay().await;
    world.cart.until_status(id(&intent), "requires_capture").await;
    let answer = world.cart.capture(id(&intent), json!({ "amount": 1500 })).await;
    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    world.cart.until_status(id(&intent), "succeeded").await;
    world.twin.settle();
    world.refunded(id(&intent), Some(700)).await;
    let answers = world.twin.release(Order::Reversed).await;
    assert_eq!(answers, [200; 3]);
    for parcel in world.twin.events().iter().rev() {
        assert_eq!(world.twin.deliver(parcel, &How::Well).await, 200, "{}", parcel.kind);
    }
    let told = [CREATED, RESERVED, SUCCEEDED, PAID, REFUND, REFUNDED];
    world.agree(id(&intent), "succeeded", &told).await;
    let books = world.twin.ledger();
    assert_eq!((books.total(Moved::Taken), books.total(Moved::GivenBack)), (1500, 700));
    world.finish().await;
}

async fn a_refund_is_told_of_twice_before_it_is_answered(world: AtAuthorizeNet) {
    world.twin.webhooks(Manner::Twice);
    let (intent, _) = world.paid(json!({})).await;
    world.twin.fault("refund", Fault::WebhooksFirst);
    world.refunded(&intent, None).await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    let books = world.twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.total(Moved::GivenBack)), (1, 1999));
    world.finish().await;
}

/// Every sale of the account is told of, under invoice numbers of all kinds.
async fn what_this_hub_did_not_open_is_left_alone(world: AtAuthorizeNet) {
    let (intent, page) = world.open(json!({})).await;
    for invoice in [None, Some("INV-2031/7"), Some("at01hx5m0p4sabcdefgh")] {
        let theirs = world.twin.sell_elsewhere(1999, invoice);
        world.twin.settle();
        world.twin.refund_by_hand(&theirs, 100, invoice);
    }
    world.twin.until_quiet().await;
    world.agree(id(&intent), "requires_checkout", &[CREATED]).await;
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
