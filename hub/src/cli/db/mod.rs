//! `payhub db`: what is done with the database as a whole.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;

use super::{Operator, Target};

mod backup;
mod copy;
mod verify;

/// What to do with the database.
#[derive(Subcommand)]
pub(crate) enum Db {
    /// Check that every payment agrees with its history, its books and all that leads to it. Writes nothing, and
    /// may run beside the hub. Exit code 0: all agrees; 1: there are findings; 2: it could not be read.
    Verify {
        #[command(flatten)]
        target: Target,
    },
    /// Copy a stopped hub's database file into an empty PostgreSQL database, and verify it there.
    Copy {
        #[command(flatten)]
        target: Target,
        /// Where to: env:NAME or file:PATH of a URL, or a postgres:// URL without a password.
        #[arg(long, value_name = "URL")]
        to: String,
    },
    /// Copy the database file of a hub, which may be running, into one new file, and verify that.
    Backup {
        #[command(flatten)]
        target: Target,
        /// The file to make; one that is there is never overwritten.
        #[arg(long, value_name = "FILE")]
        to: PathBuf,
    },
    /// Put a backup where a stopped hub's database was, and have the hub ask processors what happened since.
    Restore {
        #[command(flatten)]
        target: Target,
        /// The file that `payhub db backup` made.
        #[arg(long, value_name = "FILE")]
        from: PathBuf,
        #[command(flatten)]
        operator: Operator,
    },
}

pub(crate) async fn run(db: Db) -> ExitCode {
    match db {
        Db::Verify { target } => verify::run(&target).await,
        Db::Copy { target, to } => copy::run(&target, &to).await,
        Db::Backup { target, to } => backup::run(&target, &to).await,
        Db::Restore { target, from, operator } => backup::run_restore(&target, &from, operator).await,
    }
}
