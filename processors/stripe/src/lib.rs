//! Stripe by Checkout Sessions, its hosted page, as pure functions.
//!
//! A session is the page, a payment intent inside it is the money, a charge inside that is what was taken.
//! Read it from top to bottom: one function for each thing the hub asks of Stripe, then what its webhooks
//! mean. `form` writes what we ask, `wire` reads what it answers, `descriptor` says what it can do.
//!
//! Our echoes travel as metadata (`hub_attempt`, `hub_capture`, `hub_refund`), so that a payment, a capture
//! or a refund whose answer was lost is known again wherever it turns up.
//!
//! Invariant: the page says nothing about money while a payment intent can be asked. "Complete" is not
//! paid, and a failed try is not the end of an open page.

mod amounts;
mod descriptor;
mod form;
mod wire;

use processor_sdk::{
    Adapter, Answer, Call, CaptureOrder, Channel, CheckoutOrder, Delivery, Descriptor, Dialogue, Facts,
    Fault, Flow, HttpRequest, ItemKind, Json, Notification, Operation, Part, Reference, ReferenceKind,
    RefundOrder, Says, SignatureCheck, Timestamp, Word,
};

/// The API version that every request is made in, whatever the account's default is. Only fields that are
/// the same in all versions since 2023-08-16 are used. <https://docs.stripe.com/api/versioning>
const API_VERSION: &str = "2025-09-30.clover";
/// How far a webhook's signed time may lie from its receipt, in seconds, as in Stripe's own libraries.
const SIGNATURE_TOLERANCE_S: u32 = 300;
/// Objects that Stripe lists on one page at most.
const PAGE_OBJECTS_MAX: usize = 100;
/// Pages of one list that are read; the hub asks for at most 200 refunds of a payment.
const PAGES_MAX: usize = 4;
/// So that one answer tells of the page, the payment and what was taken.
const EXPAND: &str = "expand%5B%5D=payment_intent.latest_charge";

/// The adapter for Stripe.
#[derive(Clone, Copy, Debug)]
pub struct Stripe;

impl Adapter for Stripe {
    fn descriptor(&self) -> Descriptor {
        descriptor::descriptor()
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        match &call.operation {
            Operation::OpenCheckout(order) => open(call, order, dialogue),
            Operation::ExpireCheckout => expire(call, dialogue),
            Operation::Capture(order) => capture(call, order, dialogue),
            Operation::Void => void(call, dialogue),
            Operation::Refund(order) => refund(call, order, dialogue),
            Operation::FetchPayment => fetch_payment(call, dialogue),
            Operation::FetchRefund(order) => fetch_refund(call, order, dialogue),
            Operation::FetchDispute { id } => fetch_dispute(call, id, dialogue),
            Operation::CompleteCheckout { .. } => Err(Fault::Unsupported.into()),
        }
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        match delivery.channel {
            // No evidence of anything: the hub asks.
            Channel::Return => Ok(vec![Notification { echo: delivery.echo.clone(), ..says(Says::Changed) }]),
            Channel::Webhook => {
                let proof = dialogue.verify(signature(delivery)?)?;
                Ok(vec![Notification { proof: Some(proof), ..event(delivery)? }])
            }
        }
    }
}

/// Opens the page. Asked again, it gives the door to the same page as long as that is open.
fn open(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if call.reference(ReferenceKind::Session).is_some() {
        return fetch_payment(call, dialogue);
    }
    let fields = form::new_session(call, order)?;
    let response = dialogue.send(post(call, "/v1/checkout/sessions", fields)?)?;
    match wire::refusal(&response) {
        // Another processor may well take what this account cannot.
        Some(code) => Ok(Answer::said(wire::not_opened(&code))),
        None => said(&response.success_json()?),
    }
}

/// Closes the page. When it is closed already, what became of it is the answer.
fn expire(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let session = call.require_reference(ReferenceKind::Session)?;
    let path = format!("/v1/checkout/sessions/{session}/expire");
    let response = dialogue.send(post(call, &path, vec![])?)?;
    match wire::refusal(&response) {
        Some(_) => fetch_payment(call, dialogue),
        None => said(&response.success_json()?),
    }
}

/// Takes what is reserved, once; Stripe releases the rest. When that is refused, the payment tells whether
/// it was done before, by us or in the dashboard.
fn capture(call: &Call, order: &CaptureOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = payment_path(call)?;
    let response = dialogue.send(post(call, &format!("{path}/capture"), form::capture(order)?)?)?;
    let Some(code) = wire::refusal(&response) else {
        return Ok(Answer::said(wire::payment_intent(&response.success_json()?)?));
    };
    let mut facts = wire::payment_intent(&dialogue.send(get(call, &path)?)?.success_json()?)?;
    if !facts.items.iter().any(|item| item.echo.as_ref() == Some(&order.echo)) {
        wire::add(&mut facts, wire::failed(ItemKind::Capture, &order.echo, &code));
    }
    Ok(Answer::said(facts))
}

/// Releases the reservation. When that is refused, the payment tells why.
fn void(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = payment_path(call)?;
    let response = dialogue.send(post(call, &format!("{path}/cancel"), vec![])?)?;
    let Some(code) = wire::refusal(&response) else {
        return Ok(Answer::said(wire::payment_intent(&response.success_json()?)?));
    };
    let mut facts = wire::payment_intent(&dialogue.send(get(call, &path)?)?.success_json()?)?;
    // A payment that is voided already is what was asked for, whoever did it.
    if facts.word != Some(Word::Voided) {
        wire::add(&mut facts, wire::failed(ItemKind::Void, &call.echo, &code));
    }
    Ok(Answer::said(facts))
}

fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let response = dialogue.send(post(call, "/v1/refunds", form::refund(call, order)?)?)?;
    match wire::refusal(&response) {
        Some(code) => Ok(Answer::said(wire::failed(ItemKind::Refund, &order.echo, &code))),
        None => Ok(Answer::said(wire::refund(&response.success_json()?)?)),
    }
}

/// Everything about the payment. Where only the money is known (its first webhook outran the answer), the
/// page is found by it.
fn fetch_payment(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let session = match call.reference(ReferenceKind::Session) {
        Some(id) => find(call, &format!("/v1/checkout/sessions/{id}?{EXPAND}"), dialogue)?,
        None => {
            let payment = call.require_reference(ReferenceKind::Payment)?;
            let expand = "expand%5B%5D=data.payment_intent.latest_charge";
            let path = format!("/v1/checkout/sessions?payment_intent={payment}&{expand}");
            list(call, &path, dialogue)?.into_iter().next()
        }
    };
    let Some(session) = session else { return Ok(Answer::Absent) };
    let mut facts = wire::session(&session)?;
    if facts.captured.is_some_and(|captured| captured.is_positive()) {
        let payment = session.text("/payment_intent/id")?;
        for refund in list(call, &format!("/v1/refunds?payment_intent={payment}"), dialogue)? {
            wire::add(&mut facts, wire::refund(&refund)?);
        }
        if session.flag("/payment_intent/latest_charge/disputed")? {
            for dispute in list(call, &format!("/v1/disputes?payment_intent={payment}"), dialogue)? {
                wire::add(&mut facts, wire::dispute(&dispute)?);
            }
        }
    }
    Ok(Answer::Said { facts, door: wire::door(&session)? })
}

/// Without an id (its answer was lost) our echo in the metadata tells it from the others.
fn fetch_refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let refund = match &order.id {
        Some(id) => find(call, &format!("/v1/refunds/{id}"), dialogue)?,
        None => {
            let payment = call.require_reference(ReferenceKind::Payment)?;
            list(call, &format!("/v1/refunds?payment_intent={payment}"), dialogue)?
                .into_iter()
                .find(|refund| wire::echo(refund, form::REFUND_ECHO).as_deref() == Some(&order.echo))
        }
    };
    match refund {
        Some(refund) => Ok(Answer::said(wire::refund(&refund)?)),
        None => Ok(Answer::Absent),
    }
}

fn fetch_dispute(call: &Call, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    match find(call, &format!("/v1/disputes/{id}"), dialogue)? {
        Some(dispute) => Ok(Answer::said(wire::dispute(&dispute)?)),
        None => Ok(Answer::Absent),
    }
}

/// `Stripe-Signature: t=1700000000,v1=<hex>` covers the time, a full stop and the body, under the whole
/// secret as text, `whsec_` included. While a secret is being rolled there are several `v1`; other schemes
/// are not looked at. <https://docs.stripe.com/webhooks#verify-manually>
fn signature(delivery: &Delivery) -> Result<SignatureCheck, Fault> {
    let header = delivery.headers.get("Stripe-Signature").ok_or_else(|| Fault::forged("absent header"))?;
    let malformed = || Fault::forged("malformed header");
    let fields: Vec<_> = header.split(',').filter_map(|field| field.trim().split_once('=')).collect();
    let values = |name| fields.iter().filter(move |field| field.0 == name).map(|field| field.1);
    let time = values("t").next().ok_or_else(malformed)?;
    let signed_at = time.parse().ok().and_then(|seconds| Timestamp::from_unix_seconds(seconds).ok());
    let candidates: Vec<_> = values("v1").map(str::to_owned).collect();
    if candidates.is_empty() {
        return Err(malformed());
    }
    let over = vec![Part::text(format!("{time}.")), Part::DeliveryBody];
    Ok(SignatureCheck::hmac_sha256_hex("webhook_secret", over, candidates)
        .signed_at(signed_at.ok_or_else(malformed)?, SIGNATURE_TOLERANCE_S))
}

/// What an event says: the whole object as it was when the event was made, in the version that the endpoint
/// was made with. Where that is not enough to tell what became of the money, the hub is told to ask.
/// <https://docs.stripe.com/api/events/types>
fn event(delivery: &Delivery) -> Result<Notification, Fault> {
    let event = delivery.json()?;
    let event_id = Some(event.text("/id")?.to_owned());
    let ignored = |why: &str| Notification {
        event_id: event_id.clone(),
        ..says(Says::Ignored { why: why.to_owned() })
    };
    if event.text("/object")? != "event" {
        return Ok(ignored("not a v1 event"));
    }
    if event.flag("/livemode")? != delivery.livemode {
        return Ok(ignored("the event's livemode is not this connector's"));
    }
    if event.optional_text("/account")? != delivery.settings.optional_text("account") {
        return Ok(ignored("the event's account is not this connector's"));
    }
    let object = event.part("/data/object")?;
    let kind = event.text("/type")?;
    let (says, echo) = match kind {
        "checkout.session.completed" | "checkout.session.async_payment_succeeded"
            if wire::is_paid(&object)? =>
        {
            (Says::Facts(wire::session(&object)?), wire::session_echo(&object))
        }
        "checkout.session.expired" => (Says::Facts(wire::session(&object)?), wire::session_echo(&object)),
        // Unpaid is reserved, under way or failed: the payment intent knows.
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed" => (Says::Changed, wire::session_echo(&object)),
        "payment_intent.amount_capturable_updated"
        | "payment_intent.processing"
        | "payment_intent.succeeded" => {
            (Says::Facts(wire::payment_intent(&object)?), wire::echo(&object, form::ATTEMPT_ECHO))
        }
        // A failed try does not end an open page, and Stripe cancels the payment of a page that expired.
        "payment_intent.payment_failed" | "payment_intent.canceled" => {
            (Says::Changed, wire::echo(&object, form::ATTEMPT_ECHO))
        }
        "refund.created" | "refund.updated" | "refund.failed" | "charge.refund.updated" => {
            (Says::Facts(wire::refund(&object)?), None)
        }
        "charge.refunded" => (Says::Changed, None),
        "charge.dispute.created"
        | "charge.dispute.updated"
        | "charge.dispute.closed"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.funds_reinstated" => (Says::Facts(wire::dispute(&object)?), None),
        _ => return Ok(ignored("not an event type that we use")),
    };
    let references = wire::references(&object);
    if references.is_empty() && echo.is_none() {
        return Ok(ignored("it names no payment"));
    }
    if kind.starts_with("payment_intent.") && echo.is_none() {
        return Ok(ignored("a payment of the account that this hub did not start"));
    }
    let says = match says {
        Says::Facts(facts) => Says::Facts(Facts { at: Some(event.unix_seconds("/created")?), ..facts }),
        other @ (Says::Changed | Says::Ignored { .. }) => other,
    };
    Ok(Notification { event_id, references, echo, says, proof: None })
}

fn says(says: Says) -> Notification {
    Notification { event_id: None, references: vec![], echo: None, says, proof: None }
}

/// A session's facts, and its door while it is open.
fn said(session: &Json) -> Flow<Answer> {
    Ok(Answer::Said { facts: wire::session(session)?, door: wire::door(session)? })
}

fn payment_path(call: &Call) -> Result<String, Fault> {
    Ok(format!("/v1/payment_intents/{}", call.require_reference(ReferenceKind::Payment)?))
}

/// One object; `None` when Stripe says that it has no such thing.
fn find(call: &Call, path: &str, dialogue: &mut Dialogue<'_>) -> Flow<Option<Json>> {
    let response = dialogue.send(get(call, path)?)?;
    match wire::refusal(&response).as_deref() {
        Some("resource_missing") => Ok(None),
        Some(_) | None => Ok(Some(response.success_json()?)),
    }
}

/// All objects of a list, page by page. <https://docs.stripe.com/api/pagination>
fn list(call: &Call, path: &str, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Json>> {
    let mut objects: Vec<Json> = Vec::new();
    for _ in 0..PAGES_MAX {
        let after = match objects.last() {
            Some(last) => format!("&starting_after={}", last.text("/id")?),
            None => String::new(),
        };
        let page = dialogue.send(get(call, &format!("{path}&limit={PAGE_OBJECTS_MAX}{after}"))?)?;
        let page = page.success_json()?;
        objects.extend(page.list("/data")?);
        if !page.flag("/has_more")? {
            return Ok(objects);
        }
    }
    Err(Fault::unreadable("more objects in a list than are read").into())
}

fn get(call: &Call, path: &str) -> Result<HttpRequest, Fault> {
    headers(call, HttpRequest::get(format!("{}{path}", call.settings.base_url("base_url")?)))
}

fn post(call: &Call, path: &str, fields: Vec<(&'static str, String)>) -> Result<HttpRequest, Fault> {
    let request = HttpRequest::post(format!("{}{path}", call.settings.base_url("base_url")?));
    Ok(headers(call, request)?.header("Idempotency-Key", &call.key).form(fields))
}

fn headers(call: &Call, request: HttpRequest) -> Result<HttpRequest, Fault> {
    let request = request.bearer("api_key").header("Stripe-Version", API_VERSION);
    Ok(match call.settings.optional_text("account") {
        Some(account) => request.header("Stripe-Account", account),
        None => request,
    })
}

/// References are read in one place, so that every kind of object is found by all of its ids.
fn reference(kind: ReferenceKind, id: &str) -> Reference {
    Reference::new(kind, id)
}
