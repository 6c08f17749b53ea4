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
        Event::StatusChanged { to, .. } => match to {
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
        | Event::MoneyCaptured { .. }
        | Event::CaptureRecorded { .. }
        | Event::CancelRequested
        | Event::Closed { .. }
        | Event::ErrorNoted { .. } => vec![],
    }
}

/// Every type that can be published, for endpoint filters and documentation.
pub const PUBLIC_TYPES: [&str; 18] = [
    "payment_intent.created",
    "payment_intent.processing",
    "payment_intent.requires_capture",
    "payment_intent.succeeded",
    "payment_intent.failed",
    "payment_intent.canceled",
    "payment_intent.expired",
    "payment_intent.attempt_declined",
    "payment_intent.quarantined",
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
