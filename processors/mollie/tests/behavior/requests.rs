//! What is sent: fields, limits, keys and paths; and which answers are no verdict.

use processor_sdk::{Call, CaptureMode, DeclineCode, Fault, HttpRequest, Method, Reply, Word};
use serde_json::{Value, json};

use crate::support::*;

#[test]
fn every_request_is_authorized_and_every_write_carries_its_key() {
    let cancelable = || ok(payment("open", json!({"isCancelable": true})));
    for (call, responses, expected) in [
        (open(json!({})), vec![response(201, &payment("open", json!({})))], vec!["POST payments"]),
        (
            call(json!({"kind": "expire_checkout"})),
            vec![cancelable(), ok(payment("canceled", json!({})))],
            vec![
                "GET payments/tr_7UhSN1zuXS?embed=refunds%2Cchargebacks%2Ccaptures",
                "DELETE payments/tr_7UhSN1zuXS",
            ],
        ),
        (
            capture(1234),
            vec![response(201, &capture_object("pending", json!({})))],
            vec!["POST payments/tr_7UhSN1zuXS/captures"],
        ),
        (
            void(),
            vec![response(202, &json!(null))],
            vec!["POST payments/tr_7UhSN1zuXS/release-authorization"],
        ),
        (
            refund_order("refund", json!({})),
            vec![response(201, &refund_object("pending", json!({})))],
            vec!["POST payments/tr_7UhSN1zuXS/refunds"],
        ),
        (
            refund_order("fetch_refund", json!({})),
            vec![list("refunds", &[], None)],
            vec!["GET payments/tr_7UhSN1zuXS/refunds?limit=250"],
        ),
        (
            fetch_dispute(),
            vec![ok(chargeback(json!({})))],
            vec!["GET payments/tr_7UhSN1zuXS/chargebacks/chb_1"],
        ),
        (unreferenced(fetch_payment()), vec![list("payments", &[], None)], vec!["GET payments?limit=50"]),
    ] {
        let requests = perform(call, responses).0;
        let sent: Vec<_> = requests
            .iter()
            .map(|request| {
                let path = request.url.strip_prefix("https://api.mollie.com/v2/").unwrap();
                format!("{} {path}", request.method.as_str())
            })
            .collect();
        assert_eq!(sent, expected);
        for request in &requests {
            let writes = request.method != Method::Get;
            assert_eq!(request.auth, HttpRequest::get("").bearer("api_key").auth);
            assert_eq!(request.headers.get("idempotency-key"), writes.then_some("key1"), "{}", request.url);
        }
    }
}

#[test]
fn a_checkout_says_what_was_asked_and_no_more() {
    let expected = json!({
        "amount": {"currency": "EUR", "value": "12.34"},
        "description": "Tea",
        "redirectUrl": "https://hub.example/return/t",
        "cancelUrl": "https://hub.example/return/t?cancel=1",
        "webhookUrl": format!("{WEBHOOK}?hub_attempt=att1"),
        "metadata": {"hub_attempt": "att1"},
    });
    assert_eq!(opened(open(json!({"description": "Tea"}))), expected);
}

#[test]
fn a_description_is_there_whatever_the_cart_said() {
    for (order, description) in [
        (json!({"description": "Tea", "order_reference": "1001"}), "Tea"),
        (json!({"description": "  ", "order_reference": "1001"}), "1001"),
        (json!({"order_reference": "1001"}), "1001"),
        (json!({"description": "", "order_reference": ""}), "Payment"),
        (json!({}), "Payment"),
    ] {
        assert_eq!(opened(open(order))["description"], description);
    }
}

#[test]
fn texts_are_cut_to_mollies_limits_and_ids_are_not() {
    let long = "ü".repeat(6000);
    let echo = "0123456789abcdefghij";
    let call = Call {
        echo: echo.to_owned(),
        ..open(json!({"description": long, "order_reference": "😀".repeat(6000)}))
    };
    let answer = response(429, &json!({}));
    let request = perform(call, vec![answer]).0.remove(0);
    let chars = |value: &Value| value.as_str().unwrap().chars().count();
    assert_eq!(chars(&body(&request)["description"]), 255);
    assert_eq!(chars(&body(&request)["metadata"]["order_reference"]), 64);
    assert_eq!(body(&request)["metadata"]["hub_attempt"], echo);
    // Even if each character were written as two escapes of six bytes, metadata stays within 1 kB.
    assert!(64 * 12 + body(&request)["metadata"]["hub_attempt"].to_string().len() + 64 < 1024);
    let order = refund_order("refund", json!({"reason": long}));
    let request = perform(order, vec![response(201, &refund_object("pending", json!({})))]).0.remove(0);
    assert_eq!(chars(&body(&request)["description"]), 255);
}

#[test]
fn a_capture_and_a_refund_name_themselves() {
    let captured = vec![response(201, &capture_object("pending", json!({})))];
    let request = perform(capture(500), captured).0.remove(0);
    let expected =
        json!({"amount": {"currency": "EUR", "value": "5.00"}, "metadata": {"hub_capture": "cap1"}});
    assert_eq!(body(&request), &expected);
    for (reason, description) in
        [(json!(null), None), (json!("broken lid"), Some("broken lid")), (json!(" "), None)]
    {
        let order = refund_order("refund", json!({"reason": reason}));
        let request = perform(order, vec![response(201, &refund_object("pending", json!({})))]).0.remove(0);
        let mut expected = json!({
            "amount": {"currency": "EUR", "value": "5.00"},
            "metadata": {"hub_refund": "re1", "hub_attempt": "att1"},
        });
        if let Some(description) = description {
            expected["description"] = json!(description);
        }
        assert_eq!(body(&request), &expected);
    }
}

#[test]
fn what_mollie_would_refuse_a_checkout_for_is_left_out() {
    for (tag, expected) in [
        ("de", Some("de_DE")),
        ("de-AT", Some("de_AT")),
        ("de_ch", Some("de_CH")),
        ("DE-li", Some("de_DE")),
        ("en-AU", Some("en_US")),
        ("en-GB", Some("en_GB")),
        ("nb", Some("nb_NO")),
        ("pt-BR", Some("pt_PT")),
        ("zh-TW", None),
        ("ga-IE", None),
        ("d", None),
        ("", None),
    ] {
        let body = opened(open(json!({"shopper": {"locale": tag}})));
        assert_eq!(body.get("locale").and_then(Value::as_str), expected, "{tag}");
    }
}

#[test]
fn methods_are_a_list_so_that_the_page_is_mollies_own() {
    for (mode, methods, manual, expected) in [
        (CaptureMode::Automatic, "", "creditcard", None),
        (CaptureMode::Automatic, "ideal", "creditcard", Some(json!(["ideal"]))),
        (CaptureMode::Automatic, "ideal, creditcard", "creditcard", Some(json!(["ideal", "creditcard"]))),
        (CaptureMode::Manual, "ideal", "creditcard", Some(json!(["creditcard"]))),
        (CaptureMode::Manual, "", "creditcard,klarna", Some(json!(["creditcard", "klarna"]))),
        (CaptureMode::Manual, "ideal", "", None),
    ] {
        let call = Call { capture: mode, ..open(json!({})) };
        let call = with_setting(with_setting(call, "methods", methods), "manual_methods", manual);
        let body = opened(call);
        assert_eq!(body.get("method"), expected.as_ref(), "{mode:?} {methods} {manual}");
        let captured = (mode == CaptureMode::Manual).then(|| json!("manual"));
        assert_eq!(body.get("captureMode"), captured.as_ref());
    }
    for methods in ["ideal,,creditcard", "ideal creditcard", "iDEAL", "ideal;rm", &["ideal"; 61].join(",")] {
        let reply = reply(with_setting(open(json!({})), "methods", methods), vec![]);
        let expected = |field: &str| field == "settings.methods";
        assert!(
            matches!(&reply, Reply::Fault(Fault::CannotAsk { field, .. }) if expected(field)),
            "{methods}: {reply:?}"
        );
    }
}

#[test]
fn where_mollie_calls_is_the_operators_choice() {
    for (webhooks, url, expected) in [
        ("classic", WEBHOOK, Some(format!("{WEBHOOK}?hub_attempt=att1"))),
        (
            "classic",
            "https://hub.example/w?x=1",
            Some("https://hub.example/w?x=1&hub_attempt=att1".to_owned()),
        ),
        ("signed", WEBHOOK, None),
        ("off", WEBHOOK, None),
    ] {
        let body = opened(with_setting(open(json!({"webhook_url": url})), "webhooks", webhooks));
        assert_eq!(body.get("webhookUrl").and_then(Value::as_str), expected.as_deref(), "{webhooks}");
    }
}

#[test]
fn only_a_token_is_told_its_profile_and_mode() {
    let token = |call: Call| with_setting(call, "profile_id", "pfl_1");
    for (livemode, testmode) in [(false, Some(json!(true))), (true, None)] {
        let mode = if livemode { "live" } else { "test" };
        let made = || response(201, &payment("open", json!({"mode": mode})));
        let of = |call: Call| Call { livemode, ..token(call) };
        let opened = perform(of(open(json!({}))), vec![made()]).0.remove(0);
        assert_eq!(body(&opened)["profileId"], "pfl_1");
        assert_eq!(body(&opened).get("testmode"), testmode.as_ref());
        let released = perform(of(void()), vec![response(202, &json!(null))]).0.remove(0);
        assert_eq!(
            (&body(&released)["profileId"], body(&released).get("testmode")),
            (&json!("pfl_1"), testmode.as_ref())
        );
        let cancelable = || ok(payment("open", json!({"mode": mode, "isCancelable": true})));
        let canceled = ok(payment("canceled", json!({"mode": mode})));
        let deleted =
            perform(of(call(json!({"kind": "expire_checkout"}))), vec![cancelable(), canceled]).0.remove(1);
        match &testmode {
            Some(testmode) => assert_eq!(body(&deleted), &json!({"testmode": testmode})),
            None => assert_eq!(deleted.body, processor_sdk::RequestBody::Empty),
        }
        let searched =
            perform(of(unreferenced(fetch_payment())), vec![list("payments", &[], None)]).0.remove(0);
        let query =
            if livemode { "?profileId=pfl_1&limit=50" } else { "?profileId=pfl_1&limit=50&testmode=true" };
        assert_eq!(searched.url, format!("https://api.mollie.com/v2/payments{query}"));
    }
}

#[test]
fn the_api_may_be_elsewhere() {
    let call = with_setting(void(), "base_url", "http://127.0.0.1:4010/");
    let request = perform(call, vec![response(202, &json!(null))]).0.remove(0);
    assert_eq!(request.url, "http://127.0.0.1:4010/v2/payments/tr_7UhSN1zuXS/release-authorization");
}

#[test]
fn ids_from_outside_stay_inside_their_segment() {
    let fetch = call(json!({"kind": "fetch_dispute", "id": "../refunds?x=1#y"}));
    let request = perform(fetch, vec![ok(chargeback(json!({})))]).0.remove(0);
    let path = "payments/tr_7UhSN1zuXS/chargebacks/..%2Frefunds%3Fx%3D1%23y";
    assert_eq!(request.url, format!("https://api.mollie.com/v2/{path}"));
}

#[test]
fn a_door_is_open_as_long_as_mollie_says() {
    let checkout = json!({"_links": {"checkout": {"href": "https://www.mollie.com/checkout/x"}}});
    for (status, changes, expected) in [
        // The operation was created at 22:13:20.
        ("open", json!({"expiresAt": "2023-11-14T22:28:20+00:00"}), Some(Some(900))),
        ("open", json!({"expiresAt": "2023-11-14T22:00:00+00:00"}), Some(Some(0))),
        ("open", json!({"expiresAt": null}), Some(None)),
        ("open", json!({"expiresAt": "soon"}), Some(None)),
        ("open", json!({"_links": {}}), None),
        ("pending", checkout.clone(), None),
        ("paid", checkout, None),
    ] {
        let door = said(fetch_payment(), vec![ok(payment(status, changes))]).1;
        assert_eq!(door.map(|door| door.expires_in_s), expected, "{status}");
    }
}

#[test]
fn a_refused_checkout_may_be_tried_elsewhere() {
    for (status, field, expected, code) in [
        (422, Some("amount"), DeclineCode::LimitExceeded, "amount"),
        (422, Some("amount.value"), DeclineCode::LimitExceeded, "amount.value"),
        (422, Some("amount.currency"), DeclineCode::MethodNotAvailable, "amount.currency"),
        (422, Some("method"), DeclineCode::MethodNotAvailable, "method"),
        (422, Some("webhookUrl"), DeclineCode::InvalidRequest, "webhookUrl"),
        (422, None, DeclineCode::InvalidRequest, "Unprocessable_Entity"),
        (404, Some("profileId"), DeclineCode::InvalidRequest, "profileId"),
    ] {
        let facts = facts(open(json!({})), vec![refusal(status, field)]);
        let decline = facts.decline.unwrap();
        assert_eq!(facts.word, Some(Word::Declined));
        assert_eq!((decline.code, decline.elsewhere), (expected, true), "{code}");
        assert_eq!(decline.processor_code.as_deref(), Some(code));
    }
}

/// Neither done nor refused: the hub finds out by itself.
#[test]
fn what_mollie_does_not_say_is_no_verdict() {
    let unreadable = |status| Fault::unreadable(&format!("unexpected HTTP status {status}"));
    let fault = |status| Fault::Processor { status };
    let hurried = || {
        let mut response = refusal(429, None);
        response.headers.push("Retry-After", "3");
        response
    };
    for (answer, expected) in [
        (refusal(401, None), Fault::Credentials { status: 401 }),
        (refusal(403, None), Fault::Credentials { status: 403 }),
        (refusal(429, None), Fault::Throttled { retry_after_s: None }),
        (hurried(), Fault::Throttled { retry_after_s: Some(3) }),
        (refusal(408, None), fault(408)),
        (refusal(500, None), fault(500)),
        (refusal(502, None), fault(502)),
        (refusal(503, None), fault(503)),
        // The key was used for another request, which may have done something.
        (refusal(400, Some("amount")), unreadable(400)),
        (refusal(405, None), unreadable(405)),
        (refusal(415, None), unreadable(415)),
        // Not Mollie's own words, whatever the status.
        (response(422, &json!({})), unreadable(422)),
        (response(422, &json!({"status": 500, "title": "x"})), unreadable(422)),
        (response(422, &json!({"status": "422", "title": "x"})), unreadable(422)),
        (response(404, &json!({"error": "not found"})), unreadable(404)),
        (response(302, &json!({"status": 302, "title": "x"})), unreadable(302)),
        (response(200, &json!({})), Fault::unreadable("")),
        (response(204, &json!(null)), Fault::unreadable("")),
    ] {
        for call in [open(json!({})), capture(1234), refund_order("refund", json!({})), void()] {
            let said = reply(call.clone(), vec![answer.clone()]);
            let is_expected = match (&said, &expected) {
                // What is missing in an empty object is another thing each time.
                (Reply::Fault(Fault::Unreadable { .. }), Fault::Unreadable { what }) if what.is_empty() => {
                    true
                }
                (Reply::Fault(said), expected) => said == expected,
                _ => false,
            };
            assert!(is_expected, "{:?}: {answer:?}: {said:?}", call.operation);
        }
    }
    // 409 is about a request that is still running, or about a refund like ours: that one is looked for.
    for call in [open(json!({})), capture(1234), void()] {
        assert_eq!(reply(call, vec![refusal(409, None)]), Reply::Fault(fault(409)));
    }
    let looked = vec![refusal(409, None), list("refunds", &[], None)];
    assert_eq!(reply(refund_order("refund", json!({})), looked), Reply::Fault(fault(409)));
}
