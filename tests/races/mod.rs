//! Races: what must not happen twice is asked for many times at once, on a hub on a file, on one on PostgreSQL,
//! and on two hubs on one PostgreSQL database. After each round the hub and the processor's ledger must agree on
//! exactly one outcome.
//!
//! A run does `PROOF_ROUNDS` rounds of each race.

use private_postgres::Cluster;
use serde_json::{Value, json};

use self::arena::Arena;
use self::at_once::at_once;
use crate::processes::dice::Dice;
use crate::processes::http::{admin, send};
use crate::processes::world::{World, text};
use crate::reliability::Run;

mod arena;

pub(crate) mod at_once;

/// Rounds of each race in a short run.
const ROUNDS: u64 = 3;
/// Carts that ask for the same at the same time.
const CARTS: usize = 64;
/// Refunds that are asked for at the same time, each of a third of the payment.
const REFUNDS: usize = 12;
/// Tabs in which the shopper comes back.
const TABS: usize = 6;

const AMOUNT: i64 = 3_000;

#[test]
fn races_on_a_file() {
    let run = Run::begin("races_sqlite", ROUNDS, 1);
    prove(&run, &Arena::new(World::start_with_other(None), 1));
}

#[test]
fn races_on_a_server() {
    let run = Run::begin("races_postgresql", ROUNDS, 1);
    prove(&run, &Arena::new(World::start_with_other(Some(Cluster::shared().database())), 1));
}

#[test]
fn races_of_two_hubs() {
    let run = Run::begin("races_two_hubs", ROUNDS, 1);
    prove(&run, &Arena::new(World::start_with_other(Some(Cluster::shared().database())), 2));
}

/// A race: what it is called in the figures, and one round of it.
type Race = (&'static str, fn(&Arena, &str, &mut Dice));

const RACES: [Race; 5] = [
    ("rounds_of_one_key", one_key),
    ("rounds_of_refunds", refunds),
    ("rounds_of_capture_and_cancel", capture_and_cancel),
    ("rounds_of_webhook_and_return", webhook_and_return),
    ("rounds_of_two_attempts", two_attempts),
];

fn prove(run: &Run, arena: &Arena) {
    let mut dice = Dice::new(run.seed);
    for round in 0..run.rounds {
        for (name, race) in RACES {
            println!("round {round} of {name}");
            race(arena, &format!("{name}-{round}"), &mut dice);
        }
    }
    arena.check_all(run.rounds * 5);
    run.held(&RACES.map(|(name, _)| (name, run.rounds)));
}

/// One idempotency key from many carts: one payment, which all of them are told of.
fn one_key(arena: &Arena, name: &str, _: &mut Dice) {
    let answers = arena.ask_all(CARTS, "/v1/payment_intents", |_| name.to_owned(), &arena.wish(&json!({})));
    let first = text(&answers[0].json(), "id");
    for answer in &answers {
        assert_eq!((answer.status, text(&answer.json(), "id")), (201, first.clone()), "{name}");
    }
    let replays = answers.iter().filter(|answer| answer.header("idempotency-replayed").is_some()).count();
    assert_eq!(replays, CARTS - 1, "{name}: one of them made it");
}

/// Refunds of four times what there is: three thirds are given back, whoever was first.
fn refunds(arena: &Arena, name: &str, _: &mut Dice) {
    let payment = arena.pay(name, &json!({}), "succeeded");
    let third = json!({ "payment_intent": payment.id, "amount": AMOUNT / 3 });
    let answers = arena.ask_all(REFUNDS, "/v1/refunds", |number| format!("{name}-refund-{number}"), &third);
    let taken = answers.iter().filter(|answer| answer.status < 300).count();
    assert_eq!(taken, 3, "{name}: {:?}", answers.iter().map(|answer| answer.text()).collect::<Vec<_>>());
    let others = answers.iter().filter(|answer| answer.status >= 300);
    others.for_each(|answer| assert_eq!(answer.json()["code"], "exceeds_captured", "{name}"));
    arena.until(&payment, "all is given back", |shown| shown["amount_refunded"] == AMOUNT);
    assert_eq!(arena.booked(&payment, "refund"), (3, AMOUNT), "{name}");
}

/// Two captures and two cancels: the money is taken once or released, and whoever was refused was told so.
fn capture_and_cancel(arena: &Arena, name: &str, dice: &mut Dice) {
    let payment = arena.pay(name, &json!({ "capture": "manual" }), "requires_capture");
    let path = |what: &str| format!("/v1/payment_intents/{}/{what}", payment.id);
    let shift = usize::try_from(dice.between(0, 3)).expect("a number");
    let answers = at_once(4, |number| {
        let what = if (number + shift).is_multiple_of(2) { "capture" } else { "cancel" };
        (what, at_once::ask(arena.hub(number), &path(what), &format!("{name}-{number}"), &json!({})))
    });
    let taken = |wanted: &str| answers.iter().filter(|(what, it)| *what == wanted && it.status < 300).count();
    for (what, answer) in &answers {
        let is_refusal = [409, 422].contains(&answer.status);
        assert!(answer.status < 300 || is_refusal, "{name} {what}: {} {}", answer.status, answer.text());
    }
    let shown = arena.until(&payment, "an end", |shown| {
        (shown["status"] == "succeeded" || shown["status"] == "canceled")
            && shown["cancel_requested"] == false
    });
    let booked = (arena.booked(&payment, "capture"), arena.booked(&payment, "void").0);
    if shown["status"] == "succeeded" {
        assert_eq!((booked, taken("capture")), (((1, AMOUNT), 0), 1), "{name}: {answers:?}");
        assert_eq!((taken("cancel"), &shown["amount_captured"]), (0, &json!(AMOUNT)), "{name}: {answers:?}");
    } else {
        assert_eq!((booked, taken("capture")), (((0, 0), 1), 0), "{name}: {answers:?}");
        assert!(taken("cancel") >= 1, "{name}: {answers:?}");
    }
}

/// The webhook comes several times while the shopper comes back in several tabs: paid once, told once.
fn webhook_and_return(arena: &Arena, name: &str, _: &mut Dice) {
    let (payment, page) = arena.open(name, &json!({ "connector": "sandbox" }), None);
    let return_url = arena.pay_at(&page);
    let path = return_url.strip_prefix(&arena.hub(0).base_url).expect("the hub's own address").to_owned();
    let session = page.rsplit('/').next().expect("a session");
    at_once(TABS * 2, |number| {
        if number.is_multiple_of(2) {
            // Whether it answers with a waiting page or leads on is not what is asked here.
            let url = format!("{}{path}", arena.hub(number / 2).base_url);
            let answer = send("GET", &url, &[], b"").expect("an answer");
            assert!([200, 303].contains(&answer.status), "{name}: {} {}", answer.status, answer.text());
        } else {
            let events =
                admin(arena.sandbox_url(), "GET", &format!("/admin/events?session={session}"), &Value::Null);
            for event in events["data"].as_array().expect("events") {
                let send_again = format!("/admin/events/{}/send", text(event, "id"));
                admin(arena.sandbox_url(), "POST", &send_again, &json!({}));
            }
        }
    });
    arena.until(&payment, "paid", |shown| shown["status"] == "succeeded");
    arena.is_paid_once(&payment, name);
    assert_eq!(arena.booked(&payment, "charge"), (1, AMOUNT), "{name}");
}

/// Two pages of one payment are paid at once: one payment stands, the other is given back, once.
fn two_attempts(arena: &Arena, name: &str, dice: &mut Dice) {
    let (payment, first) = arena.open(name, &json!({}), Some("sandbox"));
    let second = arena.choose(&payment, "other");
    assert_ne!(first, second, "{name}: two attempts");
    let mut pages = [first, second];
    if dice.chance(50) {
        pages.reverse();
    }
    at_once(2, |number| arena.pay_at(&pages[number]));
    let shown = arena.until(&payment, "the surplus is given back", |shown| {
        shown["amount_captured"] == 2 * AMOUNT && shown["amount_refunded"] == AMOUNT
    });
    assert_eq!((&shown["status"], &shown["quarantine"]), (&json!("succeeded"), &Value::Null), "{name}");
    arena.is_paid_once(&payment, name);
    assert_eq!(arena.booked(&payment, "charge"), (2, 2 * AMOUNT), "{name}");
    assert_eq!(arena.booked(&payment, "refund"), (1, AMOUNT), "{name}");
}
