//! Each call's answer is lost, before and after Stripe did what was asked; the hub finds out by itself, in
//! real time, and the money moves once.

use serde_json::{Value, json};

use crate::stories::at_stripe::world::AtStripe;
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;

/// Lost before, lost after, and Stripe's own 500 that it repeats under the same key.
const LOST: [Fault; 3] = [Fault::DropBefore, Fault::DropAfter, Fault::BreaksAfter];

const CREATED: &str = "payment_intent.created";
const RESERVED: &str = "payment_intent.requires_capture";
const SUCCEEDED: &str = "payment_intent.succeeded";
const PAID: &str = "order.paid";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_open_is_lost() {
    let world = AtStripe::start().await;
    for fault in [Fault::DropBefore, Fault::DropAfter, Fault::ErrorAfter] {
        let before = world.twin.ids("checkout.session").len();
        world.twin.fault("open", fault);
        let (intent, page) = world.open(json!({})).await;
        world.twin.struck();
        assert_eq!(world.twin.ids("checkout.session").len(), before + 1, "{fault:?}: one page");
        page.pay().await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_a_question_is_lost() {
    let world = AtStripe::start().await;
    for fault in [Fault::DropBefore, Fault::ErrorBefore, Fault::BreaksBefore, Fault::Garbage, Fault::TooMany]
    {
        // Only the hub's own question can tell.
        world.twin.webhooks(crate::twins::outbox::Manner::Dropped);
        let (intent, page) = world.open(json!({})).await;
        world.twin.fault("fetch", fault);
        page.pay().await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_capture_is_lost() {
    let world = AtStripe::start().await;
    for fault in LOST {
        let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
        world.twin.fault("capture", fault);
        let answer = world.cart.capture(&intent, json!({ "amount": 600 })).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
        let captures = world.cart.intent(&intent).await["captures"].clone();
        let captures: Vec<&Value> = captures.as_array().unwrap().iter().map(|one| &one["amount"]).collect();
        assert_eq!(captures, [&json!(600)], "{fault:?}");
        assert_eq!(world.twin.ledger().of(&payment).total(Moved::Taken), 600);
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_void_is_lost() {
    let world = AtStripe::start().await;
    for fault in LOST {
        let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
        world.twin.fault("cancel", fault);
        let answer = world.cart.cancel(&intent).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(&intent, "canceled", &[CREATED, RESERVED, "payment_intent.canceled"]).await;
        assert_eq!(world.twin.ledger().of(&payment).count(Moved::Released), 1, "{fault:?}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_refund_is_lost() {
    let world = AtStripe::start().await;
    for fault in LOST {
        let (intent, payment) = world.paid(json!({})).await;
        world.twin.fault("refund", fault);
        let refund = world.cart.refund(&intent, Some(700)).await.expect(201);
        world.cart.until_refund(id(&refund), "succeeded").await;
        let told = [CREATED, SUCCEEDED, PAID, "refund.created", "refund.succeeded"];
        world.agree(&intent, "succeeded", &told).await;
        let books = world.twin.ledger().of(&payment);
        assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700), "{fault:?}");
    }
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_answer_to_expire_is_lost() {
    let world = AtStripe::start().await;
    for fault in LOST {
        let (intent, page) = world.open(json!({})).await;
        world.twin.fault("expire", fault);
        let answer = world.cart.cancel(id(&intent)).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(id(&intent), "canceled", &[CREATED, "payment_intent.canceled"]).await;
        assert_eq!(world.twin.object(page.session())["status"], "expired", "{fault:?}");
    }
    world.finish().await;
}
