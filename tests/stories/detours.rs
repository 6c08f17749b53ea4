//! Payments that do not go straight: declined, canceled on the page, paid later, out of time, too late.

use serde_json::{Value, json};

use crate::support::{TestHub, eventually, id};

async fn until_session(hub: &TestHub, session: &str, status: &str) {
    eventually(&format!("{session} {status}"), async || {
        (hub.sandbox.session(session).await["status"] == status).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn declined_and_then_paid() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({})).await;
    let page = hub.shopper().open(&intent).await;
    let home = page.decline().await;
    assert!(home.is_at_the_shop());
    let declined = hub.cart.intent(id(&intent)).await;
    assert_eq!(
        (&declined["status"], &declined["last_error"]["code"]),
        (&json!("requires_checkout"), &json!("card_declined"))
    );

    let again = hub.shopper().open(&intent).await;
    assert_ne!(again.session(), page.session());
    again.pay().await;
    let paid = hub.cart.intent(id(&intent)).await;
    let states: Vec<_> =
        paid["attempts"].as_array().unwrap().iter().map(|attempt| &attempt["state"]).collect();
    assert_eq!(
        (&paid["status"], states),
        (&json!("succeeded"), vec![&json!("declined"), &json!("captured")])
    );
    let types = hub.cart.event_types(id(&intent)).await;
    let told: Vec<_> =
        types.iter().map(String::as_str).filter(|kind| !kind.ends_with(".processing")).collect();
    let expected = [
        "payment_intent.created",
        "payment_intent.attempt_declined",
        "payment_intent.succeeded",
        "order.paid",
    ];
    assert_eq!(told, expected);
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 1);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_decline_has_a_word_for_the_cart() {
    let rows = ["card_declined", "insufficient_funds", "stolen_card", "processor_unavailable"];
    let hub = TestHub::start().await;
    for processor_code in rows {
        let intent = hub.cart.create(json!({})).await;
        let page = hub.shopper().open(&intent).await;
        page.submit(&[("action", "decline"), ("decline_code", processor_code)]).await;
        let declined = hub.cart.intent(id(&intent)).await;
        assert_eq!(declined["last_error"]["processor_code"], processor_code);
        assert_eq!(declined["attempts"][0]["state"], "declined");
        assert_eq!(declined["status"], "requires_checkout");
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn canceled_on_the_page_and_then_paid() {
    let rows = [
        (json!({}), "/thanks?order=7&"),
        (json!({ "cancel_url": "http://shop.test/cart?x=1" }), "/cart?x=1&"),
    ];
    let hub = TestHub::start().await;
    for (wish, home) in rows {
        let intent = hub.cart.create(wish).await;
        let page = hub.shopper().open(&intent).await;
        let back = page.cancel().await;
        assert_eq!(back.url(), format!("http://shop.test{home}payment_intent={}", id(&intent)));
        assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");

        let again = hub.shopper().open(&intent).await;
        assert_eq!(again.session(), page.session());
        again.pay().await;
        assert_eq!(hub.cart.status(id(&intent)).await, "succeeded");
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paid_later() {
    let rows = [("paid", "succeeded", "captured"), ("declined", "requires_checkout", "declined")];
    let hub = TestHub::start().await;
    for (outcome, status, state) in rows {
        let intent = hub.cart.create(json!({})).await;
        let page = hub.shopper().open(&intent).await;
        assert!(page.pay_later().await.is_at_the_shop());
        assert_eq!(hub.cart.status(id(&intent)).await, "processing");
        // While money may be moving there is no second page.
        let waiting = hub.shopper().open(&intent).await;
        assert!(waiting.text().contains("being processed"), "{}", waiting.text());

        hub.sandbox.settle(page.session(), outcome).await;
        let settled = hub.cart.until_status(id(&intent), status).await;
        assert_eq!(settled["attempts"][0]["state"], state);
    }
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.count("charge"), books.charged), (1, 1999));
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paid_later_without_a_webhook() {
    let hub = TestHub::start().await;
    hub.sandbox.no_webhooks().await;
    let intent = hub.cart.create(json!({})).await;
    let page = hub.shopper().open(&intent).await;
    page.pay_later().await;
    hub.sandbox.settle(page.session(), "paid").await;
    hub.fast(hub.cart.until_status(id(&intent), "succeeded")).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_intents_time_is_over() {
    let hub = TestHub::start().await;
    let untouched = hub.cart.create(json!({ "expires_in_s": 300 })).await;
    let opened = hub.cart.create(json!({ "expires_in_s": 300 })).await;
    let page = hub.shopper().open(&opened).await;
    hub.jump(301).await;
    for intent in [&untouched, &opened] {
        hub.cart.until_status(id(intent), "expired").await;
        assert_eq!(
            hub.cart.event_types(id(intent)).await,
            ["payment_intent.created", "payment_intent.expired"]
        );
        let gone = hub.shopper().open(intent).await;
        assert_eq!(gone.status(), 410);
    }
    assert_eq!(page.pay().await.status(), 410);
    assert_eq!(hub.sandbox.ledger().await.entries, Vec::<Value>::new());
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_hub_closes_the_page_of_an_expired_intent() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({ "expires_in_s": 300 })).await;
    let page = hub.shopper().open(&intent).await;
    // The hub's clock alone, so that it is the hub who closes the page.
    hub.clock.jump(301);
    hub.cart.until_status(id(&intent), "expired").await;
    until_session(&hub, page.session(), "expired").await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn money_under_way_when_the_time_is_over_still_arrives() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({ "expires_in_s": 300 })).await;
    let page = hub.shopper().open(&intent).await;
    page.pay_later().await;
    hub.jump(3_600).await;
    assert_eq!(hub.cart.status(id(&intent)).await, "processing");
    hub.sandbox.settle(page.session(), "paid").await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    assert_eq!(hub.cart.count_events(id(&intent), "payment_intent.succeeded").await, 1);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paid_on_a_page_that_could_not_be_closed_in_time() {
    let hub = TestHub::start().await;
    hub.sandbox.fault(json!({ "operation": "expire", "fault": "drop_before", "times": 0 })).await;
    let intent = hub.cart.create(json!({ "expires_in_s": 300 })).await;
    let page = hub.shopper().open(&intent).await;
    hub.clock.jump(301);
    hub.cart.until_status(id(&intent), "expired").await;
    page.pay().await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    let types = hub.cart.event_types(id(&intent)).await;
    assert!(types.contains(&"payment_intent.expired".to_owned()), "{types:?}");
    assert_eq!(types.last().unwrap(), "order.paid");
    hub.finish().await;
}

/// The answer that opened the session was lost, the cart canceled, and somebody paid there all the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn paid_after_the_cart_canceled() {
    let hub = TestHub::start().await;
    hub.sandbox.fault(json!({ "operation": "open", "fault": "drop_after" })).await;
    let intent = hub.cart.create(json!({})).await;
    let (shopper, opened) = (hub.shopper(), intent.clone());
    let waiting = tokio::spawn(async move { shopper.open(&opened).await });
    hub.cart.until(id(&intent), "in doubt", |intent| intent["attempts"][0]["state"] == "unknown").await;
    let canceled = hub.cart.cancel(id(&intent)).await.expect(200);
    assert_eq!(canceled["status"], "canceled");

    let session = hub.sandbox.sessions().await[0]["id"].as_str().unwrap().to_owned();
    let act = format!("sessions/{session}/act");
    let paid = hub.sandbox.admin(reqwest::Method::POST, &act, json!({ "action": "pay" }));
    // The hub may have found and closed the page already: then there is nothing to pay.
    if paid.await.status == 200 {
        hub.cart.until_status(id(&intent), "succeeded").await;
        let types = hub.cart.event_types(id(&intent)).await;
        let told =
            ["payment_intent.created", "payment_intent.canceled", "payment_intent.succeeded", "order.paid"];
        assert_eq!(types, told);
    } else {
        until_session(&hub, &session, "expired").await;
    }
    waiting.await.unwrap();
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_session_of_a_canceled_intent_is_found_and_closed() {
    let hub = TestHub::start().await;
    hub.sandbox.fault(json!({ "operation": "open", "fault": "drop_after" })).await;
    let intent = hub.cart.create(json!({})).await;
    let (shopper, opened) = (hub.shopper(), intent.clone());
    let waiting = tokio::spawn(async move { shopper.open(&opened).await });
    hub.cart.until(id(&intent), "in doubt", |intent| intent["attempts"][0]["state"] == "unknown").await;
    hub.cart.cancel(id(&intent)).await.expect(200);
    let session = hub.sandbox.sessions().await[0]["id"].as_str().unwrap().to_owned();
    hub.fast(until_session(&hub, &session, "expired")).await;
    assert_eq!(hub.cart.status(id(&intent)).await, "canceled");
    waiting.await.unwrap();
    hub.finish().await;
}
