//! Hard cases 30 and 31: money that comes after the door was closed, and money that comes twice.

use hub_core::payment::Resolution;
use hub_core::policy::{PaidLate, PaidTwice, Policies};
use payhub::operator::Request;
use serde_json::{Value, json};

use super::common::{opened, pay_unseen, rows_at_rest, told};
use crate::support::{TestHub, eventually, id};

/// A hub whose processor does not close pages, although it is asked to.
async fn hub_that_cannot_close_pages(policies: Policies) -> TestHub {
    let hub = TestHub::builder().connectors(2).policies(policies).start().await;
    hub.sandbox.fault(json!({ "operation": "expire", "fault": "drop_before", "times": 0 })).await;
    hub
}

/// An intent whose time was over while its page could not be closed, and which was paid there all the same.
async fn paid_late(hub: &TestHub) -> Value {
    let intent = hub.cart.create(json!({ "expires_in_s": 300, "connector": "sandbox_a" })).await;
    let page = hub.shopper().open(&intent).await;
    // The hub's clock alone: by its own the processor would have closed the page.
    hub.clock.jump(301);
    hub.cart.until_status(id(&intent), "expired").await;
    pay_unseen(hub, &page).await;
    intent
}

fn resolve(intent: &Value, resolution: Resolution) -> Request {
    let (note, operator) = ("looked into it".to_owned(), "anna".to_owned());
    Request::ResolveQuarantine { id: id(intent).to_owned(), resolution, note, operator }
}

/// Waits until a payment is held for this reason, as the operator sees it.
async fn held(hub: &TestHub, intent: &Value, reason: &str) -> Value {
    let held = |intent: &Value| intent["quarantine"]["reason"] == reason;
    let shown = hub.fast(hub.cart.until(id(intent), reason, held)).await;
    let list = hub.operator(Request::ListQuarantine).await.unwrap();
    let listed = list["data"].as_array().unwrap().iter().any(|payment| payment["id"] == intent["id"]);
    assert!(listed, "{list}");
    shown
}

/// Waits until this much is captured and refunded and nothing is left for a person; gives the intent.
async fn settled(hub: &TestHub, intent: &Value, what: &str, captured: i64, refunded: i64) -> Value {
    let settled = |now: &Value| {
        now["amount_captured"] == captured
            && now["amount_refunded"] == refunded
            && now["quarantine"].is_null()
    };
    let end = hub.fast(hub.cart.until(id(intent), what, settled)).await;
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.charged, books.refunded), (captured, refunded), "{what}");
    end
}

/// 30. Money after the intent's end is never lost: by policy it is accepted, given back, or held until the
///     operator does either.
///
/// Here the end is that of its time; `hc_30_paid_after_the_cart_canceled_at_stripe` tells of a cancel.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_30_late_money_is_accepted_returned_or_held() {
    use Resolution::{Accept, Refund};
    let rows = [
        (PaidLate::Accept, None, true),
        (PaidLate::Refund, None, false),
        (PaidLate::Hold, Some(Accept), true),
        (PaidLate::Hold, Some(Refund), false),
    ];
    for (paid_late, decision, accepted) in rows {
        let what = format!("{paid_late:?} {decision:?}");
        let hub = hub_that_cannot_close_pages(Policies { paid_late, ..Policies::default() }).await;
        let intent = self::paid_late(&hub).await;
        if let Some(resolution) = decision {
            let shown = held(&hub, &intent, "paid_late").await;
            assert_eq!(shown["status"], "expired", "{what}");
            assert!(!told(&hub, &intent).await.contains(&"order.paid".to_owned()), "{what}");
            hub.operator(resolve(&intent, resolution)).await.unwrap();
        }
        let refunded = if accepted { 0 } else { 1999 };
        let now = settled(&hub, &intent, &what, 1999, refunded).await;
        assert_eq!(now["status"], if accepted { "succeeded" } else { "expired" }, "{what}");
        let types = told(&hub, &intent).await;
        let times = |wanted: &str| types.iter().filter(|kind| *kind == wanted).count();
        assert_eq!(times("payment_intent.expired"), 1, "{what} {types:?}");
        for kind in ["payment_intent.succeeded", "order.paid"] {
            assert_eq!(times(kind), usize::from(accepted), "{what} {types:?}");
        }
        assert_eq!(times("refund.succeeded"), usize::from(!accepted), "{what} {types:?}");
        let shown = if accepted { json!(true) } else { Value::Null };
        assert_eq!(now["paid_late"], shown, "{what}: the cart sees that it was late");
        let late = "SELECT count(*) FROM payment_events WHERE event LIKE '%\"late\":true%'";
        assert_eq!(hub.database().number(late) == 1, accepted, "{what}: it is on record that it was late");
        hub.finish().await;
    }
}

/// 30. Canceling and expiring do close the page where the processor can: then there is no late money.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_30_the_page_is_closed_where_it_can_be() {
    for end in ["expired", "canceled"] {
        let hub = TestHub::start().await;
        let (intent, page) = opened(&hub, json!({ "expires_in_s": 300 })).await;
        if end == "expired" {
            hub.clock.jump(301);
        } else {
            hub.cart.cancel(id(&intent)).await.expect(200);
        }
        hub.cart.until_status(id(&intent), end).await;
        eventually("the page is closed", async || {
            (hub.sandbox.session(page.session()).await["status"] == "expired").then_some(())
        })
        .await;
        assert_eq!(page.pay().await.status(), 410);
        assert_eq!(hub.sandbox.ledger().await.entries, Vec::<Value>::new());
        hub.finish().await;
    }
}

/// The refund that the hub asked for by itself fails at the processor.
async fn fail_the_refund(hub: &TestHub) {
    let theirs = eventually("the refund is at the processor", async || {
        let webhooks = hub.sandbox.webhooks().await;
        let pending = webhooks.into_iter().find(|one| one["type"] == "refund.pending")?;
        let event: Value = serde_json::from_str(pending["body"].as_str()?).ok()?;
        Some(id(&event["data"]["object"]).to_owned())
    });
    let theirs = hub.fast(theirs).await;
    hub.sandbox.end_refund(&theirs, "failed").await;
    hub.sandbox.refund_mode("succeeded").await;
}

/// 30. A policy's refund that fails is not tried for ever: a person decides, and what the person decides is
///     done.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_30_after_a_policys_refund_failed_a_person_decides() {
    let policies = Policies { paid_late: PaidLate::Refund, ..Policies::default() };
    for resolution in [Resolution::Refund, Resolution::Accept] {
        let hub = hub_that_cannot_close_pages(policies).await;
        hub.sandbox.refund_mode("pending").await;
        let intent = paid_late(&hub).await;
        fail_the_refund(&hub).await;
        let shown = held(&hub, &intent, "return_failed").await;
        assert_eq!((&shown["status"], &shown["amount_refunded"]), (&json!("expired"), &json!(0)));
        let before = hub.rows().await["transfers"];
        hub.jump(3_600).await;
        assert_eq!(hub.rows().await["transfers"], before, "nobody asks again by itself");
        hub.operator(resolve(&intent, resolution)).await.unwrap();
        let refunded = if resolution == Resolution::Refund { 1999 } else { 0 };
        let end = settled(&hub, &intent, &format!("{resolution:?}"), 1999, refunded).await;
        let status = if resolution == Resolution::Refund { "expired" } else { "succeeded" };
        assert_eq!(end["status"], status);
        hub.finish().await;
    }
}

/// Two pages of one intent, both paid, in this order; gives the sessions in the order of payment.
async fn paid_twice(hub: &TestHub, first_page_first: bool) -> (Value, [String; 2]) {
    let (intent, chooser) = opened(hub, json!({})).await;
    let first = chooser.choose("sandbox_a").await;
    let second = chooser.choose("sandbox_b").await;
    assert_ne!(first.session(), second.session());
    let pages = if first_page_first { [first, second] } else { [second, first] };
    pay_unseen(hub, &pages[0]).await;
    // The processor counts in seconds.
    hub.jump(5).await;
    pay_unseen(hub, &pages[1]).await;
    hub.fast(hub.cart.until(id(&intent), "both known", |intent| intent["amount_captured"] == 2 * 1999)).await;
    (intent, pages.map(|page| page.session().to_owned()))
}

async fn refunded_sessions(hub: &TestHub) -> Vec<Value> {
    let entries = hub.sandbox.ledger().await.entries.into_iter();
    entries.filter(|entry| entry["kind"] == "refund").map(|entry| entry["session"].clone()).collect()
}

/// 31. Two attempts both took the money: the earlier one by the processor's time stays, the later one is
///     given back once, by itself, even if the answer to that is lost.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_31_the_later_of_two_payments_is_given_back() {
    for first_page_first in [true, false] {
        for fault in [None, Some("drop_after"), Some("error_before")] {
            let hub = hub_that_cannot_close_pages(Policies::default()).await;
            if let Some(fault) = fault {
                hub.sandbox.fault(json!({ "operation": "refund", "fault": fault })).await;
            }
            let what = format!("{first_page_first} {fault:?}");
            let (intent, [_, later]) = paid_twice(&hub, first_page_first).await;
            let end = settled(&hub, &intent, &what, 2 * 1999, 1999).await;
            assert_eq!(end["status"], "succeeded", "{what}");
            assert_eq!(refunded_sessions(&hub).await, [json!(later)], "{what}");
            let types = told(&hub, &intent).await;
            for kind in ["order.paid", "payment_intent.succeeded", "refund.succeeded"] {
                assert_eq!(types.iter().filter(|told| *told == kind).count(), 1, "{what} {types:?}");
            }
            // The key of the refund is bound to the surplus: there is nothing left to give back.
            hub.jump(24 * 3_600).await;
            rows_at_rest(&hub).await;
            assert_eq!(refunded_sessions(&hub).await.len(), 1, "{what}");
            hub.finish().await;
        }
    }
}

/// 31. Where the operator wants to decide, a payment that was paid twice is held and shown with its surplus,
///     and is accepted or given back once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_31_the_operator_decides_about_two_payments() {
    let policies = Policies { paid_twice: PaidTwice::Hold, ..Policies::default() };
    for (resolution, refunded) in [(Resolution::Refund, 1999), (Resolution::Accept, 0)] {
        let hub = hub_that_cannot_close_pages(policies).await;
        let (intent, [_, later]) = paid_twice(&hub, true).await;
        let shown = held(&hub, &intent, "paid_twice").await;
        assert_eq!((&shown["status"], &shown["amount_captured"]), (&json!("succeeded"), &json!(2 * 1999)));
        assert_eq!(refunded_sessions(&hub).await, Vec::<Value>::new());
        hub.operator(resolve(&intent, resolution)).await.unwrap();
        let end = settled(&hub, &intent, &format!("{resolution:?}"), 2 * 1999, refunded).await;
        assert_eq!(end["status"], "succeeded");
        let expected = if refunded == 0 { vec![] } else { vec![json!(later)] };
        assert_eq!(refunded_sessions(&hub).await, expected);
        // It was decided: nothing is left to decide.
        let again = hub.operator(resolve(&intent, resolution)).await;
        assert!(again.is_err(), "{again:?}");
        hub.finish().await;
    }
}

/// 31. The refund of the surplus fails: the payment is held again, and a person decides.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_31_after_the_surplus_could_not_be_returned_a_person_decides() {
    let hub = hub_that_cannot_close_pages(Policies::default()).await;
    hub.sandbox.refund_mode("pending").await;
    let (intent, [_, later]) = paid_twice(&hub, true).await;
    fail_the_refund(&hub).await;
    let shown = held(&hub, &intent, "paid_twice").await;
    assert_eq!((&shown["amount_captured"], &shown["amount_refunded"]), (&json!(2 * 1999), &json!(0)));
    hub.operator(resolve(&intent, Resolution::Refund)).await.unwrap();
    settled(&hub, &intent, "given back by hand", 2 * 1999, 1999).await;
    assert_eq!(refunded_sessions(&hub).await.last(), Some(&json!(later)));
    hub.finish().await;
}
