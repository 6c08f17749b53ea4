//! Mollie's calls: what they name. None of them says what is so.
//!
//! Classic webhooks are forms of one id, without a signature. Signed ones belong to an account's own
//! subscription; they are verified, and still only hints, because one adapter reads both and a hint costs no
//! more than a look-up. Source: Mollie's documentation, "Webhooks" and "Next-gen webhooks", and the signature
//! code of Mollie's own libraries.
//!
//! Invariant: a call teaches nothing. The ids in it find a payment that we know, and the hub asks.

use processor_sdk::{
    Delivery, Fault, Json, Notification, Part, Reference, ReferenceKind, Says, SignatureCheck,
};

use crate::wire::HUB_ATTEMPT;

/// Longer ids are none of Mollie's, in bytes.
const ID_BYTES_MAX: usize = 64;
/// The contract's limit for our own id of an attempt, in bytes.
const ECHO_BYTES_MAX: usize = 20;

/// `id=tr_…` and nothing else, whatever happened: payment, capture, refund or chargeback.
pub(crate) fn classic(delivery: &Delivery) -> Result<Notification, Fault> {
    let body = delivery.body.as_text().unwrap_or_default();
    let fields: Vec<_> =
        body.trim().split('&').map(|field| field.split_once('=').unwrap_or((field, ""))).collect();
    let ids: Vec<_> = fields.iter().filter(|(name, _)| *name == "id").map(|(_, id)| *id).collect();
    let is_test = fields.iter().any(|(name, _)| *name == "testByMollie")
        || delivery.query.iter().any(|(name, _)| name == "testByMollie");
    match ids.as_slice() {
        [] if is_test => Ok(ignored("a test call from Mollie's dashboard")),
        [id] if is_id(id, "ord_") => Ok(ignored("of the old Orders API, which we do not use")),
        [id] if is_id(id, "tr_") => {
            let references = vec![Reference::new(ReferenceKind::Payment, *id)];
            Ok(Notification { references, echo: echo(delivery), ..notification(Says::Changed) })
        }
        _ => Err(Fault::unreadable("expected a form with one id=tr_… in it")),
    }
}

/// Our own id, as it stands in the URL that we gave Mollie for this payment.
fn echo(delivery: &Delivery) -> Option<String> {
    let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_echo = |text: &&String| (1..=ECHO_BYTES_MAX).contains(&text.len()) && text.bytes().all(is_plain);
    let in_query = delivery.query.iter().find(|(name, _)| name == HUB_ATTEMPT).map(|(_, value)| value);
    in_query.filter(is_echo).cloned()
}

/// `X-Mollie-Signature: sha256=<hex>` covers the body and no time. The prefix may be missing, and there may be
/// several values.
pub(crate) fn signature(delivery: &Delivery) -> Result<SignatureCheck, Fault> {
    let values = delivery.headers.all("X-Mollie-Signature").flat_map(|line| line.split(','));
    let bare = |value: &str| value.strip_prefix("sha256=").unwrap_or(value).to_owned();
    let candidates: Vec<_> =
        values.map(|value| bare(value.trim())).filter(|value| !value.is_empty()).collect();
    if candidates.is_empty() {
        return Err(Fault::forged("absent header"));
    }
    Ok(SignatureCheck::hmac_sha256_hex("webhook_secret", vec![Part::DeliveryBody], candidates))
}

/// What a verified call names: an event with its entity's id, and perhaps the entity; or a bare entity.
pub(crate) fn signed(body: &Json) -> Result<Notification, Fault> {
    let (entity_id, entity) = if body.text("/resource")? == "event" {
        body.text("/id")?;
        if !is_used(body.text("/type")?) {
            return Ok(ignored("not an event type that we use"));
        }
        (body.text("/entityId")?, "/_embedded/entity")
    } else {
        (body.text("/id")?, "")
    };
    let Some(kind) = kind(entity_id) else { return Ok(ignored("not about a payment")) };
    let mut references = vec![Reference::new(kind, entity_id)];
    if let Some(payment) = body.optional_text(&format!("{entity}/paymentId"))?.filter(|id| is_id(id, "tr_")) {
        references.push(Reference::new(ReferenceKind::Payment, payment));
    }
    let echo = body.optional_text(&format!("{entity}/metadata/{HUB_ATTEMPT}")).ok().flatten();
    Ok(Notification { references, echo: echo.map(str::to_owned), ..notification(Says::Changed) })
}

/// Events about payments, whatever Mollie may add to their kinds.
fn is_used(kind: &str) -> bool {
    ["payment.", "refund.", "chargeback.", "capture."].iter().any(|prefix| kind.starts_with(prefix))
}

fn kind(id: &str) -> Option<ReferenceKind> {
    [
        ("tr_", ReferenceKind::Payment),
        ("re_", ReferenceKind::Refund),
        ("chb_", ReferenceKind::Dispute),
        ("cpt_", ReferenceKind::Capture),
    ]
    .into_iter()
    .find_map(|(prefix, kind)| is_id(id, prefix).then_some(kind))
}

fn is_id(id: &str, prefix: &str) -> bool {
    id.len() <= ID_BYTES_MAX
        && id
            .strip_prefix(prefix)
            .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_alphanumeric()))
}

fn ignored(why: &str) -> Notification {
    notification(Says::Ignored { why: why.to_owned() })
}

pub(crate) const fn notification(says: Says) -> Notification {
    Notification { event_id: None, references: vec![], echo: None, says, proof: None }
}
