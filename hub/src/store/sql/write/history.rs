//! Signed roots, and which histories they cover.

use super::Plan;
use crate::store::Conflict;
use crate::store::roots::{HistoryRoot, RootLeaf};
use crate::store::sql::cell::{Broken, cells, count};

/// A payment may have gone on since the root was made; then a later one covers the rest.
pub(in crate::store) const MARK_ROOTED: &str = "UPDATE payments SET rooted_version = ?4
    WHERE merchant_id = ?1 AND livemode = ?2 AND id = ?3 AND rooted_version < ?4";

pub(super) fn insert_root(plan: &mut Plan, root: &HistoryRoot, leaves: &[RootLeaf]) -> Result<(), Broken> {
    let (scope, number) = (&root.scope, count(root.number)?);
    plan.guarded(
        "INSERT INTO history_roots (merchant_id, livemode, number, at, previous, root, signer, signature)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT (merchant_id, livemode, number) DO NOTHING",
        cells![
            scope.merchant_id.0,
            scope.livemode,
            number,
            root.at,
            root.previous,
            root.root,
            root.signer,
            root.signature,
        ],
        Conflict::HistoryRoot,
    );
    for leaf in leaves {
        let version = count(leaf.version)?;
        plan.run(
            "INSERT INTO history_root_leaves (merchant_id, livemode, number, payment_id, version, hash)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            cells![scope.merchant_id.0, scope.livemode, number, leaf.payment_id.as_str(), version, leaf.hash],
        );
        plan.run(MARK_ROOTED, cells![scope.merchant_id.0, scope.livemode, leaf.payment_id.as_str(), version]);
    }
    Ok(())
}
