//! `payhub migrate`: brings a database's schema up to date while no hub runs on it.

use std::process::ExitCode;

use payhub::store::sqlite::{SqliteOptions, SqliteStore, schema_version};

use super::{Target, exists, print};
use crate::commands::fail;

pub(crate) fn run(target: &Target) -> ExitCode {
    let place = match target.place() {
        Ok(place) => place,
        Err(why) => return fail(&why),
    };
    if let Err(error) = payhub::private_file::make_folder(&place.data_dir) {
        return fail(&format!("{}: {error}", place.data_dir.display()));
    }
    let file = payhub::app::database_file(&place.data_dir);
    let before = if exists(&file) { schema_version(&file) } else { Ok(0) };
    let opened = before.and_then(|before| {
        // Opening does it, in one transaction; a newer or foreign database is refused untouched.
        let store = SqliteStore::open(&file, SqliteOptions::default())?;
        drop(store);
        Ok((before, schema_version(&file)?))
    });
    match opened {
        Ok((before, after)) if before == after => {
            print(&format!("{} is at schema version {after}; there is nothing to do", file.display()))
        }
        Ok((before, after)) => {
            print(&format!("{} went from schema version {before} to {after}", file.display()))
        }
        Err(error) => fail(&error.to_string()),
    }
}
