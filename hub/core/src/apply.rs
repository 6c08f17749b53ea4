//! Folds events into a payment. Total: every event can be applied, none is refused.
//!
//! Invariant: folding a payment's events gives its stored state, bit for bit.

use processor_sdk::{Decline, OperationKind, Timestamp};

use crate::chain::link;
use crate::event::{Accepted, Event, Recorded};
use crate::ids::{AttemptId, CaptureId, DisputeId, OperationId, RefundId};
use crate::payment::{
    Attempt, Check, Closed, DisputeStatus, KnownAtRestore, LastError, Operation, OperationState,
    PaymentIntent, Quarantine, QuarantineReason, Resolution, TransferStatus,
};
use crate::planted::{Bug, planted};

/// Folds a whole history. `None` when it does not begin with [`Event::Created`].
#[must_use]
pub fn fold<'a>(history: impl IntoIterator<Item = &'a Recorded>) -> Option<PaymentIntent> {
    let mut history = history.into_iter();
    let first = history.next()?;
    let mut payment = begin(&first.event)?;
    link(&mut payment, first);
    for recorded in history {
        apply(&mut payment, &recorded.event, recorded.at);
        link(&mut payment, recorded);
    }
    Some(payment)
}

/// The payment that a creation event begins; `None` for any other event.
#[must_use]
pub fn begin(event: &Event) -> Option<PaymentIntent> {
    let Event::Created { intent } = event else { return None };
    let mut payment = intent.as_ref().clone();
    payment.version = 1;
    payment.sequence = u64::try_from(crate::publish::publications(event).len()).unwrap_or(0);
    Some(payment)
}

/// Applies one event.
pub fn apply(payment: &mut PaymentIntent, event: &Event, at: Timestamp) {
    payment.version += 1;
    match event {
        // A second creation changes nothing: the first one stands.
        Event::Created { .. } => {}
        Event::AttemptStarted { attempt } => payment.attempts.push(attempt.as_ref().clone()),
        Event::AttemptSuperseded { attempt_id } => {
            with_attempt(payment, attempt_id, |attempt| attempt.superseded = true);
        }
        Event::DoorOpened { attempt_id, expires_at } => with_attempt(payment, attempt_id, |attempt| {
            attempt.door_opened_at = attempt.door_opened_at.or(Some(at));
            attempt.door_expires_at = *expires_at;
        }),
        Event::ShopperReturned { attempt_id } => {
            with_attempt(payment, attempt_id, |attempt| {
                attempt.returned_at = attempt.returned_at.or(Some(at))
            });
        }
        Event::OperationAsked { attempt_id, operation } => {
            with_attempt(payment, attempt_id, |attempt| attempt.operations.push(operation.clone()));
        }
        Event::OperationNotSent { attempt_id, operation_id, due_at, .. } => {
            with_operation(payment, attempt_id, operation_id, |operation| not_sent(operation, *due_at));
        }
        Event::OperationUnknown {
            attempt_id, operation_id, sent_at, sent_until, due_at, overdue, ..
        } => {
            with_operation(payment, attempt_id, operation_id, |operation| {
                operation.overdue |= *overdue;
                unknown(operation, *sent_at, sent_until.or(*sent_at), *due_at);
            });
        }
        Event::OperationDone { attempt_id, operation_id } => {
            with_operation(payment, attempt_id, operation_id, |operation| done(operation, at));
        }
        Event::OperationGivenUp { attempt_id, operation_id, .. } => {
            with_attempt(payment, attempt_id, |attempt| given_up(attempt, operation_id));
        }
        Event::FactsHeard { attempt_id, facts } => with_attempt(payment, attempt_id, |attempt| {
            attempt.evidence.merge(facts, at);
        }),
        Event::CheckScheduled { attempt_id, check, checked, confirmed_at } => {
            let checked_at = checked.then_some(at);
            with_attempt(payment, attempt_id, |attempt| {
                check_scheduled(attempt, *check, checked_at, *confirmed_at)
            });
        }
        Event::AttemptDeclined { attempt_id, decline } => declined(payment, attempt_id, decline.as_ref()),
        Event::MoneyCaptured { attempt_id, amount } => with_attempt(payment, attempt_id, |attempt| {
            attempt.captured = attempt.captured.checked_add(*amount).unwrap_or(attempt.captured);
        }),
        Event::CaptureDue { attempt_id, capture_before } => {
            with_attempt(payment, attempt_id, |attempt| attempt.capture_due_told = Some(*capture_before));
        }
        Event::CaptureRecorded { capture } => payment.captures.push(capture.clone()),
        Event::CaptureSettled { capture_id, status, processor_id } => {
            capture_settled(payment, capture_id, *status, processor_id.as_ref());
        }
        Event::RefundRecorded { refund } => payment.refunds.push(refund.clone()),
        Event::RefundSettled { refund_id, status, failure, processor_id } => {
            refund_settled(payment, refund_id, *status, failure.as_ref(), processor_id.as_ref());
        }
        Event::DisputeRecorded { dispute } => payment.disputes.push(dispute.clone()),
        Event::DisputeSettled { dispute_id, status } => dispute_settled(payment, dispute_id, *status),
        Event::CancelRequested => payment.cancel_requested = true,
        Event::CancelFailed { error } => cancel_failed(payment, error),
        Event::Closed { why } => closed(payment, *why),
        Event::Quarantined { reason } => payment.quarantine = Some(Quarantine { reason: *reason, since: at }),
        Event::QuarantineResolved { reason, resolution, policy, accepted, .. } => {
            quarantine_resolved(payment, *reason, *resolution, policy.is_some(), accepted);
        }
        // What it says is heard as facts, or ends an operation, in events of their own.
        Event::SettledByHand { .. } => {}
        // It was never here.
        Event::PersonalDataErased => {}
        Event::Restored { attempt_ids, sequence_after } => restored(payment, attempt_ids, *sequence_after),
        Event::Reconciled { attempt_id } => {
            with_attempt(payment, attempt_id, |attempt| attempt.restored = false);
        }
        Event::RestLapsed { attempt_id } => {
            with_attempt(payment, attempt_id, |attempt| attempt.rest_lapsed = true);
        }
        Event::StatusChanged { to, late, .. } => {
            payment.status = *to;
            payment.paid_late |= *late;
        }
        Event::ErrorNoted { error, .. } => payment.last_error = Some(error.clone()),
    }
    if !planted(Bug::SequenceStandsStill) {
        payment.sequence += u64::try_from(crate::publish::publications(event).len()).unwrap_or(0);
    }
}

fn restored(payment: &mut PaymentIntent, attempt_ids: &[AttemptId], sequence_after: Option<u64>) {
    for attempt_id in attempt_ids {
        with_attempt(payment, attempt_id, |attempt| attempt.restored = true);
    }
    // An earlier release left both as they were.
    let Some(sequence_after) = sequence_after else { return };
    payment.sequence = payment.sequence.max(sequence_after);
    let known = KnownAtRestore { captures: payment.captures.len(), refunds: payment.refunds.len() };
    payment.known_at_restore.get_or_insert(known);
}

const fn not_sent(operation: &mut Operation, due_at: Timestamp) {
    operation.tries += 1;
    operation.state = OperationState::Asked { due_at };
    operation.overdue = false;
    // Certainly nothing has happened, so that the next try is as good as the first.
    operation.first_sent_at = None;
    operation.last_sent_at = None;
}

fn unknown(
    operation: &mut Operation,
    sent_at: Option<Timestamp>,
    sent_until: Option<Timestamp>,
    due_at: Option<Timestamp>,
) {
    operation.tries += 1;
    operation.state = due_at.map_or(OperationState::Stuck, |due_at| OperationState::Unknown { due_at });
    if sent_at.is_some() {
        operation.first_sent_at = operation.first_sent_at.or(sent_at);
        operation.last_sent_at = sent_until;
    }
}

fn done(operation: &mut Operation, at: Timestamp) {
    operation.tries += 1;
    operation.first_sent_at = operation.first_sent_at.or(Some(at));
    operation.state = OperationState::Done;
}

fn given_up(attempt: &mut Attempt, operation_id: &OperationId) {
    let Some(operation) = attempt.operations.iter_mut().find(|operation| operation.id == *operation_id)
    else {
        return;
    };
    operation.state = OperationState::GivenUp;
    if operation.kind == OperationKind::OpenCheckout && attempt.door_opened_at.is_none() {
        attempt.not_sent = true;
    }
}

fn check_scheduled(
    attempt: &mut Attempt,
    check: Option<Check>,
    checked_at: Option<Timestamp>,
    confirmed_at: Option<Timestamp>,
) {
    attempt.check = check;
    attempt.checked_at = checked_at.or(attempt.checked_at);
    if let Some(confirmed_at) = confirmed_at {
        attempt.evidence.confirm(confirmed_at);
    }
}

fn declined(payment: &mut PaymentIntent, attempt_id: &AttemptId, decline: Option<&Decline>) {
    with_attempt(payment, attempt_id, |attempt| attempt.declined = true);
    let code = decline.map_or("other", |decline| decline.code.as_str()).to_owned();
    let processor_code = decline.and_then(|decline| decline.processor_code.clone());
    payment.last_error = Some(LastError { code, processor_code });
}

fn cancel_failed(payment: &mut PaymentIntent, error: &LastError) {
    payment.cancel_requested = false;
    payment.last_error = Some(error.clone());
}

const fn closed(payment: &mut PaymentIntent, why: Closed) {
    if payment.closed.is_none() {
        payment.closed = Some(why);
    }
    payment.cancel_requested = false;
}

fn quarantine_resolved(
    payment: &mut PaymentIntent,
    reason: QuarantineReason,
    resolution: Resolution,
    by_policy: bool,
    accepted: &Accepted,
) {
    payment.quarantine = None;
    for (attempt_id, amount) in &accepted.amounts {
        with_attempt(payment, attempt_id, |attempt| attempt.accepted.push(*amount));
    }
    let currency = payment.amount.currency();
    for attempt_id in &accepted.own_currency_only {
        with_attempt(payment, attempt_id, |attempt| attempt.evidence.count_only(currency));
    }
    for attempt_id in &accepted.disowned {
        with_attempt(payment, attempt_id, |attempt| attempt.disowned = true);
    }
    for (capture_id, amount) in &accepted.captures {
        if let Some(capture) = payment.captures.iter_mut().find(|capture| capture.id == *capture_id) {
            capture.amount = *amount;
            capture.overruled = true;
        }
    }
    for (refund_id, amount) in &accepted.refunds {
        if let Some(refund) = payment.refunds.iter_mut().find(|refund| refund.id == *refund_id) {
            refund.amount = *amount;
            refund.overruled = true;
        }
    }
    let resolved = &mut payment.resolved;
    resolved.captured_up_to = accepted.captured.or(resolved.captured_up_to);
    resolved.refunded_up_to = accepted.refunded.or(resolved.refunded_up_to);
    resolved.undone.extend(accepted.undone.iter().cloned());
    match (reason, resolution) {
        (QuarantineReason::PaidLate | QuarantineReason::ReturnFailed, Resolution::Accept) => {
            resolved.late_is_welcome = true;
            resolved.returned = false;
        }
        // The other payment stands; what came in another currency was given back elsewhere, and what was undone
        // is booked as gone.
        (
            QuarantineReason::PaidTwice
            | QuarantineReason::CurrencyMismatch
            | QuarantineReason::CaptureUndone,
            Resolution::Refund,
        )
        | (_, Resolution::Accept) => {}
        (
            QuarantineReason::AmountMismatch
            | QuarantineReason::RefundExceedsCaptured
            | QuarantineReason::PaidLate
            | QuarantineReason::ReturnFailed,
            Resolution::Refund,
        ) => resolved.returned = true,
    }
    if by_policy {
        resolved.by_policy.push(reason);
    }
}

fn capture_settled(
    payment: &mut PaymentIntent,
    capture_id: &CaptureId,
    status: TransferStatus,
    processor_id: Option<&String>,
) {
    let Some(capture) = payment.captures.iter_mut().find(|capture| capture.id == *capture_id) else { return };
    capture.processor_id = processor_id.cloned().or(capture.processor_id.take());
    match status {
        TransferStatus::Pending => {}
        TransferStatus::Succeeded | TransferStatus::Failed => {
            capture.overruled |= capture.status == TransferStatus::Failed && status != capture.status;
            capture.status = status;
        }
    }
}

fn refund_settled(
    payment: &mut PaymentIntent,
    refund_id: &RefundId,
    status: TransferStatus,
    failure: Option<&String>,
    processor_id: Option<&String>,
) {
    let Some(refund) = payment.refunds.iter_mut().find(|refund| refund.id == *refund_id) else { return };
    refund.processor_id = processor_id.cloned().or(refund.processor_id.take());
    match status {
        TransferStatus::Pending => {}
        TransferStatus::Succeeded | TransferStatus::Failed => {
            refund.overruled |= refund.status == TransferStatus::Failed && status != refund.status;
            refund.status = status;
            refund.failure = failure.cloned();
        }
    }
}

fn dispute_settled(payment: &mut PaymentIntent, dispute_id: &DisputeId, status: DisputeStatus) {
    if let Some(dispute) = payment.disputes.iter_mut().find(|dispute| dispute.id == *dispute_id) {
        dispute.status = status;
    }
}

fn with_attempt(payment: &mut PaymentIntent, id: &AttemptId, change: impl FnOnce(&mut Attempt)) {
    if let Some(attempt) = payment.attempts.iter_mut().find(|attempt| attempt.id == *id) {
        change(attempt);
    }
}

fn with_operation(
    payment: &mut PaymentIntent,
    attempt_id: &AttemptId,
    id: &OperationId,
    change: impl FnOnce(&mut Operation),
) {
    with_attempt(payment, attempt_id, |attempt| {
        if let Some(operation) = attempt.operations.iter_mut().find(|operation| operation.id == *id) {
            change(operation);
        }
    });
}
