//! `payhub plugin`: what an author does with a plugin, from an empty folder to a file that keeps every law.
//!
//! None of this needs a hub, a config or the network: a plugin is a pure function, so everything about it can
//! be tried here.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use clap::Subcommand;
use payhub::operator::Failure;
use payhub::plugin::file::FILE_BYTES_MAX;
use payhub::plugin::limits::Limits;
use payhub::plugin::sandbox::{Plugin as Loaded, Sandbox};

use super::failure;

mod add;
mod build;
mod component;
mod inspect;
mod list;
mod new;
mod run;
mod sources;
mod spoken;
mod test;

/// What to do with a plugin.
#[derive(Subcommand)]
pub(crate) enum Plugin {
    /// Write a complete small plugin, which builds and keeps every law as it is, into ./NAME.
    New(new::Arguments),
    /// Compile a plugin crate and write NAME.wasm beside its Cargo.toml.
    Build(build::Arguments),
    /// Say what a plugin file is: who it says it is, what it asks for, what it imports.
    Inspect(inspect::Arguments),
    /// Check every law over a plugin file in the sandbox.
    Test(test::Arguments),
    /// Put a plugin file into a hub's plugins folder; a running hub takes it up at once.
    Add(add::Arguments),
    /// List the plugin files that the running hub runs or keeps for payments.
    List(list::Arguments),
    /// Run a plugin step by step and print each step. Nothing is sent.
    Run(run::Arguments),
}

pub(crate) async fn run(plugin: &Plugin) -> ExitCode {
    match plugin {
        Plugin::New(arguments) => new::run(arguments),
        Plugin::Build(arguments) => build::run(arguments),
        Plugin::Inspect(arguments) => inspect::run(arguments),
        Plugin::Test(arguments) => test::run(arguments),
        Plugin::Add(arguments) => add::run(arguments).await,
        Plugin::List(arguments) => list::run(arguments).await,
        Plugin::Run(arguments) => run::run(arguments),
    }
}

/// Reads a plugin file. What is too long is not read at all.
fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable =
        |error: std::io::Error| failure("unreadable", format!("{} cannot be read: {error}", file.display()));
    let length = std::fs::metadata(file).map_err(unreadable)?.len();
    if length > FILE_BYTES_MAX {
        let file = file.display();
        return Err(failure("too_long", format!("{file} is longer than {FILE_BYTES_MAX} bytes")));
    }
    std::fs::read(file).map_err(unreadable)
}

/// Makes a plugin ready to run, with the limits that a hub has by default.
fn load(file: &Path, bytes: &[u8]) -> Result<Arc<Loaded>, Failure> {
    let loaded = Sandbox::shared().and_then(|sandbox| sandbox.load(bytes, Limits::default()));
    loaded.map_err(|error| failure("not_a_plugin", format!("{}: {error}", file.display())))
}

/// Reads `NAME=VALUE`.
fn named_value(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        // What was written may be a secret, so it is not repeated.
        Some(_) | None => Err("write NAME=VALUE".to_owned()),
    }
}

/// The secrets and settings that a plugin is tried with.
#[derive(clap::Args)]
struct Given {
    /// A test value of a secret, beside or instead of that in subject.json; never a real one.
    #[arg(long = "secret", value_name = "NAME=VALUE", value_parser = named_value)]
    secrets: Vec<(String, String)>,
    /// A setting as an operator would write it, beside or instead of that in subject.json.
    #[arg(long = "setting", value_name = "NAME=VALUE", value_parser = named_value)]
    settings: Vec<(String, String)>,
}

impl Given {
    /// What a folder of fixtures says, with what the command line says above it.
    fn over(&self, folder: Option<&Path>) -> Result<processor_sdk::conformance::SubjectFile, Failure> {
        use processor_sdk::conformance::{SUBJECT_FILE, SubjectFile};
        let mut subject = match folder {
            Some(folder) if folder.join(SUBJECT_FILE).exists() => {
                SubjectFile::read_folder(folder).map_err(|error| failure("subject", error.to_string()))?
            }
            Some(_) | None => SubjectFile::default(),
        };
        subject.secrets.extend(self.secrets.iter().cloned());
        for (name, value) in &self.settings {
            // A flag is written as in TOML; everything else is text.
            let value = match value.as_str() {
                "true" => true.into(),
                "false" => false.into(),
                text => text.into(),
            };
            subject.settings.0.insert(name.clone(), value);
        }
        Ok(subject)
    }
}
