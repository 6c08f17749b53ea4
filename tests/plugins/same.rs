//! One adapter, compiled in and as a plugin: the same requests byte for byte, the same replies, the same laws.

use std::path::Path;
use std::sync::Arc;

use payhub::plugin::limits::Limits;
use payhub::plugin::sandbox::{Plugin, Sandbox};
use plugin_sepa_credit_transfer::SepaCreditTransfer;
use processor_sdk::conformance::Subject;
use processor_sdk::{Adapter, Ask, Exchange, HttpResponse, Reply, Step, StepAnswer};

use super::shell;
use crate::support::plugins;

/// The adapters that run in both forms: the folder of the plugin, the folder that has the fixtures, and itself.
const BOTH: [(&str, &str, &dyn Adapter); 9] = [
    ("plugins/sandbox", "processors/sandbox", &processor_sandbox::Sandbox),
    ("plugins/stripe", "processors/stripe", &processor_stripe::Stripe),
    ("plugins/sepa-credit-transfer", "plugins/sepa-credit-transfer", &SepaCreditTransfer),
    ("processors/adyen", "processors/adyen", &processor_adyen::Adyen),
    ("processors/authorizenet", "processors/authorizenet", &processor_authorizenet::AuthorizeNet),
    ("processors/btcpay", "processors/btcpay", &processor_btcpay::BtcPay),
    ("processors/mollie", "processors/mollie", &processor_mollie::Mollie),
    ("processors/paypal", "processors/paypal", &processor_paypal::PayPal),
    ("processors/square", "processors/square", &processor_square::Square),
];

fn loaded(folder: &str) -> Arc<Plugin> {
    let file = std::fs::read(plugins::built(folder)).expect("a plugin that was just built");
    Sandbox::new().and_then(|sandbox| sandbox.load(&file, Limits::default())).expect("a plugin")
}

fn in_json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).expect("the contract has one JSON form")
}

/// An answer of the same kind that says nothing.
fn spoiled(answer: &StepAnswer) -> StepAnswer {
    match answer {
        StepAnswer::Response(response) => {
            StepAnswer::Response(HttpResponse { body: "<html>bad gateway</html>".into(), ..response.clone() })
        }
        StepAnswer::Mac(_) => StepAnswer::Mac("00".to_owned()),
        StepAnswer::Verified | StepAnswer::Refused { .. } => {
            StepAnswer::Refused { why: "mismatch".to_owned() }
        }
    }
}

#[test]
fn requests_and_replies_are_equal() {
    for (name, home, native) in BOTH {
        let plugin = loaded(name);
        assert_eq!(in_json(plugin.descriptor()), in_json(&native.descriptor()), "{name}");
        let folder = plugins::workspace().join(home).join("fixtures");
        let subject = Subject::of_folder(native, &folder).expect("fixtures");
        let (mut runs, mut requests) = (0, 0);
        let mut compare = |label: &str, transcript: &[Exchange], ask: &Ask| {
            let ask = Ask { transcript: transcript.to_vec(), ..ask.clone() };
            let expected = processor_sdk::run(native, &ask);
            let ran = plugin.run(&ask);
            let reply =
                ran.result.unwrap_or_else(|fault| panic!("{name}, {label}: it {fault}: {:?}", ran.log));
            assert_eq!(in_json(&reply), in_json(&expected), "{name}, {label}, step {}", transcript.len());
            runs += 1;
            requests += usize::from(matches!(reply, Reply::Step(Step::Send(_))));
        };
        for fixture in &subject.fixtures {
            let ask = Ask::new(fixture.ask.clone());
            for end in 0..=fixture.transcript.len() {
                compare(&fixture.name, &fixture.transcript[..end], &ask);
            }
            // Where the answer is not as recorded: both must be at a loss in the same way.
            for (index, exchange) in fixture.transcript.iter().enumerate() {
                let (step, answer) = (exchange.step.clone(), spoiled(&exchange.answer));
                let bent = [&fixture.transcript[..index], &[Exchange { step, answer }]].concat();
                compare(&format!("{} spoiled", fixture.name), &bent, &ask);
            }
        }
        println!("{name}: {runs} runs, {requests} requests, native and in the sandbox equal");
        assert!(runs >= subject.fixtures.len() && runs > 0, "{name}: nothing was compared");
        assert_eq!(requests > 0, !native.descriptor().hosts.is_empty(), "{name}: {requests} requests");
    }
}

#[test]
fn the_plugin_keeps_every_law() {
    for (name, home, native) in BOTH {
        let file = plugins::built(name);
        let fixtures = format!("{home}/fixtures");
        let arguments = ["test", file.to_str().expect("a UTF-8 path"), "--fixtures", &fixtures, "--json"];
        let report = shell::plugin(plugins::workspace(), &arguments).json();
        assert_eq!(report["ok"], true, "{name}: {report:#}");
        assert_eq!(report["report"]["adapter"], native.descriptor().name);
        let verdicts = report["report"]["verdicts"].as_array().expect("verdicts").len();
        assert_eq!(verdicts, processor_sdk::conformance::laws().len(), "{name}");
        let files =
            std::fs::read_dir(Path::new(plugins::workspace()).join(&fixtures)).expect("fixtures").count();
        // All but the file with the test secrets.
        assert_eq!(report["report"]["fixtures"], files - 1, "{name}");
    }
}
