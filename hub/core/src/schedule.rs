//! What work a payment wants, and when: a function of its state alone.
//!
//! Invariant: as long as something is Pending or Unknown and anything automatic could resolve it, there is
//! an entry here. Nothing else decides what the worker does.

use std::collections::BTreeMap;

use processor_sdk::{CaptureMode, Timestamp};
use serde::{Deserialize, Serialize};

use crate::ids::{AttemptId, OperationId};
use crate::payment::{Attempt, OperationState, PaymentIntent, Status};
use crate::planted::{Bug, planted};
use crate::retry;

/// One piece of work; a payment never wants the same one twice.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Work {
    /// Carry an operation to the processor, or find out what became of it.
    CallProcessor {
        /// Of which attempt.
        attempt_id: AttemptId,
        /// Which.
        operation_id: OperationId,
    },
    /// Look an attempt up at the processor.
    Check {
        /// Which.
        attempt_id: AttemptId,
    },
    /// Remind the cart that an authorization ends soon.
    RemindOfCapture {
        /// Of which attempt.
        attempt_id: AttemptId,
    },
    /// Close the door when the intent's time is over.
    Expire,
}

/// Everything a payment wants done, with its time.
#[must_use]
pub fn schedule(payment: &PaymentIntent) -> BTreeMap<Work, Timestamp> {
    let mut wanted = BTreeMap::new();
    for attempt in &payment.attempts {
        for operation in &attempt.operations {
            let due_at = match operation.state {
                OperationState::Unknown { .. } if planted(Bug::ForgetToFindOut) => continue,
                OperationState::Asked { due_at } | OperationState::Unknown { due_at } => due_at,
                OperationState::Stuck | OperationState::Done | OperationState::GivenUp => continue,
            };
            let work =
                Work::CallProcessor { attempt_id: attempt.id.clone(), operation_id: operation.id.clone() };
            wanted.insert(work, due_at);
        }
        if let Some(due_at) = reminder(payment, attempt) {
            wanted.insert(Work::RemindOfCapture { attempt_id: attempt.id.clone() }, due_at);
        }
        if let Some(check) = attempt.check.filter(|_| !planted(Bug::ForgetToLook)) {
            wanted.insert(Work::Check { attempt_id: attempt.id.clone() }, check.due_at);
        }
    }
    // An authorization was made in time; it has a time of its own.
    let standing = payment.status == Status::RequiresCapture;
    if payment.closed.is_none() && !payment.status.is_end() && !standing {
        wanted.insert(Work::Expire, payment.expires_at);
    }
    wanted
}

/// How long before an authorization ends the cart is reminded, in seconds.
const CAPTURE_REMINDER_S: i64 = 24 * 3_600;

/// When the cart is to be reminded of an authorization's end; `None` when it was told, or nobody knows one.
#[must_use]
pub fn reminder(payment: &PaymentIntent, attempt: &Attempt) -> Option<Timestamp> {
    let capture_before = payment.capture_before_of(attempt)?;
    let told = attempt.capture_due_told == Some(capture_before);
    (payment.capture == CaptureMode::Manual && !told)
        .then(|| retry::after(capture_before, -CAPTURE_REMINDER_S))
}
