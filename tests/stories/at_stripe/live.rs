//! Going live, as far as this machine's own network allows: a live connector, a key that an operator makes,
//! real amounts of make-believe money, and nothing of test mode among them.

use serde_json::json;

use crate::stories::at_processor::world::{Form, Mode};
use crate::stories::at_stripe::world::AtStripe;
use crate::support::cart::Cart;
use crate::support::id;
use crate::twins::desk::Moved;
use crate::twins::server::Twin;
use crate::twins::stripe::{LIVE_KEY, TEST_KEY};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_payment() {
    let world = AtStripe::live().await;
    let refused = world.cart.create_intent(json!({ "return_url": "http://shop.test/thanks" })).await;
    assert_eq!(refused.status, 422, "a shop that goes live has https: {}", refused.text);
    let intent = world.create(json!({})).await;
    assert_eq!(intent["livemode"], true);
    // A proxy with TLS stands at the public address; the hub behind it is reached at its own.
    let behind = |url: &str| url.replace("https://pay.shop.test", &world.base_url);
    let page = world.shopper().visit(&behind(intent["checkout_url"].as_str().unwrap())).await;
    assert!(page.url().contains("/c/pay/cs_live_"), "{}", page.url());
    let returned = page.pay().await;
    assert!(returned.url().starts_with("https://pay.shop.test/return/"), "{}", returned.url());
    let home = world.shopper().visit(&behind(returned.url())).await;
    assert_eq!(home.url(), format!("https://shop.test/thanks?order=7&payment_intent={}", id(&intent)));
    let told = ["payment_intent.created", "payment_intent.succeeded", "order.paid"];
    world.agree(id(&intent), "succeeded", &told).await;
    assert_eq!(world.twin.object(page.session())["livemode"], true);

    let refund = world.cart.refund(id(&intent), None).await.expect(201);
    world.cart.until_refund(id(&refund), "succeeded").await;
    assert_eq!(world.twin.ledger().total(Moved::GivenBack), 1999);

    // Test and live are apart.
    let (made, printed) = world.payhub("keys create --name trial --mode test --config CONFIG", &[]);
    assert!(made, "{printed}");
    let key = printed.lines().find(|line| line.starts_with("hub_test_")).expect("a test key");
    let trial = Cart::new(&world.base_url, key);
    assert_eq!(trial.get(&format!("/v1/payment_intents/{}", id(&intent))).await.status, 404);
    let nowhere = trial.create_intent(json!({ "return_url": "https://shop.test/thanks" })).await;
    assert_eq!(nowhere.status, 422, "no connector takes test payments: {}", nowhere.text);
    world.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_of_test_mode_does_not_go_live() {
    let world = AtStripe::prepare(Mode::Live, Form::Native, Twin::stripe().await);
    let good = world.config();
    // (from, to, the processor's key, what is said)
    let rows = [
        ("adapter = \"stripe\"", "adapter = \"sandbox\"", LIVE_KEY, ["sandbox", "refused in live mode"]),
        ("https://pay.shop.test", "http://pay.shop.test", LIVE_KEY, ["public_url", "https"]),
        ("", "", TEST_KEY, ["secrets.api_key", "mode = \"live\""]),
    ];
    for (from, to, key, words) in rows {
        world.configure(&good.replace(from, to));
        for command in ["config check CONFIG", "serve --config CONFIG"] {
            let (is_good, printed) = world.payhub(command, &[("STRIPE_API_KEY", key)]);
            assert!(!is_good && words.iter().all(|word| printed.contains(word)), "{words:?}: {printed}");
            assert!(!printed.contains(TEST_KEY), "{printed}");
        }
    }
    world.configure(&good);
    assert!(world.payhub("config check CONFIG", &[]).0);
}
