//! What follows from what is known: money to book, transfers that ended, doors to close, the status, the
//! next look-up. Runs after every command and is idempotent: run again at once, it records nothing.
//!
//! Invariant: it never guesses. Each conclusion rests on merged evidence or on a certain NotSent.

mod amounts;
mod by_hand;
mod captures;
mod checks;
mod disputes;
mod doors;
mod likeness;
mod ours;
mod refunds;
mod status;

use processor_sdk::ItemState;

pub(crate) use captures::lapse_rest;
pub(crate) use checks::{can_look_up_payment, operation_is_settled, pace};
pub(crate) use doors::{ask_closing, wants_money};
pub(crate) use likeness::looks_like_ours;
pub(crate) use status::settle_status;

use crate::decide::quarantine::apply_policies;
use crate::event::Event;
use crate::ids::AttemptId;
use crate::payment::{AttemptState, QuarantineReason, TransferStatus};
use crate::story::Story;

/// Draws every conclusion and plans the next look-ups.
pub fn settle(story: &mut Story<'_, '_>) {
    conclude(story);
    for attempt_id in attempts(story) {
        checks::settle_check(story, &attempt_id);
    }
}

/// Draws every conclusion.
pub(crate) fn conclude(story: &mut Story<'_, '_>) {
    let paid_before = amounts::paid_attempts(&story.payment);
    book(story);
    let attempts = attempts(story);
    for attempt_id in &attempts {
        checks::settle_operations(story, attempt_id);
    }
    if !story.payment.is_blocked() {
        amounts::flag_excess(story, paid_before);
        // Where a processor has still to say what happened since a backup, nothing new is asked.
        let asks = !story.payment.is_unreconciled();
        if asks {
            doors::close_doors(story, &attempts);
        }
        doors::conclude_cancel(story);
        if asks {
            doors::complete_approved(story, &attempts);
        }
        settle_status(story);
        if asks {
            apply_policies(story);
        }
    }
}

/// Records the money that moved, as far as the amounts are those that were asked for.
pub(crate) fn book(story: &mut Story<'_, '_>) {
    let counting = story.payment.attempts.iter().filter(|attempt| !attempt.disowned);
    let counting: Vec<_> = counting.map(|attempt| attempt.id.clone()).collect();
    for attempt_id in &counting {
        by_hand::name_settled(story, attempt_id);
    }
    // All of them first: what one attempt says blocks the payment, and then nothing is booked of another.
    for attempt_id in &counting {
        amounts::check_amounts(story, attempt_id);
    }
    if story.payment.is_blocked() {
        return;
    }
    for attempt_id in &counting {
        captures::settle_captures(story, attempt_id);
        refunds::settle_refunds(story, attempt_id);
        disputes::settle_disputes(story, attempt_id);
        announce_decline(story, attempt_id);
    }
}

fn attempts(story: &Story<'_, '_>) -> Vec<AttemptId> {
    story.payment.attempts.iter().map(|attempt| attempt.id.clone()).collect()
}

fn quarantine(story: &mut Story<'_, '_>, reason: QuarantineReason) {
    let known = story.payment.quarantine.as_ref().map(|quarantine| quarantine.reason);
    // A blocking reason outranks one that only flags.
    if known.is_none_or(|known| known != reason && reason.blocks() && !known.blocks()) {
        story.record(Event::Quarantined { reason });
    }
}

const fn transfer_status(state: ItemState) -> TransferStatus {
    match state {
        ItemState::Pending => TransferStatus::Pending,
        ItemState::Succeeded => TransferStatus::Succeeded,
        ItemState::Failed => TransferStatus::Failed,
    }
}

fn announce_decline(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let Some(attempt) = story.payment.attempt(attempt_id) else { return };
    if !attempt.declined && attempt.state(story.payment.capture) == AttemptState::Declined {
        let decline = attempt.decline().cloned();
        story.record(Event::AttemptDeclined { attempt_id: attempt_id.clone(), decline });
    }
}
