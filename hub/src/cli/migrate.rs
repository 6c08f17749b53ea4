//! `payhub migrate`: makes the database, or brings its schema up to date, while no hub runs on it.

use std::process::ExitCode;

use serde_json::{Value, json};

use super::{Target, text, unopened};

pub(crate) fn run(target: &Target) -> ExitCode {
    let migrated = target.place().and_then(|place| {
        let (from, to) = payhub::app::migrate(&place.data_dir, &place.sealing_key_file)
            .map_err(|error| unopened(&error))?;
        Ok(json!({ "file": payhub::app::database_file(&place.data_dir), "from": from, "to": to }))
    });
    target.end(migrated, sentence)
}

fn sentence(migrated: &Value) -> String {
    let (file, from, to) = (text(migrated, "/file"), &migrated["from"], &migrated["to"]);
    if from == to {
        format!("{file} is at schema version {to}; there is nothing to do")
    } else if *from == 0 {
        format!("{file} was made at schema version {to}")
    } else {
        format!("{file} went from schema version {from} to {to}")
    }
}
