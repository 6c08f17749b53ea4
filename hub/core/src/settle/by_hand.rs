//! Transfers that an operator settled in a processor's place, and the items by which the processor tells of them at
//! last: one movement of money, not two.
//!
//! A processor that does not give our echo back tells of such a transfer by an id of its own. Its item is the transfer
//! where it is of the same kind, attempt and amount, was done, is not older than our request, and is no other
//! transfer's. Of several equal transfers it is the oldest: which of them it is nobody can tell, and no sum depends on
//! it. From then on the later word of the two counts, as ever: what is given back and comes back has failed.
//!
//! To take any other item for it would be a guess, so that these stay apart and are shown as made at the processor:
//! one without an amount, one that is dated before we asked, and one that failed and was never done, because it says
//! nothing about what the operator saw. One that is under way is waited for.
//!
//! Invariant: no second movement is hidden. Totals that say more are booked beside it, and an item that carries our
//! echo after all is the transfer itself, so that the other one is another again.

use processor_sdk::{ItemKind, ItemState};

use super::ours::Ours;
use crate::event::Event;
use crate::evidence::ItemStanding;
use crate::ids::AttemptId;
use crate::payment::{Attempt, PaymentIntent, Subject, TransferStatus};
use crate::planted::{Bug, planted};
use crate::story::Story;

/// Clocks of processors tell whole seconds: less than this before we asked is no earlier.
const CLOCK_STEP_S: i64 = 1;

impl PaymentIntent {
    /// The captures or refunds of an attempt as they were told of. What an operator settled is one with the item that
    /// it was found to be.
    #[must_use]
    pub(crate) fn transfers_told(&self, attempt: &Attempt, kind: ItemKind) -> Vec<ItemStanding> {
        let settled = settled(self, attempt, kind);
        let found: Vec<_> =
            settled.iter().filter_map(|ours| Some((ours.echo, ours.processor_id?.as_str()))).collect();
        attempt.evidence.items_known_as(kind, &found)
    }
}

/// Transfers of ours of which nobody but an operator has said that they were done, oldest first.
fn settled<'a>(payment: &'a PaymentIntent, attempt: &Attempt, kind: ItemKind) -> Vec<Ours<'a>> {
    let mut ours = payment.ours(attempt, kind);
    ours.retain(|ours| attempt.evidence.is_done_by_hand(kind, ours.echo));
    ours
}

/// The settled transfer that an item may be, by all but its state.
fn may_be<'a>(payment: &'a PaymentIntent, attempt: &Attempt, item: &ItemStanding) -> Option<Ours<'a>> {
    let is_another = match item.kind {
        ItemKind::Capture => payment.capture_named(attempt, item).is_some(),
        ItemKind::Refund => payment.refund_named(attempt, item).is_some(),
        ItemKind::Void | ItemKind::Dispute => true,
    };
    if is_another || !item.echoes.is_empty() || planted(Bug::CountSettledTwice) {
        return None;
    }
    let told_since = attempt.evidence.told_since(item)?;
    settled(payment, attempt, item.kind).into_iter().find(|ours| {
        ours.processor_id.is_none()
            && item.amount == Some(ours.amount)
            && ours.asked_at.seconds_since(told_since) < CLOCK_STEP_S
    })
}

/// Whether an item is under way that may turn out to be what an operator said was done.
pub(super) fn is_awaited(payment: &PaymentIntent, attempt: &Attempt, item: &ItemStanding) -> bool {
    item.state == ItemState::Pending && may_be(payment, attempt, item).is_some()
}

/// Notes what the processor calls the transfers that an operator settled, as far as it tells of them now.
pub(super) fn name_settled(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    for kind in [ItemKind::Capture, ItemKind::Refund] {
        // Each round leaves one transfer less without a name.
        while let Some(named) = next_named(&story.payment, attempt_id, kind) {
            story.record(named);
        }
    }
}

fn next_named(payment: &PaymentIntent, attempt_id: &AttemptId, kind: ItemKind) -> Option<Event> {
    let attempt = payment.attempt(attempt_id)?;
    let done = payment.transfers_told(attempt, kind).into_iter().filter(|item| item.ever_succeeded);
    let (name, ours) = done.into_iter().find_map(|item| {
        let ours = may_be(payment, attempt, &item)?;
        Some((item.ids.first()?.clone(), ours))
    })?;
    let (status, processor_id) = (TransferStatus::Pending, Some(name));
    match ours.subject {
        Subject::Capture(capture_id) => Some(Event::CaptureSettled { capture_id, status, processor_id }),
        Subject::Refund(refund_id) => {
            Some(Event::RefundSettled { refund_id, status, failure: None, processor_id })
        }
        Subject::Payment => None,
    }
}
