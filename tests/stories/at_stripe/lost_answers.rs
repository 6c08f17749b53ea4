//! Each call's answer is lost, before and after Stripe did what was asked; the hub finds out by itself, in
//! real time, and the money moves once.

use serde_json::{Value, json};

use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::stories::at_stripe::world::AtStripe;
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;

told!(crate::twins::stripe::Stripe: [
    the_answer_to_capture_is_lost,
    the_answer_to_void_is_lost,
    the_answer_to_expire_is_lost,
] in native and plugin);

/// Lost before, lost after, and Stripe's own 500 that it repeats under the same key.
const LOST: [Fault; 3] = [Fault::DropBefore, Fault::DropAfter, Fault::BreaksAfter];

const RESERVED: &str = "payment_intent.requires_capture";

async fn the_answer_to_capture_is_lost(world: AtStripe) {
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

async fn the_answer_to_void_is_lost(world: AtStripe) {
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

async fn the_answer_to_expire_is_lost(world: AtStripe) {
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
