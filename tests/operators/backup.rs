//! A backup beside a running hub, and a hub that goes on from it: what happened in between is learned from the
//! processor before anything new is done.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::desk::{Desk, OPERATOR, payhub};
use crate::processes::eventually;
use crate::processes::http::send;
use crate::processes::world::{Kind, SECRETS, World, text};

fn name(path: &Path) -> &str {
    path.to_str().expect("UTF-8")
}

fn back_up(desk: &Desk, file: &str) -> PathBuf {
    let file = desk.world.path().join(file);
    let said = desk.ask(&["db", "backup", "--to", name(&file)]).done();
    assert!(said.contains("everything agrees") && said.contains("sealing key"), "{said}");
    file
}

/// Moves the database away, as after a disk that was lost.
fn lose(desk: &Desk) {
    for suffix in ["", "-wal", "-shm"] {
        let file = desk.world.data_dir().join(format!("hub.sqlite{suffix}"));
        let _absent = std::fs::rename(&file, file.with_extension(format!("lost{suffix}")));
    }
}

fn hooks(desk: &Desk, url: &Value) {
    desk.admin("PUT", "accounts/shop", &json!({ "webhook_url": url }));
}

#[test]
fn what_happened_after_the_backup_is_learned_before_anything_new_is_done() {
    let mut desk = Desk::start();
    let back = desk.paid("order-1");
    let open = desk.create("order-2", &json!({}));
    let session = desk.open(&open);
    let open = text(&open, "id");
    let declined = desk.create("order-4", &json!({}));
    let tried = desk.open(&declined);
    desk.admin("POST", &format!("sessions/{tried}/act"), &json!({ "action": "decline" }));
    let id = text(&declined, "id");
    desk.until(&id, "declined", |payment| payment["attempts"][0]["state"] == "declined");
    let backup = back_up(&desk, "backup.sqlite");

    let refund = desk.refund(&back, 1500);
    desk.until_refund(&refund, "succeeded");
    desk.pay(&session);
    desk.until(&open, "paid", |payment| payment["status"] == "succeeded");
    let later = desk.paid("order-3");
    assert_eq!(desk.ledger(), (3 * 1999, 1500));
    desk.world.kill_hub();
    lose(&desk);
    let said = desk.ask(&["db", "restore", "--from", name(&backup)]).done();
    assert!(said.contains("3 payments") && said.contains("processors of 3 payments"), "{said}");
    assert!(desk.ask(&["db", "verify"]).done().contains("everything agrees"));

    // While the processor does not answer, nothing is done that may have been done already.
    hooks(&desk, &Value::Null);
    desk.admin("POST", "faults", &json!({ "operation": "fetch", "fault": "error_before", "times": 0 }));
    desk.world.start_hub();
    let wish = json!({ "payment_intent": back, "amount": 1500 });
    let ask = |key: &str, wish: &Value| desk.world.api.post("/v1/refunds", key, wish).expect("an answer");
    let held = ask("again", &wish);
    assert_eq!((held.status, held.json()["code"].clone()), (503, json!("reconciling")), "{}", held.text());
    assert!(held.header("retry-after").is_some());
    let story = desk.ask(&["payments", "show", &back]).done();
    assert!(story.contains("restored from a backup") && story.contains(OPERATOR), "{story}");
    // Nor is a shopper told that nothing was charged, or shown another page.
    let arrives = || send("GET", &text(&declined, "checkout_url"), &[], b"").expect("an answer");
    let waits = arrives();
    assert!(waits.status == 200 && waits.text().contains("Waiting for the payment processor"), "{waits:?}");
    desk.admin("DELETE", "faults", &Value::Null);
    eventually("another page", || (arrives().status == 303).then_some(()));

    desk.until(&back, "given back", |payment| payment["amount_refunded"] == 1500);
    // The same wish under the same key is heard now, and is too much.
    let refused = eventually("an answer", || Some(ask("again", &wish)).filter(|answer| answer.status != 503));
    assert_eq!((refused.status, refused.json()["code"].clone()), (422, json!("exceeds_captured")));
    let rest = desk.refund(&back, 499);
    desk.until_refund(&rest, "succeeded");
    let paid = desk.until(&open, "paid", |payment| payment["status"] == "succeeded");
    assert_eq!(paid["amount_captured"], 1999);
    assert_eq!(desk.ledger(), (3 * 1999, 1999));

    // Of the one that began afterwards only the processor knows; what it says is kept for the operator.
    assert_eq!(desk.world.api.get(&format!("/v1/payment_intents/{later}")).expect("an answer").status, 404);
    hooks(&desk, &json!(format!("{}/webhooks/sandbox", desk.world.api.base_url)));
    let events = desk.admin("GET", "events", &Value::Null)["data"].clone();
    let of_later = events.as_array().expect("a list").iter().rfind(|event| event["type"] == "session.paid");
    let event = text(of_later.expect("the last payment's"), "id");
    desk.admin("POST", &format!("events/{event}/send"), &json!({}));
    eventually("it is shown", || {
        let listed = desk.ask(&["quarantine", "list", "--json"]).json();
        listed["deliveries"].as_array().is_some_and(|list| list.len() == 1).then_some(())
    });
    assert!(desk.ask(&["db", "verify"]).done().contains("everything agrees"));
}

/// A cart that had no answer repeats its request under the same key, of which the restored hub knows nothing.
#[test]
fn what_was_given_back_since_is_not_given_back_again() {
    let mut desk = Desk::start();
    let id = desk.paid("order-1");
    let untouched = desk.paid("order-2");
    let backup = back_up(&desk, "backup.sqlite");
    let first = desk.refund(&id, 300);
    desk.until_refund(&first, "succeeded");
    desk.world.kill_hub();
    lose(&desk);
    desk.ask(&["db", "restore", "--from", name(&backup)]).done();
    desk.world.start_hub();

    let ask = |key: &str, wish: &Value| {
        eventually("an answer", || {
            let answer = desk.world.api.post("/v1/refunds", key, wish).expect("an answer");
            (answer.status != 503).then_some(answer)
        })
    };
    // The very request of before, as `desk.refund` made it.
    let wish = json!({ "payment_intent": id, "amount": 300, "reason": "A page is missing" });
    for _again in 0..2 {
        let held = ask(&format!("{id}-300"), &wish);
        let problem = held.json();
        assert_eq!((held.status, &problem["code"]), (409, &json!("found_after_restore")), "{problem}");
        let found = desk.world.api.show(&format!("/v1/refunds/{}", text(&problem, "found")));
        assert_eq!((&found["amount"], &found["made_elsewhere"]), (&json!(300), &json!(true)), "{found}");
        let page = send("GET", &format!("{}{}", desk.world.api.base_url, text(&problem, "type")), &[], b"");
        assert!(page.expect("an answer").text().contains("allow_duplicate"));
    }
    assert_eq!(desk.ledger(), (2 * 1999, 300));

    // Another amount is another wish, and so is what says so; nobody else is asked for anything.
    let mut another = wish.clone();
    another["allow_duplicate"] = json!(true);
    let elsewhere = json!({ "payment_intent": untouched, "amount": 300 });
    for (key, wish) in [
        ("less", &json!({ "payment_intent": id, "amount": 299 })),
        ("another", &another),
        ("elsewhere", &elsewhere),
    ] {
        let made = ask(key, wish);
        assert_eq!(made.status, 201, "{}", made.text());
        desk.until_refund(&text(&made.json(), "id"), "succeeded");
    }
    assert_eq!(desk.ledger(), (2 * 1999, 300 + 299 + 300 + 300));
    assert!(desk.ask(&["db", "verify"]).done().contains("everything agrees"));
}

#[test]
fn a_backup_is_one_new_file_of_its_owner() {
    let mut desk = Desk::start();
    desk.paid("order-1");
    let backup = back_up(&desk, "backup.sqlite");
    let mode = std::fs::metadata(&backup).expect("the backup").permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);
    let names = std::fs::read_dir(desk.world.path()).expect("the folder");
    let beside = names.filter(|entry| {
        let name = entry.as_ref().expect("an entry").file_name();
        name.to_string_lossy().starts_with("backup.sqlite")
    });
    assert_eq!(beside.count(), 1, "something was left beside it");
    let before = std::fs::read(&backup).expect("the backup");
    let again = desk.ask(&["db", "backup", "--to", name(&backup), "--json"]);
    assert_eq!(again.error().0, "exists");
    assert!(std::fs::read(&backup).expect("the backup") == before, "it was changed");

    // What does not agree with itself is not called a backup.
    desk.world.kill_hub();
    let database = desk.world.data_dir().join("hub.sqlite");
    let connection = rusqlite::Connection::open(&database).expect("the database");
    connection.execute_batch("UPDATE payments SET amount = amount + 1").expect("it can be damaged");
    drop(connection);
    let other = desk.world.path().join("other.sqlite");
    let said = desk.ask(&["db", "backup", "--to", name(&other), "--json"]);
    assert_eq!(said.error().0, "not_verified");
    assert!(!other.exists());
}

#[test]
fn what_is_there_stays_and_what_is_no_backup_is_refused() {
    let mut desk = Desk::start();
    let id = desk.paid("order-1");
    let backup = back_up(&desk, "backup.sqlite");
    let restore = |desk: &Desk, from: &Path| desk.ask(&["db", "restore", "--from", name(from), "--json"]);
    assert_eq!(restore(&desk, &backup).error().0, "in_use");
    desk.world.kill_hub();
    assert_eq!(restore(&desk, &backup).error().0, "exists");
    assert_eq!(desk.ask(&["db", "verify"]).code, 0, "it was touched");
    lose(&desk);
    let journal = desk.world.data_dir().join("hub.sqlite-journal");
    std::fs::write(&journal, b"rows of another file").expect("a journal");
    assert_eq!(restore(&desk, &backup).error().0, "exists");
    std::fs::remove_file(&journal).expect("the journal");

    let bad = |name: &str, bytes: &[u8]| {
        let file = desk.world.path().join(name);
        std::fs::write(&file, bytes).expect("a file");
        file
    };
    let whole = std::fs::read(&backup).expect("the backup");
    let mut spoiled = whole.clone();
    // One page in the middle: without the schema it would be no database at all.
    let page = whole.len() / 2 / 4_096 * 4_096;
    spoiled[page..page + 4_096].fill(0);
    let later = bad("later.sqlite", &whole);
    let connection = rusqlite::Connection::open(&later).expect("the backup");
    connection
        .execute_batch("INSERT INTO schema_versions VALUES (99, '0099_later', 'x')")
        .expect("it is later");
    drop(connection);
    let changed = bad("changed.sqlite", &whole);
    let connection = rusqlite::Connection::open(&changed).expect("the backup");
    connection.execute_batch("UPDATE payments SET amount = amount + 1").expect("it is changed");
    drop(connection);
    let ahead = bad("ahead.sqlite", &whole);
    let connection = rusqlite::Connection::open(&ahead).expect("the backup");
    let sql = "DROP TRIGGER payment_events_never_change; UPDATE payment_events SET at = at + 3600000000";
    connection.execute_batch(sql).expect("it is ahead");
    drop(connection);
    bad("beside.sqlite-journal", b"rows");
    for (from, code) in [
        (bad("whole.half", &whole), "no_backup"),
        (bad("beside.sqlite", &whole), "no_backup"),
        (ahead, "clock_behind"),
        (desk.world.path().join("nowhere.sqlite"), "not_done"),
        (bad("empty.sqlite", b""), "no_backup"),
        (bad("text.sqlite", b"not a database at all"), "no_backup"),
        (bad("half.sqlite", &whole[..whole.len() / 2]), "no_backup"),
        (bad("spoiled.sqlite", &spoiled), "not_verified"),
        (later, "newer_database"),
        (changed, "not_verified"),
    ] {
        let said = restore(&desk, &from);
        assert_eq!(said.error().0, code, "{}: {said:?}", from.display());
    }
    let key = desk.world.data_dir().join("sealing.key");
    let kept = desk.world.path().join("kept.key");
    std::fs::rename(&key, &kept).expect("the key");
    assert_eq!(restore(&desk, &backup).error().0, "cannot_open");
    std::fs::rename(&kept, &key).expect("the key");
    let left: Vec<_> = std::fs::read_dir(desk.world.data_dir())
        .expect("the data folder")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter(|name| name.contains(".half") || name == "hub.sqlite")
        .collect();
    assert_eq!(left, Vec::<String>::new(), "something was left");

    desk.ask(&["db", "restore", "--from", name(&backup)]).done();
    desk.world.start_hub();
    let refund = eventually("the processor was asked", || {
        let wish = json!({ "payment_intent": id, "amount": 100 });
        let answer = desk.world.api.post("/v1/refunds", "key", &wish).expect("an answer");
        (answer.status == 201).then(|| text(&answer.json(), "id"))
    });
    desk.until_refund(&refund, "succeeded");
}

#[test]
fn a_server_is_backed_up_with_its_own_tools() {
    let desk = Desk { world: World::prepare(Kind::Serve) };
    let config = std::fs::read_to_string(desk.world.config_file()).expect("the config");
    let config = format!("database = \"postgres://u@127.0.0.1:1/shop\"\n{config}");
    std::fs::write(desk.world.config_file(), config).expect("the config can be written");
    for words in [["db", "backup", "--to", "x"], ["db", "restore", "--from", "x"]] {
        let said = desk.ask(&[&words[..], &["--json"]].concat());
        assert_eq!(said.error(), ("config".to_owned(), "database".to_owned()));
        assert!(said.out.contains("pg_basebackup") && said.out.contains("pg_dump"), "{said:?}");
    }
    // Nobody restores without a name.
    let file = Desk { world: World::prepare(Kind::Serve) };
    let config = file.world.config_file();
    let words = ["db", "restore", "--from", "x", "--json", "--config", name(&config)];
    assert_eq!(payhub(&words, &SECRETS).error(), ("invalid_field".to_owned(), "as".to_owned()));
}
