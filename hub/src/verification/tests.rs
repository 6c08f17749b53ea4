//! Each planted fault of one payment's rows is found by its name, and nothing else is.

use super::payment::check;
use super::*;
use crate::store::sql::audit::{DeliveryRow, EntryRow, JournalRow, PaymentRows};
use crate::store::sql::tests::lives::several;
use crate::store::sqlite::{SqliteOptions, SqliteStore};

async fn rows() -> PaymentRows {
    let directory = tempfile::tempdir().unwrap();
    let store = SqliteStore::open(&directory.path().join("hub.db"), SqliteOptions::default()).unwrap();
    let payment = several(&store).await;
    let place = Place {
        merchant_id: payment.scope.merchant_id.0.clone(),
        livemode: payment.scope.livemode,
        id: payment.id.to_string(),
    };
    // As it was before: it is read once more.
    audit::payment(&store, &place, String::new()).await.unwrap().expect("it is there")
}

/// A change, and the checks that must object.
type Planted = (&'static str, fn(&mut PaymentRows), &'static [Check]);

const PLANTED: &[Planted] = &[
    ("nothing", |_| {}, &[]),
    (
        "other metadata",
        |rows| rows.row.state = rows.row.state.replace("beekeeping", "baking"),
        &[Check::Fold],
    ),
    ("no state", |rows| rows.row.state = "{}".to_owned(), &[Check::State]),
    ("no history", |rows| rows.events.clear(), &[Check::Versions, Check::Fold, Check::Chain]),
    ("an event of another time", |rows| rows.events[4].version = 40, &[Check::Versions, Check::Chain]),
    ("no event", |rows| rows.events[3].event = "null".to_owned(), &[Check::Event, Check::Chain]),
    ("another cause", |rows| rows.events[3].cause = "{\"by\":\"shopper\"}".to_owned(), &[Check::Chain]),
    ("no hash", |rows| rows.events[3].previous = None, &[Check::Chain]),
    (
        "no hash but in the last event",
        |rows| {
            let count = rows.events.len();
            rows.events[..count - 1].iter_mut().for_each(|event| event.previous = None);
        },
        &[Check::Chain],
    ),
    (
        "a history of before there were hashes",
        |rows| {
            rows.events.iter_mut().for_each(|event| event.previous = None);
            let state = &rows.row.state;
            let start = state.find(",\"last_event\"").expect("a hash");
            rows.row.state = format!("{}{}", &state[..start], &state[start + 80..]);
        },
        &[],
    ),
    ("marked as signed", |rows| rows.row.rooted_version += 1, &[Check::Roots]),
    ("another status", |rows| rows.row.status = "failed".to_owned(), &[Check::Columns]),
    ("another merchant", |rows| rows.place.merchant_id = "other".to_owned(), &[Check::Columns]),
    ("the other mode", |rows| rows.place.livemode = true, &[Check::Columns]),
    ("captured more than ever", |rows| rows.row.captured += 1, &[Check::Columns]),
    ("captured less than now", |rows| rows.row.captured -= 1, &[Check::Columns]),
    (
        "an entry too much",
        |rows| {
            let (account, currency) = ("merchant_payable".to_owned(), "EUR".to_owned());
            let version = rows.entries[0].version;
            rows.entries.push(EntryRow { version, account, currency, amount: 5 });
        },
        &[Check::Balance, Check::Journals, Check::Books],
    ),
    (
        "an account for another",
        |rows| rows.entries[0].account = "disputes_held".to_owned(),
        &[Check::Journals, Check::Books],
    ),
    (
        "a journal that nothing called for",
        |rows| {
            let first = rows.journals[0].clone();
            rows.journals.push(JournalRow { version: 2, ..first });
        },
        &[Check::Journals],
    ),
    ("an attempt of another", |rows| rows.attempts[0].payment_id = "pi_x".to_owned(), &[Check::Attempts]),
    ("an attempt that is not found", |rows| rows.attempts.clear(), &[Check::Attempts]),
    ("a reference that is not found", |rows| rows.references.clear(), &[Check::References]),
    ("a refund of another", |rows| rows.transfers[0].2 = "pi_x".to_owned(), &[Check::Transfers]),
    ("an event that the merchant never hears", |rows| rows.public_events.truncate(2), &[Check::PublicEvents]),
    ("an event out of its order", |rows| rows.public_events[1].1 = 99, &[Check::PublicEvents]),
    ("a delivery that nobody makes", |rows| rows.deliveries[0].job = None, &[Check::Deliveries]),
    (
        "one that waits for its endpoint",
        |rows| {
            let waiting = DeliveryRow { enabled: Some(false), job: None, ..rows.deliveries[0].clone() };
            rows.deliveries[0] = waiting;
        },
        &[],
    ),
    (
        "one that was made",
        |rows| {
            let (state, job) = ("delivered".to_owned(), None);
            rows.deliveries[0] = DeliveryRow { state, job, ..rows.deliveries[0].clone() };
        },
        &[],
    ),
    ("work that nobody does", |rows| rows.jobs.clear(), &[Check::Jobs]),
];

#[tokio::test]
async fn each_planted_fault_is_found_by_its_name() {
    let rows = rows().await;
    for (what, plant, expected) in PLANTED {
        let mut planted = rows.clone();
        plant(&mut planted);
        let findings = check(&planted);
        let mut checks: Vec<Check> = findings.iter().map(|finding| finding.check).collect();
        checks.sort_unstable();
        checks.dedup();
        assert_eq!(checks, *expected, "{what}: {findings:?}");
        assert!(findings.iter().all(|finding| finding.payment_intent.as_deref() == Some(&*rows.place.id)));
    }
}

#[test]
fn findings_without_end_are_counted() {
    let finding = Finding {
        check: Check::Fold,
        payment_intent: None,
        expected: "one".to_owned(),
        found: "another".to_owned(),
    };
    let mut report = Report::default();
    report.add(vec![finding; FINDINGS_LISTED_MAX + 3]);
    assert_eq!((report.findings.len(), report.findings_not_listed), (FINDINGS_LISTED_MAX, 3));
    assert!(!report.is_clean());
}
