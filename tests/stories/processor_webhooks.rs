//! The processor's webhooks: twice, late, out of order, forged, lost, early, and racing the shopper.
//!
//! Whatever comes, and however often: the cart hears of success once.

use reqwest::Method;
use serde_json::{Value, json};

use crate::support::shopper::Page;
use crate::support::{TestHub, eventually, id};

async fn open(hub: &TestHub) -> (Value, Page) {
    let intent = hub.cart.create(json!({})).await;
    let page = hub.shopper().open(&intent).await;
    (intent, page)
}

async fn told_once(hub: &TestHub, intent: &Value) {
    for kind in ["payment_intent.succeeded", "order.paid"] {
        assert_eq!(hub.cart.count_events(id(intent), kind).await, 1, "{kind}");
    }
}

fn inbox_rows(hub: &TestHub) -> i64 {
    hub.database().number("SELECT count(*) FROM inbox")
}

async fn pay_without_coming_back(hub: &TestHub, page: &Page) {
    hub.sandbox.act(page.session(), json!({ "action": "pay" })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_not_proven_is_refused_and_leaves_nothing() {
    let hub = TestHub::start().await;
    for fault in ["forged", "stale", "flipped", "unsigned"] {
        let (intent, page) = open(&hub).await;
        hub.sandbox.until_quiet().await;
        let before = inbox_rows(&hub);
        hub.sandbox.fault(json!({ "operation": "webhook", "fault": fault })).await;
        pay_without_coming_back(&hub, &page).await;
        let refused = eventually("the webhook was refused", async || {
            let webhooks = hub.sandbox.webhooks().await;
            webhooks.into_iter().find(|event| event["delivery"] == "failed" && event["fault"] == fault)
        });
        let refused = refused.await;
        assert_eq!(refused["type"], "session.paid");
        assert_eq!(inbox_rows(&hub), before, "{fault}");
        assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout", "{fault}");

        hub.sandbox.send_webhook(id(&refused)).await;
        hub.cart.until_status(id(&intent), "succeeded").await;
        assert_eq!(inbox_rows(&hub), before + 1);
        told_once(&hub, &intent).await;
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_refused_delivery_is_answered_401() {
    let hub = TestHub::start().await;
    let url = format!("{}/webhooks/sandbox_a", hub.base_url);
    let client = crate::support::cart::plain_client();
    let body = r#"{"id":"ev_1","type":"session.paid","created":1,"livemode":false,"data":{"object":{}}}"#;
    let now = hub.now_s();
    let zeros = "0".repeat(64);
    let signatures = [
        None,
        Some(String::new()),
        Some("t=,v1=".to_owned()),
        Some(format!("t={now},v1={zeros}")),
        Some(format!("t={now}")),
        Some(format!("v1={zeros}")),
    ];
    for signature in signatures {
        let mut request = client.post(&url).header("content-type", "application/json").body(body);
        if let Some(signature) = &signature {
            request = request.header("sandbox-signature", signature);
        }
        assert_eq!(request.send().await.unwrap().status(), 401, "{signature:?}");
    }
    assert_eq!(client.post(format!("{}/webhooks/none", hub.base_url)).send().await.unwrap().status(), 404);
    assert_eq!(client.post(format!("{url}/secret")).send().await.unwrap().status(), 404);
    assert_eq!(client.request(Method::GET, &url).send().await.unwrap().status(), 405);
    assert_eq!(inbox_rows(&hub), 0);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn twice_is_once() {
    let hub = TestHub::start().await;
    let (intent, page) = open(&hub).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "duplicate" })).await;
    pay_without_coming_back(&hub, &page).await;
    let paid = hub.sandbox.until_webhook("session.paid", "delivered").await;
    // The same event again, signed anew.
    hub.sandbox.send_webhook(id(&paid)).await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    hub.sandbox.until_quiet().await;
    told_once(&hub, &intent).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn late_is_no_news() {
    let hub = TestHub::start().await;
    let (intent, page) = open(&hub).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "late" })).await;
    // The webhook is held; the return makes the hub ask.
    page.pay().await;
    assert_eq!(hub.cart.status(id(&intent)).await, "succeeded");
    hub.sandbox.flush().await;
    hub.sandbox.until_webhook("session.paid", "delivered").await;
    told_once(&hub, &intent).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_end_is_told_before_the_beginning() {
    let hub = TestHub::start().await;
    let (intent, page) = open(&hub).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "out_of_order" })).await;
    hub.sandbox.act(page.session(), json!({ "action": "pay_later" })).await;
    hub.sandbox.settle(page.session(), "paid").await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    hub.sandbox.until_webhook("session.processing", "delivered").await;
    told_once(&hub, &intent).await;
    assert_eq!(hub.cart.status(id(&intent)).await, "succeeded");
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_capture_is_told_before_its_authorization() {
    let hub = TestHub::start().await;
    let intent = hub.cart.create(json!({ "capture": "manual" })).await;
    let page = hub.shopper().open(&intent).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "out_of_order" })).await;
    page.pay().await;
    hub.cart.capture(id(&intent), json!({})).await.expect(200);
    hub.sandbox.until_webhook("session.authorized", "delivered").await;
    hub.sandbox.until_quiet().await;
    told_once(&hub, &intent).await;
    assert_eq!(hub.cart.intent(id(&intent)).await["amount_captured"], 1999);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_webhook_is_made_good_by_the_hubs_own_look() {
    let hub = TestHub::start().await;
    let (intent, page) = open(&hub).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "drop" })).await;
    pay_without_coming_back(&hub, &page).await;
    hub.sandbox.until_webhook("session.paid", "dropped").await;
    assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");
    hub.jump(121).await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    told_once(&hub, &intent).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_comes_before_the_answer_that_opened_the_session() {
    let hub = TestHub::start().await;
    hub.sandbox.fault(json!({ "operation": "open", "fault": "stall", "stall_ms": 1_500 })).await;
    let intent = hub.cart.create(json!({})).await;
    let (shopper, opened) = (hub.shopper(), intent.clone());
    let waiting = tokio::spawn(async move { shopper.open(&opened).await });
    let session = eventually("the session is there", async || {
        Some(id(hub.sandbox.sessions().await.first()?).to_owned())
    });
    hub.sandbox.act(&session.await, json!({ "action": "pay" })).await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    // The shopper has nothing more to do than to go home, or sees that the page is paid.
    waiting.await.unwrap();
    told_once(&hub, &intent).await;
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 1);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_webhook_races_the_shopper() {
    let hub = TestHub::start().await;
    for round in 0..20 {
        let (intent, page) = open(&hub).await;
        if round % 2 == 0 {
            page.pay().await;
        } else {
            // Both at once, and the shopper reloads the return page.
            let session = hub.sandbox.session(page.session()).await;
            let return_url = session["return_url"].as_str().unwrap();
            let shopper = hub.shopper();
            tokio::join!(
                pay_without_coming_back(&hub, &page),
                shopper.visit(return_url),
                shopper.visit(return_url)
            );
        }
        hub.cart.until_status(id(&intent), "succeeded").await;
        hub.sandbox.until_quiet().await;
        told_once(&hub, &intent).await;
    }
    assert_eq!(hub.sandbox.ledger().await.count("charge"), 20);
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_webhook_of_a_stranger_is_kept_and_moves_nothing() {
    let hub = TestHub::start().await;
    let (intent, page) = open(&hub).await;
    let client = crate::support::cart::plain_client();
    let expires_at = hub.now_s() + 3_600;
    let stranger = json!({
        "reference": "somebody_else", "amount": 1, "currency": "EUR", "capture": "automatic",
        "return_url": "http://x.test", "cancel_url": "http://x.test", "expires_at": expires_at,
    });
    let opened = client
        .post(format!("{}/v1/sessions", hub.sandbox.base_url))
        .bearer_auth(crate::support::sandbox::Sandbox::api_key("sandbox_a"))
        .header("idempotency-key", "stranger")
        .body(stranger.to_string())
        .send()
        .await
        .unwrap();
    let session: Value = serde_json::from_str(&opened.text().await.unwrap()).unwrap();
    hub.sandbox.act(id(&session), json!({ "action": "pay" })).await;
    hub.sandbox.until_webhook("session.paid", "delivered").await;
    eventually("unmatched", async || {
        (hub.database().number("SELECT count(*) FROM inbox WHERE state = 'unmatched'") == 1).then_some(())
    })
    .await;
    assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");
    page.pay().await;
    assert_eq!(hub.cart.status(id(&intent)).await, "succeeded");
    hub.finish().await;
}
