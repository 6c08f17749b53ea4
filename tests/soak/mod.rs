//! The soak: the real hub under a steady load of about half of what it can do here, with a few faults, for as many
//! seconds as `PROOF_ROUNDS` says. What must not grow with time is looked at all the while: memory, open files,
//! threads, the age of the oldest due job, what waits unread, the write-ahead log. What must grow, grows with the
//! payments and no faster.
//!
//! Nothing is asserted about speed: the rate is measured first, and the verdict compares the last third with the
//! first one after the warm-up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use private_postgres::Cluster;
use serde_json::{Value, json};
use tokio::runtime::Runtime;

use self::samples::{Hub, Moment, Tables};
use self::verdict::{Tolerance, ends, flat, linear};
use crate::processes::database::Database;
use crate::processes::dice::Dice;
use crate::processes::http::admin;
use crate::processes::world::{MERCHANTS_HERE, NO_LIMITS, World};
use crate::processes::{eventually, look_until, now};
use crate::reliability::Run;
use crate::reliability::load::{Place, play_and_forget};
use crate::reliability::weather::{Webhooks, calm, struck, worsen_at};

mod samples;
mod verdict;

/// Seconds of a short run.
const SECONDS: u64 = 6;
/// Shops that work at once: more than keep the hub busy.
const SHOPS: u64 = 24;
/// Of a hundred requests and webhooks, how many go wrong.
const FAULTS_PERCENT: u64 = 4;
/// The part of the time in which the highest rate is measured, and the part after that which warms up: one in so many.
const MEASURING_PART: u32 = 8;
const WARMING_PART: u32 = 8;
/// Longest time of each.
const MEASURING_TIME_MAX: Duration = Duration::from_secs(30);
const WARMING_TIME_MAX: Duration = Duration::from_secs(240);
/// How often to look at least: so many times in all, and so often; and how long a weather lasts.
const LOOKS: u32 = 60;
const LOOK_EVERY_MAX: Duration = Duration::from_secs(1);
const WEATHER_TIME: Duration = Duration::from_secs(20);
/// Looks that make a verdict.
const LOOKS_LEAST: usize = 12;
/// How fast stories begin at the most, in a second: what an hour leaves on the disk has to fit there.
const STORIES_PER_S_MAX: u64 = 100;
/// How long everything may take to settle in the end.
const SETTLING_TIME_MAX: Duration = Duration::from_secs(90);

/// What may grow and by how much: of a hundred, or this many at least. What the machine does beside this makes waits
/// and crowds of some seconds; what grows for half an hour is far beyond.
const MEMORY: Tolerance = Tolerance { percent: 15, least: 24 * 1_024 };
const HANDLES: Tolerance = Tolerance { percent: 10, least: 48 };
const THREADS: Tolerance = Tolerance { percent: 10, least: 24 };
const OLDEST_JOB_MS: Tolerance = Tolerance { percent: 50, least: 5_000 };
const WAITING: Tolerance = Tolerance { percent: 50, least: 200 };
/// The hub moves its log after 4,000 pages of 4 KiB; one that is being read meanwhile may grow beyond.
const LOG_BYTES: Tolerance = Tolerance { percent: 50, least: 64 * 1_024 * 1_024 };
/// Rows of a table for each payment: the last third beside the first, of a hundred.
const GROWTH_PERCENT: u64 = 30;
/// With fewer payments in a third, a few long stories decide how many rows each has; and so few rows are no growth.
const PAYMENTS_LEAST: u64 = 200;
const ROWS_LEAST: u64 = 100;

/// A merchant who takes every event and forgets it.
struct Merchant {
    url: String,
    _runtime: Runtime,
}

impl Merchant {
    fn start() -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).expect("a free port");
        let url = format!("http://{}/hooks", listener.local_addr().expect("an address"));
        let router = axum::Router::new().fallback(async |_: axum::body::Bytes| "");
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { url, _runtime: runtime }
    }

    /// A hub on a file or on a server's database that tells it everything.
    fn served(&self, database: Option<String>) -> World {
        let (world, _) = World::serve_on_with(database, &format!("{NO_LIMITS}{MERCHANTS_HERE}"));
        let endpoint = json!({ "url": self.url, "event_types": [] });
        let made = world.api.post("/v1/webhook_endpoints", "endpoint", &endpoint).expect("an answer");
        assert_eq!(made.status, 201, "{}", made.text());
        world
    }
}

#[test]
fn a_hub_on_a_file_stays_as_it_is_for_as_long_as_it_works() {
    let run = Run::begin("soak", SECONDS, 1);
    let merchant = Merchant::start();
    prove(&run, &merchant.served(None));
}

#[test]
fn a_hub_on_a_server_stays_as_it_is_for_as_long_as_it_works() {
    let run = Run::begin("soak_postgresql", SECONDS, 1);
    let merchant = Merchant::start();
    prove(&run, &merchant.served(Some(Cluster::shared().database())));
}

fn prove(run: &Run, world: &World) {
    let hub = Hub { process: world.hub.as_ref().expect("the hub runs").id(), database: world.database() };
    let place = Place::new(&[&world.api], &world.sandbox_url);
    let seconds = Duration::from_secs(run.rounds);
    let mut dice = Dice::new(run.seed);
    let begun = AtomicU64::new(0);
    let soaked = std::thread::scope(|scope| {
        for shop in 0..SHOPS {
            let (seed, place, begun) = (dice.next(), &place, &begun);
            scope.spawn(move || play_and_forget(place, seed, &format!("story-{shop}"), begun));
        }
        let _closing = place.closing();
        soak(&hub, world, &place, seconds, &begun, &mut dice)
    });
    calm(&world.sandbox_url);
    everything_settles(&hub, &world.sandbox_url);
    judge(&soaked, matches!(hub.database, Database::File(_)));
    world.verify();
    tell(run, &soaked, struck(&world.sandbox_url));
}

/// What was seen.
struct Soaked {
    stories_per_s: u64,
    moments: Vec<Moment>,
    /// At the ends of each third after the warm-up.
    tables: Vec<Tables>,
}

fn soak(
    hub: &Hub,
    world: &World,
    place: &Place,
    seconds: Duration,
    begun: &AtomicU64,
    dice: &mut Dice,
) -> Soaked {
    let began = now();
    let measuring = (seconds / MEASURING_PART).min(MEASURING_TIME_MAX);
    wait_until(began + measuring);
    let count = u128::from(begun.load(Ordering::SeqCst));
    let per_s = u64::try_from(count * 1_000 / measuring.as_millis().max(1)).expect("a rate");
    let stories_per_s = (per_s / 2).clamp(1, STORIES_PER_S_MAX);
    let between = Duration::from_secs(1) / u32::try_from(stories_per_s).expect("a rate");
    println!("{per_s} stories a second at the most; now {stories_per_s}");
    *place.pace.lock().expect("no panic while held") = Some((now(), between));
    let warm = began + measuring + (seconds / WARMING_PART).min(WARMING_TIME_MAX);
    let end = began + seconds;
    let (mut moments, mut tables) = (Vec::new(), Vec::new());
    let (third, every) = ((end - warm) / 3, ((end - warm) / LOOKS).min(LOOK_EVERY_MAX));
    let mut weather_until = began;
    let mut next = warm.min(now());
    // A machine that is too busy to be looked at as often as that is looked at for longer.
    while now() < end || moments.len() < LOOKS_LEAST {
        if now() >= weather_until {
            worsen_at(FAULTS_PERCENT, &world.sandbox_url, Webhooks::Come, dice);
            weather_until = now() + WEATHER_TIME;
        }
        if now() >= warm {
            let thirds = u32::try_from(tables.len()).expect("a few");
            if thirds < 3 && now() >= warm + third * thirds {
                tables.push(hub.tables());
            }
            moments.push(hub.moment());
        }
        next += every;
        wait_until(next);
    }
    tables.push(hub.tables());
    Soaked { stories_per_s, moments, tables }
}

fn wait_until(moment: Instant) {
    let left = moment.saturating_duration_since(now());
    look_until(left, || (now() >= moment).then_some(()));
}

/// Everything in doubt settles, what the processor has booked is what the hub says, and no work is left over.
fn everything_settles(hub: &Hub, sandbox_url: &str) {
    let mut open = String::new();
    let settled = look_until(SETTLING_TIME_MAX, || {
        open = hub.unsettled()?;
        open.is_empty().then_some(())
    });
    assert!(settled.is_some(), "not settled: {open}");
    eventually("both ledgers agree", || {
        let totals = admin(sandbox_url, "GET", "/admin/ledger", &Value::Null)["totals"].clone();
        let money = hub.money();
        ((totals["charged"].as_u64(), totals["refunded"].as_u64()) == (Some(money.0), Some(money.1)))
            .then_some(())
    });
    let (jobs, unfinished) = hub.jobs_and_unfinished();
    assert!(jobs <= unfinished, "{jobs} jobs for {unfinished} things that are not finished");
}

fn judge(soaked: &Soaked, is_file: bool) {
    let of = |take: fn(&Moment) -> u64| soaked.moments.iter().map(take).collect::<Vec<_>>();
    let mut wrong = Vec::new();
    for (what, series, tolerance) in [
        ("kB of memory", of(|moment| moment.memory_kb), MEMORY),
        ("open files", of(|moment| moment.handles), HANDLES),
        ("threads", of(|moment| moment.threads), THREADS),
        ("ms of the oldest due job", of(|moment| moment.oldest_job_ms), OLDEST_JOB_MS),
        ("jobs that are due", of(|moment| moment.jobs_due), WAITING),
        ("jobs that are held", of(|moment| moment.jobs_held), WAITING),
        ("unread webhooks", of(|moment| moment.unread), WAITING),
        ("bytes of the log", of(|moment| moment.log_bytes), LOG_BYTES),
    ] {
        let (first, last) = ends(&series);
        println!("{what}: {first} in the first third, {last} in the last");
        wrong.extend(flat(&series, tolerance).err().map(|why| format!("{what}: {why}")));
    }
    let [first, .., before, last] = &soaked.tables[..] else { panic!("too short to look twice") };
    let second = &soaked.tables[1];
    assert!(is_file == (last.bytes > 0));
    for (table, rows) in &last.rows {
        let grown = |from: &Tables, to: &Tables| {
            let rows = |tables: &Tables| tables.rows.get(table).copied().unwrap_or(0);
            (rows(to).saturating_sub(rows(from)), to.payments() - from.payments())
        };
        let (early, late) = (grown(first, second), grown(before, last));
        println!("{table}: {rows} rows; {early:?} in the first third, {late:?} in the last");
        if early.0.max(late.0) >= ROWS_LEAST && early.1.min(late.1) >= PAYMENTS_LEAST {
            wrong.extend(linear(early, late, GROWTH_PERCENT).err().map(|why| format!("{table}: {why}")));
        }
    }
    assert!(wrong.is_empty(), "it grows:\n{}\n{:?}", wrong.join("\n"), soaked.moments);
}

fn tell(run: &Run, soaked: &Soaked, faults: u64) {
    let end = |take: fn(&Moment) -> u64| ends(&soaked.moments.iter().map(take).collect::<Vec<_>>());
    let longest = |take: fn(&Moment) -> u64| soaked.moments.iter().map(take).max().unwrap_or(0);
    let (memory, handles) = (end(|moment| moment.memory_kb), end(|moment| moment.handles));
    let payments = soaked.tables.last().map_or(0, Tables::payments);
    let bytes = soaked.tables.last().map_or(0, |tables| tables.bytes);
    run.held(&[
        ("seconds_of_load", run.rounds),
        ("payments", payments),
        ("faults", faults),
        ("longest_pace_stories_per_s", soaked.stories_per_s),
        ("longest_first_memory_kb", memory.0),
        ("longest_last_memory_kb", memory.1),
        ("longest_first_handles", handles.0),
        ("longest_last_handles", handles.1),
        ("longest_oldest_due_job_ms", longest(|moment| moment.oldest_job_ms)),
        ("longest_log_bytes", longest(|moment| moment.log_bytes)),
        ("longest_bytes_per_payment", bytes / payments.max(1)),
    ]);
}
