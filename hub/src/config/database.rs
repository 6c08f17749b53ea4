//! `database`: where the hub's rows are when they are not in a file of the data folder.

use toml::de::DeValue;

use super::excerpt::Exposure;
use super::secrets::{self, Environment, process_environment};
use super::section::{Section, Value};
use crate::database::Database;
use crate::store::postgres::address::Address;

/// How a URL is named on a command line.
const ARGUMENT: &str = "name it by env:NAME or file:PATH; a URL without a password may be written out";

/// How a reference to a URL is written.
const REFERENCE: &str =
    "write database = { env = \"DATABASE_URL\" } or database = { file = \"/run/secrets/database\" }";

pub(super) fn database(
    section: &mut Section<'_>,
    connections: Option<usize>,
    environment: Environment<'_>,
) -> Option<Database> {
    let Some(value) = section.optional("database") else { return Some(Database::File) };
    let address = address(&value, environment);
    Some(Database::Server { address: address?, connections: connections? })
}

/// A URL with a password is a secret, and only referred to; one without may be written down.
fn address(value: &Value<'_>, environment: Environment<'_>) -> Option<Address> {
    let text = match value.value {
        DeValue::String(text) => text.to_string(),
        _ => secrets::one(value, environment)?.reveal().to_owned(),
    };
    let wrong = |reason: String, fix: &str| {
        value.wrong_as(Exposure::Private, reason, Some(fix.to_owned()));
    };
    let address: Address = match text.parse() {
        Ok(address) => address,
        Err(error) => {
            wrong(format!("{error}"), REFERENCE);
            return None;
        }
    };
    if matches!(value.value, DeValue::String(_)) && address.has_password() {
        wrong("holds a password, which must not be written into the config file".to_owned(), REFERENCE);
        return None;
    }
    Some(address)
}

/// The address that a command line names: `env:NAME`, `file:PATH`, or a URL without a password, for everybody on
/// the machine can read the command lines of all.
///
/// # Errors
/// What is wrong and how to mend it; repeats nothing of a URL.
pub fn from_argument(text: &str) -> Result<Address, String> {
    named(text, &process_environment)
}

fn named(text: &str, environment: Environment<'_>) -> Result<Address, String> {
    let referred = secrets::referred(text, environment).transpose().map_err(|why| format!("to: {why}"))?;
    let url = referred.as_ref().map_or(text, |secret| secret.reveal());
    let address: Address = url.parse().map_err(|error| format!("to: {error}, or {ARGUMENT}"))?;
    if referred.is_none() && address.has_password() {
        return Err(format!("to: holds a password, which everybody on this machine could read; {ARGUMENT}"));
    }
    Ok(address)
}

#[cfg(test)]
mod tests {
    use std::env::VarError;
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_command_line_names_a_database_without_showing_its_password() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("url");
        std::fs::write(&file, "postgres://u:hunter2@db.example/shop\n").unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        let environment = |name: &str| match name {
            "URL" => Ok("postgres://u:hunter2@db.example:7/shop".to_owned()),
            "WORD" => Ok("hunter2".to_owned()),
            _ => Err(VarError::NotPresent),
        };
        for (text, expected) in [
            ("postgres://u@db.example/shop", Ok("db.example:5432")),
            ("env:URL", Ok("db.example:7")),
            (&format!("file:{}", file.display()), Ok("db.example:5432")),
            ("postgres://u:hunter2@db.example/shop", Err("holds a password")),
            ("env:NOT_SET", Err("the environment variable NOT_SET is not set")),
            ("env:WORD", Err("is not the URL of a PostgreSQL database")),
            ("env:postgres://u:hunter2@db.example/shop", Err("must be the name of an environment variable")),
            ("file:/nonexistent/url", Err("does not exist")),
            ("file:", Err("must not be empty")),
            ("hunter2", Err("is not the URL of a PostgreSQL database")),
            ("", Err("is not the URL of a PostgreSQL database")),
        ] {
            let named = named(text, &environment).map(|address| address.to_string());
            match expected {
                Ok(place) => assert_eq!(named.as_deref(), Ok(place), "{text}"),
                Err(reason) => {
                    let said = named.unwrap_err();
                    assert!(said.contains(reason) && said.starts_with("to: "), "{text}: {said}");
                    assert!(!said.contains("hunter2"), "{said}");
                }
            }
        }
    }
}
