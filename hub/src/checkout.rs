//! The shopper arrives: which door to show, and opening it if it is not open yet.
//!
//! Nothing here calls a processor. A new attempt is committed with its job; the worker opens the session;
//! this waits for the door to appear. Invariants: an open session is reused; another connector is tried
//! only where nobody can have been shown the first one's page.

use hub_core::command::Command;
use hub_core::event::Cause;
use hub_core::payment::{Attempt, AttemptState, PaymentIntent, Status};
use hub_core::planted::Bug;
use hub_core::retry::after;
use hub_core::routing::{Choice, Wish, route};
use hub_core::story::Decision;
use processor_sdk::{Door, OperationKind};

use crate::planted::planted;
use crate::routing_table::{RoutingTable, profile};
use crate::service::{Extras, Hub, ServiceError};
use crate::store::{Conflict, StoreError};

/// How long the shopper waits for a door before a page says so, in seconds.
const DOOR_WAIT_S: i64 = 8;
/// Steps of one arrival: an attempt, another one, somebody else's change in between.
const STEPS_MAX: usize = 24;
/// Tries of an unanswered opening after which another connector gets its turn.
const UNKNOWN_TRIES_BEFORE_FAILOVER: u32 = 2;
/// Tries in doubt before the same connector is tried under another key, where it keeps its failures under one.
const UNKNOWN_TRIES_BEFORE_ANOTHER_KEY: u32 = 3;
/// Attempts in doubt at one connector, at which no further one is made there.
const KEYS_IN_DOUBT_MAX: usize = 3;
/// How long a connector that could not be reached is left alone in a payment, in seconds from that attempt.
const NOT_SENT_PAUSE_S: i64 = 60;

/// What the shopper is shown.
#[derive(Debug)]
pub enum Arrival {
    /// The processor's door.
    Door(Door),
    /// Several connectors can take it: the shopper chooses.
    Choose(Vec<Choice>),
    /// The processor has not answered yet.
    Wait,
    /// There is nothing to pay here any more.
    Over(Box<PaymentIntent>),
    /// No connector could open a page.
    NoDoor,
}

/// What to do next for a shopper.
enum Next {
    Show(Arrival),
    WaitFor(hub_core::ids::AttemptId),
    Reopen(hub_core::ids::AttemptId),
    Start(Choice),
}

/// Leads a shopper to a door, by one routing table from beginning to end. `chosen` is the connector they picked,
/// if they were asked.
///
/// # Errors
/// [`ServiceError`].
pub async fn arrive(
    hub: &Hub,
    routes: &RoutingTable,
    mut payment: PaymentIntent,
    chosen: Option<&str>,
) -> Result<Arrival, ServiceError> {
    let deadline = after(hub.clock.now(), DOOR_WAIT_S);
    // The choice holds until an attempt follows it: if that one fails, the next connector is not undone.
    let mut chosen = chosen;
    for _ in 0..STEPS_MAX {
        let command = match next(hub, routes, &payment, chosen).await? {
            Next::Show(arrival) => return Ok(arrival),
            Next::WaitFor(attempt_id) => {
                chosen = None;
                let version = payment.version;
                let moved =
                    |now: &PaymentIntent| now.version != version || now.attempt(&attempt_id).is_none();
                let (scope, id) = (payment.scope.clone(), payment.id.clone());
                let waited = hub.wait_until(&scope, &id, deadline, moved).await?;
                let Some(waited) = waited else { return Err(ServiceError::NotFound) };
                if waited.version == version {
                    return Ok(Arrival::Wait);
                }
                payment = waited;
                continue;
            }
            Next::Reopen(attempt_id) => Command::ReopenDoor { attempt_id },
            Next::Start(choice) => {
                let Some(connector) = routes.connector(&choice.connector) else {
                    return Ok(Arrival::NoDoor);
                };
                let profile = Box::new(profile(connector.as_ref()));
                Command::StartAttempt { profile, reason: choice.reason, return_token: hub.ids.token() }
            }
        };
        payment = match hub.command_on(&payment, Cause::Shopper, &command, &Extras::default()).await {
            Ok(Decision { payment, .. }) => {
                chosen = None;
                payment
            }
            // Another tab was faster, or time ran out: what there is now decides.
            Err(ServiceError::Store(StoreError::Conflict(Conflict::Version)) | ServiceError::Refused(_)) => {
                let current =
                    hub.store.payment(&payment.scope, &payment.id).await?.ok_or(ServiceError::NotFound)?;
                if current.version == payment.version {
                    // Out of a backup: its processor is asked first, which takes a moment.
                    let waits = current.is_unreconciled();
                    return Ok(if waits { Arrival::Wait } else { Arrival::NoDoor });
                }
                current
            }
            Err(error) => return Err(error),
        };
    }
    Ok(Arrival::Wait)
}

async fn next(
    hub: &Hub,
    routes: &RoutingTable,
    payment: &PaymentIntent,
    chosen: Option<&str>,
) -> Result<Next, ServiceError> {
    let now = hub.clock.now();
    let open =
        payment.status == Status::RequiresCheckout && !payment.cancel_requested && now < payment.expires_at;
    if !open || payment.closed.is_some() {
        return Ok(Next::Show(Arrival::Over(Box::new(payment.clone()))));
    }
    let current = payment.current_attempt().filter(|attempt| {
        chosen.is_none_or(|chosen| attempt.profile.connector == chosen)
            && attempt.state(payment.capture).is_live()
    });
    if let Some(attempt) = current
        && let Some(next) = continue_attempt(hub, routes, payment, attempt).await?
    {
        return Ok(next);
    }
    Ok(start(hub, routes, payment, chosen))
}

/// What to do with an attempt that is under way; `None` when another connector gets its turn.
async fn continue_attempt(
    hub: &Hub,
    routes: &RoutingTable,
    payment: &PaymentIntent,
    attempt: &Attempt,
) -> Result<Option<Next>, ServiceError> {
    let now = hub.clock.now();
    if let Some(opening) = attempt.open_operation(OperationKind::OpenCheckout) {
        let in_doubt = opening.first_sent_at.is_some() && opening.tries >= UNKNOWN_TRIES_BEFORE_FAILOVER;
        let never_shown =
            attempt.door_opened_at.is_none() && !attempt.profile.capabilities.orphan_session_payable;
        if in_doubt && never_shown && !others(hub, routes, payment).is_empty() {
            return Ok(None);
        }
        return Ok(Some(Next::WaitFor(attempt.id.clone())));
    }
    let expired = attempt.door_expires_at.is_some_and(|expires_at| expires_at <= now)
        && !planted(Bug::ReuseExpiredDoor);
    let stored = if expired { None } else { hub.store.door(&payment.scope, &attempt.id).await? };
    match stored {
        Some((sealed, _)) => {
            let door = hub.open_json(&door_context(attempt), &sealed)?;
            Ok(Some(Next::Show(Arrival::Door(door))))
        }
        None if attempt.state(payment.capture) == AttemptState::Open => {
            Ok(Some(Next::Reopen(attempt.id.clone())))
        }
        None => Ok(None),
    }
}

/// The row that an attempt's door is sealed for.
pub fn door_context(attempt: &Attempt) -> String {
    format!("doors/{}", attempt.id)
}

fn choices(routes: &RoutingTable, payment: &PaymentIntent) -> Vec<Choice> {
    let wish = Wish {
        amount: payment.amount,
        capture: payment.capture,
        site: payment.site.clone(),
        livemode: payment.scope.livemode,
        connector: payment.connector.clone(),
    };
    route(&wish, &routes.candidates()).choices
}

/// Whether an attempt got the same failure again and again from a processor that keeps its own failures under
/// the key. Nobody can pay at the page that may be there, so a new attempt, with a key of its own, does no harm.
fn is_stuck_with_its_key(attempt: &Attempt) -> bool {
    let profile = &attempt.profile;
    let opening = attempt.open_operation(OperationKind::OpenCheckout);
    profile.idempotency.replays_errors
        && !profile.capabilities.orphan_session_payable
        && attempt.door_opened_at.is_none()
        && opening.is_some_and(|opening| opening.tries >= UNKNOWN_TRIES_BEFORE_ANOTHER_KEY)
}

/// Choices that can be tried now: those in doubt resolve by themselves or, where they cannot, get a few more
/// keys after all others; those not reached get a pause.
fn others(hub: &Hub, routes: &RoutingTable, payment: &PaymentIntent) -> Vec<Choice> {
    let now = hub.clock.now();
    let mut choices = choices(routes, payment);
    let in_doubt = |choice: &Choice| {
        let at = payment.attempts.iter().filter(|attempt| attempt.profile.connector == choice.connector);
        at.filter(|attempt| attempt.state(payment.capture) == AttemptState::Unknown).count()
    };
    choices.sort_by_key(in_doubt);
    choices.retain(|choice| {
        let mut attempts = payment.attempts.iter();
        let has_another_key = in_doubt(choice) < KEYS_IN_DOUBT_MAX;
        !attempts.any(|attempt| {
            let failed = match attempt.state(payment.capture) {
                AttemptState::Unknown => !(has_another_key && is_stuck_with_its_key(attempt)),
                AttemptState::NotSent => now < after(attempt.created_at, NOT_SENT_PAUSE_S),
                AttemptState::Created
                | AttemptState::Open
                | AttemptState::Approved
                | AttemptState::Pending
                | AttemptState::Authorized
                | AttemptState::Captured
                | AttemptState::Declined
                | AttemptState::Voided
                | AttemptState::Expired => false,
            };
            failed && attempt.profile.connector == choice.connector
        })
    });
    choices
}

fn start(hub: &Hub, routes: &RoutingTable, payment: &PaymentIntent, chosen: Option<&str>) -> Next {
    let fresh = others(hub, routes, payment);
    let failed_over = payment.current_attempt().is_some_and(|attempt| {
        matches!(attempt.state(payment.capture), AttemptState::NotSent | AttemptState::Unknown)
    });
    if failed_over {
        // The shopper has chosen once and got no page: the next one in order, without asking again.
        let wanted = fresh.iter().find(|choice| Some(choice.connector.as_str()) == chosen).cloned();
        return wanted.or_else(|| fresh.into_iter().next()).map_or(
            Next::Show(Arrival::NoDoor),
            |mut choice| {
                choice.reason = format!("{}; the one before could not open a page", choice.reason);
                Next::Start(choice)
            },
        );
    }
    let all = choices(routes, payment);
    if let Some(chosen) = chosen {
        let picked = all.iter().find(|choice| choice.connector == chosen).cloned();
        return match picked {
            Some(mut choice) => {
                choice.reason = format!("{}; chosen by the shopper", choice.reason);
                Next::Start(choice)
            }
            None => Next::Show(Arrival::Choose(all)),
        };
    }
    match all.as_slice() {
        [] => Next::Show(Arrival::NoDoor),
        [only] => Next::Start(only.clone()),
        _several => Next::Show(Arrival::Choose(all)),
    }
}
