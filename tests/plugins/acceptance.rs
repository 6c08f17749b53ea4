//! A newcomer's plugin takes a payment: the template as it is, in a hub of the real binary, at a real processor.

use serde_json::{Value, json};

use crate::processes::eventually;
use crate::processes::http::{admin, send};
use crate::processes::world::{Kind, World, text};
use crate::support::plugins;

/// A hub whose only connector is the template's plugin, set up as the template's own `connector.toml` says.
fn hub() -> World {
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
    world
}

fn until(world: &World, path: &str, status: &str) -> Value {
    eventually(&format!("{path} {status}"), || {
        Some(world.api.show(path)).filter(|shown| shown["status"] == status)
    })
}

#[test]
fn a_payment_and_a_refund_through_the_template() {
    let world = hub();
    let body = json!({"amount": 1999, "currency": "EUR", "return_url": "http://127.0.0.1:9/thanks"});
    let payment = world.api.post("/v1/payment_intents", "first", &body).expect("an answer");
    assert_eq!(payment.status, 201, "{}", payment.text());
    let payment = payment.json();
    let path = format!("/v1/payment_intents/{}", text(&payment, "id"));
    // The hub sends the shopper to the page that the plugin had opened.
    let page = eventually("the processor's page", || {
        send("GET", &text(&payment, "checkout_url"), &[], b"").expect("an answer").location()
    });
    assert!(page.starts_with(&world.sandbox_url), "{page}");
    let session = page.rsplit('/').next().expect("a session");
    let act = format!("/admin/sessions/{session}/act");
    admin(&world.sandbox_url, "POST", &act, &json!({"action": "pay"}));
    let paid = until(&world, &path, "succeeded");
    assert_eq!(paid["amount_captured"], 1999);
    let body = json!({"payment_intent": paid["id"], "amount": 500});
    let refund = world.api.post("/v1/refunds", "back", &body).expect("an answer");
    assert_eq!(refund.status, 201, "{}", refund.text());
    until(&world, &format!("/v1/refunds/{}", text(&refund.json(), "id")), "succeeded");
    assert_eq!(world.api.show(&path)["amount_refunded"], 500);
    // It was told by a webhook that the plugin verified, and the processor's books say the same.
    let totals = admin(&world.sandbox_url, "GET", "/admin/ledger", &Value::Null)["totals"].clone();
    assert_eq!(totals, json!({"charged": 1999, "refunded": 500}));
    let events = admin(&world.sandbox_url, "GET", "/admin/events", &Value::Null)["data"].clone();
    let events = events.as_array().expect("events").clone();
    assert!(!events.is_empty());
    assert!(
        events.iter().any(|event| event["type"] == "session.paid" && event["delivery"] == "delivered"),
        "{events:?}"
    );
}
