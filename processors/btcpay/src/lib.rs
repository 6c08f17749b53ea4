//! BTCPay Server as pure functions: an invoice of the operator's own server, paid in coins, and what comes late.
//!
//! Read it from top to bottom: who the processor is, then one function for each thing the hub asks of it.
//! `requests` knows what is sent, `wire` and `words` what the answers mean, `amounts` how coins are counted as
//! money, and `events` the webhooks. `README.md` beside this crate is for operators.
//!
//! Source: the published OpenAPI description of the Greenfield API (docs.btcpayserver.org/API/Greenfield/v1)
//! and BTCPay Server's public source.
//!
//! Invariant: only an object of BTCPay's, or a refusal that says that it did nothing, says anything about money.
//! All else is a fault, and the hub finds out by asking again.

mod amounts;
mod events;
mod requests;
mod setup;
mod wire;
mod words;

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, CONTRACT_VERSION, Call, Capabilities, Channel,
    CheckoutOrder, Currencies, Delivery, Descriptor, Dialogue, Facts, Fault, Flow, Form, HostRule,
    IdempotencyProfile, Item, Json, KeyCarrier, LookUp, Notification, Operation, ReferenceKind, RefundOrder,
    Says, SecretField, SettingField, SettingKind, SignedDeliveries, Word,
};
use serde_json::{Value, json};

/// How long an invoice or refund whose answer was lost may still be on its way, in seconds: the server asks for
/// rates and addresses before it answers.
const ABSENT_AFTER_S: u32 = 120;
/// Invoices that one attempt is looked for among. More than one is a repeat that arrived after all.
const INVOICES_MAX: &str = "20";
/// Refunds under one name. More are not read but refused.
const REFUNDS_MAX: usize = 4;
/// What BTCPay calls an invoice that it does not have, and a refund.
const NO_INVOICE: &str = "invoice-not-found";
const NO_PULL_PAYMENT: &str = "pullpayment-not-found";

/// The adapter for BTCPay Server.
#[derive(Clone, Copy, Debug)]
pub struct BtcPay;

processor_sdk::export_adapter!(BtcPay);

impl Adapter for BtcPay {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            contract: CONTRACT_VERSION,
            name: "btcpay".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "BTCPay Server".to_owned(),
            documentation: "https://docs.btcpayserver.org/API/Greenfield/v1/".to_owned(),
            settings: settings(),
            secrets: secrets(),
            hosts: api(),
            checkout_hosts: vec![
                HostRule::Setting("base_url".to_owned()),
                HostRule::Setting("checkout_url".to_owned()),
            ],
            // Whichever the store's rate provider has a rate for.
            currencies: Currencies::All,
            capabilities: Capabilities {
                manual_capture: false,
                partial_capture: false,
                multiple_captures: false,
                void: false,
                refund: true,
                partial_refund: true,
                multiple_refunds: true,
                complete_checkout: false,
                expire_checkout: true,
                fetch_payment: LookUp::ByEcho,
                fetch_refund: LookUp::ByEcho,
                fetch_dispute: LookUp::None,
                silent_auto_capture: false,
                orphan_session_payable: false,
            },
            idempotency: IdempotencyProfile {
                carrier: KeyCarrier::None,
                retention_s: 0,
                replays_errors: false,
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
            Operation::CompleteCheckout { .. }
            | Operation::Capture(_)
            | Operation::Void
            | Operation::FetchDispute { .. } => Err(Fault::Unsupported.into()),
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
                let notification = events::read(&delivery.json()?, &delivery.settings)?;
                Ok(vec![Notification { proof: Some(proof), ..notification }])
            }
        }
    }
}

/// Personal data, addresses of coins, and links: whoever has a refund's `viewLink` can claim the refund.
const NEVER_STORE: [&str; 18] = [
    "additionalData",
    "buyerAddress1",
    "buyerAddress2",
    "buyerCity",
    "buyerCountry",
    "buyerEmail",
    "buyerName",
    "buyerPhone",
    "buyerState",
    "buyerZip",
    "checkoutLink",
    "destination",
    "paymentLink",
    "paymentProof",
    "posData",
    "receiptData",
    "redirectURL",
    "viewLink",
];

fn api() -> Vec<HostRule> {
    vec![HostRule::Setting("base_url".to_owned())]
}

fn settings() -> Vec<SettingField> {
    let field = |name: &str, kind, required, help: &str| SettingField {
        name: name.to_owned(),
        kind,
        required,
        default: None,
        help: help.to_owned(),
    };
    let speeds = ["HighSpeed", "MediumSpeed", "LowMediumSpeed", "LowSpeed"].map(str::to_owned).to_vec();
    vec![
        field(
            "base_url",
            SettingKind::Url,
            true,
            "Your server as the hub reaches it, with its path prefix if it has one",
        ),
        field("store_id", SettingKind::Text, true, "The store that is paid: its settings, General, Store ID"),
        field(
            "checkout_url",
            SettingKind::Url,
            false,
            "Your server as shoppers reach it, where that is another address than base_url",
        ),
        field(
            "payment_methods",
            SettingKind::Text,
            false,
            "Methods to offer, with commas, as your version writes them (BTC-CHAIN,BTC-LN); else all of the store's",
        ),
        field(
            "payout_methods",
            SettingKind::Text,
            false,
            "Methods to claim a refund by, with commas; else the one that the invoice was paid by",
        ),
        field(
            "speed_policy",
            SettingKind::Choice { of: speeds },
            false,
            "How many confirmations make a payment settled (0, 1, 2 or 6); else the store's own setting",
        ),
        field(
            "invoice_minutes",
            SettingKind::Choice { of: requests::INVOICE_MINUTES.map(str::to_owned).to_vec() },
            false,
            "How many minutes a price stands; else the store's own setting",
        ),
        field(
            "accept_late",
            SettingKind::Flag,
            false,
            "Take the money that comes in full after the price expired; else you mark such invoices in BTCPay",
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
            help: "API key for this store: Account, Manage Account, API keys".to_owned(),
        },
        SecretField {
            name: "webhook_secret".to_owned(),
            required: true,
            several: true,
            hosts: vec![],
            help: "Secret of this connector's webhook: the store's settings, Webhooks".to_owned(),
        },
    ]
}

/// Makes an invoice. Asked again, it gives the door to the same page as long as that is open.
fn open(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if call.reference(ReferenceKind::Session).is_some() {
        return fetch_payment(call, dialogue);
    }
    let invoice = requests::new_invoice(call, order)?;
    let response = dialogue.send(requests::post(call, &requests::in_store(call, "invoices")?, invoice)?)?;
    if let Some(code) = wire::refusal(&response) {
        let decline = Some(words::refused_invoice(&code));
        return Ok(Answer::said(Facts { decline, ..Facts::word(Word::Declined) }));
    }
    said(call, &response.success_json()?, dialogue)
}

/// Closes a page that waits, by marking its invoice invalid; coins that are sent later still arrive. Where money
/// is under way, or BTCPay does not let us, what is so is the answer.
fn expire(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = requests::invoice(call, call.require_reference(ReferenceKind::Session)?)?;
    let Some(invoice) = find(call, &path, NO_INVOICE, dialogue)? else { return Ok(Answer::Absent) };
    if !wire::can_be_closed(&invoice)? {
        return said(call, &invoice, dialogue);
    }
    let mark = json!({ "status": "Invalid" });
    let response = dialogue.send(requests::post(call, &format!("{path}/status"), mark)?)?;
    match wire::refusal(&response) {
        Some(_) => fetch_payment(call, dialogue),
        None => said(call, &response.success_json()?, dialogue),
    }
}

/// Promises money back. The customer claims it, the merchant approves and pays it out; all that is later. The page
/// to claim it at is no door of the attempt: whoever is shown it can take the money.
fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let path = requests::invoice(call, call.require_reference(ReferenceKind::Session)?)?;
    let request = requests::post(call, &format!("{path}/refund"), requests::new_refund(call, order)?)?;
    let response = dialogue.send(request)?;
    let item = match wire::refusal(&response) {
        Some(code) => wire::failed_refund(order, &code),
        None => wire::refund(order, &response.success_json()?, None)?,
    };
    Ok(refunds(vec![item]))
}

/// The invoice by its id; by our own where its answer was lost.
fn fetch_payment(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let invoice = match call.reference(ReferenceKind::Session) {
        Some(id) => find(call, &requests::invoice(call, id)?, NO_INVOICE, dialogue)?,
        None => search(call, dialogue)?,
    };
    match invoice {
        Some(invoice) => said(call, &invoice, dialogue),
        None => Ok(Answer::Absent),
    }
}

/// The invoice of this attempt. If a repeat arrived after all, the one that money came to, or else the newest.
fn search(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Option<Json>> {
    let query = Form::new().with("orderId", &call.echo).with("take", INVOICES_MAX);
    let mut best = None;
    for invoice in list(call, &requests::in_store(call, "invoices")?, &query, dialogue)? {
        // Another shop of the store may have written anything there.
        if invoice.at("/metadata/orderId").and_then(Value::as_str) != Some(call.echo.as_str()) {
            continue;
        }
        let rank = (wire::has_money(&invoice)?, invoice.integer("/createdTime")?);
        if best.as_ref().is_none_or(|(known, _)| *known <= rank) {
            best = Some((rank, invoice));
        }
    }
    Ok(best.map(|(_, invoice)| invoice))
}

/// One refund and what was paid out of it. Without an id (its answer was lost) its name finds it.
fn fetch_refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let mut found = vec![];
    match &order.id {
        Some(id) => {
            found.extend(find(call, &requests::pull_payment(id), NO_PULL_PAYMENT, dialogue)?);
            found.iter().try_for_each(|refund| check_id(refund, Some(id)))?;
        }
        None => {
            let query = Form::new().with("includeArchived", "true");
            for refund in list(call, &requests::in_store(call, "pull-payments")?, &query, dialogue)? {
                if wire::is_named(&refund, order)? {
                    found.push(refund);
                }
            }
        }
    }
    if found.len() > REFUNDS_MAX {
        return Err(Fault::unreadable(&format!("expected at most {REFUNDS_MAX} refunds of one name")).into());
    }
    let mut items = vec![];
    for refund in found {
        let path = format!("{}/payouts", requests::pull_payment(refund.text("/id")?));
        let payouts = list(call, &path, &Form::new(), dialogue)?;
        let mut item = wire::refund(order, &refund, Some(&payouts))?;
        // One of them is ours. A second one is money that nobody asked for, and shows as such.
        item.echo = item.echo.filter(|_| items.is_empty());
        items.push(item);
    }
    Ok(if items.is_empty() { Answer::Absent } else { refunds(items) })
}

fn refunds(items: Vec<Item>) -> Answer {
    let facts = Facts { items, ..Facts::default() };
    let ids: Vec<_> = facts.items.iter().filter_map(|item| item.id.clone()).collect();
    Answer::said(ids.into_iter().fold(facts, |facts, id| facts.reference(ReferenceKind::Refund, id)))
}

/// An invoice's facts, and its door while it is open. Of one that is over the payments tell whether money came.
fn said(call: &Call, invoice: &Json, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    check_id(invoice, call.reference(ReferenceKind::Session))?;
    if !wire::is_over_with_money(invoice)? {
        return Ok(Answer::Said { facts: wire::invoice(invoice)?, door: wire::door(call, invoice)? });
    }
    let path = format!("{}/payment-methods", requests::invoice(call, invoice.text("/id")?)?);
    let methods = dialogue.send(requests::get(call, &path)?)?.success_json()?.list("")?;
    Ok(Answer::said(wire::over(invoice, &methods, call.settings.flag("accept_late"))?))
}

/// That an answer is about the thing that was asked for, and not about another from somebody's memory.
fn check_id(object: &Json, asked: Option<&str>) -> Result<(), Fault> {
    match asked {
        Some(asked) if object.text("/id")? != asked => {
            Err(Fault::unreadable("expected the id that was asked for at /id"))
        }
        Some(_) | None => Ok(()),
    }
}

/// One object; `None` when BTCPay says that it has no such thing.
fn find(call: &Call, path: &str, absent: &str, dialogue: &mut Dialogue<'_>) -> Flow<Option<Json>> {
    let response = dialogue.send(requests::get(call, path)?)?;
    match wire::refusal(&response) {
        Some(code) if response.status == 404 && code == absent => Ok(None),
        Some(_) | None => Ok(Some(response.success_json()?)),
    }
}

/// A whole list, of objects that have ids. That there is nothing in it anybody could say; so the server has to
/// say beside it, in BTCPay's own words, that this store has no invoice under an id of ours.
fn list(call: &Call, path: &str, query: &Form, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Json>> {
    let request = requests::get(call, path)?.with_query(query);
    let objects = dialogue.send(request)?.success_json()?.list("")?;
    for object in &objects {
        object.text("/id")?;
    }
    let is_odd = objects.is_empty()
        && find(call, &requests::invoice(call, &call.echo)?, NO_INVOICE, dialogue)?.is_some();
    if is_odd {
        return Err(Fault::unreadable("expected no invoice under an id of the hub's").into());
    }
    Ok(objects)
}
