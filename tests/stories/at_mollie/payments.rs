//! Shoppers at Mollie's page: paying, leaving, out of time, out of tries, paying by a method that takes days.

use serde_json::{Value, json};

use super::world::AtMollie;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::outbox::Manner;

told!(crate::twins::mollie::Mollie: [
    what_the_cart_says_reaches_the_page,
    amounts_have_the_decimals_of_their_currency,
    abandoned_and_expired_and_paid_on_another_page,
    canceled_on_the_page_and_paid_on_another_one,
    failed_for_good_and_paid_on_another_page,
    a_page_of_long_ago_takes_nothing_from_the_one_that_was_paid,
    money_that_takes_days,
    a_page_that_mollie_closes_early,
    a_page_that_mollie_does_not_close,
] in native);

const DECLINED: &str = "payment_intent.attempt_declined";
const CANCELED: &str = "payment_intent.canceled";

fn state(wanted: &'static str) -> impl Fn(&Value) -> bool {
    move |intent| intent["attempts"][0]["state"] == wanted
}

async fn what_the_cart_says_reaches_the_page(world: AtMollie) {
    let wish = json!({ "order_reference": "1001", "description": "One good book", "locale": "de-AT",
        "cancel_url": "https://shop.test/cart" });
    let (intent, page) = world.open(wish).await;
    let payment = world.twin.payment(&world.page(&page));
    assert_eq!(payment["amount"], json!({ "currency": "EUR", "value": "19.99" }));
    assert_eq!((&payment["description"], &payment["locale"]), (&json!("One good book"), &json!("de_AT")));
    assert_eq!(payment["metadata"]["order_reference"], "1001");
    for address in ["redirectUrl", "cancelUrl", "webhookUrl"] {
        let url = payment[address].as_str().unwrap_or_else(|| panic!("no {address}"));
        assert!(url.starts_with(&world.base_url), "{address}: {url}");
    }
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn amounts_have_the_decimals_of_their_currency(world: AtMollie) {
    for (currency, amount, value) in [("JPY", 1_000, "1000"), ("HUF", 1_000, "10.00"), ("EUR", 5, "0.05")] {
        let (intent, page) = world.open(json!({ "currency": currency, "amount": amount })).await;
        let payment = world.page(&page);
        assert_eq!(world.twin.payment(&payment)["amount"], json!({ "currency": currency, "value": value }));
        page.pay().await;
        world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
        world.refunded(id(&intent), None).await;
        assert_eq!(world.twin.ledger().of(&payment).total(Moved::GivenBack), amount);
    }
    world.finish().await;
}

async fn abandoned_and_expired_and_paid_on_another_page(world: AtMollie) {
    let (intent, page) = world.open(json!({})).await;
    page.submit(&[("action", "decline")]).await;
    world.twin.expire(&world.page(&page));
    world.cart.until(id(&intent), "its page is closed", state("expired")).await;
    world.agree(id(&intent), "requires_checkout", &[CREATED]).await;
    assert_eq!(page.pay().await.status(), 410);
    let other = world.shopper().open(&intent).await;
    assert_ne!(world.page(&other), world.page(&page));
    other.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.ledger().count(Moved::Taken), 1);
    world.finish().await;
}

async fn canceled_on_the_page_and_paid_on_another_one(world: AtMollie) {
    let (intent, page) = world.open(json!({ "cancel_url": "https://shop.test/cart" })).await;
    let back = page.cancel().await;
    assert_eq!(back.url(), format!("https://shop.test/cart?payment_intent={}", id(&intent)));
    world.cart.until(id(&intent), "its page is closed", state("expired")).await;
    let other = world.shopper().open(&intent).await;
    assert_ne!(world.page(&other), world.page(&page));
    other.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn failed_for_good_and_paid_on_another_page(world: AtMollie) {
    let (intent, page) = world.open(json!({})).await;
    page.submit(&[("action", "fail")]).await;
    let shown = world.cart.until(id(&intent), "declined", state("declined")).await;
    assert_eq!(shown["status"], "requires_checkout");
    let other = world.shopper().open(&intent).await;
    assert_ne!(world.page(&other), world.page(&page));
    other.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, DECLINED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// A call about an attempt that has ended must not undo what a later one has paid.
async fn a_page_of_long_ago_takes_nothing_from_the_one_that_was_paid(world: AtMollie) {
    let (intent, page) = world.open(json!({})).await;
    world.twin.expire(&world.page(&page));
    world.cart.until(id(&intent), "its page is closed", state("expired")).await;
    let late = world.twin.event("payment.expired");
    let other = world.shopper().open(&intent).await;
    other.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    let asked = world.twin.count_asked("fetch");
    assert_eq!(world.twin.deliver(&late, &crate::twins::outbox::How::Well).await, 200);
    crate::support::eventually("the hub asks", || async {
        (world.twin.count_asked("fetch") > asked).then_some(())
    })
    .await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// Nobody is told of `pending`; the hub asks because the shopper is back.
async fn money_that_takes_days(world: AtMollie) {
    let rows: [(bool, &str, &[&str]); 2] = [
        (true, "succeeded", &[CREATED, SUCCEEDED, PAID]),
        (false, "requires_checkout", &[CREATED, DECLINED]),
    ];
    for (is_paid, status, told) in rows {
        let (intent, page) = world.open(json!({})).await;
        assert!(page.pay_later().await.is_at_the_shop());
        world.cart.until_status(id(&intent), "processing").await;
        world.twin.until_quiet().await;
        assert_eq!(world.cart.status(id(&intent)).await, "processing");
        let payment = world.page(&page);
        if is_paid {
            world.twin.pay(&payment)
        } else {
            world.twin.fail(&payment)
        }
        world.agree(id(&intent), status, told).await;
    }
    assert_eq!(world.twin.ledger().count(Moved::Taken), 1);
    world.finish().await;
}

async fn a_page_that_mollie_closes_early(world: AtMollie) {
    world.twin.pages_are_cancelable();
    let (intent, page) = world.open(json!({})).await;
    world.cart.cancel(id(&intent)).await.expect(200);
    world.agree(id(&intent), "canceled", &[CREATED, CANCELED]).await;
    assert_eq!(world.twin.payment(&world.page(&page))["status"], "canceled");
    assert_eq!(page.pay().await.status(), 410);
    world.finish().await;
}

/// Somebody can still pay there: nothing is called off before it is over.
async fn a_page_that_mollie_does_not_close(world: AtMollie) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    world.cart.cancel(id(&intent)).await;
    world.cart.until_event(id(&intent), "payment_intent.cancel_failed").await;
    assert_eq!(world.twin.payment(&world.page(&page))["status"], "open");
    page.pay().await;
    world.twin.webhooks(Manner::Prompt);
    let told = [CREATED, "payment_intent.cancel_failed", SUCCEEDED, PAID];
    world.agree(id(&intent), "succeeded", &told).await;
    world.finish().await;
}
