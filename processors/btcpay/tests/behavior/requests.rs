//! What is sent: fields, limits, credentials and paths; and which answers are no verdict.

use processor_btcpay::BtcPay;
use processor_sdk::{
    Adapter, Answer, Auth, Call, Fault, HttpRequest, HttpResponse, Method, Reply, SecretRef, Word,
};
use serde_json::{Value, json};

use crate::support::*;

fn opened_by(call: Call) -> HttpRequest {
    perform(call, vec![ok(invoice("New", "None", json!({})))]).0.remove(0)
}

fn opened(order: Value) -> HttpRequest {
    opened_by(open(order))
}

#[test]
fn every_request_goes_to_the_store_with_its_token() {
    let missing = || refusal(404, "invoice-not-found");
    let by_echo = Call { references: [].into(), ..fetch_payment() };
    for (call, responses) in [
        (open(json!({})), vec![ok(invoice("New", "None", json!({})))]),
        (
            call(json!({"kind": "expire_checkout"})),
            vec![ok(invoice("New", "None", json!({}))), ok(invoice("Invalid", "Marked", json!({})))],
        ),
        (
            fetch_payment(),
            vec![
                ok(invoice("Expired", "PaidLate", json!({"paidAmount": "12.34"}))),
                ok(methods(&["Settled"])),
            ],
        ),
        (by_echo, vec![ok(json!([])), missing()]),
        (refund_order("refund", json!({})), vec![ok(pull(json!({})))]),
        (refund_order("fetch_refund", json!({})), vec![ok(json!([])), missing()]),
    ] {
        for request in perform(call, responses).0 {
            assert!(request.url.starts_with(&format!("{API}/stores/S1/")), "{}", request.url);
            let token = Auth::Header {
                name: "Authorization".to_owned(),
                prefix: "token ".to_owned(),
                secret: SecretRef::named("api_key"),
            };
            assert_eq!(request.auth, token, "a token, and no bearer token");
            assert!(request.headers.0.is_empty(), "BTCPay takes no key: {:?}", request.headers);
            let is_write = request.method == Method::Post;
            assert_eq!(
                is_write,
                !matches!(request.body, processor_sdk::RequestBody::Empty),
                "{}",
                request.url
            );
        }
    }
}

#[test]
fn an_invoice_is_asked_for_exactly() {
    let sent = opened(json!({}));
    assert_eq!(sent.url, format!("{API}/stores/S1/invoices"));
    let expected = json!({
        "amount": "12.34", "currency": "EUR", "metadata": {"orderId": ECHO, "hub_attempt": ECHO},
        "checkout": {
            "redirectURL": "https://hub.example/return/t", "redirectAutomatically": true, "paymentTolerance": 0,
        },
    });
    assert_eq!(
        body(&sent),
        &expected,
        "nothing that the operator did not set, for `checkout` refuses what it does not know"
    );
    let order = json!({
        "description": " Tea ", "order_reference": "1001", "shopper": {"locale": "de-AT"},
        "customer": {"email": "ada@example.com", "name": "Ada", "country": "AT", "address": "Ring 1"},
        "lines": [{"name": "Tea", "quantity": 1, "unit_amount": {"amount": 1234, "currency": "EUR"}}],
    });
    let sent = opened(order);
    let sent = body(&sent);
    assert_eq!(
        sent["metadata"],
        json!({"orderId": ECHO, "hub_attempt": ECHO, "itemDesc": "Tea", "order_reference": "1001"})
    );
    assert_eq!(sent["additionalSearchTerms"], json!(["1001"]));
    assert_eq!(sent["checkout"]["defaultLanguage"], "de-AT");
    assert!(
        !sent.to_string().contains("Ada") && !sent.to_string().contains("ada@"),
        "nothing about the customer"
    );
}

#[test]
fn settings_go_into_the_checkout() {
    for (name, value, field, expected) in [
        ("speed_policy", "LowSpeed", "speedPolicy", json!("LowSpeed")),
        // As the operator's version writes them, 1.x or 2.x: nothing is checked against a list.
        ("payment_methods", "BTC-CHAIN,BTC-LN", "paymentMethods", json!(["BTC-CHAIN", "BTC-LN"])),
        (
            "payment_methods",
            " BTC , BTC-LightningNetwork,",
            "paymentMethods",
            json!(["BTC", "BTC-LightningNetwork"]),
        ),
        ("payment_methods", " , ", "paymentMethods", json!(null)),
        ("invoice_minutes", "15", "expirationMinutes", json!(15)),
        ("invoice_minutes", "1440", "expirationMinutes", json!(60)),
    ] {
        let sent = opened_by(with_setting(open(json!({})), name, json!(value)));
        assert_eq!(body(&sent)["checkout"].get(field).unwrap_or(&json!(null)), &expected, "{name} {value}");
    }
}

#[test]
fn a_price_stands_no_longer_than_the_intent() {
    // The operation was created at 22:13:20.
    for (minutes, expires_at, expected) in [
        ("30", "2023-11-14T23:13:20Z", 30),
        ("120", "2023-11-14T23:13:20Z", 60),
        ("30", "2023-11-14T22:18:50Z", 5),
        ("30", "2023-11-14T22:13:40Z", 1),
        ("30", "2023-11-14T22:00:00Z", 1),
    ] {
        let call = with_setting(open(json!({"expires_at": expires_at})), "invoice_minutes", json!(minutes));
        assert_eq!(
            body(&opened_by(call))["checkout"]["expirationMinutes"],
            expected,
            "{minutes} {expires_at}"
        );
    }
    for minutes in ["0", "-5", "17", "1441", "15 min", "1.5", "", "015"] {
        let said = reply(with_setting(open(json!({})), "invoice_minutes", json!(minutes)), vec![]);
        let Reply::Fault(Fault::CannotAsk { field, reason }) = said else { panic!("{minutes}: {said:?}") };
        assert_eq!(field, "settings.invoice_minutes");
        assert_eq!(reason, "must be one of: 5, 10, 15, 20, 30, 45, 60, 120, 1440");
    }
}

#[test]
fn texts_are_cut_and_ids_are_not() {
    let long = "ü".repeat(6000);
    let echo = "0123456789abcdefghij";
    let order = open(json!({"description": long, "order_reference": long}));
    let sent = opened_by(Call { echo: echo.to_owned(), ..order });
    let sent = body(&sent);
    let chars = |value: &Value| value.as_str().unwrap().chars().count();
    assert_eq!(
        (chars(&sent["metadata"]["itemDesc"]), chars(&sent["metadata"]["order_reference"])),
        (500, 200)
    );
    assert_eq!(chars(&sent["additionalSearchTerms"][0]), 200);
    assert_eq!(
        (&sent["metadata"]["orderId"], &sent["metadata"]["hub_attempt"]),
        (&json!(echo), &json!(echo))
    );
    for (locale, is_sent) in
        [("de", true), ("zh-Hant-TW", true), ("de_AT", false), ("", false), ("d\"e", false)]
    {
        let sent = opened(json!({"shopper": {"locale": locale}}));
        assert_eq!(body(&sent)["checkout"].get("defaultLanguage").is_some(), is_sent, "{locale}");
    }
    let longest = "a".repeat(36);
    assert!(
        body(&opened(json!({"shopper": {"locale": longest}})))["checkout"].get("defaultLanguage").is_none()
    );
}

#[test]
fn ids_from_outside_stay_inside_their_segment() {
    let mut fetch = refund_order("fetch_refund", json!({"id": "../server?x=1#y"}));
    let request = perform(fetch.clone(), vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(request.url, format!("{API}/pull-payments/..%2Fserver%3Fx%3D1%23y"));
    fetch = with_setting(fetch_payment(), "store_id", json!("S1/../S2"));
    let request = perform(fetch, vec![response(429, &json!({}))]).0.remove(0);
    assert_eq!(request.url, format!("{API}/stores/S1%2F..%2FS2/invoices/I1"));
}

#[test]
fn the_server_may_live_below_a_prefix() {
    for (base, expected) in [
        ("https://btcpay.example", "https://btcpay.example/api/v1/stores/S1/invoices/I1"),
        ("https://btcpay.example/", "https://btcpay.example/api/v1/stores/S1/invoices/I1"),
        ("https://shop.example/btcpay/", "https://shop.example/btcpay/api/v1/stores/S1/invoices/I1"),
        ("http://10.0.0.7:23000", "http://10.0.0.7:23000/api/v1/stores/S1/invoices/I1"),
    ] {
        let fetch = with_setting(fetch_payment(), "base_url", json!(base));
        let request = perform(fetch, vec![response(429, &json!({}))]).0.remove(0);
        assert_eq!(request.url, expected);
    }
}

/// Neither done nor refused: the hub finds out by itself.
#[test]
fn what_btcpay_does_not_say_is_no_verdict() {
    let fault = |status| Fault::Processor { status };
    let unreadable = |status: u16| Fault::unreadable(&format!("unexpected HTTP status {status}"));
    let slow = |seconds: &str| {
        let mut response = response(429, &json!({}));
        response.headers.push("Retry-After", seconds);
        response
    };
    let whole = || invoice("New", "None", json!({}));
    for (answer, expected) in [
        (refusal(401, "unauthenticated"), Fault::Credentials { status: 401 }),
        (refusal(403, "missing-permission"), Fault::Credentials { status: 403 }),
        (response(429, &json!({})), Fault::Throttled { retry_after_s: None }),
        (slow("3"), Fault::Throttled { retry_after_s: Some(3) }),
        (refusal(500, "x"), fault(500)),
        (refusal(503, "x"), fault(503)),
        (refusal(409, "x"), fault(409)),
        (response(400, &json!({})), unreadable(400)),
        (response(400, &json!([])), unreadable(400)),
        (response(400, &json!([{"path": "amount"}])), unreadable(400)),
        (response(400, &json!([{"path": "amount", "message": "Why."}, "x"])), unreadable(400)),
        (response(422, &json!({"code": "x"})), unreadable(422)),
        (response(404, &json!({"title": "Not Found", "status": 404})), unreadable(404)),
        (response(302, &json!({})), unreadable(302)),
        (ok(json!({})), Fault::unreadable("expected a text at /status")),
        (ok(without(whole(), "additionalStatus")), Fault::unreadable("expected a text at /additionalStatus")),
        (ok(without(whole(), "id")), Fault::unreadable("expected a text at /id")),
        (ok(without(whole(), "amount")), Fault::unreadable("expected a text at /amount")),
        (ok(without(whole(), "currency")), Fault::unreadable("expected a text at /currency")),
        (ok(without(whole(), "checkoutLink")), Fault::unreadable("expected a text at /checkoutLink")),
        (ok(without(whole(), "expirationTime")), Fault::unreadable("expected an integer at /expirationTime")),
    ] {
        let said = reply(open(json!({})), vec![answer.clone()]);
        assert_eq!(said, Reply::Fault(expected), "{answer:?}");
    }
}

#[test]
fn payments_that_are_not_shown_are_not_taken_for_none() {
    let over = || ok(invoice("Invalid", "None", json!({"paidAmount": "12.34"})));
    for methods in [
        json!([]),
        json!({}),
        json!(null),
        json!([{}]),
        json!([{"payments": null}]),
        json!([{"payments": [{}]}]),
    ] {
        let said = reply(fetch_payment(), vec![over(), ok(methods.clone())]);
        assert!(matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{methods}: {said:?}");
    }
    for answer in [refusal(404, "invoice-not-found"), refusal(500, "x"), refusal(403, "missing-permission")] {
        assert!(matches!(reply(fetch_payment(), vec![over(), answer]), Reply::Fault(_)));
    }
}

#[test]
fn only_btcpays_own_word_makes_a_thing_absent() {
    let absent = Reply::Answer(Answer::Absent);
    let by_echo = || Call { references: [].into(), ..fetch_payment() };
    let own = || refusal(404, "invoice-not-found");
    let cases: Vec<(Call, Vec<HttpResponse>, bool)> = vec![
        (fetch_payment(), vec![own()], true),
        (fetch_payment(), vec![refusal(404, "store-not-found")], false),
        (fetch_payment(), vec![refusal(400, "invoice-not-found")], false),
        (fetch_payment(), vec![response(404, &json!("Not Found"))], false),
        (by_echo(), vec![ok(json!([])), own()], true),
        // An empty list could come from anybody.
        (by_echo(), vec![ok(json!([])), response(404, &json!({}))], false),
        (by_echo(), vec![ok(json!([])), ok(json!([]))], false),
        (by_echo(), vec![ok(json!([])), ok(invoice("New", "None", json!({})))], false),
        (by_echo(), vec![ok(json!([{}]))], false),
        (
            by_echo(),
            vec![ok(json!([invoice("Settled", "None", json!({"metadata": {"orderId": "att11"}}))]))],
            true,
        ),
        (
            refund_order("fetch_refund", json!({"id": PULL})),
            vec![refusal(404, "pullpayment-not-found")],
            true,
        ),
        (refund_order("fetch_refund", json!({"id": PULL})), vec![own()], false),
        (refund_order("fetch_refund", json!({})), vec![ok(json!([])), own()], true),
        (refund_order("fetch_refund", json!({})), vec![ok(json!([])), refusal(404, "x")], false),
        (call(json!({"kind": "expire_checkout"})), vec![own()], true),
    ];
    for (call, responses, is_absent) in cases {
        let said = reply(call.clone(), responses.clone());
        assert_eq!(said == absent, is_absent, "{:?} {responses:?}: {said:?}", call.operation);
        assert!(is_absent || matches!(said, Reply::Fault(Fault::Unreadable { .. })), "{said:?}");
    }
}

#[test]
fn a_page_is_closed_only_while_it_waits() {
    let expire = || call(json!({"kind": "expire_checkout"}));
    let new = |changes: Value| invoice("New", "None", changes);
    let (requests, _) =
        perform(expire(), vec![ok(new(json!({}))), ok(invoice("Invalid", "Marked", json!({})))]);
    assert_eq!(requests[1].url, format!("{API}/stores/S1/invoices/I1/status"));
    assert_eq!(body(&requests[1]), &json!({"status": "Invalid"}));
    for (known, expected) in [
        (new(json!({"availableStatusesForManualMarking": ["Settled"]})), Word::Open),
        (new(json!({"availableStatusesForManualMarking": []})), Word::Open),
        (invoice("Processing", "None", json!({"paidAmount": "12.34"})), Word::Pending),
        (invoice("Settled", "None", json!({"paidAmount": "12.34"})), Word::Paid),
        (invoice("Expired", "None", json!({})), Word::Expired),
        (invoice("Invalid", "Marked", json!({})), Word::Expired),
        (invoice("Frozen", "None", json!({})), Word::Unknown("Frozen.None".to_owned())),
    ] {
        let (requests, reply) = perform(expire(), vec![ok(known)]);
        let Reply::Answer(Answer::Said { facts, .. }) = reply else { panic!("{reply:?}") };
        assert_eq!((requests.len(), facts.word), (1, Some(expected)));
    }
}

#[test]
fn what_btcpay_cannot_do_is_not_declared() {
    let unsupported = Reply::Fault(Fault::Unsupported);
    let amount = json!({"amount": 1234, "currency": "EUR"});
    for operation in [
        json!({"kind": "capture", "echo": "cap1", "amount": amount, "is_final": true}),
        json!({"kind": "void"}),
        json!({"kind": "complete_checkout", "return_parameters": []}),
        json!({"kind": "fetch_dispute", "id": "dp_1"}),
    ] {
        let call = call(operation);
        assert!(!BtcPay.descriptor().capabilities.supports(call.operation.kind()));
        assert_eq!(reply(call, vec![]), unsupported);
    }
}
