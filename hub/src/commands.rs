//! What each command does and prints. Standard output is for what was asked, standard error for the rest.

use std::io::Write as _;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use payhub::app;
use payhub::config::{Config, LogFormat};
use payhub::demo::{self, DemoOptions, DemoReady};
use payhub::reload::reload;
use payhub::roles::Roles;
use payhub::service::Hub;
use serde::Serialize;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Prints an error and ends.
pub(crate) fn fail(text: &str) -> ExitCode {
    let _written = writeln!(std::io::stderr(), "{text}");
    ExitCode::FAILURE
}

fn say(text: &str) {
    // Nobody listens any more when this fails; the hub goes on.
    let _written = writeln!(std::io::stdout(), "{text}");
}

/// `payhub version`
pub(crate) fn version() -> ExitCode {
    say(&format!("payhub {}", payhub::planted::VERSION));
    ExitCode::SUCCESS
}

/// `payhub demo`
pub(crate) async fn demo(
    data_dir: Option<PathBuf>,
    listen: SocketAddr,
    ready_file: Option<PathBuf>,
) -> ExitCode {
    payhub::logging::start(LogFormat::Text, tracing::Level::WARN);
    let started = match demo::run(DemoOptions { data_dir, listen }).await {
        Ok(started) => started,
        Err(error) => return fail(&format!("the demo cannot start: {error}")),
    };
    if let Some(path) = ready_file
        && let Err(error) = write_ready_file(&path, &started.ready)
    {
        started.stop().await;
        return fail(&format!("cannot write {}: {error}", path.display()));
    }
    say(&welcome(&started.ready));
    wait_for_the_end().await;
    say("Stopping …");
    started.stop().await;
    ExitCode::SUCCESS
}

fn welcome(ready: &DemoReady) -> String {
    let DemoReady { base_url, api_key, sandbox_url, shop_url, data_dir } = ready;
    format!(
        "payhub demo is running. No real money moves here.

  shop             {shop_url}
  API              {base_url}/v1
  API key          {api_key}
  processor        {sandbox_url}
  data             {data_dir}

Take a payment: create an intent, open its checkout_url in a browser, and pay.

  curl -s {base_url}/v1/payment_intents \\
    -H 'Authorization: Bearer {api_key}' \\
    -H 'Content-Type: application/json' \\
    -H \"Idempotency-Key: first-$(date +%s)\" \\
    -d '{{\"amount\": 1999, \"currency\": \"EUR\", \"description\": \"My first payment\", \"return_url\": \"{shop_url}/thanks\"}}'

Stop with Ctrl-C.",
        data_dir = data_dir.display()
    )
}

#[derive(Serialize)]
struct ServeReady<'a> {
    base_url: &'a str,
    listen: SocketAddr,
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_listen: Option<SocketAddr>,
}

/// `payhub serve`
pub(crate) async fn serve(path: &Path, ready_file: Option<PathBuf>, roles: Roles) -> ExitCode {
    // From here on SIGHUP means to reload, and one that comes during the start is obeyed after it.
    let hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => return fail(&format!("signals cannot be heard: {error}")),
    };
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return fail(&error.to_string()),
    };
    payhub::logging::start(config.log.format, config.log.level);
    let public_url = config.public_url.to_string();
    let public_url = public_url.trim_end_matches('/').to_owned();
    let started = match app::serve_config(config, path.to_owned(), roles.clone()).await {
        Ok(started) => started,
        Err(error) => return fail(&format!("the hub cannot start: {error}")),
    };
    if let Some(key) = &started.first_key {
        say(&format!("A first API key, shown this once: {}", key.reveal()));
        if let Err(error) = started.running.hub.adopt_api_key("first", key.reveal()).await {
            started.running.stop().await;
            return fail(&format!("the first API key could not be stored: {error}"));
        }
    }
    let metrics_listen = started.running.metrics_address;
    let ready = ServeReady { base_url: &public_url, listen: started.running.address, metrics_listen };
    if let Some(path) = ready_file
        && let Err(error) = write_ready_file(&path, &ready)
    {
        started.running.stop().await;
        return fail(&format!("cannot write {}: {error}", path.display()));
    }
    let part = if roles.is_all() { String::new() } else { format!(", as {roles}") };
    say(&format!("payhub serves {public_url} on {}{part}", ready.listen));
    if let Some(address) = metrics_listen {
        say(&format!("It shows its metrics at http://{address}/metrics"));
    }
    let reloading = tokio::spawn(reload_when_told(hangups, started.running.hub.clone()));
    wait_for_the_end().await;
    reloading.abort();
    started.running.stop().await;
    ExitCode::SUCCESS
}

/// Reloads at each SIGHUP. The log says what came of it.
async fn reload_when_told(mut hangups: Signal, hub: Arc<Hub>) {
    while hangups.recv().await.is_some() {
        let _logged = reload(&hub).await;
    }
}

fn write_ready_file(path: &Path, ready: &impl Serialize) -> std::io::Result<()> {
    payhub::private_file::write(path, serde_json::to_string(ready)?.as_bytes())
}

/// Waits for SIGINT or SIGTERM.
async fn wait_for_the_end() {
    let (Ok(mut interrupt), Ok(mut terminate)) =
        (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
    else {
        tracing::error!("signals cannot be heard; stop the hub with SIGKILL, nothing is lost by it");
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
}
