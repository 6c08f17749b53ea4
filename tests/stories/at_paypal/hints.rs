//! A hint is only a reason to look: whoever knows the webhook's address can make the hub ask PayPal, and nothing
//! else; whoever does not know it, not even that.

use serde_json::json;

use super::world::AtPayPal;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::cart::plain_client;
use crate::support::{eventually, id};
use crate::twins::outbox::{How, Manner, Order};

told!(crate::twins::paypal::PayPal: [
    a_hint_is_only_a_reason_to_look,
    who_does_not_know_the_address_is_not_heard,
] in native);

/// Somebody tells of a payment that never was: in PayPal's words, about an order that is there.
async fn a_hint_is_only_a_reason_to_look(world: AtPayPal) {
    let (paid, _) = world.paid(json!({})).await;
    world.twin.until_quiet().await;
    let truth = world.twin.event("PAYMENT.CAPTURE.COMPLETED");
    let order_of_paid = world.twin.orders()[0].clone();
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    let order = world.page(&page);
    let echo = |order: &str| {
        let shown = world.twin.order(order)["purchase_units"][0]["custom_id"].clone();
        shown.as_str().expect("a text").to_owned()
    };
    let mut lie = truth.clone();
    lie.body = truth.body.replace(&order_of_paid, &order).replace(&echo(&order_of_paid), &echo(&order));
    assert_ne!(lie.body, truth.body);
    for (number, how) in [How::Well, How::Forged, How::Unsigned, How::Stale].into_iter().enumerate() {
        // PayPal's own id would be known already; a liar makes up another one.
        lie.body = lie.body.replacen("\"id\":\"WH-", &format!("\"id\":\"WH-{number}"), 1);
        let asked = world.twin.count_asked("fetch");
        assert_eq!(world.twin.deliver(&lie, &how).await, 200, "{how:?}");
        eventually("the hub asks", || async { (world.twin.count_asked("fetch") > asked).then_some(()) })
            .await;
    }
    world.agree(id(&intent), "requires_checkout", &[CREATED]).await;
    world.agree(&paid, "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.twin.release(Order::Reversed).await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn who_does_not_know_the_address_is_not_heard(world: AtPayPal) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    world.twin.approve(&world.page(&page), None);
    let event = world.twin.event("CHECKOUT.ORDER.APPROVED");
    let asked = world.twin.requests().len();
    for path in ["/webhooks/paypal", "/webhooks/paypal/", "/webhooks/paypal/twin-0f3b9c1d7a5e42688b22"] {
        let sent = plain_client().post(format!("{}{path}", world.base_url)).body(event.body.clone());
        let answer = sent.header("content-type", "application/json").send().await.expect("an answer");
        assert!([401, 404].contains(&answer.status().as_u16()), "{path}: {}", answer.status());
    }
    assert_eq!(world.twin.requests().len(), asked, "not even a question was asked");
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    let answers = world.twin.release(Order::AsMade).await;
    assert!(answers.iter().all(|status| *status == 200) && !answers.is_empty(), "{answers:?}");
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
