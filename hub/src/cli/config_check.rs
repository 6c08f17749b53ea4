//! `payhub config check`: reads a config as `payhub serve` would, builds every adapter, and says what is
//! wrong and how to mend it. Opens no database, no port, and no connection.

use std::path::Path;
use std::process::ExitCode;

use payhub::app::{self, StartError};
use payhub::config::Config;
use payhub::config::problem::ConfigError;
use payhub::connector::registry::AdapterChoice;
use serde_json::{Value, json};

use super::{print, refused, unopened};
use crate::commands::fail;

pub(crate) fn run(file: &Path, as_json: bool) -> ExitCode {
    let checked = match Config::load(file) {
        Ok(config) => match app::check_connectors(&config) {
            Ok(()) => Ok(config),
            Err(StartError::Config(error)) => Err(*error),
            Err(error) => return refused(&unopened(&error), as_json),
        },
        Err(error) => Err(error),
    };
    match checked {
        Ok(config) if as_json => print(&format!("{:#}", good(file, &config))),
        Ok(config) => print(&sentence(file, &config)),
        Err(error) if as_json => {
            let _printed = print(&format!("{:#}", wrong(file, &error)));
            ExitCode::FAILURE
        }
        Err(error) => fail(&error.to_string()),
    }
}

fn good(file: &Path, config: &Config) -> Value {
    let connectors = config.connectors.iter().map(|entry| {
        json!({
            "name": entry.config.name,
            "adapter": entry.config.adapter.name(),
            "plugin": matches!(entry.config.adapter, AdapterChoice::Plugin { .. }),
            "livemode": entry.config.livemode,
            "draining": entry.draining,
            // Their names; never their values.
            "secrets": entry.config.secrets.keys().collect::<Vec<_>>(),
        })
    });
    json!({ "file": file, "ok": true, "connectors": connectors.collect::<Vec<_>>() })
}

fn sentence(file: &Path, config: &Config) -> String {
    let mut text = format!("{} is good.\n", file.display());
    for entry in &config.connectors {
        let mode = if entry.config.livemode { "live" } else { "test" };
        let secrets: Vec<_> = entry.config.secrets.keys().map(String::as_str).collect();
        text.push_str(&format!(
            "  {} ({}, {mode}): every setting fits; secrets found: {}\n",
            entry.config.name,
            entry.config.adapter,
            secrets.join(", "),
        ));
    }
    if config.connectors.is_empty() {
        text.push_str("  It has no connector, so the hub would take no payment.\n");
    }
    text
}

fn wrong(file: &Path, error: &ConfigError) -> Value {
    let problems = error.problems().iter().map(|problem| {
        json!({
            "file": problem.file,
            "line": problem.place.as_ref().map(|place| place.line),
            "column": problem.place.as_ref().map(|place| place.column),
            "key": problem.key,
            "reason": problem.reason,
            "fix": problem.fix,
        })
    });
    let problems: Vec<_> = problems.collect();
    if problems.is_empty() {
        // The file itself is what is wrong.
        let problem = json!({
            "file": file, "line": null, "column": null, "key": "", "reason": error.to_string(), "fix": null,
        });
        return json!({ "file": file, "ok": false, "problems": [problem] });
    }
    json!({ "file": file, "ok": false, "problems": problems })
}
