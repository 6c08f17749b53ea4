//! Replicas of the hub: the real service, worker, front, connectors and store over a simulated database, clock,
//! network and source of randomness; and what stands before them and hands requests to either.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use hub_core::policy::Policies;
use payhub::api_objects::public_urls::PublicUrls;
use payhub::clock::Clock;
use payhub::connector::registry::{Surroundings, build};
use payhub::demo::http_settings;
use payhub::history_roots::{self, RootSigner};
use payhub::http::{HttpSettings, router};
use payhub::ids::{Ids, Randomness, SeededRandomness};
use payhub::metrics::Metrics;
use payhub::reload::Reload;
use payhub::replica::Replica as ReplicaName;
use payhub::routing_table::{Connectors, Route, RoutingTable};
use payhub::seal::{Sealer, SealingKey};
use payhub::service::Hub;
use payhub::store::sql::SqlStore;
use tokio::sync::watch;
use tower::ServiceExt;

use super::calls::{Ask, Reply};
use super::database::{Remote, Server};
use super::merchant::{Merchant, Post};
use super::network::{Host, Link, NoAnswer};
use super::processor::{ACCOUNTS, Processor, Wire};
use super::timeline::{SECOND, WallClock};
use super::world::World;
use crate::processes::dice::Dice;
use crate::support::hub::connector_config;

/// Where the hub is reached, whichever replica answers.
pub(crate) const BASE_URL: &str = "http://127.0.0.1:8080";
/// Between two tries of a start that found no database.
const START_AGAIN_US: i64 = 2 * SECOND;
/// Nothing of the machine's own time is waited for: requests end when the shopper or the cart gives up.
const REQUEST_S_MAX: u64 = 86_400;

/// What all replicas share.
pub(crate) struct Neighborhood {
    pub(crate) world: Arc<World>,
    pub(crate) database: Arc<Server>,
    pub(crate) processor: Arc<Processor>,
    pub(crate) merchant: Arc<Merchant>,
    pub(crate) connectors: usize,
    pub(crate) policies: Policies,
}

/// One machine on which a hub runs, from crash to crash.
pub(crate) struct Replica {
    around: Arc<Neighborhood>,
    pub(crate) host: Arc<Host>,
    pub(crate) to_database: Arc<Link>,
    pub(crate) to_processor: Arc<Link>,
    pub(crate) to_merchant: Arc<Link>,
    skew_us: i64,
    starts: AtomicU64,
    /// Where it keeps its name; a machine whose disk is lost comes back by another one.
    disk: AtomicU64,
    running: Mutex<Option<(Router, Arc<Hub>)>>,
}

impl Replica {
    pub(crate) fn new(around: &Arc<Neighborhood>, name: &str, skew_us: i64) -> Arc<Self> {
        let world = &around.world;
        let link = |to: &str| Link::new(world, &format!("{name} to {to}"));
        Arc::new(Self {
            around: Arc::clone(around),
            host: Host::new(world, name),
            to_database: link("database"),
            to_processor: link("processor"),
            to_merchant: link("merchant"),
            skew_us,
            starts: AtomicU64::new(0),
            disk: AtomicU64::new(world.dice(&format!("disk of {name}")).next()),
            running: Mutex::default(),
        })
    }

    /// Begins to start: it serves once it has found its database.
    pub(crate) fn start(self: &Arc<Self>) {
        let replica = Arc::clone(self);
        self.host.spawn(async move {
            let timeline = Arc::clone(&replica.around.world.timeline);
            let hub = replica.build();
            // Whoever held leases by this name is gone.
            while hub.store.release_leases(hub.replica.name()).await.is_err() {
                timeline.sleep(START_AGAIN_US).await;
            }
            let front = router(Arc::clone(&hub), settings());
            *replica.running.lock().expect("no panic while held") = Some((front, Arc::clone(&hub)));
            replica.host.up();
            let post = Post {
                world: Arc::clone(&replica.around.world),
                link: Arc::clone(&replica.to_merchant),
                merchant: Arc::clone(&replica.around.merchant),
            };
            let (_stop, stopped) = watch::channel(false);
            let signer = RootSigner::of(&sealing_key());
            let signing = history_roots::run(Arc::clone(&hub), Arc::new(signer), stopped.clone());
            let working = payhub::worker::run(hub, Arc::new(post), stopped, Duration::ZERO);
            tokio::join!(biased; working, signing);
        });
    }

    /// Everything that it holds in memory is gone.
    pub(crate) fn crash(&self) {
        self.host.crash();
        if self.running.lock().expect("no panic while held").take().is_some() {
            self.around.world.count("crashes");
        }
    }

    /// Its disk is gone too.
    pub(crate) fn lose_disk(&self) {
        self.disk.fetch_add(1, Ordering::Relaxed);
    }

    /// The hub, while it runs.
    pub(crate) fn hub(&self) -> Option<Arc<Hub>> {
        self.running.lock().expect("no panic while held").as_ref().map(|(_, hub)| Arc::clone(hub))
    }

    fn front(&self) -> Option<Router> {
        self.running.lock().expect("no panic while held").as_ref().map(|(front, _)| front.clone())
    }

    fn build(&self) -> Arc<Hub> {
        let world = &self.around.world;
        let number = self.starts.fetch_add(1, Ordering::Relaxed);
        let life = format!("{} life {number}", self.host.name);
        let clock: Arc<dyn Clock> =
            Arc::new(WallClock { timeline: Arc::clone(&world.timeline), skew_us: self.skew_us });
        let randomness: Arc<dyn Randomness> = Arc::new(SeededRandomness::new(world.dice(&life).next()));
        let engine = Remote::new(&self.around.database, &self.to_database, &self.host, &life);
        let (link, processor) = (Arc::clone(&self.to_processor), Arc::clone(&self.around.processor));
        let surroundings = Surroundings {
            transport: Arc::new(Wire { world: Arc::clone(world), link, processor, sent: AtomicU64::new(0) }),
            clock: Arc::clone(&clock),
            plugins: Arc::default(),
            failures: Arc::default(),
            breakers: Arc::default(),
        };
        let route = |name: &&str| {
            let config = connector_config(name, super::processor::BASE_URL, false);
            let connector = build(config, &surroundings).expect("a connector");
            Route { connector, title: (*name).to_owned(), sites: vec![], draining: false }
        };
        let routes = ACCOUNTS.iter().take(self.around.connectors).map(route).collect();
        let name = ReplicaName::alone(&SeededRandomness::new(self.disk.load(Ordering::Relaxed)));
        Arc::new(Hub {
            store: Arc::new(SqlStore::over(engine)),
            replica: name,
            clock: Arc::clone(&clock),
            ids: Ids::new(clock, Arc::clone(&randomness)),
            connectors: Connectors::new(RoutingTable::new(routes).expect("names that differ")),
            reload: Reload::new(None, Path::new("no folder")),
            sealer: Arc::new(Sealer::new(sealing_key(), vec![], randomness)),
            urls: PublicUrls::new(BASE_URL),
            policies: self.around.policies,
            metrics: Arc::new(Metrics::new().expect("metrics")),
            health: Arc::default(),
        })
    }
}

/// The key that all replicas have.
pub(crate) fn sealing_key() -> SealingKey {
    SealingKey::from_bytes([7; 32])
}

fn settings() -> HttpSettings {
    HttpSettings { request_timeout_s: REQUEST_S_MAX, ..http_settings() }
}

/// The replicas behind one address.
pub(crate) struct Cluster {
    world: Arc<World>,
    pub(crate) replicas: Vec<Arc<Replica>>,
    dice: Mutex<Dice>,
}

impl Cluster {
    pub(crate) fn new(world: &Arc<World>, replicas: Vec<Arc<Replica>>) -> Arc<Self> {
        let dice = Mutex::new(world.dice("which replica"));
        Arc::new(Self { world: Arc::clone(world), replicas, dice })
    }

    /// Asks one of those that run.
    pub(crate) async fn ask(&self, link: &Arc<Link>, patience_us: i64, ask: Ask) -> Result<Reply, NoAnswer> {
        let up: Vec<_> = self.replicas.iter().filter(|replica| replica.front().is_some()).cloned().collect();
        if up.is_empty() {
            self.world.timeline.sleep(super::timeline::MS).await;
            return Err(NoAnswer::NotSent);
        }
        let replica = Arc::clone(self.dice.lock().expect("no panic while held").pick(&up));
        Self::ask_one(&self.world, &replica, link, patience_us, ask).await
    }

    /// Asks this one.
    pub(crate) async fn ask_one(
        world: &Arc<World>,
        replica: &Arc<Replica>,
        link: &Arc<Link>,
        patience_us: i64,
        ask: Ask,
    ) -> Result<Reply, NoAnswer> {
        let Some(front) = replica.front() else { return Err(NoAnswer::NotSent) };
        let (world, name) = (Arc::clone(world), replica.host.name.clone());
        world.count("requests");
        let work = async move {
            ask.note(&world, &name);
            let Ok(response) = front.oneshot(ask.to_request()).await;
            let reply = Reply::of(response).await;
            reply.note(&world, &name);
            reply
        };
        link.call(&replica.host, patience_us, work).await
    }
}
