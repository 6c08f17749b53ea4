//! `payhub keys`: API keys made, listed, ended and replaced, beside a running hub or without one.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};
use payhub::operator::Request;
use serde_json::Value;

use super::{Target, columns, items, seconds, text};

/// What to do with API keys.
#[derive(Subcommand)]
pub(crate) enum Keys {
    /// Make an API key and print it, this once.
    Create {
        #[command(flatten)]
        target: Target,
        /// What it is for, such as "shop".
        #[arg(long)]
        name: String,
        /// Which payments it opens.
        #[arg(long, value_enum)]
        mode: Mode,
        /// What it may do, apart by commas: payments:read, payments:write, refunds:write, events:read,
        /// webhooks:read, webhooks:write, connectors:read, or all.
        #[arg(long, default_value = "all")]
        scopes: String,
        /// When it ends, such as 90d; never, if not given.
        #[arg(long, value_name = "TIME", value_parser = seconds)]
        expires_in: Option<i64>,
    },
    /// List the API keys. Nobody can show their secrets again.
    List {
        #[command(flatten)]
        target: Target,
    },
    /// End an API key now.
    Revoke {
        #[command(flatten)]
        target: Target,
        /// The part of the key after `hub_test_` or `hub_live_`, as `keys list` shows it.
        key_id: String,
    },
    /// Make a key in place of another, which goes on for a while.
    Rotate {
        #[command(flatten)]
        target: Target,
        /// The old key's id, as `keys list` shows it.
        key_id: String,
        /// How long the old one goes on.
        #[arg(long, value_name = "TIME", value_parser = seconds, default_value = "24h")]
        overlap: i64,
    },
}

/// Test or live.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum Mode {
    /// No real money.
    Test,
    /// Real money.
    Live,
}

impl Mode {
    pub(crate) fn livemode(self) -> bool {
        match self {
            Self::Test => false,
            Self::Live => true,
        }
    }
}

pub(crate) async fn run(keys: Keys) -> ExitCode {
    match keys {
        Keys::Create { target, name, mode, scopes, expires_in } => {
            let livemode = mode.livemode();
            target.run(Request::CreateKey { name, livemode, scopes, expires_in_s: expires_in }, new).await
        }
        Keys::List { target } => target.run(Request::ListKeys, list).await,
        Keys::Revoke { target, key_id } => target.run(Request::RevokeKey { key_id }, revoked).await,
        Keys::Rotate { target, key_id, overlap } => {
            target.run(Request::RotateKey { key_id, overlap_s: overlap }, new).await
        }
    }
}

fn new(answer: &Value) -> String {
    let scopes = items(answer, "/scopes").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ");
    let mut shown = format!(
        "{}\n\nKeep it now: the hub stores only its hash and cannot show it again.\n  name    {}\n  may do  {scopes}\n  until   {}\n",
        text(answer, "/key"),
        text(answer, "/name"),
        until(answer),
    );
    if let Some(old) = answer.get("replaces") {
        shown.push_str(&format!(
            "  in place of {}, which works until {}\n",
            text(old, "/key_id"),
            until(old)
        ));
    }
    shown
}

fn list(answer: &Value) -> String {
    let mut rows = vec![["KEY", "MODE", "STATE", "NAME", "UNTIL", "MAY DO"].map(str::to_owned).to_vec()];
    for key in items(answer, "/data") {
        let scopes = items(key, "/scopes").iter().filter_map(Value::as_str).collect::<Vec<_>>().join(",");
        let mode = if key["livemode"] == true { "live" } else { "test" };
        rows.push(vec![
            text(key, "/key_id").to_owned(),
            mode.to_owned(),
            text(key, "/state").to_owned(),
            text(key, "/name").to_owned(),
            until(key).to_owned(),
            scopes,
        ]);
    }
    columns(&rows)
}

fn revoked(answer: &Value) -> String {
    format!("{} opens nothing any more (since {})", text(answer, "/key_id"), text(answer, "/revoked_at"))
}

/// When it ends or ended.
fn until(key: &Value) -> &str {
    match (text(key, "/revoked_at"), text(key, "/expires_at")) {
        ("", "") => "revoked",
        ("", end) => end,
        (revoked, _) => revoked,
    }
}
