//! Questions with prepared responses, and PayPal's objects as its published
//! API descriptions show them.

use processor_paypal::PayPal;
use processor_sdk::conformance::rehearse;
use processor_sdk::{
    Answer, Bytes, Call, Delivery, Door, Facts, Headers, HttpRequest, HttpResponse, Item, ItemKind,
    ItemState, Notification, Question, Reply, RequestBody,
};
use serde_json::{Value, json};

pub(crate) const ORDER: &str = "6AB54321KL098765M";
pub(crate) const AUTHORIZATION: &str = "7CD65432MN109876P";
pub(crate) const CAPTURE: &str = "8EF76543PQ210987R";
pub(crate) const REFUND: &str = "9GH87654RS321098T";
pub(crate) const DISPUTE: &str = "PP-R-ABC-10203040";
pub(crate) const ECHO: &str = "att1";
pub(crate) const MADE_AT: &str = "2023-11-14T22:13:25Z";
pub(crate) const UPDATED_AT: &str = "2023-11-14T22:15:00Z";

pub(crate) fn money(value: &str) -> Value {
    json!({"currency_code": "EUR", "value": value})
}

/// An order that somebody has touched since it was made.
pub(crate) fn order(status: &str, payments: Value) -> Value {
    let link = |rel: &str, href: &str| json!({"rel": rel, "href": href, "method": "GET"});
    json!({
        "id": ORDER, "intent": "CAPTURE", "status": status, "create_time": MADE_AT, "update_time": UPDATED_AT,
        "purchase_units": [{
            "reference_id": "default", "custom_id": ECHO, "amount": money("12.34"), "payments": payments,
        }],
        "links": [
            link("self", &format!("https://api-m.sandbox.paypal.com/v2/checkout/orders/{ORDER}")),
            link("payer-action", &format!("https://www.sandbox.paypal.com/checkoutnow?token={ORDER}")),
        ],
    })
}

pub(crate) fn authorization(status: &str, changes: Value) -> Value {
    let authorization = json!({
        "id": AUTHORIZATION, "status": status, "amount": money("12.34"), "custom_id": ECHO,
        "expiration_time": "2023-12-13T22:15:00Z",
    });
    changed(authorization, changes)
}

pub(crate) fn capture(status: &str, changes: Value) -> Value {
    let capture = json!({
        "id": CAPTURE, "status": status, "amount": money("12.34"), "custom_id": ECHO, "final_capture": true,
    });
    changed(capture, changes)
}

pub(crate) fn refund(status: &str, changes: Value) -> Value {
    let up = format!("https://api-m.sandbox.paypal.com/v2/payments/captures/{CAPTURE}");
    let refund = json!({
        "id": REFUND, "status": status, "amount": money("5.00"), "custom_id": "re1", "invoice_id": "re1",
        "links": [{"rel": "up", "href": up, "method": "GET"}],
    });
    changed(refund, changes)
}

pub(crate) fn dispute(status: &str, outcome: Option<&str>) -> Value {
    let dispute = json!({
        "dispute_id": DISPUTE, "status": status, "reason": "UNAUTHORISED", "dispute_amount": money("12.34"),
        "create_time": "2023-11-20T10:00:00Z", "update_time": "2023-11-21T10:00:00Z",
        "disputed_transactions": [{"seller_transaction_id": CAPTURE, "gross_amount": money("12.34")}],
    });
    match outcome {
        Some(code) => changed(dispute, json!({"dispute_outcome": {"outcome_code": code}})),
        None => dispute,
    }
}

/// An order of which one capture was made.
pub(crate) fn paid(capture: Value) -> Value {
    order("COMPLETED", json!({"captures": [capture]}))
}

pub(crate) fn changed(mut object: Value, changes: Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    object
}

pub(crate) fn without(mut object: Value, pointer: &str, name: &str) -> Value {
    object.pointer_mut(pointer).and_then(Value::as_object_mut).unwrap().remove(name).unwrap();
    object
}

pub(crate) fn response(status: u16, body: &Value) -> HttpResponse {
    HttpResponse { status, headers: Headers::default(), body: Bytes::from(body.to_string()) }
}

pub(crate) fn ok(body: Value) -> HttpResponse {
    response(200, &body)
}

pub(crate) fn refusal(issue: &str) -> HttpResponse {
    error(422, "UNPROCESSABLE_ENTITY", issue)
}

pub(crate) fn error(status: u16, name: &str, issue: &str) -> HttpResponse {
    let details = json!([{"issue": issue, "description": "Why."}]);
    response(status, &json!({"name": name, "message": "Why.", "debug_id": "f57a1b2c", "details": details}))
}

pub(crate) fn absent() -> HttpResponse {
    error(404, "RESOURCE_NOT_FOUND", "INVALID_RESOURCE_ID")
}

pub(crate) fn call(operation: Value) -> Call {
    let call = json!({
        "operation": operation, "key": "key1", "echo": ECHO, "amount": {"amount": 1234, "currency": "EUR"},
        "capture": "automatic", "created_at": "2023-11-14T22:13:20Z", "livemode": false,
        "references": [
            {"kind": "order", "id": ORDER}, {"kind": "authorization", "id": AUTHORIZATION},
            {"kind": "capture", "id": CAPTURE},
        ],
        "settings": {"client_id": "client1"},
    });
    serde_json::from_value(call).unwrap()
}

/// A checkout that was not opened before.
pub(crate) fn open(order: Value) -> Call {
    let operation = changed(
        json!({
            "kind": "open_checkout", "return_url": "https://hub.example/return/t",
            "cancel_url": "https://hub.example/return/t?canceled=1",
            "webhook_url": "https://hub.example/webhooks/paypal/s", "expires_at": "2023-11-14T23:13:20Z",
        }),
        order,
    );
    Call { references: [].into(), ..call(operation) }
}

pub(crate) fn complete() -> Call {
    call(json!({"kind": "complete_checkout", "return_parameters": []}))
}

pub(crate) fn capture_order(minor: i64, is_final: bool) -> Call {
    let amount = json!({"amount": minor, "currency": "EUR"});
    let order = json!({"kind": "capture", "echo": "cap1", "amount": amount, "is_final": is_final});
    Call { capture: processor_sdk::CaptureMode::Manual, ..call(order) }
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

/// Carries a question to its end: the requests that were sent, and the reply.
pub(crate) fn carry(question: Question, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Reply) {
    rehearse(&PayPal, question, responses).unwrap_or_else(|why| panic!("{why}"))
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

/// What is so about a payment, as its order shows it.
pub(crate) fn fetched(order: Value) -> Facts {
    facts(fetch_payment(), vec![ok(order)])
}

/// The path of a request at the sandbox.
pub(crate) fn path(request: &HttpRequest) -> &str {
    request.url.strip_prefix("https://api-m.sandbox.paypal.com").unwrap()
}

/// The JSON body of a request.
pub(crate) fn body(request: &HttpRequest) -> &Value {
    let RequestBody::Json { value, .. } = &request.body else { panic!("not JSON: {:?}", request.body) };
    value
}

pub(crate) fn failed(kind: ItemKind, echo: &str, reason: &str) -> Item {
    Item {
        kind,
        id: None,
        echo: Some(echo.to_owned()),
        state: ItemState::Failed,
        amount: None,
        reason: Some(reason.to_owned()),
        at: None,
    }
}

pub(crate) fn event(kind: &str, resource: Value) -> Value {
    json!({
        "id": "WH-1", "event_version": "1.0", "create_time": "2023-11-14T22:15:01Z", "resource_version": "2.0",
        "event_type": kind, "summary": "Something happened", "resource": resource,
    })
}

pub(crate) fn delivery(body: &str) -> Delivery {
    let delivery = json!({
        "channel": "webhook", "url": "https://hub.example/webhooks/paypal/s", "headers": [],
        "body": {"text": body}, "received_at": "2023-11-14T22:20:01Z", "livemode": false,
        "settings": {"client_id": "client1"},
    });
    serde_json::from_value(delivery).unwrap()
}

/// What an event says, and what was asked to find out.
pub(crate) fn notified(event: &Value, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Vec<Notification>) {
    match carry(Question::Delivery(delivery(&event.to_string())), responses) {
        (requests, Reply::Notifications(notifications)) => (requests, notifications),
        (_, other) => panic!("{other:?}"),
    }
}
