//! How a quarantine ends: by an operator, or by a policy that was decided beforehand.
//!
//! Invariants: nothing is resolved that cannot be carried out; what is given back passes the same
//! reservations as any refund; what was accepted once is not held again for the same facts.

use std::collections::BTreeMap;

use processor_sdk::{Currency, Facts, Item, ItemKind, ItemState, Money};

use super::cart::{can_give_back, give_back};
use super::restored::refuse_unreconciled;
use crate::event::{Accepted, Event};
use crate::evidence::{ItemStanding, Total};
use crate::ids::AttemptId;
use crate::payment::{
    Attempt, AttemptState, Closed, PaymentIntent, QuarantineReason, Resolution, TransferStatus,
};
use crate::policy::{PaidLate, PaidTwice};
use crate::reading::less;
use crate::refusal::Refusal;
use crate::settle::{ask_closing, book, conclude, settle_status};
use crate::story::Story;

/// What stands before the name of a capture in that of the refund that it is booked as gone by.
const UNDONE: &str = "undone:";

/// An operator's word.
pub(super) fn resolve(story: &mut Story<'_, '_>, resolution: Resolution, note: &str) -> Result<(), Refusal> {
    let Some(quarantine) = &story.payment.quarantine else { return Err(Refusal::NotQuarantined) };
    let reason = quarantine.reason;
    refuse_unreconciled(&story.payment)?;
    let wanted = wanted(&story.payment, reason, resolution)?;
    let gone = gone(&story.payment, reason, resolution);
    carry_out(story, reason, resolution, note, None, wanted);
    let at = Some(story.now());
    for (attempt_id, item) in gone {
        story.hear(&attempt_id, &Facts { items: vec![item], at, ..Facts::default() });
    }
    Ok(())
}

/// Booked money that was never there, or is not any more, by an operator's word: heard as given back elsewhere, since
/// booked money is not unbooked. Nothing is asked of the processor.
fn gone(payment: &PaymentIntent, reason: QuarantineReason, resolution: Resolution) -> Vec<(AttemptId, Item)> {
    if (reason, resolution) != (QuarantineReason::CaptureUndone, Resolution::Refund) {
        return Vec::new();
    }
    let of = |attempt: &Attempt| {
        let mut left = payment.refundable(attempt);
        let part = |item: ItemStanding| {
            let amount = item.amount.and_then(|amount| amount.min(left).ok()).unwrap_or(left);
            left = less(left, amount);
            let id = item.name().map(|name| format!("{UNDONE}{name}"));
            let (kind, state) = (ItemKind::Refund, ItemState::Succeeded);
            let item = Item { kind, id, echo: None, state, amount: Some(amount), reason: None, at: None };
            amount.is_positive().then_some((attempt.id.clone(), item))
        };
        payment.undone_captures(attempt).into_iter().filter_map(part).collect::<Vec<_>>()
    };
    payment.attempts.iter().flat_map(of).collect()
}

/// A policy's, where it has one that has not acted yet and can be carried out.
pub(crate) fn apply_policies(story: &mut Story<'_, '_>) {
    let Some(reason) = story.payment.quarantine.as_ref().map(|quarantine| quarantine.reason) else { return };
    let policies = story.policies();
    let (resolution, policy) = match reason {
        QuarantineReason::PaidTwice => match policies.paid_twice {
            PaidTwice::RefundLater => (Resolution::Refund, "paid_twice = refund_later"),
            PaidTwice::Hold => return,
        },
        QuarantineReason::PaidLate => match policies.paid_late {
            PaidLate::Refund => (Resolution::Refund, "paid_late = refund"),
            // What is accepted beforehand is never quarantined.
            PaidLate::Accept | PaidLate::Hold => return,
        },
        QuarantineReason::AmountMismatch
        | QuarantineReason::CurrencyMismatch
        | QuarantineReason::RefundExceedsCaptured
        | QuarantineReason::ReturnFailed
        | QuarantineReason::CaptureUndone => return,
    };
    // What stood before the policy was made, or could not be carried out then, waits for a person.
    if story.payment.resolved.by_policy.contains(&reason) || !story.has_quarantined(reason) {
        return;
    }
    if let Ok(wanted) = wanted(&story.payment, reason, resolution) {
        carry_out(story, reason, resolution, "decided beforehand in the config", Some(policy), wanted);
    }
}

/// What a resolution gives back.
enum Wanted {
    /// Nothing.
    Nothing,
    /// So much of each of these attempts.
    Parts(Vec<(AttemptId, Money)>),
    /// All that was taken, and what is reserved is released.
    Everything,
}

fn wanted(
    payment: &PaymentIntent,
    reason: QuarantineReason,
    resolution: Resolution,
) -> Result<Wanted, Refusal> {
    let cannot = |why| Refusal::CannotResolve { reason: reason.as_str(), why };
    match (reason, resolution) {
        // It cannot be booked here, so it cannot be given back from here: the operator did so already.
        (QuarantineReason::CurrencyMismatch, Resolution::Refund) => {
            if foreign(payment).into_iter().any(|attempt| has_own_money(payment, attempt)) {
                return Err(cannot(
                    "money of this attempt is booked, or on its way, in the payment's own currency; accept \
                     it, and refund what is booked",
                ));
            }
            Ok(Wanted::Nothing)
        }
        (QuarantineReason::RefundExceedsCaptured, Resolution::Refund) => {
            Err(cannot("nothing is left that could be given back; accept it"))
        }
        // It is not there to be given back: it is booked as gone.
        (_, Resolution::Accept) | (QuarantineReason::CaptureUndone, Resolution::Refund) => {
            Ok(Wanted::Nothing)
        }
        (QuarantineReason::PaidTwice, Resolution::Refund) => {
            let parts = surplus(payment);
            if parts.is_empty() {
                return Err(cannot("nothing can be given back any more; accept it"));
            }
            for (attempt_id, amount) in &parts {
                let attempt = payment.attempt(attempt_id).ok_or(Refusal::NoSuchAttempt)?;
                can_give_back(payment, attempt, *amount)?;
            }
            Ok(Wanted::Parts(parts))
        }
        (
            QuarantineReason::AmountMismatch | QuarantineReason::PaidLate | QuarantineReason::ReturnFailed,
            Resolution::Refund,
        ) => {
            for attempt in &payment.attempts {
                can_return(payment, attempt)?;
            }
            Ok(Wanted::Everything)
        }
    }
}

fn has_own_money(payment: &PaymentIntent, attempt: &Attempt) -> bool {
    let pending = TransferStatus::Pending;
    let capturing =
        payment.captures.iter().any(|known| known.attempt_id == attempt.id && known.status == pending);
    let refunding =
        payment.refunds.iter().any(|known| known.attempt_id == attempt.id && known.status == pending);
    attempt.captured.is_positive() || capturing || refunding
}

/// Attempts that something was said of in another currency.
fn foreign(payment: &PaymentIntent) -> Vec<&Attempt> {
    let currency = payment.amount.currency();
    payment.attempts.iter().filter(|attempt| attempt.evidence.names_another_currency(currency)).collect()
}

/// Whether the processor can undo all that an attempt took or reserved.
fn can_return(payment: &PaymentIntent, attempt: &Attempt) -> Result<(), Refusal> {
    // Facts that are not followed yet are not booked yet.
    let taken = payment.captured_by_evidence(attempt).max(attempt.captured).unwrap_or(attempt.captured);
    if taken.is_positive() && !payment.refundable(attempt).is_zero()
        || taken.minor() > attempt.captured.minor()
    {
        return can_give_back(payment, attempt, taken);
    }
    let reserved = attempt.state(payment.capture) == AttemptState::Authorized;
    if reserved && !attempt.profile.capabilities.void {
        let connector = attempt.profile.connector.clone();
        return Err(Refusal::NotSupported { connector, what: "release an authorization" });
    }
    Ok(())
}

/// What was taken beyond the amount, from the attempts that were paid last.
fn surplus(payment: &PaymentIntent) -> Vec<(AttemptId, Money)> {
    let mut left = payment.excess();
    let mut paid: Vec<_> = payment.attempts.iter().filter(|attempt| attempt.captured.is_positive()).collect();
    paid.sort_by_key(|attempt| attempt.paid_at());
    let mut parts = Vec::new();
    for attempt in paid.into_iter().rev() {
        let part = payment.refundable(attempt).min(left).unwrap_or(left);
        if part.is_positive() {
            parts.push((attempt.id.clone(), part));
            left = left.checked_sub(part).unwrap_or(Money::zero(part.currency()));
        }
    }
    parts
}

fn carry_out(
    story: &mut Story<'_, '_>,
    reason: QuarantineReason,
    resolution: Resolution,
    note: &str,
    policy: Option<&str>,
    wanted: Wanted,
) {
    let accepted = accepted(&story.payment, reason, resolution);
    story.record(Event::QuarantineResolved {
        reason,
        resolution,
        note: note.to_owned(),
        policy: policy.map(str::to_owned),
        accepted,
    });
    let called_off = matches!(wanted, Wanted::Everything) || nothing_is_left(&story.payment, reason);
    if called_off && story.payment.closed.is_none() {
        story.record(Event::Closed { why: Closed::Canceled });
    }
    if reason.blocks() {
        // What was held back is booked now, before any of it is given back.
        match &wanted {
            Wanted::Nothing | Wanted::Parts(_) => conclude(story),
            // All of it is to be given back; only then is what is left an excess.
            Wanted::Everything => {
                book(story);
                settle_status(story);
            }
        }
    }
    let why = || Some(format!("quarantine: {}", reason.as_str()));
    match wanted {
        Wanted::Nothing => {}
        Wanted::Parts(parts) => {
            for (attempt_id, amount) in parts {
                give_back(story, &attempt_id, amount, why(), BTreeMap::new());
            }
        }
        Wanted::Everything => {
            let payment = &story.payment;
            let taken: Vec<_> = payment
                .attempts
                .iter()
                .map(|attempt| (attempt.id.clone(), payment.refundable(attempt)))
                .filter(|(_, amount)| amount.is_positive())
                .collect();
            for (attempt_id, amount) in taken {
                give_back(story, &attempt_id, amount, why(), BTreeMap::new());
            }
            ask_closing(story);
        }
    }
}

/// Whether what was dealt with at the processor was all there was: no other attempt has or may have money.
fn nothing_is_left(payment: &PaymentIntent, reason: QuarantineReason) -> bool {
    let counts = payment.attempts.iter().filter(|attempt| !attempt.disowned);
    let disowned = payment.attempts.iter().any(|attempt| attempt.disowned);
    let mut states = counts.map(|attempt| attempt.state(payment.capture));
    reason == QuarantineReason::CurrencyMismatch
        && disowned
        && !states.any(|state| matches!(state, AttemptState::Captured | AttemptState::Authorized))
}

/// Everything that does not fit now, so that it is not held for the same facts again.
fn accepted(payment: &PaymentIntent, reason: QuarantineReason, resolution: Resolution) -> Accepted {
    let mut accepted = Accepted::default();
    for attempt in &payment.attempts {
        let mut named: Vec<Money> = named_amounts(payment, attempt);
        named.retain(|amount| *amount != payment.amount && !attempt.accepted.contains(amount));
        named.sort_by_key(|amount| amount.minor());
        named.dedup();
        accepted.amounts.extend(named.into_iter().map(|amount| (attempt.id.clone(), amount)));
        // What is booked already stays as it was booked.
        let pending = TransferStatus::Pending;
        for item in payment.transfers_told(attempt, ItemKind::Capture) {
            if let (Some(capture), Some(said)) = (payment.capture_named(attempt, &item), item.amount)
                && said != capture.amount
                && said.currency() == capture.amount.currency()
                && capture.status == pending
            {
                accepted.captures.push((capture.id.clone(), said));
            }
        }
        for item in payment.transfers_told(attempt, ItemKind::Refund) {
            if let (Some(refund), Some(said)) = (payment.refund_named(attempt, &item), item.amount)
                && said != refund.amount
                && said.currency() == refund.amount.currency()
                && refund.status == pending
            {
                accepted.refunds.push((refund.id.clone(), said));
            }
        }
    }
    match (reason, resolution) {
        (QuarantineReason::CurrencyMismatch, Resolution::Accept) => {
            let foreign = foreign(payment).into_iter();
            accepted.own_currency_only = foreign.map(|attempt| attempt.id.clone()).collect();
        }
        (QuarantineReason::CurrencyMismatch, Resolution::Refund) => {
            accepted.disowned = foreign(payment).into_iter().map(|attempt| attempt.id.clone()).collect();
        }
        (QuarantineReason::PaidTwice, Resolution::Accept) => {
            accepted.captured = Some(payment.amount_kept());
        }
        (QuarantineReason::RefundExceedsCaptured, Resolution::Accept) => {
            accepted.refunded = Some(payment.amount_refunded());
        }
        (
            QuarantineReason::AmountMismatch
            | QuarantineReason::PaidLate
            | QuarantineReason::ReturnFailed
            | QuarantineReason::CaptureUndone,
            Resolution::Accept,
        )
        | (_, Resolution::Refund) => {}
    }
    if reason == QuarantineReason::CaptureUndone {
        let names = |attempt: &Attempt| {
            let undone = payment.undone_captures(attempt).into_iter();
            let name = |item: ItemStanding| Some((attempt.id.clone(), item.name()?.clone()));
            undone.filter_map(name).collect::<Vec<_>>()
        };
        accepted.undone = payment.attempts.iter().flat_map(names).collect();
    }
    accepted
}

/// What the processor says that the payment is for, reserved, and took, as a whole and item by item.
fn named_amounts(payment: &PaymentIntent, attempt: &Attempt) -> Vec<Money> {
    let currency: Currency = payment.amount.currency();
    let authorized = attempt.evidence.total(Total::Authorized, currency).0;
    let captured = Some(payment.captured_by_evidence(attempt));
    let items =
        [ItemKind::Capture, ItemKind::Refund].into_iter().flat_map(|kind| attempt.evidence.items(kind));
    let items = items.filter_map(|item| item.amount);
    attempt
        .evidence
        .amounts()
        .chain(authorized)
        .chain(captured)
        .chain(items)
        .filter(|amount| amount.currency() == currency)
        .collect()
}

/// That what should be given back is neither given back nor under way: the processor refused, or took more
/// since.
pub(crate) fn return_failed(payment: &PaymentIntent) -> bool {
    payment.resolved.returned && payment.amount_kept().is_positive()
}
