//! What goes wrong, and when: crashes, cut lines, a database that restarts, a processor with bad days, a
//! merchant that is away. All of it is over when calm begins.

use std::sync::Arc;

use serde_json::json;

use super::database::Server;
use super::network::{Link, micros};
use super::processor::Processor;
use super::replica::{Cluster, Neighborhood};
use super::shop::Shop;
use super::timeline::{HOUR, MS, SECOND};
use super::world::World;
use crate::processes::dice::Dice;

/// When trouble begins to end.
const TROUBLE_US: i64 = 420 * SECOND;
/// What may happen to a request at the processor ...
const REQUEST_FAULTS: [&str; 7] =
    ["drop_before", "drop_after", "error_before", "error_after", "garbage", "throttle", "stall"];
/// ... and to its webhooks.
const WEBHOOK_FAULTS: [&str; 9] =
    ["duplicate", "late", "out_of_order", "forged", "stale", "flipped", "drop", "unsigned", "thin"];
/// Longest stall: longer than the hub waits.
const STALL_MS: u64 = 40_000;

/// Everybody who can get into trouble.
pub(crate) struct Trouble {
    pub(crate) around: Arc<Neighborhood>,
    pub(crate) cluster: Arc<Cluster>,
    pub(crate) shop: Arc<Shop>,
}

impl Trouble {
    fn world(&self) -> &Arc<World> {
        &self.around.world
    }

    fn links(&self) -> Vec<Arc<Link>> {
        let mut links = vec![
            Arc::clone(&self.shop.cart_link),
            Arc::clone(&self.shop.browser_link),
            Arc::clone(self.around.processor.webhook_link()),
        ];
        for replica in &self.cluster.replicas {
            links.extend([&replica.to_database, &replica.to_processor, &replica.to_merchant].map(Arc::clone));
        }
        links
    }

    /// Everything that this seed has in store, from the first bad moment to the last.
    pub(crate) async fn happen(self: &Arc<Self>) {
        let mut dice = self.world().dice("trouble");
        self.bad_weather(&mut dice);
        self.bad_processor(&mut dice).await;
        let mut troubles = tokio::task::JoinSet::new();
        for number in 0..dice.between(0, 4) {
            let (trouble, mut own) = (Arc::clone(self), Dice::new(dice.next()));
            troubles.spawn(async move { trouble.crash(&mut own, number).await });
        }
        for _ in 0..dice.between(0, 3) {
            let (trouble, mut own) = (Arc::clone(self), Dice::new(dice.next()));
            troubles.spawn(async move { trouble.cut_line(&mut own).await });
        }
        for _ in 0..dice.between(0, 2) {
            let (trouble, mut own) = (Arc::clone(self), Dice::new(dice.next()));
            troubles.spawn(async move { trouble.neighbor_away(&mut own).await });
        }
        self.world().timeline.sleep(TROUBLE_US).await;
        while let Some(over) = troubles.join_next().await {
            over.expect("trouble comes to its end");
        }
        self.calm().await;
    }

    /// All lines are good, everybody is up, nobody refuses anything.
    async fn calm(&self) {
        for link in self.links() {
            link.set(|weather| *weather = super::network::Weather::default());
        }
        self.around.merchant.refuses(0);
        let processor = &self.around.processor;
        processor.admin("DELETE", "faults", None).await;
        processor.admin("POST", "flush", Some(json!({}))).await;
        self.world().note("calm", b"");
    }

    fn bad_weather(&self, dice: &mut Dice) {
        let lost = *dice.pick(&[0, 0, 1, 3, 8, 15]);
        for link in self.links() {
            let (lost_percent, slow_percent) = (dice.between(0, lost), *dice.pick(&[0, 2, 10]));
            link.set(|weather| (weather.lost_percent, weather.slow_percent) = (lost_percent, slow_percent));
        }
        self.around.merchant.refuses(*dice.pick(&[0, 0, 10, 40]));
    }

    async fn bad_processor(&self, dice: &mut Dice) {
        let rate = *dice.pick(&[0, 3, 6, 10]);
        let rules = REQUEST_FAULTS.map(|fault| ("any", fault));
        let rules = rules.into_iter().chain(WEBHOOK_FAULTS.map(|fault| ("webhook", fault)));
        for (operation, fault) in rules {
            let rule = json!({
                "operation": operation, "fault": fault, "times": 0, "rate": dice.between(0, rate),
                "stall_ms": STALL_MS,
            });
            self.around.processor.admin("POST", "faults", Some(rule)).await;
        }
    }

    async fn crash(&self, dice: &mut Dice, number: u64) {
        let timeline = &self.world().timeline;
        timeline.sleep(micros(dice, SECOND, TROUBLE_US)).await;
        let replica = dice.pick(&self.cluster.replicas);
        self.world().note("crash", &number.to_be_bytes());
        replica.crash();
        if dice.chance(25) {
            replica.lose_disk();
        }
        timeline.sleep(micros(dice, 100 * MS, 60 * SECOND)).await;
        // Another crash of the same machine may have begun a life meanwhile.
        replica.crash();
        replica.start();
    }

    async fn cut_line(&self, dice: &mut Dice) {
        let timeline = &self.world().timeline;
        timeline.sleep(micros(dice, SECOND, TROUBLE_US)).await;
        let replica = dice.pick(&self.cluster.replicas);
        let lines = [&replica.to_database, &replica.to_database, &replica.to_processor, &replica.to_merchant];
        let link = *dice.pick(&lines);
        self.world().count("partitions");
        link.set(|weather| weather.is_cut = true);
        timeline.sleep(micros(dice, SECOND, 90 * SECOND)).await;
        link.set(|weather| weather.is_cut = false);
    }

    /// The database, the processor or the merchant is away, now and then for an hour.
    async fn neighbor_away(&self, dice: &mut Dice) {
        let timeline = &self.world().timeline;
        timeline.sleep(micros(dice, SECOND, TROUBLE_US)).await;
        let (server, processor): (&Arc<Server>, &Arc<Processor>) =
            (&self.around.database, &self.around.processor);
        let host = *dice.pick(&[&server.host, &processor.host, &processor.host, &self.around.merchant.host]);
        self.world().count("outages");
        host.crash();
        let long = !Arc::ptr_eq(host, &server.host) && dice.chance(15);
        let us = if long { HOUR } else { micros(dice, 100 * MS, 45 * SECOND) };
        timeline.sleep(us).await;
        host.up();
    }
}
