//! PayPal's webhooks: which payment each is about.
//!
//! PayPal signs with certificates that would have to be fetched and followed to a public root. They are not
//! checked here, so an event is never believed: it only makes the hub ask PayPal itself.
//!
//! Invariant: nothing of a delivery becomes a fact. Neither does its id, or a forged one could silence the real
//! event.

use processor_sdk::{Fault, Json, Notification, Reference, ReferenceKind, Says};

use crate::wire;

/// PayPal's limit for an id of a dispute, in bytes; all others are much shorter.
const ID_BYTES_MAX: usize = 255;

/// What an event is about.
pub(crate) enum Event {
    /// A payment: a reason to look it up.
    Payment(Notification),
    /// A dispute, by PayPal's id of it, and what to look up where PayPal does not show it.
    Dispute { id: String, payments: Notification },
}

pub(crate) fn read(event: &Json) -> Result<Event, Fault> {
    let resource = || event.part("/resource");
    match event.text("/event_type")? {
        "CHECKOUT.ORDER.APPROVED" | "CHECKOUT.ORDER.COMPLETED" | "CHECKOUT.PAYMENT-APPROVAL.REVERSED" => {
            about(&resource()?, ReferenceKind::Order)
        }
        "PAYMENT.AUTHORIZATION.CREATED" | "PAYMENT.AUTHORIZATION.VOIDED" => {
            about(&resource()?, ReferenceKind::Authorization)
        }
        "PAYMENT.CAPTURE.COMPLETED"
        | "PAYMENT.CAPTURE.PENDING"
        | "PAYMENT.CAPTURE.DECLINED"
        | "PAYMENT.CAPTURE.DENIED" => about(&resource()?, ReferenceKind::Capture),
        // The resource is the refund, not the capture.
        "PAYMENT.CAPTURE.REFUNDED"
        | "PAYMENT.CAPTURE.REVERSED"
        | "PAYMENT.REFUND.PENDING"
        | "PAYMENT.REFUND.FAILED" => about(&resource()?, ReferenceKind::Refund),
        "CUSTOMER.DISPUTE.CREATED" | "CUSTOMER.DISPUTE.UPDATED" | "CUSTOMER.DISPUTE.RESOLVED" => {
            let dispute = resource()?;
            let id = id(&dispute, "/dispute_id")?.ok_or_else(no_id)?.to_owned();
            let mut references = vec![Reference::new(ReferenceKind::Dispute, &id)];
            if dispute.at("/disputed_transactions").is_some() {
                let captures = wire::disputed(&dispute)?.into_iter();
                references.extend(captures.map(|capture| Reference::new(ReferenceKind::Capture, capture)));
            }
            Ok(Event::Dispute { id, payments: Notification { references, ..notification(Says::Changed) } })
        }
        _ => Ok(Event::Payment(ignored("not an event type that we use"))),
    }
}

fn about(resource: &Json, kind: ReferenceKind) -> Result<Event, Fault> {
    let mut references = Vec::new();
    let ids = [
        (kind, "/id"),
        (ReferenceKind::Order, "/order_id"),
        (ReferenceKind::Order, "/supplementary_data/related_ids/order_id"),
        (ReferenceKind::Authorization, "/supplementary_data/related_ids/authorization_id"),
        (ReferenceKind::Capture, "/supplementary_data/related_ids/capture_id"),
    ];
    for (kind, pointer) in ids {
        references.extend(id(resource, pointer)?.map(|id| Reference::new(kind, id)));
    }
    references.extend(wire::above(resource)?);
    references.sort();
    references.dedup();
    if references.is_empty() {
        return Err(no_id());
    }
    // A refund's reference is the refund's own, or the attempt's, or another's: it names no attempt for sure.
    let echo = match kind {
        ReferenceKind::Refund => None,
        _ => match resource.optional_text("/custom_id")? {
            Some(echo) => Some(echo),
            None => resource.optional_text("/purchase_units/0/custom_id")?,
        },
    };
    Ok(Event::Payment(match echo {
        Some(other) if !wire::is_echo(other) => ignored("not opened by this hub"),
        echo => Notification { references, echo: echo.map(str::to_owned), ..notification(Says::Changed) },
    }))
}

/// An id that stands in a delivery, which anybody may have written.
fn id<'o>(resource: &'o Json, pointer: &str) -> Result<Option<&'o str>, Fault> {
    match resource.optional_text(pointer)? {
        Some(long) if long.len() > ID_BYTES_MAX => Err(no_id()),
        id => Ok(id),
    }
}

fn no_id() -> Fault {
    Fault::unreadable("expected an id of PayPal's at /resource")
}

fn ignored(why: &str) -> Notification {
    notification(Says::Ignored { why: why.to_owned() })
}

pub(crate) const fn notification(says: Says) -> Notification {
    Notification { event_id: None, references: vec![], echo: None, says, proof: None }
}
