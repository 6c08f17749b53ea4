//! Commands for operators and for authors of plugins: what each takes, how its answer is shown, how it ends.
//!
//! Each of the operators' asks the running hub over its private socket, or, where none runs, opens the database itself.
//!
//! Invariant: the exit code tells three ends apart: done, not done, and not known (nobody may take a lost
//! answer for either of the others). The command line's own mistakes have a fourth, which is clap's.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use hub_core::policy::Policies;
use payhub::app::{StartError, open_for_operator};
use payhub::config::{Config, Plugins};
use payhub::database::Database;
use payhub::operator::socket::{AskError, ask};
use payhub::operator::{Failure, Request, UNKNOWN_OUTCOME, perform};
use payhub::store::look::LookError;
use payhub::store::postgres::ConnectError;
use payhub::store::sqlite::OpenError;
use serde_json::{Value, json};

use crate::commands::fail;

/// How often a database that another command has is tried again, and the pause between, in milliseconds.
const LOCKED_TRIES_MAX: u32 = 100;
const LOCKED_PAUSE_MS: u64 = 50;
/// The exit code when it is not known whether anything was done.
const EXIT_UNKNOWN: u8 = 3;

pub(crate) mod config_check;
pub(crate) mod db;
pub(crate) mod init;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod payments;
pub(crate) mod plugin;
pub(crate) mod processors;
pub(crate) mod quarantine;
pub(crate) mod reload;

mod descriptor;

mod story;

/// Which hub is meant, and how it answers.
#[derive(Args)]
pub(crate) struct Target {
    /// The hub's config file, as for `payhub serve`.
    #[arg(long, value_name = "FILE", required_unless_present = "data_dir", conflicts_with = "data_dir")]
    config: Option<PathBuf>,
    /// The hub's data folder, where there is no config file: that of `payhub demo`.
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Where a hub keeps its things.
pub(crate) struct Place {
    pub(crate) database: Database,
    pub(crate) data_dir: PathBuf,
    pub(crate) sealing_key_file: PathBuf,
    pub(crate) plugins: Plugins,
    public_url: String,
    policies: Policies,
}

impl Target {
    pub(crate) fn place(&self) -> Result<Place, Failure> {
        match (&self.config, &self.data_dir) {
            (Some(config), _) => {
                let config = Config::load(config).map_err(|error| failure("config", error.to_string()))?;
                let public_url = config.public_url.to_string();
                let sealing_key_file = config.sealing.key_file;
                let policies = config.policies;
                let plugins = config.plugins;
                let (database, data_dir) = (config.database, config.data_dir);
                Ok(Place { database, data_dir, sealing_key_file, plugins, public_url, policies })
            }
            (None, Some(data_dir)) => {
                let sealing_key_file = data_dir.join("sealing.key");
                // The demo's; only its links are made of it.
                let public_url = "http://127.0.0.1:8080".to_owned();
                let policies = Policies::default();
                let plugins = payhub::demo::connectors::plugins(data_dir);
                let (database, data_dir) = (Database::File, data_dir.clone());
                Ok(Place { database, data_dir, sealing_key_file, plugins, public_url, policies })
            }
            // clap lets nobody come here.
            (None, None) => Err(failure("config", "--config FILE or --data-dir DIR says which hub")),
        }
    }

    /// Asks the running hub, which alone can do it, and prints the answer.
    pub(crate) async fn ask(&self, request: Request, show: fn(&Value) -> String) -> ExitCode {
        let answered = match self.place() {
            Ok(place) => ask(&place.data_dir, &request).await.map_err(|error| error.failure()),
            Err(failure) => Err(failure),
        };
        self.end(answered, show)
    }

    /// Does it and prints the answer.
    pub(crate) async fn run(&self, request: Request, show: fn(&Value) -> String) -> ExitCode {
        let answered = match self.place() {
            Ok(place) => answer(&place, &request).await,
            Err(failure) => Err(failure),
        };
        self.end(answered, show)
    }

    /// Prints an answer, or why there is none.
    pub(crate) fn end(&self, answered: Result<Value, Failure>, show: fn(&Value) -> String) -> ExitCode {
        match answered {
            Ok(value) if self.json => print(&format!("{value:#}")),
            Ok(value) => print(&show(&value)),
            Err(failure) => refused(&failure, self.json),
        }
    }
}

/// Tells why something was not done, or is not known to be: to people on standard error, to programs on
/// standard output, where they read every answer.
pub(crate) fn refused(failure: &Failure, as_json: bool) -> ExitCode {
    if as_json {
        let _printed = print(&format!("{:#}", json!({ "error": failure })));
    } else {
        let _failed = fail(&failure.message);
    }
    if failure.code == UNKNOWN_OUTCOME { ExitCode::from(EXIT_UNKNOWN) } else { ExitCode::FAILURE }
}

pub(crate) fn failure(code: &str, message: impl Into<String>) -> Failure {
    Failure { code: code.to_owned(), message: message.into(), field: None }
}

/// Who decides: as it was said, else whom the shell names.
#[derive(Args)]
pub(crate) struct Operator {
    /// Who says so. Default: the shell's USER.
    #[arg(long = "as", value_name = "NAME", env = "USER", hide_env_values = true)]
    name: Option<String>,
}

impl Operator {
    /// The name, which the history keeps.
    pub(crate) fn name(self) -> Result<String, Failure> {
        self.name.filter(|name| !name.trim().is_empty()).ok_or_else(|| Failure {
            field: Some("as".to_owned()),
            ..failure("invalid_field", "as: say who decides, with --as NAME; the shell's USER is not set")
        })
    }
}

/// Asks the hub that runs there, or does it where none runs. A database that another command has for a moment
/// is waited for; a hub may also have started meanwhile.
async fn answer(place: &Place, request: &Request) -> Result<Value, Failure> {
    let mut tries = 0;
    loop {
        match ask(&place.data_dir, request).await {
            Err(AskError::NotRunning) => {}
            answered => return answered.map_err(|error| error.failure()),
        }
        let Place { database, data_dir, sealing_key_file, public_url, policies, plugins: _ } = place;
        match open_for_operator(database, data_dir, sealing_key_file, public_url, *policies).await {
            Ok(hub) => return perform(&hub, request.clone()).await.map_err(|error| error.failure()),
            Err(StartError::Store(OpenError::Locked { .. })) if tries < LOCKED_TRIES_MAX => {
                tries += 1;
                tokio::time::sleep(Duration::from_millis(LOCKED_PAUSE_MS)).await;
            }
            Err(error) => return Err(unopened(&error)),
        }
    }
}

/// Why a database was not opened; nothing was done then.
pub(crate) fn unopened(error: &StartError) -> Failure {
    let code = match error {
        StartError::NoDatabase { .. } | StartError::NoTables { .. } => "no_database",
        StartError::Forbidden { .. } | StartError::OtherOwner { .. } => "not_allowed",
        StartError::Store(OpenError::Locked { .. }) => "in_use",
        StartError::Store(OpenError::NewerDatabase { .. })
        | StartError::Connect(ConnectError::NewerDatabase { .. }) => "newer_database",
        StartError::Look(LookError::OtherVersion { database, binary }) if database > binary => {
            "newer_database"
        }
        StartError::Folder { .. }
        | StartError::HalfRestored { .. }
        | StartError::Store(_)
        | StartError::Connect(_)
        | StartError::Look(_)
        | StartError::Replica(_)
        | StartError::OtherSealingKey { .. }
        | StartError::Commit(_)
        | StartError::Key(_)
        | StartError::Sender(_)
        | StartError::Planted(_)
        | StartError::Listen(_)
        | StartError::ListenForMetrics { .. }
        | StartError::Metrics(_)
        | StartError::LiveOverHttp { .. }
        | StartError::Removed(_)
        | StartError::Transport(_)
        | StartError::Config(_)
        | StartError::Plugins(_)
        | StartError::Pins(_)
        | StartError::Aborted(_)
        | StartError::RolesOfAFile { .. }
        | StartError::Connectors(_) => "cannot_open",
    };
    failure(code, error.to_string())
}

/// Prints what was asked for.
pub(crate) fn print(text: &str) -> ExitCode {
    match writeln!(std::io::stdout(), "{}", text.trim_end()) {
        Ok(()) => ExitCode::SUCCESS,
        // Nobody listens any more.
        Err(_) => ExitCode::FAILURE,
    }
}

/// Reads a length of time such as `90d`, `24h`, `30m` or `45s`, in seconds.
pub(crate) fn seconds(text: &str) -> Result<i64, String> {
    let wrong = || "write a length of time such as 90d, 24h, 30m or 45s".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        'd' => 24 * 3_600,
        'h' => 3_600,
        'm' => 60,
        's' => 1,
        _ => return Err(wrong()),
    };
    let count: i64 = text[..text.len() - unit.len_utf8()].parse().map_err(|_| wrong())?;
    count.checked_mul(factor).filter(|seconds| *seconds >= 0).ok_or_else(wrong)
}

/// A text of an answer; empty where there is none.
pub(crate) fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items of an answer.
pub(crate) fn items<'a>(object: &'a Value, pointer: &str) -> &'a [Value] {
    object.pointer(pointer).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Rows as columns of one width each.
pub(crate) fn columns(rows: &[Vec<String>]) -> String {
    let count = rows.iter().map(Vec::len).max().unwrap_or(0);
    let width = |column: usize| {
        rows.iter().filter_map(|row| row.get(column)).map(|cell| cell.chars().count()).max().unwrap_or(0)
    };
    let widths: Vec<usize> = (0..count).map(width).collect();
    let mut text = String::new();
    for row in rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.extend(std::iter::repeat_n(' ', width + 2 - cell.chars().count()));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}
