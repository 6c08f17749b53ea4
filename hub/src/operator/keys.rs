//! API keys: made, listed, ended, replaced.

use processor_sdk::Timestamp;
use serde_json::{Value, json};

use super::{OperatorError, scope, time};
use crate::api_key::{ApiKey, PlainApiKey};
use crate::key_scope::KeyScopes;
use crate::service::Hub;
use crate::store::{ApiKeyRow, Commit, Write};

/// Longest name of a key, in characters.
const NAME_CHARS_MAX: usize = 100;
/// Longest life of a key, and longest overlap of two, in seconds: ten years.
const SECONDS_MAX: i64 = 10 * 365 * 24 * 3_600;

pub(super) async fn create(
    hub: &Hub,
    name: &str,
    livemode: bool,
    scopes: &str,
    expires_in_s: Option<i64>,
) -> Result<Value, OperatorError> {
    let is_name = !name.trim().is_empty()
        && name.chars().count() <= NAME_CHARS_MAX
        && !name.chars().any(char::is_control);
    if !is_name {
        let fix = format!("1 to {NAME_CHARS_MAX} characters on one line that say what the key is for");
        return Err(OperatorError::field("name", fix));
    }
    let scopes =
        KeyScopes::parse(scopes).map_err(|error| OperatorError::field("scopes", error.to_string()))?;
    let now = hub.clock.now();
    let expires_at = match expires_in_s {
        Some(seconds) if !(1..=SECONDS_MAX).contains(&seconds) => {
            return Err(OperatorError::field("expires_in", "more than nothing and at most 10 years"));
        }
        Some(seconds) => Some(hub_core::retry::after(now, seconds)),
        None => None,
    };
    let (plain, row) = new_key(hub, name, livemode, scopes, expires_at, now);
    hub.store.commit(Commit { writes: vec![Write::InsertApiKey(row.clone())] }).await?;
    Ok(with_text(&row, &plain, now))
}

pub(super) async fn list(hub: &Hub) -> Result<Value, OperatorError> {
    let now = hub.clock.now();
    let keys = hub.store.api_keys().await?;
    Ok(json!({ "data": keys.iter().map(|row| key(row, now)).collect::<Vec<_>>() }))
}

pub(super) async fn revoke(hub: &Hub, key_id: &str) -> Result<Value, OperatorError> {
    find(hub, key_id).await?;
    let now = hub.clock.now();
    let revoke = Write::RevokeApiKey { key_id: key_id.to_owned(), at: now };
    hub.store.commit(Commit { writes: vec![revoke] }).await?;
    Ok(key(&find(hub, key_id).await?, now))
}

pub(super) async fn rotate(hub: &Hub, key_id: &str, overlap_s: i64) -> Result<Value, OperatorError> {
    if !(0..=SECONDS_MAX).contains(&overlap_s) {
        return Err(OperatorError::field("overlap", "nothing to at most 10 years"));
    }
    let old = find(hub, key_id).await?;
    let now = hub.clock.now();
    if state(&old, now) != "active" {
        return Err(OperatorError::field("key_id", "this key has ended; make a new one with `keys create`"));
    }
    // A key that was to end keeps its end: replacing it is no way to make it live longer.
    let (plain, new) = new_key(hub, &old.name, old.scope.livemode, old.scopes.clone(), old.expires_at, now);
    let end = Write::ExpireApiKey { key_id: key_id.to_owned(), at: hub_core::retry::after(now, overlap_s) };
    // Together: there is no moment with two lasting keys or with none.
    hub.store.commit(Commit { writes: vec![Write::InsertApiKey(new.clone()), end] }).await?;
    let mut answer = with_text(&new, &plain, now);
    answer["replaces"] = key(&find(hub, key_id).await?, now);
    Ok(answer)
}

fn new_key(
    hub: &Hub,
    name: &str,
    livemode: bool,
    scopes: KeyScopes,
    expires_at: Option<Timestamp>,
    now: Timestamp,
) -> (PlainApiKey, ApiKeyRow) {
    let (plain, key) = ApiKey::generate(hub.ids.randomness().as_ref(), livemode);
    let row = ApiKeyRow {
        scope: scope(livemode),
        key,
        name: name.to_owned(),
        scopes,
        created_at: now,
        expires_at,
        revoked_at: None,
    };
    (plain, row)
}

async fn find(hub: &Hub, key_id: &str) -> Result<ApiKeyRow, OperatorError> {
    hub.store.api_key(key_id).await?.ok_or(OperatorError::NotFound { what: "API key" })
}

fn state(row: &ApiKeyRow, now: Timestamp) -> &'static str {
    match (row.revoked_at, row.expires_at) {
        (Some(_), _) => "revoked",
        (None, Some(end)) if end <= now => "expired",
        (None, Some(_) | None) => "active",
    }
}

fn key(row: &ApiKeyRow, now: Timestamp) -> Value {
    json!({
        "key_id": row.key.key_id,
        "object": "api_key",
        "livemode": row.key.livemode,
        "name": row.name,
        "state": state(row, now),
        "scopes": row.scopes.words(),
        "created_at": time(row.created_at),
        "expires_at": row.expires_at.map(time),
        "revoked_at": row.revoked_at.map(time),
    })
}

fn with_text(row: &ApiKeyRow, plain: &PlainApiKey, now: Timestamp) -> Value {
    let mut shown = key(row, now);
    shown["key"] = plain.reveal().into();
    shown
}
