//! What is asked of Sandbox Pay, and what its answers and refusals mean.

use processor_sdk::{
    Answer, Decline, DeclineCode, Door, Facts, Fault, ItemKind, ItemState, Reference, ReferenceKind, Reply,
    Word,
};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn session_words() {
    for (status, word) in [
        ("open", Word::Open),
        ("processing", Word::Pending),
        ("authorized", Word::Authorized),
        ("paid", Word::Paid),
        ("declined", Word::Declined),
        ("canceled", Word::Voided),
        ("voided", Word::Voided),
        ("expired", Word::Expired),
        ("PAID", Word::Unknown("PAID".to_owned())),
        ("on_hold", Word::Unknown("on_hold".to_owned())),
    ] {
        let (requests, reply) = perform(fetch_payment(), vec![response(200, &session(status, json!({})))]);
        assert_eq!(calls(&requests), [format!("GET sessions/{SESSION}")]);
        let Reply::Answer(Answer::Said { facts, door }) = reply else { panic!("{status}: {reply:?}") };
        assert_eq!(facts.word.as_ref(), Some(&word), "{status}");
        let open_door = Door::redirect(format!("http://127.0.0.1:4010/pay/{SESSION}"));
        assert_eq!(door, (word == Word::Open).then_some(open_door), "{status}");
    }
}

#[test]
fn payment_words() {
    for (status, word) in [
        ("processing", Word::Pending),
        ("authorized", Word::Authorized),
        ("captured", Word::Paid),
        ("voided", Word::Voided),
        ("declined", Word::Declined),
        ("seized", Word::Unknown("seized".to_owned())),
    ] {
        let (_, reply) =
            perform(call(capture_order(), &BY_PAYMENT), vec![response(200, &payment(status, json!({})))]);
        assert_eq!(facts(reply).word, Some(word), "{status}");
    }
}

#[test]
fn decline_codes() {
    for (code, meaning, elsewhere) in [
        ("card_declined", DeclineCode::CardDeclined, false),
        ("insufficient_funds", DeclineCode::InsufficientFunds, false),
        ("stolen_card", DeclineCode::StolenOrLost, false),
        ("processor_unavailable", DeclineCode::ProcessorUnavailable, true),
        ("moon_phase", DeclineCode::Other, false),
    ] {
        let declined = session("declined", json!({"decline_code": code}));
        let (_, reply) = perform(fetch_payment(), vec![response(200, &declined)]);
        let decline = Decline { code: meaning, elsewhere, processor_code: Some(code.to_owned()) };
        assert_eq!(facts(reply).decline, Some(decline), "{code}");
    }
    let odd = session("declined", json!({"decline_code": format!("<b>no{}", "x".repeat(100))}));
    let (_, reply) = perform(fetch_payment(), vec![response(200, &odd)]);
    let decline = facts(reply).decline.unwrap();
    assert_eq!(decline.processor_code, Some(format!("bno{}", "x".repeat(61))), "kept to the contract's form");
}

#[test]
fn item_states() {
    use ItemState::{Failed, Pending, Succeeded};
    for (kind, object, state) in [
        ("refund", refund("pending"), Some(Pending)),
        ("refund", refund("succeeded"), Some(Succeeded)),
        ("refund", refund("failed"), Some(Failed)),
        ("refund", refund("lost_in_post"), None),
        ("dispute", dispute("open"), Some(Pending)),
        ("dispute", dispute("won"), Some(Failed)),
        ("dispute", dispute("lost"), Some(Succeeded)),
        ("dispute", dispute("settled"), None),
        ("capture", payment("captured", json!({"captures": [capture("succeeded")]})), Some(Succeeded)),
        ("capture", payment("authorized", json!({"captures": [capture("failed")]})), Some(Failed)),
        ("capture", payment("authorized", json!({"captures": [capture("halfway")]})), None),
    ] {
        let operation = match kind {
            "refund" => refund_order("fetch_refund", Some("rf_1")),
            "dispute" => json!({"kind": "fetch_dispute", "id": "dd_1"}),
            _ => capture_order(),
        };
        let (_, reply) = perform(call(operation, &BY_PAYMENT), vec![response(200, &object)]);
        match state {
            Some(state) => assert_eq!(facts(reply).items[0].state, state, "{object}"),
            None => assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{object}: {reply:?}"),
        }
    }
}

#[test]
fn a_look_up_says_everything() {
    let paid = payment("captured", json!({"amount_captured": 1000, "captures": [capture("succeeded")]}));
    let session = session("paid", json!({"payment": paid}));
    let (requests, reply) = perform(
        fetch_payment(),
        vec![response(200, &session), list(&[refund("succeeded")]), list(&[dispute("open")])],
    );
    let paths = [
        format!("sessions/{SESSION}"),
        format!("payments/{PAYMENT}/refunds"),
        format!("disputes?payment={PAYMENT}"),
    ];
    assert_eq!(calls(&requests), paths.map(|path| format!("GET {path}")));
    let expected = json!({
        "references": [
            {"kind": "session", "id": SESSION}, {"kind": "payment", "id": PAYMENT},
            {"kind": "capture", "id": "cp_1"}, {"kind": "refund", "id": "rf_1"}, {"kind": "dispute", "id": "dd_1"},
        ],
        "word": "paid",
        "amount": {"amount": 1234, "currency": "EUR"},
        "authorized": {"amount": 1234, "currency": "EUR"},
        "captured": {"amount": 1000, "currency": "EUR"},
        "refunded": {"amount": 0, "currency": "EUR"},
        "items": [
            {"kind": "capture", "id": "cp_1", "echo": "cap1", "state": "succeeded",
             "amount": {"amount": 1000, "currency": "EUR"}, "at": "2023-11-14T22:14:10Z"},
            {"kind": "refund", "id": "rf_1", "echo": "re1", "state": "succeeded",
             "amount": {"amount": 500, "currency": "EUR"}, "at": "2023-11-14T22:15:01Z"},
            {"kind": "dispute", "id": "dd_1", "state": "pending", "reason": "fraudulent",
             "amount": {"amount": 1234, "currency": "EUR"}, "at": "2023-11-14T22:16:41Z"},
        ],
        "at": "2023-11-14T22:14:03Z",
    });
    assert_eq!(serde_json::to_value(facts(reply)).unwrap(), expected);
}

#[test]
fn a_lost_first_answer_is_found_by_echo() {
    let paid = session("paid", json!({"id": "ss_paid", "payment": payment("captured", json!({}))}));
    let open = |id: &str| session("open", json!({"id": id}));
    for (found, expected) in [
        (vec![], None),
        (vec![open("ss_a")], Some("ss_a")),
        (vec![open("ss_a"), open("ss_b")], Some("ss_b")),
        (vec![paid.clone(), open("ss_b")], Some("ss_paid")),
    ] {
        let mut responses = vec![list(&found)];
        if found.contains(&paid) {
            responses.extend([list(&[]), list(&[])]);
        }
        let (requests, reply) = perform(call(json!({"kind": "fetch_payment"}), &[]), responses);
        assert_eq!(calls(&requests)[0], "GET sessions?reference=att1");
        match expected {
            None => assert_eq!(reply, Reply::Answer(Answer::Absent)),
            Some(id) => {
                let session = Reference::new(ReferenceKind::Session, id);
                assert!(facts(reply).references.contains(&session), "{id}");
            }
        }
    }
}

#[test]
fn look_ups_end_in_absent_only_on_the_documented_code() {
    for operation in [
        json!({"kind": "fetch_payment"}),
        refund_order("fetch_refund", Some("rf_1")),
        json!({"kind": "fetch_dispute", "id": "dd_1"}),
    ] {
        let reply_to = |response| perform(call(operation.clone(), &BY_SESSION), vec![response]).1;
        assert_eq!(reply_to(refusal(404, "not_found")), Reply::Answer(Answer::Absent), "{operation}");
        for wrong in
            [refusal(404, "no_such_route"), refusal(500, "not_found"), response(404, &json!("<html>"))]
        {
            assert!(matches!(reply_to(wrong), Reply::Fault(_)), "{operation}");
        }
    }
    let (requests, reply) = perform(call(refund_order("fetch_refund", None), &BY_PAYMENT), vec![list(&[])]);
    assert_eq!(calls(&requests), ["GET refunds?reference=re1"]);
    assert_eq!(reply, Reply::Answer(Answer::Absent));
}

#[test]
fn requests_are_what_the_documentation_asks_for() {
    let long = "é".repeat(501);
    let opened = json!({
        "reference": "att1", "amount": 1234, "currency": "EUR", "capture": "manual",
        "return_url": "https://hub.example/return/t", "cancel_url": "https://hub.example/return/t?cancel=1",
        "expires_at": 1_700_003_600,
    });
    let with = |changes| changed(opened.clone(), changes);
    let session = response(201, &session("open", json!({})));
    let payment = response(200, &payment("captured", json!({})));
    for (operation, answer, path, sent) in [
        (open(json!({})), &session, "sessions".to_owned(), opened.clone()),
        (
            open(json!({"description": long, "shopper": {"locale": "pt-BR"}})),
            &session,
            "sessions".to_owned(),
            with(json!({"description": "é".repeat(500), "locale": "pt-BR"})),
        ),
        (json!({"kind": "expire_checkout"}), &session, format!("sessions/{SESSION}/expire"), json!({})),
        (
            capture_order(),
            &payment,
            format!("payments/{PAYMENT}/capture"),
            json!({"amount": 1000, "reference": "cap1"}),
        ),
        (json!({"kind": "void"}), &payment, format!("payments/{PAYMENT}/void"), json!({})),
        (
            refund_order("refund", None),
            &response(201, &refund("succeeded")),
            "refunds".to_owned(),
            json!({"payment": PAYMENT, "amount": 500, "reference": "re1", "reason": "broken"}),
        ),
    ] {
        // Opening with a session known would only look at that one.
        let references = if path == "sessions" { &[][..] } else { &BY_PAYMENT[..] };
        let (requests, reply) = perform(call(operation, references), vec![answer.clone()]);
        assert_eq!(calls(&requests), [format!("POST {path}")]);
        assert_eq!(body(&requests[0]), &sent);
        facts(reply);
    }
}

#[test]
fn opening_again_gives_the_same_door_while_it_is_open() {
    for (status, has_door) in [("open", true), ("expired", false), ("declined", false)] {
        let (requests, reply) =
            perform(call(open(json!({})), &BY_SESSION), vec![response(200, &session(status, json!({})))]);
        assert_eq!(calls(&requests), [format!("GET sessions/{SESSION}")]);
        let Reply::Answer(Answer::Said { door, .. }) = reply else { panic!("{reply:?}") };
        assert_eq!(door.is_some(), has_door, "{status}");
    }
}

#[test]
fn refused_orders() {
    let refused = |operation: &Value, references: &[(&str, &str)], status, code| {
        perform(call(operation.clone(), references), vec![refusal(status, code)]).1
    };
    for (operation, kind, echo, status, code) in [
        (capture_order(), ItemKind::Capture, "cap1", 422, "amount_exceeds_authorized"),
        (capture_order(), ItemKind::Capture, "cap1", 409, "payment_not_authorized"),
        (refund_order("refund", None), ItemKind::Refund, "re1", 422, "amount_exceeds_captured"),
    ] {
        let expected = Facts { items: vec![failed(kind, echo, code)], ..Facts::default() };
        assert_eq!(facts(refused(&operation, &BY_PAYMENT, status, code)), expected, "{code}");
    }
    for status in [400, 422] {
        let decline = Decline {
            code: DeclineCode::InvalidRequest,
            elsewhere: true,
            processor_code: Some("invalid_request".to_owned()),
        };
        let expected = Facts { decline: Some(decline), ..Facts::word(Word::Declined) };
        assert_eq!(facts(refused(&open(json!({})), &[], status, "invalid_request")), expected);
    }
}

#[test]
fn what_is_no_verdict_is_a_fault() {
    let rows = [
        (401, "unauthorized", Fault::Credentials { status: 401 }),
        (409, "idempotency_in_progress", Fault::Processor { status: 409 }),
        (422, "idempotency_mismatch", Fault::unreadable("unexpected HTTP status 422")),
        (429, "rate_limited", Fault::Throttled { retry_after_s: None }),
        (500, "amount_exceeds_captured", Fault::Processor { status: 500 }),
        (503, "invalid_request", Fault::Processor { status: 503 }),
    ];
    for operation in [
        open(json!({})),
        json!({"kind": "expire_checkout"}),
        capture_order(),
        json!({"kind": "void"}),
        refund_order("refund", None),
        json!({"kind": "fetch_payment"}),
    ] {
        let references = if operation["kind"] == "open_checkout" { &[][..] } else { &BY_PAYMENT[..] };
        for (status, code, fault) in &rows {
            let (_, reply) = perform(call(operation.clone(), references), vec![refusal(*status, code)]);
            assert_eq!(reply, Reply::Fault(fault.clone()), "{operation} {status} {code}");
        }
    }
    let (_, reply) =
        perform(call(json!({"kind": "complete_checkout", "return_parameters": []}), &[]), vec![]);
    assert_eq!(reply, Reply::Fault(Fault::Unsupported));
}

#[test]
fn too_late_to_expire_or_void() {
    let authorized = session("authorized", json!({"payment": payment("authorized", json!({}))}));
    let (requests, reply) = perform(
        call(json!({"kind": "expire_checkout"}), &BY_SESSION),
        vec![refusal(409, "session_not_open"), response(200, &authorized), list(&[]), list(&[])],
    );
    assert_eq!(calls(&requests)[1], format!("GET sessions/{SESSION}"));
    assert_eq!(facts(reply).word, Some(Word::Authorized));

    for (code, status, word, item) in [
        ("payment_already_captured", "captured", Word::Paid, Some("payment_already_captured")),
        ("payment_not_authorized", "processing", Word::Pending, Some("payment_not_authorized")),
        ("payment_not_authorized", "voided", Word::Voided, None),
    ] {
        let (requests, reply) = perform(
            call(json!({"kind": "void"}), &BY_PAYMENT),
            vec![refusal(409, code), response(200, &payment(status, json!({})))],
        );
        assert_eq!(calls(&requests)[1], format!("GET payments/{PAYMENT}"));
        let facts = facts(reply);
        assert_eq!(facts.word, Some(word));
        assert_eq!(facts.items, Vec::from_iter(item.map(|reason| failed(ItemKind::Void, ECHO, reason))));
    }
}

#[test]
fn a_missing_field_is_a_fault() {
    let whole =
        session("paid", json!({"payment": payment("captured", json!({"captures": [capture("succeeded")]}))}));
    for pointer in [
        "/id",
        "/status",
        "/amount",
        "/currency",
        "/updated",
        "/payment/id",
        "/payment/session",
        "/payment/status",
        "/payment/amount",
        "/payment/currency",
        "/payment/amount_authorized",
        "/payment/amount_captured",
        "/payment/amount_refunded",
        "/payment/updated",
        "/payment/captures",
        "/payment/captures/0/id",
        "/payment/captures/0/status",
        "/payment/captures/0/amount",
        "/payment/captures/0/created",
    ] {
        let mut broken = whole.clone();
        *broken.pointer_mut(pointer).unwrap() = Value::Null;
        let (_, reply) = perform(fetch_payment(), vec![response(200, &broken)]);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{pointer}: {reply:?}");
    }
    let (_, reply) = perform(fetch_payment(), vec![response(200, &session("open", json!({"url": null})))]);
    assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "an open session without its page");
}

#[test]
fn an_answer_about_another_reference_is_no_answer() {
    let theirs = || json!({"reference": "somebody_else"});
    let stranger = || session("paid", changed(json!({"payment": payment("captured", theirs())}), theirs()));
    let expected = Reply::Fault(Fault::unreadable("expected our own reference at /reference"));
    for (call, responses) in [
        (call(open(json!({})), &[]), vec![response(201, &stranger())]),
        (fetch_payment(), vec![response(200, &stranger())]),
        (call(json!({"kind": "fetch_payment"}), &[]), vec![list(&[stranger()])]),
        (call(json!({"kind": "expire_checkout"}), &BY_SESSION), vec![response(200, &stranger())]),
        (call(capture_order(), &BY_PAYMENT), vec![response(200, &payment("captured", theirs()))]),
        (call(json!({"kind": "void"}), &BY_PAYMENT), vec![response(200, &payment("voided", theirs()))]),
    ] {
        let (requests, reply) = perform(call, responses);
        assert_eq!(reply, expected, "{requests:?}");
    }
}
