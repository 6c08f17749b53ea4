//! PayPal as pure functions: Orders v2, approved by the shopper and then completed by us.
//!
//! Read it from top to bottom: who the processor is, then one function for each thing the hub asks of it.
//! `requests` knows what is sent, `wire` and `words` what the answers mean, `amounts` how PayPal counts, and
//! `events` its webhooks. `README.md` beside this crate is for operators.
//!
//! Source: PayPal's published API descriptions (github.com/paypal/paypal-rest-api-specifications: Orders 2.13,
//! Payments 2.5, Disputes 1.10, Webhooks 1.11) and its documentation at developer.paypal.com.
//!
//! Invariant: only an object of PayPal's, or a refusal that says that it did nothing, says anything about
//! money. All else is a fault, and the hub finds out by asking again.

mod amounts;
mod events;
mod requests;
mod setup;
mod wire;
mod words;

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, CONTRACT_VERSION, Call, Capabilities, CaptureMode,
    CaptureOrder, Channel, CheckoutOrder, Delivery, Descriptor, Dialogue, Facts, Fault, Flow, HostRule,
    HttpRequest, IdempotencyProfile, Item, ItemKind, ItemState, Json, KeyCarrier, LookUp, Notification,
    Operation, Reference, ReferenceKind, RefundOrder, Says, SecretField, SettingField, SettingKind,
    SignedDeliveries, Word,
};
use serde_json::json;

use events::Event;
use requests::Api;
use words::Refused;

/// How long PayPal remembers a request id of an order, in seconds. (Of captures and refunds it does so for 45
/// days, and account managers can make it 72 hours for orders: the shortest counts.)
const KEY_RETENTION_S: u32 = 6 * 60 * 60;
/// How long a request that we gave up on may still be on its way, in seconds.
const ABSENT_AFTER_S: u32 = 60;
/// Authorizations and captures that are looked up one by one when PayPal has forgotten their order.
const PARTS_MAX: usize = 12;

/// The adapter for PayPal.
#[derive(Clone, Copy, Debug)]
pub struct PayPal;

processor_sdk::export_adapter!(PayPal);

impl Adapter for PayPal {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            contract: CONTRACT_VERSION,
            name: "paypal".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "PayPal".to_owned(),
            documentation: "https://developer.paypal.com/docs/api/orders/v2/".to_owned(),
            settings: settings(),
            secrets: vec![SecretField {
                name: "client_secret".to_owned(),
                required: true,
                several: false,
                hosts: api(),
                help: "Secret of the REST app: developer dashboard, Apps & Credentials".to_owned(),
            }],
            hosts: api(),
            checkout_hosts: vec![
                HostRule::Exactly("www.paypal.com".to_owned()),
                HostRule::Exactly("www.sandbox.paypal.com".to_owned()),
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
                complete_checkout: true,
                // An order cannot be called off. Nobody pays at it unless we complete it, and we do not.
                expire_checkout: false,
                fetch_payment: LookUp::ById,
                fetch_refund: LookUp::ByEcho,
                fetch_dispute: LookUp::ById,
                silent_auto_capture: false,
                orphan_session_payable: false,
            },
            idempotency: IdempotencyProfile {
                carrier: KeyCarrier::Header { name: "PayPal-Request-Id".to_owned() },
                retention_s: KEY_RETENTION_S,
                // PayPal does not say; if it does, a new attempt gets out of it.
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
            events: setup::EVENTS.map(str::to_owned).to_vec(),
        }
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        match &call.operation {
            Operation::OpenCheckout(order) => open(call, order, dialogue),
            Operation::CompleteCheckout { .. } => complete(call, dialogue),
            Operation::Capture(order) => capture(call, order, dialogue),
            Operation::Void => void(call, dialogue),
            Operation::Refund(order) => refund(call, order, dialogue),
            Operation::FetchPayment => fetch_payment(call, dialogue),
            Operation::FetchRefund(order) => fetch_refund(call, order, dialogue),
            Operation::FetchDispute { id } => fetch_dispute(call, id, dialogue),
            Operation::ExpireCheckout => Err(Fault::Unsupported.into()),
        }
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        match delivery.channel {
            // The shopper's browser came back: no evidence of anything, so the hub is told to ask.
            Channel::Return => {
                Ok(vec![Notification { echo: delivery.echo.clone(), ..events::notification(Says::Changed) }])
            }
            Channel::Webhook => match events::read(&delivery.json()?)? {
                Event::Payment(notification) => Ok(vec![notification]),
                Event::Dispute { id, payments } => about_dispute(delivery, &id, payments, dialogue),
            },
        }
    }
}

/// Personal data, and what opens a shopper's page.
const NEVER_STORE: [&str; 20] = [
    "access_token",
    "address",
    "billing_address",
    "birth_date",
    "buyer",
    "communication_details",
    "email_address",
    "evidences",
    "full_name",
    "given_name",
    "href",
    "messages",
    "national_number",
    "payer",
    "payer_id",
    "payment_source",
    "shipping",
    "supporting_info",
    "surname",
    "tax_info",
];

fn api() -> Vec<HostRule> {
    vec![
        HostRule::Exactly(requests::LIVE_HOST.to_owned()),
        HostRule::Exactly(requests::SANDBOX_HOST.to_owned()),
        HostRule::Setting("base_url".to_owned()),
    ]
}

fn settings() -> Vec<SettingField> {
    let field = |name: &str, kind, required, help: &str| SettingField {
        name: name.to_owned(),
        kind,
        required,
        default: None,
        help: help.to_owned(),
    };
    vec![
        field(
            "client_id",
            SettingKind::Text,
            true,
            "Client ID of the REST app: developer dashboard, Apps & Credentials",
        ),
        field(
            "brand_name",
            SettingKind::Text,
            false,
            "The shop's name on PayPal's page; else the account's own",
        ),
        field(
            "base_url",
            SettingKind::Url,
            false,
            "Where PayPal's API is, if it is neither the live API (mode live) nor the sandbox (mode test)",
        ),
        field("checkout_url", SettingKind::Url, false, "Where PayPal's pages are, if not on www.paypal.com"),
    ]
}

/// Makes the order and gives the door to it. Asked again, it gives the door to the same order.
fn open(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if call.reference(ReferenceKind::Order).is_some() {
        return match find_order(call, dialogue)? {
            Some(order) => opened(call, &order),
            // PayPal forgets an order that nobody approved in time.
            None => Ok(Answer::said(Facts::word(Word::Expired))),
        };
    }
    let body = requests::new_order(call, order)?;
    let response = dialogue.send(Api::of_call(call).post(call, "/v2/checkout/orders", body)?)?;
    if let Some(issue) = wire::refusal(&response) {
        let decline = Some(words::refused_order(&issue));
        return Ok(Answer::said(Facts { decline, ..Facts::word(Word::Declined) }));
    }
    opened(call, &wire::done(&response)?)
}

/// An order's facts, and the door to it while it waits for the shopper.
fn opened(call: &Call, order: &Json) -> Flow<Answer> {
    let facts = wire::order(call, order)?;
    if facts.word != Some(Word::Open) {
        return Ok(Answer::said(facts));
    }
    match wire::door(call, order)? {
        Some(door) => Ok(Answer::with_door(facts, door)),
        None => Err(Fault::unreadable("expected a payer-action or approve link at /links").into()),
    }
}

/// Takes, or reserves, what the shopper approved. When that is refused, the order itself tells what is so:
/// another run may have completed it, or the shopper has not approved yet.
fn complete(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let action = match call.capture {
        CaptureMode::Automatic => "capture",
        CaptureMode::Manual => "authorize",
    };
    let path = format!("{}/{action}", requests::order_path(call)?);
    let response = dialogue.send(Api::of_call(call).post(call, &path, json!({}))?)?;
    let Some(issue) = wire::refusal(&response) else {
        return Ok(Answer::said(wire::order(call, &wire::done(&response)?)?));
    };
    let refused = words::of_completion(&issue);
    let Some(order) = find_order(call, dialogue)? else {
        return Ok(match refused {
            Refused::Expired => Answer::said(Facts::word(Word::Expired)),
            Refused::TryAgain | Refused::Final | Refused::Other => Answer::Absent,
        });
    };
    let mut facts = wire::order(call, &order)?;
    let waits = matches!(facts.word, Some(Word::Open | Word::NeedsCompletion));
    let word = match refused {
        Refused::TryAgain => Word::Open,
        Refused::Final => Word::Declined,
        Refused::Expired => Word::Expired,
        Refused::Other => {
            // That it is not approved is so now, whatever it was before.
            facts.at = facts.at.filter(|_| facts.word != Some(Word::Open));
            return opened_or_said(call, facts, &order);
        }
    };
    if !waits {
        return Ok(Answer::said(facts));
    }
    // The refusal is news, whenever the order came to its state.
    (facts.word, facts.at) = (Some(word), None);
    if issue != "PAYER_ACTION_REQUIRED" && refused != Refused::Expired {
        facts.decline = Some(words::decline(&issue));
    }
    let door = match refused {
        Refused::TryAgain => match wire::door(call, &response.json()?)? {
            Some(door) => Some(door),
            None => wire::door(call, &order)?,
        },
        Refused::Final | Refused::Expired | Refused::Other => None,
    };
    Ok(Answer::Said { facts, door })
}

/// Facts of an order, with its door where it still waits for the shopper and shows one.
fn opened_or_said(call: &Call, facts: Facts, order: &Json) -> Flow<Answer> {
    let door = if facts.word == Some(Word::Open) { wire::door(call, order)? } else { None };
    Ok(Answer::Said { facts, door })
}

/// Takes authorized funds; PayPal releases the rest when it is the final capture. When that is refused, the
/// payment's own state tells whether it was taken before.
fn capture(call: &Call, order: &CaptureOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let id = call.require_reference(ReferenceKind::Authorization)?;
    let path = format!("{}/capture", requests::authorization_path(id));
    let response = dialogue.send(Api::of_call(call).post(call, &path, requests::capture(order)?)?)?;
    let Some(issue) = wire::refusal(&response) else {
        return Ok(Answer::said(wire::capture(&wire::done(&response)?)?));
    };
    let mut facts = look(call, dialogue)?.ok_or_else(|| refused_unseen("capture"))?;
    let is_ours = |item: &Item| match &item.echo {
        Some(echo) => *echo == order.echo,
        None => item.amount == Some(order.amount) && item.state != ItemState::Failed,
    };
    if !facts.items.iter().any(|item| item.kind == ItemKind::Capture && is_ours(item)) {
        // Totals are said only by an order, which lists every capture.
        if words::may_be_done(&issue, facts.captured.is_some()) {
            return Err(refused_unseen("capture").into());
        }
        facts.items.push(wire::failed(ItemKind::Capture, &order.echo, &issue));
    }
    Ok(Answer::said(facts))
}

/// Releases the authorization. Whatever PayPal answers, only an authorization that is shown as voided is.
fn void(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let id = call.require_reference(ReferenceKind::Authorization)?;
    let path = format!("{}/void", requests::authorization_path(id));
    let response = dialogue.send(Api::of_call(call).post_nothing(call, &path)?)?;
    if let Some(issue) = wire::refusal(&response) {
        let mut facts = look(call, dialogue)?.ok_or_else(|| refused_unseen("void"))?;
        // One that is voided already is what was asked for, whoever did it.
        if facts.word != Some(Word::Voided) {
            facts.items.push(wire::failed(ItemKind::Void, &call.echo, &issue));
        }
        return Ok(Answer::said(facts));
    }
    let facts = match response.status {
        204 => look(call, dialogue)?.ok_or_else(|| refused_unseen("void"))?,
        _ => wire::payments(&[wire::done(&response)?], &[])?,
    };
    if facts.word == Some(Word::Authorized) {
        return Err(Fault::unreadable("expected an authorization that is voided").into());
    }
    Ok(Answer::said(facts))
}

fn refused_unseen(what: &str) -> Fault {
    Fault::unreadable(&format!("expected to be shown what became of a {what} that was asked for before"))
}

/// Gives captured funds back. When that is refused, the order tells whether it was done before.
fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let id = match &order.capture {
        Some(id) => id,
        None => call.require_reference(ReferenceKind::Capture)?,
    };
    let path = format!("{}/refund", requests::capture_path(id));
    let response = dialogue.send(Api::of_call(call).post(call, &path, requests::refund(order)?)?)?;
    let Some(issue) = wire::refusal(&response) else {
        return Ok(Answer::said(wire::refund(call, &wire::done(&response)?)?));
    };
    let shown = find_order(call, dialogue)?;
    if let Some(shown) = &shown
        && let Some(facts) = refund_called(call, &order.echo, shown)?
    {
        return Ok(Answer::said(facts));
    }
    // The order lists every refund.
    if words::may_be_done(&issue, shown.is_some()) {
        return Err(refused_unseen("refund").into());
    }
    let item = wire::failed(ItemKind::Refund, &order.echo, &issue);
    Ok(Answer::said(Facts { items: vec![item], ..Facts::default() }))
}

/// Everything about the payment. Disputes are no part of an order: their own events and look-ups tell of them.
fn fetch_payment(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    match find_order(call, dialogue)? {
        Some(order) => opened_or_said(call, wire::order(call, &order)?, &order),
        None => Ok(look_at_parts(call, dialogue)?.map_or(Answer::Absent, Answer::said)),
    }
}

/// One refund. Without an id (its answer was lost) our own id of it finds it among those of the order.
fn fetch_refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if let Some(id) = &order.id {
        return Ok(match find(call, &requests::refund_path(id), dialogue)? {
            Some(refund) => Answer::said(wire::refund(call, &refund)?),
            None => Answer::Absent,
        });
    }
    // Without the order nothing says that there is no such refund.
    let shown = find_order(call, dialogue)?.ok_or_else(|| refused_unseen("refund"))?;
    Ok(refund_called(call, &order.echo, &shown)?.map_or(Answer::Absent, Answer::said))
}

/// The refund of an order that we call so.
fn refund_called(call: &Call, echo: &str, order: &Json) -> Flow<Option<Facts>> {
    for refund in wire::refunds(call, order)? {
        if wire::is_called(&refund, echo)? {
            let mut facts = wire::refund(call, &refund)?;
            facts.items.iter_mut().for_each(|item| item.echo = Some(echo.to_owned()));
            return Ok(Some(facts));
        }
    }
    Ok(None)
}

fn fetch_dispute(call: &Call, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    match find(call, &requests::dispute_path(id), dialogue)? {
        Some(dispute) => Ok(Answer::said(wire::dispute(&dispute)?)),
        None => Ok(Answer::Absent),
    }
}

/// A dispute that an event tells of: what PayPal itself says of it, for each payment that it is about.
fn about_dispute(
    delivery: &Delivery,
    id: &str,
    payments: Notification,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Vec<Notification>> {
    let request: HttpRequest = Api::of_delivery(delivery).get(&requests::dispute_path(id))?;
    let (response, proof) = dialogue.look_up(request)?;
    if wire::is_absent(&response) {
        return Ok(vec![payments]);
    }
    let dispute = response.success_json()?;
    let facts = wire::dispute(&dispute)?;
    let about = |capture: String| Notification {
        references: vec![Reference::new(ReferenceKind::Capture, capture)],
        proof: Some(proof),
        ..events::notification(Says::Facts(facts.clone()))
    };
    Ok(wire::disputed(&dispute)?.into_iter().map(about).collect())
}

/// The payment as its order shows it or, where PayPal has forgotten the order, by its parts.
fn look(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Option<Facts>> {
    match find_order(call, dialogue)? {
        Some(order) => Ok(Some(wire::order(call, &order)?)),
        None => look_at_parts(call, dialogue),
    }
}

/// What the authorizations and captures that we know say by themselves; `None` when PayPal has none of them.
fn look_at_parts(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Option<Facts>> {
    let (mut authorizations, mut captures) = (Vec::new(), Vec::new());
    let is_part =
        |known: &&Reference| matches!(known.kind, ReferenceKind::Authorization | ReferenceKind::Capture);
    let parts: Vec<_> = call.references.iter().filter(is_part).collect();
    if parts.len() > PARTS_MAX {
        return Err(
            Fault::unreadable(&format!("expected an order, or at most {PARTS_MAX} parts of it")).into()
        );
    }
    for Reference { kind, id } in parts {
        let (path, list) = match kind {
            ReferenceKind::Authorization => (requests::authorization_path(id), &mut authorizations),
            _ => (requests::capture_path(id), &mut captures),
        };
        list.extend(find(call, &path, dialogue)?);
    }
    if authorizations.is_empty() && captures.is_empty() {
        return Ok(None);
    }
    Ok(Some(wire::payments(&authorizations, &captures)?))
}

fn find_order(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Option<Json>> {
    find(call, &requests::order_path(call)?, dialogue)
}

/// One object; `None` when PayPal says that it has no such thing.
fn find(call: &Call, path: &str, dialogue: &mut Dialogue<'_>) -> Flow<Option<Json>> {
    let response = dialogue.send(Api::of_call(call).get(path)?)?;
    if wire::is_absent(&response) {
        return Ok(None);
    }
    Ok(Some(response.success_json()?))
}
