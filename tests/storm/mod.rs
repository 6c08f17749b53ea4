//! The fault storm: thousands of payments while three of ten requests to the processor and three of ten webhooks
//! go wrong, time flies, and somebody tells the hub lies. Then both ledgers are compared, payment by payment.
//!
//! The hub runs in this process with its real store, worker, front and connectors, because its clock must fly:
//! a retry that is five minutes away is due in seconds. A run does `PROOF_ROUNDS` payments, some hundred on each
//! hub.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::runtime::Runtime;

use crate::processes::dice::Dice;
use crate::processes::http::Api;
use crate::processes::pause;
use crate::reliability::Run;
use crate::reliability::books::{Books, compare, settle};
use crate::reliability::forger::{Forger, Signed};
use crate::reliability::load::{Place, Story, play};
use crate::reliability::weather::{Webhooks, calm, struck, worsen};
use crate::support::TestHub;
use crate::support::sandbox::Sandbox;

/// Payments of a short run.
const PAYMENTS: u64 = 120;
/// Payments on one hub.
const PAYMENTS_OF_A_HUB: u64 = 500;
/// Shops that work at once.
const SHOPS: u64 = 24;
/// Looks at the shops between two seconds of the hub's clock, and seconds between two kinds of weather.
const LOOKS_PER_SECOND: u64 = 4;
const WEATHER_S: u64 = 20;
/// How long settling may take while time flies.
const SETTLING_TIME_MAX: Duration = Duration::from_secs(60);

/// What was done.
#[derive(Default)]
struct Totals {
    payments: u64,
    steps: u64,
    faults: u64,
    forgeries: u64,
}

#[test]
fn both_ledgers_agree_after_a_storm() {
    let run = Run::begin("fault_storm", PAYMENTS, 1);
    let mut totals = Totals::default();
    let mut hubs = 0_u64;
    while totals.payments < run.rounds {
        let payments = PAYMENTS_OF_A_HUB.min(run.rounds - totals.payments);
        println!("hub {hubs}: {payments} payments");
        let seed = Dice::new(run.seed ^ (hubs << 32)).next();
        storm(seed, payments, &mut totals);
        hubs += 1;
    }
    run.held(&[
        ("payments", totals.payments),
        ("steps", totals.steps),
        ("faults", totals.faults),
        ("forgeries", totals.forgeries),
        ("hubs", hubs),
        ("divergences", 0),
    ]);
}

fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

fn api(hub: &TestHub) -> Api {
    Api { base_url: hub.base_url.clone(), key: hub.cart.api_key.clone() }
}

/// So many payments on a hub of their own.
fn storm(seed: u64, payments: u64, totals: &mut Totals) {
    let runtime = runtime();
    let hub = runtime.block_on(TestHub::builder().connectors(2).start());
    let (api, sandbox_url) = (api(&hub), hub.sandbox.base_url.clone());
    let mut place = Place::new(&[&api], &sandbox_url);
    place.stories_left.store(payments, Ordering::SeqCst);
    let ways = [Signed::Not, Signed::WithAnotherSecret, Signed::LongAgo];
    place.forger = Some(Forger::new(Sandbox::webhook_secret, &ways));
    let stories = shop(&runtime, &hub, &place, seed, true);
    calm(&sandbox_url);
    settled(&runtime, &hub, SETTLING_TIME_MAX).unwrap_or_else(|open| panic!("{open}"));
    compare(&Books { api: &api, sandbox_url: &sandbox_url }, &stories);
    totals.payments += u64::try_from(stories.len()).expect("a count");
    totals.steps += place.steps.load(Ordering::SeqCst);
    totals.faults += struck(&sandbox_url);
    totals.forgeries += place.forger.iter().map(|forger| forger.refused.load(Ordering::SeqCst)).sum::<u64>();
    // Every journal balances, every history folds to its state, and nothing is overdue.
    runtime.block_on(hub.finish());
}

/// Settles while time flies.
fn settled(runtime: &Runtime, hub: &TestHub, time_max: Duration) -> Result<Duration, String> {
    let (api, sandbox_url) = (api(hub), hub.sandbox.base_url.clone());
    let settling =
        runtime.spawn_blocking(move || settle(&Books { api: &api, sandbox_url: &sandbox_url }, time_max));
    runtime.block_on(hub.fast(settling)).expect("nobody panics while settling")
}

/// Has shops work until they have had all their stories, while time passes quickly in
/// bad weather.
fn shop(runtime: &Runtime, hub: &TestHub, place: &Place, seed: u64, in_bad_weather: bool) -> Vec<Story> {
    let mut dice = Dice::new(seed);
    std::thread::scope(|scope| {
        let shops: Vec<_> = (0..SHOPS)
            .map(|shop| {
                let seed = dice.next();
                scope.spawn(move || play(place, seed, &format!("story-{shop}")))
            })
            .collect();
        let mut looks = 0_u64;
        while !shops.iter().all(std::thread::ScopedJoinHandle::is_finished) {
            if in_bad_weather && looks.is_multiple_of(LOOKS_PER_SECOND * WEATHER_S) {
                worsen(&hub.sandbox.base_url, Webhooks::MayBeLost, &mut dice);
            }
            if in_bad_weather && looks.is_multiple_of(LOOKS_PER_SECOND) {
                runtime.block_on(hub.jump(1));
            }
            looks += 1;
            pause();
        }
        shops.into_iter().flat_map(|shop| shop.join().expect("a shop's stories")).collect()
    })
}

/// That the comparison finds money that the processor does not have: the lies are well signed for once, as by
/// somebody who knows the secret, and the weather is fine.
#[test]
fn a_lie_that_is_believed_shows_in_the_ledgers() {
    let runtime = runtime();
    let hub = runtime.block_on(TestHub::builder().connectors(2).start());
    let mut place = Place::new(&[&api(&hub)], &hub.sandbox.base_url);
    place.stories_left.store(60, Ordering::SeqCst);
    place.forger = Some(Forger::new(Sandbox::webhook_secret, &[Signed::Well]));
    shop(&runtime, &hub, &place, 1, false);
    let believed = place.forger.iter().map(|forger| forger.believed.load(Ordering::SeqCst)).sum::<u64>();
    assert!(believed > 5, "{believed} lies are too few");
    let open = settled(&runtime, &hub, Duration::from_secs(3)).expect_err("the ledgers cannot agree");
    assert!(open.contains("in doubt of 60 payments") && open.contains("\"status\":\"succeeded\""), "{open}");
    runtime.block_on(hub.finish_at_once());
}
