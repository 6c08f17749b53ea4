//! Which plugin files attempts are pinned to, and what still needs one.

use hub_core::attachment::attachment_where;
use hub_core::ids::Scope;
use hub_core::payment::{Attempt, PaymentIntent};
use processor_sdk::Timestamp;
use rusqlite::{Connection, params};

use super::one;
use crate::store::sqlite::error::SqlError;
use crate::store::sqlite::value::from_json;
use crate::store::{Attached, PinnedPlugin};

pub(in crate::store::sqlite) const NEXT_PLUGIN: &str = "SELECT plugin_sha256, connector FROM attempts
    WHERE merchant_id = ?1 AND livemode = ?2 AND plugin_sha256 IS NOT NULL
        AND (plugin_sha256, connector) > (?3, ?4)
    ORDER BY plugin_sha256, connector LIMIT 1";

/// From one to the next, so that it costs as many steps as there are files.
pub(in crate::store::sqlite) fn pinned(
    connection: &Connection,
    scope: &Scope,
) -> Result<Vec<PinnedPlugin>, SqlError> {
    let mut found: Vec<PinnedPlugin> = Vec::new();
    loop {
        let (sha256, name) =
            found.last().map_or(("", ""), |last| (last.sha256.as_str(), last.connector.as_str()));
        let after = params![scope.merchant_id.0, scope.livemode, sha256, name];
        let next = one(connection, NEXT_PLUGIN, after, |row| {
            Ok(PinnedPlugin { sha256: row.get(0)?, connector: row.get(1)? })
        })?;
        match next {
            Some(next) => found.push(next),
            None => return Ok(found),
        }
    }
}

/// A payment once for each of its attempts, the newest first: what is still needed is most likely among them.
pub(in crate::store::sqlite) const PAYMENTS_OF_PLUGIN: &str = "SELECT attempts.id, payments.state
    FROM attempts INDEXED BY attempts_by_plugin CROSS JOIN payments ON payments.merchant_id = attempts.merchant_id
        AND payments.livemode = attempts.livemode AND payments.id = attempts.payment_id
    WHERE attempts.merchant_id = ?1 AND attempts.livemode = ?2 AND attempts.plugin_sha256 = ?3
        AND attempts.connector = ?4
    ORDER BY attempts.id DESC";

/// One payment in memory at a time; ends when it has counted `at_most`.
pub(in crate::store::sqlite) fn attached(
    connection: &Connection,
    scope: &Scope,
    plugin: &PinnedPlugin,
    now: Timestamp,
    at_most: u64,
) -> Result<Attached, SqlError> {
    let is_pinned = |attempt: &Attempt| {
        attempt.profile.connector == plugin.connector
            && attempt.profile.adapter.content_hash.as_deref() == Some(&plugin.sha256)
    };
    let mut statement = connection.prepare_cached(PAYMENTS_OF_PLUGIN)?;
    let mut rows =
        statement.query(params![scope.merchant_id.0, scope.livemode, plugin.sha256, plugin.connector])?;
    let mut attached = Attached::default();
    while let Some(row) = rows.next()? {
        let (attempt_id, state): (String, String) = (row.get(0)?, row.get(1)?);
        let payment: PaymentIntent = from_json(&state)?;
        let first = payment.attempts.iter().find(|attempt| is_pinned(attempt));
        // So that one with several attempts counts once.
        if first.is_none_or(|first| first.id.as_str() != attempt_id) {
            continue;
        }
        if let Some(how) = attachment_where(&payment, is_pinned, now) {
            attached.count(how, payment.id);
        }
        if attached.in_flight.saturating_add(attached.refundable) >= at_most {
            break;
        }
    }
    Ok(attached)
}
