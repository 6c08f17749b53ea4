//! What is sent to Adyen: JSON under one merchant account, to an address that each company has for itself.
//!
//! Source: Adyen's published API description, Checkout v72, and "Live endpoints" (docs.adyen.com).
//!
//! Invariant: the same call makes the same bytes. Texts are cut to Adyen's limits; ids never are.

use processor_sdk::{
    Auth, Call, CaptureMode, CaptureOrder, CheckoutOrder, Fault, Form, HttpRequest, Method, ReferenceKind,
    RefundOrder, SecretRef, Settings, Timestamp, percent_encoded,
};
use serde_json::{Map, Value, json};

use crate::amounts;

/// Adyen's test address is the same for everybody.
const TEST_HOST: &str = "checkout-test.adyen.com";
/// Live addresses begin with a prefix for each company.
const LIVE_HOST_END: &str = "-checkout-live.adyenpayments.com";

/// A page is open this long at least. Adyen names no minimum, but one in the past would be refused.
const OPEN_S_MIN: i64 = 5 * 60;
/// A link is open for at most 70 days after it is made, and this much less for clocks that differ.
const LINK_OPEN_S_MAX: i64 = 70 * 24 * 60 * 60 - 60 * 60;
/// A session is open for at most 24 hours after it is made, and this much less for clocks that differ.
const SESSION_OPEN_S_MAX: i64 = 24 * 60 * 60 - 5 * 60;

/// Adyen's limit for the URL behind a link's "Continue" button.
const LINK_RETURN_URL_CHARS_MAX: usize = 8_000;
/// Adyen's limit for the URL that a session returns to.
const SESSION_RETURN_URL_CHARS_MAX: usize = 1_024;
/// Adyen's limit for a link's description.
const DESCRIPTION_CHARS_MAX: usize = 280;
/// Adyen's limit for a value of metadata; names may have 20 characters.
const METADATA_CHARS_MAX: usize = 80;
/// A longer text is no address of electronic mail (RFC 5321 §4.5.3.1); Adyen would take 500.
const EMAIL_CHARS_MAX: usize = 254;
/// A longer result of a session is none: the URL that carries it has its limits too.
const SESSION_RESULT_CHARS_MAX: usize = 2_048;

/// Stands between our ids in the reference of a capture or refund. No id of ours holds one.
pub(crate) const REFERENCE_SEPARATOR: char = '-';

pub(crate) fn get(call: &Call, path: &str, query: &Form) -> Result<HttpRequest, Fault> {
    Ok(request(call, Method::Get, path)?.with_query(query))
}

/// A write. Adyen keeps keys of POSTs; a PATCH is the same however often it is sent, and carries one too.
pub(crate) fn write(call: &Call, method: Method, path: &str, body: Value) -> Result<HttpRequest, Fault> {
    Ok(request(call, method, path)?.header("Idempotency-Key", &call.key).json(body))
}

fn request(call: &Call, method: Method, path: &str) -> Result<HttpRequest, Fault> {
    let auth = Auth::Header {
        name: "X-API-Key".to_owned(),
        prefix: String::new(),
        secret: SecretRef::named("api_key"),
    };
    Ok(HttpRequest::new(method, format!("{}{path}", base_url(call)?)).auth(auth))
}

/// The API's address. Which of Adyen's it is decides whether real money moves, so it has to be that of the
/// connector's mode; and live addresses have one segment more, which is easily forgotten.
fn base_url(call: &Call) -> Result<&str, Fault> {
    let base = call.settings.base_url("base_url")?;
    let (host, path) = host_and_path(base);
    let (is_test, is_live) = (host == TEST_HOST, host.ends_with(LIVE_HOST_END));
    let reason = match () {
        () if is_test && call.livemode => {
            "is Adyen's test address, but the connector's mode is live: take the one with your own prefix"
        }
        () if is_live && !call.livemode => {
            "is a live address of Adyen's, but the connector's mode is test: take \
             https://checkout-test.adyen.com/v72"
        }
        () if is_test && !path.starts_with("/v") => "must end with the API's version, such as /v72",
        () if is_live && !path.starts_with("/checkout/v") => "must end with /checkout/v72 in live mode",
        () => return Ok(base),
    };
    Err(Fault::cannot_ask("settings.base_url", reason))
}

/// Host in lower case and path of a URL that the host program has checked to be one.
fn host_and_path(url: &str) -> (String, &str) {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    let host = authority.split(':').next().unwrap_or_default();
    (host.to_ascii_lowercase(), path)
}

/// The path of one payment link or session, whose id came from outside.
pub(crate) fn page_path(collection: &str, id: &str) -> String {
    format!("/{collection}/{}", percent_encoded(id))
}

/// The path of what is done to a payment. Adyen's webhook named it.
pub(crate) fn payment_path(call: &Call, action: &str) -> Result<String, Fault> {
    let payment = call.require_reference(ReferenceKind::Payment)?;
    Ok(format!("/payments/{}/{action}", percent_encoded(payment)))
}

/// A page that the shopper is sent to and that is paid at once.
pub(crate) fn new_link(call: &Call, order: &CheckoutOrder) -> Result<Value, Fault> {
    let mut body = new_page(call, order, LINK_RETURN_URL_CHARS_MAX, LINK_OPEN_S_MAX)?;
    if let Some(text) = order.description.as_deref().filter(|text| !text.trim().is_empty()) {
        body.insert("description".to_owned(), cut(text, DESCRIPTION_CHARS_MAX).into());
    }
    if call.capture == CaptureMode::Manual {
        body.insert("manualCapture".to_owned(), true.into());
    }
    Ok(Value::Object(body))
}

/// A page from which the shopper is sent back.
pub(crate) fn new_session(call: &Call, order: &CheckoutOrder) -> Result<Value, Fault> {
    let mut body = new_page(call, order, SESSION_RETURN_URL_CHARS_MAX, SESSION_OPEN_S_MAX)?;
    body.insert("mode".to_owned(), "hosted".into());
    if call.capture == CaptureMode::Manual {
        body.insert("additionalData".to_owned(), json!({"manualCapture": "true"}));
    }
    Ok(Value::Object(body))
}

/// What links and sessions share.
fn new_page(
    call: &Call,
    order: &CheckoutOrder,
    return_url_chars_max: usize,
    open_s_max: i64,
) -> Result<Map<String, Value>, Fault> {
    if order.return_url.chars().count() > return_url_chars_max {
        let reason = format!("must have at most {return_url_chars_max} characters");
        return Err(Fault::cannot_ask("operation.return_url", &reason));
    }
    let mut body = Map::new();
    let mut put = |name: &str, value: Value| body.insert(name.to_owned(), value);
    put("merchantAccount", merchant_account(&call.settings)?.into());
    // Comes back in every webhook, and the signature covers it.
    put("reference", call.echo.clone().into());
    put("amount", amounts::write(call.amount, "amount")?);
    put("returnUrl", order.return_url.clone().into());
    put("expiresAt", expires_at(call, order.expires_at, open_s_max)?.into());
    if call.capture == CaptureMode::Automatic {
        // Else the account's own default decides whether the money is ever taken.
        put("captureDelayHours", 0.into());
    }
    if let Some(country) = order.customer.country.as_deref().filter(|text| is_country(text)) {
        put("countryCode", country.into());
    }
    if let Some(locale) = order.shopper.locale.as_deref().and_then(locale) {
        put("shopperLocale", locale.into());
    }
    if let Some(email) = order.customer.email.as_deref().filter(|text| is_email(text)) {
        put("shopperEmail", email.into());
    }
    if let Some(text) = order.order_reference.as_deref().filter(|text| !text.trim().is_empty()) {
        put("metadata", json!({"order_reference": cut(text, METADATA_CHARS_MAX)}));
    }
    Ok(body)
}

/// The account that is paid, and whose webhooks are ours.
pub(crate) fn merchant_account(settings: &Settings) -> Result<&str, Fault> {
    let account = settings.text("merchant_account")?;
    if account.trim().is_empty() {
        return Err(Fault::cannot_ask("settings.merchant_account", "must not be blank"));
    }
    Ok(account)
}

pub(crate) fn capture(call: &Call, order: &CaptureOrder) -> Result<Value, Fault> {
    Ok(json!({
        "merchantAccount": merchant_account(&call.settings)?,
        "amount": amounts::write(order.amount, "operation.amount")?,
        "reference": transfer_reference(call, &order.echo),
    }))
}

pub(crate) fn refund(call: &Call, order: &RefundOrder) -> Result<Value, Fault> {
    let mut body = json!({
        "merchantAccount": merchant_account(&call.settings)?,
        "amount": amounts::write(order.amount, "operation.amount")?,
        "reference": transfer_reference(call, &order.echo),
    });
    if let Some(reason) = order.reason.as_deref().filter(|reason| !reason.trim().is_empty()) {
        body["merchantRefundReason"] = refund_reason(reason).into();
    }
    Ok(body)
}

/// Adyen knows five reasons; a merchant's own words are none of them.
fn refund_reason(reason: &str) -> &'static str {
    match reason {
        "duplicate" => "DUPLICATE",
        "fraudulent" => "FRAUD",
        "requested_by_customer" => "CUSTOMER REQUEST",
        "returned" => "RETURN",
        _ => "OTHER",
    }
}

/// Where and how to release an authorization: by Adyen's id of it, or by ours where none was ever heard of.
pub(crate) fn void(call: &Call) -> Result<(String, Value), Fault> {
    let account = merchant_account(&call.settings)?;
    if call.reference(ReferenceKind::Payment).is_some() {
        let body = json!({"merchantAccount": account, "reference": call.echo});
        return Ok((payment_path(call, "cancels")?, body));
    }
    let body = json!({"merchantAccount": account, "paymentReference": call.echo, "reference": call.echo});
    Ok(("/cancels".to_owned(), body))
}

/// Our ids of the attempt and of the transfer: both come back under the webhook's signature, so that a
/// transfer is found even where nothing else of the payment was ever heard. At most 41 of Adyen's 80 characters.
fn transfer_reference(call: &Call, echo: &str) -> String {
    format!("{}{REFERENCE_SEPARATOR}{echo}", call.echo)
}

/// What the session's look-up wants to know of the shopper's return.
pub(crate) fn session_query(session_result: &str) -> Result<Form, Fault> {
    if session_result.len() > SESSION_RESULT_CHARS_MAX {
        let reason = format!("holds a sessionResult of more than {SESSION_RESULT_CHARS_MAX} characters");
        return Err(Fault::cannot_ask("operation.return_parameters", &reason));
    }
    Ok(Form::new().with("sessionResult", session_result))
}

/// When the page closes: with the intent, as far as Adyen allows it.
fn expires_at(call: &Call, wanted: Timestamp, open_s_max: i64) -> Result<String, Fault> {
    let at = |seconds| {
        call.created_at
            .checked_add_seconds(seconds)
            .map_err(|_| Fault::cannot_ask("created_at", "must lie in a year that can be counted"))
    };
    let seconds = wanted.clamp(at(OPEN_S_MIN)?, at(open_s_max)?).as_unix_seconds();
    let whole = Timestamp::from_unix_seconds(seconds)
        .map_err(|_| Fault::cannot_ask("created_at", "must lie in a year that can be counted"))?;
    // Adyen writes the offset out.
    Ok(whole.to_rfc3339().replace('Z', "+00:00"))
}

fn is_country(text: &str) -> bool {
    text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

/// Adyen's form of a language: with a country, such as `nl-NL`. Any other is left to the browser.
fn locale(tag: &str) -> Option<String> {
    let (language, country) = tag.split_once(['-', '_'])?;
    let is_language = language.len() == 2 && language.bytes().all(|byte| byte.is_ascii_lowercase());
    (is_language && is_country(country)).then(|| format!("{language}-{country}"))
}

/// Whether a text looks enough like an address that Adyen will not refuse the checkout for it: it only
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
