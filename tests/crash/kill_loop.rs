//! Load, faults of the processor, SIGKILL at random moments, restart; at each calm the books are compared.
//!
//! A run does `PROOF_ROUNDS` kills. Its seed brings its choices back, not its timing: that is the machine's.

use std::sync::atomic::Ordering;
use std::time::Duration;

use super::victims::Victims;
use crate::processes::dice::Dice;
use crate::processes::world::Kind;
use crate::processes::{look_until, now};
use crate::reliability::Run;
use crate::reliability::books::{Books, compare, settle};
use crate::reliability::forger::{Forger, Signed};
use crate::reliability::load::{Place, Story, come_back, play};
use crate::reliability::weather::{Webhooks, calm, struck, worsen};

/// Kills of a short run.
const KILLS: u64 = 12;
/// Kills between two calms.
const KILLS_UNTIL_CALM: u64 = 25;
/// Shops that work at once.
const SHOPS: u64 = 12;
/// Longest life of a hub that gets nowhere, before it is killed all the same.
const LIFE_TIME_MAX: Duration = Duration::from_millis(1_500);
/// How long everything that is in doubt may take to settle once it is calm.
const SETTLING_TIME_MAX: Duration = Duration::from_secs(60);

#[test]
fn a_hub_that_is_killed_again_and_again_keeps_its_books() {
    prove(&Run::begin("kill_loop_sqlite", KILLS, 1), Victims::on_a_file(Kind::Serve));
}

#[test]
fn two_hubs_and_their_server_that_are_killed_again_and_again_keep_their_books() {
    prove(&Run::begin("kill_loop_postgresql", KILLS, 1), Victims::on_a_server());
}

#[test]
fn a_demo_that_is_killed_again_and_again_keeps_its_books() {
    prove(&Run::begin("kill_loop_demo", KILLS, 1), Victims::on_a_file(Kind::Demo));
}

fn prove(run: &Run, mut victims: Victims) {
    let mut dice = Dice::new(run.seed);
    let (mut stories, mut steps, mut faults) = (Vec::new(), 0, 0);
    let (mut calms, mut longest) = (0_u64, Duration::ZERO);
    while victims.kills < run.rounds {
        let mut place = Place::new(&victims.hubs(), &victims.world.sandbox_url);
        if victims.kind == Kind::Serve {
            let secret = |_: &str| crate::processes::world::SECRETS[1].1.to_owned();
            place.forger =
                Some(Forger::new(secret, &[Signed::Not, Signed::WithAnotherSecret, Signed::LongAgo]));
        }
        let until = run.rounds.min(victims.kills + KILLS_UNTIL_CALM);
        faults += rough_time(run, &place, &mut victims, &mut dice, until, calms, &mut stories);
        if victims.kind == Kind::Serve {
            let late = stories.iter().filter_map(|story| story.return_url.as_ref());
            late.for_each(|url| come_back(&place, url));
        }
        let books = Books { api: &victims.world.api, sandbox_url: &victims.world.sandbox_url };
        let settled = settle(&books, SETTLING_TIME_MAX);
        longest = longest.max(settled.unwrap_or_else(|open| panic!("calm {calms}: {open}")));
        for api in victims.hubs() {
            compare(&Books { api, ..books }, &stories);
        }
        victims.world.verify();
        steps += place.steps.load(Ordering::SeqCst);
        calms += 1;
    }
    let count = |of: usize| u64::try_from(of).expect("a count");
    run.held(&[
        ("kills", victims.kills),
        ("kills_of_postgresql", victims.kills_of_server),
        ("payments", count(stories.len())),
        ("steps", steps),
        ("faults", faults),
        ("calms", calms),
        ("longest_settling_ms", u64::try_from(longest.as_millis()).expect("a short time")),
    ]);
}

/// Shops, faults and kills until so many were killed, and then none of them; how many faults struck.
fn rough_time(
    run: &Run,
    place: &Place,
    victims: &mut Victims,
    dice: &mut Dice,
    kills: u64,
    number: u64,
    stories: &mut Vec<Story>,
) -> u64 {
    let webhooks = match victims.kind {
        Kind::Demo => Webhooks::Come,
        // Shoppers come back in the end, and for the rest the hub asks by itself.
        Kind::Serve => Webhooks::MayBeLost,
    };
    // A demo's processor dies with it, and begins to count anew.
    let is_fresh = number == 0 || victims.kind == Kind::Demo;
    let before = if is_fresh { 0 } else { struck(&victims.world.sandbox_url) };
    let mut faults = 0;
    std::thread::scope(|scope| {
        let shops: Vec<_> = (0..SHOPS)
            .map(|shop| {
                let seed = Dice::new(run.seed ^ (number * SHOPS + shop) << 32).next();
                scope.spawn(move || play(place, seed, &format!("story-{number}-{shop}")))
            })
            .collect();
        let closing = place.closing();
        while victims.kills < kills {
            worsen(&victims.world.sandbox_url, webhooks, dice);
            live_a_while(place, dice);
            if victims.kind == Kind::Demo {
                faults += struck(&victims.world.sandbox_url);
            }
            victims.kill_one(dice);
        }
        faults += struck(&victims.world.sandbox_url) - before;
        calm(&victims.world.sandbox_url);
        drop(closing);
        stories.extend(shops.into_iter().flat_map(|shop| shop.join().expect("a shop's stories")));
    });
    // What was late when the last shoppers paid.
    calm(&victims.world.sandbox_url);
    faults
}

/// Lets the hub answer for a while, then a little more, so that the kill falls anywhere within its work.
fn live_a_while(place: &Place, dice: &mut Dice) {
    let enough = place.steps.load(Ordering::SeqCst) + dice.between(1, 60);
    look_until(LIFE_TIME_MAX, || (place.steps.load(Ordering::SeqCst) >= enough).then_some(()));
    let until = now() + Duration::from_micros(dice.between(0, 20_000));
    while now() < until {
        std::thread::yield_now();
    }
}
