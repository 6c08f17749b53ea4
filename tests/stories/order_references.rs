//! One order is paid once: an open intent holds its order reference.

use serde_json::{Value, json};

use crate::support::{TestHub, id};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_open_intent_of_an_order_is_refused_and_the_first_named() {
    let hub = TestHub::start().await;
    let wish = || json!({ "order_reference": "order-7" });
    let first = hub.cart.create(wish()).await;
    let second = hub.cart.create_intent(wish()).await;
    assert_eq!((second.status, second.code().as_str()), (409, "duplicate_order_reference"));
    assert_eq!(second.json()["payment_intent"], first["id"]);
    // Wanted all the same.
    let wanted = hub.cart.create(json!({ "order_reference": "order-7", "allow_duplicate": true })).await;
    assert_ne!(wanted["id"], first["id"]);
    // Another order, or none, is nobody's business.
    hub.cart.create(json!({ "order_reference": "order-8" })).await;
    hub.cart.create(json!({})).await;
    hub.cart.create(json!({})).await;
    let listed = hub.cart.get("/v1/payment_intents?order_reference=order-7").await.expect(200);
    assert_eq!(listed["data"].as_array().unwrap().len(), 2);
    // The other world has orders of its own.
    let live = hub.cart_of(true).await;
    let answer =
        live.create_intent(json!({ "order_reference": "order-7", "return_url": "https://shop.test" })).await;
    assert_eq!(answer.code(), "no_connector");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_end_frees_the_order_reference() {
    let hub = TestHub::start().await;
    let wish =
        |capture: &str| json!({ "order_reference": "order-7", "capture": capture, "expires_in_s": 300 });
    for end in ["succeeded", "canceled", "expired", "voided"] {
        let capture = if end == "voided" { "manual" } else { "automatic" };
        let intent = hub.cart.create(wish(capture)).await;
        assert_eq!(hub.cart.create_intent(wish("automatic")).await.status, 409, "{end}");
        match end {
            "succeeded" => drop(hub.shopper().open(&intent).await.pay().await),
            "voided" => {
                hub.shopper().open(&intent).await.pay().await;
                assert_eq!(
                    hub.cart.create_intent(wish("automatic")).await.status,
                    409,
                    "authorized is not over"
                );
                hub.cart.cancel(id(&intent)).await.expect(200);
            }
            "canceled" => drop(hub.cart.cancel(id(&intent)).await.expect(200)),
            _expired => hub.jump(301).await,
        }
        let status = if end == "voided" { "canceled" } else { end };
        hub.cart.until_status(id(&intent), status).await;
    }
    hub.cart.create(wish("automatic")).await;
    hub.finish().await;
}

/// Eight carts think of the same order at the same time, each with a key of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_eight_at_once_one_gets_the_order() {
    let hub = TestHub::start().await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let cart = hub.cart.clone();
        asking.spawn(async move { cart.create_intent(json!({ "order_reference": "order-7" })).await });
    }
    let answers = asking.join_all().await;
    let made: Vec<Value> =
        answers.iter().filter(|answer| answer.status == 201).map(|answer| answer.json()).collect();
    assert_eq!(made.len(), 1);
    for refused in answers.iter().filter(|answer| answer.status != 201) {
        assert_eq!((refused.status, &refused.json()["payment_intent"]), (409, &made[0]["id"]));
    }
    hub.finish().await;
}
