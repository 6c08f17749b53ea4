//! Shoppers at Stripe's page: paying, declined and paying, leaving, out of time, paying by bank debit.

use serde_json::json;

use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::stories::at_stripe::world::AtStripe;
use crate::support::id;
use crate::twins::desk::Moved;

told!(crate::twins::stripe::Stripe: [
    what_the_cart_says_reaches_the_page,
    left_and_out_of_time_and_paid_on_another_page,
    a_declined_page_that_runs_out_of_time_is_no_payment,
    a_canceled_intent_closes_its_page,
    a_bank_debit_is_settled_days_later,
    a_reservation_is_released,
] in native and plugin);

async fn what_the_cart_says_reaches_the_page(world: AtStripe) {
    let wish = json!({ "order_reference": "1001", "description": "One good book", "locale": "de-AT",
        "customer": { "email": "jenny@example.com" } });
    let (intent, page) = world.open(wish).await;
    assert!(page.url().contains("/c/pay/cs_test_"), "{}", page.url());
    assert!(page.url().contains('#'), "what follows the `#` must reach the browser: {}", page.url());
    let home = page.pay().await;
    assert_eq!(home.url(), format!("https://shop.test/thanks?order=7&payment_intent={}", id(&intent)));
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;

    let session = world.twin.object(page.session());
    assert_eq!((&session["locale"], &session["customer_email"]), (&json!("de"), &json!("jenny@example.com")));
    let payment = world.twin.object(&world.twin.only_payment());
    assert_eq!(
        (&payment["description"], &payment["metadata"]["order_reference"]),
        (&json!("One good book"), &json!("1001"))
    );
    assert_eq!(world.twin.count_asked("open"), 1);
    world.finish().await;
}

async fn left_and_out_of_time_and_paid_on_another_page(world: AtStripe) {
    let (intent, page) = world.open(json!({ "cancel_url": "https://shop.test/cart" })).await;
    let back = page.cancel().await;
    assert_eq!(back.url(), format!("https://shop.test/cart?payment_intent={}", id(&intent)));
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");

    world.twin.expire(page.session());
    let expired = |intent: &serde_json::Value| intent["attempts"][0]["state"] == "expired";
    world.cart.until(id(&intent), "its page is closed", expired).await;
    assert_eq!(page.pay().await.status(), 410);
    let other = world.shopper().open(&intent).await;
    assert_ne!(other.session(), page.session());
    other.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn a_declined_page_that_runs_out_of_time_is_no_payment(world: AtStripe) {
    let (intent, page) = world.open(json!({})).await;
    page.submit(&[("action", "decline"), ("decline_code", "do_not_honor")]).await;
    world.twin.expire(page.session());
    let expired = |intent: &serde_json::Value| intent["attempts"][0]["state"] == "expired";
    world.cart.until(id(&intent), "its page is closed", expired).await;
    world.agree(id(&intent), "requires_checkout", &[CREATED]).await;
    assert_eq!(world.twin.ledger().0, vec![]);
    world.finish().await;
}

async fn a_canceled_intent_closes_its_page(world: AtStripe) {
    let (intent, page) = world.open(json!({})).await;
    world.cart.cancel(id(&intent)).await.expect(200);
    world.agree(id(&intent), "canceled", &[CREATED, "payment_intent.canceled"]).await;
    assert_eq!(world.twin.object(page.session())["status"], "expired");
    assert_eq!(page.pay().await.status(), 410);
    world.finish().await;
}

async fn a_bank_debit_is_settled_days_later(world: AtStripe) {
    // (what the bank says, the intent's status, what the cart is told)
    let rows: [(bool, &str, &[&str]); 2] = [
        (true, "succeeded", &[CREATED, SUCCEEDED, PAID]),
        (false, "requires_checkout", &[CREATED, "payment_intent.attempt_declined"]),
    ];
    for (is_paid, status, told) in rows {
        let (intent, page) = world.open(json!({})).await;
        assert!(page.pay_later().await.is_at_the_shop());
        world.cart.until_status(id(&intent), "processing").await;
        world.twin.until_quiet().await;
        // Complete is not paid.
        assert_eq!(world.cart.status(id(&intent)).await, "processing");
        world.twin.settle(page.session(), is_paid);
        world.agree(id(&intent), status, told).await;
    }
    assert_eq!(world.twin.ledger().count(Moved::Taken), 1);
    world.finish().await;
}

async fn a_reservation_is_released(world: AtStripe) {
    let (intent, payment) = world.paid(json!({ "capture": "manual" })).await;
    world.agree(&intent, "requires_capture", &[CREATED, "payment_intent.requires_capture"]).await;
    world.cart.cancel(&intent).await.expect(200);
    let told = [CREATED, "payment_intent.requires_capture", "payment_intent.canceled"];
    world.agree(&intent, "canceled", &told).await;
    assert_eq!(world.twin.object(&payment)["status"], "canceled");
    assert_eq!(world.twin.count_asked("cancel"), 1);
    world.finish().await;
}
