//! Plugins that mean harm or are broken, from `plugins/hostile/`: what each tries, and what the operator sees.
//!
//! Invariant: each costs its own operation only, which ends as NotSent where nothing left and as Unknown where
//! something may have; the reason names the plugin.

use std::collections::BTreeSet;
use std::fs;

use hub_core::outcome::{NotSent, Outcome};
use payhub::connector::breaker::{MISBEHAVIORS_MAX, OPEN_S};
use payhub::connector::credentials::SecretText;
use payhub::connector::native::native_adapter;
use payhub::connector::redact::ExchangeKind;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig};
use payhub::connector::{Authenticated, ReceiveFault, Received};
use payhub::plugin::limits::{FUEL_MAX, Limits};
use payhub::plugin::sandbox::{RunFault, Sandbox};
use payhub::plugin::shelf::{Shelf, Terms};
use processor_sdk::{
    CaptureMode, Channel, Currency, Delivery, Descriptor, Headers, HostRule, Money, Operation, Says,
    Settings, SignedDeliveries, Timestamp,
};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use crate::processes::now;
use crate::support::hub::{TestHub, connector_config};
use crate::support::id;
use crate::support::logs::Logs;
use crate::support::plugins::workspace;
use crate::support::sandbox::Sandbox as SandboxPay;

/// What each run may take here: little, so that nobody waits.
const LIMITS: Limits = Limits {
    run_ms_max: 300,
    fuel_max: 2_000_000_000,
    memory_bytes_max: 16 * 1024 * 1024,
    output_bytes_max: 1024 * 1024,
    log_lines_max: 5,
    log_line_bytes_max: 200,
    concurrent_runs_max: 4,
};

/// What stands behind each connector's name in its webhook address, so that unsigned deliveries have one.
pub(super) const PATH_SECRET: &str = "abcdefghijklmnopqrstuvwxyz";

const NOW: Timestamp = Timestamp::from_micros(1_767_323_045_000_000);

/// The name of the plugin that a file becomes.
fn plugin_name(file: &str) -> String {
    file.replace('_', "-")
}

fn wat(file: &str) -> String {
    let path = workspace().join("plugins/hostile").join(format!("{file}.wat"));
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A hostile adapter behind a boundary that is as it should be.
pub(crate) fn framed(file: &str, base_url: &str, change: impl FnOnce(&mut Descriptor)) -> Vec<u8> {
    framed_with(file, &[("BASE_URL", base_url)], change)
}

/// A text as WebAssembly text has it.
pub(super) fn quoted(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"")
}

/// The same, with these names in the adapter replaced.
pub(super) fn framed_with(
    file: &str,
    names: &[(&str, &str)],
    change: impl FnOnce(&mut Descriptor),
) -> Vec<u8> {
    let mut descriptor = native_adapter("sandbox").expect("the sandbox").descriptor();
    descriptor.name = plugin_name(file);
    descriptor.version = "1.0.0".to_owned();
    change(&mut descriptor);
    let descriptor = serde_json::to_string(&descriptor).expect("JSON");
    let adapter = names.iter().fold(wat(file), |adapter, (name, by)| adapter.replace(name, by));
    let text = wat("frame").replace("DESCRIPTOR", &quoted(&descriptor)).replace("ADAPTER", &adapter);
    wat::parse_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn compiled(file: &str) -> Vec<u8> {
    wat::parse_str(wat(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn call(operation: Operation) -> processor_sdk::Call {
    processor_sdk::Call {
        operation,
        key: "key1".to_owned(),
        echo: "echo1".to_owned(),
        amount: Money::new(1_999, Currency::parse("EUR").expect("a currency")).expect("money"),
        capture: CaptureMode::Automatic,
        references: BTreeSet::new(),
        created_at: NOW,
        settings: Settings::default(),
        livemode: false,
    }
}

fn delivery(body: &str) -> Delivery {
    Delivery {
        channel: Channel::Webhook,
        url: "https://hub.test/webhooks/x".to_owned(),
        query: vec![],
        headers: Headers::default(),
        body: body.into(),
        received_at: NOW,
        echo: None,
        settings: Settings::default(),
        livemode: false,
    }
}

/// What is different in a plugin's descriptor.
type Change = fn(&mut Descriptor);

/// A hub with one connector on each of these plugins, each named like its plugin, beside `sandbox_a`.
async fn hub_with(files: &[(&str, Change)]) -> (TestHub, TempDir) {
    let mut hub = TestHub::start().await;
    let base_url = hub.sandbox.base_url.clone();
    let made = files.iter().map(|(file, change)| (*file, framed(file, &base_url, *change)));
    let folder = with_connectors_on(&mut hub, made.collect()).await;
    (hub, folder)
}

/// Starts a hub anew with one more connector on each of these plugins, each named like its plugin.
pub(super) async fn with_connectors_on(hub: &mut TestHub, files: Vec<(&str, Vec<u8>)>) -> TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let base_url = hub.sandbox.base_url.clone();
    for (file, bytes) in &files {
        fs::write(folder.path().join(format!("{file}.wasm")), bytes).expect("a plugin file");
    }
    let terms = Terms { limits: LIMITS, ..Terms::default() };
    let shelf = Shelf::read(folder.path(), &terms, &Shelf::default()).expect("a folder of plugins");
    assert_eq!(shelf.broken().iter().map(|broken| &broken.why).collect::<Vec<_>>(), Vec::<&String>::new());
    let config = |file: &str| ConnectorConfig {
        name: plugin_name(file),
        adapter: AdapterChoice::Plugin { name: plugin_name(file), sha256: None },
        webhook_path_secret: Some(SecretText::new(PATH_SECRET)),
        ..connector_config("sandbox_a", &base_url, false)
    };
    hub.reconfigure(|builder| {
        files.iter().fold(builder.plugins(shelf), |builder, (file, _)| builder.also(config(file)))
    });
    hub.restart().await;
    folder
}

const AS_IT_IS: fn(&mut Descriptor) = |_| {};

/// What an outcome is, and why, as the operator reads it.
fn told(outcome: &Outcome) -> (&'static str, String) {
    match outcome {
        Outcome::Answered { answer } => ("answered", format!("{answer:?}")),
        Outcome::Unknown { why } => ("unknown", why.clone()),
        Outcome::NotSent { why: NotSent::Unreachable { detail } } => ("unreachable", detail.clone()),
        Outcome::NotSent { why: NotSent::Impossible { fault } } => ("impossible", fault.to_string()),
        Outcome::NotSent { why } => ("other", format!("{why:?}")),
    }
}

/// Each plugin, how its operation ends, and a part of the reason.
const OPERATIONS: [(&str, &str, &str); 15] = [
    ("loops", "unreachable", "took longer than 300 ms"),
    ("eats_memory", "impossible", "wanted more memory than 16777216 bytes"),
    ("recurses", "impossible", "recursed too deeply"),
    ("lies_about_length", "impossible", "trapped: "),
    ("lies_about_place", "impossible", "trapped: "),
    ("answers_too_much", "impossible", "replied with more than 1048576 bytes"),
    ("answers_no_text", "impossible", "trapped: "),
    ("answers_nonsense", "impossible", "replied with something that is not a reply"),
    ("traps", "impossible", "trapped: wasm `unreachable` instruction executed"),
    ("traps_after_send", "unknown", "trapped: wasm `unreachable` instruction executed"),
    ("never_done", "impossible", "wants more than 16 exchanges"),
    ("sends_shoppers_elsewhere", "impossible", "opened a door that leads to evil.example:443"),
    // What they ask for is not done; the reason is about what they ask for.
    ("asks_for_other_host", "impossible", "leads to evil.example:443, which the adapter does not declare"),
    ("sends_wrong_secret", "impossible", "secrets.webhook_secret may not be sent there"),
    ("settles_unverified", "impossible", "answered a call with notifications"),
];

#[tokio::test]
async fn each_costs_its_own_operation_only() {
    let logs = Logs::keep();
    let files: Vec<_> = OPERATIONS.iter().map(|(file, ..)| (*file, AS_IT_IS)).collect();
    let (hub, _folder) = hub_with(&files).await;
    for (file, word, reason) in OPERATIONS {
        let name = plugin_name(file);
        let connector = hub.inside().connectors.now().connector(&name).expect("a connector").clone();
        let performed = connector.perform(&call(Operation::Void)).await;
        let (told_word, why) = told(&performed.outcome);
        assert_eq!(told_word, word, "{file}: {why}");
        assert!(why.contains(reason), "{file}: {why}");
        let sent = performed.exchanges.iter().filter(|exchange| exchange.kind == ExchangeKind::Send).count();
        assert_eq!(sent, usize::from(file == "traps_after_send"), "{file}: {:?}", performed.exchanges);
        let asks_wrongly = reason.contains("declare") || reason.contains("sent there");
        let who = format!("plugin {name} 1.0.0");
        assert_eq!(why.contains(&who), !asks_wrongly, "{file}: {why}");
        let told_in_log = logs.with("the adapter misbehaved").iter().any(|line| line.contains(&who));
        assert_eq!(told_in_log, !asks_wrongly, "{file}: {:?}", logs.with(&name));
        assert_eq!(connector.adapter_pin().content_hash.as_ref().map(String::len), Some(64), "{file}");
    }
    // The same engine, right after all of that.
    pay_at_sandbox_a(&hub).await;
    hub.finish().await;
}

async fn pay_at_sandbox_a(hub: &TestHub) {
    let intent = hub.cart.create(json!({ "connector": "sandbox_a" })).await;
    hub.shopper().open(&intent).await.pay().await;
    hub.cart.until_status(id(&intent), "succeeded").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn others_are_paid_while_one_spins_in_all_its_places() {
    let (hub, _folder) = hub_with(&[("loops", AS_IT_IS)]).await;
    let connector = hub.inside().connectors.now().connector("loops").expect("a connector").clone();
    let mut spinning = tokio::task::JoinSet::new();
    for _ in 0..2 * LIMITS.concurrent_runs_max {
        let connector = connector.clone();
        spinning.spawn(async move { connector.perform(&call(Operation::Void)).await });
    }
    pay_at_sandbox_a(&hub).await;
    while let Some(performed) = spinning.join_next().await {
        let (word, why) = told(&performed.expect("no panic").outcome);
        assert_eq!(word, "unreachable", "{why}");
    }
    hub.finish().await;
}

#[tokio::test]
async fn a_payment_after_a_lost_answer_is_in_doubt_and_never_failed() {
    let (hub, _folder) = hub_with(&[("traps_after_send", AS_IT_IS), ("traps", AS_IT_IS)]).await;
    for (connector, is_in_doubt) in [("traps-after-send", true), ("traps", false)] {
        let intent = hub.cart.create(json!({ "connector": connector })).await;
        let url = intent["checkout_url"].as_str().expect("an address");
        let page = hub.shopper().go(Method::GET, url, &[]).await;
        assert!(!page.text().contains("wasm"), "the shopper reads nothing of this: {}", page.text());
        let shown = hub.cart.intent(id(&intent)).await;
        let state = shown["attempts"][0]["state"].as_str().unwrap_or_default().to_owned();
        assert_eq!(state, if is_in_doubt { "unknown" } else { "not_sent" }, "{connector}: {shown:#}");
        assert_eq!(shown["status"], "requires_checkout", "{connector}: {shown:#}");
    }
    hub.finish_at_once().await;
}

#[tokio::test]
async fn no_plugin_sees_a_secret() {
    let logs = Logs::keep();
    let (hub, _folder) = hub_with(&[("tells_all", AS_IT_IS), ("puts_secret_into_url", AS_IT_IS)]).await;
    let (key, webhook_secret) = (SandboxPay::api_key("sandbox_a"), SandboxPay::webhook_secret("sandbox_a"));
    for name in ["tells-all", "puts-secret-into-url"] {
        let connector = hub.inside().connectors.now().connector(name).expect("a connector").clone();
        let performed = connector.perform(&call(Operation::Void)).await;
        assert_eq!(told(&performed.outcome).0, "impossible");
        let shown = format!("{performed:?}");
        assert!(!shown.contains(&key) && !shown.contains(&webhook_secret), "{name}: {shown}");
        if name == "puts-secret-into-url" {
            let url = performed.exchanges[0].url.clone().unwrap_or_default();
            assert!(url.ends_with("?key=$api_key"), "it stays the name that it is: {url}");
        }
    }
    let lines = logs.with("a plugin says something");
    assert_eq!(lines.len(), LIMITS.log_lines_max, "of a thousand lines that it wrote");
    for line in &lines {
        assert!(line.contains("plugin.name=\"tells-all\"") && line.contains("\\\"contract\\\":1"), "{line}");
        assert!(line.contains("connector.name=\"tells-all\""), "{line}");
        assert!(!line.contains(&key) && !line.contains(&webhook_secret), "{line}");
        assert!(line.len() < 3 * LIMITS.log_line_bytes_max, "{line}");
    }
    hub.finish().await;
}

#[tokio::test]
async fn nothing_is_settled_by_a_delivery_that_nobody_verified() {
    let unsigned: fn(&mut Descriptor) = |descriptor| descriptor.deliveries = SignedDeliveries::Unsigned;
    // The same plugin twice would need two names, so each has a hub of its own.
    for (change, signed) in [(AS_IT_IS, true), (unsigned, false)] {
        let (hub, _folder) = hub_with(&[("settles_unverified", change)]).await;
        let connector =
            hub.inside().connectors.now().connector("settles-unverified").expect("a connector").clone();
        let at = |secret: &str| format!("settles-unverified/{secret}");
        assert_eq!(hub.deliver(&at("not-the-right-one-at-all"), "{}", None).await.status, 404);
        let answer = hub.deliver(&at(PATH_SECRET), "{}", None).await;
        assert_eq!(answer.status, if signed { 401 } else { 200 }, "{}", answer.text);
        match connector.authenticate(&delivery("{}")).await {
            Authenticated::Forged { why } if signed => assert_eq!(why, "no signature check passed"),
            Authenticated::Accepted if !signed => {}
            other => panic!("{other:?}"),
        }
        // Whatever reads it anyhow learns no fact.
        let Received { notifications, fault, .. } = connector.receive(&delivery("{}")).await;
        assert_eq!(fault, None);
        let [notification] = notifications.as_slice() else { panic!("{notifications:?}") };
        assert_eq!(notification.says, Says::Changed);
        assert!(notification.is_demoted && !notification.is_proven && notification.event_id.is_none());
        hub.finish().await;
    }
}

#[tokio::test]
async fn who_misbehaves_again_and_again_is_not_run_for_a_while() {
    let logs = Logs::keep();
    let (hub, _folder) = hub_with(&[("traps", AS_IT_IS)]).await;
    let connector = hub.inside().connectors.now().connector("traps").expect("a connector").clone();
    let breaker = async || {
        let list = hub.cart.get("/v1/connectors").await.expect(200);
        let all = list["data"].as_array().expect("a list").clone();
        let of = |name: &str| {
            let found = all.iter().find(|one| one["name"] == name).expect("a connector");
            found["health"]["breaker"].as_str().expect("a word").to_owned()
        };
        (of("traps"), of("sandbox_a"))
    };
    let words = |own: &str| (own.to_owned(), "closed".to_owned());
    for _ in 0..MISBEHAVIORS_MAX {
        assert_eq!(breaker().await, words("closed"));
        assert_eq!(told(&connector.perform(&call(Operation::Void)).await.outcome).0, "impossible");
    }
    assert_eq!(breaker().await, words("open"));
    assert_eq!(logs.with("its breaker is open").len(), 1);
    let (word, why) = told(&connector.perform(&call(Operation::Void)).await.outcome);
    assert_eq!(word, "unreachable");
    assert!(why.starts_with("plugin traps 1.0.0: the breaker is open"), "{why}");
    let received = connector.receive(&delivery("{}")).await;
    assert!(received.fault.as_ref().is_some_and(ReceiveFault::is_worth_another_try), "{received:?}");
    assert!(matches!(connector.authenticate(&delivery("{}")).await, Authenticated::Unavailable { .. }));
    hub.jump(OPEN_S).await;
    assert_eq!(told(&connector.perform(&call(Operation::Void)).await.outcome).0, "impossible", "one trial");
    assert_eq!(told(&connector.perform(&call(Operation::Void)).await.outcome).0, "unreachable");
    pay_at_sandbox_a(&hub).await;
    hub.finish().await;
}

/// Strangers must not be able to stop a connector by what they deliver.
#[tokio::test]
async fn deliveries_of_strangers_open_no_breaker() {
    let (hub, _folder) = hub_with(&[("traps", AS_IT_IS)]).await;
    for _ in 0..2 * MISBEHAVIORS_MAX {
        assert_eq!(hub.deliver(&format!("traps/{PATH_SECRET}"), "{}", None).await.status, 503);
    }
    let connector = hub.inside().connectors.now().connector("traps").expect("a connector").clone();
    assert_eq!(connector.breaker().word(), "closed");
    hub.finish().await;
}

/// A file, and what is said when it is loaded.
#[test]
fn what_is_no_plugin_is_refused_before_it_runs() {
    let sandbox = Sandbox::shared().expect("a sandbox");
    let base_url = "http://127.0.0.1:1";
    let other_contract: fn(&mut Descriptor) = |descriptor| descriptor.contract = 99;
    let rows: Vec<(Vec<u8>, &str)> = vec![
        (
            compiled("imports_clock"),
            "it imports wasi:clocks/wall-clock@0.2.0, and a plugin may import nothing but `log`",
        ),
        (compiled("core_module"), "it is a core module; build it with `payhub plugin build`"),
        (compiled("exports_nothing"), "it does not export `describe`"),
        (b"MZ\x90\x00 not at all".to_vec(), "the file is not a WebAssembly component"),
        (vec![], "the file is not a WebAssembly component"),
        (vec![0; 64 * 1024 * 1024 + 1], "the file is longer than 67108864 bytes"),
        (framed("traps", base_url, other_contract), "it speaks contract version 99, this hub 1"),
        (framed("loops_at_start", base_url, AS_IT_IS), "its `describe` "),
        (
            framed("traps", base_url, |it| it.name = "Traps\n".to_owned()),
            "its descriptor has a name other than",
        ),
        (
            framed("traps", base_url, |it| it.version = "one".to_owned()),
            "its descriptor has a version that is not",
        ),
        (
            framed("traps", base_url, |it| it.title = "a\nb".to_owned()),
            "its descriptor has a text of several lines",
        ),
        (
            framed("traps", base_url, |it| it.setup.push("a\nb".to_owned())),
            "its descriptor has a text of several lines",
        ),
        (
            framed("traps", base_url, |it| it.events = vec!["paid".to_owned(); 65]),
            "its descriptor lists more than 64 events",
        ),
        (
            framed("traps", base_url, |it| it.hosts.push(HostRule::Exactly("a\"] b".to_owned()))),
            "its descriptor lists a host that is neither",
        ),
        (
            framed("traps", base_url, |it| it.hosts = vec![HostRule::Below("com".to_owned()); 65]),
            "its descriptor lists more than 64 hosts",
        ),
    ];
    for (file, words) in rows {
        let error = sandbox.load(&file, LIMITS).err().map(|error| error.to_string()).unwrap_or_default();
        assert!(error.contains(words), "{words}: {error}");
        assert!(!error.contains('\n'), "{error}");
    }
    // Every piece of a good one, cut anywhere, is refused and harms nobody.
    let good = framed("traps", base_url, AS_IT_IS);
    assert!(sandbox.load(&good, LIMITS).is_ok());
    for length in (0..good.len()).step_by(97) {
        assert!(sandbox.load(&good[..length], LIMITS).is_err(), "{length} bytes of {}", good.len());
    }
}

/// How much each may compute is the same on every machine.
#[test]
fn fuel_ends_what_time_would_not() {
    let sandbox = Sandbox::shared().expect("a sandbox");
    let limits = Limits { fuel_max: 5_000_000, run_ms_max: 10_000, ..LIMITS };
    let plugin = sandbox.load(&framed("loops", "http://127.0.0.1:1", AS_IT_IS), limits).expect("a plugin");
    let ask = processor_sdk::Ask::new(processor_sdk::Question::Call(call(Operation::Void)));
    for _ in 0..3 {
        assert_eq!(plugin.run(&ask).result, Err(RunFault::OutOfFuel(5_000_000)));
    }
}

/// How long this thread has been on a processor, in nanoseconds; proc(5).
fn computed_ns() -> u128 {
    let times = fs::read_to_string("/proc/thread-self/schedstat").expect("its times");
    times.split(' ').next().and_then(|first| first.parse().ok()).expect("a number")
}

/// Undisturbed, four that spin would take all processors that there are, up to four of them.
#[test]
fn those_that_spin_pause_so_that_others_can_compute() {
    let sandbox = Sandbox::new().expect("a sandbox");
    let limits = Limits { run_ms_max: 1_000, fuel_max: FUEL_MAX, ..LIMITS };
    let plugin = sandbox.load(&framed("loops", "http://127.0.0.1:1", AS_IT_IS), limits).expect("a plugin");
    let ask = processor_sdk::Ask::new(processor_sdk::Question::Call(call(Operation::Void)));
    let begun = now();
    let computed: u128 = std::thread::scope(|threads| {
        let spin = || {
            let before = computed_ns();
            assert_eq!(plugin.run(&ask).result, Err(RunFault::OutOfTime(limits.run_ms_max)));
            computed_ns() - before
        };
        let spinning: Vec<_> = (0..limits.concurrent_runs_max).map(|_| threads.spawn(spin)).collect();
        spinning.into_iter().map(|thread| thread.join().expect("no panic")).sum()
    });
    let elapsed = begun.elapsed().as_nanos();
    assert!(elapsed >= u128::from(limits.run_ms_max) * 900_000, "each has its time: {elapsed} ns");
    // Less than half of one processor, and all of them in the first moments; tolerant of a busy machine.
    assert!(computed * 3 < elapsed * 2, "{computed} ns of computing in {elapsed} ns");
}
