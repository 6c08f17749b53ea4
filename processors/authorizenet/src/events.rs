//! Authorize.Net's webhooks: how they are signed, and whom to ask about them.
//!
//! An event says that something happened to a record, in a few fields and with an amount that is a floating
//! point number. So it is only a reason to look: what is so is read from the record's details, whatever the
//! event is called. Its proof is the signature, which covers the id that was looked up.
//!
//! Source: Authorize.Net's documentation ("Webhooks API"). It does not say how the key is written; the known
//! answers in the tests only fit its characters as they are.
//!
//! Invariant: nothing of an event is read before its signature has passed, and nothing in it is a fact.

use processor_sdk::{
    Delivery, Dialogue, Facts, Fault, Flow, Json, MacAlgorithm, Notification, Part, Reference, ReferenceKind,
    Says, SecretRef, SignatureCheck, TextEncoding, Word,
};

use crate::amounts;
use crate::requests::{self, Account};
use crate::wire::{self, Record};

/// What a signature's digest begins with.
const ALGORITHM: &str = "sha512=";

/// `X-ANET-Signature: sha512=<hex>` covers the body. There is no time in it.
pub(crate) fn signature(delivery: &Delivery) -> Result<SignatureCheck, Fault> {
    let candidates: Vec<_> = delivery.headers.all("X-ANET-Signature").filter_map(digest).collect();
    if candidates.is_empty() {
        return Err(Fault::forged("absent or malformed header"));
    }
    let key = SecretRef::named("signature_key");
    let key = match delivery.settings.text("signature_key_encoding")? {
        "hex" => key.hex(),
        _ => key,
    };
    let over = vec![Part::DeliveryBody];
    Ok(SignatureCheck::mac(MacAlgorithm::HmacSha512, key, TextEncoding::Hex, over, candidates))
}

fn digest(header: &str) -> Option<String> {
    let (algorithm, digest) = header.trim().split_at_checked(ALGORITHM.len())?;
    (algorithm.eq_ignore_ascii_case(ALGORITHM) && !digest.is_empty()).then(|| digest.to_owned())
}

/// What is so about the record that an event names.
pub(crate) fn read(delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Notification> {
    let event = delivery.json()?;
    let event_id = Some(event.text("/notificationId")?.to_owned());
    let is_payment = event.text("/eventType")?.starts_with("net.authorize.payment.");
    let entity = event.optional_text("/payload/entityName")?;
    if !is_payment || entity.is_some_and(|entity| entity != "transaction") {
        return Ok(Notification { event_id, ..ignored("not an event about a payment or refund") });
    }
    let id = event.text("/payload/id")?;
    if id == wire::NO_ID {
        return Ok(Notification { event_id, ..ignored("only tried out: the account is in test mode") });
    }
    let said = match look_up(delivery, id, dialogue)? {
        Some(record) if record.is_refund() => refund(delivery, &event, &record, dialogue)?,
        Some(record) => payment(&event, &record)?,
        // It may not be there yet.
        None => {
            let invoice = wire::echo(&event, "/payload/invoiceNumber")?;
            hinted(id, invoice.or(wire::echo(&event, "/payload/merchantReferenceId")?))
        }
    };
    Ok(Notification { event_id, ..said })
}

fn payment(event: &Json, record: &Record) -> Result<Notification, Fault> {
    if record.is_foreign {
        return Ok(ignored("not opened by this hub"));
    }
    match record.word() {
        Some(Word::Authorized | Word::Paid | Word::Pending | Word::Unknown(_)) => {
            said(event, record.payment()?, record.echo.clone())
        }
        // Whether another try is possible, or what was taken was given back, the whole attempt tells.
        Some(Word::Open | Word::NeedsCompletion | Word::Declined | Word::Voided | Word::Expired) | None => {
            Ok(hinted(&record.id, record.echo.clone()))
        }
    }
}

/// A refund names its payment, and only that names the attempt.
fn refund(
    delivery: &Delivery,
    event: &Json,
    record: &Record,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Notification> {
    let Some(of) = &record.of else { return Ok(ignored("a refund of no payment")) };
    let Some(payment) = look_up(delivery, of, dialogue)? else { return Ok(hinted(of, None)) };
    if payment.is_foreign {
        return Ok(ignored("not opened by this hub"));
    }
    Ok(said(event, record.refund(payment.echo.as_deref()), payment.echo.clone())?)
}

fn look_up(delivery: &Delivery, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Option<Record>> {
    let account = Account { settings: &delivery.settings, livemode: delivery.livemode };
    let currency = amounts::of_account(&delivery.settings)?;
    let response = dialogue.send(requests::details(account, id)?)?;
    let record = wire::answer(&response)
        .and_then(|answer| answer.map(|answer| wire::record(&answer, id, currency)).transpose());
    Ok(record.map_err(|fault| match fault {
        // It is not the delivery that cannot be read, so that it is worth another try.
        Fault::Unreadable { .. } => Fault::Processor { status: response.status },
        other => other,
    })?)
}

fn said(event: &Json, facts: Facts, echo: Option<String>) -> Result<Notification, Fault> {
    let references = facts.references.iter().cloned().collect();
    let facts = Facts { at: Some(event.rfc3339("/eventDate")?), ..facts };
    Ok(Notification { references, echo, ..notification(Says::Facts(facts)) })
}

fn hinted(id: &str, echo: Option<String>) -> Notification {
    let references = vec![Reference::new(ReferenceKind::Payment, id)];
    Notification { references, echo, ..notification(Says::Changed) }
}

fn ignored(why: &str) -> Notification {
    notification(Says::Ignored { why: why.to_owned() })
}

pub(crate) const fn notification(says: Says) -> Notification {
    Notification { event_id: None, references: vec![], echo: None, says, proof: None }
}
