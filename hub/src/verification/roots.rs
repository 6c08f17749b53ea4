//! Signed roots: that they follow each other, are signed with the hub's key, and that what they cover is still there.

use hub_core::chain::EventHash;
use hub_core::ids::PaymentIntentId;

use super::{Check, Finding, Report, SignedUpTo};
use crate::history_roots::{is_signed, root};
use crate::store::StoreError;
use crate::store::look::Look;
use crate::store::roots::{HistoryRoot, RootLeaf};
use crate::store::sql::signed::{self, LeafRow};

/// Reads every root. `signer` is the public key of this hub's sealing key; without it a root is only held against
/// the key that it names itself.
pub(super) async fn check(
    look: &dyn Look,
    signer: Option<&str>,
    report: &mut Report,
) -> Result<(), StoreError> {
    let mut before: Option<HistoryRoot> = None;
    loop {
        let page = signed::roots(look, before.as_ref()).await?;
        if page.is_empty() {
            return Ok(());
        }
        for row in page {
            let leaves = signed::leaves(look, &row).await?;
            report.add(findings(before.as_ref(), &row, &leaves, signer));
            report.roots = report.roots.saturating_add(1);
            let (merchant, livemode) = (row.scope.merchant_id.0.clone(), row.scope.livemode);
            report.signed.retain(|last| (&last.merchant, last.livemode) != (&merchant, livemode));
            report.signed.push(SignedUpTo { merchant, livemode, number: row.number, root: row.root });
            before = Some(row);
        }
    }
}

/// What is wrong with a root.
fn findings(
    before: Option<&HistoryRoot>,
    row: &HistoryRoot,
    leaves: &[LeafRow],
    signer: Option<&str>,
) -> Vec<Finding> {
    let of = before.filter(|before| before.scope == row.scope);
    let number = of.map_or(1, |before| before.number.saturating_add(1));
    let previous = of.map_or(EventHash::NONE, |before| before.root);
    let merchant = &row.scope.merchant_id.0;
    let name = format!("root {} of {merchant}", row.number);
    let mut findings = Vec::new();
    let mut add = |payment_intent: Option<&str>, expected: String, found: String| {
        let payment_intent = payment_intent.map(str::to_owned);
        findings.push(Finding { check: Check::Roots, payment_intent, expected, found });
    };
    if row.number != number {
        add(None, format!("root {number} of {merchant}"), name.clone());
    } else if row.previous != previous {
        add(None, format!("that {name} covers the one before it"), "another one".to_owned());
    }
    if covers(row, leaves) != Some(row.root) {
        add(None, format!("that {name} is the one over what it covers"), "another one".to_owned());
    }
    if signer.is_some_and(|signer| signer != row.signer) {
        add(None, format!("that {name} is signed with this hub's key"), format!("the key {}", row.signer));
    } else if !is_signed(&row.signer, &row.root, &row.signature) {
        add(None, format!("a signature of {name}"), "one that does not belong to it".to_owned());
    }
    for leaf in leaves.iter().filter(|leaf| leaf.found != Some(leaf.hash)) {
        let found = leaf.found.map_or_else(|| "none".to_owned(), |found| format!("the hash {found}"));
        let expected = format!("the event at version {} that {name} covers, {}", leaf.version, leaf.hash);
        add(Some(&leaf.payment_id), expected, found);
    }
    findings
}

/// The root over what is stored; nothing where that cannot be read.
fn covers(row: &HistoryRoot, leaves: &[LeafRow]) -> Option<EventHash> {
    let leaf = |leaf: &LeafRow| {
        let payment_id = PaymentIntentId::try_from(leaf.payment_id.clone()).ok()?;
        Some(RootLeaf { payment_id, version: leaf.version, hash: leaf.hash })
    };
    let leaves = leaves.iter().map(leaf).collect::<Option<Vec<_>>>()?;
    Some(root(&row.scope, row.number, row.at, &row.previous, &leaves))
}
