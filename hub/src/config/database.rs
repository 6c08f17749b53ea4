//! `database`: where the hub's rows are when they are not in a file of the data folder.

use toml::de::DeValue;

use super::excerpt::Exposure;
use super::secrets::{self, Environment};
use super::section::{Section, Value};
use crate::database::Database;
use crate::store::postgres::address::Address;

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
