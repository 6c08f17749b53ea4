//! Giving money back, and finding out what became of it.
//!
//! Authorize.Net settles once a day, and refunds only what is settled. Before that a payment can be voided, whole
//! and without a record of its own; so a refund is one of two things here, and both are told of as a refund.
//!
//! Invariant: nothing is sent before the payment's own details say that it can be given back.

use processor_sdk::{
    Answer, Call, CaptureMode, Dialogue, Facts, Fault, Flow, ItemKind, ItemState, Money, ReferenceKind,
    RefundOrder, Stop, Word,
};

use crate::requests::{self, Account};
use crate::search::{self, Wanted};
use crate::wire::{self, Record, Taken};
use crate::words::{self, GivingBack};
use crate::{details, limited, refused, require, seconds_from};

/// How long after it was asked for a refund is sent, in seconds. There is no key, and later a first try might be
/// older than what is looked through for it.
const SENDING_S_MAX: i64 = LOST_REFUND_S - 24 * 60 * 60;
/// How far back a refund whose answer was lost is looked for, in seconds.
const LOST_REFUND_S: i64 = 7 * 24 * 60 * 60;
/// After how many seconds a refund that has to wait for the settlement is tried again.
const NOT_SETTLED_YET_S: u32 = 6 * 60 * 60;

/// Gives money back. Until it is settled, once a day, Authorize.Net refunds nothing: then the whole of it is
/// voided instead, and a part waits.
pub(crate) fn refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    let payment = require(call, taken_as(call, order)?, dialogue)?;
    if words::of_dispute(&payment.status) == Some(ItemState::Pending) {
        // The shopper's bank has it back already; it would be given back twice.
        let mut facts = payment.payment()?;
        facts.items.push(wire::failed(ItemKind::Refund, &order.echo, &payment.status));
        return Ok(Answer::said(facts));
    }
    let is_whole = order.amount == payment.settled && order.refunded_before.is_zero();
    match words::giving_back(&payment.status, &payment.kind)? {
        GivingBack::Refund => refund_settled(call, order, &payment, dialogue),
        GivingBack::VoidOrWait if is_whole => {
            let taken = wire::order(&dialogue.send(requests::void(call, &order.echo, &payment.id)?)?)?;
            let now = require(call, &payment.id, dialogue)?;
            let is_voided = now.word() == Some(Word::Voided);
            match taken {
                Taken::Refused(_) if !is_voided => Err(not_yet()),
                Taken::As(_) | Taken::Refused(_) => {
                    let state = if is_voided { ItemState::Succeeded } else { ItemState::Pending };
                    Ok(Answer::said(echoed(now.given_back(state, Some(payment.settled)), &order.echo)))
                }
            }
        }
        GivingBack::VoidOrWait => Err(not_yet()),
        GivingBack::Done => Ok(Answer::said(voided_for(call, order, &payment))),
        GivingBack::Impossible => {
            let item = wire::failed(ItemKind::Refund, &order.echo, &payment.status);
            Ok(Answer::said(Facts { items: vec![item], ..Facts::default() }))
        }
    }
}

/// The contract has no fault for "too early": as with a processor that asks to slow down, nothing happened, and
/// the same request will do later.
fn not_yet() -> Stop {
    Fault::Throttled { retry_after_s: Some(NOT_SETTLED_YET_S) }.into()
}

fn refund_settled(
    call: &Call,
    order: &RefundOrder,
    payment: &Record,
    dialogue: &mut Dialogue<'_>,
) -> Flow<Answer> {
    let Some(digits) = &payment.last_digits else {
        let why = "is of a payment that was not made by card; refund it in the Merchant Interface";
        return Err(Fault::cannot_ask("operation", why).into());
    };
    // Our own clock stands still in an operation, so that theirs has to tell.
    let said_at = payment.said_at.ok_or_else(|| Fault::unreadable("expected a date among the headers"))?;
    if said_at.seconds_since(call.created_at) > SENDING_S_MAX {
        let why = "was asked for so long ago that an earlier try might be overlooked; look in the Merchant \
                   Interface, and ask for it anew";
        return Err(Fault::cannot_ask("operation", why).into());
    }
    match wire::order(&dialogue.send(requests::refund(call, order, &payment.id, digits)?)?)? {
        Taken::As(id) => {
            let refund = require(call, &id, dialogue)?;
            if !refund.is_refund() {
                return Err(Fault::unreadable("expected a refund at /transaction/transactionType").into());
            }
            Ok(Answer::said(echoed(refund.refund(Some(&call.echo)), &order.echo)))
        }
        Taken::Refused(reason) => {
            let mut facts = Facts::default();
            refused(&mut facts, ItemKind::Refund, &order.echo, &reason)?;
            Ok(Answer::said(facts))
        }
    }
}

/// What a payment that was voided after it was taken means for a refund: it was this one, if it was for all of
/// it; else there is nothing left to refund.
fn voided_for(call: &Call, order: &RefundOrder, payment: &Record) -> Facts {
    let returned = returned(call, payment);
    let facts = payment.given_back(ItemState::Succeeded, returned);
    let is_part =
        !order.refunded_before.is_zero() || returned.is_some_and(|returned| returned != order.amount);
    if is_part {
        let mut facts = facts;
        facts.items.push(wire::failed(ItemKind::Refund, &order.echo, &payment.status));
        return facts;
    }
    echoed(facts, &order.echo)
}

/// How much of a payment a void gave back: what would have been settled or, where that is gone from the record,
/// all that was authorized. After a capture by hand that may be more than was taken.
pub(crate) fn returned(call: &Call, payment: &Record) -> Option<Money> {
    let known = payment.settled.is_positive().then_some(payment.settled);
    let all = (call.capture == CaptureMode::Automatic).then_some(payment.authorized);
    known.or(all.filter(Money::is_positive))
}

/// One refund. Without an id (its answer was lost) our echo finds it.
pub(crate) fn fetch_refund(call: &Call, order: &RefundOrder, dialogue: &mut Dialogue<'_>) -> Flow<Answer> {
    if let Some(id) = &order.id {
        let Some(record) = details(call, id, dialogue)? else { return Ok(Answer::Absent) };
        return Ok(Answer::said(match record.is_refund() {
            true => record.refund(Some(&call.echo)),
            false => given_back_or_not(call, &record)?,
        }));
    }
    let payment = require(call, taken_as(call, order)?, dialogue)?;
    match words::giving_back(&payment.status, &payment.kind)? {
        GivingBack::Refund => {}
        GivingBack::Done => return Ok(Answer::said(voided_for(call, order, &payment))),
        // What is not settled can have no refund, and it is not voided either.
        GivingBack::VoidOrWait | GivingBack::Impossible => return Ok(Answer::Absent),
    }
    let wanted = Wanted {
        echo: &order.echo,
        refund_of: Some((&call.echo, order.amount)),
        since: seconds_from(call.created_at, -LOST_REFUND_S)?,
        until: call.created_at,
    };
    let mut facts = Facts::default();
    for entry in limited(search::find(Account::of(call), wanted, dialogue)?)? {
        let refund = require(call, &entry.id, dialogue)?;
        let is_ours = refund.echo.as_deref() == Some(&order.echo);
        match &refund.of {
            _ if is_ours => {}
            Some(of) if call.references.iter().any(|reference| reference.id == *of) => {}
            Some(_) => continue,
            None => return Err(Fault::unreadable("expected the payment of a refund that may be ours").into()),
        }
        wire::add(&mut facts, refund.refund(Some(&call.echo)))?;
    }
    Ok(if facts.items.is_empty() { Answer::Absent } else { Answer::said(facts) })
}

/// A refund that was a void has the payment's own id.
fn given_back_or_not(call: &Call, payment: &Record) -> Result<Facts, Fault> {
    match words::giving_back(&payment.status, &payment.kind)? {
        GivingBack::Done => Ok(payment.given_back(ItemState::Succeeded, returned(call, payment))),
        // The void may not show yet.
        GivingBack::VoidOrWait => Ok(payment.given_back(ItemState::Pending, None)),
        // It was settled instead.
        GivingBack::Refund | GivingBack::Impossible => Ok(payment.given_back(ItemState::Failed, None)),
    }
}

/// The record that the money to give back was taken as.
fn taken_as<'a>(call: &'a Call, order: &'a RefundOrder) -> Result<&'a str, Fault> {
    match order.capture.as_deref().or_else(|| call.reference(ReferenceKind::Capture)) {
        Some(id) => Ok(id),
        None => call.require_reference(ReferenceKind::Payment),
    }
}

/// The answer to an order of ours is about that order.
fn echoed(mut facts: Facts, echo: &str) -> Facts {
    for item in &mut facts.items {
        item.echo = Some(echo.to_owned());
    }
    facts
}
