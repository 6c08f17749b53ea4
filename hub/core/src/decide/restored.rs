//! A payment that came out of a backup: what happened to it afterwards is known at its processors alone.
//!
//! Attempts in which money has moved or may still move are looked up before anything new is asked of their
//! processors; what was to be sent when the backup was made may have been sent since.
//!
//! Invariant: no request that moves money is made because of a state that its processor has moved on from.

use processor_sdk::Timestamp;

use super::outcomes::doubt;
use crate::attachment::attachment_where;
use crate::event::Event;
use crate::ids::AttemptId;
use crate::payment::{Attempt, AttemptState, Check, OperationState, PaymentIntent};
use crate::refusal::Refusal;
use crate::retry::{CHECKS_AFTER_EXPIRY_S, Pace};
use crate::settle::can_look_up_payment;
use crate::story::Story;

/// Refuses what should wait until the processors have said what happened since the backup.
pub(super) fn refuse_unreconciled(payment: &PaymentIntent) -> Result<(), Refusal> {
    if payment.is_unreconciled() { Err(Refusal::Reconciling) } else { Ok(()) }
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
    if doubtful.is_empty() && unsent.is_empty() {
        return;
    }
    story.record(Event::Restored { attempt_ids: doubtful.clone() });
    for (attempt_id, operation, profile) in unsent {
        // Its key counts from the earliest time at which it can have been sent, its absence from the latest.
        let sent = Some((operation.created_at, Some(story.now())));
        doubt(story, &attempt_id, &operation, &profile, "it may have been sent since the backup", sent);
    }
    for attempt_id in doubtful {
        let check = Some(Check { due_at: story.now(), tries: 0, pace: Some(Pace::Soon), hint: None });
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
