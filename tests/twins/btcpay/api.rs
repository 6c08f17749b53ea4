//! Requests to the Greenfield API: who asks, what is wrong with it, and what is done.
//!
//! Source: the OpenAPI description (`data/`), docs.btcpayserver.org/API/Greenfield/v1, and the public source for what
//! an error looks like (`GreenfieldControllerExtensions`).
//!
//! Invariant: a request is held against the published description before anything is done. What BTCPay Server takes but
//! the hub should not send (an invoice without a price, a promise of more than came) is noted all the same.

use serde_json::{Map, Value, json};

use super::amounts::{self, Currency};
use super::books::{EXPIRES_AFTER_S, Invoice, LIGHTNING, MONITORED_AFTER_S, ON_CHAIN};
use super::published::{self, Ids};
use super::refunds::{PullPayment, Unit};
use super::{BtcPay, STORE, objects};
use crate::twins::desk::Desk;
use crate::twins::{Reply, Request, Run};

/// Invoices in a list, unless the request says otherwise.
const LISTED: i64 = 50;
/// The longest name of a pull payment, in characters.
const PULL_PAYMENT_NAME_CHARS_MAX: usize = 50;
/// What else a permission allows.
const INCLUDED: [(&str, &[&str]); 3] = [
    ("btcpay.store.canmodifyinvoices", &["btcpay.store.canviewinvoices", "btcpay.store.cancreateinvoice"]),
    ("btcpay.store.canmanagepullpayments", &["btcpay.store.cancreatepullpayments"]),
    ("btcpay.store.cancreatepullpayments", &["btcpay.store.cancreatenonapprovedpullpayments"]),
];

/// An answer that is no.
#[derive(Debug)]
struct Refusal {
    status: u16,
    body: Value,
    /// What the hub should not have asked; none if it is how things are that is in the way.
    violation: Option<String>,
}

impl Refusal {
    fn of_state(status: u16, code: &str, message: &str) -> Self {
        Self { status, body: objects::error(code, message), violation: None }
    }

    fn violation(status: u16, code: &str, message: &str) -> Self {
        Self { violation: Some(message.to_owned()), ..Self::of_state(status, code, message) }
    }

    /// Something is wrong with a field, and the hub should know that before.
    fn invalid(path: &str, message: &str) -> Self {
        let violation = Some(format!("{path}: {message}"));
        Self { status: 422, body: objects::invalid(path, message), violation }
    }
}

pub(super) fn json_reply(status: u16, body: &Value) -> Reply {
    let headers = vec![("content-type", "application/json; charset=utf-8".to_owned())];
    Reply { status, headers, body: body.to_string() }
}

/// A request that may be done.
struct Ask {
    ids: Ids,
    query: Map<String, Value>,
    fields: Map<String, Value>,
    base_url: String,
}

impl Ask {
    fn id(&self, name: &str) -> &str {
        self.ids.iter().find(|(known, _)| *known == name).map_or("", |(_, id)| id)
    }

    fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    fn flag(&self, name: &str) -> Option<bool> {
        self.query.get(name).and_then(Value::as_bool)
    }
}

/// Answers a request to the API.
pub(super) fn answer(btcpay: &mut BtcPay, desk: &mut Desk, request: &Request, run: Run) -> Reply {
    btcpay.books.tick(desk);
    let broken = || Refusal::of_state(500, "generic-error", "An error occurred");
    let answered = read(btcpay, request).and_then(|(operation, ask)| {
        if run == Run::BreaksBefore {
            return Err(broken());
        }
        let done = perform(btcpay, desk, operation, &ask);
        if run == Run::BreaksAfter { Err(broken()) } else { done }
    });
    match answered {
        Ok(body) => json_reply(200, &body),
        Err(refusal) => {
            if let Some(what) = refusal.violation {
                desk.violation(format!("{} {}: {what}", request.method, request.path));
            }
            json_reply(refusal.status, &refusal.body)
        }
    }
}

fn read(btcpay: &BtcPay, request: &Request) -> Result<(&'static str, Ask), Refusal> {
    let (asked, ids) = published::request(&request.method, &request.path)
        .ok_or_else(|| Refusal::violation(404, "not-found", "There is no such address"))?;
    let key = request.header("authorization").and_then(|header| header.strip_prefix("token "));
    // Whoever has the link of a pull payment may look at it.
    if !asked.permissions.is_empty() && key != Some(super::API_KEY) {
        return Err(Refusal::violation(
            401,
            "unauthenticated",
            "Authentication is required for accessing this endpoint",
        ));
    }
    for wanted in &asked.permissions {
        let may = btcpay.permissions.iter().any(|has| includes(has, wanted));
        let is_this_store = ids.iter().all(|(name, id)| *name != "storeId" || id == STORE);
        if !may || !is_this_store {
            let message =
                format!("Insufficient API Permissions. Please use an API key with permission {wanted}");
            let body =
                json!({ "code": "missing-permission", "message": message, "missingPermission": wanted });
            let violation = (!is_this_store).then(|| "a store that is not ours".to_owned());
            return Err(Refusal { status: 403, body, violation });
        }
    }
    let query = asked.read_query(&request.query).map_err(|wrong| Refusal::invalid("query", &wrong))?;
    let is_json = request.header("content-type").is_some_and(|kind| kind.starts_with("application/json"));
    if asked.method == "POST" && !is_json {
        let message = "The body must be application/json";
        return Err(Refusal::violation(415, "unsupported-media-type", message));
    }
    let fields = asked.read_body(&request.body).map_err(|wrong| Refusal::invalid("body", &wrong))?;
    let base_url = btcpay.own_url.as_ref().unwrap_or(&request.base_url).clone();
    Ok((&asked.operation, Ask { ids, query, fields, base_url }))
}

/// Whether a permission is, or has in it, another one.
fn includes(has: &str, wanted: &str) -> bool {
    let below = INCLUDED.iter().filter(|(whole, _)| *whole == has).flat_map(|(_, parts)| *parts);
    has == wanted || below.into_iter().any(|part| includes(part, wanted))
}

fn perform(btcpay: &mut BtcPay, desk: &mut Desk, operation: &str, ask: &Ask) -> Result<Value, Refusal> {
    match operation {
        "create_invoice" => create_invoice(btcpay, desk, ask),
        "list_invoices" => Ok(list_invoices(btcpay, ask)),
        "get_invoice" => Ok(shown(ask, find_invoice(btcpay, ask)?)),
        "get_payment_methods" => {
            let with_invalid = ask.flag("onlyAccountedPayments") == Some(false);
            Ok(objects::methods(find_invoice(btcpay, ask)?, with_invalid))
        }
        "mark_invoice" => mark_invoice(btcpay, desk, ask),
        "refund_invoice" => refund_invoice(btcpay, desk, ask),
        "list_pull_payments" => Ok(list_pull_payments(btcpay, ask)),
        "get_pull_payment" => Ok(objects::pull_payment(find_pull_payment(btcpay, ask)?, &ask.base_url)),
        "list_payouts" => {
            let pull = find_pull_payment(btcpay, ask)?;
            let with_canceled = ask.flag("includeCancelled") == Some(true);
            let listed = pull.payouts.iter().filter(|payout| with_canceled || payout.state != "Cancelled");
            Ok(listed.map(|payout| objects::payout(payout, pull)).collect())
        }
        other => unreachable!("{other} is published and nobody answers it"),
    }
}

fn create_invoice(btcpay: &mut BtcPay, desk: &mut Desk, ask: &Ask) -> Result<Value, Refusal> {
    // Without a price, any coin at all settles the invoice.
    let price = ask.text("amount").ok_or_else(|| Refusal::invalid("amount", "No price"))?;
    let code = ask.text("currency").ok_or_else(|| Refusal::invalid("currency", "No currency"))?;
    let no_rate = "No payment method is available: there is no rate for this currency";
    let currency = amounts::currency(code).ok_or_else(|| Refusal::of_state(400, "generic-error", no_rate))?;
    let amount = currency.read(price).filter(|amount| *amount > 0);
    let amount = amount.ok_or_else(|| Refusal::invalid("amount", "No amount of this currency"))?;
    let checkout = ask.fields.get("checkout").cloned().unwrap_or_default();
    let methods = methods(&checkout)?;
    let minutes = |name: &str, default_s: i64| match &checkout[name] {
        Value::Null => Ok(default_s),
        set => set
            .as_i64()
            .filter(|minutes| (1..=525_600).contains(minutes))
            .map(|minutes| minutes * 60)
            .ok_or(Refusal::invalid(&format!("checkout.{name}"), "No number of minutes")),
    };
    let (expires_after_s, monitored_after_s) =
        (minutes("expirationMinutes", EXPIRES_AFTER_S)?, minutes("monitoringMinutes", MONITORED_AFTER_S)?);
    let due_satoshis = currency.satoshis(amount);
    let created_at_s = desk.now_s();
    let terms =
        ask.fields.get("additionalSearchTerms").and_then(Value::as_array).cloned().unwrap_or_default();
    let invoice = Invoice {
        id: desk.fresh(),
        amount,
        currency,
        due_satoshis,
        enough_satoshis: enough(due_satoshis, &checkout)?,
        metadata: ask.fields.get("metadata").cloned().unwrap_or_else(|| json!({})),
        checkout: with_defaults(&checkout, &methods),
        receipt: json!({ "enabled": true, "showQR": true, "showPayments": true }),
        search_terms: terms.iter().filter_map(Value::as_str).map(str::to_owned).collect(),
        methods,
        created_at_s,
        expires_at_s: created_at_s + expires_after_s,
        monitored_until_s: created_at_s + expires_after_s + monitored_after_s,
        status: "New",
        additional: "None",
        payments: vec![],
    };
    let made = objects::invoice(&invoice, &ask.base_url);
    btcpay.books.open(desk, invoice);
    Ok(made)
}

/// The ways to pay that an invoice offers.
fn methods(checkout: &Value) -> Result<Vec<&'static str>, Refusal> {
    let Some(wanted) = checkout["paymentMethods"].as_array() else { return Ok(vec![ON_CHAIN, LIGHTNING]) };
    let known = |name: &Value| [ON_CHAIN, LIGHTNING].into_iter().find(|known| name == *known);
    let methods: Option<Vec<_>> = wanted.iter().map(known).collect();
    let methods = methods.filter(|methods| !methods.is_empty());
    methods.ok_or_else(|| Refusal::invalid("checkout.paymentMethods", "Invalid payment method"))
}

/// The least that counts as all of it. The tolerance is a part of a hundred.
fn enough(due_satoshis: i64, checkout: &Value) -> Result<i64, Refusal> {
    let hundredths = match &checkout["paymentTolerance"] {
        Value::Null => Some(0),
        set => amounts::read(&set.to_string(), 2),
    };
    let wrong = || Refusal::invalid("checkout.paymentTolerance", "No part of a hundred");
    let hundredths = hundredths.filter(|part| *part <= 10_000).ok_or_else(wrong)?;
    Ok(due_satoshis - due_satoshis * hundredths / 10_000)
}

/// The options as the invoice then has them: what was not said is the store's.
fn with_defaults(checkout: &Value, methods: &[&str]) -> Value {
    let mut whole = json!({
        "speedPolicy": "MediumSpeed", "paymentMethods": methods, "defaultPaymentMethod": null,
        "lazyPaymentMethods": false, "expirationMinutes": EXPIRES_AFTER_S / 60,
        "monitoringMinutes": MONITORED_AFTER_S / 60, "paymentTolerance": 0, "redirectURL": null,
        "redirectAutomatically": false, "defaultLanguage": null,
    });
    for (name, value) in checkout.as_object().into_iter().flatten().filter(|(_, value)| !value.is_null()) {
        whole[name.as_str()] = value.clone();
    }
    whole
}

fn find_invoice<'a>(btcpay: &'a BtcPay, ask: &Ask) -> Result<&'a Invoice, Refusal> {
    let absent = || Refusal::of_state(404, "invoice-not-found", "The invoice was not found");
    btcpay.books.invoice(ask.id("invoiceId")).ok_or_else(absent)
}

fn find_pull_payment<'a>(btcpay: &'a BtcPay, ask: &Ask) -> Result<&'a PullPayment, Refusal> {
    let found = btcpay.books.pull_payments.iter().find(|known| known.id == ask.id("pullPaymentId"));
    found.ok_or_else(|| Refusal::of_state(404, "pullpayment-not-found", "The pull payment was not found"))
}

/// An invoice, with its ways to pay if they were asked for.
fn shown(ask: &Ask, invoice: &Invoice) -> Value {
    let mut whole = objects::invoice(invoice, &ask.base_url);
    if ask.flag("includePaymentMethods") == Some(true) {
        whole["paymentMethods"] = objects::methods(invoice, false);
    }
    whole
}

/// Invoices, the newest first. The order's number is matched exactly; the search finds whatever has the words in it.
fn list_invoices(btcpay: &BtcPay, ask: &Ask) -> Value {
    let number = |name: &str| ask.query.get(name).and_then(Value::as_i64);
    let orders = ask.query.get("orderId").and_then(Value::as_array);
    let search = ask.query.get("textSearch").and_then(Value::as_str);
    let status = ask.query.get("status").and_then(Value::as_str);
    let is_listed = |invoice: &&Invoice| {
        let terms = || {
            let known = [invoice.id.as_str(), invoice.metadata["orderId"].as_str().unwrap_or_default()];
            known.into_iter().chain(invoice.search_terms.iter().map(String::as_str))
        };
        orders.is_none_or(|orders| orders.contains(&invoice.metadata["orderId"]))
            && search.is_none_or(|words| terms().any(|term| term.contains(words)))
            && status.is_none_or(|status| status == invoice.status)
            && number("startDate").is_none_or(|at_s| invoice.created_at_s >= at_s)
            && number("endDate").is_none_or(|at_s| invoice.created_at_s <= at_s)
    };
    let count = |name: &str, default: i64| usize::try_from(number(name).unwrap_or(default)).unwrap_or(0);
    let listed = btcpay.books.invoices.iter().rev().filter(is_listed);
    let page = listed.skip(count("skip", 0)).take(count("take", LISTED));
    page.map(|invoice| shown(ask, invoice)).collect()
}

fn mark_invoice(btcpay: &mut BtcPay, desk: &mut Desk, ask: &Ask) -> Result<Value, Refusal> {
    let status = ask.text("status").ok_or_else(|| Refusal::invalid("status", "No status"))?;
    let invoice = find_invoice(btcpay, ask)?;
    let Some(status) = invoice.markable().into_iter().find(|markable| *markable == status) else {
        let message = "Status can only be marked to invalid or settled within certain conditions.";
        return Err(Refusal { violation: None, ..Refusal::invalid("status", message) });
    };
    let id = invoice.id.clone();
    btcpay.books.mark(desk, &id, status);
    Ok(objects::invoice(find_invoice(btcpay, ask)?, &ask.base_url))
}

fn refund_invoice(btcpay: &mut BtcPay, desk: &mut Desk, ask: &Ask) -> Result<Value, Refusal> {
    let invoice = find_invoice(btcpay, ask)?;
    if !invoice.is_refundable() {
        return Err(Refusal::of_state(400, "non-refundable", "Cannot refund this invoice"));
    }
    let wanted = ask.fields.get("payoutMethods").and_then(Value::as_array);
    let is_known = |name: &Value| invoice.methods.iter().any(|known| name == *known);
    if wanted.is_some_and(|wanted| wanted.is_empty() || !wanted.iter().all(is_known)) {
        let message =
            "Please select one of the payment methods which were available for the original invoice";
        return Err(Refusal::invalid("payoutMethods", message));
    }
    let method = wanted.and_then(|wanted| wanted[0].as_str()).unwrap_or(ON_CHAIN).to_owned();
    if ask.text("name").is_some_and(|name| name.chars().count() > PULL_PAYMENT_NAME_CHARS_MAX) {
        return Err(Refusal::invalid("name", "The name should be maximum 50 characters."));
    }
    let (unit, whole) = promise(invoice, ask)?;
    let subtracted = ask.text("subtractPercentage").map_or(Some(0), |text| amounts::read(text, 2));
    let wrong = || Refusal::invalid("subtractPercentage", "Percentage must be between 0 and 100");
    let subtracted = subtracted.filter(|part| *part <= 10_000).ok_or_else(wrong)?;
    let amount = whole - whole * subtracted / 10_000;
    if amount <= 0 {
        return Err(Refusal::invalid("refundVariant", "Nothing to refund"));
    }
    // BTCPay Server would promise it, and the merchant would lose it.
    let paid = invoice.currency.minor(invoice.paid_satoshis());
    let paid = if invoice.additional == "Marked" { paid.max(invoice.amount) } else { paid };
    if unit != Unit::Money(invoice.currency) || btcpay.books.promised(invoice) + amount > paid {
        desk.violation(format!("a refund of {} {}, of {paid} paid", unit.write(amount), unit.code()));
    }
    let default_name = format!("Refund {}", invoice.id);
    let pull = PullPayment {
        id: desk.fresh(),
        invoice: invoice.id.clone(),
        name: ask.text("name").unwrap_or(&default_name).to_owned(),
        description: ask.text("description").unwrap_or_default().to_owned(),
        unit,
        amount,
        method,
        archived: false,
        payouts: vec![],
    };
    let made = objects::pull_payment(&pull, &ask.base_url);
    btcpay.books.pull_payments.push(pull);
    Ok(made)
}

/// What a refund promises, by its variant.
fn promise(invoice: &Invoice, ask: &Ask) -> Result<(Unit, i64), Refusal> {
    let paid = invoice.paid_satoshis();
    let paid_minor = invoice.currency.minor(paid);
    match ask.text("refundVariant").unwrap_or_default() {
        "RateThen" => Ok((Unit::Satoshis, paid)),
        // The rate of this store never moves.
        "CurrentRate" => Ok((Unit::Satoshis, invoice.currency.satoshis(paid_minor))),
        "Fiat" => Ok((Unit::Money(invoice.currency), paid_minor)),
        "OverpaidAmount" if invoice.is_over_paid() => Ok((Unit::Satoshis, paid - invoice.due_satoshis)),
        "OverpaidAmount" => Err(Refusal::invalid("refundVariant", "Invoice is not overpaid")),
        _ => {
            let code = ask.text("customCurrency").unwrap_or_default();
            let wrong = || Refusal::invalid("customCurrency", "Invalid currency");
            let currency: Currency = amounts::currency(code).ok_or_else(wrong)?;
            let amount =
                ask.text("customAmount").and_then(|text| currency.read(text)).filter(|amount| *amount > 0);
            let wrong = || Refusal::invalid("customAmount", "Amount must be greater than 0");
            Ok((Unit::Money(currency), amount.ok_or_else(wrong)?))
        }
    }
}

fn list_pull_payments(btcpay: &BtcPay, ask: &Ask) -> Value {
    let with_archived = ask.flag("includeArchived") == Some(true);
    let listed = btcpay.books.pull_payments.iter().rev().filter(|pull| with_archived || !pull.archived);
    listed.map(|pull| objects::pull_payment(pull, &ask.base_url)).collect()
}
