//! What Authorize.Net publishes about the requests that this twin answers: each element's name, its place among the
//! others, and what it may be.
//!
//! Source: developer.authorize.net/api/reference, the schema `AnetApiSchema.xsd` that it names, and the classes that
//! Authorize.Net's own library for Python (`authorizenet` 1.1.6, `apicontractsv1.py`) makes of it, written down by
//! hand. Elements that are for other kinds of business are in the tables too, so that an element is only ever called
//! unknown when Authorize.Net does not know it.
//!
//! Invariant: JSON is read as if it were the XML of the schema, so that the order of the elements counts.

use processor_sdk::Timestamp;
use serde_json::{Map, Value};

/// What an element may be.
#[derive(Clone, Copy, Debug)]
pub(super) enum Kind {
    /// A text of at least, and at most, so many characters.
    Text(usize, usize),
    /// A text of digits.
    Digits,
    /// An amount, as a text or as a number.
    Decimal,
    /// A whole number from, to.
    Whole(i64, i64),
    Flag,
    Choice(&'static [&'static str]),
    Time,
    /// Elements in this order.
    One(&'static [Element]),
    /// A list, each with elements in this order.
    Many(&'static [Element]),
    /// What the twin knows by name only.
    Anything,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Element {
    name: &'static str,
    kind: Kind,
    is_required: bool,
}

const fn must(name: &'static str, kind: Kind) -> Element {
    Element { name, kind, is_required: true }
}

const fn may(name: &'static str, kind: Kind) -> Element {
    Element { name, kind, is_required: false }
}

const AUTHENTICATION: &[Element] = &[
    must("name", Kind::Text(0, 25)),
    may("transactionKey", Kind::Text(0, 16)),
    may("sessionToken", Kind::Anything),
    may("password", Kind::Anything),
    may("impersonationAuthentication", Kind::Anything),
    may("fingerPrint", Kind::Anything),
    may("clientKey", Kind::Anything),
    may("accessToken", Kind::Anything),
    may("mobileDeviceId", Kind::Anything),
];

const SETTING: &[Element] =
    &[may("settingName", Kind::Text(0, usize::MAX)), may("settingValue", Kind::Text(0, usize::MAX))];

const SETTINGS: &[Element] = &[may("setting", Kind::Many(SETTING))];

/// Refunds name a card by its last four digits.
const CREDIT_CARD: &[Element] = &[
    must("cardNumber", Kind::Text(4, 16)),
    must("expirationDate", Kind::Text(4, 7)),
    may("cardCode", Kind::Digits),
    may("isPaymentToken", Kind::Flag),
    may("cryptogram", Kind::Anything),
    may("tokenRequestorName", Kind::Anything),
    may("tokenRequestorId", Kind::Anything),
    may("tokenRequestorEci", Kind::Anything),
];

const PAYMENT: &[Element] = &[
    may("creditCard", Kind::One(CREDIT_CARD)),
    may("bankAccount", Kind::Anything),
    may("trackData", Kind::Anything),
    may("encryptedTrackData", Kind::Anything),
    may("payPal", Kind::Anything),
    may("opaqueData", Kind::Anything),
    may("emv", Kind::Anything),
    may("dataSource", Kind::Anything),
];

const ORDER: &[Element] = &[
    may("invoiceNumber", Kind::Text(0, 20)),
    may("description", Kind::Text(0, 255)),
    may("discountAmount", Kind::Decimal),
    may("taxIsAfterDiscount", Kind::Flag),
    may("totalTaxTypeCode", Kind::Anything),
    may("purchaserVATRegistrationNumber", Kind::Anything),
    may("merchantVATRegistrationNumber", Kind::Anything),
    may("vatInvoiceReferenceNumber", Kind::Anything),
    may("purchaserCode", Kind::Anything),
    may("summaryCommodityCode", Kind::Anything),
    may("purchaseOrderDateUTC", Kind::Anything),
    may("supplierOrderReference", Kind::Anything),
    may("authorizedContactName", Kind::Anything),
    may("cardAcceptorRefNumber", Kind::Anything),
    may("amexDataTAA1", Kind::Anything),
    may("amexDataTAA2", Kind::Anything),
    may("amexDataTAA3", Kind::Anything),
    may("amexDataTAA4", Kind::Anything),
];

const CUSTOMER: &[Element] = &[
    may("type", Kind::Choice(&["individual", "business"])),
    may("id", Kind::Text(0, 20)),
    may("email", Kind::Text(0, 255)),
    may("driversLicense", Kind::Anything),
    may("taxId", Kind::Text(8, 9)),
];

const ADDRESS: &[Element] = &[
    may("firstName", Kind::Text(0, 50)),
    may("lastName", Kind::Text(0, 50)),
    may("company", Kind::Text(0, 50)),
    may("address", Kind::Text(0, 60)),
    may("city", Kind::Text(0, 40)),
    may("state", Kind::Text(0, 40)),
    may("zip", Kind::Text(0, 20)),
    may("country", Kind::Text(0, 60)),
    may("phoneNumber", Kind::Text(0, 25)),
    may("faxNumber", Kind::Text(0, 25)),
    may("email", Kind::Text(0, 255)),
];

const TRANSACTION_TYPES: &[&str] = &[
    "authOnlyTransaction",
    "authCaptureTransaction",
    "captureOnlyTransaction",
    "refundTransaction",
    "priorAuthCaptureTransaction",
    "voidTransaction",
    "getDetailsTransaction",
    "authOnlyContinueTransaction",
    "authCaptureContinueTransaction",
];

const TRANSACTION: &[Element] = &[
    must("transactionType", Kind::Choice(TRANSACTION_TYPES)),
    may("amount", Kind::Decimal),
    may("currencyCode", Kind::Text(0, 3)),
    may("payment", Kind::One(PAYMENT)),
    may("profile", Kind::Anything),
    may("solution", Kind::Anything),
    may("callId", Kind::Anything),
    may("terminalNumber", Kind::Anything),
    may("authCode", Kind::Text(0, 6)),
    may("refTransId", Kind::Digits),
    may("splitTenderId", Kind::Anything),
    may("order", Kind::One(ORDER)),
    may("lineItems", Kind::Anything),
    may("tax", Kind::Anything),
    may("duty", Kind::Anything),
    may("shipping", Kind::Anything),
    may("taxExempt", Kind::Flag),
    may("poNumber", Kind::Text(0, 25)),
    may("customer", Kind::One(CUSTOMER)),
    may("billTo", Kind::One(ADDRESS)),
    may("shipTo", Kind::One(ADDRESS)),
    may("customerIP", Kind::Text(0, 15)),
    may("cardholderAuthentication", Kind::Anything),
    may("retail", Kind::Anything),
    may("employeeId", Kind::Anything),
    may("transactionSettings", Kind::One(SETTINGS)),
    may("userFields", Kind::Anything),
    may("surcharge", Kind::Anything),
    may("merchantDescriptor", Kind::Anything),
    may("subMerchant", Kind::Anything),
    may("tip", Kind::Anything),
    may("processingOptions", Kind::Anything),
    may("subsequentAuthInformation", Kind::Anything),
    may("otherTax", Kind::Anything),
    may("shipFrom", Kind::Anything),
    may("authorizationIndicatorType", Kind::Anything),
];

/// How lists are sorted, and which page of them is wanted. The limits are the documentation's.
const SORTING: &[Element] =
    &[must("orderBy", Kind::Choice(&["submitTimeUTC", "id"])), must("orderDescending", Kind::Flag)];
const PAGING: &[Element] = &[must("limit", Kind::Whole(1, 1_000)), must("offset", Kind::Whole(1, 100_000))];

const WHO: Element = must("merchantAuthentication", Kind::One(AUTHENTICATION));
const REF_ID: Element = may("refId", Kind::Text(0, 20));

/// Every request that the twin answers.
const REQUESTS: &[Element] = &[
    may("authenticateTestRequest", Kind::One(&[WHO, REF_ID])),
    may(
        "getHostedPaymentPageRequest",
        Kind::One(&[
            WHO,
            REF_ID,
            must("transactionRequest", Kind::One(TRANSACTION)),
            may("hostedPaymentSettings", Kind::One(SETTINGS)),
        ]),
    ),
    may(
        "createTransactionRequest",
        Kind::One(&[WHO, REF_ID, must("transactionRequest", Kind::One(TRANSACTION))]),
    ),
    may("getTransactionDetailsRequest", Kind::One(&[WHO, REF_ID, must("transId", Kind::Digits)])),
    may(
        "getUnsettledTransactionListRequest",
        Kind::One(&[
            WHO,
            REF_ID,
            may("status", Kind::Choice(&["any", "pendingApproval"])),
            may("sorting", Kind::One(SORTING)),
            may("paging", Kind::One(PAGING)),
        ]),
    ),
    may(
        "getSettledBatchListRequest",
        Kind::One(&[
            WHO,
            REF_ID,
            may("includeStatistics", Kind::Flag),
            may("firstSettlementDate", Kind::Time),
            may("lastSettlementDate", Kind::Time),
        ]),
    ),
    may(
        "getTransactionListRequest",
        Kind::One(&[
            WHO,
            REF_ID,
            must("batchId", Kind::Digits),
            may("sorting", Kind::One(SORTING)),
            may("paging", Kind::One(PAGING)),
        ]),
    ),
];

/// The request's name and its elements, or what Authorize.Net says is wrong with them (its `E00003`).
pub(super) fn request(body: &Value) -> Result<(&'static str, &Map<String, Value>), String> {
    let Some((name, elements)) =
        body.as_object().filter(|root| root.len() == 1).and_then(|root| root.iter().next())
    else {
        return Err("Root element is missing.".to_owned());
    };
    let known = REQUESTS.iter().find(|known| known.name == name);
    let known = known.ok_or_else(|| format!("The '{SPACE}:{name}' element is not declared."))?;
    known.kind.check(name, elements)?;
    Ok((known.name, elements.as_object().expect("elements, which the table demands")))
}

/// What Authorize.Net calls its schema when it finds fault.
const SPACE: &str = "AnetApi/xml/v1/schema/AnetApiSchema.xsd";

impl Kind {
    fn check(self, name: &str, value: &Value) -> Result<(), String> {
        let invalid = |why: &str| Err(format!("The '{SPACE}:{name}' element is invalid - {why}"));
        let text = value.as_str();
        let is_good = match self {
            Self::Anything => true,
            Self::Text(min, max) => {
                let Some(length) = text.map(|text| text.chars().count()) else {
                    return invalid("The value is no text.");
                };
                if length > max {
                    return invalid("The actual length is greater than the MaxLength value.");
                }
                if length < min {
                    return invalid("The actual length is less than the MinLength value.");
                }
                true
            }
            Self::Digits => {
                text.is_some_and(|text| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()))
            }
            Self::Decimal => value.is_number() || text.and_then(minor_units).is_some(),
            Self::Whole(min, max) => {
                let whole = value.as_i64().or_else(|| text.and_then(|text| text.parse().ok()));
                whole.is_some_and(|whole| (min..=max).contains(&whole))
            }
            Self::Flag => value.is_boolean() || matches!(text, Some("true" | "false")),
            Self::Choice(choices) => text.is_some_and(|text| choices.contains(&text)),
            Self::Time => text.is_some_and(|text| Timestamp::parse_rfc3339(text).is_ok()),
            Self::One(elements) => return in_order(name, elements, value),
            Self::Many(elements) => {
                let Some(list) = value.as_array() else { return invalid("The value is no list.") };
                return list.iter().try_for_each(|one| in_order(name, elements, one));
            }
        };
        if is_good {
            Ok(())
        } else {
            invalid(&format!("The value {value} is invalid according to its datatype."))
        }
    }
}

/// That an object has the elements of a table, each once, in its order, and none else.
fn in_order(name: &str, table: &[Element], value: &Value) -> Result<(), String> {
    let Some(object) = value.as_object() else {
        return Err(format!("The '{SPACE}:{name}' element is invalid - The value is no object."));
    };
    let mut next = 0;
    for (field, value) in object {
        let left = table.get(next..).unwrap_or_default();
        let place = left.iter().position(|element| element.name == field);
        // An element that must be there cannot be passed over.
        let reachable = left.iter().position(|element| element.is_required).unwrap_or(usize::MAX);
        let Some(place) = place.filter(|place| *place <= reachable) else {
            let expected: Vec<&str> = left.iter().map(|element| element.name).collect();
            return Err(format!(
                "The element '{name}' in namespace '{SPACE}' has invalid child element '{field}' in namespace \
                 '{SPACE}'. List of possible elements expected: '{}'.",
                expected.join(", ")
            ));
        };
        left[place].kind.check(field, value)?;
        next += place + 1;
    }
    let missing = table.get(next..).unwrap_or_default().iter().find(|element| element.is_required);
    missing.map_or(Ok(()), |missing| {
        Err(format!(
            "The element '{name}' in namespace '{SPACE}' has incomplete content. List of possible elements \
             expected: '{}'.",
            missing.name
        ))
    })
}

/// An amount with at most two decimals, in minor units.
pub(super) fn minor_units(text: &str) -> Option<i64> {
    let (whole, cents) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(cents) || cents.len() > 2 {
        return None;
    }
    format!("{whole}{cents:0<2}").parse().ok()
}

/// What may stand in the JSON inside of a setting's text.
#[derive(Clone, Copy)]
enum Inner {
    Flag,
    Words,
    /// An absolute address of the web.
    Address,
}

/// The settings of the hosted page, as "Accept Hosted" lists them.
const PAGE_SETTINGS: &[(&str, &[(&str, Inner)])] = &[
    (
        "hostedPaymentReturnOptions",
        &[
            ("showReceipt", Inner::Flag),
            ("url", Inner::Address),
            ("urlText", Inner::Words),
            ("cancelUrl", Inner::Address),
            ("cancelUrlText", Inner::Words),
        ],
    ),
    ("hostedPaymentButtonOptions", &[("text", Inner::Words)]),
    ("hostedPaymentStyleOptions", &[("bgColor", Inner::Words)]),
    (
        "hostedPaymentPaymentOptions",
        &[
            ("cardCodeRequired", Inner::Flag),
            ("showCreditCard", Inner::Flag),
            ("showBankAccount", Inner::Flag),
            ("customerProfileId", Inner::Words),
        ],
    ),
    ("hostedPaymentSecurityOptions", &[("captcha", Inner::Flag)]),
    ("hostedPaymentShippingAddressOptions", &[("show", Inner::Flag), ("required", Inner::Flag)]),
    ("hostedPaymentBillingAddressOptions", &[("show", Inner::Flag), ("required", Inner::Flag)]),
    (
        "hostedPaymentCustomerOptions",
        &[("showEmail", Inner::Flag), ("requiredEmail", Inner::Flag), ("addPaymentProfile", Inner::Flag)],
    ),
    ("hostedPaymentOrderOptions", &[("show", Inner::Flag), ("merchantName", Inner::Words)]),
    ("hostedPaymentIFrameCommunicatorUrl", &[("url", Inner::Address)]),
];

/// A page's settings by name, or the name of the first one that is wrong.
pub(super) fn page_settings(settings: &Value) -> Result<Map<String, Value>, String> {
    let mut read = Map::new();
    for setting in settings["setting"].as_array().into_iter().flatten() {
        let name = setting["settingName"].as_str().unwrap_or_default();
        let known = PAGE_SETTINGS.iter().find(|(known, _)| *known == name);
        let (_, fields) = known.ok_or_else(|| format!("settingName {name}"))?;
        let inner: Option<Value> =
            setting["settingValue"].as_str().and_then(|text| serde_json::from_str(text).ok());
        let inner = inner.as_ref().and_then(Value::as_object).ok_or_else(|| name.to_owned())?;
        for (field, value) in inner {
            let kind = fields.iter().find(|(known, _)| known == field).map(|(_, kind)| *kind);
            let is_good = match kind {
                Some(Inner::Flag) => value.is_boolean(),
                Some(Inner::Words) => value.is_string(),
                Some(Inner::Address) => {
                    let url = value.as_str().and_then(|text| url::Url::parse(text).ok());
                    url.is_some_and(|url| ["http", "https"].contains(&url.scheme()))
                }
                None => false,
            };
            if !is_good {
                return Err(format!("{name}.{field}"));
            }
        }
        if read.insert(name.to_owned(), Value::Object(inner.clone())).is_some() {
            return Err(format!("{name} twice"));
        }
    }
    Ok(read)
}
