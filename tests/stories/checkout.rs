//! The way to the processor's page: nothing happens before the shopper comes, and then once.

use axum::http::{HeaderMap, HeaderValue};
use reqwest::Method;
use serde_json::{Value, json};

use crate::support::{TestHub, id};

async fn nothing_was_asked_of_the_processor(hub: &TestHub, intent: &Value) {
    assert_eq!(hub.sandbox.sessions().await, Vec::<Value>::new());
    assert_eq!(hub.database().number("SELECT count(*) FROM exchanges"), 0);
    assert_eq!(hub.cart.intent(id(intent)).await["attempts"], json!([]));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creating_asks_nothing_of_the_processor() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({})).await;
    nothing_was_asked_of_the_processor(&hub, &intent).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn creating_works_while_the_processor_is_down() {
    let hub = TestHub::start().await;
    hub.sandbox.stop().await;
    hub.cart.create(json!({})).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_look_at_the_link_has_no_effect() {
    let rows = [
        (Method::HEAD, None),
        (Method::GET, Some(("sec-purpose", "prefetch"))),
        (Method::GET, Some(("sec-purpose", "prefetch;prerender"))),
        (Method::GET, Some(("purpose", "prefetch"))),
        (Method::HEAD, Some(("purpose", "prefetch"))),
    ];
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({})).await;
    let url = intent["checkout_url"].as_str().unwrap();
    for (method, header) in rows {
        let mut headers = HeaderMap::new();
        if let Some((name, value)) = header {
            headers.insert(name, HeaderValue::from_static(value));
        }
        let answer = hub.shopper().request(method.clone(), url, headers, &[]).await;
        assert_eq!(answer.status, 200, "{method} {header:?}");
        nothing_was_asked_of_the_processor(&hub, &intent).await;
    }
    // The real visit still works.
    hub.shopper().open(&intent).await.pay().await;
    assert_eq!(hub.cart.status(id(&intent)).await, "succeeded");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_way_there_is_neither_cached_nor_told_on() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({})).await;
    let url = intent["checkout_url"].as_str().unwrap();
    let answer = hub.shopper().request(Method::GET, url, HeaderMap::new(), &[]).await;
    assert_eq!(answer.status, 303);
    assert!(answer.header("cache-control").unwrap().contains("no-store"));
    assert_eq!(answer.header("referrer-policy"), Some("no-referrer"));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_unknown_link_leads_nowhere() {
    let hub = TestHub::start().await;
    for path in ["/pay/none", "/return/none", "/pay/", "/pay/a%00b"] {
        let page = hub.shopper().visit(&format!("{}{path}", hub.base_url)).await;
        assert_eq!(page.status(), 404, "{path}");
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_tabs_at_once_share_one_session() {
    let hub = TestHub::start().await;
    for _round in 0..5 {
        let intent = hub.cart.create(json!({})).await;
        let shopper = hub.shopper();
        let (a, b, c) = tokio::join!(shopper.open(&intent), shopper.open(&intent), shopper.open(&intent));
        assert_eq!((a.session(), b.session()), (b.session(), c.session()));
        let attempts = hub.cart.intent(id(&intent)).await["attempts"].as_array().unwrap().len();
        assert_eq!(attempts, 1);
        // Paid in one tab, the other finds nothing left to pay.
        a.pay().await;
        assert_eq!(b.pay().await.status(), 409);
    }
    assert_eq!(hub.sandbox.sessions().await.len(), 5);
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 5);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn coming_back_leads_to_the_same_session() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({})).await;
    let first = hub.shopper().open(&intent).await;
    let again = hub.shopper().open(&intent).await;
    assert_eq!(first.session(), again.session());
    again.pay().await;
    // A paid intent's link leads home.
    let home = hub.shopper().open(&intent).await;
    assert!(home.is_at_the_shop());
    assert_eq!(hub.sandbox.sessions().await.len(), 1);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn with_two_connectors_the_shopper_chooses() {
    let hub = TestHub::builder().connectors(2).start().await;
    let intent = hub.cart.create(json!({ "description": "A <b>bold</b> course" })).await;
    let chooser = hub.shopper().open(&intent).await;
    assert_eq!(chooser.status(), 200);
    assert!(chooser.text().contains("Sandbox Pay") && chooser.text().contains("Other Sandbox Pay"));
    assert!(!chooser.text().contains("<b>bold"), "what the cart wrote is text, not HTML");
    nothing_was_asked_of_the_processor(&hub, &intent).await;

    chooser.choose("sandbox_b").await.pay().await;
    let paid = hub.cart.intent(id(&intent)).await;
    assert_eq!(
        (&paid["status"], &paid["attempts"][0]["connector"]),
        (&json!("succeeded"), &json!("sandbox_b"))
    );
    assert!(paid["attempts"][0]["reason"].as_str().unwrap().contains("chosen by the shopper"));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn choosing_another_connector_closes_the_first_page() {
    let hub = TestHub::builder().connectors(2).start().await;
    let intent = hub.cart.create(json!({})).await;
    let chooser = hub.shopper().open(&intent).await;
    let first = chooser.choose("sandbox_a").await;
    let second = chooser.choose("sandbox_b").await;
    assert_ne!(first.session(), second.session());
    second.pay().await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    crate::support::eventually("the first page is closed", async || {
        (hub.sandbox.session(first.session()).await["status"] == "expired").then_some(())
    })
    .await;
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 1);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_that_is_not_offered_shows_the_chooser_again() {
    let hub = TestHub::builder().connectors(2).start().await;
    let intent = hub.cart.create(json!({})).await;
    let chooser = hub.shopper().open(&intent).await;
    for wrong in ["", "sandbox_c", "../admin"] {
        let page = chooser.submit(&[("connector", wrong)]).await;
        assert!(
            page.text().contains("sandbox_a") && page.text().contains("sandbox_b"),
            "{wrong}: {}",
            page.text()
        );
    }
    nothing_was_asked_of_the_processor(&hub, &intent).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_cart_asks_for_a_connector() {
    let hub = TestHub::builder().connectors(2).start().await;
    let intent = hub.cart.create(json!({ "connector": "sandbox_b" })).await;
    hub.shopper().open(&intent).await.pay().await;
    let paid = hub.cart.intent(id(&intent)).await;
    assert_eq!(
        (&paid["status"], &paid["attempts"][0]["connector"]),
        (&json!("succeeded"), &json!("sandbox_b"))
    );

    let nowhere = hub.cart.create_intent(json!({ "connector": "sandbox_c" })).await;
    assert_eq!((nowhere.status, nowhere.code().as_str()), (422, "no_connector"));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hub_without_connectors_says_so() {
    let hub = TestHub::builder().connectors(0).start().await;
    let answer = hub.cart.create_intent(json!({})).await;
    assert_eq!((answer.status, answer.code().as_str()), (422, "no_connector"));
    assert_eq!(hub.database().number("SELECT count(*) FROM payments"), 0);
    hub.finish().await;
}
