//! Sandbox Pay's JSON: how it writes things down, and what its words mean in ours.
//!
//! Invariant: a field that we need and cannot read is a fault. Nothing is guessed, no word is rounded to a
//! nearby one.

use processor_sdk::{
    Call, CaptureMode, CheckoutOrder, Currency, Decline, DeclineCode, Door, Facts, Fault, HttpResponse, Item,
    ItemKind, ItemState, Json, Notification, Reference, ReferenceKind, RefundOrder, Says, Word,
};
use serde_json::{Value, json};

/// Sandbox Pay's limit for a description.
const DESCRIPTION_CHARACTERS_MAX: usize = 500;
/// The contract's limit for a processor's own code.
const CODE_CHARACTERS_MAX: usize = 64;

pub(crate) fn new_session(call: &Call, order: &CheckoutOrder) -> Value {
    let mut body = json!({
        "reference": call.echo,
        "amount": call.amount.minor(),
        "currency": call.amount.currency().code(),
        "capture": match call.capture {
            CaptureMode::Automatic => "automatic",
            CaptureMode::Manual => "manual",
        },
        "return_url": order.return_url,
        "cancel_url": order.cancel_url,
        "expires_at": order.expires_at.as_unix_seconds(),
    });
    if let Some(description) = &order.description {
        body["description"] = description.chars().take(DESCRIPTION_CHARACTERS_MAX).collect::<String>().into();
    }
    if let Some(locale) = &order.shopper.locale {
        body["locale"] = locale.as_str().into();
    }
    body
}

pub(crate) fn new_refund(call: &Call, order: &RefundOrder) -> Result<Value, Fault> {
    let mut body = json!({
        "payment": call.require_reference(ReferenceKind::Payment)?,
        "amount": order.amount.minor(),
        "reference": order.echo,
    });
    if let Some(reason) = &order.reason {
        body["reason"] = reason.as_str().into();
    }
    Ok(body)
}

/// A session with the payment inside it, which is null until the shopper approves.
pub(crate) fn session(session: &Json) -> Result<Facts, Fault> {
    let payment = match session.at("/payment") {
        Some(_) => payment(&session.part("/payment")?)?,
        None => Facts::default(),
    };
    Ok(Facts {
        word: Some(word(session.text("/status")?)),
        decline: session.optional_text("/decline_code")?.map(decline),
        amount: Some(session.minor_units("/amount", session.currency("/currency")?)?),
        at: payment.at.max(Some(session.unix_seconds("/updated")?)),
        ..payment
    }
    .reference(ReferenceKind::Session, session.text("/id")?))
}

pub(crate) fn payment(payment: &Json) -> Result<Facts, Fault> {
    let currency = payment.currency("/currency")?;
    let mut facts = Facts {
        word: Some(word(payment.text("/status")?)),
        amount: Some(payment.minor_units("/amount", currency)?),
        authorized: Some(payment.minor_units("/amount_authorized", currency)?),
        capture_before: payment.optional_unix_seconds("/capture_before")?,
        captured: Some(payment.minor_units("/amount_captured", currency)?),
        refunded: Some(payment.minor_units("/amount_refunded", currency)?),
        at: Some(payment.unix_seconds("/updated")?),
        ..Facts::default()
    }
    .reference(ReferenceKind::Payment, payment.text("/id")?)
    .reference(ReferenceKind::Session, payment.text("/session")?);
    for capture in payment.list("/captures")? {
        facts = facts.reference(ReferenceKind::Capture, capture.text("/id")?);
        let at = Some(capture.unix_seconds("/created")?);
        facts.items.push(Item { at, ..item(ItemKind::Capture, &capture, currency)? });
    }
    Ok(facts)
}

pub(crate) fn refund(refund: &Json) -> Result<Facts, Fault> {
    item_of_payment(ItemKind::Refund, ReferenceKind::Refund, refund, "/failure_code")
}

pub(crate) fn dispute(dispute: &Json) -> Result<Facts, Fault> {
    item_of_payment(ItemKind::Dispute, ReferenceKind::Dispute, dispute, "/reason")
}

/// An object of its own that names its payment.
fn item_of_payment(
    kind: ItemKind,
    reference_kind: ReferenceKind,
    object: &Json,
    reason: &str,
) -> Result<Facts, Fault> {
    let item = Item {
        reason: object.optional_text(reason)?.map(code),
        at: Some(object.unix_seconds("/updated")?),
        ..item(kind, object, object.currency("/currency")?)?
    };
    Ok(Facts { items: vec![item], ..Facts::default() }
        .reference(ReferenceKind::Payment, object.text("/payment")?)
        .reference(reference_kind, object.text("/id")?))
}

/// What captures, refunds and disputes have in common.
fn item(kind: ItemKind, object: &Json, currency: Currency) -> Result<Item, Fault> {
    Ok(Item {
        kind,
        id: Some(object.text("/id")?.to_owned()),
        echo: object.optional_text("/reference")?.map(str::to_owned),
        state: item_state(object.text("/status")?)?,
        amount: Some(object.minor_units("/amount", currency)?),
        reason: None,
        at: None,
    })
}

/// The page to send the shopper to; only an open session has one.
pub(crate) fn door(session: &Json) -> Result<Option<Door>, Fault> {
    Ok(if session.text("/status")? == "open" { Some(Door::redirect(session.text("/url")?)) } else { None })
}

/// Something that we asked for and Sandbox Pay refused to do.
pub(crate) fn failed(kind: ItemKind, echo: &str, reason: &str) -> Facts {
    let (echo, reason) = (Some(echo.to_owned()), Some(code(reason)));
    let item = Item { kind, id: None, echo, state: ItemState::Failed, amount: None, reason, at: None };
    Facts { items: vec![item], ..Facts::default() }
}

/// A checkout that Sandbox Pay refused to open. Another processor may well take it.
pub(crate) fn invalid_request(processor_code: &str) -> Facts {
    let processor_code = Some(code(processor_code));
    let decline = Decline { code: DeclineCode::InvalidRequest, elsewhere: true, processor_code };
    Facts { decline: Some(decline), ..Facts::word(Word::Declined) }
}

/// What an object says that has nothing but names: that there is something to ask about.
pub(crate) fn hint(object: &Json) -> Result<Option<Notification>, Fault> {
    if object.at("/status").is_some() || object.at("/updated").is_some() {
        return Ok(None);
    }
    let kind = match object.optional_text("/object")? {
        Some("session") => ReferenceKind::Session,
        Some("payment") => ReferenceKind::Payment,
        Some("refund") => ReferenceKind::Refund,
        Some("dispute") => ReferenceKind::Dispute,
        Some(_) | None => return Ok(None),
    };
    let reference = Reference::new(kind, object.text("/id")?);
    // The reference of a refund is the refund's own and names no attempt.
    let names_attempt = matches!(reference.kind, ReferenceKind::Session | ReferenceKind::Payment);
    let echo = object.optional_text("/reference")?.filter(|_| names_attempt).map(str::to_owned);
    let references = vec![reference];
    Ok(Some(Notification { event_id: None, references, echo, says: Says::Changed, proof: None }))
}

/// Adds what one refund, dispute or refusal says to what is known of its payment.
pub(crate) fn add(facts: &mut Facts, more: Facts) {
    facts.references.extend(more.references);
    facts.items.extend(more.items);
}

/// The code of a refusal, which Sandbox Pay gives with a 4xx. A 5xx refuses nothing: the work may be done.
pub(crate) fn error_code(response: &HttpResponse) -> Option<String> {
    if !(400..=499).contains(&response.status) {
        return None;
    }
    response.json().ok()?.text("/error/code").ok().map(str::to_owned)
}

/// The words of sessions and payments.
fn word(status: &str) -> Word {
    match status {
        "open" => Word::Open,
        "processing" => Word::Pending,
        "authorized" => Word::Authorized,
        "paid" | "captured" => Word::Paid,
        "declined" => Word::Declined,
        "voided" | "canceled" => Word::Voided,
        "expired" => Word::Expired,
        other => Word::Unknown(code(other)),
    }
}

/// The words of captures, refunds and disputes. There is no state for a word that we do not know.
fn item_state(status: &str) -> Result<ItemState, Fault> {
    match status {
        "pending" | "open" => Ok(ItemState::Pending),
        "succeeded" | "lost" => Ok(ItemState::Succeeded),
        "failed" | "won" => Ok(ItemState::Failed),
        _ => Err(Fault::unreadable("expected a documented status of a capture, refund or dispute")),
    }
}

fn decline(processor_code: &str) -> Decline {
    let (decline_code, elsewhere) = match processor_code {
        "card_declined" => (DeclineCode::CardDeclined, false),
        "insufficient_funds" => (DeclineCode::InsufficientFunds, false),
        "stolen_card" => (DeclineCode::StolenOrLost, false),
        "processor_unavailable" => (DeclineCode::ProcessorUnavailable, true),
        _ => (DeclineCode::Other, false),
    };
    Decline { code: decline_code, elsewhere, processor_code: Some(code(processor_code)) }
}

/// A processor's own code, kept to the characters and length that the contract allows.
fn code(text: &str) -> String {
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "_-.".contains(*character);
    text.chars().filter(allowed).take(CODE_CHARACTERS_MAX).collect()
}
