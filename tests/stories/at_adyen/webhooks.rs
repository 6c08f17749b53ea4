//! Adyen's webhook is the only word on money: twice, backwards, several in one delivery, before the answer, long after
//! the return, under an old key, and about payments that are none of ours.

use serde_json::{Value, json};

use super::afterwards::a_life_is_told_backwards;
use super::world::{AtAdyen, RESERVED, set_aside};
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::{eventually, id};
use crate::twins::adyen::{HMAC_KEY, NEXT_HMAC_KEY};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::{How, Manner, Order};

told!(crate::twins::adyen::Adyen: [
    the_return_comes_first_and_only_the_webhook_tells,
    every_call_is_told_of_before_it_is_answered,
    a_duplicate_may_differ_in_what_is_not_signed,
    a_life_is_told_backwards,
    a_capture_is_told_of_before_the_authorization,
    several_items_in_one_delivery,
    the_hmac_key_is_replaced_while_money_moves,
    an_automatic_capture_that_is_told_of_counts_once,
    what_this_hub_did_not_open_is_left_alone,
    an_amount_that_is_not_the_one_asked_for_is_quarantined,
    what_is_not_signed_is_not_guessed,
] in native);

told!(crate::twins::adyen::Adyen: [several_items_in_one_delivery] in plugin);

/// Neither the return nor any look-up makes a payment of it: the link only says that the shopper is done.
async fn the_return_comes_first_and_only_the_webhook_tells(world: AtAdyen) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    // The hub asks, because the shopper is back, and asks again.
    page.pay().await;
    world.cart.until_status(id(&intent), "processing").await;
    eventually("the hub asks", || async { (world.twin.count_asked("fetch") > 1).then_some(()) }).await;
    assert_eq!(world.twin.page_status(&world.page(&page)), "completed");
    assert_eq!(world.cart.status(id(&intent)).await, "processing");
    assert_eq!(world.twin.release(Order::AsMade).await, [202]);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// A whole life, each step told twice and before its own answer.
async fn every_call_is_told_of_before_it_is_answered(world: AtAdyen) {
    world.twin.webhooks(Manner::Twice);
    let (intent, _) = world.paid(json!({ "capture": "manual" })).await;
    for operation in ["capture", "refund", "cancel"] {
        world.twin.fault(operation, Fault::WebhooksFirst);
    }
    world.cart.capture(&intent, json!({})).await.expect(200);
    world.refunded(&intent, None).await;
    let told = [CREATED, RESERVED, SUCCEEDED, PAID, REFUND, REFUNDED];
    world.agree(&intent, "succeeded", &told).await;
    let books = world.twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.count(Moved::GivenBack)), (1, 1));

    let (canceled, _) = world.paid(json!({ "capture": "manual" })).await;
    world.cart.cancel(&canceled).await.expect(200);
    world.agree(&canceled, "canceled", &[CREATED, RESERVED, "payment_intent.canceled"]).await;
    world.finish().await;
}

async fn a_duplicate_may_differ_in_what_is_not_signed(world: AtAdyen) {
    let (intent, _) = world.paid(json!({})).await;
    world.refunded(&intent, Some(500)).await;
    world.refunded(&intent, Some(500)).await;
    world.twin.until_quiet().await;
    for parcel in world.twin.events().iter().rev() {
        let again = world.twin.again(parcel);
        assert_ne!(again.body, parcel.body);
        assert_eq!(world.twin.deliver(&again, &How::Well).await, 202, "{}", parcel.kind);
    }
    let told = [CREATED, SUCCEEDED, PAID, REFUND, REFUNDED, REFUND, REFUNDED];
    world.agree(&intent, "succeeded", &told).await;
    world.finish().await;
}

async fn a_capture_is_told_of_before_the_authorization(world: AtAdyen) {
    let (intent, page) = world.open(json!({})).await;
    world.twin.tell_of_automatic_captures();
    world.twin.webhooks(Manner::Held);
    world.twin.pay(&world.page(&page));
    assert_eq!(world.twin.release(Order::Reversed).await, [202, 202]);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// Each item counts by its own signature: what nobody has signed takes nothing with it and says nothing.
async fn several_items_in_one_delivery(world: AtAdyen) {
    world.twin.webhooks(Manner::Held);
    let mut intents = Vec::new();
    for _ in 0..3 {
        let (intent, page) = world.open(json!({})).await;
        world.twin.pay(&world.page(&page));
        intents.push(intent);
    }
    let parcels = world.twin.events();
    let [first, second, third] = parcels.as_slice() else { panic!("three events: {parcels:?}") };
    // The second is not signed, and the report is none of ours.
    let report = world.twin.report(first);
    let together = world.twin.together(&[first.clone(), report, second.clone(), third.clone()], &[2]);
    assert_eq!(world.twin.deliver(&together, &How::Forged).await, 401);
    assert_eq!(world.twin.deliver(&together, &How::Well).await, 202);
    for intent in [&intents[0], &intents[2]] {
        world.agree(id(intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    }
    // The hub asks, and the link says that its shopper is done; no more than that.
    assert_eq!(world.cart.count_events(id(&intents[1]), SUCCEEDED).await, 0);
    world.twin.release(Order::AsMade).await;
    for intent in &intents {
        world.agree(id(intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    }
    world.finish().await;
}

/// A new key is generated while a refund is under way: what Adyen has in its queue is signed with the old one.
async fn the_hmac_key_is_replaced_while_money_moves(mut world: AtAdyen) {
    let old = world.config();
    let secret = |text: &str| old.replace("{ env = \"ADYEN_HMAC_KEY\" }", text);
    let one = "{ env = \"ADYEN_HMAC_KEY_NEXT\" }";
    let both = format!("[{one}, {{ env = \"ADYEN_HMAC_KEY\" }}]");

    let (intent, _) = world.paid(json!({})).await;
    world.twin.webhooks(Manner::Held);
    let refund = world.cart.refund(&intent, Some(500)).await.expect(201);
    eventually("Adyen has it", || async { (world.twin.count_asked("refund") > 0).then_some(()) }).await;
    let queued = world.twin.event("REFUND");
    let by_the_old = How::With(HMAC_KEY.to_owned());
    world.twin.sign_with(&[NEXT_HMAC_KEY]);
    // The operator has not heard of it yet: nothing is believed, and Adyen keeps it.
    assert_eq!(world.twin.deliver(&queued, &How::Well).await, 401);
    world.restart_with(&secret(&both));
    assert_eq!(world.twin.deliver(&queued, &by_the_old).await, 202);
    world.cart.until_refund(id(&refund), "succeeded").await;
    world.twin.release(Order::AsMade).await;
    let told = [CREATED, SUCCEEDED, PAID, REFUND, REFUNDED];
    world.agree(&intent, "succeeded", &told).await;

    // The queue is empty, and the operator takes the old key out.
    world.restart_with(&secret(one));
    let (second, page) = world.open(json!({})).await;
    world.twin.pay(&world.page(&page));
    let event = world.twin.event("AUTHORISATION");
    assert_eq!(world.twin.deliver(&event, &by_the_old).await, 401);
    assert_eq!(world.cart.count_events(id(&second), SUCCEEDED).await, 0);
    assert_eq!(world.twin.release(Order::AsMade).await, [202]);
    world.agree(id(&second), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// Accounts can be set to tell of automatic captures too.
async fn an_automatic_capture_that_is_told_of_counts_once(world: AtAdyen) {
    world.twin.tell_of_automatic_captures();
    let (intent, payment) = world.paid(json!({})).await;
    world.twin.until_quiet().await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    let captures = world.cart.intent(&intent).await["captures"].clone();
    assert_eq!(captures.as_array().map(Vec::len), Some(1), "{captures}");
    assert_eq!(world.twin.ledger().of(&payment).count(Moved::Taken), 1);
    world.refunded(&intent, None).await;
    world.finish().await;
}

/// A merchant account serves more than this hub, and a company has more than one of them. All of it is accepted, so
/// that Adyen's queue goes on, and none of it is believed.
async fn what_this_hub_did_not_open_is_left_alone(world: AtAdyen) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    world.twin.pay(&world.page(&page));
    let event = world.twin.event("AUTHORISATION");
    let rows = [
        // The same payment, said of another merchant account.
        json!({ "merchantAccountCode": "AnotherShopECOM" }),
        json!({ "merchantReference": "Order 1001 of another shop" }),
        json!({ "merchantReference": "" }),
        json!({ "eventCode": "NOTIFICATION_OF_FRAUD" }),
        // One try at the page came to nothing; whether the page did, the hub asks.
        json!({ "eventCode": "OFFER_CLOSED" }),
        json!({ "eventCode": "A_CODE_OF_NEXT_YEAR" }),
        json!({ "success": "maybe" }),
    ];
    for changes in rows {
        let changed = world.twin.changed(&event, &changes);
        assert_eq!(world.twin.deliver(&changed, &How::Well).await, 202, "{changes}");
    }
    assert_eq!(world.twin.deliver(&world.twin.report(&event), &How::Well).await, 202);
    world.twin.until_quiet().await;
    assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 0);
    assert_eq!(world.twin.release(Order::AsMade).await, [202]);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    let shown = world.cart.intent(id(&intent)).await;
    assert_eq!(shown["quarantine"], Value::Null, "{shown}");
    world.finish().await;
}

async fn an_amount_that_is_not_the_one_asked_for_is_quarantined(world: AtAdyen) {
    let rows = [json!({"currency": "EUR", "value": 199}), json!({"currency": "USD", "value": 1999})];
    for amount in rows {
        world.twin.webhooks(Manner::Held);
        let (intent, page) = world.open(json!({})).await;
        world.twin.pay(&world.page(&page));
        let event = world.twin.event("AUTHORISATION");
        let changed = world.twin.changed(&event, &json!({ "amount": amount }));
        assert_eq!(world.twin.deliver(&changed, &How::Well).await, 202);
        let held = |intent: &Value| !intent["quarantine"].is_null();
        let shown = world.cart.until(id(&intent), "quarantined", held).await;
        assert_eq!(shown["amount_captured"], 0, "{amount}");
        assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 0);
        world.twin.webhooks(Manner::Dropped);
    }
    world.finish().await;
}

/// *Cancel or refund* in the Customer Area: which of the two it was stands where the signature does not reach, so that
/// anybody on the way could have written it. It is shown to an operator.
async fn what_is_not_signed_is_not_guessed(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({})).await;
    let changes = json!({
        "eventCode": "CANCEL_OR_REFUND", "pspReference": "TWNCANCELORREFND", "originalReference": payment,
        "additionalData": {"modification.action": "refund"},
    });
    let event = world.twin.changed(&world.twin.event("AUTHORISATION"), &changes);
    assert_eq!(world.twin.deliver(&event, &How::Well).await, 202);
    set_aside(&world, "outside the signature").await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    // The queue goes on behind it.
    world.refunded(&intent, None).await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    world.finish().await;
}
