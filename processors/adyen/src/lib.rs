//! Adyen as pure functions: a page by link or as a hosted session, and what follows once the shopper has paid.
//!
//! Read it from top to bottom: who the processor is, then one function for each thing the hub asks of it.
//! `requests` knows what is sent, `wire` and `words` what the answers mean, `amounts` how Adyen counts, and
//! `events` its webhooks. `README.md` beside this crate is for operators.
//!
//! Adyen is asynchronous throughout: it answers a capture, refund or cancel with "received", tells by webhook how
//! that ended, and cannot be asked. So an answer that got lost is found by asking again under the same key, then
//! by the webhook, then by an operator.
//!
//! Source: Adyen's published API descriptions (Checkout v72, Webhooks v1) and its documentation at
//! docs.adyen.com ("Pay by Link", "Hosted Checkout", "API idempotency", "Verify HMAC signatures").
//!
//! Invariant: only an object of Adyen's, an item that its key has signed, or a refusal that says that it did
//! nothing, says anything about money. All else is a fault, and the hub finds out by asking again.

mod amounts;
mod events;
mod requests;
mod setup;
mod wire;
mod words;

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, CONTRACT_VERSION, Call, Capabilities, CaptureOrder,
    Channel, CheckoutOrder, Delivery, Descriptor, Dialogue, Facts, Fault, Flow, Form, HostRule,
    IdempotencyProfile, ItemKind, Json, KeyCarrier, LookUp, Method, Notification, Operation, ReferenceKind,
    RefundOrder, Says, SecretField, SettingField, SettingKind, SignedDeliveries, Word,
};
use serde_json::{Value, json};

use wire::Reaction;

/// How long Adyen remembers an idempotency key at least, in seconds.
const KEY_RETENTION_S: u32 = 7 * 24 * 60 * 60;
/// How long a request that we gave up on may still be on its way, in seconds.
const ABSENT_AFTER_S: u32 = 60;
/// What the ids of hosted sessions begin with; those of links begin with `PL`.
const SESSION_ID_START: &str = "CS";

/// The value of `checkout_flow` for a page from which the shopper is not sent back.
const PAYMENT_LINK: &str = "payment_link";
/// The value of `checkout_flow` for a page from which the shopper is sent back.
const HOSTED_SESSION: &str = "hosted_session";

/// The adapter for Adyen.
#[derive(Clone, Copy, Debug)]
pub struct Adyen;

processor_sdk::export_adapter!(Adyen);

impl Adapter for Adyen {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            contract: CONTRACT_VERSION,
            name: "adyen".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "Adyen".to_owned(),
            documentation: "https://docs.adyen.com/unified-commerce/pay-by-link".to_owned(),
            settings: settings(),
            secrets: secrets(),
            hosts: api(),
            checkout_hosts: vec![
                HostRule::Below("adyen.link".to_owned()),
                HostRule::Below("adyen.com".to_owned()),
                HostRule::Setting("checkout_url".to_owned()),
            ],
            currencies: amounts::currencies(),
            capabilities: Capabilities {
                manual_capture: true,
                partial_capture: true,
                multiple_captures: false,
                void: true,
                refund: true,
                partial_refund: true,
                multiple_refunds: true,
                complete_checkout: true,
                expire_checkout: true,
                fetch_payment: LookUp::PageById,
                fetch_refund: LookUp::None,
                fetch_dispute: LookUp::None,
                silent_auto_capture: true,
                orphan_session_payable: false,
            },
            idempotency: IdempotencyProfile {
                carrier: KeyCarrier::Header { name: "Idempotency-Key".to_owned() },
                retention_s: KEY_RETENTION_S,
                replays_errors: true,
                after_unknown: AfterUnknown::SameKey,
                absent_after_s: ABSENT_AFTER_S,
            },
            deliveries: SignedDeliveries::Fields(
                events::SIGNED.iter().map(|pointer| (*pointer).to_owned()).collect(),
            ),
            // The word is what older endpoints were asked for; newer ones look at the status alone.
            acknowledgement: Acknowledgement { status: 202, body: "[accepted]".to_owned() },
            reads: vec![],
            never_store: NEVER_STORE.iter().map(|name| (*name).to_owned()).collect(),
            needs: vec![],
            setup: setup::STEPS.map(str::to_owned).to_vec(),
            events: setup::EVENTS.map(str::to_owned).to_vec(),
        }
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        match &call.operation {
            Operation::OpenCheckout(order) => open(call, order, dialogue),
            Operation::CompleteCheckout { return_parameters } => returned(call, return_parameters, dialogue),
            Operation::ExpireCheckout => expire(call, dialogue),
            Operation::Capture(order) => capture(call, order, dialogue),
            Operation::Void => void(call, dialogue),
            Operation::Refund(order) => refund(call, order, dialogue),
            Operation::FetchPayment => fetch_link(call, dialogue),
            Operation::FetchRefund(_) | Operation::FetchDispute { .. } => Err(Fault::Unsupported.into()),
        }
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        match delivery.channel {
            // The shopper's browser came back: no evidence of anything, so the hub is told to ask.
            Channel::Return => {
                Ok(vec![Notification { echo: delivery.echo.clone(), ..events::notification(Says::Changed) }])
            }
            Channel::Webhook => received(delivery, dialogue),
        }
    }
}

/// Personal data, and what opens a shopper's page.
const NEVER_STORE: [&str; 15] = [
    "additionalData",
    "billingAddress",
    "dateOfBirth",
    "deliveryAddress",
    "paymentMethod",
    // Of an authorization: the last digits of the card and its end.
    "reason",
    "sessionData",
    "sessionResult",
    "shopperEmail",
    "shopperIP",
    "shopperName",
    "shopperReference",
    "socialSecurityNumber",
    "telephoneNumber",
    "url",
];

fn api() -> Vec<HostRule> {
    vec![HostRule::Setting("base_url".to_owned())]
}

fn settings() -> Vec<SettingField> {
    let field = |name: &str, kind, required, default: Option<&str>, help: &str| SettingField {
        name: name.to_owned(),
        kind,
        required,
        default: default.map(Into::into),
        help: help.to_owned(),
    };
    let flows = [PAYMENT_LINK, HOSTED_SESSION].map(str::to_owned).to_vec();
    vec![
        field(
            "base_url",
            SettingKind::Url,
            true,
            None,
            "Where the Checkout API is: https://checkout-test.adyen.com/v72, or in live mode \
             https://PREFIX-checkout-live.adyenpayments.com/checkout/v72 (Customer Area, Developers, API URLs)",
        ),
        field(
            "merchant_account",
            SettingKind::Text,
            true,
            None,
            "The merchant account that is paid, not the company account; events of any other are ignored",
        ),
        field(
            "checkout_flow",
            SettingKind::Choice { of: flows },
            false,
            Some(PAYMENT_LINK),
            "payment_link: a page that can be looked up and closed, with a button back; hosted_session: a page \
             that sends the shopper back by itself, known by webhook only",
        ),
        field(
            "checkout_url",
            SettingKind::Url,
            false,
            None,
            "Only where shoppers pay at another address than those of adyen.link and adyen.com: that address",
        ),
    ]
}

fn secrets() -> Vec<SecretField> {
    vec![
        SecretField {
            name: "api_key".to_owned(),
            required: true,
            several: false,
            hosts: api(),
            help: "API key of a web service user: Customer Area, Developers, API credentials".to_owned(),
        },
        SecretField {
            name: "hmac_key".to_owned(),
            required: true,
            several: true,
            hosts: vec![],
            help: "HMAC key of this connector's standard webhook, 64 hexadecimal digits: Customer Area, \
                   Developers, Webhooks"
                .to_owned(),
        },
    ]
}

/// Opens a page. Asked again, a link gives the door to the same page as long as that is open; a session's door
/// cannot be had twice, so once it has closed there is a new one.
fn open(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let is_session = match call.reference(ReferenceKind::Session) {
        Some(known) if !known.starts_with(SESSION_ID_START) => return fetch_link(call, dialogue),
        Some(_) => true,
        None => match call.settings.text("checkout_flow")? {
            PAYMENT_LINK => false,
            HOSTED_SESSION => true,
            _ => return Err(Fault::cannot_ask("settings.checkout_flow", "must be a known flow").into()),
        },
    };
    let (path, body) = if is_session {
        ("/sessions", requests::new_session(call, order)?)
    } else {
        ("/paymentLinks", requests::new_link(call, order)?)
    };
    match send(call, Method::Post, path, body, dialogue)? {
        Reaction::Refused(code) => {
            let decline = Some(words::refused_request(&code));
            Ok(Answer::said(Facts { decline, ..Facts::word(Word::Declined) }))
        }
        Reaction::Taken(session) if is_session => {
            let (facts, door) = wire::new_session(call, &session)?;
            Ok(Answer::with_door(facts, door))
        }
        Reaction::Taken(link) => said(call, &link),
    }
}

/// The shopper came back. A session's result can be asked for now and with what the browser brought, once; a
/// link can be asked about at any time.
fn returned(call: &Call, parameters: &[(String, String)], dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if !is_session(call) {
        return fetch_link(call, dialogue);
    }
    let field = "operation.return_parameters";
    let value = |name| parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let result = value("sessionResult")
        .filter(|result| !result.is_empty())
        .ok_or_else(|| Fault::cannot_ask(field, "holds no sessionResult; the webhook will tell"))?;
    let mut sessions = call.references.iter().filter(|known| known.kind == ReferenceKind::Session);
    let session = match (value("sessionId"), sessions.clone().count()) {
        (Some(id), _) => sessions.find(|known| known.id == id),
        (None, 1) => sessions.next(),
        (None, _) => None,
    };
    let id = session
        .map(|known| known.id.as_str())
        .ok_or_else(|| Fault::cannot_ask(field, "does not tell which session it is about"))?;
    let query = requests::session_query(result)?;
    let request = requests::get(call, &requests::page_path("sessions", id), &query)?;
    Ok(Answer::said(match wire::reaction(&dialogue.send(request)?)? {
        Reaction::Taken(session) => wire::session(call, id, &session)?,
        // Adyen does not know that result. Whoever brought it, it says nothing of the payment.
        Reaction::Refused(_) => Facts::default(),
    }))
}

/// Closes the page behind a link. When that is refused, what became of the link is the answer.
fn expire(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = link_path(call)?;
    match send(call, Method::Patch, &path, json!({"status": "expired"}), dialogue)? {
        Reaction::Refused(_) => fetch_link(call, dialogue),
        Reaction::Taken(link) => said(call, &link),
    }
}

/// Takes authorized funds; the rest is released, unless the account is set to take several captures.
fn capture(call: &Call, order: &CaptureOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = requests::payment_path(call, "captures")?;
    let facts = match send(call, Method::Post, &path, requests::capture(call, order)?, dialogue)? {
        Reaction::Refused(code) => wire::failed(ItemKind::Capture, &order.echo, &code),
        Reaction::Taken(modification) => wire::received(ItemKind::Capture, Some(&order.echo), &modification)?,
    };
    Ok(Answer::said(facts))
}

/// Releases an authorization of which nothing was captured.
fn void(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let (path, body) = requests::void(call)?;
    let facts = match send(call, Method::Post, &path, body, dialogue)? {
        Reaction::Refused(code) => wire::failed(ItemKind::Void, &call.echo, &code),
        Reaction::Taken(modification) => wire::received(ItemKind::Void, None, &modification)?,
    };
    Ok(Answer::said(facts))
}

fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = requests::payment_path(call, "refunds")?;
    let facts = match send(call, Method::Post, &path, requests::refund(call, order)?, dialogue)? {
        Reaction::Refused(code) => wire::failed(ItemKind::Refund, &order.echo, &code),
        Reaction::Taken(modification) => wire::received(ItemKind::Refund, Some(&order.echo), &modification)?,
    };
    Ok(Answer::said(facts))
}

/// What became of the page behind a link: all that Adyen tells when it is asked.
fn fetch_link(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let request = requests::get(call, &link_path(call)?, &Form::new())?;
    said(call, &dialogue.send(request)?.success_json()?)
}

fn is_session(call: &Call) -> bool {
    call.reference(ReferenceKind::Session).is_some_and(|known| known.starts_with(SESSION_ID_START))
}

fn link_path(call: &Call) -> Result<String, Fault> {
    let id = call.require_reference(ReferenceKind::Session)?;
    if is_session(call) {
        let reason = "name a hosted session: Adyen neither tells about it when asked nor closes it early";
        return Err(Fault::cannot_ask("references", reason));
    }
    Ok(requests::page_path("paymentLinks", id))
}

/// A link's facts, and its door while it is open.
fn said(call: &Call, link: &Json) -> Flow<Answer> {
    Ok(Answer::Said { facts: wire::link(call, link)?, door: wire::link_door(call, link)? })
}

fn send(call: &Call, method: Method, path: &str, body: Value, dialogue: &mut Dialogue<'_>) -> Flow<Reaction> {
    Ok(wire::reaction(&dialogue.send(requests::write(call, method, path, body)?)?)?)
}

/// A delivery, item by item: what is signed says what is so, and what is not is a reason to ask.
fn received(delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
    let body = delivery.json()?;
    let items = events::items(&body)?;
    let mut proofs = Vec::with_capacity(items.len());
    for item in &items {
        proofs.push(dialogue.check(item.check())?);
    }
    if proofs.iter().all(Option::is_none) {
        return Err(Fault::forged("no item has a valid signature").into());
    }
    // The keys of the two modes differ, so this never happens by itself; nothing of it is believed or dropped.
    if body.text("/live")? != if delivery.livemode { "true" } else { "false" } {
        return Err(Fault::unreadable("expected a delivery of this connector's mode at /live").into());
    }
    let mut notifications = Vec::with_capacity(items.len());
    for (item, proof) in items.iter().zip(proofs) {
        notifications.push(match (proof, events::read(item, &delivery.settings)) {
            (Some(_), Ok(notification)) => Notification { proof, ..notification },
            (Some(_), Err(fault)) if items.len() == 1 => return Err(fault.into()),
            // Neither one that nobody has proven nor one that cannot be read takes the others with it.
            (None, _) | (Some(_), Err(_)) => events::hint(item),
        });
    }
    Ok(notifications)
}
