//! The hub under test, its folder and its neighborhood.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use hub_core::policy::Policies;
use payhub::app::{Parts, Running, StartError, start, start_on};
use payhub::clock::Clock;
use payhub::connector::credentials::SecretText;
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig, Surroundings, build, build_with};
use payhub::connector::transport::HttpTransport;
use payhub::database::{self, database_file, open_file};
use payhub::demo::http_settings;
use payhub::http::HttpSettings;
use payhub::ids::SystemRandomness;
use payhub::operator::{OperatorError, Request, perform};
use payhub::plugin::shelf::Shelf;
use payhub::private_file::make_folder;
use payhub::reload::Lineup;
use payhub::replica::Replica;
use payhub::roles::Roles;
use payhub::routing_table::{Route, RoutingTable};
use payhub::store::sqlite::durable::DurableStep;
use private_postgres::Cluster;
use processor_sdk::{Adapter, Settings};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::processes::is_on_a_server;

use super::cart::{Answer, Cart, plain_client};
use super::clock::ShiftedClock;
use super::sandbox::{Sandbox, signature};
use super::shopper::Shopper;
use crate::processes::database::Database;
use crate::twins::server::Twin;
use crate::twins::stripe::{self, Stripe};

/// The connectors, in routing order: sandbox account, connector name, title in the chooser.
pub(crate) const CONNECTORS: [(&str, &str); 2] =
    [("sandbox_a", "Sandbox Pay"), ("sandbox_b", "Other Sandbox Pay")];

/// How long the end may take.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(20);
/// An address that refuses connections: nothing of this machine listens on the lowest port.
const UNREACHABLE: &str = "http://127.0.0.1:1";
/// Steps in which time flies, in seconds of the hub and milliseconds of the wall; after a while they grow.
const FLIGHT_STEP_S: i64 = 2;
const FLIGHT_STEP_S_MAX: i64 = 128;
const FLIGHT_STEP_MS: u64 = 25;
const FLIGHT_STEPS_OF_A_KIND: u32 = 40;
/// How long one delivery to the merchant may take.
const DELIVERY_TIME_MAX: Duration = Duration::from_secs(10);

/// What a hub under test is made of.
pub(crate) struct Builder {
    connectors: usize,
    stripe: bool,
    unreachable: Vec<&'static str>,
    grace: Duration,
    http: HttpSettings,
    policies: Policies,
    delivery_time_max: Duration,
    draining: Vec<&'static str>,
    secrets: Vec<(&'static str, &'static str, Vec<SecretText>)>,
    left_out: Vec<&'static str>,
    adapters: Vec<(&'static str, Arc<dyn Adapter>)>,
    also: Vec<ConnectorConfig>,
    plugins: Arc<Shelf>,
    abandoned: Vec<String>,
    webhook_secrets: Vec<String>,
    webhook_path_secret: Option<&'static str>,
    checkout_pages_at: Option<&'static str>,
    durable: Option<DurableStepFor>,
    only_on_a_file: bool,
    /// The URL of its PostgreSQL database; without one it has a file.
    server: Option<String>,
}

/// Connections that each of them may have there.
const CONNECTIONS: usize = 6;

/// Makes the step that makes a database durable, of its folder.
type DurableStepFor = Arc<dyn Fn(&Path) -> Box<dyn DurableStep> + Send + Sync>;

impl Builder {
    /// A connector that is being retired.
    pub(crate) fn draining(mut self, connector: &'static str) -> Self {
        self.draining.push(connector);
        self
    }

    /// Values of a connector's secret, in place of the right one; the last that was said counts.
    pub(crate) fn secret(mut self, connector: &'static str, name: &'static str, values: &[&str]) -> Self {
        let values = values.iter().map(|value| SecretText::new(*value)).collect();
        self.secrets.push((connector, name, values));
        self
    }

    /// A connector that is not there.
    pub(crate) fn leave_out(mut self, connector: &'static str) -> Self {
        self.left_out.push(connector);
        self
    }

    /// Takes back [`Self::leave_out`].
    pub(crate) fn put_back(mut self, connector: &str) -> Self {
        self.left_out.retain(|name| *name != connector);
        self
    }

    /// Another adapter for a connector.
    pub(crate) fn adapter(mut self, connector: &'static str, adapter: Arc<dyn Adapter>) -> Self {
        self.adapters.push((connector, adapter));
        self
    }

    /// One more connector, after the others.
    pub(crate) fn also(mut self, connector: ConnectorConfig) -> Self {
        self.also.push(connector);
        self
    }

    /// The plugins that connectors may use.
    pub(crate) fn plugins(mut self, plugins: Shelf) -> Self {
        self.plugins = Arc::new(plugins);
        self
    }

    /// A connector that is gone for good, whatever is left of it.
    pub(crate) fn abandoned(mut self, connector: &str) -> Self {
        self.abandoned.push(connector.to_owned());
        self
    }

    /// How long one delivery to the merchant may take.
    pub(crate) fn delivery_time(mut self, time_max: Duration) -> Self {
        self.delivery_time_max = time_max;
        self
    }

    /// How many connectors, each with a sandbox account of its own: 0 to 2.
    pub(crate) fn connectors(mut self, count: usize) -> Self {
        assert!(count <= CONNECTORS.len(), "there are {} accounts", CONNECTORS.len());
        self.connectors = count;
        self
    }

    /// A connector `stripe` on a twin, before those of the sandbox.
    pub(crate) fn stripe(mut self) -> Self {
        self.stripe = true;
        self
    }

    /// A connector whose processor cannot be reached.
    pub(crate) fn unreachable(mut self, connector: &'static str) -> Self {
        self.unreachable.push(connector);
        self
    }

    /// Changes settings of the HTTP front.
    pub(crate) fn http(mut self, change: impl FnOnce(&mut HttpSettings)) -> Self {
        change(&mut self.http);
        self
    }

    /// What is done by itself about what shops lose money on.
    pub(crate) fn policies(mut self, policies: Policies) -> Self {
        self.policies = policies;
        self
    }

    /// What stands behind each connector's name in its webhook address.
    pub(crate) fn webhook_path_secret(mut self, secret: &'static str) -> Self {
        self.webhook_path_secret = Some(secret);
        self
    }

    /// Where the processor says that its pages are.
    pub(crate) fn checkout_pages_at(mut self, public_url: &'static str) -> Self {
        self.checkout_pages_at = Some(public_url);
        self
    }

    /// Another way in which the database's folder is made durable; it is there and empty at the first start.
    pub(crate) fn durable(
        mut self,
        step: impl Fn(&Path) -> Box<dyn DurableStep> + Send + Sync + 'static,
    ) -> Self {
        self.durable = Some(Arc::new(step));
        self.on_a_file()
    }

    /// For what is true of files alone: on one, even where hubs under test are on a server.
    pub(crate) fn on_a_file(mut self) -> Self {
        self.only_on_a_file = true;
        self
    }

    /// How long a stop waits for what has begun.
    pub(crate) fn grace(mut self, grace: Duration) -> Self {
        self.grace = grace;
        self
    }

    /// Starts the hub, then the processor.
    pub(crate) async fn start(mut self) -> TestHub {
        if is_on_a_server() && !self.only_on_a_file {
            self.server = Some(Cluster::shared().database());
        }
        let folder = tempfile::Builder::new().prefix("hub-test-").tempdir().expect("a temporary folder");
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let base_url = format!("http://{address}");
        let accounts: Vec<_> = CONNECTORS.iter().map(|(name, _)| *name).collect();
        let state_dir = folder.path().join("sandbox");
        let sandbox = Sandbox::start(&state_dir, &accounts, &base_url, self.checkout_pages_at).await;
        let stripe = if self.stripe { Some(Twin::stripe().await) } else { None };
        if let Some(twin) = &stripe {
            twin.send_webhooks_to(Some(&format!("{base_url}/webhooks/stripe")));
        }
        let clock = Arc::new(ShiftedClock::new());
        let running = run(&self, folder.path(), listener, (&sandbox, stripe.as_ref()), clock.clone()).await;
        let running = running.expect("the hub starts");
        let key = running.hub.create_api_key("test", false).await.expect("an API key");
        let cart = Cart::new(&base_url, key.reveal());
        let of_stripe = [stripe::TEST_KEY, stripe::WEBHOOK_SECRET].map(str::to_owned);
        let secrets =
            sandbox.secrets().into_iter().chain(of_stripe).chain([key.reveal().to_owned()]).collect();
        let secrets = std::sync::Mutex::new(secrets);
        TestHub {
            running: Some(running),
            address,
            base_url,
            cart,
            sandbox,
            stripe,
            clock,
            folder,
            builder: self,
            secrets,
            other_clocks: std::sync::Mutex::default(),
        }
    }
}

async fn run(
    builder: &Builder,
    folder: &Path,
    listener: TcpListener,
    (sandbox, stripe): (&Sandbox, Option<&Twin<Stripe>>),
    clock: Arc<ShiftedClock>,
) -> Result<Running, StartError> {
    let address = listener.local_addr().expect("an address");
    let transport = Arc::new(HttpTransport::new(&[]).expect("a transport"));
    let (plugins, failures) = (builder.plugins.clone(), Arc::default());
    let surroundings =
        Surroundings { transport, clock: clock.clone(), plugins, failures, breakers: Arc::default() };
    let route = |(name, title): &(&str, &str)| {
        let base_url = if builder.unreachable.contains(name) { UNREACHABLE } else { &sandbox.base_url };
        let mut config = connector_config(name, base_url, false);
        config.webhook_path_secret = builder.webhook_path_secret.map(SecretText::new);
        if !builder.webhook_secrets.is_empty() {
            let secrets = builder.webhook_secrets.iter().map(SecretText::new).collect();
            config.secrets.insert("webhook_secret".to_owned(), secrets);
        }
        for (_, secret, values) in builder.secrets.iter().filter(|(connector, ..)| connector == name) {
            config.secrets.insert((*secret).to_owned(), values.clone());
        }
        let other = builder.adapters.iter().rfind(|(connector, _)| connector == name);
        let connector = match other {
            Some((_, adapter)) => build_with(config, adapter.clone(), &surroundings),
            None => build(config, &surroundings),
        };
        let connector = connector.expect("a connector");
        let draining = builder.draining.contains(name);
        Route { connector, title: (*title).to_owned(), sites: vec![], draining }
    };
    let also = builder.also.iter().map(|config| {
        let other = builder.adapters.iter().rfind(|(connector, _)| *connector == config.name);
        let connector = match other {
            Some((_, adapter)) => build_with(config.clone(), adapter.clone(), &surroundings),
            None => build(config.clone(), &surroundings),
        };
        let connector = connector.expect("a connector");
        Route { connector, title: config.name.clone(), sites: vec![], draining: false }
    });
    let of_stripe = stripe.map(|twin| {
        let connector = build(stripe_config(twin), &surroundings).expect("a connector");
        Route { connector, title: "Stripe".to_owned(), sites: vec![], draining: false }
    });
    let of_sandbox = CONNECTORS.iter().take(builder.connectors);
    let of_sandbox = of_sandbox.filter(|(name, _)| !builder.left_out.contains(name)).map(route);
    let routes = of_stripe.into_iter().chain(of_sandbox).chain(also).collect();
    let data_dir = folder.join("hub");
    let metrics_listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let parts = Parts {
        roles: Roles::all(),
        database: database_of(builder),
        sealing_key_file: folder.join("sealing.key"),
        data_dir,
        public_url: format!("http://{address}"),
        listener,
        lineup: Lineup::without_plugins(
            RoutingTable::new(routes).expect("names that differ"),
            builder.abandoned.clone(),
        ),
        source: None,
        metrics_listener: Some(metrics_listener),
        http: builder.http.clone(),
        policies: builder.policies,
        delivery_time_max: builder.delivery_time_max,
        shutdown_grace: builder.grace,
        clock,
        randomness: Arc::new(SystemRandomness),
        extra: axum::Router::new(),
    };
    let Some(durable) = &builder.durable else { return start(parts).await };
    let (data_dir, key_file) = (&parts.data_dir, &parts.sealing_key_file);
    make_folder(data_dir).expect("a folder");
    let opened = open_file(data_dir, key_file, &SystemRandomness, durable(data_dir)).await?;
    start_on(opened, Replica::alone(&SystemRandomness), parts).await
}

fn database_of(builder: &Builder) -> database::Database {
    builder.server.as_ref().map_or(database::Database::File, |url| database::Database::Server {
        address: url.parse().expect("an address"),
        connections: CONNECTIONS,
    })
}

/// A connector of a sandbox account, as a config would name it.
pub(crate) fn connector_config(name: &str, base_url: &str, livemode: bool) -> ConnectorConfig {
    let secret = |text: String| vec![SecretText::new(&text)];
    ConnectorConfig {
        name: name.to_owned(),
        adapter: AdapterChoice::Native("sandbox".to_owned()),
        livemode,
        currencies: vec![],
        settings: Settings::from([("base_url", base_url.into())]),
        secrets: BTreeMap::from([
            ("api_key".to_owned(), secret(Sandbox::api_key(name))),
            ("webhook_secret".to_owned(), secret(Sandbox::webhook_secret(name))),
        ]),
        grants: Grants {
            plain_http_hosts: vec![base_url.trim_start_matches("http://").to_owned()],
            ..Grants::default()
        },
        webhook_path_secret: None,
    }
}

/// The connector of a twin of Stripe's, as a config would name it.
fn stripe_config(twin: &Twin<Stripe>) -> ConnectorConfig {
    let secret = |text: &str| vec![SecretText::new(text)];
    let base_url = twin.base_url.as_str();
    ConnectorConfig {
        name: "stripe".to_owned(),
        adapter: AdapterChoice::Native("stripe".to_owned()),
        livemode: false,
        currencies: vec![],
        // The page is the twin's as well, as with a custom domain for Checkout.
        settings: Settings::from([("base_url", base_url.into()), ("checkout_url", base_url.into())]),
        secrets: BTreeMap::from([
            ("api_key".to_owned(), secret(stripe::TEST_KEY)),
            ("webhook_secret".to_owned(), secret(stripe::WEBHOOK_SECRET)),
        ]),
        grants: Grants { plain_http_hosts: vec![twin.host()], ..Grants::default() },
        webhook_path_secret: None,
    }
}

/// A hub that runs, with everything around it.
pub(crate) struct TestHub {
    running: Option<Running>,
    address: SocketAddr,
    pub(crate) base_url: String,
    pub(crate) cart: Cart,
    pub(crate) sandbox: Sandbox,
    stripe: Option<Twin<Stripe>>,
    pub(crate) clock: Arc<ShiftedClock>,
    folder: TempDir,
    builder: Builder,
    secrets: std::sync::Mutex<Vec<String>>,
    other_clocks: std::sync::Mutex<Vec<OtherClock>>,
}

/// Moves the clock of a neighbor forward, by seconds.
type OtherClock = Box<dyn Fn(i64) + Send + Sync>;

impl TestHub {
    /// One connector, everything else as the demo has it.
    pub(crate) async fn start() -> Self {
        Self::builder().start().await
    }

    pub(crate) fn builder() -> Builder {
        let http = http_settings();
        let policies = Policies::default();
        Builder {
            connectors: 1,
            stripe: false,
            unreachable: vec![],
            grace: SHUTDOWN_GRACE,
            http,
            policies,
            delivery_time_max: DELIVERY_TIME_MAX,
            draining: vec![],
            secrets: vec![],
            left_out: vec![],
            adapters: vec![],
            also: vec![],
            plugins: Arc::default(),
            abandoned: vec![],
            webhook_secrets: vec![],
            webhook_path_secret: None,
            checkout_pages_at: None,
            durable: None,
            only_on_a_file: false,
            server: None,
        }
    }

    /// The hub's inside, for what has no front door.
    pub(crate) fn inside(&self) -> &payhub::service::Hub {
        &self.running.as_ref().expect("the hub is stopped").hub
    }

    /// What the hub tells whoever watches it, on its private listener.
    pub(crate) async fn metrics(&self) -> String {
        let address = self.running.as_ref().expect("the hub is stopped").metrics_address;
        let url = format!("http://{}/metrics", address.expect("a listener for metrics"));
        let answer = Answer::of(plain_client().get(url).send().await.expect("an answer")).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4"));
        answer.text
    }

    /// A browser.
    pub(crate) fn shopper(&self) -> Shopper {
        let stripe = self.stripe.iter().map(|twin| twin.base_url.as_str());
        let processors: Vec<_> = [self.sandbox.base_url.as_str()].into_iter().chain(stripe).collect();
        Shopper::new(&self.base_url, &processors)
    }

    /// A hub with one connector, on a twin of Stripe's.
    pub(crate) async fn at_stripe() -> Self {
        Self::builder().connectors(0).stripe().start().await
    }

    /// The twin that the hub was built with.
    pub(crate) fn stripe(&self) -> &Twin<Stripe> {
        self.stripe.as_ref().expect("a hub that was built with a twin of Stripe's")
    }

    /// A cart with a fresh API key of its own.
    pub(crate) async fn cart_of(&self, livemode: bool) -> Cart {
        let key = self.inside().create_api_key("another", livemode).await.expect("an API key");
        self.keep_out_of_the_file(key.reveal());
        Cart::new(&self.base_url, key.reveal())
    }

    /// What an operator's command does.
    pub(crate) async fn operator(&self, request: Request) -> Result<Value, OperatorError> {
        perform(self.inside(), request).await
    }

    /// Other active webhook secrets from the next start on, the newest first.
    pub(crate) fn webhook_secrets(&mut self, secrets: &[&str]) {
        self.builder.webhook_secrets = secrets.iter().map(|secret| (*secret).to_owned()).collect();
        secrets.iter().for_each(|secret| self.keep_out_of_the_file(secret));
    }

    /// Somebody delivers to a connector's webhook address.
    pub(crate) async fn deliver(&self, connector: &str, body: &str, signature: Option<&str>) -> Answer {
        let url = format!("{}/webhooks/{connector}", self.base_url);
        let mut request = plain_client().post(url).header("content-type", "application/json");
        if let Some(signature) = signature {
            request = request.header("sandbox-signature", signature);
        }
        Answer::of(request.body(body.to_owned()).send().await.expect("an answer")).await
    }

    /// The same, signed as the processor does it for that account, at this time.
    pub(crate) async fn deliver_signed(&self, connector: &str, body: &str, at_s: i64) -> Answer {
        let signature = signature(&Sandbox::webhook_secret(connector), at_s, body);
        self.deliver(connector, body, Some(&signature)).await
    }

    /// How many rows each table has, once nothing is under way.
    pub(crate) async fn rows(&self) -> BTreeMap<String, i64> {
        let (file, clock) = (self.database(), self.clock.clone());
        let count = move || {
            file.until_nothing_is_overdue(clock.as_ref());
            file.counts()
        };
        tokio::task::spawn_blocking(count).await.expect("a count")
    }

    /// Names a text that must never be in the database's bytes.
    pub(crate) fn keep_out_of_the_file(&self, secret: &str) {
        self.secrets.lock().expect("no panic while held").push(secret.to_owned());
    }

    /// Moves the clocks of the hub and the processor forward.
    pub(crate) async fn jump(&self, seconds: i64) {
        self.sandbox.jump(seconds).await;
        if let Some(twin) = &self.stripe {
            twin.jump(seconds);
        }
        self.other_clocks.lock().expect("no panic while held").iter().for_each(|jump| jump(seconds));
        self.clock.jump(seconds);
    }

    /// A neighbor whose clock moves with the others.
    pub(crate) fn jumps_with(&self, jump: impl Fn(i64) + Send + Sync + 'static) {
        self.other_clocks.lock().expect("no panic while held").push(Box::new(jump));
    }

    /// Runs something while time flies for the hub and the processor: retries that are minutes away come soon.
    pub(crate) async fn fast<T>(&self, something: impl Future<Output = T>) -> T {
        tokio::pin!(something);
        let mut step_s = FLIGHT_STEP_S;
        loop {
            for _ in 0..FLIGHT_STEPS_OF_A_KIND {
                tokio::select! {
                    done = &mut something => return done,
                    () = tokio::time::sleep(Duration::from_millis(FLIGHT_STEP_MS)) => self.jump(step_s).await,
                }
            }
            step_s = (step_s * 2).min(FLIGHT_STEP_S_MAX);
        }
    }

    /// The hub's time, in Unix seconds.
    pub(crate) fn now_s(&self) -> i64 {
        self.clock.now().as_unix_seconds()
    }

    /// The folder of the hub's database.
    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder.path().join("hub")
    }

    /// The hub's database.
    pub(crate) fn database(&self) -> Database {
        match &self.builder.server {
            Some(url) => Database::Server(url.clone()),
            None => Database::File(database_file(&self.data_dir())),
        }
    }

    /// Stops the hub in order.
    pub(crate) async fn stop(&mut self) {
        self.running.take().expect("the hub runs").stop().await;
    }

    /// Starts the hub again, on the same folder and port.
    pub(crate) async fn resume(&mut self) {
        self.try_resume().await.expect("the hub starts");
    }

    /// Starts the hub again, which may refuse.
    pub(crate) async fn try_resume(&mut self) -> Result<(), StartError> {
        let listener = TcpListener::bind(self.address).await.expect("the port is free again");
        let processors = (&self.sandbox, self.stripe.as_ref());
        let running = run(&self.builder, self.folder.path(), listener, processors, self.clock.clone()).await;
        self.running = Some(running?);
        Ok(())
    }

    /// Changes what the hub is made of; it has to be started anew to know.
    pub(crate) fn reconfigure(&mut self, change: impl FnOnce(Builder) -> Builder) {
        let before = std::mem::replace(&mut self.builder, Self::builder());
        self.builder = change(before);
    }

    /// Stops the hub in order and starts it again, on the same folder and port.
    pub(crate) async fn restart(&mut self) {
        self.stop().await;
        self.resume().await;
    }

    /// Ends the test: everything due is done, and the database is well.
    pub(crate) async fn finish(mut self) {
        if let Some(twin) = &self.stripe {
            twin.finish().await;
        }
        let (file, clock, secrets) = self.closing();
        let checked = file.clone();
        tokio::task::spawn_blocking(move || {
            checked.until_nothing_is_overdue(clock.as_ref());
            checked.check(&secrets);
        })
        .await
        .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        // Dropped without `finish`, the runtime ends both.
        self.running.take().expect("the hub runs").stop().await;
        file.all_is_signed();
        self.sandbox.stop().await;
    }

    /// Ends a test that leaves work undone: the database is well, whatever is still asked.
    pub(crate) async fn finish_at_once(mut self) {
        let (file, _, secrets) = self.closing();
        tokio::task::spawn_blocking(move || file.check(&secrets))
            .await
            .unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        self.sandbox.stop().await;
        self.running.take().expect("the hub runs").stop().await;
    }

    fn closing(&self) -> (Database, Arc<ShiftedClock>, Vec<String>) {
        (self.database(), self.clock.clone(), self.secrets.lock().expect("no panic while held").clone())
    }
}

impl Drop for TestHub {
    fn drop(&mut self) {
        if self.running.is_none() || std::thread::panicking() {
            return;
        }
        let (file, clock, secrets) = self.closing();
        file.until_nothing_is_overdue(clock.as_ref());
        file.check(&secrets);
    }
}
