//! What is sent to Square: JSON under a pinned version of its API, to the address of the connector's mode.
//!
//! Square gives three texts back that we can write ourselves: an order's reference, a payment's note and a
//! refund's reason. They are how what comes back is known to be ours.
//!
//! Invariant: the same call makes the same bytes. Texts are cut to Square's limits; ids never are.

use processor_sdk::{
    Call, CaptureMode, CheckoutOrder, Fault, HttpRequest, Method, Money, RefundOrder, percent_encoded,
};
use serde_json::{Value, json};

use crate::amounts;

/// The version of Square's API that this adapter speaks. Without it the application's own default decides.
const VERSION: &str = "2025-08-20";

/// Where real money moves, and where it does not.
pub(crate) const LIVE_HOST: &str = "connect.squareup.com";
pub(crate) const SANDBOX_HOST: &str = "connect.squareupsandbox.com";

/// Square's limits for texts, in characters. Texts are cut to as many bytes, which is never more.
const NAME_MAX: usize = 512;
const METADATA_MAX: usize = 255;
const REASON_MAX: usize = 192;
const REDIRECT_URL_MAX: usize = 2048;
/// A longer text is no address of electronic mail (RFC 5321 §4.5.3.1). Square would take two more.
const EMAIL_MAX: usize = 254;

/// What our own texts begin with.
const NOTE_ATTEMPT: &str = "hub_attempt=";
const NOTE_TOTAL: &str = "; total=";
const REASON_REFUND: &str = "hub_refund=";
const REASON_TEXT: &str = "; ";

pub(crate) fn get(call: &Call, path: &str) -> Result<HttpRequest, Fault> {
    request(call, Method::Get, path)
}

pub(crate) fn delete(call: &Call, path: &str) -> Result<HttpRequest, Fault> {
    request(call, Method::Delete, path)
}

/// A write. The key stands in the body, as Square wants it.
pub(crate) fn post(call: &Call, path: &str, mut body: Value) -> Result<HttpRequest, Fault> {
    body["idempotency_key"] = json!(call.key);
    Ok(request(call, Method::Post, path)?.json(body))
}

fn request(call: &Call, method: Method, path: &str) -> Result<HttpRequest, Fault> {
    let url = format!("{}{path}", base_url(call)?);
    Ok(HttpRequest::new(method, url).bearer("access_token").header("Square-Version", VERSION))
}

/// Square's address for the connector's mode, unless the operator names another. Nothing in an answer shows
/// which of the two it came from, so that the one for the other mode is refused beforehand.
fn base_url(call: &Call) -> Result<String, Fault> {
    let (ours, others) = if call.livemode { (LIVE_HOST, SANDBOX_HOST) } else { (SANDBOX_HOST, LIVE_HOST) };
    let url = call.settings.optional_text("base_url").map(|url| url.trim_end_matches('/'));
    let is_others = |url: &str| url.split(['/', ':']).any(|part| part.eq_ignore_ascii_case(others));
    match url {
        Some(url) if is_others(url) => {
            let reason = format!("must not be that of the other mode; leave it out for https://{ours}");
            Err(Fault::cannot_ask("settings.base_url", &reason))
        }
        Some(url) => Ok(url.to_owned()),
        None => Ok(format!("https://{ours}")),
    }
}

/// The path of one object of Square's, whose id came from outside.
pub(crate) fn path(collection: &str, id: &str) -> String {
    format!("/v2/{collection}/{}", percent_encoded(id))
}

/// One line with the exact total: Square would add several up, and tax and discount them, by rules of its
/// own. Everything that lets a total grow or shrink on the page is off.
pub(crate) fn new_link(call: &Call, order: &CheckoutOrder) -> Result<Value, Fault> {
    if call.capture == CaptureMode::Manual {
        return Err(Fault::cannot_ask("capture", "must be automatic: Square takes the money at once"));
    }
    if order.return_url.len() > REDIRECT_URL_MAX {
        let reason = format!("must be at most {REDIRECT_URL_MAX} bytes long");
        return Err(Fault::cannot_ask("operation.return_url", &reason));
    }
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let order_reference = given(&order.order_reference);
    let name = given(&order.description).or_else(|| order_reference.clone());
    let mut metadata = json!({"hub_attempt": call.echo});
    if let Some(reference) = &order_reference {
        metadata["order_reference"] = json!(cut(reference, METADATA_MAX));
    }
    let flag = |name| call.settings.flag(name);
    let mut options = json!({
        "redirect_url": order.return_url,
        "allow_tipping": false,
        "ask_for_shipping_address": false,
        "enable_coupon": false,
        "enable_loyalty": false,
        "accepted_payment_methods": {
            "apple_pay": true,
            "google_pay": true,
            "cash_app_pay": flag("cash_app_pay"),
            "afterpay_clearpay": flag("afterpay_clearpay"),
        },
    });
    if let Some(email) = call.settings.optional_text("support_email") {
        options["merchant_support_email"] = json!(email);
    }
    let mut link = json!({
        "order": {
            "location_id": call.settings.text("location_id")?,
            "reference_id": call.echo,
            "metadata": metadata,
            "line_items": [{
                "name": cut(name.as_deref().unwrap_or("Payment"), NAME_MAX),
                "quantity": "1",
                "base_price_money": amounts::write(call.amount, "amount")?,
            }],
            "pricing_options": {"auto_apply_discounts": false, "auto_apply_taxes": false},
        },
        "checkout_options": options,
        "payment_note": note(&call.echo, call.amount),
    });
    if let Some(email) = order.customer.email.as_deref().filter(|text| is_email(text)) {
        link["pre_populated_data"] = json!({"buyer_email": email});
    }
    Ok(link)
}

pub(crate) fn new_refund(payment: &str, order: &RefundOrder) -> Result<Value, Fault> {
    let words = order.reason.as_deref().filter(|text| !text.trim().is_empty());
    let reason = match words {
        Some(words) => format!("{REASON_REFUND}{}{REASON_TEXT}{words}", order.echo),
        None => format!("{REASON_REFUND}{}", order.echo),
    };
    Ok(json!({
        "payment_id": payment,
        "amount_money": amounts::write(order.amount, "operation.amount")?,
        "reason": cut(&reason, REASON_MAX),
    }))
}

/// A payment's note: whose it is, and what its order was for. The shopper may pay an order in parts, and a
/// webhook shows one payment alone: only with the total beside it can a part be told from the whole.
fn note(echo: &str, total: Money) -> String {
    format!("{NOTE_ATTEMPT}{echo}{NOTE_TOTAL}{}", total.minor())
}

/// The echo and the total, in minor units, of a note that we wrote.
pub(crate) fn read_note(note: &str) -> Option<(&str, i64)> {
    let (echo, total) = note.strip_prefix(NOTE_ATTEMPT)?.split_once(NOTE_TOTAL)?;
    Some((echo, total.parse().ok()?)).filter(|_| is_echo(echo))
}

/// The echo in a refund's reason that we wrote.
pub(crate) fn read_reason(reason: &str) -> Option<&str> {
    let ours = reason.strip_prefix(REASON_REFUND)?;
    let echo = ours.split_once(REASON_TEXT).map_or(ours, |(echo, _)| echo);
    Some(echo).filter(|echo| is_echo(echo))
}

/// Whether a text can be an echo of ours: 1–20 characters of `[0-9a-z]`.
fn is_echo(text: &str) -> bool {
    let is_ours = |byte: u8| byte.is_ascii_digit() || byte.is_ascii_lowercase();
    (1..=20).contains(&text.len()) && text.bytes().all(is_ours)
}

/// Whether a text looks enough like an address that Square will not refuse the checkout for it: it only
/// fills in a field.
fn is_email(text: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_graphic() && !"<>()[],;:\\\"".contains(character);
    let is_label = |label: &str| !label.is_empty() && !label.starts_with('-') && !label.ends_with('-');
    text.len() <= EMAIL_MAX
        && text.chars().all(is_plain)
        && text.split_once('@').is_some_and(|(name, domain)| {
            !name.is_empty()
                && !domain.contains('@')
                && domain.contains('.')
                && domain.split('.').all(is_label)
        })
}

/// A text of at most as many bytes, whole characters only.
fn cut(text: &str, bytes_max: usize) -> &str {
    &text[..text.floor_char_boundary(bytes_max)]
}
