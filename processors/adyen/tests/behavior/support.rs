//! A host that answers each request with the next prepared response and checks signatures with a made-up key,
//! and Adyen's objects as its API description shows them.

use processor_adyen::Adyen;
use processor_sdk::conformance::{End, Host, Secrets, mac, run_through};
use processor_sdk::{
    Answer, Bytes, Call, Delivery, Facts, Headers, HttpRequest, HttpResponse, Item, MacAlgorithm, MacRequest,
    Notification, Part, Question, Reply, RequestBody, Says, SecretRef, Step, TextEncoding,
};
use serde_json::{Value, json};

/// The event and the result as Adyen spells them.
pub(crate) const AUTHORIZATION: &str = "AUTHORISATION";
pub(crate) const ADJUSTMENT: &str = "AUTHORISATION_ADJUSTMENT";
pub(crate) const AUTHORIZED: &str = "Authorised";

pub(crate) const LINK: &str = "PL61C53A8B97E6915A";
pub(crate) const SESSION: &str = "CS451F2AB1ED897A94";
pub(crate) const PAYMENT: &str = "NC6HT9CRT65ZGN82";
pub(crate) const MODIFICATION: &str = "993617894906488A";
pub(crate) const ECHO: &str = "att1";
pub(crate) const ACCOUNT: &str = "HubTestECOM";
/// Made up: 32 bytes in hexadecimal digits.
pub(crate) const HMAC_KEY: &str = "0F2D4B69879A5C3E1D0B2F4D6B899A7C5E3F1D0B2A49688796B5C4D3E2F1A0B8";

pub(crate) fn secrets(hmac_key: &str) -> Secrets {
    [("hmac_key".to_owned(), hmac_key.to_owned())].into()
}

pub(crate) fn changed(mut object: Value, changes: Value) -> Value {
    object.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
    object
}

pub(crate) fn link(status: &str, changes: Value) -> Value {
    let link = json!({
        "id": LINK, "status": status, "reference": ECHO, "merchantAccount": ACCOUNT, "reusable": false,
        "amount": {"currency": "EUR", "value": 1234}, "expiresAt": "2023-11-14T23:13:20Z",
        "url": "https://test.adyen.link/PL61C53A8B97E6915A",
    });
    changed(link, changes)
}

pub(crate) fn new_session(changes: Value) -> Value {
    let session = json!({
        "id": SESSION, "reference": ECHO, "merchantAccount": ACCOUNT, "mode": "hosted",
        "amount": {"currency": "EUR", "value": 1234}, "expiresAt": "2023-11-15T00:13:20+01:00",
        "returnUrl": "https://hub.example/return/t", "sessionData": "Ab02b4c0!made-up",
        "url": "https://test.adyen.link/hosted/CS451F2AB1ED897A94",
    });
    changed(session, changes)
}

pub(crate) fn session_result(status: &str, changes: Value) -> Value {
    changed(json!({"id": SESSION, "status": status, "reference": ECHO}), changes)
}

pub(crate) fn authorized_payment(value: i64) -> Value {
    json!({
        "amount": {"currency": "EUR", "value": value}, "pspReference": PAYMENT, "resultCode": AUTHORIZED,
        "paymentMethod": {"brand": "visa", "type": "scheme"},
    })
}

pub(crate) fn modification(changes: Value) -> Value {
    let modification = json!({
        "merchantAccount": ACCOUNT, "paymentPspReference": PAYMENT, "pspReference": MODIFICATION,
        "reference": "att1-re1", "status": "received", "amount": {"currency": "EUR", "value": 500},
    });
    changed(modification, changes)
}

pub(crate) fn response(status: u16, body: &Value) -> HttpResponse {
    HttpResponse { status, headers: Headers::default(), body: Bytes::from(body.to_string()) }
}

pub(crate) fn ok(body: Value) -> HttpResponse {
    response(201, &body)
}

pub(crate) fn error(status: u16, kind: &str, code: &str) -> HttpResponse {
    response(
        status,
        &json!({"status": status, "errorCode": code, "errorType": kind, "message": "Why.",
            "pspReference": "8816118280275544"}),
    )
}

pub(crate) fn call(operation: Value) -> Call {
    let call = json!({
        "operation": operation, "key": "key1", "echo": ECHO, "amount": {"amount": 1234, "currency": "EUR"},
        "capture": "manual", "created_at": "2023-11-14T22:13:20Z", "livemode": false,
        "references": [{"kind": "session", "id": LINK}, {"kind": "payment", "id": PAYMENT}],
        "settings": {"base_url": "https://checkout-test.adyen.com/v72", "merchant_account": ACCOUNT,
            "checkout_flow": "payment_link"},
    });
    serde_json::from_value(call).unwrap()
}

pub(crate) fn with_setting(mut call: Call, name: &str, value: &str) -> Call {
    call.settings.0.insert(name.to_owned(), value.into());
    call
}

pub(crate) fn with_references(call: Call, references: Value) -> Call {
    Call { references: serde_json::from_value(references).unwrap(), ..call }
}

/// A checkout that was not opened before.
pub(crate) fn open(order: Value) -> Call {
    let operation = changed(
        json!({
            "kind": "open_checkout", "return_url": "https://hub.example/return/t",
            "cancel_url": "https://hub.example/return/t?cancel=1",
            "webhook_url": "https://hub.example/webhooks/adyen", "expires_at": "2023-11-14T23:13:20Z",
        }),
        order,
    );
    with_references(call(operation), json!([]))
}

/// The same as a hosted session.
pub(crate) fn open_session(order: Value) -> Call {
    with_setting(open(order), "checkout_flow", "hosted_session")
}

pub(crate) fn capture(amount: i64) -> Call {
    let amount = json!({"amount": amount, "currency": "EUR"});
    call(json!({"kind": "capture", "echo": "cap1", "amount": amount, "is_final": true}))
}

pub(crate) fn refund(changes: Value) -> Call {
    let order = json!({
        "kind": "refund", "echo": "re1", "amount": {"amount": 500, "currency": "EUR"},
        "refunded_before": {"amount": 0, "currency": "EUR"},
    });
    call(changed(order, changes))
}

pub(crate) fn void() -> Call {
    call(json!({"kind": "void"}))
}

/// A look-up of a link whose payment no webhook has named.
pub(crate) fn fetch_payment() -> Call {
    with_references(call(json!({"kind": "fetch_payment"})), json!([{"kind": "session", "id": LINK}]))
}

/// A shopper back from a hosted session.
pub(crate) fn returned(parameters: Value) -> Call {
    let call = call(json!({"kind": "complete_checkout", "return_parameters": parameters}));
    with_references(call, json!([{"kind": "session", "id": SESSION}]))
}

/// Carries a question to its end: the requests that were sent, and the reply.
pub(crate) fn carry(question: Question, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Reply) {
    let (secrets, mut left) = (secrets(HMAC_KEY), responses.into_iter());
    let host = Host { secrets: &secrets, recorded: None };
    let course = run_through(&Adyen, &question, &host, &mut |_, _| left.next());
    assert_eq!(left.next(), None, "a prepared response was not asked for");
    let sent = course.transcript.into_iter().filter_map(|exchange| match exchange.step {
        Step::Send(request) => Some(request),
        Step::Verify(_) => None,
        Step::Mac(_) => panic!("Adyen wants no digest"),
    });
    match course.end {
        End::Reply(reply) => (sent.collect(), reply),
        other => panic!("{other}"),
    }
}

pub(crate) fn perform(call: Call, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Reply) {
    carry(Question::Call(call), responses)
}

/// The reply to a call.
pub(crate) fn reply(call: Call, responses: Vec<HttpResponse>) -> Reply {
    perform(call, responses).1
}

/// The facts that a call comes to.
pub(crate) fn facts(call: Call, responses: Vec<HttpResponse>) -> Facts {
    match reply(call, responses) {
        Reply::Answer(Answer::Said { facts, .. }) => facts,
        other => panic!("not facts: {other:?}"),
    }
}

/// The JSON body of a request.
pub(crate) fn body(request: &HttpRequest) -> &Value {
    match &request.body {
        RequestBody::Json { value, .. } => value,
        other => panic!("not JSON: {other:?}"),
    }
}

/// The body that a call sends first.
pub(crate) fn sent(call: Call, response: Value) -> Value {
    body(&perform(call, vec![ok(response)]).0[0]).clone()
}

/// An item about the payment itself, not signed yet.
pub(crate) fn item(code: &str, success: &str, changes: Value) -> Value {
    let item = json!({
        "additionalData": {}, "amount": {"currency": "EUR", "value": 1234}, "eventCode": code,
        "eventDate": "2023-11-14T23:20:00+01:00", "merchantAccountCode": ACCOUNT, "merchantReference": ECHO,
        "paymentMethod": "visa", "pspReference": PAYMENT, "reason": "", "success": success,
    });
    changed(item, changes)
}

/// An item about something done to the payment.
pub(crate) fn done(code: &str, success: &str, reference: &str) -> Value {
    let changes = json!({"pspReference": MODIFICATION, "originalReference": PAYMENT,
        "merchantReference": reference, "amount": {"currency": "EUR", "value": 500}});
    item(code, success, changes)
}

/// The text that Adyen signs, written down from its documentation.
pub(crate) fn signed_text(item: &Value) -> String {
    let text = |pointer: &str| match item.pointer(pointer) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Number(number)) => number.to_string(),
        _ => String::new(),
    };
    format!(
        "{}:{}:{}:{}:{}:{}:{}:{}",
        text("/pspReference"),
        text("/originalReference"),
        text("/merchantAccountCode"),
        text("/merchantReference"),
        text("/amount/value"),
        text("/amount/currency"),
        text("/eventCode"),
        text("/success")
    )
}

/// The signature of an item under a key in hexadecimal digits.
pub(crate) fn signature(item: &Value, hmac_key: &str) -> String {
    let request = MacRequest {
        algorithm: MacAlgorithm::HmacSha256,
        key: Some(SecretRef::named("hmac_key").hex()),
        over: vec![Part::text(signed_text(item))],
        encoding: TextEncoding::Base64,
    };
    mac(&request, None, &secrets(hmac_key)).unwrap()
}

/// The item with a signature in its place.
pub(crate) fn with_signature(mut item: Value, signature: &str) -> Value {
    item["additionalData"]["hmacSignature"] = signature.into();
    item
}

pub(crate) fn signed(item: Value) -> Value {
    let signature = signature(&item, HMAC_KEY);
    with_signature(item, &signature)
}

/// A delivery of items as they are.
pub(crate) fn delivery(items: &[Value]) -> Delivery {
    let items: Vec<_> = items.iter().map(|item| json!({"NotificationRequestItem": item})).collect();
    let body = json!({"live": "false", "notificationItems": items}).to_string();
    let delivery = json!({
        "channel": "webhook", "url": "https://hub.example/webhooks/adyen", "headers": [],
        "body": {"text": body}, "received_at": "2023-11-14T22:20:01Z", "livemode": false,
        "settings": {"base_url": "https://checkout-test.adyen.com/v72", "merchant_account": ACCOUNT},
    });
    serde_json::from_value(delivery).unwrap()
}

/// What a delivery comes to.
pub(crate) fn received(delivery: Delivery) -> Reply {
    carry(Question::Delivery(delivery), vec![]).1
}

/// What the items of a delivery say, each rightly signed.
pub(crate) fn notified(items: Vec<Value>) -> Vec<Notification> {
    let items: Vec<_> = items.into_iter().map(signed).collect();
    match received(delivery(&items)) {
        Reply::Notifications(notifications) => notifications,
        other => panic!("{other:?}"),
    }
}

/// What one item says, rightly signed.
pub(crate) fn notification(item: Value) -> Notification {
    let mut notifications = notified(vec![item]);
    assert_eq!(notifications.len(), 1);
    notifications.remove(0)
}

/// The facts that one item states, rightly signed.
pub(crate) fn said(item: Value) -> Facts {
    match notification(item).says {
        Says::Facts(facts) => facts,
        other => panic!("not facts: {other:?}"),
    }
}

/// The one item of facts.
pub(crate) fn only(facts: &Facts) -> &Item {
    assert_eq!(facts.items.len(), 1, "{facts:?}");
    &facts.items[0]
}
