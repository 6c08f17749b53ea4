//! Stripe's webhooks: how they are signed, and what each event says.
//!
//! Source: Stripe's documentation, "Webhooks" (docs.stripe.com/webhooks), and the signature code of Stripe's
//! own libraries.
//!
//! Invariant: nothing of an event is read before its signature has passed. An event that cannot tell the
//! whole truth about money is a hint, and the hub asks.

use processor_sdk::{
    Delivery, Facts, Fault, Json, Notification, Part, Says, Settings, SignatureCheck, Timestamp, Word,
};

use crate::wire::{self, HUB_ATTEMPT};

/// How far an event's signed time may lie from its receipt, in seconds: what Stripe's own libraries allow.
const SIGNATURE_TOLERANCE_S: u32 = 300;

/// `Stripe-Signature: t=1700000000,v1=<hex>` covers the time, a full stop and the body. While a secret is
/// being rolled there are several `v1`. Other schemes, such as `v0`, count for nothing.
pub(crate) fn signature(delivery: &Delivery) -> Result<SignatureCheck, Fault> {
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

/// What an event says: an object as it was when the event was made.
pub(crate) fn read(event: &Json, livemode: bool, settings: &Settings) -> Result<Notification, Fault> {
    let event_id = Some(event.text("/id")?.to_owned());
    if event.text("/object")? != "event" {
        return Ok(Notification { event_id, ..ignored("not an event of the API that we use") });
    }
    if event.flag("/livemode")? != livemode {
        return Ok(Notification { event_id, ..ignored("the event's livemode is not this connector's") });
    }
    if event.optional_text("/account")? != settings.optional_text("account") {
        return Ok(Notification { event_id, ..ignored("the event is of another account") });
    }
    Ok(Notification { event_id, ..by_type(event, &event.part("/data/object")?)? })
}

fn by_type(event: &Json, object: &Json) -> Result<Notification, Fault> {
    let kind = event.text("/type")?;
    match kind {
        "checkout.session.completed"
        | "checkout.session.async_payment_succeeded"
        | "checkout.session.async_payment_failed"
        | "checkout.session.expired" => session(event, object, kind),
        "payment_intent.amount_capturable_updated"
        | "payment_intent.processing"
        | "payment_intent.succeeded"
        | "payment_intent.payment_failed"
        | "payment_intent.canceled" => payment(event, object, kind),
        // A charge's total counts refunds that are still pending, so it proves none of them.
        "charge.refunded" => hinted(object),
        "charge.refund.updated" | "refund.created" | "refund.updated" | "refund.failed" => {
            refund(event, object)
        }
        "charge.dispute.created"
        | "charge.dispute.updated"
        | "charge.dispute.closed"
        | "charge.dispute.funds_withdrawn"
        | "charge.dispute.funds_reinstated" => said(event, wire::dispute(object)?, None),
        _ => Ok(ignored("not an event type that we use")),
    }
}

fn session(event: &Json, session: &Json, kind: &str) -> Result<Notification, Fault> {
    let Some(echo) = wire::metadata(session, HUB_ATTEMPT)? else { return Ok(not_ours()) };
    let facts = wire::session(session)?;
    let is_failure = kind == "checkout.session.async_payment_failed";
    // Complete and unpaid is a delayed payment, a failed one, or an authorization: the session alone does
    // not tell which.
    if !is_failure && session.text("/status")? == "complete" && session.text("/payment_status")? == "unpaid" {
        return hinted(session);
    }
    let word = facts.word.map(|word| if is_failure && word == Word::Pending { Word::Declined } else { word });
    said(event, Facts { word, ..facts }, Some(echo))
}

fn payment(event: &Json, intent: &Json, kind: &str) -> Result<Notification, Fault> {
    let Some(echo) = wire::metadata(intent, HUB_ATTEMPT)? else { return Ok(not_ours()) };
    let facts = wire::payment(intent)?;
    match kind {
        // Voided, lapsed, or the end of an expired page: the session tells which.
        "payment_intent.canceled" => hinted(intent),
        // Why a try failed. The page may be open for another one.
        "payment_intent.payment_failed" => said(event, Facts { word: None, ..facts }, Some(echo)),
        _ => said(event, facts, Some(echo)),
    }
}

fn refund(event: &Json, refund: &Json) -> Result<Notification, Fault> {
    let echo = wire::metadata(refund, HUB_ATTEMPT)?;
    let facts = wire::refund(refund)?;
    if wire::may_be_release(refund)? {
        let references = facts.references.into_iter().collect();
        return Ok(Notification { references, echo, ..notification(Says::Changed) });
    }
    said(event, facts, echo)
}

fn said(event: &Json, facts: Facts, echo: Option<String>) -> Result<Notification, Fault> {
    let references = facts.references.iter().cloned().collect();
    let facts = Facts { at: Some(event.unix_seconds("/created")?), ..facts };
    Ok(Notification { references, echo, ..notification(Says::Facts(facts)) })
}

fn hinted(object: &Json) -> Result<Notification, Fault> {
    let (facts, echo) = wire::hint(object)?;
    let references = facts.references.into_iter().collect();
    Ok(Notification { references, echo, ..notification(Says::Changed) })
}

fn not_ours() -> Notification {
    ignored("not opened by this hub")
}

fn ignored(why: &str) -> Notification {
    notification(Says::Ignored { why: why.to_owned() })
}

pub(crate) const fn notification(says: Says) -> Notification {
    Notification { event_id: None, references: vec![], echo: None, says, proof: None }
}
