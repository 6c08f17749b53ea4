//! Money that the shopper's bank takes back. Each dispute is a fact beside the payment's status.

use processor_sdk::ItemKind;

use crate::event::Event;
use crate::ids::{AttemptId, DisputeId};
use crate::payment::{Dispute, DisputeStatus};
use crate::story::Story;

pub(super) fn settle_disputes(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let currency = story.payment.amount.currency();
    let Some(attempt) = story.payment.attempt(attempt_id) else { return };
    let captured = attempt.captured;
    for item in attempt.evidence.items(ItemKind::Dispute) {
        let Some(processor_id) = item.name().cloned() else { continue };
        let status = DisputeStatus::from_item(item.state);
        // Another attempt's processor may use the same id for a dispute of its own.
        let known = story
            .payment
            .disputes
            .iter()
            .find(|dispute| dispute.attempt_id == *attempt_id && item.is_called(&dispute.processor_id));
        let (dispute_id, before) = match known {
            Some(dispute) => (dispute.id.clone(), dispute.status),
            None => {
                // A bank that names no amount, or one in the shopper's currency, disputes all of it.
                let amount = item.amount.filter(|amount| amount.currency() == currency).unwrap_or(captured);
                if !amount.is_positive() {
                    continue;
                }
                let dispute = Dispute {
                    id: DisputeId::from_body(&story.fresh()),
                    attempt_id: attempt_id.clone(),
                    amount,
                    reason: item.reason.clone(),
                    status: DisputeStatus::Open,
                    processor_id,
                    created_at: story.now(),
                };
                let id = dispute.id.clone();
                story.record(Event::DisputeRecorded { dispute });
                (id, DisputeStatus::Open)
            }
        };
        if before != status {
            story.record(Event::DisputeSettled { dispute_id, status });
        }
    }
}
