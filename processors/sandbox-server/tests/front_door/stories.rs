//! Sandbox Pay through its front door: money, keys, the page, and what is found again after a restart.

use crate::support::{Shop, session, with};
use reqwest::Method;
use serde_json::json;

#[tokio::test]
async fn the_shopper_pays_and_the_merchant_refunds() {
    let mut shop = Shop::open(None).await;
    let opened = shop.post("/v1/sessions", "k1", session("att_1", "automatic")).await;
    assert_eq!(opened.status, 201);
    let id = opened.id();
    let page = shop.get(&format!("/pay/{id}")).await;
    assert!(page.text.contains("EUR 10.00") && page.text.contains("Course &lt;b&gt;1&lt;/b&gt;"));
    let paid = shop.page(&id, "action=pay&decline_code=card_declined").await;
    assert_eq!(paid.status, 303);
    assert_eq!(paid.headers["location"], format!("http://shop.example/return?x=1&session={id}"));
    assert_eq!(shop.page(&id, "action=pay").await.status, 409);
    assert_eq!(shop.charges("att_1").await, 1);
    let found = shop.get("/v1/sessions?reference=att_1").await.json();
    let payment = found["data"][0]["payment"].clone();
    assert_eq!(payment["amount_captured"], 1000);
    let ask = |amount: i64| json!({"payment": payment["id"], "amount": amount, "reference": "re_1"});
    assert_eq!(shop.post("/v1/refunds", "k2", ask(1001)).await.code(), "amount_exceeds_captured");
    assert_eq!(shop.post("/v1/refunds", "k2", ask(400)).await.json()["status"], "succeeded");
    let delivery = shop.delivery().await;
    assert_eq!(delivery.kind(), "session.paid");
    assert_eq!(delivery.json()["data"]["object"]["payment"]["id"], payment["id"]);
    assert!(delivery.verified().is_some());
    assert_eq!(shop.delivery().await.kind(), "refund.succeeded");
    let totals = shop.get("/admin/ledger?reference=att_1").await.json()["totals"].clone();
    assert_eq!(totals, json!({"charged": 1000, "refunded": 400}));
    shop.stop().await;
}

#[tokio::test]
async fn captures_voids_and_disputes() {
    let mut shop = Shop::open(None).await;
    let (first, payment) = shop.paid("att_1", "manual").await;
    let path = format!("/v1/payments/{payment}/capture");
    for (key, amount, status) in [("c1", 400, 200), ("c2", 601, 422), ("c2", 600, 200), ("c3", 1, 422)] {
        let answer = shop.post(&path, key, json!({"amount": amount, "reference": key})).await;
        assert_eq!(answer.status, status, "{amount}: {}", answer.text);
    }
    assert_eq!(shop.get(&format!("/v1/sessions/{first}")).await.json()["status"], "paid");
    assert_eq!(shop.post(&format!("/v1/payments/{payment}/void"), "v1", json!({})).await.status, 409);
    let opened = shop.admin(Method::POST, &format!("/admin/payments/{payment}/dispute"), json!({})).await;
    assert_eq!(opened.json()["amount"], 1000);
    let path = format!("/admin/disputes/{}", opened.id());
    assert_eq!(shop.admin(Method::POST, &path, json!({"status": "won"})).await.json()["status"], "won");
    let (second, payment) = shop.paid("att_2", "manual").await;
    let voided = shop.post(&format!("/v1/payments/{payment}/void"), "v2", json!({})).await;
    assert_eq!(voided.json()["status"], "voided");
    let expired = shop.post(&format!("/v1/sessions/{second}/expire"), "e1", json!({})).await;
    assert_eq!((expired.code().as_str(), expired.text.contains("is voided.")), ("session_not_open", true));
    let mut kinds = shop.kinds(7).await;
    kinds.sort();
    let expected = [
        "dispute.opened",
        "dispute.won",
        "payment.captured",
        "payment.captured",
        "session.authorized",
        "session.authorized",
        "session.voided",
    ];
    assert_eq!(kinds, expected);
    shop.stop().await;
}

#[tokio::test]
async fn an_authorization_ends_after_seven_days() {
    let mut shop = Shop::open(None).await;
    let (_, untouched) = shop.paid("att_1", "manual").await;
    let (_, partly) = shop.paid("att_2", "manual").await;
    let capture = |payment: &str| format!("/v1/payments/{payment}/capture");
    let ask = |reference: &str| json!({"amount": 400, "reference": reference});
    assert_eq!(shop.post(&capture(&partly), "c1", ask("c1")).await.status, 200);
    let found = shop.get("/v1/sessions?reference=att_1").await.json()["data"][0]["payment"].clone();
    let lasts_s = found["capture_before"].as_i64().unwrap() - found["created"].as_i64().unwrap();
    assert_eq!(lasts_s, 7 * 86_400);
    shop.admin(Method::POST, "/admin/clock", json!({"advance_s": lasts_s - 60})).await;
    assert_eq!(shop.post(&capture(&partly), "c2", ask("c2")).await.status, 200);
    shop.admin(Method::POST, "/admin/clock", json!({"advance_s": 61})).await;
    for payment in [untouched, partly] {
        assert_eq!(shop.post(&capture(&payment), &payment, ask("c3")).await.code(), "payment_not_authorized");
    }
    let found = shop.get("/v1/sessions?reference=att_1").await.json()["data"][0].clone();
    assert_eq!((&found["status"], &found["payment"]["status"]), (&json!("voided"), &json!("voided")));
    let found = shop.get("/v1/sessions?reference=att_2").await.json()["data"][0].clone();
    assert_eq!((&found["status"], &found["payment"]["amount_captured"]), (&json!("paid"), &json!(800)));
    let mut kinds = shop.kinds(5).await;
    kinds.sort();
    let captured = ["payment.captured", "payment.captured"];
    assert_eq!(
        kinds,
        [&captured[..], &["session.authorized", "session.authorized", "session.voided"]].concat()
    );
    shop.stop().await;
}

#[tokio::test]
async fn what_the_page_and_the_dashboard_can_do() {
    let mut shop = Shop::open(None).await;
    let rows = [
        ("pay_later", 303, "processing"),
        ("decline&decline_code=stolen_card", 303, "declined"),
        ("cancel", 303, "open"),
        ("steal", 400, "open"),
    ];
    for (action, status, becomes) in rows {
        let id = shop.post("/v1/sessions", action, session("att_1", "automatic")).await.id();
        assert_eq!(shop.page(&id, &format!("action={action}")).await.status, status, "{action}");
        let now = shop.get(&format!("/v1/sessions/{id}")).await.json();
        assert_eq!(now["status"], becomes, "{action}");
        if becomes == "processing" {
            let body = json!({"action": "settle", "outcome": "paid"});
            let settled = shop.admin(Method::POST, &format!("/admin/sessions/{id}/act"), body).await;
            assert_eq!(settled.json()["status"], "paid");
        }
    }
    let (_, payment) = shop.paid("att_2", "automatic").await;
    shop.admin(Method::POST, "/admin/refunds/mode", json!({"status": "pending"})).await;
    let path = format!("/admin/payments/{payment}/refund");
    let refund = shop.admin(Method::POST, &path, json!({"amount": 1000})).await;
    assert_eq!(refund.json()["status"], "pending");
    assert_eq!(shop.admin(Method::POST, &path, json!({"amount": 1})).await.status, 422);
    let path = format!("/admin/refunds/{}", refund.id());
    let failed = shop.admin(Method::POST, &path, json!({"status": "failed"})).await.json();
    assert_eq!((&failed["status"], &failed["failure_code"]), (&json!("failed"), &json!("returned_by_bank")));
    shop.stop().await;
}

#[tokio::test]
async fn keys_protect_and_end_with_their_window() {
    let mut shop = Shop::open(None).await;
    let body = session("att_1", "automatic");
    let no_key = shop.request(&Method::POST, "/v1/sessions", &body).send().await.unwrap();
    assert_eq!(no_key.status(), 400);
    let first = shop.post("/v1/sessions", "k1", body.clone()).await;
    let again = shop.post("/v1/sessions", "k1", body.clone()).await;
    assert_eq!((again.status, &again.text), (201, &first.text));
    assert_eq!(again.headers["idempotent-replayed"], "true");
    let other = with(body.clone(), "amount", json!(1));
    assert_eq!(shop.post("/v1/sessions", "k1", other).await.code(), "idempotency_mismatch");
    let refused = with(body.clone(), "color", json!("red"));
    let refused = shop.post("/v1/sessions", "k2", refused).await;
    assert!(refused.status == 400 && refused.text.contains("color"));
    assert_eq!(shop.post("/v1/sessions", "k2", body.clone()).await.status, 201);
    shop.admin(Method::POST, "/admin/clock", json!({"advance_s": 86_000})).await;
    assert_eq!(shop.post("/v1/sessions", "k1", body.clone()).await.id(), first.id());
    shop.admin(Method::POST, "/admin/clock", json!({"advance_s": 1_000})).await;
    assert_ne!(shop.post("/v1/sessions", "k1", body).await.id(), first.id());
    shop.stop().await;
}

#[tokio::test]
async fn accounts_do_not_see_each_other() {
    let mut shop = Shop::open(None).await;
    let id = shop.post("/v1/sessions", "k1", session("att_1", "automatic")).await.id();
    let url = format!("{}/v1/sessions/{id}", shop.base_url);
    for (key, status) in [("sk_shop", 200), ("sk_other", 404), ("sk_nobody", 401)] {
        assert_eq!(shop.client.get(&url).bearer_auth(key).send().await.unwrap().status(), status, "{key}");
    }
    assert_eq!(shop.client.get(&url).send().await.unwrap().status(), 401);
    shop.stop().await;
}

#[tokio::test]
async fn sessions_expire_by_time() {
    let mut shop = Shop::open(None).await;
    let now = shop.admin(Method::POST, "/admin/clock", json!({"advance_s": 0})).await.json()["now"].clone();
    let soon = json!(now.as_i64().unwrap() + 1000);
    let past = with(session("att_1", "manual"), "expires_at", now);
    assert_eq!(shop.post("/v1/sessions", "k1", past).await.status, 400);
    let body = with(session("att_1", "manual"), "expires_at", soon);
    let id = shop.post("/v1/sessions", "k1", body).await.id();
    shop.admin(Method::POST, "/admin/clock", json!({"advance_s": 1000})).await;
    assert_eq!(shop.delivery().await.kind(), "session.expired");
    assert_eq!(shop.get(&format!("/pay/{id}")).await.status, 410);
    assert_eq!(shop.page(&id, "action=pay").await.status, 410);
    assert_eq!(shop.charges("att_1").await, 0);
    shop.stop().await;
}

#[tokio::test]
async fn everything_is_found_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut shop = Shop::open(Some(folder.path())).await;
    shop.accept_webhooks(false);
    let body = with(session("att_1", "automatic"), "faults", json!(["refund:throttle", "webhook:duplicate"]));
    let first = shop.post("/v1/sessions", "k1", body.clone()).await;
    assert_eq!(shop.page(&first.id(), "action=pay").await.status, 303);
    let id = shop.delivery().await.json()["id"].clone();
    let before = shop.get("/v1/sessions?reference=att_1").await.text;
    let ledger = shop.get("/admin/ledger").await.text;
    let old_url = shop.base_url.clone();
    shop.stop().await;

    shop.accept_webhooks(true);
    shop.start(Some(folder.path())).await;
    let after = shop.get("/v1/sessions?reference=att_1").await.text;
    assert_eq!(after, before.replace(&old_url, &shop.base_url));
    assert_eq!(shop.get("/admin/ledger").await.text, ledger);
    assert_eq!(shop.post("/v1/sessions", "k1", body).await.text, first.text);
    assert_eq!(shop.get("/admin/faults").await.json()["data"][0]["fault"], "throttle");
    // The event that was not accepted goes on; what was under way at the stop may have come twice.
    assert_eq!(shop.delivery().await.json()["id"], id);
    shop.stop().await;
}
