//! What became of operations and look-ups, and what is done about it.
//!
//! Invariant: what may have happened is never counted as failed, and is sent again only under its own key or
//! once the processor has said that it is not there.

use processor_sdk::{Answer, Door, Facts, Item, ItemKind, ItemState, OperationKind, Timestamp, Word};

use super::known_attempt;
use crate::event::Event;
use crate::evidence::ItemStanding;
use crate::ids::{AttemptId, OperationId};
use crate::outcome::{NotSent, Outcome};
use crate::payment::{
    Attempt, AttemptState, Check, ConnectorProfile, Hint, LastError, Operation, OperationState,
    PaymentIntent, Subject, TransferStatus,
};
use crate::planted::{Bug, planted};
use crate::reading::sum;
use crate::refusal::Refusal;
use crate::retry::{self, Pace};
use crate::settle::{conclude, lapse_rest, operation_is_settled, pace};
use crate::story::Story;

/// The hub stopped in the middle of a try: it may have been sent any time since the try began. The processor's memory
/// of its key counts from the first moment, the time until it can be missed there from the last.
pub(super) fn operation_interrupted(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    operation_id: &OperationId,
    since: Timestamp,
) -> Result<(), Refusal> {
    let attempt = known_attempt(&story.payment, attempt_id)?;
    let operation = attempt.operation(operation_id).ok_or(Refusal::NoSuchAttempt)?.clone();
    let profile = attempt.profile.clone();
    if operation.is_open() {
        let sent = Some((since, Some(story.now())));
        doubt(story, attempt_id, &operation, &profile, "the hub stopped while it asked", sent);
    }
    Ok(())
}

pub(super) fn operation_tried(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    operation_id: &OperationId,
    outcome: &Outcome,
) -> Result<(), Refusal> {
    let attempt = known_attempt(&story.payment, attempt_id)?;
    let operation = attempt.operation(operation_id).ok_or(Refusal::NoSuchAttempt)?.clone();
    let profile = attempt.profile.clone();
    match outcome {
        Outcome::Answered { answer: Answer::Said { facts, door } } => {
            let mut facts = facts.clone();
            // An answer is about now. Undated, a page that opens again could never follow one that expired,
            // because what was said before keeps the time at which it was first heard.
            facts.at = facts.at.or(Some(story.now()));
            name_our_item(&story.payment, attempt_id, &operation, &mut facts);
            story.hear(attempt_id, &facts);
            open_door(story, attempt_id, door.as_ref(), operation.created_at);
            if operation.is_open() {
                let (attempt_id, operation_id) = (attempt_id.clone(), operation_id.clone());
                story.record(Event::OperationDone { attempt_id, operation_id });
            }
        }
        Outcome::Answered { answer: Answer::Absent } if operation.is_open() => {
            let closing = operation.kind == OperationKind::ExpireCheckout;
            // A page that does not exist needs no closing; any other order has nothing to act on.
            let now = story.now();
            if closing && hear_absence(story, attempt_id, now) {
                let (attempt_id, operation_id) = (attempt_id.clone(), operation_id.clone());
                story.record(Event::OperationDone { attempt_id, operation_id });
            } else if operation.first_sent_at.is_some() && !retry::absence_counts(&operation, &profile, now) {
                // An earlier try may have arrived, and it is too early to believe that there is nothing.
                let why = "there is no such payment, but that is too early to believe";
                doubt(story, attempt_id, &operation, &profile, why, None);
            } else {
                give_up(story, attempt_id, &operation, "the processor says that there is no such payment");
            }
        }
        Outcome::NotSent { why } if operation.is_open() => {
            not_sent(story, attempt_id, &operation, &profile, why);
        }
        Outcome::Unknown { why } if operation.is_open() && planted(Bug::TreatUnknownAsFailed) => {
            give_up(story, attempt_id, &operation, why);
        }
        Outcome::Unknown { why } if operation.is_open() => {
            let sent = Some((story.now(), None));
            doubt(story, attempt_id, &operation, &profile, why, sent);
        }
        // The end of it became known in the meantime.
        Outcome::Answered { answer: Answer::Absent } | Outcome::NotSent { .. } | Outcome::Unknown { .. } => {}
    }
    Ok(())
}

/// Where a processor does not give our echo back, the one item of its kind in the answer to a capture or refund of
/// ours that is no other one is that capture or refund.
fn name_our_item(payment: &PaymentIntent, attempt_id: &AttemptId, operation: &Operation, facts: &mut Facts) {
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    let ours = match &operation.subject {
        Subject::Payment => None,
        Subject::Capture(id) => {
            let capture = payment.captures.iter().find(|capture| capture.id == *id);
            capture.map(|capture| (ItemKind::Capture, id.echo(), capture.amount))
        }
        Subject::Refund(id) => {
            let refund = payment.refunds.iter().find(|refund| refund.id == *id);
            refund.map(|refund| (ItemKind::Refund, id.echo(), refund.amount))
        }
    };
    let Some((kind, echo, amount)) = ours else { return };
    let known = attempt.evidence.items(kind);
    let carries = |item: &Item| item.kind == kind && item.echo.as_deref() == Some(echo);
    let is_named = known.iter().any(|item| item.echoes.contains(echo) && !item.ids.is_empty());
    if is_named || facts.items.iter().any(carries) {
        // Whatever else is new beside it is another.
        return;
    }
    // What was taken for ours already because it looks like it is confirmed by this.
    let is_another = |standing: &ItemStanding| match kind {
        ItemKind::Capture => {
            payment.capture_named(attempt, standing).is_some_and(|known| known.id.echo() != echo)
        }
        ItemKind::Refund => {
            payment.refund_named(attempt, standing).is_some_and(|known| known.id.echo() != echo)
        }
        ItemKind::Void | ItemKind::Dispute => true,
    };
    let is_new = |item: &Item| {
        item.kind == kind
            && item.echo.is_none()
            && item.amount.is_none_or(|said| said == amount)
            && item.id.as_ref().is_some_and(|id| {
                !known.iter().any(|standing| standing.is_called(id) && is_another(standing))
            })
    };
    let mut new = facts.items.iter_mut().filter(|item| is_new(item));
    if let (Some(item), None) = (new.next(), new.next()) {
        item.echo = Some(echo.to_owned());
    }
}

/// `asked_at` is the time of the call whose answer the door came with: its lifetime counts from there.
fn open_door(story: &mut Story<'_, '_>, attempt_id: &AttemptId, door: Option<&Door>, asked_at: Timestamp) {
    let Some(door) = door else { return };
    let expires_at = door.expires_in_s.map(|seconds| retry::after(asked_at, i64::from(seconds)));
    story.record(Event::DoorOpened { attempt_id: attempt_id.clone(), expires_at });
}

/// That the processor knows nothing of an attempt whose page waits for the shopper: the page is gone. False
/// where that is too early to believe, or says nothing about what the attempt is waiting for.
fn hear_absence(story: &mut Story<'_, '_>, attempt_id: &AttemptId, asked_at: Timestamp) -> bool {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return false };
    let waiting = match attempt.state(payment.capture) {
        AttemptState::Open | AttemptState::Approved | AttemptState::Unknown => true,
        AttemptState::Created
        | AttemptState::Pending
        | AttemptState::Authorized
        | AttemptState::Captured
        | AttemptState::Declined
        | AttemptState::Voided
        | AttemptState::Expired
        | AttemptState::NotSent => false,
    };
    let horizon_s = i64::from(attempt.profile.idempotency.absent_after_s);
    let opened_at = attempt
        .operations
        .iter()
        .filter(|operation| operation.kind == OperationKind::OpenCheckout)
        .filter_map(|operation| operation.last_sent_at.max(operation.first_sent_at))
        .max();
    // Nor is a page gone that was shown a moment ago.
    let shown_at = attempt.evidence.words().last().map(|(_, time)| *time);
    let opened_at = opened_at.max(shown_at);
    let opening = attempt.open_operation(OperationKind::OpenCheckout).is_some();
    let believed = opened_at.is_none_or(|opened_at| asked_at.seconds_since(opened_at) >= horizon_s);
    if !waiting || opening || !believed {
        return false;
    }
    story.hear(attempt_id, &Facts { at: Some(asked_at), ..Facts::word(Word::Expired) });
    true
}

/// A page for an attempt that nobody waits for any more.
fn is_unwanted(payment: &PaymentIntent, attempt: &Attempt, operation: &Operation) -> bool {
    let over = payment.closed.is_some() || payment.cancel_requested || attempt.superseded;
    operation.kind == OperationKind::OpenCheckout && over
}

fn not_sent(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    operation: &Operation,
    profile: &ConnectorProfile,
    why: &NotSent,
) {
    let payment = &story.payment;
    let unwanted =
        payment.attempt(attempt_id).is_some_and(|attempt| is_unwanted(payment, attempt, operation));
    let (text, hopeless, wait_s) = match why {
        NotSent::Unreachable { detail } => (format!("not reached: {detail}"), false, None),
        NotSent::Throttled { retry_after_s } => {
            ("asked to slow down".to_owned(), false, retry_after_s.map(i64::from))
        }
        NotSent::Credentials { status } => {
            let opening = operation.kind == OperationKind::OpenCheckout;
            (format!("credentials refused (HTTP {status})"), opening, None)
        }
        NotSent::Impossible { fault } => (fault.to_string(), true, None),
    };
    // An earlier try may have arrived: that this one did not says nothing about it.
    if operation.first_sent_at.is_some() {
        doubt(story, attempt_id, operation, profile, &text, None);
    } else if hopeless || unwanted || retry::gives_up(operation.kind, operation.tries) {
        give_up(story, attempt_id, operation, &text);
    } else {
        let usual = retry::operation_due(story.now(), operation.tries);
        let due_at = wait_s.map_or(usual, |seconds| usual.max(retry::after(story.now(), seconds)));
        send_again(story, attempt_id, operation, text, due_at);
    }
}

/// Certainly nothing happened, so that it can be sent as if for the first time.
fn send_again(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    operation: &Operation,
    why: String,
    due_at: Timestamp,
) {
    let (attempt_id, operation_id) = (attempt_id.clone(), operation.id.clone());
    story.record(Event::OperationNotSent { attempt_id, operation_id, why, due_at });
}

pub(super) fn doubt(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    operation: &Operation,
    profile: &ConnectorProfile,
    why: &str,
    sent: Option<(Timestamp, Option<Timestamp>)>,
) {
    let sent_at = sent.map(|(sent_at, _)| sent_at);
    let due_at = retry::operation_due(story.now(), operation.tries);
    let mut next = operation.clone();
    next.tries += 1;
    next.state = OperationState::Unknown { due_at };
    next.first_sent_at = next.first_sent_at.or(sent_at);
    // Asked as of then, because the processor may have forgotten the key by then.
    let helpless = retry::action(&next, profile, due_at) == retry::Action::Wait;
    story.record(Event::OperationUnknown {
        attempt_id: attempt_id.clone(),
        operation_id: operation.id.clone(),
        why: why.to_owned(),
        sent_at,
        sent_until: sent.and_then(|(_, until)| until),
        due_at: (!helpless).then_some(due_at),
        overdue: is_overdue(operation, profile) && !planted(Bug::KeepDoubtToItself),
    });
}

/// Whether a person should look. Nobody can pay at a page that is in doubt where its address was told to nobody.
fn is_overdue(operation: &Operation, profile: &ConnectorProfile) -> bool {
    let harmless =
        operation.kind == OperationKind::OpenCheckout && !profile.capabilities.orphan_session_payable;
    !harmless && retry::is_overdue(operation.tries)
}

fn give_up(story: &mut Story<'_, '_>, attempt_id: &AttemptId, operation: &Operation, why: &str) {
    story.record(Event::OperationGivenUp {
        attempt_id: attempt_id.clone(),
        operation_id: operation.id.clone(),
        why: why.to_owned(),
    });
    let note = |code: &str| {
        let error = LastError { code: code.to_owned(), processor_code: None };
        Event::ErrorNoted { error, operation: Some(operation.kind) }
    };
    let status = TransferStatus::Failed;
    match &operation.subject {
        // What was done meanwhile by somebody else stays done.
        Subject::Capture(id) => {
            let pending = |capture: &&crate::payment::Capture| capture.status == TransferStatus::Pending;
            if story.payment.captures.iter().filter(pending).any(|capture| capture.id == *id) {
                story.record(note("capture_failed"));
                story.record(Event::CaptureSettled { capture_id: id.clone(), status, processor_id: None });
            }
        }
        Subject::Refund(id) => {
            let pending = |refund: &&crate::payment::Refund| refund.status == TransferStatus::Pending;
            if story.payment.refunds.iter().filter(pending).any(|refund| refund.id == *id) {
                let (refund_id, failure) = (id.clone(), Some("processor_unreachable".to_owned()));
                story.record(Event::RefundSettled { refund_id, status, failure, processor_id: None });
            }
        }
        Subject::Payment => match operation.kind {
            OperationKind::OpenCheckout => story.record(note("processor_unreachable")),
            // What that means for a cancel is drawn by `settle`.
            OperationKind::Void
            | OperationKind::ExpireCheckout
            | OperationKind::CompleteCheckout
            | OperationKind::Capture
            | OperationKind::Refund
            | OperationKind::FetchPayment
            | OperationKind::FetchRefund
            | OperationKind::FetchDispute => {}
        },
    }
}

/// A look-up that names no time is dated by when we asked: no later than what it saw.
fn hear_look(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    facts: &Facts,
    asked_at: Timestamp,
) -> Option<Timestamp> {
    let mut facts = facts.clone();
    facts.at = facts.at.or(Some(asked_at));
    story.hear_look_up(attempt_id, &facts)
}

pub(super) fn looked_up(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    operation_id: Option<&OperationId>,
    outcome: &Outcome,
    asked_at: Timestamp,
) -> Result<(), Refusal> {
    let attempt = known_attempt(&story.payment, attempt_id)?;
    let profile = attempt.profile.clone();
    let before = (attempt.state(story.payment.capture), attempt.check);
    let mut confirmed_at = None;
    // A look at one refund says nothing of the others.
    if attempt.restored && operation_id.is_none() && matches!(outcome, Outcome::Answered { .. }) {
        story.record(Event::Reconciled { attempt_id: attempt_id.clone() });
    }
    match outcome {
        Outcome::Answered { answer: Answer::Said { facts, door } } => {
            confirmed_at = hear_look(story, attempt_id, facts, asked_at);
            open_door(story, attempt_id, door.as_ref(), asked_at);
            // A look at one refund says nothing of what is left of the reservation.
            if operation_id.is_none() {
                lapse_rest(story, attempt_id, asked_at);
            }
        }
        Outcome::Answered { answer: Answer::Absent } if operation_id.is_none() => {
            hear_absence(story, attempt_id, asked_at);
        }
        Outcome::Answered { answer: Answer::Absent } | Outcome::NotSent { .. } | Outcome::Unknown { .. } => {}
    }
    if let Some(operation_id) = operation_id {
        let operation = known_attempt(&story.payment, attempt_id)?.operation(operation_id).cloned();
        if let Some(operation) = operation.filter(Operation::is_open) {
            after_look(story, attempt_id, &operation, &profile, outcome, asked_at);
        }
        return Ok(());
    }

    // The next look keeps the pace of what is known now, not of what was known before.
    conclude(story);
    let pace = pace(&story.payment, attempt_id);
    let state = story.payment.attempt(attempt_id).map(|attempt| attempt.state(story.payment.capture));
    let unmoved = before.1.filter(|check| state == Some(before.0) && check.pace == pace);
    let tries = unmoved.map_or(0, |check| check.tries + 1);
    let usual = pace.map(|pace| retry::check_due(story.now(), pace, tries));
    // What was hinted at while this look was on its way it may not have seen.
    let missed = before.1.is_some_and(|check| check.hint == Some(Hint::Next));
    let hinted = missed.then(|| retry::after(story.now(), retry::hint_interval_s(tries)));
    // A hint is good until the processor has answered to it.
    let unanswered = match outcome {
        Outcome::Unknown { .. } => true,
        Outcome::NotSent { why } => !matches!(why, NotSent::Impossible { .. }),
        Outcome::Answered { .. } => false,
    };
    let retried = unanswered.then(|| retry::check_due(story.now(), Pace::Soon, tries));
    let retried =
        retried.filter(|_| before.1.is_some_and(|check| check.hint.is_some() || check.pace.is_none()));
    let hint = hinted.or(retried).map(|_| Hint::This);
    let due_at = usual.or(retried).into_iter().chain(hinted).min();
    let overdue = retry::is_overdue_check(pace, tries) && !planted(Bug::KeepDoubtToItself);
    let check = due_at.map(|due_at| Check { due_at, tries, pace, hint, overdue });
    story.record(Event::CheckScheduled {
        attempt_id: attempt_id.clone(),
        check,
        checked: true,
        confirmed_at,
    });
    Ok(())
}

/// What a look-up says about the doubtful operation it was made for.
fn after_look(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    operation: &Operation,
    profile: &ConnectorProfile,
    outcome: &Outcome,
    asked_at: Timestamp,
) {
    let Some(attempt) = story.payment.attempt(attempt_id) else { return };
    let unwanted = is_unwanted(&story.payment, attempt, operation);
    let old_enough = retry::absence_counts(operation, profile, asked_at);
    let (absent, why) = match outcome {
        // Whether these facts end the doubt is drawn by `settle`; until then it stays.
        Outcome::Answered { answer: Answer::Said { .. } }
            if operation_is_settled(&story.payment, attempt_id, operation) =>
        {
            return;
        }
        // Whatever stands at the page now, an opening has changed nothing or is part of it.
        Outcome::Answered { answer: Answer::Said { .. } }
            if operation.kind == OperationKind::OpenCheckout && old_enough =>
        {
            let (attempt_id, operation_id) = (attempt_id.clone(), operation.id.clone());
            return story.record(Event::OperationDone { attempt_id, operation_id });
        }
        Outcome::Answered { answer: Answer::Said { facts, .. } } => {
            (shows_undone(&story.payment, attempt, operation, facts), "the processor does not mention it yet")
        }
        Outcome::Answered { answer: Answer::Absent } => (true, "not there, but too early to believe"),
        Outcome::NotSent { .. } | Outcome::Unknown { .. } => (false, "the look-up failed"),
    };
    if !absent || !old_enough {
        doubt(story, attempt_id, operation, profile, why, None);
    } else if unwanted {
        give_up(story, attempt_id, operation, "there is no such page, and nobody waits for it any more");
    } else {
        let (why, due_at) = ("the processor says that it did not happen".to_owned(), story.now());
        send_again(story, attempt_id, operation, why, due_at);
    }
}

/// Whether a look-up states outright that an operation did not happen. Silence about it states nothing.
fn shows_undone(payment: &PaymentIntent, attempt: &Attempt, operation: &Operation, facts: &Facts) -> bool {
    let waits = matches!(facts.word, Some(Word::Open | Word::NeedsCompletion));
    let unpaid = matches!(attempt.state(payment.capture), AttemptState::Open | AttemptState::Approved);
    match operation.kind {
        OperationKind::CompleteCheckout | OperationKind::ExpireCheckout => waits && unpaid,
        OperationKind::Void => matches!(facts.word, Some(Word::Authorized)),
        // Only the processor's own total proves that nothing was added to it, and not while something is under
        // way there that may be ours.
        OperationKind::Capture => {
            let captures = payment.transfers_told(attempt, ItemKind::Capture);
            let strange = captures.iter().any(|item| {
                item.state == ItemState::Pending && payment.capture_named(attempt, item).is_none()
            });
            !strange && facts.captured.is_some_and(|captured| captured.minor() <= attempt.captured.minor())
        }
        OperationKind::Refund => {
            let refunds = payment.transfers_told(attempt, ItemKind::Refund);
            let strange = refunds.iter().any(|item| {
                item.state == ItemState::Pending && payment.refund_named(attempt, item).is_none()
            });
            let done = payment.refunds.iter().filter(|refund| {
                refund.attempt_id == attempt.id && refund.status == TransferStatus::Succeeded
            });
            let known =
                sum(processor_sdk::Money::zero(payment.amount.currency()), done.map(|refund| &refund.amount));
            !strange && facts.refunded.is_some_and(|refunded| refunded.minor() <= known.minor())
        }
        OperationKind::OpenCheckout
        | OperationKind::FetchPayment
        | OperationKind::FetchRefund
        | OperationKind::FetchDispute => false,
    }
}
