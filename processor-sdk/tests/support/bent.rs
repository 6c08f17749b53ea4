//! The example adapter with one piece replaced by a wrong one, and fixtures that fit it.

use processor_sdk::conformance::{Fixture, Subject};
use processor_sdk::{
    Adapter, Answer, Auth, Call, DeclineCode, Delivery, Descriptor, Dialogue, Facts, Fault, Flow, HostRule,
    HttpRequest, HttpResponse, ItemState, Json, MacAlgorithm, Money, Notification, Operation, Part,
    RefundOrder, Says, SignatureCheck, SignatureScheme, SignedDeliveries, TextEncoding, Word,
};
use serde_json::{Value, json};

use crate::acme;

/// The example adapter, any piece of which can be another.
pub(crate) struct Bent {
    pub(crate) descriptor: fn(&mut Descriptor),
    pub(crate) perform: fn(&Call, &mut Dialogue<'_>) -> Flow<Answer>,
    pub(crate) receive: fn(&Delivery, &mut Dialogue<'_>) -> Flow<Vec<Notification>>,
}

impl Bent {
    /// Nothing replaced.
    pub(crate) const GOOD: Self = Self {
        descriptor: |_| {},
        perform: |call, dialogue| acme::Acme.perform(call, dialogue),
        receive: |delivery, dialogue| acme::Acme.receive(delivery, dialogue),
    };
}

impl Adapter for Bent {
    fn descriptor(&self) -> Descriptor {
        let mut descriptor = acme::descriptor();
        (self.descriptor)(&mut descriptor);
        descriptor
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        (self.perform)(call, dialogue)
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        (self.receive)(delivery, dialogue)
    }
}

/// The fixtures as a bent adapter would have recorded them from the same processor.
pub(crate) fn recorded_anew(
    subject: &Subject<'_>,
    extra_for_delivery: Option<&HttpResponse>,
) -> Vec<Fixture> {
    let anew = |fixture: &Fixture| {
        let mut responses: Vec<_> = fixture.responses().cloned().collect();
        responses.extend(fixture.delivery().and(extra_for_delivery).cloned());
        let recorded = Fixture::record(subject, &fixture.name, fixture.ask.clone(), &responses).unwrap();
        // With the extra response, the pointer would no longer be looked up in the delivery.
        let misled = extra_for_delivery.is_some() && fixture.delivery().is_some();
        let status_pointer = fixture.status_pointer.clone().filter(|_| !misled);
        Fixture { status_pointer, stale_after_s: fixture.stale_after_s, ..recorded }
    };
    subject.fixtures.iter().map(anew).collect()
}

/// Another way to look a payment up; everything else is as it was.
macro_rules! fetch {
    ($fetch:expr) => {
        |call, dialogue| match &call.operation {
            processor_sdk::Operation::FetchPayment => $fetch(call, dialogue),
            _ => crate::acme::Acme.perform(call, dialogue),
        }
    };
}
pub(crate) use fetch;

/// Another way to ask for a refund; the answer is read as it was.
pub(crate) fn refund_by(
    call: &Call,
    dialogue: &mut Dialogue<'_>,
    request: fn(&Call, &RefundOrder) -> Result<HttpRequest, Fault>,
) -> Flow<Answer> {
    let Operation::Refund(order) = &call.operation else {
        return acme::Acme.perform(call, dialogue);
    };
    let refund = dialogue.send(request(call, order)?)?.success_json()?;
    acme::refund_answer(&refund)
}

/// The refund's request with its JSON body changed.
pub(crate) fn refund_request_with(
    call: &Call,
    order: &RefundOrder,
    change: fn(&Call, &mut Value),
) -> Result<HttpRequest, Fault> {
    let mut request = acme::refund_request(call, order)?;
    if let processor_sdk::RequestBody::Json { value, .. } = &mut request.body {
        change(call, value);
    }
    Ok(request)
}

pub(crate) fn fetch_following_redirects(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let mut response = dialogue.send(acme::checkout_request(call)?)?;
    if let Some(location) = response.headers.get("location").map(str::to_owned) {
        response = dialogue.send(HttpRequest::get(location))?;
    }
    acme::checkout_answer(&response)
}

pub(crate) fn fetch_quoting_errors(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let response = dialogue.send(acme::checkout_request(call)?)?;
    if response.status == 422 {
        return Err(Fault::unreadable(response.body.as_text().unwrap_or_default()).into());
    }
    acme::checkout_answer(&response)
}

pub(crate) fn fetch_until_success(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    loop {
        let response = dialogue.send(acme::checkout_request(call)?)?;
        if response.status != 503 {
            return acme::checkout_answer(&response);
        }
    }
}

pub(crate) fn fetch_unwrapping(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let response = dialogue.send(acme::checkout_request(call)?)?;
    if response.status == 200 {
        response.json().unwrap();
    }
    acme::checkout_answer(&response)
}

pub(crate) fn fetch_swallowing(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let response = dialogue.send(acme::checkout_request(call)?)?;
    if response.status == 503 {
        let again = dialogue.send(acme::checkout_request(call)?).ok();
        let word = again.map_or(Word::Pending, |_| Word::Open);
        return Ok(Answer::said(Facts::word(word)));
    }
    acme::checkout_answer(&response)
}

pub(crate) fn fetch_counting(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    static RUNS: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    let response = dialogue.send(acme::checkout_request(call)?)?;
    if response.status == 503 {
        let runs = RUNS.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        return Err(Fault::unreadable(&format!("run {runs}")).into());
    }
    acme::checkout_answer(&response)
}

pub(crate) fn fetch_presuming_paid(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let response = dialogue.send(acme::checkout_request(call)?)?;
    if response.is_success() && response.success_json()?.optional_text("/status")?.is_none() {
        return Ok(Answer::said(Facts::word(Word::Paid)));
    }
    acme::checkout_answer(&response)
}

pub(crate) fn fetch_presuming_declined(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let answer = acme::fetch_payment(call, dialogue)?;
    Ok(change_facts(answer, |facts| {
        if matches!(facts.word, Some(Word::Unknown(_))) {
            facts.word = Some(Word::Declined);
            let code = DeclineCode::Other;
            facts.decline = Some(processor_sdk::Decline { code, elsewhere: true, processor_code: None });
        }
    }))
}

pub(crate) fn fetch_denying_fields(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let response = dialogue.send(acme::checkout_request(call)?)?;
    if let Ok(Json(Value::Object(fields))) = response.json()
        && fields.keys().any(|name| name.starts_with("zz_"))
    {
        return Err(Fault::unreadable("expected no further fields").into());
    }
    acme::checkout_answer(&response)
}

pub(crate) fn fetch_inventing_amounts(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let asked: Money = call.amount;
    let Answer::Said { mut facts, door } = acme::fetch_payment(call, dialogue)? else {
        return Ok(Answer::Absent);
    };
    facts.amount = Some(asked);
    Ok(Answer::Said { facts, door })
}

pub(crate) fn fetch_misreading_paid(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let answer = acme::fetch_payment(call, dialogue)?;
    Ok(change_facts(answer, |facts| {
        if facts.word == Some(Word::Paid) {
            facts.word = Some(Word::Pending);
        }
    }))
}

pub(crate) fn fetch_by_post(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let mut request = acme::checkout_request(call)?.header("Idempotency-Key", &call.key);
    request.method = processor_sdk::Method::Post;
    let response = dialogue.send(request)?;
    acme::checkout_answer(&response)
}

pub(crate) fn fetch_with_another_secret(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let response = dialogue.send(acme::checkout_request(call)?.bearer("acme_key"))?;
    acme::checkout_answer(&response)
}

pub(crate) fn fetch_with_the_webhook_secret(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let secret = processor_sdk::SecretRef::named("webhook_secret");
    let auth = Auth::Header { name: "X-Key".to_owned(), prefix: String::new(), secret };
    let response = dialogue.send(acme::checkout_request(call)?.auth(auth))?;
    acme::checkout_answer(&response)
}

fn change_facts(answer: Answer, change: fn(&mut Facts)) -> Answer {
    match answer {
        Answer::Said { mut facts, door } => {
            change(&mut facts);
            Answer::Said { facts, door }
        }
        Answer::Absent => Answer::Absent,
    }
}

/// A hint that anybody may give.
fn hint() -> Notification {
    Notification { event_id: None, references: Vec::new(), echo: None, says: Says::Changed, proof: None }
}

pub(crate) fn receive_unsigned(delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
    if delivery.headers.get("acme-signature").is_none() {
        return Ok(vec![hint()]);
    }
    acme::Acme.receive(delivery, dialogue)
}

pub(crate) fn receive_with_unkeyed_digest(
    delivery: &Delivery,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Vec<Notification>> {
    let check = acme::signature_check(delivery)?;
    let scheme =
        SignatureScheme::Mac { algorithm: MacAlgorithm::Sha256, key: None, encoding: TextEncoding::Hex };
    let unkeyed = SignatureCheck { scheme, ..check.clone() };
    let proof = match dialogue.check(check)? {
        Some(proof) => proof,
        None => dialogue.verify(unkeyed)?,
    };
    acme::notifications(delivery, proof)
}

/// Takes a wrong signature for a hint while the body says that it is fresh.
pub(crate) fn receive_wrongly_signed(
    delivery: &Delivery,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Vec<Notification>> {
    let proof = dialogue.check(acme::signature_check(delivery)?)?;
    let Some(proof) = proof else {
        let updated_at = delivery.json()?.rfc3339("/checkout/updated_at");
        let is_fresh = updated_at.is_ok_and(|at| delivery.received_at.seconds_since(at).unsigned_abs() < 60);
        return if is_fresh { Ok(vec![hint()]) } else { Err(Fault::forged("signature mismatch").into()) };
    };
    acme::notifications(delivery, proof)
}

pub(crate) fn receive_at_any_time(
    delivery: &Delivery,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Vec<Notification>> {
    let mut check = acme::signature_check(delivery)?;
    check.timestamp = None;
    let proof = dialogue.verify(check)?;
    acme::notifications(delivery, proof)
}

/// Checks the time, but not that the sender signed it.
pub(crate) fn receive_with_unsigned_time(
    delivery: &Delivery,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Vec<Notification>> {
    let mut check = acme::signature_check(delivery)?;
    check.over = vec![Part::DeliveryBody];
    let proof = dialogue.verify(check)?;
    acme::notifications(delivery, proof)
}

pub(crate) fn receive_with_header_id(
    delivery: &Delivery,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Vec<Notification>> {
    let event_id = delivery.headers.get("acme-event").map(str::to_owned);
    let notifications = acme::Acme.receive(delivery, dialogue)?;
    Ok(notifications.into_iter().map(|said| Notification { event_id: event_id.clone(), ..said }).collect())
}

pub(crate) fn receive_after_a_look(
    delivery: &Delivery,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Vec<Notification>> {
    dialogue.send(HttpRequest::get("https://api.acme.example/v1/events/recent").bearer("api_key"))?;
    acme::Acme.receive(delivery, dialogue)
}

/// Signed fields as they should be declared, were Acme to sign field by field.
pub(crate) const SIGNED_FIELDS: [&str; 9] = [
    "/id",
    "/type",
    "/checkout/id",
    "/checkout/reference",
    "/checkout/status",
    "/checkout/amount",
    "/checkout/currency",
    "/checkout/refunded",
    "/checkout/updated_at",
];

pub(crate) fn sign_fields(descriptor: &mut Descriptor, without: &str) {
    let declared = SIGNED_FIELDS.iter().filter(|pointer| **pointer != without).map(|text| (*text).to_owned());
    descriptor.deliveries = SignedDeliveries::Fields(declared.collect());
}

pub(crate) fn doors_elsewhere(descriptor: &mut Descriptor) {
    descriptor.checkout_hosts = vec![HostRule::Exactly("checkout.acme.example".to_owned())];
}

pub(crate) fn supports_what_it_does_not_say(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if call.operation == Operation::ExpireCheckout {
        return Ok(Answer::said(Facts::word(Word::Expired)));
    }
    acme::Acme.perform(call, dialogue)
}

pub(crate) fn refund_presumed_done(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let Operation::Refund(order) = &call.operation else {
        return acme::Acme.perform(call, dialogue);
    };
    let response = dialogue.send(acme::refund_request(call, order)?)?;
    if response.status == 204 {
        let item = processor_sdk::Item {
            kind: processor_sdk::ItemKind::Refund,
            id: None,
            echo: Some(order.echo.clone()),
            state: ItemState::Succeeded,
            amount: None,
            reason: None,
            at: None,
        };
        return Ok(Answer::said(Facts { items: vec![item], ..Facts::default() }));
    }
    acme::refund_answer(&response.success_json()?)
}

pub(crate) fn request_id(call: &Call, body: &mut Value) {
    body["request_id"] = json!(call.key);
}

/// Nests deeper than JSON readers go.
pub(crate) fn deep_metadata(_call: &Call, body: &mut Value) {
    body["metadata"] = (0..200).fold(json!("deep"), |inner, _| json!([inner]));
}

/// A processor that does not sign: the delivery says where to look, and our own look-up says what is so.
pub(crate) fn receive_by_look_up(
    delivery: &Delivery,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Vec<Notification>> {
    let event = delivery.json()?;
    if event.text("/type")? != "checkout.updated" {
        return Ok(vec![Notification { says: Says::Ignored { why: "none of ours".to_owned() }, ..hint() }]);
    }
    let url = format!("https://api.acme.example/v1/checkouts/{}", event.text("/checkout/id")?);
    let (response, proof) = dialogue.look_up(HttpRequest::get(url).bearer("api_key"))?;
    let facts = acme::checkout_facts(&response.success_json()?)?;
    Ok(vec![Notification { says: Says::Facts(facts), proof: Some(proof), ..hint() }])
}

pub(crate) fn receive_by_look_up_with_event_id(
    delivery: &Delivery,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Vec<Notification>> {
    let event_id = delivery.json()?.text("/id")?.to_owned();
    let notifications = receive_by_look_up(delivery, dialogue)?;
    Ok(notifications
        .into_iter()
        .map(|said| Notification { event_id: Some(event_id.clone()), ..said })
        .collect())
}

pub(crate) fn unsigned(descriptor: &mut Descriptor) {
    descriptor.deliveries = SignedDeliveries::Unsigned;
}
