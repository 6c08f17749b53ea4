//! `payhub plugin test`: every law that an adapter keeps, over a plugin file in the sandbox.
//!
//! The laws and fixtures are those of a native adapter's own tests; here they meet the file that will run.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use payhub::operator::Failure;
use payhub::plugin::adapter::PluginAdapter;
use payhub::plugin::sandbox::Plugin;
use processor_sdk::conformance::{Fixture, Report, Subject, check_all};
use processor_sdk::{
    Adapter, Answer, Ask, Call, Delivery, Descriptor, Dialogue, Exchange, Flow, Notification, Question,
};
use serde_json::{Value, json};

use super::super::{failure, print, refused};
use super::{Given, load, read};

/// How many ways to fail are told.
const FAILURES_MAX: usize = 5;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The folder of its fixtures, with subject.json: the test secrets and settings.
    #[arg(long, value_name = "DIR")]
    fixtures: PathBuf,
    #[command(flatten)]
    given: Given,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    let Arguments { file, fixtures, given, json } = arguments;
    let checked = match check(file, fixtures, given) {
        Ok(checked) => checked,
        Err(failure) => return refused(&failure, *json),
    };
    let shown = if *json { format!("{:#}", as_json(file, &checked)) } else { as_text(&checked) };
    let printed = print(&shown);
    if checked.report.is_clean() { printed } else { ExitCode::FAILURE }
}

/// What checking came to.
struct Checked {
    report: Report,
    /// How runs failed, each way once: the sandbox's word and the plugin's own last lines.
    failures: Vec<String>,
}

fn check(file: &Path, folder: &Path, given: &Given) -> Result<Checked, Failure> {
    let subject = given.over(Some(folder))?;
    let fixtures = Fixture::read_folder(folder).map_err(|error| failure("fixtures", error.to_string()))?;
    if fixtures.is_empty() {
        return Err(failure("fixtures", format!("{} holds no fixture", folder.display())));
    }
    let plugin = load(file, &read(file)?)?;
    let adapter =
        Overheard { adapter: PluginAdapter(Arc::clone(&plugin)), plugin, failures: Mutex::default() };
    let subject = Subject::with(&adapter, fixtures, subject)
        .map_err(|error| failure("fixtures", format!("{error}; subject.json holds the test secrets")))?;
    let report = check_all(&subject);
    let failures = adapter.failures.into_inner().unwrap_or_else(PoisonError::into_inner);
    Ok(Checked { report, failures: failures.into_iter().collect() })
}

/// A plugin that remembers how its runs failed. The laws only see that they did.
struct Overheard {
    adapter: PluginAdapter,
    plugin: Arc<Plugin>,
    failures: Mutex<BTreeSet<String>>,
}

impl Overheard {
    fn listen<T>(&self, question: Question, transcript: &[Exchange], run: impl FnOnce() -> T) -> T {
        match catch_unwind(AssertUnwindSafe(run)) {
            Ok(returned) => returned,
            Err(panic) => {
                // The same run fails in the same way, and this time it is listened to.
                let again = self.plugin.run(&Ask { transcript: transcript.to_vec(), ..Ask::new(question) });
                if let Err(fault) = again.result {
                    let failure = [vec![format!("it {fault}")], again.log].concat().join("\n  ");
                    let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
                    if failures.len() < FAILURES_MAX {
                        failures.insert(failure);
                    }
                }
                resume_unwind(panic)
            }
        }
    }
}

impl Adapter for Overheard {
    fn descriptor(&self) -> Descriptor {
        self.adapter.descriptor()
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        let transcript = dialogue.transcript();
        self.listen(Question::Call(call.clone()), transcript, || self.adapter.perform(call, dialogue))
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        let transcript = dialogue.transcript();
        let question = Question::Delivery(delivery.clone());
        self.listen(question, transcript, || self.adapter.receive(delivery, dialogue))
    }
}

fn as_text(checked: &Checked) -> String {
    let mut text = checked.report.to_string();
    for failure in &checked.failures {
        text.push_str(&format!("  {failure}\n"));
    }
    text
}

fn as_json(file: &Path, checked: &Checked) -> Value {
    let Checked { report, failures } = checked;
    json!({
        "file": file,
        "ok": report.is_clean(),
        "broken": report.broken().collect::<Vec<_>>(),
        "failures": failures,
        "report": report,
    })
}
