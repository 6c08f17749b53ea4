//! `payhub migrate`: makes the database, or brings its schema up to date, while no hub runs on it.

use std::process::ExitCode;

use payhub::database::{Database, database_file, migrate};
use payhub::ids::SystemRandomness;
use payhub::operator::Failure;
use serde_json::{Value, json};

use super::{Target, text, unopened};

pub(crate) async fn run(target: &Target) -> ExitCode {
    target.end(migrated(target).await, sentence)
}

async fn migrated(target: &Target) -> Result<Value, Failure> {
    let place = target.place()?;
    let (from, to) = migrate(&place.database, &place.data_dir, &place.sealing_key_file, &SystemRandomness)
        .await
        .map_err(|error| unopened(&error))?;
    Ok(match place.database {
        Database::File => json!({ "file": database_file(&place.data_dir), "from": from, "to": to }),
        Database::Server { address, .. } => json!({ "server": address.to_string(), "from": from, "to": to }),
    })
}

fn sentence(migrated: &Value) -> String {
    let name = if migrated["file"].is_null() {
        format!("the database at {}", text(migrated, "/server"))
    } else {
        text(migrated, "/file").to_owned()
    };
    let (from, to) = (&migrated["from"], &migrated["to"]);
    if from == to {
        format!("{name} is at schema version {to}; there is nothing to do")
    } else if *from == 0 {
        format!("{name} was made at schema version {to}")
    } else {
        format!("{name} went from schema version {from} to {to}")
    }
}
