//! The second opinion: what a payment must look like, worked out by the rules from what the hub was told.
//!
//! Where the rules leave something open, every answer that they allow is given.

use hub_core::ids::AttemptId;
use hub_core::payment::{Closed, DisputeStatus, QuarantineReason, Status, TransferStatus};
use hub_core::policy::PaidLate;
use processor_sdk::{CaptureMode, ItemKind, ItemState, OperationKind, Timestamp};

use crate::habits::Habit;
use crate::heard::{Stand, Told};
use crate::life::{AMOUNT, Life};

/// How much one of our captures or refunds was asked for.
fn asked(life: &Life, echo: &str) -> Option<i64> {
    let captures = life.payment.captures.iter().map(|known| (known.id.echo(), known.amount));
    let refunds = life.payment.refunds.iter().map(|known| (known.id.echo(), known.amount));
    captures.chain(refunds).find(|(known, _)| *known == echo).map(|(_, amount)| amount.minor())
}

pub(crate) fn stands(life: &Life, place: usize) -> Stand {
    life.heard[place].stands(life.payment.capture)
}

/// Taken through an attempt.
pub(crate) fn taken(life: &Life, place: usize) -> i64 {
    let captures = told(life, place, ItemKind::Capture);
    let done = captures.iter().filter(|capture| capture.ever_done);
    let in_captures: i64 = done.clone().map(|capture| amount_of(life, capture)).sum();
    // What we captured after an operator's word comes on top of it. What else is told later may be what it was about.
    let beyond = life.heard[place].paid_by_hand.map_or(0, |(said_at, minor)| {
        let later = done.filter(|capture| capture.since > said_at && capture.echo.is_some());
        minor + later.map(|capture| amount_of(life, capture)).sum::<i64>()
    });
    life.heard[place].taken(life.payment.capture, in_captures.max(beyond))
}

/// What was told of a kind. What an operator said was done counts once with the item by which the processor tells of
/// it at last without our name: of that amount, not from before it was asked for, and no other transfer's.
fn told(life: &Life, place: usize, kind: ItemKind) -> Vec<Told> {
    let (by_hand, mut others): (Vec<Told>, Vec<Told>) =
        life.heard[place].items(kind).cloned().partition(|told| told.by_hand && told.ever_done);
    let mut all = Vec::new();
    for ours in by_hand {
        let echo = ours.echo.as_deref().expect("an operator names what is ours");
        let same = others.iter().position(|item| {
            let late_enough = asked_at(life, echo).is_some_and(|asked| asked.seconds_since(item.since) < 1);
            item.echo.is_none()
                && item.ever_done
                && item.amount == asked(life, echo)
                && late_enough
                && !item.ids.iter().any(|id| is_of_another(life, place, echo, id))
        });
        all.push(match same {
            Some(same) => ours.join(&others.remove(same)),
            None => ours,
        });
    }
    all.append(&mut others);
    all
}

/// Whether a refund of ours that was done fails by a name of the processor's alone, and a look is on its way that may
/// show that ours was another: until then it stands.
fn is_asked_after(life: &Life, place: usize, told: &Told) -> bool {
    let attempt = &life.payment.attempts[place];
    let is_it = |known: &hub_core::payment::Refund| {
        let is_called = known.processor_id.as_ref().is_some_and(|id| told.ids.contains(id));
        let done = known.status == TransferStatus::Succeeded && !known.observed;
        known.attempt_id == attempt.id && is_called && done
    };
    let ours_is_named = told.echo.is_some() && !told.by_hand;
    let looks = attempt.check.is_some_and(|check| check.hint.is_some());
    !ours_is_named && looks && told.kind == ItemKind::Refund && life.payment.refunds.iter().any(is_it)
}

/// Whether a refund of ours is under way that counts as done already, because another was taken for it before: nothing
/// goes back to being under way.
fn is_done_already(life: &Life, told: &Told) -> bool {
    let done =
        |known: &hub_core::payment::Refund| known.status == TransferStatus::Succeeded && !known.observed;
    let is_it =
        |known: &hub_core::payment::Refund| told.echo.as_deref() == Some(known.id.echo()) && done(known);
    told.kind == ItemKind::Refund && life.payment.refunds.iter().any(is_it)
}

/// Our transfers and those made at the processor: name, attempt, time, and the processor's name.
fn transfers(life: &Life) -> impl Iterator<Item = (&str, &AttemptId, Timestamp, Option<&String>)> {
    let captures = life.payment.captures.iter();
    let captures = captures
        .map(|known| (known.id.echo(), &known.attempt_id, known.created_at, known.processor_id.as_ref()));
    let refunds = life.payment.refunds.iter();
    let refunds = refunds
        .map(|known| (known.id.echo(), &known.attempt_id, known.created_at, known.processor_id.as_ref()));
    captures.chain(refunds)
}

fn asked_at(life: &Life, echo: &str) -> Option<Timestamp> {
    transfers(life).find(|(known, ..)| *known == echo).map(|(_, _, at, _)| at)
}

/// Whether what the processor calls so is known as another transfer than ours of this name.
fn is_of_another(life: &Life, place: usize, echo: &str, id: &str) -> bool {
    transfers(life).any(|(known, attempt_id, _, called)| {
        known != echo && called.is_some_and(|called| called == id) && life.place(attempt_id) == place
    })
}

fn amount_of(life: &Life, told: &Told) -> i64 {
    told.amount.or_else(|| asked(life, told.echo.as_deref()?)).unwrap_or_default()
}

fn sum(life: &Life, place: usize, kind: ItemKind, state: ItemState) -> i64 {
    let told = told(life, place, kind);
    let stands = |told: &&Told| match told.state {
        ItemState::Failed if is_asked_after(life, place, told) => state == ItemState::Succeeded,
        ItemState::Pending if is_done_already(life, told) => state == ItemState::Succeeded,
        said => state == said,
    };
    told.iter().filter(stands).map(|told| amount_of(life, told)).sum()
}

/// Given back through an attempt.
pub(crate) fn given_back(life: &Life, place: usize) -> i64 {
    sum(life, place, ItemKind::Refund, ItemState::Succeeded)
}

/// Held back by banks, and lost to them.
pub(crate) fn disputed(life: &Life, place: usize) -> (i64, i64) {
    let sum = |state| sum(life, place, ItemKind::Dispute, state);
    (sum(ItemState::Pending), sum(ItemState::Succeeded))
}

/// Refunds of an attempt that were not refused: done, under way, asked for.
fn refunds_standing(life: &Life, place: usize) -> i64 {
    let id = &life.payment.attempts[place].id;
    let standing = life
        .payment
        .refunds
        .iter()
        .filter(|refund| refund.attempt_id == *id && refund.status != TransferStatus::Failed);
    standing.map(|refund| refund.amount.minor()).sum()
}

/// What can still be given back through an attempt.
pub(crate) fn left_to_refund(life: &Life, place: usize) -> i64 {
    let (held, lost) = disputed(life, place);
    (taken(life, place) - refunds_standing(life, place) - held - lost).max(0)
}

fn captures_pending(life: &Life, place: usize) -> i64 {
    let id = &life.payment.attempts[place].id;
    let pending = life
        .payment
        .captures
        .iter()
        .filter(|known| known.attempt_id == *id && known.status == TransferStatus::Pending);
    pending.map(|capture| capture.amount.minor()).sum()
}

/// What can still be taken through an attempt: of its reservation, and of what the order costs.
pub(crate) fn left_to_capture(life: &Life, place: usize) -> i64 {
    let (payment, heard) = (&life.payment, &life.heard[place]);
    let attempt = &payment.attempts[place];
    let one_is_last = |known: &hub_core::payment::Capture| {
        known.attempt_id == attempt.id && known.is_final && known.status != TransferStatus::Failed
    };
    let releasing = attempt.open_operation(OperationKind::Void).is_some();
    let over = payment.capture == CaptureMode::Automatic || payment.status.is_end();
    if over || releasing || heard.disowned || heard.is_released() || payment.captures.iter().any(one_is_last)
    {
        return 0;
    }
    let left = heard.reserved(payment.capture) - taken(life, place) - captures_pending(life, place);
    let places = 0..life.pages.len();
    let all: i64 = places.map(|other| taken(life, other) + captures_pending(life, other)).sum();
    left.min(AMOUNT - all).max(0)
}

/// Whether a part was taken, nothing of it is under way, and the rest could be taken.
pub(crate) fn waits_with_a_rest(life: &Life, place: usize) -> bool {
    let before = &life.payment;
    let part = before.attempts[place].captured.is_positive() && captures_pending(life, place) == 0;
    part && before.status == Status::RequiresCapture && left_to_capture(life, place) > 0
}

/// Whether something was told that does not fit and that nobody has looked at.
pub(crate) fn is_odd(life: &Life) -> bool {
    let mut places = 0..life.pages.len();
    places.any(|place| life.heard[place].is_odd(life.payment.capture, taken(life, place)))
}

/// The end that a closed door means.
fn ended(life: &Life) -> Status {
    match life.payment.closed {
        Some(Closed::Expired) => Status::Expired,
        Some(Closed::Exhausted) => Status::Failed,
        Some(Closed::Canceled | Closed::Voided) | None => Status::Canceled,
    }
}

/// Every status that a payment may have now that was `before`, where nothing blocks it.
pub(crate) fn statuses(life: &Life, before: Status) -> Vec<Status> {
    let payment = &life.payment;
    let stand = |wanted| (0..life.pages.len()).any(|place| stands(life, place) == wanted);
    // Behind another quarantine it waits for its turn.
    let late_and_held = payment.quarantine.as_ref().is_some_and(|held| {
        held.reason == QuarantineReason::PaidLate
            || (holds_late_money(life) && !payment.resolved.late_is_welcome)
    });
    if before == Status::Succeeded {
        return vec![before];
    }
    if payment.resolved.returned {
        return vec![if before.is_end() { before } else { ended(life) }];
    }
    if before.is_end() {
        // Only money that comes late leaves an end, where somebody welcomes it.
        let success = stand(Stand::Taken) && !late_and_held;
        return vec![if success { Status::Succeeded } else { before }];
    }
    if stand(Stand::Taken) {
        let left = (0..life.pages.len()).any(|place| left_to_capture(life, place) > 0);
        let under_way = (0..life.pages.len()).any(|place| captures_pending(life, place) > 0);
        let to = if left || under_way { Status::RequiresCapture } else { Status::Succeeded };
        let closed = payment.closed.is_some();
        return if late_and_held && closed { vec![ended(life), to] } else { vec![to] };
    }
    if stand(Stand::Reserved) {
        return vec![Status::RequiresCapture];
    }
    if (0..life.pages.len()).any(|place| may_be_paying(life, place)) {
        return vec![Status::Processing];
    }
    vec![if payment.closed.is_some() { ended(life) } else { Status::RequiresCheckout }]
}

/// Whether the shopper may have paid by now.
fn may_be_paying(life: &Life, place: usize) -> bool {
    let attempt = &life.payment.attempts[place];
    let completing = attempt.open_operation(OperationKind::CompleteCheckout).is_some();
    let called_off = matches!(life.payment.closed, Some(Closed::Canceled | Closed::Voided));
    match stands(life, place) {
        Stand::Pending => true,
        Stand::Approved => !called_off || completing,
        Stand::Odd => attempt.door_opened_at.is_some() || completing,
        Stand::Open | Stand::Nothing => completing,
        Stand::Reserved | Stand::Taken | Stand::Over => false,
    }
}

/// Whether a look at an attempt can tell anything.
pub(crate) fn can_look(life: &Life, place: usize) -> bool {
    let page = &life.pages[place];
    let named = !life.payment.attempts[place].evidence.references().is_empty();
    !page.has(Habit::NoLookUp) && (named || !page.has(Habit::LooksById))
}

/// What the shop has of the shopper's money by what was told, all of it together.
pub(crate) fn kept(life: &Life) -> i64 {
    (0..life.pages.len()).map(|place| left_to_refund(life, place)).sum()
}

/// Disputes of the core by how they stand.
pub(crate) fn disputes_in(life: &Life, status: DisputeStatus) -> i64 {
    let those = life.payment.disputes.iter().filter(|dispute| dispute.status == status);
    those.map(|dispute| dispute.amount.minor()).sum()
}

/// Whether money that comes late waits for somebody, by the operator's policy.
pub(crate) fn holds_late_money(life: &Life) -> bool {
    life.policies.paid_late != PaidLate::Accept
}
