//! What the engine makes of the queries: through an index, each of them.

use super::*;
use crate::store::sql::in_doubt::HELD_BY;
use crate::store::sql::indexes::Index;
use crate::store::sql::read::{figures, history, intake as read_intake, merchant, payments, plugins, story};
use crate::store::sql::write::{
    attempts, deliveries, history as write_history, intake, jobs, payments as write_payments,
};
use crate::store::sql::{Engine, audit, signed};

/// Every statement that finds rows. `API_KEYS` is not among them: it is meant to list all of a short table.
const STATEMENTS: &[&str] = &[
    payments::BY_ID,
    payments::BY_CHECKOUT_TOKEN,
    payments::BY_RETURN_TOKEN,
    payments::OPEN_BY_REFERENCE,
    payments::ATTEMPT_BY_ECHO,
    payments::ATTEMPTS_BY_REFERENCE,
    payments::NEXT_CONNECTOR,
    payments::PAYMENTS_OF_CONNECTOR,
    plugins::NEXT_PLUGIN,
    plugins::PAYMENTS_OF_PLUGIN,
    payments::PAYMENT_OF_TRANSFER,
    payments::LIST,
    payments::LIST_BY_STATUS,
    payments::LIST_BY_REFERENCE,
    payments::LIST_BY_REFERENCE_AND_STATUS,
    payments::LIST_WAITING,
    payments::LIST_TRANSFERS,
    payments::HISTORY,
    payments::ORDER,
    history::UNROOTED,
    history::LAST_ROOT,
    payments::PERSONAL_DATA,
    payments::DOOR,
    merchant::EVENT,
    merchant::LIST_EVENTS,
    merchant::LIST_EVENTS_BY_KIND,
    merchant::LIST_EVENTS_BY_PAYMENT,
    merchant::LIST_EVENTS_BY_PAYMENT_AND_KIND,
    merchant::ENDPOINT,
    merchant::LIST_ENDPOINTS,
    merchant::DELIVERY,
    merchant::LIST_DELIVERIES,
    audit::PAYMENTS,
    audit::PAYMENT,
    audit::JOURNALS,
    audit::ENTRIES,
    audit::PUBLIC_EVENTS,
    audit::DELIVERIES,
    audit::COVERED,
    audit::ATTEMPT,
    audit::REFERENCE,
    audit::TRANSFER,
    audit::JOB,
    signed::ROOTS,
    signed::LEAVES,
    Index::Histories.query().0,
    Index::Journals.query().0,
    Index::Attempts.query().0,
    Index::Transfers.query().0,
    Index::OpenReferences.query().0,
    Index::Inbox.query().0,
    story::JOURNAL_LINES,
    story::EXCHANGES,
    story::JOBS_OF_PAYMENT,
    story::DELIVERIES_OF_PAYMENT,
    read_intake::NEXT_DUE,
    read_intake::IDEMPOTENCY,
    read_intake::INBOX,
    read_intake::INBOX_OF_PAYMENT,
    read_intake::INBOX_WAITING,
    read_intake::STRANDED,
    read_intake::API_KEY,
    figures::JOBS_DUE,
    figures::JOBS_HELD,
    figures::DELIVERIES_PENDING,
    figures::WAITING_FOR_PERSON,
    write_payments::ERASE_PERSONAL_DATA,
    write_payments::UPDATE,
    write_history::MARK_ROOTED,
    write_payments::RELEASE_REFERENCE,
    attempts::INSERT_EXCHANGE,
    attempts::LET_GO_OF_PLUGIN,
    jobs::PUT,
    jobs::DROP,
    jobs::FINISH,
    jobs::RESCHEDULE,
    jobs::RETURN,
    <Sqlite as Engine>::CLAIM,
    HELD_BY,
    jobs::RELEASE_LEASES,
    intake::FINISH_IDEMPOTENCY,
    intake::SETTLE_INBOX,
    intake::ERASE_INBOX,
    intake::REVOKE_API_KEY,
    intake::EXPIRE_API_KEY,
    deliveries::DELIVER_TO_ENDPOINTS,
    deliveries::JOBS_OF_EVENT,
    deliveries::UPDATE_ENDPOINT,
    deliveries::JOBS_OF_ENDPOINT,
    deliveries::DROP_JOBS_OF_ENDPOINT,
    deliveries::DROP_UNDELIVERED,
    deliveries::DELETE_ENDPOINT,
    deliveries::RECORD_TRY,
    deliveries::REQUEUE,
    deliveries::JOB_OF_DELIVERY,
];

fn plan(connection: &Connection, sql: &str) -> Vec<String> {
    let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let mut rows = statement.raw_query();
    let mut steps = Vec::new();
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get(3).unwrap());
    }
    steps
}

#[test]
fn every_statement_finds_its_rows_through_an_index() {
    let (directory, _store) = open();
    let connection = raw(&directory);
    for sql in STATEMENTS {
        let steps = plan(&connection, sql);
        for step in &steps {
            // An id names a handful of attempts;
            // a list of keys, like an inner query, was searched out by the steps below it. No
            // step may sort.
            let fine = step.starts_with("SEARCH")
                || step.contains("LIST SUBQUERY")
                || step == "USE TEMP B-TREE FOR DISTINCT"
                || step.starts_with("CO-ROUTINE")
                || step == "SCAN counted"
                || ["COMPOUND QUERY", "LEFT-MOST SUBQUERY", "UNION ALL"].contains(&step.as_str());
            assert!(fine, "{step}\n{sql}\n{steps:#?}");
            // The engine takes an equal first column for a narrow choice. Here it is almost the whole table,
            // so a search must go on to a column that tells rows of one merchant apart.
            let wide = step.ends_with("(merchant_id=? AND livemode=?)") || step.ends_with("(merchant_id=?)");
            assert!(!wide || step.starts_with("SEARCH webhook_endpoints"), "{step}\n{sql}\n{steps:#?}");
        }
    }
}

/// The searches that could as well be done by a worse index: which columns the best one narrows by.
#[test]
fn lists_are_narrowed_to_the_page() {
    let (directory, _store) = open();
    let connection = raw(&directory);
    for (sql, narrowed) in [
        (payments::LIST, "(merchant_id=? AND livemode=? AND id<?)"),
        (payments::LIST_BY_STATUS, "(merchant_id=? AND livemode=? AND status=? AND id<?)"),
        (payments::LIST_BY_REFERENCE, "(merchant_id=? AND livemode=? AND order_reference=? AND id<?)"),
        (payments::LIST_WAITING, "payments_waiting (merchant_id=? AND livemode=? AND id<?)"),
        (payments::LIST_TRANSFERS, "(merchant_id=? AND livemode=? AND kind=? AND id<?)"),
        (merchant::LIST_EVENTS, "(merchant_id=? AND livemode=? AND id<?)"),
        (merchant::LIST_EVENTS_BY_KIND, "(merchant_id=? AND livemode=? AND kind=? AND id<?)"),
        (merchant::LIST_EVENTS_BY_PAYMENT, "(merchant_id=? AND livemode=? AND payment_id=? AND id<?)"),
        (merchant::LIST_DELIVERIES, "(merchant_id=? AND livemode=? AND endpoint_id=? AND event_id<?)"),
        (
            deliveries::DROP_UNDELIVERED,
            "merchant_deliveries_undelivered (merchant_id=? AND livemode=? AND endpoint_id=?)",
        ),
        (
            deliveries::JOBS_OF_ENDPOINT,
            "merchant_deliveries_undelivered (merchant_id=? AND livemode=? AND endpoint_id=? AND state=?)",
        ),
        (read_intake::STRANDED, "inbox_stranded (merchant_id=? AND livemode=? AND id<?)"),
        (<Sqlite as Engine>::CLAIM, "jobs_by_available_at (available_at<?)"),
    ] {
        let steps = plan(&connection, sql);
        assert!(steps.iter().any(|step| step.contains(narrowed)), "{sql}\n{steps:#?}");
    }
}
