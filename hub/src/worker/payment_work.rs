//! What a payment wants done: call its processor, find out what became of a call, look it up, expire it,
//! remind the cart to capture.
//!
//! Invariants: an operation is sent only under its own key; one that an earlier run may have sent counts as
//! possibly sent; what came back is committed together with the job's end.

use std::sync::Arc;

use hub_core::command::Command;
use hub_core::event::Cause;
use hub_core::ids::{PaymentIntentId, RefundId, Scope};
use hub_core::outcome::{NotSent, Outcome};
use hub_core::payment::{
    Attempt, ConnectorProfile, Operation, OperationState, PaymentIntent, Subject, TransferStatus,
};
use hub_core::planted::Bug;
use hub_core::retry::{Action, action};
use hub_core::schedule::Work;
use processor_sdk::{
    Answer, Call, Capabilities, CaptureOrder, CheckoutOrder, Door, Fault, ItemKind, LineItem, LookUp,
    OperationKind, RefundOrder, Shopper, Timestamp,
};

use super::lanes::Lanes;
use super::{enter, finish};
use crate::checkout::door_context;
use crate::connector::{Connector, Performed};
use crate::planted::planted;
use crate::service::{Extras, Hub, PersonalData, ServiceError};
use crate::store::{ClaimedJob, StoreError, Write};

/// An attempt with the connector that serves it: one and the same from the job's beginning to its end, whatever
/// is reloaded meanwhile.
struct At<'a> {
    payment: &'a PaymentIntent,
    attempt: &'a Attempt,
    connector: Option<Arc<dyn Connector>>,
}

impl<'a> At<'a> {
    fn of(hub: &Hub, payment: &'a PaymentIntent, attempt: &'a Attempt) -> Self {
        let connector = hub.connectors.now().serving(&attempt.profile).cloned();
        Self { payment, attempt, connector }
    }
}

/// Runs one piece of a payment's work.
pub(crate) async fn run(
    hub: &Hub,
    lanes: &Arc<Lanes>,
    job: &ClaimedJob,
    scope: &Scope,
    payment_id: &PaymentIntentId,
    work: &Work,
) -> Result<(), ServiceError> {
    let Some(payment) = hub.store.payment(scope, payment_id).await? else { return finish(hub, job).await };
    match work {
        Work::Expire => on_time(hub, job, &payment, &Command::Expire).await,
        Work::RemindOfCapture { attempt_id } => {
            let command = Command::RemindOfCapture { attempt_id: attempt_id.clone() };
            on_time(hub, job, &payment, &command).await
        }
        Work::Check { attempt_id } => match payment.attempt(attempt_id) {
            Some(attempt) => {
                let lane = &attempt.profile.connector;
                let Some(_place) = enter(hub, lanes, lane, job).await? else { return Ok(()) };
                check(hub, job, &At::of(hub, &payment, attempt)).await
            }
            None => finish(hub, job).await,
        },
        Work::CallProcessor { attempt_id, operation_id } => {
            let attempt = payment.attempt(attempt_id);
            match attempt.and_then(|attempt| Some((attempt, attempt.operation(operation_id)?))) {
                Some((attempt, operation)) => {
                    let lane = &attempt.profile.connector;
                    let Some(_place) = enter(hub, lanes, lane, job).await? else { return Ok(()) };
                    call(hub, job, &At::of(hub, &payment, attempt), operation).await
                }
                None => finish(hub, job).await,
            }
        }
    }
}

/// Gives a command whose time has come.
async fn on_time(
    hub: &Hub,
    job: &ClaimedJob,
    payment: &PaymentIntent,
    command: &Command,
) -> Result<(), ServiceError> {
    let extras = Extras { job: Some(job), ..Extras::default() };
    hub.command(&payment.scope, &payment.id, Cause::Timer, command, extras).await?;
    Ok(())
}

async fn call(hub: &Hub, job: &ClaimedJob, at: &At<'_>, operation: &Operation) -> Result<(), ServiceError> {
    let At { payment, attempt, .. } = *at;
    let asked = matches!(operation.state, OperationState::Asked { .. });
    if asked && job.tries > 1 {
        // An earlier run of this job ended without a word: it may have sent the request.
        let command = Command::OperationInterrupted {
            attempt_id: attempt.id.clone(),
            operation_id: operation.id.clone(),
            since: job.due_at,
        };
        return conclude(hub, job, payment, &command, vec![]).await;
    }
    match action(operation, &attempt.profile, hub.clock.now()) {
        // The processor has forgotten the key since this was planned, and cannot be asked.
        Action::Wait => on_time(hub, job, payment, &Command::Reconsider).await,
        Action::Send => send(hub, job, at, operation).await,
        Action::LookUp => look_up(hub, job, at, operation).await,
    }
}

async fn send(hub: &Hub, job: &ClaimedJob, at: &At<'_>, operation: &Operation) -> Result<(), ServiceError> {
    let At { payment, attempt, .. } = *at;
    let contents = contents(hub, at, operation).await?;
    let performed = perform(hub, at, Some(operation), contents).await;
    let mut writes = exchanges(payment, attempt, operation.kind, &performed);
    writes.extend(door_write(hub, payment, attempt, operation.created_at, &performed.outcome)?);
    let command = Command::OperationTried {
        attempt_id: attempt.id.clone(),
        operation_id: operation.id.clone(),
        outcome: performed.outcome,
    };
    conclude(hub, job, payment, &command, writes).await
}

async fn look_up(
    hub: &Hub,
    job: &ClaimedJob,
    at: &At<'_>,
    operation: &Operation,
) -> Result<(), ServiceError> {
    let At { payment, attempt, .. } = *at;
    let capabilities = &attempt.profile.capabilities;
    let contents = match &operation.subject {
        Subject::Refund(id) if can_fetch_refund(payment, capabilities, id) => {
            refund_order(payment, attempt, id).map(processor_sdk::Operation::FetchRefund)
        }
        Subject::Refund(_) | Subject::Capture(_) | Subject::Payment => {
            Some(processor_sdk::Operation::FetchPayment)
        }
    };
    let Some(contents) = contents else { return finish(hub, job).await };
    let kind = contents.kind();
    let asked_at = hub.clock.now();
    let performed = perform(hub, at, None, contents).await;
    let mut writes = exchanges(payment, attempt, kind, &performed);
    writes.extend(door_write(hub, payment, attempt, asked_at, &performed.outcome)?);
    let command = Command::LookedUp {
        attempt_id: attempt.id.clone(),
        operation_id: Some(operation.id.clone()),
        outcome: absent_means_this(operation, kind, performed.outcome),
        asked_at,
    };
    conclude(hub, job, payment, &command, writes).await
}

/// Whether one refund can be looked up by itself: by our echo, or by an id that we have.
fn can_fetch_refund(payment: &PaymentIntent, capabilities: &Capabilities, id: &RefundId) -> bool {
    match capabilities.fetch_refund {
        LookUp::None | LookUp::PageById => false,
        LookUp::ByEcho => true,
        LookUp::ById => {
            payment.refunds.iter().any(|refund| refund.id == *id && refund.processor_id.is_some())
        }
    }
}

/// "There is no such payment" says nothing about a refund or capture of a payment that we know exists.
fn absent_means_this(operation: &Operation, asked: OperationKind, outcome: Outcome) -> Outcome {
    let about_payment = asked == OperationKind::FetchPayment && operation.subject != Subject::Payment;
    match outcome {
        Outcome::Answered { answer: Answer::Absent } if about_payment => {
            Outcome::Unknown { why: "the processor does not find the payment itself".to_owned() }
        }
        outcome @ (Outcome::Answered { .. } | Outcome::NotSent { .. } | Outcome::Unknown { .. }) => outcome,
    }
}

/// Looks an attempt up: its payment, then each refund and dispute that is under way.
async fn check(hub: &Hub, job: &ClaimedJob, at: &At<'_>) -> Result<(), ServiceError> {
    let At { payment, attempt, .. } = *at;
    let capabilities = &attempt.profile.capabilities;
    let pending = payment.refunds.iter().filter(|refund| {
        refund.attempt_id == attempt.id
            && refund.status == TransferStatus::Pending
            && can_fetch_refund(payment, capabilities, &refund.id)
    });
    for refund in pending {
        let Some(order) = refund_order(payment, attempt, &refund.id) else { continue };
        check_one(hub, at, processor_sdk::Operation::FetchRefund(order)).await?;
    }
    if capabilities.fetch_dispute != LookUp::None {
        let open = payment.disputes.iter().filter(|dispute| {
            dispute.attempt_id == attempt.id && dispute.status == hub_core::payment::DisputeStatus::Open
        });
        for dispute in open {
            let contents = processor_sdk::Operation::FetchDispute { id: dispute.processor_id.clone() };
            check_one(hub, at, contents).await?;
        }
    }
    let asked_at = hub.clock.now();
    let (outcome, writes) = if capabilities.fetch_payment == LookUp::None {
        let fault = Fault::Unsupported;
        (Outcome::NotSent { why: NotSent::Impossible { fault } }, vec![])
    } else {
        let performed = perform(hub, at, None, processor_sdk::Operation::FetchPayment).await;
        let mut writes = exchanges(payment, attempt, OperationKind::FetchPayment, &performed);
        writes.extend(door_write(hub, payment, attempt, asked_at, &performed.outcome)?);
        (performed.outcome, writes)
    };
    let command = Command::LookedUp { attempt_id: attempt.id.clone(), operation_id: None, outcome, asked_at };
    conclude(hub, job, payment, &command, writes).await
}

/// Looks one refund or dispute up; what it says is taken like a notification.
async fn check_one(hub: &Hub, at: &At<'_>, contents: processor_sdk::Operation) -> Result<(), ServiceError> {
    let At { payment, attempt, .. } = *at;
    let kind = contents.kind();
    let asked_at = hub.clock.now();
    let performed = perform(hub, at, None, contents).await;
    let writes = exchanges(payment, attempt, kind, &performed);
    let Outcome::Answered { answer: Answer::Said { mut facts, .. } } = performed.outcome else {
        return Ok(());
    };
    facts.at = facts.at.or(Some(asked_at));
    let command = Command::Notified { attempt_id: attempt.id.clone(), facts: Box::new(facts) };
    let extras = Extras { writes, ..Extras::default() };
    hub.command(&payment.scope, &payment.id, Cause::Processor, &command, extras).await?;
    Ok(())
}

async fn conclude(
    hub: &Hub,
    job: &ClaimedJob,
    payment: &PaymentIntent,
    command: &Command,
    writes: Vec<Write>,
) -> Result<(), ServiceError> {
    let extras = Extras { job: Some(job), writes, ..Extras::default() };
    hub.command(&payment.scope, &payment.id, Cause::Processor, command, extras).await?;
    Ok(())
}

/// Asks the processor, through the connector that the attempt is pinned to.
async fn perform(
    hub: &Hub,
    at: &At<'_>,
    operation: Option<&Operation>,
    contents: processor_sdk::Operation,
) -> Performed {
    let At { payment, attempt, .. } = *at;
    let name = &attempt.profile.connector;
    let Some(connector) = &at.connector else {
        tracing::error!(connector.name = %name, "a payment in flight needs {name}, which is not configured any more");
        let detail = "the connector is not configured any more".to_owned();
        return Performed {
            outcome: Outcome::NotSent { why: NotSent::Unreachable { detail } },
            exchanges: vec![],
        };
    };
    let call = Call {
        operation: contents,
        key: operation
            .filter(|_| !planted(Bug::FreshKeyOnRetry))
            .map_or_else(|| hub.fresh_body(), |operation| operation.id.body().to_owned()),
        echo: attempt.id.echo().to_owned(),
        amount: payment.amount,
        capture: payment.capture,
        references: attempt.evidence.references().clone(),
        created_at: operation.map_or_else(|| hub.clock.now(), |operation| operation.created_at),
        settings: connector.settings().clone(),
        livemode: payment.scope.livemode,
    };
    warn_of_other_version(connector.as_ref(), &attempt.profile);
    let began_at = hub.clock.now();
    let performed = connector.perform(&call).await;
    let now = hub.clock.now();
    let took_us = now.as_micros().saturating_sub(began_at.as_micros());
    hub.metrics.called(name, call.operation.kind().as_str(), &performed.outcome, took_us);
    hub.health.called(name, &performed.outcome, now);
    performed
}

fn warn_of_other_version(connector: &dyn Connector, pinned: &ConnectorProfile) {
    let pin = connector.adapter_pin();
    if pin.version != pinned.adapter.version || pin.name != pinned.adapter.name {
        tracing::warn!(
            connector.name = %pinned.connector,
            "{} was opened with {} {} and is served by {} {}",
            pinned.connector, pinned.adapter.name, pinned.adapter.version, pin.name, pin.version
        );
    }
}

/// What an operation asks of the processor.
async fn contents(
    hub: &Hub,
    at: &At<'_>,
    operation: &Operation,
) -> Result<processor_sdk::Operation, ServiceError> {
    let At { payment, attempt, .. } = *at;
    let missing = || StoreError::Failed(format!("{}: the operation's subject is not there", payment.id));
    Ok(match (operation.kind, &operation.subject) {
        (OperationKind::OpenCheckout, _) => {
            processor_sdk::Operation::OpenCheckout(checkout_order(hub, at).await?)
        }
        (OperationKind::CompleteCheckout, _) => processor_sdk::Operation::CompleteCheckout {
            return_parameters: operation.return_parameters.clone(),
        },
        (OperationKind::ExpireCheckout, _) => processor_sdk::Operation::ExpireCheckout,
        (OperationKind::Void, _) => processor_sdk::Operation::Void,
        (OperationKind::Capture, Subject::Capture(id)) => {
            let capture = payment.captures.iter().find(|capture| capture.id == *id).ok_or_else(missing)?;
            processor_sdk::Operation::Capture(CaptureOrder {
                echo: capture.id.echo().to_owned(),
                amount: capture.amount,
                is_final: capture.is_final,
            })
        }
        (OperationKind::Refund, Subject::Refund(id)) => {
            processor_sdk::Operation::Refund(refund_order(payment, attempt, id).ok_or_else(missing)?)
        }
        (OperationKind::FetchPayment | OperationKind::FetchRefund | OperationKind::FetchDispute, _) => {
            processor_sdk::Operation::FetchPayment
        }
        (OperationKind::Capture | OperationKind::Refund, _) => return Err(missing().into()),
    })
}

fn refund_order(payment: &PaymentIntent, attempt: &Attempt, id: &RefundId) -> Option<RefundOrder> {
    let refund = payment.refunds.iter().find(|refund| refund.id == *id)?;
    let captures = attempt.evidence.items(ItemKind::Capture);
    let largest = captures.iter().max_by_key(|item| item.amount.map_or(0, |amount| amount.minor()));
    Some(RefundOrder {
        echo: refund.id.echo().to_owned(),
        amount: refund.amount,
        id: refund.processor_id.clone(),
        capture: largest.and_then(|item| item.ids.first().cloned()),
        refunded_before: refund.refunded_before,
        reason: refund.reason.clone(),
    })
}

async fn checkout_order(hub: &Hub, at: &At<'_>) -> Result<CheckoutOrder, ServiceError> {
    let At { payment, attempt, .. } = *at;
    let stored = hub.store.order(&payment.scope, &payment.order_id).await?;
    let (order, _) = stored.ok_or(ServiceError::NotFound)?;
    let personal: PersonalData = match hub.store.personal_data(&payment.scope, &payment.order_id).await? {
        Some(sealed) => hub.open_json(&format!("personal_data/{}", payment.order_id), &sealed)?,
        None => PersonalData::default(),
    };
    let path_secret = at.connector.as_ref().and_then(|connector| connector.webhook_path_secret());
    let line = |line: &hub_core::order::OrderLine| LineItem {
        name: line.name.clone(),
        quantity: line.quantity,
        unit_amount: line.unit_amount,
    };
    Ok(CheckoutOrder {
        description: order.description.clone(),
        order_reference: order.order_reference.clone(),
        lines: order.lines.iter().map(line).collect(),
        customer: personal.customer,
        shopper: Shopper { ip: None, user_agent: None, locale: personal.locale },
        return_url: hub.urls.shopper_return(&attempt.return_token),
        cancel_url: hub.urls.shopper_cancel(&attempt.return_token),
        webhook_url: hub.urls.webhooks(&attempt.profile.connector, path_secret),
        expires_at: payment.expires_at,
    })
}

/// The door of an answer, sealed: it may hold a token that pays.
fn door_write(
    hub: &Hub,
    payment: &PaymentIntent,
    attempt: &Attempt,
    asked_at: Timestamp,
    outcome: &Outcome,
) -> Result<Option<Write>, ServiceError> {
    let Outcome::Answered { answer: Answer::Said { door: Some(door), .. } } = outcome else {
        return Ok(None);
    };
    let sealed = hub.seal_json::<Door>(&door_context(attempt), door)?;
    let expires_at = door.expires_in_s.map(|seconds| hub_core::retry::after(asked_at, i64::from(seconds)));
    let (scope, attempt_id) = (payment.scope.clone(), attempt.id.clone());
    Ok(Some(Write::PutDoor { scope, attempt_id, sealed, expires_at }))
}

/// What was exchanged, scrubbed, for the operator's eyes.
fn exchanges(
    payment: &PaymentIntent,
    attempt: &Attempt,
    kind: OperationKind,
    performed: &Performed,
) -> Vec<Write> {
    let write = |record: &crate::connector::redact::ExchangeRecord| Write::InsertExchange {
        scope: payment.scope.clone(),
        payment_id: payment.id.clone(),
        attempt_id: attempt.id.clone(),
        operation: kind.as_str().to_owned(),
        at: record.at,
        record: serde_json::to_value(record).unwrap_or(serde_json::Value::Null),
    };
    performed.exchanges.iter().map(write).collect()
}
