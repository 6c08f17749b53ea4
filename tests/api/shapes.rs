//! Objects of the API as they are: a change of the contract shows as a changed file under `golden/`.
//! `UPDATE_GOLDEN=1` writes them anew.

use std::collections::BTreeMap;
use std::path::Path;

use serde_json::{Value, json};

use super::world::World;
use crate::support::cart::Answer;
use crate::support::{eventually, id};

/// What differs from run to run, each value under a name of its own: equal values stay equal.
struct Names<'a> {
    hub: &'a str,
    sandbox: &'a str,
    merchant: &'a str,
    known: BTreeMap<String, String>,
    counts: BTreeMap<String, usize>,
}

impl Names<'_> {
    fn name(&mut self, kind: &str, value: &str) -> String {
        if let Some(known) = self.known.get(value) {
            return known.clone();
        }
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        let name = format!("<{kind} {count}>");
        self.known.insert(value.to_owned(), name.clone());
        name
    }

    fn replace(&mut self, value: &mut Value, field: &str) {
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
            Value::String(text) => *text = self.replaced(text, field),
            Value::Array(items) => {
                // References stand in the order in which they became known.
                if field == "references" {
                    items.sort_by_key(|reference| reference["kind"].to_string());
                }
                items.iter_mut().for_each(|item| self.replace(item, field));
            }
            Value::Object(fields) => fields.iter_mut().for_each(|(name, inner)| self.replace(inner, name)),
        }
    }

    fn replaced(&mut self, text: &str, field: &str) -> String {
        if let Some(token) = text.strip_prefix(self.hub).and_then(|path| path.strip_prefix("/pay/")) {
            assert!(token.len() >= 26, "a token of too few random bits: {text}");
            return "<hub>/pay/<token>".to_owned();
        }
        for (url, name) in [(self.hub, "<hub>"), (self.sandbox, "<sandbox>"), (self.merchant, "<merchant>")] {
            if let Some(path) = text.strip_prefix(url) {
                return format!("{name}{path}");
            }
        }
        let is_time = text.len() >= 20 && text.ends_with('Z') && text.as_bytes().get(10) == Some(&b'T');
        if is_time {
            return "<time>".to_owned();
        }
        if field == "version" {
            return "<version>".to_owned();
        }
        if text.starts_with("whsec_") {
            return "<secret>".to_owned();
        }
        let prefixes =
            ["pi", "ord", "att", "cap", "re", "dp", "evt", "whe", "req", "ss", "pm", "cp", "rf", "dd"];
        match text.split_once('_') {
            Some((prefix, body))
                if prefixes.contains(&prefix) && body.len() >= 8 && !body.contains(['.', '_']) =>
            {
                self.name(prefix, text)
            }
            Some(_) | None => text.to_owned(),
        }
    }
}

/// Compares with the golden file, or writes it.
#[track_caller]
#[expect(clippy::disallowed_methods, reason = "a switch for people, not a setting of the hub")]
fn check(name: &str, found: &Value, wrong: &mut Vec<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("api/golden").join(format!("{name}.json"));
    let text = format!("{}\n", serde_json::to_string_pretty(found).expect("JSON"));
    if std::env::var("UPDATE_GOLDEN").is_ok_and(|value| value == "1") {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, text).expect("a file");
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_default();
    if golden != text {
        wrong.push(format!("tests/api/golden/{name}.json says\n{golden}but the hub says\n{text}"));
    }
}

async fn get(world: &World, path: &str) -> Value {
    world.hub.cart.get(path).await.expect(200)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_are_as_they_were() {
    let world = World::start().await;
    let cart = &world.hub.cart;
    let full = json!({
        "order_reference": "order 7",
        "description": "Two books",
        "lines": [
            { "sku": "b-1", "name": "Book", "quantity": 2, "unit_amount": 1100, "kind": "book", "metadata": { "shelf": "3" } },
            { "name": "Discount", "quantity": 1, "unit_amount": -201 },
        ],
        "customer": { "email": "jane@shop.test", "name": "Jane Doe", "country": "DE", "address": "Main Street 5" },
        "locale": "de-DE",
        "cancel_url": "https://shop.test/cart",
        "capture": "manual",
        "expires_in_s": 3600,
        "metadata": { "channel": "web" },
    });
    let created = cart.create(full).await;
    let order = get(&world, &format!("/v1/orders/{}", created["order"].as_str().expect("an id"))).await;
    let events = cart.events(&world.paid).await;
    let event =
        |kind: &str| events.iter().find(|event| event["type"] == kind).expect("such an event").clone();
    let deliveries = format!("/v1/webhook_endpoints/{}/deliveries?limit=100", world.endpoint);
    let delivered = eventually("a delivery", || async {
        let page = get(&world, &deliveries).await;
        let items = page["data"].as_array().expect("a list").clone();
        items.into_iter().find(|one| one["state"] == "delivered" && one["type"] == "refund.created")
    })
    .await;
    let endpoint = cart
        .ask(
            "/v1/webhook_endpoints",
            json!({ "url": world.merchant.url, "event_types": ["refund.failed"], "description": "books" }),
        )
        .await
        .expect(201);
    world.hub.keep_out_of_the_file(endpoint["secret"].as_str().expect("a secret"));
    let rotated = cart
        .ask(&format!("/v1/webhook_endpoints/{}/rotate_secret", id(&endpoint)), json!({}))
        .await
        .expect(200);
    world.hub.keep_out_of_the_file(rotated["secret"].as_str().expect("a secret"));
    let wrong = |answer: Answer| answer.json();
    let objects = [
        ("payment_intent_created", created.clone()),
        ("payment_intent_authorized", cart.intent(&world.authorized).await),
        ("payment_intent_paid", cart.intent(&world.paid).await),
        ("order_open", order),
        ("order_paid", get(&world, &format!("/v1/orders/{}", world.order)).await),
        ("refund", get(&world, &format!("/v1/refunds/{}", world.refund)).await),
        ("dispute", get(&world, &format!("/v1/disputes/{}", world.dispute)).await),
        ("event_payment_intent", event("payment_intent.succeeded")),
        ("event_order", event("order.paid")),
        ("event_refund", event("refund.created")),
        ("event_dispute", event("dispute.opened")),
        ("webhook_endpoint_created", endpoint.clone()),
        ("webhook_endpoint_rotated", rotated),
        ("webhook_endpoint", get(&world, &format!("/v1/webhook_endpoints/{}", id(&endpoint))).await),
        ("delivery", delivered),
        ("connectors", get(&world, "/v1/connectors").await),
        ("list", get(&world, "/v1/refunds").await),
        ("list_page", get(&world, "/v1/webhook_endpoints?limit=1").await),
        (
            "resend",
            cart.ask(
                &format!("/v1/events/{}/resend", world.event),
                json!({ "webhook_endpoint": world.endpoint }),
            )
            .await
            .expect(202),
        ),
        ("problem_validation", wrong(cart.create_intent(json!({ "amount": 0, "shade": 1 })).await)),
        ("problem_refused", wrong(cart.capture(&world.open, json!({})).await)),
        ("problem_duplicate", wrong(cart.create_intent(json!({ "order_reference": "order 7" })).await)),
        ("problem_not_found", wrong(cart.get("/v1/orders/ord_nobody").await)),
    ];
    let (hub, sandbox) = (world.hub.base_url.clone(), world.hub.sandbox.base_url.clone());
    let merchant = world.merchant.url.trim_end_matches("/hooks").to_owned();
    let mut differences = Vec::new();
    for (name, mut object) in objects {
        let names = BTreeMap::new();
        let mut names = Names {
            hub: &hub,
            sandbox: &sandbox,
            merchant: &merchant,
            known: names,
            counts: BTreeMap::new(),
        };
        names.replace(&mut object, "");
        check(name, &object, &mut differences);
    }
    assert!(differences.is_empty(), "{}", differences.join("\n"));
    world.hub.finish().await;
}
