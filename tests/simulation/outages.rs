//! An hour without one neighbor, on the simulated clock, while shops go on: nothing is lost, everything is told
//! and delivered afterwards, and meanwhile no queue grows but by what is new in it, nor is anybody asked again and
//! again without a pause.

use std::collections::BTreeMap;
use std::sync::Arc;

use hub_core::ids::{MerchantId, Scope};
use payhub::service::Hub;
use payhub::store::{EventFilter, Page, StoreFigures};

use super::replica::{Cluster, Neighborhood};
use super::timeline::{HOUR, SECOND};
use super::world::World;
use super::{Course, simulate_course};
use crate::reliability::Run;

/// Lives of a short run.
const SEEDS_SHORT: u64 = 1;
/// Payments of one life.
pub(super) const PAYMENTS: u64 = 16;
/// When the neighbor goes, and within how long payments are begun: before, meanwhile and afterwards.
const BEGINS_US: i64 = 900 * SECOND;
pub(super) const SPAN_US: i64 = HOUR + 2 * BEGINS_US;
/// Between two looks at the queues.
const LOOK_US: i64 = 60 * SECOND;

/// Jobs that one payment can have at once: its time, its look-up, calls for captures and refunds. Each of its
/// events is a delivery of its own.
const JOBS_OF_PAYMENT_MAX: u64 = 8;
/// Requests to the processor for one payment while that is away, most of them for pages that the shopper loads
/// again and again: two tries of each of at most twelve attempts, and the look-ups of an hour.
const CALLS_OF_PAYMENT_MAX: u64 = 40;
/// Tries of one event within an hour: at once, after 5 seconds, 5 minutes and half an hour.
const TRIES_OF_EVENT_MAX: u64 = 4;

/// Who is away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Away {
    Processor,
    Merchant,
}

#[test]
fn an_hour_without_the_processor_loses_nothing() {
    check("hour_without_processor", Away::Processor);
}

#[test]
fn an_hour_without_the_merchant_loses_nothing() {
    check("hour_without_merchant", Away::Merchant);
}

fn check(name: &'static str, away: Away) {
    let run = Run::begin(name, SEEDS_SHORT, 1);
    let mut counts: BTreeMap<&'static str, u64> = BTreeMap::new();
    for seed in run.seed..run.seed.saturating_add(run.rounds) {
        let outcome = simulate_course(seed, None, Course::Without(away));
        let wrongs = outcome.wrongs.join("\n");
        assert!(outcome.wrongs.is_empty(), "seed {seed}, PROOF_SEED={seed} PROOF_ROUNDS=1: {wrongs}");
        println!("{name} {seed}: {:?}", outcome.counts);
        for (what, count) in outcome.counts {
            *counts.entry(what).or_default() += count;
        }
    }
    for happened in ["asked_in_vain", "payments_succeeded", "events_taken", "looks_at_queues"] {
        assert!(
            counts.contains_key(happened),
            "seed {}: no {happened}, so that nothing was tested",
            run.seed
        );
    }
    counts.insert("seeds", run.rounds);
    run.held(&counts.into_iter().collect::<Vec<_>>());
}

/// Takes a neighbor away for an hour.
pub(super) async fn happen(around: &Arc<Neighborhood>, cluster: &Arc<Cluster>, away: Away) {
    let timeline = &around.world.timeline;
    timeline.sleep(BEGINS_US).await;
    let host = match away {
        Away::Processor => &around.processor.host,
        Away::Merchant => &around.merchant.host,
    };
    let calls = ["requests_to_the_processor", "events_sent"];
    let before = calls.map(|what| around.world.counted(what));
    host.crash();
    let until = timeline.now_us() + HOUR;
    while timeline.now_us() < until {
        timeline.sleep(LOOK_US).await;
        look_at_queues(&around.world, cluster).await;
    }
    let made = [0, 1].map(|number| around.world.counted(calls[number]) - before[number]);
    host.up();
    let Some(hub) = cluster.replicas[0].hub() else { return };
    let events = events(&hub).await;
    let (what, made, most) = match away {
        Away::Processor => ("the processor was asked", made[0], PAYMENTS * CALLS_OF_PAYMENT_MAX),
        Away::Merchant => ("events were sent", made[1], events * TRIES_OF_EVENT_MAX),
    };
    around.world.count_many("asked_in_vain", made);
    around
        .world
        .check(made <= most, || format!("{what} {made} times within the hour, and {most} are enough"));
    // Whoever began last has time to come to an end.
    timeline.sleep(SPAN_US - HOUR).await;
}

/// How many events there are, each with one endpoint to go to.
async fn events(hub: &Hub) -> u64 {
    let scope = Scope { merchant_id: MerchantId::main(), livemode: false };
    let page = Page { after: None, limit: u32::MAX };
    let events = hub.store.public_events(&scope, &EventFilter::default(), &page).await;
    u64::try_from(events.expect("the database is there").len()).expect("a count")
}

/// What waits is bounded by what there is, however long the neighbor is away.
async fn look_at_queues(world: &Arc<World>, cluster: &Arc<Cluster>) {
    let Some(hub) = cluster.replicas[0].hub() else { return };
    let StoreFigures { jobs_due, jobs_held, inbox_waiting, deliveries_pending, .. } =
        hub.store.figures(hub.clock.now()).await.expect("the database is there");
    world.count("looks_at_queues");
    let events = events(&hub).await;
    let jobs_max = PAYMENTS * JOBS_OF_PAYMENT_MAX + events;
    let is_bounded =
        jobs_due + jobs_held <= jobs_max && deliveries_pending <= events && inbox_waiting <= PAYMENTS;
    world.check(is_bounded, || {
        format!("{jobs_due} + {jobs_held} jobs, {inbox_waiting} deliveries in, {deliveries_pending} out")
    });
}
