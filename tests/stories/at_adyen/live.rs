//! Going live, as far as this machine's own network allows: another address, another key, and events that say of
//! themselves that they are live.

use serde_json::{Value, json};

use super::world::{AtAdyen, set_aside};
use crate::stories::at_processor::counterpart::Counterpart;
use crate::stories::at_processor::world::{CREATED, Form, Mode, PAID, SUCCEEDED};
use crate::support::cart::Cart;
use crate::support::id;
use crate::twins::adyen::Adyen;
use crate::twins::outbox::{How, Manner, Order};

/// A live hub, and what it is asked with.
async fn live() -> AtAdyen {
    let mut world = AtAdyen::prepare(Mode::Live, Form::Native, Adyen::twin().await);
    world.configure(&world.config().replace("/v72", "/checkout/v72"));
    let (is_made, printed) = world.payhub("migrate --config CONFIG", &[]);
    assert!(is_made, "{printed}");
    let (is_made, printed) = world.payhub("keys create --name shop --mode live --config CONFIG", &[]);
    assert!(is_made, "{printed}");
    let key = printed.lines().find(|line| line.starts_with("hub_live_")).expect("a live key").to_owned();
    world.start_hub();
    world.cart = Cart::new(&world.base_url, &key);
    world
}

/// The test system's word counts for nothing, even under the right key.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_payment() {
    let world = live().await;
    world.twin.webhooks(Manner::Held);
    let intent = world.create(json!({})).await;
    // A proxy with TLS stands at the public address; the hub behind it is reached at its own.
    let behind = |url: &str| url.replace("https://pay.shop.test", &world.base_url);
    let page = world.shopper().visit(&behind(intent["checkout_url"].as_str().unwrap())).await;
    world.twin.pay(&world.page(&page));
    let event = world.twin.event("AUTHORISATION");
    assert!(event.body.contains(r#""live":"true""#), "{}", event.body);
    let of_test = world.twin.changed(&event, &json!({}));
    assert!(of_test.body.contains(r#""live":"false""#), "{}", of_test.body);
    assert_eq!(world.twin.deliver(&of_test, &How::Well).await, 202);
    set_aside(&world, "/live").await;
    assert_eq!(world.cart.count_events(id(&intent), SUCCEEDED).await, 0);
    assert_eq!(world.twin.release(Order::AsMade).await, [202]);
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.twin.webhooks(Manner::Prompt);
    world.refunded(id(&intent), None).await;
    assert_eq!(world.cart.intent(id(&intent)).await["quarantine"], Value::Null);
    world.finish().await;
}
