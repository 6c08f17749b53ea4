//! Live: another login and another key, on the same address here; a live payment comes to its end.

use serde_json::json;

use super::world::AtAuthorizeNet;
use crate::stories::at_processor::world::{CREATED, PAID, SUCCEEDED};
use crate::support::id;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_payment() {
    let world = AtAuthorizeNet::live().await;
    let intent = world.create(json!({})).await;
    assert_eq!(intent["livemode"], true);
    // A proxy with TLS stands at the public address; the hub behind it is reached at its own.
    let behind = |url: &str| url.replace("https://pay.shop.test", &world.base_url);
    let page = world.shopper().visit(&behind(intent["checkout_url"].as_str().expect("a link"))).await;
    let returned = page.pay().await;
    assert!(returned.url().starts_with("https://pay.shop.test/return/"), "{}", returned.url());
    assert!(!returned.url().contains('?'), "nothing is appended: {}", returned.url());
    let home = world.shopper().visit(&behind(returned.url())).await;
    assert_eq!(home.url(), format!("https://shop.test/thanks?order=7&payment_intent={}", id(&intent)));
    world.agree(id(&intent), "succeeded", &[CREATED, SUCCEEDED, PAID]).await;
    world.finish().await;
}
