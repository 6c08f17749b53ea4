//! Where commands are given: beside a running hub, without one, at once, in the wrong place, on an older or
//! newer database; and who may give them.

use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::path::Path;
use std::process::{Command, Stdio};

use rusqlite::Connection;
use serde_json::{Value, json};

use super::desk::{Desk, OPERATOR, payhub};
use crate::processes::binaries;
use crate::processes::world::{Kind, SECRETS, World, text};

/// The first schema, as the first hubs made it.
const FIRST_SCHEMA: &str =
    concat!(env!("CARGO_MANIFEST_DIR"), "/../hub/src/store/sqlite/migrations/0001_first.sql");

fn desk_that_never_ran() -> Desk {
    Desk { world: World::prepare(Kind::Serve) }
}

fn database(desk: &Desk) -> Connection {
    Connection::open(desk.world.data_dir().join("hub.sqlite")).expect("the database")
}

/// `payhub serve`, which is to be refused; what it says.
fn refused_to_serve(desk: &Desk) -> String {
    let mut hub = desk.world.spawn_hub();
    assert_eq!(hub.end().code(), Some(1), "{}", hub.printed());
    hub.printed()
}

#[test]
fn the_same_beside_a_running_hub_and_without_one() {
    let mut desk = Desk::start();
    let id = desk.paid("order-1");
    let show = ["payments", "show", &id, "--json"];
    let ask = |desk: &Desk| {
        let mut story = desk.ask(&show).json();
        // Only a running hub knows how its connectors verify.
        story["deliveries_in"] = Value::Null;
        let mut answers = vec![story];
        for words in [
            &["keys", "list", "--json"][..],
            &["payments", "list", "--mode", "test", "--json"],
            &["quarantine", "list", "--json"],
        ] {
            answers.push(desk.ask(words).json());
        }
        answers
    };
    let running = ask(&desk);
    // Its socket stays behind, and nobody listens there.
    desk.world.kill_hub();
    assert!(desk.world.data_dir().join("operator.sock").exists());
    assert_eq!(ask(&desk), running);

    // What is decided without a hub holds when it runs again.
    let made =
        desk.ask(&["keys", "create", "--name", "made without a hub", "--mode", "test", "--json"]).json();
    let revoked = desk.ask(&["keys", "list", "--json"]).json()["data"].as_array().expect("a list").clone();
    let first = revoked.iter().find(|key| key["name"] == "first").expect("the first key");
    desk.ask(&["keys", "revoke", &text(first, "key_id")]).done();
    desk.world.start_hub();
    assert_eq!(desk.under(&text(&made, "key"), "GET", "/v1/refunds", &Value::Null).status, 200);
    assert_eq!(desk.under(&desk.world.api.key, "GET", "/v1/refunds", &Value::Null).status, 401);
}

#[test]
fn a_decision_without_a_hub_is_carried_out_by_the_next() {
    let mut desk = Desk::start();
    desk.admin("POST", "faults", &json!({ "operation": "open", "fault": "wrong_amount" }));
    let payment = desk.create("order-1", &json!({}));
    let id = text(&payment, "id");
    desk.pay(&desk.open(&payment));
    desk.until(&id, "quarantined", |payment| !payment["quarantine"].is_null());
    desk.world.kill_hub();
    desk.ask(&["quarantine", "refund", &id, "--note", "nobody ordered that"]).done();
    assert_eq!(desk.ledger(), (2000, 0));
    desk.world.start_hub();
    desk.until(&id, "given back", |payment| payment["amount_refunded"] == 2000);
    assert_eq!(desk.ledger(), (2000, 2000));
}

#[test]
fn commands_at_once() {
    let mut desk = Desk::start();
    for running in [true, false] {
        if !running {
            desk.world.kill_hub();
        }
        let config = desk.world.config_file();
        let names: Vec<String> = (0..6).map(|number| format!("running {running} {number}")).collect();
        let children: Vec<_> = names
            .iter()
            .map(|name| {
                Command::new(binaries::payhub())
                    .args(["keys", "create", "--mode", "test", "--name", name, "--config"])
                    .arg(&config)
                    .envs(SECRETS)
                    .stdout(Stdio::null())
                    .stderr(Stdio::piped())
                    .spawn()
                    .expect("payhub starts")
            })
            .collect();
        for child in children {
            let ended = child.wait_with_output().expect("an end");
            assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        }
        let listed = desk.ask(&["keys", "list"]).done();
        assert!(names.iter().all(|name| listed.contains(name)), "{listed}");
    }
}

#[test]
fn a_wrong_place_stays_as_it_is() {
    let desk = desk_that_never_ran();
    let elsewhere = desk.world.path().join("elsewhere");
    let elsewhere = elsewhere.to_str().expect("UTF-8");
    let config = desk.world.config_file();
    let config = config.to_str().expect("UTF-8");
    for place in [["--config", config], ["--data-dir", elsewhere]] {
        for words in [
            &["keys", "list"][..],
            &["keys", "create", "--name", "x", "--mode", "live"],
            &["payments", "list"],
            &["quarantine", "list"],
        ] {
            let environment = [&SECRETS[..], &[("USER", OPERATOR)]].concat();
            let said = payhub(&[words, &place[..], &["--json"]].concat(), &environment);
            assert_eq!(said.error().0, "no_database", "{words:?} {place:?}");
            let said = payhub(&[words, &place[..]].concat(), &environment);
            assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
            assert!(said.err.contains("there is no database of a hub at"), "{said:?}");
        }
    }
    assert!(!desk.world.data_dir().exists() && !Path::new(elsewhere).exists(), "something was made");
    let missing = payhub(&["keys", "list", "--json", "--config", "/nonexistent/hub.toml"], &[]);
    assert_eq!(missing.error().0, "config");
    for words in [&["keys", "list"][..], &["keys", "list", "--config", config, "--data-dir", elsewhere]] {
        assert_eq!(payhub(words, &[]).code, 2, "{words:?}");
    }
}

#[test]
fn nobody_but_the_hubs_own_user_comes_near() {
    let mut desk = Desk::start();
    let mode = |name: &str| {
        let metadata = std::fs::metadata(desk.world.data_dir().join(name)).expect("it is there");
        metadata.permissions().mode() & 0o777
    };
    for (name, wanted) in
        [("", 0o700), ("operator.sock", 0o600), ("hub.sqlite", 0o600), ("sealing.key", 0o600)]
    {
        assert_eq!(mode(name), wanted, "{name}");
    }
    let socket = std::fs::metadata(desk.world.data_dir().join("operator.sock")).expect("a socket");
    assert!(socket.file_type().is_socket());

    let own = std::fs::metadata("/proc/self").expect("a Linux process").uid();
    if own != 0 {
        // Only the machine's own user can give files away.
        return;
    }
    desk.world.kill_hub();
    let database = desk.world.data_dir().join("hub.sqlite");
    std::os::unix::fs::chown(&database, Some(65_534), Some(65_534)).expect("it can be given away");
    let said = desk.ask(&["keys", "list", "--json"]);
    assert_eq!(said.error().0, "not_allowed");
    assert!(said.out.contains("65534") && said.out.contains("sudo -u"), "{said:?}");
    std::os::unix::fs::chown(&database, Some(0), Some(0)).expect("it can be taken back");
    desk.ask(&["keys", "list"]).done();
}

#[test]
fn who_decides_is_known() {
    let desk = Desk::start();
    let config = desk.world.config_file();
    let config = config.to_str().expect("UTF-8");
    let id = "pi_01m8hfefc31j3wgqxfqb8w8yaq";
    for words in [
        &["quarantine", "accept", id, "--note", "x"][..],
        &["payments", "settle", id, "--not-paid", "--evidence", "x"],
    ] {
        for user in [None, Some(""), Some("  ")] {
            let user: Vec<_> = user.map(|name| ("USER", name)).into_iter().collect();
            let environment = [&SECRETS[..], &user].concat();
            let said = payhub(&[words, &["--config", config]].concat(), &environment);
            assert_eq!((said.code, said.out.as_str()), (1, ""), "{said:?}");
            assert!(said.err.contains("--as NAME"), "{said:?}");
            let said = payhub(&[words, &["--config", config, "--json"]].concat(), &environment);
            assert_eq!(said.error(), ("invalid_field".to_owned(), "as".to_owned()));
        }
        // Named, it gets as far as the payment, which is not there.
        let named = payhub(&[words, &["--config", config, "--json", "--as", "Nora"]].concat(), &SECRETS);
        assert_eq!(named.error().0, "not_found");
    }
}

#[test]
fn a_database_of_the_first_schema_is_brought_up_to_date() {
    let mut desk = desk_that_never_ran();
    let folder = desk.world.data_dir();
    std::fs::create_dir(&folder).expect("a folder");
    std::fs::write(folder.join("sealing.key"), "ab".repeat(32)).expect("a key");
    std::fs::set_permissions(folder.join("sealing.key"), std::fs::Permissions::from_mode(0o600))
        .expect("a mode");
    let sql = std::fs::read_to_string(FIRST_SCHEMA).expect("the first schema");
    {
        use sha2::Digest;
        let connection = database(&desk);
        connection.pragma_update(None, "application_id", 0x5079_4862).expect("whose it is");
        connection
            .execute_batch(
                "CREATE TABLE schema_versions (
                    version INTEGER NOT NULL PRIMARY KEY, name TEXT NOT NULL, sha256 TEXT NOT NULL) STRICT",
            )
            .expect("a table");
        connection.execute_batch(&sql).expect("the first schema");
        let sha256 = hex::encode(sha2::Sha256::digest(&sql));
        connection
            .execute("INSERT INTO schema_versions VALUES (1, '0001_first', ?1)", [sha256])
            .expect("its version");
        connection
            .execute(
                "INSERT INTO api_keys VALUES ('main', 0, 'oldkey12', zeroblob(32), 'old shop', 1, NULL)",
                [],
            )
            .expect("a key of then");
    }
    let migrated = desk.ask(&["migrate", "--json"]).json();
    let newest = migrated["to"].clone();
    assert!(migrated["from"] == 1 && newest.as_i64() > Some(1), "{migrated}");
    let again = desk.ask(&["migrate", "--json"]).json();
    assert_eq!((&again["from"], &again["to"]), (&newest, &newest));
    assert!(desk.ask(&["migrate"]).done().contains("nothing to do"));
    // A key of before could do everything, and still can.
    let listed = desk.ask(&["keys", "list", "--json"]).json();
    assert_eq!(listed["data"][0]["scopes"].as_array().map(Vec::len), Some(7), "{listed}");
    desk.world.start_hub();
    let made = desk.ask(&["keys", "create", "--name", "x", "--mode", "test", "--json"]).json();
    desk.world.api.key = text(&made, "key");
    desk.paid("order-1");
    assert_eq!(desk.ask(&["migrate", "--json"]).error().0, "in_use");
}

#[test]
fn a_new_place_is_made_by_migrate_and_then_served() {
    let mut desk = desk_that_never_ran();
    let made = desk.ask(&["migrate"]).done();
    assert!(made.contains("was made at schema version"), "{made}");
    let key = desk.ask(&["keys", "create", "--name", "live shop", "--mode", "live", "--json"]).json();
    desk.world.start_hub();
    assert_eq!(desk.under(&text(&key, "key"), "GET", "/v1/refunds", &Value::Null).status, 200);
}

#[test]
fn a_newer_database_is_left_alone() {
    let mut desk = Desk::start();
    desk.world.kill_hub();
    database(&desk)
        .execute("INSERT INTO schema_versions VALUES (99, '0099_later', 'x')", [])
        .expect("a newer version");
    let said = refused_to_serve(&desk);
    for part in ["schema version 99", "start the newer payhub, or restore a backup"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    for words in [&["keys", "list", "--json"][..], &["migrate", "--json"]] {
        assert_eq!(desk.ask(words).error().0, "newer_database", "{words:?}");
    }
}

#[test]
fn a_database_without_its_sealing_key_is_not_served() {
    let mut desk = Desk::start();
    desk.world.kill_hub();
    let key = desk.world.data_dir().join("sealing.key");
    let kept = std::fs::read(&key).expect("the key");
    std::fs::remove_file(&key).expect("it can be lost");
    let said = refused_to_serve(&desk);
    assert!(said.contains("there is no sealing key") && said.contains("backup"), "{said}");
    assert_eq!(desk.ask(&["keys", "list", "--json"]).error().0, "cannot_open");
    assert_eq!(desk.ask(&["migrate", "--json"]).error().0, "cannot_open");
    assert!(!key.exists(), "a new key was made");
    std::fs::write(&key, kept).expect("the backup");
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("a mode");
    desk.world.start_hub();
}
