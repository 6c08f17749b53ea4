//! Between the hub and PostgreSQL: whoever asks while that is away hears so, and soon, and is never told that
//! something was done which was not.

use std::time::Duration;

use private_postgres::Cluster;
use serde_json::json;

use super::line::{FarEnd, Fault, Line, Strikes};
use super::{Figures, Scene, alone};
use crate::processes::dice::Dice;
use crate::processes::http::send;
use crate::processes::now;
use crate::processes::world::World;

/// What is drawn for this place.
const PURPOSE: u64 = 0x00DA_7ABA;
/// How long the hub waits for a server that restarts, and how long one that stays away: its limits are 12 and 4
/// seconds, and the machine may be busy.
const FIRST_REFUSAL_TIME_MAX: Duration = Duration::from_secs(20);
const REFUSAL_TIME_MAX: Duration = Duration::from_secs(10);
/// Statements and rows are many at the beginning of a connection.
const STRIKES: Strikes = Strikes { bytes_max: (60_000, 40_000), lost_percent: 0 };

/// Every fault so many times, each time with another seed.
pub(super) fn prove(seed: u64, rounds: u64) -> Figures {
    let mut dice = Dice::new(seed ^ PURPOSE);
    let url = Cluster::shared().database();
    let (_, name) = url.rsplit_once('/').expect("a database");
    let socket = Cluster::shared().folder().join(".s.PGSQL.5432");
    let line = Line::start(FarEnd::Socket(socket), STRIKES, dice.next());
    let world = World::start_on(format!("postgres://payhub@{}/{name}", line.address));
    let mut scene = Scene::new(world, line);
    for round in 0..rounds {
        for fault in Fault::ALL {
            let name = format!("database-{}-{round}", fault.name());
            let mut refusal = Duration::ZERO;
            scene.row(&name, fault, &mut dice, |scene, place| {
                if fault.leads_nowhere() {
                    refusal = refuses(scene, &name);
                } else {
                    scene.get_on(place);
                }
                vec![]
            });
            if fault.leads_nowhere() {
                let wish = scene.create(&name, "automatic");
                let answer = wish.acknowledged.as_ref().expect("an answer");
                assert_eq!(answer.status, 201, "{name}: the same key is done in the end: {}", answer.text());
                scene.stories.push(alone(wish));
            }
            let refusal_ms = u64::try_from(refusal.as_millis()).expect("a short time");
            scene.figures.longest_refusal_ms = scene.figures.longest_refusal_ms.max(refusal_ms);
        }
    }
    scene.end()
}

/// Without its database the hub says so and when to come again; how long that took.
fn refuses(scene: &Scene, name: &str) -> Duration {
    let base_url = &scene.world.api.base_url;
    let mut first = Duration::ZERO;
    for (number, time_max) in [FIRST_REFUSAL_TIME_MAX, REFUSAL_TIME_MAX].into_iter().enumerate() {
        let began = now();
        let answer = scene.create(name, "automatic").acknowledged.expect("an answer");
        let took = now() - began;
        let problem = answer.json();
        assert_eq!(
            (answer.status, &problem["code"]),
            (503, &json!("storage_unavailable")),
            "{name}: {problem}"
        );
        assert_eq!(problem["retryable"], true, "{name}");
        assert!(answer.header("retry-after").is_some(), "{name}: {answer:?}");
        assert!(took <= time_max, "{name}: refusal {number} took {} ms", took.as_millis());
        first = first.max(took);
    }
    let began = now();
    let ready = send("GET", &format!("{base_url}/readyz"), &[], b"").expect("an answer");
    assert_eq!(ready.status, 503, "{name}: a hub without its database is not ready");
    let alive = send("GET", &format!("{base_url}/healthz"), &[], b"").expect("an answer");
    assert_eq!(alive.status, 200, "{name}: it is alive all the same");
    assert!(now() - began <= REFUSAL_TIME_MAX, "{name}: whether it is ready is said late");
    first
}
