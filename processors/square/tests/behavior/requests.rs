//! What is sent: fields, limits, headers and paths; and which answers are no verdict.

use processor_sdk::{
    Adapter, Answer, Call, CaptureMode, Fault, HttpRequest, KeyCarrier, Method, OperationKind, Reply,
    RequestBody, Word,
};
use processor_square::Square;
use serde_json::{Value, json};

use crate::support::*;

fn opened(order_of_cart: Value) -> Value {
    sent(open(order_of_cart))
}

/// The body of a new link.
fn sent(call: Call) -> Value {
    body(&perform(call, vec![response(429, &json!({}))]).0[0]).clone()
}

fn with_setting(mut call: Call, name: &str, value: Value) -> Call {
    call.settings.0.insert(name.to_owned(), value);
    call
}

#[test]
fn every_request_is_pinned_and_every_write_carries_its_key() {
    let rows = [
        (open(json!({})), vec![made(order("DRAFT", json!({})))]),
        (
            reopen(json!({})),
            vec![one("order", order("OPEN", json!({}))), one("payment_link", link(json!({})))],
        ),
        (expire(), vec![ok(json!({"id": LINK})), one("order", order("CANCELED", json!({})))]),
        (refund_order("refund", json!({})), vec![one("refund", refund("PENDING", json!({})))]),
        (refund_order("fetch_refund", json!({})), vec![one("payment", payment("COMPLETED", json!({})))]),
        (fetch_payment(), vec![one("order", order("DRAFT", json!({})))]),
    ];
    let carrier = KeyCarrier::BodyField { pointer: "/idempotency_key".to_owned() };
    assert_eq!(Square.descriptor().idempotency.carrier, carrier);
    for (call, responses) in rows {
        for request in perform(call, responses).0 {
            assert!(request.url.starts_with("https://connect.squareupsandbox.com/v2/"), "{}", request.url);
            assert_eq!(request.auth, HttpRequest::get("").bearer("access_token").auth);
            assert_eq!(request.headers.0, [("Square-Version".to_owned(), "2025-08-20".to_owned())]);
            match request.method {
                Method::Post => assert_eq!(body(&request)["idempotency_key"], "key1", "{}", request.url),
                _ => assert_eq!(request.body, RequestBody::Empty, "{}", request.url),
            }
        }
    }
}

#[test]
fn the_mode_chooses_the_address_and_the_operator_may_name_another() {
    for (livemode, base_url, expected) in [
        (false, None, Some("https://connect.squareupsandbox.com")),
        (true, None, Some("https://connect.squareup.com")),
        (true, Some("https://connect.squareup.com/"), Some("https://connect.squareup.com")),
        (false, Some("http://127.0.0.1:8182"), Some("http://127.0.0.1:8182")),
        (true, Some("https://proxy.example/square/"), Some("https://proxy.example/square")),
        // Real money does not move in a test, nor a test's in earnest.
        (false, Some("https://connect.squareup.com"), None),
        (false, Some("https://connect.squareup.com:443/"), None),
        (true, Some("https://connect.squareupsandbox.com"), None),
        (true, Some("https://CONNECT.squareupsandbox.com/"), None),
    ] {
        let mut call = Call { livemode, ..fetch_payment() };
        if let Some(url) = base_url {
            call = with_setting(call, "base_url", json!(url));
        }
        let Some(expected) = expected else {
            let reply = reply(call, vec![]);
            let Reply::Fault(Fault::CannotAsk { field, .. }) = &reply else { panic!("{reply:?}") };
            assert_eq!(field, "settings.base_url", "{livemode} {base_url:?}");
            continue;
        };
        let (requests, _) = perform(call, vec![not_found()]);
        assert_eq!(requests[0].url, format!("{expected}/v2/orders/order1"));
    }
}

#[test]
fn a_link_says_whose_it_is_and_where_to_go_back_to() {
    let link = opened(json!({"description": "Course", "order_reference": "1001"}));
    assert_eq!(link["order"]["location_id"], "L1");
    assert_eq!(link["order"]["reference_id"], ECHO);
    assert_eq!(link["order"]["metadata"], json!({"hub_attempt": ECHO, "order_reference": "1001"}));
    assert_eq!(link["payment_note"], NOTE);
    assert_eq!(link["checkout_options"]["redirect_url"], "https://hub.example/return/t");
    let line = json!({"name": "Course", "quantity": "1", "base_price_money": money(1234)});
    assert_eq!(link["order"]["line_items"], json!([line]));
    let no_location = {
        let mut call = open(json!({}));
        call.settings.0.clear();
        reply(call, vec![])
    };
    assert!(matches!(no_location, Reply::Fault(Fault::CannotAsk { .. })), "{no_location:?}");
}

#[test]
fn the_name_on_the_page_is_the_best_there_is() {
    for (order, name) in [
        (json!({"description": "Course", "order_reference": "1001"}), "Course"),
        (json!({"description": "  ", "order_reference": "1001"}), "1001"),
        (json!({"order_reference": "1001"}), "1001"),
        (json!({"order_reference": " "}), "Payment"),
        (json!({}), "Payment"),
    ] {
        assert_eq!(opened(order)["order"]["line_items"][0]["name"], name);
    }
    assert_eq!(opened(json!({"order_reference": " "}))["order"]["metadata"], json!({"hub_attempt": ECHO}));
}

#[test]
fn texts_are_cut_to_squares_limits_and_ids_are_not() {
    for letter in ["x", "ü", "花", "🎨"] {
        let long = letter.repeat(5000);
        let link = opened(json!({"description": long, "order_reference": long}));
        let refund = refund_order("refund", json!({"reason": long}));
        let refund = body(&perform(refund, vec![response(429, &json!({}))]).0[0]).clone();
        for (text, limit) in [
            (&link["order"]["line_items"][0]["name"], 512),
            (&link["order"]["metadata"]["order_reference"], 255),
            (&refund["reason"], 192),
        ] {
            let bytes = text.as_str().unwrap().len();
            assert!(bytes <= limit && bytes > limit - letter.len(), "{letter}: {bytes} of {limit}");
        }
        assert!(refund["reason"].as_str().unwrap().starts_with("hub_refund=re1; "), "ours comes first");
    }
    // The longest ids of ours fit whole, where Square is strictest too.
    let (echo, key) = ("0123456789abcdefghij", "0123456789abcdefghijklmnopqrstuv");
    let call = Call { echo: echo.to_owned(), key: key.to_owned(), ..open(json!({})) };
    let link = sent(call);
    assert_eq!((&link["order"]["reference_id"], &link["idempotency_key"]), (&json!(echo), &json!(key)));
    assert_eq!(link["payment_note"], format!("hub_attempt={echo}; total=1234"));
    let refund = Call { key: key.to_owned(), ..refund_order("refund", json!({"echo": echo})) };
    let refund = body(&perform(refund, vec![response(429, &json!({}))]).0[0]).clone();
    assert_eq!(refund["reason"], format!("hub_refund={echo}"));
    assert!(refund["idempotency_key"].as_str().unwrap().len() <= 45);
}

#[test]
fn an_address_to_return_to_is_sent_whole_or_not_at_all() {
    let url = |length: usize| format!("https://hub.example/{}", "t".repeat(length - 20));
    let sent = opened(json!({"return_url": url(2048)}));
    assert_eq!(sent["checkout_options"]["redirect_url"], url(2048));
    let reply = reply(open(json!({"return_url": url(2049)})), vec![]);
    let Reply::Fault(Fault::CannotAsk { field, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!(field, "operation.return_url");
}

#[test]
fn settings_of_the_page() {
    let options =
        |name: &str, value| sent(with_setting(open(json!({})), name, value))["checkout_options"].clone();
    let plain = opened(json!({}))["checkout_options"].clone();
    let methods = |cash_app: bool, afterpay: bool| {
        let always = json!({"apple_pay": true, "google_pay": true});
        changed(always, json!({"cash_app_pay": cash_app, "afterpay_clearpay": afterpay}))
    };
    assert_eq!(plain["accepted_payment_methods"], methods(false, false));
    assert_eq!(options("cash_app_pay", json!(true))["accepted_payment_methods"], methods(true, false));
    assert_eq!(options("afterpay_clearpay", json!(true))["accepted_payment_methods"], methods(false, true));
    assert_eq!(plain.get("merchant_support_email"), None);
    assert_eq!(options("support_email", json!("a@example.org"))["merchant_support_email"], "a@example.org");
}

#[test]
fn only_an_address_is_filled_in_as_one() {
    for (email, is_sent) in [
        ("shopper@example.org", true),
        ("o'hara+x@mail.example.org", true),
        ("shopper", false),
        ("shopper@example", false),
        ("@example.org", false),
        ("a@b@example.org", false),
        ("shopper@.org", false),
        ("shopper@example..org", false),
        ("shopper@-example.org", false),
        ("shopper @example.org", false),
        ("müller@example.org", false),
        (&format!("{}@example.org", "x".repeat(250)), false),
    ] {
        let link = opened(json!({"customer": {"email": email}}));
        let filled_in = link.get("pre_populated_data").map(|data| data["buyer_email"].clone());
        assert_eq!(filled_in, is_sent.then(|| json!(email)), "{email}");
    }
}

#[test]
fn ids_stay_inside_their_own_part_of_a_path() {
    let fetch = call(json!({"kind": "fetch_dispute", "id": "../refunds/x?y#z"}));
    let (requests, _) = perform(fetch, vec![not_found()]);
    assert_eq!(requests[0].url, format!("{SANDBOX}/v2/disputes/..%2Frefunds%2Fx%3Fy%23z"));
}

#[test]
fn what_is_no_verdict() {
    let credentials = |status| Some(Fault::Credentials { status });
    let html = response(400, &json!("<html>"));
    let nothing = response(400, &json!({"errors": []}));
    let mixed = response(
        400,
        &json!({"errors": [
            {"category": "INVALID_REQUEST_ERROR", "code": "INVALID_VALUE"},
            {"category": "API_ERROR", "code": "INTERNAL_SERVER_ERROR"},
        ]}),
    );
    let rows = [
        (html, None),
        (nothing, None),
        (mixed, None),
        (refusal(400, "INVALID_REQUEST_ERROR", "IDEMPOTENCY_KEY_REUSED"), None),
        (refusal(400, "INVALID_REQUEST_ERROR", "CONFLICT"), None),
        (refusal(400, "INVALID_REQUEST_ERROR", "REQUEST_TIMEOUT"), None),
        (refusal(400, "INVALID_REQUEST_ERROR", ""), None),
        (refusal(400, "API_ERROR", "BAD_REQUEST"), None),
        (refusal(400, "RATE_LIMIT_ERROR", "RATE_LIMITED"), None),
        (refusal(400, "EXTERNAL_VENDOR_ERROR", "PLAID_ERROR"), None),
        (refusal(400, "NEW_ERROR", "NEW"), None),
        (refusal(405, "INVALID_REQUEST_ERROR", "METHOD_NOT_ALLOWED"), None),
        (refusal(401, "AUTHENTICATION_ERROR", "UNAUTHORIZED"), credentials(401)),
        (
            refusal(403, "REFUND_ERROR", "INSUFFICIENT_PERMISSIONS_FOR_REFUND"),
            Some(Fault::Credentials { status: 403 }),
        ),
        (refusal(408, "INVALID_REQUEST_ERROR", "REQUEST_TIMEOUT"), Some(Fault::Processor { status: 408 })),
        (refusal(409, "INVALID_REQUEST_ERROR", "CONFLICT"), Some(Fault::Processor { status: 409 })),
        (refusal(429, "RATE_LIMIT_ERROR", "RATE_LIMITED"), Some(Fault::Throttled { retry_after_s: None })),
        (refusal(500, "API_ERROR", "INTERNAL_SERVER_ERROR"), Some(Fault::Processor { status: 500 })),
        (refusal(504, "API_ERROR", "GATEWAY_TIMEOUT"), Some(Fault::Processor { status: 504 })),
    ];
    for (answer, expected) in rows {
        for call in [open(json!({})), refund_order("refund", json!({})), expire(), fetch_payment()] {
            let said = reply(call, vec![answer.clone()]);
            let Reply::Fault(fault) = said else { panic!("{answer:?}: {said:?}") };
            match &expected {
                Some(expected) => assert_eq!(fault, *expected, "{answer:?}"),
                None => assert!(matches!(fault, Fault::Unreadable { .. }), "{answer:?}: {fault:?}"),
            }
        }
    }
}

#[test]
fn only_squares_own_404_says_that_there_is_no_such_thing() {
    let fetch_refund = || refund_order("fetch_refund", json!({"id": REFUND}));
    let fetch_dispute = || call(json!({"kind": "fetch_dispute", "id": "dispute1"}));
    for call in [fetch_payment(), fetch_refund(), fetch_dispute(), reopen(json!({}))] {
        assert_eq!(reply(call.clone(), vec![not_found()]), Reply::Answer(Answer::Absent));
        for other in [
            response(404, &json!({})),
            response(404, &json!({"message": "no Route matched with those values"})),
            refusal(404, "API_ERROR", "NOT_FOUND"),
            refusal(404, "INVALID_REQUEST_ERROR", "GONE"),
            refusal(400, "INVALID_REQUEST_ERROR", "NOT_FOUND"),
            refusal(410, "INVALID_REQUEST_ERROR", "NOT_FOUND"),
        ] {
            let said = reply(call.clone(), vec![other]);
            assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{said:?}");
        }
    }
}

/// The most that one answer takes: 3 payments with 10 refunds between them.
#[test]
fn the_longest_run_stays_within_the_hubs_limit_of_steps() {
    let refund_ids: Vec<_> = (0..12).map(|number| format!("r{number}")).collect();
    let payments = [
        payment("COMPLETED", json!({"id": "p1", "refund_ids": refund_ids})),
        payment("FAILED", json!({"id": "p2"})),
        payment("FAILED", json!({"id": "p3"})),
    ];
    let mut responses = vec![
        ok(json!({"id": LINK})),
        one("order", order_of("OPEN", &[&payments[0], &payments[1], &payments[2]])),
    ];
    responses.extend(payments.map(|payment| one("payment", payment)));
    responses.extend(refund_ids[2..].iter().map(|id| one("refund", refund("COMPLETED", json!({"id": id})))));
    let (requests, reply) = perform(expire(), responses);
    let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
    assert_eq!((requests.len(), facts.items.len(), facts.word), (15, 11, Some(Word::Paid)));
    assert!(requests[5].url.ends_with("/v2/refunds/r2"), "the newest ten: {}", requests[5].url);
}

#[test]
fn how_long_to_wait_is_passed_on() {
    for (value, expected) in [("3", Some(3)), ("soon", None)] {
        let mut throttled = response(429, &json!({}));
        throttled.headers.push("Retry-After", value);
        let said = reply(fetch_payment(), vec![throttled]);
        assert_eq!(said, Reply::Fault(Fault::Throttled { retry_after_s: expected }));
    }
}

#[test]
fn a_door_is_shown_where_there_is_one() {
    let door = |link: Value| {
        let answer = ok(json!({"payment_link": link}));
        match reply(open(json!({})), vec![answer]) {
            Reply::Answer(Answer::Said { facts, door }) => {
                assert_eq!(facts.word, Some(Word::Open));
                Ok(serde_json::to_value(door.unwrap()).unwrap()["url"].as_str().unwrap().to_owned())
            }
            Reply::Fault(fault) => Err(fault),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(door(link(json!({}))).as_deref(), Ok("https://sandbox.square.link/u/x"));
    assert_eq!(door(link(json!({"url": null}))).as_deref(), Ok("https://checkout.square.site/x"));
    assert!(door(link(json!({"url": null, "long_url": null}))).is_err());
    // An order that cannot be paid has no door, whatever the link says.
    for state in ["CANCELED", "COMPLETED", "PAUSED"] {
        let said = reply(open(json!({})), vec![made(order(state, json!({})))]);
        assert!(matches!(said, Reply::Answer(Answer::Said { door: None, .. })), "{state}: {said:?}");
    }
    assert!(door(link(json!({"id": ""}))).is_err());
    assert!(door(link(json!({"order_id": null}))).is_err());
}

#[test]
fn what_square_cannot_do_is_declared_and_not_tried() {
    let capture = json!({"kind": "capture", "echo": "c1", "amount": money(1), "is_final": true});
    let complete = json!({"kind": "complete_checkout", "return_parameters": []});
    for operation in [capture, complete, json!({"kind": "void"})] {
        let (requests, reply) = perform(call(operation.clone()), vec![]);
        assert_eq!((requests.len(), reply), (0, Reply::Fault(Fault::Unsupported)), "{operation}");
    }
    let capabilities = Square.descriptor().capabilities;
    for kind in [OperationKind::Capture, OperationKind::Void, OperationKind::CompleteCheckout] {
        assert!(!capabilities.supports(kind));
    }
}

/// Square would take at once what was only to be reserved.
#[test]
fn a_payment_to_be_captured_later_is_not_opened() {
    let manual = Call { capture: CaptureMode::Manual, ..open(json!({})) };
    let said = reply(manual, vec![]);
    assert!(matches!(&said, Reply::Fault(Fault::CannotAsk { field, .. }) if field == "capture"), "{said:?}");
}

#[test]
fn nothing_is_asked_without_the_ids_it_takes() {
    for call in [fetch_payment(), expire(), refund_order("refund", json!({"capture": null}))] {
        let bare = Call { references: [].into(), ..call };
        let said = reply(bare, vec![]);
        assert!(matches!(&said, Reply::Fault(Fault::CannotAsk { field, .. }) if field == "references"));
    }
}
