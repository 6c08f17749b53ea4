//! The processor cannot be reached: the next one takes over, or a page says so kindly.

use serde_json::{Value, json};

use crate::support::{TestHub, id};

fn connectors(intent: &Value) -> Vec<&str> {
    let attempts = intent["attempts"].as_array().unwrap().iter();
    attempts.map(|attempt| attempt["connector"].as_str().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_connector_takes_over_from_one_that_cannot_be_reached() {
    let hub = TestHub::builder().connectors(2).unreachable("sandbox_a").start().await;
    let intent = hub.cart.create(json!({})).await;
    let chooser = hub.shopper().open(&intent).await;
    let page = hub.fast(chooser.choose("sandbox_a")).await;
    page.pay().await;
    let paid = hub.cart.until_status(id(&intent), "succeeded").await;
    assert_eq!(connectors(&paid), ["sandbox_a", "sandbox_b"]);
    assert_eq!(paid["attempts"][0]["state"], "not_sent");
    let reason = paid["attempts"][1]["reason"].as_str().unwrap();
    assert!(reason.contains("could not open"), "{reason}");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_connector_takes_over_from_one_that_does_not_answer() {
    let hub = TestHub::builder().connectors(2).start().await;
    // The first two tries, both with the first connector.
    hub.sandbox.fault(json!({ "operation": "open", "fault": "drop_before", "times": 2 })).await;
    let intent = hub.cart.create(json!({})).await;
    let chooser = hub.shopper().open(&intent).await;
    let page = hub.fast(chooser.choose("sandbox_a")).await;
    page.pay().await;
    let paid = hub.cart.until_status(id(&intent), "succeeded").await;
    assert_eq!(paid["attempts"].as_array().unwrap().last().unwrap()["state"], "captured");
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 1);
    hub.finish().await;
}

/// The answer was lost after the session was opened: it stays under watch and is closed in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_lost_page_of_the_first_connector_is_closed() {
    let hub = TestHub::builder().connectors(2).start().await;
    hub.sandbox.fault(json!({ "operation": "open", "fault": "drop_after", "times": 2 })).await;
    let intent = hub.cart.create(json!({})).await;
    let chooser = hub.shopper().open(&intent).await;
    let page = hub.fast(chooser.choose("sandbox_a")).await;
    page.pay().await;
    hub.fast(hub.cart.until_status(id(&intent), "succeeded")).await;
    hub.fast(crate::support::eventually("no page is left open", async || {
        hub.sandbox.sessions().await.iter().all(|session| session["status"] != "open").then_some(())
    }))
    .await;
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 1);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_nobody_there_a_page_says_so_and_later_it_works() {
    for connectors in [1, 2] {
        let hub = TestHub::builder().connectors(connectors).start().await;
        let intent = hub.cart.create(json!({})).await;
        hub.sandbox.stop().await;
        let arrive = async || {
            let page = hub.shopper().open(&intent).await;
            if page.text().contains("value=\"sandbox_a\"") { page.choose("sandbox_a").await } else { page }
        };
        let page = down(&hub, arrive()).await;
        assert_eq!(page.status(), 503, "{}", page.text());
        assert!(page.text().contains("Nothing was charged"), "{}", page.text());
        assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");

        // Asked again at once, nobody is asked anew; a minute later everybody is.
        assert_eq!(hub.shopper().open(&intent).await.status(), 503);
        hub.sandbox.resume().await;
        hub.jump(60).await;
        let page = hub.fast(arrive()).await;
        assert!(
            page.url().starts_with(&hub.sandbox.base_url),
            "{connectors}: {} {}",
            page.status(),
            page.text()
        );
        page.pay().await;
        hub.cart.until_status(id(&intent), "succeeded").await;
        hub.finish().await;
    }
}

/// Time flies for the hub alone: the processor is down.
async fn down<T>(hub: &TestHub, something: impl Future<Output = T>) -> T {
    tokio::pin!(something);
    loop {
        tokio::select! {
            done = &mut something => return done,
            () = tokio::time::sleep(std::time::Duration::from_millis(25)) => hub.clock.jump(1),
        }
    }
}
