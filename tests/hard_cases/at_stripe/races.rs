//! Lost and unreadable answers, and a cancel that meets a payment.

use serde_json::json;

use super::{CREATED, PAID, RESERVED, SUCCEEDED};
use crate::stories::at_stripe::world::AtStripe;
use crate::support::{eventually, id};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::Manner;

/// 1. At Stripe: the answer that opens a page is lost, and the same key gives the same page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_01_lost_answer_to_open_at_stripe() {
    let world = AtStripe::start().await;
    world.twin.fault("open", Fault::DropAfter);
    let (intent, page) = world.open(json!({})).await;
    // The same key again: Stripe gives the same page.
    assert_eq!((world.twin.count_asked("open"), world.twin.ids("checkout.session").len()), (2, 1));
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// 8. At Stripe: an answer of 200 that is garbage is no verdict.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_08_garbage_with_status_200_at_stripe() {
    let world = AtStripe::start().await;
    for operation in ["open", "capture", "refund"] {
        world.twin.fault(operation, Fault::Garbage);
    }
    let (intent, page) = world.open(json!({ "capture": "manual" })).await;
    page.pay().await;
    world.cart.until_status(id(&intent), "requires_capture").await;
    world.cart.capture(id(&intent), json!({})).await;
    world.cart.until_status(id(&intent), "succeeded").await;
    let refund = world.cart.refund(id(&intent), None).await.expect(201);
    world.cart.until_refund(id(&refund), "succeeded").await;
    let told = [CREATED, RESERVED, SUCCEEDED, PAID, "refund.created", "refund.succeeded"];
    world.agree(id(&intent), "succeeded", &told).await;
    let books = world.twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.count(Moved::GivenBack)), (1, 1));
    world.finish().await;
}

/// 30. At Stripe: the answer that opened the page was lost, the cart canceled, and somebody paid there all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_30_paid_after_the_cart_canceled_at_stripe() {
    let world = AtStripe::start().await;
    world.twin.faults("open", Fault::DropAfter, 2);
    let intent = world.create(json!({})).await;
    let (shopper, opened) = (world.shopper(), intent.clone());
    let waiting = tokio::spawn(async move { shopper.open(&opened).await });
    let session = eventually("the page is made", || async { world.twin.ids("checkout.session").pop() }).await;
    world.cart.until(id(&intent), "in doubt", |intent| intent["attempts"][0]["state"] == "unknown").await;
    assert_eq!(world.cart.cancel(id(&intent)).await.expect(200)["status"], "canceled");
    world.twin.pay(&session);
    let told = [CREATED, "payment_intent.canceled", SUCCEEDED, PAID];
    world.agree(id(&intent), "succeeded", &told).await;
    waiting.await.unwrap();
    assert_eq!(world.twin.ledger().count(Moved::Taken), 1);
    world.twin.no_more_faults();
    world.finish().await;
}

/// 34. Taken in the dashboard just before the cart gave it up: Stripe decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_34_cancel_meets_a_capture_at_stripe() {
    let world = AtStripe::start().await;
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    world.twin.webhooks(Manner::Dropped);
    world.twin.dashboard_capture(&payment);
    let answer = world.cart.cancel(&intent).await;
    assert!([200, 202, 409].contains(&answer.status), "{}", answer.text);
    let shown = world.cart.until_status(&intent, "succeeded").await;
    assert_eq!(shown["amount_captured"], 1999);
    let types = world.cart.event_types(&intent).await;
    assert!(!types.iter().any(|kind| kind == "payment_intent.canceled"), "{types:?}");
    let books = world.twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.count(Moved::Released)), (1, 0));
    world.finish().await;
}

/// 34. At Stripe: the shopper pays while the hub cannot close the page.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_34_cancel_meets_a_payment_at_stripe() {
    let world = AtStripe::start().await;
    world.twin.fault("expire", Fault::ErrorBefore);
    let (intent, page) = world.open(json!({})).await;
    let (canceled, _paid) = tokio::join!(world.cart.cancel(id(&intent)), page.pay());
    assert!([200, 202, 409].contains(&canceled.status), "{}", canceled.text);
    let ends = |intent: &serde_json::Value| intent["status"] == "succeeded" || intent["status"] == "canceled";
    let ended = world.cart.until(id(&intent), "ended", ends).await;
    world.twin.until_quiet().await;
    // Whoever was first, the hub says what Stripe says.
    let is_taken = world.twin.ledger().count(Moved::Taken) == 1;
    assert_eq!(ended["status"] == "succeeded", is_taken, "{ended}");
    world.twin.no_more_faults();
    world.finish().await;
}
