//! Load, faults of the processor, SIGKILL at random moments, restart; then the books are compared.
//!
//! `HUB_SEED` brings the choices of a run back (not its timing), `HUB_KILLS` makes it longer.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::books;
use super::load::{Place, Story, come_back, play};
use crate::processes::dice::Dice;
use crate::processes::http::admin;
use crate::processes::world::{Kind, World};
use crate::processes::{look_until, now, setting};

/// Kills of one run, unless `HUB_KILLS` says otherwise.
const KILLS: usize = 12;
/// Shops that work at once.
const SHOPS: u64 = 12;
/// Longest life of a hub that gets nowhere, before it is killed all the same.
const LIFE_TIME_MAX: Duration = Duration::from_millis(1_500);

#[test]
fn a_hub_that_is_killed_again_and_again_keeps_its_books() {
    run(Kind::Serve, World::start(Kind::Serve));
}

#[test]
fn a_hub_on_a_server_that_is_killed_again_and_again_keeps_its_books() {
    run(Kind::Serve, World::start_on_server());
}

#[test]
fn a_demo_that_is_killed_again_and_again_keeps_its_books() {
    run(Kind::Demo, World::start(Kind::Demo));
}

fn run(kind: Kind, mut world: World) {
    let seed = Dice::seed();
    println!("{kind:?}: HUB_SEED={seed} brings the choices of this run back");
    let kills = setting("HUB_KILLS").map_or(KILLS, |text| text.parse().expect("HUB_KILLS is a number"));
    let started = now();
    let place = Place {
        api: world.api.clone(),
        sandbox_url: Mutex::new(world.sandbox_url.clone()),
        closing: AtomicBool::new(false),
        steps: AtomicUsize::new(0),
    };
    let stories: Vec<Story> = std::thread::scope(|scope| {
        let shops: Vec<_> = (0..SHOPS)
            .map(|shop| {
                scope.spawn({
                    let place = &place;
                    move || play(place, seed, shop)
                })
            })
            .collect();
        // A panic in here must end the shops too, or the scope waits for them for ever.
        let closing = Closing(&place.closing);
        let mut dice = Dice::new(seed);
        for _ in 0..kills {
            misbehave(kind, &world.sandbox_url, &mut dice);
            live_a_while(&place, &mut dice);
            world.kill_hub();
            restart(&mut world, &mut dice);
            *place.sandbox_url.lock().expect("an address") = world.sandbox_url.clone();
        }
        calm(&world.sandbox_url);
        drop(closing);
        shops.into_iter().flat_map(|shop| shop.join().expect("a shop's stories")).collect()
    });
    let load_ended = now();
    if kind == Kind::Serve {
        stories.iter().filter_map(|story| story.return_url.as_ref()).for_each(|url| come_back(&place, url));
    }
    books::compare(&world, &stories);
    println!(
        "{kind:?}: {} payments, {} steps, {kills} kills in {:.1} s; the books agreed {:.1} s later",
        stories.len(),
        place.steps.load(Ordering::SeqCst),
        (load_ended - started).as_secs_f32(),
        (now() - load_ended).as_secs_f32()
    );
}

struct Closing<'a>(&'a AtomicBool);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// Lets the hub answer for a while, then a little more, so that the kill falls anywhere within its work.
fn live_a_while(place: &Place, dice: &mut Dice) {
    let enough = place.steps.load(Ordering::SeqCst) + usize::try_from(dice.between(1, 60)).expect("a number");
    look_until(LIFE_TIME_MAX, || (place.steps.load(Ordering::SeqCst) >= enough).then_some(()));
    let until = now() + Duration::from_micros(dice.between(0, 20_000));
    while now() < until {
        std::thread::yield_now();
    }
}

/// Starts the hub again; sometimes it is killed before it serves.
fn restart(world: &mut World, dice: &mut Dice) {
    while dice.chance(25) {
        let mut stillborn = world.spawn_hub();
        let until = now() + Duration::from_micros(dice.between(0, 150_000));
        while now() < until {
            std::thread::yield_now();
        }
        stillborn.kill();
    }
    let ready = world.start_hub();
    if let Some(sandbox_url) = ready["sandbox_url"].as_str() {
        assert_eq!(sandbox_url, world.sandbox_url, "the demo comes back where it was");
    }
}

/// Gives the processor a bad day. None of these faults is a lie about money.
fn misbehave(kind: Kind, sandbox_url: &str, dice: &mut Dice) {
    admin(sandbox_url, "DELETE", "/admin/faults", &Value::Null);
    // The worst ones are those after which the money has moved and nobody has heard of it.
    let faults = [
        "drop_after",
        "drop_after",
        "error_after",
        "garbage",
        "stall",
        "drop_before",
        "error_before",
        "throttle",
    ];
    for (operation, rate_max) in [("open", 30), ("capture", 60), ("refund", 60), ("fetch", 25)] {
        if dice.chance(70) {
            let rule = json!({
                "operation": operation,
                "fault": dice.pick(&faults),
                "times": 0,
                "rate": dice.between(5, rate_max),
                "stall_ms": dice.between(50, 1_500),
            });
            admin(sandbox_url, "POST", "/admin/faults", &rule);
        }
    }
    if dice.chance(70) {
        let faults: &[_] = match kind {
            Kind::Demo => &["duplicate", "late", "out_of_order"],
            // Lost ones too: shoppers come back in the end, and for the rest the hub asks by itself.
            Kind::Serve => &["duplicate", "late", "out_of_order", "drop", "drop", "drop"],
        };
        let fault = dice.pick(faults);
        let rule =
            json!({ "operation": "webhook", "fault": fault, "times": 0, "rate": dice.between(20, 60) });
        admin(sandbox_url, "POST", "/admin/faults", &rule);
    }
}

/// Ends the bad day.
fn calm(sandbox_url: &str) {
    admin(sandbox_url, "DELETE", "/admin/faults", &Value::Null);
    admin(sandbox_url, "POST", "/admin/flush", &Value::Null);
}
