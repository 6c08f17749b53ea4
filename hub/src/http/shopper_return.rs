//! `/return/{token}`: the shopper's browser comes back from the processor.
//!
//! Invariant: coming back is evidence of nothing. It makes the hub ask, waits a little for the truth, and
//! sends the shopper on with nothing but the intent's id.

use axum::extract::{Path, Request, State};
use axum::http::Method;
use axum::response::Response;
use hub_core::command::Command;
use hub_core::event::Cause;
use hub_core::payment::{AttemptState, PaymentIntent, Status};
use hub_core::retry::after;
use processor_sdk::Timestamp;
use url::Url;

use super::checkout::{not_found_page, page, redirect, sorry};
use super::{Front, body, is_speculative};
use crate::pages::{self, WaitingView};
use crate::service::Extras;

/// How long the shopper waits for the truth, in seconds.
const TRUTH_WAIT_S: i64 = 8;
/// Longest form that a browser may post on its return, in bytes.
const FORM_BYTES_MAX: usize = 64 * 1024;

/// `GET, POST /return/{token}`
pub async fn arrive(State(front): State<Front>, Path(token): Path<String>, request: Request) -> Response {
    let hub = &front.hub;
    let (payment, attempt_id) = match hub.store.payment_by_return_token(&token).await {
        Ok(Some(found)) => found,
        Ok(None) => return not_found_page(),
        Err(error) => return sorry(&error.into()),
    };
    if is_speculative(request.method(), request.headers()) {
        return page(pages::waiting(&WaitingView {
            refresh_s: 2,
            text: "Checking with the payment processor…",
        }));
    }
    let mut parameters: Vec<(String, String)> =
        form_urlencoded::parse(request.uri().query().unwrap_or_default().as_bytes()).into_owned().collect();
    let canceled = parameters.iter().any(|(name, _)| name == "canceled");
    if *request.method() == Method::POST {
        let posted = body::read(request.into_body(), FORM_BYTES_MAX).await.unwrap_or_default();
        parameters.extend(form_urlencoded::parse(&posted).into_owned());
    }
    let came_at = hub.clock.now();
    let command = if canceled {
        Command::Hinted { attempt_id: attempt_id.clone() }
    } else {
        Command::ShopperReturned { attempt_id: attempt_id.clone(), parameters }
    };
    let told = hub.command(&payment.scope, &payment.id, Cause::Shopper, &command, Extras::default()).await;
    if let Err(error) = told {
        return sorry(&error);
    }
    if canceled {
        let target = payment.cancel_url.as_ref().unwrap_or(&payment.return_url);
        return redirect(&with_intent(target, &payment));
    }
    let known = |now: &PaymentIntent| truth_is_known(now, &attempt_id, came_at);
    let deadline = after(came_at, TRUTH_WAIT_S);
    match hub.wait_until(&payment.scope, &payment.id, deadline, known).await {
        Ok(_) => redirect(&with_intent(&payment.return_url, &payment)),
        Err(error) => sorry(&error.into()),
    }
}

/// True when asking again now would tell nothing new.
fn truth_is_known(
    payment: &PaymentIntent,
    attempt_id: &hub_core::ids::AttemptId,
    came_at: Timestamp,
) -> bool {
    if payment.status.is_end() || payment.status == Status::RequiresCapture || payment.quarantine.is_some() {
        return true;
    }
    let Some(attempt) = payment.attempt(attempt_id) else { return true };
    let asked_since = attempt.checked_at.is_some_and(|checked_at| checked_at >= came_at);
    match attempt.state(payment.capture) {
        AttemptState::Created | AttemptState::Open | AttemptState::Approved | AttemptState::Unknown => {
            asked_since
        }
        AttemptState::Pending
        | AttemptState::Authorized
        | AttemptState::Captured
        | AttemptState::Declined
        | AttemptState::Voided
        | AttemptState::Expired
        | AttemptState::NotSent => true,
    }
}

/// The cart's URL with the intent's id added, its own query and fragment kept.
pub(super) fn with_intent(target: &str, payment: &PaymentIntent) -> String {
    match Url::parse(target) {
        Ok(mut url) => {
            url.query_pairs_mut().append_pair("payment_intent", payment.id.as_str());
            url.into()
        }
        // Checked when the intent was created.
        Err(_) => target.to_owned(),
    }
}
