//! The database as a whole by command: verified beside a running hub and without one, and moved to PostgreSQL.

use private_postgres::Cluster;
use rusqlite::Connection;
use serde_json::json;

use super::desk::{Desk, OPERATOR, Said, payhub};
use crate::processes::world::{Kind, SECRETS, World};

/// A paid payment of which something was given back; its id.
fn refunded(desk: &Desk) -> String {
    let id = desk.paid("order-1");
    let refund = desk.refund(&id, 500);
    desk.until_refund(&refund, "succeeded");
    id
}

fn damage(desk: &Desk, sql: &str) {
    let file = desk.world.data_dir().join("hub.sqlite");
    Connection::open(file).expect("the database").execute_batch(sql).expect("it can be damaged");
}

/// `payhub db copy` of this hub, to what the environment's TARGET says.
fn copy(desk: &Desk, target: &str, words: &[&str]) -> Said {
    let config = desk.world.config_file();
    let all = [&["db", "copy", "--config", config.to_str().expect("UTF-8")], words].concat();
    payhub(&all, &[&SECRETS[..], &[("USER", OPERATOR), ("TARGET", target)]].concat())
}

#[test]
fn a_database_is_verified_beside_its_hub_and_without_one() {
    let mut desk = Desk::start();
    let id = refunded(&desk);
    let verify = ["db", "verify", "--json"];
    let report = desk.ask(&verify).json();
    assert_eq!((&report["payments"], &report["findings"]), (&json!(1), &json!([])), "{report}");
    assert_eq!(report["journals"], 2, "a capture and a refund: {report}");
    assert!(desk.ask(&["db", "verify"]).done().contains("everything agrees"));

    desk.world.kill_hub();
    assert!(desk.ask(&["db", "verify"]).done().contains("read 1 payments"));
    damage(&desk, "UPDATE payments SET amount = amount + 1");
    let said = desk.ask(&["db", "verify"]);
    assert_eq!((said.code, said.err.as_str()), (1, ""), "{said:?}");
    assert!(
        said.out.contains(&format!("{id}: columns: expected amount 1999; found amount 2000")),
        "{said:?}"
    );
    let said = desk.ask(&verify);
    let report: serde_json::Value = serde_json::from_str(&said.out).expect("JSON");
    let finding = &report["findings"][0];
    assert_eq!(
        (said.code, &finding["check"], &finding["payment_intent"]),
        (1, &json!("columns"), &json!(id))
    );
}

#[test]
fn what_cannot_be_read_is_not_called_good() {
    let mut desk = Desk { world: World::prepare(Kind::Serve) };
    let said = desk.ask(&["db", "verify"]);
    assert_eq!((said.code, said.out.as_str()), (2, ""), "{said:?}");
    assert!(said.err.contains("there is no database of a hub at"), "{said:?}");
    assert!(!desk.world.data_dir().exists(), "something was made");
    let said = desk.ask(&["db", "verify", "--json"]);
    assert!(said.code == 2 && said.out.contains("no_database"), "{said:?}");
    assert_eq!(payhub(&["db", "verify"], &[]).code, 2);
    desk.world.start_hub();
    desk.world.kill_hub();
    damage(&desk, "INSERT INTO schema_versions VALUES (99, '0099_later', 'x')");
    let said = desk.ask(&["db", "verify"]);
    assert!(said.code == 2 && said.err.contains("schema version 99"), "{said:?}");
}

#[test]
fn a_stopped_hub_moves_to_postgresql_and_goes_on_there() {
    let mut desk = Desk::start();
    let id = refunded(&desk);
    let target = Cluster::shared().database();
    let busy = copy(&desk, &target, &["--to", "env:TARGET", "--json"]);
    assert_eq!(busy.error().0, "in_use");
    desk.world.kill_hub();

    for (to, field) in [("env:NOT_SET", "to"), ("postgres://u:hunter2@db.example/x", "to"), ("shop", "to")] {
        let said = copy(&desk, &target, &["--to", to, "--json"]);
        assert_eq!(said.error(), ("invalid_field".to_owned(), field.to_owned()), "{to}");
        assert!(!said.out.contains("hunter2"), "{said:?}");
    }
    let said = copy(&desk, &target, &["--to", "env:TARGET"]).done();
    for part in ["Read there: 1 payments", "must not be used any more", "database = { env = \"TARGET\" }"] {
        assert!(said.contains(part), "{part} is not in {said}");
    }
    let again = copy(&desk, &target, &["--to", "env:TARGET", "--json"]);
    assert_eq!(again.error().0, "not_empty");

    let config = std::fs::read_to_string(desk.world.config_file()).expect("the config");
    let config = format!("database = \"{target}\"\n{config}");
    std::fs::write(desk.world.config_file(), config).expect("the config can be written");
    let report = desk.ask(&["db", "verify", "--json"]).json();
    assert_eq!((&report["payments"], &report["findings"]), (&json!(1), &json!([])), "{report}");
    let named = copy(&desk, &target, &["--to", "env:TARGET", "--json"]);
    assert_eq!(named.error(), ("config".to_owned(), "database".to_owned()));
    // The same key opens it, the payment is there, and more can be given back.
    desk.world.start_hub();
    assert_eq!(desk.payment(&id)["amount_refunded"], 500);
    let refund = desk.refund(&id, 700);
    desk.until_refund(&refund, "succeeded");
    assert!(desk.ask(&["db", "verify"]).done().contains("everything agrees"));
}
