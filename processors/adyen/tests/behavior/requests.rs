//! What is sent: fields, limits, addresses and keys; and what is not sent at all.

use processor_sdk::{Answer, Auth, Call, CaptureMode, Door, DoorKind, Fault, Method, Reply, SecretRef, Word};
use serde_json::{Value, json};

use crate::support::*;

/// Fields of the published description (`PaymentLinkRequest`) that this adapter may use.
const LINK_FIELDS: [&str; 12] = [
    "amount",
    "captureDelayHours",
    "countryCode",
    "description",
    "expiresAt",
    "manualCapture",
    "merchantAccount",
    "metadata",
    "reference",
    "returnUrl",
    "shopperEmail",
    "shopperLocale",
];
/// The same of `CreateCheckoutSessionRequest`, which knows no description and no `manualCapture` of its own.
const SESSION_FIELDS: [&str; 12] = [
    "additionalData",
    "amount",
    "captureDelayHours",
    "countryCode",
    "expiresAt",
    "merchantAccount",
    "metadata",
    "mode",
    "reference",
    "returnUrl",
    "shopperEmail",
    "shopperLocale",
];

fn everything() -> Value {
    json!({"description": "Two lamps", "order_reference": "A-1001",
        "customer": {"email": "shopper@example.com", "name": "Sam Shopper", "country": "NL", "address": "1 Main"},
        "shopper": {"locale": "nl-NL", "ip": "192.0.2.7", "user_agent": "Made-up/1"}})
}

fn link_body(order: Value) -> Value {
    sent(open(order), link("active", json!({})))
}

fn session_body(order: Value) -> Value {
    sent(open_session(order), new_session(json!({})))
}

#[test]
fn only_fields_of_the_published_description_are_sent() {
    for capture in [CaptureMode::Automatic, CaptureMode::Manual] {
        let link = sent(Call { capture, ..open(everything()) }, link("active", json!({})));
        let session = sent(Call { capture, ..open_session(everything()) }, new_session(json!({})));
        for (body, known) in [(link, LINK_FIELDS), (session, SESSION_FIELDS)] {
            for name in body.as_object().unwrap().keys() {
                assert!(known.contains(&name.as_str()), "{name}");
            }
        }
    }
}

#[test]
fn every_request_carries_the_key_of_the_api_and_every_write_the_operations() {
    let received = || vec![ok(modification(json!({})))];
    let rows = vec![
        (open(json!({})), vec![ok(link("active", json!({})))], "POST /paymentLinks"),
        (open_session(json!({})), vec![ok(new_session(json!({})))], "POST /sessions"),
        (fetch_payment(), vec![ok(link("active", json!({})))], "GET /paymentLinks/PL61C53A8B97E6915A"),
        (
            call(json!({"kind": "expire_checkout"})),
            vec![ok(link("expired", json!({})))],
            "PATCH /paymentLinks/PL61C53A8B97E6915A",
        ),
        (capture(500), received(), "POST /payments/NC6HT9CRT65ZGN82/captures"),
        (void(), received(), "POST /payments/NC6HT9CRT65ZGN82/cancels"),
        (refund(json!({})), received(), "POST /payments/NC6HT9CRT65ZGN82/refunds"),
        (with_references(void(), json!([{"kind": "session", "id": LINK}])), received(), "POST /cancels"),
        (
            returned(json!([["sessionResult", "X3Xt!a+b/c="]])),
            vec![ok(session_result("completed", json!({})))],
            "GET /sessions/CS451F2AB1ED897A94?sessionResult=X3Xt%21a%2Bb%2Fc%3D",
        ),
    ];
    for (call, responses, expected) in rows {
        let requests = perform(call, responses).0;
        assert_eq!(requests.len(), 1, "{expected}");
        let request = &requests[0];
        let path = request.url.strip_prefix("https://checkout-test.adyen.com/v72").unwrap();
        assert_eq!(format!("{} {path}", request.method.as_str()), expected);
        let auth = Auth::Header {
            name: "X-API-Key".to_owned(),
            prefix: String::new(),
            secret: SecretRef::named("api_key"),
        };
        assert_eq!(request.auth, auth, "{expected}");
        let key = (request.method != Method::Get).then_some("key1");
        assert_eq!(request.headers.get("idempotency-key"), key, "{expected}");
    }
}

#[test]
fn ids_from_outside_stay_inside_their_segment() {
    let references = json!([{"kind": "session", "id": "PL/../x?y"}, {"kind": "payment", "id": "../cancels"}]);
    for (operation, expected) in [
        (json!({"kind": "expire_checkout"}), "/paymentLinks/PL%2F..%2Fx%3Fy"),
        (json!({"kind": "void"}), "/payments/..%2Fcancels/cancels"),
    ] {
        let call = with_references(call(operation), references.clone());
        let request = perform(call, vec![response(429, &json!({}))]).0.remove(0);
        assert!(request.url.ends_with(expected), "{}", request.url);
    }
}

#[test]
fn automatic_and_manual_capture_are_said_outright() {
    let (automatic, manual) = (CaptureMode::Automatic, CaptureMode::Manual);
    for (capture, of_link, of_session) in [
        (automatic, (json!(0), json!(null)), (json!(0), json!(null))),
        (manual, (json!(null), json!(true)), (json!(null), json!({"manualCapture": "true"}))),
    ] {
        let body = sent(Call { capture, ..open(json!({})) }, link("active", json!({})));
        assert_eq!((body["captureDelayHours"].clone(), body["manualCapture"].clone()), of_link);
        let body = sent(Call { capture, ..open_session(json!({})) }, new_session(json!({})));
        assert_eq!((body["captureDelayHours"].clone(), body["additionalData"].clone()), of_session);
        assert_eq!(body["mode"], "hosted");
    }
}

#[test]
fn texts_are_cut_to_adyens_limits_and_ids_are_not() {
    let long = "ü".repeat(6000);
    let body = link_body(json!({"description": long, "order_reference": long}));
    assert_eq!(body["description"].as_str().unwrap().chars().count(), 280);
    assert_eq!(body["metadata"]["order_reference"].as_str().unwrap().chars().count(), 80);
    let (attempt, transfer) = ("0123456789abcdefghij", "zyxwvutsrqponmlkjihg");
    let call = Call { echo: attempt.to_owned(), ..refund(json!({"echo": transfer})) };
    let reference = sent(call, modification(json!({})))["reference"].clone();
    assert_eq!(reference, "0123456789abcdefghij-zyxwvutsrqponmlkjihg");
    assert!(reference.as_str().unwrap().len() <= 80);
    let call = Call { echo: attempt.to_owned(), ..open(json!({})) };
    assert_eq!(sent(call, link("active", json!({"reference": attempt})))["reference"], attempt);
}

#[test]
fn what_adyen_would_refuse_a_checkout_for_is_left_out() {
    for (locale, expected) in [
        ("nl-NL", Some("nl-NL")),
        ("pt_BR", Some("pt-BR")),
        ("de", None),
        ("zh-Hant-TW", None),
        ("NL-nl", None),
        ("", None),
    ] {
        assert_eq!(link_body(json!({"shopper": {"locale": locale}}))["shopperLocale"].as_str(), expected);
    }
    for (country, expected) in [("NL", Some("NL")), ("nl", None), ("NLD", None), ("", None)] {
        assert_eq!(session_body(json!({"customer": {"country": country}}))["countryCode"].as_str(), expected);
    }
    for (email, is_sent) in [
        ("shopper@example.com", true),
        ("shopper", false),
        ("a b@example.com", false),
        ("a@b@example.com", false),
        ("a@localhost", false),
        ("", false),
    ] {
        let body = link_body(json!({"customer": {"email": email}}));
        assert_eq!(body["shopperEmail"].is_string(), is_sent, "{email}");
    }
    for blank in ["", "  "] {
        let body = link_body(json!({"description": blank, "order_reference": blank}));
        assert_eq!((&body["description"], &body["metadata"]), (&json!(null), &json!(null)));
    }
}

#[test]
fn a_page_closes_with_the_intent_as_far_as_adyen_allows() {
    // Asked for at 2023-11-14T22:13:20Z.
    for (wanted, of_link, of_session) in [
        ("2023-11-14T23:13:20Z", "2023-11-14T23:13:20+00:00", "2023-11-14T23:13:20+00:00"),
        ("2023-11-14T23:13:20.123456Z", "2023-11-14T23:13:20+00:00", "2023-11-14T23:13:20+00:00"),
        // In the past, or nearly.
        ("2023-11-14T22:00:00Z", "2023-11-14T22:18:20+00:00", "2023-11-14T22:18:20+00:00"),
        // A session lives a day at most, a link 70.
        ("2023-11-20T22:13:20Z", "2023-11-20T22:13:20+00:00", "2023-11-15T22:08:20+00:00"),
        ("2024-03-01T00:00:00Z", "2024-01-23T21:13:20+00:00", "2023-11-15T22:08:20+00:00"),
    ] {
        assert_eq!(link_body(json!({"expires_at": wanted}))["expiresAt"], of_link, "{wanted}");
        assert_eq!(session_body(json!({"expires_at": wanted}))["expiresAt"], of_session, "{wanted}");
    }
}

#[test]
fn a_return_url_that_does_not_fit_is_refused_before_anything_is_sent() {
    let url = |chars: usize| format!("https://hub.example/{}", "x".repeat(chars - 20));
    for (call, most) in [(open as fn(Value) -> Call, 8_000), (open_session, 1_024)] {
        let fits = perform(call(json!({"return_url": url(most)})), vec![response(429, &json!({}))]);
        assert_eq!(fits.0.len(), 1);
        match reply(call(json!({"return_url": url(most + 1)})), vec![]) {
            Reply::Fault(Fault::CannotAsk { field, .. }) => assert_eq!(field, "operation.return_url"),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn reasons_for_refunds_are_adyens_five() {
    for (reason, expected) in [
        (json!("duplicate"), json!("DUPLICATE")),
        (json!("fraudulent"), json!("FRAUD")),
        (json!("requested_by_customer"), json!("CUSTOMER REQUEST")),
        (json!("returned"), json!("RETURN")),
        (json!("Lid broken"), json!("OTHER")),
        (json!(" "), json!(null)),
        (json!(null), json!(null)),
    ] {
        let body = sent(refund(json!({"reason": reason})), modification(json!({})));
        assert_eq!(body["merchantRefundReason"], expected, "{reason}");
    }
}

fn redirect(reply: Reply) -> (String, Option<u32>) {
    match reply {
        Reply::Answer(Answer::Said {
            door: Some(Door { kind: DoorKind::Redirect { url }, expires_in_s }),
            ..
        }) => (url, expires_in_s),
        other => panic!("no door: {other:?}"),
    }
}

#[test]
fn doors_close_when_adyen_closes_the_page() {
    for (expires_at, expected) in [
        (json!("2023-11-14T23:13:20Z"), Some(3600)),
        (json!("2023-11-15T00:13:20+01:00"), Some(3600)),
        // Closed by a clock that differs from ours.
        (json!("2023-11-14T22:00:00Z"), Some(0)),
        (json!(null), None),
    ] {
        let changes = json!({"expiresAt": expires_at});
        let of_link = redirect(reply(open(json!({})), vec![ok(link("active", changes.clone()))]));
        let of_session = redirect(reply(open_session(json!({})), vec![ok(new_session(changes))]));
        assert_eq!((of_link.1, of_session.1), (expected, expected), "{expires_at}");
    }
}

/// The way the page was opened stays with it, whatever the setting says by then.
#[test]
fn a_page_that_was_opened_is_dealt_with_as_what_it_is() {
    let again = |references: Value, flow: &str| {
        with_references(with_setting(open(json!({})), "checkout_flow", flow), references)
    };
    let of_link = json!([{"kind": "session", "id": LINK}]);
    let of_session = json!([{"kind": "session", "id": SESSION}]);
    for flow in ["payment_link", "hosted_session"] {
        let call = again(of_link.clone(), flow);
        let (requests, reply) = perform(call, vec![ok(link("active", json!({})))]);
        assert_eq!(requests[0].method, Method::Get, "a link is looked up");
        assert_eq!(redirect(reply).0, "https://test.adyen.link/PL61C53A8B97E6915A");
        let call = again(of_session.clone(), flow);
        let (requests, _) = perform(call, vec![ok(new_session(json!({})))]);
        assert!(requests[0].url.ends_with("/sessions"), "a session's door cannot be had twice");
    }
    let closed = reply(again(of_link, "payment_link"), vec![ok(link("expired", json!({})))]);
    let Reply::Answer(Answer::Said { facts, door: None }) = closed else { panic!("{closed:?}") };
    assert_eq!(facts.word, Some(Word::Expired));
}

#[test]
fn what_cannot_be_asked_is_not_sent() {
    let session =
        |operation: Value| with_references(call(operation), json!([{"kind": "session", "id": SESSION}]));
    let two = json!([{"kind": "session", "id": SESSION}, {"kind": "session", "id": "CS8E1A55D0F0BDE0A1"}]);
    let unknown_payment = |call: Call| with_references(call, json!([{"kind": "session", "id": LINK}]));
    let result = json!(["sessionResult", "X3Xt"]);
    let long = "x".repeat(2_049);
    for (what, call, field) in [
        ("a session's state", session(json!({"kind": "fetch_payment"})), "references"),
        ("a session's end", session(json!({"kind": "expire_checkout"})), "references"),
        ("no page at all", with_references(fetch_payment(), json!([])), "references"),
        ("a capture of nothing", unknown_payment(capture(500)), "references"),
        ("a refund of nothing", unknown_payment(refund(json!({}))), "references"),
        ("a return without a result", returned(json!([])), "operation.return_parameters"),
        (
            "a return with an empty one",
            returned(json!([["sessionResult", ""]])),
            "operation.return_parameters",
        ),
        ("one too long", returned(json!([["sessionResult", long]])), "operation.return_parameters"),
        (
            "a return from somebody else's session",
            returned(json!([result, ["sessionId", "CS0000000000000000"]])),
            "operation.return_parameters",
        ),
        (
            "a return from one of two",
            with_references(returned(json!([result])), two),
            "operation.return_parameters",
        ),
        (
            "nobody to pay",
            with_setting(open(json!({})), "merchant_account", " "),
            "settings.merchant_account",
        ),
        (
            "a flow that is none",
            with_setting(open(json!({})), "checkout_flow", "popup"),
            "settings.checkout_flow",
        ),
    ] {
        match perform(call, vec![]) {
            (requests, Reply::Fault(Fault::CannotAsk { field: named, .. })) => {
                assert_eq!((requests.len(), named.as_str()), (0, field), "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
}

#[test]
fn a_return_names_its_session_where_there_were_several() {
    let two = json!([{"kind": "session", "id": SESSION}, {"kind": "session", "id": "CS0000000000000001"}]);
    let call = with_references(returned(json!([["sessionId", SESSION], ["sessionResult", "X3Xt"]])), two);
    let requests = perform(call, vec![ok(session_result("active", json!({})))]).0;
    assert!(requests[0].url.contains(&format!("/sessions/{SESSION}?")), "{}", requests[0].url);
}

#[test]
fn a_link_that_cannot_be_closed_is_looked_up() {
    let closing = call(json!({"kind": "expire_checkout"}));
    let call = with_references(closing, json!([{"kind": "session", "id": LINK}]));
    let answers = vec![error(422, "validation", "100"), ok(link("completed", json!({})))];
    let (requests, reply) = perform(call, answers);
    let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!((body(&requests[0]), requests.len()), (&json!({"status": "expired"}), 2));
    assert_eq!(facts.word, Some(Word::Pending));
}
