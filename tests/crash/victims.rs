//! Who is killed, and comes back: a hub, one of two hubs, or the server of their database.

use std::time::Duration;

use private_postgres::Cluster;

use crate::processes::dice::Dice;
use crate::processes::http::Api;
use crate::processes::now;
use crate::processes::program::Program;
use crate::processes::world::{Beside, Kind, World};

/// Of a hundred kills, how many are of the database's server where there is one.
const SERVER_PERCENT: u64 = 15;
/// Of a hundred restarts, how many are killed before they serve.
const STILLBORN_PERCENT: u64 = 25;

/// A hub with all that it needs, each part of which may die.
pub(super) struct Victims {
    pub(super) kind: Kind,
    pub(super) world: World,
    second: Option<(Beside, Program)>,
    cluster: Option<Cluster>,
    pub(super) kills: u64,
    pub(super) kills_of_server: u64,
}

impl Victims {
    /// One hub on a file.
    pub(super) fn on_a_file(kind: Kind) -> Self {
        let world = World::start(kind);
        Self { kind, world, second: None, cluster: None, kills: 0, kills_of_server: 0 }
    }

    /// Two hubs on a server of their own.
    pub(super) fn on_a_server() -> Self {
        let cluster = Cluster::start();
        let world = World::start_on(cluster.database());
        let second = world.prepare_beside("second", &[]);
        let program = second.start();
        let (second, cluster) = (Some((second, program)), Some(cluster));
        Self { kind: Kind::Serve, world, second, cluster, kills: 0, kills_of_server: 0 }
    }

    /// Every hub.
    pub(super) fn hubs(&self) -> Vec<&Api> {
        [&self.world.api].into_iter().chain(self.second.as_ref().map(|(second, _)| &second.api)).collect()
    }

    /// Kills one of them and starts it again.
    pub(super) fn kill_one(&mut self, dice: &mut Dice) {
        if let Some(cluster) = &self.cluster
            && dice.chance(SERVER_PERCENT)
        {
            cluster.kill();
            self.kills_of_server += 1;
            self.kills += 1;
            cluster.begin();
            return;
        }
        if let Some((second, program)) = &mut self.second
            && dice.chance(50)
        {
            program.kill();
            self.kills += 1 + stillborn(dice, || second.spawn());
            *program = second.start();
            return;
        }
        self.world.kill_hub();
        self.kills += 1 + stillborn(dice, || self.world.spawn_hub());
        let ready = self.world.start_hub();
        if let Some(sandbox_url) = ready["sandbox_url"].as_str() {
            assert_eq!(sandbox_url, self.world.sandbox_url, "the demo comes back where it was");
        }
    }
}

/// Starts that are killed, some of them before they serve; how many.
fn stillborn(dice: &mut Dice, spawn: impl Fn() -> Program) -> u64 {
    let mut count = 0;
    while dice.chance(STILLBORN_PERCENT) {
        let mut program = spawn();
        let until = now() + Duration::from_micros(dice.between(0, 150_000));
        while now() < until {
            std::thread::yield_now();
        }
        program.kill();
        count += 1;
    }
    count
}
