//! What Mollie publishes about the requests that this twin answers: each field's name and what it may be.
//!
//! Source: docs.mollie.com/reference (Payments, Captures, Refunds and Chargebacks API), written down by hand. Fields
//! that are for marketplaces, recurring payments, orders with lines and terminals are in the table too, so that a
//! field is only ever called unknown when Mollie does not know it.

use serde_json::{Map, Value};

use super::amounts;

/// What a request is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    Open,
    Payment,
    Payments,
    Cancel,
    Release,
    Capture,
    Captures,
    OneCapture,
    Refund,
    Refunds,
    OneRefund,
    Disputes,
    OneDispute,
}

/// What a field's value may be. In a query everything is a text; it has to read as the same.
#[derive(Clone, Copy, Debug)]
enum Kind {
    /// A text of so many characters at most.
    Text(usize),
    Address,
    Amount,
    Choice(&'static [&'static str]),
    /// One of these, or a list of them.
    Choices(&'static [&'static str]),
    /// Words of these with commas between them.
    Words(&'static [&'static str]),
    /// A whole number from, to.
    Whole(i64, i64),
    Flag,
    /// Two capital letters.
    Country,
    /// Such as `8 hours` or `2 days`.
    Delay,
    Date,
    /// Any JSON, up to so many bytes.
    Anything(usize),
    Object,
    List,
}

#[derive(Clone, Copy, Debug)]
struct Field {
    name: &'static str,
    kind: Kind,
    is_required: bool,
}

const fn must(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_required: true }
}

const fn may(name: &'static str, kind: Kind) -> Field {
    Field { name, kind, is_required: false }
}

/// One request of the API.
#[derive(Debug)]
pub(super) struct Asked {
    method: &'static str,
    /// With `{}` where an id stands.
    path: &'static str,
    pub(super) call: Call,
    fields: &'static [Field],
}

/// Longest metadata, in bytes: "approximately 1kB".
const METADATA_BYTES: usize = 1_024;
/// Longest description, in characters.
const DESCRIPTION_CHARS: usize = 255;
/// Longest of other texts, in characters.
const TEXT_CHARS: usize = 255;

const LOCALES: &[&str] = &[
    "ca_ES", "da_DK", "de_AT", "de_CH", "de_DE", "en_GB", "en_US", "es_ES", "fi_FI", "fr_BE", "fr_FR",
    "hu_HU", "is_IS", "it_IT", "lt_LT", "lv_LV", "nb_NO", "nl_BE", "nl_NL", "pl_PL", "pt_PT", "sv_SE",
];

const METHODS: &[&str] = &[
    "alma",
    "applepay",
    "bacs",
    "bancomatpay",
    "bancontact",
    "banktransfer",
    "belfius",
    "billie",
    "bizum",
    "blik",
    "creditcard",
    "directdebit",
    "eps",
    "giftcard",
    "googlepay",
    "ideal",
    "in3",
    "kbc",
    "klarna",
    "mbway",
    "mobilepay",
    "multibanco",
    "mybank",
    "paybybank",
    "payconiq",
    "paypal",
    "paysafecard",
    "pointofsale",
    "przelewy24",
    "riverty",
    "satispay",
    "swish",
    "trustly",
    "twint",
    "vipps",
    "voucher",
];

/// Methods whose money can be reserved first.
pub(super) const METHODS_THAT_AUTHORIZE: [&str; 9] = [
    "applepay",
    "billie",
    "creditcard",
    "googlepay",
    "klarna",
    "mobilepay",
    "riverty",
    "vipps",
    "pointofsale",
];

const LIST: &[Field] =
    &[may("from", Kind::Text(TEXT_CHARS)), may("limit", Kind::Whole(1, 250)), WITH_PAYMENT];
const ONE: &[Field] = &[WITH_PAYMENT];
const WITH_PAYMENT: Field = may("embed", Kind::Words(&["payment"]));

const OPEN: &[Field] = &[
    must("amount", Kind::Amount),
    must("description", Kind::Text(DESCRIPTION_CHARS)),
    must("redirectUrl", Kind::Address),
    may("cancelUrl", Kind::Address),
    may("webhookUrl", Kind::Address),
    may("method", Kind::Choices(METHODS)),
    may("locale", Kind::Choice(LOCALES)),
    may("metadata", Kind::Anything(METADATA_BYTES)),
    may("captureMode", Kind::Choice(&["automatic", "manual"])),
    may("captureDelay", Kind::Delay),
    may("sequenceType", Kind::Choice(&["oneoff", "first", "recurring"])),
    may("restrictPaymentMethodsToCountry", Kind::Country),
    may("dueDate", Kind::Date),
    may("lines", Kind::List),
    may("billingAddress", Kind::Object),
    may("shippingAddress", Kind::Object),
    may("applicationFee", Kind::Object),
    may("routing", Kind::List),
    may("customerId", Kind::Text(TEXT_CHARS)),
    may("mandateId", Kind::Text(TEXT_CHARS)),
    may("cardToken", Kind::Text(TEXT_CHARS)),
    may("applePayPaymentToken", Kind::Text(TEXT_CHARS)),
    may("billingEmail", Kind::Text(TEXT_CHARS)),
    may("consumerName", Kind::Text(TEXT_CHARS)),
    may("consumerAccount", Kind::Text(TEXT_CHARS)),
    may("customerReference", Kind::Text(TEXT_CHARS)),
    may("issuer", Kind::Text(TEXT_CHARS)),
    may("company", Kind::Object),
    may("digitalGoods", Kind::Flag),
    may("terminalId", Kind::Text(TEXT_CHARS)),
    may("voucherNumber", Kind::Text(TEXT_CHARS)),
    may("voucherPin", Kind::Text(TEXT_CHARS)),
    may("extraMerchantData", Kind::Object),
    may("sessionId", Kind::Text(TEXT_CHARS)),
    may("storeCredentials", Kind::Flag),
];

const CAPTURE: &[Field] = &[
    may("amount", Kind::Amount),
    may("description", Kind::Text(DESCRIPTION_CHARS)),
    may("metadata", Kind::Anything(METADATA_BYTES)),
];

const REFUND: &[Field] = &[
    must("amount", Kind::Amount),
    may("description", Kind::Text(DESCRIPTION_CHARS)),
    may("metadata", Kind::Anything(METADATA_BYTES)),
    may("externalReference", Kind::Object),
    may("reverseRouting", Kind::Flag),
    may("routingReversals", Kind::List),
];

const PAYMENTS_ASKED: &[Field] = &[
    may("from", Kind::Text(TEXT_CHARS)),
    may("limit", Kind::Whole(1, 250)),
    may("sort", Kind::Choice(&["asc", "desc"])),
];

const PAYMENT_ASKED: &[Field] = &[
    may("embed", Kind::Words(&["captures", "refunds", "chargebacks"])),
    may("include", Kind::Words(&["details.qrCode", "details.remainderDetails"])),
];

/// Every request takes these where an organization's token asks.
const OF_TOKENS: [Field; 2] = [may("testmode", Kind::Flag), may("profileId", Kind::Text(TEXT_CHARS))];

const REQUESTS: [Asked; 13] = [
    asked("POST", "/v2/payments", Call::Open, OPEN),
    asked("GET", "/v2/payments", Call::Payments, PAYMENTS_ASKED),
    asked("GET", "/v2/payments/{}", Call::Payment, PAYMENT_ASKED),
    asked("DELETE", "/v2/payments/{}", Call::Cancel, &[]),
    asked("POST", "/v2/payments/{}/release-authorization", Call::Release, &[]),
    asked("POST", "/v2/payments/{}/captures", Call::Capture, CAPTURE),
    asked("GET", "/v2/payments/{}/captures", Call::Captures, LIST),
    asked("GET", "/v2/payments/{}/captures/{}", Call::OneCapture, ONE),
    asked("POST", "/v2/payments/{}/refunds", Call::Refund, REFUND),
    asked("GET", "/v2/payments/{}/refunds", Call::Refunds, LIST),
    asked("GET", "/v2/payments/{}/refunds/{}", Call::OneRefund, ONE),
    asked("GET", "/v2/payments/{}/chargebacks", Call::Disputes, LIST),
    asked("GET", "/v2/payments/{}/chargebacks/{}", Call::OneDispute, ONE),
];

const fn asked(method: &'static str, path: &'static str, call: Call, fields: &'static [Field]) -> Asked {
    Asked { method, path, call, fields }
}

/// The request at an address, and the ids in its path.
pub(super) fn request<'a>(method: &str, path: &'a str) -> Option<(&'static Asked, Vec<&'a str>)> {
    let given: Vec<&str> = path.split('/').collect();
    REQUESTS.iter().filter(|asked| asked.method == method).find_map(|asked| {
        let parts: Vec<&str> = asked.path.split('/').collect();
        let fits = parts.len() == given.len()
            && parts
                .iter()
                .zip(&given)
                .all(|(part, given)| part == given || *part == "{}" && !given.is_empty());
        let ids = parts.iter().zip(&given).filter(|(part, _)| **part == "{}").map(|(_, given)| *given);
        fits.then(|| (asked, ids.collect()))
    })
}

/// What is wrong with a field.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// Mollie does not know it.
    Unknown(String),
    /// It is missing or of another kind: its name, and why.
    Invalid(String, String),
}

impl Asked {
    /// The first thing that is wrong with a request's fields.
    pub(super) fn wrong(&self, given: &Map<String, Value>, is_query: bool) -> Option<Wrong> {
        let known = || self.fields.iter().chain(&OF_TOKENS);
        if let Some(name) = given.keys().find(|name| !known().any(|field| field.name == *name)) {
            return Some(Wrong::Unknown(name.clone()));
        }
        let missing = known().find(|field| field.is_required && !given.contains_key(field.name));
        if let Some(field) = missing {
            let name = field.name.to_owned();
            return Some(Wrong::Invalid(name, format!("The '{}' field is missing", field.name)));
        }
        known().filter_map(|field| Some((field, given.get(field.name)?))).find_map(|(field, value)| {
            let (below, why) = field.kind.check(value, is_query).err()?;
            Some(Wrong::Invalid(format!("{}{below}", field.name), why.to_owned()))
        })
    }
}

impl Kind {
    fn check(self, value: &Value, is_query: bool) -> Result<(), amounts::Wrong> {
        let text = value.as_str();
        let is_choice = |value: &Value, of: &[&str]| value.as_str().is_some_and(|text| of.contains(&text));
        let (is_good, why) = match self {
            Self::Amount => return amounts::read(value).map(drop),
            Self::Text(chars) => {
                (text.is_some_and(|text| text.chars().count() <= chars), "no text, or too long")
            }
            Self::Address => (text.is_some_and(is_address), "The URL is invalid"),
            Self::Choice(of) => (is_choice(value, of), "The value is none of those that are supported"),
            Self::Choices(of) => {
                let all = value.as_array().is_some_and(|values| values.iter().all(|one| is_choice(one, of)));
                (is_choice(value, of) || all, "The value is none of those that are supported")
            }
            Self::Words(of) => {
                let all = text.is_some_and(|text| text.split(',').all(|word| of.contains(&word)));
                (all, "The value is none of those that are supported")
            }
            Self::Whole(from, to) => {
                let number = if is_query { text.and_then(|text| text.parse().ok()) } else { value.as_i64() };
                (number.is_some_and(|number| (from..=to).contains(&number)), "The number is out of range")
            }
            Self::Flag if is_query => (matches!(text, Some("true" | "false")), "The value is no boolean"),
            Self::Flag => (value.is_boolean(), "The value is no boolean"),
            Self::Country => {
                let is_code =
                    |text: &str| text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_uppercase());
                (text.is_some_and(is_code), "The country is invalid")
            }
            Self::Delay => (text.is_some_and(is_delay), "The delay is invalid"),
            Self::Date => (text.is_some_and(is_date), "The date is invalid"),
            Self::Anything(bytes) => (value.to_string().len() <= bytes, "The metadata is too large"),
            Self::Object => (value.is_object(), "The value is no object"),
            Self::List => (value.is_array(), "The value is no list"),
        };
        if is_good { Ok(()) } else { Err(("", why)) }
    }
}

fn is_address(text: &str) -> bool {
    url::Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

fn is_delay(text: &str) -> bool {
    let units = ["hour", "hours", "day", "days"];
    text.split_once(' ').is_some_and(|(number, unit)| {
        number.bytes().all(|byte| byte.is_ascii_digit()) && units.contains(&unit)
    })
}

fn is_date(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.len()).collect();
    lengths == [4, 2, 2] && parts.iter().all(|part| part.bytes().all(|byte| byte.is_ascii_digit()))
}
