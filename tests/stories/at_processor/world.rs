//! The real `payhub serve` with one connector at a processor's twin: a config of under fifteen lines, keys and
//! secrets from its environment, a cart, a shopper's browser.
//!
//! Invariant: a story ends well only when the hub, the events that the cart can read and the twin's books
//! agree, and the twin saw nothing that the processor's published API does not allow.

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use tempfile::TempDir;
use tokio::task::block_in_place;

use super::counterpart::Counterpart;
use crate::processes::binaries;
use crate::processes::database::Database;
use crate::processes::program::Program;
use crate::processes::world::free_ports;
use crate::support::cart::{Cart, id};
use crate::support::eventually;
use crate::support::plugins;
use crate::support::shopper::{Page, Shopper};
use crate::twins::desk::{Ledger, Moved};
use crate::twins::server::Twin;

/// What the cart is told, in the order in which it may come.
pub(crate) const CREATED: &str = "payment_intent.created";
pub(crate) const SUCCEEDED: &str = "payment_intent.succeeded";
pub(crate) const PAID: &str = "order.paid";
pub(crate) const REFUND: &str = "refund.created";
pub(crate) const REFUNDED: &str = "refund.succeeded";

/// What stands before the key that `payhub serve` prints at its first start.
const FIRST_KEY: &str = "A first API key, shown this once: ";
/// The longest config that is still promised to be short, in lines.
const CONFIG_LINES_MAX: usize = 14;
/// Where shoppers are sent afterwards.
const RETURN_URL: &str = "https://shop.test/thanks?order=7";
/// Told now and then, as things happen to come; no story counts them.
const PASSING: [&str; 2] = ["payment_intent.processing", "payment_intent.requires_checkout"];
/// How long the cart waits until it has been told everything, in seconds.
const TOLD_S_MAX: u64 = 20;

/// Whether real money moves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Test,
    Live,
}

/// In which form the adapter is there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Compiled in: `adapter = "…"`.
    Native,
    /// From the folder of plugins: `plugin = "…"`.
    Plugin,
}

impl Form {
    /// The key that names it in a connector's config.
    fn key(self) -> &'static str {
        match self {
            Self::Native => "adapter",
            Self::Plugin => "plugin",
        }
    }
}

/// A hub in a process of its own, and the processor's twin in this one.
pub(crate) struct World<P: Counterpart> {
    mode: Mode,
    form: Form,
    folder: TempDir,
    port: u16,
    hub: Option<Program>,
    pub(crate) base_url: String,
    pub(crate) cart: Cart,
    pub(crate) twin: Twin<P>,
}

impl<P: Counterpart> World<P> {
    /// Starts both, in test mode.
    pub(crate) async fn start_as(form: Form) -> Self {
        Self::start_on(form, P::twin().await, |config| config).await
    }

    /// The same, on a twin and a config that are not quite what every story has.
    pub(crate) async fn start_on(form: Form, twin: Twin<P>, change: impl FnOnce(String) -> String) -> Self {
        let mut world = Self::prepare(Mode::Test, form, twin);
        world.configure(&change(world.config()));
        world.start_hub();
        world.cart = Cart::new(&world.base_url, &world.first_key());
        world
    }

    /// Starts both in live mode, with a key that an operator makes.
    pub(crate) async fn live() -> Self {
        let mut world = Self::prepare(Mode::Live, Form::Native, P::twin().await);
        world.configure(&world.config());
        let migrated = world.payhub("migrate --config CONFIG", &[]);
        assert!(migrated.0, "{}", migrated.1);
        let made = world.payhub("keys create --name shop --mode live --config CONFIG", &[]);
        assert!(made.0, "{}", made.1);
        let key = made.1.lines().find(|line| line.starts_with("hub_live_")).expect("a live key").to_owned();
        world.start_hub();
        world.cart = Cart::new(&world.base_url, &key);
        world
    }

    /// Everything but the hub.
    pub(crate) fn prepare(mode: Mode, form: Form, twin: Twin<P>) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        if form == Form::Plugin {
            block_in_place(|| plugins::install(&P::plugin(), &folder.path().join("data")));
        }
        let port = free_ports();
        let base_url = format!("http://127.0.0.1:{port}");
        twin.send_webhooks_to(Some(&format!("{base_url}{}", P::webhook_path())));
        let cart = Cart::new(&base_url, "");
        Self { mode, form, folder, port, hub: None, base_url, cart, twin }
    }

    /// The whole config, as an operator writes it.
    pub(crate) fn config(&self) -> String {
        let (mode, public_url) = match self.mode {
            Mode::Test => ("test", self.base_url.as_str()),
            // What stands in front of a live hub speaks TLS; this test stands behind it.
            Mode::Live => ("live", "https://pay.shop.test"),
        };
        format!(
            r#"public_url = "{public_url}"
listen = "127.0.0.1:{port}"
data_dir = "data"
[connectors.{name}]
{form} = "{name}"
mode = "{mode}"
plain_http_hosts = ["{host}"]
{connector}{grants}"#,
            port = self.port,
            name = P::NAME,
            form = self.form.key(),
            host = self.twin.host(),
            connector = P::CONNECTOR.replace("{url}", &self.twin.base_url),
            grants = if self.form == Form::Plugin { P::GRANTS } else { "" },
        )
    }

    /// Writes the config.
    pub(crate) fn configure(&self, config: &str) {
        let lines = config.lines().filter(|line| !line.trim().is_empty()).count();
        assert!(lines <= CONFIG_LINES_MAX, "{lines} lines are not a short config");
        std::fs::write(self.config_file(), config).expect("the config can be written");
    }

    pub(crate) fn config_file(&self) -> PathBuf {
        self.folder.path().join("hub.toml")
    }

    /// Runs another command of the program, `CONFIG` standing for the config's file; whether it went well, and
    /// what it printed.
    pub(crate) fn payhub(&self, command: &str, environment: &[(&str, &str)]) -> (bool, String) {
        let file = self.config_file();
        let words =
            command.split(' ').map(|word| if word == "CONFIG" { file.as_os_str() } else { word.as_ref() });
        let output = Command::new(block_in_place(binaries::payhub))
            .args(words)
            .envs(P::environment(self.mode))
            .envs(environment.iter().copied())
            .output()
            .expect("payhub starts");
        let printed =
            [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        (output.status.success(), printed.concat())
    }

    /// Starts the hub on its folder and waits until it serves.
    pub(crate) fn start_hub(&mut self) {
        let ready_file = self.folder.path().join("ready.json");
        let text = |path: PathBuf| path.to_str().expect("a UTF-8 path").to_owned();
        let words =
            ["serve", "--config", &text(self.config_file()), "--ready-file", &text(ready_file.clone())];
        let binary = block_in_place(binaries::payhub);
        let environment = P::environment(self.mode);
        let mut hub = Program::start(self.folder.path(), "hub", &binary, &words, &environment);
        block_in_place(|| hub.ready(&ready_file));
        self.hub = Some(hub);
    }

    /// Stops the hub in order.
    pub(crate) fn stop_hub(&mut self) {
        let mut hub = self.hub.take().expect("the hub runs");
        hub.terminate();
        let ended = block_in_place(|| hub.end());
        assert_eq!(ended.code(), Some(0), "{}", hub.printed());
    }

    /// Stops the hub in order, changes its config, and starts it again.
    pub(crate) fn restart_with(&mut self, config: &str) {
        self.stop_hub();
        self.configure(config);
        self.start_hub();
    }

    fn first_key(&self) -> String {
        let hub = self.hub.as_ref().expect("the hub runs");
        let printed = std::fs::read_to_string(&hub.output).expect("what the hub printed");
        let after = printed.split_once(FIRST_KEY).unwrap_or_else(|| panic!("no first key in {printed:?}")).1;
        after.lines().next().expect("a key").to_owned()
    }

    /// A browser. What a live hub's public address shows, it finds behind the TLS that is not there.
    pub(crate) fn shopper(&self) -> Shopper {
        Shopper::new(&self.base_url, &[&self.twin.base_url])
    }

    /// Creates an intent, of a shop that has https.
    pub(crate) async fn create(&self, wish: Value) -> Value {
        let mut whole = P::wish();
        whole["return_url"] = RETURN_URL.into();
        for (name, value) in wish.as_object().expect("an object of fields") {
            whole[name] = value.clone();
        }
        self.cart.create(whole).await
    }

    /// Creates an intent and opens its page.
    pub(crate) async fn open(&self, wish: Value) -> (Value, Page) {
        let intent = self.create(wish).await;
        let page = self.shopper().open(&intent).await;
        (intent, page)
    }

    /// The page, as the twin calls it, that a tab shows.
    pub(crate) fn page(&self, tab: &Page) -> String {
        assert!(tab.is_hosted(), "not a page of the processor: {} {}", tab.url(), tab.text());
        P::page_at(&self.twin, tab.url())
    }

    /// Creates an intent that is paid, or authorized, and can be refunded; its id, and the processor's of the payment.
    pub(crate) async fn paid(&self, wish: Value) -> (String, String) {
        let (intent, page) = self.open(wish).await;
        assert!(page.pay().await.is_at_the_shop());
        let done = |intent: &Value| intent["status"] == "succeeded" || intent["status"] == "requires_capture";
        self.cart.until(id(&intent), "paid", done).await;
        P::settle(&self.twin);
        (id(&intent).to_owned(), P::payment_of(&self.twin, &self.page(&page)))
    }

    /// Asks for a refund that the processor brings to its good end.
    pub(crate) async fn refunded(&self, intent: &str, amount: Option<i64>) {
        let asked = self.twin.count_asked("refund");
        let refund = self.cart.refund(intent, amount).await.expect(201);
        eventually("the processor is asked for the refund", || async {
            (self.twin.count_asked("refund") > asked).then_some(())
        })
        .await;
        P::end_refunds(&self.twin);
        self.cart.until_refund(id(&refund), "succeeded").await;
    }

    /// The twin's books of one intent.
    async fn books(&self, intent: &Value) -> Ledger {
        let attempts = intent["attempts"].as_array().expect("attempts");
        let references =
            attempts.iter().flat_map(|attempt| attempt["references"].as_array().expect("a list"));
        let payments = references.filter(|reference| reference["kind"] == P::BOOKED_BY);
        let all = self.twin.ledger();
        Ledger(payments.flat_map(|payment| all.of(id(payment)).0).collect())
    }

    /// That the hub, the events that the cart can read, and the twin's books agree, and that nobody was charged twice.
    pub(crate) async fn agree(&self, intent: &str, status: &str, told: &[&str]) {
        let books = self.agree_in_parts(intent, status, told).await;
        assert!(books.count(Moved::Taken) <= 1, "charged more than once: {books:?}");
    }

    /// That they agree, where the shopper may have paid in parts; gives the twin's books of the intent.
    pub(crate) async fn agree_in_parts(&self, intent: &str, status: &str, told: &[&str]) -> Ledger {
        let shown = self.cart.until_status(intent, status).await;
        let what = format!("{told:?} is told");
        let types = eventually(&what, || async {
            let mut types = self.cart.event_types(intent).await;
            types.retain(|kind| !PASSING.contains(&kind.as_str()));
            (types == told).then_some(types)
        });
        let within = tokio::time::timeout(Duration::from_secs(TOLD_S_MAX), types).await;
        if within.is_err() {
            panic!("told {:?}, not {told:?}", self.cart.event_types(intent).await);
        }
        let books = self.books(&shown).await;
        let back = books.total(Moved::GivenBack) - books.total(Moved::CameBack);
        let disputed = books.total(Moved::Disputed) - books.total(Moved::DisputeWon);
        let held = books.total(Moved::Reserved) - books.total(Moved::Released) - books.total(Moved::Taken);
        // Where nothing is reserved first, what was taken was never held.
        let held = if books.count(Moved::Reserved) == 0 { 0 } else { held };
        let of_the_processor = [books.total(Moved::Taken), back, disputed, held];
        let of_the_hub = ["amount_captured", "amount_refunded", "amount_disputed", "amount_capturable"]
            .map(|field| shown[field].as_i64().expect("an amount"));
        assert_eq!(of_the_processor, of_the_hub, "captured, refunded, disputed, held: {shown} {books:?}");
        books
    }

    /// Ends the story: the twin saw nothing wrong, and the hub's file is well.
    pub(crate) async fn finish(mut self) {
        self.twin.finish().await;
        self.stop_hub();
        let file = Database::File(self.folder.path().join("data").join("hub.sqlite"));
        let secrets = P::environment(self.mode).into_iter().map(|(_, value)| value.to_owned());
        file.check(&secrets.chain([self.cart.api_key.clone()]).collect::<Vec<_>>());
    }
}
