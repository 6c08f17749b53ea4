//! Adyen's JSON answers read as facts.
//!
//! Invariant: a field that we need and cannot read is a fault. Nothing is guessed, and an acknowledgement of
//! a capture, refund or cancel is never more than that.

use processor_sdk::{
    Call, Door, Facts, Fault, HttpResponse, Item, ItemKind, ItemState, Json, ReferenceKind, Word,
};

use crate::{amounts, words};

/// A payment link. It tells of the page and nothing of the payment, so once a webhook has named the payment
/// the page's word says nothing new.
pub(crate) fn link(call: &Call, link: &Json) -> Result<Facts, Fault> {
    check_reference(call, link.text("/reference")?)?;
    let word = words::of_link(link.text("/status")?);
    let is_told_by_webhook = call.reference(ReferenceKind::Payment).is_some();
    Ok(Facts {
        word: (!is_told_by_webhook).then_some(word),
        amount: Some(amounts::read(link)?),
        ..Facts::default()
    }
    .reference(ReferenceKind::Session, link.text("/id")?))
}

/// The page behind a link; only an active one takes a payment.
pub(crate) fn link_door(call: &Call, link: &Json) -> Result<Option<Door>, Fault> {
    if words::of_link(link.text("/status")?) != Word::Open {
        return Ok(None);
    }
    Ok(Some(Door { expires_in_s: open_s(call, link)?, ..Door::redirect(link.text("/url")?) }))
}

/// A hosted session that was just made. It has no state word yet.
pub(crate) fn new_session(call: &Call, session: &Json) -> Result<(Facts, Door), Fault> {
    check_reference(call, session.text("/reference")?)?;
    let facts = Facts { amount: Some(amounts::read(session)?), ..Facts::word(Word::Open) }
        .reference(ReferenceKind::Session, session.text("/id")?);
    let door = Door { expires_in_s: open_s(call, session)?, ..Door::redirect(session.text("/url")?) };
    Ok((facts, door))
}

/// What became of a hosted session. Only a payment that it lists by name and amount, for our own reference, is
/// an authorization; without that the webhook will tell.
pub(crate) fn session(call: &Call, asked_for: &str, session: &Json) -> Result<Facts, Fault> {
    if session.text("/id")? != asked_for {
        return Err(Fault::unreadable("expected the session that was asked for at /id"));
    }
    let reference = session.optional_text("/reference")?;
    if let Some(reference) = reference {
        check_reference(call, reference)?;
    }
    let status = session.text("/status")?;
    let facts = Facts { decline: words::session_decline(status), ..Facts::word(words::of_session(status)) }
        .reference(ReferenceKind::Session, asked_for);
    let payments = match session.at("/payments") {
        Some(_) => session.list("/payments")?,
        None => vec![],
    };
    match payments.as_slice() {
        [payment] if status == "completed" && reference.is_some() && is_authorized(payment)? => {
            let amount = amounts::read(payment)?;
            Ok(Facts {
                word: Some(Word::Authorized),
                amount: Some(amount),
                authorized: Some(amount),
                ..facts
            }
            .reference(ReferenceKind::Payment, payment.text("/pspReference")?))
        }
        _ => Ok(facts),
    }
}

fn is_authorized(payment: &Json) -> Result<bool, Fault> {
    Ok(payment.text("/resultCode")? == words::AUTHORIZED)
}

/// A page of another payment says nothing of this one.
fn check_reference(call: &Call, reference: &str) -> Result<(), Fault> {
    if reference == call.echo {
        return Ok(());
    }
    Err(Fault::unreadable("expected this payment's own reference at /reference"))
}

fn open_s(call: &Call, page: &Json) -> Result<Option<u32>, Fault> {
    if page.at("/expiresAt").is_none() {
        return Ok(None);
    }
    let open_s = page.rfc3339("/expiresAt")?.seconds_since(call.created_at).max(0);
    Ok(Some(u32::try_from(open_s).unwrap_or(u32::MAX)))
}

/// The acknowledgement of a capture, refund or cancel: Adyen will try, and its webhook tells how that ended.
pub(crate) fn received(kind: ItemKind, echo: Option<&str>, modification: &Json) -> Result<Facts, Fault> {
    if modification.text("/status")? != "received" {
        return Err(Fault::unreadable("expected the word `received` at /status"));
    }
    let id = modification.text("/pspReference")?;
    let (reference, amount) = match kind {
        ItemKind::Capture => (Some(ReferenceKind::Capture), Some(amounts::read(modification)?)),
        ItemKind::Refund => (Some(ReferenceKind::Refund), Some(amounts::read(modification)?)),
        // A cancel is always of everything, and Adyen says no amount.
        ItemKind::Void | ItemKind::Dispute => (None, None),
    };
    let item = Item {
        kind,
        id: Some(id.to_owned()),
        echo: echo.map(str::to_owned),
        state: ItemState::Pending,
        amount,
        reason: None,
        at: None,
    };
    let mut facts = Facts { items: vec![item], ..Facts::default() };
    if let Some(kind) = reference {
        facts = facts.reference(kind, id);
    }
    Ok(match modification.optional_text("/paymentPspReference")? {
        Some(payment) => facts.reference(ReferenceKind::Payment, payment),
        None => facts,
    })
}

/// Something that we asked for and Adyen refused to begin.
pub(crate) fn failed(kind: ItemKind, echo: &str, error_code: &str) -> Facts {
    let item = Item {
        kind,
        id: None,
        echo: Some(echo.to_owned()),
        state: ItemState::Failed,
        amount: None,
        reason: Some(words::code(error_code)),
        at: None,
    };
    Facts { items: vec![item], ..Facts::default() }
}

/// What came of a request.
pub(crate) enum Reaction {
    /// Adyen took it, and this is its answer.
    Taken(Json),
    /// Adyen read it, found it wrong, and did nothing. Its code for that.
    Refused(String),
}

/// The code of a request that another one under the same key has not finished yet.
const KEY_IN_USE: &str = "704";
/// What the message of such a request says, should the code be another one.
const KEY_IN_USE_TEXTS: [&str; 2] = ["in progress", "idempoten"];

/// Reads an answer. No refusal are 5xx, a request that the key's first one is still busy with, whatever Adyen
/// calls transient, and errors of any kind but those found by looking at the request.
///
/// # Errors
/// Whatever leaves open whether something happened.
pub(crate) fn reaction(response: &HttpResponse) -> Result<Reaction, Fault> {
    if !matches!(response.status, 400 | 422) {
        return response.success_json().map(Reaction::Taken);
    }
    let error = response.json()?;
    let code = error.text("/errorCode")?;
    let is_transient =
        response.headers.get("transient-error").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    let message = error.optional_text("/message")?.unwrap_or_default().to_ascii_lowercase();
    let is_busy = code == KEY_IN_USE || KEY_IN_USE_TEXTS.iter().any(|text| message.contains(text));
    match error.text("/errorType")? {
        _ if is_transient || is_busy => Err(Fault::Processor { status: response.status }),
        "validation" | "configuration" => Ok(Reaction::Refused(code.to_owned())),
        _ => Err(response.status_fault()),
    }
}
