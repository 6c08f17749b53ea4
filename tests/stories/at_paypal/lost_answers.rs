//! Each call's answer is lost, before and after PayPal did what was asked; the hub finds out by itself, in real time,
//! and the money moves once.

use serde_json::{Value, json};

use super::reservations::RESERVED;
use super::world::AtPayPal;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;

told!(crate::twins::paypal::PayPal: [
    the_answer_to_complete_is_lost,
    the_answer_to_authorize_is_lost,
    the_answer_to_capture_is_lost,
    the_answer_to_void_is_lost,
] in native);

/// Lost before, lost after, PayPal's own 500 before and after, and a page of a proxy.
const LOST: [Fault; 5] =
    [Fault::DropBefore, Fault::DropAfter, Fault::BreaksBefore, Fault::BreaksAfter, Fault::Garbage];

async fn the_answer_to_complete_is_lost(world: AtPayPal) {
    for fault in LOST {
        let (intent, page) = world.open(json!({})).await;
        world.twin.fault("complete", fault);
        page.pay().await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
        world.twin.struck();
        assert_eq!(world.twin.ledger().of(&world.page(&page)).count(Moved::Taken), 1, "{fault:?}");
    }
    world.finish().await;
}

async fn the_answer_to_authorize_is_lost(world: AtPayPal) {
    for fault in LOST {
        let (intent, page) = world.open(json!({ "capture": "manual" })).await;
        world.twin.fault("complete", fault);
        page.pay().await;
        world.agree(id(&intent), "requires_capture", &[CREATED, RESERVED]).await;
        world.twin.struck();
        assert_eq!(world.twin.ledger().of(&world.page(&page)).count(Moved::Reserved), 1, "{fault:?}");
    }
    world.finish().await;
}

async fn the_answer_to_capture_is_lost(world: AtPayPal) {
    for fault in LOST {
        let (intent, order) = world.paid(json!({ "capture": "manual" })).await;
        world.twin.fault("capture", fault);
        let answer = world.cart.capture(&intent, json!({ "amount": 600 })).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
        world.twin.struck();
        let captures = world.cart.intent(&intent).await["captures"].clone();
        let captures: Vec<&Value> = captures.as_array().unwrap().iter().map(|one| &one["amount"]).collect();
        assert_eq!(captures, [&json!(600)], "{fault:?}");
        assert_eq!(world.twin.ledger().of(&order).total(Moved::Taken), 600);
    }
    world.finish().await;
}

async fn the_answer_to_void_is_lost(world: AtPayPal) {
    for fault in LOST {
        let (intent, order) = world.paid(json!({ "capture": "manual" })).await;
        world.twin.fault("void", fault);
        let answer = world.cart.cancel(&intent).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(&intent, "canceled", &[CREATED, RESERVED, "payment_intent.canceled"]).await;
        world.twin.struck();
        assert_eq!(world.twin.ledger().of(&order).count(Moved::Released), 1, "{fault:?}");
    }
    world.finish().await;
}
