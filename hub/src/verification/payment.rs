//! One payment's rows: whether its history, its state, its books and what leads to it say the same.
//!
//! Everything is worked out once more from the events, by the core's own functions.

use std::collections::{BTreeMap, BTreeSet};

use hub_core::apply::{apply, begin, fold};
use hub_core::chain::{EventHash, StoredEvent, hash};
use hub_core::event::{Event, Recorded};
use hub_core::ledger::{Account, Journal, post};
use hub_core::payment::{DisputeStatus, PaymentIntent};
use hub_core::publish::publications;
use hub_core::schedule::schedule;
use serde_json::Value;

use super::{Check, Finding};
use crate::store::sql::audit::{EntryRow, EventRow, JournalRow, PaymentRows};
use crate::store::sql::write::attempts::{indexed_kind, transfer_word};
use crate::store::sql::write::deliveries::delivery_word;
use crate::store::sql::write::payments::Sums;
use crate::store::{DeliveryState, TransferKind};
use crate::worker::job::JobBody;

/// Everything that is wrong with a payment's rows.
pub(super) fn check(rows: &PaymentRows) -> Vec<Finding> {
    let mut findings = Findings { payment_id: &rows.place.id, list: vec![] };
    versions(rows, &mut findings);
    balance(rows, &mut findings);
    deliveries(rows, &mut findings);
    covered(rows, &mut findings);
    let history = history(rows, &mut findings);
    let told = history.as_deref().and_then(tell);
    if let Some(told) = &told {
        journals(rows, told, &mut findings);
        public_events(rows, told, &mut findings);
    }
    let Ok(payment) = serde_json::from_str::<PaymentIntent>(&rows.row.state) else {
        findings.add(Check::State, "a payment", "a text that cannot be read as one");
        return findings.list;
    };
    chain(rows, &payment, &mut findings);
    if let Some(history) = &history {
        folds(&payment, history, &mut findings);
    }
    columns(rows, &payment, told.as_ref(), &mut findings);
    books(rows, &payment, &mut findings);
    indexes(rows, &payment, &mut findings);
    jobs(rows, &payment, &mut findings);
    findings.list
}

struct Findings<'a> {
    payment_id: &'a str,
    list: Vec<Finding>,
}

impl Findings<'_> {
    fn add(&mut self, check: Check, expected: impl Into<String>, found: impl Into<String>) {
        let payment_intent = Some(self.payment_id.to_owned());
        self.list.push(Finding { check, payment_intent, expected: expected.into(), found: found.into() });
    }
}

fn versions(rows: &PaymentRows, findings: &mut Findings<'_>) {
    let found: Vec<i64> = rows.events.iter().map(|event| event.version).collect();
    let gap = (1_i64..).zip(&found).find(|(expected, found)| expected != *found);
    if let Some((expected, found)) = gap {
        findings.add(Check::Versions, format!("version {expected}"), format!("version {found}"));
    }
    let last = found.last().copied().unwrap_or(0);
    if last != rows.row.version {
        let expected = format!("events up to version {} of the payment", rows.row.version);
        findings.add(Check::Versions, expected, format!("the last event at version {last}"));
    }
}

/// The events, if each of them can be read.
fn history(rows: &PaymentRows, findings: &mut Findings<'_>) -> Option<Vec<Recorded>> {
    let mut history = Vec::new();
    for row in &rows.events {
        let recorded = (|| {
            Some(Recorded {
                version: u64::try_from(row.version).ok()?,
                at: row.at,
                cause: serde_json::from_str(&row.cause).ok()?,
                event: serde_json::from_str(&row.event).ok()?,
                previous: carried(row).unwrap_or(EventHash::NONE),
            })
        })();
        if recorded.is_none() {
            let found = "a text that cannot be read as one";
            findings.add(Check::Event, format!("an event at version {}", row.version), found);
        }
        history.extend(recorded);
    }
    (history.len() == rows.events.len()).then_some(history)
}

/// The hash that an event carries, if it can be read as one.
fn carried(row: &EventRow) -> Option<EventHash> {
    row.previous.as_deref().and_then(|text| EventHash::parse(text).ok())
}

/// The text as it is stored is what was hashed, whatever it is read as today. Events of before there was a chain
/// carry nothing, and the first that carries something begins it.
fn chain(rows: &PaymentRows, payment: &PaymentIntent, findings: &mut Findings<'_>) {
    let mut last = EventHash::NONE;
    let mut has_begun = false;
    for row in &rows.events {
        if row.previous.is_none() && !has_begun {
            continue;
        }
        has_begun = true;
        let previous = carried(row).unwrap_or(EventHash::NONE);
        if carried(row) != Some(last) {
            let expected =
                format!("that the event at version {} carries the hash of the one before", row.version);
            findings.add(Check::Chain, expected, "another one or none");
        }
        let Ok(version) = u64::try_from(row.version) else { continue };
        let stored = StoredEvent { version, at: row.at, cause: &row.cause, event: &row.event, previous };
        last = hash(&payment.scope, &payment.id, &stored);
    }
    if payment.last_event != last {
        findings.add(Check::Chain, "that the state carries the hash of the last event", "another one");
    }
}

/// What is marked as covered by a signed root is not signed again.
fn covered(rows: &PaymentRows, findings: &mut Findings<'_>) {
    let (marked, covered) = (rows.row.rooted_version, rows.covered);
    if marked != covered {
        findings.add(
            Check::Roots,
            format!("signed roots up to version {marked}"),
            format!("version {covered}"),
        );
    }
}

/// What follows from a history.
struct Told {
    journals: BTreeMap<i64, (JournalRow, Journal)>,
    /// What the merchant was told, by the number that each event has.
    kinds: BTreeMap<i64, &'static str>,
    /// The most that the sums of the row ever were.
    most: Sums,
}

fn tell(history: &[Recorded]) -> Option<Told> {
    let (first, rest) = history.split_first()?;
    let mut payment = begin(&first.event)?;
    let mut told = Told { journals: BTreeMap::new(), kinds: BTreeMap::new(), most: Sums::of(&payment) };
    let mut numbers = 1_i64..;
    told.kinds.extend(kinds(&first.event).zip(numbers.by_ref()).map(|(kind, number)| (number, kind)));
    for Recorded { version, at, event, .. } in rest {
        let version = i64::try_from(*version).ok()?;
        if let Some(journal) = post(&payment, event) {
            let memo = journal.memo().to_owned();
            told.journals.insert(version, (JournalRow { version, at: *at, memo }, journal));
        }
        if let Event::Restored { sequence_after: Some(after), .. } = event {
            numbers = numbers.start.max(i64::try_from(*after).ok()?.checked_add(1)?)..;
        }
        // The shorter side first: a number that is drawn is taken.
        told.kinds.extend(kinds(event).zip(numbers.by_ref()).map(|(kind, number)| (number, kind)));
        apply(&mut payment, event, *at);
        let now = Sums::of(&payment);
        told.most.authorized = told.most.authorized.max(now.authorized);
        told.most.captured = told.most.captured.max(now.captured);
    }
    Some(told)
}

fn kinds(event: &Event) -> impl Iterator<Item = &'static str> {
    publications(event).into_iter().map(|publication| publication.kind)
}

fn folds(payment: &PaymentIntent, history: &[Recorded], findings: &mut Findings<'_>) {
    let expected = format!("the fold of its {} events", history.len());
    let Some(mut folded) = fold(history) else {
        findings.add(Check::Fold, expected, "that they do not begin with its creation");
        return;
    };
    // The chain is checked by itself, over the text.
    folded.last_event = payment.last_event;
    if folded != *payment {
        findings.add(Check::Fold, expected, format!("another {}", different(&folded, payment).join(", ")));
    }
}

/// The names of the parts that differ; what they say may be the shop's own.
fn different(left: &PaymentIntent, right: &PaymentIntent) -> Vec<String> {
    let (Ok(Value::Object(left)), Ok(Value::Object(right))) =
        (serde_json::to_value(left), serde_json::to_value(right))
    else {
        return vec!["state".to_owned()];
    };
    let names: BTreeSet<&String> = left.keys().chain(right.keys()).collect();
    names.into_iter().filter(|name| left.get(*name) != right.get(*name)).cloned().collect()
}

fn columns(rows: &PaymentRows, payment: &PaymentIntent, told: Option<&Told>, findings: &mut Findings<'_>) {
    let row = &rows.row;
    let sums = Sums::of(payment);
    let mut compare = |name: &str, expected: String, found: String| {
        if expected != found {
            findings.add(Check::Columns, format!("{name} {expected}"), format!("{name} {found}"));
        }
    };
    compare("id", payment.id.to_string(), rows.place.id.clone());
    compare("merchant", payment.scope.merchant_id.0.clone(), rows.place.merchant_id.clone());
    compare("livemode", payment.scope.livemode.to_string(), rows.place.livemode.to_string());
    compare("order", payment.order_id.to_string(), row.order_id.clone());
    compare("status", payment.status.as_str().to_owned(), row.status.clone());
    compare("currency", payment.amount.currency().code().to_owned(), row.currency.clone());
    compare("amount", payment.amount.minor().to_string(), row.amount.to_string());
    compare("capture_asked", sums.capture_asked.to_string(), row.capture_asked.to_string());
    compare("refund_asked", sums.refund_asked.to_string(), row.refund_asked.to_string());
    compare("version", payment.version.to_string(), row.version.to_string());
    compare("created_at", payment.created_at.to_string(), row.created_at.to_string());
    compare("waits_for_person", payment.waits_for_person().to_string(), row.waits_for_person.to_string());
    // The shop's own, and a secret: only that they differ is said.
    for (name, is_same) in [
        ("order_reference", payment.order_reference == row.order_reference),
        ("checkout_token", payment.checkout_token == row.checkout_token),
    ] {
        if !is_same {
            findings.add(Check::Columns, format!("the {name} of the state"), "another one");
        }
    }
    // These two keep the most that was ever seen.
    let most = told.map(|told| told.most);
    for (name, now, most, found) in [
        ("authorized", sums.authorized, most.map(|most| most.authorized), row.authorized),
        ("captured", sums.captured, most.map(|most| most.captured), row.captured),
    ] {
        if found < now || most.is_some_and(|most| found > most) {
            let most = most.map_or_else(String::new, |most| format!(" to {most}"));
            findings.add(Check::Columns, format!("{name} {now}{most}"), format!("{name} {found}"));
        }
    }
}

fn balance(rows: &PaymentRows, findings: &mut Findings<'_>) {
    let mut sums: BTreeMap<(i64, &str), i128> = BTreeMap::new();
    for entry in &rows.entries {
        let sum = sums.entry((entry.version, &entry.currency)).or_default();
        *sum = sum.saturating_add(i128::from(entry.amount));
    }
    for ((version, currency), sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
        let expected = format!("a journal at version {version} that balances");
        findings.add(Check::Balance, expected, format!("{sum} {currency} too much"));
    }
}

fn journals(rows: &PaymentRows, told: &Told, findings: &mut Findings<'_>) {
    let stored: BTreeMap<i64, &JournalRow> = rows.journals.iter().map(|row| (row.version, row)).collect();
    let with_entries = rows.entries.iter().map(|entry| entry.version);
    let versions: BTreeSet<i64> =
        told.journals.keys().chain(stored.keys()).copied().chain(with_entries).collect();
    for version in versions {
        let entries = rows.entries.iter().filter(|entry| entry.version == version);
        let entries = entries
            .map(|EntryRow { account, currency, amount, .. }| format!("{account} {amount} {currency}"));
        let found = shown(stored.get(&version).copied(), &entries.collect::<Vec<_>>());
        let expected = told.journals.get(&version).map(|(row, journal)| {
            let entries = journal.entries().iter().map(|entry| {
                let (amount, currency) = (entry.amount.minor(), entry.amount.currency().code().to_owned());
                format!("{} {amount} {currency}", entry.account.as_str())
            });
            shown(Some(row), &entries.collect::<Vec<_>>())
        });
        let expected = expected.unwrap_or_else(|| shown(None, &[]));
        if expected != found {
            findings.add(Check::Journals, format!("at version {version} {expected}"), found);
        }
    }
}

fn shown(row: Option<&JournalRow>, entries: &[String]) -> String {
    let head = row.map_or_else(|| "no journal".to_owned(), |row| format!("{} of {}", row.memo, row.at));
    if entries.is_empty() { head } else { format!("{head} ({})", entries.join(", ")) }
}

fn books(rows: &PaymentRows, payment: &PaymentIntent, findings: &mut Findings<'_>) {
    let currency = payment.amount.currency();
    let balance = |account: Account| {
        let entries = rows.entries.iter().filter(|entry| entry.currency == currency.code());
        let entries = entries.filter(|entry| entry.account == account.as_str());
        entries.fold(0_i128, |sum, entry| sum.saturating_add(i128::from(entry.amount)))
    };
    let disputed = |status| {
        let disputes = payment.disputes.iter().filter(|dispute| dispute.amount.currency() == currency);
        let disputes = disputes.filter(|dispute| dispute.status == status);
        disputes.fold(0_i128, |sum, dispute| sum.saturating_add(i128::from(dispute.amount.minor())))
    };
    let (held, lost) = (disputed(DisputeStatus::Open), disputed(DisputeStatus::Lost));
    let kept = i128::from(payment.amount_captured().minor()) - i128::from(payment.amount_refunded().minor());
    for (account, expected) in [
        (Account::ProcessorReceivable, kept - held - lost),
        (Account::MerchantPayable, lost - kept),
        (Account::DisputesHeld, held),
    ] {
        let (name, found) = (account.as_str(), balance(account));
        if found != expected {
            findings.add(Check::Books, format!("{name} {expected}"), format!("{name} {found}"));
        }
    }
}

fn indexes(rows: &PaymentRows, payment: &PaymentIntent, findings: &mut Findings<'_>) {
    for attempt in &payment.attempts {
        let expected = format!("the attempt {} of this payment in the index", attempt.id);
        match rows.attempts.iter().find(|row| row.id == attempt.id.as_str()) {
            None => findings.add(Check::Attempts, expected, "none"),
            Some(row) => {
                let is_same = row.payment_id == payment.id.as_str()
                    && row.connector == attempt.profile.connector
                    && row.echo == attempt.id.echo()
                    && row.return_token == attempt.return_token;
                if !is_same {
                    let found = "one with another payment, connector, echo or return token";
                    findings.add(Check::Attempts, expected, found);
                }
            }
        }
        for reference in attempt.evidence.references() {
            let Some(kind) = indexed_kind(reference.kind) else { continue };
            let wanted = (attempt.profile.connector.clone(), reference.id.clone(), kind.to_owned());
            if !rows.references.contains(&wanted) {
                let expected = format!("a reference of {} in the index, of kind {kind}", attempt.id);
                findings.add(Check::References, expected, "none");
            }
        }
    }
    let refunds = payment.refunds.iter().map(|refund| (TransferKind::Refund, refund.id.as_str()));
    let disputes = payment.disputes.iter().map(|dispute| (TransferKind::Dispute, dispute.id.as_str()));
    for (kind, id) in refunds.chain(disputes) {
        let owner = rows.transfers.iter().find(|row| row.0 == transfer_word(kind) && row.1 == id);
        let expected = format!("{id} of this payment in the index");
        match owner.map(|row| row.2.as_str()) {
            None => findings.add(Check::Transfers, expected, "none"),
            Some(owner) if owner != payment.id.as_str() => {
                findings.add(Check::Transfers, expected, format!("that it is of {owner}"));
            }
            Some(_) => {}
        }
    }
}

fn public_events(rows: &PaymentRows, told: &Told, findings: &mut Findings<'_>) {
    let found: BTreeMap<i64, &str> =
        rows.public_events.iter().map(|(kind, sequence)| (*sequence, kind.as_str())).collect();
    let expected = &told.kinds;
    let numbers: BTreeSet<i64> = expected.keys().chain(found.keys()).copied().collect();
    for number in numbers {
        let word = |kind: Option<&&str>| kind.copied().unwrap_or("none").to_owned();
        let (expected, found) = (word(expected.get(&number)), word(found.get(&number)));
        if expected != found {
            findings.add(Check::PublicEvents, format!("event {number} for the merchant: {expected}"), found);
        }
    }
}

fn deliveries(rows: &PaymentRows, findings: &mut Findings<'_>) {
    for row in rows.deliveries.iter().filter(|row| row.state == delivery_word(DeliveryState::Pending)) {
        let of = format!("the delivery of {} to {}", row.event_id, row.endpoint_id);
        match (row.enabled, &row.job) {
            (None, _) => findings.add(Check::Deliveries, format!("an endpoint for {of}"), "none"),
            (Some(true), None) => findings.add(Check::Deliveries, format!("a job for {of}"), "none"),
            // While its endpoint is disabled it waits without one.
            (Some(false), None) | (Some(_), Some(_)) => {}
        }
    }
}

fn jobs(rows: &PaymentRows, payment: &PaymentIntent, findings: &mut Findings<'_>) {
    for work in schedule(payment).into_keys() {
        let body = JobBody::Payment { scope: payment.scope.clone(), payment_id: payment.id.clone(), work };
        let key = body.key();
        if !rows.jobs.contains(&key) {
            findings.add(Check::Jobs, format!("the job {key}"), "none");
        }
    }
}
