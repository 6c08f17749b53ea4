//! Money goes back: in parts, at once, by somebody else, and back again.

use serde_json::{Value, json};

use crate::support::{TestHub, id};

/// An intent of 100 cents that is paid.
async fn paid(hub: &TestHub) -> Value {
    let intent = hub.cart.create(json!({ "amount": 100 })).await;
    hub.shopper().open(&intent).await.pay().await;
    hub.cart.until_status(id(&intent), "succeeded").await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_go_to_the_exact_remainder_and_no_further() {
    // (asked, status of the answer, refunded afterwards)
    let rows = [
        (Some(0), 422, 0),
        (Some(-5), 422, 0),
        (Some(101), 422, 0),
        (Some(30), 201, 30),
        (Some(71), 422, 30),
        (Some(1), 201, 31),
        (None, 201, 100),
        (Some(1), 422, 100),
        (None, 422, 100),
    ];
    let hub = TestHub::start().await;
    let intent = paid(&hub).await;
    for (amount, status, refunded) in rows {
        let answer = hub.cart.refund(id(&intent), amount).await;
        assert_eq!(answer.status, status, "{amount:?}: {}", answer.text);
        if status == 201 {
            let refund = hub.cart.until_refund(id(&answer.json()), "succeeded").await;
            assert_eq!((&refund["object"], &refund["made_elsewhere"]), (&json!("refund"), &json!(false)));
        } else {
            assert_eq!(answer.json()["errors"][0]["pointer"], "/amount");
        }
        let now = hub.cart.intent(id(&intent)).await;
        assert_eq!((&now["amount_refunded"], &now["status"]), (&json!(refunded), &json!("succeeded")));
    }
    let listed = hub.cart.get(&format!("/v1/refunds?payment_intent={}", id(&intent))).await.expect(200);
    let mut amounts: Vec<_> =
        listed["data"].as_array().unwrap().iter().map(|one| one["amount"].as_i64().unwrap()).collect();
    amounts.sort_unstable();
    assert_eq!(amounts, [1, 30, 69]);
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.count("refund"), books.refunded), (3, 100));
    for kind in ["refund.created", "refund.succeeded"] {
        assert_eq!(hub.cart.count_events(id(&intent), kind).await, 3);
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_captured_money_is_refunded() {
    let hub = TestHub::start().await;
    let open = hub.cart.create(json!({})).await;
    assert_eq!(hub.cart.refund(id(&open), None).await.code(), "wrong_status");
    let reserved = hub.cart.create(json!({ "amount": 100, "capture": "manual" })).await;
    hub.shopper().open(&reserved).await.pay().await;
    assert_eq!(hub.cart.refund(id(&reserved), None).await.code(), "wrong_status");
    hub.cart.capture(id(&reserved), json!({ "amount": 40, "final": false })).await.expect(200);
    assert_eq!(hub.cart.refund(id(&reserved), Some(41)).await.status, 422);
    let refund = hub.cart.refund(id(&reserved), Some(40)).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    assert_eq!(hub.cart.refund("pi_01jd0000000000000000000abc", None).await.status, 422);
    assert_eq!(hub.sandbox.ledger().await.refunded, 40);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_that_takes_days() {
    let hub = TestHub::start().await;
    hub.sandbox.refund_mode("pending").await;
    for status in ["succeeded", "failed"] {
        let intent = paid(&hub).await;
        let refund = hub.cart.refund(id(&intent), Some(60)).await.expect(201);
        assert_eq!(refund["status"], "pending");
        let theirs = hub.sandbox.until_webhook("refund.pending", "delivered").await;
        // What is on its way is reserved, though not refunded yet.
        assert_eq!(hub.cart.refund(id(&intent), Some(60)).await.status, 422);
        assert_eq!(hub.cart.intent(id(&intent)).await["amount_refunded"], 0);
        let _first_seen = theirs;
        let pending = pending_refund(&hub).await;
        hub.sandbox.end_refund(&pending, status).await;
        hub.cart.until_refund(id(&refund), status).await;
        let refunded = if status == "succeeded" { 60 } else { 0 };
        assert_eq!(hub.cart.intent(id(&intent)).await["amount_refunded"], refunded);
        assert_eq!(hub.cart.count_events(id(&intent), &format!("refund.{status}")).await, 1);
        let rest = hub.cart.refund(id(&intent), Some(60)).await;
        assert_eq!(rest.status, if status == "succeeded" { 422 } else { 201 });
    }
    hub.finish().await;
}

/// The processor's id of the one refund that it announced last as pending.
async fn pending_refund(hub: &TestHub) -> String {
    let webhooks = hub.sandbox.webhooks().await;
    let last = webhooks.iter().rev().find(|event| event["type"] == "refund.pending").unwrap();
    let body: Value = serde_json::from_str(last["body"].as_str().unwrap()).unwrap();
    id(&body["data"]["object"]).to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_comes_back_from_the_bank() {
    let hub = TestHub::start().await;
    let intent = paid(&hub).await;
    let refund = hub.cart.refund(id(&intent), None).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    let succeeded = hub.sandbox.until_webhook("refund.succeeded", "delivered").await;
    let body: Value = serde_json::from_str(succeeded["body"].as_str().unwrap()).unwrap();
    hub.sandbox.end_refund(id(&body["data"]["object"]), "failed").await;

    let failed = hub.cart.until_refund(id(&refund), "failed").await;
    assert!(failed["failure_code"].is_string());
    assert_eq!(hub.cart.intent(id(&intent)).await["amount_refunded"], 0);
    let types = hub.cart.event_types(id(&intent)).await;
    assert_eq!(types[types.len() - 3..], ["refund.created", "refund.succeeded", "refund.failed"]);
    // It can be tried again.
    let again = hub.cart.refund(id(&intent), None).await.expect(201);
    hub.cart.until_refund(id(&again), "succeeded").await;
    assert_eq!(hub.sandbox.ledger().await.refunded, 100);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refund_made_in_the_processors_dashboard_is_seen() {
    let hub = TestHub::start().await;
    let intent = paid(&hub).await;
    let payment = hub.sandbox.payment().await;
    hub.sandbox.dashboard_refund(id(&payment), 60).await;
    let seen = hub.cart.until(id(&intent), "refunded", |intent| intent["amount_refunded"] == 60).await;
    assert!(seen["quarantine"].is_null());
    let listed = hub.cart.get(&format!("/v1/refunds?payment_intent={}", id(&intent))).await.expect(200);
    let refund = &listed["data"][0];
    assert_eq!(
        (&refund["made_elsewhere"], &refund["amount"], &refund["status"]),
        (&json!(true), &json!(60), &json!("succeeded"))
    );
    assert_eq!(hub.cart.count_events(id(&intent), "refund.succeeded").await, 1);
    assert_eq!(hub.cart.refund(id(&intent), Some(41)).await.status, 422);
    let rest = hub.cart.refund(id(&intent), None).await.expect(201);
    assert_eq!(rest["amount"], 40);
    hub.cart.until_refund(id(&rest), "succeeded").await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_refunds_at_once_that_do_not_fit_together_one_is_accepted() {
    let hub = TestHub::start().await;
    for round in 0..20 {
        let intent = paid(&hub).await;
        let (a, b) =
            tokio::join!(hub.cart.refund(id(&intent), Some(60)), hub.cart.refund(id(&intent), Some(60)));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [201, 422], "round {round}: {} {}", a.text, b.text);
    }
    hub.fast(crate::support::eventually("all refunds are done", async || {
        (hub.sandbox.ledger().await.refunded == 20 * 60).then_some(())
    }))
    .await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_sixteen_refunds_at_once_as_many_as_fit_are_accepted() {
    let hub = TestHub::start().await;
    let intent = paid(&hub).await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..16 {
        let (cart, intent) = (hub.cart.clone(), id(&intent).to_owned());
        asking.spawn(async move { cart.refund(&intent, Some(10)).await.status });
    }
    let mut statuses = asking.join_all().await;
    statuses.sort_unstable();
    assert_eq!(statuses, [[201; 10].as_slice(), [422; 6].as_slice()].concat());
    hub.cart.until(id(&intent), "all refunded", |intent| intent["amount_refunded"] == 100).await;
    assert_eq!(hub.sandbox.ledger().await.refunded, 100);
    hub.finish().await;
}
