//! What is sent: in the schema's order, to the right address, within Authorize.Net's limits.
//!
//! The orders are those of the published schema (`AnetApiSchema.xsd`).

use std::path::Path;

use processor_authorizenet::AuthorizeNet;
use processor_sdk::conformance::{Fixture, SubjectFile};
use processor_sdk::{Adapter, Call, CaptureMode, HttpRequest, RequestBody, Step};
use serde_json::{Value, json};

use crate::support::*;

/// The fields of each object that is sent, in the schema's order, as far as we may use them.
const ORDERS: [(&str, &str); 16] = [
    ("getHostedPaymentPageRequest", "merchantAuthentication refId transactionRequest hostedPaymentSettings"),
    ("createTransactionRequest", "merchantAuthentication refId transactionRequest"),
    ("getTransactionDetailsRequest", "merchantAuthentication refId transId"),
    ("getUnsettledTransactionListRequest", "merchantAuthentication refId status sorting paging"),
    (
        "getSettledBatchListRequest",
        "merchantAuthentication refId includeStatistics firstSettlementDate lastSettlementDate",
    ),
    ("getTransactionListRequest", "merchantAuthentication refId batchId sorting paging"),
    ("merchantAuthentication", "name transactionKey"),
    (
        "transactionRequest",
        "transactionType amount currencyCode payment profile solution callId terminalNumber authCode refTransId \
         splitTenderId order lineItems tax duty shipping taxExempt poNumber customer billTo shipTo customerIP \
         cardholderAuthentication retail employeeId transactionSettings userFields",
    ),
    ("payment", "creditCard"),
    ("creditCard", "cardNumber expirationDate cardCode"),
    ("order", "invoiceNumber description"),
    ("customer", "type id email"),
    ("transactionSettings", "setting"),
    ("hostedPaymentSettings", "setting"),
    ("sorting", "orderBy orderDescending"),
    ("paging", "limit offset"),
];

/// Checks one object and all that it holds. `name` is what it is called where it stands.
fn check_order(name: &str, object: &Value) {
    if let Value::Array(items) = object {
        for item in items {
            let fields: Vec<_> = item.as_object().unwrap().keys().collect();
            assert_eq!(fields, ["settingName", "settingValue"], "{name}");
        }
        return;
    }
    let Value::Object(fields) = object else { return };
    let (_, order) = ORDERS.iter().find(|(known, _)| *known == name).unwrap_or_else(|| panic!("{name}"));
    let order: Vec<_> = order.split_whitespace().collect();
    let mut last = 0;
    for (field, value) in fields {
        let place = order.iter().position(|known| known == field).unwrap_or_else(|| panic!("{name}.{field}"));
        assert!(place >= last, "{name}.{field} stands too late");
        last = place;
        check_order(field, value);
    }
}

fn requests_of(fixture: &Fixture) -> impl Iterator<Item = &HttpRequest> {
    fixture.transcript.iter().filter_map(|exchange| match &exchange.step {
        Step::Send(request) => Some(request),
        Step::Mac(_) | Step::Verify(_) => None,
    })
}

/// Every request of every fixture: the root, its credentials, and every field below in the schema's order.
#[test]
fn everything_is_sent_in_the_schemas_order() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    assert!(SubjectFile::read_folder(&folder).is_ok());
    let mut seen = std::collections::BTreeSet::new();
    for fixture in Fixture::read_folder(&folder).unwrap() {
        for request in requests_of(&fixture) {
            let root = body(request).as_object().unwrap();
            assert_eq!(root.len(), 1, "{}", fixture.name);
            let (name, content) = root.iter().next().unwrap();
            seen.insert(name.clone());
            check_order(name, content);
            let RequestBody::Json { secrets, .. } = &request.body else { panic!() };
            let places =
                ["name", "transactionKey"].map(|field| format!("/{name}/merchantAuthentication/{field}"));
            assert!(secrets.keys().eq(places.iter()), "{}", fixture.name);
            assert_eq!(content["merchantAuthentication"], json!({"name": null, "transactionKey": null}));
        }
    }
    assert_eq!(seen.len(), 6, "{seen:?}");
}

fn page(call: Call) -> Value {
    let (requests, _) = perform(call, vec![error("E00053")]);
    body(&requests[0])["getHostedPaymentPageRequest"].clone()
}

fn setting(page: &Value, name: &str) -> Value {
    let settings = page["hostedPaymentSettings"]["setting"].as_array().unwrap();
    let found: Vec<_> = settings.iter().filter(|setting| setting["settingName"] == name).collect();
    assert_eq!(found.len(), 1, "{name}");
    serde_json::from_str(found[0]["settingValue"].as_str().unwrap()).unwrap()
}

#[test]
fn a_page_is_asked_for() {
    let page = page(open(json!({"description": "Teapot", "customer": {"email": "a@example.org"}})));
    assert_eq!(page["refId"], ECHO);
    assert_eq!(
        page["transactionRequest"],
        json!({
            "transactionType": "authCaptureTransaction", "amount": "12.34", "currencyCode": "USD",
            "order": {"invoiceNumber": ECHO, "description": "Teapot"}, "customer": {"email": "a@example.org"},
        })
    );
    // A setting's value is a JSON document inside a text.
    assert_eq!(
        setting(&page, "hostedPaymentReturnOptions"),
        json!({
            "showReceipt": false, "url": "https://hub.example/return/t", "urlText": "Continue",
            "cancelUrl": "https://hub.example/return/t?cancel=1&x=y", "cancelUrlText": "Cancel",
        })
    );
    let methods = setting(&page, "hostedPaymentPaymentOptions");
    assert_eq!(methods, json!({"cardCodeRequired": true, "showCreditCard": true, "showBankAccount": false}));
}

#[test]
fn a_manual_capture_only_authorizes() {
    for (capture, expected) in
        [(CaptureMode::Automatic, "authCaptureTransaction"), (CaptureMode::Manual, "authOnlyTransaction")]
    {
        let page = page(Call { capture, ..open(json!({})) });
        assert_eq!(page["transactionRequest"]["transactionType"], expected);
    }
}

#[test]
fn texts_are_cut_and_ids_are_not() {
    let order = |changes| page(open(changes))["transactionRequest"]["order"].clone();
    let long = "ü".repeat(300);
    for (description, expected) in [
        (json!(long), json!("ü".repeat(255))),
        (json!("a\u{0}b\r\nc\u{7f}"), json!("abc")),
        (json!("</order> & \"more\""), json!("</order> & \"more\"")),
        (json!(" \t"), Value::Null),
        (json!(null), Value::Null),
    ] {
        assert_eq!(order(json!({ "description": description }))["description"], expected);
    }
    // The longest echo there is, whole: it fits the limit of an invoice number exactly.
    let echo = "0123456789abcdefghij";
    let page = page(Call { echo: echo.to_owned(), ..open(json!({})) });
    assert_eq!(
        (page["refId"].as_str(), page["transactionRequest"]["order"]["invoiceNumber"].as_str()),
        (Some(echo), Some(echo))
    );
}

#[test]
fn an_address_that_is_none_is_left_out() {
    for (email, is_sent) in [
        ("a@example.org", true),
        ("a.b+c@shop.example.org", true),
        ("a@localhost", false),
        ("a@.org", false),
        ("a@example.", false),
        ("@example.org", false),
        ("a@b@example.org", false),
        ("a b@example.org", false),
        ("A <a@example.org>", false),
        ("ä@example.org", false),
        ("", false),
    ] {
        let page = page(open(json!({"customer": {"email": email}})));
        assert_eq!(page["transactionRequest"].get("customer").is_some(), is_sent, "{email}");
    }
    let long = format!("{}@example.org", "a".repeat(250));
    assert_eq!(page(open(json!({"customer": {"email": long}})))["transactionRequest"].get("customer"), None);
}

#[test]
fn addresses_follow_the_mode_and_the_operator() {
    let own = json!({"base_url": "https://anet.example/", "checkout_url": "http://127.0.0.1:9/"});
    for (livemode, more, api, pages) in [
        (false, json!({}), "https://apitest.authorize.net", "https://test.authorize.net"),
        (true, json!({}), "https://api.authorize.net", "https://accept.authorize.net"),
        (false, own.clone(), "https://anet.example", "http://127.0.0.1:9"),
        (true, own, "https://anet.example", "http://127.0.0.1:9"),
    ] {
        let settings = serde_json::from_value(changed(settings(), more)).unwrap();
        let call = Call { livemode, settings, ..open(json!({})) };
        let (requests, reply) = perform(call, vec![ok(json!({"token": "t"}))]);
        assert_eq!(requests[0].url, format!("{api}/xml/v1/request.api"));
        let reply = serde_json::to_value(reply).unwrap();
        let door = &reply["answer"]["said"]["door"];
        assert_eq!(door["url"], format!("{pages}/payment/payment"));
        assert_eq!((&door["kind"], &door["fields"]), (&json!("form"), &json!([["token", "t"]])));
    }
}

fn order(call: Call, before: Vec<processor_sdk::HttpResponse>) -> Value {
    let responses = before.into_iter().chain([error("E00001")]).collect();
    let (requests, _) = perform(call, responses);
    body(requests.last().unwrap())["createTransactionRequest"].clone()
}

#[test]
fn orders_about_money() {
    let sent = order(capture(700), vec![]);
    let content =
        json!({"transactionType": "priorAuthCaptureTransaction", "amount": "7.00", "refTransId": ID});
    assert_eq!((&sent["refId"], &sent["transactionRequest"]), (&json!("cap1"), &content));

    let sent = order(void(), vec![]);
    let content = json!({"transactionType": "voidTransaction", "refTransId": ID});
    assert_eq!((&sent["refId"], &sent["transactionRequest"]), (&json!(ECHO), &content));

    let refunding = refund_order("refund", 500, json!({"reason": "Lid broken"}));
    let sent = order(refunding, vec![payment("settledSuccessfully", json!({}))]);
    let content = json!({
        "transactionType": "refundTransaction", "amount": "5.00", "currencyCode": "USD",
        "payment": {"creditCard": {"cardNumber": "1111", "expirationDate": "XXXX"}}, "refTransId": ID,
        "order": {"invoiceNumber": "re1", "description": "Lid broken"},
        "transactionSettings": {"setting": [{"settingName": "duplicateWindow", "settingValue": "28800"}]},
    });
    assert_eq!((&sent["refId"], &sent["transactionRequest"]), (&json!("re1"), &content));
}

/// Only orders can move money; whatever else is posted is listed as a read, by what its body begins with.
#[test]
fn reads_are_listed() {
    let reads = AuthorizeNet.descriptor().reads;
    let is_read = |request: &HttpRequest| {
        let text = body(request).to_string();
        reads.iter().any(|rule| {
            rule.path_prefix == "/xml/v1/request.api"
                && rule.body_prefix.as_ref().is_some_and(|prefix| text.starts_with(prefix))
        })
    };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures");
    for fixture in Fixture::read_folder(&folder).unwrap() {
        for request in requests_of(&fixture) {
            let is_order = body(request).get("createTransactionRequest").is_some();
            assert_eq!(is_read(request), !is_order, "{}", fixture.name);
        }
    }
}
