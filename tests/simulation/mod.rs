//! Deterministic simulation: whole hubs on a simulated clock, network and store, a seed at a time.
//!
//! Everything of the hub is real: front, service, core, worker, connectors, adapters, queries and schema. So is
//! the processor, which has books of its own. Around them time, randomness, messages and machines are made up
//! on one thread, so that a seed decides everything: two replicas on one database that crash and come back, lines that
//! are cut, answers that are lost on the way, a processor with bad days, carts and shoppers who ask twice.
//! Then calm comes, days pass, and everything that was promised is compared with what is there.
//!
//! Invariant: the same seed gives the same hash over every message, commit and time.

mod calls;
mod database;
mod merchant;
mod network;
mod outages;
mod processor;
mod replica;
mod shop;
mod timeline;
mod trouble;
mod verdict;
mod world;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, OnceLock};

use hub_core::policy::Policies;
use serde_json::json;

use database::Server;
use merchant::Merchant;
use network::Link;
use outages::Away;
use processor::Processor;
use replica::{Cluster, Neighborhood, Replica};
use shop::Shop;
use timeline::{DAY, MS, SECOND, run, within};
use trouble::Trouble;
use world::{Mistake, Outcome, World};

use crate::processes::dice::Dice;
use crate::reliability::Run;

/// Longest simulation.
const ALL_US_MAX: i64 = 120 * DAY;
/// Looks at what is left to do before it is said that there is no end to it.
const LOOKS_MAX: u32 = 2_000;
/// Between two looks.
const LOOK_US: i64 = 20 * SECOND;
/// After that nothing is left at the processor that time alone would change.
const LAPSE_US: i64 = 8 * DAY;

thread_local! {
    static PANICS: Cell<u64> = const { Cell::new(0) };
}

/// Counts panics of this thread: those of a job would otherwise be taken for a crash.
fn count_panics() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let usual = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            PANICS.with(|panics| panics.set(panics.get() + 1));
            usual(panic);
        }));
    });
}

/// Lives one seed from beginning to end.
fn simulate(seed: u64) -> Outcome {
    simulate_with(seed, None)
}

/// What a life is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Course {
    /// Whatever the seed has in store.
    Anything,
    /// Good weather, and an hour without somebody.
    Without(Away),
}

/// The same where something makes a mistake on purpose.
fn simulate_with(seed: u64, mistake: Option<Mistake>) -> Outcome {
    simulate_course(seed, mistake, Course::Anything)
}

fn simulate_course(seed: u64, mistake: Option<Mistake>, course: Course) -> Outcome {
    count_panics();
    let panics = PANICS.with(Cell::get);
    let world = World::new(seed, mistake);
    run(&world.timeline, async {
        if within(&world.timeline, ALL_US_MAX, live(&world, course)).await.is_none() {
            world.wrong("there is no end to it".to_owned());
        }
    });
    world.check(PANICS.with(Cell::get) == panics, || "something has panicked".to_owned());
    let hours = world.timeline.passed_us() / timeline::HOUR;
    world.count_many("simulated_hours", u64::try_from(hours).unwrap_or(0));
    world.ended()
}

async fn live(world: &Arc<World>, course: Course) {
    let mut dice = world.dice("what there is");
    let around = Arc::new(Neighborhood {
        world: Arc::clone(world),
        database: Server::start(world),
        processor: Processor::start(world),
        merchant: Merchant::start(world),
        connectors: if dice.chance(40) { 2 } else { 1 },
        policies: Policies::default(),
    });
    let skew_us_max = *dice.pick(&[0, 2 * SECOND, 2 * SECOND, 30 * SECOND]);
    let skews = [0; 2].map(|_| network::micros(&mut dice, 0, 2 * skew_us_max) - skew_us_max);
    let replicas = vec![Replica::new(&around, "north", skews[0]), Replica::new(&around, "south", skews[1])];
    let cluster = Cluster::new(world, replicas);
    around.processor.sends_to(&cluster);
    for replica in &cluster.replicas {
        replica.start();
    }
    let hub = loop {
        match cluster.replicas[0].hub() {
            Some(hub) => break hub,
            None => world.timeline.sleep(10 * MS).await,
        }
    };
    let key = hub.create_api_key("shop", false).await.expect("an API key");
    drop(hub);
    let shop = Arc::new(Shop {
        world: Arc::clone(world),
        cluster: Arc::clone(&cluster),
        processor: Arc::clone(&around.processor),
        cart_link: Link::new(world, "cart to hub"),
        browser_link: Link::new(world, "browser"),
        key: key.reveal().to_owned(),
        promises: Mutex::default(),
        span_us: match course {
            Course::Anything => shop::SPAN_US,
            Course::Without(_) => outages::SPAN_US,
        },
    });
    register(&shop, &around.merchant, &mut dice).await;
    let trouble = Arc::new(Trouble {
        around: Arc::clone(&around),
        cluster: Arc::clone(&cluster),
        shop: Arc::clone(&shop),
    });
    let mut lives = tokio::task::JoinSet::new();
    let payments = match course {
        Course::Anything => {
            lives.spawn(async move { trouble.happen().await });
            dice.between(2, 8)
        }
        Course::Without(away) => {
            let (around, cluster) = (Arc::clone(&around), Arc::clone(&cluster));
            lives.spawn(async move { outages::happen(&around, &cluster, away).await });
            outages::PAYMENTS
        }
    };
    for number in 0..payments {
        lives.spawn(Arc::clone(&shop).live(number));
    }
    while let Some(ended) = lives.join_next().await {
        if let Err(error) = ended {
            world.wrong(format!("a life was broken off: {error}"));
        }
    }
    let replica = &cluster.replicas[0];
    come_to_rest(world, replica).await;
    world.timeline.jump_to(world.timeline.now_us() + LAPSE_US);
    come_to_rest(world, replica).await;
    let hub = replica.hub().expect("it runs when all is calm");
    verdict::judge(world, &hub, &shop, (&around.database, &around.merchant)).await;
}

/// The merchant registers its endpoint.
async fn register(shop: &Shop, merchant: &Merchant, dice: &mut Dice) {
    let body = json!({ "url": merchant::URL });
    let reply = shop.command(dice, "/v1/webhook_endpoints", "endpoint", &body).await;
    merchant.knows(reply.json()["secret"].as_str().expect("a secret"));
}

/// Lets time pass until nothing is left to do; where nothing is to do for long, it passes at once.
async fn come_to_rest(world: &Arc<World>, replica: &Arc<Replica>) {
    for _ in 0..LOOKS_MAX {
        world.timeline.sleep(LOOK_US).await;
        let Some(hub) = replica.hub() else { continue };
        let figures = hub.store.figures(hub.clock.now()).await.expect("calm");
        if figures.jobs_due > 0 || figures.jobs_held > 0 {
            continue;
        }
        let Some(due_at) = figures.next_due_at else { return };
        world.timeline.jump_to(due_at.as_micros() - LOOK_US);
    }
    world.wrong("work is never over".to_owned());
}

/// Seeds that the short form lives through.
const SEEDS_SHORT: u64 = 10;
const SEED_SHORT: u64 = 1;

#[test]
fn nothing_is_lost_in_any_simulated_world() {
    let run = Run::begin("simulation", SEEDS_SHORT, SEED_SHORT);
    let mut figures: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in run.seed..run.seed.saturating_add(run.rounds) {
        let outcome = simulate(seed);
        let again =
            "cargo test -p hub-tests --test hub -- nothing_is_lost_in_any_simulated_world --nocapture";
        assert!(
            outcome.wrongs.is_empty(),
            "seed {seed}, hash {}: {}\nbring it back: PROOF_SEED={seed} PROOF_ROUNDS=1 {again}",
            outcome.hash,
            outcome.wrongs.join("\n"),
        );
        for (name, count) in outcome.counts {
            *figures.entry(name).or_default() += count;
        }
    }
    figures.insert("seeds", run.rounds);
    let figures: Vec<_> = figures.into_iter().collect();
    run.held(&figures);
}

#[test]
fn the_same_seed_is_the_same_world() {
    for seed in [3, 5] {
        let (first, second) = (simulate(seed), simulate(seed));
        assert_eq!(first, second, "seed {seed}");
    }
    assert_ne!(simulate(3).hash, simulate(5).hash);
}

/// Seeds that a mistake may live through unnoticed.
const SEEDS_UNNOTICED_MAX: u64 = 40;

#[test]
fn mistakes_on_purpose_are_noticed() {
    for mistake in [
        Mistake::AnswersWithoutWriting,
        Mistake::WritesWithoutGuards,
        Mistake::CommitsWithoutMarks,
        Mistake::TakesDoubtForRefusal,
        Mistake::SendsWithoutKeys,
        Mistake::TakesRefusalForDelivery,
    ] {
        let noticed = (1..=SEEDS_UNNOTICED_MAX).find_map(|seed| {
            let outcome = simulate_with(seed, Some(mistake));
            outcome.wrongs.first().map(|wrong| (seed, wrong.chars().take(160).collect::<String>()))
        });
        let (seed, wrong) = noticed.unwrap_or_else(|| panic!("nobody noticed {mistake:?}"));
        println!("{mistake:?} was noticed by seed {seed}: {wrong}");
    }
}
