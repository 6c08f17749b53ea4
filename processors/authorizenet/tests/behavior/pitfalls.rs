//! Mistakes that other projects made with Authorize.Net, each with the test that keeps us from making it.

use processor_authorizenet::AuthorizeNet;
use processor_sdk::{
    Adapter, AfterUnknown, Answer, Fault, HttpResponse, ItemKind, ItemState, KeyCarrier, LookUp,
    ReferenceKind, Reply, Says, Word,
};
use serde_json::json;

use crate::support::*;

/// Fields in another order than the schema's were refused as "invalid child element". `requests` checks every
/// request of every fixture; here is the one that is easily got wrong.
#[test]
fn pitfall_element_order_matters() {
    let (requests, _) = perform(
        refund_order("refund", 500, json!({})),
        vec![payment("settledSuccessfully", json!({})), error("E00001")],
    );
    let order = &body(&requests[1])["createTransactionRequest"];
    let root: Vec<_> = order.as_object().unwrap().keys().collect();
    assert_eq!(root, ["merchantAuthentication", "refId", "transactionRequest"]);
    let fields: Vec<_> = order["transactionRequest"].as_object().unwrap().keys().collect();
    let schema = [
        "transactionType",
        "amount",
        "currencyCode",
        "payment",
        "refTransId",
        "order",
        "transactionSettings",
    ];
    assert_eq!(fields, schema);
}

/// Answers begin with a byte order mark, which JSON readers choke on.
#[test]
fn pitfall_a_byte_order_mark_is_skipped() {
    let marked = payment("settledSuccessfully", json!({}));
    assert!(marked.body.as_slice().starts_with(b"\xef\xbb\xbf"));
    let bare = response(200, marked.body.as_text().unwrap().trim_start_matches('\u{feff}'));
    assert_eq!(facts(fetch_payment(), vec![marked]), facts(fetch_payment(), vec![bare]));
}

/// Errors have HTTP status 200, and were read as success.
#[test]
fn pitfall_errors_have_status_200() {
    let token = |response| reply(open(json!({})), vec![response]);
    for response in [error("E00007"), error("E00001"), error("E00053"), error("E09999")] {
        assert_eq!(response.status, 200);
        assert!(matches!(token(response), Reply::Fault(_)));
    }
    // An error beside a token, or an answer that is neither Ok nor Error.
    let messages = |code: &str| json!({"resultCode": code, "message": [{"code": "E00001", "text": "Why."}]});
    for code in ["Error", "Maybe", "ok"] {
        let reply = token(ok(json!({"token": "t", "messages": messages(code)})));
        assert!(matches!(reply, Reply::Fault(_)), "{code}: {reply:?}");
    }
}

/// No id at creation and none on return: what was paid could not be found. Our echo is the invoice number.
#[test]
fn pitfall_no_id_at_creation_and_none_on_return() {
    let (requests, reply) = perform(open(json!({})), vec![ok(json!({"token": "t"}))]);
    let page = &body(&requests[0])["getHostedPaymentPageRequest"];
    assert_eq!(page["transactionRequest"]["order"]["invoiceNumber"], ECHO);
    let Reply::Answer(Answer::Said { facts: opened, .. }) = reply else { panic!() };
    assert!(opened.references.iter().all(|reference| reference.kind == ReferenceKind::Session));
    // With nothing but that, the payment is found.
    let lost = knowing(find_payment(), json!(opened.references));
    let found = facts(
        lost,
        vec![
            list(&[line(ID, "capturedPendingSettlement", json!({}))]),
            payment("capturedPendingSettlement", json!({})),
        ],
    );
    assert_eq!(found.word, Some(Word::Paid));
    assert!(found.references.iter().any(|reference| reference.id == ID));
    assert_eq!(AuthorizeNet.descriptor().capabilities.fetch_payment, LookUp::ByEcho);
}

/// Two tabs, two payments under one invoice number: the second one went unnoticed. Both are told of, so that
/// they add up to more than was asked.
#[test]
fn pitfall_a_second_payment_is_seen() {
    let second = || payment("capturedPendingSettlement", json!({"transId": "60198278802"}));
    let first = || payment("capturedPendingSettlement", json!({}));
    let lines = [
        line("60198278802", "capturedPendingSettlement", json!({})),
        line(ID, "capturedPendingSettlement", json!({})),
    ];
    let both = facts(find_payment(), vec![list(&lines), second(), first()]);
    assert_eq!(both.captured.map(|captured| captured.minor()), Some(2468));
    let reserved = |id: &str| {
        let kind = "authOnlyTransaction";
        payment("authorizedPendingCapture", json!({"transId": id, "transactionType": kind}))
    };
    let by_id = json!([{"kind": "payment", "id": ID}, {"kind": "payment", "id": "60198278802"}]);
    let both = facts(knowing(fetch_payment(), by_id), vec![reserved(ID), reserved("60198278802")]);
    assert_eq!(both.authorized.map(|authorized| authorized.minor()), Some(2468));
    // But a capture with an id of its own is the same money as its authorization.
    let captured = payment("capturedPendingSettlement", json!({"transId": "60198278855", "refTransId": ID}));
    let by_id = json!([{"kind": "payment", "id": ID}, {"kind": "capture", "id": "60198278855"}]);
    let one = facts(knowing(fetch_payment(), by_id), vec![reserved(ID), captured]);
    assert_eq!((one.authorized, one.captured.map(|captured| captured.minor())), (None, Some(1234)));
    // By webhook each is a capture of its own.
    let mut captures = std::collections::BTreeSet::new();
    for details in [first(), second()] {
        let id = json!(
            serde_json::from_str::<serde_json::Value>(
                details.body.as_text().unwrap().trim_start_matches('\u{feff}')
            )
            .unwrap()["transaction"]["transId"]
        );
        let Says::Facts(facts) =
            notified(&event("authcapture.created", json!({ "id": id })), vec![details]).says
        else {
            panic!()
        };
        assert_eq!((facts.items[0].kind, facts.items[0].amount.unwrap().minor()), (ItemKind::Capture, 1234));
        captures.insert(facts.items[0].id.clone());
    }
    assert_eq!(captures.len(), 2);
}

/// Every `….created` event was a success to somebody, voids too. The event's name says nothing here.
#[test]
fn pitfall_a_created_event_is_no_success() {
    for (kind, status) in [
        ("void.created", "voided"),
        ("authcapture.created", "voided"),
        ("authcapture.created", "declined"),
        ("fraud.approved", "failedReview"),
    ] {
        let said = notified(&event(kind, json!({})), vec![payment(status, json!({}))]);
        assert_eq!(said.says, Says::Changed, "{kind} {status}");
    }
}

/// A declined card was reported as wrong credentials of the merchant's.
#[test]
fn pitfall_declined_is_not_unauthorized() {
    let declined = payment("declined", json!({"responseCode": 2, "responseReasonCode": 2}));
    let call = at(find_payment(), "2026-01-02T09:00:00Z");
    let said = facts(call, vec![list(&[line(ID, "declined", json!({}))]), nothing(), declined]);
    assert_eq!(
        (said.word, said.decline.unwrap().code),
        (Some(Word::Declined), processor_sdk::DeclineCode::CardDeclined)
    );
    assert_eq!(
        reply(fetch_payment(), vec![error("E00007")]),
        Reply::Fault(Fault::Credentials { status: 401 })
    );
}

/// Refunds before the settlement are refused, and refunds seemed to be broken. The whole is voided instead, a
/// part waits, and nothing is sent for it meanwhile.
#[test]
fn pitfall_a_refund_before_the_settlement() {
    for status in
        ["capturedPendingSettlement", "pendingSettlement", "pendingFinalSettlement", "updatingSettlement"]
    {
        let unsettled = || payment(status, json!({}));
        let part = |amount, changes| perform(refund_order("refund", amount, changes), vec![unsettled()]);
        let second_half = json!({"refunded_before": {"amount": 1, "currency": "USD"}});
        for (requests, reply) in [part(1233, json!({})), part(1234, second_half)] {
            assert_eq!(names(&requests), ["getTransactionDetailsRequest"], "{status}");
            assert_eq!(reply, Reply::Fault(Fault::Throttled { retry_after_s: Some(21_600) }), "{status}");
        }
        let responses = vec![unsettled(), taken(ID), payment("voided", json!({"settleAmount": 0}))];
        let (requests, reply) = perform(refund_order("refund", 1234, json!({})), responses);
        let order = &body(&requests[1])["createTransactionRequest"]["transactionRequest"];
        assert_eq!(order["transactionType"], "voidTransaction", "{status}");
        let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
        let item = &facts.items[0];
        assert_eq!(
            (item.kind, item.state, item.echo.as_deref()),
            (ItemKind::Refund, ItemState::Succeeded, Some("re1"))
        );
        assert_eq!(item.amount.unwrap().minor(), 1234);
    }
    // Accepted, and not yet to be seen; and the settlement was faster, which is for another time.
    let unsettled = || payment("capturedPendingSettlement", json!({}));
    let lagging = facts(refund_order("refund", 1234, json!({})), vec![unsettled(), taken(ID), unsettled()]);
    assert_eq!(lagging.items[0].state, ItemState::Pending);
    let late = reply(refund_order("refund", 1234, json!({})), vec![unsettled(), refused("16"), unsettled()]);
    assert!(matches!(late, Reply::Fault(Fault::Throttled { .. })));
}

/// The refund that was a void is told of as the same refund whenever it is asked for.
#[test]
fn pitfall_a_void_for_a_refund_stays_that_refund() {
    let voided = || payment("voided", json!({"settleAmount": 0}));
    let by_id = |details| facts(refund_order("fetch_refund", 1234, json!({ "id": ID })), vec![details]).items;
    for (details, state) in [
        (voided(), ItemState::Succeeded),
        (payment("capturedPendingSettlement", json!({})), ItemState::Pending),
        (payment("settledSuccessfully", json!({})), ItemState::Failed),
    ] {
        let items = by_id(details);
        assert_eq!((items.len(), items[0].id.as_deref(), items[0].state), (1, Some(ID), state));
    }
    let by_payment = facts(fetch_payment(), vec![voided()]);
    assert_eq!((by_payment.word, by_payment.items[0].id.as_deref()), (None, Some(ID)));
    let by_echo = facts(refund_order("fetch_refund", 1234, json!({})), vec![voided()]);
    assert_eq!(by_echo.items[0].echo.as_deref(), Some("re1"));
}

/// An account in test mode answers "approved" with the id 0, and nothing ever happens.
#[test]
fn pitfall_test_mode_has_no_ids() {
    for (call, responses) in [
        (capture(1234), vec![taken("0")]),
        (void(), vec![taken("0")]),
        (refund_order("refund", 500, json!({})), vec![payment("settledSuccessfully", json!({})), taken("0")]),
    ] {
        let reply = reply(call, responses);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{reply:?}");
    }
    let said = notified(&event("authcapture.created", json!({"id": "0"})), vec![]);
    assert!(matches!(said.says, Says::Ignored { .. }));
}

/// Invoice numbers were cut to 20 characters, and two became one. Ours fit.
#[test]
fn pitfall_invoice_numbers_are_not_cut() {
    let numbers: Vec<_> = ["0123456789abcdefghij", "1123456789abcdefghij", "0123456789abcdefghik"]
        .into_iter()
        .map(|echo| {
            let call = processor_sdk::Call { echo: echo.to_owned(), ..open(json!({})) };
            let (requests, _) = perform(call, vec![error("E00053")]);
            body(&requests[0])["getHostedPaymentPageRequest"]["transactionRequest"]["order"]["invoiceNumber"]
                .clone()
        })
        .collect();
    assert_eq!(numbers, ["0123456789abcdefghij", "1123456789abcdefghij", "0123456789abcdefghik"]);
}

/// The id in an event is a text of digits; as a number it may lose some.
#[test]
fn pitfall_ids_are_texts() {
    let long = "00601982788012345678";
    let said = notified(&event("authcapture.created", json!({"id": long})), vec![error("E00040")]);
    assert_eq!(said.references[0].id, long);
    let number = heard(&event("authcapture.created", json!({"id": 60_198_278_801_i64})), vec![]);
    assert!(matches!(number, Reply::Fault(Fault::Unreadable { .. })));
}

/// The amount in an event is a floating point number, and of no use. Nor is its response code.
#[test]
fn pitfall_the_events_amount_counts_for_nothing() {
    let details = || payment("capturedPendingSettlement", json!({}));
    for payload in [json!({"authAmount": 0.01}), json!({"authAmount": null}), json!({"responseCode": 2})] {
        let Says::Facts(facts) = notified(&event("authcapture.created", payload), vec![details()]).says
        else {
            panic!()
        };
        assert_eq!(facts.captured.map(|captured| captured.minor()), Some(1234));
    }
}

/// The token is good for 15 minutes; afterwards the shopper saw an error. The door closes before, and the next
/// one has a token of its own, unless the payment came in the meantime.
#[test]
fn pitfall_a_token_is_good_for_15_minutes() {
    let again = || knowing(open(json!({})), json!([{"kind": "session", "id": PAGE}]));
    let token = || ok(json!({"token": "t2"}));
    let (_, reply) = perform(again(), vec![nothing(), nothing(), token()]);
    let Reply::Answer(Answer::Said { door: Some(door), .. }) = reply else { panic!("{reply:?}") };
    assert_eq!(door.expires_in_s, Some(14 * 60));
    for status in
        ["capturedPendingSettlement", "authorizedPendingCapture", "FDSPendingReview", "voided", "zombified"]
    {
        let found = vec![list(&[line(ID, status, json!({}))]), payment(status, json!({}))];
        let (_, reply) = perform(again(), found);
        assert!(matches!(reply, Reply::Answer(Answer::Said { door: None, .. })), "{status}: {reply:?}");
    }
    let declined =
        vec![list(&[line(ID, "declined", json!({}))]), nothing(), payment("declined", json!({})), token()];
    assert!(matches!(perform(again(), declined).1, Reply::Answer(Answer::Said { door: Some(_), .. })));
}

/// A declined card was taken for the end; the shopper may try another one as long as the page is open.
#[test]
fn pitfall_a_failed_try_is_not_the_end() {
    let declined =
        || vec![list(&[line(ID, "declined", json!({}))]), nothing(), payment("declined", json!({}))];
    let later = json!([{"kind": "session", "id": PAGE}, {"kind": "session", "id": "att1_1767330000"}]);
    for (call, time, expected) in [
        (find_payment(), "2026-01-02T03:10:00Z", Word::Open),
        (find_payment(), "2026-01-02T03:29:44Z", Word::Open),
        (find_payment(), "2026-01-02T03:29:46Z", Word::Declined),
        // Another page was opened at 05:00:00.
        (knowing(find_payment(), later.clone()), "2026-01-02T05:19:59Z", Word::Open),
        (knowing(find_payment(), later), "2026-01-02T05:20:00Z", Word::Declined),
    ] {
        let said = facts(at(call, time), declined());
        assert_eq!((said.word, said.decline.is_some()), (Some(expected), true), "{time}");
        // The next try has another id, which only our echo finds.
        assert!(said.references.is_empty());
    }
    let lines =
        [line("60198278802", "capturedPendingSettlement", json!({})), line(ID, "declined", json!({}))];
    let paid = payment("capturedPendingSettlement", json!({"transId": "60198278802"}));
    assert_eq!(facts(find_payment(), vec![list(&lines), paid]).word, Some(Word::Paid));
}

/// Without a key, a repeated refund was made twice. It is looked for first, by our echo.
#[test]
fn pitfall_there_is_no_key() {
    let profile = AuthorizeNet.descriptor().idempotency;
    assert_eq!((profile.carrier, profile.after_unknown), (KeyCarrier::None, AfterUnknown::LookFirst));
    assert_eq!(AuthorizeNet.descriptor().capabilities.fetch_refund, LookUp::ByEcho);
    // "Duplicate" may mean that ours was done, so that it is no refusal.
    let orders: [(_, Vec<HttpResponse>); 3] = [
        (capture(1234), vec![refused("11"), authorized()]),
        (void(), vec![refused("11"), authorized()]),
        (
            refund_order("refund", 500, json!({})),
            vec![payment("settledSuccessfully", json!({})), refused("11")],
        ),
    ];
    for (call, responses) in orders {
        let reply = reply(call, responses);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{reply:?}");
    }
}

/// A refund that waited too long is not sent: an answer to an earlier try may have been lost before what is looked
/// through for it. By Authorize.Net's clock, because ours stands still in an operation.
#[test]
fn pitfall_an_old_refund_is_not_sent_again() {
    for (date, is_sent) in [
        ("Fri, 02 Jan 2026 03:10:00 GMT", true),
        ("Thu, 01 Jan 2026 23:59:59 GMT", true),
        ("Thu, 08 Jan 2026 03:10:00 GMT", true),
        ("Thu, 08 Jan 2026 03:10:01 GMT", false),
        ("Mon, 08 Mar 2027 00:00:00 GMT", false),
        // Not a time that can be read: then nobody knows.
        ("", false),
        ("2026-01-02T03:10:00Z", false),
        ("Fri, 02 Jan 2026 03:10:00", false),
        ("Fri, 02 Jan 2026 03:10:00 +0100", false),
        ("Fri, 02 Jxn 2026 03:10:00 GMT", false),
        ("Fri, 32 Jan 2026 03:10:00 GMT", false),
    ] {
        let settled = dated(payment("settledSuccessfully", json!({})), date);
        let responses = [vec![settled], vec![error("E00001"); usize::from(is_sent)]].concat();
        let (requests, reply) = perform(refund_order("refund", 500, json!({})), responses);
        assert_eq!(requests.len(), 1 + usize::from(is_sent), "{date}");
        assert!(matches!(reply, Reply::Fault(_)), "{date}: {reply:?}");
    }
}

/// "Already captured" and "already voided" were errors, or were taken for what was asked. They are done, by whomever,
/// and Authorize.Net says so as a refusal or as a note to an approval.
#[test]
fn pitfall_done_already_is_done() {
    for (code, answered) in
        [("310", refused as fn(&str) -> _), ("311", refused), ("310", noted), ("311", noted)]
    {
        let captured =
            facts(capture(1234), vec![answered(code), payment("capturedPendingSettlement", json!({}))]);
        assert_eq!((captured.word, captured.items.len()), (Some(Word::Paid), 1), "{code}");
        assert_eq!(captured.items[0].state, ItemState::Succeeded);
        let voided = facts(void(), vec![answered(code), payment("voided", json!({}))]);
        assert_eq!((voided.word, voided.items.len()), (Some(Word::Voided), 0), "{code}");
        // Another amount was captured: ours was not, and what was taken is said.
        let other = payment("capturedPendingSettlement", json!({"settleAmount": 7.0}));
        let said = facts(capture(1234), vec![answered(code), other]);
        assert_eq!(said.captured.unwrap().minor(), 700, "{code}");
        assert!(said.items.contains(&failed(ItemKind::Capture, "cap1", code)), "{code}: {:?}", said.items);
    }
}

/// What the shopper's bank has taken back would be given back twice. Nobody tells of a dispute: where one is seen, it
/// is said.
#[test]
fn pitfall_a_disputed_payment_is_not_refunded() {
    for status in ["chargeback", "returnedItem"] {
        let (requests, reply) =
            perform(refund_order("refund", 500, json!({})), vec![payment(status, json!({}))]);
        assert_eq!(names(&requests), ["getTransactionDetailsRequest"], "{status}");
        let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
        assert!(facts.items.contains(&failed(ItemKind::Refund, "re1", status)), "{:?}", facts.items);
        let dispute = facts.items.iter().find(|item| item.kind == ItemKind::Dispute).unwrap();
        assert_eq!((dispute.state, dispute.amount.unwrap().minor()), (ItemState::Pending, 1234));
    }
    let responses = vec![
        payment("chargebackReversal", json!({})),
        taken(REFUND_ID),
        refund("refundPendingSettlement", json!({})),
    ];
    let (requests, _) = perform(refund_order("refund", 500, json!({})), responses);
    assert_eq!(names(&requests)[1], "createTransactionRequest", "the bank gave it again");
}

/// Something failed on the way to the bank: nobody knows how far the order came.
#[test]
fn pitfall_a_processing_error_is_no_refusal() {
    for code in ["19", "20", "26", "57", "63", "120", "121", "122", "261"] {
        assert_eq!(reply(capture(1234), vec![refused(code)]), Reply::Fault(Fault::Processor { status: 503 }));
        let refund = refund_order("refund", 500, json!({}));
        let said = reply(refund, vec![payment("settledSuccessfully", json!({})), refused(code)]);
        assert_eq!(said, Reply::Fault(Fault::Processor { status: 503 }), "{code}");
    }
}

/// More of a card's number than its last four digits is never asked for and never sent.
#[test]
fn pitfall_only_the_last_digits_of_a_card() {
    for number in ["1111", "XXXX11111", "XXXX", "XXXX-111", "XXXXabcd", ""] {
        let settled =
            payment("settledSuccessfully", json!({"payment": {"creditCard": {"cardNumber": number}}}));
        let (requests, reply) = perform(refund_order("refund", 500, json!({})), vec![settled]);
        assert_eq!(requests.len(), 1);
        assert!(matches!(reply, Reply::Fault(Fault::CannotAsk { .. })), "{number}: {reply:?}");
    }
}
