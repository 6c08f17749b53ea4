//! Between the hub and the processor: what may have happened is found out and never done again, and the cart
//! waits for nothing.

use std::time::Duration;

use serde_json::json;

use super::line::{FarEnd, Fault, Line, Strikes};
use super::{AMOUNT, Figures, Scene, alone};
use crate::processes::dice::Dice;
use crate::processes::http::send;
use crate::processes::world::{World, text};
use crate::processes::{eventually, now};
use crate::reliability::load::{Asked, Place, Story, shop_and_always_pay};

/// What is drawn for this place.
const PURPOSE: u64 = 0x0009_20CE;
/// How long a cart waits for its payment whatever the processor does: a commit, on a busy machine.
const CREATE_TIME_MAX: Duration = Duration::from_secs(5);
/// How long a shopper waits for a page that says that he has to wait.
const PAGE_TIME_MAX: Duration = Duration::from_secs(15);
/// A request and its answer are about a thousand bytes each, and connections are used again.
const STRIKES: Strikes = Strikes { bytes_max: (2_500, 2_500), lost_percent: 40 };

/// Every fault so many times, each time with another seed.
pub(super) fn prove(seed: u64, rounds: u64) -> Figures {
    let mut dice = Dice::new(seed ^ PURPOSE);
    let mut line = None;
    let line_seed = dice.next();
    let world = World::start_through("", |processor| {
        line.insert(Line::start(FarEnd::Port(processor), STRIKES, line_seed)).address
    });
    let mut scene = Scene::new(world, line.expect("the hub was led through it"));
    for round in 0..rounds {
        for fault in Fault::ALL {
            let name = format!("processor-{}-{round}", fault.name());
            let mut own: Vec<Story> = ["automatic", "automatic", "manual"]
                .into_iter()
                .enumerate()
                .map(|(number, capture)| pay(&scene, &format!("{name}-{number}"), capture))
                .collect();
            scene.row(&name, fault, &mut dice, |scene, place| {
                move_money(scene, &mut own);
                let created = creates(scene, &name);
                if fault.leads_nowhere() {
                    arrives(&created, &name);
                } else {
                    scene.get_on(place);
                }
                own.push(alone(created));
                own
            });
        }
    }
    scene.end()
}

/// A payment that is paid while the line is good.
fn pay(scene: &Scene, name: &str, capture: &str) -> Story {
    let own = scene.create(name, capture);
    let created = own.acknowledged.as_ref().expect("an answer").json();
    let place = Place::new(&[&scene.world.api], &scene.world.sandbox_url);
    shop_and_always_pay(&place, &text(&created, "checkout_url"));
    let path = format!("/v1/payment_intents/{}", text(&created, "id"));
    let paid = if capture == "manual" { "requires_capture" } else { "succeeded" };
    eventually(&format!("{name} is paid"), || (scene.world.api.show(&path)["status"] == paid).then_some(()));
    alone(own)
}

/// Money is to be given back or taken while the line is spoiled: all at once.
fn move_money(scene: &Scene, stories: &mut [Story]) {
    std::thread::scope(|scope| {
        for story in stories.iter_mut() {
            scope.spawn(move || {
                let id = text(&story.create.acknowledged.as_ref().expect("an answer").json(), "id");
                let key = format!("{}-move", story.create.key);
                if story.create.body["capture"] == "manual" {
                    let path = format!("/v1/payment_intents/{id}/capture");
                    story.captures.push(scene.ask(path, key, json!({})));
                } else {
                    let body = json!({ "payment_intent": id, "amount": AMOUNT / 2 });
                    story.refunds.push(scene.ask("/v1/refunds".to_owned(), key, body));
                }
            });
        }
    });
    let moved = stories.iter().flat_map(|story| story.captures.iter().chain(&story.refunds));
    for asked in moved {
        let answer = asked.acknowledged.as_ref().expect("an answer");
        assert!((200..300).contains(&answer.status), "{asked:?}");
    }
}

/// A cart gets its payment.
fn creates(scene: &Scene, name: &str) -> Asked {
    let began = now();
    let own = scene.create(name, "automatic");
    let answer = own.acknowledged.as_ref().expect("an answer");
    assert_eq!(answer.status, 201, "{name}: {}", answer.text());
    let took = now() - began;
    assert!(took <= CREATE_TIME_MAX, "{name}: the cart waited {} ms", took.as_millis());
    own
}

/// A shopper comes who cannot be led on, and is told so.
fn arrives(own: &Asked, name: &str) {
    let created = own.acknowledged.as_ref().expect("an answer").json();
    let began = now();
    let page = send("GET", &text(&created, "checkout_url"), &[], b"").expect("an answer");
    let took = now() - began;
    assert!([200, 503].contains(&page.status), "{name}: {} {}", page.status, page.text());
    assert!(took <= PAGE_TIME_MAX, "{name}: the shopper waited {} ms", took.as_millis());
}
