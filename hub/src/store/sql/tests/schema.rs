//! The schema repeats the money rules, so that no code above it can break them.

use hub_core::ids::{CaptureId, RefundId};
use hub_core::ledger::{Account, Entry, Journal};
use hub_core::payment::{Capture, Refund, TransferStatus};
use processor_sdk::{Facts, Word};

use super::*;
use crate::history_roots::{RootSigner, sign_changes};
use crate::seal::SealingKey;
use crate::store::sql::write::payments::Sums;

/// Payment 1 with a journal at version 1.
async fn with_journal(kind: Kind) -> (Database, Box<dyn Store>) {
    let (database, store) = open(kind).await;
    let payment = stored(&*store, 1).await;
    let entries = vec![
        Entry { account: Account::ProcessorReceivable, amount: eur(500) },
        Entry { account: Account::MerchantPayable, amount: eur(-500) },
    ];
    let journal = Journal::new("capture", entries).unwrap();
    let write =
        Write::InsertJournal { scope: scope(), payment_id: payment.id, version: 1, at: at(0), journal };
    store.commit(commit(vec![write])).await.unwrap();
    let signer = RootSigner::of(&SealingKey::from_bytes([1; 32]));
    sign_changes(&*store, &signer, at(0)).await.unwrap();
    (database, store)
}

/// Statements, and what the schema says to each; nothing where it lets them through.
fn rules() -> Vec<(String, Option<&'static str>)> {
    let payment_id = payment(1).id;
    let event = |version: i64| {
        format!(
            "INSERT INTO payment_events VALUES ('main', 0, '{payment_id}', {version}, 0, '{{}}', '{{}}', NULL)"
        )
    };
    let entry = |version: i64, line: i64, currency: &str, amount: i64| {
        format!(
            "INSERT INTO journal_entries VALUES
                 ('main', 0, '{payment_id}', {version}, {line}, 'merchant_payable', '{currency}', {amount});"
        )
    };
    let journal =
        |version: i64| format!("INSERT INTO journals VALUES ('main', 0, '{payment_id}', {version}, 0, 'x')");
    let payments = |assignments: &str| format!("UPDATE payments SET {assignments}");
    vec![
        (event(2), None),
        (event(1), Some("an event must follow the last one")),
        (event(3), Some("an event must follow the last one")),
        (event(0), Some("an event must follow the last one")),
        (event(2).replace("INSERT", "INSERT OR REPLACE"), None),
        (event(1).replace("INSERT", "INSERT OR REPLACE"), Some("an event must follow the last one")),
        ("UPDATE payment_events SET at = 1".to_owned(), Some("a recorded event never changes")),
        ("DELETE FROM payment_events".to_owned(), Some("a recorded event never goes")),
        (event(2).replace("NULL", "'abc'"), Some("CHECK constraint failed: length(previous) = 64")),
        ("UPDATE history_roots SET at = 1".to_owned(), Some("a signed root never changes")),
        ("DELETE FROM history_roots".to_owned(), Some("a signed root never goes")),
        ("UPDATE history_root_leaves SET version = 2".to_owned(), Some("what a root covers never changes")),
        ("DELETE FROM history_root_leaves".to_owned(), Some("what a root covers never goes")),
        (event(2).replace("'main', 0", "'main', 1"), Some("an event must follow the last one")),
        (event(1).replace("'main', 0", "'main', 1"), Some("FOREIGN KEY")),
        (journal(2), Some("a journal must have entries")),
        (entry(2, 1, "EUR", 5) + &journal(2), Some("a journal must balance")),
        (entry(2, 1, "EUR", 5) + &entry(2, 2, "EUR", -4) + &journal(2), Some("a journal must balance")),
        (entry(2, 1, "EUR", 5) + &entry(2, 2, "USD", -5) + &journal(2), Some("a journal must balance")),
        (entry(2, 1, "EUR", 5) + &entry(2, 2, "EUR", -5) + &journal(2), None),
        (
            entry(2, 1, "EUR", 5)
                + &entry(2, 2, "EUR", -5)
                + &entry(2, 3, "USD", 1)
                + &entry(2, 4, "USD", -1)
                + &journal(2),
            None,
        ),
        (entry(2, 1, "EUR", 0), Some("CHECK constraint failed: amount <> 0")),
        (entry(1, 3, "EUR", 5), Some("takes no more entries")),
        (journal(1), Some("an event has one journal")),
        (journal(1).replace("INSERT", "INSERT OR REPLACE"), Some("an event has one journal")),
        ("UPDATE journals SET memo = 'y'".to_owned(), Some("a recorded journal never changes")),
        ("DELETE FROM journals".to_owned(), Some("a recorded journal never goes")),
        ("UPDATE journal_entries SET amount = 1".to_owned(), Some("a recorded entry never changes")),
        ("DELETE FROM journal_entries".to_owned(), Some("a recorded entry never goes")),
        (payments("amount = 0"), Some("CHECK constraint failed: amount > 0")),
        (payments("currency = 'EURO'"), Some("CHECK constraint failed: length(currency) = 3")),
        (payments("refund_asked = 1"), Some("asked_refunds_stay_within_the_captures")),
        (payments("captured = 5, authorized = 5, refund_asked = 5"), None),
        (
            payments("captured = 5, authorized = 5, refund_asked = 6"),
            Some("asked_refunds_stay_within_the_captures"),
        ),
        (payments("authorized = 5, capture_asked = 6"), Some("asked_captures_stay_within_the_authorization")),
        (payments("captured = 5"), Some("CHECK constraint failed: authorized >= captured")),
        (payments("livemode = 2"), Some("CHECK constraint failed: livemode IN (0, 1)")),
        (payments("amount = 'many'"), Some("cannot store TEXT value in INTEGER column")),
        (payments("amount = 1.5"), Some("cannot store REAL value in INTEGER column")),
        (payments("order_id = 'ord_none'"), Some("FOREIGN KEY")),
    ]
}

/// What an engine says where SQLite says this; nothing where it makes the value fit.
fn in_words_of(kind: Kind, expected: &'static str) -> Option<&'static str> {
    match (kind, expected) {
        (Kind::Sqlite, expected) => Some(expected),
        (Kind::Postgres, "FOREIGN KEY") => Some("foreign key constraint"),
        (Kind::Postgres, "CHECK constraint failed: length(previous) = 64") => {
            Some("payment_events_previous_check")
        }
        (Kind::Postgres, "CHECK constraint failed: amount <> 0") => Some("journal_entries_amount_check"),
        (Kind::Postgres, "CHECK constraint failed: amount > 0") => Some("payments_amount_check"),
        (Kind::Postgres, "CHECK constraint failed: length(currency) = 3") => Some("payments_currency_check"),
        (Kind::Postgres, "CHECK constraint failed: authorized >= captured") => Some("payments_check"),
        (Kind::Postgres, "CHECK constraint failed: livemode IN (0, 1)") => Some("payments_livemode_check"),
        (Kind::Postgres, "cannot store TEXT value in INTEGER column") => Some("invalid input syntax"),
        (Kind::Postgres, "cannot store REAL value in INTEGER column") => None,
        (Kind::Postgres, expected) => Some(expected),
    }
}

both!(broken_rules_are_refused_by_the_schema);
async fn broken_rules_are_refused_by_the_schema(kind: Kind) {
    let (database, _store) = with_journal(kind).await;
    for (sql, expected) in rules() {
        let sql = match kind {
            Kind::Postgres if sql.contains("OR REPLACE") => continue,
            Kind::Sqlite | Kind::Postgres => sql,
        };
        let message = database.run(&format!("BEGIN; {sql}; ROLLBACK")).await.err();
        match expected.and_then(|expected| in_words_of(kind, expected)) {
            None => assert_eq!(message, None, "{sql}"),
            Some(expected) => {
                let message = message.unwrap_or_else(|| panic!("let through: {sql}"));
                assert!(message.contains(expected), "{sql}: {message}");
            }
        }
    }
}

both!(a_gap_in_the_events_fails_its_commit);
async fn a_gap_in_the_events_fails_its_commit(kind: Kind) {
    let (database, store) = open(kind).await;
    let payment = stored(&*store, 1).await;
    let decision = started(&payment);
    let append = |events| Write::AppendEvents { scope: scope(), payment_id: payment.id.clone(), events };
    let late = decision.events[1..].to_vec();
    assert!(!late.is_empty());
    let number = match kind {
        Kind::Sqlite => "SQLite error 1811",
        Kind::Postgres => "PostgreSQL error P0001",
    };
    let failed = StoreError::Failed(format!("{number}: an event must follow the last one of its payment"));
    assert_eq!(store.commit(commit(vec![append(late)])).await, Err(failed.clone()));
    store.commit(commit(vec![append(decision.events.clone())])).await.unwrap();
    assert_eq!(store.commit(commit(vec![append(decision.events.clone())])).await, Err(failed));
    assert_eq!(
        database.count("SELECT max(version) FROM payment_events").await,
        decision.payment.version as i64
    );
}

fn capture(
    payment: &PaymentIntent,
    number: u64,
    minor: i64,
    observed: bool,
    status: TransferStatus,
) -> Capture {
    Capture {
        id: CaptureId::from_body(&body(number)),
        attempt_id: attempt_id(payment),
        amount: eur(minor),
        is_final: false,
        observed,
        status,
        processor_id: None,
        overruled: false,
        created_at: at(0),
    }
}

fn refund(
    payment: &PaymentIntent,
    number: u64,
    minor: i64,
    observed: bool,
    status: TransferStatus,
) -> Refund {
    Refund {
        id: RefundId::from_body(&body(number)),
        attempt_id: attempt_id(payment),
        amount: eur(minor),
        reason: None,
        metadata: BTreeMap::new(),
        observed,
        status,
        failure: None,
        processor_id: None,
        refunded_before: eur(0),
        stated_before: None,
        overruled: false,
        created_at: at(0),
    }
}

/// A payment whose processor reserved and took this much.
fn with_money(authorized: i64, captured: i64) -> PaymentIntent {
    let mut payment = started(&payment(1)).payment;
    let attempt = &mut payment.attempts[0];
    if authorized > 0 {
        let facts =
            Facts { authorized: Some(eur(authorized)), at: Some(at(1)), ..Facts::word(Word::Authorized) };
        attempt.evidence.merge(&facts, at(1));
    }
    attempt.captured = eur(captured);
    payment
}

both!(what_we_ask_is_bounded_and_what_processors_say_is_stored);
async fn what_we_ask_is_bounded_and_what_processors_say_is_stored(kind: Kind) {
    use TransferStatus::{Failed, Pending, Succeeded};
    const CAPTURES: &str = "asked_captures_stay_within_the_authorization";
    const REFUNDS: &str = "asked_refunds_stay_within_the_captures";
    type Asked = (i64, bool, TransferStatus);
    type Row = (i64, i64, Vec<Asked>, Vec<Asked>, Option<&'static str>);
    // Authorized, captured; captures and refunds as (amount, observed, status); the rule that refuses them.
    let rows: Vec<Row> = vec![
        (10_000, 0, vec![(10_000, false, Pending)], vec![], None),
        (10_000, 0, vec![(10_001, false, Pending)], vec![], Some(CAPTURES)),
        (10_000, 0, vec![(6_000, false, Succeeded), (4_001, false, Pending)], vec![], Some(CAPTURES)),
        (10_000, 0, vec![(6_000, false, Failed), (10_000, false, Pending)], vec![], None),
        (10_000, 12_000, vec![(12_000, true, Succeeded)], vec![], None),
        (10_000, 0, vec![(99_000, true, Succeeded)], vec![], None),
        (0, 0, vec![(1, false, Pending)], vec![], Some(CAPTURES)),
        (0, 5_000, vec![(5_000, false, Pending)], vec![], None),
        (10_000, 10_000, vec![], vec![(10_000, false, Pending)], None),
        (10_000, 10_000, vec![], vec![(10_001, false, Pending)], Some(REFUNDS)),
        (10_000, 10_000, vec![], vec![(9_000, false, Succeeded), (1_001, false, Pending)], Some(REFUNDS)),
        (10_000, 10_000, vec![], vec![(9_000, false, Failed), (10_000, false, Pending)], None),
        // Made in the processor's dashboard: more than was taken, and stored all the same.
        (10_000, 10_000, vec![], vec![(10_000, false, Succeeded), (10_000, true, Succeeded)], None),
        (10_000, 0, vec![], vec![(1, false, Pending)], Some(REFUNDS)),
    ];
    for (number, (authorized, captured, captures, refunds, expected)) in (1..).zip(rows) {
        let (database, store) = open(kind).await;
        stored(&*store, 1).await;
        let mut payment = with_money(authorized, captured);
        payment.captures = captures.iter().map(|(m, o, s)| capture(&payment, 1, *m, *o, *s)).collect();
        payment.refunds = refunds.iter().map(|(m, o, s)| refund(&payment, 1, *m, *o, *s)).collect();
        let update = Write::UpdatePayment { payment: Box::new(payment.clone()), expected_version: 1 };
        let answer = store.commit(commit(vec![update])).await;
        let version = database.count("SELECT version FROM payments").await;
        match expected {
            None => assert_eq!((answer, version), (Ok(()), payment.version as i64), "row {number}"),
            Some(rule) => {
                let failed = match kind {
                    Kind::Sqlite => format!("SQLite error 275: CHECK constraint failed: {rule}"),
                    Kind::Postgres => format!(
                        "PostgreSQL error 23514: new row for relation \"payments\" violates check constraint \"{rule}\""
                    ),
                };
                assert_eq!((answer, version), (Err(StoreError::Failed(failed)), 1), "row {number}");
            }
        }
    }
}

both!(a_processor_that_takes_its_word_back_can_be_stored);
async fn a_processor_that_takes_its_word_back_can_be_stored(kind: Kind) {
    let (database, store) = open(kind).await;
    stored(&*store, 1).await;
    let mut first = with_money(10_000, 8_000);
    first.captures = vec![capture(&first, 1, 10_000, false, TransferStatus::Pending)];
    first.refunds = vec![refund(&first, 1, 8_000, false, TransferStatus::Pending)];
    first.version = 2;
    let mut second = with_money(0, 0);
    (second.captures, second.refunds, second.version) = (first.captures.clone(), first.refunds.clone(), 3);
    for (payment, expected_version) in [(first, 1), (second.clone(), 2)] {
        let update = Write::UpdatePayment { payment: Box::new(payment), expected_version };
        store.commit(commit(vec![update])).await.unwrap();
    }
    assert_eq!(
        Sums::of(&second),
        Sums { authorized: 0, captured: 0, capture_asked: 10_000, refund_asked: 8_000 }
    );
    let most = "SELECT authorized * 100000 + captured FROM payments";
    assert_eq!(database.count(most).await, 10_000 * 100_000 + 8_000, "the most that was ever seen");
    assert_eq!(store.payment(&scope(), &second.id).await.unwrap(), Some(second));
}
