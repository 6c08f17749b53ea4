//! Mollie's objects as its API reference shows them, and questions carried to their end with prepared
//! responses.

use processor_mollie::Mollie;
use processor_sdk::conformance::{End, Host, Secrets, run_through};
use processor_sdk::{
    Answer, Bytes, Call, Delivery, Door, Facts, Headers, HttpRequest, HttpResponse, Item, ItemKind,
    ItemState, Notification, Question, Reply, RequestBody, Step, Word,
};
use serde_json::{Value, json};

pub(crate) const PAYMENT: &str = "tr_7UhSN1zuXS";
pub(crate) const ECHO: &str = "att1";
pub(crate) const WEBHOOK: &str = "https://hub.example/webhooks/mollie/secret";
/// The secret of the known answer.
pub(crate) const SECRET: &str = "whsec_test_mollie_0001";

pub(crate) fn eur(value: &str) -> Value {
    json!({"value": value, "currency": "EUR"})
}

pub(crate) fn payment(status: &str, changes: Value) -> Value {
    let payment = json!({
        "resource": "payment", "id": PAYMENT, "mode": "test", "status": status, "amount": eur("12.34"),
        "createdAt": "2023-11-14T22:13:20+00:00", "metadata": {"hub_attempt": ECHO}, "isCancelable": false,
        "expiresAt": "2023-11-14T22:28:20+00:00", "_embedded": {"refunds": [], "chargebacks": [], "captures": []},
        "_links": {"checkout": {"href": "https://www.mollie.com/checkout/select-method/7UhSN1zuXS"}},
    });
    changed(payment, changes)
}

/// A payment with what happened to it since.
pub(crate) fn with_history(status: &str, refunds: Value, disputes: Value, captures: Value) -> Value {
    let embedded = json!({"refunds": refunds, "chargebacks": disputes, "captures": captures});
    payment(status, json!({"_embedded": embedded}))
}

pub(crate) fn capture_object(status: &str, changes: Value) -> Value {
    let capture = json!({
        "resource": "capture", "id": "cpt_1", "status": status, "amount": eur("12.34"), "paymentId": PAYMENT,
        "metadata": {"hub_capture": "cap1"},
    });
    changed(capture, changes)
}

pub(crate) fn refund_object(status: &str, changes: Value) -> Value {
    let refund = json!({
        "resource": "refund", "id": "re_1", "status": status, "amount": eur("5.00"), "paymentId": PAYMENT,
        "metadata": {"hub_refund": "re1"},
    });
    changed(refund, changes)
}

pub(crate) fn dispute_object(changes: Value) -> Value {
    let dispute = json!({
        "resource": "chargeback", "id": "chb_1", "amount": eur("12.34"), "paymentId": PAYMENT,
        "reversedAt": null, "reason": null,
    });
    changed(dispute, changes)
}

pub(crate) fn changed(mut object: Value, changes: Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    object
}

pub(crate) fn without(mut object: Value, pointer: &str, name: &str) -> Value {
    let removed = object.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap().remove(name);
    assert!(removed.is_some(), "there is no {pointer}/{name}");
    object
}

pub(crate) fn response(status: u16, body: &Value) -> HttpResponse {
    HttpResponse { status, headers: Headers::default(), body: Bytes::from(body.to_string()) }
}

pub(crate) fn ok(body: Value) -> HttpResponse {
    response(200, &body)
}

pub(crate) fn refusal(status: u16, field: Option<&str>) -> HttpResponse {
    let error = json!({"status": status, "title": "Unprocessable Entity", "detail": "Why.", "field": field});
    response(status, &error)
}

pub(crate) fn list(name: &str, objects: &[Value], next: Option<&str>) -> HttpResponse {
    let next = next.map(|href| json!({"href": href, "type": "application/hal+json"}));
    ok(json!({"count": objects.len(), "_embedded": {name: objects}, "_links": {"next": next}}))
}

pub(crate) fn settings() -> Value {
    json!({"base_url": "https://api.mollie.com", "webhooks": "classic", "manual_methods": "creditcard"})
}

pub(crate) fn with_setting(mut call: Call, name: &str, value: &str) -> Call {
    call.settings.0.insert(name.to_owned(), json!(value));
    call
}

pub(crate) fn call(operation: Value) -> Call {
    let call = json!({
        "operation": operation, "key": "key1", "echo": ECHO, "amount": {"amount": 1234, "currency": "EUR"},
        "capture": "manual", "created_at": "2023-11-14T22:13:20Z", "livemode": false,
        "references": [{"kind": "payment", "id": PAYMENT}], "settings": settings(),
    });
    serde_json::from_value(call).unwrap()
}

/// The same of a payment whose first answer was lost.
pub(crate) fn unreferenced(call: Call) -> Call {
    Call { references: [].into(), ..call }
}

/// The same of a payment that was authorized.
pub(crate) fn of_authorized(mut call: Call) -> Call {
    call.references
        .insert(processor_sdk::Reference::new(processor_sdk::ReferenceKind::Authorization, PAYMENT));
    call
}

/// A checkout that was not opened before.
pub(crate) fn open(order: Value) -> Call {
    let operation = changed(
        json!({
            "kind": "open_checkout", "return_url": "https://hub.example/return/t",
            "cancel_url": "https://hub.example/return/t?cancel=1", "webhook_url": WEBHOOK,
            "expires_at": "2023-11-14T23:13:20Z",
        }),
        order,
    );
    Call { capture: processor_sdk::CaptureMode::Automatic, ..unreferenced(call(operation)) }
}

pub(crate) fn capture(amount: i64) -> Call {
    let amount = json!({"amount": amount, "currency": "EUR"});
    of_authorized(call(json!({"kind": "capture", "echo": "cap1", "amount": amount, "is_final": true})))
}

pub(crate) fn void() -> Call {
    of_authorized(call(json!({"kind": "void"})))
}

pub(crate) fn refund_order(kind: &str, changes: Value) -> Call {
    let order = json!({
        "kind": kind, "echo": "re1", "amount": {"amount": 500, "currency": "EUR"},
        "refunded_before": {"amount": 0, "currency": "EUR"},
    });
    call(changed(order, changes))
}

pub(crate) fn fetch_payment() -> Call {
    call(json!({"kind": "fetch_payment"}))
}

pub(crate) fn fetch_dispute() -> Call {
    call(json!({"kind": "fetch_dispute", "id": "chb_1"}))
}

/// Carries a question to its end: the requests that were sent, and the reply.
pub(crate) fn carry(question: Question, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Reply) {
    let secrets: Secrets = [("webhook_secret".to_owned(), SECRET.to_owned())].into();
    let host = Host { secrets: &secrets, recorded: None };
    let course = run_through(&Mollie, &question, &host, &mut |nth, request| {
        let response = responses.get(nth).cloned();
        assert!(response.is_some(), "a request too many: {} {}", request.method.as_str(), request.url);
        response
    });
    let requests: Vec<_> = course
        .transcript
        .into_iter()
        .filter_map(|exchange| match exchange.step {
            Step::Send(request) => Some(request),
            Step::Verify(_) | Step::Mac(_) => None,
        })
        .collect();
    assert_eq!(requests.len(), responses.len(), "a prepared response was not asked for");
    match course.end {
        End::Reply(reply) => (requests, reply),
        end => panic!("{end}"),
    }
}

pub(crate) fn perform(call: Call, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Reply) {
    carry(Question::Call(call), responses)
}

/// The reply to a call.
pub(crate) fn reply(call: Call, responses: Vec<HttpResponse>) -> Reply {
    perform(call, responses).1
}

/// The facts and the door that a call comes to.
pub(crate) fn said(call: Call, responses: Vec<HttpResponse>) -> (Facts, Option<Door>) {
    match reply(call, responses) {
        Reply::Answer(Answer::Said { facts, door }) => (facts, door),
        other => panic!("not facts: {other:?}"),
    }
}

/// The facts that a call comes to.
pub(crate) fn facts(call: Call, responses: Vec<HttpResponse>) -> Facts {
    said(call, responses).0
}

/// What is so about a payment.
pub(crate) fn fetched(payment: Value) -> Facts {
    facts(fetch_payment(), vec![ok(payment)])
}

pub(crate) fn word(payment: Value) -> Word {
    fetched(payment).word.unwrap()
}

/// The one item that is said.
pub(crate) fn item(facts: Facts) -> Item {
    assert_eq!(facts.items.len(), 1, "{:?}", facts.items);
    facts.items.into_iter().next().unwrap()
}

/// The body of a request.
pub(crate) fn body(request: &HttpRequest) -> &Value {
    let RequestBody::Json { value, .. } = &request.body else { panic!("not JSON: {:?}", request.body) };
    value
}

/// The body of the request that opens a checkout.
pub(crate) fn opened(call: Call) -> Value {
    body(&perform(call, vec![response(201, &payment("open", json!({})))]).0[0]).clone()
}

pub(crate) fn failed(kind: ItemKind, echo: &str, reason: &str) -> Item {
    let (echo, reason) = (Some(echo.to_owned()), Some(reason.to_owned()));
    Item { kind, id: None, echo, state: ItemState::Failed, amount: None, reason, at: None }
}

pub(crate) fn delivery(body: &str, changes: Value) -> Delivery {
    let delivery = json!({
        "channel": "webhook", "url": WEBHOOK, "query": [["hub_attempt", ECHO]],
        "headers": [["content-type", "application/x-www-form-urlencoded"]], "body": {"text": body},
        "received_at": "2023-11-14T22:20:01Z", "settings": settings(), "livemode": false,
    });
    serde_json::from_value(changed(delivery, changes)).unwrap()
}

/// What a delivery comes to. Nothing is sent to find out.
pub(crate) fn received(delivery: Delivery) -> Reply {
    let (requests, reply) = carry(Question::Delivery(delivery), vec![]);
    assert_eq!(requests, []);
    reply
}

pub(crate) fn notified(delivery: Delivery) -> Notification {
    match received(delivery) {
        Reply::Notifications(notifications) if notifications.len() == 1 => notifications[0].clone(),
        other => panic!("not one notification: {other:?}"),
    }
}
