//! Stripe's JSON objects read as facts.
//!
//! Invariant: a field that we need and cannot read is a fault. Nothing is guessed.

use processor_sdk::{
    Call, Currency, Door, Facts, Fault, HttpResponse, Item, ItemKind, ItemState, Json, ReferenceKind,
    Timestamp,
};
use serde_json::Value;

use crate::{amounts, words};

/// Names in Stripe's `metadata` under which our own ids come back.
pub(crate) const HUB_ATTEMPT: &str = "hub_attempt";
pub(crate) const HUB_CAPTURE: &str = "hub_capture";
pub(crate) const HUB_REFUND: &str = "hub_refund";

/// A Checkout Session, with the PaymentIntent inside it where Stripe shows it whole.
pub(crate) fn session(session: &Json) -> Result<Facts, Fault> {
    let currency = session.currency("/currency")?;
    let intent = expanded(session, "/payment_intent")?;
    let facts = match &intent {
        Some(intent) => payment(intent)?,
        None => with_reference(Facts::default(), ReferenceKind::Payment, id(session, "/payment_intent")?),
    };
    let intent_status = intent.as_ref().map(|intent| intent.text("/status")).transpose()?;
    let word = words::of_session(session.text("/status")?, session.text("/payment_status")?, intent_status);
    Ok(Facts {
        word: Some(word),
        // What was asked for, in the currency it was asked in.
        amount: Some(amounts::read(session, "/amount_total", currency)?),
        ..facts
    }
    .reference(ReferenceKind::Session, session.text("/id")?))
}

/// A PaymentIntent. There is one charge that counts, its latest.
pub(crate) fn payment(intent: &Json) -> Result<Facts, Fault> {
    let currency = intent.currency("/currency")?;
    let status = intent.text("/status")?;
    let captured = amounts::read(intent, "/amount_received", currency)?;
    let capturable = amounts::read(intent, "/amount_capturable", currency)?;
    let charge = id(intent, "/latest_charge")?;
    // Once it is captured, what could not be captured is released and no longer said.
    let authorized = (status == "requires_capture").then(|| capturable.checked_add(captured));
    let mut facts = Facts {
        word: Some(words::of_intent(status)),
        decline: error_code(intent, "/last_payment_error")?.map(|code| words::decline(&code)),
        amount: Some(amounts::read(intent, "/amount", currency)?),
        authorized: authorized
            .transpose()
            .map_err(|_| Fault::unreadable("expected amounts that can be added"))?,
        capture_before: capture_before(intent)?,
        captured: Some(captured),
        ..Facts::default()
    }
    .reference(ReferenceKind::Payment, intent.text("/id")?);
    let echo = metadata(intent, HUB_CAPTURE)?;
    if captured.is_positive() && (charge.is_some() || echo.is_some()) {
        facts.items.push(Item {
            kind: ItemKind::Capture,
            id: charge.clone(),
            echo,
            state: ItemState::Succeeded,
            amount: Some(captured),
            reason: None,
            at: None,
        });
    }
    Ok(with_reference(facts, ReferenceKind::Authorization, charge))
}

/// Until when the card's bank keeps the money reserved. Only the whole charge says so, and only of cards.
fn capture_before(intent: &Json) -> Result<Option<Timestamp>, Fault> {
    match expanded(intent, "/latest_charge")? {
        Some(charge) => charge.optional_unix_seconds("/payment_method_details/card/capture_before"),
        None => Ok(None),
    }
}

pub(crate) fn refund(refund: &Json) -> Result<Facts, Fault> {
    let state = words::of_refund(refund.text("/status")?);
    let reason = refund.optional_text("/failure_reason")?;
    let facts = item_of_payment((ItemKind::Refund, ReferenceKind::Refund), refund, state, reason)?;
    let echo = metadata(refund, HUB_REFUND)?;
    Ok(Facts {
        items: facts.items.into_iter().map(|item| Item { echo: echo.clone(), ..item }).collect(),
        ..facts
    })
}

/// Whether a refund may be the release of what was never captured: Stripe writes that down as a refund too,
/// but no balance moves.
pub(crate) fn may_be_release(refund: &Json) -> Result<bool, Fault> {
    Ok(metadata(refund, HUB_REFUND)?.is_none() && refund.at("/balance_transaction").is_none())
}

/// Whether a refund is the release of what was not captured of this PaymentIntent.
pub(crate) fn is_release(refund: &Json, intent: &Json) -> Result<bool, Fault> {
    let released = intent.integer("/amount")?.checked_sub(intent.integer("/amount_received")?);
    let is_all_of_it =
        released.is_some_and(|released| released > 0) && released == Some(refund.integer("/amount")?);
    Ok(is_all_of_it && may_be_release(refund)?)
}

pub(crate) fn dispute(dispute: &Json) -> Result<Facts, Fault> {
    let state = words::of_dispute(dispute.text("/status")?);
    let reason = dispute.optional_text("/reason")?;
    item_of_payment((ItemKind::Dispute, ReferenceKind::Dispute), dispute, state, reason)
}

/// An object of its own that names its payment, or at least its charge. Stripe does not say when it came to
/// its state, only when it was made.
fn item_of_payment(
    (kind, reference_kind): (ItemKind, ReferenceKind),
    object: &Json,
    state: ItemState,
    reason: Option<&str>,
) -> Result<Facts, Fault> {
    let item = Item {
        kind,
        id: Some(object.text("/id")?.to_owned()),
        echo: None,
        state,
        amount: Some(amounts::read(object, "/amount", object.currency("/currency")?)?),
        reason: reason.map(words::code),
        at: None,
    };
    let facts =
        Facts { items: vec![item], ..Facts::default() }.reference(reference_kind, object.text("/id")?);
    Ok(with_reference(
        with_reference(facts, ReferenceKind::Payment, id(object, "/payment_intent")?),
        ReferenceKind::Authorization,
        id(object, "/charge")?,
    ))
}

/// The page to send the shopper to; only an open session has one.
pub(crate) fn door(call: &Call, session: &Json) -> Result<Option<Door>, Fault> {
    if session.text("/status")? != "open" {
        return Ok(None);
    }
    let open_s = session.unix_seconds("/expires_at")?.seconds_since(call.created_at).max(0);
    let door = Door::redirect(session.text("/url")?);
    Ok(Some(Door { expires_in_s: Some(u32::try_from(open_s).unwrap_or(u32::MAX)), ..door }))
}

/// Something that we asked for and Stripe refused to do.
pub(crate) fn failed(kind: ItemKind, echo: &str, reason: &str) -> Item {
    let (echo, reason) = (Some(echo.to_owned()), Some(words::code(reason)));
    Item { kind, id: None, echo, state: ItemState::Failed, amount: None, reason, at: None }
}

/// Adds what one refund or dispute says to what is known of its payment.
pub(crate) fn add(facts: &mut Facts, more: Facts) {
    facts.references.extend(more.references);
    facts.items.extend(more.items);
}

/// The code of a refusal: Stripe read the request and did nothing. Not one: 409 (the key is in use, something
/// may be happening), a key that was used for another request, 5xx, and whatever Stripe wants repeated.
pub(crate) fn refusal(response: &HttpResponse) -> Option<String> {
    let wants_retry =
        response.headers.get("stripe-should-retry").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if !matches!(response.status, 400 | 402 | 404) || wants_retry {
        return None;
    }
    let body = response.json().ok()?;
    match body.text("/error/type").ok()? {
        "invalid_request_error" | "card_error" => error_code(&body, "/error").ok()?,
        _ => None,
    }
}

/// The nearest reason that an error object gives: the bank's, Stripe's code, or else the kind of error.
fn error_code(object: &Json, pointer: &str) -> Result<Option<String>, Fault> {
    for name in ["decline_code", "code", "type"] {
        if let Some(code) = object.optional_text(&format!("{pointer}/{name}"))? {
            return Ok(Some(code.to_owned()));
        }
    }
    Ok(None)
}

/// A value that we put into an object's metadata; there may be none.
pub(crate) fn metadata(object: &Json, name: &str) -> Result<Option<String>, Fault> {
    Ok(object.optional_text(&format!("/metadata/{name}"))?.map(str::to_owned))
}

/// The object at a pointer where Stripe shows it whole; `None` where it gives only the id, or nothing.
pub(crate) fn expanded(object: &Json, pointer: &str) -> Result<Option<Json>, Fault> {
    match object.at(pointer) {
        Some(Value::Object(_)) => object.part(pointer).map(Some),
        Some(_) | None => Ok(None),
    }
}

/// The id at a pointer, whether Stripe gives it alone or inside the whole object.
fn id(object: &Json, pointer: &str) -> Result<Option<String>, Fault> {
    let id = match expanded(object, pointer)? {
        Some(whole) => Some(whole.text("/id")?.to_owned()),
        None => object.optional_text(pointer)?.map(str::to_owned),
    };
    Ok(id)
}

fn with_reference(facts: Facts, kind: ReferenceKind, id: Option<String>) -> Facts {
    match id {
        Some(id) => facts.reference(kind, id),
        None => facts,
    }
}

/// The references and echo of an object that is only a hint.
pub(crate) fn hint(object: &Json) -> Result<(Facts, Option<String>), Fault> {
    let facts = with_reference(Facts::default(), ReferenceKind::Payment, id(object, "/payment_intent")?);
    let kind = match object.text("/object")? {
        "checkout.session" => ReferenceKind::Session,
        "payment_intent" => ReferenceKind::Payment,
        _ => ReferenceKind::Authorization,
    };
    Ok((facts.reference(kind, object.text("/id")?), metadata(object, HUB_ATTEMPT)?))
}

/// A currency as Stripe writes it.
pub(crate) fn currency_code(currency: Currency) -> String {
    currency.code().to_ascii_lowercase()
}

/// Whether a dispute was ever opened about a PaymentIntent. Only the charge says so.
pub(crate) fn is_disputed(intent: &Json) -> Result<bool, Fault> {
    match expanded(intent, "/latest_charge")? {
        Some(charge) => charge.flag("/disputed"),
        None => Ok(false),
    }
}
