//! `payhub plugin run`: one question followed step by step, each step printed. Nothing is sent.
//!
//! The question is an ask in its JSON form on standard input, and each answer the next JSON value there; or both
//! come from a fixture.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use payhub::operator::Failure;
use payhub::plugin::sandbox::Plugin;
use processor_sdk::conformance::{EXCHANGES_MAX, Fixture, SubjectFile};
use processor_sdk::{Ask, CONTRACT_VERSION, Exchange, Question, Reply, Step, StepAnswer};
use serde_json::{Value, json};

use super::super::{failure, print, refused};
use super::{Given, load, read, spoken};

/// How much is read from standard input, in bytes.
const INPUT_BYTES_MAX: u64 = 16 * 1024 * 1024;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// The plugin.
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// Take the question and the answers from this fixture.
    #[arg(long, value_name = "FILE")]
    fixture: Option<PathBuf>,
    #[command(flatten)]
    given: Given,
    /// Print one JSON object a line: each step, answer and log line, and the reply.
    #[arg(long)]
    json: bool,
}

/// Where answers come from, one for each step.
type Answers = Box<dyn Iterator<Item = Result<StepAnswer, Failure>>>;

pub(super) fn run(arguments: &Arguments) -> ExitCode {
    match follow(arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => refused(&failure, arguments.json),
    }
}

fn follow(arguments: &Arguments) -> Result<(), Failure> {
    let plugin = load(&arguments.file, &read(&arguments.file)?)?;
    let folder = arguments.fixture.as_deref().and_then(Path::parent);
    let subject = arguments.given.over(folder)?;
    let (mut ask, mut answers) = match &arguments.fixture {
        Some(path) => of_fixture(path, &subject)?,
        None => of_input()?,
    };
    settle_settings(&mut ask.question, &plugin, &subject)?;
    let teller = Teller { json: arguments.json };
    loop {
        let ran = plugin.run(&ask);
        ran.log.iter().for_each(|line| teller.log(line));
        let descriptor = plugin.descriptor();
        let reply = ran.result.map_err(|fault| {
            failure("plugin_failed", format!("{} {} {fault}", descriptor.name, descriptor.version))
        })?;
        let step = match reply {
            Reply::Step(step) => step,
            Reply::Answer(_) | Reply::Notifications(_) | Reply::Fault(_) => {
                teller.reply(&reply);
                return Ok(());
            }
        };
        let number = ask.transcript.len() + 1;
        teller.step(number, &step);
        if number > EXCHANGES_MAX {
            return Err(failure("endless", format!("it wants more than {EXCHANGES_MAX} steps")));
        }
        let Some(answer) = answers.next() else {
            teller.waits(&step);
            return Ok(());
        };
        let answer = answer?;
        require_fitting(&step, &answer)?;
        teller.answer(&answer);
        ask.transcript.push(Exchange { step, answer });
    }
}

/// A fixture's question and its recorded answers.
fn of_fixture(path: &Path, subject: &SubjectFile) -> Result<(Ask, Answers), Failure> {
    let wrong = |why: String| failure("fixture", format!("{}: {why}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
    let fixture = Fixture::parse(&text).map_err(|error| wrong(error.to_string()))?;
    let fixture = fixture.signed(&subject.secrets).map_err(|error| wrong(error.to_string()))?;
    let answers = fixture.transcript.into_iter().map(|exchange| Ok(exchange.answer));
    Ok((Ask::new(fixture.ask), Box::new(answers)))
}

/// The ask at the beginning of standard input, and the answers behind it.
fn of_input() -> Result<(Ask, Answers), Failure> {
    let input = std::io::BufReader::new(std::io::stdin().take(INPUT_BYTES_MAX));
    let mut values = serde_json::Deserializer::from_reader(input).into_iter::<Value>();
    let unreadable = |what: &str, error: serde_json::Error| {
        failure("input", format!("standard input: {what} cannot be read: {error}"))
    };
    let mut ask = values
        .next()
        .ok_or_else(|| {
            failure("input", "standard input is empty; write {\"call\": …} or {\"delivery\": …} there")
        })?
        .map_err(|error| unreadable("the question", error))?;
    if let Some(fields) = ask.as_object_mut() {
        fields.entry("contract").or_insert(CONTRACT_VERSION.into());
    }
    let ask = serde_json::from_value(ask).map_err(|error| unreadable("the question", error))?;
    let answers = values.map(move |value| {
        value.and_then(serde_json::from_value::<StepAnswer>).map_err(|error| unreadable("an answer", error))
    });
    Ok((ask, Box::new(answers)))
}

/// Gives a question without settings those that were given, and checks them as the hub would.
fn settle_settings(question: &mut Question, plugin: &Plugin, subject: &SubjectFile) -> Result<(), Failure> {
    let settings = match question {
        Question::Call(call) => &mut call.settings,
        Question::Delivery(delivery) => &mut delivery.settings,
    };
    let given = if settings.0.is_empty() { &subject.settings } else { &*settings };
    *settings = plugin
        .descriptor()
        .check_settings(given)
        .map_err(|fault| failure("settings", format!("{fault}; --setting NAME=VALUE sets one")))?;
    Ok(())
}

/// An answer of another kind answers nothing.
fn require_fitting(step: &Step, answer: &StepAnswer) -> Result<(), Failure> {
    let fits = match answer {
        StepAnswer::Response(_) => matches!(step, Step::Send(_)),
        StepAnswer::Mac(_) => matches!(step, Step::Mac(_)),
        StepAnswer::Verified | StepAnswer::Refused { .. } => matches!(step, Step::Verify(_)),
    };
    if fits {
        Ok(())
    } else {
        Err(failure("input", format!("that is no answer to this step; {}", wanted(step))))
    }
}

/// How an answer to a step is written.
const fn wanted(step: &Step) -> &'static str {
    match step {
        Step::Send(_) => r#"write {"response": {"status": 200, "body": {"text": "…"}}}"#,
        Step::Mac(_) => r#"write {"mac": "the digest"}"#,
        Step::Verify(_) => r#"write "verified" or {"refused": {"why": "mismatch"}}"#,
    }
}

/// Prints what happens, for people or for programs.
struct Teller {
    json: bool,
}

impl Teller {
    fn tell(&self, object: &Value, text: &str) {
        // When nobody listens any more there is nothing to be done about it.
        let _printed = print(&if self.json { object.to_string() } else { text.to_owned() });
    }

    fn log(&self, line: &str) {
        self.tell(&json!({ "log": line }), &format!("log: {line}"));
    }

    fn step(&self, number: usize, step: &Step) {
        self.tell(&json!({ "step": step }), &format!("step {number}: {}\n", spoken::step(step)));
    }

    fn answer(&self, answer: &StepAnswer) {
        self.tell(
            &json!({ "answer": answer }),
            &format!("answered\n{}\n", spoken::indented(&spoken::answer(answer))),
        );
    }

    fn reply(&self, reply: &Reply) {
        self.tell(
            &json!({ "reply": reply }),
            &format!("reply\n{}", spoken::indented(&spoken::pretty(reply))),
        );
    }

    fn waits(&self, step: &Step) {
        let how = wanted(step);
        self.tell(
            &json!({ "waits": how }),
            &format!("it waits for an answer as the next value of standard input: {how}"),
        );
    }
}
