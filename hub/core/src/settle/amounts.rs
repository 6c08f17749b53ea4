//! Whether the amounts a processor names are those that were asked for.
//!
//! Invariant: facts settle a payment only if they name what was asked; what goes beyond is shown.

use processor_sdk::{CaptureMode, ItemKind, LookUp};

use super::quarantine;
use crate::evidence::Total;
use crate::ids::AttemptId;
use crate::payment::{Attempt, PaymentIntent, QuarantineReason, TransferStatus};
use crate::reading::sum;
use crate::story::Story;

/// Facts settle a payment only if they name what was asked.
pub(super) fn check_amounts(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    if attempt.evidence.names_another_currency(payment.amount.currency()) {
        quarantine(story, QuarantineReason::CurrencyMismatch);
    } else if is_wrong_amount(payment, attempt) {
        quarantine(story, QuarantineReason::AmountMismatch);
    }
}

fn is_wrong_amount(payment: &PaymentIntent, attempt: &Attempt) -> bool {
    let asked = payment.amount;
    let evidence = &attempt.evidence;
    let authorized =
        evidence.total(Total::Authorized, asked.currency()).0.filter(|total| total.is_positive());
    if evidence.amounts().any(|amount| amount != asked) || authorized.is_some_and(|total| total != asked) {
        return true;
    }
    let captured = payment.captured_by_evidence(attempt);
    let wrong_captured = match payment.capture {
        // Nothing taken yet is no mismatch; a part taken is.
        CaptureMode::Automatic => captured.is_positive() && captured != asked,
        CaptureMode::Manual => captured.minor() > asked.minor(),
    };
    if wrong_captured {
        return true;
    }
    let captures = evidence
        .items(ItemKind::Capture)
        .into_iter()
        .map(|item| (item.amount, payment.capture_named(attempt, &item).map(|capture| capture.amount)));
    let refunds = evidence
        .items(ItemKind::Refund)
        .into_iter()
        .map(|item| (item.amount, payment.refund_named(attempt, &item).map(|refund| refund.amount)));
    let mut pairs = captures.chain(refunds);
    pairs.any(|(said, wanted)| said.is_some_and(|said| wanted.is_some_and(|wanted| wanted != said)))
}

/// Money beyond what was asked is shown, never dropped.
pub(super) fn flag_excess(story: &mut Story<'_, '_>) {
    let payment = &story.payment;
    let paid = payment.attempts.iter().filter(|attempt| attempt.captured.is_positive()).count();
    if paid > 1 && payment.amount_captured().minor() > payment.amount.minor() {
        quarantine(story, QuarantineReason::PaidTwice);
    } else if payment.attempts.iter().any(|attempt| refunds_exceed(payment, attempt)) {
        quarantine(story, QuarantineReason::RefundExceedsCaptured);
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
    let refunded =
        sum(processor_sdk::Money::zero(payment.amount.currency()), done.map(|refund| &refund.amount));
    !unexplained && refunded.minor() > attempt.captured.minor()
}
