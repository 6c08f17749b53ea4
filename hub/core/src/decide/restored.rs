//! A payment that came out of a backup: what happened to it afterwards is known at its processors alone.
//!
//! Attempts in which money has moved or may still move are looked up before anything new is asked of their
//! processors; what was to be sent when the backup was made may have been sent since. Which requests of the cart
//! the hub has forgotten nobody can say: one that may be about a transfer that was found afterwards is refused
//! until the cart says that it wants another one. What the merchant was told since is forgotten too, so that the
//! numbers of its events leap.
//!
//! Invariants: no request that moves money is made because of a state that its processor has moved on from; no
//! number of an event is told for the second time.

use processor_sdk::{Money, Timestamp};

use super::outcomes::doubt;
use crate::attachment::attachment_where;
use crate::event::Event;
use crate::ids::AttemptId;
use crate::payment::{Attempt, AttemptState, Check, OperationState, PaymentIntent, TransferStatus};
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;
use crate::retry::{CHECKS_AFTER_EXPIRY_S, Pace};
use crate::settle::can_look_up_payment;
use crate::story::Story;

/// Refuses what should wait until the processors have said what happened since the backup.
pub(super) fn refuse_unreconciled(payment: &PaymentIntent) -> Result<(), Refusal> {
    if payment.is_unreconciled() { Err(Refusal::Reconciling) } else { Ok(()) }
}

/// Refuses a capture that may be one which was found since the payment came out of a backup.
pub(super) fn refuse_found_capture(payment: &PaymentIntent, asked: Option<Money>) -> Result<(), Refusal> {
    let Some(known) = payment.known_at_restore else { return Ok(()) };
    let standing = |status| status != TransferStatus::Failed;
    let found = payment.captures.iter().skip(known.captures).find(|capture| {
        let is_found = capture.observed && standing(capture.status);
        is_found && may_be(asked, capture.amount, capture.processor_id.is_some())
    });
    refuse_found("capture", found.map(|capture| capture.id.to_string()))
}

/// Refuses a refund that may be one which was found since the payment came out of a backup.
pub(super) fn refuse_found_refund(payment: &PaymentIntent, asked: Option<Money>) -> Result<(), Refusal> {
    let Some(known) = payment.known_at_restore else { return Ok(()) };
    let standing = |status| status != TransferStatus::Failed;
    let found = payment.refunds.iter().skip(known.refunds).find(|refund| {
        let is_found = refund.observed && standing(refund.status);
        is_found && may_be(asked, refund.amount, refund.processor_id.is_some())
    });
    refuse_found("refund", found.map(|refund| refund.id.to_string()))
}

fn refuse_found(what: &'static str, found: Option<String>) -> Result<(), Refusal> {
    match found {
        Some(id) if !planted(Bug::RepeatAfterRestore) => Err(Refusal::FoundAfterRestore { what, id }),
        Some(_) | None => Ok(()),
    }
}

/// Whether a request may have led to a transfer that was found. "All that is left" may have been any amount then,
/// and a total without a name of the processor's may be several transfers.
fn may_be(asked: Option<Money>, found: Money, is_named: bool) -> bool {
    asked.is_none_or(|asked| if is_named { asked == found } else { asked.minor() <= found.minor() })
}

/// Beyond every number that can have been told of a payment: it never has an event in each millisecond since 1970,
/// nor since an earlier restore. Fits the integers of JSON and of both engines for as long as there are payments.
fn sequence_after(story: &Story<'_, '_>) -> u64 {
    if planted(Bug::TellNumbersAgain) {
        return story.payment.sequence;
    }
    let millis = u64::try_from(story.now().as_micros() / 1_000).unwrap_or(0);
    millis.max(story.payment.sequence)
}

pub(super) fn restored(story: &mut Story<'_, '_>, backed_up_at: Timestamp) {
    let payment = &story.payment;
    let doubtful =
        payment.attempts.iter().filter(|attempt| may_have_moved_on(payment, attempt, backed_up_at));
    let doubtful: Vec<AttemptId> = doubtful.map(|attempt| attempt.id.clone()).collect();
    let unsent = payment.attempts.iter().flat_map(|attempt| {
        let waiting = |state| matches!(state, OperationState::Asked { .. });
        let operations = attempt.operations.iter().filter(move |operation| waiting(operation.state));
        operations.map(|operation| (attempt.id.clone(), operation.clone(), attempt.profile.clone()))
    });
    let unsent: Vec<_> = unsent.collect();
    // Of payments that are not asked about too: there may have been more of them since.
    let sequence_after = Some(sequence_after(story));
    story.record(Event::Restored { attempt_ids: doubtful.clone(), sequence_after });
    for (attempt_id, operation, profile) in unsent {
        // Its key counts from the earliest time at which it can have been sent, its absence from the latest.
        let sent = Some((operation.created_at, Some(story.now())));
        doubt(story, &attempt_id, &operation, &profile, "it may have been sent since the backup", sent);
    }
    for attempt_id in doubtful {
        let (due_at, pace) = (story.now(), Some(Pace::Soon));
        let check = Some(Check { due_at, tries: 0, pace, hint: None, overdue: false });
        story.record(Event::CheckScheduled { attempt_id, check, checked: false, confirmed_at: None });
    }
}

/// Whether the processor can be asked about an attempt and may know more of it: money that can move or be given
/// back, or an end that was still young when the backup was made.
fn may_have_moved_on(payment: &PaymentIntent, attempt: &Attempt, backed_up_at: Timestamp) -> bool {
    let is_there = match attempt.state(payment.capture) {
        AttemptState::NotSent => false,
        AttemptState::Created
        | AttemptState::Open
        | AttemptState::Approved
        | AttemptState::Pending
        | AttemptState::Authorized
        | AttemptState::Captured
        | AttemptState::Declined
        | AttemptState::Voided
        | AttemptState::Expired
        | AttemptState::Unknown => !attempt.disowned && can_look_up_payment(attempt),
    };
    let holds = || attachment_where(payment, |other| other.id == attempt.id, backed_up_at).is_some();
    let is_young = backed_up_at.seconds_since(payment.expires_at) <= CHECKS_AFTER_EXPIRY_S;
    is_there && (holds() || is_young)
}
