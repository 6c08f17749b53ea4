//! Two hubs on one PostgreSQL database: to the cart they are one, and one goes on without the other.

use std::collections::BTreeSet;

use serde_json::json;

use crate::processes::http::{Answer, Api};
use crate::processes::world::{World, text};
use crate::processes::{eventually, look_until};
use crate::races::at_once::{ask, ask_all};
use crate::reliability::load::{Place, shop_and_always_pay};

/// Carts that ask for the same at the same time.
const CARTS: usize = 64;
/// Refunds that are asked for at the same time, each of a third of the payment.
const REFUNDS: usize = 12;

const AMOUNT: i64 = 3_000;

fn status(api: &Api, path: &str) -> String {
    text(&api.show(path), "status")
}

#[test]
fn two_hubs_on_one_database_are_one() {
    let mut world = World::start_on_server();
    let (_second, there) = world.second_hub();
    let here = world.api.clone();
    let hubs = [&here, &there];

    let body = json!({ "amount": AMOUNT, "currency": "EUR", "return_url": "http://127.0.0.1:9/thanks" });
    let created = ask_all(&hubs, CARTS, "/v1/payment_intents", |_| "one key".to_owned(), &body);
    let ids: BTreeSet<String> = created.iter().map(|answer| text(&answer.json(), "id")).collect();
    assert_eq!(ids.len(), 1, "one key is one payment, whichever hub was asked: {ids:?}");
    assert!(created.iter().all(|answer| answer.status == 201));
    let replays = created.iter().filter(|answer| answer.header("idempotency-replayed").is_some()).count();
    assert_eq!(replays, CARTS - 1, "and one of them made it");
    for api in hubs {
        assert_eq!(api.list("/v1/payment_intents").len(), 1);
    }

    let place = Place::new(&hubs, &world.sandbox_url);
    shop_and_always_pay(&place, &text(&created[0].json(), "checkout_url"));
    let path = format!("/v1/payment_intents/{}", ids.first().expect("an id"));
    eventually("the other hub knows that it is paid", || {
        (status(&there, &path) == "succeeded").then_some(())
    });

    // Twelve thirds are four times too much; three of them are given back, whichever hub they were asked of.
    let third = json!({ "payment_intent": ids.first(), "amount": AMOUNT / 3 });
    let refunds = ask_all(&hubs, REFUNDS, "/v1/refunds", |number| format!("refund {number}"), &third);
    let taken = refunds.iter().filter(|answer| answer.status < 300).count();
    assert_eq!(taken, 3, "{:?}", refunds.iter().map(Answer::text).collect::<Vec<_>>());
    assert!(refunds.iter().all(|answer| answer.status < 300 || answer.json()["code"] == "exceeds_captured"));
    let succeeded = |api: &Api| {
        let refunds = api.list("/v1/refunds");
        (refunds.len() == 3 && refunds.iter().all(|refund| refund["status"] == "succeeded")).then_some(())
    };
    eventually("all refunds are done", || succeeded(&here));
    assert!(succeeded(&there).is_some());

    // The one dies; what was answered by it is answered by the other, and new work gets done.
    world.kill_hub();
    let again = ask(&there, "/v1/payment_intents", "one key", &body);
    assert_eq!((again.status, &again.body), (201, &created[0].body));
    let more = ask(&there, "/v1/payment_intents", "another key", &body);
    assert_eq!(more.status, 201);
    let id = text(&more.json(), "id");
    let canceled = ask(&there, &format!("/v1/payment_intents/{id}/cancel"), "cancel", &json!({}));
    assert!(canceled.status < 300, "{}", canceled.text());
    eventually("the survivor cancels it", || {
        (status(&there, &format!("/v1/payment_intents/{id}")) == "canceled").then_some(())
    });
    world.start_hub();
    assert!(look_until(crate::processes::PATIENCE, || here.get(&path).ok()).is_some());
    assert_eq!(status(&here, &format!("/v1/payment_intents/{id}")), "canceled");
}
