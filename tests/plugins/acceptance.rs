//! A newcomer's plugin takes a payment and gives money back, through the front door of the real binary: in a demo
//! that runs already, and in a hub of one's own.

use serde_json::{Value, json};

use super::shell::plugin;
use crate::operators::desk::{Desk, payhub};
use crate::processes::eventually;
use crate::processes::world::{Kind, World, text};
use crate::support::plugins;

/// From an empty folder to money that came back, with nothing in between but what a newcomer types.
#[test]
fn three_commands_in_an_empty_folder_and_a_payment_in_the_running_demo() {
    let desk = Desk { world: World::start(Kind::Demo) };
    let process = desk.world.hub.as_ref().expect("a demo").id();

    let folder = tempfile::tempdir().expect("a temporary folder");
    assert_eq!(std::fs::read_dir(folder.path()).expect("a folder").count(), 0);
    plugin(folder.path(), &["new", "acme"]).done();
    plugin(folder.path(), &["build", "acme"]).done();
    let report = plugin(folder.path(), &["test", "acme/acme.wasm", "--fixtures", "acme/fixtures"]).done();
    assert!(report.contains("27 laws kept, 0 broken"), "{report}");

    let data_dir = desk.world.data_dir();
    let here = ["--data-dir", data_dir.to_str().expect("UTF-8")];
    let refused = desk.world.api.post("/v1/payment_intents", "early", &wish("early", "acme"));
    let refused = refused.expect("an answer");
    assert!(refused.text().contains("\"code\":\"no_connector\""), "{}", refused.text());
    let said = plugin(folder.path(), &[&["add", "acme/acme.wasm"][..], &here].concat()).done();
    assert_eq!(said, "acme 0.1.0 is in force for acme\n");

    pay_and_give_back(&desk, "acme");
    // It is the file that was built, and the process that ran before it was written.
    let listed = payhub(&[&["plugin", "list", "--json"][..], &here].concat(), &[]).json();
    let built = plugin(folder.path(), &["inspect", "acme/acme.wasm", "--json"]).json();
    let of_acme = json!({ "in_flight": 0, "refundable": 1 });
    assert_eq!(listed["data"].as_array().map(Vec::len), Some(1), "{listed:#}");
    assert_eq!((&listed["data"][0]["sha256"], &listed["data"][0]["payments"]), (&built["sha256"], &of_acme));
    assert_eq!(desk.world.hub.as_ref().expect("a demo").id(), process);
}

/// The template, in a hub whose only connector is as the template's own `connector.toml` says.
#[test]
fn the_templates_connector_is_what_a_config_needs() {
    let mut world = World::prepare(Kind::Serve);
    let folder = world.data_dir().join("plugins");
    std::fs::create_dir_all(&folder).expect("the folder of plugins");
    std::fs::copy(plugins::built("plugins/template-rust"), folder.join("acme.wasm")).expect("the plugin");
    let connector = plugins::workspace().join("plugins/template-rust/connector.toml");
    let connector = std::fs::read_to_string(connector).expect("the template's connector");
    let host = world.sandbox_url.trim_start_matches("http://").to_owned();
    // The processor of these tests has its own port and secrets, and sends its webhooks to this name.
    let mut connector = connector.replace("127.0.0.1:4010", &host);
    for (from, to) in
        [("[connectors.acme]", "[connectors.sandbox]"), ("{ env = \"ACME_", "{ env = \"SANDBOX_")]
    {
        assert!(connector.contains(from), "{from} in connector.toml");
        connector = connector.replace(from, to);
    }
    let config = std::fs::read_to_string(world.config_file()).expect("a config");
    let (head, rest) = config.split_once("[connectors.sandbox]").expect("a connector");
    let tables = rest.find("\n[").map_or("", |start| &rest[start..]);
    std::fs::write(world.config_file(), format!("{head}{connector}{tables}"))
        .expect("the config can be written");
    world.start_hub();
    world.api.key = world.first_key();
    pay_and_give_back(&Desk { world }, "sandbox");
}

fn wish(order: &str, connector: &str) -> Value {
    json!({
        "amount": 1999, "currency": "EUR", "order_reference": order, "connector": connector,
        "return_url": "http://127.0.0.1:9/thanks",
    })
}

/// Takes a payment with a connector and gives a part of it back; the processor's books say the same.
fn pay_and_give_back(desk: &Desk, connector: &str) {
    let answer = desk.world.api.post("/v1/payment_intents", "first", &wish("first", connector));
    let answer = answer.expect("an answer");
    assert_eq!(answer.status, 201, "{}", answer.text());
    let payment = answer.json();
    desk.pay(&desk.open(&payment));
    let id = text(&payment, "id");
    let paid = desk.until(&id, "paid", |payment| payment["status"] == "succeeded");
    assert_eq!(paid["amount_captured"], 1999);
    assert_eq!(paid["attempts"][0]["connector"], connector, "{paid:#}");
    desk.until_refund(&desk.refund(&id, 500), "succeeded");
    assert_eq!(desk.payment(&id)["amount_refunded"], 500);
    assert_eq!(desk.ledger(), (1999, 500));
    // Its webhook was verified by the plugin: nothing else is acknowledged.
    eventually("the processor's webhook is taken", || {
        let events = desk.admin("GET", "events", &Value::Null)["data"].clone();
        let events = events.as_array().expect("events").clone();
        let is_taken = |event: &Value| event["type"] == "session.paid" && event["delivery"] == "delivered";
        events.iter().any(is_taken).then_some(())
    });
}
