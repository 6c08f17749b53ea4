//! What a payment's parts add up to: states, amounts, what may still be asked. Read, never stored.
//!
//! Invariant: money that moved stays moved, whatever is said later.

use processor_sdk::{
    CaptureMode, Decline, ItemKind, ItemState, Money, OperationKind, ReferenceKind, Timestamp, Word,
};

use crate::evidence::{ItemStanding, Total};
use crate::ids::{AttemptId, OperationId};
use crate::payment::{
    Attempt, AttemptState, Capture, DisputeStatus, Operation, OperationState, PaymentIntent, Refund, Status,
    Subject, TransferStatus,
};
use crate::planted::{Bug, planted};

pub(crate) fn sum<'a>(zero: Money, amounts: impl Iterator<Item = &'a Money>) -> Money {
    // Amounts here are bounded by what the constructor of `Money` lets in; a sum beyond that saturates at
    // its limit, which refuses every further request instead of allowing one.
    amounts.fold(zero, |total, amount| {
        total
            .checked_add(*amount)
            .unwrap_or_else(|_| Money::new(processor_sdk::MINOR_UNITS_MAX, zero.currency()).unwrap_or(zero))
    })
}

/// What is left of `left`, at least nothing.
pub(crate) fn less(left: Money, right: Money) -> Money {
    match left.checked_sub(right) {
        Ok(rest) if rest.is_positive() => rest,
        Ok(_) | Err(_) => Money::zero(left.currency()),
    }
}

impl Attempt {
    /// Where it stands, read from everything ever said.
    ///
    /// Paid and authorized are sticky: only a later void takes an authorization back. Among the other words
    /// the latest counts.
    #[must_use]
    pub fn state(&self, asked: CaptureMode) -> AttemptState {
        if self.disowned {
            return AttemptState::Expired;
        }
        if self.captured.is_positive() || self.money_taken(asked) {
            return AttemptState::Captured;
        }
        if self.evidence.said(&Word::Authorized).is_some() {
            return if self.is_released() { AttemptState::Voided } else { AttemptState::Authorized };
        }
        match self.evidence.latest_word() {
            Some(Word::Open) => AttemptState::Open,
            Some(Word::NeedsCompletion) => AttemptState::Approved,
            Some(Word::Pending) => AttemptState::Pending,
            Some(Word::Declined) => AttemptState::Declined,
            Some(Word::Voided) => AttemptState::Voided,
            Some(Word::Expired) => AttemptState::Expired,
            Some(Word::Unknown(_)) => AttemptState::Unknown,
            // Unreachable here, for both are sticky above.
            Some(Word::Authorized) => AttemptState::Authorized,
            Some(Word::Paid) => AttemptState::Captured,
            None if self.operations.iter().any(|asked| asked.is_open() && asked.first_sent_at.is_some()) => {
                AttemptState::Unknown
            }
            None if self.not_sent => AttemptState::NotSent,
            None if self.operations.iter().any(|operation| operation.first_sent_at.is_some()) => {
                AttemptState::Unknown
            }
            None => AttemptState::Created,
        }
    }

    /// That what was reserved, or the rest of it, is released.
    #[must_use]
    pub fn is_released(&self) -> bool {
        let authorized = self.evidence.said(&Word::Authorized);
        let voided = self.evidence.said(&Word::Voided);
        voided.is_some_and(|voided| authorized.is_none_or(|authorized| voided.time() >= authorized.time()))
            || self.evidence.items(ItemKind::Void).iter().any(|void| void.state == ItemState::Succeeded)
            || self.rest_lapsed
    }

    /// That the processor says that it took money.
    pub(crate) fn money_taken(&self, asked: CaptureMode) -> bool {
        self.is_captured_silently(asked)
            || self.evidence.said(&Word::Paid).is_some()
            || self.evidence.items(ItemKind::Capture).iter().any(|item| item.ever_succeeded)
            || self
                .evidence
                .total(Total::Captured, self.captured.currency())
                .0
                .is_some_and(|total| total.is_positive())
    }

    /// Captures that are booked and that the processor says it did not do after all. Where it can be asked, only
    /// once it was asked since; where it cannot, whichever of the two it said last: it may have been overtaken.
    #[must_use]
    pub fn undone_captures(&self, asked: CaptureMode) -> Vec<ItemStanding> {
        let mut items = self.evidence.items(ItemKind::Capture);
        let silent =
            self.is_captured_silently(asked) && !items.iter().any(|item| item.state == ItemState::Succeeded);
        let tells = self.profile.capabilities.fetch_payment.tells_of_transfers();
        items.retain(|item| {
            let Some(failed) = self.evidence.first_failed(item) else { return false };
            let was_asked = self.checked_at.is_some_and(|checked_at| checked_at > failed);
            (item.ever_succeeded || silent)
                && (!tells || (was_asked && item.state == ItemState::Failed))
                && self.captured.is_positive()
        });
        items
    }

    /// That an authorization is all that the processor says of money that it takes by itself.
    fn is_captured_silently(&self, asked: CaptureMode) -> bool {
        self.profile.capabilities.silent_auto_capture
            && asked == CaptureMode::Automatic
            && self.evidence.said(&Word::Authorized).is_some()
    }

    /// What is reserved by the processor's word, taken money included.
    #[must_use]
    pub fn authorized_by_evidence(&self, amount: Money) -> Money {
        let stated =
            self.evidence.total(Total::Authorized, amount.currency()).0.or_else(|| self.stated(amount));
        // What was taken had been reserved, even where the processor never said so.
        let reserved = self.evidence.said(&Word::Authorized).is_some() || self.captured.is_positive();
        if reserved { stated.unwrap_or(amount) } else { Money::zero(amount.currency()) }
    }

    /// The sum that the processor names for this attempt as a whole: what it reserved, or else what it says that the
    /// checkout is for. It may be another than what was asked, and is the one that counts then.
    fn stated(&self, asked: Money) -> Option<Money> {
        let reserved = self.evidence.total(Total::Authorized, asked.currency()).0;
        reserved
            .filter(Money::is_positive)
            .or_else(|| self.evidence.amount(asked.currency()).filter(|_| !planted(Bug::BookTheAskedSum)))
    }

    /// When it was paid, by what was said of it.
    #[must_use]
    pub fn paid_at(&self) -> Option<Timestamp> {
        let said = [Word::Paid, Word::Authorized].map(|word| self.evidence.said(&word));
        said.into_iter().flatten().map(|heard| heard.time()).min()
    }

    /// The first known processor id of a kind.
    #[must_use]
    pub fn reference(&self, kind: ReferenceKind) -> Option<&str> {
        let references = self.evidence.references();
        references.iter().find(|reference| reference.kind == kind).map(|reference| reference.id.as_str())
    }

    /// The decline that stands, when it stands declined.
    #[must_use]
    pub fn decline(&self) -> Option<&Decline> {
        self.evidence.decline()
    }

    /// An operation by id.
    #[must_use]
    pub fn operation(&self, id: &OperationId) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.id == *id)
    }

    /// The open operation of a kind, if there is one.
    #[must_use]
    pub fn open_operation(&self, kind: OperationKind) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.kind == kind && operation.is_open())
    }

    /// The newest operation of a kind, open or not.
    #[must_use]
    pub fn last_operation(&self, kind: OperationKind) -> Option<&Operation> {
        self.operations.iter().rev().find(|operation| operation.kind == kind)
    }

    /// The operation about a transfer.
    pub(crate) fn operation_about(&self, subject: &Subject) -> Option<&Operation> {
        self.operations.iter().find(|operation| operation.subject == *subject)
    }

    /// True while a page of it may exist that somebody could pay at, though nothing was ever heard of it.
    #[must_use]
    pub fn is_payable_orphan(&self) -> bool {
        let scheduled =
            self.open_operation(OperationKind::OpenCheckout).is_some_and(|open| match open.state {
                OperationState::Asked { .. } | OperationState::Unknown { .. } => true,
                OperationState::Stuck | OperationState::Done | OperationState::GivenUp => false,
            });
        scheduled
            || self.door_opened_at.is_some()
            || self.evidence.latest_word().is_some()
            || self.profile.capabilities.orphan_session_payable
    }
}

impl PaymentIntent {
    /// Captures of an attempt that the processor took back by its word, and that nobody has looked at yet.
    #[must_use]
    pub fn undone_captures(&self, attempt: &Attempt) -> Vec<ItemStanding> {
        let mut items = attempt.undone_captures(self.capture);
        let seen = self.resolved.undone.iter().filter(|(attempt_id, _)| *attempt_id == attempt.id);
        let seen: Vec<_> = seen.map(|(_, name)| name).collect();
        items.retain(|item| !seen.iter().any(|name| item.is_called(name)));
        items
    }

    /// Attempts that may have reached a processor: those the shopper's tries are counted by.
    #[must_use]
    pub fn attempts_sent(&self) -> usize {
        self.attempts.iter().filter(|attempt| attempt.state(self.capture) != AttemptState::NotSent).count()
    }

    /// An attempt by id.
    #[must_use]
    pub fn attempt(&self, id: &AttemptId) -> Option<&Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == *id)
    }

    /// The attempt whose door the shopper should be shown: the newest that nothing took the place of.
    #[must_use]
    pub fn current_attempt(&self) -> Option<&Attempt> {
        self.attempts.iter().rev().find(|attempt| !attempt.superseded)
    }

    /// The capture of ours or of the dashboard that an item speaks of.
    #[must_use]
    pub fn capture_named(&self, attempt: &Attempt, item: &ItemStanding) -> Option<&Capture> {
        let of_attempt = || self.captures.iter().filter(|capture| capture.attempt_id == attempt.id);
        of_attempt().find(|capture| item.echoes.contains(capture.id.echo())).or_else(|| {
            // What carries its echo is it; an item that only looked like it is another.
            let echoed = |echo| attempt.evidence.has_echo(ItemKind::Capture, echo);
            let named =
                |capture: &&Capture| capture.processor_id.as_ref().is_some_and(|name| item.is_called(name));
            of_attempt().filter(named).find(|capture| !echoed(capture.id.echo()))
        })
    }

    /// The refund of ours or of the dashboard that an item speaks of.
    #[must_use]
    pub fn refund_named(&self, attempt: &Attempt, item: &ItemStanding) -> Option<&Refund> {
        let of_attempt = || self.refunds.iter().filter(|refund| refund.attempt_id == attempt.id);
        of_attempt().find(|refund| item.echoes.contains(refund.id.echo())).or_else(|| {
            // What carries its echo is it; an item that only looked like it is another.
            let echoed = |echo| attempt.evidence.has_echo(ItemKind::Refund, echo);
            let named =
                |refund: &&Refund| refund.processor_id.as_ref().is_some_and(|name| item.is_called(name));
            of_attempt().filter(named).find(|refund| !echoed(refund.id.echo()))
        })
    }

    /// What the processor says an attempt took: the larger of the stated total and the sum of its captures;
    /// where it only says "paid", what was asked of it.
    #[must_use]
    pub fn captured_by_evidence(&self, attempt: &Attempt) -> Money {
        let zero = Money::zero(self.amount.currency());
        if attempt.disowned || !attempt.money_taken(self.capture) {
            return zero;
        }
        let stated = attempt.evidence.total(Total::Captured, self.amount.currency()).0.unwrap_or(zero);
        let captures = self.transfers_told(attempt, ItemKind::Capture);
        let done = captures.iter().filter(|item| item.ever_succeeded).filter_map(|item| {
            item.amount.or_else(|| self.capture_named(attempt, item).map(|capture| capture.amount))
        });
        // What is named in another currency cannot be added.
        let done = done.filter(|amount| amount.currency() == self.amount.currency());
        let summed = sum(zero, done.collect::<Vec<_>>().iter());
        let largest = stated.max(summed).unwrap_or(stated);
        if largest.is_positive() { largest } else { self.captured_without_amounts(attempt) }
    }

    /// "Paid" and not how much: what we asked to capture by then, or all that the processor says it is for where we
    /// asked for nothing; the order's amount only where nothing at all was named.
    fn captured_without_amounts(&self, attempt: &Attempt) -> Money {
        let asked: Vec<_> = self
            .captures
            .iter()
            .filter(|capture| capture.attempt_id == attempt.id && !capture.observed)
            .filter(|capture| capture.status != TransferStatus::Failed)
            .collect();
        if self.capture == CaptureMode::Automatic || asked.is_empty() {
            return attempt.stated(self.amount).unwrap_or(self.amount);
        }
        // No more than it is for, whatever we asked.
        let most = attempt.stated(self.amount).unwrap_or(self.amount);
        let paid_at = attempt.evidence.said(&Word::Paid).map(|paid| paid.time());
        let (pending, done): (Vec<_>, Vec<_>) =
            asked.into_iter().partition(|capture| capture.status == TransferStatus::Pending);
        let done = sum(Money::zero(self.amount.currency()), done.into_iter().map(|capture| &capture.amount));
        match pending.as_slice() {
            // An earlier "paid" was about an earlier capture.
            [only] if paid_at.is_some_and(|paid_at| paid_at >= only.created_at) => {
                let all = done.checked_add(only.amount).unwrap_or(done);
                all.min(most).unwrap_or(all)
            }
            // Several are under way: which of them it was, their own answers will say.
            [] | [_, ..] => done.min(most).unwrap_or(done),
        }
    }

    /// Taken, over all attempts.
    #[must_use]
    pub fn amount_captured(&self) -> Money {
        sum(Money::zero(self.amount.currency()), self.attempts.iter().map(|attempt| &attempt.captured))
    }

    /// Reserved and not taken, less what is already asked for; never more than is left to collect.
    #[must_use]
    pub fn amount_capturable(&self) -> Money {
        let zero = Money::zero(self.amount.currency());
        let attempts = self.attempts.iter().map(|attempt| self.capturable(attempt)).collect::<Vec<_>>();
        let sum = sum(zero, attempts.iter());
        sum.min(self.left_to_collect()).unwrap_or(zero)
    }

    fn left_to_collect(&self) -> Money {
        let pending = self.captures.iter().filter(|capture| capture.status == TransferStatus::Pending);
        let asked = sum(Money::zero(self.amount.currency()), pending.map(|capture| &capture.amount));
        less(less(self.amount, self.amount_captured()), asked)
    }

    /// Reserved and not taken in one attempt, less what is already asked for.
    #[must_use]
    pub fn capturable(&self, attempt: &Attempt) -> Money {
        let zero = Money::zero(self.amount.currency());
        let of_attempt = || self.captures.iter().filter(|capture| capture.attempt_id == attempt.id);
        // A final capture releases the rest; until it has failed, there is no rest to ask for.
        let ended = of_attempt().any(|capture| capture.is_final && capture.status != TransferStatus::Failed);
        let voiding = attempt.open_operation(OperationKind::Void).is_some();
        let over = self.capture == CaptureMode::Automatic || self.status.is_end();
        // What was dealt with at the processor is nothing of this payment any more.
        if over || ended || voiding || attempt.disowned || attempt.is_released() {
            return zero;
        }
        let asked = of_attempt().filter(|capture| capture.status == TransferStatus::Pending);
        let asked = sum(zero, asked.map(|capture| &capture.amount));
        let left = less(less(attempt.authorized_by_evidence(self.amount), attempt.captured), asked);
        // Two attempts may both hold a reservation; the order is collected once.
        left.min(self.left_to_collect()).unwrap_or(zero)
    }

    /// Captures that we asked for, that were not refused, and that no word of the processor's overruled: never
    /// more than was reserved, whatever was said afterwards.
    #[must_use]
    pub fn captures_asked(&self) -> Money {
        let asked = |capture: &&Capture| {
            !capture.observed && !capture.overruled && capture.status != TransferStatus::Failed
        };
        let asked = self.captures.iter().filter(asked);
        sum(Money::zero(self.amount.currency()), asked.map(|capture| &capture.amount))
    }

    /// Refunds that we asked for, likewise: never more than was taken.
    #[must_use]
    pub fn refunds_asked(&self) -> Money {
        let asked = |refund: &&Refund| {
            !refund.observed && !refund.overruled && refund.status != TransferStatus::Failed
        };
        let asked = self.refunds.iter().filter(asked);
        sum(Money::zero(self.amount.currency()), asked.map(|refund| &refund.amount))
    }

    /// Given back for certain.
    #[must_use]
    pub fn amount_refunded(&self) -> Money {
        let done = self.refunds.iter().filter(|refund| refund.status == TransferStatus::Succeeded);
        sum(Money::zero(self.amount.currency()), done.map(|refund| &refund.amount))
    }

    /// Asked to be given back, not done: reserved.
    #[must_use]
    pub fn amount_refund_pending(&self) -> Money {
        let pending = self.refunds.iter().filter(|refund| refund.status == TransferStatus::Pending);
        sum(Money::zero(self.amount.currency()), pending.map(|refund| &refund.amount))
    }

    /// Given back or asked to be given back through one attempt.
    #[must_use]
    pub fn refunds_standing(&self, attempt: &Attempt) -> Money {
        let standing = self
            .refunds
            .iter()
            .filter(|refund| refund.attempt_id == attempt.id && refund.status != TransferStatus::Failed);
        sum(Money::zero(self.amount.currency()), standing.map(|refund| &refund.amount))
    }

    /// Taken back by the shopper's bank, for now or for good.
    #[must_use]
    pub fn amount_disputed(&self) -> Money {
        let standing = self.disputes.iter().filter(|dispute| dispute.status != DisputeStatus::Won);
        sum(Money::zero(self.amount.currency()), standing.map(|dispute| &dispute.amount))
    }

    /// What may still be refunded through one attempt.
    #[must_use]
    pub fn refundable(&self, attempt: &Attempt) -> Money {
        let disputes = self
            .disputes
            .iter()
            .filter(|dispute| dispute.attempt_id == attempt.id && dispute.status != DisputeStatus::Won);
        let gone = sum(self.refunds_standing(attempt), disputes.map(|dispute| &dispute.amount));
        less(attempt.captured, gone)
    }

    /// Until when the cart can capture, where the processor says so.
    #[must_use]
    pub fn capture_before(&self) -> Option<Timestamp> {
        self.attempts.iter().filter_map(|attempt| self.capture_before_of(attempt)).min()
    }

    /// Until when the cart can capture what this attempt reserved, or what is left of it.
    #[must_use]
    pub fn capture_before_of(&self, attempt: &Attempt) -> Option<Timestamp> {
        let waits = self.status == Status::RequiresCapture && self.capturable(attempt).is_positive();
        attempt.evidence.capture_before().filter(|_| waits)
    }

    /// Taken, and neither given back, about to be, nor taken back by a bank.
    #[must_use]
    pub fn amount_kept(&self) -> Money {
        let kept = self.attempts.iter().map(|attempt| self.refundable(attempt)).collect::<Vec<_>>();
        sum(Money::zero(self.amount.currency()), kept.iter())
    }

    /// Kept beyond the amount, and beyond what was accepted.
    #[must_use]
    pub fn excess(&self) -> Money {
        let enough = self.resolved.captured_up_to.unwrap_or(self.amount).max(self.amount);
        less(self.amount_kept(), enough.unwrap_or(self.amount))
    }

    /// The order counts as paid: the whole amount is taken, and not for a payment that has ended without it.
    #[must_use]
    pub fn is_paid_in_full(&self) -> bool {
        let ended = self.status.is_end() && self.status != Status::Succeeded;
        !ended && self.amount_captured().minor() >= self.amount.minor()
    }

    /// True while a person should find out what became of an operation: it is in doubt for long or for good, or it was
    /// answered by a processor that tells nothing of the money it was to move.
    #[must_use]
    pub fn waits_for_person_about(&self, attempt: &Attempt, operation: &Operation) -> bool {
        let kind = match operation.subject {
            Subject::Capture(_) => Some(ItemKind::Capture),
            Subject::Refund(_) => Some(ItemKind::Refund),
            Subject::Payment => None,
        };
        let is_untold = kind.is_some_and(|kind| {
            self.ours(attempt, kind).iter().any(|ours| {
                ours.subject == operation.subject
                    && ours.status == TransferStatus::Pending
                    && ours.processor_id.is_none()
                    && !attempt.evidence.has_echo(kind, ours.echo)
            })
        });
        let looked_in_vain = attempt.check.is_some_and(|check| check.overdue);
        operation.is_for_person() || (is_untold && looked_in_vain && !operation.is_open())
    }

    /// True while something of it waits for a person: a quarantine, or an operation.
    #[must_use]
    pub fn waits_for_person(&self) -> bool {
        let waits = |attempt: &Attempt| {
            attempt.operations.iter().any(|operation| self.waits_for_person_about(attempt, operation))
        };
        self.quarantine.is_some() || self.attempts.iter().any(waits)
    }

    /// True while a processor's facts must not be followed until an operator has looked.
    #[must_use]
    pub fn is_blocked(&self) -> bool {
        self.quarantine.as_ref().is_some_and(|quarantine| quarantine.reason.blocks())
    }

    /// True while a processor has still to say what happened since the backup that the payment came out of.
    #[must_use]
    pub fn is_unreconciled(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.restored && !attempt.disowned)
    }
}
