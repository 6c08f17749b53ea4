//! Money given back: each refund as the processor tells of it, and what its bare totals leave to explain.
//!
//! Invariant: what is recorded as refunded is a function of what was said, not of the order it was said in.

use std::collections::BTreeMap;

use processor_sdk::{ItemKind, Money};

use super::{by_hand, likeness, transfer_status};
use crate::event::Event;
use crate::evidence::{ItemStanding, Total};
use crate::ids::{AttemptId, RefundId};
use crate::payment::{Attempt, OperationState, PaymentIntent, Refund, Subject, TransferStatus};
use crate::planted::{Bug, planted};
use crate::reading::{less, sum};
use crate::story::Story;

/// The reason of what was recorded for money that refunds of their own have explained since.
const TOLD_APART: &str = "told_apart";

pub(super) fn settle_refunds(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    let stated = attempt.evidence.total(Total::Refunded, payment.amount.currency()).0;
    let mut items = payment.transfers_told(attempt, ItemKind::Refund);
    // Those that carry our echo are certain; only what they leave can be told by amount.
    items.sort_by_key(|item| !carries_our_echo(payment, item));
    for item in items {
        settle_refund(story, attempt_id, &item);
    }
    take_back_twice_told(story, attempt_id);
    if let Some(stated) = stated {
        attribute_refunded(story, attempt_id, stated);
    }
}

fn carries_our_echo(payment: &PaymentIntent, item: &ItemStanding) -> bool {
    payment.refunds.iter().any(|refund| item.echoes.contains(refund.id.echo()))
}

fn settle_refund(story: &mut Story<'_, '_>, attempt_id: &AttemptId, item: &ItemStanding) {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    let mut known =
        payment.refund_named(attempt, item).or_else(|| adoptable(payment, attempt, item)).cloned();
    if known.as_ref().is_some_and(|refund| refund.observed) && planted(Bug::CountRefundsTwice) {
        known = None;
    }
    if known.is_none() && by_hand::is_awaited(payment, attempt, item) {
        return;
    }
    let known = known.or_else(|| {
        let amount = item.amount.filter(Money::is_positive)?;
        Some(observe_refund(story, attempt_id, amount, item.name().cloned()))
    });
    let Some(refund) = known else { return };
    let said = transfer_status(item.state);
    // "Pending" after an end state is old news.
    let changes = said != refund.status && said != TransferStatus::Pending;
    let failed = changes && said == TransferStatus::Failed;
    let Some(attempt) = story.payment.attempt(attempt_id) else { return };
    let subject = Subject::Refund(refund.id.clone());
    if failed && !refund.observed && likeness::fails_nothing(attempt, item.kind, &subject, refund.id.echo()) {
        return;
    }
    let named = refund.processor_id.as_ref().is_some_and(|name| item.is_called(name));
    // Our own echo is no name of the processor's; another's is all that some of theirs have.
    let name = if refund.observed { item.name() } else { item.ids.first() };
    let processor_id = name.filter(|_| !named).cloned();
    if changes || processor_id.is_some() {
        let failure = failed.then(|| item.reason.clone().unwrap_or_else(|| "processor_refused".to_owned()));
        let status = if changes { said } else { TransferStatus::Pending };
        story.record(Event::RefundSettled { refund_id: refund.id, status, failure, processor_id });
    }
}

/// The refund that an item without our echo must be about: ours of that amount that nobody named yet, or
/// the same money told of before as a bare total.
fn adoptable<'a>(payment: &'a PaymentIntent, attempt: &Attempt, item: &ItemStanding) -> Option<&'a Refund> {
    let of_attempt = || {
        payment
            .refunds
            .iter()
            .filter(|refund| refund.attempt_id == attempt.id && refund.processor_id.is_none())
    };
    let ours = || {
        of_attempt().find(|refund| {
            let pending = !refund.observed && refund.status == TransferStatus::Pending;
            let echoed = attempt.evidence.has_echo(ItemKind::Refund, refund.id.echo());
            // Without an amount it could be anything, even something older than the refund.
            pending && !echoed && item.echoes.is_empty() && item.amount == Some(refund.amount)
        })
    };
    ours()
        .or_else(|| {
            of_attempt().find(|refund| is_standing_total(refund) && item.amount == Some(refund.amount))
        })
        .or_else(|| {
            let mut mistaken =
                payment.refunds.iter().filter(|refund| is_ours_after_all(payment, attempt, refund));
            mistaken.find(|refund| item.amount == Some(refund.amount))
        })
}

/// Whether a refund was recorded as made at the processor that is called by our own name since: another one had been
/// taken for ours. It is that other one now.
fn is_ours_after_all(payment: &PaymentIntent, attempt: &Attempt, refund: &Refund) -> bool {
    let items = payment.transfers_told(attempt, ItemKind::Refund);
    let is_it = |item: &ItemStanding| refund.processor_id.as_ref().is_some_and(|name| item.is_called(name));
    let is_ours = |known: &Refund| !known.observed && known.attempt_id == attempt.id;
    refund.attempt_id == attempt.id
        && refund.observed
        && refund.status != TransferStatus::Failed
        && items.iter().any(|item| is_it(item) && payment.refund_named(attempt, item).is_some_and(is_ours))
}

/// What no other refund explains after that was ours from the beginning.
fn take_back_twice_told(story: &mut Story<'_, '_>, attempt_id: &AttemptId) {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    let twice = payment.refunds.iter().filter(|refund| is_ours_after_all(payment, attempt, refund));
    for refund_id in twice.map(|refund| refund.id.clone()).collect::<Vec<_>>() {
        let (status, failure) = (TransferStatus::Failed, Some(TOLD_APART.to_owned()));
        story.record(Event::RefundSettled { refund_id, status, failure, processor_id: None });
    }
}

/// Recorded for a total that no refund explained, and not taken back since.
fn is_standing_total(refund: &Refund) -> bool {
    is_bare_total(refund) && refund.status == TransferStatus::Succeeded
}

const fn is_bare_total(refund: &Refund) -> bool {
    refund.observed && refund.processor_id.is_none()
}

/// A refund that we did not ask for: made in the processor's dashboard.
fn observe_refund(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    amount: Money,
    processor_id: Option<String>,
) -> Refund {
    let refund = Refund {
        id: RefundId::from_body(&story.fresh()),
        attempt_id: attempt_id.clone(),
        amount,
        reason: None,
        metadata: BTreeMap::new(),
        observed: true,
        status: TransferStatus::Pending,
        failure: None,
        processor_id,
        refunded_before: story.payment.amount_refunded(),
        stated_before: None,
        overruled: false,
        created_at: story.now(),
    };
    story.record(Event::RefundRecorded { refund: refund.clone() });
    refund
}

/// A stated total beyond the refunds that ended: the pending ones that it may count, if they sum to it; if there
/// are none, it was given back elsewhere. A total that refunds have since explained is taken back.
fn attribute_refunded(story: &mut Story<'_, '_>, attempt_id: &AttemptId, stated: Money) {
    let payment = &story.payment;
    let Some(attempt) = payment.attempt(attempt_id) else { return };
    let zero = Money::zero(stated.currency());
    // What was stated before we asked for a refund counts nothing of it.
    let is_counted =
        |refund: &&Refund| refund.stated_before.is_none_or(|before| before.minor() < stated.minor());
    let of_attempt =
        || payment.refunds.iter().filter(|refund| refund.attempt_id == *attempt_id).filter(is_counted);
    let explained = of_attempt().filter(|refund| !is_bare_total(refund) && may_be_in_total(attempt, refund));
    let missing = less(stated, sum(zero, explained.map(|refund| &refund.amount)));
    let bare: Vec<_> = of_attempt().filter(|refund| is_standing_total(refund)).collect();
    let mut told = sum(zero, bare.iter().map(|refund| &refund.amount));
    let pending: Vec<_> =
        of_attempt().filter(|refund| refund.status == TransferStatus::Pending).cloned().collect();

    if told.minor() > missing.minor() {
        told = zero;
        for refund_id in bare.into_iter().map(|refund| refund.id.clone()).collect::<Vec<_>>() {
            let (status, failure) = (TransferStatus::Failed, Some(TOLD_APART.to_owned()));
            story.record(Event::RefundSettled { refund_id, status, failure, processor_id: None });
        }
    }
    let extra = less(missing, told);
    if extra.is_zero() {
        return;
    }
    let done = if pending.is_empty() {
        vec![observe_refund(story, attempt_id, extra, None).id]
    } else if sum(zero, pending.iter().map(|refund| &refund.amount)) == extra {
        pending.into_iter().map(|refund| refund.id).collect()
    } else {
        // Which of them it was, their own answers will say.
        vec![]
    };
    for refund_id in done {
        let status = TransferStatus::Succeeded;
        story.record(Event::RefundSettled { refund_id, status, failure: None, processor_id: None });
    }
}

/// Whether a stated total may count a refund. One that failed may have been counted before it did; one that
/// certainly never reached the processor was not.
fn may_be_in_total(attempt: &Attempt, refund: &Refund) -> bool {
    match refund.status {
        TransferStatus::Pending => false,
        TransferStatus::Succeeded => true,
        TransferStatus::Failed => {
            let asked = attempt.operation_about(&Subject::Refund(refund.id.clone()));
            asked.is_none_or(|operation| {
                operation.state != OperationState::GivenUp || operation.first_sent_at.is_some()
            })
        }
    }
}
