//! Mollie as pure functions: a hosted payment, and what follows once the shopper has paid.
//!
//! Read it from top to bottom: who the processor is, then one function for each thing the hub asks of it.
//! `requests` knows what is sent, `wire` and `words` what the answers mean, `amounts` how Mollie writes money,
//! and `events` its calls. `README.md` beside this crate is for operators.
//!
//! Source: Mollie's public documentation at docs.mollie.com (API reference, "Webhooks", "Next-gen webhooks",
//! "API idempotency", "Multicurrency", "Status changes"), its published OpenAPI description and its own
//! libraries.
//!
//! Invariant: only an object of Mollie's, or a refusal that says that it did nothing, says anything about
//! money. All else is a fault, and the hub finds out by asking again. That there is no such thing is said by
//! a list that was read to its end and by nothing else: to a key of another mode or profile, Mollie answers
//! "not found" about payments that are there.

mod amounts;
mod events;
mod requests;
mod setup;
mod wire;
mod words;

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, CONTRACT_VERSION, Call, Capabilities, CaptureMode,
    CaptureOrder, Channel, CheckoutOrder, Delivery, Descriptor, Dialogue, Facts, Fault, Flow, Form, HostRule,
    IdempotencyProfile, Item, ItemKind, ItemState, Json, KeyCarrier, LookUp, Method, Notification, Operation,
    ReferenceKind, RefundOrder, Says, SecretField, SettingField, SettingKind, SignedDeliveries, Word,
};
use serde_json::{Map, Value};

use crate::wire::{DISPUTES, List, REFUNDS};

/// How long Mollie remembers an idempotency key, in seconds. Afterwards it counts as a new request.
const KEY_RETENTION_S: u32 = 60 * 60;
/// How long a payment or refund may be missing from Mollie's lists, in seconds: Mollie promises nothing.
const ABSENT_AFTER_S: u32 = 5 * 60;
/// Objects on a page of a list that names no limit; a list inside a payment may be such a page.
const PAGE_OBJECTS_DEFAULT: usize = 50;
/// Objects on one page of a payment's own lists: the most that Mollie gives.
const PAGE_OBJECTS_MAX: &str = "250";
/// Pages of one list. More than 750 refunds of one payment are not read but refused.
const PAGES_MAX: usize = 3;
/// Payments on one page of a search by our own reference. One is some kilobytes, and all pages are held at once.
const SEARCH_PAGE_PAYMENTS: &str = "50";
/// Pages of such a search. A payment that is not among the newest 300 is not found, and not called absent.
const SEARCH_PAGES_MAX: usize = 6;

/// The adapter for Mollie.
#[derive(Clone, Copy, Debug)]
pub struct Mollie;

processor_sdk::export_adapter!(Mollie);

impl Adapter for Mollie {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            contract: CONTRACT_VERSION,
            name: "mollie".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "Mollie".to_owned(),
            documentation: "https://docs.mollie.com/reference/payments-api".to_owned(),
            settings: settings(),
            secrets: secrets(),
            hosts: api(),
            checkout_hosts: vec![
                HostRule::Below("mollie.com".to_owned()),
                HostRule::Setting("checkout_url".to_owned()),
            ],
            currencies: amounts::currencies(),
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
                replays_errors: true,
                after_unknown: AfterUnknown::SameKey,
                absent_after_s: ABSENT_AFTER_S,
            },
            deliveries: SignedDeliveries::Unsigned,
            acknowledgement: Acknowledgement { status: 200, body: String::new() },
            reads: vec![],
            never_store: NEVER_STORE.iter().map(|name| (*name).to_owned()).collect(),
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
        let notification = match delivery.channel {
            // The shopper's browser came back: no evidence of anything, so the hub is told to ask.
            Channel::Return => {
                Notification { echo: delivery.echo.clone(), ..events::notification(Says::Changed) }
            }
            Channel::Webhook => match delivery.settings.text("webhooks")? {
                "signed" => {
                    dialogue.verify(events::signature(delivery)?)?;
                    events::signed(&delivery.json()?)?
                }
                // Where Mollie was told of no address, a call is still only a hint.
                "classic" | "off" => events::classic(delivery)?,
                _ => {
                    return Err(
                        Fault::cannot_ask("settings.webhooks", "must be classic, signed or off").into()
                    );
                }
            },
        };
        Ok(vec![notification])
    }
}

/// Personal data, the shopper's page and way back, and the address that only Mollie should know. Descriptions
/// too: a search shows those of other payments.
const NEVER_STORE: [&str; 13] = [
    "billingAddress",
    "billingEmail",
    "cancelUrl",
    "cardToken",
    "changePaymentState",
    "checkout",
    "customerId",
    "description",
    "details",
    "mandateId",
    "redirectUrl",
    "shippingAddress",
    "webhookUrl",
];

fn api() -> Vec<HostRule> {
    vec![HostRule::Setting("base_url".to_owned())]
}

fn settings() -> Vec<SettingField> {
    let field = |name: &str, kind, default: Option<&str>, help: &str| SettingField {
        name: name.to_owned(),
        kind,
        required: false,
        default: default.map(Into::into),
        help: help.to_owned(),
    };
    let webhooks = ["classic", "signed", "off"].map(str::to_owned).to_vec();
    vec![
        field(
            "base_url",
            SettingKind::Url,
            Some("https://api.mollie.com"),
            "Where Mollie's API is; test and live mode have the same address",
        ),
        field(
            "webhooks",
            SettingKind::Choice { of: webhooks },
            Some("classic"),
            "classic: Mollie calls for each payment, unsigned; signed: a webhook that you create at Mollie; off: \
             none, the hub only asks, as where Mollie cannot reach it",
        ),
        field(
            "methods",
            SettingKind::Text,
            None,
            "The methods that the page may offer, such as ideal,creditcard; unset: all that are switched on at Mollie",
        ),
        field(
            "manual_methods",
            SettingKind::Text,
            Some("creditcard"),
            "The methods offered under manual capture: only those that can be authorized first",
        ),
        field(
            "profile_id",
            SettingKind::Text,
            None,
            "Only with an organization's access token (access_…): the profile (pfl_…) that is paid",
        ),
        field(
            "checkout_url",
            SettingKind::Url,
            None,
            "Only where Mollie's page is not on mollie.com: its address, such as https://pay.example.com",
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
            help: "API key of the profile: dashboard, Developers, API keys (test_… or live_…)".to_owned(),
        },
        SecretField {
            name: "webhook_secret".to_owned(),
            required: false,
            several: true,
            hosts: vec![],
            help:
                "Only with webhooks = \"signed\": the signing secret, shown once when the webhook is created"
                    .to_owned(),
        },
    ]
}

/// Makes the payment, which is its own page. Asked again, it gives the door to the same one while it is open.
fn open(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if let Some(id) = call.reference(ReferenceKind::Payment) {
        return fetch(call, id, dialogue);
    }
    let body = requests::new_payment(call, order)?;
    let response = dialogue.send(requests::write(call, Method::Post, "payments", body)?)?;
    if let Some(field) = wire::refusal(&response) {
        let decline = Some(words::refused_request(&field));
        return Ok(Answer::said(Facts { decline, ..Facts::word(Word::Declined) }));
    }
    let payment = response.success_json()?;
    if wire::is_replayed(&response) {
        return fetch(call, payment.text("/id")?, dialogue);
    }
    Ok(Answer::Said { facts: wire::payment(call, &payment)?, door: wire::door(call, &payment)? })
}

/// Closes the page, where Mollie lets us. Where it does not, what is so about the payment is the answer.
fn expire(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let id = call.require_reference(ReferenceKind::Payment)?;
    let payment = get_payment(call, id, dialogue)?;
    // Also that it is ours, of our mode, before anything is done to it.
    wire::payment(call, &payment)?;
    if !wire::is_cancelable(&payment)? {
        return describe(call, &payment, dialogue);
    }
    let path = requests::payment(id, "");
    let response = dialogue.send(requests::write(call, Method::Delete, &path, Map::new())?)?;
    match wire::refusal(&response) {
        Some(_) => fetch(call, id, dialogue),
        None => Ok(Answer::said(wire::payment(call, &response.success_json()?)?)),
    }
}

/// Takes authorized funds. When that is refused, the payment's own captures tell whether it was done before.
fn capture(call: &Call, order: &CaptureOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let id = call.require_reference(ReferenceKind::Payment)?;
    let path = requests::payment(id, "/captures");
    let response =
        dialogue.send(requests::write(call, Method::Post, &path, requests::new_capture(order)?)?)?;
    let Some(code) = wire::refusal(&response) else {
        return Ok(Answer::said(wire::capture(id, &response.success_json()?)?));
    };
    let mut facts = facts_of(call, &get_payment(call, id, dialogue)?, dialogue)?;
    let is_taken = facts.items.iter().any(|item| {
        let is_ours = item.echo.as_ref().is_none_or(|echo| *echo == order.echo);
        let stands = item.kind == ItemKind::Capture && item.state != ItemState::Failed;
        stands && is_ours && item.amount == Some(order.amount)
    });
    if !is_taken {
        facts.items.push(wire::failed(ItemKind::Capture, &order.echo, &code));
        if facts.word == Some(Word::Paid) {
            // After captures in parts: what was left of the reservation was released, or lapsed.
            facts.items.push(release(call, ItemState::Succeeded));
        }
    }
    Ok(Answer::said(facts))
}

/// Has the authorization released: Mollie only takes the request, and the payment's state tells later. When it
/// is refused, that state tells why.
fn void(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let id = call.require_reference(ReferenceKind::Payment)?;
    let path = requests::payment(id, "/release-authorization");
    let response = dialogue.send(requests::write(call, Method::Post, &path, requests::release(call))?)?;
    if response.status == 202 {
        let items = vec![release(call, ItemState::Pending)];
        return Ok(Answer::said(Facts { items, ..Facts::default() }));
    }
    let Some(code) = wire::refusal(&response) else { return Err(response.status_fault().into()) };
    let mut facts = facts_of(call, &get_payment(call, id, dialogue)?, dialogue)?;
    // A payment that is released already is what was asked for, whoever did it.
    if facts.word != Some(Word::Voided) {
        facts.items.push(wire::failed(ItemKind::Void, &call.echo, &code));
    }
    Ok(Answer::said(facts))
}

/// What became of an authorization, or of what is left of it. Mollie has no name for a release.
fn release(call: &Call, state: ItemState) -> Item {
    let echo = Some(call.echo.clone());
    Item { kind: ItemKind::Void, id: None, echo, state, amount: None, reason: None, at: None }
}

/// Gives money back. A refusal may be about the very same refund, made by a request whose answer was lost:
/// Mollie also refuses what looks like one made just before. So ours is looked for before it counts as failed.
fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let id = call.require_reference(ReferenceKind::Payment)?;
    let body = requests::new_refund(call, order)?;
    let path = requests::payment(id, "/refunds");
    let response = dialogue.send(requests::write(call, Method::Post, &path, body)?)?;
    let refusal = wire::refusal(&response);
    if refusal.is_none() && response.status != 409 {
        return Ok(Answer::said(wire::refund(id, &response.success_json()?)?));
    }
    let mut facts = our_refund(call, order, dialogue)?;
    if facts.items.is_empty() {
        let Some(code) = refusal else { return Err(response.status_fault().into()) };
        facts.items.push(wire::failed(ItemKind::Refund, &order.echo, &code));
    }
    Ok(Answer::said(facts))
}

/// Everything about the payment. Without an id (its first answer was lost) our own reference finds it.
fn fetch_payment(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if let Some(id) = call.reference(ReferenceKind::Payment) {
        return fetch(call, id, dialogue);
    }
    match search(call, dialogue)? {
        Some(id) => fetch(call, &id, dialogue),
        None => Ok(Answer::Absent),
    }
}

/// One refund, among all of its payment. Without an id (its answer was lost) our own reference finds it.
fn fetch_refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let facts = our_refund(call, order, dialogue)?;
    Ok(if facts.items.is_empty() { Answer::Absent } else { Answer::said(facts) })
}

fn our_refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Facts> {
    let id = call.require_reference(ReferenceKind::Payment)?;
    let mut facts = Facts::default();
    for refund in list(call, id, REFUNDS, dialogue)? {
        let said = wire::refund(id, &refund)?;
        let is_asked_for = said.items.iter().any(|item| match &order.id {
            Some(_) => item.id == order.id,
            None => item.echo.as_ref() == Some(&order.echo),
        });
        if is_asked_for {
            wire::add(&mut facts, said);
        }
    }
    Ok(facts)
}

fn fetch_dispute(call: &Call, dispute_id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let id = call.require_reference(ReferenceKind::Payment)?;
    let path = requests::payment(id, &format!("/chargebacks/{}", processor_sdk::percent_encoded(dispute_id)));
    let dispute = dialogue.send(requests::get(call, &path, &Form::new())?)?.success_json()?;
    Ok(Answer::said((DISPUTES.read)(id, &dispute)?))
}

fn fetch(call: &Call, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let payment = get_payment(call, id, dialogue)?;
    describe(call, &payment, dialogue)
}

fn describe(call: &Call, payment: &Json, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let facts = facts_of(call, payment, dialogue)?;
    Ok(Answer::Said { facts, door: wire::door(call, payment)? })
}

fn get_payment(call: &Call, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Json> {
    let query = Form::new().with("embed", "refunds,chargebacks,captures");
    Ok(dialogue.send(requests::get(call, &requests::payment(id, ""), &query)?)?.success_json()?)
}

/// A payment with each capture, refund and chargeback.
fn facts_of(call: &Call, payment: &Json, dialogue: &mut Dialogue<'_>) -> Flow<Facts> {
    let mut facts = wire::payment(call, payment)?;
    if !wire::has_history(call, payment)? {
        return Ok(facts);
    }
    let id = payment.text("/id")?;
    for kind in wire::lists(call) {
        let objects = match wire::embedded(payment, *kind, PAGE_OBJECTS_DEFAULT)? {
            Some(objects) => objects,
            None => list(call, id, *kind, dialogue)?,
        };
        for object in objects {
            wire::add(&mut facts, (kind.read)(id, &object)?);
        }
    }
    if call.capture == CaptureMode::Manual && facts.captured.is_none() {
        facts.captured = wire::sum_of_captures(&facts)?;
    }
    Ok(facts)
}

/// Everything of one kind that belongs to a payment, page by page.
fn list(call: &Call, id: &str, kind: List, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Json>> {
    let path = requests::payment(id, &format!("/{}", kind.name));
    let query = Form::new().with("limit", PAGE_OBJECTS_MAX);
    let mut objects: Vec<Json> = Vec::new();
    let mut from: Option<String> = None;
    for _ in 0..PAGES_MAX {
        let query = query.clone().with_some("from", from.as_deref());
        let page = dialogue.send(requests::get(call, &path, &query)?)?.success_json()?;
        objects.extend(page.list(&format!("/_embedded/{}", kind.name))?);
        from = wire::next_page(&page)?;
        if from.is_none() {
            return Ok(objects);
        }
    }
    Err(Fault::unreadable(&format!("expected a list of at most {PAGES_MAX} pages")).into())
}

/// The payment that carries our reference, among the newest; Mollie cannot be asked for it. One reference has
/// one payment. Were there several, one that was paid matters most, then the newest.
fn search(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Option<String>> {
    let query =
        Form::new().with_some("profileId", requests::profile(call)).with("limit", SEARCH_PAGE_PAYMENTS);
    let mut from: Option<String> = None;
    for _ in 0..SEARCH_PAGES_MAX {
        let query = query.clone().with_some("from", from.as_deref());
        let page = dialogue.send(requests::get(call, "payments", &query)?)?.success_json()?;
        let mut payments = page.list("/_embedded/payments")?;
        payments.retain(|payment| wire::metadata(payment, wire::HUB_ATTEMPT).as_ref() == Some(&call.echo));
        let has_money = |payment: &&Json| {
            matches!(payment.at("/status").and_then(Value::as_str), Some("paid" | "authorized"))
        };
        if let Some(payment) = payments.iter().find(has_money).or(payments.first()) {
            return Ok(Some(payment.text("/id")?.to_owned()));
        }
        from = wire::next_page(&page)?;
        if from.is_none() {
            return Ok(None);
        }
    }
    Err(Fault::unreadable("expected our payment among the newest 300 of Mollie's list").into())
}
