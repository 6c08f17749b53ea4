//! Square as pure functions: payment links, and what follows once the shopper has paid.
//!
//! Read it from top to bottom: who the processor is, then one function for each thing the hub asks of it.
//! `requests` knows what is sent, `wire` and `words` what the answers mean, `amounts` how Square counts, and
//! `events` its webhooks. `README.md` beside this crate is for operators.
//!
//! A payment link is a page of Square's and an order behind it. The order is what everything later is found
//! by: it names its payments, and those their refunds. Links never expire by themselves; one is deleted to
//! close its page, and whether that worked is what the order says afterwards.
//!
//! Source: Square's published API description (Square-Version 2025-08-20), its documentation at
//! developer.squareup.com, its developer forum and its own libraries.
//!
//! Invariant: only an object of Square's, or a refusal that says that it did nothing, says anything about
//! money. All else is a fault, and the hub finds out by asking again.

mod amounts;
mod events;
mod requests;
mod setup;
mod wire;
mod words;

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, CONTRACT_VERSION, Call, Capabilities, Channel,
    CheckoutOrder, Delivery, Descriptor, Dialogue, Facts, Fault, Flow, HostRule, IdempotencyProfile, Json,
    KeyCarrier, LookUp, Notification, Operation, ReferenceKind, RefundOrder, Says, SecretField, SettingField,
    SettingKind, SignedDeliveries, Word,
};

/// Square does not publish how long it remembers an idempotency key; an hour is what the hub relies on, in
/// seconds.
const KEY_RETENTION_S: u32 = 60 * 60;
/// How long what was asked for may take to show in a look-up, in seconds. Square's lists lag by seconds.
const ABSENT_AFTER_S: u32 = 5 * 60;
/// Payments of one order, beside those that its tenders say failed. More are not read but refused, so that none is
/// overlooked.
const PAYMENTS_MAX: usize = 3;
/// Refunds of one order that are looked through. Each is a request of its own.
const REFUNDS_MAX: usize = 10;

/// The adapter for Square.
#[derive(Clone, Copy, Debug)]
pub struct Square;

processor_sdk::export_adapter!(Square);

impl Adapter for Square {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            contract: CONTRACT_VERSION,
            name: "square".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "Square".to_owned(),
            documentation: "https://developer.squareup.com/docs/checkout-api".to_owned(),
            settings: settings(),
            secrets: secrets(),
            hosts: api(),
            checkout_hosts: checkout_hosts(),
            currencies: amounts::currencies(),
            capabilities: Capabilities {
                // A link's payment is completed at once.
                manual_capture: false,
                partial_capture: false,
                multiple_captures: false,
                void: false,
                refund: true,
                partial_refund: true,
                multiple_refunds: true,
                complete_checkout: false,
                expire_checkout: true,
                fetch_payment: LookUp::ById,
                fetch_refund: LookUp::ByEcho,
                fetch_dispute: LookUp::ById,
                silent_auto_capture: false,
                // Square mails a link to nobody: whose answer is lost leads nobody anywhere.
                orphan_session_payable: false,
            },
            idempotency: IdempotencyProfile {
                carrier: KeyCarrier::BodyField { pointer: "/idempotency_key".to_owned() },
                retention_s: KEY_RETENTION_S,
                // Not published either. Where it does not, another key is only more careful than needed.
                replays_errors: true,
                after_unknown: AfterUnknown::LookFirst,
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
            Operation::Refund(order) => refund(call, order, dialogue),
            Operation::FetchPayment => fetch_payment(call, dialogue),
            Operation::FetchRefund(order) => fetch_refund(call, order, dialogue),
            Operation::FetchDispute { id } => fetch_dispute(call, id, dialogue),
            Operation::CompleteCheckout { .. } | Operation::Capture(_) | Operation::Void => {
                Err(Fault::Unsupported.into())
            }
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
                Ok(vec![Notification { proof: Some(proof), ..events::read(&delivery.json()?)? }])
            }
        }
    }
}

/// Personal data, and what opens a shopper's page.
const NEVER_STORE: [&str; 16] = [
    "bank_account_details",
    "billing_address",
    "buy_now_pay_later_details",
    "buyer_address",
    "buyer_email",
    "buyer_email_address",
    "buyer_phone_number",
    "card_details",
    "fulfillments",
    "long_url",
    "receipt_url",
    "recipient",
    "shipping_address",
    "square_account_details",
    "url",
    "wallet_details",
];

fn api() -> Vec<HostRule> {
    vec![
        HostRule::Exactly(requests::LIVE_HOST.to_owned()),
        HostRule::Exactly(requests::SANDBOX_HOST.to_owned()),
        HostRule::Setting("base_url".to_owned()),
    ]
}

fn checkout_hosts() -> Vec<HostRule> {
    let mut hosts: Vec<_> = ["square.link", "checkout.square.site", "sandbox.square.link"]
        .map(|host| HostRule::Exactly(host.to_owned()))
        .to_vec();
    // The page of the sandbox, which has the address of its API.
    hosts.push(HostRule::Exactly(requests::SANDBOX_HOST.to_owned()));
    hosts.push(HostRule::Setting("checkout_url".to_owned()));
    hosts
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
            "location_id",
            SettingKind::Text,
            true,
            "The location that sells: Developer Console, Locations (L…); its currency is the only one it takes",
        ),
        field(
            "base_url",
            SettingKind::Url,
            false,
            "Where Square's API is, when it is neither Square's own nor its sandbox, which the mode chooses",
        ),
        field(
            "checkout_url",
            SettingKind::Url,
            false,
            "Only when links lead elsewhere than to square.link: their address, such as https://pay.example.com",
        ),
        field(
            "support_email",
            SettingKind::Text,
            false,
            "The address that Square's page shows for questions; without it the location's own",
        ),
        field(
            "cash_app_pay",
            SettingKind::Flag,
            false,
            "Whether the page offers Cash App Pay (United States only)",
        ),
        field(
            "afterpay_clearpay",
            SettingKind::Flag,
            false,
            "Whether the page offers Afterpay or Clearpay, where the location can take it",
        ),
    ]
}

fn secrets() -> Vec<SecretField> {
    vec![
        SecretField {
            name: "access_token".to_owned(),
            required: true,
            several: false,
            hosts: api(),
            help: "Access token of the seller: Developer Console, your application, Credentials (EAAA…)"
                .to_owned(),
        },
        SecretField {
            name: "signature_key".to_owned(),
            required: true,
            several: true,
            hosts: vec![],
            help: "Signature key of this connector's webhook subscription: Developer Console, Webhooks, Subscriptions"
                .to_owned(),
        },
    ]
}

/// Makes the link. Asked again, it gives the door to the same page as long as its order can be paid.
fn open(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if call.reference(ReferenceKind::Order).is_some() {
        return reopen(call, dialogue);
    }
    let link = requests::new_link(call, order)?;
    let response = dialogue.send(requests::post(call, "/v2/online-checkout/payment-links", link)?)?;
    if let Some(code) = wire::refusal(&response) {
        let decline = Some(words::refused_request(&code));
        return Ok(Answer::said(Facts { decline, ..Facts::word(Word::Declined) }));
    }
    let answer = response.success_json()?;
    let facts = wire::new_link(&answer)?;
    with_door(facts, Some(&answer.part("/payment_link")?))
}

fn reopen(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let Some(facts) = look(call, dialogue)? else { return Ok(Answer::Absent) };
    let link = match (call.reference(ReferenceKind::Session), &facts.word) {
        (Some(id), Some(Word::Open)) => {
            let path = requests::path("online-checkout/payment-links", id);
            find(call, &path, "/payment_link", dialogue)?
        }
        // Whatever became of it, there is no page to pay at.
        (_, _) => None,
    };
    with_door(facts, link.as_ref())
}

fn with_door(facts: Facts, link: Option<&Json>) -> Flow<Answer> {
    let door = link.filter(|_| facts.word == Some(Word::Open)).map(wire::door).transpose()?;
    Ok(Answer::Said { facts, door })
}

/// Deletes the link. Square then cancels the order, or it does not, so that the order has the last word: as
/// long as that is open, somebody may still pay.
fn expire(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let link = call.require_reference(ReferenceKind::Session)?;
    let path = requests::path("online-checkout/payment-links", link);
    let response = dialogue.send(requests::delete(call, &path)?)?;
    if wire::refusal(&response).is_none() {
        response.success_json()?.text("/id")?;
    }
    fetch_payment(call, dialogue)
}

/// Gives back a completed payment, or a part. A refusal speaks of this request alone: an earlier one for the
/// same refund may have gone through, and be the very reason.
fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let payment = payment_id(call, order)?;
    let request = requests::post(call, "/v2/refunds", requests::new_refund(payment, order)?)?;
    let response = dialogue.send(request)?;
    let Some(code) = wire::refusal(&response) else {
        return Ok(Answer::said(wire::refund(&response.success_json()?.part("/refund")?)?));
    };
    let found = refund_by_echo(call, order, dialogue)?;
    Ok(Answer::said(found.unwrap_or_else(|| wire::refused_refund(&order.echo, &code))))
}

/// A payment is a capture of its own, and has the same id.
fn payment_id<'c>(call: &'c Call, order: &'c RefundOrder) -> Result<&'c str, Fault> {
    match &order.capture {
        Some(id) => Ok(id),
        None => call.require_reference(ReferenceKind::Payment),
    }
}

/// Everything about the payment: the order, its payments and their refunds.
fn fetch_payment(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    Ok(look(call, dialogue)?.map_or(Answer::Absent, Answer::said))
}

/// What the order says, with all its payments; `None` when Square has no such order.
fn look(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Option<Facts>> {
    let path = requests::path("orders", call.require_reference(ReferenceKind::Order)?);
    let Some(order) = find(call, &path, "/order", dialogue)? else { return Ok(None) };
    let ids = wire::payment_ids(call, &order, PAYMENTS_MAX)?;
    let ids = within(PAYMENTS_MAX, "payments of one order", ids)?;
    let (mut payments, mut refunds) = (vec![], vec![]);
    for id in ids {
        let payment = get(call, &requests::path("payments", &id), "/payment", dialogue)?;
        refunds.extend(wire::refund_ids(&payment)?);
        payments.push(payment);
    }
    let mut facts = wire::order(&order, &payments)?;
    // The newest come last. Of others nothing is said; the hub asks for its own by their ids.
    for id in refunds.iter().skip(refunds.len().saturating_sub(REFUNDS_MAX)) {
        let refund = get(call, &requests::path("refunds", id), "/refund", dialogue)?;
        wire::add(&mut facts, wire::refund(&refund)?);
    }
    Ok(Some(facts))
}

/// One refund. Without an id (its answer was lost) our echo finds it among those of the payment.
fn fetch_refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let facts = match &order.id {
        Some(id) => match find(call, &requests::path("refunds", id), "/refund", dialogue)? {
            Some(refund) => Some(wire::refund(&refund)?),
            None => None,
        },
        None => refund_by_echo(call, order, dialogue)?,
    };
    Ok(facts.map_or(Answer::Absent, Answer::said))
}

/// The refund that carries our echo, of whichever payment of the order; `None` when none does, all having been
/// looked at. Which payment it was asked of may have been decided when fewer of them were known.
fn refund_by_echo(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Option<Facts>> {
    let mut payments = wire::known_payment_ids(call);
    payments.insert(payment_id(call, order)?.to_owned());
    let mut refunds = vec![];
    for id in within(PAYMENTS_MAX, "payments of one order", payments)? {
        let payment = get(call, &requests::path("payments", &id), "/payment", dialogue)?;
        refunds.extend(wire::refund_ids(&payment)?);
    }
    for id in within(REFUNDS_MAX, "refunds of one order", refunds)?.iter().rev() {
        let refund = get(call, &requests::path("refunds", id), "/refund", dialogue)?;
        if wire::refund_echo(&refund)? == Some(order.echo.as_str()) {
            return Ok(Some(wire::refund(&refund)?));
        }
    }
    Ok(None)
}

/// Ids that are few enough to be read one by one.
fn within(max: usize, of_what: &str, ids: impl IntoIterator<Item = String>) -> Result<Vec<String>, Fault> {
    let ids = Vec::from_iter(ids);
    if ids.len() > max {
        return Err(Fault::unreadable(&format!("expected at most {max} {of_what}")));
    }
    Ok(ids)
}

fn fetch_dispute(call: &Call, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    match find(call, &requests::path("disputes", id), "/dispute", dialogue)? {
        Some(dispute) => Ok(Answer::said(wire::dispute(&dispute)?)),
        None => Ok(Answer::Absent),
    }
}

/// One object that must be there.
fn get(call: &Call, path: &str, pointer: &str, dialogue: &mut Dialogue<'_>) -> Flow<Json> {
    Ok(dialogue.send(requests::get(call, path)?)?.success_json()?.part(pointer)?)
}

/// One object; `None` when Square says that it has no such thing.
fn find(call: &Call, path: &str, pointer: &str, dialogue: &mut Dialogue<'_>) -> Flow<Option<Json>> {
    let response = dialogue.send(requests::get(call, path)?)?;
    if wire::is_absence(&response) {
        return Ok(None);
    }
    Ok(Some(response.success_json()?.part(pointer)?))
}
