//! Mollie's signed events in place of its calls: refused when anything is wrong with the signature, and believed no
//! more than a call when nothing is.

use serde_json::json;

use super::world::{AtMollie, WEBHOOK_PATH};
use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::stories::a_forged_webhook_is_refused_and_leaves_nothing;
use crate::stories::at_processor::world::{CREATED, Form, PAID, REFUND, REFUNDED, SUCCEEDED};
use crate::support::cart::plain_client;
use crate::support::id;
use crate::twins::mollie::{Mollie, NEXT_WEBHOOK_SECRET, WEBHOOK_SECRET};
use crate::twins::outbox::{How, Manner};

const OLD: &str = "secrets.webhook_secret = { env = \"MOLLIE_WEBHOOK_SECRET\" }\n";
const BOTH: &str = "secrets.webhook_secret = [{ env = \"MOLLIE_WEBHOOK_SECRET_NEXT\" }, { env = \"MOLLIE_WEBHOOK_SECRET\" }]\n";
const NEW: &str = "secrets.webhook_secret = { env = \"MOLLIE_WEBHOOK_SECRET_NEXT\" }\n";

/// A world whose account has subscribed to events, with the whole object in them or only its id.
async fn signed(whole: bool) -> AtMollie {
    let twin = Mollie::twin().await;
    let change = |config: String| format!("{config}settings.webhooks = \"signed\"\n{OLD}");
    let world = AtMollie::start_on(Form::Native, twin, change).await;
    world.twin.subscribe(&format!("{}/webhooks/mollie/{WEBHOOK_PATH}", world.base_url), whole);
    world
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_forged_event_is_refused_and_leaves_nothing() {
    for whole in [true, false] {
        a_forged_webhook_is_refused_and_leaves_nothing(signed(whole).await).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_whole_life_by_events() {
    let world = signed(true).await;
    let (intent, page) = world.open(json!({})).await;
    let payment = world.page(&page);
    assert!(world.twin.payment(&payment)["webhookUrl"].is_null(), "nobody calls without a signature");
    world.twin.pay(&payment);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.refunded(id(&intent), Some(500)).await;
    world.twin.dispute(&payment, Some(1499));
    world.cart.until(id(&intent), "disputed", |intent| intent["amount_disputed"] == 1499).await;
    let told = [CREATED, SUCCEEDED, PAID, REFUND, REFUNDED, "dispute.opened"];
    world.agree(id(&intent), "succeeded", &told).await;
    // A call, as it was good before the events were subscribed to, is none any more.
    let call = plain_client().post(format!("{}/webhooks/mollie/{WEBHOOK_PATH}", world.base_url));
    let call = call.header("content-type", "application/x-www-form-urlencoded").body(format!("id={payment}"));
    assert_eq!(call.send().await.expect("an answer").status(), 401);
    world.finish().await;
}

/// While both secrets are known, either one signs; once the old one is taken out, it does not any more.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_secret_is_rolled_while_payments_are_under_way() {
    let mut world = signed(true).await;
    let config = std::fs::read_to_string(world.config_file()).expect("the config");
    let (first, first_page) = world.open(json!({})).await;
    let (second, second_page) = world.open(json!({})).await;

    world.restart_with(&config.replace(OLD, BOTH));
    world.twin.sign_with(&[NEXT_WEBHOOK_SECRET, WEBHOOK_SECRET]);
    world.twin.pay(&world.page(&first_page));
    world.agree(id(&first), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    let event = world.twin.event("payment.paid");
    for secret in [WEBHOOK_SECRET, NEXT_WEBHOOK_SECRET] {
        assert_eq!(world.twin.deliver(&event, &How::With(secret.to_owned())).await, 200);
    }

    world.restart_with(&config.replace(OLD, NEW));
    world.twin.webhooks(Manner::Held);
    world.twin.pay(&world.page(&second_page));
    let event = world.twin.event("payment.paid");
    assert_eq!(world.twin.deliver(&event, &How::With(WEBHOOK_SECRET.to_owned())).await, 401);
    assert_eq!(world.cart.status(id(&second)).await, "requires_checkout");
    world.twin.sign_with(&[NEXT_WEBHOOK_SECRET]);
    assert_eq!(world.twin.deliver(&event, &How::Well).await, 200);
    world.agree(id(&second), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
