//! `payhub db copy`: a stopped hub's file into an empty PostgreSQL database.

use std::process::ExitCode;

use payhub::config::database::from_argument;
use payhub::database::{Database, MoveError, copy_to, database_file};
use payhub::operator::{Failure, UNKNOWN_OUTCOME};
use payhub::store::copy::CopyError;
use payhub::store::sqlite::OpenError;
use serde_json::{Value, json};

use crate::cli::{Target, failure, items, text, unopened};

pub(crate) async fn run(target: &Target, to: &str) -> ExitCode {
    target.end(copied(target, to).await, words)
}

async fn copied(target: &Target, to: &str) -> Result<Value, Failure> {
    let place = target.place()?;
    if place.database != Database::File {
        let why =
            "database: the config names a server already; take the line out to copy the file of data_dir";
        return Err(Failure { field: Some("database".to_owned()), ..failure("config", why) });
    }
    let address = from_argument(to)
        .map_err(|why| Failure { field: Some("to".to_owned()), ..failure("invalid_field", why) })?;
    let copied = copy_to(&place.data_dir, &address).await.map_err(|error| not_copied(&error))?;
    Ok(json!({
        "from": database_file(&place.data_dir),
        "to": address.to_string(),
        "tables": copied.tables,
        "verified": copied.verified,
        "config": config_line(to),
        "sealing_key_file": place.sealing_key_file,
    }))
}

/// What the config must say from now on; a text without a password may stand there as it is.
fn config_line(to: &str) -> String {
    let value = match to.split_once(':') {
        Some((place @ ("env" | "file"), name)) => format!("{{ {place} = {} }}", Value::from(name)),
        Some(_) | None => Value::from(to).to_string(),
    };
    format!("database = {value}")
}

fn not_copied(error: &MoveError) -> Failure {
    let code = match error {
        MoveError::Place(error) => return unopened(error),
        MoveError::Copy(error) => match error {
            CopyError::Unknown => UNKNOWN_OUTCOME,
            CopyError::Source(OpenError::Locked { .. }) => "in_use",
            CopyError::Source(_) | CopyError::SourceVersion(_) | CopyError::Target(_) => "cannot_open",
            CopyError::Occupied { .. } => "not_empty",
            CopyError::UnknownTable(_)
            | CopyError::Differs(_)
            | CopyError::Findings(_)
            | CopyError::Failed(_) => "not_copied",
        },
    };
    failure(code, error.to_string())
}

fn words(answer: &Value) -> String {
    let (tables, verified) = (items(answer, "/tables"), &answer["verified"]);
    let rows: u64 = tables.iter().filter_map(|table| table["rows"].as_u64()).sum();
    let from = text(answer, "/from");
    format!(
        "{rows} rows of {} tables are copied from {from} to the database at {}, and are there as they are in the file.\n\
         Read there: {} payments, {} events, {} journals; everything agrees.\n\
         \n\
         From now on {from} must not be used any more: what a hub did there would be missing in the other one.\n\
         Next: write {} at the top of the config, keep the sealing key {}, and start the hub.",
        tables.len(),
        text(answer, "/to"),
        verified["payments"],
        verified["events"],
        verified["journals"],
        text(answer, "/config"),
        text(answer, "/sealing_key_file"),
    )
}
