//! The bench: how much the hub takes on, beside what the same disk and the same server give without it.
//!
//! `cargo bench -p hub-tests` prints the tables; with `-- --readme` it also writes the figures into README.md.
//! Everything is measured side by side in one run, in turns, because a figure of one machine on one day says
//! little. Nothing is asserted about time. `-- --only webhooks` makes one table, `figures`, `payments` or
//! `webhooks`.
//!
//! `-- --plugin FILE FIXTURES`, as often as wanted, measures plugins instead: what each costs, and how many operations
//! a second go through it, alone and beside a plugin that spins.
//!
//! Three subjects write the same rows into the same schema, flushed to disk before each answer:
//! - the bare loop: one payment per commit, no HTTP, no checks;
//! - the bare server: HTTP in front of a writer that groups what waits into one commit, no checks;
//! - the hub: the real `payhub serve`, with all of its work.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a bench ends at the first thing that is not as expected and says what it saw"
)]

use std::time::Duration;

#[path = "../processes/mod.rs"]
#[expect(dead_code, reason = "the tools of the tests with real processes; the bench needs some of them")]
mod processes;

mod bare_server;
mod figures;
mod hub;
mod load;
mod plugins;
mod rows;
mod spinning;
mod table;

use hub::BenchedHub;
use table::Table;

/// How many requests are under way at once.
const CONCURRENCIES: [usize; 3] = [1, 16, 64];
/// How long each subject runs in each round, in seconds, unless `--seconds` says otherwise.
const SECONDS_DEFAULT: u64 = 3;
/// How often each subject has its turn, unless `--rounds` says otherwise; the table shows the middle one.
const ROUNDS_DEFAULT: usize = 3;

/// What the command line asks for.
struct Wanted {
    round: Duration,
    rounds: usize,
    readme: bool,
    /// The one table that is wanted; all of them without.
    only: Option<String>,
    /// Plugins to measure instead, each with its folder of fixtures.
    plugins: Vec<(String, String)>,
}

/// What there is to measure.
const TABLES: [&str; 3] = ["figures", "payments", "webhooks"];

impl Wanted {
    fn has(&self, table: &str) -> bool {
        self.only.as_deref().is_none_or(|only| only == table)
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [role, database, template] = arguments.as_slice()
        && role == bare_server::ROLE
    {
        bare_server::serve(database.as_ref(), template.as_ref());
        return;
    }
    let wanted = wanted(&arguments);
    if !wanted.plugins.is_empty() {
        println!("{}", plugins::table(&wanted.plugins));
        println!("{}", spinning::table(&wanted.plugins, wanted.round));
        return;
    }
    println!("building the release programs, if they are not there yet …");
    if wanted.has("figures") {
        let figures = figures::measure();
        println!("{}", figures.table());
        if wanted.readme {
            figures.write_into_readme();
            println!("README.md has the figures");
        }
    }
    let hub = BenchedHub::start();
    if wanted.has("payments") {
        println!("{}", payments(&hub, &wanted));
    }
    if wanted.has("webhooks") {
        println!("{}", webhooks(&hub, &wanted));
    }
}

fn wanted(arguments: &[String]) -> Wanted {
    let mut wanted = Wanted {
        round: Duration::from_secs(SECONDS_DEFAULT),
        rounds: ROUNDS_DEFAULT,
        readme: false,
        only: None,
        plugins: vec![],
    };
    let mut rest = arguments.iter();
    while let Some(argument) = rest.next() {
        if argument == "--only" {
            let table = rest.next().filter(|table| TABLES.contains(&table.as_str()));
            wanted.only = Some(table.unwrap_or_else(|| panic!("--only takes one of {TABLES:?}")).clone());
            continue;
        }
        if argument == "--plugin" {
            let mut text = || rest.next().cloned().expect("a file and a folder of fixtures follow");
            wanted.plugins.push((text(), text()));
            continue;
        }
        let mut number = || rest.next().and_then(|value| value.parse().ok()).expect("a number follows");
        match argument.as_str() {
            "--seconds" => wanted.round = Duration::from_secs(number()),
            "--rounds" => wanted.rounds = usize::try_from(number()).expect("a small number").max(1),
            "--readme" => wanted.readme = true,
            // What cargo itself adds.
            "--bench" => {}
            other => panic!(
                "unknown argument {other}; there are --seconds N, --rounds N, --readme, --only TABLE, \
                 --plugin FILE FIXTURES"
            ),
        }
    }
    wanted
}

/// Create-intents per second.
fn payments(hub: &BenchedHub, wanted: &Wanted) -> Table {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let rows = rows::Rows::of_payment(&hub.database(), &hub.first_payment());
    let bare = bare_server::BareServer::start(&folder.path().join("server"), &hub.database(), &rows);
    let mut table = Table::new(format!("Payments created per second ({} rows each)", rows.count()));
    for _ in 0..wanted.rounds {
        let bare_loop = rows::bare_loop(&folder.path().join("loop"), &hub.database(), &rows, wanted.round);
        table.add("bare loop", 1, bare_loop);
        for concurrency in CONCURRENCIES {
            table.add("bare server", concurrency, bare.load(concurrency, wanted.round));
            table.add("hub", concurrency, hub.create_payments(concurrency, wanted.round));
        }
    }
    table
}

/// Deliveries of a processor per second: acknowledged, which is after they were verified and are durable.
fn webhooks(hub: &BenchedHub, wanted: &Wanted) -> Table {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let deliveries = hub.open_sessions();
    let first = deliveries.send_first(hub);
    let rows = rows::Rows::of_delivery(&hub.database(), &first);
    let bare = bare_server::BareServer::start(&folder.path().join("server"), &hub.database(), &rows);
    let mut table = Table::new(format!("Webhooks taken per second ({} rows each)", rows.count()));
    for _ in 0..wanted.rounds {
        let bare_loop = rows::bare_loop(&folder.path().join("loop"), &hub.database(), &rows, wanted.round);
        table.add("bare loop", 1, bare_loop);
        for concurrency in CONCURRENCIES {
            table.add("bare server", concurrency, bare.load(concurrency, wanted.round));
            let (taken, read) = deliveries.send(hub, concurrency, wanted.round);
            table.add("hub", concurrency, taken);
            table.add("hub, until all are read", concurrency, read);
        }
    }
    table
}
