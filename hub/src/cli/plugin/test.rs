//! `payhub plugin test`: every law that an adapter keeps, over a plugin file in the sandbox.
//!
//! The laws and fixtures are those of a native adapter's own tests; here they meet the file that will run.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use payhub::operator::Failure;
use payhub::plugin::adapter::PluginAdapter;
use processor_sdk::conformance::{Fixture, Report, Subject, check_all};
use serde_json::{Value, json};

use super::super::{failure, print, refused};
use super::{Given, load, read};

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
    let report = match report(file, fixtures, given) {
        Ok(report) => report,
        Err(failure) => return refused(&failure, *json),
    };
    let shown = if *json { format!("{:#}", as_json(file, &report)) } else { report.to_string() };
    let printed = print(&shown);
    if report.is_clean() { printed } else { ExitCode::FAILURE }
}

fn report(file: &Path, folder: &Path, given: &Given) -> Result<Report, Failure> {
    let subject = given.over(Some(folder))?;
    let fixtures = Fixture::read_folder(folder).map_err(|error| failure("fixtures", error.to_string()))?;
    if fixtures.is_empty() {
        return Err(failure("fixtures", format!("{} holds no fixture", folder.display())));
    }
    let adapter = PluginAdapter(load(file, &read(file)?)?);
    let subject = Subject::with(&adapter, fixtures, subject)
        .map_err(|error| failure("fixtures", format!("{error}; subject.json holds the test secrets")))?;
    Ok(check_all(&subject))
}

fn as_json(file: &Path, report: &Report) -> Value {
    json!({ "file": file, "ok": report.is_clean(), "broken": report.broken().collect::<Vec<_>>(), "report": report })
}
