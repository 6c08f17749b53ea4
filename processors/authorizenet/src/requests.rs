//! What is sent to Authorize.Net: one address for everything, the operation being the root of a JSON object.
//!
//! The JSON is read as XML by a schema, so that **the order of fields matters**: each body here is written in
//! the schema's order, and nothing may sort it.
//!
//! Invariant: the same call makes the same bytes. Texts are cut to Authorize.Net's limits; ids never are.

use processor_sdk::{
    Call, CaptureMode, CaptureOrder, CheckoutOrder, Fault, HostRule, HttpRequest, Method, ReadRule,
    RefundOrder, RequestBody, SecretRef, Settings, Timestamp,
};
use serde_json::{Value, json};

use crate::amounts;

/// The path of the whole API.
const PATH: &str = "/xml/v1/request.api";

/// Where the API and the hosted pages are, in test and in live mode.
const TEST_API: &str = "apitest.authorize.net";
const LIVE_API: &str = "api.authorize.net";
const TEST_PAGES: &str = "test.authorize.net";
const LIVE_PAGES: &str = "accept.authorize.net";

const PAGE_TOKEN: &str = "getHostedPaymentPageRequest";
const DETAILS: &str = "getTransactionDetailsRequest";
const UNSETTLED: &str = "getUnsettledTransactionListRequest";
const BATCHES: &str = "getSettledBatchListRequest";
const BATCH: &str = "getTransactionListRequest";
const ORDER: &str = "createTransactionRequest";

/// Authorize.Net's limit for a description.
const DESCRIPTION_CHARS_MAX: usize = 255;
/// A longer text is no address of electronic mail (RFC 5321 §4.5.3.1).
const EMAIL_CHARS_MAX: usize = 254;

/// How long Authorize.Net refuses the same refund again, in seconds: the most that it takes, 8 hours.
const DUPLICATE_WINDOW_S: &str = "28800";

/// Whom a request is made for: all that a call and a delivery have in common.
#[derive(Clone, Copy)]
pub(crate) struct Account<'a> {
    pub(crate) settings: &'a Settings,
    pub(crate) livemode: bool,
}

impl<'a> Account<'a> {
    pub(crate) const fn of(call: &'a Call) -> Self {
        Self { settings: &call.settings, livemode: call.livemode }
    }

    fn address(self, setting: &str, live: &str, test: &str) -> Result<String, Fault> {
        if self.settings.optional_text(setting).is_some() {
            return Ok(self.settings.base_url(setting)?.to_owned());
        }
        Ok(format!("https://{}", if self.livemode { live } else { test }))
    }
}

/// The hosts of the API.
pub(crate) fn api_hosts() -> Vec<HostRule> {
    hosts([TEST_API, LIVE_API], "base_url")
}

/// The hosts of the hosted pages.
pub(crate) fn page_hosts() -> Vec<HostRule> {
    hosts([TEST_PAGES, LIVE_PAGES], "checkout_url")
}

fn hosts(names: [&str; 2], setting: &str) -> Vec<HostRule> {
    let named = names.into_iter().map(|name| HostRule::Exactly(name.to_owned()));
    named.chain([HostRule::Setting(setting.to_owned())]).collect()
}

/// What only reads, though it is posted. A page's token is among it: it moves no money, and nobody can pay
/// with a token whose answer was lost.
pub(crate) fn reads() -> Vec<ReadRule> {
    let read = |name: &str| ReadRule {
        method: Method::Post,
        path_prefix: PATH.to_owned(),
        body_prefix: Some(format!("{{\"{name}\":")),
    };
    [PAGE_TOKEN, DETAILS, UNSETTLED, BATCHES, BATCH].into_iter().map(read).collect()
}

/// A request whose fields follow the credentials in the order in which they are given.
fn request(account: Account<'_>, name: &str, fields: Value) -> Result<HttpRequest, Fault> {
    let mut content = json!({"merchantAuthentication": {"name": null, "transactionKey": null}});
    if let (Value::Object(content), Value::Object(fields)) = (&mut content, fields) {
        content.extend(fields);
    }
    let mut request =
        HttpRequest::post(format!("{}{PATH}", account.address("base_url", LIVE_API, TEST_API)?));
    let secret = |field: &str, secret: &str| {
        (format!("/{name}/merchantAuthentication/{field}"), SecretRef::named(secret))
    };
    request.body = RequestBody::Json {
        value: json!({name: content}),
        secrets: [secret("name", "api_login_id"), secret("transactionKey", "transaction_key")].into(),
    };
    Ok(request)
}

/// Where the shopper's browser posts the token.
pub(crate) fn page_url(account: Account<'_>) -> Result<String, Fault> {
    Ok(format!("{}/payment/payment", account.address("checkout_url", LIVE_PAGES, TEST_PAGES)?))
}

pub(crate) fn new_page(call: &Call, order: &CheckoutOrder) -> Result<HttpRequest, Fault> {
    let kind = match call.capture {
        CaptureMode::Automatic => "authCaptureTransaction",
        CaptureMode::Manual => "authOnlyTransaction",
    };
    let mut payment = json!({
        "transactionType": kind,
        "amount": amounts::write(call.amount, &call.settings, "amount")?,
        "currencyCode": call.amount.currency().code(),
        "order": described(&call.echo, order.description.as_deref()),
    });
    if let Some(email) = order.customer.email.as_deref().filter(|text| is_email(text)) {
        payment["customer"] = json!({ "email": email });
    }
    let setting = |name: &str, value: Value| json!({"settingName": name, "settingValue": value.to_string()});
    let settings = [
        setting(
            "hostedPaymentReturnOptions",
            json!({
                "showReceipt": false,
                "url": order.return_url,
                "urlText": "Continue",
                "cancelUrl": order.cancel_url,
                "cancelUrlText": "Cancel",
            }),
        ),
        setting("hostedPaymentButtonOptions", json!({"text": "Pay"})),
        // Bank debits are returned weeks later, and there is no webhook that says so.
        setting(
            "hostedPaymentPaymentOptions",
            json!({"cardCodeRequired": true, "showCreditCard": true, "showBankAccount": false}),
        ),
        setting("hostedPaymentOrderOptions", json!({"show": true})),
        setting("hostedPaymentBillingAddressOptions", json!({"show": true, "required": false})),
        setting("hostedPaymentShippingAddressOptions", json!({"show": false, "required": false})),
        setting(
            "hostedPaymentCustomerOptions",
            json!({"showEmail": false, "requiredEmail": false, "addPaymentProfile": false}),
        ),
    ];
    let fields = json!({
        "refId": call.echo,
        "transactionRequest": payment,
        "hostedPaymentSettings": {"setting": settings},
    });
    request(Account::of(call), PAGE_TOKEN, fields)
}

pub(crate) fn details(account: Account<'_>, id: &str) -> Result<HttpRequest, Fault> {
    request(account, DETAILS, json!({ "transId": id }))
}

/// One page of what is not settled yet, newest first.
pub(crate) fn unsettled(account: Account<'_>, entries: usize, page: usize) -> Result<HttpRequest, Fault> {
    request(account, UNSETTLED, paged(json!({}), entries, page))
}

/// The batches that were settled in a time of at most 31 days.
pub(crate) fn batches(account: Account<'_>, from: Timestamp, to: Timestamp) -> Result<HttpRequest, Fault> {
    let fields = json!({
        "includeStatistics": false,
        "firstSettlementDate": whole_second(from),
        "lastSettlementDate": whole_second(to),
    });
    request(account, BATCHES, fields)
}

/// One page of a settled batch, newest first.
pub(crate) fn batch(
    account: Account<'_>,
    id: &str,
    entries: usize,
    page: usize,
) -> Result<HttpRequest, Fault> {
    request(account, BATCH, paged(json!({ "batchId": id }), entries, page))
}

fn paged(mut fields: Value, entries: usize, page: usize) -> Value {
    fields["sorting"] = json!({"orderBy": "submitTimeUTC", "orderDescending": true});
    fields["paging"] = json!({"limit": entries.to_string(), "offset": page.to_string()});
    fields
}

fn whole_second(at: Timestamp) -> String {
    Timestamp::from_unix_seconds(at.as_unix_seconds()).unwrap_or(at).to_rfc3339()
}

pub(crate) fn capture(call: &Call, order: &CaptureOrder, id: &str) -> Result<HttpRequest, Fault> {
    let amount = amounts::write(order.amount, &call.settings, "operation.amount")?;
    let content =
        json!({"transactionType": "priorAuthCaptureTransaction", "amount": amount, "refTransId": id});
    written(call, &order.echo, &content)
}

/// Calls off what is not settled yet. Authorize.Net knows no part of it.
pub(crate) fn void(call: &Call, echo: &str, id: &str) -> Result<HttpRequest, Fault> {
    written(call, echo, &json!({"transactionType": "voidTransaction", "refTransId": id}))
}

/// Authorize.Net finds the card by the payment and wants its last four digits only to compare them.
pub(crate) fn refund(
    call: &Call,
    order: &RefundOrder,
    id: &str,
    last_digits: &str,
) -> Result<HttpRequest, Fault> {
    let duplicates = json!({"settingName": "duplicateWindow", "settingValue": DUPLICATE_WINDOW_S});
    let content = json!({
        "transactionType": "refundTransaction",
        "amount": amounts::write(order.amount, &call.settings, "operation.amount")?,
        "currencyCode": order.amount.currency().code(),
        "payment": {"creditCard": {"cardNumber": last_digits, "expirationDate": "XXXX"}},
        "refTransId": id,
        "order": described(&order.echo, order.reason.as_deref()),
        "transactionSettings": {"setting": [duplicates]},
    });
    written(call, &order.echo, &content)
}

fn written(call: &Call, echo: &str, content: &Value) -> Result<HttpRequest, Fault> {
    request(Account::of(call), ORDER, json!({"refId": echo, "transactionRequest": content}))
}

/// Our echo as the invoice number, which comes back with every record; it fits the limit of 20 characters
/// whole. The description is for people.
fn described(echo: &str, description: Option<&str>) -> Value {
    let mut order = json!({ "invoiceNumber": echo });
    let printable = |text: &str| -> String {
        text.chars().filter(|character| !character.is_control()).take(DESCRIPTION_CHARS_MAX).collect()
    };
    if let Some(text) = description.map(printable).filter(|text| !text.trim().is_empty()) {
        order["description"] = text.into();
    }
    order
}

/// Whether a text looks enough like an address that Authorize.Net will not refuse the page for it.
fn is_email(text: &str) -> bool {
    let is_plain = |character: char| character.is_ascii_graphic() && !"<>()[],;:\\\"".contains(character);
    text.len() <= EMAIL_CHARS_MAX
        && text.chars().all(is_plain)
        && text.split_once('@').is_some_and(|(name, domain)| {
            let inside = domain.strip_prefix('.').is_none() && domain.strip_suffix('.').is_none();
            !name.is_empty() && inside && domain.contains('.') && !domain.contains('@')
        })
}
