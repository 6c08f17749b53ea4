//! Operations whose end is known, and the next look-up of each attempt.
//!
//! Invariant: whatever is open and can be looked up has a look-up scheduled, or an operation that asks.

use processor_sdk::{Capabilities, CaptureMode, ItemKind, ItemState, LookUp, OperationKind, Word};

use super::by_hand;
use crate::event::Event;
use crate::ids::AttemptId;
use crate::payment::{
    Attempt, AttemptState, Check, DisputeStatus, Operation, OperationState, PaymentIntent, Refund, Subject,
    TransferStatus,
};
use crate::retry::{self, Pace};
use crate::story::Story;

/// Whether what an operation wanted is settled by what is known.
#[must_use]
pub(crate) fn operation_is_settled(
    payment: &PaymentIntent,
    attempt_id: &AttemptId,
    operation: &Operation,
) -> bool {
    let Some(attempt) = payment.attempt(attempt_id) else { return true };
    let state = attempt.state(payment.capture);
    match (&operation.subject, operation.kind) {
        (Subject::Capture(id), _) => {
            let status = payment.captures.iter().find(|known| known.id == *id).map(|known| known.status);
            let items = payment.transfers_told(attempt, ItemKind::Capture);
            let mut named = items.iter().filter_map(|item| payment.capture_named(attempt, item));
            let is_ours = may_be_ours(attempt, operation, ItemKind::Capture, id.echo());
            let is_named =
                is_certain(attempt, ItemKind::Capture, id.echo()) && named.any(|known| known.id == *id);
            ends(status, is_ours, is_named)
        }
        (Subject::Refund(id), _) => {
            let status = payment.refunds.iter().find(|known| known.id == *id).map(|known| known.status);
            let items = payment.transfers_told(attempt, ItemKind::Refund);
            let mut named = items.iter().filter_map(|item| payment.refund_named(attempt, item));
            let is_ours = may_be_ours(attempt, operation, ItemKind::Refund, id.echo());
            let is_named =
                is_certain(attempt, ItemKind::Refund, id.echo()) && named.any(|known| known.id == *id);
            ends(status, is_ours, is_named)
        }
        (Subject::Payment, OperationKind::OpenCheckout) => is_opened(attempt, operation, state),
        (Subject::Payment, OperationKind::CompleteCheckout | OperationKind::ExpireCheckout) => !matches!(
            state,
            AttemptState::Created | AttemptState::Open | AttemptState::Approved | AttemptState::Unknown
        ),
        (Subject::Payment, OperationKind::Void) => {
            let sent = operation.first_sent_at.is_some();
            state != AttemptState::Authorized || (sent && has_news_of_void(attempt, operation))
        }
        (
            Subject::Payment,
            OperationKind::Capture
            | OperationKind::Refund
            | OperationKind::FetchPayment
            | OperationKind::FetchRefund
            | OperationKind::FetchDispute,
        ) => true,
    }
}

/// Whether something was told of the page that an opening made. Where there was one before it, only what is dated
/// later than the last moment at which it may have been sent tells of this one, or that money moves.
fn is_opened(attempt: &Attempt, operation: &Operation, state: AttemptState) -> bool {
    let mut opened = attempt.operations.iter().filter(|other| other.kind == OperationKind::OpenCheckout);
    let is_first = opened.next().is_none_or(|first| first.id == operation.id);
    let words = attempt.evidence.words();
    let since = operation.last_sent_at.max(operation.first_sent_at);
    let told = words.last().is_some_and(|(_, time)| is_first || since.is_none_or(|since| *time >= since));
    let moves = match state {
        AttemptState::Pending | AttemptState::Authorized | AttemptState::Captured | AttemptState::Voided => {
            true
        }
        AttemptState::Created
        | AttemptState::Open
        | AttemptState::Approved
        | AttemptState::Declined
        | AttemptState::Expired
        | AttemptState::Unknown
        | AttemptState::NotSent => false,
    };
    told || moves || (is_first && !attempt.evidence.references().is_empty())
}

/// Whether what was told of a transfer can be about this very request. One that never left and whose echo nobody
/// gave back only looks like it: somebody in the dashboard moved as much.
fn may_be_ours(attempt: &Attempt, operation: &Operation, kind: ItemKind, echo: &str) -> bool {
    operation.first_sent_at.is_some() || attempt.evidence.has_echo(kind, echo)
}

/// Whether what is under way without our name is ours, or a look can show later that it was not: else the request
/// itself has to be answered.
fn is_certain(attempt: &Attempt, kind: ItemKind, echo: &str) -> bool {
    attempt.evidence.has_echo(kind, echo) || attempt.profile.capabilities.fetch_payment.tells_of_transfers()
}

/// Whether the request for a transfer has an answer. What failed is not asked for once more, whoever's it was.
fn ends(status: Option<TransferStatus>, is_ours: bool, is_named: bool) -> bool {
    match status {
        Some(TransferStatus::Failed) | None => true,
        Some(TransferStatus::Succeeded) => is_ours,
        Some(TransferStatus::Pending) => is_ours && is_named,
    }
}

/// A void that the processor tells of belongs to the operation, unless an earlier one of ours explains it.
fn has_news_of_void(attempt: &Attempt, operation: &Operation) -> bool {
    let asked = attempt.operations.iter().filter(|other| other.kind == OperationKind::Void);
    let earlier = asked.take_while(|other| other.id != operation.id).count();
    attempt.evidence.items(ItemKind::Void).len() > earlier
}

pub(super) fn settle_operations(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let Some(attempt) = story.payment.attempt(attempt_id) else { return };
    let settled: Vec<_> = attempt
        .operations
        .iter()
        // A page that was never asked for still has to be: only its own answer opens a door.
        .filter(|operation| {
            operation.kind != OperationKind::OpenCheckout || operation.first_sent_at.is_some()
        })
        .filter(|operation| {
            operation.is_open() && operation_is_settled(&story.payment, attempt_id, operation)
        })
        .map(|operation| operation.id.clone())
        .collect();
    for operation_id in settled {
        story.record(Event::OperationDone { attempt_id: attempt_id.clone(), operation_id });
    }
    give_in(story, attempt_id);
}

/// Operations in doubt that nothing automatic can resolve any more, because the processor has forgotten their
/// key before their time came.
fn give_in(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let now = story.now();
    let Some(attempt) = story.payment.attempt(attempt_id) else { return };
    let is_helpless = |operation: &&Operation| match operation.state {
        OperationState::Unknown { due_at } => {
            retry::action(operation, &attempt.profile, due_at.max(now)) == retry::Action::Wait
        }
        OperationState::Asked { .. }
        | OperationState::Stuck
        | OperationState::Done
        | OperationState::GivenUp => false,
    };
    let helpless: Vec<_> =
        attempt.operations.iter().filter(is_helpless).map(|operation| operation.id.clone()).collect();
    for operation_id in helpless {
        story.record(Event::OperationUnknown {
            attempt_id: attempt_id.clone(),
            operation_id,
            why: "the processor does not remember its key any more and cannot be asked".to_owned(),
            sent_at: None,
            sent_until: None,
            due_at: None,
            overdue: false,
        });
    }
}

/// How soon an attempt should be looked up next; `None` when nothing is open or nothing can be looked up.
#[must_use]
pub(crate) fn pace(payment: &PaymentIntent, attempt_id: &AttemptId) -> Option<Pace> {
    let attempt = payment.attempt(attempt_id).filter(|attempt| !attempt.disowned)?;
    if attempt.restored {
        return Some(Pace::Soon);
    }
    let capabilities = &attempt.profile.capabilities;
    let disputed = payment
        .disputes
        .iter()
        .any(|dispute| dispute.attempt_id == *attempt_id && dispute.status == DisputeStatus::Open);
    if !can_look_up_payment(attempt) {
        let dispute = disputed && capabilities.fetch_dispute != LookUp::None;
        let refund = refund_can_be_looked_up(payment, attempt, capabilities);
        return refund.then_some(Pace::Soon).or_else(|| dispute.then_some(Pace::Resting));
    }
    let capturing = payment
        .captures
        .iter()
        .any(|capture| capture.attempt_id == *attempt_id && capture.status == TransferStatus::Pending);
    let refunding = payment
        .refunds
        .iter()
        .any(|refund| refund.attempt_id == *attempt_id && refund.status == TransferStatus::Pending);
    // Where only the page is shown, a look says nothing of money that moved since.
    let tells = capabilities.fetch_payment.tells_of_transfers();
    if tells
        && (capturing || refunding || is_under_way(payment, attempt) || contradicts_itself(payment, attempt))
    {
        return Some(Pace::Soon);
    }
    let opening = attempt.open_operation(OperationKind::OpenCheckout).is_some();
    match attempt.state(payment.capture) {
        AttemptState::Approved | AttemptState::Pending => Some(Pace::Soon),
        AttemptState::Unknown if attempt.door_opened_at.is_some() || !opening => Some(Pace::Soon),
        AttemptState::Open => {
            let spent = attempt.checked_at.is_some_and(|checked_at| {
                checked_at.seconds_since(payment.expires_at) > retry::CHECKS_AFTER_EXPIRY_S
            });
            // Who comes back from the page has probably done something there.
            let pace = if attempt.returned_at.is_some() { Pace::Soon } else { Pace::Open };
            (!spent).then_some(pace)
        }
        AttemptState::Authorized if !tells => None,
        AttemptState::Authorized => {
            let voiding =
                attempt.evidence.items(ItemKind::Void).iter().any(|void| void.state == ItemState::Pending);
            // Under automatic capture it is on its way to being taken.
            let moving = voiding || payment.capture == CaptureMode::Automatic;
            Some(if moving { Pace::Soon } else { Pace::Resting })
        }
        // What is left of a reservation may be captured or released there, or lapse.
        AttemptState::Captured if tells && payment.capturable(attempt).is_positive() => Some(Pace::Resting),
        AttemptState::Captured
        | AttemptState::Declined
        | AttemptState::Voided
        | AttemptState::Expired
        | AttemptState::Created
        | AttemptState::Unknown
        | AttemptState::NotSent => disputed.then_some(Pace::Resting),
    }
}

pub(crate) fn can_look_up_payment(attempt: &Attempt) -> bool {
    match attempt.profile.capabilities.fetch_payment {
        LookUp::None => false,
        LookUp::ById | LookUp::PageById => !attempt.evidence.references().is_empty(),
        LookUp::ByEcho => true,
    }
}

fn refund_can_be_looked_up(payment: &PaymentIntent, attempt: &Attempt, capabilities: &Capabilities) -> bool {
    let mut pending = payment
        .refunds
        .iter()
        .filter(|refund| refund.attempt_id == attempt.id && refund.status == TransferStatus::Pending);
    match capabilities.fetch_refund {
        LookUp::None | LookUp::PageById => false,
        LookUp::ById => pending.any(|refund| refund.processor_id.is_some()),
        LookUp::ByEcho => pending.next().is_some(),
    }
}

/// Whether a refund has still to end, although none of the payment's is pending: it may be one that an operator said
/// was done, or another had been taken for it.
fn is_under_way(payment: &PaymentIntent, attempt: &Attempt) -> bool {
    let mut refunds = payment.transfers_told(attempt, ItemKind::Refund).into_iter();
    refunds.any(|item| {
        let done = |known: &Refund| known.status == TransferStatus::Succeeded;
        let is_done = payment.refund_named(attempt, &item).is_some_and(done);
        (item.state == ItemState::Pending && is_done) || by_hand::is_awaited(payment, attempt, &item)
    })
}

/// True when something was said that does not go with money having moved: the processor is asked.
fn contradicts_itself(payment: &PaymentIntent, attempt: &Attempt) -> bool {
    let returned = payment
        .refunds
        .iter()
        .any(|refund| refund.attempt_id == attempt.id && refund.status == TransferStatus::Succeeded);
    let mut captures = attempt.evidence.items(ItemKind::Capture).into_iter();
    let untaken = captures.any(|item| item.ever_succeeded && item.state == ItemState::Failed);
    if untaken || (returned && !attempt.money_taken(payment.capture)) {
        return true;
    }
    let money = [Word::Paid, Word::Authorized];
    let moved = money.iter().filter_map(|word| attempt.evidence.said(word)).map(|heard| heard.time()).max();
    let Some(moved) = moved else { return false };
    let released = attempt.evidence.said(&Word::Voided).is_some();
    let later = attempt.evidence.words().into_iter().filter(|(_, time)| *time > moved);
    let mut against = later.filter(|(word, _)| match word {
        Word::Open
        | Word::NeedsCompletion
        | Word::Pending
        | Word::Declined
        | Word::Expired
        | Word::Unknown(_) => true,
        Word::Authorized | Word::Paid | Word::Voided => false,
    });
    !released && against.next().is_some()
}

pub(super) fn settle_check(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let pace = pace(&story.payment, attempt_id);
    let Some(attempt) = story.payment.attempt(attempt_id) else { return };
    let check = match (pace, attempt.check) {
        (None, None) => return,
        // A hint asks for one look even where nothing is open.
        (None, Some(check)) if check.pace.is_none() || check.hint.is_some() => return,
        (None, Some(_)) => None,
        (Some(pace), known) => {
            let due_at = retry::check_due(story.now(), pace, 0);
            // A look that is planned sooner stays; one that keeps this pace already stays in its place.
            if known.is_some_and(|known| known.pace == Some(pace) || known.due_at <= due_at) {
                return;
            }
            Some(Check { due_at, tries: 0, pace: Some(pace), hint: None, overdue: false })
        }
    };
    let attempt_id = attempt_id.clone();
    story.record(Event::CheckScheduled { attempt_id, check, checked: false, confirmed_at: None });
}
