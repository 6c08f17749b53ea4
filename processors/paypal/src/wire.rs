//! PayPal's JSON objects read as facts.
//!
//! Invariant: a field that we need and cannot read is a fault. Nothing is guessed: totals are said only where an
//! object shows everything that adds up to them.

use processor_sdk::{
    Call, Decline, Door, Facts, Fault, HttpResponse, Item, ItemKind, ItemState, Json, Money, Reference,
    ReferenceKind, Timestamp, Word,
};

use crate::{amounts, words};

/// How long the shopper can be sent to PayPal after an order was made, in seconds: three hours by PayPal's own
/// default, less five minutes for the way there.
const OPEN_S: i64 = 3 * 60 * 60 - 5 * 60;
/// Longest id of ours as the processor sees it, in characters.
const ECHO_CHARS_MAX: usize = 20;
/// Links that lead the shopper to PayPal, the surest first.
const DOORS: [&str; 3] = ["payer-action", "approve", "redirect"];

/// An order of ours, with everything that was paid of it.
pub(crate) fn order(call: &Call, order: &Json) -> Result<Facts, Fault> {
    let unit = unit(call, order)?;
    let (authorizations, captures) = (paid(&unit, "authorizations")?, paid(&unit, "captures")?);
    let mut facts = payments(&authorizations, &captures)?;
    for refund in paid(&unit, "refunds")? {
        add(&mut facts, self::refund(call, &refund)?);
    }
    let word = words::of_order(order.text("/status")?, facts.word.take());
    let waits = matches!(word, Word::Open | Word::NeedsCompletion);
    facts = with_totals(facts, &captures)?;
    Ok(Facts {
        word: Some(word),
        amount: Some(amounts::read(&unit, "/amount")?),
        at: if waits { last_change(order)? } else { None },
        ..facts
    }
    .reference(ReferenceKind::Order, order.text("/id")?))
}

/// The refunds that an order lists.
pub(crate) fn refunds(call: &Call, order: &Json) -> Result<Vec<Json>, Fault> {
    paid(&unit(call, order)?, "refunds")
}

/// The one purchase unit of an order, which must be ours.
fn unit(call: &Call, order: &Json) -> Result<Json, Fault> {
    let mut units = order.list("/purchase_units")?.into_iter();
    let (Some(unit), None) = (units.next(), units.next()) else {
        return Err(Fault::unreadable("expected one purchase unit at /purchase_units"));
    };
    match unit.optional_text("/custom_id")? {
        Some(other) if other != call.echo => {
            Err(Fault::unreadable("expected an order of this attempt at /purchase_units/0/custom_id"))
        }
        Some(_) | None => Ok(unit),
    }
}

/// What was paid of a purchase unit; nothing yet where PayPal lists nothing.
fn paid(unit: &Json, what: &str) -> Result<Vec<Json>, Fault> {
    let pointer = format!("/payments/{what}");
    unit.at(&pointer).map_or_else(|| Ok(Vec::new()), |_| unit.list(&pointer))
}

/// When an order changed last, by PayPal's clock: so an approval stays older than a refusal to complete it, however
/// often it is looked up afterwards. Where PayPal says no more than when the order was made, waiting and approved
/// are of the same time, and approved counts for more.
fn last_change(order: &Json) -> Result<Option<Timestamp>, Fault> {
    Ok(optional_time(order, "/update_time")?.max(optional_time(order, "/create_time")?))
}

fn optional_time(object: &Json, pointer: &str) -> Result<Option<Timestamp>, Fault> {
    object.at(pointer).map(|_| object.rfc3339(pointer)).transpose()
}

/// What authorizations and captures say, whether or not there are others.
pub(crate) fn payments(authorizations: &[Json], captures: &[Json]) -> Result<Facts, Fault> {
    let word = words::of_payments(&statuses(authorizations)?, &statuses(captures)?);
    let mut facts = Facts { word, ..Facts::default() };
    let mut reserved = Vec::new();
    for authorization in authorizations {
        let (id, status) = (authorization.text("/id")?, authorization.text("/status")?);
        facts = facts.reference(ReferenceKind::Authorization, id);
        if words::is_reserved(status) {
            reserved.push(amounts::read(authorization, "/amount")?);
            facts.capture_before = optional_time(authorization, "/expiration_time")?;
        }
        if status == "VOIDED" {
            let id = Some(id.to_owned());
            facts.items.push(Item { id, ..item(ItemKind::Void, ItemState::Succeeded) });
        }
    }
    facts.authorized = reserved.first().and_then(|first| amounts::sum(first.currency(), &reserved));
    for capture in captures {
        add(&mut facts, capture_item(capture)?);
    }
    if facts.word == Some(Word::Declined) {
        facts.decline = captures.last().or(authorizations.last()).map(decline).transpose()?;
    }
    Ok(facts)
}

fn statuses(objects: &[Json]) -> Result<Vec<&str>, Fault> {
    objects.iter().map(|object| object.text("/status")).collect()
}

/// Why a capture or an authorization was declined: the bank's code where a card was used.
fn decline(object: &Json) -> Result<Decline, Fault> {
    let code = match object.optional_text("/processor_response/response_code")? {
        Some(code) => code,
        None => object.text("/status")?,
    };
    Ok(words::decline(code))
}

/// Adds what the captures and refunds of an order come to; it lists all of them.
fn with_totals(facts: Facts, captures: &[Json]) -> Result<Facts, Fault> {
    let first = facts.authorized.or_else(|| facts.items.iter().find_map(|item| item.amount));
    let Some(currency) = first.map(|amount| amount.currency()) else { return Ok(facts) };
    let sum = |amounts: &[Money]| amounts::sum(currency, amounts);
    let (mut taken, mut given_back, mut fees) = (Vec::new(), Vec::new(), Vec::new());
    let (mut is_known, mut in_part) = (true, false);
    for capture in captures {
        let (status, amount) = (capture.text("/status")?, amounts::read(capture, "/amount")?);
        is_known &= !matches!(words::of_capture(status), Some(Word::Unknown(_)));
        in_part |= status == "PARTIALLY_REFUNDED";
        if words::is_taken(status) {
            taken.push(amount);
            given_back.extend((status == "REFUNDED").then_some(amount));
            fees.extend(amounts::read_optional(capture, "/seller_receivable_breakdown/paypal_fee")?);
        }
    }
    let is_done = |item: &&Item| item.kind == ItemKind::Refund && item.state == ItemState::Succeeded;
    let listed: Vec<_> = facts.items.iter().filter(is_done).filter_map(|item| item.amount).collect();
    let refunded = match (sum(&listed), sum(&given_back)) {
        // More was given back than is listed, and nothing says how much.
        (Some(listed), Some(whole)) if in_part && listed.minor() <= whole.minor() => None,
        (Some(listed), Some(whole)) => listed.max(whole).ok(),
        (_, _) => None,
    };
    let fee = fees.first().filter(|_| fees.len() == taken.len());
    Ok(Facts {
        captured: if is_known { sum(&taken) } else { None },
        refunded,
        fee: fee.and_then(|fee| amounts::sum(fee.currency(), &fees)),
        ..facts
    })
}

/// The answer to a capture of ours.
pub(crate) fn capture(capture: &Json) -> Result<Facts, Fault> {
    let word = words::of_capture(capture.text("/status")?);
    Ok(Facts { word, ..capture_item(capture)? })
}

/// A capture. The invoice number is our own id of it where we asked for it by itself.
fn capture_item(capture: &Json) -> Result<Facts, Fault> {
    let (id, status) = (capture.text("/id")?, capture.text("/status")?);
    let state = words::state_of_capture(status);
    let reason = capture.optional_text("/status_details/reason")?.filter(|_| state != ItemState::Succeeded);
    let item = Item {
        id: Some(id.to_owned()),
        echo: echo(capture, "/invoice_id")?.map(str::to_owned),
        amount: Some(amounts::read(capture, "/amount")?),
        reason: reason.map(words::code),
        ..item(ItemKind::Capture, state)
    };
    Ok(Facts { items: vec![item], ..Facts::default() }.reference(ReferenceKind::Capture, id))
}

/// A refund. One that somebody else made may carry the attempt's id, which it has from its capture: it is no id
/// of the refund, or two of them would look like one.
pub(crate) fn refund(call: &Call, refund: &Json) -> Result<Facts, Fault> {
    let id = refund.text("/id")?;
    let item = Item {
        id: Some(id.to_owned()),
        echo: echo(refund, "/custom_id")?.filter(|echo| *echo != call.echo).map(str::to_owned),
        amount: Some(amounts::read(refund, "/amount")?),
        reason: refund.optional_text("/status_details/reason")?.map(words::code),
        ..item(ItemKind::Refund, words::state_of_refund(refund.text("/status")?))
    };
    Ok(Facts { items: vec![item], ..Facts::default() }.reference(ReferenceKind::Refund, id))
}

/// Whether a refund is the one that we call so.
pub(crate) fn is_called(refund: &Json, echo: &str) -> Result<bool, Fault> {
    Ok(["/custom_id", "/invoice_id"]
        .into_iter()
        .map(|pointer| refund.optional_text(pointer))
        .collect::<Result<Vec<_>, _>>()?
        .contains(&Some(echo)))
}

/// A text that may be an id of ours.
fn echo<'o>(object: &'o Json, pointer: &str) -> Result<Option<&'o str>, Fault> {
    Ok(object.optional_text(pointer)?.filter(|text| is_echo(text)))
}

/// Whether a text has the shape of an id of ours.
pub(crate) fn is_echo(text: &str) -> bool {
    (1..=ECHO_CHARS_MAX).contains(&text.len())
        && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
}

/// The captures that a dispute is about, by their ids.
pub(crate) fn disputed(dispute: &Json) -> Result<Vec<String>, Fault> {
    let payments = dispute.list("/disputed_transactions")?;
    payments.iter().map(|payment| payment.text("/seller_transaction_id").map(str::to_owned)).collect()
}

/// A dispute. Of one about several payments nothing says how much of it is about each, and its id finds none of
/// them.
pub(crate) fn dispute(dispute: &Json) -> Result<Facts, Fault> {
    let id = dispute.text("/dispute_id")?;
    let outcome = dispute.optional_text("/dispute_outcome/outcome_code")?;
    let state = words::state_of_dispute(dispute.text("/status")?, outcome);
    let amount = amounts::read_optional(dispute, "/dispute_amount")?;
    let is_about_one = disputed(dispute)?.len() == 1;
    let item = Item {
        id: Some(id.to_owned()),
        amount: amount.filter(|_| is_about_one),
        reason: dispute.optional_text("/reason")?.map(words::code),
        at: optional_time(dispute, "/update_time")?,
        ..item(ItemKind::Dispute, state)
    };
    let facts = Facts { items: vec![item], ..Facts::default() };
    Ok(if is_about_one { facts.reference(ReferenceKind::Dispute, id) } else { facts })
}

fn item(kind: ItemKind, state: ItemState) -> Item {
    Item { kind, id: None, echo: None, state, amount: None, reason: None, at: None }
}

/// Something that we asked for and PayPal refused to do.
pub(crate) fn failed(kind: ItemKind, echo: &str, issue: &str) -> Item {
    let (echo, reason) = (Some(echo.to_owned()), Some(words::code(issue)));
    Item { echo, reason, ..item(kind, ItemState::Failed) }
}

/// Adds what one capture, refund or dispute says to what is known of its payment.
pub(crate) fn add(facts: &mut Facts, more: Facts) {
    facts.references.extend(more.references);
    facts.items.extend(more.items);
}

/// The shopper's way to PayPal, from an order or a refusal that has one.
pub(crate) fn door(call: &Call, object: &Json) -> Result<Option<Door>, Fault> {
    let Some(url) = link(object, &DOORS)? else { return Ok(None) };
    let made_at = optional_time(object, "/create_time")?.unwrap_or(call.created_at);
    let open_s = (made_at.seconds_since(call.created_at) + OPEN_S).max(0);
    let expires_in_s = Some(u32::try_from(open_s).unwrap_or(u32::MAX));
    Ok(Some(Door { expires_in_s, ..Door::redirect(url) }))
}

/// The first link of one of these relations; there may be none.
fn link(object: &Json, relations: &[&str]) -> Result<Option<String>, Fault> {
    if object.at("/links").is_none() {
        return Ok(None);
    }
    let links = object.list("/links")?;
    for relation in relations {
        for link in &links {
            if link.optional_text("/rel")? == Some(relation) {
                return link.text("/href").map(|href| Some(href.to_owned()));
            }
        }
    }
    Ok(None)
}

/// What lies above an object: the capture of a refund, the order or authorization of a capture.
pub(crate) fn above(object: &Json) -> Result<Option<Reference>, Fault> {
    let Some(href) = link(object, &["up"])? else { return Ok(None) };
    let mut segments = href.rsplit('/');
    let (id, collection) = (segments.next().unwrap_or_default(), segments.next().unwrap_or_default());
    let kind = match collection {
        "captures" => ReferenceKind::Capture,
        "authorizations" => ReferenceKind::Authorization,
        "orders" => ReferenceKind::Order,
        _ => return Ok(None),
    };
    Ok((!id.is_empty()).then(|| Reference::new(kind, id)))
}

/// What PayPal answers to something that it did.
pub(crate) fn done(response: &HttpResponse) -> Result<Json, Fault> {
    match issue(response) {
        Some(busy) if is_busy(&busy) => Err(Fault::Processor { status: response.status }),
        Some(_) | None => response.success_json(),
    }
}

/// The issue of a refusal: PayPal read the request and did nothing. Not one: 409 and whatever else says that an
/// earlier request is still being worked on, 5xx, and a 404 that is not PayPal's own.
pub(crate) fn refusal(response: &HttpResponse) -> Option<String> {
    issue(response).filter(|issue| !is_busy(issue))
}

fn issue(response: &HttpResponse) -> Option<String> {
    if !matches!(response.status, 400 | 404 | 422) {
        return None;
    }
    let body = response.json().ok()?;
    let name = body.text("/name").ok()?;
    let is_refusal = matches!(name, "INVALID_REQUEST" | "RESOURCE_NOT_FOUND" | "UNPROCESSABLE_ENTITY");
    let issue = body.optional_text("/details/0/issue").ok()?.unwrap_or(name);
    is_refusal.then(|| issue.to_owned())
}

fn is_busy(issue: &str) -> bool {
    matches!(issue, "ORDER_COMPLETION_IN_PROGRESS" | "PREVIOUS_REQUEST_IN_PROGRESS")
}

/// That PayPal says itself that it has no such thing.
pub(crate) fn is_absent(response: &HttpResponse) -> bool {
    response.status == 404 && response.json().is_ok_and(|body| body.text("/name") == Ok("RESOURCE_NOT_FOUND"))
}
