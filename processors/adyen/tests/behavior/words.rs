//! Every state of links and sessions, every kind of error, and what they mean in ours.

use processor_sdk::{Answer, DeclineCode, Fault, ItemState, Reference, ReferenceKind, Reply, Word};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn states_of_a_link() {
    for (status, expected) in [
        ("active", Word::Open),
        ("paymentPending", Word::Pending),
        // Done by the shopper is not money: what was authorized, the webhook says.
        ("completed", Word::Pending),
        ("paid", Word::Pending),
        ("expired", Word::Expired),
        ("Expired", Word::Unknown("Expired".to_owned())),
        ("frozen: {it}", Word::Unknown("frozenit".to_owned())),
    ] {
        let Reply::Answer(Answer::Said { facts, door }) =
            reply(fetch_payment(), vec![ok(link(status, json!({})))])
        else {
            panic!("{status}")
        };
        assert_eq!(facts.word, Some(expected.clone()), "{status}");
        assert_eq!(door.is_some(), expected == Word::Open, "{status}: only an open page has a door");
    }
}

#[test]
fn a_page_says_nothing_of_a_payment_that_is_known() {
    for status in ["active", "paymentPending", "completed", "paid", "expired", "frozen"] {
        let known = call(json!({"kind": "fetch_payment"}));
        let facts = facts(known, vec![ok(link(status, json!({})))]);
        assert_eq!((facts.word, facts.items.len()), (None, 0), "{status}");
        assert!(facts.amount.is_some(), "{status}");
    }
}

fn of_session(body: Value) -> Reply {
    reply(returned(json!([["sessionResult", "X3Xt!made+up"]])), vec![response(200, &body)])
}

#[test]
fn states_of_a_session() {
    for (status, expected, decline) in [
        ("active", Word::Open, None),
        ("paymentPending", Word::Pending, None),
        ("completed", Word::Pending, None),
        ("expired", Word::Expired, None),
        ("refused", Word::Declined, Some(DeclineCode::CardDeclined)),
        ("canceled", Word::Declined, Some(DeclineCode::CanceledByCustomer)),
        ("Canceled", Word::Unknown("Canceled".to_owned()), None),
    ] {
        let Reply::Answer(Answer::Said { facts, door: None }) = of_session(session_result(status, json!({})))
        else {
            panic!("{status}")
        };
        assert_eq!(facts.word, Some(expected), "{status}");
        assert_eq!(
            facts.decline.map(|decline| (decline.code, decline.elsewhere)),
            decline.map(|code| (code, false))
        );
    }
}

/// Completed is authorized only with the payment beside it that says so, for our own reference.
#[test]
fn what_a_completed_session_must_name() {
    let with = |changes: Value| changed(authorized_payment(1234), changes);
    let payments = |payments: Value| session_result("completed", json!({"payments": payments}));
    let mut without_reference = payments(json!([with(json!({}))]));
    without_reference.as_object_mut().unwrap().remove("reference");
    for (what, body, expected) in [
        ("one that is authorized", payments(json!([with(json!({}))])), Word::Authorized),
        ("one that is pending", payments(json!([with(json!({"resultCode": "Pending"}))])), Word::Pending),
        ("one that is received", payments(json!([with(json!({"resultCode": "Received"}))])), Word::Pending),
        (
            "a word that is not known",
            payments(json!([with(json!({"resultCode": "Authorized"}))])),
            Word::Pending,
        ),
        ("none", payments(json!([])), Word::Pending),
        ("two", payments(json!([with(json!({})), with(json!({}))])), Word::Pending),
        ("no reference of ours", without_reference, Word::Pending),
        (
            "a session that is not completed",
            session_result("paymentPending", json!({"payments": [with(json!({}))]})),
            Word::Pending,
        ),
    ] {
        let Reply::Answer(Answer::Said { facts, .. }) = of_session(body) else { panic!("{what}") };
        let is_authorized = expected == Word::Authorized;
        assert_eq!(facts.word, Some(expected), "{what}");
        let payment = Reference::new(ReferenceKind::Payment, PAYMENT);
        assert_eq!(facts.references.contains(&payment), is_authorized, "{what}");
        let authorized = facts.authorized.map(|amount| amount.minor());
        assert_eq!(authorized, is_authorized.then_some(1234), "{what}");
        assert_eq!(facts.amount, facts.authorized, "{what}");
    }
}

/// A result that Adyen does not know says nothing, and whatever is no answer is a fault.
#[test]
fn results_of_sessions_that_are_refused() {
    let back = || returned(json!([["sessionResult", "X3Xt!made+up"]]));
    for (status, code) in [(422, "14_012"), (400, "702")] {
        let said = facts(back(), vec![error(status, "validation", code)]);
        assert_eq!(said, processor_sdk::Facts::default(), "{status}");
    }
    for answer in [error(404, "validation", "702"), error(500, "internal", "000"), response(422, &json!({}))]
    {
        let reply = reply(back(), vec![answer]);
        assert!(matches!(reply, Reply::Fault(_)), "{reply:?}");
    }
}

#[test]
fn answers_about_something_else_are_no_answers() {
    let other = |changes: Value| of_session(session_result("completed", changes));
    let of_link = |changes: Value| reply(fetch_payment(), vec![ok(link("active", changes))]);
    for (what, reply) in [
        ("another session", other(json!({"id": "CS0000000000000000"}))),
        ("another payment's session", other(json!({"reference": "att2"}))),
        ("half a payment", other(json!({"payments": [{"resultCode": AUTHORIZED}]}))),
        ("another payment's link", of_link(json!({"reference": "att2"}))),
        ("a link without a reference", of_link(json!({"reference": null}))),
        ("a link without an id", of_link(json!({"id": ""}))),
        ("a link without a state", of_link(json!({"status": null}))),
        ("a link without an amount", of_link(json!({"amount": null}))),
        ("an open link without an address", of_link(json!({"url": null}))),
        ("a link that closes at no time", of_link(json!({"expiresAt": "soon"}))),
        (
            "a session without an address",
            reply(open_session(json!({})), vec![ok(new_session(json!({"url": null})))]),
        ),
        (
            "another payment's new session",
            reply(open_session(json!({})), vec![ok(new_session(json!({"reference": "att2"})))]),
        ),
    ] {
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{what}: {reply:?}");
    }
}

#[test]
fn an_acknowledgement_is_pending_and_any_other_word_is_no_answer() {
    for call in [capture(500), refund(json!({})), void()] {
        let facts = facts(call.clone(), vec![ok(modification(json!({})))]);
        assert_eq!(only(&facts).state, ItemState::Pending);
        for changes in [
            json!({"status": "done"}),
            json!({"status": null}),
            json!({"pspReference": null}),
            json!({"pspReference": ""}),
        ] {
            let reply = reply(call.clone(), vec![ok(modification(changes.clone()))]);
            assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{changes}: {reply:?}");
        }
    }
}

/// What an error answer to a write means: a refusal did nothing, and everything else is open.
#[test]
fn errors() {
    let refused = |reply: Reply| match reply {
        Reply::Answer(Answer::Said { facts, .. }) => {
            let item = only(&facts);
            assert_eq!((item.state, item.echo.as_deref()), (ItemState::Failed, Some("re1")));
            item.reason.clone()
        }
        Reply::Fault(_) => None,
        other => panic!("{other:?}"),
    };
    for (status, kind, code, expected) in [
        (422, "validation", "167", Some("167")),
        (422, "validation", "137", Some("137")),
        (400, "validation", "702", Some("702")),
        (422, "validation", "14_030", Some("14_030")),
        (422, "configuration", "905", Some("905")),
        // The key's first request is not finished.
        (422, "validation", "704", None),
        (422, "internal", "000", None),
        (422, "security", "010", None),
        (422, "something new", "167", None),
        (401, "security", "000", None),
        (403, "security", "901", None),
        (404, "validation", "167", None),
        (409, "validation", "167", None),
        (429, "validation", "000", None),
        (500, "internal", "000", None),
        (500, "validation", "167", None),
        (503, "configuration", "905", None),
    ] {
        let reason = refused(reply(refund(json!({})), vec![error(status, kind, code)]));
        assert_eq!(reason.as_deref(), expected, "{status} {kind} {code}");
    }
    let mut transient = error(422, "validation", "167");
    transient.headers.push("Transient-Error", "TRUE");
    assert_eq!(refused(reply(refund(json!({})), vec![transient])), None);
    // Whatever the code of a key that is in use may be.
    for message in ["Request already processed or in progress", "Idempotency key was used"] {
        let body = json!({"errorCode": "700", "errorType": "validation", "message": message});
        assert_eq!(refused(reply(refund(json!({})), vec![response(422, &body)])), None, "{message}");
    }
    for body in [json!({}), json!({"errorCode": "167"}), json!({"errorType": "validation"}), json!("167")] {
        assert_eq!(refused(reply(refund(json!({})), vec![response(422, &body)])), None, "{body}");
    }
}

#[test]
fn faults_say_what_the_host_can_do() {
    let mut throttled = response(429, &json!({}));
    throttled.headers.push("Retry-After", "7");
    for (response, expected) in [
        (error(401, "security", "000"), Fault::Credentials { status: 401 }),
        (error(403, "security", "010"), Fault::Credentials { status: 403 }),
        (throttled, Fault::Throttled { retry_after_s: Some(7) }),
        (error(422, "validation", "704"), Fault::Processor { status: 422 }),
        (error(500, "internal", "000"), Fault::Processor { status: 500 }),
    ] {
        for call in [open(json!({})), open_session(json!({})), capture(500), refund(json!({})), void()] {
            assert_eq!(reply(call, vec![response.clone()]), Reply::Fault(expected.clone()));
        }
    }
}

#[test]
fn refused_checkouts_may_be_tried_elsewhere() {
    for (code, expected) in [
        ("138", DeclineCode::MethodNotAvailable),
        ("100", DeclineCode::InvalidRequest),
        ("130", DeclineCode::InvalidRequest),
        ("137", DeclineCode::InvalidRequest),
        ("177", DeclineCode::InvalidRequest),
        ("14_030", DeclineCode::InvalidRequest),
        ("never heard of", DeclineCode::InvalidRequest),
    ] {
        for call in [open(json!({})), open_session(json!({}))] {
            let facts = facts(call, vec![error(422, "validation", code)]);
            let decline = facts.decline.unwrap();
            assert_eq!((facts.word, decline.code, decline.elsewhere), (Some(Word::Declined), expected, true));
            assert_eq!(decline.processor_code.unwrap(), code.replace(' ', ""));
        }
    }
}
