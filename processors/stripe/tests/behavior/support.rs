//! Questions with prepared responses, and Stripe's objects as its API
//! reference shows them.

use processor_sdk::conformance::rehearse;
use processor_sdk::{
    Answer, Bytes, Call, Delivery, Facts, Headers, HttpRequest, HttpResponse, Item, ItemKind, ItemState,
    Notification, Part, Question, Reply, RequestBody, Word,
};
use processor_stripe::Stripe;
use serde_json::{Value, json};

pub(crate) const SESSION: &str = "cs_test_1";
pub(crate) const PAYMENT: &str = "pi_1";
pub(crate) const CHARGE: &str = "ch_1";
pub(crate) const ECHO: &str = "att1";

pub(crate) fn session(status: &str, payment_status: &str, changes: Value) -> Value {
    let session = json!({
        "id": SESSION, "object": "checkout.session", "status": status, "payment_status": payment_status,
        "amount_total": 1234, "currency": "eur", "client_reference_id": ECHO, "expires_at": 1_700_003_600,
        "livemode": false, "metadata": {"hub_attempt": ECHO}, "mode": "payment", "payment_intent": null,
        "url": "https://checkout.stripe.com/c/pay/cs_test_1#x",
    });
    changed(session, changes)
}

pub(crate) fn payment(status: &str, changes: Value) -> Value {
    let payment = json!({
        "id": PAYMENT, "object": "payment_intent", "status": status, "amount": 1234, "currency": "eur",
        "amount_capturable": 0, "amount_received": 0, "last_payment_error": null, "latest_charge": CHARGE,
        "livemode": false, "metadata": {"hub_attempt": ECHO},
    });
    changed(payment, changes)
}

pub(crate) fn taken(amount: i64, changes: Value) -> Value {
    changed(payment("succeeded", json!({"amount_received": amount})), changes)
}

pub(crate) fn reserved() -> Value {
    payment("requires_capture", json!({"amount_capturable": 1234}))
}

pub(crate) fn refund(status: &str, changes: Value) -> Value {
    let refund = json!({
        "id": "re_1", "object": "refund", "status": status, "amount": 500, "currency": "eur", "charge": CHARGE,
        "payment_intent": PAYMENT, "balance_transaction": "txn_1", "metadata": {"hub_refund": "re1"},
    });
    changed(refund, changes)
}

pub(crate) fn dispute(status: &str) -> Value {
    json!({
        "id": "dp_1", "object": "dispute", "status": status, "amount": 1234, "currency": "eur",
        "charge": CHARGE, "payment_intent": PAYMENT, "reason": "fraudulent", "metadata": {},
    })
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

pub(crate) fn refusal(status: u16, kind: &str, code: &str) -> HttpResponse {
    response(status, &json!({"error": {"type": kind, "code": code, "message": "Why."}}))
}

pub(crate) fn list(objects: &[Value]) -> HttpResponse {
    ok(json!({"object": "list", "data": objects, "has_more": false}))
}

pub(crate) fn call(operation: Value) -> Call {
    let call = json!({
        "operation": operation, "key": "key1", "echo": ECHO, "amount": {"amount": 1234, "currency": "EUR"},
        "capture": "manual", "created_at": "2023-11-14T22:13:20Z", "livemode": false,
        "references": [{"kind": "payment", "id": PAYMENT}, {"kind": "session", "id": SESSION}],
        "settings": {"base_url": "https://api.stripe.com"},
    });
    serde_json::from_value(call).unwrap()
}

/// A checkout that was not opened before.
pub(crate) fn open(order: Value) -> Call {
    let operation = changed(
        json!({
            "kind": "open_checkout", "return_url": "https://hub.example/return/t",
            "cancel_url": "https://hub.example/return/t?cancel=1",
            "webhook_url": "https://hub.example/webhooks/stripe", "expires_at": "2023-11-14T23:13:20Z",
        }),
        order,
    );
    Call { references: [].into(), ..call(operation) }
}

pub(crate) fn capture(amount: i64) -> Call {
    let amount = json!({"amount": amount, "currency": "EUR"});
    call(json!({"kind": "capture", "echo": "cap1", "amount": amount, "is_final": true}))
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
    rehearse(&Stripe, question, responses).unwrap_or_else(|why| panic!("{why}"))
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

/// The word and items of what is so about a payment.
pub(crate) fn fetched(session: Value, more: Vec<HttpResponse>) -> (Option<Word>, Vec<Item>) {
    let mut responses = vec![ok(session)];
    responses.extend(more);
    let facts = facts(fetch_payment(), responses);
    (facts.word, facts.items)
}

/// A field of a form body.
pub(crate) fn field<'r>(request: &'r HttpRequest, name: &str) -> Option<&'r str> {
    let RequestBody::Form { fields } = &request.body else { panic!("not a form: {:?}", request.body) };
    fields.iter().find(|(field, _)| field == name).map(|(_, part)| match part {
        Part::Text(text) => text.as_str(),
        Part::Secret(_) | Part::DeliveryBody | Part::DeliveryUrl => panic!("{name} is no text"),
    })
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

pub(crate) fn event(kind: &str, object: Value) -> Value {
    json!({
        "id": "evt_1", "object": "event", "type": kind, "created": 1_700_000_300, "livemode": false,
        "data": {"object": object},
    })
}

pub(crate) fn delivery(header: &str, body: &str) -> Delivery {
    let delivery = json!({
        "channel": "webhook", "url": "https://hub.example/webhooks/stripe",
        "headers": [["Stripe-Signature", header]], "body": {"text": body},
        "received_at": "2023-11-14T22:20:01Z", "settings": {"base_url": "https://api.stripe.com"},
        "livemode": false,
    });
    serde_json::from_value(delivery).unwrap()
}

/// What an event says, its signature being right.
pub(crate) fn notified(event: &Value) -> Notification {
    match carry(Question::Delivery(delivery("t=1700000400,v1=aa", &event.to_string())), vec![]).1 {
        Reply::Notifications(mut notifications) if notifications.len() == 1 => notifications.remove(0),
        other => panic!("{other:?}"),
    }
}
