//! Ways to pay that turn out to be none when the hub takes the money.

use serde_json::json;

use super::world::AtPayPal;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;
use crate::twins::desk::Moved;

told!(crate::twins::paypal::PayPal: [
    an_instrument_is_declined_and_another_one_pays,
    an_instrument_is_declined_and_nobody_is_there,
    a_final_refusal_ends_the_order,
] in native);

const DECLINED: [(&str, &str); 2] = [("action", "pay"), ("refused_with", "INSTRUMENT_DECLINED")];

/// PayPal leads the shopper to its page again, for the same order.
async fn an_instrument_is_declined_and_another_one_pays(world: AtPayPal) {
    for keeps_refusals in [false, true] {
        if keeps_refusals {
            world.twin.keep_refusals();
        }
        let before = world.twin.orders().len();
        let (intent, page) = world.open(json!({})).await;
        let again = page.submit(&DECLINED).await;
        let again = if again.is_hosted() { again } else { world.shopper().open(&intent).await };
        assert_eq!(again.url(), page.url());
        assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
        assert_eq!(world.twin.ledger().of(&world.page(&page)).0, vec![], "nothing was taken");
        again.pay().await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
        assert_eq!(world.twin.orders().len(), before + 1, "one order for both ways to pay");
    }
    assert_eq!(world.twin.ledger().count(Moved::Taken), 2);
    world.finish().await;
}

/// The order stays approved at PayPal; the hub does not try the same way to pay for ever.
async fn an_instrument_is_declined_and_nobody_is_there(world: AtPayPal) {
    let (intent, page) = world.open(json!({})).await;
    world.twin.approve(&world.page(&page), Some("INSTRUMENT_DECLINED"));
    world.twin.until_quiet().await;
    crate::support::eventually("it is tried", || async {
        (world.twin.count_asked("complete") > 0).then_some(())
    })
    .await;
    world.cart.until_status(id(&intent), "requires_checkout").await;
    for parcel in world.twin.events() {
        world.twin.deliver(&parcel, &crate::twins::outbox::How::Well).await;
    }
    let again = world.shopper().open(&intent).await;
    assert_eq!((again.url(), world.twin.count_asked("complete")), (page.url(), 1));
    again.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn a_final_refusal_ends_the_order(world: AtPayPal) {
    let told = [CREATED, "payment_intent.attempt_declined"];
    for issue in ["TRANSACTION_REFUSED", "PAYER_CANNOT_PAY"] {
        let (intent, page) = world.open(json!({})).await;
        page.submit(&[("action", "pay"), ("refused_with", issue)]).await;
        world.agree(id(&intent), "requires_checkout", &told).await;
        let other = world.shopper().open(&intent).await;
        assert_ne!(world.page(&other), world.page(&page), "{issue}");
        other.pay().await;
        world.agree(id(&intent), "succeeded", &[&told[..], &[SUCCEEDED, PAID]].concat()).await;
    }
    assert_eq!(world.twin.ledger().count(Moved::Taken), 2);
    world.finish().await;
}
