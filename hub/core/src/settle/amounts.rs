//! Whether the amounts a processor names are those that were asked for.
//!
//! Invariant: facts settle a payment only if they name what was asked; what goes beyond is shown.

use processor_sdk::{CaptureMode, ItemKind, LookUp, Money};

use super::quarantine;
use crate::decide::quarantine::return_failed;
use crate::evidence::Total;
use crate::ids::AttemptId;
use crate::payment::{Attempt, PaymentIntent, QuarantineReason, TransferStatus};
use crate::planted::{Bug, planted};
use crate::reading::sum;
use crate::story::Story;

/// Facts settle a payment only if they name what was asked.
pub(super) fn check_amounts(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    let other_currency = attempt.evidence.names_another_currency(payment.amount.currency());
    if other_currency && !planted(Bug::IgnoreCurrencyMismatch) {
        quarantine(story, QuarantineReason::CurrencyMismatch);
    } else if is_wrong_amount(payment, attempt) && !planted(Bug::IgnoreAmountMismatch) {
        quarantine(story, QuarantineReason::AmountMismatch);
    }
}

fn is_wrong_amount(payment: &PaymentIntent, attempt: &Attempt) -> bool {
    let asked = payment.amount;
    let evidence = &attempt.evidence;
    let authorized =
        evidence.total(Total::Authorized, asked.currency()).0.filter(|total| total.is_positive());
    let fits = |amount: &Money| *amount == asked || attempt.accepted.contains(amount);
    if evidence.amounts().any(|amount| !fits(&amount)) || authorized.is_some_and(|total| !fits(&total)) {
        return true;
    }
    let captured = payment.captured_by_evidence(attempt);
    let wrong_captured = match payment.capture {
        // Nothing taken yet is no mismatch; a part taken is.
        CaptureMode::Automatic => captured.is_positive() && !fits(&captured),
        CaptureMode::Manual => captured.minor() > asked.minor() && !fits(&captured),
    };
    if wrong_captured {
        return true;
    }
    // What was accepted of a transfer became its amount, unless it was booked already.
    let fits = |said: Money, wanted: Money, status: TransferStatus| {
        said == wanted || (status != TransferStatus::Pending && attempt.accepted.contains(&said))
    };
    let wrong_capture = payment.transfers_told(attempt, ItemKind::Capture).iter().any(|item| {
        let capture = payment.capture_named(attempt, item);
        let pair = item.amount.zip(capture);
        pair.is_some_and(|(said, capture)| !fits(said, capture.amount, capture.status))
    });
    let wrong_refund = payment.transfers_told(attempt, ItemKind::Refund).iter().any(|item| {
        let refund = payment.refund_named(attempt, item);
        let pair = item.amount.zip(refund);
        pair.is_some_and(|(said, refund)| !fits(said, refund.amount, refund.status))
    });
    wrong_capture || wrong_refund
}

/// Attempts that took money.
pub(super) fn paid_attempts(payment: &PaymentIntent) -> usize {
    payment.attempts.iter().filter(|attempt| attempt.captured.is_positive()).count()
}

/// Money beyond what was asked is shown, never dropped. `paid_before` is how many attempts had taken money
/// before what is concluded now.
pub(super) fn flag_excess(story: &mut Story<'_, '_>, paid_before: usize) {
    let payment = &story.payment;
    let paid = paid_attempts(payment);
    // Who paid, had it back and paid again has not paid too much, but nobody else would hear of it.
    let again = paid_before > 0 && paid > paid_before;
    let given_back = payment.resolved.refunded_up_to.map_or(0, |accepted| accepted.minor());
    if return_failed(payment) {
        quarantine(story, QuarantineReason::ReturnFailed);
    } else if paid > 1 && (again || payment.excess().is_positive()) && !payment.resolved.returned {
        if planted(Bug::OverlookSecondPayment) {
            return;
        }
        quarantine(story, QuarantineReason::PaidTwice);
    } else if payment.amount_refunded().minor() > given_back
        && payment.attempts.iter().any(|attempt| refunds_exceed(payment, attempt))
    {
        quarantine(story, QuarantineReason::RefundExceedsCaptured);
    } else if payment.attempts.iter().any(|attempt| !payment.undone_captures(attempt).is_empty()) {
        quarantine(story, QuarantineReason::CaptureUndone);
    }
}

fn refunds_exceed(payment: &PaymentIntent, attempt: &Attempt) -> bool {
    // A refund that is heard of before its payment asks for a look first.
    let unexplained =
        attempt.captured.is_zero() && attempt.profile.capabilities.fetch_payment != LookUp::None;
    let done = payment
        .refunds
        .iter()
        .filter(|refund| refund.attempt_id == attempt.id && refund.status == TransferStatus::Succeeded);
    let refunded = sum(Money::zero(payment.amount.currency()), done.map(|refund| &refund.amount));
    !unexplained && refunded.minor() > attempt.captured.minor()
}
