//! A payment's history in sentences, for an operator who reads it at night.
//!
//! Invariant: nothing is told here that the events do not hold, and no kind of event is without a sentence.

use hub_core::event::{ByHand, Cause, Event};
use hub_core::ids::{AttemptId, OperationId};
use hub_core::payment::{Closed, Operation, OperationState, PaymentIntent};
use processor_sdk::{Decline, Facts, Timestamp};
use serde::Serialize;
use serde_json::Value;

/// Length of a time that is shown without its fraction of a second.
const TO_THE_SECOND: usize = "2026-11-28T16:22:38".len();

/// A time to the second, as people write it.
pub(super) fn moment(at: Timestamp) -> String {
    let whole = at.to_rfc3339();
    whole.get(..TO_THE_SECOND).map_or(whole.clone(), |second| format!("{} UTC", second.replace('T', " ")))
}

/// Who or what caused an event.
pub(super) fn cause(cause: &Cause) -> String {
    match cause {
        Cause::Api { key_id } => format!("the cart, by API key {key_id}"),
        Cause::Shopper => "the shopper's browser".to_owned(),
        Cause::Webhook { delivery_id } => format!("the processor, by its delivery {delivery_id}"),
        Cause::Processor => "the processor, asked by the hub".to_owned(),
        Cause::Timer => "the hub's own clock".to_owned(),
        Cause::Operator { name } => format!("the operator {name}"),
    }
}

/// An attempt by its number and connector.
pub(super) fn attempt(payment: &PaymentIntent, id: &AttemptId) -> String {
    let found = payment.attempts.iter().zip(1_usize..).find(|(attempt, _)| attempt.id == *id);
    found.map_or_else(
        || id.to_string(),
        |(attempt, number)| format!("attempt {number} at {}", attempt.profile.connector),
    )
}

fn operation_of<'a>(payment: &'a PaymentIntent, id: &OperationId) -> Option<&'a Operation> {
    payment.attempts.iter().find_map(|attempt| attempt.operation(id))
}

/// An operation by what it is and its id.
pub(super) fn operation(payment: &PaymentIntent, id: &OperationId) -> String {
    let kind = operation_of(payment, id).map_or("operation", |operation| operation.kind.as_str());
    format!("{kind} {id}")
}

/// How an operation stands.
pub(super) fn operation_state(state: OperationState) -> String {
    match state {
        OperationState::Asked { due_at } => format!("not sent yet, due {}", moment(due_at)),
        OperationState::Unknown { due_at } => {
            format!("may have happened, to be found out {}", moment(due_at))
        }
        OperationState::Stuck => "may have happened, and nothing automatic can find out".to_owned(),
        OperationState::Done => "answered".to_owned(),
        OperationState::GivenUp => "given up, certainly nothing happened".to_owned(),
    }
}

/// One event as a sentence.
pub(super) fn event(event: &Event, payment: &PaymentIntent) -> String {
    match event {
        Event::Created { intent } => format!("created: {}", intent.amount),
        Event::AttemptStarted { attempt: begun } => {
            format!("{} began: {}", attempt(payment, &begun.id), begun.id)
        }
        Event::AttemptSuperseded { attempt_id } => {
            format!("another attempt took the place of {}", attempt(payment, attempt_id))
        }
        Event::AttemptDeclined { attempt_id, decline } => {
            let why = decline.as_ref().map_or_else(|| "no reason given".to_owned(), decline_words);
            format!("{} was declined: {why}", attempt(payment, attempt_id))
        }
        Event::DoorOpened { attempt_id, expires_at } => {
            let until = expires_at.map_or_else(String::new, |end| format!(", until {}", moment(end)));
            format!("the door of {} is open for the shopper{until}", attempt(payment, attempt_id))
        }
        Event::ShopperReturned { attempt_id } => {
            format!("the shopper came back to {}; that proves nothing", attempt(payment, attempt_id))
        }
        Event::PersonalDataErased => "what was known of the shopper was erased".to_owned(),
        Event::Restored { attempt_ids, .. } => restored(attempt_ids),
        Event::Reconciled { attempt_id } => {
            format!(
                "the processor of {} has said what happened since the backup",
                attempt(payment, attempt_id)
            )
        }
        Event::RestLapsed { attempt_id } => {
            format!("the time to capture the rest of {} is over", attempt(payment, attempt_id))
        }
        Event::FactsHeard { attempt_id, facts } => {
            format!("said of {}: {}", attempt(payment, attempt_id), facts_words(facts))
        }
        Event::CheckScheduled { attempt_id, check, checked, .. } => {
            let looked = if *checked { "looked up, nothing new; " } else { "" };
            let next = check.map_or_else(
                || "no further look-up is wanted".to_owned(),
                |check| format!("next look-up {}", moment(check.due_at)),
            );
            format!("{}: {looked}{next}", attempt(payment, attempt_id))
        }
        Event::OperationAsked { .. }
        | Event::OperationNotSent { .. }
        | Event::OperationUnknown { .. }
        | Event::OperationDone { .. }
        | Event::OperationGivenUp { .. } => operation_event(event, payment),
        Event::CaptureDue { attempt_id, capture_before } => format!(
            "the cart was reminded to capture {}, which is released {}",
            attempt(payment, attempt_id),
            moment(*capture_before)
        ),
        Event::MoneyCaptured { .. }
        | Event::CaptureRecorded { .. }
        | Event::CaptureSettled { .. }
        | Event::RefundRecorded { .. }
        | Event::RefundSettled { .. }
        | Event::DisputeRecorded { .. }
        | Event::DisputeSettled { .. } => money_event(event),
        Event::CancelRequested
        | Event::CancelFailed { .. }
        | Event::Closed { .. }
        | Event::Quarantined { .. }
        | Event::QuarantineResolved { .. }
        | Event::SettledByHand { .. }
        | Event::StatusChanged { .. }
        | Event::ErrorNoted { .. } => standing_event(event, payment),
    }
}

fn operation_event(event: &Event, payment: &PaymentIntent) -> String {
    match event {
        Event::OperationAsked { attempt_id, operation } => {
            let kind = operation.kind.as_str();
            format!("to be asked for {}: {kind} {}", attempt(payment, attempt_id), operation.id)
        }
        Event::OperationNotSent { operation_id, why, due_at, .. } => format!(
            "{}: nothing happened ({why}); tried again {}",
            operation(payment, operation_id),
            moment(*due_at)
        ),
        Event::OperationUnknown { operation_id, why, due_at, overdue, .. } => {
            let person = if *overdue { "; a person should look, too" } else { "" };
            let next = due_at.map_or_else(
                || "nothing automatic can find out".to_owned(),
                |due_at| format!("to be found out {}", moment(due_at)),
            );
            format!("{}: it may have happened ({why}); {next}{person}", operation(payment, operation_id))
        }
        Event::OperationDone { operation_id, .. } => {
            format!("{}: its end is known", operation(payment, operation_id))
        }
        Event::OperationGivenUp { operation_id, why, .. } => {
            format!("{}: given up, certainly nothing happened ({why})", operation(payment, operation_id))
        }
        other => word(other),
    }
}

fn money_event(event: &Event) -> String {
    let told = |observed: bool| if observed { ", told by the processor" } else { ", asked by us" };
    match event {
        Event::MoneyCaptured { amount, .. } => format!("booked as taken: {amount}"),
        Event::CaptureRecorded { capture } => {
            let (id, amount, status) = (&capture.id, capture.amount, capture.status.as_str());
            format!("capture {id} of {amount}: {status}{}", told(capture.observed))
        }
        Event::CaptureSettled { capture_id, status, processor_id } => {
            format!("capture {capture_id}: {}{}", status.as_str(), called(processor_id.as_deref()))
        }
        Event::RefundRecorded { refund } => {
            let (id, amount, status) = (&refund.id, refund.amount, refund.status.as_str());
            let why = refund.reason.as_ref().map_or_else(String::new, |reason| format!(" (\"{reason}\")"));
            format!("refund {id} of {amount}: {status}{}{why}", told(refund.observed))
        }
        Event::RefundSettled { refund_id, status, failure, processor_id } => {
            let why = failure.as_ref().map_or_else(String::new, |why| format!(" because: {why}"));
            format!("refund {refund_id}: {}{why}{}", status.as_str(), called(processor_id.as_deref()))
        }
        Event::DisputeRecorded { dispute } => {
            let why = dispute.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
            format!("dispute {} of {}: {}{why}", dispute.id, dispute.amount, dispute.status.as_str())
        }
        Event::DisputeSettled { dispute_id, status } => format!("dispute {dispute_id}: {}", status.as_str()),
        other => word(other),
    }
}

fn called(processor_id: Option<&str>) -> String {
    processor_id.map_or_else(String::new, |id| format!(", {id} at the processor"))
}

fn standing_event(event: &Event, payment: &PaymentIntent) -> String {
    match event {
        Event::CancelRequested => "the cart asked to cancel".to_owned(),
        Event::CancelFailed { error } => format!("it could not be canceled: {}", error.code),
        Event::Closed { why } => match why {
            Closed::Canceled => "the door was closed: canceled".to_owned(),
            Closed::Expired => "the door was closed: its time is over".to_owned(),
            Closed::Voided => "the door was closed: the authorization was released".to_owned(),
            Closed::Exhausted => "the door was closed: no try is left".to_owned(),
        },
        Event::Quarantined { reason } => format!("QUARANTINED: {}", reason.as_str()),
        Event::QuarantineResolved { reason, resolution, note, policy, .. } => {
            let who = policy.as_ref().map_or_else(String::new, |policy| format!(" by the policy {policy}"));
            format!("quarantine {} ended{who}: {}, because: {note}", reason.as_str(), resolution.as_str())
        }
        Event::SettledByHand { attempt_id, settlement, evidence } => {
            let so = match settlement {
                ByHand::Paid { amount } => format!("paid, {amount}"),
                ByHand::NotPaid => "not paid".to_owned(),
                ByHand::Done { operation_id } => format!("{} was done", operation(payment, operation_id)),
                ByHand::NotDone { operation_id } => {
                    format!("{} was not done", operation(payment, operation_id))
                }
            };
            format!("settled by hand, {}: {so}; evidence: {evidence}", attempt(payment, attempt_id))
        }
        Event::StatusChanged { to, late, .. } => {
            let late = if *late { ", late" } else { "" };
            format!("STATUS: {}{late}", to.as_str())
        }
        Event::ErrorNoted { error, operation } => {
            let of = operation.map_or_else(String::new, |kind| format!("{}: ", kind.as_str()));
            format!("noted for the cart: {of}{}", error.code)
        }
        other => word(other),
    }
}

fn restored(asked_about: &[AttemptId]) -> String {
    let asked = "; processors are asked what has happened since";
    format!("restored from a backup{}", if asked_about.is_empty() { "" } else { asked })
}

fn decline_words(decline: &Decline) -> String {
    let theirs = decline.processor_code.as_ref().map_or_else(String::new, |code| format!(" ({code})"));
    let elsewhere = if decline.elsewhere { ", another processor may be tried" } else { "" };
    format!("{}{theirs}{elsewhere}", word(&decline.code))
}

fn facts_words(facts: &Facts) -> String {
    let mut said = Vec::new();
    said.extend(facts.word.as_ref().map(word));
    said.extend(facts.decline.as_ref().map(decline_words));
    for (name, amount) in [
        ("for", facts.amount),
        ("authorized", facts.authorized),
        ("taken", facts.captured),
        ("given back", facts.refunded),
        ("fee", facts.fee),
    ] {
        said.extend(amount.filter(|amount| !amount.is_zero()).map(|amount| format!("{name} {amount}")));
    }
    for item in &facts.items {
        let id = item.id.as_deref().unwrap_or("without an id");
        let amount = item.amount.map_or_else(String::new, |amount| format!(" {amount}"));
        let why = item.reason.as_ref().map_or_else(String::new, |why| format!(" ({why})"));
        said.push(format!("{} {id}{amount} {}{why}", word(&item.kind), word(&item.state)));
    }
    if said.is_empty() {
        let ids =
            facts.references.iter().map(|reference| format!("{} {}", word(&reference.kind), reference.id));
        said.push(format!("it is called {}", ids.collect::<Vec<_>>().join(", ")));
    }
    said.join("; ")
}

/// The word that stands for a value in its JSON form.
fn word(value: &impl Serialize) -> String {
    match serde_json::to_value(value) {
        Ok(Value::String(word)) => word,
        Ok(other) => other.to_string(),
        Err(_) => "?".to_owned(),
    }
}
