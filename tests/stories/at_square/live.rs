//! Live: in production Square appends its own parameters to the way back, which it does not in the sandbox.

use serde_json::json;

use super::world::AtSquare;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_back_carries_what_square_appends() {
    let world = AtSquare::live().await;
    let intent = world.create(json!({})).await;
    assert_eq!(intent["livemode"], true);
    // A proxy with TLS stands at the public address; the hub behind it is reached at its own. What Square signs is the
    // public one all the same, and this twin cannot send it there: the hub asks.
    let behind = |url: &str| url.replace("https://pay.shop.test", &world.base_url);
    world.twin.send_webhooks_to(None);
    let page = world.shopper().visit(&behind(intent["checkout_url"].as_str().expect("a link"))).await;
    let returned = page.pay().await;
    assert!(returned.url().starts_with("https://pay.shop.test/return/"), "{}", returned.url());
    assert!(returned.url().contains("transactionId="), "{}", returned.url());
    let home = world.shopper().visit(&behind(returned.url())).await;
    assert_eq!(home.url(), format!("https://shop.test/thanks?order=7&payment_intent={}", id(&intent)));
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
