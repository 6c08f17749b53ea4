//! Compares what the hub says with what the processor's ledger says. Knows nothing but answers over HTTP.
//!
//! The hub names an attempt, a capture or a refund to the processor by the last 20 characters of its id.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use serde_json::Value;

use super::load::{Asked, Story};
use crate::processes::http::{Api, admin};
use crate::processes::world::text;
use crate::processes::{look_until, now};

/// Characters of an id that the processor is told.
const ECHO_CHARS: usize = 20;

/// The processor's entries, by the attempt they belong to.
type Ledger = BTreeMap<String, Vec<Value>>;

/// Whose books are compared: a hub's, and those of the processor that its payments are at.
pub(crate) struct Books<'a> {
    pub(crate) api: &'a Api,
    pub(crate) sandbox_url: &'a str,
}

/// Waits until nothing is in doubt any more; how long that took, or what still is.
pub(crate) fn settle(books: &Books<'_>, time_max: Duration) -> Result<Duration, String> {
    let began = now();
    let mut open = String::new();
    let settled = look_until(time_max, || {
        let ledger = read_ledger(books);
        // Nothing heals that, so that there is nothing to wait for.
        nobody_is_charged_twice(&ledger);
        let payments = books.api.list("/v1/payment_intents");
        let refunds = books.api.list("/v1/refunds");
        // One that was never made agrees with the ledger, and is not settled for all that.
        let pending = refunds.iter().filter(|refund| refund["status"] == "pending").map(Value::to_string);
        let unsettled: Vec<_> =
            payments.iter().filter_map(|payment| doubt(payment, &ledger)).chain(pending).collect();
        open = unsettled.iter().take(3).cloned().collect::<Vec<_>>().join("\n\n");
        open.insert_str(0, &format!("{} in doubt of {} payments:\n", unsettled.len(), payments.len()));
        unsettled.is_empty().then_some(())
    });
    match settled {
        Some(()) => Ok(now() - began),
        None => Err(format!("after {} s {open}", time_max.as_secs())),
    }
}

/// Checks every promise, once everything is settled.
pub(crate) fn compare(books: &Books<'_>, stories: &[Story]) {
    let ledger = read_ledger(books);
    let payments = payments(books);
    every_entry_belongs_to_a_payment(&ledger, &payments);
    for payment in payments.values() {
        assert_eq!(doubt(payment, &ledger), None, "what was settled does not stay so");
        refunds_agree(books, payment, &ledger);
        events_are_complete(books, payment, &ledger);
    }
    for story in stories {
        acknowledged_things_exist(books, story, &payments, &ledger);
        story.asked().for_each(|asked| repeats_are_replays(books, asked));
    }
    let names: BTreeSet<_> =
        stories.iter().map(|story| text(&story.create.body["metadata"], "story")).collect();
    for name in payments.keys() {
        assert!(names.contains(name), "nobody asked for the payment of {name}");
    }
    let all: Vec<_> = ledger.values().flatten().collect();
    for wanted in ["charge", "authorization", "capture", "refund"] {
        let count = all.iter().filter(|entry| kind(entry) == wanted).count();
        println!("the processor has booked {count} of the kind {wanted}");
        assert!(count > 0, "no {wanted} was made, so that nothing was tested");
    }
}

/// What is not (yet) so as the processor has it.
fn doubt(payment: &Value, ledger: &Ledger) -> Option<String> {
    let entries = entries_of(payment, ledger);
    let (charged, authorized) = (charged(&entries), sum(&entries, "authorization"));
    let voided = entries.iter().any(|entry| kind(entry) == "void");
    let statuses: &[&str] = match (charged, authorized) {
        (1.., _) => &["succeeded"],
        (_, 1..) if voided => &["canceled"],
        (_, 1..) => &["requires_capture"],
        // A declined payment fails where no other connector is left.
        _ => &["requires_checkout", "failed", "canceled", "expired"],
    };
    let status = text(payment, "status");
    let in_doubt = |state: &str| ["unknown", "created", "pending", "approved"].contains(&state);
    let attempts = payment["attempts"].as_array().expect("attempts");
    let captures = payment["captures"].as_array().expect("captures");
    let agrees = statuses.contains(&status.as_str())
        && payment["amount_captured"] == charged
        && payment["amount_refunded"] == sum(&entries, "refund")
        && payment["quarantine"].is_null()
        && payment["cancel_requested"] == false
        && !attempts.iter().any(|attempt| in_doubt(&text(attempt, "state")))
        && captures.iter().all(|capture| capture["status"] == "succeeded");
    (!agrees).then(|| format!("{payment}\nThe ledger: {entries:?}"))
}

fn nobody_is_charged_twice(ledger: &Ledger) {
    let mut operations = BTreeSet::new();
    for (attempt, entries) in ledger {
        let openings = entries.iter().filter(|entry| ["charge", "authorization"].contains(&kind(entry)));
        assert_eq!(openings.count(), 1, "{attempt} was charged or authorized twice: {entries:?}");
        for entry in entries {
            if let Some(operation) = entry["operation_reference"].as_str() {
                assert!(operations.insert(operation.to_owned()), "{operation} was done twice: {entries:?}");
            }
        }
        let authorized = sum(entries, "authorization") + sum(entries, "charge");
        assert!(charged(entries) <= authorized, "{attempt}: more captured than authorized: {entries:?}");
        assert!(
            sum(entries, "refund") <= charged(entries),
            "{attempt}: more refunded than captured: {entries:?}"
        );
    }
}

fn every_entry_belongs_to_a_payment(ledger: &Ledger, payments: &BTreeMap<String, Value>) {
    let mut known = BTreeSet::new();
    for payment in payments.values() {
        let paid: Vec<_> =
            echoes(payment).into_iter().filter(|attempt| ledger.contains_key(attempt)).collect();
        assert!(paid.len() <= 1, "{} was paid in two attempts: {payment}", text(payment, "id"));
        known.extend(paid);
    }
    for attempt in ledger.keys() {
        assert!(known.contains(attempt), "the processor was paid for {attempt}, which no payment knows");
    }
}

/// Each refund of the hub is one at the processor, of the same amount, and the other way round.
fn refunds_agree(books: &Books<'_>, payment: &Value, ledger: &Ledger) {
    let id = text(payment, "id");
    let hub: BTreeMap<String, Value> = books
        .api
        .list(&format!("/v1/refunds?payment_intent={id}"))
        .iter()
        .map(|refund| {
            assert_eq!(refund["status"], "succeeded", "{refund}");
            (echo(&text(refund, "id")), refund["amount"].clone())
        })
        .collect();
    let processor: BTreeMap<String, Value> = entries_of(payment, ledger)
        .iter()
        .filter(|entry| kind(entry) == "refund")
        .map(|entry| (text(entry, "operation_reference"), entry["amount"].clone()))
        .collect();
    assert_eq!(hub, processor, "the refunds of {id}");
}

/// The merchant is told everything, once, in a sequence without holes.
fn events_are_complete(books: &Books<'_>, payment: &Value, ledger: &Ledger) {
    let id = text(payment, "id");
    let events = books.api.list(&format!("/v1/events?payment_intent={id}"));
    let mut sequences: Vec<_> =
        events.iter().map(|event| event["sequence"].as_u64().expect("a number")).collect();
    sequences.sort_unstable();
    let count = u64::try_from(events.len()).expect("a length");
    assert_eq!(sequences, (1..=count).collect::<Vec<_>>(), "the events of {id}");
    let times = |kind: &str| events.iter().filter(|event| event["type"] == kind).count();
    assert_eq!(times("payment_intent.created"), 1, "{id}");
    let paid = usize::from(charged(&entries_of(payment, ledger)) > 0);
    assert_eq!(times("payment_intent.succeeded"), paid, "{id}");
    assert!(times("payment_intent.canceled") <= 1, "{id}");
}

fn acknowledged_things_exist(
    books: &Books<'_>,
    story: &Story,
    payments: &BTreeMap<String, Value>,
    ledger: &Ledger,
) {
    let Some(created) = story.create.acknowledged.as_ref().map(|answer| answer.json()) else { return };
    let id = text(&created, "id");
    let payment = books.api.show(&format!("/v1/payment_intents/{id}"));
    // A page that nobody paid at may have been declined since they were listed.
    let listed = payments.get(&text(&story.create.body["metadata"], "story"));
    assert_eq!(listed.map(|listed| &listed["id"]), Some(&created["id"]));
    for field in ["id", "amount", "currency", "order", "checkout_url", "created_at"] {
        assert_eq!(payment[field], created[field], "{field} of {id}");
    }
    let captured = story.captures.iter().filter(|asked| asked.acknowledged.is_some());
    for asked in captured {
        let wanted = asked.body["amount"].as_i64().or(payment["amount"].as_i64());
        let captures = payment["captures"].as_array().expect("captures");
        let found: Vec<_> = captures.iter().filter(|capture| capture["amount"].as_i64() == wanted).collect();
        assert_eq!(found.len(), 1, "the capture {asked:?} of {payment}");
    }
    let entries = entries_of(&payment, ledger);
    if story.cancels.iter().any(|asked| asked.acknowledged.is_some()) {
        // Money that was on its way may still have come.
        let is_off = payment["status"] == "canceled" || charged(&entries) > 0;
        assert!(is_off, "the cancel of {payment}");
    }
    let refunded = entries.iter().filter(|entry| kind(entry) == "refund").count();
    assert!(refunded <= story.refunds.len(), "more refunds than were asked for: {entries:?}");
    for asked in &story.refunds {
        let Some(answer) = &asked.acknowledged else { continue };
        let id = text(&answer.json(), "id");
        let refund = books.api.show(&format!("/v1/refunds/{id}"));
        assert_eq!((&refund["id"], &refund["amount"]), (&answer.json()["id"], &asked.body["amount"]));
    }
}

/// What was acknowledged under a key is the same answer for ever.
fn repeats_are_replays(books: &Books<'_>, asked: &Asked) {
    let Some(first) = &asked.acknowledged else { return };
    let again = books.api.post(&asked.path, &asked.key, &asked.body).expect("the hub is up");
    assert_eq!(again.header("idempotency-replayed"), Some("true"), "{asked:?} was done again: {again:?}");
    assert_eq!((again.status, again.text()), (first.status, first.text()), "the repeat of {asked:?}");
}

/// All payments of the hub, by the story that asked for them.
fn payments(books: &Books<'_>) -> BTreeMap<String, Value> {
    let mut payments = BTreeMap::new();
    for payment in books.api.list("/v1/payment_intents") {
        let story = text(&payment["metadata"], "story");
        let other = payments.insert(story.clone(), payment);
        assert!(other.is_none(), "{story} has two payments under one key");
    }
    payments
}

fn read_ledger(books: &Books<'_>) -> Ledger {
    let mut ledger = Ledger::new();
    let answer = admin(books.sandbox_url, "GET", "/admin/ledger", &Value::Null);
    for entry in answer["entries"].as_array().expect("entries") {
        ledger.entry(text(entry, "reference")).or_default().push(entry.clone());
    }
    ledger
}

fn entries_of(payment: &Value, ledger: &Ledger) -> Vec<Value> {
    echoes(payment).iter().filter_map(|attempt| ledger.get(attempt)).flatten().cloned().collect()
}

fn echoes(payment: &Value) -> Vec<String> {
    let attempts = payment["attempts"].as_array().expect("attempts");
    attempts.iter().map(|attempt| echo(&text(attempt, "id"))).collect()
}

fn echo(id: &str) -> String {
    id[id.len() - ECHO_CHARS..].to_owned()
}

fn kind(entry: &Value) -> &str {
    entry["kind"].as_str().expect("a kind")
}

fn charged(entries: &[Value]) -> i64 {
    sum(entries, "charge") + sum(entries, "capture")
}

fn sum(entries: &[Value], wanted: &str) -> i64 {
    let of_kind = entries.iter().filter(|entry| kind(entry) == wanted);
    of_kind.map(|entry| entry["amount"].as_i64().expect("an amount")).sum()
}
