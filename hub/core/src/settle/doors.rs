//! Pages that must not be paid at any more, reservations that are not wanted, cancels, completions.
//!
//! Invariant: each is asked for once by itself; after a no of the processor only the cart asks again.

use std::cmp::Reverse;

use processor_sdk::{ItemKind, ItemState, OperationKind, Word};

use super::status::status;
use crate::decide::{ATTEMPTS_MAX, ask};
use crate::event::Event;
use crate::ids::AttemptId;
use crate::payment::{
    Attempt, AttemptState, Closed, LastError, Operation, PaymentIntent, Status, Subject, TransferStatus,
};
use crate::planted::{Bug, planted};
use crate::story::Story;

/// What closes an attempt at its processor, when it has to be closed and can be.
fn closing(payment: &PaymentIntent, attempt: &Attempt) -> Option<OperationKind> {
    let capabilities = &attempt.profile.capabilities;
    let ending = payment.cancel_requested || payment.closed.is_some();
    let has_money = |other: &Attempt| {
        matches!(other.state(payment.capture), AttemptState::Captured | AttemptState::Authorized)
    };
    let paid_elsewhere = payment.attempts.iter().any(|other| other.id != attempt.id && has_money(other));
    match attempt.state(payment.capture) {
        AttemptState::Open => {
            let replaced = attempt.superseded && !planted(Bug::LeaveFirstPageOpen);
            let unwanted = ending || paid_elsewhere || replaced;
            (unwanted && capabilities.expire_checkout).then_some(OperationKind::ExpireCheckout)
        }
        // What the shopper has approved is good, even on the page that another took the place of.
        AttemptState::Approved => {
            let completing = attempt.open_operation(OperationKind::CompleteCheckout).is_some();
            let unwanted = (payment.cancel_requested || paid_elsewhere) && !completing;
            (unwanted && capabilities.expire_checkout).then_some(OperationKind::ExpireCheckout)
        }
        AttemptState::Authorized => {
            let capturing = payment
                .captures
                .iter()
                .any(|capture| capture.attempt_id == attempt.id && capture.status != TransferStatus::Failed);
            // What was under way when the intent's time was over is not released.
            let late = payment.closed.is_some() && payment.status.is_end();
            let unwanted = payment.cancel_requested || late || is_surplus(payment, attempt);
            (unwanted && !capturing && capabilities.void).then_some(OperationKind::Void)
        }
        AttemptState::Created
        | AttemptState::Pending
        | AttemptState::Captured
        | AttemptState::Declined
        | AttemptState::Voided
        | AttemptState::Expired
        | AttemptState::Unknown
        | AttemptState::NotSent => None,
    }
}

/// True for a reservation beside a better one: of two attempts that hold the money one is enough.
fn is_surplus(payment: &PaymentIntent, attempt: &Attempt) -> bool {
    let holding = payment.attempts.iter().enumerate().filter_map(|(index, other)| {
        let state = other.state(payment.capture);
        let captured = state == AttemptState::Captured;
        let holds = captured || state == AttemptState::Authorized;
        let capturing = payment
            .captures
            .iter()
            .any(|capture| capture.attempt_id == other.id && capture.status != TransferStatus::Failed);
        holds.then_some(((captured, capturing, !other.superseded, Reverse(index)), &other.id))
    });
    holding.max_by_key(|(rank, _)| *rank).is_some_and(|(_, best)| *best != attempt.id)
}

/// Asks processors to close what must not be paid any more, and to release what is not wanted.
pub(super) fn close_doors(story: &mut Story<'_, '_>, attempts: &[AttemptId]) {
    for attempt_id in attempts {
        let Some(attempt) = story.payment.attempt(attempt_id) else { continue };
        if let Some(kind) = closing(&story.payment, attempt)
            && !is_asked(attempt, kind)
        {
            ask(story, attempt_id, kind, Subject::Payment, vec![]);
        }
    }
}

/// Whether the page as it is now was asked to close, or the reservation to be released: a page that was opened
/// again since then is another one.
fn is_asked(attempt: &Attempt, kind: OperationKind) -> bool {
    let Some(asked) = attempt.last_operation(kind) else { return false };
    let is_opening = |operation: &&Operation| operation.kind == OperationKind::OpenCheckout;
    let mut openings = attempt.operations.iter().filter(is_opening);
    let again = openings.any(|opening| opening.first_sent_at.is_some_and(|sent| sent > asked.created_at));
    asked.is_open() || kind != OperationKind::ExpireCheckout || !again
}

/// Asks the same again, because the cart wants it or the time is over.
pub(crate) fn ask_closing(story: &mut Story<'_, '_>) {
    for attempt_id in super::attempts(story) {
        let Some(attempt) = story.payment.attempt(&attempt_id) else { continue };
        if let Some(kind) = closing(&story.payment, attempt)
            && attempt.open_operation(kind).is_none()
        {
            ask(story, &attempt_id, kind, Subject::Payment, vec![]);
        }
    }
}

/// How far an attempt is from being over.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Ending {
    /// Over, or nobody can pay there.
    Over,
    /// The processor has not said yet.
    Awaited,
    /// The processor did not let us.
    Refused,
}

fn ending(payment: &PaymentIntent, attempt: &Attempt) -> Ending {
    let capabilities = &attempt.profile.capabilities;
    let asked = |kind| match attempt.last_operation(kind) {
        Some(operation) if !operation.is_open() => Ending::Refused,
        Some(_) | None => Ending::Awaited,
    };
    // A page that cannot be closed blocks nothing: what is paid there afterwards is late truth.
    let page = || {
        if capabilities.expire_checkout { asked(OperationKind::ExpireCheckout) } else { Ending::Over }
    };
    match attempt.state(payment.capture) {
        AttemptState::Declined | AttemptState::Voided | AttemptState::Expired | AttemptState::NotSent => {
            Ending::Over
        }
        AttemptState::Open => match attempt.open_operation(OperationKind::CompleteCheckout) {
            Some(_) => Ending::Awaited,
            None => page(),
        },
        AttemptState::Approved => match attempt.open_operation(OperationKind::CompleteCheckout) {
            Some(_) => Ending::Awaited,
            // Without completion no money moves.
            None => page(),
        },
        AttemptState::Unknown if !attempt.is_payable_orphan() => Ending::Over,
        AttemptState::Created | AttemptState::Pending | AttemptState::Unknown => Ending::Awaited,
        AttemptState::Captured => Ending::Refused,
        AttemptState::Authorized => {
            let voids = attempt.evidence.items(ItemKind::Void);
            if !capabilities.void {
                Ending::Refused
            } else if voids.iter().any(|void| void.state == ItemState::Pending) {
                Ending::Awaited
            } else {
                asked(OperationKind::Void)
            }
        }
    }
}

pub(super) fn conclude_cancel(story: &mut Story<'_, '_>) {
    let payment = &story.payment;
    let endings: Vec<_> = payment.attempts.iter().map(|attempt| ending(payment, attempt)).collect();
    if payment.cancel_requested {
        if endings.contains(&Ending::Refused) {
            let error = LastError { code: "cancel_failed".to_owned(), processor_code: None };
            story.record(Event::CancelFailed { error });
        } else if endings.iter().all(|ending| *ending == Ending::Over) {
            story.record(Event::Closed { why: Closed::Canceled });
        }
    } else if payment.closed.is_none() {
        let states: Vec<_> = payment.attempts.iter().map(|attempt| attempt.state(payment.capture)).collect();
        let live = states.iter().any(|state| state.is_live() || *state == AttemptState::Captured);
        if !live && states.contains(&AttemptState::Voided) {
            story.record(Event::Closed { why: Closed::Voided });
        } else if !live && payment.attempts_sent() >= ATTEMPTS_MAX {
            story.record(Event::Closed { why: Closed::Exhausted });
        }
    }
}

/// True while completing an attempt would take money that the intent still waits for.
pub(crate) fn wants_money(payment: &PaymentIntent, attempt: &Attempt) -> bool {
    let waits =
        !payment.status.is_end() && matches!(status(payment), Status::RequiresCheckout | Status::Processing);
    let elsewhere = payment.attempts.iter().filter(|other| other.id != attempt.id).any(|other| {
        let state = other.state(payment.capture);
        matches!(state, AttemptState::Captured | AttemptState::Authorized | AttemptState::Pending)
            || other.open_operation(OperationKind::CompleteCheckout).is_some()
    });
    waits && !elsewhere && !payment.cancel_requested && !payment.is_blocked()
}

/// Whether the approval that stands was asked to be completed: whoever came back too early has approved since.
fn is_completed(attempt: &Attempt) -> bool {
    let approved = attempt.evidence.said(&Word::NeedsCompletion);
    attempt.last_operation(OperationKind::CompleteCheckout).is_some_and(|asked| {
        asked.is_open() || approved.is_none_or(|approved| approved.first <= asked.created_at)
    })
}

/// Finishes what the shopper approved but never came back from. Once by itself; a return asks again.
pub(super) fn complete_approved(story: &mut Story<'_, '_>, attempts: &[AttemptId]) {
    for attempt_id in attempts {
        let payment = &story.payment;
        let Some(attempt) = payment.attempt(attempt_id) else { continue };
        let approved = attempt.state(payment.capture) == AttemptState::Approved
            && attempt.profile.capabilities.complete_checkout
            && !is_completed(attempt);
        if approved && wants_money(payment, attempt) && payment.closed.is_none() {
            ask(story, attempt_id, OperationKind::CompleteCheckout, Subject::Payment, vec![]);
        }
    }
}
