//! Mollie's JSON objects read as facts.
//!
//! Mollie states when a payment was paid, but not when a capture or refund came to its state, and nothing for
//! `open` and `pending`. Facts are therefore left undated, and the hub dates them all by one clock, its own.
//!
//! Invariant: a field that we need and cannot read is a fault. Nothing is guessed.

use processor_sdk::{
    Call, CaptureMode, Door, Facts, Fault, HttpResponse, Item, ItemKind, ItemState, Json, Money,
    ReferenceKind, Timestamp, Word,
};
use serde_json::Value;

use crate::{amounts, words};

/// Names in Mollie's `metadata` under which our own ids come back.
pub(crate) const HUB_ATTEMPT: &str = "hub_attempt";
pub(crate) const HUB_CAPTURE: &str = "hub_capture";
pub(crate) const HUB_REFUND: &str = "hub_refund";

/// One kind of thing that happens to a payment.
#[derive(Clone, Copy)]
pub(crate) struct List {
    /// Its name in paths and in `_embedded`.
    pub(crate) name: &'static str,
    /// Where the payment states their total.
    total: &'static str,
    pub(crate) read: fn(&str, &Json) -> Result<Facts, Fault>,
}

pub(crate) const CAPTURES: List = List { name: "captures", total: "/amountCaptured", read: capture };
pub(crate) const REFUNDS: List = List { name: "refunds", total: "/amountRefunded", read: refund };
pub(crate) const DISPUTES: List = List { name: "chargebacks", total: "/amountChargedBack", read: dispute };

/// A payment that is ours, without what happened to it since.
pub(crate) fn payment(call: &Call, payment: &Json) -> Result<Facts, Fault> {
    require(payment, "/resource", "payment", "a payment")?;
    require(payment, "/mode", mode(call), "this connector's mode; its api_key is of the other one")?;
    require(payment, &format!("/metadata/{HUB_ATTEMPT}"), &call.echo, "our own reference")?;
    let id = payment.text("/id")?;
    let amount = amounts::read(payment, "/amount")?;
    let status = payment.text("/status")?;
    let word = words::of_payment(status, was_authorized(call, payment)?);
    let is_authorized = word == Word::Authorized;
    let facts = Facts {
        decline: if status == "failed" { failure(payment).map(words::decline) } else { None },
        amount: Some(amount),
        authorized: is_authorized.then_some(amount),
        capture_before: time(payment, "/captureBefore").filter(|_| is_authorized),
        // The total of refunds is not said: it counts those that are still under way.
        captured: amounts::optional(payment, CAPTURES.total)?,
        ..Facts::word(word)
    }
    .reference(ReferenceKind::Payment, id);
    // Remembered, because Mollie may not say any more of a released payment that it was authorized.
    Ok(if is_authorized { facts.reference(ReferenceKind::Authorization, id) } else { facts })
}

const fn mode(call: &Call) -> &'static str {
    if call.livemode { "live" } else { "test" }
}

fn require(object: &Json, pointer: &str, expected: &str, what: &str) -> Result<(), Fault> {
    if object.text(pointer)? == expected {
        return Ok(());
    }
    Err(Fault::unreadable(&format!("expected {what} at {pointer}")))
}

fn was_authorized(call: &Call, payment: &Json) -> Result<bool, Fault> {
    Ok(payment.optional_text("/authorizedAt")?.is_some()
        || call.reference(ReferenceKind::Authorization).is_some())
}

/// Why a payment failed; cards and point-of-sale payments say so. No money depends on it.
fn failure(payment: &Json) -> Option<&str> {
    let reason = |pointer| payment.at(pointer).and_then(Value::as_str).filter(|reason| !reason.is_empty());
    reason("/details/failureReason").or_else(|| reason("/statusReason/code"))
}

/// Whether anything can have happened to a payment: it was paid or authorized, or is in a state that we do not
/// know.
pub(crate) fn has_history(call: &Call, payment: &Json) -> Result<bool, Fault> {
    let never_paid =
        matches!(payment.text("/status")?, "open" | "pending" | "failed" | "canceled" | "expired");
    Ok(!never_paid || was_authorized(call, payment)?)
}

/// What can have happened: captures are ours to ask for only under manual capture.
pub(crate) const fn lists(call: &Call) -> &'static [List] {
    match call.capture {
        CaptureMode::Manual => &[CAPTURES, REFUNDS, DISPUTES],
        CaptureMode::Automatic => &[REFUNDS, DISPUTES],
    }
}

/// The list that came with the payment, if it is there and certainly whole.
pub(crate) fn embedded(payment: &Json, list: List, page_objects: usize) -> Result<Option<Vec<Json>>, Fault> {
    let pointer = format!("/_embedded/{}", list.name);
    if payment.at(&pointer).is_none() {
        return Ok(None);
    }
    let objects = payment.list(&pointer)?;
    let total = amounts::optional(payment, list.total)?;
    let lacks_some = objects.is_empty() && total.as_ref().is_some_and(Money::is_positive);
    Ok((!lacks_some && objects.len() < page_objects).then_some(objects))
}

pub(crate) fn capture(payment_id: &str, capture: &Json) -> Result<Facts, Fault> {
    let state = words::of_capture(capture.text("/status")?);
    of_payment(payment_id, capture, (ItemKind::Capture, ReferenceKind::Capture), HUB_CAPTURE, state)
}

pub(crate) fn refund(payment_id: &str, refund: &Json) -> Result<Facts, Fault> {
    let state = words::of_refund(refund.text("/status")?);
    of_payment(payment_id, refund, (ItemKind::Refund, ReferenceKind::Refund), HUB_REFUND, state)
}

/// A chargeback. Mollie takes the money at once and gives it back when it is reversed; it never says that one
/// is lost for good.
pub(crate) fn dispute(payment_id: &str, dispute: &Json) -> Result<Facts, Fault> {
    let is_reversed = dispute.optional_text("/reversedAt")?.is_some();
    let state = if is_reversed { ItemState::Failed } else { ItemState::Pending };
    let kinds = (ItemKind::Dispute, ReferenceKind::Dispute);
    let mut facts = of_payment(payment_id, dispute, kinds, "", state)?;
    if let (Some(item), Some(reason)) = (facts.items.first_mut(), dispute.optional_text("/reason/code")?) {
        item.reason = Some(words::code(reason));
    }
    Ok(facts)
}

fn of_payment(
    payment_id: &str,
    object: &Json,
    (kind, reference_kind): (ItemKind, ReferenceKind),
    echo_name: &str,
    state: ItemState,
) -> Result<Facts, Fault> {
    if object.optional_text("/paymentId")?.is_some_and(|other| other != payment_id) {
        return Err(Fault::unreadable("expected the payment that was asked about at /paymentId"));
    }
    let id = object.text("/id")?;
    let item = Item {
        kind,
        id: Some(id.to_owned()),
        echo: metadata(object, echo_name),
        state,
        amount: Some(amounts::read(object, "/amount")?),
        reason: None,
        at: None,
    };
    Ok(Facts { items: vec![item], ..Facts::default() }
        .reference(ReferenceKind::Payment, payment_id)
        .reference(reference_kind, id))
}

/// A value that we put into an object's metadata. Of an object that is not ours, metadata may be anything.
pub(crate) fn metadata(object: &Json, name: &str) -> Option<String> {
    object.at(&format!("/metadata/{name}")).and_then(Value::as_str).map(str::to_owned)
}

/// Mollie's own page, while it is open. There is none once the payment is final.
pub(crate) fn door(call: &Call, payment: &Json) -> Result<Option<Door>, Fault> {
    let url = payment.optional_text("/_links/checkout/href")?;
    let Some(url) = url.filter(|_| payment.at("/status").and_then(Value::as_str) == Some("open")) else {
        return Ok(None);
    };
    let open_s = time(payment, "/expiresAt").map(|at| at.seconds_since(call.created_at).max(0));
    let expires_in_s = open_s.map(|seconds| u32::try_from(seconds).unwrap_or(u32::MAX));
    Ok(Some(Door { expires_in_s, ..Door::redirect(url) }))
}

/// Whether an unpaid payment can be canceled. What is authorized is not unpaid: a DELETE might release it.
pub(crate) fn is_cancelable(payment: &Json) -> Result<bool, Fault> {
    let is_unpaid = matches!(payment.text("/status")?, "open" | "pending");
    Ok(is_unpaid && payment.at("/isCancelable").and_then(Value::as_bool) == Some(true))
}

/// A time that is good to know, as a point in time or as a day. What cannot be read is not said: no money
/// depends on it.
fn time(object: &Json, pointer: &str) -> Option<Timestamp> {
    let text = object.at(pointer)?.as_str()?;
    let day = || Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"));
    Timestamp::parse_rfc3339(text).or_else(|_| day()).ok()
}

/// What was taken of an authorized payment, by its captures: that there are none is worth saying, because it
/// ends the doubt about one whose answer was lost.
pub(crate) fn sum_of_captures(facts: &Facts) -> Result<Option<Money>, Fault> {
    let (Some(Word::Authorized), Some(amount)) = (&facts.word, facts.amount) else { return Ok(None) };
    let is_done = |item: &&Item| item.kind == ItemKind::Capture && item.state == ItemState::Succeeded;
    let amounts = facts.items.iter().filter(is_done).filter_map(|item| item.amount);
    let mut sum = Money::zero(amount.currency());
    for amount in amounts {
        let more = sum.checked_add(amount);
        sum = more.map_err(|_| Fault::unreadable("expected captures that can be added"))?;
    }
    Ok(Some(sum))
}

/// Something that we asked for and Mollie refused to do.
pub(crate) fn failed(kind: ItemKind, echo: &str, reason: &str) -> Item {
    let (echo, reason) = (Some(echo.to_owned()), Some(words::code(reason)));
    Item { kind, id: None, echo, state: ItemState::Failed, amount: None, reason, at: None }
}

/// Adds what one capture, refund or chargeback says to what is known of its payment.
pub(crate) fn add(facts: &mut Facts, more: Facts) {
    facts.references.extend(more.references);
    facts.items.extend(more.items);
}

/// What a refusal complains about: the field, or else its title. Mollie read the request and did nothing. Not
/// one: 400 (the key was used for another request, which may have done something) and 409 (the first call is
/// still running, or a refund looks like one made just before).
pub(crate) fn refusal(response: &HttpResponse) -> Option<String> {
    if !matches!(response.status, 404 | 410 | 422) {
        return None;
    }
    let body = response.json().ok()?;
    if body.integer("/status").ok()? != i64::from(response.status) {
        return None;
    }
    let title = body.text("/title").ok()?;
    Some(words::code(body.optional_text("/field").ok()?.unwrap_or(title)))
}

/// Whether an answer is the stored one of an earlier request with the same key, so that it may be old news.
pub(crate) fn is_replayed(response: &HttpResponse) -> bool {
    response.headers.get("Idempotent-Replayed").is_some_and(|value| value.eq_ignore_ascii_case("true"))
}

/// Where the next page of a list begins, by Mollie's own link; `None` at the end.
pub(crate) fn next_page(page: &Json) -> Result<Option<String>, Fault> {
    page.part("/_links")?;
    if page.at("/_links/next").is_none() {
        return Ok(None);
    }
    let href = page.text("/_links/next/href")?;
    let query = href.split_once('?').map_or("", |(_, query)| query);
    let from = query.split('&').find_map(|pair| pair.strip_prefix("from="));
    let is_id =
        |id: &&str| !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    let from = from.filter(is_id).ok_or_else(|| Fault::unreadable("expected an id in /_links/next/href"))?;
    Ok(Some(from.to_owned()))
}
