//! What the cart may ask for, and the end of the intent's time.
//!
//! Invariant: captures asked never exceed what is authorized, refunds asked or done never what is captured.

use std::collections::BTreeMap;

use processor_sdk::{Money, OperationKind};

use super::restored::{refuse_found_capture, refuse_found_refund, refuse_unreconciled};
use super::{TRANSFERS_MAX, ask, refuse_quarantined};
use crate::event::Event;
use crate::evidence::Total;
use crate::ids::{AttemptId, CaptureId, RefundId};
use crate::payment::{
    Attempt, AttemptState, Capture, Closed, PaymentIntent, Refund, Status, Subject, TransferStatus,
};
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;
use crate::schedule;
use crate::settle::ask_closing;
use crate::story::Story;

fn asked_amount(payment: &PaymentIntent, amount: Option<Money>, left: Money) -> Result<Money, Refusal> {
    let amount = amount.unwrap_or(left);
    if amount.currency() != payment.amount.currency() {
        return Err(Refusal::CurrencyMismatch { currency: payment.amount.currency().code() });
    }
    if !amount.is_positive() {
        return Err(Refusal::AmountNotPositive);
    }
    Ok(amount)
}

pub(super) fn capture(
    story: &mut Story<'_, '_>,
    asked: Option<Money>,
    is_final: bool,
    allow_duplicate: bool,
) -> Result<(), Refusal> {
    let payment = &story.payment;
    if payment.status != Status::RequiresCapture || payment.cancel_requested {
        let wanted = "only a payment that is requires_capture, and not being canceled, can be captured";
        return Err(Refusal::WrongStatus { status: payment.status, wanted });
    }
    refuse_quarantined(payment)?;
    refuse_unreconciled(payment)?;
    let Some(attempt) = payment.attempts.iter().find(|attempt| payment.capturable(attempt).is_positive())
    else {
        return Err(Refusal::ExceedsAuthorized { capturable: Money::zero(payment.amount.currency()) });
    };
    let capturable = payment.capturable(attempt);
    let amount = asked_amount(payment, asked, capturable)?;
    if amount.minor() > capturable.minor() && !planted(Bug::NoBoundOnCaptures) {
        return Err(Refusal::ExceedsAuthorized { capturable });
    }
    if !allow_duplicate {
        refuse_found_capture(payment, asked)?;
    }
    let capabilities = &attempt.profile.capabilities;
    let cannot = |what| Refusal::NotSupported { connector: attempt.profile.connector.clone(), what };
    if !capabilities.manual_capture {
        return Err(cannot("capture later"));
    }
    if amount.minor() < capturable.minor() && !capabilities.partial_capture {
        return Err(cannot("capture a part"));
    }
    let again = payment
        .captures
        .iter()
        .any(|capture| capture.attempt_id == attempt.id && capture.status != TransferStatus::Failed);
    let leaves_rest = !is_final && amount.minor() < capturable.minor();
    if (again || leaves_rest) && !capabilities.multiple_captures {
        return Err(cannot("capture several times; ask with final: true"));
    }
    if payment.captures.len() >= TRANSFERS_MAX {
        return Err(Refusal::TooManyTransfers { limit: TRANSFERS_MAX });
    }

    let attempt_id = attempt.id.clone();
    let capture = Capture {
        id: CaptureId::from_body(&story.fresh()),
        attempt_id: attempt_id.clone(),
        amount,
        is_final,
        observed: false,
        status: TransferStatus::Pending,
        processor_id: None,
        overruled: false,
        created_at: story.now(),
    };
    let subject = Subject::Capture(capture.id.clone());
    story.record(Event::CaptureRecorded { capture });
    ask(story, &attempt_id, OperationKind::Capture, subject, vec![]);
    Ok(())
}

pub(super) fn cancel(story: &mut Story<'_, '_>) -> Result<(), Refusal> {
    let payment = &story.payment;
    if payment.status == Status::Canceled || payment.cancel_requested {
        return Ok(());
    }
    if !matches!(payment.status, Status::RequiresCheckout | Status::RequiresCapture) {
        let wanted = "only a payment that is requires_checkout or requires_capture can be canceled; \
                      refund it if it has succeeded";
        return Err(Refusal::WrongStatus { status: payment.status, wanted });
    }
    refuse_quarantined(payment)?;
    refuse_unreconciled(payment)?;
    let capturing = payment.captures.iter().any(|capture| capture.status != TransferStatus::Failed);
    if capturing {
        let wanted = "money is already captured or being captured; refund it instead";
        return Err(Refusal::WrongStatus { status: payment.status, wanted });
    }
    let authorized = |attempt: &&Attempt| attempt.state(payment.capture) == AttemptState::Authorized;
    if let Some(attempt) = payment.attempts.iter().find(authorized)
        && !attempt.profile.capabilities.void
    {
        let connector = attempt.profile.connector.clone();
        return Err(Refusal::NotSupported { connector, what: "release an authorization" });
    }

    story.record(Event::CancelRequested);
    // Each request of the cart asks the processor anew, also after one that failed.
    ask_closing(story);
    Ok(())
}

pub(super) fn refund(
    story: &mut Story<'_, '_>,
    asked: Option<Money>,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
    allow_duplicate: bool,
) -> Result<(), Refusal> {
    let payment = &story.payment;
    if !payment.amount_captured().is_positive() {
        let wanted = "only captured money can be refunded; cancel it instead";
        return Err(Refusal::WrongStatus { status: payment.status, wanted });
    }
    refuse_quarantined(payment)?;
    refuse_unreconciled(payment)?;
    let most = |attempt: &&Attempt| payment.refundable(attempt).minor();
    let Some(attempt) = payment.attempts.iter().max_by_key(most) else {
        return Err(Refusal::NoSuchAttempt);
    };
    let refundable = payment.refundable(attempt);
    if asked.is_none() && refundable.is_zero() {
        return Err(Refusal::ExceedsCaptured { refundable });
    }
    let amount = asked_amount(payment, asked, refundable)?;
    if amount.minor() > refundable.minor() && !planted(Bug::NoBoundOnRefunds) {
        return Err(Refusal::ExceedsCaptured { refundable });
    }
    if !allow_duplicate {
        refuse_found_refund(payment, asked)?;
    }
    can_give_back(payment, attempt, amount)?;

    let attempt_id = attempt.id.clone();
    give_back(story, &attempt_id, amount, reason, metadata);
    Ok(())
}

/// Whether the processor can give back so much of what an attempt took.
pub(super) fn can_give_back(
    payment: &PaymentIntent,
    attempt: &Attempt,
    amount: Money,
) -> Result<(), Refusal> {
    let capabilities = &attempt.profile.capabilities;
    let cannot = |what| Refusal::NotSupported { connector: attempt.profile.connector.clone(), what };
    if !capabilities.refund {
        return Err(cannot("refund"));
    }
    if amount.minor() < attempt.captured.minor() && !capabilities.partial_refund {
        return Err(cannot("refund a part"));
    }
    if !payment.refunds_standing(attempt).is_zero() && !capabilities.multiple_refunds {
        return Err(cannot("refund several times"));
    }
    if payment.refunds.len() >= TRANSFERS_MAX {
        return Err(Refusal::TooManyTransfers { limit: TRANSFERS_MAX });
    }
    Ok(())
}

/// Asks the processor to give back money of an attempt. That it can and that there is so much is checked
/// before.
pub(super) fn give_back(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    amount: Money,
    reason: Option<String>,
    metadata: BTreeMap<String, String>,
) {
    let Some(attempt) = story.payment.attempt(attempt_id) else { return };
    let refunded_before = story.payment.refunds_standing(attempt);
    let stated_before = attempt.evidence.total(Total::Refunded, amount.currency()).0;
    let refund = Refund {
        id: RefundId::from_body(&story.fresh()),
        attempt_id: attempt_id.clone(),
        amount,
        reason,
        metadata,
        observed: false,
        status: TransferStatus::Pending,
        failure: None,
        processor_id: None,
        refunded_before,
        stated_before,
        overruled: false,
        created_at: story.now(),
    };
    let subject = Subject::Refund(refund.id.clone());
    story.record(Event::RefundRecorded { refund });
    ask(story, attempt_id, OperationKind::Refund, subject, vec![]);
}

pub(super) fn expire(story: &mut Story<'_, '_>) {
    let payment = &story.payment;
    let over = story.now() >= payment.expires_at && payment.closed.is_none() && !payment.status.is_end();
    // An authorization was made in time; it has a time of its own.
    let standing = payment.status == Status::RequiresCapture;
    if over && !standing {
        story.record(Event::Closed { why: Closed::Expired });
        ask_closing(story);
    }
}

pub(super) fn remind_of_capture(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let Some(attempt) = story.payment.attempt(attempt_id) else { return };
    let due = schedule::reminder(&story.payment, attempt).is_some_and(|due_at| due_at <= story.now());
    if let Some(capture_before) = story.payment.capture_before_of(attempt).filter(|_| due) {
        story.record(Event::CaptureDue { attempt_id: attempt_id.clone(), capture_before });
    }
}
