//! Which events the merchant hears of, and by which names.

use crate::event::Event;
use crate::ids::{DisputeId, RefundId};
use crate::payment::{DisputeStatus, Status, TransferStatus};

/// One event as the merchant hears it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Publication {
    /// Type, such as `payment_intent.succeeded`.
    pub kind: &'static str,
    /// What its body shows.
    pub object: PublicObject,
}

/// What a publication's body shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicObject {
    /// The payment intent.
    PaymentIntent,
    /// Its order.
    Order,
    /// One refund.
    Refund(RefundId),
    /// One dispute.
    Dispute(DisputeId),
}

/// What the merchant hears of an event; often nothing.
#[must_use]
pub fn publications(event: &Event) -> Vec<Publication> {
    let intent = |kind| vec![Publication { kind, object: PublicObject::PaymentIntent }];
    match event {
        Event::Created { .. } => intent("payment_intent.created"),
        Event::StatusChanged { to, reopened, .. } => match to {
            Status::RequiresCheckout if *reopened => intent("payment_intent.requires_checkout"),
            // It was not told once.
            Status::RequiresCheckout => vec![],
            Status::Processing => intent("payment_intent.processing"),
            Status::RequiresCapture => intent("payment_intent.requires_capture"),
            Status::Succeeded => {
                let order = Publication { kind: "order.paid", object: PublicObject::Order };
                let mut both = intent("payment_intent.succeeded");
                both.push(order);
                both
            }
            Status::Failed => intent("payment_intent.failed"),
            Status::Canceled => intent("payment_intent.canceled"),
            Status::Expired => intent("payment_intent.expired"),
        },
        Event::AttemptDeclined { .. } => intent("payment_intent.attempt_declined"),
        Event::Quarantined { .. } => intent("payment_intent.quarantined"),
        Event::QuarantineResolved { .. } => intent("payment_intent.quarantine_resolved"),
        Event::CaptureDue { .. } => intent("payment_intent.capture_due"),
        Event::CancelFailed { .. } => intent("payment_intent.cancel_failed"),
        Event::CaptureSettled { status, .. } => match status {
            TransferStatus::Pending | TransferStatus::Succeeded => vec![],
            TransferStatus::Failed => intent("payment_intent.capture_failed"),
        },
        Event::RefundRecorded { refund } => refund_event("refund.created", &refund.id),
        Event::RefundSettled { refund_id, status, .. } => match status {
            TransferStatus::Pending => vec![],
            TransferStatus::Succeeded => refund_event("refund.succeeded", refund_id),
            TransferStatus::Failed => refund_event("refund.failed", refund_id),
        },
        Event::DisputeRecorded { dispute } => dispute_event("dispute.opened", &dispute.id),
        Event::DisputeSettled { dispute_id, status } => match status {
            DisputeStatus::Open => dispute_event("dispute.opened", dispute_id),
            DisputeStatus::Won => dispute_event("dispute.won", dispute_id),
            DisputeStatus::Lost => dispute_event("dispute.lost", dispute_id),
        },
        Event::AttemptStarted { .. }
        | Event::AttemptSuperseded { .. }
        | Event::DoorOpened { .. }
        | Event::ShopperReturned { .. }
        | Event::OperationAsked { .. }
        | Event::OperationNotSent { .. }
        | Event::OperationUnknown { .. }
        | Event::OperationDone { .. }
        | Event::OperationGivenUp { .. }
        | Event::FactsHeard { .. }
        | Event::CheckScheduled { .. }
        | Event::SettledByHand { .. }
        | Event::PersonalDataErased
        | Event::Restored { .. }
        | Event::Reconciled { .. }
        | Event::RestLapsed { .. }
        | Event::MoneyCaptured { .. }
        | Event::CaptureRecorded { .. }
        | Event::CancelRequested
        | Event::Closed { .. }
        | Event::ErrorNoted { .. } => vec![],
    }
}

/// Every type that can be published, for endpoint filters and documentation.
pub const PUBLIC_TYPES: [&str; 21] = [
    "payment_intent.created",
    "payment_intent.requires_checkout",
    "payment_intent.processing",
    "payment_intent.requires_capture",
    "payment_intent.succeeded",
    "payment_intent.failed",
    "payment_intent.canceled",
    "payment_intent.expired",
    "payment_intent.attempt_declined",
    "payment_intent.quarantined",
    "payment_intent.quarantine_resolved",
    "payment_intent.capture_due",
    "payment_intent.cancel_failed",
    "payment_intent.capture_failed",
    "order.paid",
    "refund.created",
    "refund.succeeded",
    "refund.failed",
    "dispute.opened",
    "dispute.won",
    "dispute.lost",
];

fn refund_event(kind: &'static str, id: &RefundId) -> Vec<Publication> {
    vec![Publication { kind, object: PublicObject::Refund(id.clone()) }]
}

fn dispute_event(kind: &'static str, id: &DisputeId) -> Vec<Publication> {
    vec![Publication { kind, object: PublicObject::Dispute(id.clone()) }]
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use processor_sdk::{Currency, Money, Timestamp};

    use super::*;
    use crate::event::Accepted;
    use crate::ids::AttemptId;
    use crate::payment::{Dispute, LastError, QuarantineReason, Refund, Resolution};

    /// One event of each kind that is heard of, in every state that it can tell.
    fn heard_events() -> Vec<Event> {
        let attempt_id = AttemptId::from_body("1");
        let (refund_id, dispute_id) = (RefundId::from_body("1"), DisputeId::from_body("1"));
        let amount = Money::new(1, Currency::parse("EUR").unwrap()).unwrap();
        let created_at = Timestamp::UNIX_EPOCH;
        let refund = Refund {
            id: refund_id.clone(),
            attempt_id: attempt_id.clone(),
            amount,
            reason: None,
            metadata: std::collections::BTreeMap::new(),
            observed: false,
            status: TransferStatus::Pending,
            failure: None,
            processor_id: None,
            refunded_before: amount,
            stated_before: None,
            overruled: false,
            created_at,
        };
        let dispute = Dispute {
            id: dispute_id.clone(),
            attempt_id: attempt_id.clone(),
            amount,
            reason: None,
            status: DisputeStatus::Open,
            processor_id: "1".to_owned(),
            created_at,
        };
        let error = LastError { code: "cancel_failed".to_owned(), processor_code: None };
        let mut events = vec![
            Event::AttemptDeclined { attempt_id: attempt_id.clone(), decline: None },
            Event::Quarantined { reason: QuarantineReason::PaidTwice },
            Event::QuarantineResolved {
                reason: QuarantineReason::PaidTwice,
                resolution: Resolution::Accept,
                note: String::new(),
                policy: None,
                accepted: Accepted::default(),
            },
            Event::CaptureDue { attempt_id, capture_before: created_at },
            Event::CancelFailed { error },
            Event::RefundRecorded { refund },
            Event::DisputeRecorded { dispute },
        ];
        for to in [
            Status::RequiresCheckout,
            Status::Processing,
            Status::RequiresCapture,
            Status::Succeeded,
            Status::Failed,
            Status::Canceled,
            Status::Expired,
        ] {
            events.push(Event::StatusChanged { to, late: false, reopened: to == Status::RequiresCheckout });
        }
        for status in [TransferStatus::Pending, TransferStatus::Succeeded, TransferStatus::Failed] {
            let refund_id = refund_id.clone();
            events.push(Event::RefundSettled { refund_id, status, failure: None, processor_id: None });
            let capture_id = crate::ids::CaptureId::from_body("1");
            events.push(Event::CaptureSettled { capture_id, status, processor_id: None });
        }
        for status in [DisputeStatus::Open, DisputeStatus::Won, DisputeStatus::Lost] {
            events.push(Event::DisputeSettled { dispute_id: dispute_id.clone(), status });
        }
        events
    }

    #[test]
    fn every_type_is_declared_and_every_declared_type_is_published() {
        let mut published: BTreeSet<&str> =
            heard_events().iter().flat_map(publications).map(|publication| publication.kind).collect();
        // Its event holds a whole intent; the stories publish it.
        published.insert("payment_intent.created");
        assert_eq!(published, PUBLIC_TYPES.into_iter().collect());
        assert_eq!(published.len(), PUBLIC_TYPES.len(), "no type is declared twice");
    }
}
