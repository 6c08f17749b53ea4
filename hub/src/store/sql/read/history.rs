//! What signed roots cover, and what they do not cover yet.

use hub_core::chain::EventHash;
use hub_core::ids::Scope;
use hub_core::payment::PaymentIntent;

use crate::store::StoreError;
use crate::store::roots::RootLeaf;
use crate::store::sql::cell::{Broken, Row, cells};
use crate::store::sql::{Engine, SqlStore};

/// No merchant's name is empty: the comparison is there for the index, which holds only what is asked for.
pub(in crate::store) const UNROOTED: &str = "SELECT merchant_id, livemode, state FROM payments
    WHERE version > rooted_version AND merchant_id > '' ORDER BY merchant_id, livemode, id LIMIT ?1";

pub(in crate::store) const LAST_ROOT: &str = "SELECT number, root FROM history_roots
    WHERE merchant_id = ?1 AND livemode = ?2 AND number > 0 ORDER BY number DESC LIMIT 1";

impl<E: Engine> SqlStore<E> {
    pub(in crate::store::sql) async fn not_in_a_root(
        &self,
        at_most: u32,
    ) -> Result<Vec<(Scope, RootLeaf)>, StoreError> {
        self.all(UNROOTED, cells![at_most], unrooted).await
    }

    pub(in crate::store::sql) async fn last_root(
        &self,
        scope: &Scope,
    ) -> Result<Option<(u64, EventHash)>, StoreError> {
        let key = cells![scope.merchant_id.0, scope.livemode];
        self.one(LAST_ROOT, key, |mut row| Ok((row.take()?, row.take()?))).await
    }
}

fn unrooted(mut row: Row) -> Result<(Scope, RootLeaf), Broken> {
    let scope = row.scope()?;
    let payment: PaymentIntent = row.json()?;
    Ok((scope, RootLeaf { payment_id: payment.id, version: payment.version, hash: payment.last_event }))
}
