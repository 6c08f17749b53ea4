//! From every older schema to the newest: what was there is there, what was in flight goes on, and a migration that
//! is killed halfway leaves the older schema whole and is finished by the next start.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use private_postgres::Cluster;
use serde_json::{Value, json};

use crate::operators::desk::Desk;
use crate::processes::database::Database;
use crate::processes::program::Program;
use crate::processes::world::{SECRETS, World, text};
use crate::processes::{binaries, eventually};

/// At how many places a migration of a file is killed.
const KILLS: usize = 5;

#[test]
fn a_file_of_any_older_schema_lives_on_in_the_newest() {
    let desk = Desk::start();
    all_the_way(desk, killed_while_writing);
}

#[test]
fn a_server_of_any_older_schema_lives_on_in_the_newest() {
    let desk = Desk { world: World::start_on(Cluster::shared().database()) };
    all_the_way(desk, killed_while_it_waits);
}

/// How long the processor is silent: as long as the hub waits.
const STALL_MS: u64 = 20_000;

/// One payment of each kind that can be in flight, and what was answered.
struct InFlight {
    /// The shopper is at the page, and pays while nobody listens.
    open: String,
    session: String,
    created: Value,
    /// Authorized; nobody has asked for more yet.
    authorized: String,
    /// Asked for, and the answer was lost.
    capture: String,
    refund: String,
    refunded: String,
    /// Paid with another amount, which a person must look at.
    quarantined: String,
    /// What the processor had taken by then.
    charged: i64,
}

impl InFlight {
    fn begin(desk: &Desk) -> Self {
        let manual = |order: &str| {
            let payment = desk.create(order, &json!({ "capture": "manual" }));
            desk.pay(&desk.open(&payment));
            let id = text(&payment, "id");
            desk.until(&id, "authorized", |payment| payment["status"] == "requires_capture");
            id
        };
        let (authorized, capture, refunded) =
            (manual("authorized"), manual("capture"), desk.paid("refunded"));
        desk.admin("POST", "faults", &json!({ "operation": "open", "fault": "wrong_amount" }));
        let payment = desk.create("quarantined", &json!({}));
        desk.pay(&desk.open(&payment));
        let quarantined = text(&payment, "id");
        desk.until(&quarantined, "quarantined", |payment| !payment["quarantine"].is_null());
        let created = desk.create("open", &json!({}));
        let session = desk.open(&created);

        for operation in ["capture", "refund"] {
            // The processor does it, and the hub is gone before it hears so.
            let stall = json!({ "operation": operation, "fault": "stall", "times": 0, "stall_ms": STALL_MS });
            desk.admin("POST", "faults", &stall);
        }
        desk.admin("POST", "faults", &json!({ "operation": "webhook", "fault": "drop", "times": 0 }));
        let (before, _) = desk.ledger();
        let path = format!("/v1/payment_intents/{capture}/capture");
        let asked = desk.world.api.post(&path, "capture", &json!({})).expect("an answer");
        assert!(asked.status < 300, "{}", asked.text());
        let refund = desk.refund(&refunded, 500);
        eventually("the processor has done both, and nobody has heard", || {
            (desk.ledger() == (before + 1999, 500)).then_some(())
        });
        let (open, charged) = (text(&created, "id"), before + 1999);
        Self { open, session, created, authorized, capture, refund, refunded, quarantined, charged }
    }

    /// Everything comes to its end.
    fn end(&self, desk: &Desk) {
        desk.admin("DELETE", "faults", &Value::Null);
        let again = desk.create("open", &json!({}));
        assert_eq!(again, self.created, "the answer under its key");
        for (key, path, body) in [
            ("capture", format!("/v1/payment_intents/{}/capture", self.capture), json!({})),
            (
                &format!("{}-500", self.refunded),
                "/v1/refunds".to_owned(),
                json!({ "payment_intent": self.refunded, "amount": 500, "reason": "A page is missing" }),
            ),
        ] {
            let repeated = desk.world.api.post(&path, key, &body).expect("an answer");
            assert_eq!(repeated.header("idempotency-replayed"), Some("true"), "{key}: {repeated:?}");
        }
        let listed = desk.ask(&["quarantine", "list"]).done();
        assert!(listed.contains(&self.quarantined), "{listed}");
        desk.come_back(&self.session);
        desk.until(&self.open, "paid", |payment| payment["status"] == "succeeded");
        desk.until(&self.capture, "captured", |payment| payment["status"] == "succeeded");
        desk.until_refund(&self.refund, "succeeded");
        let path = format!("/v1/payment_intents/{}/capture", self.authorized);
        let taken = desk.world.api.post(&path, "take", &json!({})).expect("an answer");
        assert!(taken.status < 300, "{}", taken.text());
        desk.until(&self.authorized, "captured", |payment| payment["status"] == "succeeded");
        assert_eq!(
            desk.ledger(),
            (self.charged + 2 * 1999, 500),
            "each once: those at the page and in reserve"
        );
        for id in [&self.open, &self.capture, &self.authorized, &self.refunded] {
            assert_eq!(desk.payment(id)["amount_captured"], 1999, "{id}");
        }
        assert!(desk.ask(&["db", "verify"]).done().contains("everything agrees"));
    }
}

fn all_the_way(mut desk: Desk, killed_halfway: fn(&Desk, &Database)) {
    let database = &desk.world.database();
    let in_flight = InFlight::begin(&desk);
    desk.world.kill_hub();
    database.end_sessions();
    desk.pay(&in_flight.session);
    let (contents, newest_shape) = (database.contents(), database.shape());
    let (oldest, newest) = database.oldest_and_newest();
    for version in (oldest..newest).rev() {
        database.make_older(version);
        let said = desk.ask(&["db", "verify"]);
        let asks = format!(
            "schema version {version}, and this payhub looks at version {newest} alone; use the release"
        );
        assert!(said.code == 2 && said.err.contains(&asks), "{said:?}");
        let said = desk.ask(&["migrate"]).done();
        assert!(said.contains(&format!("from schema version {version} to {newest}")), "{said}");
        assert_eq!(database.shape(), newest_shape, "from {version}");
        let found = database.contents();
        let differs = found.iter().zip(&contents).find(|(found, was)| found != was);
        assert_eq!(differs, None, "from {version}");
        assert_eq!(found.len(), contents.len(), "from {version}");
        assert!(desk.ask(&["db", "verify"]).done().contains("everything agrees"), "from {version}");
    }
    database.make_older(oldest);
    killed_halfway(&desk, database);
    desk.world.start_hub();
    assert_eq!(database.version(), newest);
    in_flight.end(&desk);
}

/// The migration as a process of its own under `strace`, told so much more.
fn traced(desk: &Desk, words: &[&str], log: &Path) {
    let config = desk.world.config_file();
    let ended = Command::new("strace")
        .args(["-f", "-qq", "-e", "signal=none", "-e", "trace=pwrite64"])
        .args(words)
        .arg("-o")
        .arg(log)
        .arg(binaries::payhub())
        .args(["migrate", "--config"])
        .arg(config)
        .envs(SECRETS)
        .output()
        .expect("strace cannot be started: run the README's test command, which installs it");
    let is_killed = words.iter().any(|word| word.starts_with("inject"));
    assert_ne!(ended.status.success(), is_killed, "{ended:?}");
}

/// Killed at some of the writes to the file: the log, the database, wherever they fall.
fn killed_while_writing(desk: &Desk, database: &Database) {
    let file = desk.world.data_dir().join("hub.sqlite");
    let (kept, log) = (desk.world.path().join("kept.sqlite"), desk.world.path().join("migration.log"));
    std::fs::copy(&file, &kept).expect("a copy");
    let (version, shape, contents) = (database.version(), database.shape(), database.contents());
    traced(desk, &[], &log);
    let (newest, newest_shape) = (database.version(), database.shape());
    assert!(newest > version);
    // They are counted for each thread apart.
    let calls = std::fs::read_to_string(&log).expect("what was written down");
    let mut of_threads: BTreeMap<&str, usize> = BTreeMap::new();
    for line in calls.lines().filter(|line| line.contains("pwrite64(")) {
        *of_threads.entry(line.split(' ').next().unwrap_or_default()).or_default() += 1;
    }
    let writes = of_threads.values().copied().max().unwrap_or(0);
    assert!(writes > KILLS * 2, "only {writes} writes");
    let mut unfinished = 0;
    for kill in 1..=KILLS {
        let back = || {
            let _absent =
                ["-wal", "-shm"].map(|end| std::fs::remove_file(format!("{}{end}", file.display())));
            std::fs::copy(&kept, &file).expect("the older one");
        };
        back();
        let inject = format!("inject=pwrite64:signal=KILL:when={}", 1 + (writes - 1) * kill / (KILLS + 1));
        traced(desk, &["-e", &inject], &log);
        let found = database.version();
        unfinished += usize::from(found == version);
        let whole = if found == version { &shape } else { &newest_shape };
        assert_eq!((&database.shape(), found == version || found == newest), (whole, true), "{inject}");
        desk.ask(&["migrate"]).done();
        assert_eq!((database.version(), database.shape()), (newest, newest_shape.clone()), "{inject}");
        if kill == KILLS {
            back();
        }
    }
    assert!(unfinished > 0, "no kill fell before the end of the migration");
    assert_eq!((database.version(), database.contents()), (version, contents), "where the hub begins now");
}

/// Killed between two of its statements: somebody holds a table that the last step changes.
fn killed_while_it_waits(desk: &Desk, database: &Database) {
    let Database::Server(url) = database else { panic!("a database of a server") };
    let (version, shape) = (database.version(), database.shape());
    let hold = "BEGIN; LOCK TABLE payment_events IN ACCESS SHARE MODE; SELECT pg_sleep(60)";
    let mut holder = Cluster::shared().shell(url, hold);
    let mut holder = holder.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("psql starts");
    let locks = |granted: bool| {
        let sql = format!(
            "SELECT 1 FROM pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database
             WHERE datname = current_database() AND relation = 'payment_events'::regclass AND granted = {granted}"
        );
        (!database.rows(&sql).is_empty()).then_some(())
    };
    eventually("the table is held", || locks(true));
    let mut hub: Program = desk.world.spawn_hub();
    eventually("the migration waits for the table", || locks(false));
    hub.kill();
    holder.kill().expect("a child can be killed");
    holder.wait().expect("a child can be waited for");
    database.end_sessions();
    assert_eq!((database.version(), database.shape()), (version, shape), "nothing of any step has stayed");
}
