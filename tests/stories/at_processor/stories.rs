//! What must come out the same at every processor. Each story is told once; [`super::told!`] makes tests of it.

use serde_json::json;

use super::counterpart::Counterpart;
use super::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED, World};
use crate::processes::now;
use crate::support::{eventually, id};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::{How, Manner, Order, Progress};

/// What a cart asks for unless it says otherwise, in minor units.
const AMOUNT: i64 = 1999;

/// Whether a webhook was taken, in whichever of the ways that its processor knows.
fn is_accepted(status: &u16) -> bool {
    (200..300).contains(status)
}

/// One whole payment, with the return and the webhook racing, and its refund. Printed in a line, so that
/// `cargo test -p hub-tests --test hub -- a_shopper_pays --nocapture` shows one at each processor that has a twin.
pub(crate) async fn a_shopper_pays<P: Counterpart>(world: World<P>) {
    let began = now();
    // Both at once: each webhook leaves, twice, while the browser is still on its way back.
    world.twin.webhooks(Manner::Twice);
    let (intent, page) = world.open(json!({ "order_reference": "1001" })).await;
    assert!(page.is_hosted(), "{}", page.url());
    let home = page.pay().await;
    assert_eq!(home.url(), format!("https://shop.test/thanks?order=7&payment_intent={}", id(&intent)));
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    let taken = world.twin.ledger();
    assert_eq!((taken.count(Moved::Taken), taken.total(Moved::Taken)), (1, AMOUNT));
    assert_eq!((world.twin.count_asked("open"), P::pages(&world.twin)), (1, 1));
    world.twin.until_quiet().await;
    let webhooks = world.twin.events().iter().filter(|parcel| parcel.progress == Progress::Delivered).count();

    P::settle(&world.twin);
    world.refunded(id(&intent), None).await;
    let told = [CREATED, SUCCEEDED, PAID, REFUND, REFUNDED];
    world.agree(id(&intent), "succeeded", &told).await;
    let books = world.twin.ledger();
    assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, AMOUNT));
    println!(
        "{:<13} {AMOUNT} minor units paid on one page, {webhooks} webhooks twice each beside the return: taken {} \
         time, then {AMOUNT} given back; told {}; {:.1} s",
        P::NAME,
        books.count(Moved::Taken),
        told.join(", "),
        began.elapsed().as_secs_f32(),
    );
    world.finish().await;
}

pub(crate) async fn declined_on_the_page_and_then_paid<P: Counterpart>(world: World<P>) {
    let (intent, page) = world.open(json!({})).await;
    for decline in P::DECLINES {
        let still = page.submit(decline).await;
        assert_eq!((still.status(), still.url()), (200, page.url()), "the page stays open");
        world.twin.until_quiet().await;
        assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout", "{decline:?}");
    }
    assert_eq!(world.twin.ledger().0, vec![], "nothing was taken yet");
    // Somebody who comes again by the cart's link is led to the same page.
    let again = world.shopper().open(&intent).await;
    assert_eq!(again.url(), page.url());
    assert!(again.pay().await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    let paid = world.cart.intent(id(&intent)).await;
    assert_eq!(paid["attempts"].as_array().unwrap().len(), 1);
    assert_eq!(world.twin.count_asked("open"), 1);
    world.finish().await;
}

pub(crate) async fn given_back_in_two_parts_and_not_a_cent_more<P: Counterpart>(world: World<P>) {
    let (intent, _) = world.paid(json!({})).await;
    for (amount, rest) in [(Some(1200), 799), (None, 0)] {
        world.refunded(&intent, amount).await;
        let now = world.cart.intent(&intent).await;
        assert_eq!(now["amount_refunded"], AMOUNT - rest);
    }
    assert_eq!(world.cart.refund(&intent, Some(1)).await.status, 422);
    let told = [CREATED, SUCCEEDED, PAID, REFUND, REFUNDED, REFUND, REFUNDED];
    world.agree(&intent, "succeeded", &told).await;
    let books = world.twin.ledger();
    assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (2, AMOUNT));
    assert_eq!(world.twin.count_asked("refund"), 2);
    world.finish().await;
}

pub(crate) async fn the_answer_to_open_is_lost<P: Counterpart>(world: World<P>) {
    for fault in P::LOST_AT_OPEN {
        let before = P::pages(&world.twin);
        world.twin.fault("open", *fault);
        let (intent, page) = world.open(json!({})).await;
        world.twin.struck();
        let made = if P::FINDS_LOST_PAGES || fault.keeps_it_away() { 1 } else { 2 };
        assert_eq!(P::pages(&world.twin), before + made, "{fault:?}");
        assert!(page.pay().await.is_at_the_shop());
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    }
    assert_eq!(world.twin.ledger().count(Moved::Taken), P::LOST_AT_OPEN.len());
    world.finish().await;
}

pub(crate) async fn the_answer_to_refund_is_lost<P: Counterpart>(world: World<P>) {
    for fault in P::LOST_AT_REFUND {
        let (intent, payment) = world.paid(json!({})).await;
        world.twin.fault("refund", *fault);
        let refund = world.cart.refund(&intent, Some(700)).await.expect(201);
        eventually("the refund succeeds", || async {
            P::end_refunds(&world.twin);
            let shown = world.cart.get(&format!("/v1/refunds/{}", id(&refund))).await.expect(200);
            assert_ne!(shown["status"], "failed", "unknown is never failed");
            (shown["status"] == "succeeded").then_some(())
        })
        .await;
        world.twin.struck();
        world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
        let books = world.twin.ledger().of(&payment);
        assert_eq!((books.count(Moved::GivenBack), books.total(Moved::GivenBack)), (1, 700), "{fault:?}");
    }
    world.finish().await;
}

pub(crate) async fn the_answer_to_a_question_is_lost<P: Counterpart>(world: World<P>) {
    for fault in [Fault::DropBefore, Fault::ErrorBefore, Fault::BreaksBefore, Fault::Garbage, Fault::TooMany]
    {
        // Only the hub's own question can tell.
        world.twin.webhooks(Manner::Dropped);
        let (intent, page) = world.open(json!({})).await;
        world.twin.fault("fetch", fault);
        page.pay().await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
        world.twin.struck();
    }
    world.finish().await;
}

pub(crate) async fn the_return_comes_before_the_webhook<P: Counterpart>(world: World<P>) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    // The hub asks, because the shopper is back.
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    let answers = world.twin.release(Order::Reversed).await;
    assert!(answers.iter().all(is_accepted) && !answers.is_empty(), "{answers:?}");
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

pub(crate) async fn the_webhook_comes_and_the_shopper_does_not<P: Counterpart>(world: World<P>) {
    let (intent, page) = world.open(json!({})).await;
    P::pay(&world.twin, &world.page(&page));
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.twin.until_quiet().await;
    world.finish().await;
}

pub(crate) async fn what_is_told_twice_counts_once<P: Counterpart>(world: World<P>) {
    world.twin.webhooks(Manner::Twice);
    let (intent, _) = world.paid(json!({})).await;
    world.refunded(&intent, Some(500)).await;
    world.twin.until_quiet().await;
    for parcel in world.twin.events() {
        assert!(is_accepted(&world.twin.deliver(&parcel, &How::Well).await), "{}", parcel.kind);
    }
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    world.finish().await;
}

pub(crate) async fn a_forged_webhook_is_refused_and_leaves_nothing<P: Counterpart>(world: World<P>) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    P::pay(&world.twin, &world.page(&page));
    let event = world.twin.event(P::PAID);
    let asked = world.twin.requests().len();
    for how in [How::Forged, How::Flipped, How::Unsigned, How::With(String::new())] {
        assert_eq!(world.twin.deliver(&event, &how).await, 401, "{how:?}");
    }
    // Not even a question was asked because of it.
    assert_eq!(world.twin.requests().len(), asked);
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    let answers = world.twin.release(Order::AsMade).await;
    assert!(answers.iter().all(is_accepted) && !answers.is_empty(), "{answers:?}");
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
