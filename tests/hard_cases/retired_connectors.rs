//! Hard case 52, and 42 with it: a connector is taken away while payments still need it.

use serde_json::{Value, json};

use super::lives::paid_at_the_page;
use crate::support::{TestHub, id};

const DAY_S: i64 = 24 * 3_600;

fn by_a(more: &Value) -> Value {
    let mut body = json!({ "amount": 100, "connector": "sandbox_a" });
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

/// Starts the hub anew without one of its two connectors; what it says.
async fn start_without_a(hub: &mut TestHub) -> Result<(), String> {
    hub.reconfigure(|builder| builder.leave_out("sandbox_a"));
    hub.try_resume().await.map_err(|error| error.to_string())
}

/// 52. A connector that is being drained takes webhooks, look-ups, captures and refunds, and no new payment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_52_a_draining_connector_serves_what_it_has() {
    let mut hub = TestHub::builder().connectors(2).start().await;
    let reserved = paid_at_the_page(&hub, by_a(&json!({ "capture": "manual" })), "requires_capture").await;
    let open = hub.cart.create(by_a(&json!({}))).await;
    let page = hub.shopper().open(&open).await;
    let quiet = hub.cart.create(by_a(&json!({}))).await;
    let quiet_page = hub.shopper().open(&quiet).await;
    let unopened = hub.cart.create(json!({ "amount": 100 })).await;
    hub.stop().await;
    hub.reconfigure(|builder| builder.draining("sandbox_a"));
    hub.resume().await;

    hub.cart.capture(&reserved.id, json!({})).await.expect(200);
    let refund = hub.cart.refund(&reserved.id, None).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    // By its webhook alone, and by a look-up alone.
    hub.sandbox.act(page.session(), json!({ "action": "pay" })).await;
    hub.cart.until_status(id(&open), "succeeded").await;
    hub.sandbox.no_webhooks().await;
    hub.sandbox.act(quiet_page.session(), json!({ "action": "pay" })).await;
    hub.jump(121).await;
    hub.cart.until_status(id(&quiet), "succeeded").await;

    let refused = hub.cart.create_intent(by_a(&json!({}))).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "no_connector"));
    assert!(refused.text.contains("takes no new payments any more"), "{}", refused.text);
    let sessions = hub.sandbox.sessions().await.len();
    // One that was created before and never opened goes to the other.
    let other = hub.shopper().open(&unopened).await;
    let _ = other.session();
    let now = hub.cart.intent(id(&unopened)).await;
    assert_eq!(now["attempts"][0]["connector"], "sandbox_b");
    assert_eq!(hub.sandbox.sessions().await.len(), sessions + 1);
    hub.finish().await;
}

/// 52. The hub does not start without a connector that payments in flight or refundable need, and says which,
/// how many, and what to do; by name it can be abandoned.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_52_a_connector_is_not_removed_too_early() {
    let mut hub = TestHub::builder().connectors(2).start().await;
    paid_at_the_page(&hub, by_a(&json!({})), "succeeded").await;
    paid_at_the_page(&hub, by_a(&json!({ "capture": "manual" })), "requires_capture").await;
    let open = hub.cart.create(by_a(&json!({}))).await;
    hub.shopper().open(&open).await;
    paid_at_the_page(&hub, json!({ "amount": 100, "connector": "sandbox_b" }), "succeeded").await;
    hub.stop().await;
    let refused = start_without_a(&mut hub).await.unwrap_err();
    for part in [
        "connector sandbox_a (test)",
        "3 payments need it",
        "2 in flight",
        "1 refundable",
        "such as pi_",
        "draining = true",
        "abandoned_connectors",
    ] {
        assert!(refused.contains(part), "no {part:?} in {refused}");
    }
    // Nothing has changed, so that the old config still works.
    hub.reconfigure(|builder| builder.put_back("sandbox_a").draining("sandbox_a"));
    hub.resume().await;
    let refund = hub.cart.refund(&first_paid(&hub).await, None).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    hub.stop().await;
    assert!(start_without_a(&mut hub).await.unwrap_err().contains("2 payments need it"));
    // The way out for who knows that it is gone: by its name.
    hub.reconfigure(|builder| builder.abandoned("sandbox_b"));
    assert!(hub.try_resume().await.is_err(), "another name is another connector");
    hub.reconfigure(|builder| builder.abandoned("sandbox_a"));
    hub.resume().await;
    let status = hub.cart.status(id(&open)).await;
    assert_eq!(status, "requires_checkout", "what is in doubt stays in doubt");
    hub.stop().await;
}

/// The succeeded payment of the first connector.
async fn first_paid(hub: &TestHub) -> String {
    let listed = hub.cart.get("/v1/payment_intents?status=succeeded").await.expect(200);
    let all = listed["data"].as_array().unwrap();
    let first = all.iter().find(|one| one["attempts"][0]["connector"] == "sandbox_a");
    id(first.unwrap()).to_owned()
}

/// 52. When nothing is left of it (paid back, called off, or refundable no longer), the connector can go.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_52_a_connector_that_nothing_needs_can_go() {
    let mut hub = TestHub::builder().connectors(2).start().await;
    let back = paid_at_the_page(&hub, by_a(&json!({})), "succeeded").await;
    let refund = hub.cart.refund(&back.id, None).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    let off = hub.cart.create(by_a(&json!({}))).await;
    hub.shopper().open(&off).await;
    hub.cart.cancel(id(&off)).await.expect(200);
    hub.cart.until_status(id(&off), "canceled").await;
    let kept = paid_at_the_page(&hub, by_a(&json!({})), "succeeded").await;
    hub.stop().await;
    let refused = start_without_a(&mut hub).await.unwrap_err();
    assert!(refused.contains("1 payment need") && refused.contains(&kept.id), "{refused}");
    // Processors do not take refunds for ever.
    hub.clock.jump(181 * DAY_S);
    hub.try_resume().await.unwrap();
    assert_eq!(hub.cart.intent(&kept.id).await["status"], "succeeded");
    let refused = hub.cart.create_intent(by_a(&json!({}))).await;
    assert_eq!(refused.code(), "no_connector");
    hub.finish().await;
}

/// 52. A dispute that is open keeps the connector, however old the payment is.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_52_what_is_in_flight_has_no_age() {
    let mut hub = TestHub::builder().connectors(2).start().await;
    let disputed = paid_at_the_page(&hub, by_a(&json!({})), "succeeded").await;
    hub.sandbox.dispute(&disputed.payment, None).await;
    hub.cart.until(&disputed.id, "disputed", |intent| intent["amount_disputed"] == 100).await;
    hub.stop().await;
    hub.clock.jump(400 * DAY_S);
    let refused = start_without_a(&mut hub).await.unwrap_err();
    assert!(refused.contains("1 in flight, 0 refundable"), "{refused}");
    hub.reconfigure(|builder| builder.put_back("sandbox_a"));
    hub.resume().await;
    hub.stop().await;
}
