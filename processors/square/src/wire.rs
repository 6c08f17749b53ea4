//! Square's JSON objects read as facts.
//!
//! Invariant: a field that we need and cannot read is a fault. Nothing is guessed.

use std::collections::BTreeSet;

use processor_sdk::{
    Call, Decline, Door, Facts, Fault, HttpResponse, Item, ItemKind, ItemState, Json, ReferenceKind,
    Timestamp, Word,
};
use serde_json::Value;

use crate::{amounts, requests, words};

/// A link that was just made, with its order where Square shows that too.
pub(crate) fn new_link(answer: &Json) -> Result<Facts, Fault> {
    let link = answer.part("/payment_link")?;
    let order_id = link.text("/order_id")?;
    let orders = match answer.at("/related_resources/orders") {
        Some(_) => answer.list("/related_resources/orders")?,
        None => vec![],
    };
    let facts = match orders.iter().find(|order| order.at("/id").and_then(Value::as_str) == Some(order_id)) {
        Some(order) => Facts {
            amount: Some(amounts::read(order, "/total_money")?),
            ..Facts::word(words::of_order(order.text("/state")?, &[], false))
        },
        None => Facts::word(Word::Open),
    };
    Ok(facts.reference(ReferenceKind::Session, link.text("/id")?).reference(ReferenceKind::Order, order_id))
}

/// The page that a link leads to.
pub(crate) fn door(link: &Json) -> Result<Door, Fault> {
    let url = match link.optional_text("/url")? {
        Some(url) => url,
        None => link.text("/long_url")?,
    };
    Ok(Door::redirect(url))
}

/// The payments of an order: those that it names, and those that we heard of before it does. One whose tender says
/// that it failed has moved no money; the last of these are among them for the reason, as long as there is room.
pub(crate) fn payment_ids(call: &Call, order: &Json, room: usize) -> Result<BTreeSet<String>, Fault> {
    let mut ids = known_payment_ids(call);
    let mut failed = vec![];
    if order.at("/tenders").is_some() {
        for tender in order.list("/tenders")? {
            // A tender's own id is its payment's.
            let id = match tender.optional_text("/payment_id")? {
                Some(id) => id,
                None => tender.text("/id")?,
            };
            if tender.optional_text("/card_details/status")? == Some("FAILED") {
                failed.push(id.to_owned());
            } else {
                ids.insert(id.to_owned());
            }
        }
    }
    let left = room.saturating_sub(ids.len());
    ids.extend(failed.into_iter().rev().take(left));
    Ok(ids)
}

/// The payments that we heard of.
pub(crate) fn known_payment_ids(call: &Call) -> BTreeSet<String> {
    let known = call.references.iter().filter(|reference| reference.kind == ReferenceKind::Payment);
    known.map(|reference| reference.id.clone()).collect()
}

/// The refunds of a payment, by their ids.
pub(crate) fn refund_ids(payment: &Json) -> Result<Vec<String>, Fault> {
    let Some(ids) = payment.at("/refund_ids") else { return Ok(vec![]) };
    let texts = |ids: &Vec<Value>| ids.iter().map(|id| id.as_str().map(str::to_owned)).collect();
    ids.as_array().and_then(texts).ok_or_else(|| Fault::unreadable("expected a list of texts at /refund_ids"))
}

/// An order with all its payments. Amounts of a part are not said while the rest is under way.
pub(crate) fn order(order: &Json, payments: &[Json]) -> Result<Facts, Fault> {
    let total = amounts::read(order, "/total_money")?;
    let states = payments.iter().map(|payment| payment.text("/status")).collect::<Result<Vec<_>, _>>()?;
    let in_state = |wanted| {
        let pairs = payments.iter().zip(&states).filter(move |(_, state)| **state == wanted);
        pairs.map(|(payment, _)| payment)
    };
    let taken = amounts::sum(in_state("COMPLETED"), "/total_money", total.currency())?;
    let is_paid = total.is_positive() && taken.minor() >= total.minor();
    let word = words::of_order(order.text("/state")?, &states, is_paid);
    let mut facts = Facts { amount: Some(total), ..Facts::default() };
    let under_way = states.iter().any(|state| matches!(*state, "APPROVED" | "PENDING"));
    if is_paid || !under_way {
        facts.captured = Some(taken);
        for payment in in_state("COMPLETED") {
            add(&mut facts, capture(payment)?);
        }
    }
    if matches!(word, Word::Open | Word::Expired | Word::Voided) {
        facts.decline = latest_decline(in_state("FAILED"))?;
    }
    facts.word = Some(word);
    Ok(facts.reference(ReferenceKind::Order, order.text("/id")?))
}

/// A payment that is completed: money taken, by its own id. Only such a payment is one that can be refunded,
/// so that the id of no other is learned.
pub(crate) fn capture(payment: &Json) -> Result<Facts, Fault> {
    let id = payment.text("/id")?;
    let item = Item {
        kind: ItemKind::Capture,
        id: Some(id.to_owned()),
        echo: None,
        state: ItemState::Succeeded,
        amount: Some(amounts::read(payment, "/total_money")?),
        reason: None,
        at: None,
    };
    Ok(Facts { items: vec![item], ..Facts::default() }.reference(ReferenceKind::Payment, id))
}

/// Why the latest of these payments failed that says so.
fn latest_decline<'p>(failed: impl Iterator<Item = &'p Json>) -> Result<Option<Decline>, Fault> {
    let dated = failed.map(|payment| Ok((updated_at(payment)?, decline(payment)?)));
    let mut declines = dated.collect::<Result<Vec<_>, Fault>>()?;
    declines.retain(|(_, decline)| decline.is_some());
    Ok(declines.into_iter().max_by_key(|(at, _)| *at).and_then(|(_, decline)| decline))
}

/// Why a payment failed, where Square says so.
pub(crate) fn decline(payment: &Json) -> Result<Option<Decline>, Fault> {
    Ok(payment.optional_text("/card_details/errors/0/code")?.map(words::decline))
}

pub(crate) fn refund(refund: &Json) -> Result<Facts, Fault> {
    let (id, payment) = (refund.text("/id")?, refund.optional_text("/payment_id")?);
    let item = Item {
        kind: ItemKind::Refund,
        id: Some(id.to_owned()),
        echo: refund_echo(refund)?.map(str::to_owned),
        state: words::of_refund(refund.text("/status")?),
        amount: Some(amounts::read(refund, "/amount_money")?),
        reason: None,
        at: updated_at(refund)?,
    };
    Ok(of_payment(Facts { items: vec![item], ..Facts::default() }, payment)
        .reference(ReferenceKind::Refund, id))
}

/// Our echo in a refund, where its reason is one of ours.
pub(crate) fn refund_echo(refund: &Json) -> Result<Option<&str>, Fault> {
    Ok(refund.optional_text("/reason")?.and_then(requests::read_reason))
}

pub(crate) fn dispute(dispute: &Json) -> Result<Facts, Fault> {
    // Older versions of the API call it `dispute_id`.
    let id = match dispute.optional_text("/id")? {
        Some(id) => id,
        None => dispute.text("/dispute_id")?,
    };
    let item = Item {
        kind: ItemKind::Dispute,
        id: Some(id.to_owned()),
        echo: None,
        state: words::of_dispute(dispute.text("/state")?),
        amount: Some(amounts::read(dispute, "/amount_money")?),
        reason: dispute.optional_text("/reason")?.map(words::code),
        at: updated_at(dispute)?,
    };
    let payment = dispute.optional_text("/disputed_payment/payment_id")?;
    Ok(of_payment(Facts { items: vec![item], ..Facts::default() }, payment)
        .reference(ReferenceKind::Dispute, id))
}

fn of_payment(facts: Facts, id: Option<&str>) -> Facts {
    match id {
        Some(id) => facts.reference(ReferenceKind::Payment, id),
        None => facts,
    }
}

/// When an object came to be as it is, by Square's clock.
pub(crate) fn updated_at(object: &Json) -> Result<Option<Timestamp>, Fault> {
    object.at("/updated_at").map(|_| object.rfc3339("/updated_at")).transpose()
}

/// A refund that we asked for and Square refused to do.
pub(crate) fn refused_refund(echo: &str, reason: &str) -> Facts {
    let item = Item {
        kind: ItemKind::Refund,
        id: None,
        echo: Some(echo.to_owned()),
        state: ItemState::Failed,
        amount: None,
        reason: Some(words::code(reason)),
        at: None,
    };
    Facts { items: vec![item], ..Facts::default() }
}

/// Adds what one part says to what is known of the whole.
pub(crate) fn add(facts: &mut Facts, more: Facts) {
    facts.references.extend(more.references);
    facts.items.extend(more.items);
}

/// The code of a refusal: Square read the request and did nothing. Not one: 409 (something may be happening),
/// a key that was used for another request, 5xx, and whatever comes without Square's list of errors.
pub(crate) fn refusal(response: &HttpResponse) -> Option<String> {
    if !matches!(response.status, 400 | 402 | 404 | 422) {
        return None;
    }
    let errors = response.json().ok()?.list("/errors").ok()?;
    let is_no = |error: &Json| {
        let category = error.text("/category").unwrap_or_default();
        let code = error.text("/code").unwrap_or_default();
        matches!(category, "INVALID_REQUEST_ERROR" | "PAYMENT_METHOD_ERROR" | "REFUND_ERROR")
            && !matches!(
                code,
                "" | "CONFLICT" | "IDEMPOTENCY_KEY_REUSED" | "REQUEST_TIMEOUT" | "TEMPORARY_ERROR"
            )
    };
    if !errors.iter().all(is_no) {
        return None;
    }
    Some(errors.first()?.text("/code").ok()?.to_owned())
}

/// Whether Square says that it has no such thing.
pub(crate) fn is_absence(response: &HttpResponse) -> bool {
    response.status == 404 && refusal(response).as_deref() == Some("NOT_FOUND")
}
