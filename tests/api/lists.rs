//! Lists: everything once, newest first, in pages; filters that filter; queries that are refused.

use payhub::http::problem::Kind;
use serde_json::{Value, json};

use super::problem::refused;
use super::world::{LISTS, World};
use crate::support::cart::Cart;
use crate::support::receiver::Receiver;
use crate::support::{TestHub, id};

/// What names an item of a list.
fn name(item: &Value) -> String {
    let name = ["id", "event", "name"].iter().find_map(|member| item[member].as_str());
    name.unwrap_or_else(|| panic!("no name in {item}")).to_owned()
}

/// All pages of a list, as names.
async fn walk(cart: &Cart, path: &str, limit: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut cursor = String::new();
    let separator = if path.contains('?') { '&' } else { '?' };
    loop {
        let page = cart.get(&format!("{path}{separator}limit={limit}{cursor}")).await.expect(200);
        assert_eq!(page["object"], "list");
        let items = page["data"].as_array().expect("a list");
        names.extend(items.iter().map(name));
        let Some(next) = page["next_cursor"].as_str() else {
            assert!(items.len() <= limit && page["next_cursor"].is_null());
            return names;
        };
        assert_eq!(items.len(), limit, "{path}: only the last page is not full");
        cursor = format!("&cursor={next}");
    }
}

/// Checks that a list gives these, in this order, whatever the size of its pages.
async fn gives(cart: &Cart, path: &str, expected: &[String]) {
    for limit in [1, 2, 3, expected.len().clamp(1, 100), 100] {
        assert_eq!(walk(cart, path, limit).await, expected, "{path} in pages of {limit}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_once_newest_first() {
    let hub = TestHub::builder().connectors(2).start().await;
    let cart = &hub.cart;
    let merchant = Receiver::start().await;
    let mut endpoints = Vec::new();
    for _ in 0..3 {
        endpoints.insert(0, merchant.register(&hub, &[]).await.id);
    }
    let (mut intents, mut canceled, mut of_a_reference) = (Vec::new(), Vec::new(), Vec::new());
    for number in 0..7 {
        let wish = json!({ "order_reference": format!("order {}", number % 2), "allow_duplicate": true });
        let intent = cart.create(wish).await;
        intents.insert(0, id(&intent).to_owned());
        if number % 3 == 0 {
            cart.cancel(id(&intent)).await.expect(200);
            canceled.insert(0, id(&intent).to_owned());
        }
        if number % 2 == 1 {
            of_a_reference.insert(0, id(&intent).to_owned());
        }
    }
    gives(cart, "/v1/payment_intents", &intents).await;
    gives(cart, "/v1/payment_intents?status=canceled", &canceled).await;
    gives(cart, "/v1/payment_intents?status=succeeded", &[]).await;
    gives(cart, "/v1/payment_intents?order_reference=order+1", &of_a_reference).await;
    gives(cart, "/v1/payment_intents?order_reference=order%201&status=canceled", &[intents[3].clone()]).await;
    gives(cart, "/v1/payment_intents?order_reference=nobody%27s", &[]).await;
    gives(cart, "/v1/webhook_endpoints", &endpoints).await;
    gives(cart, "/v1/connectors", &["sandbox_a".to_owned(), "sandbox_b".to_owned()]).await;

    let all = walk(cart, "/v1/events", 100).await;
    assert_eq!(all.len(), 7 + 3, "one event for each intent and each cancellation");
    assert!(all.windows(2).all(|pair| pair[0] > pair[1]), "{all:?}");
    gives(cart, "/v1/events", &all).await;
    gives(cart, &format!("/v1/webhook_endpoints/{}/deliveries", endpoints[0]), &all).await;
    assert_eq!(walk(cart, "/v1/events?type=payment_intent.canceled", 2).await.len(), 3);
    assert_eq!(walk(cart, "/v1/events?type=payment_intent.created", 2).await.len(), 7);
    gives(cart, "/v1/events?type=refund.created", &[]).await;
    let of_the_last: Vec<String> = cart.events(&canceled[0]).await.iter().rev().map(name).collect();
    gives(cart, &format!("/v1/events?payment_intent={}", canceled[0]), &of_the_last).await;
    let created = format!("/v1/events?payment_intent={}&type=payment_intent.created", canceled[0]);
    gives(cart, &created, &of_the_last[1..]).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn refunds_and_disputes_too() {
    let hub = TestHub::start().await;
    let cart = &hub.cart;
    let (mut refunds, mut of_the_last) = (Vec::new(), Vec::new());
    let mut last = String::new();
    for _ in 0..2 {
        let intent = cart.create(json!({})).await;
        hub.shopper().open(&intent).await.pay().await;
        of_the_last.clear();
        id(&intent).clone_into(&mut last);
        for _ in 0..3 {
            let refund = cart.refund(&last, Some(10)).await.expect(201);
            refunds.insert(0, id(&refund).to_owned());
            of_the_last.insert(0, id(&refund).to_owned());
        }
    }
    for refund in &refunds {
        cart.until_refund(refund, "succeeded").await;
    }
    gives(cart, "/v1/refunds", &refunds).await;
    gives(cart, &format!("/v1/refunds?payment_intent={last}"), &of_the_last).await;
    gives(cart, "/v1/refunds?payment_intent=pi_01k9zq00000000000000000000", &[]).await;

    let references = cart.intent(&last).await["attempts"][0]["references"].clone();
    let payment = references.as_array().expect("references").iter().find(|one| one["kind"] == "payment");
    let payment = payment.expect("the processor's payment")["id"].as_str().expect("an id").to_owned();
    for amount in [1, 2, 3] {
        hub.sandbox.dispute(&payment, Some(amount)).await;
        let opened =
            move |intent: &Value| intent["amount_disputed"].as_i64() == Some(amount * (amount + 1) / 2);
        cart.until(&last, "disputed", opened).await;
    }
    let page = cart.get("/v1/disputes").await.expect(200);
    let amounts: Vec<_> =
        page["data"].as_array().expect("a list").iter().map(|one| one["amount"].as_i64()).collect();
    assert_eq!(amounts, [Some(3), Some(2), Some(1)]);
    let disputes: Vec<String> = page["data"].as_array().expect("a list").iter().map(name).collect();
    gives(cart, "/v1/disputes", &disputes).await;
    hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_somebody_walks_disturbs_nothing() {
    let hub = TestHub::start().await;
    let mut intents = Vec::new();
    for _ in 0..5 {
        intents.insert(0, id(&hub.cart.create(json!({})).await).to_owned());
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    for _ in 0..5 {
        let page = hub.cart.get(&format!("/v1/payment_intents?limit=1{cursor}")).await.expect(200);
        seen.push(name(&page["data"][0]));
        cursor = format!("&cursor={}", page["next_cursor"].as_str().unwrap_or_default());
        hub.cart.create(json!({})).await;
    }
    assert_eq!(seen, intents);
    hub.finish().await;
}

const LIMIT: &str = "must be an integer from 1 to 100";
const CURSOR: &str = "must be the next_cursor of the page before";
const UNKNOWN: &str = "is not a parameter of this list";

/// What every list refuses: query, pointer, fix.
const QUERIES: [(&str, &str, &str); 23] = [
    ("limit=0", "?limit", LIMIT),
    ("limit=101", "?limit", LIMIT),
    ("limit=-1", "?limit", LIMIT),
    ("limit=", "?limit", LIMIT),
    ("limit", "?limit", LIMIT),
    ("limit=many", "?limit", LIMIT),
    ("limit=1.5", "?limit", LIMIT),
    ("limit=1e1", "?limit", LIMIT),
    ("limit=4294967297", "?limit", LIMIT),
    ("limit=%31%30%30%30", "?limit", LIMIT),
    ("cursor=", "?cursor", CURSOR),
    ("cursor=%20", "?cursor", CURSOR),
    ("cursor=a%27b", "?cursor", CURSOR),
    ("cursor=a%00b", "?cursor", CURSOR),
    ("cursor=a%ffb", "?cursor", CURSOR),
    ("cursor=a/b", "?cursor", CURSOR),
    ("page=2777", "?page", UNKNOWN),
    ("Limit=1777", "?Limit", UNKNOWN),
    ("limits=1777", "?limits", UNKNOWN),
    ("starting_after=pi_nobody", "?starting_after", UNKNOWN),
    ("limit=2&limit=3777", "?limit", UNKNOWN),
    ("=1777", "?", UNKNOWN),
    ("a%20b=1777", "?a b", UNKNOWN),
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn queries_that_are_refused() {
    let world = World::start().await;
    let cart = &world.hub.cart;
    let deliveries = format!("/v1/webhook_endpoints/{}/deliveries", world.endpoint);
    for path in LISTS.into_iter().chain([deliveries.as_str()]) {
        for (query, pointer, fix) in QUERIES {
            let value = query.split_once('=').map_or("", |(_, value)| value);
            refused(&cart.get(&format!("{path}?{query}")).await, Kind::Validation, &[(pointer, fix)], value);
        }
        let long = format!("{path}?cursor={}", "x".repeat(101));
        refused(&cart.get(&long).await, Kind::Validation, &[("?cursor", CURSOR)], &long);
        let both = cart.get(&format!("{path}?limit=0&cursor=%20&page=2")).await;
        let errors = [("?limit", LIMIT), ("?cursor", CURSOR), ("?page", UNKNOWN)];
        refused(&both, Kind::Validation, &errors, "");
    }
    for (path, pointer, fix) in [
        ("/v1/payment_intents?status=paid", "?status", "must be a status of payment intents"),
        ("/v1/payment_intents?status=Succeeded", "?status", "must be a status of payment intents"),
        ("/v1/payment_intents?status=", "?status", "must be a status of payment intents"),
        ("/v1/payment_intents?type=payment_intent.created", "?type", UNKNOWN),
        (
            "/v1/events?type=payment_intent.paid",
            "?type",
            "must be an event type, such as payment_intent.succeeded",
        ),
        ("/v1/events?type=*", "?type", "must be an event type"),
        ("/v1/events?payment_intent=nobody", "?payment_intent", "must be the id of a payment intent"),
        ("/v1/events?payment_intent=ord_nobody", "?payment_intent", "must be the id of a payment intent"),
        ("/v1/refunds?payment_intent=", "?payment_intent", "must be the id of a payment intent"),
        ("/v1/disputes?payment_intent=pi_nobody", "?payment_intent", UNKNOWN),
    ] {
        let value = path.split('=').next_back().unwrap_or_default();
        refused(
            &cart.get(path).await,
            Kind::Validation,
            &[(pointer, fix)],
            value.trim_start_matches("payment_intent"),
        );
    }
    world.hub.finish().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cursor_belongs_to_its_list() {
    let world = World::start().await;
    let cart = &world.hub.cart;
    let rows = [
        ("/v1/payment_intents", &world.refund),
        ("/v1/refunds", &world.paid),
        ("/v1/disputes", &world.event),
        ("/v1/events", &world.paid),
        ("/v1/webhook_endpoints", &world.order),
        ("/v1/connectors", &world.paid),
    ];
    for (path, cursor) in rows {
        let answer = cart.get(&format!("{path}?cursor={cursor}")).await;
        refused(&answer, Kind::Validation, &[("?cursor", CURSOR)], cursor);
        let answer = cart.get(&format!("{path}?cursor=zzzz")).await;
        refused(&answer, Kind::Validation, &[("?cursor", CURSOR)], "zzzz");
    }
    world.hub.finish().await;
}
