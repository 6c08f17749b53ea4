//! The hub's HTTP front: the cart's API, the shopper's pages, the processors' webhooks.
//!
//! Handlers read a request, build a command, and turn what it came to into a response. They never change a
//! payment themselves and never call a processor.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderName, HeaderValue, Method};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use http_body_util::BodyExt;
use hub_core::card_number::find_card_number;

use crate::network::Network;
use crate::roles::Roles;
use crate::service::Hub;
use client_address::ClientAddress;
use problem::{Kind, LacksRequestId, Problem};

pub mod problem;

pub mod auth;

pub mod body;

pub mod unique_names;

pub mod fields;

pub mod idempotency;

pub mod lists;

pub mod new_intent;

pub mod payment_intents;

pub mod refunds;

pub mod orders;

pub mod disputes;

pub mod events;

pub mod webhook_endpoints;

pub mod connectors;

pub mod checkout;

pub mod shopper_return;

pub mod webhooks;

pub mod health;

pub mod client_address;

pub mod limits;

pub mod docs;

pub mod openapi;

pub mod routes;

/// Limits and rules of the front, from the operator's config.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// Largest request body, in bytes.
    pub body_bytes_max: usize,
    /// Longest time a request may take, in seconds.
    pub request_timeout_s: u64,
    /// Most requests worked on at once; more are refused with 503.
    pub concurrent_requests_max: usize,
    /// Hosts that `return_url` and `cancel_url` may name; empty = any.
    pub return_url_hosts: Vec<String>,
    /// Where test payments may return to over plain http. Live ones return over https only.
    pub http_return_urls: HttpReturnUrls,
    /// Deliveries of processors that may wait to be read; more are answered 503.
    pub inbox_pending_max: u64,
    /// Where the merchant's own webhook endpoints may be.
    pub destinations: crate::merchant_webhooks::destination::DestinationPolicy,
    /// How often each may ask.
    pub rates: limits::Rates,
    /// Proxies whose word on where a request comes from is believed.
    pub trusted_proxies: Vec<Network>,
}

/// Where test payments may return to over plain http.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpReturnUrls {
    /// Nowhere.
    Refused,
    /// To this machine.
    Loopback,
    /// Anywhere: for the demo.
    Anywhere,
}

/// What every handler has.
#[derive(Clone)]
pub struct Front {
    /// The hub.
    pub hub: Arc<Hub>,
    /// Limits and rules.
    pub settings: Arc<HttpSettings>,
    places: Arc<tokio::sync::Semaphore>,
    /// How full the inbox is.
    pub inbox: Arc<webhooks::InboxGauge>,
    /// How often each has asked.
    pub limits: Arc<limits::Limits>,
}

/// The whole front as one router.
pub fn router(hub: Arc<Hub>, settings: HttpSettings) -> Router {
    router_of(hub, settings, &Roles::all())
}

/// The front of a process with these roles. What is not its work is not found there.
pub fn router_of(hub: Arc<Hub>, settings: HttpSettings, roles: &Roles) -> Router {
    let places = Arc::new(tokio::sync::Semaphore::new(settings.concurrent_requests_max));
    let limits = Arc::new(limits::Limits::new(settings.rates));
    let front = Front { hub, settings: Arc::new(settings), places, inbox: Arc::default(), limits };
    let own = routes::all().into_iter().filter(|group| group.role.is_none_or(|role| roles.holds(role)));
    let routes = own.flat_map(|group| group.routes);
    routes
        .fold(Router::new(), |router, route| route.onto(router))
        .fallback(|| async { Problem::new(Kind::NotFound) })
        .method_not_allowed_fallback(|| async { Problem::new(Kind::MethodNotAllowed) })
        .layer(middleware::from_fn_with_state(front.clone(), guard))
        .with_state(front)
}

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What holds for every request: an id, a place, a time limit, no card number in its address, and patience
/// that ends with those who guess.
async fn guard(State(front): State<Front>, request: Request, next: Next) -> Response {
    let request_id = front.hub.ids.new_id("req");
    let began_at = front.hub.clock.now();
    let client = ClientAddress::of(request.extensions(), request.headers(), &front.settings.trusted_proxies);
    let method = request.method().clone();
    let route = request
        .extensions()
        .get::<axum::extract::MatchedPath>()
        .map_or_else(|| "unmatched".to_owned(), |path| path.as_str().to_owned());
    let mut response = match front.places.clone().try_acquire_owned() {
        Err(_) => Problem::new(Kind::Overloaded).into_response(),
        Ok(_place) => {
            let limit = Duration::from_secs(front.settings.request_timeout_s);
            match refused_at_the_door(&request) {
                Some(problem) => problem.into_response(),
                None => {
                    let answered = tokio::time::timeout(limit, next.run(request)).await;
                    // Cut off, not undone: what was committed stays, and the same key gives its answer.
                    answered.unwrap_or_else(|_| Problem::new(Kind::Internal).into_response())
                }
            }
        }
    };
    let now = front.hub.clock.now();
    response = front.limits.answer(client, now, &front.hub.metrics, response);
    let status = response.status().as_u16();
    front.hub.metrics.request(&method, &route, status, now.as_micros().saturating_sub(began_at.as_micros()));
    tracing::info!(
        request.id = %request_id,
        http.method = %method,
        http.route = %route,
        http.status = status,
        client.address = %client.0,
        "{method} {route} was answered with {status}",
    );
    if response.extensions_mut().remove::<LacksRequestId>().is_some() {
        response = with_request_id(response, &request_id).await;
    }
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    response
}

/// What no handler gets to see.
fn refused_at_the_door(request: &Request) -> Option<Problem> {
    let path = request.uri().path();
    if !is_text(path) {
        return Some(Problem::new(Kind::NotFound));
    }
    // Processors' deliveries and returns carry numbers of theirs; they are stored sealed, if at all.
    if !path.starts_with("/v1/") {
        return None;
    }
    let found = |place: &str| {
        let detail = format!("{} It is in the {place}.", Kind::CardNumberDetected.explanation());
        Some(Problem::new(Kind::CardNumberDetected).detail(detail))
    };
    if find_card_number(&request.uri().to_string()) {
        return found("address");
    }
    let key = request.headers().get("idempotency-key").and_then(|value| value.to_str().ok());
    if key.is_some_and(find_card_number) { found("`Idempotency-Key` header") } else { None }
}

/// Whether a path reads as UTF-8 once its percent-encoding is taken away.
fn is_text(path: &str) -> bool {
    let mut parts = path.split('%');
    let mut decoded = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        match part.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                decoded.push(byte);
                decoded.extend_from_slice(&part.as_bytes()[2..]);
            }
            None => decoded.extend_from_slice(part.as_bytes()),
        }
    }
    std::str::from_utf8(&decoded).is_ok()
}

/// Puts the request's id into a problem document.
async fn with_request_id(response: Response, request_id: &str) -> Response {
    let (mut parts, body) = response.into_parts();
    let Ok(collected) = body.collect().await else { return Response::from_parts(parts, Body::empty()) };
    let bytes = collected.to_bytes();
    let body = match serde_json::from_slice::<serde_json::Value>(&bytes) {
        Ok(serde_json::Value::Object(mut document)) => {
            document.insert("request_id".to_owned(), serde_json::Value::String(request_id.to_owned()));
            parts.headers.remove(axum::http::header::CONTENT_LENGTH);
            Body::from(serde_json::Value::Object(document).to_string())
        }
        Ok(_) | Err(_) => Body::from(bytes),
    };
    Response::from_parts(parts, body)
}

/// True for requests that must have no effect although they are addressed at a page with one.
pub(crate) fn is_speculative(method: &Method, headers: &axum::http::HeaderMap) -> bool {
    let prefetching = ["sec-purpose", "purpose", "x-moz"].iter().any(|name| {
        headers
            .get(*name)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.to_ascii_lowercase().contains("prefetch"))
    });
    *method == Method::HEAD || prefetching
}
