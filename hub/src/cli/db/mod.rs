//! `payhub db`: what is done with the database as a whole.

use std::process::ExitCode;

use clap::Subcommand;

use super::Target;

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
}

pub(crate) async fn run(db: Db) -> ExitCode {
    match db {
        Db::Verify { target } => verify::run(&target).await,
        Db::Copy { target, to } => copy::run(&target, &to).await,
    }
}
