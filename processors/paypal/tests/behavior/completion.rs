//! Finishing what the shopper approved, captures of authorizations, and voids.

use processor_sdk::{Answer, Call, CaptureMode, DoorKind, Fault, ItemKind, ItemState, Reply, Word};
use serde_json::{Value, json};

use crate::support::*;

fn manual(call: Call) -> Call {
    Call { capture: CaptureMode::Manual, ..call }
}

fn authorized(status: &str, captures: Value) -> Value {
    order("COMPLETED", json!({"authorizations": [authorization(status, json!({}))], "captures": captures}))
}

#[test]
fn an_order_is_completed_as_it_was_made() {
    let taken = paid(capture("COMPLETED", json!({})));
    for (call, action, order, expected) in [
        (complete(), "capture", taken, Word::Paid),
        (manual(complete()), "authorize", authorized("CREATED", json!([])), Word::Authorized),
    ] {
        let (requests, reply) = perform(call, vec![response(201, &order)]);
        assert_eq!((requests.len(), body(&requests[0])), (1, &json!({})));
        assert_eq!(path(&requests[0]), format!("/v2/checkout/orders/{ORDER}/{action}"));
        let Reply::Answer(Answer::Said { facts, door: None }) = reply else { panic!("{reply:?}") };
        assert_eq!(facts.word, Some(expected));
    }
}

#[test]
fn a_refused_completion_says_what_the_order_says() {
    let captured = || paid(capture("COMPLETED", json!({})));
    let approved = || order("APPROVED", json!({}));
    for (issue, shown, expected) in [
        ("ORDER_ALREADY_CAPTURED", captured(), Word::Paid),
        ("ORDER_ALREADY_AUTHORIZED", authorized("CREATED", json!([])), Word::Authorized),
        ("ORDER_ALREADY_COMPLETED", captured(), Word::Paid),
        ("ORDER_NOT_APPROVED", order("PAYER_ACTION_REQUIRED", json!({})), Word::Open),
        ("ORDER_NOT_APPROVED", order("CREATED", json!({})), Word::Open),
        // The order is behind its own refusal: it is asked again.
        ("ORDER_ALREADY_CAPTURED", approved(), Word::NeedsCompletion),
        // An issue that nobody has heard of is no decline.
        ("SOMETHING_NEW", approved(), Word::NeedsCompletion),
        // A decline of one run, while another one took the money.
        ("INSTRUMENT_DECLINED", captured(), Word::Paid),
        ("TRANSACTION_REFUSED", captured(), Word::Paid),
        ("TRANSACTION_REFUSED", paid(capture("PENDING", json!({}))), Word::Pending),
        ("ORDER_EXPIRED", captured(), Word::Paid),
        ("ORDER_EXPIRED", approved(), Word::Expired),
    ] {
        let facts = facts(complete(), vec![refusal(issue), ok(shown)]);
        // A refusal is news; an approval keeps its time.
        let is_old = expected == Word::NeedsCompletion;
        assert_eq!(
            (facts.word, facts.decline, facts.at.is_some()),
            (Some(expected), None, is_old),
            "{issue}"
        );
    }
}

#[test]
fn a_refusal_without_an_order() {
    for (issue, expected) in [("ORDER_EXPIRED", Some(Word::Expired)), ("ORDER_NOT_APPROVED", None)] {
        match (reply(complete(), vec![refusal(issue), absent()]), expected) {
            (Reply::Answer(Answer::Said { facts, .. }), word @ Some(_)) => assert_eq!(facts.word, word),
            (Reply::Answer(Answer::Absent), None) => {}
            (other, _) => panic!("{issue}: {other:?}"),
        }
    }
    assert_eq!(reply(complete(), vec![absent(), absent()]), Reply::Answer(Answer::Absent));
}

/// The link in the refusal is the nearest; the order has another one.
#[test]
fn the_shopper_is_led_back_to_paypal() {
    let fresh = "https://www.sandbox.paypal.com/checkoutnow?token=again";
    let with_link = |issue: &str, rel: &str| {
        let refused = changed(
            serde_json::from_slice(refusal(issue).body.as_slice()).unwrap(),
            json!({"links": [
                {"rel": "information_link", "href": "https://developer.paypal.com/x"},
                {"rel": rel, "href": fresh},
            ]}),
        );
        response(422, &refused)
    };
    let old = format!("https://www.sandbox.paypal.com/checkoutnow?token={ORDER}");
    for (refused, is_declined, url) in [
        (with_link("INSTRUMENT_DECLINED", "redirect"), true, fresh),
        (with_link("INSTRUMENT_DECLINED", "payer-action"), true, fresh),
        (with_link("REDIRECT_PAYER_FOR_ALTERNATE_FUNDING", "approve"), true, fresh),
        (with_link("PAYER_ACTION_REQUIRED", "payer-action"), false, fresh),
        (refusal("INSTRUMENT_DECLINED"), true, &old),
    ] {
        let (facts, door) = said(complete(), vec![refused.clone(), ok(order("APPROVED", json!({})))]);
        // Open again, and as of now: the approval before it is over.
        assert_eq!((facts.word, facts.at, facts.decline.is_some()), (Some(Word::Open), None, is_declined));
        assert_eq!(door.unwrap().kind, DoorKind::Redirect { url: url.to_owned() }, "{refused:?}");
    }
}

#[test]
fn what_is_being_done_is_no_refusal() {
    let busy = |issue: &str| error(422, "UNPROCESSABLE_ENTITY", issue);
    for (answer, status) in [
        (busy("ORDER_COMPLETION_IN_PROGRESS"), 422),
        (error(409, "RESOURCE_CONFLICT", "PREVIOUS_REQUEST_IN_PROGRESS"), 409),
        (busy("PREVIOUS_REQUEST_IN_PROGRESS"), 422),
        (error(500, "INTERNAL_SERVER_ERROR", "X"), 500),
        (error(503, "SERVICE_UNAVAILABLE", "X"), 503),
    ] {
        for call in [
            complete(),
            capture_order(1234, true),
            manual(call(json!({"kind": "void"}))),
            refund_order("refund", json!({})),
            open(json!({})),
        ] {
            let said = reply(call.clone(), vec![answer.clone()]);
            assert_eq!(said, Reply::Fault(Fault::Processor { status }), "{:?}", call.operation);
        }
    }
}

#[test]
fn a_capture_names_itself_and_what_becomes_of_the_rest() {
    for (minor, value, is_final) in [(1234, "12.34", true), (500, "5.00", false), (500, "5.00", true)] {
        let taken = capture("COMPLETED", json!({"amount": money(value), "invoice_id": "cap1"}));
        let (requests, reply) = perform(capture_order(minor, is_final), vec![response(201, &taken)]);
        assert_eq!(path(&requests[0]), format!("/v2/payments/authorizations/{AUTHORIZATION}/capture"));
        let expected = json!({"amount": money(value), "invoice_id": "cap1", "final_capture": is_final});
        assert_eq!(body(&requests[0]), &expected);
        let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
        let item = &facts.items[0];
        assert_eq!((item.state, item.echo.as_deref()), (ItemState::Succeeded, Some("cap1")));
        assert_eq!(item.amount.unwrap().minor(), minor);
    }
}

#[test]
fn a_refused_capture_says_what_is_so() {
    let mine = |status: &str| json!([capture(status, json!({"invoice_id": "cap1"}))]);
    let unnamed = |value: &str| json!([capture("COMPLETED", json!({"amount": money(value)}))]);
    let other = json!([capture("COMPLETED", json!({"invoice_id": "cap0"}))]);
    // Of another amount than was asked for: what PayPal says is said, and the hub compares.
    let less = json!([capture("COMPLETED", json!({"invoice_id": "cap1", "amount": money("7.00")}))]);
    for (what, issue, shown, is_failed) in [
        ("done before", "AUTHORIZATION_ALREADY_CAPTURED", authorized("CAPTURED", mine("COMPLETED")), false),
        ("done before, pending", "DUPLICATE_INVOICE_ID", authorized("CAPTURED", mine("PENDING")), false),
        ("done before, otherwise", "DUPLICATE_INVOICE_ID", authorized("CAPTURED", less), false),
        ("tried before", "TRANSACTION_REFUSED", authorized("CREATED", mine("DECLINED")), false),
        ("done, unnamed", "AUTHORIZATION_ALREADY_CAPTURED", authorized("CAPTURED", unnamed("12.34")), false),
        ("another amount", "AUTHORIZATION_ALREADY_CAPTURED", authorized("CAPTURED", unnamed("7.00")), true),
        ("another capture", "AUTHORIZATION_ALREADY_CAPTURED", authorized("CAPTURED", other), true),
        ("too much", "MAX_CAPTURE_AMOUNT_EXCEEDED", authorized("CREATED", json!([])), true),
        ("refused", "TRANSACTION_REFUSED", authorized("CREATED", json!([])), true),
        ("lapsed", "AUTHORIZATION_EXPIRED", authorized("VOIDED", json!([])), true),
        ("anything", "SOMETHING_NEW", authorized("CREATED", json!([])), true),
    ] {
        let facts = facts(capture_order(1234, true), vec![refusal(issue), ok(shown)]);
        let failure = failed(ItemKind::Capture, "cap1", issue);
        assert_eq!(facts.items.contains(&failure), is_failed, "{what}: {:?}", facts.items);
    }
}

/// What an earlier try may have caused fails nothing as long as PayPal does not show everything.
#[test]
fn a_capture_that_may_have_been_made_is_not_failed() {
    let unseen = || vec![absent(), ok(authorization("CAPTURED", json!({}))), absent()];
    for (issue, shown, is_failed) in [
        ("DUPLICATE_INVOICE_ID", vec![ok(authorized("CREATED", json!([])))], false),
        ("DUPLICATE_INVOICE_ID", unseen(), false),
        ("AUTHORIZATION_ALREADY_CAPTURED", unseen(), false),
        ("MAX_CAPTURE_COUNT_EXCEEDED", unseen(), false),
        ("MAX_CAPTURE_AMOUNT_EXCEEDED", unseen(), false),
        ("TRANSACTION_REFUSED", unseen(), true),
        ("TRANSACTION_REFUSED", vec![absent(), absent(), absent()], false),
    ] {
        let mut responses = vec![refusal(issue)];
        responses.extend(shown);
        match reply(capture_order(1234, true), responses) {
            Reply::Answer(Answer::Said { facts, .. }) => {
                assert!(facts.items.contains(&failed(ItemKind::Capture, "cap1", issue)), "{issue}");
                assert!(is_failed, "{issue}");
            }
            Reply::Fault(Fault::Unreadable { .. }) => assert!(!is_failed, "{issue}"),
            other => panic!("{issue}: {other:?}"),
        }
    }
}

#[test]
fn a_void_counts_once_it_is_shown() {
    let void = || manual(call(json!({"kind": "void"})));
    let no_content = || processor_sdk::HttpResponse { body: "".into(), ..response(204, &json!(null)) };
    let (requests, _) = perform(void(), vec![ok(authorization("VOIDED", json!({})))]);
    assert_eq!(path(&requests[0]), format!("/v2/payments/authorizations/{AUTHORIZATION}/void"));
    assert_eq!(requests[0].body, processor_sdk::RequestBody::Empty);
    assert_eq!(requests[0].headers.get("content-type"), Some("application/json"));
    for (what, responses, word, failure) in [
        ("shown at once", vec![ok(authorization("VOIDED", json!({})))], Some(Word::Voided), None),
        ("shown later", vec![no_content(), ok(authorized("VOIDED", json!([])))], Some(Word::Voided), None),
        ("not shown", vec![no_content(), ok(authorized("CREATED", json!([])))], None, None),
        ("not shown either", vec![ok(authorization("CREATED", json!({})))], None, None),
        (
            "done before",
            vec![refusal("PREVIOUSLY_VOIDED"), ok(authorized("VOIDED", json!([])))],
            Some(Word::Voided),
            None,
        ),
        (
            "captured before",
            vec![
                refusal("PREVIOUSLY_CAPTURED"),
                ok(authorized("CAPTURED", json!([capture("COMPLETED", json!({}))]))),
            ],
            Some(Word::Paid),
            Some("PREVIOUSLY_CAPTURED"),
        ),
        (
            "refused",
            vec![refusal("CANNOT_BE_VOIDED"), ok(authorized("CREATED", json!([])))],
            Some(Word::Authorized),
            Some("CANNOT_BE_VOIDED"),
        ),
        ("of nothing", vec![absent(), absent(), absent(), absent()], None, None),
    ] {
        match (reply(void(), responses), word) {
            (Reply::Answer(Answer::Said { facts, .. }), Some(word)) => {
                assert_eq!(facts.word, Some(word), "{what}");
                let failures: Vec<_> =
                    facts.items.into_iter().filter(|item| item.state == ItemState::Failed).collect();
                let expected = failure.map(|reason| failed(ItemKind::Void, ECHO, reason));
                assert_eq!(failures, Vec::from_iter(expected), "{what}");
            }
            (Reply::Fault(Fault::Unreadable { .. }), None) => {}
            (other, _) => panic!("{what}: {other:?}"),
        }
    }
}
