//! Ends at awkward moments: while a hub starts, just after it serves, while another one has the folder, and
//! the orderly end.

use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::processes::http::{admin, send};
use crate::processes::program::Program;
use crate::processes::world::{Kind, World, free_ports, text};
use crate::processes::{binaries, eventually, now};

/// Starts that are killed, each a little later than the one before.
const STILLBORN: u32 = 12;
/// How much later.
const STEP: Duration = Duration::from_millis(15);

#[test]
fn a_demo_that_is_killed_while_it_starts_is_a_demo_all_the_same() {
    let mut world = World::prepare(Kind::Demo);
    for number in 0..STILLBORN {
        let mut stillborn = world.spawn_hub();
        let until = now() + STEP * number;
        while now() < until {
            thread::yield_now();
        }
        stillborn.kill();
    }
    let ready = world.start_hub();
    world.api.key = text(&ready, "api_key");
    world.sandbox_url = text(&ready, "sandbox_url");
    pays(&world, "torn");
}

#[test]
fn what_was_acknowledged_just_before_a_kill_is_there_after_it() {
    for kind in [Kind::Demo, Kind::Serve] {
        let mut world = World::start(kind);
        let mut ids = Vec::new();
        for number in 0..6 {
            let key = format!("just-before-{number}");
            let created =
                world.api.post("/v1/payment_intents", &key, &wish()).expect("the hub has just started");
            world.kill_hub();
            assert_eq!(created.status, 201, "{}", created.text());
            ids.push(text(&created.json(), "id"));
            world.start_hub();
        }
        for (number, id) in ids.iter().enumerate() {
            assert_eq!(world.api.show(&format!("/v1/payment_intents/{id}"))["id"], **id);
            let again = world
                .api
                .post("/v1/payment_intents", &format!("just-before-{number}"), &wish())
                .expect("an answer");
            assert_eq!((again.status, again.header("idempotency-replayed")), (201, Some("true")));
            assert_eq!(text(&again.json(), "id"), *id);
        }
        assert_eq!(world.api.list("/v1/payment_intents").len(), ids.len());
    }
}

#[test]
fn a_second_hub_on_the_same_folder_refuses_and_harms_nothing() {
    for kind in [Kind::Demo, Kind::Serve] {
        let mut world = World::start(kind);
        let mut second = second_hub(&world, kind);
        let ended = second.end();
        assert_eq!(ended.code(), Some(1), "{kind:?}: {}", second.printed());
        let printed = second.printed();
        assert!(printed.contains("another process has this database open"), "{kind:?} says {printed:?}");
        pays(&world, "beside-a-second");
        // What the second one was told must not be what the first one finds.
        world.kill_hub();
        let ready = world.start_hub();
        assert_eq!(ready["base_url"], world.api.base_url, "{kind:?}");
        if kind == Kind::Demo {
            assert_eq!(ready["sandbox_url"], world.sandbox_url);
            assert_eq!(ready["api_key"], world.api.key);
        }
        pays(&world, "after-a-second");
    }
}

/// Another hub on the folder of a running one, at another address.
fn second_hub(world: &World, kind: Kind) -> Program {
    let address = format!("127.0.0.1:{}", free_ports());
    let path = |name: &str| world.path().join(name).to_str().expect("a UTF-8 path").to_owned();
    let words = match kind {
        Kind::Demo => ["demo", "--data-dir", &path("data"), "--listen", &address].map(str::to_owned).to_vec(),
        Kind::Serve => {
            let config = std::fs::read_to_string(path("hub.toml")).expect("the first one's config");
            let listen =
                config.lines().find(|line| line.starts_with("listen")).expect("where the first listens");
            let config = config.replace(listen, &format!("listen = \"{address}\""));
            std::fs::write(path("second.toml"), config).expect("a config");
            vec!["serve".to_owned(), "--config".to_owned(), path("second.toml")]
        }
    };
    Program::start(world.path(), "second", &binaries::payhub(), &words, &crate::processes::world::SECRETS)
}

#[test]
fn asked_to_end_a_hub_answers_what_it_has_begun() {
    for kind in [Kind::Demo, Kind::Serve] {
        let mut world = World::start(kind);
        let id = pay(&world, "the-end", &json!({ "capture": "manual" }), "requires_capture");
        let stall = json!({ "operation": "capture", "fault": "stall", "stall_ms": 1_000 });
        admin(&world.sandbox_url, "POST", "/admin/faults", &stall);
        let answer = thread::scope(|scope| {
            let asked = scope.spawn(|| {
                world.api.post(&format!("/v1/payment_intents/{id}/capture"), "the-end-capture", &json!({}))
            });
            // The processor has done it and keeps its answer back: the request is under way.
            eventually("the capture reaches the processor", || {
                let ledger = admin(&world.sandbox_url, "GET", "/admin/ledger", &Value::Null);
                let entries = ledger["entries"].as_array().expect("entries");
                entries.iter().any(|entry| entry["kind"] == "capture").then_some(())
            });
            world.hub.as_ref().expect("the hub runs").terminate();
            asked.join().expect("the request was made")
        });
        let mut hub = world.hub.take().expect("the hub runs");
        let ended = hub.end();
        assert_eq!(ended.code(), Some(0), "{kind:?}: {}", hub.printed());
        let answer = answer.expect("what had begun is answered");
        assert_eq!((answer.status, answer.json()["status"].as_str()), (200, Some("succeeded")), "{kind:?}");
        world.start_hub();
        assert_eq!(world.api.show(&format!("/v1/payment_intents/{id}"))["amount_captured"], 1_000);
    }
}

fn wish() -> Value {
    json!({ "amount": 1_000, "currency": "EUR", "return_url": "http://127.0.0.1:9/thanks" })
}

/// Takes a whole payment, in proof that the world is in order.
fn pays(world: &World, name: &str) {
    pay(world, name, &json!({}), "succeeded");
}

/// Creates and pays an intent with further fields, waits for its status, and gives its id.
fn pay(world: &World, name: &str, more: &Value, status: &str) -> String {
    let mut body = wish();
    let connector = world.api.show("/v1/connectors")["data"][0]["name"].clone();
    body["connector"] = connector;
    for (field, value) in more.as_object().expect("further fields") {
        body[field] = value.clone();
    }
    let created = world.api.post("/v1/payment_intents", name, &body).expect("the hub is up");
    assert_eq!(created.status, 201, "{}", created.text());
    let created = created.json();
    let door = send("GET", &text(&created, "checkout_url"), &[], b"").expect("the hub is up");
    let page = door.location().unwrap_or_else(|| panic!("no door: {} {}", door.status, door.text()));
    let form = [("content-type", "application/x-www-form-urlencoded")];
    let paid = send("POST", &page, &form, b"action=pay").expect("the processor is up");
    assert_eq!(paid.status, 303, "{}", paid.text());
    let path = format!("/v1/payment_intents/{}", text(&created, "id"));
    eventually(status, || (world.api.show(&path)["status"] == status).then_some(()));
    text(&created, "id")
}
