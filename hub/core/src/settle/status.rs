//! The status that everything known adds up to.
//!
//! Invariant: late truth leaves an end state only for success; success is left by nothing.

use processor_sdk::OperationKind;

use super::quarantine;
use crate::event::Event;
use crate::payment::{
    Attempt, AttemptState, Closed, PaymentIntent, QuarantineReason, Status, TransferStatus,
};
use crate::planted::{Bug, planted};
use crate::policy::PaidLate;
use crate::story::Story;

pub(crate) fn settle_status(story: &mut Story<'_, '_>) {
    let payment = &story.payment;
    let to = status(payment);
    let from = payment.status;
    // Money that came after the door was closed is no payment until somebody welcomes it. What the cart
    // captures of a reservation that stands is no surprise.
    // Nor is money that was under way when the time was over, unless the cart has called it off.
    let awaited = match from {
        Status::Succeeded | Status::RequiresCapture => true,
        Status::Processing => payment.closed != Some(Closed::Canceled),
        Status::RequiresCheckout | Status::Failed | Status::Canceled | Status::Expired => false,
    };
    let late = payment.closed.is_some() && to == Status::Succeeded && !awaited;
    let held = payment.quarantine.as_ref().is_some_and(|held| held.reason == QuarantineReason::PaidLate);
    // What waits for a person goes on waiting, whatever the policy is now.
    let by_policy = story.policies().paid_late == PaidLate::Accept && !held;
    let welcome = payment.resolved.late_is_welcome || by_policy;
    let to = if late && !welcome { ended(payment) } else { to };
    let legal = !from.is_end() || (to == Status::Succeeded && from != Status::Succeeded);
    if to != from && legal {
        let reopened = to == Status::RequiresCheckout && !planted(Bug::ForgetTheWayBack);
        story.record(Event::StatusChanged { to, late: late && welcome, reopened });
    }
    if late && !welcome && !planted(Bug::ForgetLateSuccess) {
        quarantine(story, QuarantineReason::PaidLate);
    }
}

/// The end that a closed door means.
const fn ended(payment: &PaymentIntent) -> Status {
    match payment.closed {
        Some(Closed::Expired) => Status::Expired,
        Some(Closed::Exhausted) => Status::Failed,
        Some(Closed::Canceled | Closed::Voided) | None => Status::Canceled,
    }
}

/// What it adds up to now; what was recorded last may be older.
pub(super) fn status(payment: &PaymentIntent) -> Status {
    if payment.resolved.returned {
        return ended(payment);
    }
    let has = |wanted: AttemptState| {
        payment.attempts.iter().any(|attempt| attempt.state(payment.capture) == wanted)
    };
    if has(AttemptState::Captured) {
        let capturing = payment.captures.iter().any(|capture| capture.status == TransferStatus::Pending);
        // Nothing more is taken after an end: whatever was taken then is late success.
        let more = !payment.status.is_end() && (payment.amount_capturable().is_positive() || capturing);
        return if more { Status::RequiresCapture } else { Status::Succeeded };
    }
    if has(AttemptState::Authorized) {
        return Status::RequiresCapture;
    }
    if payment.attempts.iter().any(|attempt| may_be_paying(payment, attempt)) {
        return Status::Processing;
    }
    match payment.closed {
        Some(Closed::Canceled | Closed::Voided) => Status::Canceled,
        Some(Closed::Expired) => Status::Expired,
        Some(Closed::Exhausted) => Status::Failed,
        None => Status::RequiresCheckout,
    }
}

/// True while money may be moving: another page must not be opened now.
fn may_be_paying(payment: &PaymentIntent, attempt: &Attempt) -> bool {
    if planted(Bug::FailOverFromUnknown) {
        return false;
    }
    let called_off = matches!(payment.closed, Some(Closed::Canceled | Closed::Voided));
    match attempt.state(payment.capture) {
        AttemptState::Pending => true,
        AttemptState::Approved => {
            !called_off || attempt.open_operation(OperationKind::CompleteCheckout).is_some()
        }
        AttemptState::Unknown => {
            attempt.door_opened_at.is_some()
                || attempt.open_operation(OperationKind::CompleteCheckout).is_some()
        }
        // The shopper came back from the page; whether money moves now, the answer will say. So also where a look did
        // not see the page: it may have looked too early.
        AttemptState::Open | AttemptState::Created => {
            attempt.open_operation(OperationKind::CompleteCheckout).is_some()
        }
        AttemptState::Authorized
        | AttemptState::Captured
        | AttemptState::Declined
        | AttemptState::Voided
        | AttemptState::Expired
        | AttemptState::NotSent => false,
    }
}
