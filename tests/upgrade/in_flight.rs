//! Upgrades under load: shops work on while the hub is killed, its database is one of an older release, and a hub of
//! today is started on it; again and again. Some starts are killed too. In the end the books are compared.
//!
//! A run does `PROOF_ROUNDS` upgrades. On PostgreSQL two hubs are started at once on the older schema.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;
use std::time::Duration;

use private_postgres::Cluster;
use serde_json::json;
use tokio::runtime::Runtime;

use crate::processes::database::Database;
use crate::processes::dice::Dice;
use crate::processes::program::Program;
use crate::processes::world::{Beside, MERCHANTS_HERE, NO_LIMITS, World, text};
use crate::processes::{eventually, look_until, now};
use crate::reliability::Run;
use crate::reliability::books::{Books, compare, settle};
use crate::reliability::load::{Place, Story, come_back, play};
use crate::reliability::weather::{Webhooks, calm, struck, worsen};
use crate::support::receiver::Receiver;

/// Upgrades of a short run on a file, and on a server.
const UPGRADES: u64 = 3;
const UPGRADES_OF_SERVER: u64 = 2;
/// Upgrades between two calms.
const UPGRADES_UNTIL_CALM: u64 = 10;
/// Shops that work at once.
const SHOPS: u64 = 10;
/// How long a hub that gets nowhere lives.
const LIFE_TIME_MAX: Duration = Duration::from_millis(1_500);
const SETTLING_TIME_MAX: Duration = Duration::from_secs(60);
/// Of a hundred starts on an older schema, how many are killed within this time.
const STILLBORN_PERCENT: u64 = 30;
const STILLBORN_MICROS_MAX: u64 = 200_000;

/// What is under way at the moment of an upgrade.
const UNDER_WAY: &str = "
    SELECT 'open_pages', count(*) FROM payments WHERE status = 'requires_checkout'
    UNION ALL SELECT 'authorized', count(*) FROM payments WHERE status = 'requires_capture'
    UNION ALL SELECT 'unknown_outcomes', count(*) FROM payments WHERE state LIKE '%\"unknown\"%'
    UNION ALL SELECT 'unread_webhooks', count(*) FROM inbox WHERE state = 'received'
    UNION ALL SELECT 'owed_deliveries', count(*) FROM merchant_deliveries WHERE state <> 'delivered'
    UNION ALL SELECT 'jobs', count(*) FROM jobs
    UNION ALL SELECT 'stored_answers', count(*) FROM idempotency_keys";

#[test]
fn payments_in_flight_survive_upgrades_of_a_file() {
    let run = Run::begin("upgrade_sqlite", UPGRADES, 1);
    let shop = Merchant::start();
    let (world, _) = World::serve_with(&tables());
    let database = world.database();
    prove(&run, Upgraded { world, second: None, database, killed_starts: 0 }, &shop);
}

#[test]
fn payments_in_flight_survive_upgrades_of_a_server() {
    let run = Run::begin("upgrade_postgresql", UPGRADES_OF_SERVER, 1);
    let shop = Merchant::start();
    let (world, _) = World::serve_on_with(Some(Cluster::shared().database()), &tables());
    let second = world.prepare_beside("second", &[]);
    let program = second.start();
    let second = Some((second, program));
    let database = world.database();
    prove(&run, Upgraded { world, second, database, killed_starts: 0 }, &shop);
}

/// The config of a hub that may tell the merchant.
fn tables() -> String {
    format!("{NO_LIMITS}{MERCHANTS_HERE}")
}

/// Where the merchant hears of everything.
struct Merchant {
    runtime: Runtime,
    receiver: Receiver,
}

impl Merchant {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let receiver = runtime.block_on(Receiver::start());
        Self { runtime, receiver }
    }

    /// It has heard every event of every payment.
    fn has_heard_all(&self, world: &World) {
        let _runtime = self.runtime.enter();
        let told: BTreeSet<String> =
            world.api.list("/v1/events").iter().map(|event| text(event, "id")).collect();
        eventually("the merchant has heard of every event", || {
            let heard: BTreeSet<String> =
                self.receiver.received().iter().map(|one| text(&one.json(), "id")).collect();
            told.is_subset(&heard).then_some(())
        });
    }
}

/// One or two hubs on a database that is an older one again and again.
struct Upgraded {
    world: World,
    second: Option<(Beside, Program)>,
    database: Database,
    killed_starts: u64,
}

impl Upgraded {
    fn kill(&mut self) {
        self.world.kill_hub();
        if let Some((_, program)) = &mut self.second {
            program.kill();
        }
        self.database.end_sessions();
    }

    /// All of them at once. Some are killed while they are at it, and started again.
    fn start(&mut self, dice: &mut Dice) {
        while dice.chance(STILLBORN_PERCENT) {
            let mut starting = vec![self.world.spawn_hub()];
            starting.extend(self.second.iter().map(|(second, _)| second.spawn()));
            let until = now() + Duration::from_micros(dice.between(0, STILLBORN_MICROS_MAX));
            while now() < until {
                std::thread::yield_now();
            }
            starting.iter_mut().for_each(Program::kill);
            self.killed_starts += 1;
        }
        if let Some((second, program)) = &mut self.second {
            let other = second.spawn();
            self.world.start_hub();
            *program = other;
            second.ready(program);
        } else {
            self.world.start_hub();
        }
        let (_, newest) = self.database.oldest_and_newest();
        assert_eq!(self.database.version(), newest);
    }
}

fn prove(run: &Run, mut upgraded: Upgraded, merchant: &Merchant) {
    let mut dice = Dice::new(run.seed);
    let endpoint = json!({ "url": merchant.receiver.url, "event_types": [] });
    let made = upgraded.world.api.post("/v1/webhook_endpoints", "endpoint", &endpoint).expect("an answer");
    assert_eq!(made.status, 201, "{}", made.text());
    let (mut stories, mut under_way) = (Vec::new(), BTreeMap::new());
    let (mut done, mut calms, mut longest) = (0, 0_u64, Duration::ZERO);
    while done < run.rounds {
        let until = run.rounds.min(done + UPGRADES_UNTIL_CALM);
        busy_time(run, &mut upgraded, merchant, &mut dice, (done, until), &mut stories, &mut under_way);
        done = until;
        let books = Books { api: &upgraded.world.api, sandbox_url: &upgraded.world.sandbox_url };
        let settled = settle(&books, SETTLING_TIME_MAX);
        longest = longest.max(settled.unwrap_or_else(|open| panic!("calm {calms}: {open}")));
        compare(&books, &stories);
        merchant.has_heard_all(&upgraded.world);
        upgraded.world.verify();
        calms += 1;
    }
    let count = |of: usize| u64::try_from(of).expect("a count");
    let mut figures = vec![
        ("upgrades", done),
        ("killed_starts", upgraded.killed_starts),
        ("payments", count(stories.len())),
        ("faults", struck(&upgraded.world.sandbox_url)),
        ("longest_settling_ms", u64::try_from(longest.as_millis()).expect("a short time")),
    ];
    let names = ["open_pages", "unknown_outcomes", "owed_deliveries", "jobs", "stored_answers"];
    for name in names {
        assert!(under_way.get(name).is_some_and(|count| *count > 0), "no {name}, so that nothing was tested");
    }
    figures.extend(under_way.iter().map(|(name, count)| (name.as_str(), *count)));
    run.held(&figures);
}

/// Shops, faults and upgrades, from one number of them to another.
fn busy_time(
    run: &Run,
    upgraded: &mut Upgraded,
    merchant: &Merchant,
    dice: &mut Dice,
    (done, until): (u64, u64),
    stories: &mut Vec<Story>,
    under_way: &mut BTreeMap<String, u64>,
) {
    let hubs =
        [&upgraded.world.api].into_iter().chain(upgraded.second.as_ref().map(|(second, _)| &second.api));
    let place = Place::new(&hubs.collect::<Vec<_>>(), &upgraded.world.sandbox_url);
    // Its sessions are ended with their hubs.
    let mut since = Vec::new();
    std::thread::scope(|scope| {
        let shops: Vec<_> = (0..SHOPS)
            .map(|shop| {
                let seed = Dice::new(run.seed ^ (done * SHOPS + shop) << 32).next();
                let place = &place;
                scope.spawn(move || play(place, seed, &format!("story-{done}-{shop}")))
            })
            .collect();
        let closing = place.closing();
        for number in done..until {
            worsen(&upgraded.world.sandbox_url, Webhooks::MayBeLost, dice);
            let enough = place.steps.load(Ordering::SeqCst) + dice.between(20, 60);
            look_until(LIFE_TIME_MAX, || (place.steps.load(Ordering::SeqCst) >= enough).then_some(()));
            // So that something is owed to the merchant.
            merchant.receiver.hold();
            look_until(LIFE_TIME_MAX / 10, || None::<()>);
            upgraded.kill();
            for row in upgraded.database.rows(UNDER_WAY) {
                let (name, count) = row.split_once('|').expect("a name and a count");
                *under_way.entry(name.to_owned()).or_default() += count.parse::<u64>().expect("a count");
            }
            let (oldest, newest) = upgraded.database.oldest_and_newest();
            let any = dice.between(u64::from(oldest), u64::from(newest) - 1);
            let version = if number == 0 { oldest } else { u32::try_from(any).expect("a version") };
            upgraded.database.make_older(version);
            merchant.receiver.release();
            upgraded.start(dice);
        }
        calm(&upgraded.world.sandbox_url);
        drop(closing);
        since.extend(shops.into_iter().flat_map(|shop| shop.join().expect("a shop's stories")));
    });
    // What was late when the last shoppers paid, and shoppers whose webhook was lost.
    calm(&upgraded.world.sandbox_url);
    since.iter().filter_map(|story| story.return_url.as_ref()).for_each(|url| come_back(&place, url));
    stories.append(&mut since);
}
