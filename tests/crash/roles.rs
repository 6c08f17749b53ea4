//! One hub as several processes: each does its part, and together they take a payment.

use serde_json::json;

use crate::operators::desk::payhub;
use crate::processes::binaries;
use crate::processes::eventually;
use crate::processes::http::{Api, send};
use crate::processes::program::Program;
use crate::processes::world::{Kind, SECRETS, World, text};
use crate::reliability::load::{Place, shop_and_always_pay};

/// A process of this world's hub with some of the roles, at a port of its own.
fn process(world: &World, roles: &str) -> (Program, Api) {
    let beside = world.prepare_beside(&roles.replace(',', "-"), &["--roles", roles]);
    (beside.start(), beside.api)
}

/// Paths of each role, and what they answer where that is this process's work.
const PATHS: [(&str, &str, &str, u16); 5] = [
    ("api", "GET", "/v1/payment_intents", 401),
    ("checkout", "GET", "/return/nobody", 404),
    ("webhooks", "POST", "/webhooks/sandbox", 401),
    ("", "GET", "/healthz", 200),
    ("", "GET", "/readyz", 200),
];

/// Whether each path is there exactly where its role is.
fn answers_as(api: &Api, roles: &str) {
    for (role, method, path, status) in PATHS {
        let answer = send(method, &format!("{}{path}", api.base_url), &[], b"").expect("an answer");
        let is_page = answer.header("content-type").is_some_and(|kind| kind.starts_with("text/html"));
        if role.is_empty() || roles.split(',').any(|named| named == role) {
            assert_eq!((answer.status, is_page), (status, role == "checkout"), "{roles}: {method} {path}");
        } else {
            assert_eq!((answer.status, is_page), (404, false), "{roles}: {method} {path}");
        }
    }
}

#[test]
fn processes_share_the_work_of_one_hub() {
    let mut world = World::start_on_server();
    // What is left of it: its database, its sealing key, and its place for shoppers and processors.
    world.kill_hub();
    let (_api, api) = process(&world, "api");
    answers_as(&api, "api");

    let body = json!({ "amount": 1_999, "currency": "EUR", "return_url": "http://127.0.0.1:9/thanks" });
    let created = api.post("/v1/payment_intents", "key", &body).expect("an answer");
    assert_eq!(created.status, 201, "{}", created.text());
    let (id, checkout_url) = (text(&created.json(), "id"), text(&created.json(), "checkout_url"));

    let (worker, at_work) = process(&world, "worker");
    answers_as(&at_work, "worker");
    // The shopper and the processor come to the place that the first one had.
    let front = [world.arguments(), vec!["--roles".to_owned(), "checkout,webhooks".to_owned()]].concat();
    let mut front = Program::start(world.path(), "front", &binaries::payhub(), &front, &SECRETS);
    front.ready(&world.ready_file());
    answers_as(&world.api, "checkout,webhooks");
    let place = Place::new(&[&world.api], &world.sandbox_url);
    shop_and_always_pay(&place, &checkout_url);
    let path = format!("/v1/payment_intents/{id}");
    eventually("it is paid", || (text(&api.show(&path), "status") == "succeeded").then_some(()));

    // Without a worker a refund waits; with one it is done.
    drop(worker);
    let refund = json!({ "payment_intent": id, "amount": 500 });
    let refund = api.post("/v1/refunds", "refund", &refund).expect("an answer");
    assert_eq!((refund.status, text(&refund.json(), "status").as_str()), (201, "pending"));
    let (_worker, _) = process(&world, "webhooks,worker");
    let path = format!("/v1/refunds/{}", text(&refund.json(), "id"));
    eventually("it is given back", || (text(&api.show(&path), "status") == "succeeded").then_some(()));
}

#[test]
fn roles_that_make_no_sense_are_refused() {
    let world = World::prepare(Kind::Serve);
    let config = world.config_file();
    let config = config.to_str().expect("UTF-8");
    for (roles, says) in [
        ("admin", "there is no role \"admin\"; name some of api, checkout, webhooks, worker"),
        ("api,api", "api is named twice"),
        (
            "api,worker",
            "a process with the roles api,worker leaves work to others, and a database file has no others",
        ),
    ] {
        let said = payhub(&["serve", "--config", config, "--roles", roles], &SECRETS);
        assert!(said.code != 0 && said.err.contains(says), "{roles}: {said:?}");
    }
    assert!(!world.data_dir().exists(), "something was made");
}
