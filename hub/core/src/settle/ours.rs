//! Captures and refunds of ours seen as one: requests that moved money or should, and that a processor may tell of
//! without our name.

use processor_sdk::{ItemKind, Money, Timestamp};

use crate::payment::{Attempt, PaymentIntent, Subject, TransferStatus};

/// A capture or refund that was asked for here, not one that was made at the processor.
pub(crate) struct Ours<'a> {
    pub(crate) subject: Subject,
    pub(crate) echo: &'a str,
    pub(crate) amount: Money,
    pub(crate) asked_at: Timestamp,
    pub(crate) processor_id: Option<&'a String>,
    pub(crate) status: TransferStatus,
}

impl PaymentIntent {
    /// The captures or refunds that were asked for through an attempt, oldest first; nothing of another kind.
    pub(crate) fn ours(&self, attempt: &Attempt, kind: ItemKind) -> Vec<Ours<'_>> {
        let captures = self.captures.iter().filter(|known| kind == ItemKind::Capture && !known.observed);
        let captures = captures.filter(|known| known.attempt_id == attempt.id).map(|known| Ours {
            subject: Subject::Capture(known.id.clone()),
            echo: known.id.echo(),
            amount: known.amount,
            asked_at: known.created_at,
            processor_id: known.processor_id.as_ref(),
            status: known.status,
        });
        let refunds = self.refunds.iter().filter(|known| kind == ItemKind::Refund && !known.observed);
        let refunds = refunds.filter(|known| known.attempt_id == attempt.id).map(|known| Ours {
            subject: Subject::Refund(known.id.clone()),
            echo: known.id.echo(),
            amount: known.amount,
            asked_at: known.created_at,
            processor_id: known.processor_id.as_ref(),
            status: known.status,
        });
        captures.chain(refunds).collect()
    }
}
