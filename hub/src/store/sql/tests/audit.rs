//! What is wrong with stored rows is found on either engine, and a hub that is at work is found to be in order.

use std::collections::BTreeSet;

use hub_core::chain::{StoredEvent, hash};

use super::lives::{eventful, several, signer};
use super::*;
use crate::history_roots::RootSigner;
use crate::seal::SealingKey;
use crate::store::look::{self, Look, LookError};
use crate::verification::{Check, verify};

/// The public key that roots are signed with.
fn key() -> String {
    signer().public_key()
}

async fn look_at(database: &Database) -> Box<dyn Look> {
    match database {
        Database::Sqlite(directory) => look::file(&directory.path().join("hub.db")).unwrap(),
        Database::Postgres(url) => look::server(&url.parse().unwrap()).await.unwrap(),
    }
}

/// Statements without the rules that would refuse them.
fn without_rules(kind: Kind, sql: &str) -> String {
    match kind {
        Kind::Postgres => format!(
            "SET session_replication_role = replica;
             ALTER TABLE payments DROP CONSTRAINT asked_refunds_stay_within_the_captures,
                DROP CONSTRAINT asked_captures_stay_within_the_authorization; {sql}"
        ),
        Kind::Sqlite => {
            let triggers = [
                "history_roots_never_change",
                "history_roots_never_go",
                "history_root_leaves_never_change",
                "history_root_leaves_never_go",
                "payment_events_have_no_gaps",
                "payment_events_never_change",
                "payment_events_never_go",
                "journal_entries_never_change",
                "journal_entries_never_go",
                "journals_never_change",
                "journals_never_go",
            ];
            let triggers = triggers.map(|name| format!("DROP TRIGGER IF EXISTS {name};")).concat();
            format!("PRAGMA foreign_keys = 0; PRAGMA ignore_check_constraints = 1; {triggers} {sql}")
        }
    }
}

both!(what_was_written_by_a_hub_agrees);
async fn what_was_written_by_a_hub_agrees(kind: Kind) {
    let (database, store) = open(kind).await;
    let eventful = several(&*store).await;
    assert_eq!((eventful.refunds.len(), eventful.disputes.len()), (1, 1));
    // The hub still has it open.
    let report = verify(&*look_at(&database).await, Some(&key())).await.unwrap();
    assert_eq!(report.findings, vec![]);
    let events = database.count("SELECT count(*) FROM payment_events").await;
    let read = (report.payments, report.journals, i64::try_from(report.events).unwrap());
    assert_eq!(read, (3, 3, events));
}

both!(a_hub_at_work_is_in_order);
async fn a_hub_at_work_is_in_order(kind: Kind) {
    let (database, store) = open(kind).await;
    several(&*store).await;
    let look = look_at(&database).await;
    let work = async {
        for number in 10..30 {
            eventful(&*store, scope(), number).await;
        }
    };
    tokio::pin!(work);
    let (mut is_done, mut looks, key) = (false, 0, key());
    while !is_done {
        let looking = verify(&*look, Some(&key));
        tokio::pin!(looking);
        // The look goes on to its end, also when the work has come to its own.
        let report = loop {
            tokio::select! {
                () = &mut work, if !is_done => is_done = true,
                report = &mut looking => break report.unwrap(),
            }
        };
        assert_eq!(report.findings, vec![]);
        looks += 1;
    }
    assert!(looks > 1, "nothing was looked at meanwhile");
    let report = verify(&*look, Some(&key)).await.unwrap();
    assert_eq!((report.findings, report.payments), (vec![], 23));
}

/// What is done to the rows, and what must be found.
const PLANTED: &[(&str, Check)] = &[
    ("UPDATE payments SET state = replace(state, 'beekeeping', 'baking') WHERE id = 'PAYMENT'", Check::Fold),
    ("UPDATE payments SET state = '{' WHERE id = 'PAYMENT'", Check::State),
    ("DELETE FROM payment_events WHERE payment_id = 'PAYMENT' AND version = 3", Check::Versions),
    ("DELETE FROM payment_events WHERE payment_id = 'PAYMENT' AND version = 1", Check::Versions),
    ("DELETE FROM payment_events WHERE payment_id = 'PAYMENT' AND version > 6", Check::Versions),
    ("DELETE FROM payment_events WHERE payment_id = 'PAYMENT'", Check::Versions),
    ("UPDATE payment_events SET event = '{}' WHERE payment_id = 'PAYMENT' AND version = 4", Check::Event),
    ("UPDATE payment_events SET cause = 'x' WHERE payment_id = 'PAYMENT' AND version = 4", Check::Event),
    (
        "UPDATE payment_events SET event = replace(event, '10000', '10001')
         WHERE payment_id = 'PAYMENT' AND event LIKE '%money_captured%'",
        Check::Fold,
    ),
    (
        "UPDATE payment_events SET version = 900 WHERE payment_id = 'PAYMENT' AND version = 2;
         UPDATE payment_events SET version = 2 WHERE payment_id = 'PAYMENT' AND version = 3;
         UPDATE payment_events SET version = 3 WHERE payment_id = 'PAYMENT' AND version = 900",
        Check::Fold,
    ),
    (
        "UPDATE payment_events SET cause = '{\"by\":\"shopper\"}' WHERE payment_id = 'PAYMENT' AND version = 4",
        Check::Chain,
    ),
    ("UPDATE payment_events SET at = at + 1 WHERE payment_id = 'PAYMENT' AND version = 5", Check::Chain),
    (
        "UPDATE payment_events SET event = event || ' ' WHERE payment_id = 'PAYMENT' AND version = 5",
        Check::Chain,
    ),
    ("UPDATE payment_events SET previous = NULL WHERE payment_id = 'PAYMENT' AND version = 5", Check::Chain),
    (
        "UPDATE payment_events SET previous = '0000000000000000000000000000000000000000000000000000000000000000' WHERE payment_id = 'PAYMENT' AND version = 5",
        Check::Chain,
    ),
    (
        "DELETE FROM history_root_leaves WHERE number = 1; DELETE FROM history_roots WHERE number = 1",
        Check::Roots,
    ),
    ("DELETE FROM history_root_leaves WHERE payment_id = 'PAYMENT'", Check::Roots),
    ("UPDATE history_root_leaves SET version = version - 1 WHERE payment_id = 'PAYMENT'", Check::Roots),
    ("UPDATE history_roots SET at = at + 1 WHERE number = 2", Check::Roots),
    ("UPDATE payments SET rooted_version = version + 1 WHERE id = 'PAYMENT'", Check::Roots),
    ("UPDATE history_roots SET root = previous, previous = root WHERE number = 2", Check::Roots),
    ("UPDATE history_roots SET signature = '00' WHERE number = 1", Check::Roots),
    ("UPDATE history_roots SET signer = '00' WHERE number = 1", Check::Roots),
    ("UPDATE payments SET status = 'failed' WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET currency = 'USD' WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET amount = amount + 1 WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET authorized = authorized + 1 WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET captured = captured - 1 WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET capture_asked = 0 WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET refund_asked = 0 WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET waits_for_person = 1 - waits_for_person WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET order_reference = NULL WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET checkout_token = 'x' WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET created_at = created_at + 1 WHERE id = 'PAYMENT'", Check::Columns),
    ("UPDATE payments SET version = version + 1 WHERE id = 'PAYMENT'", Check::Versions),
    (
        "UPDATE journal_entries SET amount = amount + 1 WHERE payment_id = 'PAYMENT' AND line = 1",
        Check::Balance,
    ),
    ("UPDATE journal_entries SET currency = 'USD' WHERE payment_id = 'PAYMENT' AND line = 1", Check::Balance),
    ("UPDATE journal_entries SET amount = amount * 2 WHERE payment_id = 'PAYMENT'", Check::Books),
    ("UPDATE journal_entries SET amount = amount * 2 WHERE payment_id = 'PAYMENT'", Check::Journals),
    ("UPDATE journals SET memo = 'gift' WHERE payment_id = 'PAYMENT'", Check::Journals),
    ("UPDATE journals SET at = at + 1 WHERE payment_id = 'PAYMENT'", Check::Journals),
    ("DELETE FROM journals WHERE payment_id = 'PAYMENT'", Check::Journals),
    (
        "DELETE FROM journals WHERE payment_id = 'PAYMENT'; DELETE FROM journal_entries WHERE payment_id = 'PAYMENT'",
        Check::Books,
    ),
    ("DELETE FROM attempts WHERE payment_id = 'PAYMENT'", Check::Attempts),
    ("UPDATE attempts SET echo = 'x' WHERE payment_id = 'PAYMENT'", Check::Attempts),
    ("UPDATE attempts SET return_token = 'x' WHERE payment_id = 'PAYMENT'", Check::Attempts),
    (
        "INSERT INTO attempts (merchant_id, livemode, id, payment_id, connector, echo, return_token)
         VALUES ('main', 0, 'att_x', 'PAYMENT', 'sandbox', 'x', 'x')",
        Check::Attempts,
    ),
    ("DELETE FROM attempt_references WHERE payment_id = 'PAYMENT'", Check::References),
    ("DELETE FROM transfers WHERE kind = 'refund'", Check::Transfers),
    ("DELETE FROM transfers WHERE kind = 'dispute'", Check::Transfers),
    ("UPDATE transfers SET payment_id = 'pi_x' WHERE kind = 'refund'", Check::Transfers),
    (
        "INSERT INTO transfers (merchant_id, livemode, kind, id, payment_id, created_at)
         VALUES ('main', 0, 'refund', 're_x', 'PAYMENT', 1)",
        Check::Transfers,
    ),
    ("DELETE FROM public_events WHERE payment_id = 'PAYMENT' AND sequence = 2", Check::PublicEvents),
    ("DELETE FROM public_events WHERE payment_id = 'PAYMENT' AND sequence > 2", Check::PublicEvents),
    ("UPDATE public_events SET kind = 'order.lost' WHERE payment_id = 'PAYMENT'", Check::PublicEvents),
    ("DELETE FROM jobs WHERE key LIKE 'notify:%'", Check::Deliveries),
    ("DELETE FROM webhook_endpoints", Check::Deliveries),
    ("DELETE FROM jobs WHERE key LIKE 'call:%'", Check::Jobs),
    ("DELETE FROM jobs WHERE key LIKE 'expire:%'", Check::Jobs),
    ("DELETE FROM jobs WHERE key LIKE 'take:%'", Check::Inbox),
    (
        "INSERT INTO open_order_references (merchant_id, livemode, order_reference, payment_id)
         VALUES ('main', 0, 'order-1', 'PAYMENT')",
        Check::OpenReferences,
    ),
    ("UPDATE open_order_references SET order_reference = 'order-7'", Check::OpenReferences),
    ("DELETE FROM payments WHERE id = 'PAYMENT'", Check::Owner),
];

both!(every_planted_fault_is_found);
async fn every_planted_fault_is_found(kind: Kind) {
    for (sql, expected) in PLANTED {
        let (database, store) = open(kind).await;
        let payment = several(&*store).await;
        let sql = sql.replace("PAYMENT", payment.id.as_str());
        database.run(&without_rules(kind, &sql)).await.unwrap_or_else(|refused| panic!("{sql}: {refused}"));
        let report = verify(&*look_at(&database).await, Some(&key())).await.unwrap();
        let found: BTreeSet<Check> = report.findings.iter().map(|finding| finding.check).collect();
        assert!(found.contains(expected), "{sql}: {:?}", report.findings);
        for finding in report.findings.iter().map(ToString::to_string) {
            // The cart's notes, the shop's number and the secrets of addresses are nobody else's.
            for hidden in ["beekeeping", "baking", "order-1", "order-7", "checkout-", "return-"] {
                assert!(!finding.contains(hidden), "{sql}: {finding}");
            }
        }
    }
}

// Who can write to the tables and knows every rule can write a history that agrees with itself, but no root.
both!(a_history_that_was_written_anew_is_found);
async fn a_history_that_was_written_anew_is_found(kind: Kind) {
    let (database, store) = open(kind).await;
    let payment = several(&*store).await;
    let look = look_at(&database).await;
    let history = store.history(&scope(), &payment.id).await.unwrap();
    let last = history.last().unwrap();
    let (cause, event) = ("{\"by\":\"shopper\"}", serde_json::to_string(&last.event).unwrap());
    let (version, at, previous) = (last.version, last.at, last.previous);
    let anew = hash(&scope(), &payment.id, &StoredEvent { version, at, cause, event: &event, previous });
    let sql = format!(
        "UPDATE payment_events SET cause = '{cause}' WHERE payment_id = '{id}' AND version = {version};
         UPDATE payments SET state = replace(state, '{was}', '{anew}') WHERE id = '{id}'",
        id = payment.id,
        was = payment.last_event,
    );
    database.run(&without_rules(kind, &sql)).await.unwrap();
    let report = verify(&*look, Some(&key())).await.unwrap();
    let found: Vec<_> =
        report.findings.iter().map(|finding| (finding.check, &finding.payment_intent)).collect();
    assert_eq!(found, [(Check::Roots, &Some(payment.id.to_string()))], "{:?}", report.findings);

    // And who signs it anew has another key.
    let other = RootSigner::of(&SealingKey::from_bytes([2; 32])).public_key();
    let report = verify(&*look, Some(&other)).await.unwrap();
    let of_key = report.findings.iter().filter(|finding| finding.expected.contains("this hub's key"));
    assert_eq!((of_key.count(), report.roots), (3, 3), "{:?}", report.findings);
}

both!(another_schema_is_not_looked_at);
async fn another_schema_is_not_looked_at(kind: Kind) {
    let (database, store) = open(kind).await;
    drop(store);
    database.run("INSERT INTO schema_versions VALUES (9999, '9999_future', 'x')").await.unwrap();
    let looked = match &database {
        Database::Sqlite(directory) => look::file(&directory.path().join("hub.db")),
        Database::Postgres(url) => look::server(&url.parse().unwrap()).await,
    };
    let Err(LookError::OtherVersion { database: 9_999, binary }) = looked else {
        panic!("it is looked at");
    };
    assert!(binary < 9_999);
}
