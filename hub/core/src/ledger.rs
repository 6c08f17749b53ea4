//! Double entry for the money that processors say moved.
//!
//! Invariant: a journal balances to zero in its one currency; the constructor refuses any other.

use processor_sdk::Money;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::payment::{DisputeStatus, PaymentIntent, TransferStatus};

/// Where money is, or to whom it is owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Account {
    /// What processors owe the merchant.
    ProcessorReceivable,
    /// What the merchant has earned.
    MerchantPayable,
    /// What shoppers' banks hold back while disputes are open.
    DisputesHeld,
}

impl Account {
    /// The name in stored rows.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ProcessorReceivable => "processor_receivable",
            Self::MerchantPayable => "merchant_payable",
            Self::DisputesHeld => "disputes_held",
        }
    }
}

/// One line: debits are positive, credits negative.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Account.
    pub account: Account,
    /// Amount, never zero.
    pub amount: Money,
}

/// A balanced set of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Journal {
    memo: &'static str,
    entries: Vec<Entry>,
}

/// The lines do not balance, are empty, or mix currencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a journal must balance to zero in one currency")]
pub struct Unbalanced;

impl Journal {
    /// A journal of these lines.
    ///
    /// # Errors
    /// [`Unbalanced`].
    pub fn new(memo: &'static str, entries: Vec<Entry>) -> Result<Self, Unbalanced> {
        let first = entries.first().ok_or(Unbalanced)?;
        let mut total = Money::zero(first.amount.currency());
        for entry in &entries {
            if entry.amount.is_zero() {
                return Err(Unbalanced);
            }
            total = total.checked_add(entry.amount).map_err(|_| Unbalanced)?;
        }
        if total.is_zero() { Ok(Self { memo, entries }) } else { Err(Unbalanced) }
    }

    /// What it is about.
    #[must_use]
    pub const fn memo(&self) -> &'static str {
        self.memo
    }

    /// Its lines.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn transfer(memo: &'static str, debit: Account, credit: Account, amount: Money) -> Option<Self> {
        let opposite = amount.checked_neg().ok()?;
        let entries = vec![Entry { account: debit, amount }, Entry { account: credit, amount: opposite }];
        Self::new(memo, entries).ok()
    }
}

/// What an event means for the books, given the payment just before it; often nothing.
#[must_use]
pub fn post(before: &PaymentIntent, event: &Event) -> Option<Journal> {
    use Account::{DisputesHeld, MerchantPayable, ProcessorReceivable};
    match event {
        Event::MoneyCaptured { amount, .. } => {
            Journal::transfer("capture", ProcessorReceivable, MerchantPayable, *amount)
        }
        Event::RefundSettled { refund_id, status, .. } => {
            let refund = before.refunds.iter().find(|refund| refund.id == *refund_id)?;
            let was_done = refund.status == TransferStatus::Succeeded;
            match status {
                TransferStatus::Succeeded if !was_done => {
                    Journal::transfer("refund", MerchantPayable, ProcessorReceivable, refund.amount)
                }
                TransferStatus::Failed if was_done => {
                    Journal::transfer("refund returned", ProcessorReceivable, MerchantPayable, refund.amount)
                }
                TransferStatus::Succeeded | TransferStatus::Failed | TransferStatus::Pending => None,
            }
        }
        Event::DisputeRecorded { dispute } => {
            Journal::transfer("dispute opened", DisputesHeld, ProcessorReceivable, dispute.amount)
        }
        Event::DisputeSettled { dispute_id, status } => {
            let dispute = before.disputes.iter().find(|dispute| dispute.id == *dispute_id)?;
            dispute_journal(dispute.status, *status, dispute.amount)
        }
        Event::Created { .. }
        | Event::AttemptStarted { .. }
        | Event::AttemptSuperseded { .. }
        | Event::DoorOpened { .. }
        | Event::ShopperReturned { .. }
        | Event::OperationAsked { .. }
        | Event::OperationNotSent { .. }
        | Event::OperationUnknown { .. }
        | Event::OperationDone { .. }
        | Event::OperationGivenUp { .. }
        | Event::FactsHeard { .. }
        | Event::CheckScheduled { .. }
        | Event::AttemptDeclined { .. }
        | Event::CaptureDue { .. }
        | Event::CaptureRecorded { .. }
        | Event::CaptureSettled { .. }
        | Event::RefundRecorded { .. }
        | Event::CancelRequested
        | Event::CancelFailed { .. }
        | Event::Closed { .. }
        | Event::Quarantined { .. }
        | Event::QuarantineResolved { .. }
        | Event::SettledByHand { .. }
        | Event::PersonalDataErased
        | Event::Restored { .. }
        | Event::Reconciled { .. }
        | Event::RestLapsed { .. }
        | Event::StatusChanged { .. }
        | Event::ErrorNoted { .. } => None,
    }
}

/// Moves a dispute's money from where its old status put it to where its new one does.
fn dispute_journal(from: DisputeStatus, to: DisputeStatus, amount: Money) -> Option<Journal> {
    let place = |status| match status {
        DisputeStatus::Open => Account::DisputesHeld,
        DisputeStatus::Won => Account::ProcessorReceivable,
        DisputeStatus::Lost => Account::MerchantPayable,
    };
    if from == to {
        return None;
    }
    let memo = match to {
        DisputeStatus::Open => "dispute reopened",
        DisputeStatus::Won => "dispute won",
        DisputeStatus::Lost => "dispute lost",
    };
    Journal::transfer(memo, place(to), place(from), amount)
}

#[cfg(test)]
mod tests {
    use processor_sdk::Currency;

    use super::*;

    fn entry(account: Account, minor: i64, currency: &str) -> Entry {
        Entry { account, amount: Money::new(minor, Currency::parse(currency).unwrap()).unwrap() }
    }

    #[test]
    fn only_balanced_lines_in_one_currency_are_a_journal() {
        use Account::{DisputesHeld, MerchantPayable, ProcessorReceivable};
        let huge = processor_sdk::MINOR_UNITS_MAX;
        for (lines, good) in [
            (vec![(ProcessorReceivable, 100, "EUR"), (MerchantPayable, -100, "EUR")], true),
            (
                vec![
                    (ProcessorReceivable, 100, "EUR"),
                    (DisputesHeld, -40, "EUR"),
                    (MerchantPayable, -60, "EUR"),
                ],
                true,
            ),
            (vec![], false),
            (vec![(ProcessorReceivable, 100, "EUR")], false),
            (vec![(ProcessorReceivable, 100, "EUR"), (MerchantPayable, -99, "EUR")], false),
            (vec![(ProcessorReceivable, 100, "EUR"), (MerchantPayable, -100, "USD")], false),
            (vec![(ProcessorReceivable, 0, "EUR")], false),
            (vec![(ProcessorReceivable, 0, "EUR"), (MerchantPayable, 0, "EUR")], false),
            (
                vec![(ProcessorReceivable, 1, "EUR"), (DisputesHeld, 0, "EUR"), (MerchantPayable, -1, "EUR")],
                false,
            ),
            (
                vec![
                    (ProcessorReceivable, huge, "EUR"),
                    (DisputesHeld, huge, "EUR"),
                    (MerchantPayable, -huge, "EUR"),
                ],
                false,
            ),
        ] {
            let entries =
                lines.iter().map(|(account, minor, currency)| entry(*account, *minor, currency)).collect();
            assert_eq!(Journal::new("test", entries).is_ok(), good, "{lines:?}");
        }
    }

    #[test]
    fn a_dispute_moves_between_its_places_and_back() {
        use DisputeStatus::{Lost, Open, Won};
        let amount = entry(Account::DisputesHeld, 100, "EUR").amount;
        for (from, to, memo) in [
            (Open, Won, Some("dispute won")),
            (Open, Lost, Some("dispute lost")),
            (Won, Lost, Some("dispute lost")),
            (Lost, Won, Some("dispute won")),
            (Lost, Open, Some("dispute reopened")),
            (Open, Open, None),
        ] {
            let journal = dispute_journal(from, to, amount);
            assert_eq!(journal.as_ref().map(Journal::memo), memo, "{from:?} to {to:?}");
            let back = dispute_journal(to, from, amount);
            let balance = |journal: &Option<Journal>, account| -> i64 {
                let entries = journal.iter().flat_map(Journal::entries);
                entries.filter(|entry| entry.account == account).map(|entry| entry.amount.minor()).sum()
            };
            for account in [Account::ProcessorReceivable, Account::MerchantPayable, Account::DisputesHeld] {
                assert_eq!(balance(&journal, account) + balance(&back, account), 0, "{from:?} to {to:?}");
            }
        }
    }
}
