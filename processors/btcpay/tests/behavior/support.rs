//! Questions with prepared responses, and BTCPay Server's objects as its
//! published description shows them.

use processor_btcpay::BtcPay;
use processor_sdk::conformance::rehearse;
use processor_sdk::{
    Answer, Bytes, Call, Delivery, Door, DoorKind, Facts, Headers, HttpRequest, HttpResponse, Notification,
    Question, Reply, RequestBody,
};
use serde_json::{Value, json};

pub(crate) const STORE: &str = "S1";
pub(crate) const INVOICE: &str = "I1";
pub(crate) const PULL: &str = "P1";
pub(crate) const ECHO: &str = "att1";
pub(crate) const API: &str = "https://btcpay.example/api/v1";
/// When every call was created, and the invoice with it.
pub(crate) const CREATED_S: i64 = 1_700_000_000;

pub(crate) fn invoice(status: &str, additional: &str, changes: Value) -> Value {
    let invoice = json!({
        "id": INVOICE, "storeId": STORE, "amount": "12.34", "paidAmount": "0", "currency": "EUR",
        "type": "Standard", "checkoutLink": "https://btcpay.example/i/I1", "createdTime": CREATED_S,
        "expirationTime": CREATED_S + 900, "monitoringExpiration": CREATED_S + 87_300, "status": status,
        "additionalStatus": additional, "availableStatusesForManualMarking": ["Settled", "Invalid"],
        "archived": false, "metadata": {"orderId": ECHO, "hub_attempt": ECHO},
    });
    changed(invoice, changes)
}

/// One payment method with payments in these states, and one without any.
pub(crate) fn methods(payments: &[&str]) -> Value {
    let payment = |status: &&str| {
        json!({"id": "tx-0", "receivedDate": CREATED_S + 60, "value": "0.00019165", "fee": "0.0",
            "status": status, "destination": "bcrt1q"})
    };
    let method = |id: &str, payments: Vec<Value>| {
        json!({"paymentMethodId": id, "currency": "BTC", "rate": "64392.23", "due": "0.0",
            "totalPaid": "0.00019165", "payments": payments})
    };
    json!([method("BTC-LN", vec![]), method("BTC-CHAIN", payments.iter().map(payment).collect())])
}

pub(crate) fn pull(changes: Value) -> Value {
    let pull_payment = json!({
        "id": PULL, "name": "Refund re1", "description": "", "currency": "EUR", "amount": "5.00",
        "autoApproveClaims": false, "archived": false,
        "viewLink": "https://btcpay.example/pull-payments/P1",
    });
    changed(pull_payment, changes)
}

pub(crate) fn payout(state: &str, changes: Value) -> Value {
    let payout = json!({
        "id": "O1", "revision": 1, "pullPaymentId": PULL, "originalCurrency": "EUR", "originalAmount": "5.00",
        "payoutCurrency": "BTC", "payoutAmount": "0.00007765", "state": state,
    });
    changed(payout, changes)
}

pub(crate) fn changed(mut object: Value, changes: Value) -> Value {
    let fields = object.as_object_mut().unwrap();
    fields.extend(changes.as_object().unwrap().clone());
    object
}

pub(crate) fn without(mut object: Value, name: &str) -> Value {
    object.as_object_mut().unwrap().remove(name).unwrap();
    object
}

pub(crate) fn response(status: u16, body: &Value) -> HttpResponse {
    HttpResponse { status, headers: Headers::default(), body: Bytes::from(body.to_string()) }
}

pub(crate) fn ok(body: Value) -> HttpResponse {
    response(200, &body)
}

pub(crate) fn refusal(status: u16, code: &str) -> HttpResponse {
    response(status, &json!({"code": code, "message": "Why."}))
}

pub(crate) fn call(operation: Value) -> Call {
    let call = json!({
        "operation": operation, "key": "key1", "echo": ECHO, "amount": {"amount": 1234, "currency": "EUR"},
        "capture": "automatic", "created_at": "2023-11-14T22:13:20Z", "livemode": false,
        "references": [{"kind": "session", "id": INVOICE}],
        "settings": {"base_url": "https://btcpay.example", "store_id": STORE},
    });
    serde_json::from_value(call).unwrap()
}

/// A checkout that was not opened before.
pub(crate) fn open(order: Value) -> Call {
    let operation = changed(
        json!({
            "kind": "open_checkout", "return_url": "https://hub.example/return/t",
            "cancel_url": "https://hub.example/return/t?cancel=1",
            "webhook_url": "https://hub.example/webhooks/btcpay", "expires_at": "2023-11-14T23:13:20Z",
        }),
        order,
    );
    Call { references: [].into(), ..call(operation) }
}

pub(crate) fn fetch_payment() -> Call {
    call(json!({"kind": "fetch_payment"}))
}

pub(crate) fn refund_order(kind: &str, changes: Value) -> Call {
    let order = json!({
        "kind": kind, "echo": "re1", "amount": {"amount": 500, "currency": "EUR"},
        "refunded_before": {"amount": 0, "currency": "EUR"},
    });
    call(changed(order, changes))
}

pub(crate) fn with_setting(mut call: Call, name: &str, value: Value) -> Call {
    call.settings.0.insert(name.to_owned(), value);
    call
}

/// Carries a question to its end: the requests that were sent, and the reply.
pub(crate) fn carry(question: Question, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Reply) {
    rehearse(&BtcPay, question, responses).unwrap_or_else(|why| panic!("{why}"))
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

/// What is so about a payment whose invoice and, where it is asked for, payments are these.
pub(crate) fn fetched(invoice: Value, payments: Option<&[&str]>) -> Facts {
    let payments = payments.map(|payments| ok(methods(payments)));
    facts(fetch_payment(), [ok(invoice)].into_iter().chain(payments).collect())
}

/// The address of the page that a reply leads to, and how long it is open.
pub(crate) fn door(reply: Reply) -> Option<(String, Option<u32>)> {
    match reply {
        Reply::Answer(Answer::Said {
            door: Some(Door { kind: DoorKind::Redirect { url }, expires_in_s }),
            ..
        }) => Some((url, expires_in_s)),
        Reply::Answer(Answer::Said { door: None, .. }) => None,
        other => panic!("{other:?}"),
    }
}

/// The JSON body of a request.
pub(crate) fn body(request: &HttpRequest) -> &Value {
    match &request.body {
        RequestBody::Json { value, secrets } if secrets.is_empty() => value,
        other => panic!("not plain JSON: {other:?}"),
    }
}

pub(crate) fn event(kind: &str, changes: Value) -> Value {
    let event = json!({
        "deliveryId": "D1", "webhookId": "W1", "originalDeliveryId": "D1", "isRedelivery": false, "type": kind,
        "timestamp": CREATED_S + 300, "storeId": STORE, "invoiceId": INVOICE,
        "metadata": {"orderId": ECHO, "hub_attempt": ECHO},
    });
    changed(event, changes)
}

pub(crate) fn delivery(headers: &[(&str, &str)], body: &str) -> Delivery {
    let delivery = json!({
        "channel": "webhook", "url": "https://hub.example/webhooks/btcpay", "headers": headers,
        "body": {"text": body}, "received_at": "2023-11-14T22:20:01Z", "livemode": false,
        "settings": {"base_url": "https://btcpay.example", "store_id": STORE},
    });
    serde_json::from_value(delivery).unwrap()
}

/// What comes of an event whose signature is right.
pub(crate) fn received(event: &Value) -> Reply {
    let delivery = delivery(&[("BTCPay-Sig", "sha256=aa")], &event.to_string());
    let (requests, reply) = carry(Question::Delivery(delivery), vec![]);
    assert!(requests.is_empty(), "nothing is sent for an event");
    reply
}

/// What an event says, its signature being right.
pub(crate) fn notified(event: &Value) -> Notification {
    match received(event) {
        Reply::Notifications(mut notifications) if notifications.len() == 1 => notifications.remove(0),
        other => panic!("{other:?}"),
    }
}
