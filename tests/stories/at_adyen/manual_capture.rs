//! Reserved first and taken later, at a processor that says "received" to all of it: only the webhook tells whether a
//! capture or a cancel came to anything.

use serde_json::{Value, json};

use super::world::{AtAdyen, RESERVED};
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::{eventually, id};
use crate::twins::desk::Moved;
use crate::twins::outbox::{How, Manner, Order};

told!(crate::twins::adyen::Adyen: [
    reserved_and_taken_in_part,
    received_is_not_captured,
    a_capture_that_is_refused_and_asked_for_again,
    a_capture_that_the_scheme_rejects_days_later,
    an_automatic_capture_that_the_scheme_rejects,
    reserved_and_released,
    received_is_not_released,
    a_reservation_lapses,
    canceled_before_the_authorization_is_heard_of,
] in native);

told!(crate::twins::adyen::Adyen: [a_capture_that_is_refused_and_asked_for_again] in plugin);

/// Waits until Adyen has one more modification that has not ended; its id.
async fn under_way(world: &AtAdyen) -> String {
    eventually("Adyen has it", || async { world.twin.under_way().pop() }).await
}

async fn reserved_and_taken_in_part(world: AtAdyen) {
    for amount in [600, 1999] {
        let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
        assert_eq!(world.twin.ledger().of(&payment).count(Moved::Taken), 0);
        assert_eq!(world.cart.capture(&intent, json!({ "amount": 2000 })).await.status, 422);
        let answer = world.cart.capture(&intent, json!({ "amount": amount })).await;
        assert!([200, 202].contains(&answer.status), "{}", answer.text);
        world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
        assert_eq!(world.twin.ledger().of(&payment).total(Moved::Taken), amount);
        world.refunded(&intent, Some(amount)).await;
        assert_eq!(world.cart.refund(&intent, Some(1)).await.status, 422);
    }
    world.finish().await;
}

async fn received_is_not_captured(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.hold_modifications();
    // Nobody waits for a webhook that comes in a day.
    let answer = world.cart.capture(&intent, json!({})).await.expect(202);
    assert_eq!(answer["captures"][0]["status"], "pending", "{answer}");
    let capture = under_way(&world).await;
    // Until it is known, what is reserved is spoken for.
    let shown = world.cart.intent(&intent).await;
    let amounts = (&shown["status"], &shown["amount_captured"], &shown["amount_capturable"]);
    assert_eq!(amounts, (&json!("requires_capture"), &json!(0), &json!(0)));
    assert_eq!(world.cart.capture(&intent, json!({})).await.status, 422);
    assert_eq!(world.cart.cancel(&intent).await.status, 409);
    assert_eq!(world.twin.ledger().of(&payment).count(Moved::Taken), 0);
    world.twin.end(&capture, None);
    world.agree(&intent, "succeeded", &[CREATED, RESERVED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.count_asked("capture"), 1);
    world.finish().await;
}

async fn a_capture_that_is_refused_and_asked_for_again(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.hold_modifications();
    world.cart.capture(&intent, json!({ "amount": 1500 })).await.expect(202);
    let capture = under_way(&world).await;
    world.twin.end(&capture, Some("Capture not allowed"));
    let failed = |intent: &Value| intent["captures"][0]["status"] == "failed";
    world.cart.until(&intent, "the capture failed", failed).await;
    let told = [CREATED, RESERVED, "payment_intent.capture_failed"];
    world.agree(&intent, "requires_capture", &told).await;
    assert_eq!(world.twin.ledger().of(&payment).count(Moved::Taken), 0);
    // It is told once more, and by a word that came too late.
    world.twin.until_quiet().await;
    assert_eq!(world.twin.deliver(&world.twin.event("CAPTURE"), &How::Well).await, 202);
    world.cart.capture(&intent, json!({ "amount": 1500 })).await.expect(202);
    let again = under_way(&world).await;
    world.twin.end(&again, None);
    let told = [CREATED, RESERVED, "payment_intent.capture_failed", SUCCEEDED, PAID];
    world.agree(&intent, "succeeded", &told).await;
    assert_eq!(world.twin.ledger().of(&payment).total(Moved::Taken), 1500);
    world.finish().await;
}

/// The card scheme may reject a capture after it succeeded, whichever of the two is heard first. No look-up tells which
/// is true: the hub takes no money back by such a word, and it is not silent about it either.
async fn a_capture_that_the_scheme_rejects_days_later(world: AtAdyen) {
    for (order, resolution) in [(Order::AsMade, "accept"), (Order::Reversed, "refund")] {
        let (intent, _) = world.paid(json!({ "capture": "manual" })).await;
        world.twin.webhooks(Manner::Held);
        world.cart.capture(&intent, json!({})).await.expect(202);
        eventually("Adyen has it", || async { (world.twin.count_asked("capture") > 0).then_some(()) }).await;
        world.twin.undo(&world.twin.newest_modification(), "CAPTURE_FAILED");
        let failed = "payment_intent.capture_failed";
        let (first, second, heard) = match order {
            Order::AsMade => ("CAPTURE", "CAPTURE_FAILED", SUCCEEDED),
            Order::Reversed => ("CAPTURE_FAILED", "CAPTURE", failed),
        };
        assert_eq!(world.twin.deliver(&world.twin.event(first), &How::Well).await, 202);
        world.cart.until_event(&intent, heard).await;
        assert_eq!(world.twin.deliver(&world.twin.event(second), &How::Well).await, 202);
        waits_for_a_person(&world, &intent).await;
        // What a person says is booked, and nothing is asked of Adyen.
        let asked = world.twin.count_asked("refund");
        let back = if resolution == "refund" { 1999 } else { 0 };
        let command = format!("quarantine {resolution} {intent} --as Nora --note looked --config CONFIG");
        let (is_done, printed) = world.payhub(&command, &[]);
        assert!(is_done, "{printed}");
        let settled =
            |intent: &Value| intent["quarantine"] == Value::Null && intent["amount_refunded"] == back;
        let shown = world.cart.until(&intent, resolution, settled).await;
        assert_eq!((&shown["status"], &shown["amount_captured"]), (&json!("succeeded"), &json!(1999)));
        assert_eq!(world.twin.count_asked("refund"), asked);
        world.twin.webhooks(Manner::Prompt);
    }
    world.finish().await;
}

/// Money that Adyen takes by itself is paid when it is authorized, and that is all that is said of it.
async fn an_automatic_capture_that_the_scheme_rejects(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({})).await;
    world.twin.reject_capture(&payment);
    waits_for_a_person(&world, &intent).await;
    world.finish().await;
}

/// The money is booked as before, and an operator is shown what Adyen said, in its own word.
async fn waits_for_a_person(world: &AtAdyen, intent: &str) {
    let flagged = |intent: &Value| intent["quarantine"]["reason"] == "capture_undone";
    let shown = world.cart.until(intent, "flagged", flagged).await;
    assert_eq!((&shown["status"], &shown["amount_captured"]), (&json!("succeeded"), &json!(1999)));
    assert_eq!(world.cart.count_events(intent, "payment_intent.quarantined").await, 1);
    let (is_good, printed) = world.payhub(&format!("payments show {intent} --config CONFIG"), &[]);
    assert!(is_good && printed.contains("CAPTURE_FAILED"), "{printed}");
}

async fn reserved_and_released(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    let answer = world.cart.cancel(&intent).await;
    assert!([200, 202].contains(&answer.status), "{}", answer.text);
    world.agree(&intent, "canceled", &[CREATED, RESERVED, "payment_intent.canceled"]).await;
    assert_eq!(world.twin.ledger().of(&payment).total(Moved::Released), 1999);
    assert_eq!(world.twin.event("CANCELLATION").kind, "CANCELLATION");
    world.finish().await;
}

async fn received_is_not_released(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.hold_modifications();
    world.cart.cancel(&intent).await.expect(202);
    let cancel = under_way(&world).await;
    world.twin.end(&cancel, Some("Cancel not allowed"));
    world.cart.until_event(&intent, "payment_intent.cancel_failed").await;
    world.agree(&intent, "requires_capture", &[CREATED, RESERVED, "payment_intent.cancel_failed"]).await;
    assert_eq!(world.twin.ledger().of(&payment).count(Moved::Released), 0);
    world.cart.cancel(&intent).await.expect(202);
    world.twin.end(&under_way(&world).await, None);
    let told = [CREATED, RESERVED, "payment_intent.cancel_failed", "payment_intent.canceled"];
    world.agree(&intent, "canceled", &told).await;
    world.finish().await;
}

/// `EXPIRE` names the payment by the hub's reference alone.
async fn a_reservation_lapses(world: AtAdyen) {
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.lapse(&payment);
    world.agree(&intent, "canceled", &[CREATED, RESERVED, "payment_intent.canceled"]).await;
    assert_eq!(world.cart.capture(&intent, json!({})).await.status, 409);
    world.finish().await;
}

/// The shopper has paid and the cart calls it off before the hub has heard of it: nothing is taken by then.
async fn canceled_before_the_authorization_is_heard_of(world: AtAdyen) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({ "capture": "manual" })).await;
    let page_id = world.page(&page);
    world.twin.pay(&page_id);
    let answer = world.cart.cancel(id(&intent)).await;
    assert!([200, 202, 409].contains(&answer.status), "{}", answer.text);
    let answers = world.twin.release(Order::AsMade).await;
    assert_eq!(answers, [202]);
    world.twin.webhooks(Manner::Prompt);
    let payment = world.twin.payment_at(&page_id);
    eventually("the reservation is released", || async {
        (world.twin.ledger().of(&payment).count(Moved::Released) == 1).then_some(())
    })
    .await;
    world.cart.until_status(id(&intent), "canceled").await;
    assert_eq!(world.twin.ledger().count(Moved::Taken), 0);
    world.finish().await;
}
