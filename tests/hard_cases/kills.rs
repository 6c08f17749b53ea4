//! Hard cases 2 and 3: the real program ends at the worst moments, by the signal that nobody can catch.

use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::processes::http::{admin, send};
use crate::processes::program::Program;
use crate::processes::world::{Kind, SECRETS, World, text};
use crate::processes::{binaries, eventually};

fn wish() -> Value {
    json!({
        "amount": 1_000, "currency": "EUR", "capture": "manual", "return_url": "http://127.0.0.1:9/thanks",
    })
}

fn entries(world: &World, kind: &str) -> usize {
    let ledger = admin(&world.sandbox_url, "GET", "/admin/ledger", &Value::Null);
    ledger["entries"].as_array().expect("entries").iter().filter(|entry| entry["kind"] == kind).count()
}

fn sessions(world: &World) -> usize {
    let all = admin(&world.sandbox_url, "GET", "/admin/sessions", &Value::Null);
    all["data"].as_array().expect("sessions").len()
}

/// The processor does what it is asked next, and the hub is killed before it hears of it.
fn killed_before_the_answer(
    world: &mut World,
    operation: &str,
    ask: impl Fn(&World) + Sync,
    done: fn(&World) -> bool,
) {
    let stall = json!({ "operation": operation, "fault": "stall", "stall_ms": 600_000 });
    admin(&world.sandbox_url, "POST", "/admin/faults", &stall);
    std::thread::scope(|scope| {
        let mut hub = world.hub.take().expect("the hub runs");
        let world = &*world;
        // Whoever asks is cut off as well.
        scope.spawn(|| ask(world));
        eventually("the processor has done it", || done(world).then_some(()));
        hub.kill();
    });
    admin(&world.sandbox_url, "DELETE", "/admin/faults", &Value::Null);
}

/// 2. The hub is killed after the processor did it and before that is committed: the wish, the attempt and
///    the key were durable before anything left, and after the start it ends as if only the answer had been
///    lost.
#[test]
fn hc_02_killed_between_the_processors_yes_and_our_commit() {
    let mut world = World::start_on_either();
    // Only the hub's own questions help.
    admin(&world.sandbox_url, "PUT", "/admin/accounts/shop", &json!({ "webhook_url": null }));
    let database = world.database();
    let created = world.api.post("/v1/payment_intents", "create", &wish()).expect("the hub is up");
    let (id, checkout_url) = (text(&created.json(), "id"), text(&created.json(), "checkout_url"));
    let path = format!("/v1/payment_intents/{id}");
    let shown = |world: &World, status: &str| {
        eventually(status, || (world.api.show(&path)["status"] == status).then_some(()));
    };
    let asked = |kind: &str| {
        let sql = format!("SELECT count(*) FROM payment_events WHERE event LIKE '%operation_asked%{kind}%'");
        database.number(&sql)
    };

    killed_before_the_answer(
        &mut world,
        "open",
        |_| drop(send("GET", &checkout_url, &[], b"")),
        |world| sessions(world) == 1,
    );
    assert_eq!(database.number("SELECT count(*) FROM attempts"), 1, "the attempt was not durable");
    assert_eq!(asked("open_checkout"), 1);
    assert_eq!(database.rows("SELECT key FROM idempotency_keys"), ["create"]);
    world.start_hub();
    let page = eventually("the page", || {
        let door = send("GET", &checkout_url, &[], b"").ok()?;
        door.location()
    });
    assert_eq!(sessions(&world), 1);
    let form = [("content-type", "application/x-www-form-urlencoded")];
    assert_eq!(send("POST", &page, &form, b"action=pay").expect("the processor is up").status, 303);
    eventually("the shopper's return", || {
        let session = admin(&world.sandbox_url, "GET", "/admin/sessions", &Value::Null)["data"][0].clone();
        let back = send("GET", &text(&session, "return_url"), &[], b"").ok()?;
        (back.status == 303).then_some(())
    });
    shown(&world, "requires_capture");

    let capture = format!("{path}/capture");
    killed_before_the_answer(
        &mut world,
        "capture",
        |world| drop(world.api.post(&capture, "capture", &json!({ "amount": 700 }))),
        |world| entries(world, "capture") == 1,
    );
    assert_eq!(asked("capture"), 1);
    assert!(database.rows("SELECT key FROM idempotency_keys").contains(&"capture".to_owned()));
    world.start_hub();
    shown(&world, "succeeded");
    assert_eq!(world.api.show(&path)["amount_captured"], 700);

    killed_before_the_answer(
        &mut world,
        "refund",
        |world| {
            drop(world.api.post("/v1/refunds", "refund", &json!({ "payment_intent": id, "amount": 300 })));
        },
        |world| entries(world, "refund") == 1,
    );
    assert_eq!(asked("refund"), 1);
    world.start_hub();
    eventually("refunded", || (world.api.show(&path)["amount_refunded"] == 300).then_some(()));
    let counts = ["authorization", "capture", "refund"].map(|kind| entries(&world, kind));
    assert_eq!((counts, sessions(&world)), ([1, 1, 1], 1));
    database.check(&SECRETS.map(|(_, secret)| secret.to_owned()));
}

/// 3. The hub is killed by the very call that would send the answer: the commit stands, and the repeat under
///    the same key gets the answer that was lost.
#[test]
fn hc_03_killed_between_the_commit_and_the_answer() {
    let mut world = World::start(Kind::Serve);
    let mut hub = world.hub.take().expect("the hub runs");
    hub.terminate();
    hub.end();
    let log = world.path().join("answers.log");
    let mut strace = killed_by_its_answer(&world, &log);
    strace.ready(&world.ready_file());
    let lost = world.api.post("/v1/payment_intents", "key", &wish());
    assert!(lost.is_err(), "an answer came: {lost:?}");
    strace.end();
    let log = std::fs::read_to_string(&log).expect("what was written down");
    // It was killed there and nowhere else: the call has no end, on its own line or where strace takes it up
    // again after what other threads did.
    let call = log.lines().next().unwrap_or_default();
    let taken_up = |line: &str| line.contains("<... writev resumed>") && line.ends_with("= ?");
    let endless = call.ends_with("= ?") || (call.ends_with("<unfinished ...>") && log.lines().any(taken_up));
    assert!(call.contains("HTTP/1.1 201") && endless, "it was killed elsewhere: {log}");

    world.start_hub();
    let before = world.api.list("/v1/payment_intents");
    assert_eq!(before.len(), 1, "the commit did not stand");
    let again = world.api.post("/v1/payment_intents", "key", &wish()).expect("the hub is up");
    assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
    assert_eq!(again.json(), before[0]);
    assert_eq!(world.api.list("/v1/payment_intents"), before);
}

/// The hub under `strace`, which lets it be killed where it would first send something over the network.
fn killed_by_its_answer(world: &World, log: &Path) -> Program {
    let tried = Command::new("strace").args(["-o", "/dev/null", "true"]).output();
    assert!(tried.is_ok_and(|tried| tried.status.success()), "strace does not run: see tests/run");
    let path = |path: &Path| path.to_str().expect("a UTF-8 path").to_owned();
    let sends = "writev,sendto,sendmsg";
    let mut arguments: Vec<String> = ["-f", "-s", "64", "-e"].map(str::to_owned).to_vec();
    arguments.extend([format!("trace={sends}"), "-e".to_owned()]);
    arguments.push(format!("inject={sends}:error=EPIPE:signal=SIGKILL:when=1"));
    arguments.extend(["-o".to_owned(), path(log), path(&binaries::payhub())]);
    arguments.extend(world.arguments());
    Program::start(world.path(), "strace", Path::new("strace"), &arguments, &SECRETS)
}
