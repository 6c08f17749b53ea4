//! Stripe as pure functions: Checkout Sessions, and what follows once the shopper has paid.
//!
//! Read it from top to bottom: who the processor is, then one function for each thing the hub asks of it.
//! `requests` knows what is sent, `wire` and `words` what the answers mean, `amounts` how Stripe counts, and
//! `events` its webhooks. `README.md` beside this crate is for operators.
//!
//! Source: Stripe's public documentation at docs.stripe.com (API reference, "Idempotent requests", "Rate
//! limits", "Supported currencies", "Webhooks") and the published OpenAPI description.
//!
//! Invariant: only an object of Stripe's, or a refusal that says that it did nothing, says anything about
//! money. All else is a fault, and the hub finds out by asking again.

mod amounts;
mod events;
mod requests;
mod setup;
mod wire;
mod words;

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, CONTRACT_VERSION, Call, Capabilities, CaptureOrder,
    Channel, CheckoutOrder, Delivery, Descriptor, Dialogue, Facts, Fault, Flow, Form, HostRule,
    IdempotencyProfile, ItemKind, Json, KeyCarrier, LookUp, Notification, Operation, ReferenceKind,
    RefundOrder, Says, SecretField, SettingField, SettingKind, SignedDeliveries, Word,
};

/// How long Stripe remembers an idempotency key at least, in seconds.
const KEY_RETENTION_S: u32 = 24 * 60 * 60;
/// How long a request that we gave up on may still be on its way, in seconds.
const ABSENT_AFTER_S: u32 = 60;
/// Objects on one page of a list: the most that Stripe gives.
const PAGE_OBJECTS_MAX: &str = "100";
/// Pages of one list. More than 500 refunds or disputes of one payment are not read but refused.
const PAGES_MAX: usize = 5;

/// The adapter for Stripe.
#[derive(Clone, Copy, Debug)]
pub struct Stripe;

impl Adapter for Stripe {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            contract: CONTRACT_VERSION,
            name: "stripe".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "Stripe".to_owned(),
            documentation: "https://docs.stripe.com/payments/checkout".to_owned(),
            settings: settings(),
            secrets: secrets(),
            hosts: api(),
            checkout_hosts: vec![
                HostRule::Exactly("checkout.stripe.com".to_owned()),
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
                complete_checkout: false,
                expire_checkout: true,
                fetch_payment: LookUp::ById,
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
            deliveries: SignedDeliveries::WholeBody,
            acknowledgement: Acknowledgement { status: 200, body: String::new() },
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
        match delivery.channel {
            // The shopper's browser came back: no evidence of anything, so the hub is told to ask.
            Channel::Return => {
                Ok(vec![Notification { echo: delivery.echo.clone(), ..events::notification(Says::Changed) }])
            }
            Channel::Webhook => {
                let proof = dialogue.verify(events::signature(delivery)?)?;
                let notification = events::read(&delivery.json()?, delivery.livemode, &delivery.settings)?;
                Ok(vec![Notification { proof: Some(proof), ..notification }])
            }
        }
    }
}

/// Personal data, and what opens a shopper's page or payment.
const NEVER_STORE: [&str; 12] = [
    "billing_details",
    "client_secret",
    "customer_details",
    "customer_email",
    "evidence",
    "instructions_email",
    "payment_method",
    "payment_method_details",
    "receipt_email",
    "receipt_url",
    "shipping",
    "url",
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
    vec![
        field(
            "base_url",
            SettingKind::Url,
            Some("https://api.stripe.com"),
            "Where Stripe's API is; test and live mode have the same address",
        ),
        field(
            "account",
            SettingKind::Text,
            None,
            "Only for Connect platforms: the connected account (acct_…) that is paid; events of any other are ignored",
        ),
        field(
            "checkout_url",
            SettingKind::Url,
            None,
            "Only with a custom domain for Checkout: its address, such as https://pay.example.com",
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
            help: "Secret or restricted key: dashboard, Developers, API keys (sk_test_…, sk_live_… or rk_…)"
                .to_owned(),
        },
        SecretField {
            name: "webhook_secret".to_owned(),
            required: true,
            several: true,
            hosts: vec![],
            help: "Signing secret of this connector's webhook endpoint: dashboard, Developers, Webhooks (whsec_…)"
                .to_owned(),
        },
    ]
}

/// Opens the hosted page. Asked again, it gives the door to the same page as long as that is open.
fn open(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if call.reference(ReferenceKind::Session).is_some() {
        return fetch_payment(call, dialogue);
    }
    let form = requests::new_session(call, order)?;
    let response = dialogue.send(requests::post(call, "/v1/checkout/sessions", form)?)?;
    if let Some(code) = wire::refusal(&response) {
        let decline = Some(words::refused_request(&code));
        return Ok(Answer::said(Facts { decline, ..Facts::word(Word::Declined) }));
    }
    said(call, &response.success_json()?)
}

/// Closes the page. When it is closed already, what became of the session is the answer.
fn expire(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let session = requests::path("checkout/sessions", call.require_reference(ReferenceKind::Session)?);
    let response = dialogue.send(requests::post(call, &format!("{session}/expire"), Form::new())?)?;
    match wire::refusal(&response) {
        Some(_) => fetch_payment(call, dialogue),
        None => said(call, &response.success_json()?),
    }
}

/// Takes authorized funds; Stripe releases the rest. When that is refused, the payment's own state tells
/// whether it was taken before.
fn capture(call: &Call, order: &CaptureOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = requests::payment_path(call)?;
    let request = requests::post(call, &format!("{path}/capture"), requests::capture(order)?)?;
    let response = dialogue.send(request)?;
    let Some(code) = wire::refusal(&response) else {
        return Ok(Answer::said(wire::payment(&response.success_json()?)?));
    };
    let mut facts = wire::payment(&get(call, &path, dialogue)?)?;
    let is_taken = facts.items.iter().any(|item| {
        let is_ours = item.echo.as_ref().is_none_or(|echo| *echo == order.echo);
        item.kind == ItemKind::Capture && is_ours && item.amount == Some(order.amount)
    });
    if !is_taken {
        facts.items.push(wire::failed(ItemKind::Capture, &order.echo, &code));
    }
    Ok(Answer::said(facts))
}

/// Releases the authorization. When that is refused, the payment's own state tells why.
fn void(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = requests::payment_path(call)?;
    let response = dialogue.send(requests::post(call, &format!("{path}/cancel"), Form::new())?)?;
    let Some(code) = wire::refusal(&response) else {
        return Ok(Answer::said(wire::payment(&response.success_json()?)?));
    };
    let mut facts = wire::payment(&get(call, &path, dialogue)?)?;
    // A payment that is voided already is what was asked for, whoever did it.
    if facts.word != Some(Word::Voided) {
        facts.items.push(wire::failed(ItemKind::Void, &call.echo, &code));
    }
    Ok(Answer::said(facts))
}

fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let form = requests::new_refund(call, order)?;
    let response = dialogue.send(requests::post(call, "/v1/refunds", form)?)?;
    match wire::refusal(&response) {
        Some(code) => {
            let item = wire::failed(ItemKind::Refund, &order.echo, &code);
            Ok(Answer::said(Facts { items: vec![item], ..Facts::default() }))
        }
        None => Ok(Answer::said(wire::refund(&response.success_json()?)?)),
    }
}

/// Everything about the payment: the session, its payment, and what happened to that since.
fn fetch_payment(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = requests::path("checkout/sessions", call.require_reference(ReferenceKind::Session)?);
    let query = Form::new().with("expand[]", "payment_intent.latest_charge");
    let Some(session) = find(call, &path, &query, dialogue)? else { return Ok(Answer::Absent) };
    check_mode(call, &session)?;
    let mut facts = wire::session(&session)?;
    if let Some(intent) = wire::expanded(&session, "/payment_intent")? {
        let of_payment = Form::new().with("payment_intent", intent.text("/id")?);
        if facts.captured.is_some_and(|captured| captured.is_positive()) {
            for refund in list(call, "/v1/refunds", &of_payment, dialogue)? {
                if !wire::is_release(&refund, &intent)? {
                    wire::add(&mut facts, wire::refund(&refund)?);
                }
            }
        }
        if wire::is_disputed(&intent)? {
            for dispute in list(call, "/v1/disputes", &of_payment, dialogue)? {
                wire::add(&mut facts, wire::dispute(&dispute)?);
            }
        }
    }
    Ok(Answer::Said { facts, door: wire::door(call, &session)? })
}

/// One refund. Without an id (its answer was lost) our echo finds it among those of the payment.
fn fetch_refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let refunds = match &order.id {
        Some(id) => Vec::from_iter(find(call, &requests::path("refunds", id), &Form::new(), dialogue)?),
        None => {
            let payment = call.require_reference(ReferenceKind::Payment)?;
            list(call, "/v1/refunds", &Form::new().with("payment_intent", payment), dialogue)?
        }
    };
    let mut facts = Facts::default();
    for refund in refunds {
        let is_asked_for =
            order.id.is_some() || wire::metadata(&refund, wire::HUB_REFUND)?.as_ref() == Some(&order.echo);
        if is_asked_for {
            wire::add(&mut facts, wire::refund(&refund)?);
        }
    }
    Ok(if facts.items.is_empty() { Answer::Absent } else { Answer::said(facts) })
}

fn fetch_dispute(call: &Call, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    match find(call, &requests::path("disputes", id), &Form::new(), dialogue)? {
        Some(dispute) => Ok(Answer::said(wire::dispute(&dispute)?)),
        None => Ok(Answer::Absent),
    }
}

/// A session's facts, and its door while it is open.
fn said(call: &Call, session: &Json) -> Flow<Answer> {
    check_mode(call, session)?;
    Ok(Answer::Said { facts: wire::session(session)?, door: wire::door(call, session)? })
}

/// The key decides whether Stripe moves real money, and only the answer shows it.
fn check_mode(call: &Call, session: &Json) -> Result<(), Fault> {
    if session.flag("/livemode")? == call.livemode {
        return Ok(());
    }
    Err(Fault::unreadable("expected a session of this connector's mode; its api_key is of the other mode"))
}

fn get(call: &Call, path: &str, dialogue: &mut Dialogue<'_>) -> Flow<Json> {
    Ok(dialogue.send(requests::get(call, path, &Form::new())?)?.success_json()?)
}

/// One object; `None` when Stripe says that it has no such thing.
fn find(call: &Call, path: &str, query: &Form, dialogue: &mut Dialogue<'_>) -> Flow<Option<Json>> {
    let response = dialogue.send(requests::get(call, path, query)?)?;
    match wire::refusal(&response).as_deref() {
        Some("resource_missing") => Ok(None),
        Some(_) | None => Ok(Some(response.success_json()?)),
    }
}

/// Every object of a list, page by page.
fn list(call: &Call, path: &str, query: &Form, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Json>> {
    let mut objects: Vec<Json> = Vec::new();
    let query = query.clone().with("limit", PAGE_OBJECTS_MAX);
    for _ in 0..PAGES_MAX {
        let last = objects.last().map(|object| object.text("/id")).transpose()?;
        let page_query = query.clone().with_some("starting_after", last);
        let page = dialogue.send(requests::get(call, path, &page_query)?)?.success_json()?;
        let has_more = page.flag("/has_more")?;
        objects.extend(page.list("/data")?);
        if !has_more {
            return Ok(objects);
        }
    }
    Err(Fault::unreadable(&format!("expected a list of at most {PAGES_MAX} pages")).into())
}
