//! Ways to the processor's page and back: starting an attempt, another door to it, hints, the return.
//!
//! Invariant: a shopper is never led to a second page while money may be moving on the first.

use processor_sdk::{Facts, Item, Money, OperationKind, Word};

use super::restored::refuse_unreconciled;
use super::{ATTEMPTS_MAX, ATTEMPTS_WITH_UNSENT_MAX, ask, known_attempt, refuse_quarantined};
use crate::event::Event;
use crate::evidence::Evidence;
use crate::ids::AttemptId;
use crate::payment::{Attempt, AttemptState, Check, ConnectorProfile, Hint, Status, Subject};
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;
use crate::retry;
use crate::settle::{looks_like_ours, wants_money};
use crate::story::Story;

/// Most openings, and most completions, of one attempt: each is asked for by a shopper and kept for ever.
const SAME_OPERATIONS_MAX: usize = 50;

pub(super) fn start_attempt(
    story: &mut Story<'_, '_>,
    profile: &ConnectorProfile,
    reason: &str,
    return_token: &str,
) -> Result<(), Refusal> {
    let payment = &story.payment;
    if payment.status != Status::RequiresCheckout || payment.closed.is_some() || payment.cancel_requested {
        let wanted = "a checkout can be opened only while it is requires_checkout";
        return Err(Refusal::WrongStatus { status: payment.status, wanted });
    }
    if story.now() >= payment.expires_at {
        let wanted = "its time is over";
        return Err(Refusal::WrongStatus { status: payment.status, wanted });
    }
    // Wrong amounts may have been paid already.
    refuse_quarantined(payment)?;
    refuse_unreconciled(payment)?;
    let limit = if payment.attempts_sent() >= ATTEMPTS_MAX { ATTEMPTS_MAX } else { ATTEMPTS_WITH_UNSENT_MAX };
    if payment.attempts.len() >= limit {
        return Err(Refusal::TooManyAttempts { limit });
    }
    // A lost session that its processor may have mailed to the shopper can still be paid there.
    let orphan = payment.attempts.iter().any(|attempt| {
        attempt.profile.capabilities.orphan_session_payable
            && attempt.state(payment.capture) == AttemptState::Unknown
    });
    if orphan {
        let wanted = "another processor can be tried only once the first one's session is found";
        return Err(Refusal::WrongStatus { status: payment.status, wanted });
    }

    let earlier: Vec<_> = payment.attempts.iter().filter(|attempt| !attempt.superseded).collect();
    let superseded: Vec<_> = earlier
        .into_iter()
        .filter(|attempt| attempt.state(payment.capture).is_live())
        .map(|attempt| attempt.id.clone())
        .collect();
    let zero = Money::zero(payment.amount.currency());
    for attempt_id in superseded {
        story.record(Event::AttemptSuperseded { attempt_id });
    }
    let attempt = Attempt {
        id: AttemptId::from_body(&story.fresh()),
        profile: profile.clone(),
        reason: reason.to_owned(),
        return_token: return_token.to_owned(),
        created_at: story.now(),
        evidence: Evidence::default(),
        door_opened_at: None,
        door_expires_at: None,
        returned_at: None,
        not_sent: false,
        superseded: false,
        declined: false,
        operations: vec![],
        check: None,
        checked_at: None,
        disowned: false,
        restored: false,
        rest_lapsed: false,
        capture_due_told: None,
        captured: zero,
        accepted: vec![],
    };
    let attempt_id = attempt.id.clone();
    story.record(Event::AttemptStarted { attempt: Box::new(attempt) });
    ask(story, &attempt_id, OperationKind::OpenCheckout, Subject::Payment, vec![]);
    Ok(())
}

pub(super) fn reopen_door(story: &mut Story<'_, '_>, attempt_id: &AttemptId) -> Result<(), Refusal> {
    let payment = &story.payment;
    let attempt = known_attempt(payment, attempt_id)?;
    if payment.closed.is_some() || attempt.superseded || payment.status != Status::RequiresCheckout {
        let wanted = "a door can be reopened only while it is requires_checkout";
        return Err(Refusal::WrongStatus { status: payment.status, wanted });
    }
    refuse_quarantined(payment)?;
    refuse_unreconciled(payment)?;
    if attempt.open_operation(OperationKind::OpenCheckout).is_none() {
        if asked_too_often(attempt, OperationKind::OpenCheckout) {
            return Err(Refusal::TooManyAttempts { limit: SAME_OPERATIONS_MAX });
        }
        ask(story, attempt_id, OperationKind::OpenCheckout, Subject::Payment, vec![]);
    }
    Ok(())
}

/// Whether a shopper has made us ask the same so often that no more of it is recorded.
fn asked_too_often(attempt: &Attempt, kind: OperationKind) -> bool {
    let same = attempt.operations.iter().filter(|operation| operation.kind == kind);
    same.count() >= SAME_OPERATIONS_MAX
}

/// What counts for less than an older statement is news all the same: processors date their deliveries by the
/// second, and what happened within one second has no order. Only the processor knows what is the last.
pub(super) fn ask_when_it_disagrees(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    facts: &Facts,
) -> Result<(), Refusal> {
    let payment = &story.payment;
    let attempt = known_attempt(payment, attempt_id)?;
    let word = facts.word.is_some() && facts.word.as_ref() != attempt.evidence.latest_word();
    let item = |said: &Item| {
        let known = attempt.evidence.items(said.kind);
        let names = || said.id.iter().chain(&said.echo);
        known.iter().any(|known| names().any(|name| known.is_called(name)) && known.state != said.state)
    };
    let like_ours = |said: &Item| looks_like_ours(payment, attempt, said);
    let items = facts.items.iter().any(|said| item(said) || like_ours(said));
    if word && attempt.state(payment.capture).is_live() || items {
        hinted(story, attempt_id)?;
    }
    Ok(())
}

pub(super) fn hinted(story: &mut Story<'_, '_>, attempt_id: &AttemptId) -> Result<(), Refusal> {
    let attempt = known_attempt(&story.payment, attempt_id)?;
    let wait_s = retry::hint_interval_s(attempt.check.map_or(0, |check| check.tries));
    let earliest = attempt
        .checked_at
        .map_or(story.now(), |checked_at| retry::after(checked_at, wait_s).max(story.now()));
    let can_look = attempt.profile.capabilities.fetch_payment != processor_sdk::LookUp::None;
    let check = match attempt.check {
        // It may be on its way already. Once is enough, however many hints there are.
        Some(check) if check.due_at <= story.now() => {
            (check.hint != Some(Hint::Next)).then_some(Check { hint: Some(Hint::Next), ..check })
        }
        Some(check) => {
            let hinted = Check { due_at: earliest.min(check.due_at), hint: Some(Hint::This), ..check };
            (hinted != check).then_some(hinted)
        }
        None => {
            Some(Check { due_at: earliest, tries: 0, pace: None, hint: Some(Hint::This), overdue: false })
        }
    };
    if check.is_some() && can_look {
        let attempt_id = attempt_id.clone();
        story.record(Event::CheckScheduled { attempt_id, check, checked: false, confirmed_at: None });
    }
    Ok(())
}

pub(super) fn shopper_returned(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    parameters: &[(String, String)],
) -> Result<(), Refusal> {
    let payment = &story.payment;
    let attempt = known_attempt(payment, attempt_id)?;
    let state = attempt.state(payment.capture);
    let completes = attempt.profile.capabilities.complete_checkout
        && matches!(state, AttemptState::Open | AttemptState::Approved | AttemptState::Unknown)
        && attempt.open_operation(OperationKind::CompleteCheckout).is_none()
        && !asked_too_often(attempt, OperationKind::CompleteCheckout)
        && !payment.is_unreconciled()
        && wants_money(payment, attempt);
    let live = state.is_live();
    if planted(Bug::ReturnIsPayment) {
        let amount = Some(payment.amount);
        story.hear(attempt_id, &Facts { captured: amount, ..Facts::word(Word::Paid) });
        return Ok(());
    }
    if attempt.returned_at.is_none() {
        story.record(Event::ShopperReturned { attempt_id: attempt_id.clone() });
    }
    if completes {
        let parameters = parameters.to_vec();
        ask(story, attempt_id, OperationKind::CompleteCheckout, Subject::Payment, parameters);
    } else if live {
        hinted(story, attempt_id)?;
    }
    Ok(())
}
