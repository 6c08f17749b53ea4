//! Each call's answer is lost, before and after Adyen took note of it. The hub repeats it under the same key and waits
//! for the webhook, in real time; what was asked is done once.

use serde_json::{Value, json};

use super::world::{AtAdyen, RESERVED};
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::{eventually, id};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::{Manner, Order};

told!(crate::twins::adyen::Adyen: [
    the_answer_to_capture_is_lost,
    the_answer_to_void_is_lost,
    the_answer_to_expire_is_lost,
    a_repeat_meets_the_first_request_in_progress,
    the_answer_is_lost_and_so_is_the_webhook_for_a_while,
] in native);

told!(crate::twins::adyen::Adyen: [the_answer_to_capture_is_lost] in plugin);

/// Lost before and after, broken with a promise that another try helps, and broken for as long as the key lasts.
const LOST: [Fault; 4] = [Fault::DropBefore, Fault::DropAfter, Fault::BreaksBefore, Fault::BreaksAfter];

/// That requests of one kind said the same under one key for each thing that was asked.
fn said_the_same(world: &AtAdyen, end: &str, things: usize) {
    let mut said = std::collections::BTreeMap::<String, Vec<(String, Vec<u8>)>>::new();
    for request in world.twin.requests().into_iter().filter(|request| request.path.ends_with(end)) {
        let key = request.header("idempotency-key").expect("a key").to_owned();
        said.entry(key).or_default().push((request.path, request.body));
    }
    assert_eq!(said.len(), things, "keys of {end}");
    for (key, requests) in said {
        assert!(requests.iter().all(|request| *request == requests[0]), "{key}: {requests:?}");
    }
}

async fn the_answer_to_capture_is_lost(world: AtAdyen) {
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
    said_the_same(&world, "/captures", LOST.len());
    world.finish().await;
}

async fn the_answer_to_void_is_lost(world: AtAdyen) {
    for fault in LOST {
        let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
        world.twin.fault("cancel", fault);
        let answer = world.cart.cancel(&intent).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(&intent, "canceled", &[CREATED, RESERVED, "payment_intent.canceled"]).await;
        assert_eq!(world.twin.ledger().of(&payment).count(Moved::Released), 1, "{fault:?}");
    }
    said_the_same(&world, "/cancels", LOST.len());
    world.finish().await;
}

async fn the_answer_to_expire_is_lost(world: AtAdyen) {
    for fault in LOST {
        let (intent, page) = world.open(json!({})).await;
        world.twin.fault("expire", fault);
        let answer = world.cart.cancel(id(&intent)).await;
        assert!([200, 202].contains(&answer.status), "{fault:?}: {}", answer.text);
        world.agree(id(&intent), "canceled", &[CREATED, "payment_intent.canceled"]).await;
        assert_eq!(world.twin.page_status(&world.page(&page)), "expired", "{fault:?}");
    }
    world.finish().await;
}

/// The connection is gone and Adyen is still at it: each repeat gets error 704, which is no refusal.
async fn a_repeat_meets_the_first_request_in_progress(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({})).await;
    world.twin.webhooks(Manner::Held);
    world.twin.take_long(true);
    world.twin.fault("refund", Fault::DropAfter);
    let refund = world.cart.refund(&intent, Some(700)).await.expect(201);
    eventually("Adyen is asked again", || async { (world.twin.count_asked("refund") > 1).then_some(()) })
        .await;
    let path = format!("/v1/refunds/{}", id(&refund));
    assert_eq!(world.cart.get(&path).await.expect(200)["status"], "pending");
    let asked = world.twin.count_asked("refund");
    world.twin.take_long(false);
    eventually("Adyen is asked once more", || async {
        (world.twin.count_asked("refund") > asked).then_some(())
    })
    .await;
    assert_eq!(world.twin.release(Order::AsMade).await, [202]);
    world.cart.until_refund(id(&refund), "succeeded").await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    let books = world.twin.ledger().of(&payment);
    assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700));
    said_the_same(&world, "/refunds", 1);
    world.finish().await;
}

/// Adyen's own error is all that ever comes back, and the webhook is late. Nothing has failed, nothing is asked for
/// again under another key, and the webhook ends it.
async fn the_answer_is_lost_and_so_is_the_webhook_for_a_while(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({})).await;
    world.twin.webhooks(Manner::Held);
    world.twin.fault("refund", Fault::BreaksAfter);
    let refund = world.cart.refund(&intent, Some(700)).await.expect(201);
    eventually("Adyen is asked again", || async { (world.twin.count_asked("refund") > 1).then_some(()) })
        .await;
    let path = format!("/v1/refunds/{}", id(&refund));
    assert_eq!(world.cart.get(&path).await.expect(200)["status"], "pending", "unknown is never failed");
    assert_eq!(world.cart.refund(&intent, Some(1500)).await.status, 422, "it is spoken for");
    assert_eq!(world.twin.release(Order::AsMade).await, [202]);
    world.cart.until_refund(id(&refund), "succeeded").await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    assert_eq!(world.twin.ledger().of(&payment).count(Moved::GivenBack), 1);
    said_the_same(&world, "/refunds", 1);
    world.finish().await;
}
