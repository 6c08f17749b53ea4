//! Reserved first and taken later: once, in part or whole, or released. There are no keys: after a lost answer the hub
//! looks before it asks again, and a second order would be approved although nothing is done.

use serde_json::{Value, json};

use super::world::{AtAuthorizeNet, CANCELED, RESERVED};
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::{Manner, Order};

told!(crate::twins::authorizenet::AuthorizeNet: [
    reserved_and_taken_in_part,
    reserved_and_released,
    a_reservation_is_voided_by_hand,
    another_amount_was_taken_by_hand,
    the_answer_to_capture_is_lost,
    the_answer_to_void_is_lost,
] in native);

/// Lost after it was done, in each way that a look clears up.
const LOST: [Fault; 4] = [Fault::DropAfter, Fault::BreaksAfter, Fault::Garbage, Fault::WebhooksFirst];

async fn reserved_and_taken_in_part(world: AtAuthorizeNet) {
    for amount in [600, 1999] {
        let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
        let page = world.twin.pages().pop().expect("a page");
        assert_eq!(world.twin.wish_of(&page)["transactionType"], "authOnlyTransaction");
        assert_eq!(world.twin.ledger().of(&payment).count(Moved::Taken), 0);
        assert_eq!(world.cart.capture(&intent, json!({ "amount": 2000 })).await.status, 422);
        let answer = world.cart.capture(&intent, json!({ "amount": amount })).await;
        assert!([200, 202].contains(&answer.status), "{}", answer.text);
        world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
        assert_eq!(world.twin.ledger().of(&payment).total(Moved::Taken), amount);
        world.twin.settle();
        world.refunded(&intent, Some(amount)).await;
        assert_eq!(world.cart.refund(&intent, Some(1)).await.status, 422);
    }
    assert_eq!(world.twin.count_asked("capture"), 2);
    world.finish().await;
}

async fn reserved_and_released(world: AtAuthorizeNet) {
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    let answer = world.cart.cancel(&intent).await;
    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    world.agree(&intent, "canceled", &[CREATED, RESERVED, CANCELED]).await;
    assert_eq!(world.twin.status_of(&payment), "voided");
    assert_eq!(world.twin.ledger().of(&payment).total(Moved::Released), 1999);
    assert_eq!(world.cart.capture(&intent, json!({})).await.status, 409);
    world.finish().await;
}

async fn a_reservation_is_voided_by_hand(world: AtAuthorizeNet) {
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.void_by_hand(&payment);
    world.agree(&intent, "canceled", &[CREATED, RESERVED, CANCELED]).await;
    assert_eq!(world.twin.count_asked("void"), 0);
    world.finish().await;
}

/// The hub has not heard of it and asks for more. Authorize.Net approves, with a note that it did nothing: ours has
/// failed, and what was taken is seen.
async fn another_amount_was_taken_by_hand(world: AtAuthorizeNet) {
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.webhooks(Manner::Held);
    world.twin.capture_by_hand(&payment, 600);
    let answer = world.cart.capture(&intent, json!({ "amount": 1500 })).await;
    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    let told = [CREATED, RESERVED, "payment_intent.capture_failed", SUCCEEDED, PAID];
    world.agree(&intent, "succeeded", &told).await;
    let captures = world.cart.intent(&intent).await["captures"].clone();
    let rows = captures.as_array().expect("captures").iter().map(|one| (&one["amount"], &one["status"]));
    let expected = [(&json!(1500), &json!("failed")), (&json!(600), &json!("succeeded"))];
    assert_eq!(rows.collect::<Vec<_>>(), expected);
    assert_eq!(world.twin.release(Order::AsMade).await, [200]);
    world.finish().await;
}

async fn the_answer_to_capture_is_lost(world: AtAuthorizeNet) {
    for fault in LOST {
        let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
        world.twin.fault("capture", fault);
        let answer = world.cart.capture(&intent, json!({ "amount": 600 })).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
        let captures = world.cart.intent(&intent).await["captures"].clone();
        let captures: Vec<&Value> = captures.as_array().unwrap().iter().map(|one| &one["amount"]).collect();
        assert_eq!(captures, [&json!(600)], "{fault:?}");
        assert_eq!(world.twin.ledger().of(&payment).total(Moved::Taken), 600, "{fault:?}");
    }
    assert_eq!(world.twin.count_asked("capture"), LOST.len(), "nothing is asked for twice");
    world.finish().await;
}

async fn the_answer_to_void_is_lost(world: AtAuthorizeNet) {
    for fault in LOST {
        let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
        world.twin.fault("void", fault);
        let answer = world.cart.cancel(&intent).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(&intent, "canceled", &[CREATED, RESERVED, CANCELED]).await;
        assert_eq!(world.twin.ledger().of(&payment).count(Moved::Released), 1, "{fault:?}");
    }
    assert_eq!(world.twin.count_asked("void"), LOST.len(), "nothing is asked for twice");
    world.finish().await;
}
