//! The hub's way in: a token that ends too early, one that cannot be had, and a secret that is rolled while shoppers
//! pay.

use serde_json::json;

use super::world::AtPayPal;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::id;
use crate::twins::faults::Fault;
use crate::twins::paypal::{NEXT_TEST_SECRET, TOKEN_LIFE_S};

told!(crate::twins::paypal::PayPal: [
    one_token_serves_many_requests,
    a_token_that_is_refused_is_replaced,
    a_token_that_cannot_be_had_is_asked_for_again,
    the_secret_is_rolled_between_approval_and_completion,
] in native);

async fn one_token_serves_many_requests(world: AtPayPal) {
    for _ in 0..3 {
        let (intent, _) = world.paid(json!({})).await;
        world.refunded(&intent, None).await;
    }
    assert_eq!(world.twin.count_asked("token"), 1);
    world.finish().await;
}

/// PayPal calls a token back, or its clock is ahead: the hub takes another one, and nothing is done twice.
async fn a_token_that_is_refused_is_replaced(world: AtPayPal) {
    let (intent, page) = world.open(json!({})).await;
    world.twin.call_tokens_back();
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.twin.jump(TOKEN_LIFE_S);
    world.refunded(id(&intent), Some(500)).await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    assert_eq!(world.twin.count_asked("token"), 3);
    world.finish().await;
}

/// No token is nothing done: the call is made later, and once.
async fn a_token_that_cannot_be_had_is_asked_for_again(world: AtPayPal) {
    for fault in [Fault::DropBefore, Fault::DropAfter, Fault::ErrorBefore, Fault::TooMany, Fault::Garbage] {
        let (intent, page) = world.open(json!({})).await;
        world.twin.call_tokens_back();
        world.twin.fault("token", fault);
        page.pay().await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
        world.twin.struck();
    }
    world.finish().await;
}

async fn the_secret_is_rolled_between_approval_and_completion(mut world: AtPayPal) {
    let (intent, page) = world.open(json!({})).await;
    world.twin.roll_secret(NEXT_TEST_SECRET);
    world.twin.call_tokens_back();
    page.pay().await;
    // PayPal knows the old secret no longer. That is no word about the payment.
    assert_ne!(world.cart.status(id(&intent)).await, "failed");
    assert_eq!(world.twin.ledger().0, vec![]);
    let next = world.config().replace("\"PAYPAL_CLIENT_SECRET\"", "\"PAYPAL_CLIENT_SECRET_NEXT\"");
    world.restart_with(&next);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
