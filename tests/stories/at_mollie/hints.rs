//! Mollie's calls: unsigned, always the same bytes for a payment, and only a reason to look.

use serde_json::json;

use super::world::{AtMollie, WEBHOOK_PATH};
use crate::stories::at_processor::told;
use crate::stories::at_processor::world::{CREATED, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::cart::plain_client;
use crate::support::{eventually, id};
use crate::twins::Request;
use crate::twins::desk::Moved;
use crate::twins::faults::Fault;
use crate::twins::outbox::{How, Manner, Order};

told!(crate::twins::mollie::Mollie: [
    what_a_stranger_sends_moves_nothing,
    the_same_call_is_heard_each_time,
    a_call_that_comes_before_the_answer,
    calls_about_what_is_not_ours_are_taken_and_forgotten,
] in native);

told!(crate::twins::mollie::Mollie: [
    the_same_call_is_heard_each_time,
] in plugin);

/// Sends a body to a path below the hub's webhooks, as anybody can.
async fn send(world: &AtMollie, path: &str, body: &str) -> u16 {
    let request = plain_client().post(format!("{}/webhooks/{path}", world.base_url)).body(body.to_owned());
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    request.send().await.expect("an answer").status().as_u16()
}

/// Who does not know the path is turned away; who does can make the hub look, and what it sees is the truth.
async fn what_a_stranger_sends_moves_nothing(world: AtMollie) {
    world.twin.webhooks(Manner::Held);
    let (intent, page) = world.open(json!({})).await;
    let payment = world.page(&page);
    let (right, call) = (format!("mollie/{WEBHOOK_PATH}"), format!("id={payment}"));
    let asked = world.twin.requests().len();
    let guesses = ["mollie", "mollie/", "mollie/5f0c1d8e9b7a46325f0c1d8e9b7a4633", "mollie/x", "stripe"];
    for path in guesses.into_iter().map(str::to_owned).chain([format!("{right}/more"), format!("{right}0")]) {
        assert_eq!(send(&world, &path, &call).await, 404, "{path}");
    }
    assert_eq!(world.twin.requests().len(), asked, "a wrong path makes the hub ask nothing");

    // (what is sent, whether the hub looks)
    let event = json!({ "resource": "event", "id": "event_1", "type": "payment.paid", "entityId": payment });
    let rows = [
        (call.clone(), true),
        (format!("{call}&status=paid&amountRefunded=19.99"), true),
        (event.to_string(), false),
    ];
    for (body, looks) in rows {
        let asked = world.twin.count_asked("fetch");
        assert_eq!(send(&world, &right, &body).await, 200, "{body}");
        if looks {
            let what = format!("the hub looks after {body}");
            eventually(&what, || async { (world.twin.count_asked("fetch") > asked).then_some(()) }).await;
        }
        world.agree(id(&intent), "requires_checkout", &[CREATED]).await;
    }
    assert_eq!(world.twin.ledger().0, vec![]);
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    // Nor does anybody give money back by saying so.
    assert_eq!(send(&world, &right, &format!("{call}&refund=re_1&status=refunded")).await, 200);
    world.twin.release(Order::AsMade).await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}

/// The call for `paid`, for a refund and for a dispute is one and the same: each has to be heard.
async fn the_same_call_is_heard_each_time(world: AtMollie) {
    let (intent, payment) = world.paid(json!({})).await;
    world.twin.until_quiet().await;
    world.twin.dashboard_refund(&payment, 500);
    world.cart.until(&intent, "refunded", |intent| intent["amount_refunded"] == 500).await;
    world.agree(&intent, "succeeded", &[CREATED, SUCCEEDED, PAID, REFUND, REFUNDED]).await;
    world.twin.dispute(&payment, Some(1499));
    world.cart.until(&intent, "disputed", |intent| intent["amount_disputed"] == 1499).await;
    let told = [CREATED, SUCCEEDED, PAID, REFUND, REFUNDED, "dispute.opened"];
    world.agree(&intent, "succeeded", &told).await;
    let bodies: Vec<String> = world.twin.events().into_iter().map(|parcel| parcel.body).collect();
    assert!(bodies.len() >= 4 && bodies.iter().all(|body| *body == bodies[0]), "{bodies:?}");
    world.finish().await;
}

/// Mollie is faster than its own answer: the call names a payment that the hub does not know yet.
async fn a_call_that_comes_before_the_answer(world: AtMollie) {
    world.twin.webhooks(Manner::Held);
    world.twin.fault("open", Fault::Stall);
    let intent = world.create(json!({})).await;
    let opening = tokio::spawn({
        let (shopper, intent) = (world.shopper(), intent.clone());
        async move { shopper.open(&intent).await }
    });
    let payment = eventually("Mollie has the payment", || async { world.twin.payments().pop() }).await;
    world.twin.pay(&payment);
    let call = world.twin.event("payment.paid");
    assert_eq!(world.twin.deliver(&call, &How::Well).await, 200);
    world.twin.let_go();
    let page = opening.await.expect("the shopper gets somewhere");
    assert!(page.is_at_the_shop() || page.is_hosted(), "{}", page.url());
    world.twin.release(Order::AsMade).await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    assert_eq!(world.twin.ledger().count(Moved::Taken), 1);
    world.finish().await;
}

/// Mollie wants 200 for whatever it calls about, so that nobody learns which payments there are.
async fn calls_about_what_is_not_ours_are_taken_and_forgotten(world: AtMollie) {
    let (intent, page) = world.open(json!({})).await;
    let right = format!("mollie/{WEBHOOK_PATH}");
    let asked = world.twin.requests().len();
    let bodies = [
        "id=tr_7UhSN1zuXS",
        "testByMollie=1",
        "id=ord_kEn1PlbGa",
        "",
        "id=tr_../methods",
        "id=tr_1%3Fembed=refunds",
        "id[]=tr_1",
    ];
    for body in bodies {
        assert_eq!(send(&world, &right, body).await, 200, "{body}");
    }
    page.pay().await;
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    let theirs = format!("/v2/payments/{}", world.page(&page));
    let asked_about = |request: &Request| request.method == "GET" && request.path != theirs;
    assert!(
        !world.twin.requests().iter().skip(asked).any(asked_about),
        "the hub looks up only what is its own"
    );
    world.finish().await;
}
