//! Whether what is stored agrees with itself: every payment with its history, its books, and all that leads to it.
//!
//! Reads page by page and never writes, so that it may run beside a hub. A payment that changes while it is read
//! is read again, so that all of its rows are from one moment.
//!
//! Invariant: a finding says what is wrong and of which payment, never what a shopper or a secret is known by.

use std::fmt;

use hub_core::chain::EventHash;
use serde::Serialize;

use crate::store::StoreError;
use crate::store::look::Look;
use crate::store::sql::audit::{self, Place};
use crate::store::sql::indexes::{self, Index};

mod index;
mod payment;
mod roots;

#[cfg(test)]
mod tests;

/// How many findings are listed; the others are counted.
pub const FINDINGS_LISTED_MAX: usize = 1_000;

/// What was compared with what.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// The state can be read.
    State,
    /// Each event can be read.
    Event,
    /// Versions have no gaps and end at the payment's.
    Versions,
    /// The events fold into the state.
    Fold,
    /// Each event carries the hash of the one before it, and the state that of the last one.
    Chain,
    /// Signed roots follow each other, and what they cover is there.
    Roots,
    /// The columns beside the state say what it says.
    Columns,
    /// Every journal balances.
    Balance,
    /// Journals are those that the events call for.
    Journals,
    /// The books say what was captured, given back and disputed.
    Books,
    /// Attempts are found by what comes back of them.
    Attempts,
    /// So are they by their processors' ids.
    References,
    /// Refunds and disputes are found by their ids.
    Transfers,
    /// The merchant hears of every event, in order.
    PublicEvents,
    /// What is to be delivered has a job.
    Deliveries,
    /// What a payment wants done has a job.
    Jobs,
    /// An order reference is held by an open payment.
    OpenReferences,
    /// A delivery that was not read yet has a job.
    Inbox,
    /// A row belongs to a payment that is there.
    Owner,
}

impl Check {
    /// Its word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::State => "state",
            Self::Event => "event",
            Self::Versions => "versions",
            Self::Fold => "fold",
            Self::Chain => "chain",
            Self::Roots => "roots",
            Self::Columns => "columns",
            Self::Balance => "balance",
            Self::Journals => "journals",
            Self::Books => "books",
            Self::Attempts => "attempts",
            Self::References => "references",
            Self::Transfers => "transfers",
            Self::PublicEvents => "public_events",
            Self::Deliveries => "deliveries",
            Self::Jobs => "jobs",
            Self::OpenReferences => "open_references",
            Self::Inbox => "inbox",
            Self::Owner => "owner",
        }
    }
}

/// Something that does not agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub check: Check,
    /// Of which payment; nothing where a row belongs to none.
    pub payment_intent: Option<String>,
    pub expected: String,
    pub found: String,
}

impl fmt::Display for Finding {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let of = self.payment_intent.as_deref().unwrap_or("no payment");
        write!(formatter, "{of}: {}: expected {}; found {}", self.check.as_str(), self.expected, self.found)
    }
}

/// The last signed root of a merchant and mode, to be compared with the one that the hub logged.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SignedUpTo {
    pub merchant: String,
    pub livemode: bool,
    pub number: u64,
    pub root: EventHash,
}

/// What was read, and what was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    pub payments: u64,
    pub events: u64,
    pub journals: u64,
    /// Signed roots.
    pub roots: u64,
    /// The last root of each merchant and mode.
    pub signed: Vec<SignedUpTo>,
    /// The first of them.
    pub findings: Vec<Finding>,
    /// How many more there are.
    pub findings_not_listed: u64,
}

impl Report {
    /// That everything agrees.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, findings: Vec<Finding>) {
        for finding in findings {
            if self.findings.len() < FINDINGS_LISTED_MAX {
                self.findings.push(finding);
            } else {
                self.findings_not_listed = self.findings_not_listed.saturating_add(1);
            }
        }
    }
}

/// Reads every payment of every merchant and mode, and then what leads to payments and what covers them.
/// `signer` is the public key of the hub's sealing key ([`crate::history_roots::RootSigner`]); without it a
/// signed root is only held against the key that it names itself.
///
/// # Errors
/// [`StoreError`] when not everything could be read.
pub async fn verify(look: &dyn Look, signer: Option<&str>) -> Result<Report, StoreError> {
    let mut report = Report::default();
    let mut after = Place { merchant_id: String::new(), livemode: false, id: String::new() };
    loop {
        let page = audit::payments(look, &after).await?;
        let Some((last, _)) = page.last() else { break };
        after = last.clone();
        for (place, state) in page {
            let Some(rows) = audit::payment(look, &place, state).await? else {
                let (expected, found) = ("a payment that stays".to_owned(), "that it is gone".to_owned());
                let payment_intent = Some(place.id);
                report.add(vec![Finding { check: Check::Owner, payment_intent, expected, found }]);
                continue;
            };
            report.payments = report.payments.saturating_add(1);
            report.events = report.events.saturating_add(counted(rows.events.len()));
            report.journals = report.journals.saturating_add(counted(rows.journals.len()));
            report.add(payment::check(&rows));
        }
    }
    for index in Index::ALL {
        let mut after = None;
        loop {
            let (rows, last) = indexes::rows_after(look, index, after.as_ref()).await?;
            report.add(rows.iter().filter_map(|row| index::check(index, row)).collect());
            match last {
                Some(last) => after = Some(last),
                None => break,
            }
        }
    }
    roots::check(look, signer, &mut report).await?;
    Ok(report)
}

fn counted(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
