//! The shopper's bank takes money back.

use serde_json::{Value, json};

use crate::support::{TestHub, id};

async fn paid(hub: &TestHub) -> (Value, String) {
    let intent = hub.cart.create(json!({ "amount": 100 })).await;
    let page = hub.shopper().open(&intent).await;
    page.pay().await;
    let session = hub.sandbox.session(page.session()).await;
    (intent, id(&session["payment"]).to_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_is_opened_and_ends() {
    // (how it ends, disputed afterwards, answer to a refund of all afterwards)
    let rows = [("won", 0, 201), ("lost", 100, 422)];
    let hub = TestHub::start().await;
    for (end, disputed, refund_status) in rows {
        let (intent, payment) = paid(&hub).await;
        let theirs = hub.sandbox.dispute(&payment, None).await;
        hub.cart.until(id(&intent), "disputed", |intent| intent["amount_disputed"] == 100).await;
        // What the bank holds cannot be refunded as well.
        let refused = hub.cart.refund(id(&intent), Some(1)).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "exceeds_captured"));

        hub.sandbox.end_dispute(id(&theirs), end).await;
        let ended = hub.cart.until(id(&intent), end, |intent| intent["amount_disputed"] == disputed);
        assert_eq!(ended.await["status"], "succeeded");
        let types = hub.fast(crate::support::eventually("the end is told", async || {
            let types = hub.cart.event_types(id(&intent)).await;
            types.contains(&format!("dispute.{end}")).then_some(types)
        }));
        let types = types.await;
        assert_eq!(types[types.len() - 2..], ["dispute.opened".to_owned(), format!("dispute.{end}")]);
        assert_eq!(hub.cart.refund(id(&intent), None).await.status, refund_status);

        let all = hub.cart.get("/v1/disputes").await.expect(200);
        let newest = &all["data"][0];
        assert_eq!((&newest["payment_intent"], &newest["status"]), (&intent["id"], &json!(end)));
        let one = hub.cart.get(&format!("/v1/disputes/{}", id(newest))).await.expect(200);
        assert_eq!(&one, newest);
    }
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_part_is_disputed_after_a_part_was_refunded() {
    let hub = TestHub::start().await;
    let (intent, payment) = paid(&hub).await;
    let refund = hub.cart.refund(id(&intent), Some(30)).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    hub.sandbox.dispute(&payment, Some(50)).await;
    hub.cart.until(id(&intent), "disputed", |intent| intent["amount_disputed"] == 50).await;
    assert_eq!(hub.cart.refund(id(&intent), Some(21)).await.status, 422);
    let rest = hub.cart.refund(id(&intent), None).await.expect(201);
    assert_eq!(rest["amount"], 20);
    hub.cart.until_refund(id(&rest), "succeeded").await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dispute_is_found_without_a_webhook() {
    let hub = TestHub::start().await;
    let (intent, payment) = paid(&hub).await;
    let theirs = hub.sandbox.dispute(&payment, None).await;
    hub.cart.until(id(&intent), "disputed", |intent| intent["amount_disputed"] == 100).await;
    hub.sandbox.no_webhooks().await;
    hub.sandbox.end_dispute(id(&theirs), "won").await;
    hub.jump(13 * 3_600).await;
    hub.cart.until(id(&intent), "won", |intent| intent["amount_disputed"] == 0).await;
    assert_eq!(hub.cart.count_events(id(&intent), "dispute.won").await, 1);
    hub.finish().await;
}
