//! What is sent to PayPal: JSON, under a token that the host fetches, to the API of the connector's mode.
//!
//! Invariant: the same call makes the same bytes. Texts are cut to PayPal's limits; ids never are.

use processor_sdk::{
    Auth, Call, CaptureMode, CaptureOrder, CheckoutOrder, Delivery, Fault, HttpRequest, OAuthClientStyle,
    Part, ReferenceKind, RefundOrder, SecretRef, Settings, percent_encoded,
};
use serde_json::{Value, json};

use crate::amounts;

pub(crate) const LIVE_HOST: &str = "api-m.paypal.com";
pub(crate) const SANDBOX_HOST: &str = "api-m.sandbox.paypal.com";

/// PayPal's limit for a description and for a brand name.
const TEXT_UNITS_MAX: usize = 127;
/// PayPal's limit for a language tag.
const LOCALE_BYTES_MAX: usize = 10;

/// Whose connector asks, and in which mode.
#[derive(Clone, Copy)]
pub(crate) struct Api<'a> {
    settings: &'a Settings,
    livemode: bool,
}

impl<'a> Api<'a> {
    pub(crate) const fn of_call(call: &'a Call) -> Self {
        Self { settings: &call.settings, livemode: call.livemode }
    }

    pub(crate) const fn of_delivery(delivery: &'a Delivery) -> Self {
        Self { settings: &delivery.settings, livemode: delivery.livemode }
    }

    pub(crate) fn get(self, path: &str) -> Result<HttpRequest, Fault> {
        Ok(HttpRequest::get(format!("{}{path}", self.base())).auth(self.auth()?))
    }

    pub(crate) fn post(self, call: &Call, path: &str, body: Value) -> Result<HttpRequest, Fault> {
        Ok(self.write(call, path)?.json(body))
    }

    /// A write that has no body; PayPal wants to hear its type all the same.
    pub(crate) fn post_nothing(self, call: &Call, path: &str) -> Result<HttpRequest, Fault> {
        Ok(self.write(call, path)?.header("Content-Type", "application/json"))
    }

    /// A write under the operation's key. Without `Prefer` PayPal answers with an id and no capture.
    fn write(self, call: &Call, path: &str) -> Result<HttpRequest, Fault> {
        Ok(HttpRequest::post(format!("{}{path}", self.base()))
            .auth(self.auth()?)
            .header("PayPal-Request-Id", &call.key)
            .header("Prefer", "return=representation"))
    }

    /// The operator's own address, or that of the connector's mode: a test connector never asks the live API.
    fn base(self) -> String {
        match self.settings.optional_text("base_url") {
            Some(url) => url.trim_end_matches('/').to_owned(),
            None => format!("https://{}", if self.livemode { LIVE_HOST } else { SANDBOX_HOST }),
        }
    }

    fn auth(self) -> Result<Auth, Fault> {
        Ok(Auth::OAuth2 {
            token_url: format!("{}/v1/oauth2/token", self.base()),
            client_id: Part::text(self.settings.text("client_id")?),
            client_secret: SecretRef::named("client_secret"),
            style: OAuthClientStyle::Basic,
            scope: None,
        })
    }
}

/// The path of one object of PayPal's, whose id came from outside.
pub(crate) fn path(collection: &str, id: &str) -> String {
    format!("/{collection}/{}", percent_encoded(id))
}

pub(crate) fn order_path(call: &Call) -> Result<String, Fault> {
    Ok(path("v2/checkout/orders", call.require_reference(ReferenceKind::Order)?))
}

pub(crate) fn authorization_path(id: &str) -> String {
    path("v2/payments/authorizations", id)
}

pub(crate) fn capture_path(id: &str) -> String {
    path("v2/payments/captures", id)
}

pub(crate) fn refund_path(id: &str) -> String {
    path("v2/payments/refunds", id)
}

pub(crate) fn dispute_path(id: &str) -> String {
    path("v1/customer/disputes", id)
}

/// One purchase unit with the exact total: lines would have to add up by PayPal's rules. There is no invoice
/// number in it, because PayPal wants one to be unique and carts repeat theirs.
pub(crate) fn new_order(call: &Call, order: &CheckoutOrder) -> Result<Value, Fault> {
    let mut unit = json!({
        "custom_id": call.echo,
        "amount": amounts::write(call.amount, "amount")?,
    });
    let mut context = json!({
        "return_url": order.return_url,
        "cancel_url": order.cancel_url,
        "user_action": "PAY_NOW",
        "shipping_preference": "NO_SHIPPING",
        // Else an electronic check may keep the payment pending for days.
        "payment_method_preference": "IMMEDIATE_PAYMENT_REQUIRED",
    });
    let words = |text: &&str| !text.trim().is_empty();
    let description = order.description.as_deref().filter(words);
    if let Some(text) = description.or(order.order_reference.as_deref().filter(words)) {
        unit["description"] = json!(cut(text));
    }
    if let Some(brand) = call.settings.optional_text("brand_name").filter(words) {
        context["brand_name"] = json!(cut(brand));
    }
    if let Some(locale) = order.shopper.locale.as_deref().and_then(locale) {
        context["locale"] = json!(locale);
    }
    let intent = match call.capture {
        CaptureMode::Automatic => "CAPTURE",
        CaptureMode::Manual => "AUTHORIZE",
    };
    Ok(json!({
        "intent": intent,
        "purchase_units": [unit],
        "payment_source": {"paypal": {"experience_context": context}},
    }))
}

/// A capture has no field of ours but the invoice number, which PayPal takes once: so no repeat takes twice.
pub(crate) fn capture(order: &CaptureOrder) -> Result<Value, Fault> {
    Ok(json!({
        "amount": amounts::write(order.amount, "operation.amount")?,
        "invoice_id": order.echo,
        // PayPal's own default would keep the rest reserved.
        "final_capture": order.is_final,
    }))
}

/// The merchant's reason stays here: PayPal would show it to the shopper.
pub(crate) fn refund(order: &RefundOrder) -> Result<Value, Fault> {
    Ok(json!({
        "amount": amounts::write(order.amount, "operation.amount")?,
        "custom_id": order.echo,
        "invoice_id": order.echo,
    }))
}

/// A language tag as PayPal writes it (`de`, `pt-BR`, `zh-Hant-TW`); any other is left to PayPal.
fn locale(tag: &str) -> Option<String> {
    let mut subtags = tag.split(['-', '_']);
    let language = subtags.next()?.to_ascii_lowercase();
    let is = |text: &str, length: usize| {
        text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphabetic())
    };
    if !is(&language, 2) {
        return None;
    }
    let mut written = language;
    for subtag in subtags {
        let is_region = is(subtag, 2) || (subtag.len() == 3 && subtag.bytes().all(|b| b.is_ascii_digit()));
        written.push('-');
        if is_region {
            written.push_str(&subtag.to_ascii_uppercase());
            break;
        }
        // A script comes before the region, and only once.
        if !is(subtag, 4) || written.len() > "zh-".len() {
            return None;
        }
        let (first, rest) = subtag.split_at(1);
        written.push_str(&format!("{}{}", first.to_ascii_uppercase(), rest.to_ascii_lowercase()));
    }
    (written.len() <= LOCALE_BYTES_MAX).then_some(written)
}

/// A text cut to PayPal's limit, counted as UTF-16 units, which is the strictest way to count characters.
fn cut(text: &str) -> String {
    let mut left = TEXT_UNITS_MAX;
    text.chars()
        .take_while(|character| match left.checked_sub(character.len_utf16()) {
            Some(rest) => {
                left = rest;
                true
            }
            None => false,
        })
        .collect()
}
