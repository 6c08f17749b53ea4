//! Looking for what has no id yet: payments and refunds by our echo, in the lists of records.
//!
//! Authorize.Net gives no id when a page is opened and none when the shopper comes back, and a lost answer
//! takes the id with it. What is not settled yet stands in one list, newest first; once a day it moves into a
//! batch. So the first list is read before the batches: what moves meanwhile is seen twice, not missed.
//!
//! Invariant: "not there" is said only after every list that it could stand in was read to its end.

use std::collections::BTreeSet;

use processor_sdk::{Dialogue, Fault, Flow, HttpRequest, Json, Money, Timestamp};

use crate::requests::{self, Account};
use crate::{amounts, wire, words};

/// Entries of one page, of at most 1000 that Authorize.Net gives: half of what the hub would read at once.
const PAGE_ENTRIES: usize = 250;
/// Requests of one search.
const READS_MAX: usize = 10;

/// What is looked for, and when it was made at the earliest and settled at the latest.
#[derive(Clone, Copy)]
pub(crate) struct Wanted<'a> {
    pub(crate) echo: &'a str,
    /// The payment's echo and the amount, where a refund is looked for that may have lost its own echo.
    pub(crate) refund_of: Option<(&'a str, Money)>,
    pub(crate) since: Timestamp,
    pub(crate) until: Timestamp,
}

/// One line of a list.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) id: String,
    pub(crate) status: String,
    pub(crate) echo: Option<String>,
    pub(crate) submitted_at: Timestamp,
}

impl Entry {
    /// By its status, because lists do not tell the type.
    fn is_refund(&self) -> bool {
        self.status.starts_with("refund")
    }
}

/// What was found, newest first.
pub(crate) fn find(
    account: Account<'_>,
    wanted: Wanted<'_>,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Vec<Entry>> {
    let mut search = Search { wanted, reads_left: READS_MAX, seen: BTreeSet::new(), found: vec![] };
    search.list(dialogue, |page| requests::unsettled(account, PAGE_ENTRIES, page))?;
    if !search.is_over() {
        let batches = search.ask(dialogue, requests::batches(account, wanted.since, wanted.until)?)?;
        for batch in wire::list(&batches, "/batchList")? {
            let id = batch.text("/batchId")?.to_owned();
            search.list(dialogue, |page| requests::batch(account, &id, PAGE_ENTRIES, page))?;
        }
    }
    search.found.sort_by_key(|entry| std::cmp::Reverse(entry.submitted_at));
    Ok(search.found)
}

struct Search<'a> {
    wanted: Wanted<'a>,
    reads_left: usize,
    seen: BTreeSet<String>,
    found: Vec<Entry>,
}

impl Search<'_> {
    fn ask(&mut self, dialogue: &mut Dialogue<'_>, request: HttpRequest) -> Flow<Json> {
        let Some(left) = self.reads_left.checked_sub(1) else {
            return Err(Fault::unreadable("expected to find it, or its absence, in fewer lists").into());
        };
        self.reads_left = left;
        let answer = wire::answer(&dialogue.send(request)?)?;
        Ok(answer.ok_or_else(|| Fault::unreadable("expected a list"))?)
    }

    /// Reads a list page by page, to its end or to where everything is too old.
    fn list(
        &mut self,
        dialogue: &mut Dialogue<'_>,
        request: impl Fn(usize) -> Result<HttpRequest, Fault>,
    ) -> Flow<()> {
        let mut is_sorted = true;
        let mut oldest = Timestamp::MAX;
        for page in 1.. {
            let answer = self.ask(dialogue, request(page)?)?;
            let entries = wire::list(&answer, "/transactions")?;
            let is_last = entries.len() < PAGE_ENTRIES;
            let known = self.seen.len();
            for line in &entries {
                let entry = read(line)?;
                is_sorted &= entry.submitted_at <= oldest;
                oldest = entry.submitted_at;
                if self.seen.insert(entry.id.clone()) && self.is_wanted(&entry, line) {
                    self.found.push(entry);
                }
            }
            if is_last || (is_sorted && oldest < self.wanted.since) {
                return Ok(());
            }
            if self.seen.len() == known {
                return Err(Fault::unreadable("expected other entries on the next page").into());
            }
        }
        Ok(())
    }

    /// Whether what was looked for is certainly found. A try that failed may have been followed by a better one
    /// that is settled already, and what only looks like it may be another.
    fn is_over(&self) -> bool {
        let wants_refund = self.wanted.refund_of.is_some();
        self.found.iter().any(|entry| {
            entry.echo.as_deref() == Some(self.wanted.echo)
                && !words::is_failed(&entry.status)
                && entry.is_refund() == wants_refund
        })
    }

    fn is_wanted(&self, entry: &Entry, line: &Json) -> bool {
        if entry.echo.as_deref() == Some(self.wanted.echo) {
            return true;
        }
        self.wanted.refund_of.is_some_and(|(payment_echo, amount)| {
            let is_nameless = entry.echo.as_deref().is_none_or(|echo| echo == payment_echo);
            let said = amounts::read(line, "/settleAmount", amount.currency());
            is_nameless
                && entry.is_refund()
                && entry.submitted_at >= self.wanted.since
                // An amount that cannot be read may be this one: its details will say.
                && said.map_or(true, |said| said == amount)
        })
    }
}

fn read(entry: &Json) -> Result<Entry, Fault> {
    Ok(Entry {
        id: entry.text("/transId")?.to_owned(),
        status: entry.text("/transactionStatus")?.to_owned(),
        echo: entry.optional_text("/invoiceNumber")?.map(str::to_owned),
        submitted_at: entry.rfc3339("/submitTimeUTC")?,
    })
}
