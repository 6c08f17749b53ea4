//! The shop's pages: from what the hub's API says to what the customer reads.
//!
//! Invariant: a page shows the hub's own word for the payment's state, also one that the shop does not know.

use askama::Template;
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use processor_sdk::{Currency, Money};

use super::catalog::{CURRENCY, PRODUCTS, Product, QUANTITY_MAX};
use super::hook::Received;
use super::hub_client::{Intent, Transfer};

/// The style of every page, served beside them.
pub(super) const STYLE: &str = include_str!("../../../templates/shop/style.css");

/// No `form-action`: buying posts to the shop and is redirected to the hub and on to a processor, and
/// Chromium holds every step of that against the directive.
const HEADERS: [(HeaderName, HeaderValue); 5] = [
    (
        HeaderName::from_static("content-security-policy"),
        HeaderValue::from_static(
            "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'",
        ),
    ),
    // A page from the cache would carry a used form token, so that buying again would buy nothing.
    (HeaderName::from_static("cache-control"), HeaderValue::from_static("no-store")),
    (HeaderName::from_static("content-type"), HeaderValue::from_static("text/html; charset=utf-8")),
    (HeaderName::from_static("referrer-policy"), HeaderValue::from_static("same-origin")),
    (HeaderName::from_static("x-content-type-options"), HeaderValue::from_static("nosniff")),
];

#[derive(Template)]
#[template(path = "shop/shelf.html")]
struct Shelf<'a> {
    form_token: &'a str,
    canceled: bool,
    quantity_max: u32,
    products: Vec<ShelfProduct>,
}

struct ShelfProduct {
    sku: &'static str,
    title: &'static str,
    text: &'static str,
    price: String,
    parts: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "shop/payment.html")]
struct Payment<'a> {
    heading: String,
    moving: bool,
    pay_url: Option<&'a str>,
    form_token: &'a str,
    id: &'a str,
    status: &'a str,
    order_reference: Option<&'a str>,
    currency: &'a str,
    amount: String,
    capturable: String,
    captured: String,
    refunded: String,
    attempts: Vec<(&'a str, &'a str)>,
    captures: Vec<(String, &'a str)>,
    refunds: Vec<(String, &'a str)>,
    can_capture: bool,
    can_cancel: bool,
    can_refund: bool,
}

#[derive(Template)]
#[template(path = "shop/payments.html")]
struct Payments<'a> {
    payments: Vec<PaymentRow<'a>>,
}

struct PaymentRow<'a> {
    id: &'a str,
    created_at: &'a str,
    order_reference: &'a str,
    amount: String,
    status: &'a str,
}

#[derive(Template)]
#[template(path = "shop/events.html")]
struct Events<'a> {
    hook_url: &'a str,
    events: &'a [Received],
}

#[derive(Template)]
#[template(path = "shop/trouble.html")]
struct Trouble<'a> {
    text: &'a str,
    back: &'a str,
}

/// The product list.
pub(super) fn shelf(form_token: &str, canceled: bool) -> Response {
    let products = PRODUCTS.iter().map(shelf_product).collect();
    page(StatusCode::OK, &Shelf { form_token, canceled, quantity_max: QUANTITY_MAX, products })
}

fn shelf_product(product: &Product) -> ShelfProduct {
    let price = |minor| money(minor, CURRENCY.code());
    ShelfProduct {
        sku: product.sku,
        title: product.title,
        text: product.text,
        price: price(product.unit_minor()),
        parts: product.lines.iter().map(|line| (line.name, price(line.unit_minor))).collect(),
    }
}

/// One payment, with what can be done about it.
pub(super) fn payment(intent: &Intent, refunds: &[Transfer], form_token: &str) -> Response {
    let price = |minor| money(minor, &intent.currency);
    let status = intent.status.as_str();
    let unpaid = status == "requires_checkout" && !intent.cancel_requested;
    page(
        StatusCode::OK,
        &Payment {
            heading: heading(intent),
            moving: is_moving(intent, refunds),
            pay_url: intent.checkout_url.as_deref().filter(|url| unpaid && is_web_url(url)),
            form_token,
            id: &intent.id,
            status,
            order_reference: intent.order_reference.as_deref(),
            currency: &intent.currency,
            amount: price(intent.amount),
            capturable: price(intent.amount_capturable),
            captured: price(intent.amount_captured),
            refunded: price(intent.amount_refunded),
            attempts: intent.attempts.iter().map(|a| (a.connector.as_str(), a.state.as_str())).collect(),
            captures: transfers(&intent.captures, &intent.currency),
            refunds: transfers(refunds, &intent.currency),
            can_capture: status == "requires_capture" && intent.amount_capturable > 0,
            can_cancel: matches!(status, "requires_checkout" | "requires_capture")
                && !intent.cancel_requested,
            can_refund: intent.amount_captured > intent.amount_refunded,
        },
    )
}

fn transfers<'a>(list: &'a [Transfer], currency: &str) -> Vec<(String, &'a str)> {
    list.iter().map(|transfer| (money(transfer.amount, currency), transfer.status.as_str())).collect()
}

fn heading(intent: &Intent) -> String {
    let heading = match intent.status.as_str() {
        "succeeded" if intent.amount_refunded >= intent.amount_captured && intent.amount_captured > 0 => {
            "Your money was given back."
        }
        "succeeded" => "Thank you! Your payment has arrived.",
        "requires_capture" => "Thank you! We charge you when we ship.",
        "processing" => "Checking with the payment processor…",
        "requires_checkout" if intent.attempts.last().is_some_and(|last| last.state == "declined") => {
            "The payment was declined. You can try again."
        }
        "requires_checkout" => "Not paid yet.",
        "canceled" => "The payment was canceled.",
        "expired" => "The time to pay is over.",
        "failed" => "The payment failed. You were not charged.",
        other => return format!("The payment is {other}."),
    };
    heading.to_owned()
}

/// Whether something is under way that will change the page by itself.
fn is_moving(intent: &Intent, refunds: &[Transfer]) -> bool {
    let ended = matches!(intent.status.as_str(), "succeeded" | "canceled" | "expired" | "failed");
    intent.status == "processing"
        || (intent.cancel_requested && !ended)
        || intent.captures.iter().chain(refunds).any(|transfer| transfer.status == "pending")
}

/// The last payments.
pub(super) fn payments(intents: &[Intent]) -> Response {
    page(StatusCode::OK, &Payments { payments: intents.iter().map(payment_row).collect() })
}

fn payment_row(intent: &Intent) -> PaymentRow<'_> {
    PaymentRow {
        id: &intent.id,
        created_at: intent.created_at.as_deref().unwrap_or_default(),
        order_reference: intent.order_reference.as_deref().unwrap_or_default(),
        amount: money(intent.amount, &intent.currency),
        status: &intent.status,
    }
}

/// What was delivered to the shop's endpoint.
pub(super) fn events(hook_url: &str, events: &[Received]) -> Response {
    page(StatusCode::OK, &Events { hook_url, events })
}

/// Why something did not work; `back` is a path of the shop.
pub(super) fn trouble(status: StatusCode, text: &str, back: &str) -> Response {
    page(status, &Trouble { text, back })
}

/// Whether a browser can be sent to this URL.
pub(super) fn is_web_url(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"))
}

fn money(minor: i64, currency: &str) -> String {
    let amount = Currency::parse(currency).and_then(|currency| Money::new(minor, currency));
    amount.map_or_else(|_| format!("{minor} minor units of {currency}"), |amount| amount.to_string())
}

fn page(status: StatusCode, template: &impl Template) -> Response {
    match template.render() {
        Ok(html) => (status, HEADERS, Body::from(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "a page of the demo shop cannot be rendered");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}
