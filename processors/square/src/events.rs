//! Square's webhooks: how they are signed, and what each event says.
//!
//! Source: Square's documentation, "Validate and verify webhooks" (developer.squareup.com), the event objects
//! of its published API description, and the helper in its own libraries.
//!
//! Invariant: nothing of an event is read before its signature has passed. A seller's every payment is
//! delivered, those of the till too: an event that is not certainly about a whole payment of ours is a hint,
//! and the hub asks.

use processor_sdk::{
    Delivery, Facts, Fault, Json, MacAlgorithm, Notification, Part, Reference, ReferenceKind, Says,
    SecretRef, SignatureCheck, TextEncoding, Word,
};

use crate::{amounts, requests, wire};

const SIGNATURE: &str = "x-square-hmacsha256-signature";

/// The signature covers the address as it was registered with Square and the body, without anything between
/// them. The key is the text itself, though it looks like base64. No time is signed.
pub(crate) fn signature(delivery: &Delivery) -> Result<SignatureCheck, Fault> {
    let candidates: Vec<_> =
        delivery.headers.all(SIGNATURE).filter(|value| !value.is_empty()).map(str::to_owned).collect();
    if candidates.is_empty() {
        return Err(Fault::forged("absent header"));
    }
    let over = vec![Part::DeliveryUrl, Part::DeliveryBody];
    let key = SecretRef::named("signature_key");
    Ok(SignatureCheck::mac(MacAlgorithm::HmacSha256, key, TextEncoding::Base64, over, candidates))
}

/// What an event says: an object as it was when the event was made.
pub(crate) fn read(event: &Json) -> Result<Notification, Fault> {
    let event_id = Some(event.text("/event_id")?.to_owned());
    Ok(Notification { event_id, ..by_type(event)? })
}

fn by_type(event: &Json) -> Result<Notification, Fault> {
    let object = |name| event.part(&format!("/data/object/{name}"));
    match event.text("/type")? {
        "payment.created" | "payment.updated" => payment(event, &object("payment")?),
        "refund.created" | "refund.updated" => said(event, wire::refund(&object("refund")?)?),
        // The last of these is what the second was called before.
        "dispute.created" | "dispute.state.updated" | "dispute.state.changed" => {
            // By this name in the published examples, by the other in the published schema.
            let dispute = object("dispute").or_else(|_| object("object"))?;
            said(event, wire::dispute(&dispute)?)
        }
        "order.updated" => {
            let order = object("order_updated")?;
            Ok(hint(order.text("/order_id")?))
        }
        _ => Ok(notification(Says::Ignored { why: "not an event type that we use".to_owned() })),
    }
}

fn payment(event: &Json, payment: &Json) -> Result<Notification, Fault> {
    let (status, total) = (payment.text("/status")?, amounts::read(payment, "/total_money")?);
    let Some(order_id) = payment.optional_text("/order_id")? else {
        return Ok(notification(Says::Ignored { why: "a payment of no order".to_owned() }));
    };
    // The seller can change a note, and a payment of the till has none of ours.
    let note = payment.optional_text("/note")?.and_then(requests::read_note);
    let Some((echo, _)) = note.filter(|(_, order_total)| *order_total == total.minor()) else {
        return Ok(hint(order_id));
    };
    let whole = |word| Facts { amount: Some(total), ..Facts::word(word) };
    let facts = match status {
        "COMPLETED" => {
            let mut facts = Facts { captured: Some(total), ..whole(Word::Paid) };
            wire::add(&mut facts, wire::capture(payment)?);
            facts
        }
        "APPROVED" | "PENDING" => whole(Word::Pending),
        // Why a try failed. The link is open for another one.
        "FAILED" => match wire::decline(payment)? {
            Some(decline) => Facts { decline: Some(decline), ..Facts::default() },
            None => return Ok(hint(order_id)),
        },
        // Canceled, or a word that we do not know: the order tells what is so.
        _ => return Ok(hint(order_id)),
    };
    let facts = facts.reference(ReferenceKind::Order, order_id);
    Ok(Notification {
        echo: Some(echo.to_owned()),
        ..said(event, Facts { at: wire::updated_at(payment)?, ..facts })?
    })
}

fn said(event: &Json, facts: Facts) -> Result<Notification, Fault> {
    let at = event.rfc3339("/created_at")?;
    let facts = Facts { at: facts.at.or(Some(at)), ..facts };
    let references = facts.references.iter().cloned().collect();
    Ok(Notification { references, ..notification(Says::Facts(facts)) })
}

fn hint(order_id: &str) -> Notification {
    let references = vec![Reference::new(ReferenceKind::Order, order_id)];
    Notification { references, ..notification(Says::Changed) }
}

pub(crate) const fn notification(says: Says) -> Notification {
    Notification { event_id: None, references: vec![], echo: None, says, proof: None }
}
