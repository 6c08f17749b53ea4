//! Commands for operators: what each takes, and how its answer is shown.
//!
//! Each asks the running hub over its private socket, or, where none runs, opens the database itself.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;
use hub_core::policy::Policies;
use payhub::app::open_for_operator;
use payhub::config::Config;
use payhub::operator::socket::{AskError, ask};
use payhub::operator::{Request, perform};
use serde_json::Value;

use crate::commands::fail;

pub(crate) mod config_check;
pub(crate) mod keys;
pub(crate) mod migrate;
pub(crate) mod payments;
pub(crate) mod quarantine;

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
    pub(crate) data_dir: PathBuf,
    sealing_key_file: PathBuf,
    public_url: String,
    policies: Policies,
}

impl Target {
    pub(crate) fn place(&self) -> Result<Place, String> {
        match (&self.config, &self.data_dir) {
            (Some(config), _) => {
                let config = Config::load(config).map_err(|error| error.to_string())?;
                let public_url = config.public_url.to_string();
                let sealing_key_file = config.sealing.key_file;
                let policies = config.policies;
                Ok(Place { data_dir: config.data_dir, sealing_key_file, public_url, policies })
            }
            (None, Some(data_dir)) => {
                if !payhub::app::database_file(data_dir).is_file() {
                    return Err(format!("{} is no data folder of a hub", data_dir.display()));
                }
                let sealing_key_file = data_dir.join("sealing.key");
                // The demo's; only its links are made of it.
                let public_url = "http://127.0.0.1:8080".to_owned();
                let policies = Policies::default();
                Ok(Place { data_dir: data_dir.clone(), sealing_key_file, public_url, policies })
            }
            (None, None) => Err("--config FILE or --data-dir DIR says which hub".to_owned()),
        }
    }

    /// Does it and prints the answer.
    pub(crate) async fn run(&self, request: Request, show: fn(&Value) -> String) -> ExitCode {
        let answered = match self.place() {
            Ok(place) => answer(&place, request).await,
            Err(why) => Err(why),
        };
        match answered {
            Ok(value) if self.json => print(&format!("{value:#}")),
            Ok(value) => print(&show(&value)),
            Err(why) => fail(&why),
        }
    }
}

async fn answer(place: &Place, request: Request) -> Result<Value, String> {
    match ask(&place.data_dir, &request).await {
        Err(AskError::NotRunning) => {}
        answered => return answered.map_err(|error| error.to_string()),
    }
    let Place { data_dir, sealing_key_file, public_url, policies } = place;
    let hub = open_for_operator(data_dir, sealing_key_file, public_url, *policies)
        .map_err(|error| error.to_string())?;
    perform(&hub, request).await.map_err(|error| error.to_string())
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

/// Whether a path is the one of a file that is there.
pub(crate) fn exists(path: &Path) -> bool {
    path.is_file()
}
