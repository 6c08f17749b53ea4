//! The program `sandbox-server`: reads its arguments, starts the server, and stops it on a signal.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use sandbox_server::{Account, Config, IDEMPOTENCY_WINDOW_S_DEFAULT};

/// A make-believe payment processor. Its admin calls have no authentication: for loopback only.
#[derive(Parser)]
#[command(name = "sandbox-server", version)]
struct Arguments {
    /// Where to listen; port 0 takes a free one.
    #[arg(long, default_value = "127.0.0.1:4010")]
    listen: std::net::SocketAddr,
    /// Keep everything in this folder; without it everything is in memory.
    #[arg(long)]
    state_dir: Option<PathBuf>,
    /// How shoppers reach this server.
    #[arg(long)]
    public_url: Option<String>,
    /// name=NAME,key=KEY,webhook_secret=SECRET[,webhook_url=URL]; a URL comes last and may hold commas.
    #[arg(long = "account", required = true, value_parser = read_account)]
    accounts: Vec<Account>,
    /// Written in one step once the server listens: {"base_url": "http://..."}.
    #[arg(long)]
    ready_file: Option<PathBuf>,
    #[arg(long, default_value_t = IDEMPOTENCY_WINDOW_S_DEFAULT)]
    idempotency_window_s: u64,
}

#[tokio::main]
async fn main() -> ExitCode {
    tracing_subscriber::fmt().with_writer(std::io::stderr).init();
    match run(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error, "The server could not start.");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<(), Box<dyn std::error::Error>> {
    let config = Config {
        listener: tokio::net::TcpListener::bind(arguments.listen).await?,
        public_url: arguments.public_url,
        state_dir: arguments.state_dir,
        accounts: arguments.accounts,
        idempotency_window_s: arguments.idempotency_window_s,
    };
    let server = sandbox_server::start(config).await?;
    tracing::info!("Sandbox Pay listens on {}.", server.base_url());
    if let Some(path) = &arguments.ready_file {
        write_ready_file(path, server.base_url())?;
    }
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate())?;
    tokio::select! {
        _ = terminate.recv() => {}
        interrupted = tokio::signal::ctrl_c() => interrupted?,
    }
    server.stop().await;
    Ok(())
}

/// Writes beside the file and renames, so that a reader never sees half of it.
fn write_ready_file(path: &Path, base_url: &str) -> std::io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    std::fs::write(&beside, serde_json::json!({"base_url": base_url}).to_string())?;
    std::fs::rename(&beside, path)
}

fn read_account(text: &str) -> Result<Account, String> {
    let (settings, webhook_url) = match text.split_once(",webhook_url=") {
        Some((settings, url)) => (settings, Some(url.to_owned())),
        None => (text, None),
    };
    let (mut name, mut api_key, mut webhook_secret) = (None, None, None);
    for setting in settings.split(',') {
        let (field, value) = setting.split_once('=').ok_or("expected name=...,key=...,webhook_secret=...")?;
        let place = match field {
            "name" => &mut name,
            "key" => &mut api_key,
            "webhook_secret" => &mut webhook_secret,
            _ => return Err(format!("unknown field {field:?}")),
        };
        *place = Some(value.to_owned());
    }
    Ok(Account {
        name: name.ok_or("name= is missing")?,
        api_key: api_key.ok_or("key= is missing")?,
        webhook_secret: webhook_secret.ok_or("webhook_secret= is missing")?,
        webhook_url,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_on_the_command_line() {
        let full = read_account("name=shop,key=sk,webhook_secret=wh,webhook_url=http://h/?a=1,2").unwrap();
        assert_eq!(
            (full.name.as_str(), full.api_key.as_str(), full.webhook_secret.as_str()),
            ("shop", "sk", "wh")
        );
        assert_eq!(full.webhook_url.as_deref(), Some("http://h/?a=1,2"));
        for wrong in ["", "name=shop", "name=shop,key=sk", "name=shop,key=sk,webhook_secret=w,color=red"] {
            assert!(read_account(wrong).is_err(), "{wrong}");
        }
    }
}
