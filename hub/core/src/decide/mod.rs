//! What may be asked of a payment, and what it leads to. The one place where payments change.
//!
//! Each rule refuses first, in a fixed order; below its last refusal nothing can fail. What follows from
//! what became known (statuses, refunds done, doors to close) is drawn by [`crate::settle`] afterwards.

mod by_hand;
mod cart;
mod opening;
mod outcomes;
mod restored;

pub(crate) mod quarantine;

use processor_sdk::OperationKind;

use crate::chain::EventHash;
use crate::command::{Command, CreateIntent};
use crate::event::Event;
use crate::ids::{AttemptId, OperationId, PaymentIntentId};
use crate::payment::{Attempt, Operation, OperationState, PaymentIntent, Resolved, Status, Subject};
use crate::planted::{Bug, planted};
use crate::refusal::Refusal;
use crate::retry;
use crate::settle::settle;
use crate::story::{Context, Decision, Story};

/// Most attempts of one intent.
pub const ATTEMPTS_MAX: usize = 12;
/// Most attempts of one intent together with those that never reached a processor. They use up no try of the
/// shopper's, but an outage must not fill the payment either.
pub const ATTEMPTS_WITH_UNSENT_MAX: usize = 100;
/// Most captures and most refunds that may be asked of one intent.
pub const TRANSFERS_MAX: usize = 200;

/// Creates an intent. Everything that could be refused is checked by types and the caller before.
pub fn create(command: CreateIntent, context: &mut Context<'_>) -> Decision {
    let id = PaymentIntentId::fresh(context.fresh);
    let intent = PaymentIntent {
        id,
        scope: command.scope,
        order_id: command.order_id,
        order_reference: command.order_reference,
        amount: command.amount,
        capture: command.capture,
        return_url: command.return_url,
        cancel_url: command.cancel_url,
        site: command.site,
        connector: command.connector,
        metadata: command.metadata,
        checkout_token: command.checkout_token,
        created_at: context.now,
        expires_at: retry::after(context.now, command.expires_in_s),
        status: Status::RequiresCheckout,
        paid_late: false,
        cancel_requested: false,
        closed: None,
        quarantine: None,
        resolved: Resolved::default(),
        last_error: None,
        attempts: vec![],
        captures: vec![],
        refunds: vec![],
        disputes: vec![],
        version: 0,
        sequence: 0,
        known_at_restore: None,
        last_event: EventHash::NONE,
    };
    Story::begin(intent, context).end()
}

/// Decides a command.
///
/// # Errors
/// [`Refusal`], in which case nothing has happened.
pub fn decide(
    payment: &PaymentIntent,
    command: &Command,
    context: &mut Context<'_>,
) -> Result<Decision, Refusal> {
    let mut story = Story::of(payment, context);
    match command {
        Command::StartAttempt { profile, reason, return_token } => {
            opening::start_attempt(&mut story, profile, reason, return_token)?;
        }
        Command::ReopenDoor { attempt_id } => opening::reopen_door(&mut story, attempt_id)?,
        Command::OperationTried { attempt_id, operation_id, outcome } => {
            outcomes::operation_tried(&mut story, attempt_id, operation_id, outcome)?;
        }
        Command::OperationInterrupted { attempt_id, operation_id, since } => {
            outcomes::operation_interrupted(&mut story, attempt_id, operation_id, *since)?;
        }
        Command::LookedUp { attempt_id, operation_id, outcome, asked_at } => {
            outcomes::looked_up(&mut story, attempt_id, operation_id.as_ref(), outcome, *asked_at)?;
        }
        Command::Notified { attempt_id, facts } => {
            known_attempt(&story.payment, attempt_id)?;
            story.hear(attempt_id, facts);
            opening::ask_when_it_disagrees(&mut story, attempt_id, facts)?;
        }
        Command::Hinted { attempt_id } => opening::hinted(&mut story, attempt_id)?,
        Command::ShopperReturned { attempt_id, parameters } => {
            opening::shopper_returned(&mut story, attempt_id, parameters)?;
        }
        Command::Capture { amount, is_final, allow_duplicate } => {
            cart::capture(&mut story, *amount, *is_final, *allow_duplicate)?;
        }
        Command::Cancel => cart::cancel(&mut story)?,
        Command::Refund { amount, reason, metadata, allow_duplicate } => {
            cart::refund(&mut story, *amount, reason.clone(), metadata.clone(), *allow_duplicate)?;
        }
        Command::Expire => cart::expire(&mut story),
        Command::Reconsider => {}
        Command::RemindOfCapture { attempt_id } => cart::remind_of_capture(&mut story, attempt_id),
        Command::ResolveQuarantine { resolution, note } => {
            quarantine::resolve(&mut story, *resolution, note)?;
        }
        Command::SettleByHand { attempt_id, settlement, evidence } => {
            by_hand::settle_by_hand(&mut story, attempt_id, settlement, evidence)?;
        }
        Command::ErasePersonalData => by_hand::erase_personal_data(&mut story)?,
        Command::Restored { backed_up_at } => restored::restored(&mut story, *backed_up_at),
    }
    settle(&mut story);
    Ok(story.end())
}

fn known_attempt<'a>(payment: &'a PaymentIntent, id: &AttemptId) -> Result<&'a Attempt, Refusal> {
    payment.attempt(id).ok_or(Refusal::NoSuchAttempt)
}

fn refuse_quarantined(payment: &PaymentIntent) -> Result<(), Refusal> {
    match &payment.quarantine {
        Some(quarantine) if quarantine.reason.blocks() && !planted(Bug::LetQuarantinedMoneyMove) => {
            Err(Refusal::Quarantined { reason: quarantine.reason.as_str() })
        }
        Some(_) | None => Ok(()),
    }
}

/// Asks something of the processor: recorded here, sent by the worker after the commit.
pub(crate) fn ask(
    story: &mut Story<'_, '_>,
    attempt_id: &AttemptId,
    kind: OperationKind,
    subject: Subject,
    return_parameters: Vec<(String, String)>,
) {
    let operation = Operation {
        id: OperationId::from_body(&story.fresh()),
        kind,
        subject,
        created_at: story.now(),
        state: OperationState::Asked { due_at: story.now() },
        tries: 0,
        first_sent_at: None,
        last_sent_at: None,
        return_parameters,
        overdue: false,
    };
    story.record(Event::OperationAsked { attempt_id: attempt_id.clone(), operation });
}
