//! `/pay/{token}`: the shopper's door.
//!
//! One possible connector: straight on. Several: a plain page to choose from. HEAD and prefetch have no
//! effect, because a mail program's look at the link must not open a session.

use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use hub_core::payment::{PaymentIntent, Status};
use hub_core::routing::Choice;
use processor_sdk::{Door, DoorKind, Scannable};

use super::problem::ProvesNothing;
use super::shopper_return::with_intent;
use super::{Front, body, is_speculative};
use crate::checkout::{Arrival, arrive as arrive_at};
use crate::pages::policy::{FormTargets, security_headers};
use crate::pages::{
    self, ChooserView, FormPostView, InstructionsView, MessageView, Page, PageError, WaitingView,
};
use crate::routing_table::RoutingTable;

/// Seconds after which a waiting page asks again.
const REFRESH_S: u32 = 2;
/// Longest form the chooser posts, in bytes.
const FORM_BYTES_MAX: usize = 4 * 1024;

/// `GET /pay/{token}`
pub async fn arrive(State(front): State<Front>, Path(token): Path<String>, request: Request) -> Response {
    if is_speculative(request.method(), request.headers()) {
        return page(pages::waiting(&WaitingView { refresh_s: REFRESH_S, text: "Opening the checkout…" }));
    }
    lead(&front, &token, None).await
}

/// `POST /pay/{token}`: the shopper has chosen a connector.
pub async fn choose(State(front): State<Front>, Path(token): Path<String>, request: Request) -> Response {
    let posted = body::read(request.into_body(), FORM_BYTES_MAX).await.unwrap_or_default();
    let chosen = form_urlencoded::parse(&posted)
        .find(|(name, _)| name == "connector")
        .map(|(_, value)| value.into_owned());
    lead(&front, &token, chosen.as_deref()).await
}

async fn lead(front: &Front, token: &str, chosen: Option<&str>) -> Response {
    let hub = &front.hub;
    let payment = match hub.store.payment_by_checkout_token(token).await {
        Ok(Some(payment)) => payment,
        Ok(None) => return not_found_page(),
        Err(error) => return sorry(&error.into()),
    };
    let routes = hub.connectors.now();
    match arrive_at(hub, &routes, payment.clone(), chosen).await {
        Ok(Arrival::Door(door)) => show_door(&payment, &door),
        Ok(Arrival::Choose(choices)) => chooser(front, &routes, &payment, token, &choices).await,
        Ok(Arrival::Wait) => page(pages::waiting(&WaitingView {
            refresh_s: REFRESH_S,
            text: "Waiting for the payment processor…",
        })),
        Ok(Arrival::Over(payment)) => over(&payment),
        Ok(Arrival::NoDoor) => page(pages::message(&MessageView {
            title: "The payment cannot be opened right now",
            text: "No payment processor could be reached. Nothing was charged. Please try again in a minute.",
            href: Some(&with_intent(payment.cancel_url.as_ref().unwrap_or(&payment.return_url), &payment)),
            link_text: "Back to the shop",
            status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
        })),
        Err(error) => sorry(&error),
    }
}

fn show_door(payment: &PaymentIntent, door: &Door) -> Response {
    let back = with_intent(&payment.return_url, payment);
    match &door.kind {
        DoorKind::Redirect { url } => redirect(url),
        DoorKind::Form { url, fields } => {
            page(pages::form_post(&FormPostView { url, fields, form_targets: FormTargets::Anywhere }))
        }
        DoorKind::Instructions { instructions, scannable } => {
            let labeled: Vec<_> =
                instructions.iter().map(|line| (line.label.clone(), line.value.clone())).collect();
            page(pages::instructions(&InstructionsView {
                amount: payment.amount,
                instructions: &labeled,
                scannable: scannable.as_ref().map(|Scannable::Qr { payload }| payload.as_str()),
                return_href: Some(&back),
            }))
        }
        DoorKind::Nothing => redirect(&back),
    }
}

async fn chooser(
    front: &Front,
    routes: &RoutingTable,
    payment: &PaymentIntent,
    token: &str,
    choices: &[Choice],
) -> Response {
    let order = match front.hub.store.order(&payment.scope, &payment.order_id).await {
        Ok(order) => order,
        Err(error) => return sorry(&error.into()),
    };
    let description = order.as_ref().and_then(|(order, _)| order.description.as_deref());
    let choice = |choice: &Choice| {
        let title = routes
            .route(&choice.connector)
            .map_or_else(|| choice.connector.clone(), |route| route.title.clone());
        (choice.connector.clone(), title)
    };
    let named: Vec<(String, String)> = choices.iter().map(choice).collect();
    let choices = named.iter().map(|(connector, title)| pages::Choice { connector, title }).collect();
    let cancel = with_intent(payment.cancel_url.as_ref().unwrap_or(&payment.return_url), payment);
    page(pages::chooser(&ChooserView {
        amount: payment.amount,
        description,
        choices,
        action: &format!("/pay/{token}"),
        cancel_href: Some(&cancel),
        form_targets: FormTargets::Anywhere,
    }))
}

/// The shopper comes to a payment that is not to be paid (any more).
fn over(payment: &PaymentIntent) -> Response {
    let back = with_intent(&payment.return_url, payment);
    let (title, text, status) = match payment.status {
        Status::Succeeded | Status::RequiresCapture => return redirect(&back),
        Status::Processing => {
            ("Your payment is being processed", "There is nothing more to do here.", StatusCode::OK)
        }
        Status::Canceled => {
            ("This payment was canceled", "Nothing can be paid here any more.", StatusCode::GONE)
        }
        Status::Expired => {
            ("This payment has expired", "Please go back to the shop and order again.", StatusCode::GONE)
        }
        Status::Failed => {
            ("This payment has failed", "Please go back to the shop and order again.", StatusCode::GONE)
        }
        Status::RequiresCheckout => {
            ("This payment is being closed", "Nothing can be paid here any more.", StatusCode::GONE)
        }
    };
    page(pages::message(&MessageView {
        title,
        text,
        href: Some(&back),
        link_text: "Back to the shop",
        status: status.as_u16(),
    }))
}

/// A page as a response.
pub(super) fn page(page: Result<Page, PageError>) -> Response {
    let page = match page {
        Ok(page) => page,
        Err(error) => {
            tracing::error!(%error, "a page could not be made");
            return plain(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Something went wrong. Nothing was charged by this page.",
            );
        }
    };
    let mut response = Response::new(Body::from(page.html.clone()));
    *response.status_mut() = StatusCode::from_u16(page.status).unwrap_or(StatusCode::OK);
    set_headers(&mut response, page.headers());
    response
}

fn set_headers(response: &mut Response, headers: Vec<(&'static str, String)>) {
    for (name, value) in headers {
        if let Ok(value) = HeaderValue::from_str(&value) {
            response.headers_mut().insert(name, value);
        }
    }
}

fn plain(status: StatusCode, text: &'static str) -> Response {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    set_headers(&mut response, security_headers(None));
    response
}

/// On to another address by 303, so that a POST is never repeated there.
pub(super) fn redirect(url: &str) -> Response {
    let Ok(location) = HeaderValue::from_str(url) else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "The address to go on to is not valid.");
    };
    let mut response = plain(StatusCode::SEE_OTHER, "");
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// No such token. Whoever tries many is told to slow down.
pub(super) fn not_found_page() -> Response {
    let mut response = page(pages::message(&MessageView {
        title: "There is no such payment",
        text: "Please check the address, or go back to the shop.",
        href: None,
        link_text: "",
        status: StatusCode::NOT_FOUND.as_u16(),
    }));
    response.extensions_mut().insert(ProvesNothing);
    response
}

/// The hub itself has trouble. Nothing is lost: the shopper may come again.
pub(super) fn sorry(error: &crate::service::ServiceError) -> Response {
    tracing::error!(%error, "a shopper's page failed");
    page(pages::message(&MessageView {
        title: "Please try again",
        text: "The shop's payment service is busy. If you have paid already, your payment is safe; do not pay \
               twice. Load this page again in a minute.",
        href: None,
        link_text: "",
        status: StatusCode::SERVICE_UNAVAILABLE.as_u16(),
    }))
}
