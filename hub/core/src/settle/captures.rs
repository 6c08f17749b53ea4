//! Money taken: booked as the processor says it, and told apart into captures.
//!
//! Invariants: booked money only grows; the captures of an attempt never sum to more than it took.

use processor_sdk::{CaptureMode, ItemKind, ItemState, Money, OperationKind, Timestamp};

use super::{likeness, transfer_status};
use crate::event::Event;
use crate::evidence::ItemStanding;
use crate::ids::{AttemptId, CaptureId};
use crate::payment::{Attempt, AttemptState, Capture, LastError, PaymentIntent, Subject, TransferStatus};
use crate::reading::{less, sum};
use crate::retry;
use crate::story::Story;

pub(super) fn settle_captures(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let Some(attempt) = story.payment.attempt(attempt_id) else { return };
    for item in story.payment.transfers_told(attempt, ItemKind::Capture) {
        settle_capture(story, attempt_id, &item);
    }
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    // A total that was stated before one of our captures was done does not count it.
    let told = told_apart(payment, attempt);
    let said = payment.captured_by_evidence(attempt);
    let news = less(said.max(told).unwrap_or(said), attempt.captured);
    if news.is_positive() {
        story.record(Event::MoneyCaptured { attempt_id: attempt_id.clone(), amount: news });
    }
    attribute_captured(story, attempt_id);
}

fn settle_capture(story: &mut Story<'_, '_>, attempt_id: &AttemptId, item: &ItemStanding) {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    let known = payment.capture_named(attempt, item).or_else(|| adoptable(payment, attempt, item));
    let Some(capture) = known else {
        if let Some(amount) = item.amount.filter(|_| item.ever_succeeded) {
            observe_capture(story, attempt_id, amount, item.name().cloned());
        }
        return;
    };
    let (capture_id, before) = (capture.id.clone(), capture.status);
    // Taken money stays taken: a failure heard after a success is for a look-up to explain.
    let said = if item.ever_succeeded { TransferStatus::Succeeded } else { transfer_status(item.state) };
    let changes = said != before && before != TransferStatus::Succeeded && said != TransferStatus::Pending;
    let failed = changes && said == TransferStatus::Failed;
    let subject = Subject::Capture(capture_id.clone());
    if failed && !capture.observed && likeness::fails_nothing(attempt, item.kind, &subject, capture.id.echo())
    {
        return;
    }
    let named = capture.processor_id.as_ref().is_some_and(|name| item.is_called(name));
    // Our own echo is no name of the processor's; another's is all that some of theirs have.
    let name = if capture.observed { item.name() } else { item.ids.first() };
    let processor_id = name.filter(|_| !named).cloned();
    if failed {
        let error = LastError { code: "capture_failed".to_owned(), processor_code: item.reason.clone() };
        story.record(Event::ErrorNoted { error, operation: Some(OperationKind::Capture) });
    }
    if changes || processor_id.is_some() {
        let status = if changes { said } else { TransferStatus::Pending };
        story.record(Event::CaptureSettled { capture_id, status, processor_id });
    }
}

/// Ends what is left of a partly captured reservation, once its processor was asked well after the time for it was
/// over. Most release it without a word.
pub(crate) fn lapse_rest(story: &mut Story<'_, '_>, attempt_id: &AttemptId, asked_at: Timestamp) {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    let Some(end) = payment.capture_before_of(attempt) else { return };
    let mut captures = payment.captures.iter().filter(|capture| capture.attempt_id == *attempt_id);
    let capturing = captures.any(|capture| capture.status == TransferStatus::Pending);
    let over = asked_at.seconds_since(end) >= retry::REST_LAPSES_AFTER_S;
    if over && !capturing && attempt.state(payment.capture) == AttemptState::Captured {
        story.record(Event::RestLapsed { attempt_id: attempt_id.clone() });
    }
}

/// The capture that an item without our echo must be about: ours of that amount that nobody named yet, or
/// the same money told of before as a bare total.
fn adoptable<'a>(payment: &'a PaymentIntent, attempt: &Attempt, item: &ItemStanding) -> Option<&'a Capture> {
    let amount = item.amount?;
    let free = || {
        payment.captures.iter().filter(|capture| {
            capture.attempt_id == attempt.id && capture.processor_id.is_none() && capture.amount == amount
        })
    };
    let news = item.ever_succeeded && has_room(payment, attempt, amount);
    let ours = || {
        let told = news || item.state == ItemState::Pending;
        let pending = |capture: &&Capture| !capture.observed && capture.status == TransferStatus::Pending;
        let echoed = |capture: &&Capture| attempt.evidence.has_echo(ItemKind::Capture, capture.id.echo());
        free().filter(pending).find(|capture| !echoed(capture)).filter(|_| told && item.echoes.is_empty())
    };
    ours().or_else(|| free().find(|capture| capture.observed && item.ever_succeeded))
}

/// Whether captures of this much more fit into what was taken; else an item is part of a total that is
/// recorded already.
fn has_room(payment: &PaymentIntent, attempt: &Attempt, amount: Money) -> bool {
    let told = told_apart(payment, attempt).checked_add(amount).unwrap_or(amount);
    told.minor() <= payment.captured_by_evidence(attempt).minor()
}

/// A capture that we did not ask for: an automatic one, or one made in the processor's dashboard.
fn observe_capture(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    amount: Money,
    processor_id: Option<String>,
) {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    if !amount.is_positive() || !has_room(payment, attempt, amount) {
        return;
    }
    // Where there can be only one capture, the rest is released with it.
    let only = !attempt.profile.capabilities.multiple_captures || payment.capture == CaptureMode::Automatic;
    let capture = Capture {
        id: CaptureId::from_body(&story.fresh()),
        attempt_id: attempt_id.clone(),
        amount,
        is_final: only,
        observed: true,
        status: TransferStatus::Succeeded,
        processor_id,
        overruled: false,
        created_at: story.now(),
    };
    story.record(Event::CaptureRecorded { capture });
}

/// Money of an attempt that stands in captures.
fn told_apart(payment: &PaymentIntent, attempt: &Attempt) -> Money {
    let done = payment
        .captures
        .iter()
        .filter(|capture| capture.attempt_id == attempt.id && capture.status == TransferStatus::Succeeded);
    sum(Money::zero(payment.amount.currency()), done.map(|capture| &capture.amount))
}

/// Money that was taken but stands in no capture yet: the pending captures, if they sum to it; if none is
/// under way, it was captured without our asking.
fn attribute_captured(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    let missing = less(attempt.captured, told_apart(payment, attempt));
    if missing.is_zero() {
        return;
    }
    let pending: Vec<_> = payment
        .captures
        .iter()
        .filter(|capture| capture.attempt_id == *attempt_id && capture.status == TransferStatus::Pending)
        .map(|capture| (capture.id.clone(), capture.amount))
        .collect();
    if pending.is_empty() {
        observe_capture(story, attempt_id, missing, None);
    } else if sum(Money::zero(missing.currency()), pending.iter().map(|(_, amount)| amount)) == missing {
        for (capture_id, _) in pending {
            let status = TransferStatus::Succeeded;
            story.record(Event::CaptureSettled { capture_id, status, processor_id: None });
        }
    }
    // Else which of them it was, their own answers will say.
}
