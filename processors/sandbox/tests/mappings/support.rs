//! A tiny host that answers each step with the next prepared response, and Sandbox Pay's objects as its
//! documentation shows them.

use processor_sandbox::Sandbox;
use processor_sdk::{
    Answer, Ask, Bytes, Call, Exchange, Facts, Headers, HttpRequest, HttpResponse, Item, ItemKind, ItemState,
    Method, Question, Reply, RequestBody, Step, StepAnswer, run,
};
use serde_json::{Value, json};

/// More steps than any operation of this adapter takes.
pub(crate) const STEPS_MAX: usize = 8;

pub(crate) const SESSION: &str = "ss_3kq7v2xw5n4mz6ahj2tb";
pub(crate) const PAYMENT: &str = "pm_5v2xw5n4mz6ahj2tb3kq";
pub(crate) const ECHO: &str = "att1";

pub(crate) fn session(status: &str, changes: Value) -> Value {
    let session = json!({
        "id": SESSION, "object": "session", "status": status, "reference": ECHO, "amount": 1234,
        "currency": "EUR", "capture": "automatic", "url": format!("http://127.0.0.1:4010/pay/{SESSION}"),
        "return_url": "https://hub.example/return/t", "cancel_url": "https://hub.example/return/t",
        "expires_at": 1_700_003_600, "created": 1_700_000_000, "updated": 1_700_000_042,
        "decline_code": null, "payment": null,
    });
    changed(session, changes)
}

pub(crate) fn payment(status: &str, changes: Value) -> Value {
    let payment = json!({
        "id": PAYMENT, "object": "payment", "session": SESSION, "reference": ECHO, "status": status,
        "amount": 1234, "currency": "EUR", "amount_authorized": 1234, "amount_captured": 0,
        "amount_refunded": 0, "amount_disputed": 0, "captures": [],
        "created": 1_700_000_042, "updated": 1_700_000_043,
    });
    changed(payment, changes)
}

pub(crate) fn capture(status: &str) -> Value {
    json!({"id": "cp_1", "reference": "cap1", "amount": 1000, "status": status, "created": 1_700_000_050})
}

pub(crate) fn refund(status: &str) -> Value {
    json!({
        "id": "rf_1", "object": "refund", "payment": PAYMENT, "reference": "re1", "amount": 500,
        "currency": "EUR", "status": status, "failure_code": null,
        "created": 1_700_000_100, "updated": 1_700_000_101,
    })
}

pub(crate) fn dispute(status: &str) -> Value {
    json!({
        "id": "dd_1", "object": "dispute", "payment": PAYMENT, "amount": 1234, "currency": "EUR",
        "status": status, "reason": "fraudulent", "created": 1_700_000_200, "updated": 1_700_000_201,
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

pub(crate) fn refusal(status: u16, code: &str) -> HttpResponse {
    response(status, &json!({"error": {"code": code, "message": "Why."}}))
}

pub(crate) fn list(objects: &[Value]) -> HttpResponse {
    response(200, &json!({"data": objects}))
}

pub(crate) fn call(operation: Value, references: &[(&str, &str)]) -> Call {
    let references: Vec<_> = references.iter().map(|(kind, id)| json!({"kind": kind, "id": id})).collect();
    let call = json!({
        "operation": operation, "key": "key1", "echo": ECHO, "amount": {"amount": 1234, "currency": "EUR"},
        "capture": "manual", "references": references, "created_at": "2023-11-14T22:13:20Z",
        "settings": {"base_url": "http://127.0.0.1:4010/"}, "livemode": false,
    });
    serde_json::from_value(call).unwrap()
}

pub(crate) fn open(order: Value) -> Value {
    changed(
        json!({
            "kind": "open_checkout", "return_url": "https://hub.example/return/t",
            "cancel_url": "https://hub.example/return/t?cancel=1",
            "webhook_url": "https://hub.example/webhooks/sandbox", "expires_at": "2023-11-14T23:13:20Z",
        }),
        order,
    )
}

pub(crate) fn refund_order(kind: &str, id: Option<&str>) -> Value {
    json!({
        "kind": kind, "echo": "re1", "amount": {"amount": 500, "currency": "EUR"}, "id": id,
        "refunded_before": {"amount": 0, "currency": "EUR"}, "reason": "broken",
    })
}

pub(crate) fn capture_order() -> Value {
    json!({"kind": "capture", "echo": "cap1", "amount": {"amount": 1000, "currency": "EUR"}, "is_final": false})
}

/// Carries a question to its end: the requests that were sent, and the reply.
pub(crate) fn carry(question: Question, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Reply) {
    let mut responses = responses.into_iter();
    let mut requests = vec![];
    let mut ask = Ask::new(question);
    for _ in 0..STEPS_MAX {
        let step = match run(&Sandbox, &ask) {
            Reply::Step(step) => step,
            reply => {
                assert_eq!(responses.next(), None, "a prepared response was not asked for");
                return (requests, reply);
            }
        };
        let answer = match &step {
            Step::Send(request) => {
                requests.push(request.clone());
                StepAnswer::Response(responses.next().expect("a request too many"))
            }
            Step::Verify(_) => StepAnswer::Verified,
            Step::Mac(_) => panic!("Sandbox Pay wants no digest"),
        };
        ask.transcript.push(Exchange { step, answer });
    }
    panic!("no answer after {STEPS_MAX} steps");
}

pub(crate) fn perform(call: Call, responses: Vec<HttpResponse>) -> (Vec<HttpRequest>, Reply) {
    carry(Question::Call(call), responses)
}

pub(crate) fn facts(reply: Reply) -> Facts {
    match reply {
        Reply::Answer(Answer::Said { facts, .. }) => facts,
        other => panic!("not facts: {other:?}"),
    }
}

/// Method and path of each request, having checked what all of them have in common.
pub(crate) fn calls(requests: &[HttpRequest]) -> Vec<String> {
    let line = |request: &HttpRequest| {
        let url = HttpRequest::get(&request.url).bearer("api_key");
        assert_eq!(request.auth, url.auth);
        let key = (request.method == Method::Post).then_some("key1");
        assert_eq!(request.headers.get("idempotency-key"), key, "{}", request.url);
        let path = request.url.strip_prefix("http://127.0.0.1:4010/v1/").expect("one slash after the host");
        format!("{} {path}", request.method.as_str())
    };
    requests.iter().map(line).collect()
}

pub(crate) fn body(request: &HttpRequest) -> &Value {
    match &request.body {
        RequestBody::Json { value, .. } => value,
        RequestBody::Empty | RequestBody::Form { .. } | RequestBody::Raw { .. } => panic!("no JSON body"),
    }
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

pub(crate) const BY_SESSION: [(&str, &str); 1] = [("session", SESSION)];
pub(crate) const BY_PAYMENT: [(&str, &str); 2] = [("payment", PAYMENT), ("session", SESSION)];

pub(crate) fn fetch_payment() -> Call {
    call(json!({"kind": "fetch_payment"}), &BY_SESSION)
}
