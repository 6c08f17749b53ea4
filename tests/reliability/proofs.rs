//! The proofs: what each does, how it is started, how much of it one run does, and how much is enough.

/// How a proof is started. `PROOF_ROUNDS`, `PROOF_SEED` and `PROOF_FIGURES` tell it the rest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A test of this package, by its whole name.
    Test(&'static str),
    /// A test of another package.
    TestOf {
        /// The package.
        package: &'static str,
        /// The program of its tests.
        target: &'static str,
        /// The test's whole name.
        name: &'static str,
    },
    /// A program, by its path from the top of the source tree.
    Program(&'static str),
}

/// One proof.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// As its lines of figures call it.
    pub name: &'static str,
    /// What it does, in a sentence.
    pub does: &'static str,
    /// How it is started.
    pub start: Start,
    /// Rounds of one run: some minutes.
    pub rounds: u64,
    /// The figures that must be reached, each in sum over all runs.
    pub bar: &'static [(&'static str, u64)],
}

/// What each of the races must have been run.
const RACES: &[(&str, u64)] = &[
    ("rounds_of_one_key", 1_000),
    ("rounds_of_refunds", 1_000),
    ("rounds_of_capture_and_cancel", 1_000),
    ("rounds_of_webhook_and_return", 1_000),
    ("rounds_of_two_attempts", 1_000),
];

/// Every proof, in the order in which they are told of.
pub const PROOFS: &[Proof] = &[
    Proof {
        name: "hard_cases_postgresql",
        does: "The named hard cases, which the test command runs with hubs on a file, with hubs on PostgreSQL. \
               `cargo run -q -p hub-tests --bin hard-cases` lists them.",
        start: Start::Test("hard_cases::on_a_server::every_hard_case_holds_on_postgresql"),
        rounds: 1,
        bar: &[("cases", 100)],
    },
    Proof {
        name: "kill_loop_sqlite",
        does: "Shops work against a hub on a file, three of ten answers of the processor go wrong, and the hub is \
               killed (SIGKILL) at random moments. At each calm everything in doubt settles within a minute, and \
               the hub's answers are compared with the processor's ledger.",
        start: Start::Test("crash::kill_loop::a_hub_that_is_killed_again_and_again_keeps_its_books"),
        rounds: 100,
        bar: &[("kills", 1_000)],
    },
    Proof {
        name: "kill_loop_postgresql",
        does: "The same with two hubs on one PostgreSQL database, where either hub or PostgreSQL itself is killed.",
        start: Start::Test(
            "crash::kill_loop::two_hubs_and_their_server_that_are_killed_again_and_again_keep_their_books",
        ),
        rounds: 50,
        bar: &[("kills", 300)],
    },
    Proof {
        name: "fault_storm",
        does: "Payments, captures, cancels and partial refunds while three of ten requests and webhooks go wrong, \
               come twice, late, out of order or never, and somebody forges webhooks. Then both ledgers are \
               compared, payment by payment.",
        start: Start::Test("storm::both_ledgers_agree_after_a_storm"),
        rounds: 4_000,
        bar: &[("payments", 100_000)],
    },
    Proof {
        name: "simulation",
        does: "The core, the worker and the connectors on a simulated clock, network and store: two hubs, crashes, \
               partitions. A seed brings a life back bit for bit.",
        start: Start::Test("simulation::nothing_is_lost_in_any_simulated_world"),
        rounds: 1_000,
        bar: &[("seeds", 10_000)],
    },
    Proof {
        name: "model",
        does: "Random lives of payments in the core alone: shoppers, carts, operators, refunds and disputes made at \
               the processor, wrong amounts, lost, late and doubled answers and webhooks. After each command a small \
               model of the rules that shares no code with the core says whether it was right; in the end the core \
               agrees with the processor to the last cent, or shows the difference.",
        start: Start::TestOf {
            package: "hub-core",
            target: "model",
            name: "proof::the_core_agrees_with_a_second_opinion",
        },
        rounds: 20_000,
        bar: &[("sequences", 100_000)],
    },
    Proof {
        name: "races_sqlite",
        does: "One idempotency key from 64 clients; refunds of more than there is; capture against cancel; webhook \
               against return; two attempts that are both paid: at once, on a hub on a file.",
        start: Start::Test("races::races_on_a_file"),
        rounds: 100,
        bar: RACES,
    },
    Proof {
        name: "races_postgresql",
        does: "The same races on a hub on PostgreSQL.",
        start: Start::Test("races::races_on_a_server"),
        rounds: 100,
        bar: RACES,
    },
    Proof {
        name: "races_two_hubs",
        does: "The same races on two hubs on one PostgreSQL database.",
        start: Start::Test("races::races_of_two_hubs"),
        rounds: 100,
        bar: RACES,
    },
    Proof {
        name: "network_faults",
        does: "Late, trickling, refused, swallowed, broken in the middle, half open, closed slowly: each on the lines to \
               PostgreSQL, to the processor and to the merchant's endpoints while shops are at work. Afterwards \
               everything settles, both ledgers agree, and every event is delivered.",
        start: Start::Test("network::faults_on_any_line_lose_nothing"),
        rounds: 5,
        bar: &[("rounds", 20)],
    },
    Proof {
        name: "hour_without_processor",
        does: "In the simulation the processor is away for an hour while shops go on: nothing is lost, and meanwhile no \
               queue grows but by what is new in it.",
        start: Start::Test("simulation::outages::an_hour_without_the_processor_loses_nothing"),
        rounds: 100,
        bar: &[("seeds", 200)],
    },
    Proof {
        name: "hour_without_merchant",
        does: "The same with the merchant's endpoint: everything is delivered afterwards.",
        start: Start::Test("simulation::outages::an_hour_without_the_merchant_loses_nothing"),
        rounds: 100,
        bar: &[("seeds", 200)],
    },
    Proof {
        name: "power_loss",
        does: "Images cut from what a hub wrote to its file: writes since the last flush lost, torn or reordered. \
               Each is opened and compared with what had been acknowledged.",
        start: Start::Test("power_loss::proof::a_power_cut_loses_nothing_that_was_answered"),
        rounds: 500,
        bar: &[("images", 5_000)],
    },
    Proof {
        name: "upgrade_sqlite",
        does: "Shops work while the hub is killed, its file becomes one of an older release, and the hub is started on \
               it; some of these starts are killed too. Payments in flight settle, answers stay, the merchant hears of \
               everything.",
        start: Start::Test("upgrade::in_flight::payments_in_flight_survive_upgrades_of_a_file"),
        rounds: 50,
        bar: &[("upgrades", 100)],
    },
    Proof {
        name: "upgrade_postgresql",
        does: "The same with two hubs that are started at once on an older database of PostgreSQL.",
        start: Start::Test("upgrade::in_flight::payments_in_flight_survive_upgrades_of_a_server"),
        rounds: 50,
        bar: &[("upgrades", 100)],
    },
    Proof {
        name: "killed_restores",
        does: "`payhub db restore` and `payhub db backup` are killed (SIGKILL) at each of their steps and at random \
               moments: there is a whole file or none, no hub serves in between, and the same command, given again, \
               comes to its end.",
        start: Start::Test("operators::killed::a_killed_restore_is_whole_or_did_nothing"),
        rounds: 200,
        bar: &[("kills", 200)],
    },
    Proof {
        name: "soak",
        does: "Half an hour at half of what the hub can do here, with a few faults: memory, open files, threads, the \
               age of the oldest due job and the write-ahead log stay as they are, tables grow with the payments and \
               no faster.",
        start: Start::Test("soak::a_hub_on_a_file_stays_as_it_is_for_as_long_as_it_works"),
        rounds: 1_800,
        bar: &[("seconds_of_load", 1_800)],
    },
    Proof {
        name: "soak_postgresql",
        does: "The same with the hub on PostgreSQL.",
        start: Start::Test("soak::a_hub_on_a_server_stays_as_it_is_for_as_long_as_it_works"),
        rounds: 1_800,
        bar: &[("seconds_of_load", 1_800)],
    },
    Proof {
        name: "fuzzing",
        does: "Arbitrary bytes into everything that takes bytes from outside, led by what they make the hub execute; \
               each target gets as many seconds as the others.",
        start: Start::Program("tests/fuzz/run"),
        rounds: 1_120,
        bar: &[("executions", 10_000_000)],
    },
    Proof {
        name: "planted_bugs",
        does: "Deliberate mistakes in a special build, one at a time: the tests must catch each.",
        start: Start::Test("planted_bugs::every_planted_mistake_is_caught"),
        rounds: 1,
        bar: &[("caught", 20)],
    },
];
