//! A database that a newer release has been at: an older one refuses it, says which versions and what to do, and
//! leaves everything as it was; one that was left running beside the newer one writes nothing any more.

use std::collections::BTreeMap;
use std::path::Path;

use private_postgres::Cluster;
use serde_json::{Value, json};

use crate::operators::desk::{Desk, OPERATOR, payhub};
use crate::processes::database::Database;
use crate::processes::eventually;
use crate::processes::http::send;
use crate::processes::world::{Kind, SECRETS, World, text};

/// What the newer release tells people to do who start an older one.
const START: &str = "start the newer payhub, or restore a backup from before the upgrade";
const USE: &str = "use the newer payhub that runs on it";

/// Commands that open a database, and their advice.
const COMMANDS: [(&[&str], &str); 6] = [
    (&["serve"], START),
    (&["migrate"], START),
    (&["migrate", "--json"], START),
    (&["keys", "list"], START),
    (&["payments", "list"], START),
    (&["db", "verify"], USE),
];

/// A step that today's hub does not know.
fn upgrade(database: &Database) -> (u32, u32) {
    let (_, known) = database.oldest_and_newest();
    let newer = known + 1;
    database.run(&format!(
        "ALTER TABLE payments ADD COLUMN later TEXT;
         INSERT INTO schema_versions VALUES ({newer}, 'later', '00')"
    ));
    (newer, known)
}

/// Every file in a folder, with what it holds.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let all = std::fs::read_dir(folder).expect("a folder").map(|file| file.expect("a file").path());
    let all = all.filter(|path| path.is_file());
    all.map(|path| (path.display().to_string(), std::fs::read(path).expect("its bytes"))).collect()
}

fn refuses(desk: &Desk, database: &Database) {
    let (newer, known) = upgrade(database);
    let before = (files(&desk.world.data_dir()), database.contents(), database.shape());
    let refused = |words: &[&str], advice: &str| {
        let said = desk.ask(words);
        let text = format!("{}{}", said.out, said.err);
        assert!(said.code == 1 || said.code == 2, "{words:?}: {said:?}");
        for part in [format!("schema version {newer}"), format!(" {known}"), advice.to_owned()] {
            assert!(text.contains(&part), "{words:?}: no {part:?} in {said:?}");
        }
        let code = if words.contains(&"--json") { "newer_database" } else { "" };
        assert!(text.contains(code), "{words:?}: {said:?}");
    };
    for (words, advice) in COMMANDS {
        refused(words, advice);
    }
    if let Database::File(_) = database {
        let target = Cluster::shared().database();
        let config = desk.world.config_file();
        let words = ["db", "copy", "--to", "env:TARGET", "--config", config.to_str().expect("UTF-8")];
        let said = payhub(&words, &[&SECRETS[..], &[("USER", OPERATOR), ("TARGET", &target)]].concat());
        assert!(said.code != 0 && said.err.contains(USE), "{said:?}");
        assert_eq!(Database::Server(target).shape().len(), 0, "the target was begun");
        let said = payhub(&["demo", "--data-dir", desk.world.data_dir().to_str().expect("UTF-8")], &[]);
        assert!(said.code != 0 && format!("{}{}", said.out, said.err).contains(START), "{said:?}");
    }
    let after = (files(&desk.world.data_dir()), database.contents(), database.shape());
    assert!(before == after, "something was written");
}

#[test]
fn a_file_of_a_newer_release_is_refused_untouched() {
    let mut desk = Desk::start();
    desk.paid("order");
    let mut hub = desk.world.hub.take().expect("the hub runs");
    hub.terminate();
    hub.end();
    let database = Database::File(desk.world.data_dir().join("hub.sqlite"));
    refuses(&desk, &database);
}

#[test]
fn a_server_of_a_newer_release_is_refused_untouched() {
    let url = Cluster::shared().database();
    let mut desk = Desk { world: World::start_on(url.clone()) };
    desk.paid("order");
    desk.world.kill_hub();
    let database = Database::Server(url.clone());
    database.end_sessions();
    refuses(&desk, &database);
    // Nor is anything copied there.
    let mut file = Desk { world: World::prepare(Kind::Serve) };
    file.world.start_hub();
    file.world.kill_hub();
    let before = database.contents();
    let config = file.world.config_file();
    let words = ["db", "copy", "--to", "env:TARGET", "--config", config.to_str().expect("UTF-8")];
    let said = payhub(&words, &[&SECRETS[..], &[("USER", OPERATOR), ("TARGET", &url)]].concat());
    assert!(said.code != 0 && said.err.contains(START), "{said:?}");
    assert!(database.contents() == before, "something was written");
}

/// A hub of an older release that nobody stopped before the database was brought up to date.
#[test]
fn a_hub_that_a_newer_release_has_left_behind_changes_nothing() {
    let url = Cluster::shared().database();
    let desk = Desk { world: World::start_on(url.clone()) };
    let database = Database::Server(url);
    let payment = desk.create("before", &json!({}));
    let session = desk.open(&payment);
    let ready =
        || send("GET", &format!("{}/readyz", desk.world.api.base_url), &[], b"").expect("an answer").status;
    assert_eq!(ready(), 200);
    upgrade(&database);
    let contents = database.contents();
    let body = json!({ "amount": 1999, "currency": "EUR", "return_url": "http://127.0.0.1:9/thanks" });
    let refused = desk.world.api.post("/v1/payment_intents", "after", &body).expect("an answer");
    assert_eq!((refused.status, &refused.json()["retryable"]), (503, &json!(true)), "{}", refused.text());
    assert_eq!(ready(), 503);
    // The processor is told to come again, until it gives up.
    desk.pay(&session);
    eventually("the webhook was refused", || {
        desk.admin("POST", "flush", &Value::Null);
        let events = desk.admin("GET", &format!("events?session={session}"), &Value::Null)["data"].clone();
        events.as_array().expect("events").iter().any(|event| event["delivery"] == "failed").then_some(())
    });
    assert_eq!(database.contents(), contents);
    let errors =
        std::fs::read_to_string(&desk.world.hub.as_ref().expect("the hub runs").errors).expect("its log");
    let says = "a newer payhub has brought the database to schema version";
    assert!(errors.contains(says), "{errors}");
    assert_eq!(desk.payment(&text(&payment, "id"))["status"], "requires_checkout");
}
