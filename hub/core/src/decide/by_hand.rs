//! What an operator knows and no processor tells: heard as facts, like anything else that is known.
//!
//! Invariant: an operator's word is evidence, with a name on it; a processor's later word still counts, and
//! where the two differ the difference shows.

use processor_sdk::{Facts, Item, ItemKind, ItemState, OperationKind, Word};

use super::known_attempt;
use crate::event::{ByHand, Event};
use crate::evidence::SETTLED_BY_HAND;
use crate::ids::{AttemptId, OperationId};
use crate::payment::{AttemptState, Subject, TransferStatus};
use crate::refusal::Refusal;
use crate::story::Story;

/// Pages are opened with the shopper's name and address, so a payment keeps them until no page can be opened.
pub(super) fn erase_personal_data(story: &mut Story<'_, '_>) -> Result<(), Refusal> {
    let payment = &story.payment;
    let opening =
        payment.attempts.iter().any(|attempt| attempt.open_operation(OperationKind::OpenCheckout).is_some());
    if !payment.status.is_end() || opening {
        let wanted = "its personal data may still be needed; cancel it or wait for its end, then erase";
        return Err(Refusal::WrongStatus { status: payment.status, wanted });
    }
    story.record(Event::PersonalDataErased);
    Ok(())
}

pub(super) fn settle_by_hand(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    settlement: &ByHand,
    evidence: &str,
) -> Result<(), Refusal> {
    // Out of a backup: that the operator asked in the processor's place what happened since is news by itself.
    let restored = known_attempt(&story.payment, attempt_id)?.restored;
    let facts = match settlement {
        ByHand::Paid { amount } => {
            let attempt = known_attempt(&story.payment, attempt_id)?;
            if amount.currency() != story.payment.amount.currency() {
                return Err(Refusal::CurrencyMismatch { currency: story.payment.amount.currency().code() });
            }
            if !amount.is_positive() {
                return Err(Refusal::AmountNotPositive);
            }
            if attempt.captured.is_positive() && !(restored && attempt.captured == *amount) {
                return Err(Refusal::CannotSettle { why: "this attempt is paid already" });
            }
            Facts { captured: Some(*amount), ..Facts::word(Word::Paid) }
        }
        ByHand::NotPaid => {
            let attempt = known_attempt(&story.payment, attempt_id)?;
            let opening = attempt.open_operation(OperationKind::OpenCheckout);
            let reopened = opening.is_some_and(|opening| opening.first_sent_at.is_some());
            // What is said of a page now says nothing of one that is still to be asked for.
            if opening.is_some_and(|opening| opening.first_sent_at.is_none()) && !restored {
                let why = "a page of this attempt is still to be opened; cancel the payment instead";
                return Err(Refusal::CannotSettle { why });
            }
            match attempt.state(story.payment.capture) {
                AttemptState::Captured => {
                    let why = "the processor says that it took money; refund it instead";
                    return Err(Refusal::CannotSettle { why });
                }
                // Another page of it may be there, that nobody but the operator can find.
                AttemptState::Declined | AttemptState::Expired if reopened => Facts::word(Word::Expired),
                AttemptState::Declined | AttemptState::Voided | AttemptState::Expired if restored => {
                    Facts::default()
                }
                AttemptState::Declined
                | AttemptState::Voided
                | AttemptState::Expired
                | AttemptState::NotSent => {
                    return Err(Refusal::CannotSettle { why: "this attempt has ended already" });
                }
                AttemptState::Authorized => Facts::word(Word::Voided),
                AttemptState::Created
                | AttemptState::Open
                | AttemptState::Approved
                | AttemptState::Pending
                | AttemptState::Unknown => Facts::word(Word::Expired),
            }
        }
        ByHand::Done { operation_id } => operation_facts(story, attempt_id, operation_id, true)?,
        ByHand::NotDone { operation_id } => operation_facts(story, attempt_id, operation_id, false)?,
    };
    story.record(Event::SettledByHand {
        attempt_id: attempt_id.clone(),
        settlement: settlement.clone(),
        evidence: evidence.to_owned(),
    });
    if restored && matches!(settlement, ByHand::Paid { .. } | ByHand::NotPaid) {
        story.record(Event::Reconciled { attempt_id: attempt_id.clone() });
    }
    let facts = Facts { at: Some(story.now()), ..facts };
    story.hear(attempt_id, &facts);
    Ok(())
}

fn operation_facts(
    story: &Story<'_, '_>,
    attempt_id: &AttemptId,
    operation_id: &OperationId,
    done: bool,
) -> Result<Facts, Refusal> {
    let attempt = known_attempt(&story.payment, attempt_id)?;
    let operation = attempt.operation(operation_id).ok_or(Refusal::NoSuchAttempt)?;
    // A processor that took an order and never tells of its end leaves the transfer open, not the operation.
    let pending = |status| status == TransferStatus::Pending;
    let payment = &story.payment;
    let is_open = match &operation.subject {
        Subject::Payment => operation.is_open(),
        Subject::Capture(id) => payment.captures.iter().any(|known| known.id == *id && pending(known.status)),
        Subject::Refund(id) => payment.refunds.iter().any(|known| known.id == *id && pending(known.status)),
    };
    if !is_open {
        return Err(Refusal::CannotSettle { why: "the end of this operation is known already" });
    }
    let state = if done { ItemState::Succeeded } else { ItemState::Failed };
    let item = |kind, echo: &str| Facts {
        items: vec![Item {
            kind,
            id: None,
            echo: Some(echo.to_owned()),
            state,
            amount: None,
            // Where the processor tells of it later by an id alone, what an operator said goes together with that.
            reason: Some(SETTLED_BY_HAND.to_owned()),
            at: None,
        }],
        ..Facts::default()
    };
    match (&operation.subject, operation.kind) {
        (Subject::Capture(id), _) => Ok(item(ItemKind::Capture, id.echo())),
        (Subject::Refund(id), _) => Ok(item(ItemKind::Refund, id.echo())),
        (Subject::Payment, OperationKind::Void) if done => Ok(Facts::word(Word::Voided)),
        // By the operation's own name: each release that was asked for has an end of its own.
        (Subject::Payment, OperationKind::Void) => Ok(item(ItemKind::Void, operation_id.body())),
        (Subject::Payment, OperationKind::ExpireCheckout) if done => Ok(Facts::word(Word::Expired)),
        (
            Subject::Payment,
            OperationKind::ExpireCheckout
            | OperationKind::OpenCheckout
            | OperationKind::CompleteCheckout
            | OperationKind::Capture
            | OperationKind::Refund
            | OperationKind::FetchPayment
            | OperationKind::FetchRefund
            | OperationKind::FetchDispute,
        ) => Err(Refusal::CannotSettle { why: "say whether the payment was paid, with paid or not-paid" }),
    }
}
