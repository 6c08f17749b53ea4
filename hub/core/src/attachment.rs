//! What still ties a payment to the connector that it was opened with.
//!
//! An attempt stays with its connector. Before an operator takes one away, this says what would be left
//! behind: payments that may still move, and money that may still be given back.

use processor_sdk::Timestamp;

use crate::payment::{Attempt, AttemptState, DisputeStatus, PaymentIntent, TransferStatus};

/// How long money counts as refundable, in days since the payment was created. Processors bound refunds in
/// time: PayPal, for one, documents 180 days.
pub const REFUNDABLE_DAYS_MAX: i64 = 180;

const DAY_S: i64 = 24 * 3_600;

/// Why a payment needs its connector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attachment {
    /// Nothing is under way, but money could be given back.
    Refundable,
    /// Something is under way or in doubt.
    InFlight,
}

/// Why a payment needs a connector; `None` when nothing of it is left there.
#[must_use]
pub fn attachment(payment: &PaymentIntent, connector: &str, now: Timestamp) -> Option<Attachment> {
    attachment_where(payment, |attempt| attempt.profile.connector == connector, now)
}

/// Why a payment needs what these attempts of it were opened with; `None` when nothing of them is left.
#[must_use]
pub fn attachment_where(
    payment: &PaymentIntent,
    is_meant: impl Fn(&Attempt) -> bool,
    now: Timestamp,
) -> Option<Attachment> {
    let attempts = payment.attempts.iter().filter(|attempt| is_meant(attempt));
    attempts.filter_map(|attempt| of_attempt(payment, attempt, now)).max()
}

fn of_attempt(payment: &PaymentIntent, attempt: &Attempt, now: Timestamp) -> Option<Attachment> {
    if is_in_flight(payment, attempt) {
        return Some(Attachment::InFlight);
    }
    let in_time = now.seconds_since(payment.created_at) <= REFUNDABLE_DAYS_MAX * DAY_S;
    let refundable = attempt.profile.capabilities.refund && payment.refundable(attempt).is_positive();
    (in_time && refundable).then_some(Attachment::Refundable)
}

fn is_in_flight(payment: &PaymentIntent, attempt: &Attempt) -> bool {
    let moving = match attempt.state(payment.capture) {
        AttemptState::Approved | AttemptState::Pending | AttemptState::Authorized | AttemptState::Unknown => {
            true
        }
        // Whether anybody may still pay at an open page is what its look-ups say.
        AttemptState::Created
        | AttemptState::Open
        | AttemptState::Captured
        | AttemptState::Declined
        | AttemptState::Voided
        | AttemptState::Expired
        | AttemptState::NotSent => false,
    };
    let asked = attempt.operations.iter().any(|operation| operation.is_open());
    let watched = attempt.check.is_some_and(|check| check.pace.is_some());
    let capturing = payment
        .captures
        .iter()
        .any(|capture| capture.attempt_id == attempt.id && capture.status == TransferStatus::Pending);
    let refunding = payment
        .refunds
        .iter()
        .any(|refund| refund.attempt_id == attempt.id && refund.status == TransferStatus::Pending);
    let disputed = payment
        .disputes
        .iter()
        .any(|dispute| dispute.attempt_id == attempt.id && dispute.status == DisputeStatus::Open);
    moving || asked || watched || capturing || refunding || disputed || payment.quarantine.is_some()
}
