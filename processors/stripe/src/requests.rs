//! What is sent to Stripe: forms with brackets in their names, under a pinned version of its API.
//!
//! Invariant: the same call makes the same bytes. Texts are cut to Stripe's limits; ids never are.

use processor_sdk::{
    Call, CaptureMode, CaptureOrder, CheckoutOrder, Fault, Form, HttpRequest, ReferenceKind, RefundOrder,
    Settings, percent_encoded,
};

use crate::wire::{HUB_ATTEMPT, HUB_CAPTURE, HUB_REFUND};
use crate::{amounts, wire};

/// The version of Stripe's API that this adapter speaks. Without it an account's own default would decide.
/// Later versions rename fields of checkouts that we do not send, such as `ui_mode`.
const VERSION: &str = "2026-02-25.clover";

/// A page is open for at least 30 minutes after Stripe makes it, and this much more for the way there.
const OPEN_S_MIN: i64 = 35 * 60;
/// A page is open for at most 24 hours after Stripe makes it, and this much less for clocks that differ.
const OPEN_S_MAX: i64 = 24 * 60 * 60 - 5 * 60;

/// Stripe's limit for a payment's description.
const DESCRIPTION_CHARS_MAX: usize = 1000;
/// A line's name stands on the shopper's page. Stripe would take more.
const NAME_CHARS_MAX: usize = 250;
/// Stripe's limit for a value of metadata.
const METADATA_CHARS_MAX: usize = 500;
/// A longer text is no address of electronic mail (RFC 5321 §4.5.3.1).
const EMAIL_CHARS_MAX: usize = 254;

/// Languages of the hosted page. Any other is left to the browser.
const LOCALES: [&str; 41] = [
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr",
    "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk",
    "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW", "auto",
];

pub(crate) fn get(call: &Call, path: &str, query: &Form) -> Result<HttpRequest, Fault> {
    Ok(authorized(HttpRequest::get(url(&call.settings, path)?).with_query(query), &call.settings))
}

pub(crate) fn post(call: &Call, path: &str, form: Form) -> Result<HttpRequest, Fault> {
    let request = HttpRequest::post(url(&call.settings, path)?).header("Idempotency-Key", &call.key);
    Ok(authorized(request.with_form(form), &call.settings))
}

fn url(settings: &Settings, path: &str) -> Result<String, Fault> {
    Ok(format!("{}{path}", settings.base_url("base_url")?))
}

fn authorized(request: HttpRequest, settings: &Settings) -> HttpRequest {
    let request = request.bearer("api_key").header("Stripe-Version", VERSION);
    match settings.optional_text("account") {
        Some(account) => request.header("Stripe-Account", account),
        None => request,
    }
}

/// The path of one object of Stripe's, whose id came from outside.
pub(crate) fn path(collection: &str, id: &str) -> String {
    format!("/v1/{collection}/{}", percent_encoded(id))
}

pub(crate) fn payment_path(call: &Call) -> Result<String, Fault> {
    Ok(path("payment_intents", call.require_reference(ReferenceKind::Payment)?))
}

/// One line with the exact total: Stripe would add several up by rules of its own.
pub(crate) fn new_session(call: &Call, order: &CheckoutOrder) -> Result<Form, Fault> {
    let order_reference = order.order_reference.as_deref().map(|text| cut(text, METADATA_CHARS_MAX));
    let description = order.description.as_deref().filter(|text| !text.trim().is_empty());
    let name = description.or(order_reference.as_deref().filter(|text| !text.trim().is_empty()));
    let mut form = Form::new()
        .with("mode", "payment")
        .with("client_reference_id", &call.echo)
        .with("line_items[0][quantity]", "1")
        .with("line_items[0][price_data][currency]", wire::currency_code(call.amount.currency()))
        .with("line_items[0][price_data][unit_amount]", amounts::write(call.amount, "amount")?)
        .with("line_items[0][price_data][product_data][name]", cut(name.unwrap_or("Payment"), NAME_CHARS_MAX))
        .with("success_url", &order.return_url)
        .with("cancel_url", &order.cancel_url)
        .with("expires_at", expires_at(call, order)?)
        // Else the shopper may be charged in another currency than was asked.
        .with("adaptive_pricing[enabled]", "false")
        // A session's metadata is not copied to its payment, and events about either must name the attempt.
        .with(&format!("metadata[{HUB_ATTEMPT}]"), &call.echo)
        .with(&format!("payment_intent_data[metadata][{HUB_ATTEMPT}]"), &call.echo);
    if call.capture == CaptureMode::Manual {
        form = form.with("payment_intent_data[capture_method]", "manual");
    }
    let description = description.map(|text| cut(text, DESCRIPTION_CHARS_MAX));
    let email = order.customer.email.as_deref().filter(|text| is_email(text));
    Ok(form
        .with_some("payment_intent_data[description]", description.as_deref())
        .with_some("metadata[order_reference]", order_reference.as_deref())
        .with_some("payment_intent_data[metadata][order_reference]", order_reference.as_deref())
        .with_some("customer_email", email)
        .with_some("locale", order.shopper.locale.as_deref().and_then(locale)))
}

pub(crate) fn capture(order: &CaptureOrder) -> Result<Form, Fault> {
    Ok(Form::new()
        .with("amount_to_capture", amounts::write(order.amount, "operation.amount")?)
        .with(&format!("metadata[{HUB_CAPTURE}]"), &order.echo))
}

pub(crate) fn new_refund(call: &Call, order: &RefundOrder) -> Result<Form, Fault> {
    let form = Form::new()
        .with("payment_intent", call.require_reference(ReferenceKind::Payment)?)
        .with("amount", amounts::write(order.amount, "operation.amount")?)
        .with(&format!("metadata[{HUB_REFUND}]"), &order.echo)
        .with(&format!("metadata[{HUB_ATTEMPT}]"), &call.echo);
    Ok(match order.reason.as_deref() {
        Some(reason @ ("duplicate" | "fraudulent" | "requested_by_customer")) => form.with("reason", reason),
        // Stripe knows three reasons; a merchant's own words go where people can read them.
        Some(reason) => form.with("metadata[reason]", cut(reason, METADATA_CHARS_MAX)),
        None => form,
    })
}

/// When the page closes, in Unix seconds: with the intent, as far as Stripe allows it.
fn expires_at(call: &Call, order: &CheckoutOrder) -> Result<String, Fault> {
    let at = |seconds| {
        call.created_at
            .checked_add_seconds(seconds)
            .map_err(|_| Fault::cannot_ask("created_at", "must lie in a year that can be counted"))
    };
    Ok(order.expires_at.clamp(at(OPEN_S_MIN)?, at(OPEN_S_MAX)?).as_unix_seconds().to_string())
}

/// Stripe's name for a language: the tag itself, or its language alone.
fn locale(tag: &str) -> Option<&'static str> {
    let known = |tag: &str| LOCALES.into_iter().find(|locale| locale.eq_ignore_ascii_case(tag));
    known(tag).or_else(|| known(tag.split(['-', '_']).next()?))
}

/// Whether a text looks enough like an address that Stripe will not refuse the checkout for it: it only
/// fills in a field.
fn is_email(text: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_graphic() && !"<>()[],;:\\\"".contains(character);
    text.len() <= EMAIL_CHARS_MAX
        && text.chars().all(is_plain)
        && text.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty()
                && !domain.contains('@')
                && domain.contains('.')
                && !domain.starts_with('.')
                && !domain.ends_with('.')
        })
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}
