//! Hard cases 15 to 19 and 23 to 26: what a webhook must prove, and what its facts must match.

use hub_core::payment::Resolution;
use payhub::operator::Request;
use serde_json::{Value, json};

use super::common::{never_told_of_money, opened, pay_unseen, rows_at_rest, told_once};
use crate::support::logs::Logs;
use crate::support::sandbox::{Sandbox, signature};
use crate::support::shopper::Page;
use crate::support::{TestHub, eventually, id};

const MONEY: [&str; 2] = ["payment_intent.succeeded", "order.paid"];
/// How far a signed time may be from the hub's, in seconds: Sandbox Pay's documentation says so.
const TOLERANCE_S: i64 = 300;

/// A page that was paid, and the event about it, which was never sent.
async fn unheard(hub: &TestHub) -> (Value, Page, Value) {
    let (intent, page) = opened(hub, json!({})).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "drop" })).await;
    pay_unseen(hub, &page).await;
    let webhook = eventually("the webhook is dropped", async || {
        let all = hub.sandbox.webhooks().await;
        all.into_iter().find(|one| one["session"] == page.session() && one["delivery"] == "dropped")
    })
    .await;
    let event = serde_json::from_str(webhook["body"].as_str().unwrap()).unwrap();
    (intent, page, event)
}

fn secret() -> String {
    Sandbox::webhook_secret("sandbox_a")
}

/// 15. A forged webhook is answered 401, writes nothing anywhere, is counted for whoever watches, and is
///     logged as a warning.
#[tokio::test]
async fn hc_15_a_forged_webhook_writes_nothing() {
    let logs = Logs::keep();
    let hub = TestHub::start().await;
    let (intent, _, event) = unheard(&hub).await;
    let (body, now_s) = (event.to_string(), hub.now_s());
    let good = signature(&secret(), now_s, &body);
    let flipped = {
        let last = if good.ends_with('0') { '1' } else { '0' };
        format!("{}{last}", &good[..good.len() - 1])
    };
    let forged = [
        None,
        Some(String::new()),
        Some("v1=".to_owned()),
        Some(format!("t={now_s}")),
        Some(format!("t={now_s},v1={}", "0".repeat(64))),
        Some(flipped),
        Some(good[..good.len() - 2].to_owned()),
        Some(signature("", now_s, &body)),
        Some(signature("whsec_guessed", now_s, &body)),
        Some(signature(&Sandbox::webhook_secret("sandbox_b"), now_s, &body)),
        Some(
            signature(&secret(), now_s + 1, &body)
                .replace(&format!("t={}", now_s + 1), &format!("t={now_s}")),
        ),
    ];
    let before = rows_at_rest(&hub).await;
    for signature in &forged {
        let refused = hub.deliver("sandbox_a", &body, signature.as_deref()).await;
        assert_eq!((refused.status, refused.code().as_str()), (401, "forged_webhook"), "{signature:?}");
        assert!(!refused.text.contains("whsec_"), "{}", refused.text);
    }
    assert_eq!(rows_at_rest(&hub).await, before);
    assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");
    let warnings = logs.with("refused as forged");
    assert_eq!(warnings.len(), forged.len());
    assert!(warnings.iter().all(|line| line.contains("WARN") && line.contains("sandbox_a")), "{warnings:?}");
    let counted = format!(
        "payhub_webhooks_received_total{{connector=\"sandbox_a\",verdict=\"forged\"}} {}",
        forged.len()
    );
    let metrics = hub.metrics().await;
    assert!(metrics.lines().any(|line| line == counted), "{metrics}");
    // What is not forged still counts.
    assert_eq!(hub.deliver("sandbox_a", &body, Some(&good)).await.status, 200);
    hub.cart.until_status(id(&intent), "succeeded").await;
    hub.finish().await;
}

/// 16. A good signature over an old time is refused; the processor's next try, signed anew, is taken.
/// Not there yet: an adapter whose processor signs without a time; there only the event's id would tell a
/// replay.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_16_a_stale_webhook_is_refused_and_the_next_try_taken() {
    let hub = TestHub::start().await;
    let (intent, _, event) = unheard(&hub).await;
    let before = rows_at_rest(&hub).await;
    let body = event.to_string();
    // A few seconds' grace: time passes between signing and receiving.
    for off_s in [TOLERANCE_S + 5, 3_600, 86_400, -TOLERANCE_S - 5, -3_600] {
        let refused = hub.deliver_signed("sandbox_a", &body, hub.now_s() - off_s).await;
        assert_eq!(refused.status, 401, "{off_s} s old");
    }
    assert_eq!(rows_at_rest(&hub).await, before);
    assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");
    assert_eq!(hub.deliver_signed("sandbox_a", &body, hub.now_s() - TOLERANCE_S + 10).await.status, 200);
    hub.cart.until_status(id(&intent), "succeeded").await;
    told_once(&hub, &intent, &MONEY).await;
    hub.finish().await;
}

/// 17. The same bytes with the same good signature, played again within the tolerance, are the same delivery.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_17_a_replay_is_the_same_delivery() {
    let hub = TestHub::start().await;
    let (intent, _, event) = unheard(&hub).await;
    let (body, at_s) = (event.to_string(), hub.now_s());
    assert_eq!(hub.deliver_signed("sandbox_a", &body, at_s).await.status, 200);
    hub.cart.until_status(id(&intent), "succeeded").await;
    let refund = hub.cart.refund(id(&intent), None).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    let before = rows_at_rest(&hub).await;
    for _ in 0..3 {
        hub.jump(60).await;
        assert_eq!(hub.deliver_signed("sandbox_a", &body, at_s).await.status, 200);
    }
    assert_eq!(rows_at_rest(&hub).await, before);
    assert_eq!(hub.cart.intent(id(&intent)).await["amount_refunded"], 1999);
    told_once(&hub, &intent, &MONEY).await;
    hub.finish().await;
}

/// 18. While a webhook secret is changed the old and the new one are both good; afterwards the old one is
///     refused. The log tells when an older one was used.
/// Not there yet: a date at which the old secret ends by itself, and a warning when it is still used near
/// that date.
#[tokio::test]
async fn hc_18_a_secret_is_changed_without_losing_a_webhook() {
    const OLDER: &str = "signed with an older value of the secret";
    let logs = Logs::keep();
    let mut hub = TestHub::start().await;
    let old = secret();
    let new = "whsec_sandbox_secret_of_next_year";
    let pay = async |hub: &TestHub, signed_with: &str| {
        let (intent, _, event) = unheard(hub).await;
        let body = event.to_string();
        let signed = signature(signed_with, hub.now_s(), &body);
        (intent, hub.deliver("sandbox_a", &body, Some(&signed)).await.status)
    };
    hub.webhook_secrets(&[new, &old]);
    hub.restart().await;
    for (signed_with, older) in [(new, false), (old.as_str(), true)] {
        let before = logs.with(OLDER).len();
        let (intent, status) = pay(&hub, signed_with).await;
        assert_eq!(status, 200);
        hub.cart.until_status(id(&intent), "succeeded").await;
        assert_eq!(logs.with(OLDER).len() > before, older, "{signed_with}");
    }
    hub.webhook_secrets(&[new]);
    hub.restart().await;
    let (refused, status) = pay(&hub, &old).await;
    assert_eq!((status, hub.cart.status(id(&refused)).await.as_str()), (401, "requires_checkout"));
    let (taken, status) = pay(&hub, new).await;
    assert_eq!(status, 200);
    hub.cart.until_status(id(&taken), "succeeded").await;
    hub.finish().await;
}

/// 19. What a proxy wrote anew is refused even where it means the same: only the raw bytes were signed.
/// Not there yet: a check that warns when a proxy changes bodies; the 401s in the log tell.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_19_only_the_raw_bytes_were_signed() {
    let hub = TestHub::start().await;
    let (intent, _, event) = unheard(&hub).await;
    let raw = event.to_string();
    let good = signature(&secret(), hub.now_s(), &raw);
    let before = rows_at_rest(&hub).await;
    for written_anew in [
        serde_json::to_string_pretty(&event).unwrap(),
        raw.replace(':', ": "),
        format!("{raw}\n"),
        format!("\u{feff}{raw}"),
        raw.replace("session.paid", "session\\u002epaid"),
    ] {
        assert_ne!(written_anew, raw);
        let refused = hub.deliver("sandbox_a", &written_anew, Some(&good)).await;
        assert_eq!(refused.status, 401, "{written_anew}");
    }
    assert_eq!(rows_at_rest(&hub).await, before);
    assert_eq!(hub.deliver("sandbox_a", &raw, Some(&good)).await.status, 200);
    hub.cart.until_status(id(&intent), "succeeded").await;
    hub.finish().await;
}

async fn held(hub: &TestHub, intent: &Value, reason: &str) -> Value {
    let held = |intent: &Value| intent["quarantine"]["reason"] == reason;
    let held = hub.cart.until(id(intent), reason, held).await;
    let list = hub.operator(Request::ListQuarantine).await.unwrap();
    let listed = list["data"].as_array().unwrap().iter().any(|payment| payment["id"] == intent["id"]);
    assert!(listed, "{list}");
    held
}

fn resolve(intent: &Value, resolution: Resolution) -> Request {
    let (note, operator) = ("looked into it".to_owned(), "anna".to_owned());
    Request::ResolveQuarantine { id: id(intent).to_owned(), resolution, note, operator }
}

/// 23. Another amount than was asked for is held: the order is not paid, nothing more can be asked, and the
///     operator accepts it or gives it back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_23_a_wrong_amount_waits_for_the_operator() {
    // Where it happens, what is decided, and how it ends: status, captured, refunded, events of money.
    let rows = [
        ("open", Resolution::Accept, "succeeded", 2000, 0, 1),
        ("open", Resolution::Refund, "canceled", 2000, 2000, 0),
        ("capture", Resolution::Accept, "succeeded", 1998, 0, 1),
        ("capture", Resolution::Refund, "canceled", 1998, 1998, 0),
    ];
    for (operation, resolution, status, captured, refunded, told) in rows {
        let what = format!("{operation} {resolution:?}");
        let hub = TestHub::start().await;
        hub.sandbox.fault(json!({ "operation": operation, "fault": "wrong_amount" })).await;
        let capture = if operation == "capture" { "manual" } else { "automatic" };
        let (intent, page) = opened(&hub, json!({ "capture": capture, "order_reference": "order-7" })).await;
        page.pay().await;
        if operation == "capture" {
            hub.cart.until_status(id(&intent), "requires_capture").await;
            hub.fast(hub.cart.capture(id(&intent), json!({}))).await;
        }
        let shown = held(&hub, &intent, "amount_mismatch").await;
        assert_ne!(shown["status"], "succeeded", "{what}");
        told_once(&hub, &intent, &["payment_intent.quarantined"]).await;
        for kind in MONEY {
            assert_eq!(hub.cart.count_events(id(&intent), kind).await, 0, "{what} {kind}");
        }
        let order =
            hub.cart.get(&format!("/v1/orders/{}", intent["order"].as_str().unwrap())).await.expect(200);
        assert_ne!(order["status"], "paid", "{what}");
        for refused in [
            hub.cart.refund(id(&intent), None).await,
            hub.cart.cancel(id(&intent)).await,
            hub.cart.capture(id(&intent), json!({})).await,
        ] {
            assert_eq!(refused.status, 409, "{what} {}", refused.text);
        }

        hub.operator(resolve(&intent, resolution)).await.unwrap();
        let ended = |now: &Value| {
            now["status"] == status
                && now["amount_captured"] == captured
                && now["amount_refunded"] == refunded
        };
        let end = hub.fast(hub.cart.until(id(&intent), &what, ended)).await;
        assert!(end["quarantine"].is_null(), "{what} {end}");
        hub.fast(async { rows_at_rest(&hub).await }).await;
        for kind in MONEY {
            assert_eq!(hub.cart.count_events(id(&intent), kind).await, told, "{what} {kind}");
        }
        let books = hub.sandbox.ledger().await;
        assert_eq!((books.charged, books.refunded), (captured, refunded), "{what}");
        hub.finish().await;
    }
}

/// 24. Another currency than the order's is held, whatever the amount: nothing is booked and the order is not
///     paid, until the operator has looked. What the processor itself names in the order's currency counts then,
///     or nothing of it does.
/// Not there yet: the currency that the processor pays out in, kept beside the order's.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_24_another_currency_is_held() {
    for (resolution, status, captured) in
        [(Resolution::Accept, "succeeded", 1999), (Resolution::Refund, "canceled", 0)]
    {
        let hub = TestHub::start().await;
        let (intent, _, event) = unheard(&hub).await;
        let in_dollars = event.to_string().replace("\"EUR\"", "\"USD\"");
        assert_eq!(hub.deliver_signed("sandbox_a", &in_dollars, hub.now_s()).await.status, 200);
        let shown = held(&hub, &intent, "currency_mismatch").await;
        assert_eq!((&shown["amount_captured"], &shown["currency"]), (&json!(0), &json!("EUR")));
        never_told_of_money(&hub, &intent).await;
        told_once(&hub, &intent, &["payment_intent.quarantined"]).await;
        assert_eq!(hub.database().number("SELECT count(*) FROM journals"), 0);
        assert_ne!(shown["status"], "succeeded");

        hub.operator(resolve(&intent, resolution)).await.unwrap();
        let end = hub.fast(hub.cart.until_status(id(&intent), status)).await;
        assert_eq!((&end["amount_captured"], &end["currency"]), (&json!(captured), &json!("EUR")));
        assert!(end["quarantine"].is_null(), "{end}");
        let books = "SELECT count(*) FROM journal_entries WHERE currency <> 'EUR'";
        assert_eq!(hub.database().number(books), 0);
        hub.finish().await;
    }
}

/// 25. A live event at a test connector is no news, however well it is signed; the log says why.
/// Not there yet: an alert of its own, beyond the line in the log and the note at the delivery.
#[tokio::test]
async fn hc_25_an_event_of_the_other_mode_is_no_news() {
    let logs = Logs::keep();
    let hub = TestHub::start().await;
    let (intent, _, event) = unheard(&hub).await;
    let mut live = event.clone();
    live["livemode"] = json!(true);
    let before = rows_at_rest(&hub).await;
    assert_eq!(hub.deliver_signed("sandbox_a", &live.to_string(), hub.now_s()).await.status, 200);
    let mut after = rows_at_rest(&hub).await;
    assert_eq!(after.insert("inbox".to_owned(), before["inbox"]), Some(before["inbox"] + 1));
    assert_eq!(after, before, "something came of it");
    assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");
    assert!(hub.database().rows("SELECT note FROM inbox").iter().any(|note| note.contains("livemode")));
    assert_eq!(logs.with("the event's livemode is not this connector's").len(), 1);
    // Its id was not used up: the real event of that id still counts.
    assert_eq!(hub.deliver_signed("sandbox_a", &event.to_string(), hub.now_s()).await.status, 200);
    hub.cart.until_status(id(&intent), "succeeded").await;
    told_once(&hub, &intent, &MONEY).await;
    hub.finish().await;
}

/// 26. An event of one account at another account's address is refused; so is one at a wrong secret address;
///     and a payment of one account is not settled through another.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_26_an_event_of_another_account_is_refused() {
    const PATH_SECRET: &str = "b2f6c0a14d9e4c7f8a35d1e07c9b6a24";
    let hub = TestHub::builder().connectors(2).webhook_path_secret(PATH_SECRET).start().await;
    hub.keep_out_of_the_file("no such secret");
    let intent = hub.cart.create(json!({ "connector": "sandbox_a" })).await;
    let page = hub.shopper().open(&intent).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "drop" })).await;
    pay_unseen(&hub, &page).await;
    let webhook = hub.sandbox.until_webhook("session.paid", "dropped").await;
    let body = webhook["body"].as_str().unwrap();
    let (signed_by_a, signed_by_b) = (secret(), Sandbox::webhook_secret("sandbox_b"));
    let before = rows_at_rest(&hub).await;
    let at = |connector: &str, path: &str| format!("{connector}{path}");
    let (good, wrong) = (format!("/{PATH_SECRET}"), format!("/{}", "0".repeat(PATH_SECRET.len())));
    for (address, key, status) in [
        (at("sandbox_a", ""), &signed_by_a, 404),
        (at("sandbox_a", &wrong), &signed_by_a, 404),
        (at("sandbox_a", &format!("{good}/")), &signed_by_a, 404),
        (at("sandbox_c", &good), &signed_by_a, 404),
        (at("sandbox_b", &good), &signed_by_a, 401),
        (at("sandbox_a", &good), &signed_by_b, 401),
    ] {
        let signed = signature(key, hub.now_s(), body);
        assert_eq!(hub.deliver(&address, body, Some(&signed)).await.status, status, "{address}");
    }
    assert_eq!(rows_at_rest(&hub).await, before);
    // Account B vouches for an event about a payment of account A: it is nobody's.
    let signed = signature(&signed_by_b, hub.now_s(), body);
    assert_eq!(hub.deliver(&at("sandbox_b", &good), body, Some(&signed)).await.status, 200);
    eventually("unmatched", async || {
        (hub.database().number("SELECT count(*) FROM inbox WHERE state = 'unmatched'") == 1).then_some(())
    })
    .await;
    assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");
    never_told_of_money(&hub, &intent).await;
    let signed = signature(&signed_by_a, hub.now_s(), body);
    assert_eq!(hub.deliver(&at("sandbox_a", &good), body, Some(&signed)).await.status, 200);
    hub.cart.until_status(id(&intent), "succeeded").await;
    hub.finish().await;
}
