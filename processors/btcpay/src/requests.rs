//! What is sent to BTCPay Server: JSON, to the paths of one store.
//!
//! Invariant: the same call makes the same bytes. Texts are cut to what people read; ids never are. Nothing
//! about the customer is sent: an invoice needs none of it, and BTCPay shows its metadata in many places.

use processor_sdk::{
    Auth, Call, CheckoutOrder, Fault, HttpRequest, RefundOrder, SecretRef, Settings, percent_encoded,
};
use serde_json::{Map, Value, json};

use crate::amounts;

/// The name in an invoice's metadata under which our id comes back. It stands in `orderId` too, which can be
/// searched for; but other shops of the same store write there as well.
pub(crate) const HUB_ATTEMPT: &str = "hub_attempt";

/// What the merchant and the shopper see as the purpose.
const DESCRIPTION_CHARS_MAX: usize = 500;
/// The cart's own order number, for the merchant's search.
const ORDER_REFERENCE_CHARS_MAX: usize = 200;
/// The merchant's reason for a refund, on the page where it is claimed.
const REASON_CHARS_MAX: usize = 500;
/// Longer than any language tag in use.
const LOCALE_CHARS_MAX: usize = 35;
/// How long a price may stand, in minutes. The longer, the more the shopper gains by waiting for the rate.
pub(crate) const INVOICE_MINUTES: [&str; 9] = ["5", "10", "15", "20", "30", "45", "60", "120", "1440"];

pub(crate) fn get(call: &Call, path: &str) -> Result<HttpRequest, Fault> {
    Ok(authorized(HttpRequest::get(url(&call.settings, path)?)))
}

pub(crate) fn post(call: &Call, path: &str, body: Value) -> Result<HttpRequest, Fault> {
    Ok(authorized(HttpRequest::post(url(&call.settings, path)?).json(body)))
}

fn url(settings: &Settings, path: &str) -> Result<String, Fault> {
    Ok(format!("{}/api/v1{path}", settings.base_url("base_url")?))
}

/// `Authorization: token …`, which is not a bearer token.
fn authorized(request: HttpRequest) -> HttpRequest {
    request.auth(Auth::Header {
        name: "Authorization".to_owned(),
        prefix: "token ".to_owned(),
        secret: SecretRef::named("api_key"),
    })
}

/// The path of something in the store; this form is understood by every version of BTCPay.
pub(crate) fn in_store(call: &Call, collection: &str) -> Result<String, Fault> {
    Ok(format!("/stores/{}/{collection}", percent_encoded(call.settings.text("store_id")?)))
}

pub(crate) fn invoice(call: &Call, id: &str) -> Result<String, Fault> {
    Ok(format!("{}/{}", in_store(call, "invoices")?, percent_encoded(id)))
}

pub(crate) fn pull_payment(id: &str) -> String {
    format!("/pull-payments/{}", percent_encoded(id))
}

pub(crate) fn new_invoice(call: &Call, order: &CheckoutOrder) -> Result<Value, Fault> {
    let settings = &call.settings;
    let mut metadata = json!({ "orderId": call.echo, HUB_ATTEMPT: call.echo });
    put(&mut metadata, "itemDesc", shown(order.description.as_deref(), DESCRIPTION_CHARS_MAX));
    let order_reference = shown(order.order_reference.as_deref(), ORDER_REFERENCE_CHARS_MAX);
    put(&mut metadata, "order_reference", order_reference.clone());
    let mut checkout = json!({
        "redirectURL": order.return_url,
        "redirectAutomatically": true,
        // The store's tolerance would close the page although money is missing.
        "paymentTolerance": 0,
    });
    put(&mut checkout, "expirationMinutes", minutes(call, order)?);
    put(&mut checkout, "speedPolicy", settings.optional_text("speed_policy"));
    put(&mut checkout, "paymentMethods", listed(settings, "payment_methods"));
    put(&mut checkout, "defaultLanguage", order.shopper.locale.as_deref().filter(|tag| is_language(tag)));
    let mut invoice = json!({
        // Without an amount, any payment would settle the invoice.
        "amount": amounts::write(call.amount, "amount")?,
        "currency": call.amount.currency().code(),
        "metadata": metadata,
        "checkout": checkout,
    });
    put(&mut invoice, "additionalSearchTerms", order_reference.map(|term| vec![term]));
    Ok(invoice)
}

/// A refund of so much of the invoice's own currency, at the rate of the day on which it is paid out.
pub(crate) fn new_refund(call: &Call, order: &RefundOrder) -> Result<Value, Fault> {
    let mut refund = json!({
        "name": refund_name(&order.echo),
        "refundVariant": "Custom",
        "customAmount": amounts::write(order.amount, "operation.amount")?,
        "customCurrency": order.amount.currency().code(),
    });
    put(&mut refund, "description", shown(order.reason.as_deref(), REASON_CHARS_MAX));
    put(&mut refund, "payoutMethods", listed(&call.settings, "payout_methods"));
    Ok(refund)
}

/// The name by which a refund is found again. BTCPay allows 50 characters; this has 27 at most.
pub(crate) fn refund_name(echo: &str) -> String {
    format!("Refund {echo}")
}

/// How long the price stands, where the operator wants it otherwise than the store does: never longer than the
/// intent itself.
fn minutes(call: &Call, order: &CheckoutOrder) -> Result<Option<i64>, Fault> {
    let Some(text) = call.settings.optional_text("invoice_minutes") else { return Ok(None) };
    let wanted = text.parse::<i64>().ok().filter(|_| INVOICE_MINUTES.contains(&text)).ok_or_else(|| {
        let reason = format!("must be one of: {}", INVOICE_MINUTES.join(", "));
        Fault::cannot_ask("settings.invoice_minutes", &reason)
    })?;
    let left = order.expires_at.seconds_since(call.created_at) / 60;
    Ok(Some(wanted.min(left).max(1)))
}

/// The texts of a setting that lists them with commas.
fn listed(settings: &Settings, name: &str) -> Option<Vec<String>> {
    let parts = settings.optional_text(name)?.split(',').map(str::trim).filter(|part| !part.is_empty());
    let parts: Vec<_> = parts.map(str::to_owned).collect();
    (!parts.is_empty()).then_some(parts)
}

fn shown(text: Option<&str>, chars_max: usize) -> Option<String> {
    let text = text?.trim();
    (!text.is_empty()).then(|| text.chars().take(chars_max).collect())
}

fn is_language(tag: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || character == '-';
    (1..=LOCALE_CHARS_MAX).contains(&tag.len()) && tag.chars().all(is_plain)
}

fn put(object: &mut Value, name: &str, value: Option<impl Into<Value>>) {
    let fields: Option<&mut Map<_, _>> = object.as_object_mut();
    if let (Some(fields), Some(value)) = (fields, value) {
        fields.insert(name.to_owned(), value.into());
    }
}
