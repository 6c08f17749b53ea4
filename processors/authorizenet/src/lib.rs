//! Authorize.Net as pure functions: Accept Hosted pages, and what follows once the shopper has paid.
//!
//! Read it from top to bottom: who the processor is, then one function for each thing the hub asks of it.
//! `requests` knows what is sent, `wire` and `words` what the answers mean, `amounts` how Authorize.Net writes
//! money, `refunds` gives it back, `search` finds what has no id yet, and `events` reads webhooks. `README.md`
//! beside this crate is for operators.
//!
//! Source: the published schema (`AnetApiSchema.xsd`), Authorize.Net's own libraries and samples, and its
//! documentation at developer.authorize.net.
//!
//! Invariant: only details of a record, or a refusal that says that it did nothing, say anything about money.
//! An order that was accepted is looked up before it is reported. All else is a fault, and the hub finds out by
//! asking again.

mod amounts;
mod events;
mod refunds;
mod requests;
mod search;
mod setup;
mod wire;
mod words;

use std::collections::BTreeSet;

use processor_sdk::{
    Acknowledgement, Adapter, AfterUnknown, Answer, CONTRACT_VERSION, Call, Capabilities, CaptureOrder,
    Channel, CheckoutOrder, Delivery, Descriptor, Dialogue, Door, DoorKind, Facts, Fault, Flow,
    IdempotencyProfile, Item, ItemKind, ItemState, KeyCarrier, LookUp, Money, Notification, Operation,
    Reference, ReferenceKind, Says, SecretField, SettingField, SettingKind, SignedDeliveries, Timestamp,
    Word,
};

use requests::Account;
use search::{Entry, Wanted};
use wire::{Record, Taken};

/// How long the shopper is sent to a page, in seconds: its token is good for 15 minutes, less the way there.
const DOOR_S: u32 = 14 * 60;
/// How long somebody may still be paying at a page, in seconds: its token's 15 minutes, and time to finish.
/// As long may a request that we gave up on need to show in a list.
const PAGE_S: u32 = 20 * 60;
/// How far Authorize.Net's clock may be behind, in seconds.
const SKEW_S: i64 = 10 * 60;
/// How long it may take until a payment is settled and stands in a batch, in seconds. It happens once a day.
const SETTLING_S: i64 = 5 * 24 * 60 * 60;
/// How long a time one question about batches may cover, in seconds: 31 days, and we ask for 30.
const BATCHES_S_MAX: i64 = 30 * 24 * 60 * 60;
/// Records of one attempt or refund that are read. More are not read but refused.
const RECORDS_MAX: usize = 4;
/// The reason that Authorize.Net gives for an order that looks like one that it has just taken.
const DUPLICATE: &str = "11";

/// The adapter for Authorize.Net.
#[derive(Clone, Copy, Debug)]
pub struct AuthorizeNet;

processor_sdk::export_adapter!(AuthorizeNet);

impl Adapter for AuthorizeNet {
    fn descriptor(&self) -> Descriptor {
        Descriptor {
            contract: CONTRACT_VERSION,
            name: "authorizenet".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            title: "Authorize.Net".to_owned(),
            documentation: "https://developer.authorize.net/api/reference/features/accept-hosted.html"
                .to_owned(),
            settings: settings(),
            secrets: secrets(),
            hosts: requests::api_hosts(),
            checkout_hosts: requests::page_hosts(),
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
                expire_checkout: false,
                fetch_payment: LookUp::ByEcho,
                fetch_refund: LookUp::ByEcho,
                fetch_dispute: LookUp::ById,
                silent_auto_capture: false,
                orphan_session_payable: false,
            },
            idempotency: IdempotencyProfile {
                carrier: KeyCarrier::None,
                retention_s: 0,
                replays_errors: false,
                after_unknown: AfterUnknown::LookFirst,
                absent_after_s: PAGE_S,
            },
            deliveries: SignedDeliveries::WholeBody,
            acknowledgement: Acknowledgement { status: 200, body: String::new() },
            reads: requests::reads(),
            never_store: NEVER_STORE.iter().map(|name| (*name).to_owned()).collect(),
            needs: vec![],
            setup: setup::STEPS.map(str::to_owned).to_vec(),
            events: setup::EVENTS.map(str::to_owned).to_vec(),
        }
    }

    fn perform(&self, call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
        match &call.operation {
            Operation::OpenCheckout(order) => open(call, order, dialogue),
            Operation::Capture(order) => capture(call, order, dialogue),
            Operation::Void => void(call, dialogue),
            Operation::Refund(order) => refunds::refund(call, order, dialogue),
            Operation::FetchPayment => fetch_payment(call, dialogue),
            Operation::FetchRefund(order) => refunds::fetch_refund(call, order, dialogue),
            Operation::FetchDispute { id } => fetch_dispute(call, id, dialogue),
            Operation::CompleteCheckout { .. } | Operation::ExpireCheckout => Err(Fault::Unsupported.into()),
        }
    }

    fn receive(&self, delivery: &Delivery, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Notification>> {
        match delivery.channel {
            // The shopper's browser came back, without any id: the hub is told to ask.
            Channel::Return => {
                Ok(vec![Notification { echo: delivery.echo.clone(), ..events::notification(Says::Changed) }])
            }
            Channel::Webhook => {
                let proof = dialogue.verify(events::signature(delivery)?)?;
                let notification = events::read(delivery, dialogue)?;
                Ok(vec![Notification { proof: Some(proof), ..notification }])
            }
        }
    }
}

/// Personal data, and what opens a shopper's page.
const NEVER_STORE: [&str; 17] = [
    "accountNumber",
    "authCode",
    "billTo",
    "cancelUrl",
    "cardNumber",
    "customer",
    "customerIP",
    "email",
    "expirationDate",
    "firstName",
    "lastName",
    "merchantAuthentication",
    "networkTransId",
    "profile",
    "shipTo",
    "token",
    "url",
];

fn settings() -> Vec<SettingField> {
    let field = |name: &str, kind, help: &str| SettingField {
        name: name.to_owned(),
        kind,
        required: false,
        default: None,
        help: help.to_owned(),
    };
    let choice = |of: Vec<String>| SettingKind::Choice { of };
    vec![
        SettingField {
            required: true,
            ..field(
                "currency",
                choice(amounts::codes()),
                "The one currency of the merchant's account; records do not name it",
            )
        },
        SettingField {
            default: Some("text".into()),
            ..field(
                "signature_key_encoding",
                choice(vec!["text".to_owned(), "hex".to_owned()]),
                "How webhooks use the signature key: its characters as they are (text), or the bytes they stand for",
            )
        },
        field(
            "base_url",
            SettingKind::Url,
            "Only behind a proxy: the API's address without a path, else that of the connector's mode",
        ),
        field(
            "checkout_url",
            SettingKind::Url,
            "Only behind a proxy: the hosted page's address without a path, else that of the connector's mode",
        ),
    ]
}

fn secrets() -> Vec<SecretField> {
    let sent = |name: &str, help: &str| SecretField {
        name: name.to_owned(),
        required: true,
        several: false,
        hosts: requests::api_hosts(),
        help: help.to_owned(),
    };
    vec![
        sent("api_login_id", "API Login ID: Merchant Interface, Account, API Credentials & Keys"),
        sent("transaction_key", "Transaction Key: Merchant Interface, Account, API Credentials & Keys"),
        SecretField {
            hosts: vec![],
            several: true,
            ..sent("signature_key", "Signature Key (128 characters): Account, API Credentials & Keys")
        },
    ]
}

/// Asks for a page. It has no id, so that the time at which it was asked for is remembered instead. Asked again,
/// it may have been paid in the meantime.
fn open(call: &Call, order: &CheckoutOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if pages(call).is_some() {
        let known = fetched(call, dialogue)?;
        let is_over = |facts: &Facts| !matches!(facts.word, Some(Word::Open | Word::Declined));
        if let Some(facts) = known.filter(is_over) {
            return Ok(Answer::said(facts));
        }
    }
    let response = dialogue.send(requests::new_page(call, order)?)?;
    let token = match wire::token(&response)? {
        Ok(token) => token,
        Err(error) => {
            let decline = Some(words::refused_page(&error));
            return Ok(Answer::said(Facts { decline, ..Facts::word(Word::Declined) }));
        }
    };
    let kind = DoorKind::Form {
        url: requests::page_url(Account::of(call))?,
        fields: vec![("token".to_owned(), token)],
    };
    // No dash: digits on both sides of one can look like a card number.
    let page = format!("{}_{}", call.echo, call.created_at.as_unix_seconds());
    let facts = Facts::word(Word::Open).reference(ReferenceKind::Session, page);
    Ok(Answer::with_door(facts, Door { kind, expires_in_s: Some(DOOR_S) }))
}

/// When the first and the last page of this attempt were asked for.
fn pages(call: &Call) -> Option<(Timestamp, Timestamp)> {
    let opened = call.references.iter().filter(|reference| reference.kind == ReferenceKind::Session);
    let times = opened.filter_map(|page| {
        let (echo, seconds) = page.id.split_once('_')?;
        let at = Timestamp::from_unix_seconds(seconds.parse().ok()?).ok()?;
        (echo == call.echo).then_some(at)
    });
    times.fold(None, |range, at| match range {
        Some((first, last)) => Some((at.min(first), at.max(last))),
        None => Some((at, at)),
    })
}

/// Takes authorized funds, once; the rest is released.
fn capture(call: &Call, order: &CaptureOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let payment = reserved(call, dialogue)?.remove(0);
    let taken = wire::order(&dialogue.send(requests::capture(call, order, payment)?)?)?;
    let id = match &taken {
        Taken::As(id) => id,
        Taken::Refused(_) => payment,
    };
    let mut facts = facts_of(call, &require(call, id, dialogue)?)?;
    let captured = facts.items.iter_mut().find(|item| item.kind == ItemKind::Capture);
    match (taken, captured) {
        (Taken::As(_), Some(item)) => item.echo = Some(order.echo.clone()),
        // Accepted, and not yet to be seen in its details.
        (Taken::As(id), None) => facts.items.push(pending(ItemKind::Capture, &id, &order.echo)),
        // It was captured before: by an order of ours whose answer was lost, or by hand.
        (Taken::Refused(_), Some(item)) if item.amount == Some(order.amount) => {}
        (Taken::Refused(reason), _) => refused(&mut facts, ItemKind::Capture, &order.echo, &reason)?,
    }
    Ok(Answer::said(facts))
}

/// Releases the authorization, or both where the shopper made two.
fn void(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let mut all = Facts::default();
    for payment in reserved(call, dialogue)? {
        let taken = wire::order(&dialogue.send(requests::void(call, &call.echo, payment)?)?)?;
        let record = require(call, payment, dialogue)?;
        let mut facts = facts_of(call, &record)?;
        match taken {
            // A payment that is voided already is what was asked for, whoever did it.
            _ if record.word() == Some(Word::Voided) => {}
            Taken::As(id) => facts.items.push(pending(ItemKind::Void, &id, &call.echo)),
            Taken::Refused(reason) => refused(&mut facts, ItemKind::Void, &call.echo, &reason)?,
        }
        wire::add(&mut all, facts)?;
    }
    Ok(Answer::said(all))
}

/// The records that hold the money. Where there are several, some may have come to nothing; where there is one,
/// the order itself will tell.
fn reserved<'a>(call: &'a Call, dialogue: &mut Dialogue<'_>) -> Flow<Vec<&'a str>> {
    let known = limited(ids(call, ReferenceKind::Payment).collect::<Vec<_>>())?;
    if known.len() <= 1 {
        return Ok(vec![call.require_reference(ReferenceKind::Payment)?]);
    }
    let mut reserved = vec![];
    for id in known {
        if details(call, id, dialogue)?.is_some_and(|record| record.word() == Some(Word::Authorized)) {
            reserved.push(id);
        }
    }
    if reserved.is_empty() {
        return Err(Fault::cannot_ask("references", "hold no payment that is authorized").into());
    }
    Ok(reserved)
}

/// A refusal as what it is: our order did nothing. A "duplicate" may be one because ours was done before, so
/// that it says nothing.
pub(crate) fn refused(facts: &mut Facts, kind: ItemKind, echo: &str, reason: &str) -> Result<(), Fault> {
    if reason == DUPLICATE {
        return Err(Fault::unreadable("expected another reason than that it was done before"));
    }
    facts.items.push(wire::failed(kind, echo, reason));
    Ok(())
}

/// Everything about the payment, by its ids or, before they are known, by our echo.
fn fetch_payment(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    Ok(fetched(call, dialogue)?.map_or(Answer::Absent, Answer::said))
}

fn fetched(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Option<Facts>> {
    let known: BTreeSet<&str> =
        ids(call, ReferenceKind::Payment).chain(ids(call, ReferenceKind::Capture)).collect();
    let mut records = vec![];
    for id in limited(known.into_iter().collect())? {
        records.extend(details(call, id, dialogue)?);
    }
    // Whose try failed may have tried again: the next one has another id.
    if records.iter().all(|record| record.word() == Some(Word::Declined)) {
        for entry in found_payments(call, dialogue)? {
            if records.iter().all(|record| record.id != entry.id) {
                records.push(require(call, &entry.id, dialogue)?);
            }
        }
    }
    let captured: Vec<String> =
        records.iter().filter(|record| !record.is_refund()).filter_map(|record| record.of.clone()).collect();
    // What a capture acted upon is told of by the capture.
    records.retain(|record| !captured.contains(&record.id));
    let mut all: Option<Facts> = None;
    for record in &records {
        let facts = facts_of(call, record)?;
        match &mut all {
            Some(all) => wire::add(all, facts)?,
            None => all = Some(facts),
        }
    }
    Ok(all)
}

/// The entries that carry our echo: those that came to something, or else the last try that failed.
fn found_payments(call: &Call, dialogue: &mut Dialogue<'_>) -> Flow<Vec<Entry>> {
    let (first, last) = pages(call).unwrap_or((call.created_at, call.created_at));
    let until = seconds_from(last, SETTLING_S)?.min(call.created_at);
    // Before an attempt's later pages were opened, it was looked for at its earlier ones.
    let since = seconds_from(first, -SKEW_S)?.max(seconds_from(until, -BATCHES_S_MAX)?);
    let wanted = Wanted { echo: &call.echo, refund_of: None, since, until };
    let found = search::find(Account::of(call), wanted, dialogue)?;
    let (failed, mut standing): (Vec<_>, Vec<_>) =
        found.into_iter().partition(|entry| words::is_failed(&entry.status));
    if standing.is_empty() {
        standing.extend(failed.into_iter().next());
    }
    Ok(limited(standing)?)
}

/// What one record says about this attempt.
fn facts_of(call: &Call, record: &Record) -> Result<Facts, Fault> {
    if record.is_refund() {
        return Ok(record.refund(Some(&call.echo)));
    }
    let facts = record.payment()?;
    match facts.word {
        // A declined card ends nothing: the shopper tries another one as long as the page is open.
        Some(Word::Declined) if record.status != words::NOT_SETTLED => {
            let opened_at =
                pages(call).map_or(record.submitted_at, |(_, last)| last.max(record.submitted_at));
            let is_open = call.created_at.seconds_since(opened_at) < i64::from(PAGE_S);
            Ok(Facts { word: Some(if is_open { Word::Open } else { Word::Declined }), ..facts })
        }
        // What was taken and then voided by hand is known to the books as taken.
        Some(Word::Voided) if ids(call, ReferenceKind::Capture).any(|id| id == record.id) => {
            let is_ours = ids(call, ReferenceKind::Refund).any(|id| id == record.id);
            let all = (!is_ours).then_some(record.authorized).filter(Money::is_positive);
            let returned = refunds::returned(call, record).or(all);
            Ok(record.given_back(ItemState::Succeeded, returned))
        }
        Some(_) | None => Ok(facts),
    }
}

/// A dispute has no id and no record but its payment's.
fn fetch_dispute(call: &Call, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    match details(call, id, dialogue)? {
        Some(record) => Ok(Answer::said(facts_of(call, &record)?)),
        None => Ok(Answer::Absent),
    }
}

fn ids(call: &Call, kind: ReferenceKind) -> impl Iterator<Item = &str> {
    let of_kind = move |reference: &&Reference| reference.kind == kind;
    call.references.iter().filter(of_kind).map(|reference| reference.id.as_str())
}

pub(crate) fn limited<T>(records: Vec<T>) -> Result<Vec<T>, Fault> {
    if records.len() > RECORDS_MAX {
        return Err(Fault::unreadable(&format!("expected at most {RECORDS_MAX} records")));
    }
    Ok(records)
}

/// One record; `None` when Authorize.Net says that it has no such thing.
pub(crate) fn details(call: &Call, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Option<Record>> {
    let response = dialogue.send(requests::details(Account::of(call), id)?)?;
    let Some(answer) = wire::answer(&response)? else { return Ok(None) };
    let record = wire::record(&answer, id, amounts::of_account(&call.settings)?)?;
    Ok(Some(Record { said_at: wire::date(&response), ..record }))
}

pub(crate) fn require(call: &Call, id: &str, dialogue: &mut Dialogue<'_>) -> Flow<Record> {
    Ok(details(call, id, dialogue)?.ok_or_else(|| Fault::unreadable("expected details of a known record"))?)
}

pub(crate) fn seconds_from(at: Timestamp, seconds: i64) -> Result<Timestamp, Fault> {
    at.checked_add_seconds(seconds)
        .map_err(|_| Fault::cannot_ask("created_at", "must lie in a year that can be counted"))
}

/// An order of ours that was accepted and does not show yet.
fn pending(kind: ItemKind, id: &str, echo: &str) -> Item {
    let (id, echo) = (Some(id.to_owned()), Some(echo.to_owned()));
    Item { kind, id, echo, state: ItemState::Pending, amount: None, reason: None, at: None }
}
