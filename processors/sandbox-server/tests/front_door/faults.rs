//! Bad days on request: lost answers, spoiled answers, and webhooks that must not be believed.

use std::io::{Read, Write};

use crate::support::{Shop, session, with};
use reqwest::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn a_dropped_connection_carries_no_byte() {
    let mut shop = Shop::open(None).await;
    let address = shop.base_url.strip_prefix("http://").unwrap().to_owned();
    let body = session("att_1", "automatic").to_string();
    let request = format!(
        "POST /v1/sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer sk_shop\r\nIdempotency-Key: k1\r\n\
         Sandbox-Fault: drop_after\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let read = tokio::task::spawn_blocking(move || {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut bytes = Vec::new();
        // A reset is as good as a close here; what counts is that nothing was said.
        let _ = stream.read_to_end(&mut bytes);
        bytes
    });
    assert_eq!(read.await.unwrap(), b"");
    let again = shop.post("/v1/sessions", "k1", session("att_1", "automatic")).await;
    assert_eq!((again.status, again.headers["idempotent-replayed"].as_bytes()), (201, b"true".as_slice()));
    shop.stop().await;
}

/// Each fault strikes the first refund; the second try with the same key must find things as they are.
#[tokio::test]
async fn what_a_second_try_finds() {
    let mut shop = Shop::open(None).await;
    let rows = [
        ("drop_before", None, false),
        ("drop_after", None, true),
        ("error_before", Some(500), false),
        ("error_after", Some(500), true),
        ("garbage", Some(200), true),
        ("throttle", Some(429), false),
    ];
    for (fault, status, done) in rows {
        let body = with(session(fault, "automatic"), "faults", json!([format!("refund:{fault}")]));
        let id = shop.post("/v1/sessions", fault, body).await.id();
        shop.page(&id, "action=pay").await;
        let payment = shop.get(&format!("/v1/sessions/{id}")).await.json()["payment"]["id"].clone();
        let ask = json!({"payment": payment, "amount": 100, "reference": format!("re-{fault}")});
        let key = format!("r-{fault}");
        let first = shop.try_post("/v1/refunds", &key, ask.clone()).await;
        assert_eq!(first.ok().map(|answer| answer.status), status, "{fault}");
        assert_eq!(shop.charges(&format!("re-{fault}")).await, usize::from(done), "{fault}");
        let second = shop.post("/v1/refunds", &key, ask).await;
        assert_eq!(second.status, 201, "{fault}");
        assert_eq!(second.headers.contains_key("idempotent-replayed"), done, "{fault}");
        assert_eq!(shop.charges(&format!("re-{fault}")).await, 1, "{fault}");
    }
    shop.stop().await;
}

#[tokio::test]
async fn a_session_s_own_open_fault_strikes_once() {
    let mut shop = Shop::open(None).await;
    for fault in ["error_before", "error_after"] {
        let body = with(session(fault, "manual"), "faults", json!([format!("open:{fault}")]));
        assert_eq!(shop.post("/v1/sessions", fault, body.clone()).await.status, 500, "{fault}");
        assert_eq!(shop.post("/v1/sessions", fault, body).await.status, 201, "{fault}");
        let found = shop.get(&format!("/v1/sessions?reference={fault}")).await.json();
        assert_eq!(found["data"].as_array().unwrap().len(), 1, "{fault}");
    }
    shop.stop().await;
}

#[tokio::test]
async fn a_stalled_request_holds_its_key_and_ends_at_stop() {
    let mut shop = Shop::open(None).await;
    let body = with(session("att_1", "manual"), "faults", json!(["open:stall"]));
    let request = shop.request(&Method::POST, "/v1/sessions", &body).header("Idempotency-Key", "k1");
    let stalled = tokio::spawn(request.send());
    // The session is there while its answer is not.
    while shop.get("/admin/sessions").await.json()["data"].as_array().unwrap().is_empty() {
        tokio::task::yield_now().await;
    }
    assert_eq!(shop.post("/v1/sessions", "k1", body).await.code(), "idempotency_in_progress");
    shop.stop().await;
    assert!(stalled.await.unwrap().is_err());
}

#[tokio::test]
async fn wrong_amounts_are_really_taken() {
    let mut shop = Shop::open(None).await;
    let body = with(session("att_1", "automatic"), "faults", json!(["open:wrong_amount"]));
    let id = shop.post("/v1/sessions", "k1", body).await.id();
    shop.page(&id, "action=pay").await;
    let payment = shop.get(&format!("/v1/sessions/{id}")).await.json()["payment"].clone();
    assert_eq!((&payment["amount"], &payment["amount_captured"]), (&json!(1000), &json!(1001)));
    let (_, payment) = shop.paid("att_2", "manual").await;
    shop.admin(Method::POST, "/admin/faults", json!({"operation": "any", "fault": "stall"})).await;
    assert_eq!(shop.admin(Method::DELETE, "/admin/faults", json!({})).await.json()["removed"], 1);
    let rule = json!({"operation": "capture", "fault": "wrong_amount", "session": "att_2"});
    shop.admin(Method::POST, "/admin/faults", rule).await;
    let path = format!("/v1/payments/{payment}/capture");
    let captured = shop.post(&path, "c1", json!({"amount": 500, "reference": "c1"})).await.json();
    assert_eq!(captured["amount_captured"], 499);
    // Of three rules the one that was removed never struck.
    assert_eq!(shop.get("/admin/faults").await.json()["struck"], 2);
    shop.stop().await;
}

#[tokio::test]
async fn webhooks_that_must_not_be_believed() {
    let mut shop = Shop::open(None).await;
    for fault in ["forged", "flipped", "unsigned", "stale", "duplicate"] {
        let body = with(session(fault, "automatic"), "faults", json!([format!("webhook:{fault}")]));
        let id = shop.post("/v1/sessions", fault, body).await.id();
        shop.page(&id, "action=pay").await;
        let delivery = shop.delivery().await;
        let amount = delivery.json()["data"]["object"]["amount"].clone();
        assert_eq!(amount, json!(if fault == "flipped" { 1001 } else { 1000 }), "{fault}");
        let signed_at = delivery.verified();
        match fault {
            "stale" => assert!(signed_at.unwrap() <= delivery.json()["created"].as_i64().unwrap() - 3_590),
            "duplicate" => assert_eq!(shop.delivery().await.raw, delivery.raw),
            _ => assert_eq!(signed_at, None, "{fault}"),
        }
        let event = delivery.json()["id"].as_str().unwrap().to_owned();
        let sent = shop.admin(Method::POST, &format!("/admin/events/{event}/send"), json!({})).await;
        assert_eq!(sent.status, 202);
        assert!(shop.delivery().await.verified().is_some(), "{fault}");
    }
    shop.stop().await;
}

#[tokio::test]
async fn webhooks_late_out_of_order_dropped_and_flushed() {
    let mut shop = Shop::open(None).await;
    for fault in ["late", "out_of_order"] {
        let body = with(session(fault, "automatic"), "faults", json!([format!("webhook:{fault}")]));
        let id = shop.post("/v1/sessions", fault, body).await.id();
        shop.page(&id, "action=pay").await;
        let payment = shop.get(&format!("/v1/sessions/{id}")).await.json()["payment"]["id"].clone();
        let path = format!("/admin/payments/{}/refund", payment.as_str().unwrap());
        shop.admin(Method::POST, &path, json!({"amount": 1})).await;
        assert_eq!(shop.kinds(2).await, ["refund.succeeded", "session.paid"], "{fault}");
    }
    let body = with(session("held", "automatic"), "faults", json!(["webhook:late"]));
    let id = shop.post("/v1/sessions", "held", body).await.id();
    shop.page(&id, "action=pay").await;
    let body = with(session("gone", "automatic"), "faults", json!(["webhook:drop"]));
    let gone = shop.post("/v1/sessions", "gone", body).await.id();
    shop.page(&gone, "action=pay").await;
    let listed: Value = shop.get("/admin/events?session=gone").await.json();
    assert_eq!(listed["data"][0]["delivery"], "dropped");
    let flushed = shop.admin(Method::POST, "/admin/flush", json!({})).await;
    assert_eq!(flushed.json()["released"], 1);
    assert_eq!(shop.delivery().await.json()["data"]["object"]["id"], json!(id));
    shop.stop().await;
}

#[tokio::test]
async fn a_refused_webhook_comes_again_signed_anew() {
    let mut shop = Shop::open(None).await;
    shop.accept_webhooks(false);
    shop.paid("att_1", "automatic").await;
    let first = shop.delivery().await;
    let second = shop.delivery().await;
    shop.accept_webhooks(true);
    shop.admin(Method::POST, "/admin/flush", json!({})).await;
    let third = shop.delivery().await;
    for delivery in [&first, &second, &third] {
        assert!(delivery.verified().is_some());
        assert_eq!(delivery.raw, first.raw);
    }
    shop.stop().await;
}

#[tokio::test]
async fn an_answer_about_another_reference() {
    let mut shop = Shop::open(None).await;
    let body = with(session("att_1", "automatic"), "faults", json!(["open:wrong_reference"]));
    let opened = shop.post("/v1/sessions", "k1", body.clone()).await;
    assert_eq!((opened.status, &opened.json()["reference"]), (201, &json!("somebody_else")));
    // It is what it says that is wrong, not what was done.
    let again = shop.post("/v1/sessions", "k1", body).await;
    assert_eq!((again.status, &again.json()["reference"]), (201, &json!("att_1")));
    let path = format!("/v1/sessions/{}", again.id());
    let rule = json!({"operation": "fetch", "fault": "wrong_reference", "times": 1});
    assert_eq!(shop.post("/admin/faults", "", rule).await.status, 201);
    assert_eq!(shop.get(&path).await.json()["reference"], "somebody_else");
    assert_eq!(shop.get(&path).await.json()["reference"], "att_1");
    shop.stop().await;
}
