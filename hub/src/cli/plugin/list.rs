//! `payhub plugin list`: the plugin files that the running hub runs, and for whom it keeps older ones.

use std::process::ExitCode;

use payhub::operator::Request;
use serde_json::Value;

use super::super::{Target, columns, items, text};

/// Characters of the hash that people are shown.
const HASH_CHARS: usize = 12;

#[derive(clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
}

pub(super) async fn run(arguments: &Arguments) -> ExitCode {
    arguments.target.ask(Request::ListPlugins, shown).await
}

fn shown(answer: &Value) -> String {
    let all = items(answer, "/data");
    if all.is_empty() {
        return "no connector of this hub is a plugin".to_owned();
    }
    let head = [
        "CONNECTOR",
        "PLUGIN",
        "VERSION",
        "SHA-256",
        "STATE",
        "NEEDED BY",
        "RUNS",
        "HEALTH",
        "BREAKER",
        "FAILURES",
    ];
    let mut rows = vec![head.map(str::to_owned).to_vec()];
    for one in all {
        let count = |pointer| one.pointer(pointer).and_then(Value::as_u64).unwrap_or(0);
        let needed = count("/payments/in_flight").saturating_add(count("/payments/refundable"));
        let state = if one["state"] == "in_force" { "in force" } else { "kept" };
        rows.push(vec![
            text(one, "/connector").to_owned(),
            text(one, "/name").to_owned(),
            text(one, "/version").to_owned(),
            text(one, "/sha256").chars().take(HASH_CHARS).collect(),
            state.to_owned(),
            format!("{needed} payments"),
            count("/runs_under_way").to_string(),
            text(one, "/health").to_owned(),
            match text(one, "/breaker_open_until") {
                "" => text(one, "/breaker").to_owned(),
                until => format!("open until {until}"),
            },
            failures(one),
        ]);
    }
    columns(&rows)
}

/// Each kind that there was, with its count.
fn failures(one: &Value) -> String {
    let Some(kinds) = one["failures"].as_object() else { return String::new() };
    let counted = kinds.iter().filter(|(_, count)| count.as_u64().is_some_and(|count| count > 0));
    let counted: Vec<_> =
        counted.map(|(kind, count)| format!("{count} {}", kind.replace('_', " "))).collect();
    if counted.is_empty() { "none".to_owned() } else { counted.join(", ") }
}
