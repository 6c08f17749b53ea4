//! BTCPay Server's webhooks: how they are signed, and what each event is worth.
//!
//! Source: the published OpenAPI description of the Greenfield API ("Webhooks") and BTCPay Server's own sender
//! and tests of it.
//!
//! Invariant: nothing of an event is read before its signature has passed, and no event moves money. It names
//! an invoice; what became of that, the hub asks. None of the flags that versions of BTCPay lacked or had
//! wrong (`overPaid`, `afterExpiration`, `manuallyMarked`, `partiallyPaid`) is looked at.

use processor_sdk::{
    Delivery, Facts, Fault, Json, Notification, Part, Reference, ReferenceKind, Says, Settings,
    SignatureCheck, Word,
};

use crate::requests::HUB_ATTEMPT;

/// What stands before the digest in the header.
const SCHEME: &str = "sha256=";

/// How the ids of invoices begin that the dashboard makes up to try a webhook.
const MADE_UP: &str = "__test__";

/// `BTCPay-Sig: sha256=<hex>` covers the body as it was sent, indentation included. No time is signed: an event
/// that is played again has its old id, and counts once.
pub(crate) fn signature(delivery: &Delivery) -> Result<SignatureCheck, Fault> {
    let digest =
        |value: &str| value.trim().strip_prefix(SCHEME).filter(|hex| !hex.is_empty()).map(str::to_owned);
    let candidates: Vec<_> = delivery.headers.all("BTCPay-Sig").filter_map(digest).collect();
    if candidates.is_empty() {
        return Err(Fault::forged("absent or malformed header"));
    }
    Ok(SignatureCheck::hmac_sha256_hex("webhook_secret", vec![Part::DeliveryBody], candidates))
}

/// What an event says.
pub(crate) fn read(event: &Json, settings: &Settings) -> Result<Notification, Fault> {
    let kind = event.text("/type")?;
    // The same event delivered again has another id of its own, and names the first one's.
    let event_id = match event.optional_text("/originalDeliveryId")? {
        Some(original) => original,
        None => event.text("/deliveryId")?,
    };
    Ok(Notification { event_id: Some(event_id.to_owned()), ..by_type(event, kind, settings)? })
}

fn by_type(event: &Json, kind: &str, settings: &Settings) -> Result<Notification, Fault> {
    if !kind.starts_with("Invoice") || kind == "InvoiceCreated" {
        return Ok(ignored("not an event type that we use"));
    }
    if event.text("/storeId")? != settings.text("store_id")? {
        return Ok(ignored("the event is of another store"));
    }
    let id = event.text("/invoiceId")?;
    if id.starts_with(MADE_UP) {
        return Ok(ignored("a trial of the webhook"));
    }
    let invoice = Reference::new(ReferenceKind::Session, id);
    let echo = event.optional_text(&format!("/metadata/{HUB_ATTEMPT}"))?.map(str::to_owned);
    if echo.is_none() && event.at("/metadata").is_some() {
        return Ok(ignored("not opened by this hub"));
    }
    let says = match kind {
        // All of it was seen on the network: no other page may be opened now. It is no money yet.
        "InvoiceProcessing" => Says::Facts(Facts {
            references: [invoice.clone()].into(),
            at: Some(event.unix_seconds("/timestamp")?),
            ..Facts::word(Word::Pending)
        }),
        // `InvoiceReceivedPayment` may be a part, `InvoiceExpired` may be followed by money, and after it
        // `InvoicePaymentSettled` is the only sign of that: each is a reason to ask, and so is a new type.
        _ => Says::Changed,
    };
    Ok(Notification { references: vec![invoice], echo, ..notification(says) })
}

fn ignored(why: &str) -> Notification {
    notification(Says::Ignored { why: why.to_owned() })
}

pub(crate) const fn notification(says: Says) -> Notification {
    Notification { event_id: None, references: vec![], echo: None, says, proof: None }
}
