//! What is sent to Mollie: JSON under `/v2`, each write with its idempotency key.
//!
//! Invariant: the same call makes the same bytes. Texts are cut to Mollie's limits; ids never are.

use processor_sdk::{
    Call, CaptureMode, CaptureOrder, CheckoutOrder, Fault, Form, HttpRequest, Method, RefundOrder,
    percent_encoded,
};
use serde_json::{Map, Value, json};

use crate::amounts;
use crate::wire::{HUB_ATTEMPT, HUB_CAPTURE, HUB_REFUND};

/// Mollie's limit for a payment's description. What a bank shows of it depends on the method.
const DESCRIPTION_CHARS_MAX: usize = 255;
/// Metadata may be about 1 kB in all; a character may take twelve bytes of it.
const METADATA_CHARS_MAX: usize = 64;
/// Methods in one setting: more than Mollie has.
const METHODS_MAX: usize = 60;

/// Languages of the hosted page; of a language alone, the first. Any other is left to the browser.
const LOCALES: [&str; 24] = [
    "en_US", "en_GB", "nl_NL", "nl_BE", "fr_FR", "fr_BE", "fr_LU", "de_DE", "de_AT", "de_CH", "de_LU",
    "es_ES", "ca_ES", "pt_PT", "it_IT", "nb_NO", "sv_SE", "fi_FI", "da_DK", "is_IS", "hu_HU", "pl_PL",
    "lv_LV", "lt_LT",
];

pub(crate) fn get(call: &Call, path: &str, query: &Form) -> Result<HttpRequest, Fault> {
    let query = if is_test_by_token(call) { query.clone().with("testmode", "true") } else { query.clone() };
    Ok(HttpRequest::get(url(call, path)?).with_query(&query).bearer("api_key"))
}

/// Mollie acts upon the key of a POST; whether it heeds that of a DELETE is not certain, and it does no harm.
pub(crate) fn write(
    call: &Call,
    method: Method,
    path: &str,
    mut body: Map<String, Value>,
) -> Result<HttpRequest, Fault> {
    if is_test_by_token(call) {
        body.insert("testmode".to_owned(), json!(true));
    }
    let request =
        HttpRequest::new(method, url(call, path)?).bearer("api_key").header("Idempotency-Key", &call.key);
    Ok(if body.is_empty() && method == Method::Delete { request } else { request.json(Value::Object(body)) })
}

fn url(call: &Call, path: &str) -> Result<String, Fault> {
    Ok(format!("{}/v2/{path}", call.settings.base_url("base_url")?))
}

/// The profile that an organization's token pays for. An API key belongs to one profile and one mode, and
/// Mollie refuses to be told either of them again.
pub(crate) fn profile(call: &Call) -> Option<&str> {
    call.settings.optional_text("profile_id")
}

fn is_test_by_token(call: &Call) -> bool {
    profile(call).is_some() && !call.livemode
}

/// The path of a payment, or of what belongs to one. Ids come from outside.
pub(crate) fn payment(id: &str, rest: &str) -> String {
    format!("payments/{}{rest}", percent_encoded(id))
}

pub(crate) fn new_payment(call: &Call, order: &CheckoutOrder) -> Result<Map<String, Value>, Fault> {
    let given = |text: &Option<String>| text.clone().filter(|text| !text.trim().is_empty());
    let reference = given(&order.order_reference);
    let description =
        given(&order.description).or_else(|| reference.clone()).unwrap_or_else(|| "Payment".to_owned());
    let mut metadata = Map::from_iter([(HUB_ATTEMPT.to_owned(), json!(call.echo))]);
    if let Some(reference) = &reference {
        metadata.insert("order_reference".to_owned(), json!(cut(reference, METADATA_CHARS_MAX)));
    }
    let is_manual = call.capture == CaptureMode::Manual;
    let methods = methods(call, if is_manual { "manual_methods" } else { "methods" })?;
    let optional = [
        ("webhookUrl", webhook_url(call, order)?.map(Value::String)),
        ("captureMode", is_manual.then(|| json!("manual"))),
        ("method", methods.map(|methods| json!(methods))),
        ("locale", order.shopper.locale.as_deref().and_then(locale).map(|locale| json!(locale))),
        ("profileId", profile(call).map(|profile| json!(profile))),
    ];
    let mut body = Map::from_iter([
        ("amount".to_owned(), amounts::write(call.amount, "amount")?),
        ("description".to_owned(), json!(cut(&description, DESCRIPTION_CHARS_MAX))),
        ("redirectUrl".to_owned(), json!(order.return_url)),
        ("cancelUrl".to_owned(), json!(order.cancel_url)),
        ("metadata".to_owned(), Value::Object(metadata)),
    ]);
    body.extend(optional.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    Ok(body)
}

/// Where Mollie calls when this payment changes. Our own id is part of it: a call may come before the answer
/// that tells us Mollie's.
fn webhook_url(call: &Call, order: &CheckoutOrder) -> Result<Option<String>, Fault> {
    if call.settings.text("webhooks")? != "classic" {
        return Ok(None);
    }
    let separator = if order.webhook_url.contains('?') { '&' } else { '?' };
    Ok(Some(format!("{}{separator}{HUB_ATTEMPT}={}", order.webhook_url, call.echo)))
}

/// The methods that the page may show; `None` where Mollie chooses. Always a list: a single name would skip
/// Mollie's own page and lead straight to a bank's.
fn methods<'c>(call: &'c Call, setting: &str) -> Result<Option<Vec<&'c str>>, Fault> {
    let Some(text) = call.settings.optional_text(setting).filter(|text| !text.trim().is_empty()) else {
        return Ok(None);
    };
    let methods: Vec<_> = text.split(',').map(str::trim).collect();
    let is_name = |name: &&str| {
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    if methods.len() > METHODS_MAX || !methods.iter().all(is_name) {
        let reason = "must be names of Mollie's methods with commas between them, such as ideal,creditcard";
        return Err(Fault::cannot_ask(&format!("settings.{setting}"), reason));
    }
    Ok(Some(methods))
}

pub(crate) fn new_capture(order: &CaptureOrder) -> Result<Map<String, Value>, Fault> {
    Ok(Map::from_iter([
        ("amount".to_owned(), amounts::write(order.amount, "operation.amount")?),
        ("metadata".to_owned(), json!({HUB_CAPTURE: order.echo})),
    ]))
}

/// A release of all that is not captured. It has nothing to say but, with a token, whose payment it is.
pub(crate) fn release(call: &Call) -> Map<String, Value> {
    profile(call).map(|profile| ("profileId".to_owned(), json!(profile))).into_iter().collect()
}

pub(crate) fn new_refund(call: &Call, order: &RefundOrder) -> Result<Map<String, Value>, Fault> {
    let mut body = Map::from_iter([
        ("amount".to_owned(), amounts::write(order.amount, "operation.amount")?),
        ("metadata".to_owned(), json!({HUB_REFUND: order.echo, HUB_ATTEMPT: call.echo})),
    ]);
    if let Some(reason) = order.reason.as_deref().filter(|reason| !reason.trim().is_empty()) {
        body.insert("description".to_owned(), json!(cut(reason, DESCRIPTION_CHARS_MAX)));
    }
    Ok(body)
}

/// Mollie's name for a language: the tag itself, or the first of its language.
fn locale(tag: &str) -> Option<&'static str> {
    let tag = tag.replace('-', "_");
    let language = tag.split('_').next()?;
    let same = |locale: &&str| locale.eq_ignore_ascii_case(&tag);
    let related = |locale: &&str| locale[..2].eq_ignore_ascii_case(language);
    LOCALES.into_iter().find(same).or_else(|| LOCALES.into_iter().find(related))
}

fn cut(text: &str, chars_max: usize) -> String {
    text.chars().take(chars_max).collect()
}
