//! Between the hub and the merchant's endpoints: each has a line of its own, with a fault of its own, all at
//! once. The endpoint whose line is good hears everything while the others hear nothing; afterwards they hear
//! it too.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::runtime::Runtime;

use super::line::{FarEnd, Fault, Line, Strikes};
use super::{Figures, Scene, alone};
use crate::processes::dice::Dice;
use crate::processes::http::send;
use crate::processes::world::{MERCHANTS_HERE, World, text};
use crate::processes::{eventually, look_until};
use crate::reliability::load::{Place, shop_and_always_pay};
use crate::support::receiver::Receiver;

/// What is drawn for this place.
const PURPOSE: u64 = 0x003E_2C4A;
/// Payments that each endpoint hears of.
const PAYMENTS: u64 = 2;
/// Events of each: created, processing or not, succeeded, and the order's.
const EVENTS_OF_PAYMENT_MIN: usize = 3;
/// How long an endpoint may have to wait for what it missed: the second retry is after five minutes.
const RETRY_TIME_MAX: Duration = Duration::from_secs(330);
/// A delivery is more than a thousand bytes, its answer about a hundred.
const STRIKES: Strikes = Strikes { bytes_max: (1_000, 60), lost_percent: 100 };
/// Deliveries end soon.
const TIME_MAX: &str = "timeout_s = 2\n";

/// An endpoint, as the hub knows it.
struct Endpoint {
    name: String,
    id: String,
    secret: String,
    receiver: Receiver,
    line: Option<(Fault, Line)>,
}

/// Every fault so many times, each time with another seed.
pub(super) fn prove(seed: u64, rounds: u64) -> Figures {
    let mut dice = Dice::new(seed ^ PURPOSE);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    let mut line = None;
    let line_seed = dice.next();
    let world = World::start_through(&format!("{MERCHANTS_HERE}{TIME_MAX}"), |processor| {
        let strikes = Strikes { bytes_max: (1, 1), lost_percent: 0 };
        line.insert(Line::start(FarEnd::Port(processor), strikes, line_seed)).address
    });
    let mut scene = Scene::new(world, line.expect("the hub was led through it"));
    for round in 0..rounds {
        round_of_all(&mut scene, &runtime, round, &mut dice);
    }
    scene.world.verify();
    scene.figures
}

fn round_of_all(scene: &mut Scene, runtime: &Runtime, round: u64, dice: &mut Dice) {
    let faults = Fault::ALL.map(Some).into_iter().chain([None]);
    let endpoints: Vec<Endpoint> = faults
        .map(|fault| endpoint(&scene.world, runtime, &format!("merchant-{round}"), fault, dice.next()))
        .collect();
    let good = endpoints.last().expect("the one whose line is good");
    let place = Place::new(&[&scene.world.api], &scene.world.sandbox_url);
    let mut paid = BTreeSet::new();
    for number in 0..PAYMENTS {
        let own = scene.create(&format!("merchant-{round}-{number}"), "automatic");
        let created = own.acknowledged.as_ref().expect("an answer").json();
        shop_and_always_pay(&place, &text(&created, "checkout_url"));
        paid.insert(text(&created, "id"));
        scene.stories.push(alone(own));
    }
    let events: BTreeMap<String, Value> = eventually("all are paid", || told(&scene.world, &paid));
    assert!(events.len() >= paid.len() * EVENTS_OF_PAYMENT_MIN, "{events:?}");
    // While none of the others hears what it should.
    eventually("the good endpoint hears everything", || hears(good, &events).then_some(()));
    for endpoint in &endpoints {
        let Some((fault, line)) = &endpoint.line else { continue };
        eventually(&format!("{} is struck", endpoint.name), || {
            (line.struck() > 0 || (*fault == Fault::Refuse && was_refused(&scene.world, endpoint)))
                .then_some(())
        });
        scene.figures.struck += line.struck();
        line.set(Fault::None);
    }
    for endpoint in &endpoints {
        let heard = look_until(RETRY_TIME_MAX, || hears(endpoint, &events).then_some(()));
        assert!(heard.is_some(), "{} has not heard everything", endpoint.name);
        eventually(&format!("all is delivered to {}", endpoint.name), || {
            deliveries(&scene.world, endpoint)
                .iter()
                .all(|delivery| delivery["state"] == "delivered")
                .then_some(())
        });
        genuine(endpoint, &events);
        silence(&scene.world, endpoint);
        scene.figures.events += u64::try_from(events.len()).expect("a count");
        scene.figures.rows += u64::from(endpoint.line.is_some());
    }
    scene.figures.payments += PAYMENTS;
}

fn endpoint(world: &World, runtime: &Runtime, name: &str, fault: Option<Fault>, seed: u64) -> Endpoint {
    let name = format!("{name}-{}", fault.unwrap_or(Fault::None).name());
    let receiver = runtime.block_on(Receiver::start());
    let (_, host) = receiver.url.split_once("//").expect("a URL");
    let place = host.split('/').next().expect("a host").parse().expect("an address");
    let line = fault.map(|fault| {
        let line = Line::start(FarEnd::Port(place), STRIKES, seed);
        line.set(fault);
        (fault, line)
    });
    let url = line.as_ref().map(|(_, line)| format!("http://{}/hooks", line.address));
    let body = json!({ "url": url.as_ref().unwrap_or(&receiver.url) });
    let registered = world.api.post("/v1/webhook_endpoints", &name, &body).expect("an answer");
    assert_eq!(registered.status, 201, "{}", registered.text());
    let registered = registered.json();
    Endpoint { id: text(&registered, "id"), secret: text(&registered, "secret"), name, receiver, line }
}

/// All events of these payments, once each of them is paid.
fn told(world: &World, paid: &BTreeSet<String>) -> Option<BTreeMap<String, Value>> {
    let succeeded =
        |id: &String| world.api.show(&format!("/v1/payment_intents/{id}"))["status"] == "succeeded";
    if !paid.iter().all(succeeded) {
        return None;
    }
    let events = paid.iter().flat_map(|id| world.api.list(&format!("/v1/events?payment_intent={id}")));
    Some(events.map(|event| (text(&event, "id"), event)).collect())
}

/// Whether it has heard of all of them.
fn hears(endpoint: &Endpoint, events: &BTreeMap<String, Value>) -> bool {
    let received = endpoint.receiver.received();
    let heard: BTreeSet<&str> = received.iter().map(|one| one.header("webhook-id")).collect();
    events.keys().all(|id| heard.contains(id.as_str()))
}

/// What it heard is signed and true, however often it came.
fn genuine(endpoint: &Endpoint, events: &BTreeMap<String, Value>) {
    for one in endpoint.receiver.received() {
        let id = one.header("webhook-id").to_owned();
        assert!(one.is_signed_with(&endpoint.secret), "{}: {id} is not signed", endpoint.name);
        let Some(event) = events.get(&id) else { panic!("{} heard of {id}", endpoint.name) };
        assert_eq!(&one.json(), event, "{}: {id}", endpoint.name);
    }
}

fn deliveries(world: &World, endpoint: &Endpoint) -> Vec<Value> {
    world.api.list(&format!("/v1/webhook_endpoints/{}/deliveries", endpoint.id))
}

fn was_refused(world: &World, endpoint: &Endpoint) -> bool {
    let failure = |delivery: &Value| delivery["last_try"]["failure"].is_string();
    deliveries(world, endpoint).iter().any(failure)
}

/// Nothing is sent there in later rounds.
fn silence(world: &World, endpoint: &Endpoint) {
    let headers =
        [("authorization", format!("Bearer {}", world.api.key)), ("content-type", "application/json".into())];
    let headers = headers.each_ref().map(|(name, value)| (*name, value.as_str()));
    let url = format!("{}/v1/webhook_endpoints/{}", world.api.base_url, endpoint.id);
    let answer = send("PATCH", &url, &headers, br#"{"enabled": false}"#).expect("an answer");
    assert_eq!(answer.status, 200, "{}", answer.text());
}
