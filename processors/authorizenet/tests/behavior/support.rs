//! Questions with prepared responses, and Authorize.Net's answers as its
//! schema and documentation show them.

use processor_authorizenet::AuthorizeNet;
use processor_sdk::conformance::rehearse;
use processor_sdk::{
    Answer, Bytes, Call, Delivery, Facts, Headers, HttpRequest, HttpResponse, Item, ItemKind, ItemState,
    Notification, Question, Reply, RequestBody,
};
use serde_json::{Value, json};

pub(crate) const ECHO: &str = "att1";
pub(crate) const ID: &str = "60198278801";
pub(crate) const REFUND_ID: &str = "60198299417";
/// When the page was asked for: 2026-01-02T03:04:05Z.
pub(crate) const PAGE: &str = "att1_1767323045";

/// When Authorize.Net answers: as long as nothing else is said, when it is asked.
const DATE: &str = "Fri, 02 Jan 2026 03:10:00 GMT";

/// What begins every answer.
const BYTE_ORDER_MARK: &str = "\u{feff}";

pub(crate) fn changed(mut object: Value, changes: Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    object
}

pub(crate) fn response(status: u16, body: &str) -> HttpResponse {
    dated(HttpResponse { status, headers: Headers::default(), body: Bytes::from(body) }, DATE)
}

/// The response at another time.
pub(crate) fn dated(response: HttpResponse, date: &str) -> HttpResponse {
    HttpResponse { headers: Headers(vec![("Date".to_owned(), date.to_owned())]), ..response }
}

/// An answer that says "Ok".
pub(crate) fn ok(body: Value) -> HttpResponse {
    let messages = json!({"resultCode": "Ok", "message": [{"code": "I00001", "text": "Successful."}]});
    let body = changed(json!({ "messages": messages }), body);
    response(200, &format!("{BYTE_ORDER_MARK}{body}"))
}

pub(crate) fn error(code: &str) -> HttpResponse {
    ok(json!({"messages": {"resultCode": "Error", "message": [{"code": code, "text": "Why."}]}}))
}

/// A payment as its details show it, with other fields than these.
pub(crate) fn payment(status: &str, changes: Value) -> HttpResponse {
    let fields = json!({
        "transId": ID, "submitTimeUTC": "2026-01-02T03:09:45.123Z", "transactionType": "authCaptureTransaction",
        "transactionStatus": status, "responseCode": 1, "responseReasonCode": 1,
        "order": {"invoiceNumber": ECHO}, "authAmount": 12.34, "settleAmount": 12.34,
        "payment": {"creditCard": {"cardNumber": "XXXX1111", "expirationDate": "XXXX"}},
    });
    ok(json!({"transaction": changed(fields, changes), "transrefId": ECHO}))
}

pub(crate) fn authorized() -> HttpResponse {
    payment("authorizedPendingCapture", json!({"transactionType": "authOnlyTransaction"}))
}

/// A refund of 5.00 as its details show it.
pub(crate) fn refund(status: &str, changes: Value) -> HttpResponse {
    let fields = json!({
        "transId": REFUND_ID, "refTransId": ID, "transactionType": "refundTransaction", "authAmount": 5.0,
        "settleAmount": 5.0, "order": {"invoiceNumber": "re1"},
    });
    payment(status, changed(fields, changes))
}

/// An order that was taken.
pub(crate) fn taken(id: &str) -> HttpResponse {
    ok(json!({"transactionResponse": {"responseCode": "1", "transId": id, "refTransID": ID}}))
}

/// An order that was approved, although nothing was done any more: the note says why.
pub(crate) fn noted(code: &str) -> HttpResponse {
    let messages = json!([{"code": code, "description": "This transaction has already been done."}]);
    ok(json!({
        "transactionResponse": {"responseCode": "1", "transId": ID, "refTransID": ID, "messages": messages},
    }))
}

/// An order that was refused.
pub(crate) fn refused(code: &str) -> HttpResponse {
    let errors = json!([{"errorCode": code, "errorText": "Why."}]);
    ok(json!({
        "transactionResponse": {"responseCode": "3", "transId": "0", "errors": errors},
        "messages": {"resultCode": "Error", "message": [{"code": "E00027", "text": "Unsuccessful."}]},
    }))
}

/// One line of a list.
pub(crate) fn line(id: &str, status: &str, changes: Value) -> Value {
    let line = json!({
        "transId": id, "submitTimeUTC": "2026-01-02T03:09:45Z", "transactionStatus": status,
        "invoiceNumber": ECHO, "settleAmount": 12.34,
    });
    changed(line, changes)
}

pub(crate) fn list(lines: &[Value]) -> HttpResponse {
    ok(json!({"transactions": lines, "totalNumInResultSet": lines.len()}))
}

pub(crate) fn nothing() -> HttpResponse {
    ok(
        json!({"messages": {"resultCode": "Ok", "message": [{"code": "I00004", "text": "No records found."}]}}),
    )
}

pub(crate) fn batches(ids: &[&str]) -> HttpResponse {
    let batches: Vec<_> = ids.iter().map(|id| json!({"batchId": id})).collect();
    ok(json!({ "batchList": batches }))
}

pub(crate) fn settings() -> Value {
    json!({"currency": "USD", "signature_key_encoding": "text"})
}

/// A call about an attempt whose page was opened and whose payment is known and taken.
pub(crate) fn call(operation: Value) -> Call {
    let call = json!({
        "operation": operation, "key": "key1", "echo": ECHO, "amount": {"amount": 1234, "currency": "USD"},
        "capture": "automatic", "created_at": "2026-01-02T03:10:00Z", "livemode": false,
        "references": [
            {"kind": "session", "id": PAGE}, {"kind": "payment", "id": ID}, {"kind": "capture", "id": ID},
        ],
        "settings": settings(),
    });
    serde_json::from_value(call).unwrap()
}

/// The same call knowing only these references.
pub(crate) fn knowing(call: Call, references: Value) -> Call {
    Call { references: serde_json::from_value(references).unwrap(), ..call }
}

pub(crate) fn at(call: Call, time: &str) -> Call {
    Call { created_at: serde_json::from_value(json!(time)).unwrap(), ..call }
}

/// A checkout that was not opened before.
pub(crate) fn open(order: Value) -> Call {
    let operation = changed(
        json!({
            "kind": "open_checkout", "return_url": "https://hub.example/return/t",
            "cancel_url": "https://hub.example/return/t?cancel=1&x=y",
            "webhook_url": "https://hub.example/webhooks/authorizenet", "expires_at": "2026-01-03T03:04:05Z",
        }),
        order,
    );
    knowing(call(operation), json!([]))
}

pub(crate) fn capture(amount: i64) -> Call {
    let amount = json!({"amount": amount, "currency": "USD"});
    let call = call(json!({"kind": "capture", "echo": "cap1", "amount": amount, "is_final": true}));
    knowing(call, json!([{"kind": "session", "id": PAGE}, {"kind": "payment", "id": ID}]))
}

pub(crate) fn void() -> Call {
    knowing(call(json!({"kind": "void"})), json!([{"kind": "payment", "id": ID}]))
}

/// `refund` or `fetch_refund` of this much, with other fields than these.
pub(crate) fn refund_order(kind: &str, amount: i64, changes: Value) -> Call {
    let order = json!({
        "kind": kind, "echo": "re1", "amount": {"amount": amount, "currency": "USD"},
        "refunded_before": {"amount": 0, "currency": "USD"},
    });
    call(changed(order, changes))
}

/// A look-up by the payment's id.
pub(crate) fn fetch_payment() -> Call {
    call(json!({"kind": "fetch_payment"}))
}

/// A look-up that knows only of the page.
pub(crate) fn find_payment() -> Call {
    knowing(fetch_payment(), json!([{"kind": "session", "id": PAGE}]))
}

/// Carries a question to its end: the requests that were sent, and the reply.
pub(crate) fn carry(question: Question, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Reply) {
    rehearse(&AuthorizeNet, question, responses).unwrap_or_else(|why| panic!("{why}"))
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

/// The body of a request.
pub(crate) fn body(request: &HttpRequest) -> &Value {
    match &request.body {
        RequestBody::Json { value, .. } => value,
        other => panic!("not JSON: {other:?}"),
    }
}

/// Which operations the requests are, in order.
pub(crate) fn names(requests: &[HttpRequest]) -> Vec<&str> {
    requests
        .iter()
        .map(|request| body(request).as_object().unwrap().keys().next().unwrap().as_str())
        .collect()
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

/// An event with other fields of its payload than these.
pub(crate) fn event(kind: &str, payload: Value) -> Value {
    let fields = json!({
        "responseCode": 1, "authAmount": 12.34, "merchantReferenceId": ECHO, "entityName": "transaction", "id": ID,
    });
    json!({
        "notificationId": "n1", "eventType": format!("net.authorize.payment.{kind}"),
        "eventDate": "2026-01-02T03:09:46.7722007Z", "webhookId": "w1", "payload": changed(fields, payload),
    })
}

pub(crate) fn delivery(header: &str, body: &str) -> Delivery {
    let delivery = json!({
        "channel": "webhook", "url": "https://hub.example/webhooks/authorizenet",
        "headers": [["X-ANET-Signature", header]], "body": {"text": body},
        "received_at": "2026-01-02T03:09:48Z", "settings": settings(), "livemode": false,
    });
    serde_json::from_value(delivery).unwrap()
}

/// What an event comes to, its signature being right.
pub(crate) fn heard(event: &Value, responses: Vec<HttpResponse>) -> Reply {
    carry(Question::Delivery(delivery("sha512=AA", &event.to_string())), responses).1
}

pub(crate) fn notified(event: &Value, responses: Vec<HttpResponse>) -> Notification {
    match heard(event, responses) {
        Reply::Notifications(mut notifications) if notifications.len() == 1 => notifications.remove(0),
        other => panic!("{other:?}"),
    }
}
