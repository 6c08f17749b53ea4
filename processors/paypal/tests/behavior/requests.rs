//! What is sent: fields, limits, headers, paths and addresses; and which answers are no verdict.

use processor_paypal::PayPal;
use processor_sdk::{
    Adapter, AfterUnknown, Answer, Auth, Call, DeclineCode, Fault, HttpRequest, HttpResponse, Method,
    OAuthClientStyle, Part, Reply, SecretRef, Word,
};
use serde_json::{Value, json};

use crate::support::*;

fn waiting() -> Value {
    order("PAYER_ACTION_REQUIRED", json!({}))
}

fn opened(order: Value) -> HttpRequest {
    perform(open(order), vec![ok(waiting())]).0.remove(0)
}

fn with_settings(mut call: Call, settings: Value) -> Call {
    for (name, value) in settings.as_object().unwrap() {
        call.settings.0.insert(name.clone(), value.clone());
    }
    call
}

#[test]
fn every_request_asks_the_api_of_its_mode() {
    for (livemode, settings, base) in [
        (false, json!({}), "https://api-m.sandbox.paypal.com"),
        (true, json!({}), "https://api-m.paypal.com"),
        (false, json!({"base_url": "http://127.0.0.1:4020/"}), "http://127.0.0.1:4020"),
        (true, json!({"base_url": "https://paypal.example"}), "https://paypal.example"),
    ] {
        let call = Call { livemode, ..with_settings(capture_order(1234, true), settings) };
        let (requests, _) = perform(call, vec![refusal("X"), ok(waiting())]);
        for request in requests {
            assert!(request.url.starts_with(&format!("{base}/v2/")), "{}", request.url);
            let expected = Auth::OAuth2 {
                token_url: format!("{base}/v1/oauth2/token"),
                client_id: Part::text("client1"),
                client_secret: SecretRef::named("client_secret"),
                style: OAuthClientStyle::Basic,
                scope: None,
            };
            assert_eq!(request.auth, expected);
        }
    }
}

#[test]
fn writes_carry_the_key_and_want_the_whole_answer() {
    let rows = [
        (open(json!({})), vec![ok(waiting())]),
        (complete(), vec![refusal("X"), ok(waiting())]),
        (capture_order(1234, true), vec![refusal("X"), ok(waiting())]),
        (call(json!({"kind": "void"})), vec![refusal("X"), ok(waiting())]),
        (refund_order("refund", json!({})), vec![refusal("X"), ok(waiting())]),
    ];
    for (call, responses) in rows {
        for request in perform(call, responses).0 {
            let writes = request.method == Method::Post;
            let header = |name| request.headers.get(name);
            assert_eq!(header("paypal-request-id"), writes.then_some("key1"), "{}", request.url);
            assert_eq!(header("prefer"), writes.then_some("return=representation"), "{}", request.url);
        }
    }
    let profile = PayPal.descriptor().idempotency;
    assert_eq!((profile.retention_s, profile.after_unknown), (21_600, AfterUnknown::SameKey));
}

#[test]
fn an_order_is_for_one_amount_and_names_the_attempt() {
    let request =
        opened(json!({"description": "Tea", "order_reference": "1001", "shopper": {"locale": "de"},
        "lines": [{"name": "Tea", "quantity": 1, "unit_amount": {"amount": 1234, "currency": "EUR"}}],
        "customer": {"email": "ada@example.com", "name": "Ada"}}));
    assert_eq!(path(&request), "/v2/checkout/orders");
    let expected = json!({
        "intent": "CAPTURE",
        "purchase_units": [{
            "custom_id": ECHO, "description": "Tea", "amount": {"currency_code": "EUR", "value": "12.34"},
        }],
        "payment_source": {"paypal": {"experience_context": {
            "return_url": "https://hub.example/return/t",
            "cancel_url": "https://hub.example/return/t?canceled=1",
            "user_action": "PAY_NOW",
            "shipping_preference": "NO_SHIPPING",
            "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
            "locale": "de",
        }}},
    });
    assert_eq!(body(&request), &expected);
    let manual = Call { capture: processor_sdk::CaptureMode::Manual, ..open(json!({})) };
    assert_eq!(body(&perform(manual, vec![ok(waiting())]).0[0])["intent"], "AUTHORIZE");
}

#[test]
fn texts_are_cut_to_paypals_limits_and_ids_are_not() {
    let call =
        with_settings(open(json!({"description": "ü".repeat(300)})), json!({"brand_name": "é".repeat(300)}));
    let request = perform(call, vec![ok(waiting())]).0.remove(0);
    let context = &body(&request)["payment_source"]["paypal"]["experience_context"];
    for text in [&body(&request)["purchase_units"][0]["description"], &context["brand_name"]] {
        assert_eq!(text.as_str().unwrap().chars().count(), 127);
    }
    // A character that takes two units is not cut in half.
    let request = opened(json!({"description": "🍵".repeat(100)}));
    let text = body(&request)["purchase_units"][0]["description"].as_str().unwrap();
    assert_eq!((text.chars().count(), text.encode_utf16().count()), (63, 126));
    let echo = "0123456789abcdefghij";
    let call = Call { echo: echo.to_owned(), ..open(json!({})) };
    let request = perform(call, vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(body(&request)["purchase_units"][0]["custom_id"], echo);
}

#[test]
fn what_the_shopper_reads() {
    for (order, expected) in [
        (json!({"description": "Tea", "order_reference": "1001"}), json!("Tea")),
        (json!({"description": "  ", "order_reference": "1001"}), json!("1001")),
        (json!({"order_reference": "1001"}), json!("1001")),
        (json!({"description": "", "order_reference": " "}), json!(null)),
        (json!({}), json!(null)),
    ] {
        assert_eq!(body(&opened(order.clone()))["purchase_units"][0]["description"], expected, "{order}");
    }
    for (settings, expected) in [
        (json!({"brand_name": "Ada's Tea"}), json!("Ada's Tea")),
        (json!({"brand_name": " "}), json!(null)),
        (json!({}), json!(null)),
    ] {
        let request = perform(with_settings(open(json!({})), settings), vec![ok(waiting())]).0.remove(0);
        let context = &body(&request)["payment_source"]["paypal"]["experience_context"];
        assert_eq!(context["brand_name"], expected);
    }
}

#[test]
fn a_language_that_paypal_could_not_read_is_left_out() {
    for (tag, expected) in [
        ("de", json!("de")),
        ("DE", json!("de")),
        ("pt-br", json!("pt-BR")),
        ("de_DE", json!("de-DE")),
        ("es-419", json!("es-419")),
        ("zh-hant-tw", json!("zh-Hant-TW")),
        ("zh-Hant", json!("zh-Hant")),
        ("de-DE-1996", json!("de-DE")),
        ("en-US-u-ca-buddhist", json!("en-US")),
        ("zh-Hant-Hant-TW", json!(null)),
        ("fil", json!(null)),
        ("sl-rozaj", json!(null)),
        ("x-klingon", json!(null)),
        ("d1", json!(null)),
        ("ü", json!(null)),
        ("de-", json!(null)),
        ("de-ßß", json!(null)),
        ("", json!(null)),
    ] {
        let request = opened(json!({"shopper": {"locale": tag}}));
        let context = &body(&request)["payment_source"]["paypal"]["experience_context"];
        assert_eq!(context["locale"], expected, "{tag}");
    }
}

#[test]
fn ids_from_outside_stay_inside_their_segment() {
    let fetch = call(json!({"kind": "fetch_dispute", "id": "../../v2/payments?x=1#y"}));
    let request = perform(fetch, vec![ok(dispute("OPEN", None))]).0.remove(0);
    assert_eq!(path(&request), "/v1/customer/disputes/..%2F..%2Fv2%2Fpayments%3Fx%3D1%23y");
    let order = refund_order("refund", json!({"capture": "a/b"}));
    let request = perform(order, vec![response(201, &refund("COMPLETED", json!({})))]).0.remove(0);
    assert_eq!(path(&request), "/v2/payments/captures/a%2Fb/refund");
}

#[test]
fn a_door_closes_with_its_order() {
    // The order was made five seconds after the operation, which is at 22:13:20.
    for (created_at, expected) in
        [("2023-11-14T22:13:20Z", 10_505), ("2023-11-14T23:13:20Z", 6_905), ("2023-11-15T03:13:20Z", 0)]
    {
        let call = Call {
            created_at: processor_sdk::Timestamp::parse_rfc3339(created_at).unwrap(),
            references: fetch_payment().references,
            ..open(json!({}))
        };
        let (facts, door) = said(call, vec![ok(waiting())]);
        assert_eq!((facts.word, door.unwrap().expires_in_s), (Some(Word::Open), Some(expected)));
    }
    let undated = without(waiting(), "", "create_time");
    let (_, door) = said(open(json!({})), vec![ok(undated)]);
    assert_eq!(door.unwrap().expires_in_s, Some(10_500));
}

#[test]
fn a_door_is_taken_from_the_links() {
    let link =
        |rel: &str| json!({"rel": rel, "href": format!("https://www.paypal.com/{rel}"), "method": "GET"});
    for (links, expected) in [
        (json!([link("self"), link("approve")]), Some("https://www.paypal.com/approve")),
        (json!([link("approve"), link("payer-action")]), Some("https://www.paypal.com/payer-action")),
        (json!([link("self"), link("capture")]), None),
        (json!([]), None),
        (json!(null), None),
    ] {
        let order = || changed(waiting(), json!({"links": links}));
        match (reply(open(json!({})), vec![ok(order())]), expected) {
            (Reply::Answer(Answer::Said { door: Some(door), .. }), Some(url)) => {
                assert_eq!(door.kind, processor_sdk::DoorKind::Redirect { url: url.to_owned() });
            }
            (Reply::Fault(Fault::Unreadable { .. }), None) => {}
            (other, _) => panic!("{links}: {other:?}"),
        }
        // A look-up has no need of one.
        assert_eq!(said(fetch_payment(), vec![ok(order())]).1.is_some(), expected.is_some());
    }
    // What is approved or paid has no door, whatever its links.
    for order in [order("APPROVED", json!({})), paid(capture("COMPLETED", json!({})))] {
        assert_eq!(said(fetch_payment(), vec![ok(order)]).1, None);
    }
}

#[test]
fn a_refused_order_may_be_tried_elsewhere() {
    for (status, name, issue, expected) in [
        (422, "UNPROCESSABLE_ENTITY", "PAYEE_ACCOUNT_RESTRICTED", DeclineCode::MethodNotAvailable),
        (422, "UNPROCESSABLE_ENTITY", "MAX_VALUE_EXCEEDED", DeclineCode::LimitExceeded),
        (422, "UNPROCESSABLE_ENTITY", "DECIMALS_NOT_SUPPORTED", DeclineCode::InvalidRequest),
        (422, "UNPROCESSABLE_ENTITY", "INVALID_CURRENCY_CODE", DeclineCode::InvalidRequest),
        (400, "INVALID_REQUEST", "PAYPAL_REQUEST_ID_REQUIRED", DeclineCode::InvalidRequest),
        (404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID", DeclineCode::InvalidRequest),
    ] {
        let facts = facts(open(json!({})), vec![error(status, name, issue)]);
        let decline = facts.decline.unwrap();
        assert_eq!(facts.word, Some(Word::Declined));
        assert_eq!((decline.code, decline.elsewhere), (expected, true), "{issue}");
        assert_eq!(decline.processor_code.as_deref(), Some(issue));
    }
    // Without details the name is all that is said.
    let bare = response(422, &json!({"name": "UNPROCESSABLE_ENTITY", "message": "Why.", "debug_id": "f5"}));
    let decline = facts(open(json!({})), vec![bare]).decline.unwrap();
    assert_eq!(decline.processor_code.as_deref(), Some("UNPROCESSABLE_ENTITY"));
}

/// Neither done nor refused: the hub finds out by itself.
#[test]
fn what_paypal_does_not_say_is_no_verdict() {
    let fault = |status| Fault::Processor { status };
    let unreadable = |status: u16| Fault::unreadable(&format!("unexpected HTTP status {status}"));
    let slow = |retry_after: &str| {
        let mut response = error(429, "RATE_LIMIT_REACHED", "X");
        response.headers.push("Retry-After", retry_after);
        response
    };
    for (answer, expected) in [
        (response(401, &json!({"error": "invalid_token"})), Fault::Credentials { status: 401 }),
        (error(401, "AUTHENTICATION_FAILURE", "INVALID_ACCOUNT_STATUS"), Fault::Credentials { status: 401 }),
        (error(403, "NOT_AUTHORIZED", "PERMISSION_DENIED"), Fault::Credentials { status: 403 }),
        (error(429, "RATE_LIMIT_REACHED", "X"), Fault::Throttled { retry_after_s: None }),
        (slow("7"), Fault::Throttled { retry_after_s: Some(7) }),
        (error(409, "RESOURCE_CONFLICT", "X"), fault(409)),
        (error(500, "INTERNAL_SERVER_ERROR", "X"), fault(500)),
        (error(415, "UNSUPPORTED_MEDIA_TYPE", "X"), unreadable(415)),
        // Not PayPal's own words.
        (response(404, &json!({})), unreadable(404)),
        (response(422, &json!({"message": "X"})), unreadable(422)),
        (response(400, &json!({"name": "VALIDATION_ERROR"})), unreadable(400)),
        (error(422, "RESOURCE_CONFLICT", "X"), unreadable(422)),
        (response(400, &json!({"name": "INVALID_REQUEST", "details": [{"issue": 7}]})), unreadable(400)),
        (response(200, &json!({})), Fault::unreadable("expected a list at /purchase_units")),
    ] {
        for call in
            [open(json!({})), complete(), capture_order(1234, true), refund_order("refund", json!({}))]
        {
            let kind = call.operation.kind();
            let said = reply(call, vec![answer.clone()]);
            if answer.status == 200 {
                assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{kind:?} {answer:?}");
            } else {
                assert_eq!(said, Reply::Fault(expected.clone()), "{kind:?} {answer:?}");
            }
        }
    }
}

#[test]
fn only_paypals_own_word_makes_a_thing_absent() {
    let with = |status, body: &Value| -> HttpResponse { response(status, body) };
    for (answer, is_absent) in [
        (absent(), true),
        (with(404, &json!({"name": "RESOURCE_NOT_FOUND", "message": "X", "debug_id": "f5"})), true),
        (error(404, "INVALID_REQUEST", "X"), false),
        (with(404, &json!({"error": "not_found"})), false),
        (with(404, &json!({})), false),
        (error(410, "RESOURCE_NOT_FOUND", "X"), false),
        (error(422, "RESOURCE_NOT_FOUND", "X"), false),
    ] {
        for call in [
            Call {
                references: [processor_sdk::Reference::new(processor_sdk::ReferenceKind::Order, ORDER)]
                    .into(),
                ..fetch_payment()
            },
            refund_order("fetch_refund", json!({"id": REFUND})),
            call(json!({"kind": "fetch_dispute", "id": DISPUTE})),
        ] {
            let said = reply(call, vec![answer.clone()]);
            assert_eq!(said == Reply::Answer(Answer::Absent), is_absent, "{answer:?}");
        }
    }
}

#[test]
fn half_an_object_says_nothing() {
    let whole = || paid(capture("COMPLETED", json!({})));
    for (pointer, name) in [
        ("", "id"),
        ("", "status"),
        ("", "purchase_units"),
        ("/purchase_units/0", "amount"),
        ("/purchase_units/0/amount", "currency_code"),
        ("/purchase_units/0/amount", "value"),
        ("/purchase_units/0/payments/captures/0", "id"),
        ("/purchase_units/0/payments/captures/0", "status"),
        ("/purchase_units/0/payments/captures/0", "amount"),
    ] {
        let reply = reply(fetch_payment(), vec![ok(without(whole(), pointer, name))]);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{pointer}/{name}: {reply:?}");
    }
    for (units, is_read) in [(1, true), (0, false), (2, false)] {
        let unit = whole()["purchase_units"][0].clone();
        let units_of = changed(whole(), json!({"purchase_units": vec![unit; units]}));
        let reply = reply(fetch_payment(), vec![ok(units_of)]);
        assert_eq!(matches!(reply, Reply::Answer(_)), is_read, "{units} units: {reply:?}");
    }
    for name in ["dispute_id", "status", "disputed_transactions"] {
        let fetch = call(json!({"kind": "fetch_dispute", "id": DISPUTE}));
        let reply = reply(fetch, vec![ok(without(dispute("OPEN", None), "", name))]);
        assert!(matches!(reply, Reply::Fault(Fault::Unreadable { .. })), "{name}: {reply:?}");
    }
}
