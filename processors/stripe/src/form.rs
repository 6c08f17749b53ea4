//! What we ask of Stripe, as form fields with brackets for what is inside what.
//! <https://docs.stripe.com/api/checkout/sessions/create>

use processor_sdk::{Call, CaptureMode, CaptureOrder, CheckoutOrder, Fault, ReferenceKind, RefundOrder};

use crate::amounts::to_stripe;

/// Names of our echoes in the metadata of a payment intent, of a capture of it, and of a refund.
pub(crate) const ATTEMPT_ECHO: &str = "hub_attempt";
pub(crate) const CAPTURE_ECHO: &str = "hub_capture";
pub(crate) const REFUND_ECHO: &str = "hub_refund";

/// Stripe's limits for a product's name and a payment's description, in characters.
const NAME_CHARACTERS_MAX: usize = 250;
const DESCRIPTION_CHARACTERS_MAX: usize = 1_000;
/// How long a page may be open, in seconds: Stripe takes 30 minutes to 24 hours from when it hears of it.
/// The lower one leaves half an hour in which a repeat still fits, the upper one five minutes in which the
/// two clocks may differ.
const OPEN_S: (i64, i64) = (60 * 60, 24 * 60 * 60 - 5 * 60);
/// The languages of Stripe's page, beside `auto`.
const LOCALES: [&str; 40] = [
    "bg", "cs", "da", "de", "el", "en", "en-GB", "es", "es-419", "et", "fi", "fil", "fr", "fr-CA", "hr",
    "hu", "id", "it", "ja", "ko", "lt", "lv", "ms", "mt", "nb", "nl", "pl", "pt", "pt-BR", "ro", "ru", "sk",
    "sl", "sv", "th", "tr", "vi", "zh", "zh-HK", "zh-TW",
];

pub(crate) type Fields = Vec<(&'static str, String)>;

/// One line with the exact total: Stripe takes no negative line, and its taxes and discounts are not used.
pub(crate) fn new_session(call: &Call, order: &CheckoutOrder) -> Result<Fields, Fault> {
    let name = order.description.clone().filter(|text| !text.trim().is_empty());
    let name = name.or_else(|| order.order_reference.as_ref().map(|number| format!("Order {number}")));
    let name = name.unwrap_or_else(|| "Payment".to_owned());
    let mut fields = vec![
        ("mode", "payment".to_owned()),
        ("client_reference_id", call.echo.clone()),
        ("line_items[0][quantity]", "1".to_owned()),
        ("line_items[0][price_data][currency]", call.amount.currency().code().to_ascii_lowercase()),
        ("line_items[0][price_data][unit_amount]", to_stripe("amount", call.amount)?),
        ("line_items[0][price_data][product_data][name]", cut(&name, NAME_CHARACTERS_MAX)),
        // A session's metadata is not that of its payment, which refunds and captures are found by.
        ("metadata[hub_attempt]", call.echo.clone()),
        ("payment_intent_data[metadata][hub_attempt]", call.echo.clone()),
        // The shopper pays the amount and currency that were asked, whatever the country.
        ("adaptive_pricing[enabled]", "false".to_owned()),
        ("success_url", order.return_url.clone()),
        ("cancel_url", order.cancel_url.clone()),
        ("expires_at", expires_at(call, order).to_string()),
    ];
    if let CaptureMode::Manual = call.capture {
        fields.push(("payment_intent_data[capture_method]", "manual".to_owned()));
    }
    if let Some(description) = &order.description {
        fields.push(("payment_intent_data[description]", cut(description, DESCRIPTION_CHARACTERS_MAX)));
    }
    if let Some(email) = &order.customer.email {
        fields.push(("customer_email", email.clone()));
    }
    if let Some(locale) = order.shopper.locale.as_deref().and_then(locale) {
        fields.push(("locale", locale.to_owned()));
    }
    Ok(fields)
}

pub(crate) fn capture(order: &CaptureOrder) -> Result<Fields, Fault> {
    Ok(vec![
        ("amount_to_capture", to_stripe("operation.amount", order.amount)?),
        ("metadata[hub_capture]", order.echo.clone()),
    ])
}

pub(crate) fn refund(call: &Call, order: &RefundOrder) -> Result<Fields, Fault> {
    let mut fields = vec![
        ("payment_intent", call.require_reference(ReferenceKind::Payment)?.to_owned()),
        ("amount", to_stripe("operation.amount", order.amount)?),
        ("metadata[hub_refund]", order.echo.clone()),
    ];
    // Stripe knows three reasons; any other stays with the hub.
    if let Some(reason @ ("duplicate" | "fraudulent" | "requested_by_customer")) = order.reason.as_deref() {
        fields.push(("reason", reason.to_owned()));
    }
    Ok(fields)
}

fn expires_at(call: &Call, order: &CheckoutOrder) -> i64 {
    let created_at = call.created_at.as_unix_seconds();
    let (shortest, longest) = OPEN_S;
    order
        .expires_at
        .as_unix_seconds()
        .clamp(created_at.saturating_add(shortest), created_at.saturating_add(longest))
}

/// The page's language for a shopper's: the same, or the same without its country.
fn locale(tag: &str) -> Option<&'static str> {
    let language = tag.split(['-', '_']).next().unwrap_or(tag);
    let known = |wanted: &str| LOCALES.into_iter().find(|locale| locale.eq_ignore_ascii_case(wanted));
    known(&tag.replace('_', "-")).or_else(|| known(language))
}

fn cut(text: &str, characters_max: usize) -> String {
    text.chars().take(characters_max).collect()
}
