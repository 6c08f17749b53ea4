//! Which plugin files attempts are pinned to, and what still needs one.

use hub_core::attachment::attachment_where;
use hub_core::ids::Scope;
use hub_core::payment::Attempt;
use processor_sdk::Timestamp;

use super::payments::{ATTEMPTS_AT_ONCE, attempt_with_payment, is_first};
use crate::store::sql::cell::{AFTER_EVERY_ID, cells};
use crate::store::sql::{Engine, SqlStore};
use crate::store::{Attached, PinnedPlugin, StoreError};

pub(in crate::store) const NEXT_PLUGIN: &str = "SELECT plugin_sha256, connector FROM attempts
    WHERE merchant_id = ?1 AND livemode = ?2 AND plugin_sha256 IS NOT NULL
        AND (plugin_sha256, connector) > (?3, ?4)
    ORDER BY plugin_sha256, connector LIMIT 1";

/// A payment once for each of its attempts, the newest first: what is still needed is most likely among them.
pub(in crate::store) const PAYMENTS_OF_PLUGIN: &str = "SELECT attempts.id, payments.state
    FROM attempts INDEXED BY attempts_by_plugin CROSS JOIN payments ON payments.merchant_id = attempts.merchant_id
        AND payments.livemode = attempts.livemode AND payments.id = attempts.payment_id
    WHERE attempts.merchant_id = ?1 AND attempts.livemode = ?2 AND attempts.plugin_sha256 = ?3
        AND attempts.connector = ?4 AND attempts.id < ?5
    ORDER BY attempts.id DESC LIMIT ?6";

impl<E: Engine> SqlStore<E> {
    /// From one to the next, so that it costs as many steps as there are files.
    pub(in crate::store::sql) async fn pinned(&self, scope: &Scope) -> Result<Vec<PinnedPlugin>, StoreError> {
        let mut found: Vec<PinnedPlugin> = Vec::new();
        loop {
            let (sha256, name) =
                found.last().map_or(("", ""), |last| (last.sha256.as_str(), last.connector.as_str()));
            let after = cells![scope.merchant_id.0, scope.livemode, sha256, name];
            let next = self.one(NEXT_PLUGIN, after, |mut row| {
                Ok(PinnedPlugin { sha256: row.take()?, connector: row.take()? })
            });
            match next.await? {
                Some(next) => found.push(next),
                None => return Ok(found),
            }
        }
    }

    /// A few payments in memory at a time; ends when it has counted `at_most`.
    pub(in crate::store::sql) async fn attached_to_file(
        &self,
        scope: &Scope,
        plugin: &PinnedPlugin,
        now: Timestamp,
        at_most: u64,
    ) -> Result<Attached, StoreError> {
        let is_pinned = |attempt: &Attempt| {
            attempt.profile.connector == plugin.connector
                && attempt.profile.adapter.content_hash.as_deref() == Some(&plugin.sha256)
        };
        let mut attached = Attached::default();
        let mut before = AFTER_EVERY_ID.to_owned();
        loop {
            let values = cells![
                scope.merchant_id.0,
                scope.livemode,
                plugin.sha256,
                plugin.connector,
                before,
                ATTEMPTS_AT_ONCE,
            ];
            let page = self.all(PAYMENTS_OF_PLUGIN, values, attempt_with_payment).await?;
            let Some((last, _)) = page.last() else { return Ok(attached) };
            before.clone_from(last);
            for (attempt_id, payment) in page {
                if !is_first(&payment, &attempt_id, is_pinned) {
                    continue;
                }
                if let Some(how) = attachment_where(&payment, is_pinned, now) {
                    attached.count(how, payment.id);
                }
                if attached.in_flight.saturating_add(attached.refundable) >= at_most {
                    return Ok(attached);
                }
            }
        }
    }
}
