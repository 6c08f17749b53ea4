//! What every processor has: a clock of its own, books of what really moved, events for its webhooks, and
//! here also a list of what the hub should not have sent.
//!
//! Invariant: the books have a line only for money that moved or was reserved, never for what was asked.

use serde_json::Value;

use super::Request;
use super::faults::Faults;
use super::outbox::{Manner, Parcel, Progress};

/// What most processors' webhooks are.
const MEDIA_TYPE: &str = "application/json; charset=utf-8";

/// What a line of the books is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moved {
    /// Reserved on the shopper's account.
    Reserved,
    /// A reservation, or what is left of one, given up.
    Released,
    /// Taken from the shopper.
    Taken,
    /// Given back to the shopper.
    GivenBack,
    /// Came back from the shopper's bank, which could not book it.
    CameBack,
    /// Taken from the merchant by the shopper's bank.
    Disputed,
    /// Given to the merchant again after a dispute.
    DisputeWon,
}

/// One line of the books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) moved: Moved,
    /// The payment, as the processor calls it.
    pub(crate) payment: String,
    /// In the processor's own minor units.
    pub(crate) amount: i64,
    pub(crate) currency: String,
}

/// The processor's books.
#[derive(Clone, Debug, Default)]
pub(crate) struct Ledger(pub(crate) Vec<Line>);

impl Ledger {
    /// How many lines of a kind there are.
    pub(crate) fn count(&self, moved: Moved) -> usize {
        self.0.iter().filter(|line| line.moved == moved).count()
    }

    /// What the lines of a kind add up to.
    pub(crate) fn total(&self, moved: Moved) -> i64 {
        self.0.iter().filter(|line| line.moved == moved).map(|line| line.amount).sum()
    }

    /// The lines of one payment.
    pub(crate) fn of(&self, payment: &str) -> Self {
        Self(self.0.iter().filter(|line| line.payment == payment).cloned().collect())
    }
}

/// One processor's desk.
#[derive(Debug, Default)]
pub(crate) struct Desk {
    /// How far its clock is ahead of the machine's, in seconds.
    pub(crate) ahead_s: i64,
    pub(crate) ledger: Ledger,
    pub(crate) faults: Faults,
    pub(crate) violations: Vec<String>,
    /// The operations of all requests to the API, oldest first. One whose answer was lost stands here as well.
    pub(crate) asked: Vec<&'static str>,
    /// These requests themselves, in the order in which they ended.
    pub(crate) requests: Vec<Request>,
    pub(crate) webhook_url: Option<String>,
    /// Signs webhooks; several while a secret is being rolled, the newest first.
    pub(crate) webhook_secrets: Vec<String>,
    pub(crate) manner: Manner,
    pub(crate) parcels: Vec<Parcel>,
    made: u64,
}

impl Desk {
    /// The processor's time, in Unix seconds.
    pub(crate) fn now_s(&self) -> i64 {
        let since = std::time::UNIX_EPOCH.elapsed().expect("a clock after 1970");
        i64::try_from(since.as_secs()).expect("a clock of this age") + self.ahead_s
    }

    /// An id that was not given before. It looks like none of another twin in the same process.
    pub(crate) fn fresh(&mut self) -> String {
        self.made += 1;
        let number = (self.made << 20) ^ u64::from(std::process::id());
        let mut letters = Vec::new();
        let mut rest = number.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        for _ in 0..13 {
            letters.push(b"ABCDEFGHJKLMNPQRSTUVWXYZabcdefgh"[usize::try_from(rest % 32).expect("small")]);
            rest /= 32;
        }
        // The count makes it unique whatever the letters are.
        format!("1Q{}{}", String::from_utf8(letters).expect("letters"), self.made)
    }

    /// Notes what the hub should not have sent.
    pub(crate) fn violation(&mut self, what: impl Into<String>) {
        self.violations.push(what.into());
    }

    pub(crate) fn book(&mut self, moved: Moved, payment: &str, amount: i64, currency: &str) {
        if amount != 0 {
            let (payment, currency) = (payment.to_owned(), currency.to_owned());
            self.ledger.0.push(Line { moved, payment, amount, currency });
        }
    }

    /// Puts an event into the outbox.
    pub(crate) fn tell(&mut self, id: &str, kind: &str, body: &Value) {
        self.tell_text(id, kind, body.to_string());
    }

    /// Puts an event into the outbox whose body is written as only this processor writes it.
    pub(crate) fn tell_text(&mut self, id: &str, kind: &str, body: String) {
        self.post(id, kind, (MEDIA_TYPE, body), None);
    }

    /// The same for one of another media type, or to an address of its own.
    pub(crate) fn post(
        &mut self,
        id: &str,
        kind: &str,
        (media_type, body): (&'static str, String),
        url: Option<&str>,
    ) {
        let progress = match self.manner {
            _ if self.webhook_url.is_none() && url.is_none() => Progress::Dropped,
            Manner::Prompt | Manner::Twice => Progress::Pending,
            Manner::Held => Progress::Held,
            Manner::Dropped => Progress::Dropped,
        };
        self.parcels.push(Parcel {
            id: id.to_owned(),
            kind: kind.to_owned(),
            body,
            media_type,
            url: url.map(str::to_owned),
            progress,
            copies: if self.manner == Manner::Twice { 2 } else { 1 },
            answered: None,
        });
    }

    /// How many requests of an operation came, lost answers counted in.
    pub(crate) fn count_asked(&self, operation: &str) -> usize {
        self.asked.iter().filter(|asked| **asked == operation).count()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_lines_add_up() {
        let mut desk = Desk::default();
        let ids: std::collections::BTreeSet<String> = (0..1_000).map(|_| desk.fresh()).collect();
        assert_eq!(ids.len(), 1_000);
        for (moved, payment, amount) in [
            (Moved::Taken, "a", 5),
            (Moved::Taken, "b", 7),
            (Moved::GivenBack, "a", 2),
            (Moved::Taken, "b", 0),
        ] {
            desk.book(moved, payment, amount, "eur");
        }
        assert_eq!((desk.ledger.count(Moved::Taken), desk.ledger.total(Moved::Taken)), (2, 12));
        assert_eq!(desk.ledger.of("a").total(Moved::GivenBack), 2);
        assert_eq!(desk.ledger.of("b").count(Moved::GivenBack), 0);
    }
}
