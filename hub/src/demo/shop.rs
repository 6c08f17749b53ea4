//! A small shop that buys through the hub's API, as any cart would.
//!
//! It runs in the process of `payhub demo` and shares nothing with the hub but that: it has an API key, asks
//! over HTTP, and verifies the deliveries it gets. It is the customer's side (the shelf, the thanks) and the
//! back office (capture, cancel, refund) in one, so that one browser can play a whole sale.
//!
//! Invariant: the shop believes only the API and verified deliveries; what a browser brings is a question.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Form, Query, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use processor_sdk::{AmountScale, Currency};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::clock::{Clock, SystemClock};
use crate::ids::{Randomness, SystemRandomness};
use crate::tls::{self, TlsError};
use catalog::{CURRENCY, Product, QUANTITY_MAX};
use hook::{Delivery, HookError, Inbox};
use hub_client::{Endpoint, HubClient, HubError, Intent, List, Transfer, is_id};

mod catalog;
mod hook;
mod hub_client;
mod page;

/// The largest body the shop takes, in bytes; deliveries carry one object.
const BODY_BYTES_MAX: usize = 256 * 1024;
/// How many payments the back office lists.
const PAYMENTS_SHOWN_MAX: u32 = 20;
/// The longest form token that is taken, in bytes.
const FORM_TOKEN_BYTES_MAX: usize = 64;
/// How much randomness a form token has, and how much of a hash a key keeps, in bytes.
const KEY_BYTES: usize = 16;
/// How many endpoints are looked through for the shop's own.
const ENDPOINTS_READ_MAX: u32 = 100;
/// By which the shop finds its own endpoint again.
const ENDPOINT_DESCRIPTION: &str = "The demo shop";

/// Where the shop finds the hub, and where the world finds the shop.
#[derive(Clone)]
pub struct ShopConfig {
    /// Base of the hub's API, such as `http://127.0.0.1:8080`.
    pub api_base: String,
    /// A test-mode API key of its own.
    pub api_key: String,
    /// Base of the shop's own URLs; the shop is below `/shop`.
    pub own_base: String,
}

/// Why the shop cannot work.
#[derive(Debug, thiserror::Error)]
pub enum ShopError {
    /// No HTTPS client.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// The HTTP client cannot be made.
    #[error("the demo shop's HTTP client cannot be made")]
    Client(#[source] reqwest::Error),
    /// The hub does not let the shop register for events.
    #[error(transparent)]
    Hub(#[from] HubError),
    /// The hub registered the endpoint, but showed no secret to verify deliveries with.
    #[error("the hub showed no usable secret for the demo shop's webhook endpoint")]
    NoSecret,
}

/// The shop. Clones are the same shop.
#[derive(Clone)]
pub struct Shop {
    inner: Arc<Inner>,
}

struct Inner {
    hub: HubClient,
    own_base: String,
    inbox: Inbox,
}

impl Shop {
    /// A shop that has sold nothing yet.
    ///
    /// # Errors
    /// [`ShopError::Tls`], [`ShopError::Client`].
    pub fn new(config: ShopConfig) -> Result<Self, ShopError> {
        let http = tls::client_builder(&[])?.build().map_err(ShopError::Client)?;
        let inner = Inner {
            hub: HubClient::new(http, &config.api_base, config.api_key),
            own_base: config.own_base.trim_end_matches('/').to_owned(),
            inbox: Inbox::default(),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    /// Everything below `/shop`.
    pub fn router(&self) -> Router {
        let forms = Router::new()
            .route("/shop", get(show_shelf))
            .route("/shop/style.css", get(style))
            .route("/shop/buy", post(buy))
            .route("/shop/thanks", get(show_payment))
            .route("/shop/refund", post(refund))
            .route("/shop/capture", post(capture))
            .route("/shop/cancel", post(cancel))
            .route("/shop/orders", get(show_payments))
            .route("/shop/events", get(show_events))
            .layer(middleware::from_fn(refuse_other_sites));
        forms
            .route("/shop/hook", post(receive))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(self.clone())
    }

    /// Tells the hub where the shop hears events, and learns the secret that signs them. To be called when
    /// the hub serves; until then deliveries are put off. After a restart the endpoint of the last run is
    /// taken over, so that what was not delivered then is delivered now.
    ///
    /// # Errors
    /// [`ShopError::Hub`], [`ShopError::NoSecret`].
    pub async fn register_webhook(&self) -> Result<(), ShopError> {
        let hub = &self.inner.hub;
        let url = self.hook_url();
        let known: List<Endpoint> =
            hub.get(&format!("/v1/webhook_endpoints?limit={ENDPOINTS_READ_MAX}")).await?;
        let own = |endpoint: &Endpoint| endpoint.description.as_deref() == Some(ENDPOINT_DESCRIPTION);
        let key = fresh_token();
        let endpoint: Endpoint =
            match known.data.into_iter().find(own).filter(|found| is_id("whe", &found.id)) {
                Some(Endpoint { id, .. }) => {
                    let path = format!("/v1/webhook_endpoints/{id}");
                    let _: Endpoint = hub.patch(&path, &json!({ "url": url, "enabled": true })).await?;
                    // Secrets are shown once, and the last run's is gone.
                    hub.post(&format!("{path}/rotate_secret"), &key, &json!({})).await?
                }
                None => {
                    let body = json!({ "url": url, "description": ENDPOINT_DESCRIPTION });
                    hub.post("/v1/webhook_endpoints", &key, &body).await?
                }
            };
        match endpoint.secret {
            Some(secret) if self.inner.inbox.set_secret(&secret) => Ok(()),
            Some(_) | None => Err(ShopError::NoSecret),
        }
    }

    fn hook_url(&self) -> String {
        format!("{}/shop/hook", self.inner.own_base)
    }
}

/// Answers in place of a page.
struct Trouble {
    status: StatusCode,
    text: String,
    back: String,
}

impl Trouble {
    fn bad_form(text: &str, back: &str) -> Self {
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, text: text.to_owned(), back: back.to_owned() }
    }

    fn hub(error: &HubError, back: &str) -> Self {
        let (status, text) = match error {
            HubError::Refused { status: 404, .. } => {
                (StatusCode::NOT_FOUND, "There is no such payment.".to_owned())
            }
            HubError::Refused { status: 409 | 422, detail, .. } => (StatusCode::CONFLICT, detail.clone()),
            // A wrong key or a broken hub is the shop's trouble, not the customer's.
            HubError::Refused { .. } | HubError::Unreachable(_) | HubError::Unreadable => {
                tracing::warn!(%error, "the demo shop got no use out of the hub");
                let text =
                    "The shop cannot reach its payment hub. Try again: the same form is never done twice.";
                (StatusCode::BAD_GATEWAY, text.to_owned())
            }
        };
        Self { status, text, back: back.to_owned() }
    }
}

impl IntoResponse for Trouble {
    fn into_response(self) -> Response {
        page::trouble(self.status, &self.text, &self.back)
    }
}

#[derive(Deserialize)]
struct ShelfQuery {
    canceled: Option<String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct BuyForm {
    form_token: String,
    sku: String,
    quantity: String,
    capture: String,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct ActForm {
    form_token: String,
    payment_intent: String,
    amount: String,
}

#[derive(Deserialize)]
struct PaymentQuery {
    #[serde(default)]
    payment_intent: String,
}

async fn show_shelf(Query(query): Query<ShelfQuery>) -> Response {
    page::shelf(&fresh_token(), query.canceled.is_some())
}

async fn style() -> Response {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8")], page::STYLE).into_response()
}

async fn buy(State(shop): State<Shop>, Form(form): Form<BuyForm>) -> Result<Response, Trouble> {
    const BACK: &str = "/shop";
    let product = Product::find(&form.sku).ok_or_else(|| Trouble::bad_form("We do not sell that.", BACK))?;
    let quantity = form.quantity.trim().parse().ok().filter(|quantity| (1..=QUANTITY_MAX).contains(quantity));
    let quantity = quantity.ok_or_else(|| {
        Trouble::bad_form(&format!("The quantity is a number from 1 to {QUANTITY_MAX}."), BACK)
    })?;
    if !matches!(form.capture.as_str(), "automatic" | "manual") {
        return Err(Trouble::bad_form("Choose to pay now or when we ship.", BACK));
    }
    // The same form sent twice is one purchase; the same form with another wish in it is another one.
    let purchase =
        once_key(&form.form_token, &["buy", product.sku, &quantity.to_string(), &form.capture], BACK)?;
    let own_base = &shop.inner.own_base;
    let body = json!({
        "amount": product.unit_minor() * i64::from(quantity),
        "currency": CURRENCY.code(),
        "order_reference": format!("web-{}", &purchase[..12]),
        "description": format!("{quantity} × {}", product.title),
        "lines": product.order_lines(quantity),
        "capture": form.capture,
        "return_url": format!("{own_base}/shop/thanks"),
        "cancel_url": format!("{own_base}/shop?canceled=yes"),
        "metadata": { "sku": product.sku },
    });
    let created: Result<Intent, _> = shop.inner.hub.post("/v1/payment_intents", &purchase, &body).await;
    let intent = created.map_err(|error| Trouble::hub(&error, BACK))?;
    match intent.checkout_url.as_deref().and_then(|url| url::Url::parse(url).ok()) {
        // Written out by the URL parser, it is always a valid header.
        Some(url) if page::is_web_url(url.as_str()) => Ok(Redirect::to(url.as_str()).into_response()),
        Some(_) | None => Err(Trouble::hub(&HubError::Unreadable, BACK)),
    }
}

async fn show_payment(
    State(shop): State<Shop>,
    Query(query): Query<PaymentQuery>,
) -> Result<Response, Trouble> {
    let intent = find(&shop, &query.payment_intent).await?;
    let path = format!("/v1/refunds?payment_intent={}", query.payment_intent);
    let refunds: Result<List<Transfer>, _> = shop.inner.hub.get(&path).await;
    let refunds = refunds.map_err(|error| Trouble::hub(&error, "/shop/orders"))?;
    Ok(page::payment(&intent, &refunds.data, &fresh_token()))
}

async fn find(shop: &Shop, id: &str) -> Result<Intent, Trouble> {
    const BACK: &str = "/shop/orders";
    if !is_id("pi", id) {
        let text = "There is no such payment.".to_owned();
        return Err(Trouble { status: StatusCode::NOT_FOUND, text, back: BACK.to_owned() });
    }
    let found: Result<Intent, _> = shop.inner.hub.get(&format!("/v1/payment_intents/{id}")).await;
    found.map_err(|error| Trouble::hub(&error, BACK))
}

async fn refund(State(shop): State<Shop>, Form(form): Form<ActForm>) -> Result<Response, Trouble> {
    let intent = find(&shop, &form.payment_intent).await?;
    let back = payment_path(&form.payment_intent);
    let amount = form.amount.trim();
    let mut body = json!({ "payment_intent": form.payment_intent });
    if !amount.is_empty() {
        let read = Currency::parse(&intent.currency)
            .and_then(|currency| AmountScale::iso().from_processor_decimal(amount, currency));
        let Some(amount) = read.ok().filter(processor_sdk::Money::is_positive) else {
            return Err(Trouble::bad_form("Write the amount with a point, such as 5 or 5.00.", &back));
        };
        body["amount"] = json!(amount.minor());
    }
    act(&shop, "/v1/refunds", &["refund", &form.payment_intent, amount], &form, &body).await
}

async fn capture(State(shop): State<Shop>, Form(form): Form<ActForm>) -> Result<Response, Trouble> {
    find(&shop, &form.payment_intent).await?;
    let path = format!("/v1/payment_intents/{}/capture", form.payment_intent);
    act(&shop, &path, &["capture", &form.payment_intent], &form, &json!({})).await
}

async fn cancel(State(shop): State<Shop>, Form(form): Form<ActForm>) -> Result<Response, Trouble> {
    find(&shop, &form.payment_intent).await?;
    let path = format!("/v1/payment_intents/{}/cancel", form.payment_intent);
    act(&shop, &path, &["cancel", &form.payment_intent], &form, &json!({})).await
}

/// Asks the hub once, then shows the payment, whatever has become of it by then. The id in the form has the
/// shape of one: it was looked up.
async fn act(
    shop: &Shop,
    path: &str,
    what: &[&str],
    form: &ActForm,
    body: &Value,
) -> Result<Response, Trouble> {
    let back = payment_path(&form.payment_intent);
    let key = once_key(&form.form_token, what, &back)?;
    let answer: Result<Value, _> = shop.inner.hub.post(path, &key, body).await;
    match answer {
        Ok(_) => Ok(Redirect::to(&back).into_response()),
        // The other half of a double click is at work on the same thing.
        Err(HubError::Refused { code, .. }) if code == "idempotency_in_progress" => {
            Ok(Redirect::to(&back).into_response())
        }
        Err(error) => Err(Trouble::hub(&error, &back)),
    }
}

async fn show_payments(State(shop): State<Shop>) -> Result<Response, Trouble> {
    let path = format!("/v1/payment_intents?limit={PAYMENTS_SHOWN_MAX}");
    let list: Result<List<Intent>, _> = shop.inner.hub.get(&path).await;
    let list = list.map_err(|error| Trouble::hub(&error, "/shop"))?;
    Ok(page::payments(&list.data))
}

async fn show_events(State(shop): State<Shop>) -> Response {
    page::events(&shop.hook_url(), &shop.inner.inbox.events())
}

async fn receive(State(shop): State<Shop>, headers: HeaderMap, body: Bytes) -> Response {
    let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let delivery = Delivery {
        id: header("webhook-id"),
        timestamp: header("webhook-timestamp"),
        signatures: header("webhook-signature"),
        body: &body,
    };
    let error = match shop.inner.inbox.receive(&delivery, SystemClock.now().as_unix_seconds()) {
        Ok(()) => return StatusCode::NO_CONTENT.into_response(),
        Err(error) => error,
    };
    let status = match error {
        HookError::NoSecret => StatusCode::SERVICE_UNAVAILABLE,
        HookError::Stale | HookError::Forged => StatusCode::UNAUTHORIZED,
        HookError::NotAnEvent => StatusCode::BAD_REQUEST,
    };
    (status, error.to_string()).into_response()
}

/// A form on somebody else's page must not press the back office's buttons.
async fn refuse_other_sites(request: Request, next: Next) -> Response {
    let from = request.headers().get("sec-fetch-site").and_then(|value| value.to_str().ok());
    if request.method() == axum::http::Method::POST && matches!(from, Some("cross-site" | "same-site")) {
        return page::trouble(StatusCode::FORBIDDEN, "That form is not the shop's own.", "/shop");
    }
    next.run(request).await
}

fn payment_path(id: &str) -> String {
    format!("/shop/thanks?payment_intent={id}")
}

/// A token that makes one rendered form different from the next.
fn fresh_token() -> String {
    let mut bytes = [0; KEY_BYTES];
    SystemRandomness.fill(&mut bytes);
    letters(&bytes)
}

/// The idempotency key for what a form asks: the same form with the same content has the same key.
fn once_key(form_token: &str, what: &[&str], back: &str) -> Result<String, Trouble> {
    let well_formed = (1..=FORM_TOKEN_BYTES_MAX).contains(&form_token.len())
        && form_token.bytes().all(|byte| byte.is_ascii_alphanumeric());
    if !well_formed {
        return Err(Trouble::bad_form("The form is not complete; load the page again.", back));
    }
    let mut hash = Sha256::new().chain_update(form_token);
    for part in what {
        hash = hash.chain_update([0]).chain_update(part);
    }
    Ok(letters(&hash.finalize()[..KEY_BYTES]))
}

/// Two letters a byte. Letters only, because the hub refuses what looks like a card number, and sixteen
/// random digits sometimes do.
fn letters(bytes: &[u8]) -> String {
    bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|nibble| char::from(b'a' + nibble)).collect()
}

#[cfg(test)]
mod tests;
