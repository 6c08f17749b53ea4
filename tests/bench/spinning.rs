//! How many operations a second go through a connector, alone and beside a plugin that spins in all of its places.
//!
//! The connector is a real one, with everything that it does around its adapter: grants, credentials, masks, records.
//! Only the processor is not there: each request is answered from memory, as the fixture has it, so that what is
//! measured is the hub's and the adapter's work. The spinning plugin is `plugins/hostile/loops.wat`, run again as soon
//! as its limits have ended it, without the breaker that would stop it after a few runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use hub_core::outcome::Outcome;
use payhub::clock::SystemClock;
use payhub::connector::Connector;
use payhub::connector::credentials::SecretText;
use payhub::connector::hosts::Grants;
use payhub::connector::registry::{AdapterChoice, ConnectorConfig, Surroundings, build};
use payhub::connector::transport::{PreparedRequest, SendError, Transport};
use payhub::plugin::adapter::PluginAdapter;
use payhub::plugin::limits::Limits;
use payhub::plugin::sandbox::{Plugin, Sandbox};
use payhub::plugin::shelf::{Shelf, Terms};
use processor_sdk::conformance::{Fixture, Subject};
use processor_sdk::{
    Adapter, Call, Descriptor, Exchange, HostRule, HttpResponse, Question, Step, StepAnswer,
};
use tokio::runtime::Runtime;

use crate::plugins::COMPILED_IN;
use crate::processes::{eventually, now};

/// The fixture whose question is asked: a look-up of a payment that was paid, which every adapter here has.
const QUESTION: &str = "fetch_payment_paid";
/// How many operations are under way at once.
const CALLERS: usize = 8;
/// Rounds of which the middle one counts.
const ROUNDS: usize = 3;

/// A connector and the operation that is asked of it.
struct Measured {
    name: String,
    connector: Arc<dyn Connector>,
    call: Call,
}

/// The table: a line for each adapter that is compiled in, and one for each plugin.
pub(crate) fn table(plugins: &[(String, String)], round: Duration) -> String {
    let runtime = Runtime::new().expect("a runtime");
    let mut measured = Vec::new();
    for (name, adapter, fixtures) in COMPILED_IN {
        let choice = AdapterChoice::Native(adapter.descriptor().name);
        measured.push(subject(name, adapter, fixtures, choice, Arc::default()));
    }
    for (file, fixtures) in plugins {
        let folder = tempfile::tempdir().expect("a temporary folder");
        std::fs::copy(file, folder.path().join("plugin.wasm")).expect("a plugin file");
        let shelf = Shelf::read(folder.path(), &Terms::default(), &Shelf::default()).expect("a folder");
        let [(_, plugin)] = shelf.plugins() else { panic!("{file} is no plugin") };
        let adapter = PluginAdapter(Arc::clone(plugin));
        let choice = AdapterChoice::Plugin { name: plugin.descriptor().name.clone(), sha256: None };
        measured.push(subject(file, &adapter, fixtures, choice, Arc::new(shelf)));
    }
    let hostile = hostile();
    let mut table = format!(
        "\n{CALLERS} operations at once ({QUESTION}), answered from memory; the other plugin spins in its {} places\n\n\
         | connector | operations a second, alone | beside a plugin that spins | of it |\n|---|--:|--:|--:|\n",
        hostile.limits().concurrent_runs_max
    );
    for measured in &measured {
        let (alone, beside) = rates(&runtime, measured, &hostile, round);
        let part = beside * 100 / alone.max(1);
        writeln!(table, "| {} | {alone} | {beside} | {part} % |", measured.name).expect("a text");
    }
    table
}

/// The middle rates of all rounds, alone and beside the hostile plugin, which take turns.
fn rates(runtime: &Runtime, measured: &Measured, hostile: &Arc<Plugin>, round: Duration) -> (u128, u128) {
    let (mut alone, mut beside) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        alone.push(rate(runtime, measured, round));
        let spinning = Spinning::start(runtime, hostile);
        beside.push(rate(runtime, measured, round));
        spinning.stop(runtime);
    }
    let middle = |mut rates: Vec<u128>| {
        rates.sort_unstable();
        rates[rates.len() / 2]
    };
    (middle(alone), middle(beside))
}

/// Operations a second.
fn rate(runtime: &Runtime, measured: &Measured, round: Duration) -> u128 {
    let begun = now();
    let until = begun + round;
    let callers = (0..CALLERS).map(|_| {
        let (connector, call) = (Arc::clone(&measured.connector), measured.call.clone());
        runtime.spawn(async move {
            let mut done = 0_u128;
            while now() < until {
                let outcome = connector.perform(&call).await.outcome;
                assert!(matches!(outcome, Outcome::Answered { .. }), "{outcome:?}");
                done += 1;
            }
            done
        })
    });
    let callers: Vec<_> = callers.collect();
    let done: u128 = callers.into_iter().map(|caller| runtime.block_on(caller).expect("a caller ends")).sum();
    done * 1_000 / begun.elapsed().as_millis().max(1)
}

/// A plugin that spins in all of its places until it is stopped.
struct Spinning {
    is_over: Arc<AtomicBool>,
    places: Vec<tokio::task::JoinHandle<()>>,
}

impl Spinning {
    fn start(runtime: &Runtime, plugin: &Arc<Plugin>) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let place = |_| {
            let (plugin, is_over) = (Arc::clone(plugin), Arc::clone(&is_over));
            runtime.spawn(async move {
                while !is_over.load(Ordering::Relaxed) {
                    // As the hub does it: a place is waited for, and computing is left to a thread of its own.
                    let places = plugin.places().await;
                    let plugin = Arc::clone(&plugin);
                    let running = tokio::task::spawn_blocking(move || {
                        let _places = places;
                        plugin.run_text("{}")
                    });
                    let ran = running.await.expect("a run ends");
                    assert!(ran.result.is_err(), "a plugin that spins has no answer");
                }
            })
        };
        let places: Vec<_> = (0..plugin.limits().concurrent_runs_max).map(place).collect();
        let all = places.len();
        eventually("it spins in all of its places", || (plugin.runs_under_way() == all).then_some(()));
        Self { is_over, places }
    }

    fn stop(self, runtime: &Runtime) {
        self.is_over.store(true, Ordering::Relaxed);
        for place in self.places {
            runtime.block_on(place).expect("a place is given back");
        }
    }
}

/// `plugins/hostile/loops.wat` behind the boundary that all hostile plugins there share.
fn hostile() -> Arc<Plugin> {
    let read = |file: &str| {
        let path = Path::new("../plugins/hostile").join(file);
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    };
    let descriptor = Descriptor { name: "loops".to_owned(), ..processor_sandbox::Sandbox.descriptor() };
    let descriptor = serde_json::to_string(&descriptor).expect("JSON");
    let descriptor = descriptor.replace('\\', "\\\\").replace('"', "\\\"");
    let text = read("frame.wat").replace("DESCRIPTOR", &descriptor).replace("ADAPTER", &read("loops.wat"));
    let bytes = wat::parse_str(text).expect("a component");
    // The sandbox of the good plugins: what is shared between them has to be.
    let sandbox = Sandbox::shared().expect("a sandbox");
    sandbox.load(&bytes, Limits::default()).expect("a plugin")
}

/// A connector of an adapter, set up as its fixtures are, and its question.
fn subject(
    name: &str,
    adapter: &dyn Adapter,
    fixtures: &str,
    choice: AdapterChoice,
    plugins: Arc<Shelf>,
) -> Measured {
    let subject = Subject::of_folder(adapter, Path::new(fixtures)).expect("fixtures");
    let found = subject.fixtures.iter().find(|fixture| fixture.name == QUESTION);
    let fixture = found.unwrap_or_else(|| panic!("{fixtures} has no {QUESTION}"));
    let Question::Call(call) = &fixture.ask else { panic!("{QUESTION} is no call") };
    let descriptor = adapter.descriptor();
    let secrets = subject.secrets.iter();
    let config = ConnectorConfig {
        name: "measured".to_owned(),
        adapter: choice,
        livemode: call.livemode,
        currencies: vec![],
        settings: subject.settings.clone(),
        secrets: secrets.map(|(name, value)| (name.clone(), vec![SecretText::new(value)])).collect(),
        grants: grants(&descriptor, &fixture.transcript),
        webhook_path_secret: None,
    };
    let surroundings = Surroundings {
        transport: Arc::new(Memory::of(fixture)),
        clock: Arc::new(SystemClock),
        plugins,
        failures: Arc::default(),
        breakers: Arc::default(),
    };
    let connector = build(config, &surroundings).expect("a connector");
    Measured { name: name.to_owned(), connector, call: call.clone() }
}

/// All hosts that the adapter asks for, and plain http where the fixture has it.
fn grants(descriptor: &Descriptor, transcript: &[Exchange]) -> Grants {
    let named = |rules: &[HostRule]| {
        let name = |rule: &HostRule| match rule {
            HostRule::Exactly(host) => Some(host.clone()),
            HostRule::Below(domain) => Some(format!("*.{domain}")),
            // Granted by whoever wrote the setting.
            HostRule::Setting(_) => None,
        };
        let names: Vec<String> = rules.iter().filter_map(name).collect();
        (!names.is_empty()).then_some(names)
    };
    let plain = transcript.iter().filter_map(|exchange| match &exchange.step {
        Step::Send(request) => {
            request.url.strip_prefix("http://").and_then(|rest| rest.split('/').next()).map(str::to_owned)
        }
        Step::Mac(_) | Step::Verify(_) => None,
    });
    Grants {
        hosts: named(&descriptor.hosts),
        checkout_hosts: named(&descriptor.checkout_hosts),
        plain_http_hosts: plain.collect(),
    }
}

/// A processor that answers at once what a fixture says.
struct Memory(BTreeMap<String, HttpResponse>);

impl Memory {
    fn of(fixture: &Fixture) -> Self {
        let known =
            fixture.transcript.iter().filter_map(|exchange| match (&exchange.step, &exchange.answer) {
                (Step::Send(request), StepAnswer::Response(response)) => {
                    let url = url::Url::parse(&request.url).expect("a URL");
                    Some((format!("{} {url}", request.method.as_str()), response.clone()))
                }
                (
                    Step::Send(_) | Step::Mac(_) | Step::Verify(_),
                    StepAnswer::Response(_)
                    | StepAnswer::Mac(_)
                    | StepAnswer::Verified
                    | StepAnswer::Refused { .. },
                ) => None,
            });
        Self(known.collect())
    }
}

#[async_trait]
impl Transport for Memory {
    async fn send(&self, request: &PreparedRequest) -> Result<HttpResponse, SendError> {
        let asked = format!("{} {}", request.method.as_str(), request.url);
        let unknown = || SendError::NotSent { detail: format!("the fixture has no {asked}") };
        self.0.get(&asked).cloned().ok_or_else(unknown)
    }
}
