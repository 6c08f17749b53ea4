//! What an operator decides about a payment: a quarantine's end, and what no processor tells.
//!
//! Invariant: each is one command through the one place where payments change, with a name and a reason.

use hub_core::card_number::find_card_number;
use hub_core::command::Command;
use hub_core::event::{ByHand, Cause};
use hub_core::ids::{AttemptId, OperationId};
use hub_core::payment::{PaymentIntent, Resolution};
use processor_sdk::Money;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::payments::{find, find_with_attempt, state_word};
use super::{OperatorError, person, scope, time};
use crate::api_objects;
use crate::service::{Extras, Hub};
use crate::store::Page;

/// Longest reason or evidence, and longest name of an operator, in characters.
const TEXT_CHARS_MAX: usize = 500;
pub(super) const NAME_CHARS_MAX: usize = 100;
/// Payments that are listed of each mode, at most.
const WAITING_MAX: u32 = 500;
/// Deliveries that are listed of each mode, at most.
const STRANDED_MAX: u32 = 200;

/// What is so, in an operator's words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case", deny_unknown_fields)]
pub enum Settlement {
    /// The attempt took this much, in minor units of the payment's currency.
    Paid {
        /// How much.
        amount: i64,
    },
    /// The attempt took nothing and will not.
    NotPaid,
    /// An operation was done.
    Done {
        /// `op_…`
        operation: String,
    },
    /// An operation was not done and will not be.
    NotDone {
        /// `op_…`
        operation: String,
    },
}

/// What waits for an operator, newest first, live before test: payments, each with why, and deliveries.
pub(super) async fn list(hub: &Hub) -> Result<Value, OperatorError> {
    let mut waiting = Vec::new();
    for livemode in [true, false] {
        let page = Page { after: None, limit: WAITING_MAX };
        for payment in hub.store.waiting_for_person(&scope(livemode), &page).await? {
            let mut shown = api_objects::payment_intent(&payment, &hub.urls);
            if let Some(fields) = shown.as_object_mut() {
                fields.insert("wants_a_person".to_owned(), json!(person::wanted(&payment)));
            }
            waiting.push(shown);
        }
    }
    Ok(json!({ "data": waiting, "deliveries": stranded(hub).await? }))
}

/// Deliveries that match no payment, cannot be read, or are put off, newest first, live ones before test ones.
/// What they say stays sealed.
async fn stranded(hub: &Hub) -> Result<Vec<Value>, OperatorError> {
    let mut shown = Vec::new();
    for livemode in [true, false] {
        let deliveries =
            hub.store.stranded(&scope(livemode), &Page { after: None, limit: STRANDED_MAX }).await?;
        shown.extend(deliveries.into_iter().map(|delivery| {
            json!({
                "id": delivery.id.as_str(),
                "livemode": livemode,
                "connector": delivery.connector,
                "received_at": time(delivery.received_at),
                "state": state_word(delivery.state),
                "note": delivery.note,
                "tried_at": delivery.tried_at.map(time),
            })
        }));
    }
    Ok(shown)
}

pub(super) async fn resolve(
    hub: &Hub,
    id: &str,
    resolution: Resolution,
    note: &str,
    operator: &str,
) -> Result<Value, OperatorError> {
    let note = sentence("note", note, TEXT_CHARS_MAX)?;
    let command = Command::ResolveQuarantine { resolution, note };
    let payment = find(hub, id).await?;
    act(hub, &payment, &command, operator).await
}

pub(super) async fn settle(
    hub: &Hub,
    id: &str,
    attempt: Option<&str>,
    settlement: &Settlement,
    evidence: &str,
    operator: &str,
) -> Result<Value, OperatorError> {
    let evidence = sentence("evidence", evidence, TEXT_CHARS_MAX)?;
    let (payment, found) = find_with_attempt(hub, id).await?;
    let operation = |text: &str| {
        OperationId::parse(text)
            .map_err(|_| OperatorError::field("operation", "an operation's id, op_…, as `show` has it"))
    };
    let settlement = match settlement {
        Settlement::Paid { amount } => ByHand::Paid {
            amount: Money::new(*amount, payment.amount.currency())
                .map_err(|_| OperatorError::field("amount", "minor units below 2^53"))?,
        },
        Settlement::NotPaid => ByHand::NotPaid,
        Settlement::Done { operation: text } => ByHand::Done { operation_id: operation(text)? },
        Settlement::NotDone { operation: text } => ByHand::NotDone { operation_id: operation(text)? },
    };
    let meant = attempt.or(found.as_ref().map(AttemptId::as_str));
    let attempt_id = attempt_of(&payment, meant, &settlement)?;
    let command = Command::SettleByHand { attempt_id, settlement, evidence };
    act(hub, &payment, &command, operator).await
}

/// The attempt that is meant: the named one, that of the operation, or the only one.
fn attempt_of(
    payment: &PaymentIntent,
    named: Option<&str>,
    settlement: &ByHand,
) -> Result<AttemptId, OperatorError> {
    if let Some(named) = named {
        return AttemptId::parse(named)
            .map_err(|_| OperatorError::field("attempt", "an attempt's id, att_…, as `show` has it"));
    }
    if let ByHand::Done { operation_id } | ByHand::NotDone { operation_id } = settlement {
        let of = payment.attempts.iter().find(|attempt| attempt.operation(operation_id).is_some());
        return of
            .map(|attempt| attempt.id.clone())
            .ok_or(OperatorError::NotFound { what: "operation of this payment" });
    }
    match payment.attempts.as_slice() {
        [only] => Ok(only.id.clone()),
        [] => {
            Err(OperatorError::field("attempt", "this payment was never tried; there is nothing to settle"))
        }
        [_, _, ..] => {
            Err(OperatorError::field("attempt", "this payment was tried several times; name which"))
        }
    }
}

async fn act(
    hub: &Hub,
    payment: &PaymentIntent,
    command: &Command,
    operator: &str,
) -> Result<Value, OperatorError> {
    let cause = Cause::Operator { name: sentence("as", operator, NAME_CHARS_MAX)? };
    let decision = hub.command(&payment.scope, &payment.id, cause, command, Extras::default()).await?;
    Ok(api_objects::payment_intent(&decision.payment, &hub.urls))
}

/// A text for the history, which nobody can take out again.
pub(super) fn sentence(
    field: &'static str,
    text: &str,
    characters_max: usize,
) -> Result<String, OperatorError> {
    let text = text.trim();
    if text.is_empty() || text.chars().count() > characters_max || text.chars().any(char::is_control) {
        return Err(OperatorError::field(field, format!("1 to {characters_max} characters on one line")));
    }
    if find_card_number(text) {
        return Err(OperatorError::field(field, "holds what looks like a card number; leave it out"));
    }
    Ok(text.to_owned())
}
