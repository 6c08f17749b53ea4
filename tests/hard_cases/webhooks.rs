//! Hard cases 10 to 14 and 20 to 22: webhooks that come early, twice, at once, in no order, in a flood, or not.

use serde_json::{Value, json};

use super::common::{DAY_S, opened, paid, pay_unseen, payment_of, rows_at_rest, sessions, told, told_once};
use crate::processes::binaries;
use crate::support::cart::plain_client;
use crate::support::receiver::Receiver;
use crate::support::sandbox::Sandbox;
use crate::support::{TestHub, eventually, id};

const MONEY: [&str; 2] = ["payment_intent.succeeded", "order.paid"];

fn inbox(hub: &TestHub, state: &str) -> i64 {
    hub.database().number(&format!("SELECT count(*) FROM inbox WHERE state = '{state}'"))
}

async fn until_inbox(hub: &TestHub, state: &str, count: i64) {
    eventually(&format!("{count} {state}"), async || (inbox(hub, state) == count).then_some(())).await;
}

/// A page that was paid, and the webhook about it, which was never sent.
async fn unheard(hub: &TestHub) -> (Value, Value) {
    let (intent, page) = opened(hub, json!({})).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "drop" })).await;
    pay_unseen(hub, &page).await;
    let webhook = eventually("the webhook is dropped", async || {
        let all = hub.sandbox.webhooks().await;
        all.into_iter().find(|one| one["session"] == page.session() && one["delivery"] == "dropped")
    })
    .await;
    (intent, webhook)
}

fn body(webhook: &Value) -> &str {
    webhook["body"].as_str().unwrap()
}

/// 10. A webhook comes before the answer that opened the page is there: it is stored, acknowledged, and
///     matched by our own reference.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_10_a_webhook_before_the_answer_is_matched_by_our_reference() {
    let hub = TestHub::start().await;
    hub.sandbox.fault(json!({ "operation": "open", "fault": "stall", "stall_ms": 1_500 })).await;
    let intent = hub.cart.create(json!({})).await;
    let (shopper, at) = (hub.shopper(), intent.clone());
    let waiting = tokio::spawn(async move { drop(shopper.open(&at).await) });
    let session =
        eventually("the session", async || Some(id(hub.sandbox.sessions().await.first()?).to_owned()));
    let session = session.await;
    let before = hub.cart.intent(id(&intent)).await["attempts"][0]["references"].clone();
    assert_eq!(before, json!([]), "the processor's ids are not known yet");
    hub.sandbox.act(&session, json!({ "action": "pay" })).await;
    hub.sandbox.until_webhook("session.paid", "delivered").await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    until_inbox(&hub, "taken", 1).await;
    waiting.await.unwrap();
    told_once(&hub, &intent, &MONEY).await;
    assert_eq!(sessions(&hub).await, ["paid"]);
    hub.finish().await;
}

/// 10. A webhook names only an id that is not known yet: it is kept, and taken once the id becomes known.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_10_a_webhook_waits_for_its_id() {
    let hub = TestHub::start().await;
    hub.sandbox.fault(json!({ "operation": "any", "fault": "drop_after", "times": 0 })).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "drop" })).await;
    let intent = hub.cart.create(json!({})).await;
    let (shopper, at) = (hub.shopper(), intent.clone());
    let waiting = tokio::spawn(async move { drop(shopper.open(&at).await) });
    let session =
        eventually("the session", async || Some(id(hub.sandbox.sessions().await.first()?).to_owned()));
    let paid = hub.sandbox.act(&session.await, json!({ "action": "pay" })).await;
    hub.sandbox.dashboard_refund(id(&paid["payment"]), 300).await;
    hub.sandbox.until_webhook("refund.succeeded", "delivered").await;
    until_inbox(&hub, "unmatched", 1).await;
    assert_eq!(hub.cart.intent(id(&intent)).await["amount_refunded"], 0);

    hub.sandbox.no_more_faults().await;
    hub.fast(hub.cart.until_status(id(&intent), "succeeded")).await;
    hub.fast(until_inbox(&hub, "unmatched", 0)).await;
    until_inbox(&hub, "taken", 1).await;
    assert_eq!(hub.cart.intent(id(&intent)).await["amount_refunded"], 300);
    told_once(&hub, &intent, &["payment_intent.succeeded", "order.paid", "refund.succeeded"]).await;
    hub.fast(waiting).await.unwrap();
    hub.finish().await;
}

/// A payment at the processor that this hub knows nothing of.
async fn stranger(hub: &TestHub) -> Value {
    let wish = json!({
        "reference": "somebody_else", "amount": 1, "currency": "EUR", "capture": "automatic",
        "return_url": "http://x.test", "cancel_url": "http://x.test", "expires_at": hub.now_s() + 60 * DAY_S,
    });
    let url = format!("{}/v1/sessions", hub.sandbox.base_url);
    let request = plain_client().post(url).bearer_auth(Sandbox::api_key("sandbox_a"));
    let opened = request.header("idempotency-key", "stranger").body(wish.to_string()).send().await.unwrap();
    let session: Value = serde_json::from_str(&opened.text().await.unwrap()).unwrap();
    hub.sandbox.act(id(&session), json!({ "action": "pay" })).await
}

/// 11. A webhook about an unknown payment is acknowledged and kept, tried again for days, and shown to the
///     operator, with a command and in the log; it is never thrown away.
/// Not there yet: an admin UI that shows it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_11_an_unknown_payment_is_kept_and_shown() {
    let hub = TestHub::builder().on_a_file().start().await;
    let (intent, _) = opened(&hub, json!({})).await;
    stranger(&hub).await;
    hub.sandbox.until_webhook("session.paid", "delivered").await;
    until_inbox(&hub, "unmatched", 1).await;
    let tries = "SELECT coalesce(max(tries), 0) FROM jobs WHERE key LIKE 'take:%'";
    let before = hub.database().number(tries);
    hub.jump(5).await;
    eventually("tried again", async || (hub.database().number(tries) > before).then_some(())).await;

    let delivery = hub.database().rows("SELECT id FROM inbox")[0].clone();
    let list = tokio::task::spawn_blocking({
        let data_dir = hub.data_dir();
        move || {
            let mut command = std::process::Command::new(binaries::payhub());
            command.args(["quarantine", "list", "--data-dir"]).arg(data_dir).output().expect("payhub starts")
        }
    });
    let list = list.await.unwrap();
    let shown = String::from_utf8_lossy(&list.stdout).into_owned();
    assert!(list.status.success(), "{shown} {}", String::from_utf8_lossy(&list.stderr));
    for part in [delivery.as_str(), "sandbox_a", "unmatched", "names no payment of this hub", "test"] {
        assert!(shown.contains(part), "{part} is not in {shown}");
    }
    assert!(!shown.contains("somebody_else"), "what it says stays sealed: {shown}");

    // After its days it is only kept.
    for _ in 0..10 {
        hub.jump(DAY_S).await;
        hub.rows().await;
    }
    assert_eq!((inbox(&hub, "unmatched"), hub.database().number(tries)), (1, 0));
    let list = hub.operator(payhub::operator::Request::ListQuarantine).await.unwrap();
    assert_eq!(list["deliveries"][0]["id"], *delivery);
    assert_eq!(hub.cart.event_types(id(&intent)).await, ["payment_intent.created", "payment_intent.expired"]);
    assert_eq!(hub.database().number("SELECT count(*) FROM payments"), 1);
    hub.finish().await;
}

/// 12. The same event again is acknowledged and changes nothing: not the payment, not the books, not what the
///     merchant hears. The same id from another account of the processor is another event.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_12_a_duplicate_is_acknowledged_and_changes_nothing() {
    let hub = TestHub::builder().connectors(2).start().await;
    let (intent, webhook) = {
        let intent = hub.cart.create(json!({ "connector": "sandbox_a" })).await;
        let page = hub.shopper().open(&intent).await;
        pay_unseen(&hub, &page).await;
        (intent, hub.sandbox.until_webhook("session.paid", "delivered").await)
    };
    hub.cart.until_status(id(&intent), "succeeded").await;
    let before = rows_at_rest(&hub).await;
    let now_s = hub.now_s();
    // Three times of signing, none of them the processor's own, and one of them twice.
    for at_s in [now_s - 100, now_s - 101, now_s - 102, now_s - 100] {
        assert_eq!(hub.deliver_signed("sandbox_a", body(&webhook), at_s).await.status, 200);
    }
    let mut after = rows_at_rest(&hub).await;
    // What was delivered is kept beside its payment, once for each signature; nothing else has grown.
    for table in ["inbox", "payment_inbox"] {
        assert_eq!(after.insert(table.to_owned(), before[table]), Some(before[table] + 3), "{table}");
    }
    assert_eq!(after, before);
    told_once(&hub, &intent, &MONEY).await;

    let other = hub.cart.create(json!({ "connector": "sandbox_b" })).await;
    let page = hub.shopper().open(&other).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "drop" })).await;
    pay_unseen(&hub, &page).await;
    let theirs = hub.sandbox.until_webhook("session.paid", "dropped").await;
    let mut same_id: Value = serde_json::from_str(body(&theirs)).unwrap();
    same_id["id"] = webhook["id"].clone();
    assert_eq!(hub.deliver_signed("sandbox_b", &same_id.to_string(), hub.now_s()).await.status, 200);
    hub.cart.until_status(id(&other), "succeeded").await;
    hub.finish().await;
}

/// 13. The same event sixteen times at once is taken once: one change of the payment, one entry in the books,
///     one event for the merchant.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hc_13_duplicates_at_once_are_taken_once() {
    let hub = TestHub::start().await;
    let merchant = Receiver::start().await;
    merchant.register(&hub, &["order.paid"]).await;
    let (intent, webhook) = unheard(&hub).await;
    let before = rows_at_rest(&hub).await;
    let (url, now_s) = (format!("{}/webhooks/sandbox_a", hub.base_url), hub.now_s());
    let mut delivering = tokio::task::JoinSet::new();
    for number in 0..16 {
        let body = body(&webhook).to_owned();
        let secret = Sandbox::webhook_secret("sandbox_a");
        let signature = crate::support::sandbox::signature(&secret, now_s - 8 + number, &body);
        let request = plain_client().post(&url).header("sandbox-signature", signature).body(body);
        delivering.spawn(async move { request.send().await.unwrap().status().as_u16() });
    }
    assert_eq!(delivering.join_all().await, [200; 16]);
    hub.cart.until_status(id(&intent), "succeeded").await;
    let after = rows_at_rest(&hub).await;
    let grown = |table: &str| after[table] - before[table];
    assert_eq!((grown("inbox"), grown("seen_events"), grown("journals")), (16, 1, 1));
    let causes = "SELECT count(DISTINCT cause) FROM payment_events WHERE cause LIKE '%webhook%'";
    assert_eq!(hub.database().number(causes), 1, "more than one delivery changed the payment");
    told_once(&hub, &intent, &MONEY).await;
    merchant.until_taken("order.paid").await;
    hub.rows().await;
    assert_eq!(merchant.received().len(), 1);
    hub.finish().await;
}

/// 14. News in the wrong order ends in the same state: what was refunded before it was paid is paid and
///     refunded.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_14_refunded_before_it_was_captured() {
    let hub = TestHub::start().await;
    let (intent, page) = opened(&hub, json!({})).await;
    hub.sandbox.fault(json!({ "operation": "webhook", "fault": "out_of_order" })).await;
    pay_unseen(&hub, &page).await;
    hub.sandbox.dashboard_refund(&payment_of(&hub, &page).await, 500).await;
    hub.sandbox.until_webhook("session.paid", "delivered").await;
    let both = |intent: &Value| intent["status"] == "succeeded" && intent["amount_refunded"] == 500;
    hub.fast(hub.cart.until(id(&intent), "paid and refunded", both)).await;
    hub.fast(until_inbox(&hub, "unmatched", 0)).await;
    let told = told(&hub, &intent).await;
    assert_eq!(
        told,
        [
            "payment_intent.created",
            "payment_intent.succeeded",
            "order.paid",
            "refund.created",
            "refund.succeeded"
        ]
    );
    hub.finish().await;
}

/// 14. A failure told after success takes nothing back: money that moved stays moved, and the hub asks the
///     processor what is so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_14_failed_after_succeeded() {
    let hub = TestHub::start().await;
    let (intent, _) = paid(&hub, json!({})).await;
    let webhook = hub.sandbox.until_webhook("session.paid", "delivered").await;
    hub.rows().await;
    let asked = "SELECT count(*) FROM exchanges WHERE operation = 'fetch_payment'";
    for (number, status) in ["declined", "expired", "processing", "open"].into_iter().enumerate() {
        hub.jump(60).await;
        let before = (hub.database().number(asked), told(&hub, &intent).await);
        let mut later: Value = serde_json::from_str(body(&webhook)).unwrap();
        later["id"] = json!(format!("ev_later_{number}"));
        later["type"] = json!(format!("session.{}", if status == "open" { "processing" } else { status }));
        let at_s = hub.now_s();
        (later["created"], later["data"]["object"]["updated"]) = (json!(at_s), json!(at_s));
        later["data"]["object"]["status"] = json!(status);
        later["data"]["object"]["payment"] = Value::Null;
        assert_eq!(hub.deliver_signed("sandbox_a", &later.to_string(), at_s).await.status, 200);
        let looks = async || (hub.database().number(asked) > before.0).then_some(());
        hub.fast(eventually(&format!("the hub asks after {status}"), looks)).await;
        let now = hub.cart.intent(id(&intent)).await;
        assert_eq!(
            (&now["status"], &now["amount_captured"]),
            (&json!("succeeded"), &json!(1999)),
            "{status}"
        );
        assert_eq!(told(&hub, &intent).await, before.1, "{status}");
    }
    hub.finish().await;
}

/// 20. A flood after a long silence is acknowledged fast and taken in the background, each payment's news
///     once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn hc_20_a_flood_is_taken_in() {
    const PAYMENTS: usize = 12;
    let mut hub = TestHub::start().await;
    let mut pages = vec![];
    for _ in 0..PAYMENTS {
        pages.push(opened(&hub, json!({})).await);
    }
    hub.stop().await;
    for (_, page) in &pages {
        pay_unseen(&hub, page).await;
        hub.sandbox.dashboard_refund(&payment_of(&hub, page).await, 99).await;
    }
    hub.resume().await;
    // Everything that was missed, three times over and at once.
    let url = format!("{}/webhooks/sandbox_a", hub.base_url);
    let mut delivering = tokio::task::JoinSet::new();
    for webhook in hub.sandbox.webhooks().await {
        for round in 0..3 {
            let body = body(&webhook).to_owned();
            let secret = Sandbox::webhook_secret("sandbox_a");
            let signature = crate::support::sandbox::signature(&secret, hub.now_s() - round, &body);
            let request = plain_client().post(&url).header("sandbox-signature", signature).body(body);
            delivering.spawn(async move { request.send().await.unwrap().status().as_u16() });
        }
    }
    let statuses = delivering.join_all().await;
    assert!(statuses.len() >= PAYMENTS * 6 && statuses.iter().all(|status| *status == 200), "{statuses:?}");
    for (intent, _) in &pages {
        let both = |intent: &Value| intent["status"] == "succeeded" && intent["amount_refunded"] == 99;
        hub.fast(hub.cart.until(id(intent), "paid and refunded", both)).await;
        told_once(&hub, intent, &["payment_intent.succeeded", "order.paid", "refund.succeeded"]).await;
    }
    hub.fast(until_inbox(&hub, "received", 0)).await;
    hub.finish().await;
}

/// 20. With too much waiting in the inbox the processor is told to come again, nothing is stored, and nothing
///     is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_20_a_full_inbox_says_come_again() {
    const WAITING_MAX: u64 = 3;
    let hub = TestHub::builder().http(|http| http.inbox_pending_max = WAITING_MAX).start().await;
    let (intent, page) = opened(&hub, json!({})).await;
    hub.rows().await;
    // A worker that keeps up has no backlog: this one is written by hand.
    for number in 0..WAITING_MAX {
        let backlog = format!(
            "INSERT INTO inbox (merchant_id, livemode, id, connector, fingerprint, sealed, received_at, state)
             VALUES ('main', 0, 'backlog-{number}', 'sandbox_a', {fingerprint}, {fingerprint}, 0, 'received')",
            fingerprint = hub.database().bytes(&[u8::try_from(number).unwrap(); 32]),
        );
        hub.database().run(&backlog);
    }
    hub.jump(2).await;
    pay_unseen(&hub, &page).await;
    let webhook = eventually("the webhook", async || {
        hub.sandbox.webhooks().await.into_iter().find(|one| one["type"] == "session.paid")
    })
    .await;
    let refused = hub.deliver_signed("sandbox_a", body(&webhook), hub.now_s()).await;
    assert_eq!((refused.status, refused.code().as_str()), (503, "overloaded"));
    assert!(refused.header("retry-after").unwrap().parse::<u64>().unwrap() >= 1);
    assert_eq!(hub.database().number("SELECT count(*) FROM inbox"), i64::try_from(WAITING_MAX).unwrap());
    assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout");

    hub.database().run("DELETE FROM inbox WHERE id LIKE 'backlog-%'");
    hub.jump(2).await;
    // The processor's own next try.
    hub.sandbox.flush().await;
    hub.sandbox.until_webhook("session.paid", "delivered").await;
    hub.cart.until_status(id(&intent), "succeeded").await;
    told_once(&hub, &intent, &MONEY).await;
    hub.finish().await;
}

/// 21. The processor has switched the endpoint off and sends nothing: the hub's own questions find out
///     everything that is not at its end.
/// Not there yet: a check that warns when an account has sent no webhook for long.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_21_without_any_webhook_the_hub_asks() {
    let hub = TestHub::start().await;
    hub.sandbox.no_webhooks().await;
    hub.sandbox.refund_mode("pending").await;
    let (paid, page) = opened(&hub, json!({})).await;
    pay_unseen(&hub, &page).await;
    let (later, later_page) = opened(&hub, json!({})).await;
    hub.sandbox.act(later_page.session(), json!({ "action": "pay_later" })).await;
    let (manual, manual_page) = opened(&hub, json!({ "capture": "manual" })).await;
    pay_unseen(&hub, &manual_page).await;
    hub.fast(hub.cart.until_status(id(&paid), "succeeded")).await;
    hub.fast(hub.cart.until_status(id(&later), "processing")).await;
    hub.fast(hub.cart.until_status(id(&manual), "requires_capture")).await;

    hub.sandbox.settle(later_page.session(), "declined").await;
    let declined = |intent: &Value| intent["attempts"][0]["state"] == "declined";
    hub.fast(hub.cart.until(id(&later), "declined", declined)).await;
    let refund = hub.cart.refund(id(&paid), Some(500)).await.expect(201);
    let theirs = eventually("the refund is known", async || {
        let entries = hub.sandbox.webhooks().await;
        let pending = entries.into_iter().find(|one| one["type"] == "refund.pending")?;
        let event: Value = serde_json::from_str(body(&pending)).ok()?;
        Some(id(&event["data"]["object"]).to_owned())
    });
    let theirs = hub.fast(theirs).await;
    hub.sandbox.end_refund(&theirs, "succeeded").await;
    hub.fast(hub.cart.until_refund(id(&refund), "succeeded")).await;
    assert_eq!(hub.database().number("SELECT count(*) FROM inbox"), 0);
    told_once(&hub, &paid, &["payment_intent.succeeded", "order.paid", "refund.succeeded"]).await;
    hub.finish().await;
}

/// 22. An event that only names its object settles nothing by itself: the hub asks, and takes the amounts
///     from the answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_22_a_thin_event_is_a_reason_to_ask() {
    for (charged, status, captured) in [("as asked", "succeeded", 1999), ("too much", "requires_checkout", 0)]
    {
        let hub = TestHub::start().await;
        if charged == "too much" {
            hub.sandbox.fault(json!({ "operation": "open", "fault": "wrong_amount" })).await;
        }
        let (intent, page) = opened(&hub, json!({})).await;
        hub.sandbox.fault(json!({ "operation": "webhook", "fault": "thin", "times": 0 })).await;
        hub.rows().await;
        // Nothing is known as long as nobody answers.
        hub.sandbox.fault(json!({ "operation": "fetch", "fault": "error_before", "times": 0 })).await;
        pay_unseen(&hub, &page).await;
        hub.sandbox.until_webhook("session.paid", "delivered").await;
        until_inbox(&hub, "taken", 1).await;
        assert_eq!(hub.cart.status(id(&intent)).await, "requires_checkout", "{charged}");
        hub.sandbox.fault(json!({ "operation": "webhook", "fault": "drop", "times": 0 })).await;
        hub.sandbox.no_more_faults().await;
        let known = |intent: &Value| intent["status"] == "succeeded" || !intent["quarantine"].is_null();
        let now = hub.fast(hub.cart.until(id(&intent), "known", known)).await;
        assert_eq!(
            (&now["status"], &now["amount_captured"]),
            (&json!(status), &json!(captured)),
            "{charged}"
        );
        assert_eq!(now["quarantine"].is_null(), charged == "as asked");
        hub.finish().await;
    }
}
