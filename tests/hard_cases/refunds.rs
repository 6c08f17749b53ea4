//! Hard cases 37 to 43: giving back, in parts, at once, elsewhere, too early, and to the last cent.

use serde_json::{Value, json};

use super::lives::{authorized, paid, paid_at_the_page};
use crate::support::{TestHub, eventually, id};

/// 37. Refunds in parts go to the exact remainder; zero, negative and too much are refused at `/amount`.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_37_refunds_to_the_exact_remainder() {
    // (asked, status of the answer, refunded afterwards)
    let rows = [
        (Some(0), 422, 0),
        (Some(-5), 422, 0),
        (Some(i64::MIN), 422, 0),
        (Some(101), 422, 0),
        (Some(30), 201, 30),
        (Some(71), 422, 30),
        (Some(1), 201, 31),
        (Some(69), 201, 100),
        (Some(1), 422, 100),
        (None, 422, 100),
    ];
    let hub = TestHub::start().await;
    let life = paid(&hub, 100).await;
    for (amount, status, refunded) in rows {
        let answer = hub.cart.refund(&life.id, amount).await;
        assert_eq!(answer.status, status, "{amount:?}: {}", answer.text);
        if status == 201 {
            hub.cart.until_refund(id(&answer.json()), "succeeded").await;
        } else {
            assert_eq!(answer.json()["errors"][0]["pointer"], "/amount", "{amount:?}");
        }
        assert_eq!(life.shown(&hub, ["amount_refunded"]).await, [json!(refunded)], "{amount:?}");
    }
    let books = life.books(&hub).await;
    assert_eq!((books.count("refund"), books.refunded), (3, 100), "nothing that was refused was asked for");
    for kind in ["refund.created", "refund.succeeded"] {
        life.told(&hub, kind, 3).await;
    }
    hub.finish().await;
}

/// 38. Refunds at the same time: together never more than was captured.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_38_sixty_four_refunds_at_once() {
    let hub = TestHub::start().await;
    let life = paid(&hub, 100).await;
    let mut asking = tokio::task::JoinSet::new();
    for _ in 0..64 {
        let (cart, id) = (hub.cart.clone(), life.id.clone());
        asking.spawn(async move { cart.refund(&id, Some(7)).await });
    }
    let answers = asking.join_all().await;
    let count = |status: u16| answers.iter().filter(|answer| answer.status == status).count();
    // Fourteen times 7 is 98.
    assert_eq!((count(201), count(422)), (14, 50), "{:?}", answers.first());
    let refused = answers.iter().find(|answer| answer.status == 422).unwrap();
    assert_eq!(
        (refused.code().as_str(), refused.json()["errors"][0]["pointer"].as_str()),
        ("exceeds_captured", Some("/amount"))
    );
    hub.cart.until(&life.id, "all refunded", |intent| intent["amount_refunded"] == 98).await;
    let books = life.books(&hub).await;
    assert_eq!((books.count("refund"), books.refunded), (14, 98));
    assert_eq!(life.refunds(&hub).await.len(), 14);
    let rest = hub.cart.refund(&life.id, None).await.expect(201);
    assert_eq!(rest["amount"], 2);
    hub.cart.until_refund(id(&rest), "succeeded").await;
    hub.finish().await;
}

/// 39. A refund that was accepted fails days later: its amount is free again, the merchant hears of it, and
/// it can be refunded anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_39_a_refund_fails_days_later() {
    let hub = TestHub::start().await;
    hub.sandbox.refund_mode("pending").await;
    for after_success in [true, false] {
        let life = paid(&hub, 100).await;
        let refund = hub.cart.refund(&life.id, None).await.expect(201);
        let theirs = as_the_processor_calls_it(&hub, id(&refund)).await;
        // Accepted and on its way: its amount is reserved.
        assert_eq!(hub.cart.refund(&life.id, Some(1)).await.status, 422);
        hub.jump(2 * 24 * 3_600).await;
        if after_success {
            hub.sandbox.end_refund(&theirs, "succeeded").await;
            hub.cart.until_refund(id(&refund), "succeeded").await;
            assert_eq!(life.shown(&hub, ["amount_refunded"]).await, [json!(100)]);
            hub.jump(24 * 3_600).await;
        }
        hub.sandbox.end_refund(&theirs, "failed").await;
        let failed = hub.cart.until_refund(id(&refund), "failed").await;
        assert!(failed["failure_code"].is_string(), "{failed}");
        life.told(&hub, "refund.failed", 1).await;
        life.told(&hub, "refund.succeeded", usize::from(after_success)).await;
        assert_eq!(life.shown(&hub, ["amount_refunded", "status"]).await, [json!(0), json!("succeeded")]);

        hub.sandbox.refund_mode("succeeded").await;
        let again = hub.cart.refund(&life.id, None).await.expect(201);
        assert_eq!(again["amount"], 100);
        hub.cart.until_refund(id(&again), "succeeded").await;
        assert_eq!(hub.cart.refund(&life.id, Some(1)).await.status, 422);
        hub.sandbox.refund_mode("pending").await;
    }
    hub.finish().await;
}

/// The processor's id of a refund of ours, from the webhook that says it is on its way.
async fn as_the_processor_calls_it(hub: &TestHub, refund: &str) -> String {
    eventually("the refund is on its way", async || {
        let webhooks = hub.sandbox.webhooks().await;
        let pending = webhooks.iter().filter(|event| event["type"] == "refund.pending");
        let mut objects = pending.map(|event| {
            let body: Value = serde_json::from_str(event["body"].as_str().unwrap()).unwrap();
            body["data"]["object"].clone()
        });
        let ours = objects.find(|object| refund.ends_with(object["reference"].as_str().unwrap()))?;
        Some(id(&ours).to_owned())
    })
    .await
}

/// 40. Refunds made in the processor's dashboard become refunds here, in parts too, and count like any other.
///
/// Not there yet: one whose webhook is lost is seen only when the payment is looked up for another reason.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_40_refunds_made_elsewhere() {
    let hub = TestHub::start().await;
    let life = paid(&hub, 100).await;
    for (amount, refunded) in [(60, 60), (15, 75)] {
        hub.sandbox.dashboard_refund(&life.payment, amount).await;
        let seen = |intent: &Value| intent["amount_refunded"] == refunded;
        let intent = hub.cart.until(&life.id, "refunded", seen).await;
        assert_eq!((&intent["status"], &intent["quarantine"]), (&json!("succeeded"), &Value::Null));
    }
    let listed = life.refunds(&hub).await;
    let shown: Vec<_> =
        listed.iter().map(|one| (&one["amount"], &one["made_elsewhere"], &one["status"])).collect();
    let (yes, done) = (json!(true), json!("succeeded"));
    assert_eq!(shown, [(&json!(60), &yes, &done), (&json!(15), &yes, &done)]);
    life.told(&hub, "refund.succeeded", 2).await;
    // Together with ours they still stay within what was taken.
    assert_eq!(hub.cart.refund(&life.id, Some(26)).await.status, 422);
    let rest = hub.cart.refund(&life.id, None).await.expect(201);
    assert_eq!((&rest["amount"], &rest["made_elsewhere"]), (&json!(25), &json!(false)));
    hub.cart.until_refund(id(&rest), "succeeded").await;
    let books = life.books(&hub).await;
    assert_eq!((books.count("refund"), books.refunded), (3, 100));
    hub.finish().await;
}

/// 41. What is not captured cannot be refunded: the answer says so and what to do, and nothing is asked of the
/// processor.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_41_refund_of_what_is_not_captured() {
    let hub = TestHub::start().await;
    let open = hub.cart.create(json!({})).await;
    let reserved = authorized(&hub, 100).await;
    let later = hub.cart.create(json!({ "amount": 100 })).await;
    let page = hub.shopper().open(&later).await;
    page.pay_later().await;
    hub.cart.until_status(id(&later), "processing").await;
    for intent in [id(&open), &reserved.id, id(&later)] {
        for amount in [None, Some(1)] {
            let refused = hub.cart.refund(intent, amount).await;
            assert_eq!((refused.status, refused.code().as_str()), (409, "wrong_status"), "{intent}");
            assert!(
                refused.json()["detail"].as_str().unwrap().contains("cancel it instead"),
                "{}",
                refused.text
            );
        }
        assert_eq!(hub.cart.count_events(intent, "refund.created").await, 0);
    }
    assert_eq!(hub.database().number("SELECT count(*) FROM transfers"), 0);
    // What it says to do works: the reservation is voided, and what was paid later is refunded then.
    hub.cart.cancel(&reserved.id).await.expect(200);
    assert_eq!(reserved.books(&hub).await.count("void"), 1);
    hub.sandbox.settle(page.session(), "paid").await;
    hub.cart.until_status(id(&later), "succeeded").await;
    let refund = hub.cart.refund(id(&later), None).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    let books = hub.sandbox.ledger().await;
    assert_eq!((books.count("refund"), books.refunded), (1, 100));
    hub.finish().await;
}

/// 42. A refund through a connector that takes no new payments any more still works.
///
/// What happens when it is taken out of the config altogether is case 52.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_42_refund_through_a_draining_connector() {
    let mut hub = TestHub::builder().connectors(2).start().await;
    let life = paid_at_the_page(&hub, json!({ "amount": 100, "connector": "sandbox_a" }), "succeeded").await;
    hub.stop().await;
    hub.reconfigure(|builder| builder.draining("sandbox_a"));
    hub.resume().await;
    let refund = hub.cart.refund(&life.id, Some(40)).await.expect(201);
    hub.cart.until_refund(id(&refund), "succeeded").await;
    let refused = hub.cart.create_intent(json!({ "connector": "sandbox_a" })).await;
    assert_eq!((refused.status, refused.code().as_str()), (422, "no_connector"));
    hub.sandbox.dashboard_refund(&life.payment, 10).await;
    hub.cart.until(&life.id, "a webhook is taken", |intent| intent["amount_refunded"] == 50).await;
    assert_eq!(life.books(&hub).await.refunded, 50);
    hub.finish().await;
}

/// 43. Refunds in thirds: nothing is rounded away, the last refund takes the rest, whatever the decimals.
///
/// Not there yet: payments that the processor settles in another currency than they were made in.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_43_the_last_refund_takes_the_rest() {
    // Currencies with three, four, two and no decimals: the amount in minor units, and its parts.
    let rows = [
        ("KWD", 1_000, [333, 333, 334]),
        ("CLF", 10_000, [3_333, 3_333, 3_334]),
        ("EUR", 100, [33, 33, 34]),
        ("JPY", 100, [33, 33, 34]),
        ("BHD", 1, [1, 0, 0]),
    ];
    let hub = TestHub::start().await;
    for (currency, amount, parts) in rows {
        let body = json!({ "amount": amount, "currency": currency });
        let life = paid_at_the_page(&hub, body, "succeeded").await;
        let last = parts.iter().filter(|part| **part > 0).count() - 1;
        for (index, part) in parts.iter().enumerate().take(last + 1) {
            let asked = (index < last).then_some(*part);
            let refund = hub.cart.refund(&life.id, asked).await.expect(201);
            assert_eq!((&refund["amount"], &refund["currency"]), (&json!(part), &json!(currency)));
            hub.cart.until_refund(id(&refund), "succeeded").await;
        }
        assert_eq!(life.shown(&hub, ["amount_refunded"]).await, [json!(amount)], "{currency}");
        assert_eq!(life.books(&hub).await.refunded, amount, "{currency}");
        assert_eq!(hub.cart.refund(&life.id, Some(1)).await.status, 422);
    }
    eventually("every refund was told", async || {
        (hub.database().number("SELECT count(*) FROM public_events WHERE kind = 'refund.succeeded'") == 13)
            .then_some(())
    })
    .await;
    hub.finish().await;
}
