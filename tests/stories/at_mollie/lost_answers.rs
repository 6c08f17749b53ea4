//! Each call's answer is lost, before and after Mollie did what was asked; the hub finds out by itself, in real time,
//! and the money moves once.

use serde_json::{Value, json};

use super::world::AtMollie;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;

told!(crate::twins::mollie::Mollie: [
    the_answer_to_capture_is_lost,
    the_answer_to_release_is_lost,
    the_answer_to_cancel_is_lost,
    every_call_is_heard_before_its_answer,
] in native);

told!(crate::twins::mollie::Mollie: [
    the_answer_to_capture_is_lost,
] in plugin);

/// Lost before, lost after, and Mollie's own 500 that it repeats under the same key.
const LOST: [Fault; 3] = [Fault::DropBefore, Fault::DropAfter, Fault::BreaksAfter];

const RESERVED: &str = "payment_intent.requires_capture";
const CANCELED: &str = "payment_intent.canceled";

async fn the_answer_to_capture_is_lost(world: AtMollie) {
    for fault in LOST {
        let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
        world.twin.fault("capture", fault);
        let answer = world.cart.capture(&intent, json!({})).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
        let captures = world.cart.intent(&intent).await["captures"].clone();
        let captures: Vec<&Value> = captures.as_array().unwrap().iter().map(|one| &one["amount"]).collect();
        assert_eq!(captures, [&json!(1999)], "{fault:?}");
        assert_eq!(world.twin.ledger().of(&payment).count(Moved::Taken), 1, "{fault:?}");
    }
    world.finish().await;
}

async fn the_answer_to_release_is_lost(world: AtMollie) {
    for fault in LOST {
        let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
        world.twin.fault("release", fault);
        let answer = world.cart.cancel(&intent).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(&intent, "canceled", &[CREATED, RESERVED, CANCELED]).await;
        assert_eq!(world.twin.ledger().of(&payment).count(Moved::Released), 1, "{fault:?}");
    }
    world.finish().await;
}

async fn the_answer_to_cancel_is_lost(world: AtMollie) {
    world.twin.pages_are_cancelable();
    for fault in LOST {
        let (intent, page) = world.open(json!({})).await;
        world.twin.fault("cancel", fault);
        let answer = world.cart.cancel(id(&intent)).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(id(&intent), "canceled", &[CREATED, CANCELED]).await;
        assert_eq!(world.twin.payment(&world.page(&page))["status"], "canceled", "{fault:?}");
    }
    world.finish().await;
}

/// Mollie calls before it answers, and twice.
async fn every_call_is_heard_before_its_answer(world: AtMollie) {
    world.twin.webhooks(crate::twins::outbox::Manner::Twice);
    let (intent, _) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.fault("capture", Fault::WebhooksFirst);
    world.cart.capture(&intent, json!({})).await;
    world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
    let (released, _) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.fault("release", Fault::WebhooksFirst);
    world.cart.cancel(&released).await;
    world.agree(&released, "canceled", &[CREATED, RESERVED, CANCELED]).await;
    let books = world.twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.count(Moved::Released)), (1, 1));
    world.finish().await;
}
