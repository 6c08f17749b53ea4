//! What is sent: fields, limits, headers and paths; and which answers are no verdict.

use processor_sdk::{Answer, Call, CaptureMode, DeclineCode, Fault, HttpRequest, Method, Reply, Word};
use serde_json::{Value, json};

use crate::support::*;

fn opened(order: Value) -> HttpRequest {
    perform(open(order), vec![ok(session("open", "unpaid", json!({})))]).0.remove(0)
}

#[test]
fn every_request_is_pinned_and_carries_its_key() {
    let account = |mut call: Call| {
        call.settings.0.insert("account".to_owned(), json!("acct_1"));
        call
    };
    let rows = [
        (open(json!({})), vec![ok(session("open", "unpaid", json!({})))]),
        (
            account(capture(1234)),
            vec![refusal(400, "invalid_request_error", "x"), ok(taken(1234, json!({})))],
        ),
        (refund_order("fetch_refund", json!({})), vec![list(&[])]),
    ];
    for (call, responses) in rows {
        let account = call.settings.optional_text("account").map(str::to_owned);
        for request in perform(call, responses).0 {
            let writes = request.method == Method::Post;
            assert!(request.url.starts_with("https://api.stripe.com/v1/"), "{}", request.url);
            assert_eq!(request.auth, HttpRequest::get("").bearer("api_key").auth);
            assert_eq!(request.headers.get("stripe-version"), Some("2026-02-25.clover"));
            assert_eq!(request.headers.get("stripe-account"), account.as_deref());
            assert_eq!(request.headers.get("idempotency-key"), writes.then_some("key1"), "{}", request.url);
        }
    }
}

#[test]
fn texts_are_cut_to_stripes_limits_and_ids_are_not() {
    let long = "ü".repeat(6000);
    let request = opened(json!({"description": long, "order_reference": long}));
    for (name, chars) in [
        ("line_items[0][price_data][product_data][name]", 250),
        ("payment_intent_data[description]", 1000),
        ("metadata[order_reference]", 500),
        ("payment_intent_data[metadata][order_reference]", 500),
    ] {
        assert_eq!(field(&request, name).unwrap().chars().count(), chars, "{name}");
    }
    let echo = "0123456789abcdefghij";
    let call = Call { echo: echo.to_owned(), ..open(json!({})) };
    let request = perform(call, vec![ok(session("open", "unpaid", json!({})))]).0.remove(0);
    for name in ["client_reference_id", "metadata[hub_attempt]", "payment_intent_data[metadata][hub_attempt]"]
    {
        assert_eq!(field(&request, name), Some(echo), "{name}");
    }
}

#[test]
fn a_line_has_a_name_whatever_the_cart_said() {
    for (order, name) in [
        (json!({"description": "Tea", "order_reference": "1001"}), "Tea"),
        (json!({"description": "  ", "order_reference": "1001"}), "1001"),
        (json!({"order_reference": "1001"}), "1001"),
        (json!({"description": "", "order_reference": ""}), "Payment"),
        (json!({}), "Payment"),
    ] {
        let request = opened(order);
        assert_eq!(field(&request, "line_items[0][price_data][product_data][name]"), Some(name));
    }
}

#[test]
fn what_stripe_would_refuse_a_checkout_for_is_left_out() {
    for (locale, expected) in [
        ("de", Some("de")),
        ("de-AT", Some("de")),
        ("pt-br", Some("pt-BR")),
        ("zh-TW", Some("zh-TW")),
        ("es_MX", Some("es")),
        ("ga-IE", None),
        ("", None),
    ] {
        assert_eq!(field(&opened(json!({"shopper": {"locale": locale}})), "locale"), expected, "{locale}");
    }
    for (email, is_sent) in [
        ("ada@example.com", true),
        ("ada+tea@mail.example.com", true),
        ("ada", false),
        ("ada@example", false),
        ("a b@example.com", false),
        ("ada@@example.com", false),
        ("Ada <ada@example.com>", false),
        ("@example.com", false),
    ] {
        let request = opened(json!({"customer": {"email": email}}));
        assert_eq!(field(&request, "customer_email"), is_sent.then_some(email), "{email}");
    }
}

#[test]
fn a_page_is_open_as_long_as_stripe_allows() {
    // The operation was created at 1700000000.
    for (expires_at, expected) in [
        ("2023-11-14T23:13:20Z", "1700003600"),
        // Half an hour at least, and five minutes for the way.
        ("2023-11-14T22:20:00Z", "1700002100"),
        // A day at most, less five minutes for clocks that differ.
        ("2023-12-24T00:00:00Z", "1700086100"),
    ] {
        assert_eq!(field(&opened(json!({"expires_at": expires_at})), "expires_at"), Some(expected));
    }
}

#[test]
fn only_manual_capture_is_asked_for() {
    for (mode, expected) in [(CaptureMode::Manual, Some("manual")), (CaptureMode::Automatic, None)] {
        let call = Call { capture: mode, ..open(json!({})) };
        let request = perform(call, vec![ok(session("open", "unpaid", json!({})))]).0.remove(0);
        assert_eq!(field(&request, "payment_intent_data[capture_method]"), expected);
        // The page's kind has other names in other versions, and the default is the one that we want.
        assert_eq!(field(&request, "ui_mode"), None);
        assert_eq!(field(&request, "payment_method_types[0]"), None);
        assert_eq!(field(&request, "adaptive_pricing[enabled]"), Some("false"));
    }
}

#[test]
fn a_refund_names_itself_and_its_reason() {
    for (reason, expected, in_words) in [
        (json!(null), None, None),
        (json!("fraudulent"), Some("fraudulent"), None),
        (json!("broken lid"), None, Some("broken lid")),
    ] {
        let order = refund_order("refund", json!({"reason": reason}));
        let request = perform(order, vec![ok(refund("succeeded", json!({})))]).0.remove(0);
        assert_eq!(field(&request, "reason"), expected);
        assert_eq!(field(&request, "metadata[reason]"), in_words);
        assert_eq!(field(&request, "payment_intent"), Some(PAYMENT));
        assert_eq!(field(&request, "metadata[hub_refund]"), Some("re1"));
        assert_eq!(field(&request, "metadata[hub_attempt]"), Some(ECHO));
    }
}

#[test]
fn ids_from_outside_stay_inside_their_segment() {
    let fetch = call(json!({"kind": "fetch_dispute", "id": "../accounts?x=1#y"}));
    let request = perform(fetch, vec![ok(dispute("won"))]).0.remove(0);
    assert_eq!(request.url, "https://api.stripe.com/v1/disputes/..%2Faccounts%3Fx%3D1%23y");
}

#[test]
fn a_refused_checkout_may_be_tried_elsewhere() {
    for (status, code, expected) in [
        (400, "amount_too_small", DeclineCode::LimitExceeded),
        (400, "amount_too_large", DeclineCode::LimitExceeded),
        (400, "parameter_invalid_empty", DeclineCode::InvalidRequest),
        (404, "resource_missing", DeclineCode::InvalidRequest),
    ] {
        let facts = facts(open(json!({})), vec![refusal(status, "invalid_request_error", code)]);
        let decline = facts.decline.unwrap();
        assert_eq!(facts.word, Some(Word::Declined));
        assert_eq!((decline.code, decline.elsewhere), (expected, true), "{code}");
        assert_eq!(decline.processor_code.as_deref(), Some(code));
    }
}

/// Neither done nor refused: the hub finds out by itself.
#[test]
fn what_stripe_does_not_say_is_no_verdict() {
    let fault = |status| Fault::Processor { status };
    let unreadable = || Fault::unreadable("unexpected HTTP status 400");
    let with_header = |mut response: processor_sdk::HttpResponse, name: &str, value: &str| {
        response.headers.push(name, value);
        response
    };
    let refused = || refusal(400, "invalid_request_error", "lock_timeout");
    for (answer, expected) in [
        (refusal(401, "invalid_request_error", "api_key_expired"), Fault::Credentials { status: 401 }),
        (
            refusal(403, "invalid_request_error", "more_permissions_required"),
            Fault::Credentials { status: 403 },
        ),
        (refusal(409, "invalid_request_error", "idempotency_key_in_use"), fault(409)),
        (refusal(429, "invalid_request_error", "rate_limit"), Fault::Throttled { retry_after_s: None }),
        (
            with_header(refusal(429, "invalid_request_error", "lock_timeout"), "Retry-After", "3"),
            Fault::Throttled { retry_after_s: Some(3) },
        ),
        (refusal(500, "api_error", "x"), fault(500)),
        (refusal(503, "api_error", "x"), fault(503)),
        // The same key for another request: that one may have done something.
        (refusal(400, "idempotency_error", "x"), unreadable()),
        (refusal(400, "api_error", "x"), unreadable()),
        (with_header(refused(), "Stripe-Should-Retry", "true"), unreadable()),
        (response(400, &json!({"error": "x"})), unreadable()),
        (response(400, &json!({})), unreadable()),
        (response(200, &json!({})), Fault::unreadable("expected true or false at /livemode")),
    ] {
        let said = reply(open(json!({})), vec![answer.clone()]);
        assert_eq!(said, Reply::Fault(expected), "{answer:?}");
    }
    for call in [capture(1234), refund_order("refund", json!({})), call(json!({"kind": "void"}))] {
        for answer in [refusal(409, "invalid_request_error", "x"), refusal(500, "api_error", "x")] {
            let said = reply(call.clone(), vec![answer.clone()]);
            assert_eq!(said, Reply::Fault(fault(answer.status)), "{:?}", call.operation);
        }
    }
}

#[test]
fn only_stripes_own_word_makes_a_thing_absent() {
    let absent = Reply::Answer(Answer::Absent);
    for (answer, is_absent) in [
        (refusal(404, "invalid_request_error", "resource_missing"), true),
        (refusal(404, "invalid_request_error", "url_invalid"), false),
        (response(404, &json!({})), false),
        (response(410, &json!({})), false),
    ] {
        for call in [
            fetch_payment(),
            refund_order("fetch_refund", json!({"id": "re_1"})),
            call(json!({"kind": "fetch_dispute", "id": "dp_1"})),
        ] {
            assert_eq!(reply(call, vec![answer.clone()]) == absent, is_absent, "{answer:?}");
        }
    }
}

#[test]
fn a_list_without_an_end_is_refused() {
    let page = || ok(json!({"data": [refund("succeeded", json!({}))], "has_more": true}));
    let said = reply(refund_order("fetch_refund", json!({})), (0..5).map(|_| page()).collect());
    assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{said:?}");
}
