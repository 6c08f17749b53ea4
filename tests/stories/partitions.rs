//! Test and live are two worlds, and make-believe money is no money.

use std::sync::Arc;

use payhub::clock::SystemClock;
use payhub::connector::registry::{Surroundings, build};
use payhub::connector::transport::HttpTransport;
use serde_json::{Value, json};

use crate::support::hub::connector_config;
use crate::support::receiver::{Receiver, deliveries};
use crate::support::{TestHub, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_live_key_sees_nothing_of_the_test_world() {
    let hub = TestHub::start().await;
    let receiver = Receiver::start().await;
    let registered = receiver.register(&hub, &[]).await;
    let intent = hub.cart.create(json!({})).await;
    hub.shopper().open(&intent).await.pay().await;
    let refund = hub.cart.refund(id(&intent), Some(1)).await.expect(201);
    let event = id(&hub.cart.events(id(&intent)).await[0]).to_owned();
    let order = hub.cart.intent(id(&intent)).await["order"].as_str().unwrap().to_owned();

    let live = hub.cart_of(true).await;
    for list in ["payment_intents", "refunds", "disputes", "events", "webhook_endpoints", "connectors"] {
        let page = live.get(&format!("/v1/{list}")).await.expect(200);
        assert_eq!(page["data"], json!([]), "{list}");
    }
    let paths = [
        format!("/v1/payment_intents/{}", id(&intent)),
        format!("/v1/refunds/{}", id(&refund)),
        format!("/v1/events/{event}"),
        format!("/v1/orders/{order}"),
        format!("/v1/webhook_endpoints/{}", registered.id),
        format!("/v1/webhook_endpoints/{}/deliveries", registered.id),
    ];
    for path in paths {
        assert_eq!(hub.cart.get(&path).await.status, 200, "{path}");
        assert_eq!(live.get(&path).await.status, 404, "{path}");
    }
    assert_eq!(live.capture(id(&intent), json!({})).await.status, 404);
    assert_eq!(live.cancel(id(&intent)).await.status, 404);
    assert_eq!(live.refund(id(&intent), None).await.status, 422);
    assert_eq!(
        live.get(&format!("/v1/events?payment_intent={}", id(&intent))).await.expect(200)["data"],
        json!([])
    );
    // Another test key is in the same world.
    assert_eq!(hub.cart_of(false).await.status(id(&intent)).await, "succeeded");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn live_money_needs_a_live_connector() {
    let hub = TestHub::start().await;
    let live = hub.cart_of(true).await;
    let https = json!({ "return_url": "https://shop.test/thanks" });
    let answer = live.create_intent(https).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "no_connector"));
    let plain = live.create_intent(json!({ "return_url": "http://shop.test/thanks" })).await;
    assert_eq!(plain.json()["errors"][0]["pointer"], "/return_url", "live shoppers return over https");

    let transport = Arc::new(HttpTransport::new(&[]).unwrap());
    let (plugins, failures) = (Arc::default(), Arc::default());
    let surroundings =
        Surroundings { transport, clock: Arc::new(SystemClock), plugins, failures, breakers: Arc::default() };
    let config = |livemode| connector_config("sandbox_a", &hub.sandbox.base_url, livemode);
    assert!(build(config(false), &surroundings).is_ok());
    let refused = build(config(true), &surroundings).err().unwrap().to_string();
    assert!(refused.contains("refused in live mode"), "{refused}");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_key_in_the_other_world_is_another_key() {
    let hub = TestHub::start().await;
    let receiver = Receiver::start().await;
    let live = hub.cart_of(true).await;
    let body = json!({ "url": receiver.url });
    let mut ids = vec![];
    for (cart, livemode) in [(&hub.cart, false), (&live, true)] {
        let made = cart.post("/v1/webhook_endpoints", "one-key", &body).await;
        assert!(!made.is_replayed());
        let made = made.expect(201);
        hub.keep_out_of_the_file(made["secret"].as_str().unwrap());
        assert_eq!(made["livemode"], livemode);
        ids.push(made["id"].clone());
    }
    assert_ne!(ids[0], ids[1]);
    // An event of the test world goes to the endpoint of the test world.
    hub.cart.create(json!({})).await;
    receiver.until_count(1).await;
    assert_eq!(deliveries(&hub.cart, ids[0].as_str().unwrap()).await.len(), 1);
    assert_eq!(deliveries(&live, ids[1].as_str().unwrap()).await, Vec::<Value>::new());
    hub.finish().await;
}
