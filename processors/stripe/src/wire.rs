//! Stripe's JSON: what its objects and words mean in ours. Events come in the version of their endpoint, so
//! only what all versions have is needed.
//!
//! Invariant: a field that we need and cannot read is a fault. Nothing is guessed, no word is rounded to a
//! nearby one.

use processor_sdk::{
    Currency, Decline, DeclineCode, Door, Facts, Fault, HttpResponse, Item, ItemKind, ItemState, Json, Money,
    Reference, ReferenceKind, Word,
};
use serde_json::Value;

use crate::amounts::from_stripe;
use crate::form::{CAPTURE_ECHO, REFUND_ECHO};
use crate::reference;

/// The contract's limit for a processor's own code.
const CODE_CHARACTERS_MAX: usize = 64;

/// A session, with the payment inside it when it was asked for with that, and else with its id at most.
pub(crate) fn session(session: &Json) -> Result<Facts, Fault> {
    let facts = match session.at("/payment_intent") {
        Some(Value::Object(_)) => payment_intent(&session.part("/payment_intent")?)?,
        Some(_) | None => Facts::default(),
    };
    let word = match (facts.word, session.text("/status")?) {
        // Money first: the page may be a moment behind it.
        (Some(word @ (Word::Pending | Word::Authorized | Word::Paid | Word::Unknown(_))), _) => word,
        (_, "open") => Word::Open,
        (_, "expired") => Word::Expired,
        (Some(word @ (Word::Declined | Word::Voided)), "complete") => word,
        // The shopper was given something to pay with elsewhere, such as a voucher.
        (Some(_), "complete") => Word::Pending,
        (None, "complete") => match session.text("/payment_status")? {
            "paid" | "no_payment_required" => Word::Paid,
            "unpaid" => Word::Pending,
            other => Word::Unknown(code(other)),
        },
        (_, other) => Word::Unknown(code(other)),
    };
    // What the payment said of an earlier try does not matter while the page is open.
    let decline = facts.decline.filter(|_| word == Word::Declined);
    let currency = session.currency("/currency")?;
    Ok(Facts {
        references: references(session).into_iter().collect(),
        at: facts.at.or(if word == Word::Open { Some(session.unix_seconds("/created")?) } else { None }),
        word: Some(word),
        decline,
        amount: Some(from_stripe(session, "/amount_total", currency)?),
        ..facts
    })
}

/// Whether a session says by itself that the money is taken.
pub(crate) fn is_paid(session: &Json) -> Result<bool, Fault> {
    Ok(matches!(session.text("/payment_status")?, "paid" | "no_payment_required"))
}

/// A payment intent, with the charge inside it when it was asked for with that.
pub(crate) fn payment_intent(intent: &Json) -> Result<Facts, Fault> {
    let currency = intent.currency("/currency")?;
    let status = intent.text("/status")?;
    let decline = match intent.at("/last_payment_error") {
        Some(_) => Some(decline(&intent.part("/last_payment_error")?)?),
        None => None,
    };
    let word = match status {
        "requires_payment_method" if decline.is_some() => Word::Declined,
        "requires_payment_method" | "requires_confirmation" | "requires_action" => Word::Open,
        "processing" => Word::Pending,
        "requires_capture" => Word::Authorized,
        "succeeded" => Word::Paid,
        "canceled" => Word::Voided,
        other => Word::Unknown(code(other)),
    };
    let received = from_stripe(intent, "/amount_received", currency)?;
    let authorized = match word {
        Word::Authorized => Some(from_stripe(intent, "/amount_capturable", currency)?),
        _ => None,
    };
    let at = match word {
        Word::Voided => intent.optional_unix_seconds("/canceled_at")?,
        Word::Authorized | Word::Paid => intent.optional_unix_seconds("/latest_charge/created")?,
        _ => None,
    };
    Ok(Facts {
        references: references(intent).into_iter().collect(),
        decline: decline.filter(|_| word == Word::Declined),
        word: Some(word),
        amount: Some(from_stripe(intent, "/amount", currency)?),
        authorized,
        captured: Some(received),
        refunded: refunded(intent, currency)?,
        items: captured(intent, received)?,
        at,
        ..Facts::default()
    })
}

fn refunded(intent: &Json, currency: Currency) -> Result<Option<Money>, Fault> {
    match intent.at("/latest_charge/amount_refunded") {
        Some(_) => from_stripe(intent, "/latest_charge/amount_refunded", currency).map(Some),
        None => Ok(None),
    }
}

/// What was taken, which is taken at once: ours by its echo, or the dashboard's.
fn captured(intent: &Json, received: Money) -> Result<Vec<Item>, Fault> {
    let id = id_at(intent, "/latest_charge");
    let echo = echo(intent, CAPTURE_ECHO);
    if !received.is_positive() || (id.is_none() && echo.is_none()) {
        return Ok(vec![]);
    }
    let state = ItemState::Succeeded;
    Ok(vec![Item {
        kind: ItemKind::Capture,
        id,
        echo,
        state,
        amount: Some(received),
        reason: None,
        at: None,
    }])
}

/// A refund. Its success can still turn into failure, days later.
pub(crate) fn refund(refund: &Json) -> Result<Facts, Fault> {
    let state = match refund.text("/status")? {
        // `requires_action`: the shopper must first say where to.
        "pending" | "requires_action" => ItemState::Pending,
        "succeeded" => ItemState::Succeeded,
        "failed" | "canceled" => ItemState::Failed,
        _ => return Err(Fault::unreadable("expected a documented status of a refund")),
    };
    let item = Item {
        kind: ItemKind::Refund,
        id: Some(refund.text("/id")?.to_owned()),
        echo: echo(refund, REFUND_ECHO),
        state,
        amount: Some(from_stripe(refund, "/amount", refund.currency("/currency")?)?),
        reason: refund.optional_text("/failure_reason")?.map(code),
        at: None,
    };
    Ok(of_payment(refund, item))
}

/// A dispute, or an inquiry before one.
pub(crate) fn dispute(dispute: &Json) -> Result<Facts, Fault> {
    let state = match dispute.text("/status")? {
        "needs_response"
        | "under_review"
        | "warning_needs_response"
        | "warning_under_review"
        | "appeal_needs_response"
        | "appeal_under_review" => ItemState::Pending,
        "lost" => ItemState::Succeeded,
        "won" | "warning_closed" | "prevented" => ItemState::Failed,
        _ => return Err(Fault::unreadable("expected a documented status of a dispute")),
    };
    let item = Item {
        kind: ItemKind::Dispute,
        id: Some(dispute.text("/id")?.to_owned()),
        echo: None,
        state,
        amount: Some(from_stripe(dispute, "/amount", dispute.currency("/currency")?)?),
        reason: dispute.optional_text("/reason")?.map(code),
        at: None,
    };
    Ok(of_payment(dispute, item))
}

fn of_payment(object: &Json, item: Item) -> Facts {
    Facts { references: references(object).into_iter().collect(), items: vec![item], ..Facts::default() }
}

/// The page to send the shopper to; only an open session has one.
pub(crate) fn door(session: &Json) -> Result<Option<Door>, Fault> {
    Ok(if session.text("/status")? == "open" { Some(Door::redirect(session.text("/url")?)) } else { None })
}

/// Every id of a payment that an object names: its own, and that of the payment intent it belongs to.
pub(crate) fn references(object: &Json) -> Vec<Reference> {
    let own = match object.at("/object").and_then(Value::as_str) {
        Some("checkout.session") => Some(ReferenceKind::Session),
        Some("payment_intent") => Some(ReferenceKind::Payment),
        Some("refund") => Some(ReferenceKind::Refund),
        Some("dispute") => Some(ReferenceKind::Dispute),
        Some(_) | None => None,
    };
    let own = own.and_then(|kind| Some(reference(kind, &id_at(object, "")?)));
    let payment = id_at(object, "/payment_intent").map(|id| reference(ReferenceKind::Payment, &id));
    own.into_iter().chain(payment).collect()
}

/// The id of what stands at a pointer, whether it was asked for as a whole or not.
fn id_at(object: &Json, pointer: &str) -> Option<String> {
    let id = match object.at(pointer)? {
        Value::String(id) => Some(id.as_str()),
        Value::Object(whole) => whole.get("id").and_then(Value::as_str),
        _ => None,
    };
    id.filter(|id| !id.is_empty()).map(str::to_owned)
}

/// Our echo in an object's metadata.
pub(crate) fn echo(object: &Json, name: &str) -> Option<String> {
    let echo = object.at(&format!("/metadata/{name}"))?.as_str()?;
    (!echo.is_empty()).then(|| echo.to_owned())
}

/// Our echo in a session, which has a field for it.
pub(crate) fn session_echo(session: &Json) -> Option<String> {
    session.at("/client_reference_id").and_then(Value::as_str).map(str::to_owned)
}

/// Something that we asked for and Stripe refused to do.
pub(crate) fn failed(kind: ItemKind, echo: &str, reason: &str) -> Facts {
    let (echo, reason) = (Some(echo.to_owned()), Some(code(reason)));
    let item = Item { kind, id: None, echo, state: ItemState::Failed, amount: None, reason, at: None };
    Facts { items: vec![item], ..Facts::default() }
}

/// A page that Stripe refused to open.
pub(crate) fn not_opened(processor_code: &str) -> Facts {
    let processor_code = Some(code(processor_code));
    let decline = Decline { code: DeclineCode::InvalidRequest, elsewhere: true, processor_code };
    Facts { decline: Some(decline), ..Facts::word(Word::Declined) }
}

/// Adds what one refund, dispute or refusal says to what is known of its payment.
pub(crate) fn add(facts: &mut Facts, more: Facts) {
    facts.references.extend(more.references);
    facts.items.extend(more.items);
}

/// Why Stripe refused to do what was asked, when it says that it did nothing: its code, or else the kind of
/// error. A key that was used for another request has done something, so that is no refusal.
/// <https://docs.stripe.com/api/errors>
pub(crate) fn refusal(response: &HttpResponse) -> Option<String> {
    if !matches!(response.status, 400 | 402 | 404) {
        return None;
    }
    let body = response.json().ok()?;
    match body.text("/error/type").ok()? {
        kind @ ("invalid_request_error" | "card_error") => {
            Some(body.optional_text("/error/code").ok()?.unwrap_or(kind).to_owned())
        }
        _ => None,
    }
}

/// Why a try failed. The bank's reason says more than the kind of error.
/// <https://docs.stripe.com/declines/codes>
fn decline(error: &Json) -> Result<Decline, Fault> {
    let reason = match error.optional_text("/decline_code")? {
        Some(reason) => reason,
        None => error.optional_text("/code")?.unwrap_or("unknown"),
    };
    let (decline_code, elsewhere) = match reason {
        "insufficient_funds" => (DeclineCode::InsufficientFunds, false),
        "expired_card" => (DeclineCode::ExpiredCard, false),
        "incorrect_cvc"
        | "incorrect_number"
        | "incorrect_zip"
        | "incorrect_address"
        | "incorrect_pin"
        | "invalid_cvc"
        | "invalid_number"
        | "invalid_expiry_month"
        | "invalid_expiry_year" => (DeclineCode::IncorrectDetails, false),
        "authentication_required" | "payment_intent_authentication_failure" => {
            (DeclineCode::AuthenticationFailed, false)
        }
        "lost_card" | "stolen_card" | "pickup_card" | "restricted_card" | "invalid_account" => {
            (DeclineCode::StolenOrLost, false)
        }
        "fraudulent" | "merchant_blacklist" | "security_violation" => (DeclineCode::SuspectedFraud, false),
        "card_velocity_exceeded" | "withdrawal_count_limit_exceeded" | "invalid_amount" => {
            (DeclineCode::LimitExceeded, false)
        }
        "card_not_supported" | "currency_not_supported" | "payment_method_not_available" => {
            (DeclineCode::MethodNotAvailable, true)
        }
        "issuer_not_available" | "processing_error" | "reenter_transaction" | "try_again_later" => {
            (DeclineCode::ProcessorUnavailable, true)
        }
        "payment_method_customer_decline" => (DeclineCode::CanceledByCustomer, false),
        "card_declined"
        | "generic_decline"
        | "do_not_honor"
        | "call_issuer"
        | "no_action_taken"
        | "transaction_not_allowed"
        | "payment_method_provider_decline"
        | "not_permitted"
        | "service_not_allowed"
        | "stop_payment_order"
        | "revocation_of_authorization" => (DeclineCode::CardDeclined, false),
        _ => (DeclineCode::Other, false),
    };
    Ok(Decline { code: decline_code, elsewhere, processor_code: Some(code(reason)) })
}

/// A processor's own code, kept to the characters and length that the contract allows.
fn code(text: &str) -> String {
    let allowed = |character: &char| character.is_ascii_alphanumeric() || "_-.".contains(*character);
    text.chars().filter(allowed).take(CODE_CHARACTERS_MAX).collect()
}
