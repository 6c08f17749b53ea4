//! Looking for what has no id: which lists are read, how far, and when "not there" may be said.

use processor_sdk::{Answer, Call, Fault, HttpResponse, Reply, Word};
use serde_json::{Value, json};

use crate::support::*;

/// Entries of one page.
const PAGE_ENTRIES: usize = 250;

/// A full page of other payments, the first submitted so many seconds after 03:00:00 and each a second sooner.
fn full_page(first_id: usize, seconds: usize) -> HttpResponse {
    let other = |index: usize| {
        let at = seconds - index;
        let time = format!("2026-01-02T03:{:02}:{:02}Z", at / 60, at % 60);
        line(
            &(first_id + index).to_string(),
            "settledSuccessfully",
            json!({"submitTimeUTC": time, "invoiceNumber": "other1"}),
        )
    };
    list(&(0..PAGE_ENTRIES).map(other).collect::<Vec<_>>())
}

fn found(call: Call, responses: Vec<HttpResponse>) -> (Vec<String>, Reply) {
    let (requests, reply) = perform(call, responses);
    (names(&requests).into_iter().map(str::to_owned).collect(), reply)
}

const UNSETTLED: &str = "getUnsettledTransactionListRequest";
const BATCHES: &str = "getSettledBatchListRequest";
const BATCH: &str = "getTransactionListRequest";
const DETAILS: &str = "getTransactionDetailsRequest";

fn paid() -> HttpResponse {
    payment("settledSuccessfully", json!({}))
}

#[test]
fn the_list_of_what_is_not_settled_comes_first() {
    let ours = || list(&[line(ID, "capturedPendingSettlement", json!({}))]);
    let other = || list(&[line("1", "capturedPendingSettlement", json!({"invoiceNumber": "other1"}))]);
    for (responses, expected) in [
        (vec![ours(), paid()], vec![UNSETTLED, DETAILS]),
        (vec![other(), batches(&["7"]), ours(), paid()], vec![UNSETTLED, BATCHES, BATCH, DETAILS]),
        (
            vec![nothing(), batches(&["7", "8"]), nothing(), ours(), paid()],
            vec![UNSETTLED, BATCHES, BATCH, BATCH, DETAILS],
        ),
    ] {
        let (requests, reply) = found(find_payment(), responses);
        assert_eq!(requests, expected);
        let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
        assert_eq!(facts.word, Some(Word::Paid));
    }
}

#[test]
fn not_there_is_said_after_every_list() {
    for responses in [
        vec![nothing(), nothing()],
        vec![list(&[]), batches(&[])],
        vec![nothing(), batches(&["7", "8"]), nothing(), nothing()],
        // Where the page is full, the next one counts too, until all of it is older than the payment can be.
        vec![full_page(1, 900), full_page(1000, 600), nothing(), nothing()],
        vec![full_page(1, 200 + PAGE_ENTRIES), full_page(1000, PAGE_ENTRIES), nothing(), nothing()],
    ] {
        assert_eq!(found(find_payment(), responses).1, Reply::Answer(Answer::Absent));
    }
}

#[test]
fn a_list_is_not_read_beyond_what_is_too_old() {
    // The page was asked for at 03:04:05; ten minutes earlier is early enough.
    let older = |index: usize| {
        let fields = json!({"submitTimeUTC": "2026-01-02T02:50:00Z", "invoiceNumber": "other1"});
        line(&index.to_string(), "settledSuccessfully", fields)
    };
    let page = |lines: Vec<Value>| list(&lines);
    let all_older = || page((0..PAGE_ENTRIES).map(older).collect());
    assert_eq!(found(find_payment(), vec![all_older(), nothing()]).0, [UNSETTLED, BATCHES]);
    // Not in order: then age says nothing, and the next page is read too.
    let mut mixed: Vec<_> = (0..PAGE_ENTRIES).map(older).collect();
    mixed[5] = line("5", "settledSuccessfully", json!({"invoiceNumber": "other1"}));
    let responses = vec![page(mixed), nothing(), nothing()];
    assert_eq!(found(find_payment(), responses).0, [UNSETTLED, UNSETTLED, BATCHES]);
}

/// Whatever cannot be read to its end says nothing, least of all that there is nothing.
#[test]
fn a_list_that_cannot_be_read_is_no_absence() {
    let no_list = || ok(json!({"totalNumInResultSet": 0}));
    let no_time = || list(&[line(ID, "declined", json!({"submitTimeUTC": null}))]);
    let no_status = || list(&[line(ID, "declined", json!({"transactionStatus": null}))]);
    for (what, responses) in [
        ("no list, and not a word that there is none", vec![no_list()]),
        ("no time", vec![no_time()]),
        ("no status", vec![no_status()]),
        ("no batches, and not a word", vec![nothing(), ok(json!({}))]),
        ("no such list", vec![error("E00040")]),
        ("the same page again", vec![full_page(1, 900), full_page(1, 900)]),
        ("a batch without an id", vec![nothing(), ok(json!({"batchList": [{}]}))]),
        (
            "no details of what was listed",
            vec![list(&[line(ID, "declined", json!({}))]), nothing(), error("E00040")],
        ),
    ] {
        let (_, reply) = found(find_payment(), responses);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{what}: {reply:?}");
    }
}

#[test]
fn a_search_ends() {
    let ten: Vec<_> = (0..10).map(|page| full_page(1 + page * 1000, 900)).collect();
    let (requests, reply) = found(find_payment(), ten);
    assert_eq!(requests.len(), 10);
    assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{reply:?}");
    let many: Vec<_> =
        (0..5).map(|index| line(&index.to_string(), "capturedPendingSettlement", json!({}))).collect();
    let (requests, reply) = found(find_payment(), vec![list(&many)]);
    assert_eq!(requests.len(), 1);
    assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{reply:?}");
}

fn range(call: Call) -> (String, String) {
    let (requests, _) = perform(call, vec![nothing(), nothing()]);
    let batches = &body(&requests[1])[BATCHES];
    let time = |field: &str| batches[field].as_str().unwrap().to_owned();
    (time("firstSettlementDate"), time("lastSettlementDate"))
}

#[test]
fn batches_are_those_that_the_payment_can_be_in() {
    let pages = |ids: &[&str]| {
        let sessions: Vec<_> = ids.iter().map(|id| json!({"kind": "session", "id": id})).collect();
        knowing(fetch_payment(), json!(sessions))
    };
    let day = 24 * 60 * 60;
    let late = format!("{ECHO}_{}", 1_767_323_045 + 40 * day);
    for (call, now, expected) in [
        (pages(&[PAGE]), "2026-01-02T03:10:00.5Z", ("2026-01-02T02:54:05Z", "2026-01-02T03:10:00Z")),
        (pages(&[PAGE]), "2026-03-02T03:10:00Z", ("2026-01-02T02:54:05Z", "2026-01-07T03:04:05Z")),
        // Never more than 31 days, which is all that Authorize.Net answers.
        (pages(&[PAGE, &late]), "2026-03-02T03:10:00Z", ("2026-01-17T03:04:05Z", "2026-02-16T03:04:05Z")),
        // No page that we know of: whatever there is, it is new.
        (pages(&[]), "2026-01-02T03:10:00Z", ("2026-01-02T03:00:00Z", "2026-01-02T03:10:00Z")),
        (
            pages(&["other1-1", "att1-x", "att1"]),
            "2026-01-02T03:10:00Z",
            ("2026-01-02T03:00:00Z", "2026-01-02T03:10:00Z"),
        ),
    ] {
        let (from, to) = range(at(call, now));
        assert_eq!((from.as_str(), to.as_str()), expected);
    }
}

#[test]
fn a_refund_without_an_id_is_looked_for() {
    let call = || refund_order("fetch_refund", 500, json!({}));
    let settled = || payment("settledSuccessfully", json!({}));
    let entry = |changes: Value| {
        let fields = json!({"invoiceNumber": "re1", "settleAmount": 5.0});
        list(&[line(REFUND_ID, "refundPendingSettlement", changed(fields, changes))])
    };
    let details = |changes: Value| refund("refundPendingSettlement", changes);
    let bare = |of: Value| {
        let fields = json!({
            "transId": REFUND_ID, "refTransId": of, "submitTimeUTC": "2026-01-02T03:09:45Z",
            "transactionType": "refundTransaction", "transactionStatus": "refundPendingSettlement",
            "authAmount": 5.0, "settleAmount": 5.0,
        });
        ok(json!({ "transaction": fields }))
    };
    let nameless = || entry(json!({"invoiceNumber": null}));
    let inherited = || entry(json!({"invoiceNumber": ECHO}));
    for (what, responses, echo) in [
        ("our echo", vec![entry(json!({})), details(json!({}))], Some("re1")),
        (
            "our echo, whatever it acts upon",
            vec![entry(json!({})), details(json!({"refTransId": "9"}))],
            Some("re1"),
        ),
        // Nothing says that a refund keeps its invoice number. One without any may be ours; a better one may be
        // settled already.
        ("its request's reference", vec![nameless(), nothing(), details(json!({}))], Some("re1")),
        ("no echo", vec![nameless(), nothing(), bare(json!(ID))], None),
        (
            "its payment's echo",
            vec![inherited(), nothing(), details(json!({"order": {"invoiceNumber": ECHO}}))],
            None,
        ),
    ] {
        let said = facts(call(), [vec![settled()], responses].concat());
        assert_eq!((said.items.len(), said.items[0].echo.as_deref()), (1, echo), "{what}");
    }
    let ours = || {
        let fields = json!({"transId": "60198299418"});
        let line = json!({"invoiceNumber": "re1", "settleAmount": 5.0});
        (list(&[crate::support::line("60198299418", "refundSettledSuccessfully", line)]), details(fields))
    };
    let (settled_line, settled_details) = ours();
    let of_another =
        vec![settled(), nameless(), batches(&["7"]), settled_line, bare(json!("9")), settled_details];
    assert_eq!(
        facts(call(), of_another).items[0].id.as_deref(),
        Some("60198299418"),
        "past what looks like it"
    );
    assert_eq!(
        reply(call(), vec![settled(), nameless(), nothing(), bare(json!("9"))]),
        Reply::Answer(Answer::Absent),
        "of another payment"
    );
    // Whose it is cannot be told: then "not there" would be a guess.
    let untold = reply(call(), vec![settled(), nameless(), nothing(), bare(json!(null))]);
    assert!(matches!(untold, Reply::Fault(Fault::Unreadable { .. })), "{untold:?}");
    for (what, changes) in [
        ("another's echo", json!({"invoiceNumber": "re2"})),
        ("no echo, and another amount", json!({"invoiceNumber": null, "settleAmount": 5.01})),
        (
            "no echo, and no refund",
            json!({"invoiceNumber": null, "transactionStatus": "settledSuccessfully"}),
        ),
        ("no echo, and long before", json!({"invoiceNumber": null, "submitTimeUTC": "2025-12-01T00:00:00Z"})),
    ] {
        let said = reply(call(), vec![settled(), entry(changes), nothing()]);
        assert_eq!(said, Reply::Answer(Answer::Absent), "{what}");
    }
    // Before the payment is settled there can be none: nothing is searched.
    let early = reply(call(), vec![payment("capturedPendingSettlement", json!({}))]);
    assert_eq!(early, Reply::Answer(Answer::Absent));
}
