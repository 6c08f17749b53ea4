//! Stripe's webhooks at the real hub: twice, and before the answer of the call that caused them.

use serde_json::{Value, json};

use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::stories::at_stripe::world::AtStripe;
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::Manner;

told!(crate::twins::stripe::Stripe: [
    every_call_is_told_of_before_it_is_answered,
    what_this_hub_did_not_open_is_left_alone,
] in native and plugin);

const RESERVED: &str = "payment_intent.requires_capture";

/// A whole life, each step told twice and before its own answer.
async fn every_call_is_told_of_before_it_is_answered(world: AtStripe) {
    world.twin.webhooks(Manner::Twice);
    let (intent, _) = world.paid(json!({ "capture": "manual" })).await;
    for operation in ["capture", "refund"] {
        world.twin.fault(operation, Fault::WebhooksFirst);
    }
    world.cart.capture(&intent, json!({})).await.expect(200);
    let refund = world.cart.refund(&intent, None).await.expect(201);
    world.cart.until_refund(id(&refund), "succeeded").await;
    let told = [CREATED, RESERVED, SUCCEEDED, PAID, "refund.created", "refund.succeeded"];
    world.agree(&intent, "succeeded", &told).await;
    let books = world.twin.ledger();
    assert_eq!((books.count(Moved::Taken), books.count(Moved::GivenBack)), (1, 1));

    let (canceled, page) = world.open(json!({})).await;
    world.twin.fault("expire", Fault::WebhooksFirst);
    world.cart.cancel(id(&canceled)).await.expect(200);
    world.agree(id(&canceled), "canceled", &[CREATED, "payment_intent.canceled"]).await;
    assert_eq!(world.twin.object(page.session())["status"], "expired");
    world.finish().await;
}

/// Stripe's account serves more than this hub.
async fn what_this_hub_did_not_open_is_left_alone(world: AtStripe) {
    let (intent, page) = world.open(json!({})).await;
    let client = crate::support::cart::plain_client();
    let in_an_hour = world.twin.with(|_, desk| desk.now_s()) + 3_600;
    let fields = [
        ("mode", "payment"),
        ("line_items[0][quantity]", "1"),
        ("line_items[0][price_data][currency]", "eur"),
        ("line_items[0][price_data][unit_amount]", "500"),
        ("line_items[0][price_data][product_data][name]", "Of another shop"),
        ("success_url", "https://other.test/"),
        ("expires_at", &in_an_hour.to_string()),
    ];
    let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let opened = client
        .post(format!("{}/v1/checkout/sessions", world.twin.base_url))
        .bearer_auth(crate::twins::stripe::TEST_KEY)
        .header("stripe-version", "2026-02-25.clover")
        .header("idempotency-key", "of-another-shop")
        .header("content-type", "application/x-www-form-urlencoded")
        .body(body);
    let opened: Value = serde_json::from_str(&opened.send().await.unwrap().text().await.unwrap()).unwrap();
    world.twin.pay(id(&opened));
    let theirs = world.twin.payment_of(id(&opened));
    world.twin.dashboard_refund(&theirs, Some(100));
    world.twin.dispute(&theirs, Some(400));
    world.twin.until_quiet().await;
    world.agree(id(&intent), "requires_checkout", &[CREATED]).await;
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
