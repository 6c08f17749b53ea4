//! Sandbox Pay, the make-believe processor, as pure functions. Write your own adapter after this one.
//!
//! Read it from top to bottom: who the processor is, then one function for each thing the hub asks of it,
//! then what its webhooks mean. `wire` knows how its JSON is written and what its words mean in ours.
//!
//! Invariant: only an answer or an error code that Sandbox Pay documents says anything about money. All
//! else is a fault, and the hub finds out by asking again.

mod setup;
mod wire;

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, CONTRACT_VERSION, Call, Capabilities, CaptureOrder,
    Channel, CheckoutOrder, Currencies, Delivery, Descriptor, Dialogue, Facts, Fault, Flow, HostRule,
    HttpRequest, IdempotencyProfile, ItemKind, Json, KeyCarrier, LookUp, Notification, Operation, Part,
    Reference, ReferenceKind, RefundOrder, Says, SecretField, SettingField, SettingKind, SignatureCheck,
    SignedDeliveries, Timestamp, Word,
};
use serde_json::{Value, json};

/// How long Sandbox Pay remembers an idempotency key, in seconds.
const KEY_RETENTION_S: u32 = 24 * 60 * 60;
/// How long a request that we gave up on may still be on its way, in seconds.
const ABSENT_AFTER_S: u32 = 30;
/// How far a webhook's signed time may lie from its receipt, in seconds.
const SIGNATURE_TOLERANCE_S: u32 = 300;

/// The adapter for Sandbox Pay.
#[derive(Clone, Copy, Debug)]
pub struct Sandbox;

impl Adapter for Sandbox {
    fn descriptor(&self) -> Descriptor {
        let server = || vec![HostRule::Setting("base_url".to_owned())];
        Descriptor {
            contract: CONTRACT_VERSION,
            name: "sandbox".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "Sandbox Pay".to_owned(),
            // A make-believe company has a make-believe address: read processors/sandbox-server/README.md.
            documentation: "https://sandbox-pay.example/docs".to_owned(),
            settings: vec![SettingField {
                name: "base_url".to_owned(),
                kind: SettingKind::Url,
                required: true,
                default: None,
                help: "Where Sandbox Pay listens, such as http://127.0.0.1:4010".to_owned(),
            }],
            secrets: vec![
                SecretField {
                    name: "api_key".to_owned(),
                    required: true,
                    several: false,
                    hosts: server(),
                    help: "The account's API key: `key=` of its --account".to_owned(),
                },
                SecretField {
                    name: "webhook_secret".to_owned(),
                    required: true,
                    several: true,
                    hosts: vec![],
                    help: "The account's webhook secret: `webhook_secret=` of its --account".to_owned(),
                },
            ],
            hosts: server(),
            checkout_hosts: server(),
            currencies: Currencies::All,
            capabilities: Capabilities {
                manual_capture: true,
                partial_capture: true,
                multiple_captures: true,
                void: true,
                refund: true,
                partial_refund: true,
                multiple_refunds: true,
                complete_checkout: false,
                expire_checkout: true,
                fetch_payment: LookUp::ByEcho,
                fetch_refund: LookUp::ByEcho,
                fetch_dispute: LookUp::ById,
                silent_auto_capture: false,
                orphan_session_payable: false,
            },
            idempotency: IdempotencyProfile {
                carrier: KeyCarrier::Header { name: "Idempotency-Key".to_owned() },
                retention_s: KEY_RETENTION_S,
                replays_errors: false,
                after_unknown: AfterUnknown::SameKey,
                absent_after_s: ABSENT_AFTER_S,
            },
            deliveries: SignedDeliveries::WholeBody,
            acknowledgement: Acknowledgement { status: 200, body: String::new() },
            reads: vec![],
            never_store: vec![],
            needs: vec![],
            setup: setup::STEPS.map(str::to_owned).to_vec(),
            events: vec![],
        }
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
            Channel::Return => Ok(vec![shopper_returned(delivery)]),
            Channel::Webhook => {
                let proof = dialogue.verify(signature(delivery)?)?;
                Ok(vec![Notification { proof: Some(proof), ..event(&delivery.json()?, delivery.livemode)? }])
            }
        }
    }
}

/// Opens the hosted page. Asked again, it gives the door to the same page as long as that is open.
fn open(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if call.reference(ReferenceKind::Session).is_some() {
        return fetch_payment(call, dialogue);
    }
    let response = dialogue.send(post(call, "/v1/sessions", wire::new_session(call, order))?)?;
    match wire::error_code(&response).as_deref() {
        // A key that was used for another request has opened something: no verdict, the hub looks for it.
        Some(code) if matches!(response.status, 400 | 422) && code != "idempotency_mismatch" => {
            Ok(Answer::said(wire::invalid_request(code)))
        }
        Some(_) | None => said(call, &response.success_json()?),
    }
}

/// Closes the page. When it is closed already, what became of the session is the answer.
fn expire(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let session = call.require_reference(ReferenceKind::Session)?;
    let response = dialogue.send(post(call, &format!("/v1/sessions/{session}/expire"), json!({}))?)?;
    match wire::error_code(&response).as_deref() {
        Some("session_not_open") => fetch_payment(call, dialogue),
        Some(_) | None => said(call, &response.success_json()?),
    }
}

fn capture(call: &Call, order: &CaptureOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let payment = call.require_reference(ReferenceKind::Payment)?;
    let body = json!({"amount": order.amount.minor(), "reference": order.echo});
    let response = dialogue.send(post(call, &format!("/v1/payments/{payment}/capture"), body)?)?;
    match wire::error_code(&response).as_deref() {
        Some(code @ ("amount_exceeds_authorized" | "payment_not_authorized")) => {
            Ok(Answer::said(wire::failed(ItemKind::Capture, &order.echo, code)))
        }
        Some(_) | None => said_of_payment(call, &response.success_json()?),
    }
}

/// Releases the authorization. When that is refused, the payment's own state tells why.
fn void(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = format!("/v1/payments/{}", call.require_reference(ReferenceKind::Payment)?);
    let response = dialogue.send(post(call, &format!("{path}/void"), json!({}))?)?;
    let code = wire::error_code(&response);
    let Some(code @ ("payment_not_authorized" | "payment_already_captured")) = code.as_deref() else {
        return said_of_payment(call, &response.success_json()?);
    };
    let payment = dialogue.send(get(call, &path)?)?.success_json()?;
    require_ours(call, &payment)?;
    let mut facts = wire::payment(&payment)?;
    // A payment that is voided already is what was asked for, whoever did it.
    if facts.word != Some(Word::Voided) {
        wire::add(&mut facts, wire::failed(ItemKind::Void, &call.echo, code));
    }
    Ok(Answer::said(facts))
}

fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let response = dialogue.send(post(call, "/v1/refunds", wire::new_refund(call, order)?)?)?;
    match wire::error_code(&response).as_deref() {
        Some(code @ "amount_exceeds_captured") => {
            Ok(Answer::said(wire::failed(ItemKind::Refund, &order.echo, code)))
        }
        Some(_) | None => Ok(Answer::said(wire::refund(&response.success_json()?)?)),
    }
}

/// Everything about the payment. Without an id (its first answer was lost) our echo finds it.
fn fetch_payment(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let session = match call.reference(ReferenceKind::Session) {
        Some(id) => find(call, &format!("/v1/sessions/{id}"), dialogue)?,
        // One echo has one session. Were there several, one that was paid matters most, then the newest.
        None => list(call, &format!("/v1/sessions?reference={}", call.echo), dialogue)?
            .into_iter()
            .max_by_key(|session| session.at("/payment").is_some()),
    };
    let Some(session) = session else { return Ok(Answer::Absent) };
    require_ours(call, &session)?;
    let mut facts = wire::session(&session)?;
    if session.at("/payment").is_some() {
        let payment = session.text("/payment/id")?;
        for refund in list(call, &format!("/v1/payments/{payment}/refunds"), dialogue)? {
            wire::add(&mut facts, wire::refund(&refund)?);
        }
        for dispute in list(call, &format!("/v1/disputes?payment={payment}"), dialogue)? {
            wire::add(&mut facts, wire::dispute(&dispute)?);
        }
    }
    Ok(Answer::Said { facts, door: wire::door(&session)? })
}

fn fetch_refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let refunds = match &order.id {
        Some(id) => Vec::from_iter(find(call, &format!("/v1/refunds/{id}"), dialogue)?),
        None => list(call, &format!("/v1/refunds?reference={}", order.echo), dialogue)?,
    };
    if refunds.is_empty() {
        return Ok(Answer::Absent);
    }
    let mut facts = Facts::default();
    for refund in refunds {
        wire::add(&mut facts, wire::refund(&refund)?);
    }
    Ok(Answer::said(facts))
}

fn fetch_dispute(call: &Call, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    match find(call, &format!("/v1/disputes/{id}"), dialogue)? {
        Some(dispute) => Ok(Answer::said(wire::dispute(&dispute)?)),
        None => Ok(Answer::Absent),
    }
}

/// The shopper's browser came back: no evidence of anything, so the hub is told to ask.
fn shopper_returned(delivery: &Delivery) -> Notification {
    let session = delivery.query.iter().find(|(name, value)| name == "session" && value.starts_with("ss_"));
    let references = session.map(|(_, id)| Reference::new(ReferenceKind::Session, id)).into_iter().collect();
    Notification { references, echo: delivery.echo.clone(), ..notification(Says::Changed) }
}

/// `Sandbox-Signature: t=1700000000,v1=<hex>` covers the time, a full stop and the body. While a secret is
/// being rotated there may be several `v1`.
fn signature(delivery: &Delivery) -> Result<SignatureCheck, Fault> {
    let header = delivery.headers.get("Sandbox-Signature").ok_or_else(|| Fault::forged("absent header"))?;
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

/// What an event says: the whole object as it was when the event was made.
fn event(event: &Json, livemode: bool) -> Result<Notification, Fault> {
    let event_id = Some(event.text("/id")?.to_owned());
    let ignored = |why: &str| notification(Says::Ignored { why: why.to_owned() });
    if event.flag("/livemode")? != livemode {
        return Ok(Notification { event_id, ..ignored("the event's livemode is not this connector's") });
    }
    let object = event.part("/data/object")?;
    let echo = || object.text("/reference").map(str::to_owned);
    if let Some(hint) = wire::hint(&object)? {
        return Ok(Notification { event_id, ..hint });
    }
    let (facts, echo) = match event.text("/type")? {
        "session.processing" | "session.authorized" | "session.paid" | "session.declined"
        | "session.expired" | "session.voided" => (wire::session(&object)?, Some(echo()?)),
        "payment.captured" => (wire::payment(&object)?, Some(echo()?)),
        // A refund's reference is the refund's own. The payment's id finds the attempt.
        "refund.pending" | "refund.succeeded" | "refund.failed" => (wire::refund(&object)?, None),
        "dispute.opened" | "dispute.won" | "dispute.lost" => (wire::dispute(&object)?, None),
        _ => return Ok(Notification { event_id, ..ignored("not an event type that we use") }),
    };
    let references = facts.references.iter().cloned().collect();
    let facts = Facts { at: Some(event.unix_seconds("/created")?), ..facts };
    Ok(Notification { event_id, references, echo, ..notification(Says::Facts(facts)) })
}

fn notification(says: Says) -> Notification {
    Notification { event_id: None, references: vec![], echo: None, says, proof: None }
}

/// A session's facts, and its door while it is open.
fn said(call: &Call, session: &Json) -> Flow<Answer> {
    require_ours(call, session)?;
    Ok(Answer::Said { facts: wire::session(session)?, door: wire::door(session)? })
}

fn said_of_payment(call: &Call, payment: &Json) -> Flow<Answer> {
    require_ours(call, payment)?;
    Ok(Answer::said(wire::payment(payment)?))
}

/// An answer about another reference answers nothing that was asked, whatever it says.
fn require_ours(call: &Call, session_or_payment: &Json) -> Result<(), Fault> {
    if session_or_payment.text("/reference")? == call.echo {
        Ok(())
    } else {
        Err(Fault::unreadable("expected our own reference at /reference"))
    }
}

/// One object; `None` when Sandbox Pay says that it has no such thing.
fn find(call: &Call, path: &str, dialogue: &mut Dialogue<'_>) -> Flow<Option<Json>> {
    let response = dialogue.send(get(call, path)?)?;
    match wire::error_code(&response).as_deref() {
        Some("not_found") => Ok(None),
        Some(_) | None => Ok(Some(response.success_json()?)),
    }
}

fn list(call: &Call, path: &str, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Json>> {
    Ok(dialogue.send(get(call, path)?)?.success_json()?.list("/data")?)
}

fn get(call: &Call, path: &str) -> Result<HttpRequest, Fault> {
    Ok(HttpRequest::get(format!("{}{path}", call.settings.base_url("base_url")?)).bearer("api_key"))
}

fn post(call: &Call, path: &str, body: Value) -> Result<HttpRequest, Fault> {
    Ok(HttpRequest::post(format!("{}{path}", call.settings.base_url("base_url")?))
        .bearer("api_key")
        .header("Idempotency-Key", &call.key)
        .json(body))
}
