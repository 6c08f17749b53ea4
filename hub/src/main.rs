//! The `payhub` command. Everything it does is in the library; here is what is said and printed.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use payhub::roles::Roles;

mod cli;
mod commands;

/// A payment hub: one API for the cart, any processor behind it.
#[derive(Parser)]
#[command(name = "payhub", version = payhub::planted::VERSION, max_term_width = 100, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run a hub with a make-believe processor and a shop, to try everything without an account.
    Demo {
        /// Folder to keep everything in; without it, a temporary one that is removed at the end.
        #[arg(long, value_name = "DIR")]
        data_dir: Option<PathBuf>,
        /// Address to listen on; port 0 takes any free one.
        #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:8080")]
        listen: SocketAddr,
        /// Once serving, write where everything is to this file, as one JSON object.
        #[arg(long, value_name = "PATH")]
        ready_file: Option<PathBuf>,
    },
    /// Run a hub from a config file.
    Serve {
        /// The config file; config/hub.toml in the source documents every key.
        #[arg(long, value_name = "FILE")]
        config: PathBuf,
        /// Once serving, write where the hub listens to this file, as one JSON object.
        #[arg(long, value_name = "PATH")]
        ready_file: Option<PathBuf>,
        /// What this process does, where several share a PostgreSQL database.
        #[arg(long, value_name = "ROLES", default_value_t = Roles::all())]
        roles: Roles,
    },
    /// API keys: create, list, revoke, rotate.
    #[command(subcommand)]
    Keys(cli::keys::Keys),
    /// Payments: list, show, settle by hand.
    #[command(subcommand)]
    Payments(cli::payments::Payments),
    /// Payments that wait for a person: list, accept, refund.
    #[command(subcommand)]
    Quarantine(cli::quarantine::Quarantine),
    /// The config file.
    #[command(subcommand)]
    Config(Config),
    /// The processors that are compiled in: list, and how to take payments with one.
    #[command(subcommand)]
    Processors(cli::processors::Processors),
    /// Write a config file with the chosen processors, each key with a comment.
    Init(cli::init::Arguments),
    /// Plugins: write, build, inspect, test, run step by step; add to a hub, list.
    #[command(subcommand)]
    Plugin(cli::plugin::Plugin),
    /// The database as a whole: verify it, back it up and restore it, copy it into PostgreSQL.
    #[command(subcommand)]
    Db(cli::db::Db),
    /// Bring the database's schema up to date, while no hub runs on it.
    Migrate {
        #[command(flatten)]
        target: cli::Target,
    },
    /// Print the version.
    Version,
}

#[derive(Subcommand)]
enum Config {
    /// Say everything that is wrong with a config file, and how to mend it.
    Check {
        /// The config file.
        file: PathBuf,
        /// Answer as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have the running hub read its config file again and put the connectors in force, as SIGHUP does.
    Reload {
        #[command(flatten)]
        target: cli::Target,
    },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return commands::fail(&format!("cannot start: {error}")),
    };
    runtime.block_on(async {
        match arguments.command {
            Command::Demo { data_dir, listen, ready_file } => {
                commands::demo(data_dir, listen, ready_file).await
            }
            Command::Serve { config, ready_file, roles } => commands::serve(&config, ready_file, roles).await,
            Command::Keys(keys) => cli::keys::run(keys).await,
            Command::Payments(payments) => cli::payments::run(payments).await,
            Command::Quarantine(quarantine) => cli::quarantine::run(quarantine).await,
            Command::Config(Config::Check { file, json }) => cli::config_check::run(&file, json),
            Command::Processors(processors) => cli::processors::run(&processors),
            Command::Init(arguments) => cli::init::run(&arguments),
            Command::Plugin(plugin) => cli::plugin::run(&plugin).await,
            Command::Config(Config::Reload { target }) => cli::reload::run(target).await,
            Command::Db(db) => cli::db::run(db).await,
            Command::Migrate { target } => cli::migrate::run(&target).await,
            Command::Version => commands::version(),
        }
    })
}
