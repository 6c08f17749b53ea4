//! Between the hub and the processor: what may have happened is found out and never done again, and the cart
//! waits for nothing.

use std::time::Duration;

use super::line::{FarEnd, Fault, Line, Strikes};
use super::{Figures, Scene, alone};
use crate::processes::dice::Dice;
use crate::processes::http::send;
use crate::processes::now;
use crate::processes::world::{World, text};
use crate::reliability::load::Asked;

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
            scene.row(&name, fault, &mut dice, |scene, place| {
                let own = creates(scene, &name);
                if fault.leads_nowhere() {
                    arrives(&own, &name);
                } else {
                    scene.get_on(place);
                }
                Some(alone(own))
            });
        }
    }
    scene.end()
}

/// A cart gets its payment.
fn creates(scene: &Scene, name: &str) -> Asked {
    let began = now();
    let own = scene.create(name);
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
