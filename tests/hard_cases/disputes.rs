//! Hard cases 44 to 46: the shopper's bank takes money back, changes its mind, or speaks of strangers.

use payhub::operator::Request;
use serde_json::{Value, json};

use super::lives::{deliver, paid};
use crate::support::{TestHub, eventually, id};

/// 44. A dispute after a refund of a part: what can still be refunded is what was captured, less what was
/// given back, less what is disputed.
///
/// Not there yet: forcing a refund of money that is disputed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_44_refund_while_a_dispute_is_open() {
    // How the dispute of 50 of 100 ends, after 30 were refunded; what can be refunded after that.
    for (end, left) in [("won", 50), ("lost", 0)] {
        let hub = TestHub::start().await;
        let life = paid(&hub, 100).await;
        let refund = hub.cart.refund(&life.id, Some(30)).await.expect(201);
        hub.cart.until_refund(id(&refund), "succeeded").await;
        let theirs = hub.sandbox.dispute(&life.payment, Some(50)).await;
        hub.cart.until(&life.id, "disputed", |intent| intent["amount_disputed"] == 50).await;
        life.told(&hub, "dispute.opened", 1).await;

        let refused = hub.cart.refund(&life.id, Some(21)).await;
        assert_eq!((refused.status, refused.code().as_str()), (422, "exceeds_captured"));
        assert_eq!(refused.json()["errors"][0]["pointer"], "/amount");
        let rest = hub.cart.refund(&life.id, None).await.expect(201);
        assert_eq!(rest["amount"], 20);
        hub.cart.until_refund(id(&rest), "succeeded").await;
        assert_eq!(hub.cart.refund(&life.id, Some(1)).await.status, 422, "50 were refunded, 50 are disputed");

        hub.sandbox.end_dispute(id(&theirs), end).await;
        life.told(&hub, &format!("dispute.{end}"), 1).await;
        assert_eq!(hub.cart.refund(&life.id, Some(left + 1)).await.status, 422, "{end}");
        if left > 0 {
            let last = hub.cart.refund(&life.id, None).await.expect(201);
            assert_eq!(last["amount"], left);
            hub.cart.until_refund(id(&last), "succeeded").await;
        }
        assert_eq!(life.books(&hub).await.refunded, 50 + left);
        assert_eq!(life.shown(&hub, ["status"]).await, [json!("succeeded")]);
        hub.finish().await;
    }
}

/// 45. A dispute is won, lost and turned round again, each told twice: every turn is one more event, none is
/// overwritten, and money is where the last word says.
///
/// Not there yet: the stages of a dispute (inquiry, pre-arbitration), which the contract does not tell apart.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_45_a_dispute_turns_round() {
    let hub = TestHub::start().await;
    let life = paid(&hub, 100).await;
    let theirs = hub.sandbox.dispute(&life.payment, None).await;
    hub.cart.until(&life.id, "disputed", |intent| intent["amount_disputed"] == 100).await;
    let mut told = vec!["dispute.opened"];
    // The processor's word, and how much is gone after it.
    for (turn, (status, disputed)) in
        [("won", 0), ("lost", 100), ("won", 0), ("lost", 100)].iter().enumerate()
    {
        hub.jump(3_600).await;
        let mut object = theirs.clone();
        object["status"] = json!(status);
        object["updated"] = json!(hub.now_s());
        let kind = format!("dispute.{status}");
        for delivery in 0..2 {
            let event_id = format!("ev_turn{turn}{delivery}");
            assert_eq!(deliver(&hub, "sandbox_a", &event_id, &kind, &object).await, 200);
        }
        told.push(if *status == "won" { "dispute.won" } else { "dispute.lost" });
        let as_told = |intent: &Value| intent["amount_disputed"] == *disputed;
        hub.cart.until(&life.id, status, as_told).await;
        let heard = async || {
            let all = hub.cart.event_types(&life.id).await;
            let of_disputes: Vec<_> = all.into_iter().filter(|kind| kind.starts_with("dispute.")).collect();
            (of_disputes.len() >= told.len()).then_some(of_disputes)
        };
        assert_eq!(eventually("the turn is told", heard).await, told);
        let taken = "SELECT count(*) FROM inbox WHERE state <> 'taken'";
        eventually("both were read", async || (hub.database().number(taken) == 0).then_some(())).await;
    }
    // Nothing was overwritten: the history has every turn, and each moved the books.
    let turns = r#"SELECT count(*) FROM payment_events WHERE event LIKE '%"event":"dispute_settled"%'"#;
    assert_eq!(hub.database().number(turns), 4);
    let moved = "SELECT count(*) FROM journals WHERE memo LIKE 'dispute %'";
    assert_eq!(hub.database().number(moved), 5, "the opening and four turns");
    assert_eq!(
        hub.cart.event_types(&life.id).await.iter().filter(|kind| kind.starts_with("dispute.")).count(),
        5
    );
    hub.finish().await;
}

/// 46. A dispute of a payment that nobody here knows is kept, moves nothing, is tried again for days, and the
///     operator sees it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hc_46_a_dispute_of_a_stranger() {
    let hub = TestHub::start().await;
    let life = paid(&hub, 100).await;
    let before = life.shown(&hub, ["status", "amount_disputed"]).await;
    let stranger = json!({
        "id": "dd_aaaaaaaaaaaaaaaaaaaa", "object": "dispute", "payment": "pm_aaaaaaaaaaaaaaaaaaaa",
        "amount": 100, "currency": "EUR", "status": "open", "reason": "fraudulent",
        "created": hub.now_s(), "updated": hub.now_s(),
    });
    assert_eq!(deliver(&hub, "sandbox_a", "ev_stranger", "dispute.opened", &stranger).await, 200);
    let unmatched = "SELECT count(*) FROM inbox WHERE state = 'unmatched'";
    eventually("unmatched", async || (hub.database().number(unmatched) == 1).then_some(())).await;
    assert_eq!(life.shown(&hub, ["status", "amount_disputed"]).await, before);
    assert_eq!(hub.database().number("SELECT count(*) FROM transfers"), 0);
    assert_eq!(hub.cart.get("/v1/disputes").await.expect(200)["data"], json!([]));

    // It is tried again, and after a week it rests where it can be seen.
    let waiting = "SELECT count(*) FROM jobs WHERE key LIKE 'take:%'";
    assert_eq!(hub.database().number(waiting), 1);
    hub.jump(8 * 24 * 3_600).await;
    eventually("at rest", async || (hub.database().number(waiting) == 0).then_some(())).await;
    assert_eq!(hub.database().number(unmatched), 1);
    let list = hub.operator(Request::ListQuarantine).await.unwrap();
    let seen: Vec<_> = list["deliveries"].as_array().unwrap().iter().map(|one| &one["state"]).collect();
    assert_eq!(seen, ["unmatched"]);
    hub.finish().await;
}
