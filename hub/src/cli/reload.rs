//! `payhub config reload`: has the running hub read its config again, and says what is in force then.

use std::process::ExitCode;

use payhub::operator::Request;
use serde_json::Value;

use super::{Target, items};

pub(crate) async fn run(target: Target) -> ExitCode {
    target.ask(Request::Reload, shown).await
}

fn shown(answer: &Value) -> String {
    let names =
        |pointer| items(answer, pointer).iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let mut text = match names("/connectors").as_str() {
        "" => "reloaded; there is no connector, so the hub takes no payment".to_owned(),
        connectors => format!("reloaded; in force: {connectors}"),
    };
    let needs_restart = names("/needs_restart");
    if !needs_restart.is_empty() {
        text.push_str(&format!("\nchanged as well, but only with the next start: {needs_restart}"));
    }
    text
}
