//! BTCPay Server's webhooks at the real hub: under a secret that changes, delivered again, out of order, before the
//! answer, and about invoices of others.

use serde_json::{Value, json};

use super::world::AtBtcPay;
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::cart::{Answer, plain_client};
use crate::support::id;
use crate::twins::btcpay::{API_KEY, NEXT_WEBHOOK_SECRET, STORE, WEBHOOK_SECRET};
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::{How, Manner, Order};

told!(crate::twins::btcpay::BtcPay: [
    the_secret_changes_while_a_payment_is_under_way,
    what_is_delivered_again_under_another_id_counts_once,
    everything_is_told_backwards,
    every_call_is_told_of_before_it_is_answered,
    what_this_hub_did_not_open_is_left_alone,
    an_event_written_anew_is_another_event,
] in native);
told!(crate::twins::btcpay::BtcPay: [
    everything_is_told_backwards,
] in plugin);

/// BTCPay Server signs with one secret at a time: what left before the change is signed with the old one.
async fn the_secret_changes_while_a_payment_is_under_way(mut world: AtBtcPay) {
    let old = world.config();
    let secret = |text: &str| old.replace("{ env = \"BTCPAY_WEBHOOK_SECRET\" }", text);
    let one = "{ env = \"BTCPAY_WEBHOOK_SECRET_NEXT\" }";
    let both = format!("[{one}, {{ env = \"BTCPAY_WEBHOOK_SECRET\" }}]");
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    world.twin.send_coins(&world.page(&page), None);
    let seen = world.twin.event("InvoiceProcessing");
    world.restart_with(&secret(&both));
    world.twin.sign_with(&[NEXT_WEBHOOK_SECRET]);
    assert_eq!(world.twin.deliver(&seen, &How::With(WEBHOOK_SECRET.to_owned())).await, 200);
    world.cart.until_status(id(&intent), "processing").await;
    world.twin.confirm(&world.page(&page));
    let answers = world.twin.release(Order::AsMade).await;
    assert!(answers.iter().all(|status| *status == 200), "{answers:?}");
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;

    // The operator has taken the old one out.
    world.restart_with(&secret(one));
    let (intent, page) = world.open(json!({})).await;
    world.twin.pay(&world.page(&page));
    let event = world.twin.event("InvoiceSettled");
    assert_eq!(world.twin.deliver(&event, &How::With(WEBHOOK_SECRET.to_owned())).await, 401);
    assert_eq!(world.cart.status(id(&intent)).await, "requires_checkout");
    world.twin.release(Order::AsMade).await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

async fn what_is_delivered_again_under_another_id_counts_once(world: AtBtcPay) {
    let (intent, _) = world.paid(json!({})).await;
    world.refunded(&intent, Some(500)).await;
    world.twin.until_quiet().await;
    for first in world.twin.events() {
        for _ in 0..2 {
            let again = world.twin.redelivery(&first);
            assert_eq!(world.twin.deliver(&again, &How::Well).await, 200, "{}", first.kind);
        }
    }
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    world.finish().await;
}

/// A whole life, the last event first, and the shopper's browser never comes back.
async fn everything_is_told_backwards(world: AtBtcPay) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    let invoice = world.page(&page);
    world.twin.send_coins(&invoice, Some(1000));
    world.twin.expire(&invoice);
    world.twin.send_coins(&invoice, None);
    world.twin.confirm(&invoice);
    world.twin.mark(&invoice, "Settled");
    let answers = world.twin.release(Order::Reversed).await;
    assert!(answers.iter().all(|status| *status == 200) && answers.len() == 7, "{answers:?}");
    world.agree_in_parts(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.ledger().total(Moved::Taken), 1999);
    world.finish().await;
}

async fn every_call_is_told_of_before_it_is_answered(world: AtBtcPay) {
    world.twin.webhooks(Manner::Twice);
    world.twin.fault("open", Fault::WebhooksFirst);
    let (intent, page) = world.open(json!({})).await;
    assert!(page.pay().await.is_at_the_shop());
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;

    let (canceled, page) = world.open(json!({})).await;
    world.twin.fault("expire", Fault::WebhooksFirst);
    world.cart.cancel(id(&canceled)).await.expect(200);
    world.agree(id(&canceled), "canceled", &[CREATED, "payment_intent.canceled"]).await;
    assert_eq!(world.twin.invoice(&world.page(&page))["status"], "Invalid");
    world.finish().await;
}

/// The store serves more than this hub: another shop has made an invoice of the same price for the same order.
async fn what_this_hub_did_not_open_is_left_alone(world: AtBtcPay) {
    let (intent, page) = world.open(json!({ "order_reference": "1001" })).await;
    let mine = world.twin.invoice(&world.page(&page));
    let theirs =
        json!({ "amount": mine["amount"], "currency": mine["currency"], "metadata": { "orderId": "1001" } });
    let request = plain_client()
        .post(format!("{}/api/v1/stores/{STORE}/invoices", world.twin.base_url))
        .header("authorization", format!("token {API_KEY}"))
        .header("content-type", "application/json")
        .body(theirs.to_string());
    let opened = Answer::of(request.send().await.expect("an answer")).await.expect(200);
    world.twin.send_coins(id(&opened), None);
    world.twin.confirm(id(&opened));
    world.twin.until_quiet().await;
    let answers: Vec<_> = world.twin.events().into_iter().map(|parcel| parcel.answered).collect();
    assert!(
        answers.iter().all(|status| *status == Some(200)),
        "none is held back, none comes again: {answers:?}"
    );
    world.agree(id(&intent), "requires_checkout", &[CREATED]).await;
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// The signature is over the bytes, indentation included. Who reads and writes them again cannot know that it holds.
async fn an_event_written_anew_is_another_event(world: AtBtcPay) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    world.twin.pay(&world.page(&page));
    let event = world.twin.event("InvoiceSettled");
    assert!(event.body.contains("\n  \"invoiceId\""), "{}", event.body);
    let signed = world.twin.with(|twin, desk| {
        crate::twins::Processor::sign(twin, &desk.webhook_secrets, desk.now_s(), &event.body)
    });
    let compact = serde_json::from_str::<Value>(&event.body).expect("an event").to_string();
    let url = format!("{}/webhooks/btcpay", world.base_url);
    for (body, status) in [(compact, 401), (event.body, 200)] {
        let request = signed
            .iter()
            .fold(plain_client().post(&url), |request, (name, value)| request.header(*name, value.as_str()));
        let request = request.header("content-type", "application/json");
        assert_eq!(request.body(body).send().await.expect("an answer").status(), status);
    }
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
