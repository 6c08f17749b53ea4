//! Questions with prepared responses, and Square's objects as its
//! published API description shows them.

use processor_sdk::conformance::rehearse;
use processor_sdk::{
    Answer, Bytes, Call, Delivery, Facts, Headers, HttpRequest, HttpResponse, Notification, Question, Reply,
    RequestBody, Word,
};
use processor_square::Square;
use serde_json::{Value, json};

pub(crate) const SANDBOX: &str = "https://connect.squareupsandbox.com";
pub(crate) const LINK: &str = "LINK1";
pub(crate) const ORDER: &str = "order1";
pub(crate) const PAYMENT: &str = "payment1";
pub(crate) const REFUND: &str = "payment1_refund1";
pub(crate) const ECHO: &str = "att1";
pub(crate) const NOTE: &str = "hub_attempt=att1; total=1234";

pub(crate) fn money(amount: i64) -> Value {
    json!({"amount": amount, "currency": "USD"})
}

pub(crate) fn order(state: &str, changes: Value) -> Value {
    let order = json!({
        "id": ORDER, "location_id": "L1", "reference_id": ECHO, "state": state, "version": 1,
        "metadata": {"hub_attempt": ECHO}, "total_money": money(1234),
    });
    changed(order, changes)
}

/// An order that names payments.
pub(crate) fn order_of(state: &str, payments: &[&Value]) -> Value {
    let tender = |payment: &&Value| json!({"id": payment["id"], "type": "CARD", "payment_id": payment["id"]});
    order(state, json!({"tenders": payments.iter().map(tender).collect::<Vec<_>>()}))
}

pub(crate) fn payment(status: &str, changes: Value) -> Value {
    let payment = json!({
        "id": PAYMENT, "status": status, "order_id": ORDER, "location_id": "L1", "source_type": "CARD",
        "amount_money": money(1234), "total_money": money(1234), "note": NOTE,
        "created_at": "2023-11-14T22:14:00Z", "updated_at": "2023-11-14T22:15:00.5Z",
    });
    changed(payment, changes)
}

pub(crate) fn failed_payment(code: &str) -> Value {
    let error = json!({"category": "PAYMENT_METHOD_ERROR", "code": code, "detail": "Why."});
    payment("FAILED", json!({"card_details": {"status": "FAILED", "errors": [error]}}))
}

pub(crate) fn refund(status: &str, changes: Value) -> Value {
    let refund = json!({
        "id": REFUND, "status": status, "amount_money": money(500), "payment_id": PAYMENT,
        "reason": "hub_refund=re1", "created_at": "2023-11-14T22:16:00Z",
        "updated_at": "2023-11-14T22:17:00Z",
    });
    changed(refund, changes)
}

pub(crate) fn dispute(state: &str) -> Value {
    json!({
        "id": "dispute1", "state": state, "amount_money": money(1234), "reason": "NO_KNOWLEDGE",
        "disputed_payment": {"payment_id": PAYMENT}, "updated_at": "2023-11-14T22:18:00Z",
    })
}

pub(crate) fn link(changes: Value) -> Value {
    let link = json!({
        "id": LINK, "version": 1, "order_id": ORDER, "url": "https://sandbox.square.link/u/x",
        "long_url": "https://checkout.square.site/x", "created_at": "2023-11-14T22:13:20Z",
    });
    changed(link, changes)
}

/// The answer to a new link.
pub(crate) fn made(order: Value) -> HttpResponse {
    ok(json!({"payment_link": link(json!({})), "related_resources": {"orders": [order]}}))
}

pub(crate) fn changed(mut object: Value, changes: Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    object
}

pub(crate) fn response(status: u16, body: &Value) -> HttpResponse {
    HttpResponse { status, headers: Headers::default(), body: Bytes::from(body.to_string()) }
}

pub(crate) fn ok(body: Value) -> HttpResponse {
    response(200, &body)
}

/// An answer that holds one object under its name.
pub(crate) fn one(name: &str, object: Value) -> HttpResponse {
    ok(json!({name: object}))
}

pub(crate) fn refusal(status: u16, category: &str, code: &str) -> HttpResponse {
    response(status, &json!({"errors": [{"category": category, "code": code, "detail": "Why."}]}))
}

pub(crate) fn not_found() -> HttpResponse {
    refusal(404, "INVALID_REQUEST_ERROR", "NOT_FOUND")
}

pub(crate) fn call(operation: Value) -> Call {
    let call = json!({
        "operation": operation, "key": "key1", "echo": ECHO, "amount": {"amount": 1234, "currency": "USD"},
        "capture": "automatic", "created_at": "2023-11-14T22:13:20Z", "livemode": false,
        "references": [{"kind": "order", "id": ORDER}, {"kind": "session", "id": LINK}],
        "settings": {"location_id": "L1"},
    });
    serde_json::from_value(call).unwrap()
}

/// A checkout that was not opened before.
pub(crate) fn open(order: Value) -> Call {
    Call { references: [].into(), ..reopen(order) }
}

pub(crate) fn reopen(order: Value) -> Call {
    call(changed(
        json!({
            "kind": "open_checkout", "return_url": "https://hub.example/return/t",
            "cancel_url": "https://hub.example/return/t?cancel=1",
            "webhook_url": "https://hub.example/webhooks/square", "expires_at": "2023-11-14T23:13:20Z",
        }),
        order,
    ))
}

pub(crate) fn expire() -> Call {
    call(json!({"kind": "expire_checkout"}))
}

pub(crate) fn fetch_payment() -> Call {
    call(json!({"kind": "fetch_payment"}))
}

/// A refund, or a look-up of one, of a payment that is known.
pub(crate) fn refund_order(kind: &str, changes: Value) -> Call {
    let order = json!({
        "kind": kind, "echo": "re1", "amount": {"amount": 500, "currency": "USD"},
        "refunded_before": {"amount": 0, "currency": "USD"}, "capture": PAYMENT,
    });
    call(changed(order, changes))
}

/// Carries a question to its end: the requests that were sent, and the reply.
pub(crate) fn carry(question: Question, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Reply) {
    rehearse(&Square, question, responses).unwrap_or_else(|why| panic!("{why}"))
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

/// What is so about an order with these payments, none of which was refunded.
pub(crate) fn fetched(state: &str, payments: &[&Value]) -> Facts {
    let mut responses = vec![one("order", order_of(state, payments))];
    // They are asked for in the order of their ids.
    let mut payments = payments.to_vec();
    payments.sort_by_key(|payment| payment["id"].to_string());
    responses.extend(payments.into_iter().map(|payment| one("payment", payment.clone())));
    facts(fetch_payment(), responses)
}

pub(crate) fn word(state: &str, payments: &[&Value]) -> Word {
    fetched(state, payments).word.unwrap()
}

/// The JSON body of a request.
pub(crate) fn body(request: &HttpRequest) -> &Value {
    match &request.body {
        RequestBody::Json { value, .. } => value,
        other => panic!("not JSON: {other:?}"),
    }
}

pub(crate) fn event(kind: &str, object: Value) -> Value {
    json!({
        "merchant_id": "M1", "type": kind, "event_id": "event1", "created_at": "2023-11-14T22:20:00Z",
        "data": {"type": "x", "id": "x", "object": object},
    })
}

pub(crate) fn payment_event(payment: Value) -> Value {
    event("payment.updated", json!({"payment": payment}))
}

pub(crate) fn delivery(headers: Value, body: &str) -> Delivery {
    let delivery = json!({
        "channel": "webhook", "url": "https://hub.example/webhooks/square", "headers": headers,
        "body": {"text": body}, "received_at": "2023-11-14T22:20:01Z", "settings": {"location_id": "L1"},
        "livemode": false,
    });
    serde_json::from_value(delivery).unwrap()
}

/// A delivery whose signature is taken for right.
pub(crate) fn signed(event: &Value) -> Delivery {
    delivery(json!([["X-Square-HmacSha256-Signature", "c2lnbmF0dXJl"]]), &event.to_string())
}

/// What an event says, its signature being right.
pub(crate) fn notified(event: &Value) -> Notification {
    match carry(Question::Delivery(signed(event)), vec![]).1 {
        Reply::Notifications(mut notifications) if notifications.len() == 1 => notifications.remove(0),
        other => panic!("{other:?}"),
    }
}
